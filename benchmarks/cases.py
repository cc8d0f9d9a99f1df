"""The cases: what is measured, in short interleaved rounds so that a noisy moment hits everybody.

A round measures every server once, one after the other; the figures of a case are the medians over
the rounds, and ratios are taken within a round.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, ParamSpec, Protocol, TypeVar

from .generator import Fleet, GeneratorError, Sample
from .list_cases import DATABASES, lists
from .processes import Cores, Memory, total_memory
from .servers import KefuServer, Server, StockServer
from .talk_cases import answer, say

C = TypeVar("C", bound="Clients")
S = TypeVar("S", bound=Server)
T = TypeVar("T")
P = ParamSpec("P")

KEFU = "kefu"
BURST = 4
"""Broadcasts in flight in the burst case."""

_SPARE_FILES = 500


@dataclass(frozen=True, slots=True)
class Plan:
    """How much to measure."""

    rounds: int
    seconds: float  # of one measured window
    warm_up: float
    echo_sizes: Sequence[int]  # sockets
    fan_out_sizes: Sequence[int]
    connects: int
    idle_sockets: int
    idle_seconds: float
    speakers: int  # customers who talk at the same time
    history_members: int
    history_messages: int
    databases: Sequence[str] = DATABASES

    def fit(self, open_files: int, servers: int) -> Plan:
        """The same with no more sockets than this process may have open.

        Args:
            open_files: limit of open files of a process.
            servers: how many servers are measured side by side.
        """
        most = open_files - _SPARE_FILES
        side_by_side = most // servers
        return replace(
            self,
            fan_out_sizes=[min(size, side_by_side) for size in self.fan_out_sizes],
            connects=min(self.connects, side_by_side),
            idle_sockets=min(self.idle_sockets, most),
        )


FULL = Plan(
    rounds=5,
    seconds=0.7,
    warm_up=0.2,
    echo_sizes=(50, 500),
    fan_out_sizes=(500, 5000),
    connects=1500,
    idle_sockets=10000,
    idle_seconds=2.0,
    speakers=64,
    history_members=10_000,
    history_messages=1_000_000,
)
QUICK = Plan(
    rounds=2,
    seconds=0.25,
    warm_up=0.1,
    echo_sizes=(50, 500),
    fan_out_sizes=(500, 2000),
    connects=400,
    idle_sockets=2000,
    idle_seconds=0.5,
    speakers=64,
    history_members=500,
    history_messages=20_000,
)


@dataclass(slots=True)
class Row:
    """One line of the table.

    Attributes:
        values: figures by server, one per round.
        target: what the checks call this row; empty if nothing is checked.
    """

    case: str
    metric: str
    unit: str
    values: dict[str, list[float]] = field(default_factory=dict)
    target: str = ""


class Clients(Protocol):
    """Connections to a server."""

    def tend(self) -> None:
        """Answer the pings that came in meanwhile."""


class Bench:
    """Runs the cases on the servers and collects rows.

    Args:
        directory: for the settings and logs of the servers; one subdirectory per start.
        choose: names of the servers to measure: kefu, uvloop, asyncio (the stock server on them).
        say: called with a line about the progress.
    """

    def __init__(
        self,
        plan: Plan,
        cores: Cores,
        directory: Path,
        choose: Sequence[str],
        say: Callable[[str], object],
        kefu_loop: str = "auto",
    ) -> None:
        self.plan = plan
        self.rows: list[Row] = []
        self.generator_load: dict[str, float] = {}
        self.cores = cores
        self._directory = directory
        self._choose = choose
        self.say = say
        self.kefu_loop = kefu_loop
        self._starts = 0
        self._steady: list[Server] = []
        self._lasting: dict[str, Any] = {}
        self._stack = ExitStack()

    def __enter__(self) -> Bench:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._stack.close()
        self._steady.clear()
        self._lasting.clear()

    def run(self, cases: Sequence[str]) -> None:
        """Run cases by name, in the given order.

        Raises:
            ServerError: a server did not start.
            GeneratorError: a server answered wrongly.
        """
        for name in cases:
            CASES[name](self)

    # -- helpers

    def make(self, name: str) -> Server:
        """A server that is not started yet."""
        directory = self.directory(name)
        if name == KEFU:
            return KefuServer(self.cores, directory, self.kefu_loop)
        return StockServer(self.cores, directory, name)

    def directory(self, name: str) -> Path:
        """A new, empty directory for a server."""
        self._starts += 1
        directory = self._directory / f"{self._starts}-{name}"
        directory.mkdir()
        return directory

    def lasting(self, name: str, make: Callable[[ExitStack], T]) -> T:
        """What several cases use: made once, and ended with the bench."""
        if name not in self._lasting:
            self._lasting[name] = make(self._stack)
        found: T = self._lasting[name]
        return found

    @property
    def names(self) -> Sequence[str]:
        """The servers to measure."""
        return self._choose

    def steady(self) -> list[Server]:
        """The servers, started once for all cases but memory."""
        if not self._steady:
            self.say("starting servers")
            for name in self._choose:
                self._steady.append(self._stack.enter_context(self.make(name)))
        return self._steady

    @contextmanager
    def fleets(self, size: int) -> Iterator[list[tuple[Server, Fleet]]]:
        """Clients of each server, connected."""
        with ExitStack() as stack:
            pairs = []
            for server in self.steady():
                fleet = stack.enter_context(server.fleet())
                self.guard(server, fleet.connect, size)
                pairs.append((server, fleet))
                for _, waiting in pairs:
                    waiting.tend()
            yield pairs
        for server in self.steady():
            server.meter().wait_until_idle()

    def guard(self, server: Server, do: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call something; errors then say which server it was and what its log holds.

        Cyclic garbage collection would stop the generator in the middle of a window.
        """
        gc.disable()
        try:
            return do(*args, **kwargs)
        except GeneratorError as error:
            raise GeneratorError(f"{server.name}: {error}\n{server.log_tail()}") from error
        finally:
            gc.enable()

    def rounds(
        self, case: str, pairs: Sequence[tuple[S, C]], do: Callable[[S, C], Sample]
    ) -> dict[str, list[Sample]]:
        """Measure each server once per round; samples by server name."""
        self.say(case)
        samples: dict[str, list[Sample]] = {server.name: [] for server, _ in pairs}
        for _ in range(self.plan.rounds):
            for server, clients in pairs:
                sample = self.guard(server, do, server, clients)
                samples[server.name].append(sample)
                self.note_load(case, sample)
                for _, other in pairs:
                    other.tend()
        return samples

    def note_load(self, case: str, sample: Sample) -> None:
        """Remember how busy the load generator was."""
        load = sample.used.generator_load
        self.generator_load[case] = max(load, self.generator_load.get(case, 0.0))

    def add(
        self,
        case: str,
        metric: str,
        unit: str,
        samples: dict[str, list[Sample]],
        figure: Callable[[Sample], float],
        target: str = "",
    ) -> None:
        """Add a row of one figure of the samples."""
        values = {name: [figure(sample) for sample in taken] for name, taken in samples.items()}
        self.rows.append(Row(case, metric, unit, values, target))

    def add_cpu(
        self, case: str, per: str, samples: dict[str, list[Sample]], target: str = ""
    ) -> None:
        """Add the rows of processor time per operation: all, and kefu's two halves."""
        self.add(case, f"CPU per {per}", "us", samples, Sample.cpu_us, target)
        if KEFU in samples:
            halves = {KEFU: samples[KEFU]}
            self.add(case, "  of it gateway", "us", halves, lambda s: s.cpu_us("gateway"))
            self.add(case, "  of it business", "us", halves, lambda s: s.cpu_us("business"))


