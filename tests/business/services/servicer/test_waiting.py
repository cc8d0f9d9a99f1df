"""What is said while nobody is there reaches the first agent who comes."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import Any

import pytest

from tests.support.timing import eventually

from .support import SETTINGS, Agent, Customer, Desk, together


async def say(customer: Customer, *texts: str, **params: Any) -> None:
    """Say something, one after the other."""
    for text in texts:
        assert (await customer.call("say", message=text, **params))["code"] == 0


async def texts(agent: Agent, count: int) -> list[str]:
    """The texts of the next frames, which must be messages."""
    return [(await agent.receive("string"))["message"] for _ in range(count)]


async def test_the_first_agent_gets_what_has_waited(desk: Desk) -> None:
    """A ``connect``, then the messages in their order; the customer is told; nobody gets it
    again."""
    async with desk.customer() as customer:
        await customer.bind()
        await say(customer, "one", "two")
        await customer.call("say", content_type=1, goods_id=11)
        async with desk.agent("alice") as alice:
            arrived = await alice.receive("connect")
            assert (arrived["member_id"], arrived["online"]) == (customer.member_id, 1)
            assert arrived["last_dialog"]["goods_sku_id"] == 11
            first = await alice.receive("string")
            assert (first["message"], first["servicer_id"]) == ("one", alice.uid)
            second = await alice.receive("string")
            assert (second["message"], second["prev_id"]) == ("two", first["id"])
            assert (await alice.receive("goodssku"))["prev_id"] == second["id"]
            assert (await customer.receive("connect"))["servicer_id"] == alice.uid
            await say(customer, "three", servicer_id=alice.uid)
            assert await texts(alice, 1) == ["three"]

            async with desk.agent("bob") as bob:
                await bob.nothing()
            await alice.bind()
            await alice.nothing()
        ids = desk.rows(
            "SELECT servicer_id FROM servicer_dialogue WHERE member_id = ?", customer.member_id
        )
        assert {row["servicer_id"] for row in ids} == {alice.uid}


async def test_of_a_customer_who_is_gone(desk: Desk) -> None:
    """The same, without a socket: the customer is shown as offline."""
    async with desk.customer() as customer:
        await say(customer, "call me")
    async with desk.agent("alice") as alice:
        arrived = await alice.receive("connect")
        assert (arrived["member_id"], arrived["online"]) == (customer.member_id, 0)
        assert await texts(alice, 1) == ["call me"]
        await alice.nothing()


async def test_only_of_the_own_shop(desk: Desk) -> None:
    """Another shop's agents get nothing of it, and it goes on waiting."""
    async with desk.customer() as customer:
        await say(customer, "hello shop two", site_id=2)
        async with desk.agent("alice") as alice:
            await alice.nothing()
        async with desk.agent("carol") as carol:
            assert (await carol.receive("connect"))["member_id"] == customer.member_id
            assert await texts(carol, 1) == ["hello shop two"]


async def test_it_is_shown_and_counted_until_somebody_has_it(desk: Desk) -> None:
    """In the member list and at the console's start, to an agent without a socket yet."""
    async with desk.agent("alice", bind=False) as alice, desk.customer() as customer:
        await customer.bind()
        await say(customer, "one", "two")

        async def shown() -> tuple[int, int, int, int, list[tuple[int, int]]]:
            found = (await alice.call("index/memberList"))["data"]["member_list"]
            [row] = [r for r in found["list"] if r["member_id"] == customer.member_id]
            start = (await alice.call("index/index"))["data"]["unassignedMembers"]
            listed = [(row["member_id"], row["unread"]) for row in start["list"]]
            counts = found["unassigned"], start["count"]
            return row["unassigned"], row["servicer_id"], *counts, listed

        assert await shown() == (1, 0, 1, 1, [(customer.member_id, 2)])
        await alice.bind()
        await alice.receive("connect")
        assert await texts(alice, 2) == ["one", "two"]
        assert await shown() == (0, alice.uid, 0, 0, [])


