"""What is read from a NiuShop database: plain functions of a connection."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Connection, Select, exists, false, func, or_, select

from .interface import (
    Bought,
    Browsed,
    Found,
    Goods,
    GoodsFilter,
    Member,
    Order,
    OrderFilter,
    OrderGoods,
    Site,
    Sku,
    Slice,
)
from .tables import Row, Tables, of
from .values import LOGIN_TYPES, goods_name, to_integer, to_money, to_string

T = TypeVar("T")

UNSETTLED = (1, 2, 4, 5, 6)
"""``refund_status`` of lines whose refund was asked for: asked, granted, to be sent back, on its
way back, arrived. 3 is refunded; refused and withdrawn are below 0."""


def site(connection: Connection, tables: Tables, site_id: int) -> Site | None:
    """A site. Editions for several merchants have the names in the table of the shops, and sites
    that are none (of suppliers, of cities)."""
    query = select(*tables.columns("site"))
    joined = tables["site"]
    if "shop" in tables:
        query = query.add_columns(*tables.columns("shop"))
        on = tables["shop"].c.site_id == tables["site"].c.site_id
        query = query.select_from(joined.outerjoin(tables["shop"], on))
    row = connection.execute(query.where(tables["site"].c.site_id == site_id)).mappings().first()
    if row is None:
        return None
    own, shop = of(dict(row), "site"), of(dict(row), "shop")
    if not tables.has("site", "site_name") and shop["site_id"] is None:
        return None
    logos = (own["logo"], shop["logo"], own["logo_square"], shop["avatar"])
    return Site(
        to_integer(own["site_id"]),
        to_string(own["site_name"] or shop["site_name"]),
        to_string(next(filter(None, logos), "")),
    )


def members(connection: Connection, tables: Tables, ids: Collection[int]) -> dict[int, Member]:
    """Members by id."""
    query = select(*tables.columns("member")).where(tables["member"].c.member_id.in_(ids))
    found = (_member(of(dict(row), "member")) for row in connection.execute(query).mappings())
    return {member.member_id: member for member in found}


def _member(row: Row) -> Member:
    login_type = to_string(row["login_type"])
    return Member(
        member_id=to_integer(row["member_id"]),
        username=to_string(row["username"]),
        nickname=to_string(row["nickname"]),
        headimg=to_string(row["headimg"]),
        mobile=to_string(row["mobile"]),
        member_level_name=to_string(row["member_level_name"]),
        balance=to_money(row["balance"]),
        balance_money=to_money(row["balance_money"]),
        login_type=login_type,
        login_type_name=LOGIN_TYPES.get(login_type, login_type),
    )


def skus(connection: Connection, tables: Tables, ids: Collection[int]) -> dict[int, Sku]:
    """Skus by id, also deleted ones, which are not on sale."""
    query = select(*tables.columns("goods_sku")).where(tables["goods_sku"].c.sku_id.in_(ids))
    found = (_sku(dict(row)) for row in connection.execute(query).mappings())
    return {sku.sku_id: sku for sku in found}


def _sku(joined: Row) -> Sku:
    row = of(joined, "goods_sku")
    sku_name = to_string(row["sku_name"])
    return Sku(
        sku_id=to_integer(row["sku_id"]),
        goods_id=to_integer(row["goods_id"]),
        site_id=to_integer(row["site_id"]),
        goods_name=goods_name(to_string(row["goods_name"]), sku_name),
        sku_name=sku_name,
        sku_image=to_string(row["sku_image"]),
        price=to_money(row["price"]),
        stock=to_integer(row["stock"]),
        sale_num=to_integer(row["sale_num"]),
        goods_state=_state(row),
        introduction=to_string(row["introduction"]),
        goods_content=to_string(row["goods_content"]),
    )


def _state(row: Row) -> int:
    if row["is_delete"]:
        return 0
    return 1 if row["goods_state"] is None else to_integer(row["goods_state"])


def goods(
    connection: Connection, tables: Tables, site_id: int, wanted: GoodsFilter, part: Slice
) -> Found[Goods]:
    """Goods of a site, the latest first."""
    its = tables["goods"].c
    query = select(*tables.columns("goods")).where(its.site_id == site_id)
    if "is_delete" in its:
        query = query.where(its.is_delete == 0)
    if wanted.text:
        query = query.where(_holds(its.goods_name, wanted.text))
    for name, value in (("goods_state", wanted.state), ("goods_class", wanted.kind)):
        if value is not None:
            query = query.where(its[name] == value if name in its else false())
    return _part(connection, query, part, [its.goods_id.desc()], _goods)


def _goods(joined: Row) -> Goods:
    row = of(joined, "goods")
    return Goods(
        goods_id=to_integer(row["goods_id"]),
        site_id=to_integer(row["site_id"]),
        goods_name=to_string(row["goods_name"]),
        goods_image=to_string(row["goods_image"]),
        goods_stock=to_integer(row["goods_stock"]),
        sale_num=to_integer(row["sale_num"]),
        price=to_money(row["price"]),
        goods_state=_state(row),
        goods_class=to_integer(row["goods_class"]) or 1,
        sku_id=to_integer(row["sku_id"]),
    )


def browsed(
    connection: Connection, tables: Tables, site_id: int, member_id: int, text: str, part: Slice
) -> Found[Browsed]:
    """What a member has looked at, the latest first."""
    if "goods_browse" not in tables:
        return [], 0
    seen = tables["goods_browse"].c
    last = (
        select(seen.sku_id, func.max(seen.browse_time).label("browse_time"))
        .where(seen.member_id == member_id)
        .group_by(seen.sku_id)
        .subquery()
    )
    query = _skus_of(tables, site_id, text).add_columns(last.c.browse_time)
    query = query.join(last, last.c.sku_id == tables["goods_sku"].c.sku_id)
    order = [last.c.browse_time.desc(), last.c.sku_id]
    return _part(
        connection, query, part, order, lambda r: Browsed(to_integer(r["browse_time"]), _sku(r))
    )


def bought(
    connection: Connection, tables: Tables, site_id: int, member_id: int, text: str, part: Slice
) -> Found[Bought]:
    """What a member has paid for, the latest first."""
    orders, lines = tables["order"].c, tables["order_goods"].c
    sums = (
        select(
            lines.sku_id,
            func.sum(lines.num).label("bought"),
            func.max(lines.order_id).label("last_order"),
        )
        .join(tables["order"], orders.order_id == lines.order_id)
        .where(orders.site_id == site_id, orders.member_id == member_id, orders.order_status > 0)
        .group_by(lines.sku_id)
        .subquery()
    )
    query = _skus_of(tables, site_id, text).add_columns(sums.c.bought)
    query = query.join(sums, sums.c.sku_id == tables["goods_sku"].c.sku_id)
    order = [sums.c.last_order.desc(), sums.c.sku_id]
    return _part(connection, query, part, order, lambda r: Bought(to_integer(r["bought"]), _sku(r)))


def _skus_of(tables: Tables, site_id: int, text: str) -> Select[Any]:
    its = tables["goods_sku"].c
    query = select(*tables.columns("goods_sku")).select_from(tables["goods_sku"])
    query = query.where(its.site_id == site_id)
    return query.where(_holds(its.sku_name, text)) if text else query


def orders(connection: Connection, tables: Tables, ids: Collection[int]) -> dict[int, Order]:
    """Orders by id."""
    rows = connection.execute(_orders(tables).where(tables["order"].c.order_id.in_(ids)))
    found = _with_lines(connection, tables, [dict(row) for row in rows.mappings()])
    return {order.order_id: order for order in found}


def orders_of(
    connection: Connection,
    tables: Tables,
    site_id: int,
    member_id: int,
    wanted: OrderFilter,
    part: Slice,
) -> Found[Order]:
    """A member's orders in a site, the latest first, without those that the shop has deleted."""
    its, lines = tables["order"].c, tables["order_goods"].c
    query = _orders(tables).where(its.site_id == site_id, its.member_id == member_id)
    if "is_delete" in its:
        query = query.where(its.is_delete == 0)
    if wanted.status is not None:
        query = query.where(its.order_status == wanted.status)
    if wanted.refunding:
        query = query.where(
            exists().where(lines.order_id == its.order_id, lines.refund_status.in_(UNSETTLED))
            if "refund_status" in lines
            else false()
        )
    if wanted.order_no:
        query = query.where(_holds(its.order_no, wanted.order_no))
    if wanted.order_name:
        line = exists().where(
            lines.order_id == its.order_id, _holds(lines.sku_name, wanted.order_name)
        )
        names = tables.column("order", "order_name")
        query = query.where(or_(_holds(names, wanted.order_name), line))
    rows, count = _part(connection, query, part, [its.order_id.desc()], dict)
    return _with_lines(connection, tables, rows), count


