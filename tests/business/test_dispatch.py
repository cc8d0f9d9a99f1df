"""Events of links become jobs; acknowledgements go out when their work is done, and only once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from business.client import Client
from business.dispatch import Dispatcher
from business.hooks import Hook, HookStats
from business.runner import Runner
from business.service import Service
from shared import protocol
from shared.link import LinkState
from shared.protocol import ServiceOptions

PREFIX = "7f0000010b54"
SOON = 5.0
STATE: list[Any] = ["192.0.2.1:5000", None, [], b""]


class FakeLink:
    """Records acknowledgements and calls."""

    def __init__(self) -> None:
        self.prefix = PREFIX
        self.address = "127.0.0.1:2900"
        self.state = LinkState.UP
        self.acked: list[int] = []
        self.calls: list[tuple[Any, ...]] = []
        self.futures: list[asyncio.Future[Any]] = []

    def ack(self, seq: int) -> None:
        self.acked.append(seq)

    def call(self, *fields: Any, timeout: float) -> asyncio.Future[Any]:
        self.calls.append(fields)
        self.futures.append(asyncio.get_running_loop().create_future())
        return self.futures[-1]


def fake_link() -> Any:
    """A FakeLink that passes for a Link."""
    return FakeLink()


class Bench:
    """A dispatcher with two services: one with all hooks, one with ``on_connect`` only.

    Attributes:
        seen: what the hooks saw: (hook, client id or other argument, ...).
        gate: hooks wait for it; set at first.
        clients: the client objects, in the order in which hooks saw them.
    """

    def __init__(self) -> None:
        self.seen: list[tuple[Any, ...]] = []
        self.clients: list[Client] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.runner = Runner(
            hook_timeout=SOON,
            threads=1,
            for_thread=lambda args: args,
            on_threads_stuck=lambda reason: None,
        )
        self.link = fake_link()
        self.full = self._service(
            "full",
            0,
            on_websocket_connect=self._on_client("on_websocket_connect"),
            on_connect=self._on_client("on_connect"),
            on_message=self._on_client("on_message"),
            on_close=self._on_client("on_close"),
            on_gateway_up=self._on_gateway_up,
        )
        self.small = self._service("small", 1, on_connect=self._on_client("on_connect"))
        self.dispatcher = Dispatcher([self.full, self.small], self.runner)
        self.dispatcher.on_link_up(self.link, False)

    @staticmethod
    def _service(name: str, index: int, **functions: Any) -> Service:
        stats = HookStats()
        hooks = {hook: Hook(name, hook, function, stats) for hook, function in functions.items()}
        return Service(name, Path(name), hooks, ServiceOptions(), stats, index=index)

    def _on_client(self, hook: str) -> Any:
        async def function(client: Client, *more: Any) -> None:
            self.clients.append(client)
            self.seen.append((hook, client.id[-2:], *more))
            if client.session.get("write"):
                client.session["written"] = hook
            await self.gate.wait()

        return function

    async def _on_gateway_up(self, gateway: Any, clients: Any) -> None:
        self.seen.append(("on_gateway_up", gateway, clients))

    async def drain(self) -> None:
        assert await self.runner.drain(SOON)


@pytest_asyncio.fixture
async def bench() -> AsyncIterator[Bench]:
    made = Bench()
    yield made
    made.runner.close()


class TestEvents:
    """One client on one link."""

    async def test_connect_message_close_run_their_hooks_and_are_acknowledged(
        self, bench: Bench
    ) -> None:
        on, link = bench.dispatcher, bench.link
        on.on_connect(link, 1, 0, 10, STATE, ["/full", "a=1", [["Cookie", "c=2"]]])
        on.on_text(link, 2, 10, "你".encode())
        on.on_binary(link, 3, 10, b"\xff")
        on.on_close(link, 4, 0, 10, STATE, 1001, "bye")
        await bench.drain()
        hook, _, request = bench.seen.pop(0)
        assert hook == "on_websocket_connect"
        assert (request.path, request.query, request.cookies) == ("/full", {"a": "1"}, {"c": "2"})
        assert bench.seen == [
            ("on_connect", "0a"),
            ("on_message", "0a", "你"),
            ("on_message", "0a", b"\xff"),
            ("on_close", "0a"),
        ]
        assert link.acked == [1, 2, 3, 4]
        assert len(set(bench.clients)) == 1
        client = bench.clients[0]
        assert (client.is_closed, client.close_code, client.close_reason) == (True, 1001, "bye")
        assert on.count_clients() == {"full": 0, "small": 0}

    async def test_nothing_is_acknowledged_before_its_hook_has_returned(self, bench: Bench) -> None:
        bench.gate.clear()
        bench.dispatcher.on_connect(bench.link, 1, 1, 10, STATE, None)
        await asyncio.sleep(0.01)
        assert bench.seen
        assert bench.link.acked == []
        bench.gate.set()
        await bench.drain()
        assert bench.link.acked == [1]

    async def test_clients_of_a_service_that_wants_no_later_events_are_not_kept(
        self, bench: Bench
    ) -> None:
        bench.dispatcher.on_connect(bench.link, 1, 1, 10, STATE, None)
        bench.dispatcher.on_connect(bench.link, 2, 0, 11, STATE, None)
        assert bench.dispatcher.count_clients() == {"full": 1, "small": 0}
        assert [client.id[-2:] for client in bench.dispatcher.clients(10)] == ["0b"]
        assert bench.dispatcher.clients(0) == []
        await bench.drain()

    async def test_a_hook_that_raises_is_acknowledged_all_the_same(self, bench: Bench) -> None:
        async def bad(client: Client) -> None:
            raise ValueError

        bench.small.hooks["on_connect"].function = bad
        bench.dispatcher.on_connect(bench.link, 1, 1, 10, STATE, None)
        await bench.drain()
        assert bench.link.acked == [1]
        assert bench.small.stats.errors == 1

    async def test_what_no_hook_wants_is_acknowledged_at_once(self, bench: Bench) -> None:
        bench.dispatcher.on_text(bench.link, 1, 99, b"of an unknown client")
        bench.dispatcher.on_changed(bench.link, 2, 99, None, [], b"")
        bench.dispatcher.on_close(bench.link, 3, 1, 10, STATE, 1000, "")
        bench.dispatcher.on_gateway_up(bench.link, 4, 1, True, [])
        assert bench.link.acked == [1, 2, 3, 4]

    async def test_changes_reach_the_client(self, bench: Bench) -> None:
        on, link = bench.dispatcher, bench.link
        on.on_adopt(link, 1, 0, 10, STATE)
        on.on_changed(link, 2, 10, "42", ["g"], protocol.pack_session({"a": 1}))
        assert link.acked == [1, 2]
        (client,) = on.clients(1)
        assert (client.uid, client.groups) == ("42", frozenset(["g"]))
        assert client.session == {"a": 1}


class TestSession:
    """A changed session is with the gateway before its event is acknowledged."""

    STATE: tuple[Any, ...] = ("192.0.2.1:5000", None, [], protocol.pack_session({"write": True}))

    async def test_the_acknowledgement_waits_for_the_session(self, bench: Bench) -> None:
        bench.dispatcher.on_connect(bench.link, 1, 1, 10, list(self.STATE), None)
        await bench.drain()
        assert bench.link.calls[0][:3] == (protocol.PATCH_SESSION, 1, 10)
        assert bench.link.acked == []
        bench.link.futures[0].set_result(True)
        await asyncio.sleep(0)
        assert bench.link.acked == [1]

    async def test_a_session_that_cannot_be_packed_is_counted_and_acknowledged(
        self, bench: Bench, caplog: pytest.LogCaptureFixture
    ) -> None:
        async def bad(client: Client) -> None:
            client.session["object"] = object()

        bench.small.hooks["on_connect"].function = bad
        bench.dispatcher.on_connect(bench.link, 1, 1, 10, STATE, None)
        await bench.drain()
        assert bench.link.acked == [1]
        assert bench.small.stats.errors == 1
        assert "session" in caplog.text

    async def test_a_hook_that_raised_saves_nothing(self, bench: Bench) -> None:
        async def bad(client: Client) -> None:
            client.session["a"] = 1
            raise ValueError

        bench.small.hooks["on_connect"].function = bad
        bench.dispatcher.on_connect(bench.link, 1, 1, 10, STATE, None)
        await bench.drain()
        assert bench.link.calls == []
        assert bench.link.acked == [1]


class TestGatewayUp:
    """What a gateway holds comes in parts and is one call."""

    async def test_the_parts_are_put_together(self, bench: Bench) -> None:
        on, link = bench.dispatcher, bench.link
        on.on_gateway_up(link, 1, 0, False, [[10, "42", protocol.pack_session({"a": 1})]])
        on.on_gateway_up(link, 2, 0, True, [[11, None, b""]])
        await bench.drain()
        ((_, gateway, clients),) = bench.seen
        assert gateway == (PREFIX, "127.0.0.1:2900")
        assert clients == [
            (PREFIX + "0000000a", "42", {"a": 1}),
            (PREFIX + "0000000b", None, {}),
        ]
        assert link.acked == [1, 2]


class TestLoss:
    """Links break, gateways die."""

    async def test_events_of_a_lost_connection_are_not_acknowledged_on_the_next(
        self, bench: Bench
    ) -> None:
        on, link = bench.dispatcher, bench.link
        bench.gate.clear()
        on.on_connect(link, 1, 0, 10, STATE, None)
        await asyncio.sleep(0.01)
        on.on_link_lost(link)
        on.on_link_up(link, True)
        bench.gate.set()
        await bench.drain()
        assert link.acked == []

    async def test_on_close_runs_for_the_clients_of_a_gateway_that_died(self, bench: Bench) -> None:
        on, link = bench.dispatcher, bench.link
        on.on_adopt(link, 1, 0, 10, STATE)
        on.on_changed(link, 2, 10, "42", [], b"")
        on.on_link_lost(link)
        assert on.count_clients() == {"full": 0, "small": 0}
        on.on_gateway_dead(link)
        on.on_gateway_dead(link)
        await bench.drain()
        assert bench.seen == [("on_close", "0a")]
        (client,) = bench.clients
        assert (client.uid, client.close_code, client.is_closed) == ("42", 1006, True)
        assert link.acked == [1, 2]

    async def test_a_gateway_that_was_started_anew_has_none_of_the_old_clients(
        self, bench: Bench
    ) -> None:
        on, link = bench.dispatcher, bench.link
        on.on_adopt(link, 1, 0, 10, STATE)
        on.on_link_lost(link)
        on.on_link_up(link, False)
        await bench.drain()
        assert bench.seen == [("on_close", "0a")]

    async def test_a_client_that_comes_back_stays_in_order_with_its_running_hook(
        self, bench: Bench
    ) -> None:
        on, link = bench.dispatcher, bench.link
        bench.gate.clear()
        on.on_connect(link, 1, 0, 10, STATE, None)
        await asyncio.sleep(0.01)
        on.on_link_lost(link)
        on.on_link_up(link, True)
        on.on_adopt(link, 1, 0, 10, ["192.0.2.1:5000", "42", [], b""])
        on.on_text(link, 2, 10, b"x")
        await asyncio.sleep(0.01)
        assert bench.seen == [("on_connect", "0a")]
        bench.gate.set()
        await bench.drain()
        assert bench.seen == [("on_connect", "0a"), ("on_message", "0a", "x")]
        assert bench.clients[0] is bench.clients[1]
        assert bench.clients[0].uid == "42"
        assert link.acked == [1, 2]

    async def test_a_client_that_others_took_is_not_closed_here(self, bench: Bench) -> None:
        on, link = bench.dispatcher, bench.link
        on.on_adopt(link, 1, 0, 10, STATE)
        on.on_link_lost(link)
        on.on_link_up(link, True)
        on.on_link_lost(link)
        on.on_gateway_dead(link)
        await bench.drain()
        assert bench.seen == []