async def test_many_customers_and_two_agents_at_once(desk: Desk) -> None:
    """Each message reaches one of them, once, in the order of its conversation."""
    count = 60
    customers = [Customer(desk, None, 500_000 + i) for i in range(count)]  # type: ignore[arg-type]
    for customer in customers:
        await say(customer, "a", "b")
    async with desk.agent("alice", bind=False) as alice, desk.agent("bob", bind=False) as bob:
        await together(alice.bind(), bob.bind())
        got: dict[int, list[str]] = {}

        async def collect(agent: Agent) -> None:
            while True:
                frame = await agent.socket.recv_json()
                said = got.setdefault(frame["data"]["member_id"], [])
                said.append(frame["data"].get("message", frame["type"]))

        tasks = [asyncio.create_task(collect(agent)) for agent in (alice, bob)]
        try:
            await eventually(lambda: sum(map(len, got.values())) >= 3 * count or None)
            await asyncio.sleep(0.2)  # whether any comes twice
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
    assert got == {customer.member_id: ["connect", "a", "b"] for customer in customers}


async def test_automatic_replies_come_along(desk: Desk) -> None:
    """As ``keyword_reply``, where they were given; who has spoken to a machine only waits, too."""
    query = "INSERT INTO servicer_keyword_reply (site_id, keyword, content) VALUES (1, ?, ?)"
    desk.execute(query, "时间", "9-18点")
    async with desk.customer() as customer:
        await say(customer, "时间", "thanks")
        async with desk.agent("alice") as alice:
            await alice.receive("connect")
            assert await texts(alice, 1) == ["时间"]
            reply = await alice.receive("keyword_reply")
            assert (reply["message"], reply["nickname"]) == ("9-18点", "Demo Store")
            assert await texts(alice, 1) == ["thanks"]


async def test_an_answer_ends_the_wait(desk: Desk) -> None:
    """Also of an agent without a socket: the next one is not given what was answered."""
    async with desk.agent("alice", bind=False) as alice, desk.customer() as customer:
        await say(customer, "quick question")
        await alice.call("chat/answer", member_id=customer.member_id, servicer_say="yes")
        async with desk.agent("bob") as bob:
            await bob.nothing()


async def test_taking_a_customer_ends_the_wait(desk: Desk) -> None:
    """What was said is that agent's, and nobody else is given it."""
    async with desk.agent("alice", bind=False) as alice, desk.customer() as customer:
        await customer.bind()
        await say(customer, "anybody?")
        taken = await alice.call("chat/bindMember", member_id=customer.member_id)
        assert taken["data"] == {"servicer_id": alice.uid}
        [row] = desk.rows("SELECT * FROM servicer_dialogue WHERE member_id = ?", customer.member_id)
        assert row["servicer_id"] == alice.uid
        async with desk.agent("bob") as bob:
            await bob.nothing()


async def test_what_waits_comes_before_what_is_said_next(desk: Desk) -> None:
    """Where an agent is there and what waits was not delivered yet."""
    async with desk.agent("alice") as alice, desk.customer() as customer:
        await customer.bind()
        await alice.receive("connect")
        await alice.socket.close()
        query = "SELECT 1 FROM servicer WHERE user_id = ? AND online = 0"
        await desk.until(lambda: desk.rows(query, alice.uid) or None)
        await say(customer, "still there?")
        async with desk.agent("bob", bind=False) as bob:
            await together(bob.bind(), say(customer, "hello?"))
            assert (await bob.receive("connect"))["member_id"] == customer.member_id
            assert await texts(bob, 2) == ["still there?", "hello?"]
            await bob.nothing()


class TestSweep:
    """Where no event makes anybody look."""

    @pytest.fixture
    def settings(self) -> dict[str, object]:
        return {**SETTINGS, "inner.heartbeat_interval": 0.5, "inner.heartbeat_timeout": 1.5}

    async def test_what_was_left_behind_is_found(self, own_desk: Desk) -> None:
        """A process died between an agent's ``bind`` and the delivery."""
        async with own_desk.agent("alice") as alice, own_desk.customer() as customer:
            await say(customer, "lost", servicer_id=alice.uid)
            await alice.receive("connect")
            [row] = own_desk.rows("SELECT id FROM servicer_dialogue")
            own_desk.execute("UPDATE servicer_dialogue SET servicer_id = 0")
            own_desk.execute("UPDATE servicer_conversation SET waiting_id = ?", row["id"])
            assert await texts(alice, 1) == ["lost"]
            await alice.receive("connect")
            assert await texts(alice, 1) == ["lost"]


