"""Customers come and go: ``bind``, ``bye``, closed sockets, and what agents are told of it.

``servicer_member.online`` follows the sockets: a row names the socket that it is online by, and a
close touches only rows with the closed id. A ``bind`` first writes the row, then gives the socket
its uid, and takes the row back if the socket is gone; whoever writes a row by a socket that was
there a moment before looks at it again (``confirm``). So no order of events leaves a ghost.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import Connection

from shared.errors import GatewayError

from .assignment import choose
from .capabilities import Capability
from .envelope import Refused
from .handover import hand_over
from .messages import arrival, taken
from .presence import confirm
from .push import Frame, Push, agent_uid, customer_uid, frame
from .shop.interface import Site
from .sockets import Socket
from .store import conversations, dialogues, pairs
from .store.agents import Agent
from .store.pairs import Row

if TYPE_CHECKING:
    from .service import Servicer

NOBODY = "客服不在线"
BAD_SOCKET = "客服连接异常"

CLOSED = frame("close", {"status": True})
"""The last frame of a chat that was ended; the server then closes."""

SWEEP_GRAIN = 0.1
"""Seconds: customers who are lost within the same grain are looked at together."""


class _Arrival(NamedTuple):
    servicer_id: int
    pair: Row | None = None
    """Of a pair that is new to this socket, else None."""
    last: Row | None = None


class Customers:
    """Customers' sockets.

    Args:
        servicer: the running service.
        disconnect_delay: seconds that a lost customer has to come back before agents are told.
    """

    def __init__(self, servicer: Servicer, disconnect_delay: float) -> None:
        self._servicer = servicer
        self._delay = disconnect_delay
        self._sweeps: dict[int, asyncio.TimerHandle] = {}

    # Coming

    async def bind(
        self,
        member_id: int,
        site_id: int,
        socket: Socket,
        capabilities: Collection[Capability] = (),
    ) -> Agent:
        """Bind a socket to a member, and connect the member with an agent. Idempotent.

        Args:
            member_id: who the token says.
            site_id: the shop, which exists.
            socket: one that may be bound, see ``Sockets.can_bind``.
            capabilities: of its client.

        Returns:
            The agent.

        Raises:
            Refused: the socket is gone; or nobody is there, but the socket is bound all the same.
        """
        servicer, client_id = self._servicer, socket.client_id
        try:
            agents = await servicer.agents.connected(site_id)
            arrived = await self._arrive(member_id, site_id, client_id, agents)
            session = {"member_id": member_id, "sites": {str(site_id): servicer.now()}}
            uid = customer_uid(member_id)
            is_bound = await servicer.sockets.bind(socket, uid, session, capabilities)
        except GatewayError:
            await self._leave(member_id, client_id)
            raise Refused(BAD_SOCKET) from None
        if not is_bound:
            await self._leave(member_id, client_id)
            raise Refused(BAD_SOCKET)
        if not arrived.servicer_id:
            # An agent may have come meanwhile, who has found no socket that was bound.
            with suppress(GatewayError):
                agents = await servicer.agents.connected(site_id)
                if agents:
                    arrived = await self._arrive(member_id, site_id, client_id, agents)
        if not arrived.servicer_id:
            # An agent may have come between the question who is there and the commit.
            servicer.pusher.run(servicer.waiting.look(site_id))
            raise Refused(NOBODY)
        if arrived.pair is not None:
            connect = frame("connect", arrival(arrived.pair, arrived.last))
            await servicer.pusher.send([Push(agent_uid(arrived.servicer_id), connect)])
        return agents[arrived.servicer_id]

    async def _arrive(
        self, member_id: int, site_id: int, client_id: str, connected: Collection[int]
    ) -> _Arrival:
        card = await self._servicer.card(member_id)
        now = self._servicer.now()

        def unit(connection: Connection) -> _Arrival:
            conversation = conversations.lock(connection, site_id, member_id, now)
            conversation.member_time = int(now)
            conversation.name(card)
            known = pairs.of_conversation(connection, site_id, member_id)
            for one in known:
                if one.is_online and one.row["client_id"] == client_id:
                    if one.servicer_id in connected:
                        return _Arrival(one.servicer_id)
            chosen = choose(connection, conversation, known, connected)
            if not chosen:
                conversation.silent_since = conversation.silent_since or int(now)
                conversations.save(connection, conversation)
                return _Arrival(0)
            conversation.silent_since = 0
            pair = next((one.row for one in known if one.servicer_id == chosen), None)
            pair = pairs.connect(
                connection,
                pair,
                card,
                site_id=site_id,
                servicer_id=chosen,
                client_id=client_id,
                now=now,
            )
            conversation.servicer_id = chosen
            conversations.save(connection, conversation)
            return _Arrival(chosen, pair, dialogues.last(connection, site_id, member_id))

        return await self._servicer.database.write(unit, key=(member_id, site_id))

    async def attach(self, agent: Agent, member_id: int) -> bool | None:
        """An agent takes a customer who is there.

        Returns:
            Whether that is new; None: the customer has no socket.

        Raises:
            GatewayError: the gateways cannot be asked.
        """
        uid = customer_uid(member_id)
        ids = (await self._servicer.sockets.ids([uid])).get(uid)
        if not ids:
            return None
        card = await self._servicer.card(member_id)
        site = await self._servicer.shop.site(agent.site_id) or Site(agent.site_id, "", "")
        now = self._servicer.now()

        def unit(connection: Connection) -> bool:
            conversation = conversations.lock(connection, agent.site_id, member_id, now)
            pair = pairs.find(connection, agent.uid, member_id)
            is_there = pair is not None and pair["online"]
            if is_there and not conversation.waiting_id:
                return False
            if not is_there:
                pairs.connect(
                    connection,
                    pair,
                    card,
                    site_id=agent.site_id,
                    servicer_id=agent.uid,
                    client_id=ids[-1],
                    now=now,
                )
            # Whoever takes a customer has what they said on the screen.
            hand_over(connection, conversation, site, member_id, agent.uid)
            conversation.servicer_id = agent.uid
            conversations.save(connection, conversation)
            return True

        key = (member_id, agent.site_id)
        is_new = await self._servicer.database.write(unit, key=key)
        if is_new:
            confirm(self._servicer, uid, ids[-1])
            await self._servicer.pusher.send([taken(agent, member_id, agent.site_id)])
        return is_new

    # Going

    async def bye(
        self,
        member_id: int,
        site_id: int,
        received: float,
        last: Frame = CLOSED,
        closed_by: int = 0,
    ) -> None:
        """End a member's chat with a site. Idempotent.

        Closes the sockets that were bound for this site before ``received`` (Unix time) and for no
        other, and no others: a page that comes back at once must not be closed by its own late
        ``bye``.

        Args:
            member_id: who.
            site_id: with whom.
            received: Unix time of the request.
            last: what the sockets get before they are closed.
            closed_by: the agent who ends it and need not be told.

        Raises:
            GatewayError: the gateways cannot be asked.
        """
        servicer = self._servicer
        sockets = await servicer.sockets.of_uid(customer_uid(member_id))
        bound = [socket for socket in sockets if socket.bound_at(site_id)]
        ending = [socket for socket in bound if socket.bound_at(site_id) <= received]
        staying = [socket for socket in bound if socket not in ending]

        def unit(connection: Connection) -> list[int]:
            now = servicer.now()
            left = []
            for pair in pairs.of_conversation(connection, site_id, member_id):
                row = pair.row
                if staying:
                    if pair.is_online and row["client_id"] not in {s.client_id for s in staying}:
                        pairs.move(connection, row["id"], staying[-1].client_id)
                elif pair.is_online or pair.is_expected:  # whose page may have closed the socket
                    pairs.leave(connection, row["id"], now, due=0)
                    left.append(row["servicer_id"])
            return left

        left = await servicer.database.write(unit, key=(member_id, site_id))
        if staying:
            confirm(servicer, customer_uid(member_id), staying[-1].client_id)
        gone = frame("disconnect", {"member_id": member_id})
        to = [agent_uid(servicer_id) for servicer_id in left if servicer_id != closed_by]
        pushes = [Push(to, gone)] if to else []
        told = servicer.pusher.start(pushes)
        ended = servicer.pusher.run(self._end(ending, site_id, last)) if ending else None
        await servicer.pusher.settle(told)
        await servicer.pusher.settle(ended)

    async def _end(self, ending: list[Socket], site_id: int, last: Frame) -> None:
        for socket in ending:
            if socket.sites == [site_id]:
                await self._servicer.sockets.close(socket.client_id, last)
            else:
                await self._servicer.sockets.forget_site(socket.client_id, site_id)

    async def closed(self, client_id: str, uid: str) -> None:
        """A customer's socket is gone. Idempotent."""
        if uid.isdigit():
            await self._leave(int(uid), client_id)

    async def _leave(self, member_id: int, client_id: str) -> None:
        """What was online by a socket goes on by another of the member, or is offline."""
        try:
            sockets = await self._servicer.sockets.of_uid(customer_uid(member_id))
        except GatewayError:
            sockets = []
        others = [socket for socket in sockets if socket.client_id != client_id]
        now = self._servicer.now()
        due = int((now + self._delay) * 1000)

        def unit(connection: Connection) -> tuple[bool, set[str]]:
            is_lost, named = False, set()
            for row in pairs.of_client(connection, client_id):
                ids = [s.client_id for s in others if s.bound_at(row["shop_id"])]
                if ids:
                    pairs.move(connection, row["id"], ids[-1])
                    named.add(ids[-1])
                else:
                    pairs.leave(connection, row["id"], now, due)
                    is_lost = True
            return is_lost, named

        is_lost, named = await self._servicer.database.write(unit, key=(member_id, 0))
        if is_lost:
            self._look_at(due)
        for other in named:
            confirm(self._servicer, customer_uid(member_id), other)

    # Telling the agents

    def _look_at(self, due: int) -> None:
        """Tell the agents at that time, milliseconds, of those who have not come back."""
        grain = int(due / 1000 / SWEEP_GRAIN) + 1
        if grain not in self._sweeps:
            pause = max(grain * SWEEP_GRAIN - self._servicer.now(), 0)
            loop = asyncio.get_running_loop()
            self._sweeps[grain] = loop.call_later(pause, self._swept, grain)

    def _swept(self, grain: int) -> None:
        del self._sweeps[grain]
        self._servicer.pusher.run(self.tell())

    async def tell(self) -> None:
        """Tell agents of customers who were lost and have not come back in time. Each is told by
        one process only, whichever comes first."""
        now = int(self._servicer.now() * 1000)

        def push(lost: list[tuple[int, int]]) -> None:
            self._servicer.pusher.start(
                Push(agent_uid(servicer_id), frame("disconnect", {"member_id": member_id}))
                for member_id, servicer_id in lost
            )

        await self._servicer.database.write(lambda c: pairs.take_due(c, now), push)

    def close(self) -> None:
        """Leave what is still to be told to other processes, or to the next start."""
        for handle in self._sweeps.values():
            handle.cancel()
        self._sweeps.clear()

    # After a gateway was away

    async def returned(self, member_id: int, socket: Socket) -> None:
        """A socket was there all the time: what was believed to be offline is online by it."""
        sites = sorted(socket.sites)
        card = await self._servicer.card(member_id)
        now = self._servicer.now()

        def unit(connection: Connection) -> bool:
            is_named = False
            for site_id in sites:
                conversation = conversations.lock(connection, site_id, member_id, now)
                known = [row for row, *_ in pairs.of_conversation(connection, site_id, member_id)]
                mine = [row for row in known if row["servicer_id"] == conversation.servicer_id]
                if mine and not any(row["online"] for row in known):
                    pairs.connect(
                        connection,
                        mine[0],
                        card,
                        site_id=site_id,
                        servicer_id=conversation.servicer_id,
                        client_id=socket.client_id,
                        now=now,
                    )
                    is_named = True
            return is_named

        if await self._servicer.database.write(unit, key=(member_id, 0)):
            confirm(self._servicer, customer_uid(member_id), socket.client_id)


def describe(agent: Agent) -> dict[str, Any]:
    """The data that ``bind`` answers with."""
    return {"nickname": agent.nickname, "avatar": agent.avatar, "servicer_id": agent.uid}
