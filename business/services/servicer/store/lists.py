"""Lists of a shop's conversations and messages, as its agents see them.

What they cost depends on the rows that they return and on the number of the shop's customers, never
on how much was said: conversations know their last message, and unread messages have an index.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection
from typing import Any

from sqlalchemy import Connection, Select, func, select

from .dialogues import Row, Side, to_json
from .tables import conversation, dialogue, member


@dataclasses.dataclass(frozen=True, slots=True)
class Search:
    """Which messages of a conversation are wanted.

    Args:
        content_type: number of a ``ContentType``; None: all.
        text: part of a text without its tags, as it is stored; "": all.
        since: Unix time of the first; 0: all.
        until: Unix time of the last; 0: all.
    """

    content_type: int | None = None
    text: str = ""
    since: int = 0
    until: int = 0


_LAST = (
    "create_time", "add_time", "content_type", "content", "consumer_say", "servicer_say", "type",
    "servicer_id", "recalled",
)  # fmt: skip

_LAST_COLUMNS = (dialogue.c.id, *(dialogue.c[name] for name in _LAST))

_TALK = (
    conversation.c.member_id,
    conversation.c.member_name,
    conversation.c.headimg,
    conversation.c.waiting_id,
    conversation.c.last_id,
)


def of_shop(
    connection: Connection, site_id: int, name: str, offset: int, limit: int
) -> tuple[list[Row], int]:
    """A page of a shop's conversations, the latest first, and how many there are.

    Args:
        connection: any.
        site_id: the shop.
        name: part of the members' names, "" for all; upper and lower case are the same.
        offset: rows to leave out.
        limit: most rows.

    Returns:
        Of each conversation the member, the last message and its ``last_id``, ``online``,
        ``unread`` (how many messages of the customer nobody has read) and ``unassigned`` (1: no
        agent has got it yet).
    """
    wanted = (conversation.c.shop_id == site_id) & (conversation.c.last_id > 0)
    if name:
        wanted &= conversation.c.member_name.icontains(name, autoescape=True)
    count = connection.execute(
        select(func.count()).select_from(conversation).where(wanted)
    ).scalar_one()
    query = select(*_TALK).where(wanted)
    query = query.order_by(conversation.c.last_id.desc()).offset(offset).limit(limit)
    return _show(connection, site_id, query), count


def waiting(connection: Connection, site_id: int, limit: int) -> list[Row]:
    """The conversations of a shop that wait for an agent, who waits longest first, as ``of_shop``
    shows them."""
    query = select(*_TALK).where(conversation.c.shop_id == site_id, conversation.c.waiting_id > 0)
    return _show(connection, site_id, query.order_by(conversation.c.waiting_id).limit(limit))


def _show(connection: Connection, site_id: int, query: Select[Any]) -> list[Row]:
    talks = connection.execute(query).all()
    ids = [talk.member_id for talk in talks]
    last = _last(connection, [talk.last_id for talk in talks])
    counts = unread(connection, site_id, ids)
    there = _online(connection, site_id, ids)
    return [
        {
            "member_id": talk.member_id,
            "member_name": talk.member_name,
            "headimg": talk.headimg,
            **{name: last[talk.last_id][name] for name in _LAST},
            "online": int(talk.member_id in there),
            "unread": counts.get(talk.member_id, 0),
            "last_id": talk.last_id,
            "unassigned": int(talk.waiting_id > 0),
        }
        for talk in talks
        if talk.last_id in last
    ]


def unassigned(connection: Connection, site_id: int) -> int:
    """How many conversations of a shop wait for an agent."""
    query = select(func.count()).select_from(conversation)
    return connection.execute(
        query.where(conversation.c.shop_id == site_id, conversation.c.waiting_id > 0)
    ).scalar_one()


def with_unread(connection: Connection, site_id: int, limit: int) -> tuple[list[Row], int]:
    """The members who have said something to a shop that nobody has read, and how many they are."""
    per_member = (
        select(dialogue.c.member_id, func.count().label("unread"))
        .where(
            dialogue.c.shop_id == site_id,
            dialogue.c.type == int(Side.CUSTOMER),
            dialogue.c.read == 0,
        )
        .group_by(dialogue.c.member_id)
        .subquery()
    )
    count = connection.execute(select(func.count()).select_from(per_member)).scalar_one()
    query = (
        select(
            conversation.c.member_id,
            conversation.c.member_name,
            conversation.c.headimg,
            per_member.c.unread,
        )
        .join(per_member, per_member.c.member_id == conversation.c.member_id)
        .where(conversation.c.shop_id == site_id)
        .order_by(conversation.c.last_id.desc())
        .limit(limit)
    )
    return [dict(row) for row in connection.execute(query).mappings()], count


def unread(connection: Connection, site_id: int, member_ids: Collection[int]) -> dict[int, int]:
    """How many messages of each member nobody of a shop has read; members without are left out."""
    if not member_ids:
        return {}
    query = (
        select(dialogue.c.member_id, func.count())
        .where(
            dialogue.c.shop_id == site_id,
            dialogue.c.type == int(Side.CUSTOMER),
            dialogue.c.read == 0,
            dialogue.c.member_id.in_(member_ids),
        )
        .group_by(dialogue.c.member_id)
    )
    return {row[0]: row[1] for row in connection.execute(query).all()}


def search(
    connection: Connection, site_id: int, member_id: int, wanted: Search, offset: int, limit: int
) -> tuple[list[Row], int]:
    """A page of what was said in a conversation, newest first, and how many messages there are."""
    where = (dialogue.c.shop_id == site_id) & (dialogue.c.member_id == member_id)
    if wanted.content_type is not None:
        where &= dialogue.c.content_type == wanted.content_type
    if wanted.text:
        where &= dialogue.c.message.icontains(wanted.text, autoescape=True)
    if wanted.since:
        where &= dialogue.c.add_time >= wanted.since
    if wanted.until:
        where &= dialogue.c.add_time <= wanted.until
    count = connection.execute(select(func.count()).select_from(dialogue).where(where)).scalar_one()
    query = select(dialogue).where(where).order_by(dialogue.c.id.desc())
    found = connection.execute(query.offset(offset).limit(limit)).mappings()
    return [to_json(row) for row in found], count


def find(connection: Connection, site_id: int, dialogue_id: int) -> Row | None:
    """A message to or from a shop."""
    query = select(dialogue).where(dialogue.c.id == dialogue_id, dialogue.c.shop_id == site_id)
    row = connection.execute(query).mappings().first()
    return None if row is None else to_json(row)


def _last(connection: Connection, ids: Collection[int]) -> dict[int, Row]:
    """What a list shows of some messages, by id."""
    if not ids:
        return {}
    query = select(*_LAST_COLUMNS).where(dialogue.c.id.in_(ids))
    return {
        row.id: {**row._mapping, "create_time": row.create_time.isoformat()}
        for row in connection.execute(query).all()
    }


def _online(connection: Connection, site_id: int, member_ids: Collection[int]) -> set[int]:
    if not member_ids:
        return set()
    query = select(member.c.member_id).where(
        member.c.shop_id == site_id, member.c.online == 1, member.c.member_id.in_(member_ids)
    )
    return {row[0] for row in connection.execute(query).all()}
