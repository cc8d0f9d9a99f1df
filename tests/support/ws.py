"""A WebSocket client for tests: ``websockets``, with a time limit on every wait."""

from __future__ import annotations

import asyncio
import json
from types import TracebackType
from typing import Any, Self

from websockets.asyncio.client import ClientConnection
from websockets.asyncio.client import connect as open_connection
from websockets.exceptions import ConnectionClosed

from .timing import SECOND, TIMEOUT, within


class Client:
    """A connection, open inside ``async with``. Made by ``connect``."""

    connection: ClientConnection

    def __init__(self, url: str, options: dict[str, Any]) -> None:
        self._url = url
        self._options = options

    async def __aenter__(self) -> Self:
        options = {
            "compression": None,
            "open_timeout": TIMEOUT,
            "close_timeout": SECOND,
            "proxy": None,  # whatever the environment says
            "ping_interval": None,
            **self._options,
        }
        self.connection = await open_connection(self._url, **options)
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def send(self, message: str | bytes | dict[str, Any]) -> None:
        """Send a text, bytes, or a dict as JSON."""
        text = json.dumps(message, ensure_ascii=False) if isinstance(message, dict) else message
        await within(self.connection.send(text))

    async def recv(self, timeout: float = TIMEOUT) -> str | bytes:
        """The next message."""
        async with asyncio.timeout(timeout):
            return await self.connection.recv()

    async def recv_json(self, timeout: float = TIMEOUT) -> Any:
        """The next message, which must be JSON."""
        return json.loads(await self.recv(timeout))

    async def recv_type(self, kind: str, timeout: float = TIMEOUT) -> Any:
        """The next message whose ``type`` is ``kind``; others before it are dropped."""
        async with asyncio.timeout(timeout):
            while (message := json.loads(await self.connection.recv())).get("type") != kind:
                pass
        return message

    async def expect_silence(self, seconds: float = 0.2 * SECOND) -> None:
        """See that nothing comes for a while.

        Raises:
            AssertionError: something came.
        """
        try:
            message = await self.recv(seconds)
        except TimeoutError:
            return
        raise AssertionError(f"received {message!r}")

    async def closed(self, timeout: float = TIMEOUT) -> tuple[int, str]:
        """Wait until the other side closes; what comes before is dropped.

        Returns:
            Close code (1006: without a close frame) and reason.
        """
        async with asyncio.timeout(timeout):
            try:
                while True:
                    await self.connection.recv()
            except ConnectionClosed:
                await self.connection.wait_closed()
        return self.connection.close_code or 1006, self.connection.close_reason or ""

    async def close(self) -> None:
        """Close from this side. Idempotent."""
        await within(self.connection.close())


def connect(url: str, **options: Any) -> Client:
    """A client of ``url``; options as those of ``websockets.asyncio.client.connect``."""
    return Client(url, options)
