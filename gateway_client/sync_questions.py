"""The calls of SyncGatewayClient that change nothing. Names and signatures: ``questions.py``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from .arguments import Key
from .background import Background


class SyncQuestions:
    """What a program may ask; see ``GatewayClient`` for what all calls have in common."""

    _background: Background

    # One client

    def get_session(self, client_id: str, *, timeout: float | None = None) -> dict[str, Any] | None:
        """A client's session; None where the client is gone."""
        return self._background.call(lambda client: client.get_session(client_id, timeout=timeout))

    # Who is online

    def is_online(self, client_id: str, *, timeout: float | None = None) -> bool:
        """Whether the socket of a client id is open."""
        return self._background.call(lambda client: client.is_online(client_id, timeout=timeout))

    def is_uid_online(self, uid: Key, *, timeout: float | None = None) -> bool:
        """Whether a uid has a socket. The first gateway that has one decides."""
        return self._background.call(lambda client: client.is_uid_online(uid, timeout=timeout))

    def are_uids_online(
        self, uids: Iterable[Key], *, timeout: float | None = None
    ) -> dict[str, bool]:
        """Which of some uids have a socket: uid (as str) to bool, for each uid asked for."""
        return self._background.call(lambda client: client.are_uids_online(uids, timeout=timeout))

    def get_client_ids_by_uid(self, uid: Key, *, timeout: float | None = None) -> list[str]:
        """The client ids of a uid; empty where it is not online."""
        return self._background.call(
            lambda client: client.get_client_ids_by_uid(uid, timeout=timeout)
        )

    def get_client_ids_by_uids(
        self, uids: Iterable[Key], *, timeout: float | None = None
    ) -> dict[str, list[str]]:
        """The client ids of several uids: uid (as str) to list, for each uid asked for."""
        return self._background.call(
            lambda client: client.get_client_ids_by_uids(uids, timeout=timeout)
        )

    def get_uid_by_client_id(self, client_id: str, *, timeout: float | None = None) -> str | None:
        """The uid of a client; None where it has none or is gone."""
        return self._background.call(
            lambda client: client.get_uid_by_client_id(client_id, timeout=timeout)
        )

    # Lists

    def get_all_client_sessions(self, *, timeout: float | None = None) -> dict[str, dict[str, Any]]:
        """Client id to session, of all clients. See ``iter_client_sessions`` for large numbers."""
        return self._background.call(lambda client: client.get_all_client_sessions(timeout=timeout))

    def get_client_sessions_by_group(
        self, group: Key, *, timeout: float | None = None
    ) -> dict[str, dict[str, Any]]:
        """Client id to session, of the clients of a group."""
        return self._background.call(
            lambda client: client.get_client_sessions_by_group(group, timeout=timeout)
        )

    def iter_client_sessions(
        self, group: Key | None = None, page_size: int = 1000, *, timeout: float | None = None
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        """All clients, one after another, in pages: no more than one page is in memory.

        Clients that come or go meanwhile may or may not be among them; no client comes twice.

        Args:
            group: of this group only; None: all.
            page_size: clients of one page, at most.
            timeout: seconds for each page.

        Yields:
            (client id, session).

        Raises:
            GatewayTimeout, LinkLost: at the end, after the clients of all other gateways.
        """
        pages = self._background.pages(
            lambda client: client._session_pages(group, page_size, timeout)
        )
        for page in pages:
            yield from page

    def get_all_client_ids(self, *, timeout: float | None = None) -> list[str]:
        """The ids of all clients."""
        return self._background.call(lambda client: client.get_all_client_ids(timeout=timeout))

    def get_client_ids_by_group(self, group: Key, *, timeout: float | None = None) -> list[str]:
        """The ids of the clients of a group."""
        return self._background.call(
            lambda client: client.get_client_ids_by_group(group, timeout=timeout)
        )

    def get_all_uids(self, *, timeout: float | None = None) -> list[str]:
        """The uids that are online, each once."""
        return self._background.call(lambda client: client.get_all_uids(timeout=timeout))

    def get_uids_by_group(self, group: Key, *, timeout: float | None = None) -> list[str]:
        """The uids that have a client in a group, each once."""
        return self._background.call(
            lambda client: client.get_uids_by_group(group, timeout=timeout)
        )

    def get_all_group_ids(self, *, timeout: float | None = None) -> list[str]:
        """The groups that have a client."""
        return self._background.call(lambda client: client.get_all_group_ids(timeout=timeout))

    # Numbers

    def get_all_client_count(self, *, timeout: float | None = None) -> int:
        """The number of clients."""
        return self._background.call(lambda client: client.get_all_client_count(timeout=timeout))

    def get_client_count_by_group(self, group: Key, *, timeout: float | None = None) -> int:
        """The number of clients of a group."""
        return self._background.call(
            lambda client: client.get_client_count_by_group(group, timeout=timeout)
        )

    def get_client_counts_by_groups(
        self, groups: Iterable[Key], *, timeout: float | None = None
    ) -> dict[str, int]:
        """The numbers of clients of several groups: group (as str) to number, for each."""
        return self._background.call(
            lambda client: client.get_client_counts_by_groups(groups, timeout=timeout)
        )

    def get_all_uid_count(self, *, timeout: float | None = None) -> int:
        """The number of uids that are online; one that several gateways have counts once."""
        return self._background.call(lambda client: client.get_all_uid_count(timeout=timeout))

    def get_uid_count_by_group(self, group: Key, *, timeout: float | None = None) -> int:
        """The number of uids that have a client in a group."""
        return self._background.call(
            lambda client: client.get_uid_count_by_group(group, timeout=timeout)
        )

    # By group

    def get_group_uids(self, *, timeout: float | None = None) -> dict[str, list[str]]:
        """Every group to the uids that have a client in it."""
        return self._background.call(lambda client: client.get_group_uids(timeout=timeout))

    def get_group_uid_counts(self, *, timeout: float | None = None) -> dict[str, int]:
        """Every group to the number of uids that have a client in it."""
        return self._background.call(lambda client: client.get_group_uid_counts(timeout=timeout))

    def get_group_client_ids(self, *, timeout: float | None = None) -> dict[str, list[str]]:
        """Every group to the ids of its clients."""
        return self._background.call(lambda client: client.get_group_client_ids(timeout=timeout))

    def get_group_client_counts(self, *, timeout: float | None = None) -> dict[str, int]:
        """Every group to the number of its clients."""
        return self._background.call(lambda client: client.get_group_client_counts(timeout=timeout))

    # The installation

    def get_gateway_status(self, *, timeout: float | None = None) -> list[dict[str, Any]]:
        """What the gateways are doing: a row for each, by address, as ``status --json`` shows it,
        with all services and, as ``peers``, the workers and programs that are linked to it.

        A gateway of a version that does not know the question has ``address`` and ``error`` only.
        The call is of the whole installation, so that ``batch`` and the HTTP push API, whose keys
        are for certain services, do not have it.
        """
        return self._background.call(lambda client: client.get_gateway_status(timeout=timeout))

    def get_connections(
        self,
        search: str = "",
        service: str | None = None,
        after: str = "",
        limit: int = 100,
        *,
        timeout: float | None = None,
    ) -> dict[str, Any]:
        """A page of the connected clients, ordered by client id, as ``connections --json`` of a
        start script shows them.

        Like ``get_gateway_status`` it is of the whole installation.

        Args:
            search: part of a uid or of an address, or a whole client id; empty: all.
            service: clients of this service only; None: of all.
            after: the last client id of the page before; empty: the first page.
            limit: rows of a page, 1 to 1,000.

        Returns:
            ``count``, how many there are on all pages; ``connections``, a list of dicts; and
            ``unknown``, addresses of gateways of a version that does not know the question.
        """
        return self._background.call(
            lambda client: client.get_connections(search, service, after, limit, timeout=timeout)
        )
