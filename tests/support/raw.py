"""A WebSocket client that can do everything wrong: bytes in, bytes out."""

from __future__ import annotations

import asyncio
import contextlib
import os
import struct

from tests.support.timing import within

MASK = b"\x01\x02\x03\x04"


def masked(opcode: int, payload: bytes, *, fin: bool = True, reserved: int = 0) -> bytes:
    """A client's frame. ``reserved`` are the bits RSV1-3 in place (0x40, 0x20, 0x10)."""
    first = (0x80 if fin else 0) | reserved | opcode
    size = len(payload)
    if size < 126:
        head = bytes((first, 0x80 | size))
    elif size < 65536:
        head = bytes((first, 0x80 | 126)) + struct.pack("!H", size)
    else:
        head = bytes((first, 0x80 | 127)) + struct.pack("!Q", size)
    body = bytes(byte ^ MASK[i % 4] for i, byte in enumerate(payload))
    return head + MASK + body


class RawClient:
    """One TCP connection to a gateway."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def connect(cls, port: int) -> RawClient:
        """Connect, and say nothing."""
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    @classmethod
    async def open(cls, port: int, path: str = "/") -> RawClient:
        """Connect and shake hands."""
        client = await cls.connect(port)
        client.writer.write(
            f"GET {path} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
            "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
            "Sec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        head = await within(client.reader.readuntil(b"\r\n\r\n"))
        assert head.startswith(b"HTTP/1.1 101"), head
        return client

    def send(self, data: bytes) -> None:
        """Send bytes as they are."""
        self.writer.write(data)

    async def frame(self) -> tuple[int, bytes]:
        """The next frame: opcode and payload."""
        head = await within(self.reader.readexactly(2))
        size = head[1]
        if size == 126:
            size = int.from_bytes(await self.reader.readexactly(2), "big")
        elif size == 127:
            size = int.from_bytes(await self.reader.readexactly(8), "big")
        return head[0] & 15, await within(self.reader.readexactly(size))

    async def close_code(self) -> int:
        """Read on until the close frame, and return its code."""
        while True:
            opcode, payload = await self.frame()
            if opcode == 8:
                return int.from_bytes(payload[:2], "big")

    async def end(self) -> bytes:
        """Everything until the server ends the connection, orderly or not; then close."""
        received = b""
        with contextlib.suppress(ConnectionResetError):
            while data := await within(self.reader.read(65536)):
                received += data
        self.close()
        return received

    def close(self) -> None:
        """Close without a word."""
        self.writer.transport.abort()


def garbage(size: int) -> bytes:
    """Random bytes."""
    return os.urandom(size)
