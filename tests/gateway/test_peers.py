"""The inner sockets of a gateway, and peers that say what they should not. Real ZeroMQ."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
import zmq

from gateway import peers as peers_module
from gateway.connection import WAITING, Connection
from gateway.server import Gateway
from shared import curve, protocol
from shared.drain import Drain
from shared.protocol import CallError, pack, unpack
from tests.support.ports import Ports
from tests.support.timing import SECOND, eventually, within

from .fakes import TEXT, FakeTransport, server_frames, settings_of

SECRET = "a secret that is long enough for all"
OTHER = "another one that is also long enough"
HOOKS = ["on_connect", "on_message", "on_close"]
SOON = 60.0

Message = list[Any]


class Bench:
    """A gateway with its inner sockets, and clients without sockets."""

    def __init__(self, port: int, secret: Any = SECRET, **inner: float) -> None:
        self.gateway = Gateway(settings_of(port, secret, inner=inner), "gateway-0", 0)
        self.port = port
        self.peers = self.gateway.peers
        self.peers.bind("127.0.0.1", port)
        self.made: list[RawPeer] = []
        self._closed = False

    async def close(self) -> None:
        if not self._closed:
            self._closed = True
            await within(self.peers.close())
        for peer in self.made:
            peer.close()

    def peer(self, secret: str = SECRET, port: int = 0) -> RawPeer:
        """A connection that has said nothing yet."""
        peer = RawPeer(port or self.port, secret)
        self.made.append(peer)
        return peer

    async def worker(self, instance: str = "i1", hooks: list[str] = HOOKS) -> RawPeer:
        """A worker that is ready."""
        peer = self.peer()
        peer.hello("worker", instance, hooks)
        await peer.receive(protocol.WELCOME)
        peer.send((protocol.READY,))
        service = self.gateway.hub.service("servicer")
        count = len(self.gateway.routing.workers.get(service, []))
        await eventually(
            lambda: (
                len(self.gateway.routing.workers.get(service, [])) > count
                or self.gateway.routing.has_worker(service)
            )
        )
        return peer

    async def caller(self, instance: str = "c1") -> RawPeer:
        """A GatewayClient's connection."""
        peer = self.peer()
        peer.hello("client", instance)
        await peer.receive(protocol.WELCOME)
        return peer

    def client(self) -> Connection:
        """A client whose handshake is done."""
        connection = Connection(self.gateway)
        transport = FakeTransport()
        transport.protocol = connection
        connection.connection_made(transport)
        connection.state = WAITING
        self.gateway.connection_ready(connection, "/servicer", [])
        return connection

    def received(self, client: Connection) -> list[bytes]:
        """Payloads that a client was sent since the last look."""
        self.gateway.flush()
        assert isinstance(client.transport, FakeTransport)
        return [payload for _, payload in server_frames(client.transport.take())]


class RawPeer:
    """A DEALER that says what the test wants."""

    def __init__(self, port: int, secret: str) -> None:
        self.context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self.socket = self.context.socket(zmq.DEALER)
        self.socket.linger = 0
        self.socket.sndhwm = self.socket.rcvhwm = 0  # a test may send more than ZeroMQ would queue
        curve.protect_client(
            self.socket, curve.peer_keys(secret), curve.gateway_keys(secret).public
        )
        self.socket.connect(f"tcp://127.0.0.1:{port}")
        self.frames: list[list[Message]] = []
        self.messages: list[Message] = []
        self.drain: Drain | None = Drain(self.socket, self._take)
        self.number = 0

    def close(self) -> None:
        if self.drain is not None:
            self.drain.stop()
            self.drain = None
            self.socket.close()
            self.context.term()

    def _take(self, parts: list[bytes]) -> None:
        messages = list(unpack(parts[-1]))
        self.frames.append(messages)
        self.messages += [m for m in messages if m[0] != protocol.HEARTBEAT]

    def send(self, *messages: tuple[Any, ...]) -> None:
        self.send_bytes(b"".join(pack(message) for message in messages))

    def send_bytes(self, frame: bytes) -> None:
        assert self.drain is not None
        self.socket.send(frame, zmq.NOBLOCK)
        self.drain.look()

    def hello(
        self,
        kind: str = "client",
        instance: str = "c1",
        hooks: list[str] = HOOKS,
        version: Any = protocol.VERSION,
        *later: Any,
    ) -> None:
        services = [["servicer", hooks if kind == "worker" else [], {}]]
        self.send((protocol.HELLO, version, kind, f"{kind} {instance}", instance, services, *later))

    def command(
        self, code: int, *fields: Any, number: int = 0, deadline: float = SOON, service: int = 0
    ) -> int:
        """Send a command; its number. Negative: nobody waits."""
        self.number = abs(number) or self.number + 1
        clock = int((time.monotonic() + deadline) * 1000)
        self.send((code, number or self.number, clock, service, *fields))
        return self.number

    async def receive(self, code: int) -> Message:
        """Take out the oldest message of a code, once it has come."""

        def find() -> Message | None:
            for message in self.messages:
                if message[0] == code:
                    self.messages.remove(message)
                    return message
            return None

        return await eventually(find)

    async def ask(self, code: int, *fields: Any, **options: Any) -> Any:
        """Send a command and get its result."""
        number = self.command(code, *fields, **options)
        answer = await self.receive(protocol.REPLY)
        assert answer[1] == number
        return answer[2]

    async def fail(self, code: int, *fields: Any, **options: Any) -> str:
        """Send a command and get the code of its error."""
        number = options.get("number") or self.number + 1
        self.command(code, *fields, **options)
        answer = await self.receive(protocol.ERROR)
        assert answer[1] == number
        return str(answer[2])


