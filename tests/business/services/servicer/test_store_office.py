"""What back offices, captchas and visitors need of the store, on every kind of database."""

from __future__ import annotations

import asyncio
import datetime
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest
import pytest_asyncio
from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy import Connection, insert, select, text

from business.services.servicer.store import (
    agents,
    captchas,
    conversations,
    dialogues,
    office,
    server,
    visitors,
)
from business.services.servicer.store import sent as sent_store
from business.services.servicer.store.agents import Role
from business.services.servicer.store.database import Database
from business.services.servicer.store.dialogues import Content, ContentType, Side
from business.services.servicer.store.migrations.versions import m0005_import
from business.services.servicer.store.pairs import Card
from business.services.servicer.store.tables import (
    dialogue,
    fast_reply,
    group,
    keyword_reply,
    sent,
)
from tests.support.databases import KINDS, Servers
from tests.support.timing import within

VISITOR = 1_000_000_001
REPLY = {"site_id": 1, "keyword": "word", "content": "yes", "content_type": 0, "is_use": 1}
NEW = {"keyword": "new"}
NOON = datetime.datetime(2026, 11, 24, 12, tzinfo=datetime.UTC)


@pytest_asyncio.fixture(params=KINDS)
async def database(
    request: pytest.FixtureRequest, tmp_path: Path, database_servers: Servers
) -> AsyncIterator[Database]:
    """A database of each kind, open."""
    database = Database(await database_servers.database(request.param, tmp_path))
    await database.migrate()
    await database.open()
    yield database
    await database.close()


async def test_a_shops_own_agents(database: Database) -> None:
    """Found by parts of names, in which % and _ stand for themselves; of that shop, not let go."""

    def fill(connection: Connection) -> list[int]:
        made = [
            agents.create(connection, site_id, name, "hash", nickname, 1.0)
            for site_id, name, nickname in (
                (1, "ann", "50%_off"), (1, "ben", "500 off"), (2, "cat", "50%_off"),
            )
        ]  # fmt: skip
        agents.create(connection, 1, "boss", "hash", "Boss", 1.0, role=Role.SHOP)
        return made

    ann, ben, cat = await database.write(fill)

    async def found(site_id: int, nickname: str = "", status: int | None = None) -> list[int]:
        rows, count = await database.read(
            lambda c: office.agents(c, site_id, nickname=nickname, status=status)
        )
        assert len(rows) == count
        return [row["uid"] for row in rows]

    assert await found(1) == [ben, ann]
    assert await found(1, "0%_") == [ann]
    assert await found(2, "off") == [cat]
    await database.write(lambda c: office.edit_agent(c, ann, {"status": 0}, {"nickname": "A"}))
    assert (await found(1, status=0), await found(1, status=1)) == ([ann], [ben])
    await database.write(lambda c: office.delete_agent(c, ann, 2.0))
    assert await found(1) == [ben]
    assert not await database.read(lambda c: office.is_agent(c, 1, ann))
    assert not await database.read(lambda c: office.is_taken(c, "ann"))
    assert not await database.read(lambda c: office.is_agent(c, 1, cat))


async def test_rows_of_a_shop(database: Database) -> None:
    """Listed newest first, changed and deleted by who owns them, also where nothing changes."""

    def fill(connection: Connection) -> tuple[int, int, int]:
        values = {"site_id": 1, "create_time": 1}
        word = {"keyword": "é_%", "content": "x"}
        return (
            office.add(connection, group, {**values, "group_name": "G", "desc": "d"}),
            office.add(connection, keyword_reply, {**values, **word}),
            office.add(connection, fast_reply, {**values, "content": "您好"}),
        )

    group_id, keyword_id, fast_id = await database.write(fill)
    rows, _ = await database.read(lambda c: office.groups(c, 1, "G", 0, 10))
    assert [(row["group_name"], row["desc"]) for row in rows] == [("G", "d")]
    assert await database.write(lambda c: office.edit_group(c, 1, group_id, {"desc": "d"}))
    assert not await database.write(lambda c: office.edit_group(c, 2, group_id, {"desc": "e"}))
    assert not await database.write(lambda c: office.delete_group(c, 2, group_id))
    assert await database.write(lambda c: office.delete_group(c, 1, group_id))
    assert await database.read(lambda c: office.has_keyword(c, 1, "é_%"))
    assert not await database.read(lambda c: office.has_keyword(c, 1, "É_%"))
    assert not await database.read(lambda c: office.has_keyword(c, 1, "é_%", but=keyword_id))
    assert not await database.read(lambda c: office.has_keyword(c, 2, "é_%"))
    assert (await database.read(lambda c: office.keywords(c, 1, "_", 0, 10)))[1] == 1
    same = {"content": "您好"}
    assert await database.write(lambda c: office.edit(c, fast_reply, 1, fast_id, same))
    assert not await database.write(lambda c: office.edit(c, fast_reply, 2, fast_id, same))
    for site_id, left in ((2, 1), (1, 0)):
        delete = partial(office.delete_all, table=fast_reply, site_id=site_id, ids=[fast_id])
        await database.write(delete)
        assert (await database.read(lambda c: office.fast_replies(c, 1, "", 0, 10)))[1] == left


