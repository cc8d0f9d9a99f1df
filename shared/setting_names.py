"""How a setting is named in the file, in the environment and on the command line.

Apart from ``settings.py`` so that processes which do without pydantic can refuse a setting too.
"""

from __future__ import annotations

from .errors import SettingsError

FILE = "kefu.toml"
"""Settings file looked for in the working directory where ``--config`` is not given."""

PREFIX = "KEFU_"


def environment_name(name: str) -> str:
    """``gateway.port`` as environment variable: ``KEFU_GATEWAY__PORT``."""
    return PREFIX + name.replace(".", "__").upper()


def flag(name: str) -> str:
    """``gateway.port`` on the command line: ``--gateway.port``."""
    return f"--{name}"


def how_to_set(name: str) -> str:
    """The three ways to set ``name``, for messages."""
    return f"{name} in {FILE}, {environment_name(name)} or {flag(name)}"


def refuse(name: str, value: object, reason: str, source: str = "") -> SettingsError:
    """The one-line error for a setting that cannot be used.

    Args:
        name: dotted name, such as ``gateway.port``.
        value: what it is set to. A secret must not be passed; pass None, and none is shown.
        reason: what is wrong with it, without a full stop.
        source: where the value came from, where known.
    """
    shown = "" if value is None else f" = {value!r}"
    origin = f" (from {source})" if source else ""
    line = f"{name}{shown}{origin}: {reason}; set {how_to_set(name)}"
    return SettingsError(" ".join(line.split()))