async def test_who_waits_without_a_word_is_handed_over_too(desk: Desk) -> None:
    """A page that is open and bound; once; and not to another shop's agent."""
    async with desk.customer() as customer:
        assert (await customer.bind())["message"] == "客服不在线"
        async with desk.agent("carol") as carol:
            await carol.nothing()
        async with desk.agent("alice") as alice:
            arrived = await alice.receive("connect")
            assert (arrived["member_id"], arrived["online"]) == (customer.member_id, 1)
            assert arrived["last_dialog"] == []
            assert (await customer.receive("connect"))["servicer_id"] == alice.uid
            async with desk.agent("bob") as bob:
                await alice.bind()
                await bob.nothing()
            await say(customer, "good that you are here", servicer_id=alice.uid)
            assert await texts(alice, 1) == ["good that you are here"]


async def test_who_left_without_a_word_is_nobodys_customer(desk: Desk) -> None:
    """Whether the page was closed, or shows another shop now."""
    async with desk.customer() as gone, desk.customer() as elsewhere:
        for customer in (gone, elsewhere):
            assert (await customer.bind())["message"] == "客服不在线"
        await gone.socket.close()
        await elsewhere.socket.close()
        async with desk.customer(elsewhere.member_id) as there:
            assert (await there.bind(site_id=2))["message"] == "客服不在线"
            async with desk.agent("alice") as alice:
                ids = (gone.member_id, elsewhere.member_id)
                query = "SELECT 1 FROM servicer_conversation WHERE shop_id = 1 AND silent_since > 0"
                query += " AND member_id IN (?, ?)"
                await desk.until(lambda: not desk.rows(query, *ids) or None)
                await alice.nothing()
            async with desk.agent("carol") as carol:
                assert (await carol.receive("connect"))["member_id"] == there.member_id


async def test_an_agent_who_comes_while_a_customer_binds_misses_nobody(desk: Desk) -> None:
    """Whoever is first: in the end somebody has each of them."""
    async with AsyncExitStack() as stack:
        customers = [await stack.enter_async_context(desk.customer()) for _ in range(20)]
        alice = await stack.enter_async_context(desk.agent("alice", bind=False))
        binds = [customer.bind() for customer in customers]
        await together(*binds[:10], alice.bind(), *binds[10:])
        left = {customer.member_id for customer in customers}
        while left:
            left.discard((await alice.receive("connect"))["member_id"])


async def test_more_than_is_pushed_can_be_read(desk: Desk) -> None:
    """Of very much that has waited the last 500 are pushed; ``prev_id`` of the first of them leads
    to the rest, and ``dialogs`` has all of it, in order."""
    count = 520
    async with desk.customer() as customer, desk.agent("alice", bind=False) as alice:
        for start in range(0, count, 40):
            await together(*(say(customer, str(i)) for i in range(start, start + 40)))
        await alice.bind()
        arrived = await alice.receive("connect")
        pushed = [await alice.receive("string") for _ in range(500)]
        await alice.nothing()
        assert pushed[-1]["id"] == arrived["last_dialog"]["id"]
        assert [row["prev_id"] for row in pushed[1:]] == [row["id"] for row in pushed[:-1]]

        query = "SELECT id FROM servicer_dialogue WHERE member_id = ? ORDER BY id"
        ids = [row["id"] for row in desk.rows(query, customer.member_id)]
        assert len(ids) == count
        assert [row["id"] for row in pushed] == ids[20:]
        assert pushed[0]["prev_id"] == ids[19]

        found = ids[:1]
        while True:
            params = {"member_id": customer.member_id, "after_id": found[-1], "limit": 100}
            rows = (await alice.call("index/dialogs", **params))["data"]["list"]
            assert {row["servicer_id"] for row in rows} <= {alice.uid}
            if not rows:
                break
            found += [row["id"] for row in rows]
        assert found == ids
