"""How lists show members: as the shop says, where it can be asked."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from ..shop.errors import ShopDown
from ..shop.interface import MOST, Member
from ..store.pairs import Card

if TYPE_CHECKING:
    from ..shop.interface import Shop

MAX_REMEMBERED = 20_000


class Names:
    """Members' names and pictures.

    Args:
        shop: open; None: there is none but the demo shop, which knows nobody of the source.
    """

    def __init__(self, shop: Shop | None) -> None:
        self._shop = shop
        self._known: dict[int, Card | None] = {}
        self.is_down = False

    async def of(
        self, members: Collection[int], others: Mapping[int, Card] | None = None
    ) -> dict[int, Card]:
        """The cards of members.

        Args:
            members: their ids.
            others: what is shown of those whom the shop does not know.
        """
        await self._ask([member for member in set(members) if member not in self._known])
        found = {}
        for member in members:
            card = self._known.get(member) or (others or {}).get(member)
            found[member] = card if card and card.name else Card(member, f"会员{member}", "")
        return found

    async def _ask(self, missing: list[int]) -> None:
        if len(self._known) + len(missing) > MAX_REMEMBERED:
            self._known.clear()
        self._known.update(dict.fromkeys(missing))
        if self._shop is None or self.is_down:
            return
        for start in range(0, len(missing), MOST):
            try:
                found = await self._shop.members(missing[start : start + MOST])
            except ShopDown:
                self.is_down = True
                return
            self._known.update({member: _card(of) for member, of in found.items()})


def _card(member: Member) -> Card:
    return Card(member.member_id, member.nickname or member.username, member.headimg)
