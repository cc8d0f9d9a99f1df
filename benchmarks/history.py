"""Fills a database with what a platform of shops has been talking about for years.

Of 10,000 members ten have 10,000 messages, fifty 1,000, everybody else has some dozens.
The messages of a conversation lie far apart, as they do where many talk at the same time. Some of
what customers said is not read yet. The tables must be there and empty; their indexes are dropped
and made again around the inserts, which is several times faster.
"""

from __future__ import annotations

import asyncio
import datetime
import random
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Table
from sqlalchemy.engine import make_url

from business.services.servicer.store.tables import conversation, dialogue, member

Row = tuple[Any, ...]

FIRST_MEMBER = 100_000
AGENTS = {1: 1, 2: 3}
"""Agents by site, as the demo shop numbers them; of the sites that it has not, others."""

SITES = (1, 1, 1, 1, 2, 2, 3, 4, 5, 6)
"""Ten conversations in turn: four of them are of site 1, two of site 2."""

_BEGIN = 1_700_000_000
_WORDS = (
    "请问这款还有货吗", "什么时候发货", "尺码偏大还是偏小", "可以开发票吗", "退货运费谁出",
    "好的谢谢", "Is it in stock?", "My parcel has not arrived yet.", "Is there another colour?",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class History:
    """What there is to talk about.

    Args:
        members: how many, each with one conversation.
        messages: how many in all.
    """

    members: int
    messages: int

    def lengths(self) -> list[int]:
        """Messages of each member's conversation; their sum is ``messages``."""
        unit = self.messages // 100  # 10,000 of a million
        most = max(1, self.members // 200)
        lengths = [unit] * (most // 5 or 1) + [unit // 10] * most
        rest = self.messages - sum(lengths)
        others = self.members - len(lengths)
        draw = random.Random(2)
        weights = [draw.paretovariate(1.5) for _ in range(others)]
        share = (rest - others) / sum(weights)
        lengths += [1 + int(weight * share) for weight in weights]
        lengths[-1] += self.messages - sum(lengths)
        return lengths

    def site(self, index: int) -> int:
        """The shop that the ``index``-th member talks to."""
        return SITES[index % len(SITES)]

    def members_of(self, site_id: int) -> dict[int, int]:
        """The members who talk to a shop, who has said much first, and how many messages each
        conversation has."""
        lengths = enumerate(self.lengths())
        return {FIRST_MEMBER + i: count for i, count in lengths if self.site(i) == site_id}


class _Talk:
    __slots__ = ("last_id", "left", "member_id", "site_id", "unread")

    def __init__(self, member_id: int, site_id: int, left: int, unread: int) -> None:
        self.member_id = member_id
        self.site_id = site_id
        self.left = left
        self.unread = unread
        self.last_id = 0


def _messages(talks: Sequence[_Talk], order: Sequence[int]) -> Iterator[Row]:
    """Rows of ``dialogue``, by its columns."""
    zone = datetime.timezone(datetime.timedelta(hours=8))
    step = 80_000_000 // len(order) or 1
    day, clock, until = datetime.date(2020, 1, 1), datetime.time(), 0
    for number, index in enumerate(order, 1):
        talk = talks[index]
        talk.left -= 1
        moment = _BEGIN + number * step
        if moment >= until:
            local = datetime.datetime.fromtimestamp(moment, zone)
            day, clock, until = local.date(), local.time(), moment + 600
        words = _WORDS[number % len(_WORDS)]
        text = f"{words} {number}"
        html = f"<p>{text}</p>"
        is_agents = number % 2
        is_read = int(is_agents or talk.left >= talk.unread)
        yield (
            number, talk.member_id, AGENTS.get(talk.site_id, 100 + talk.site_id), day, clock, 0,
            is_read, talk.site_id, 0, 0, "" if is_agents else html, html if is_agents else "",
            is_agents, moment, "", html, text, talk.last_id, 0, 0,
        )  # fmt: skip
        talk.last_id = number


def _talks(history: History) -> tuple[list[_Talk], list[int]]:
    draw = random.Random(3)
    talks = []
    order: list[int] = []
    for index, length in enumerate(history.lengths()):
        unread = draw.choice((0, 0, 0, 2, 6)) if length < history.messages // 100 else 400
        talks.append(_Talk(FIRST_MEMBER + index, history.site(index), length, unread))
        order += [index] * length
    draw.shuffle(order)
    return talks, order


def _columns(rows: Sequence[Row], table: Table) -> list[str]:
    names = [column.name for column in table.c]
    assert all(len(row) == len(names) for row in rows[:1])
    return names


def _conversations(talks: Sequence[_Talk]) -> list[Row]:
    rows = []
    for number, talk in enumerate(talks, 1):
        values = {
            "id": number,
            "shop_id": talk.site_id,
            "member_id": talk.member_id,
            "servicer_id": AGENTS.get(talk.site_id, 100 + talk.site_id),
            "last_id": talk.last_id,
            "member_time": _BEGIN,
            "create_time": _BEGIN,
            "member_name": f"会员{talk.member_id}",
            "headimg": "",
            "waiting_id": 0,
            "silent_since": 0,
            "last_time": _BEGIN,
            "enquiry_since": 0,
        }
        rows.append(tuple(values[column.name] for column in conversation.c))
    return rows


def _pairs(talks: Sequence[_Talk]) -> list[Row]:
    rows = []
    for number, talk in enumerate(talks, 1):
        values = {
            "id": number,
            "member_id": talk.member_id,
            "servicer_id": AGENTS.get(talk.site_id, 100 + talk.site_id),
            "member_name": f"会员{talk.member_id}",
            "online": 0,
            "create_time": _BEGIN,
            "last_online_time": _BEGIN + number,
            "delete_time": 0,
            "headimg": "",
            "client_id": "",
            "shop_id": talk.site_id,
            "disconnect_due": 0,
        }
        rows.append(tuple(values[column.name] for column in member.c))
    return rows


def fill(url: str, history: History) -> None:
    """Fill the database of a URL as kefu's settings have it: SQLite or PostgreSQL."""
    if url.startswith("sqlite"):
        _fill_sqlite(str(make_url(url).database), history)
    else:
        asyncio.run(_fill_postgresql(url, history))


def _fill_sqlite(path: str, history: History) -> None:
    talks, order = _talks(history)
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA synchronous = OFF")
    query = "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND tbl_name = ? AND sql > ''"
    indexes = connection.execute(query, (dialogue.name,)).fetchall()
    for name, _ in indexes:
        connection.execute(f"DROP INDEX {name}")
    connection.execute("BEGIN")

    def insert(table: Table, rows: Iterator[Row] | list[Row]) -> None:
        marks = ", ".join("?" * len(table.c))
        connection.executemany(f"INSERT INTO {table.name} VALUES ({marks})", rows)

    insert(dialogue, (_for_sqlite(row) for row in _messages(talks, order)))
    insert(conversation, _conversations(talks))
    insert(member, _pairs(talks))
    for _, sql in indexes:
        connection.execute(sql)
    connection.execute("COMMIT")
    connection.close()


def _for_sqlite(row: Row) -> Row:
    return (*row[:3], row[3].isoformat(), row[4].isoformat("microseconds"), *row[5:])


async def _fill_postgresql(url: str, history: History) -> None:
    import asyncpg

    talks, order = _talks(history)
    connection = await asyncpg.connect(
        make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    )
    try:
        query = (
            "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = $1 "
            "AND indexdef NOT LIKE 'CREATE UNIQUE%'"
        )
        indexes = await connection.fetch(query, dialogue.name)
        for index in indexes:
            await connection.execute(f"DROP INDEX {index['indexname']}")
        tables: tuple[tuple[Table, Any], ...] = (
            (dialogue, _messages(talks, order)),
            (conversation, None),
            (member, None),
        )
        for table, rows in tables:
            if table is conversation:
                rows = _conversations(talks)
            elif table is member:
                rows = _pairs(talks)
            names = [column.name for column in table.c]
            await connection.copy_records_to_table(table.name, records=rows, columns=names)
            sequence = f"pg_get_serial_sequence('{table.name}', 'id')"
            await connection.execute(
                f"SELECT setval({sequence}, (SELECT max(id) FROM {table.name}))"
            )
        for index in indexes:
            await connection.execute(index["indexdef"])
        # As its autovacuum does, some minutes later.
        await connection.execute("VACUUM ANALYZE")
    finally:
        await connection.close()
