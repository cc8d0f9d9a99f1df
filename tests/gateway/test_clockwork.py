"""The time limits of connections, on a clock that the tests move."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from typing import Any, cast

import pytest

from gateway.clockwork import CLOSE_TIMEOUT, SLOW_TIMEOUT, Clockwork
from gateway.connection import CLOSING, HANDSHAKE, OPEN, WAITING, Connection
from gateway.hub import Hub, Member
from shared.protocol import ServiceOptions

BUFFER = 1000


class FakeLoop:
    """A loop with one timer, whose time passes when it is told to."""

    def __init__(self) -> None:
        self.now = 1000.0
        self._due: tuple[float, Callable[[], None]] | None = None

    def time(self) -> float:
        return self.now

    def call_later(self, delay: float, callback: Callable[[], None]) -> FakeLoop:
        self._due = (self.now + delay, callback)
        return self

    def cancel(self) -> None:
        self._due = None

    def pass_time(self, seconds: float) -> None:
        """Let time pass and the timer go off whenever it is due."""
        end = self.now + seconds
        while self._due is not None and self._due[0] <= end:
            due, callback = self._due
            self.now = max(self.now, due)
            self._due = None
            callback()
        self.now = end


class FakeClient(Member):
    """A connection with a send buffer that the tests fill."""

    numbers = itertools.count(1)

    def __init__(self, loop: FakeLoop) -> None:
        super().__init__()
        self.number = next(self.numbers)
        self.state = OPEN
        self.idle = 0
        self.held: list[Any] | None = None
        self.transport = self
        self.buffered = 0
        self.pings = 0
        self.ended: tuple[str | int, float] | None = None
        self._loop = loop
        self._born = loop.now

    def how(self) -> str | int | None:
        """Close code, or "aborted"; None while it lives."""
        return None if self.ended is None else self.ended[0]

    def _end(self, how: str | int) -> None:
        if self.ended is None:
            self.ended = (how, self._loop.now - self._born)

    def close(self, close: Any) -> None:
        self.state = CLOSING
        self._end(close.code)

    def abort(self) -> None:
        self._end("aborted")

    def send(self, frame: bytes) -> None:
        self.pings += 1

    def get_write_buffer_size(self) -> int:
        return self.buffered


class Bench:
    """A clockwork and the gateway it belongs to."""

    def __init__(self, loop: FakeLoop, **settings: Any) -> None:
        self.loop = loop
        self.hub: Hub[Connection] = Hub()
        self.handshakes_refused = 0
        self.slow: list[Any] = []
        self.service = self.hub.service("talk")
        values = {
            "ping_interval": 60.0,
            "limit": 1,
            "handshake_timeout": 10.0,
            "worker_wait": 5.0,
            "max_send_buffer": BUFFER,
            **settings,
        }
        self.clockwork = Clockwork(cast(Any, self), **values)
        self.clockwork.start()

    def too_slow(self, client: Any) -> None:
        """As the gateway's."""
        self.slow.append(client)

    def wake(self) -> None:
        """As the gateway's; nothing to do here."""

    def client(self, state: int = OPEN) -> FakeClient:
        """A client in a state; an open one is watched for its silence."""
        client = FakeClient(self.loop)
        client.state = state
        if state == OPEN:
            self.hub.add(cast(Connection, client), self.service)
            self.clockwork.opened(cast(Connection, client), self.service)
        return client


@pytest.fixture
def loop(monkeypatch: pytest.MonkeyPatch) -> FakeLoop:
    """In the place of the running one."""
    loop = FakeLoop()
    monkeypatch.setattr(asyncio, "get_running_loop", lambda: loop)
    return loop


@pytest.mark.parametrize(("limit", "earliest", "latest"), [(1, 90, 120), (2, 150, 180)])
def test_silent_clients_are_closed_in_time(
    loop: FakeLoop, limit: int, earliest: float, latest: float
) -> None:
    """60/1: after 90 to 120 s of silence, 60/2: after 150 to 180 s, whenever it began."""
    bench = Bench(loop, limit=limit)
    clients = []
    for _ in range(40):
        clients.append(bench.client())
        loop.pass_time(1.7)
    loop.pass_time(300)
    for client in clients:
        assert client.ended is not None
        how, after = client.ended
        assert how == 4001
        assert earliest <= after <= latest + 1


def test_any_byte_counts_as_life(loop: FakeLoop) -> None:
    """Who says something every 80 s is never closed."""
    bench = Bench(loop)
    client = bench.client()
    for _ in range(20):
        loop.pass_time(80)
        client.idle = 0  # what data_received does
    assert client.how() is None


def test_only_silent_clients_are_pinged(loop: FakeLoop) -> None:
    """Who speaks gets no ping; who is silent gets one before it is closed."""
    bench = Bench(loop)
    loud, silent = bench.client(), bench.client()
    for _ in range(20):
        loop.pass_time(5)
        loud.idle = 0
    assert loud.pings == 0
    assert silent.pings > 0


@pytest.mark.parametrize("settings", [{"ping_interval": 0.0}, {"limit": 0}])
def test_heartbeat_can_be_switched_off(loop: FakeLoop, settings: dict[str, Any]) -> None:
    """Without interval or limit nobody is closed for silence."""
    bench = Bench(loop, **settings)
    client = bench.client()
    loop.pass_time(10_000)
    assert client.how() is None


