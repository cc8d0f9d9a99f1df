"""The hooks: what happens when sockets open and close. What is said comes by HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .push import frame
from .running import running

if TYPE_CHECKING:
    from business.client import Client
    from business.hooks import GatewayInfo, OnlineClient

UNBOUND_TIMEOUT = 600
"""Seconds after which a socket that nobody has bound is closed."""


async def on_connect(client: Client) -> None:
    """Tell the client its id, which it then binds by HTTP."""
    bind_key = running().bind_keys.make(client.id)
    await client.send(frame("init", {"client_id": client.id, "bind_key": bind_key}))


async def on_close(client: Client) -> None:
    """Somebody's socket is gone. May run twice for one."""
    if client.uid is not None:
        await running().closed(client.id, client.uid)


async def on_gateway_up(gateway: GatewayInfo, clients: list[OnlineClient]) -> None:
    """A gateway is there, at start or again: repair what the database says of its clients."""
    await running().gateway_up(gateway, clients)
