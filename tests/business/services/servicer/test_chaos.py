"""Everything at once: many people talk while processes are killed, and nothing is lost, nothing
doubled, and everybody knows who is there."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, select

from business.services.servicer.store import agents as accounts
from business.services.servicer.store.database import Database
from business.services.servicer.store.tables import dialogue, member, servicer
from tests.support.databases import Servers
from tests.support.stack import Stack
from tests.support.timing import SECOND, eventually, within

from .crowd import Agent, Crowd, Customer
from .support import SETTINGS, Desk
from .template import QUICK

CUSTOMERS, AGENTS = 200, 10
TALES = 4
"""Messages that each customer says by itself."""

PAUSE = 2 * SECOND
"""Between two of them, on the average."""

HEARTBEAT = 15 * SECOND
"""``inner.heartbeat_timeout``: after so long the flags must be right again, also while everybody
comes back at once. On an idle machine it takes a second or two."""

FIRST = 700_000
"""Their member ids begin here."""


class Books:
    """What the database says.

    Args:
        database: open.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def _rows(self, query: Any) -> list[Any]:
        return await self._database.read(lambda c: list(c.execute(query)))

    async def messages(self) -> dict[int, list[tuple[int, int, str]]]:
        """Id, ``prev_id`` and text of each member's messages, in the order of their ids."""
        d = dialogue.c
        found: dict[int, list[tuple[int, int, str]]] = {}
        for member_id, *row in await self._rows(
            select(d.member_id, d.id, d.prev_id, d.message).order_by(d.id)
        ):
            found.setdefault(member_id, []).append((row[0], row[1], row[2]))
        return found

    async def online(self) -> dict[int, dict[int, str]]:
        """Sockets by member and agent of the pairs that are online."""
        m = member.c
        found: dict[int, dict[int, str]] = {}
        query = select(m.member_id, m.servicer_id, m.client_id).where(m.online == 1)
        for member_id, servicer_id, client_id in await self._rows(query):
            found.setdefault(member_id, {})[servicer_id] = client_id
        return found

    async def agents(self) -> dict[int, str]:
        """Sockets of the agents who are online."""
        query = select(servicer.c.user_id, servicer.c.client_id).where(servicer.c.online == 1)
        return {row[0]: row[1] for row in await self._rows(query)}

    async def until_offline(self, members: Iterable[int], agents: Iterable[int] = ()) -> None:
        """See that the flags of some are off, in time."""
        ids, uids = set(members), set(agents)
        deadline = time.monotonic() + HEARTBEAT
        while (left := ids & set(await self.online())) or uids & set(await self.agents()):
            assert time.monotonic() < deadline, f"still online after {HEARTBEAT:g} s: {left}"
            await asyncio.sleep(0.05)


@asynccontextmanager
async def books_of(url: str) -> AsyncIterator[Books]:
    """The database, with ten agents in it."""
    database = Database(url)
    hashed = QUICK.hash("demo")
    try:
        await database.migrate()
        await database.open()

        def hire(connection: Connection) -> None:
            for i in range(AGENTS):
                accounts.create(connection, 1, f"agent{i}", hashed, f"Agent {i}", time.time())

        await database.write(hire)
        yield Books(database)
    finally:
        await database.close()


@asynccontextmanager
async def crowd_at(desk: Desk, chance: random.Random) -> AsyncIterator[_Everybody]:
    """Everybody has come: the agents first."""
    async with AsyncExitStack() as stack:
        crowd = Crowd(desk, chance)
        agents = []
        for i in range(AGENTS):
            browser = await stack.enter_async_context(crowd.browser())
            agents.append(Agent(crowd, f"agent{i}", browser, eagerness=0.5))
        await asyncio.gather(*(agent.login() for agent in agents))
        browser = await stack.enter_async_context(crowd.browser())
        customers = [Customer(crowd, FIRST + i, browser) for i in range(CUSTOMERS)]
        everybody = _Everybody(crowd, agents, customers)
        stack.push_async_callback(crowd.close)
        for people in (agents, everybody.customers):
            for person in people:
                crowd.run(person.live())
            await everybody.are_bound(people)
        yield everybody


class _Everybody:
    def __init__(self, crowd: Crowd, agents: list[Agent], customers: list[Customer]) -> None:
        self.crowd = crowd
        self.agents = agents
        self.customers = customers

    async def are_bound(self, people: Iterable[Agent | Customer]) -> None:
        """Wait until they are."""
        await within(asyncio.gather(*(person.bound.wait() for person in people)), factor=2)

    async def have_said(self, count: int) -> None:
        """Wait until so many messages are acknowledged."""
        await eventually(lambda: len(self.crowd.sent) >= count, factor=4)

    def vanish(self, customers: list[Customer]) -> list[int]:
        """Some leave without a word, all at once; returns who."""
        for customer in customers:
            customer.vanish()
        return [customer.member_id for customer in customers]


@pytest.mark.timeout(180)
async def test_nothing_is_lost_while_processes_die(
    tmp_path: Path, database_servers: Servers
) -> None:
    """Two gateways, two business processes, PostgreSQL, 200 customers, 10 agents; one gateway and
    one business process are killed while they talk."""
    seed = int(os.environ.get("CHAOS_SEED") or random.SystemRandom().randrange(1 << 32))
    try:
        await _live_through(seed, await database_servers.database("postgresql", tmp_path), tmp_path)
    except BaseException as error:
        error.add_note(f"CHAOS_SEED={seed}")
        raise


