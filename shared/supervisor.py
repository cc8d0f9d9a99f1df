"""The parent of all processes of one start script.

It makes the listening sockets, starts a child per slot, keeps every slot filled, and does what the
commands of the start scripts ask for. The main path is ``run``, ``_start``, ``_keep``, ``_stop``.
"""

from __future__ import annotations

import asyncio
import dataclasses
import importlib
import logging
import os
import signal
import socket
import time
from collections.abc import Callable, Coroutine, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from . import control, listening
from .child import EXIT_SETTINGS
from .errors import KefuError, SettingsError
from .process import Plan, Process, StartFailed, State

if TYPE_CHECKING:
    from .run_dir import RunDir
    from .settings import Settings

T = TypeVar("T")

logger = logging.getLogger(__name__)

ENTRIES = {
    "register": "gateway.register:run",
    "gateway": "gateway.server:run",
    "business": "business.worker:run",
}
"""Main coroutine of each kind of child."""

_STABLE = 10.0
"""A child that lived for this many seconds is started again at once, without a pause."""

_LONGEST_PAUSE = 5.0
_SAME_SIGNAL = 0.3
_GRACE = 5.0
"""Seconds that a child has to stop on top of its drain time."""


@dataclasses.dataclass(eq=False)
class Slot:
    """A place that is always filled by one process."""

    plan: Plan
    settings: Settings
    sockets: dict[str, socket.socket]
    process: Process
    restarts: int = 0
    failures: int = 0
    # Held while the process is exchanged for another, by whoever does it.
    lock: asyncio.Lock = dataclasses.field(default_factory=asyncio.Lock)
    keeper: asyncio.Task[None] | None = None


