"""A conversation from beginning to end, as their pages have it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.support.stack import Stack
from tests.support.timing import TIMEOUT

from .support import SETTINGS, Desk, together


async def test_a_customer_and_an_agent_talk(own_desk: Desk) -> None:
    """The whole story: log in, bind, say, answer, read it again, bye."""
    status, answer = await own_desk.get("/demo/token", member_id=1)
    assert (status, answer["code"]) == (200, 0)
    async with own_desk.agent("alice") as alice, own_desk.customer(1) as customer:
        customer.token = answer["data"]["token"]

        bound = await customer.bind()
        assert bound["data"] == {
            "nickname": "Alice",
            "avatar": "upload/demo/agent_alice.svg",
            "servicer_id": alice.uid,
        }
        arrived = await alice.receive("connect")
        assert (arrived["member_id"], arrived["member_name"]) == (1, "张三")
        assert arrived["last_dialog"] == []

        said = await customer.call("say", message="<p>在吗</p>", servicer_id=alice.uid, site_id=1)
        assert (said["code"], said["message"], said["data"]) == (0, "操作成功", {"read": 0})
        question = await alice.receive("string")
        assert question["consumer_say"] == "<p>在吗</p>"
        assert (question["member_id"], question["type"], question["content_type"]) == (1, 0, 0)
        assert question["message"] == "在吗"

        answered = await alice.call("chat/answer", member_id=1, servicer_say="<p>您好</p>")
        assert (answered["code"], answered["data"], answered["msg"]) == (0, "", "发送成功")
        reply = await customer.receive("string")
        assert (reply["servicer_say"], reply["type"]) == ("<p>您好</p>", 1)
        assert (reply["nickname"], reply["prev_id"]) == ("Alice", question["id"])

        seen = (await customer.call("dialogs"))["data"]
        assert [row["id"] for row in seen["list"]] == [question["id"], reply["id"]]
        read = (await alice.call("index/dialogs", member_id=1))["data"]
        assert [row["id"] for row in read["list"]] == [reply["id"], question["id"]]
        assert (seen["count"], read["page_count"]) == (2, 1)

        ended = await customer.call("bye", servicer_id=alice.uid)
        assert (ended["code"], ended["message"], ended["data"]) == (0, "会话已结束！", "")
        assert await customer.receive("close") == {"status": True}
        assert (await customer.socket.closed(TIMEOUT))[0] == 1000
        assert await alice.receive("disconnect") == {"member_id": 1}
        await alice.nothing(1.0)


async def test_frames_have_numbers_and_no_nulls_where_clients_trip(desk: Desk) -> None:
    """Numbers of a pushed row are JSON numbers, and ``data`` is always an object."""
    async with desk.agent("alice") as alice, desk.customer() as customer:
        await customer.bind()
        connect = await alice.receive("connect")
        await customer.call("say", message="1", servicer_id=alice.uid)
        row = await alice.receive("string")
        for name in ("id", "member_id", "servicer_id", "content_type", "read", "shop_id"):
            assert type(row[name]) is int, name
        for name in ("goods_sku_id", "order_id", "type", "add_time", "prev_id"):
            assert type(row[name]) is int, name
        assert row["goods_sku_id"] == row["order_id"] == 0
        assert type(connect["online"]) is int
        assert (len(row["create_day"]), len(row["create_time"])) == (10, 8)


async def test_ping_is_swallowed(desk: Desk) -> None:
    """Clients send ``ping`` all the time and never get an answer."""
    async with desk.customer() as customer:
        for _ in range(20):
            await customer.socket.send("ping")
        await customer.nothing()


async def test_two_shops_are_two_conversations(own_desk: Desk) -> None:
    """A member's messages with one shop are not shown to the other."""
    async with (
        own_desk.agent("alice") as alice,
        own_desk.agent("carol") as carol,
        own_desk.customer() as first,
        own_desk.customer(first.member_id) as second,
    ):
        assert (await first.bind(1))["data"]["servicer_id"] == alice.uid
        assert (await second.bind(2))["data"]["servicer_id"] == carol.uid
        await first.call("say", message="to one", site_id=1)
        await second.call("say", message="to two", site_id=2)
        assert (await alice.receive("connect"))["member_id"] == first.member_id
        assert (await alice.receive("string"))["message"] == "to one"
        assert (await carol.receive("connect"))["member_id"] == first.member_id
        assert (await carol.receive("string"))["message"] == "to two"

        async def texts(call: Any) -> list[str]:
            return [row["message"] for row in (await call)["data"]["list"]]

        member_id = first.member_id
        assert await texts(first.call("dialogs", site_id=1)) == ["to one"]
        assert await texts(first.call("dialogs", site_id=2)) == ["to two"]
        assert await texts(alice.call("index/dialogs", member_id=member_id)) == ["to one"]
        assert await texts(carol.call("index/dialogs", member_id=member_id)) == ["to two"]


async def test_two_business_processes_and_a_reload(tmp_path: Path) -> None:
    """Everything said is stored once, in one chain, and pushed once, whoever takes it in."""
    async with Stack(tmp_path, settings=SETTINGS, workers=2) as stack, Desk(stack) as desk:
        async with desk.agent("alice") as alice, desk.customer() as customer:
            await customer.bind()
            await alice.receive("connect")

            async def say(start: int) -> None:
                texts = (str(i) for i in range(start, start + 40))
                calls = (customer.call("say", message=t, servicer_id=alice.uid) for t in texts)
                assert {answer["code"] for answer in await together(*calls)} == {0}

            await together(say(0), stack.business_command("reload"))
            await say(40)
            pushed = [await alice.receive("string") for _ in range(80)]
            await alice.nothing()
            stored = desk.rows("SELECT id, prev_id, message FROM servicer_dialogue ORDER BY id")
            assert {row["message"] for row in stored} == {str(i) for i in range(80)}
            assert len(stored) == 80
            assert [row["prev_id"] for row in stored] == [0, *(row["id"] for row in stored[:-1])]
            assert sorted(row["id"] for row in pushed) == [row["id"] for row in stored]
