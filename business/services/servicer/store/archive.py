"""What a back office looks for in all that was said to a shop and by it.

Lists go back in time from one place to the next, never by counting rows, so that the thousandth
page costs what the first does. A text has no index: it is looked for in portions of ``STEP``
messages, until there are enough, or the time is up and the caller is told where to go on.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Collection
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Select, and_, or_, select, true

from ..identity import TABLE_PREFIX as PREFIX
from ..params import MAX_NUMBER
from .dialogues import Row, to_json
from .tables import conversation, dialogue

STEP = 5000
"""Messages that one statement looks through."""

MAX_MEMBERS = 200
"""Customers of a name whose messages are looked for: those who were there last."""


class Place(NamedTuple):
    """Where a message stands among those of its shop.

    Args:
        add_time: Unix time at which it was stored.
        id: of several at that time the larger is the later one.
    """

    add_time: int
    id: int


@dataclasses.dataclass(frozen=True, slots=True)
class Wanted:
    """Which messages of a shop are wanted.

    Args:
        text: part of a text without its tags, as it is stored; "": all. Upper and lower case are
            the same; of other letters than a to z, as the database has it.
        member_ids: of the customers; None: all.
        servicer_id: of the agent who said it or was told; 0: any.
        content_type: number of a ``ContentType``; None: all.
        since: Unix time of the first; 0: from the beginning.
        until: Unix time of the last; 0: up to now.
    """

    text: str = ""
    member_ids: Collection[int] | None = None
    servicer_id: int = 0
    content_type: int | None = None
    since: int = 0
    until: int = 0

    @property
    def needs_search(self) -> bool:
        """Whether messages must be looked at to know whether they are wanted."""
        return bool(self.text or self.servicer_id or self.content_type is not None)


class Found(NamedTuple):
    """Messages, the newest first.

    Args:
        rows: of the store.
        next: the place before which there may be more; None: that was all.
        is_cut: whether the time was up before there were as many as were asked for.
    """

    rows: list[Row]
    next: Place | None
    is_cut: bool


def search(
    connection: Connection,
    site_id: int,
    wanted: Wanted,
    before: Place | None,
    limit: int,
    patience: float,
) -> Found:
    """Messages of a shop, the newest first.

    Args:
        connection: any.
        site_id: the shop.
        wanted: which of them.
        before: only what is older; None: from the newest on.
        limit: most rows.
        patience: seconds after which no further portion is looked through; the first always is.
    """
    if wanted.member_ids is not None:
        return _of_members(connection, site_id, wanted, before, limit)
    deadline = time.monotonic() + patience
    rows: list[Row] = []
    while True:
        floor = _floor(connection, site_id, wanted, before) if wanted.needs_search else None
        here = _between(site_id, wanted, before)
        if floor is not None:
            here &= dialogue.c.add_time >= floor.add_time
            here &= or_(dialogue.c.add_time != floor.add_time, dialogue.c.id >= floor.id)
        query = _by_time(select(dialogue).where(here, _matches(wanted)))
        found = connection.execute(query.limit(limit + 1 - len(rows))).mappings()
        rows += [to_json(row) for row in found]
        if len(rows) > limit:
            return Found(rows[:limit], place_of(rows[limit - 1]), is_cut=False)
        if floor is None:
            return Found(rows, None, is_cut=False)
        before = floor
        if time.monotonic() > deadline:
            return Found(rows, floor, is_cut=True)


def _of_members(
    connection: Connection, site_id: int, wanted: Wanted, before: Place | None, limit: int
) -> Found:
    """What some customers have said and were told: all of these conversations are read."""
    # A sum has no index: with one, servers would rather go through all messages of the shop in
    # their order than read a few conversations and sort them.
    moment = dialogue.c.add_time + 0
    where = (dialogue.c.shop_id == site_id) & dialogue.c.member_id.in_(wanted.member_ids or ())
    where &= _matches(wanted)
    if wanted.since:
        where &= moment >= wanted.since
    if wanted.until:
        where &= moment <= wanted.until
    if before is not None:
        later_id = and_(moment == before.add_time, dialogue.c.id < before.id)
        where &= or_(moment < before.add_time, later_id)
    query = select(dialogue).where(where).order_by(moment.desc(), dialogue.c.id.desc())
    rows = [to_json(row) for row in connection.execute(query.limit(limit + 1)).mappings()]
    if len(rows) > limit:
        return Found(rows[:limit], place_of(rows[limit - 1]), is_cut=False)
    return Found(rows, None, is_cut=False)


def _by_time(query: Select[Any]) -> Select[Any]:
    """The newest first, by the index that is in this order. MariaDB and MySQL would rather read
    all messages of a shop by another one and sort them, which takes seconds."""
    query = query.with_hint(dialogue, f"FORCE INDEX ({PREFIX}ix_dialogue_time)", "mysql")
    return query.order_by(dialogue.c.add_time.desc(), dialogue.c.id.desc())


def place_of(row: Row) -> Place:
    """Where a message stands."""
    return Place(row["add_time"], row["id"])


def _is_before(place: Place) -> ColumnElement[bool]:
    """Of messages up to the time of a place: whether they stand before it."""
    return or_(dialogue.c.add_time != place.add_time, dialogue.c.id < place.id)


def _between(site_id: int, wanted: Wanted, before: Place | None) -> ColumnElement[bool]:
    """The part of the index by time that the wanted messages are in."""
    where = dialogue.c.shop_id == site_id
    until = wanted.until
    if before is not None:
        until = min(until or before.add_time, before.add_time)
        where &= _is_before(before)
    if until:
        where &= dialogue.c.add_time <= until
    if wanted.since:
        where &= dialogue.c.add_time >= wanted.since
    return where


def _matches(wanted: Wanted) -> ColumnElement[bool]:
    where: list[ColumnElement[bool]] = []
    if wanted.text:
        where.append(dialogue.c.message.icontains(wanted.text, autoescape=True))
    if wanted.servicer_id:
        where.append(dialogue.c.servicer_id == wanted.servicer_id)
    if wanted.content_type is not None:
        where.append(dialogue.c.content_type == wanted.content_type)
    return and_(true(), *where)


def _floor(
    connection: Connection, site_id: int, wanted: Wanted, before: Place | None
) -> Place | None:
    """The last place of the next portion; None: there is not a whole one any more."""
    query = select(dialogue.c.add_time, dialogue.c.id).where(_between(site_id, wanted, before))
    row = connection.execute(_by_time(query).offset(STEP - 1).limit(1)).first()
    return None if row is None else Place(*row)


# Customers


def members(connection: Connection, site_id: int, text: str) -> list[int]:
    """The customers of a shop whose name has a part, or whose id it is; the latest
    ``MAX_MEMBERS``."""
    is_wanted = conversation.c.member_name.icontains(text, autoescape=True)
    if text.isascii() and text.isdigit() and int(text[:20]) <= MAX_NUMBER:
        is_wanted |= conversation.c.member_id == int(text)
    query = select(conversation.c.member_id).where(conversation.c.shop_id == site_id, is_wanted)
    query = query.order_by(conversation.c.last_id.desc()).limit(MAX_MEMBERS)
    return list(connection.execute(query).scalars())


def names(
    connection: Connection, site_id: int, member_ids: Collection[int]
) -> dict[int, tuple[str, str]]:
    """Name and picture of customers of a shop, as they were stored last."""
    if not member_ids:
        return {}
    query = select(
        conversation.c.member_id, conversation.c.member_name, conversation.c.headimg
    ).where(conversation.c.shop_id == site_id, conversation.c.member_id.in_(member_ids))
    return {row.member_id: (row.member_name, row.headimg) for row in connection.execute(query)}


# A conversation


def around(
    connection: Connection, site_id: int, member_id: int, first: int, last: int, limit: int
) -> tuple[list[Row], list[Row]]:
    """What stands before a message of a conversation, and what follows.

    Args:
        connection: any.
        site_id: the shop.
        member_id: the customer.
        first: only messages with a smaller id are before; 0: none are wanted.
        last: only messages with an id of this or more follow; 0: none are wanted.
        limit: most rows of each of the two.

    Returns:
        Both oldest first.
    """
    mine = select(dialogue).where(dialogue.c.shop_id == site_id, dialogue.c.member_id == member_id)
    ids = dialogue.c.id

    def rows(query: Any) -> list[Row]:
        return [to_json(row) for row in connection.execute(query.limit(limit)).mappings()]

    before = rows(mine.where(ids < first).order_by(ids.desc()))[::-1] if first else []
    return before, rows(mine.where(ids >= last).order_by(ids)) if last else []
