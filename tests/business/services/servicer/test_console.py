"""The lists and panels of the agents' console."""

from __future__ import annotations

import time
from typing import Any

import pytest
from sqlalchemy import create_engine, event

from business.services.servicer.store import lists

from .support import Agent, Desk


async def find(agent: Agent, member_id: int, **params: Any) -> dict[str, Any] | None:
    """A member's row in the member list."""
    rows = (await agent.call("index/memberList", **params))["data"]["member_list"]["list"]
    found = [row for row in rows if row["member_id"] == member_id]
    assert len(found) < 2
    return found[0] if found else None


async def test_member_list(desk: Desk) -> None:
    """Of the whole shop, the latest first, with the last message and what was not read."""
    async with desk.agent("alice") as alice, desk.agent("carol") as carol:
        async with desk.customer() as first, desk.customer() as second:
            await first.bind()
            await first.call("say", message="<p>one</p>", servicer_id=alice.uid)
            await first.call("say", message="<p>two</p>", servicer_id=alice.uid)
            await second.call("say", message="three", site_id=2)
            row = await find(alice, first.member_id)
            assert row is not None
            assert (row["content"], row["consumer_say"], row["servicer_say"]) == (
                "<p>two</p>", "<p>two</p>", "",
            )  # fmt: skip
            assert (row["unread"], row["online"], row["type"]) == (2, 1, 0)
            assert (row["content_type"], row["unassigned"]) == (0, 0)
            assert abs(row["add_time"] - time.time()) < 60
            assert type(row["add_time"]) is int
            assert row["member_name"] == f"会员{first.member_id}"
            assert await find(alice, second.member_id) is None
            assert await find(carol, second.member_id) is not None

            read = await alice.call("message/setRead", member_id=first.member_id)
            assert read["data"] == 2
            await alice.call("chat/answer", member_id=first.member_id, servicer_say="four")
            rows = (await alice.call("index/memberList"))["data"]["member_list"]["list"]
            assert (rows[0]["member_id"], rows[0]["servicer_say"]) == (first.member_id, "four")
            assert (rows[0]["unread"], rows[0]["type"]) == (0, 1)
        gone = await desk.online(first, 0)
        assert gone["member_id"] == first.member_id
        away = await find(alice, first.member_id)
        assert away is not None
        assert away["online"] == 0


@pytest.mark.parametrize(
    ("name", "is_found"),
    [
        ("张", True),
        ("张三", True),
        ("三张", False),
        ("%", False),
        ("_三", False),
        ("张\\", False),
        ("' OR '1'='1", False),
        ("张三' --", False),
        ("x" * 5000, False),
        ("", True),
    ],
)
async def test_member_list_by_name(desk: Desk, name: str, is_found: bool) -> None:
    """A part of the name, in which no character means anything else."""
    async with desk.agent("alice") as alice, desk.customer(1) as customer:
        await customer.call("say", message="hi")
        assert (await find(alice, 1, member_name=name) is not None) == is_found


async def test_member_list_with_the_members_account(desk: Desk) -> None:
    """How the member logs in to the shop comes from the shop."""
    async with desk.agent("alice") as alice, desk.customer(2) as customer:
        await customer.call("say", message="hi")
        row = await find(alice, 2)
        assert row is not None
        assert (row["login_type"], row["login_type_name"]) == ("weapp", "微信小程序")


async def test_unread_members(desk: Desk) -> None:
    """Who has said something that nobody has read, until it is."""
    async with desk.agent("alice") as alice, desk.customer() as customer:
        await customer.call("say", message="one")
        await customer.call("say", message="two")

        async def unread() -> list[dict[str, Any]]:
            found = (await alice.call("index/unreadMembers"))["data"]["unread_member"]
            assert found["count"] == len(found["list"])
            return [row for row in found["list"] if row["member_id"] == customer.member_id]

        name = f"会员{customer.member_id}"
        assert await unread() == [
            {"member_id": customer.member_id, "member_name": name, "headimg": "", "unread": 2}
        ]
        await alice.call("message/setRead", member_id=customer.member_id)
        assert await unread() == []


