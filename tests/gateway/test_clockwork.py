"""The time limits of connections, on a clock that the test turns."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import random
from collections.abc import Callable
from typing import Any, cast

import pytest

from gateway import frames
from gateway.clockwork import CLOSE_TIMEOUT, SLOW_TIMEOUT, Clockwork
from gateway.connection import CLOSING, OPEN, WAITING, Connection
from gateway.hub import Hub, Service
from gateway.server import Gateway
from shared import close_codes

from .fakes import FakeGateway, FakeTransport, connect, make_service, server_frames
from .test_handshake import BROWSER

PERIOD = 0.5


class FakeLoop:
    """A loop's clock and timers; ``advance`` turns it."""

    def __init__(self) -> None:
        self.now = 1000.0
        self._timers: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self.cancelled: set[int] = set()

    def time(self) -> float:
        return self.now

    def call_later(self, delay: float, callback: Callable[[], None]) -> Any:
        number = next(self._order)
        heapq.heappush(self._timers, (self.now + delay, number, callback))
        return FakeTimer(self, number)

    def advance(self, seconds: float) -> None:
        """Let time go by, and run what is due when it is due."""
        end = self.now + seconds
        while self._timers and self._timers[0][0] <= end:
            due, number, callback = heapq.heappop(self._timers)
            self.now = max(self.now, due)
            if number not in self.cancelled:
                callback()
        self.now = end

    def stand_still(self, seconds: float) -> None:
        """Let time go by in which nothing runs."""
        self.now += seconds


class FakeTimer:
    def __init__(self, loop: FakeLoop, number: int) -> None:
        self._loop = loop
        self._number = number

    def cancel(self) -> None:
        self._loop.cancelled.add(self._number)


class Bench(FakeGateway):
    """A gateway whose clients the clockwork watches.

    Attributes:
        closed_at: when each client was sent away.
        slow: clients that were too slow.
    """

    def __init__(self, loop: FakeLoop, **settings: Any) -> None:
        super().__init__()
        self.loop = loop
        self.hub: Hub[Connection] = Hub()
        self.closed_at: dict[Connection, float] = {}
        self.slow: list[Connection] = []
        self.wakes = 0
        self._numbers = random.Random(9)
        chosen: dict[str, Any] = {
            "ping_interval": 60.0,
            "limit": 1,
            "handshake_timeout": 10.0,
            "worker_wait": 5.0,
            "max_send_buffer": 1000,
            **settings,
        }
        self.clockwork = Clockwork(cast(Gateway, self), **chosen)
        self.clockwork.start()

    def connection_made(self, client: Connection) -> None:
        self.clockwork.handshake_begins(client)

    def connection_ready(
        self, client: Connection, path: str, headers: list[tuple[str, str]]
    ) -> None:
        self.clockwork.handshake_ends(client)
        if self.opens:
            self.open(client)
        else:
            self.clockwork.wait_begins(client)

    def open(self, client: Connection) -> None:
        client.opened(self._numbers.randrange(1, 2**32))
        self.hub.add(client, self.service)
        self.clockwork.opened(client, self.service)

    def left(self, client: Connection, was_open: bool) -> None:
        super().left(client, was_open)
        self.closed_at[client] = self.loop.now
        self.hub.remove(client)

    def closing(self, client: Connection) -> None:
        self.clockwork.closing_begins(client)

    def connection_lost(self, client: Connection) -> None:
        super().connection_lost(client)
        self.clockwork.forget(client)

    def too_slow(self, client: Connection) -> None:
        self.slow.append(client)

    def wake(self) -> None:
        self.wakes += 1

    def client(self, service: Service[Connection] | None = None) -> Connection:
        """A client that has just been opened."""
        if service is not None:
            self.service = service
        client, transport = connect(self)
        client.data_received(BROWSER)
        assert client.state == OPEN
        transport.take()
        return client


