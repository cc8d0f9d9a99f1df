"""PostgreSQL, and MySQL or MariaDB: a database that business nodes share.

READ COMMITTED: after a lock was waited for, the next statement sees what its last owner committed.
A unit locks its conversation first, and units of one batch lock in the order of their keys, so that
batches of several processes do not wait for each other in a circle. What happens all the same
(deadlocks, serialization failures, lost connections) is tried again as a whole, unless the
connection was lost during the commit: then it may have been stored.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from sqlalchemy import Connection, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from shared.setting_names import refuse

from .backend import Outcome, Unit
from .dialects import ends_batch, forget_end_of_batch
from .errors import StoreBusy, StoreError, is_denied, is_passing, reason, translate
from .schema import check, upgrade
from .tables import VERSION_TABLE

log = logging.getLogger(__name__)

T = TypeVar("T")

POSTGRESQL = "postgresql+asyncpg"
MYSQL = "mysql+asyncmy"

EXTRAS = {POSTGRESQL: "postgres", MYSQL: "mysql"}
"""Which extra of the package brings the driver."""

LANES = 4
"""Connections that write, per process."""

READERS = 8
"""Connections that read, per process."""

RECYCLE = 1800
"""Seconds after which an idle connection is not used again: servers and firewalls drop them."""

TRIES = 4
"""How often a batch is tried in all."""

PAUSE = 0.05
"""Seconds before the second try; the next ones take twice as long each."""

CONNECT_TIMEOUT = 5
LOCK_TIMEOUT = 5
STATEMENT_TIMEOUT = 10
"""Seconds. Longer than that of a lock."""

START_TIMEOUT = 15.0
"""Seconds that a start waits for a database that cannot be reached."""

MIGRATION_TIMEOUT = 60


class Server:
    """A database server; see ``Backend``.

    Args:
        url: with a user, a host and a database.

    Raises:
        SettingsError: the driver is not installed, or the URL cannot be used.
    """

    lanes = LANES
    by_key = True

    def __init__(self, url: URL) -> None:
        self._text = url.render_as_string(hide_password=True)
        if not url.database:
            raise refuse("database.url", self._text, "names no database")
        self._is_mysql = url.drivername == MYSQL
        if self._is_mysql:
            url = url.update_query_dict({"charset": "utf8mb4"})
        self._url = url
        self._engines: list[AsyncEngine] = []
        self._writers = self._engine("READ COMMITTED", LANES, STATEMENT_TIMEOUT)
        self._readers = self._engine("AUTOCOMMIT", READERS, STATEMENT_TIMEOUT)

    async def open(self) -> None:
        """Wait for the server, and see that its schema is the one of this version."""
        await self._arrive()
        async with self._readers.connect() as connection:
            await connection.run_sync(check, self._text)

    async def migrate(self) -> str:
        """Run the migrations that are missing, in one process at a time."""
        await self._arrive()
        engine = self._engine("READ COMMITTED", 1, MIGRATION_TIMEOUT)
        try:
            async with engine.begin() as connection:
                await self._lock_schema(connection)
                if self._is_mysql:
                    # Texts compare alike everywhere: "a" is not "A"; every character can be stored.
                    character_set = "CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"
                    await connection.execute(text(f"ALTER DATABASE {character_set}"))
                return await connection.run_sync(upgrade, self._text)
        except (SQLAlchemyError, OSError) as error:
            raise translate(error) from error
        finally:
            await engine.dispose()  # ends the session, and with it its lock

    async def read(self, query: Callable[[Connection], T]) -> T:
        """Run a function that only reads."""
        async with self._readers.connect() as connection:
            return await connection.run_sync(query)

    def commit(self, units: Sequence[Unit]) -> asyncio.Future[list[Outcome]]:
        """Run units in one transaction."""
        return asyncio.ensure_future(self._commit(units))

    async def close(self) -> None:
        """Let the connections go."""
        for engine in self._engines:
            await engine.dispose()

    def _engine(self, isolation: str, size: int, timeout: int) -> AsyncEngine:
        arguments: dict[str, Any]
        if self._is_mysql:
            # A statement that waits for a lock and a connection that is dead look alike to it.
            arguments = {
                "connect_timeout": CONNECT_TIMEOUT,
                "read_timeout": timeout,
                "init_command": f"SET SESSION innodb_lock_wait_timeout = {LOCK_TIMEOUT}",
            }
        else:
            arguments = {
                "timeout": CONNECT_TIMEOUT,
                "command_timeout": timeout,
                "server_settings": {"lock_timeout": f"{LOCK_TIMEOUT}s"},
            }
        try:
            engine = create_async_engine(
                self._url,
                isolation_level=isolation,
                pool_size=size,
                max_overflow=0,
                pool_pre_ping=True,
                pool_recycle=RECYCLE,
                connect_args=arguments,
            )
        except ImportError:
            extra = EXTRAS[self._url.drivername]
            line = f"needs a driver that is not installed: pip install 'kefu[{extra}]'"
            raise refuse("database.url", self._text, line) from None
        except (TypeError, ValueError, SQLAlchemyError) as error:
            raise refuse("database.url", self._text, f"cannot be used: {reason(error)}") from None
        self._engines.append(engine)
        return engine

    async def _arrive(self) -> None:
        """Connect once, waiting a while for a server that is only starting.

        Raises:
            SettingsError: it does not let us in.
            StoreBusy: it cannot be reached.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + START_TIMEOUT
        is_told = False
        while True:
            try:
                async with self._readers.connect():
                    return
            except Exception as error:
                if is_denied(error):
                    line = f"does not let us in: {reason(error)}"
                    raise refuse("database.url", self._text, line) from None
                if not is_passing(error):
                    line = f"cannot be used: {reason(error)}"
                    raise refuse("database.url", self._text, line) from None
                line = f"the database {self._text} cannot be reached: {reason(error)}"
                if loop.time() > deadline:
                    raise StoreBusy(line) from None
                if not is_told:
                    log.warning("%s; waiting for it", line)
                    is_told = True
            await asyncio.sleep(0.5)

    async def _lock_schema(self, connection: AsyncConnection) -> None:
        name = f"kefu {VERSION_TABLE}"
        if self._is_mysql:
            query = text("SELECT GET_LOCK(CONCAT(DATABASE(), :name), :timeout)")
            found = await connection.execute(query, {"name": name, "timeout": MIGRATION_TIMEOUT})
            if found.scalar() != 1:
                raise StoreBusy("another migration has not ended")
        else:
            await connection.execute(text("SET LOCAL lock_timeout = 0"))
            query = text("SELECT pg_advisory_xact_lock(hashtext(:name))")
            await connection.execute(query, {"name": name})

    # A batch

    async def _commit(self, units: Sequence[Unit]) -> list[Outcome]:
        pause = PAUSE
        for left in reversed(range(TRIES)):
            attempt = _Attempt()
            try:
                async with self._writers.connect() as connection:
                    return await connection.run_sync(attempt.run, units)
            except Exception as error:
                if isinstance(error, StoreError):
                    raise
                if not is_passing(error) or attempt.is_committing or not left:
                    raise translate(error) from error
                log.info("trying a batch again: %s", reason(error))
            # Those who met should not meet again.
            await asyncio.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311
            pause *= 2
        raise AssertionError("unreachable")


