"""The pages are served as browsers need them."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import aiohttp
import pytest
import pytest_asyncio
from playwright.async_api import Browser

from tests.support.browser import visit
from tests.support.stack import Stack

pytestmark = pytest.mark.asyncio(loop_scope="module")

PAGES = ("console", "chat", "admin", "demo")


@pytest_asyncio.fixture(loop_scope="module")
async def http(stack: Stack) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(stack.http_url) as session:
        yield session


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("prefix", ["", "/servicer"])
async def test_page_and_what_it_loads(http: aiohttp.ClientSession, prefix: str, page: str) -> None:
    """Each page is served at both of its addresses, and all that it names is there, to be kept."""
    async with http.get(f"{prefix}/{page}") as response:
        assert response.status == 200
        assert response.headers["Cache-Control"] == "no-cache"
        text = await response.text()
    assets = re.findall(r'(?:src|href)="(/servicer/assets/[^"]+)"', text)
    assert len(assets) >= 3
    for asset in assets:
        async with http.get(asset) as response:
            assert response.status == 200
            assert "immutable" in response.headers["Cache-Control"]


async def test_not_modified(http: aiohttp.ClientSession) -> None:
    """A browser that has the page is told so."""
    async with http.get("/console") as response:
        tag = response.headers["ETag"]
    async with http.get("/console", headers={"If-None-Match": tag}) as response:
        assert response.status == 304
        assert response.headers["ETag"] == tag


async def test_compressed(http: aiohttp.ClientSession) -> None:
    """Scripts come compressed to who takes them so."""
    async with http.get("/console") as response:
        assets = re.findall(r'"(/servicer/assets/[^"]+\.js)"', await response.text())
    encodings = set()
    for asset in assets:
        async with http.get(asset, headers={"Accept-Encoding": "gzip"}) as response:
            assert response.content_type in ("text/javascript", "application/javascript")
            encodings.add(response.headers.get("Content-Encoding"))
    assert "gzip" in encodings


@pytest.mark.parametrize(
    "name", ["..%2f..%2fservice.py", ".built", "console.html", "nothing.js", "a.js.map"]
)
async def test_no_other_files(http: aiohttp.ClientSession, name: str) -> None:
    """Nothing but assets is served below the assets' path."""
    async with http.get(f"/servicer/assets/{name}") as response:
        assert response.status == 404


@pytest.mark.parametrize(
    ("original", "new"),
    [
        ("servicer/index/index", "/servicer/console"),
        ("servicer/index/index.html", "/servicer/console"),
        ("servicer/login/login.html", "/servicer/console"),
        ("Servicer/Index/history", "/servicer/console#/history"),
        ("shop/login/login", "/servicer/admin"),
        ("admin/login/login", "/servicer/admin"),
    ],
)
async def test_original_addresses(http: aiohttp.ClientSession, original: str, new: str) -> None:
    """The original's addresses lead browsers to the new pages."""
    headers = {"Accept": "text/html,application/xhtml+xml"}
    async with http.get(
        f"/servicer/{original}", headers=headers, allow_redirects=False
    ) as response:
        assert (response.status, response.headers["Location"]) == (302, new)


@pytest.mark.parametrize("page", PAGES)
async def test_policy(stack: Stack, browser: Browser, page: str) -> None:
    """Each page runs in a browser under its own content security policy."""
    async with visit(browser) as visitor:
        opened = await visitor.open(f"{stack.http_url}/{page}")
        await opened.wait_for_selector("main")


async def test_who_may_embed(http: aiohttp.ClientSession) -> None:
    """Only the chat can be shown in pages of the configured storefronts."""
    for page in PAGES:
        async with http.get(f"/{page}") as response:
            policy = response.headers["Content-Security-Policy"]
        assert ("https://shop.example" in policy) == (page == "chat")
        assert "frame-ancestors 'self'" in policy
