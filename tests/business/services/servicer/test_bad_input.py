"""Whatever comes, every endpoint answers as its description says, and of nobody else's data.

The table of the endpoints is gone through, so that a new one is tried by itself: each of its
parameters gets everything that no client should send, alone and with the others, by JSON, form and
query; and then the ids of what belongs to another shop, and to another member.
"""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import AsyncIterator, Awaitable, Iterable, Iterator
from contextlib import AsyncExitStack
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from business.services.servicer.endpoints import TABLE, Endpoint
from business.services.servicer.endpoints.table import Caller
from tests.support.stack import Stack

from .accounts import Office, create
from .described import DOCUMENT, body_of, check
from .support import Desk, sign

ENDPOINTS = list(TABLE)

ABSENT = ("null", '""', '" "', '"null"', '"undefined"')
WRONG = ("true", "[]", "{}", "1.5", "1e400", "NaN", "-Infinity", "-1", '"-1"', '"abc"', '"1,x"')
LARGE = ("2147483648", "9223372036854775808", "9" * 5000, f'"{"9" * 5000}"', f'"{"字" * 5000}"')
ODD = (
    r'"\u0000"',
    r'"a\u0000b"',
    r'"\ud800"',
    r'"\udc00\ud800"',
    r'"\u202e\ufeff\uffff"',
    r'"😀"',
    '"%"',
    '"_"',
    r'"\\"',
    """"' OR '1'='1' --\"""",
    '"<script>alert(1)</script>"',
    '"2021-99-99"',
    '"../../../etc/passwd"',
    '"http://[/"',
    r'"\r\nSet-Cookie: a=b"',
)
ENORMOUS = f'"{"x" * 1_000_000}"'
DEEP = (
    *("[" * depth + "]" * depth for depth in (100_000, 990, 970, 950)),
    '{"a":' * 50_000 + "1" + "}" * 50_000,
)
VALUES = (*ABSENT, *WRONG, *LARGE, *ODD)
"""JSON, each the value of all parameters."""

ALONE = ("null", "[]", "1e400", "-1", '"abc"', "9" * 5000, *ODD[:3])
"""JSON, each the value of one parameter while the others are good; of texts, ``ENORMOUS``, too."""

IN_QUERY = (
    "",
    "%00",
    "%ff",
    "%ed%a0%80",
    "a%00b",
    "-1",
    "99999999999999999999",
    "%27%22%3C",
    "x" * 2000,
)

GOOD = {
    "site_id": "1",
    "member_id": "1",
    "servicer_id": "1",
    "message": '"hello"',
    "servicer_say": '"hello"',
    "page": "1",
    "username": '"a name"',
    "password": '"a password that is long"',
    "group_name": '"a group"',
    "keyword": '"a word"',
    "content": '"a text"',
    "type": '"system"',
}
"""What the others are while one parameter is wrong; what is not here is not sent."""

TOKEN = f"token={sign(1)}"

MARK = "SECRET-OF-OTHERS"
"""In everything that the callers may not see."""

OWN_MARK = "SECRET-OF-MEMBER-2"
"""In what member 2 has said to shop 1, whose people may read it."""


