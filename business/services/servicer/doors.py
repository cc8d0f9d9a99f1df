"""Who logs in where: agents, the back offices of shops, and that of the platform."""

from __future__ import annotations

from typing import NamedTuple

from .identity import COOKIE, LOGIN_PATH, NAME
from .store.agents import Role


class Door(NamedTuple):
    """A place to log in. A login of one is none at another.

    Args:
        role: of the accounts that may come in.
        module: first part of its endpoints' paths.
        cookie: name of its session cookie.
        login_path: where those are sent to who are not logged in.
    """

    role: Role
    module: str
    cookie: str
    login_path: str


AGENT = Door(Role.AGENT, "servicer", COOKIE, LOGIN_PATH)
SHOP = Door(Role.SHOP, "shop", f"{COOKIE}_shop", f"/{NAME}/shop/login/login")
PLATFORM = Door(Role.PLATFORM, "admin", f"{COOKIE}_admin", f"/{NAME}/admin/login/login")

DOORS = (AGENT, SHOP, PLATFORM)
