"""Server-to-client WebSocket frames as bytes (RFC 6455 section 5.2; servers do not mask)."""

from __future__ import annotations

TEXT = 1
BINARY = 2
PING = b"\x89\x00"


def frame(opcode: int, payload: bytes) -> bytes:
    """One whole message.

    Args:
        opcode: ``TEXT``, ``BINARY`` or a control opcode.
        payload: at most 125 bytes for control opcodes.
    """
    size = len(payload)
    first = 0x80 | opcode
    if size < 126:
        return bytes((first, size)) + payload
    if size < 65536:
        return bytes((first, 126)) + size.to_bytes(2, "big") + payload
    return bytes((first, 127)) + size.to_bytes(8, "big") + payload
