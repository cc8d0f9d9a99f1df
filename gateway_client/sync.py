"""SyncGatewayClient: GatewayClient for programs without asyncio (Django, Flask, scripts).

Names, signatures and docstrings are those of ``client.py``; a test compares them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import TracebackType
from typing import Any, Self

from .arguments import Key, Message
from .background import Background
from .client import GatewayClient
from .sync_questions import SyncQuestions


class SyncGatewayClient(SyncQuestions):
    """The calls of ``GatewayClient``, which see, blocking.

    ::

        gateway = SyncGatewayClient("127.0.0.1:1236", secret=..., service="orders")
        gateway.send_to_uid("42", {"type": "paid", "order": 7})

    May be used by any number of threads at the same time. It connects at the first call, and after
    a fork again at the first call of the new process, so that it may be a global of a program
    whose server forks. Where nothing can be connected to, the call raises and the next tries anew.

    It must not be used in coroutines, where it would block their event loop.

    Args:
        register: ``host:port`` of the register, or a list of them, of which one must be there.
        secret: the installation's secret, at least 32 characters.
        service: the service whose clients are meant.
        timeout: seconds that a call takes at most; the first one also needs time to connect.
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
        def make_client() -> GatewayClient:
            return GatewayClient(
                register, secret=secret, service=service, timeout=timeout, name=name
            )

        make_client()  # for its checks
        self._background = Background(make_client)
        self.service = service

    # Life

    def start(self) -> None:
        """Connect now, not at the first call. Idempotent.

        Raises:
            RegisterUnreachable: no register answered in time.
            SecretRefused: the register has another secret.
        """
        self._background.call(lambda client: client.start())

    def close(self) -> None:
        """Send what was queued, and disconnect. Idempotent."""
        self._background.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    # Sending

    def send_to_all(
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
        return self._background.call(
            lambda client: client.send_to_all(
                message, client_ids, exclude, wait=wait, timeout=timeout
            )
        )

    def send_to_client(
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
        return self._background.call(
            lambda client: client.send_to_client(client_id, message, wait=wait, timeout=timeout)
        )

    def send_to_uid(
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
        return self._background.call(
            lambda client: client.send_to_uid(uid, message, wait=wait, timeout=timeout)
        )

    def send_to_group(
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
        return self._background.call(
            lambda client: client.send_to_group(group, message, exclude, wait=wait, timeout=timeout)
        )

    # Closing

    def close_client(
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
        return self._background.call(
            lambda client: client.close_client(
                client_id, message, code, reason, wait=wait, timeout=timeout
            )
        )

    def destroy_client(
        self, client_id: str, *, wait: bool = True, timeout: float | None = None
    ) -> bool | None:
        """Drop a client's connection at once, with what has not been sent yet.

        Returns:
            Whether the socket was there.
        """
        return self._background.call(
            lambda client: client.destroy_client(client_id, wait=wait, timeout=timeout)
        )

    # Uids and groups

    def bind_uid(
        self, client_id: str, uid: Key, *, wait: bool = True, timeout: float | None = None
    ) -> bool | None:
        """Give a client its uid, in place of the one it had. A uid may have many clients.

        Returns:
            Whether the socket is there; if so, the uid holds from now on.
        """
        return self._background.call(
            lambda client: client.bind_uid(client_id, uid, wait=wait, timeout=timeout)
        )

    def unbind_uid(
        self, client_id: str, uid: Key, *, wait: bool = True, timeout: float | None = None
    ) -> bool | None:
        """Take the uid from a client.

        Returns:
            Whether it had this uid; otherwise nothing is changed.
        """
        return self._background.call(
            lambda client: client.unbind_uid(client_id, uid, wait=wait, timeout=timeout)
        )

    def join_group(
        self, client_id: str, group: Key, *, wait: bool = True, timeout: float | None = None
    ) -> bool | None:
        """Put a client into a group. It leaves by itself when its socket closes.

        Returns:
            Whether the socket is there; if so, it is in the group from now on.
        """
        return self._background.call(
            lambda client: client.join_group(client_id, group, wait=wait, timeout=timeout)
        )

    def leave_group(
        self, client_id: str, group: Key, *, wait: bool = True, timeout: float | None = None
    ) -> bool | None:
        """Take a client out of a group.

        Returns:
            Whether it was in the group.
        """
        return self._background.call(
            lambda client: client.leave_group(client_id, group, wait=wait, timeout=timeout)
        )

    def ungroup(self, group: Key, *, wait: bool = True, timeout: float | None = None) -> int | None:
        """Dissolve a group: everybody leaves it.

        Returns:
            The number of clients that were in it.
        """
        return self._background.call(
            lambda client: client.ungroup(group, wait=wait, timeout=timeout)
        )

    # Sessions

    def set_session(
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
        return self._background.call(
            lambda client: client.set_session(
                client_id, session, expected, wait=wait, timeout=timeout
            )
        )

    def update_session(
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
        return self._background.call(
            lambda client: client.update_session(client_id, session, wait=wait, timeout=timeout)
        )

    # Many calls at once

    def batch(self, calls: Iterable[tuple[str, Mapping[str, Any]]]) -> list[Any]:
        """Make many calls at once: they travel together, and are executed in their order.

        ::

            gateway.batch([
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
        return self._background.call(lambda client: client.batch(calls))
