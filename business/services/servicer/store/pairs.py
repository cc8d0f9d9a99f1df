"""Pairs of a customer and an agent (``servicer_member``); ``online`` follows the customer.

A closing socket touches only rows that name it, so that a late close never undoes what a newer
socket has done.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from sqlalchemy import Connection, and_, bindparam, func, insert, select, update

from .prepared import Prepared
from .tables import member as table
from .tables import servicer

Row = dict[str, Any]


class Card(NamedTuple):
    """A member, as agents see it in lists."""

    member_id: int
    name: str
    headimg: str


class Known(NamedTuple):
    """A pair of a conversation, as an assignment needs it.

    Args:
        row: the pair.
        is_expected: the member was lost, and the agent is not told yet.
        is_accepting: the agent takes new customers.
        is_agent_online: the agent is there, as far as the database knows.
    """

    row: Row
    is_expected: bool
    is_accepting: bool
    is_agent_online: bool

    @property
    def servicer_id(self) -> int:
        """The agent."""
        return int(self.row["servicer_id"])

    @property
    def is_online(self) -> bool:
        """Whether the member is there."""
        return bool(self.row["online"])


_COLUMNS = [column for column in table.c if column.name != "disconnect_due"]
_NAMES = [column.name for column in _COLUMNS]
_OF_CONVERSATION = Prepared(
    select(*_COLUMNS, table.c.disconnect_due, servicer.c.accepting, servicer.c.online)
    .select_from(table.outerjoin(servicer, servicer.c.user_id == table.c.servicer_id))
    .where(table.c.member_id == bindparam("member"), table.c.shop_id == bindparam("site"))
    .order_by(table.c.last_online_time.desc(), table.c.id.desc())
)
_OF_AGENT = select(*_COLUMNS).where(
    table.c.servicer_id == bindparam("servicer"), table.c.delete_time == 0
)
_ONE = Prepared(
    select(*_COLUMNS).where(
        table.c.servicer_id == bindparam("servicer"), table.c.member_id == bindparam("member")
    )
)
_LOADS = (
    select(table.c.servicer_id, func.count())
    .where(table.c.online == 1, table.c.servicer_id.in_(bindparam("servicers", expanding=True)))
    .group_by(table.c.servicer_id)
)
_OF_CLIENT = select(table.c.id, table.c.shop_id, table.c.member_id, table.c.servicer_id).where(
    table.c.client_id == bindparam("client"), table.c.online == 1
)
_CONNECT = (
    update(table)
    .where(table.c.id == bindparam("which"))
    .values(
        online=bindparam("is_online"),
        client_id=bindparam("client"),
        member_name=bindparam("name"),
        headimg=bindparam("image"),
        shop_id=bindparam("site"),
        last_online_time=bindparam("time"),
        disconnect_due=0,
    )
)
_MOVE = update(table).where(table.c.id == bindparam("which")).values(client_id=bindparam("client"))
_LEAVE = (
    update(table)
    .where(table.c.id == bindparam("which"))
    .values(
        online=0,
        client_id="",
        last_online_time=bindparam("time"),
        disconnect_due=bindparam("due"),
    )
)
_DUE = (
    select(table.c.id, table.c.member_id, table.c.servicer_id)
    .where(table.c.disconnect_due > 0, table.c.disconnect_due <= bindparam("now"))
    .order_by(table.c.member_id, table.c.id)
)
_TOLD = (
    # Another process may have been first, or the member may be back.
    update(table)
    .where(
        table.c.id == bindparam("which"),
        table.c.disconnect_due > 0,
        table.c.disconnect_due <= bindparam("now"),
    )
    .values(disconnect_due=0)
)
_PREFIX = func.substr(table.c.client_id, 1, 12)
_BY_GATEWAY = (
    # Who is not online has no client id: this reads a part of that column's index, not the table.
    select(_PREFIX, func.min(table.c.client_id), func.max(table.c.client_id))
    .where(table.c.client_id > "")
    .group_by(_PREFIX)
)
_ONLINE_CLIENTS = (
    select(table.c.client_id, table.c.member_id)
    .where(table.c.online == 1, table.c.client_id.like(bindparam("pattern")))
    .distinct()
)


def of_conversation(connection: Connection, site_id: int, member_id: int) -> list[Known]:
    """All pairs of a member in a shop, the latest first."""
    found = _OF_CONVERSATION.tuples(connection, {"site": site_id, "member": member_id})
    return [
        Known(dict(zip(_NAMES, row, strict=False)), row[-3] > 0, row[-2] == 1, row[-1] == 1)
        for row in found
    ]


def agents_of(
    connection: Connection, site_id: int, member_id: int, *, online: bool = False
) -> list[int]:
    """The agents who have had a member in a shop; ``online``: who have the member now."""
    query = select(table.c.servicer_id).where(
        table.c.member_id == member_id, table.c.shop_id == site_id
    )
    if online:
        query = query.where(table.c.online == 1)
    return [row[0] for row in connection.execute(query.order_by(table.c.servicer_id))]


def find(connection: Connection, servicer_id: int, member_id: int) -> Row | None:
    """One pair."""
    found = _ONE.rows(connection, {"servicer": servicer_id, "member": member_id})
    return found[0] if found else None


def online_of_agent(connection: Connection, servicer_id: int) -> list[Row]:
    """An agent's customers who are connected, the latest first."""
    query = _OF_AGENT.where(table.c.online == 1).order_by(table.c.last_online_time.desc())
    return [dict(row) for row in connection.execute(query, {"servicer": servicer_id}).mappings()]


