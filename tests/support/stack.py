"""The real thing for tests: start_gateway.py and start_business.py as processes on loopback."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from shared import client_id, control
from shared.settings_docs import toml

from .ports import Ports
from .timing import TIMEOUT, eventually, within

ROOT = Path(__file__).resolve().parents[2]


class CommandFailed(AssertionError):
    """A command was refused: the line it printed, and its exit code."""

    def __init__(self, line: str, code: int) -> None:
        super().__init__(line)
        self.line = line
        self.code = code


class Script:
    """One start script as a process.

    Args:
        argv: script and role-specific arguments.
        role: ``gateway`` or ``business``.
        directory: working directory; settings file, run_dir and log are in it.
        name: tells the log files and run_dirs of several apart.
        environment: additions to the environment, from which KEFU_ variables are removed.
    """

    def __init__(
        self,
        argv: Sequence[str],
        role: str,
        directory: Path,
        name: str,
        environment: Mapping[str, str],
    ) -> None:
        self.role = role
        self.name = name
        self.directory = directory
        self.run_dir = directory / f"run-{name}"
        self.log = directory / f"{name}.log"
        self.process: subprocess.Popen[bytes] | None = None
        # The script ends when this closes: also when the test run is killed.
        self._life = -1
        self._argv = [*argv, "--config", str(directory / "kefu.toml")]
        self._environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith("KEFU_")},
            **environment,
        }

    def arguments(self, *arguments: str) -> list[str]:
        """A whole command line."""
        return [sys.executable, *self._argv, "--run_dir", str(self.run_dir), *arguments]

    async def start(self, settings: Mapping[str, Any] | None = None) -> None:
        """Start in the foreground, and wait until it says that it is ready.

        Raises:
            CommandFailed: it ended instead.
        """
        ours, theirs = os.pipe()
        owner_fd, self._life = os.pipe()
        flags = [f"--{name}={_text(value)}" for name, value in (settings or {}).items()]
        flags += ["--ready-fd", str(theirs), "--owner-fd", str(owner_fd)]
        self.process = self._spawn([theirs, owner_fd], flags)
        os.close(theirs)
        os.close(owner_fd)
        reader = asyncio.StreamReader()
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(ours, "rb")
        )
        try:
            line = await within(reader.readline(), factor=3)
        finally:
            transport.close()
        outcome = json.loads(line) if line else {"error": "ended without a word"}
        if not outcome.get("ready"):
            raise CommandFailed(outcome["error"], await self.wait())

    def _spawn(self, descriptors: Sequence[int], flags: Sequence[str]) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as log:
            return subprocess.Popen(
                self.arguments(*flags),
                cwd=self.directory,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=descriptors,
            )

    async def wait(self) -> int:
        """Wait until the script has ended. Returns its exit code."""
        assert self.process is not None
        process = self.process
        return await within(asyncio.to_thread(process.wait, 3 * TIMEOUT), factor=3)

    async def cli(self, *arguments: str) -> tuple[int, str, str]:
        """Run the script with a command, as a user does. Returns exit code, stdout, stderr."""
        process = await asyncio.create_subprocess_exec(
            *self.arguments(*arguments),
            cwd=self.directory,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        out, err = await within(process.communicate(), factor=3)
        assert process.returncode is not None
        return process.returncode, out.decode(), err.decode()

    async def command(self, name: str, **arguments: Any) -> dict[str, Any]:
        """Have the running supervisor do something, without the start-up time of ``cli``.

        Raises:
            CommandFailed: it refused.
        """
        answer = await asyncio.to_thread(self.request, name, **arguments)
        if name == "stop":
            await self.wait()
        return answer

    def request(self, name: str, **arguments: Any) -> dict[str, Any]:
        """As ``command``, blocking."""
        message = {"command": name, "limit": 1_000_000, **arguments}
        path = self.run_dir / f"{self.role}.sock"
        answer = control.request(path, message, 3 * TIMEOUT)
        if "error" in answer:
            raise CommandFailed(answer["error"], answer["code"])
        return answer

    @property
    def running(self) -> bool:
        """Whether the supervisor lives."""
        return self.process is not None and self.process.poll() is None

    def processes(self) -> list[dict[str, Any]]:
        """The rows of ``status``; none if the script does not run."""
        if not self.running:
            return []
        try:
            return list(self.request("status")["processes"])
        except (OSError, KeyError):
            return []

    def pids(self, kind: str) -> list[int]:
        """Pids of the processes of one kind that serve now, in the order of their names."""
        return [
            row["pid"]
            for row in self.processes()
            if row["kind"] == kind and row["state"] in ("ready", "starting")
        ]

    def abandon(self) -> None:
        """As if the test run had been killed."""
        with suppress(OSError):
            os.close(self._life)
        self._life = -1

    async def kill(self) -> None:
        """End it and its children at once, whatever state they are in."""
        if self.process is None:
            return
        self.abandon()
        if self.running:
            with suppress(OSError, CommandFailed):
                await asyncio.to_thread(self.request, "stop", now=True)
            self.process.kill()
        await self.wait()

    def tail(self, size: int = 4000) -> str:
        """The end of its log."""
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return f"--- {self.name} ---\n{text[-size:]}"


class Status:
    """The processes of a stack at one moment.

    Attributes:
        processes: rows of ``status --json`` of both scripts.
    """

    def __init__(self, processes: list[dict[str, Any]]) -> None:
        self.processes = processes

    def of(self, kind: str) -> list[dict[str, Any]]:
        """The rows of one kind of processes that serve now, in the order of their names."""
        return [
            row
            for row in self.processes
            if row["kind"] == kind and row["state"] in ("ready", "starting")
        ]

    @property
    def gateway(self) -> dict[str, Any]:
        """The first gateway process; empty if there is none."""
        return (self.of("gateway") or [{}])[0]

    @property
    def business(self) -> dict[str, Any]:
        """The first business process; empty if there is none."""
        return (self.of("business") or [{}])[0]

    @property
    def register(self) -> dict[str, Any]:
        """The register; empty if there is none."""
        return (self.of("register") or [{}])[0]


class Stack:
    """Gateways, register and workers on free loopback ports.

    ``async with`` starts all of it, waits until the workers are linked to the gateways, and ends
    all of it at the end. On an exception the ends of the logs are attached to it.

    Args:
        directory: where files go; ``tmp_path`` of the test.
        settings: by dotted name, on top of those that put the stack on free loopback ports.
        services: directories for ``business.services``.
        gateways: number of gateway processes.
        workers: number of business processes.
        environment: additions to the environment of the processes.
    """

    def __init__(
        self,
        directory: Path,
        *,
        settings: Mapping[str, Any] | None = None,
        services: Sequence[Path] = (),
        gateways: int = 1,
        workers: int = 1,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.directory = directory
        self.secret = secrets.token_urlsafe(32)
        self._ports = Ports()
        self.gateway_port = self._ports.take()
        self.http_port = self._ports.take()
        self.register = f"127.0.0.1:{self._ports.take()}"
        self._gateways = gateways
        self._workers = workers
        self.settings: dict[str, Any] = {
            "secret": self.secret,
            "log.level": "info",
            "admin.listen": "",
            "admin.business_listen": "",
            "register.listen": self.register,
            "gateway.host": "127.0.0.1",
            "gateway.port": self.gateway_port,
            "gateway.processes": gateways,
            "gateway.lan_port": self._ports.take(max(gateways, 1)),
            "business.host": "127.0.0.1",
            "business.port": self.http_port,
            "business.processes": workers,
            "business.services": [str(path) for path in services],
            "database.url": f"sqlite+aiosqlite:///{directory / 'kefu.db'}",
            **(settings or {}),
        }
        self.environment = dict(environment or {})
        self.gateway = self._script("gateway", "gateway")
        self.business = self._script("business", "business")
        self.register_script = self._script("gateway", "register")
        self.configure({})

    @property
    def ws_url(self) -> str:
        """Of the root path; append ``/NAME`` for a service by name."""
        return f"ws://127.0.0.1:{self.gateway_port}"

    @property
    def http_url(self) -> str:
        """Of the root path."""
        return f"http://127.0.0.1:{self.http_port}"

    def configure(self, settings: Mapping[str, Any]) -> None:
        """Change the settings file; the processes see it at reload or restart."""
        self.settings.update(settings)
        (self.directory / "kefu.toml").write_text(toml(self.settings), encoding="utf-8")

    # -- start and end ---------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        try:
            await asyncio.gather(self.start_gateway(), self.start_business())
            await self.linked()
        except BaseException as exc:
            await self._end(exc)
            raise
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._end(exc)

    @asynccontextmanager
    async def only_gateway(self) -> AsyncIterator[Self]:
        """As ``async with stack``, but without business processes."""
        async with self.nothing_started():
            await self.start_gateway()
            yield self

    @asynccontextmanager
    async def nothing_started(self) -> AsyncIterator[Self]:
        """As ``async with stack``, but the test starts the processes itself."""
        try:
            yield self
        except BaseException as exc:
            await self._end(exc)
            raise
        else:
            await self._end(None)

    async def start_gateway(self, *, register: bool = True, **settings: Any) -> None:
        """Start start_gateway.py.

        Args:
            register: whether it runs the register too.
            settings: flags of this start, with ``__`` for the dots.
        """
        flags = _dotted(settings)
        if not register:
            flags |= {"register.listen": "", "register.addresses": [self.register]}
        await self.gateway.start(flags)

    async def start_register(self) -> None:
        """Start a start_gateway.py that runs the register and nothing else."""
        await self.register_script.start({"gateway.processes": 0})

    async def start_business(self, **settings: Any) -> None:
        """Start start_business.py; flags of this start with ``__`` for the dots."""
        await self.business.start(_dotted(settings))

    async def linked(self) -> None:
        """Wait until every worker is linked to every gateway."""

        def workers(gateway: dict[str, Any]) -> int:
            return sum(peer["kind"] == "worker" for peer in gateway.get("peers", ()))

        await self.until(
            lambda status: (
                len(status.of("gateway")) == self._gateways
                and all(workers(gateway) >= self._workers for gateway in status.of("gateway"))
            )
        )

    async def _end(self, exc: BaseException | None) -> None:
        scripts = [self.business, self.gateway, self.register_script]
        await asyncio.gather(*(script.kill() for script in scripts))
        self._ports.close()
        if exc is not None:
            for script in scripts:
                if script.log.exists():
                    exc.add_note(script.tail())

    # -- what it does ----------------------------------------------------------------------------

    async def gateway_command(self, name: str) -> dict[str, Any]:
        """A command of start_gateway.py: stop, restart, reload. Raises CommandFailed."""
        return await self.gateway.command(name)

    async def business_command(self, name: str) -> dict[str, Any]:
        """A command of start_business.py: stop, restart, reload. Raises CommandFailed."""
        return await self.business.command(name)

    async def status(self) -> Status:
        """All processes, with fresh numbers."""
        return await asyncio.to_thread(self._status)

    async def connections(self) -> list[dict[str, Any]]:
        """The rows of ``connections`` of the gateways."""
        return list((await self.gateway.command("connections"))["connections"])

    async def until(self, condition: Callable[[Status], Any], factor: float = 1.0) -> Status:
        """Wait until the condition holds for the status; returns that status."""
        return await eventually(
            lambda: status if condition(status := self._status()) else None, factor
        )

    def pids(self, kind: str, status: Status | None = None) -> list[int]:
        """Pids of the processes of one kind, in the order of their names."""
        return [row["pid"] for row in (status or self._status()).of(kind)]

    def prefix_of(self, pid: int) -> str:
        """The first 12 digits of the client ids of the gateway process ``pid``."""
        for row in self._status().of("gateway"):
            if row["pid"] == pid:
                host, _, port = row["address"].rpartition(":")
                return client_id.prefix(host, int(port))
        raise AssertionError(f"no gateway has pid {pid}")

    def _status(self) -> Status:
        scripts = (self.gateway, self.register_script, self.business)
        return Status([row for script in scripts for row in script.processes()])

    def _script(self, role: str, name: str) -> Script:
        argv = [str(ROOT / f"start_{role}.py")]
        return Script(argv, role, self.directory, name, self.environment)


def _dotted(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {name.replace("__", "."): value for name, value in settings.items()}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
