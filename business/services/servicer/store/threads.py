"""Threads that run functions for an event loop.

As ``concurrent.futures`` does it, whose futures, conditions and counters take as long as the
statements of a message where one commit carries few of them. Unlike those, they do not hold up the
end of the process.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NamedTuple, TypeVar

from .errors import StoreError

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
        count: how many threads; they are started when the first function comes.
        name: of the threads.
    """

    def __init__(self, count: int, name: str) -> None:
        self._count = count
        self._name = name
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._closed = False

    def run(self, function: Callable[[A], T], argument: A) -> asyncio.Future[T]:
        """Run a function, unless its result is no longer wanted when its turn comes.

        Called on the event loop, on which the result arrives.

        Raises:
            StoreError: after ``close``.
        """
        if self._closed:
            raise StoreError("the store is closed")
        if not self._threads:
            self._start()
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._jobs.put(_Job(function, argument, loop, future))
        return future

    def close(self) -> None:
        """Let the threads end when they have done what they were given. Idempotent."""
        self._closed = True
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
            if not job.future.cancelled():
                _run(job)
            del job  # not kept until the next one comes


def _run(job: _Job) -> None:
    result = error = None
    try:
        result = job.function(job.argument)
    except BaseException as raised:
        error = raised
    with suppress(RuntimeError):  # the loop was closed meanwhile
        job.loop.call_soon_threadsafe(_settle, job.future, result, error)


def _settle(future: asyncio.Future[Any], result: Any, error: BaseException | None) -> None:
    if future.done():  # nobody waits any more
        return
    if error is None:
        future.set_result(result)
    else:
        future.set_exception(error)
