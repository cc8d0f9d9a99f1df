"""Hooks of a real business process behind a real gateway: good ones, bad ones, and kill -9."""

from __future__ import annotations

import asyncio
import json
import os
import signal
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


class TestBadHooks:
    """A hook that fails harms nobody else, and is counted."""

    async def test_a_hook_that_raises(self, bench: Bench) -> None:
        """The client stays connected, its next message is served, status counts the error."""
        bench.write(
            "talk",
            """
            async def on_message(client, message):
                if message == "bad":
                    raise ValueError("on purpose")
                await client.send(message)
            """,
        )
        async with bench.stack() as stack, connect(stack.ws_url) as client:
            await client.send("bad")
            await client.send("good")
            assert await client.recv() == "good"
            status = await stack.until(lambda status: status.business["services"]["talk"]["errors"])
            numbers = status.business["services"]["talk"]
            assert (numbers["errors"], numbers["events"], numbers["clients"]) == (1, 2, 1)
            log = stack.business.tail()
            assert "on purpose" in log
            (connection,) = await stack.connections()
            assert connection["client_id"] in log

    async def test_an_async_hook_that_never_returns(self, bench: Bench) -> None:
        """It is cancelled after business.hook_timeout and counted; others are not held up."""
        bench.write(
            "talk",
            """
            async def on_message(client, message):
                if message == "hang":
                    try:
                        await asyncio.Event().wait()
                    finally:
                        note("cancelled")
                await client.send(message)
            """,
        )
        async with (
            bench.stack(business__hook_timeout=1.0) as stack,
            connect(stack.ws_url) as hanging,
            connect(stack.ws_url) as other,
        ):
            await hanging.send("hang")
            await hanging.send("after")
            await other.send("other")
            assert await other.recv() == "other"
            assert bench.notes("cancelled") == []
            assert await hanging.recv() == "after"
            assert len(bench.notes("cancelled")) == 1
            status = await stack.until(
                lambda status: status.business["services"]["talk"]["timeouts"]
            )
            assert status.business["services"]["talk"]["timeouts"] == 1
            assert status.business["services"]["talk"]["errors"] == 0

    async def test_a_plain_hook_that_never_returns(self, bench: Bench) -> None:
        """It is stuck; with half the threads stuck the process is replaced, and no socket lost."""
        bench.write(
            "talk",
            """
            def on_message(client, message):
                if message == "hang":
                    note("hang")
                    threading.Event().wait()
                client.send({"echo": message, "pid": os.getpid()})
            """,
        )
        async with (
            bench.stack(
                business__threads=4, business__hook_timeout=0.5, business__drain_timeout=1.0
            ) as stack,
            connect(stack.ws_url) as first,
            connect(stack.ws_url) as second,
            connect(stack.ws_url) as other,
        ):
            await other.send("a")
            old = (await other.recv_json())["pid"]
            await first.send("hang")
            await stack.until(lambda status: status.business["services"]["talk"]["stuck"] == 1)
            await other.send("b")
            assert (await other.recv_json()) == {"echo": "b", "pid": old}
            await second.send("hang")
            await stack.until(lambda status: status.business["pid"] not in (None, old))
            for client in (first, second):
                await client.send("c")
                answer = await client.recv_json()
                assert answer["echo"] == "c"
                assert answer["pid"] != old
            await other.send("d")
            answer = await other.recv_json()
            assert answer["echo"] == "d"
            assert answer["pid"] != old
            await eventually(lambda: not _is_alive(old))
            assert len(bench.notes("hang")) == 2  # on_message at most once


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


