"""A WebSocket client for tests: ``websockets``, with a time limit on every wait."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from .timing import SECOND, TIMEOUT


class Client:
    """An open connection. Made by ``open_client``."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection

    async def send(self, message: str | bytes | dict[str, Any]) -> None:
        """Send a text, bytes, or a dict as JSON."""
        text = json.dumps(message, ensure_ascii=False) if isinstance(message, dict) else message
        async with asyncio.timeout(TIMEOUT):
            await self.connection.send(text)

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

    async def silent(self, seconds: float = 0.2 * SECOND) -> None:
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
        """Close from this side."""
        async with asyncio.timeout(TIMEOUT):
            await self.connection.close()


@asynccontextmanager
async def open_client(url: str, **options: Any) -> AsyncIterator[Client]:
    """Connect to ``url``; options as ``websockets.asyncio.client.connect``."""
    options = {"compression": None, "open_timeout": TIMEOUT, "close_timeout": 1, **options}
    # No answer of a proxy of the environment, and no pings of its own in between.
    connection = await connect(url, proxy=None, ping_interval=None, **options)
    try:
        yield Client(connection)
    finally:
        await connection.close()
