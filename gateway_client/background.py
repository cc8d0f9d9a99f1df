"""A GatewayClient on an event loop of its own, in a daemon thread, for programs without a loop."""

from __future__ import annotations

import asyncio
import atexit
import concurrent.futures
import contextlib
import os
import threading
import weakref
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any, TypeVar

from .client import GatewayClient

T = TypeVar("T")

EXIT_TIMEOUT = 2.0
"""Seconds that the exit of the program waits for what was sent with ``wait=False``."""


class Background:
    """Makes the thread at the first call, and again after a fork; hands calls over to it.

    Args:
        make_client: makes the client that the thread will use; called in that thread.
    """

    def __init__(self, make_client: Callable[[], GatewayClient]) -> None:
        self._make_client = make_client
        self._lock = threading.Lock()
        self._thread: _LoopThread | None = None
        self._finalizer: weakref.finalize[Any, Any] | None = None
        self._is_closed = False
        _all.add(self)

    def call(self, use: Callable[[GatewayClient], Coroutine[Any, Any, T]]) -> T:
        """Use the client, connected, on its loop, and wait for the result.

        Raises:
            RuntimeError: closed, before or meanwhile.
        """
        # The lock also keeps the thread from stopping between our look at it and our hand-over.
        with self._lock:
            if self._is_closed:
                raise RuntimeError("this SyncGatewayClient has been closed")
            thread = self._thread
            if thread is None or not thread.is_alive():
                thread = self._begin()
            future = asyncio.run_coroutine_threadsafe(thread.use(use), thread.loop)
        try:
            return future.result()
        except concurrent.futures.CancelledError:
            raise RuntimeError("this SyncGatewayClient was closed meanwhile") from None
        except BaseException:
            future.cancel()  # KeyboardInterrupt, say: nobody waits any more
            raise

    def pages(self, iterate: Callable[[GatewayClient], AsyncIterator[T]]) -> Any:
        """The items of an async iterator of the client, each fetched when it is asked for."""
        iterator: AsyncIterator[T] | None = None

        async def next_of(client: GatewayClient) -> tuple[bool, T | None]:
            nonlocal iterator
            if iterator is None:
                iterator = iterate(client)
            try:
                return True, await anext(iterator)
            except StopAsyncIteration:
                return False, None

        while True:
            is_there, item = self.call(next_of)
            if not is_there:
                return
            yield item

    def close(self) -> None:
        """Send what was queued, disconnect and end the thread. Idempotent."""
        with self._lock:
            self._is_closed = True
            thread, self._thread = self._thread, None
            if self._finalizer is not None:
                self._finalizer.detach()
        if thread is not None:
            thread.stop()
            thread.join()

    def _begin(self) -> _LoopThread:
        thread = self._thread = _LoopThread(self._make_client)
        # Whoever forgets to close does not keep the thread and its connections for ever.
        self._finalizer = weakref.finalize(self, thread.stop)
        self._finalizer.atexit = False
        return thread

    def _forked(self) -> None:
        """In a new process: threads do not come along, and connections must be left alone.

        They are shared with the parent: even to unregister one from its selector would disturb the
        parent. So nothing is closed or collected, and everything is made anew when needed.
        """
        self._lock = threading.Lock()
        if self._finalizer is not None:
            self._finalizer.detach()
            self._finalizer = None
        if self._thread is not None:
            _left_behind.append(self._thread)
            self._thread = None

    def _exit(self) -> None:
        """The program ends: what was queued must go out, the rest does not matter any more."""
        thread = self._thread
        if thread is not None:
            with contextlib.suppress(Exception):
                asyncio.run_coroutine_threadsafe(thread.flush(), thread.loop).result(EXIT_TIMEOUT)


class _LoopThread:
    """The thread, its loop and its client."""

    loop: asyncio.AbstractEventLoop

    def __init__(self, make_client: Callable[[], GatewayClient]) -> None:
        self._make_client = make_client
        self._stopping: asyncio.Event
        self._client: GatewayClient
        self._connecting: asyncio.Task[None] | None = None
        self._is_up = threading.Event()
        self._thread = threading.Thread(target=self._run, name="kefu gateway client", daemon=True)
        self._thread.start()
        self._is_up.wait()
        if not hasattr(self, "loop"):
            raise RuntimeError("cannot make an event loop")  # its reason is on stderr

    def is_alive(self) -> bool:
        """Whether the thread runs."""
        return self._thread.is_alive()

    def stop(self) -> None:
        """Begin to stop. From any thread, this one too; does not block."""
        with contextlib.suppress(RuntimeError):  # the loop is closed already
            self.loop.call_soon_threadsafe(self._stopping.set)

    def join(self) -> None:
        """Wait until the thread has ended."""
        self._thread.join()

    def _run(self) -> None:
        try:
            asyncio.run(self._main())
        finally:
            self._is_up.set()

    async def _main(self) -> None:
        self.loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        self._client = self._make_client()
        self._is_up.set()
        await self._stopping.wait()
        await self._client.close()

    async def use(self, use: Callable[[GatewayClient], Coroutine[Any, Any, T]]) -> T:
        """Connect if necessary, then use the client."""
        while not self._client.is_connected:
            if self._connecting is None:
                self._connecting = asyncio.create_task(self._client.start())
                self._connecting.add_done_callback(self._tried)
            await asyncio.shield(self._connecting)  # one attempt for all that wait
        return await use(self._client)

    def _tried(self, attempt: asyncio.Task[None]) -> None:
        self._connecting = None
        if not attempt.cancelled():
            attempt.exception()  # those who wait get it; perhaps nobody does any more

    async def flush(self) -> None:
        """Send what was queued. Blocks the loop: only for the end of the program, when no new
        threads can be made, which closing in the ordinary way would need."""
        self._client.flush_and_disconnect()


_all: weakref.WeakSet[Background] = weakref.WeakSet()
_left_behind: list[_LoopThread] = []


def _after_fork() -> None:
    for background in list(_all):
        background._forked()


def _at_exit() -> None:
    for background in list(_all):
        background._exit()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
atexit.register(_at_exit)
