"""What the demo shop front (``/demo``) asks for. None of it is there but in demo mode."""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING

from aiohttp import web
from sqlalchemy import Connection

from .envelope import respond
from .params import to_number
from .shop.demo import AGENT_PASSWORD, AGENTS, PICTURES, SKUS
from .shop.interface import GoodsFilter, Order, OrderFilter, Slice
from .store import agents
from .store.agents import Role

if TYPE_CHECKING:
    from .service import Servicer

SITE = 1
"""The site whose shop front it is."""

MEMBERS = (1, 2, 3)
"""Whom a newcomer may be."""

_ALL = Slice(0, 50)

_PICTURE = re.compile(r"[a-z]+_[a-z0-9]+\.svg")

_HEADERS = {
    "Content-Type": "image/svg+xml",
    "Cache-Control": "public, max-age=3600",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "cross-origin",  # as uploaded pictures
}


async def demo_token(servicer: Servicer, request: web.Request) -> web.StreamResponse:
    """A token for a member of the demo shop.

    Raises:
        web.HTTPNotFound: not in demo mode.
    """
    _check(servicer)
    member_id = to_number(request.query.get("member_id", ""))
    if await servicer.shop.member(member_id) is None:
        return respond({"code": -1, "message": "没有指定会员", "data": ""})
    return respond({"code": 0, "data": {"token": servicer.tokens.issue(member_id, servicer.now())}})


async def demo_shop(servicer: Servicer, request: web.Request) -> web.StreamResponse:
    """What the shop front shows: the site, its goods with their variants, who one may be,
    the orders of the member of ``member_id`` (0 or none: of nobody), and everybody's accounts.

    Raises:
        web.HTTPNotFound: not in demo mode.
    """
    _check(servicer)
    shop = servicer.shop
    member_id = to_number(request.query.get("member_id", ""))
    site = await shop.site(SITE)
    goods, _ = await shop.goods(SITE, GoodsFilter(state=1), _ALL)
    members = await shop.members(MEMBERS)
    orders: list[Order] = []
    if member_id in MEMBERS:
        orders, _ = await shop.orders_of(SITE, member_id, OrderFilter(), _ALL)
    data = {
        "site": dataclasses.asdict(site) if site else None,
        "goods": [
            dataclasses.asdict(found)
            | {"skus": [dataclasses.asdict(sku) for sku in SKUS if sku.goods_id == found.goods_id]}
            for found in goods
        ],
        "members": [dataclasses.asdict(member) for member in members.values()],
        "orders": [dataclasses.asdict(order) for order in orders],
        "agents": [
            {"username": agent.username, "nickname": agent.nickname, "avatar": agent.avatar}
            for agent in AGENTS
            if agent.site_id == SITE and agent.role is Role.AGENT
        ],
        "offices": [
            {"username": agent.username, "role": agent.role.name.lower()}
            for agent in AGENTS
            if agent.role is not Role.AGENT
        ],
        "password": AGENT_PASSWORD,
    }
    return respond({"code": 0, "data": data})


def demo_picture(servicer: Servicer, name: str) -> web.StreamResponse:
    """A picture of the demo shop.

    Raises:
        web.HTTPNotFound: there is none of that name, or not in demo mode.
    """
    _check(servicer)
    path = PICTURES / name
    if not _PICTURE.fullmatch(name) or not path.is_file():
        raise web.HTTPNotFound
    return web.FileResponse(path, headers=_HEADERS)


def create_agents(connection: Connection, hashed: str, now: float) -> None:
    """Make the accounts that everybody knows, those of them that are not there yet.

    Args:
        connection: of a unit that writes.
        hashed: hash of ``AGENT_PASSWORD``.
        now: Unix time.
    """
    for agent in AGENTS:
        if agents.find_account(connection, agent.username) is None:
            agents.create(
                connection,
                agent.site_id,
                agent.username,
                hashed,
                agent.nickname,
                now,
                is_demo=True,
                avatar=agent.avatar,
                role=agent.role,
            )


def _check(servicer: Servicer) -> None:
    if not servicer.is_demo:
        raise web.HTTPNotFound
