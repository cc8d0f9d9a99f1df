"""The handshake of a client, as ``on_websocket_connect`` gets it."""

from __future__ import annotations

import urllib.parse
from collections.abc import Sequence
from typing import NamedTuple


class Request(NamedTuple):
    """What the client asked for when it opened its socket.

    Args:
        path: path of the URL, percent-encoded as it came, without the query.
        query: parameters of the query, decoded; the last value of a repeated one.
        headers: value by lower-case name; values of a repeated header are joined with ``, ``
            (RFC 9110 section 5.2), of ``cookie`` with ``; ``.
        cookies: value by name, as they came; the first of a repeated one, as in most frameworks
            (a browser sends the one with the longest path first).
    """

    path: str
    query: dict[str, str]
    headers: dict[str, str]
    cookies: dict[str, str]

    @classmethod
    def parse(cls, path: str, query: str, headers: Sequence[Sequence[str]]) -> Request:
        """Of the parts that a gateway sends; never fails, whatever the client wrote.

        Args:
            path: as the attribute.
            query: undecoded, without the question mark.
            headers: pairs of name and value.
        """
        found: dict[str, str] = {}
        for name, value in headers:
            key = name.lower()
            joint = "; " if key == "cookie" else ", "
            found[key] = f"{found[key]}{joint}{value}" if key in found else value
        try:
            parameters = dict(urllib.parse.parse_qsl(query, keep_blank_values=True))
        except ValueError:  # more fields than urllib takes
            parameters = {}
        return cls(path, parameters, found, _cookies(found.get("cookie", "")))


def _cookies(header: str) -> dict[str, str]:
    cookies: dict[str, str] = {}
    for pair in header.split(";"):
        name, equals, value = pair.partition("=")
        if equals:
            value = value.strip()
            if len(value) >= 2 and value[0] == value[-1] == '"':
                value = value[1:-1]
            cookies.setdefault(name.strip(), value)
    return cookies
