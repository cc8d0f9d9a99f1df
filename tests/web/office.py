"""Somebody at a back office, in a browser in English."""

from __future__ import annotations

from playwright.async_api import Locator, Page, expect

from tests.support.browser import Visit
from tests.support.stack import Stack

ACCOUNTS = {"Shop": "admin", "Platform": "root"}
"""Of the demo, by what one logs in as."""


class OfficePage:
    """A back office.

    Attributes:
        page: the tab.
        stack: that it belongs to.
    """

    def __init__(self, page: Page, stack: Stack) -> None:
        self.page = page
        self.stack = stack

    @classmethod
    async def log_in(cls, stack: Stack, visitor: Visit, door: str = "Shop") -> OfficePage:
        """Open the back office and log in, as a shop or as the platform."""
        office = cls(await visitor.open(f"{stack.http_url}/admin"), stack)
        await office.sign_in(door, ACCOUNTS[door], "demo")
        account = office.page.get_by_role("button", name=ACCOUNTS[door], exact=True)
        await expect(account).to_be_visible()
        return office

    async def sign_in(self, door: str, username: str, password: str) -> None:
        """Fill in the form and send it; whether that does is for the caller to see."""
        await self.page.get_by_text(door, exact=True).click()
        await self.page.get_by_label("User name").fill(username)
        await self.page.get_by_label("Password").fill(password)
        await self.page.get_by_role("button", name="Log in").click()

    async def go(self, place: str) -> None:
        """Open a page by the menu, which hides on small screens."""
        burger = self.page.get_by_role("button", name="Menu")
        if await burger.is_visible():
            await burger.click()
        await self.page.get_by_role("link", name=place, exact=True).locator("visible=true").click()
        await expect(self.page.get_by_role("heading", level=1, name=place)).to_be_visible()

    def row(self, text: str) -> Locator:
        """A row of the page's table."""
        return self.page.locator("tbody tr").filter(has_text=text)

    def dialog(self, name: str) -> Locator:
        """A form that has opened."""
        return self.page.get_by_role("dialog", name=name)

    async def save(self, dialog: Locator) -> None:
        """Save a form, which closes by that."""
        await dialog.get_by_role("button", name="Save").click()
        await expect(dialog).to_be_hidden()

    async def confirm(self, action: str) -> None:
        """Say that one is sure."""
        box = self.page.locator(".el-message-box")
        await box.get_by_role("button", name=action).click()
        await expect(box).to_be_hidden()
