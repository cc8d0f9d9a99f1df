"""What units have read and written, for those that come after them.

Most messages belong to conversations in which somebody has just spoken. What a unit of an embedded
database has found out about one, and has left it like, is still true for the next one, as long as
nobody else has written: other processes and connections, of which SQLite tells (``data_version``),
and other units of this process, after each of which all is forgotten, unless it says what it has
changed (``remember``, ``spare``). To read it again would take a good part of the time of a message.
With several business processes at one file it seldom helps, and a server's database has no such
memory: there others write at any time.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, TypeVar

from sqlalchemy import Connection

T = TypeVar("T")

_NAME = "kefu_memory"

MAX_KEPT = 2000
"""Keys of which something is kept. To forget them all takes about a millisecond."""


def remembered(connection: Connection, key: Hashable) -> Any | None:
    """What was kept, None if nothing is known. It belongs to the unit that asks, which lets it be
    remembered again when it is done."""
    memory = _of(connection)
    return None if memory is None else memory.kept.get(key)


def remember(connection: Connection, key: Hashable, value: Any) -> None:
    """Keep something for the next units: called last by a unit that has changed nothing that is
    kept of other keys."""
    memory = _of(connection)
    if memory is not None:
        memory.is_told = True
        memory.kept[key] = value
        if len(memory.kept) > MAX_KEPT:
            del memory.kept[next(iter(memory.kept))]


def spare(connection: Connection) -> None:
    """Forget nothing: called by a unit that has changed nothing that is kept."""
    memory = _of(connection)
    if memory is not None:
        memory.is_told = True


class Memory:
    """Of one connection, the only one of this process that writes.

    Attributes:
        kept: what is known, by key.
        is_told: whether the unit that runs has said what it has changed.
    """

    def __init__(self, connection: Connection) -> None:
        self.kept: dict[Hashable, Any] = {}
        self.is_told = False
        self._version = 0
        connection.info[_NAME] = self

    def begin(self, version: int) -> None:
        """A transaction has begun.

        Args:
            version: ``PRAGMA data_version``, read in it.
        """
        if version != self._version:
            self.forget()
            self._version = version

    def run(self, unit: Callable[[Connection], T], connection: Connection) -> T:
        """Run a unit; raises what it raises, and then all must be forgotten."""
        self.is_told = False
        result = unit(connection)
        if not self.is_told:
            self.forget()
        return result

    def forget(self) -> None:
        """Something was not committed, or nobody knows what was changed."""
        self.kept.clear()


def _of(connection: Connection) -> Memory | None:
    return connection.info.get(_NAME)
