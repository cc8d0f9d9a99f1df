"""The agents' console without a mouse."""

from __future__ import annotations

import pytest
from playwright.async_api import Browser, Page, expect

from tests.business.services.servicer.support import Desk
from tests.support.browser import visit
from tests.support.stack import Stack

from .people import ConsolePage

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def tab_to(page: Page, role: str, name: str, key: str = "Tab") -> None:
    """Press Tab until something has the focus; fails where it never has, or shows no sign of it."""
    target = page.get_by_role(role, name=name)  # type: ignore[arg-type]
    for _ in range(40):
        await page.keyboard.press(key)
        if await target.evaluate_all("(found) => found.some((e) => e === document.activeElement)"):
            return
    raise AssertionError(f"Tab does not reach {role} {name}")


async def test_a_whole_conversation(stack: Stack, browser: Browser, desk: Desk) -> None:
    """Log in, go through the list, open a conversation, write, send, and go on to the next one."""
    async with visit(browser) as visitor, desk.customer() as one, desk.customer() as other:
        page = await visitor.open(f"{stack.http_url}/console")
        console = ConsolePage(page, visitor)
        await expect(page.get_by_label("User name")).to_be_focused()
        await page.keyboard.type("alice")
        await page.keyboard.press("Tab")
        await page.keyboard.type("demo")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("tab", name="Mine")).to_be_visible()
        for customer, text in ((one, "from one"), (other, "from other")):
            await customer.bind()
            await customer.call("say", message=text)
            await expect(console.row(f"会员{customer.member_id}")).to_contain_text("1 unread")

        await tab_to(page, "listbox", "Conversations")
        await page.keyboard.press("Home")
        await page.keyboard.press("ArrowDown")
        await page.keyboard.press("Enter")
        await expect(console.message("from one")).to_be_visible()
        box = page.get_by_label("Message", exact=True)
        await expect(box).to_be_focused()
        await page.keyboard.type("first line")
        await page.keyboard.press("Shift+Enter")
        await page.keyboard.type("second line")
        await page.keyboard.press("Enter")
        await expect(console.own("second line").get_by_text("Delivered")).to_have_count(1)
        while (frame := await one.socket.recv_json())["type"] != "string":
            pass
        assert frame["data"]["servicer_say"] == "<p>first line<br>second line</p>"

        # What was answered is the first of the list now.
        await page.keyboard.press("Alt+ArrowDown")
        await expect(console.message("from other")).to_be_visible()
        await expect(box).to_be_focused()
        await page.keyboard.press("Alt+ArrowUp")
        await expect(console.message("from one")).to_be_visible()

        await page.keyboard.press("Control+k")
        await expect(page.get_by_label("Search customers")).to_be_focused()
        await page.keyboard.type(str(other.member_id))
        await expect(page.get_by_role("option")).to_have_count(1)
        await page.keyboard.press("ArrowDown")
        await page.keyboard.press("Home")
        await page.keyboard.press("Enter")
        await expect(console.message("from other")).to_be_visible()

        await page.keyboard.press("Escape")
        await expect(page.get_by_role("listbox", name="Conversations")).to_be_focused()
        await page.keyboard.press("?")
        await expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()
        await page.keyboard.press("Escape")
        await expect(page.get_by_role("dialog")).to_have_count(0)


async def test_everything_else(stack: Stack, browser: Browser, desk: Desk) -> None:
    """Tabs by arrows, the switch, the menu, what is beside the conversation and its messages."""
    async with visit(browser) as visitor, desk.customer(1) as customer:
        console = await ConsolePage.log_in(stack, visitor)
        page = console.page
        await customer.bind()
        await expect(console.row("张三")).to_be_visible()
        await tab_to(page, "tab", "Mine")
        await page.keyboard.press("ArrowLeft")
        await expect(page.get_by_role("tab", name="All")).to_be_focused()
        await expect(page.get_by_role("tab", name="All")).to_have_attribute("aria-selected", "true")
        await page.keyboard.press("ArrowRight")
        await tab_to(page, "switch", "Accept new customers", "Shift+Tab")
        for words in ("Not accepting", "Accepting"):
            await page.keyboard.press("Space")
            await expect(page.get_by_text(words, exact=True)).to_be_visible()
        await tab_to(page, "button", "Settings and account")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("switch", name="Sound")).to_be_focused()
        await page.keyboard.press("Escape")
        await expect(page.get_by_role("button", name="Settings and account")).to_be_focused()

        await tab_to(page, "listbox", "Conversations")
        await page.keyboard.press("Home")
        await page.keyboard.press("Enter")
        await expect(page.get_by_label("Message", exact=True)).to_be_focused()
        await page.keyboard.type("a slip")
        await page.keyboard.press("Enter")
        await expect(console.own("a slip").get_by_text("Delivered")).to_have_count(1)
        await tab_to(page, "button", "Take back", "Shift+Tab")
        await page.keyboard.press("Enter")
        await expect(console.own("Message taken back")).to_have_count(1)
        await page.get_by_label("Message", exact=True).focus()
        await tab_to(page, "tab", "Orders")
        await tab_to(page, "button", "Send order 2026110100000102")
        await page.keyboard.press("Enter")
        await expect(console.own("2026110100000102").get_by_text("Delivered")).to_have_count(1)
