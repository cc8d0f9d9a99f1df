"""The calls of GatewayClient over HTTP, for PHP and everything else.

::

    POST /gateway/send_to_uid          Authorization: Bearer KEY
    {"service": "servicer", "uid": "42", "message": {"type": "paid"}}
    -> {"code": 0, "data": 1}

    POST /gateway/batch
    {"calls": [["join_group", {"client_id": "...", "group": "vip"}], ["get_all_uids", {}]]}
    -> {"code": 0, "data": [{"code": 0, "data": true}, {"code": -1, "message": "...", "data": ""}]}

Calls and arguments have their Python names; ``service`` is servicer where it is not given. Bytes
are written as ``{"base64": "..."}``, both ways. Errors are ``{"code", "message", "data"}``:

====== ==== ========================================================================
status code meaning
====== ==== ========================================================================
400    -1   an argument is wrong, or the body is not a JSON object (413: is too large)
401    -2   no key, or an unknown one
403    -3   the key is not for this service
404    -4   there is no such call
503    -5   there is no gateway
504    -6   gateways did not answer in time; data: {"reached": result of the others or
            null, "missing": [address, ...]}
502    -7   links broke before the answer came; data likewise
502    -8   a gateway could not execute it
====== ==== ========================================================================

The keys are those of the setting ``business.api_keys``. Without any, the paths do not exist.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from aiohttp import web

from gateway_client import GatewayClient
from gateway_client.batch import call_by_name, signatures
from shared import errors

if TYPE_CHECKING:
    from shared.pool import Pool
    from shared.settings import Settings

DEFAULT_SERVICE = "servicer"

MAX_BODY = 4 * 1024 * 1024
"""Largest body, bytes."""

MAX_CALLS = 10_000
"""Calls of one batch, at most."""

MAX_TIMEOUT = 60.0
"""Longest ``timeout`` of a call, seconds: nobody keeps a request for longer."""


class Failure(NamedTuple):
    """How an error is answered."""

    status: int
    code: int
    message: str
    data: Any = ""

    def envelope(self) -> dict[str, Any]:
        """The JSON body."""
        return {"code": self.code, "message": self.message, "data": self.data}


class _Refused(Exception):
    """Ends the handling of a request."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


class _Key(NamedTuple):
    name: str
    digest: bytes
    services: frozenset[str]


def setup(app: web.Application, pool: Pool, settings: Settings) -> None:
    """Add the paths to the application, if there are keys.

    Args:
        app: the application, not yet frozen.
        pool: the process's links; they need not be up.
        settings: all settings.
    """
    keys = [
        _Key(key.name, _digest(key.key), frozenset(key.services))
        for key in settings.business.api_keys
    ]
    if keys:
        api = PushApi(pool, keys)
        app.router.add_post("/gateway/batch", api.batch)
        app.router.add_post("/gateway/{call}", api.call)


class PushApi:
    """The handlers.

    Args:
        pool: the process's links.
        keys: who may use it.
    """

    def __init__(self, pool: Pool, keys: list[_Key]) -> None:
        self._pool = pool
        self._keys = keys
        self._clients: dict[str, GatewayClient] = {}

    async def call(self, request: web.Request) -> web.Response:
        """``POST /gateway/{call}``."""
        try:
            key = self._authenticate(request)
            name = request.match_info["call"]
            if name not in signatures(GatewayClient):
                raise _Refused(Failure(404, -4, f"没有这个调用: {name:.60}"))
            arguments = await _read(request)
            client = self._client(key, arguments.pop("service", DEFAULT_SERVICE))
            result = await call_by_name(client, name, _decode(arguments))
        except _Refused as error:
            return _answer(error.failure.envelope(), error.failure.status)
        except errors.GatewayError as error:
            failure = explain(error)
            return _answer(failure.envelope(), failure.status)
        return _answer({"code": 0, "data": result})

    async def batch(self, request: web.Request) -> web.Response:
        """``POST /gateway/batch``."""
        try:
            key = self._authenticate(request)
            body = await _read(request)
            client = self._client(key, body.pop("service", DEFAULT_SERVICE))
            results = await client.batch(_calls(body))
        except _Refused as error:
            return _answer(error.failure.envelope(), error.failure.status)
        except errors.GatewayError as error:
            failure = explain(error)
            return _answer(failure.envelope(), failure.status)
        return _answer(
            {
                "code": 0,
                "data": [
                    explain(result).envelope()
                    if isinstance(result, errors.GatewayError)
                    else {"code": 0, "data": result}
                    for result in results
                ],
            }
        )

    def _authenticate(self, request: web.Request) -> _Key:
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        digest = _digest(given.strip())
        found = None
        for key in self._keys:  # all of them, so that the time does not tell which one is near
            if hmac.compare_digest(key.digest, digest):
                found = key
        if found is None or scheme.lower() != "bearer":
            raise _Refused(Failure(401, -2, "密钥缺失或不正确"))
        return found

    def _client(self, key: _Key, service: Any) -> GatewayClient:
        if not isinstance(service, str):
            raise errors.BadArgument("service", "the name of a service")
        if service not in key.services:
            raise _Refused(Failure(403, -3, f"密钥不能用于该服务: {service:.60}"))
        client = self._clients.get(service)
        if client is None:
            try:
                client = GatewayClient.on_pool(self._pool, service)
            except KeyError:
                raise errors.BadArgument("service", f"{service!r} does not run here") from None
            self._clients[service] = client
        return client


