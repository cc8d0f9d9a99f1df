"""Messages that were recalled, agents who do not accept, customers who wait in silence."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import context, op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Make the columns."""
    prefix: str = context.config.attributes["prefix"]
    flag = sa.SmallInteger
    recalled = sa.Column("recalled", flag, nullable=False, server_default="0")
    op.add_column(f"{prefix}servicer_dialogue", recalled)
    accepting = sa.Column("accepting", flag, nullable=False, server_default="1")
    op.add_column(f"{prefix}servicer", accepting)
    table = f"{prefix}servicer_conversation"
    op.add_column(table, sa.Column("silent_since", sa.Integer, nullable=False, server_default="0"))
    op.create_index(f"{prefix}ix_conversation_silent", table, ["shop_id", "silent_since"])
