"""The parent of all processes of one start script.

It makes the listening sockets, starts a child per slot, keeps every slot filled, and does what the
commands of the start scripts ask for. The main path is ``run``, ``_start``, ``_keep``, ``_stop``.
"""

from __future__ import annotations

import asyncio
import dataclasses
import importlib
import logging
import signal
import socket
import time
from collections.abc import Callable, Coroutine, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from .child import EXIT_SETTINGS
from .commands import CommandServer
from .errors import KefuError, SettingsError
from .layout import ENTRIES, Layout
from .process import Plan, Process, StartFailed

if TYPE_CHECKING:
    from .run_dir import RunDir
    from .settings import Settings

T = TypeVar("T")

logger = logging.getLogger(__name__)

_STABLE = 10.0
"""A child that lived for this many seconds is started again at once, without a pause."""

_LONGEST_PAUSE = 5.0
_SAME_SIGNAL = 0.3


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
        self.settings = settings
        self.slots: list[Slot] = []
        self.processes: set[Process] = set()
        self.layout = Layout(role, entries)
        self._load = load
        self._commands = CommandServer(self, run_dir)
        self._tasks: set[asyncio.Task[Any]] = set()
        self._changing = asyncio.Lock()
        self._born = time.monotonic()
        self._end: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._at_once = False
        self._last_signal = -_SAME_SIGNAL

    @property
    def age(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self._born

    # -- the main path --------------------------------------------------------------------------

    async def run(self, on_ready: Callable[[], None]) -> None:
        """Start everything, stay until told to stop, stop everything.

        Args:
            on_ready: called once, when all children are ready.

        Raises:
            SettingsError: an address cannot be listened at.
            StartFailed: a child could not be started, or found later that its settings are wrong.
        """
        admin = self.layout.open_admin(self.settings)
        await self._commands.start()
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
            self.end()
            await self._stop()
            if serving is not None:
                serving.cancel()
                await asyncio.wait([serving])
            await self._commands.close()

    async def _start(self, settings: Settings) -> None:
        """Fill all slots, and wait until every child is ready."""
        self.settings = settings
        for plan, sockets in self.layout.open(settings):
            process = await self._start_process(plan, settings, sockets)
            self.slots.append(Slot(plan, settings, sockets, process))
        await asyncio.gather(*(asyncio.shield(slot.process.ready) for slot in self.slots))
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
            self.layout.close()
        if self._at_once:
            self._kill_all()  # those that were being started when it was said
        for last in (False, True):
            stopping = [p for p in self.processes if (p.plan.kind == "register") is last]
            await asyncio.gather(*(process.stop(restarting=restarting) for process in stopping))
        self.slots.clear()

    def end(self, *, now: bool = False) -> None:
        """Leave ``run`` after all children have stopped.

        Args:
            now: end the children at once, whatever they do.
        """
        if not self._end.done():
            self._end.set_result(None)
        if now:
            self._at_once = True
            self._kill_all()

    def _kill_all(self) -> None:
        for process in self.processes:
            process.kill("told to end at once")

    def _fail(self, error: StartFailed) -> None:
        """Leave ``run`` with an error after all children have stopped."""
        if not self._end.done():
            self._end.set_exception(error)

    # -- slots ----------------------------------------------------------------------------------

    async def _start_process(
        self, plan: Plan, settings: Settings, sockets: dict[str, socket.socket]
    ) -> Process:
        process = Process(plan, settings, self.layout.values(settings), sockets, self._on_replace)
        self.processes.add(process)
        process.ended.add_done_callback(lambda _: self.processes.discard(process))
        await process.start()
        return process

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
        await self._change(self._reload(self._load()))

    async def _reload(self, new: Settings) -> None:
        async with self._changing:
            if self.layout.role == "business":
                await self._reload_business(new)
                return
            origins = {"allowed_origins": new.gateway.allowed_origins}
            changed = {"tls": new.tls, "gateway": self.settings.gateway.model_copy(update=origins)}
            self.settings = self.settings.model_copy(update=changed)
            for slot in self.slots:
                slot.settings = self.settings
                if slot.plan.kind == "gateway":
                    refusal = await slot.process.reload(self.layout.values(self.settings))
                    if refusal:
                        raise SettingsError(f"{slot.plan.name}: {refusal}")

    async def _reload_business(self, new: Settings) -> None:
        plans = self.layout.plans(new)
        for slot, plan in zip(self.slots, plans, strict=False):
            await self._replace(slot, slot.process, plan, new)
        for plan in plans[len(self.slots) :]:
            sockets = self.slots[0].sockets
            process = await self._start_process(plan, new, sockets)
            await asyncio.shield(process.ready)
            self.slots.append(slot := Slot(plan, new, sockets, process))
            slot.keeper = self._spawn(self._keep(slot))
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
        await self._change(self._restart(self._load()))

    async def _restart(self, new: Settings) -> None:
        async with self._changing:
            await self._stop(restarting=True)
            try:
                await self._start(new)
            except (SettingsError, StartFailed) as exc:
                failed = StartFailed(str(exc), permanent=getattr(exc, "permanent", True))
                self._fail(failed)
                raise failed from None

    async def _change(self, change: Coroutine[Any, Any, None]) -> None:
        """Run a change to its end, whether or not whoever asked for it still waits; but end it
        when the supervisor stops."""
        task = self._spawn(change)
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            if not task.cancelled():
                raise
            raise StartFailed("stopped meanwhile") from None

    # -- small things ---------------------------------------------------------------------------

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
            self.end(now=self._end.done())
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