def transport_of(client: Connection) -> FakeTransport:
    assert isinstance(client.transport, FakeTransport)
    return client.transport


@pytest.fixture
def loop(monkeypatch: pytest.MonkeyPatch) -> FakeLoop:
    """The loop that a clockwork finds running."""
    loop = FakeLoop()
    monkeypatch.setattr(asyncio, "get_running_loop", lambda: loop)
    return loop


# Heartbeats


@pytest.mark.parametrize(("interval", "limit"), [(60, 1), (60, 2), (60, 5), (10, 1), (0.8, 1)])
def test_silent_clients_are_cut_as_gatewayworker_does(
    loop: FakeLoop, interval: float, limit: int
) -> None:
    """A client from which nothing comes is closed between (limit + 0.5) and (limit + 1) intervals
    after its last byte: 60/1 after 90-120 s, 60/2 after 150-180 s. However many others come and go
    meanwhile, at whatever moment it came."""
    seed = random.Random(1)
    bench = Bench(loop, ping_interval=interval, limit=limit)
    last_byte: dict[Connection, float] = {}
    step = interval / 24
    for turn in range(24 * (limit + 4)):
        if turn < 60:
            crowd = 200 if turn in (20, 40) else 3
            for _ in range(crowd):
                last_byte[bench.client()] = loop.now
        for client in list(last_byte):
            if client.state == OPEN and turn < 40 and seed.random() < 0.02:
                client.data_received(b"\x8a\x80\0\0\0\0")
                last_byte[client] = loop.now
            elif client.state == OPEN and seed.random() < 0.001:
                del last_byte[client]
                transport_of(client).break_()
        loop.advance(step)
    slack = min(PERIOD, interval / 8)
    silences = [bench.closed_at[client] - last for client, last in last_byte.items()]
    assert len(silences) > 300
    assert min(silences) > (limit + 0.5) * interval - slack
    assert max(silences) <= (limit + 1) * interval + slack
    assert max(silences) - min(silences) > 0.4 * interval
    assert {code for code, *_ in bench.left_with} == {close_codes.SILENT.code, 1006}


def test_who_answers_pings_stays(loop: FakeLoop) -> None:
    """A silent client is asked before it is cut, and its answer, which browsers give by themselves,
    keeps it; one that speaks is not even asked."""
    bench = Bench(loop)
    answers, speaks, silent = (bench.client() for _ in range(3))
    asked = 0
    for _ in range(600):
        loop.advance(1)
        bench.flush()
        if transport_of(answers).take():
            asked += 1
            answers.data_received(b"\x8a\x80\0\0\0\0")
        speaks.data_received(b"\x81\x84\0\0\0\0ping")
    assert 600 / 60 - 1 <= asked <= 600 / 30 + 1
    assert bench.wakes
    assert answers.state == speaks.state == OPEN
    assert transport_of(speaks).written == b""
    opcodes = [opcode for opcode, _ in server_frames(transport_of(silent).written)]
    assert opcodes[:-1] == [9] * (len(opcodes) - 1)
    assert len(opcodes) >= 2
    assert opcodes[-1] == 8


def test_without_limit_nobody_is_cut(loop: FakeLoop) -> None:
    """With ping_not_response_limit 0 clients are asked, which keeps proxies awake, but not cut."""
    bench = Bench(loop, limit=0)
    client = bench.client()
    loop.advance(1000)
    bench.flush()
    assert client.state == OPEN
    assert transport_of(client).written.startswith(frames.PING)


def test_without_interval_there_is_no_heartbeat(loop: FakeLoop) -> None:
    """ping_interval 0 turns it off; nothing is kept of clients then."""
    bench = Bench(loop, ping_interval=0.0)
    client = bench.client()
    loop.advance(1000)
    bench.flush()
    assert client.state == OPEN
    assert transport_of(client).written == b""
    assert not any(bench.clockwork._slots)