async def _live_through(seed: int, url: str, directory: Path) -> None:
    settings = {
        **SETTINGS,
        "database.url": url,
        "inner.heartbeat_timeout": HEARTBEAT,
    }
    chance = random.Random(seed)
    async with (
        books_of(url) as books,
        Stack(directory, settings=settings, gateways=2, workers=2) as stack,
        Desk(stack) as desk,
        crowd_at(desk, chance) as everybody,
    ):
        chats = [
            everybody.crowd.run(
                customer.chat([f"{customer.member_id}/{i}" for i in range(TALES)], PAUSE)
            )
            for customer in everybody.customers
        ]
        await everybody.have_said(CUSTOMERS)
        gone = await _kill_gateway(stack, everybody, books, chance)
        await everybody.have_said(2 * CUSTOMERS)
        gone += await _kill_worker(stack, everybody, books, chance)
        for customer in gone:
            customer.may_come.set()
        await within(asyncio.gather(*chats), factor=4)
        await _say_goodbye(everybody)
        await _check(everybody, books)
        everybody.vanish(everybody.customers)
        for agent in everybody.agents[:3]:
            agent.vanish()
        await books.until_offline(
            [customer.member_id for customer in everybody.customers],
            [agent.uid for agent in everybody.agents[:3]],
        )


async def _kill_gateway(
    stack: Stack, everybody: _Everybody, books: Books, chance: random.Random
) -> list[Customer]:
    """Half of the people lose their sockets; some of them stay away, and are seen to be."""
    victim = chance.choice(stack.pids("gateway"))
    prefix = stack.prefix_of(victim)
    lost = [c for c in everybody.customers if c.client_id.startswith(prefix)]
    assert lost, "the kernel has given that gateway nobody"
    gone = chance.sample(lost, min(15, len(lost)))
    for customer in gone:
        customer.may_come.clear()
    os.kill(victim, signal.SIGKILL)
    await books.until_offline(customer.member_id for customer in gone)
    return gone


async def _kill_worker(
    stack: Stack, everybody: _Everybody, books: Books, chance: random.Random
) -> list[Customer]:
    """Some leave in the same moment, so that nobody may forget them."""
    there = [customer for customer in everybody.customers if customer.bound.is_set()]
    gone = chance.sample(there, 15)
    victim = chance.choice(stack.pids("business"))
    os.kill(victim, signal.SIGKILL)
    await books.until_offline(everybody.vanish(gone))
    return gone


async def _say_goodbye(everybody: _Everybody) -> None:
    """All are back; every customer gets a last word, and then says one: whatever push was lost
    before, these lead to what it was."""
    await everybody.are_bound([*everybody.agents, *everybody.customers])
    for agent in everybody.agents:
        agent.hush()
    while answering := [task for agent in everybody.agents for task in agent.answering]:
        await within(asyncio.gather(*answering), factor=4)
    agents = {agent.uid: agent for agent in everybody.agents}
    for group in (
        [agents[c.servicer_id].answer(c.member_id, f"bye {c.name}") for c in everybody.customers],
        [customer.say(f"bye from {customer.name}") for customer in everybody.customers],
    ):
        await within(asyncio.gather(*group), factor=4)


async def _check(everybody: _Everybody, books: Books) -> None:
    """Everything is there once, everybody has it, and the flags are right."""
    people = [*everybody.agents, *everybody.customers]
    assert not {person.name: person.doubled for person in people if person.doubled}
    stored = await books.messages()
    texts = [text for rows in stored.values() for _, _, text in rows]
    assert len(texts) == len(set(texts)), "something is stored twice"
    assert {text: row_id for rows in stored.values() for row_id, _, text in rows} == (
        everybody.crowd.sent
    )
    said = [f"{c.member_id}/{i}" for c in everybody.customers for i in range(TALES)]
    assert set(said) <= set(texts)
    for rows in stored.values():
        assert [row[1] for row in rows] == [0, *(row[0] for row in rows[:-1])]

    sockets = {agent.uid: agent.client_id for agent in everybody.agents}
    deadline = time.monotonic() + HEARTBEAT
    while True:
        online, agents = await books.online(), await books.agents()
        wrong = [
            c.member_id
            for c in everybody.customers
            if set(online.get(c.member_id, {}).values()) != {c.client_id}
        ]
        if not wrong and agents == sockets:
            break
        assert time.monotonic() < deadline, f"flags: {wrong} {agents} {sockets}"
        await asyncio.sleep(0.05)

    by_uid = {agent.uid: agent for agent in everybody.agents}
    demanded = [(c, c.member_id) for c in everybody.customers] + [
        (by_uid[uid], member_id) for member_id, pairs in online.items() for uid in pairs
    ]
    for person, member_id in demanded:
        talk, whole = person.talk(member_id), {row[0]: row[2] for row in stored[member_id]}
        while talk.texts != whole:
            assert time.monotonic() < deadline, f"{person.name} has {talk.texts} of {whole}"
            await asyncio.sleep(0.02)
        assert talk.end == max(whole)
