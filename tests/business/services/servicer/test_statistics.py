"""Enquiries and numbers of what was said, on every kind of database: the same from each."""

from __future__ import annotations

import asyncio
import datetime
import zoneinfo
from collections.abc import AsyncIterator, Sequence

import pytest
import pytest_asyncio
from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy import Connection, delete, select, update

from business.services.servicer.overview import Period, Span
from business.services.servicer.statistics import Numbers, gather
from business.services.servicer.store import conversations, dialogues, statistics, visitors
from business.services.servicer.store import enquiries as store
from business.services.servicer.store.database import Database
from business.services.servicer.store.dialogues import Content, ContentType, Side
from business.services.servicer.store.migrations.versions import m0007_statistics
from business.services.servicer.store.pairs import Card
from business.services.servicer.store.statistics import Count, Enquiry, Waiting
from business.services.servicer.store.tables import conversation, dialogue, enquiry, tally
from tests.support.databases import KINDS, Servers

pytestmark = pytest.mark.asyncio(loop_scope="module")

ZONE = zoneinfo.ZoneInfo("Asia/Shanghai")
DAY = datetime.date(2026, 11, 23)
"""A Monday."""
ANN, BEN, CAT, VISITOR = 1, 2, 3, 1_000_000_001
ALICE, BOB = 11, 12

Said = tuple[str, int, str, int]
"""When (``day hour:minute``), the customer, who speaks (``customer``, ``agent`` or ``shop``), and
the agent."""

TALK: Sequence[Said] = (
    ("23 09:00", ANN, "customer", 0),  # begins
    ("23 09:00", ANN, "shop", 0),  # answers a keyword, which is no answer
    ("23 09:02", ANN, "customer", 0),
    ("23 09:05", ANN, "agent", ALICE),  # answers after 5 minutes
    ("23 13:04", ANN, "customer", ALICE),  # 3 h 59 later: goes on
    ("23 17:04", ANN, "customer", ALICE),  # 4 h later: begins, and waits
    ("23 23:30", BEN, "customer", 0),  # begins
    ("24 08:00", BEN, "customer", 0),  # begins too: nobody has answered yet
    ("24 08:10", BEN, "agent", BOB),  # answers both
    ("24 08:11", BEN, "agent", ALICE),
    ("24 10:00", CAT, "agent", BOB),  # an agent begins: no enquiry
    ("24 10:30", CAT, "customer", BOB),
)

ROWS = [
    (1, ANN, ALICE, "23 09:00", "23 09:05"),
    (1, ANN, 0, "23 17:04", None),
    (1, BEN, BOB, "23 23:30", "24 08:10"),
    (1, BEN, BOB, "24 08:00", "24 08:10"),
]


def at(when: str | None) -> int:
    """Unix time of ``day hour:minute``; 0 of None."""
    return 0 if when is None else int(moment(when).timestamp())


def moment(when: str) -> datetime.datetime:
    """The same with its zone."""
    return datetime.datetime.strptime(f"2026-11-{when}", "%Y-%m-%d %H:%M").replace(tzinfo=ZONE)


EXPECTED = [Enquiry(*row[:3], at(row[3]), at(row[4])) for row in ROWS]


def say(connection: Connection, said: Said, site_id: int = 1) -> None:
    """Store a message."""
    when, member_id, who, servicer_id = said
    now = moment(when)
    talk = conversations.lock(connection, site_id, member_id, now.timestamp())
    dialogues.add(
        connection,
        talk,
        Content(ContentType.TEXT, "x", "x"),
        site_id=site_id,
        member_id=member_id,
        servicer_id=servicer_id,
        side=Side.CUSTOMER if who == "customer" else Side.AGENT,
        now=now,
        automatic=who == "shop",
    )


def refill(connection: Connection) -> None:
    """Nothing but the talk, and a message to another shop."""
    for table in (dialogue, conversation, enquiry, tally):
        connection.execute(delete(table))
    for said in TALK:
        say(connection, said)
    say(connection, ("24 12:00", ANN, "customer", 0), site_id=2)


@pytest_asyncio.fixture(params=KINDS, scope="module", loop_scope="module")
async def opened(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    database_servers: Servers,
) -> AsyncIterator[Database]:
    """A database of each kind."""
    url = await database_servers.database(request.param, tmp_path_factory.mktemp("statistics"))
    database = Database(url)
    await database.migrate()
    await database.open()
    yield database
    await database.close()


@pytest_asyncio.fixture(loop_scope="module")
async def database(opened: Database) -> Database:
    """The same, filled anew."""
    await opened.write(refill)
    return opened


async def enquiries(database: Database, site_id: int = 1) -> list[Enquiry]:
    """All of a shop's."""
    return await database.read(
        lambda c: statistics.enquiries(c, [site_id], at("23 09:00"), at("24 12:01"))
    )