def explain(error: errors.GatewayError) -> Failure:
    """How an error of a call is answered."""
    match error:
        case errors.BadArgument():
            return Failure(400, -1, f"参数错误: {error}")
        case errors.PartialResult():
            data = {"reached": error.reached, "missing": error.missing}
            if isinstance(error, errors.GatewayTimeout):
                return Failure(504, -6, f"网关未及时响应: {error}", data)
            return Failure(502, -7, f"与网关的连接中断: {error}", data)
        case errors.CallFailed():
            return Failure(502, -8, f"网关执行失败: {error}")
        case _:
            return Failure(503, -5, f"没有可用的网关: {error}")


async def _read(request: web.Request) -> dict[str, Any]:
    body = bytearray()
    async for chunk in request.content.iter_any():
        body += chunk
        if len(body) > MAX_BODY:
            raise _Refused(Failure(413, -1, f"请求内容过大, 最多 {MAX_BODY} 字节"))
    try:
        arguments = json.loads(body or b"{}")
    except (ValueError, RecursionError) as error:
        raise errors.BadArgument("body", f"not JSON: {error}") from error
    if arguments == []:  # how PHP writes an empty array
        return {}
    if not isinstance(arguments, dict):
        raise errors.BadArgument("body", "a JSON object")
    return arguments


def _decode(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments as Python has them."""
    decoded = dict(arguments)
    message = decoded.get("message")
    if isinstance(message, dict) and message.keys() == {"base64"}:
        try:
            decoded["message"] = base64.b64decode(message["base64"], validate=True)
        except (TypeError, ValueError, binascii.Error) as error:
            raise errors.BadArgument("message", f"base64: {error}") from error
    if not isinstance(decoded.get("wait", True), bool):
        raise errors.BadArgument("wait", "true or false")
    timeout = decoded.get("timeout")
    if isinstance(timeout, int | float) and timeout > MAX_TIMEOUT:
        raise errors.BadArgument("timeout", f"at most {MAX_TIMEOUT:g} seconds")
    return decoded


def _calls(body: Mapping[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    calls = body.get("calls")
    if not isinstance(calls, list) or len(body) != 1:
        raise errors.BadArgument("calls", "a list of [name, arguments], and nothing else")
    if len(calls) > MAX_CALLS:
        raise errors.BadArgument("calls", f"at most {MAX_CALLS}")
    decoded = []
    for index, call in enumerate(calls):
        match call:
            case [str(name), dict(arguments)]:
                decoded.append((name, _decode(arguments)))
            case [str(name), []]:  # PHP again
                decoded.append((name, {}))
            case _:
                raise errors.BadArgument(f"calls[{index}]", "a list of a name and an object")
    return decoded


def _digest(key: str) -> bytes:
    """Keys are compared by digest, so that not even their length shows."""
    return hashlib.blake2b(key.encode(errors="surrogateescape"), digest_size=32).digest()


def _answer(body: dict[str, Any], status: int = 200) -> web.Response:
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"), default=_encode)
    return web.Response(text=text, status=status, content_type="application/json")


def _encode(value: Any) -> Any:
    """What JSON does not know: bytes in a session."""
    if isinstance(value, bytes):
        return {"base64": base64.b64encode(value).decode()}
    raise TypeError(f"{type(value).__name__} is not JSON")
