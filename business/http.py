"""The HTTP application of all services, on one listening socket that all processes share.

Each service answers under ``/<name>``; servicer also under paths of its own. Whatever goes wrong
is answered with ``{"code": -1, "message": ..., "data": ""}``; tracebacks go to the log only.
"""

from __future__ import annotations

import asyncio
import json
import logging
import socket
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any

from aiohttp import web

from gateway_client import GatewayClient

from .loader import ROOT_SERVICE
from .service import Service

if TYPE_CHECKING:
    from shared.settings import Settings

log = logging.getLogger(__name__)

GATEWAY: web.AppKey[GatewayClient] = web.AppKey("gateway", GatewayClient)
"""``request.app[GATEWAY]``: the running GatewayClient of the service whose handler asks."""

SETTINGS: web.AppKey[Any] = web.AppKey("settings", object)
"""``request.app[SETTINGS]``: all settings, read-only; a ``shared.settings.Settings``."""

TROUBLES: web.AppKey[dict[str, str]] = web.AppKey("troubles", dict)
"""``app[TROUBLES]``, where a service says what it cannot do without and has not got: a line by the
name of the thing. While there is one, /readyz says that the process is not ready."""

MAX_BODY = 16 * 1024 * 1024
"""Largest body of a request, bytes: room for an uploaded picture. A larger one is answered 413."""

BACKLOG = 1024
"""Connections that the kernel holds for us before they are accepted."""

_MESSAGES = {
    400: "请求格式错误",
    401: "未登录",
    403: "没有权限",
    404: "请求的接口不存在",
    405: "请求方法不支持",
    413: "请求内容过大",
    429: "请求过于频繁",
    503: "服务暂不可用",
}
_INTERNAL = "系统错误"

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class HttpStats:
    """Counters of the HTTP server: requests taken in, and handlers that raised."""

    __slots__ = ("errors", "requests")

    def __init__(self) -> None:
        self.requests = 0
        self.errors = 0


def failure(message: str, status: int = 200, code: int = -1) -> web.Response:
    """The envelope of an error.

    Args:
        message: for the user, in Chinese.
        status: HTTP status.
        code: of the envelope, below 0.
    """
    body = json.dumps({"code": code, "message": message, "data": ""}, ensure_ascii=False)
    return web.Response(text=body, status=status, content_type="application/json")


def make_application(
    services: Sequence[Service], settings: Settings, stats: HttpStats
) -> web.Application:
    """The application with a sub-application for each service, which must have its ``gateway``."""
    app = web.Application(middlewares=[_envelopes(stats)], client_max_size=MAX_BODY)
    app[SETTINGS] = settings
    for service in services:
        sub = service.app
        sub[GATEWAY] = service.gateway
        sub[SETTINGS] = settings
        sub[TROUBLES] = service.troubles
        if service.routes is not None:
            sub.add_routes(service.routes)
        if service.lifespan is not None:
            sub.cleanup_ctx.append(service.lifespan)
        if service.name == ROOT_SERVICE and service.root_routes is not None:
            app[GATEWAY] = service.gateway
            app.add_routes(service.root_routes)
        app.add_subapp(f"/{service.name}", sub)
    return app


def _envelopes(stats: HttpStats) -> Any:
    @web.middleware
    async def envelopes(request: web.Request, handler: _Handler) -> web.StreamResponse:
        stats.requests += 1
        try:
            return await handler(request)
        except web.HTTPException as error:
            if error.status < 400 or error.content_type != "text/plain":
                raise  # a redirect, or a body that a handler wrote
            response = failure(_MESSAGES.get(error.status, _INTERNAL), error.status)
            if "Allow" in error.headers:
                response.headers["Allow"] = error.headers["Allow"]
            return response
        except asyncio.CancelledError:
            raise
        except Exception:
            stats.errors += 1
            log.exception("%s %s failed", request.method, request.path)
            return failure(_INTERNAL, 500)

    return envelopes


class HttpServer:
    """Serves an application on a listening socket, which stays its owner's.

    Args:
        app: the application.
        listening: the socket; several processes may serve the same.
    """

    def __init__(self, app: web.Application, listening: socket.socket) -> None:
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False)
        self._listening = listening
        self._site: web.SockSite | None = None

    async def prepare(self) -> None:
        """Run the services' ``lifespan`` up to their yields."""
        await self._runner.setup()

    async def start(self) -> None:
        """Accept connections."""
        # A duplicate: closing ours must not close the owner's.
        self._site = web.SockSite(self._runner, self._listening.dup(), backlog=BACKLOG)
        await self._site.start()

    async def finish(self, timeout: float) -> None:
        """Leave new connections to the other processes, and finish the requests that run.

        Args:
            timeout: seconds; requests that still run then are cancelled.
        """
        if self._site is not None:
            await self._site.stop()
            self._site = None
        server = self._runner.server
        if server is not None:
            # Who was accepted just now is about to say what for.
            await asyncio.sleep(min(0.1, timeout))
            server.pre_shutdown()
            await server.shutdown(timeout)

    async def close(self) -> None:
        """End the services' ``lifespan``, after ``finish``; cuts off what still runs."""
        await self.finish(0)
        await self._runner.cleanup()
