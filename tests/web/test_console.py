"""The agents' console: who gets in, and what they load."""

from __future__ import annotations

import hashlib

import pytest
from playwright.async_api import Browser, Response, WebSocket, expect

from tests.business.services.servicer.support import Desk
from tests.support.axe import check_accessible
from tests.support.browser import visit
from tests.support.stack import Stack

from .people import ConsolePage

pytestmark = pytest.mark.asyncio(loop_scope="module")

FIRST_LOAD = 300 * 1024
"""Bytes that everything may weigh that is loaded until an agent sees the desk, compressed."""


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_the_login_is_accessible(stack: Stack, browser: Browser, scheme: str) -> None:
    """Axe finds nothing serious, in light and dark."""
    async with visit(browser, color_scheme=scheme) as visitor:
        page = await visitor.open(f"{stack.http_url}/console")
        await page.get_by_label("User name").wait_for()
        await check_accessible(page)


async def test_a_wrong_password(stack: Stack, browser: Browser) -> None:
    """The form says so, leads back to the password, and lets the right one in."""
    async with visit(browser) as visitor:
        console = ConsolePage(await visitor.open(f"{stack.http_url}/console"), visitor)
        await console.page.get_by_role("button", name="Sign in").click()
        await expect(console.page.get_by_role("alert")).to_contain_text("type your user name")
        await console.sign_in("alice", "guess")
        await expect(console.page.get_by_role("alert")).to_have_text("Wrong user name or password.")
        await expect(console.page.get_by_label("Password")).to_be_focused()
        await console.sign_in("alice", "demo")
        await expect(console.page.get_by_role("tab", name="Mine")).to_be_visible()


async def test_a_captcha_after_failures(stack: Stack, browser: Browser, desk: Desk) -> None:
    """After three failures there is a picture of letters, a new one for each try."""
    async with visit(browser) as visitor:
        console = ConsolePage(await visitor.open(f"{stack.http_url}/console"), visitor)
        alert = console.page.get_by_role("alert")
        for _ in range(3):
            await console.sign_in("bob", "guess")
            await expect(alert).to_contain_text("Wrong user name")
        await console.sign_in("bob", "demo")
        letters = console.page.get_by_label("Letters in the picture")
        await expect(letters).to_be_focused()
        await expect(alert).to_contain_text("letters of the picture")
        await check_accessible(console.page)

        image = console.page.get_by_role("img", name="Picture of letters")
        first = await image.get_attribute("src")
        await letters.fill("AAAA")
        await console.page.get_by_role("button", name="Sign in").click()
        await expect(alert).to_have_text("The letters were not right.")
        await expect(image).not_to_have_attribute("src", first or "")

        [row] = desk.rows("SELECT id FROM servicer_captcha ORDER BY rowid DESC LIMIT 1")
        answer = hashlib.sha256(f"{row['id']} ABCD".encode()).hexdigest()
        desk.execute("UPDATE servicer_captcha SET answer = ? WHERE id = ?", answer, row["id"])
        await letters.fill("abcd")
        await console.page.get_by_role("button", name="Sign in").click()
        await expect(console.page.get_by_role("tab", name="Mine")).to_be_visible()


async def test_log_out(stack: Stack, browser: Browser) -> None:
    """Who logs out sees the login, also after a reload; another agent finds nothing of theirs."""
    async with visit(browser) as visitor:
        console = await ConsolePage.log_in(stack, visitor)
        await console.page.get_by_role("button", name="Settings and account").click()
        await console.page.get_by_role("button", name="Sign out").click()
        await expect(console.page.get_by_label("User name")).to_be_visible()
        await console.page.reload()
        await console.sign_in("carol", "demo")
        await expect(console.page.get_by_text("Demo Books")).to_be_visible()
        await expect(console.page.get_by_role("option")).to_have_count(0)


