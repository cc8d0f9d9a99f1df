"""Customers and agents for tests: what their pages do, through HTTP and sockets."""

from __future__ import annotations

import asyncio
import itertools
import sqlite3
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import aiohttp
import jwt

from tests.support import ws
from tests.support.stack import Stack
from tests.support.timing import TIMEOUT, eventually

T = TypeVar("T")

TOKEN_KEY = "the key that the tests sign customers' tokens with"

SETTINGS = {
    "demo": True,
    "servicer.token_keys": [TOKEN_KEY],
    "servicer.disconnect_delay": 0.5,
    "servicer.say_rate": 0,
    "servicer.bind_refusals": 0,
    "servicer.cors_origins": ["https://shop.example"],
}
"""Of the stacks in these tests, where a test says nothing else."""

PATIENT = {**SETTINGS, "servicer.push_timeout": 2.0}
"""For tests that look for what is delivered: on a busy machine that may take more than 0.2 s."""

STRICT = {
    **SETTINGS,
    "servicer.say_rate": 3,
    "servicer.visitor_rate": 2,
    "servicer.recall_window": 0,
    "servicer.upload_size": 5000,
    "servicer.upload_rate": 2,
    "servicer.captcha_failures": 2,
}
"""Everything that is limited is at its limit soon."""

CLOSED = {
    **SETTINGS,
    "servicer.visitors": False,
    "servicer.require_bind_key": True,
    "servicer.bind_refusals": 3,
    "servicer.login_failures": 3,
}
"""Not everybody is let in."""

XHR = {"X-Requested-With": "XMLHttpRequest"}

members = itertools.count(1000)
"""Members whom the demo shop does not know, so that tests do not meet each other's."""


