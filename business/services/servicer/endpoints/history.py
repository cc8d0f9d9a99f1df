"""Everything that was said in a shop, for its back office: found, read and taken along.

Nothing here changes anything: what is read here stays unread for the agents.
"""

from __future__ import annotations

import asyncio
import datetime
import html
import logging
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

from aiohttp import web

from ..answers import history as answers
from ..envelope import PARAMETER_ERROR, Family, Refused
from ..export import FORMATS, Writer
from ..history import show
from ..params import Number, Params, Search, Word, limit_of, to_number
from ..store import archive
from ..store.agents import Role
from ..store.archive import Place, Wanted
from ..store.dialogues import Row
from ..store.errors import StoreError
from .console import DAY, choice, moment
from .customer import NO_SHOP
from .table import Call, Caller, Declarations

log = logging.getLogger(__name__)

SHOP = Declarations("shop", Caller.SHOP, Family.MODEL)
PLATFORM = Declarations("admin", Caller.PLATFORM, Family.MODEL)

LIST_SIZE = 30
"""Messages per page."""

AROUND = 20
"""Messages before and after the one that a conversation is opened at."""

EXPORTED = 1000
"""Messages that are read at once for a file."""

PATIENCE = 1.5
"""Seconds that a page of a search may take, and then some."""


class ShopParams(Params):
    """``site_id``: of the platform only; a shop sees itself."""

    site_id: Number = 0


class FilterParams(ShopParams):
    """``text``: part of a message. ``member``: part of a customer's name, or the id.
    ``servicer_id``: the agent. ``content_type``: a number, empty: all. ``since``, ``until``: days
    or local times, both included. ``site_id``: of the platform only."""

    text: Search = ""
    member: Search = ""
    servicer_id: Number = 0
    content_type: Word = ""
    since: Word = ""
    until: Word = ""


class SearchParams(FilterParams):
    """As for ``history/export``. ``before``: ``next`` of the page before this one."""

    before: Word = ""
    page_size: Number = LIST_SIZE


class ExportParams(FilterParams):
    """``format``: ``csv`` or ``jsonl``. ``lang``: of the first line of a table, ``zh-CN`` or
    ``en``. ``text``: part of a message. ``member``: part of a customer's name, or the id.
    ``servicer_id``: the agent. ``content_type``: a number, empty: all. ``since``, ``until``: days
    or local times, both included. ``site_id``: of the platform only."""

    format: Word = "csv"
    lang: Word = "zh-CN"


class ConversationParams(ShopParams):
    """With ``id`` what was said around that message; with ``before_id`` what was said before it,
    with ``after_id`` what followed; with none of them the end of the conversation."""

    member_id: Number = 0
    id: Number = 0
    before_id: Number = 0
    after_id: Number = 0


async def shop_of(call: Call, params: ShopParams) -> int:
    """The shop that somebody may read, and wants to.

    Raises:
        Refused: there is no such shop.
    """
    if call.by.agent.role is Role.SHOP:
        return call.by.agent.site_id
    site = await call.servicer.site(params.site_id)
    if site is None:
        raise Refused(NO_SHOP)
    return site.site_id


async def wanted_of(call: Call, site_id: int, params: FilterParams) -> Wanted:
    """What is looked for.

    Raises:
        Refused: a parameter is none.
    """
    if params.servicer_id < 0:
        raise Refused("参数错误", PARAMETER_ERROR)
    members = None
    if params.member:
        members = await call.servicer.database.read(
            lambda c: archive.members(c, site_id, params.member)
        )
    zone = call.servicer.zone
    return Wanted(
        text=html.escape(params.text, quote=False),
        member_ids=members,
        servicer_id=params.servicer_id,
        content_type=choice(params.content_type),
        since=moment(params.since, zone, datetime.timedelta()),
        until=moment(params.until, zone, DAY),
    )


def _place(word: str) -> Place | None:
    """A place as ``next`` names it.

    Raises:
        Refused: it is none.
    """
    if not word:
        return None
    parts = [to_number(part) for part in word.split("-")]
    if len(parts) != 2 or min(parts) < 0:
        raise Refused("参数错误", PARAMETER_ERROR)
    return Place(*parts)


@SHOP.add("history/index", SearchParams, answers.Found)
@PLATFORM.add("history/index", SearchParams, answers.Found)
async def index(call: Call, params: SearchParams) -> Any:
    """Messages of a shop, the newest first.

    A search for a text looks through so many as it can in a second or two, and then tells by
    ``is_cut`` that there may be more: ask again with ``before``.
    """
    site_id = await shop_of(call, params)
    wanted, before = await wanted_of(call, site_id, params), _place(params.before)
    limit = limit_of(params.page_size, LIST_SIZE)
    found = await call.servicer.database.read(
        lambda c: archive.search(c, site_id, wanted, before, limit, PATIENCE)
    )
    many = wanted.member_ids is not None and len(wanted.member_ids) >= archive.MAX_MEMBERS
    return {
        "list": await _show(call, site_id, found.rows),
        "next": f"{found.next.add_time}-{found.next.id}" if found.next else "",
        "is_cut": found.is_cut,
        "searched_to": found.next.add_time if found.next else 0,
        "too_many_members": many,
    }


