"""The whole service beside a shop that is asked over HTTP, and that is not always there."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.support.stack import CommandFailed, Stack
from tests.support.timing import eventually, within

from .shop.servers import KEY, Example
from .support import SETTINGS, Desk

TOKEN = "NxQ3/example+token=="
NOT_NOW = "商城系统暂时无法访问，请稍后再试"

sites = itertools.count(50)


@pytest.fixture(scope="module")
def example() -> Iterator[Example]:
    """The shop's back end."""
    with Example("python") as made:
        yield made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stack(tmp_path_factory: pytest.TempPathFactory, example: Example) -> AsyncIterator[Stack]:
    """A stack that asks it."""
    settings = {
        **SETTINGS,
        "servicer.disconnect_delay": 3600,
        "shop.url": example.url,
        "shop.key": KEY,
        "shop.cache": 0,
        "servicer.token_url": f"{example.url}/token",
        "servicer.token_cache": 0,
    }
    async with Stack(tmp_path_factory.mktemp("shop"), settings=settings) as made:
        yield made


@pytest_asyncio.fixture
async def desk(stack: Stack, example: Example) -> AsyncIterator[Desk]:
    """Everything runs."""
    async with Desk(stack) as desk:
        yield desk
        if not example.is_running:
            example.start()
            await within(answering(desk))


async def answering(desk: Desk) -> None:
    """Ask for what nobody can know until the shop answers."""
    while (await desk.get("/api/shop/info", site_id=next(sites)))[1]["message"] == NOT_NOW:
        pass


async def test_a_customer_with_the_shops_own_token(desk: Desk) -> None:
    """Chats; the agent sees the name, the goods and the orders of the shop."""
    async with desk.agent("alice") as alice, desk.customer(1) as customer:
        customer.token = TOKEN
        assert (await customer.bind())["code"] == 0
        arrived = await alice.receive("connect")
        assert (arrived["member_id"], arrived["nickname"]) == (1, "张三")
        answer = await customer.call("say", content_type=1, goods_id=11)
        assert answer["code"] == 0
        assert (await alice.receive("goodssku"))["goods_sku_id"] == 11
        [shown] = (await customer.call("dialogs"))["data"]["list"]
        assert (shown["sku_name"], shown["shop_name"]) == ("棉质T恤 白色 M", "Demo Store")
        orders = (await alice.call("order/lists", member_id=1))["data"]
        assert [order["order_id"] for order in orders["list"]] == [102, 101]
        assert (await customer.call("orderDetail", order_id=201))["message"] == "订单不存在"
        status, answer = await desk.get("/api/member/info", token=TOKEN)
        assert (status, answer["data"]["nickname"]) == (200, "张三")
        for wrong in ("nonsense", TOKEN[:-1]):
            refused = await desk.customer_call("siteInfo", {"token": wrong})
            assert (refused["code"], refused["error_code"]) == (-10009, "TOKEN_ERROR")


