"""Who is connected: clients, uids and groups of each service. A pure data structure, no I/O.

A uid or group that has one client costs no set of its own: the value is then the client itself.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator
from typing import Any, Generic, TypeVar

from shared.protocol import EMPTY_SESSION, ServiceOptions


class Member:
    """What the hub keeps on a client.

    Attributes:
        number: connection number, the last 8 digits of the client id.
        service: the service it belongs to, None before it is open.
        uid: None while unbound.
        groups: None for none, a str for one, else a set.
        session: packed.
    """

    __slots__ = ("groups", "number", "service", "session", "uid")

    def __init__(self) -> None:
        self.number = 0
        self.service: Service[Any] | None = None
        self.uid: str | None = None
        self.groups: str | set[str] | None = None
        self.session = EMPTY_SESSION


M = TypeVar("M", bound=Member)


class Index(Generic[M]):
    """Key to the clients that have it; keys without clients do not exist."""

    __slots__ = ("_members",)

    def __init__(self) -> None:
        self._members: dict[str, M | set[M]] = {}

    def __len__(self) -> int:
        return len(self._members)

    def __iter__(self) -> Iterator[str]:
        return iter(self._members)

    def __contains__(self, key: str) -> bool:
        return key in self._members

    def add(self, key: str, member: M) -> None:
        """Add a client to a key; idempotent."""
        present = self._members.get(key)
        if present is None:
            self._members[key] = member
        elif isinstance(present, set):
            present.add(member)
        elif present is not member:
            self._members[key] = {present, member}

    def discard(self, key: str, member: M) -> None:
        """Take a client from a key; idempotent."""
        present = self._members.get(key)
        if present is member:
            del self._members[key]
        elif isinstance(present, set):
            present.discard(member)
            if len(present) == 1:
                self._members[key] = present.pop()

    def of(self, key: str) -> Iterable[M]:
        """The clients of a key, none for an unknown key. Do not change the index meanwhile."""
        present = self._members.get(key)
        if present is None:
            return ()
        return present if isinstance(present, set) else (present,)

    def count(self, key: str) -> int:
        """Number of clients of a key."""
        present = self._members.get(key)
        if present is None:
            return 0
        return len(present) if isinstance(present, set) else 1


class Service(Generic[M]):
    """The clients of one service and what its workers said of it.

    Attributes:
        name: first path segment of its WebSocket URLs.
        hooks: names of the hooks that its latest worker defines.
        options: see ``ServiceOptions``.
        heartbeat: the heartbeat text as bytes, None where every text is a message.
        tracked: its workers keep a record of each client, and so hear of its changes and its end.
        clients: open clients by connection number.
    """

    __slots__ = (
        "clients", "groups", "has_on_message", "heartbeat", "hooks", "name", "options",
        "tracked", "uids",
    )  # fmt: skip

    def __init__(self, name: str) -> None:
        self.name = name
        self.clients: dict[int, M] = {}
        self.uids: Index[M] = Index()
        self.groups: Index[M] = Index()
        self.declare(frozenset(), ServiceOptions())

    def declare(self, hooks: frozenset[str], options: ServiceOptions) -> None:
        """Take what a worker's hello says of the service."""
        self.hooks = hooks
        self.options = options
        text = options.heartbeat_text
        self.heartbeat = None if text is None else text.encode()
        self.has_on_message = "on_message" in hooks
        # Their worker keeps a record of such clients, and must hear of every change.
        self.tracked = self.has_on_message or "on_close" in hooks


class Hub(Generic[M]):
    """All clients of a gateway process."""

    __slots__ = ("clients", "services")

    def __init__(self) -> None:
        self.clients: dict[int, M] = {}
        self.services: dict[str, Service[M]] = {}

    def service(self, name: str) -> Service[M]:
        """The service of this name, made on first use."""
        service = self.services.get(name)
        if service is None:
            service = self.services[name] = Service(name)
        return service

    def new_number(self) -> int:
        """A connection number that is not in use and that nobody can guess (32 bit, not 0)."""
        while True:
            number = secrets.randbits(32)
            if number and number not in self.clients:
                return number

    def add(self, member: M, service: Service[M]) -> None:
        """Take in a client that has a number; it gets the service."""
        member.service = service
        self.clients[member.number] = member
        service.clients[member.number] = member

    def remove(self, member: M) -> None:
        """Take a client out of every index; its own fields stay as they were. Idempotent."""
        service = member.service
        if service is None or self.clients.pop(member.number, None) is None:
            return
        del service.clients[member.number]
        if member.uid is not None:
            service.uids.discard(member.uid, member)
        for group in groups_of(member):
            service.groups.discard(group, member)

    def bind(self, member: M, uid: str) -> bool:
        """Give a client its uid in place of the one it had. Returns whether that changed it."""
        service = member.service
        if service is None or member.uid == uid:
            return False
        if member.uid is not None:
            service.uids.discard(member.uid, member)
        member.uid = uid
        service.uids.add(uid, member)
        return True

    def unbind(self, member: M, uid: str) -> bool:
        """Take the uid from a client that has this one. Returns whether it had it."""
        service = member.service
        if service is None or member.uid != uid:
            return False
        service.uids.discard(uid, member)
        member.uid = None
        return True

    def join(self, member: M, group: str) -> bool:
        """Put a client into a group. Returns whether that changed it."""
        service = member.service
        groups = member.groups
        if service is None or groups == group:
            return False
        if groups is None:
            member.groups = group
        elif isinstance(groups, str):
            member.groups = {groups, group}
        elif group in groups:
            return False
        else:
            groups.add(group)
        service.groups.add(group, member)
        return True

    def leave(self, member: M, group: str) -> bool:
        """Take a client out of a group. Returns whether it was in it."""
        service = member.service
        groups = member.groups
        if service is None or groups is None:
            return False
        if isinstance(groups, str):
            if groups != group:
                return False
            member.groups = None
        else:
            if group not in groups:
                return False
            groups.remove(group)
            if len(groups) == 1:
                member.groups = groups.pop()
        service.groups.discard(group, member)
        return True


def groups_of(member: Member) -> Iterable[str]:
    """The groups of a client."""
    groups = member.groups
    if groups is None:
        return ()
    return (groups,) if isinstance(groups, str) else groups
