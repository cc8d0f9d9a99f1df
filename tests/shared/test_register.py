"""The register and the connections to it, over real sockets."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from gateway import register as gateway_register
from shared import curve, register
from shared.child import Child, as_settings
from shared.errors import ProtocolError
from shared.register import Listed, RegisterConnection, decode, encode
from tests.support.timing import TIMEOUT, eventually, within

SECRET = "a secret that is long enough for all"
OTHER = "another one that is also long enough"
ADDRESS = "127.0.0.1:2900"


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hardly any pause between two attempts."""
    monkeypatch.setattr(register, "FIRST_PAUSE", 0.01)


class Running:
    """A register process inside this one."""

    def __init__(self, child: Child, port: int, task: asyncio.Task[None]) -> None:
        self.child = child
        self.port = port
        self.address = f"127.0.0.1:{port}"
        self._task = task

    async def stop(self) -> None:
        self.child.stop()
        await within(self._task)

    @property
    def watchers(self) -> int:
        return int(self.child.status()["watchers"])

    @property
    def listed(self) -> list[str]:
        return [row["name"] for row in self.child.status()["gateways"]]

    @property
    def refused(self) -> int:
        return int(self.child.status()["refused"])


async def start(port: int = 0, secret: Any = SECRET) -> Running:
    """Run ``gateway.register:run`` as a child process would."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind(("127.0.0.1", port))
    sock.listen()
    ready = asyncio.Event()
    child = Child(
        "register",
        0,
        "register",
        as_settings({"secret": secret}),
        {"register": sock},
        lambda message: ready.set(),
    )
    task = asyncio.create_task(gateway_register.run(child))
    await within(ready.wait())
    return Running(child, sock.getsockname()[1], task)


@pytest.fixture
async def running() -> AsyncIterator[Running]:
    """A register whose secret is SECRET."""
    running = await start()
    yield running
    await running.stop()


def gateway_hello(
    name: str = "gateway-0", address: str = ADDRESS, instance: str = "i1"
) -> dict[str, Any]:
    endpoints = {curve.fingerprint(SECRET): address}
    return {
        "event": "gateway_connect",
        "address": address,
        "instance": instance,
        "name": name,
        "endpoints": endpoints,
    }


WATCHER_HELLO = {"event": "worker_connect", "name": "business-0"}

Connect = Callable[..., RegisterConnection]


@pytest.fixture
async def connect() -> AsyncIterator[Connect]:
    """Makes connections of the library and closes them in the end."""
    made: list[RegisterConnection] = []

    def make(
        address: str, hello: dict[str, Any] = WATCHER_HELLO, secrets: tuple[str, ...] = (SECRET,)
    ) -> RegisterConnection:
        connection = RegisterConnection(address, secrets, hello, lambda: None)
        connection.start()
        made.append(connection)
        return connection

    yield make
    for connection in made:
        await connection.close()


class Raw:
    """A connection to a register, line by line."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def receive(self) -> dict[str, Any]:
        return decode(await within(self._reader.readline()))

    async def receive_event(self, event: str) -> dict[str, Any]:
        while (message := await self.receive())["event"] != event:
            pass
        return message

    def send(self, message: dict[str, Any]) -> None:
        self._writer.write(encode(message))

    def send_bytes(self, data: bytes) -> None:
        self._writer.write(data)

    async def ended(self) -> None:
        """Wait until the other side closes."""
        with contextlib.suppress(ConnectionError):
            await within(self._reader.read())

    async def close(self) -> None:
        self._writer.close()
        with contextlib.suppress(ConnectionError):
            await self._writer.wait_closed()


@asynccontextmanager
async def raw(port: int) -> AsyncIterator[Raw]:
    peer = Raw(*await within(asyncio.open_connection("127.0.0.1", port)))
    yield peer
    await peer.close()


def signed(hello: dict[str, Any], nonce: str, secret: str = SECRET) -> dict[str, Any]:
    hello = {"nonce": "n", **hello}
    return {**hello, "proof": curve.proof(secret, *register.hello_parts(nonce, hello))}


