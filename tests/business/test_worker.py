"""Business processes come and go in any way, kill -9 too, and clients hardly notice."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from gateway_client import GatewayClient
from tests.support.stack import Stack
from tests.support.timing import eventually, within
from tests.support.ws import connect

from .support import Bench

ECHO = """
async def on_connect(client):
    note("connect", id=client.id)
    await client.send({"id": client.id, "pid": os.getpid()})

async def on_message(client, message):
    await client.send({"echo": message, "pid": os.getpid()})

async def on_close(client):
    note("close", id=client.id, uid=client.uid, session=client.session, code=client.close_code)
"""


def client_of(stack: Stack, service: str) -> GatewayClient:
    """A GatewayClient of another program."""
    return GatewayClient(stack.register, secret=stack.secret, service=service)


def threads_of(pid: int, name: str) -> list[int]:
    """The threads of a process whose names begin so."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return [int(t.name) for t in tasks if (t / "comm").read_text().startswith(name)]


class TestLife:
    """Start in any order, stop in the right one."""

    async def test_business_may_start_first(self, bench: Bench) -> None:
        """It serves HTTP meanwhile, and clients as soon as there is a gateway."""
        bench.write("talk", ECHO)
        stack = bench.stack()
        async with stack.nothing_started():
            await stack.start_business()
            async with (
                aiohttp.ClientSession() as session,
                session.get(f"{stack.http_url}/nothing") as response,
            ):
                assert response.status == 404
            await stack.start_gateway()
            async with connect(stack.ws_url) as client:
                await client.recv_json()
                await client.send("x")
                assert (await client.recv_json())["echo"] == "x"

    @pytest.mark.skipif(not hasattr(os, "SCHED_BATCH"), reason="this system has no such policy")
    async def test_what_is_passed_on_runs_first(self, bench: Bench) -> None:
        """Hooks do not interrupt the thread that passes messages on, nor the gateway; also where
        there is no gateway yet when the process starts."""
        bench.write("talk", ECHO)
        stack = bench.stack()
        async with stack.nothing_started():
            await stack.start_business()
            await stack.start_gateway()
            async with connect(stack.ws_url) as client:
                await client.recv_json()
            (business,), (gateway,) = stack.pids("business"), stack.pids("gateway")
            assert os.sched_getscheduler(business) == os.SCHED_BATCH
            assert os.sched_getscheduler(gateway) == os.SCHED_OTHER
            passing = threads_of(business, "ZMQbg/IO")
            assert passing
            assert {os.sched_getscheduler(thread) for thread in passing} == {os.SCHED_OTHER}

    async def test_start_and_stop_hooks_embrace_everything_else(self, bench: Bench) -> None:
        """Including hooks that run while the process is told to stop: they are finished."""
        bench.write(
            "talk",
            """
            async def on_worker_start(worker):
                note("worker start", name=worker.name, service=worker.service)
                worker.app["value"] = await worker.gateway.get_all_client_count()

            async def on_worker_stop(worker):
                note("worker stop", name=worker.name)

            async def on_message(client, message):
                note("message", value=client.app["value"])
                await asyncio.sleep(0.3)
                await client.send("done")
                note("done")
            """,
            routes="""
            async def lifespan(app):
                note("lifespan begin")
                yield
                note("lifespan end")
            """,
        )
        async with bench.stack().only_gateway() as stack:
            await stack.start_business()  # its first hook asks the gateway something
            async with connect(stack.ws_url) as client:
                await client.send("x")
                await eventually(lambda: bench.notes("message"))
                await stack.business_command("stop")
                assert await client.recv() == "done"
        assert [note["what"] for note in bench.notes()] == [
            "worker start",
            "lifespan begin",
            "message",
            "done",
            "lifespan end",
            "worker stop",
        ]
        assert bench.notes("worker start")[0]["name"] == "business-0"
        assert bench.notes("message")[0]["value"] == 0

    async def test_what_a_gateway_holds_is_told_at_start_and_after_a_loss(
        self, bench: Bench
    ) -> None:
        """on_gateway_up runs in one worker, with id, uid and session of each client."""
        bench.write(
            "talk",
            ECHO
            + """
async def on_gateway_up(gateway, clients):
    note("up", prefix=gateway.prefix, clients=[[c.id, c.uid, c.session] for c in clients])
""",
        )
        async with bench.stack(workers=2) as stack, connect(stack.ws_url) as client:
            client_id = (await client.recv_json())["id"]
            (first,) = await eventually(lambda: bench.notes("up"))
            assert (first["prefix"], first["clients"]) == (client_id[:12], [])
            async with client_of(stack, "talk") as gateway:
                await gateway.bind_uid(client_id, "42")
                await gateway.set_session(client_id, {"a": 1})
            for pid in stack.pids("business"):
                os.kill(pid, signal.SIGKILL)
            note = await eventually(
                lambda: next((note for note in bench.notes("up") if note["clients"]), None)
            )
            assert note["clients"] == [[client_id, "42", {"a": 1}]]


