"""Agents' logins: a row in the database and a cookie, good in every business process."""

from __future__ import annotations

import hashlib
import secrets
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import Connection

from .envelope import Refused
from .passwords import MAX_PASSWORD, check_password, is_old
from .store import agents as store
from .store.agents import Account, Agent, Login, Role

if TYPE_CHECKING:
    from .service import Servicer

WRONG = "账号或密码错误"
DISABLED = "该客服账号未启用，请联系管理员"
NO_CAPTCHA = "请输入验证码"
WRONG_CAPTCHA = "验证码错误"
TOO_OFTEN = "登录失败次数过多，请稍后再试"

FAILURE_PERIOD = 900.0
"""Seconds for which a failed login counts."""

ADDRESS_FACTOR = 4
"""Failures that an address may have for each one that an account may: offices share addresses."""

CACHE_LIFE = 2.0
"""Seconds that a login which another process ended may go on here."""

MAX_CACHED = 10_000
MAX_USERNAME = 64


class Visitor(NamedTuple):
    """An agent's request: who, and by which login."""

    agent: Agent
    login: Login


class Sessions:
    """Logs agents in and out, and knows them again.

    Args:
        servicer: the running service.
        lifetime: seconds that a login lasts.
        failures: failed logins per account within ``FAILURE_PERIOD``; 0: no limit.
        captcha_after: failed logins after which a captcha is needed; 0: never.
        is_demo: whether demo accounts may log in.
    """

    def __init__(
        self,
        servicer: Servicer,
        *,
        lifetime: float,
        failures: int,
        captcha_after: int,
        is_demo: bool,
    ) -> None:
        self._servicer = servicer
        self.lifetime = lifetime
        self._failures = failures
        self._captcha_after = captcha_after
        self._is_demo = is_demo
        self._cache: dict[str, tuple[Login | None, float]] = {}
        self._checking: Counter[str] = Counter()

    async def check(
        self,
        username: str,
        password: str,
        address: str,
        role: Role,
        captcha: tuple[str, str] = ("", ""),
    ) -> Account:
        """The account that a user name and a password belong to.

        Args:
            username: what was typed.
            password: what was typed.
            address: where from.
            role: accounts of others do not exist here.
            captcha: id and answer, "" for none.

        Raises:
            Refused: they do not, the account is disabled, or there were too many failures, or so
                many that a captcha is needed.
        """
        username = username[:MAX_USERNAME]
        subject = f"u:{username}"
        self._checking[subject] += 1
        try:
            return await self._check(username, password, address, role, captcha)
        finally:
            self._checking[subject] -= 1
            if not self._checking[subject]:
                del self._checking[subject]

    async def _check(
        self, username: str, password: str, address: str, role: Role, captcha: tuple[str, str]
    ) -> Account:
        servicer = self._servicer
        now = servicer.now()
        weights = {f"u:{username}": 1, f"a:{address}": ADDRESS_FACTOR}
        is_counted = bool(self._failures or self._captcha_after)

        def query(connection: Connection) -> tuple[Account | None, dict[str, int]]:
            since = now - FAILURE_PERIOD
            return (
                store.find_account(connection, username),
                store.failures(connection, weights, since) if is_counted else {},
            )

        account, failed = await servicer.database.read(query)
        # Guesses that are sent together are no failures yet, but each may become one.
        failed[f"u:{username}"] = (
            failed.get(f"u:{username}", 0) + self._checking[f"u:{username}"] - 1
        )

        def has_had(failures: int) -> bool:
            counts = ((failed.get(subject, 0), weight) for subject, weight in weights.items())
            return failures > 0 and any(count >= failures * weight for count, weight in counts)

        if has_had(self._failures):
            raise Refused(TOO_OFTEN)
        if has_had(self._captcha_after):
            await self._check_captcha(*captcha)
        if account is not None and (
            account.role is not role or (account.is_demo and not self._is_demo)
        ):
            account = None
        hashed = None if account is None else account.password
        password = password[:MAX_PASSWORD]
        is_right = await servicer.passwords.is_right(password, hashed, may_be_old=True)
        if account is None or not is_right:
            forget = now - FAILURE_PERIOD
            await servicer.database.write(lambda c: store.add_failure(c, weights, now, forget))
            raise Refused(WRONG)
        if not account.is_enabled:
            raise Refused(DISABLED)
        better = await servicer.passwords.hash(password) if is_old(account.password) else None

        def unit(connection: Connection) -> bool:
            store.forget_failures(connection, f"u:{username}")
            return better is None or store.replace_password(
                connection, account.uid, account.password, better
            )

        if not await servicer.database.write(unit):
            raise Refused(WRONG)  # it was used or changed meanwhile, and is good no more
        return account

    async def _check_captcha(self, captcha_id: str, answer: str) -> None:
        if not captcha_id or not answer:
            raise Refused(NO_CAPTCHA)
        if not await self._servicer.captchas.is_right(captcha_id[:MAX_USERNAME], answer):
            raise Refused(WRONG_CAPTCHA)

    async def log_in(
        self, uid: int, old_token: str, address: str
    ) -> tuple[str, Login, Login | None]:
        """Begin a login; the agent's logins of other browsers end.

        Args:
            uid: the agent.
            old_token: the cookie that came with the request, "" for none. If it is this agent's,
                that login goes on under a new cookie; another's ends.
            address: where from.

        Returns:
            The new cookie's value, the login, and another's that has ended.
        """
        token = secrets.token_urlsafe(32)
        now = self._servicer.now()
        expire_time = int(now + self.lifetime)
        old_hash = _hash(old_token) if old_token else ""
        login, ended = await self._servicer.database.write(
            lambda connection: store.log_in(
                connection, uid, _hash(token), old_hash, expire_time, address, now
            )
        )
        self._cache.clear()
        return token, login, ended

    async def change_password(self, visitor: Visitor, old: str, new: str) -> None:
        """Change an agent's password; the agent's other logins end.

        Raises:
            Refused: the old one is wrong, or the new one is no good.
        """
        servicer = self._servicer
        if reason := check_password(new):
            raise Refused(reason)
        agent = visitor.agent
        account = await servicer.database.read(lambda c: store.find_account(c, agent.username))
        hashed = None if account is None else account.password
        if not await servicer.passwords.is_right(old[:MAX_PASSWORD], hashed):
            raise Refused("原密码错误")
        changed = await servicer.passwords.hash(new)

        def unit(connection: Connection) -> None:
            store.set_password(connection, agent.uid, changed)
            store.log_out_others(connection, agent.uid, visitor.login.id)

        await servicer.database.write(unit)
        self._cache.clear()

    async def find(self, token: str, role: Role) -> Visitor | None:
        """Who of that role a cookie's value belongs to; None: nobody who is logged in."""
        if not token:
            return None
        hashed = _hash(token)
        now = self._servicer.now()
        login, until = self._cache.get(hashed, (None, 0.0))
        if until <= now:
            login = await self._servicer.database.read(lambda c: store.find_login(c, hashed))
            if len(self._cache) >= MAX_CACHED:
                self._cache.clear()
            if login is not None:
                self._cache[hashed] = (login, now + CACHE_LIFE)
        if login is None or login.expire_time <= now:
            return None
        directory = self._servicer.directory
        agent = await directory.get(login.uid)
        if agent is None:  # another process has just made the account
            directory.forget()
            agent = await directory.get(login.uid)
        if agent is None or not agent.is_enabled or agent.role is not role:
            return None
        return Visitor(agent, login)

    def forget(self) -> None:
        """Somebody's logins have ended."""
        self._cache.clear()

    async def log_out(self, token: str) -> Login | None:
        """End the login of a cookie. Idempotent; returns the login that ended."""
        if not token:
            return None
        hashed = _hash(token)

        def unit(connection: Connection) -> Login | None:
            login = store.find_login(connection, hashed)
            if login is not None:
                store.log_out(connection, login.id)
            return login

        login = await self._servicer.database.write(unit)
        self._cache.pop(hashed, None)
        return login


def _hash(token: str) -> str:
    # The token has 256 bits of its own: no salt and no slow hash needed.
    return hashlib.sha256(token.encode()).hexdigest()
