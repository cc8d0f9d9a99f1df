"""What runs inside every child process of a supervisor: ``python -m shared.child NAME FD``.

The control channel (see ``control.py``) is the inherited descriptor FD. Its first line is::

    {"kind", "index", "name", "entry": "package.module:function", "sockets": {role: fd},
     "settings": {...}, "deadline": seconds}

so that no secret stands in the arguments or the environment. Then, one key per message:

=========================== ==========================================================
supervisor to child         meaning
=========================== ==========================================================
``{"ping": n}``             answer ``{"pong": n, "status": {...}}``
``{"connections": n,        answer ``{"connections": n, "rows": [...]}``, at most
"limit": k}``               ``k`` rows
``{"reload": settings}``    new settings for a process that goes on
``{"stop": restarting}``    finish and exit
=========================== ==========================================================

=========================== ==========================================================
child to supervisor         meaning
=========================== ==========================================================
``{"ready": true}``         fully up
``{"failed": line}``        the reason why it exits now
``{"replace": reason}``     wants to be replaced by a new process
=========================== ==========================================================

A channel that closes means that the supervisor died: the child stops as if told to. This module
does without pydantic, which would cost every gateway process 20 MB.
"""

from __future__ import annotations

import asyncio
import importlib
import logging
import os
import resource
import signal
import socket
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, NoReturn, cast

from . import control, logs
from .errors import KefuError, SettingsError
from .version import version

if TYPE_CHECKING:
    from .settings import Settings

logger = logging.getLogger(__name__)

EXIT_SETTINGS = 3
"""Exit code of a process whose settings are wrong. It is not started again."""

_SAMPLE = 0.9
"""Shortest time, seconds, over which rates are computed."""

Status = dict[str, Any]


class Namespace:
    """Read-only attributes from a JSON object, for settings: ``settings.gateway.port``."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self.__dict__.update({key: _namespace(value) for key, value in values.items()})

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"settings do not change: {name}")


def _namespace(value: Any) -> Any:
    if isinstance(value, dict):
        return Namespace(value)
    if isinstance(value, list):
        return [_namespace(item) for item in value]
    return value


def as_settings(values: Mapping[str, Any]) -> Settings:
    """The settings as a child sees them: the names of the model, without the model."""
    return cast("Settings", Namespace(values))


class Child:
    """This process, as its main coroutine sees it.

    Attributes:
        kind: ``register``, ``gateway`` or ``business``.
        index: counts the processes of one kind from 0.
        name: ``gateway-0``, ``business-1``, ``register``. A replacement has the name of the
            process that it replaces.
        settings: all settings, read-only.
        sockets: listening sockets by role: ``public``, ``http``, ``register``. The supervisor
            holds them too: closing one here does not close it for the replacement.
        stopping: set when the process should finish and return from its main coroutine.
        restarting: whether it is stopped only to be started again at once.
    """

    def __init__(
        self,
        kind: str,
        index: int,
        name: str,
        settings: Settings,
        sockets: dict[str, socket.socket],
        send: Callable[[control.Message], None] | None = None,
    ) -> None:
        self.kind = kind
        self.index = index
        self.name = name
        self.settings = settings
        self.sockets = sockets
        self.stopping = asyncio.Event()
        self.restarting = False
        self._send = send or (lambda message: None)
        self._status: Callable[[], Status] = dict
        self._connections: Callable[[int], list[dict[str, Any]]] = lambda limit: []
        self._reload: Callable[[Settings], None] = lambda settings: None
        self._started = time.monotonic()
        self._rates = {"messages_in": _Rate(), "messages_out": _Rate()}

    def ready(self) -> None:
        """Tell the supervisor that this process is fully up. Call it once."""
        self._send({"ready": True})

    def replace_me(self, reason: str) -> None:
        """Ask for a new process in place of this one. The old one is stopped when the new is up.

        Args:
            reason: for the log.
        """
        self._send({"replace": reason})

    def on_status(self, provider: Callable[[], Status]) -> None:
        """Set what makes the numbers of ``status``. Called once a second; must be quick."""
        self._status = provider

    def on_connections(self, provider: Callable[[int], list[dict[str, Any]]]) -> None:
        """Set what lists the clients, at most as many as its argument says."""
        self._connections = provider

    def on_reload(self, handler: Callable[[Settings], None]) -> None:
        """Set what takes new settings while the process goes on. It may raise SettingsError, and
        must then leave everything as it was."""
        self._reload = handler

    def status(self) -> Status:
        """The provider's numbers and those that all processes have."""
        own = self._status()
        rates = {
            name.replace("messages_", "") + "_per_s": rate.update(own[name])
            for name, rate in self._rates.items()
            if name in own
        }
        return {
            "kind": self.kind,
            "name": self.name,
            "pid": os.getpid(),
            "version": version(),
            "uptime": round(time.monotonic() - self._started, 1),
            "memory": _memory(),
            "cpu": round(time.process_time(), 2),
            **own,
            **rates,
        }

    def handle(self, message: control.Message) -> None:
        """Do what the supervisor says."""
        if "ping" in message:
            self._send({"pong": message["ping"], "status": self.status()})
        elif "connections" in message:
            rows = self._connections(int(message["limit"]))
            self._send({"connections": message["connections"], "rows": rows})
        elif "reload" in message:
            try:
                self._reload(as_settings(message["reload"]))
                self._send({"reloaded": True})
            except SettingsError as exc:
                self._send({"reloaded": False, "reason": str(exc)})
        elif "stop" in message:
            self.stop(restarting=bool(message["stop"]))

    def stop(self, *, restarting: bool = False) -> None:
        """Begin to stop. Idempotent."""
        self.restarting = self.restarting or restarting
        self.stopping.set()


