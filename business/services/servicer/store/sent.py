"""What is remembered of messages that may be sent again (``servicer_sent``)."""

from __future__ import annotations

from sqlalchemy import Connection, delete, select, tuple_

from .tables import sent


def prune(connection: Connection, before: float, limit: int) -> int:
    """Forget messages that were sent before a Unix time.

    Args:
        connection: of the transaction.
        before: Unix time.
        limit: most rows, the oldest.

    Returns:
        How many they were.
    """
    key = tuple_(sent.c.sender, sent.c.client_msg_id)
    query = select(sent.c.sender, sent.c.client_msg_id).where(sent.c.create_time < int(before))
    found = connection.execute(query.order_by(sent.c.create_time).limit(limit)).all()
    if found:
        connection.execute(delete(sent).where(key.in_([tuple(row) for row in found])))
    return len(found)
