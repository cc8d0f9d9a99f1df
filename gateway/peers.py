"""The gateway's side of the inner protocol: one ROUTER per secret, and a Peer per connection.

Nothing is executed for a connection that has not said HELLO. Everything meant for one peer within
one turn of the loop leaves in one ZeroMQ frame.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import zmq

from shared import curve, protocol
from shared.drain import Drain
from shared.errors import ProtocolError
from shared.protocol import CallError, Kind, ServiceOptions
from shared.version import version as kefu_version

from .connection import Connection
from .hub import Service
from .routing import Worker

if TYPE_CHECKING:
    from .server import Gateway

log = logging.getLogger(__name__)

MEMORY = protocol.WINDOW_MESSAGES
"""Answers remembered per peer instance: as many as it can have unanswered."""

DONE_DELAY = 0.02
"""Seconds for which DONE waits for a frame to ride on, while the window has space."""

_MANY_UNDONE = protocol.WINDOW_MESSAGES // 4
_MUCH_UNDONE = protocol.WINDOW_BYTES // 4

PROBES = (0.0, 0.01, 0.1)
"""Seconds after a connection broke at which it is tried whose it was: ZeroMQ tells of a break
before a send can know of it, on a busy machine long before."""

MEMORY_LIFE = 60.0
"""Seconds for which they are remembered after the peer's connection is gone."""


class Memory:
    """What a peer instance was answered, so that a repeated command is not executed again.

    Attributes:
        highest: number of the latest command that came.
        answers: (number, packed answer) of the latest changes that were to be answered.
        left_at: when its last connection went, monotonic seconds; None while it is here.
    """

    __slots__ = ("answers", "highest", "left_at")

    def __init__(self) -> None:
        self.highest = 0
        self.answers: deque[tuple[int, bytes]] = deque(maxlen=MEMORY)
        self.left_at: float | None = None


class Peer:
    """A connection of a worker or client that said HELLO."""

    __slots__ = (
        "done", "instance", "key", "kind", "last_seen", "memory", "name", "out", "program",
        "router", "routing_id", "services", "undone", "undone_bytes", "worker",
    )  # fmt: skip

    def __init__(self, key: int, router: zmq.Socket[bytes], routing_id: bytes) -> None:
        self.key = (key, routing_id)
        self.router = router
        self.routing_id = routing_id
        self.out: list[bytes] = []
        self.last_seen = 0.0
        # Of commands that nobody waits for: the latest, how many, and their bytes, since DONE.
        self.done = 0
        self.undone = 0
        self.undone_bytes = 0
        self.services: list[Service[Connection]] = []
        self.worker: Worker | None = None
        self.name = ""
        self.kind = Kind.CLIENT
        self.instance = ""
        self.program: tuple[str, int, str] | None = None
        self.memory = Memory()


