"""The agents of all sites, remembered for a moment, since every request asks for some."""

from __future__ import annotations

import asyncio
import time

from .store import agents as store
from .store.agents import Agent, Role
from .store.database import Database

LIFE = 2.0
"""Seconds that what other processes changed may go unseen."""


class Directory:
    """Who works here.

    Args:
        database: where they are stored.
        is_demo: whether demo accounts count.
    """

    def __init__(self, database: Database, is_demo: bool) -> None:
        self._database = database
        self._is_demo = is_demo
        self._agents: dict[int, Agent] = {}
        self._sites: dict[int, list[Agent]] = {}
        self._until = 0.0
        self._lock = asyncio.Lock()

    async def get(self, uid: int) -> Agent | None:
        """Who has an account, or had one: an agent, or of another role."""
        await self._refresh()
        return self._agents.get(uid)

    async def of_site(self, site_id: int) -> list[Agent]:
        """The agents of a site who may log in."""
        await self._refresh()
        return self._sites.get(site_id, [])

    async def were_of_site(self, site_id: int) -> list[Agent]:
        """The agents of a site, with those who may not log in any more."""
        await self._refresh()
        agents = self._agents.values()
        return [one for one in agents if one.site_id == site_id and one.role is Role.AGENT]

    async def sites(self) -> list[int]:
        """The sites that have agents who may log in."""
        await self._refresh()
        return list(self._sites)

    def forget(self) -> None:
        """Something was changed."""
        self._until = 0.0

    async def _refresh(self) -> None:
        if time.monotonic() < self._until:
            return
        async with self._lock:
            if time.monotonic() < self._until:
                return
            found = await self._database.read(store.everybody)
            agents = [agent for agent in found if self._is_demo or not agent.is_demo]
            sites: dict[int, list[Agent]] = {}
            for agent in agents:
                if agent.is_enabled and agent.role is Role.AGENT:
                    sites.setdefault(agent.site_id, []).append(agent)
            self._agents = {agent.uid: agent for agent in agents}
            self._sites = sites
            self._until = time.monotonic() + LIFE
