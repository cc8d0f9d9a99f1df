"""One client socket: WebSocket in and out, driven by the event loop's callbacks.

No task, queue or future per connection. The handshake and all that is unusual goes through the
Sans-I/O protocol of ``websockets``; that object is dropped once the connection is open, and made
again for the first frame that is not a single, masked data frame below 64 KiB, which is taken apart
right here. What the fast path does not plainly recognise it hands over: both give one verdict.

States: HANDSHAKE -> WAITING (no worker yet) -> OPEN -> CLOSING (close frame sent) -> CLOSED. From
CLOSING on the client is in no index any more.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

from websockets.exceptions import InvalidState
from websockets.http11 import Request
from websockets.speedups import apply_mask

from shared import client_id
from shared.close_codes import CloseCode

from . import frames, handshake, websocket
from .hub import Member, Service, groups_of

if TYPE_CHECKING:
    from .routing import Worker
    from .server import Gateway
    from .websocket import WebSocket

HANDSHAKE, WAITING, OPEN, CLOSING, CLOSED = range(5)

ABNORMAL = 1006
"""Close code where none was received or sent (RFC 6455 section 7.1.5)."""

_PONG = 0x8A
_TEXT, _BINARY = 0x81, 0x82


class Connection(Member, asyncio.Protocol):
    """A client's socket.

    Attributes:
        address: ``ip:port`` of the client, as far as trusted proxies tell.
        state: one of the states above.
        idle: ticks of the heartbeat since the last byte came.
        since: when it was opened, time of the loop.
        is_counted: it counts for ``gateway.max_connections_per_address``.
        worker: who serves it, None for nobody at present.
        unacked: its events that the worker has not acknowledged.
        out: what waits for the end of the turn: None, one frame, or a list of frames.
        held: what was received and cannot be forwarded now; reading is paused meanwhile.
        close_code, close_reason: once it is no longer open.
        request: path, query and headers, only until its CONNECT is acknowledged.
    """

    __slots__ = (
        "address",
        "close_code",
        "close_reason",
        "gateway",
        "held",
        "idle",
        "is_counted",
        "out",
        "request",
        "since",
        "state",
        "transport",
        "unacked",
        "websocket",
        "worker",
    )

    def __init__(self, gateway: Gateway) -> None:
        super().__init__()
        self.gateway = gateway
        self.state = HANDSHAKE
        self.address = ""
        self.idle = 0
        self.since = 0.0
        self.is_counted = False
        self.worker: Worker | None = None
        self.unacked = 0
        self.out: bytes | list[bytes] | None = None
        self.held: list[Any] | None = None
        self.close_code = ABNORMAL
        self.close_reason = ""
        self.request: list[Any] | None = None
        self.websocket: WebSocket | None = None

    @property
    def client_id(self) -> str:
        """The id by which the world knows this client."""
        return client_id.make(self.gateway.prefix, self.number)

    @property
    def host(self) -> str:
        """The client's address without its port."""
        return self.address.rpartition(":")[0]

    @property
    def is_open(self) -> bool:
        """Whether it can be reached by its id."""
        return self.state == OPEN

    def describe(self) -> list[Any]:
        """The ``state`` field of events."""
        return [self.address, self.uid, list(groups_of(self)), self.session]

    # Callbacks of the transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The socket is there; the handshake is still to come."""
        self.transport: asyncio.Transport = transport  # type: ignore[assignment]
        peer = transport.get_extra_info("peername")
        self.address = f"{peer[0]}:{peer[1]}" if peer else ""
        self.gateway.connection_made(self)

    def data_received(self, data: bytes) -> None:
        """Bytes came."""
        self.idle = 0
        if self.held is not None:  # pause_reading may let one more read through
            self.held.append(data)
        elif self.websocket is not None:
            self._receive_slowly(data)
        elif self.state == HANDSHAKE:
            self._begin(data)
        else:
            done = self._receive_fast(data)
            if done < len(data) and self.held is None:
                self._receive_rest(data, done)

    def connection_lost(self, exc: Exception | None) -> None:
        """The socket is gone."""
        self._leave(self.close_code, self.close_reason)
        self.state = CLOSED
        if self.held is None:  # else it is still needed, see resume
            self.websocket = None
        self.out = None
        self.gateway.connection_lost(self)

    # Receiving

    def _receive_fast(self, data: bytes) -> int:
        """Take single data frames apart. Returns how many bytes are done."""
        gateway = self.gateway
        service = self.service
        if service is None:
            return 0
        limit = min(gateway.max_message_size, 65535)
        forward = gateway.routing.message if service.has_on_message else None
        heartbeat = service.heartbeat
        position, end = 0, len(data)
        while end - position >= 6:
            first = data[position]
            size = data[position + 1] - 128
            if size < 0 or size == 127:
                break
            start = position + 6
            if size == 126:
                start += 2
                size = data[position + 2] << 8 | data[position + 3]
            stop = start + size
            if stop > end or size > limit:
                break
            if first == _TEXT:
                payload = apply_mask(data[start:stop], data[start - 4 : start])
                if not payload.isascii():
                    try:
                        payload.decode()
                    except UnicodeDecodeError:
                        break
                if payload == heartbeat:
                    gateway.messages_in += 1
                    position = stop
                    continue
            elif first == _BINARY:
                payload = apply_mask(data[start:stop], data[start - 4 : start])
            elif first == _PONG and size < 126:
                position = stop
                continue
            else:
                break
            if forward is not None and not forward(self, first & 15, payload):
                self._hold([data[position:]])
                return position
            gateway.messages_in += 1
            position = stop
        return position

    def _receive_rest(self, data: bytes, done: int, *, was_held: bool = False) -> None:
        self.websocket = websocket.opened(self.gateway.max_message_size)
        self._receive_slowly(data[done:] if done else data, was_held=was_held)

    def _receive_slowly(self, data: bytes, *, was_held: bool = False) -> None:
        protocol = self.websocket
        if protocol is None:
            return
        protocol.receive_data(data)
        for event in protocol.events_received():
            if isinstance(event, Request):
                self._shake_hands(event)
        messages, protocol.messages = protocol.messages, []
        if self.state in (WAITING, OPEN) or was_held:
            self.gateway.messages_in += len(messages)
            self._deliver(messages)
        self._write_protocol()
        if self.state in (WAITING, OPEN):
            close = protocol.close_rcvd or protocol.close_sent
            if close is not None:
                self._leave(int(close.code), close.reason)
                self.gateway.closing(self)
            elif protocol.is_between_messages:
                self.websocket = None
        elif self.state == HANDSHAKE and not self.transport.is_closing():
            if isinstance(protocol, websocket.Handshake) and protocol.is_too_large:
                self.gateway.handshakes_refused += 1
                self.transport.abort()

    def _deliver(self, messages: list[tuple[int, bytes]]) -> None:
        service = self.service
        for index, (opcode, payload) in enumerate(messages):
            if service is not None:
                if not service.has_on_message:
                    return
                if opcode == frames.TEXT and payload == service.heartbeat:
                    continue
            if service is None or not self.gateway.routing.message(self, opcode, payload):
                self._hold(list(messages[index:]))
                return

    def _hold(self, items: list[Any]) -> None:
        """Keep what cannot be forwarded now and stop reading."""
        self.held = items
        if self.transport.is_reading():
            self.transport.pause_reading()
        self.gateway.routing.block(self)

    def resume(self) -> None:
        """Forward what was held, in order, and read on; may end in being held again.

        What it said before it was closed is forwarded too: the event of its end waits behind.
        """
        held, self.held = self.held, None
        for index, item in enumerate(held or ()):
            if not isinstance(item, bytes):
                self._deliver([item])
            elif self.websocket is not None:
                self._receive_slowly(item, was_held=True)
            else:
                done = self._receive_fast(item)
                if done < len(item) and getattr(self, "held") is None:  # noqa: B009
                    self._receive_rest(item, done, was_held=True)
            again = getattr(self, "held")  # noqa: B009 - a plain read is taken for None here
            if again is not None:
                again.extend((held or ())[index + 1 :])
                return
        if self.state == CLOSED:
            self.websocket = None
        elif not self.transport.is_closing() and not self.transport.is_reading():
            self.transport.resume_reading()

    # Handshake

    def _begin(self, data: bytes) -> None:
        """First bytes: an ordinary handshake in one piece, or something for the protocol."""
        gateway = self.gateway
        opening = handshake.parse(data)
        if opening is None or (opening.origin is not None and gateway.origins is not None):
            self.websocket = websocket.beginning(gateway.origins, gateway.max_message_size)
            self._receive_slowly(data)
            return
        self.transport.write(opening.answer)
        self.state = WAITING
        gateway.connection_ready(self, opening.path, opening.headers)

    def _shake_hands(self, request: Request) -> None:
        """A handshake that came through the protocol."""
        protocol = self.websocket
        if not isinstance(protocol, websocket.Handshake):
            return
        response = protocol.accept(request)
        protocol.send_response(response)
        if response.status_code != 101:
            self.gateway.handshakes_refused += 1
            return
        self.state = WAITING
        # Written at once: the routing may send frames right below, which must come after it.
        self._write_protocol()
        self.gateway.connection_ready(self, request.path, list(request.headers.raw_items()))

    def opened(self, number: int) -> None:
        """A worker is there and the client gets its number."""
        self.number = number
        self.state = OPEN

    # Sending

    def send(self, frame: bytes) -> None:
        """Send a frame at the end of this turn of the loop, together with the turn's others."""
        out = self.out
        if out is None:
            self.out = frame
            self.gateway.dirty.append(self)
        elif isinstance(out, list):
            out.append(frame)
        else:
            self.out = [out, frame]

    def flush(self) -> None:
        """Write what waits for the end of the turn, now."""
        out, self.out = self.out, None
        if out is not None and not self.transport.is_closing():
            self.transport.write(out if isinstance(out, bytes) else b"".join(out))

    def _write_protocol(self) -> None:
        """Write what the Sans-I/O protocol has to say."""
        protocol = self.websocket
        if protocol is None:
            return
        size = 0
        for data in protocol.data_to_send():
            if self.transport.is_closing():
                return
            if data:
                self.flush()
                self.transport.write(data)
                size += len(data)
            else:
                self.transport.close()  # after what is buffered has been written
        if size and self.state in (WAITING, OPEN):
            self.gateway.wrote(self, size)  # answers to pings must not pile up either

    # Closing

    def close(self, close: CloseCode, reason: str | None = None) -> None:
        """Begin the closing handshake after everything sent so far; idempotent."""
        if self.state in (CLOSING, CLOSED):
            return
        if self.state == HANDSHAKE:
            self.transport.abort()
            return
        if self.websocket is None:
            self.websocket = websocket.opened(self.gateway.max_message_size)
        text = close.reason if reason is None else reason
        with contextlib.suppress(InvalidState):  # the client was faster
            self.websocket.send_close(close.code, text)
        self._leave(close.code, text)
        self._write_protocol()
        self.gateway.closing(self)

    def destroy(self) -> None:
        """Drop the connection at once, with what is unsent."""
        self._leave(ABNORMAL, "")
        self.transport.abort()

    def _leave(self, code: int, reason: str) -> None:
        """Out of every index; the worker hears of it. Only the first call counts."""
        if self.state in (WAITING, OPEN):
            was_open = self.state == OPEN
            self.state = CLOSING
            self.close_code = code
            self.close_reason = reason
            self.gateway.left(self, was_open)


def service_name(path: str) -> str:
    """The first segment of a request's path, without query."""
    return path.split("?", 1)[0].lstrip("/").split("/", 1)[0]


__all__ = ["CLOSED", "CLOSING", "HANDSHAKE", "OPEN", "WAITING", "Connection", "Service"]
