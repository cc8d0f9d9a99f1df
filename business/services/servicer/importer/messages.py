"""The unit that stores messages: in their conversations, each with the one before it."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, insert, select, tuple_, update

from ..store import statistics
from ..store.dialects import insert_if_missing
from ..store.dialogues import Side
from ..store.enquiries import Enquiries, rebuild
from ..store.pairs import Card
from ..store.tables import conversation, dialogue
from . import known
from .rows import Message

MESSAGE = "message"
"""Kind of what ``known`` remembers of them: only of those whose id was taken."""

Key = tuple[int, int]


class Stored(NamedTuple):
    """How many messages of a batch are new, and how many of them got another id."""

    added: int
    moved: int


_TALK = (
    update(conversation)
    .where(conversation.c.id == bindparam("which"))
    .values(
        servicer_id=bindparam("servicer"),
        last_id=bindparam("last"),
        member_time=bindparam("seen"),
        last_time=bindparam("said"),
        enquiry_since=bindparam("enquiry"),
    )
)
_PREVIOUS = (
    update(dialogue)
    .where(dialogue.c.id == bindparam("which"))
    .values(prev_id=bindparam("previous"))
)


class _Talk:
    """A conversation whose row is locked.

    Attributes:
        gap: the first id that was put before the last; 0: none, the chain is whole.
        enquiries: those of it.
    """

    def __init__(self, key: Key, row: Any) -> None:
        self.id, self.servicer_id, self.last_id, self.member_time, *course = row
        self.last_time, self.enquiry_since = course
        self.gap = 0
        self.enquiries = Enquiries(key[1], key[0], self)

    def add(self, connection: Connection, message_id: int, values: Mapping[str, Any]) -> int:
        """Put a message into it; returns the one before it."""
        if values["type"] == Side.CUSTOMER:
            self.member_time = max(self.member_time, values["add_time"])
        if message_id < self.last_id:
            self.gap = min(self.gap or message_id, message_id)
            return 0
        self.enquiries.said(
            connection,
            values["add_time"],
            values["servicer_id"],
            is_customer=values["type"] == Side.CUSTOMER,
            is_automatic=False,
        )
        previous, self.last_id = self.last_id, message_id
        self.servicer_id = values["servicer_id"] or self.servicer_id
        return int(previous)


class Batch:
    """Messages that are stored together.

    Args:
        messages: in the order of their ids.
        agents: uids of the agents here by those of the source.
        cards: of members whose conversation may have no name yet.
    """

    def __init__(
        self,
        messages: Sequence[Message],
        agents: Mapping[int, tuple[int, int]],
        cards: Mapping[int, Card],
    ) -> None:
        self._messages = messages
        self._agents = agents
        self._cards = cards

    def run(self, connection: Connection) -> Stored:
        """Store those that are not there."""
        taken, new = self._new(connection)
        if not new:
            return Stored(0, 0)
        talks = self._lock(connection, new)
        _forget_tallies(connection, new)
        rows: list[dict[str, Any]] = []
        moved: dict[int, int] = {}
        for message in new:
            talk = talks[message.key]
            uid = self._agents.get(message.servicer, (0, 0))[0]
            values = {**message.values, "servicer_id": uid, "prev_id": 0}
            if message.id not in taken:
                previous = talk.add(connection, message.id, values)
                rows.append({**values, "id": message.id, "prev_id": previous})
                continue
            made = connection.execute(insert(dialogue), values).inserted_primary_key
            assert made is not None  # noqa: S101 - the table has a primary key
            moved[message.id] = int(made[0])
            previous = talk.add(connection, int(made[0]), values)
            _set_previous(connection, {int(made[0]): previous})
        if rows:
            connection.execute(insert(dialogue), rows)
        known.note(connection, MESSAGE, moved)
        for key, talk in talks.items():
            if talk.gap:
                _close_gap(connection, key, talk.gap)
                rebuild(connection, key[1], key[0], talk)
            else:
                talk.enquiries.store(connection)
        connection.execute(
            _TALK,
            [
                {
                    "which": talk.id,
                    "servicer": talk.servicer_id,
                    "last": talk.last_id,
                    "seen": talk.member_time,
                    "said": talk.last_time,
                    "enquiry": talk.enquiry_since,
                }
                for talk in talks.values()
            ],
        )
        return Stored(len(new), len(moved))

    def _new(self, connection: Connection) -> tuple[set[int], list[Message]]:
        """The ids that somebody else's messages have, and the messages that are not there."""
        ids = [message.id for message in self._messages]
        query = select(
            dialogue.c.id,
            dialogue.c.member_id,
            dialogue.c.type,
            dialogue.c.add_time,
            dialogue.c.create_day,
            dialogue.c.create_time,
        ).where(dialogue.c.id.in_(ids))
        there = {row[0]: tuple(row[1:]) for row in connection.execute(query)}
        before = known.find(connection, MESSAGE, ids)
        new = [
            message
            for message in self._messages
            if message.id not in before and not _is_same(message, there.get(message.id))
        ]
        return set(there), new

    def _lock(self, connection: Connection, new: Iterable[Message]) -> dict[Key, _Talk]:
        """The conversations, locked in the order in which everybody locks them."""
        first: dict[Key, Message] = {}
        for message in new:
            first.setdefault(message.key, message)
        keys = sorted(first)
        columns = conversation.c
        query = (
            select(
                columns.member_id,
                columns.shop_id,
                columns.id,
                columns.servicer_id,
                columns.last_id,
                columns.member_time,
                columns.last_time,
                columns.enquiry_since,
            )
            .where(tuple_(columns.member_id, columns.shop_id).in_(keys))
            .order_by(columns.member_id, columns.shop_id)
            .with_for_update()
        )
        found = _talks(connection.execute(query))
        missing = [key for key in keys if key not in found]
        for member_id, site_id in missing:
            card = self._cards.get(member_id, Card(member_id, f"会员{member_id}", ""))
            values = {
                "shop_id": site_id,
                "member_id": member_id,
                "create_time": first[member_id, site_id].values["add_time"],
                "member_name": card.name[:64],
                "headimg": card.headimg[:255],
            }
            insert_if_missing(connection, conversation, values)
        if missing:
            found = _talks(connection.execute(query))
        return found


