"""Agents who are connected but take no new customers; and what pages ask for at their start."""

from __future__ import annotations

from typing import Any

import pytest

from business.services.servicer.widget import DEFAULTS

from .support import CLOSED, Agent, Desk


async def accept(agent: Agent, value: int) -> None:
    """Switch it."""
    assert (await agent.call("index/accepting", accepting=value))["data"] == {"accepting": value}


async def test_it_is_switched_and_told_to_the_other_tabs(own_desk: Desk) -> None:
    """Those that asked for it; once per change; it outlives the login."""
    async with own_desk.agent("alice", caps="accepting") as alice:
        async with own_desk.agent("alice", browser=alice.browser) as old:
            assert (await alice.call("index/accepting"))["data"] == {"accepting": 1}
            for _ in range(2):
                await accept(alice, 0)
            event = {"servicer_id": alice.uid, "accepting": False}
            assert await alice.receive("accepting") == event
            await accept(old, 1)
            assert await alice.receive("accepting") == {**event, "accepting": True}
            await accept(old, 0)
            assert (await alice.receive("accepting"))["accepting"] is False
            for bad in ("2", "x", "-1", "true"):
                refused = await alice.call("index/accepting", accepting=bad)
                assert (refused["code"], refused["msg"]) == (-10006, "参数错误")
            await alice.nothing()
            await old.nothing()
    async with own_desk.agent("alice") as alice:
        assert (await alice.call("index/accepting"))["data"] == {"accepting": 0}


async def test_who_does_not_accept_gets_no_new_customers(own_desk: Desk) -> None:
    """Not the least busy one, not by name, and is not counted."""
    async with own_desk.agent("alice") as alice, own_desk.customer() as customer:
        await accept(alice, 0)
        assert (await customer.call("hasServicers"))["data"] == {"online_count": 0}
        assert (await customer.call("config"))["data"]["online_count"] == 0
        assert (await customer.bind())["message"] == "客服不在线"
        await customer.call("say", message="anybody?", servicer_id=alice.uid)
        await alice.nothing()
        async with own_desk.agent("bob") as bob:
            assert (await bob.receive("connect"))["member_id"] == customer.member_id
            assert (await bob.receive("string"))["message"] == "anybody?"
            assert (await customer.call("hasServicers"))["data"] == {"online_count": 1}
            async with own_desk.customer() as other:
                assert (await other.bind())["data"]["servicer_id"] == bob.uid
                # A client may name whom it likes.
                await other.call("say", message="and you?", servicer_id=alice.uid)
                assert (await bob.receive("connect"))["member_id"] == other.member_id
                assert (await bob.receive("string"))["message"] == "and you?"
        await alice.nothing()


async def test_who_is_there_stays(own_desk: Desk) -> None:
    """A conversation goes on with its agent, also after the customer's page was loaded again; who
    comes back later gets another agent."""
    async with own_desk.agent("alice") as alice, own_desk.agent("bob") as bob:
        async with own_desk.customer() as customer:
            assert (await customer.bind())["data"]["servicer_id"] == alice.uid
            await alice.receive("connect")
            await accept(alice, 0)
            for servicer_id in (alice.uid, 0):
                await customer.call("say", message="go on", servicer_id=servicer_id)
                assert (await alice.receive("string"))["message"] == "go on"
        await own_desk.online(customer, 0)
        async with own_desk.customer(customer.member_id) as again:
            assert (await again.bind())["data"]["servicer_id"] == alice.uid
            assert (await alice.receive("connect"))["member_id"] == customer.member_id
        assert await alice.receive("disconnect") == {"member_id": customer.member_id}
        async with own_desk.customer(customer.member_id) as later:
            assert (await later.bind())["data"]["servicer_id"] == bob.uid
            assert (await bob.receive("connect"))["member_id"] == customer.member_id


