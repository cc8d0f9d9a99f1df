"""What the writing connection of an embedded database keeps of conversations between messages."""

from __future__ import annotations

import asyncio
import datetime
import sqlite3
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import pytest_asyncio
from sqlalchemy import Connection, text, update

from business.services.servicer.messages import Answer, Say, Sent
from business.services.servicer.push import Push
from business.services.servicer.shop.interface import Site
from business.services.servicer.signals import Signals
from business.services.servicer.store import agents, dialogues, memory, pairs
from business.services.servicer.store.database import Database
from business.services.servicer.store.dialogues import Content, ContentType, Side
from business.services.servicer.store.errors import StoreError
from business.services.servicer.store.pairs import Card
from business.services.servicer.store.tables import member, servicer

NOW = datetime.datetime(2026, 5, 1, 12, tzinfo=datetime.UTC)
SITE = Site(1, "shop", "")


class Silent:
    """A pusher that sends nothing."""

    def start(self, pushes: list[Push]) -> None:
        pass

    async def settle(self, sending: None) -> None:
        pass


@pytest_asyncio.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    """An embedded one."""
    database = Database(f"sqlite+aiosqlite:///{tmp_path / 'kefu.db'}")
    await database.open()
    yield database
    await database.close()


@pytest.fixture
def other(database: Database, tmp_path: Path) -> Callable[[str], None]:
    """Another process at the same file, which runs a statement."""

    def run(statement: str) -> None:
        connection = sqlite3.connect(tmp_path / "kefu.db", isolation_level=None)
        assert connection.execute(statement).rowcount > 0
        connection.close()

    return run


@pytest_asyncio.fixture
async def agent(database: Database) -> agents.Agent:
    """One who is online."""

    def make(connection: Connection) -> agents.Agent:
        agents.create(connection, 1, "alice", "x", "Alice", 0.0)
        [found] = [one for one in agents.everybody(connection) if one.username == "alice"]
        agents.arrive(connection, found.uid, "f" * 20, 0.0)
        return found

    return await database.write(make)


def content(words: str) -> Content:
    return Content(ContentType.TEXT, words, words)


def say(agent: agents.Agent, member_id: int = 7, *, is_asked: bool = False) -> Say:
    """A message; ``is_asked``: the gateways were asked, and the member has a socket."""
    return Say(
        site=SITE,
        card=Card(member_id, f"member {member_id}", ""),
        content=content("hello"),
        to_reply=content,
        own_id="",
        preferred=0,
        agents={agent.uid: agent},
        now=NOW,
        client_ids=[f"{member_id:020d}"] if is_asked else None,
    )


def answer(agent: agents.Agent, member_id: int = 7) -> Answer:
    card = Card(member_id, f"member {member_id}", "")
    return Answer(agent=agent, site=SITE, card=card, content=content("yes"), own_id="", now=NOW)


async def trace(database: Database) -> list[str]:
    """The statements of units from now on; that this is a unit forgets all."""
    statements: list[str] = []

    def start(connection: Connection) -> None:
        driver = cast(sqlite3.Connection, connection.connection.driver_connection)
        driver.set_trace_callback(statements.append)

    await database.write(start)
    return statements


def reads(statements: list[str]) -> int:
    """How often a conversation, or its pairs, were read."""
    return sum(s.startswith("SELECT") and "keyword" not in s for s in statements)


async def send(database: Database, unit: Say | Answer) -> Sent | None:
    return await database.write(unit.run, key=unit.key)


async def sent(database: Database, unit: Say | Answer) -> Sent:
    found = await send(database, unit)
    assert found is not None
    return found


async def test_the_next_messages_of_a_conversation_read_nothing(
    database: Database, agent: agents.Agent
) -> None:
    await sent(database, say(agent, is_asked=True))
    statements = await trace(database)
    first = await sent(database, say(agent))
    assert reads(statements) == 2
    second = await sent(database, answer(agent))
    third = await sent(database, say(agent))
    assert reads(statements) == 2
    assert second.stored.prev_id == first.stored.id
    assert third.stored.prev_id == second.stored.id
    assert [push.to for push in second.pushes] == ["7"]
    assert third.pushes[-1].to == [f"ns_servicer_{agent.uid}"]


async def test_reading_marks_forget_nothing(database: Database, agent: agents.Agent) -> None:
    """Pages of our own mark as read what has just come."""
    await sent(database, say(agent, is_asked=True))
    await sent(database, say(agent))
    signals = Signals(cast(Any, SimpleNamespace(database=database, pusher=Silent())), 0)
    statements = await trace(database)
    await sent(database, say(agent))
    statements.clear()
    assert await signals.read(1, 7, Side.AGENT, agent.uid) == 3
    assert statements
    statements.clear()
    await sent(database, say(agent))
    assert statements
    assert not reads(statements)


async def test_what_another_process_has_written_is_seen(
    database: Database, agent: agents.Agent, other: Callable[[str], None]
) -> None:
    await sent(database, say(agent, is_asked=True))
    await sent(database, say(agent))
    other("UPDATE servicer_member SET online = 0, client_id = '' WHERE member_id = 7")
    assert await send(database, say(agent)) is None
    assert await send(database, answer(agent)) is None


