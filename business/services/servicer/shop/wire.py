"""From the JSON of a shop's back end (shapes in ``docs/shop.md``) to what the interface wants."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from .errors import BadAnswer
from .interface import Goods, Member, Order, OrderGoods, Site, Sku
from .values import LOGIN_TYPES, goods_name, to_integer, to_money, to_string

T = TypeVar("T")
K = TypeVar("K", Goods, Member, Order, OrderGoods, Site, Sku)

_NEEDED: dict[type, frozenset[str]] = {
    Site: frozenset(("site_id", "site_name")),
    Member: frozenset(("member_id",)),
    Sku: frozenset(("sku_id", "goods_id", "site_id", "sku_name", "price")),
    Goods: frozenset(("goods_id", "site_id", "goods_name", "price", "sku_id")),
    OrderGoods: frozenset(("sku_id", "sku_name", "price", "num")),
    Order: frozenset(
        ("order_id", "order_no", "site_id", "member_id", "order_status", "order_money")
    ),
}
"""Fields without which a value is refused. Others are 0, "" or 0.00, or what the class says."""

_MONEY = frozenset(
    ("balance", "balance_money", "price", "goods_money", "delivery_money", "order_money")
)


def rows(answer: Any, where: str) -> list[Any]:
    """The ``list`` of an answer.

    Raises:
        BadAnswer: it has none.
    """
    found = answer.get("list") if isinstance(answer, dict) else None
    if not isinstance(found, list):
        raise BadAnswer(f"{where}: should be an object with a list")
    return found


def count(answer: Any, where: str) -> int:
    """The ``count`` of an answer that is a page of a list.

    Raises:
        BadAnswer: it has none.
    """
    found = number(answer.get("count") if isinstance(answer, dict) else None, f"{where}: count")
    if found < 0:
        raise BadAnswer(f"{where}: count: should not be below 0")
    return found


def number(value: Any, where: str) -> int:
    """A whole number.

    Raises:
        BadAnswer: it is none.
    """
    if value is None:
        raise BadAnswer(f"{where}: is missing")
    return _convert(to_integer, value, where)


def site(value: Any, where: str) -> Site:
    """A site. Raises BadAnswer, as the others do."""
    return _read(Site, value, where)


def member(value: Any, where: str) -> Member:
    """A member."""
    found = _read(Member, value, where)
    if not found.login_type_name:
        name = LOGIN_TYPES.get(found.login_type, found.login_type)
        found = dataclasses.replace(found, login_type_name=name)
    return found


def sku(value: Any, where: str) -> Sku:
    """A sku."""
    found = _read(Sku, value, where)
    return dataclasses.replace(found, goods_name=goods_name(found.goods_name, found.sku_name))


def goods(value: Any, where: str) -> Goods:
    """Goods."""
    return _read(Goods, value, where)


def order(value: Any, where: str) -> Order:
    """An order with at least one line."""
    lines = value.get("order_goods") if isinstance(value, dict) else None
    if not isinstance(lines, list) or not lines:
        raise BadAnswer(f"{where}.order_goods: should be a list with at least one line")
    read = [_line(line, f"{where}.order_goods.{i}") for i, line in enumerate(lines)]
    return _read(Order, value, where, order_goods=tuple(read))


def _line(value: Any, where: str) -> OrderGoods:
    line = _read(OrderGoods, value, where)
    return dataclasses.replace(
        line,
        goods_name=goods_name(line.goods_name, line.sku_name),
        goods_money=line.goods_money
        if value.get("goods_money") is not None
        else to_money(float(line.price) * line.num),
    )


def _read(kind: type[K], value: Any, where: str, **given: Any) -> K:
    if not isinstance(value, dict):
        raise BadAnswer(f"{where}: should be an object")
    fields: dict[str, Any] = dict(given)
    for field in dataclasses.fields(kind):
        if field.name not in given:
            fields[field.name] = _field(kind, field, value, f"{where}.{field.name}")
    return kind(**fields)


def _field(
    kind: type[K], field: dataclasses.Field[Any], value: Mapping[str, Any], where: str
) -> Any:
    found = value.get(field.name)
    if found is None:
        if field.name in _NEEDED[kind]:
            raise BadAnswer(f"{where}: is missing")
        if field.default is not dataclasses.MISSING:
            return field.default
    if field.name in _MONEY:
        return _convert(to_money, found, where)
    return _convert(to_integer if field.type == "int" else to_string, found, where)


def _convert(convert: Callable[[Any], T], value: Any, where: str) -> T:
    try:
        return convert(value)
    except ValueError as error:
        raise BadAnswer(f"{where}: {error}") from None