def echo(bench: Bench) -> None:
    """Texts through gateway and business and back, one in flight per socket."""
    plan = bench.plan
    for size in plan.echo_sizes:
        case = f"echo, {size} sockets"
        with bench.fleets(size) as pairs:
            samples = bench.rounds(
                case, pairs, lambda s, f: f.echo(s.meter(), plan.seconds, plan.warm_up)
            )
        bench.add_cpu(case, "echo", samples, target=f"echo {size}")
        bench.add(case, "echoes", "/s", samples, lambda s: s.rate)
        bench.add(case, "latency p50", "us", samples, lambda s: s.latency_us(0.5))
        bench.add(case, "latency p99", "us", samples, lambda s: s.latency_us(0.99))


def latency(bench: Bench) -> None:
    """One socket, one text at a time, nothing else going on."""
    plan = bench.plan
    case = "lone echo, 1 socket"
    with bench.fleets(1) as pairs:
        samples = bench.rounds(
            case, pairs, lambda s, f: f.lone_echo(s.meter(), plan.seconds, plan.warm_up)
        )
    bench.add(case, "latency p50", "us", samples, lambda s: s.latency_us(0.5))
    bench.add(case, "latency p99", "us", samples, lambda s: s.latency_us(0.99))


def fanout(bench: Bench) -> None:
    """Broadcasts to all sockets: one at a time, and several in flight."""
    plan = bench.plan
    for size in plan.fan_out_sizes:
        with bench.fleets(size) as pairs:
            for label, in_flight in (("lone", 1), ("bursts", BURST)):
                case = f"fan-out {label}, {size:,} sockets"
                samples = bench.rounds(case, pairs, partial(_broadcast, plan, in_flight))
                bench.add_cpu(case, "delivery", samples, target=f"fan-out {label} {size}")
                bench.add(case, "deliveries", "/s", samples, lambda s: s.rate)
                bench.add(case, "to the last, p50", "us", samples, lambda s: s.latency_us(0.5))