class TestCrash:
    """kill -9: no socket is lost, and nothing that matters is forgotten."""

    async def test_clients_of_a_killed_worker_are_served_by_another(self, bench: Bench) -> None:
        bench.write("talk", ECHO)
        async with bench.stack(workers=2) as stack:
            clients = [connect(stack.ws_url) for _ in range(6)]
            for client in clients:
                await client.__aenter__()
            pids = [(await client.recv_json())["pid"] for client in clients]
            assert len(set(pids)) == 2
            victim = pids[0]
            os.kill(victim, signal.SIGKILL)
            # What is on its way to a worker when it dies is lost: on_message runs at most once.
            await stack.until(
                lambda status: (
                    victim not in stack.pids("business", status)
                    and [row["state"] for row in status.of("business")] == ["ready"] * 2
                    and victim not in [peer["pid"] for peer in status.gateway["peers"]]
                )
            )
            for client in clients:
                await client.send("still there")
                answer = await client.recv_json()
                assert answer["echo"] == "still there"
                assert answer["pid"] != victim
            assert len(bench.notes("connect")) == 6  # an acknowledged one is never repeated
            assert bench.notes("close") == []
            for client in clients:
                await client.close()
            await eventually(lambda: len(bench.notes("close")) == 6)

    async def test_an_unacknowledged_connect_is_handed_over(self, bench: Bench) -> None:
        """The first worker dies inside on_connect; the second one runs it again."""
        bench.write(
            "talk",
            """
            async def on_connect(client):
                others = Path(NOTES).exists()
                note("connect", id=client.id)
                if not others:
                    await asyncio.Event().wait()
                await client.send({"id": client.id})
            """,
        )
        async with bench.stack(workers=2) as stack, connect(stack.ws_url) as client:
            (first,) = await eventually(lambda: bench.notes("connect"))
            os.kill(first["pid"], signal.SIGKILL)
            assert await client.recv_json() == {"id": first["id"]}
            again = bench.notes("connect")[1]
            assert again["id"] == first["id"]
            assert again["pid"] != first["pid"]

    async def test_on_close_runs_for_the_clients_of_a_killed_gateway(self, bench: Bench) -> None:
        """With the uid and session that they had last, whoever set them."""
        bench.write("talk", ECHO)
        async with bench.stack() as stack, connect(stack.ws_url) as client:
            client_id = (await client.recv_json())["id"]
            async with client_of(stack, "talk") as gateway:
                await gateway.bind_uid(client_id, "42")
                await gateway.set_session(client_id, {"a": [1, None]})
            (gateway_pid,) = stack.pids("gateway")
            os.kill(gateway_pid, signal.SIGKILL)
            (note,) = await eventually(lambda: bench.notes("close"))
            assert (note["id"], note["uid"]) == (client_id, "42")
            assert (note["session"], note["code"]) == ({"a": [1, None]}, 1006)
            async with connect(stack.ws_url) as again:
                assert (await again.recv_json())["id"] != client_id
        assert len([n for n in bench.notes("close") if n["id"] == client_id]) == 1


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
async def test_many_clients_chat_at_once(bench: Bench, loop: str) -> None:
    """Two gateways and two workers: each client gets its own answers, all of them, in order."""
    bench.write("talk", ECHO)
    async with bench.stack(workers=2, gateways=2, loop=loop) as stack:

        async def chat(name: int) -> Any:
            async with connect(stack.ws_url) as client:
                hello = await client.recv_json()
                for number in range(50):
                    await client.send(f"{name} {number}")
                answers = [json.loads(await client.recv())["echo"] for _ in range(50)]
                assert answers == [f"{name} {number}" for number in range(50)]
                return hello["id"][:12], hello["pid"]

        served = await within(asyncio.gather(*(chat(name) for name in range(40))), factor=3)
        assert len({pid for _, pid in served}) == 2
        await eventually(lambda: len(bench.notes("close")) == 40)
