"""HTTP connections of the load generator: kept alive, one request at a time, over bare sockets."""

from __future__ import annotations

import http.client
import json
import os
import re
import socket
import struct
import urllib.parse
from collections.abc import Mapping
from typing import Any

from . import frames

READ_SIZE = 262144
TIMEOUT = 15.0
"""Seconds that a call of the preparations may take."""

_TIMEVAL = struct.pack("ll", int(TIMEOUT), 0)
_LENGTH = re.compile(rb"\r\nContent-Length: (\d+)\r\n", re.IGNORECASE)
_KEY = "dGhlIHNhbXBsZSBub25jZQ=="


class LineError(Exception):
    """The server refused or closed a connection."""


class Line:
    """One connection.

    Attributes:
        fd: of the socket, which does not block.
    """

    __slots__ = ("_missing", "_parts", "fd", "socket")

    def __init__(self, address: tuple[str, int]) -> None:
        self.socket = socket.create_connection(address)
        self.socket.setblocking(False)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.fd = self.socket.fileno()
        self._parts: list[bytes] = []  # of a head, or of a body while bytes of it are missing
        self._missing = 0

    def send(self, request: bytes) -> None:
        """Send a whole request; the one before must have been answered."""
        if os.write(self.fd, request) != len(request):
            raise LineError("a request did not fit into the socket's buffer")

    def receive(self) -> bytes | None:
        """Take what has come; the answer's body, once it is complete.

        Raises:
            LineError: the connection was closed, or the status is not 200.
        """
        data = os.read(self.fd, READ_SIZE)
        if not data:
            raise LineError("the server closed a connection")
        if self._missing:
            self._parts.append(data)
            self._missing -= len(data)
            if self._missing > 0:
                return None
            body = b"".join(self._parts)
            self._missing = 0
            self._parts.clear()
            return body
        if self._parts:
            data = self._parts.pop() + data
        head = data.find(b"\r\n\r\n")
        if head < 0:
            self._parts.append(data)
            return None
        length = _LENGTH.search(data, 0, head + 2)
        if length is None or not data.startswith(b"HTTP/1.1 200 "):
            raise LineError(f"not an answer: {data[:300]!r}")
        body = data[head + 4 :]
        missing = int(length[1]) - len(body)
        if missing <= 0:
            return body
        self._missing = missing
        self._parts.append(body)
        return None

    def close(self) -> None:
        """Let it go."""
        self.socket.close()


def post(address: tuple[str, int], path: str, body: bytes, **headers: str) -> bytes:
    """The bytes of a POST request with a form."""
    lines = [
        f"POST {path} HTTP/1.1",
        f"Host: {address[0]}:{address[1]}",
        "Content-Type: application/x-www-form-urlencoded",
        f"Content-Length: {len(body)}",
        *(f"{name.replace('_', '-')}: {value}" for name, value in headers.items()),
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body


def get(address: tuple[str, int], path: str, params: Mapping[str, Any], **headers: str) -> bytes:
    """The bytes of a GET request."""
    lines = [
        f"GET {path}?{urllib.parse.urlencode(params)} HTTP/1.1",
        f"Host: {address[0]}:{address[1]}",
        *(f"{name.replace('_', '-')}: {value}" for name, value in headers.items()),
    ]
    return "\r\n".join([*lines, "", ""]).encode()


def call(
    address: tuple[str, int], path: str, params: Mapping[str, Any], **headers: str
) -> tuple[dict[str, Any], str]:
    """Call an endpoint, to prepare something.

    Returns:
        The data of its answer, and the cookies that it has set.

    Raises:
        LineError: it refused.
    """
    connection = http.client.HTTPConnection(*address, timeout=TIMEOUT)
    try:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        sent["Content-Type"] = "application/x-www-form-urlencoded"
        connection.request("POST", path, urllib.parse.urlencode(params), sent)
        response = connection.getresponse()
        text = response.read()
        cookies = [line.partition(";")[0] for line in response.msg.get_all("Set-Cookie", [])]
    finally:
        connection.close()
    if response.status != 200 or (answer := json.loads(text))["code"] != 0:
        raise LineError(f"{path} answered {response.status} {text[:300]!r}")
    return answer["data"], "; ".join(cookies)


class Listener:
    """A WebSocket that only listens.

    Args:
        address: host and port.
        path: of the service.

    Attributes:
        client_id: what its ``init`` says.
        fd: of the socket, which does not block.
    """

    def __init__(self, address: tuple[str, int], path: str) -> None:
        self.socket = socket.create_connection(address)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, _TIMEVAL)
        self.fd = self.socket.fileno()
        self._rest = b""
        self.socket.sendall(
            f"GET {path} HTTP/1.1\r\nHost: {address[0]}:{address[1]}\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Key: {_KEY}\r\n"
            "Sec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        head = b""
        while b"\r\n\r\n" not in head:
            head += self._recv()
        status, _, self._rest = head.partition(b"\r\n\r\n")
        if not status.startswith(b"HTTP/1.1 101 "):
            raise LineError(f"handshake refused: {status[:200]!r}")
        found = self._split(b"")
        while not found:
            found = self._split(self._recv())
        init = json.loads(frames.payload(found[0]))
        self.client_id: str = init["data"]["client_id"]
        self.socket.setblocking(False)

    def receive(self) -> list[bytes]:
        """The complete data frames that have come; pings are answered.

        Raises:
            LineError: the socket was closed.
        """
        return self._split(self._recv())

    def _recv(self) -> bytes:
        data = os.read(self.fd, READ_SIZE)
        if not data:
            raise LineError("the server closed a WebSocket")
        return data

    def _split(self, data: bytes) -> list[bytes]:
        found = frames.split(self._rest + data if self._rest else data)
        self._rest = found.rest
        for payload in found.pings:
            os.write(self.fd, frames.client_frame(payload, frames.PONG))
        if found.close is not None:
            raise LineError(f"the server closed a WebSocket: {found.close!r}")
        return found.data

    def close(self) -> None:
        """Let it go."""
        self.socket.close()
