"""The load generator: many WebSocket clients in one thread, over epoll and bare sockets.

It must be cheaper than the servers it measures, so the measuring loops do per message one
``read``, one comparison with the bytes expected, and one ``write`` of a frame masked in advance.
Everything else (pings, frames cut in two, errors) takes the slow path of `Fleet._data_frames`.
Every message is verified: the right text, on the right socket, once, in order.

The loops sleep 100 us before they look for events: the generator then takes arrivals in batches,
and the server does not pay for waking up another core with every packet, which it would not for
clients on other machines either. It adds at most that to a latency. `Fleet.lone_echo`, which
measures latency, does not sleep.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import struct
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from . import frames
from .processes import Consumption, Meter

BATCH_PAUSE = 100e-6
"""Seconds slept before each look for events."""

STALL_TIMEOUT = 10.0
"""Seconds without any event after which a run is given up."""

_READ_SIZE = 65536
_BATCH = 1024
_DISTINCT_BROADCASTS = 64
_ACCEPT = b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="  # the answer to the key of RFC 6455 section 1.3
_KEY = "dGhlIHNhbXBsZSBub25jZQ=="
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)

_now = time.perf_counter_ns


class GeneratorError(Exception):
    """The server lost, changed or did not answer something."""


@contextlib.contextmanager
def _losses_reported() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise GeneratorError(f"a connection was lost: {error}") from error


@dataclass(frozen=True, slots=True)
class Sample:
    """One measured window.

    Attributes:
        operations: echoes, deliveries or connections in the window.
        used: processor time in the window.
        latencies: nanoseconds of each echo or broadcast (to its last receiver), sorted.
    """

    operations: int
    used: Consumption
    latencies: list[int]

    @property
    def rate(self) -> float:
        """Operations per second."""
        return self.operations / self.used.seconds

    def cpu_us(self, group: str | None = None) -> float:
        """Processor microseconds per operation, of one group of processes or of all."""
        cpu = sum(self.used.cpu.values()) if group is None else self.used.cpu[group]
        return cpu * 1e6 / max(1, self.operations)

    def latency_us(self, quantile: float) -> float:
        """A quantile of the latencies in microseconds, for example 0.5; 0.0 if there is none."""
        if not self.latencies:
            return 0.0
        return self.latencies[int(quantile * (len(self.latencies) - 1))] / 1e3


def _init_complete(received: bytes) -> bool:
    """Whether the handshake's answer and the first frame are there.

    Raises:
        GeneratorError: the server refused, or its first frame is no ``init``.
    """
    head, end, body = received.partition(b"\r\n\r\n")
    if not end:
        return False
    if not head.startswith(b"HTTP/1.1 101 ") or _ACCEPT not in head:
        raise GeneratorError(f"handshake refused: {head[:200]!r}")
    found = frames.split(body)
    if found.close is not None:
        raise GeneratorError(f"closed instead of init: {found.close!r}")
    if not found.data:
        return False
    if len(found.data) > 1 or found.rest or b'"init"' not in found.data[0]:
        raise GeneratorError(f"not an init: {body[:200]!r}")
    return True


class Window:
    """Warm-up, then the measured window; tells the loop when to stop sending."""

    def __init__(self, meter: Meter, warm_up: float, seconds: float) -> None:
        self._meter = meter
        self._seconds = seconds
        self._turn = _now() + int(warm_up * 1e9)
        self.measuring = False
        self.used: Consumption | None = None

    def passed(self, now: int) -> bool:
        """Whether the present phase is over; the caller then calls `next`."""
        return now >= self._turn

    def next(self) -> None:
        if not self.measuring:
            self._meter.begin()
            self._turn = _now() + int(self._seconds * 1e9)
            self.measuring = True
        else:
            self.used = self._meter.end()
            self._turn = 1 << 62


class Fleet:
    """Clients of one server. Not thread-safe; use as a context manager or call `close`.

    Args:
        address: host and port of the server.
        path: request path of the handshake.
    """

    def __init__(self, address: tuple[str, int], path: str = "/bench") -> None:
        self._address = address
        host, port = address
        self._request = (
            f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Key: {_KEY}\r\n"
            "Sec-WebSocket-Version: 13\r\n\r\n"
        ).encode()
        self._sockets: dict[int, socket.socket] = {}
        self._epoll = select.epoll()
        self._carry: dict[int, bytes] = {}  # incomplete frames, by file descriptor
        self._sequence = 0

    def __len__(self) -> int:
        return len(self._sockets)

    def __enter__(self) -> Fleet:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def close(self) -> None:
        """Reset all connections (no TIME_WAIT: ports must not run out). Idempotent."""
        for client in self._sockets.values():
            with contextlib.suppress(OSError):
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
            client.close()
        self._sockets.clear()
        self._carry.clear()
        self._epoll.close()

    # -- connecting

    @_losses_reported()
    def connect(self, count: int, meter: Meter | None = None, window: int = 64) -> Sample:
        """Open ``count`` more connections, each until its first frame (``init``) is there.

        Args:
            meter: whose processor time to count; None = nobody's.
            window: how many are being set up at any moment.

        Raises:
            GeneratorError: refused, no answer, or a first frame that is no ``init``.
        """
        meter = meter or Meter({})
        begun: dict[int, int] = {}
        heads: dict[int, bytes] = {}
        latencies: list[int] = []
        left = count

        def start() -> None:
            begin = _now()
            client = socket.create_connection(self._address)
            client.setblocking(False)
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            fd = client.fileno()
            self._sockets[fd] = client
            os.write(fd, self._request)
            self._epoll.register(fd, select.EPOLLIN)
            begun[fd] = begin

        meter.begin()
        while len(latencies) < count:
            while left and len(begun) < window:
                start()
                left -= 1
            time.sleep(BATCH_PAUSE)
            for fd, _ in self._ready():
                received = heads.pop(fd, b"") + self._read(fd)
                if fd not in begun:
                    self._data_frames(fd, received)  # a ping to an older connection
                elif _init_complete(received):
                    latencies.append(_now() - begun.pop(fd))
                else:
                    heads[fd] = received
        used = meter.end()
        return Sample(count, used, sorted(latencies))

    # -- echo

    @_losses_reported()
    def echo(self, meter: Meter, seconds: float, warm_up: float = 0.2) -> Sample:
        """One text in flight per socket, sent again as soon as it has come back.

        Raises:
            GeneratorError: an echo was lost or wrong.
        """
        # The ring of a socket has two texts: [what is awaited, what to send then, the next].
        waiting = {fd: self._ring("E", index) for index, fd in enumerate(self._sockets)}
        sent: dict[int, int] = {}
        latencies: list[int] = []
        window = Window(meter, warm_up, seconds)
        first = last = 0
        for fd, ring in waiting.items():
            sent[fd] = _now()
            os.write(fd, ring[3])
        outstanding = len(waiting)
        read, write, now, done = os.read, os.write, _now, latencies.append
        while outstanding:
            time.sleep(BATCH_PAUSE)
            for fd, _ in self._ready():
                data = read(fd, _READ_SIZE)
                ring = waiting[fd]
                if data != ring[0] and not self._is_echo(fd, data, ring[0]):
                    continue
                moment = now()
                done(moment - sent[fd])
                if window.used is not None:
                    outstanding -= 1
                    continue
                sent[fd] = moment
                waiting[fd] = ring[2]
                write(fd, ring[1])
            if window.passed(now()):
                if window.measuring:
                    last = len(latencies)
                else:
                    first = len(latencies)
                window.next()
        assert window.used is not None
        return Sample(last - first, window.used, sorted(latencies[first:last]))

    @_losses_reported()
    def exchange_once(self, tag: str, window: int = 64) -> None:
        """Each socket sends one text that starts with ``tag`` and awaits the same text back.

        Raises:
            GeneratorError: an answer was lost or wrong.
        """
        todo = [(fd, self._ring(tag, index)) for index, fd in enumerate(self._sockets)]
        todo.reverse()
        awaited: dict[int, bytes] = {}
        while todo or awaited:
            while todo and len(awaited) < window:
                fd, ring = todo.pop()
                awaited[fd] = ring[0]
                os.write(fd, ring[3])
            for fd, _ in self._ready():
                data = self._read(fd)
                if fd not in awaited:
                    self._data_frames(fd, data)
                elif data == awaited[fd] or self._is_echo(fd, data, awaited[fd]):
                    del awaited[fd]

    @_losses_reported()
    def lone_echo(self, meter: Meter, seconds: float, warm_up: float = 0.2) -> Sample:
        """Echoes over the first socket, one after the other, blocking.

        Raises:
            GeneratorError: an echo was lost or wrong.
        """
        fd, client = next(iter(self._sockets.items()))
        ring = self._ring("E", 0)
        frame = ring[3]
        latencies: list[int] = []
        window = Window(meter, warm_up, seconds)
        first = 0
        client.settimeout(STALL_TIMEOUT)
        try:
            while window.used is None:
                begin = _now()
                client.sendall(frame)
                while True:
                    data = client.recv(_READ_SIZE)
                    if data == ring[0] or self._is_echo(fd, data, ring[0]):
                        break
                moment = _now()
                latencies.append(moment - begin)
                frame, ring = ring[1], ring[2]
                if window.passed(moment):
                    first = first if window.measuring else len(latencies)
                    window.next()
        except TimeoutError:
            raise GeneratorError(f"no echo within {STALL_TIMEOUT:g} s") from None
        finally:
            client.setblocking(False)
        assert window.used is not None
        return Sample(len(latencies) - first, window.used, sorted(latencies[first:]))

    # -- fan-out

    @_losses_reported()
    def broadcast(
        self, meter: Meter, in_flight: int, seconds: float, warm_up: float = 0.2
    ) -> Sample:
        """One socket sends texts that the server sends to all; counts deliveries.

        Args:
            in_flight: broadcasts that have not reached everybody yet, at any moment. With 1, the
                next is sent when all sockets have the one before.

        Raises:
            GeneratorError: a delivery was lost, wrong, doubled or out of order.
        """
        self._sequence += 1
        texts = [
            frames.text_payload("B", self._sequence, number)
            for number in range(_DISTINCT_BROADCASTS)
        ]
        expected = [frames.server_frame(text) for text in texts]
        masked = [frames.client_frame(text) for text in texts]
        size = len(expected[0])
        # Written three times: what one read returns may begin anywhere and wrap around.
        stream = b"".join(expected) * 3
        cycle = size * _DISTINCT_BROADCASTS
        everybody = len(self._sockets)
        position = dict.fromkeys(self._sockets, 0)
        reached: list[int] = []
        begun: list[int] = []
        latencies: list[int] = []
        sender = next(iter(self._sockets))
        deliveries = first = last = first_latency = last_latency = complete = 0
        window = Window(meter, warm_up, seconds)
        read, carry = os.read, self._carry
        while True:
            while window.used is None and len(begun) - complete < in_flight:
                os.write(sender, masked[len(begun) % _DISTINCT_BROADCASTS])
                begun.append(_now())
                reached.append(0)
            if complete == len(begun):
                break
            time.sleep(BATCH_PAUSE)
            for fd, _ in self._ready():
                data = read(fd, _READ_SIZE)
                at = position[fd]
                whole, part = divmod(len(data), size)
                if part or carry or not data or not stream.startswith(data, at % cycle):
                    data = b"".join(self._data_frames(fd, data))
                    whole, part = divmod(len(data), size)
                    if part or not stream.startswith(data, at % cycle):
                        raise GeneratorError(f"wrong broadcast: {data[:64]!r}")
                if not whole:
                    continue
                position[fd] = at + whole * size
                deliveries += whole
                for number in range(at // size, at // size + whole):
                    if number >= len(reached):
                        raise GeneratorError("a broadcast that was not sent yet")
                    reached[number] += 1
                    if reached[number] == everybody:
                        complete += 1
                        latencies.append(_now() - begun[number])
            if window.passed(_now()):
                if window.measuring:
                    last, last_latency = deliveries, len(latencies)
                else:
                    first, first_latency = deliveries, len(latencies)
                window.next()
        assert window.used is not None
        if deliveries != len(begun) * everybody:
            raise GeneratorError(f"{len(begun)} broadcasts gave {deliveries} deliveries")
        return Sample(last - first, window.used, sorted(latencies[first_latency:last_latency]))

    # -- idle

    @_losses_reported()
    def tend(self) -> None:
        """Answer the pings that came in meanwhile; call it at least every ten seconds."""
        for fd, _ in self._epoll.poll(0, max(1, len(self._sockets))):
            self._data_frames(fd, self._read(fd))

    def idle(self, meter: Meter, seconds: float) -> Consumption:
        """Do nothing but answer pings."""
        end = time.monotonic() + seconds
        meter.begin()
        while time.monotonic() < end:
            self.tend()
            time.sleep(0.05)
        return meter.end()

    # -- the slow path

    def _ready(self) -> list[tuple[int, int]]:
        events = self._epoll.poll(STALL_TIMEOUT, _BATCH)
        if not events:
            raise GeneratorError(f"the server sent nothing for {STALL_TIMEOUT:g} s")
        return events

    def _read(self, fd: int) -> bytes:
        data = os.read(fd, _READ_SIZE)
        if not data:
            raise GeneratorError("the server closed a connection")
        return data

    def _ring(self, tag: str, index: int) -> list[Any]:
        """Two texts in turn; element 3 is the frame that makes element 0 come."""
        self._sequence += 1
        one, two = (frames.text_payload(tag, index, self._sequence * 2 + n) for n in (0, 1))
        first: list[Any] = [frames.server_frame(one), frames.client_frame(two), None]
        second: list[Any] = [frames.server_frame(two), frames.client_frame(one), first]
        first[2] = second
        first.append(second[1])
        second.append(first[1])
        return first

    def _is_echo(self, fd: int, data: bytes, expected: bytes) -> bool:
        found = self._data_frames(fd, data)
        if not found:
            return False
        if found != [expected]:
            raise GeneratorError(f"expected {expected[:24]!r}, received {found[0][:24]!r}")
        return True

    def _data_frames(self, fd: int, data: bytes) -> list[bytes]:
        """The complete data frames, with what was left over before; pings are answered."""
        if not data:
            raise GeneratorError("the server closed a connection")
        found = frames.split(self._carry.pop(fd, b"") + data)
        if found.rest:
            self._carry[fd] = found.rest
        for payload in found.pings:
            os.write(fd, frames.client_frame(payload, frames.PONG))
        if found.close is not None:
            code = int.from_bytes(found.close[:2], "big")
            reason = found.close[2:].decode(errors="replace")
            raise GeneratorError(f"the server closed a connection: {code} {reason}")
        return found.data
