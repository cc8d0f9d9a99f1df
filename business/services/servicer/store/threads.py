"""Threads that run functions for an event loop.

As ``concurrent.futures`` does it, whose futures, conditions and counters take as long as the
statements of a message where one commit carries few of them.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NamedTuple, TypeVar

A = TypeVar("A")
T = TypeVar("T")


class _Job(NamedTuple):
    function: Callable[[Any], Any]
    argument: Any
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[Any]


class Threads:
    """Run functions in the order in which they are given.

    Args:
        count: how many threads; each is started when the first function comes.
        name: of the threads.
    """

    def __init__(self, count: int, name: str) -> None:
        self._count = count
        self._name = name
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []

    def run(self, function: Callable[[A], T], argument: A) -> asyncio.Future[T]:
        """Run a function; called on the event loop, on which its result arrives."""
        if not self._threads:
            self._start()
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._jobs.put(_Job(function, argument, loop, future))
        return future

    def close(self) -> None:
        """Let the threads end when they have done what they were given. Idempotent."""
        for _ in self._threads:
            self._jobs.put(None)
        self._threads.clear()

    def _start(self) -> None:
        for index in range(self._count):
            # Daemons: a process that ends without close() must not wait for them.
            thread = threading.Thread(target=self._work, name=f"{self._name}-{index}", daemon=True)
            thread.start()
            self._threads.append(thread)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            result = error = None
            try:
                result = job.function(job.argument)
            except BaseException as raised:
                error = raised
            with suppress(RuntimeError):  # the loop was closed meanwhile
                job.loop.call_soon_threadsafe(_settle, job.future, result, error)
            del job, result, error  # not kept until the next one comes


def _settle(future: asyncio.Future[Any], result: Any, error: BaseException | None) -> None:
    if future.done():  # nobody waits any more
        return
    if error is None:
        future.set_result(result)
    else:
        future.set_exception(error)
