"""The command line of the start scripts: start, stop, status and the others, and all flags."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from . import control, logs, settings, settings_check, tables
from .child import EXIT_SETTINGS
from .commands import DEFAULT_LIMIT, exit_code
from .errors import KefuError, SettingsError
from .layout import ENTRIES
from .run_dir import RunDir
from .setting_names import flag
from .settings import Settings
from .supervisor import Supervisor

EXIT_NOT_RUNNING = 1

Others = Callable[[str, Sequence[str], Settings], int]
"""Runs a command that is not one of ours: gets its name, the words that follow and the settings;
returns the exit code."""

STATUS_TIMEOUT = 15.0
"""Seconds that ``status`` and ``connections`` wait for the supervisor."""

_LAST_MOMENTS = 500
"""Looks, 10 ms apart, at whether the lock of a supervisor that has stopped is free."""

COMMANDS = {
    "start": "run in the foreground (the default); with -d in the background",
    "stop": "finish what runs, tell clients to come back, end",
    "restart": "stop and start all processes with the settings as they are now",
    "reload": "",
    "status": "show the processes",
    "connections": "show the clients",
    "check-config": "see whether the settings can be used",
}

RELOAD = {
    "gateway": "read certificates and allowed origins again; nothing restarts",
    "business": "replace the processes one by one with new code and settings",
}


SHORT: Mapping[str, Mapping[str, str]] = {
    "gateway": {},
    "business": {"services": "business.services", "only": "business.only"},
}
"""Flags that stand for a longer one."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise SettingsError(message)


class Arguments:
    """A command line, taken apart.

    Raises:
        SettingsError: it has an unknown flag or command.
    """

    def __init__(self, role: str, argv: Sequence[str]) -> None:
        parser = _parser(role)
        flags = {
            "help",
            "config",
            "json",
            "limit",
            "now",
            "ready-fd",
            "owner-fd",
            *settings.leaves(),
            *SHORT[role],
        }
        for argument in argv:
            # Before argparse, which would take the value of an unknown flag for a command.
            option = argument.partition("=")[0]
            if option.startswith("--") and option.removeprefix("--") not in flags:
                raise settings.unknown(option.removeprefix("--"), "the command line")
        values = vars(parser.parse_intermixed_args(argv))
        words: list[str] = values["words"] or ["start"]
        self.command = words[0]
        self.words = words[1:]
        self.background: bool = values["background"]
        self.as_json: bool = values["json"]
        self.limit: int = values["limit"]
        self.now: bool = values["now"]
        self.config: str | None = values["config"]
        # For programs that start us. Written to when all is ready, or with the reason why not:
        self.ready_fd: int | None = values["ready_fd"]
        # Closed when the program that started us is gone, and we are to go too:
        self.owner_fd: int | None = values["owner_fd"]
        self.flags = {
            name: value[0] if isinstance(value, list) and len(value) == 1 else value
            for name, value in values.items()
            if name in settings.leaves() and value is not None
        }

    def load(self) -> Settings:
        """The settings, without the rules that only ``start`` needs to see kept."""
        return settings.load(self.config, self.flags)


def _parser(role: str) -> argparse.ArgumentParser:
    parser = _Parser(
        prog=f"start_{role}.py",
        usage="%(prog)s [command [word ...]] [-d] [--config FILE] [--json] [--setting VALUE ...]",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description="\n".join(
            f"  {name:<13} {text or RELOAD[role]}" for name, text in COMMANDS.items()
        ),
        epilog="Settings come from the file, are overridden by KEFU_... variables, and these by"
        " flags. docs/settings.md describes them.",
        allow_abbrev=False,
    )
    parser.add_argument("words", nargs="*", help="a command, and what it is to be done with")
    parser.add_argument("-d", dest="background", action="store_true", help="start: in background")
    parser.add_argument("--config", metavar="FILE", help="settings file (kefu.toml)")
    parser.add_argument("--json", action="store_true", help="status, connections: as JSON")
    parser.add_argument(
        "--limit",
        type=int,
        default=DEFAULT_LIMIT,
        help="connections: at most so many of each process",
    )
    parser.add_argument("--now", action="store_true", help="stop: end at once, finish nothing")
    for name in ("--ready-fd", "--owner-fd"):
        parser.add_argument(name, type=int, help=argparse.SUPPRESS)
    for leaf in settings.leaves().values():
        names = [flag(leaf.name)]
        names += [flag(short) for short, name in SHORT[role].items() if name == leaf.name]
        text = (leaf.field.description or "").replace("%", "%%")
        kind: dict[str, Any] = {}
        if leaf.is_bool:
            kind = {"nargs": "?", "const": "true"}
        elif leaf.is_list:
            kind = {"action": "append"}
        parser.add_argument(*names, dest=leaf.name, metavar="VALUE", help=text, **kind)
    return parser


def main(
    role: str,
    argv: Sequence[str] | None = None,
    entries: Mapping[str, str] = ENTRIES,
    others: Others | None = None,
) -> int:
    """Do what the command line says. Returns the exit code.

    Args:
        role: ``gateway`` or ``business``.
        argv: None: that of this process.
        entries: main coroutines of the children; tests have their own.
        others: runs commands that are none of ours; None: there are none.
    """
    argv = sys.argv[1:] if argv is None else argv
    arguments = None
    try:
        arguments = Arguments(role, argv)
        return _run(role, arguments, argv, entries, others)
    except KefuError as exc:
        _say(str(exc), error=True)
        _tell(arguments, {"error": str(exc), "code": exit_code(exc)})
        return exit_code(exc)


