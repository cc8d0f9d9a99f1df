"""Logging in and out: agents at ``/servicer/servicer/login/*``, back offices at
``/servicer/shop/login/*`` and ``/servicer/admin/login/*``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from aiohttp import web

from shared.errors import GatewayError

from ..answers import base, console
from ..doors import AGENT, DOORS, Door
from ..envelope import Family, Forbidden, Refused, Reply, respond, success
from ..params import Params, Text, Word
from ..store.agents import Account, Login
from ..web import is_foreign
from .table import Call, Caller, Declarations, Endpoint

TOO_FAST = "操作过于频繁，请稍后再试"


class LoginParams(Params):
    """Of ``login/login``. The captcha is asked for after failures."""

    username: Text = ""
    password: Text = ""
    captcha: Word = ""
    captcha_id: Word = ""


def _declare(door: Door) -> Iterator[Endpoint]:
    endpoints = Declarations(door.module, Caller.ANYBODY, Family.MODEL)

    @endpoints.add("login/login", LoginParams, console.ServicerId)
    async def login(call: Call, params: LoginParams) -> Any:
        """POST: log in. GET leads to the page that does so."""
        return await _login(call, params, door)

    @endpoints.add("login/captcha", Params, console.Captcha)
    async def captcha(call: Call, params: Params) -> Any:
        """A picture whose letters the next login needs; good once."""
        if not call.servicer.captcha_rate.take(call.address, call.received):
            raise Refused(TOO_FAST)
        return Reply(await call.servicer.captchas.make(), "")

    @endpoints.add("login/logout", Params, base.Nothing)
    async def logout(call: Call, params: Params) -> Any:
        """End the login, and go to the login page."""
        return await _logout(call, door)

    return iter(endpoints)


async def _login(call: Call, params: LoginParams, door: Door) -> Any:
    servicer = call.servicer
    if is_foreign(call.request):
        raise Forbidden
    account = await servicer.sessions.check(
        params.username.strip(),
        params.password,
        call.address,
        door.role,
        (params.captcha_id, params.captcha),
    )
    try:
        token = await _begin(call, account, door)
    except GatewayError:
        raise Refused("客服未启用，请联系管理员") from None
    envelope = success(Family.MODEL, Reply({"servicer_id": account.uid}), servicer.now())
    response = respond(envelope)
    response.set_cookie(
        door.cookie,
        token,
        max_age=int(servicer.sessions.lifetime),
        path="/",
        httponly=True,
        samesite="Lax",
        secure=servicer.web.is_secure(call.request),
    )
    return response


async def _begin(call: Call, account: Account, door: Door) -> str:
    """Begin a login; returns the cookie's value. Only agents have sockets to be put out."""
    servicer = call.servicer
    if door is AGENT:
        await servicer.agents.others(account.uid)  # before anything is changed
    old = call.servicer.web.cookie(call.request, door.cookie)
    token, begun, ended = await servicer.sessions.log_in(account.uid, old, call.address)
    # This browser is no longer that one's: whoever wrote there now would do so as this one.
    _left(call, ended, door)
    if door is AGENT:
        await servicer.agents.put_out_others(begun)
    return token


async def _logout(call: Call, door: Door) -> Any:
    response = web.Response(status=302, headers={"Location": door.login_path})
    if is_foreign(call.request):
        return response
    cookie = call.servicer.web.cookie(call.request, door.cookie)
    _left(call, await call.servicer.sessions.log_out(cookie), door)
    response.del_cookie(door.cookie, path="/", httponly=True, samesite="Lax")
    return response


def _left(call: Call, ended: Login | None, door: Door) -> None:
    """A login has ended: the sockets that were bound under it get nothing any more."""
    if ended is not None and door is AGENT:
        call.servicer.pusher.run(call.servicer.agents.left(ended))


endpoints = [endpoint for door in DOORS for endpoint in _declare(door)]
