"""The time limits of all connections: one timer, no timers of their own.

Heartbeat after the rule of PHP GatewayWorker: a client from which nothing came for more than
(limit + 0.5) and at most (limit + 1) intervals is closed. Each connection is visited once per half
interval, always at the same point of it; any byte that comes sets its count of visits back. Those
that were silent get a WebSocket ping, which browsers answer by themselves.
"""

from __future__ import annotations

import asyncio
from array import array
from collections import deque
from typing import TYPE_CHECKING

from shared import close_codes

from . import frames
from .connection import CLOSING, HANDSHAKE, OPEN, WAITING, Connection

if TYPE_CHECKING:
    from .hub import Service
    from .server import Gateway

CLOSE_TIMEOUT = 5.0
"""Seconds that a client has to answer a close frame, and to take what was sent before it."""

SLOW_TIMEOUT = 10.0
"""Seconds without progress after which a client with a full send buffer is slow."""

_LONGEST_PERIOD = 0.5


class Clockwork:
    """Walks the connections of a gateway process.

    Args:
        gateway: the owner.
        ping_interval: seconds; 0 = no heartbeat.
        limit: ``ping_not_response_limit``; 0 = nobody is closed for silence.
        handshake_timeout: seconds.
        worker_wait: seconds.
        max_send_buffer: bytes.
    """

    def __init__(
        self,
        gateway: Gateway,
        *,
        ping_interval: float,
        limit: int,
        handshake_timeout: float,
        worker_wait: float,
        max_send_buffer: int,
    ) -> None:
        self._gateway = gateway
        self._half_interval = ping_interval / 2
        self._limit = limit
        self._handshake_timeout = handshake_timeout
        self._worker_wait = worker_wait
        self._max_send_buffer = max_send_buffer
        self._loop = asyncio.get_running_loop()
        self._period = min(_LONGEST_PERIOD, ping_interval / 8 or _LONGEST_PERIOD)
        self._timer: asyncio.TimerHandle | None = None
        # Deadlines, each dict in their order; what is over is taken out, so that nothing is kept
        # alive by them.
        self._handshakes: dict[Connection, float] = {}
        self._waiting: dict[Connection, float] = {}
        self._closing: dict[Connection, float] = {}
        # Numbers, four bytes each, instead of clients: those that are gone are not kept alive.
        self._unbound: dict[Service[Connection], deque[tuple[float, array[int]]]] = {}
        self._congested: dict[Connection, tuple[int, float]] = {}
        slots = max(1, int(self._half_interval / self._period))
        self._slots = [array("I") for _ in range(slots)]
        self._slot_length = self._half_interval / slots
        self._slot = 0
        self._slot_due = self._loop.time()

    def start(self) -> None:
        """Begin; needs a running loop."""
        self._timer = self._loop.call_later(self._period, self._tick)

    def stop(self) -> None:
        """Stop; idempotent."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # What is to be watched

    def handshake_begins(self, client: Connection) -> None:
        """A socket was accepted."""
        self._handshakes[client] = self._loop.time() + self._handshake_timeout

    def handshake_ends(self, client: Connection) -> None:
        """It has said what it wants."""
        self._handshakes.pop(client, None)

    def wait_begins(self, client: Connection) -> None:
        """A client has no worker."""
        self._waiting[client] = self._loop.time() + self._worker_wait

    def closing_begins(self, client: Connection) -> None:
        """A close frame was sent."""
        self._closing.setdefault(client, self._loop.time() + CLOSE_TIMEOUT)

    def opened(self, client: Connection, service: Service[Connection]) -> None:
        """A client is open, and not bound yet."""
        self._waiting.pop(client, None)
        if self._half_interval > 0:  # the number is random, so that the slots fill evenly
            self._slots[client.number % len(self._slots)].append(client.number)
        timeout = service.options.unbound_timeout
        if timeout <= 0:
            return
        deadline = self._loop.time() + timeout
        buckets = self._unbound.setdefault(service, deque())
        if not buckets or buckets[-1][0] + self._period < deadline:
            buckets.append((deadline, array("I")))
        buckets[-1][1].append(client.number)

    def congested(self, client: Connection, size: int, written: int) -> None:
        """More than ``max_send_buffer`` bytes wait for a client.

        Args:
            client: who does not take them.
            size: bytes that wait.
            written: how many of them were added just now.
        """
        now = self._loop.time()
        if size > 4 * self._max_send_buffer:
            self._too_slow(client)
        elif client not in self._congested:
            self._congested[client] = (size, now)
        else:
            last, since = self._congested[client]
            self._congested[client] = (size, now if size < last + written else since)

    def forget(self, client: Connection) -> None:
        """A connection is gone."""
        for watched in (self._handshakes, self._waiting, self._closing, self._congested):
            watched.pop(client, None)

    # The walk

    def _tick(self) -> None:
        self._timer = self._loop.call_later(self._period, self._tick)
        now = self._loop.time()
        for client in _expired(self._handshakes, now):
            if client.state == HANDSHAKE:
                self._gateway.handshakes_refused += 1
                client.transport.abort()
        for client in _expired(self._waiting, now):
            if client.state == WAITING:
                client.close(close_codes.NO_WORKER)
        for client in _expired(self._closing, now):
            if client.state == CLOSING:
                client.transport.abort()
        self._close_unbound(now)
        self._look_at_congested(now)
        if self._half_interval > 0:
            self._visit_slots(now)

    def _close_unbound(self, now: float) -> None:
        for service, buckets in self._unbound.items():
            # The last bucket may still be filling; its deadline is that of its first client.
            while buckets and buckets[0][0] + self._period <= now:
                for number in buckets.popleft()[1]:
                    client = service.clients.get(number)
                    if client is not None and client.uid is None:
                        client.close(close_codes.UNBOUND)

    def _look_at_congested(self, now: float) -> None:
        for client, (size, since) in list(self._congested.items()):
            present = client.transport.get_write_buffer_size()
            if present <= self._max_send_buffer:
                del self._congested[client]
            elif present < size:
                self._congested[client] = (present, now)
            elif now - since > SLOW_TIMEOUT:
                self._too_slow(client)

    def _too_slow(self, client: Connection) -> None:
        self._congested.pop(client, None)
        self._gateway.too_slow(client)

    def _visit_slots(self, now: float) -> None:
        if now - self._slot_due > self._half_interval:
            self._slot_due = now  # this process stood still, which is not the clients' fault
        while self._slot_due <= now:
            self._slot_due += self._slot_length
            numbers = self._slots[self._slot]
            clients = self._gateway.hub.clients
            here = [clients[number] for number in numbers if number in clients]
            self._slots[self._slot] = array("I", [client.number for client in here])
            self._slot = (self._slot + 1) % len(self._slots)
            for client in here:
                self._visit(client)

    def _visit(self, client: Connection) -> None:
        if client.state != OPEN or client.held is not None:
            return  # one that we do not read cannot be blamed for its silence
        client.idle += 1
        if self._limit > 0 and client.idle >= 2 * (self._limit + 1):
            client.close(close_codes.SILENT)
        elif client.idle >= 2:
            client.send(frames.PING)
            self._gateway.wake()


def _expired(watched: dict[Connection, float], now: float) -> list[Connection]:
    expired = []
    for client, deadline in watched.items():
        if deadline > now:
            break
        expired.append(client)
    for client in expired:
        del watched[client]
    return expired
