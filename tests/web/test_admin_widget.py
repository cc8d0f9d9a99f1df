"""The settings of the widget in a browser: previewed, saved, and seen by customers."""

from __future__ import annotations

import itertools

import pytest
from playwright.async_api import Browser, expect

from tests.support.axe import check_accessible
from tests.support.browser import visit
from tests.support.stack import Stack

from .office import OfficePage
from .people import ChatPage

pytestmark = pytest.mark.asyncio(loop_scope="module")

members = itertools.count(8000)


async def test_what_is_set_is_what_customers_see(stack: Stack, browser: Browser) -> None:
    """The preview shows it before it is saved; the chat does after, in both languages, as text."""
    async with (
        visit(browser) as visitor,
        visit(browser) as english,
        visit(browser, locale="zh-CN") as chinese,
    ):
        office = await OfficePage.log_in(stack, visitor)
        page = office.page
        await office.go("Chat widget")
        preview = page.locator(".preview")
        await expect(preview).to_contain_text("Hello! How can we help you?")
        await page.get_by_label("Colour", exact=True).fill("#0f766e")
        title = page.get_by_role("group", name="Title")
        await title.get_by_label("Chinese").fill("小店客服")
        greeting = page.get_by_role("group", name="Greeting")
        await greeting.get_by_label("Chinese").fill("欢迎光临 <b>小店</b>")
        await greeting.get_by_label("English").fill("Welcome <i>here</i>")
        await expect(preview).to_contain_text("Welcome <i>here</i>")
        await expect(preview.locator(".title")).to_have_css("background-color", "rgb(15, 118, 110)")
        await check_accessible(page)

        before = await ChatPage.open(stack, english, next(members))
        await expect(before.page.get_by_text("Hello! How can we help you?")).to_be_visible()
        await page.get_by_role("button", name="Save").click()
        await expect(page.get_by_text("Saved")).to_be_visible()

        chat = await ChatPage.open(stack, english, next(members))
        await expect(chat.page.get_by_text("Welcome <i>here</i>")).to_be_visible()
        await expect(chat.page.get_by_role("heading", name="小店客服")).to_be_visible()
        accent = "getComputedStyle(document.documentElement).getPropertyValue('--accent')"
        assert await chat.page.evaluate(accent) == "#0f766e"
        other = await chinese.open(f"{stack.http_url}/chat?site_id=1")
        await expect(other.get_by_text("欢迎光临 <b>小店</b>")).to_be_visible()

        await page.reload()
        await expect(title.get_by_label("Chinese")).to_have_value("小店客服")
        await title.get_by_label("Chinese").fill("")
        await page.get_by_role("button", name="Save").click()
        await expect(page.get_by_text("Saved")).to_be_visible()
        await chat.page.reload()
        await expect(chat.page.get_by_role("heading", name="Demo Store")).to_be_visible()


async def test_a_colour_that_cannot_be(stack: Stack, browser: Browser) -> None:
    """Is not saved; one that is hard to see is warned of."""
    async with visit(browser) as visitor:
        office = await OfficePage.log_in(stack, visitor)
        page = office.page
        await office.go("Chat widget")
        field = page.get_by_label("Colour", exact=True)
        await field.fill("#12345")
        await expect(page.get_by_text("Enter a colour like #2563eb")).to_be_visible()
        await expect(page.get_by_role("button", name="Save")).to_be_disabled()
        await field.fill("#ffee88")
        await expect(page.get_by_text("Hard to see on a white page (contrast 1.2")).to_be_visible()
        await expect(page.get_by_role("button", name="Save")).to_be_enabled()
        await page.get_by_role("button", name="Use the colour #15803d").click()
        await expect(field).to_have_value("#15803d")


async def test_the_code_for_the_shop(stack: Stack, browser: Browser) -> None:
    """Names this server and the shop, is copied by a click, and is where the chat comes from."""
    async with visit(browser, permissions=["clipboard-read", "clipboard-write"]) as visitor:
        office = await OfficePage.log_in(stack, visitor)
        page = office.page
        await office.go("Chat widget")
        code = page.get_by_label("Install")
        tag = f'<script async src="{stack.http_url}/widget.js" data-site="1"></script>'
        await expect(code).to_have_value(tag)
        await page.get_by_role("button", name="Copy").click()
        await expect(page.get_by_text("Copied")).to_be_visible()
        assert await page.evaluate("navigator.clipboard.readText()") == tag
        async with visitor.context.expect_page() as opened:
            await page.get_by_role("link", name="Open the chat").click()
        await expect((await opened.value).get_by_label("Write a message")).to_be_visible()
