"""Customers who came while nobody was there, and what they said: it waits, and the first agent who
comes gets it. To come is to bind a socket, or to accept customers again.

A conversation that waits names the first message of it, or the time since when the customer waits
without a word. Whoever hands it over has locked the conversation and takes that mark away, so that
it is handed over once, by whatever process. The mark is looked for when an agent comes; after it
was made, because an agent may have come meanwhile; and now and then, because a process may have
died between the two.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from .handover import hand_over
from .messages import arrival, taken
from .presence import confirm
from .push import Push, agent_uid, customer_uid, frame
from .shop.interface import Site
from .store import agents, conversations, dialogues, pairs
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
        """Give an agent who is there all that waits in the agent's shop, unless the agent does not
        accept customers. Idempotent.

        Raises:
            GatewayError: the gateways cannot be asked.
            StoreError: the database refused.
        """
        servicer, site_id = self._servicer, agent.site_id
        site = await servicer.shop.site(site_id) or Site(site_id, "", "")
        is_on = True
        while is_on and (
            members := await servicer.database.read(
                lambda c: conversations.waiting(c, site_id, AT_ONCE)
            )
        ):
            there = await servicer.sockets.ids(customer_uid(member_id) for member_id in members)
            found = [there.get(customer_uid(member_id), []) for member_id in members]
            is_on = await self._hand_over_all(agent, site, members, found)
        is_on = True
        while is_on and (
            members := await servicer.database.read(
                lambda c: conversations.silent(c, site_id, AT_ONCE)
            )
        ):
            # Who has left without a word, or is now at another shop, is nobody's customer.
            sockets = await asyncio.gather(
                *(servicer.sockets.of_uid(customer_uid(member_id)) for member_id in members)
            )
            found = [[s.client_id for s in of_one if s.bound_at(site_id)] for of_one in sockets]
            is_on = await self._hand_over_all(agent, site, members, found)

    async def _hand_over_all(
        self, agent: Agent, site: Site, members: list[int], client_ids: list[list[str]]
    ) -> bool:
        """Whether any of them was still waiting, so that there may be more."""
        return any(
            await asyncio.gather(
                *(
                    self._hand_over(agent, site, member_id, ids)
                    for member_id, ids in zip(members, client_ids, strict=True)
                )
            )
        )

    async def look(self, site_id: int) -> None:
        """Something waits in a shop: if an agent is there who accepts, deliver it.

        Raises:
            GatewayError: the gateways cannot be asked.
            StoreError: the database refused.
        """
        connected = await self._servicer.agents.connected(site_id)
        if not connected:
            return
        free = await self._servicer.database.read(lambda c: agents.accepting(c, connected))
        if free:
            await self.deliver(connected[free[0]])

    async def sweep(self) -> None:
        """``look``, at all shops. Idempotent."""
        sites = await self._servicer.directory.sites()
        waiting = await self._servicer.database.read(
            lambda c: conversations.sites_waiting(c, sites)
        )
        for site_id in waiting:
            await self.look(site_id)

    async def _hand_over(
        self, agent: Agent, site: Site, member_id: int, client_ids: list[str]
    ) -> bool:
        servicer, site_id = self._servicer, site.site_id
        card, now = await servicer.card(member_id), servicer.now()

        def unit(connection: Connection) -> list[Push] | None:
            conversation = conversations.lock(connection, site_id, member_id, now)
            if not agents.accepting(connection, [agent.uid]):
                return None
            is_silent = conversation.silent_since > 0
            waiting = hand_over(connection, conversation, site, member_id, agent.uid)
            if not waiting and not is_silent:
                return None
            if waiting or client_ids:
                conversation.servicer_id = agent.uid
            conversations.save(connection, conversation)
            if not waiting and not client_ids:
                return []
            pair = pairs.find(connection, agent.uid, member_id)
            if pair is None or (client_ids and not pair["online"]):
                pair = pairs.connect(
                    connection,
                    pair,
                    card,
                    site_id=site_id,
                    servicer_id=agent.uid,
                    client_id=client_ids[0] if client_ids else "",
                    now=now,
                )
            last = dialogues.last(connection, site_id, member_id)
            pushes = [Push(agent_uid(agent.uid), frame("connect", arrival(pair, last))), *waiting]
            return [*pushes, taken(agent, member_id, site_id)] if client_ids else pushes

        pushes = await servicer.database.write(unit, self._push, key=(member_id, site_id))
        if pushes is None:
            return False
        if client_ids:
            confirm(servicer, customer_uid(member_id), client_ids[0])
        return True

    def _push(self, pushes: list[Push] | None) -> None:
        self._servicer.pusher.start(pushes or [])
