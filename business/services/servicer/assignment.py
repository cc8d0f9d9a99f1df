"""Which agent a customer gets. Runs inside the transaction that stores the result, so that two
customers who come at once, to whatever process, spread over the agents.

An agent who does not accept keeps the customers who are there, and gets no others: also not those
who were there before and come back.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import Connection

from .store import agents, pairs
from .store.conversations import Conversation
from .store.pairs import Known


def choose(
    connection: Connection,
    conversation: Conversation,
    known: Sequence[Known],
    connected: Collection[int],
    preferred: int = 0,
) -> int:
    """An agent for a customer.

    Args:
        connection: of the transaction.
        conversation: locked.
        known: the pairs of this conversation.
        connected: agents of the site who are really connected.
        preferred: whom the customer's client believes to be talking to; 0: nobody.

    Returns:
        The preferred one; else who has the customer now; else who had last; else who has the
        fewest connected customers. 0: nobody is there who may have the customer.
    """
    if not connected:
        return 0
    pairs_of = {pair.servicer_id: pair for pair in known}
    if preferred in connected and _may_have(connection, pairs_of.get(preferred), preferred):
        return preferred
    for pair in known:
        if pair.is_online and pair.servicer_id in connected:
            return pair.servicer_id
    last = conversation.servicer_id
    if last in connected and _may_have(connection, pairs_of.get(last), last):
        return last
    free = agents.lock_accepting(connection, connected)
    if not free:
        return 0
    loads = pairs.loads(connection, free)
    return min(free, key=lambda servicer_id: (loads.get(servicer_id, 0), servicer_id))


def _may_have(connection: Connection, pair: Known | None, servicer_id: int) -> bool:
    if pair is None:
        return bool(agents.accepting(connection, [servicer_id]))
    # A customer whose page is only being loaded again has not left, as far as the agent knows.
    return pair.is_accepting or pair.is_online or pair.is_expected