async def test_history_counts_what_was_not_read(desk: Desk) -> None:
    """Of customers who are gone."""
    async with desk.agent("alice") as alice:
        async with desk.customer() as customer:
            await customer.bind()
            await customer.call("say", message="bye", servicer_id=alice.uid)
        await desk.online(customer, 0)
        page = (await alice.call("index/historyMembers", page=1, size=100))["data"]
        rows = {row["member_id"]: row for row in page["offlineMembers"]["list"]}
        assert rows[customer.member_id]["unread"] == 1


async def test_messages(desk: Desk) -> None:
    """Newest first, with goods, orders and both sides' names; filtered by each parameter."""
    async with desk.agent("alice") as alice, desk.customer(1) as customer:
        for said in (
            {"message": "<p>Price &amp; 50% off?</p>"},
            {"content_type": 1, "goods_id": 11},
            {"content_type": 2, "order_id": 101},
        ):
            assert (await customer.call("say", servicer_id=alice.uid, **said))["code"] == 0
        await alice.call("chat/answer", member_id=1, servicer_say="sure")

        async def texts(**params: Any) -> list[str]:
            answer = await alice.call("message/lists", member_id=1, page_size=100, **params)
            assert answer["code"] == 0, answer
            return [row["content"] for row in answer["data"]["list"]]

        answer = (await alice.call("message/lists", member_id=1, page_size=4))["data"]
        assert answer["count"] >= 4
        reply, order, goods, text = answer["list"]
        assert (reply["servicer_say"], reply["servicer_nickname"]) == ("sure", "Alice")
        assert (order["order_id"], order["order_no"]) == (101, "2026110100000101")
        assert [line["num"] for line in order["order_goods_list"]] == [2, 1]
        assert (order["order_money"], order["order_status_name"]) == ("215.00", "待发货")
        assert (goods["goods_sku_id"], goods["sku_name"]) == (11, "棉质T恤 白色 M")
        assert (goods["goods_id"], goods["stock"], goods["goods_state"]) == (1, 120, 1)
        assert (text["order_id"], text["nickname"], text["order_goods_list"]) == (None, "张三", [])
        assert text["sku_image"] == ""

        assert set(await texts(content_type=1)) == {""}
        question = "<p>Price &amp; 50% off?</p>"
        assert question in await texts(content_type="0")
        assert set(await texts(search_text="price & 50%")) == {question}
        assert await texts(search_text="5_%") == []
        today = reply["create_day"]
        assert question in await texts(start_date=today, end_date=today)
        assert await texts(end_date="2020-01-01") == []
        assert await texts(start_date="2037-01-01 00:00:00") == []
        for bad in ({"start_date": "yesterday"}, {"content_type": "x"}, {"end_date": "0001-13-01"}):
            refused = await alice.call("message/lists", member_id=1, **bad)
            assert (refused["code"], refused["message"]) == (-10006, "参数错误")
        assert (await alice.call("message/lists", member_id=1, start_date="0001-01-01"))[
            "code"
        ] == 0


async def test_member_info(desk: Desk) -> None:
    """What the shop knows, or little."""
    async with desk.agent("alice") as alice, desk.customer() as unknown, desk.customer(1) as known:
        for customer in (unknown, known):
            await customer.call("say", message="hi")
        info = (await alice.call("member/info", member_id=1))["data"]
        assert (info["nickname"], info["mobile"]) == ("张三", "13800000001")
        assert (info["balance"], info["balance_money"], info["total_balance"]) == (
            "20.00", "135.50", "155.50",
        )  # fmt: skip
        assert (info["login_type"], info["member_level_name"]) == ("h5", "金卡会员")
        info = (await alice.call("member/info", member_id=unknown.member_id))["data"]
        assert (info["nickname"], info["mobile"]) == (f"会员{unknown.member_id}", "")


async def test_member_info_is_not_had_by_writing(desk: Desk) -> None:
    """An agent who writes to a member of the platform learns the name, and the rest only when the
    member has come."""
    async with desk.agent("carol") as carol, desk.customer(2) as customer:
        await carol.call("chat/answer", member_id=2, servicer_say="buy now")
        info = (await carol.call("member/info", member_id=2))["data"]
        assert (info["nickname"], info["mobile"], info["balance"]) == ("李四", "", "0.00")
        await customer.call("say", message="what?", site_id=2)
        info = (await carol.call("member/info", member_id=2))["data"]
        assert info["mobile"] == "13800000002"