async def courses(database: Database) -> dict[int, tuple[int, int]]:
    """last_time and enquiry_since of the shop's conversations by member."""
    columns = (conversation.c.member_id, conversation.c.last_time, conversation.c.enquiry_since)
    query = select(*columns).where(conversation.c.shop_id == 1)
    return {
        row[0]: (row[1], row[2]) for row in await database.read(lambda c: c.execute(query).all())
    }


COURSES = {
    ANN: (at("23 17:04"), at("23 17:04")),
    BEN: (at("24 08:11"), 0),
    CAT: (at("24 10:30"), 0),
}


async def test_enquiries(database: Database) -> None:
    """A customer's message after four hours of silence begins one; an agent's next message answers
    all that are open; answers to keywords, and agents who speak first, do neither."""
    assert await enquiries(database) == EXPECTED
    assert await courses(database) == COURSES
    assert [one.member_id for one in await enquiries(database, 2)] == [ANN]


async def test_enquiries_are_found_again(database: Database) -> None:
    """In the messages of a conversation, the same as when they were said."""

    def unit(connection: Connection) -> None:
        connection.execute(update(enquiry).values(answer_time=5))
        for member_id in (ANN, BEN, CAT):
            talk = conversations.lock(connection, 1, member_id, 0)
            store.rebuild(connection, 1, member_id, talk)
            conversations.save(connection, talk)

    await database.write(unit)
    assert await enquiries(database) == EXPECTED
    assert await courses(database) == COURSES


async def test_the_migration_finds_them(database: Database) -> None:
    """Of what was said before there were enquiries; and answers that no agent gave."""

    def unit(connection: Connection) -> None:
        connection.execute(delete(enquiry))
        connection.execute(update(dialogue).values(automatic=0))
        connection.execute(update(conversation).values(last_time=1, enquiry_since=1))
        names = [table.name for table in (dialogue, conversation, enquiry)]
        with Operations.context(MigrationContext.configure(connection)):
            m0007_statistics._fill(*names)

    await database.write(unit)
    assert await enquiries(database) == EXPECTED
    assert await courses(database) == COURSES
    query = select(dialogue.c.add_time).where(dialogue.c.automatic == 1)
    assert await database.read(lambda c: c.execute(query).scalars().all()) == [at("23 09:00")]


async def test_a_visitors_enquiries_become_a_members(database: Database) -> None:
    """With the conversation; who waits longer counts."""
    await database.write(lambda c: say(c, ("23 16:00", VISITOR, "customer", 0)))
    await database.write(lambda c: visitors.move(c, VISITOR, 1, Card(ANN, "Ann", ""), 2.0))
    mine = [one for one in await enquiries(database) if one.member_id == ANN]
    assert [one.start_time for one in mine] == [at("23 09:00"), at("23 16:00"), at("23 17:04")]
    assert (await courses(database))[ANN] == (at("23 17:04"), at("23 16:00"))
    await database.write(lambda c: say(c, ("23 18:00", ANN, "agent", BOB)))
    mine = [one for one in await enquiries(database) if one.member_id == ANN]
    assert [one.answer_time for one in mine] == [at("23 09:05"), at("23 18:00"), at("23 18:00")]
    assert (await courses(database))[ANN] == (at("23 18:00"), 0)


MONDAY, TUESDAY = Period(DAY, DAY + datetime.timedelta(days=1), ZONE).days()

CUSTOMER, AGENT = int(Side.CUSTOMER), int(Side.AGENT)

ON_MONDAY = [
    Count(1, MONDAY.start, CUSTOMER, 0, 0, 5, 2),
    Count(1, MONDAY.start, AGENT, 0, ALICE, 1, 1),
    Count(1, MONDAY.start, AGENT, 1, 0, 1, 1),
]
ON_TUESDAY = [
    Count(1, TUESDAY.start, CUSTOMER, 0, 0, 2, 2),
    Count(1, TUESDAY.start, AGENT, 0, ALICE, 1, 1),
    Count(1, TUESDAY.start, AGENT, 0, BOB, 2, 2),
]
SHOP_2 = [
    Count(2, MONDAY.start, CUSTOMER, 0, 0, 0, 0),
    Count(2, TUESDAY.start, CUSTOMER, 0, 0, 1, 1),
]


async def test_messages_are_counted(database: Database) -> None:
    """Those of customers, of each agent, and automatic ones, of the shops asked for and of one day,
    and of how many customers they are; a day on which nothing was said counts, too."""

    async def count(sites: list[int], day: Span) -> list[Count]:
        return sorted(await database.read(lambda c: statistics.count(c, sites, *day)))

    assert await count([1], MONDAY) == ON_MONDAY
    assert await count([1, 2], MONDAY) == ON_MONDAY + SHOP_2[:1]
    assert await count([1, 2], TUESDAY) == ON_TUESDAY + SHOP_2[1:]
    assert await count([], MONDAY) == []


