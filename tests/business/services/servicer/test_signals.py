"""What newer clients are told beside messages, and older ones never."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, NamedTuple

import pytest

from .support import STRICT, Agent, Customer, Desk

ALL = "read,typing,recall,accepting"


class Party(NamedTuple):
    """Alice and a customer, each with a page of our own and one of the original's."""

    alice: Agent
    old_alice: Agent
    customer: Customer
    old_customer: Customer

    @property
    def member_id(self) -> int:
        return self.customer.member_id

    async def says(self, text: str, **params: Any) -> dict[str, Any]:
        """The customer says something; returns the row, which every page of alice's gets."""
        params = {"message": text, "servicer_id": self.alice.uid, **params}
        assert (await self.customer.call("say", **params))["code"] == 0
        row = await self.alice.receive("string")
        assert await self.old_alice.receive("string") == row
        return row

    async def answers(self, text: str) -> dict[str, Any]:
        """Alice answers; returns the row, which every page of the customer's gets."""
        params = {"member_id": self.member_id, "servicer_say": text}
        assert (await self.alice.call("chat/answer", **params))["code"] == 0
        row = await self.customer.receive("string")
        assert await self.old_customer.receive("string") == row
        return row

    async def all_receive(self, kind: str, expected: dict[str, Any]) -> None:
        """Both pages of our own get an event, and the next frame of the others is no event."""
        for page in (self.alice, self.customer):
            assert await page.receive(kind) == expected

    async def old_pages_got_nothing(self) -> None:
        """What they get next is a message."""
        await self.says("something old")
        await self.answers("something old")


@asynccontextmanager
async def party(desk: Desk, caps: str = ALL) -> AsyncIterator[Party]:
    """Everybody is bound and has seen the others come."""
    async with AsyncExitStack() as stack:
        alice = await stack.enter_async_context(desk.agent("alice", caps=caps))
        old_alice = await stack.enter_async_context(desk.agent("alice", browser=alice.browser))
        customer = await stack.enter_async_context(desk.customer())
        old_customer = await stack.enter_async_context(desk.customer(customer.member_id))
        assert (await customer.bind(caps=caps))["code"] == 0
        await old_customer.bind()
        for page in (alice, old_alice):
            for _ in (customer, old_customer):
                assert (await page.receive("connect"))["member_id"] == customer.member_id
        yield Party(alice, old_alice, customer, old_customer)


async def test_reading_is_told_to_everybody_who_asked_for_it(desk: Desk) -> None:
    """Up to the last message that was there; once; and the flags of the rows say the same."""
    async with party(desk) as p:
        first, second = await p.says("one"), await p.says("two")
        assert (first["read"], second["read"]) == (0, 0)
        read = await p.alice.call("message/setRead", member_id=p.member_id)
        assert read["data"] == 2
        both = {"member_id": p.member_id, "shop_id": 1}
        await p.all_receive("read", {**both, "side": "servicer", "last_id": second["id"]})

        answer = await p.answers("three")
        assert (await p.customer.call("setRead", site_id=1))["data"] == ""
        await p.all_receive("read", {**both, "side": "customer", "last_id": answer["id"]})

        # Nothing new: nobody is told.
        assert (await p.alice.call("message/setRead", member_id=p.member_id))["data"] == 0
        await p.customer.call("setRead", site_id=1)
        last = await p.says("four")
        rows = (await p.customer.call("dialogs", limit=10))["data"]["list"]
        flags = {row["id"]: row["read"] for row in rows}
        assert flags == {first["id"]: 1, second["id"]: 1, answer["id"]: 1, last["id"]: 0}
        await p.old_pages_got_nothing()


async def test_typing_is_told_to_the_other_side_only(desk: Desk) -> None:
    """And stored nowhere."""
    async with party(desk) as p:
        await p.customer.call("typing", site_id=1, typing=1)
        event = {"member_id": p.member_id, "shop_id": 1, "side": "customer", "servicer_id": 0}
        assert await p.alice.receive("typing") == {**event, "typing": True}
        await p.customer.call("typing", site_id=1, typing=0)
        assert await p.alice.receive("typing") == {**event, "typing": False}

        await p.alice.call("chat/typing", member_id=p.member_id, typing=1)
        event.update(side="servicer", servicer_id=p.alice.uid)
        assert await p.customer.receive("typing") == {**event, "typing": True}
        # Nobody has got anything else.
        await p.old_pages_got_nothing()


