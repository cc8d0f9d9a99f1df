"""Client ids: 20 lowercase hex digits that carry the address of the gateway that holds the socket.

Layout, big-endian: IPv4 address of the gateway's inner endpoint (4 bytes), its port (2 bytes),
connection number (4 bytes, random and unused). The length and layout are those of PHP
GatewayWorker, so that existing programs and columns fit; clients treat the id as opaque text.
"""

from __future__ import annotations

import ipaddress
import re

_CLIENT_ID = re.compile(r"[0-9a-f]{20}")


def prefix(host: str, port: int) -> str:
    """The first 12 digits, common to all ids of the gateway whose inner endpoint is host:port.

    Args:
        host: IPv4 address in dotted form. Names do not fit into an id.
        port: 1-65535.

    Raises:
        ValueError: host is not an IPv4 address, or port is out of range.
    """
    if not 0 < port < 65536:
        raise ValueError(f"port {port} is not in 1-65535")
    return f"{int(ipaddress.IPv4Address(host)):08x}{port:04x}"


def make(gateway_prefix: str, number: int) -> str:
    """The id of connection ``number`` (32 bit) of the gateway with this prefix."""
    return f"{gateway_prefix}{number:08x}"


def parse(client_id: str) -> tuple[str, int]:
    """Split an id into the gateway's prefix (12 digits) and the connection number.

    Raises:
        ValueError: not 20 lowercase hex digits.
    """
    if not isinstance(client_id, str) or not _CLIENT_ID.fullmatch(client_id):
        raise ValueError("a client id has 20 lowercase hex digits")
    return client_id[:12], int(client_id[12:], 16)


def address(gateway_prefix: str) -> str:
    """The ``host:port`` that a prefix stands for, for messages to people."""
    host = ipaddress.IPv4Address(int(gateway_prefix[:8], 16))
    return f"{host}:{int(gateway_prefix[8:], 16)}"
