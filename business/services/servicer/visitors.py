"""Customers who are not logged in: a token of our own, and later perhaps a member."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .envelope import Refused
from .limits import Window
from .push import Push, agent_uid, frame
from .store import visitors as store
from .store.pairs import Card
from .tokens import FIRST_VISITOR

if TYPE_CHECKING:
    from .service import Servicer

MINUTE = 60.0

CLOSED = "请先登录"
TOO_MANY = "操作过于频繁，请稍后再试"


class Visitors:
    """Gives visitors tokens.

    Args:
        servicer: the running service.
        is_open: whether there are to be any.
        rate: new visitors per address and minute; 0: no limit.
    """

    def __init__(self, servicer: Servicer, is_open: bool, rate: int) -> None:
        self._servicer = servicer
        self.is_open = is_open
        self._rate = Window(rate, MINUTE)

    async def make(self, address: str, now: float) -> tuple[int, str]:
        """A new visitor: member id and token.

        Raises:
            Refused: there are to be none, or the address had too many.
        """
        if not self.is_open:
            raise Refused(CLOSED)
        if not self._rate.take(address, now):
            raise Refused(TOO_MANY)
        number = await self._servicer.database.write(lambda c: store.add(c, now))
        member_id = FIRST_VISITOR + number
        return member_id, self._servicer.tokens.issue(member_id, now)

    async def merge(self, token: str, member_id: int) -> None:
        """What the visitor of a token has said is what a member has said. Idempotent.

        A token that is no good, or no visitor's, is left alone: it only stands beside what the
        member asks for. The agents who had the visitor are told that the visitor has gone.

        Args:
            token: of the visitor, "" for none.
            member_id: who the visitor turned out to be; another visitor is nobody.
        """
        servicer = self._servicer
        if not token or member_id >= FIRST_VISITOR:
            return
        try:
            visitor_id = servicer.tokens.member_of(token)
        except Refused:
            return
        if visitor_id < FIRST_VISITOR or not await servicer.database.read(
            lambda c: store.has_talked(c, visitor_id)
        ):
            return
        card = await servicer.card(member_id)
        now, number = servicer.now(), visitor_id - FIRST_VISITOR
        told = await servicer.database.write(lambda c: store.move(c, visitor_id, number, card, now))
        gone = frame("disconnect", {"member_id": visitor_id})
        await servicer.pusher.send([Push(agent_uid(uid), gone) for uid in told])


def card_of(member_id: int) -> Card | None:
    """How agents see a visitor; None: it is a member."""
    number = member_id - FIRST_VISITOR
    return None if number < 0 else Card(member_id, f"访客{number}", "")
