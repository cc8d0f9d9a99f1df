"""Statements of the hot path: made with SQLAlchemy, run straight on the driver.

SQLAlchemy's execution costs some thirty microseconds per statement, SQLite's own three or four. The
few statements that every message needs are compiled once per dialect, with SQLAlchemy's own
conversions of parameters, and then given to the driver. A server's database is farther away than
that, and gets them through SQLAlchemy like all others. Only for statements with a fixed number of
parameters, and columns of numbers and texts.
"""

from __future__ import annotations

import datetime
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from operator import attrgetter, itemgetter, methodcaller
from typing import Any, NamedTuple, cast

from sqlalchemy import Connection, Date, Insert, Select, Time, Update
from sqlalchemy.sql.compiler import SQLCompiler

from .dialects import is_embedded
from .errors import translate_driver

Row = dict[str, Any]

_CONVERT: dict[type[Any], Callable[[Any], Any]] = {
    Date: datetime.date.isoformat,
    Time: partial(datetime.time.isoformat, timespec="microseconds"),
}
"""What SQLAlchemy makes of these types for SQLite, made by the types themselves, which takes a
twentieth of the time."""


class _Ready(NamedTuple):
    sql: str
    values: Callable[[Mapping[str, Any]], Sequence[Any]]
    """Takes the parameters in the order in which the driver wants them."""
    convert: list[tuple[int, Callable[[Any], Any]]]
    """What must be converted: position and how."""


class Prepared:
    """A statement.

    Args:
        statement: its parameters are ``bindparam``s; of an insert, all columns but the key.
        with_key: whether an insert also gives the columns of the key.
    """

    def __init__(self, statement: Select[Any] | Update | Insert, *, with_key: bool = False) -> None:
        self._statement = statement
        self._ready: dict[str, _Ready] = {}
        self._names: list[str] = []
        self._columns: list[str] | None = None
        if isinstance(statement, Select):
            self._names = [str(column.key) for column in statement.selected_columns]
        if isinstance(statement, Insert):
            key = [] if with_key else list(statement.table.primary_key)
            self._columns = [c.name for c in statement.table.c if c not in key]

    def rows(self, connection: Connection, parameters: Mapping[str, Any]) -> list[Row]:
        """All rows that a select finds.

        Raises:
            StoreError: the database refused; likewise of the other methods.
        """
        names = self._names
        return [dict(zip(names, row, strict=True)) for row in self.tuples(connection, parameters)]

    def tuples(self, connection: Connection, parameters: Mapping[str, Any]) -> list[Any]:
        """As ``rows``, without names."""
        if not is_embedded(connection):
            return list(connection.execute(self._statement, parameters))
        found: list[Any] = self._run(connection, parameters, _FETCH_ALL)
        return found

    def run(self, connection: Connection, parameters: Mapping[str, Any]) -> int:
        """Run an update, or an insert with its key; returns how many rows it concerned."""
        if not is_embedded(connection):
            return connection.execute(self._statement, parameters).rowcount
        return int(self._run(connection, parameters, _COUNT))

    def insert(self, connection: Connection, parameters: Mapping[str, Any]) -> int:
        """Insert a row; returns its key."""
        if not is_embedded(connection):
            made = connection.execute(self._statement, parameters).inserted_primary_key
            assert made is not None  # noqa: S101 - the table has a primary key
            return int(made[0])
        return int(self._run(connection, parameters, _KEY))

    def _run(
        self,
        connection: Connection,
        parameters: Mapping[str, Any],
        result: Callable[[sqlite3.Cursor], Any],
    ) -> Any:
        ready = self._ready.get(connection.dialect.name) or self._prepare(connection)
        values = ready.values(parameters)
        if ready.convert:
            values = [*values]
            for index, convert in ready.convert:
                values[index] = convert(values[index])
        driver = cast(sqlite3.Connection, connection.connection.dbapi_connection)
        try:
            return result(driver.execute(ready.sql, values))
        except Exception as error:
            raise translate_driver(connection, error) from error

    def _prepare(self, connection: Connection) -> _Ready:
        dialect = connection.dialect
        statement = self._statement
        if isinstance(statement, Insert):
            statement = statement.inline()  # the key comes from the cursor
        compiled = statement.compile(dialect=dialect, column_keys=self._columns)
        assert isinstance(compiled, SQLCompiler)  # noqa: S101 - it is a statement
        order = list(compiled.positiontup or ())
        convert: list[tuple[int, Callable[[Any], Any]]] = []
        for index, name in enumerate(order):
            kind = compiled.binds[name].type
            processor = _CONVERT.get(type(kind))
            processor = processor or kind.dialect_impl(dialect).bind_processor(dialect)
            if processor is not None:
                convert.append((index, processor))
        # It returns a value that is alone without a tuple.
        values = itemgetter(*order) if len(order) > 1 else lambda p: [p[name] for name in order]
        ready = _Ready(str(compiled), values, convert)
        self._ready[dialect.name] = ready
        return ready


_FETCH_ALL = methodcaller("fetchall")
_COUNT = attrgetter("rowcount")
_KEY = attrgetter("lastrowid")
