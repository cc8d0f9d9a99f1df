"""Accounts for tests, made as an operator makes them, and who uses a back office."""

from __future__ import annotations

import os
from types import TracebackType
from typing import Any, Self

from tests.support import forked

from .support import Desk

PASSWORD = "a good password"


async def create(desk: Desk, *words: str, password: str = PASSWORD) -> tuple[int, str]:
    """Run ``create-agent``; returns exit code and what it printed."""
    script = desk.stack.business
    _, _, *arguments = script.arguments("create-agent", *words)
    return await forked.business(arguments, script.directory, environment(), f"{password}\n")


def environment() -> dict[str, str]:
    """Without settings."""
    return {name: value for name, value in os.environ.items() if not name.startswith("KEFU_")}


class Office:
    """A back office's page, logged in.

    Args:
        desk: the stack.
        module: ``shop`` or ``admin``.
        username: of the account.
    """

    def __init__(self, desk: Desk, module: str, username: str) -> None:
        self._url = f"/servicer/{module}"
        self._username = username
        self.browser = desk.browser()

    async def __aenter__(self) -> Self:
        answer = await self.login()
        assert answer["code"] == 0, answer
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.browser.close()

    async def login(self, password: str = PASSWORD) -> dict[str, Any]:
        """Log in."""
        return await self.call("login/login", username=self._username, password=password)

    async def call(self, path: str, **params: Any) -> dict[str, Any]:
        """Call an endpoint; returns the envelope."""
        status, answer = await self.raw(path, **params)
        assert status == 200, (path, status, answer)
        assert answer["msg"] == answer["message"]
        assert isinstance(answer, dict)
        return answer

    async def raw(self, path: str, **params: Any) -> tuple[int, Any]:
        """Call an endpoint; returns status and envelope, or the location of a redirection."""
        url = f"{self._url}/{path}"
        async with self.browser.post(url, data=params, allow_redirects=False) as response:
            if response.status == 302:
                return 302, response.headers["Location"]
            return response.status, await response.json()

    async def data(self, path: str, **params: Any) -> Any:
        """Call an endpoint that must succeed; returns the data."""
        answer = await self.call(path, **params)
        assert answer["code"] == 0, answer
        return answer["data"]

    async def refused(self, path: str, **params: Any) -> str:
        """Call an endpoint that must refuse; returns the text."""
        answer = await self.call(path, **params)
        assert answer["code"] < 0, answer
        return str(answer["message"])
