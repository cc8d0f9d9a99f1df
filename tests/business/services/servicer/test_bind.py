"""Customers bind their sockets, and get an agent."""

from __future__ import annotations

import asyncio

import pytest

from .support import CLOSED, Desk, together


async def test_binding_while_nobody_is_there_holds(own_desk: Desk) -> None:
    """``客服不在线``, and yet a later answer of an agent reaches that socket."""
    async with own_desk.customer() as customer:
        answer = await customer.bind()
        assert (answer["code"], answer["message"]) == (-1, "客服不在线")
        async with own_desk.agent("alice") as alice:
            sent = await alice.call("chat/answer", member_id=customer.member_id, servicer_say="hi")
            assert sent["msg"] == "发送成功"
            received = await customer.socket.recv_json()
            if received["type"] == "connect":  # the customer was handed over before
                received = await customer.socket.recv_json()
            assert received["type"] == "string"
            assert received["data"]["servicer_say"] == "hi"
            await own_desk.online(customer, 1)


async def test_binding_again_changes_nothing(desk: Desk) -> None:
    """Clients bind the same socket several times at once: one ``connect``, the same answer."""
    async with desk.agent("alice") as alice, desk.customer() as customer:
        answers = await together(*(customer.bind() for _ in range(5)))
        answers.append(await customer.bind())
        assert [answer["data"]["servicer_id"] for answer in answers] == [alice.uid] * 6
        assert (await alice.receive("connect"))["member_id"] == customer.member_id
        await alice.nothing()


async def test_every_socket_of_a_member_gets_what_is_said(desk: Desk) -> None:
    """Two tabs, one conversation, one agent."""
    async with desk.agent("alice") as alice, desk.customer() as first:
        async with desk.customer(first.member_id) as second:
            one, two = await first.bind(), await second.bind()
            assert one["data"] == two["data"]
            await alice.call("chat/answer", member_id=first.member_id, servicer_say="hi")
            assert (await first.receive("string"))["id"] == (await second.receive("string"))["id"]


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"client_id": ""}, "缺少必要的参数"),
        ({"client_id": "undefined"}, "缺少必要的参数"),
        ({"site_id": "99"}, "没有指定商家"),
        ({"site_id": "-1"}, "没有指定商家"),
        ({"site_id": "abc"}, "没有指定商家"),
        ({"client_id": "7f0000010b5400000001"}, "客服连接异常"),
        ({"client_id": "not an id"}, "客服连接异常"),
        ({"client_id": "f" * 5000}, "客服连接异常"),
        ({"bind_key": "wrong"}, "客服连接异常"),
    ],
)
async def test_a_bad_bind_is_refused(desk: Desk, params: dict[str, str], message: str) -> None:
    """Missing and foreign parameters get the contract's words."""
    async with desk.customer() as customer:
        answer = await customer.call("bind", **{"client_id": customer.client_id, **params})
        assert (answer["code"], answer["message"]) == (-1, message)


@pytest.mark.parametrize("site_id", [None, "", "0", "null", "undefined"])
async def test_no_site_is_the_default_site(desk: Desk, site_id: str | None) -> None:
    """Some clients send no site at all."""
    params = {} if site_id is None else {"site_id": site_id}
    async with desk.agent("alice"), desk.customer() as customer:
        answer = await customer.call("bind", client_id=customer.client_id, **params)
        assert answer["code"] == 0


async def test_somebody_elses_socket_cannot_be_bound(desk: Desk) -> None:
    """Neither another customer's nor an agent's, and nothing of theirs changes."""
    async with desk.agent("alice") as alice, desk.customer() as owner, desk.customer() as thief:
        await owner.bind()
        for client_id in (owner.client_id, alice.client_id):
            answer = await thief.call("bind", client_id=client_id)
            assert (answer["code"], answer["message"]) == (-1, "客服连接异常")
        stolen = await alice.call("chat/bind", client_id=owner.client_id)
        assert (stolen["code"], stolen["msg"]) == (-1, "客服连接异常")
        await alice.call("chat/answer", member_id=owner.member_id, servicer_say="for the owner")
        assert (await owner.receive("string"))["servicer_say"] == "for the owner"
        await thief.nothing()


async def test_customers_who_come_at_once_spread_over_the_agents(own_desk: Desk) -> None:
    """The least busy agent is found inside the transaction that makes the agent busier."""
    async with own_desk.agent("alice") as alice, own_desk.agent("bob") as bob:
        async with (
            own_desk.customer() as a,
            own_desk.customer() as b,
            own_desk.customer() as c,
            own_desk.customer() as d,
        ):
            answers = await together(*(one.bind() for one in (a, b, c, d)))
            got = sorted(answer["data"]["servicer_id"] for answer in answers)
            assert got == sorted([alice.uid, alice.uid, bob.uid, bob.uid])


async def test_a_customer_comes_back_to_the_last_agent(own_desk: Desk) -> None:
    """Also where another agent is less busy; but not where the last one is gone."""
    async with own_desk.agent("bob") as bob, own_desk.customer() as customer:
        async with own_desk.agent("alice") as alice:
            async with own_desk.customer() as other, own_desk.customer() as third:
                assert (await other.bind())["data"]["servicer_id"] == alice.uid
                assert (await customer.bind())["data"]["servicer_id"] == bob.uid
                assert (await third.bind())["data"]["servicer_id"] == alice.uid
                async with own_desk.customer(third.member_id) as again:
                    assert (await again.bind())["data"]["servicer_id"] == alice.uid
                await alice.call("chat/bye")
                await alice.socket.closed()
                async with own_desk.customer(third.member_id) as again:
                    assert (await again.bind())["data"]["servicer_id"] == bob.uid


async def test_a_socket_that_closes_while_it_is_bound_leaves_no_ghost(own_desk: Desk) -> None:
    """Whatever comes first, the row says offline in the end."""
    async with own_desk.agent("alice"):
        for _ in range(10):
            async with own_desk.customer() as customer:
                bind = asyncio.create_task(customer.bind())
                await customer.socket.close()
                await bind
            if own_desk.pair(customer) is not None:
                await own_desk.online(customer, 0)


async def test_online_count_counts_sockets(own_desk: Desk) -> None:
    """``hasServicers`` asks the gateways, not the flags."""
    async with own_desk.customer() as customer:
        assert (await customer.call("hasServicers"))["data"] == {"online_count": 0}
        async with own_desk.agent("alice"), own_desk.agent("bob"), own_desk.agent("carol"):
            assert (await customer.call("hasServicers", site_id=1))["data"] == {"online_count": 2}
            assert (await customer.call("hasServicers", site_id=2))["data"] == {"online_count": 1}
        refused = await customer.call("hasServicers", site_id=99)
        assert (refused["code"], refused["data"]) == (-1, "没有指定店铺")


class TestBindKey:
    """With ``servicer.require_bind_key``, and few refusals."""

    @pytest.fixture
    def settings(self) -> dict[str, object]:
        return dict(CLOSED)

    async def test_only_who_has_read_the_init_may_bind(self, own_desk: Desk) -> None:
        """And who tries too often is not even heard."""
        async with own_desk.customer() as customer:
            assert (await customer.bind())["message"] == "客服连接异常"
            good = {"client_id": customer.client_id, "bind_key": customer.init["data"]["bind_key"]}
            assert (await customer.call("bind", **good))["message"] == "客服不在线"
            for _ in range(2):
                assert (await customer.bind())["message"] == "客服连接异常"
            assert (await customer.call("bind", **good))["message"] == "操作过于频繁，请稍后再试"
