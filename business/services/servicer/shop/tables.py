"""Tables and columns of a NiuShop database (versions 4 and 5) that are read.

Versions and editions differ in their columns: those that every edition has are needed, of the
others those that are there are read.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    Integer,
    Label,
    String,
    TableClause,
    column,
    inspect,
    literal,
    table,
)
from sqlalchemy.exc import NoSuchTableError


class Missing(Exception):
    """The database is not one of NiuShop: what it lacks."""


class _Kind(NamedTuple):
    needed: str
    optional: str
    is_needed: bool = True


_KINDS = {
    "site": _Kind("site_id", "site_name logo logo_square"),
    "shop": _Kind("site_id", "site_name logo avatar", is_needed=False),
    "member": _Kind(
        "member_id",
        "username nickname headimg mobile member_level_name balance balance_money login_type",
    ),
    "goods": _Kind(
        "goods_id site_id goods_name price",
        "goods_image goods_stock sale_num goods_state goods_class sku_id is_delete",
    ),
    "goods_sku": _Kind(
        "sku_id goods_id site_id sku_name price",
        "goods_name sku_image stock sale_num goods_state introduction goods_content is_delete",
    ),
    "order": _Kind(
        "order_id order_no site_id member_id order_status create_time order_money",
        "out_trade_no order_name order_type order_status_name delivery_type_name goods_money"
        " delivery_money name mobile full_address address pay_type_name pay_time remark is_delete",
    ),
    "order_goods": _Kind(
        "order_goods_id order_id sku_id goods_id sku_name price num",
        "goods_name sku_image goods_money is_present gift_flag refund_status refund_status_name",
    ),
    "goods_browse": _Kind("member_id sku_id browse_time", "", is_needed=False),
}

_TEXTS = frozenset(("goods_name", "sku_name", "order_no", "order_name"))
"""Columns that are searched."""


class Tables:
    """The tables of one database, with the columns that it has.

    Args:
        connection: to it.
        prefix: of the names of its tables.

    Raises:
        Missing: it lacks something that is needed.
    """

    def __init__(self, connection: Connection, prefix: str) -> None:
        self._tables: dict[str, TableClause] = {}
        inspector = inspect(connection)
        for name, kind in _KINDS.items():
            full = prefix + name
            try:
                there = {found["name"] for found in inspector.get_columns(full)}
            except NoSuchTableError:
                if kind.is_needed:
                    raise Missing(f"has no table {full}") from None
                continue
            for needed in kind.needed.split():
                if needed not in there:
                    raise Missing(f"table {full} has no column {needed}")
            names = [c for c in f"{kind.needed} {kind.optional}".split() if c in there]
            columns = [column(c, String if c in _TEXTS else Integer) for c in names]
            self._tables[name] = table(full, *columns)
        if not any(self.has(name, "site_name") for name in ("site", "shop")):
            raise Missing(f"table {prefix}site has no column site_name")

    def __getitem__(self, name: str) -> TableClause:
        return self._tables[name]

    def __contains__(self, name: str) -> bool:
        return name in self._tables

    def has(self, name: str, column_name: str) -> bool:
        """Whether a column is there."""
        return name in self._tables and column_name in self._tables[name].c

    def column(self, name: str, column_name: str) -> ColumnElement[Any]:
        """A column; an empty text where it is not there."""
        if self.has(name, column_name):
            return self._tables[name].c[column_name]
        return literal("")

    def columns(self, name: str) -> list[Label[Any]]:
        """All columns of a table, labelled ``table__column``, so that joins keep them apart."""
        return [c.label(f"{name}__{c.name}") for c in self._tables[name].c]


Row = Mapping[str, Any]


def of(row: Row, name: str) -> dict[str, Any]:
    """The part of a row that is of a table; columns that the database does not have are None."""
    kind = _KINDS[name]
    return {c: row.get(f"{name}__{c}") for c in f"{kind.needed} {kind.optional}".split()}
