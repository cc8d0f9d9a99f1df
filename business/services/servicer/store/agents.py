"""Agents (``servicer``), their accounts, logins and failed logins."""

from __future__ import annotations

import enum
from collections.abc import Collection
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, bindparam, delete, func, insert, select, update

from .dialects import end_batch, is_embedded
from .tables import account, login_failure, servicer, session


class Role(enum.IntEnum):
    """What an account is for."""

    AGENT = 0
    """Talks to the customers of a shop."""
    SHOP = 1
    """Uses the back office of a shop."""
    PLATFORM = 2
    """Uses the back office of the platform."""


class Agent(NamedTuple):
    """An agent, as others see it. ``uid`` is called servicer_id in the API. Also whoever else has
    an account, which ``role`` tells."""

    uid: int
    site_id: int
    username: str
    nickname: str
    avatar: str
    role: Role
    is_enabled: bool
    is_demo: bool
    is_accepting: bool


class Account(NamedTuple):
    """What a login needs."""

    uid: int
    site_id: int
    password: str
    role: Role
    is_enabled: bool
    is_demo: bool


class Login(NamedTuple):
    """A session: who is logged in, and under which row. The row survives a new cookie."""

    id: int
    uid: int
    expire_time: int


_AGENTS = select(
    account.c.uid,
    account.c.shop_id,
    account.c.username,
    func.coalesce(servicer.c.nickname, ""),
    func.coalesce(servicer.c.avatar, ""),
    account.c.role,
    account.c.status,
    account.c.is_demo,
    servicer.c.accepting,
).select_from(account.outerjoin(servicer, servicer.c.user_id == account.c.uid))
_ACCOUNT = select(
    account.c.uid,
    account.c.shop_id,
    account.c.password,
    account.c.role,
    account.c.status,
    account.c.is_demo,
).where(account.c.username == bindparam("name"))
_LOGIN = select(session.c.id, session.c.uid, session.c.expire_time).where(
    session.c.token_hash == bindparam("hash")
)


def everybody(connection: Connection) -> list[Agent]:
    """Everybody who has an account, or had one."""
    return [
        Agent(
            *row[:5],
            role=Role(row[5]),
            is_enabled=row[6] == 1,
            is_demo=row[7] == 1,
            is_accepting=row[8] == 1,
        )
        for row in connection.execute(_AGENTS)
    ]


def find_account(connection: Connection, username: str) -> Account | None:
    """The account of a user name."""
    row = connection.execute(_ACCOUNT, {"name": username}).first()
    if row is None:
        return None
    return Account(*row[:3], role=Role(row[3]), is_enabled=row[4] == 1, is_demo=row[5] == 1)


def create(
    connection: Connection,
    site_id: int,
    username: str,
    password: str,
    nickname: str,
    now: float,
    *,
    is_demo: bool = False,
    role: Role = Role.AGENT,
    group_id: int = 0,
    avatar: str = "",
) -> int:
    """Make an account, and of an agent what customers see; returns the uid.

    Args:
        site_id: the shop.
        username: not taken yet.
        password: the hash.
        nickname: what customers see.
        now: Unix time.
        is_demo: may log in in demo mode only.
        role: what it is for.
        group_id: the shop's own; 0: none.
        avatar: path or URL of a picture.
    """
    values = {
        "shop_id": site_id,
        "username": username,
        "password": password,
        "is_demo": int(is_demo),
        "role": int(role),
        "group_id": group_id,
        "create_time": int(now),
    }
    made = connection.execute(insert(account), values).inserted_primary_key
    assert made is not None  # noqa: S101 - the table has a primary key
    if role is not Role.AGENT:
        return int(made[0])
    agent = {
        "user_id": made[0],
        "shop_id": site_id,
        "is_platform": int(site_id == 0),
        "nickname": nickname,
        "avatar": avatar,
        "create_time": int(now),
    }
    connection.execute(insert(servicer), agent)
    return int(made[0])


def set_password(connection: Connection, uid: int, password: str) -> None:
    """Store another hash."""
    connection.execute(update(account).where(account.c.uid == uid).values(password=password))


def replace_password(connection: Connection, uid: int, old: str, new: str) -> bool:
    """Store another hash in the place of a certain one. Whether that was still there."""
    mine = (account.c.uid == uid) & (account.c.password == old)
    return connection.execute(update(account).where(mine).values(password=new)).rowcount > 0


# Being there


def lock_accepting(connection: Connection, uids: Collection[int]) -> list[int]:
    """Those of the agents who take new customers; nobody else counts the customers of any of them
    until the transaction ends.

    Must come last of the locks of a unit, and it ends the batch: whoever waits for it waits for
    nothing that comes after it.
    """
    if is_embedded(connection):
        return accepting(connection, uids)
    query = select(servicer.c.user_id, servicer.c.accepting).where(
        servicer.c.user_id.in_(sorted(uids))
    )
    rows = connection.execute(query.order_by(servicer.c.user_id).with_for_update()).all()
    end_batch(connection)
    return [uid for uid, is_accepting in rows if is_accepting]


def accepting(connection: Connection, uids: Collection[int]) -> list[int]:
    """Those of the agents who take new customers while they are connected."""
    query = select(servicer.c.user_id).where(
        servicer.c.user_id.in_(sorted(uids)), servicer.c.accepting == 1
    )
    return [row[0] for row in connection.execute(query.order_by(servicer.c.user_id))]


