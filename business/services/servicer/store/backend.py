"""What the writer and the readers need of a kind of database."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar

from sqlalchemy import Connection

T = TypeVar("T")

Unit = Callable[[Connection], Any]
"""Everything one request has to do, as a plain function. May be run more than once: only the last
run counts, so it must change nothing but the database."""

Outcome = tuple[bool, Any]
"""Whether a unit succeeded, and its result or error."""


class Backend(Protocol):
    """A kind of database.

    Attributes:
        lanes: how many batches may be committed at the same time.
        by_key: whether units wait for locks of others, so that those of a batch must take them in
            the order of their keys.
    """

    lanes: int
    by_key: bool

    async def open(self) -> None:
        """Be ready.

        Raises:
            SettingsError: the database, or its schema, cannot be used.
            StoreBusy: it cannot be reached.
        """

    async def migrate(self) -> str:
        """Bring the schema up to date; returns what was done. Raises as ``open``."""

    async def read(self, query: Callable[[Connection], T]) -> T:
        """Run a function that only reads; errors are the driver's."""

    def commit(self, units: Sequence[Unit]) -> asyncio.Future[list[Outcome]]:
        """Run units in one transaction, each in a savepoint, and commit it.

        Returns:
            The outcomes of the units, or of the first of them, where the others must wait.
            Raises StoreError: nothing was stored.
        """

    async def close(self) -> None:
        """Let the connections go. Idempotent."""
