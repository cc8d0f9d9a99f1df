"""Turns the events of the links into jobs of the runner, and knows which clients are here."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Any

from shared import client_id, protocol
from shared.errors import ProtocolError
from shared.link import Link

from .client import Client
from .hooks import GatewayInfo, Hook, OnlineClient
from .request import Request
from .runner import Lane, Runner
from .service import Service

log = logging.getLogger(__name__)

NO_ACK = 0
"""In place of a seq: the job is not the last of its event, or belongs to none."""


class _Connection:
    """One connection of a link: its seqs, and the clients that were given to us on it."""

    __slots__ = ("clients", "is_up", "link", "parts")

    def __init__(self, link: Link) -> None:
        self.link = link
        self.is_up = True
        self.clients: dict[int, Client] = {}
        self.parts: dict[int, list[Any]] = {}  # of GATEWAY_UP, by service

    def client_done(self, lane: Lane, seq: int, ok: bool) -> None:
        """A hook of a client ended: save its session, then acknowledge."""
        if lane.open_session is not None:  # type: ignore[attr-defined]
            self._save(lane, seq, ok)  # type: ignore[arg-type]
        elif seq and self.is_up:
            self.link.ack(seq)

    def done(self, lane: Lane, seq: int, ok: bool) -> None:
        """A hook that concerns no client ended."""
        if seq and self.is_up:
            self.link.ack(seq)

    def _save(self, client: Client, seq: int, ok: bool) -> None:
        if not ok:
            client.drop_session()
        else:
            try:
                saved = client.save_session()
            except ProtocolError as error:
                client.service.stats.errors += 1
                log.error("%s of %s: %s", client.service.name, client, error)
            else:
                if saved is not None:
                    # Acknowledged only then: the next worker must find the session as it is now.
                    saved.add_done_callback(lambda _: self.done(client, seq, True))
                    return
        self.done(client, seq, ok)


class _GatewayLane(Lane):
    """Reports of the gateways to one service, one after another."""

    __slots__ = ("service",)

    def __init__(self, service: str) -> None:
        super().__init__()
        self.service = service

    def __str__(self) -> str:
        return "a gateway"


class Dispatcher:
    """Implements ``shared.link.EventHandler``; method names and order of events as there.

    Args:
        services: the services, by the indexes of HELLO.
        runner: runs their hooks.
    """

    def __init__(self, services: Sequence[Service], runner: Runner) -> None:
        self._services = services
        self._submit = runner.submit
        self._connections: dict[str, _Connection] = {}
        self._orphans: dict[str, dict[int, Client]] = {}
        self._returning: dict[str, dict[int, Client]] = {}
        self._lanes = [_GatewayLane(service.name) for service in services]

    def count_clients(self) -> dict[str, int]:
        """Number of clients by service, of the services whose clients are tracked."""
        counts = {service.name: 0 for service in self._services}
        for connection in self._connections.values():
            for client in connection.clients.values():
                counts[client.service.name] += 1
        return counts

    def clients(self, limit: int) -> list[Client]:
        """At most ``limit`` of the clients that are here."""
        found: list[Client] = []
        for connection in self._connections.values():
            for client in connection.clients.values():
                if len(found) >= limit:
                    return found
                found.append(client)
        return found

    # Messages

    def on_text(self, link: Link, seq: int, client: int, payload: bytes) -> None:
        # As on_binary, spelt out: this runs for every text of every client.
        connection = self._connections[link.prefix]
        record = connection.clients.get(client)
        if record is not None and (hook := record.service.on_message) is not None:
            args = (record, payload.decode())
            self._submit((record, hook, args, connection.client_done, seq))
        else:
            link.ack(seq)

    def on_binary(self, link: Link, seq: int, client: int, payload: bytes) -> None:
        connection = self._connections[link.prefix]
        record = connection.clients.get(client)
        if record is not None and (hook := record.service.on_message) is not None:
            self._submit((record, hook, (record, payload), connection.client_done, seq))
        else:
            link.ack(seq)

    # Clients come and go

    def on_connect(
        self,
        link: Link,
        seq: int,
        service: int,
        client: int,
        state: list[Any],
        request: list[Any] | None,
    ) -> None:
        connection = self._connections[link.prefix]
        record = self._enter(connection, service, client, state)
        hooks = record.service.hooks
        first, then = hooks.get("on_websocket_connect"), hooks.get("on_connect")
        done = connection.client_done
        if first is not None and request is not None:
            args = (record, Request.parse(*request[:3]))
            self._submit((record, first, args, done, NO_ACK if then else seq))
        if then is not None:
            self._submit((record, then, (record,), done, seq))
        elif first is None or request is None:
            link.ack(seq)

    def on_adopt(self, link: Link, seq: int, service: int, client: int, state: list[Any]) -> None:
        self._enter(self._connections[link.prefix], service, client, state)
        link.ack(seq)

    def on_changed(
        self,
        link: Link,
        seq: int,
        client: int,
        uid: str | None,
        groups: list[str],
        session: bytes,
    ) -> None:
        record = self._connections[link.prefix].clients.get(client)
        if record is not None:
            record.take(uid, groups, session)
        link.ack(seq)

    def on_close(
        self,
        link: Link,
        seq: int,
        service: int,
        client: int,
        state: list[Any],
        code: int,
        reason: str,
    ) -> None:
        connection = self._connections[link.prefix]
        record = self._enter(connection, service, client, state)
        connection.clients.pop(client, None)
        self._close(connection, record, seq, code, reason)

    def _enter(
        self, connection: _Connection, service: int, number: int, state: list[Any]
    ) -> Client:
        """The record of a client with this state, a new one where it is not known."""
        link = connection.link
        client = connection.clients.get(number)
        if client is None and self._returning:
            client = self._returning.get(link.prefix, {}).pop(number, None)
        if client is None:
            client = Client(link, self._services[service], number, state)
        else:
            client.take(*state[1:4])
        if client.service.is_tracked:
            connection.clients[number] = client
        return client

    def _close(
        self, connection: _Connection, client: Client, seq: int, code: int, reason: str
    ) -> None:
        client.closed(code, reason)
        hook = client.service.on_close
        if hook is not None:
            self._submit((client, hook, (client,), connection.client_done, seq))
        else:
            connection.done(client, seq, True)

    # Gateways come and go

    def on_gateway_up(
        self, link: Link, seq: int, service: int, last: bool, clients: list[Any]
    ) -> None:
        connection = self._connections[link.prefix]
        rows = connection.parts.setdefault(service, [])
        rows += clients
        if not last:
            link.ack(seq)
            return
        del connection.parts[service]
        hook: Hook | None = self._services[service].hooks.get("on_gateway_up")
        if hook is None:
            link.ack(seq)
            return
        gateway = GatewayInfo(link.prefix, link.address)
        online = [
            OnlineClient(client_id.make(link.prefix, number), uid, protocol.unpack_session(session))
            for number, uid, session in rows
        ]
        self._submit((self._lanes[service], hook, (gateway, online), connection.done, seq))

    def on_link_up(self, link: Link, same_instance: bool) -> None:
        self._connections[link.prefix] = _Connection(link)
        orphans = self._orphans.pop(link.prefix, None)
        if not orphans:
            return
        if same_instance:
            # It gives its clients away anew, to us or to others. Those that come back keep their
            # records, whose hooks may still be running; the rest is forgotten after a while.
            self._returning[link.prefix] = orphans
            asyncio.get_running_loop().call_later(60, self._forget, link.prefix, orphans)
        else:
            self._bury(link, orphans)

    def on_link_lost(self, link: Link) -> None:
        connection = self._connections.pop(link.prefix, None)
        if connection is None:
            return
        connection.is_up = False
        self._orphans.setdefault(link.prefix, {}).update(connection.clients)

    def on_gateway_dead(self, link: Link) -> None:
        self.on_link_lost(link)
        self._bury(link, self._orphans.pop(link.prefix, {}))

    def _bury(self, link: Link, orphans: dict[int, Client]) -> None:
        if orphans:
            log.warning("gateway %s is dead: closing its %d clients", link.address, len(orphans))
        nowhere = _Connection(link)
        nowhere.is_up = False
        for client in orphans.values():
            self._close(nowhere, client, NO_ACK, 1006, "the gateway is gone")

    def _forget(self, prefix: str, orphans: dict[int, Client]) -> None:
        if self._returning.get(prefix) is orphans:
            del self._returning[prefix]
