"""The calls of GatewayClient that change nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from typing import TYPE_CHECKING, Any

from . import merge
from ._shared import errors, protocol
from .arguments import (
    Key,
    check_page_size,
    check_search,
    group_of,
    groups_of,
    split_client_id,
    uid_of,
    uids_of,
)
from .fanout import Fanout

if TYPE_CHECKING:
    from ._shared import link as _link

    Link = _link.Link

CallError = protocol.CallError

NOT_KNOWN = "not known by this gateway's version"


class Questions(Fanout):
    """What a program may ask; see ``GatewayClient`` for what all calls have in common."""

    # One client

    async def get_session(
        self, client_id: str, *, timeout: float | None = None
    ) -> dict[str, Any] | None:
        """A client's session; None where the client is gone."""
        packed = await self._to_one(protocol.GET_SESSION, client_id, timeout=timeout)
        return None if packed is None else protocol.unpack_session(packed)

    # Who is online

    async def is_online(self, client_id: str, *, timeout: float | None = None) -> bool:
        """Whether the socket of a client id is open."""
        prefix, number = split_client_id(client_id)
        seconds = self._seconds(timeout)
        link = self._links.get(prefix)
        if link is None:
            await self._gone()
            return False
        return bool(await link.call(protocol.ARE_ONLINE, self._service, [number], timeout=seconds))

    async def is_uid_online(self, uid: Key, *, timeout: float | None = None) -> bool:
        """Whether a uid has a socket. The first gateway that has one decides."""
        return bool(
            await self._ask_all(
                protocol.CLIENTS_BY_UIDS,
                [uid_of(uid)],
                combine=lambda answers: any(value for _, value in answers),
                timeout=timeout,
                enough=bool,
            )
        )

    async def are_uids_online(
        self, uids: Iterable[Key], *, timeout: float | None = None
    ) -> dict[str, bool]:
        """Which of some uids have a socket: uid (as str) to bool, for each uid asked for."""
        asked = uids_of(uids, "uids")

        def combine(answers: merge.Answers) -> dict[str, bool]:
            online = {uid for _, value in answers for uid in value}
            return {uid: uid in online for uid in asked}

        return await self._ask_all(
            protocol.CLIENTS_BY_UIDS,
            asked,
            combine=combine,
            timeout=timeout,
            enough=lambda online: all(online.values()),
        )

    async def get_client_ids_by_uid(self, uid: Key, *, timeout: float | None = None) -> list[str]:
        """The client ids of a uid; empty where it is not online."""
        key = uid_of(uid)
        return await self._ask_all(
            protocol.CLIENTS_BY_UIDS,
            [key],
            combine=lambda answers: merge.client_ids_by_key(answers).get(key, []),
            timeout=timeout,
        )

    async def get_client_ids_by_uids(
        self, uids: Iterable[Key], *, timeout: float | None = None
    ) -> dict[str, list[str]]:
        """The client ids of several uids: uid (as str) to list, for each uid asked for."""
        asked = uids_of(uids, "uids")
        return await self._ask_all(
            protocol.CLIENTS_BY_UIDS,
            asked,
            combine=lambda answers: {
                **{uid: [] for uid in asked},
                **merge.client_ids_by_key(answers),
            },
            timeout=timeout,
        )

    async def get_uid_by_client_id(
        self, client_id: str, *, timeout: float | None = None
    ) -> str | None:
        """The uid of a client; None where it has none or is gone."""
        uid: str | None = await self._to_one(protocol.GET_UID, client_id, timeout=timeout)
        return uid

    # Lists

    async def get_all_client_sessions(
        self, *, timeout: float | None = None
    ) -> dict[str, dict[str, Any]]:
        """Client id to session, of all clients. See ``iter_client_sessions`` for large numbers."""
        return await self._all_sessions(None, timeout)

    async def get_client_sessions_by_group(
        self, group: Key, *, timeout: float | None = None
    ) -> dict[str, dict[str, Any]]:
        """Client id to session, of the clients of a group."""
        return await self._all_sessions(group_of(group), timeout)

    async def iter_client_sessions(
        self, group: Key | None = None, page_size: int = 1000, *, timeout: float | None = None
    ) -> AsyncIterator[tuple[str, dict[str, Any]]]:
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
        async for page in self._session_pages(group, page_size, timeout):
            for client in page:
                yield client

    def _session_pages(
        self, group: Key | None, page_size: int, timeout: float | None
    ) -> AsyncIterator[list[tuple[str, dict[str, Any]]]]:
        name = None if group is None else group_of(group)
        return self._pages_of_sessions(name, check_page_size(page_size), timeout)

    async def get_all_client_ids(self, *, timeout: float | None = None) -> list[str]:
        """The ids of all clients."""
        return await self._all_client_ids(None, timeout)

    async def get_client_ids_by_group(
        self, group: Key, *, timeout: float | None = None
    ) -> list[str]:
        """The ids of the clients of a group."""
        return await self._all_client_ids(group_of(group), timeout)

    async def get_all_uids(self, *, timeout: float | None = None) -> list[str]:
        """The uids that are online, each once."""
        return await self._ask_all(protocol.UIDS, None, combine=merge.distinct, timeout=timeout)

    async def get_uids_by_group(self, group: Key, *, timeout: float | None = None) -> list[str]:
        """The uids that have a client in a group, each once."""
        return await self._ask_all(
            protocol.UIDS, group_of(group), combine=merge.distinct, timeout=timeout
        )

    async def get_all_group_ids(self, *, timeout: float | None = None) -> list[str]:
        """The groups that have a client."""
        return await self._ask_all(protocol.GROUPS, combine=merge.distinct, timeout=timeout)

    # Numbers

    async def get_all_client_count(self, *, timeout: float | None = None) -> int:
        """The number of clients."""
        return await self._ask_all(
            protocol.COUNT_CLIENTS, None, combine=merge.total, timeout=timeout
        )

    async def get_client_count_by_group(self, group: Key, *, timeout: float | None = None) -> int:
        """The number of clients of a group."""
        name = group_of(group)
        return await self._ask_all(
            protocol.COUNT_CLIENTS,
            [name],
            combine=lambda answers: merge.totals_by_key(answers).get(name, 0),
            timeout=timeout,
        )

    async def get_client_counts_by_groups(
        self, groups: Iterable[Key], *, timeout: float | None = None
    ) -> dict[str, int]:
        """The numbers of clients of several groups: group (as str) to number, for each."""
        return await self._ask_all(
            protocol.COUNT_CLIENTS,
            groups_of(groups, "groups"),
            combine=merge.totals_by_key,
            timeout=timeout,
        )

    async def get_all_uid_count(self, *, timeout: float | None = None) -> int:
        """The number of uids that are online; one that several gateways have counts once."""
        return await self._count_uids(None, timeout)

    async def get_uid_count_by_group(self, group: Key, *, timeout: float | None = None) -> int:
        """The number of uids that have a client in a group."""
        return await self._count_uids(group_of(group), timeout)

    async def _count_uids(self, group: str | None, timeout: float | None) -> int:
        if len(self._links) == 1:
            return await self._ask_all(
                protocol.COUNT_UIDS, group, combine=merge.total, timeout=timeout
            )
        # Gateways may share a uid, which only the uids themselves can tell.
        return await self._ask_all(
            protocol.UIDS, group, combine=merge.number_of_distinct, timeout=timeout
        )

    # By group

    async def get_group_uids(self, *, timeout: float | None = None) -> dict[str, list[str]]:
        """Every group to the uids that have a client in it."""
        return await self._ask_all(
            protocol.UIDS_BY_GROUP, combine=merge.distinct_by_key, timeout=timeout
        )

    async def get_group_uid_counts(self, *, timeout: float | None = None) -> dict[str, int]:
        """Every group to the number of uids that have a client in it."""
        return await self._ask_all(
            protocol.UIDS_BY_GROUP, combine=merge.number_of_distinct_by_key, timeout=timeout
        )

    async def get_group_client_ids(self, *, timeout: float | None = None) -> dict[str, list[str]]:
        """Every group to the ids of its clients."""
        return await self._ask_all(
            protocol.CLIENTS_BY_GROUP, combine=merge.client_ids_by_key, timeout=timeout
        )

    async def get_group_client_counts(self, *, timeout: float | None = None) -> dict[str, int]:
        """Every group to the number of its clients."""
        return await self._all_group_counts(timeout)

    # The installation

    async def get_gateway_status(self, *, timeout: float | None = None) -> list[dict[str, Any]]:
        """What the gateways are doing: a row for each, by address, as ``status --json`` shows it,
        with all services and, as ``peers``, the workers and programs that are linked to it.

        A gateway of a version that does not know the question has ``address`` and ``error`` only.
        The call is of the whole installation, so that ``batch`` and the HTTP push API, whose keys
        are for certain services, do not have it.
        """

        async def ask(link: Link, deadline: float) -> dict[str, Any]:
            return await self._or_unknown(link, deadline, protocol.GATEWAY_STATUS) or {
                "address": link.address,
                "error": NOT_KNOWN,
            }

        return await self._with_each(ask, merge.statuses, timeout)

    async def get_connections(
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
        check_search(search, service, limit)
        last_prefix, last_number = split_client_id(after) if after else ("", 0)

        async def ask(link: Link, deadline: float) -> Any:
            if link.prefix < last_prefix:
                above, rows = 0, 0  # all of its clients were on pages before
            else:
                above = last_number if link.prefix == last_prefix else 0
                rows = limit
            fields = (service, search, above, rows)
            answer = await self._or_unknown(link, deadline, protocol.CONNECTIONS, *fields)
            return answer or link.address

        return await self._with_each(
            ask, lambda answers: merge.connections(answers, limit), timeout
        )

    async def _or_unknown(self, link: Link, deadline: float, code: int, *fields: Any) -> Any:
        """Ask one gateway; None where its version does not know the question."""
        try:
            return await self._call_until(link, deadline, code, *fields)
        except errors.CallFailed as error:
            # Gateways older than the first of these questions say that the command is bad.
            if error.code in (CallError.UNKNOWN_COMMAND, CallError.BAD_COMMAND):
                return None
            raise
