"""What goes wrong with the database, in our own words."""

from __future__ import annotations

import sqlite3

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from shared.errors import KefuError


class StoreError(KefuError):
    """The database did not do what was asked; nothing of it was stored."""


class StoreBusy(StoreError):
    """The database is locked or cannot be reached, or more is asked of it than it can do."""


_PASSING_STATES = ("08", "40001", "40P01", "53300", "55P03", "57P01", "57P02", "57P03")
"""Beginnings of PostgreSQL's SQLSTATEs of what may be otherwise at the next try: connection lost,
serialization failure, deadlock, too many connections, lock not available, shutdown, starting up."""

_PASSING_CODES = frozenset({1040, 1053, 1205, 1213, 1927, 2002, 2003, 2006, 2013, 2055, 4031})
"""The same of MySQL and MariaDB."""

_DENIED_STATES = ("28", "3D000", "42501")
_DENIED_CODES = frozenset({1044, 1045, 1049, 1698})


def translate(error: BaseException) -> StoreError:
    """The error of ours for one of SQLAlchemy's, of a driver's or of the network's."""
    original = getattr(error, "orig", None) or error
    if isinstance(original, sqlite3.OperationalError) and "locked" in str(original):
        return StoreBusy("the database is locked")
    if is_passing(error):
        return StoreBusy(f"the database cannot be reached, or is busy: {reason(error)}")
    return StoreError(reason(error))


def translate_driver(connection: Connection, error: Exception) -> Exception:
    """The error of ours for one of the driver's; any other as it is."""
    is_drivers = isinstance(error, connection.dialect.loaded_dbapi.Error)
    return translate(error) if is_drivers else error


def is_passing(error: BaseException) -> bool:
    """Whether the same may succeed when it is tried again, and nothing of it was stored now."""
    if isinstance(error, OSError):  # also TimeoutError
        return True
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return True
    original = getattr(error, "orig", None) or error
    return _state(original).startswith(_PASSING_STATES) or _code(original) in _PASSING_CODES


def is_denied(error: BaseException) -> bool:
    """Whether the server does not let us in: user, password, or no such database."""
    original = getattr(error, "orig", None) or error
    return _state(original).startswith(_DENIED_STATES) or _code(original) in _DENIED_CODES


def reason(error: BaseException) -> str:
    """What the database or the network says, in one line."""
    original = getattr(error, "orig", None) or error
    text = str(original).strip() or type(original).__name__
    return " ".join(text.split())


def _state(original: BaseException) -> str:
    state = getattr(original, "sqlstate", None)
    return state if isinstance(state, str) else ""


def _code(original: BaseException) -> int:
    code = original.args[0] if original.args else 0
    return code if isinstance(code, int) else 0
