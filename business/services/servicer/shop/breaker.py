"""Spares callers the wait for something that is down, and the log a line per call."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from .errors import BadAnswer, ShopDown

log = logging.getLogger(__name__)

T = TypeVar("T")

FAILURES = 3
"""Failures one after another that make it count as down. One slow question alone does not."""

PAUSE = 2.0
"""Seconds that something which is down is not asked; then one call tries."""

LOG_PERIOD = 60.0
"""Seconds between two log lines on the same kind of failure."""


class Breaker:
    """Calls something that may be down.

    Args:
        what: it is, for the log.
        timeout: seconds that a call takes at most.
        clock: seconds.
    """

    def __init__(
        self, what: str, timeout: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._what = what
        self._timeout = timeout
        self._clock = clock
        self._failures = 0
        self._reason = ""
        self._closed_until = 0.0
        self._is_trying = False
        self._is_told = False
        self._quiet_until: dict[type[ShopDown], float] = {}

    async def run(self, call: Callable[[], Awaitable[T]]) -> T:
        """Make a call.

        Raises:
            ShopDown: it failed or took too long, or others just did.
        """
        is_down = self._failures >= FAILURES
        if is_down and (self._is_trying or self._clock() < self._closed_until):
            raise ShopDown(self._reason)
        self._is_trying = is_down
        try:
            async with asyncio.timeout(self._timeout):
                result = await call()
        except BadAnswer as error:
            self._failures = 0
            self._note(error)
            raise
        except ShopDown as error:
            self._fail(error)
            raise
        except TimeoutError:
            late = ShopDown(f"no answer within {self._timeout:g} s")
            self._fail(late)
            raise late from None
        finally:
            self._is_trying = self._is_trying and not is_down
        self._succeed()
        return result

    def _fail(self, error: ShopDown) -> None:
        self._failures += 1
        self._reason = str(error)
        self._closed_until = self._clock() + PAUSE
        self._note(error)

    def _succeed(self) -> None:
        self._failures = 0
        if self._is_told:
            self._is_told = False
            log.info("%s answers again", self._what)

    def _note(self, error: ShopDown) -> None:
        now = self._clock()
        if now < self._quiet_until.get(type(error), 0.0):
            return
        self._quiet_until[type(error)] = now + LOG_PERIOD
        if isinstance(error, BadAnswer):
            log.error("%s cannot be used: %s", self._what, error)
        else:
            self._is_told = True
            log.warning("%s cannot be reached: %s", self._what, error)
