"""Runs the hooks of all services: in order for each client, and independently across clients.

One task, the leader, takes jobs from a queue and steps each hook itself. A hook that never waits
for anything costs no task and no future. A hook that waits keeps the task it runs in, and the rest
of the queue gets a new leader. So a hook is always inside a task of its own from its first
wait on: ``asyncio.timeout``, ``asyncio.current_task`` and cancellation work as everywhere else.
Each hook has a context of its own (``contextvars``).

Plain functions run in threads. Nobody can cancel those; over the time limit they count as stuck.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections import deque
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from contextvars import Context, copy_context
from typing import Any

from .hooks import Hook
from .stepping import resume, turn
from .threads import DaemonThreads

log = logging.getLogger(__name__)

BATCH = 200
"""Hooks run before the loop gets a turn: for HTTP, for links, for whatever else is waiting."""

Done = Callable[["Lane", int, bool], None]
"""Called with the job's lane, its seq, and whether the hook returned (False: it raised)."""

Job = tuple["Lane", Hook, tuple[Any, ...], Done, int]
"""Lane, hook, the hook's arguments, what to call after it, and a number for that call."""


class Lane:
    """Jobs of one lane run one after another, in the order in which they were submitted.

    Attributes:
        backlog: jobs that wait for the lane's running hook to end; None while none is waiting
            for something. Belongs to the runner.
    """

    __slots__ = ("backlog",)

    def __init__(self) -> None:
        self.backlog: deque[Job] | None = None


class _Running:
    """A hook that has not ended at once."""

    __slots__ = ("deadline", "job", "overdue", "task", "thread")

    def __init__(
        self, job: Job, deadline: float, task: asyncio.Task[Any] | None, thread: Future[Any] | None
    ) -> None:
        self.job = job
        self.deadline = deadline
        self.task = task
        self.thread = thread
        self.overdue = False