async def test_a_login_that_has_ended(stack: Stack, browser: Browser, desk: Desk) -> None:
    """The next thing that is asked for leads to the login, which says why, and then back to what
    was being written."""
    async with visit(browser) as visitor, desk.customer(1) as customer:
        console = await ConsolePage.log_in(stack, visitor)
        await customer.bind()
        await console.choose("张三")
        await visitor.context.clear_cookies()
        await console.page.get_by_label("Message", exact=True).fill("not lost")
        await expect(console.page.get_by_role("alert")).to_contain_text("session has ended")
        await console.sign_in("alice", "demo")
        box = console.page.get_by_label("Message", exact=True)
        await expect(box).to_have_value("not lost")
        await box.press("Enter")
        pushed = await customer.socket.recv_type("string")
        assert pushed["data"]["servicer_say"] == "<p>not lost</p>"
        await expect(box).to_have_value("")


async def test_the_password(stack: Stack, browser: Browser) -> None:
    """An agent changes their own password; a wrong old one and a mistyped new one are refused."""
    async with visit(browser) as visitor:
        console = await ConsolePage.log_in(stack, visitor, "carol")

        async def change(old: str, new: str, again: str) -> None:
            if not await dialog.is_visible():
                await console.page.get_by_role("button", name="Settings and account").click()
                await console.page.get_by_role("button", name="Change password").click()
            await dialog.get_by_label("Current password").fill(old)
            await dialog.get_by_label("New password", exact=True).fill(new)
            await dialog.get_by_label("New password again").fill(again)
            await dialog.get_by_role("button", name="Save").click()

        dialog = console.page.get_by_role("dialog", name="Change password")
        await change("demo", "longer-password", "other-password")
        await expect(dialog.get_by_role("alert")).to_contain_text("are not the same")
        await change("wrong", "longer-password", "longer-password")
        await expect(dialog.get_by_role("alert")).to_contain_text("current password is wrong")
        await check_accessible(console.page)
        await change("demo", "longer-password", "longer-password")
        await expect(console.page.get_by_text("Password changed")).to_be_visible()
        await expect(dialog).to_be_hidden()
        async with visit(browser) as other:
            await ConsolePage.log_in(stack, other, "carol", "longer-password")


async def test_logged_in_elsewhere(stack: Stack, browser: Browser) -> None:
    """The page before stays away, whatever wakes it, until the person comes back to it."""
    async with visit(browser) as office, visit(browser) as sofa:
        first = await ConsolePage.log_in(stack, office)
        sockets: list[WebSocket] = []
        first.page.on("websocket", lambda socket: sockets.append(socket))
        second = await ConsolePage.log_in(stack, sofa)
        await expect(first.page.get_by_role("heading", name="You have signed in")).to_be_visible()
        await check_accessible(first.page)
        await first.page.evaluate("window.dispatchEvent(new Event('online'))")
        await first.page.get_by_role("button", name="Sign in again").click()
        assert sockets == []
        await first.sign_in("alice", "demo")
        await expect(first.page.get_by_role("tab", name="Mine")).to_be_visible()
        await expect(second.page.get_by_role("heading", name="You have signed in")).to_be_visible()


async def test_language_and_colours(stack: Stack, browser: Browser) -> None:
    """They follow the browser until they are chosen, which is remembered."""
    async with visit(browser, locale="zh-CN", color_scheme="dark") as visitor:
        page = await visitor.open(f"{stack.http_url}/console")
        root = page.locator("html")
        await expect(root).to_have_attribute("lang", "zh-CN")
        await expect(root).to_have_class("dark")
        await page.get_by_role("button", name="English").click()
        await page.get_by_role("button", name="Light").click()
        await expect(root).to_have_class("")
        await page.reload()
        await expect(page.get_by_role("heading", name="Sign in to the console")).to_be_visible()
        await expect(root).to_have_attribute("lang", "en")
        await expect(root).to_have_class("")
        await expect(page).to_have_title("Agent console")


async def test_first_load(stack: Stack, browser: Browser) -> None:
    """What is loaded until an agent sees the desk is light enough for a slow line."""
    async with visit(browser) as visitor:
        loaded: list[Response] = []
        visitor.context.on("response", lambda response: loaded.append(response))
        await ConsolePage.log_in(stack, visitor)
        assets = [one for one in loaded if one.request.resource_type not in ("fetch", "image")]
        sizes = {one.url: (await one.request.sizes())["responseBodySize"] for one in assets}
        assert any(".js" in url for url in sizes)
        assert any(".css" in url for url in sizes)
        assert 50 * 1024 < sum(sizes.values()) < FIRST_LOAD, sizes
