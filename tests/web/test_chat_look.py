"""The chat as it is seen and handled: sizes, keyboard, languages, colours, weight."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Literal

import aiohttp
import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, Response, Route, expect

from tests.business.services.servicer.support import Agent, Desk, sign
from tests.support.axe import check_accessible
from tests.support.browser import visit
from tests.support.stack import Stack

from .agents import CAPS, answer, frame, greet
from .people import ChatPage, picture

pytestmark = pytest.mark.asyncio(loop_scope="module")

MAX_WEIGHT = 60_000
"""Bytes, gzipped, of the chat with everything it loads and of the script that embeds it."""

PHONE: dict[str, Any] = {
    "viewport": {"width": 360, "height": 740},
    "has_touch": True,
    "is_mobile": True,
}
SIZES: dict[int, dict[str, Any]] = {
    360: PHONE,
    768: {"viewport": {"width": 768, "height": 1024}},
    1440: {"viewport": {"width": 1440, "height": 900}},
}

SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")

LONG = "https://example.com/" + "a-very-long-address/" * 12


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def desk(stack: Stack) -> AsyncIterator[Desk]:
    async with Desk(stack) as desk:
        query = "INSERT INTO servicer_keyword_reply (site_id, keyword, content) VALUES (?, ?, ?)"
        for word in ("delivery", "returns", "invoice", "opening hours", "vouchers"):
            desk.execute(query, 1, word, f"about {word}")
        yield desk


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def alice(desk: Desk) -> AsyncIterator[Agent]:
    async with desk.agent("alice", caps=CAPS) as alice:
        yield alice


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def talked(desk: Desk, alice: Agent, tmp_path_factory: pytest.TempPathFactory) -> int:
    """A member with everything in the conversation that there can be. Returns who."""
    member_id = await greet(desk)
    form = aiohttp.FormData({"token": sign(member_id)})
    form.add_field(
        "file", picture(tmp_path_factory.mktemp("photo")).read_bytes(), filename="photo.png"
    )
    async with desk.http.post("/servicer/api/chat/chatimg", data=form) as response:
        path = (await response.json())["data"]["pic_path"]
    for said in ({"message": LONG}, {"content_type": 3, "message": path}, {"message": "👍"}):
        values = {"token": sign(member_id), "site_id": 1, "format": "text", **said}
        assert (await desk.customer_call("say", values))["code"] == 0
    await answer(alice, member_id, content_type=1, goods_id=32)
    await answer(alice, member_id, LONG)
    return member_id


async def widths(page: Page) -> list[str]:
    """What reaches out of the window sideways."""
    script = """() => [...document.querySelectorAll("body *")]
        .filter((element) => !element.closest(".chips, .visually-hidden, .skeleton"))
        .filter((element) => element.getBoundingClientRect().right > innerWidth + 0.5
            || element.getBoundingClientRect().left < -0.5)
        .map((element) => element.outerHTML.slice(0, 120))"""
    found: list[str] = await page.evaluate(script)
    return found


async def check_by_day_and_night(page: Page) -> None:
    """See that nothing is cut off, and that axe finds nothing serious, in light and dark."""
    assert await widths(page) == []
    for scheme in SCHEMES:
        await page.emulate_media(color_scheme=scheme)
        await check_accessible(page)


@pytest.mark.parametrize("width", SIZES)
async def test_accessible_at_every_size(
    stack: Stack, browser: Browser, alice: Agent, talked: int, width: int
) -> None:
    """Axe finds nothing serious and nothing is cut off, with all that can be open, open."""
    async with visit(browser, **SIZES[width]) as home:
        chat = await ChatPage.open(stack, home, talked, "site_id=1&sku_id=11")
        page = chat.page
        await expect(page.locator(".composer .card")).to_contain_text("棉质T恤 白色 M")
        await expect(chat.message("蓝牙耳机 黑色")).to_be_visible()
        await expect(page.get_by_role("button", name="vouchers")).to_be_attached()
        await alice.call("chat/typing", member_id=talked, typing=1)
        await expect(page.get_by_text("is typing")).to_have_count(1)
        await check_by_day_and_night(page)
        await page.get_by_role("button", name="Settings").click()
        await check_by_day_and_night(page)
        await page.keyboard.press("Escape")
        await page.get_by_role("button", name="Emoji").click()
        await check_by_day_and_night(page)


async def test_accessible_when_things_are_wrong(
    stack: Stack, browser: Browser, tmp_path: Path
) -> None:
    """What is said then can be read, too: a login that ended, a message that failed, no shop."""
    fake = tmp_path / "fake.png"
    fake.write_bytes(b"not a picture")
    async with visit(browser, **PHONE) as home:
        page = await home.open(f"{stack.http_url}/chat?site_id=77")
        await expect(page.get_by_text("There is no such shop")).to_be_visible()
        await check_by_day_and_night(page)
        url = f"{stack.http_url}/chat?site_id=1#token={sign(5, 'k' * 40)}"
        page = await home.open(url)
        await expect(page.get_by_text("Your login has ended")).to_be_visible()
        await check_by_day_and_night(page)
        await page.get_by_role("button", name="Continue as a guest").click()
        await page.locator("footer input[type=file]").set_input_files(fake)
        await expect(page.get_by_role("alert")).to_be_visible()
        await check_by_day_and_night(page)


async def test_a_shops_colour_is_legible(
    stack: Stack, browser: Browser, desk: Desk, talked: int
) -> None:
    """Whatever colour a shop has chosen, what is written in it or on it can be read."""
    color = ""

    async def paint(route: Route) -> None:
        answered = await route.fetch()
        told = await answered.json()
        told["data"]["widget"]["color"] = color
        await route.fulfill(response=answered, json=told)

    async with visit(browser) as home:
        chat = await ChatPage.open(stack, home, talked, "site_id=1&sku_id=11")
        await chat.page.route("**/api/chat/config", paint)
        for color in ("#ffe14d", "#7f1d1d", "#ffffff", "#777777"):  # noqa: B007 - read by `paint`
            await chat.page.reload()
            await expect(chat.page.locator(".composer .card")).to_contain_text("棉质T恤 白色 M")
            await expect(chat.own("👍")).to_be_visible()
            await check_by_day_and_night(chat.page)


async def test_keyboard_only(stack: Stack, browser: Browser, desk: Desk, alice: Agent) -> None:
    """Writing, emoji, settings and taking back need no mouse; the focus is where one goes on."""
    member_id = await greet(desk)
    await frame(alice, "string", member_id=member_id)  # "hello"
    async with visit(browser) as home:
        chat = await ChatPage.open(stack, home, member_id)
        keys = chat.page.keyboard
        box = chat.page.get_by_label("Write a message")
        await expect(box).to_be_focused()
        await keys.type("one")
        await keys.press("Shift+Enter")
        await keys.type("two ")

        await keys.press("Shift+Tab")
        await keys.press("Shift+Tab")
        await expect(chat.page.get_by_role("button", name="Emoji")).to_be_focused()
        await keys.press("Enter")
        emoji = chat.page.get_by_role("group", name="Emoji").get_by_role("button")
        await expect(emoji.first).to_be_focused()
        await keys.press("ArrowRight")
        await keys.press("ArrowDown")
        await keys.press("ArrowUp")
        await expect(emoji.nth(1)).to_be_focused()
        await keys.press("Enter")
        await keys.press("Escape")
        await expect(chat.page.get_by_role("button", name="Emoji")).to_be_focused()
        await expect(emoji).to_have_count(0)
        await box.focus()
        await keys.press("Enter")
        await frame(alice, "string", member_id=member_id)
        assert await chat.texts() == ["hello", "one\ntwo 😃"]
        await expect(box).to_be_focused()

        recall = chat.own("one").get_by_role("button", name="Recall")
        await recall.focus()
        await expect(recall).to_have_css("opacity", "1")
        await keys.press("Enter")
        await frame(alice, "recall", member_id=member_id)
        await expect(chat.page.get_by_role("button", name="Edit again")).to_be_focused()
        await chat.page.get_by_role("button", name="Settings").focus()
        await keys.press("Enter")
        await expect(chat.page.get_by_role("radio", name="English")).to_be_focused()
        await keys.press("ArrowLeft")
        await expect(chat.page.get_by_text("语言")).to_be_visible()
        await keys.press("Escape")
        await expect(chat.page.get_by_role("button", name="设置")).to_be_focused()


async def test_a_phones_keyboard(stack: Stack, browser: Browser, talked: int) -> None:
    """It is not called unasked; when it is there, the last message and the text are above it."""
    async with visit(browser, **PHONE) as home:
        chat = await ChatPage.open(stack, home, talked)
        box = chat.page.get_by_label("Write a message")
        last = chat.page.locator("article.message").last
        await expect(last).to_be_in_viewport()
        await expect(box).not_to_be_focused()
        await box.tap()
        await chat.page.set_viewport_size({"width": 360, "height": 390})
        await expect(box).to_be_in_viewport(ratio=1)
        await expect(last.locator(".meta")).to_be_in_viewport()
        await box.fill("line\n" * 12)
        await expect(chat.page.get_by_role("button", name="Send", exact=True)).to_be_in_viewport()
        await expect(chat.page.get_by_role("heading", level=1)).to_be_in_viewport()
        await chat.page.get_by_role("button", name="Send", exact=True).tap()
        await expect(box).to_be_focused()
        assert await chat.page.evaluate("scrollY") == 0


async def test_languages(stack: Stack, browser: Browser) -> None:
    """The address may name one, else it is the browser's; what the customer chooses is kept."""
    async with visit(browser, locale="zh-CN") as home:
        page = await home.open(f"{stack.http_url}/chat?site_id=1")
        await expect(page.get_by_placeholder("输入消息…")).to_be_visible()
        assert await page.evaluate("document.documentElement.lang") == "zh-CN"
        await page.goto(f"{stack.http_url}/chat?site_id=1&lang=en")
        await expect(page.get_by_placeholder("Write a message…")).to_be_visible()
        await page.get_by_role("button", name="Settings").click()
        await page.get_by_role("radio", name="简体中文").check()
        await expect(page.get_by_placeholder("输入消息…")).to_be_visible()
        await page.reload()
        await expect(page.get_by_placeholder("输入消息…")).to_be_visible()


