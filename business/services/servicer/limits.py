"""Rate limits of one process, in memory: moving windows that cost a few words per key."""

from __future__ import annotations

MAX_KEYS = 100_000
"""Keys that are remembered; beyond it the old ones are forgotten."""


class Window:
    """At most ``limit`` events per key within any ``period``.

    Counts per fixed period and weighs the last one by how much of it still lies in the moving
    window, which is exact enough for a limit and needs no list of events.

    Args:
        limit: events; 0: no limit.
        period: seconds.
    """

    def __init__(self, limit: int, period: float) -> None:
        self._limit = limit
        self._period = period
        self._counts: dict[str, tuple[int, int, int]] = {}

    def is_full(self, key: str, now: float) -> bool:
        """Whether no further event of ``key`` is allowed at Unix time ``now``."""
        if not self._limit:
            return False
        index, before, current = self._count(key, now)
        share = 1.0 - (now / self._period - index)
        return before * share + current >= self._limit

    def add(self, key: str, now: float) -> None:
        """Count an event."""
        if not self._limit:
            return
        index, before, current = self._count(key, now)
        if len(self._counts) >= MAX_KEYS:
            self._forget(index)
        self._counts[key] = (index, before, current + 1)

    def take(self, key: str, now: float) -> bool:
        """Count an event if it is allowed; whether it is."""
        if self.is_full(key, now):
            return False
        self.add(key, now)
        return True

    def _count(self, key: str, now: float) -> tuple[int, int, int]:
        index = int(now / self._period)
        then, before, current = self._counts.get(key, (index, 0, 0))
        if then == index:
            return index, before, current
        return index, current if then == index - 1 else 0, 0

    def _forget(self, index: int) -> None:
        self._counts = {key: row for key, row in self._counts.items() if row[0] >= index - 1}
        if len(self._counts) >= MAX_KEYS:
            self._counts.clear()
