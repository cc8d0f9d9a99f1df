"""Messages (``servicer_dialogue``)."""

from __future__ import annotations

import dataclasses
import datetime
import enum
from collections.abc import Mapping
from typing import Any, NamedTuple

from sqlalchemy import Connection, Select, bindparam, desc, func, insert, select, update

from . import conversations
from .conversations import Conversation
from .enquiries import Enquiries
from .prepared import Prepared
from .tables import dialogue as table
from .tables import sent

Row = dict[str, Any]


class Side(enum.IntEnum):
    """Who said it; the column ``type``."""

    CUSTOMER = 0
    AGENT = 1


class ContentType(enum.IntEnum):
    """What it is (CONTRACT 2.4)."""

    TEXT = 0
    GOODS = 1
    ORDER = 2
    IMAGE = 3


PUSH_TYPES = {
    ContentType.TEXT: "string",
    ContentType.GOODS: "goodssku",
    ContentType.ORDER: "order",
    ContentType.IMAGE: "image",
}
"""``type`` of the frame that carries it."""


MAX_ASSIGNED = 500
"""Messages of one conversation that are pushed at once to an agent who takes it over."""


@dataclasses.dataclass(frozen=True, slots=True)
class Content:
    """What somebody says, checked and safe to be stored.

    Args:
        type: which of the others counts.
        say: HTML fragment of a text, path of an image, else "".
        text: the same without tags, only of texts.
        sku_id: of goods, else 0.
        order_id: of an order, else 0.
        relate_data: JSON text of the client, or "".
    """

    type: ContentType
    say: str = ""
    text: str = ""
    sku_id: int = 0
    order_id: int = 0
    relate_data: str = ""


class Stored(NamedTuple):
    """A message that its sender may send again, as it was stored."""

    id: int
    prev_id: int
    add_time: int
    reached: bool


class Reading(NamedTuple):
    """How many messages somebody has read now, and the last of them."""

    messages: int
    last_id: int


_SENT = Prepared(
    select(table.c.id, table.c.prev_id, table.c.add_time, sent.c.reached)
    .select_from(sent.join(table, table.c.id == sent.c.dialogue_id))
    .where(sent.c.sender == bindparam("by"), sent.c.client_msg_id == bindparam("own"))
)
_INSERT = Prepared(insert(table))
_INSERT_SENT = Prepared(insert(sent), with_key=True)


def add(
    connection: Connection,
    conversation: Conversation,
    content: Content,
    *,
    site_id: int,
    member_id: int,
    servicer_id: int,
    side: Side,
    now: datetime.datetime,
    automatic: bool = False,
) -> Row:
    """Store a message in a locked conversation, and note it there.

    Args:
        automatic: whether the shop answers a keyword by itself.
        now: in the time zone of the stored local times.

    Returns:
        The row, as it is pushed.
    """
    say = content.say
    row: Row = {
        "member_id": member_id,
        "servicer_id": servicer_id,
        "create_day": now.date(),
        "create_time": now.time().replace(microsecond=0),
        "content_type": int(content.type),
        "read": 0,
        "shop_id": site_id,
        "goods_sku_id": content.sku_id,
        "order_id": content.order_id,
        "consumer_say": say if side is Side.CUSTOMER else "",
        "servicer_say": say if side is Side.AGENT else "",
        "type": int(side),
        "add_time": int(now.timestamp()),
        "relate_data": content.relate_data,
        "content": say,
        "message": content.text,
        "prev_id": conversation.last_id,
        "recalled": 0,
        "automatic": int(automatic),
    }
    conversation.last_id = _INSERT.insert(connection, row)
    conversation.servicer_id = servicer_id or conversation.servicer_id
    if side is Side.CUSTOMER and not servicer_id:
        conversation.waiting_id = conversation.waiting_id or conversation.last_id
    asked = Enquiries(site_id, member_id, conversation)
    asked.said(
        connection,
        row["add_time"],
        servicer_id,
        is_customer=side is Side.CUSTOMER,
        is_automatic=automatic,
    )
    asked.store(connection)
    conversations.save(connection, conversation)
    row["id"] = conversation.last_id
    return to_json(row)


def to_json(row: Mapping[Any, Any]) -> Row:
    """A row with day and time as texts."""
    return {
        **row,
        "create_day": row["create_day"].isoformat(),
        "create_time": row["create_time"].isoformat(),
    }


def assign(
    connection: Connection, site_id: int, member_id: int, first_id: int, servicer_id: int
) -> list[Row]:
    """Give an agent what a customer has said to nobody since a message, in a locked conversation.

    Returns:
        These messages, and the automatic replies among them, in their order; at most
        ``MAX_ASSIGNED``, the last ones: the first of these names one before it, so that who
        follows ``prev_id`` sees that there is more to be read.
    """
    since = (
        table.c.shop_id == site_id,
        table.c.member_id == member_id,
        table.c.id >= first_id,
        table.c.servicer_id == 0,
    )
    query = select(table).where(*since).order_by(table.c.id.desc()).limit(MAX_ASSIGNED)
    rows = _rows(connection, query)[::-1]
    said = (*since, table.c.type == int(Side.CUSTOMER))
    connection.execute(update(table).where(*said).values(servicer_id=servicer_id))
    return [{**row, "servicer_id": 0 if row["type"] else servicer_id} for row in rows]


