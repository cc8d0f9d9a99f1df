"""A database as a demo has it at its first start, which takes longer to make than to copy."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from pathlib import Path

from argon2 import PasswordHasher

from business.services.servicer.demonstration import create_agents
from business.services.servicer.shop.demo import AGENT_PASSWORD
from business.services.servicer.store.database import Database

QUICK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
"""Logging in is done hundreds of times; how long it takes otherwise is not what is tested."""

_MINE = ("sqlite_sequence",)
"""Tables that are SQLite's: numbers that must never be used again go on."""


class Template:
    """A database that is copied, and to whose state others are put back.

    Args:
        path: file of the database, which ``make`` writes.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    async def make(self) -> None:
        """Make the tables and the demo's agents."""
        database = Database(f"sqlite+aiosqlite:///{self.path}")
        await database.open()
        password = QUICK.hash(AGENT_PASSWORD)

        await database.write(lambda c: create_agents(c, password, time.time()))
        await database.close()

    def copy(self, path: Path) -> None:
        """Make a database of this state."""
        with contextlib.closing(sqlite3.connect(self.path)) as mine:
            with contextlib.closing(sqlite3.connect(path)) as other:
                mine.backup(other)

    def put_back(self, path: Path) -> None:
        """Make a database that is in use have this state again."""
        with contextlib.closing(sqlite3.connect(path, timeout=5, isolation_level=None)) as other:
            other.execute("ATTACH ? AS template", (str(self.path),))
            other.execute("BEGIN IMMEDIATE")
            names = other.execute("SELECT name FROM template.sqlite_master WHERE type = 'table'")
            for (name,) in names.fetchall():
                if name not in _MINE:
                    other.execute(f'DELETE FROM main."{name}"')
                    other.execute(f'INSERT INTO main."{name}" SELECT * FROM template."{name}"')
            other.execute("COMMIT")
