"""``say`` and ``answer``: store a message with everything that belongs to it, then push it."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection

from shared.errors import GatewayError

from .assignment import choose
from .envelope import Refused
from .handover import hand_over
from .presence import confirm
from .push import Push, Sending, agent_uid, customer_uid, frame
from .shop.interface import Site
from .store import conversations, dialogues, pairs, replies
from .store.agents import Agent
from .store.conversations import Conversation
from .store.dialogues import PUSH_TYPES, Content, ContentType, Side, Stored
from .store.memory import remember, remembered
from .store.pairs import Card, Known, Row
from .store.writer import Key

if TYPE_CHECKING:
    from .service import Servicer

NOBODY = "没有指定会话人员"


@dataclasses.dataclass(slots=True)
class Sent:
    """What became of a message.

    Attributes:
        stored: the row; ``reached``: whether the other side had a socket.
        pushes: what to send, [] for a message that had been sent before.
        delivered: whether a socket of the other side is known to have it; None: that is not known.
    """

    stored: Stored
    pushes: list[Push] = dataclasses.field(default_factory=list)
    delivered: bool | None = None

    @classmethod
    def of(cls, row: Row, reached: bool, pushes: list[Push]) -> Sent:
        """Of a row that was just stored."""
        return cls(Stored(row["id"], row["prev_id"], row["add_time"], reached), pushes)

    @classmethod
    def before(cls, stored: Stored) -> Sent:
        """Of a message that had been sent before."""
        return cls(stored, delivered=stored.reached)

    def receipt(self) -> dict[str, Any]:
        """What a sender who may send again is told of it."""
        stored = self.stored
        return {
            "id": stored.id,
            "prev_id": stored.prev_id,
            "add_time": stored.add_time,
            "delivered": bool(self.delivered),
        }


@dataclasses.dataclass(slots=True)
class Say:
    """A customer's message, as its unit needs it.

    Args:
        site: the shop.
        card: the member.
        content: what is said.
        to_reply: makes what can be stored of an automatic reply.
        own_id: ``client_msg_id``, "" for none.
        preferred: the agent whom the client believes to be talking to, 0 for none.
        agents: those of the site who are connected, by uid.
        now: local time.
        client_ids: the member's sockets; None: the gateways were not asked, and ``agents`` were
            there a moment ago.
    """

    site: Site
    card: Card
    content: Content
    to_reply: Callable[[str], Content]
    own_id: str
    preferred: int
    agents: Mapping[int, Agent]
    now: datetime.datetime
    client_ids: Collection[str] | None = None

    @property
    def key(self) -> tuple[int, int]:
        """Whose rows it locks."""
        return self.card.member_id, self.site.site_id

    def run(self, connection: Connection) -> Sent | None:
        """Store it and assign an agent, in one transaction. None, and nothing is stored, where the
        gateways must be asked first."""
        site_id, member_id = self.site.site_id, self.card.member_id
        now = self.now.timestamp()
        sender = f"m{member_id}"
        found = _open(connection, self.key, now)
        assert found is not None  # noqa: S101 - it is made
        conversation, known = found
        if self.own_id and (before := dialogues.find_sent(connection, sender, self.own_id)):
            return Sent.before(before)
        chosen = choose(connection, conversation, known, self.agents, self.preferred)
        pair = _of(known, chosen)
        if chosen and self.client_ids is None:
            if pair is None or not pair.is_online or not pair.is_agent_online:
                return None
        is_apart = bool(chosen) and _are_apart(pair, self.client_ids)
        pushes = []
        if chosen:
            pushes = self._meet(connection, conversation, pair, chosen, now, is_apart=is_apart)
        conversation.member_time = int(now)
        conversation.name(self.card)
        row = dialogues.add(
            connection,
            conversation,
            self.content,
            site_id=site_id,
            member_id=member_id,
            servicer_id=chosen,
            side=Side.CUSTOMER,
            now=self.now,
        )
        sent = Sent.of(row, bool(chosen), pushes)
        to: list[str] = []
        if chosen:
            listening = {one.servicer_id for one in known if one.is_online}
            to = [agent_uid(servicer_id) for servicer_id in sorted(listening | {chosen})]
            pushes.append(Push(to, frame(PUSH_TYPES[self.content.type], row), counts=True))
        if self.content.type is ContentType.TEXT:
            reply = replies.find(connection, site_id, self.content.text)
            if reply is not None:
                pushes += self._reply(connection, conversation, reply, chosen, to)
        if self.own_id:
            dialogues.note_sent(connection, sender, self.own_id, row["id"], bool(chosen), now)
        if not is_apart:
            remember(connection, self.key, found)
        return sent

    def _reply(
        self,
        connection: Connection,
        conversation: Conversation,
        reply: str,
        chosen: int,
        agents: list[str],
    ) -> list[Push]:
        """Answer a keyword at once, in the name of the agent, or of the shop while none is there.

        Args:
            connection: of the transaction.
            conversation: locked.
            reply: what the shop has written.
            chosen: the agent; 0: none.
            agents: uids of the agents who are to see it.

        Returns:
            What the agents get, and what the customer gets: a ``connect``, then the reply.
        """
        row = dialogues.add(
            connection,
            conversation,
            self.to_reply(reply),
            site_id=self.site.site_id,
            member_id=self.card.member_id,
            servicer_id=chosen,
            side=Side.AGENT,
            now=self.now,
            automatic=True,
        )
        agent = self.agents.get(chosen)
        voice = {
            "nickname": agent.nickname if agent else self.site.site_name,
            "avatar": agent.avatar if agent else self.site.logo,
            "servicer_id": chosen,
        }
        data = {**row, **voice}
        pushes = [Push(agents, frame("keyword_reply", data))] if agents else []
        me = customer_uid(self.card.member_id)  # whose socket may have come meanwhile
        if not chosen or self.preferred == chosen:  # else the customer has just been told
            told = {**voice, "shop_id": self.site.site_id}
            pushes.append(Push(me, frame("connect", told, servicer_id=chosen)))
        return [*pushes, Push(me, frame(PUSH_TYPES[ContentType.TEXT], data))]

    def _meet(
        self,
        connection: Connection,
        conversation: Conversation,
        known: Known | None,
        chosen: int,
        now: float,
        *,
        is_apart: bool,
    ) -> list[Push]:
        """Connect the pair where it is not, and hand over what has waited; who is to be told."""
        pushes = []
        waiting = hand_over(connection, conversation, self.site, self.card.member_id, chosen)
        pair = None if known is None else known.row
        if pair is None or is_apart:
            last = dialogues.last(connection, self.site.site_id, self.card.member_id)
            row = pairs.connect(
                connection,
                pair,
                self.card,
                site_id=self.site.site_id,
                servicer_id=chosen,
                client_id=_first(self.client_ids),
                now=now,
            )
            pushes.append(Push(agent_uid(chosen), frame("connect", arrival(row, last))))
        elif waiting:
            pushes.append(
                Push(agent_uid(chosen), frame("connect", arrival(pair, waiting[-1].frame["data"])))
            )
        pushes += waiting
        if self.preferred != chosen:
            pushes.append(taken(self.agents[chosen], self.card.member_id, self.site.site_id))
        return pushes


@dataclasses.dataclass(slots=True)
class Answer:
    """An agent's message, as its unit needs it; attributes as those of ``Say``, and ``is_known``:
    whether the shop knows the member, which is asked for with the sockets. Else it is one who must
    have been here."""

    agent: Agent
    site: Site
    card: Card
    content: Content
    own_id: str
    now: datetime.datetime
    client_ids: Collection[str] | None = None
    is_known: bool = False

    @property
    def key(self) -> tuple[int, int]:
        """Whose rows it locks."""
        return self.card.member_id, self.agent.site_id

    def run(self, connection: Connection) -> Sent | None:
        """Store it and attach the agent to the customer, in one transaction; None: as ``Say``."""
        site_id, member_id = self.agent.site_id, self.card.member_id
        now = self.now.timestamp()
        sender = f"a{self.agent.uid}"
        found = _open(connection, self.key, now, make=self.is_known)
        # A visitor's may be a member's by now, and what was said there was said.
        if self.own_id and (before := dialogues.find_sent(connection, sender, self.own_id)):
            return Sent.before(before)
        if found is None:
            if self.client_ids is None:
                return None
            raise Refused(NOBODY)
        conversation, known = found
        pair = _of(known, self.agent.uid)
        is_online = pair is not None and pair.is_online
        if self.client_ids is None and not is_online:
            return None
        conversation.name(self.card)
        is_apart = _are_apart(pair, self.client_ids)
        if is_apart:
            pairs.connect(
                connection,
                None if pair is None else pair.row,
                self.card,
                site_id=site_id,
                servicer_id=self.agent.uid,
                client_id=_first(self.client_ids),
                now=now,
            )
        # Whoever answers has read it; who has a socket has got it long before.
        hand_over(connection, conversation, self.site, member_id, self.agent.uid)
        row = dialogues.add(
            connection,
            conversation,
            self.content,
            site_id=site_id,
            member_id=member_id,
            servicer_id=self.agent.uid,
            side=Side.AGENT,
            now=self.now,
        )
        reached = bool(self.client_ids) or is_online
        data = {**row, "nickname": self.agent.nickname, "avatar": self.agent.avatar}
        push = Push(
            customer_uid(member_id), frame(PUSH_TYPES[self.content.type], data), counts=True
        )
        if self.own_id:
            dialogues.note_sent(connection, sender, self.own_id, row["id"], reached, now)
        if not is_apart:
            remember(connection, self.key, found)
        # Pushed whether anybody was there or not: somebody may have come before the commit, and
        # then read all that was stored before this.
        return Sent.of(row, reached, [push])


_Open = tuple[Conversation, list[Known]]


def _open(connection: Connection, key: Key, now: float, *, make: bool = True) -> _Open | None:
    """Lock a conversation; it and its pairs, as they were left by the message before, or are read.
    None: there is none, and ``make`` is false."""
    kept: _Open | None = remembered(connection, key)
    if kept is not None:
        return kept
    member_id, site_id = key
    conversation = conversations.lock(connection, site_id, member_id, now, make=make)
    if conversation is None:
        return None
    return conversation, pairs.of_conversation(connection, site_id, member_id)


def _of(known: Iterable[Known], servicer_id: int) -> Known | None:
    return next((pair for pair in known if pair.servicer_id == servicer_id), None)


def _first(client_ids: Collection[str] | None) -> str:
    """The socket that a pair is connected by; "" where there is none, or the gateways were not
    asked."""
    return next(iter(client_ids or ()), "")


def _are_apart(pair: Known | None, client_ids: Collection[str] | None) -> bool:
    """Whether the pair must be connected first, with the member's sockets, if they are known."""
    return pair is None or (bool(client_ids) and not pair.is_online)


