"""Keyword replies, quick replies, and what lists of conversations need."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import context, op

revision = "0002"
down_revision = "0001"

_BIG = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def _integer(name: str, default: int = 0) -> sa.Column[int]:
    return sa.Column(name, sa.Integer, nullable=False, server_default=str(default))


def _flag(name: str, default: int = 0) -> sa.Column[int]:
    return sa.Column(name, sa.SmallInteger, nullable=False, server_default=str(default))


def _string(name: str, length: int) -> sa.Column[str]:
    return sa.Column(name, sa.String(length), nullable=False, server_default="")


def upgrade() -> None:
    """Make the tables and columns, and fill the columns of conversations that are there."""
    prefix: str = context.config.attributes["prefix"]
    _replies(prefix)
    table = f"{prefix}servicer_conversation"
    op.add_column(table, _string("member_name", 64))
    op.add_column(table, _string("headimg", 255))
    op.add_column(table, sa.Column("waiting_id", _BIG, nullable=False, server_default="0"))
    op.create_index(f"{prefix}ix_conversation_waiting", table, ["shop_id", "waiting_id"])
    _fill(prefix)


def _replies(prefix: str) -> None:
    _table(
        f"{prefix}servicer_keyword_reply",
        sa.Column("id", sa.Integer, primary_key=True),
        _integer("site_id"),
        _string("keyword", 50),
        _flag("content_type"),
        sa.Column("content", sa.Text, nullable=False),
        _flag("is_use", 1),
        _integer("create_time"),
    )
    name = f"{prefix}ix_keyword_reply"
    op.create_index(name, f"{prefix}servicer_keyword_reply", ["site_id", "keyword"])
    _table(
        f"{prefix}servicer_fast_reply",
        sa.Column("id", sa.Integer, primary_key=True),
        _integer("site_id"),
        _string("content", 255),
        _integer("create_time"),
    )
    op.create_index(f"{prefix}ix_fast_reply", f"{prefix}servicer_fast_reply", ["site_id"])


def _fill(prefix: str) -> None:
    talk = _of(prefix, "conversation", "shop_id", "member_id", "servicer_id", "last_id")
    talk.append_column(sa.Column("member_name"))
    talk.append_column(sa.Column("headimg"))
    talk.append_column(sa.Column("waiting_id"))
    pair = _of(prefix, "member", "shop_id", "member_id", "member_name", "headimg")
    said = _of(prefix, "dialogue", "id", "shop_id", "member_id", "servicer_id", "type")

    def known(column: sa.ColumnElement[Any], table: sa.Table, empty: Any, *more: Any) -> Any:
        same = [table.c.shop_id == talk.c.shop_id, table.c.member_id == talk.c.member_id]
        return sa.func.coalesce(sa.select(column).where(*same, *more).scalar_subquery(), empty)

    names = {
        "member_name": known(sa.func.max(pair.c.member_name), pair, ""),
        "headimg": known(sa.func.max(pair.c.headimg), pair, ""),
    }
    op.execute(sa.update(talk).values(**names))
    first = known(sa.func.min(said.c.id), said, 0, said.c.servicer_id == 0, said.c.type == 0)
    nobody = (talk.c.servicer_id == 0) & (talk.c.last_id > 0)
    op.execute(sa.update(talk).where(nobody).values(waiting_id=first))


def _of(prefix: str, name: str, *columns: str) -> sa.Table:
    return sa.Table(f"{prefix}servicer_{name}", sa.MetaData(), *map(sa.Column, columns))


def _table(name: str, *columns: sa.Column[Any]) -> None:
    # Texts of all databases compare alike: "a" is not "A", and every character can be stored.
    mysql = {"engine": "InnoDB", "charset": "utf8mb4", "collate": "utf8mb4_bin"}
    options: dict[str, Any] = {f"mysql_{key}": value for key, value in mysql.items()}
    op.create_table(name, *columns, **options)
