"""Reload: the code changes under living sockets, and every event is handled exactly once."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter

import aiohttp
import pytest

from tests.support.stack import CommandFailed, Stack
from tests.support.timing import eventually, within
from tests.support.ws import Client, connect

from .support import Bench

CHAT = """
VERSION = {version}

async def on_connect(client):
    note("connect", id=client.id)
    client.session["since"] = VERSION
    await client.send({{"id": client.id}})

async def on_message(client, message):
    note("message", id=client.id, message=message, version=VERSION)
    # Some wait, so that there is always one running when the worker is told to leave.
    await asyncio.sleep(0.02 if message.endswith("7") else 0)
    client.session["count"] = client.session.get("count", 0) + 1
    await client.send([message, VERSION, client.session["count"], client.session["since"]])

async def on_close(client):
    note("close", id=client.id)
"""

ROUTES = """
from aiohttp import web

routes = web.RouteTableDef()

@routes.get("/pid")
async def pid(request):
    await asyncio.sleep(0.01)
    return web.json_response(os.getpid())
"""


class Talker:
    """A client that says something all the time, and checks every answer."""

    def __init__(self, client: Client, name: str) -> None:
        self.client = client
        self.name = name
        self.id = ""
        self.sent: list[str] = []
        self.versions: list[int] = []
        self.stopping = False

    async def run(self) -> None:
        self.id = (await self.client.recv_json())["id"]
        while not self.stopping:
            await self.burst(5)
            await asyncio.sleep(0.005)
        await self.burst(1)

    async def burst(self, size: int) -> None:
        """Send several messages at once, then take their answers."""
        texts = [f"{self.name} {len(self.sent) + number}" for number in range(size)]
        for text in texts:
            await self.client.send(text)
            self.sent.append(text)
        for text in texts:
            message, version, count, since = await self.client.recv_json()
            self.versions.append(version)
            assert (message, count, since) == (text, len(self.versions), 1)


async def test_reload_keeps_all_sockets_and_handles_every_event_once(bench: Bench) -> None:
    """Clients chat, come and go while both workers are replaced twice: nothing is lost, nothing
    happens twice, nothing is out of order, and sessions move along."""
    bench.write("talk", CHAT.format(version=1))
    async with bench.stack(workers=2) as stack, contextlib.AsyncExitStack() as sockets:
        talkers = [
            Talker(await sockets.enter_async_context(connect(stack.ws_url)), f"client{number}")
            for number in range(12)
        ]
        short_lived: list[str] = []
        old = set(stack.pids("business"))
        async with asyncio.TaskGroup() as group:
            for talker in talkers:
                group.create_task(talker.run())
            ended = asyncio.Event()
            group.create_task(_come_and_go(stack, short_lived, ended))
            await eventually(lambda: all(talker.sent for talker in talkers))
            for version in (2, 3):
                bench.write("talk", CHAT.format(version=version))
                await within(stack.business_command("reload"), factor=3)
                await eventually(
                    lambda: all(version in talker.versions[-1:] for talker in talkers)  # noqa: B023
                )
            ended.set()
            for talker in talkers:
                talker.stopping = True
        new = set(stack.pids("business"))
        assert len(new) == 2
        assert not old & new
        for talker in talkers:
            assert talker.versions == sorted(talker.versions)
            handled = [note for note in bench.notes("message") if note["id"] == talker.id]
            assert [note["message"] for note in handled] == talker.sent
        opened = Counter(note["id"] for note in bench.notes("connect"))
        assert set(opened.values()) == {1}
        assert set(opened) >= {talker.id for talker in talkers} | set(short_lived)
        gone = set(opened) - {talker.id for talker in talkers}
        await eventually(lambda: {note["id"] for note in bench.notes("close")} >= gone)
        assert Counter(note["id"] for note in bench.notes("close")) == Counter(gone)
        assert len(short_lived) > 5


async def _come_and_go(stack: Stack, seen: list[str], ended: asyncio.Event) -> None:
    """Open and close sockets one after another."""
    while not ended.is_set():
        async with connect(stack.ws_url) as client:
            seen.append((await client.recv_json())["id"])


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        ("def on_connect(client:\n", "events.py:"),
        ("async def on_worker_start(worker): raise OSError('no database')\n", "no database"),
        ("raise SystemExit(3)\n", "SystemExit"),
    ],
)
async def test_broken_new_code_keeps_the_old_workers(
    bench: Bench, broken: str, reason: str
) -> None:
    """The reload is refused with the reason, and everything goes on as before."""
    bench.write("talk", CHAT.format(version=1))
    async with bench.stack(workers=2) as stack, connect(stack.ws_url) as client:
        await client.recv_json()
        old = stack.pids("business")
        bench.write("talk", broken)
        with pytest.raises(CommandFailed) as caught:
            await within(stack.business_command("reload"), factor=3)
        assert reason in caught.value.line
        assert stack.pids("business") == old
        await client.send("x")
        assert (await client.recv_json())[:2] == ["x", 1]
        bench.write("talk", CHAT.format(version=2))
        await within(stack.business_command("reload"), factor=3)
        await client.send("y")
        assert (await client.recv_json())[:2] == ["y", 2]


async def test_no_request_fails_during_a_reload(bench: Bench) -> None:
    """Requests that run are finished by the old process, new ones wait for the new one."""
    bench.write("talk", CHAT.format(version=1), routes=ROUTES)
    async with bench.stack() as stack:
        url = f"{stack.http_url}/talk/pid"
        pids: list[int] = []
        stopping = False

        async def ask() -> None:
            while not stopping:
                # A connection each: a server may close an idle one at any time, that is HTTP.
                async with (
                    aiohttp.ClientSession() as session,
                    session.get(url, headers={"Connection": "close"}) as response,
                ):
                    assert response.status == 200
                    pids.append(await response.json())

        async with asyncio.TaskGroup() as group:
            for _ in range(8):
                group.create_task(ask())
            for _ in range(2):
                seen = len(pids)
                await within(stack.business_command("reload"), factor=3)
                (now,) = stack.pids("business")
                await eventually(lambda: len(pids) > seen and pids[-1] == now)  # noqa: B023
            stopping = True
        assert len(set(pids)) == 3


async def test_a_hook_that_runs_during_a_reload_is_finished_by_the_old_worker(
    bench: Bench,
) -> None:
    """And the client's next message waits for it, although another worker handles that."""
    gate = bench.directory / "gate"
    bench.write(
        "talk",
        f"""
        async def on_message(client, message):
            note("begin", message=message)
            while message == "slow" and not Path({str(gate)!r}).exists():
                await asyncio.sleep(0.01)
            note("end", message=message)
            await client.send([message, os.getpid()])
        """,
    )
    async with (
        bench.stack() as stack,
        connect(stack.ws_url) as client,
        connect(stack.ws_url) as other,
    ):
        (old,) = stack.pids("business")
        await client.send("slow")
        await eventually(lambda: bench.notes("begin"))
        async with asyncio.TaskGroup() as group:
            group.create_task(stack.business_command("reload"))
            while await ask(other, "other") == old:
                pass
            await client.send("next")
            assert await ask(other, "other") != old
            assert "next" not in [note["message"] for note in bench.notes("begin")]
            gate.touch()
            assert await client.recv_json() == ["slow", old]
            message, new = await client.recv_json()
            assert message == "next"
            assert new != old


async def ask(client: Client, message: str) -> int:
    """Send a message; returns the pid of the worker that answered."""
    await client.send(message)
    echo, pid = await client.recv_json()
    assert echo == message
    return int(pid)
