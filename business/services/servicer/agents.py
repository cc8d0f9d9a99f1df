"""Agents come and go: ``bind``, ``bye``, closed sockets, and being put out by another login."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from shared.errors import GatewayError

from .capabilities import Capability
from .customers import BAD_SOCKET, CLOSED
from .envelope import Refused
from .presence import confirm
from .push import Frame, Push, agent_uid, frame
from .sockets import Socket
from .store import agents as store
from .store.agents import Agent, Login

if TYPE_CHECKING:
    from .service import Servicer


LATELY = 0.1
"""Seconds for which messages go by who was there."""


class Agents:
    """Agents' sockets, and who gets new customers.

    Args:
        servicer: the running service.
    """

    def __init__(self, servicer: Servicer) -> None:
        self._servicer = servicer
        self._lately: dict[int, tuple[float, dict[int, Agent]]] = {}
        self._arrivals = 0

    async def bind(
        self,
        agent: Agent,
        login: Login,
        socket: Socket,
        capabilities: Collection[Capability] = (),
    ) -> None:
        """Bind a socket to an agent. Idempotent.

        Args:
            agent: who is logged in.
            login: the session of the request.
            socket: one that may be bound, see ``Sockets.can_bind``.
            capabilities: of its client.

        Raises:
            Refused: the socket is gone, or the login has ended meanwhile.
        """
        servicer, client_id = self._servicer, socket.client_id
        uid = agent_uid(agent.uid)

        def unit(connection: Connection) -> None:
            if not store.has_login(connection, login.id):
                raise Refused("账号在其他地方登录")
            store.arrive(connection, agent.uid, client_id, servicer.now())

        await servicer.database.write(unit)
        session = {"servicer_id": agent.uid, "login": login.id, "bound": servicer.now()}
        try:
            is_bound = await servicer.sockets.bind(socket, uid, session, capabilities)
        except GatewayError:
            is_bound = False
        self._arrivals += 1
        self._lately.clear()
        if not is_bound:
            await self.closed(client_id, agent.uid)
            raise Refused(BAD_SOCKET)
        if not await servicer.database.read(lambda c: store.has_login(c, login.id)):
            # Another login came between: it did not see this socket, or it is being put out twice.
            await self._put_out(
                agent.uid, [Socket(client_id, {**session, "caps": [*capabilities]})]
            )
            raise Refused("账号在其他地方登录")
        servicer.pusher.run(servicer.waiting.deliver(agent))

    async def bye(self, agent: Agent, received: float) -> None:
        """End an agent's presence: close the sockets bound before ``received`` (Unix time).

        Raises:
            GatewayError: the gateways cannot be asked.
        """
        servicer = self._servicer
        sockets = await servicer.sockets.of_uid(agent_uid(agent.uid))
        ending = [socket for socket in sockets if _bound(socket) <= received]
        staying = [socket.client_id for socket in sockets if socket not in ending]

        def unit(connection: Connection) -> None:
            if staying:
                store.arrive(connection, agent.uid, staying[-1], servicer.now())
            else:
                store.leave(connection, agent.uid, servicer.now())

        await servicer.database.write(unit)
        if staying:
            confirm(servicer, agent_uid(agent.uid), staying[-1])

        async def end() -> None:
            for socket in ending:
                await servicer.sockets.close(socket.client_id, CLOSED)

        await servicer.pusher.settle(servicer.pusher.run(end()))

    async def connected(self, site_id: int) -> dict[int, Agent]:
        """The agents of a shop who have a socket, whether they accept or not, by their number.

        Raises:
            GatewayError: the gateways cannot be asked.
        """
        agents = await self._servicer.directory.of_site(site_id)
        uids = [agent_uid(agent.uid) for agent in agents]
        there = await self._servicer.sockets.ids(uids) if uids else {}
        return {agent.uid: agent for agent in agents if there.get(agent_uid(agent.uid))}

    async def lately_connected(self, site_id: int) -> Mapping[int, Agent]:
        """As ``connected``, at most ``LATELY`` seconds ago. So what many customers say at the same
        time needs few questions; of who has gone meanwhile the database knows.

        Raises:
            GatewayError: the gateways cannot be asked.
        """
        until, agents = self._lately.get(site_id, (0.0, {}))
        now = time.monotonic()
        if now < until:
            return agents
        arrivals = self._arrivals
        if agents:
            self._lately[site_id] = now + LATELY, agents  # one asks for all
        agents = await self.connected(site_id)
        if arrivals == self._arrivals:
            self._lately[site_id] = now + LATELY, agents
        return agents

    async def available(self, site_id: int) -> list[Agent]:
        """Those of them who take new customers, as far as is known: what another process has
        changed within the last two seconds may be missing.

        Raises:
            GatewayError: the gateways cannot be asked.
        """
        connected = await self.connected(site_id)
        return [agent for agent in connected.values() if agent.is_accepting]

    async def is_accepting(self, agent: Agent) -> bool:
        """Whether an agent takes new customers while connected."""
        return bool(await self._servicer.database.read(lambda c: store.accepting(c, [agent.uid])))

    async def accept(self, agent: Agent, is_accepting: bool) -> None:
        """An agent takes new customers from now on, those who wait first, or no longer.
        Idempotent.

        Raises:
            GatewayError: the gateways cannot be asked; what the agent wants is stored.
        """
        servicer, uid = self._servicer, agent_uid(agent.uid)
        is_new = await servicer.database.write(lambda c: store.accept(c, agent.uid, is_accepting))
        servicer.directory.forget()
        if not is_new:
            return
        data = {"servicer_id": agent.uid, "accepting": is_accepting}
        await servicer.pusher.send([Push(uid, frame(Capability.ACCEPTING, data))])
        if is_accepting and (await servicer.sockets.ids([uid])).get(uid):
            servicer.pusher.run(servicer.waiting.deliver(agent))

    async def others(self, servicer_id: int, login_id: int = 0) -> list[Socket]:
        """An agent's sockets that were bound under another login.

        Raises:
            GatewayError: the gateways cannot be asked.
        """
        sockets = await self._servicer.sockets.of_uid(agent_uid(servicer_id))
        return [socket for socket in sockets if socket.login != login_id]

    async def put_out_others(self, login: Login) -> None:
        """Tell the sockets of an agent's other logins so, and unbind them.

        Raises:
            GatewayError: the gateways cannot be asked.
        """
        others = await self.others(login.uid, login.id)
        if others:
            await self._put_out(login.uid, others)

    async def left(self, login: Login) -> None:
        """A login has ended: its sockets get nothing any more.

        Raises:
            GatewayError: the gateways cannot be asked.
        """
        sockets = await self._servicer.sockets.of_uid(agent_uid(login.uid))
        ended = [socket for socket in sockets if socket.login == login.id]
        await self._turn_out(login.uid, ended, None)

    async def _put_out(self, servicer_id: int, sockets: list[Socket]) -> None:
        last = frame("force_offline", {"servicer_id": servicer_id})
        await self._turn_out(servicer_id, sockets, last)

    async def _turn_out(self, servicer_id: int, sockets: list[Socket], last: Frame | None) -> None:
        for socket in sockets:
            await self._servicer.sockets.turn_out(socket, agent_uid(servicer_id), last)
        for socket in sockets:
            await self.closed(socket.client_id, servicer_id)

    async def closed(self, client_id: str, servicer_id: int) -> None:
        """A socket is gone, or no longer this agent's; another takes its place. Idempotent."""
        uid = agent_uid(servicer_id)
        try:
            found = await self._servicer.sockets.ids([uid])
        except GatewayError:
            found = {}
        others = [one for one in found.get(uid, []) if one != client_id]
        other = others[-1] if others else ""
        now = self._servicer.now()
        is_named = await self._servicer.database.write(
            lambda connection: store.replace(connection, client_id, other, now)
        )
        if is_named and other:
            confirm(self._servicer, uid, other)

    async def returned(self, servicer_id: int, client_id: str) -> None:
        """A socket was there all the time: the agent is online by it, if by none."""
        now = self._servicer.now()
        is_named = await self._servicer.database.write(
            lambda connection: store.arrive_if_gone(connection, servicer_id, client_id, now)
        )
        if is_named:
            confirm(self._servicer, agent_uid(servicer_id), client_id)


def _bound(socket: Socket) -> float:
    bound = socket.session.get("bound", 0)
    return bound if isinstance(bound, int | float) else 0
