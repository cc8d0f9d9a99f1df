"""The runner keeps order inside a lane, lets lanes be independent, and contains every failure."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import threading
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import pytest_asyncio

from business.hooks import Hook, HookStats
from business.runner import BATCH, Lane, Runner
from tests.support.timing import eventually

SOON = 5.0
"""Seconds within which what must happen has happened, on a busy machine too."""


class Bench:
    """A runner, and what it reported: (lane, seq, ok) of each job that is done, in order."""

    def __init__(self, hook_timeout: float = 30.0, threads: int = 4) -> None:
        self.stats = HookStats()
        self.done: list[tuple[Lane, int, bool]] = []
        self.stuck: list[str] = []
        self.told_stuck = asyncio.Event()
        self.runner = Runner(
            hook_timeout=hook_timeout,
            threads=threads,
            for_thread=lambda args: args,
            on_threads_stuck=self._tell_stuck,
        )
        self._seq = 0

    def submit(self, function: Callable[..., Any], *args: Any, lane: Lane | None = None) -> int:
        self._seq += 1
        hook = Hook("test", "on_message", function, self.stats)
        self.runner.submit((lane or Lane(), hook, args, self._done, self._seq))
        return self._seq

    def _tell_stuck(self, reason: str) -> None:
        self.stuck.append(reason)
        self.told_stuck.set()

    def _done(self, lane: Lane, seq: int, ok: bool) -> None:
        self.done.append((lane, seq, ok))

    @property
    def seqs(self) -> list[int]:
        return [seq for _, seq, _ in self.done]

    @property
    def oks(self) -> dict[int, bool]:
        return {seq: ok for _, seq, ok in self.done}

    async def drain(self) -> None:
        assert await self.runner.drain(SOON)


@pytest_asyncio.fixture
async def bench() -> AsyncIterator[Bench]:
    made = Bench()
    yield made
    made.runner.close()


async def nothing() -> None:
    """A hook that does not wait."""


async def test_hooks_that_do_not_wait_run_in_one_task(bench: Bench) -> None:
    tasks = set()

    async def hook() -> None:
        tasks.add(asyncio.current_task())

    for _ in range(BATCH):
        bench.submit(hook)
    await bench.drain()
    assert len(tasks) == 1
    assert bench.seqs == list(range(1, BATCH + 1))
    assert bench.stats.events == BATCH


async def test_nothing_runs_inside_submit(bench: Bench) -> None:
    ran = []

    async def hook() -> None:
        ran.append(1)

    bench.submit(hook)
    assert not ran
    await bench.drain()
    assert ran


async def test_a_waiting_hook_holds_up_its_own_lane_only(bench: Bench) -> None:
    gate = asyncio.Event()
    slow, other = Lane(), Lane()
    order: list[str] = []

    async def wait() -> None:
        order.append("begin")
        await gate.wait()
        order.append("end")

    async def note(text: str) -> None:
        order.append(text)
        if text == "other 2":
            gate.set()

    bench.submit(wait, lane=slow)
    bench.submit(note, "slow 1", lane=slow)
    bench.submit(note, "other 1", lane=other)
    bench.submit(note, "slow 2", lane=slow)
    bench.submit(note, "other 2", lane=other)
    await bench.drain()
    assert order == ["begin", "other 1", "other 2", "end", "slow 1", "slow 2"]


async def test_each_lane_is_in_order_whatever_its_hooks_wait_for(bench: Bench) -> None:
    seen: dict[Lane, list[int]] = {}

    async def hook(lane: Lane, number: int) -> None:
        for _ in range(hash((id(lane), number)) % 4):
            await asyncio.sleep(0)
        seen.setdefault(lane, []).append(number)

    def plain(lane: Lane, number: int) -> None:
        seen.setdefault(lane, []).append(number)

    lanes = [Lane() for _ in range(20)]
    for number in range(60):
        for lane in lanes:
            bench.submit(plain if number % 7 == 0 else hook, lane, number, lane=lane)
        if number % 10 == 0:
            await asyncio.sleep(0)
    await bench.drain()
    assert all(seen[lane] == list(range(60)) for lane in lanes)
    assert len(bench.done) == 20 * 60


async def test_a_hook_that_raises_is_logged_and_counted_and_the_next_one_runs(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    lane = Lane()

    async def at_once() -> None:
        raise ValueError("at once")

    async def later() -> None:
        await asyncio.sleep(0)
        raise ValueError("later")

    bad = [bench.submit(at_once, lane=lane), bench.submit(later, lane=lane)]
    good = bench.submit(nothing, lane=lane)
    await bench.drain()
    assert bench.oks == {bad[0]: False, bad[1]: False, good: True}
    assert bench.stats.errors == 2
    assert bench.stats.events == 3
    assert "at once" in caplog.text
    assert "Traceback" in caplog.text


@pytest.mark.parametrize(
    "error", [asyncio.CancelledError, SystemExit, GeneratorExit, KeyboardInterrupt]
)
async def test_no_exception_of_a_hook_ends_the_runner(
    bench: Bench, error: type[BaseException]
) -> None:
    async def at_once() -> None:
        raise error

    async def later() -> None:
        await asyncio.sleep(0)
        raise error

    bench.submit(at_once)
    bench.submit(later)
    good = bench.submit(nothing)
    await bench.drain()
    assert bench.oks[good]
    assert bench.stats.errors == 2


async def test_timeouts_and_groups_of_tasks_work_inside_hooks(bench: Bench) -> None:
    results: list[Any] = []

    async def number(value: int) -> int:
        await asyncio.sleep(0)
        return value

    async def hook() -> None:
        try:
            async with asyncio.timeout(0.001):
                await asyncio.Event().wait()
        except TimeoutError:
            results.append("timeout")
        results.append(await asyncio.gather(number(1), number(2)))
        async with asyncio.TaskGroup() as group:
            task = group.create_task(number(3))
        results.append(task.result())
        results.append(await asyncio.wait_for(number(4), 1))
        results.append(await asyncio.to_thread(lambda: 5))

    lane = Lane()
    bench.submit(hook, lane=lane)
    bench.submit(hook, lane=lane)
    await bench.drain()
    assert results == ["timeout", [1, 2], 3, 4, 5] * 2
    assert bench.stats.errors == 0


async def test_a_hook_that_cancels_its_own_task_hurts_nobody_else(bench: Bench) -> None:
    async def suicidal() -> None:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()

    async def wait() -> None:
        await asyncio.sleep(0)

    bench.submit(suicidal)
    innocent = [bench.submit(wait), bench.submit(nothing)]
    await bench.drain()
    assert all(bench.oks[seq] for seq in innocent)


async def test_context_variables_of_one_hook_do_not_leak_into_the_next(bench: Bench) -> None:
    variable = contextvars.ContextVar("variable", default="unset")
    seen = []

    async def hook(waits: bool) -> None:
        seen.append(variable.get())
        token = variable.set("mine")
        if waits:
            await asyncio.sleep(0)
        seen.append(variable.get())
        variable.reset(token)
        variable.set("left behind")

    def plain() -> None:
        seen.append(variable.get())
        variable.set("left behind")

    lane = Lane()
    bench.submit(hook, False, lane=lane)
    bench.submit(hook, True, lane=lane)
    bench.submit(plain, lane=lane)
    bench.submit(hook, False, lane=lane)
    await bench.drain()
    assert seen == ["unset", "mine", "unset", "mine", "unset", "unset", "mine"]


async def test_a_long_queue_lets_the_loop_do_other_things_in_between(bench: Bench) -> None:
    turns = 0
    finished = False

    def turn() -> None:
        nonlocal turns
        turns += 1
        if not finished:
            asyncio.get_running_loop().call_soon(turn)

    for _ in range(BATCH * 10):
        bench.submit(nothing)
    turn()
    await bench.drain()
    finished = True
    assert turns >= 10


class TestTimeLimit:
    """An async hook over its time is cancelled; a plain one is stuck."""

    async def test_an_overdue_hook_is_cancelled_and_counted(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        bench = Bench(hook_timeout=0.02)
        cleaned_up = asyncio.Event()
        lane = Lane()

        async def forever() -> None:
            try:
                await asyncio.Event().wait()
            finally:
                cleaned_up.set()

        late = bench.submit(forever, lane=lane)
        next_one = bench.submit(nothing, lane=lane)
        await bench.drain()
        assert cleaned_up.is_set()
        assert bench.done == [(lane, late, False), (lane, next_one, True)]
        assert (bench.stats.timeouts, bench.stats.errors) == (1, 0)
        assert "has not returned in time" in caplog.text
        bench.runner.close()

    async def test_each_hook_has_its_own_time(self) -> None:
        bench = Bench(hook_timeout=0.5)

        async def forever() -> None:
            await asyncio.Event().wait()

        async def quick() -> None:
            await asyncio.sleep(0.05)

        lane = Lane()
        late = [bench.submit(forever) for _ in range(3)]
        quick_ones = [bench.submit(quick, lane=lane) for _ in range(15)]  # 0.75 s together
        await bench.drain()
        assert not any(bench.oks[seq] for seq in late)
        assert all(bench.oks[seq] for seq in quick_ones)
        assert bench.stats.timeouts == 3
        bench.runner.close()

    async def test_a_hook_that_ignores_its_cancellation_is_cancelled_again(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        bench = Bench(hook_timeout=0.02)
        cancelled: list[int] = []

        async def stubborn() -> None:
            while len(cancelled) < 3:
                try:
                    await asyncio.Event().wait()
                except asyncio.CancelledError:
                    cancelled.append(1)

        bench.submit(stubborn)
        await bench.drain()
        assert len(cancelled) == 3
        assert bench.stats.timeouts == 1
        assert "ignores its cancellation" in caplog.text
        bench.runner.close()

    async def test_half_the_threads_stuck_asks_for_a_replacement(self) -> None:
        bench = Bench(hook_timeout=0.05, threads=4)
        gate = threading.Event()
        lane = Lane()
        blocked = [
            bench.submit(lambda: gate.wait(SOON), lane=lane),
            bench.submit(lambda: gate.wait(SOON)),
        ]
        behind = bench.submit(nothing, lane=lane)
        free = bench.submit(lambda: None)
        async with asyncio.timeout(SOON):
            await bench.told_stuck.wait()
        await eventually(lambda: bench.seqs)  # its thread may have come late
        assert bench.seqs == [free]
        assert (bench.stats.stuck, bench.stats.timeouts) == (2, 2)
        assert len(bench.stuck) == 1
        assert bench.runner.queued == 1
        gate.set()
        await bench.drain()
        assert bench.stats.stuck == 0
        assert bench.seqs.index(behind) > bench.seqs.index(blocked[0])
        bench.runner.close()

    async def test_waiting_for_a_thread_is_not_being_stuck(self) -> None:
        bench = Bench(hook_timeout=0.05, threads=1)
        gate = threading.Event()
        bench.submit(lambda: gate.wait(SOON))
        bench.submit(lambda: None)
        async with asyncio.timeout(SOON):
            await bench.told_stuck.wait()
        assert bench.stats.stuck == 1
        gate.set()
        await bench.drain()
        assert bench.stats.timeouts == 1
        bench.runner.close()


class TestPlainFunctions:
    """They run in threads, in their lane's order."""

    async def test_they_run_in_threads_at_the_same_time(self, bench: Bench) -> None:
        barrier = threading.Barrier(3, timeout=SOON)
        for _ in range(3):
            bench.submit(barrier.wait)
        await bench.drain()
        assert bench.stats.errors == 0

    async def test_one_that_raises_is_counted(
        self, bench: Bench, caplog: pytest.LogCaptureFixture
    ) -> None:
        def bad() -> None:
            raise ValueError("in a thread")

        seq = bench.submit(bad)
        await bench.drain()
        assert bench.oks == {seq: False}
        assert bench.stats.errors == 1
        assert "in a thread" in caplog.text

    async def test_one_that_returns_a_coroutine_is_an_error_that_says_so(
        self, bench: Bench, caplog: pytest.LogCaptureFixture
    ) -> None:
        bench.submit(lambda: nothing())
        await bench.drain()
        assert bench.stats.errors == 1
        assert "write async def" in caplog.text

    async def test_call_runs_both_kinds_and_raises_what_they_raise(self, bench: Bench) -> None:
        def plain(value: int) -> None:
            raise ValueError(value)

        async def waits(value: int) -> None:
            raise ValueError(value)

        for function in (plain, waits):
            hook = Hook("test", "on_worker_start", function, bench.stats)
            with pytest.raises(ValueError, match="7"):
                await bench.runner.call(hook, 7)


class TestEnd:
    """Draining waits for everything; closing cuts it off."""

    async def test_draining_gives_up_in_time(self, bench: Bench) -> None:
        gate = asyncio.Event()
        bench.submit(gate.wait)
        assert not await bench.runner.drain(0.01)
        gate.set()
        assert await bench.runner.drain(SOON)

    async def test_closing_cancels_what_runs_and_reports_nothing(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        bench = Bench()
        begun, ended = asyncio.Event(), asyncio.Event()
        lane = Lane()

        async def hook() -> None:
            begun.set()
            try:
                await asyncio.Event().wait()
            finally:
                ended.set()

        bench.submit(hook, lane=lane)
        bench.submit(hook, lane=lane)
        await begun.wait()
        with caplog.at_level(logging.WARNING):
            bench.runner.close()
            async with asyncio.timeout(SOON):
                await ended.wait()
            await asyncio.sleep(0)
        assert bench.done == []
        assert "was cut off" in caplog.text