class Supervisor:
    """Runs the children of one role until it is told to stop.

    Args:
        role: ``gateway`` or ``business``.
        settings: what to start with.
        load: reads the settings again, for ``reload`` and ``restart``. Raises SettingsError.
        run_dir: locked by the caller.
        entries: as ENTRIES; tests have their own.
    """

    def __init__(
        self,
        role: str,
        settings: Settings,
        load: Callable[[], Settings],
        run_dir: RunDir,
        entries: Mapping[str, str] = ENTRIES,
    ) -> None:
        self.role = role
        self.settings = settings
        self.slots: list[Slot] = []
        self.addresses: dict[str, str] = {}
        self._load = load
        self._run_dir = run_dir
        self._entries = entries
        self._sockets = listening.Sockets()
        self._processes: set[Process] = set()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._changing = asyncio.Lock()
        self._born = time.monotonic()
        self._end: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._last_signal = -_SAME_SIGNAL
        self._waiting_for_end: list[control.Channel] = []

    # -- the main path --------------------------------------------------------------------------

    async def run(self, on_ready: Callable[[], None]) -> None:
        """Start everything, stay until told to stop, stop everything.

        Args:
            on_ready: called once, when all children are ready.

        Raises:
            SettingsError: an address cannot be listened at.
            StartFailed: a child could not be started, or found later that its settings are wrong.
        """
        admin = self._open_admin()
        server = await asyncio.start_unix_server(
            self._serve, sock=control.listen(self._run_dir.control)
        )
        serving = asyncio.create_task(self._serve_admin(admin)) if admin else None
        try:
            self._watch_signals()
            starting = self._spawn(self._start(self.settings))
            await asyncio.wait([starting, self._end], return_when=asyncio.FIRST_COMPLETED)
            if starting.done():
                await starting
                on_ready()
            await self._end
        finally:
            server.close()
            self._run_dir.control.unlink(missing_ok=True)
            await self._stop()
            if serving is not None:
                serving.cancel()
            for channel in self._waiting_for_end:
                channel.send({"stopped": True})
                await channel.flush()
                channel.close()

    async def _start(self, settings: Settings) -> None:
        """Fill all slots, and wait until every child is ready."""
        self.settings = settings
        plans = [(plan, self._open(plan, settings)) for plan in self._plans(settings)]
        self._sockets.keep({self._key(plan) for plan, _ in plans})
        for _, sockets in plans:
            for role, sock in sockets.items():
                self.addresses[role] = listening.address(sock)
        for plan, sockets in plans:
            await self._fill(plan, settings, sockets)
        await asyncio.gather(*(slot.process.ready for slot in self.slots))
        for slot in self.slots:
            slot.keeper = self._spawn(self._keep(slot))

    async def _keep(self, slot: Slot) -> None:
        """Start another process whenever the one in the slot ends."""
        while True:
            process = slot.process
            code = await asyncio.shield(process.ended)
            async with slot.lock:
                if slot.process is not process:
                    continue  # it was replaced: watch its successor
                if code == EXIT_SETTINGS:
                    self._fail(StartFailed(f"{slot.plan.name}: {process.reason}", permanent=True))
                    return
                slot.failures = 0 if process.age >= _STABLE else slot.failures + 1
                pause = min(_LONGEST_PAUSE, 0.1 * 2**slot.failures) if slot.failures > 1 else 0.0
                logger.error(
                    "%s (pid %d) is gone: %s. Starting another%s",
                    *(slot.plan.name, process.pid, process.reason),
                    f" in {pause:.1f} s" if pause else "",
                )
                await asyncio.sleep(pause)
                slot.restarts += 1
                slot.process = await self._start_process(slot.plan, slot.settings, slot.sockets)

    async def _stop(self, *, restarting: bool = False) -> None:
        """Stop all children. The register goes last, so that gateways can take their leave."""
        tasks = self._tasks - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if not restarting:
            self._sockets.close()
        for last in (False, True):
            stopping = [p for p in self._processes if (p.plan.kind == "register") is last]
            await asyncio.gather(*(process.stop(restarting=restarting) for process in stopping))
        self.slots.clear()

    def end(self) -> None:
        """Leave ``run`` after all children have stopped. The second time: end them at once."""
        if self._end.done():
            for process in self._processes:
                process.kill("told to end at once")
        else:
            self._end.set_result(None)

    def _fail(self, error: StartFailed) -> None:
        """Leave ``run`` with an error after all children have stopped."""
        if not self._end.done():
            self._end.set_exception(error)

    # -- slots ----------------------------------------------------------------------------------

    def _plans(self, settings: Settings) -> list[Plan]:
        if self.role == "business":
            deadline = settings.business.drain_timeout + _GRACE
            return [
                Plan("business", i, f"business-{i}", self._entries["business"], deadline)
                for i in range(settings.business.processes)
            ]
        deadline = settings.gateway.drain_timeout + _GRACE
        plans = [
            Plan("gateway", i, f"gateway-{i}", self._entries["gateway"], deadline)
            for i in range(settings.gateway.processes)
        ]
        if settings.register.listen:
            plans.insert(0, Plan("register", 0, "register", self._entries["register"], _GRACE))
        return plans

    def _key(self, plan: Plan) -> str:
        """Who has which listening socket: gateways one each, business processes one together."""
        return plan.kind if plan.kind == "business" else plan.name

    def _open(self, plan: Plan, settings: Settings) -> dict[str, socket.socket]:
        """The listening socket of a child, by its role."""
        if plan.kind == "gateway":
            role, setting = "public", "gateway.port"
            host, port = settings.gateway.host, settings.gateway.port
        elif plan.kind == "business":
            role, setting = "http", "business.port"
            host, port = settings.business.host, settings.business.port
        else:
            role, setting = "register", "register.listen"
            host, _, digits = settings.register.listen.rpartition(":")
            port = int(digits)
        shared = plan.kind == "gateway"
        sock = self._sockets.get(self._key(plan), setting, host, port, reuse_port=shared)
        return {role: sock}

    async def _fill(
        self, plan: Plan, settings: Settings, sockets: dict[str, socket.socket]
    ) -> Slot:
        process = await self._start_process(plan, settings, sockets)
        slot = Slot(plan, settings, sockets, process)
        self.slots.append(slot)
        return slot

    async def _start_process(
        self, plan: Plan, settings: Settings, sockets: dict[str, socket.socket]
    ) -> Process:
        process = Process(plan, settings, self._values(settings), sockets, self._on_replace)
        self._processes.add(process)
        process.ended.add_done_callback(lambda _: self._processes.discard(process))
        await process.start()
        return process

    def _values(self, settings: Settings) -> dict[str, Any]:
        """The settings for children, with the ports that are really listened at."""
        values = settings.model_dump(mode="json")
        for role, section in (("public", "gateway"), ("http", "business")):
            if role in self.addresses:
                values[section]["port"] = int(self.addresses[role].rpartition(":")[2])
        if "register" in self.addresses:
            register = values["register"]
            asked, actual = register["listen"], self.addresses["register"]
            register["listen"] = actual
            register["addresses"] = [
                actual if address == asked else address for address in register["addresses"]
            ]
        return values

    async def _replace(self, slot: Slot, expected: Process, plan: Plan, settings: Settings) -> None:
        """Start a new process for a slot, and stop the old one when the new one is ready.

        Does nothing if the slot is no longer filled by ``expected``.

        Raises:
            StartFailed: the new process does not get ready. The old one goes on.
        """
        async with slot.lock:
            if slot.process is not expected:
                return
            new = await self._start_process(plan, settings, slot.sockets)
            await asyncio.shield(new.ready)
            slot.plan, slot.settings, slot.process = plan, settings, new
        logger.info("%s: pid %d takes over from pid %d", plan.name, new.pid, expected.pid)
        await expected.stop()

    def _on_replace(self, process: Process, reason: str) -> None:
        """A child asked to be replaced."""
        for slot in self.slots:
            if slot.process is process:
                logger.warning("%s asks to be replaced: %s", slot.plan.name, reason)
                self._spawn(self._replace_one(slot, process))

    async def _replace_one(self, slot: Slot, process: Process) -> None:
        if slot.plan.kind != "business":
            # Two of these cannot live side by side, because they have an address of their own.
            await process.stop()
            return
        try:
            await self._replace(slot, process, slot.plan, slot.settings)
        except StartFailed as exc:
            logger.error("%s stays: no other could be started: %s", slot.plan.name, exc)

    # -- commands -------------------------------------------------------------------------------

    async def reload(self) -> None:
        """Read the settings again. Business: replace the processes one by one. Gateway: hand
        certificates and origins to the processes that run.

        Raises:
            SettingsError: the settings are wrong, or a child refuses them. Nothing changed.
            StartFailed: a new process did not start. Those not yet replaced stay.
        """
        new = self._load()
        async with self._changing:
            if self.role == "business":
                await self._reload_business(new)
                return
            origins = {"allowed_origins": new.gateway.allowed_origins}
            changed = {"tls": new.tls, "gateway": self.settings.gateway.model_copy(update=origins)}
            self.settings = self.settings.model_copy(update=changed)
            for slot in self.slots:
                slot.settings = self.settings
                if slot.plan.kind == "gateway":
                    refusal = await slot.process.reload(self._values(self.settings))
                    if refusal:
                        raise SettingsError(f"{slot.plan.name}: {refusal}")

    async def _reload_business(self, new: Settings) -> None:
        plans = self._plans(new)
        for slot, plan in zip(self.slots, plans, strict=False):
            await self._replace(slot, slot.process, plan, new)
        for plan in plans[len(self.slots) :]:
            slot = await self._fill(plan, new, self.slots[0].sockets)
            slot.keeper = self._spawn(self._keep(slot))
            await asyncio.shield(slot.process.ready)
        for slot in self.slots[len(plans) :]:
            self.slots.remove(slot)
            if slot.keeper is not None:
                slot.keeper.cancel()
            await slot.process.stop()
        self.settings = new

    async def restart(self) -> None:
        """Stop all children and start them again with the settings as they are now. The listening
        sockets stay open: who connects meanwhile waits.

        Raises:
            SettingsError: the settings are wrong. Nothing changed.
            StartFailed: a child does not start. The supervisor ends.
        """
        new = self._load()
        async with self._changing:
            await self._stop(restarting=True)
            try:
                await self._start(new)
            except (SettingsError, StartFailed) as exc:
                failed = StartFailed(str(exc), permanent=getattr(exc, "permanent", True))
                self._fail(failed)
                raise failed from None

    async def status(self) -> control.Message:
        """What the command ``status --json`` prints."""
        restarts = {slot.process: slot.restarts for slot in self.slots}
        processes = sorted(self._processes, key=lambda process: process.pid)
        order = {slot.plan.name: i for i, slot in enumerate(self.slots)}
        processes.sort(key=lambda process: order.get(process.plan.name, len(order)))
        rows = await asyncio.gather(*(process.status() for process in processes))
        for process, row in zip(processes, rows, strict=True):
            row["restarts"] = restarts.get(process, 0)
        return {
            "processes": rows,
            "supervisor": {
                "role": self.role,
                "pid": os.getpid(),
                "uptime": round(time.monotonic() - self._born, 1),
                "addresses": self.addresses,
            },
        }

    async def connections(self, limit: int) -> control.Message:
        """What the command ``connections --json`` prints: at most ``limit`` per process."""
        processes = [slot.process for slot in self.slots if slot.process.state is State.READY]
        question = {"connections": 0, "limit": limit}
        answers = await asyncio.gather(*(process.ask(question) for process in processes))
        rows = [
            {**row, "process": process.plan.name}
            for process, answer in zip(processes, answers, strict=True)
            for row in (answer or {}).get("rows", [])
        ]
        return {"connections": rows}

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One command on the control socket: a line in, a line out."""
        channel = control.Channel(reader, writer)
        message = await channel.receive() or {}
        if message.get("command") == "stop":
            self._waiting_for_end.append(channel)
            if not self._end.done():
                self.end()
            if message.get("now"):
                self.end()
            return
        # A task of its own: who asks may go away, what it asked for goes on.
        task = self._spawn(self._execute(message))
        try:
            channel.send(await asyncio.shield(task))
        except asyncio.CancelledError:
            channel.send({"error": "stopped meanwhile", "code": 1})
        await channel.flush()
        channel.close()

    async def _execute(self, message: control.Message) -> control.Message:
        command = message.get("command")
        try:
            if command == "status":
                return await self.status()
            if command == "connections":
                return await self.connections(int(message.get("limit", 1000)))
            if command == "reload":
                await self.reload()
                return {}
            if command == "restart":
                await self.restart()
                return {}
        except KefuError as exc:
            return {"error": str(exc), "code": exit_code(exc) if command != "reload" else 1}
        return {"error": f"unknown command {command!r}", "code": 1}

    # -- small things ---------------------------------------------------------------------------

    def _open_admin(self) -> socket.socket | None:
        admin = self.settings.admin
        setting, where = "admin.listen", admin.listen
        if self.role == "business":
            setting, where = "admin.business_listen", admin.business_listen
        if not where:
            return None
        host, _, port = where.rpartition(":")
        sock = listening.listen(setting, host, int(port))
        self.addresses["admin"] = listening.address(sock)
        return sock

    async def _serve_admin(self, sock: socket.socket) -> None:
        # The import takes longer than all else here; children start meanwhile.
        metrics = await asyncio.to_thread(importlib.import_module, "shared.metrics")
        await metrics.serve(sock, self)

    def _watch_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._on_signal)
        loop.add_signal_handler(signal.SIGHUP, lambda: self._spawn(self._reload_by_signal()))

    def _on_signal(self) -> None:
        # timeout(1), and some shells at Ctrl-C, deliver one and the same signal twice in a row.
        if time.monotonic() - self._last_signal > _SAME_SIGNAL:
            self.end()
        self._last_signal = time.monotonic()

    async def _reload_by_signal(self) -> None:
        try:
            await self.reload()
        except KefuError as exc:
            logger.error("reload: %s", exc)

    def _spawn(self, coroutine: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task = asyncio.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


def exit_code(error: KefuError) -> int:
    """Exit code of a start script that ends with this error."""
    permanent = isinstance(error, SettingsError) or getattr(error, "permanent", False)
    return EXIT_SETTINGS if permanent else 1
