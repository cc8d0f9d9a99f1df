"""The running service of one process: what hooks and HTTP handlers share."""

from __future__ import annotations

import asyncio
import datetime
import logging
import random
import time
import zoneinfo
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from shared.errors import GatewayError

from . import demonstration, presence
from .admission import Admission
from .agents import Agents
from .asked_tokens import AskedTokens
from .auth import BindKeys, Passwords, derive
from .captchas import Captchas
from .content import Checker
from .customers import Customers
from .directory import Directory
from .html import Sanitizer
from .identity import NAME
from .limits import Window
from .messages import Messages
from .pages import Pages
from .push import Pusher, agent_of
from .sessions import Sessions
from .shop.demo import AGENT_PASSWORD, AGENTS
from .shop.errors import ShopDown
from .shop.interface import Site
from .shop.opening import make_shop
from .signals import Signals
from .sockets import Sockets
from .store import agents as store
from .store import conversations, sent
from .store.database import Database
from .store.errors import StoreError
from .store.pairs import Card
from .tokens import Tokens
from .uploads import Uploads
from .visitors import Visitors, card_of
from .waiting import Waiting
from .web import Web

if TYPE_CHECKING:
    from business.hooks import GatewayInfo, OnlineClient
    from gateway_client import GatewayClient
    from shared.settings import Settings

log = logging.getLogger(__name__)

MINUTE = 60.0

SENT_LIFE = 7 * 86400.0
"""Seconds within which a message that is sent again is known by its ``client_msg_id``."""

SENT_PRUNED = 1000
"""Messages that are forgotten then, per sweep."""

CAPTCHAS = 60
"""Captchas that an address gets per minute."""


