"""Starting and stopping what is measured: the stock server, and kefu's gateway and business."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import select
import signal
import socket
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

from .generator import Fleet, GeneratorError
from .processes import Cores, Meter

ROOT = Path(__file__).resolve().parent.parent
SERVICES = ROOT / "benchmarks" / "services"

START_TIMEOUT = 30.0
STOP_TIMEOUT = 15.0


class ServerError(Exception):
    """A server did not start, or ended by itself."""


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


class Server(ABC):
    """Something that speaks the protocol of the benchmark service on a loopback port.

    Attributes:
        name: the column of the table.
        address: host and port for clients, once started.
        groups: process ids that count, by group (for example gateway and business).
    """

    name: str

    def __init__(self, cores: Cores, directory: Path) -> None:
        self.cores = cores
        self.directory = directory
        self.address = ("127.0.0.1", 0)
        self.groups: dict[str, Sequence[int]] = {}
        self._processes: list[subprocess.Popen[str]] = []

    @abstractmethod
    def start(self) -> None:
        """Start the processes and wait until a client is served.

        Raises:
            ServerError: not within `START_TIMEOUT`.
        """

    def meter(self) -> Meter:
        """A new meter of the processor time of this server's processes."""
        return Meter(self.groups)

    def fleet(self) -> Fleet:
        """A new, empty set of clients of this server."""
        return Fleet(self.address)

    def spawn(self, name: str, argv: Sequence[str], **environment: str) -> subprocess.Popen[str]:
        """Start a Python process on the servers' core; its stderr goes to a log file."""
        with (self.directory / f"{name}.log").open("a") as log, self.cores.for_servers():
            process = subprocess.Popen(
                [sys.executable, *argv],
                cwd=self.directory,
                env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE if environment.get("_PIPE") else log,
                stderr=log,
                text=True,
                start_new_session=True,
            )
        self._processes.append(process)
        return process

    def announced(self, process: subprocess.Popen[str]) -> None:
        """Wait for the one process of a server, which prints its port.

        Raises:
            ServerError: not within `START_TIMEOUT`.
        """
        assert process.stdout is not None
        if not select.select([process.stdout], [], [], START_TIMEOUT)[0]:
            raise ServerError(f"{self.name} did not start\n{self.log_tail()}")
        line = process.stdout.readline()
        if not line.startswith("listening "):
            raise ServerError(f"{self.name} did not start\n{self.log_tail()}")
        self.address = ("127.0.0.1", int(line.split()[1]))
        self.groups = {"server": [process.pid]}

    def stop(self) -> None:
        """Stop the processes, in the reverse order of their start. Idempotent."""
        while self._processes:
            process = self._processes.pop()
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(STOP_TIMEOUT)
            except subprocess.TimeoutExpired:
                # The whole session: a supervisor's children must not outlive the benchmark.
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
            if process.stdout is not None:
                process.stdout.close()

    def log_tail(self, lines: int = 20) -> str:
        """The end of the log files, for error messages."""
        parts = []
        for path in sorted(self.directory.glob("*.log")):
            text = path.read_text(errors="replace").splitlines()[-lines:]
            parts.append("\n".join([f"--- {path.name}", *text]))
        return "\n".join(parts)

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.stop()


class StockServer(Server):
    """``websockets.asyncio.server`` in one process (`benchmarks.stock`)."""

    def __init__(self, cores: Cores, directory: Path, loop: str) -> None:
        super().__init__(cores, directory)
        self.loop = loop
        self.name = f"stock, {loop}"

    def start(self) -> None:
        # Without the threshold the plain asyncio loop maps and unmaps a receive buffer of 256 KiB
        # per message in a fresh process, which doubles its cost: not the server's fault.
        self.announced(
            self.spawn(
                f"stock-{self.loop}",
                ["-m", "benchmarks.stock", "--loop", self.loop],
                MALLOC_MMAP_THRESHOLD_="1048576",
                _PIPE="1",
            )
        )


class KefuServer(Server):
    """kefu as it is shipped: one gateway and one business process, with the benchmark service."""

    name = "kefu"
    path = "/bench"
    services: Sequence[str] = ("--services", str(SERVICES), "--only", "bench")

    def __init__(self, cores: Cores, directory: Path, loop: str = "auto") -> None:
        super().__init__(cores, directory)
        self.loop = loop
        self.http_address = ("127.0.0.1", 0)

    def fleet(self) -> Fleet:
        return Fleet(self.address, self.path)

    def start(self) -> None:
        self.address = ("127.0.0.1", free_port())
        self.http_address = ("127.0.0.1", free_port())
        config = self.directory / "kefu.toml"
        config.write_text(self._settings())
        config.chmod(0o600)
        self.prepare(config)
        deadline = time.monotonic() + START_TIMEOUT
        self.spawn("gateway", [str(ROOT / "start_gateway.py"), "start", "--config", str(config)])
        self.spawn(
            "business",
            [str(ROOT / "start_business.py"), "start", "--config", str(config), *self.services],
        )
        self._await_service(deadline)
        self.groups = {
            "gateway": self._pids("start_gateway.py", config, "gateway"),
            "business": self._pids("start_business.py", config, "business"),
        }

    def _settings(self) -> str:
        return "\n".join(
            [
                f'secret = "{secrets.token_hex(32)}"',
                f'run_dir = "{self.directory / "run"}"',
                f'loop = "{self.loop}"',
                "[admin]",
                'listen = ""',
                'business_listen = ""',
                "[register]",
                f'listen = "127.0.0.1:{free_port()}"',
                "[gateway]",
                'host = "127.0.0.1"',
                f"port = {self.address[1]}",
                f"lan_port = {free_port()}",
                "[business]",
                'host = "127.0.0.1"',
                f"port = {self.http_address[1]}",
                "",
                *self.more_settings(),
                "",
            ]
        )

    def prepare(self, config: Path) -> None:
        """What must be there before the processes start."""

    def more_settings(self) -> Sequence[str]:
        """Lines of the settings file: further sections."""
        return ()

    def _await_service(self, deadline: float) -> None:
        """Wait until a client is sent its ``init``: gateway, link and business all work."""
        while True:
            for process in self._processes:
                if process.poll() is not None:
                    raise ServerError(f"a process of kefu ended\n{self.log_tail()}")
            try:
                with self.fleet() as probe:
                    probe.connect(1)
                    return
            except GeneratorError as error:
                if time.monotonic() > deadline:
                    raise ServerError(f"kefu did not start: {error}\n{self.log_tail()}") from None
                time.sleep(0.05)

    def _pids(self, script: str, config: Path, kind: str) -> list[int]:
        answer = subprocess.run(
            [sys.executable, str(ROOT / script), "status", "--json", "--config", str(config)],
            cwd=self.directory,
            capture_output=True,
            text=True,
            timeout=START_TIMEOUT,
            check=False,
        )
        if answer.returncode != 0:
            raise ServerError(f"{script} status failed: {answer.stderr}\n{self.log_tail()}")
        status: dict[str, Any] = json.loads(answer.stdout)
        pids = [process["pid"] for process in status["processes"] if process["kind"] == kind]
        if not pids:
            raise ServerError(f"{script} status shows no {kind} process")
        return pids
