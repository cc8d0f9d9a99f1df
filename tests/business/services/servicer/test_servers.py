"""The store with several processes at one database, and with a database that goes away."""

from __future__ import annotations

import asyncio
import datetime
import random
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import Connection, select, text

from business.services.servicer.messages import Say, Sent
from business.services.servicer.shop.interface import Site
from business.services.servicer.store import agents, conversations, dialogues, pairs
from business.services.servicer.store import server as server_module
from business.services.servicer.store.database import Database
from business.services.servicer.store.dialogues import Content, ContentType
from business.services.servicer.store.errors import StoreBusy, StoreError
from business.services.servicer.store.pairs import Card
from business.services.servicer.store.tables import dialogue, member
from shared.errors import SettingsError
from tests.support.databases import KINDS, Installation, Server, Servers, installation
from tests.support.timing import within

SERVERS = KINDS[1:]

ZONE = datetime.timezone(datetime.timedelta(hours=8))


async def prepare(url: str) -> str:
    """Make the tables."""
    database = Database(url)
    await database.migrate()
    await database.close()
    return url


@pytest_asyncio.fixture(params=KINDS)
async def url(request: pytest.FixtureRequest, tmp_path: Path, database_servers: Servers) -> str:
    """A database of each kind, with its tables."""
    return await prepare(await database_servers.database(request.param, tmp_path))


@pytest.fixture(params=SERVERS)
def kind(request: pytest.FixtureRequest) -> str:
    """Each kind of server."""
    return str(request.param)


@pytest.fixture
def own(kind: str) -> Iterator[Installation]:
    """A server that a test may end."""
    with installation(kind) as made:
        yield made


def to_content(words: str) -> Content:
    """A text."""
    return Content(ContentType.TEXT, words, words)


@asynccontextmanager
async def processes(url: str, count: int) -> AsyncIterator[list[Database]]:
    """As many processes that have the database open."""
    async with AsyncExitStack() as stack:
        databases = []
        for _ in range(count):
            database = Database(url)
            stack.push_async_callback(database.close)
            await database.open()
            databases.append(database)
        yield databases


def say(member_id: int, words: str, free: dict[int, Any], own_id: str = "") -> Say:
    """A customer's message."""
    return Say(
        site=Site(1, "shop", ""),
        card=Card(member_id, f"member {member_id}", ""),
        content=to_content(words),
        to_reply=to_content,
        own_id=own_id,
        preferred=0,
        agents=free,
        client_ids=[f"{member_id:020d}"],
        now=datetime.datetime.now(ZONE),
    )


def _agent(uid: int) -> Callable[[Connection], agents.Agent]:
    def make(connection: Connection) -> agents.Agent:
        agents.create(connection, 1, f"agent {uid}", "x", f"Agent {uid}", 0.0)
        return next(a for a in agents.everybody(connection) if a.username == f"agent {uid}")

    return make


async def test_every_character_comes_back(url: str) -> None:
    """Emoji and other characters of four bytes too; and texts that differ in case only differ."""
    words = "你好 👋🏽 𠮷 é \u200d\U0001f468"
    async with processes(url, 1) as [database]:
        await database.write(say(1, words, {}, "a").run)
        await database.write(say(1, words, {}, "A").run)
        rows, count = await database.read(lambda c: dialogues.newest_first(c, 1, 1, 0, 10))
        assert [row["content"] for row in rows] == [words, words]
        assert count == 2


async def test_ids_of_a_conversation_become_visible_in_order(url: str) -> None:
    """Three processes write to the same five conversations, while a reader looks at them: what it
    has seen of a conversation never gets a message before the last; ``prev_id`` makes one chain."""
    async with processes(url, 3) as databases:
        free = {a.uid: a for a in [await databases[0].write(_agent(i)) for i in range(3)]}
        pushed: dict[int, list[int]] = defaultdict(list)
        seen: dict[int, list[int]] = defaultdict(list)
        done = asyncio.Event()

        async def look() -> None:
            query = select(dialogue.c.id, dialogue.c.prev_id, dialogue.c.member_id)
            last = -1
            while not (done.is_set() and last == sum(map(len, seen.values()))):
                last = sum(map(len, seen.values()))
                found = await databases[0].read(
                    lambda c: list(c.execute(query.order_by(dialogue.c.id)))
                )
                for which in {row.member_id for row in found}:
                    ids = [row.id for row in found if row.member_id == which]
                    chain = [row.prev_id for row in found if row.member_id == which]
                    assert chain == [0, *ids[:-1]]
                    assert {*seen[which]} <= {*ids}
                    assert [i for i in ids if i not in seen[which]] == ids[len(seen[which]) :]
                    seen[which] = ids

        async def talk(database: Database, number: int) -> None:
            for i in range(15):
                unit = say(random.randrange(1, 6), f"{number} {i}", free)

                def follow(sent: Sent | None, which: int = unit.card.member_id) -> None:
                    assert sent is not None
                    pushed[which].append(sent.stored.id)

                await database.write(unit.run, follow, key=unit.key)

        looking = asyncio.create_task(look())
        await within(asyncio.gather(*(talk(d, n) for n in range(4) for d in databases)), factor=3)
        done.set()
        await within(looking)
        assert sum(len(ids) for ids in pushed.values()) == 180


