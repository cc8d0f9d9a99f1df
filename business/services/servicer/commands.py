"""Commands of this service: ``start_business.py migrate``, ``create-agent`` and ``import``; see
``business/commands.py``."""

from __future__ import annotations

import asyncio
import getpass
import sys
import time
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import Connection

from business.commands import Command
from shared.errors import KefuError, SettingsError

from .auth import Passwords
from .identity import NAME
from .importer.command import import_shop
from .passwords import check_password
from .store import agents
from .store.agents import Role
from .store.database import Database

if TYPE_CHECKING:
    from shared.settings import Settings

USAGE = "create-agent USERNAME [site=1] [role=agent|shop|platform] [nickname=USERNAME]"

MAX_NAME = 50
"""Characters of a user name and of a nickname."""


class _Wanted(NamedTuple):
    username: str
    site_id: int
    role: Role
    nickname: str


def create_agent(settings: Settings, words: list[str]) -> int:
    """Make an account: of an agent, or of who uses the back office of a shop or of the platform.

    The password is asked for at a terminal, and else read from the first line of standard input:
    arguments can be seen by everybody on the machine.

    Raises:
        SettingsError: the words make no sense, or the password or the name cannot be used.
    """
    wanted = _parse(words, settings.servicer.default_site)
    password = _password()
    reason = check_password(password)
    if reason:
        raise SettingsError(f"create-agent: the password cannot be used: {reason}")
    uid = asyncio.run(_create(settings, wanted, password))
    sys.stdout.write(f"made {wanted.username}, uid {uid}, {wanted.role.name.lower()}\n")
    return 0


def migrate(settings: Settings, words: list[str]) -> int:
    """Bring the schema of the database up to date, one process at a time.

    Raises:
        SettingsError: there are words, or the database cannot be used.
        StoreError: it cannot be reached, or refused.
    """
    if words:
        raise SettingsError("usage: migrate")
    sys.stdout.write(f"{NAME}: {asyncio.run(_migrate(settings.database.url))}\n")
    return 0


async def _migrate(url: str) -> str:
    database = Database(url)
    try:
        return await database.migrate()
    finally:
        await database.close()


COMMANDS = {
    "create-agent": Command(create_agent),
    "import": Command(import_shop),
    "migrate": Command(migrate, every=True),
}


def _parse(words: list[str], default_site: int) -> _Wanted:
    values = dict(word.split("=", 1) for word in words[1:] if "=" in word)
    known = {"site", "role", "nickname"}
    if not words or "=" in words[0] or len(values) != len(words) - 1 or not set(values) <= known:
        raise SettingsError(f"usage: {USAGE}")
    username = words[0].strip()
    nickname = values.get("nickname", username)
    if not 0 < len(username) <= MAX_NAME or len(nickname) > MAX_NAME:
        raise SettingsError(f"create-agent: names have 1 to {MAX_NAME} characters")
    try:
        role = Role[values.get("role", "agent").upper()]
        site_id = 0 if role is Role.PLATFORM else int(values.get("site", default_site))
    except (KeyError, ValueError):
        raise SettingsError(f"usage: {USAGE}") from None
    if site_id < (role is not Role.PLATFORM):
        raise SettingsError(f"usage: {USAGE}")
    return _Wanted(username, site_id, role, nickname)


def _password() -> str:
    if sys.stdin.isatty():
        password = getpass.getpass("password: ")
        if password != getpass.getpass("again: "):
            raise SettingsError("create-agent: the passwords differ")
        return password
    return sys.stdin.readline().rstrip("\r\n")


class _Taken(KefuError):
    """There is an account of that name."""


async def _create(settings: Settings, wanted: _Wanted, password: str) -> int:
    passwords = Passwords()
    database = Database(settings.database.url)
    try:
        hashed = await passwords.hash(password)
        await database.open()

        def unit(connection: Connection) -> int:
            if agents.find_account(connection, wanted.username) is not None:
                raise _Taken(f"create-agent: there is an account {wanted.username} already")
            return agents.create(
                connection,
                wanted.site_id,
                wanted.username,
                hashed,
                wanted.nickname,
                time.time(),
                role=wanted.role,
            )

        return await database.write(unit)
    finally:
        await database.close()
        passwords.close()
