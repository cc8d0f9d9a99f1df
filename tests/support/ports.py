"""Free TCP ports on loopback that stay ours while several test runs share a machine."""

from __future__ import annotations

import random
import socket

_FIRST, _LAST = 12000, 32000
"""Below the range from which the kernel takes ports for outgoing connections."""


class Ports:
    """Reserves ports until ``close``.

    A port is reserved by binding its UDP namesake, which nobody else uses: the port itself stays
    free for the processes under test, also while they are restarted.
    """

    def __init__(self) -> None:
        self._held: list[socket.socket] = []

    def take(self, count: int = 1) -> int:
        """The first of ``count`` neighbouring ports."""
        for _ in range(200):
            first = random.randrange(_FIRST, _LAST)
            held = [self._reserve(first + i) for i in range(count)]
            good = [sock for sock in held if sock is not None]
            if len(good) == count:
                self._held += good
                return first
            for sock in good:
                sock.close()
        raise RuntimeError("no free ports")

    def close(self) -> None:
        """Give them back."""
        for sock in self._held:
            sock.close()
        self._held.clear()

    def _reserve(self, port: int) -> socket.socket | None:
        reservation = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                reservation.bind(("127.0.0.1", port))
                probe.bind(("127.0.0.1", port))
            except OSError:
                reservation.close()
                return None
        return reservation
