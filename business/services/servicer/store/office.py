"""What back offices read and change. Everything is of one shop, which every statement names."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    Table,
    delete,
    func,
    insert,
    select,
    update,
)

from .agents import Role, find_account
from .tables import account, config, fast_reply, group, keyword_reply, servicer, session

Row = dict[str, Any]

SERVICER_CONFIG = "SERVICER_CONFIG"
"""Key of what the platform has set."""

SHOP_CONFIG = "SRRVICER_ROOT_CONFIG"
"""Key of what a shop has set, spelled as ever."""

WIDGET_CONFIG = "WIDGET_CONFIG"
"""Key of how a shop has its chat look."""


def _page(
    connection: Connection, query: Select[Any], order: Any, offset: int, limit: int
) -> tuple[list[Row], int]:
    """Rows of a page, the newest first, and how many there are on all."""
    count = connection.execute(select(func.count()).select_from(query.subquery())).scalar_one()
    rows = connection.execute(query.order_by(order.desc()).offset(offset).limit(limit)).mappings()
    return [dict(row) for row in rows], count


# Agents


def _of_shop(site_id: int) -> ColumnElement[bool]:
    return (
        (account.c.shop_id == site_id)
        & (account.c.role == int(Role.AGENT))
        & (account.c.delete_time == 0)
    )


def agents(
    connection: Connection,
    site_id: int,
    *,
    nickname: str = "",
    username: str = "",
    status: int | None = None,
    offset: int = 0,
    limit: int = 10,
) -> tuple[list[Row], int]:
    """A page of a shop's agents, and how many there are.

    Args:
        site_id: the shop.
        nickname: a part of it; "": any.
        username: likewise.
        status: 1 enabled, 0 not; None: both.
        offset: rows before the page.
        limit: rows of the page.
    """
    query = (
        select(
            account.c.uid,
            account.c.username,
            account.c.shop_id,
            account.c.status,
            account.c.group_id,
            account.c.create_time,
            func.coalesce(group.c.group_name, "").label("group_name"),
            func.coalesce(servicer.c.nickname, "").label("nickname"),
            func.coalesce(servicer.c.avatar, "").label("avatar"),
            func.coalesce(servicer.c.online, 0).label("online"),
            func.coalesce(servicer.c.last_online_time, 0).label("last_online_time"),
        )
        .select_from(
            account.outerjoin(servicer, servicer.c.user_id == account.c.uid).outerjoin(
                group, (group.c.group_id == account.c.group_id) & (group.c.site_id == site_id)
            )
        )
        .where(_of_shop(site_id))
    )
    if nickname:
        query = query.where(servicer.c.nickname.contains(nickname, autoescape=True))
    if username:
        query = query.where(account.c.username.contains(username, autoescape=True))
    if status is not None:
        query = query.where(account.c.status == status)
    return _page(connection, query, account.c.uid, offset, limit)


def is_agent(connection: Connection, site_id: int, uid: int) -> bool:
    """Whether somebody is an agent of a shop."""
    query = select(account.c.uid).where(_of_shop(site_id), account.c.uid == uid)
    return connection.execute(query).first() is not None


def is_taken(connection: Connection, username: str) -> bool:
    """Whether there is an account of that name, of whatever shop."""
    return find_account(connection, username) is not None


def edit_agent(
    connection: Connection,
    uid: int,
    of_account: Mapping[str, Any],
    of_agent: Mapping[str, Any],
) -> None:
    """Change columns of an agent's account, and of what customers see."""
    if of_account:
        connection.execute(update(account).where(account.c.uid == uid).values(**of_account))
    if of_agent:
        connection.execute(update(servicer).where(servicer.c.user_id == uid).values(**of_agent))


def delete_agent(connection: Connection, uid: int, now: float) -> None:
    """Let nobody log in as an agent any more; the user name is free. What was said stays."""
    # No user name begins with a space: they are stripped.
    values = {"status": 0, "delete_time": int(now), "username": f" deleted {uid}"}
    of_agent = {"delete_time": int(now), "online": 0, "client_id": ""}
    edit_agent(connection, uid, values, of_agent)
    log_out(connection, uid)


def log_out(connection: Connection, uid: int) -> None:
    """End all logins of an account."""
    connection.execute(delete(session).where(session.c.uid == uid))


# Groups


def groups(
    connection: Connection, site_id: int, search: str, offset: int, limit: int
) -> tuple[list[Row], int]:
    """A page of a shop's groups, and how many there are. ``search``: a part of the name."""
    query = select(group).where(group.c.site_id == site_id)
    if search:
        query = query.where(group.c.group_name.contains(search, autoescape=True))
    return _page(connection, query, group.c.group_id, offset, limit)


def has_group(connection: Connection, site_id: int, group_id: int) -> bool:
    """Whether a shop has a group; 0 is none, which every shop has."""
    query = select(group.c.group_id).where(group.c.site_id == site_id, group.c.group_id == group_id)
    return group_id == 0 or connection.execute(query).first() is not None


