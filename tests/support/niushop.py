"""Databases as NiuShop keeps them, filled with the demo shop of ``examples/shop.json``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy import (
    Column,
    Integer,
    MetaData,
    Numeric,
    SmallInteger,
    String,
    Table,
    Text,
    insert,
)
from sqlalchemy.ext.asyncio import create_async_engine

from .stack import ROOT

DATA: dict[str, Any] = json.loads((ROOT / "examples" / "shop.json").read_text(encoding="utf-8"))

_MONEY = (
    "price balance balance_money goods_money delivery_money order_money discount_price"
).split()
_TEXTS = (
    "site_name logo logo_square avatar username nickname headimg mobile member_level_name"
    " login_type goods_name goods_image sku_name sku_image introduction order_no out_trade_no"
    " order_name order_status_name delivery_type_name name full_address address pay_type_name"
    " remark refund_status_name password site_type"
).split()
_SMALL = "goods_state is_delete is_present gift_flag".split()

SINGLE = {
    "site": "site_id site_type site_name logo",
    "shop": "site_id avatar",
    "member": "member_id site_id username nickname mobile password headimg member_level_name"
    " login_type balance balance_money",
    "goods": "goods_id site_id goods_name goods_class goods_image goods_state price goods_stock"
    " sale_num sku_id is_delete",
    "goods_sku": "sku_id site_id goods_id sku_name price discount_price stock sale_num sku_image"
    " goods_name goods_content goods_state is_delete introduction",
    "order": "order_id order_no site_id order_name order_type out_trade_no order_status"
    " order_status_name pay_type_name delivery_type_name member_id name mobile address full_address"
    " goods_money delivery_money order_money create_time pay_time is_delete remark",
    "order_goods": "order_goods_id order_id site_id member_id goods_id sku_id sku_name sku_image"
    " price num goods_money gift_flag refund_status refund_status_name goods_name",
    "goods_browse": "id member_id browse_time site_id sku_id goods_id",
}
"""Tables and columns, as in the edition for one merchant."""

MULTI = {
    **SINGLE,
    "site": "site_id site_type",
    "shop": "site_id site_name logo avatar",
    "order_goods": SINGLE["order_goods"].replace("gift_flag", "is_present"),
}
"""As in the edition for several merchants."""

POOR = {
    "site": "site_id site_name",
    "member": "member_id",
    "goods": "goods_id site_id goods_name price",
    "goods_sku": "sku_id goods_id site_id sku_name price",
    "order": "order_id order_no site_id member_id order_status create_time order_money",
    "order_goods": "order_goods_id order_id sku_id goods_id sku_name price num",
}
"""As little as can be used."""


def _column(name: str) -> Column[Any]:
    if name in _MONEY:
        return Column(name, Numeric(10, 2))
    if name in ("stock", "goods_stock", "sale_num", "num"):
        return Column(name, Numeric(12, 3))  # so in later versions
    if name in _SMALL:
        return Column(name, SmallInteger)
    if name == "goods_content":
        return Column(name, Text)
    return Column(name, String(255) if name in _TEXTS else Integer)


def _rows() -> dict[str, list[dict[str, Any]]]:
    """The rows of every table, with all columns that any edition has."""
    common = {"is_delete": 0, "logo_square": None, "avatar": "", "password": "secret", "name": ""}
    sites = [{**site, **common, "site_type": "shop"} for site in DATA["sites"]]
    lines = [
        {
            **line,
            "order_id": order["order_id"],
            "site_id": order["site_id"],
            "member_id": order["member_id"],
            "gift_flag": line["is_present"],
            "refund_status": 1 if line["refund_status_name"] else 0,
        }
        for order in DATA["orders"]
        for line in order["order_goods"]
    ]
    browsed = [
        {**row, "id": i, "site_id": 0, "goods_id": 0} for i, row in enumerate(DATA["browsed"], 1)
    ]
    return {
        "site": sites,
        "shop": sites,
        "member": [{**row, **common, "site_id": 1} for row in DATA["members"]],
        "goods": [{**row, **common} for row in DATA["goods"]],
        "goods_sku": [{**row, **common, "discount_price": "1"} for row in DATA["skus"]],
        "order": [{**row, **common} for row in DATA["orders"]],
        "order_goods": lines,
        "goods_browse": browsed,
    }


def tables(edition: Mapping[str, str], prefix: str) -> dict[str, Table]:
    """The tables of an edition, by their names without the prefix."""
    metadata = MetaData()
    return {
        name: Table(
            prefix + name, metadata, *map(_column, columns.split()), mysql_charset="utf8mb4"
        )
        for name, columns in edition.items()
    }


async def fill(url: str, edition: Mapping[str, str] = SINGLE, prefix: str = "ns_") -> None:
    """Make the tables of an empty database and fill them."""
    made = tables(edition, prefix)
    engine = create_async_engine(url)
    try:
        async with engine.begin() as connection:
            await connection.run_sync(next(iter(made.values())).metadata.create_all)
            for name, rows in _rows().items():
                if name in made:
                    columns = made[name].c.keys()
                    values = [{column: row[column] for column in columns} for row in rows]
                    await connection.execute(insert(made[name]), values)
    finally:
        await engine.dispose()


async def execute(url: str, *statements: Any) -> None:
    """Change a database as a shop does."""
    engine = create_async_engine(url)
    try:
        async with engine.begin() as connection:
            for statement in statements:
                await connection.execute(statement)
    finally:
        await engine.dispose()
