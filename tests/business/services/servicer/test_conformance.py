"""The checklist of the contract (CONTRACT 9), item by item, through sockets and HTTP.

Each item is looked at from all sides elsewhere; here is one compact test of each, in the order of
the list, against one running installation with two business processes.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import signal
import time
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlencode

import aiohttp
import pytest
import pytest_asyncio
from websockets.exceptions import ConnectionClosed

from tests.support import ws
from tests.support.stack import Stack
from tests.support.timing import SECOND, TIMEOUT, eventually

from .support import SETTINGS, Agent, Customer, Desk, Page, members, sign
from .template import Template
from .test_html import CORPUS, Watcher

HEARTBEAT = 2.0
"""Seconds after which a gateway or a worker that says nothing counts as lost."""

RECONNECT = 10.0
"""Seconds that the agents' console waits before each of its five tries."""

CUSTOMER = [
    f"api/chat/{action}"
    for action in (
        "hasServicers", "bind", "siteInfo", "orderDetail", "goodSkuDetial", "say", "dialogs", "bye",
        "servicerList", "chatList", "setRead", "chatimg", "keyword",
    )
]  # fmt: skip
AGENT = [
    f"servicer/{path}"
    for path in (
        "login/captcha", "login/modifypassword", "index/index", "index/getMember", "index/dialogs",
        "index/historyMembers", "index/unreadMembers", "index/memberList", "chat/bind",
        "chat/siteInfo", "chat/orderDetail", "chat/goodSkuDetial", "chat/answer",
        "chat/bindMember", "chat/closeMember", "chat/bye", "message/lists", "message/setRead",
        "member/info", "goods/lists", "goods/detail", "goods/memberGoodsBrowse", "order/lists",
        "order/detail", "order/memberOrderGoodsList", "config/config", "config/fastlist",
        "upload/upload", "upload/video",
    )
]  # fmt: skip
STOREFRONT = [
    "api/shop/info", "api/site/info", "api/member/info", "api/goodssku/detail", "api/order/detail",
    "api/config/servicer", "api/upload/chatimg",
]  # fmt: skip

LEGACY = {"init", "connect", "disconnect", "string", "image", "goodssku", "order", "keyword_reply",
          "close", "force_offline"}  # fmt: skip
"""Types of frames that the original's clients know."""

