"""What peers may ask of a gateway: one method per command of ``shared.protocol.TABLE``.

Every method takes the peer's service and the fields of its row after ``service``, and returns the
value of REPLY. Malformed fields raise TypeError, ValueError, AttributeError or ProtocolError.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import websockets.exceptions
from websockets.frames import Close

from shared import client_id, protocol
from shared.close_codes import CloseCode, Return
from shared.errors import ProtocolError

from .connection import Connection
from .frames import frame
from .hub import Service

if TYPE_CHECKING:
    from .server import Gateway

Handler = Callable[..., Any]

MAX_REASON = 123
"""Bytes of a close frame's reason at most (RFC 6455 section 5.5)."""

MAX_CONNECTIONS = 1000
"""Rows of CONNECTIONS in one answer."""

MAX_PAGE = 4 * 1024 * 1024
"""Bytes of sessions in one answer, unless a single one is larger."""


class Commands:
    """Executes commands on the clients of a gateway."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._hub = gateway.hub
        self.table: dict[int, Handler] = {
            row.code: getattr(self, row.name.lower())
            for row in protocol.TABLE.values()
            if row.code >= protocol.FIRST_COMMAND
        }

    def _find(self, service: Service[Connection], number: int) -> Connection | None:
        return service.clients.get(number)

    def _some(self, service: Service[Connection], numbers: Iterable[int]) -> set[Connection]:
        clients = service.clients
        return {clients[number] for number in numbers if number in clients}

    def _push(self, clients: Iterable[Connection], opcode: int, payload: bytes) -> int:
        """Send one message to many. The frame is built once, for all of them the same bytes."""
        data = frame(opcode, payload)
        dirty = self._gateway.dirty
        count = 0
        for client in clients:
            count += 1
            out = client.out
            if out is None:
                client.out = data
                dirty.append(client)
            elif isinstance(out, list):
                out.append(data)
            else:
                client.out = [out, data]
        self._gateway.messages_out += count
        return count

    # Sending and closing

    def send_to_client(
        self, service: Service[Connection], number: int, opcode: int, payload: bytes
    ) -> bool:
        client = service.clients.get(number)
        if client is None:
            return False
        self._gateway.messages_out += 1
        client.send(frame(opcode, payload))
        return True

    def send_to_clients(
        self, service: Service[Connection], numbers: list[int], opcode: int, payload: bytes
    ) -> int:
        return self._push(self._some(service, numbers), opcode, payload)

    def send_to_all(
        self, service: Service[Connection], opcode: int, payload: bytes, exclude: list[int]
    ) -> int:
        clients: Iterable[Connection] = service.clients.values()
        if exclude:
            left_out = set(exclude)
            clients = [client for client in clients if client.number not in left_out]
        return self._push(clients, opcode, payload)

    def send_to_uids(
        self, service: Service[Connection], uids: list[str], opcode: int, payload: bytes
    ) -> int:
        if len(uids) == 1:
            return self._push(service.uids.of(uids[0]), opcode, payload)
        clients = {client for uid in uids for client in service.uids.of(uid)}
        return self._push(clients, opcode, payload)

    def send_to_groups(
        self,
        service: Service[Connection],
        groups: list[str],
        opcode: int,
        payload: bytes,
        exclude: list[int],
    ) -> int:
        if len(groups) == 1 and not exclude:
            return self._push(service.groups.of(groups[0]), opcode, payload)
        clients = {client for group in groups for client in service.groups.of(group)}
        return self._push(clients - self._some(service, exclude), opcode, payload)

    def close_client(
        self,
        service: Service[Connection],
        number: int,
        opcode: int,
        payload: bytes | None,
        code: int,
        reason: str,
    ) -> bool:
        client = self._find(service, number)
        if client is None:
            return False
        _check_close(code, reason)
        if payload is not None:
            client.send(frame(opcode, payload))
        client.flush()
        client.close(CloseCode(code, reason, Return.NOT, "the service closed it"))
        return True

    def destroy_client(self, service: Service[Connection], number: int) -> bool:
        client = self._find(service, number)
        if client is None:
            return False
        client.destroy()
        return True

    # Uids, groups, sessions

    def _changed(self, client: Connection) -> None:
        self._gateway.routing.changed(client)

    def bind_uid(self, service: Service[Connection], number: int, uid: str) -> bool:
        client = self._find(service, number)
        if client is None:
            return False
        if self._hub.bind(client, _key(uid)):
            self._changed(client)
        return True

    def unbind_uid(self, service: Service[Connection], number: int, uid: str) -> bool:
        client = self._find(service, number)
        if client is None or not self._hub.unbind(client, _key(uid)):
            return False
        self._changed(client)
        return True

    def join_group(self, service: Service[Connection], number: int, group: str) -> bool:
        client = self._find(service, number)
        if client is None:
            return False
        if self._hub.join(client, _key(group)):
            self._changed(client)
        return True

    def leave_group(self, service: Service[Connection], number: int, group: str) -> bool:
        client = self._find(service, number)
        if client is None or not self._hub.leave(client, _key(group)):
            return False
        self._changed(client)
        return True

    def ungroup(self, service: Service[Connection], group: str) -> int:
        members = list(service.groups.of(_key(group)))
        for client in members:
            self._hub.leave(client, group)
            self._changed(client)
        return len(members)

    def set_session(
        self,
        service: Service[Connection],
        number: int,
        session: bytes,
        expected: bytes | None,
    ) -> bool:
        client = self._find(service, number)
        if client is None:
            return False
        if expected is not None and client.session != expected:
            # Equal maps may be packed in another order.
            present = protocol.unpack_session(client.session)
            if present != protocol.unpack_session(expected):
                return False
        return self._store_session(client, protocol.unpack_session(session))

    def update_session(self, service: Service[Connection], number: int, changes: bytes) -> bool:
        client = self._find(service, number)
        if client is None:
            return False
        session = protocol.unpack_session(client.session)
        _merge(session, protocol.unpack_session(changes))
        return self._store_session(client, session)

    def patch_session(
        self, service: Service[Connection], number: int, changes: bytes, removed: list[Any]
    ) -> bool:
        client = self._find(service, number)
        if client is None:
            return False
        session = protocol.unpack_session(client.session)
        session.update(protocol.unpack_session(changes))
        for key in removed:
            session.pop(key, None)
        return self._store_session(client, session)

    def _store_session(self, client: Connection, session: dict[str, Any]) -> bool:
        packed = protocol.pack_session(session)
        if packed != client.session:
            client.session = packed
            self._changed(client)
        return True

    # Questions

    def get_session(self, service: Service[Connection], number: int) -> bytes | None:
        client = self._find(service, number)
        return None if client is None else client.session

    def are_online(self, service: Service[Connection], numbers: list[int]) -> list[int]:
        return [number for number in numbers if number in service.clients]

    def clients_by_uids(
        self, service: Service[Connection], uids: list[str]
    ) -> dict[str, list[int]]:
        index = service.uids
        return {uid: [c.number for c in index.of(uid)] for uid in uids if uid in index}

    def get_uid(self, service: Service[Connection], number: int) -> str | None:
        client = self._find(service, number)
        return None if client is None else client.uid

    def _page(
        self, service: Service[Connection], group: str | None, after: int, limit: int
    ) -> list[Connection]:
        clients = service.clients.values() if group is None else service.groups.of(group)
        above = (client for client in clients if client.number > after)
        return heapq.nsmallest(limit, above, key=_number)

    def sessions(
        self, service: Service[Connection], group: str | None, after: int, limit: int
    ) -> dict[int, bytes]:
        page: dict[int, bytes] = {}
        size = 0
        for client in self._page(service, group, after, limit):
            size += len(client.session)
            if page and size > MAX_PAGE:
                break
            page[client.number] = client.session
        return page

    def clients(
        self, service: Service[Connection], group: str | None, after: int, limit: int
    ) -> list[int]:
        return [c.number for c in self._page(service, group, after, limit)]

    def uids(self, service: Service[Connection], group: str | None) -> list[str]:
        if group is None:
            return list(service.uids)
        return list({c.uid for c in service.groups.of(group) if c.uid is not None})

    def groups(self, service: Service[Connection]) -> list[str]:
        return list(service.groups)

    def count_clients(
        self, service: Service[Connection], groups: list[str] | None
    ) -> int | dict[str, int]:
        if groups is None:
            return len(service.clients)
        return {group: service.groups.count(group) for group in groups}

    def count_uids(self, service: Service[Connection], group: str | None) -> int:
        return len(service.uids) if group is None else len(self.uids(service, group))

    def uids_by_group(self, service: Service[Connection]) -> dict[str, list[str]]:
        return {group: self.uids(service, group) for group in service.groups}

    def clients_by_group(self, service: Service[Connection]) -> dict[str, list[int]]:
        return {g: [c.number for c in service.groups.of(g)] for g in service.groups}

    # The gateway itself

    def gateway_status(self, _: Service[Connection]) -> dict[str, Any]:
        paused = sum(client.held is not None for client in self._hub.clients.values())
        return {**self._gateway.whole_status(), "paused": paused}

    def connections(
        self, _: Service[Connection], of: str | None, search: str, after: int, limit: int
    ) -> tuple[int, list[dict[str, Any]]]:
        if of is None:
            clients = self._hub.clients
        else:
            known = self._hub.services.get(of)
            clients = {} if known is None else known.clients
        found: Iterable[Connection] = clients.values()
        count = len(clients)
        if search:
            number = _number_of(search, self._gateway.prefix)
            found = [client for client in found if _matches(client, search, number)]
            count = len(found)
        above = (client for client in found if client.number > after)
        page = heapq.nsmallest(min(limit, MAX_CONNECTIONS), above, key=_number)
        return count, [self._gateway.describe_connection(client) for client in page]


def _number(client: Connection) -> int:
    return client.number


def _number_of(search: str, prefix: str) -> int:
    """The connection number, where a whole client id of this gateway is searched for; else 0."""
    try:
        found, number = client_id.parse(search)
    except ValueError:
        return 0
    return number if found == prefix else 0


def _matches(client: Connection, search: str, number: int) -> bool:
    return (
        client.number == number
        or search in client.address
        or (client.uid is not None and search in client.uid)
    )


def _check_close(code: int, reason: str) -> None:
    try:
        Close(code, reason).check()
    except websockets.exceptions.ProtocolError as error:
        raise ProtocolError(f"close code {code!r}: {error}") from error
    if len(reason.encode()) > MAX_REASON:
        raise ProtocolError(f"a close reason has at most {MAX_REASON} bytes")


def _key(value: str) -> str:
    if not isinstance(value, str) or not value:
        raise ProtocolError("a uid or group is a str that is not empty")
    return value


def _merge(into: dict[Any, Any], changes: dict[Any, Any]) -> None:
    for key, value in changes.items():
        present = into.get(key)
        if isinstance(present, dict) and isinstance(value, dict):
            _merge(present, value)
        else:
            into[key] = value
