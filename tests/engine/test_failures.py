"""Processes die, come late or have the wrong secret: what clients and services notice of it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from gateway_client import GatewayClient, SecretRefused
from tests.support.raw import RawClient
from tests.support.stack import Stack
from tests.support.timing import SECOND, TIMEOUT, eventually, within
from tests.support.ws import connect

PROBE = Path(__file__).parent.parent / "services" / "probe"


def stack_of(tmp_path: Path, gateways: int = 1, workers: int = 1, **settings: Any) -> Stack:
    """A stack with the probe service, whose events go to a file."""
    return Stack(
        tmp_path,
        settings={
            "gateway.default_service": "probe",
            "business.only": ["probe"],
            "inner.heartbeat_interval": 0.5,
            "inner.heartbeat_timeout": 2 * SECOND,
            "gateway.worker_wait": TIMEOUT,
            **{name.replace("__", "."): value for name, value in settings.items()},
        },
        services=[PROBE],
        gateways=gateways,
        workers=workers,
        environment={"PROBE_EVENTS": str(tmp_path / "events")},
    )


def events(tmp_path: Path, kind: str) -> list[dict[str, Any]]:
    """The probe's events of one kind so far."""
    path = tmp_path / "events"
    lines = path.read_text().splitlines() if path.exists() else []
    return [event for event in map(json.loads, lines) if event["event"] == kind]


async def test_killed_register_is_not_noticed(tmp_path: Path) -> None:
    """While the register is gone everything goes on, and new clients are served."""
    async with stack_of(tmp_path) as stack, connect(stack.ws_url) as client:
        await client.recv_json()
        old = stack.pids("register")[0]
        os.kill(old, signal.SIGKILL)
        await client.send("a")
        assert await client.recv() == "a"
        async with connect(stack.ws_url) as late:
            await late.recv_json()
        await stack.until(lambda status: stack.pids("register", status) not in ([], [old]))
        await stack.until(lambda status: status.gateway["register"] == "up")
        await client.send("b")
        assert await client.recv() == "b"
        assert events(tmp_path, "close") == [] or len(events(tmp_path, "close")) == 1  # only late


async def test_killed_gateway_closes_its_clients_in_the_books(tmp_path: Path) -> None:
    """kill -9 of one of two gateways: on_close runs for each of its clients, for no other one,
    once, and the clients come back."""
    async with stack_of(tmp_path, gateways=2) as stack:
        clients = [await RawClient.open(stack.gateway_port) for _ in range(40)]
        ids = [json.loads((await client.frame())[1])["data"]["client_id"] for client in clients]
        assert len({client_id[:12] for client_id in ids}) == 2  # the kernel spread them
        victim = stack.pids("gateway")[0]
        prefix = stack.prefix_of(victim)
        lost = {client_id for client_id in ids if client_id.startswith(prefix)}
        os.kill(victim, signal.SIGKILL)
        await stack.until(lambda status: len(events(tmp_path, "close")) >= len(lost))
        again = [await RawClient.open(stack.gateway_port) for _ in lost]
        for client in again:
            assert json.loads((await client.frame())[1])["type"] == "init"
        closed = [event["client"] for event in events(tmp_path, "close")]
        assert sorted(closed) == sorted(lost)
        for client in clients + again:
            client.close()


async def test_clients_of_a_stopping_gateway_are_told_to_come_back(tmp_path: Path) -> None:
    """stop closes with 1001, after on_close had its turn, and the command waits for it."""
    async with stack_of(tmp_path, gateway__drain_timeout=4) as stack:
        clients = [await RawClient.open(stack.gateway_port) for _ in range(10)]
        for client in clients:
            await client.frame()
        stopping = asyncio.create_task(stack.gateway_command("stop"))
        codes = await within(asyncio.gather(*(client.close_code() for client in clients)))
        for client in clients:
            client.close()
        await within(stopping)
        assert codes == [1001] * 10
        assert len(events(tmp_path, "close")) == 10


async def test_clients_of_a_restarting_gateway_find_it_again(tmp_path: Path) -> None:
    """restart closes with 1012; who connects meanwhile waits in the queue of the socket."""
    async with stack_of(tmp_path, gateway__drain_timeout=1) as stack:
        client = await RawClient.open(stack.gateway_port)
        await client.frame()
        restarting = asyncio.create_task(stack.gateway_command("restart"))
        assert await client.close_code() == 1012
        client.close()
        async with connect(stack.ws_url) as again:
            assert (await again.recv_json())["type"] == "init"
        await within(restarting)


