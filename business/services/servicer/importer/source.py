"""The database of a NiuShop, read in pages of bounded size and never written to."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    String,
    TableClause,
    cast,
    column,
    func,
    inspect,
    select,
    table,
)
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from shared.errors import SettingsError

from ..store.errors import is_denied, is_passing, reason
from ..store.server import CONNECT_TIMEOUT, EXTRAS, MYSQL

Row = dict[str, Any]

PAGE = 1000
"""Rows that are read at once."""

READ_TIMEOUT = 120
"""Seconds that a page or a count takes at most."""

AGENTS_MODULE = "servicer"
"""``app_module`` of the accounts and groups of agents."""

NEEDED = {
    "user": {"uid", "app_module", "username", "password"},
    "servicer": {"id", "user_id", "shop_id"},
    "servicer_member": {"id", "member_id", "servicer_id"},
    "servicer_dialogue": {
        "id",
        "member_id",
        "servicer_id",
        "shop_id",
        "create_day",
        "create_time",
        "content_type",
        "type",
        "consumer_say",
        "servicer_say",
    },
}
"""Tables and columns without which it is no NiuShop with the servicer addon."""

OPTIONAL = ("servicer_keyword_reply", "servicer_fast_reply", "group")
"""Tables of some versions."""


class Source:
    """A NiuShop's database.

    Args:
        address: ``mysql+asyncmy://user:password@host/name``; ``mysql://`` means the same.
        password: in place of that of the address; None: there is none but that.
        prefix: of the names of its tables.

    Raises:
        SettingsError: it is no such address, or the driver is not installed.
    """

    def __init__(self, address: str, password: str | None, prefix: str) -> None:
        url = parse(address)
        if password is not None:
            url = url.set(password=password)
        self._shown = url.render_as_string(hide_password=True)
        self._prefix = prefix
        self._columns: dict[str, set[str]] = {}
        self._engine = self._make_engine(url)

    async def open(self) -> None:
        """See what is there.

        Raises:
            SettingsError: it cannot be reached, or it is not what it should be.
        """
        try:
            async with self._engine.connect() as connection:
                await connection.run_sync(self._look)
        except (SQLAlchemyError, OSError) as error:
            raise SettingsError(f"import: {self._shown} {_trouble(error)}") from None

    async def count(self, name: str) -> int:
        """How many rows a table has; 0 where there is no such table."""
        if name not in self._columns:
            return 0
        query = select(func.count().label("found")).select_from(self._table(name))
        return int((await self._read(query))[0]["found"])

    async def highest(self, name: str, key: str) -> int:
        """The greatest key of a table; 0 where it has no row."""
        greatest: ColumnElement[Any] = func.max(column(key))
        found = await self._read(select(greatest.label("found")).select_from(self._table(name)))
        return int(found[0]["found"] or 0)

    async def pages(
        self,
        name: str,
        key: str,
        columns: Collection[str],
        *,
        texts: Collection[str] = (),
        equal: Mapping[str, Any] | None = None,
    ) -> AsyncIterator[list[Row]]:
        """All rows of a table in the order of a key, ``PAGE`` at a time.

        Args:
            name: without the prefix. A table that is not there has no rows.
            key: its primary key, a number.
            columns: which are wanted; those that this version does not have are left out.
            texts: those of them that are wanted as the server writes them: dates that are none.
            equal: values that columns have; one that is not there has every value.

        Raises:
            SettingsError: it cannot be read any more.
        """
        if name not in self._columns:
            return
        there = [column for column in columns if column in self._columns[name]]
        wanted: list[ColumnElement[Any]] = [
            cast(column(c), String).label(c) if c in texts else column(c) for c in (key, *there)
        ]
        query = select(*wanted).select_from(self._table(name)).order_by(column(key)).limit(PAGE)
        for other, value in (equal or {}).items():
            if other in self._columns[name]:
                query = query.where(column(other) == value)
        last: int | None = None
        while True:
            part = query if last is None else query.where(column(key) > last)
            rows = await self._read(part)
            if not rows:
                return
            last = rows[-1][key]
            yield rows

    async def close(self) -> None:
        """Let the connections go."""
        await self._engine.dispose()

    async def _read(self, query: Select[Any]) -> list[Row]:
        try:
            async with self._engine.connect() as connection:
                return [dict(row) for row in (await connection.execute(query)).mappings()]
        except (SQLAlchemyError, OSError) as error:
            raise SettingsError(f"import: {self._shown} {_trouble(error)}") from None

    def _make_engine(self, url: URL) -> AsyncEngine:
        arguments = {
            "connect_timeout": CONNECT_TIMEOUT,
            "read_timeout": READ_TIMEOUT,
            "init_command": "SET SESSION TRANSACTION READ ONLY",
        }
        try:
            return create_async_engine(
                url, isolation_level="AUTOCOMMIT", pool_size=1, connect_args=arguments
            )
        except ImportError:
            line = f"needs a driver that is not installed: pip install 'kefu[{EXTRAS[MYSQL]}]'"
            raise SettingsError(f"import: {self._shown} {line}") from None
        except (TypeError, ValueError, SQLAlchemyError) as error:
            raise SettingsError(f"import: {self._shown} cannot be used: {reason(error)}") from None

    def _look(self, connection: Connection) -> None:
        there = inspect(connection)
        tables = set(there.get_table_names())
        for name in (*NEEDED, *OPTIONAL):
            if self._prefix + name in tables:
                columns = there.get_columns(self._prefix + name)
                self._columns[name] = {str(found["name"]) for found in columns}
        for name, needed in NEEDED.items():
            if name not in self._columns:
                raise SettingsError(self._missing(f"no table {self._prefix}{name}", tables))
            if lacking := needed - self._columns[name]:
                what = f"no column {sorted(lacking)[0]} in {self._prefix}{name}"
                raise SettingsError(self._missing(what, tables))

    def _missing(self, what: str, tables: Collection[str]) -> str:
        ending = "servicer_dialogue"
        others = sorted({t.removesuffix(ending) for t in tables if t.endswith(ending)})
        hint = f"; it may be prefix={others[0]}" if others and self._prefix not in others else ""
        return f"import: {self._shown} has {what} (prefix={self._prefix}){hint}"

    def _table(self, name: str) -> TableClause:
        return table(self._prefix + name)


def parse(address: str) -> URL:
    """The URL of a source.

    Raises:
        SettingsError: it is none of MySQL or MariaDB.
    """
    try:
        url = make_url(address)
    except (ArgumentError, ValueError):
        raise SettingsError("import: from= is no URL") from None
    if url.drivername not in ("mysql", MYSQL) or not url.host or not url.database:
        shown = url.render_as_string(hide_password=True)
        raise SettingsError(f"import: {shown} should be {MYSQL}://USER@HOST/NAME")
    return url.set(drivername=MYSQL).update_query_dict({"charset": "utf8mb4"})


def _trouble(error: BaseException) -> str:
    if is_denied(error):
        return f"does not let us in: {reason(error)}"
    does = "cannot be reached" if is_passing(error) else "cannot be read"
    return f"{does}: {reason(error)}"
