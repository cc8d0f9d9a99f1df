"""All messages of a shop in the order of their times."""

from __future__ import annotations

from alembic import context, op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Make the index."""
    prefix: str = context.config.attributes["prefix"]
    columns = ["shop_id", "add_time", "id"]
    op.create_index(f"{prefix}ix_dialogue_time", f"{prefix}servicer_dialogue", columns)
