"""The Sans-I/O protocol of ``websockets``, with what a connection needs beyond it.

The library reads frames and keeps their rules. Added here: whole messages, their UTF-8 (which it
leaves to its caller), and whether it stands between two messages, so that it can be dropped.
"""

from __future__ import annotations

import logging
from collections.abc import Generator
from typing import Any

from websockets.frames import Frame, Opcode
from websockets.protocol import OPEN, Protocol, Side
from websockets.server import ServerProtocol

_quiet = logging.getLogger("kefu.websockets")
_quiet.setLevel(logging.CRITICAL)


MAX_HANDSHAKE = 64 * 1024
"""Bytes of a request at most. The library alone would keep a megabyte of headers."""


class WebSocket(Protocol):
    """An open connection.

    Attributes:
        messages: (opcode, payload) of what came whole; whoever takes them puts a new list here.
        is_between_messages: no message or frame has come in part.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.messages: list[tuple[int, bytes]] = []
        self.is_between_messages = False
        self._opcode = Opcode.TEXT
        # Not a list of fragments: it would grow with empty ones, which no size limit stops.
        self._begun: bytearray | None = None
        super().__init__(*args, **kwargs)

    def parse(self) -> Generator[None]:
        """Read frames; called by the library, after the handshake if there is one."""
        self.is_between_messages = not self.reader.buffer
        yield from super().parse()

    def receive_data(self, data: bytes | bytearray) -> None:
        """Take what came from the network."""
        self.is_between_messages = False
        super().receive_data(data)

    def recv_frame(self, frame: Frame) -> None:
        """Take a frame; called by the library, which fails the connection with 1007 when this
        raises UnicodeDecodeError, so that nothing after bad text is answered or forwarded."""
        super().recv_frame(frame)
        if frame.opcode in (Opcode.TEXT, Opcode.BINARY):
            self._opcode = frame.opcode
            if frame.fin:
                self._take(bytes(frame.data))
            else:
                self._begun = bytearray(frame.data)
        elif frame.opcode is Opcode.CONT and self._begun is not None:
            self._begun += frame.data
            if frame.fin:
                payload, self._begun = bytes(self._begun), None
                self._take(payload)
        self.is_between_messages = self._begun is None and not self.reader.buffer

    def _take(self, payload: bytes) -> None:
        if self._opcode is Opcode.TEXT:
            payload.decode()
        self.messages.append((int(self._opcode), payload))


class Handshake(ServerProtocol, WebSocket):
    """A connection from its first byte on.

    Attributes:
        is_too_large: more than ``MAX_HANDSHAKE`` bytes have come.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._received = 0
        super().__init__(*args, **kwargs)

    def receive_data(self, data: bytes | bytearray) -> None:
        """Take what came from the network."""
        self._received += len(data)
        super().receive_data(data)

    @property
    def is_too_large(self) -> bool:
        return self._received > MAX_HANDSHAKE


def beginning(origins: list[Any] | None, max_size: int) -> Handshake:
    """The protocol of a connection whose handshake is still to come.

    Args:
        origins: what ``ServerProtocol`` takes; None = all.
        max_size: of messages, bytes.
    """
    return Handshake(origins=origins, max_size=max_size, logger=_quiet)


def opened(max_size: int) -> WebSocket:
    """The protocol of a connection that is open already; ``max_size`` as above."""
    return WebSocket(Side.SERVER, state=OPEN, max_size=max_size, logger=_quiet)
