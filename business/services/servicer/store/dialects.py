"""Where the databases differ for those who write units."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import mysql, postgresql

_END = "kefu_ends_batch"


def is_embedded(connection: Connection) -> bool:
    """Whether a transaction has the whole database to itself, so that there is nothing to lock."""
    return connection.dialect.name == "sqlite"


def insert_if_missing(connection: Connection, table: Table, values: Mapping[str, Any]) -> None:
    """Insert a row unless one with the same unique key is there, also of a transaction that has
    not ended: that one is waited for."""
    if connection.dialect.name == "mysql":
        key = next(iter(table.primary_key))
        query = mysql.insert(table).values(**values)
        connection.execute(query.on_duplicate_key_update({key.name: key}))
    else:
        connection.execute(postgresql.insert(table).values(**values).on_conflict_do_nothing())


def end_batch(connection: Connection) -> None:
    """Have the batch committed after this unit: it has locked what units of all keys may want."""
    connection.info[_END] = True


def ends_batch(connection: Connection) -> bool:
    """Whether a unit of this batch has asked for its end."""
    return _END in connection.info


def forget_end_of_batch(connection: Connection) -> None:
    """A batch begins."""
    connection.info.pop(_END, None)
