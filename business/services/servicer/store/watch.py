"""Looks now and then whether the database answers, so that /readyz can say so without traffic."""

from __future__ import annotations

import asyncio
import logging

from sqlalchemy import Connection, select, true

from .database import Database
from .errors import StoreError

log = logging.getLogger(__name__)

PERIOD = 5.0
"""Seconds between two looks."""

LIMIT = 5.0
"""Seconds that an answer takes at most."""

NAME = "database"


async def watch(database: Database, troubles: dict[str, str]) -> None:
    """Keep ``troubles["database"]`` true, until cancelled.

    Args:
        database: open.
        troubles: has the name while the database does not answer.
    """
    while True:
        trouble = await _look(database)
        if trouble and NAME not in troubles:
            log.error("the database does not answer: %s", trouble)
        if not trouble and NAME in troubles:
            log.info("the database answers again")
        if trouble:
            troubles[NAME] = trouble
        else:
            troubles.pop(NAME, None)
        await asyncio.sleep(PERIOD)


async def _look(database: Database) -> str:
    try:
        async with asyncio.timeout(LIMIT):
            await database.read(_ask)
    except TimeoutError:
        return f"no answer within {LIMIT:g} s"
    except StoreError as error:
        return str(error)
    return ""


def _ask(connection: Connection) -> None:
    connection.execute(select(true())).scalar_one()