@asynccontextmanager
async def fake(talk: Callable[[Raw], Awaitable[None]]) -> AsyncIterator[tuple[str, list[Any]]]:
    """A program in the register's place. Gives its address and the connections it has taken."""
    taken: list[asyncio.Task[Any] | None] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        taken.append(asyncio.current_task())
        peer = Raw(reader, writer)
        try:
            with contextlib.suppress(ConnectionError, ProtocolError):
                await talk(peer)
        finally:
            await peer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}", taken
    server.close()
    for task in taken:
        if task is not None:
            task.cancel()
            await asyncio.wait([task])


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Silence counts after a second instead of ten."""
    monkeypatch.setattr(register, "SILENCE", 1.0)
    monkeypatch.setattr(register, "PING_INTERVAL", 0.1)


# The list


async def test_watchers_learn_who_comes_and_goes(running: Running, connect: Connect) -> None:
    """A watcher that was there before a gateway sees it come with all its fields, and go."""
    watcher = connect(running.address)
    await eventually(lambda: watcher.connected)
    assert watcher.gateways == {}
    gateway = connect(running.address, gateway_hello())
    await eventually(lambda: watcher.gateways)
    endpoints = {curve.fingerprint(SECRET): ADDRESS}
    assert watcher.gateways == {ADDRESS: Listed(ADDRESS, "i1", "gateway-0", endpoints)}
    await gateway.close()
    await eventually(lambda: not watcher.gateways)


async def test_a_later_watcher_gets_the_present_list(running: Running, connect: Connect) -> None:
    """The first list a watcher gets is whole, and tells how long the register has been running."""
    for index in range(3):
        connect(running.address, gateway_hello(f"gateway-{index}", f"127.0.0.1:{2900 + index}"))
    await eventually(lambda: len(running.listed) == 3)
    watcher = connect(running.address)
    await eventually(lambda: watcher.lists_received)
    assert sorted(g.name for g in watcher.gateways.values()) == [
        "gateway-0",
        "gateway-1",
        "gateway-2",
    ]
    assert 0 <= watcher.age() < TIMEOUT


async def test_a_gateway_watches_too(running: Running, connect: Connect) -> None:
    """Gateways get the list as everybody does, and so know that the register lives."""
    gateway = connect(running.address, gateway_hello())
    await eventually(lambda: gateway.connected)
    assert list(gateway.gateways) == [ADDRESS]


async def test_a_second_instance_of_an_address_is_refused(
    running: Running, connect: Connect
) -> None:
    """While a gateway lives, another one of its address is told why it is not listed; when the
    first has gone, the second takes its place."""
    first = connect(running.address, gateway_hello("first", instance="i1"))
    await eventually(lambda: first.connected)
    second = connect(running.address, gateway_hello("second", instance="i2"))
    await eventually(lambda: second.refusal)
    assert second.refusal == "duplicate"
    assert running.listed == ["first"]
    assert first.connected
    await first.close()
    await eventually(lambda: running.listed == ["second"])
    await eventually(lambda: second.refusal is None)


async def test_an_instance_may_come_twice(running: Running, connect: Connect) -> None:
    """A gateway whose old connection is not noticed to be dead yet is listed by the new one, and
    stays so when the old one ends."""
    watcher = connect(running.address)
    async with raw(running.port) as old:
        old.send(signed(gateway_hello(), (await old.receive())["nonce"]))
        await old.receive_event("broadcast_addresses")
        new = connect(running.address, gateway_hello())
        await eventually(lambda: new.connected)
    await eventually(lambda: running.watchers == 2)
    assert running.listed == ["gateway-0"]
    await eventually(lambda: ADDRESS in watcher.gateways)


async def test_the_list_is_complete_again_after_a_restart(connect: Connect) -> None:
    """When the register comes back, gateways register again and watchers have the list again;
    meanwhile they keep the last one."""
    running = await start()
    connect(running.address, gateway_hello())
    watcher = connect(running.address)
    await eventually(lambda: watcher.gateways)
    await running.stop()
    await eventually(lambda: not watcher.connected)
    assert list(watcher.gateways) == [ADDRESS]
    again = await start(running.port)
    try:
        await eventually(lambda: again.listed == ["gateway-0"])
        await eventually(lambda: watcher.connected and watcher.gateways)
        assert watcher.age() < TIMEOUT
    finally:
        await again.stop()


# Secrets


async def test_a_wrong_secret_is_refused(running: Running, connect: Connect) -> None:
    """A gateway or watcher of another secret is told so, is not listed and sees no list."""
    for hello in (gateway_hello(), WATCHER_HELLO):
        stranger = connect(running.address, hello, (OTHER,))
        assert await eventually(functools.partial(getattr, stranger, "refusal")) == "secret"
        assert stranger.lists_received == 0
    assert running.listed == []
    assert running.watchers == 0
    assert running.refused >= 2


async def test_a_peer_with_a_new_secret_falls_back_to_the_old_one(
    running: Running, connect: Connect
) -> None:
    """While the secret is being changed, a peer that has both gets on with a register that has
    only the old one."""
    peer = connect(running.address, secrets=(OTHER, SECRET))
    await eventually(lambda: peer.connected)
    assert peer.refusal is None


async def test_a_register_takes_both_secrets_while_they_change(connect: Connect) -> None:
    """A register that has a pair lets in whoever has either, and proves that very one."""
    running = await start(secret=[OTHER, SECRET])
    try:
        peers = [connect(running.address, secrets=(secret,)) for secret in (SECRET, OTHER)]
        await eventually(lambda: all(peer.connected for peer in peers))
    finally:
        await running.stop()


async def test_a_proof_cannot_be_used_again(running: Running) -> None:
    """What was heard on one connection opens no other: the register's nonce is in the proof."""
    async with raw(running.port) as first, raw(running.port) as second:
        hello = signed(WATCHER_HELLO, (await first.receive())["nonce"])
        await second.receive()
        second.send(hello)
        assert await second.receive() == {"event": "refused", "reason": "secret"}
        await second.ended()


