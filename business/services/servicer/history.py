"""Stored messages as ``dialogs`` shows them: with the agent, the goods, the order, the shop."""

from __future__ import annotations

import asyncio
from typing import Any

from .directory import Directory
from .shop.guarded import GuardedShop
from .store.dialogues import Row
from .store.pairs import Card

_SHOWN = (
    "id", "member_id", "servicer_id", "create_day", "create_time", "content_type", "type", "read",
    "shop_id", "goods_sku_id", "order_id", "consumer_say", "servicer_say", "add_time",
    "relate_data", "content", "message", "prev_id", "recalled",
)  # fmt: skip

_LINE = ("sku_id", "goods_id", "sku_name", "sku_image", "price", "num")


async def show(
    rows: list[Row], site_id: int, directory: Directory, shop: GuardedShop
) -> list[dict[str, Any]]:
    """Rows of one conversation, in the order given, as clients read them (CONTRACT 3.6).

    Args:
        rows: of the store.
        site_id: the shop of all of them.
        directory: for the agents.
        shop: for everything else. What it does not have, or does not tell while it is down, is
            shown as None.
    """
    site, skus, orders = await asyncio.gather(
        shop.site(site_id),
        shop.known_skus({row["goods_sku_id"] for row in rows if row["goods_sku_id"]}),
        shop.known_orders({row["order_id"] for row in rows if row["order_id"]}),
    )
    shown = []
    for row in rows:
        agent = await directory.get(row["servicer_id"]) if row["servicer_id"] else None
        sku = skus.get(row["goods_sku_id"])
        order = orders.get(row["order_id"])
        line = order.order_goods[0] if order else None
        goods = sku or line
        shown.append(
            {name: row[name] for name in _SHOWN}
            | {
                "is_platform": int(site_id == 0),
                "nickname": agent.nickname if agent else "",
                "avatar": agent.avatar if agent else "",
                "goods_name": goods.goods_name if goods else None,
                "sku_name": goods.sku_name if goods else None,
                # Clients split it at commas without looking.
                "sku_image": goods.sku_image if goods else "",
                "price": goods.price if goods else None,
                "order_no": order.order_no if order else None,
                "goods_money": order.goods_money if order else None,
                "order_money": order.order_money if order else None,
                "order_status": order.order_status if order else None,
                "order_status_name": order.order_status_name if order else None,
                "shop_name": site.site_name if site else "",
                "logo": site.logo if site else "",
            }
        )
    return shown


async def show_to_agent(
    rows: list[Row], card: Card, directory: Directory, shop: GuardedShop
) -> list[dict[str, Any]]:
    """Rows of one member, in the order given, as the console reads them (``message/lists``).

    Args:
        rows: of the store.
        card: the member.
        directory: for the agents.
        shop: for goods and orders, likewise.
    """
    skus, orders = await asyncio.gather(
        shop.known_skus({row["goods_sku_id"] for row in rows if row["goods_sku_id"]}),
        shop.known_orders({row["order_id"] for row in rows if row["order_id"]}),
    )
    shown = []
    for row in rows:
        agent = await directory.get(row["servicer_id"]) if row["servicer_id"] else None
        sku = skus.get(row["goods_sku_id"])
        order = orders.get(row["order_id"])
        shown.append(
            {name: row[name] for name in _SHOWN}
            | {
                "nickname": card.name,
                "headimg": card.headimg,
                "servicer_nickname": agent.nickname if agent else "",
                "avatar": agent.avatar if agent else "",
                "goods_id": sku.goods_id if sku else None,
                "sku_name": sku.sku_name if sku else None,
                "sku_image": sku.sku_image if sku else "",
                "price": sku.price if sku else None,
                "goods_state": sku.goods_state if sku else None,
                "stock": sku.stock if sku else None,
                "sale_num": sku.sale_num if sku else None,
                "order_id": row["order_id"] or None,
                "order_no": order.order_no if order else None,
                "goods_money": order.goods_money if order else None,
                "delivery_money": order.delivery_money if order else None,
                "order_money": order.order_money if order else None,
                "order_status_name": order.order_status_name if order else None,
                "order_goods_list": [
                    {name: getattr(line, name) for name in _LINE}
                    for line in (order.order_goods if order else ())
                ],
            }
        )
    return shown
