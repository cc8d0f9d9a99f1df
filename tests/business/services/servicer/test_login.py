"""Agents log in and out."""

from __future__ import annotations

import pytest

from .support import CLOSED, SETTINGS, Desk, together

LOGIN = "/servicer/servicer/login/login"


@pytest.mark.parametrize(
    ("username", "password"),
    [("alice", "wrong"), ("nobody", "demo"), ("", ""), ("alice", ""), ("a" * 9999, "b" * 99999)],
)
async def test_a_wrong_password_is_refused(desk: Desk, username: str, password: str) -> None:
    """Whoever it is, in the same words."""
    params = {"username": username, "password": password}
    async with desk.http.post(LOGIN, data=params) as response:
        answer = await response.json()
        assert (answer["code"], answer["message"], answer["msg"]) == (
            -1, "账号或密码错误", "账号或密码错误",
        )  # fmt: skip
        assert "Set-Cookie" not in response.headers


async def test_who_is_not_logged_in_is_sent_to_the_login_page(desk: Desk) -> None:
    """Also a script's request."""
    for path in ("index/index", "chat/answer", "INDEX/getMember.html"):
        url = f"/servicer/servicer/{path}"
        async with desk.http.post(url, allow_redirects=False) as response:
            assert (response.status, response.headers["Location"]) == (302, LOGIN)
    async with desk.http.get(LOGIN + ".html") as response:
        assert response.status == 200
        assert response.content_type == "text/html"
        assert 'id="app"' in await response.text()


async def test_the_cookie_is_kept_from_scripts_and_other_sites(desk: Desk) -> None:
    """HttpOnly, SameSite=Lax, the whole site, no Secure without TLS."""
    params = {"username": "bob", "password": "demo"}
    async with desk.http.post(LOGIN, data=params) as response:
        cookie = response.cookies["kefu_servicer"]
    assert (cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, "Lax", "/")
    assert not cookie["secure"]
    assert len(cookie.value) >= 43  # 256 bits
    [row] = desk.rows("SELECT token_hash FROM servicer_session WHERE uid = 2")
    assert cookie.value not in row["token_hash"]


async def test_an_account_that_was_just_made(desk: Desk) -> None:
    """By another process: it is good at once, also where the agents were looked up before."""
    async with desk.agent("alice", bind=False) as alice:
        await alice.call("index/me")
    columns = "shop_id, password, create_time"
    desk.execute(
        f"INSERT INTO servicer_account (username, {columns})"
        f" SELECT 'newcomer', {columns} FROM servicer_account WHERE username = 'alice'"
    )
    async with desk.agent("newcomer", bind=False) as newcomer:
        assert (await newcomer.call("index/me"))["data"]["username"] == "newcomer"


async def test_another_browser_forces_the_first_out(own_desk: Desk) -> None:
    """``force_offline``, no session, no pushes: the second login has everything."""
    async with own_desk.agent("alice") as first, own_desk.customer() as customer:
        await customer.bind()
        await first.receive("connect")
        async with own_desk.agent("alice") as second:
            assert await first.receive("force_offline") == {"servicer_id": first.uid}
            await customer.call("say", message="who hears this?", servicer_id=first.uid)
            assert (await second.receive("string"))["message"] == "who hears this?"
            await first.nothing()
            assert (await first.raw("index/index"))[0] == 302
            # The old console reconnects, binds in vain, then navigates to the logout.
            assert (await first.raw("chat/bind", client_id=first.client_id))[0] == 302
            async with first.browser.get("/servicer/servicer/login/logout") as response:
                assert response.status == 200
            assert (await second.call("index/index"))["code"] == 0
            [row] = own_desk.rows("SELECT online, client_id FROM servicer WHERE user_id = 1")
            assert row == {"online": 1, "client_id": second.client_id}


async def test_the_same_browser_forces_nobody_out(own_desk: Desk) -> None:
    """A second login in it goes on with the first one's session, under a new cookie."""
    async with own_desk.agent("alice") as first:
        async with own_desk.agent("alice", browser=first.browser) as second:
            await first.nothing()
            assert (await first.call("index/index"))["code"] == 0
            assert (await second.call("index/index"))["code"] == 0
    assert len(own_desk.rows("SELECT id FROM servicer_session")) == 1


