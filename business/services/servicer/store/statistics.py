"""Numbers of what was said, counted by the database.

A day that is over is counted once and its numbers are kept (``servicer_tally``), so that a month
costs as much as its days, however much was said in them.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, delete, func, insert, select

from .dialogues import Side
from .tables import conversation, dialogue, enquiry, tally

ENQUIRY_LIFE = 7 * 86400
"""Seconds after which nobody waits for an answer any more."""

DAY = 26 * 3600
"""Seconds that no day is longer than."""

HOUR = 3600


class Count(NamedTuple):
    """Messages of one shop in one day or hour.

    Args:
        shop_id: the shop.
        start_time: Unix time at which the day or hour begins.
        type: number of the ``Side`` that said them.
        automatic: 1: answers to keywords, which nobody said.
        servicer_id: the agent whose they are; 0 of the customers', and where hours are counted.
        messages: how many.
        members: of how many customers, or to how many.
    """

    shop_id: int
    start_time: int
    type: int
    automatic: int
    servicer_id: int
    messages: int
    members: int


class Enquiry(NamedTuple):
    """An enquiry; see ``enquiries.py``. ``answer_time`` and ``servicer_id`` 0: no answer yet."""

    shop_id: int
    member_id: int
    servicer_id: int
    start_time: int
    answer_time: int


class Waiting(NamedTuple):
    """How many customers wait for a first answer, and since when the first of them; 0: nobody."""

    members: int
    since: int


def count(connection: Connection, site_ids: Collection[int], start: int, end: int) -> list[Count]:
    """Count the messages of one day.

    Args:
        connection: any.
        site_ids: the shops.
        start: Unix time at which the day begins.
        end: when it is over.

    Returns:
        For each shop a row of what customers said, also where they said nothing, and one for each
        agent and for automatic answers.
    """
    columns = dialogue.c
    shop, agent = columns.shop_id, columns.servicer_id
    silent = {
        site_id: Count(site_id, start, int(Side.CUSTOMER), 0, 0, 0, 0) for site_id in site_ids
    }
    found = []
    for site_id, *numbers in _rows(connection, site_ids, Side.CUSTOMER, start, end, shop):
        silent[site_id] = Count(site_id, start, int(Side.CUSTOMER), 0, 0, *numbers)
    for site_id, automatic, servicer_id, *numbers in _rows(
        connection, site_ids, Side.AGENT, start, end, shop, columns.automatic, agent
    ):
        found.append(Count(site_id, start, int(Side.AGENT), automatic, servicer_id, *numbers))
    return [*silent.values(), *found]


def count_hours(
    connection: Connection, site_ids: Collection[int], start: int, end: int
) -> list[Count]:
    """Count the messages of the hours of one day; those in which nothing was said are left out."""
    columns = dialogue.c
    hour = (columns.add_time - start) // HOUR
    return [
        Count(site_id, start + HOUR * int(at), int(side), automatic, 0, *numbers)
        for side in Side
        for site_id, automatic, at, *numbers in _rows(
            connection, site_ids, side, start, end, columns.shop_id, columns.automatic, hour
        )
    ]


def _rows(
    connection: Connection,
    site_ids: Collection[int],
    side: Side,
    start: int,
    end: int,
    *group: ColumnElement[Any],
) -> Sequence[Any]:
    columns = dialogue.c
    query = (
        select(*group, func.count(), func.count(columns.member_id.distinct()))
        .where(
            columns.shop_id.in_(site_ids),
            columns.add_time >= start,
            columns.add_time < end,
            columns.type == int(side),
        )
        .group_by(*group)
    )
    return connection.execute(query).all()


# Days that were counted


def counted(
    connection: Connection, site_ids: Collection[int], since: int, until: int
) -> list[Count]:
    """What is kept of the days of shops that begin from one Unix time on, and before another."""
    query = select(*(tally.c[name] for name in Count._fields)).where(
        tally.c.shop_id.in_(site_ids), tally.c.start_time >= since, tally.c.start_time < until
    )
    return [Count._make(row) for row in connection.execute(query).all()]


def keep(connection: Connection, start: int, counts: Sequence[Count]) -> None:
    """Keep the numbers of a day that is over, in place of those that may be there."""
    for site_id in {one.shop_id for one in counts}:
        forget(connection, site_id, start, start + 1)
    if counts:
        connection.execute(insert(tally), [one._asdict() for one in counts])


def forget(connection: Connection, site_id: int, since: int, until: int) -> None:
    """Count days again: those that begin from one Unix time on, and before another."""
    connection.execute(
        delete(tally).where(
            tally.c.shop_id == site_id, tally.c.start_time >= since, tally.c.start_time < until
        )
    )


# Enquiries, and who waits


def enquiries(
    connection: Connection, site_ids: Collection[int], since: int, until: int
) -> list[Enquiry]:
    """The enquiries of shops that began from one Unix time on, and before another, in that
    order."""
    columns = enquiry.c
    query = select(*(columns[name] for name in Enquiry._fields)).where(
        columns.shop_id.in_(site_ids), columns.start_time >= since, columns.start_time < until
    )
    rows = [Enquiry._make(row) for row in connection.execute(query).all()]
    rows.sort(key=lambda row: row.start_time)
    return rows


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
