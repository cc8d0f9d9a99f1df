"""Pictures are uploaded: ``chatimg`` of customers, ``upload/*`` of agents (CONTRACT 3.11, 4)."""

from __future__ import annotations

from typing import Any

from ..answers import base
from ..doors import AGENT as AGENTS
from ..envelope import Family
from ..params import Params, Word
from .table import Call, Caller, Declarations

CUSTOMER = Declarations("api", Caller.CUSTOMER, Family.CUSTOMER)
ANYBODY = Declarations("api", Caller.ANYBODY, Family.CUSTOMER)
AGENT = Declarations("servicer", Caller.AGENT, Family.MODEL)


class ImageParams(Params):
    """Of a picture, which comes as the multipart field ``file``. A customer's token, if any."""

    token: Word = ""


async def _store(call: Call, person: str, site_id: int) -> Any:
    uploads, time = call.servicer.uploads, call.servicer.local_time()
    return {"pic_path": await uploads.store(call.upload, person, site_id, time)}


@CUSTOMER.add("chat/chatimg", Params, base.Pictured, changes=True, takes_file=True)
async def chatimg(call: Call, params: Params) -> Any:
    """Upload a picture, to be said afterwards."""
    return await _store(call, f"m{call.member_id}", call.servicer.default_site)


@ANYBODY.add("upload/chatimg", ImageParams, base.Pictured, changes=True, takes_file=True)
async def shop_chatimg(call: Call, params: ImageParams) -> Any:
    """The same at the shop's own path, where the PC front end sends pictures without a token.

    A token or a login says who sends it. Without either, the page must be one of this site or of a
    configured origin, which browsers say and other sites' pages cannot forge. Programs can: what
    they gain is a picture that nobody else knows, of a limited size and as often as the limits let.
    """
    servicer = call.servicer
    if not params.token:
        visitor = await servicer.sessions.find(
            call.servicer.web.cookie(call.request, AGENTS.cookie), AGENTS.role
        )
        is_ours = servicer.web.is_from_our_page(call.request)
        if is_ours and visitor is not None:
            return await _store(call, f"s{visitor.agent.uid}", visitor.agent.site_id)
        if is_ours:
            return await _store(call, f"a{call.address}", servicer.default_site)
    admitted = await servicer.admission.admit(params.token, call.received)
    return await _store(call, f"m{admitted.member_id}", servicer.default_site)


@AGENT.add("upload/upload", Params, base.Pictured, changes=True, takes_file=True)
async def upload(call: Call, params: Params) -> Any:
    """Upload a picture."""
    return await _store(call, f"s{call.by.agent.uid}", call.by.agent.site_id)


@AGENT.add("upload/video", Params, base.Pictured, changes=True, takes_file=True)
async def video(call: Call, params: Params) -> Any:
    """Upload a picture; the original's name for a second way to do it."""
    return await _store(call, f"s{call.by.agent.uid}", call.by.agent.site_id)


endpoints = [*CUSTOMER, *ANYBODY, *AGENT]
