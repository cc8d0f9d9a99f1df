"""Routes, envelopes and tokens, as old clients use them."""

from __future__ import annotations

import io
import json
import shutil
import time
from pathlib import Path
from typing import Any

import aiohttp
import jwt
import pytest

from tests.support.stack import ROOT, Stack

from .support import SETTINGS, TOKEN_KEY, Desk, sign

PATHS = [
    "/servicer/api/chat/siteInfo",
    "/servicer/api/chat/siteInfo.html",
    "/servicer/api/Chat/SITEINFO",
    "/servicer/api/chat/siteinfo.html",
    "/index.php/servicer/api/chat/siteInfo",
    "/index.php/servicer/api/chat/siteInfo.html",
    "/index.php?s=/servicer/api/chat/siteInfo",
    "/index.php?s=servicer/api/chat/siteInfo.html",
]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_every_way_to_write_a_path(desk: Desk, path: str, method: str) -> None:
    """With and without suffix and script, in any case, by GET and POST."""
    params = {"token": sign(1), "site_id": "2"}
    query, body = (params, None) if method == "GET" else (None, params)
    async with desk.http.request(method, path, params=query, data=body) as response:
        answer = await response.json()
    assert response.status == 200
    assert answer["data"]["data"] == {
        "logo": "upload/demo/shop_2.svg",
        "site_name": "Demo Books",
    }
    assert (answer["data"]["code"], answer["code"], answer["message"]) == (0, 0, "操作成功")
    assert abs(answer["timestamp"] - time.time()) < 60


BODIES = [
    ("application/x-www-form-urlencoded", "form"),
    ("application/json", "json"),
    ("application/x-www-form-urlencoded;application/json", "form"),
    ("application/x-www-form-urlencoded;application/json", "json"),
    ("text/plain", "json"),
    ("", "form"),
]


@pytest.mark.parametrize(("content_type", "form"), BODIES)
async def test_every_kind_of_body(desk: Desk, content_type: str, form: str) -> None:
    """What it is is told by what it holds, not by its header."""
    params: dict[str, Any] = {"token": sign(1), "site_id": 2, "app_type": "h5", "store_id": None}
    body = json.dumps(params) if form == "json" else "&".join(f"{k}={v}" for k, v in params.items())
    async with desk.http.post(
        "/servicer/api/chat/siteInfo", data=body.encode(), headers={"Content-Type": content_type}
    ) as response:
        assert (await response.json())["data"]["data"]["site_name"] == "Demo Books"


async def test_query_and_body_are_merged(desk: Desk) -> None:
    """The body wins; files of a multipart body are no parameters."""
    form = aiohttp.FormData({"site_id": "2"})
    form.add_field("file", b"x", filename="x.png")
    query = {"token": sign(1), "site_id": "1"}
    url = "/servicer/api/chat/siteInfo"
    async with desk.http.post(url, params=query, data=form) as response:
        assert (await response.json())["data"]["data"]["site_name"] == "Demo Books"


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[1,2]",
        b"\xff\xfe\xfd",
        b"{" * 5000,
        b'{"a":' + b"[" * 100_000,
        b'{"site_id": ' + b"9" * 5000 + b"}",
        b"&=&&==&%zz=%e4%b8",
        b'{"site_id": {"a": 1}, "page": [1], "limit": true}',
        b'{"site_id": 1e400, "message": "\\ud800 \\u0000"}',
        b"a=1&" * 10_000,
    ],
)
async def test_odd_bodies_harm_nobody(desk: Desk, body: bytes) -> None:
    """They get an envelope, never a server error."""
    for action in ("dialogs", "say", "bind", "bye", "hasServicers"):
        url = f"/servicer/api/chat/{action}?token={sign(5000)}"
        async with desk.http.post(url, data=body) as response:
            assert response.status == 200, action
            assert isinstance((await response.json())["code"], int)


@pytest.mark.parametrize(
    "path",
    [
        "/servicer/api/chat/checkOnline",
        "/servicer/api/chat/checkClient",
        "/servicer/api/chat/sendMsg",
        "/servicer/api/chat/checkServicer",
        "/servicer/api/chat",
        "/servicer/api/chat/say/more",
        "/servicer/other/chat/say",
        "/servicer/servicer/chat/nothing",
        "/index.php/other/api/chat/say",
        "/index.php",
        "/index.php?s=",
    ],
)
async def test_what_does_not_exist_is_not_found(desk: Desk, path: str) -> None:
    """404, in an envelope; the original's debug endpoints among it."""
    status, answer = await desk.get(path, token=sign(1))
    assert (status, answer["code"]) == (404, -1)


