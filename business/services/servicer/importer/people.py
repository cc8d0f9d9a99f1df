"""Units that store agents, their groups, replies, and who has talked to whom."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, Table, insert, select, tuple_

from ..store import agents as store
from ..store.agents import Role
from ..store.dialects import insert_if_missing
from ..store.pairs import Card
from ..store.tables import (
    account,
    conversation,
    fast_reply,
    group,
    keyword_reply,
    member,
    servicer,
)
from . import known
from .rows import MAX_USERNAME, Person

AGENT = "agent"
"""Kind of what ``known`` remembers of them."""


class Pair(NamedTuple):
    """A customer and an agent.

    Args:
        servicer_id: uid of the agent here.
        site_id: the agent's shop.
        card: the customer.
    """

    servicer_id: int
    site_id: int
    card: Card
    create_time: int
    last_online_time: int
    delete_time: int


class Added(NamedTuple):
    """What became of an agent.

    Args:
        uid: here.
        is_new: whether the account was made now.
        username: under which it was made.
    """

    uid: int
    is_new: bool
    username: str


def reserve(connection: Connection, highest: int) -> None:
    """Let accounts that cannot keep their uid, and those made from now on, take nobody else's."""
    if highest:
        known.reserve(connection, account, highest, {"username": " reserved"})


def add_person(connection: Connection, person: Person, group_id: int, now: float) -> Added:
    """Make an account as it was; who is there already stays as it is.

    The uid is kept where it is free. An account of the same name, shop and role is taken for the
    same person; of a name that is another's, the new one gets its uid appended.
    """
    before = known.find(connection, AGENT, [person.old_id]).get(person.old_id)
    if before is not None:
        return Added(before, False, "")
    username = person.username or f" former {person.old_id}"  # as if deleted: cannot be typed
    found = store.find_account(connection, username)
    if found is not None and _is_same(connection, found, person):
        known.note(connection, AGENT, {person.old_id: found.uid})
        return Added(found.uid, False, username)
    if found is not None:
        ending = f"-{person.old_id}"
        username = person.username[: MAX_USERNAME - len(ending)] + ending
    values: dict[str, Any] = {
        "shop_id": person.site_id,
        "username": username,
        "password": person.password,
        "status": int(person.is_enabled),
        "create_time": person.create_time or int(now),
        "role": int(Role.AGENT),
        "group_id": group_id,
        "delete_time": 0,
    }
    if not person.username or person.delete_time:
        values |= {"status": 0, "delete_time": person.delete_time or int(now)}
    taken = select(account.c.uid).where(account.c.uid == person.old_id)
    shown = select(servicer.c.user_id).where(servicer.c.user_id == person.old_id)
    if connection.execute(taken).first() is None and connection.execute(shown).first() is None:
        values["uid"] = person.old_id
    made = connection.execute(insert(account).values(**values)).inserted_primary_key
    assert made is not None  # noqa: S101 - the table has a primary key
    uid = int(made[0])
    agent = {
        "user_id": uid,
        "shop_id": person.site_id,
        "is_platform": int(person.is_platform),
        "nickname": person.nickname,
        "avatar": person.avatar,
        "create_time": values["create_time"],
        "delete_time": values["delete_time"],
    }
    connection.execute(insert(servicer), agent)
    known.note(connection, AGENT, {person.old_id: uid})
    return Added(uid, True, username)


def _is_same(connection: Connection, found: store.Account, person: Person) -> bool:
    is_like = found.role is Role.AGENT and found.site_id == person.site_id and not found.is_demo
    return is_like and not known.is_target(connection, AGENT, found.uid)


def agents(connection: Connection) -> dict[int, tuple[int, int]]:
    """Uid here and shop of all agents that were ever imported, by their uid in the source."""
    uids = known.everything(connection, AGENT)
    query = select(account.c.uid, account.c.shop_id)
    sites = {row.uid: row.shop_id for row in connection.execute(query)}
    return {old: (uid, sites[uid]) for old, uid in uids.items() if uid in sites}


def add_group(connection: Connection, values: Mapping[str, Any]) -> tuple[int, bool]:
    """Make a group, unless the shop has one of that name: its number, and whether it is new."""
    query = select(group.c.group_id).where(
        group.c.site_id == values["site_id"], group.c.group_name == values["group_name"]
    )
    found = connection.execute(query).scalar()
    if found is not None:
        return int(found), False
    made = connection.execute(insert(group).values(**values)).inserted_primary_key
    assert made is not None  # noqa: S101 - the table has a primary key
    return int(made[0]), True


def add_keywords(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> int:
    """Make keyword replies of keywords that their shop does not have; returns how many."""
    return _add_new(connection, keyword_reply, rows, ("site_id", "keyword"))


def add_quick(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> int:
    """Make quick replies that their shop does not have; returns how many."""
    return _add_new(connection, fast_reply, rows, ("site_id", "content"))


def add_pairs(connection: Connection, pairs: Sequence[Pair], now: float) -> int:
    """Make pairs that are not there, and their conversations; returns how many pairs are new."""
    rows = [
        {
            "member_id": pair.card.member_id,
            "servicer_id": pair.servicer_id,
            "member_name": pair.card.name[:64],
            "headimg": pair.card.headimg[:255],
            "create_time": pair.create_time,
            "last_online_time": pair.last_online_time,
            "delete_time": pair.delete_time,
            "shop_id": pair.site_id,
        }
        for pair in pairs
    ]
    added = _add_new(connection, member, rows, ("member_id", "servicer_id"))
    by_key = {(pair.card.member_id, pair.site_id): pair for pair in pairs}
    for member_id, site_id in sorted(by_key.keys() - _talks(connection, by_key)):
        pair = by_key[member_id, site_id]
        values = {
            "shop_id": site_id,
            "member_id": member_id,
            "servicer_id": pair.servicer_id,
            "create_time": pair.create_time or int(now),
            "member_name": pair.card.name[:64],
            "headimg": pair.card.headimg[:255],
        }
        insert_if_missing(connection, conversation, values)
    return added


def named(connection: Connection, keys: Collection[tuple[int, int]]) -> set[tuple[int, int]]:
    """Those of the (member, shop) whose conversation has a name for lists."""
    return _talks(connection, keys, named=True)


def _talks(
    connection: Connection, keys: Collection[tuple[int, int]], *, named: bool = False
) -> set[tuple[int, int]]:
    of = tuple_(conversation.c.member_id, conversation.c.shop_id)
    query = select(conversation.c.member_id, conversation.c.shop_id).where(of.in_(list(keys)))
    if named:
        query = query.where(conversation.c.member_name != "")
    return {(row[0], row[1]) for row in connection.execute(query)}


def _add_new(
    connection: Connection,
    table: Table,
    rows: Sequence[Mapping[str, Any]],
    names: tuple[str, str],
) -> int:
    """Insert rows whose two columns ``names`` no row has, the first of several alike."""
    new: dict[Any, Mapping[str, Any]] = {}
    for row in rows:
        new.setdefault(tuple(row[name] for name in names), row)
    if not new:
        return 0
    columns = [table.c[name] for name in names]
    found = connection.execute(select(*columns).where(tuple_(*columns).in_(list(new))))
    for key in found:
        new.pop(tuple(key), None)
    if new:
        connection.execute(insert(table), list(new.values()))
    return len(new)
