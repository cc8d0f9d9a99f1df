"""Pictures are uploaded, shown and said."""

from __future__ import annotations

import re
from typing import Any

import aiohttp
import pytest

from .support import STRICT, Desk, sign
from .test_images import picture

CUSTOMER = "/servicer/api/chat/chatimg"
SHOP = "/api/upload/chatimg"
PATH = re.compile(r"upload/\d+/common/chat_img/\d{8}/[0-9a-f]{32}\.(png|jpg|gif|webp)")


def form(data: bytes, **fields: str) -> aiohttp.FormData:
    """A body with a file and texts after it."""
    made = aiohttp.FormData()
    made.add_field("file", data, filename="../../x.html", content_type="text/html")
    for name, value in fields.items():
        made.add_field(name, value)
    return made


async def post(
    http: aiohttp.ClientSession, url: str, body: aiohttp.FormData, **headers: str
) -> tuple[int, dict[str, Any]]:
    """Upload; returns status and envelope."""
    async with http.post(url, data=body, headers=headers, allow_redirects=False) as response:
        if response.status == 302:
            return 302, {}
        return response.status, await response.json()


@pytest.mark.parametrize(
    ("kind", "ending"), [("PNG", "png"), ("JPEG", "jpg"), ("GIF", "gif"), ("WEBP", "webp")]
)
async def test_a_customer_says_a_picture(desk: Desk, kind: str, ending: str) -> None:
    """What was uploaded can be said, is pushed, and is shown with headers that make it harmless."""
    async with desk.customer() as customer, desk.agent("alice") as alice:
        body = form(picture(kind), token=customer.token, path="chatimg")
        status, answer = await post(desk.http, CUSTOMER, body)
        assert (status, answer["code"], answer["message"]) == (200, 0, "操作成功")
        path = answer["data"]["pic_path"]
        assert PATH.fullmatch(path)
        assert path.endswith(ending)
        await customer.bind()
        said = await customer.call("say", message=path, content_type=3)
        assert said["code"] == 0
        frame = await alice.socket.recv_json()
        while frame["type"] != "image" or frame["data"]["member_id"] != customer.member_id:
            frame = await alice.socket.recv_json()
        assert frame["data"]["consumer_say"] == path
    async with desk.http.get(f"/{path}") as response:
        assert response.status == 200
        assert response.content_type == f"image/{kind.lower()}"
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert response.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
        assert "immutable" in response.headers["Cache-Control"]
        assert await response.read()


async def test_an_agent_uploads(desk: Desk) -> None:
    """By both paths, logged in only; the console's scripts only."""
    async with desk.agent("carol", bind=False) as carol:
        for action in ("upload", "video"):
            url = f"/servicer/servicer/upload/{action}"
            status, answer = await post(carol.browser, url, form(picture("PNG")))
            assert (status, answer["code"], answer["msg"]) == (200, 0, "操作成功")
            assert answer["data"]["pic_path"].startswith("upload/2/common/chat_img/")
            assert (await post(desk.http, url, form(picture("PNG"))))[0] == 302
            foreign = {"X-Requested-With": ""}
            assert (await post(carol.browser, url, form(picture("PNG")), **foreign))[0] == 403


async def test_the_path_of_the_shop(desk: Desk) -> None:
    """A token, a login, or a page of this site or of a configured origin."""

    async def code(**headers: str) -> Any:
        return (await post(desk.http, SHOP, form(picture("PNG")), **headers))[1]

    own = f"http://{desk.http._base_url.authority}"  # type: ignore[union-attr]
    answer = await code()
    assert (answer["code"], answer["error_code"]) == (-1, "TOKEN_NOT_EXIST")
    for origin in (
        "https://evil.example",
        "null",
        "http://[",
        f"{own}.evil.example",
        f"{own}@evil.example",
    ):
        assert (await code(Origin=origin))["code"] == -1, origin
    assert (await code(Referer="https://evil.example/" + own))["code"] == -1
    assert (await code(Origin=own))["code"] == 0
    assert (await code(Referer=f"{own}/web/chat"))["code"] == 0
    assert (await code(**{"Sec-Fetch-Site": "same-origin"}))["code"] == 0
    _, answer = await post(desk.http, SHOP, form(picture("PNG"), token=sign(1)))
    assert PATH.fullmatch(answer["data"]["pic_path"])
    _, answer = await post(desk.http, SHOP, form(picture("PNG"), token="wrong"))
    assert (answer["code"], answer["error_code"]) == (-10009, "TOKEN_ERROR")


