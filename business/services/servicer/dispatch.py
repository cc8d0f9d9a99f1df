"""From a request to an endpoint, and from its result to an answer."""

from __future__ import annotations

import logging
from typing import Any

from aiohttp import web

from shared.errors import GatewayError

from .doors import AGENT, PLATFORM, SHOP
from .endpoints import TABLE, Endpoint
from .endpoints.storefront import CONTROLLERS
from .endpoints.table import Call, Caller
from .envelope import Busy, Forbidden, Refused, Reply, TooLarge, failure, respond, success
from .identity import NAME
from .multipart import read_multipart
from .pages import address_of
from .params import read_params, to_word
from .service import Servicer
from .shop.errors import ShopDown
from .store.errors import StoreError
from .web import is_own_script

log = logging.getLogger(__name__)

_DOORS = {Caller.AGENT: AGENT, Caller.SHOP: SHOP, Caller.PLATFORM: PLATFORM}

UNREACHABLE = "客服连接异常"
NO_SHOP_SYSTEM = "商城系统暂时无法访问，请稍后再试"


async def dispatch(servicer: Servicer, request: web.Request, path: str) -> web.StreamResponse:
    """Answer a request.

    Args:
        servicer: the running service.
        request: GET, POST, or OPTIONS by which browsers ask whether another origin may.
        path: ``module/controller/action``, as the client wrote it.

    Raises:
        web.HTTPNotFound: there is no such endpoint.
    """
    endpoint = TABLE.find(path)
    if endpoint is None:
        raise web.HTTPNotFound
    return await call_endpoint(servicer, request, endpoint)


async def call_endpoint(
    servicer: Servicer, request: web.Request, endpoint: Endpoint
) -> web.StreamResponse:
    """Answer a request to an endpoint; as ``dispatch``."""
    if (address := address_of(endpoint.path, request)) is not None:
        return web.Response(status=302, headers={"Location": address})
    is_customers = endpoint.path.startswith("api/")
    if request.method == "OPTIONS":
        answer: web.StreamResponse = web.Response(
            status=204, headers={"Allow": "GET, POST, OPTIONS"}
        )
    else:
        answer = await _answer(servicer, request, endpoint)
    if is_customers:  # customers have tokens; what needs a cookie is for this site's pages only
        servicer.web.allow_origin(request, answer)
    return answer


async def _answer(
    servicer: Servicer, request: web.Request, endpoint: Endpoint
) -> web.StreamResponse:
    call = Call(servicer, request, servicer.now())
    try:
        params = await _read(call, endpoint)
        answer = await _admit(call, endpoint, params)
        if answer is None:
            answer = await endpoint.handler(call, endpoint.params.model_validate(params))
        if isinstance(answer, web.StreamResponse):
            return answer
        reply = answer if isinstance(answer, Reply) else Reply(answer)
        return _respond(call, success(endpoint.family, reply, servicer.now()))
    except Refused as error:
        refused = error
    except web.HTTPRequestEntityTooLarge:
        refused = TooLarge()
    except StoreError as error:
        log.error("%s: %s", endpoint.path, error)
        refused = Busy()
    except GatewayError as error:
        log.warning("%s: %s", endpoint.path, error)
        refused = Refused(UNREACHABLE)
    except ShopDown:  # the log has it, once for all requests
        refused = Refused(NO_SHOP_SYSTEM)
    return _respond(call, failure(endpoint.family, refused, servicer.now()), refused.status)


def _respond(call: Call, envelope: dict[str, Any], status: int = 200) -> web.Response:
    if call.refresh is not None:
        envelope = {**envelope, "refreshtoken": call.refresh}
    return respond(envelope, status)


async def _read(call: Call, endpoint: Endpoint) -> dict[str, Any]:
    """The parameters of a request, and the file into the call."""
    request, max_file = call.request, 0
    if endpoint.takes_file:
        call.servicer.uploads.admit(call.address, call.received)
        max_file = call.servicer.uploads.max_size
    if not request.content_type.startswith("multipart/"):
        return await read_params(request)
    texts, call.upload = await read_multipart(request, max_file)
    return {**request.query, **texts}


async def _admit(
    call: Call, endpoint: Endpoint, params: dict[str, Any]
) -> web.StreamResponse | None:
    """See who calls. Returns an answer for who may not, None for who may."""
    servicer = call.servicer
    if endpoint.caller is Caller.CUSTOMER:
        token = to_word(params.get("token"))
        call.member_id, call.refresh = await servicer.admission.admit(token, call.received)
    elif (door := _DOORS.get(endpoint.caller)) is not None:
        cookie = servicer.web.cookie(call.request, door.cookie)
        call.visitor = await servicer.sessions.find(cookie, door.role)
        if call.visitor is None:
            return web.Response(status=302, headers={"Location": door.login_path})
        if endpoint.changes and not is_own_script(call.request):
            raise Forbidden
    return None


def path_of_script(request: web.Request) -> str:
    """The endpoint of a request to ``/index.php``, where clients of the original put it.

    Raises:
        web.HTTPNotFound: it is not one of this service.
    """
    path = (request.match_info.get("path", "") or request.query.get("s", "")).strip("/")
    name, _, rest = path.partition("/")
    return rest if name == NAME else path_of_shop(path)


def path_of_shop(path: str) -> str:
    """The endpoint of a path of the shop that is also answered here (CONTRACT 3.15).

    Args:
        path: ``api/controller/action``, as the client wrote it.

    Raises:
        web.HTTPNotFound: it is none of these.
    """
    module, _, rest = path.partition("/")
    if module != "api" or rest.partition("/")[0].lower() not in CONTROLLERS:
        raise web.HTTPNotFound
    return path
