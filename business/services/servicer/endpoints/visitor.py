"""Customers who are not logged in get a token: ``/servicer/api/chat/visitor``."""

from __future__ import annotations

from typing import Any

from ..answers import chat
from ..envelope import PARAMETER_ERROR, Family, Refused
from ..params import Params
from .table import Call, Caller, Declarations

endpoints = Declarations("api", Caller.ANYBODY, Family.CUSTOMER)


@endpoints.add("chat/visitor", Params, chat.Visitor, changes=True)
async def visitor(call: Call, params: Params) -> Any:
    """A token for somebody who is not logged in. By POST only."""
    if call.request.method != "POST":
        raise Refused("请使用POST请求", PARAMETER_ERROR)
    member_id, token = await call.servicer.visitors.make(call.address, call.received)
    return {"member_id": member_id, "token": token}
