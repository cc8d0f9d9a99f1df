"""Lists, searches and replies on every database: the same rows from each."""

from __future__ import annotations

import datetime
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy import Connection, insert, select, update

from business.services.servicer.store import conversations, dialogues, lists, replies
from business.services.servicer.store.database import Database
from business.services.servicer.store.dialogues import Content, ContentType, Side
from business.services.servicer.store.migrations.versions import m0002_replies
from business.services.servicer.store.pairs import Card
from business.services.servicer.store.tables import conversation, fast_reply, keyword_reply, member
from tests.support.databases import KINDS, Servers

pytestmark = pytest.mark.asyncio(loop_scope="module")

NOW = datetime.datetime(2026, 11, 2, 9, 30, tzinfo=datetime.UTC)


@pytest_asyncio.fixture(params=KINDS, scope="module", loop_scope="module")
async def database(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    database_servers: Servers,
) -> AsyncIterator[Database]:
    """A database of each kind; each test has a shop of its own."""
    url = await database_servers.database(request.param, tmp_path_factory.mktemp("lists"))
    database = Database(url)
    await database.migrate()
    await database.open()
    yield database
    await database.close()


def say(
    connection: Connection,
    site_id: int,
    card: Card,
    text: str,
    servicer_id: int = 0,
    side: Side = Side.CUSTOMER,
) -> int:
    """Store a text; returns its id."""
    talk = conversations.lock(connection, site_id, card.member_id, NOW.timestamp())
    talk.name(card)
    row = dialogues.add(
        connection,
        talk,
        Content(ContentType.TEXT, f"<p>{text}</p>", text),
        site_id=site_id,
        member_id=card.member_id,
        servicer_id=servicer_id,
        side=side,
        now=NOW,
    )
    return int(row["id"])


async def test_conversations_of_a_shop(database: Database) -> None:
    """The latest first, by part of the name in any case, with what was not read and who waits."""

    def unit(connection: Connection) -> None:
        for number, name in ((1, "Ann"), (2, "B%b"), (3, "Joanna")):
            say(connection, 10, Card(number, name, ""), "hi", servicer_id=7)
        say(connection, 10, Card(1, "Ann", "a.png"), "again")
        say(connection, 11, Card(9, "Anna", ""), "elsewhere")
        dialogues.mark_read(connection, 10, 3, Side.CUSTOMER)

    await database.write(unit)

    def names(connection: Connection, text: str) -> list[str]:
        rows, count = lists.of_shop(connection, 10, text, 0, 10)
        assert count == len(rows)
        return [row["member_name"] for row in rows]

    def query(connection: Connection) -> Any:
        searched = [names(connection, text) for text in ("", "aNN", "%", "_", "\\", "'", "/")]
        rows, count = lists.of_shop(connection, 10, "", 0, 2)
        unread, _ = lists.with_unread(connection, 10, 10)
        waiting = [row["member_id"] for row in lists.waiting(connection, 10, 10)]
        return searched, rows, count, unread, waiting, lists.unassigned(connection, 10)

    searched, rows, count, unread, waiting, unassigned = await database.read(query)
    assert searched == [["Ann", "Joanna", "B%b"], ["Ann", "Joanna"], ["B%b"], [], [], [], []]
    assert (len(rows), count) == (2, 3)
    assert (rows[0]["content"], rows[0]["unassigned"], rows[0]["unread"]) == ("<p>again</p>", 1, 2)
    assert (rows[0]["headimg"], rows[0]["add_time"]) == ("a.png", int(NOW.timestamp()))
    assert (rows[1]["unassigned"], rows[1]["unread"]) == (0, 0)
    assert [(row["member_id"], row["unread"]) for row in unread] == [(1, 2), (2, 1)]
    assert (waiting, unassigned) == ([1], 1)