def _broadcast(plan: Plan, in_flight: int, server: Server, fleet: Fleet) -> Sample:
    return fleet.broadcast(server.meter(), in_flight, plan.seconds, plan.warm_up)


def connect(bench: Bench) -> None:
    """Connection set-up until ``init`` has come, with the hop through on_connect."""
    plan = bench.plan
    case = "connection set-up"

    def measure(server: Server, fleet: Fleet) -> Sample:
        with server.fleet() as clients:
            sample = clients.connect(plan.connects, server.meter())
        server.meter().wait_until_idle()
        return sample

    with bench.fleets(1) as pairs:
        samples = bench.rounds(case, pairs, measure)
    bench.add_cpu(case, "connect", samples)
    bench.add(case, "connects", "/s", samples, lambda s: s.rate, target="connect")


def idle(bench: Bench) -> None:
    """Memory per idle socket, plain and with uid, group and session; processor time when idle."""
    count = bench.plan.idle_sockets
    title = f"idle, {count:,} sockets"
    rows: dict[str, Row] = {}

    def add(metric: str, unit: str, server: Server, value: float, target: str = "") -> None:
        row = rows.setdefault(metric, Row(title, metric, unit, {}, target))
        row.values.setdefault(server.name, []).append(value)

    for name in bench.names:
        with bench.make(name) as server, server.fleet() as fleet:
            bench.say(f"{title}, {server.name}")
            # The first connections also pay for what a process needs once.
            bench.guard(server, fleet.connect, 100)
            bench.guard(server, fleet.exchange_once, "U")
            first = _settled(server)
            bench.guard(server, fleet.connect, count)
            plain = _settled(server)
            used = bench.guard(server, fleet.idle, server.meter(), bench.plan.idle_seconds)
            bench.guard(server, fleet.exchange_once, "U")
            bound = _settled(server)
            main, *others = server.groups  # the process that holds the sockets comes first
            for label, now in (("plain", plain), ("uid, group, session", bound)):
                rss = (now[main].rss - first[main].rss) / count
                pss = (now[main].pss - first[main].pss) / count
                add(f"{label}: RSS per socket", "B", server, rss, f"memory {label}")
                add(f"{label}: PSS per socket", "B", server, pss)
                for group in others:
                    rss = (now[group].rss - first[group].rss) / count
                    add(f"{label}: {group} RSS", "B", server, rss)
            add("CPU", "% of a core", server, sum(used.cpu.values()) / used.seconds * 100)
    bench.rows.extend(rows.values())


def _settled(server: Server) -> dict[str, Memory]:
    """Memory of the server's processes by group, once they are idle."""
    server.meter().wait_until_idle()
    return {group: total_memory(pids) for group, pids in server.groups.items()}


CASES: dict[str, Callable[[Bench], None]] = {
    "echo": echo,
    "latency": latency,
    "fanout": fanout,
    "connect": connect,
    "memory": idle,
    "say": say,
    "answer": answer,
    "lists": lists,
}
