"""Embedded SQLite.

WAL, ``synchronous=FULL`` (what is acknowledged survives a power cut), transactions that write begin
with BEGIN IMMEDIATE (a transaction that reads first and then writes would fail at once when another
process wrote in between). Several processes may have one file open; their transactions take turns.

Units run in one thread of their own, and what only reads in a few others, straight on the driver:
through an asyncio driver every statement would hop between threads several times, which costs
twenty times what the statement does.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sqlite3
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar, cast

from sqlalchemy import Connection, Engine, NullPool, QueuePool, create_engine, event
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from shared.setting_names import refuse

from .backend import Outcome, Unit
from .errors import translate
from .memory import Memory
from .schema import upgrade
from .threads import Threads

log = logging.getLogger(__name__)

T = TypeVar("T")

DRIVER = "sqlite+aiosqlite"

BUSY_TIMEOUT = 5.0
"""Seconds that a transaction waits for another process's."""

READERS = 4
"""Threads that read, each with a connection."""

CHECKPOINT_UNITS = 250
CHECKPOINT_PAGES = 3000
"""After so many units what is in the write-ahead log is moved to its place, nearly all of it while
others go on. A commit that finds so many pages in the log does it itself, as SQLite does it after
1000, and all that are asked for meanwhile wait for it: the slowest of a hundred messages took a
sixth longer."""

MIGRATION_TIMEOUT = 60.0
"""Seconds that a process waits at start while another one migrates."""


class Embedded:
    """A file; see ``Backend``.

    Args:
        url: ``sqlite+aiosqlite:///PATH``.

    Raises:
        SettingsError: it names no file.
    """

    lanes = 1
    by_key = False

    def __init__(self, url: URL) -> None:
        self._text = str(url)
        if not url.database or url.database.startswith((":memory:", "file:")):
            raise refuse("database.url", self._text, f"should name a file, {DRIVER}:///PATH")
        self._url = url
        self._readers: Engine | None = None
        self._engine: Engine | None = None
        self._connection: Connection | None = None
        self._memory: Memory | None = None
        self._since_checkpoint = 0
        self._checkpoint: asyncio.Task[None] | None = None
        self._writing = Threads(1, "store-writer")
        self._reading = Threads(READERS, "store-reader")

    async def open(self) -> None:
        """Make the file where there is none, bring its schema up to date, and be ready."""
        await self.migrate()
        self._engine = _engine(self._url, BUSY_TIMEOUT)
        self._readers = create_engine(
            self._url.set(drivername="sqlite+pysqlite"),
            poolclass=QueuePool,
            pool_size=READERS,
            max_overflow=0,
            pool_reset_on_return=None,
            connect_args={"check_same_thread": False},
        )
        event.listen(self._readers, "connect", _connected(BUSY_TIMEOUT))

    async def migrate(self) -> str:
        """The same without being ready."""
        return await asyncio.to_thread(self._prepare)

    async def read(self, query: Callable[[Connection], T]) -> T:
        """Run a function that only reads, in a thread."""
        return await self._reading.run(self._read, query)

    def commit(self, units: Sequence[Unit]) -> asyncio.Future[list[Outcome]]:
        """Run units in one transaction, in the thread."""
        self._since_checkpoint += len(units)
        if self._since_checkpoint >= CHECKPOINT_UNITS and (
            self._checkpoint is None or self._checkpoint.done()
        ):
            self._since_checkpoint = 0
            self._checkpoint = asyncio.create_task(self._empty_log())
        return self._writing.run(self._commit, units)

    async def close(self) -> None:
        """Let the threads and the connections go."""
        if self._checkpoint is not None:
            await asyncio.wait((self._checkpoint,))
        if self._connection is not None:
            await self._writing.run(Connection.close, self._connection)
            self._connection = None
        self._writing.close()
        self._reading.close()
        if self._readers is not None:
            self._readers.dispose()
        if self._engine is not None:
            self._engine.dispose()

    async def _empty_log(self) -> None:
        """Move what is in the log to its place: nearly all of it beside the commits, then what they
        have added meanwhile between two of them, so that the log begins anew."""
        try:
            await self._reading.run(self._read, _checkpoint)
            if self._connection is not None:
                await self._writing.run(_checkpoint, self._connection)
        except (SQLAlchemyError, sqlite3.Error) as error:
            log.warning("checkpoint: %s", error)

    # In a thread

    def _read(self, query: Callable[[Connection], T]) -> T:
        assert self._readers is not None, "open() first"  # noqa: S101
        with self._readers.connect() as connection:
            return query(connection)

    def _prepare(self) -> str:
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
                return upgrade(connection, self._text)
        except DBAPIError as error:
            raise refuse("database.url", self._text, f"cannot be opened: {error.orig}") from None
        finally:
            engine.dispose()

    def _commit(self, units: Sequence[Unit]) -> list[Outcome]:
        assert self._engine is not None, "open() first"  # noqa: S101
        try:
            if self._connection is None:
                self._connection = self._engine.connect()
                self._memory = Memory(self._connection)
            connection, memory = self._connection, self._memory
            assert memory is not None  # noqa: S101 - made with the connection
            driver = _driver_of(connection)
            try:
                driver.execute("BEGIN IMMEDIATE")
                try:
                    memory.begin(driver.execute("PRAGMA data_version").fetchone()[0])
                    outcomes = _run_all(connection, memory, units)
                except _UnitFailed:
                    # Seldom: savepoints cost as much as the statements of a unit.
                    driver.rollback()
                    memory.forget()
                    driver.execute("BEGIN IMMEDIATE")
                    outcomes = _run_each(connection, memory, units)
                driver.commit()
                return outcomes
            except BaseException:
                memory.forget()
                raise
            finally:
                driver.rollback()  # what has failed
                if connection.in_transaction():  # where a unit has used SQLAlchemy
                    connection.rollback()
        except (SQLAlchemyError, sqlite3.Error) as error:
            raise translate(error) from error


class _UnitFailed(Exception):
    """At least one of a batch, which is run again so that it fails alone."""


def _driver_of(connection: Connection) -> sqlite3.Connection:
    return cast(sqlite3.Connection, connection.connection.driver_connection)


def _checkpoint(connection: Connection) -> None:
    # As far as it goes without waiting for anybody.
    _driver_of(connection).execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()


def _run_all(connection: Connection, memory: Memory, units: Sequence[Unit]) -> list[Outcome]:
    outcomes: list[Outcome] = []
    for unit in units:
        try:
            outcomes.append((True, memory.run(unit, connection)))
        except Exception as error:
            raise _UnitFailed from error
    return outcomes


def _run_each(connection: Connection, memory: Memory, units: Sequence[Unit]) -> list[Outcome]:
    """Each in a savepoint."""
    driver = _driver_of(connection)
    outcomes: list[Outcome] = []
    for unit in units:
        driver.execute("SAVEPOINT unit")
        try:
            result = unit(connection)
        except Exception as error:
            if not driver.in_transaction:
                # A full disk or an I/O error: SQLite gave up the whole transaction.
                raise
            driver.execute("ROLLBACK TO unit")
            known = translate(error) if isinstance(error, SQLAlchemyError) else error
            outcomes.append((False, known))
        else:
            outcomes.append((True, result))
        memory.forget()
        driver.execute("RELEASE unit")
    return outcomes


def _engine(url: URL, busy_timeout: float) -> Engine:
    engine = create_engine(url.set(drivername="sqlite+pysqlite"), poolclass=NullPool)
    event.listen(engine, "connect", _connected(busy_timeout))

    def begin(connection: Connection) -> None:
        if not _driver_of(connection).in_transaction:
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
        cursor.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
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