async def test_another_agent_in_the_same_browser(own_desk: Desk) -> None:
    """The first one's login ends: nobody is given to a page that would answer as somebody else."""
    async with own_desk.agent("alice") as alice, own_desk.customer() as customer:
        await customer.bind()
        await alice.receive("connect")
        async with own_desk.agent("bob", browser=alice.browser) as bob:
            await own_desk.until(
                lambda: own_desk.rows(
                    "SELECT 1 FROM servicer WHERE user_id = ? AND online = 0", alice.uid
                )
            )
            counted = await customer.call("hasServicers", site_id=1)
            assert counted["data"]["online_count"] == 1
            await customer.call("say", message="hello", servicer_id=alice.uid)
            await bob.receive("connect")
            assert (await bob.receive("string"))["servicer_id"] == bob.uid
            await alice.nothing()
    assert len(own_desk.rows("SELECT id FROM servicer_session")) == 1


async def test_logging_out(own_desk: Desk) -> None:
    """The session ends, and its sockets get nothing any more."""
    async with own_desk.agent("alice") as alice, own_desk.customer() as customer:
        url = "/servicer/servicer/login/logout"
        async with alice.browser.get(url, allow_redirects=False) as response:
            assert (response.status, response.headers["Location"]) == (302, LOGIN)
        assert (await alice.raw("index/index"))[0] == 302
        await own_desk.until(
            lambda: own_desk.rows("SELECT 1 FROM servicer WHERE user_id=1 AND online=0") or None
        )
        assert (await customer.bind())["message"] == "客服不在线"


async def test_other_sites_cannot_act_for_an_agent(desk: Desk) -> None:
    """What changes something needs what only a script of the own site can send."""
    async with desk.agent("alice") as alice:
        bye = "/servicer/servicer/chat/bye"
        cookie = {c.key: c.value for c in alice.browser.cookie_jar}
        foreign: list[dict[str, str]] = [
            {},
            {"Sec-Fetch-Site": "cross-site"},
            {"Sec-Fetch-Site": "same-site"},
            {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Dest": "image"},
        ]
        for headers in foreign:
            headers = {"X-Requested-With": "", **headers}
            async with desk.http.get(bye, headers=headers, cookies=cookie) as response:
                assert response.status == 403
                assert (await response.json())["code"] == -1
        own = {"X-Requested-With": "", "Sec-Fetch-Site": "same-origin", "Sec-Fetch-Dest": "empty"}
        async with desk.http.get(bye, headers=own, cookies=cookie) as response:
            assert (await response.json())["msg"] == "下线成功"


class TestFailures:
    """With few failed logins allowed."""

    @pytest.fixture
    def settings(self) -> dict[str, object]:
        return dict(CLOSED)

    async def test_guessing_is_stopped(self, own_desk: Desk) -> None:
        """For that account, and at four times as many for that address."""
        async with own_desk.agent("bob", bind=False) as bob:
            for _ in range(3):
                assert (await bob.login("wrong"))["message"] == "账号或密码错误"
            assert (await bob.login("demo"))["message"] == "登录失败次数过多，请稍后再试"
        async with own_desk.agent("alice", bind=False) as alice:
            alice.username = "x"
            for i in range(9):
                alice.username = f"guess{i}"
                await alice.login("wrong")
            alice.username = "alice"
            assert (await alice.login())["message"] == "登录失败次数过多，请稍后再试"

    async def test_guesses_that_are_sent_together_are_as_many(self, own_desk: Desk) -> None:
        """Before the first of them is known to be wrong, the others count."""
        async with own_desk.agent("bob", bind=False) as bob:
            answers = await together(*(bob.login(f"wrong{i}") for i in range(20)))
            tried = [a for a in answers if a["message"] == "账号或密码错误"]
            assert len(tried) <= 3
            assert len(own_desk.rows("SELECT 1 FROM servicer_login_failure")) == 2 * len(tried)


class TestNoDemo:
    """Outside demo mode."""

    @pytest.fixture
    def settings(self) -> dict[str, object]:
        return {**SETTINGS, "demo": False}

    async def test_demo_accounts_and_tokens_are_gone(self, own_desk: Desk) -> None:
        """Also where demo mode has filled the database before."""
        params = {"username": "alice", "password": "demo"}
        async with own_desk.http.post(LOGIN, data=params) as response:
            assert (await response.json())["message"] == "账号或密码错误"
        for path in ("/demo", "/demo/token", "/demo/shop", "/upload/demo/goods_1.svg"):
            assert (await own_desk.get(path, member_id=1))[0] == 404
        stack = own_desk.stack
        await stack.business.kill()
        await stack.start_business(demo=True)
        async with own_desk.http.post(LOGIN, data=params) as response:
            assert (await response.json())["code"] == 0
        await stack.business.kill()
        await stack.start_business()
        async with own_desk.http.post(LOGIN, data=params) as response:
            assert (await response.json())["message"] == "账号或密码错误"
