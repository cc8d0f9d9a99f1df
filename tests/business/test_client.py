"""A client's session is saved when the hook returns, as the keys that changed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from business.client import Client
from business.hooks import HookStats
from business.service import Service
from shared import protocol
from shared.errors import ProtocolError
from shared.link import LinkState
from shared.protocol import ServiceOptions

PREFIX = "7f0000010b54"


class FakeLink:
    """Records the commands that a client sends; the test answers."""

    def __init__(self) -> None:
        self.prefix = PREFIX
        self.state = LinkState.UP
        self.calls: list[tuple[Any, ...]] = []
        self.futures: list[asyncio.Future[Any]] = []
        self.is_full = False

    def call(self, code: int, service: int, *fields: Any, timeout: float) -> asyncio.Future[Any]:
        self.calls.append((code, service, *fields))
        self.futures.append(asyncio.get_running_loop().create_future())
        return self.futures[-1]

    def cast(
        self, code: int, service: int, *fields: Any, timeout: float
    ) -> asyncio.Future[None] | None:
        self.calls.append((code, service, *fields))
        return asyncio.get_running_loop().create_future() if self.is_full else None


class FakeGateway:
    """Answers every call with ``answer``; ``before`` runs first."""

    def __init__(self) -> None:
        self.answer = True
        self.calls: list[tuple[Any, ...]] = []
        self.before: Callable[[], None] = lambda: None

    def __getattr__(self, name: str) -> Any:
        async def call(*args: Any, **kwargs: Any) -> bool:
            self.calls.append((name, *args, kwargs))
            self.before()
            return self.answer

        return call


def fake(kind: type[Any]) -> Any:
    """One that passes for the real thing."""
    return kind()


class Bench:
    """A client of a link and gateway that record."""

    def __init__(self, session: dict[str, Any] | None = None) -> None:
        self.link = fake(FakeLink)
        self.gateway = fake(FakeGateway)
        self.service = Service("test", Path("test"), {}, ServiceOptions(), HookStats(), index=3)
        self.service.gateway = self.gateway
        self.client = Client(self.link, self.service, 255, state(session or {}))

    def saved(self) -> tuple[dict[str, Any], list[str]]:
        """What the last command set and removed."""
        code, service, number, changes, removed = self.link.calls[-1]
        assert (code, service, number) == (protocol.PATCH_SESSION, 3, 255)
        return protocol.unpack_session(changes), removed


def state(
    session: dict[str, Any], uid: str | None = None, groups: list[str] | None = None
) -> list[Any]:
    return ["192.0.2.1:5000", uid, groups or [], protocol.pack_session(session)]


async def test_it_knows_its_id_address_uid_and_groups() -> None:
    bench = Bench()
    client = Client(bench.link, bench.service, 255, state({}, "42", ["a", "b"]))
    assert client.id == PREFIX + "000000ff"
    assert client.remote_address == "192.0.2.1:5000"
    assert client.uid == "42"
    assert client.groups == {"a", "b"}
    assert str(client) == f"client {client.id}"


class TestSession:
    """Only what changed is sent, and only after a hook that returned."""

    async def test_a_session_that_was_only_read_is_not_sent(self) -> None:
        bench = Bench({"a": 1})
        assert bench.client.session == {"a": 1}
        assert bench.client.save_session() is None
        assert bench.link.calls == []

    async def test_changed_and_removed_keys_are_sent_and_no_others(self) -> None:
        bench = Bench({"same": [1, 2], "changed": {"deep": 1}, "gone": 3})
        bench.client.session["changed"]["deep"] = 2
        bench.client.session["new"] = True
        del bench.client.session["gone"]
        assert bench.client.save_session() is not None
        assert bench.saved() == ({"changed": {"deep": 2}, "new": True}, ["gone"])

    async def test_a_new_dict_in_its_place_is_compared_with_the_old(self) -> None:
        bench = Bench({"a": 1, "b": 2})
        bench.client.session = {"b": 2, "c": 3}
        bench.client.save_session()
        assert bench.saved() == ({"c": 3}, ["a"])

    async def test_an_equal_value_of_another_type_is_a_change(self) -> None:
        bench = Bench({"a": 1})
        bench.client.session["a"] = True
        bench.client.save_session()
        assert bench.saved() == ({"a": True}, [])

    async def test_another_order_of_keys_is_no_change(self) -> None:
        bench = Bench({"a": 1, "b": 2})
        bench.client.session["a"] = bench.client.session.pop("a")
        assert bench.client.save_session() is None

    async def test_the_next_hook_sees_what_the_last_one_saved_before_the_gateway_has_it(
        self,
    ) -> None:
        bench = Bench()
        bench.client.session["a"] = 1
        bench.client.save_session()
        assert bench.client.session == {"a": 1}

    async def test_a_hook_that_failed_leaves_the_session_as_it_was(self) -> None:
        bench = Bench({"a": 1})
        bench.client.session["a"] = 2
        bench.client.drop_session()
        assert bench.client.session == {"a": 1}
        assert bench.link.calls == []

    async def test_what_msgpack_cannot_carry_is_an_error(self) -> None:
        bench = Bench({"a": 1})
        bench.client.session["a"] = object()
        with pytest.raises(ProtocolError, match="session"):
            bench.client.save_session()
        assert bench.client.session == {"a": 1}

    async def test_a_running_hook_keeps_its_session_while_others_change_it(self) -> None:
        bench = Bench({"a": 1, "theirs": 1})
        session = bench.client.session
        session["a"] = 2
        bench.client.take("42", ["g"], protocol.pack_session({"a": 1, "theirs": 2}))
        assert bench.client.session is session
        assert bench.client.uid == "42"
        bench.client.save_session()
        assert bench.saved() == ({"a": 2}, [])
        assert bench.client.session == {"a": 2, "theirs": 2}

    async def test_older_news_of_the_gateway_does_not_undo_what_was_saved(self) -> None:
        bench = Bench({"a": 1})
        bench.client.session["a"] = 2
        bench.client.save_session()
        bench.client.take(None, [], protocol.pack_session({"a": 1, "b": 1}))
        assert bench.client.session == {"a": 2, "b": 1}
        bench.client.drop_session()
        bench.link.futures[0].set_result(True)
        bench.client.take(None, [], protocol.pack_session({"a": 3}))  # of after the answer
        assert bench.client.session == {"a": 3}

    async def test_the_session_of_a_closed_client_is_not_sent(self) -> None:
        bench = Bench()
        bench.client.session["a"] = 1
        bench.client.closed(1000, "")
        assert bench.client.save_session() is None
        assert bench.client.session == {"a": 1}


class TestSend:
    """Sending is pipelined unless the caller wants the answer."""

    @pytest.mark.parametrize(
        ("message", "opcode", "payload"),
        [
            ("你好", 1, "你好".encode()),
            (b"\0", 2, b"\0"),
            ({"type": "你好"}, 1, '{"type":"你好"}'.encode()),
            ([1, None], 1, b"[1,null]"),
        ],
    )
    async def test_messages_are_encoded_by_their_type(
        self, message: Any, opcode: int, payload: bytes
    ) -> None:
        bench = Bench()
        assert await bench.client.send(message) is None
        assert bench.link.calls == [(protocol.SEND_TO_CLIENT, 3, 255, opcode, payload)]

    async def test_waiting_returns_whether_the_socket_was_there(self) -> None:
        bench = Bench()
        sending = asyncio.create_task(bench.client.send("x", wait=True))
        await asyncio.sleep(0)
        bench.link.futures[0].set_result(False)
        assert await sending is False

    async def test_a_full_window_makes_the_caller_wait(self) -> None:
        bench = Bench()
        bench.link.is_full = True
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(bench.client.send("x"), 0.01)

    async def test_nothing_is_sent_to_a_closed_client(self) -> None:
        bench = Bench()
        bench.client.closed(1006, "")
        assert await bench.client.send("x") is None
        assert await bench.client.send("x", wait=True) is False
        assert await bench.client.close() is False
        assert await bench.client.destroy() is False
        assert bench.link.calls == []
        assert bench.gateway.calls == []


class TestUidAndGroups:
    """They hold at once after the call, and follow the gateway's news."""

    async def test_they_follow_the_calls(self) -> None:
        bench = Bench()
        client = bench.client
        assert await client.bind_uid(42)
        assert client.uid == "42"
        assert await client.join_group("a")
        assert await client.join_group(7)
        assert client.groups == {"a", "7"}
        assert await client.leave_group("a")
        assert client.groups == {"7"}
        assert ("leave_group", client.id, "a", {}) in bench.gateway.calls

    async def test_unbinding_means_the_uid_that_it_is_bound_to(self) -> None:
        bench = Bench()
        bench.client.uid = "42"
        assert await bench.client.unbind_uid()
        assert not bench.client.uid
        assert bench.gateway.calls == [("unbind_uid", bench.client.id, "42", {})]

    async def test_a_refused_call_changes_nothing(self) -> None:
        bench = Bench()
        bench.gateway.answer = False
        assert not await bench.client.bind_uid("42")
        assert not await bench.client.join_group("a")
        assert (bench.client.uid, bench.client.groups) == (None, frozenset())

    async def test_news_that_came_during_the_call_count_more_than_its_answer(self) -> None:
        bench = Bench()
        bench.gateway.before = lambda: bench.client.take("of somebody else", [], b"")
        assert await bench.client.bind_uid("42")
        assert bench.client.uid == "of somebody else"

    async def test_unbinding_what_is_not_bound_asks_nobody(self) -> None:
        bench = Bench()
        assert not await bench.client.unbind_uid()
        assert bench.gateway.calls == []
