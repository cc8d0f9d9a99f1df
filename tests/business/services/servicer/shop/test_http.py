"""Shops whose back end is asked: what goes over the wire, and all that may come back."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from business.services.servicer.shop import fetch
from business.services.servicer.shop.demo import DemoShop
from business.services.servicer.shop.errors import BadAnswer, ShopDown
from business.services.servicer.shop.http import HttpShop
from business.services.servicer.shop.interface import GoodsFilter, OrderFilter, Site, Slice
from business.services.servicer.shop.opening import make_shop
from shared.settings import Shop as ShopSettings
from tests.support.niushop import DATA
from tests.support.timing import eventually, within

from .servers import KEY, BackEnd, back_end, raw_server, silent_server

DEMO = DemoShop()
TEN = Slice(0, 10)


@pytest_asyncio.fixture
async def end() -> AsyncIterator[BackEnd]:
    """A back end that answers as the test says."""
    async with back_end() as made:
        yield made


@pytest_asyncio.fixture
async def shop(end: BackEnd) -> AsyncIterator[HttpShop]:
    """The bare shop that asks it."""
    made = HttpShop(end.url, KEY)
    yield made
    await made.close()


async def test_requests(end: BackEnd, shop: HttpShop) -> None:
    """Paths, queries and the key."""
    end.value = {"count": 0, "list": []}
    wanted = OrderFilter(status=0, refunding=True, order_no="1&2", order_name="耳 机")
    await shop.members([2, 1])
    await shop.skus([11])
    await shop.orders([101, 5])
    await shop.goods(1, GoodsFilter("a/b", 1, 2), Slice(20, 10))
    await shop.goods(1, GoodsFilter(), TEN)
    await shop.browsed(1, 5, "x", TEN)
    await shop.bought(1, 5, "", TEN)
    await shop.orders_of(2, 5, wanted, TEN)
    end.value = {"site_id": 7, "site_name": "Seven"}
    assert await shop.site(7) == Site(7, "Seven", "")
    assert [path for _, path, _, _ in end.requests] == [
        "/kefu/members?ids=1,2",
        "/kefu/skus?ids=11",
        "/kefu/orders?ids=5,101",
        "/kefu/sites/1/goods?page=3&page_size=10&search_text=a/b&goods_state=1&goods_class=2",
        "/kefu/sites/1/goods?page=1&page_size=10",
        "/kefu/sites/1/members/5/browsed?page=1&page_size=10&search_text=x",
        "/kefu/sites/1/members/5/bought?page=1&page_size=10",
        "/kefu/sites/2/members/5/orders?page=1&page_size=10&order_status=0&refunding=1"
        "&order_no=1%262&order_name=%E8%80%B3+%E6%9C%BA",
        "/kefu/sites/7",
    ]
    assert {(method, h["Authorization"]) for method, _, h, _ in end.requests} == {
        ("GET", f"Bearer {KEY}")
    }


async def test_what_is_left_out_and_what_is_written_otherwise(end: BackEnd, shop: HttpShop) -> None:
    """Numbers may be texts and texts numbers, null is nothing, unknown fields are ignored."""
    end.value = {"list": [{"member_id": "5", "nickname": 7, "headimg": None, "balance": 1.5,
                           "login_type": "weapp", "password": "x"}]}  # fmt: skip
    member = (await shop.members([5]))[5]
    assert (member.nickname, member.headimg, member.balance) == ("7", "", "1.50")
    assert member.login_type_name == "微信小程序"
    end.value = {"list": [{"sku_id": 1, "goods_id": 2, "site_id": "1", "sku_name": "Cup red",
                           "price": "9", "stock": "3.000", "goods_name": "Mug"}]}  # fmt: skip
    sku = (await shop.skus([1]))[1]
    assert (sku.price, sku.stock, sku.goods_name, sku.goods_state) == ("9.00", 3, "Cup red", 1)
    line = {"sku_id": 1, "sku_name": "Cup red", "price": 9, "num": 2}
    order = {"order_id": 1, "order_no": 77, "site_id": 1, "member_id": 5, "order_status": 1}
    end.value = {"list": [{**order, "order_money": 18, "order_goods": [line]}]}
    found = (await shop.orders([1]))[1]
    assert (found.order_no, found.order_goods[0].goods_money) == ("77", "18.00")
    assert (found.order_goods[0].goods_name, found.create_time) == ("Cup red", 0)
    end.value = {"site_id": 1, "site_name": "a\ud800b\0"}
    site = await shop.site(1)
    assert site is not None
    assert site.site_name == "a?b"


async def test_what_was_not_asked_for_is_not_taken(end: BackEnd, shop: HttpShop) -> None:
    """A back end that ignores a part of the request shows nobody another's orders."""
    end.value = {"count": 5, "list": DATA["orders"]}
    assert set(await shop.orders([101])) == {101}
    orders, _ = await shop.orders_of(1, 1, OrderFilter(), TEN)
    assert {order.order_id for order in orders} == {101, 102}
    assert len((await shop.orders_of(1, 1, OrderFilter(), Slice(0, 1)))[0]) == 1
    end.value = {"count": 4, "list": DATA["goods"]}
    assert {one.site_id for one in (await shop.goods(2, GoodsFilter(), TEN))[0]} == {2}
    end.value = {"list": DATA["members"]}
    assert set(await shop.members([2])) == {2}
    end.value = {"site_id": 2, "site_name": "Two"}
    with pytest.raises(BadAnswer, match="is 2"):
        await shop.site(1)


