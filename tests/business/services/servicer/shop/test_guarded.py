"""What stands between the chat and a shop: the memory, and what happens while the shop is down."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Mapping

import pytest

from business.services.servicer.shop import guarded
from business.services.servicer.shop.breaker import FAILURES, LOG_PERIOD, PAUSE, Breaker
from business.services.servicer.shop.demo import DemoShop
from business.services.servicer.shop.errors import BadAnswer, ShopDown
from business.services.servicer.shop.guarded import STALE, GuardedShop
from business.services.servicer.shop.interface import (
    MOST,
    GoodsFilter,
    Member,
    Order,
    OrderFilter,
    Site,
    Sku,
    Slice,
)
from tests.support.timing import within

DEMO = DemoShop()


class Clock:
    """Seconds."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class CountedShop(DemoShop):
    """The demo shop, which counts what is asked and may be down."""

    def __init__(self) -> None:
        self.asked: list[list[int]] = []
        self.error: Exception | None = None

    def _ask(self, ids: Collection[int]) -> None:
        self.asked.append(sorted(ids))
        if self.error is not None:
            raise self.error

    async def site(self, site_id: int) -> Site | None:
        self._ask([site_id])
        return await super().site(site_id)

    async def members(self, member_ids: Collection[int]) -> Mapping[int, Member]:
        self._ask(member_ids)
        return await super().members(member_ids)

    async def skus(self, sku_ids: Collection[int]) -> Mapping[int, Sku]:
        self._ask(sku_ids)
        return await super().skus(sku_ids)

    async def orders(self, order_ids: Collection[int]) -> Mapping[int, Order]:
        self._ask(order_ids)
        return await super().orders(order_ids)


@pytest.fixture
def clock() -> Clock:
    """Time, which the test moves."""
    return Clock()


@pytest.fixture
def counted() -> CountedShop:
    """The shop that is asked."""
    return CountedShop()


@pytest.fixture
def shop(counted: CountedShop, clock: Clock) -> GuardedShop:
    """What stands before it."""
    return GuardedShop(counted, 5.0, 30.0, clock)


async def test_what_is_remembered(shop: GuardedShop, counted: CountedShop, clock: Clock) -> None:
    """For a while, also that there is none; only what is not known is asked for."""
    assert await shop.members([1, 9]) == await DEMO.members([1])
    assert await shop.members([9, 1, 2]) == await DEMO.members([1, 2])
    assert await shop.member(9) is None
    assert counted.asked == [[1, 9], [2]]
    clock.now += 29
    assert await shop.member(2) is not None
    clock.now += 2
    assert await shop.members([1, 2]) == await DEMO.members([1, 2])
    assert counted.asked[2:] == [[1, 2]]


async def test_orders_are_not_remembered(shop: GuardedShop, counted: CountedShop) -> None:
    """Their state is what is asked for."""
    for _ in range(2):
        assert set(await shop.orders([101])) == {101}
    assert counted.asked == [[101], [101]]


async def test_questions_are_not_too_long(shop: GuardedShop, counted: CountedShop) -> None:
    """Nor about what cannot be."""
    assert len(await shop.skus(range(-5, 250))) == 9
    assert [len(ids) for ids in counted.asked] == [MOST, MOST, 49]
    assert await shop.site(0) is None
    assert await shop.find_site(-1) is None
    assert await shop.orders([0]) == {}
    assert len(counted.asked) == 3