async def test_a_proof_covers_the_whole_hello(running: Running) -> None:
    """Nobody on the way can put another address into a gateway's hello."""
    async with raw(running.port) as peer:
        hello = signed(gateway_hello(), (await peer.receive())["nonce"])
        peer.send({**hello, "address": "6.6.6.6:666"})
        assert (await peer.receive())["reason"] == "secret"


async def test_a_register_that_cannot_prove_itself_is_not_believed(connect: Connect) -> None:
    """Whoever listens at the register's address without the secret makes nobody believe a list."""
    listing = {"event": "broadcast_addresses", "age": 100, "gateways": []}

    async def talk(peer: Raw) -> None:
        peer.send({"event": "challenge", "version": 1, "nonce": "n"})
        hello = await peer.receive()
        peer.send({"event": "welcome", "proof": hello["proof"]})
        peer.send(listing)
        await peer.ended()

    async with fake(talk) as (address, _):
        watcher = connect(address)
        await eventually(lambda: watcher.refusal)
        assert watcher.refusal == "secret"
        assert watcher.lists_received == 0
        assert not watcher.connected


async def test_another_version_is_refused(connect: Connect) -> None:
    """A register of a later version is recognised by its challenge."""

    async def talk(peer: Raw) -> None:
        peer.send({"event": "challenge", "version": 2, "nonce": "n"})
        await peer.ended()

    async with fake(talk) as (address, _):
        watcher = connect(address)
        await eventually(lambda: watcher.refusal == "version")


# Silence


@pytest.mark.usefixtures("hurried")
async def test_who_does_not_introduce_himself_is_closed(running: Running) -> None:
    """A connection on which no hello comes is closed after the time of silence."""
    async with raw(running.port) as peer:
        await peer.receive()
        await peer.ended()


@pytest.mark.usefixtures("hurried")
async def test_a_silent_gateway_is_taken_off_the_list(running: Running) -> None:
    """A gateway that sends no pings any more is gone, even though its connection stands."""
    async with raw(running.port) as peer:
        peer.send(signed(gateway_hello(), (await peer.receive())["nonce"]))
        await peer.receive_event("broadcast_addresses")
        assert running.listed == ["gateway-0"]
        await peer.ended()
        await eventually(lambda: running.listed == [])


@pytest.mark.usefixtures("hurried")
async def test_pings_keep_a_connection_up(running: Running, connect: Connect) -> None:
    """Where nothing happens for longer than the time of silence, nothing is lost."""
    watcher = connect(running.address, gateway_hello())
    await eventually(lambda: watcher.connected)
    lists = watcher.lists_received
    async with raw(running.port) as peer:
        peer.send(signed(WATCHER_HELLO, (await peer.receive())["nonce"]))
        for _ in range(14):
            await peer.receive_event("ping")
            peer.send({"event": "ping"})
        assert running.watchers == 2
    assert watcher.connected
    assert watcher.lists_received == lists


@pytest.mark.usefixtures("hurried")
async def test_a_silent_register_is_left(connect: Connect) -> None:
    """A register that accepts and then says nothing is tried again and again."""

    async def talk(peer: Raw) -> None:
        await peer.ended()

    async with fake(talk) as (address, taken):
        watcher = connect(address)
        await eventually(lambda: len(taken) >= 2)
        assert not watcher.connected
        assert watcher.error


# What should not come