async def test_another_process_may_store_messages_between_them(
    database: Database, agent: agents.Agent, tmp_path: Path
) -> None:
    second = Database(f"sqlite+aiosqlite:///{tmp_path / 'kefu.db'}")
    await second.open()
    try:
        last = (await sent(database, say(agent, is_asked=True))).stored.id
        for number in range(20):
            stored = (await sent((second, database)[number % 2], say(agent))).stored
            assert stored.prev_id == last
            last = stored.id
    finally:
        await second.close()


@pytest.mark.parametrize(
    "change",
    [
        update(member).where(member.c.member_id == 7).values(online=0),
        update(servicer).values(online=0),
    ],
    ids=["the pair", "the agent"],
)
async def test_what_another_unit_has_written_is_seen(
    database: Database, agent: agents.Agent, change: Any
) -> None:
    await sent(database, say(agent, is_asked=True))
    await sent(database, say(agent))
    await database.write(lambda connection: connection.execute(change).rowcount)
    assert await send(database, say(agent)) is None


async def test_in_one_transaction_too(database: Database, agent: agents.Agent) -> None:
    """Units that are committed together see what those before them have done."""
    await sent(database, say(agent, is_asked=True))
    leaves = update(member).where(member.c.member_id == 7).values(online=0)
    before, _, after = await asyncio.gather(
        send(database, say(agent)),
        database.write(lambda connection: connection.execute(leaves).rowcount),
        send(database, say(agent)),
    )
    assert before is not None
    assert after is None


async def test_nothing_is_kept_of_what_failed(database: Database, agent: agents.Agent) -> None:
    """A unit fails when it has stored a message, so that its batch is run again."""

    def fail(connection: Connection) -> None:
        say(agent).run(connection)
        raise ValueError("on purpose")

    last = (await sent(database, say(agent, is_asked=True))).stored
    for _ in range(3):
        first, failed, second = await asyncio.gather(
            sent(database, say(agent)),
            database.write(fail),
            sent(database, say(agent)),
            return_exceptions=True,
        )
        assert isinstance(failed, ValueError)
        assert isinstance(first, Sent)
        assert isinstance(second, Sent)
        assert first.stored.prev_id == last.id
        assert second.stored.prev_id == first.stored.id
        last = second.stored
    assert (await sent(database, say(agent))).stored.prev_id == last.id


async def test_nothing_is_kept_of_what_was_not_committed(
    database: Database, agent: agents.Agent
) -> None:
    """COMMIT fails."""

    def break_promise(connection: Connection) -> None:
        for statement in (
            "CREATE TABLE one (id INTEGER PRIMARY KEY)",
            "CREATE TABLE two (id INTEGER REFERENCES one DEFERRABLE INITIALLY DEFERRED)",
            "INSERT INTO two VALUES (1)",
        ):
            connection.execute(text(statement))

    last = (await sent(database, say(agent, is_asked=True))).stored
    failed = await asyncio.gather(
        database.write(break_promise), send(database, say(agent)), return_exceptions=True
    )
    assert [type(error) for error in failed] == [StoreError, StoreError]
    assert (await sent(database, say(agent))).stored.prev_id == last.id


async def test_nothing_is_kept_when_the_disk_is_full(
    database: Database, agent: agents.Agent
) -> None:
    """The whole transaction is given up."""

    def limit(pages: int) -> Callable[[Connection], Any]:
        return lambda connection: connection.execute(text(f"PRAGMA max_page_count = {pages}")).all()

    last = (await sent(database, say(agent, is_asked=True))).stored
    await database.write(limit(1))
    stored = 0
    try:
        while stored < 200:  # until the last page is full
            last = (await sent(database, say(agent))).stored
            stored += 1
    except StoreError:
        pass
    assert 0 < stored < 200
    await database.write(limit(1_000_000))
    assert (await sent(database, say(agent))).stored.prev_id == last.id
    rows, count = await database.read(lambda c: dialogues.newest_first(c, 1, 7, 0, 1000))
    assert count == len(rows) == stored + 2


async def test_a_pair_that_is_made_anew_is_seen(database: Database, agent: agents.Agent) -> None:
    """A message that connects the pair: the next ones know of it."""
    await sent(database, say(agent, is_asked=True))
    await database.write(lambda c: pairs.leave(c, 1, 0.0, 0))
    first = await sent(database, say(agent, is_asked=True))
    assert [push.frame["type"] for push in first.pushes] == ["connect", "connect", "string"]
    second = await sent(database, say(agent))
    assert [push.frame["type"] for push in second.pushes] == ["connect", "string"]


async def test_only_so_much_is_kept(
    database: Database, agent: agents.Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "MAX_KEPT", 2)
    last = {
        number: (await sent(database, say(agent, number, is_asked=True))).stored.id
        for number in range(1, 6)
    }
    for _ in range(3):
        for number, before in last.items():
            stored = (await sent(database, say(agent, number))).stored
            assert stored.prev_id == before
            last[number] = stored.id
