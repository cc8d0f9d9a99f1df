"""Back ends: the examples, and some that answer what a test wants, or nothing at all."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Any, Self

import pytest
from aiohttp import web

from tests.support.ports import Ports
from tests.support.stack import ROOT
from tests.support.timing import TIMEOUT

KEY = "the key of the tests, 32 characters or more"


class Example:
    """``examples/shop.py`` or ``examples/shop.php`` as a process, which may be stopped and started.

    Args:
        language: python or php; without PHP the test is skipped.
    """

    def __init__(self, language: str) -> None:
        self._ports = Ports()
        port = self._port = self._ports.take()
        self.url = f"http://127.0.0.1:{port}/kefu"
        self._command = [sys.executable, str(ROOT / "examples" / "shop.py"), str(port)]
        if language == "php":
            if shutil.which("php") is None:
                self._ports.close()
                pytest.skip("needs PHP: apt-get install php-cli")
            script = str(ROOT / "examples" / "shop.php")
            self._command = ["php", "-S", f"127.0.0.1:{port}", script]
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()
        self._ports.close()

    def start(self) -> None:
        """Start it, and wait until it takes connections."""
        process = self._process = subprocess.Popen(
            self._command,
            env={**os.environ, "SHOP_KEY": KEY},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        end = time.monotonic() + TIMEOUT
        while True:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self._port)) == 0:
                    return
            if process.poll() is not None or time.monotonic() > end:
                self.stop()
                raise AssertionError("the example did not start")
            time.sleep(0.02)

    @property
    def is_running(self) -> bool:
        """Whether it was started and not stopped."""
        return self._process is not None

    def stop(self) -> None:
        """End it. Idempotent."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(TIMEOUT)
            self._process = None


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
