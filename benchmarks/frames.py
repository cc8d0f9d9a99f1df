"""WebSocket frames as bytes: what the load generator sends and what it expects. No I/O.

Frames are built before the measurement starts, so that the generator does no work per message but
the two system calls.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field

TEXT = 0x1
BINARY = 0x2
CLOSE = 0x8
PING = 0x9
PONG = 0xA

PAYLOAD_SIZE = 200
"""Bytes of a benchmark text."""

_FILLER = b"abcdefghijklmnopqrstuvwxyz" * 8


class FrameError(Exception):
    """The server sent what a WebSocket server must not send."""


def text_payload(tag: str, number: int, sequence: int, size: int = PAYLOAD_SIZE) -> bytes:
    """A text of ``size`` bytes that starts with ``tag`` and differs by number and sequence."""
    head = f"{tag}{number:06x}:{sequence:08x}:".encode()
    return (head + _FILLER)[:size]


def server_frame(payload: bytes, opcode: int = TEXT) -> bytes:
    """An unfragmented, unmasked frame (RFC 6455 section 5.2)."""
    return _header(opcode, len(payload), 0) + payload


def client_frame(payload: bytes, opcode: int = TEXT) -> bytes:
    """An unfragmented frame, masked with a random key as a client must do."""
    key = os.urandom(4)
    length = len(payload)
    pad = (key * (length // 4 + 1))[:length]
    masked = (int.from_bytes(payload, "big") ^ int.from_bytes(pad, "big")).to_bytes(length, "big")
    return _header(opcode, length, 0x80) + key + masked


def _header(opcode: int, length: int, mask_bit: int) -> bytes:
    first = (0x80 | opcode).to_bytes(1, "big")
    if length < 126:
        return first + (mask_bit | length).to_bytes(1, "big")
    if length < 65536:
        return first + (mask_bit | 126).to_bytes(1, "big") + length.to_bytes(2, "big")
    return first + (mask_bit | 127).to_bytes(1, "big") + length.to_bytes(8, "big")


def payload(frame: bytes) -> bytes:
    """What is in a whole server frame."""
    return frame[{126: 4, 127: 10}.get(frame[1], 2) :]


@dataclass(slots=True)
class Received:
    """What `split` found: frames as received, headers included."""

    data: list[bytes] = field(default_factory=list)
    pings: list[bytes] = field(default_factory=list)  # payloads
    close: bytes | None = None  # payload
    rest: bytes = b""  # the beginning of an incomplete frame


def split(received: bytes) -> Received:
    """Take the bytes of a server apart into frames.

    Raises:
        FrameError: a masked or fragmented frame, or a reserved bit.
    """
    found = Received()
    position = 0
    while len(received) - position >= 2:
        first, second = received[position], received[position + 1]
        if first & 0xF0 != 0x80:
            raise FrameError(f"fragment or reserved bits: first byte 0x{first:02x}")
        if second & 0x80:
            raise FrameError("masked server frame")
        length, body = second, position + 2
        if second >= 126:
            body += 2 if second == 126 else 8
            if body > len(received):
                break
            length = int.from_bytes(received[position + 2 : body], "big")
        end = body + length
        if end > len(received):
            break
        opcode = first & 0x0F
        if opcode in (TEXT, BINARY):
            found.data.append(received[position:end])
        elif opcode == PING:
            found.pings.append(received[body:end])
        elif opcode == CLOSE:
            found.close = received[body:end]
        position = end
    found.rest = received[position:]
    return found
