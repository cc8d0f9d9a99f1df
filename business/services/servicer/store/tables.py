"""The tables (CONTRACT 6), and those of our own. Times are Unix seconds, UTC, unless said so.

A change here needs a migration in ``migrations/versions``; a test compares the two.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Date,
    Index,
    Integer,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
    Time,
)

from ..identity import TABLE_PREFIX as PREFIX

metadata = MetaData()

VERSION_TABLE = f"{PREFIX}servicer_version"
"""Where Alembic keeps the revision of the schema."""

_BIG = BigInteger().with_variant(Integer, "sqlite")


def _integer(name: str, default: int = 0) -> Column[int]:
    return Column(name, Integer, nullable=False, server_default=str(default))


def _flag(name: str, default: int = 0) -> Column[int]:
    return Column(name, SmallInteger, nullable=False, server_default=str(default))


def _string(name: str, length: int) -> Column[str]:
    return Column(name, String(length), nullable=False, server_default="")


servicer = Table(
    f"{PREFIX}servicer",
    metadata,
    Column("id", Integer, primary_key=True),
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
    _flag("accepting", 1),
    Index(f"{PREFIX}ux_servicer_user", "user_id", unique=True),
    Index(f"{PREFIX}ix_servicer_client", "client_id"),
)
"""Agents as the chat shows them; ``user_id`` is the uid of the account, their name everywhere.
``accepting``: whether the agent takes new customers while connected."""

member = Table(
    f"{PREFIX}servicer_member",
    metadata,
    Column("id", Integer, primary_key=True),
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
    Column("disconnect_due", BigInteger, nullable=False, server_default="0"),
    Index(f"{PREFIX}ux_member_servicer", "member_id", "servicer_id", unique=True),
    Index(f"{PREFIX}ix_member_servicer_online", "servicer_id", "online"),
    Index(f"{PREFIX}ix_member_client", "client_id"),
    Index(f"{PREFIX}ix_member_shop", "shop_id", "member_id"),
    Index(f"{PREFIX}ix_member_due", "disconnect_due"),
)
"""Pairs of a customer and an agent. ``disconnect_due``: milliseconds, when the agent is told that
the customer is gone; 0: nothing to tell."""

dialogue = Table(
    f"{PREFIX}servicer_dialogue",
    metadata,
    Column("id", _BIG, primary_key=True, autoincrement=True),
    _integer("member_id"),
    _integer("servicer_id"),
    Column("create_day", Date, nullable=False),
    Column("create_time", Time, nullable=False),
    _flag("content_type"),
    _flag("read"),
    _integer("shop_id"),
    _integer("goods_sku_id"),
    _integer("order_id"),
    Column("consumer_say", Text, nullable=False),
    Column("servicer_say", Text, nullable=False),
    _flag("type"),
    _integer("add_time"),
    _string("relate_data", 3000),
    Column("content", Text, nullable=False),
    Column("message", Text, nullable=False),
    Column("prev_id", _BIG, nullable=False, server_default="0"),
    _flag("recalled"),
    _flag("automatic"),
    Index(f"{PREFIX}index_create_day", "create_day"),
    Index(f"{PREFIX}ix_dialogue_conversation", "shop_id", "member_id", "id"),
    Index(f"{PREFIX}ix_dialogue_time", "shop_id", "add_time", "id"),
    Index(f"{PREFIX}ix_dialogue_unread", "shop_id", "type", "read", "member_id"),
    Index(f"{PREFIX}ix_dialogue_member_unread", "member_id", "type", "read", "shop_id"),
    sqlite_autoincrement=True,
)
"""Messages. ``prev_id``: the message before it in the conversation (member, shop); 0: the first.
Ids are never used again, because clients ask for what came after the last that they have.
``recalled``: taken back by who said it; of what it said nothing is left. ``automatic``: what the
shop answered to a keyword by itself."""

conversation = Table(
    f"{PREFIX}servicer_conversation",
    metadata,
    Column("id", Integer, primary_key=True),
    _integer("shop_id"),
    _integer("member_id"),
    _integer("servicer_id"),
    Column("last_id", _BIG, nullable=False, server_default="0"),
    _integer("member_time"),
    _integer("create_time"),
    _string("member_name", 64),
    _string("headimg", 255),
    Column("waiting_id", _BIG, nullable=False, server_default="0"),
    _integer("silent_since"),
    _integer("last_time"),
    _integer("enquiry_since"),
    Index(f"{PREFIX}ux_conversation", "shop_id", "member_id", unique=True),
    Index(f"{PREFIX}ix_conversation_last", "shop_id", "last_id"),
    Index(f"{PREFIX}ix_conversation_member", "member_id", "last_id"),
    Index(f"{PREFIX}ix_conversation_waiting", "shop_id", "waiting_id"),
    Index(f"{PREFIX}ix_conversation_silent", "shop_id", "silent_since"),
    Index(f"{PREFIX}ix_conversation_enquiry", "shop_id", "enquiry_since"),
)
"""One row per (shop, member): what a write locks. ``servicer_id``: the last agent; ``last_id``: the
last message; ``member_time``: when the member last arrived or spoke, 0: never; ``waiting_id``: the
first message that was stored while nobody was there and that no agent has got yet, 0: none;
``silent_since``: when the member came while nobody was there, 0: somebody has come since;
``last_time``: when the last message was said; ``enquiry_since``: start of the first enquiry that no
agent has answered yet, 0: none."""

enquiry = Table(
    f"{PREFIX}servicer_enquiry",
    metadata,
    Column("id", Integer, primary_key=True),
    _integer("shop_id"),
    _integer("member_id"),
    _integer("servicer_id"),
    _integer("start_time"),
    _integer("answer_time"),
    Index(f"{PREFIX}ix_enquiry_time", "shop_id", "start_time"),
    Index(f"{PREFIX}ix_enquiry_member", "shop_id", "member_id"),
)
"""What ``enquiries.py`` says: when a customer began to ask for something, and when ``servicer_id``
first answered; 0: nobody yet."""

tally = Table(
    f"{PREFIX}servicer_tally",
    metadata,
    *(
        Column(name, Integer, primary_key=True, autoincrement=False)
        for name in ("shop_id", "start_time", "type", "automatic", "servicer_id")
    ),
    _integer("messages"),
    _integer("members"),
)
"""What was said on the days that are over, by who said it (``statistics.py``). ``start_time``: when
the day began, so that days of another time zone are others; ``members``: how many customers it was
said by or to. A day has a row of its customers, or was not counted yet."""

keyword_reply = Table(
    f"{PREFIX}servicer_keyword_reply",
    metadata,
    Column("id", Integer, primary_key=True),
    _integer("site_id"),
    _string("keyword", 50),
    _flag("content_type"),
    Column("content", Text, nullable=False),
    _flag("is_use", 1),
    _integer("create_time"),
    Index(f"{PREFIX}ux_keyword_reply", "site_id", "keyword", unique=True),
)
"""What customers who say exactly ``keyword`` are answered with at once."""

fast_reply = Table(
    f"{PREFIX}servicer_fast_reply",
    metadata,
    Column("id", Integer, primary_key=True),
    _integer("site_id"),
    _string("content", 255),
    _integer("create_time"),
    Index(f"{PREFIX}ix_fast_reply", "site_id"),
)
"""What agents of a site often say, to be chosen from."""

account = Table(
    f"{PREFIX}servicer_account",
    metadata,
    Column("uid", Integer, primary_key=True),
    _integer("shop_id"),
    _string("username", 64),
    _string("password", 255),
    _flag("status", 1),
    _flag("is_demo"),
    _integer("create_time"),
    _flag("role"),
    _integer("group_id"),
    _integer("delete_time"),
    Index(f"{PREFIX}ux_account_username", "username", unique=True),
    Index(f"{PREFIX}ix_account_shop", "shop_id"),
    sqlite_autoincrement=True,
)
"""Who may log in. ``status`` 1: enabled. ``is_demo``: only in demo mode. ``role``: number of a
``Role``. Rows of who was deleted stay, for the names in old messages."""

group = Table(
    f"{PREFIX}servicer_group",
    metadata,
    Column("group_id", Integer, primary_key=True),
    _integer("site_id"),
    _string("group_name", 50),
    _string("desc", 255),
    _integer("create_time"),
    Index(f"{PREFIX}ix_group_site", "site_id"),
)
"""Groups that a shop puts its agents into. They mean nothing to the chat."""

config = Table(
    f"{PREFIX}servicer_config",
    metadata,
    Column("id", Integer, primary_key=True),
    _integer("site_id"),
    _string("config_key", 64),
    Column("value", Text, nullable=False),
    Index(f"{PREFIX}ux_config", "site_id", "config_key", unique=True),
)
"""What back offices have set: JSON by shop (0: the platform) and key."""

captcha = Table(
    f"{PREFIX}servicer_captcha",
    metadata,
    Column("id", String(32), primary_key=True),
    _string("answer", 64),
    _integer("create_time"),
    Index(f"{PREFIX}ix_captcha_time", "create_time"),
)
"""Captchas that wait to be answered. ``answer``: SHA-256 of id and answer."""

visitor = Table(
    f"{PREFIX}servicer_visitor",
    metadata,
    Column("id", Integer, primary_key=True),
    _integer("member_id"),
    _integer("create_time"),
    _integer("merge_time"),
    sqlite_autoincrement=True,
)
"""Customers who are not logged in; their member ids are ``id`` + 1,000,000,000. ``member_id``: whom
they turned out to be, 0: nobody yet."""

session = Table(
    f"{PREFIX}servicer_session",
    metadata,
    Column("id", Integer, primary_key=True),
    _integer("uid"),
    _string("token_hash", 64),
    _integer("create_time"),
    _integer("expire_time"),
    _string("address", 64),
    Index(f"{PREFIX}ux_session_token", "token_hash", unique=True),
    Index(f"{PREFIX}ix_session_uid", "uid"),
    sqlite_autoincrement=True,
)
"""Logins. ``token_hash``: SHA-256 of the cookie's value, which is stored nowhere."""

login_failure = Table(
    f"{PREFIX}servicer_login_failure",
    metadata,
    Column("id", Integer, primary_key=True),
    _string("subject", 100),
    _integer("create_time"),
    Index(f"{PREFIX}ix_login_failure", "subject", "create_time"),
)
"""Failed logins by account (``u:name``) and by address (``a:address``)."""

sent = Table(
    f"{PREFIX}servicer_sent",
    metadata,
    Column("sender", String(32), primary_key=True),
    Column("client_msg_id", String(64), primary_key=True),
    Column("dialogue_id", _BIG, nullable=False),
    _flag("reached"),
    _integer("create_time"),
    Index(f"{PREFIX}ix_sent_time", "create_time"),
)
"""Messages that may be sent again: the first result by sender and the sender's own id of it."""

imported = Table(
    f"{PREFIX}servicer_imported",
    metadata,
    Column("kind", String(16), primary_key=True),
    Column("old_id", _BIG, primary_key=True, autoincrement=False),
    Column("new_id", _BIG, nullable=False),
    Index(f"{PREFIX}ix_imported_new", "kind", "new_id"),
)
"""Ids here of what was imported under another, and of all imported agents."""
