"""Gives an agent what has waited; a part of the units that find an agent for a conversation."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection

from .push import Push, agent_uid, frame
from .shop.interface import Site
from .store import dialogues
from .store.conversations import Conversation
from .store.dialogues import PUSH_TYPES, Row, Side


def hand_over(
    connection: Connection,
    conversation: Conversation,
    site: Site,
    member_id: int,
    servicer_id: int,
) -> list[Push]:
    """Give an agent what has waited in a locked conversation, which the caller then saves.

    Returns:
        The messages in their order, automatic replies among them; [] where nothing has waited.
    """
    conversation.silent_since = 0
    if not conversation.waiting_id:
        return []
    first, conversation.waiting_id = conversation.waiting_id, 0
    conversation.servicer_id = servicer_id
    rows = dialogues.assign(connection, site.site_id, member_id, first, servicer_id)
    return [Push(agent_uid(servicer_id), _frame(row, site)) for row in rows]


def _frame(row: Row, site: Site) -> dict[str, Any]:
    if row["type"] == Side.AGENT:
        return frame("keyword_reply", {**row, "nickname": site.site_name, "avatar": site.logo})
    return frame(PUSH_TYPES[row["content_type"]], row)
