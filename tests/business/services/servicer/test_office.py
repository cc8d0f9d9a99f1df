"""The back offices: agents, groups, keywords, quick replies, settings, each of one shop."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from tests.support.stack import Stack

from .accounts import PASSWORD, Office, create
from .support import Desk, together


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def accounts(shared_stack: Stack) -> AsyncIterator[None]:
    """Of two shops and of the platform."""
    async with Desk(shared_stack) as desk:
        made = await together(
            create(desk, "sam", "role=shop"),
            create(desk, "sue", "role=shop", "site=2"),
            create(desk, "pat", "role=platform"),
        )
        assert [code for code, _ in made] == [0, 0, 0], made
        yield


@pytest_asyncio.fixture
async def sam(desk: Desk, accounts: None) -> AsyncIterator[Office]:
    """Of shop 1."""
    async with Office(desk, "shop", "sam") as office:
        yield office


@pytest_asyncio.fixture
async def sue(desk: Desk, accounts: None) -> AsyncIterator[Office]:
    """Of shop 2."""
    async with Office(desk, "shop", "sue") as office:
        yield office


async def add(office: Office, username: str, **more: Any) -> int:
    """Make an agent; returns the uid."""
    data = await office.data("servicer/add", username=username, password=PASSWORD, **more)
    assert isinstance(data["uid"], int)
    return data["uid"]


async def names(office: Office, path: str, name: str, **params: Any) -> list[Any]:
    """One column of a list."""
    return [row[name] for row in (await office.data(path, **params))["list"]]


async def test_agents_come_and_go(desk: Desk, sam: Office) -> None:
    """Added, found, changed, locked out, let in again, let go."""
    uid = await add(sam, " erin ", nickname="Erin 100%", avatar="upload/1/common/a.png")
    found = await sam.data("servicer/index", search_type="u.username", search_text="eri")
    assert (found["count"], found["page_count"]) == (1, 1)
    [row] = found["list"]
    expected = {
        "uid": uid, "username": "erin", "nickname": "Erin 100%", "avatar": "upload/1/common/a.png",
        "status": 1, "group_id": 0, "group_name": "", "shop_id": 1, "online": 0,
    }  # fmt: skip
    assert {name: row[name] for name in expected} == expected
    assert "password" not in row
    for text, count in (("100%", 1), ("1%0", 0), ("_", 0)):
        found = await sam.data("servicer/index", search_type="s.nickname", search_text=text)
        assert found["count"] == count, text
    assert uid in await names(sam, "servicer/index", "uid", search_keys="Erin")

    group_id = (await sam.data("group/add", group_name="Early", desc="till noon"))["group_id"]
    assert await sam.data("servicer/edit", uid=uid, group_id=group_id, nickname="Erin") == ""
    [row] = (await sam.data("servicer/index", search_text="Erin"))["list"]
    assert (row["group_name"], row["nickname"], row["status"]) == ("Early", "Erin", 1)
    assert row["avatar"] == "upload/1/common/a.png"
    assert await sam.refused("servicer/edit", uid=uid, group_id=10**6) == "分组不存在"

    async with desk.customer() as customer:
        browser = desk.browser()
        async with browser, desk.agent("bob", browser=browser, bind=False) as erin:
            erin.username = "erin"
            assert (await erin.login(PASSWORD))["code"] == 0
            assert (await erin.bind())["code"] == 0
            assert (await customer.bind())["data"]["servicer_id"] == uid
            await erin.receive("connect")
            await sam.data("servicer/modifyUserStatus", uid=uid, status=0)
            assert await erin.receive("force_offline") == {"servicer_id": uid}
            assert (await erin.raw("index/index"))[0] == 302
            assert (await erin.login(PASSWORD))["message"] == "该客服账号未启用，请联系管理员"
            assert uid in await names(sam, "servicer/index", "uid", status="0")
            assert uid not in await names(sam, "servicer/index", "uid", status="1")
            assert (await customer.bind())["message"] == "客服不在线"
            await sam.data("servicer/modifyUserStatus", uid=uid, status=1)
            await sam.data("servicer/modifyPassword", uid=uid, password="another one")
            assert (await erin.login(PASSWORD))["message"] == "账号或密码错误"
            assert (await erin.login("another one"))["code"] == 0
            await sam.data("servicer/delete", uid=uid)
            assert (await erin.raw("index/index"))[0] == 302
            assert (await erin.login("another one"))["message"] == "账号或密码错误"
    assert uid not in await names(sam, "servicer/index", "uid")
    assert await sam.refused("servicer/delete", uid=uid) == "客服不存在"
    assert await add(sam, "erin") != uid


@pytest.mark.parametrize(
    ("params", "text"),
    [
        ({}, "参数错误"),
        ({"username": "x" * 51, "password": PASSWORD}, "参数错误"),
        ({"username": "x"}, "密码长度不能少于6位"),
        ({"username": "x", "password": "12345"}, "密码长度不能少于6位"),
        ({"username": "alice", "password": PASSWORD}, "账号已存在"),
        ({"username": "carol", "password": PASSWORD}, "账号已存在"),
        ({"username": "x", "password": PASSWORD, "avatar": "javascript:x"}, "地址格式不正确"),
        ({"username": "x", "password": PASSWORD, "group_id": "77777"}, "分组不存在"),
        ({"username": "x", "password": PASSWORD, "group_id": "x"}, "分组不存在"),
    ],
)
async def test_agents_that_cannot_be(sam: Office, params: dict[str, str], text: str) -> None:
    """And no password is ever made up."""
    assert await sam.refused("servicer/add", **params) == text
    assert await sam.refused("servicer/modifyPassword", uid=1) == "密码长度不能少于6位"


async def test_groups(sam: Office) -> None:
    """Listed in pages; the agents of one that goes are in none."""
    ids = [(await sam.data("group/add", group_name=f"G{i}"))["group_id"] for i in range(3)]
    found = await sam.data("group/index", page=1, page_size=2, search_keys="G")
    assert (found["count"], found["page_count"], len(found["list"])) == (3, 2, 2)
    assert (await sam.data("group/index", page=9, search_keys="G"))["list"] == []
    uid = await add(sam, "gus", group_id=ids[0])
    await sam.data("group/edit", group_id=ids[0], group_name="H", desc="x")
    assert await names(sam, "group/index", "desc", search_keys="H") == ["x"]
    for group_id in ids:
        await sam.data("group/delete", group_id=group_id)
    assert await sam.refused("group/delete", group_id=ids[0]) == "分组不存在"
    assert await sam.refused("group/edit", group_id=0, group_name="x") == "分组不存在"
    assert await sam.refused("group/add", group_name=" ") == "参数错误"
    [row] = (await sam.data("servicer/index", search_type="u.username", search_text="gus"))["list"]
    assert (row["group_id"], row["group_name"]) == (0, "")
    await sam.data("servicer/delete", uid=uid)


async def test_keywords(desk: Desk, sam: Office) -> None:
    """What is added is answered; what is duplicate is refused; what is off is quiet."""
    made = await sam.data("keyword/add", keyword=" 发货时间 ", content="<b>两天</b>", is_use=1)
    again = await sam.refused("keyword/add", keyword="发货时间", content="x")
    assert again == "关键词重复"
    other = (await sam.data("keyword/add", keyword="退款", content="七天"))["id"]
    twice = {"id": other, "keyword": "发货时间", "content": "x", "is_use": 1}
    assert await sam.refused("keyword/edit", **twice) == "关键词重复"
    await sam.data("keyword/edit", id=other, keyword="退款", content="十天", is_use=1)
    assert await names(sam, "keyword/index", "content", search_text="退") == ["十天"]
    async with desk.customer() as customer:
        await customer.bind()

        async def replies() -> list[str]:
            rows = (await customer.call("dialogs", limit=50))["data"]["list"]
            return [row["servicer_say"] for row in rows if row["type"] == 1]

        await customer.call("say", message="<p>发货时间</p>")
        assert await replies() == ["<p>两天</p>"]
        await sam.data("keyword/changeUse", ids=f"{made['id']},{other}", is_use=0)
        await customer.call("say", message="退款")
        assert len(await replies()) == 1
    await sam.data("keyword/delete", ids=f" {made['id']} , {other}")
    assert await names(sam, "keyword/index", "id") == []
    for ids in ("", "x", "1,-2", ",", "1;2"):
        assert await sam.refused("keyword/delete", ids=ids) == "参数错误"
    bad = [
        {"keyword": "", "content": "x"},
        {"keyword": "x", "content": ""},
        {"keyword": "x" * 51, "content": "x"},
        {"keyword": "x", "content": "x", "is_use": "2"},
    ]
    for params in bad:
        assert await sam.refused("keyword/add", **params) == "参数错误"
    assert await sam.refused("keyword/edit", id=10**6, keyword="y", content="y") == "数据不存在"


async def test_quick_replies(desk: Desk, sam: Office) -> None:
    """The agents of the shop are offered them."""
    made = [(await sam.data("fast/add", content=f"您好{i}"))["id"] for i in range(3)]
    await sam.data("fast/edit", id=made[0], content="欢迎")
    assert await names(sam, "fast/index", "content", search_text="欢") == ["欢迎"]
    async with desk.agent("alice", bind=False) as alice:
        offered = (await alice.call("config/fastlist"))["data"]
        assert [row["content"] for row in offered] == ["欢迎", "您好1", "您好2"]
    await sam.data("fast/delete", ids=",".join(map(str, made)))
    assert await names(sam, "fast/index", "id") == []
    assert await sam.refused("fast/add", content="x" * 256) == "参数错误"
    assert await sam.refused("fast/edit", id=made[0], content="x") == "数据不存在"


async def test_no_shop_reaches_into_another(desk: Desk, sam: Office, sue: Office) -> None:
    """Whatever ids it sends, and whatever site_id."""
    uid = await add(sam, "ivy")
    group_id = (await sam.data("group/add", group_name="mine"))["group_id"]
    keyword = (await sam.data("keyword/add", keyword="mine", content="mine"))["id"]
    fast = (await sam.data("fast/add", content="mine"))["id"]
    before = [
        desk.rows(f"SELECT * FROM servicer_{table}")
        for table in ("account", "group", "keyword_reply", "fast_reply", "config")
    ]
    here = {"site_id": 1, "shop_id": 1}
    for path in ("servicer/index", "group/index", "keyword/index", "fast/index"):
        for column in ("shop_id", "site_id"):
            rows = (await sue.data(path, **here))["list"]
            assert {row.get(column, 2) for row in rows} <= {2}
    refused = [
        await sue.refused("servicer/edit", uid=uid, nickname="x", **here),
        await sue.refused("servicer/delete", uid=uid, **here),
        await sue.refused("servicer/modifyUserStatus", uid=uid, status=0, **here),
        await sue.refused("servicer/modifyPassword", uid=uid, password="x" * 9, **here),
        await sue.refused("servicer/add", username="y", password="x" * 9, group_id=group_id),
        await sue.refused("group/edit", group_id=group_id, group_name="x", **here),
        await sue.refused("group/delete", group_id=group_id, **here),
        await sue.refused("keyword/edit", id=keyword, keyword="z", content="z", **here),
        await sue.refused("fast/edit", id=fast, content="z", **here),
    ]
    assert set(refused) == {"客服不存在", "分组不存在", "数据不存在"}
    await sue.data("keyword/delete", ids=keyword, **here)
    await sue.data("keyword/changeUse", ids=keyword, is_use=0, **here)
    await sue.data("fast/delete", ids=fast, **here)
    # Nor the accounts of back offices, not even their own shop's.
    [admin] = desk.rows("SELECT uid FROM servicer_account WHERE username = 'sue'")
    assert await sue.refused("servicer/delete", uid=admin["uid"]) == "客服不存在"
    after = [
        desk.rows(f"SELECT * FROM servicer_{table}")
        for table in ("account", "group", "keyword_reply", "fast_reply", "config")
    ]
    assert after == before
    await sue.data("keyword/add", keyword="mine", content="hers")  # no duplicate: another shop


async def test_settings(desk: Desk, sam: Office, sue: Office) -> None:
    """Of a shop, and of the platform; each sees its own."""
    default = {"type": "system", "applet": "", "third": "", "socket_url": ""}
    assert (await sam.data("config/config"))["value"] == default
    third = {
        "type": "third",
        "third": "https://chat.example/x",
        "socket_url": "wss://a.example/wss",
    }
    await sam.data("config/config", **third)
    assert (await sam.data("config/config"))["value"] == default | third
    assert (await sue.data("config/config"))["value"] == default
    assert await sam.refused("config/config", type="other") == "参数错误"
    for bad in ("javascript:alert(1)", "https://", 'https://x/"><script>', "http://[", "x"):
        assert await sam.refused("config/config", type="third", third=bad) == "地址格式不正确"
    async with Office(desk, "admin", "pat") as pat:
        assert (await pat.data("config/config"))["value"] == {"web_socket": ""}
        await pat.data("config/config", web_socket="wss://kefu.example/wss")
        found = await pat.data("config/config")
        assert found["value"] == {"web_socket": "wss://kefu.example/wss"}
        assert await pat.refused("config/config", web_socket="http://x") == "地址格式不正确"
        assert (await pat.raw("servicer/index"))[0] == 404
        wrong = {"old_pass": "wrong", "new_pass": "long enough"}
        assert await pat.refused("login/modifyPassword", **wrong) == "原密码错误"
        await pat.data("login/modifypassword", old_pass=PASSWORD, new_pass="long enough")
        assert (await pat.login("long enough"))["code"] == 0


async def test_who_may_not(desk: Desk, sam: Office) -> None:
    """Nobody without a login, no agent, no page of another site."""
    for path in ("servicer/index", "group/add", "config/config"):
        url = f"/servicer/shop/{path}"
        async with desk.http.post(url, allow_redirects=False) as response:
            assert response.status == 302
            assert response.headers["Location"] == "/servicer/shop/login/login"
        async with desk.agent("alice", bind=False) as alice:
            async with alice.browser.post(url, allow_redirects=False) as response:
                assert response.status == 302
    foreign = {"X-Requested-With": "", "Sec-Fetch-Site": "cross-site"}
    url = "/servicer/shop/servicer/delete"
    async with sam.browser.post(url, data={"uid": 1}, headers=foreign) as response:
        assert response.status == 403
