"""What the agents' console of later versions also calls: lists and side panels (CONTRACT 4)."""

from __future__ import annotations

from typing import Any

from ..envelope import Family
from ..params import Params
from ..store import replies
from .table import Call, Caller, Declarations

endpoints = Declarations("servicer", Caller.AGENT, Family.MODEL)


@endpoints.add("config/fastList", Params)
async def fast_list(call: Call, params: Params) -> Any:
    """What the agents of the shop often say, to be chosen from."""
    site_id = call.by.agent.site_id
    found = await call.servicer.database.read(lambda c: replies.quick(c, site_id))
    return [{"content": content} for content in found]
