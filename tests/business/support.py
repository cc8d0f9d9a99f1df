"""Services that tests write themselves, and the file in which their hooks leave notes."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path
from typing import Any

from tests.support.stack import Stack
from tests.support.timing import SECOND, TIMEOUT

_PRELUDE = """\
import asyncio, json, os, threading, time
from pathlib import Path

NOTES = {notes!r}

def note(what, **more):
    # One write of one line: lines of several processes do not mix.
    line = json.dumps({{"what": what, "pid": os.getpid(), **more}}) + "\\n"
    with open(NOTES, "ab", buffering=0) as file:
        file.write(line.encode())

"""


class Bench:
    """A directory with services, and the notes of their hooks.

    Args:
        directory: ``tmp_path`` of the test.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.services = directory / "services"
        self.services.mkdir()
        self._notes = directory / "notes.jsonl"

    def write(self, name: str, events: str, **files: str) -> Path:
        """Write a service; its ``events`` may call ``note(what, **more)``."""
        path = self.services / name
        path.mkdir(exist_ok=True)
        prelude = _PRELUDE.format(notes=str(self._notes))
        (path / "events.py").write_text(prelude + textwrap.dedent(events), encoding="utf-8")
        for stem, text in files.items():
            (path / f"{stem}.py").write_text(prelude + textwrap.dedent(text), encoding="utf-8")
        return path

    def notes(self, what: str | None = None) -> list[dict[str, Any]]:
        """What the hooks have noted so far, in order; only of one kind, if it is named."""
        if not self._notes.exists():
            return []
        notes = [json.loads(line) for line in self._notes.read_text("utf-8").splitlines()]
        return [note for note in notes if what in (None, note["what"])]

    def stack(self, *, workers: int = 1, gateways: int = 1, **settings: Any) -> Stack:
        """A stack that runs these services; settings with ``__`` for the dots.

        The only service is the default one, so that ``ws_url`` leads to it.
        """
        names = sorted(path.name for path in self.services.iterdir() if path.is_dir())
        return Stack(
            self.directory,
            services=[self.services],
            gateways=gateways,
            workers=workers,
            settings={
                "business.only": names,
                "gateway.default_service": names[0],
                "inner.heartbeat_interval": 0.5,
                "inner.heartbeat_timeout": 2 * SECOND,
                "gateway.worker_wait": TIMEOUT,
                **{name.replace("__", "."): value for name, value in settings.items()},
            },
        )
