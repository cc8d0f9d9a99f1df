"""A transport, a gateway and a routing that only record, for tests without sockets."""

from __future__ import annotations

import asyncio
from typing import Any, cast

from gateway.connection import OPEN, WAITING, Connection
from gateway.hub import Service
from gateway.server import Gateway
from shared.child import as_settings
from shared.protocol import ServiceOptions

MASK = b"\x37\xfa\x21\x3d"

TEXT, BINARY, CONT, CLOSE, PING, PONG = 1, 2, 0, 8, 9, 10


def client_frame(
    opcode: int,
    payload: bytes = b"",
    *,
    fin: bool = True,
    rsv: int = 0,
    mask: bytes | None = MASK,
    length: int | None = None,
    form: int = 0,
) -> bytes:
    """A frame as a client sends it, or as it should not.

    Args:
        opcode: of RFC 6455 section 5.2.
        payload: before masking.
        fin: last fragment.
        rsv: reserved bits, 0-7.
        mask: the key; None for a frame without mask.
        length: what the header says; None = the truth.
        form: 126 or 127 for that form of length, whether or not it is needed.
    """
    size = len(payload) if length is None else length
    head = bytes(((0x80 if fin else 0) | rsv << 4 | opcode,))
    bit = 0 if mask is None else 0x80
    if form == 127 or (not form and size > 65535):
        head += bytes((bit | 127,)) + size.to_bytes(8, "big")
    elif form == 126 or (not form and size > 125):
        head += bytes((bit | 126,)) + size.to_bytes(2, "big")
    else:
        head += bytes((bit | size,))
    if mask is None:
        return head + payload
    return head + mask + bytes(b ^ mask[i % 4] for i, b in enumerate(payload))


def server_frames(data: bytes) -> list[tuple[int, bytes]]:
    """(opcode, payload) of each frame that a server wrote."""
    found = []
    while data:
        size, start = data[1], 2
        if size == 126:
            size, start = int.from_bytes(data[2:4], "big"), 4
        elif size == 127:
            size, start = int.from_bytes(data[2:10], "big"), 10
        assert data[0] & 0xF0 == 0x80, "servers send whole messages"
        assert len(data) >= start + size
        found.append((data[0] & 15, data[start : start + size]))
        data = data[start + size :]
    return found


def settings_of(port: int, secret: Any = "s" * 40, **settings: Any) -> Any:
    """What a gateway needs to know, as it is told by its supervisor.

    Args:
        port: inner port.
        secret: one, or a pair.
        settings: to be changed; a dict for a group of settings.
    """
    usual: dict[str, Any] = {
        "secret": secret,
        "trusted_proxies": [],
        "register": {"addresses": []},
        "tls": {"certificate": "", "key": ""},
        "gateway": {
            "lan_ip": "127.0.0.1",
            "lan_port": port,
            "lan_listen": "",
            "max_message_size": 65536,
            "max_send_buffer": 2**20,
            "max_connections": 0,
            "max_connections_per_address": 0,
            "allowed_origins": [],
            "router": "least",
            "ping_interval": 0,
            "ping_not_response_limit": 1,
            "handshake_timeout": 10,
            "worker_wait": 5,
            "default_service": "servicer",
        },
        "inner": {"heartbeat_interval": 5.0, "heartbeat_timeout": 15.0},
    }
    for name, value in settings.items():
        usual[name] = {**usual[name], **value} if isinstance(value, dict) else value
    return as_settings(usual)


class FakeTransport(asyncio.Transport):
    """Keeps what is written. ``break_`` ends it as the other side or the network would."""

    def __init__(self, peer: tuple[str, int] = ("192.0.2.7", 4711)) -> None:
        super().__init__({"peername": peer})
        self.written = b""
        self.writes = 0
        self.closed = False
        self.aborted = False
        self.reading = True
        self.buffered = 0
        self.protocol: Connection | None = None

    def write(self, data: Any) -> None:
        assert not self.closed, "written to a transport that closes"
        self.written += data
        self.writes += 1

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = self.aborted = True

    def is_closing(self) -> bool:
        return self.closed

    def is_reading(self) -> bool:
        return self.reading and not self.closed

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    def get_write_buffer_size(self) -> int:
        return self.buffered

    def break_(self, exc: Exception | None = None) -> None:
        """The end of the connection."""
        self.closed = True
        assert self.protocol is not None
        self.protocol.connection_lost(exc)

    def take(self) -> bytes:
        """What was written since the last time."""
        written, self.written = self.written, b""
        return written


