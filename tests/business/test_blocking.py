"""A plain function in a thread uses objects of the event loop by blocking calls."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from typing import Any

import pytest

from business.blocking import Blocking


class Target:
    """Has one of everything; methods tell the thread they ran in."""

    def __init__(self) -> None:
        self.value = 1
        self.gateway: Any = None
        self.closed = False

    async def double(self, number: int) -> tuple[int, str]:
        await asyncio.sleep(0)
        return number * 2, threading.current_thread().name

    def plain(self) -> str:
        return threading.current_thread().name

    async def fail(self) -> None:
        raise ValueError("no")

    async def count(self, upto: int) -> AsyncIterator[int]:
        try:
            for number in range(upto):
                await asyncio.sleep(0)
                yield number
        finally:
            self.closed = True


async def test_methods_run_on_the_loop_and_block_the_thread() -> None:
    view = Blocking(Target(), asyncio.get_running_loop())
    here = threading.current_thread().name

    def work() -> None:
        assert threading.current_thread().name != here
        assert view.double(4) == (8, here)
        assert view.plain() == here
        with pytest.raises(ValueError, match="no"):
            view.fail()

    await asyncio.to_thread(work)


async def test_attributes_are_read_and_set() -> None:
    target = Target()
    target.gateway = Target()
    view = Blocking(target, asyncio.get_running_loop())
    view.value = 5
    assert target.value == view.value == 5
    assert await asyncio.to_thread(lambda: view.gateway.double(1)[0]) == 2


async def test_async_iterators_become_plain_ones_and_are_closed() -> None:
    target = Target()
    view = Blocking(target, asyncio.get_running_loop())
    assert await asyncio.to_thread(lambda: list(view.count(3))) == [0, 1, 2]
    target.closed = False

    def only_the_first() -> int:
        for number in view.count(3):
            return int(number)
        return -1

    assert await asyncio.to_thread(only_the_first) == 0
    assert target.closed


async def test_a_call_that_would_block_the_loop_itself_is_refused() -> None:
    view = Blocking(Target(), asyncio.get_running_loop())
    with pytest.raises(RuntimeError, match="would block the event loop"):
        view.double(1)
