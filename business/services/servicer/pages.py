"""The pages: agents' console, customers' chat, back office, and a demo shop that shows all of it.

They are built from ``web/`` into ``dist/`` beside this file (``make web``), and are the same for
every service: which one they belong to is written into them here.
"""

from __future__ import annotations

import hashlib
import logging
import re
import urllib.parse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from aiohttp import web

from .client_config import websocket_url
from .identity import NAME

if TYPE_CHECKING:
    from .service import Servicer

log = logging.getLogger(__name__)

DIST = Path(__file__).parent / "dist"

PREFIX = f"/{NAME}"
"""In front of the pages' paths; this one leads here also where kefu shares a host with a shop."""

NOT_BUILT = "The pages have not been built; `make web` builds them.\n"

_NAMES = ("console", "chat", "admin", "demo")
_SERVICE = re.compile(r'(<meta name="kefu-service" content=")[^"]*(")')
_ASSET = re.compile(r"[\w-]+(\.[\w-]+)*\.(js|css|svg|png|webp|woff2|mp3|json)")

_FOREVER = "public, max-age=31536000, immutable"
"""For files that have a hash of their content in their name."""

_ADDRESSES = {
    "servicer/index/index": "/console",
    "servicer/index/history": "/console#/history",
    "servicer/login/login": "/console",
    "shop/login/login": "/admin",
    "admin/login/login": "/admin",
}
"""Pages of the original, and those that took their place."""


class Pages:
    """Serves the pages and what they load.

    Args:
        servicer: the running service.
        origins: of the storefronts that may show the chat in pages of theirs.
    """

    def __init__(self, servicer: Servicer, origins: Sequence[str]) -> None:
        self._servicer = servicer
        self._ancestors = " ".join(["'self'", *(origin.rstrip("/") for origin in origins)])
        self._texts: dict[str, tuple[str, str]] = {}
        for name in _NAMES:
            path = DIST / f"{name}.html"
            if path.is_file():
                text = _with_service(path.read_text(encoding="utf-8"))
                self._texts[name] = text, hashlib.sha256(text.encode()).hexdigest()[:32]
        if len(self._texts) < len(_NAMES):
            log.warning("the pages have not been built: make web")

    def serve(self, request: web.Request, name: str) -> web.StreamResponse:
        """A page.

        Args:
            request: for it.
            name: ``console``, ``chat``, ``admin``, or in demo mode ``demo``.

        Raises:
            web.HTTPNotFound: there is no such page.
        """
        if name not in _NAMES or (name == "demo" and not self._servicer.is_demo):
            raise web.HTTPNotFound
        if name not in self._texts:
            return web.Response(status=503, text=NOT_BUILT)
        text, tag = self._texts[name]
        response = web.Response(text=text, content_type="text/html", charset="utf-8")
        response.etag = tag
        if any(known.value in (tag, "*") for known in request.if_none_match or ()):
            response = web.Response(status=304)
            response.etag = tag
        response.headers.update(self._headers(request, name))
        return response

    def _headers(self, request: web.Request, name: str) -> dict[str, str]:
        """What browsers are told that the page may do: nothing but what it needs."""
        socket = urllib.parse.urlsplit(websocket_url(self._servicer, request))
        policy = {
            "default-src": "'none'",
            "script-src": "'self'",
            # Element Plus and the charts set styles of elements.
            "style-src": "'self' 'unsafe-inline'",
            # Pictures of goods and customers lie wherever the shop has them.
            "img-src": "'self' data: blob: http: https:",
            "media-src": "'self' data:",
            "font-src": "'self'",
            "connect-src": f"'self' {socket.scheme}://{socket.netloc}",
            "frame-src": "'self'",
            "form-action": "'self'",
            "base-uri": "'none'",
            "frame-ancestors": self._ancestors if name == "chat" else "'self'",
        }
        return {
            "Content-Security-Policy": "; ".join(f"{key} {value}" for key, value in policy.items()),
            "Cache-Control": "no-cache",
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "strict-origin-when-cross-origin",
        }


def asset(name: str) -> web.StreamResponse:
    """A script, style or picture of the pages; compressed, for who takes it so.

    Raises:
        web.HTTPNotFound: there is none of that name.
    """
    return _file(DIST / "assets", name, _FOREVER)


def widget() -> web.StreamResponse:
    """The script that shops put into their pages; its address has to stay as it is.

    Raises:
        web.HTTPNotFound: it has not been built.
    """
    return _file(DIST, "widget.js", "public, max-age=600")


def address_of(path: str, request: web.Request) -> str | None:
    """Where a browser goes that opens a page of the original; None for other requests.

    Args:
        path: of the endpoint, in lower case.
        request: for it. Pages and their requests for data have the same address.
    """
    address = _ADDRESSES.get(path)
    if address is None or request.method != "GET":
        return None
    is_script = request.headers.get("X-Requested-With", "").lower() == "xmlhttprequest"
    if path == "servicer/index/index" and (
        is_script or "text/html" not in request.headers.get("Accept", "")
    ):
        return None
    return PREFIX + address


def _file(folder: Path, name: str, caching: str) -> web.StreamResponse:
    path = folder / name
    if not _ASSET.fullmatch(name) or not path.is_file():
        raise web.HTTPNotFound
    headers = {"Cache-Control": caching, "X-Content-Type-Options": "nosniff"}
    return web.FileResponse(path, headers=headers)


def _with_service(text: str) -> str:
    text = _SERVICE.sub(rf"\g<1>{NAME}\g<2>", text)
    return text.replace('"./assets/', f'"/{NAME}/assets/')
