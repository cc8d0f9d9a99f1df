"""The first tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import context, op

revision = "0001"
down_revision = None

_BIG = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def _integer(name: str, default: int = 0) -> sa.Column[int]:
    return sa.Column(name, sa.Integer, nullable=False, server_default=str(default))


def _flag(name: str, default: int = 0) -> sa.Column[int]:
    return sa.Column(name, sa.SmallInteger, nullable=False, server_default=str(default))


def _string(name: str, length: int) -> sa.Column[str]:
    return sa.Column(name, sa.String(length), nullable=False, server_default="")


def upgrade() -> None:
    """Make them."""
    prefix: str = context.config.attributes["prefix"]
    _people(prefix)
    _talk(prefix)
    _logins(prefix)


def _people(prefix: str) -> None:
    op.create_table(
        f"{prefix}servicer",
        sa.Column("id", sa.Integer, primary_key=True),
        _flag("is_platform", 1),
        _integer("shop_id"),
        _integer("user_id"),
        _integer("create_time"),
        _integer("last_online_time"),
        _integer("delete_time"),
        _string("client_id", 64),
        _flag("online"),
        _string("nickname", 50),
        _string("avatar", 500),
    )
    _index(prefix, "ux_servicer_user", "servicer", "user_id", unique=True)
    _index(prefix, "ix_servicer_client", "servicer", "client_id")
    op.create_table(
        f"{prefix}servicer_member",
        sa.Column("id", sa.Integer, primary_key=True),
        _integer("member_id"),
        _integer("servicer_id"),
        _string("member_name", 64),
        _flag("online"),
        _integer("create_time"),
        _integer("last_online_time"),
        _integer("delete_time"),
        _string("headimg", 255),
        _string("client_id", 64),
        _integer("shop_id"),
        sa.Column("disconnect_due", sa.BigInteger, nullable=False, server_default="0"),
    )
    table = "servicer_member"
    _index(prefix, "ux_member_servicer", table, "member_id", "servicer_id", unique=True)
    _index(prefix, "ix_member_servicer_online", table, "servicer_id", "online")
    _index(prefix, "ix_member_client", table, "client_id")
    _index(prefix, "ix_member_shop", table, "shop_id", "member_id")
    _index(prefix, "ix_member_due", table, "disconnect_due")


def _talk(prefix: str) -> None:
    op.create_table(
        f"{prefix}servicer_dialogue",
        sa.Column("id", _BIG, primary_key=True, autoincrement=True),
        _integer("member_id"),
        _integer("servicer_id"),
        sa.Column("create_day", sa.Date, nullable=False),
        sa.Column("create_time", sa.Time, nullable=False),
        _flag("content_type"),
        _flag("read"),
        _integer("shop_id"),
        _integer("goods_sku_id"),
        _integer("order_id"),
        sa.Column("consumer_say", sa.Text, nullable=False),
        sa.Column("servicer_say", sa.Text, nullable=False),
        _flag("type"),
        _integer("add_time"),
        _string("relate_data", 3000),
        sa.Column("content", sa.Text, nullable=False),
        sa.Column("message", sa.Text, nullable=False),
        sa.Column("prev_id", _BIG, nullable=False, server_default="0"),
        sqlite_autoincrement=True,
    )
    table = "servicer_dialogue"
    _index(prefix, "index_create_day", table, "create_day")
    _index(prefix, "ix_dialogue_conversation", table, "shop_id", "member_id", "id")
    _index(prefix, "ix_dialogue_unread", table, "shop_id", "type", "read", "member_id")
    _index(prefix, "ix_dialogue_member_unread", table, "member_id", "type", "read", "shop_id")
    op.create_table(
        f"{prefix}servicer_conversation",
        sa.Column("id", sa.Integer, primary_key=True),
        _integer("shop_id"),
        _integer("member_id"),
        _integer("servicer_id"),
        sa.Column("last_id", _BIG, nullable=False, server_default="0"),
        _integer("member_time"),
        _integer("create_time"),
    )
    table = "servicer_conversation"
    _index(prefix, "ux_conversation", table, "shop_id", "member_id", unique=True)
    _index(prefix, "ix_conversation_last", table, "shop_id", "last_id")
    _index(prefix, "ix_conversation_member", table, "member_id", "last_id")
    op.create_table(
        f"{prefix}servicer_sent",
        sa.Column("sender", sa.String(32), primary_key=True),
        sa.Column("client_msg_id", sa.String(64), primary_key=True),
        sa.Column("dialogue_id", _BIG, nullable=False),
        _flag("reached"),
        _integer("create_time"),
    )
    _index(prefix, "ix_sent_time", "servicer_sent", "create_time")


def _logins(prefix: str) -> None:
    op.create_table(
        f"{prefix}servicer_account",
        sa.Column("uid", sa.Integer, primary_key=True),
        _integer("shop_id"),
        _string("username", 64),
        _string("password", 255),
        _flag("status", 1),
        _flag("is_demo"),
        _integer("create_time"),
        sqlite_autoincrement=True,
    )
    _index(prefix, "ux_account_username", "servicer_account", "username", unique=True)
    op.create_table(
        f"{prefix}servicer_session",
        sa.Column("id", sa.Integer, primary_key=True),
        _integer("uid"),
        _string("token_hash", 64),
        _integer("create_time"),
        _integer("expire_time"),
        _string("address", 64),
        sqlite_autoincrement=True,
    )
    _index(prefix, "ux_session_token", "servicer_session", "token_hash", unique=True)
    _index(prefix, "ix_session_uid", "servicer_session", "uid")
    op.create_table(
        f"{prefix}servicer_login_failure",
        sa.Column("id", sa.Integer, primary_key=True),
        _string("subject", 100),
        _integer("create_time"),
    )
    _index(prefix, "ix_login_failure", "servicer_login_failure", "subject", "create_time")


def _index(prefix: str, name: str, table: str, *columns: str, unique: bool = False) -> None:
    op.create_index(f"{prefix}{name}", f"{prefix}{table}", list(columns), unique=unique)