async def test_settings_are_replaced(database: Database) -> None:
    """Of one shop and key."""
    for value in ({"type": "third"}, {"type": "客服"}):
        change = partial(office.set_config, site_id=1, key=office.SHOP_CONFIG, value=value)
        await database.write(change)
        assert await database.read(lambda c: office.get_config(c, 1, office.SHOP_CONFIG)) == value
    assert await database.read(lambda c: office.get_config(c, 2, office.SHOP_CONFIG)) == {}


async def test_a_captcha_is_taken_once(database: Database) -> None:
    """By who answers first, right or wrong, and in time."""
    await database.write(lambda c: captchas.add(c, "a", "right", 100.0, 0.0))
    assert await database.write(lambda c: captchas.take(c, "a", "right", 50.0))
    assert not await database.write(lambda c: captchas.take(c, "a", "right", 50.0))
    for answer, since in (("wrong", 50.0), ("right", 100.0)):
        await database.write(lambda c: captchas.add(c, "b", "right", 100.0, 0.0))
        take = partial(captchas.take, captcha_id="b", answer=answer, since=since)
        assert not await database.write(take)
        assert not await database.write(lambda c: captchas.take(c, "b", "right", 50.0))


async def test_a_visitors_messages_become_a_members(database: Database) -> None:
    """One chain, in the order of time; the conversation names the last message and who waits."""

    def say(connection: Connection, member_id: int, text: str) -> int:
        conversation = conversations.lock(connection, 1, member_id, 1.0)
        row = dialogues.add(
            connection,
            conversation,
            Content(ContentType.TEXT, text, text),
            site_id=1,
            member_id=member_id,
            servicer_id=0,
            side=Side.CUSTOMER,
            now=NOON,
        )
        conversations.save(connection, conversation)
        return int(row["id"])

    ids = [
        await database.write(partial(say, member_id=who, text="hello"), key=(who, 1))
        for who in (7, VISITOR, 7, VISITOR, VISITOR)
    ]

    def chain(connection: Connection) -> list[tuple[int, int]]:
        query = select(dialogue.c.id, dialogue.c.prev_id).where(dialogue.c.member_id == 7)
        return [(row[0], row[1]) for row in connection.execute(query.order_by(dialogue.c.id))]

    number = await database.write(lambda c: visitors.add(c, 1.0))
    assert number == 1
    card = Card(7, "Seven", "")
    for _ in range(2):  # the second time, nothing is left to be moved
        assert await database.write(lambda c: visitors.move(c, VISITOR, 1, card, 2.0)) == []
        assert await database.read(chain) == list(zip(ids, [0, *ids], strict=False))
    assert not await database.read(lambda c: visitors.has_talked(c, VISITOR))
    found = await database.write(lambda c: conversations.lock(c, 1, 7, 3.0))
    assert (found.last_id, found.member_name) == (ids[-1], "Seven")


async def test_what_may_be_sent_again_is_forgotten_bit_by_bit(database: Database) -> None:
    """The oldest first, not more at once than was said, and nothing that is not old."""

    def fill(connection: Connection) -> None:
        rows = [
            {"sender": "m1", "client_msg_id": f"{i}", "dialogue_id": i, "create_time": 100 - i}
            for i in range(10)
        ]
        connection.execute(insert(sent), rows)

    await database.write(fill)
    prune = partial(sent_store.prune, before=96, limit=3)
    query = select(sent.c.create_time).order_by(sent.c.create_time)
    assert await database.write(prune) == 3
    assert await database.read(lambda c: c.execute(query).scalars().first()) == 94
    assert [await database.write(prune), await database.write(prune)] == [2, 0]
    assert await database.read(lambda c: list(c.execute(query).scalars())) == [96, 97, 98, 99, 100]


