"""The commands of one link that are not answered yet, and those that wait for space.

At most ``WINDOW_MESSAGES`` and ``WINDOW_BYTES`` are unanswered; more wait in their order, and raise
at their deadline. Commands are numbered; what was unanswered when the connection broke keeps its
number and is sent again when the same gateway instance is back, which executes none twice.
"""

from __future__ import annotations

import abc
import asyncio
import enum
import logging
from collections import deque
from collections.abc import Awaitable
from typing import Any, NamedTuple

from . import protocol
from .errors import BadArgument, CallFailed, GatewayTimeout, LinkLost

log = logging.getLogger(__name__)

TICK = 0.05
"""Seconds between looks at deadlines while commands are unanswered."""


class LinkState(enum.Enum):
    """Where a link stands. DOWN goes back to CONNECTING by itself; CLOSED is final."""

    CONNECTING = "connecting"
    UP = "up"
    DOWN = "down"
    CLOSED = "closed"


class _Pending(NamedTuple):
    """A command that was sent and not yet answered; ``future`` is None where nobody waits."""

    future: asyncio.Future[Any] | None
    deadline: float
    packed: bytes


# The constructor of a named tuple is a Python function; this is the one below it.
_new_pending = tuple.__new__


class _Parked(NamedTuple):
    """A command that waits for the link, or for space in the window. ``future`` as in _Pending;
    ``queued`` is set once it was sent."""

    future: asyncio.Future[Any] | None
    queued: asyncio.Future[None] | None
    deadline: float
    command: tuple[Any, ...]


