"""Roles and groups of accounts, captchas, settings of shops, visitors."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import context, op

revision = "0003"
down_revision = "0002"


def _integer(name: str, default: int = 0) -> sa.Column[int]:
    return sa.Column(name, sa.Integer, nullable=False, server_default=str(default))


def _string(name: str, length: int) -> sa.Column[str]:
    return sa.Column(name, sa.String(length), nullable=False, server_default="")


def upgrade() -> None:
    """Make them."""
    prefix: str = context.config.attributes["prefix"]
    account = f"{prefix}servicer_account"
    op.add_column(account, sa.Column("role", sa.SmallInteger, nullable=False, server_default="0"))
    op.add_column(account, _integer("group_id"))
    op.add_column(account, _integer("delete_time"))
    op.create_index(f"{prefix}ix_account_shop", account, ["shop_id"])
    _table(
        f"{prefix}servicer_group",
        sa.Column("group_id", sa.Integer, primary_key=True),
        _integer("site_id"),
        _string("group_name", 50),
        _string("desc", 255),
        _integer("create_time"),
    )
    op.create_index(f"{prefix}ix_group_site", f"{prefix}servicer_group", ["site_id"])
    _table(
        f"{prefix}servicer_config",
        sa.Column("id", sa.Integer, primary_key=True),
        _integer("site_id"),
        _string("config_key", 64),
        sa.Column("value", sa.Text, nullable=False),
    )
    table = f"{prefix}servicer_config"
    op.create_index(f"{prefix}ux_config", table, ["site_id", "config_key"], unique=True)
    _table(
        f"{prefix}servicer_captcha",
        sa.Column("id", sa.String(32), primary_key=True),
        _string("answer", 64),
        _integer("create_time"),
    )
    op.create_index(f"{prefix}ix_captcha_time", f"{prefix}servicer_captcha", ["create_time"])
    _table(
        f"{prefix}servicer_visitor",
        sa.Column("id", sa.Integer, primary_key=True),
        _integer("member_id"),
        _integer("create_time"),
        _integer("merge_time"),
        sqlite_autoincrement=True,
    )


def _table(name: str, *columns: sa.Column[Any], **options: Any) -> None:
    # Texts of all databases compare alike: "a" is not "A", and every character can be stored.
    mysql = {"engine": "InnoDB", "charset": "utf8mb4", "collate": "utf8mb4_bin"}
    options.update({f"mysql_{key}": value for key, value in mysql.items()})
    op.create_table(name, *columns, **options)
