"""GatewayClient: everything that a program may ask of the gateways, for asyncio."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePath
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from . import merge
from ._shared import pool as _pool
from ._shared import protocol
from .arguments import (
    Key,
    Message,
    check_addresses,
    check_close,
    check_secret,
    client_ids_by_prefix,
    encode_message,
    group_of,
    groups_of,
    pack_session,
    split_client_id,
    uid_of,
    uids_of,
)
from .batch import run_batch
from .questions import Questions

if TYPE_CHECKING:
    from ._shared import pool


class GatewayClient(Questions):
    """Speaks to the clients of one service, wherever they are connected.

    ::

        async with GatewayClient("127.0.0.1:1236", secret=..., service="orders") as gateway:
            await gateway.send_to_uid("42", {"type": "paid", "order": 7})

    It keeps one connection to each gateway and to each register, and may be used by any number of
    tasks of the event loop that started it. For other threads, and programs that fork, there is
    ``SyncGatewayClient``.

    What all calls have in common:

    * A message is a dict or list (sent as JSON text), a str (text) or bytes (a binary message).
    * A client id that is well-formed but not of an open socket is not an error: nothing happens,
      and the result is False, 0 or None.
    * A uid is a str that is not empty, or an int, which stands for its digits. Groups the same,
      but the int 0 is refused. Results have them as str.
    * ``timeout``: seconds for this call; None: the client's. No gateway executes it later.
    * ``wait=False``: do not wait for the answer; the result is None. Such calls are executed in
      order, and only wait when 1,000 of them, or 1 MiB, are unanswered by a gateway.

    What all calls raise:

    * ``BadArgument``: an argument is wrong; nothing was sent.
    * ``NoGateway``, ``RegisterUnreachable``: there is nobody to send it to.
    * ``GatewayTimeout``, ``LinkLost``: some gateways (``missing``) did not answer in time, or their
      link broke; ``reached`` is the result without them, None where nobody answered.
    * ``CallFailed``: a gateway could not execute it.

    Args:
        register: ``host:port`` of the register, or a list of them, of which one must be there.
        secret: the installation's secret, at least 32 characters.
        service: the service whose clients are meant.
        timeout: seconds that a call takes at most.
        name: of this program, shown in the gateways' status; None: its file name and process id.

    Raises:
        BadArgument: an argument is wrong.
    """

    def __init__(
        self,
        register: str | Sequence[str] = "127.0.0.1:1236",
        *,
        secret: str,
        service: str = "servicer",
        timeout: float = 5.0,
        name: str | None = None,
    ) -> None:
        super().__init__(timeout)
        self._registers = check_addresses(register)
        self._secret = check_secret(secret)
        self._name = name or _name_of_program()
        self._owns_pool = True
        self._is_closed = False
        self.service = service

    @classmethod
    def on_pool(cls, pool: pool.Pool, service: str, timeout: float = 5.0) -> GatewayClient:
        """A client on the links that a business process has anyway. Closing it closes nothing.

        Args:
            pool: the process's links.
            service: one of the pool's services.
            timeout: seconds that a call takes at most.

        Raises:
            KeyError: not one of the pool's services.
        """
        client = cls.__new__(cls)
        Questions.__init__(client, timeout)
        client._owns_pool = False
        client._is_closed = False
        client.service = service
        client._use(pool, pool.service_index(service))
        return client

    # Life

    async def start(self) -> None:
        """Connect to the registers and to every gateway that they list. Idempotent.

        That no gateway is listed is not an error: those that come later are connected to as they
        come.

        Raises:
            RegisterUnreachable: no register answered in time.
            SecretRefused: the register has another secret.
        """
        if self._is_closed:
            raise RuntimeError("this GatewayClient has been closed")
        if self._pool is not None:
            return
        pool = _pool.Pool(
            registers=self._registers,
            secret=self._secret,
            kind=protocol.Kind.CLIENT,
            name=self._name,
            services=[(self.service, [], protocol.ServiceOptions())],
        )
        try:
            await pool.start(self._timeout)
        except BaseException:
            await pool.close()
            raise
        self._use(pool, 0)

    @property
    def is_connected(self) -> bool:
        """Whether it was started and not closed. Gateways may come and go meanwhile."""
        return self._pool is not None and not self._is_closed

    def flush_and_disconnect(self) -> None:
        """As ``close``, but blocks the event loop, for half a second at most. For the very end of
        a program, when ``close`` cannot do its waiting in another thread any more."""
        if self._owns_pool and self._pool is not None and not self._is_closed:
            self._is_closed = True
            for link in self._links.values():
                link.close()
            self._pool.context.term()

    async def close(self) -> None:
        """Send what was queued, and disconnect. Idempotent."""
        if self._owns_pool:
            self._is_closed = True
            if self._pool is not None:
                await self._pool.close()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    # Sending

    async def send_to_all(
        self,
        message: Message,
        client_ids: Iterable[str] | None = None,
        exclude: str | Iterable[str] | None = None,
        *,
        wait: bool = True,
        timeout: float | None = None,
    ) -> int | None:
        """Send to everybody.

        Args:
            message: what to send.
            client_ids: to these only; None: everybody; an empty list: nobody.
            exclude: one or several client ids that do not get it.

        Returns:
            The number of sockets it was written to.
        """
        opcode, payload = encode_message(message)
        excluded = {} if exclude is None else client_ids_by_prefix(exclude, "exclude")
        commands: dict[str, tuple[Any, ...]]
        if client_ids is None:
            code = protocol.SEND_TO_ALL
            commands = {
                prefix: (opcode, payload, excluded.get(prefix, []))
                for prefix in await self._everyone()
            }
        else:
            code = protocol.SEND_TO_CLIENTS
            commands = {}
            for prefix, numbers in client_ids_by_prefix(client_ids).items():
                left_out = set(excluded.get(prefix, ()))
                chosen = [number for number in numbers if number not in left_out]
                commands[prefix] = (chosen, opcode, payload)
        return await self._tell(code, commands, combine=merge.total, wait=wait, timeout=timeout)

    async def send_to_client(
        self,
        client_id: str,
        message: Message,
        *,
        wait: bool = True,
        timeout: float | None = None,
    ) -> bool | None:
        """Send to one client.

        Returns:
            Whether the socket was there.
        """
        # Spelled out, not through _to_one: the one call that is made for every message.
        opcode, payload = encode_message(message)
        prefix, number = split_client_id(client_id)
        seconds = self._timeout if timeout is None else self._seconds(timeout)
        link = self._links.get(prefix)
        if link is None:
            await self._gone()
            return False if wait else None
        code, service = protocol.SEND_TO_CLIENT, self._service
        if wait:
            return bool(await link.call(code, service, number, opcode, payload, timeout=seconds))
        queued = link.cast(code, service, number, opcode, payload, timeout=seconds)
        if queued is not None:
            await queued
        return None

    async def send_to_uid(
        self,
        uid: Key | Iterable[Key],
        message: Message,
        *,
        wait: bool = True,
        timeout: float | None = None,
    ) -> int | None:
        """Send to every socket of a uid, or of several.

        Returns:
            The number of sockets it was written to; 0: the uid is not online.
        """
        opcode, payload = encode_message(message)
        return await self._tell_all(
            protocol.SEND_TO_UIDS,
            uids_of(uid),
            opcode,
            payload,
            combine=merge.total,
            wait=wait,
            timeout=timeout,
        )

    async def send_to_group(
        self,
        group: Key | Iterable[Key],
        message: Message,
        exclude: str | Iterable[str] | None = None,
        *,
        wait: bool = True,
        timeout: float | None = None,
    ) -> int | None:
        """Send to the clients of a group, or of several; who is in two of them gets it once.

        Args:
            group: one or several groups.
            message: what to send.
            exclude: one or several client ids that do not get it.

        Returns:
            The number of sockets it was written to.
        """
        opcode, payload = encode_message(message)
        excluded = {} if exclude is None else client_ids_by_prefix(exclude, "exclude")
        groups = groups_of(group)
        commands = {
            prefix: (groups, opcode, payload, excluded.get(prefix, []))
            for prefix in await self._everyone()
        }
        return await self._tell(
            protocol.SEND_TO_GROUPS, commands, combine=merge.total, wait=wait, timeout=timeout
        )

    # Closing

    async def close_client(
        self,
        client_id: str,
        message: Message | None = None,
        code: int = 1000,
        reason: str = "",
        *,
        wait: bool = True,
        timeout: float | None = None,
    ) -> bool | None:
        """Close a client's socket with a proper closing handshake.

        Args:
            client_id: the client.
            message: sent before; None: nothing.
            code: WebSocket close code: 1000-1003, 1007-1014 or 3000-4999.
            reason: at most 123 bytes in UTF-8.

        Returns:
            Whether the socket was there.
        """
        check_close(code, reason)
        opcode, payload = (0, None) if message is None else encode_message(message)
        done = await self._to_one(
            protocol.CLOSE_CLIENT,
            client_id,
            opcode,
            payload,
            code,
            reason,
            wait=wait,
            timeout=timeout,
        )
        return bool(done) if wait else None

    async def destroy_client(
        self, client_id: str, *, wait: bool = True, timeout: float | None = None
    ) -> bool | None:
        """Drop a client's connection at once, with what has not been sent yet.

        Returns:
            Whether the socket was there.
        """
        done = await self._to_one(protocol.DESTROY_CLIENT, client_id, wait=wait, timeout=timeout)
        return bool(done) if wait else None

    # Uids and groups

    async def bind_uid(
        self, client_id: str, uid: Key, *, wait: bool = True, timeout: float | None = None
    ) -> bool | None:
        """Give a client its uid, in place of the one it had. A uid may have many clients.

        Returns:
            Whether the socket is there; if so, the uid holds from now on.
        """
        done = await self._to_one(
            protocol.BIND_UID, client_id, uid_of(uid), wait=wait, timeout=timeout
        )
        return bool(done) if wait else None

    async def unbind_uid(
        self, client_id: str, uid: Key, *, wait: bool = True, timeout: float | None = None
    ) -> bool | None:
        """Take the uid from a client.

        Returns:
            Whether it had this uid; otherwise nothing is changed.
        """
        done = await self._to_one(
            protocol.UNBIND_UID, client_id, uid_of(uid), wait=wait, timeout=timeout
        )
        return bool(done) if wait else None

    async def join_group(
        self, client_id: str, group: Key, *, wait: bool = True, timeout: float | None = None
    ) -> bool | None:
        """Put a client into a group. It leaves by itself when its socket closes.

        Returns:
            Whether the socket is there; if so, it is in the group from now on.
        """
        done = await self._to_one(
            protocol.JOIN_GROUP, client_id, group_of(group), wait=wait, timeout=timeout
        )
        return bool(done) if wait else None

    async def leave_group(
        self, client_id: str, group: Key, *, wait: bool = True, timeout: float | None = None
    ) -> bool | None:
        """Take a client out of a group.

        Returns:
            Whether it was in the group.
        """
        done = await self._to_one(
            protocol.LEAVE_GROUP, client_id, group_of(group), wait=wait, timeout=timeout
        )
        return bool(done) if wait else None

    async def ungroup(
        self, group: Key, *, wait: bool = True, timeout: float | None = None
    ) -> int | None:
        """Dissolve a group: everybody leaves it.

        Returns:
            The number of clients that were in it.
        """
        return await self._tell_all(
            protocol.UNGROUP, group_of(group), combine=merge.total, timeout=timeout, wait=wait
        )

    # Sessions

    async def set_session(
        self,
        client_id: str,
        session: Mapping[str, Any],
        expected: Mapping[str, Any] | None = None,
        *,
        wait: bool = True,
        timeout: float | None = None,
    ) -> bool | None:
        """Replace a client's session.

        Args:
            client_id: the client.
            session: the new one: a dict of what msgpack can carry.
            expected: replace it only if it is equal to this (compare-and-set); None: in any case.

        Returns:
            Whether it was replaced: False where the client is gone or the session another.
        """
        done = await self._to_one(
            protocol.SET_SESSION,
            client_id,
            pack_session(session),
            None if expected is None else pack_session(expected, "expected"),
            wait=wait,
            timeout=timeout,
        )
        return bool(done) if wait else None

    async def update_session(
        self,
        client_id: str,
        session: Mapping[str, Any],
        *,
        wait: bool = True,
        timeout: float | None = None,
    ) -> bool | None:
        """Merge a dict into a client's session. Dicts inside are merged too, all else replaced.

        Returns:
            Whether the socket was there.
        """
        done = await self._to_one(
            protocol.UPDATE_SESSION, client_id, pack_session(session), wait=wait, timeout=timeout
        )
        return bool(done) if wait else None

    # Many calls at once

    async def batch(self, calls: Iterable[tuple[str, Mapping[str, Any]]]) -> list[Any]:
        """Make many calls at once: they travel together, and are executed in their order.

        ::

            await gateway.batch([
                ("join_group", {"client_id": client_id, "group": "vip"}),
                ("send_to_uid", {"uid": "42", "message": "hello"}),
            ])

        Args:
            calls: (name of a call, its arguments by name) each.

        Returns:
            A list of the same length: each call's result, or the error (a ``GatewayError``) that
            it would have raised.

        Raises:
            BadArgument: ``calls`` is not such a list, or names a call that does not exist; then
                none of them was made.
        """
        return await run_batch(self, calls)


def _name_of_program() -> str:
    path = PurePath(sys.argv[0] or "python")
    name = path.parent.name if path.name == "__main__.py" else path.name
    return f"{name}-{os.getpid()}"