@pytest.fixture
def ports() -> Iterator[Ports]:
    """Free ports."""
    ports = Ports()
    yield ports
    ports.close()


Make = Callable[..., Bench]


@pytest.fixture
async def make(ports: Ports) -> AsyncIterator[Make]:
    """Makes gateways and closes them in the end."""
    made: list[Bench] = []

    def make(**options: Any) -> Bench:
        made.append(Bench(ports.take(), **options))
        return made[-1]

    yield make
    for bench in made:
        await bench.close()


@pytest.fixture
async def bench(make: Make) -> Bench:
    """A gateway."""
    return make()


# Introductions


async def test_hello_is_welcomed(bench: Bench) -> None:
    """WELCOME carries version, instance, clock and prefix."""
    peer = bench.peer()
    before = int(time.monotonic() * 1000)
    peer.hello()
    _, version, instance, clock, prefix = await peer.receive(protocol.WELCOME)
    assert (version, instance) == (protocol.VERSION, bench.gateway.instance)
    assert before <= clock <= time.monotonic() * 1000
    assert prefix == bench.gateway.prefix


async def test_nothing_is_done_for_strangers(bench: Bench) -> None:
    """Who has not said hello is told so, whatever it says, and nothing of it is executed."""
    await bench.worker()
    client = bench.client()
    peer = bench.peer()
    deadline = int((time.monotonic() + SOON) * 1000)
    send: tuple[Any, ...] = (protocol.SEND_TO_ALL, 1, deadline, 0, TEXT, b"x", [])
    strangers: list[tuple[Any, ...]] = [
        send,
        (protocol.HEARTBEAT, "i", 0),
        (protocol.READY,),
        (99,),
    ]
    for message in strangers:
        peer.send(message, send)
        assert await peer.receive(protocol.HELLO_REQUIRED) == [protocol.HELLO_REQUIRED]
    assert bench.received(client) == []
    assert peer.messages == []


async def test_commands_behind_the_hello_are_executed(bench: Bench) -> None:
    """HELLO and commands may share a frame."""
    peer = bench.peer()
    clock = int((time.monotonic() + SOON) * 1000)
    peer.send(
        (protocol.HELLO, protocol.VERSION, "client", "n", "c1", [["servicer", [], {}]]),
        (protocol.COUNT_CLIENTS, 1, clock, 0, None),
    )
    assert (await peer.receive(protocol.REPLY))[1:] == [1, 0]


@pytest.mark.parametrize("version", [0, 2, "1", None])
async def test_other_versions_are_refused(bench: Bench, version: Any) -> None:
    """With REFUSED and our version; the peer may say another hello."""
    peer = bench.peer()
    peer.hello(version=version)
    refusal = await peer.receive(protocol.REFUSED)
    assert refusal[1:3] == ["version", protocol.VERSION]
    peer.hello()
    await peer.receive(protocol.WELCOME)