class _Attempt:
    """One try of a batch.

    Attributes:
        is_committing: whether COMMIT was sent, so that an error leaves open what became of it.
    """

    def __init__(self) -> None:
        self.is_committing = False

    def run(self, connection: Connection, units: Sequence[Unit]) -> list[Outcome]:
        """Run the units and commit.

        Raises:
            Exception: of the database, nothing of the batch is stored unless ``is_committing``.
        """
        forget_end_of_batch(connection)
        outcomes: list[Outcome] = []
        with connection.begin() as transaction:
            for unit in units:
                outcomes.append(self._run(connection, unit))
                if ends_batch(connection):
                    break
            self.is_committing = True
            transaction.commit()
        return outcomes

    def _run(self, connection: Connection, unit: Unit, *, again: bool = True) -> Outcome:
        savepoint = connection.begin_nested()
        try:
            result = unit(connection)
        except Exception as error:
            is_ours = isinstance(error, SQLAlchemyError)
            if is_ours and is_passing(error):
                raise  # a deadlock or a lost connection ends the whole transaction
            savepoint.rollback()
            if again and isinstance(error, IntegrityError):
                # Somebody else has stored the same row meanwhile: now it can be seen.
                return self._run(connection, unit, again=False)
            return False, translate(error) if is_ours else error
        savepoint.commit()
        return True, result
