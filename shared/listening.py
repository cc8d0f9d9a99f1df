"""Listening sockets, made by the supervisor and handed to its children.

The supervisor keeps them open, so that what the kernel has queued on one is not reset when a child
is replaced.
"""

from __future__ import annotations

import socket
from collections.abc import Collection

from .setting_names import refuse

BACKLOG = 4096
"""Connections that may wait to be accepted; the kernel's own limit (somaxconn) comes on top."""


def probe(setting: str, host: str, port: int) -> None:
    """See that nobody listens at host:port.

    SO_REUSEPORT alone would not tell: a second installation of the same user could join the port
    and take half of the connections.

    Raises:
        SettingsError: naming ``setting``.
    """
    if port:
        _bind(setting, host, port, reuse_port=False).close()


def listen(setting: str, host: str, port: int, *, reuse_port: bool = False) -> socket.socket:
    """A listening TCP socket.

    Args:
        setting: name of the setting with the port, for the error.
        port: 0 takes any free one.
        reuse_port: whether others may listen at the same port (SO_REUSEPORT); the kernel spreads
            connections over them.

    Raises:
        SettingsError: the address is taken, not ours, or not allowed; naming ``setting``.
    """
    sock = _bind(setting, host, port, reuse_port=reuse_port)
    sock.listen(BACKLOG)
    sock.setblocking(False)
    return sock


def address(sock: socket.socket) -> str:
    """``host:port`` of a listening socket."""
    host, port = sock.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _bind(setting: str, host: str, port: int, *, reuse_port: bool) -> socket.socket:
    sock = None
    try:
        family, kind, protocol, _, target = socket.getaddrinfo(
            host.strip("[]"), port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        sock = socket.socket(family, kind, protocol)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if reuse_port:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        sock.bind(target)
    except OSError as exc:
        if sock is not None:
            sock.close()
        reason = f"cannot listen at {host}:{port}: {(exc.strerror or str(exc)).lower()}"
        raise refuse(setting, None, reason) from None
    return sock


class Sockets:
    """The listening sockets of one supervisor, kept open through restarts of its children."""

    def __init__(self) -> None:
        self._open: dict[str, tuple[tuple[str, str, int], socket.socket]] = {}

    def get(
        self, key: str, setting: str, host: str, port: int, *, reuse_port: bool = False
    ) -> socket.socket:
        """The socket ``key``; made if it is not open at this address yet.

        Args:
            key: tells sockets at the same port apart.
            reuse_port: whether more of our own sockets share the port.

        Raises:
            SettingsError: see ``listen``.
        """
        wanted = (setting, host, port)
        if key in self._open:
            there, sock = self._open[key]
            if there == wanted:
                return sock
            self._open.pop(key)[1].close()
        siblings = [sock for there, sock in self._open.values() if there == wanted]
        if siblings and not port:
            port = siblings[0].getsockname()[1]
        if reuse_port and not siblings:
            probe(setting, host, port)
        sock = listen(setting, host, port, reuse_port=reuse_port)
        self._open[key] = (wanted, sock)
        return sock

    def keep(self, keys: Collection[str]) -> None:
        """Close all others."""
        for key in [key for key in self._open if key not in keys]:
            self._open.pop(key)[1].close()