async def _show(call: Call, site_id: int, rows: list[Row]) -> list[dict[str, Any]]:
    """Messages as ``dialogs`` shows them, with who the customer is."""
    ids = {row["member_id"] for row in rows}
    shown, names = await asyncio.gather(
        show(rows, site_id, call.servicer.directory, call.servicer.shop),
        call.servicer.database.read(lambda c: archive.names(c, site_id, ids)),
    )
    nobody = ("", "")
    return [
        {
            **row,
            "automatic": stored["automatic"],
            "member_name": names.get(row["member_id"], nobody)[0],
            "headimg": names.get(row["member_id"], nobody)[1],
        }
        for row, stored in zip(shown, rows, strict=True)
    ]


@SHOP.add("history/conversation", ConversationParams, answers.Conversation)
@PLATFORM.add("history/conversation", ConversationParams, answers.Conversation)
async def conversation(call: Call, params: ConversationParams) -> Any:
    """A part of a conversation, oldest first; nothing counts as read by it."""
    site_id = await shop_of(call, params)
    numbers = (params.member_id, params.id, params.before_id, params.after_id)
    if min(numbers) < 0 or params.member_id == 0:
        raise Refused("参数错误", PARAMETER_ERROR)
    first = params.before_id or params.id
    last = params.after_id + 1 if params.after_id else params.id
    if not first and not params.after_id:
        first = 2**62
    before, after = await call.servicer.database.read(
        lambda c: archive.around(c, site_id, params.member_id, first, last, AROUND + 1)
    )
    has_earlier, has_later = len(before) > AROUND, len(after) > AROUND
    rows = before[-AROUND:] + after[:AROUND]
    return {
        "list": await _show(call, site_id, rows),
        "has_earlier": has_earlier,
        "has_later": has_later,
    }


@SHOP.add("history/choices", ShopParams, answers.Choices)
@PLATFORM.add("history/choices", ShopParams, answers.Choices)
async def choices(call: Call, params: ShopParams) -> Any:
    """What a search may be narrowed to: agents, also those who were let go, and to the platform
    its shops."""
    servicer, site_id = call.servicer, await shop_of(call, params)
    agents = await servicer.directory.were_of_site(site_id)
    sites = []
    if call.by.agent.role is Role.PLATFORM:
        for known in sorted({*await servicer.directory.sites(), servicer.default_site}):
            site = await servicer.site(known)
            if site is not None:
                sites.append({"site_id": known, "site_name": site.site_name})
    return {
        "site_id": site_id,
        "agents": [{"servicer_id": one.uid, "nickname": one.nickname} for one in agents],
        "sites": sites,
    }


@SHOP.add("history/export", ExportParams, bytes, files=FORMATS.values())
@PLATFORM.add("history/export", ExportParams, bytes, files=FORMATS.values())
async def export(call: Call, params: ExportParams) -> Any:
    """All messages that a search finds, as a file, the newest first."""
    if params.format not in FORMATS:
        raise Refused("参数错误", PARAMETER_ERROR)
    servicer, site_id = call.servicer, await shop_of(call, params)
    wanted = await wanted_of(call, site_id, params)
    writer = Writer(params.format, params.lang, servicer.zone)
    portions = _portions(call, site_id, wanted)
    # The first portion before the answer begins: what is refused now can still be said.
    first = await anext(portions)
    name = f"kefu-{site_id}-{servicer.local_time():%Y%m%d-%H%M%S}.{params.format}"
    answer = web.StreamResponse(
        headers={
            "Content-Type": FORMATS[params.format],
            "Content-Disposition": f'attachment; filename="{name}"',
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
        }
    )
    await answer.prepare(call.request)
    try:
        await answer.write(writer.beginning() + await _lines(call, site_id, writer, first))
        async for rows in portions:
            await answer.write(await _lines(call, site_id, writer, rows))
        await answer.write_eof()
    except ConnectionError:
        pass  # nobody wants the rest
    except StoreError as error:
        log.error("history/export: %s", error)
        if call.request.transport is not None:
            call.request.transport.abort()  # half a file must not look like a whole one
    return answer


async def _portions(call: Call, site_id: int, wanted: Wanted) -> AsyncIterator[list[Row]]:
    """Everything wanted, in portions."""
    before: Place | None = None
    while True:
        query = partial(
            archive.search,
            site_id=site_id,
            wanted=wanted,
            before=before,
            limit=EXPORTED,
            patience=PATIENCE,
        )
        found = await call.servicer.database.read(query)
        yield found.rows
        before = found.next
        if before is None:
            return


async def _lines(call: Call, site_id: int, writer: Writer, rows: list[Row]) -> bytes:
    ids = {row["member_id"] for row in rows}
    names = await call.servicer.database.read(lambda c: archive.names(c, site_id, ids))
    agents = {
        uid: await call.servicer.directory.get(uid)
        for uid in {row["servicer_id"] for row in rows}
        if uid
    }
    return writer.lines(
        rows,
        {member_id: name for member_id, (name, _) in names.items()},
        {uid: agent.nickname for uid, agent in agents.items() if agent is not None},
    )


endpoints = [*SHOP, *PLATFORM]
