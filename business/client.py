"""The client that a hook is given."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

from gateway_client.arguments import Message, encode_message
from shared import client_id, protocol
from shared.errors import GatewayError
from shared.link import Link, LinkState

from .runner import Lane

if TYPE_CHECKING:
    from aiohttp import web

    from gateway_client import GatewayClient

    from .service import Service

log = logging.getLogger(__name__)

TIMEOUT = 5.0
"""Seconds that calls of a client take at most, where nothing else is said."""

_NO_GROUPS: frozenset[str] = frozenset()


_Patch = tuple["asyncio.Future[Any]", dict[str, Any], list[str]]


class Client(Lane):
    """One socket, as its worker sees it. Its hooks run in order, in this one process.

    Attributes:
        service: the service it belongs to.
        remote_address: ``ip:port`` of the client, with trusted proxies taken into account.
        uid: the uid it is bound to, None while unbound.
        groups: the groups it is in.
        is_closed: whether the socket is known to be gone; sending is then without effect.
        close_code: why, in ``on_close``: 1006 where no close frame was seen; else None.
        close_reason: the text that came with it.

    ``uid`` and ``groups`` also follow what others change (through GatewayClient).
    """

    __slots__ = (
        "_base", "_changes", "_link", "_number", "_packed", "_patches", "close_code",
        "close_reason", "groups", "is_closed", "open_session", "remote_address", "service", "uid",
    )  # fmt: skip

    def __init__(self, link: Link, service: Service, number: int, state: list[Any]) -> None:
        super().__init__()
        self._link = link
        self.service = service
        self._number = number
        self._changes = 0
        self._base = protocol.EMPTY_SESSION
        self._patches: list[_Patch] | None = None
        self.is_closed = False
        self.close_code: int | None = None
        self.close_reason = ""
        self.open_session: dict[str, Any] | None = None
        self.remote_address: str = state[0]
        self.uid: str | None = None
        self.groups = _NO_GROUPS
        self.take(*state[1:4])

    def __repr__(self) -> str:
        return f"<Client {self.id} of {self.service.name}>"

    def __str__(self) -> str:
        return f"client {self.id}"

    @property
    def id(self) -> str:
        """The client id: 20 hex digits, unique among all gateways."""
        return client_id.make(self._link.prefix, self._number)

    @property
    def gateway(self) -> GatewayClient:
        """The process's GatewayClient for this service."""
        return self.service.gateway

    @property
    def app(self) -> web.Application:
        """The service's aiohttp application."""
        return self.service.app

    # Sending and closing

    async def send(
        self, message: Message, *, wait: bool = False, timeout: float = TIMEOUT
    ) -> bool | None:
        """Send a message. Messages arrive in the order in which they were sent.

        Args:
            message: dict or list (sent as JSON text), str, or bytes (a binary message).
            wait: wait for the gateway's answer.
            timeout: seconds; the gateway will not send it later.

        Returns:
            Whether the socket was there; None when not waiting.

        Raises:
            BadArgument: no such message.
            GatewayTimeout: no answer in time, or no room for the message in time.
            LinkLost: the link broke first.
        """
        opcode, payload = encode_message(message)
        link = self._link
        if self.is_closed or link.state is LinkState.CLOSED:
            return False if wait else None
        fields = (self._number, opcode, payload)
        index = self.service.index
        if wait:
            there = await link.call(protocol.SEND_TO_CLIENT, index, *fields, timeout=timeout)
            return bool(there)
        queued = link.cast(protocol.SEND_TO_CLIENT, index, *fields, timeout=timeout)
        if queued is not None:
            await queued
        return None

    async def close(
        self, message: Message | None = None, code: int = 1000, reason: str = ""
    ) -> bool:
        """Close the socket, after ``message`` where there is one; ``on_close`` follows.

        Args:
            message: as of ``send``; None: nothing.
            code: WebSocket close code, see ``shared/close_codes.py``.
            reason: at most 123 bytes in UTF-8.

        Returns:
            Whether the socket was there.
        """
        if self.is_closed:
            return False
        return bool(await self.gateway.close_client(self.id, message, code=code, reason=reason))

    async def destroy(self) -> bool:
        """Drop the connection at once, with what is unsent. Returns whether it was there."""
        return False if self.is_closed else bool(await self.gateway.destroy_client(self.id))

    # Uid and groups

    async def bind_uid(self, uid: str | int) -> bool:
        """Bind it to a uid, in place of the one it is bound to.

        Returns:
            False where the socket is gone. When it returns, it holds.

        Raises:
            BadArgument: the uid is empty.
        """
        before = self._changes
        done = bool(await self.gateway.bind_uid(self.id, uid))
        if done and before == self._changes:
            self.uid = str(uid)
        return done

    async def unbind_uid(self, uid: str | int | None = None) -> bool:
        """Unbind it; from ``uid`` only, where one is given. Returns whether it was bound."""
        if uid is None:
            uid = self.uid
        if uid is None:
            return False
        before = self._changes
        done = bool(await self.gateway.unbind_uid(self.id, uid))
        if done and before == self._changes:
            self.uid = None
        return done

    async def join_group(self, group: str | int) -> bool:
        """Let it join a group; False where the socket is gone. Left on close by itself."""
        before = self._changes
        done = bool(await self.gateway.join_group(self.id, group))
        if done and before == self._changes:
            self.groups |= {str(group)}
        return done

    async def leave_group(self, group: str | int) -> bool:
        """Let it leave a group; whether it was in it."""
        before = self._changes
        done = bool(await self.gateway.leave_group(self.id, group))
        if done and before == self._changes:
            self.groups -= {str(group)}
        return done

    # Session

    @property
    def session(self) -> dict[str, Any]:
        """A dict that stays with the socket, whichever worker serves it.

        What a hook changes in it is saved when the hook returns: the top-level keys that were set
        or removed, so that others may change other keys at the same time. A hook that raises
        saves nothing. Values are those of msgpack: None, bool, int, float, str, bytes, list, dict.
        """
        if self.open_session is None:
            self._base = self._packed
            self.open_session = protocol.unpack_session(self._packed)
        return self.open_session

    @session.setter
    def session(self, session: dict[str, Any]) -> None:
        if self.open_session is None:
            self._base = self._packed
        self.open_session = session

    # For the dispatcher

    def take(self, uid: str | None, groups: list[str], session: bytes) -> None:
        """Take the state that the gateway tells."""
        self._changes += 1
        self.uid = uid
        self.groups = frozenset(groups) if groups else _NO_GROUPS
        self._packed = session
        if self._patches:
            # What the gateway told may be older than what we have sent since.
            self._patches = [patch for patch in self._patches if not patch[0].done()]
            for _, changes, removed in self._patches:
                self._apply(changes, removed)

    def closed(self, code: int, reason: str) -> None:
        """The socket is gone."""
        self.is_closed = True
        self.close_code = code
        self.close_reason = reason

    def drop_session(self) -> None:
        """A hook failed: forget what it changed."""
        self.open_session = None

    def save_session(self) -> asyncio.Future[Any] | None:
        """A hook returned: send what it changed in the session.

        Returns:
            A future that is done when the gateway has it; None where nothing changed.

        Raises:
            ProtocolError: the session holds what msgpack cannot carry; nothing is saved.
        """
        session, self.open_session = self.open_session, None
        if session is None or protocol.pack_session(session) == self._base:
            return None
        before = protocol.unpack_session(self._base)
        changes = {
            key: value
            for key, value in session.items()
            if key not in before or protocol.pack([value]) != protocol.pack([before[key]])
        }
        removed = [key for key in before if key not in session]
        if not (changes or removed):
            return None
        packed = protocol.pack_session(changes)
        changes = protocol.unpack_session(packed)  # a copy, which nobody else changes
        self._apply(changes, removed)
        if self.is_closed or self._link.state is LinkState.CLOSED:
            return None
        future = self._link.call(
            protocol.PATCH_SESSION,
            self.service.index,
            self._number,
            packed,
            removed,
            timeout=TIMEOUT,
        )
        future.add_done_callback(self._saved)
        self._patches = [*(self._patches or ()), (future, changes, removed)]
        return future

    def _apply(self, changes: dict[str, Any], removed: list[str]) -> None:
        session = protocol.unpack_session(self._packed)
        session.update(changes)
        for key in removed:
            session.pop(key, None)
        self._packed = protocol.pack_session(session)

    def _saved(self, future: asyncio.Future[Any]) -> None:
        patches = [patch for patch in self._patches or () if patch[0] is not future]
        self._patches = patches or None
        if not future.cancelled() and isinstance(error := future.exception(), GatewayError):
            log.error("the session of %s was not saved: %s", self, error)
