"""The demo shop front: a newcomer sees the whole thing at once."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import Browser, FrameLocator, Page, expect

from tests.business.services.servicer.support import Desk
from tests.support.axe import check_accessible
from tests.support.browser import visit
from tests.support.stack import Stack

pytestmark = pytest.mark.asyncio(loop_scope="module")

PHONE: dict[str, Any] = {
    "viewport": {"width": 360, "height": 740},
    "has_touch": True,
    "is_mobile": True,
}

WIDTH = "document.documentElement.scrollWidth"
"""Of what there is; a phone's window grows with it."""


def chat_of(page: Page) -> FrameLocator:
    """The chat that the page embeds."""
    return page.frame_locator("iframe")


async def test_a_customer_asks_and_is_answered(stack: Stack, desk: Desk, browser: Browser) -> None:
    """A member asks about goods and an order; an agent sees whose they are, and answers."""
    async with desk.agent("alice") as alice, visit(browser) as visitor:
        page = await visitor.open(f"{stack.http_url}/demo")
        await page.get_by_role("radio", name="王五").check()
        await expect(page.get_by_text("No orders yet")).to_be_visible()
        await page.get_by_role("radio", name="张三").check()
        order = page.get_by_role("listitem").filter(has_text="2026110100000101")
        await expect(order.first).to_be_visible()

        await page.get_by_role("button", name="Ask about this 保温杯").click()
        chat = chat_of(page)
        await expect(chat.get_by_text("保温杯 350ml")).to_be_visible()
        connected = await alice.receive("connect")
        assert connected["member_id"] == 1
        await chat.get_by_role("button", name="Send product").click()
        assert (await alice.receive("goodssku"))["goods_sku_id"] == 21

        await chat.get_by_role("button", name="Close").click()
        await page.get_by_role("button", name="Ask about this order 2026110100000101").click()
        await chat.get_by_role("button", name="Send order").click()
        assert (await alice.receive("order"))["order_id"] == 101

        said = "<p>明天发货</p>"
        await alice.call("chat/answer", member_id=1, servicer_say=said)
        await expect(chat.get_by_text("明天发货")).to_be_visible()


async def test_goods_have_a_page(stack: Stack, browser: Browser) -> None:
    """The variant that is looked at is ready to be sent, and is not any more when one has left."""
    async with visit(browser) as visitor:
        page = await visitor.open(f"{stack.http_url}/demo")
        await page.get_by_role("link", name="蓝牙耳机").click()
        await expect(page.get_by_role("heading", name="蓝牙耳机", level=1)).to_be_visible()
        await expect(page.get_by_text("18 in stock")).to_be_visible()
        await page.get_by_role("radio", name="黑色").check()
        await expect(page.get_by_text("Out of stock")).to_be_visible()
        # The launcher only: nothing about what is looked at has opened it.
        await expect(page.locator("iframe")).not_to_be_visible()
        await page.get_by_role("button", name="Contact us").click()
        chat = chat_of(page)
        await expect(chat.get_by_text("蓝牙耳机 黑色")).to_be_visible()
        await page.get_by_role("link", name="All products").click()
        await expect(chat.get_by_text("蓝牙耳机 黑色")).to_be_hidden()
        await page.goto(f"{stack.http_url}/demo#/goods/999")
        await expect(page.get_by_text("There is no such product")).to_be_visible()


async def test_where_the_other_side_is(stack: Stack, browser: Browser) -> None:
    """The box for newcomers leads to the console, and says who gets in; folded, it stays so."""
    async with visit(browser) as visitor:
        page = await visitor.open(f"{stack.http_url}/demo")
        box = page.get_by_role("group").filter(has_text="This is a demo shop")
        await expect(box).to_contain_text("User alice or bob · Password demo")
        await expect(box).to_contain_text("User admin (shop) or root (platform) · Password demo")
        tag = f'<script async src="{stack.http_url}/widget.js" data-site="1"></script>'
        await expect(box.locator("pre")).to_have_text(tag)
        async with visitor.context.expect_page() as opening:
            await box.get_by_role("link", name="Agent console").click()
        console = await opening.value
        await console.get_by_label("User name").fill("bob")
        await console.get_by_label("Password").fill("demo")
        await console.get_by_role("button", name="Sign in").click()
        await expect(console.get_by_role("tab", name="Mine")).to_be_visible()
        await page.get_by_text("This is a demo shop").click()
        await expect(box.locator("pre")).to_be_hidden()
        # A browser tells pages of it a moment later.
        await page.wait_for_function("() => localStorage.getItem('kefu.demo.folded') !== null")
        await page.reload()
        await expect(page.get_by_text("This is a demo shop")).to_be_visible()
        await expect(box.locator("pre")).to_be_hidden()


async def test_whom_one_is_is_remembered(stack: Stack, browser: Browser) -> None:
    """Also by the chat: a reload does not make a visitor of a member."""
    async with visit(browser) as visitor:
        page = await visitor.open(f"{stack.http_url}/demo")
        await page.get_by_role("radio", name="李四").check()
        await page.reload()
        await expect(page.get_by_role("radio", name="李四")).to_be_checked()
        await page.get_by_role("button", name="Ask about this order 2026110100000201").click()
        # Of an order of somebody else, there would be no card.
        await expect(chat_of(page).get_by_text("棉质T恤 黑色 L")).to_be_visible()
        await page.get_by_role("radio", name="Visitor").check()
        await expect(page.get_by_text("Orders are shown to who has logged in")).to_be_visible()


async def test_language(stack: Stack, browser: Browser) -> None:
    """The other language is one click away, in the chat as well."""
    async with visit(browser, locale="zh-CN") as visitor:
        page = await visitor.open(f"{stack.http_url}/demo")
        await expect(page.get_by_role("heading", name="全部商品")).to_be_visible()
        await page.get_by_role("button", name="English").click()
        await expect(page.get_by_role("heading", name="All products")).to_be_visible()
        await page.get_by_role("button", name="Contact us").click()
        await expect(chat_of(page).get_by_label("Write a message")).to_be_visible()


async def test_shop_that_does_not_answer(stack: Stack, browser: Browser) -> None:
    """It says so, and comes when it is asked again."""
    async with visit(browser, expect_problems=True) as visitor:
        page = await visitor.context.new_page()
        await page.route("**/demo/shop*", lambda route: route.abort())
        await page.goto(f"{stack.http_url}/demo")
        await expect(page.get_by_role("alert")).to_contain_text("could not be loaded")
        await page.unroute("**/demo/shop*")
        await page.get_by_role("button", name="Retry").click()
        await expect(page.get_by_role("heading", name="All products")).to_be_visible()


@pytest.mark.parametrize("colours", ["light", "dark"])
@pytest.mark.parametrize("size", [PHONE, {"viewport": {"width": 768, "height": 900}}, {}])
async def test_accessible(
    stack: Stack, browser: Browser, colours: str, size: dict[str, Any]
) -> None:
    """On every screen axe finds nothing, and nothing is wider than it."""
    width = size.get("viewport", {}).get("width", 1280)
    async with visit(browser, color_scheme=colours, **size) as visitor:
        page = await visitor.open(f"{stack.http_url}/demo")
        for person in ("Visitor", "张三"):
            await page.get_by_role("radio", name=person).check()
            await expect(page.get_by_role("heading", name="My orders")).to_be_visible()
            await check_accessible(page)
            assert await page.evaluate(WIDTH) <= width
        await page.get_by_role("link", name="棉质T恤", exact=True).click()
        await expect(page.get_by_role("heading", level=1)).to_be_visible()
        await check_accessible(page)
        assert await page.evaluate(WIDTH) <= width