_EXPIRY = (int(time.time()) // 3600 + 2) * 3600
"""Later than the end of a slow run, and the same in all of its processes, which compare the names
of their tests."""


def sign(member_id: Any, key: str = TOKEN_KEY, algorithm: str = "HS256", **claims: Any) -> str:
    """A token as a shop signs it. Claims given as None are left out."""
    all_claims = {"sub": str(member_id), "aud": "servicer", "exp": _EXPIRY, **claims}
    return jwt.encode({k: v for k, v in all_claims.items() if v is not None}, key, algorithm)


class Page:
    """A browser page with one socket.

    Args:
        desk: the stack it talks to.
        socket: open, nothing received yet.
    """

    def __init__(self, desk: Desk, socket: ws.Client) -> None:
        self.desk = desk
        self.socket = socket
        self.client_id = ""
        self.init: dict[str, Any] = {}

    async def start(self) -> None:
        """Receive the ``init``."""
        self.init = await self.socket.recv_json()
        assert self.init["type"] == "init"
        self.client_id = self.init["data"]["client_id"]

    async def receive(self, kind: str) -> dict[str, Any]:
        """The data of the next frame, which must be of this type."""
        received = await self.socket.recv_json()
        assert received["type"] == kind, received
        data = received["data"]
        assert isinstance(data, dict)
        return data

    async def nothing(self, seconds: float = 0.3) -> None:
        """See that nothing comes."""
        await self.socket.expect_silence(seconds)


class Customer(Page):
    """A customer's page."""

    def __init__(self, desk: Desk, socket: ws.Client, member_id: int) -> None:
        super().__init__(desk, socket)
        self.member_id = member_id
        self.token = sign(member_id)

    async def call(self, action: str, **params: Any) -> dict[str, Any]:
        """Call an endpoint; returns the envelope."""
        return await self.desk.customer_call(action, {"token": self.token, **params})

    async def bind(self, site_id: int = 1, caps: str = "") -> dict[str, Any]:
        """Bind the page's socket; ``caps`` of a client of our own."""
        more = {"caps": caps} if caps else {}
        return await self.call("bind", client_id=self.client_id, site_id=site_id, **more)


class Agent(Page):
    """An agent's console; its browser may be shared with other pages."""

    def __init__(
        self, desk: Desk, socket: ws.Client, browser: aiohttp.ClientSession, username: str
    ) -> None:
        super().__init__(desk, socket)
        self.browser = browser
        self.username = username
        self.uid = 0

    async def login(self, password: str = "demo") -> dict[str, Any]:
        """Log in."""
        answer = await self.call("login/login", username=self.username, password=password)
        if answer["code"] == 0:
            self.uid = answer["data"]["servicer_id"]
        return answer

    async def bind(self, caps: str = "") -> dict[str, Any]:
        """Bind the page's socket; ``caps`` of a client of our own."""
        more = {"caps": caps} if caps else {}
        return await self.call("chat/bind", client_id=self.client_id, **more)

    async def call(self, path: str, **params: Any) -> dict[str, Any]:
        """Call an endpoint; returns the envelope."""
        status, answer = await self.raw(path, **params)
        assert status == 200, (path, status, answer)
        assert isinstance(answer, dict)
        return answer

    async def raw(self, path: str, **params: Any) -> tuple[int, Any]:
        """Call an endpoint; returns status and envelope, or the location of a redirection."""
        url = f"/{self.desk.service}/servicer/{path}"
        async with self.browser.post(url, data=params, allow_redirects=False) as response:
            if response.status == 302:
                return 302, response.headers["Location"]
            return response.status, await response.json()


class Desk:
    """A stack with the customer service, and who uses it.

    Args:
        stack: running.
        service: name of the service: ``servicer``, or a copy's.
    """

    def __init__(self, stack: Stack, service: str = "servicer") -> None:
        self.stack = stack
        self.service = service
        self._http: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._http = self.browser()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.http.close()

    @property
    def http(self) -> aiohttp.ClientSession:
        """A browser for who needs no cookies."""
        assert self._http is not None
        return self._http

    def browser(self, **headers: str) -> aiohttp.ClientSession:
        """A browser of its own, which must be closed."""
        return aiohttp.ClientSession(
            self.stack.http_url,
            headers={**XHR, **headers},
            cookie_jar=aiohttp.CookieJar(unsafe=True),  # cookies of an IP address
            timeout=aiohttp.ClientTimeout(TIMEOUT),
        )

    @asynccontextmanager
    async def customer(self, member_id: int | None = None) -> AsyncIterator[Customer]:
        """A customer's page, not bound yet. None: a member whom nobody else has."""
        if member_id is None:
            member_id = next(members)
        async with ws.connect(f"{self.stack.ws_url}/{self.service}") as socket:
            customer = Customer(self, socket, member_id)
            await customer.start()
            yield customer

    @asynccontextmanager
    async def agent(
        self,
        username: str,
        *,
        bind: bool = True,
        caps: str = "",
        browser: aiohttp.ClientSession | None = None,
    ) -> AsyncIterator[Agent]:
        """An agent's console, logged in, and bound unless told otherwise."""
        own = self.browser()
        try:
            async with ws.connect(f"{self.stack.ws_url}/{self.service}") as socket:
                agent = Agent(self, socket, browser or own, username)
                await agent.start()
                assert (await agent.login())["code"] == 0
                if bind:
                    assert (await agent.bind(caps))["code"] == 0
                yield agent
        finally:
            await own.close()

    async def customer_call(self, action: str, params: dict[str, Any]) -> dict[str, Any]:
        """Call a customer's endpoint; returns the envelope."""
        url = f"/{self.service}/api/chat/{action}"
        async with self.http.post(url, data=params) as response:
            answer: dict[str, Any] = await response.json()
            assert response.status == 200, answer
            return answer

    async def get(self, path: str, **params: Any) -> tuple[int, Any]:
        """Get a path; returns status and JSON."""
        async with self.http.get(path, params=params, allow_redirects=False) as response:
            return response.status, await response.json()

    # The database

    def rows(self, query: str, *values: Any) -> list[dict[str, Any]]:
        """Rows of the database of the stack."""
        path = Path(self.stack.directory / "kefu.db")
        connection = sqlite3.connect(path, timeout=5)
        try:
            connection.row_factory = sqlite3.Row
            return [dict(row) for row in connection.execute(query, values)]
        finally:
            connection.close()

    def execute(self, query: str, *values: Any) -> None:
        """Change the database of the stack, as a program beside it might."""
        self.execute_many(query, [values])

    def execute_many(self, query: str, rows: Iterable[tuple[Any, ...]]) -> None:
        """The same change with many rows of values, in one transaction."""
        connection = sqlite3.connect(Path(self.stack.directory / "kefu.db"), timeout=5)
        try:
            with connection:
                connection.executemany(query, rows)
        finally:
            connection.close()

    def pair(self, customer: Customer) -> dict[str, Any] | None:
        """The customer's row with an agent, the latest."""
        query = "SELECT * FROM servicer_member WHERE member_id = ? ORDER BY id DESC"
        return next(iter(self.rows(query, customer.member_id)), None)

    async def until(self, condition: Callable[[], T | None]) -> T:
        """Wait until the condition, of the database, is true."""
        return await eventually(condition)

    async def online(self, customer: Customer, value: int) -> dict[str, Any]:
        """Wait until the customer's row says that; returns it."""

        def is_so() -> dict[str, Any] | None:
            row = self.pair(customer)
            return row if row is not None and row["online"] == value else None

        return await self.until(is_so)


async def together(*calls: Any) -> list[Any]:
    """Run calls at the same time."""
    return list(await asyncio.gather(*calls))
