"""Accounts: made with a command, of three roles, each with a door of its own."""

from __future__ import annotations

import pytest

from .accounts import PASSWORD, Office, create
from .support import Desk


async def test_accounts_of_every_role(desk: Desk) -> None:
    """Each logs in at its own door, and at no other."""
    made = [
        await create(desk, "dora", "site=2", "nickname=Dora"),
        await create(desk, "sam", "role=shop"),
        await create(desk, "pat", "role=platform"),
    ]
    assert [code for code, _ in made] == [0, 0, 0], made
    assert made[0][1].startswith("made dora, uid ")
    rows = desk.rows(
        "SELECT username, shop_id, role FROM servicer_account"
        " WHERE username IN ('dora', 'sam', 'pat') ORDER BY uid"
    )
    assert [tuple(row.values()) for row in rows] == [("dora", 2, 0), ("sam", 1, 1), ("pat", 0, 2)]
    assert not desk.rows("SELECT 1 FROM servicer_account WHERE password LIKE ?", f"%{PASSWORD}%")
    for module, username in (("servicer", "dora"), ("shop", "sam"), ("admin", "pat")):
        for door in ("servicer", "shop", "admin"):
            office = Office(desk, door, username)
            async with office.browser:
                answer = await office.login()
                assert (answer["code"] == 0) == (door == module), (username, door)
                if door != module:
                    assert answer["message"] == "账号或密码错误"
    async with Office(desk, "shop", "sam") as sam:
        url = "/servicer/servicer/index/index"
        async with sam.browser.get(url, allow_redirects=False) as response:
            assert response.status == 302  # a login of one door is none at another
        url = "/servicer/shop/login/logout"
        async with sam.browser.get(url, allow_redirects=False) as response:
            assert response.headers["Location"] == "/servicer/shop/login/login"


@pytest.mark.parametrize(
    ("words", "password", "code", "text"),
    [
        ((), PASSWORD, 3, "usage: create-agent USERNAME"),
        (("x", "site=0"), PASSWORD, 3, "usage"),
        (("x", "site=one"), PASSWORD, 3, "usage"),
        (("x", "role=king"), PASSWORD, 3, "usage"),
        (("x", "y"), PASSWORD, 3, "usage"),
        (("x" * 51,), PASSWORD, 3, "names have 1 to 50 characters"),
        (("x",), "short", 3, "密码长度不能少于6位"),
        (("alice",), PASSWORD, 1, "there is an account alice already"),
    ],
)
async def test_what_create_agent_refuses(
    desk: Desk, words: tuple[str, ...], password: str, code: int, text: str
) -> None:
    """In one line."""
    found, printed = await create(desk, *words, password=password)
    assert (found, printed.count("\n")) == (code, 1), printed
    assert text in printed
