"""The peer's side of the inner protocol: one link to one gateway.

One link is one DEALER socket after another: ZeroMQ does not reconnect under us, because it would
come back under a new routing id without a hello. Whenever a connection is refused, lost or silent,
the socket is closed and, after a jittered pause, a new one made.

Commands are numbered. Those that were not answered when the connection broke are sent again, with
the same numbers, when the same gateway instance is back before their deadline; it executes none of
them twice.
"""

from __future__ import annotations

import asyncio
import enum
import functools
import logging
import random
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple, Protocol

import zmq
from zmq.utils.monitor import parse_monitor_message

from . import curve, protocol
from .drain import Drain
from .errors import BadArgument, CallFailed, GatewayTimeout, LinkLost, ProtocolError
from .register import FIRST_PAUSE, LAST_PAUSE

log = logging.getLogger(__name__)

CLOCKS = 12
"""Readings of the gateway's clock that count, a minute of heartbeats: so one that was long on its
way does no lasting harm, and clocks may drift apart."""

TICK = 0.05
"""Seconds between looks at deadlines while commands are unanswered."""

_LOST = (
    zmq.EVENT_DISCONNECTED
    | zmq.EVENT_CLOSED
    | zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL
    | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL
    | zmq.EVENT_HANDSHAKE_FAILED_AUTH
)
_WATCHED = _LOST | zmq.EVENT_HANDSHAKE_SUCCEEDED


class LinkState(enum.Enum):
    """Where a link stands. DOWN goes back to CONNECTING by itself; CLOSED is final."""

    CONNECTING = "connecting"
    UP = "up"
    DOWN = "down"
    CLOSED = "closed"


class EventHandler(Protocol):
    """What a worker does with the events of its links.

    Plain functions, called on the event loop; they must not block. After the work of an event is
    done the worker must call ``link.ack(seq)``, in any order.
    """

    def on_connect(
        self,
        link: Link,
        seq: int,
        service: int,
        client: int,
        state: list[Any],
        request: list[Any] | None,
    ) -> None: ...
    def on_text(self, link: Link, seq: int, client: int, payload: bytes) -> None: ...
    def on_binary(self, link: Link, seq: int, client: int, payload: bytes) -> None: ...
    def on_close(
        self,
        link: Link,
        seq: int,
        service: int,
        client: int,
        state: list[Any],
        code: int,
        reason: str,
    ) -> None: ...
    def on_adopt(
        self, link: Link, seq: int, service: int, client: int, state: list[Any]
    ) -> None: ...
    def on_changed(
        self,
        link: Link,
        seq: int,
        client: int,
        uid: str | None,
        groups: list[str],
        session: bytes,
    ) -> None: ...
    def on_gateway_up(
        self, link: Link, seq: int, service: int, last: bool, clients: list[Any]
    ) -> None: ...
    def on_link_up(self, link: Link, same_instance: bool) -> None:
        """The gateway said WELCOME. After a loss it gives its clients anew (ADOPT)."""

    def on_link_lost(self, link: Link) -> None:
        """The connection is gone; what becomes of its clients shows later."""

    def on_gateway_dead(self, link: Link) -> None:
        """The gateway is gone for good, and its clients with it. Called once."""


class Owner(Protocol):
    """What a link needs of the pool that it belongs to."""

    context: zmq.Context[zmq.Socket[bytes]]
    secret: str
    hello: tuple[Any, ...]
    instance: str
    events: EventHandler | None
    heartbeat_interval: float
    heartbeat_timeout: float

    def link_changed(self, link: Link) -> None: ...


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


