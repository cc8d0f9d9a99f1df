"""Conversations: what a write locks, the last agent and the last message of (shop, member)."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Sequence
from typing import Any, NamedTuple, overload

from sqlalchemy import Connection, bindparam, func, insert, select, update

from .dialects import insert_if_missing, is_embedded
from .pairs import Card
from .prepared import Prepared
from .tables import conversation as table


@dataclasses.dataclass(slots=True)
class Conversation:
    """One (shop, member), as it was when its row was locked."""

    id: int
    servicer_id: int
    last_id: int
    member_time: int
    waiting_id: int = 0
    member_name: str = ""
    headimg: str = ""
    silent_since: int = 0
    last_time: int = 0
    enquiry_since: int = 0
    locked: tuple[int | str, ...] = ()
    """What seldom changes, as it is stored."""

    @property
    def seldom(self) -> tuple[int | str, ...]:
        """What seldom changes."""
        return (
            self.waiting_id,
            self.member_name,
            self.headimg,
            self.silent_since,
            self.enquiry_since,
        )

    def name(self, card: Card) -> None:
        """Note how lists show the member."""
        self.member_name, self.headimg = card.name[:64], card.headimg[:255]


class Talk(NamedTuple):
    """A conversation of a member that has a message."""

    site_id: int
    servicer_id: int
    last_id: int


_QUERY = select(
    table.c.id,
    table.c.servicer_id,
    table.c.last_id,
    table.c.member_time,
    table.c.waiting_id,
    table.c.member_name,
    table.c.headimg,
    table.c.silent_since,
    table.c.last_time,
    table.c.enquiry_since,
).where(table.c.shop_id == bindparam("site"), table.c.member_id == bindparam("member"))
_FIND = Prepared(_QUERY)
_LOCK = _QUERY.with_for_update()
_WITH_MESSAGE: dict[str, Any] = {
    "servicer_id": bindparam("servicer"),
    "last_id": bindparam("last"),
    "member_time": bindparam("seen"),
    "last_time": bindparam("said"),
}
_UPDATE_MESSAGE = Prepared(
    update(table).where(table.c.id == bindparam("which")).values(**_WITH_MESSAGE)
)
"""All that most messages change: an index is written anew where a column of it is only named."""
_UPDATE = Prepared(
    update(table)
    .where(table.c.id == bindparam("which"))
    .values(
        **_WITH_MESSAGE,
        waiting_id=bindparam("waiting"),
        member_name=bindparam("name"),
        headimg=bindparam("image"),
        silent_since=bindparam("silent"),
        enquiry_since=bindparam("enquiry"),
    )
)
_IS_LINKED = select(table.c.id).where(
    table.c.shop_id == bindparam("site"), table.c.member_id == bindparam("member")
)


@overload
def lock(connection: Connection, site_id: int, member_id: int, now: float) -> Conversation: ...
@overload
def lock(
    connection: Connection, site_id: int, member_id: int, now: float, *, make: bool
) -> Conversation | None: ...
def lock(
    connection: Connection, site_id: int, member_id: int, now: float, *, make: bool = True
) -> Conversation | None:
    """Lock the conversation until the transaction ends, making it where there is none, unless
    ``make`` is false: then it is None.

    On SQLite BEGIN IMMEDIATE has locked the database already. Others are locked by row: until the
    transaction ends, nobody else stores messages of this conversation, so that ids become visible
    in their order.
    """
    values = {"shop_id": site_id, "member_id": member_id, "create_time": int(now)}
    if not is_embedded(connection):
        return _lock(connection, values, make)
    found = _FIND.tuples(connection, {"site": site_id, "member": member_id})
    if found:
        return _of(found[0])
    if not make:
        return None
    made = connection.execute(insert(table), values).inserted_primary_key
    assert made is not None  # noqa: S101 - the table has a primary key
    return Conversation(made[0], 0, 0, 0)


def _lock(connection: Connection, values: dict[str, int], make: bool) -> Conversation | None:
    which = {"site": values["shop_id"], "member": values["member_id"]}
    row = connection.execute(_LOCK, which).first()
    if row is None and not make:
        return None
    if row is None:
        insert_if_missing(connection, table, values)
        row = connection.execute(_LOCK, which).one()
    return _of(row)


def _of(row: Sequence[Any]) -> Conversation:
    conversation = Conversation(*row)
    conversation.locked = conversation.seldom
    return conversation


def save(connection: Connection, conversation: Conversation) -> None:
    """Write what was changed in it."""
    values: dict[str, int | str] = {
        "which": conversation.id,
        "servicer": conversation.servicer_id,
        "last": conversation.last_id,
        "seen": conversation.member_time,
        "said": conversation.last_time,
    }
    if conversation.seldom == conversation.locked:
        _UPDATE_MESSAGE.run(connection, values)
        return
    _UPDATE.run(
        connection,
        {
            **values,
            "waiting": conversation.waiting_id,
            "name": conversation.member_name,
            "image": conversation.headimg,
            "silent": conversation.silent_since,
            "enquiry": conversation.enquiry_since,
        },
    )
    conversation.locked = conversation.seldom


def of_member(
    connection: Connection, member_id: int, offset: int, limit: int
) -> tuple[list[Talk], int]:
    """A page of a member's conversations that have a message, the latest first, and how many."""
    mine = (table.c.member_id == member_id) & (table.c.last_id > 0)
    count = connection.execute(select(func.count()).select_from(table).where(mine)).scalar_one()
    query = select(table.c.shop_id, table.c.servicer_id, table.c.last_id).where(mine)
    query = query.order_by(table.c.last_id.desc()).offset(offset).limit(limit)
    return [Talk(*row) for row in connection.execute(query)], count


