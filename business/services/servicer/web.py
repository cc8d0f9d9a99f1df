"""What a request says about where it comes from."""

from __future__ import annotations

import ipaddress
import urllib.parse
from collections.abc import Collection, Mapping

from aiohttp import web

from shared.setting_names import refuse

ALLOWED_HEADERS = "Content-Type, X-Requested-With, Token, Authorization, Access-Token"
"""What storefronts may send along: what the original's clients and their HTTP libraries do."""


MAX_COOKIES = 1000
MAX_REMEMBERED = 2000
"""Headers with cookies that are remembered, and the characters of the longest."""


class Web:
    """Reads requests that may have come through proxies.

    Args:
        trusted_proxies: addresses or networks whose ``X-Forwarded-*`` are believed.
        origins: of storefronts elsewhere, ``https://shop.example``.

    Raises:
        SettingsError: one of them is neither.
    """

    def __init__(self, trusted_proxies: Collection[str], origins: Collection[str] = ()) -> None:
        self._cookies: dict[str, Mapping[str, str]] = {}
        self._origins = frozenset(origin.rstrip("/").lower() for origin in origins)
        try:
            self._trusted = [ipaddress.ip_network(net, strict=False) for net in trusted_proxies]
        except ValueError as error:
            raise refuse("trusted_proxies", list(trusted_proxies), str(error)) from None

    def address(self, request: web.Request) -> str:
        """The client's address: the last one that no trusted proxy has."""
        address = request.remote or ""
        chain = ",".join(request.headers.getall("X-Forwarded-For", []))
        for hop in reversed([hop.strip() for hop in chain.split(",") if hop.strip()]):
            if not self._is_trusted(address):
                break
            address = hop
        return address[:64]

    def cookie(self, request: web.Request, name: str) -> str:
        """The value of a cookie, "" for none. A browser sends the same ones every time, and they
        take longer to be read than all the parameters."""
        header = request.headers.get("Cookie", "")
        known = self._cookies.get(header)
        if known is None:
            known = request.cookies
            if len(header) <= MAX_REMEMBERED:
                if len(self._cookies) >= MAX_COOKIES:
                    self._cookies.clear()
                self._cookies[header] = known
        return known.get(name, "")

    def is_secure(self, request: web.Request) -> bool:
        """Whether the client uses TLS."""
        if self._is_trusted(request.remote or ""):
            return request.headers.get("X-Forwarded-Proto", request.scheme) == "https"
        return request.secure

    def is_from_our_page(self, request: web.Request) -> bool:
        """Whether a browser says that a page of this site or of a storefront sent the request."""
        if request.headers.get("Sec-Fetch-Site") in ("same-origin", "same-site"):
            return True
        page = request.headers.get("Origin") or request.headers.get("Referer") or ""
        try:
            parts = urllib.parse.urlsplit(page.lower())
            _ = parts.port  # raises for what is none
            host = urllib.parse.urlsplit(f"//{request.host}".lower()).hostname
        except ValueError:
            return False
        if f"{parts.scheme}://{parts.netloc}" in self._origins:
            return True
        # By its name only: proxies pass ports on or do not.
        return bool(parts.hostname) and parts.hostname == host

    def allow_origin(self, request: web.Request, response: web.StreamResponse) -> None:
        """Let pages of the configured origins read a response. Cookies are never allowed."""
        if not self._origins:
            return
        response.headers.add("Vary", "Origin")
        origin = request.headers.get("Origin", "")
        if origin.lower() not in self._origins:
            return
        response.headers["Access-Control-Allow-Origin"] = origin
        if request.method == "OPTIONS":
            response.headers["Access-Control-Allow-Methods"] = "GET, POST"
            response.headers["Access-Control-Allow-Headers"] = ALLOWED_HEADERS
            response.headers["Access-Control-Max-Age"] = "86400"

    def _is_trusted(self, address: str) -> bool:
        try:
            ip = ipaddress.ip_address(address)
        except ValueError:
            return False
        return any(ip in network for network in self._trusted)


def is_own_script(request: web.Request) -> bool:
    """Whether a script of this site's own pages sent the request, as every cookie-authorised change
    needs: no other site can set that header, and an image of this site is no script."""
    if request.headers.get("X-Requested-With", "").lower() == "xmlhttprequest":
        return True
    return (
        request.headers.get("Sec-Fetch-Site") == "same-origin"
        and request.headers.get("Sec-Fetch-Dest", "empty") == "empty"
    )


def is_foreign(request: web.Request) -> bool:
    """Whether a browser says that another site made it send the request."""
    return request.headers.get("Sec-Fetch-Site", "none") in ("cross-site", "same-site")