@pytest.mark.parametrize(
    "line",
    [
        b"\n", b"GET / HTTP/1.1\r\n", b"[]\n", b'"x"\n', b'{"event": 1}\n', b"{}\n", b"\xff\xfe\n",
        b"[" * 100_000 + b"\n", b'{"event": "worker_connect"}\n', b'{"event": "ping"}\n',
        b'{"event": "worker_connect", "proof": "\\ud800", "nonce": "\\udfff"}\n',
        b"x" * (register.MAX_LINE + 100_000),
    ],
    ids=lambda line: repr(line[:20]),
)  # fmt: skip
async def test_whoever_sends_nonsense_is_closed(
    running: Running, connect: Connect, line: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """Nonsense ends its own connection, without a fault, and harms no other."""
    async with raw(running.port) as peer:
        await peer.receive()
        peer.send_bytes(line)
        await peer.ended()
    watcher = connect(running.address)
    await eventually(lambda: watcher.connected)
    assert not [record for record in caplog.records if record.exc_info]


@pytest.mark.parametrize(
    "change",
    [
        {"address": "no port"}, {"address": 7}, {"address": "gateway.example:2900"},
        {"address": "1.2.3.4:0"}, {"endpoints": []}, {"endpoints": {"f": "x"}}, {"instance": None},
        {"name": 5}, {"event": "gateway_connects"},
    ],
    ids=repr,
)  # fmt: skip
async def test_a_hello_that_makes_no_sense_is_refused(
    running: Running, change: dict[str, Any]
) -> None:
    """Even from somebody who knows the secret: nobody could connect to what it says."""
    async with raw(running.port) as peer:
        peer.send(signed({**gateway_hello(), **change}, (await peer.receive())["nonce"]))
        assert await peer.receive() == {"event": "refused", "reason": "malformed"}
        await peer.ended()
    assert running.listed == []


@pytest.mark.parametrize(
    "listing",
    [
        {"gateways": 1}, {"gateways": [1]}, {"gateways": [{}]}, {},
        {"gateways": [], "age": "old"}, {"gateways": [], "age": []},
        {"gateways": [{"address": "a:1", "instance": "i", "name": "n", "endpoints": 1}]},
    ],
    ids=repr,
)  # fmt: skip
async def test_a_malformed_list_is_no_list(connect: Connect, listing: dict[str, Any]) -> None:
    """The connection is made anew, for ever; a bad list does not count."""

    async def talk(peer: Raw) -> None:
        peer.send({"event": "challenge", "version": 1, "nonce": "n"})
        hello = await peer.receive()
        proof = curve.proof(SECRET, "register", "n", hello["nonce"])
        peer.send({"event": "welcome", "proof": proof})
        peer.send({"event": "broadcast_addresses", **listing})
        await peer.ended()

    async with fake(talk) as (address, taken):
        watcher = connect(address)
        await eventually(lambda: len(taken) >= 2)
        assert watcher.lists_received == 0
        assert watcher.gateways == {}


async def test_an_address_that_is_none_is_an_error_in_words(connect: Connect) -> None:
    """A bad address does not end the connection's task; the error says what is wrong."""
    watcher = connect("nowhere")
    assert await eventually(lambda: watcher.error) == "'nowhere' is not host:port"


async def test_nobody_listening_is_an_error_in_words(connect: Connect) -> None:
    """Where nobody listens it tries again, and says why it is not connected."""
    watcher = connect("127.0.0.1:1")
    assert "Errno 111" in await eventually(lambda: watcher.error)
    assert not watcher.connected


async def test_closing_is_idempotent(running: Running) -> None:
    """A connection can be closed twice, and before it was started."""
    connection = RegisterConnection(running.address, [SECRET], WATCHER_HELLO, lambda: None)
    await connection.close()
    connection.start()
    await eventually(lambda: connection.connected)
    await connection.close()
    await connection.close()
    await eventually(lambda: running.watchers == 0)


# Lines


def test_messages_are_lines_of_json() -> None:
    """A message is one line, whatever is in it, and comes back as it was."""
    message = {"event": "x", "name": "网关\n1", "age": 1.5}
    line = encode(message)
    assert line.count(b"\n") == 1
    assert line.endswith(b"\n")
    assert decode(line) == message


@pytest.mark.parametrize(
    ("address", "parts"),
    [("1.2.3.4:5", ("1.2.3.4", 5)), ("name:80", ("name", 80)), ("[::1]:9", ("::1", 9))],
)
def test_addresses_come_apart(address: str, parts: tuple[str, int]) -> None:
    """host:port, with IPv6 in brackets."""
    assert register.split_address(address) == parts


@pytest.mark.parametrize("address", ["", "host", ":5", "host:", "host:x"])
def test_what_is_no_address_is_refused(address: str) -> None:
    """Without host or port it is a ValueError."""
    with pytest.raises(ValueError, match=r"is not host:port|invalid literal"):
        register.split_address(address)
