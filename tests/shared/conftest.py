"""Start scripts whose children are dummies, for the tests of supervision."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from shared.settings_docs import toml
from tests.support.stack import ROOT, Script
from tests.support.timing import within


class Dummy(Script):
    """A start script with dummy children (see ``tests/support/dummy.py``)."""

    def __init__(self, role: str, directory: Path, settings: dict[str, Any]) -> None:
        script = ROOT / "tests" / "support" / "dummy_start.py"
        super().__init__([str(script)], role, directory, role, {"DUMMY_ROLE": role})
        self._settings = {
            "secret": "s" * 32,
            "admin.listen": "",
            "admin.business_listen": "",
            "register.listen": "",
            "register.addresses": ["127.0.0.1:1"],
            "gateway.host": "127.0.0.1",
            "gateway.port": 0,
            "gateway.drain_timeout": 0.5,
            "business.host": "127.0.0.1",
            "business.port": 0,
            "business.drain_timeout": 0.5,
            "supervision.ping_interval": 0.1,
            **settings,
        }
        self._writers: list[asyncio.StreamWriter] = []
        self.configure({})

    async def kill(self) -> None:
        """End it, and all that was connected to it."""
        await super().kill()
        for writer in self._writers:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    def configure(self, settings: dict[str, Any]) -> None:
        """Change the settings file."""
        self._settings |= settings
        (self.directory / "kefu.toml").write_text(toml(self._settings))

    def fault(self, word: str) -> None:
        """What children that are started from now on do wrong; empty: nothing."""
        self.run_dir.mkdir(exist_ok=True)
        (self.run_dir / "fault").write_text(word)

    def address(self, role: str) -> tuple[str, int]:
        """Where the children listen: role ``public``, ``http``, ``register``, ``admin``."""
        where = self.request("status")["supervisor"]["addresses"][role]
        host, _, port = where.rpartition(":")
        return host, int(port)

    async def talk(self, line: str = "") -> Talk:
        """Connect to a child of the only kind there is, and say something."""
        role = "public" if self.role == "gateway" else "http"
        reader, writer = await within(asyncio.open_connection(*self.address(role)))
        name, pid = (await within(reader.readline())).split()
        self._writers.append(writer)
        writer.write(f"{line}\n".encode())
        return Talk(name.decode(), int(pid), reader, writer)


class Talk:
    """A connection to a dummy child: who it is with, and the streams."""

    def __init__(
        self, name: str, pid: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.name = name
        self.pid = pid
        self.reader = reader
        self.writer = writer

    async def rest(self) -> str:
        """All that still comes before the child closes."""
        try:
            return (await within(self.reader.read())).decode()
        except ConnectionResetError:
            return ""


MakeDummy = Callable[..., Dummy]


@pytest.fixture
async def dummy(tmp_path: Path) -> AsyncIterator[MakeDummy]:
    """Makes start scripts with dummy children: ``dummy("gateway", {"gateway.processes": 2})``."""
    made: list[Dummy] = []

    def make(role: str, settings: dict[str, Any] | None = None) -> Dummy:
        made.append(Dummy(role, tmp_path, settings or {}))
        return made[-1]

    yield make
    for script in made:
        await script.kill()


@pytest.fixture
def busy_port() -> Any:
    """A port of 127.0.0.1 at which somebody else listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]