@pytest.mark.parametrize(
    "fields",
    [
        (), (1,), (1, "worker"), (1, "king", "n", "i", []), (1, "worker", "n", "i", 5),
        (1, "worker", "n", "i", [5]), (1, "worker", "n", "i", [["s"]]),
        (1, "worker", "n", "i", [["s", 5, {}]]), (1, "worker", "n", "i", [["s", [], []]]),
        (1, "worker", "n", "i", [["s", [], {"unbound_timeout": "x"}]]),
        (1, "worker", "n", "i", [["s", [["list"]], {}]]), (1, "worker", "n", "i", [], 5),
    ],
    ids=repr,
)  # fmt: skip
async def test_a_hello_that_makes_no_sense_is_refused(
    bench: Bench, fields: tuple[Any, ...]
) -> None:
    """With REFUSED bad_hello; it leaves no peer."""
    peer = bench.peer()
    peer.send((protocol.HELLO, *fields))
    assert (await peer.receive(protocol.REFUSED))[1] == "bad_hello"
    assert bench.peers.status() == []


async def test_two_secrets_have_two_doors(make: Make) -> None:
    """While the secret is being changed, peers of either find a door of their own."""
    bench = make(secret=[SECRET, OTHER])
    assert set(bench.peers.endpoints) == {curve.fingerprint(SECRET), curve.fingerprint(OTHER)}
    assert bench.peers.endpoints[curve.fingerprint(SECRET)] == bench.port
    for secret in (SECRET, OTHER):
        peer = bench.peer(secret, bench.peers.endpoints[curve.fingerprint(secret)])
        peer.hello(instance=secret[:5])
        await peer.receive(protocol.WELCOME)
    assert len(bench.peers.status()) == 2


async def test_a_port_that_is_taken_is_told(make: Make, bench: Bench) -> None:
    """bind() raises OSError, and all can be closed after it."""
    second = Gateway(settings_of(bench.port, SECRET), "gateway-1", 0)
    with pytest.raises(OSError, match="in use"):
        second.peers.bind("127.0.0.1", bench.port)
    await within(second.peers.close())


# Commands


async def test_commands_are_answered_in_one_frame(bench: Bench) -> None:
    """What was asked in one frame is answered in one, in order; what nobody waits for by one DONE
    behind it."""
    await bench.worker()
    client = bench.client()
    peer = await bench.caller()
    clock = int((time.monotonic() + SOON) * 1000)
    peer.send(
        (protocol.BIND_UID, 1, clock, 0, client.number, "7"),
        (protocol.SEND_TO_CLIENT, -2, clock, 0, client.number, TEXT, b"cast"),
        (protocol.SEND_TO_UIDS, 3, clock, 0, ["7"], TEXT, b"call"),
        (protocol.GET_UID, 4, clock, 0, client.number),
    )
    await peer.receive(protocol.DONE)
    assert peer.frames[-1] == [
        [protocol.REPLY, 1, True],
        [protocol.REPLY, 3, 1],
        [protocol.REPLY, 4, "7"],
        [protocol.DONE, 2],
    ]
    assert bench.received(client) == [b"cast", b"call"]


async def test_casts_are_acknowledged_though_nothing_else_is_said(bench: Bench) -> None:
    """DONE comes soon when there is no frame for it to ride on, and at once when many are undone,
    so that no window stays closed."""
    await bench.worker()
    client = bench.client()
    peer = await bench.caller()
    peer.command(protocol.SEND_TO_CLIENT, client.number, TEXT, b"x", number=-1)
    assert await peer.receive(protocol.DONE) == [protocol.DONE, 1]
    clock = int((time.monotonic() + SOON) * 1000)
    count = protocol.WINDOW_MESSAGES
    peer.send(
        *(
            (protocol.SEND_TO_CLIENT, -number, clock, 0, client.number, TEXT, b"x")
            for number in range(2, count + 2)
        )
    )
    assert await peer.receive(protocol.DONE) == [protocol.DONE, count + 1]
    assert len(bench.received(client)) == count + 1


async def test_late_commands_are_not_executed(bench: Bench) -> None:
    """After its deadline a command is answered with ERROR late, waited for or not."""
    await bench.worker()
    client = bench.client()
    peer = await bench.caller()
    fields = (client.number, TEXT, b"x")
    assert await peer.fail(protocol.SEND_TO_CLIENT, *fields, deadline=-0.01) == CallError.LATE
    late = await peer.fail(protocol.SEND_TO_CLIENT, *fields, number=-2, deadline=-0.01)
    assert late == CallError.LATE
    assert bench.received(client) == []
    assert await peer.ask(protocol.SEND_TO_CLIENT, *fields) is True


