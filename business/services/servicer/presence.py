"""Repairs what the database says about who is online: when a gateway tells whom it holds, and from
time to time."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection

from shared.errors import GatewayError

from .push import agent_of, agent_uid
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

    online = await _online_by(servicer, prefix)
    work = [servicer.closed(*row) for row in online if row[0] not in open_ids]
    for client in clients:
        if client.uid is None:
            continue
        servicer_id = agent_of(client.uid)
        if servicer_id is not None:
            work.append(servicer.agents.returned(servicer_id, client.id))
        elif client.uid.isdigit():
            socket = Socket(client.id, client.session)
            work.append(servicer.customers.returned(int(client.uid), socket))
    await _run(work)


def confirm(servicer: Servicer, uid: str, client_id: str) -> None:
    """A row has been written online by a socket that was there when the gateways were asked.

    Where it has closed meanwhile, its ``on_close`` may have come first and found no row that names
    it. So it is looked at once more, in the background, and is closed again if need be.
    """
    servicer.pusher.run(_look_at(servicer, client_id, uid))


async def sweep(servicer: Servicer) -> None:
    """Find gateways that are gone for good, with nobody left to tell. Idempotent.

    A worker tells when a gateway dies, and a gateway that comes back tells whom it holds; but where
    a gateway and its worker died together and the gateway stays away, nobody does. One of its
    sockets that is open proves that a gateway lives; so two that are closed are suspicious, and
    then each of them is looked at.
    """

    def query(connection: Connection) -> list[dict[str, tuple[str, str]]]:
        return [pairs.online_by_gateway(connection), agents.online_by_gateway(connection)]

    for found in await servicer.database.read(query):
        for prefix, samples in found.items():
            if not await _is_any_open(servicer, samples):
                online = await _online_by(servicer, prefix)
                await _run([_look_at(servicer, *row) for row in online])


async def _look_at(servicer: Servicer, client_id: str, uid: str) -> None:
    """Somebody is online by a socket: if it is closed, that is made good."""
    if not await _is_any_open(servicer, [client_id]):
        await servicer.closed(client_id, uid)


async def _is_any_open(servicer: Servicer, client_ids: Sequence[str]) -> bool:
    """Whether one of the sockets is open, or cannot be asked for now."""
    try:
        return any([await servicer.sockets.is_open(client_id) for client_id in client_ids])
    except GatewayError:
        return True


async def _online_by(servicer: Servicer, prefix: str) -> list[tuple[str, str]]:
    """Sockets of one gateway that somebody is online by, each with the uid."""

    def query(connection: Connection) -> list[tuple[str, str]]:
        staff = agents.online_clients(connection, prefix)
        return [
            *pairs.online_clients(connection, prefix),
            *((client_id, agent_uid(servicer_id)) for client_id, servicer_id in staff),
        ]

    return await servicer.database.read(query)


async def _run(work: Sequence[Coroutine[Any, Any, None]]) -> None:
    for start in range(0, len(work), AT_ONCE):
        await asyncio.gather(*work[start : start + AT_ONCE])
