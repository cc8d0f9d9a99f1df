"""Time in tests: one unit that can be stretched for slow machines, and waiting for events."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")

SECOND = float(os.environ.get("TEST_TIMEOUT_FACTOR", "1"))
"""The unit of timeouts in tests. Greater on machines slower than a developer's."""

TIMEOUT = 10 * SECOND
"""How long anything that should happen may take."""


async def within(awaitable: Awaitable[T], factor: float = 1.0) -> T:
    """Wait for something that must happen, at most ``factor`` times ``TIMEOUT``.

    Raises:
        TimeoutError: it did not.
    """
    async with asyncio.timeout(factor * TIMEOUT):
        return await awaitable


async def eventually(condition: Callable[[], T | None], factor: float = 1.0) -> T:
    """Wait until ``condition()`` is true, and return what it returned.

    For what gives no event to wait for, such as the numbers of another process.

    Raises:
        AssertionError: not within ``factor`` times ``TIMEOUT``; with the last value.
    """
    end = time.monotonic() + factor * TIMEOUT
    while not (value := condition()):
        if time.monotonic() > end:
            raise AssertionError(f"not within {factor * TIMEOUT:g} s; last seen: {value!r}")
        await asyncio.sleep(0.02)
    return value
