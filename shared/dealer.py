"""One connection to one gateway: a DEALER socket from its birth to its end.

ZeroMQ does not reconnect it: it would come back under a new routing id, without a hello.
"""

from __future__ import annotations

from collections.abc import Callable

import zmq
from zmq.utils.monitor import parse_monitor_message

from . import curve, protocol
from .drain import Drain

_LOST = (
    zmq.EVENT_DISCONNECTED
    | zmq.EVENT_CLOSED
    | zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL
    | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL
    | zmq.EVENT_HANDSHAKE_FAILED_AUTH
)
_WATCHED = _LOST | zmq.EVENT_HANDSHAKE_SUCCEEDED

LINGER = 500
"""Milliseconds for which the last messages of an orderly end may still leave."""


class Dealer:
    """A socket that connects once.

    Args:
        context: the process's ZeroMQ context.
        secret: the installation's secret.
        heartbeat_interval, heartbeat_timeout: of ZeroMQ's own heartbeats, seconds.
        opened: called when both sides have accepted each other's keys.
        take: called with each frame.
        lost: called with the reason, and whether our key was refused; not after ``close``.
    """

    def __init__(
        self,
        context: zmq.Context[zmq.Socket[bytes]],
        secret: str,
        heartbeat_interval: float,
        heartbeat_timeout: float,
        opened: Callable[[], None],
        take: Callable[[bytes], None],
        lost: Callable[[str, bool], None],
    ) -> None:
        self._opened = opened
        self._take = take
        self._lost = lost
        socket = self._socket = context.socket(zmq.DEALER)
        socket.linger = 0
        socket.sndhwm = socket.rcvhwm = 0  # bounded by our own windows, in messages and bytes
        socket.reconnect_ivl = -1
        socket.immediate = True
        socket.maxmsgsize = protocol.MAX_FRAME
        socket.heartbeat_ivl = int(heartbeat_interval * 1000)
        socket.heartbeat_timeout = int(heartbeat_timeout * 1000)
        socket.handshake_ivl = int(heartbeat_timeout * 1000)
        curve.protect_client(socket, curve.peer_keys(secret), curve.gateway_keys(secret).public)
        self._monitor = socket.get_monitor_socket(int(_WATCHED))
        self._monitor_drain = Drain(self._monitor, self._on_monitor)
        self._drain = Drain(socket, self._on_message)

    def connect(self, endpoint: str) -> None:
        """Begin to connect to ``host:port``.

        Raises:
            OSError: no such address.
        """
        try:
            self._socket.connect(f"tcp://{endpoint}")
        except zmq.ZMQError as error:
            raise OSError(error.errno, str(error)) from error

    def send(self, frame: bytes) -> bool:
        """Send a frame; False where there is no connection any more, although nobody said so."""
        try:
            self._socket.send(frame, zmq.NOBLOCK, copy=len(frame) < 65536)
        except zmq.Again:
            return False
        self._drain.look()
        return True

    def close(self, *, linger: bool = False) -> None:
        """Close; once. With ``linger`` what was sent may still leave."""
        self._drain.stop()
        self._monitor_drain.stop()
        self._socket.disable_monitor()
        self._socket.close(LINGER if linger else 0)
        self._monitor.close(0)

    def _on_message(self, parts: list[bytes]) -> None:
        self._take(parts[-1])

    def _on_monitor(self, parts: list[bytes]) -> None:
        event = parse_monitor_message(parts)["event"]
        if event == zmq.EVENT_HANDSHAKE_SUCCEEDED:
            # Takes in the new connection at once; a send alone may do without a look and fail.
            self._socket.get(zmq.EVENTS)
            self._opened()
            return
        refused = event in (zmq.EVENT_HANDSHAKE_FAILED_AUTH, zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL)
        self._lost(str(zmq.Event(event).name).lower().replace("_", " "), refused)
