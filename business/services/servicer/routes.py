"""The HTTP side: paths under ``/<name>``, and for the service named servicer also without it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

from aiohttp import web

from business.http import GATEWAY, SETTINGS, TROUBLES

from .demonstration import demo_picture, demo_shop, demo_token
from .dispatch import call_endpoint, dispatch, path_of_script, path_of_shop
from .endpoints import TABLE, Endpoint
from .identity import NAME
from .openapi import document_text
from .pages import asset, widget
from .reference import reference
from .running import running, set_running
from .service import Servicer
from .store.watch import watch

routes = web.RouteTableDef()
root_routes = web.RouteTableDef()

_PAGE_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
    "X-Content-Type-Options": "nosniff",
}

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


async def lifespan(app: web.Application) -> AsyncIterator[None]:
    """The service runs between the first request or event and the last."""
    servicer = await Servicer.start(app[SETTINGS], app[GATEWAY])
    set_running(servicer)
    watching = asyncio.create_task(watch(servicer.database, app[TROUBLES]))
    yield
    watching.cancel()
    await asyncio.wait((watching,))
    await servicer.close()


def _both(table: web.RouteTableDef, path: str) -> Callable[[_Handler], _Handler]:
    """Declare a handler for GET and POST, which all clients of the original use as they like, and
    for the question that browsers ask before they let another origin's page do so."""

    def declare(handler: _Handler) -> _Handler:
        table.get(path)(handler)
        table.options(path)(handler)
        return table.post(path)(handler)

    return declare


@_both(routes, "/{module}/{controller}/{action}")
async def endpoint(request: web.Request) -> web.StreamResponse:
    """``/<name>/<module>/<controller>/<action>``"""
    return await dispatch(
        running(), request, "{module}/{controller}/{action}".format_map(request.match_info)
    )


def _declare_at_root(known: Endpoint) -> None:
    """The usual spelling of an endpoint, found at once: to look for it by the patterns of all
    services takes as long as to read the request."""

    async def handler(request: web.Request) -> web.StreamResponse:
        return await call_endpoint(running(), request, known)

    _both(root_routes, f"/{NAME}/{known.spelling}")(handler)


for _known in TABLE:
    _declare_at_root(_known)


@routes.get("/openapi.json")
@root_routes.get("/openapi.json")
async def openapi(request: web.Request) -> web.StreamResponse:
    """All endpoints, for programs."""
    text = await asyncio.to_thread(document_text)
    return web.Response(text=text, content_type="application/json")


@routes.get("/openapi.html")
@root_routes.get("/openapi.html")
async def openapi_page(request: web.Request) -> web.StreamResponse:
    """All endpoints, for people."""
    text = await asyncio.to_thread(reference)
    return web.Response(text=text, content_type="text/html", headers=_PAGE_HEADERS)


@routes.get("/{page:console|chat|admin|demo}")
@root_routes.get("/{page:console|chat|admin|demo}")
async def page(request: web.Request) -> web.StreamResponse:
    """A page for people."""
    return running().pages.serve(request, request.match_info["page"])


@routes.get("/assets/{name}")
async def page_asset(request: web.Request) -> web.StreamResponse:
    """What the pages load."""
    return asset(request.match_info["name"])


@routes.get("/widget.js")
@root_routes.get("/widget.js")
async def widget_script(request: web.Request) -> web.StreamResponse:
    """The chat for pages of the shop."""
    return widget()


@routes.get("/demo/token")
@root_routes.get("/demo/token")
async def token(request: web.Request) -> web.StreamResponse:
    """A customer's token, in demo mode."""
    return await demo_token(running(), request)


@routes.get("/demo/shop")
@root_routes.get("/demo/shop")
async def shop(request: web.Request) -> web.StreamResponse:
    """What the demo shop front shows, in demo mode."""
    return await demo_shop(running(), request)


@routes.get("/upload/demo/{name}")
@root_routes.get("/upload/demo/{name}")
async def shop_picture(request: web.Request) -> web.StreamResponse:
    """A picture of the demo shop."""
    return demo_picture(running(), request.match_info["name"])


@routes.get("/upload/{path:.*}")
@root_routes.get("/upload/{path:.*}")
async def picture(request: web.Request) -> web.StreamResponse:
    """An uploaded picture."""
    return await running().uploads.serve(request.match_info["path"])


@_both(root_routes, "/api/{controller}/{action}")
async def storefront(request: web.Request) -> web.StreamResponse:
    """``/api/shop/info`` and others that customers' pages ask the shop for."""
    path = path_of_shop("api/{controller}/{action}".format_map(request.match_info))
    return await dispatch(running(), request, path)


@_both(root_routes, "/index.php")
@_both(root_routes, "/index.php/{path:.*}")
async def script(request: web.Request) -> web.StreamResponse:
    """``/index.php/<name>/...`` and ``/index.php?s=/<name>/...``, also of what the shop is asked"""
    return await dispatch(running(), request, path_of_script(request))
