"""What the back offices of versions before 4.1 also call (CONTRACT 5): agents by another name, and
what was said.

A shop's back office sees its own shop, that of the platform its own, which is the default
one. Agents are accounts: who is made one here must have an account of the shop already.
"""

from __future__ import annotations

from typing import Any

from ..answers import base, chat, console
from ..envelope import Family, Refused, page
from ..history import show
from ..params import Number, Paged, Params, Search, Text, Word, limit_of
from ..store import conversations, dialogues, lists
from ..store import office as store
from .agent import NO_MEMBER
from .office import MAX_NAME, PAGE_SIZE, change_agent, check_avatar, check_name
from .table import Call, Caller, Declarations

SHOP = Declarations("shop", Caller.SHOP, Family.MODEL)
PLATFORM = Declarations("admin", Caller.PLATFORM, Family.MODEL)


class AddServicerParams(Params):
    """Of ``setting/addServicer``. ``type`` was of the platform; the login tells it."""

    user_id: Number = 0
    nick_name: Text = ""
    head_img: Word | None = None
    type: Word = ""


class ServicerParams(Params):
    """Of ``setting/delServicer``."""

    servicer_id: Number = 0


class HeadParams(ServicerParams):
    """Of ``setting/setHead``."""

    head_img: Word = ""


class QueryParams(Paged):
    """Of ``query/index``. ``search_text``: part of the member's name, also as ``search_keys``."""

    limit: Number = PAGE_SIZE
    search_text: Search = ""
    search_keys: Search = ""


class ChatlogsParams(Paged):
    """Of ``query/getChatlogs``."""

    member_id: Number = 0
    limit: Number = PAGE_SIZE


@SHOP.add("setting/addServicer", AddServicerParams, base.Nothing, changes=True)
async def add_servicer(call: Call, params: AddServicerParams) -> Any:
    """Let an account of the shop talk to customers, under a name."""
    of_agent = {"nickname": check_name(params.nick_name, MAX_NAME)}
    if params.head_img is not None:
        of_agent["avatar"] = check_avatar(params.head_img)
    return await change_agent(
        call,
        params.user_id,
        lambda c: store.edit_agent(c, params.user_id, {"status": 1}, of_agent),
        ends_logins=False,
    )


@SHOP.add("setting/delServicer", ServicerParams, base.Nothing, changes=True)
async def delete_servicer(call: Call, params: ServicerParams) -> Any:
    """Let an agent talk to customers no more; the account stays, and may be let in again."""
    return await change_agent(
        call,
        params.servicer_id,
        lambda c: store.edit_agent(c, params.servicer_id, {"status": 0}, {}),
        ends_logins=True,
    )


@SHOP.add("setting/setHead", HeadParams, base.Nothing, changes=True)
async def set_head(call: Call, params: HeadParams) -> Any:
    """Give an agent another picture."""
    of_agent = {"avatar": check_avatar(params.head_img)}
    return await change_agent(
        call,
        params.servicer_id,
        lambda c: store.edit_agent(c, params.servicer_id, {}, of_agent),
        ends_logins=False,
    )


@SHOP.add("query/index", QueryParams, base.Page[console.Talk])
@PLATFORM.add("query/index", QueryParams, base.Page[console.Talk])
async def query(call: Call, params: QueryParams) -> Any:
    """A page of the customers who were talked to, with the last message, the latest first."""
    site_id, limit = _site(call), limit_of(params.limit, PAGE_SIZE)
    name = params.search_text or params.search_keys
    rows, count = await call.servicer.database.read(
        lambda c: lists.of_shop(c, site_id, name, (params.page_number - 1) * limit, limit)
    )
    return page(rows, count, limit)


@SHOP.add("query/getChatlogs", ChatlogsParams, chat.Messages)
@PLATFORM.add("query/getChatlogs", ChatlogsParams, chat.Messages)
async def chatlogs(call: Call, params: ChatlogsParams) -> Any:
    """A page of what was said between a customer and the shop, newest first."""
    servicer, member_id = call.servicer, params.member_id
    site_id, limit = _site(call), limit_of(params.limit, PAGE_SIZE)
    if member_id <= 0 or not await servicer.database.read(
        lambda c: conversations.is_linked(c, site_id, member_id)
    ):
        raise Refused(NO_MEMBER)
    rows, count = await servicer.database.read(
        lambda c: dialogues.newest_first(
            c, site_id, member_id, (params.page_number - 1) * limit, limit
        )
    )
    return page(await show(rows, site_id, servicer.directory, servicer.shop), count, limit)


def _site(call: Call) -> int:
    return call.by.agent.site_id or call.servicer.default_site


endpoints = [*SHOP, *PLATFORM]
