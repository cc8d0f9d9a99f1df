"""What an import has done so far, in lines for who runs it."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable

PERIOD = 5.0
"""Seconds between two lines of progress."""


class Tally:
    """Counts.

    Args:
        say: shows a line.
    """

    def __init__(self, say: Callable[[str], None]) -> None:
        self.say = say
        self._added: Counter[str] = Counter()
        self._there: Counter[str] = Counter()
        self._skipped: Counter[str] = Counter()
        self._notes: Counter[str] = Counter()
        self._due = 0.0

    def begin(self, kind: str) -> None:
        """What comes now; the summary names it even if there is none."""
        self._added[kind] += 0
        self._due = time.monotonic() + PERIOD

    def add(self, kind: str, added: int, there: int = 0) -> None:
        """Rows that are new, and such as were there already."""
        self._added[kind] += added
        self._there[kind] += there

    def skip(self, kind: str, reason: str) -> None:
        """A row is left out."""
        self._skipped[f"{kind}: {reason}"] += 1

    def note(self, what: str, count: int = 1) -> None:
        """Something that whoever reads the summary should know."""
        self._notes[what] += count

    def progress(self, kind: str, read: int, total: int) -> None:
        """Say now and then how far it is."""
        if time.monotonic() >= self._due:
            self._due = time.monotonic() + PERIOD
            self.say(f"{kind}: {read} of {total}")

    def summary(self) -> str:
        """All of it in one line."""
        parts = ["imported " + _list(self._added)]
        if there := +self._there:
            parts.append("there already: " + _list(there))
        skipped = sum(self._skipped.values())
        parts.append(f"skipped {skipped}" + (f" ({_list(self._skipped)})" if skipped else ""))
        if self._notes:
            parts.append(_list(self._notes))
        return "; ".join(parts)


def _list(counts: Counter[str]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items())