class Peers:
    """All peers of a gateway process.

    Args:
        gateway: the owner.
        secrets: accepted secrets, the present one first.
        instance: this gateway's instance id.
        heartbeat_interval: seconds between heartbeats.
        heartbeat_timeout: seconds of silence after which a peer is lost.
        after: called after each turn in which messages came.

    Attributes:
        endpoints: port by fingerprint of the secret, after ``bind``.
        errors: malformed or refused messages so far.
    """

    def __init__(
        self,
        gateway: Gateway,
        secrets: list[str],
        instance: str,
        heartbeat_interval: float,
        heartbeat_timeout: float,
        after: Callable[[], None],
    ) -> None:
        self._gateway = gateway
        self._secrets = secrets
        self._instance = instance
        self._interval = heartbeat_interval
        self._timeout = heartbeat_timeout
        self._after = after
        self._loop = asyncio.get_running_loop()
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._gate = curve.Gate(self._context, secrets)
        self._drains = [Drain(self._gate.socket, self._gate.answer)]
        self._sockets: list[zmq.Socket[bytes]] = [self._gate.socket]
        self._routers: list[zmq.Socket[bytes]] = []
        self._router_drains: list[Drain] = []
        self._peers: dict[tuple[int, bytes], Peer] = {}
        self._memories: dict[str, Memory] = {}
        self._dirty: list[Peer] = []
        self._scheduled = False
        self._now = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._done_timer: asyncio.TimerHandle | None = None
        self._probes: list[asyncio.TimerHandle] = []
        self.endpoints: dict[str, int] = {}
        self.errors = 0
        self._commands = gateway.commands.table

    # Life

    def bind(self, host: str, port: int) -> None:
        """Listen; further secrets get ports that the system chooses.

        Raises:
            OSError: the port is taken.
        """
        for index, secret in enumerate(self._secrets):
            router = self._context.socket(zmq.ROUTER)
            router.linger = 500  # milliseconds, for the last messages of a gateway that stops
            router.sndhwm = router.rcvhwm = 0  # bounded by our own windows
            router.router_mandatory = True
            router.maxmsgsize = protocol.MAX_FRAME
            router.backlog = 1024
            router.heartbeat_ivl = int(self._interval * 1000)
            router.heartbeat_timeout = int(self._timeout * 1000)
            router.handshake_ivl = int(self._timeout * 1000)
            curve.protect_server(router, curve.gateway_keys(secret))
            try:
                if index == 0:
                    router.bind(f"tcp://{host}:{port}")
                    bound = port
                else:
                    bound = router.bind_to_random_port(f"tcp://{host}")
            except zmq.ZMQError as error:
                router.close(0)
                raise OSError(error.errno, str(error)) from error
            self.endpoints[curve.fingerprint(secret)] = bound
            monitor = router.get_monitor_socket(zmq.EVENT_DISCONNECTED)
            self._sockets += [router, monitor]
            self._routers.append(router)
            drain = Drain(router, self._receiver(router), self._after_turn)
            self._router_drains.append(drain)
            self._drains.append(drain)
            self._drains.append(Drain(monitor, self._someone_left))
        self._timer = self._loop.call_later(self._interval, self._heartbeat)

    async def close(self) -> None:
        """Say BYE to everybody and close; idempotent."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._done_timer is not None:
            self._done_timer.cancel()
        for timer in self._probes:
            timer.cancel()
        for peer in list(self._peers.values()):
            self._send(peer, protocol.pack((protocol.BYE,)))
        self.flush()
        self._peers.clear()
        for drain in self._drains:
            drain.stop()
        self._drains.clear()
        self._router_drains.clear()
        for router in self._routers:
            router.disable_monitor()
        self._routers.clear()
        for socket in self._sockets:
            socket.close()
        self._sockets.clear()
        await asyncio.to_thread(self._context.term)

    def status(self) -> list[dict[str, Any]]:
        """A row per peer. host, pid and version are None of peers that do not tell."""
        return [
            {
                "name": peer.name,
                "kind": peer.kind.value,
                "instance": peer.instance,
                **dict(zip(("host", "pid", "version"), peer.program or (None,) * 3, strict=True)),
                "services": [service.name for service in peer.services],
                "clients": peer.worker.clients if peer.worker else 0,
                "unacknowledged": len(peer.worker.unacked) if peer.worker else 0,
                "backlog": len(peer.worker.backlog) if peer.worker else 0,
            }
            for peer in self._peers.values()
        ]

    # Sending

    def _send(self, peer: Peer, packed: bytes) -> None:
        if not peer.out:
            self._mark_dirty(peer)
        peer.out.append(packed)

    def _mark_dirty(self, peer: Peer) -> None:
        self._dirty.append(peer)
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self.flush)

    def flush(self) -> None:
        """Send what has been collected for each peer."""
        self._scheduled = False
        dirty, self._dirty = self._dirty, []
        for peer in dirty:
            out, peer.out = peer.out, []
            if peer.done:
                out.append(protocol.pack((protocol.DONE, peer.done)))
                peer.done = peer.undone = peer.undone_bytes = 0
            if not out:
                continue
            frame = out[0] if len(out) == 1 else b"".join(out)
            try:
                peer.router.send_multipart((peer.routing_id, frame), zmq.NOBLOCK)
            except zmq.ZMQError as error:  # EHOSTUNREACH: the connection is gone
                self._lose(peer, str(error))
        for drain in self._router_drains:
            drain.look()

    # Receiving

    def _receiver(self, router: zmq.Socket[bytes]) -> Callable[[list[bytes]], None]:
        key = self._routers.index(router)

        def receive(parts: list[bytes]) -> None:
            self._now = time.monotonic()
            routing_id = parts[0]
            peer = self._peers.get((key, routing_id))
            if peer is not None:
                peer.undone_bytes += len(parts[-1])
            try:
                for message in protocol.unpack(parts[-1]):
                    if peer is not None:
                        self._handle(peer, message)
                    elif message[0] == protocol.HELLO:
                        peer = self._greet(key, router, routing_id, message)
                        if peer is None:
                            return
                    else:
                        self._tell(router, routing_id, (protocol.HELLO_REQUIRED,))
                        return
            except Exception as error:
                # Malformed fields, or a fault of ours. The rest of the frame is lost, so that only
                # a new connection, with its hello, sets things right.
                self.errors += 1
                if not isinstance(error, ProtocolError):
                    log.exception("cannot handle a message")
                name = peer.name if peer is not None else routing_id.hex()
                log.warning("peer %s: bad message: %s", name, error)
                if peer is not None:
                    self._tell(router, routing_id, (protocol.BYE,))
                    self._lose(peer, "bad message")
                else:
                    answer = (protocol.REFUSED, "bad_hello", protocol.VERSION, str(error))
                    self._tell(router, routing_id, answer)

        return receive

    def _tell(self, router: zmq.Socket[bytes], routing_id: bytes, message: tuple[Any, ...]) -> None:
        """Answer a connection that is no peer."""
        try:
            router.send_multipart((routing_id, protocol.pack(message)), zmq.NOBLOCK)
        except zmq.ZMQError as error:
            log.info("cannot answer %s: %s", routing_id.hex(), error)

    def _after_turn(self) -> None:
        # DONE costs the peer a wake-up: it rides on the next frame, unless the window fills up.
        for peer in self._peers.values():
            if peer.done and not peer.out:
                if peer.undone >= _MANY_UNDONE or peer.undone_bytes >= _MUCH_UNDONE:
                    self._mark_dirty(peer)
                elif self._done_timer is None:
                    self._done_timer = self._loop.call_later(DONE_DELAY, self._send_done)
        self._after()

    def _send_done(self) -> None:
        """What found no frame to ride on."""
        self._done_timer = None
        for peer in self._peers.values():
            if peer.done and not peer.out:
                self._mark_dirty(peer)

    def _greet(
        self, key: int, router: zmq.Socket[bytes], routing_id: bytes, message: list[Any]
    ) -> Peer | None:
        _, version, kind, name, instance, services, *later = message
        if version != protocol.VERSION:
            text = f"this gateway speaks version {protocol.VERSION}"
            answer = (protocol.REFUSED, "version", protocol.VERSION, text)
            self._tell(router, routing_id, answer)
            return None
        peer = Peer(key, router, routing_id)
        peer.kind = Kind(kind)
        peer.name = str(name)
        peer.instance = str(instance)
        if later:
            host, pid, of_kefu = later[0]
            peer.program = str(host), int(pid), str(of_kefu)
        peer.last_seen = self._now
        declared = []
        for service_name, hooks, options in services:
            service = self._gateway.hub.service(str(service_name))
            peer.services.append(service)
            declared.append((service, frozenset(hooks), ServiceOptions.from_map(options)))
        if peer.kind is Kind.WORKER:
            peer.worker = Worker(peer.name, lambda packed: self._send(peer, packed), declared)
        for older in [p for p in self._peers.values() if p.instance == peer.instance]:
            # A connection that broke without our noticing it yet. An instance has one.
            self._lose(older, "it has connected anew")
        peer.memory = self._memories.setdefault(peer.instance, Memory())
        peer.memory.left_at = None
        self._peers[peer.key] = peer
        clock = int(self._now * 1000)
        self._send(
            peer,
            protocol.pack(
                (protocol.WELCOME, protocol.VERSION, self._instance, clock, self._gateway.prefix)
            ),
        )
        log.info("%s %s: link up", peer.kind.value, peer.name)
        return peer

    def _handle(self, peer: Peer, message: list[Any]) -> None:
        peer.last_seen = self._now
        code = message[0]
        if code >= protocol.FIRST_COMMAND:
            self._execute(peer, code, message)
        elif code == protocol.ACK:
            if peer.worker is not None:
                self._gateway.routing.acknowledged(peer.worker, message[1], message[2])
                self._gateway.look_whether_gone()
        elif code == protocol.HEARTBEAT:
            pass
        elif code == protocol.READY:
            if peer.worker is not None:
                self._gateway.worker_ready(peer.worker)
        elif code == protocol.LEAVE:
            if peer.worker is not None:
                self._gateway.routing.worker_leaves(peer.worker)
        elif code == protocol.BYE:
            self._lose(peer, None)
        else:
            raise ProtocolError(f"unexpected {protocol.describe(code)}")

    def _execute(self, peer: Peer, code: int, message: list[Any]) -> None:
        signed, deadline = message[1], message[2]
        number = signed if signed > 0 else -signed
        memory = peer.memory
        if number <= memory.highest and code < protocol.FIRST_QUESTION:
            self._repeat(peer, number, signed)
            return
        if number > memory.highest:
            memory.highest = number
        if signed < 0:
            peer.done = number
            peer.undone += 1
        if self._now * 1000 > deadline:
            answer = protocol.pack((protocol.ERROR, signed, CallError.LATE.value, "too late"))
        elif code not in self._commands:
            self.errors += 1
            log.warning("%s: unknown command %d: of a later version?", peer.name, code)
            unknown = CallError.UNKNOWN_COMMAND.value
            text = f"this gateway (kefu {kefu_version()}) does not know command {code}"
            answer = protocol.pack((protocol.ERROR, signed, unknown, text))
        else:
            try:
                service = peer.services[message[3]]
                value = self._commands[code](service, *message[4 : 1 + protocol.FIELDS[code]])
                if signed < 0:
                    return
                answer = protocol.pack((protocol.REPLY, number, value))
            except (
                KeyError, IndexError, TypeError, ValueError, AttributeError, ProtocolError,
            ) as error:  # fmt: skip
                self.errors += 1
                log.warning("%s: %s: %r", peer.name, protocol.describe(code), error)
                text = str(error)
                answer = protocol.pack((protocol.ERROR, signed, CallError.BAD_COMMAND.value, text))
            except Exception as error:
                self.errors += 1
                log.exception("%s: %s", peer.name, protocol.describe(code))
                text = repr(error)
                answer = protocol.pack((protocol.ERROR, signed, CallError.FAILED.value, text))
        if signed > 0 and code < protocol.FIRST_QUESTION:
            memory.answers.append((number, answer))
        self._send(peer, answer)

    def _repeat(self, peer: Peer, number: int, signed: int) -> None:
        """A change that came before: the same answer, and nothing is done."""
        if signed < 0:
            peer.done = max(peer.done, number)
            return
        for known, answer in peer.memory.answers:
            if known == number:
                self._send(peer, answer)
                return
        code = CallError.UNKNOWN_OUTCOME.value
        text = "came before; the answer is forgotten"
        self._send(peer, protocol.pack((protocol.ERROR, signed, code, text)))

    # Losing

    def _someone_left(self, _: list[bytes]) -> None:
        """A connection broke; the monitor does not say whose. A send tells."""
        for timer in self._probes:
            timer.cancel()
        self._probes = [self._loop.call_later(delay, self._probe) for delay in PROBES]

    def _probe(self) -> None:
        for peer in list(self._peers.values()):
            self._send(peer, protocol.pack((protocol.HEARTBEAT, self._instance, self._clock())))
        self.flush()

    def _clock(self) -> int:
        return int(time.monotonic() * 1000)

    def _heartbeat(self) -> None:
        now = time.monotonic()
        self._timer = self._loop.call_later(self._interval, self._heartbeat)
        beat = protocol.pack((protocol.HEARTBEAT, self._instance, int(now * 1000)))
        for peer in list(self._peers.values()):
            if now - peer.last_seen > self._timeout:
                self._tell(peer.router, peer.routing_id, (protocol.BYE,))
                self._lose(peer, "silent")
            else:
                self._send(peer, beat)
        for instance, memory in list(self._memories.items()):
            if memory.left_at is not None and now - memory.left_at > MEMORY_LIFE:
                del self._memories[instance]

    def _lose(self, peer: Peer, why: str | None) -> None:
        """A peer is gone; ``why`` is None where it said BYE."""
        if self._peers.get(peer.key) is not peer:
            return
        del self._peers[peer.key]
        peer.memory.left_at = time.monotonic()
        if why is None:
            log.info("%s %s: said bye", peer.kind.value, peer.name)
        else:
            log.warning("%s %s: link lost: %s", peer.kind.value, peer.name, why)
        if peer.worker is not None:
            self._gateway.routing.worker_lost(peer.worker)
