"""All links of one process: which gateways there are, and one link to each.

Gateways come from the registers, and from nowhere else: a client id only selects among them. A
register that dies takes nothing away; a gateway is dead when its link is down *and* a register
that has been up long enough does not list it any more (or lists a new instance in its place).
"""

from __future__ import annotations

import asyncio
import logging
import os
import secrets as random_source
import socket
from collections.abc import Sequence
from typing import Any

import zmq

from . import client_id, curve, protocol
from .errors import NoGateway, RegisterUnreachable, SecretRefused
from .link import EventHandler, Link, LinkState
from .protocol import Kind, ServiceOptions
from .register import LAST_PAUSE, Listed, RegisterConnection, split_address
from .version import version

log = logging.getLogger(__name__)

REGISTER_GRACE = 2 * LAST_PAUSE
"""Seconds a register must have been running before what it does not list counts as gone: after its
restart the gateways come back one after another."""


class Pool:
    """The links of one process.

    Args:
        registers: ``host:port`` of each register; the union of their lists counts.
        secret: the installation's secret, at least 32 characters.
        kind: WORKER or CLIENT.
        name: for people, shown in the gateways' status.
        services: (name, hooks, options) of each service; its index is what commands carry.
        events: a worker's handler of events; None for clients.
        heartbeat_interval: seconds between heartbeats.
        heartbeat_timeout: seconds of silence after which a link counts as lost.

    Attributes:
        links: link by prefix, of every gateway that is listed or still alive.
    """

    def __init__(
        self,
        *,
        registers: Sequence[str],
        secret: str,
        kind: Kind,
        name: str,
        services: Sequence[tuple[str, Sequence[str], ServiceOptions]],
        events: EventHandler | None = None,
        heartbeat_interval: float = 5.0,
        heartbeat_timeout: float = 15.0,
    ) -> None:
        self.context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self.secret = secret
        self.name = name
        self.instance = random_source.token_hex(8)
        self.events = events
        self.heartbeat_interval = heartbeat_interval
        self.heartbeat_timeout = heartbeat_timeout
        self.links: dict[str, Link] = {}
        self._indexes = {service[0]: index for index, service in enumerate(services)}
        self.hello = (
            protocol.HELLO,
            protocol.VERSION,
            kind.value,
            name,
            self.instance,
            [[service, list(hooks), options.to_map()] for service, hooks, options in services],
            [socket.gethostname(), os.getpid(), version()],
        )
        self._fingerprint = curve.fingerprint(secret)
        event = {"event": "worker_connect", "name": name}
        self._registers = [
            RegisterConnection(address, [secret], event, self._look) for address in registers
        ]
        self._changed = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        self._is_ready = False
        self._closed = False

    # Life

    async def start(self, timeout: float = 5.0) -> None:
        """Connect to the registers and to every gateway they list.

        That no gateway is listed is fine: links are made when gateways appear.

        Args:
            timeout: seconds.

        Raises:
            RegisterUnreachable: no register answered in time; the pool keeps trying until closed.
            SecretRefused: a register, or a gateway, has another secret.
        """
        for register in self._registers:
            register.start()
        try:
            async with asyncio.timeout(timeout):
                while not self._has_list():
                    self._raise_refusal()
                    await self._wait()
        except TimeoutError:
            raise self._unreachable() from None
        try:
            async with asyncio.timeout(timeout):
                while any(link.state is LinkState.CONNECTING for link in self.links.values()):
                    await self._wait()
        except TimeoutError:
            log.warning("some gateways do not answer: %s", self.down())

    async def close(self) -> None:
        """Close all links and connections; idempotent."""
        if self._closed:
            return
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        for register in self._registers:
            await register.close()
        for link in self.links.values():
            link.close()
        self.links.clear()
        # Blocks for as long as the links linger; term() must not block the loop.
        await asyncio.to_thread(self.context.term)

    async def wait_for_gateway(self, timeout: float) -> None:
        """Wait until a link is up.

        Raises:
            NoGateway: none came up within ``timeout`` seconds.
            RegisterUnreachable: no register either.
            SecretRefused: because the secrets differ.
        """
        try:
            async with asyncio.timeout(timeout):
                while not any(link.state is LinkState.UP for link in self.links.values()):
                    self._raise_refusal()
                    await self._wait()
        except TimeoutError:
            if not self._has_list():
                raise self._unreachable() from None
            raise NoGateway(
                f"no gateway is up; listed: {', '.join(self.down()) or 'none'}"
            ) from None

    def ready(self) -> None:
        """Worker: ask every gateway for events, those that appear later too."""
        self._is_ready = True
        for link in self.links.values():
            link.ready()

    async def leave(self, timeout: float) -> bool:
        """Worker: give all clients away. Returns whether every gateway was done in time."""
        self._is_ready = False
        done = await asyncio.gather(*(link.leave(timeout) for link in self.links.values()))
        return all(done)

    # Looking up

    def link(self, prefix: str) -> Link | None:
        """The link to the gateway with this prefix, None where there is no such gateway."""
        return self.links.get(prefix)

    def service_index(self, service: str) -> int:
        """Index of a service in commands.

        Raises:
            KeyError: not one of this pool's.
        """
        return self._indexes[service]

    def down(self) -> list[str]:
        """Addresses of the gateways whose link is not up."""
        return [link.address for link in self.links.values() if link.state is not LinkState.UP]

    @property
    def register_connected(self) -> bool:
        """Whether at least one register keeps us informed."""
        return any(register.connected for register in self._registers)

    def status(self) -> list[dict[str, Any]]:
        """Address and state of each link, for status pages."""
        return [
            {"address": link.address, "state": link.state.value, "error": link.error}
            for link in self.links.values()
        ]

    # Following the registers

    def link_changed(self, link: Link) -> None:
        """A link came up or went down."""
        self._look()

    async def _wait(self) -> None:
        self._changed.clear()
        await self._changed.wait()

    def _has_list(self) -> bool:
        return any(register.lists_received for register in self._registers)

    def _raise_refusal(self) -> None:
        for register in self._registers:
            if register.refusal == "secret":
                raise SecretRefused(register.address)

    def _unreachable(self) -> RegisterUnreachable:
        reasons = [register.error for register in self._registers if register.error]
        addresses = [register.address for register in self._registers]
        return RegisterUnreachable(addresses, "; ".join(reasons) or "no answer")

    def _listed(self) -> dict[str, Listed]:
        """What is listed, by prefix. Gateways of another secret are left out."""
        listed = {}
        for register in self._registers:
            for address, gateway in register.gateways.items():
                if self._fingerprint in gateway.endpoints:
                    listed[client_id.prefix(*split_address(address))] = gateway
        return listed

    def _look(self) -> None:
        """Compare links and lists; called after every change of either."""
        if self._closed:
            return
        listed = self._listed()
        for prefix, link in list(self.links.items()):
            if link.state is not LinkState.UP and self._is_dead(link, listed.get(prefix)):
                del self.links[prefix]
                link.close()
                if self.events is not None:
                    self.events.on_gateway_dead(link)
        for prefix, gateway in listed.items():
            if prefix not in self.links and self._is_listed_now(gateway.address):
                endpoint = gateway.endpoints[self._fingerprint]
                link = Link(self, prefix, gateway.address, endpoint)
                self.links[prefix] = link
                if self._is_ready:
                    link.ready()
                link.connect()
        self._changed.set()
        self._look_later()

    def _look_later(self) -> None:
        """While a link is down, time alone can decide that its gateway is dead."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if any(link.state is not LinkState.UP for link in self.links.values()):
            delay = min(1.0, self.heartbeat_timeout / 4)
            self._timer = asyncio.get_running_loop().call_later(delay, self._look)

    def _is_listed_now(self, address: str) -> bool:
        return any(r.connected and address in r.gateways for r in self._registers)

    def _is_dead(self, link: Link, listed: Listed | None) -> bool:
        if link.state is LinkState.CLOSED:
            return True
        if self._is_listed_now(link.address):
            known = link.gateway_instance
            return listed is not None and known is not None and listed.instance != known
        if any(r.connected and r.age() >= REGISTER_GRACE for r in self._registers):
            return True
        now = asyncio.get_running_loop().time()
        return link.lost_at is not None and now - link.lost_at > self.heartbeat_timeout