def offline_of_agent(
    connection: Connection, servicer_id: int, offset: int, limit: int
) -> tuple[list[Row], int]:
    """A page of an agent's customers who are gone, the latest first, and how many there are."""
    mine = and_(table.c.servicer_id == servicer_id, table.c.online == 0, table.c.delete_time == 0)
    count = connection.execute(select(func.count()).select_from(table).where(mine)).scalar_one()
    query = select(*_COLUMNS).where(mine)
    query = query.order_by(table.c.last_online_time.desc(), table.c.id.desc())
    found = connection.execute(query.offset(offset).limit(limit))
    return [dict(row) for row in found.mappings()], count


def loads(connection: Connection, servicers: Collection[int]) -> Mapping[int, int]:
    """How many connected customers each agent has; agents without any are left out."""
    found = connection.execute(_LOADS, {"servicers": list(servicers)})
    return {row[0]: row[1] for row in found}


def connect(
    connection: Connection,
    row: Row | None,
    card: Card,
    *,
    site_id: int,
    servicer_id: int,
    client_id: str,
    now: float,
) -> Row:
    """Make a pair, or bring it up to date.

    Args:
        row: the pair as it is; None: none is known.
        card: the member.
        site_id: the shop.
        servicer_id: the agent.
        client_id: a socket of the member; "": has none, and the pair is not online.
        now: Unix time.

    Returns:
        The pair as it is now.
    """
    online = int(bool(client_id))
    time = int(now)
    name, headimg = card.name[:64], card.headimg[:255]
    if row is None:
        # Under another site, where the agent has moved from one shop to another.
        row = find(connection, servicer_id, card.member_id)
    if row is None:
        row = {
            "member_id": card.member_id,
            "servicer_id": servicer_id,
            "member_name": name,
            "online": online,
            "create_time": time,
            "last_online_time": time,
            "delete_time": 0,
            "headimg": headimg,
            "client_id": client_id,
            "shop_id": site_id,
        }
        made = connection.execute(insert(table), row).inserted_primary_key
        assert made is not None  # noqa: S101 - the table has a primary key
        return {"id": made[0], **row}
    changes = {
        "online": online,
        "client_id": client_id,
        "member_name": name,
        "headimg": headimg,
        "shop_id": site_id,
        "last_online_time": time,
    }
    connection.execute(
        _CONNECT,
        {
            "which": row["id"],
            "is_online": online,
            "client": client_id,
            "name": name,
            "image": headimg,
            "site": site_id,
            "time": time,
        },
    )
    return {**row, **changes}


def of_client(connection: Connection, client_id: str) -> list[Row]:
    """The online pairs that a socket stands for: ``id, shop_id, member_id, servicer_id``."""
    if not client_id:
        return []
    return [dict(r) for r in connection.execute(_OF_CLIENT, {"client": client_id}).mappings()]


def move(connection: Connection, pair_id: int, client_id: str) -> None:
    """Another socket of the member takes the place of the one that closed."""
    connection.execute(_MOVE, {"which": pair_id, "client": client_id})


def leave(connection: Connection, pair_id: int, now: float, due: int) -> None:
    """The member is gone.

    Args:
        pair_id: the pair.
        now: Unix time.
        due: milliseconds, when the agent is to be told; 0: is told by the caller.
    """
    connection.execute(_LEAVE, {"which": pair_id, "time": int(now), "due": due})


def take_due(connection: Connection, now_ms: int) -> list[tuple[int, int]]:
    """The (member, agent) pairs whose agent is to be told now; each is returned once."""
    taken = []
    for row in connection.execute(_DUE, {"now": now_ms}).all():
        if connection.execute(_TOLD, {"which": row.id, "now": now_ms}).rowcount:
            taken.append((row.member_id, row.servicer_id))
    return taken


def online_by_gateway(connection: Connection) -> dict[str, tuple[str, str]]:
    """The first and the last socket that pairs are online by, of each gateway (the first twelve
    digits of its client ids)."""
    rows = connection.execute(_BY_GATEWAY)
    return {prefix: (first, last) for prefix, first, last in rows}


def online_clients(connection: Connection, gateway_prefix: str) -> list[tuple[str, str]]:
    """Sockets of one gateway that pairs are online by, each with the member's uid."""
    found = connection.execute(_ONLINE_CLIENTS, {"pattern": f"{gateway_prefix}%"})
    return [(client_id, str(member_id)) for client_id, member_id in found]
