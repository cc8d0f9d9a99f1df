"""What a caller gets when gateways, registers or secrets are not as they should be."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from gateway_client import (
    GatewayClient,
    GatewayTimeout,
    LinkLost,
    NoGateway,
    PartialResult,
    RegisterUnreachable,
    SecretRefused,
    SyncGatewayClient,
)
from shared import protocol
from tests.support.ports import Ports
from tests.support.timing import SECOND, eventually, within

from .conftest import Ask
from .fleet import SECRET, SERVICE, Fleet

pytestmark = pytest.mark.asyncio(loop_scope="module")

SHORT = 0.3 * SECOND


async def connect(client_class: Any, **arguments: Any) -> None:
    """Connect a client of the class, and close it again."""
    if client_class is GatewayClient:
        async with GatewayClient(**arguments):
            return

    def in_thread() -> None:
        with SyncGatewayClient(**arguments):
            pass

    await asyncio.to_thread(in_thread)


BOTH = pytest.mark.parametrize("client_class", [GatewayClient, SyncGatewayClient])


@BOTH
async def test_no_register(client_class: Any) -> None:
    """Nobody listens at the register's address: RegisterUnreachable, which names it, in time."""
    ports = Ports()
    address = f"127.0.0.1:{ports.take()}"
    started = time.monotonic()
    with pytest.raises(RegisterUnreachable) as caught:
        await connect(client_class, register=address, secret=SECRET, timeout=SHORT)
    assert caught.value.addresses == [address]
    assert address in str(caught.value)
    assert isinstance(caught.value, ConnectionError)
    assert time.monotonic() - started < 5 * SECOND
    ports.close()


@BOTH
async def test_wrong_secret(client_class: Any, fleet: Fleet) -> None:
    """SecretRefused names the register, and does not wait for the time to run out."""
    started = time.monotonic()
    with pytest.raises(SecretRefused) as caught:
        await connect(client_class, register=fleet.register, secret="x" * 32, timeout=30 * SECOND)
    assert caught.value.address == fleet.register
    assert time.monotonic() - started < 5 * SECOND


async def test_one_of_two_registers(fleet: Fleet) -> None:
    """One register that is there is enough."""
    ports = Ports()
    registers = [f"127.0.0.1:{ports.take()}", fleet.register]
    async with GatewayClient(registers, secret=SECRET, service=SERVICE) as gateway:
        assert await gateway.get_all_client_count() == 0
    ports.close()


async def test_not_started() -> None:
    """A call without a connection says what is missing, not that nobody is online."""
    gateway = GatewayClient(secret=SECRET)
    for name, args in (("send_to_all", ("x",)), ("is_online", ("7f00000100010000abcd",))):
        with pytest.raises(RuntimeError, match="not connected"):
            await getattr(gateway, name)(*args)
    await gateway.close()
    with pytest.raises(RuntimeError, match="closed"):
        await gateway.start()


async def test_frozen_gateway(ask: Ask, fleet: Fleet) -> None:
    """A gateway that stands still: GatewayTimeout with what the other says, and who is missing.

    What concerns only the other is not held up, and what one answer decides neither.
    """
    async with fleet.sockets(0, 1) as (a, b):
        await ask("bind_uid", a.id, "on 0")
        await ask("bind_uid", b.id, "on 1")
        await ask("join_group", a.id, "g")
        await ask("set_session", a.id, {"n": 1})
        with fleet.frozen(1):
            for name, args, reached in (
                ("send_to_all", ("x",), 1),
                ("send_to_uid", ("on 0", "x"), 1),
                ("send_to_group", ("g", "x"), 1),
                ("is_uid_online", ("nobody",), False),
                ("are_uids_online", (["on 0", "on 1"],), {"on 0": True, "on 1": False}),
                ("get_client_ids_by_uid", ("on 0",), [a.id]),
                ("get_all_client_sessions", (), {a.id: {"n": 1}}),
                ("get_all_client_ids", (), [a.id]),
                ("get_all_uid_count", (), 1),
                ("get_group_client_counts", (), {"g": 1}),
                ("get_connections", ("nobody",), {"count": 0, "connections": [], "unknown": []}),
                ("ungroup", ("g",), 1),
            ):
                with pytest.raises(GatewayTimeout) as caught:
                    await ask(name, *args, timeout=SHORT)
                assert caught.value.reached == reached, name
                assert caught.value.missing == [fleet.addresses[1]], name
                assert isinstance(caught.value, TimeoutError)
            with pytest.raises(GatewayTimeout) as caught:
                await ask("get_gateway_status", timeout=SHORT)
            assert [row["address"] for row in caught.value.reached] == [fleet.addresses[0]]
            assert caught.value.missing == [fleet.addresses[1]]
            with pytest.raises(GatewayTimeout) as caught:
                await ask("send_to_client", b.id, "x", timeout=SHORT)
            assert caught.value.reached is None
            assert caught.value.missing == [fleet.addresses[1]]

            assert await ask("send_to_client", a.id, "y", timeout=SHORT) is True
            assert await ask("is_uid_online", "on 0", timeout=SHORT) is True
            assert await ask("are_uids_online", ["on 0"], timeout=SHORT) == {"on 0": True}
        assert [await a.recv() for _ in range(4)] == ["x", "x", "x", "y"]
        assert await ask("send_to_all", "after") == 2
        # Nothing was executed after its deadline.
        assert [await b.recv()] == ["after"]


