"""A keyword once per shop; what an import remembers."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import context, op

revision = "0005"
down_revision = "0004"

_BIG = sa.BigInteger().with_variant(sa.Integer, "sqlite")

_WIDTH = 50
"""Characters of a keyword."""


def upgrade() -> None:
    """Settle keywords that a shop has several times, then make the index and the table."""
    prefix: str = context.config.attributes["prefix"]
    replies = f"{prefix}servicer_keyword_reply"
    _settle(replies)
    op.create_table(
        f"{prefix}servicer_imported",
        sa.Column("kind", sa.String(16), primary_key=True),
        sa.Column("old_id", _BIG, primary_key=True, autoincrement=False),
        sa.Column("new_id", _BIG, nullable=False),
        mysql_engine="InnoDB",
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
    )
    op.create_index(f"{prefix}ix_imported_new", f"{prefix}servicer_imported", ["kind", "new_id"])
    op.drop_index(f"{prefix}ix_keyword_reply", replies)
    op.create_index(f"{prefix}ux_keyword_reply", replies, ["site_id", "keyword"], unique=True)


def _settle(name: str) -> None:
    """Of several rows of a keyword keep the latest in use. Another with the same text says nothing
    that is not said; one with another text is put out of use, under a name that shows why."""
    names = ("id", "site_id", "keyword", "content", "is_use")
    table = sa.table(name, *(sa.column(column) for column in names))
    rows = op.get_bind().execute(sa.select(table)).all()
    rows = sorted(rows, key=lambda row: (row.is_use == 1, row.id), reverse=True)
    # MySQL's indexes do not see spaces at the end.
    taken = {(row.site_id, row.keyword.rstrip(" ")) for row in rows}
    kept: dict[tuple[int, str], str] = {}
    for row in rows:
        key = row.site_id, row.keyword.rstrip(" ")
        mine = table.c.id == row.id
        if key not in kept:
            kept[key] = row.content
        elif kept[key] == row.content:
            op.execute(sa.delete(table).where(mine))
        else:
            other = _other(key, row.id, taken)
            op.execute(sa.update(table).where(mine).values(keyword=other, is_use=0))


def _other(key: tuple[int, str], row_id: int, taken: set[tuple[int, str]]) -> str:
    """A keyword that the shop does not have yet."""
    site_id, keyword = key
    count = 0
    while True:
        ending = f"（重复{row_id}{f'-{count}' if count else ''}）"
        other = keyword[: _WIDTH - len(ending)] + ending
        if (site_id, other) not in taken:
            taken.add((site_id, other))
            return other
        count += 1
