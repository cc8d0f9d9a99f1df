"""What the pages of the back offices need to begin: who is logged in, and pictures of agents."""

from __future__ import annotations

from typing import Any

from ..answers import back_office as answers
from ..answers import base
from ..envelope import Family
from ..params import Params
from ..store.agents import Role
from .table import Call, Caller, Declarations

SHOP = Declarations("shop", Caller.SHOP, Family.MODEL)
PLATFORM = Declarations("admin", Caller.PLATFORM, Family.MODEL)


@SHOP.add("index/me", Params, answers.Me)
@PLATFORM.add("index/me", Params, answers.Me)
async def me(call: Call, params: Params) -> Any:
    """Who is logged in."""
    agent = call.by.agent
    site = await call.servicer.site(agent.site_id) if agent.role is Role.SHOP else None
    return {
        "uid": agent.uid,
        "username": agent.username,
        "role": agent.role.name.lower(),
        "site_id": agent.site_id,
        "site_name": site.site_name if site else "",
        "time_zone": call.servicer.zone.key,
    }


@SHOP.add("upload/upload", Params, base.Pictured, changes=True, takes_file=True)
async def upload(call: Call, params: Params) -> Any:
    """Upload a picture of an agent."""
    servicer, agent = call.servicer, call.by.agent
    time = servicer.local_time()
    return {
        "pic_path": await servicer.uploads.store(call.upload, f"s{agent.uid}", agent.site_id, time)
    }


endpoints = [*SHOP, *PLATFORM]