def accept(connection: Connection, uid: int, is_accepting: bool) -> bool:
    """The agent takes new customers from now on, or no longer; whether that is new."""
    value = int(is_accepting)
    mine = (servicer.c.user_id == uid) & (servicer.c.accepting != value)
    return connection.execute(update(servicer).where(mine).values(accepting=value)).rowcount > 0


def arrive(connection: Connection, uid: int, client_id: str, now: float) -> None:
    """The agent is connected by this socket."""
    _set(connection, servicer.c.user_id == uid, 1, client_id, now)


def arrive_if_gone(connection: Connection, uid: int, client_id: str, now: float) -> bool:
    """The agent is connected by this socket, unless by another already, which makes it false."""
    where = (servicer.c.user_id == uid) & (servicer.c.online == 0)
    return _set(connection, where, 1, client_id, now)


def leave(connection: Connection, uid: int, now: float) -> None:
    """The agent is gone."""
    _set(connection, servicer.c.user_id == uid, 0, "", now)


def replace(connection: Connection, client_id: str, other: str, now: float) -> bool:
    """A socket closed: ``other`` takes its place, "" if there is none. Whether a row named it."""
    where = servicer.c.client_id == client_id
    return bool(client_id) and _set(connection, where, int(bool(other)), other, now)


def online_by_gateway(connection: Connection) -> dict[str, tuple[str, str]]:
    """As ``pairs.online_by_gateway``, of agents."""
    prefix = func.substr(servicer.c.client_id, 1, 12)
    query = select(prefix, func.min(servicer.c.client_id), func.max(servicer.c.client_id))
    rows = connection.execute(query.where(servicer.c.client_id > "").group_by(prefix))
    return {gateway: (first, last) for gateway, first, last in rows}


def online_clients(connection: Connection, gateway_prefix: str) -> list[tuple[str, int]]:
    """Socket and uid of the agents who are online by a socket of one gateway."""
    query = select(servicer.c.client_id, servicer.c.user_id).where(
        servicer.c.online == 1, servicer.c.client_id.like(f"{gateway_prefix}%")
    )
    return [(client_id, uid) for client_id, uid in connection.execute(query)]


def _set(
    connection: Connection, where: ColumnElement[bool], online: int, client_id: str, now: float
) -> bool:
    query = update(servicer).where(where)
    query = query.values(online=online, client_id=client_id, last_online_time=int(now))
    return connection.execute(query).rowcount > 0


# Logins


def find_login(connection: Connection, token_hash: str) -> Login | None:
    """The session of a cookie, expired or not."""
    row = connection.execute(_LOGIN, {"hash": token_hash}).first()
    return None if row is None else Login(*row)


def has_login(connection: Connection, session_id: int) -> bool:
    """Whether a session still exists."""
    query = select(session.c.id).where(session.c.id == session_id)
    return connection.execute(query).first() is not None


def log_in(
    connection: Connection,
    uid: int,
    token_hash: str,
    old_hash: str,
    expire_time: int,
    address: str,
    now: float,
) -> tuple[Login, Login | None]:
    """Make the only session of an agent; the others end.

    Args:
        uid: the agent.
        token_hash: of the new cookie.
        old_hash: of the cookie that this browser had, "" for none: if it is a session of the same
            agent, that session goes on under the new cookie; another's ends.
        expire_time: Unix time.
        address: where from.
        now: Unix time.

    Returns:
        The session, and another's that has ended.
    """
    old = find_login(connection, old_hash) if old_hash else None
    mine = session.c.uid == uid
    if old is not None and old.uid == uid:
        connection.execute(delete(session).where(mine, session.c.id != old.id))
        changes = {"token_hash": token_hash, "expire_time": expire_time, "address": address}
        connection.execute(update(session).where(session.c.id == old.id).values(**changes))
        return Login(old.id, uid, expire_time), None
    if old is not None:
        log_out(connection, old.id)
    connection.execute(delete(session).where(mine | (session.c.expire_time <= int(now))))
    values = {
        "uid": uid,
        "token_hash": token_hash,
        "create_time": int(now),
        "expire_time": expire_time,
        "address": address[:64],
    }
    made = connection.execute(insert(session), values).inserted_primary_key
    assert made is not None  # noqa: S101 - the table has a primary key
    return Login(made[0], uid, expire_time), old


def log_out(connection: Connection, session_id: int) -> None:
    """End a session."""
    connection.execute(delete(session).where(session.c.id == session_id))


def log_out_others(connection: Connection, uid: int, session_id: int) -> None:
    """End an agent's sessions but one."""
    connection.execute(delete(session).where(session.c.uid == uid, session.c.id != session_id))


# Failed logins


def failures(connection: Connection, subjects: Collection[str], since: float) -> dict[str, int]:
    """Failed logins of each subject since a Unix time; those without any are left out."""
    query = (
        select(login_failure.c.subject, func.count())
        .where(
            login_failure.c.subject.in_(list(subjects)), login_failure.c.create_time > int(since)
        )
        .group_by(login_failure.c.subject)
    )
    return {row[0]: row[1] for row in connection.execute(query)}


def add_failure(
    connection: Connection, subjects: Collection[str], now: float, forget: float
) -> None:
    """Note a failed login, and forget those before the Unix time ``forget``."""
    connection.execute(delete(login_failure).where(login_failure.c.create_time <= int(forget)))
    rows = [{"subject": subject, "create_time": int(now)} for subject in subjects]
    connection.execute(insert(login_failure), rows)


def forget_failures(connection: Connection, subject: str) -> None:
    """The account was logged in to."""
    connection.execute(delete(login_failure).where(login_failure.c.subject == subject))