async def test_what_is_no_picture_is_refused(desk: Desk) -> None:
    """In the contract's envelope."""
    for data in (b"<html>", b"GIF89a<script>", picture("BMP"), picture("PNG")[:50]):
        _, answer = await post(desk.http, CUSTOMER, form(data, token=sign(1)))
        assert (answer["code"], answer["message"]) == (-1, "图片格式不正确")
    for body in (form(b"", token=sign(1)), aiohttp.FormData({"token": sign(1)})):
        _, answer = await post(desk.http, CUSTOMER, body)
        assert (answer["code"], answer["message"]) == (-1, "请选择要上传的图片")
    status, answer = await post(desk.http, CUSTOMER, form(picture("PNG")))
    assert (status, answer["error_code"]) == (200, "TOKEN_NOT_EXIST")


@pytest.mark.parametrize(
    "path",
    [
        "../kefu.toml",
        "%2e%2e/kefu.toml",
        "1/common/chat_img/20260101/" + "0" * 32 + ".png",
        "1/common/chat_img",
        "",
        "1/common/chat_img/20260101/../../../../../kefu.toml",
        "demo/goods_1.png",
    ],
)
async def test_nothing_else_is_served(desk: Desk, path: str) -> None:
    """No listing, no file outside, nothing that was not uploaded."""
    assert (await desk.get(f"/upload/{path}"))[0] == 404


async def test_odd_multipart_bodies_harm_nobody(desk: Desk) -> None:
    """They get an envelope."""
    kind = "multipart/form-data"
    bodies = [
        (kind, b"--x\r\n\r\n"),
        (f"{kind}; boundary=x", b""),
        (f"{kind}; boundary=x", b"--x\r\nContent-Disposition: form-data; name=file\r\n\r\nabc"),
        (f"{kind}; boundary=x", b"--x\r\nnonsense\r\n\r\nabc\r\n--x--"),
        (f"{kind}; boundary=x", b"--x\r\n" + b"a" * 20000 + b"\r\n\r\nabc\r\n--x--"),
        ("multipart/mixed; boundary=x",
         b"--x\r\nContent-Type: multipart/mixed; boundary=y\r\n\r\n--y\r\n\r\nz\r\n--y--\r\n--x--"),
    ]  # fmt: skip
    for content_type, body in bodies:
        for url in (CUSTOMER, "/servicer/api/chat/siteInfo"):
            headers = {"Content-Type": content_type}
            async with desk.http.post(
                url, params={"token": sign(1)}, data=body, headers=headers
            ) as r:
                assert r.status == 200, (content_type, body)
                assert isinstance((await r.json())["code"], int)


class TestLimits:
    """With small limits."""

    @pytest.fixture
    def settings(self) -> dict[str, object]:
        return dict(STRICT)

    async def test_size_and_number(self, own_desk: Desk) -> None:
        """Of a file, of a member, and of an address."""

        async def chunks() -> Any:
            yield b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
            for _ in range(40):
                yield b"a" * 64 * 1024
            yield b"\r\n--x--"

        large = picture("PNG") + b"\0" * 6000
        page = {"Origin": "https://shop.example"}
        for path in (CUSTOMER, SHOP):  # pages of other origins can read it
            async with own_desk.http.post(path, data=form(large, token=sign(1)), headers=page) as r:
                assert r.status == 413
                assert r.headers["Access-Control-Allow-Origin"] == page["Origin"]
                answer = await r.json()
                assert (answer["code"], answer["message"]) == (-1, "请求内容过大")
                assert answer["timestamp"] > 0
        kind = {"Content-Type": "multipart/form-data; boundary=x"}
        try:
            async with own_desk.http.post(CUSTOMER, data=chunks(), headers=kind) as response:
                assert response.status == 413  # of a body whose length is not said
        except aiohttp.ClientOSError:
            pass  # the server closed while it was still being sent
        for code in (0, 0, -1):
            _, answer = await post(own_desk.http, CUSTOMER, form(picture("PNG"), token=sign(1)))
            assert answer["code"] == code
        assert answer["message"] == "上传过于频繁，请稍后再试"
        shop = {"Origin": "https://shop.example"}
        _, answer = await post(own_desk.http, SHOP, form(picture("PNG")), **shop)
        assert answer["code"] == 0
        codes = [
            (await post(own_desk.http, CUSTOMER, form(picture("PNG"), token=sign(member))))[1][
                "code"
            ]
            for member in (2, 3)
        ]
        assert codes == [0, -1]  # eight from one address
