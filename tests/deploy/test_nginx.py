"""The configurations of nginx that are shipped do what they say, in a real nginx."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest
import pytest_asyncio

from tests.business.services.servicer.support import SETTINGS, Agent, Customer, Desk
from tests.business.services.servicer.test_images import picture
from tests.business.services.servicer.test_uploads import form
from tests.support import nginx, ws
from tests.support.stack import Stack

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(nginx.find_nginx() is None, reason=nginx.MISSING),
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    """A stack that believes its proxy."""
    settings = {**SETTINGS, "trusted_proxies": ["127.0.0.1"]}
    async with Stack(tmp_path_factory.mktemp("nginx"), settings=settings) as stack:
        yield stack


@pytest_asyncio.fixture(loop_scope="module")
async def shop(stack: Stack, tmp_path: Path) -> AsyncIterator[Desk]:
    """A shop that has kefu's locations among its own."""
    servers = partial(nginx.shop, stack, directory=tmp_path)
    async with nginx.nginx(stack, servers, tmp_path) as behind, Desk(behind) as desk:
        yield desk


async def test_talk_through_the_shop(shop: Desk) -> None:
    """The addresses that storefronts and consoles of the original know lead to kefu."""
    url = f"{shop.stack.ws_url}/wss"
    async with (
        ws.connect(url) as console,
        ws.connect(url) as storefront,
        shop.browser() as browser,
    ):
        alice = Agent(shop, console, browser, "alice")
        await alice.start()
        login = {"username": "alice", "password": "demo"}
        path = "/index.php/servicer/servicer/login/login.html"
        async with browser.post(path, data=login) as response:
            assert (await response.json())["code"] == 0
        assert (await alice.call("chat/bind.html", client_id=alice.client_id))["code"] == 0
        customer = Customer(shop, storefront, 1)
        await customer.start()
        assert (await customer.bind())["code"] == 0
        await alice.receive("connect")
        await customer.call("say", site_id=1, message="<p>hello</p>")
        assert (await alice.receive("string"))["consumer_say"] == "<p>hello</p>"
        await alice.call("chat/answer", member_id=1, servicer_say="<p>welcome</p>")
        answer = await customer.socket.recv_type("string")
        assert answer["data"]["servicer_say"] == "<p>welcome</p>"


@pytest.mark.parametrize("path", ["/api/upload/chatimg", "/servicer/api/chat/chatimg"])
async def test_pictures_through_the_shop(shop: Desk, path: str, tmp_path: Path) -> None:
    """New pictures come from kefu, larger ones too, and old ones from where the shop has them."""
    async with ws.connect(f"{shop.stack.ws_url}/wss") as socket:
        customer = Customer(shop, socket, 2)
        body = form(picture("PNG", size=(1500, 1500)), token=customer.token)
        async with shop.http.post(path, data=body) as response:
            stored = (await response.json())["data"]["pic_path"]
    async with shop.http.get(f"/{stored}") as response:
        assert (response.status, response.content_type) == (200, "image/png")
    old = tmp_path / "shop" / "upload" / "1" / "common" / "chat_img" / "20210317" / "old.png"
    old.parent.mkdir(parents=True)
    old.write_bytes(picture("PNG"))
    async with shop.http.get("/upload/1/common/chat_img/20210317/old.png") as response:
        assert await response.read() == old.read_bytes()


async def test_pages_through_the_shop(shop: Desk) -> None:
    """The original's addresses end at pages of kefu, and all else is the shop's."""
    for path in ("/servicer/servicer/login/login.html", "/servicer/console", "/servicer/chat"):
        async with shop.http.get(path, headers={"Accept": "text/html"}) as response:
            assert (response.status, response.content_type) == (200, "text/html")
            assert '<meta name="kefu-service" content="servicer"' in await response.text()
    async with shop.http.get("/servicer/widget.js") as response:
        assert response.content_type in ("text/javascript", "application/javascript")
    for path in ("/", "/api/member/info", "/console", "/upload/goods.png"):
        async with shop.http.get(path) as response:
            assert await response.text() == "the shop"


async def test_a_site_of_its_own(stack: Stack, tmp_path: Path) -> None:
    """Pages and API at /, sockets at /ws/."""
    async with nginx.nginx(stack, partial(nginx.site, stack), tmp_path) as behind:
        async with Desk(behind) as desk, ws.connect(f"{behind.ws_url}/ws/servicer") as socket:
            customer = Customer(desk, socket, 3)
            await customer.start()
            answer = await customer.bind()
            assert answer["message"] in ("操作成功", "客服不在线")
            async with desk.http.get("/console") as response:
                assert response.status == 200
