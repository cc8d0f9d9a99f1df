"""All links of a process, against registers and gateways that do what the test says."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from shared import link as link_module
from shared import pool as pool_module
from shared import protocol, register
from shared.errors import LinkLost, NoGateway, RegisterUnreachable, SecretRefused
from shared.link import Link, LinkState
from shared.pool import Pool
from shared.protocol import Kind, ServiceOptions
from shared.version import version as kefu_version
from tests.support.ports import Ports
from tests.support.timing import SECOND, TIMEOUT, eventually, within

from .fakes import SECRET, Events, FakeGateway, FakeRegister

OTHER = "another one that is also long enough"
NOWHERE = "127.0.0.1:1"


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hardly any pause between two attempts."""
    monkeypatch.setattr(link_module, "FIRST_PAUSE", 0.01)
    monkeypatch.setattr(register, "FIRST_PAUSE", 0.01)


@pytest.fixture
def ports() -> Iterator[Ports]:
    """Free ports."""
    ports = Ports()
    yield ports
    ports.close()


class WorkerEvents(Events):
    """Records what a pool tells its worker, with the prefix of the link."""

    def __init__(self) -> None:
        super().__init__()
        self.dead: list[str] = []

    def on_gateway_dead(self, link: Link) -> None:
        self.dead.append(link.prefix)
        self.calls.append(("on_gateway_dead",))


Make = Callable[..., Pool]


@pytest.fixture
async def make() -> AsyncIterator[Make]:
    """Makes pools and closes them in the end."""
    made: list[Pool] = []

    def make(
        *registers: FakeRegister | str,
        secret: str = SECRET,
        events: Any = None,
        timeout: float = 15,
    ) -> Pool:
        addresses = [r if isinstance(r, str) else r.address for r in registers]
        services: list[tuple[str, list[str], ServiceOptions]] = [
            ("servicer", ["on_close"], ServiceOptions()),
            ("orders", [], ServiceOptions(None, 5)),
        ]
        pool = Pool(
            registers=addresses,
            secret=secret,
            kind=Kind.CLIENT if events is None else Kind.WORKER,
            name="business-0",
            services=services,
            events=events,
            heartbeat_interval=timeout / 3,
            heartbeat_timeout=timeout,
        )
        made.append(pool)
        return pool

    yield make
    for pool in made:
        await within(pool.close())


@pytest.fixture
async def first(ports: Ports) -> AsyncIterator[FakeGateway]:
    """A gateway that listens."""
    gateway = FakeGateway(ports)
    gateway.open()
    yield gateway
    await gateway.close()


@pytest.fixture
async def second(ports: Ports) -> AsyncIterator[FakeGateway]:
    """Another one."""
    gateway = FakeGateway(ports)
    gateway.open()
    yield gateway
    await gateway.close()


@pytest.fixture
async def directory(ports: Ports) -> AsyncIterator[FakeRegister]:
    """A register that is not open yet."""
    directory = FakeRegister(ports)
    yield directory
    await directory.close()


def is_up(pool: Pool, gateway: FakeGateway) -> bool:
    link = pool.link(gateway.prefix)
    return link is not None and link.state is LinkState.UP


# Starting


async def test_starting_ends_with_every_gateway_up(
    make: Make, directory: FakeRegister, first: FakeGateway, second: FakeGateway
) -> None:
    """After start() there is a link that is up to each gateway that the register lists."""
    await directory.open(first, second)
    pool = make(directory)
    await within(pool.start())
    assert set(pool.links) == {first.prefix, second.prefix}
    assert is_up(pool, first)
    assert is_up(pool, second)
    assert pool.register_connected
    assert pool.down() == []
    assert {row["address"]: row["state"] for row in pool.status()} == {
        first.address: "up",
        second.address: "up",
    }


async def test_hello_names_the_services(
    make: Make, directory: FakeRegister, first: FakeGateway
) -> None:
    """HELLO carries the services in the order of their indexes, with hooks and options, and which
    program it is."""
    await directory.open(first)
    pool = make(directory, events=WorkerEvents())
    await within(pool.start())
    _, version, kind, name, instance, services, program = first.hellos[0]
    assert (version, kind, name, instance) == (
        protocol.VERSION,
        "worker",
        "business-0",
        pool.instance,
    )
    assert services == [
        ["servicer", ["on_close"], {"heartbeat_text": "ping", "unbound_timeout": 0}],
        ["orders", [], {"heartbeat_text": None, "unbound_timeout": 5}],
    ]
    assert program == [socket.gethostname(), os.getpid(), kefu_version()]
    assert [pool.service_index(name) for name, *_ in services] == [0, 1]
    with pytest.raises(KeyError):
        pool.service_index("unknown")


