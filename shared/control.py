"""Control channel: one JSON object per line over a Unix stream socket.

Used between a supervisor and each of its children (a socket pair that ends with either of them),
and between the commands of the start scripts and the running supervisor (a socket in run_dir).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

Message = dict[str, Any]

MAX_LINE = 64 * 1024 * 1024
"""Longest line accepted, bytes: the connections of a supervisor with 100,000 of them."""

_MAX_PATH = 100
"""Longest path used as it is; the kernel's limit for the address of a Unix socket is 108."""


def encode(message: Message) -> bytes:
    """A message as it stands on the channel."""
    return json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


class Channel:
    """One end of a control channel, on an event loop."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, sock: socket.socket, received: bytes = b"") -> Channel:
        """Take over a connected socket.

        Args:
            received: what was read from it before.
        """
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(limit=MAX_LINE, loop=loop)
        reader.feed_data(received)
        protocol = asyncio.StreamReaderProtocol(reader, loop=loop)
        transport, _ = await loop.create_unix_connection(lambda: protocol, sock=sock)
        writer = asyncio.StreamWriter(transport, protocol, reader, loop)
        return cls(reader, writer)

    def send(self, message: Message) -> None:
        """Queue a message. Both sides send little (pings, and answers to them), so this does not
        wait; messages to a peer that is gone are dropped."""
        if not self._writer.is_closing():
            self._writer.write(encode(message))

    async def receive(self) -> Message | None:
        """The next message. None: the other side closed the channel, is gone, or talks rubbish."""
        try:
            line = await self._reader.readuntil(b"\n")
            message = json.loads(line)
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, OSError, ValueError):
            return None
        return message if isinstance(message, dict) else None

    async def flush(self) -> None:
        """Wait until the kernel has what was sent, or the other side is gone."""
        with contextlib.suppress(OSError):
            await self._writer.drain()

    def close(self) -> None:
        """Close this end. What was sent before still leaves. Idempotent."""
        self._writer.close()


def receive_line(sock: socket.socket) -> tuple[Message, bytes]:
    """Read one message from a blocking socket, before there is an event loop.

    Returns:
        The message, and what was read behind it.

    Raises:
        ConnectionError: the other side closed the channel before the end of the line.
    """
    data = b""
    while b"\n" not in data:
        part = sock.recv(65536)
        if not part:
            raise ConnectionError("the control channel was closed")
        data += part
    line, _, rest = data.partition(b"\n")
    return json.loads(line), rest


@contextlib.contextmanager
def _short(path: Path) -> Iterator[str]:
    """``path`` in a form that fits into the address of a Unix socket."""
    if len(os.fsencode(path)) <= _MAX_PATH:
        yield str(path)
        return
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{directory}/{path.name}"
    finally:
        os.close(directory)


def listen(path: Path) -> socket.socket:
    """A listening socket at ``path``, for this user only. The caller holds the lock of run_dir, so
    that a socket that is there already is a dead supervisor's and makes way."""
    path.unlink(missing_ok=True)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)
    try:
        with _short(path) as address:
            sock.bind(address)
    finally:
        os.umask(before)
    sock.listen(16)
    return sock


def request(path: Path, message: Message, timeout: float | None = None) -> Message:
    """Send one command to the supervisor that listens at ``path`` and wait for its answer.

    Args:
        timeout: seconds. None: as long as it takes, for commands that wait for a drain.

    Raises:
        ConnectionError: no supervisor runs there, or it ended before it answered.
        FileNotFoundError: no supervisor ever ran there, or it ended properly.
        TimeoutError: it does not answer.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        sock.settimeout(timeout)
        with _short(path) as address:
            sock.connect(address)
        sock.sendall(encode(message))
        answer, _ = receive_line(sock)
        return answer
