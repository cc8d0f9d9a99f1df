"""Requests to a shop's back end, and what may be wrong with its answers."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import aiohttp
import yarl

from shared.setting_names import refuse

from .errors import BadAnswer, ShopDown

CONNECTIONS = 16
"""Of one process to one back end; further requests wait for their turn."""

MAX_ANSWER = 4 * 1024 * 1024
"""Bytes of an answer; 100 skus with their descriptions have to fit."""

PASSING = frozenset((408, 425, 429, 500, 502, 503, 504))
"""Status codes of a back end that is overloaded, restarted or broken for the moment."""


class Fetcher:
    """Asks one back end. The caller limits the time.

    Args:
        setting: name of the setting that holds the URL.
        url: http or https; of a request, or of what paths are appended to.
        key: sent as ``Authorization: Bearer``; "" for none.

    Raises:
        SettingsError: it is no such URL.
    """

    def __init__(self, setting: str, url: str, key: str = "") -> None:
        try:
            parsed = yarl.URL(url)
            is_good = parsed.scheme in ("http", "https") and bool(parsed.host)
            port = parsed.port  # reading it checks it
        except ValueError:
            is_good, port = False, None
        if not is_good or port is None:
            raise refuse(setting, None, "is no http:// or https:// URL")
        if parsed.user or parsed.password or parsed.fragment:
            raise refuse(setting, None, "has a user, a password or a fragment, which are not sent")
        self.url = parsed
        self._headers = {"Accept": "application/json"}
        if key:
            self._headers["Authorization"] = f"Bearer {key}"
        self._session: aiohttp.ClientSession | None = None

    async def get(self, path: str, params: Mapping[str, str | int]) -> Any:
        """GET what is below the URL.

        A connection that the back end has closed meanwhile is no error: aiohttp then tries once
        more, over a new one.

        Returns:
            The JSON value; None: status 404.

        Raises:
            ShopDown: there is no answer.
            BadAnswer: it cannot be used.
        """
        url = self.url.with_path(self.url.path.rstrip("/") + path).with_query(params)
        return await self._request("GET", url)

    async def post(self, form: Mapping[str, str]) -> Any:
        """POST a form that asks something and changes nothing; else as ``get``."""
        try:
            return await self._request("POST", self.url, form)
        except _Dropped:
            return await self._request("POST", self.url, form)

    async def close(self) -> None:
        """Let the connections go. Idempotent."""
        if self._session is not None:
            await self._session.close()

    async def _request(
        self, method: str, url: yarl.URL, form: Mapping[str, str] | None = None
    ) -> Any:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=CONNECTIONS),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None),
                headers=self._headers,
            )
        name = f"{method} {url.path}"
        try:
            # Redirections are not followed: they would take the key, or a token, elsewhere.
            async with self._session.request(
                method, url, data=form, allow_redirects=False
            ) as response:
                return await _value(name, response)
        except (aiohttp.ServerDisconnectedError, ConnectionResetError) as error:
            raise _Dropped(f"{name}: {_words(error)}") from error
        except (aiohttp.ClientError, OSError) as error:
            raise ShopDown(f"{name}: {_words(error)}") from error


class _Dropped(ShopDown):
    """The connection ended before an answer came; that of an earlier request may just be old."""


async def _value(name: str, response: aiohttp.ClientResponse) -> Any:
    status = response.status
    if status == 404:
        return None
    if status in PASSING:
        raise ShopDown(f"{name}: status {status}")
    if status in (401, 403):
        raise Denied(f"{name}: status {status}")
    if status != 200:
        raise BadAnswer(f"{name}: status {status}")
    if (response.content_length or 0) > MAX_ANSWER:
        raise BadAnswer(f"{name}: the answer has more than {MAX_ANSWER} bytes")
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > MAX_ANSWER:
            raise BadAnswer(f"{name}: the answer has more than {MAX_ANSWER} bytes")
    try:
        value = json.loads(bytes(body).decode("utf-8-sig"))
    except (ValueError, RecursionError):
        start = re.sub(r"\s+", " ", bytes(body[:60]).decode("utf-8", "replace"))
        raise BadAnswer(f"{name}: the answer is no JSON; it begins with {start!r}") from None
    if value is None:  # which is what 404 means here
        raise BadAnswer(f"{name}: the answer is null")
    return value


class Denied(BadAnswer):
    """The back end knows the key, or a token, not."""


def _words(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
