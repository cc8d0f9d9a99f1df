"""How long the lists of the customer service take where very much has been said."""

from __future__ import annotations

import asyncio
import itertools
import random
import select
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support.databases import Missing, PostgreSQL

from .desk import SCRIPT, SITE, DeskServer
from .generator import STALL_TIMEOUT, GeneratorError, Sample, Window
from .history import History, fill
from .lines import Line, LineError, get
from .processes import Cores, Meter
from .servers import ROOT, ServerError

if TYPE_CHECKING:
    from .cases import Bench

DATABASES = ("SQLite", "PostgreSQL")

TARGET_MESSAGES = 1_000_000
"""Fewer say nothing about the target."""

MIGRATION_TIMEOUT = 60
DISTINCT = 400
"""Different requests of a list, in turn."""


class HistoryServer(DeskServer):
    """kefu over a database with a long history.

    Args:
        name: of the column.
        history: what is in it.
    """

    def __init__(
        self,
        name: str,
        cores: Cores,
        directory: Path,
        loop: str,
        database: str,
        history: History,
    ) -> None:
        super().__init__(cores, directory, loop, database)
        self.name = name
        self.history = history

    def prepare(self, config: Path) -> None:
        done = subprocess.run(
            [sys.executable, str(ROOT / "start_business.py"), "migrate", "--config", str(config)],
            cwd=self.directory,
            capture_output=True,
            text=True,
            timeout=MIGRATION_TIMEOUT,
            check=False,
        )
        if done.returncode != 0:
            raise ServerError(f"migrate failed: {done.stdout}{done.stderr}")
        fill(self.database, self.history)

    def requests(self) -> dict[str, list[bytes]]:
        """Requests of each list, most of them of first pages, some of pages far behind."""
        cookies = self.log_in("alice")
        history, draw = self.history, random.Random(4)
        lengths = history.members_of(SITE)
        members = list(lengths)
        talkative = members[: max(1, len(members) // 100)]
        tokens: dict[int, str] = {}

        def page(rows: int, size: int) -> int:
            return 1 if draw.random() < 0.7 else draw.randint(1, -(-rows // size))

        def whom() -> int:
            return draw.choice(talkative if draw.random() < 0.5 else members)

        def agents(action: str, **params: object) -> bytes:
            path = f"/servicer/servicer/index/{action}"
            return get(self.http_address, path, params, Cookie=cookies, **SCRIPT)

        def conversation() -> dict[str, int]:
            member_id = whom()
            return {"member_id": member_id, "page": page(lengths[member_id], 15), "limit": 15}

        def customers(**params: int) -> bytes:
            member_id = params["member_id"]
            token = tokens.setdefault(member_id, self.token(member_id))
            form = {**params, "token": token, "site_id": SITE}
            return get(self.http_address, "/servicer/api/chat/dialogs", form)

        return {
            "memberList": [
                agents("memberList", page=page(len(members), 100)) for _ in range(DISTINCT)
            ],
            "memberList, by name": [
                agents("memberList", member_name=str(whom())[2:]) for _ in range(DISTINCT)
            ],
            "dialogs (agent)": [agents("dialogs", **conversation()) for _ in range(DISTINCT)],
            "dialogs (customer)": [customers(**conversation()) for _ in range(DISTINCT)],
        }


class Asker:
    """Asks for lists, one after another.

    Args:
        line: over which.
        requests: in turn.
    """

    def __init__(self, line: Line, requests: Sequence[bytes]) -> None:
        self._line = line
        self._requests = itertools.cycle(requests)
        self._poll = select.poll()
        self._poll.register(line.fd, select.POLLIN)

    def tend(self) -> None:
        """HTTP has no pings."""

    def run(self, meter: Meter, seconds: float, warm_up: float) -> Sample:
        """Ask for ``seconds``.

        Raises:
            GeneratorError: an answer is no success, or has no rows.
        """
        window = Window(meter, warm_up, seconds)
        latencies: list[int] = []
        first = 0
        try:
            while window.used is None:
                begin = time.perf_counter_ns()
                self._line.send(next(self._requests))
                body = None
                while body is None:
                    if not self._poll.poll(STALL_TIMEOUT * 1000):
                        raise GeneratorError(f"no answer within {STALL_TIMEOUT:g} s")
                    body = self._line.receive()
                latencies.append(time.perf_counter_ns() - begin)
                if b'"code":0' not in body[:20] or b'"list":[{' not in body:
                    raise GeneratorError(f"not a list: {body[:300]!r}")
                if window.passed(time.perf_counter_ns()):
                    first = first if window.measuring else len(latencies)
                    window.next()
        except (LineError, OSError) as error:
            raise GeneratorError(str(error)) from error
        return Sample(len(latencies) - first, window.used, sorted(latencies[first:]))


def lists(bench: Bench) -> None:
    """``memberList`` and ``dialogs`` over HTTP, one request at a time."""
    plan = bench.plan
    history = History(plan.history_members, plan.history_messages)
    with ExitStack() as stack:
        servers = []
        for name, url in databases(bench, stack):
            began = time.monotonic()
            directory = bench.directory(name)
            server = HistoryServer(name, bench.cores, directory, bench.kefu_loop, url, history)
            stack.enter_context(server)
            bench.say(f"{name}: filled and started in {time.monotonic() - began:.0f} s")
            servers.append(server)
        asked = [(server, server.requests()) for server in servers]
        for title in asked[0][1]:
            case = f"{title}, {history.messages:,} messages of {history.members:,} members"
            pairs = []
            for server, requests in asked:
                line = Line(server.http_address)
                stack.callback(line.close)
                pairs.append((server, Asker(line, requests[title])))
            samples = bench.rounds(
                case, pairs, lambda s, a: a.run(s.meter(), plan.seconds, plan.warm_up)
            )
            target = f"list {title}" if history.messages >= TARGET_MESSAGES else ""
            bench.add(case, "p50", "ms", samples, lambda s: s.latency_us(0.5) / 1e3)
            bench.add(case, "p99", "ms", samples, lambda s: s.latency_us(0.99) / 1e3, target)
            bench.add(case, "CPU per request", "us", samples, Sample.cpu_us)


def databases(bench: Bench, stack: ExitStack) -> Iterator[tuple[str, str]]:
    """Name and URL of an empty database of each kind that is wanted and is here."""
    if "SQLite" in bench.plan.databases:
        yield "SQLite", ""
    if "PostgreSQL" not in bench.plan.databases:
        return
    try:
        installation = PostgreSQL()
        stack.callback(installation.close)
        installation.prepare()
    except Missing as error:
        bench.say(f"PostgreSQL is left out: {error}")
        return
    with bench.cores.for_servers():
        server = installation.start()
    stack.callback(server.stop)
    yield "PostgreSQL", asyncio.run(server.create("bench"))
