"""The supervisor's side of one child process: start, ping, ask, stop, kill."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import enum
import itertools
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import control
from .child import EXIT_SETTINGS
from .errors import KefuError
from .setting_names import PREFIX

if TYPE_CHECKING:
    from .settings import Settings

logger = logging.getLogger(__name__)

_ROOT = Path(__file__).resolve().parent.parent

_KILL_AFTER = 2.0
"""Seconds between a child's own deadline and SIGKILL."""

ANSWER_TIMEOUT = 5.0
"""Seconds that a child has to answer a question of ``status`` or ``connections``."""


class State(enum.StrEnum):
    """What a child process is doing."""

    STARTING = "starting"
    READY = "ready"
    STOPPING = "stopping"
    ENDED = "ended"


class StartFailed(KefuError):
    """A child process ended, or was ended, before it was ready.

    Args:
        reason: one line.
        permanent: whether starting it again is of no use, because its settings are wrong.
    """

    def __init__(self, reason: str, *, permanent: bool = False) -> None:
        super().__init__(reason)
        self.permanent = permanent


@dataclasses.dataclass(frozen=True, slots=True)
class Plan:
    """What kind of child fills a slot."""

    kind: str
    index: int
    name: str
    entry: str
    deadline: float  # seconds to finish when it is stopped


