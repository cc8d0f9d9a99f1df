"""Who a customer is: by a token that this service can read, else by what the shop says of it."""

from __future__ import annotations

from typing import NamedTuple

from .asked_tokens import MAX_ANSWERS, AskedTokens, Holder
from .envelope import Refused
from .store.pairs import Card
from .tokens import Tokens


class Admitted(NamedTuple):
    """A customer.

    Args:
        member_id: of the shop, or a visitor's.
        fresh: the next token, where the one that came ends soon.
    """

    member_id: int
    fresh: str | None


class Admission:
    """Lets customers in.

    Args:
        tokens: that this service can read.
        asked: those that only the shop can; None: there are none.
    """

    def __init__(self, tokens: Tokens, asked: AskedTokens | None) -> None:
        self._tokens = tokens
        self._asked = asked
        self._cards: dict[int, Card] = {}

    async def admit(self, token: str, now: float) -> Admitted:
        """The customer whose token it is, at Unix time ``now``.

        Raises:
            Refused: nobody's, or the shop cannot be asked; with the code and ``error_code`` by
                which clients know what to do.
        """
        if self._asked is not None and (holder := self._asked.remembered(token)):
            return self._admitted(holder)
        try:
            return Admitted(self._tokens.member_of(token), self._tokens.renewal(token, now))
        except Refused as error:
            if self._asked is None or error.more.get("error_code") != "TOKEN_ERROR":
                raise
        return self._admitted(await self._asked.holder(token))

    def card(self, member_id: int) -> Card | None:
        """How the shop called a member when it was last asked about a token; None: it did not."""
        return self._cards.get(member_id)

    async def close(self) -> None:
        """Let connections go. Idempotent."""
        if self._asked is not None:
            await self._asked.close()

    def _admitted(self, holder: Holder) -> Admitted:
        if holder.nickname:
            self._cards.pop(holder.member_id, None)
            if len(self._cards) >= MAX_ANSWERS:
                del self._cards[next(iter(self._cards))]
            card = Card(holder.member_id, holder.nickname, holder.headimg)
            self._cards[holder.member_id] = card
        return Admitted(holder.member_id, holder.fresh)