class FakeRouting:
    """Takes messages as long as there is space.

    Attributes:
        space: how many it takes; None = all.
        messages: (opcode, payload) of those taken.
        blocked: clients that wait for space, in order.
    """

    def __init__(self) -> None:
        self.space: int | None = None
        self.messages: list[tuple[int, bytes]] = []
        self.blocked: list[Connection] = []

    def message(self, client: Connection, opcode: int, payload: bytes) -> bool:
        if self.space is not None:
            if not self.space:
                return False
            self.space -= 1
        self.messages.append((opcode, payload))
        return True

    def block(self, client: Connection) -> None:
        self.blocked.append(client)

    def give_space(self, count: int | None) -> None:
        """There is space for so many more; whoever waited goes on."""
        self.space = count
        blocked, self.blocked = self.blocked, []
        for client in blocked:
            client.resume()


class FakeGateway:
    """What a connection needs of its gateway; gives every client to ``service`` at once.

    Attributes:
        opens: whether clients are opened at the end of their handshake.
        greeting: a frame that a worker sends to each client at once.
        requests: (path, headers) of the handshakes.
        written: sizes of what connections wrote by themselves.
        left_with: (code, reason, was open) of clients that can no longer be reached.
    """

    prefix = "7f0000010b54"

    def __init__(self, service: Service[Connection] | None = None) -> None:
        self.service = service or make_service()
        self.opens = True
        self.greeting = b""
        self.origins: list[Any] | None = None
        self.max_message_size = 65536
        self.messages_in = 0
        self.handshakes_refused = 0
        self.dirty: list[Connection] = []
        self.routing = FakeRouting()
        self.requests: list[tuple[str, list[tuple[str, str]]]] = []
        self.left_with: list[tuple[int, str, bool]] = []
        self.closing_clients: list[Connection] = []
        self.lost: list[Connection] = []
        self.written: list[int] = []

    def connection_made(self, client: Connection) -> None:
        pass

    def connection_ready(
        self, client: Connection, path: str, headers: list[tuple[str, str]]
    ) -> None:
        assert client.state == WAITING
        self.requests.append((path, headers))
        if self.opens:
            self.open(client)

    def open(self, client: Connection) -> None:
        client.service = self.service
        client.opened(1 + len(self.requests))
        if self.greeting:
            client.send(self.greeting)
            client.flush()

    def left(self, client: Connection, was_open: bool) -> None:
        self.left_with.append((client.close_code, client.close_reason, was_open))

    def closing(self, client: Connection) -> None:
        self.closing_clients.append(client)

    def wrote(self, client: Connection, written: int) -> None:
        self.written.append(written)

    def connection_lost(self, client: Connection) -> None:
        self.lost.append(client)

    def flush(self) -> None:
        """The end of a turn."""
        dirty, self.dirty = self.dirty, []
        for client in dirty:
            client.flush()


def make_service(
    *hooks: str, name: str = "servicer", heartbeat: str | None = "ping", unbound: float = 0
) -> Service[Connection]:
    """A service with these hooks; on_message if none are given."""
    service: Service[Connection] = Service(name)
    service.declare(frozenset(hooks or ("on_message",)), ServiceOptions(heartbeat, unbound))
    return service


def connect(
    gateway: FakeGateway, kind: type[Connection] = Connection
) -> tuple[Connection, FakeTransport]:
    """A connection whose socket was just accepted."""
    connection = kind(cast(Gateway, gateway))
    transport = FakeTransport()
    transport.protocol = connection
    connection.connection_made(transport)
    return connection, transport


def open_connection(
    gateway: FakeGateway, kind: type[Connection] = Connection
) -> tuple[Connection, FakeTransport]:
    """A connection after its handshake."""
    connection, transport = connect(gateway, kind)
    connection.state = WAITING
    gateway.open(connection)
    assert connection.state == OPEN
    return connection, transport
