"""``make run``, without make."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import stat
import sys
import tomllib
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from tests.support.ports import Ports
from tests.support.stack import ROOT
from tests.support.timing import eventually, within


class Run:
    """A running ``scripts.run`` on ports and in a directory of its own."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.ports = Ports()
        self.http_port = self.ports.take()
        self.process: asyncio.subprocess.Process | None = None
        self.output = ""
        self.environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith("KEFU_")},
            "KEFU_RUN_DIR": str(directory),
            "KEFU_DATABASE__URL": f"sqlite+aiosqlite:///{directory / 'kefu.db'}",
            "KEFU_REGISTER__LISTEN": f"127.0.0.1:{self.ports.take()}",
            "KEFU_GATEWAY__PORT": str(self.ports.take()),
            "KEFU_GATEWAY__LAN_PORT": str(self.ports.take()),
            "KEFU_BUSINESS__PORT": str(self.http_port),
            "KEFU_ADMIN__LISTEN": "127.0.0.1:0",
            "KEFU_ADMIN__BUSINESS_LISTEN": "127.0.0.1:0",
        }

    async def start(self) -> None:
        """Start it."""
        self.output = ""
        self.process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "scripts.run"),
            cwd=ROOT,
            env=self.environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
        )

    async def read_until(self, text: str) -> None:
        """Read what it prints up to ``text``."""
        assert self.process is not None
        assert self.process.stdout is not None
        while text not in self.output:
            line = await within(self.process.stdout.readline(), factor=3)
            assert line, self.output
            self.output += line.decode()

    async def end(self, number: int) -> int:
        """Send a signal to its process group, as a terminal does; returns its exit code."""
        assert self.process is not None
        os.killpg(self.process.pid, number)
        out, _ = await within(self.process.communicate(), factor=3)
        self.output += out.decode()
        assert self.process.returncode is not None
        return self.process.returncode

    def pids(self) -> list[int]:
        """The supervisors, as their locks say."""
        return [
            int((self.directory / f"{role}.lock").read_text()) for role in ("gateway", "business")
        ]


@pytest.fixture
async def run(tmp_path: Path) -> AsyncIterator[Run]:
    """Not started yet; gone at the end."""
    run = Run(tmp_path / "var")
    yield run
    if run.process is not None and run.process.returncode is None:
        await run.end(signal.SIGKILL)
    run.ports.close()


def exists(pid: int) -> bool:
    """Whether there is such a process."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def test_run_starts_the_demo_and_ctrl_c_stops_it(run: Run) -> None:
    """It makes secrets that nobody else may read, says its URLs, and leaves nothing behind."""
    await run.start()
    await run.read_until("Ctrl-C stops everything.")
    config = run.directory / "kefu.toml"
    assert stat.S_IMODE(config.stat().st_mode) == 0o600
    first = tomllib.loads(config.read_text())
    assert first["demo"] is True
    assert len(first["secret"]) >= 32
    site = f"http://127.0.0.1:{run.http_port}"
    pages = re.findall(rf"{site}(/\w+)(?:\?site_id=1)?\n", run.output)
    assert pages == ["/demo", "/console", "/admin", "/chat"]
    assert f"ws://127.0.0.1:{run.environment['KEFU_GATEWAY__PORT']}/servicer" in run.output
    async with aiohttp.ClientSession() as session:
        async with session.get(f"{site}/demo/token?member_id=1") as answer:
            token = await answer.json()
        for path in [*pages, "/widget.js", "/openapi.html"]:
            async with session.get(site + path) as answer:
                assert answer.status == 200, path
    assert token["code"] == 0
    assert token["data"]["token"]
    pids = run.pids()
    assert await run.end(signal.SIGINT) == 0
    assert not any(map(exists, pids))
    assert "Traceback" not in run.output

    await run.start()
    await run.read_until("Ctrl-C stops everything.")
    assert tomllib.loads(config.read_text()) == first  # the installation keeps its secrets
    assert await run.end(signal.SIGTERM) == 0


async def test_nothing_outlives_a_killed_run(run: Run) -> None:
    """kill -9: both start scripts notice, and stop."""
    await run.start()
    await run.read_until("Ctrl-C stops everything.")
    pids = run.pids()
    await run.end(signal.SIGKILL)
    await eventually(lambda: not any(map(exists, pids)), factor=2)


async def test_a_bad_setting_is_one_line(run: Run) -> None:
    """From the environment; exit code 3."""
    run.environment["KEFU_GATEWAY__PORT"] = "many"
    await run.start()
    assert run.process is not None
    out, _ = await within(run.process.communicate(), factor=3)
    assert run.process.returncode == 3
    assert out.decode().startswith("gateway.port = 'many' (from KEFU_GATEWAY__PORT)")
    assert out.count(b"\n") == 1


async def test_a_busy_port_ends_it(run: Run) -> None:
    """The other script is stopped too; exit code 3."""
    run.environment["KEFU_BUSINESS__PORT"] = run.environment["KEFU_GATEWAY__PORT"]
    await run.start()
    assert run.process is not None
    out, _ = await within(run.process.communicate(), factor=3)
    assert run.process.returncode == 3
    assert "address already in use" in out.decode()
    assert not any(map(exists, run.pids()))