class Runner:
    """Runs hooks; to be used in one event loop.

    Args:
        hook_timeout: seconds a hook may take from its first wait on; then it is cancelled, and
            cancelled again each time as long goes by.
        threads: number of threads for plain functions.
        for_thread: makes of a hook's arguments those for a plain function, which cannot await.
        on_threads_stuck: called with a reason when half of the threads are stuck.
    """

    def __init__(
        self,
        *,
        hook_timeout: float,
        threads: int,
        for_thread: Callable[[tuple[Any, ...]], tuple[Any, ...]],
        on_threads_stuck: Callable[[str], None],
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._hook_timeout = hook_timeout
        self._threads = DaemonThreads(threads)
        self._for_thread = for_thread
        self._on_threads_stuck = on_threads_stuck
        self._pending: deque[Job] = deque()
        self._leader: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        # In the order of their deadlines, since all have the same time limit.
        self._running: dict[_Running, None] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._stuck = 0
        self._idle: asyncio.Future[None] | None = None
        self._closed = False

    @property
    def queued(self) -> int:
        """Events taken in whose hook has not begun."""
        waiting = sum(len(running.job[0].backlog or ()) for running in self._running)
        return len(self._pending) + waiting

    def submit(self, job: Job) -> None:
        """Run a job after those of its lane that were submitted before; never blocks."""
        self._pending.append(job)
        if self._leader is None:
            self._need_leader()

    async def drain(self, timeout: float) -> bool:
        """Wait until all jobs are done; whether they were within ``timeout`` seconds."""
        try:
            async with asyncio.timeout(timeout):
                while self._pending or self._running or self._leader:
                    self._idle = self._loop.create_future()
                    await self._idle
        except TimeoutError:
            return False
        return True

    async def call(self, hook: Hook, *args: Any) -> None:
        """Run a hook that belongs to no event, and wait for it; it has no time limit.

        Raises:
            Exception: what the hook raised.
        """
        if hook.is_async:
            await hook.function(*args)
        else:
            await asyncio.wrap_future(self._threads.submit(_call_plain, hook, self._adapt(args)))

    def close(self) -> None:
        """Cancel what still runs and let the threads go; idempotent. What is cut off so is not
        reported as done: whoever gave the events may give them to another process."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._pending.clear()
        for task in self._tasks:
            task.cancel()
        self._threads.shutdown(wait=False, cancel_futures=True)

    # Leading

    def _need_leader(self) -> None:
        if self._leader is None:
            task = self._loop.create_task(self._lead())
            self._leader = task
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _lead(self) -> None:
        pending = self._pending
        me = asyncio.current_task()
        assert me is not None  # noqa: S101 - for mypy
        left = BATCH
        try:
            while pending:
                job = pending.popleft()
                lane, hook, args, done, seq = job
                if lane.backlog is not None:
                    lane.backlog.append(job)
                    continue
                if not hook.is_async:
                    self._start_in_thread(job)
                    continue
                context = copy_context()
                coroutine = hook.function(*args)
                try:
                    waiting = context.run(coroutine.send, None)
                except StopIteration:
                    hook.stats.events += 1
                    done(lane, seq, True)
                except BaseException as error:
                    self._failed(job, error)
                else:
                    self._pass_on()
                    await self._see_through(job, coroutine, waiting, context)
                    return
                if me.cancelling():
                    return  # the hook cancelled its own task; that must not hit the next one
                left -= 1
                if not left:
                    left = BATCH
                    await turn()
        finally:
            if self._leader is me:
                self._pass_on()
            self._look_idle()

    def _pass_on(self) -> None:
        self._leader = None
        if self._pending:
            self._need_leader()

    async def _see_through(
        self, job: Job, coroutine: Coroutine[Any, Any, Any], waiting: Any, context: Context
    ) -> None:
        running = self._begin(job, asyncio.current_task(), None)
        error: BaseException | None = None
        try:
            await resume(coroutine, waiting, context)
        except BaseException as raised:
            error = raised
        self._end(running, error)

    # Threads

    def _adapt(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        return self._for_thread(args)

    def _start_in_thread(self, job: Job) -> None:
        context = copy_context()
        thread = self._threads.submit(context.run, _call_plain, job[1], self._adapt(job[2]))
        running = self._begin(job, None, thread)

        def ended(future: Future[Any]) -> None:
            try:
                self._loop.call_soon_threadsafe(self._thread_ended, running, future)
            except RuntimeError:
                log.debug("hook %s ended after the event loop", job[1])

        thread.add_done_callback(ended)

    def _thread_ended(self, running: _Running, future: Future[Any]) -> None:
        if running.overdue:
            self._stuck -= 1
            running.job[1].stats.stuck -= 1
        if future.cancelled():
            self._end(running, asyncio.CancelledError())
        else:
            self._end(running, future.exception())

    # Beginning and end of a hook that does not end at once

    def _begin(
        self, job: Job, task: asyncio.Task[Any] | None, thread: Future[Any] | None
    ) -> _Running:
        job[0].backlog = deque()
        running = _Running(job, self._loop.time() + self._hook_timeout, task, thread)
        self._running[running] = None
        if self._timer is None:
            self._timer = self._loop.call_at(running.deadline, self._look_overdue)
        return running

    def _end(self, running: _Running, error: BaseException | None) -> None:
        job = running.job
        lane, hook, _, done, seq = job
        del self._running[running]
        if self._closed:
            log.warning("%s of %s was cut off", hook, lane)
            return
        if error is None:
            hook.stats.events += 1
            done(lane, seq, True)
        else:
            self._failed(job, error, running.overdue)
        backlog, lane.backlog = lane.backlog, None
        if backlog:
            # Before what else is queued: that came later.
            self._pending.extendleft(reversed(backlog))
            self._need_leader()
        self._look_idle()

    def _failed(self, job: Job, error: BaseException, overdue: bool = False) -> None:
        lane, hook, _, done, seq = job
        hook.stats.events += 1
        if not (overdue and isinstance(error, asyncio.CancelledError)):
            hook.stats.errors += 1
            log.error("%s of %s raised", hook, lane, exc_info=error)
        done(lane, seq, False)

    def _look_idle(self) -> None:
        if self._idle is not None and not (self._pending or self._running):
            if not self._idle.done():
                self._idle.set_result(None)
            self._idle = None

    # The time limit

    def _look_overdue(self) -> None:
        self._timer = None
        now = self._loop.time()
        for running in list(self._running):
            if running.deadline > now:
                break
            del self._running[running]
            running.deadline = now + self._hook_timeout
            self._running[running] = None
            self._overdue(running)
        if self._running:
            deadline = next(iter(self._running)).deadline
            self._timer = self._loop.call_at(deadline, self._look_overdue)

    def _overdue(self, running: _Running) -> None:
        lane, hook, *_ = running.job
        if running.thread is not None:
            if running.overdue or not running.thread.running():
                return  # said already, or it still waits for a thread
            hook.stats.timeouts += 1
            hook.stats.stuck += 1
            self._stuck += 1
            log.error("%s of %s has not returned in time; its thread is stuck", hook, lane)
            if self._stuck * 2 >= self._threads.size:
                self._on_threads_stuck(f"{self._stuck} of {self._threads.size} threads are stuck")
        elif running.task is not None:
            if running.overdue:
                log.error("%s of %s ignores its cancellation", hook, lane)
            else:
                hook.stats.timeouts += 1
                log.error("%s of %s has not returned in time; cancelled", hook, lane)
            running.task.cancel()
        running.overdue = True


def _call_plain(hook: Hook, args: tuple[Any, ...]) -> None:
    result = hook.function(*args)
    if inspect.iscoroutine(result):
        result.close()
        raise TypeError(f"{hook} is a plain function that returns a coroutine; write async def")
