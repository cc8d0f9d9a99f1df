"""Commands that services add to ``start_business.py``.

A service may have a ``commands.py`` with ``COMMANDS``: a dict of ``Command`` by name, lower-case
words with hyphens. ``start_business.py [flags] NAME [WORD ...]`` then reads and checks the settings
and runs it in a process of its own, whether the business processes run or not. Nothing of the
services is loaded for the commands that every installation has.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from shared.errors import SettingsError

if TYPE_CHECKING:
    from shared.settings import Settings


class Command(NamedTuple):
    """A command.

    Args:
        run: gets the settings and the words after the name, returns the exit code. What it raises
            of ``KefuError`` is shown as a line.
        every: of several services that have it, run that of each; otherwise who means one must
            name it with ``--only``.
    """

    run: Callable[[Settings, list[str]], int]
    every: bool = False


def run(name: str, words: Sequence[str], settings: Settings) -> int:
    """Run a command of the services that ``business.only`` and ``business.services`` choose.

    Args:
        name: of the command.
        words: what follows it.
        settings: all settings.

    Returns:
        The exit code, of the first that failed.

    Raises:
        SettingsError: there is no such command, or it is not clear whose is meant.
        ServiceError: a service's commands cannot be loaded.
    """
    from .loader import load_commands  # it brings much that other commands do without

    found = load_commands(settings.business.services, settings.business.only)
    having = {service: commands[name] for service, commands in found.items() if name in commands}
    if not having:
        known = sorted({known for commands in found.values() for known in commands})
        raise SettingsError(
            f"{name}: there is no such command; services have: {', '.join(known) or 'none'}"
        )
    if len(having) > 1 and not all(command.every for command in having.values()):
        raise SettingsError(f"{name}: say whose with --only: {', '.join(sorted(having))}")
    codes = [command.run(settings, list(words)) for command in having.values()]
    return next((code for code in codes if code), 0)
