"""Numbers of what was said, counted by the database.

Days are those stored with the messages, the local dates at that time. One index has everything that
is counted, so that no message is read; ``ENQUIRY_LIFE`` bounds how long anybody waits.
"""

from __future__ import annotations

import datetime
from collections.abc import Collection
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, extract, func, select

from .dialogues import Side
from .tables import conversation, dialogue, enquiry

ENQUIRY_LIFE = 7 * 86400
"""Seconds after which nobody waits for an answer any more."""


class Count(NamedTuple):
    """Messages of one day or hour.

    Args:
        day: the local date.
        hour: 0 to 23, 0 where days are counted.
        side: who said them.
        automatic: 1: answers to keywords, which nobody said.
        servicer_id: the agent whose they are; 0 of the customers'.
        messages: how many.
        members: of how many customers, or to how many.
    """

    day: datetime.date
    hour: int
    side: Side
    automatic: int
    servicer_id: int
    messages: int
    members: int


class Enquiry(NamedTuple):
    """An enquiry; see ``enquiries.py``. ``answer_time`` and ``servicer_id`` 0: no answer yet."""

    shop_id: int
    member_id: int
    servicer_id: int
    day: datetime.date
    start_time: int
    answer_time: int


class Waiting(NamedTuple):
    """How many customers wait for a first answer, and since when the first of them; 0: nobody."""

    members: int
    since: int


def count(
    connection: Connection,
    site_ids: Collection[int],
    first: datetime.date,
    last: datetime.date,
    *,
    by_hour: bool = False,
) -> list[Count]:
    """Count the messages of shops.

    Args:
        connection: any.
        site_ids: the shops.
        first: first day.
        last: last day.
        by_hour: each hour by itself, and no agents.
    """
    columns = dialogue.c
    hour = extract("hour", columns.create_time)
    found: list[Count] = []
    for side in Side:
        # All of the index's columns up to the one that is counted: so it need not be sorted.
        group: list[ColumnElement[Any]] = [
            columns.shop_id,
            columns.create_day,
            columns.type,
            columns.automatic,
        ]
        if by_hour:
            group.append(hour)
        elif side is Side.AGENT:
            group.append(columns.servicer_id)
        query = (
            select(*group, func.count(), func.count(columns.member_id.distinct()))
            .where(
                columns.shop_id.in_(site_ids),
                columns.create_day.between(first, last),
                columns.type == int(side),
            )
            .group_by(*group)
        )
        for _, day, _, automatic, *more, messages, members in connection.execute(query):
            at = int(more[0]) if by_hour else 0
            agent = more[0] if side is Side.AGENT and not by_hour else 0
            found.append(Count(day, at, side, automatic, agent, messages, members))
    return found


def enquiries(
    connection: Connection, site_ids: Collection[int], first: datetime.date, last: datetime.date
) -> list[Enquiry]:
    """The enquiries of shops that began from the first day to the last, in that order."""
    columns = enquiry.c
    query = select(
        columns.shop_id,
        columns.member_id,
        columns.servicer_id,
        columns.start_day,
        columns.start_time,
        columns.answer_time,
    ).where(columns.shop_id.in_(site_ids), columns.start_day.between(first, last))
    rows = [Enquiry(*row) for row in connection.execute(query)]
    return sorted(rows, key=lambda row: row.start_time)


def waiting(connection: Connection, site_ids: Collection[int], now: float) -> Waiting:
    """The customers of shops whose enquiry no agent has answered yet."""
    since = conversation.c.enquiry_since
    query = select(func.count(), func.min(since)).where(
        conversation.c.shop_id.in_(site_ids), since > int(now) - ENQUIRY_LIFE
    )
    members, first = connection.execute(query).one()
    return Waiting(members, first or 0)


def sites(connection: Connection) -> list[int]:
    """The shops that anybody has talked to, by their ids."""
    found: list[int] = []
    after = -1
    while True:  # one look into the index for each, however many conversations there are
        query = select(func.min(conversation.c.shop_id)).where(conversation.c.shop_id > after)
        next_one = connection.execute(query).scalar()
        if next_one is None:
            return found
        found.append(next_one)
        after = next_one
