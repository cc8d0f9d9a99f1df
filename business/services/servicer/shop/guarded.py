"""What stands between the chat and a shop: a time limit, a short memory, and what is left to say
while the shop is down.

Names and pictures (sites, members) are then what was last known, or none: nobody has to wait or
is refused for want of them. Goods and orders that are asked for raise ``ShopDown``.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from typing import Generic, TypeVar

from .breaker import Breaker
from .errors import ShopDown
from .interface import (
    MOST,
    Bought,
    Browsed,
    Found,
    Goods,
    GoodsFilter,
    Member,
    Order,
    OrderFilter,
    Shop,
    Site,
    Sku,
    Slice,
)

T = TypeVar("T")

MAX_ENTRIES = 10_000
"""Sites, members and skus that are remembered, of each; then those that were asked for first are
forgotten."""

MAX_TEXT = 255
"""Characters of the longest name; what is longer is part of none."""

STALE = 3600.0
"""Seconds after which what is remembered is not shown any more, even while the shop is down."""


class _Memory(Generic[T]):
    """What the shop said, by id.

    Args:
        life: seconds that it is believed.
    """

    def __init__(self, life: float) -> None:
        self._life = life
        self._entries: dict[int, tuple[T | None, float]] = {}

    def get(self, wanted: Collection[int], now: float) -> dict[int, T | None]:
        """Those that need not be asked for again."""
        return self._younger(wanted, now - self._life)

    def one(self, key: int, now: float) -> tuple[T | None, float] | None:
        """What is known of one and since when, where it need not be asked for again."""
        entry = self._entries.get(key)
        return entry if entry is not None and entry[1] > now - self._life else None

    def get_stale(self, wanted: Collection[int], now: float) -> dict[int, T | None]:
        """The last that is known."""
        return self._younger(wanted, now - STALE)

    def put(self, found: Mapping[int, T | None], now: float) -> None:
        """Remember answers of time ``now``; None: there is none."""
        for key, value in found.items():
            self._entries.pop(key, None)
            if len(self._entries) >= MAX_ENTRIES:
                del self._entries[next(iter(self._entries))]
            self._entries[key] = (value, now)

    def _younger(self, wanted: Collection[int], since: float) -> dict[int, T | None]:
        found = ((key, self._entries.get(key)) for key in wanted)
        return {key: entry[0] for key, entry in found if entry is not None and entry[1] > since}


class GuardedShop:
    """A ``Shop`` that may be asked at any time.

    Args:
        shop: which it asks.
        timeout: seconds that an answer takes at most.
        life: seconds that sites, members and skus are remembered.
        clock: seconds.
    """

    def __init__(
        self,
        shop: Shop,
        timeout: float,
        life: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._shop = shop
        self._clock = clock
        self._breaker = Breaker("the shop", timeout, clock)
        # Apart, because the searches of an agent in a large shop may be slow while it is well.
        self._lists = Breaker("the shop, as far as its lists go,", timeout, clock)
        self._sites: _Memory[Site] = _Memory(life)
        self._members: _Memory[Member] = _Memory(life)
        self._skus: _Memory[Sku] = _Memory(life)

    async def open(self) -> None:
        """Be ready; a shop that is down may come later.

        Raises:
            SettingsError: the shop cannot be used with these settings.
        """
        try:
            await self._breaker.run(self._shop.open)
        except ShopDown:
            return  # the log has it

    async def find_site(self, site_id: int) -> Site | None:
        """A site; None: there is none of that id.

        Raises:
            ShopDown: nobody knows.
        """
        if known := self._sites.one(site_id, self._clock()):
            return known[0]

        async def ask(ids: Collection[int]) -> Mapping[int, Site]:
            [one] = ids
            site = await self._shop.site(one)
            return {} if site is None else {one: site}

        return (await self._look_up(self._sites, ask, [site_id])).get(site_id)

    async def find_member(self, member_id: int) -> Member | None:
        """A member; None: there is none of that id.

        Raises:
            ShopDown: nobody knows.
        """
        if known := self._members.one(member_id, self._clock()):
            return known[0]
        wanted = [member_id]
        return (await self._look_up(self._members, self._shop.members, wanted)).get(member_id)

    async def site(self, site_id: int) -> Site | None:
        """A site; None: there is none of that id, or the shop is down."""
        try:
            return await self.find_site(site_id)
        except ShopDown:
            return None

    async def member(self, member_id: int) -> Member | None:
        """A member; None: there is none of that id, or the shop is down."""
        try:
            return await self.find_member(member_id)
        except ShopDown:
            return None

    async def members(self, member_ids: Collection[int]) -> Mapping[int, Member]:
        """Those of the members who exist and are known, by id."""
        try:
            return await self._look_up(self._members, self._shop.members, member_ids)
        except ShopDown:
            return _there(self._members.get_stale(member_ids, self._clock()))

    async def skus(self, sku_ids: Collection[int]) -> Mapping[int, Sku]:
        """See ``Shop``."""
        return await self._look_up(self._skus, self._shop.skus, sku_ids)

    async def known_skus(self, sku_ids: Collection[int]) -> Mapping[int, Sku]:
        """Those of the skus that exist and are known, by id."""
        try:
            return await self.skus(sku_ids)
        except ShopDown:
            return _there(self._skus.get_stale(sku_ids, self._clock()))

    async def orders(self, order_ids: Collection[int]) -> Mapping[int, Order]:
        """See ``Shop``. Not remembered: the next question may be what has become of one."""
        found: dict[int, Order] = {}
        for ids in _portions(order_ids):
            found |= await self._ask(self._shop.orders, ids)
        return found

    async def known_orders(self, order_ids: Collection[int]) -> Mapping[int, Order]:
        """Those of the orders that exist and are known, by id."""
        try:
            return await self.orders(order_ids)
        except ShopDown:
            return {}

    async def goods(self, site_id: int, wanted: GoodsFilter, part: Slice) -> Found[Goods]:
        """See ``Shop``."""
        return await self._list(lambda: self._shop.goods(site_id, wanted, part), wanted.text)

    async def browsed(self, site_id: int, member_id: int, text: str, part: Slice) -> Found[Browsed]:
        """See ``Shop``."""
        return await self._list(lambda: self._shop.browsed(site_id, member_id, text, part), text)

    async def bought(self, site_id: int, member_id: int, text: str, part: Slice) -> Found[Bought]:
        """See ``Shop``."""
        return await self._list(lambda: self._shop.bought(site_id, member_id, text, part), text)

    async def orders_of(
        self, site_id: int, member_id: int, wanted: OrderFilter, part: Slice
    ) -> Found[Order]:
        """See ``Shop``."""
        return await self._list(
            lambda: self._shop.orders_of(site_id, member_id, wanted, part),
            wanted.order_no,
            wanted.order_name,
        )

    async def close(self) -> None:
        """See ``Shop``."""
        await self._shop.close()

    async def _look_up(
        self,
        memory: _Memory[T],
        ask: Callable[[Collection[int]], Awaitable[Mapping[int, T]]],
        wanted: Collection[int],
    ) -> dict[int, T]:
        """Those that exist, from the memory or from the shop; while it is down from the memory
        alone, if that has them all.

        Raises:
            ShopDown: it has not.
        """
        now = self._clock()
        known = memory.get(wanted, now)
        for ids in _portions(key for key in wanted if key not in known):
            try:
                found = await self._ask(ask, ids)
            except ShopDown:
                stale = memory.get_stale(ids, now)
                if len(stale) < len(ids):
                    raise
                known |= stale
            else:
                answers = {key: found.get(key) for key in ids}
                memory.put(answers, now)
                known |= answers
        return _there(known)

    async def _list(self, ask: Callable[[], Awaitable[Found[T]]], *texts: str) -> Found[T]:
        if any(len(text) > MAX_TEXT for text in texts):
            return [], 0
        return await self._lists.run(ask)

    async def _ask(
        self,
        ask: Callable[[Collection[int]], Awaitable[Mapping[int, T]]],
        ids: Collection[int],
    ) -> Mapping[int, T]:
        return await self._breaker.run(lambda: ask(ids))


def _there(found: Mapping[int, T | None]) -> dict[int, T]:
    return {key: value for key, value in found.items() if value is not None}


def _portions(ids: Iterable[int]) -> list[list[int]]:
    """What to ask for at once. No shop has anything of an id below 1."""
    wanted = sorted({key for key in ids if key > 0})
    return [wanted[i : i + MOST] for i in range(0, len(wanted), MOST)]
