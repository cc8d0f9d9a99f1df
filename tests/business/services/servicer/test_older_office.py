"""What the back offices of older versions call: agents by another name, and what was said."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest_asyncio

from .accounts import PASSWORD, Office, create
from .support import Customer, Desk


@pytest_asyncio.fixture
async def shop(desk: Desk) -> AsyncIterator[Office]:
    """The back office of site 1."""
    if not desk.rows("SELECT 1 FROM servicer_account WHERE username = 'boss'"):
        assert (await create(desk, "boss", "role=shop"))[0] == 0
        assert (await create(desk, "king", "role=platform"))[0] == 0
        assert (await create(desk, "other", "role=shop", "site=2"))[0] == 0
    async with Office(desk, "shop", "boss") as office:
        yield office


def agent_row(desk: Desk, uid: int) -> dict[str, Any]:
    query = (
        "SELECT s.nickname, s.avatar, a.status FROM servicer s JOIN servicer_account a"
        " ON a.uid = s.user_id WHERE a.uid = ?"
    )
    return desk.rows(query, uid)[0]


async def test_agents_come_go_and_come_back(desk: Desk, shop: Office) -> None:
    """Who is let go is logged out at once, and may be let in again."""
    uid = (await shop.data("servicer/add", username="dan", password=PASSWORD))["uid"]
    async with Office(desk, "servicer", "dan") as dan:
        assert (await dan.raw("index/me"))[0] == 200
        await shop.data("setting/delServicer", servicer_id=uid)
        assert (await dan.raw("index/me"))[0] == 302
        assert await dan.refused("login/login", username="dan", password=PASSWORD)
        await shop.data("setting/addServicer", user_id=uid, nick_name="Dan", type=1)
        assert (await dan.login())["code"] == 0
    await shop.data("setting/setHead", servicer_id=uid, head_img="upload/1/dan.png")
    expected = {"nickname": "Dan", "avatar": "upload/1/dan.png", "status": 1}
    assert agent_row(desk, uid) == expected
    assert await shop.refused("setting/setHead", servicer_id=uid, head_img="javascript:x")
    assert await shop.refused("setting/addServicer", user_id=uid, nick_name=" ")
    assert agent_row(desk, uid) == expected


async def test_agents_of_others_cannot_be_changed(desk: Desk, shop: Office) -> None:
    """Nor accounts that are no agents."""
    ids = desk.rows("SELECT uid, username FROM servicer_account")
    uids = {row["username"]: row["uid"] for row in ids}
    for name in ("carol", "boss", "king"):
        uid = uids[name]
        before = desk.rows("SELECT * FROM servicer_account WHERE uid = ?", uid)
        assert await shop.refused("setting/delServicer", servicer_id=uid) == "客服不存在"
        assert await shop.refused("setting/setHead", servicer_id=uid) == "客服不存在"
        refused = await shop.refused("setting/addServicer", user_id=uid, nick_name="x")
        assert refused == "客服不存在"
        assert desk.rows("SELECT * FROM servicer_account WHERE uid = ?", uid) == before
    assert await shop.refused("setting/delServicer", servicer_id=0) == "客服不存在"


async def say(customer: Customer, *texts: str) -> None:
    for text in texts:
        await customer.call("say", message=text, site_id=1)


async def test_what_was_said(desk: Desk, shop: Office) -> None:
    """To who has the back office of that shop, or of the platform where it is the default one."""
    async with desk.customer() as customer:
        await say(customer, "one", "two", "three")
        member_id = customer.member_id
    async with Office(desk, "admin", "king") as king, Office(desk, "shop", "other") as other:
        for office in (shop, king):
            rows = (await office.data("query/index", page=0, limit=1))["list"]
            assert [(r["member_id"], r["content"]) for r in rows] == [(member_id, "three")]
            found = await office.data("query/index", search_text=f"会员{member_id}")
            assert (found["count"], found["page_count"]) == (1, 1)
            part = await office.data("query/getChatlogs", member_id=member_id, page=2, limit=2)
            assert (part["count"], part["page_count"]) == (3, 2)
            assert [row["content"] for row in part["list"]] == ["one"]
            part = await office.data("query/getChatlogs", member_id=member_id)
            assert [row["content"] for row in part["list"]] == ["three", "two", "one"]
            last = await office.data("query/getChatlogs", member_id=member_id, page=9)
            assert last["list"] == []
            assert await office.refused("query/getChatlogs") == "没有指定会员"
        assert (await other.data("query/index"))["list"] == []
        for wrong in (member_id, 0, "x"):
            text = await other.refused("query/getChatlogs", member_id=wrong)
            assert text == "没有指定会员"


async def test_only_back_offices_are_let_in(desk: Desk, shop: Office) -> None:
    """Agents, customers, and the back office of another kind are sent to the login."""
    async with desk.agent("alice", bind=False) as alice, desk.customer() as customer:
        for module, paths in {
            "shop": ("setting/addServicer", "setting/delServicer", "setting/setHead"),
            "admin": ("query/index", "query/getChatlogs"),
        }.items():
            for path in (*paths, "query/index"):
                url = f"/servicer/{module}/{path}"
                for browser in (alice.browser, desk.http):
                    params = {"token": customer.token}
                    async with browser.post(url, data=params, allow_redirects=False) as response:
                        assert response.status == 302, url
        async with shop.browser.post("/servicer/admin/query/index", allow_redirects=False) as no:
            assert no.status == 302
        headers = {"X-Requested-With": "", "Sec-Fetch-Site": "cross-site"}
        url = "/servicer/shop/setting/delServicer"
        async with shop.browser.post(url, data={"servicer_id": 1}, headers=headers) as no:
            assert no.status == 403


async def test_the_page_of_histories_leads_to_the_new_one(desk: Desk) -> None:
    """And wants no login of its own."""
    for path in ("index/history", "index/history.html"):
        async with desk.http.get(f"/servicer/servicer/{path}", allow_redirects=False) as response:
            assert (response.status, response.headers["Location"]) == (
                302,
                "/servicer/console#/history",
            )
