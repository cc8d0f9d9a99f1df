"""The gateway process: what belongs together, and the main path of a client through it.

socket accepted -> handshake -> a worker is chosen -> open -> ... -> left -> gone
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import ipaddress
import logging
import re
import secrets as random_source
import socket
import ssl
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from shared import client_id, close_codes
from shared.close_codes import CloseCode
from shared.errors import SettingsError
from shared.register import RegisterConnection

from .clockwork import Clockwork
from .commands import Commands
from .connection import HANDSHAKE, OPEN, WAITING, Connection, service_name
from .hub import Hub, Service, groups_of
from .peers import Peers
from .register import secrets_of
from .routing import Routing, Worker

if TYPE_CHECKING:
    from shared.child import Child
    from shared.settings import Settings

log = logging.getLogger(__name__)

BACKLOG = 4096
ACCEPTED_PER_TURN = 16

RawHeaders = list[tuple[str, str]]

DEFAULT_SEGMENTS = frozenset(("", "ws", "wss"))
"""First path segments that never wait for a service of their name."""

NEW_SERVICE_WAIT = 3.0
"""Seconds after its start for which a gateway keeps clients of a segment that it does not know yet:
its workers are still coming, and each brings its services."""


class Gateway:
    """Everything of one gateway process.

    Args:
        settings: all settings.
        name: of this process.
        index: of this process; its inner port is ``lan_port`` + index.

    Attributes:
        dirty: connections that have something to be written at the end of this turn.
        prefix: the digits that its client ids begin with.
        whole_status: ``status`` and what all processes have, such as their memory.
    """

    def __init__(self, settings: Settings, name: str, index: int) -> None:
        self._loop = asyncio.get_running_loop()
        self._settings = settings
        self._name = name
        self.instance = random_source.token_hex(8)
        self._host = settings.gateway.lan_ip
        self._port = settings.gateway.lan_port + index
        self.prefix = client_id.prefix(self._host, self._port)
        self.max_message_size = settings.gateway.max_message_size
        self._max_send_buffer = settings.gateway.max_send_buffer
        self._max_connections = settings.gateway.max_connections
        self._max_per_address = settings.gateway.max_connections_per_address
        self._trusted = [ipaddress.ip_network(p, strict=False) for p in settings.trusted_proxies]
        self.origins = origins(settings.gateway.allowed_origins)
        self._tls: ssl.SSLContext | None = None

        self.dirty: list[Connection] = []
        self._scheduled = False
        self._connections: set[Connection] = set()
        self._per_address: Counter[str] = Counter()
        self._servers: list[asyncio.Server] = []
        self._registers: list[RegisterConnection] = []
        self._started = self._loop.time()
        self._closing_with: CloseCode | None = None
        self._all_gone = asyncio.Event()
        self._undecided: dict[Connection, tuple[str, RawHeaders]] = {}

        self.messages_in = 0
        self.messages_out = 0
        self.bytes_out = 0
        self.handshakes_refused = 0
        self.slow_closed = 0
        self.accepted = 0

        self.whole_status: Callable[[], dict[str, Any]] = self.status
        self.hub: Hub[Connection] = Hub()
        self.routing = Routing(self.hub, settings.gateway.router, self._open)
        self.commands = Commands(self)
        self.clockwork = Clockwork(
            self,
            ping_interval=settings.gateway.ping_interval,
            limit=settings.gateway.ping_not_response_limit,
            handshake_timeout=settings.gateway.handshake_timeout,
            worker_wait=settings.gateway.worker_wait,
            max_send_buffer=self._max_send_buffer,
        )
        self.peers = Peers(
            self,
            secrets_of(settings.secret),
            self.instance,
            settings.inner.heartbeat_interval,
            settings.inner.heartbeat_timeout,
            self.flush,
        )

    # Life

    async def start(self, public: socket.socket) -> None:
        """Listen for peers, tell the registers, listen for clients.

        Args:
            public: the listening socket.

        Raises:
            SettingsError: the inner port is taken, or the certificate cannot be loaded.
        """
        gateway = self._settings.gateway
        self._tls = tls_context(self._settings)
        try:
            self.peers.bind(gateway.lan_listen or self._host, self._port)
        except OSError as error:
            raise SettingsError(
                f"gateway.lan_port: cannot listen on {self._host}:{self._port}: {error}"
            ) from error
        endpoints = {key: f"{self._host}:{port}" for key, port in self.peers.endpoints.items()}
        hello = {
            "event": "gateway_connect",
            "address": f"{self._host}:{self._port}",
            "instance": self.instance,
            "name": self._name,
            "endpoints": endpoints,
        }
        for address in self._settings.register.addresses:
            register = RegisterConnection(
                address, secrets_of(self._settings.secret), hello, self._register_changed
            )
            register.start()
            self._registers.append(register)
        for listener in listeners(self._loop, public):
            server = await self._loop.create_server(
                lambda: Connection(self),
                sock=listener,
                backlog=BACKLOG,
                ssl=self._tls,
                ssl_handshake_timeout=gateway.handshake_timeout if self._tls else None,
            )
            self._servers.append(server)
        self.clockwork.start()
        # What lives from here on is not worth the collector's time; the rest comes and goes.
        gc.collect()
        gc.freeze()

    async def stop(self, restarting: bool, drain_timeout: float) -> None:
        """Accept nobody any more, send everybody away over the drain time, and close.

        Args:
            restarting: tells the close code.
            drain_timeout: seconds.
        """
        for server in self._servers:
            server.close()
        self._closing_with = close_codes.RESTART if restarting else close_codes.GOING_AWAY
        clients = [c for c in self._connections if c.state in (WAITING, OPEN)]
        for client in list(self._connections):
            if client.state == HANDSHAKE:
                client.transport.abort()
        # Half of the time to send them away, the other half for their answers and their workers.
        deadline = self._loop.time() + drain_timeout
        self.look_whether_gone()
        steps = max(1, min(len(clients), int(drain_timeout / 2 / 0.05)))
        share = -(-len(clients) // steps) or 1
        for begin in range(0, len(clients), share):
            for client in clients[begin : begin + share]:
                client.close(self._closing_with)
            if begin + share < len(clients):
                await asyncio.sleep(drain_timeout / 2 / steps)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(deadline):
                await self._all_gone.wait()
        for client in list(self._connections):
            client.transport.abort()
        self.clockwork.stop()
        for register in self._registers:
            await register.close()
        await self.peers.close()

    def look_whether_gone(self) -> None:
        """Called when a connection is gone, or an event acknowledged: stopping waits for all."""
        if self._closing_with is not None and not self._connections:
            workers = self.routing.all_workers
            if not any(worker.unacked or worker.backlog for worker in workers):
                self._all_gone.set()

    def reload(self, settings: Settings) -> None:
        """Take over what may change while running: certificates and origins.

        Raises:
            SettingsError: the certificate cannot be loaded; everything stays as it was.
        """
        if self._tls is not None:
            tls_context(settings)  # a trial, because a failed load leaves a context half changed
            self._tls.load_cert_chain(settings.tls.certificate, settings.tls.key)
        self.origins = origins(settings.gateway.allowed_origins)

    def _register_changed(self) -> None:
        for register in self._registers:
            if register.refusal == "duplicate":
                log.error("another gateway has the address %s:%d", self._host, self._port)

    # A client's way

    def connection_made(self, client: Connection) -> None:
        """A socket was accepted."""
        self.accepted += 1
        self._connections.add(client)
        self.clockwork.handshake_begins(client)

    def connection_ready(self, client: Connection, path: str, headers: RawHeaders) -> None:
        """The handshake is done: choose service and worker."""
        self.clockwork.handshake_ends(client)
        if self._trusted:
            client.address = self._client_address(client.address, headers)
        if self._max_per_address:
            self._per_address[client.host] += 1
            client.is_counted = True
        if self._closing_with is not None:
            client.close(self._closing_with)
            return
        if (self._max_connections and len(self._connections) > self._max_connections) or (
            self._max_per_address and self._per_address[client.host] > self._max_per_address
        ):
            client.close(close_codes.TOO_MANY)
            return
        service = self._find_service(service_name(path))
        if service is None:
            if not self._undecided:
                left = self._started + NEW_SERVICE_WAIT - self._loop.time() + 0.01
                self._loop.call_later(left, self._decide)
            self._undecided[client] = (path, headers)
        else:
            self._give(client, service, path, headers)

    def _find_service(self, name: str) -> Service[Connection] | None:
        """The service of a segment; None while a worker that has it may still come."""
        service = self.hub.services.get(name)
        if service is not None and self.routing.is_known(service):
            return service
        if name in DEFAULT_SEGMENTS or self._loop.time() >= self._started + NEW_SERVICE_WAIT:
            return self.hub.service(self._settings.gateway.default_service)
        return None

    def _decide(self) -> None:
        """A worker has come, or it is too late for one: services of those who wait for that."""
        undecided, self._undecided = self._undecided, {}
        for client, (path, headers) in undecided.items():
            service = self._find_service(service_name(path))
            if client.state != WAITING:
                continue
            if service is None:
                self._undecided[client] = (path, headers)
            else:
                self._give(client, service, path, headers)

    def _give(
        self, client: Connection, service: Service[Connection], path: str, headers: RawHeaders
    ) -> None:
        # Without a worker so far nobody knows whether it will want this.
        if "on_websocket_connect" in service.hooks or not self.routing.is_known(service):
            plain, _, query = path.partition("?")
            client.request = [plain, query, headers]
        if not self.routing.connected(client, service):
            self.clockwork.wait_begins(client)

    def _open(self, client: Connection, service: Service[Connection]) -> None:
        client.opened(self.hub.new_number())
        client.since = self._loop.time()
        self.hub.add(client, service)
        self.clockwork.opened(client, service)

    def left(self, client: Connection, was_open: bool) -> None:
        """A client cannot be reached any more."""
        if was_open:
            self.hub.remove(client)
            self.routing.closed(client)
        else:
            self.routing.give_up_waiting(client)

    def closing(self, client: Connection) -> None:
        """A closing handshake has begun."""
        self.clockwork.closing_begins(client)

    def connection_lost(self, client: Connection) -> None:
        """A socket is gone."""
        self._connections.discard(client)
        self.clockwork.forget(client)
        if client.is_counted:
            self._per_address[client.host] -= 1
            if not self._per_address[client.host]:
                del self._per_address[client.host]
        self.look_whether_gone()

    def too_slow(self, client: Connection) -> None:
        """A client does not take what is sent to it."""
        self.slow_closed += 1
        log.warning("client %s is too slow: closed", client.client_id)
        # Its buffer is full, so that a close frame could not get through: it is queued behind.
        client.close(close_codes.SLOW)

    def _client_address(self, address: str, headers: RawHeaders) -> str:
        """Who is at the other end, where a trusted proxy says so: the last address in
        X-Forwarded-For that is not a trusted proxy's."""
        if not self._is_trusted(address.rpartition(":")[0]):
            return address
        lines = [value for name, value in headers if name.lower() == "x-forwarded-for"]
        for forwarded in reversed([part.strip() for part in ",".join(lines).split(",")]):
            try:
                host = str(ipaddress.ip_address(forwarded))
            except ValueError:
                return address
            if not self._is_trusted(host):
                return f"{host}:0"
        return address

    def _is_trusted(self, host: str) -> bool:
        try:
            ip = ipaddress.ip_address(host)
        except ValueError:
            return False
        if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped:  # as on a dual-stack socket
            ip = ip.ipv4_mapped
        return any(ip in network for network in self._trusted)

    def worker_ready(self, worker: Worker) -> None:
        """A worker wants events."""
        self.routing.worker_ready(worker)
        self._decide()

    # Writing

    def wake(self) -> None:
        """Something was sent outside of a turn of the peers' sockets: flush at its end."""
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self.flush)

    def flush(self) -> None:
        """Write what was sent to each socket during this turn, in one piece each."""
        self._scheduled = False
        dirty, self.dirty = self.dirty, []
        limit = self._max_send_buffer
        previous: list[bytes] = []
        data = b""
        for client in dirty:
            out = client.out
            client.out = None
            if out is None:
                continue
            if isinstance(out, list):
                if out != previous:  # a burst of broadcasts is the same list for everybody
                    previous = out
                    data = b"".join(out)
                piece = data
            else:
                piece = out
            transport = client.transport
            if transport.is_closing():
                continue
            transport.write(piece)
            self.bytes_out += len(piece)
            size = transport.get_write_buffer_size()
            if size > limit:
                self.clockwork.congested(client, size, len(piece))

    def wrote(self, client: Connection, written: int) -> None:
        """So many bytes were written to a client beside the turn's."""
        self.bytes_out += written
        size = client.transport.get_write_buffer_size()
        if size > self._max_send_buffer:
            self.clockwork.congested(client, size, written)

    # Looking inside

    def status(self) -> dict[str, Any]:
        """Numbers for ``status`` and metrics."""
        workers = self.routing.all_workers
        services = self.hub.services.values()
        return {
            "address": f"{self._host}:{self._port}",
            "host": socket.gethostname(),
            "instance": self.instance,
            "register": "up" if any(r.connected for r in self._registers) else "down",
            "clients": len(self.hub.clients),
            "connections": len(self._connections),
            "accepted": self.accepted,
            "messages_in": self.messages_in,
            "messages_out": self.messages_out,
            "bytes_out": self.bytes_out,
            "queued_events": sum(len(worker.backlog) for worker in workers),
            "unacknowledged_events": sum(len(worker.unacked) for worker in workers),
            "services": {s.name: len(s.clients) for s in services},
            "uids": sum(len(service.uids) for service in services),
            "groups": sum(len(service.groups) for service in services),
            "peers": self.peers.status(),
            "errors": self.peers.errors + self.handshakes_refused,
            "slow_closed": self.slow_closed,
            "kept_dropped": self.routing.kept_dropped,
        }

    def connections(self, limit: int) -> list[dict[str, Any]]:
        """A row per client, ``limit`` at most."""
        rows: list[dict[str, Any]] = []
        for client in self.hub.clients.values():
            if len(rows) >= limit:
                break
            rows.append(self.describe_connection(client))
        return rows

    def describe_connection(self, client: Connection) -> dict[str, Any]:
        """A row of ``connections``."""
        return {
            "client_id": client.client_id,
            "service": client.service.name if client.service else "",
            "uid": client.uid,
            "address": client.address,
            "groups": sorted(groups_of(client)),
            "connected": round(self._loop.time() - client.since, 1),
            "idle": client.idle * self._settings.gateway.ping_interval / 2,
            "send_buffer": client.transport.get_write_buffer_size(),
            "worker": client.worker.name if client.worker else None,
        }


