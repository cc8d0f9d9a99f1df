"""What goes wrong with the database, in our own words."""

from __future__ import annotations

import sqlite3

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from shared.errors import KefuError


class StoreError(KefuError):
    """The database did not do what was asked; nothing of it was stored."""


class StoreBusy(StoreError):
    """The database is locked, or more is asked of it than it can do."""


def translate(error: SQLAlchemyError) -> StoreError:
    """The error of ours for one of SQLAlchemy's."""
    original = getattr(error, "orig", None)
    return _translate(original) if original is not None else StoreError(str(error))


def translate_driver(connection: Connection, error: Exception) -> Exception:
    """The error of ours for one of the driver's; any other as it is."""
    return _translate(error) if isinstance(error, connection.dialect.loaded_dbapi.Error) else error


def _translate(error: BaseException) -> StoreError:
    if isinstance(error, sqlite3.OperationalError) and "locked" in str(error):
        return StoreBusy("the database is locked")
    return StoreError(str(error))
