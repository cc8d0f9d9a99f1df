"""Reading what was said."""

from __future__ import annotations

import pytest

from .support import Desk


@pytest.mark.parametrize("limit", [4, 5, 7, 15])
async def test_pages_of_a_customer(desk: Desk, limit: int) -> None:
    """The newest page first, the oldest message first inside a page, [] past the end."""
    async with desk.customer() as customer:
        for i in range(9):
            await customer.call("say", message=str(i))
        pages = []
        for number in range(1, 12):
            page = (await customer.call("dialogs", page=number, limit=limit))["data"]
            assert (page["count"], page["page_count"]) == (9, -(-9 // limit))
            pages.append([int(row["message"]) for row in page["list"]])
        everything = list(range(9))
        expected = [
            everything[max(0, 9 - limit * (i + 1)) : max(0, 9 - limit * i)] for i in range(11)
        ]
        assert pages == expected


async def test_page_zero_is_the_first(desk: Desk) -> None:
    """The console's history starts at page 0, then asks for 1."""
    async with desk.agent("alice") as alice, desk.customer() as customer:
        await customer.call("say", message="x")
        for page in ("0", "", "null", "-3", "abc", "99999999999999"):
            rows = (await customer.call("dialogs", page=page))["data"]["list"]
            if page != "99999999999999":
                assert [row["message"] for row in rows] == ["x"]
        first = await alice.call("index/historyMembers", page=0)
        assert first["data"] == (await alice.call("index/historyMembers", page=1))["data"]


async def test_default_limits(desk: Desk) -> None:
    """5 for customers, 15 for agents; nonsense is the default, too much is 100."""
    async with desk.agent("alice") as alice, desk.customer() as customer:
        for i in range(20):
            await customer.call("say", message=str(i))
        member_id = customer.member_id
        for limit, rows in (("", 5), ("0", 5), ("-1", 5), ("x", 5), ("20", 20), ("100000", 20)):
            page = (await customer.call("dialogs", limit=limit))["data"]
            assert len(page["list"]) == rows
        assert len((await alice.call("index/dialogs", member_id=member_id))["data"]["list"]) == 15
        second = (await alice.call("index/dialogs", member_id=member_id, page=2))["data"]["list"]
        assert [row["message"] for row in second] == ["4", "3", "2", "1", "0"]


async def test_a_client_that_missed_something_catches_up(desk: Desk) -> None:
    """``after_id``: oldest first, on both sides, until nothing is left."""
    async with desk.agent("alice") as alice, desk.customer() as customer:
        for i in range(7):
            await customer.call("say", message=str(i))
        first = (await customer.call("dialogs", limit=100))["data"]["list"][0]["id"]
        page = (await customer.call("dialogs", after_id=first, limit=4))["data"]
        assert [row["message"] for row in page["list"]] == ["1", "2", "3", "4"]
        assert page["count"] == 6
        last = page["list"][-1]["id"]
        rest = await alice.call("index/dialogs", member_id=customer.member_id, after_id=last)
        assert [row["message"] for row in rest["data"]["list"]] == ["5", "6"]
        end = rest["data"]["list"][-1]["id"]
        assert (await customer.call("dialogs", after_id=end))["data"]["list"] == []


async def test_nobody_reads_anybody_elses(desk: Desk) -> None:
    """Parameters do not decide whose messages are read: the token and the session do."""
    async with desk.agent("carol") as carol, desk.customer() as one, desk.customer() as other:
        await one.call("say", message="secret", site_id=1)
        stolen = await other.call("dialogs", site_id=1, member_id=one.member_id)
        assert stolen["data"] == {"page_count": 0, "count": 0, "list": []}
        foreign = await carol.call("index/dialogs", member_id=one.member_id, site_id=1)
        assert foreign["data"]["list"] == []
        assert (await carol.call("index/getMember", member_id=one.member_id))["data"] is None


async def test_lists_of_customers(own_desk: Desk) -> None:
    """Who is connected, who was, and one of them."""
    async with own_desk.agent("alice") as alice:
        empty = (await alice.call("index/index"))["data"]
        nobody = {"page_count": 0, "count": 0, "list": []}
        waiting = {"count": 0, "list": []}
        assert empty == {
            "onlineMembers": [],
            "offlineMembers": nobody,
            "unassignedMembers": waiting,
        }
        async with own_desk.customer(1) as here:
            await here.bind()
            async with own_desk.customer(2) as gone:
                await gone.bind()
                await gone.call("say", message="bye", servicer_id=alice.uid)
            await own_desk.online(gone, 0)
            lists = (await alice.call("index/index", page=1))["data"]
            assert [row["member_id"] for row in lists["onlineMembers"]] == [1]
            assert [row["member_name"] for row in lists["offlineMembers"]["list"]] == ["李四"]
            history = (await alice.call("index/historyMembers", page=0, size=10))["data"]
            assert history["offlineMembers"]["count"] == 1
            one = (await alice.call("index/getMember", member_id=2))["data"]
            assert (one["nickname"], one["username"]) == ("李四", "lisi")
            assert one["last_dialog"]["message"] == "bye"
            assert (await alice.call("index/getMember", member_id=3))["data"] is None
            missing = await alice.call("index/getMember")
            assert (missing["code"], missing["msg"]) == (-1, "没有指定会员")


async def test_reading_is_noted(desk: Desk) -> None:
    """Each side marks what the other one said."""
    async with desk.agent("alice") as alice, desk.customer() as customer:
        await customer.call("say", message="one")
        await alice.call("chat/answer", member_id=customer.member_id, servicer_say="two")

        async def read() -> list[int]:
            return [row["read"] for row in (await customer.call("dialogs"))["data"]["list"]]

        assert await read() == [0, 0]
        marked = await alice.call("message/setRead", member_id=customer.member_id)
        assert (marked["data"], marked["message"]) == (1, "操作成功")
        assert await read() == [1, 0]
        assert (await customer.call("setRead", site_id=1))["data"] == ""
        assert await read() == [1, 1]
        refused = await customer.call("setRead", site_id=0)
        assert (refused["code"], refused["data"]) == (-1, "没有指定店铺")
