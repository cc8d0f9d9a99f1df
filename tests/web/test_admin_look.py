"""Every page of the back office is accessible, in light and dark, and fits on every screen."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from playwright.async_api import Browser, Route, ViewportSize, expect

from tests.support.axe import check_accessible
from tests.support.browser import visit
from tests.support.stack import Stack

from .office import OfficePage

pytestmark = pytest.mark.asyncio(loop_scope="module")

PLACES: dict[str, list[str]] = {
    "Shop": [
        "Agents", "Groups", "Keyword replies", "Quick replies", "Chat history", "Statistics",
        "Chat widget",
    ],
    "Platform": ["Chat history", "Statistics", "Live", "Platform"],
}  # fmt: skip
SIZES: list[ViewportSize] = [
    {"width": 360, "height": 740},
    {"width": 768, "height": 1024},
    {"width": 1440, "height": 900},
]


async def fits(office: OfficePage) -> None:
    """See that nothing is beyond the screen's edge."""
    width = await office.page.evaluate(
        "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
    )
    assert width[0] <= width[1], office.page.url


@pytest.mark.parametrize("door", ["Shop", "Platform"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_pages(stack: Stack, browser: Browser, door: str, scheme: Any) -> None:
    """All of a door's, on three sizes of screens, with axe on the smallest and the largest."""
    async with visit(browser, color_scheme=scheme, viewport=SIZES[-1]) as visitor:
        page = await visitor.open(f"{stack.http_url}/admin")
        await expect(page.get_by_role("button", name="Log in")).to_be_visible()
        await check_accessible(page)
        office = await OfficePage.log_in(stack, visitor, door)
        for place in PLACES[door]:
            await office.page.set_viewport_size(SIZES[-1])
            await office.go(place)
            await expect(office.page.locator("main .el-skeleton")).to_have_count(0)
            await check_accessible(office.page)
            for size in SIZES[::-1]:
                await office.page.set_viewport_size(size)
                await fits(office)
            await check_accessible(office.page)


async def test_forms(stack: Stack, browser: Browser) -> None:
    """On a small screen in the dark, with what is wrong in them said."""
    async with visit(browser, color_scheme="dark", viewport=SIZES[0]) as visitor:
        office = await OfficePage.log_in(stack, visitor)
        for place, form in (
            ("Agents", "Add agent"),
            ("Groups", "Add group"),
            ("Keyword replies", "Add keyword"),
            ("Quick replies", "Add quick reply"),
        ):
            await office.go(place)
            await office.page.get_by_role("button", name=form).click()
            dialog = office.dialog(form)
            await dialog.get_by_role("button", name="Save").click()
            await expect(dialog.get_by_role("alert")).to_be_visible()
            await fits(office)
            await check_accessible(office.page)
            await dialog.get_by_role("button", name="Cancel").click()
            await expect(dialog).to_be_hidden()


async def test_by_keyboard(stack: Stack, browser: Browser) -> None:
    """Logged in, a keyword reply made and a message found without a mouse."""
    async with visit(browser) as visitor:
        page = await visitor.open(f"{stack.http_url}/admin")
        press = page.keyboard.press
        await expect(page.get_by_label("User name")).to_be_focused()
        await page.keyboard.type("admin")
        await press("Tab")
        await page.keyboard.type("demo")
        await press("Enter")
        await page.get_by_role("link", name="Quick replies").focus()
        await press("Enter")
        await page.get_by_role("button", name="Add quick reply").focus()
        await press("Enter")
        form = page.get_by_role("dialog", name="Add quick reply")
        await form.get_by_label("Text").focus()
        await page.keyboard.type("by hand")
        await press("Tab")
        await press("Tab")
        await expect(form.get_by_role("button", name="Save")).to_be_focused()
        await press("Enter")
        await expect(form).to_be_hidden()
        await expect(page.locator("tbody tr").filter(has_text="by hand")).to_be_visible()
        await page.get_by_role("button", name="Add quick reply").focus()
        await press("Enter")
        await expect(form).to_be_visible()
        await press("Escape")
        await expect(form).to_be_hidden()
        await expect(page.get_by_role("button", name="Add quick reply")).to_be_focused()


async def test_menu_while_a_page_comes(stack: Stack, browser: Browser) -> None:
    """On a small screen it stays open when the page before arrives, and goes when one is chosen."""
    async with visit(browser, viewport=SIZES[0]) as visitor:
        page = await visitor.open(f"{stack.http_url}/admin")
        is_open = asyncio.Event()

        async def late(route: Route) -> None:
            await is_open.wait()
            await route.continue_()

        await page.route("**/AgentsPage*.js", late)
        await OfficePage(page, stack).sign_in("Shop", "admin", "demo")
        await page.get_by_role("button", name="Menu").click()
        menu = page.get_by_role("dialog", name="Menu")
        await expect(menu).to_be_visible()
        is_open.set()
        await expect(page.locator("h1", has_text="Agents")).to_be_attached()
        await menu.get_by_role("link", name="Groups").click()
        await expect(menu).to_be_hidden()
        await expect(page.get_by_role("heading", level=1, name="Groups")).to_be_visible()