@pytest.mark.parametrize(
    ("code", "fields"),
    [
        (protocol.SEND_TO_CLIENT, ()), (protocol.SEND_TO_CLIENT, (1, TEXT)),
        (protocol.SEND_TO_CLIENTS, (5, TEXT, b"x")), (protocol.BIND_UID, (1, "")),
        (protocol.CLOSE_CLIENT, (1, TEXT, b"", 1006, "")),
        (protocol.CLOSE_CLIENT, (1, TEXT, b"", 1000, "x" * 200)),
        (protocol.SET_SESSION, (1, b"\xc1", None)), (protocol.CLIENTS, (None, "a", 1)),
        (protocol.SEND_TO_ALL, (TEXT, "text", [])),
    ],
    ids=repr,
)  # fmt: skip
async def test_bad_commands_are_answered(bench: Bench, code: int, fields: tuple[Any, ...]) -> None:
    """Missing fields or bad ones: ERROR bad_command, and the link goes on."""
    await bench.worker()
    client = bench.client()
    bench.gateway.hub.remove(client)
    client.number = 1
    bench.gateway.hub.add(client, bench.gateway.hub.service("servicer"))
    peer = await bench.caller()
    assert await peer.fail(code, *fields) == CallError.BAD_COMMAND
    assert await peer.ask(protocol.COUNT_CLIENTS, None) == 1
    assert bench.peers.errors == 1


async def test_commands_of_later_versions_are_answered(bench: Bench) -> None:
    """A code that this gateway does not know: ERROR unknown_command, and the link goes on."""
    peer = await bench.caller()
    assert await peer.fail(200) == CallError.UNKNOWN_COMMAND
    assert await peer.ask(protocol.COUNT_CLIENTS, None) == 0


async def test_a_service_that_was_not_declared_is_a_bad_command(bench: Bench) -> None:
    """The index must be one of the peer's own services."""
    peer = await bench.caller()
    assert await peer.fail(protocol.COUNT_CLIENTS, None, service=1) == CallError.BAD_COMMAND