async def test_goods_of_the_shop(desk: Desk) -> None:
    """Those of the agent's own shop only, by part of the name, state and kind."""
    async with desk.agent("alice") as alice, desk.agent("carol") as carol:
        page = (await alice.call("goods/lists"))["data"]
        assert (page["count"], page["page_count"]) == (3, 1)
        assert [goods["goods_name"] for goods in page["list"]] == ["蓝牙耳机", "保温杯", "棉质T恤"]
        shirt = page["list"][2]
        assert (shirt["goods_stock"], shirt["sale_num"], shirt["sku_id"]) == (242, 74, 11)
        assert shirt["goods_image"]

        async def count(agent: Agent, **params: Any) -> int:
            answer = (await agent.call("goods/lists", **params))["data"]["count"]
            assert isinstance(answer, int)
            return answer

        assert await count(carol) == 1
        assert await count(alice, search_text="t恤") == 1
        assert await count(alice, goods_state=1, goods_class="1") == 3
        assert await count(alice, goods_state="0") == 0
        assert await count(alice, goods_class=2) == 0
        second = (await alice.call("goods/lists", page=2, page_size=2))["data"]
        assert ([goods["goods_id"] for goods in second["list"]], second["page_count"]) == ([1], 2)
        assert (await alice.call("goods/lists", goods_state="x"))["code"] == -10006


async def test_goods_detail(desk: Desk) -> None:
    """By sku, or by the message that shows it, with the promotion."""
    async with desk.agent("alice") as alice, desk.agent("carol") as carol:
        detail = (await alice.call("goods/detail", sku_id=12))["data"]
        assert (detail["sku_id"], detail["stock"], detail["goods_promotion"]) == (12, 80, [])
        assert (await carol.call("goods/detail", sku_id=12))["message"] == "商品不存在"
        async with desk.customer() as customer:
            related = '{"promotion_id":"3","promotion_name":"seckill"}'
            card = {"content_type": 1, "goods_id": 11, "relate_data": related}
            await customer.call("say", **card)
            shown = (await customer.call("dialogs"))["data"]["list"][0]["id"]
        detail = (await alice.call("goods/detail", dialogue_id=shown))["data"]
        assert (detail["sku_id"], detail["relate_promotion"]["promotion_id"]) == (11, "3")
        for number in (shown, 0, 999_999, "x"):
            assert (await carol.call("goods/detail", dialogue_id=number))["code"] == -1


@pytest.mark.parametrize(
    "related",
    [
        "NaN",
        '{"promotion_id":NaN}',
        '{"promotion_id":1e999}',
        '{"promotion_id":"\\ud800"}',
        '{"promotion_id":' + "[" * 900 + "]" * 900 + "}",
        "[1]",
        "3",
        "{",
    ],
)
async def test_what_comes_with_goods_breaks_no_page(desk: Desk, related: str) -> None:
    """The customer's page sends what it likes; the console gets JSON that it can read."""
    async with desk.agent("alice") as alice, desk.customer() as customer:
        said = await customer.call("say", content_type=1, goods_id=11, relate_data=related)
        assert said["code"] == 0
        [row] = (await customer.call("dialogs"))["data"]["list"]
        assert row["relate_data"] == ""
        # As an import may have brought it.
        desk.execute(
            "UPDATE servicer_dialogue SET relate_data = ? WHERE id = ?", related, row["id"]
        )
        detail = await alice.call("goods/detail", dialogue_id=row["id"])
        assert (detail["code"], detail["data"]["relate_promotion"]) == (0, None)