class _Rate:
    """Events per second, from a counter that is looked at now and then."""

    def __init__(self) -> None:
        self._time = time.monotonic()
        self._count = 0
        self._rate = 0.0

    def update(self, count: int) -> float:
        now = time.monotonic()
        if now - self._time >= _SAMPLE:
            self._rate = round((count - self._count) / (now - self._time), 1)
            self._time, self._count = now, count
        return self._rate


def _memory() -> int:
    """Resident memory of this process, bytes."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:  # noqa: PTH123  # once a second
            return int(file.read().split()[1]) * resource.getpagesize()
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


async def _main(
    start: control.Message,
    sock: socket.socket,
    received: bytes,
    run: Callable[[Child], Awaitable[None]],
) -> int:
    channel = await control.Channel.open(sock, received)
    sockets = {role: _inherited(fd) for role, fd in start["sockets"].items()}
    child = Child(
        start["kind"],
        start["index"],
        start["name"],
        as_settings(start["settings"]),
        sockets,
        channel.send,
    )

    def terminate() -> None:
        if child.stopping.is_set():
            os._exit(1)
        child.stop()

    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, terminate)
    listener = asyncio.create_task(_listen(channel, child), name="control channel")
    deadline = asyncio.create_task(_deadline(child, start["deadline"]), name="deadline")
    try:
        await run(child)
        return 0
    except KefuError as exc:
        channel.send({"failed": str(exc)})
        return EXIT_SETTINGS if isinstance(exc, SettingsError) else 1
    except Exception as exc:
        logger.exception("%s failed", child.name)
        channel.send({"failed": f"{type(exc).__name__}: {exc}"})
        return 1
    finally:
        listener.cancel()
        deadline.cancel()
        await channel.flush()
        channel.close()
        for listening in sockets.values():
            listening.close()


async def _listen(channel: control.Channel, child: Child) -> None:
    while (message := await channel.receive()) is not None:
        try:
            child.handle(message)
        except Exception:
            # A provider of the process has a bug. The process itself is worth keeping.
            logger.exception("could not handle a message of the supervisor")
    child.stop()


async def _deadline(child: Child, seconds: float) -> None:
    """Ends a process that does not finish. A signal, because its loop may hang by then."""
    await child.stopping.wait()
    signal.setitimer(signal.ITIMER_REAL, max(seconds, 0.001))


def _inherited(fd: int) -> socket.socket:
    os.set_inheritable(fd, False)
    sock = socket.socket(fileno=fd)
    sock.setblocking(False)
    return sock


def _loop_factory(choice: str) -> Callable[[], asyncio.AbstractEventLoop] | None:
    """The event loop that setting ``loop`` asks for. None: the one of asyncio."""
    if choice == "asyncio":
        return None
    try:
        import uvloop
    except ImportError:
        if choice == "uvloop":
            raise SettingsError("loop = 'uvloop': it is not installed") from None
        return None
    return cast("Callable[[], asyncio.AbstractEventLoop]", uvloop.new_event_loop)


def _entry(path: str) -> Callable[[Child], Awaitable[None]]:
    module, _, function = path.partition(":")
    return cast(
        "Callable[[Child], Awaitable[None]]", getattr(importlib.import_module(module), function)
    )


def main(name: str, fd: int) -> int:
    """Run the process whose control channel is descriptor ``fd``. Returns its exit code."""
    # Ctrl-C and reload are the supervisor's affair, also when all processes get the signal.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    os.set_inheritable(fd, False)
    sock = socket.socket(fileno=fd)
    try:
        start, received = control.receive_line(sock)
    except ConnectionError:
        return 1
    settings = start["settings"]
    logs.configure(name, settings["log"]["level"], settings["log"]["format"])
    try:
        factory = _loop_factory(settings["loop"])
        run = _entry(start["entry"])
    except Exception as exc:
        if not isinstance(exc, KefuError):
            logger.exception("%s cannot start", name)
        reason = str(exc) if isinstance(exc, KefuError) else f"{type(exc).__name__}: {exc}"
        sock.sendall(control.encode({"failed": reason}))
        return EXIT_SETTINGS if isinstance(exc, SettingsError) else 1
    with asyncio.Runner(loop_factory=factory) as runner:
        return runner.run(_main(start, sock, received, run))


if __name__ == "__main__":
    # Under its real name, so that the classes here exist once.
    child_module = importlib.import_module("shared.child")
    sys.exit(child_module.main(sys.argv[1], int(sys.argv[2])))
