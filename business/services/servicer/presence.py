"""Repairs what the database says about who is online, when a gateway tells whom it holds."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from .push import agent_of
from .sockets import Socket
from .store import agents, pairs

if TYPE_CHECKING:
    from business.hooks import OnlineClient

    from .service import Servicer

AT_ONCE = 50
"""Clients that are repaired at the same time."""


async def repair(servicer: Servicer, prefix: str, clients: Sequence[OnlineClient]) -> None:
    """Make the flags follow the sockets of one gateway. Idempotent.

    Args:
        servicer: the running service.
        prefix: the gateway's client ids begin with it.
        clients: all sockets that it holds.
    """
    open_ids = {client.id for client in clients}

    def query(connection: Connection) -> tuple[list[tuple[str, str]], list[tuple[str, int]]]:
        return (
            pairs.online_clients(connection, prefix),
            agents.online_clients(connection, prefix),
        )

    customers, staff = await servicer.database.read(query)
    work = [servicer.customers.closed(*row) for row in customers if row[0] not in open_ids]
    work += [servicer.agents.closed(*row) for row in staff if row[0] not in open_ids]
    for client in clients:
        if client.uid is None:
            continue
        servicer_id = agent_of(client.uid)
        if servicer_id is not None:
            work.append(servicer.agents.returned(servicer_id, client.id))
        elif client.uid.isdigit():
            socket = Socket(client.id, client.session)
            work.append(servicer.customers.returned(int(client.uid), socket))
    for start in range(0, len(work), AT_ONCE):
        await asyncio.gather(*work[start : start + AT_ONCE])