async def test_the_memory_is_bounded(
    shop: GuardedShop, counted: CountedShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that were asked for first are forgotten."""
    monkeypatch.setattr(guarded, "MAX_ENTRIES", 3)
    for sku_id in (11, 12, 13, 21, 13, 12, 11):
        await shop.skus([sku_id])
    assert counted.asked == [[11], [12], [13], [21], [11]]


async def test_a_shop_that_is_down(shop: GuardedShop, counted: CountedShop, clock: Clock) -> None:
    """The last that is known is shown for an hour; names fall back, the rest is refused."""
    await shop.members([1])
    await shop.skus([11])
    await shop.site(1)
    counted.error = ShopDown("gone")
    clock.now += 60
    assert await shop.site(1) == await DEMO.site(1)
    assert await shop.members([1, 2]) == await DEMO.members([1])
    assert await shop.skus([11]) == await DEMO.skus([11])
    assert await shop.known_skus([11, 12]) == await DEMO.skus([11])
    assert await shop.known_orders([101]) == {}
    for question in (
        lambda: shop.skus([11, 12]),
        lambda: shop.orders([101]),
        lambda: shop.find_site(2),
        lambda: shop.find_member(2),
    ):
        with pytest.raises(ShopDown):
            await question()
    assert await shop.site(2) is None
    clock.now += STALE
    assert await shop.known_skus([11]) == {}
    assert await shop.member(1) is None
    counted.error = None
    clock.now += PAUSE
    assert await shop.member(1) is not None


async def test_the_start_does_not_need_the_shop(
    counted: CountedShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may come later."""

    async def down() -> None:
        raise ShopDown("gone")

    monkeypatch.setattr(counted, "open", down)
    await GuardedShop(counted, 5.0, 30.0).open()


async def test_slow_lists_keep_no_names_back(
    shop: GuardedShop, counted: CountedShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They may be slow while the shop is well; then lists alone are refused."""

    async def slow(*arguments: object) -> None:
        raise ShopDown("slow")

    monkeypatch.setattr(counted, "goods", slow)
    for _ in range(2 * FAILURES):
        with pytest.raises(ShopDown):
            await shop.goods(1, GoodsFilter(), Slice(0, 10))
    assert await shop.skus([11]) == await DEMO.skus([11])


async def test_texts_that_are_longer_than_any_name(
    shop: GuardedShop, monkeypatch: pytest.MonkeyPatch, counted: CountedShop
) -> None:
    """Are not sent to the shop."""
    part, long = Slice(0, 10), "x" * 256
    for name in ("goods", "browsed", "bought", "orders_of"):
        monkeypatch.setattr(counted, name, never)
    assert await shop.goods(1, GoodsFilter(long), part) == ([], 0)
    assert await shop.browsed(1, 1, long, part) == ([], 0)
    assert await shop.bought(1, 1, long, part) == ([], 0)
    for wanted in (OrderFilter(order_no=long), OrderFilter(order_name=long)):
        assert await shop.orders_of(1, 1, wanted, part) == ([], 0)


# The breaker


async def failing() -> int:
    """A call that fails."""
    raise ShopDown("gone")


async def refused() -> int:
    """One that is answered, badly."""
    raise BadAnswer("nonsense")


async def good() -> int:
    """One that succeeds."""
    return 1


async def never() -> int:
    """One that must not be made."""
    raise AssertionError


async def test_what_is_down_is_asked_now_and_then(clock: Clock) -> None:
    """By one caller at a time; the others are told at once."""
    breaker = Breaker("it", 5.0, clock)
    for _ in range(FAILURES):
        with pytest.raises(ShopDown):
            await breaker.run(failing)
    with pytest.raises(ShopDown, match="gone"):
        await breaker.run(never)
    clock.now += PAUSE
    gate = asyncio.Event()

    async def slow() -> int:
        await gate.wait()
        raise ShopDown("still gone")

    first = asyncio.create_task(breaker.run(slow))
    await asyncio.sleep(0)
    with pytest.raises(ShopDown, match=r"^gone"):
        await breaker.run(never)
    gate.set()
    with pytest.raises(ShopDown):
        await first
    with pytest.raises(ShopDown, match="still"):
        await breaker.run(never)
    clock.now += PAUSE
    assert await breaker.run(good) == 1
    assert await breaker.run(good) == 1


async def test_who_tries_may_give_up(clock: Clock) -> None:
    """The next one tries then."""
    breaker = Breaker("it", 5.0, clock)
    for _ in range(FAILURES):
        with pytest.raises(ShopDown):
            await breaker.run(failing)
    clock.now += PAUSE
    trying = asyncio.create_task(breaker.run(asyncio.Event().wait))
    await asyncio.sleep(0)
    trying.cancel()
    with pytest.raises(asyncio.CancelledError):
        await trying
    assert await breaker.run(good) == 1


async def test_single_failures_and_bad_answers(clock: Clock) -> None:
    """Do not keep others from asking."""
    breaker = Breaker("it", 5.0, clock)
    for _ in range(3 * FAILURES):
        with pytest.raises(ShopDown):
            await breaker.run(failing)
        assert await breaker.run(good) == 1
        with pytest.raises(BadAnswer):
            await breaker.run(refused)


async def test_calls_that_take_too_long() -> None:
    """End."""
    breaker = Breaker("it", 0.05)
    with pytest.raises(ShopDown, match=r"no answer within 0\.05 s"):
        await within(breaker.run(asyncio.Event().wait))


async def test_the_log_has_a_line_per_period(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """Not one per request; and one when it is over."""
    caplog.set_level(logging.INFO)
    breaker = Breaker("the shop", 5.0, clock)
    for _ in range(100):
        with pytest.raises(ShopDown):
            await breaker.run(failing)
    for _ in range(3):
        clock.now += PAUSE
        with pytest.raises(BadAnswer):
            await breaker.run(refused)
    assert [record.getMessage() for record in caplog.records] == [
        "the shop cannot be reached: gone",
        "the shop cannot be used: nonsense",
    ]
    assert await breaker.run(good) == 1
    assert await breaker.run(good) == 1
    assert [record.getMessage() for record in caplog.records[2:]] == ["the shop answers again"]
    clock.now += LOG_PERIOD
    with pytest.raises(ShopDown):
        await breaker.run(failing)
    assert len(caplog.records) == 4