async def test_messages_of_hours(database: Database) -> None:
    """Of each hour in which something was said."""
    eight, ten = TUESDAY.start + 8 * 3600, TUESDAY.start + 10 * 3600
    found = await database.read(lambda c: statistics.count_hours(c, [1], *TUESDAY))
    assert sorted(found) == [
        Count(1, eight, CUSTOMER, 0, 0, 1, 1),
        Count(1, eight, AGENT, 0, 0, 2, 1),
        Count(1, ten, CUSTOMER, 0, 0, 1, 1),
        Count(1, ten, AGENT, 0, 0, 1, 1),
    ]


async def gathered(database: Database, now: str, sites: Sequence[int] = (1, 2)) -> Numbers:
    """The numbers of Tuesday and Monday, which are compared, at a time."""
    tuesday = Period(DAY + datetime.timedelta(days=1), DAY + datetime.timedelta(days=1), ZONE)
    return await gather(database, sites, tuesday, at(now))


async def kept(database: Database) -> list[Count]:
    """What is kept of days that were counted."""
    everything = (0, 2**31 - 1)
    return sorted(await database.read(lambda c: statistics.counted(c, [1, 2], *everything)))


async def test_days_that_are_over_are_counted_once(database: Database) -> None:
    """And kept, an hour later; what comes late all the same does not count. Others are counted each
    time."""
    found = await gathered(database, "24 00:59")
    assert await kept(database) == []
    found = await gathered(database, "24 12:00")
    assert sorted(found.counts) == sorted([*ON_MONDAY, *ON_TUESDAY, *SHOP_2])
    assert len(found.hours) == 5
    assert await kept(database) == sorted([*ON_MONDAY, *SHOP_2[:1]])
    await database.write(lambda c: say(c, ("23 12:00", ANN, "customer", 0)))
    await database.write(lambda c: say(c, ("24 12:00", ANN, "customer", 0)))
    found = await gathered(database, "24 13:00", [1])
    assert [one for one in sorted(found.counts) if one.start_time == MONDAY.start] == ON_MONDAY
    assert Count(1, TUESDAY.start, CUSTOMER, 0, 0, 3, 3) in found.counts
    assert found.sum_up()["before"]["customer"] == 5


async def test_days_are_counted_again(database: Database) -> None:
    """Those from the first message on of a visitor who becomes a member."""
    await database.write(lambda c: say(c, ("23 16:00", VISITOR, "customer", 0)))
    await gathered(database, "24 12:00")
    assert Count(1, MONDAY.start, CUSTOMER, 0, 0, 6, 3) in await kept(database)
    await database.write(lambda c: visitors.move(c, VISITOR, 1, Card(ANN, "Ann", ""), 2.0))
    assert await kept(database) == SHOP_2[:1]
    await gathered(database, "24 12:00")
    assert Count(1, MONDAY.start, CUSTOMER, 0, 0, 6, 2) in await kept(database)


async def test_two_who_count_at_once(database: Database) -> None:
    """Keep the same, and do not disturb each other."""
    await asyncio.gather(*(gathered(database, "26 12:00") for _ in range(5)))
    assert await kept(database) == sorted([*ON_MONDAY, *ON_TUESDAY, *SHOP_2])


async def test_days_of_another_time_zone(database: Database) -> None:
    """Are other days, and are counted themselves."""
    await gathered(database, "26 12:00")
    berlin = Period(DAY, DAY, zoneinfo.ZoneInfo("Europe/Berlin"))
    found = await gather(database, [1], berlin, at("26 12:00"))
    # 23 November there ends at seven in the morning of the 24th in Shanghai.
    start = MONDAY.start + 7 * 3600
    assert Count(1, start, CUSTOMER, 0, 0, 5, 2) in found.counts
    assert {one.start_time for one in found.counts} == {start, start - 86400}


async def test_who_waits(database: Database) -> None:
    """Customers whose enquiry is not answered, and since when the first of them; nobody waits for
    more than a week."""

    async def waiting(sites: list[int], now: int) -> Waiting:
        return await database.read(lambda c: statistics.waiting(c, sites, now))

    assert await waiting([1], at("24 12:00")) == Waiting(1, at("23 17:04"))
    assert await waiting([1, 2], at("24 12:00")) == Waiting(2, at("23 17:04"))
    assert await waiting([3], at("24 12:00")) == Waiting(0, 0)
    week = 7 * 86400
    assert await waiting([1, 2], at("23 17:04") + week) == Waiting(1, at("24 12:00"))


async def test_shops_that_were_talked_to(database: Database) -> None:
    """Each once."""
    assert await database.read(statistics.sites) == [1, 2]
