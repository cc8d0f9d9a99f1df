"""What the cases of the customer service measure: kefu with it, and the bare aiohttp server."""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlencode

import jwt

from .lines import Line, Listener, call, post
from .processes import Cores
from .servers import KefuServer, Server
from .talk import MARK, Speaker, Talk, text

AGENTS = ("alice", "bob")
"""Accounts of site 1 of the demo shop, password ``demo``."""

SITE = 1
FIRST_MEMBER = 100_000
SCRIPT = {"X_Requested_With": "XMLHttpRequest"}
BARE = "bare aiohttp"


class DeskServer(KefuServer):
    """kefu as it is shipped, with the customer service and its demo shop.

    Args:
        cores: where to run.
        directory: for settings, logs and the database.
        loop: event loop of its processes.
        database: URL; "": a SQLite file in ``directory``.
    """

    path = "/servicer"
    services: Sequence[str] = ("--only", "servicer", "--demo", "true")

    def __init__(
        self, cores: Cores, directory: Path, loop: str = "auto", database: str = ""
    ) -> None:
        super().__init__(cores, directory, loop)
        self.database = database or f"sqlite+aiosqlite:///{directory / 'kefu.db'}"
        self._token_key = secrets.token_hex(32)

    def more_settings(self) -> Sequence[str]:
        return (
            "[database]",
            f'url = "{self.database}"',
            "[servicer]",
            f'token_keys = ["{self._token_key}"]',
            # A few speakers say what in earnest many more do.
            "say_rate = 0",
        )

    def token(self, member_id: int) -> str:
        """A customer's, as a shop signs it."""
        claims = {"sub": str(member_id), "aud": "servicer", "exp": int(time.time()) + 3600}
        return jwt.encode(claims, self._token_key, "HS256")

    def log_in(self, username: str) -> str:
        """Log an agent in; returns the cookies."""
        path = "/servicer/servicer/login/login"
        form = {"username": username, "password": "demo"}
        return call(self.http_address, path, form, **SCRIPT)[1]


class BareServer(Server):
    """A handler that stores a message (`benchmarks.bare`)."""

    name = BARE

    def __init__(self, cores: Cores, directory: Path, loop: str = "auto") -> None:
        super().__init__(cores, directory)
        self.loop = loop if loop != "auto" else "uvloop" if find_spec("uvloop") else "asyncio"

    def start(self) -> None:
        database = str(self.directory / "bare.db")
        arguments = ["-m", "benchmarks.bare", "--loop", self.loop, "--database", database]
        self.announced(self.spawn("bare", arguments, _PIPE="1"))


class Conversations:
    """Customers and agents of a kefu, connected and bound, each customer with an agent.

    Args:
        server: started.
        count: customers.
    """

    def __init__(self, server: DeskServer, count: int) -> None:
        self._server = server
        self._stack = ExitStack()
        self._agents: dict[int, tuple[Listener, str]] = {}
        """Socket and cookies, by the agent's number."""
        self._customers: list[tuple[int, Listener, int]] = []
        """Member, socket and the agent's number."""
        try:
            self._begin(count)
        except BaseException:
            self._stack.close()
            raise

    def __enter__(self) -> Conversations:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._stack.close()

    def _begin(self, count: int) -> None:
        http = self._server.http_address
        for username in AGENTS:
            cookies = self._server.log_in(username)
            listener = self._listener()
            form = {"client_id": listener.client_id}
            path = "/servicer/servicer/chat/bind"
            data, _ = call(http, path, form, Cookie=cookies, **SCRIPT)
            self._agents[data["servicer_id"]] = listener, cookies
        for member_id in range(FIRST_MEMBER, FIRST_MEMBER + count):
            listener = self._listener()
            form = {
                "token": self._server.token(member_id),
                "site_id": str(SITE),
                "client_id": listener.client_id,
            }
            data, _ = call(http, "/servicer/api/chat/bind", form)
            self._customers.append((member_id, listener, data["servicer_id"]))

    def _listener(self) -> Listener:
        listener = Listener(self._server.address, self._server.path)
        self._stack.callback(listener.close)
        return listener

    def says(self, *, may_repeat: bool) -> Talk:
        """Customers speak, each over a connection of its own.

        Args:
            may_repeat: as pages of our own, which send an id of their own (``client_msg_id``).
        """
        speakers = []
        for member_id, _, servicer_id in self._customers:
            form = {
                "token": self._server.token(member_id),
                "site_id": SITE,
                "servicer_id": servicer_id,
                "content_type": 0,
                "message": text(MARK).decode(),
            }
            if may_repeat:
                form |= {"client_msg_id": MARK.decode(), "format": "text"}
            request = post(
                self._server.http_address, "/servicer/api/chat/say", urlencode(form).encode()
            )
            speakers.append(Speaker(self._line(), request, self._agents[servicer_id][0]))
        return self._talk(speakers)

    def answers(self, *, may_repeat: bool) -> Talk:
        """Agents answer their customers, over a connection per customer; as ``says``."""
        speakers = []
        for member_id, listener, servicer_id in self._customers:
            form = {
                "member_id": member_id,
                "content_type": 0,
                "servicer_say": text(MARK).decode(),
            }
            if may_repeat:
                form |= {"client_msg_id": MARK.decode(), "format": "text"}
            request = post(
                self._server.http_address,
                "/servicer/servicer/chat/answer",
                urlencode(form).encode(),
                Cookie=self._agents[servicer_id][1],
                **SCRIPT,
            )
            speakers.append(Speaker(self._line(), request, listener))
        return self._talk(speakers)

    def _line(self) -> Line:
        line = Line(self._server.http_address)
        self._stack.callback(line.close)
        return line

    def _talk(self, speakers: list[Speaker]) -> Talk:
        others = [listener for _, listener, _ in self._customers]
        others += [listener for listener, _ in self._agents.values()]
        return self._stack.enter_context(Talk(speakers, others))


def bare_talk(server: Server, count: int, stack: ExitStack) -> Talk:
    """The same messages to the bare server, over as many connections."""
    speakers = []
    for member_id in range(FIRST_MEMBER, FIRST_MEMBER + count):
        line = Line(server.address)
        stack.callback(line.close)
        form = {
            "token": "x" * 180,  # as long as kefu's
            "member_id": member_id,
            "site_id": SITE,
            "servicer_id": 1,
            "content_type": 0,
            "message": text(MARK).decode(),
        }
        request = post(server.address, "/say", urlencode(form).encode())
        speakers.append(Speaker(line, request, None))
    return stack.enter_context(Talk(speakers))