async def test_starting_without_gateways_is_fine(make: Make, directory: FakeRegister) -> None:
    """A register that lists nobody is enough to start; waiting for a gateway then says so."""
    await directory.open()
    pool = make(directory)
    await within(pool.start())
    assert pool.links == {}
    with pytest.raises(NoGateway, match="listed: none"):
        await pool.wait_for_gateway(0.05)


async def test_starting_without_register_fails(make: Make) -> None:
    """Where no register answers in time the error names all of them and the reason."""
    pool = make(NOWHERE, "127.0.0.1:2")
    with pytest.raises(RegisterUnreachable) as raised:
        await pool.start(0.2)
    assert raised.value.addresses == [NOWHERE, "127.0.0.1:2"]
    assert "Errno 111" in raised.value.reason
    with pytest.raises(RegisterUnreachable):
        await pool.wait_for_gateway(0.05)


async def test_a_pool_that_found_no_register_goes_on_looking(
    make: Make, directory: FakeRegister, first: FakeGateway
) -> None:
    """After RegisterUnreachable the register may still come, and all is well then."""
    pool = make(directory)
    with pytest.raises(RegisterUnreachable):
        await pool.start(0.05)
    await directory.open(first)
    await pool.wait_for_gateway(TIMEOUT)
    assert is_up(pool, first)


async def test_a_wrong_secret_is_told_at_once(
    make: Make, directory: FakeRegister, first: FakeGateway
) -> None:
    """A register of another secret raises SecretRefused, long before the time is up."""
    await directory.open(first)
    pool = make(directory, secret=OTHER)
    with pytest.raises(SecretRefused) as raised:
        await within(pool.start(10 * TIMEOUT))
    assert raised.value.address == directory.address
    with pytest.raises(SecretRefused):
        await within(pool.wait_for_gateway(10 * TIMEOUT))
    assert first.hellos == []