class Link:
    """A link to one gateway; made and closed by ``Pool``.

    Args:
        pool: the owner.
        prefix: the 12 digits that the gateway's client ids begin with.
        address: ``ip:port`` that the prefix stands for.
        endpoint: ``host:port`` to connect to.

    Attributes:
        state: where it stands.
        lost_at: time of the loop since when it has not been up; None while it is.
        error: why it is down, in words.
        refused: the gateway does not accept our key or version.
    """

    def __init__(self, pool: Owner, prefix: str, address: str, endpoint: str) -> None:
        self._pool = pool
        self.prefix = prefix
        self.address = address
        self.endpoint = endpoint
        self._loop = asyncio.get_running_loop()
        self._time = self._loop.time
        self.state = LinkState.CONNECTING
        self.lost_at: float | None = self._loop.time()
        self.error = ""
        self.refused = False
        self.gateway_instance: str | None = None

        self._socket: zmq.Socket[bytes] | None = None
        self._monitor: zmq.Socket[bytes] | None = None
        self._drain: Drain | None = None
        self._monitor_drain: Drain | None = None
        self._last_seen = 0.0
        self._pause = FIRST_PAUSE
        self._timer: asyncio.TimerHandle | None = None
        self._tick: asyncio.TimerHandle | None = None
        self._left: asyncio.Future[None] | None = None

        self._clock_offset = 0.0
        self._clock_offsets: deque[float] = deque(maxlen=CLOCKS)
        self._number = 0
        self._pending: dict[int, _Pending] = {}
        self._pending_bytes = 0
        self._parked: deque[_Parked] = deque()

        self._out: list[bytes] = []
        self._flush_scheduled = False
        self._is_ready = False
        self._acked_upto = 0
        self._acked_more: set[int] = set()
        self._ack_news: list[int] = []
        self._ack_due = False
        self._handlers = self._make_handlers()

    def __repr__(self) -> str:
        return f"<Link {self.address} {self.state.value}>"

    # Commands

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

    # Worker's side

    def ready(self) -> None:
        """Ask for events, now and after every reconnect."""
        self._is_ready = True
        if self.state is LinkState.UP:
            self._send(protocol.pack((protocol.READY,)))

    def ack(self, seq: int) -> None:
        """Say that the work of event ``seq`` of the present connection is done; in any order."""
        if seq == self._acked_upto + 1:
            self._acked_upto = seq
            more = self._acked_more
            while more and self._acked_upto + 1 in more:
                self._acked_upto += 1
                more.remove(self._acked_upto)
        else:
            self._acked_more.add(seq)
            self._ack_news.append(seq)
        if not self._ack_due:
            self._ack_due = True
            self._schedule_flush()

    async def leave(self, timeout: float) -> bool:
        """Give all clients of this worker to others; idempotent.

        Args:
            timeout: seconds to wait for the gateway to be done.

        Returns:
            Whether it was done in time. True as well where the link is not up: then the gateway
            gives the clients away by itself.
        """
        self._is_ready = False
        if self.state is not LinkState.UP:
            return True
        if self._left is None:
            self._left = self._loop.create_future()
            self._send(protocol.pack((protocol.LEAVE,)))
        try:
            async with asyncio.timeout(timeout):
                await asyncio.shield(self._left)
        except TimeoutError:
            return False
        return True

    # Sending

    def _send(self, packed: bytes) -> None:
        self._out.append(packed)
        self._schedule_flush()

    def _schedule_flush(self) -> None:
        if not self._flush_scheduled:
            self._flush_scheduled = True
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._flush_scheduled = False
        if self._socket is None or self.state is not LinkState.UP:
            self._out.clear()
            self._ack_due = False
            return
        if self._ack_due:
            self._ack_due = False
            news, self._ack_news = self._ack_news, []
            upto = self._acked_upto
            more = [seq for seq in news if seq > upto]
            self._out.append(protocol.pack((protocol.ACK, upto, more)))
        out, self._out = self._out, []
        if out:
            self._write(out[0] if len(out) == 1 else b"".join(out))

    def _write(self, frame: bytes) -> None:
        if self._socket is None or self._drain is None:
            return
        try:
            self._socket.send(frame, zmq.NOBLOCK, copy=len(frame) < 65536)
        except zmq.Again:
            # No connection (IMMEDIATE) although no event said so yet.
            self._lose("connection gone")
            return
        self._drain.look()

    # Connection

    def connect(self) -> None:
        """Make a new socket and connect it; the pool calls it once, then the link itself."""
        self._timer = None
        pool = self._pool
        self._enter(LinkState.CONNECTING)
        socket = pool.context.socket(zmq.DEALER)
        socket.linger = 0
        socket.sndhwm = socket.rcvhwm = 0  # bounded by our own windows, in messages and bytes
        socket.reconnect_ivl = -1
        socket.immediate = True
        socket.maxmsgsize = protocol.MAX_FRAME
        socket.heartbeat_ivl = int(pool.heartbeat_interval * 1000)
        socket.heartbeat_timeout = int(pool.heartbeat_timeout * 1000)
        socket.handshake_ivl = int(pool.heartbeat_timeout * 1000)
        curve.protect_client(
            socket, curve.peer_keys(pool.secret), curve.gateway_keys(pool.secret).public
        )
        self._socket = socket
        self._monitor = socket.get_monitor_socket(int(_WATCHED))
        self._monitor_drain = Drain(self._monitor, self._on_monitor)
        self._drain = Drain(socket, self._on_message)
        self._last_seen = self._loop.time()
        self._timer = self._loop.call_later(pool.heartbeat_timeout, self._heartbeat)
        try:
            socket.connect(f"tcp://{self.endpoint}")
        except zmq.ZMQError as error:
            self._lose(f"cannot connect to {self.endpoint}: {error}")

    def close(self) -> None:
        """Close for good; unanswered commands raise LinkLost. Idempotent."""
        if self.state is LinkState.CLOSED:
            return
        if self._socket is not None and self.state is LinkState.UP:
            self._flush()
        if self._socket is not None and self.state is LinkState.UP:
            self._socket.linger = 500  # milliseconds; for BYE and what was sent just before
            self._write(protocol.pack((protocol.BYE,)))
        self._drop_socket()
        self._enter(LinkState.CLOSED)
        if self._tick is not None:
            self._tick.cancel()
            self._tick = None
        self._fail_all()

    def _enter(self, state: LinkState) -> None:
        if state is LinkState.UP:
            self.lost_at = None
        elif self.lost_at is None:
            self.lost_at = self._loop.time()
        self.state = state

    def _drop_socket(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for drain in (self._drain, self._monitor_drain):
            if drain is not None:
                drain.stop()
        self._drain = self._monitor_drain = None
        if self._socket is not None:
            self._socket.disable_monitor()
            self._socket.close()
        if self._monitor is not None:
            self._monitor.close(0)
        self._socket = self._monitor = None
        self._out.clear()
        self._acked_upto = 0
        self._acked_more.clear()
        self._ack_news.clear()
        if self._left is not None and not self._left.done():
            self._left.set_result(None)
        self._left = None

    def _lose(self, why: str, *, planned: bool = False) -> None:
        """The connection is gone: drop the socket, and try again after a pause."""
        if self.state in (LinkState.DOWN, LinkState.CLOSED):
            return
        was_up = self.state is LinkState.UP
        self.error = why
        self._drop_socket()
        self._enter(LinkState.DOWN)
        if was_up:
            level = logging.INFO if planned else logging.WARNING
            log.log(level, "gateway %s: link lost: %s", self.address, why)
            self._pause = FIRST_PAUSE
        pause = random.uniform(FIRST_PAUSE, self._pause)  # noqa: S311 - jitter
        self._pause = min(LAST_PAUSE, self._pause * 2)
        self._timer = self._loop.call_later(pause, self.connect)
        if was_up and self._pool.events is not None:
            self._pool.events.on_link_lost(self)
        self._pool.link_changed(self)

    def _heartbeat(self) -> None:
        now = self._loop.time()
        pool = self._pool
        if now - self._last_seen > pool.heartbeat_timeout:
            self._lose("silent")
            return
        if self.state is LinkState.CONNECTING:
            self._lose("no answer to hello" if self.refused is False else self.error)
            return
        self._send(protocol.pack((protocol.HEARTBEAT, pool.instance, 0)))
        self._timer = self._loop.call_later(pool.heartbeat_interval, self._heartbeat)

    # Receiving

    def _on_monitor(self, parts: list[bytes]) -> None:
        event = parse_monitor_message(parts)["event"]
        if event == zmq.EVENT_HANDSHAKE_SUCCEEDED:
            if self._socket is not None and self.state is LinkState.CONNECTING:
                # Takes in the new connection at once; a send alone may do without a look and fail.
                self._socket.get(zmq.EVENTS)
                self._write(protocol.pack(self._pool.hello))
            return
        if event in (zmq.EVENT_HANDSHAKE_FAILED_AUTH, zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL):
            self.refused = True
        self._lose(str(zmq.Event(event).name).lower().replace("_", " "))

    def _on_message(self, parts: list[bytes]) -> None:
        self._last_seen = self._loop.time()
        handlers = self._handlers
        try:
            for message in protocol.unpack(parts[-1]):
                entry = handlers.get(message[0])
                if entry is None:
                    raise ProtocolError(f"unexpected {protocol.describe(message[0])}")
                handler, stop = entry
                handler(*message[1:stop])
                if self._socket is None:
                    return
        except ProtocolError as error:
            self._lose(f"bad message: {error}")
        except Exception as error:
            # Malformed fields, or a fault in the handler of an event. Either way the rest of the
            # frame is lost, so that only a new connection, with its hello, sets things right.
            log.exception("gateway %s: cannot handle a message", self.address)
            self._lose(f"bad message: {error!r}")

    def _make_handlers(self) -> dict[int, tuple[Callable[..., None], int]]:
        """Handler by code, and where its fields end: what a later version appends is ignored."""
        handlers: dict[int, Callable[..., None]] = {
            protocol.WELCOME: self._on_welcome,
            protocol.REFUSED: self._on_refused,
            protocol.HELLO_REQUIRED: self._on_hello_required,
            protocol.HEARTBEAT: self._on_heartbeat,
            protocol.BYE: self._on_bye,
            protocol.LEFT: self._on_left,
            protocol.REPLY: self._on_reply,
            protocol.ERROR: self._on_error,
            protocol.DONE: self._on_done,
        }
        events = self._pool.events
        if events is not None:
            for code, handle in (
                (protocol.CONNECT, events.on_connect),
                (protocol.TEXT, events.on_text),
                (protocol.BINARY, events.on_binary),
                (protocol.CLOSE, events.on_close),
                (protocol.ADOPT, events.on_adopt),
                (protocol.CHANGED, events.on_changed),
                (protocol.GATEWAY_UP, events.on_gateway_up),
            ):
                handlers[code] = functools.partial(handle, self)
        return {code: (handler, 1 + protocol.FIELDS[code]) for code, handler in handlers.items()}

    def _on_welcome(self, version: int, instance: str, clock: int, prefix: str, *_: Any) -> None:
        if prefix != self.prefix:
            self._lose(f"answers for {prefix}, not {self.prefix}")
            return
        same = self.gateway_instance in (None, instance)
        returned = self.gateway_instance == instance
        if not same:
            self._fail_all()
        self.gateway_instance = instance
        self._clock_offsets.clear()
        self._read_clock(clock)
        self.refused = False
        self.error = ""
        self._pause = FIRST_PAUSE
        self._enter(LinkState.UP)
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(self._pool.heartbeat_interval, self._heartbeat)
        for entry in self._pending.values():
            self._send(entry.packed)
        if self._pool.events is not None:
            self._pool.events.on_link_up(self, returned)
        if self._is_ready:
            self._send(protocol.pack((protocol.READY,)))
        self._unpark()
        self._pool.link_changed(self)

    def _on_refused(self, code: str, version: int, message: str, *_: Any) -> None:
        self.refused = True
        self._lose(f"refused: {code}: {message} (its version is {version})")

    def _on_hello_required(self, *_: Any) -> None:
        self._lose("the gateway does not know us any more")

    def _on_heartbeat(self, instance: str, clock: int, *_: Any) -> None:
        self._read_clock(clock)

    def _read_clock(self, clock: int) -> None:
        """Note how far the gateway's clock is ahead of ours, in seconds. It read its clock before
        now, so that every reading is a lower bound."""
        self._clock_offsets.append(clock / 1000 - self._loop.time())
        self._clock_offset = max(self._clock_offsets)

    def _on_bye(self, *_: Any) -> None:
        self._lose("the gateway said bye", planned=True)

    def _on_left(self, *_: Any) -> None:
        if self._left is not None and not self._left.done():
            self._left.set_result(None)

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