async def test_two_who_add_one_keyword_at_once(tmp_path: Path, database_servers: Servers) -> None:
    """The second waits for the first, and is told that there is one."""
    url = await database_servers.database("postgresql", tmp_path)
    first, second = Database(url), Database(url)
    await first.migrate()
    await first.open()
    await second.open()
    stored = asyncio.Event()
    loop = asyncio.get_running_loop()

    def slow(connection: Connection) -> int | None:
        made = office.add_keyword(connection, REPLY)
        loop.call_soon_threadsafe(stored.set)
        connection.execute(text("SELECT pg_sleep(0.5)"))
        return made

    try:
        adding = asyncio.create_task(first.write(slow))
        await within(stored.wait())
        assert not adding.done()  # not committed: a look for the keyword does not find it
        assert await second.read(lambda c: office.has_keyword(c, 1, "word")) is False
        assert await second.write(lambda c: office.add_keyword(c, REPLY)) is None
        assert await adding is not None
        other = {**REPLY, "keyword": "other"}
        made = await second.write(lambda c: office.add_keyword(c, other)) or 0
        assert await first.write(lambda c: office.edit_keyword(c, 1, made, REPLY)) is None
        assert await first.write(lambda c: office.edit_keyword(c, 1, made, other)) is True
        assert await first.write(lambda c: office.edit_keyword(c, 1, 999, other | NEW)) is False
    finally:
        await first.close()
        await second.close()


async def test_keywords_that_a_shop_had_several_times(database: Database) -> None:
    """The latest in use goes on; another text stays, out of use and under a name that shows it; a
    second row with the same text goes. Also where a name that would show it is taken."""

    def unsettle(connection: Connection) -> None:
        # As version 0004 had it.
        index = "DROP INDEX ux_keyword_reply"
        on = " ON servicer_keyword_reply" if connection.dialect.name == "mysql" else ""
        connection.execute(text(index + on))
        rows = [
            (1, 1, "词", "old", 1), (2, 1, "词", "latest", 1), (3, 1, "词", "unused", 0),
            (4, 1, "词", "latest", 1), (5, 2, "词", "of shop 2", 1), (6, 1, "A", "upper", 1),
            (7, 1, "a", "lower", 0), (8, 1, "词（重复1）", "taken", 1), (9, 1, "x" * 50, "one", 1),
            (10, 1, "x" * 50, "two", 1),
        ]  # fmt: skip
        names = ("id", "site_id", "keyword", "content", "is_use")
        values = [dict(zip(names, row, strict=True)) for row in rows]
        connection.execute(insert(keyword_reply), values)
        with Operations.context(MigrationContext.configure(connection)):
            m0005_import._settle("servicer_keyword_reply")
        unique = "CREATE UNIQUE INDEX ux_keyword_reply ON servicer_keyword_reply (site_id, keyword)"
        connection.execute(text(unique))

    if isinstance(database._backend, server.Server):  # MySQL commits at a change of an index
        async with database._backend._writers.connect() as connection:
            await connection.run_sync(unsettle)
            await connection.commit()
    else:
        await database.write(unsettle)
    query = select(keyword_reply).order_by(keyword_reply.c.id)
    rows = await database.read(lambda c: list(c.execute(query)))
    shown = [(row.id, row.site_id, row.keyword, row.content, row.is_use) for row in rows]
    assert shown == [
        (1, 1, "词（重复1-1）", "old", 0), (3, 1, "词（重复3）", "unused", 0),
        (4, 1, "词", "latest", 1), (5, 2, "词", "of shop 2", 1), (6, 1, "A", "upper", 1),
        (7, 1, "a", "lower", 0), (8, 1, "词（重复1）", "taken", 1),
        (9, 1, "x" * 45 + "（重复9）", "one", 0), (10, 1, "x" * 50, "two", 1),
    ]  # fmt: skip
