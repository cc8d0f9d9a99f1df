"""Goods, orders, lists of shops, and what agents do to customers besides answering."""

from __future__ import annotations

import pytest

from .support import Desk


async def test_a_member_sees_the_own_orders_only(desk: Desk) -> None:
    """Another's order does not exist, as far as the member is told."""
    async with desk.customer(1) as one, desk.customer(2) as two:
        order = (await one.call("orderDetail", order_id=101))["data"]
        assert order["order_no"] == "2026110100000101"
        assert [goods["num"] for goods in order["order_goods"]] == [2, 1]
        assert order["sku_name"].startswith(order["order_goods"][0]["goods_name"])
        for order_id in ("101", "9", "", "-1", "x", "99999999999"):
            refused = await two.call("orderDetail", order_id=order_id)
            assert (refused["code"], refused["message"]) == (-1, "订单不存在")


async def test_an_agent_sees_orders_of_customers_only(own_desk: Desk) -> None:
    """Of the own shop, and of members who have been there."""
    async with own_desk.agent("alice") as alice, own_desk.customer(1) as customer:
        assert (await alice.call("chat/orderDetail", order_id=101))["code"] == -1
        await customer.bind()
        answer = await alice.call("chat/orderDetail", order_id=101)
        assert (answer["code"], answer["message"]) == (0, "操作成功")
        assert answer["data"]["mobile"] == "13800000001"
        for order_id in (103, 201, 5):  # another shop's, another member's, nobody's
            assert (await alice.call("chat/orderDetail", order_id=order_id))["code"] == -1


async def test_goods(desk: Desk) -> None:
    """Under the original's spelling, in any case."""
    async with desk.agent("alice") as alice, desk.customer() as customer:
        sku = (await customer.call("goodSkuDetial", sku_id="12"))["data"]
        assert (sku["price"], sku["stock"], sku["sku_id"]) == ("59.00", 80, 12)
        assert (await alice.call("chat/goodskudetial.html", sku_id=12))["data"] == sku
        assert (await alice.call("chat/goodSkuDetial", sku_id=41))["code"] == -1
        assert (await customer.call("goodSkuDetial", sku_id=5))["message"] == "商品不存在"


async def test_shops_that_a_member_has_talked_to(own_desk: Desk) -> None:
    """The last message of each, who is there, and what was not read."""
    async with own_desk.agent("alice") as alice, own_desk.customer() as customer:
        empty = {"page_count": 0, "count": 0, "list": []}
        assert (await customer.call("servicerList"))["data"] == empty
        assert (await customer.call("chatList"))["data"] == []
        await customer.call("say", message="one", site_id=1)
        for text in ("two", "three"):
            answer = {"member_id": customer.member_id, "servicer_say": text}
            await alice.call("chat/answer", **answer)
        await customer.call("say", message="four", site_id=2)
        shops = (await customer.call("servicerList", page=1, size=1))["data"]
        assert (shops["count"], shops["page_count"]) == (2, 2)
        assert shops["list"] == [
            {"shop_id": 2, "logo": "upload/demo/shop_2.svg", "site_name": "Demo Books"}
        ]
        chats = (await customer.call("chatList"))["data"]
        assert [(chat["shop_id"], chat["online"], chat["unread"]) for chat in chats] == [
            (1, 1, 2), (2, 0, 0),
        ]  # fmt: skip
        assert chats[0]["servicer_say"] == "three"
        assert (chats[1]["shop_name"], chats[1]["content"]) == ("Demo Books", "four")


async def test_an_agent_takes_a_customer(own_desk: Desk) -> None:
    """Who is there; the customer is told, once."""
    async with own_desk.agent("alice"), own_desk.agent("bob") as bob:
        async with own_desk.customer() as customer:
            member_id = customer.member_id
            assert (await bob.call("chat/bindMember", member_id=member_id))["msg"] == "没有指定会员"
            await customer.bind()
            taken = await bob.call("chat/bindMember", member_id=member_id)
            assert (taken["data"], taken["msg"]) == ({"servicer_id": bob.uid}, "会员连接成功")
            assert (await customer.receive("connect"))["servicer_id"] == bob.uid
            again = await bob.call("chat/bindMember", member_id=member_id)
            assert (again["data"], again["msg"]) == ({"servicer_id": bob.uid}, "无需重复连接")
            await customer.nothing()
        await own_desk.online(customer, 0)
        away = await bob.call("chat/bindMember", member_id=member_id)
        assert (away["code"], away["data"], away["msg"]) == (0, "", "会员不在线")


async def test_an_agent_ends_a_customers_chat(own_desk: Desk) -> None:
    """The customer gets a frame that every client understands, and is closed."""
    async with own_desk.agent("alice") as alice, own_desk.agent("carol") as carol:
        async with own_desk.customer() as customer:
            await customer.bind()
            await alice.receive("connect")
            foreign = await carol.call("chat/closeMember", member_id=customer.member_id)
            assert (foreign["code"], foreign["msg"]) == (-1, "没有指定会员")
            await customer.nothing()
            ended = await alice.call("chat/closeMember", member_id=customer.member_id)
            assert (ended["code"], ended["msg"]) == (0, "已结束会员会话")
            frame = await customer.socket.recv_json()
            thanks = "会话已结束！感谢您的咨询"
            data = {"status": True, "msg": thanks}
            assert frame == {"type": "close", "data": data, "msg": thanks}
            await customer.socket.closed()
            await alice.nothing(1.0)
            await own_desk.online(customer, 0)


@pytest.mark.parametrize(("old", "new"), [("wrong", "long enough"), ("demo", "short")])
async def test_a_bad_new_password_is_refused(desk: Desk, old: str, new: str) -> None:
    """Also the old one must be right."""
    async with desk.agent("bob") as bob:
        answer = await bob.call("login/modifypassword", old_pass=old, new_pass=new)
        assert answer["code"] == -1


async def test_an_agent_changes_the_password(own_desk: Desk) -> None:
    """This login goes on; the old password is no good any more."""
    async with own_desk.agent("alice") as alice:
        changed = await alice.call("login/modifyPassword", old_pass="demo", new_pass="new word")
        assert (changed["code"], changed["message"]) == (0, "操作成功")
        assert (await alice.call("index/index"))["code"] == 0
        assert (await alice.login("demo"))["message"] == "账号或密码错误"
        assert (await alice.login("new word"))["code"] == 0