async def test_a_body_that_is_too_large_is_refused(desk: Desk) -> None:
    """With 413; a message that is too long, with words."""
    url = f"/servicer/api/chat/say?token={sign(5001)}"
    async with desk.http.post(url, data=io.BytesIO(b"message=" + b"x" * 2_000_000)) as response:
        assert response.status == 413
    async with desk.http.post(url, data={"message": "长" * 20_000}) as response:
        assert (await response.json())["message"] == "消息内容过长"


@pytest.mark.parametrize(
    ("token", "code", "error_code"),
    [
        ("", -1, "TOKEN_NOT_EXIST"),
        ("undefined", -1, "TOKEN_NOT_EXIST"),
        ("rubbish", -10009, "TOKEN_ERROR"),
        (sign(1, exp=int(time.time()) - 10), -10010, "TOKEN_EXPIRE"),
        (sign(1, exp=None), -10009, "TOKEN_ERROR"),
        (sign(1, aud="orders"), -10009, "TOKEN_ERROR"),
        (sign(1, aud=None), -10009, "TOKEN_ERROR"),
        (sign(0), -10009, "TOKEN_ERROR"),
        (sign("ns_servicer_1"), -10009, "TOKEN_ERROR"),
        (sign(10**12), -10009, "TOKEN_ERROR"),
        (sign(None, sub=None), -10009, "TOKEN_ERROR"),
        (sign(1, key="another key of more than 32 characters"), -10009, "TOKEN_ERROR"),
        (sign(1, key="", algorithm="none"), -10009, "TOKEN_ERROR"),
        (sign(1, key=TOKEN_KEY * 2, algorithm="HS512"), -10009, "TOKEN_ERROR"),
    ],
)  # fmt: skip
async def test_a_bad_token_is_refused(desk: Desk, token: str, code: int, error_code: str) -> None:
    """With the codes by which clients log out, or do not."""
    answer = await desk.customer_call("dialogs", {"token": token})
    assert (answer["code"], answer["error_code"]) == (code, error_code)
    assert answer["message"]


async def test_a_shop_may_write_the_member_as_a_number(desk: Desk) -> None:
    """PHP libraries do, though the standard says text."""
    assert (await desk.customer_call("dialogs", {"token": sign(None, sub=7)}))["code"] == 0


async def test_demo_tokens(desk: Desk) -> None:
    """For members of the demo shop, and nobody else."""
    _, answer = await desk.get("/demo/token", member_id="2")
    token = answer["data"]["token"]
    assert jwt.decode(token, TOKEN_KEY, ["HS256"], audience="servicer")["sub"] == "2"
    for member_id in ("4", "0", "-1", "x", ""):
        status, answer = await desk.get("/demo/token", member_id=member_id)
        assert (status, answer["code"]) == (200, -1)


async def test_a_copy_is_another_service(tmp_path: Path) -> None:
    """``cp -r servicer servicer2``: own paths, tokens, cookies, tables; nothing else is edited."""
    source = ROOT / "business" / "services" / "servicer"
    services = tmp_path / "services"
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(source, services / "servicer2", ignore=ignore)
    async with Stack(tmp_path, settings=SETTINGS, services=[services]) as stack:
        async with Desk(stack) as one, Desk(stack, "servicer2") as two:
            assert (await one.get("/demo/token", member_id=1))[0] == 200
            _, answer = await two.get("/servicer2/demo/token", member_id=1)
            foreign = await two.customer_call("dialogs", {"token": sign(1)})
            assert foreign["error_code"] == "TOKEN_ERROR"
            assert (await two.get("/index.php/servicer2/api/chat/dialogs"))[0] == 404
            async with two.agent("alice") as alice, two.customer(1) as customer:
                customer.token = answer["data"]["token"]
                assert (await customer.bind())["data"]["servicer_id"] == alice.uid
                await alice.receive("connect")
                await customer.call("say", message="over there", servicer_id=alice.uid)
                assert (await alice.receive("string"))["message"] == "over there"
                assert (await alice.raw("index/index"))[0] == 200
                async with alice.browser.get(
                    "/servicer/servicer/index/index", allow_redirects=False
                ) as response:
                    assert response.status == 302
            assert one.rows("SELECT id FROM servicer_dialogue") == []
            assert len(one.rows("SELECT id FROM servicer2_servicer_dialogue")) == 1
