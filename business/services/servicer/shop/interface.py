"""What the customer service asks of a shop. Money is text with two decimals, as clients show it."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping
from typing import Protocol


@dataclasses.dataclass(frozen=True, slots=True)
class Site:
    """A shop of the platform."""

    site_id: int
    site_name: str
    logo: str


@dataclasses.dataclass(frozen=True, slots=True)
class Member:
    """A customer. Members are one namespace for all sites."""

    member_id: int
    username: str
    nickname: str
    headimg: str = ""
    mobile: str = ""


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


@dataclasses.dataclass(frozen=True, slots=True)
class Order:
    """An order of a member in a site. ``order_goods`` has at least one line."""

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


class Shop(Protocol):
    """A shop. Every method may wait for another machine."""

    async def site(self, site_id: int) -> Site | None:
        """A site; None: there is none of that id."""

    async def member(self, member_id: int) -> Member | None:
        """A member; None: there is none of that id."""

    async def skus(self, sku_ids: Collection[int]) -> Mapping[int, Sku]:
        """Those of the skus that exist, by id."""

    async def orders(self, order_ids: Collection[int]) -> Mapping[int, Order]:
        """Those of the orders that exist, by id."""

    async def close(self) -> None:
        """Let connections go. Idempotent."""