def delete_group(connection: Connection, site_id: int, group_id: int) -> bool:
    """Delete a group; its agents are in none then. Whether it was there."""
    mine = (group.c.site_id == site_id) & (group.c.group_id == group_id)
    if not connection.execute(delete(group).where(mine)).rowcount:
        return False
    members = (account.c.shop_id == site_id) & (account.c.group_id == group_id)
    connection.execute(update(account).where(members).values(group_id=0))
    return True


def edit_group(
    connection: Connection, site_id: int, group_id: int, values: Mapping[str, Any]
) -> bool:
    """Change a group. Whether it is there."""
    if group_id <= 0 or not has_group(connection, site_id, group_id):
        return False
    mine = (group.c.site_id == site_id) & (group.c.group_id == group_id)
    connection.execute(update(group).where(mine).values(**values))
    return True


# Keyword replies and quick replies


def keywords(
    connection: Connection, site_id: int, search: str, offset: int, limit: int
) -> tuple[list[Row], int]:
    """A page of a shop's keywords, and how many there are. ``search``: a part of the keyword."""
    query = select(keyword_reply).where(keyword_reply.c.site_id == site_id)
    if search:
        query = query.where(keyword_reply.c.keyword.contains(search, autoescape=True))
    return _page(connection, query, keyword_reply.c.id, offset, limit)


def has_keyword(connection: Connection, site_id: int, keyword: str, but: int = 0) -> bool:
    """Whether a shop has a keyword, in another row than ``but``."""
    query = select(keyword_reply.c.id).where(
        keyword_reply.c.site_id == site_id,
        keyword_reply.c.keyword == keyword,
        keyword_reply.c.id != but,
    )
    return connection.execute(query).first() is not None


def add_keyword(connection: Connection, values: Mapping[str, Any]) -> int | None:
    """Store a keyword reply; returns its id, None where its shop has that keyword.

    Of two that are stored at once the index lets one through; the other finds it then, because the
    unit is run again.
    """
    if has_keyword(connection, values["site_id"], values["keyword"]):
        return None
    return add(connection, keyword_reply, values)


def edit_keyword(
    connection: Connection, site_id: int, row_id: int, values: Mapping[str, Any]
) -> bool | None:
    """Change a keyword reply. Whether it is there, None where another has that keyword."""
    if has_keyword(connection, site_id, values["keyword"], but=row_id):
        return None
    return edit(connection, keyword_reply, site_id, row_id, values)


def fast_replies(
    connection: Connection, site_id: int, search: str, offset: int, limit: int
) -> tuple[list[Row], int]:
    """A page of a shop's quick replies, and how many there are. ``search``: a part of one."""
    query = select(fast_reply).where(fast_reply.c.site_id == site_id)
    if search:
        query = query.where(fast_reply.c.content.contains(search, autoescape=True))
    return _page(connection, query, fast_reply.c.id, offset, limit)


def add(connection: Connection, table: Table, values: Mapping[str, Any]) -> int:
    """Store a new row; returns its key."""
    made = connection.execute(insert(table).values(**values)).inserted_primary_key
    assert made is not None  # noqa: S101 - the tables here have a key
    return int(made[0])


def edit(
    connection: Connection, table: Table, site_id: int, row_id: int, values: Mapping[str, Any]
) -> bool:
    """Change a row of a shop, by its column ``id``. Whether it is there."""
    mine = (table.c.site_id == site_id) & (table.c.id == row_id)
    if connection.execute(select(table.c.id).where(mine)).first() is None:
        return False
    connection.execute(update(table).where(mine).values(**values))
    return True


def edit_all(
    connection: Connection,
    table: Table,
    site_id: int,
    ids: Collection[int],
    values: Mapping[str, Any],
) -> None:
    """Change rows of a shop. Others among the ids are left alone."""
    mine = (table.c.site_id == site_id) & table.c.id.in_(list(ids))
    connection.execute(update(table).where(mine).values(**values))


def delete_all(connection: Connection, table: Table, site_id: int, ids: Collection[int]) -> None:
    """Delete rows of a shop. Others among the ids are left alone."""
    mine = (table.c.site_id == site_id) & table.c.id.in_(list(ids))
    connection.execute(delete(table).where(mine))


# Settings


def get_config(connection: Connection, site_id: int, key: str) -> dict[str, Any]:
    """What was set; {} where nothing was. ``site_id`` 0 is the platform."""
    query = select(config.c.value).where(config.c.site_id == site_id, config.c.config_key == key)
    found = connection.execute(query).scalar()
    value = json.loads(found) if found else {}
    return value if isinstance(value, dict) else {}


def set_config(connection: Connection, site_id: int, key: str, value: Mapping[str, Any]) -> None:
    """Set it, in place of what was set before."""
    mine = (config.c.site_id == site_id) & (config.c.config_key == key)
    text = json.dumps(dict(value), ensure_ascii=False)
    connection.execute(delete(config).where(mine))
    values = {"site_id": site_id, "config_key": key, "value": text}
    connection.execute(insert(config).values(**values))
