"""What one side of a conversation lets the other know beside messages: ``read``, ``typing`` and
``recall``. Only sockets with the capability get it, see ``capabilities.py``."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection

from .capabilities import Capability
from .envelope import Refused
from .limits import Window
from .push import Push, agent_uid, customer_uid, frame
from .store import conversations, dialogues, pairs
from .store.dialogues import Content, ContentType, Side
from .store.memory import spare

if TYPE_CHECKING:
    from .service import Servicer

MINUTE = 60.0

TYPINGS = 120
"""Times per minute that a member or an agent may begin or stop to type in a conversation; a page
repeats it every few seconds, because receivers drop it after six."""

RECALLED = Content(ContentType.TEXT, "<p>消息已撤回</p>", "消息已撤回")
"""What stands in the place of a message that was taken back."""

NO_MESSAGE = "消息不存在"
TOO_LATE = "消息发送已超过可撤回时间"
NO_RECALL = "未开启消息撤回"
TOO_FAST = "操作过于频繁，请稍后再试"

_SIDES = {Side.CUSTOMER: "customer", Side.AGENT: "servicer"}


class Signals:
    """Tells the two sides of conversations about each other.

    Args:
        servicer: the running service.
        recall_window: seconds for which a message may be taken back; 0: never.
    """

    def __init__(self, servicer: Servicer, recall_window: float) -> None:
        self._servicer = servicer
        self._typings = Window(TYPINGS, MINUTE)
        self.recall_window = recall_window

    async def read(self, site_id: int, member_id: int, side: Side, servicer_id: int = 0) -> int:
        """One side has read what the other side said; everybody in the conversation is told.

        Args:
            site_id: the shop.
            member_id: the customer.
            side: who has read.
            servicer_id: which agent, where it is one.

        Returns:
            How many messages it had not read before.
        """
        other = Side.AGENT if side is Side.CUSTOMER else Side.CUSTOMER

        def unit(connection: Connection) -> tuple[int, list[Push]]:
            count, last_id = dialogues.mark_read(connection, site_id, member_id, other)
            spare(connection)  # of messages nothing is kept
            if not count:
                return 0, []
            agents = {servicer_id, *pairs.agents_of(connection, site_id, member_id)} - {0}
            data = _data(site_id, member_id, side, last_id=last_id)
            return count, _to_all(Capability.READ, data, member_id, agents)

        return await self._write(unit, site_id, member_id)

    async def typing(
        self, site_id: int, member_id: int, side: Side, is_typing: bool, servicer_id: int = 0
    ) -> None:
        """One side types, or has stopped to; the other side is told. Nothing is stored.

        Args:
            site_id: the shop.
            member_id: the customer.
            side: who types.
            is_typing: or has stopped to.
            servicer_id: which agent, where it is one.

        Raises:
            Refused: too often.
        """
        servicer = self._servicer
        key = f"{side}:{servicer_id or member_id}:{member_id if servicer_id else site_id}"
        if not self._typings.take(key, servicer.now()):
            raise Refused(TOO_FAST)
        more = {"servicer_id": servicer_id, "typing": is_typing}
        told = frame(Capability.TYPING, _data(site_id, member_id, side, **more))
        if side is Side.AGENT:
            servicer.pusher.start([Push(customer_uid(member_id), told)])
            return
        agents = await servicer.database.read(
            lambda c: pairs.agents_of(c, site_id, member_id, online=True)
        )
        if agents:
            servicer.pusher.start([Push([agent_uid(uid) for uid in agents], told)])

    async def recall(
        self, site_id: int, member_id: int, side: Side, dialogue_id: int, servicer_id: int = 0
    ) -> None:
        """Take a message back; everybody in the conversation is told. Idempotent.

        Args:
            site_id: the shop.
            member_id: the customer.
            side: who has said it.
            dialogue_id: the message.
            servicer_id: which agent, where it is one.

        Raises:
            Refused: it is not there or somebody else's, or it is too late.
        """
        if not self.recall_window:
            raise Refused(NO_RECALL)
        now = self._servicer.now()

        def unit(connection: Connection) -> tuple[int, list[Push]]:
            conversations.lock(connection, site_id, member_id, now)
            row = dialogues.find(connection, site_id, member_id, dialogue_id)
            is_own = row is not None and row["type"] == side
            if (
                row is None
                or not is_own
                or (side is Side.AGENT and row["servicer_id"] != servicer_id)
            ):
                raise Refused(NO_MESSAGE)
            if row["recalled"]:
                return dialogue_id, []
            # Times are stored in whole seconds.
            if int(now) - row["add_time"] > self.recall_window:
                raise Refused(TOO_LATE)
            dialogues.recall(connection, dialogue_id, side, RECALLED)
            agents = {servicer_id, *pairs.agents_of(connection, site_id, member_id)} - {0}
            data = _data(site_id, member_id, side, id=dialogue_id)
            return dialogue_id, _to_all(Capability.RECALL, data, member_id, agents)

        await self._write(unit, site_id, member_id)

    async def _write(
        self, unit: Callable[[Connection], tuple[int, list[Push]]], site_id: int, member_id: int
    ) -> int:
        """Run a unit that returns a number, which is returned, and pushes."""
        pusher = self._servicer.pusher
        pushed = None

        def push(result: tuple[int, list[Push]]) -> None:
            nonlocal pushed
            pushed = pusher.start(result[1])

        number, _ = await self._servicer.database.write(unit, push, key=(member_id, site_id))
        await pusher.settle(pushed)
        return number


def _data(site_id: int, member_id: int, side: Side, **more: Any) -> dict[str, Any]:
    return {"member_id": member_id, "shop_id": site_id, "side": _SIDES[side], **more}


def _to_all(kind: Capability, data: dict[str, Any], member_id: int, agents: set[int]) -> list[Push]:
    uids = [customer_uid(member_id), *(agent_uid(uid) for uid in sorted(agents))]
    return [Push(uids, frame(kind, data))]