def listeners(loop: asyncio.AbstractEventLoop, public: socket.socket) -> Iterator[socket.socket]:
    """The listening socket, as often as the loop needs it.

    uvloop accepts one connection per turn and listener (libuv since 1.45), so that each turn would
    carry one new client through the whole chain. Several descriptors of one socket let one turn
    take as many, and halve the cost of a connection; asyncio takes a whole backlog by itself.
    """
    yield public
    if type(loop).__module__.startswith("uvloop"):
        for _ in range(ACCEPTED_PER_TURN - 1):
            yield public.dup()


def origins(allowed: Sequence[str]) -> list[Any] | None:
    """The allow-list as the protocol wants it: ``*`` stands for one or more labels of a host name,
    and alone for every origin.

    Programs that are not browsers send no origin, and are let in.
    """
    if not allowed or "*" in allowed:
        return None
    patterns: list[Any] = [None]
    for origin in allowed:
        if "*" in origin:
            patterns.append(re.compile(re.escape(origin).replace(r"\*", r"[a-z0-9.-]+")))
        else:
            patterns.append(origin)
    return patterns


def tls_context(settings: Settings) -> ssl.SSLContext | None:
    """The TLS context of the public port, None without certificate.

    Raises:
        SettingsError: the files cannot be read or do not fit together.
    """
    tls = settings.tls
    if not tls.certificate:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(tls.certificate, tls.key)
    except (OSError, ssl.SSLError) as error:
        raise SettingsError(f"tls.certificate {tls.certificate!r}: {error}") from error
    return context


async def run(child: Child) -> None:
    """Body of a gateway process."""
    gateway = Gateway(child.settings, child.name, child.index)
    await gateway.start(child.sockets["public"])
    child.on_status(gateway.status)
    gateway.whole_status = child.status
    child.on_connections(gateway.connections)
    child.on_reload(gateway.reload)
    child.ready()
    await child.stopping.wait()
    await gateway.stop(child.restarting, child.settings.gateway.drain_timeout)
