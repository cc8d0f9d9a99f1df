"""People in front of the pages: what agents and customers do and see, in browsers in English."""

from __future__ import annotations

import re
from pathlib import Path

from PIL import Image
from playwright.async_api import Locator, Page, expect

from tests.business.services.servicer.support import sign
from tests.support.browser import Visit
from tests.support.stack import Stack


class ConsolePage:
    """An agent at the console.

    Attributes:
        page: the tab.
        visitor: its browser.
    """

    def __init__(self, page: Page, visitor: Visit) -> None:
        self.page = page
        self.visitor = visitor

    @classmethod
    async def log_in(
        cls, stack: Stack, visitor: Visit, username: str = "alice", password: str = "demo"
    ) -> ConsolePage:
        """Open the console and log in, as agents do in the morning."""
        page = await visitor.open(f"{stack.http_url}/console")
        console = cls(page, visitor)
        await console.sign_in(username, password)
        await console.at_work()
        return console

    async def sign_in(self, username: str, password: str) -> None:
        """Fill in the form and send it; whether that does is for the caller to see."""
        await self.page.get_by_label("User name").fill(username)
        await self.page.get_by_label("Password").fill(password)
        await self.page.get_by_role("button", name="Sign in").click()

    async def at_work(self) -> None:
        """Wait until the agent is bound and accepts customers, and what the page has asked for is
        there: from then on it hears of everything."""
        await expect(self.page.locator("header.bar .dot.online")).to_be_attached()

    def row(self, name: str) -> Locator:
        """A customer in the list of conversations."""
        return self.page.get_by_role("option").filter(has_text=name)

    async def choose(self, name: str) -> None:
        """Open a conversation."""
        await self.row(name).click()
        await expect(self.page.locator("header h2").filter(has_text=name)).to_be_visible()

    async def say(self, text: str) -> None:
        """Write something and send it with Enter."""
        box = self.page.get_by_label("Message", exact=True)
        await box.fill(text)
        await box.press("Enter")

    def message(self, text: str) -> Locator:
        """The messages of the open conversation with this text, also those on their way."""
        return self.page.locator("li.message").filter(has_text=text)

    def own(self, text: str) -> Locator:
        """Messages of this side with this text."""
        return self.page.locator("li.message.own").filter(has_text=text)

    async def texts(self) -> list[str]:
        """What the bubbles on the screen say, from top to bottom. What is on its way may stand
        there twice for a moment: nothing is when this looks."""
        await expect(self.page.get_by_text("Sending")).to_have_count(0)
        return await self.page.locator("li.message .bubble").all_inner_texts()

    async def send_picture(self, path: Path) -> None:
        """Choose a picture with the button and send it."""
        await self.page.locator("footer input[type=file]").set_input_files(path)
        dialog = self.page.get_by_role("dialog", name="Send pictures")
        await dialog.get_by_role("button", name="Send").click()

    @property
    def banner(self) -> Locator:
        """What says that the connection is lost."""
        return self.page.get_by_text(re.compile("Connection lost|Connecting"))


class ChatPage:
    """A customer at the chat.

    Attributes:
        page: the tab.
        visitor: its browser.
    """

    def __init__(self, page: Page, visitor: Visit) -> None:
        self.page = page
        self.visitor = visitor

    @classmethod
    async def open(
        cls, stack: Stack, visitor: Visit, member_id: int | None = None, query: str = "site_id=1"
    ) -> ChatPage:
        """Open the chat as a member, whose token the shop put into the link; None: as a visitor."""
        token = f"#token={sign(member_id)}" if member_id else ""
        page = await visitor.open(f"{stack.http_url}/chat?{query}{token}")
        await expect(page.get_by_label("Write a message")).to_be_enabled()
        # Bound, and what was said before is there: what is said now is not found there as well.
        await expect(page.locator(".skeleton")).to_have_count(0)
        return cls(page, visitor)

    async def visitor_id(self) -> int:
        """Who the visitor is, by the token that the browser keeps."""
        script = """() => Number(JSON.parse(atob(
            localStorage.getItem("kefu.servicer.visitor").split(".")[1])).sub)"""
        return int(await self.page.evaluate(script))

    async def say(self, text: str) -> None:
        """Write something and send it with Enter."""
        box = self.page.get_by_label("Write a message")
        await box.fill(text)
        await box.press("Enter")

    def message(self, text: str) -> Locator:
        """The messages with this text, also those on their way."""
        return self.page.locator("article.message").filter(has_text=text)

    def own(self, text: str) -> Locator:
        """Messages of this side with this text."""
        return self.page.locator("article.message.own").filter(has_text=text)

    async def texts(self) -> list[str]:
        """What the bubbles on the screen say, from top to bottom; not the greeting. What is on its
        way may stand there twice for a moment, and stands last: nothing is when this looks."""
        await expect(self.page.locator(".pending")).to_have_count(0)
        return await self.page.locator("article.message .bubble").all_inner_texts()

    async def send_picture(self, path: Path) -> None:
        """Choose a picture with the button; that sends it."""
        await self.page.locator("footer input[type=file]").set_input_files(path)

    @property
    def banner(self) -> Locator:
        """What says that the connection is lost."""
        return self.page.get_by_text(re.compile("[Rr]econnecting|Connecting"))


def picture(directory: Path, colour: str = "tomato", name: str = "photo.png") -> Path:
    """A picture file, as a phone would have one."""
    path = directory / name
    Image.new("RGB", (640, 480), colour).save(path)
    return path
