"""What the customer service asks of a shop. Money is text with two decimals, as clients show it.

``sql.py`` reads a shop's database, ``http.py`` asks its back end, ``demo.py`` makes one up.
``guarded.py`` stands before them all.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping
from typing import NamedTuple, Protocol, TypeVar

T = TypeVar("T")


@dataclasses.dataclass(frozen=True, slots=True)
class Site:
    """A shop of the platform."""

    site_id: int
    site_name: str
    logo: str


@dataclasses.dataclass(frozen=True, slots=True)
class Member:
    """A customer. Members are one namespace for all sites. ``balance`` can only be spent,
    ``balance_money`` can also be paid out; ``login_type`` is wechat, h5, pc, weapp or app."""

    member_id: int
    username: str
    nickname: str
    headimg: str = ""
    mobile: str = ""
    member_level_name: str = ""
    balance: str = "0.00"
    balance_money: str = "0.00"
    login_type: str = ""
    login_type_name: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class Sku:
    """What is sold: one variant of some goods. ``sku_name`` begins with ``goods_name``."""

    sku_id: int
    goods_id: int
    site_id: int
    goods_name: str
    sku_name: str
    sku_image: str
    price: str
    stock: int
    sale_num: int
    goods_state: int = 1
    introduction: str = ""
    goods_content: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class OrderGoods:
    """A line of an order."""

    order_goods_id: int
    sku_id: int
    goods_id: int
    goods_name: str
    sku_name: str
    sku_image: str
    price: str
    num: int
    goods_money: str
    is_present: int = 0
    refund_status_name: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class Order:
    """An order of a member in a site. ``order_goods`` has at least one line; ``order_status`` 0 is
    unpaid, 1 is paid and not sent; ``pay_time`` is 0 where it is unpaid."""

    order_id: int
    order_no: str
    out_trade_no: str
    site_id: int
    member_id: int
    order_name: str
    order_type: int
    order_status: int
    order_status_name: str
    delivery_type_name: str
    goods_money: str
    delivery_money: str
    order_money: str
    create_time: int
    nickname: str
    mobile: str
    full_address: str
    address: str
    order_goods: tuple[OrderGoods, ...]
    pay_type_name: str = ""
    pay_time: int = 0
    remark: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class Goods:
    """Goods with all their skus. ``goods_state`` 1 is on sale; ``goods_class`` 1 is to be sent, 2
    is virtual; ``sku_id`` and ``price`` are those of the first sku."""

    goods_id: int
    site_id: int
    goods_name: str
    goods_image: str
    goods_stock: int
    sale_num: int
    price: str
    goods_state: int
    goods_class: int
    sku_id: int


@dataclasses.dataclass(frozen=True, slots=True)
class Browsed:
    """A sku that a member has looked at, the last time at Unix time ``browse_time``."""

    browse_time: int
    sku: Sku


@dataclasses.dataclass(frozen=True, slots=True)
class Bought:
    """A sku that a member has bought, ``num`` in all."""

    num: int
    sku: Sku


class Slice(NamedTuple):
    """Which part of a list is wanted: at most ``limit`` rows after the first ``offset``, which is
    a multiple of it."""

    offset: int
    limit: int

    @property
    def page(self) -> int:
        """Its number, from 1."""
        return self.offset // self.limit + 1


class GoodsFilter(NamedTuple):
    """Which goods are wanted.

    Args:
        text: part of their name, "" for all; upper and lower case are the same.
        state: their ``goods_state``; None for all.
        kind: their ``goods_class``; None for all.
    """

    text: str = ""
    state: int | None = None
    kind: int | None = None


class OrderFilter(NamedTuple):
    """Which orders are wanted.

    Args:
        status: their ``order_status``; None for all.
        refunding: only those with a line of which a refund has been asked for and is not settled.
        order_no: part of their number, "" for all.
        order_name: part of their name or of a line's, "" for all.
    """

    status: int | None = None
    refunding: bool = False
    order_no: str = ""
    order_name: str = ""


MOST = 100
"""Members, skus or orders that are asked for at once."""

Found = tuple[list[T], int]
"""A part of a list, and how many rows there are in all."""


class Shop(Protocol):
    """A shop. Every method may wait for another machine, and raise ``ShopDown``. Who asks for
    several asks for at most ``MOST`` at once."""

    async def open(self) -> None:
        """Be ready.

        Raises:
            SettingsError: the shop cannot be used with these settings.
        """

    async def site(self, site_id: int) -> Site | None:
        """A site; None: there is none of that id."""

    async def member(self, member_id: int) -> Member | None:
        """A member; None: there is none of that id."""

    async def members(self, member_ids: Collection[int]) -> Mapping[int, Member]:
        """Those of the members that exist, by id."""

    async def skus(self, sku_ids: Collection[int]) -> Mapping[int, Sku]:
        """Those of the skus that exist, by id."""

    async def orders(self, order_ids: Collection[int]) -> Mapping[int, Order]:
        """Those of the orders that exist, by id."""

    async def goods(self, site_id: int, wanted: GoodsFilter, part: Slice) -> Found[Goods]:
        """Goods of a site, the latest first."""

    async def browsed(self, site_id: int, member_id: int, text: str, part: Slice) -> Found[Browsed]:
        """What a member has looked at in a site, the latest first; ``text``: part of the name."""

    async def bought(self, site_id: int, member_id: int, text: str, part: Slice) -> Found[Bought]:
        """What a member has paid for in a site, the latest first; ``text``: part of the name."""

    async def orders_of(
        self, site_id: int, member_id: int, wanted: OrderFilter, part: Slice
    ) -> Found[Order]:
        """A member's orders in a site, the latest first."""

    async def close(self) -> None:
        """Let connections go. Idempotent."""
