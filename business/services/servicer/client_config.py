"""What clients are told of how to reach the agents."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aiohttp import web
from sqlalchemy import Connection

from .identity import NAME, ORIGINAL
from .store import office

if TYPE_CHECKING:
    from .service import Servicer

PATH = "/wss" if NAME == ORIGINAL else f"/{NAME}"
"""Path of the socket, where the clients of the original look for it."""


async def client_config(servicer: Servicer, request: web.Request, site_id: int) -> dict[str, Any]:
    """What a shop has set, else the platform, as clients read it (CONTRACT 3.15, 4)."""

    def query(connection: Connection) -> tuple[dict[str, Any], dict[str, Any]]:
        return (
            office.get_config(connection, site_id, office.SHOP_CONFIG),
            office.get_config(connection, 0, office.SERVICER_CONFIG),
        )

    own, platform = await servicer.database.read(query)
    value = {"type": "system", "applet": "", "third": "", "socket_url": ""} | own
    found = value["socket_url"] or platform.get("web_socket") or websocket_url(servicer, request)
    return {**value, "socket_url": found}


def websocket_url(servicer: Servicer, request: web.Request) -> str:
    """Where sockets are to be opened: as the settings say, else made from the request.

    A proxy in front serves both under one host. Who names a port talks to this process directly,
    and then to the gateway's own port.
    """
    if servicer.websocket_url:
        return servicer.websocket_url
    host = request.host
    if servicer.web.is_secure(request):
        return f"wss://{host}{PATH}"
    name, colon, port = host.rpartition(":")
    if colon and port.isdigit():
        host = f"{name}:{servicer.gateway_port}"
    return f"ws://{host}{PATH}"
