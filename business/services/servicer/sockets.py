"""What the gateways know about sockets: who is there, and for what each was bound.

The session of a customer's socket is ``{"member_id": 1, "sites": {"1": bound_at}}``: the sites it
was bound for and when (Unix time; 0: no more). An agent's is ``{"servicer_id": 1, "login": 7}``,
with the row of the login that it was bound under. Both have ``"caps"``, see ``capabilities.py``.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from shared.close_codes import REPLACED
from shared.errors import GatewayError, PartialResult

from .capabilities import Capability, group_of

if TYPE_CHECKING:
    from gateway_client import GatewayClient

log = logging.getLogger(__name__)

PATIENCE = 1.0
"""Seconds that the question who is online may take; a gateway that is silent for longer counts as
one that has nobody, so that it holds up no message."""

MAX_SOCKETS = 100
"""Sockets of one uid that are looked at one by one."""


class Socket(NamedTuple):
    """An open socket."""

    client_id: str
    session: Mapping[str, Any]

    def bound_at(self, site_id: int) -> float:
        """When a customer's socket was bound for a site; 0: it is not."""
        sites = self.session.get("sites")
        bound = sites.get(str(site_id), 0) if isinstance(sites, dict) else 0
        return bound if isinstance(bound, int | float) else 0

    @property
    def sites(self) -> list[int]:
        """The sites that a customer's socket is bound for."""
        sites = self.session.get("sites")
        if not isinstance(sites, dict):
            return []
        return [int(site) for site, bound in sites.items() if bound and site.isdigit()]

    @property
    def login(self) -> int:
        """The login that an agent's socket was bound under; 0: none."""
        login = self.session.get("login")
        return login if isinstance(login, int) else 0

    @property
    def capabilities(self) -> frozenset[Capability]:
        """What it was bound with; none: a client of the original."""
        caps = self.session.get("caps")
        return frozenset(c for c in Capability if isinstance(caps, list) and c in caps)


class _Question:
    """Who of some uids is there, as several want to know at the same time."""

    __slots__ = ("askers", "uids")

    def __init__(self) -> None:
        self.uids: dict[str, None] = {}
        self.askers: list[asyncio.Future[dict[str, list[str]]]] = []


class Sockets:
    """Questions and changes, through the gateways."""

    def __init__(self, gateway: GatewayClient) -> None:
        self._gateway = gateway
        self._question: _Question | None = None
        self._asking: set[asyncio.Task[None]] = set()

    async def ids(self, uids: Iterable[str]) -> dict[str, list[str]]:
        """Client ids of each uid; of a gateway that does not answer, none.

        Raises:
            GatewayError: no gateway answered.
        """
        loop = asyncio.get_running_loop()
        question = self._question
        if question is None:
            question = self._question = _Question()
            # Not at once: what else is asked in this turn of the loop comes along.
            loop.call_soon(self._ask)
        answer: asyncio.Future[dict[str, list[str]]] = loop.create_future()
        question.askers.append(answer)
        uids = dict.fromkeys(uids)
        question.uids.update(uids)
        found = await answer
        return {uid: found.get(uid, []) for uid in uids}

    def _ask(self) -> None:
        question, self._question = self._question, None
        if question is not None:
            task = asyncio.create_task(self._answer(question))
            self._asking.add(task)
            task.add_done_callback(self._asking.discard)

    async def _answer(self, question: _Question) -> None:
        try:
            found = await self._look_up(list(question.uids))
        except Exception as error:
            for asker in question.askers:
                if not asker.done():
                    asker.set_exception(error)
        else:
            for asker in question.askers:
                if not asker.done():
                    asker.set_result(found)
        finally:
            for asker in question.askers:
                asker.cancel()  # where the process ends

    async def _look_up(self, uids: list[str]) -> dict[str, list[str]]:
        try:
            return await self._gateway.get_client_ids_by_uids(uids, timeout=PATIENCE)
        except PartialResult as error:
            if error.reached is None:
                raise
            log.warning("who is online: %s", error)
            found: dict[str, list[str]] = error.reached
            return found

    async def of_uid(self, uid: str) -> list[Socket]:
        """The sockets of a uid.

        Raises:
            GatewayError: no gateway answered.
        """
        ids = (await self.ids([uid])).get(uid, [])[:MAX_SOCKETS]
        sessions = await asyncio.gather(
            *(self._gateway.get_session(client_id) for client_id in ids), return_exceptions=True
        )
        return [
            Socket(client_id, session)
            for client_id, session in zip(ids, sessions, strict=True)
            if isinstance(session, dict)
        ]

    async def is_open(self, client_id: str) -> bool:
        """Whether a socket is there.

        Raises:
            GatewayError: its gateway did not answer.
        """
        return await self._gateway.is_online(client_id)

    async def can_bind(self, client_id: str, uid: str) -> Socket | None:
        """A socket that is there, and unbound or bound to this uid.

        Raises:
            GatewayError: its gateway did not answer, or the id is malformed.
        """
        bound, session = await asyncio.gather(
            self._gateway.get_uid_by_client_id(client_id), self._gateway.get_session(client_id)
        )
        if session is None or bound not in (None, uid):
            return None
        return Socket(client_id, session)

    async def bind(
        self,
        socket: Socket,
        uid: str,
        session: Mapping[str, Any],
        capabilities: Collection[Capability],
    ) -> bool:
        """Bind a socket and add to its session; whether it was still there.

        Args:
            socket: as ``can_bind`` found it.
            uid: whose it is.
            session: what it was bound for.
            capabilities: what its client has just said; what it said before no longer counts.

        Raises:
            GatewayError: its gateway did not answer.
        """
        gateway, client_id = self._gateway, socket.client_id
        caps = sorted(capability.value for capability in capabilities)
        lost = socket.capabilities - set(capabilities)
        # All in one frame on one link, executed in this order: one round trip. The session first:
        # whoever finds the uid then finds what it was bound for.
        kept, bound, *_ = await asyncio.gather(
            gateway.update_session(client_id, {**session, "caps": caps}),
            gateway.bind_uid(client_id, uid),
            *(gateway.join_group(client_id, group_of(cap, uid)) for cap in caps),
            *(gateway.leave_group(client_id, group_of(cap, uid)) for cap in lost),
        )
        return bool(kept) and bool(bound)

    async def forget_site(self, client_id: str, site_id: int) -> None:
        """A customer's socket is no longer bound for a site."""
        await self._gateway.update_session(client_id, {"sites": {str(site_id): 0}})

    async def close(self, client_id: str, last: Mapping[str, Any]) -> None:
        """Close a socket after a last message."""
        try:
            await self._gateway.close_client(client_id, dict(last))
        except GatewayError as error:
            log.warning("close of %s: %s", client_id, error)

    async def turn_out(self, socket: Socket, uid: str, last: Mapping[str, Any] | None) -> None:
        """Take the uid from a socket, after a last message where there is one.

        Who gets such a message and has capabilities is also closed, with a code that says not to
        come back. An older client acts on the message alone; on a closed socket it would begin to
        reconnect while it still shows that message.
        """
        gateway, client_id = self._gateway, socket.client_id
        try:
            if last is not None:
                await gateway.send_to_client(client_id, dict(last), wait=False)
            for capability in socket.capabilities:
                await gateway.leave_group(client_id, group_of(capability, uid), wait=False)
            await gateway.unbind_uid(client_id, uid)
            if last is not None and socket.capabilities:
                await gateway.close_client(client_id, None, REPLACED.code, REPLACED.reason)
        except GatewayError as error:
            log.warning("unbinding %s: %s", client_id, error)
