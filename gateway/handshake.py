"""The opening handshake of an ordinary client, read in one piece (RFC 6455 section 4.2).

Only what is plainly right is answered here, at a fraction of the cost of a general HTTP parser.
Whatever is incomplete, unusual or wrong gives None, and is left to ``websockets``, which decides
and words the refusal.
"""

from __future__ import annotations

import base64
import hashlib
import re
from typing import NamedTuple

from websockets.http11 import MAX_NUM_HEADERS

MAX_SIZE = 8192
"""Largest request that is read here, bytes."""

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455 section 1.3
_REQUEST_LINE = re.compile(rb"GET (/[!-~]*) HTTP/1\.1\Z")
_TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # RFC 9110 section 5.6.2
# Every line matches in one way only, and what cannot match is given up at once (the possessive
# quantifiers): a single request could else keep the process busy for minutes.
_HEADER = re.compile(rb"(" + _TOKEN + rb"):[ \t]*+([!-~](?:[ -~\t]*[!-~])?)?[ \t]*+\Z")
_OPTIONS = re.compile(_TOKEN + rb"(?:[ \t]*,[ \t]*" + _TOKEN + rb")*\Z")
_KEY = re.compile(rb"[A-Za-z0-9+/]{21}[AQgw]==\Z")
_ONCE = (b"upgrade", b"connection", b"sec-websocket-key", b"sec-websocket-version", b"origin")


class Opening(NamedTuple):
    """A handshake that may be accepted.

    Attributes:
        path: of the request, with its query.
        headers: (name, value) in the order of the request, names as they came.
        origin: value of Origin, None without.
        answer: the bytes that accept it.
    """

    path: str
    headers: list[tuple[str, str]]
    origin: str | None
    answer: bytes


def parse(data: bytes) -> Opening | None:
    """Read a whole request; None where it is not one that this module answers."""
    if len(data) > MAX_SIZE or data[-4:] != b"\r\n\r\n":
        return None
    lines = data[:-4].split(b"\r\n")
    request = _REQUEST_LINE.match(lines[0])
    if request is None or len(lines) - 1 > MAX_NUM_HEADERS:
        return None
    headers = []
    special: dict[bytes, bytes] = {}
    for line in lines[1:]:
        match = _HEADER.match(line)
        if match is None:
            return None
        name, value = match.groups(b"")
        lower = name.lower()
        if lower in _ONCE:
            if lower in special:
                return None
            special[lower] = value
        elif lower in (b"content-length", b"transfer-encoding"):
            return None
        headers.append((name.decode(), value.decode()))
    key = special.get(b"sec-websocket-key", b"")
    if (
        special.get(b"upgrade", b"").lower() != b"websocket"
        or special.get(b"sec-websocket-version") != b"13"
        or not _KEY.match(key)
    ):
        return None
    options = special.get(b"connection", b"").lower()
    if not _OPTIONS.match(options) or b"upgrade" not in re.split(rb"[ \t,]+", options):
        return None
    origin = special.get(b"origin")
    return Opening(
        request[1].decode(), headers, None if origin is None else origin.decode(), accept(key)
    )


def accept(key: bytes) -> bytes:
    """The response that accepts a request with this Sec-WebSocket-Key."""
    digest = hashlib.sha1(key + _GUID, usedforsecurity=False).digest()
    return (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + base64.b64encode(digest) + b"\r\n\r\n"
    )