class Process:
    """One child process. ``start`` it once; it is not reused.

    Attributes:
        ready: becomes True when the child says that it is fully up; StartFailed if it never does.
        ended: becomes the exit code (negative: minus the signal).
        reason: why it exits or exited, in one line, as far as known.
        last_status: the numbers of the last ping.
    """

    def __init__(
        self,
        plan: Plan,
        settings: Settings,
        values: Mapping[str, Any],
        sockets: Mapping[str, socket.socket],
        on_replace: Callable[[Process, str], None],
    ) -> None:
        loop = asyncio.get_running_loop()
        self.plan = plan
        self.state = State.STARTING
        self.ready: asyncio.Future[None] = loop.create_future()
        self.ended: asyncio.Future[int] = loop.create_future()
        self.reason = ""
        self.last_status: control.Message = {}
        self.pid = 0
        self._limits = settings.supervision
        self._values = values
        self._sockets = sockets
        self._on_replace = on_replace
        self._numbers = itertools.count(1)
        self._answers: dict[int, asyncio.Future[control.Message | None]] = {}
        self._reloaded: asyncio.Future[control.Message] | None = None
        self._born = time.monotonic()
        self._channel: control.Channel | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        # Nobody has to look at it: what happened is in ``ended`` and ``reason`` too.
        self.ready.add_done_callback(lambda future: future.exception())

    @property
    def age(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self._born

    async def start(self) -> None:
        """Start the operating system's process. Returns before it is ready."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        ours.setblocking(False)
        descriptors = {role: sock.fileno() for role, sock in self._sockets.items()}
        try:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-P", "-m", "shared.child", self.plan.name, str(theirs.fileno())),
                stdin=asyncio.subprocess.DEVNULL,
                pass_fds=(theirs.fileno(), *descriptors.values()),
                env=_environment(),
                # A Ctrl-C in the terminal reaches the supervisor only.
                process_group=0,
            )
        except BaseException:
            ours.close()
            self.ended.set_result(1)
            raise
        finally:
            theirs.close()
        self.pid = process.pid
        # To its end, even if whoever starts it is told to stop at this moment: a process without
        # channel could be told nothing, and nobody would notice its end.
        await asyncio.shield(self._spawn(self._attend(process, ours, descriptors)))

    async def _attend(
        self,
        process: asyncio.subprocess.Process,
        ours: socket.socket,
        descriptors: Mapping[str, int],
    ) -> None:
        """Tell the child what it is, and listen to it from now on."""
        self._channel = await control.Channel.open(ours)
        self._channel.send(
            {
                "kind": self.plan.kind,
                "index": self.plan.index,
                "name": self.plan.name,
                "entry": self.plan.entry,
                "sockets": descriptors,
                "settings": self._values,
                "deadline": self.plan.deadline,
            }
        )
        listening = self._spawn(self._listen(self._channel))
        self._spawn(self._take_leave(process, listening))
        self._spawn(self._watch())

    async def ask(
        self, message: control.Message, timeout: float = ANSWER_TIMEOUT
    ) -> control.Message | None:
        """Send a question that carries a number, and wait for the answer.

        Args:
            message: its first key gets the number.
            timeout: seconds.

        Returns:
            None if the child does not answer in time, is only just being started, or ends.
        """
        if self._channel is None or self.ended.done():
            return None
        number = next(self._numbers)
        answer: asyncio.Future[control.Message | None] = asyncio.get_running_loop().create_future()
        self._answers[number] = answer
        try:
            async with asyncio.timeout(timeout):
                self._send({**message, next(iter(message)): number})
                return await answer
        except TimeoutError:
            return None
        finally:
            del self._answers[number]

    async def status(self) -> control.Message:
        """Fresh numbers, or the last ones if the child does not answer."""
        await self.ask({"ping": 0})
        return {
            "kind": self.plan.kind,
            "name": self.plan.name,
            "pid": self.pid,
            "state": str(self.state),
            "uptime": round(self.age, 1),
            **self.last_status,
        }

    async def reload(self, values: Mapping[str, Any]) -> str:
        """Hand new settings to the running child. Returns why it refused them, or nothing."""
        self._reloaded = asyncio.get_running_loop().create_future()
        self._send({"reload": values})
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT):
                answer = await self._reloaded
        except TimeoutError:
            return "it does not answer"
        return "" if answer["reloaded"] else str(answer["reason"])

    async def stop(self, *, restarting: bool = False) -> None:
        """Tell the child to finish, and wait until it has. Kills it after its deadline."""
        if self.state is not State.ENDED:
            self.state = State.STOPPING
        self._send({"stop": restarting})
        try:
            async with asyncio.timeout(self.plan.deadline + _KILL_AFTER):
                await asyncio.shield(self.ended)
        except TimeoutError:
            self.kill("did not finish in time")
            await asyncio.shield(self.ended)

    def kill(self, reason: str) -> None:
        """End the child at once."""
        if self.ended.done() or not self.pid:
            return
        self.reason = self.reason or reason
        logger.warning("%s (pid %d) is killed: %s", self.plan.name, self.pid, reason)
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)

    def _spawn(self, coroutine: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _send(self, message: control.Message) -> None:
        if self._channel is not None:
            self._channel.send(message)

    async def _listen(self, channel: control.Channel) -> None:
        while (message := await channel.receive()) is not None:
            self._handle(message)

    async def _take_leave(
        self, process: asyncio.subprocess.Process, listening: asyncio.Task[None]
    ) -> None:
        """Wait for the end of the process, and for its last words."""
        code = await process.wait()
        # The channel closes with the process, unless a process that it forked holds it open.
        await asyncio.wait([listening], timeout=1.0)
        listening.cancel()
        if self._channel is not None:
            self._channel.close()
        self.state = State.ENDED
        self.reason = self.reason or _describe(code)
        for answer in self._answers.values():
            if not answer.done():
                answer.set_result(None)
        if not self.ready.done():
            self.ready.set_exception(
                StartFailed(f"{self.plan.name}: {self.reason}", permanent=code == EXIT_SETTINGS)
            )
        self.ended.set_result(code)

    def _handle(self, message: control.Message) -> None:
        if "pong" in message:
            self.last_status = message["status"]
            self._answer(message["pong"], message)
        elif "connections" in message:
            self._answer(message["connections"], message)
        elif "ready" in message:
            if self.state is State.STARTING:
                self.state = State.READY
            if not self.ready.done():
                self.ready.set_result(None)
        elif "failed" in message:
            self.reason = " ".join(str(message["failed"]).split())
        elif "reloaded" in message:
            if self._reloaded is not None and not self._reloaded.done():
                self._reloaded.set_result(message)
        elif "replace" in message:
            self._on_replace(self, str(message["replace"]))

    def _answer(self, number: int, message: control.Message) -> None:
        answer = self._answers.get(number)
        if answer is not None and not answer.done():
            answer.set_result(message)

    async def _watch(self) -> None:
        """Kills the child if it does not get ready, or later does not answer pings."""
        while not self.ready.done():
            left = self._limits.start_timeout - self.age
            if left <= 0:
                self.kill(f"not ready within {self._limits.start_timeout:g} s")
                return
            await asyncio.wait([self.ready], timeout=left)
        limit = self._limits.ping_timeout
        patience = min(ANSWER_TIMEOUT, limit / 3) if limit else ANSWER_TIMEOUT
        missed = 0
        while not self.ended.done():
            # Counted in answers missed, not on a clock: a supervisor that was itself stopped for
            # a while must not find all of its children late.
            if await self.ask({"ping": 0}, patience) is not None:
                missed = 0
            elif self.state is State.READY:
                missed += 1
                if limit and missed * patience >= limit:
                    self.kill(f"did not answer for {limit:g} s")
                    return
            await asyncio.wait([self.ended], timeout=0 if missed else self._limits.ping_interval)


def _environment() -> dict[str, str]:
    """Ours without settings, which go over the channel, and with this very tree first on the path
    of modules, whatever the working directory."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    path = ours.get("PYTHONPATH")
    return {**ours, "PYTHONPATH": f"{_ROOT}{os.pathsep}{path}" if path else str(_ROOT)}


def _describe(code: int) -> str:
    if code < 0:
        return f"ended by {signal.Signals(-code).name}"
    return f"ended with exit code {code}"
