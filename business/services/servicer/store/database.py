"""The database of the service: who reads and writes, and how it is opened.

Embedded SQLite: WAL, ``synchronous=FULL`` (what is acknowledged survives a power cut), transactions
that write begin with BEGIN IMMEDIATE (a transaction that reads first and then writes would fail at
once when another process wrote in between). Several processes may have one file open.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

from sqlalchemy import Connection, Engine, NullPool, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from shared.setting_names import refuse

from .errors import StoreBusy, translate
from .schema import upgrade
from .writer import Writer

T = TypeVar("T")

BUSY_TIMEOUT = 5.0
"""Seconds that a transaction waits for another process's."""

MIGRATION_TIMEOUT = 60.0
"""Seconds that a process waits at start while another one migrates."""

READ_TIMEOUT = 10.0
"""Seconds that a read takes at most, with the wait for a connection."""

DRIVER = "sqlite+aiosqlite"


class Database:
    """Reads and writes of one process.

    Args:
        url: ``sqlite+aiosqlite:///PATH``.

    Raises:
        SettingsError: another kind of URL.
    """

    def __init__(self, url: str) -> None:
        self._text = url
        self._url = _parse(url)
        self._readers: AsyncEngine | None = None
        self._engine: Engine | None = None
        self._writer: Writer | None = None

    async def open(self) -> None:
        """Make the file where there is none, bring its schema up to date, and be ready.

        Raises:
            SettingsError: the file cannot be used.
        """
        await asyncio.to_thread(self._prepare)
        self._engine = _engine(self._url, BUSY_TIMEOUT)
        self._writer = Writer(self._engine)
        self._readers = create_async_engine(self._url, pool_reset_on_return=None)
        event.listen(self._readers.sync_engine, "connect", _connected(BUSY_TIMEOUT))

    async def read(self, query: Callable[[Connection], T]) -> T:
        """Run a function that only reads. It may be called concurrently with writes.

        Raises:
            StoreBusy: not done within ``READ_TIMEOUT``.
            StoreError: the database refused.
        """
        assert self._readers is not None, "open() first"  # noqa: S101
        try:
            async with asyncio.timeout(READ_TIMEOUT), self._readers.connect() as connection:
                return await connection.run_sync(query)
        except TimeoutError:
            raise StoreBusy(f"a read took more than {READ_TIMEOUT} s") from None
        except SQLAlchemyError as error:
            raise translate(error) from error

    async def write(
        self, unit: Callable[[Connection], T], then: Callable[[T], None] | None = None
    ) -> T:
        """Run a unit and commit it, together with others; see ``Writer.write``."""
        assert self._writer is not None, "open() first"  # noqa: S101
        return await self._writer.write(unit, then)

    async def close(self) -> None:
        """Commit what is waiting and close everything. Idempotent."""
        if self._writer is not None:
            await self._writer.close()
        if self._readers is not None:
            await self._readers.dispose()
        if self._engine is not None:
            self._engine.dispose()

    def _prepare(self) -> None:
        path = Path(cast(str, self._url.database))
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            # Dialogues are nobody else's business; SQLite gives its other files the same mode.
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        except OSError as error:
            raise refuse("database.url", self._text, f"is no file: {error.strerror}") from None
        engine = _engine(self._url, MIGRATION_TIMEOUT)
        try:
            with engine.begin() as connection:
                upgrade(connection, self._text)
        except DBAPIError as error:
            raise refuse("database.url", self._text, f"cannot be opened: {error.orig}") from None
        finally:
            engine.dispose()


def _parse(text: str) -> URL:
    try:
        url = make_url(text)
    except ArgumentError:
        raise refuse("database.url", text, "is no SQLAlchemy URL") from None
    if url.drivername != DRIVER:
        shown = url.render_as_string(hide_password=True)
        raise refuse("database.url", shown, f"is not supported; use {DRIVER}:///PATH")
    if not url.database or url.database.startswith((":memory:", "file:")):
        raise refuse("database.url", text, f"should name a file, {DRIVER}:///PATH")
    return url


def _engine(url: URL, busy_timeout: float) -> Engine:
    engine = create_engine(url.set(drivername="sqlite+pysqlite"), poolclass=NullPool)
    event.listen(engine, "connect", _connected(busy_timeout))

    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    event.listen(engine, "begin", begin)
    return engine


def _connected(busy_timeout: float) -> Callable[[Any, Any], None]:
    def connected(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # the driver must not begin transactions by itself
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout = {int(busy_timeout * 1000)}")
        _set_wal(cursor, busy_timeout)
        cursor.execute("PRAGMA synchronous = FULL")
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.close()

    return connected


def _set_wal(cursor: Any, timeout: float) -> None:
    """Set the file's journal mode. SQLite does not wait for other processes in this."""
    deadline = time.monotonic() + timeout
    while True:
        cursor.execute("PRAGMA journal_mode")
        if cursor.fetchone()[0] == "wal":
            return
        try:
            cursor.execute("PRAGMA journal_mode = WAL")
            cursor.fetchone()
        except sqlite3.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)