def waiting(connection: Connection, site_id: int, limit: int) -> list[int]:
    """Members whose conversations with a shop wait for an agent, who waits longest first."""
    query = select(table.c.member_id).where(table.c.shop_id == site_id, table.c.waiting_id > 0)
    return [row[0] for row in connection.execute(query.order_by(table.c.waiting_id).limit(limit))]


def silent(connection: Connection, site_id: int, limit: int) -> list[int]:
    """Members who came to a shop while nobody was there and have said nothing, the first first."""
    query = select(table.c.member_id).where(
        table.c.shop_id == site_id, table.c.silent_since > 0, table.c.waiting_id == 0
    )
    query = query.order_by(table.c.silent_since, table.c.id).limit(limit)
    return [row[0] for row in connection.execute(query)]


def sites_waiting(connection: Connection, site_ids: Collection[int]) -> list[int]:
    """Those of the shops in which a conversation waits, or a member who has said nothing."""
    found: set[int] = set()
    for mark in (table.c.waiting_id, table.c.silent_since):
        query = select(table.c.shop_id).where(table.c.shop_id.in_(site_ids), mark > 0)
        found.update(row[0] for row in connection.execute(query.distinct()))
    return sorted(found)


def is_linked(connection: Connection, site_id: int, member_id: int) -> bool:
    """Whether this shop and this member have had to do with each other here."""
    return (
        connection.execute(_IS_LINKED, {"site": site_id, "member": member_id}).first() is not None
    )


def has_come(connection: Connection, site_id: int, member_id: int) -> bool:
    """Whether this member has come to this shop, or said something to it, of itself."""
    which = {"site": site_id, "member": member_id}
    return connection.execute(_IS_LINKED.where(table.c.member_time > 0), which).first() is not None


def card(connection: Connection, member_id: int) -> Card | None:
    """How a member was called when last heard of; None: nobody of that id was."""
    query = select(table.c.member_name, table.c.headimg).where(
        table.c.member_id == member_id, table.c.member_name != ""
    )
    row = connection.execute(query.order_by(table.c.last_id.desc()).limit(1)).first()
    return None if row is None else Card(member_id, row[0], row[1])