async def test_to_accept_again_is_to_come(own_desk: Desk) -> None:
    """What has waited is handed over, as to who logs in."""
    async with own_desk.agent("alice") as alice, own_desk.customer() as customer:
        await accept(alice, 0)
        await customer.bind()
        await customer.call("say", message="one")
        await alice.nothing()
        await accept(alice, 1)
        assert (await alice.receive("connect"))["member_id"] == customer.member_id
        assert (await alice.receive("string"))["message"] == "one"
        assert (await customer.receive("connect"))["servicer_id"] == alice.uid


async def test_an_agent_without_a_socket_accepts_nothing_yet(own_desk: Desk) -> None:
    """The switch alone takes nobody over."""
    async with own_desk.agent("alice", bind=False) as alice, own_desk.customer() as customer:
        await accept(alice, 0)
        await customer.call("say", message="one")
        await accept(alice, 1)
        query = "SELECT waiting_id FROM servicer_conversation WHERE member_id = ?"
        [row] = own_desk.rows(query, customer.member_id)
        assert row["waiting_id"] > 0
        await alice.bind()
        await alice.receive("connect")
        assert (await alice.receive("string"))["message"] == "one"


async def test_an_agent_who_does_not_accept_may_take_a_customer(own_desk: Desk) -> None:
    """By answering: it is the agent's own choice."""
    async with own_desk.agent("alice") as alice, own_desk.customer() as customer:
        await accept(alice, 0)
        await customer.bind()
        await customer.call("say", message="one")
        await alice.call("chat/answer", member_id=customer.member_id, servicer_say="two")
        assert (await customer.receive("string"))["message"] == "two"
        await customer.call("say", message="three", servicer_id=alice.uid)
        assert (await alice.receive("string"))["message"] == "three"


async def test_who_is_logged_in(desk: Desk) -> None:
    """What the console needs to begin."""
    async with desk.agent("alice", bind=False) as alice:
        me = (await alice.call("index/me"))["data"]
        ws_url = f"ws://127.0.0.1:{desk.stack.gateway_port}/wss"
        assert me == {
            "servicer_id": alice.uid,
            "username": "alice",
            "nickname": "Alice",
            "avatar": me["avatar"],
            "site_id": 1,
            "site_name": "Demo Store",
            "role": "agent",
            "accepting": 1,
            "websocket_url": ws_url,
            "time_zone": "Asia/Shanghai",
            "recall_window": 120,
        }
    async with desk.agent("alice", bind=False) as alice:
        await alice.browser.get("/servicer/servicer/login/logout")
        assert (await alice.raw("index/me"))[0] == 302


async def test_what_a_chat_page_needs(desk: Desk) -> None:
    """Without a token."""
    async with desk.agent("alice"):
        status, answer = await desk.get("/servicer/api/chat/config", site_id="1")
        data: dict[str, Any] = answer["data"]
        widget = data.pop("widget")
        assert (status, answer["code"]) == (200, 0)
        assert data == {
            "site_id": 1,
            "site_name": "Demo Store",
            "logo": data["logo"],
            "websocket_url": f"ws://127.0.0.1:{desk.stack.gateway_port}/wss",
            "visitors": True,
            "online_count": 1,
            "recall_window": 120,
        }
        assert widget == DEFAULTS
        for site_id in ("99", "x", "-1"):
            _, refused = await desk.get("/servicer/api/chat/config", site_id=site_id)
            assert (refused["code"], refused["data"]) == (-1, "没有指定店铺")


class TestClosed:
    """Without visitors."""

    @pytest.fixture
    def settings(self) -> dict[str, object]:
        return dict(CLOSED)

    async def test_a_page_knows_that_it_needs_a_member(self, own_desk: Desk) -> None:
        """Before it asks for a visitor in vain."""
        _, answer = await own_desk.get("/servicer/api/chat/config")
        assert answer["data"]["visitors"] is False
        answer = await own_desk.customer_call("visitor", {})
        assert (answer["code"], answer["message"]) == (-1, "请先登录")
