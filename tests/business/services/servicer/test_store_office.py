"""What back offices, captchas and visitors need of the store, on every kind of database."""

from __future__ import annotations

import datetime
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest
import pytest_asyncio
from sqlalchemy import Connection, select

from business.services.servicer.store import (
    agents,
    captchas,
    conversations,
    dialogues,
    office,
    visitors,
)
from business.services.servicer.store.agents import Role
from business.services.servicer.store.database import Database
from business.services.servicer.store.dialogues import Content, ContentType, Side
from business.services.servicer.store.pairs import Card
from business.services.servicer.store.tables import dialogue, fast_reply, group, keyword_reply
from tests.support.databases import KINDS, Servers

VISITOR = 1_000_000_001
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
