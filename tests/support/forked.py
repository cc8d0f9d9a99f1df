"""Commands of ``start_business.py`` in processes of their own that need not load anything first.

A command of a service takes a second to load what it needs, and much less to do its work. Here
processes are forked off one that has loaded it once, which has no threads and no event loop. What
the script itself does beside calling ``cli.main`` is not tried by this.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from .timing import TIMEOUT

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(
    [
        "__main__",
        "argon2",
        "asyncmy",
        "business.services.servicer.commands",
        "shared.cli",
        "sqlalchemy.dialects.mysql.asyncmy",
        "sqlalchemy.dialects.postgresql.asyncpg",
        "sqlalchemy.dialects.sqlite.aiosqlite",
        "tests.support.forked",
    ]
)


async def business(
    arguments: Sequence[str], directory: Path, environment: Mapping[str, str], text: str = ""
) -> tuple[int, str]:
    """Run a command as ``start_business.py`` does; returns the exit code and what it printed.

    Args:
        arguments: flags, command and words.
        directory: where it runs.
        environment: all of it.
        text: standard input.
    """
    return await asyncio.to_thread(_run, list(arguments), directory, dict(environment), text)


def _run(
    arguments: list[str], directory: Path, environment: dict[str, str], text: str
) -> tuple[int, str]:
    with tempfile.TemporaryDirectory() as folder:
        given, printed = Path(folder, "in"), Path(folder, "out")
        given.write_text(text)
        process = _CONTEXT.Process(
            target=_main, args=(arguments, str(directory), environment, str(given), str(printed))
        )
        process.start()
        process.join(6 * TIMEOUT)
        process.kill()
        assert process.exitcode is not None, "it took too long"
        return process.exitcode, printed.read_text()


def _main(
    arguments: list[str], directory: str, environment: dict[str, str], given: str, printed: str
) -> None:
    from business import commands
    from shared import cli

    os.chdir(directory)
    os.environ.clear()
    os.environ.update(environment)
    # Not the descriptors alone: multiprocessing has put something else in the place of stdin.
    sys.stdin = open(given)  # noqa: PTH123
    with open(printed, "w", buffering=1) as out:  # noqa: PTH123
        os.dup2(out.fileno(), 1)
        os.dup2(out.fileno(), 2)
        sys.exit(cli.main("business", arguments, others=commands.run))