async def test_without_worker_a_new_client_waits_and_is_then_refused(tmp_path: Path) -> None:
    """It is closed with 1013 after gateway.worker_wait."""
    async with stack_of(tmp_path, gateway__worker_wait=0.5).only_gateway() as stack:
        client = await RawClient.open(stack.gateway_port)
        assert await client.close_code() == 1013
        client.close()


async def test_a_worker_that_comes_in_time_serves_those_who_wait(tmp_path: Path) -> None:
    """A client that comes before any worker is served as soon as there is one."""
    async with stack_of(tmp_path, gateway__worker_wait=30).only_gateway() as stack:
        async with connect(stack.ws_url) as patient, connect(f"{stack.ws_url}/probe") as named:
            await stack.start_business()
            assert (await patient.recv_json())["type"] == "init"
            assert (await named.recv_json())["type"] == "init"


async def test_clients_that_are_connected_outlive_all_workers(tmp_path: Path) -> None:
    """The business is stopped and started anew: sockets stay, what they say waits, and on_close of
    those that left meanwhile runs in the new process."""
    async with (
        stack_of(tmp_path) as stack,
        connect(stack.ws_url) as stays,
        connect(stack.ws_url) as leaves,
    ):
        await stays.recv_json()
        left = (await leaves.recv_json())["data"]["client_id"]
        await stack.business_command("stop")
        await stays.send("said while nobody was there")
        await leaves.close()
        await stack.until(lambda status: status.gateway["clients"] == 1)
        await stack.start_business()
        assert await stays.recv() == "said while nobody was there"
        await stack.until(lambda status: len(events(tmp_path, "close")) == 1)
        assert [event["client"] for event in events(tmp_path, "close")] == [left]
        assert len(events(tmp_path, "connect")) == 2


@pytest.mark.parametrize("order", ["business first", "gateway first", "register last"])
async def test_processes_may_start_in_any_order(tmp_path: Path, order: str) -> None:
    """Whoever comes first waits for the others, and all is well in the end."""
    stack = stack_of(tmp_path)
    async with stack.nothing_started():
        if order == "business first":
            await stack.start_business()
            await stack.start_gateway()
        elif order == "gateway first":
            await stack.start_gateway()
            await stack.start_business()
        else:
            await stack.start_gateway(register=False)
            await stack.start_business()
            await stack.start_register()
        async with connect(stack.ws_url) as client:
            assert (await client.recv_json())["type"] == "init"


async def test_a_worker_with_another_secret_stays_outside(tmp_path: Path) -> None:
    """It is refused, says so in its status, and gets no client; a client program is told."""
    stack = stack_of(tmp_path, gateway__worker_wait=0.5)
    async with stack.only_gateway():
        await stack.start_business(secret="another secret of the right length, but wrong")
        client = await RawClient.open(stack.gateway_port)
        assert await client.close_code() == 1013
        client.close()
        status = await stack.status()
        assert [peer for peer in status.gateway["peers"] if peer["kind"] == "worker"] == []
        with pytest.raises(SecretRefused):
            async with GatewayClient(register=stack.register, secret="w" * 40, service="probe"):
                pass


async def test_clients_of_a_frozen_worker_move_to_another(tmp_path: Path) -> None:
    """SIGSTOP: after inner.heartbeat_timeout its clients are served by the other worker."""
    async with (
        stack_of(tmp_path, workers=2, supervision__ping_timeout=0) as stack,
        contextlib.AsyncExitStack() as sockets,
    ):
        clients = [await sockets.enter_async_context(connect(stack.ws_url)) for _ in range(6)]
        for client in clients:
            await client.recv_json()
        frozen = stack.pids("business")[0]
        os.kill(frozen, signal.SIGSTOP)
        try:
            for client in clients:
                await client.send("lost with the frozen worker, or answered by the other")
            await eventually(lambda: len(stack.gateway.processes()[-1]["peers"]) == 1)
            for client in clients:
                await client.send("again")
            for client in clients:
                while await client.recv() != "again":
                    pass
        finally:
            os.kill(frozen, signal.SIGCONT)