async def test_customers_who_come_at_once_spread_over_the_agents(url: str) -> None:
    """Also when they come to several processes."""
    async with processes(url, 3) as databases:
        free = {a.uid: a for a in [await databases[0].write(_agent(i)) for i in range(3)]}
        units = [say(i, "hello", free) for i in range(1, 31)]
        writes = [databases[i % 3].write(u.run, key=u.key) for i, u in enumerate(units)]
        await within(asyncio.gather(*writes), factor=3)
        loads = await databases[0].read(lambda c: pairs.loads(c, free))
        assert sorted(loads.values()) == [10, 10, 10]


async def test_without_the_gateways_only_among_who_was_there(url: str) -> None:
    """Else nothing is stored, and the gateways are to be asked: where the customer and the agent do
    not know each other, and where either is gone, as far as the database knows."""
    async with processes(url, 1) as [database]:
        alice = await database.write(_agent(1))
        unit = say(7, "hello", {alice.uid: alice})
        unit.client_ids = None
        assert await database.write(unit.run) is None
        await database.write(say(7, "hello", {alice.uid: alice}).run)
        assert await database.write(unit.run) is None
        await database.write(lambda c: agents.arrive(c, alice.uid, "0" * 20, 1.0))
        assert await database.write(unit.run) is not None
        await database.write(lambda c: agents.replace(c, "0" * 20, "", 1.0))
        assert await database.write(unit.run) is None
        _, count = await database.read(lambda c: dialogues.newest_first(c, 1, 7, 0, 10))
        assert count == 2


async def test_a_message_that_is_sent_twice_at_once_is_stored_once(url: str) -> None:
    """Whatever processes the two requests reach."""
    async with processes(url, 3) as databases:
        units = [say(7, "hello", {}, "mine") for _ in range(9)]
        writes = [databases[i % 3].write(u.run, key=u.key) for i, u in enumerate(units)]
        sent = await within(asyncio.gather(*writes))
        assert len({one.stored.id for one in sent if one is not None}) == 1


async def test_a_lost_customer_is_told_of_once(url: str) -> None:
    """Although every process looks for them."""
    async with processes(url, 3) as databases:

        def leave(connection: Connection) -> None:
            for i in range(1, 21):
                pairs.connect(
                    connection,
                    None,
                    Card(i, "", ""),
                    site_id=1,
                    servicer_id=1,
                    client_id="x",
                    now=1,
                )
            connection.execute(member.update().values(disconnect_due=5))

        await databases[0].write(leave)
        taken = await asyncio.gather(*(d.write(lambda c: pairs.take_due(c, 10)) for d in databases))
        assert sorted(pair for some in taken for pair in some) == [(i, 1) for i in range(1, 21)]


async def test_units_that_wait_for_each_other_are_tried_again(
    kind: str, tmp_path: Path, database_servers: Servers
) -> None:
    """A deadlock ends one of the two transactions; its units succeed at the next try."""
    url = await prepare(await database_servers.database(kind, tmp_path))
    async with processes(url, 2) as databases:
        for which in (1, 2):
            await databases[0].write(say(which, "x", {}).run)
        runs = 0

        def crossing(first: int, second: int) -> Callable[[Connection], None]:
            def run(connection: Connection) -> None:
                nonlocal runs
                runs += 1
                conversations.lock(connection, 1, first, 0)
                pause = "SELECT pg_sleep(0.2)" if kind == "postgresql" else "SELECT SLEEP(0.2)"
                connection.execute(text(pause))
                conversations.lock(connection, 1, second, 0)

            return run

        await within(
            asyncio.gather(databases[0].write(crossing(1, 2)), databases[1].write(crossing(2, 1)))
        )
        assert runs > 2