def test_who_is_not_read_is_not_blamed(loop: FakeLoop) -> None:
    """A client that the gateway stopped reading is exempt until it is read again."""
    bench = Bench(loop)
    client = bench.client()
    client.held = [b"x"]
    loop.pass_time(1000)
    assert client.how() is None
    client.held = None
    loop.pass_time(121)
    assert client.how() == 4001


def test_a_process_that_stood_still_closes_nobody(loop: FakeLoop) -> None:
    """After a long pause of the process itself clients have the usual time to speak."""
    bench = Bench(loop)
    client = bench.client()
    loop.now += 500
    loop.pass_time(60)
    assert client.how() is None


def test_handshakes_have_their_time(loop: FakeLoop) -> None:
    """Unfinished ones are dropped and counted; finished ones are not touched."""
    bench = Bench(loop)
    slow, quick = bench.client(HANDSHAKE), bench.client(HANDSHAKE)
    for client in (slow, quick):
        bench.clockwork.handshake_begins(cast(Connection, client))
    quick.state = WAITING
    bench.clockwork.handshake_ends(cast(Connection, quick))
    loop.pass_time(9.9)
    assert slow.how() is None
    loop.pass_time(1)
    assert slow.how() == "aborted"
    assert quick.how() is None
    assert bench.handshakes_refused == 1


def test_waiting_for_a_worker_ends(loop: FakeLoop) -> None:
    """After worker_wait a client is closed with 1013, unless it was opened."""
    bench = Bench(loop)
    waits, served = bench.client(WAITING), bench.client(WAITING)
    for client in (waits, served):
        bench.clockwork.wait_begins(cast(Connection, client))
    served.state = OPEN
    bench.clockwork.opened(cast(Connection, served), bench.service)
    loop.pass_time(6)
    assert waits.how() == 1013
    assert served.how() is None


def test_closing_ends(loop: FakeLoop) -> None:
    """A client that does not answer a close frame is dropped; one that is gone is forgotten."""
    bench = Bench(loop)
    deaf, gone = bench.client(CLOSING), bench.client(CLOSING)
    for client in (deaf, gone):
        bench.clockwork.closing_begins(cast(Connection, client))
    bench.clockwork.forget(cast(Connection, gone))
    loop.pass_time(CLOSE_TIMEOUT + 1)
    assert deaf.how() == "aborted"
    assert gone.how() is None


def test_clients_that_never_bind_are_closed(loop: FakeLoop) -> None:
    """After the service's unbound_timeout with 4101; those with a uid stay."""
    bench = Bench(loop, ping_interval=0.0)
    bench.service.declare(frozenset(), ServiceOptions(unbound_timeout=600))
    unbound, bound = bench.client(), bench.client()
    bench.hub.bind(cast(Connection, bound), "7")
    loop.pass_time(599)
    assert unbound.how() is None
    loop.pass_time(3)
    assert unbound.how() == 4101
    assert bound.how() is None


class TestSlow:
    """A client is judged by its progress."""

    def test_far_too_much_is_too_much_at_once(self, loop: FakeLoop) -> None:
        """Above four times the limit nobody waits."""
        bench = Bench(loop)
        client = bench.client()
        bench.clockwork.congested(cast(Connection, client), 4 * BUFFER + 1, 10)
        assert bench.slow == [client]

    def test_no_progress_for_long_is_slow(self, loop: FakeLoop) -> None:
        """Above the limit with nothing taken for SLOW_TIMEOUT."""
        bench = Bench(loop)
        client = bench.client()
        client.buffered = 2 * BUFFER
        bench.clockwork.congested(cast(Connection, client), client.buffered, 10)
        loop.pass_time(SLOW_TIMEOUT - 1)
        assert bench.slow == []
        loop.pass_time(2)
        assert bench.slow == [client]

    def test_progress_gives_time(self, loop: FakeLoop) -> None:
        """Who takes a little every few seconds is not slow, although the buffer stays full."""
        bench = Bench(loop)
        client = bench.client()
        client.buffered = 2 * BUFFER
        bench.clockwork.congested(cast(Connection, client), client.buffered, 10)
        for _ in range(20):
            loop.pass_time(5)
            client.buffered += 90  # a hundred came in, ...
            bench.clockwork.congested(cast(Connection, client), client.buffered, 100)  # ... 10 out
        assert bench.slow == []

    def test_who_has_caught_up_is_forgotten(self, loop: FakeLoop) -> None:
        """Below the limit the count begins anew."""
        bench = Bench(loop)
        client = bench.client()
        client.buffered = 2 * BUFFER
        bench.clockwork.congested(cast(Connection, client), client.buffered, 10)
        loop.pass_time(SLOW_TIMEOUT - 2)
        client.buffered = 0
        loop.pass_time(1)
        client.buffered = 2 * BUFFER
        bench.clockwork.congested(cast(Connection, client), client.buffered, 10)
        loop.pass_time(SLOW_TIMEOUT - 1)
        assert bench.slow == []


def test_it_can_be_stopped(loop: FakeLoop) -> None:
    """After stop nothing happens any more."""
    bench = Bench(loop)
    client = bench.client()
    bench.clockwork.stop()
    bench.clockwork.stop()
    loop.pass_time(1000)
    assert client.how() is None
