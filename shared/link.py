"""The peer's side of the inner protocol: one link to one gateway.

One link is one connection (``dealer.py``) after another: whenever one is refused, lost or silent,
it is closed and, after a jittered pause, a new one made. The link says hello on each, keeps the
heartbeats, hands events to the worker and acknowledgements back. Commands: see ``window.py``.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import random
from collections import deque
from collections.abc import Callable
from typing import Any, Protocol

import zmq

from . import protocol
from .dealer import Dealer
from .errors import ProtocolError
from .register import FIRST_PAUSE, LAST_PAUSE
from .window import CommandWindow, LinkState

__all__ = ["EventHandler", "Link", "LinkState"]

log = logging.getLogger(__name__)

CLOCKS = 12
"""Readings of the gateway's clock that count, a minute of heartbeats: so one that was long on its
way does no lasting harm, and clocks may drift apart."""


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


class Link(CommandWindow):
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
        super().__init__(address)
        self._pool = pool
        self.prefix = prefix
        self.endpoint = endpoint
        self.lost_at: float | None = self._loop.time()
        self.error = ""
        self.refused = False
        self.gateway_instance: str | None = None

        self._dealer: Dealer | None = None
        self._last_seen = 0.0
        self._pause = FIRST_PAUSE
        self._timer: asyncio.TimerHandle | None = None
        self._left: asyncio.Future[None] | None = None

        self._clock_offsets: deque[float] = deque(maxlen=CLOCKS)

        self._is_ready = False
        self._acked_upto = 0
        self._acked_more: set[int] = set()
        self._ack_news: list[int] = []
        self._ack_due = False
        self._handlers = self._make_handlers()

    def __repr__(self) -> str:
        return f"<Link {self.address} {self.state.value}>"

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

    def _flush(self) -> None:
        self._flush_scheduled = False
        if self.state is not LinkState.UP:
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
        if self._dealer is not None and not self._dealer.send(frame):
            self._lose("connection gone")

    # Connection

    def connect(self) -> None:
        """Make a new socket and connect it; the pool calls it once, then the link itself."""
        self._timer = None
        pool = self._pool
        self._enter(LinkState.CONNECTING)
        self._dealer = Dealer(
            pool.context,
            pool.secret,
            pool.heartbeat_interval,
            pool.heartbeat_timeout,
            self._on_open,
            self._on_frame,
            self._on_lost,
        )
        self._last_seen = self._loop.time()
        self._timer = self._loop.call_later(pool.heartbeat_timeout, self._heartbeat)
        try:
            self._dealer.connect(self.endpoint)
        except OSError as error:
            self._lose(f"cannot connect to {self.endpoint}: {error}")

    def close(self) -> None:
        """Close for good; unanswered commands raise LinkLost. Idempotent."""
        if self.state is LinkState.CLOSED:
            return
        if self.state is LinkState.UP:
            self._flush()
            self._write(protocol.pack((protocol.BYE,)))
        self._drop_connection(linger=True)
        self._enter(LinkState.CLOSED)
        self._stop_tick()
        self._fail_all()

    def _enter(self, state: LinkState) -> None:
        if state is LinkState.UP:
            self.lost_at = None
        elif self.lost_at is None:
            self.lost_at = self._loop.time()
        self.state = state

    def _drop_connection(self, *, linger: bool = False) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._dealer is not None:
            self._dealer.close(linger=linger)
            self._dealer = None
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
        self._drop_connection()
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

    def _on_open(self) -> None:
        self._write(protocol.pack(self._pool.hello))

    def _on_lost(self, why: str, refused: bool) -> None:
        self.refused = self.refused or refused
        self._lose(why)

    def _on_frame(self, frame: bytes) -> None:
        self._last_seen = self._loop.time()
        handlers = self._handlers
        try:
            for message in protocol.unpack(frame):
                entry = handlers.get(message[0])
                if entry is None:
                    raise ProtocolError(f"unexpected {protocol.describe(message[0])}")
                handler, stop = entry
                handler(*message[1:stop])
                if self._dealer is None:
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