class Callers:
    """Who asks: an agent and the back office of shop 1, the platform, and member 1."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.agent = desk.http
        self.shop = desk.http
        self.platform = desk.http

    def browser(self, row: Endpoint) -> aiohttp.ClientSession:
        """Of who may call an endpoint; what ends a login is called by who has none."""
        if "/login/log" in row.path:
            return self.desk.http
        browsers = {
            Caller.AGENT: self.agent,
            Caller.SHOP: self.shop,
            Caller.PLATFORM: self.platform,
        }
        return browsers.get(row.caller, self.desk.http)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stack(shared_stack: Stack) -> Stack:
    """A stack that refuses nobody for asking often."""
    async with Desk(shared_stack) as desk:
        for words in (["sam", "role=shop"], ["tom", "role=shop", "site=2"]):
            assert (await create(desk, *words))[0] == 0
        assert (await create(desk, "pat", "role=platform"))[0] == 0
        await plant(desk)
    return shared_stack


async def plant(desk: Desk) -> None:
    """Make what is of others: of shop 2, and of member 2 with shop 1."""
    async with Office(desk, "shop", "tom") as tom:
        await tom.data("keyword/add", keyword=MARK, content=MARK)
        await tom.data("fast/add", content=MARK)
        await tom.data("group/add", group_name=MARK, desc=MARK)
    async with desk.agent("carol") as carol, desk.customer(3) as customer:
        await customer.bind(2)
        await customer.call("say", site_id=2, message=f"<p>{MARK}</p>")
        await carol.call("chat/answer", member_id=3, servicer_say=f"<p>{MARK}</p>")
    async with desk.customer(2) as other:
        await other.call("say", site_id=1, message=f"<p>{OWN_MARK}</p>")


def foreign_ids(desk: Desk) -> Iterator[int]:
    """Ids of what is of others."""
    yield from (2, 3)  # members
    for table, key in (("keyword_reply", "id"), ("fast_reply", "id"), ("group", "group_id")):
        rows = desk.rows(f"SELECT {key} AS id FROM servicer_{table} WHERE site_id = 2")
        yield rows[0]["id"]
    yield from (r["id"] for r in desk.rows("SELECT id FROM servicer_dialogue WHERE member_id != 1"))
    yield from (r["uid"] for r in desk.rows("SELECT uid FROM servicer_account WHERE shop_id = 2"))
    yield from range(1, 8)  # orders


@pytest_asyncio.fixture
async def callers(stack: Stack) -> AsyncIterator[Callers]:
    """Everybody, logged in."""
    async with Desk(stack) as desk, AsyncExitStack() as pages:
        # What other tests have tried to log in with does not count.
        desk.execute("DELETE FROM servicer_login_failure")
        callers = Callers(desk)
        callers.agent = (await pages.enter_async_context(desk.agent("alice"))).browser
        callers.shop = (await pages.enter_async_context(Office(desk, "shop", "sam"))).browser
        callers.platform = (await pages.enter_async_context(Office(desk, "admin", "pat"))).browser
        yield callers


def fields(row: Endpoint) -> list[str]:
    """The parameters of an endpoint."""
    return list(row.params.model_fields)


def operation(row: Endpoint, method: str) -> dict[str, Any]:
    """Its description."""
    found: dict[str, Any] = DOCUMENT["paths"][f"/servicer/{row.spelling}"][method]
    return found


async def ask(
    callers: Callers, row: Endpoint, method: str = "post", query: str = "", **request: Any
) -> str:
    """Send a request and see that the answer is one that is described; returns its text."""
    url = f"{callers.desk.stack.http_url}/servicer/{row.spelling}?{query or TOKEN}"
    async with callers.browser(row).request(
        method, url, allow_redirects=False, **request
    ) as response:
        text = await response.text()
        assert "Traceback" not in text
        described = operation(row, method)
        if response.status == 302:
            assert "302" in described["responses"], row.path
            return ""
        # Too large is the only other status, where a stranger's request has not come this far.
        assert response.status in (200, 413), (row.path, request, response.status, text[:500])
        check(described, response.status, response.content_type, await body_of(response))
        return text


def body(values: dict[str, str]) -> bytes:
    """A JSON object whose values are given as JSON."""
    parts = (f"{json.dumps(name)}:{value}" for name, value in values.items())
    return ("{" + ",".join(parts) + "}").encode("utf-8", "surrogatepass")


def requests(row: Endpoint) -> Iterator[bytes]:
    """Bodies with everything wrong that can be, one thing at a time and all at once."""
    names = fields(row)
    good = {name: GOOD[name] for name in names if name in GOOD}
    texts = {name for name in names if row.params.model_fields[name].annotation is not int}
    yield from dict.fromkeys(body(dict.fromkeys(names, value)) for value in VALUES)
    for name in names:
        for value in (*ALONE, ENORMOUS) if name in texts else ALONE:
            yield body({**good, name: value})
    for value in DEEP:
        yield body({**good, "relate_data": value, (names or ["unknown"])[0]: value})


async def each(tasks: Iterable[Awaitable[Any]], at_once: int = 8) -> None:
    """Run coroutines, a few at a time; the first that fails ends it."""
    left = iter(tasks)

    async def work() -> None:
        for task in left:
            await task

    async with asyncio.TaskGroup() as group:
        for _ in range(at_once):
            group.create_task(work())


def of_others(desk: Desk) -> list[Any]:
    """All rows that are of others, but for what reading them leaves alone."""
    return [
        desk.rows("SELECT * FROM servicer_dialogue WHERE shop_id = 2 OR member_id = 2"),
        desk.rows("SELECT * FROM servicer_keyword_reply WHERE site_id = 2"),
        desk.rows("SELECT * FROM servicer_fast_reply WHERE site_id = 2"),
        desk.rows("SELECT * FROM servicer_group WHERE site_id = 2"),
        desk.rows("SELECT * FROM servicer_config WHERE site_id = 2"),
        desk.rows("SELECT * FROM servicer_account WHERE shop_id = 2"),
        desk.rows(
            "SELECT s.* FROM servicer_session s JOIN servicer_account a ON a.uid = s.uid"
            " WHERE a.shop_id = 2"
        ),
        desk.rows("SELECT * FROM servicer_member WHERE shop_id = 2"),
    ]


@pytest.mark.timeout(120)
async def test_values_that_nobody_should_send(callers: Callers) -> None:
    """By JSON, which carries them as they are."""
    before = of_others(callers.desk)
    await each(
        ask(callers, row, data=io.BytesIO(data)) for row in ENDPOINTS for data in requests(row)
    )
    assert of_others(callers.desk) == before


async def test_queries_that_nobody_should_send(callers: Callers) -> None:
    """Bytes that are no text, and what is too long."""

    def queries(row: Endpoint) -> Iterator[str]:
        for value in IN_QUERY:
            names = fields(row) if len(value) < 1000 else fields(row)[:3]
            yield "&".join([TOKEN, *(f"{name}={value}" for name in names)])

    for method in ("get", "post"):
        await each(
            ask(callers, row, method, query=query) for row in ENDPOINTS for query in queries(row)
        )
    await each(ask(callers, row, query="&".join(["a=1"] * 1500)) for row in ENDPOINTS)


BROKEN = (
    {"data": b'{"message": '},
    {"data": b"[1, 2]"},
    {"data": b"\xff\xfe\x00\x01" * 1000},
    {"data": b"&=&" * 10_000},
    {"data": b"a=1", "headers": {"Content-Type": "application/json; charset=nonsense"}},
    {"data": b"<a/>", "headers": {"Content-Type": "text/xml"}},
    {"data": b"--x\r\n\r\n", "headers": {"Content-Type": "multipart/form-data; boundary=x"}},
    {"data": b"nothing", "headers": {"Content-Type": "multipart/form-data"}},
    {
        "data": b'--x\r\nContent-Disposition: form-data; name="file"\r\n\r\n\0\0\r\n--x--\r\n',
        "headers": {"Content-Type": "multipart/form-data; boundary=x"},
    },
)


async def test_bodies_that_are_none(callers: Callers) -> None:
    """Cut off, of another kind, or not what their header says."""
    await each(ask(callers, row, **broken) for row in ENDPOINTS for broken in BROKEN)


async def test_ids_of_others(callers: Callers) -> None:
    """Neither shown, nor changed: as each of the parameters that can be one."""
    desk = callers.desk
    before = of_others(desk)
    strangers = (Caller.CUSTOMER, Caller.ANYBODY)
    names = {"ids", "id", "uid"} | {
        name for row in ENDPOINTS for name in fields(row) if name.endswith("_id")
    }

    async def look(row: Endpoint, number: int) -> None:
        values = {name: GOOD[name] for name in fields(row) if name in GOOD and name != "site_id"}
        ids = {name: str(number) for name in fields(row) if name in names}
        if row.caller is Caller.CUSTOMER:
            ids.pop("site_id", None)
        text = await ask(callers, row, data=body({**values, **ids}))
        assert MARK not in text, (row.path, number, text)
        assert row.caller not in strangers or OWN_MARK not in text, (row.path, number, text)

    numbers = sorted(set(foreign_ids(desk)))
    assert len(numbers) > 5
    rows = [row for row in ENDPOINTS if set(fields(row)) & names]
    assert len(rows) > 30
    seen = [row for row in rows if row.caller in strangers]
    await each(look(row, number) for row in seen for number in numbers)
    # A shop's own people may read what member 2 has said to it, and answer.
    others = [row for row in rows if row.caller in (Caller.AGENT, Caller.SHOP)]
    await each(look(row, number) for row in others for number in numbers if number != 2)
    assert of_others(desk) == before