def arrival(row: Row, last: Row | None) -> dict[str, Any]:
    """The data of a ``connect`` to an agent: the pair, and the last message."""
    return {**with_names(row), "last_dialog": last or []}


def with_names(row: Row) -> Row:
    """A pair with the member's name under the names that the console also reads."""
    return {**row, "nickname": row["member_name"], "username": row["member_name"]}


def taken(agent: Agent, member_id: int, site_id: int) -> Push:
    """The ``connect`` to a customer. One client reads servicer_id beside the data."""
    data = {
        "servicer_id": agent.uid,
        "nickname": agent.nickname,
        "avatar": agent.avatar,
        "shop_id": site_id,
    }
    return Push(customer_uid(member_id), frame("connect", data, servicer_id=agent.uid))


class Messages:
    """Sends messages.

    Args:
        servicer: the running service.
    """

    def __init__(self, servicer: Servicer) -> None:
        self._servicer = servicer

    async def say(
        self, site: Site, member_id: int, content: Content, preferred: int, own_id: str
    ) -> Sent:
        """A customer's message. Stored also while nobody is there."""
        servicer = self._servicer
        try:
            agents = await servicer.agents.lately_connected(site.site_id)
        except GatewayError:
            agents = {}  # nobody can be reached; what is said is stored all the same
        unit = Say(
            site=site,
            card=await servicer.card(member_id),
            content=content,
            to_reply=servicer.checker.reply,
            own_id=own_id,
            preferred=preferred,
            agents=agents,
            now=servicer.local_time(),
        )
        sent = await self._deliver(unit)
        if not sent.stored.reached:
            # An agent may have come between the question who is there and the commit.
            servicer.pusher.run(servicer.waiting.look(site.site_id))
        return sent

    async def answer(self, agent: Agent, member_id: int, content: Content, own_id: str) -> Sent:
        """An agent's message. Stored also while the customer is not there.

        Raises:
            Refused: the shop does not know the member, who has not been here either.
        """
        site_id = agent.site_id
        unit = Answer(
            agent=agent,
            site=await self._servicer.shop.site(site_id) or Site(site_id, "", ""),
            card=await self._servicer.card(member_id),
            content=content,
            own_id=own_id,
            now=self._servicer.local_time(),
        )
        return await self._deliver(unit)

    async def _ask(self, unit: Say | Answer) -> None:
        """Ask the gateways, and the shop, for what a unit needs to know."""
        me = customer_uid(unit.card.member_id)
        agents = []
        if isinstance(unit, Say):
            agents = await self._servicer.directory.of_site(unit.site.site_id)
        try:
            there = await self._servicer.sockets.ids([me, *(agent_uid(one.uid) for one in agents)])
        except GatewayError:
            there = {}  # nobody can be reached; what is said is stored all the same
        unit.client_ids = there.get(me, ())
        if isinstance(unit, Say):
            unit.agents = {one.uid: one for one in agents if there.get(agent_uid(one.uid))}
        else:
            unit.is_known = await self._servicer.shop.member(unit.card.member_id) is not None

    async def _deliver(self, unit: Say | Answer) -> Sent:
        """Store and push. Who is told so waits until it is known whether it was delivered, if that
        is known soon."""
        wait = bool(unit.own_id)
        pushed: Sending | None = None
        pusher = self._servicer.pusher

        def push(sent: Sent | None) -> None:
            # Called in the order of the commits: what is pushed has the order of the ids.
            nonlocal pushed
            if sent is not None:
                pushed = pusher.start(sent.pushes, wait=wait)

        write = self._servicer.database.write
        sent = await write(unit.run, push, key=unit.key)
        if sent is None:
            await self._ask(unit)
            sent = await write(unit.run, push, key=unit.key)
            assert sent is not None  # noqa: S101 - it knows
            if client_id := _first(unit.client_ids):
                confirm(self._servicer, customer_uid(unit.card.member_id), client_id)
        if wait and pushed is not None:
            await pusher.settle(pushed)
            if pushed.done():
                sent.delivered = bool(pushed.result())
        return sent