async def test_the_chat_goes_on_without_the_shop(desk: Desk, example: Example) -> None:
    """Names are those that were stored; what only the shop knows is refused clearly, with a line
    in the log per minute, not per request."""
    async with desk.agent("alice") as alice, desk.customer(2) as customer:
        await customer.call("say", message="before")
        await customer.call("say", content_type=1, goods_id=21)
        await customer.call("say", content_type=2, order_id=201)
        for kind in ("connect", "string", "goodssku", "order"):
            await alice.receive(kind)
        example.stop()
        log = desk.stack.business.log
        start = len(log.read_bytes())

        assert (await customer.bind())["code"] == 0
        assert (await alice.receive("connect"))["nickname"] == "李四"
        said = await customer.call("say", message="while it is down")
        assert (said["code"], said["message"]) == (0, "操作成功")
        await alice.receive("string")
        answered = await alice.call("chat/answer", member_id=2, servicer_say="yes")
        assert (answered["code"], answered["msg"]) == (0, "发送成功")

        shown = (await customer.call("dialogs", limit=10))["data"]["list"][-5:]
        assert [row["content_type"] for row in shown] == [0, 1, 2, 0, 0]
        assert shown[1]["sku_name"] == "保温杯 350ml"  # the last that is known
        assert (shown[2]["order_id"], shown[2]["order_no"]) == (201, None)
        assert (await customer.call("siteInfo"))["data"]["data"]["site_name"] == "Demo Store"

        listed = (await alice.call("index/memberList"))["data"]
        row = next(r for r in listed["member_list"]["list"] if r["member_id"] == 2)
        assert (row["member_name"], row["content"]) == ("李四", "yes")
        assert (await alice.call("member/info", member_id=2))["data"]["nickname"] == "李四"
        assert (await alice.call("message/lists", member_id=2))["data"]["count"] >= 5

        for path, params in (
            ("goods/lists", {}),
            ("goods/detail", {"sku_id": 41}),
            ("goods/memberGoodsBrowse", {"member_id": 2}),
            ("order/lists", {"member_id": 2}),
            ("order/detail", {"order_id": 201}),
            ("order/memberOrderGoodsList", {"member_id": 2}),
        ):
            refused = await alice.call(path, **params)
            assert (refused["code"], refused["message"], refused["msg"]) == (-1, *[NOT_NOW] * 2)
        for action, params in (
            ("orderDetail", {"order_id": 201}),
            ("goodSkuDetial", {"sku_id": 42}),
            ("say", {"content_type": 2, "order_id": 201}),
            ("siteInfo", {"site_id": next(sites)}),
        ):
            refused = await customer.call(action, **params)
            assert (refused["code"], refused["message"]) == (-1, NOT_NOW)
        for _ in range(10):
            refused = await desk.customer_call("siteInfo", {"token": TOKEN})
            assert (refused["code"], "error_code" in refused) == (-1, False)
            assert refused["message"] == "商城系统暂时无法验证登录状态，请稍后再试"

        lines = log.read_text(encoding="utf-8")[start:].splitlines()
        assert 1 <= sum("the shop cannot be reached" in line for line in lines) <= 2
        assert sum("token_url cannot be reached" in line for line in lines) == 1
        assert not any("Traceback" in line or TOKEN in line for line in lines)


async def test_a_member_of_whom_only_the_store_knows(desk: Desk, example: Example) -> None:
    """Keeps the name; one of whom nobody knows gets a number, until the shop is back."""
    async with desk.customer(3) as known, desk.customer() as unknown:
        await known.call("say", message="before")
        example.stop()
        await known.call("say", message="after")
        await unknown.call("say", message="hello")
    query = "SELECT member_name FROM servicer_conversation WHERE member_id = ?"
    assert desk.rows(query, 3) == [{"member_name": "王五"}]
    name = f"会员{unknown.member_id}"
    assert desk.rows(query, unknown.member_id) == [{"member_name": name}]


async def test_a_shop_that_comes_back(desk: Desk, example: Example) -> None:
    """Is asked again by itself."""
    example.stop()
    for _ in range(5):
        assert (await desk.get("/api/shop/info", site_id=next(sites)))[1]["message"] == NOT_NOW
    example.start()
    await within(answering(desk))
    log = desk.stack.business.log
    await eventually(lambda: "the shop answers again" in log.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("name", "value", "line"),
    [
        ("shop.url", "sqlite+aiosqlite:///{}/empty.db", "has no table ns_site"),
        ("servicer.token_url", "shop.example", "servicer.token_url: is no http"),
    ],
)
async def test_settings_that_cannot_be_used(
    tmp_path: Path, name: str, value: str, line: str
) -> None:
    """End the start with a line and exit code 3."""
    (tmp_path / "empty.db").touch()
    settings = {**SETTINGS, name: value.format(tmp_path)}
    async with Stack(tmp_path, settings=settings).nothing_started() as stack:
        with pytest.raises(CommandFailed) as caught:
            await stack.start_business()
    assert line in caught.value.line
    assert caught.value.code == 3