SKU = DATA["skus"][0]


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (b"", "no JSON"),
        (b"<html>Warning: mysql_connect()", "begins with '<html>Warning"),
        (b"\xff\xfe", "no JSON"),
        (b"[" * 100_000, "no JSON"),
        (b"\xef\xbb\xbfnull", "the answer is null"),
        ([], "object with a list"),
        ({"code": 0, "data": []}, "object with a list"),
        ({"list": {}}, "object with a list"),
        ({"list": [None]}, "list.0: should be an object"),
        ({"list": [{**SKU, "sku_id": None}]}, "list.0.sku_id: is missing"),
        ({"list": [{**SKU, "sku_id": "x"}]}, "list.0.sku_id: should be a number"),
        ({"list": [{**SKU, "sku_id": 10**30}]}, "should be a number"),
        ({"list": [{**SKU, "stock": [1]}]}, "list.0.stock: should be a number"),
        ({"list": [SKU, {**SKU, "price": "free"}]}, "list.1.price: should be an amount"),
        ({"list": [{**SKU, "price": "NaN"}]}, "should be an amount"),
        ({"list": [{**SKU, "price": "Infinity"}]}, "should be an amount"),
        ({"list": [{**SKU, "price": True}]}, "should be an amount"),
        ({"list": [{**SKU, "sku_name": {"zh": "杯"}}]}, "list.0.sku_name: should be a text"),
    ],
)
async def test_answers_that_cannot_be_used(
    end: BackEnd, shop: HttpShop, value: Any, says: str
) -> None:
    """Are errors that say where and what is wrong."""
    end.value = value
    with pytest.raises(BadAnswer, match=f"/skus.*{says}"):
        await shop.skus([11])


@pytest.mark.parametrize("lines", [None, [], {}, "x", [1]])
async def test_orders_without_lines(end: BackEnd, shop: HttpShop, lines: Any) -> None:
    """Cannot be shown."""
    end.value = {"list": [{**DATA["orders"][0], "order_goods": lines}]}
    with pytest.raises(BadAnswer, match=r"list\.0\.order_goods"):
        await shop.orders([101])


@pytest.mark.parametrize("count", [None, "x", -1, []])
async def test_pages_without_a_count(end: BackEnd, shop: HttpShop, count: Any) -> None:
    """Likewise."""
    end.value = {"list": [], "count": count}
    with pytest.raises(BadAnswer, match="count"):
        await shop.goods(1, GoodsFilter(), TEN)


