"""A shop whose database is read: NiuShop on MySQL, MariaDB, PostgreSQL or SQLite. Never written."""

from __future__ import annotations

import asyncio
import math
import urllib.parse
from collections.abc import Callable, Collection, Mapping
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection
from sqlalchemy.engine import URL
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from shared.errors import SettingsError
from shared.setting_names import refuse

from ..store.embedded import DRIVER as SQLITE
from ..store.errors import is_denied, is_passing, reason
from ..store.server import CONNECT_TIMEOUT, EXTRAS, MYSQL, POSTGRESQL, RECYCLE
from . import queries
from .errors import BadAnswer, ShopDown
from .interface import (
    Bought,
    Browsed,
    Found,
    Goods,
    GoodsFilter,
    Member,
    Order,
    OrderFilter,
    Site,
    Sku,
    Slice,
)
from .tables import Missing, Tables

T = TypeVar("T")

DRIVERS = (MYSQL, POSTGRESQL, SQLITE)

CONNECTIONS = 4
"""Of one process."""

LISTS = 2
"""Those of them that lists may take, which are slow in large shops: the rest is for names."""


class SqlShop:
    """See ``interface.Shop``.

    Args:
        url: of its database.
        prefix: of the names of its tables.
        timeout: seconds after which the server ends a query that nobody waits for any more.

    Raises:
        SettingsError: the driver is not installed, or the URL cannot be used.
    """

    def __init__(self, url: URL, prefix: str, timeout: float) -> None:
        self._text = url.render_as_string(hide_password=True)
        self._prefix = prefix
        if not url.database:
            raise refuse("shop.url", self._text, "names no database")
        if url.drivername == SQLITE and not Path(url.database).is_file():
            raise refuse("shop.url", self._text, "names no file")
        self._engine = _engine(url, self._text, timeout)
        self._tables: Tables | None = None
        self._lists = asyncio.Semaphore(LISTS)

    async def open(self) -> None:
        """See ``Shop``: look which tables and columns there are."""
        try:
            async with self._engine.connect() as connection:
                self._tables = await connection.run_sync(Tables, self._prefix)
        except Missing as error:
            line = f"{error} (shop.prefix = {self._prefix!r})"
            raise refuse("shop.url", self._text, line) from None
        except (SQLAlchemyError, OSError) as error:
            if is_passing(error) and not is_denied(error):
                raise ShopDown(reason(error)) from error
            does = "does not let us in" if is_denied(error) else "cannot be used"
            raise refuse("shop.url", self._text, f"{does}: {reason(error)}") from None

    async def site(self, site_id: int) -> Site | None:
        """See ``Shop``."""
        return await self._read(partial(queries.site, site_id=site_id))

    async def member(self, member_id: int) -> Member | None:
        """See ``Shop``."""
        return (await self.members([member_id])).get(member_id)

    async def members(self, member_ids: Collection[int]) -> Mapping[int, Member]:
        """See ``Shop``."""
        return await self._read(partial(queries.members, ids=member_ids))

    async def skus(self, sku_ids: Collection[int]) -> Mapping[int, Sku]:
        """See ``Shop``."""
        return await self._read(partial(queries.skus, ids=sku_ids))

    async def orders(self, order_ids: Collection[int]) -> Mapping[int, Order]:
        """See ``Shop``."""
        return await self._read(partial(queries.orders, ids=order_ids))

    async def goods(self, site_id: int, wanted: GoodsFilter, part: Slice) -> Found[Goods]:
        """See ``Shop``."""
        return await self._list(partial(queries.goods, site_id=site_id, wanted=wanted, part=part))

    async def browsed(self, site_id: int, member_id: int, text: str, part: Slice) -> Found[Browsed]:
        """See ``Shop``."""
        return await self._list(
            partial(queries.browsed, site_id=site_id, member_id=member_id, text=text, part=part)
        )

    async def bought(self, site_id: int, member_id: int, text: str, part: Slice) -> Found[Bought]:
        """See ``Shop``."""
        return await self._list(
            partial(queries.bought, site_id=site_id, member_id=member_id, text=text, part=part)
        )

    async def orders_of(
        self, site_id: int, member_id: int, wanted: OrderFilter, part: Slice
    ) -> Found[Order]:
        """See ``Shop``."""
        return await self._list(
            partial(
                queries.orders_of, site_id=site_id, member_id=member_id, wanted=wanted, part=part
            )
        )

    async def close(self) -> None:
        """See ``Shop``."""
        await self._engine.dispose()

    async def _list(self, query: Callable[[Connection, Tables], T]) -> T:
        async with self._lists:
            return await self._read(query)

    async def _read(self, query: Callable[[Connection, Tables], T]) -> T:
        """Run a query.

        Raises:
            ShopDown: the database cannot be reached.
            BadAnswer: it is not what it was, or holds what it should not.
        """
        try:
            if self._tables is None:
                await self.open()
            assert self._tables is not None  # noqa: S101 - else open has raised
            async with self._engine.connect() as connection:
                return await connection.run_sync(query, self._tables)
        except SettingsError as error:
            raise BadAnswer(str(error)) from None
        except ValueError as error:
            raise BadAnswer(f"a value {error}") from None
        except (SQLAlchemyError, OSError) as error:
            if is_passing(error):
                raise ShopDown(reason(error)) from error
            raise BadAnswer(reason(error)) from error


def _engine(url: URL, shown: str, timeout: float) -> AsyncEngine:
    seconds = math.ceil(timeout)
    arguments: dict[str, Any] = {}
    if url.drivername == SQLITE:
        path = urllib.parse.quote(str(Path(url.database or "").absolute()))
        url = url.set(database=f"file:{path}", query={"mode": "ro", "uri": "true"})
        arguments = {"timeout": timeout}
    elif url.drivername == MYSQL:
        url = url.update_query_dict({"charset": "utf8mb4"})
        # The names of these variables differ between MariaDB and MySQL, and between versions.
        session = (
            "SET SESSION autocommit = 1"
            f" /*M!100101 , SESSION tx_read_only = 1, SESSION max_statement_time = {seconds} */"
            " /*!50720 , SESSION transaction_read_only = 1,"
            f" SESSION max_execution_time = {seconds * 1000} */"
        )
        arguments = {
            "connect_timeout": CONNECT_TIMEOUT,
            "read_timeout": seconds + CONNECT_TIMEOUT,
            "init_command": session,
        }
    else:
        settings = {
            "default_transaction_read_only": "on",
            "statement_timeout": f"{seconds}s",
        }
        arguments = {"timeout": CONNECT_TIMEOUT, "server_settings": settings}
    pool = {"pool_size": CONNECTIONS, "max_overflow": 0, "pool_recycle": RECYCLE}
    try:
        return create_async_engine(
            url,
            isolation_level="AUTOCOMMIT",
            pool_pre_ping=True,
            connect_args=arguments,
            **pool,
        )
    except ImportError:
        line = f"needs a driver that is not installed: pip install 'kefu[{EXTRAS[url.drivername]}]'"
        raise refuse("shop.url", shown, line) from None
    except (TypeError, ValueError, SQLAlchemyError) as error:
        raise refuse("shop.url", shown, f"cannot be used: {reason(error)}") from None
