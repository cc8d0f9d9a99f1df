"""What is said and answered: stored, assigned, pushed, once."""

from __future__ import annotations

import pytest

from .support import STRICT, Desk, together


async def test_what_is_said_while_nobody_is_there_is_stored(own_desk: Desk) -> None:
    """With ``servicer_id`` 0; the first agent of the shop finds it."""
    async with own_desk.customer() as customer:
        assert (await customer.call("say", message="anybody?"))["code"] == 0
    [row] = own_desk.rows("SELECT * FROM servicer_dialogue")
    assert (row["servicer_id"], row["consumer_say"], row["type"]) == (0, "anybody?", 0)


@pytest.mark.parametrize("servicer_id", ["0", "", "null", "undefined", "999", "-5", "x"])
async def test_an_agent_who_is_not_there_is_replaced(own_desk: Desk, servicer_id: str) -> None:
    """By the one who has the customer, whom the customer is told."""
    async with own_desk.agent("bob"), own_desk.agent("alice") as alice:
        async with own_desk.customer() as customer:
            got = (await customer.bind())["data"]["servicer_id"]
            assert got == alice.uid
            await alice.receive("connect")
            for text in ("one", "two"):
                await customer.call("say", message=text, servicer_id=servicer_id)
                assert (await alice.receive("string"))["message"] == text
                taken = await customer.socket.recv_json()
                assert (taken["type"], taken["servicer_id"]) == ("connect", alice.uid)
                assert taken["data"]["servicer_id"] == alice.uid
            await alice.nothing()


async def test_the_agent_of_another_shop_is_not_reached(own_desk: Desk) -> None:
    """Naming carol, of site 2, in a message to site 1 does not give it to her."""
    async with own_desk.agent("carol") as carol, own_desk.customer() as customer:
        await customer.call("say", message="x", servicer_id=carol.uid, site_id=1)
        await carol.nothing()
    assert own_desk.rows("SELECT servicer_id FROM servicer_dialogue") == [{"servicer_id": 0}]


async def test_all_agents_of_a_customer_get_a_copy(own_desk: Desk) -> None:
    """An agent who answers a customer joins the conversation."""
    async with own_desk.agent("alice") as alice, own_desk.agent("bob") as bob:
        async with own_desk.customer() as customer:
            assert (await customer.bind())["data"]["servicer_id"] == alice.uid
            await alice.receive("connect")
            await bob.call("chat/answer", member_id=customer.member_id, servicer_say="I, too")
            await customer.receive("string")
            await customer.call("say", message="hello both", servicer_id=alice.uid)
            assert (await alice.receive("string"))["message"] == "hello both"
            assert (await bob.receive("string"))["message"] == "hello both"


async def test_an_agent_who_is_gone_is_replaced_by_another(own_desk: Desk) -> None:
    """The message goes to who is there, with a ``connect`` before it."""
    async with own_desk.agent("bob") as bob:
        async with own_desk.agent("alice") as alice, own_desk.customer() as customer:
            await customer.bind()
            await alice.socket.close()
            await own_desk.until(
                lambda: own_desk.rows("SELECT 1 FROM servicer WHERE user_id=1 AND online=0") or None
            )
            await customer.call("say", message="still there?", servicer_id=alice.uid)
            assert (await bob.receive("connect"))["member_id"] == customer.member_id
            assert (await bob.receive("string"))["message"] == "still there?"
            assert (await customer.receive("connect"))["servicer_id"] == bob.uid


async def test_answers_to_who_is_away_are_stored(desk: Desk) -> None:
    """Code 0 and ``会员不在线``, and it is there when the customer comes back."""
    async with desk.agent("alice") as alice:
        sent = await alice.call("chat/answer", member_id=3, servicer_say="later")
        assert (sent["code"], sent["data"], sent["msg"]) == (0, "", "会员不在线")
        async with desk.customer(3) as customer:
            rows = (await customer.call("dialogs"))["data"]["list"]
            assert rows[-1]["servicer_say"] == "later"


@pytest.mark.parametrize(
    ("params", "code", "message"),
    [
        ({}, -2, "不能发送空消息哦！"),
        ({"servicer_say": "<p><br></p>"}, -2, "不能发送空消息哦！"),
        ({"member_id": "", "servicer_say": "x"}, -1, "没有指定会话人员"),
        ({"member_id": "987654", "servicer_say": "x"}, -1, "没有指定会话人员"),
        ({"member_id": "99999999999999999999", "servicer_say": "x"}, -1, "没有指定会话人员"),
        ({"content_type": "9", "servicer_say": "x"}, -10006, "参数错误"),
        ({"content_type": "1", "goods_id": "41"}, -1, "商品不存在"),
        ({"content_type": "2", "order_id": "201"}, -1, "订单不存在"),
    ],
)
async def test_a_bad_answer_is_refused(
    desk: Desk, params: dict[str, str], code: int, message: str
) -> None:
    """In the agents' envelope, with the text under both names. Goods 41 are another shop's, order
    201 is another member's."""
    async with desk.agent("alice") as alice:
        answer = await alice.call("chat/answer", **{"member_id": "1", **params})
        assert (answer["code"], answer["msg"], answer["message"]) == (code, message, message)


