"""What every shop answers, whether made up, in a database, or behind a back end."""

from __future__ import annotations

import pytest

from business.services.servicer.shop.demo import DemoShop
from business.services.servicer.shop.interface import (
    GoodsFilter,
    OrderFilter,
    Shop,
    Slice,
)

DEMO = DemoShop()
ALL = Slice(0, 100)

pytestmark = pytest.mark.usefixtures("shop")


async def test_sites(shop: Shop) -> None:
    """By id; None where there is none, of whatever id."""
    for site_id in (1, 2, 3, 0, -1, 2**31 - 1):
        assert await shop.site(site_id) == await DEMO.site(site_id)


async def test_members(shop: Shop) -> None:
    """Those that exist, with all that is known of them."""
    assert await shop.member(1) == await DEMO.member(1)
    assert await shop.member(9) is None
    wanted = [1, 3, 9, 0, -1, 2**31 - 1, 3]
    assert await shop.members(wanted) == await DEMO.members([1, 3])
    assert await shop.members([]) == {}


async def test_skus(shop: Shop) -> None:
    """Likewise."""
    assert await shop.skus([11, 42, 5]) == await DEMO.skus([11, 42])
    assert await shop.skus(range(1, 250)) == await DEMO.skus(range(1, 250))


async def test_orders(shop: Shop) -> None:
    """Likewise, with their lines."""
    assert await shop.orders([101, 201, 5]) == await DEMO.orders([101, 201])


@pytest.mark.parametrize(
    "wanted",
    [
        GoodsFilter(),
        GoodsFilter("t恤"),
        GoodsFilter("T恤", state=1, kind=1),
        GoodsFilter(state=0),
        GoodsFilter(kind=2),
        GoodsFilter("%"),
        GoodsFilter("_"),
        GoodsFilter("' OR 1=1 --"),
        GoodsFilter("a&page_size=100#/\\"),
    ],
)
@pytest.mark.parametrize("site_id", [1, 2, 3])
async def test_goods(shop: Shop, site_id: int, wanted: GoodsFilter) -> None:
    """Of one site, by part of the name, which is taken as it is, by state and by kind."""
    assert await shop.goods(site_id, wanted, ALL) == await DEMO.goods(site_id, wanted, ALL)


async def test_pages(shop: Shop) -> None:
    """Every row is on one page, the count is on all, and past the last there is nothing."""
    rows = (await DEMO.goods(1, GoodsFilter(), ALL))[0]
    for offset in (0, 1, 2, 3, 10, 100 * (2**31 - 2)):
        page = await shop.goods(1, GoodsFilter(), Slice(offset, 1))
        assert page == (rows[offset : offset + 1], 3)
    for part in (Slice(0, 2), Slice(2, 2)):
        wanted = OrderFilter()
        assert await shop.orders_of(1, 1, wanted, part) == await DEMO.orders_of(1, 1, wanted, part)
        assert await shop.browsed(1, 1, "", part) == await DEMO.browsed(1, 1, "", part)
        assert await shop.bought(1, 1, "", part) == await DEMO.bought(1, 1, "", part)


@pytest.mark.parametrize("text", ["", "耳机", "白色 m", "%", "x"])
@pytest.mark.parametrize("member_id", [1, 2, 3, 9])
async def test_what_a_member_has_seen_and_bought(shop: Shop, member_id: int, text: str) -> None:
    """In one site; what is not paid is not bought."""
    for site_id in (1, 2):
        for ask, known in ((shop.browsed, DEMO.browsed), (shop.bought, DEMO.bought)):
            found = await ask(site_id, member_id, text, ALL)
            assert found == await known(site_id, member_id, text, ALL)
    assert await shop.bought(2, 1, "", ALL) == ([], 0)


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (OrderFilter(), [102, 101]),
        (OrderFilter(status=1), [101]),
        (OrderFilter(status=0), []),
        (OrderFilter(refunding=True), []),
        (OrderFilter(order_no="0102"), [102]),
        (OrderFilter(order_name="保温杯"), [101]),
        (OrderFilter(order_name="_"), []),
        (OrderFilter(status=1, order_no="0102"), []),
    ],
)
async def test_orders_of_a_member(shop: Shop, wanted: OrderFilter, found: list[int]) -> None:
    """In one site, by state, number and name."""
    orders, count = await shop.orders_of(1, 1, wanted, ALL)
    assert ([order.order_id for order in orders], count) == (found, len(found))
    assert {order.order_id: order for order in orders} == await DEMO.orders(found)


async def test_orders_that_are_being_refunded(shop: Shop) -> None:
    """And the unpaid one of another site."""
    refunding = OrderFilter(refunding=True)
    assert [o.order_id for o in (await shop.orders_of(1, 2, refunding, ALL))[0]] == [201]
    unpaid = OrderFilter(status=0)
    assert [o.order_id for o in (await shop.orders_of(2, 1, unpaid, ALL))[0]] == [103]