async def test_a_message_is_taken_back(desk: Desk) -> None:
    """The row keeps its place, nothing of what was said is left, and everybody is told once."""
    async with party(desk) as p:
        before = await p.answers("before")
        said = await p.says("a secret", relate_data='{"promotion_id":"3"}')
        assert said["recalled"] == 0
        for _ in range(2):
            assert (await p.customer.call("recall", site_id=1, id=said["id"]))["code"] == 0
        event = {"id": said["id"], "member_id": p.member_id, "shop_id": 1}
        await p.all_receive("recall", {**event, "side": "customer"})

        [row] = desk.rows("SELECT * FROM servicer_dialogue WHERE id = ?", said["id"])
        text = "<p>消息已撤回</p>"
        gone = {"consumer_say": text, "content": text, "message": "消息已撤回", "recalled": 1}
        kept = {
            "prev_id": before["id"],
            "read": 0,
            "type": 0,
            "relate_data": "",
            "servicer_say": "",
        }
        assert gone.items() | kept.items() <= row.items()
        for rows in (
            (await p.customer.call("dialogs"))["data"]["list"],
            (await p.alice.call("index/dialogs", member_id=p.member_id))["data"]["list"][::-1],
            (await p.alice.call("message/lists", member_id=p.member_id))["data"]["list"][::-1],
        ):
            assert [(row["id"], row["recalled"]) for row in rows] == [
                (before["id"], 0), (said["id"], 1),
            ]  # fmt: skip
            assert "secret" not in str(rows)
        found = (await p.alice.call("index/memberList"))["data"]["member_list"]["list"]
        [listed] = [row for row in found if row["member_id"] == p.member_id]
        assert (listed["content"], listed["recalled"], listed["unread"]) == (text, 1, 1)
        await p.old_pages_got_nothing()


async def test_an_agent_takes_back_a_card(desk: Desk) -> None:
    """What was goods is a text then."""
    async with party(desk) as p:
        await p.alice.call("chat/answer", member_id=p.member_id, content_type=1, goods_id=11)
        card = await p.customer.receive("goodssku")
        assert await p.old_customer.receive("goodssku") == card
        recalled = await p.alice.call("chat/recall", member_id=p.member_id, id=card["id"])
        assert (recalled["code"], recalled["data"]) == (0, "")
        event = {"id": card["id"], "member_id": p.member_id, "shop_id": 1, "side": "servicer"}
        await p.all_receive("recall", event)
        [row] = (await p.customer.call("dialogs"))["data"]["list"]
        shown = {"content_type": 0, "goods_sku_id": 0, "servicer_say": "<p>消息已撤回</p>"}
        assert shown.items() <= row.items()
        await p.old_pages_got_nothing()


async def test_only_own_messages_are_taken_back(desk: Desk) -> None:
    """Neither the other side's, nor another customer's, nor a colleague's, nor what is none."""
    async with party(desk) as p, desk.agent("bob") as bob, desk.agent("carol") as carol:
        said, answer = await p.says("mine"), await p.answers("hers")
        async with desk.customer() as other:
            await other.call("say", message="hello")
            for id_ in (said["id"], answer["id"], 0, "x", 2**31 - 1, ""):
                refused = await other.call("recall", site_id=1, id=id_)
                assert (refused["code"], refused["message"]) == (-1, "消息不存在")
        refused = await p.customer.call("recall", site_id=1, id=answer["id"])
        assert refused["message"] == "消息不存在"
        refused = await p.customer.call("recall", site_id=2, id=said["id"])
        assert refused["message"] == "消息不存在"
        for agent, id_, words in (
            (p.alice, said["id"], "消息不存在"),
            (bob, answer["id"], "消息不存在"),
            (carol, answer["id"], "没有指定会员"),
        ):
            refused = await agent.call("chat/recall", member_id=p.member_id, id=id_)
            assert (refused["code"], refused["msg"]) == (-1, words)
        ids = said["id"], answer["id"]
        query = "SELECT message, recalled FROM servicer_dialogue WHERE id IN (?, ?) ORDER BY id"
        assert desk.rows(query, *ids) == [
            {"message": "mine", "recalled": 0}, {"message": "hers", "recalled": 0},
        ]  # fmt: skip
        await p.old_pages_got_nothing()


