"""Threads for plain functions, daemon ones: a stuck function must not keep the process alive.

The standard library's pool joins its threads when the interpreter exits, so that one function that
never returns would hold up every stop and reload until the supervisor kills the process.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

_Work = tuple[Future[Any], Callable[[], Any]]


class DaemonThreads(Executor):
    """An executor of at most ``size`` threads, started when needed. Its queue is not bounded: what
    submits to it is (a worker holds at most one window of events per gateway).

    Args:
        size: number of threads, at least 1.
        name: prefix of the threads' names.
    """

    def __init__(self, size: int, name: str = "hook") -> None:
        self.size = size
        self._name = name
        self._queue: queue.SimpleQueue[_Work | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._started = 0
        self._idle = 0
        self._closed = False

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Run ``fn`` in a thread.

        Raises:
            RuntimeError: after ``shutdown``.
        """
        future: Future[T] = Future()
        with self._lock:
            if self._closed:
                raise RuntimeError("the threads have been shut down")
            self._queue.put((future, lambda: fn(*args, **kwargs)))
            if self._idle:
                self._idle -= 1
            elif self._started < self.size:
                self._started += 1
                name = f"{self._name}-{self._started}"
                threading.Thread(target=self._run, name=name, daemon=True).start()
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Let the threads end after the work that is queued; never waits, whatever ``wait`` is."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            if cancel_futures:
                while not self._queue.empty():
                    work = self._queue.get()
                    if work is not None:
                        work[0].cancel()
            for _ in range(self._started):
                self._queue.put(None)

    def _run(self) -> None:
        while (work := self._queue.get()) is not None:
            future, call = work
            if future.set_running_or_notify_cancel():
                try:
                    result = call()
                except BaseException as error:
                    future.set_exception(error)
                else:
                    future.set_result(result)
                    del result
            del work, future, call  # nothing of the work stays alive while the thread waits
            with self._lock:
                self._idle += 1
