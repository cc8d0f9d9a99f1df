"""Threads that run functions for an event loop."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
import weakref
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from business.services.servicer.store.errors import StoreError
from business.services.servicer.store.threads import Threads
from tests.support.timing import eventually, within


@pytest_asyncio.fixture
async def one() -> AsyncIterator[Threads]:
    threads = Threads(1, "kefu-test")
    yield threads
    threads.close()
    await eventually(lambda: not running())


def running() -> list[str]:
    return [t.name for t in threading.enumerate() if t.name.startswith("kefu-test")]


async def test_results_and_errors_arrive(one: Threads) -> None:
    def fail(text: str) -> None:
        raise ValueError(text)

    assert await within(one.run(len, "four")) == 4
    with pytest.raises(ValueError, match="why"):
        await within(one.run(fail, "why"))
    assert await within(one.run(len, "three")) == 5


async def test_one_thread_keeps_the_order(one: Threads) -> None:
    seen: list[int] = []
    await within(asyncio.gather(*(one.run(seen.append, n) for n in range(100))))
    assert seen == list(range(100))
    assert running() == ["kefu-test-0"]


async def test_several_run_at_the_same_time() -> None:
    threads = Threads(3, "kefu-test")
    meet = threading.Barrier(3, timeout=10)
    try:
        await within(asyncio.gather(*(threads.run(lambda _: meet.wait(), None) for _ in range(3))))
    finally:
        threads.close()
    await eventually(lambda: not running())


async def test_nobody_waits_any_more(one: Threads) -> None:
    """What runs already is finished, what has not begun is left out."""
    complaints: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, what: complaints.append(what))
    go, begun, ran = threading.Event(), threading.Event(), threading.Event()

    def hold(_: None) -> None:
        begun.set()
        go.wait(10)

    holding = one.run(hold, None)
    waiting = one.run(lambda _: ran.set(), None)
    await eventually(begun.is_set)
    holding.cancel()
    waiting.cancel()
    go.set()
    assert not await within(one.run(lambda _: ran.is_set(), None))
    assert not complaints


async def test_after_the_end_nothing_is_run(one: Threads) -> None:
    assert await within(one.run(len, "four")) == 4
    one.close()
    with pytest.raises(StoreError, match="closed"):
        one.run(len, "")


def test_the_loop_is_closed_meanwhile() -> None:
    """What still runs then tells nobody, and the thread lives on for another loop."""
    threads = Threads(1, "kefu-test")
    go = threading.Event()

    async def begin() -> None:
        threads.run(lambda _: go.wait(10), None)

    async def again() -> int:
        return await within(threads.run(len, "four"))

    asyncio.run(begin())
    go.set()
    assert asyncio.run(again()) == 4
    threads.close()
    while running():
        time.sleep(0.01)


async def test_nothing_is_kept_alive(one: Threads) -> None:
    class Thing:
        pass

    thing = Thing()
    kept = weakref.ref(thing)
    assert await within(one.run(lambda given: type(given).__name__, thing)) == "Thing"
    del thing

    def is_gone() -> bool:
        gc.collect()
        return kept() is None

    await eventually(is_gone)


async def test_threads_start_when_needed_and_end() -> None:
    threads = Threads(2, "kefu-test")
    assert not running()
    await within(threads.run(len, ""))
    assert sorted(running()) == ["kefu-test-0", "kefu-test-1"]
    threads.close()
    threads.close()
    await eventually(lambda: not running())