def test_who_is_not_read_cannot_be_silent(loop: FakeLoop) -> None:
    """A client whose socket is paused is neither cut nor asked; read again, it has its time."""
    bench = Bench(loop)
    client = bench.client()
    client.held = []
    loop.advance(1000)
    bench.flush()
    assert client.state == OPEN
    assert transport_of(client).written == b""
    client.held = None
    loop.advance(89)
    assert client.state == OPEN
    loop.advance(32)
    assert client.state == CLOSING


def test_a_process_that_stood_still_blames_nobody(loop: FakeLoop) -> None:
    """After a suspension of minutes clients are not cut for what could not be read meanwhile."""
    bench = Bench(loop)
    clients = [bench.client() for _ in range(100)]
    loop.stand_still(600)
    loop.advance(60)
    assert all(client.state == OPEN for client in clients)
    loop.advance(60)
    assert all(client.state == CLOSING for client in clients)


def test_nothing_is_kept_of_clients_that_are_gone(loop: FakeLoop) -> None:
    """Within half an interval after the last client nothing is left of it in the clockwork."""
    bench = Bench(loop)
    for _ in range(50):
        transport_of(bench.client()).break_()
    assert sum(map(len, bench.clockwork._slots)) == 50
    loop.advance(31)
    assert sum(map(len, bench.clockwork._slots)) == 0


# Clients that do not bind


def test_who_does_not_bind_is_closed(loop: FakeLoop) -> None:
    """A client without uid is closed unbound_timeout after it was opened, a bound one is not, and
    services have their own times."""
    bench = Bench(loop, ping_interval=0.0)
    slow, quick = make_service(unbound=600), make_service(name="orders", unbound=5)
    never = make_service(name="news")
    opened_at: dict[Connection, float] = {}
    for _ in range(100):
        for service in (slow, quick, never):
            opened_at[bench.client(service)] = loop.now
        loop.advance(0.13)
    bound = bench.client(quick)
    bench.hub.bind(bound, "7")
    gone = bench.client(quick)
    transport_of(gone).break_()
    loop.advance(620)
    for client, since in opened_at.items():
        if client.service is never:
            assert client.state == OPEN
        else:
            assert client.close_code == close_codes.UNBOUND.code
            timeout = 600 if client.service is slow else 5
            assert timeout <= bench.closed_at[client] - since <= timeout + 2 * PERIOD
    assert bound.state == OPEN
    assert gone.close_code == 1006


# Handshakes, workers, close frames


def test_half_a_handshake_is_dropped(loop: FakeLoop) -> None:
    """Who does not finish the handshake in time is cut off and counted; who does is not."""
    bench = Bench(loop)
    client = bench.client()
    half, _ = connect(bench)
    half.data_received(BROWSER[:50])
    loop.advance(9.9)
    assert not transport_of(half).closed
    loop.advance(1)
    assert transport_of(half).aborted
    assert bench.handshakes_refused == 1
    assert client.state == OPEN


def test_who_waits_too_long_for_a_worker_is_told_to_come_back(loop: FakeLoop) -> None:
    """After worker_wait: 1013. Who got a worker in time stays."""
    bench = Bench(loop)
    bench.opens = False
    served, unserved = (connect(bench)[0] for _ in range(2))
    for client in (served, unserved):
        client.data_received(BROWSER)
        assert client.state == WAITING
    loop.advance(4.9)
    bench.open(served)
    loop.advance(1)
    assert served.state == OPEN
    assert unserved.close_code == 1013


def test_who_does_not_answer_a_close_frame_is_cut_off(loop: FakeLoop) -> None:
    """The closing handshake has its time; who answered in time is left alone."""
    bench = Bench(loop)
    answers, silent = bench.client(), bench.client()
    for client in (answers, silent):
        client.close(close_codes.NORMAL)
    answers.data_received(b"\x88\x82\0\0\0\0\x03\xe8")
    transport_of(answers).break_()
    loop.advance(CLOSE_TIMEOUT - 0.1)
    assert not transport_of(silent).aborted
    loop.advance(PERIOD + 0.1)
    assert transport_of(silent).aborted
    assert not transport_of(answers).aborted


