"""The way of a client through a gateway, from its handshake to its end. Without sockets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from gateway import server
from gateway.connection import CLOSED, HANDSHAKE, OPEN, WAITING, Connection
from gateway.routing import Worker
from gateway.server import Gateway
from shared import protocol
from shared.protocol import ServiceOptions, unpack
from tests.support.ports import Ports
from tests.support.timing import SECOND, TIMEOUT, eventually, within

from .fakes import (
    CLOSE,
    PING,
    TEXT,
    FakeTransport,
    client_frame,
    server_frames,
    settings_of,
)
from .test_handshake import request

HOOKS = ("on_connect", "on_message", "on_close")


class Bench:
    """A gateway whose clients and workers are made by the test.

    Attributes:
        events: of all workers, oldest first: (worker's name, code, fields...).
    """

    def __init__(self, port: int, **settings: Any) -> None:
        self.gateway = Gateway(settings_of(port, **settings), "gateway-0", 0)
        self.events: list[tuple[Any, ...]] = []

    def worker(self, *services: str, hooks: tuple[str, ...] = HOOKS) -> Worker:
        """A worker that is ready."""
        gateway = self.gateway
        name = f"worker {len(self.events)}"

        def take(packed: bytes) -> None:
            self.events += [(name, *message) for message in unpack(packed)]

        declared = [
            (gateway.hub.service(service), frozenset(hooks), ServiceOptions())
            for service in services or ("servicer",)
        ]
        worker = Worker(name, take, declared)
        gateway.worker_ready(worker)
        return worker

    def client(
        self, path: str = "/servicer", *headers: bytes, peer: str = "192.0.2.7"
    ) -> Connection:
        """A client that has sent its request."""
        connection = Connection(self.gateway)
        transport = FakeTransport((peer, 4711))
        transport.protocol = connection
        connection.connection_made(transport)
        connection.data_received(request(*headers, line=b"GET %s HTTP/1.1" % path.encode()))
        if connection.state != HANDSHAKE:
            answer, end, rest = transport.take().partition(b"\r\n\r\n")
            assert answer.startswith(b"HTTP/1.1 101")
            transport.written = rest
            assert end
        return connection

    def frames(self, client: Connection) -> list[tuple[int, bytes]]:
        """What a client was sent since the last look."""
        self.gateway.flush()
        return server_frames(transport_of(client).take())


def transport_of(client: Connection) -> FakeTransport:
    assert isinstance(client.transport, FakeTransport)
    return client.transport


def close_code(client: Connection, bench: Bench) -> int | None:
    """Code of the close frame that it was sent."""
    for opcode, payload in bench.frames(client):
        if opcode == CLOSE:
            return int.from_bytes(payload[:2], "big")
    return None


@pytest.fixture
def ports() -> Iterator[Ports]:
    """Free ports."""
    ports = Ports()
    yield ports
    ports.close()


Make = Callable[..., Bench]


@pytest.fixture
async def make(ports: Ports) -> AsyncIterator[Make]:
    """Makes gateways and closes their inner sockets in the end."""
    made: list[Bench] = []

    def make(**settings: Any) -> Bench:
        made.append(Bench(ports.take(), **settings))
        return made[-1]

    yield make
    for bench in made:
        await within(bench.gateway.peers.close())


@pytest.fixture
async def bench(make: Make) -> Bench:
    """A gateway with usual settings."""
    return make()


# Services


async def test_the_path_names_the_service(bench: Bench) -> None:
    """Each client goes to the service of its path, everything without a name to the default one."""
    bench.worker("servicer", "orders")
    paths = {
        "/orders": "orders", "/orders/1?x=y": "orders", "/servicer": "servicer", "/": "servicer",
        "/wss": "servicer", "/ws?token=/orders": "servicer",
    }  # fmt: skip
    for path, name in paths.items():
        service = bench.client(path).service
        assert service is not None
        assert service.name == name


async def test_an_unknown_name_may_become_known(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Shortly after the start a client waits for a worker that has its service; what it says
    meanwhile is not lost. One whose service nobody brings goes to the default service."""
    monkeypatch.setattr(server, "NEW_SERVICE_WAIT", 0.2 * SECOND)
    bench.worker("servicer")
    known, unknown = bench.client("/orders"), bench.client("/nonsense")
    known.data_received(client_frame(TEXT, b"early"))
    assert known.state == unknown.state == WAITING
    bench.worker("orders")
    assert known.service is bench.gateway.hub.services["orders"]
    assert [event[1] for event in bench.events] == [protocol.CONNECT, protocol.TEXT]
    assert unknown.state == WAITING
    service = await eventually(lambda: unknown.service)
    assert service is bench.gateway.hub.services["servicer"]
    late = bench.client("/other-nonsense")
    assert late.service is bench.gateway.hub.services["servicer"]
    assert set(bench.gateway.hub.services) == {"servicer", "orders"}


async def test_a_client_that_leaves_undecided_is_forgotten(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is opened for nobody when its service comes."""
    client = bench.client("/orders")
    transport_of(client).break_()
    bench.worker("orders")
    assert bench.events == []
    assert client.state == CLOSED


async def test_the_request_reaches_who_wants_it(bench: Bench) -> None:
    """on_websocket_connect gets path, query and headers, also of clients that came before any
    worker, whatever is in the headers; nobody else does, and nothing of it is kept."""
    early = bench.client("/servicer/a?b=c", b"X-Name: \xff\x80")
    bench.worker("servicer", hooks=("on_websocket_connect",))
    late = bench.client("/servicer/d?e")
    found = [event[-1] for event in bench.events]
    assert found[0][:2] == ["/servicer/a", "b=c"]
    assert ["X-Name", "\xff\x80"] in found[0][2]
    assert found[1][:2] == ["/servicer/d", "e"]
    worker = bench.gateway.routing.all_workers[0]
    assert early.request is not None
    bench.gateway.routing.acknowledged(worker, 2, [])
    assert early.request is late.request is None


async def test_only_who_wants_the_request_gets_it(bench: Bench) -> None:
    """Without on_websocket_connect CONNECT is short, and the request is not kept."""
    early = bench.client("/servicer?a=b")
    worker = bench.worker("servicer")
    assert bench.events[0][-1] is None
    bench.gateway.routing.acknowledged(worker, 1, [])
    assert early.request is None
    assert bench.client("/servicer?a=b").request is None


# Who may connect


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        ("10.0.0.1", "203.0.113.7", "203.0.113.7:0"),
        ("10.0.0.1", "6.6.6.6, 203.0.113.7", "203.0.113.7:0"),
        ("10.0.0.1", "6.6.6.6, 203.0.113.7, 10.9.9.9, 192.168.1.1", "203.0.113.7:0"),
        ("10.0.0.1", "203.0.113.7 , 10.0.0.2 ", "203.0.113.7:0"),
        ("10.0.0.1", "2001:db8::7", "2001:db8::7:0"),
        ("10.0.0.1", "::ffff:10.0.0.3, 203.0.113.7", "203.0.113.7:0"),
        ("10.0.0.1", "203.0.113.7, ::ffff:10.0.0.3", "203.0.113.7:0"),
        ("::ffff:10.0.0.1", "203.0.113.7", "203.0.113.7:0"),
        ("10.0.0.1", "10.0.0.2", "10.0.0.1:4711"),
        ("10.0.0.1", "", "10.0.0.1:4711"),
        ("10.0.0.1", "junk", "10.0.0.1:4711"),
        ("10.0.0.1", "203.0.113.7, junk", "10.0.0.1:4711"),
        ("10.0.0.1", None, "10.0.0.1:4711"),
        ("192.0.2.7", "203.0.113.7", "192.0.2.7:4711"),
        ("192.0.2.7", "10.0.0.1", "192.0.2.7:4711"),
    ],
)
async def test_forwarded_addresses(
    make: Make, peer: str, forwarded: str | None, address: str
) -> None:
    """Behind trusted proxies a client's address is the last one that is not a proxy's: what it
    claims itself stands before that. From anybody else the header means nothing."""
    bench = make(trusted_proxies=["10.0.0.0/8", "192.168.1.1"])
    headers = [] if forwarded is None else [b"X-Forwarded-For: " + forwarded.encode()]
    assert bench.client("/", *headers, peer=peer).address == address


async def test_several_forwarded_headers_are_one(make: Make) -> None:
    """Each proxy may add a line of its own, in whatever case."""
    bench = make(trusted_proxies=["10.0.0.0/8"])
    lines = (
        b"X-Forwarded-For: 6.6.6.6",
        b"x-forwarded-for: 203.0.113.7",
        b"X-FORWARDED-FOR: 10.1.1.1",
    )
    assert bench.client("/", *lines, peer="10.0.0.1").address == "203.0.113.7:0"


async def test_without_proxies_the_header_means_nothing(bench: Bench) -> None:
    """Even from loopback."""
    client = bench.client("/", b"X-Forwarded-For: 203.0.113.7", peer="127.0.0.1")
    assert client.address == "127.0.0.1:4711"


async def test_connections_are_limited(make: Make) -> None:
    """Above max_connections: 4100; those that are here stay, and who leaves makes room."""
    bench = make(gateway={"max_connections": 2})
    bench.worker()
    first, second, third = (bench.client() for _ in range(3))
    assert (first.state, second.state) == (OPEN, OPEN)
    assert close_code(third, bench) == 4100
    for client in (third, first):
        transport_of(client).break_()
    assert bench.client().state == OPEN


async def test_connections_of_one_address_are_limited(make: Make) -> None:
    """Above max_connections_per_address: 4100, for that address only, until one of it leaves."""
    bench = make(gateway={"max_connections_per_address": 2})
    bench.worker()
    clients = [bench.client(peer="192.0.2.1") for _ in range(3)]
    assert close_code(clients[2], bench) == 4100
    assert bench.client(peer="192.0.2.2").state == OPEN
    for client in clients:
        transport_of(client).break_()
    assert [bench.client(peer="192.0.2.1").state for _ in range(2)] == [OPEN, OPEN]
    assert bench.gateway._per_address == {"192.0.2.1": 2, "192.0.2.2": 1}


async def test_nothing_is_kept_of_clients_that_are_gone(make: Make) -> None:
    """However far they had come: no index, no counter, no list knows them any more."""
    bench = make(gateway={"max_connections_per_address": 10})
    waiting = bench.client("/servicer")
    undecided = bench.client("/orders")
    bench.worker()
    opened = bench.client()
    refused = bench.client("/servicer\x80")
    for client in (waiting, undecided, opened, refused):
        if not transport_of(client).closed:
            client.destroy()
        transport_of(client).break_()
    gateway = bench.gateway
    bench.worker("orders")
    assert not gateway._connections
    assert not gateway._per_address
    assert not gateway._undecided
    assert not gateway.hub.clients
    assert not any(gateway.routing._waiting.values())


# Writing


async def test_a_turns_messages_leave_together(bench: Bench) -> None:
    """Each client gets what it was sent within one turn in one write, in order."""
    bench.worker()
    clients = [bench.client() for _ in range(3)]
    commands, service = bench.gateway.commands, bench.gateway.hub.service("servicer")
    for number in range(3):
        commands.send_to_all(service, TEXT, b"all %d" % number, [])
    commands.send_to_client(service, clients[1].number, TEXT, b"one")
    expected = [(TEXT, b"all %d" % number) for number in range(3)]
    writes = [transport_of(client).writes for client in clients]
    assert bench.frames(clients[0]) == expected
    assert bench.frames(clients[1]) == [*expected, (TEXT, b"one")]
    assert bench.frames(clients[2]) == expected
    assert [transport_of(c).writes - w for c, w in zip(clients, writes, strict=True)] == [1, 1, 1]


async def test_what_is_sent_to_a_closing_client_is_dropped(bench: Bench) -> None:
    """A client that closes within the turn is not written to any more, and harms no other."""
    bench.worker()
    first, second = bench.client(), bench.client()
    service = bench.gateway.hub.service("servicer")
    bench.gateway.commands.send_to_all(service, TEXT, b"x", [])
    first.data_received(client_frame(CLOSE, b"\x03\xe8"))
    assert bench.frames(second) == [(TEXT, b"x")]
    assert [opcode for opcode, _ in bench.frames(first)] == [TEXT, CLOSE]


async def test_slow_clients_are_closed(make: Make) -> None:
    """Far above max_send_buffer a client is closed as slow, and counted; the worker hears it."""
    bench = make(gateway={"max_send_buffer": 1000})
    bench.worker()
    slow, quick = bench.client(), bench.client()
    service = bench.gateway.hub.service("servicer")
    transport_of(slow).buffered = 4001
    bench.gateway.commands.send_to_all(service, TEXT, b"x", [])
    assert [opcode for opcode, _ in bench.frames(slow)] == [TEXT, CLOSE]
    assert quick.state == OPEN
    assert bench.gateway.status()["slow_closed"] == 1
    assert bench.events[-1][-2:] == (4000, "too slow")


async def test_who_asks_and_does_not_listen_is_slow(make: Make) -> None:
    """Answers to pings that the client does not take count as everything else does."""
    bench = make(gateway={"max_send_buffer": 1000})
    bench.worker()
    client = bench.client()
    ping = client_frame(PING, b"x" * 125)
    for _ in range(100):
        if client.state == OPEN:
            client.data_received(ping)
            transport_of(client).buffered += 127
    assert client.close_code == 4000
    assert bench.gateway.status()["slow_closed"] == 1


# Looking inside


async def test_status_and_connections(bench: Bench) -> None:
    """Numbers of what is here, and a row per client, not more than asked for."""
    bench.worker()
    first, second = bench.client(), bench.client()
    bench.gateway.hub.bind(first, "7")
    bench.gateway.hub.join(first, "g")
    first.data_received(client_frame(TEXT, b"hello"))
    status = bench.gateway.status()
    assert status["clients"] == status["connections"] == status["accepted"] == 2
    assert status["messages_in"] == 1
    assert (status["uids"], status["groups"]) == (1, 1)
    assert status["services"] == {"servicer": 2}
    assert status["unacknowledged_events"] == 3
    rows = bench.gateway.connections(10)
    assert [row["client_id"] for row in rows] == [first.client_id, second.client_id]
    assert rows[0]["uid"] == "7"
    assert rows[0]["groups"] == ["g"]
    assert rows[0]["address"] == "192.0.2.7:4711"
    assert len(bench.gateway.connections(1)) == 1


# The end


def answer_closes(clients: list[Connection]) -> None:
    """Do what good clients do when they are sent a close frame."""
    for client in clients:
        transport = transport_of(client)
        if client.state == 3 and not transport.closed:
            client.data_received(client_frame(CLOSE, b"\x03\xe9"))
            transport.break_()


@pytest.mark.parametrize(("restarting", "code"), [(False, 1001), (True, 1012)])
async def test_stopping_sends_everybody_away(bench: Bench, restarting: bool, code: int) -> None:
    """Clients are told to come back, spread over half of the drain time; who waits too; who is in
    the handshake is cut off. It ends as soon as all have gone and their workers know."""
    worker = bench.worker()
    waiting = bench.client("/orders")
    clients = [*(bench.client() for _ in range(20)), waiting]
    half = Connection(bench.gateway)
    half.connection_made(FakeTransport())
    transport_of(half).protocol = half
    begin = asyncio.get_running_loop().time()
    stopping = asyncio.create_task(bench.gateway.stop(restarting, 3.0))
    await asyncio.sleep(0)
    assert transport_of(half).aborted
    transport_of(half).break_()
    first = sum(client.state == 3 for client in clients)
    assert 0 < first < len(clients)
    while not stopping.done() and any(client.state != CLOSED for client in clients):
        answer_closes(clients)
        await asyncio.sleep(0.01)
    assert {close_code(client, bench) for client in clients} == {code}
    assert not stopping.done()
    bench.gateway.routing.acknowledged(worker, worker.seq, [])
    bench.gateway.look_whether_gone()
    await within(stopping)
    assert 0.3 < asyncio.get_running_loop().time() - begin < 3.0
    closes = [event for event in bench.events if event[1] == protocol.CLOSE]
    assert len(closes) == 20


async def test_stopping_ends_at_its_deadline(bench: Bench) -> None:
    """Clients that do not answer and workers that do not acknowledge do not stop it from ending."""
    bench.worker()
    clients = [bench.client() for _ in range(3)]
    async with asyncio.timeout(TIMEOUT):
        await bench.gateway.stop(False, 0.2)
    assert all(transport_of(client).aborted for client in clients)


async def test_stopping_an_idle_gateway_takes_no_time(bench: Bench) -> None:
    """Without clients there is nothing to wait for."""
    async with asyncio.timeout(TIMEOUT):
        await bench.gateway.stop(False, 100 * TIMEOUT)


async def test_who_comes_while_it_stops_is_sent_on(bench: Bench) -> None:
    """A handshake that ends while the gateway stops is answered with the same close code."""
    bench.worker()
    client = bench.client()
    stopping = asyncio.create_task(bench.gateway.stop(True, 0.2))
    await asyncio.sleep(0)
    late = bench.client()
    assert close_code(late, bench) == 1012
    await within(stopping)
    assert client.state != OPEN
