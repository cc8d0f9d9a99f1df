"""Time in tests: one unit that can be stretched for slow machines, and waiting for events."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

FACTOR = float(os.environ.get("TEST_TIMEOUT_FACTOR", "1"))
"""How much slower than a developer's machine this one is; all timeouts of tests grow with it."""

SECOND = FACTOR
"""The unit of timeouts in tests."""

TIMEOUT = 10 * SECOND
"""How long anything that should happen may take."""


async def eventually(condition: Callable[[], T], timeout: float = TIMEOUT) -> T:
    """Wait until ``condition()`` is true, and return what it returned.

    For what gives no event to wait for, such as the numbers of another process.

    Raises:
        AssertionError: not within ``timeout`` seconds; with the last value.
    """
    end = time.monotonic() + timeout
    while not (value := condition()):
        if time.monotonic() > end:
            raise AssertionError(f"not within {timeout:g} s; last seen: {value!r}")
        await asyncio.sleep(0.02)
    return value