async def test_a_server_that_goes_away_and_comes_back(own: Installation) -> None:
    """Requests fail meanwhile, with an error of ours; then they succeed again by themselves."""
    server = own.start()
    try:
        url = await prepare(await server.create("kefu"))
        database = Database(url)
        await database.open()
        await database.write(say(1, "before", {}).run)
        server.stop()
        with pytest.raises(StoreError):
            await within(database.write(say(1, "lost", {}).run))
        with pytest.raises(StoreBusy):
            await within(database.read(lambda c: dialogues.last(c, 1, 1)))
        server = own.start()
        await within(database.write(say(1, "after", {}).run))
        rows, _ = await database.read(lambda c: dialogues.newest_first(c, 1, 1, 0, 10))
        assert [row["content"] for row in rows] == ["after", "before"]
        await database.close()
    finally:
        server.stop()


async def test_connections_that_the_server_ends(
    kind: str, tmp_path: Path, database_servers: Servers
) -> None:
    """Are made anew, and who writes meanwhile notices nothing."""
    url = await prepare(await database_servers.database(kind, tmp_path))
    async with processes(url, 1) as [database]:
        for i in range(3):
            await asyncio.gather(*(database.write((u := say(m, f"{i}", {})).run, key=u.key)
                                   for m in range(8)))  # fmt: skip
            await _end_connections(kind, database_servers.get(kind), url.rpartition("/")[2])
        assert len((await database.read(lambda c: dialogues.newest_first(c, 1, 1, 0, 10)))[0]) == 3


async def _end_connections(kind: str, server: Server, name: str) -> None:
    name = name.partition("?")[0]
    if kind == "postgresql":
        where = f"datname = '{name}' AND pid <> pg_backend_pid()"
        await server.run(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {where}")
        return
    database = Database(server.admin)
    query = text(f"SELECT id FROM information_schema.processlist WHERE db = '{name}'")
    ids = await database._backend.read(lambda c: list(c.execute(query).scalars()))
    await database.close()
    await server.run(*(f"KILL {identifier}" for identifier in ids))


async def test_a_server_that_is_not_there_at_the_start(
    own: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Is waited for, for a while; then it is one line."""
    monkeypatch.setattr(server_module, "START_TIMEOUT", 0.0)
    server = own.start()
    try:
        url = await prepare(await server.create("kefu"))
        server.stop()
        database = Database(url)
        with pytest.raises(StoreBusy, match="cannot be reached"):
            await database.open()
        monkeypatch.undo()
        opening = asyncio.create_task(database.open())
        await asyncio.sleep(0)
        server = await asyncio.to_thread(own.start)
        await within(opening)
        await database.close()
    finally:
        server.stop()


async def test_what_is_said_of_databases_that_cannot_be_used(
    kind: str, tmp_path: Path, database_servers: Servers
) -> None:
    """One line each, which shows no password and says what to do."""
    url = await database_servers.database(kind, tmp_path)
    database = Database(url)
    with pytest.raises(SettingsError, match=r"start_business\.py migrate"):
        await database.open()
    await database.close()
    for wrong in (url.replace("test_", "nowhere_"), url.replace("/", "/stranger:hidden@", 2)):
        wrong = wrong.replace("/stranger:hidden@/stranger:hidden@", "//stranger:hidden@")
        database = Database(wrong.replace("kefu@127", "127").replace("root@127", "127"))
        with pytest.raises(SettingsError, match=r"^database\.url") as caught:
            await database.open()
        assert "hidden" not in str(caught.value)
        await database.close()


async def test_an_older_schema_is_refused(url: str) -> None:
    """Where processes do not migrate by themselves."""
    if url.startswith("sqlite"):
        return
    async with processes(url, 1) as [database]:
        await database.write(
            lambda c: c.execute(text("UPDATE servicer_version SET version_num = '0'"))
        )
    database = Database(url)
    with pytest.raises(SettingsError, match=r"revision 0, and this version needs .* migrate"):
        await database.open()
    await database.close()


async def test_many_who_migrate_at_once(
    kind: str, tmp_path: Path, database_servers: Servers
) -> None:
    """Migrate once."""
    url = await database_servers.database(kind, tmp_path)
    databases = [Database(url) for _ in range(3)]
    done = await within(asyncio.gather(*(d.migrate() for d in databases)), factor=3)
    assert sorted("already" in line for line in done) == [False, True, True]
    for database in databases:
        await database.close()
