"""What hooks do with their clients, and what bad hooks do to others: behind real gateways."""

from __future__ import annotations

import os

from gateway_client import GatewayClient
from tests.support.timing import eventually
from tests.support.ws import connect

from .support import Bench


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
            bench.stack(business__hook_timeout=2.0) as stack,
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
                business__threads=4, business__hook_timeout=1.5, business__drain_timeout=1.0
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
            async with GatewayClient(
                stack.register, secret=stack.secret, service="talk"
            ) as gateway:
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
