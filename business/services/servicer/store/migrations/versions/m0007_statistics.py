"""What statistics need: automatic replies, enquiries and their first answers, numbers of days."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import context, op

revision = "0007"
down_revision = "0006"

GAP = 4 * 3600
"""Seconds of silence before a message that begins an enquiry."""

_CUSTOMER, _AGENT = 0, 1

_MYSQL: Any = {
    "mysql_engine": "InnoDB",
    "mysql_charset": "utf8mb4",
    "mysql_collate": "utf8mb4_bin",
}


def upgrade() -> None:
    """Make columns, table and indexes, and find the enquiries of what was said so far."""
    prefix: str = context.config.attributes["prefix"]
    messages, talks = f"{prefix}servicer_dialogue", f"{prefix}servicer_conversation"
    enquiries = f"{prefix}servicer_enquiry"
    flag = sa.SmallInteger
    op.add_column(messages, sa.Column("automatic", flag, nullable=False, server_default="0"))
    for name in ("last_time", "enquiry_since"):
        op.add_column(talks, sa.Column(name, sa.Integer, nullable=False, server_default="0"))
    op.create_table(
        enquiries,
        sa.Column("id", sa.Integer, primary_key=True),
        *(
            sa.Column(name, sa.Integer, nullable=False, server_default="0")
            for name in ("shop_id", "member_id", "servicer_id", "start_time", "answer_time")
        ),
        **_MYSQL,
    )
    key = ("shop_id", "start_time", "type", "automatic", "servicer_id")
    op.create_table(
        f"{prefix}servicer_tally",
        *(sa.Column(name, sa.Integer, primary_key=True, autoincrement=False) for name in key),
        *(
            sa.Column(name, sa.Integer, nullable=False, server_default="0")
            for name in ("messages", "members")
        ),
        **_MYSQL,
    )
    _fill(messages, talks, enquiries)
    op.create_index(f"{prefix}ix_enquiry_time", enquiries, ["shop_id", "start_time"])
    op.create_index(f"{prefix}ix_enquiry_member", enquiries, ["shop_id", "member_id"])
    op.create_index(f"{prefix}ix_conversation_enquiry", talks, ["shop_id", "enquiry_since"])


def _fill(messages: str, talks: str, enquiries: str) -> None:
    said = _table(
        messages,
        *("id", "shop_id", "member_id", "servicer_id", "type", "automatic", "add_time"),
    )
    talk = _table(talks, "shop_id", "member_id", "last_id", "last_time", "enquiry_since")
    enquiry = _table(enquiries, "shop_id", "member_id", "servicer_id", "start_time", "answer_time")
    # Only a shop without an agent there answers in its own name.
    by_shop = (said.c.type == _AGENT) & (said.c.servicer_id == 0)
    op.execute(sa.update(said).where(by_shop).values(automatic=1))

    before = sa.func.lag(said.c.add_time).over(
        partition_by=(said.c.shop_id, said.c.member_id), order_by=said.c.id
    )
    columns = (said.c.id, said.c.shop_id, said.c.member_id, said.c.type, said.c.add_time)
    row = sa.select(*columns, before.label("earlier")).subquery("said")
    later = _table(messages, *said.c.keys()).alias("later")
    answer = (
        sa.select(later.c.id)
        .where(
            later.c.shop_id == row.c.shop_id,
            later.c.member_id == row.c.member_id,
            later.c.id > row.c.id,
            later.c.type == _AGENT,
            later.c.automatic == 0,
        )
        .order_by(later.c.id)
        .limit(1)
        .scalar_subquery()
    )
    begun = (
        sa.select(row, answer.label("answer_id"))
        .where(
            row.c.type == _CUSTOMER,
            sa.or_(row.c.earlier.is_(None), row.c.add_time - row.c.earlier >= GAP),
        )
        .subquery("begun")
    )
    first = _table(messages, *said.c.keys()).alias("first")
    found = sa.select(
        begun.c.shop_id,
        begun.c.member_id,
        sa.func.coalesce(first.c.servicer_id, 0),
        begun.c.add_time,
        sa.func.coalesce(first.c.add_time, 0),
    ).select_from(begun.outerjoin(first, first.c.id == begun.c.answer_id))
    op.execute(sa.insert(enquiry).from_select(list(enquiry.c), found))

    last = sa.select(said.c.add_time).where(said.c.id == talk.c.last_id).scalar_subquery()
    since = (
        sa.select(sa.func.min(enquiry.c.start_time))
        .where(
            enquiry.c.shop_id == talk.c.shop_id,
            enquiry.c.member_id == talk.c.member_id,
            enquiry.c.answer_time == 0,
        )
        .scalar_subquery()
    )
    op.execute(
        sa.update(talk).values(
            last_time=sa.func.coalesce(last, 0), enquiry_since=sa.func.coalesce(since, 0)
        )
    )


def _table(name: str, *columns: str) -> sa.TableClause:
    return sa.table(name, *(sa.column(column) for column in columns))
