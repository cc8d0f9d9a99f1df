"""An agent and a customer, each in a browser of their own, talk to each other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Page, expect

from tests.business.services.servicer.support import Desk, members
from tests.support.browser import visit
from tests.support.stack import Stack
from tests.support.timing import TIMEOUT

from .people import ChatPage, ConsolePage, picture

pytestmark = pytest.mark.asyncio(loop_scope="module")

WIDTH = 360

PHONE: dict[str, Any] = {
    "viewport": {"width": WIDTH, "height": 740},
    "has_touch": True,
    "is_mobile": True,
}

ZHANGSAN, LISI, WANGWU = (1, "张三"), (2, "李四"), (3, "王五")
"""Members of the demo shop; each test that needs a name takes one that no other does."""


async def seen(page: Page, images: int) -> None:
    """Wait until so many pictures of messages are there, loaded."""
    await page.wait_for_function(
        """count => {
            const found = [...document.querySelectorAll(".message .picture img")];
            return found.length === count && found.every((i) => i.complete && i.naturalWidth > 0);
        }""",
        arg=images,
    )


async def test_both_ways(stack: Stack, browser: Browser, tmp_path: Path) -> None:
    """Text, emoji, a picture, goods and an order go from each to the other, in order."""
    member_id, name = ZHANGSAN
    async with visit(browser) as office, visit(browser) as home:
        console = await ConsolePage.log_in(stack, office)
        chat = await ChatPage.open(stack, home, member_id)
        await expect(chat.page.get_by_role("heading", name="Alice")).to_be_visible()

        await chat.say("你好，有货吗？")
        await console.choose(name)
        await expect(console.message("你好，有货吗？")).to_be_visible()
        await console.say("有的 😊")
        await expect(chat.message("有的 😊")).to_be_visible()
        await chat.say("🎉")
        await expect(console.message("🎉")).to_be_visible()

        await chat.send_picture(picture(tmp_path, "tomato", "mine.png"))
        await seen(console.page, 1)
        await console.send_picture(picture(tmp_path, "teal", "yours.png"))
        await seen(chat.page, 2)

        await console.page.get_by_role("button", name="Send order 2026110100000101").click()
        await expect(chat.message("2026110100000101")).to_be_visible()
        await console.page.get_by_role("tab", name="Viewed").click()
        await console.page.get_by_role("button", name="Send product 棉质T恤 白色 M").click()
        await expect(chat.message("棉质T恤 白色 M").filter(has_text="59.00")).to_be_visible()

        assert await console.texts() == ["你好，有货吗？", "有的 😊", "🎉"]
        assert await chat.texts() == ["你好，有货吗？", "有的 😊", "🎉"]


async def test_goods_looked_at(stack: Stack, browser: Browser) -> None:
    """The chat opens with what the customer looks at, as a card that one click sends."""
    member_id, name = LISI
    async with visit(browser) as office, visit(browser) as home:
        console = await ConsolePage.log_in(stack, office)
        chat = await ChatPage.open(stack, home, member_id, "site_id=1&sku_id=22")
        await chat.page.get_by_role("button", name="Send product").click()
        await expect(chat.message("保温杯 500ml")).to_be_visible()
        await console.choose(name)
        await expect(console.message("保温杯 500ml")).to_be_visible()
        await expect(chat.page.get_by_role("button", name="Send product")).to_have_count(0)


async def test_marks_typing_and_recall(stack: Stack, browser: Browser, desk: Desk) -> None:
    """Each sees that the other types, has read, and has taken something back."""
    member_id, name = WANGWU
    async with visit(browser) as office, visit(browser) as home:
        console = await ConsolePage.log_in(stack, office)
        chat = await ChatPage.open(stack, home, member_id)
        await chat.say("一个问题")
        await expect(console.row(name)).to_be_visible()
        await expect(chat.own("一个问题").get_by_text("Delivered")).to_have_count(1)
        await console.choose(name)
        await expect(chat.own("一个问题").get_by_text("Read", exact=True)).to_have_count(1)

        await chat.page.get_by_label("Write a message").press_sequentially("还")
        await expect(console.page.get_by_text("Typing…")).to_be_visible()
        await console.page.get_by_label("Message", exact=True).press_sequentially("好")
        await expect(chat.page.get_by_text("typing")).to_have_count(1)
        await console.say("一个回答")
        await expect(console.own("一个回答").get_by_text("Read", exact=True)).to_have_count(1)
        await expect(chat.page.get_by_text("typing")).to_have_count(0)

        await console.own("一个回答").hover()
        await console.own("一个回答").get_by_role("button", name="Take back").click()
        await expect(chat.message("一个回答")).to_have_count(0)
        await expect(chat.page.get_by_text("A message was taken back")).to_be_visible()
        await chat.own("一个问题").get_by_role("button", name="Recall").click()
        await expect(console.message("一个问题")).to_have_count(0)
        await expect(console.message("Message taken back")).to_have_count(2)
        stored = desk.rows("SELECT * FROM servicer_dialogue WHERE member_id = ?", member_id)
        assert not [row for row in stored if "一个" in row["content"]]


async def test_reload_in_the_middle(stack: Stack, browser: Browser) -> None:
    """Who reloads finds everything once, and what came meanwhile too."""
    member_id = next(members)
    name = f"会员{member_id}"
    async with visit(browser) as office, visit(browser) as home:
        console = await ConsolePage.log_in(stack, office)
        chat = await ChatPage.open(stack, home, member_id)
        await chat.say("first")
        await console.choose(name)
        await expect(console.message("first")).to_be_visible()
        await chat.page.reload()
        await console.say("second")
        await expect(chat.message("second")).to_be_visible()
        await console.page.reload()
        await chat.say("third")
        await expect(console.message("third")).to_be_visible()
        await console.say("fourth")
        await expect(chat.message("fourth")).to_be_visible()
        words = ["first", "second", "third", "fourth"]
        assert await console.texts() == await chat.texts() == words


async def test_on_a_phone(stack: Stack, browser: Browser) -> None:
    """Both sides on phones: the console shows one column at a time, and nothing is wider."""
    member_id = next(members)
    name = f"会员{member_id}"
    async with visit(browser, **PHONE) as office, visit(browser, **PHONE) as home:
        console = await ConsolePage.log_in(stack, office)
        chat = await ChatPage.open(stack, home, member_id)
        await chat.say("a rather long message " * 10)
        await console.row(name).tap()
        await expect(console.message("a rather long message")).to_be_visible()
        await expect(console.row(name)).to_be_hidden()
        await console.say("W" * 200)
        await expect(chat.message("W" * 200)).to_be_visible()
        for page in (console.page, chat.page):
            width = await page.evaluate("document.documentElement.scrollWidth")
            assert width <= WIDTH
        await console.page.get_by_role("button", name="Back", exact=True).tap()
        await expect(console.row(name)).to_be_visible()


async def test_markup_is_inert(stack: Stack, browser: Browser) -> None:
    """What looks like markup is shown as it was typed, on both sides."""
    member_id = next(members)
    evil = "<img src=x onerror=\"document.title='caught'\"><b>bold</b>&lt;script>"
    async with visit(browser) as office, visit(browser) as home:
        console = await ConsolePage.log_in(stack, office)
        chat = await ChatPage.open(stack, home, member_id)
        await chat.say(evil)
        await console.choose(f"会员{member_id}")
        await expect(console.message(evil)).to_be_visible()
        await console.say(evil)
        await expect(chat.message(evil)).to_have_count(2)
        assert await console.texts() == await chat.texts() == [evil, evil]
        for page in (console.page, chat.page):
            assert await page.title() != "caught"
            assert await page.locator(".message b").count() == 0


async def test_second_login(stack: Stack, browser: Browser) -> None:
    """The agent logs in elsewhere: the first console says so, the second one has the customer."""
    member_id = next(members)
    name = f"会员{member_id}"
    async with visit(browser) as office, visit(browser) as home, visit(browser) as sofa:
        first = await ConsolePage.log_in(stack, office)
        chat = await ChatPage.open(stack, home, member_id)
        await chat.say("before")
        await first.choose(name)
        await expect(first.message("before")).to_be_visible()
        second = await ConsolePage.log_in(stack, sofa)
        await expect(
            first.page.get_by_role("heading", name="You have signed in elsewhere")
        ).to_be_visible()
        await chat.say("after")
        await second.choose(name)
        await expect(second.message("after")).to_be_visible()
        await second.say("here now")
        await expect(chat.message("here now")).to_be_visible()
        assert await second.texts() == await chat.texts() == ["before", "after", "here now"]


async def test_gateway_dies_in_the_middle(stack: Stack, browser: Browser) -> None:
    """The gateway is killed and comes back: what was said meanwhile is there, once, on both."""
    member_id = next(members)
    # Refused connections are errors in a browser's console.
    async with (
        visit(browser, expect_problems=True) as office,
        visit(browser, expect_problems=True) as home,
    ):
        console = await ConsolePage.log_in(stack, office)
        chat = await ChatPage.open(stack, home, member_id)
        await chat.say("one")
        await console.choose(f"会员{member_id}")
        await console.say("two")
        await expect(chat.message("two")).to_be_visible()

        await stack.gateway.kill()
        await expect(console.banner).to_be_visible()
        await expect(chat.banner).to_be_visible()
        await chat.say("three")
        await expect(chat.own("three").get_by_text("Sending")).to_have_count(0)
        await console.say("four")
        await expect(console.own("four").get_by_text("Sending")).to_have_count(0)
        await stack.start_gateway()
        for page in (console.page, chat.page):  # not the end of a pause of up to half a minute
            await page.evaluate("window.dispatchEvent(new Event('online'))")

        again = TIMEOUT * 2 * 1000
        await expect(console.message("three")).to_be_visible(timeout=again)
        await expect(chat.message("four")).to_be_visible(timeout=again)
        await expect(console.banner).to_be_hidden(timeout=again)
        await expect(chat.banner).to_be_hidden(timeout=again)
        await chat.say("five")
        await expect(console.message("five")).to_be_visible()
        await console.say("six")
        await expect(chat.message("six")).to_be_visible()
        words = ["one", "two", "three", "four", "five", "six"]
        assert await console.texts() == await chat.texts() == words
