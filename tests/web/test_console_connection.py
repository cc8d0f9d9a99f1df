"""The agents' console when the connection goes away, and when it comes back."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest
from playwright.async_api import Browser, WebSocket, expect

from tests.business.services.servicer.support import Desk
from tests.support.axe import check_accessible
from tests.support.browser import visit
from tests.support.stack import Stack
from tests.support.timing import TIMEOUT, eventually

from .people import ConsolePage

pytestmark = pytest.mark.asyncio(loop_scope="module")

MISSED = 130
"""Messages: more than a page of them."""

AGAIN = 2 * TIMEOUT * 1000
"""Milliseconds in which a console must be back."""


async def test_much_is_missed(stack: Stack, browser: Browser, desk: Desk) -> None:
    """The gateway is killed: the console says so, tries again and again, and finds all that was
    said meanwhile, in order, without a reload; also in conversations that were not open."""
    async with visit(browser, expect_problems=True) as visitor, desk.customer() as customer:
        name = f"会员{customer.member_id}"
        console = await ConsolePage.log_in(stack, visitor)
        await customer.bind()
        await customer.call("say", message="before")
        await console.choose(name)
        await expect(console.message("before")).to_be_visible()
        await console.page.evaluate("window.isSame = true")
        sockets: list[WebSocket] = []
        console.page.on("websocket", lambda socket: sockets.append(socket))

        await stack.gateway.kill()
        await expect(console.page.get_by_text(re.compile(r"next attempt in \d+ s"))).to_be_visible()
        await check_accessible(console.page)
        for number in range(MISSED):
            await customer.call("say", message=f"missed {number}")
        other = await desk.customer_call("visitor", {})
        words = {"token": other["data"]["token"], "message": "from somebody new"}
        await desk.customer_call("say", words)
        await eventually(lambda: len(sockets) >= 3)
        await stack.start_gateway()
        retry = console.page.get_by_role("button", name="Retry now")
        back = console.page.get_by_text("Connected again")
        async with asyncio.timeout(AGAIN / 1000):
            while not await back.is_visible():
                # Those that are there: the page also tries by itself, and then the button goes.
                await retry.evaluate_all("buttons => buttons.forEach((button) => button.click())")
                await asyncio.sleep(0.1)
        await expect(console.message(f"missed {MISSED - 1}")).to_be_visible()
        await expect(console.row("from somebody new")).to_contain_text("1 unread")
        await console.page.locator(".thread .scroll").focus()
        await expect(console.banner).to_be_hidden()
        stored = desk.rows(
            "SELECT message FROM servicer_dialogue WHERE member_id = ? ORDER BY id",
            customer.member_id,
        )
        expected = ["before", *(f"missed {number}" for number in range(MISSED))]
        assert [row["message"] for row in stored] == expected
        shown: list[str] = []
        while shown[:1] != ["before"]:
            await console.page.keyboard.press("Home")
            await console.page.evaluate("() => new Promise(requestAnimationFrame)")
            texts = await console.texts()
            last = shown[0] if shown else None
            shown = [*texts[: texts.index(last) if last in texts else None], *shown]
        assert shown == expected
        assert await console.page.evaluate("window.isSame")


async def test_the_machine_goes_to_sleep(stack: Stack, browser: Browser, desk: Desk) -> None:
    """A socket that died without a word is noticed as soon as the browser says that it is online
    again, and what was missed is there."""
    async with visit(browser, expect_problems=True) as visitor, desk.customer() as customer:
        console = await ConsolePage.log_in(stack, visitor)
        await customer.bind()
        await customer.call("say", message="before")
        await console.choose(f"会员{customer.member_id}")
        await expect(console.message("before")).to_be_visible()
        await visitor.context.set_offline(True)
        await console.say("written on the train")
        await expect(console.own("written on the train").get_by_text("Not sent")).to_be_visible()
        await customer.call("say", message="meanwhile")
        await visitor.context.set_offline(False)
        await expect(console.message("meanwhile")).to_be_visible(timeout=AGAIN)
        # What failed for want of a connection is sent again by itself.
        own = console.own("written on the train")
        await expect(own.get_by_text("Delivered")).to_have_count(1, timeout=AGAIN)
        assert await console.texts() == ["before", "meanwhile", "written on the train"]


async def test_the_workers_are_gone(stack: Stack, browser: Browser, desk: Desk) -> None:
    """The sockets stay, and what cannot be asked for says so and can be asked for again."""
    async with visit(browser, expect_problems=True) as visitor, desk.customer() as customer:
        console = await ConsolePage.log_in(stack, visitor)
        await customer.bind()
        await customer.call("say", message="before")
        await expect(console.row(f"会员{customer.member_id}")).to_be_visible()
        await stack.business.kill()
        await console.choose(f"会员{customer.member_id}")
        retry = console.page.get_by_role("button", name="Try again")
        await expect(retry.first).to_be_visible()
        await check_accessible(console.page)
        await stack.start_business()
        await stack.linked()
        # Those that are there: the page also asks again by itself, and then one goes away.
        await retry.evaluate_all("buttons => buttons.forEach((button) => button.click())")
        await expect(retry).to_have_count(0)
        await expect(console.message("before")).to_be_visible()
        await expect(console.page.get_by_text("No orders")).to_be_visible()


async def test_a_pages_start_without_a_server(
    browser: Browser, tmp_path: Path, stack: Stack
) -> None:
    """A page that is opened while nobody answers says so, and begins with a click."""
    async with visit(browser, expect_problems=True) as visitor:
        page = await visitor.context.new_page()
        await page.route("**/index/me", lambda route: route.abort())
        await page.goto(f"{stack.http_url}/console")
        await expect(page.get_by_role("alert")).to_contain_text("network is not available")
        await check_accessible(page)
        await page.unroute("**/index/me")
        await page.get_by_role("button", name="Try again").click()
        await expect(page.get_by_label("User name")).to_be_visible()
