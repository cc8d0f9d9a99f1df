"""Parameters of requests, whatever way the clients of the original send them (CONTRACT 1.1).

Query and body are merged (the body wins); the body is form-encoded, JSON or multipart, and told
apart by what it holds, because one family of clients sends a header that names two types at once.
Nothing here raises on odd input: what cannot be read counts as not sent, and a number that is no
number becomes ``MALFORMED``, which no id ever is.
"""

from __future__ import annotations

import json
import urllib.parse
from typing import Annotated, Any

from aiohttp import web
from pydantic import BaseModel, BeforeValidator, ConfigDict

MALFORMED = -1
"""Value of a number that cannot be one: not digits, negative, or beyond ``MAX_NUMBER``."""

MAX_NUMBER = 2**31 - 1
"""Largest number taken, the limit of the integer columns."""

MAX_FIELDS = 1000
"""Most fields of one request; the rest is ignored."""

MAX_BODY = 1024 * 1024
"""Largest body that is not an upload, bytes."""

MAX_SEARCH = 200
"""Characters of a text that is looked for; the rest does not count."""

_ABSENT = frozenset(("", "null", "undefined"))


async def read_params(request: web.Request) -> dict[str, Any]:
    """All parameters of a request by name, of a body that is not multipart (``multipart.py``).
    Values of JSON bodies keep their types.

    Raises:
        web.HTTPRequestEntityTooLarge: the body is too large.
    """
    found: dict[str, Any] = dict(request.query) if request.query_string else {}
    if request.body_exists:
        # By its length first: what is too large need not be received.
        length = request.content_length or 0
        if length > MAX_BODY or len(body := await request.read()) > MAX_BODY:
            raise web.HTTPRequestEntityTooLarge(MAX_BODY, length or MAX_BODY + 1)
        found.update(parse_body(body))
    return found


def parse_body(body: bytes) -> dict[str, Any]:
    """Parameters of a body that is a JSON object or form-encoded, whatever its header says."""
    text = body.decode("utf-8", "replace").lstrip("\ufeff \t\r\n")
    if text.startswith("{"):
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            pass
        else:
            if isinstance(value, dict):
                return value
    found = {}
    for pair in text.split("&", MAX_FIELDS)[:MAX_FIELDS]:
        name, _, value = pair.partition("=")
        if pair:
            found[_unquote(name)] = _unquote(value)
    return found


def _unquote(text: str) -> str:
    """As ``urllib.parse.parse_qsl`` does it, which takes several times as long for all else."""
    if "+" in text:
        text = text.replace("+", " ")
    return urllib.parse.unquote(text) if "%" in text else text


def to_number(value: Any) -> int:
    """A number as clients write it: ``3``, ``"3"``, ``3.0``; nothing, null, undefined are 0."""
    if value is None:
        return 0
    if isinstance(value, str):
        value = value.strip()
        if value in _ABSENT:
            return 0
        if not (value.isascii() and value.isdigit() and len(value) <= 20):
            return MALFORMED
        value = int(value)
    elif isinstance(value, float):
        value = int(value) if value.is_integer() else MALFORMED
    elif isinstance(value, bool) or not isinstance(value, int):
        return MALFORMED
    return value if 0 <= value <= MAX_NUMBER else MALFORMED


def to_text(value: Any) -> str:
    """A text that every database can hold: valid Unicode without NUL."""
    if not isinstance(value, str):
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return str(value) if is_number else ""
    if value.isascii() and "\0" not in value:
        return value
    return value.encode("utf-8", "replace").decode().replace("\0", "")


def to_word(value: Any) -> str:
    """A text that stands for something (a token, an id): ``null`` and ``undefined`` are none."""
    text = to_text(value).strip()
    return "" if text in _ABSENT else text


def to_search(value: Any) -> str:
    """A text that is looked for. Nothing that is searched has longer names, and databases refuse
    patterns that are too long."""
    return to_word(value)[:MAX_SEARCH]


def to_json_text(value: Any) -> str:
    """A text with JSON in it, which JSON bodies may also carry as a value."""
    if isinstance(value, dict | list):
        try:
            value = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        except RecursionError:  # nested nearly as deep as can be read
            return ""
    return to_word(value)


Number = Annotated[int, BeforeValidator(to_number)]
Text = Annotated[str, BeforeValidator(to_text)]
Word = Annotated[str, BeforeValidator(to_word)]
Search = Annotated[str, BeforeValidator(to_search)]
JsonText = Annotated[str, BeforeValidator(to_json_text)]


class Params(BaseModel):
    """Base of the parameters of an endpoint; what it does not name is ignored."""

    model_config = ConfigDict(extra="ignore")


class Paged(Params):
    """Parameters of a paged list."""

    page: Number = 1

    @property
    def page_number(self) -> int:
        """The page asked for, from 1; 0 and what is malformed is the first."""
        return max(self.page, 1)


def limit_of(value: int, default: int, most: int = 100) -> int:
    """Rows per page: ``default`` where none or nonsense is asked for, at most ``most``."""
    return min(value, most) if value > 0 else default