def _forget_tallies(connection: Connection, messages: Iterable[Message]) -> None:
    """Days to which messages are added must be counted again."""
    times: dict[int, list[int]] = {}
    for message in messages:
        times.setdefault(message.key[1], []).append(message.values["add_time"])
    for site_id, of_site in times.items():
        statistics.forget(connection, site_id, min(of_site) - statistics.DAY, max(of_site) + 1)


def _talks(rows: Iterable[Any]) -> dict[Key, _Talk]:
    return {(row[0], row[1]): _Talk((row[0], row[1]), row[2:]) for row in rows}


def _is_same(message: Message, there: tuple[Any, ...] | None) -> bool:
    """Whether what has the id of a message is that message, of an earlier run."""
    if there is None:
        return False
    values = message.values
    if there[:2] != (values["member_id"], values["type"]):
        return False
    # The one of them that the source did not have may have been made with another time zone.
    moment = values["create_day"], values["create_time"].replace(microsecond=0)
    return there[2] == values["add_time"] or there[3:] == moment


def _close_gap(connection: Connection, key: Key, first: int) -> None:
    """Let each message of a conversation from ``first`` on name the one before it."""
    mine = (dialogue.c.member_id == key[0]) & (dialogue.c.shop_id == key[1])
    query = select(dialogue.c.id).where(mine, dialogue.c.id < first)
    previous = connection.execute(query.order_by(dialogue.c.id.desc()).limit(1)).scalar() or 0
    query = select(dialogue.c.id, dialogue.c.prev_id).where(mine, dialogue.c.id >= first)
    changes: dict[int, int] = {}
    for message_id, named in connection.execute(query.order_by(dialogue.c.id)):
        if named != previous:
            changes[message_id] = previous
        previous = message_id
    _set_previous(connection, changes)


def _set_previous(connection: Connection, changes: Mapping[int, int]) -> None:
    rows = [{"which": which, "previous": previous} for which, previous in changes.items()]
    if rows:
        connection.execute(_PREVIOUS, rows)


def reserve(connection: Connection, highest: int) -> None:
    """Let what is said from now on get greater ids than the source's messages have."""
    epoch = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
    blank = dict.fromkeys(("consumer_say", "servicer_say", "content", "message"), "")
    moment = {"create_day": epoch.date(), "create_time": epoch.time()}
    if highest:
        known.reserve(connection, dialogue, highest, {**blank, **moment})
