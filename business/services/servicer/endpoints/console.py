"""What the agents' console of later versions also calls: lists and messages (CONTRACT 4).

All of it is of the agent's own shop, and of members who have had to do with that shop.
"""

from __future__ import annotations

import datetime
import html
from typing import Any

from ..answers import base, console
from ..client_config import client_config
from ..envelope import PARAMETER_ERROR, Family, Refused, page
from ..history import show_to_agent
from ..params import MALFORMED, Number, Paged, Params, Search, Word, limit_of, to_number
from ..store import conversations, lists, replies
from .agent import LIST_SIZE, NO_MEMBER, MemberParams
from .table import Call, Caller, Declarations

INDEX = Declarations("servicer", Caller.AGENT, Family.RESULT)
OTHERS = Declarations("servicer", Caller.AGENT, Family.MODEL)

MEMBERS = 100
"""Customers in a list that the console does not page through."""

DAY = datetime.timedelta(days=1)


class MemberListParams(Paged):
    """Of ``index/memberList``. ``member_name``: part of the name."""

    member_name: Search = ""
    page_size: Number = MEMBERS


class MessageParams(Paged):
    """Of ``message/lists``. ``content_type``: none for all; ``start_date`` and ``end_date``: days
    (``2021-03-17``), with or without a time of day, in the time zone of the stored dates."""

    member_id: Number = 0
    page_size: Number = LIST_SIZE
    content_type: Word = ""
    search_text: Search = ""
    start_date: Word = ""
    end_date: Word = ""


async def linked(call: Call, member_id: int) -> int:
    """A member who has had to do with the agent's shop.

    Raises:
        Refused: the member has not, or there is none.
    """
    site_id = call.by.agent.site_id
    if member_id <= 0 or not await call.servicer.database.read(
        lambda c: conversations.is_linked(c, site_id, member_id)
    ):
        raise Refused(NO_MEMBER)
    return member_id


@INDEX.add("index/memberList", MemberListParams, console.MemberList)
async def member_list(call: Call, params: MemberListParams) -> Any:
    """The customers of the agent's shop with the last message, the latest first."""
    servicer, site_id = call.servicer, call.by.agent.site_id
    size = limit_of(params.page_size, MEMBERS)
    offset = (params.page_number - 1) * size
    rows, count, unassigned = await servicer.database.read(
        lambda c: (
            *lists.of_shop(c, site_id, params.member_name, offset, size),
            lists.unassigned(c, site_id),
        )
    )
    members = await servicer.shop.members([row["member_id"] for row in rows])
    for row in rows:
        member = members.get(row["member_id"])
        row["login_type"] = member.login_type if member else ""
        row["login_type_name"] = member.login_type_name if member else ""
    return {"member_list": {"count": count, "list": rows, "unassigned": unassigned}}


@INDEX.add("index/unreadMembers", Params, console.UnreadMembers)
async def unread_members(call: Call, params: Params) -> Any:
    """The customers who have said something that nobody of the agent's shop has read."""
    site_id = call.by.agent.site_id
    rows, count = await call.servicer.database.read(
        lambda c: lists.with_unread(c, site_id, MEMBERS)
    )
    return {"unread_member": {"count": count, "list": rows}}


@OTHERS.add("message/lists", MessageParams, base.Page[console.SearchedMessage])
async def message_lists(call: Call, params: MessageParams) -> Any:
    """A page of what was said between a customer and the agent's shop, newest first."""
    servicer, site_id = call.servicer, call.by.agent.site_id
    member_id = await linked(call, params.member_id)
    wanted = lists.Search(
        content_type=choice(params.content_type),
        text=html.escape(params.search_text, quote=False),
        since=moment(params.start_date, servicer.zone, datetime.timedelta()),
        until=moment(params.end_date, servicer.zone, DAY),
    )
    size = limit_of(params.page_size, LIST_SIZE)
    offset = (params.page_number - 1) * size
    rows, count = await servicer.database.read(
        lambda c: lists.search(c, site_id, member_id, wanted, offset, size)
    )
    card = await servicer.card(member_id)
    return page(await show_to_agent(rows, card, servicer.directory, servicer.shop), count, size)


def choice(word: str) -> int | None:
    """The number of a choice; None where all are wanted.

    Raises:
        Refused: it is no number.
    """
    number = to_number(word)
    if number == MALFORMED:
        raise Refused("参数错误", PARAMETER_ERROR)
    return number if word else None


def moment(word: str, zone: datetime.tzinfo, length: datetime.timedelta) -> int:
    """Unix time of a day, with or without a time of day; 0 for none.

    Args:
        word: as the client wrote it.
        zone: of its clock.
        length: added to a day without a time, less one second where it is not 0.
    """
    if not word:
        return 0
    try:
        time = datetime.datetime.fromisoformat(word).replace(tzinfo=zone)
        if len(word) <= len("2021-03-17") and length:
            time += length - datetime.timedelta(seconds=1)
        return min(max(int(time.timestamp()), 1), 2**31 - 1)
    except (ValueError, OverflowError):
        raise Refused("参数错误", PARAMETER_ERROR) from None


@OTHERS.add("member/info", MemberParams, console.MemberInfo)
async def member_info(call: Call, params: MemberParams) -> Any:
    """A customer, as the shop knows them. Of a member of the platform who was only written to,
    nothing but the name: else an agent could write to all of them, and know them all."""
    member_id, site_id = await linked(call, params.member_id), call.by.agent.site_id
    card = await call.servicer.card(member_id)
    member = None
    if await call.servicer.database.read(lambda c: conversations.has_come(c, site_id, member_id)):
        member = await call.servicer.shop.member(member_id)
    balances = (member.balance, member.balance_money) if member else ("0.00", "0.00")
    return {
        "member_id": member_id,
        "nickname": card.name,
        "headimg": card.headimg,
        "mobile": member.mobile if member else "",
        "member_level_name": member.member_level_name if member else "",
        "balance": balances[0],
        "balance_money": balances[1],
        "total_balance": f"{sum(map(float, balances)):.2f}",
        "login_type": member.login_type if member else "",
        "login_type_name": member.login_type_name if member else "",
    }


@OTHERS.add("config/config", Params, console.ReachValue)
async def config(call: Call, params: Params) -> Any:
    """How customers reach the shop's agents, and where the console's socket goes."""
    value = await client_config(call.servicer, call.request, call.by.agent.site_id)
    return {"value": value}


@OTHERS.add("config/fastList", Params, list[console.QuickReply])
async def fast_list(call: Call, params: Params) -> Any:
    """What the agents of the shop often say, to be chosen from."""
    site_id = call.by.agent.site_id
    found = await call.servicer.database.read(lambda c: replies.quick(c, site_id))
    return [{"content": content} for content in found]


endpoints = [*INDEX, *OTHERS]
