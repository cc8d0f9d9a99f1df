"""What clients are told of how to reach the agents."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aiohttp import web

from .identity import NAME, ORIGINAL

if TYPE_CHECKING:
    from .service import Servicer

PATH = "/wss" if NAME == ORIGINAL else f"/{NAME}"
"""Path of the socket, where the clients of the original look for it."""


def client_config(socket_url: str) -> dict[str, Any]:
    """The configuration as the clients of all lineages read it (CONTRACT 3.15, 4)."""
    return {"type": "system", "applet": "", "third": "", "socket_url": socket_url}


def websocket_url(servicer: Servicer, request: web.Request) -> str:
    """Where sockets are to be opened: as set, else made from the request.

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
