"""The shapes of answers (CONTRACT 1.3), and the refusals that become one.

Every answer carries the code, the data and a text; customers read it as ``message``, agents as
``msg`` or ``message``, depending on the endpoint and its age, so agents get both.
"""

from __future__ import annotations

import enum
import json
from typing import Any, NamedTuple

import orjson
from aiohttp import web

ERROR = -1
EMPTY_MESSAGE = -2
PARAMETER_ERROR = -10006
TOKEN_ERROR = -10009
TOKEN_EXPIRED = -10010

SUCCESS = "操作成功"

_HEADERS = {"Content-Type": "application/json; charset=utf-8", "Cache-Control": "no-store"}
_plain = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


class Family(enum.Enum):
    """Which envelope an endpoint answers with."""

    CUSTOMER = "customer"
    """``{"code", "message", "data", "timestamp"}``"""
    RESULT = "result"
    """``{"code", "data", "msg", "message"}``; the text of a success is empty."""
    MODEL = "model"
    """As RESULT, but a success says so."""


class Reply(NamedTuple):
    """A success.

    Args:
        data: any JSON value.
        text: None: the family's own words.
    """

    data: Any = ""
    text: str | None = None


class Refused(Exception):
    """A request that is answered with an error.

    Args:
        text: for the user.
        code: below 0.
        data: where the contract wants the text in ``data`` too, or something else.
        more: further keys of the envelope.
    """

    status = 200
    """Of the HTTP answer. Old clients look at nothing else than the envelope of a 200."""

    def __init__(self, text: str, code: int = ERROR, data: Any = "", **more: Any) -> None:
        super().__init__(text)
        self.text = text
        self.code = code
        self.data = data
        self.more = more

    @classmethod
    def in_data(cls, text: str) -> Refused:
        """One whose text the original's clients look for in ``data``."""
        return cls(text, data=text)


class Forbidden(Refused):
    """Another site made an agent's browser send the request."""

    status = 403

    def __init__(self) -> None:
        super().__init__("非法请求")


class TooLarge(Refused):
    """More was sent than is taken."""

    status = 413

    def __init__(self) -> None:
        super().__init__("请求内容过大")


class Busy(Refused):
    """Nothing was stored: no client must take the answer for a success or a rule."""

    status = 503

    def __init__(self) -> None:
        super().__init__("系统繁忙，请稍后再试")


def success(family: Family, reply: Reply, now: float) -> dict[str, Any]:
    """The envelope of a success at Unix time ``now``."""
    text = reply.text
    if text is None:
        text = "" if family is Family.RESULT else SUCCESS
    return _envelope(family, 0, text, reply.data, now)


def failure(family: Family, refused: Refused, now: float) -> dict[str, Any]:
    """The envelope of a refusal at Unix time ``now``."""
    envelope = _envelope(family, refused.code, refused.text, refused.data, now)
    return {**envelope, **refused.more}


def _envelope(family: Family, code: int, text: str, data: Any, now: float) -> dict[str, Any]:
    if family is Family.CUSTOMER:
        return {"code": code, "message": text, "data": data, "timestamp": int(now)}
    return {"code": code, "data": data, "msg": text, "message": text}


def page(rows: list[Any], count: int, limit: int) -> dict[str, Any]:
    """A page of a list (CONTRACT 1.4).

    Args:
        rows: those on this page, [] past the last.
        count: rows on all pages.
        limit: rows per page, at least 1.
    """
    return {"page_count": -(-count // limit), "count": count, "list": rows}


def to_json(value: Any) -> bytes:
    """A JSON text, compact and in UTF-8."""
    try:
        return orjson.dumps(value)
    except TypeError:  # a key or a number that only the standard library takes
        return _plain.encode(value).encode()


def respond(envelope: dict[str, Any], status: int = 200) -> web.Response:
    """The HTTP answer with an envelope."""
    return web.Response(body=to_json(envelope), status=status, headers=_HEADERS)
