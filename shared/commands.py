"""The supervisor's end of the control socket in run_dir: one command per connection.

A line ``{"command": name, ...}`` comes in; a line goes out: ``{"error": text, "code": exit code}``,
or what the command returns.
"""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, Any

from . import control
from .child import EXIT_SETTINGS
from .errors import KefuError, SettingsError
from .process import State

if TYPE_CHECKING:
    from .run_dir import RunDir
    from .supervisor import Supervisor

DEFAULT_LIMIT = 1000
"""Connections listed per process."""

LAST_ANSWERS = 1.0
"""Seconds that commands have at the end to answer what became of them."""


class CommandServer:
    """Answers the commands of the start scripts.

    Args:
        supervisor: what they are about.
        run_dir: where the socket is made.
    """

    def __init__(self, supervisor: Supervisor, run_dir: RunDir) -> None:
        self._supervisor = supervisor
        self._run_dir = run_dir
        self._stopping: list[control.Channel] = []
        self._server: asyncio.Server | None = None
        self._answering: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Listen."""
        sock = control.listen(self._run_dir.control)
        self._server = await asyncio.start_unix_server(self._serve, sock=sock)

    async def close(self) -> None:
        """Tell those who wait for the stop that it is done, and listen no more.

        A command may be the reason for the end, a ``restart`` that failed: it is answered first.
        """
        if self._answering:
            await asyncio.wait(self._answering, timeout=LAST_ANSWERS)
        for channel in self._stopping:
            channel.send({"stopped": True})
            await channel.flush()
            channel.close()
        if self._server is not None:
            self._server.close()
        self._run_dir.control.unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        channel = control.Channel(reader, writer)
        message = await channel.receive() or {}
        if message.get("command") == "stop":
            self._stopping.append(channel)
            self._supervisor.end(now=bool(message.get("now")))
            return
        # A task of its own: who asks may go away, what it asked for goes on.
        task = asyncio.create_task(self._answer(channel, message))
        self._answering.add(task)
        task.add_done_callback(self._answering.discard)

    async def _answer(self, channel: control.Channel, message: control.Message) -> None:
        channel.send(await self._execute(message))
        await channel.flush()
        channel.close()

    async def _execute(self, message: control.Message) -> control.Message:
        command = message.get("command")
        try:
            if command == "status":
                return await status(self._supervisor)
            if command == "connections":
                return await connections(self._supervisor, message.get("limit", DEFAULT_LIMIT))
            if command == "reload":
                await self._supervisor.reload()
                return {}
            if command == "restart":
                await self._supervisor.restart()
                return {}
        except KefuError as exc:
            return {"error": str(exc), "code": 1 if command == "reload" else exit_code(exc)}
        return {"error": f"unknown command {command!r}", "code": 1}


async def status(supervisor: Supervisor) -> control.Message:
    """What ``status --json`` prints: ``{"processes": [...], "supervisor": {...}}``."""
    restarts = {slot.process: slot.restarts for slot in supervisor.slots}
    order = {slot.plan.name: i for i, slot in enumerate(supervisor.slots)}
    processes = sorted(
        supervisor.processes, key=lambda p: (order.get(p.plan.name, len(order)), p.pid)
    )
    rows = await asyncio.gather(*(process.status() for process in processes))
    for process, row in zip(processes, rows, strict=True):
        row["restarts"] = restarts.get(process, 0)
    return {
        "processes": rows,
        "supervisor": {
            "role": supervisor.layout.role,
            "pid": os.getpid(),
            "uptime": round(supervisor.age, 1),
            "addresses": supervisor.layout.addresses,
        },
    }


async def connections(supervisor: Supervisor, limit: int) -> control.Message:
    """What ``connections --json`` prints: ``{"connections": [...]}``.

    Args:
        limit: at most so many of each process.
    """
    processes = [slot.process for slot in supervisor.slots if slot.process.state is State.READY]
    question: dict[str, Any] = {"connections": 0, "limit": limit}
    answers = await asyncio.gather(*(process.ask(question) for process in processes))
    rows = [
        {**row, "process": process.plan.name}
        for process, answer in zip(processes, answers, strict=True)
        for row in (answer or {}).get("rows", [])
    ]
    return {"connections": rows}


def exit_code(error: KefuError) -> int:
    """Exit code of a start script that ends with this error."""
    permanent = isinstance(error, SettingsError) or getattr(error, "permanent", False)
    return EXIT_SETTINGS if permanent else 1