@pytest.mark.parametrize(
    ("params", "text"),
    [
        ({}, "不能发送空消息哦！"),
        ({"message": "  "}, "不能发送空消息哦！"),
        ({"message": "<script>alert(1)</script>"}, "不能发送空消息哦！"),
        ({"message": "x", "site_id": "77"}, "没有指定商家"),
        ({"content_type": "1"}, "不能发送空消息哦！"),
    ],
)
async def test_a_bad_say_is_refused(desk: Desk, params: dict[str, str], text: str) -> None:
    """In the customers' envelope, with the text where old clients look for it, too."""
    async with desk.customer() as customer:
        answer = await customer.call("say", **params)
        assert (answer["code"], answer["message"], answer["data"]) == (-1, text, text)


async def test_zero_is_a_message(desk: Desk) -> None:
    """The original took the text "0" for none."""
    async with desk.customer() as customer:
        assert (await customer.call("say", message="0"))["code"] == 0


async def test_goods_and_orders_are_shown_with_what_they_are(own_desk: Desk) -> None:
    """Both ways: frames of their own types, and cards in ``dialogs``."""
    async with own_desk.agent("alice") as alice, own_desk.customer(1) as customer:
        await customer.bind()
        await alice.receive("connect")
        card = {"content_type": 1, "goods_id": 11, "relate_data": '{"promotion_id":"3"}'}
        await customer.call("say", servicer_id=alice.uid, **card)
        goods = await alice.receive("goodssku")
        assert (goods["goods_sku_id"], goods["relate_data"]) == (11, '{"promotion_id":"3"}')
        await alice.call("chat/answer", member_id=1, content_type=2, order_id=101)
        assert (await customer.receive("order"))["order_id"] == 101
        first, second = (await customer.call("dialogs"))["data"]["list"]
        assert (first["goods_sku_id"], first["goods_name"], first["price"]) == (
            11,
            "棉质T恤",
            "59.00",
        )
        assert second["order_no"] == "2026110100000101"
        assert second["order_status_name"] == "待发货"
        assert second["sku_image"]


async def test_a_message_that_is_sent_again_is_stored_once(desk: Desk) -> None:
    """With ``client_msg_id`` the first result is returned, also when both come at once."""
    async with desk.agent("alice") as alice, desk.customer() as customer:
        await customer.bind()
        await alice.receive("connect")
        again = {"message": "once", "client_msg_id": "a-1", "servicer_id": alice.uid}
        answers = await together(*(customer.call("say", **again) for _ in range(4)))
        assert len({answer["data"]["id"] for answer in answers}) == 1
        row = await alice.receive("string")
        receipt = {name: row[name] for name in ("id", "prev_id", "add_time")}
        assert [answer["data"] for answer in answers] == [
            {"read": 0, **receipt, "delivered": True}
        ] * 4
        await alice.nothing()

        reply = {"member_id": customer.member_id, "servicer_say": "x", "client_msg_id": "a-1"}
        one, two = await together(*(alice.call("chat/answer", **reply) for _ in range(2)))
        row = await customer.receive("string")
        assert row["prev_id"] == receipt["id"]
        receipt = {name: row[name] for name in ("id", "prev_id", "add_time")}
        assert one["data"] == two["data"] == {**receipt, "delivered": True}
        assert one["msg"] == two["msg"] == "发送成功"
        await customer.nothing()
        async with desk.customer() as other:
            same = await other.call("say", message="another's", client_msg_id="a-1")
            assert same["data"]["id"] > one["data"]["id"]


async def test_pushes_come_in_the_order_of_their_ids(desk: Desk) -> None:
    """Messages of many requests at once form one chain without a gap."""
    async with desk.agent("alice") as alice, desk.customer() as customer:
        await customer.bind()
        await alice.receive("connect")
        say = (customer.call("say", message=str(i), servicer_id=alice.uid) for i in range(60))
        await together(*say)
        rows = [await alice.receive("string") for _ in range(60)]
        ids = [row["id"] for row in rows]
        assert ids == sorted(ids)
        assert [row["prev_id"] for row in rows] == [0, *ids[:-1]]


async def test_plain_text_is_escaped(desk: Desk) -> None:
    """``format=text`` says that it is no HTML."""
    async with desk.agent("alice") as alice, desk.customer() as customer:
        await customer.call("say", message="1 < 2 & <b>", format="text", servicer_id=alice.uid)
        await alice.receive("connect")
        assert (await alice.receive("string"))["content"] == "<p>1 &lt; 2 &amp; &lt;b&gt;</p>"


async def test_the_addons_own_parameter_names_are_taken(desk: Desk) -> None:
    """Its documentation calls the text ``servicer_say`` and sends a ``member_id`` along."""
    async with desk.agent("alice") as alice, desk.customer() as customer:
        await customer.call("say", servicer_say="hi", member_id=1, servicer_id=alice.uid)
        connect, row = await alice.receive("connect"), await alice.receive("string")
        assert connect["member_id"] == row["member_id"] == customer.member_id
        assert row["consumer_say"] == "hi"
        answer = {"member_id": customer.member_id, "message": "ho", "site_id": 2}
        await alice.call("chat/answer", **answer)
        row = (await customer.call("dialogs"))["data"]["list"][-1]
        assert (row["servicer_say"], row["shop_id"]) == ("ho", 1)


class TestRate:
    """With a low ``servicer.say_rate``."""

    @pytest.fixture
    def settings(self) -> dict[str, object]:
        return dict(STRICT)

    async def test_who_says_too_much_is_refused(self, own_desk: Desk) -> None:
        """And nobody else is."""
        async with own_desk.customer() as loud, own_desk.customer() as other:
            codes = [(await loud.call("say", message=str(i)))["code"] for i in range(5)]
            assert codes == [0, 0, 0, -1, -1]
            assert (await other.call("say", message="hi"))["code"] == 0