def _orders(tables: Tables) -> Select[Any]:
    buyer = tables["member"]
    nickname = tables.column("member", "nickname").label("buyer")
    on = buyer.c.member_id == tables["order"].c.member_id
    query = select(*tables.columns("order"), nickname)
    return query.select_from(tables["order"].outerjoin(buyer, on))


def _with_lines(connection: Connection, tables: Tables, rows: list[dict[str, Any]]) -> list[Order]:
    ids = [row["order__order_id"] for row in rows]
    if not ids:
        return []
    its = tables["order_goods"].c
    query = select(*tables.columns("order_goods")).where(its.order_id.in_(ids))
    lines: dict[int, list[OrderGoods]] = {}
    for found in connection.execute(query.order_by(its.order_goods_id)).mappings():
        line = of(dict(found), "order_goods")
        lines.setdefault(line["order_id"], []).append(_line(line))
    return [_order(row, lines.get(row["order__order_id"], ())) for row in rows]


def _line(row: Row) -> OrderGoods:
    sku_name, price, num = to_string(row["sku_name"]), to_money(row["price"]), row["num"]
    money = row["goods_money"]
    return OrderGoods(
        order_goods_id=to_integer(row["order_goods_id"]),
        sku_id=to_integer(row["sku_id"]),
        goods_id=to_integer(row["goods_id"]),
        goods_name=goods_name(to_string(row["goods_name"]), sku_name),
        sku_name=sku_name,
        sku_image=to_string(row["sku_image"]),
        price=price,
        num=to_integer(num),
        goods_money=to_money(float(price) * float(num) if money is None else money),
        is_present=int(bool(row["is_present"] or row["gift_flag"])),
        refund_status_name=to_string(row["refund_status_name"]) if row["refund_status"] else "",
    )


