"""Processes under measurement: pinning, processor time, memory (Linux, through /proc)."""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

_PR_SET_TIMERSLACK = 29
_TICK_NS = 1_000_000_000 // os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Cores:
    """Which processor core the servers run on, and which one the load generator.

    Both are None where there is only one core or pinning is not possible; the figures are then
    worth less, and the report says so.
    """

    servers: int | None
    generator: int | None

    @classmethod
    def choose(cls) -> Cores:
        """The first two cores that this process may use."""
        if not hasattr(os, "sched_setaffinity"):
            return cls(None, None)
        usable = sorted(os.sched_getaffinity(0))
        if len(usable) < 2:
            return cls(None, None)
        return cls(servers=usable[0], generator=usable[1])

    @contextlib.contextmanager
    def for_servers(self) -> Iterator[None]:
        """Processes started inside run on the servers' core, with all their later threads."""
        if self.servers is None:
            yield
            return
        before = os.sched_getaffinity(0)
        os.sched_setaffinity(0, {self.servers})
        try:
            yield
        finally:
            os.sched_setaffinity(0, before)

    def pin_generator(self) -> None:
        """Move this process to its core and let it sleep with microsecond precision."""
        if self.generator is not None:
            os.sched_setaffinity(0, {self.generator})
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_PR_SET_TIMERSLACK, 1, 0, 0, 0)


def raise_open_files_limit() -> int:
    """Raise the soft limit of open files to the hard one; returns it."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def cpu_ns(pid: int) -> int:
    """User and system time of all living threads of a process, in nanoseconds.

    From the scheduler's own count (1 ns); without it from clock ticks (usually 10 ms).

    Raises:
        FileNotFoundError: there is no such process.
    """
    total = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        try:
            total += int((task / "schedstat").read_bytes().split()[0])
        except FileNotFoundError:
            return _cpu_ticks(pid) * _TICK_NS
    return total


def _cpu_ticks(pid: int) -> int:
    # The command name, in parentheses, may contain spaces.
    values = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(values[11]) + int(values[12])


@dataclass(frozen=True, slots=True)
class Memory:
    """Memory of one process, in bytes."""

    rss: int
    pss: int


def memory(pid: int) -> Memory:
    """Resident and proportional set size of a process.

    Raises:
        FileNotFoundError: there is no such process.
    """
    sizes = {}
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]:
        name, _, value = line.partition(":")
        if name in ("Rss", "Pss"):
            sizes[name] = int(value.split()[0]) * 1024
    return Memory(rss=sizes["Rss"], pss=sizes["Pss"])


def total_memory(pids: Sequence[int]) -> Memory:
    """The sum over processes.

    Raises:
        FileNotFoundError: one of them does not exist.
    """
    sizes = [memory(pid) for pid in pids]
    return Memory(rss=sum(size.rss for size in sizes), pss=sum(size.pss for size in sizes))


class Meter:
    """Processor time of groups of processes between two moments.

    Args:
        groups: process ids by name, for example ``{"gateway": [10, 11], "business": [12]}``.
    """

    def __init__(self, groups: dict[str, Sequence[int]]) -> None:
        self._groups = groups
        self._began: dict[str, int] = {}
        self._wall = 0
        self._own = 0

    def _read(self) -> dict[str, int]:
        return {name: sum(map(cpu_ns, pids)) for name, pids in self._groups.items()}

    def begin(self) -> None:
        """Start counting."""
        self._began = self._read()
        self._own = time.process_time_ns()
        self._wall = time.perf_counter_ns()

    def end(self) -> Consumption:
        """What was used since `begin`."""
        seconds = (time.perf_counter_ns() - self._wall) / 1e9
        own = (time.process_time_ns() - self._own) / 1e9
        now = self._read()
        return Consumption(
            seconds=seconds,
            cpu={name: (now[name] - self._began[name]) / 1e9 for name in now},
            generator_cpu=own,
        )

    def wait_until_idle(self, timeout: float = 10.0) -> None:
        """Wait until the processes have finished what they are doing (below 5 % of a core)."""
        deadline = time.monotonic() + timeout
        before = self._read()
        while time.monotonic() < deadline:
            time.sleep(0.05)
            now = self._read()
            if sum(now.values()) - sum(before.values()) < 2_500_000:
                return
            before = now


@dataclass(frozen=True, slots=True)
class Consumption:
    """Processor seconds by group of processes, and of the generator, in ``seconds`` of time."""

    seconds: float
    cpu: dict[str, float]
    generator_cpu: float

    @property
    def generator_load(self) -> float:
        """Share of its core that the load generator used; near 1 it was the bottleneck."""
        return self.generator_cpu / self.seconds
