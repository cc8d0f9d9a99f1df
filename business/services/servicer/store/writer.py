"""The group commit: writes that are asked for at the same time become durable together.

A write is a *unit*: a plain function of a connection that does everything one request has to do
(assignment, pair, message). Units that were asked for while the last batch was being committed are
the next batch: one transaction, each unit in a savepoint, so that one that fails fails alone. The
more there is to do, the larger the batches, and the cost of an fsync is shared by all of them.

Units run in one thread of their own, straight on the driver: through an asyncio driver every
statement would hop between threads several times, which costs twenty times what the statement does.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar, cast

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from .errors import StoreBusy, StoreError, translate

log = logging.getLogger(__name__)

T = TypeVar("T")

MAX_BATCH = 256
"""Units per transaction: bounds how long the other processes wait for the database."""

MAX_WAITING = 10_000
"""Units that may wait; more are refused (``StoreBusy``), because nobody would wait that long."""


Unit = Callable[[Connection], Any]
_Entry = tuple[Unit, Callable[[Any], None] | None, "asyncio.Future[Any]"]
_Outcome = tuple[bool, Any]
"""Whether the unit succeeded, and its result or error."""


class Writer:
    """Runs units in batches, on one connection.

    Args:
        engine: a SQLite engine whose transactions begin with BEGIN IMMEDIATE.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="store-writer")
        self._connection: Connection | None = None
        self._waiting: deque[_Entry] = deque()
        self._idle = asyncio.Event()
        self._idle.set()
        self._closed = False

    async def write(self, unit: Callable[[Connection], T], then: Callable[[T], None] | None) -> T:
        """Run a unit and commit it.

        Args:
            unit: must touch nothing but the connection: it runs in another thread.
            then: called on the event loop with the result once it is committed, in the order of
                the commits, and also if nobody waits for it any more.

        Returns:
            What the unit returned.

        Raises:
            StoreBusy: too much is waiting, or the database was locked for too long.
            StoreError: the database refused.
            Exception: what the unit raised; nothing of it is stored.
        """
        if self._closed:
            raise StoreError("the store is closed")
        if len(self._waiting) >= MAX_WAITING:
            raise StoreBusy(f"{MAX_WAITING} writes are waiting")
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Any] = loop.create_future()
        self._waiting.append((unit, cast("Callable[[Any], None] | None", then), future))
        if self._idle.is_set():
            self._idle.clear()
            # Not at once: what else is asked for in this turn of the loop comes along.
            loop.call_soon(self._next)
        return cast(T, await future)

    async def close(self) -> None:
        """Commit what is waiting, then let the thread and the connection go. Idempotent."""
        self._closed = True
        await self._idle.wait()
        if self._connection is not None:
            await asyncio.get_running_loop().run_in_executor(self._executor, self._connection.close)
            self._connection = None
        self._executor.shutdown(wait=False)

    def _next(self) -> None:
        batch = [self._waiting.popleft() for _ in range(min(MAX_BATCH, len(self._waiting)))]
        if not batch:
            self._idle.set()
            return
        units = [unit for unit, _, _ in batch]
        running = asyncio.get_running_loop().run_in_executor(self._executor, self._commit, units)
        running.add_done_callback(lambda done: self._committed(batch, done))

    def _committed(self, batch: list[_Entry], done: asyncio.Future[list[_Outcome]]) -> None:
        error = done.exception()
        outcomes = [(False, error)] * len(batch) if error is not None else done.result()
        for (_, then, future), (succeeded, result) in zip(batch, outcomes, strict=True):
            if succeeded and then is not None:
                try:
                    then(result)
                except Exception:
                    log.exception("what follows a commit failed")
            if not future.done():
                if succeeded:
                    future.set_result(result)
                else:
                    future.set_exception(result)
        self._next()

    # In the thread

    def _commit(self, units: list[Unit]) -> list[_Outcome]:
        try:
            if self._connection is None:
                self._connection = self._engine.connect()
            with self._connection.begin():
                return self._run(self._connection, units)
        except SQLAlchemyError as error:
            raise translate(error) from error

    def _run(self, connection: Connection, units: list[Unit]) -> list[_Outcome]:
        driver = cast(sqlite3.Connection, connection.connection.driver_connection)
        outcomes: list[_Outcome] = []
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
            driver.execute("RELEASE unit")
        return outcomes
