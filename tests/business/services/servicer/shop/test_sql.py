"""Shops whose database is read: editions, what is missing, servers that do not answer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text, update
from sqlalchemy.engine import make_url

from business.services.servicer.shop.demo import DemoShop
from business.services.servicer.shop.errors import BadAnswer, ShopDown
from business.services.servicer.shop.interface import GoodsFilter, OrderFilter, Shop, Site, Slice
from business.services.servicer.shop.opening import make_shop
from business.services.servicer.shop.sql import SqlShop
from shared.errors import SettingsError
from shared.settings import Shop as ShopSettings
from tests.support import niushop
from tests.support.databases import KINDS, Installation, Servers, installation
from tests.support.timing import TIMEOUT, within

from .servers import silent_server

SERVERS = KINDS[1:]
DEMO = DemoShop()
ALL = Slice(0, 100)


@pytest.fixture(params=KINDS)
async def url(request: pytest.FixtureRequest, tmp_path: Path, database_servers: Servers) -> str:
    """An empty database of each kind."""
    return await database_servers.database(request.param, tmp_path)


@pytest.fixture(params=SERVERS)
def own(request: pytest.FixtureRequest) -> Iterator[Installation]:
    """A server that a test may end."""
    with installation(request.param) as made:
        yield made


@asynccontextmanager
async def opened(url: str, prefix: str = "ns_", timeout: float = TIMEOUT) -> AsyncIterator[SqlShop]:
    """The bare shop over a database."""
    shop = SqlShop(make_url(url), prefix, timeout)
    try:
        await shop.open()
        yield shop
    finally:
        await shop.close()


async def test_the_edition_for_several_merchants(url: str) -> None:
    """Has the names of sites elsewhere; other prefixes do."""
    await niushop.fill(url, niushop.MULTI, "shop2_")
    sites = niushop.tables(niushop.MULTI, "shop2_")["site"]
    await niushop.execute(url, sites.insert().values(site_id=3, site_type="supply"))
    async with opened(url, "shop2_") as shop:
        for site_id in (1, 2, 3):
            assert await shop.site(site_id) == await DEMO.site(site_id)
        assert await shop.orders([101, 201]) == await DEMO.orders([101, 201])


async def test_a_database_with_little_in_it(url: str) -> None:
    """What is not there is shown as nothing; what filters by it finds nothing."""
    await niushop.fill(url, niushop.POOR, "")
    async with opened(url, "") as shop:
        assert await shop.site(1) == Site(1, "Demo Store", "")
        member = await shop.member(1)
        assert member is not None
        assert (member.nickname, member.balance, member.login_type_name) == ("", "0.00", "")
        sku = (await shop.skus([11]))[11]
        assert (sku.sku_name, sku.goods_name, sku.price) == ("棉质T恤 白色 M",) * 2 + ("59.00",)
        assert (sku.goods_state, sku.stock) == (1, 0)
        order = (await shop.orders([101]))[101]
        assert (order.order_money, order.goods_money, order.nickname) == ("215.00", "215.00", "")
        assert [(line.num, line.goods_money) for line in order.order_goods] == [
            (2, "118.00"), (1, "89.00"),
        ]  # fmt: skip
        assert (await shop.goods(1, GoodsFilter(), ALL))[1] == 3
        assert (await shop.goods(1, GoodsFilter(state=1), ALL)) == ([], 0)
        assert await shop.browsed(1, 1, "", ALL) == ([], 0)
        assert (await shop.bought(1, 1, "", ALL))[1] == 3
        assert (await shop.orders_of(1, 2, OrderFilter(refunding=True), ALL)) == ([], 0)
        assert (await shop.orders_of(1, 1, OrderFilter(order_name="保温杯"), ALL))[1] == 1


async def test_what_shops_do_with_their_rows(url: str) -> None:
    """Deleted goods are off sale, deleted orders in no list; nulls, cut names and lost lines."""
    await niushop.fill(url)
    made = niushop.tables(niushop.SINGLE, "ns_")
    goods, skus, orders = made["goods"], made["goods_sku"], made["order"]
    lines, members = made["order_goods"], made["member"]
    await niushop.execute(
        url,
        update(goods).where(goods.c.goods_id == 3).values(is_delete=1),
        update(skus).where(skus.c.sku_id == 31).values(is_delete=1, stock=None, sku_image=None),
        update(orders).where(orders.c.order_id == 101).values(is_delete=1, name="收件人"),
        update(members).where(members.c.member_id == 1).values(nickname=None, headimg=None),
        update(lines).where(lines.c.order_id == 101).values(sku_name="棉质", gift_flag=1),
        lines.delete().where(lines.c.order_id == 102),
        update(lines).where(lines.c.order_id == 201).values(refund_status=3),
        update(skus).where(skus.c.sku_id == 12).values(stock="1.500", price="1234567.80"),
    )
    async with opened(url) as shop:
        assert [g.goods_id for g in (await shop.goods(1, GoodsFilter(), ALL))[0]] == [2, 1]
        sku = (await shop.skus([31]))[31]
        assert (sku.goods_state, sku.stock, sku.sku_image) == (0, 0, "")
        assert [o.order_id for o in (await shop.orders_of(1, 1, OrderFilter(), ALL))[0]] == [102]
        found = await shop.orders([101, 102])
        assert (found[101].nickname, found[101].order_goods[0].is_present) == ("收件人", 1)
        assert found[101].order_goods[0].goods_name == "棉质"
        [line] = found[102].order_goods
        assert (line.sku_name, line.goods_money) == ("蓝牙耳机 白色", found[102].order_money)
        assert (await shop.orders_of(1, 2, OrderFilter(refunding=True), ALL))[1] == 0
        sku = (await shop.skus([12]))[12]
        assert (sku.stock, sku.price) == (1, "1234567.80")


async def test_nothing_is_written(url: str) -> None:
    """The connection itself refuses."""
    await niushop.fill(url)
    async with opened(url) as shop:
        async with shop._engine.connect() as connection:
            with pytest.raises(Exception, match=r"(?i)read.?only"):
                await connection.execute(text("UPDATE ns_member SET nickname = 'x'"))


@pytest.mark.parametrize(
    ("edition", "prefix", "says"),
    [
        (niushop.SINGLE, "other_", "has no table other_site"),
        ({**niushop.SINGLE, "goods_sku": "sku_id price"}, "ns_", "ns_goods_sku has no column"),
        ({**niushop.SINGLE, "site": "site_id"}, "ns_", "ns_site has no column site_name"),
    ],
)
async def test_what_is_no_shop(
    url: str, edition: Mapping[str, str], prefix: str, says: str
) -> None:
    """Is refused in one line that names the settings and what is missing, and no password."""
    await niushop.fill(url, edition)
    with pytest.raises(SettingsError, match=r"^shop\.url = ") as caught:
        async with opened(url, prefix):
            pass
    line = str(caught.value)
    assert says in line
    assert f"shop.prefix = {prefix!r}" in line
    assert "\n" not in line


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("sqlite+aiosqlite:////nowhere/shop.db", "names no file"),
        ("sqlite+aiosqlite://", "names no database"),
        ("mysql+pymysql://user:hidden@127.0.0.1/shop", "is not supported"),
        ("ftp://user:hidden@127.0.0.1/shop", "is not supported"),
        ("nonsense", "is no URL"),
        ("http://", "is no http"),
        ("https://user:hidden@shop.example/kefu", "has a user"),
        ("https://shop.example/kefu?site=1", "has a query"),
        ("http://shop.example:99999", "is no http"),
    ],
)
def test_urls_that_cannot_be_used(url: str, says: str) -> None:
    """Are refused at once, in a line without the password."""
    with pytest.raises(SettingsError, match=rf"^shop\.url.*{says}") as caught:
        make_shop(ShopSettings(url=url, key="x" * 32))
    assert "hidden" not in str(caught.value)


@pytest.mark.parametrize("key", ["", "x" * 31, "ü" * 40, "x" * 40 + "\n"])
def test_keys_that_cannot_be_used(key: str) -> None:
    """Likewise, and not shown."""
    with pytest.raises(SettingsError, match=r"^shop\.key: ") as caught:
        make_shop(ShopSettings(url="https://shop.example/kefu", key=key))
    assert "x" * 31 not in str(caught.value)


@pytest.mark.parametrize("kind", SERVERS)
async def test_a_server_that_does_not_let_us_in(
    kind: str, tmp_path: Path, database_servers: Servers
) -> None:
    """Is no shop that may come later: the start ends with a line."""
    url = make_url(await database_servers.database(kind, tmp_path))
    for wrong in (url.set(username="stranger", password="hidden"), url.set(database="nowhere")):
        with pytest.raises(SettingsError, match=r"^shop\.url.*does not let us in") as caught:
            async with opened(wrong.render_as_string(hide_password=False)):
                pass
        assert "hidden" not in str(caught.value)


async def test_a_server_that_goes_away_and_comes_back(own: Installation) -> None:
    """Is down meanwhile, also at the start, and then answers by itself."""
    server = own.start()
    try:
        url = await server.create("shop")
        await niushop.fill(url)
        server.stop()
        shop = make_shop(ShopSettings(url=url, timeout=0.5, cache=0))
        await within(shop.open())
        with pytest.raises(ShopDown):
            await shop.skus([11])
        server = own.start()
        assert await within(_again(shop, 11)) == await DEMO.skus([11])
        server.stop()
        with pytest.raises(ShopDown):
            await shop.skus([12])
        assert await shop.skus([11]) == await DEMO.skus([11])  # the last that is known
        server = own.start()
        assert await within(_again(shop, 12)) == await DEMO.skus([12])
        await within(shop.close())
    finally:
        server.stop()


@pytest.mark.parametrize("driver", ["mysql+asyncmy", "postgresql+asyncpg"])
async def test_a_server_that_hangs(driver: str) -> None:
    """Is not waited for for longer than the setting says, and after a few tries not at all."""
    async with silent_server() as port:
        url = f"{driver}://kefu:x@127.0.0.1:{port}/shop"
        shop = make_shop(ShopSettings(url=url, timeout=0.2, cache=0))
        await within(shop.open())
        started = time.monotonic()
        for _ in range(100):
            with pytest.raises(ShopDown):
                await shop.skus([11])
            assert await shop.site(1) is None
        assert time.monotonic() - started < TIMEOUT
        await within(shop.close())


async def test_a_connection_that_hangs(database_servers: Servers) -> None:
    """Is given up, and later ones answer."""
    server = database_servers.get("mysql")
    url = await server.create("hanging_shop")
    await niushop.fill(url)
    shop = make_shop(ShopSettings(url=url, timeout=0.5, cache=0))
    await within(shop.open())
    assert await shop.skus([11]) == await DEMO.skus([11])
    server.pause()
    try:
        for _ in range(4):
            with pytest.raises(ShopDown):
                await within(shop.skus([12]))
    finally:
        server.resume()
    assert await within(_again(shop, 12)) == await DEMO.skus([12])
    await within(shop.close())


async def _again(shop: Shop, sku_id: int) -> Any:
    while True:
        try:
            return await shop.skus([sku_id])
        except ShopDown:
            await asyncio.sleep(0.05)


async def test_a_slow_query_is_ended(own: Installation) -> None:
    """By the server too, which would else go on with it for nobody."""
    server = own.start()
    try:
        url = await server.create("shop")
        await niushop.fill(url)
        sleep = "pg_sleep(30)" if "postgresql" in url else "SLEEP(30)"
        async with opened(url, timeout=1.0) as shop:
            with pytest.raises((ShopDown, BadAnswer)):
                await within(shop._read(lambda c, _: c.execute(text(f"SELECT {sleep}"))))
            async with asyncio.timeout(TIMEOUT):
                assert await shop.skus([11]) == await DEMO.skus([11])
    finally:
        server.stop()


async def test_a_table_that_is_lost_later(tmp_path: Path, database_servers: Servers) -> None:
    """Is a fault of the shop, and other tables are still read."""
    url = await database_servers.database("sqlite", tmp_path)
    await niushop.fill(url)
    async with opened(url) as shop:
        await niushop.execute(url, text("DROP TABLE ns_goods"))
        with pytest.raises(BadAnswer):
            await shop.goods(1, GoodsFilter(), ALL)
        assert await shop.skus([11]) == await DEMO.skus([11])
