"""What was said in a shop is found on every kind of database: the same rows from each."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import Connection, insert

from business.services.servicer.store import archive
from business.services.servicer.store.archive import Found, Place, Wanted
from business.services.servicer.store.database import Database
from business.services.servicer.store.tables import conversation, dialogue
from tests.support.databases import KINDS, Servers

pytestmark = pytest.mark.asyncio(loop_scope="module")

FIRST = 1_000_000
"""Time of the first message; each of the next ten is said a minute later, two at a time."""

TEXTS = ("Hello", "50% off", "50 off", "hello_again", "您好", "", "HELLO", "a\\b", "x", "bye")


@pytest_asyncio.fixture(params=KINDS, scope="module", loop_scope="module")
async def database(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    database_servers: Servers,
) -> AsyncIterator[Database]:
    """A database of each kind, with what was said in two shops."""
    url = await database_servers.database(request.param, tmp_path_factory.mktemp("archive"))
    database = Database(url)
    await database.migrate()
    await database.open()
    await database.write(fill)
    yield database
    await database.close()


def fill(connection: Connection) -> None:
    """Messages 1 to 10 of shop 1, and some of shop 2 between them. Two times are told by two each,
    and the last to be stored was said first, as by an import."""
    rows = [
        message(number + 1, FIRST + 60 * (number // 2), text, 7 + number % 3, number % 2 * 5)
        for number, text in enumerate(TEXTS)
    ]
    rows += [message(20 + number, FIRST, "Hello", 7, 6, site_id=2) for number in range(3)]
    rows.append(message(30, FIRST - 60, "imported hello", 7, 5, content_type=0))
    rows[5]["content_type"] = 3
    connection.execute(insert(dialogue), rows)
    talks = [(1, 7, "Ann 50%"), (1, 8, "ann"), (1, 9, "Ben"), (2, 7, "Ann of shop 2"), (1, 70, "C")]
    names = ("shop_id", "member_id", "member_name")
    values: list[dict[str, Any]] = [dict(zip(names, talk, strict=True)) for talk in talks]
    connection.execute(
        insert(conversation), [{**row, "headimg": "a.png", "last_id": 1} for row in values]
    )


def message(
    row_id: int, time: int, text: str, member_id: int, servicer_id: int, **more: Any
) -> dict[str, Any]:
    """A row."""
    moment = datetime.datetime.fromtimestamp(time, datetime.UTC)
    site_id = more.pop("site_id", 1)
    return {
        "id": row_id, "shop_id": site_id, "member_id": member_id, "servicer_id": servicer_id,
        "create_day": moment.date(), "create_time": moment.time(), "content_type": 0,
        "consumer_say": text, "servicer_say": "", "type": 0, "add_time": time,
        "content": text, "message": text, **more,
    }  # fmt: skip


async def find(
    database: Database, before: Place | None = None, limit: int = 100, **wanted: Any
) -> Found:
    """Search in shop 1."""
    return await database.read(
        lambda c: archive.search(c, 1, Wanted(**wanted), before, limit, patience=10)
    )


async def ids(database: Database, **wanted: Any) -> list[int]:
    """Ids of all that is found."""
    found = await find(database, **wanted)
    assert found.next is None
    return [row["id"] for row in found.rows]


ALL = [10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 30]


async def test_newest_first(database: Database) -> None:
    """Everything of that shop, by time, and of one time by id."""
    assert await ids(database) == ALL


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({"text": "hello"}, [7, 4, 1, 30]),
        ({"text": "0%"}, [2]),
        ({"text": "o_a"}, [4]),
        ({"text": "a\\b"}, [8]),
        ({"text": "您"}, [5]),
        ({"text": "nothing"}, []),
        ({"servicer_id": 5}, [10, 8, 6, 4, 2, 30]),
        ({"servicer_id": 6}, []),
        ({"content_type": 3}, [6]),
        ({"since": FIRST + 60, "until": FIRST + 120}, [6, 5, 4, 3]),
        ({"until": FIRST - 1}, [30]),
        ({"member_ids": [7]}, [10, 7, 4, 1, 30]),
        ({"member_ids": [7, 8], "until": FIRST + 60, "since": FIRST}, [4, 2, 1]),
        ({"member_ids": []}, []),
        ({"member_ids": [7], "text": "HELLO", "servicer_id": 5}, [4, 30]),
    ],
)
async def test_what_is_wanted(
    database: Database, wanted: dict[str, Any], expected: list[int]
) -> None:
    """Found by text in any case, % and _ meaning themselves, by people, kind and time."""
    assert await ids(database, **wanted) == expected


@pytest.mark.parametrize(
    "wanted", [{}, {"text": ""}, {"servicer_id": 5}, {"text": "o"}, {"member_ids": [7, 8, 9]}]
)
@pytest.mark.parametrize("limit", [1, 3])
async def test_pages_join(database: Database, wanted: dict[str, Any], limit: int) -> None:
    """Each page goes on where the one before ended, and the last says that it is the last."""
    whole = await ids(database, **wanted)
    pages: list[int] = []
    before = None
    while True:
        found = await find(database, before, limit, **wanted)
        assert not found.is_cut
        pages += [row["id"] for row in found.rows]
        if found.next is None:
            break
        assert len(found.rows) == limit
        before = found.next
    assert pages == whole


@pytest.mark.parametrize("step", [1, 2, 3])
async def test_a_search_that_takes_too_long(
    database: Database, step: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ends after a portion, says where to go on, and goes on there; nothing is left out."""
    monkeypatch.setattr(archive, "STEP", step)
    for wanted in (Wanted("hello"), Wanted(servicer_id=5, since=FIRST), Wanted("nothing")):
        whole = await ids(database, **dataclasses.asdict(wanted))
        found: list[int] = []
        before, calls = None, 0
        while True:
            query = partial(
                archive.search, site_id=1, wanted=wanted, before=before, limit=100, patience=-1
            )
            part = await database.read(query)
            found += [row["id"] for row in part.rows]
            calls += 1
            if part.next is None:
                break
            assert part.is_cut
            before = part.next
        assert found == whole
        assert calls >= 10 // step


async def test_customers(database: Database) -> None:
    """By part of the name in any case, or by the whole id; only of that shop."""

    async def found(text: str, site_id: int = 1) -> list[int]:
        return sorted(await database.read(lambda c: archive.members(c, site_id, text)))

    assert await found("ANN") == [7, 8]
    assert await found("0%") == [7]
    assert await found("7") == [7]
    assert await found("070") == [70]
    assert await found("9" * 30) == []
    assert await found("Ann", 2) == [7]
    names = await database.read(lambda c: archive.names(c, 1, [7, 8, 1000]))
    assert names == {7: ("Ann 50%", "a.png"), 8: ("ann", "a.png")}


async def test_around_a_message(database: Database) -> None:
    """What was said before and after it in that conversation, as many as are asked for."""

    async def around(first: int, last: int, limit: int = 10) -> list[list[int]]:
        parts = await database.read(lambda c: archive.around(c, 1, 7, first, last, limit))
        return [[row["id"] for row in part] for part in parts]

    assert await around(4, 4) == [[1], [4, 7, 10, 30]]
    assert await around(10, 10, 2) == [[4, 7], [10, 30]]
    assert await around(0, 8) == [[], [10, 30]]
    assert await around(2**62, 0, 1) == [[30], []]