async def test_a_gateway_that_does_not_answer_does_not_stop_the_others(
    make: Make,
    directory: FakeRegister,
    first: FakeGateway,
    second: FakeGateway,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """start() waits for its time and then goes on without the one that is silent."""
    second.welcomes = False
    await directory.open(first, second)
    pool = make(directory)
    await pool.start(0.3)
    await eventually(lambda: is_up(pool, first))
    assert pool.down() == [second.address]
    assert second.address in caplog.text


async def test_a_gateway_that_refuses_connections_delays_nothing(
    make: Make, directory: FakeRegister, first: FakeGateway, second: FakeGateway
) -> None:
    """Where nobody listens that is known at once, and start() does not wait."""
    await second.close()
    await directory.open(first, second)
    pool = make(directory)
    async with asyncio.timeout(TIMEOUT):
        await pool.start(10 * TIMEOUT)
        await pool.wait_for_gateway(TIMEOUT)
    assert pool.down() == [second.address]


# Following the registers


async def test_gateways_that_come_later_are_linked(
    make: Make, directory: FakeRegister, first: FakeGateway, second: FakeGateway
) -> None:
    """A gateway that is listed later gets its link, and events if the worker is ready."""
    await directory.open(first)
    pool = make(directory, events=WorkerEvents())
    await within(pool.start())
    pool.ready()
    await first.receive(protocol.READY)
    directory.announce(first, second)
    await second.receive(protocol.READY)
    assert is_up(pool, second)


async def test_nobody_is_connected_who_is_not_listed(
    make: Make, directory: FakeRegister, first: FakeGateway, second: FakeGateway
) -> None:
    """A prefix for which no gateway is listed has no link."""
    await directory.open(first)
    pool = make(directory)
    await within(pool.start())
    assert pool.link(second.prefix) is None
    assert second.hellos == []


async def test_a_gateway_of_another_secret_is_passed_over(
    make: Make, ports: Ports, directory: FakeRegister, first: FakeGateway
) -> None:
    """While the secret is being changed, gateways that do not offer ours yet are left alone."""
    await directory.open(first, FakeGateway(ports, OTHER))
    pool = make(directory)
    await within(pool.start())
    assert list(pool.links) == [first.prefix]


async def test_the_union_of_all_registers_counts(
    make: Make, ports: Ports, directory: FakeRegister, first: FakeGateway, second: FakeGateway
) -> None:
    """Each register may know other gateways; one that is down takes none away."""
    other = FakeRegister(ports)
    await directory.open(first)
    await other.open(second)
    try:
        pool = make(directory, other, NOWHERE)
        await within(pool.start())
        await eventually(lambda: is_up(pool, first) and is_up(pool, second))
        await other.close()
        assert pool.register_connected
        await asyncio.sleep(0.05)
        assert is_up(pool, second)
    finally:
        await other.close()


async def test_a_register_that_dies_takes_nothing_away(
    make: Make, directory: FakeRegister, first: FakeGateway
) -> None:
    """Links stay up without any register, and calls go through."""
    await directory.open(first)
    pool = make(directory)
    await within(pool.start())
    await directory.close()
    await eventually(lambda: not pool.register_connected)
    call = pool.links[first.prefix].call(protocol.GET_UID, 0, 7, timeout=TIMEOUT)
    await first.answer(protocol.GET_UID, "uid")
    assert await within(call) == "uid"


# Dead gateways


@pytest.fixture
async def worker(make: Make, directory: FakeRegister, first: FakeGateway) -> Pool:
    """A worker's pool with one gateway that is up."""
    await directory.open(first)
    pool = make(directory, events=WorkerEvents(), timeout=1 * SECOND)
    await within(pool.start())
    return pool


def dead(pool: Pool) -> list[str]:
    assert isinstance(pool.events, WorkerEvents)
    return pool.events.dead


async def test_a_gateway_that_is_down_and_not_listed_is_dead(
    worker: Pool, directory: FakeRegister, first: FakeGateway
) -> None:
    """Its link is closed and the worker is told, once; what was unanswered raises LinkLost."""
    call = worker.links[first.prefix].call(protocol.GET_UID, 0, 7, timeout=TIMEOUT)
    await first.close()
    await asyncio.sleep(0)
    directory.announce()
    with pytest.raises(LinkLost):
        await within(call)
    await eventually(lambda: dead(worker))
    directory.announce()
    await asyncio.sleep(0.05)
    assert dead(worker) == [first.prefix]
    assert worker.link(first.prefix) is None
    assert isinstance(worker.events, WorkerEvents)
    assert worker.events.names() == ["on_link_up", "on_link_lost", "on_gateway_dead"]


async def test_a_gateway_that_is_up_lives_though_not_listed(
    worker: Pool, directory: FakeRegister, first: FakeGateway
) -> None:
    """A register may have lost it: as long as the link is up the gateway is alive."""
    directory.announce()
    await eventually(lambda: not any(r.gateways for r in worker._registers))
    await asyncio.sleep(0.05)
    assert is_up(worker, first)
    assert dead(worker) == []


async def test_a_gateway_that_is_down_and_listed_is_waited_for(
    worker: Pool, first: FakeGateway
) -> None:
    """As long as a register lists it, only the link is lost, however long."""
    await first.close()
    link = worker.links[first.prefix]
    await eventually(lambda: link.lost_at is not None)
    await asyncio.sleep(1.5 * worker.heartbeat_timeout)
    assert dead(worker) == []
    first.open()
    await eventually(lambda: is_up(worker, first))
    assert worker.links[first.prefix] is link


async def test_a_register_that_has_just_started_is_not_believed(
    worker: Pool, directory: FakeRegister, first: FakeGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a register's restart the gateways come back one after another: what it does not list
    yet is not dead before it has been up for a while."""
    monkeypatch.setattr(pool_module, "REGISTER_GRACE", 1.0 * SECOND)
    directory.age = 0.0
    directory.announce()
    await eventually(lambda: not any(r.gateways for r in worker._registers))
    await first.close()
    await eventually(lambda: not is_up(worker, first))
    assert dead(worker) == []
    assert worker._registers[0].age() < 1.0 * SECOND
    await eventually(lambda: dead(worker))
    assert worker._registers[0].age() >= 1.0 * SECOND


async def test_without_register_time_decides(
    worker: Pool, directory: FakeRegister, first: FakeGateway
) -> None:
    """Where no register can tell, a gateway whose link is down for too long is dead."""
    link = worker.links[first.prefix]
    await directory.close()
    await eventually(lambda: not worker.register_connected)
    await first.close()
    await eventually(lambda: link.lost_at is not None)
    assert dead(worker) == []
    await eventually(lambda: dead(worker))
    assert link.lost_at is not None
    assert asyncio.get_running_loop().time() - link.lost_at >= worker.heartbeat_timeout


async def test_a_gateway_that_was_started_anew_is_another_one(
    worker: Pool, directory: FakeRegister, first: FakeGateway
) -> None:
    """When the register lists a new instance at the address while the link is down, the old
    gateway is dead and a new link is made."""
    old = worker.links[first.prefix]
    await first.close()
    await eventually(lambda: old.lost_at is not None)
    first.instance = "another instance"
    directory.announce(first)
    await eventually(lambda: dead(worker))
    assert old.state is LinkState.CLOSED
    first.open()
    await eventually(lambda: is_up(worker, first))
    assert worker.links[first.prefix] is not old
    assert dead(worker) == [first.prefix]


async def test_a_gateway_that_comes_back_before_it_is_listed_anew(
    worker: Pool, directory: FakeRegister, first: FakeGateway
) -> None:
    """A new instance that the link finds before the register tells of it: the worker hears that it
    is not the same, and the register's list then changes nothing."""
    link = worker.links[first.prefix]
    await first.close()
    first.instance = "another instance"
    first.open()
    await eventually(lambda: len(first.hellos) == 2 and is_up(worker, first))
    directory.announce(first)
    await asyncio.sleep(0.05)
    assert worker.links == {first.prefix: link}
    assert isinstance(worker.events, WorkerEvents)
    assert worker.events.calls == [("on_link_up", False), ("on_link_lost",), ("on_link_up", False)]


async def test_a_dead_gateway_may_come_back(
    worker: Pool, directory: FakeRegister, first: FakeGateway
) -> None:
    """A gateway that is listed again gets a new link."""
    await first.close()
    directory.announce()
    await eventually(lambda: dead(worker))
    first.open()
    directory.announce(first)
    await eventually(lambda: is_up(worker, first))


# Ending


async def test_leaving_asks_every_gateway(
    make: Make, directory: FakeRegister, first: FakeGateway, second: FakeGateway
) -> None:
    """leave() is done when all have said LEFT; gateways that come later get no READY."""
    await directory.open(first)
    pool = make(directory, events=WorkerEvents())
    await within(pool.start())
    pool.ready()
    leaving = asyncio.create_task(pool.leave(TIMEOUT))
    await first.receive(protocol.LEAVE)
    assert not leaving.done()
    first.send((protocol.LEFT,))
    assert await within(leaving) is True
    directory.announce(first, second)
    await eventually(lambda: is_up(pool, second))
    call = pool.links[second.prefix].call(protocol.GET_UID, 0, 7, timeout=TIMEOUT)
    await second.answer(protocol.GET_UID, None)
    await within(call)
    assert second.messages == []


async def test_closing_says_bye_to_all(
    make: Make, directory: FakeRegister, first: FakeGateway, second: FakeGateway
) -> None:
    """close() ends links, register connections and the context, and may be called twice."""
    await directory.open(first, second)
    pool = make(directory)
    await within(pool.start())
    await within(pool.close())
    await within(pool.close())
    for gateway in (first, second):
        await gateway.receive(protocol.BYE)
    assert pool.links == {}
    assert pool.context.closed
    await eventually(lambda: not directory._watchers)


async def test_closing_a_pool_that_was_not_started(make: Make) -> None:
    """A pool may be closed whatever has become of it."""
    await within(make(NOWHERE).close())


async def test_a_lost_link_is_logged_once(
    worker: Pool, first: FakeGateway, caplog: pytest.LogCaptureFixture
) -> None:
    """The attempts to come back, which may go on for long, do not fill the log."""
    await first.close()
    with caplog.at_level(logging.WARNING):
        await asyncio.sleep(0.3)
    lost = [record for record in caplog.records if "link lost" in record.message]
    assert len(lost) == 1