@pytest.mark.parametrize(
    ("status", "error", "says"),
    [
        (401, BadAnswer, "does not take shop.key"),
        (403, BadAnswer, "does not take shop.key"),
        (302, BadAnswer, "status 302"),
        (404, BadAnswer, "status 404"),
        (500, ShopDown, "status 500"),
        (503, ShopDown, "status 503"),
    ],
)
async def test_status_codes(
    end: BackEnd, shop: HttpShop, status: int, error: type[Exception], says: str
) -> None:
    """404 is an answer for a site only; nobody follows a redirection with the key."""
    end.status, end.value = status, {"list": []}
    end.headers = {"Location": f"{end.url}/elsewhere"}
    with pytest.raises(error, match=f"/skus.*{says}") as caught:
        await shop.skus([11])
    assert type(caught.value) is error
    assert len(end.requests) == 1
    if status == 404:
        assert await shop.site(1) is None
    else:
        with pytest.raises(error):
            await shop.site(1)


@pytest.mark.parametrize("says_so", [True, False])
async def test_huge_answers(says_so: bool) -> None:
    """Are not read to their end, whether they say how long they are or not."""
    start = b"HTTP/1.1 200 OK\r\n"
    start += b"Content-Length: 99999999999\r\n\r\n" if says_so else b"\r\n"
    async with raw_server([start + b" " * (fetch.MAX_ANSWER + 1)]) as (port, _):
        huge = HttpShop(f"http://127.0.0.1:{port}", KEY)
        with pytest.raises(BadAnswer, match="more than"):
            await within(huge.skus([11]))
        await huge.close()


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000 + b"\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ],
)
async def test_answers_that_are_no_http(answer: bytes) -> None:
    """Or end in the middle: the shop is down."""
    async with raw_server([answer] * 3) as (port, _):
        shop = HttpShop(f"http://127.0.0.1:{port}", KEY)
        with pytest.raises(ShopDown):
            await within(shop.skus([11]))
        await shop.close()


async def test_a_connection_that_the_back_end_has_closed() -> None:
    """Is no error: the request is sent once more, over a new one."""
    good = json.dumps({"list": [SKU]}).encode()
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(good)}\r\n\r\n".encode()
    async with raw_server([head + good, head + good]) as (port, came):
        shop = HttpShop(f"http://127.0.0.1:{port}", KEY)
        for _ in range(2):
            assert set(await within(shop.skus([11]))) == {11}
        assert len(came) == 2
        await shop.close()


async def test_a_back_end_that_never_answers() -> None:
    """Is not waited for for longer than the setting says, and after a few tries not at all."""
    async with silent_server() as port:
        settings = ShopSettings(url=f"http://127.0.0.1:{port}", key=KEY, timeout=0.2, cache=0)
        shop = make_shop(settings)
        await shop.open()

        async def ask() -> None:
            for _ in range(100):
                with pytest.raises(ShopDown):
                    await shop.skus([11])
                assert await shop.members([1]) == {}

        await within(ask())
        await shop.close()


async def test_a_back_end_that_is_not_there(unused_tcp_port: int) -> None:
    """Names fall back, the rest is refused; then it comes and answers."""
    settings = ShopSettings(url=f"http://127.0.0.1:{unused_tcp_port}/kefu", key=KEY)
    shop = make_shop(settings)
    await shop.open()
    assert await shop.site(1) is None
    with pytest.raises(ShopDown, match="sites"):
        await shop.find_site(1)
    with pytest.raises(ShopDown):
        await shop.orders_of(1, 1, OrderFilter(), TEN)
    await shop.close()


async def test_many_at_once(end: BackEnd, shop: HttpShop) -> None:
    """Wait for one of a few connections."""
    end.value = {"list": [SKU]}
    end.gate.clear()
    asked = [asyncio.create_task(shop.skus([11])) for _ in range(3 * fetch.CONNECTIONS)]
    await eventually(lambda: len(end.requests) == fetch.CONNECTIONS)
    end.gate.set()
    assert all(set(found) == {11} for found in await within(asyncio.gather(*asked)))


async def test_the_example_has_a_key(examples: dict[str, str]) -> None:
    """Who does not have it gets nothing, of either language."""
    for language in ("python", "php"):
        shop = HttpShop(examples[language], "another key, of 32 characters or more")
        with pytest.raises(BadAnswer, match=r"does not take shop\.key"):
            await shop.site(1)
        await shop.close()