def find_sent(connection: Connection, sender: str, own_id: str) -> Stored | None:
    """A message that was sent before under the sender's own id ``own_id``."""
    found = _SENT.tuples(connection, {"by": sender, "own": own_id})
    if not found:
        return None
    dialogue_id, prev_id, add_time, reached = found[0]
    return Stored(dialogue_id, prev_id, add_time, bool(reached))


def note_sent(
    connection: Connection, sender: str, own_id: str, dialogue_id: int, reached: bool, now: float
) -> None:
    """Remember a message by the sender's own id of it."""
    values = {
        "sender": sender,
        "client_msg_id": own_id,
        "dialogue_id": dialogue_id,
        "reached": int(reached),
        "create_time": int(now),
    }
    _INSERT_SENT.run(connection, values)


def last(connection: Connection, site_id: int, member_id: int) -> Row | None:
    """The last message of a conversation."""
    query = _of(site_id, member_id).order_by(desc(table.c.id)).limit(1)
    row = connection.execute(query).mappings().first()
    return None if row is None else to_json(row)


def newest_first(
    connection: Connection, site_id: int, member_id: int, offset: int, limit: int
) -> tuple[list[Row], int]:
    """A page of a conversation, and how many messages it has."""
    query = _of(site_id, member_id).order_by(desc(table.c.id)).offset(offset).limit(limit)
    return _rows(connection, query), _count(connection, _of(site_id, member_id))


def after(
    connection: Connection, site_id: int, member_id: int, after_id: int, limit: int
) -> tuple[list[Row], int]:
    """The first messages after one, oldest first, and how many there are after it."""
    query = _of(site_id, member_id).where(table.c.id > after_id)
    return _rows(connection, query.order_by(table.c.id).limit(limit)), _count(connection, query)


def last_of_sites(connection: Connection, member_id: int, limit: int = 100) -> list[Row]:
    """The last message of each of a member's conversations, the latest first, with ``unread``: how
    many messages of agents the member has not read there."""
    talks, _ = conversations.of_member(connection, member_id, 0, limit)
    query = select(table).where(table.c.id.in_([talk.last_id for talk in talks]))
    rows = _rows(connection, query.order_by(desc(table.c.id)))
    unread = connection.execute(
        select(table.c.shop_id, func.count())
        .where(table.c.member_id == member_id, table.c.type == int(Side.AGENT), table.c.read == 0)
        .group_by(table.c.shop_id)
    )
    counts = {row[0]: row[1] for row in unread}
    return [{**row, "unread": counts.get(row["shop_id"], 0)} for row in rows]


def mark_read(connection: Connection, site_id: int, member_id: int, side: Side) -> Reading:
    """Mark what ``side`` said in a conversation as read."""
    unread = (
        table.c.shop_id == site_id,
        table.c.member_id == member_id,
        table.c.type == int(side),
        table.c.read == 0,
    )
    # Up to the last one that is there now: of those that are stored meanwhile, the update alone
    # might find some, and nobody would know which.
    last_id = connection.execute(select(func.max(table.c.id)).where(*unread)).scalar()
    if last_id is None:
        return Reading(0, 0)
    query = update(table).where(*unread, table.c.id <= last_id).values(read=1)
    return Reading(connection.execute(query).rowcount, last_id)


def find(connection: Connection, site_id: int, member_id: int, dialogue_id: int) -> Row | None:
    """A message of a conversation."""
    query = _of(site_id, member_id).where(table.c.id == dialogue_id)
    return next(iter(_rows(connection, query)), None)


def recall(connection: Connection, dialogue_id: int, side: Side, content: Content) -> None:
    """Put a text in the place of what ``side`` has said; the row stays where it is."""
    said = {
        "consumer_say": content.say if side is Side.CUSTOMER else "",
        "servicer_say": content.say if side is Side.AGENT else "",
        "content": content.say,
        "message": content.text,
    }
    nothing = {"content_type": 0, "goods_sku_id": 0, "order_id": 0, "relate_data": ""}
    query = update(table).where(table.c.id == dialogue_id)
    connection.execute(query.values(**said, **nothing, recalled=1))


def _of(site_id: int, member_id: int) -> Select[Any]:
    return select(table).where(table.c.shop_id == site_id, table.c.member_id == member_id)


def _rows(connection: Connection, query: Select[Any]) -> list[Row]:
    return [to_json(row) for row in connection.execute(query).mappings().all()]


def _count(connection: Connection, query: Select[Any]) -> int:
    count: int = connection.execute(
        query.with_only_columns(func.count(), maintain_column_froms=True)
    ).scalar_one()
    return count