async def test_the_theme_is_kept(stack: Stack, browser: Browser) -> None:
    """A customer may have it dark by day."""
    async with visit(browser, color_scheme="light") as home:
        page = await home.open(f"{stack.http_url}/chat?site_id=1")
        root = page.locator("html")
        await expect(root).not_to_have_class("dark")
        await page.get_by_role("button", name="Settings").click()
        await page.get_by_role("radio", name="Dark").check()
        await expect(root).to_have_class("dark")
        await page.reload()
        await expect(root).to_have_class("dark")


async def test_weight(stack: Stack, browser: Browser) -> None:
    """The chat with everything it loads, and the script that embeds it, weigh under 60 kB."""
    urls: set[str] = {f"{stack.http_url}/widget.js"}

    def note(response: Response) -> None:
        if response.request.resource_type in ("document", "script", "stylesheet", "font", "other"):
            urls.add(response.url.partition("#")[0])

    async with visit(browser) as home:
        home.context.on("response", note)
        chat = await ChatPage.open(stack, home)
        await chat.page.get_by_role("button", name="Emoji").click()
        await chat.page.get_by_role("button", name="Settings").click()
        await chat.page.wait_for_load_state("networkidle")
    weights = {}
    headers = {"Accept-Encoding": "gzip"}
    async with aiohttp.ClientSession(headers=headers, auto_decompress=False) as http:
        for url in urls:
            async with http.get(url) as response:
                weights[url] = len(await response.read())
    assert len([url for url in weights if url.endswith(".js")]) >= 2
    assert sum(weights.values()) < MAX_WEIGHT, weights
