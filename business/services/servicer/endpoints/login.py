"""Agents log in and out: ``/servicer/servicer/login/*``."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from shared.errors import GatewayError

from ..envelope import Family, Forbidden, Refused, Reply, respond, success
from ..identity import COOKIE, LOGIN_PATH
from ..pages import login_page
from ..params import Params, Text
from ..web import is_foreign
from .table import Call, Caller, Declarations

endpoints = Declarations("servicer", Caller.ANYBODY, Family.MODEL)


class LoginParams(Params):
    """Of ``login/login``."""

    username: Text = ""
    password: Text = ""


@endpoints.add("login/login", LoginParams)
async def login(call: Call, params: LoginParams) -> Any:
    """GET: the login page. POST: log in."""
    servicer = call.servicer
    if call.request.method != "POST":
        return _page(login_page())
    if is_foreign(call.request):
        raise Forbidden
    account = await servicer.sessions.check(params.username.strip(), params.password, call.address)
    try:
        await servicer.agents.others(account.uid)  # before anything is changed
        old = call.request.cookies.get(COOKIE, "")
        token, begun = await servicer.sessions.log_in(account.uid, old, call.address)
        await servicer.agents.put_out_others(begun)
    except GatewayError:
        raise Refused("客服未启用，请联系管理员") from None
    envelope = success(Family.MODEL, Reply({"servicer_id": account.uid}), servicer.now())
    response = respond(envelope)
    response.set_cookie(
        COOKIE,
        token,
        max_age=int(servicer.sessions.lifetime),
        path="/",
        httponly=True,
        samesite="Lax",
        secure=servicer.web.is_secure(call.request),
    )
    return response


@endpoints.add("login/logout", Params)
async def logout(call: Call, params: Params) -> Any:
    """End the login, and go to the login page."""
    response = web.Response(status=302, headers={"Location": LOGIN_PATH})
    if is_foreign(call.request):
        return response
    ended = await call.servicer.sessions.log_out(call.request.cookies.get(COOKIE, ""))
    if ended is not None:
        call.servicer.pusher.run(call.servicer.agents.left(ended))
    response.del_cookie(COOKIE, path="/", httponly=True, samesite="Lax")
    return response


def _page(html: str) -> web.Response:
    response = web.Response(text=html, content_type="text/html")
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Frame-Options"] = "DENY"
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response
