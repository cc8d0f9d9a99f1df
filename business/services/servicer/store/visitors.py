"""Visitors: made, and moved to the members whom they turn out to be."""

from __future__ import annotations

from sqlalchemy import Connection, delete, insert, select, update

from ..params import MAX_NUMBER
from . import conversations, enquiries, statistics
from .pairs import Card
from .tables import conversation, dialogue, member, visitor


def add(connection: Connection, now: float) -> int:
    """Make one; returns its number, from 1."""
    made = connection.execute(insert(visitor), {"create_time": int(now)}).inserted_primary_key
    assert made is not None  # noqa: S101 - the table has a primary key
    return int(made[0])


def has_talked(connection: Connection, member_id: int) -> bool:
    """Whether a visitor has had to do with any shop since last moved."""
    query = select(conversation.c.id).where(conversation.c.member_id == member_id)
    return connection.execute(query.limit(1)).first() is not None


def move(connection: Connection, visitor_id: int, number: int, card: Card, now: float) -> list[int]:
    """Make a visitor's conversations a member's. Idempotent.

    Args:
        connection: in a unit without a key: it locks conversations of two members.
        visitor_id: whose they are, as a member id.
        number: of the visitor.
        card: the member.
        now: Unix time.

    Returns:
        Agents who believe that the visitor is there.
    """
    to = card.member_id
    query = select(conversation.c.shop_id).where(conversation.c.member_id == visitor_id)
    sites = sorted(row[0] for row in connection.execute(query))
    # All locks in the order in which everybody takes them: by member, then by shop.
    mine = [conversations.lock(connection, site_id, to, now) for site_id in sites]
    theirs = [conversations.lock(connection, site_id, visitor_id, now) for site_id in sites]
    for site_id, target, source in zip(sites, mine, theirs, strict=True):
        _move_messages(connection, site_id, visitor_id, to)
        if source.last_id > target.last_id:
            target.last_id, target.servicer_id = source.last_id, source.servicer_id
        waiting = [mark for mark in (target.waiting_id, source.waiting_id) if mark]
        target.waiting_id = min(waiting, default=0)
        target.member_time = max(target.member_time, source.member_time)
        since = [time for time in (target.enquiry_since, source.enquiry_since) if time]
        target.enquiry_since = min(since, default=0)
        target.last_time = max(target.last_time, source.last_time)
        enquiries.move(connection, site_id, visitor_id, to)
        target.name(card)
        conversations.save(connection, target)
        connection.execute(delete(conversation).where(conversation.c.id == source.id))
    told = _move_pairs(connection, visitor_id, card)
    values = {"member_id": to, "merge_time": int(now)}
    connection.execute(update(visitor).where(visitor.c.id == number).values(**values))
    return told


def _move_messages(connection: Connection, site_id: int, visitor_id: int, to: int) -> None:
    of_site = dialogue.c.shop_id == site_id
    theirs = of_site & (dialogue.c.member_id == visitor_id)
    query = select(dialogue.c.id).where(theirs).order_by(dialogue.c.id).limit(1)
    first = connection.execute(query).scalar()
    if first is None:
        return
    connection.execute(update(dialogue).where(theirs).values(member_id=to))
    # Two customers of a day may have become one.
    since = select(dialogue.c.add_time).where(dialogue.c.id == first)
    begin = connection.execute(since).scalar_one() - statistics.DAY
    statistics.forget(connection, site_id, begin, MAX_NUMBER)
    # Each message names the one before it, which now may be one of the other.
    mine = of_site & (dialogue.c.member_id == to)
    query = select(dialogue.c.id).where(mine, dialogue.c.id < first)
    before = connection.execute(query.order_by(dialogue.c.id.desc()).limit(1)).scalar() or 0
    rows = connection.execute(
        select(dialogue.c.id, dialogue.c.prev_id)
        .where(mine, dialogue.c.id >= first)
        .order_by(dialogue.c.id)
    ).all()
    for row_id, prev_id in rows:
        if prev_id != before:
            one = update(dialogue).where(dialogue.c.id == row_id)
            connection.execute(one.values(prev_id=before))
        before = row_id


def _move_pairs(connection: Connection, visitor_id: int, card: Card) -> list[int]:
    query = select(member.c.servicer_id).where(member.c.member_id == card.member_id)
    known = {row[0] for row in connection.execute(query)}
    query = select(member.c.id, member.c.servicer_id, member.c.online)
    theirs = connection.execute(query.where(member.c.member_id == visitor_id)).all()
    for row_id, servicer_id, _ in theirs:
        one = member.c.id == row_id
        if servicer_id in known:
            connection.execute(delete(member).where(one))
            continue
        # The member is there by another socket, which is bound next.
        values = {
            "member_id": card.member_id,
            "member_name": card.name[:64],
            "headimg": card.headimg[:255],
            "online": 0,
            "client_id": "",
            "disconnect_due": 0,
        }
        connection.execute(update(member).where(one).values(**values))
    return [servicer_id for _, servicer_id, online in theirs if online]
