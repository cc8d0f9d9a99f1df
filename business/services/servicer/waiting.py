"""What customers said while nobody was there: it waits, and the first agent who comes gets it.

A conversation that waits names the first message of it. Whoever hands it over has locked the
conversation and takes that mark away, so that it is handed over once, by whatever process. The mark
is looked for when an agent binds; after a message was stored for nobody, because an agent may have
come meanwhile; and now and then, because a process may have died between the two.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from .handover import hand_over
from .messages import arrival, taken
from .push import Push, agent_uid, customer_uid, frame
from .shop.interface import Site
from .store import conversations, dialogues, pairs
from .store.agents import Agent

if TYPE_CHECKING:
    from .service import Servicer

AT_ONCE = 50
"""Conversations that are handed over together."""


class Waiting:
    """Hands over what waits.

    Args:
        servicer: the running service.
    """

    def __init__(self, servicer: Servicer) -> None:
        self._servicer = servicer

    async def deliver(self, agent: Agent) -> None:
        """Give an agent who is there all that waits in the agent's shop. Idempotent.

        Raises:
            GatewayError: the gateways cannot be asked.
            StoreError: the database refused.
        """
        servicer, site_id = self._servicer, agent.site_id
        site = await servicer.shop.site(site_id) or Site(site_id, "", "")
        while members := await servicer.database.read(
            lambda c: conversations.waiting(c, site_id, AT_ONCE)
        ):
            there = await servicer.sockets.ids(customer_uid(member_id) for member_id in members)
            await asyncio.gather(
                *(
                    self._hand_over(agent, site, member_id, there.get(customer_uid(member_id), []))
                    for member_id in members
                )
            )

    async def look(self, site_id: int) -> None:
        """Something waits in a shop: if an agent is there, deliver it.

        Raises:
            GatewayError: the gateways cannot be asked.
            StoreError: the database refused.
        """
        agent = await self._anybody(await self._servicer.directory.of_site(site_id))
        if agent is not None:
            await self.deliver(agent)

    async def sweep(self) -> None:
        """``look``, at all shops. Idempotent."""
        sites = await self._servicer.directory.sites()
        waiting = await self._servicer.database.read(
            lambda c: conversations.sites_waiting(c, sites)
        )
        for site_id in waiting:
            await self.look(site_id)

    async def _anybody(self, agents: list[Agent]) -> Agent | None:
        there = await self._servicer.sockets.ids(agent_uid(a.uid) for a in agents) if agents else {}
        return next((agent for agent in agents if there.get(agent_uid(agent.uid))), None)

    async def _hand_over(
        self, agent: Agent, site: Site, member_id: int, client_ids: list[str]
    ) -> None:
        servicer, site_id = self._servicer, site.site_id
        card, now = await servicer.card(member_id), servicer.now()

        def unit(connection: Connection) -> list[Push]:
            conversation = conversations.lock(connection, site_id, member_id, now)
            waiting = hand_over(connection, conversation, site, member_id, agent.uid)
            if not waiting:
                return []
            conversations.save(connection, conversation)
            pair = pairs.find(connection, agent.uid, member_id)
            if pair is None or (client_ids and not pair["online"]):
                pair = pairs.connect(
                    connection,
                    pair,
                    card,
                    site_id=site_id,
                    servicer_id=agent.uid,
                    client_id=next(iter(client_ids), ""),
                    now=now,
                )
            last = dialogues.last(connection, site_id, member_id)
            pushes = [Push(agent_uid(agent.uid), frame("connect", arrival(pair, last))), *waiting]
            return [*pushes, taken(agent, member_id, site_id)] if client_ids else pushes

        await servicer.database.write(unit, self._push, key=(member_id, site_id))

    def _push(self, pushes: list[Push]) -> None:
        self._servicer.pusher.start(pushes)