async def test_iteration_over_a_frozen_gateway(gateway: GatewayClient, fleet: Fleet) -> None:
    """The clients of the other gateways come first; then the error."""
    async with fleet.sockets(0, 1) as (a, b):
        with fleet.frozen(0):
            clients = gateway.iter_client_sessions(timeout=SHORT)
            assert (await anext(clients))[0] == b.id
            with pytest.raises(GatewayTimeout) as caught:
                await anext(clients)
            assert caught.value.missing == [fleet.addresses[0]]
        assert await gateway.is_online(a.id)


async def test_full_window(gateway: GatewayClient, fleet: Fleet) -> None:
    """Sending without waiting to a frozen gateway: as many as the window holds go at once, the
    next waits for space and raises at its deadline. Nobody is left out silently."""
    async with fleet.socket(1) as client:
        with fleet.frozen(1):
            for number in range(protocol.WINDOW_MESSAGES):
                async with asyncio.timeout(SECOND):
                    await gateway.send_to_client(client.id, str(number), wait=False, timeout=60)
            with pytest.raises(GatewayTimeout) as caught:
                await gateway.send_to_client(client.id, "late", wait=False, timeout=SHORT)
            assert caught.value.missing == [fleet.addresses[1]]
            with pytest.raises(GatewayTimeout):
                await gateway.send_to_all("late", wait=False, timeout=SHORT)
        await gateway.send_to_client(client.id, "end", wait=False)
        received = [await client.recv() for _ in range(protocol.WINDOW_MESSAGES + 1)]
        assert received == [*map(str, range(protocol.WINDOW_MESSAGES)), "end"]


async def test_cancelled_call(gateway: GatewayClient, fleet: Fleet) -> None:
    """A caller that gives up leaves nothing behind: later calls are as before."""
    with fleet.frozen(0):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05 * SECOND):
                await gateway.get_all_uids()
    assert await gateway.get_all_uids() == []


async def test_killed_gateway() -> None:
    """kill -9 of a gateway during a call: LinkLost or GatewayTimeout with its address; afterwards
    its clients are gone, and the others are reached as before."""
    async with Fleet() as fleet:
        async with GatewayClient(fleet.register, secret=SECRET, service=SERVICE) as gateway:
            async with fleet.sockets(0, 1) as (a, b):
                with fleet.frozen(0):
                    call = asyncio.create_task(gateway.send_to_all("x"))
                    assert await b.recv() == "x"
                    fleet.gateways[0].kill("by the test")
                with pytest.raises((LinkLost, GatewayTimeout)) as caught:
                    await within(call)
                assert isinstance(caught.value, PartialResult)
                assert caught.value.reached == 1
                assert caught.value.missing == [fleet.addresses[0]]
                pool = gateway._pool
                assert pool is not None
                await eventually(lambda: len(pool.links) == 1)
                assert await gateway.send_to_client(a.id, "x") is False
                assert await gateway.is_online(a.id) is False
                assert await gateway.send_to_all("y") == 1
                assert await b.recv() == "y"
                fleet.gateways[1].kill("by the test")
                await eventually(lambda: not pool.links)
                with pytest.raises(NoGateway):
                    await gateway.send_to_all("z")
                with pytest.raises(NoGateway):
                    await gateway.send_to_uid("1", "z", wait=False)
                with pytest.raises(NoGateway):
                    await gateway.get_all_client_sessions()
                assert await gateway.send_to_client(b.id, "z") is False


@BOTH
async def test_no_gateway_yet(client_class: Any) -> None:
    """A register without gateways can be connected to; calls raise NoGateway at once."""
    async with Fleet(gateways=0) as fleet:
        arguments: Any = {"register": fleet.register, "secret": SECRET}
        started = time.monotonic()
        if client_class is GatewayClient:
            async with GatewayClient(**arguments) as gateway:
                with pytest.raises(NoGateway):
                    await gateway.send_to_all("x")
        else:
            blocking = SyncGatewayClient(**arguments)
            with pytest.raises(NoGateway):
                await asyncio.to_thread(blocking.send_to_all, "x")
            await asyncio.to_thread(blocking.close)
        assert time.monotonic() - started < 3 * SECOND
