"""Many customers and agents whose pages live through anything, by the rules of docs/events.md.

A page that loses its socket opens another, binds it, and then asks once for what it has missed. A
page that gets a message whose ``prev_id`` it does not know asks for what is between. A message is
sent under an id of its own until it is acknowledged. Nothing else: what a page has in the end, it
has because these rules are enough.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any

import aiohttp
from websockets.exceptions import WebSocketException

from tests.support import ws

from .support import XHR, Desk, sign

MESSAGES = ("string", "keyword_reply")

PAGE = 100
"""Messages that a page asks for at once, the most that there are."""


class Talk:
    """A conversation as a page has it: what it knows of the chain that ``prev_id`` makes."""

    def __init__(self) -> None:
        self.texts: dict[int, str] = {}
        self.end = 0
        """The last message up to which nothing is missing."""
        self.asking = asyncio.Lock()
        self._next: dict[int, int] = {}

    def add(self, row: dict[str, Any]) -> None:
        """Take a message in, however it came, and whether it was known."""
        self.texts[row["id"]] = row["message"]
        self._next[row["prev_id"]] = row["id"]
        while self.end in self._next:
            self.end = self._next[self.end]

    @property
    def is_whole(self) -> bool:
        """Whether nothing is missing between the messages that are known."""
        return self.end == max(self.texts, default=0)


class Crowd:
    """Everybody who is here.

    Args:
        desk: the stack they use.
        chance: for everything that is left to it.
    """

    def __init__(self, desk: Desk, chance: random.Random) -> None:
        self.desk = desk
        self.chance = chance
        self.sent: dict[str, int] = {}
        """Id of every message that was acknowledged, by its text."""
        self._tasks: set[asyncio.Task[None]] = set()

    def browser(self) -> aiohttp.ClientSession:
        """A browser of its own, which must be closed. It waits for as long as it takes: what is
        too slow is for the test to say."""
        return aiohttp.ClientSession(
            self.desk.stack.http_url,
            headers=XHR,
            cookie_jar=aiohttp.CookieJar(unsafe=True),  # cookies of an IP address
            connector=aiohttp.TCPConnector(limit=0),
            timeout=aiohttp.ClientTimeout(total=None),
        )

    def run(self, action: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Let something be done beside."""
        task = asyncio.get_running_loop().create_task(action)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def close(self) -> None:
        """Everybody leaves at once."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


class Person:
    """Who has a page.

    Args:
        crowd: of which it is one.
        name: begins the ids of its messages.
        http: its browser.
    """

    def __init__(self, crowd: Crowd, name: str, http: aiohttp.ClientSession) -> None:
        self.crowd = crowd
        self.name = name
        self.http = http
        self.client_id = ""
        self.talks: dict[int, Talk] = {}
        self.bound = asyncio.Event()
        self.may_come = asyncio.Event()
        self.may_come.set()
        self.doubled: list[int] = []
        """Messages that came more than once through one socket."""
        self._count = 0
        self._socket: ws.Client | None = None

    async def live(self) -> None:
        """Have a socket, and when it is lost another."""
        chance = self.crowd.chance
        while True:
            await self.may_come.wait()
            with suppress(OSError, WebSocketException, TimeoutError):
                async with ws.connect(f"{self.crowd.desk.stack.ws_url}/servicer") as socket:
                    self._socket = socket
                    await self._attend(socket)
            self.bound.clear()
            await asyncio.sleep(chance.uniform(0.02, 0.4))

    def vanish(self) -> None:
        """Lose the connection without a word, and stay away until ``may_come`` is set."""
        self.may_come.clear()
        if self._socket is not None:
            self._socket.connection.transport.abort()

    async def _attend(self, socket: ws.Client) -> None:
        self.client_id = (await socket.recv_json())["data"]["client_id"]
        if not await self.bind():
            return  # the socket is gone already
        await self.catch_up_everything()
        self.bound.set()
        seen: set[int] = set()
        while True:
            frame = await socket.recv_json(timeout=1000)
            data = frame["data"]
            if frame["type"] in MESSAGES:
                if data["id"] in seen:
                    self.doubled.append(data["id"])
                seen.add(data["id"])
                self.take(data)
            else:
                self.hear(frame["type"], data)

    async def bind(self) -> bool:
        raise NotImplementedError

    async def catch_up_everything(self) -> None:
        raise NotImplementedError

    async def ask(self, member_id: int, after_id: int) -> list[dict[str, Any]]:
        """Messages after one, or the newest."""
        raise NotImplementedError

    def hear(self, kind: str, data: dict[str, Any]) -> None:
        """A frame that is no message."""

    def take(self, row: dict[str, Any]) -> None:
        """A message that was pushed, or an own one that was acknowledged."""
        talk = self.talk(row["member_id"])
        talk.add(row)
        if not talk.is_whole:
            self.crowd.run(self.catch_up(row["member_id"]))

    def talk(self, member_id: int) -> Talk:
        """A conversation."""
        return self.talks.setdefault(member_id, Talk())

    async def catch_up(self, member_id: int) -> None:
        """Ask for what is missing."""
        talk = self.talk(member_id)
        async with talk.asking:
            for row in await self.ask(member_id, talk.end):
                talk.add(row)

    async def call(self, path: str, **params: Any) -> dict[str, Any]:
        """Call an endpoint until there is an answer that is one."""
        while True:
            with suppress(aiohttp.ClientError, TimeoutError, OSError):
                async with self.http.post(f"/servicer/{path}", data=params) as response:
                    if response.status == 200:
                        answer: dict[str, Any] = await response.json()
                        return answer
                    assert response.status == 503, (path, response.status)
            await asyncio.sleep(self.crowd.chance.uniform(0.05, 0.2))

    async def send(self, path: str, member_id: int, text: str, **params: Any) -> None:
        """Send a message until it is acknowledged; all tries are one message."""
        self._count += 1
        params |= {"member_id": member_id, "client_msg_id": f"{self.name}-{self._count}"}
        receipt = None
        while receipt is None:
            answer = await self.call(path, **params)
            if answer["code"] == 0:
                receipt = answer["data"]
            else:
                await asyncio.sleep(self.crowd.chance.uniform(0.05, 0.2))
        self.crowd.sent[text] = receipt["id"]
        self.take({**receipt, "member_id": member_id, "message": text})


class Customer(Person):
    """A customer's page.

    Args:
        crowd: of which it is one.
        member_id: who.
        http: a browser, which may be shared, because it needs no cookies.
    """

    def __init__(self, crowd: Crowd, member_id: int, http: aiohttp.ClientSession) -> None:
        super().__init__(crowd, f"m{member_id}", http)
        self.member_id = member_id
        self.servicer_id = 0
        self._token = sign(member_id)

    async def bind(self) -> bool:
        """Bind the socket; whether it was there."""
        params = {"token": self._token, "client_id": self.client_id, "site_id": 1}
        answer = await self.call("api/chat/bind", **params)
        if answer["code"] == 0:
            self.servicer_id = answer["data"]["servicer_id"]
        return bool(answer["code"] == 0 or answer["message"] == "客服不在线")

    async def catch_up_everything(self) -> None:
        """There is one conversation."""
        await self.catch_up(self.member_id)

    async def ask(self, member_id: int, after_id: int) -> list[dict[str, Any]]:
        """Messages after one, or the newest."""
        params = {"token": self._token, "site_id": 1, "limit": PAGE, "after_id": after_id}
        answer = await self.call("api/chat/dialogs", **params)
        rows: list[dict[str, Any]] = answer["data"]["list"]
        return rows

    def hear(self, kind: str, data: dict[str, Any]) -> None:
        """An agent took the conversation."""
        if kind == "connect":
            self.servicer_id = data["servicer_id"]

    async def say(self, text: str) -> None:
        """Say something."""
        params = {"token": self._token, "site_id": 1, "servicer_id": self.servicer_id}
        await self.send("api/chat/say", self.member_id, text, message=text, **params)

    async def chat(self, texts: list[str], pause: float) -> None:
        """Say one thing after the other, with pauses of that many seconds on the average, and only
        while the page is there."""
        for text in texts:
            await asyncio.sleep(self.crowd.chance.uniform(0, 2 * pause))
            await self.bound.wait()
            await self.say(text)


class Agent(Person):
    """An agent's console.

    Args:
        crowd: of which it is one.
        username: with the password ``demo``.
        http: a browser of its own, which the caller closes.
        eagerness: how many of what customers say are answered, 0 to 1.
    """

    def __init__(
        self, crowd: Crowd, username: str, http: aiohttp.ClientSession, eagerness: float
    ) -> None:
        super().__init__(crowd, username, http)
        self.uid = 0
        self.answering: set[asyncio.Task[None]] = set()
        self._eagerness = eagerness

    async def login(self) -> None:
        """Log in."""
        params = {"username": self.name, "password": "demo"}
        answer = await self.call("servicer/login/login", **params)
        assert answer["code"] == 0, answer
        self.uid = answer["data"]["servicer_id"]

    async def bind(self) -> bool:
        """Bind the socket; whether it was there."""
        answer = await self.call("servicer/chat/bind", client_id=self.client_id)
        return bool(answer["code"] == 0)

    async def catch_up_everything(self) -> None:
        """All conversations that are known here or there."""
        start = await self.call("servicer/index/index")
        for row in start["data"]["onlineMembers"]:
            self.talk(row["member_id"])
        await asyncio.gather(*(self.catch_up(member_id) for member_id in list(self.talks)))

    async def ask(self, member_id: int, after_id: int) -> list[dict[str, Any]]:
        """Messages after one, or the newest."""
        params = {"member_id": member_id, "limit": PAGE, "after_id": after_id}
        answer = await self.call("servicer/index/dialogs", **params)
        rows: list[dict[str, Any]] = answer["data"]["list"]
        return rows

    def take(self, row: dict[str, Any]) -> None:
        """A message; now and then it is answered."""
        super().take(row)
        if row.get("type") == 0 and self.crowd.chance.random() < self._eagerness:
            task = self.crowd.run(self._answer(row["member_id"], f"re {row['message']}"))
            self.answering.add(task)
            task.add_done_callback(self.answering.discard)

    async def _answer(self, member_id: int, text: str) -> None:
        await asyncio.sleep(self.crowd.chance.uniform(0, 0.5))
        await self.answer(member_id, f"{text} {self.name}")

    async def answer(self, member_id: int, text: str) -> None:
        """Answer a customer."""
        await self.send("servicer/chat/answer", member_id, text, servicer_say=text)

    def hush(self) -> None:
        """Answer nothing by oneself any more."""
        self._eagerness = 0
