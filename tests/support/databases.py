"""Real database servers for tests, in temporary directories and on free ports.

Started by a test run that needs them, from what is installed (packages ``postgresql`` and
``mariadb-server`` of Debian, or any others in PATH), and ended with it. What is stored there need
not survive anything, so they do not wait for the disk.
"""

from __future__ import annotations

import contextlib
import glob
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import create_async_engine

from .ports import Ports
from .timing import TIMEOUT

KINDS = ("sqlite", "postgresql", "mysql")
"""What tests of the store run over."""

_PATHS = (*sorted(glob.glob("/usr/lib/postgresql/*/bin"), reverse=True), "/usr/sbin")  # noqa: PTH207
_ACCOUNTS = ("postgres", "mysql", "nobody")
"""Who runs the servers where the tests run as root, which the servers refuse."""


class Missing(Exception):
    """A server cannot be started here: the reason."""


class Server:
    """A server that runs.

    Args:
        admin: URL of a user who may make databases.
        process: the server.
        end: the signal that makes it end soon.
    """

    def __init__(self, admin: str, process: subprocess.Popen[bytes], end: signal.Signals) -> None:
        self.admin = admin
        self.process = process
        self._end = end

    async def create(self, name: str) -> str:
        """Make an empty database; returns its URL."""
        await self.run(f"CREATE DATABASE {name}")
        return make_url(self.admin).set(database=name).render_as_string(hide_password=False)

    async def run(self, *statements: str) -> None:
        """Run statements as who may do everything."""
        engine = create_async_engine(self.admin, isolation_level="AUTOCOMMIT")
        try:
            async with engine.connect() as connection:
                for statement in statements:
                    await connection.execute(text(statement))
        finally:
            await engine.dispose()

    def pause(self) -> None:
        """Let it hang, as behind a dead network."""
        os.kill(self.process.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Undo ``pause``."""
        os.kill(self.process.pid, signal.SIGCONT)

    def stop(self) -> None:
        """End it."""
        self.process.send_signal(self._end)
        try:
            self.process.wait(TIMEOUT)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Installation:
    """A kind of server with its data, which can be started and stopped several times."""

    def __init__(self) -> None:
        self.account = _account()
        # Not within pytest's directories, which are closed to others.
        self._temporary = tempfile.TemporaryDirectory(prefix="kefu-test-")
        self.directory = Path(self._temporary.name)
        if self.account is not None:
            os.chown(self.directory, self.account.pw_uid, self.account.pw_gid)
        self.ports = Ports()
        self.port = self.ports.take()
        self.data = self.directory / "data"
        self.log = self.directory / "log"

    def prepare(self) -> None:
        """Make the data."""

    def start(self) -> Server:
        """Start a server over the data, and wait until it answers."""
        raise NotImplementedError

    def close(self) -> None:
        """Give up the port and the data."""
        self.ports.close()
        self._temporary.cleanup()

    def spawn(self, command: Sequence[str]) -> subprocess.Popen[bytes]:
        """Start a program as who may run it."""
        with self.log.open("ab") as log:
            return subprocess.Popen(
                command,
                cwd=self.directory,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                user=self.account.pw_uid if self.account else None,
                group=self.account.pw_gid if self.account else None,
                extra_groups=[] if self.account else None,
                env={**os.environ, "HOME": str(self.directory), "LC_ALL": "C"},
            )

    def call(self, command: Sequence[str]) -> None:
        """Run a program to its end."""
        if self.spawn(command).wait(60):
            raise AssertionError(f"{command[0]} failed:\n{self.log.read_text(errors='replace')}")

    def wait(self, process: subprocess.Popen[bytes], client: Sequence[str]) -> None:
        """Wait until a client program succeeds."""
        end = time.monotonic() + 3 * TIMEOUT
        while subprocess.run(client, capture_output=True, check=False).returncode:
            if process.poll() is not None or time.monotonic() > end:
                process.kill()
                log = self.log.read_text(errors="replace")
                raise AssertionError(f"the server did not start:\n{log[-3000:]}")
            time.sleep(0.05)


class PostgreSQL(Installation):
    """PostgreSQL."""

    def prepare(self) -> None:
        """Make a cluster."""
        options = ["--username=kefu", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"]
        self.call([_find("initdb"), f"--pgdata={self.data}", *options])

    def start(self) -> Server:
        """Start it."""
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": self.port,
            "unix_socket_directories": "",
            "fsync": "off",
            "synchronous_commit": "off",
            "full_page_writes": "off",
            "max_connections": 200,
        }
        flags = [part for item in settings.items() for part in ("-c", "{}={}".format(*item))]
        process = self.spawn([_find("postgres"), "-D", str(self.data), *flags])
        ready = [_find("pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        self.wait(process, ready)
        url = f"postgresql+asyncpg://kefu@127.0.0.1:{self.port}/postgres"
        return Server(url, process, signal.SIGINT)


_HASTE = (
    "--innodb-flush-log-at-trx-commit=0",
    "--innodb-flush-method=nosync",
    "--innodb-log-file-size=16M",
    "--innodb-buffer-pool-size=64M",
    "--aria-log-file-size=8M",
)


class MariaDB(Installation):
    """MariaDB, or MySQL's server where it is called ``mariadbd``."""

    def prepare(self) -> None:
        """Make a data directory, and a user who may do everything."""
        options = [f"--datadir={self.data}", "--auth-root-authentication-method=normal"]
        self.call([_find("mariadb-install-db"), "--no-defaults", *options, *_HASTE])

    def start(self) -> Server:
        """Start it."""
        flags = [
            f"--datadir={self.data}",
            f"--port={self.port}",
            "--bind-address=127.0.0.1",
            f"--socket={self.directory / 'socket'}",
            f"--pid-file={self.directory / 'pid'}",
            "--max-connections=200",
            "--skip-name-resolve",
            *_HASTE,
        ]
        process = self.spawn([_find("mariadbd"), "--no-defaults", *flags])
        host = ["--protocol=tcp", "-h127.0.0.1", f"-P{self.port}", "-uroot"]
        self.wait(process, [_find("mariadb-admin"), "--no-defaults", *host, "ping"])
        url = f"mysql+asyncmy://root@127.0.0.1:{self.port}/mysql"
        return Server(url, process, signal.SIGTERM)


class Servers:
    """The servers of a test run, each started when it is first asked for."""

    def __init__(self) -> None:
        self._stack = contextlib.ExitStack()
        self._servers: dict[str, Server] = {}
        self._count = 0

    def get(self, kind: str) -> Server:
        """A server; skips the test where it is missing."""
        if kind not in self._servers:
            self._servers[kind] = self._stack.enter_context(running(kind))
        return self._servers[kind]

    async def database(self, kind: str, directory: Path) -> str:
        """URL of a new, empty database of one of ``KINDS``; ``directory`` is for that of SQLite."""
        if kind == "sqlite":
            return f"sqlite+aiosqlite:///{directory / 'kefu.db'}"
        self._count += 1
        return await self.get(kind).create(f"test_{self._count}")

    def close(self) -> None:
        """End them all."""
        self._stack.close()


INSTALLATIONS: dict[str, type[Installation]] = {"postgresql": PostgreSQL, "mysql": MariaDB}


@contextlib.contextmanager
def installation(kind: str) -> Iterator[Installation]:
    """An installation of one's own, prepared; skips the test where the programs are missing."""
    with contextlib.ExitStack() as stack:
        try:
            made = INSTALLATIONS[kind]()
            stack.callback(made.close)
            made.prepare()
        except Missing as error:
            pytest.skip(str(error))
        yield made


@contextlib.contextmanager
def running(kind: str) -> Iterator[Server]:
    """A server that runs; skips the test where it is missing."""
    with installation(kind) as made:
        server = made.start()
        try:
            yield server
        finally:
            server.stop()


def _find(program: str) -> str:
    path = os.pathsep.join([os.environ.get("PATH", ""), *_PATHS])
    found = shutil.which(program, path=path)
    if found is None:
        package = "mariadb-server" if program.startswith("mariadb") else "postgresql"
        raise Missing(f"{program} is not installed: apt-get install {package}")
    return found


def _account() -> pwd.struct_passwd | None:
    if os.geteuid() != 0:
        return None
    for name in _ACCOUNTS:
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise Missing("the tests run as root, and there is no other user to run the server as")
