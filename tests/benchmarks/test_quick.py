"""The load generator counts right, and notices when a server does not."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from websockets.asyncio.server import ServerConnection, broadcast, serve

from benchmarks import frames, report
from benchmarks.cases import KEFU, Row
from benchmarks.generator import Fleet, GeneratorError
from benchmarks.processes import Cores, Meter
from benchmarks.servers import ROOT, KefuServer, StockServer

Handler = Callable[[ServerConnection], Awaitable[None]]
NOBODY = Meter({})
INIT = '{"type":"init"}'


@contextmanager
def serving(handler: Handler) -> Iterator[tuple[str, int]]:
    """A WebSocket server in a thread of its own; the generator blocks this one."""
    listener = socket.create_server(("127.0.0.1", 0))
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()
    started = threading.Event()

    async def run() -> None:
        async with serve(handler, sock=listener, compression=None, ping_interval=0.05):
            started.set()
            await stop.wait()

    def target() -> None:
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(run())

    thread = threading.Thread(target=target)
    thread.start()
    try:
        assert started.wait(10)
        yield listener.getsockname()
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)


async def texts(connection: ServerConnection) -> AsyncIterator[str]:
    await connection.send(INIT)
    async for message in connection:
        assert isinstance(message, str)
        yield message


def test_every_echo_is_counted_once_while_the_server_pings() -> None:
    handled = 0

    async def echo(connection: ServerConnection) -> None:
        nonlocal handled
        async for message in texts(connection):
            handled += 1
            await connection.send(message)

    with serving(echo) as address, Fleet(address) as fleet:
        assert fleet.connect(20).operations == 20
        sample = fleet.echo(NOBODY, seconds=0.3, warm_up=0)
        lone = fleet.lone_echo(NOBODY, seconds=0.1, warm_up=0)
        fleet.exchange_once("U")
        counted = sample.operations + lone.operations
    assert sample.operations > 100
    assert len(sample.latencies) == sample.operations
    assert sample.latency_us(0.5) <= sample.latency_us(0.99)
    # Besides what was counted: the last echo of each socket, one text per socket of the exchange,
    # and what ran before the windows began.
    assert 0 <= handled - counted - 20 <= 2 * 20 + 1


def test_every_delivery_of_a_broadcast_is_counted_once() -> None:
    connections: set[ServerConnection] = set()
    handled = 0

    async def fan_out(connection: ServerConnection) -> None:
        nonlocal handled
        connections.add(connection)
        async for message in texts(connection):
            handled += 1
            broadcast(connections, message)

    with serving(fan_out) as address, Fleet(address) as fleet:
        fleet.connect(30)
        lone = fleet.broadcast(NOBODY, in_flight=1, seconds=0.2, warm_up=0)
        bursts = fleet.broadcast(NOBODY, in_flight=4, seconds=0.2, warm_up=0)
    counted = lone.operations + bursts.operations
    assert counted > 100
    assert 0 <= handled * 30 - counted <= 30 * (2 + 5)


async def _wrong_text(connection: ServerConnection) -> None:
    async for message in texts(connection):
        await connection.send(message[:-1] + "!")


async def _twice(connection: ServerConnection) -> None:
    async for message in texts(connection):
        await connection.send(message)
        await connection.send(message)


async def _hang_up(connection: ServerConnection) -> None:
    async for _ in texts(connection):
        await connection.close(1013, "enough")


async def _no_init(connection: ServerConnection) -> None:
    await connection.send("hello")


def _echo(fleet: Fleet) -> None:
    fleet.connect(3)
    fleet.echo(NOBODY, seconds=5, warm_up=0)


@pytest.mark.parametrize("handler", [_wrong_text, _twice, _hang_up, _no_init])
def test_a_server_that_answers_wrongly_is_an_error(handler: Handler) -> None:
    with serving(handler) as address, Fleet(address) as fleet:
        with pytest.raises(GeneratorError):
            _echo(fleet)


@pytest.mark.parametrize("handler", [_wrong_text, _twice, _hang_up])
def test_a_broadcast_that_arrives_wrongly_is_an_error(handler: Handler) -> None:
    with serving(handler) as address, Fleet(address) as fleet:
        fleet.connect(1)
        with pytest.raises(GeneratorError):
            fleet.broadcast(NOBODY, in_flight=2, seconds=5, warm_up=0)


def test_the_stock_server_gives_sane_figures(tmp_path: Path) -> None:
    with (
        StockServer(Cores.choose(), tmp_path, "asyncio") as server,
        server.fleet() as fleet,
    ):
        connected = fleet.connect(50, server.meter())
        sample = fleet.echo(server.meter(), seconds=0.5)
        fleet.exchange_once("U")
    assert connected.cpu_us("server") > 10
    # Physics: an echo costs more than a system call and less than a millisecond.
    assert 2 < sample.cpu_us() < 1000
    assert sample.rate == pytest.approx(sample.operations / 0.5, rel=0.5)
    assert sample.latency_us(0.5) > 20


def test_a_frame_is_masked_as_the_rfc_says() -> None:
    for size in (0, 5, 125, 126, 70000):
        payload = bytes(range(256)) * 274
        payload = payload[:size]
        frame = frames.client_frame(payload)
        start = len(frame) - size
        key = frame[start - 4 : start]
        assert frame[1] & 0x80
        assert bytes(b ^ key[n % 4] for n, b in enumerate(frame[start:])) == payload
        plain = frames.server_frame(payload)
        assert frames.split(plain + plain[:-1] if size else plain).data == [plain]


def test_ratios_are_taken_within_rounds_and_decide_the_verdict() -> None:
    rows = [
        Row("echo", "CPU", "us", {KEFU: [10, 40], "stock": [20, 80]}, target="echo 500"),
        Row("bursts", "CPU", "us", {KEFU: [4, 5], "stock": [8, 10]}, target="fan-out bursts 500"),
        Row("idle", "RSS", "B", {KEFU: [1500]}, target="memory plain"),
    ]
    assert report.ratio(rows[0], "stock") == 0.5
    verdicts = report.check(rows, [500])
    assert [verdict.met for verdict in verdicts] == [True, False, True]
    text = report.table(rows)
    assert "25.0" in text


def test_the_command_measures_and_writes_json(tmp_path: Path) -> None:
    result = tmp_path / "result.json"
    arguments = ["latency", "--quick", "--rounds=1", "--seconds=0.1", "--servers=asyncio"]
    # A process of its own: it pins itself to a core.
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", *arguments, f"--json={result}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "stock, asyncio" in done.stdout
    assert '"latency p50"' in result.read_text()


def test_kefu_itself_can_be_measured(tmp_path: Path) -> None:
    with KefuServer(Cores.choose(), tmp_path) as server, server.fleet() as fleet:
        fleet.connect(20, server.meter())
        echoes = fleet.echo(server.meter(), seconds=0.2)
        fleet.exchange_once("U")
        deliveries = fleet.broadcast(server.meter(), in_flight=4, seconds=0.2)
        pids = [pid for pids in server.groups.values() for pid in pids]
    assert echoes.cpu_us("gateway") > 0
    assert echoes.cpu_us("business") > 0
    assert deliveries.operations > 20
    assert not [pid for pid in pids if Path(f"/proc/{pid}").exists()]
