"""A plain ZeroMQ socket on the event loop, several times cheaper than ``zmq.asyncio``.

ZeroMQ signals through one edge-triggered file descriptor: after every wake-up, and after every
send, the socket must be read until it is empty, or messages lie there unnoticed (libzmq's
documentation of ZMQ_FD).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import zmq

_BATCH = 64
"""Messages taken in one turn of the loop, so that a flood leaves time for everybody else."""


# Plain ints: arithmetic on pyzmq's flags makes a new enum member each time.
_EVENTS = int(zmq.EVENTS)
_POLLIN = int(zmq.POLLIN)
_NOBLOCK = int(zmq.NOBLOCK)


class Drain:
    """Reads a socket whenever it may have messages.

    Args:
        socket: the socket; stays the owner's, who closes it after ``stop``.
        take: called with the parts of each message.
        after: called once when the turn's messages have been taken, if there were any.
    """

    __slots__ = ("_after", "_loop", "_scheduled", "_socket", "_stopped", "_take")

    def __init__(
        self,
        socket: zmq.Socket[bytes],
        take: Callable[[list[bytes]], None],
        after: Callable[[], None] | None = None,
    ) -> None:
        self._socket = socket
        self._take = take
        self._after = after
        self._loop = asyncio.get_running_loop()
        self._scheduled = False
        self._stopped = False
        self._loop.add_reader(socket.fileno(), self._run)
        self.look()

    def look(self) -> None:
        """Must be called after every send on the socket, once per turn is enough."""
        if self._scheduled or self._stopped:
            return
        if int(self._socket.get(_EVENTS)) & _POLLIN:
            self._scheduled = True
            self._loop.call_soon(self._run)

    def stop(self) -> None:
        """Stop reading; idempotent. Must be called before the socket is closed."""
        if not self._stopped:
            self._stopped = True
            self._loop.remove_reader(self._socket.fileno())

    def _run(self) -> None:
        self._scheduled = False
        taken = 0
        is_empty = False
        take = self._take
        receive = self._socket.recv_multipart
        try:
            while taken < _BATCH:
                if self._stopped:
                    return
                message = receive(_NOBLOCK)
                taken += 1
                take(message)
        except zmq.Again:
            is_empty = True
        finally:
            if taken and self._after is not None and not self._stopped:
                self._after()
            if not is_empty:
                self.look()
