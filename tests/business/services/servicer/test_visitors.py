"""Customers who are not logged in, and what becomes of what they said when they are."""

from __future__ import annotations

import pytest

from business.services.servicer.tokens import FIRST_VISITOR

from .support import STRICT, Customer, Desk, sign


async def become_visitor(desk: Desk, customer: Customer) -> Customer:
    """Let a page be a visitor's."""
    answer = await desk.customer_call("visitor", {})
    assert answer["code"] == 0, answer
    customer.member_id, customer.token = answer["data"]["member_id"], answer["data"]["token"]
    assert customer.member_id > FIRST_VISITOR
    return customer


async def said(customer: Customer, site_id: int = 1) -> list[str]:
    """What a page shows of the chat with a shop."""
    answer = await customer.call("dialogs", limit=50, site_id=site_id)
    return [row["consumer_say"] or row["servicer_say"] for row in answer["data"]["list"]]


def chain(desk: Desk, member_id: int, site_id: int = 1) -> list[tuple[int, int]]:
    """Ids of messages, and of those before them."""
    query = "SELECT id, prev_id FROM servicer_dialogue WHERE member_id = ? AND shop_id = ?"
    query += " ORDER BY id"
    return [(row["id"], row["prev_id"]) for row in desk.rows(query, member_id, site_id)]


async def test_a_visitor_chats_and_turns_out_to_be_a_member(own_desk: Desk) -> None:
    """All shops' messages move, in order, into one chain; agents are told; nothing is left."""
    desk = own_desk
    async with desk.agent("alice") as alice, desk.customer() as page, desk.customer() as member:
        await member.call("say", message="before", site_id=1)
        visitor = await become_visitor(desk, page)
        assert (await visitor.bind())["data"]["servicer_id"] == alice.uid
        number = visitor.member_id - FIRST_VISITOR
        frame = await alice.receive("connect")
        while frame["member_id"] != visitor.member_id:
            frame = (await alice.socket.recv_json())["data"]
        assert frame["member_name"] == f"访客{number}"
        await visitor.call("say", message="one")
        await visitor.call("say", message="elsewhere", site_id=2)
        await member.call("say", message="between", site_id=1)
        answer = await alice.call("chat/answer", member_id=visitor.member_id, servicer_say="two")
        assert answer["msg"] == "发送成功"
        assert await said(visitor) == ["one", "two"]

        bound = await member.call("bind", client_id=member.client_id, visitor_token=visitor.token)
        assert bound["data"]["servicer_id"] == alice.uid
        assert await said(member) == ["before", "one", "between", "two"]
        assert await said(member, 2) == ["elsewhere"]
        assert await said(visitor) == []
        links = chain(desk, member.member_id)
        assert [prev for _, prev in links] == [0, *(i for i, _ in links[:-1])]
        [row] = desk.rows("SELECT member_id FROM servicer_visitor WHERE id = ?", number)
        assert row["member_id"] == member.member_id
        for table in ("conversation", "member", "dialogue"):
            query = f"SELECT 1 FROM servicer_{table} WHERE member_id = ?"
            assert not desk.rows(query, visitor.member_id), table
        while True:
            frame = await alice.socket.recv_json()
            if frame["type"] == "disconnect":
                assert frame["data"] == {"member_id": visitor.member_id}
                break
        # Once more changes nothing; what is said next follows on.
        await member.call("bind", client_id=member.client_id, visitor_token=visitor.token)
        await member.call("say", message="after")
        assert await said(member) == ["before", "one", "between", "two", "after"]
        links = chain(desk, member.member_id)
        assert links[-1][1] == links[-2][0]


async def test_an_answer_that_is_sent_again_after_the_merge(own_desk: Desk) -> None:
    """Its first receipt was lost; the visitor has become a member meanwhile."""
    async with own_desk.agent("alice") as alice, own_desk.customer() as page:
        visitor = await become_visitor(own_desk, page)
        await visitor.bind()
        answer = {"member_id": visitor.member_id, "servicer_say": "yes", "client_msg_id": "once"}
        first = await alice.call("chat/answer", **answer)
        assert first["code"] == 0
        async with own_desk.customer() as member:
            await member.call("bind", client_id=member.client_id, visitor_token=visitor.token)
            again = await alice.call("chat/answer", **answer)
            assert (again["code"], again["data"]["id"]) == (0, first["data"]["id"])
            assert await said(member) == ["yes"]


async def test_a_token_that_is_no_visitors_moves_nothing(desk: Desk) -> None:
    """Nobody gets another member's messages; a bad token does not hinder the bind."""
    async with desk.customer() as one, desk.customer() as two, desk.customer() as page:
        await one.call("say", message="mine")
        visitor = await become_visitor(desk, page)
        await visitor.call("say", message="also mine")
        for token in (one.token, "nonsense", sign(FIRST_VISITOR + 1), "undefined"):
            answer = await two.call("bind", client_id=two.client_id, visitor_token=token)
            assert answer["message"] in ("操作成功", "客服不在线")
        assert await said(two) == []
        other = await become_visitor(desk, two)
        await other.call("bind", client_id=other.client_id, visitor_token=visitor.token)
        assert await said(other) == []
        assert (await said(one), await said(visitor)) == (["mine"], ["also mine"])


async def test_visitors_are_made_by_post_only(desk: Desk) -> None:
    """A picture in somebody's page makes none."""
    _, answer = await desk.get("/servicer/api/chat/visitor")
    assert answer["code"] == -10006


class TestLimits:
    """With few."""

    @pytest.fixture
    def settings(self) -> dict[str, object]:
        return dict(STRICT)

    async def test_how_many(self, own_desk: Desk) -> None:
        """Of an address within a minute."""
        codes = [(await own_desk.customer_call("visitor", {}))["code"] for _ in range(3)]
        assert codes == [0, 0, -1]
