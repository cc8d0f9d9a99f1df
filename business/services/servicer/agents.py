"""Agents come and go: ``bind``, ``bye``, closed sockets, and being put out by another login."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Connection

from shared.errors import GatewayError

from .customers import BAD_SOCKET, CLOSED
from .envelope import Refused
from .push import Frame, agent_uid, frame
from .sockets import Socket
from .store import agents as store
from .store.agents import Agent, Login

if TYPE_CHECKING:
    from .service import Servicer


class Agents:
    """Agents' sockets.

    Args:
        servicer: the running service.
    """

    def __init__(self, servicer: Servicer) -> None:
        self._servicer = servicer

    async def bind(self, agent: Agent, login: Login, client_id: str) -> None:
        """Bind a socket to an agent. Idempotent.

        Args:
            agent: who is logged in.
            login: the session of the request.
            client_id: a socket that may be bound, see ``Sockets.can_bind``.

        Raises:
            Refused: the socket is gone, or the login has ended meanwhile.
        """
        servicer = self._servicer
        uid = agent_uid(agent.uid)

        def unit(connection: Connection) -> None:
            if not store.has_login(connection, login.id):
                raise Refused("账号在其他地方登录")
            store.arrive(connection, agent.uid, client_id, servicer.now())

        await servicer.database.write(unit)
        session = {"servicer_id": agent.uid, "login": login.id, "bound": servicer.now()}
        try:
            is_bound = await servicer.sockets.bind(client_id, uid, session)
        except GatewayError:
            is_bound = False
        if not is_bound:
            await self.closed(client_id, agent.uid)
            raise Refused(BAD_SOCKET)
        if not await servicer.database.read(lambda c: store.has_login(c, login.id)):
            # Another login came between: it did not see this socket, or it is being put out twice.
            await self._put_out(agent.uid, [client_id])
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

        async def end() -> None:
            for socket in ending:
                await servicer.sockets.close(socket.client_id, CLOSED)

        await servicer.pusher.settle(servicer.pusher.run(end()))

    async def others(self, servicer_id: int, login_id: int = 0) -> list[str]:
        """An agent's sockets that were bound under another login.

        Raises:
            GatewayError: the gateways cannot be asked.
        """
        sockets = await self._servicer.sockets.of_uid(agent_uid(servicer_id))
        return [socket.client_id for socket in sockets if socket.login != login_id]

    async def put_out_others(self, login: Login) -> None:
        """Tell the sockets of an agent's other logins so, and unbind them.

        Raises:
            GatewayError: the gateways cannot be asked.
        """
        ids = await self.others(login.uid, login.id)
        if ids:
            await self._put_out(login.uid, ids)

    async def left(self, login: Login) -> None:
        """A login has ended: its sockets get nothing any more.

        Raises:
            GatewayError: the gateways cannot be asked.
        """
        sockets = await self._servicer.sockets.of_uid(agent_uid(login.uid))
        ids = [socket.client_id for socket in sockets if socket.login == login.id]
        await self._turn_out(login.uid, ids, None)

    async def _put_out(self, servicer_id: int, client_ids: list[str]) -> None:
        last = frame("force_offline", {"servicer_id": servicer_id})
        await self._turn_out(servicer_id, client_ids, last)

    async def _turn_out(self, servicer_id: int, client_ids: list[str], last: Frame | None) -> None:
        for client_id in client_ids:
            await self._servicer.sockets.turn_out(client_id, agent_uid(servicer_id), last)
        for client_id in client_ids:
            await self.closed(client_id, servicer_id)

    async def closed(self, client_id: str, servicer_id: int) -> None:
        """A socket is gone, or no longer this agent's; another takes its place. Idempotent."""
        try:
            found = await self._servicer.sockets.ids([agent_uid(servicer_id)])
        except GatewayError:
            found = {}
        others = [one for one in found.get(agent_uid(servicer_id), []) if one != client_id]
        other = others[-1] if others else ""
        now = self._servicer.now()
        await self._servicer.database.write(
            lambda connection: store.replace(connection, client_id, other, now)
        )

    async def returned(self, servicer_id: int, client_id: str) -> None:
        """A socket was there all the time: the agent is online by it, if by none."""
        now = self._servicer.now()
        await self._servicer.database.write(
            lambda connection: store.arrive_if_gone(connection, servicer_id, client_id, now)
        )


def _bound(socket: Socket) -> float:
    bound = socket.session.get("bound", 0)
    return bound if isinstance(bound, int | float) else 0