def _order(joined: Row, lines: Iterable[OrderGoods]) -> Order:
    row = of(joined, "order")
    name, money = to_string(row["order_name"]), to_money(row["order_money"])
    # Clients show the first line without asking whether there is one.
    whole = OrderGoods(0, 0, 0, name, name, "", money, 1, money)
    goods_money = row["goods_money"]
    return Order(
        order_id=to_integer(row["order_id"]),
        order_no=to_string(row["order_no"]),
        out_trade_no=to_string(row["out_trade_no"]),
        site_id=to_integer(row["site_id"]),
        member_id=to_integer(row["member_id"]),
        order_name=name,
        order_type=to_integer(row["order_type"]) or 1,
        order_status=to_integer(row["order_status"]),
        order_status_name=to_string(row["order_status_name"]),
        delivery_type_name=to_string(row["delivery_type_name"]),
        goods_money=money if goods_money is None else to_money(goods_money),
        delivery_money=to_money(row["delivery_money"]),
        order_money=money,
        create_time=to_integer(row["create_time"]),
        nickname=to_string(joined["buyer"] or row["name"]),
        mobile=to_string(row["mobile"]),
        full_address=to_string(row["full_address"]),
        address=to_string(row["address"]),
        order_goods=tuple(lines) or (whole,),
        pay_type_name=to_string(row["pay_type_name"]),
        pay_time=to_integer(row["pay_time"]),
        remark=to_string(row["remark"]),
    )


def _holds(where: ColumnElement[Any], text: str) -> ColumnElement[bool]:
    return where.icontains(text, autoescape=True)


def _part(
    connection: Connection,
    query: Select[Any],
    part: Slice,
    order: list[ColumnElement[Any]],
    make: Callable[[Row], T],
) -> Found[T]:
    count = connection.execute(select(func.count()).select_from(query.subquery())).scalar_one()
    if part.offset >= count:  # also: an offset that the database could not count to
        return [], count
    page = query.order_by(*order).offset(part.offset).limit(part.limit)
    return [make(dict(row)) for row in connection.execute(page).mappings()], count