def test_connections_that_are_gone_are_not_kept(loop: FakeLoop) -> None:
    """A connection that ends is in none of the lists any more, however far it had come."""
    bench = Bench(loop)
    bench.opens = False
    begun, _ = connect(bench)
    waiting, _ = connect(bench)
    waiting.data_received(BROWSER)
    bench.opens = True
    closing, congested = bench.client(), bench.client()
    closing.close(close_codes.NORMAL)
    bench.clockwork.congested(congested, 1500, 1500)
    for client in (begun, waiting, closing, congested):
        transport_of(client).break_()
    clockwork = bench.clockwork
    lists = (clockwork._handshakes, clockwork._waiting, clockwork._closing, clockwork._congested)
    assert not any(lists)


# Slow clients


def write(bench: Bench, client: Connection, size: int) -> None:
    """Send a client so many bytes of which the network takes none yet."""
    transport = transport_of(client)
    transport.buffered += size
    if transport.buffered > 1000:
        bench.clockwork.congested(client, transport.buffered, size)


def test_who_takes_nothing_is_slow(loop: FakeLoop) -> None:
    """Above max_send_buffer with nothing taken for ten seconds; not below it."""
    bench = Bench(loop, ping_interval=0.0)
    slow, small = bench.client(), bench.client()
    write(bench, slow, 1001)
    write(bench, small, 1000)
    loop.advance(SLOW_TIMEOUT)
    assert bench.slow == []
    loop.advance(2 * PERIOD)
    assert bench.slow == [slow]
    loop.advance(100)
    assert bench.slow == [slow]


def test_who_takes_a_little_is_not_slow(loop: FakeLoop) -> None:
    """As long as something is taken, however little and however much is added, the client lives."""
    bench = Bench(loop, ping_interval=0.0)
    shrinks, grows = bench.client(), bench.client()
    write(bench, shrinks, 1900)
    write(bench, grows, 1100)
    for _ in range(80):
        loop.advance(1)
        transport_of(shrinks).buffered -= 10
        transport_of(grows).buffered -= 10
        write(bench, grows, 25)
    assert bench.slow == []
    loop.advance(SLOW_TIMEOUT + 2 * PERIOD)
    assert set(bench.slow) == {shrinks, grows}


def test_adding_does_not_make_up_for_taking_nothing(loop: FakeLoop) -> None:
    """A client that takes nothing is slow though more and more is sent to it."""
    bench = Bench(loop, ping_interval=0.0)
    client = bench.client()
    for _ in range(24):
        write(bench, client, 100)
        loop.advance(1)
    assert bench.slow == [client]


def test_who_catches_up_is_forgotten(loop: FakeLoop) -> None:
    """Back below the limit the time begins anew."""
    bench = Bench(loop, ping_interval=0.0)
    client = bench.client()
    write(bench, client, 1500)
    loop.advance(SLOW_TIMEOUT - 1)
    transport_of(client).buffered = 900
    loop.advance(1)
    write(bench, client, 200)
    loop.advance(SLOW_TIMEOUT - 1)
    assert bench.slow == []


def test_far_too_much_is_slow_at_once(loop: FakeLoop) -> None:
    """At four times the limit nobody waits any longer."""
    bench = Bench(loop, ping_interval=0.0)
    client = bench.client()
    write(bench, client, 4000)
    assert bench.slow == []
    write(bench, client, 1)
    assert bench.slow == [client]


def test_stopping_stops_the_clock(loop: FakeLoop) -> None:
    """After stop(), which may be called twice, nothing happens any more."""
    bench = Bench(loop)
    client = bench.client()
    bench.clockwork.stop()
    bench.clockwork.stop()
    loop.advance(1000)
    assert client.state == OPEN