async def test_what_a_customer_has_to_do_with_the_shop(desk: Desk) -> None:
    """Looked at, ordered and bought, here only."""
    async with desk.agent("alice") as alice, desk.customer(1) as customer:
        await customer.call("say", message="hi")
        browsed = (await alice.call("goods/memberGoodsBrowse", member_id=1))["data"]
        assert [row["sku_id"] for row in browsed["list"]] == [11, 32, 21]
        assert type(browsed["list"][0]["browse_time"]) is int
        some = await alice.call("goods/memberGoodsBrowse", member_id=1, search_text="耳机")
        assert some["data"]["count"] == 1

        bought = (await alice.call("order/memberOrderGoodsList", member_id=1))["data"]
        assert {row["sku_id"]: row["num"] for row in bought["list"]} == {11: 2, 21: 1, 31: 1}

        orders = (await alice.call("order/lists", member_id=1))["data"]
        assert [order["order_id"] for order in orders["list"]] == [102, 101]
        goods = orders["list"][1]["order_goods"][0]
        assert goods["sku_name"].split(goods["goods_name"])[1] == " 白色 M"
        assert (goods["is_present"], goods["refund_status_name"]) == (0, "")
        assert orders["list"][1]["pay_type_name"] == "余额支付"

        detail = (await alice.call("order/detail", order_id=101))["data"]
        assert detail == (await alice.call("chat/orderDetail", order_id=101))["data"]


@pytest.mark.parametrize(
    ("member_id", "params", "found"),
    [
        (1, {"order_status": "1"}, [101]),
        (1, {"order_status": "0"}, []),
        (1, {"order_status": "refunding"}, []),
        (2, {"order_status": "refunding"}, [201]),
        (1, {"search_type": "order_no", "search_text": "0102"}, [102]),
        (1, {"search_type": "order_name", "search_text": "保温杯"}, [101]),
        (1, {"page_size": 1, "page": 2}, [101]),
        (1, {"page": 9}, []),
    ],
)
async def test_orders_are_filtered(
    desk: Desk, member_id: int, params: dict[str, Any], found: list[int]
) -> None:
    """By state, number, name and page."""
    async with desk.agent("alice") as alice, desk.customer(member_id) as customer:
        await customer.call("say", message="hi")
        page = (await alice.call("order/lists", member_id=member_id, **params))["data"]
        assert [order["order_id"] for order in page["list"]] == found


async def test_members_of_others_are_not_shown(own_desk: Desk) -> None:
    """Nothing of somebody who never had to do with the agent's shop, whatever is asked."""
    async with own_desk.agent("carol") as carol, own_desk.customer(1) as customer:
        await customer.call("say", message="to another shop", site_id=1)
        paths = (
            "message/lists", "member/info", "goods/memberGoodsBrowse", "order/lists",
            "order/memberOrderGoodsList",
        )  # fmt: skip
        for path in paths:
            for member_id in (1, 0, "", -1, "x", 99_999_999_999, 2):
                refused = await carol.call(path, member_id=member_id)
                assert (refused["code"], refused["message"]) == (-1, "没有指定会员"), path
        for order_id in (101, 103, 0, "x"):
            refused = await carol.call("order/detail", order_id=order_id)
            assert (refused["code"], refused["message"]) == (-1, "订单不存在")
        empty = await carol.call("index/memberList")
        assert empty["data"]["member_list"] == {"count": 0, "list": [], "unassigned": 0}


async def test_configuration(desk: Desk) -> None:
    """Who talks to the port directly is sent to the gateway's own; a proxy has one host."""
    async with desk.agent("alice") as alice:
        value = (await alice.call("config/config"))["data"]["value"]
        assert (value["type"], value["applet"], value["third"]) == ("system", "", "")
        assert value["socket_url"] == f"{desk.stack.ws_url}/wss"


async def test_lists_use_indexes(desk: Desk) -> None:
    """Neither the list of members nor what was not read reads the history of the shop."""
    engine = create_engine(f"sqlite:///{desk.stack.directory / 'kefu.db'}")
    asked: list[tuple[str, Any]] = []

    def note(_1: Any, _2: Any, statement: str, parameters: Any, _3: Any, _4: Any) -> None:
        asked.append((statement, parameters))

    event.listen(engine, "before_cursor_execute", note)
    async with desk.customer() as customer:
        await customer.call("say", message="hi")
    try:
        with engine.connect() as connection:
            lists.of_shop(connection, 1, "", 0, 100)
            lists.of_shop(connection, 1, "name", 0, 100)
            lists.unassigned(connection, 1)
            lists.with_unread(connection, 1, 100)
        assert len(asked) >= 8
        for statement, parameters in asked:
            for step in desk.rows(f"EXPLAIN QUERY PLAN {statement}", *parameters):
                assert not step["detail"].startswith("SCAN servicer_"), (statement, step)
    finally:
        engine.dispose()
