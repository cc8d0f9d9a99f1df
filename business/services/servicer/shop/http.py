"""A shop whose back end answers the requests of ``docs/shop.md``."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, TypeVar

from shared.setting_names import refuse

from . import wire
from .errors import BadAnswer
from .fetch import Denied, Fetcher
from .interface import (
    Bought,
    Browsed,
    Found,
    Goods,
    GoodsFilter,
    Member,
    Order,
    OrderFilter,
    Site,
    Sku,
    Slice,
)

T = TypeVar("T")

MIN_KEY = 32
"""Characters of ``shop.key``: who has it reads every customer's orders."""


class HttpShop:
    """See ``interface.Shop``.

    Args:
        url: that the paths of the requests are appended to.
        key: which the back end asks for.

    Raises:
        SettingsError: one of them cannot be used.
    """

    def __init__(self, url: str, key: str) -> None:
        if len(key) < MIN_KEY or not (key.isascii() and key.isprintable()):
            line = f"should be {MIN_KEY} or more characters of ASCII, the same as in the shop"
            raise refuse("shop.key", None, line)
        self._fetcher = Fetcher("shop.url", url, key)
        if self._fetcher.url.query_string:
            raise refuse("shop.url", None, "has a query, after which no path can be appended")

    async def open(self) -> None:
        """See ``Shop``. Nothing is asked before somebody wants to know it."""

    async def site(self, site_id: int) -> Site | None:
        """See ``Shop``."""
        path = f"/sites/{site_id}"
        answer = await self._get(path, {}, is_optional=True)
        if answer is None:
            return None
        site = wire.site(answer, path)
        if site.site_id != site_id:
            raise BadAnswer(f"{path}: site_id: is {site.site_id}")
        return site

    async def member(self, member_id: int) -> Member | None:
        """See ``Shop``."""
        return (await self.members([member_id])).get(member_id)

    async def members(self, member_ids: Collection[int]) -> Mapping[int, Member]:
        """See ``Shop``."""
        found = await self._some("/members", member_ids, wire.member)
        return {one.member_id: one for one in found if one.member_id in member_ids}

    async def skus(self, sku_ids: Collection[int]) -> Mapping[int, Sku]:
        """See ``Shop``."""
        found = await self._some("/skus", sku_ids, wire.sku)
        return {one.sku_id: one for one in found if one.sku_id in sku_ids}

    async def orders(self, order_ids: Collection[int]) -> Mapping[int, Order]:
        """See ``Shop``."""
        found = await self._some("/orders", order_ids, wire.order)
        return {one.order_id: one for one in found if one.order_id in order_ids}

    async def goods(self, site_id: int, wanted: GoodsFilter, part: Slice) -> Found[Goods]:
        """See ``Shop``."""
        filters = {
            "search_text": wanted.text or None,
            "goods_state": wanted.state,
            "goods_class": wanted.kind,
        }
        found, count = await self._page(f"/sites/{site_id}/goods", filters, part, wire.goods)
        return [one for one in found if one.site_id == site_id], count

    async def browsed(self, site_id: int, member_id: int, text: str, part: Slice) -> Found[Browsed]:
        """See ``Shop``."""

        def read(value: Any, where: str) -> Browsed:
            sku = wire.sku(value, where)
            return Browsed(wire.number(value.get("browse_time"), f"{where}.browse_time"), sku)

        path = f"/sites/{site_id}/members/{member_id}/browsed"
        found, count = await self._page(path, {"search_text": text or None}, part, read)
        return [one for one in found if one.sku.site_id == site_id], count

    async def bought(self, site_id: int, member_id: int, text: str, part: Slice) -> Found[Bought]:
        """See ``Shop``."""

        def read(value: Any, where: str) -> Bought:
            sku = wire.sku(value, where)
            return Bought(wire.number(value.get("num"), f"{where}.num"), sku)

        path = f"/sites/{site_id}/members/{member_id}/bought"
        found, count = await self._page(path, {"search_text": text or None}, part, read)
        return [one for one in found if one.sku.site_id == site_id], count

    async def orders_of(
        self, site_id: int, member_id: int, wanted: OrderFilter, part: Slice
    ) -> Found[Order]:
        """See ``Shop``."""
        filters = {
            "order_status": wanted.status,
            "refunding": 1 if wanted.refunding else None,
            "order_no": wanted.order_no or None,
            "order_name": wanted.order_name or None,
        }
        path = f"/sites/{site_id}/members/{member_id}/orders"
        found, count = await self._page(path, filters, part, wire.order)
        # Whatever the back end makes of the path, nobody sees another's orders.
        mine = [o for o in found if (o.site_id, o.member_id) == (site_id, member_id)]
        return mine, count

    async def close(self) -> None:
        """See ``Shop``."""
        await self._fetcher.close()

    async def _some(
        self, path: str, ids: Collection[int], read: Callable[[Any, str], T]
    ) -> list[T]:
        answer = await self._get(path, {"ids": ",".join(map(str, sorted(ids)))})
        return [read(v, f"{path}: list.{i}") for i, v in enumerate(wire.rows(answer, path))]

    async def _page(
        self,
        path: str,
        filters: Mapping[str, str | int | None],
        part: Slice,
        read: Callable[[Any, str], T],
    ) -> Found[T]:
        params: dict[str, str | int] = {"page": part.page, "page_size": part.limit}
        params |= {name: value for name, value in filters.items() if value is not None}
        answer = await self._get(path, params)
        rows = wire.rows(answer, path)[: part.limit]
        found = [read(v, f"{path}: list.{i}") for i, v in enumerate(rows)]
        return found, wire.count(answer, path)

    async def _get(
        self, path: str, params: Mapping[str, str | int], *, is_optional: bool = False
    ) -> Any:
        try:
            answer = await self._fetcher.get(path, params)
        except Denied as error:
            raise BadAnswer(f"{error}: the back end does not take shop.key") from None
        if answer is None and not is_optional:
            raise BadAnswer(f"{path}: status 404")
        return answer