class CommandWindow(abc.ABC):
    """The sending half of a link.

    Args:
        address: ``ip:port`` of the gateway, for errors.

    Attributes:
        state: where the link stands; set by the link.
    """

    def __init__(self, address: str) -> None:
        self.address = address
        self.state = LinkState.CONNECTING
        self._loop = asyncio.get_running_loop()
        self._time = self._loop.time
        self._tick: asyncio.TimerHandle | None = None
        # How far the gateway's clock is ahead of ours, seconds; the link keeps it.
        self._clock_offset = 0.0
        self._number = 0
        self._pending: dict[int, _Pending] = {}
        self._pending_bytes = 0
        self._parked: deque[_Parked] = deque()
        self._out: list[bytes] = []
        self._flush_scheduled = False

    def call(self, code: int, service: int, *fields: Any, timeout: float) -> asyncio.Future[Any]:
        """Send a command and get a future of its result.

        Args:
            code: one of the commands of ``protocol``.
            service: index of the service in the pool's list.
            fields: as the protocol's table says, from the fourth on.
            timeout: seconds; the gateway will not execute the command later than that.

        Returns:
            A future of REPLY's value. It raises GatewayTimeout, LinkLost or CallFailed.

        Raises:
            BadArgument: a field cannot be packed.
        """
        future = self._loop.create_future()
        deadline = self._loop.time() + timeout
        if self.state is LinkState.UP and not self._parked and self._has_space():
            self._emit(code, service, fields, future, deadline)
        elif self.state is LinkState.CLOSED:
            future.set_exception(LinkLost(None, [self.address]))
        else:
            self._park(_Parked(future, None, deadline, (code, service, *fields)))
        return future

    def cast(self, code: int, service: int, *fields: Any, timeout: float) -> Awaitable[None] | None:
        """Send a command without waiting for its result; arguments as ``call``.

        Returns:
            None where it was queued at once. Otherwise the window is full, or the link not up, and
            the caller must await what is returned: it is done once the command was queued, and
            raises GatewayTimeout or LinkLost at the deadline.

        Raises:
            BadArgument: a field cannot be packed.
        """
        # The window is looked at here, and not by _has_space: this is where bulk work passes.
        if (
            self.state is LinkState.UP
            and not self._parked
            and len(self._pending) < protocol.WINDOW_MESSAGES
            and self._pending_bytes < protocol.WINDOW_BYTES
        ):
            self._emit(code, service, fields, None, self._time() + timeout)
            return None
        queued: asyncio.Future[None] = self._loop.create_future()
        if self.state is LinkState.CLOSED:
            queued.set_exception(LinkLost(None, [self.address]))
        else:
            deadline = self._loop.time() + timeout
            self._park(_Parked(None, queued, deadline, (code, service, *fields)))
        return queued

    def _has_space(self) -> bool:
        return (
            len(self._pending) < protocol.WINDOW_MESSAGES
            and self._pending_bytes < protocol.WINDOW_BYTES
        )

    def _park(self, parked: _Parked) -> None:
        self._parked.append(parked)
        self._need_tick()

    def _emit(
        self,
        code: int,
        service: int,
        fields: tuple[Any, ...],
        future: asyncio.Future[Any] | None,
        deadline: float,
    ) -> None:
        number = self._number + 1
        # Rounded down, and the offset is a lower bound: never executed after our own deadline.
        clock = int((deadline + self._clock_offset) * 1000)
        signed = number if future is not None else -number
        try:
            packed = protocol.pack((code, signed, clock, service, *fields))
        except (TypeError, ValueError, OverflowError) as error:
            raise BadArgument("message", str(error)) from error
        self._number = number
        self._pending[number] = _new_pending(_Pending, (future, deadline, packed))
        self._pending_bytes += len(packed)
        if self._tick is None:
            self._need_tick()
        self._out.append(packed)
        if not self._flush_scheduled:
            self._schedule_flush()

    def _unpark(self) -> None:
        while self._parked and self._has_space():
            parked = self._parked.popleft()
            waiting = parked.future or parked.queued
            if waiting is None or waiting.done():
                continue
            code, service, *fields = parked.command
            try:
                self._emit(code, service, tuple(fields), parked.future, parked.deadline)
            except BadArgument as error:
                waiting.set_exception(error)
            else:
                if parked.queued is not None:
                    parked.queued.set_result(None)

    def _forget(self, number: int) -> _Pending | None:
        entry = self._pending.pop(number, None)
        if entry is not None:
            self._pending_bytes -= len(entry.packed)
        return entry

    # Deadlines

    def _need_tick(self) -> None:
        if self._tick is None:
            self._tick = self._loop.call_later(TICK, self._on_tick)

    def _on_tick(self) -> None:
        self._tick = None
        now = self._loop.time()
        late = [number for number, entry in self._pending.items() if entry.deadline <= now]
        for number in late:
            entry = self._forget(number)
            if entry is not None and entry.future is not None and not entry.future.done():
                entry.future.set_exception(self._too_late())
        if any(parked.deadline <= now for parked in self._parked):
            kept: deque[_Parked] = deque()
            for parked in self._parked:
                waiting = parked.future or parked.queued
                if parked.deadline > now:
                    kept.append(parked)
                elif waiting is not None and not waiting.done():
                    waiting.set_exception(self._too_late())
            self._parked = kept
        if late and self.state is LinkState.UP:
            self._unpark()
        if self._pending or self._parked:
            self._need_tick()

    def _too_late(self) -> GatewayTimeout | LinkLost:
        kind = GatewayTimeout if self.state is LinkState.UP else LinkLost
        return kind(None, [self.address])

    def _fail_all(self) -> None:
        """Whatever is unanswered will not be answered any more."""
        for number in list(self._pending):
            entry = self._forget(number)
            if entry is not None and entry.future is not None and not entry.future.done():
                entry.future.set_exception(LinkLost(None, [self.address]))
        parked, self._parked = self._parked, deque()
        for command in parked:
            waiting = command.future or command.queued
            if waiting is not None and not waiting.done():
                waiting.set_exception(LinkLost(None, [self.address]))

    def _stop_tick(self) -> None:
        if self._tick is not None:
            self._tick.cancel()
            self._tick = None

    # Answers

    def _on_reply(self, number: int, value: Any, *_: Any) -> None:
        entry = self._forget(number)
        if entry is not None and entry.future is not None and not entry.future.done():
            entry.future.set_result(value)
        if self._parked:
            self._unpark()

    def _on_error(self, number: int, code: str, message: str, *_: Any) -> None:
        entry = self._forget(abs(number))
        if entry is None:
            return
        if entry.future is None:
            log.warning("gateway %s: a command failed: %s: %s", self.address, code, message)
        elif not entry.future.done():
            if code == protocol.CallError.LATE:
                error: Exception = GatewayTimeout(None, [self.address])
            elif code == protocol.CallError.UNKNOWN_OUTCOME:
                error = LinkLost(None, [self.address])
            else:
                error = CallFailed(code, message)
            entry.future.set_exception(error)
        if self._parked:
            self._unpark()

    def _on_done(self, upto: int, *_: Any) -> None:
        pending = self._pending
        freed = 0
        done = []
        for number, (future, _deadline, packed) in pending.items():
            if number > upto:
                break
            if future is None:
                done.append(number)
                freed += len(packed)
        for number in done:
            del pending[number]
        self._pending_bytes -= freed
        if self._parked:
            self._unpark()

    # Sending

    def _send(self, packed: bytes) -> None:
        self._out.append(packed)
        self._schedule_flush()

    def _schedule_flush(self) -> None:
        if not self._flush_scheduled:
            self._flush_scheduled = True
            self._loop.call_soon(self._flush)

    @abc.abstractmethod
    def _flush(self) -> None:
        """Write what this turn of the loop has collected."""
