"""Goods and orders beside the agents' chat: ``goods/*``, ``order/*`` (CONTRACT 4).

All of it is of the agent's own shop; orders and what was looked at only of members who have had to
do with that shop.
"""

from __future__ import annotations

from typing import Any

from ..answers import base, goods
from ..cards import NO_GOODS, NO_ORDER, find_order, find_sku, show_goods, show_order, show_sku
from ..content import read_relate_data
from ..envelope import PARAMETER_ERROR, Family, Refused, page
from ..params import Number, Paged, Params, Search, Word, limit_of
from ..shop.interface import GoodsFilter, OrderFilter, Slice
from ..store import lists
from .agent import LIST_SIZE
from .console import choice, linked
from .customer import OrderParams
from .table import Call, Caller, Declarations

endpoints = Declarations("servicer", Caller.AGENT, Family.MODEL)

REFUNDING = "refunding"


class ListParams(Paged):
    """A page of a list. ``search_text``: part of the name."""

    page_size: Number = LIST_SIZE
    search_text: Search = ""

    @property
    def size(self) -> int:
        """Rows per page."""
        return limit_of(self.page_size, LIST_SIZE)

    @property
    def part(self) -> Slice:
        """The rows of the page."""
        return Slice((self.page_number - 1) * self.size, self.size)


class GoodsParams(ListParams):
    """Of ``goods/lists``. ``goods_state`` (1: on sale) and ``goods_class``: none for all."""

    goods_state: Word = ""
    goods_class: Word = ""


class DetailParams(Params):
    """Of ``goods/detail``: a sku, or the message that shows it."""

    sku_id: Number = 0
    dialogue_id: Number = 0


class MemberGoodsParams(ListParams):
    """Goods of a customer."""

    member_id: Number = 0


class OrdersParams(MemberGoodsParams):
    """Of ``order/lists``. ``order_status``: none for all, 0 unpaid, 1 to be sent, or ``refunding``;
    ``search_type``: ``order_no`` or ``order_name``."""

    order_status: Word = ""
    search_type: Word = ""


@endpoints.add("goods/lists", GoodsParams, base.Page[goods.Goods])
async def goods_lists(call: Call, params: GoodsParams) -> Any:
    """A page of the shop's goods."""
    wanted = GoodsFilter(params.search_text, choice(params.goods_state), choice(params.goods_class))
    goods, count = await call.servicer.shop.goods(call.by.agent.site_id, wanted, params.part)
    return page([show_goods(one) for one in goods], count, params.size)


@endpoints.add("goods/detail", DetailParams, goods.PromotedSku)
async def goods_detail(call: Call, params: DetailParams) -> Any:
    """A sku of the shop, with the promotion under which a customer has shown it."""
    site_id, sku_id, related = call.by.agent.site_id, params.sku_id, ""
    if params.dialogue_id > 0:
        row = await call.servicer.database.read(
            lambda c: lists.find(c, site_id, params.dialogue_id)
        )
        if row is None or (sku_id and row["goods_sku_id"] != sku_id):
            raise Refused(NO_GOODS)
        sku_id, related = row["goods_sku_id"], row["relate_data"]
    sku = await find_sku(call.servicer.shop, sku_id)
    if sku.site_id != site_id:
        raise Refused(NO_GOODS)
    promotions = {
        "goods_promotion": (),
        "curr_promotion": None,
        "relate_promotion": read_relate_data(related) or None,
    }
    return {**show_sku(sku), **promotions}


@endpoints.add("goods/memberGoodsBrowse", MemberGoodsParams, base.Page[goods.BrowsedSku])
async def member_goods_browse(call: Call, params: MemberGoodsParams) -> Any:
    """A page of what a customer has looked at in the shop."""
    member_id = await linked(call, params.member_id)
    rows, count = await call.servicer.shop.browsed(
        call.by.agent.site_id, member_id, params.search_text, params.part
    )
    shown = [{**show_sku(row.sku), "browse_time": row.browse_time} for row in rows]
    return page(shown, count, params.size)


@endpoints.add("order/lists", OrdersParams, base.Page[goods.Order])
async def order_lists(call: Call, params: OrdersParams) -> Any:
    """A page of a customer's orders in the shop."""
    member_id = await linked(call, params.member_id)
    if params.search_type not in ("", "order_no", "order_name"):
        raise Refused("参数错误", PARAMETER_ERROR)
    is_refunding = params.order_status == REFUNDING
    by_name = params.search_type == "order_name"
    wanted = OrderFilter(
        status=None if is_refunding else choice(params.order_status),
        refunding=is_refunding,
        order_no="" if by_name else params.search_text,
        order_name=params.search_text if by_name else "",
    )
    orders, count = await call.servicer.shop.orders_of(
        call.by.agent.site_id, member_id, wanted, params.part
    )
    return page([show_order(order) for order in orders], count, params.size)


@endpoints.add("order/detail", OrderParams, goods.Order)
async def order_detail(call: Call, params: OrderParams) -> Any:
    """An order of the shop, of a member who has been here."""
    order = await find_order(call.servicer.shop, params.order_id)
    if order.site_id != call.by.agent.site_id:
        raise Refused(NO_ORDER)
    try:
        await linked(call, order.member_id)
    except Refused:
        raise Refused(NO_ORDER) from None
    return show_order(order)


@endpoints.add("order/memberOrderGoodsList", MemberGoodsParams, base.Page[goods.BoughtSku])
async def member_order_goods(call: Call, params: MemberGoodsParams) -> Any:
    """A page of what a customer has bought in the shop."""
    member_id = await linked(call, params.member_id)
    rows, count = await call.servicer.shop.bought(
        call.by.agent.site_id, member_id, params.search_text, params.part
    )
    return page([{**show_sku(row.sku), "num": row.num} for row in rows], count, params.size)
