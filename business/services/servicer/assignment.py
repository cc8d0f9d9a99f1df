"""Which agent a customer gets. Runs inside the transaction that stores the result, so that two
customers who come at once, to whatever process, spread over the agents."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import Connection

from .store import agents, pairs
from .store.conversations import Conversation
from .store.pairs import Row


def choose(
    connection: Connection,
    conversation: Conversation,
    known: Sequence[Row],
    available: Collection[int],
    preferred: int = 0,
) -> int:
    """An agent for a customer.

    Args:
        connection: of the transaction.
        conversation: locked.
        known: the pairs of this conversation.
        available: agents of the site who are really connected.
        preferred: whom the customer's client believes to be talking to; 0: nobody.

    Returns:
        The preferred one; else who has the customer now; else who had last; else who has the
        fewest connected customers. 0: nobody is available.
    """
    if not available:
        return 0
    if preferred in available:
        return preferred
    for row in known:
        if row["online"] and row["servicer_id"] in available:
            return int(row["servicer_id"])
    if conversation.servicer_id in available:
        return conversation.servicer_id
    agents.lock(connection, available)
    loads = pairs.loads(connection, available)
    return min(available, key=lambda servicer_id: (loads.get(servicer_id, 0), servicer_id))
