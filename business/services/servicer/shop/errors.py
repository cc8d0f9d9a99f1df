"""What goes wrong with a shop. Customers and agents are told, the chat goes on without it."""

from __future__ import annotations

from shared.errors import KefuError


class ShopDown(KefuError):
    """The shop cannot be asked now: not reached, too slow, or out of order."""


class BadAnswer(ShopDown):
    """The shop did answer, but nothing that can be used. Asking again does not cure that."""
