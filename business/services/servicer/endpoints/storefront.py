"""What customers' pages ask the shop for (CONTRACT 3.15), so that they work without one.

At the root these are ``/api/<controller>/<action>``, paths of the shop; where a shop's own back end
answers to them, its proxy never lets them come here.
"""

from __future__ import annotations

from typing import Any

from ..answers import chat, goods
from ..cards import find_sku, show_sku
from ..client_config import client_config
from ..envelope import Family, Refused
from ..params import Params
from .customer import NO_SHOP, OrderParams, SiteParams, SkuParams, order_detail
from .table import Call, Caller, Declarations

ANYBODY = Declarations("api", Caller.ANYBODY, Family.CUSTOMER)
CUSTOMER = Declarations("api", Caller.CUSTOMER, Family.CUSTOMER)

CONTROLLERS = frozenset(("shop", "site", "member", "goodssku", "order", "config", "upload"))
"""Those that may be asked for without the name of the service before them."""


@ANYBODY.add("shop/info", SiteParams, chat.Shop)
async def shop_info(call: Call, params: SiteParams) -> Any:
    """Name and pictures of a shop."""
    site = await call.servicer.site(params.site_id)
    if site is None:
        raise Refused.in_data(NO_SHOP)
    names = {"site_id": site.site_id, "site_name": site.site_name}
    return {**names, "logo": site.logo, "avatar": site.logo}


@ANYBODY.add("site/info", SiteParams, chat.SingleShop)
async def site_info(call: Call, params: SiteParams) -> Any:
    """The same, as the single shop's pages read it."""
    shown = await shop_info(call, params)
    return {**shown, "logo_square": shown["logo"]}


@CUSTOMER.add("member/info", Params, chat.Member)
async def member_info(call: Call, params: Params) -> Any:
    """Who the token says that the customer is."""
    card = await call.servicer.card(call.member_id)
    member = await call.servicer.shop.member(call.member_id)
    return {
        "member_id": card.member_id,
        "nickname": card.name,
        "headimg": card.headimg,
        "username": member.username if member else "",
        "mobile": member.mobile if member else "",
    }


@ANYBODY.add("goodssku/detail", SkuParams, goods.SkuDetail)
async def sku_detail(call: Call, params: SkuParams) -> Any:
    """A sku, of any shop."""
    return {"goods_sku_detail": show_sku(await find_sku(call.servicer.shop, params.sku_id))}


CUSTOMER.add("order/detail", OrderParams, goods.Order)(order_detail)


_KINDS = {"system": "niushop", "third": "third", "disable": "none"}


@ANYBODY.add("config/servicer", SiteParams, chat.ReachEach)
async def config(call: Call, params: SiteParams) -> Any:
    """How customers reach the agents: for all kinds of pages at once, and for each."""
    site_id = params.site_id or call.servicer.default_site
    value = await client_config(call.servicer, call.request, site_id)
    each = {"type": _KINDS.get(value["type"], "niushop"), "third_url": value["third"]}
    return {**value, "h5": each, "weapp": each, "pc": each, "app": each}


endpoints = [*ANYBODY, *CUSTOMER]
