"""The database of the service: who reads and writes.

``embedded.py`` is SQLite, ``server.py`` PostgreSQL and MySQL; the setting ``database.url`` decides.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from sqlalchemy import Connection
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from shared.setting_names import refuse

from .backend import Backend
from .embedded import DRIVER as SQLITE
from .embedded import Embedded
from .errors import StoreBusy, translate
from .server import MYSQL, POSTGRESQL, Server
from .writer import Key, Writer

T = TypeVar("T")

READ_TIMEOUT = 10.0
"""Seconds that a read takes at most, with the wait for a connection."""


class Database:
    """Reads and writes of one process.

    Args:
        url: of SQLAlchemy, with one of the three drivers.

    Raises:
        SettingsError: another kind of URL, or its driver is not installed.
    """

    def __init__(self, url: str) -> None:
        self._backend = _backend(url)
        self._writers: list[Writer] = []

    async def open(self) -> None:
        """Be ready. An embedded database is made and brought up to date; a server's must be.

        Raises:
            SettingsError: the database cannot be used.
            StoreBusy: it cannot be reached.
        """
        await self._backend.open()
        self._writers = [Writer(self._backend) for _ in range(self._backend.lanes)]

    async def migrate(self) -> str:
        """Bring the schema up to date; returns what was done, in words. Idempotent.

        Raises:
            SettingsError: the database cannot be used.
            StoreError: it cannot be reached, or refused.
        """
        return await self._backend.migrate()

    async def read(self, query: Callable[[Connection], T]) -> T:
        """Run a function that only reads. It may be called concurrently with writes.

        Raises:
            StoreBusy: not done within ``READ_TIMEOUT``, or the database cannot be reached.
            StoreError: the database refused.
        """
        try:
            async with asyncio.timeout(READ_TIMEOUT):
                return await self._backend.read(query)
        except TimeoutError:
            raise StoreBusy(f"a read took more than {READ_TIMEOUT} s") from None
        except (SQLAlchemyError, OSError) as error:
            raise translate(error) from error

    def write(
        self,
        unit: Callable[[Connection], T],
        then: Callable[[T], None] | None = None,
        key: Key | None = None,
    ) -> Coroutine[Any, Any, T]:
        """Run a unit and commit it, together with others; see ``Writer.write``.

        Args:
            unit: may be run more than once.
            then: called after the commit.
            key: (member, shop) whose rows it locks. Units of one member are committed in the
                order in which they were asked for.
        """
        lane = 0 if key is None else key[0] % len(self._writers)
        return self._writers[lane].write(unit, then, key)

    async def close(self) -> None:
        """Commit what is waiting and close everything. Idempotent."""
        await asyncio.gather(*(writer.close() for writer in self._writers))
        await self._backend.close()


def _backend(text: str) -> Backend:
    try:
        url = make_url(text)
    except ArgumentError:
        raise refuse("database.url", None, "is no SQLAlchemy URL") from None
    if url.drivername == SQLITE:
        return Embedded(url)
    if url.drivername in (POSTGRESQL, MYSQL):
        return Server(url)
    shown = url.render_as_string(hide_password=True)
    use = f"use {SQLITE}:///PATH, {POSTGRESQL}://... or {MYSQL}://..."
    raise refuse("database.url", shown, f"is not supported; {use}")