ODD = "application/x-www-form-urlencoded;application/json"
"""What one family of clients says about every body."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared_stack(
    tmp_path_factory: pytest.TempPathFactory, template: Template
) -> AsyncIterator[Stack]:
    """The installation."""
    settings = {
        **SETTINGS,
        "servicer.disconnect_delay": 3600,
        "servicer.captcha_failures": 0,
        "servicer.login_failures": 0,
        "inner.heartbeat_interval": HEARTBEAT / 4,
        "inner.heartbeat_timeout": HEARTBEAT,
    }
    directory = tmp_path_factory.mktemp("conformance")
    template.copy(directory / "kefu.db")
    async with Stack(directory, settings=settings, workers=2) as stack:
        yield stack


async def frames_until(page: Page, kind: str, **data: Any) -> list[dict[str, Any]]:
    """All frames up to one of this type with these data."""
    frames: list[dict[str, Any]] = []
    while True:
        frames.append(await page.socket.recv_json())
        if frames[-1]["type"] == kind and data.items() <= frames[-1]["data"].items():
            return frames


async def said(customer: Customer, message: str, **params: Any) -> dict[str, Any]:
    """Say something that must be stored; returns the row."""
    answer = await customer.call("say", message=message, **params)
    assert answer["code"] == 0, answer
    found = await customer.call("dialogs", limit=1, **params)
    row: dict[str, Any] = found["data"]["list"][-1]
    return row


# 1


def spellings(path: str) -> list[str]:
    """As clients write it."""
    module, controller, action = path.split("/")
    return [
        path,
        f"{path}.html",
        f"{module}/{controller.capitalize()}/{action.upper()}",
        f"{module}/{controller.upper()}/{action.lower()}.html",
    ]


async def every_way(
    browser: aiohttp.ClientSession, front: str, path: str, params: dict[str, Any]
) -> AsyncIterator[Any]:
    """The answers to a request in every spelling, by GET and POST, with every kind of body."""
    form, text = urlencode(params), json.dumps(params)
    bodies = [
        ("application/x-www-form-urlencoded", form),
        ("application/json", text),
        (ODD, form),
        (ODD, text),
        ("text/plain;charset=UTF-8", text),
    ]
    for spelling in spellings(path):
        async with browser.get(f"{front}{spelling}", params=params) as response:
            assert response.status == 200, spelling
            yield await response.json()
    for spelling, (kind, body) in zip(itertools.cycle(spellings(path)), bodies, strict=False):
        headers = {"Content-Type": kind}
        async with browser.post(f"{front}{spelling}", data=body, headers=headers) as response:
            assert response.status == 200, (spelling, kind)
            yield await response.json()


async def test_01_every_url_in_every_spelling_by_every_method_and_body(desk: Desk) -> None:
    """And each of them carries its parameters."""
    params: dict[str, Any] = {"token": sign(next(members)), "app_type": "h5", "store_id": "null"}
    async with desk.agent("bob") as bob:
        for front, paths, browser in (
            ("/servicer/", CUSTOMER, desk.http),
            ("/servicer/", AGENT, bob.browser),
            ("/", STOREFRONT, desk.http),
        ):
            for path in paths:
                async for answer in every_way(browser, front, path, params):
                    assert isinstance(answer["code"], int), (path, answer)
    wanted = {**params, "site_id": 2}
    async for answer in every_way(desk.http, "/servicer/", "api/chat/siteInfo", wanted):
        assert answer["data"]["data"]["site_name"] == "Demo Books"
    for start in ("/index.php/servicer/", "/index.php?s=/servicer/", "/index.php?s=servicer/"):
        for spelling in spellings("api/chat/siteInfo"):
            async with desk.http.post(f"{start}{spelling}", data=wanted) as response:
                assert (await response.json())["data"]["data"]["site_name"] == "Demo Books"


# 2


async def test_02_both_envelopes(desk: Desk) -> None:
    """Customers read ``message`` or ``data``, agents ``msg`` or ``message``."""
    async with desk.customer() as customer, desk.agent("alice") as alice:
        good = await customer.call("hasServicers", site_id=1)
        assert set(good) == {"code", "message", "data", "timestamp"}
        assert (good["code"], good["message"]) == (0, "操作成功")
        assert abs(good["timestamp"] - time.time()) < 60
        bad = await customer.call("say", message=" ")
        assert (bad["code"], bad["message"]) == (-1, "不能发送空消息哦！")
        assert bad["data"] == bad["message"]  # where clients of the original look for it
        bad = await customer.call("bind")
        assert (bad["code"], bad["message"]) == (-1, "缺少必要的参数")
        bad = await desk.customer_call("dialogs", {"token": "x.y.z"})
        assert (bad["code"], bad["error_code"]) == (-10009, "TOKEN_ERROR")
        good = await alice.call("index/historyMembers")
        assert (good["code"], good["msg"], good["message"]) == (0, "", "")
        good = await alice.call("config/config")
        assert (good["code"], good["msg"], good["message"]) == (0, "操作成功", "操作成功")
        for path, text in (
            ("index/getMember", "没有指定会员"),
            ("chat/answer", "没有指定会话人员"),
        ):
            bad = await alice.call(path)
            assert (bad["code"], bad["msg"], bad["message"]) == (-1, text, text)


# 3


async def test_03_init_comes_first_and_pings_cost_no_worker_anything(desk: Desk) -> None:
    """Every frame is JSON with a type and data; ``ping`` is not answered, not forwarded."""

    def events(status: Any) -> int:
        return sum(row["services"]["servicer"]["events"] for row in status.of("business"))

    sockets = [ws.connect(f"{desk.stack.ws_url}/{path}") for path in ("servicer", "wss") * 10]
    async with desk.customer() as customer:
        await customer.bind()
        opened = [await socket.__aenter__() for socket in sockets]
        try:
            for socket in opened:
                first = await socket.recv_json()
                assert first["type"] == "init"
                assert 0 < len(first["data"]["client_id"]) <= 64
            before = await desk.stack.status()
            count = 100
            for _ in range(count):
                await asyncio.gather(*(socket.send("ping") for socket in opened))
            came = count * len(opened)
            messages_in = sum(row["messages_in"] for row in before.of("gateway"))

            def arrived() -> Any:
                status = desk.stack._status()
                now = sum(row["messages_in"] for row in status.of("gateway"))
                return status if now - messages_in >= came else None

            after = await eventually(arrived)
            assert events(after) == events(before)
            for socket in opened:
                await socket.expect_silence(0.01)
            await said(customer, "still served")
            assert events(await desk.stack.status()) == events(before)
        finally:
            await asyncio.gather(*(socket.close() for socket in opened))


# 4


async def test_04_bind_without_an_agent_still_binds(desk: Desk) -> None:
    """It says so, and what an agent answers later reaches that socket."""
    async with desk.customer() as customer:
        answer = await customer.bind(2)
        assert (answer["code"], answer["message"]) == (-1, "客服不在线")
        async with desk.agent("carol") as carol:
            told = await carol.call(
                "chat/answer", member_id=customer.member_id, servicer_say="<p>hello</p>"
            )
            assert (told["code"], told["data"], told["msg"]) == (0, "", "发送成功")
            frames = await frames_until(customer, "string")
            assert frames[-1]["data"]["servicer_say"] == "<p>hello</p>"


# 5


async def test_05_many_binds_of_one_socket_are_one_connect(desk: Desk) -> None:
    """Also at once."""
    async with desk.agent("alice") as alice, desk.customer() as customer:
        answers = await asyncio.gather(*(customer.bind() for _ in range(6)))
        answers.append(await customer.bind())
        assert {answer["data"]["servicer_id"] for answer in answers} == {alice.uid}
        assert (await alice.receive("connect"))["member_id"] == customer.member_id
        await customer.call("say", message="hello", servicer_id=alice.uid)
        assert (await alice.receive("string"))["message"] == "hello"


# 6


async def test_06_who_names_no_agent_or_a_wrong_one_gets_one_and_keeps_it(desk: Desk) -> None:
    """Whatever a client makes of "none"."""
    async with desk.customer() as customer:
        async with desk.agent("alice") as alice, desk.agent("bob") as bob:
            await customer.bind()
            rows = [
                await said(customer, f"m{i}", servicer_id=servicer_id)
                for i, servicer_id in enumerate(("0", "", "null", "undefined", "999", "-1", "x"))
            ]
            [chosen] = {row["servicer_id"] for row in rows}
            assert chosen in (alice.uid, bob.uid)
            left, stays = (alice, bob) if chosen == alice.uid else (bob, alice)
            await left.call("chat/bye")
            row = await said(customer, "and now", servicer_id=chosen)
            assert row["servicer_id"] == stays.uid
            assert (await said(customer, "again"))["servicer_id"] == stays.uid


# 7


async def test_07_keywords_match_exactly_and_connect_comes_first(desk: Desk) -> None:
    """With nobody there in the name of the shop, else in the agent's."""
    for site_id in (1, 2):
        query = "INSERT INTO servicer_keyword_reply (site_id, keyword, content) VALUES (?, ?, ?)"
        desk.execute(query, site_id, "发货时间", "48小时内")
    async with desk.customer() as customer:
        await customer.bind(2)
        await customer.call("say", message="<p>发货<span>时间</span></p>", site_id=2)
        connect, reply = [await customer.socket.recv_json() for _ in range(2)]
        assert (connect["type"], connect["servicer_id"]) == ("connect", 0)
        assert connect["data"]["nickname"] == "Demo Books"
        assert (reply["type"], reply["data"]["servicer_say"]) == ("string", "<p>48小时内</p>")
        assert (reply["data"]["type"], reply["data"]["servicer_id"]) == (1, 0)
        await customer.call("say", message="发货时间?", site_id=2)
        await customer.nothing(0.2)
    async with desk.agent("alice") as alice, desk.customer() as customer:
        await customer.bind()
        await alice.receive("connect")
        await customer.call("say", message="发货时间")
        frames = [await customer.socket.recv_json() for _ in range(2)]
        assert [frame["type"] for frame in frames] == ["connect", "string"]
        assert {frame["data"]["servicer_id"] for frame in frames} == {alice.uid}
        assert (await alice.receive("string"))["consumer_say"] == "发货时间"
        seen = await alice.receive("keyword_reply")
        assert (seen["servicer_say"], seen["member_id"]) == ("<p>48小时内</p>", customer.member_id)