class TestClient:
    """What a hook can do with its client."""

    async def test_what_is_sent_arrives_in_order(self, bench: Bench) -> None:
        """Through full windows, from several hooks, with and without waiting."""
        bench.write(
            "talk",
            """
            async def on_connect(client):
                for number in range(3000):
                    await client.send(str(number), wait=number % 500 == 0)

            async def on_message(client, message):
                await asyncio.sleep(0)
                await client.send(message)
            """,
        )
        async with bench.stack() as stack, connect(stack.ws_url, max_queue=None) as client:
            for number in range(3000, 3100):
                await client.send(str(number))
            received = [await client.recv() for _ in range(3100)]
            assert received == [str(number) for number in range(3100)]

    async def test_the_session_is_saved_and_merged(self, bench: Bench) -> None:
        """Hooks and other programs change different keys; everybody sees all of them."""
        bench.write(
            "talk",
            """
            async def on_connect(client):
                client.session["connected"] = {"from": client.remote_address}
                await client.send(client.id)

            async def on_message(client, message):
                before = dict(client.session)
                if message == "count":
                    client.session["count"] = client.session.get("count", 0) + 1
                if message == "forget":
                    del client.session["connected"]
                if message == "fail":
                    client.session["failed"] = True
                    raise ValueError
                await client.send(before)
            """,
        )
        async with bench.stack() as stack, connect(stack.ws_url) as client:
            client_id = str(await client.recv())
            async with client_of(stack, "talk") as gateway:
                for number in range(20):
                    await client.send("count")
                    if number % 5 == 0:
                        await gateway.update_session(client_id, {f"theirs {number}": number})
                counts = [(await client.recv_json()).get("count", 0) for _ in range(20)]
                assert counts == list(range(20))
                await client.send("fail")
                await client.send("forget")
                assert "connected" in await client.recv_json()
                expected = {"count": 20, **{f"theirs {n}": n for n in range(0, 20, 5)}}
                await client.send("look")
                assert await client.recv_json() == expected
                assert await gateway.get_session(client_id) == expected

    async def test_uid_and_groups_hold_at_once(self, bench: Bench) -> None:
        """As soon as bind_uid returned, others reach the client by it."""
        bench.write(
            "talk",
            """
            async def on_message(client, message):
                await client.bind_uid(message)
                await client.join_group("all")
                assert (client.uid, client.groups) == (message, {"all"})
                await client.gateway.send_to_uid(message, "by uid")
                await client.gateway.send_to_group("all", "by group")
                await client.unbind_uid()
                assert await client.gateway.send_to_uid(message, "not any more") == 0
                await client.close("bye", code=4300, reason="enough")
            """,
        )
        async with bench.stack() as stack, connect(stack.ws_url) as client:
            await client.send("42")
            assert [await client.recv() for _ in range(3)] == ["by uid", "by group", "bye"]
            assert await client.closed() == (4300, "enough")

    async def test_a_plain_hook_does_the_same_without_await(self, bench: Bench) -> None:
        bench.write(
            "talk",
            """
            def on_connect(client):
                client.session["name"] = "x"

            def on_message(client, message):
                client.bind_uid(7)
                client.gateway.send_to_uid(client.uid, {"session": client.session})
                ids = list(client.gateway.iter_client_sessions())
                client.send({"online": len(ids)}, wait=True)
                client.destroy()

            def on_close(client):
                note("close", uid=client.uid, session=client.session)
            """,
        )
        async with bench.stack() as stack, connect(stack.ws_url) as client:
            await client.send("go")
            assert await client.recv_json() == {"session": {"name": "x"}}
            assert await client.recv_json() == {"online": 1}
            assert (await client.closed())[0] == 1006
            (note,) = await eventually(lambda: bench.notes("close"))
            assert (note["uid"], note["session"]) == ("7", {"name": "x"})

    async def test_the_request_of_the_handshake(self, bench: Bench) -> None:
        """on_websocket_connect gets path, query, headers and cookies, before on_connect."""
        bench.write(
            "talk",
            """
            async def on_websocket_connect(client, request):
                await client.send(
                    [request.path, request.query, request.cookies, request.headers["x-test"]]
                )

            async def on_connect(client):
                await client.send("then")
            """,
        )
        headers = {"Cookie": "a=1; b=2", "X-Test": "yes"}
        async with (
            bench.stack() as stack,
            connect(stack.ws_url + "/talk/room?q=%E4%BD%A0", additional_headers=headers) as client,
        ):
            assert await client.recv_json() == [
                "/talk/room",
                {"q": "你"},
                {"a": "1", "b": "2"},
                "yes",
            ]
            assert await client.recv() == "then"

    async def test_binary_messages_are_bytes(self, bench: Bench) -> None:
        bench.write(
            "talk",
            """
            async def on_message(client, message):
                await client.send(message[::-1])
            """,
        )
        async with bench.stack() as stack, connect(stack.ws_url) as client:
            await client.send(b"\x00\x01\xff")
            assert await client.recv() == b"\xff\x01\x00"
            await client.send("你好")
            assert await client.recv() == "好你"


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
        async with bench.stack() as stack, connect(stack.ws_url) as client:
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