def _run(
    role: str,
    arguments: Arguments,
    argv: Sequence[str],
    entries: Mapping[str, str],
    others: Others | None,
) -> int:
    if arguments.command not in COMMANDS and others is None:
        raise SettingsError(f"{arguments.command}: there is no such command: {', '.join(COMMANDS)}")
    if arguments.command in COMMANDS and arguments.words:
        raise SettingsError(f"{arguments.words[0]}: {arguments.command} takes no more words")
    loaded = arguments.load()
    run_dir = RunDir(loaded.run_dir, role)
    command = arguments.command
    if command not in COMMANDS and others is not None:
        settings_check.check(loaded, role)
        logs.configure(f"start_{role} {command}", loaded.log.level, loaded.log.format)
        return others(command, arguments.words, loaded)
    if command == "check-config":
        settings_check.check(loaded, role)
        _say("OK")
        return 0
    if command == "restart" and not run_dir.is_running():
        command = "start"
    if command == "start":
        settings_check.check(loaded, role)
        if arguments.background and arguments.ready_fd is None:
            return _start_in_background(run_dir, argv)
        return _start(role, arguments, loaded, run_dir, entries)
    return _ask(command, arguments, run_dir)


def _start(
    role: str,
    arguments: Arguments,
    loaded: Settings,
    run_dir: RunDir,
    entries: Mapping[str, str],
) -> int:
    """Be the supervisor."""
    logs.configure(f"start_{role}", loaded.log.level, loaded.log.format)

    def load() -> Settings:
        again = arguments.load()
        settings_check.check(again, role)
        return again

    async def supervise() -> None:
        supervisor = Supervisor(role, loaded, load, run_dir, entries)
        if arguments.owner_fd is not None:
            _follow(arguments.owner_fd, supervisor)
        await supervisor.run(lambda: _tell(arguments, {"ready": True}))

    with run_dir.locked():
        asyncio.run(supervise())
    return 0


def _follow(owner_fd: int, supervisor: Supervisor) -> None:
    loop = asyncio.get_running_loop()

    def gone() -> None:
        loop.remove_reader(owner_fd)
        supervisor.end()

    os.set_inheritable(owner_fd, False)
    loop.add_reader(owner_fd, gone)


def _start_in_background(run_dir: RunDir, argv: Sequence[str]) -> int:
    """Start the same command line again, detached; return when it is ready or has failed."""
    run_dir.create()
    ours, theirs = os.pipe()
    with run_dir.log.open("ab") as log:
        process = subprocess.Popen(  # noqa: S603  # our own script
            [
                *(sys.executable, str(Path(sys.argv[0]).absolute())),
                *argv,
                *("--ready-fd", str(theirs)),
            ],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=[theirs],
            start_new_session=True,
        )
    os.close(theirs)
    with open(ours, encoding="utf-8") as pipe:  # noqa: PTH123  # a descriptor
        told = pipe.readline()
    outcome = json.loads(told) if told else {"error": f"ended at once; see {run_dir.log}"}
    if outcome.get("ready"):
        _say(f"started (pid {process.pid}); log: {run_dir.log}")
        return 0
    _say(outcome["error"], error=True)
    return process.wait() or 1


def _ask(command: str, arguments: Arguments, run_dir: RunDir) -> int:
    """Have the running supervisor do something."""
    short = command in ("status", "connections")
    try:
        answer = control.request(
            run_dir.control,
            {"command": command, "limit": arguments.limit, "now": arguments.now},
            STATUS_TIMEOUT if short else None,
        )
    except (FileNotFoundError, ConnectionError) as exc:
        if command == "stop" and not isinstance(exc, FileNotFoundError | ConnectionRefusedError):
            answer = {}  # it ended before it could say so
        else:
            _say(f"start_{run_dir.role}.py does not run in {run_dir.path}", error=True)
            return EXIT_NOT_RUNNING
    except TimeoutError:
        _say(f"start_{run_dir.role}.py does not answer", error=True)
        return 1
    if "error" in answer:
        _say(answer["error"], error=True)
        return int(answer["code"])
    if arguments.as_json and short:
        _say(json.dumps(answer, ensure_ascii=False))
    elif short:
        _say(tables.status(answer) if command == "status" else tables.connections(answer))
    else:
        if command == "stop":
            # It answers shortly before it is gone: a start right after this must find it gone.
            for _ in range(_LAST_MOMENTS):
                if not run_dir.is_running():
                    break
                time.sleep(0.01)
        _say({"stop": "stopped", "reload": "reloaded", "restart": "restarted"}[command])
    return 0


def _tell(arguments: Arguments | None, message: control.Message) -> None:
    """Tell whoever started us with ``--ready-fd`` how it went. Only the first message counts."""
    if arguments is not None and arguments.ready_fd is not None:
        with contextlib.suppress(OSError):
            os.write(arguments.ready_fd, control.encode(message))
            os.close(arguments.ready_fd)
        arguments.ready_fd = None


def _say(text: str, *, error: bool = False) -> None:
    (sys.stderr if error else sys.stdout).write(f"{text}\n")


__all__ = ["EXIT_NOT_RUNNING", "EXIT_SETTINGS", "main"]