async def test_a_fault_of_ours_costs_one_command(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A command that fails unexpectedly: ERROR failed, a traceback in the log; the link stays."""

    def fail(*_: Any) -> None:
        raise RuntimeError("a fault of ours")

    monkeypatch.setitem(bench.gateway.commands.table, protocol.GROUPS, fail)
    peer = await bench.caller()
    assert await peer.fail(protocol.GROUPS) == CallError.FAILED
    assert "a fault of ours" in caplog.text
    assert await peer.ask(protocol.COUNT_CLIENTS, None) == 0


async def test_later_versions_may_append_fields(bench: Bench) -> None:
    """Fields behind those of the row are ignored, in commands and in everything else."""
    await bench.worker()
    client = bench.client()
    peer = await bench.caller()
    assert await peer.ask(protocol.BIND_UID, client.number, "7", "a later field", 1) is True
    peer.send((protocol.HEARTBEAT, "i", 0, "later"), (protocol.READY, "later"))
    assert await peer.ask(protocol.GET_UID, client.number, {"later": 1}) == "7"


# Repetition


async def test_a_repeated_change_is_answered_from_memory(bench: Bench) -> None:
    """After a loss a peer asks again with the same number: the answer is the same, and nothing is
    done twice. Questions are asked anew."""
    await bench.worker()
    client = bench.client()
    peer = await bench.caller()
    assert await peer.ask(protocol.SEND_TO_CLIENT, client.number, TEXT, b"once", number=1) is True
    assert await peer.ask(protocol.COUNT_CLIENTS, None, number=2) == 1
    peer.command(protocol.SEND_TO_CLIENT, client.number, TEXT, b"cast", number=-3)
    await peer.receive(protocol.DONE)
    peer.close()
    assert bench.received(client) == [b"once", b"cast"]
    again = await bench.caller()
    client.destroy()
    assert await again.ask(protocol.SEND_TO_CLIENT, client.number, TEXT, b"once", number=1) is True
    assert await again.ask(protocol.COUNT_CLIENTS, None, number=2) == 0
    again.command(protocol.SEND_TO_CLIENT, client.number, TEXT, b"cast", number=-3)
    assert await again.receive(protocol.DONE) == [protocol.DONE, 3]
    assert await again.ask(protocol.SEND_TO_CLIENT, client.number, TEXT, b"new", number=4) is False


async def test_errors_are_remembered_too(bench: Bench) -> None:
    """A change that was too late stays so, although its repetition says it is not."""
    await bench.worker()
    client = bench.client()
    peer = await bench.caller()
    fields = (client.number, TEXT, b"x")
    await peer.fail(protocol.SEND_TO_CLIENT, *fields, number=1, deadline=-1)
    again = await bench.caller()
    assert await again.fail(protocol.SEND_TO_CLIENT, *fields, number=1) == CallError.LATE
    assert bench.received(client) == []


async def test_what_memory_no_longer_holds_is_not_executed(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A number that came before, whose answer is forgotten: ERROR unknown_outcome."""
    await bench.worker()
    client = bench.client()
    peer = await bench.caller()
    for number in range(1, peers_module.MEMORY + 2):
        peer.command(protocol.SEND_TO_CLIENT, client.number, TEXT, b"x", number=number)
    await eventually(lambda: len(peer.messages) == peers_module.MEMORY + 1)
    peer.messages.clear()
    fields = (client.number, TEXT, b"x")
    assert await peer.fail(protocol.SEND_TO_CLIENT, *fields, number=1) == CallError.UNKNOWN_OUTCOME
    assert await peer.ask(protocol.SEND_TO_CLIENT, *fields, number=2) is True
    assert len(bench.received(client)) == peers_module.MEMORY + 1


async def test_instances_have_memories_of_their_own(bench: Bench) -> None:
    """Two programs may use the same numbers."""
    await bench.worker()
    client = bench.client()
    for instance in ("c1", "c2"):
        peer = await bench.caller(instance)
        fields = (client.number, TEXT, instance.encode())
        assert await peer.ask(protocol.SEND_TO_CLIENT, *fields, number=1) is True
    assert bench.received(client) == [b"c1", b"c2"]


async def test_memory_outlives_a_connection_that_breaks_late(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A peer comes back before its old connection is seen to be broken: what it did is remembered
    as long as the new one stands; and forgotten some time after the last one has gone."""
    monkeypatch.setattr(peers_module, "MEMORY_LIFE", 0.1)
    bench = make(heartbeat_interval=0.05, heartbeat_timeout=30)
    await bench.worker()
    client = bench.client()
    fields = (client.number, TEXT, b"x")
    old = await bench.caller()
    assert await old.ask(protocol.SEND_TO_CLIENT, *fields, number=1) is True
    await bench.caller()
    assert len(bench.peers.status()) == 2
    old.close()
    await asyncio.sleep(0.4)
    newest = await bench.caller()
    assert await newest.ask(protocol.SEND_TO_CLIENT, *fields, number=1) is True
    assert len(bench.received(client)) == 1
    newest.close()
    await eventually(lambda: "c1" not in bench.peers._memories)


# Workers


async def test_a_worker_gets_events_when_it_is_ready(bench: Bench) -> None:
    """Not before READY; then those of the clients that waited, and what they say."""
    peer = bench.peer()
    peer.hello("worker", "i1")
    await peer.receive(protocol.WELCOME)
    client = bench.client()
    peer.send((protocol.HEARTBEAT, "i1", 0))
    assert client.state == WAITING
    peer.send((protocol.READY,))
    connect = await peer.receive(protocol.CONNECT)
    assert connect == [
        protocol.CONNECT, 1, 0, client.number, ["192.0.2.7:4711", None, [], b""], None
    ]  # fmt: skip
    client.data_received(b"\x81\x85\0\0\0\0hello\x82\x81\0\0\0\0\xff")
    assert await peer.receive(protocol.TEXT) == [protocol.TEXT, 2, client.number, b"hello"]
    assert await peer.receive(protocol.BINARY) == [protocol.BINARY, 3, client.number, b"\xff"]
    peer.command(protocol.BIND_UID, client.number, "7")
    changed = await peer.receive(protocol.CHANGED)
    assert changed == [protocol.CHANGED, 4, client.number, "7", [], b""]
    client.destroy()
    close = await peer.receive(protocol.CLOSE)
    state = ["192.0.2.7:4711", "7", [], b""]
    assert close == [protocol.CLOSE, 5, 0, client.number, state, 1006, ""]
    peer.send((protocol.ACK, 3, [5]))
    await eventually(lambda: list(bench.gateway.routing.all_workers[0].unacked) == [4])


async def test_a_worker_leaves(bench: Bench) -> None:
    """LEFT comes when its clients are with others."""
    old = await bench.worker("i1")
    client = bench.client()
    await old.receive(protocol.CONNECT)
    new = await bench.worker("i2")
    old.send((protocol.LEAVE,))
    old.send((protocol.ACK, 1, []))
    assert await old.receive(protocol.LEFT) == [protocol.LEFT]
    assert (await new.receive(protocol.ADOPT))[3] == client.number


@pytest.mark.parametrize(
    "end",
    [
        "bye", "garbage", "unexpected message", "malformed message", "closed socket",
        "second hello",
    ],
)  # fmt: skip
async def test_a_worker_that_is_gone_is_replaced(bench: Bench, end: str) -> None:
    """However a connection ends, its clients go to another worker at once."""
    old = await bench.worker("i1")
    client = bench.client()
    await old.receive(protocol.CONNECT)
    old.send((protocol.ACK, 1, []))
    new = await bench.worker("i2")
    match end:
        case "bye":
            old.send((protocol.BYE,))
        case "garbage":
            old.send_bytes(b"\xc1")
        case "unexpected message":
            old.send((protocol.WELCOME, 1, "i", 1, "p"))
        case "malformed message":
            old.send((protocol.ACK,))
        case "second hello":
            old.hello("worker", "i1")
        case _:
            old.close()
    adopt = await new.receive(protocol.ADOPT)
    assert adopt[3] == client.number
    assert [row["name"] for row in bench.peers.status()] == ["worker i2"]
    if end in ("garbage", "unexpected message", "malformed message", "second hello"):
        await old.receive(protocol.BYE)
        assert bench.peers.errors == 1
        old.send((protocol.READY,))
        await old.receive(protocol.HELLO_REQUIRED)


async def test_a_worker_that_comes_back_is_the_same_one(bench: Bench) -> None:
    """An instance has one connection: with a new hello the old one ends, noticed or not, and its
    clients are given away at once."""
    old = await bench.worker("i1")
    client = bench.client()
    await old.receive(protocol.CONNECT)
    old.send((protocol.ACK, 1, []))
    await eventually(lambda: not bench.gateway.routing.all_workers[0].unacked)
    new = bench.peer()
    new.hello("worker", "i1")
    await new.receive(protocol.WELCOME)
    assert len(bench.peers.status()) == 1
    new.send((protocol.READY,))
    assert (await new.receive(protocol.ADOPT))[3] == client.number


async def test_a_silent_peer_is_lost(make: Make) -> None:
    """Who says nothing for the heartbeat timeout gets BYE; any message is a sign of life. And the
    gateway sends heartbeats, with instance and clock."""
    bench = make(heartbeat_interval=0.05, heartbeat_timeout=1.0 * SECOND)
    peer = await bench.caller()
    for _ in range(round(30 * SECOND)):
        peer.send((protocol.HEARTBEAT, "c1", 0))
        await asyncio.sleep(0.05)
    assert len(bench.peers.status()) == 1
    beats = [m for frame in peer.frames for m in frame if m[0] == protocol.HEARTBEAT]
    assert len(beats) >= 3
    assert {beat[1] for beat in beats} == {bench.gateway.instance}
    assert abs(beats[-1][2] / 1000 - time.monotonic()) < 1 * SECOND
    await peer.receive(protocol.BYE)
    assert bench.peers.status() == []


async def test_status_tells_of_every_peer(bench: Bench) -> None:
    """Name, kind, services, clients, and what is under way."""
    worker = await bench.worker()
    bench.client()
    await worker.receive(protocol.CONNECT)
    peer = bench.peer()
    peer.hello("client", "c1", [], protocol.VERSION, ["shop.example", 77, "1.2"], "later")
    await peer.receive(protocol.WELCOME)
    rows = {row["kind"]: row for row in bench.peers.status()}
    assert rows["worker"] == {
        "name": "worker i1",
        "kind": "worker",
        "instance": "i1",
        "host": None,
        "pid": None,
        "version": None,
        "services": ["servicer"],
        "clients": 1,
        "unacknowledged": 1,
        "backlog": 0,
    }
    assert rows["client"]["clients"] == 0
    assert rows["client"]["host"] == "shop.example"
    assert rows["client"]["pid"] == 77
    assert rows["client"]["version"] == "1.2"


async def test_closing_says_bye_and_lets_late_events_pass(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    """Everybody gets BYE behind what was said before; a client that ends after it is no fault."""
    worker = await bench.worker()
    client = bench.client()
    await worker.receive(protocol.CONNECT)
    caller = await bench.caller()
    client.data_received(b"\x81\x85\0\0\0\0words")
    closing = asyncio.create_task(bench.peers.close())
    for peer in (worker, caller):
        await peer.receive(protocol.BYE)
    assert worker.messages[-1][0] == protocol.TEXT
    await within(closing)
    bench._closed = True
    client.destroy()
    await asyncio.sleep(0.05)
    assert not [record for record in caplog.records if record.levelname == "ERROR"]
