"""What this service answers over HTTP. Paths are relative to its prefix, ``/<name>``."""

from __future__ import annotations

from aiohttp import web

from business.http import GATEWAY

routes = web.RouteTableDef()


@routes.get("/online")
async def online(request: web.Request) -> web.Response:
    """How many sockets this service has."""
    count = await request.app[GATEWAY].get_all_client_count()
    return web.json_response({"code": 0, "message": "", "data": {"count": count}})
