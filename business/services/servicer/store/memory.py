"""What units have read and written, for those that come after them.

Most messages belong to conversations in which somebody has just spoken. What a unit of an embedded
database has found out about one, and has left it like, is still true for the next one, as long as
nobody else has written: other processes and connections, of which SQLite tells (``data_version``),
and other units of this process, after each of which all is forgotten, unless it says what it has
changed (``keep``, ``spare``). To read it again would take a good part of the time of a message. A
server's database has no such memory: there others write at any time.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, TypeVar

from sqlalchemy import Connection

T = TypeVar("T")

_NAME = "kefu_memory"

MAX_KEPT = 20_000
"""Keys of which something is kept; all are forgotten where there are more."""


def recall(connection: Connection, key: Hashable) -> Any | None:
    """What was kept, None if nothing is known. It belongs to the unit that asks, which keeps it
    again when it is done."""
    memory: Memory | None = connection.info.get(_NAME)
    return None if memory is None else memory.kept.get(key)


def keep(connection: Connection, key: Hashable, value: Any) -> None:
    """Keep something for the next units: called last by a unit that has changed nothing that is
    kept of other keys."""
    memory: Memory | None = connection.info.get(_NAME)
    if memory is not None:
        memory.keep(key, value)


def spare(connection: Connection) -> None:
    """Forget nothing: called by a unit that has changed nothing that is kept."""
    memory: Memory | None = connection.info.get(_NAME)
    if memory is not None:
        memory.spare()


class Memory:
    """Of one connection, the only one of this process that writes.

    Attributes:
        kept: what is known, by key.
    """

    def __init__(self, connection: Connection) -> None:
        self.kept: dict[Hashable, Any] = {}
        self._version = 0
        self._is_told = False
        connection.info[_NAME] = self

    def begin(self, version: int) -> None:
        """A transaction has begun.

        Args:
            version: ``PRAGMA data_version``, read in it.
        """
        if version != self._version:
            self.kept.clear()
            self._version = version

    def run(self, unit: Callable[[Connection], T], connection: Connection) -> T:
        """Run a unit; raises what it raises, and then all must be forgotten."""
        self._is_told = False
        result = unit(connection)
        if not self._is_told:
            self.kept.clear()
        return result

    def keep(self, key: Hashable, value: Any) -> None:
        """See the function of this name."""
        if len(self.kept) >= MAX_KEPT:
            self.kept.clear()
        self.kept[key] = value
        self._is_told = True

    def spare(self) -> None:
        """See the function of this name."""
        self._is_told = True

    def forget(self) -> None:
        """Something was not committed, or nobody knows what was."""
        self.kept.clear()
