"""Back ends that answer what a test wants, or nothing at all."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web


@asynccontextmanager
async def silent_server() -> AsyncIterator[int]:
    """Takes connections and never says anything; its port."""
    writers: list[asyncio.StreamWriter] = []

    async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)

    server = await asyncio.start_server(hold, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for writer in writers:
            writer.close()
        await server.wait_closed()


@asynccontextmanager
async def raw_server(answers: list[bytes]) -> AsyncIterator[tuple[int, list[bytes]]]:
    """Answers each connection with the next of these bytes after its first data, and closes it;
    its port, and what came."""
    came: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            came.append(await reader.read(65536))
            if answers:
                writer.write(answers.pop(0))
                await writer.drain()
        except ConnectionError:
            pass  # the other side has heard enough
        finally:
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1], came
    finally:
        server.close()
        await server.wait_closed()


Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


class BackEnd:
    """A back end.

    Attributes:
        value: which it answers with; bytes as they are, else as JSON.
        status: of the answers.
        headers: likewise.
        requests: method, path with query, headers and form of each request.
        gate: closed: answers wait.
    """

    def __init__(self) -> None:
        self.value: Any = {}
        self.status = 200
        self.headers: dict[str, str] = {}
        self.requests: list[tuple[str, str, dict[str, str], dict[str, Any]]] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.url = ""

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Answer."""
        form = dict(await request.post())
        self.requests.append((request.method, request.path_qs, dict(request.headers), form))
        await self.gate.wait()
        value = self.value(form) if callable(self.value) else self.value
        body = value if isinstance(value, bytes) else json.dumps(value).encode()
        return web.Response(status=self.status, headers=self.headers, body=body)


@asynccontextmanager
async def back_end() -> AsyncIterator[BackEnd]:
    """A back end that runs."""
    made = BackEnd()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", made.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}/kefu"
    try:
        yield made
    finally:
        made.gate.set()
        await runner.cleanup()
