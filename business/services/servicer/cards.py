"""Goods and orders as clients read them in cards (CONTRACT 3.4, 3.15, 4)."""

from __future__ import annotations

import dataclasses
from typing import Any

from .envelope import Refused
from .shop.interface import Goods, Order, Shop, Sku

NO_ORDER = "订单不存在"
NO_GOODS = "商品不存在"


async def find_order(shop: Shop, order_id: int) -> Order:
    """An order.

    Raises:
        Refused: there is none of that id. Who may not see one is to be told the same.
    """
    order = (await shop.orders([order_id])).get(order_id) if order_id > 0 else None
    if order is None:
        raise Refused(NO_ORDER)
    return order


async def find_sku(shop: Shop, sku_id: int) -> Sku:
    """A sku.

    Raises:
        Refused: there is none of that id.
    """
    sku = (await shop.skus([sku_id])).get(sku_id) if sku_id > 0 else None
    if sku is None:
        raise Refused(NO_GOODS)
    return sku


def show_order(order: Order) -> dict[str, Any]:
    """With the first of its goods beside the order's own fields, where the oldest client looks."""
    line = order.order_goods[0]
    goods = [
        {**dataclasses.asdict(goods), "order_no": order.order_no} for goods in order.order_goods
    ]
    return {
        **dataclasses.asdict(order),
        "order_goods": goods,
        "sku_image": line.sku_image,
        "sku_name": line.sku_name,
        "price": line.price,
        "num": line.num,
    }


def show_sku(sku: Sku) -> dict[str, Any]:
    """All that is known of it."""
    return dataclasses.asdict(sku)


def show_goods(goods: Goods) -> dict[str, Any]:
    """All that is known of them."""
    return dataclasses.asdict(goods)