# 8 and 9


@pytest.mark.parametrize("limit", [4, 5, 7, 15])
async def test_08_dialogs_end_where_clients_look_for_the_end(desk: Desk, limit: int) -> None:
    """The newest page first, each from old to new, and an empty list past the last."""
    async with desk.customer() as customer:
        for i in range(16):
            await customer.call("say", message=f"m{i}")
        pages = []
        for number in range(1, -(-16 // limit) + 2):
            found = (await customer.call("dialogs", page=number, limit=limit))["data"]
            assert (found["count"], found["page_count"]) == (16, -(-16 // limit))
            pages.append([row["message"] for row in found["list"]])
        assert [len(rows) for rows in pages[:-2]] == [limit] * (len(pages) - 2)
        assert (len(pages[-2]), pages[-1]) == ((16 % limit) or limit, [])
        assert [text for rows in reversed(pages) for text in rows] == [f"m{i}" for i in range(16)]


async def test_09_page_0_is_page_1(desk: Desk) -> None:
    """In every list."""
    async with desk.agent("alice") as alice, desk.customer() as customer:
        await customer.bind()
        for i in range(3):
            await said(customer, f"m{i}")
        for action in ("dialogs", "servicerList", "chatList"):
            first = await customer.call(action, page=1, limit=2)
            assert (await customer.call(action, page=0, limit=2))["data"] == first["data"]
            assert first["data"]
        member = {"member_id": customer.member_id}
        for path in ("index/dialogs", "index/historyMembers", "message/lists", "index/memberList"):
            first = await alice.call(path, page=1, **member)
            assert (await alice.call(path, page=0, **member))["data"] == first["data"]
        assert (await alice.call("index/dialogs", page=9, **member))["data"]["list"] == []


# 10 and 11


async def test_10_bye_twice_and_late(desk: Desk) -> None:
    """It closes what was bound before it, once, and never a page that came back."""
    async with desk.agent("alice") as alice, desk.customer() as first:
        await first.bind()
        await alice.receive("connect")
        assert (await first.call("bye", servicer_id=""))["data"] == "没有指定客服"
        byes = [first.call("bye", servicer_id=alice.uid, site_id=1) for _ in range(2)]
        for answer in await asyncio.gather(*byes):
            assert (answer["code"], answer["message"]) == (0, "会话已结束！")
        assert await first.receive("close") == {"status": True}
        await first.socket.closed()
        assert await alice.receive("disconnect") == {"member_id": first.member_id}
        async with desk.customer(first.member_id) as second:
            # Sent by the page that is gone, before this one was bound.
            late = asyncio.create_task(first.call("bye", servicer_id=alice.uid, site_id=1))
            await late
            await second.bind()
            await alice.receive("connect")
            await alice.call("chat/answer", member_id=second.member_id, servicer_say="here?")
            assert (await second.receive("string"))["servicer_say"] == "here?"


async def logged_out(agent: Agent) -> None:
    """Wait until every process knows it; one may remember a login for two seconds."""
    end = time.monotonic() + TIMEOUT
    while (await agent.raw("index/index"))[0] != 302:
        assert time.monotonic() < end


async def test_11_a_second_login_puts_the_first_out(desk: Desk) -> None:
    """It is told, and gets nothing that the new one gets."""
    async with desk.agent("alice") as old, desk.customer() as customer:
        await customer.bind()
        await old.receive("connect")
        async with desk.agent("alice") as new:
            assert await old.receive("force_offline") == {"servicer_id": old.uid}
            await logged_out(old)
            await customer.call("say", message="once", servicer_id=new.uid)
            assert (await frames_until(new, "string"))[-1]["data"]["message"] == "once"
            await new.nothing(0.2)
            try:
                await old.nothing(0.1)
            except ConnectionClosed:
                pass


# 12


NUMBERS = {
    "id", "member_id", "servicer_id", "content_type", "read", "shop_id", "goods_sku_id", "order_id",
    "type", "add_time", "prev_id", "online", "create_time", "last_online_time", "unread", "count",
    "page_count", "online_count", "sku_id", "goods_id", "stock", "sale_num", "num",
}  # fmt: skip


def check_values(value: Any, name: str = "", where: str = "") -> None:
    """Numbers are numbers and lists are lists, however deep."""
    if isinstance(value, dict):
        for key, inner in value.items():
            check_values(inner, key, f"{where}.{key}")
    elif isinstance(value, list):
        for inner in value:
            check_values(inner, name, where)
    else:
        is_time = name == "create_time" and isinstance(value, str) and ":" in value
        if name in NUMBERS and not is_time and value is not None:
            assert type(value) is int, (where, value)
        assert name not in ("list", "onlineMembers", "order_goods", "last_dialog"), (where, value)
        assert name not in ("sku_image", "goods_image") or isinstance(value, str), (where, value)


async def test_12_numbers_are_numbers_and_empty_lists_are_lists(desk: Desk) -> None:
    """In answers and in frames."""
    async with desk.agent("alice") as alice, desk.customer(1) as customer:
        await customer.bind()
        for page, frame in ((alice, "connect"), (alice, "string")):
            if frame == "string":
                await customer.call("say", content_type=1, goods_id="11", servicer_id="0")
                frame = "goodssku"
            check_values((await frames_until(page, frame))[-1]["data"])
        await customer.call("say", content_type="2", order_id="101")
        check_values((await frames_until(alice, "order"))[-1]["data"])
        for action in ("dialogs", "chatList", "servicerList", "hasServicers"):
            check_values(await customer.call(action, site_id="1"), where=action)
        for path in (
            "index/index", "index/memberList", "index/dialogs", "index/getMember",
            "index/historyMembers", "index/unreadMembers", "message/lists", "goods/lists",
            "order/lists", "goods/memberGoodsBrowse", "order/memberOrderGoodsList",
        ):  # fmt: skip
            check_values(await alice.call(path, member_id="1"), where=path)
        for path in ("goods/lists", "order/lists", "message/lists"):
            assert (await alice.call(path, member_id=1, page=99))["data"]["list"] == []
        assert (await customer.call("dialogs", page=99))["data"]["list"] == []
    async with desk.customer() as stranger:
        assert (await stranger.call("chatList"))["data"] == []
        assert (await stranger.call("dialogs"))["data"]["list"] == []


# 13


async def _do_what_is_new(page: Customer, other: Agent) -> None:
    """Everything of which only clients that ask for it are told."""
    member = {"member_id": page.member_id}
    mine = await page.call("say", message="x", client_msg_id="1")
    await page.call("typing", typing=1)
    await page.call("recall", id=mine["data"]["id"])
    theirs = await other.call("chat/answer", servicer_say="y", client_msg_id="2", **member)
    await page.call("setRead", site_id=1)
    await other.call("message/setRead", **member)
    await other.call("chat/typing", typing=1, **member)
    await other.call("chat/recall", id=theirs["data"]["id"], **member)
    await other.call("index/accepting", accepting=0)
    await other.call("index/accepting", accepting=1)


async def test_13_old_clients_never_get_what_they_do_not_know(desk: Desk) -> None:
    """A newer one beside them does."""
    caps = "read,typing,recall,accepting"
    async with desk.agent("alice") as old_agent, desk.agent("bob", caps=caps) as agent:
        async with desk.customer() as customer, desk.customer(customer.member_id) as old:
            await old.bind()
            await customer.bind(caps=caps)
            member = {"member_id": customer.member_id}
            for console in (old_agent, agent):
                await console.call("chat/answer", servicer_say="at your service", **member)
            await _do_what_is_new(customer, agent)
            await agent.call("chat/answer", servicer_say="end", **member)
            await customer.call("say", message="end")
            said_last = {"message": "end"}
            types = {}
            for page in (old, customer, old_agent, agent):
                types[page] = {f["type"] for f in await frames_until(page, "string", **said_last)}
            assert types[old] | types[old_agent] <= LEGACY
            assert {"read", "typing", "recall"} <= types[customer]
            assert {"read", "typing", "recall"} <= types[agent]


# 14


async def flags(desk: Desk, agent: Agent, customer: Customer, value: int) -> None:
    """Wait until both are online, or not."""

    def is_so() -> bool:
        row = desk.pair(customer)
        query = "SELECT online FROM servicer WHERE user_id = ?"
        theirs = desk.rows(query, agent.uid)[0]["online"]
        return row is not None and row["online"] == theirs == value

    await eventually(is_so)


async def say_again_and_again(customer: Customer, message: str) -> None:
    """As a page does whose connection the dead process held."""
    while True:
        try:
            answer = await customer.call("say", message=message, client_msg_id=message)
        except aiohttp.ClientError:
            continue
        assert answer["code"] == 0
        return


async def test_14_a_gateway_and_a_worker_are_killed(desk: Desk) -> None:
    """The flags are right within a heartbeat, and the console comes back at its first try."""
    stack = desk.stack
    async with desk.agent("alice") as alice, desk.customer() as customer:
        await customer.bind()
        await flags(desk, alice, customer, 1)
        os.kill(stack.pids("business")[0], signal.SIGKILL)
        await say_again_and_again(customer, "anybody?")
        assert (await frames_until(alice, "string"))[-1]["data"]["message"] == "anybody?"
        await flags(desk, alice, customer, 1)
        await stack.linked()
        start = time.monotonic()
        os.kill(stack.pids("gateway")[0], signal.SIGKILL)
        await alice.socket.closed()
        await customer.socket.closed()
        await flags(desk, alice, customer, 0)
        assert time.monotonic() - start < HEARTBEAT + 3 * SECOND
        while True:
            try:
                async with desk.agent("alice", browser=alice.browser) as back:
                    assert time.monotonic() - start < RECONNECT * SECOND
                    async with desk.customer(customer.member_id) as again:
                        assert (await again.bind())["data"]["servicer_id"] == back.uid
                        await flags(desk, back, again, 1)
                        await again.call("say", message="here we are", servicer_id=back.uid)
                        frames = await frames_until(back, "string")
                        assert frames[-1]["data"]["message"] == "here we are"
                break
            except OSError:
                assert time.monotonic() - start < RECONNECT * SECOND
                await asyncio.sleep(0.05)


# 15 and 16


async def test_15_what_is_said_does_nothing(desk: Desk) -> None:
    """Neither in what is pushed, nor in what is stored; from either side."""
    async with desk.agent("alice") as alice, desk.customer() as customer:
        await customer.bind()
        stored = 0
        for html in CORPUS:
            answer = await customer.call("say", message=html, servicer_id=alice.uid)
            if answer["code"] != 0:
                assert answer["data"] == "不能发送空消息哦！"
                continue
            stored += 1
            row = (await frames_until(alice, "string"))[-1]["data"]
            told = await alice.call("chat/answer", member_id=customer.member_id, servicer_say=html)
            assert told["code"] == 0
            theirs = (await frames_until(customer, "string"))[-1]["data"]
            for text in (row["consumer_say"], row["content"], theirs["servicer_say"]):
                Watcher().feed(text)
            assert "<" not in row["message"]
        for path in ("javascript:alert(1)", "https://evil.example/x.png", "upload/../x.png"):
            assert (await customer.call("say", content_type=3, message=path))["code"] < 0
        found = (await customer.call("dialogs", limit=100))["data"]
        assert found["count"] == 2 * stored > 0
        for row in found["list"]:
            Watcher().feed(row["content"] + row["consumer_say"] + row["servicer_say"])


async def test_16_nobody_reads_what_is_anothers(desk: Desk) -> None:
    """Neither a customer, nor an agent of a shop that has nothing to do with it."""
    async with (
        desk.customer() as stranger,
        desk.customer() as customer,
        desk.agent("carol") as carol,
    ):
        await said(customer, "a secret", site_id=1)
        member = {"member_id": customer.member_id}
        assert (await stranger.call("dialogs", **member))["data"]["list"] == []
        assert (await stranger.call("chatList", **member))["data"] == []
        order = {"order_id": 101}
        assert (await stranger.call("orderDetail", **order))["code"] < 0
        assert (await stranger.call("say", content_type=2, **order))["code"] < 0
        url = "/api/order/detail"
        for member_id, code in ((1, 0), (stranger.member_id, -1)):
            async with desk.http.post(url, data={"token": sign(member_id), **order}) as response:
                assert (await response.json())["code"] == code
        assert (await carol.call("index/dialogs", **member))["data"]["list"] == []
        for path in (
            "message/lists", "index/getMember", "member/info", "chat/orderDetail", "order/detail",
            "order/lists",
        ):  # fmt: skip
            answer = await carol.call(path, **member, **order)
            assert answer["code"] < 0 or not answer["data"], (path, answer)
        members_ = (await carol.call("index/memberList"))["data"]["member_list"]["list"]
        assert customer.member_id not in {row["member_id"] for row in members_}


# 17


async def test_17_no_site_is_the_default_shop(desk: Desk) -> None:
    """Missing, or whatever a client makes of "none"."""
    async with desk.agent("alice") as alice, desk.customer() as customer:
        bound = await customer.call("bind", client_id=customer.client_id)
        assert bound["data"]["servicer_id"] == alice.uid
        for i, site in enumerate(({}, {"site_id": ""}, {"site_id": "undefined"}, {"site_id": "0"})):
            await customer.call("say", message=f"m{i}", servicer_id=alice.uid, **site)
            row = (await frames_until(alice, "string"))[-1]["data"]
            assert (row["message"], row["shop_id"]) == (f"m{i}", 1)
            assert (await customer.call("dialogs", **site))["data"]["count"] == i + 1
        bad = await customer.call("say", message="x", site_id=999)
        assert (bad["code"], bad["data"]) == (-1, "没有指定商家")