async def test_what_waits_is_given_to_one_agent(database: Database) -> None:
    """From the first message that waits, with what a machine has answered, which stays nobody's."""
    card = Card(1, "Ann", "")

    def unit(connection: Connection) -> tuple[int, list[dialogues.Row]]:
        say(connection, 20, card, "before", servicer_id=7)
        first = say(connection, 20, card, "one")
        say(connection, 20, card, "automatic", side=Side.AGENT)
        say(connection, 20, card, "another's", servicer_id=7)
        say(connection, 20, card, "two")
        talk = conversations.lock(connection, 20, 1, NOW.timestamp())
        assert talk.waiting_id == first
        return first, dialogues.assign(connection, 20, 1, talk.waiting_id, 8)

    first, rows = await database.write(unit)
    assert [(row["message"], row["servicer_id"]) for row in rows] == [
        ("one", 8), ("automatic", 0), ("two", 8),
    ]  # fmt: skip
    assert rows[0]["id"] == first
    assert await database.read(lambda c: conversations.waiting(c, 20, 10)) == [1]
    assert await database.read(lambda c: conversations.sites_waiting(c, [20, 21])) == [20]


async def test_search(database: Database) -> None:
    """By part of the text, in which no character means anything else, and by time."""

    def unit(connection: Connection) -> None:
        for text in ("50% OFF", "500 off", "a_b", "退货"):
            say(connection, 30, Card(1, "Ann", ""), text, servicer_id=7)

    await database.write(unit)

    def query(connection: Connection) -> list[list[str]]:
        wanted = [
            lists.Search(text="50%"), lists.Search(text="Off"), lists.Search(text="_"),
            lists.Search(text="退"), lists.Search(content_type=1),
            lists.Search(since=int(NOW.timestamp()), until=int(NOW.timestamp()), text="a"),
            lists.Search(since=int(NOW.timestamp()) + 1), lists.Search(until=1),
        ]  # fmt: skip
        found = [lists.search(connection, 30, 1, one, 0, 10)[0] for one in wanted]
        return [[row["message"] for row in rows] for rows in found]

    assert await database.read(query) == [
        ["50% OFF"], ["500 off", "50% OFF"], ["a_b"], ["退货"], [], ["a_b"], [], [],
    ]  # fmt: skip


async def test_keywords_are_exact(database: Database) -> None:
    """Another case, accent or blank is another word."""

    def unit(connection: Connection) -> None:
        for word, used in (("Café", 1), ("off", 0)):
            values = {"site_id": 40, "keyword": word, "content": f"{word}!", "is_use": used}
            connection.execute(insert(keyword_reply).values(**values))
        connection.execute(insert(fast_reply).values(site_id=40, content="您好 😀"))

    await database.write(unit)

    def query(connection: Connection) -> Any:
        texts = ("Café", " Café ", "Caf&eacute;", "café", "Cafe", "off", "", "x" * 51)
        found = [replies.find(connection, 40, text) for text in texts]
        return found, replies.keywords(connection, 40), replies.quick(connection, 40)

    found, words, quick = await database.read(query)
    assert found == ["Café!"] * 3 + [None] * 5
    assert (words, quick) == (["Café"], ["您好 😀"])


async def test_what_was_stored_before_is_brought_up_to_date(database: Database) -> None:
    """The migration names the members and finds what has waited."""

    def unit(connection: Connection) -> int:
        first = say(connection, 50, Card(1, "", ""), "anybody?")
        say(connection, 50, Card(1, "", ""), "hello?")
        say(connection, 50, Card(2, "", ""), "hi", servicer_id=7)
        pair = {"member_id": 2, "servicer_id": 70, "member_name": "Bob", "shop_id": 50}
        connection.execute(insert(member).values(**pair))
        connection.execute(
            update(conversation).where(conversation.c.shop_id == 50).values(waiting_id=0)
        )
        with Operations.context(MigrationContext.configure(connection)):
            m0002_replies._fill("")
        return first

    first = await database.write(unit)
    query = select(conversation.c.member_name, conversation.c.waiting_id)
    query = query.where(conversation.c.shop_id == 50).order_by(conversation.c.member_id)
    rows = await database.read(lambda c: [tuple(row) for row in c.execute(query)])
    assert rows == [("", first), ("Bob", 0)]
