"""The group commit: writes that are asked for at the same time become durable together.

A write is a *unit*: a plain function of a connection that does everything one request has to do
(assignment, pair, message). Units that were asked for while the last batch was being committed are
the next batch: one transaction, in which each unit succeeds or fails alone. The more there is to
do, the larger the batches, and the cost of a commit is shared by all of them.
"""

from __future__ import annotations

import asyncio
import dataclasses
import logging
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar, cast

from sqlalchemy import Connection

from .backend import Backend, Outcome, Unit
from .errors import StoreBusy, StoreError

log = logging.getLogger(__name__)

T = TypeVar("T")

Key = tuple[int, int]
"""What a unit locks first: (member, shop). Units of a batch run in the order of their keys."""

MAX_BATCH = 256
"""Units per transaction: bounds how long others wait for what it has locked."""

MAX_WAITING = 10_000
"""Units that may wait; more are refused (``StoreBusy``), because nobody would wait that long."""


WRITE_TIMEOUT = 12.0
"""Seconds that a write takes at most, with the wait for others. Longer than a statement may."""


@dataclasses.dataclass(eq=False, slots=True)
class _Entry:
    unit: Unit
    then: Callable[[Any], None] | None
    key: Key | None
    future: asyncio.Future[Any]
    deadline: float


class Writer:
    """Runs units in batches, one batch at a time.

    Args:
        backend: open.
    """

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiting: deque[_Entry] = deque()
        self._committing: list[_Entry] = []
        self._timer: asyncio.TimerHandle | None = None
        self._idle = asyncio.Event()
        self._idle.set()
        self._closed = False

    async def write(
        self,
        unit: Callable[[Connection], T],
        then: Callable[[T], None] | None,
        key: Key | None = None,
    ) -> T:
        """Run a unit and commit it.

        Args:
            unit: must touch nothing but the connection: it may run in another thread, and again.
            then: called on the event loop with the result once it is committed, in the order of
                the commits, and also if nobody waits for it any more.
            key: whose rows it locks; None: it is committed by itself where that matters.

        Returns:
            What the unit returned.

        Raises:
            StoreBusy: too much is waiting, or the database is locked or away for too long. Where
                it fell silent in the middle of the transaction, the unit may be stored later.
            StoreError: the database refused.
            Exception: what the unit raised; nothing of it is stored.
        """
        if self._closed:
            raise StoreError("the store is closed")
        if len(self._waiting) >= MAX_WAITING:
            raise StoreBusy(f"{MAX_WAITING} writes are waiting")
        loop = self._loop or asyncio.get_running_loop()
        self._loop = loop
        follow = cast("Callable[[Any], None] | None", then)
        entry = _Entry(unit, follow, key, loop.create_future(), loop.time() + WRITE_TIMEOUT)
        self._waiting.append(entry)
        if self._idle.is_set():
            self._idle.clear()
            # Not at once: what else is asked for in this turn of the loop comes along.
            loop.call_soon(self._next)
        if self._timer is None:  # one for all: to set and unset one takes as long as a statement
            self._timer = loop.call_at(entry.deadline, self._give_up)
        return cast(T, await entry.future)

    def _give_up(self) -> None:
        """Refuse what has waited too long."""
        assert self._loop is not None  # noqa: S101 - it has called
        self._timer = None
        now = self._loop.time()
        for entry in [*self._committing, *self._waiting]:
            if entry.future.done():
                continue
            if entry.deadline > now:
                self._timer = self._loop.call_at(entry.deadline, self._give_up)
                return
            with suppress(ValueError):  # it is being committed
                self._waiting.remove(entry)
            entry.future.set_exception(StoreBusy(f"a write took more than {WRITE_TIMEOUT:g} s"))

    async def close(self) -> None:
        """Commit what is waiting. Idempotent."""
        self._closed = True
        await self._idle.wait()
        if self._timer is not None:
            self._timer.cancel()

    def _next(self) -> None:
        batch = self._take_in_order() if self._backend.by_key else self._take(MAX_BATCH)
        self._committing = batch
        if not batch:
            self._idle.set()
            return
        running = self._backend.commit([entry.unit for entry in batch])
        running.add_done_callback(lambda done: self._committed(batch, done))

    def _take(self, count: int) -> list[_Entry]:
        return [self._waiting.popleft() for _ in range(min(count, len(self._waiting)))]

    def _take_in_order(self) -> list[_Entry]:
        """The units up to the next without a key, in the order of their keys: batches of several
        processes that lock in one order cannot wait for each other in a circle."""
        keyed = 0
        for entry in self._waiting:
            if entry.key is None or keyed == MAX_BATCH:
                break
            keyed += 1
        if not keyed:
            return self._take(1)
        # Stable: units of one conversation stay in the order in which they were asked for.
        return sorted(self._take(keyed), key=lambda entry: cast(Key, entry.key))

    def _committed(self, batch: list[_Entry], done: asyncio.Future[list[Outcome]]) -> None:
        error = done.exception()
        outcomes = [(False, error)] * len(batch) if error is not None else done.result()
        self._waiting.extendleft(reversed(batch[len(outcomes) :]))
        for entry, (succeeded, result) in zip(batch, outcomes, strict=False):
            if succeeded and entry.then is not None:
                try:
                    entry.then(result)
                except Exception:
                    log.exception("what follows a commit failed")
            if not entry.future.done():
                if succeeded:
                    entry.future.set_result(result)
                else:
                    entry.future.set_exception(result)
        self._next()