async def test_a_message_is_taken_back_only_for_a_while(desk: Desk) -> None:
    """``servicer.recall_window`` seconds."""
    async with party(desk) as p:
        said = await p.says("old")
        query = "UPDATE servicer_dialogue SET add_time = add_time - 125 WHERE id = ?"
        desk.execute(query, said["id"])
        refused = await p.customer.call("recall", site_id=1, id=said["id"])
        assert (refused["code"], refused["message"]) == (-1, "消息发送已超过可撤回时间")
        await p.old_pages_got_nothing()


class TestNoRecall:
    """With ``servicer.recall_window`` 0."""

    @pytest.fixture
    def settings(self) -> dict[str, object]:
        return dict(STRICT)

    async def test_nothing_is_taken_back(self, own_desk: Desk) -> None:
        """And pages can know it."""
        async with party(own_desk) as p:
            said = await p.says("for ever")
            refused = await p.customer.call("recall", site_id=1, id=said["id"])
            assert (refused["code"], refused["message"]) == (-1, "未开启消息撤回")
            assert (await p.customer.call("config", site_id=1))["data"]["recall_window"] == 0


async def test_each_capability_is_asked_for_by_itself(desk: Desk) -> None:
    """Unknown ones are ignored, the last bind counts."""
    async with party(desk, caps=" read , nonsense,TYPING") as p:
        said = await p.says("one")
        await p.customer.call("recall", site_id=1, id=said["id"])
        await p.customer.call("typing", typing=1)
        await p.alice.call("message/setRead", member_id=p.member_id)
        event = {"member_id": p.member_id, "shop_id": 1, "side": "servicer", "last_id": said["id"]}
        await p.all_receive("read", event)

        await p.alice.bind("typing")
        await p.customer.bind()
        for page in (p.alice, p.old_alice):
            await page.receive("connect")
        await p.customer.call("typing", typing=1)
        assert (await p.alice.receive("typing"))["typing"] is True
        await p.says("two")
        await p.alice.call("message/setRead", member_id=p.member_id)
        await p.answers("three")


@pytest.mark.parametrize("typing", ["2", "x", "-1"])
async def test_bad_signals_are_refused(desk: Desk, typing: str) -> None:
    """With the contract's envelopes."""
    async with party(desk) as p:
        refused = await p.customer.call("typing", site_id=1, typing=typing)
        assert (refused["code"], refused["message"]) == (-10006, "参数错误")
        refused = await p.alice.call("chat/typing", member_id=p.member_id, typing=typing)
        assert (refused["code"], refused["msg"]) == (-10006, "参数错误")
        for call in ("typing", "recall"):
            refused = await p.customer.call(call, site_id=99)
            assert (refused["code"], refused["data"]) == (-1, "没有指定店铺")
            for member_id in ("", "0", "x", "987654"):
                refused = await p.alice.call(f"chat/{call}", member_id=member_id)
                assert (refused["code"], refused["msg"]) == (-1, "没有指定会员")


async def test_typing_is_limited(desk: Desk) -> None:
    """Per customer: others go on."""
    async with desk.customer() as customer, desk.customer() as other:
        for _ in range(120):
            assert (await customer.call("typing", typing=1))["code"] == 0
        refused = await customer.call("typing", typing=1)
        assert (refused["code"], refused["message"]) == (-1, "操作过于频繁，请稍后再试")
        assert (await other.call("typing", typing=1))["code"] == 0


async def test_another_login_closes_newer_consoles(own_desk: Desk) -> None:
    """With a code that says not to come back; those of the original stay open, as ever, and act on
    the frame. Neither gets any event after it."""
    async with own_desk.agent("alice", caps=ALL) as first:
        async with own_desk.agent("alice", browser=first.browser) as old:
            async with own_desk.agent("alice", caps=ALL) as second:
                for page in (first, old):
                    assert await page.receive("force_offline") == {"servicer_id": first.uid}
                assert await first.socket.closed() == (4200, "replaced")
                await second.call("index/accepting", accepting=0)
                assert (await second.receive("accepting"))["accepting"] is False
                await old.nothing()
                [row] = own_desk.rows("SELECT online, client_id FROM servicer WHERE user_id = 1")
                assert row == {"online": 1, "client_id": second.client_id}