class Servicer:
    """Everything that runs. Made by ``start``; the attributes are its parts.

    Args:
        settings: all settings.
        gateway: of this service.

    Raises:
        SettingsError: a setting cannot be used.
    """

    def __init__(self, settings: Settings, gateway: GatewayClient) -> None:
        own = settings.servicer
        secrets = [settings.secret] if isinstance(settings.secret, str) else settings.secret
        self.is_demo = settings.demo
        self.default_site = own.default_site
        self.require_bind_key = own.require_bind_key
        self.websocket_url = settings.public.websocket_url
        self.gateway_port = settings.gateway.port
        self.zone = zoneinfo.ZoneInfo(settings.time_zone)
        self.database = Database(settings.database.url)
        self.directory = Directory(self.database, self.is_demo)
        self.shop = make_shop(settings.shop)
        self.web = Web(settings.trusted_proxies, own.cors_origins)
        self.pages = Pages(self, own.cors_origins)
        derived = [derive(secret, f"tokens {NAME}").hex() for secret in secrets]
        self.tokens = Tokens(_token_keys(settings), NAME, derived)
        self.asks_for_tokens = bool(own.token_url)
        asked = None
        if own.token_url:
            asked = AskedTokens(own.token_url, own.token_cache, own.token_timeout)
        self.admission = Admission(self.tokens, asked)
        self.bind_keys = BindKeys(secrets, NAME)
        self.passwords = Passwords()
        self.checker = Checker(Sanitizer(own.image_hosts), self.shop)
        self.uploads = Uploads(own.upload_dir, own.upload_size, own.upload_rate)
        self.captchas = Captchas(self)
        self.visitors = Visitors(self, own.visitors, own.visitor_rate)
        self.captcha_rate = Window(CAPTCHAS, MINUTE)
        self.says = Window(own.say_rate, MINUTE)
        self.bind_refusals = Window(own.bind_refusals, MINUTE)
        self.gateway = gateway
        self.sockets = Sockets(gateway)
        self.pusher = Pusher(gateway, own.push_timeout)
        self._sweep_period = settings.inner.heartbeat_timeout
        self._sweeper: asyncio.Task[None] | None = None
        self.customers = Customers(self, own.disconnect_delay)
        self.agents = Agents(self)
        self.messages = Messages(self)
        self.signals = Signals(self, own.recall_window)
        self.waiting = Waiting(self)
        self.sessions = Sessions(
            self,
            lifetime=own.session_lifetime,
            failures=own.login_failures,
            captcha_after=own.captcha_failures,
            is_demo=self.is_demo,
        )

    @classmethod
    async def start(cls, settings: Settings, gateway: GatewayClient) -> Servicer:
        """Open the database, and in demo mode fill it.

        Raises:
            SettingsError: a setting cannot be used.
        """
        servicer = cls(settings, gateway)
        try:
            await servicer.database.open()
            await servicer.shop.open()
            if servicer.is_demo:
                await servicer._make_demo_agents()
            servicer._sweeper = asyncio.create_task(servicer._sweep())
        except BaseException:
            await servicer.close()
            raise
        return servicer

    async def close(self) -> None:
        """Finish what is under way. Idempotent."""
        if self._sweeper is not None:
            self._sweeper.cancel()
            await asyncio.wait((self._sweeper,))
        self.customers.close()
        await self.pusher.close()
        self.passwords.close()
        self.uploads.close()
        self.captchas.close()
        await self.database.close()
        await self.shop.close()
        await self.admission.close()

    # Time and names

    def now(self) -> float:
        """Unix time."""
        return time.time()

    def local_time(self) -> datetime.datetime:
        """The time in the zone of the stored dates."""
        return datetime.datetime.now(self.zone)

    async def card(self, member_id: int) -> Card:
        """A member as agents see it; a shop may not know everybody whom it gave a token, and may
        be down: then it is the name that was stored last."""
        if visitor := card_of(member_id):
            return visitor
        try:
            member = await self.shop.find_member(member_id)
        except ShopDown:
            is_known = False
        else:
            if member is not None:
                return Card(member_id, member.nickname or member.username, member.headimg)
            is_known = not self.asks_for_tokens
        if card := self.admission.card(member_id):
            return card
        stored = None
        if not is_known:
            stored = await self.database.read(lambda c: conversations.card(c, member_id))
        return stored or Card(member_id, f"会员{member_id}", "")

    async def site(self, site_id: int) -> Site | None:
        """The site of a request; 0, which is also what a missing number is, is the default one.

        Raises:
            ShopDown: nobody knows whether there is such a site. Those that have agents there are.
        """
        site_id = site_id or self.default_site
        try:
            return await self.shop.find_site(site_id)
        except ShopDown:
            if site_id == self.default_site or site_id in await self.directory.sites():
                return Site(site_id, "", "")
            raise

    # What hooks ask for

    async def closed(self, client_id: str, uid: str) -> None:
        """A socket that was bound is gone. Idempotent."""
        servicer_id = agent_of(uid)
        if servicer_id is None:
            await self.customers.closed(client_id, uid)
        else:
            await self.agents.closed(client_id, servicer_id)

    async def gateway_up(self, gateway: GatewayInfo, clients: Sequence[OnlineClient]) -> None:
        """A gateway tells whom it holds."""
        await presence.repair(self, gateway.prefix, clients)

    async def _sweep(self) -> None:
        """Do now and then what no event makes anybody do."""
        while True:
            # What a process that is gone has left to be told.
            await self._try(self.customers.tell)
            # Not all processes at the same time.
            await asyncio.sleep(self._sweep_period * random.uniform(0.8, 1.2))  # noqa: S311
            for work in (partial(presence.sweep, self), self.waiting.sweep, self._prune):
                await self._try(work)

    async def _try(self, work: Callable[[], Awaitable[None]]) -> None:
        try:
            await work()
        except (StoreError, GatewayError) as error:
            log.warning("sweep: %s", error)
        except Exception:
            log.exception("the sweep failed")

    async def _prune(self) -> None:
        before = self.now() - SENT_LIFE
        await self.database.write(lambda c: sent.prune(c, before, SENT_PRUNED))

    async def _make_demo_agents(self) -> None:
        def missing(connection: Connection) -> bool:
            return any(store.find_account(connection, a.username) is None for a in AGENTS)

        if not await self.database.read(missing):
            return
        hashed = await self.passwords.hash(AGENT_PASSWORD)
        now = self.now()
        await self.database.write(lambda c: demonstration.create_agents(c, hashed, now))


def _token_keys(settings: Settings) -> list[str]:
    """The shop's keys of customers' tokens. A demo needs none."""
    keys = list(settings.servicer.token_keys)
    if not keys and not settings.servicer.token_url and not settings.demo:
        log.warning("servicer.token_keys and servicer.token_url are empty: no member can be let in")
    return keys
