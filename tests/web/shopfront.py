"""A shop's own pages, on an origin of their own, with kefu's script in them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web
from playwright.async_api import ConsoleMessage, Frame, FrameLocator, Locator, Page, expect

from tests.support.browser import Visit
from tests.support.stack import Stack

TEMPLATE = """<!doctype html>
<html lang="{lang}"><head><meta charset="utf-8"><title>A shop</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<script>{script}</script></head>
<body><main><h1>Goods of a shop</h1><p>{text}</p>
<button id="ask">Ask us</button></main>
{tags}
</body></html>"""


def tag(stack: Stack, attributes: str = 'data-site="1"', path: str = "/widget.js") -> str:
    """What a shop puts into its pages."""
    return f'<script async src="{kefu(stack)}{path}" {attributes}></script>'


def kefu(stack: Stack) -> str:
    """The origin that shops load kefu from. Playwright switches off that browsers store a frame's
    data apart for each site around it, and then they store none: kefu and the shop are of one site
    here, where not told otherwise.
    """
    return stack.http_url.replace("127.0.0.1", "localhost")


class Shopfront:
    """The shop's web server. It serves what it was given last, at every path.

    Attributes:
        url: of an origin that may show the chat.
        other_url: of another one; a frame in its pages cannot store anything.
        foreign_url: of an origin that may not show the chat.
    """

    def __init__(self, port: int) -> None:
        self.url = f"http://localhost:{port}"
        self.other_url = f"http://127.0.0.1:{port}"
        self.foreign_url = f"http://shop.localhost:{port}"
        self._port = port
        self._html = ""
        self._headers: dict[str, str] = {}

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[Shopfront]:
        """Serve until the end."""
        app = web.Application()
        app.router.add_get("/{path:.*}", self._answer)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", self._port).start()
        try:
            yield self
        finally:
            await runner.cleanup()

    def show(self, tags: str, *, script: str = "", lang: str = "en", **headers: str) -> None:
        """Serve a page from now on: with these tags in its body and this script in its head."""
        self._html = TEMPLATE.format(tags=tags, script=script, lang=lang, text="words " * 900)
        self._headers = {name.replace("_", "-"): value for name, value in headers.items()}

    async def _answer(self, request: web.Request) -> web.Response:
        return web.Response(text=self._html, content_type="text/html", headers=self._headers)


class Embedded:
    """A shop's page with the chat in it, as a customer sees it.

    Attributes:
        page: the shop's.
        chat: what is in the frame.
        warnings: of the page's console.
    """

    def __init__(self, page: Page) -> None:
        self.page = page
        self.chat: FrameLocator = page.frame_locator("iframe")
        self.warnings: list[str] = []
        page.on("console", self._note)

    @classmethod
    async def open(cls, visitor: Visit, url: str) -> Embedded:
        """Open the page; whether the chat comes is for the caller to see."""
        embedded = cls(await visitor.context.new_page())
        await embedded.page.goto(url)
        return embedded

    def _note(self, message: ConsoleMessage) -> None:
        if message.type == "warning":
            self.warnings.append(message.text)

    @property
    def launcher(self) -> Locator:
        """The round button."""
        return self.page.locator("button.launcher")

    @property
    def panel(self) -> Locator:
        """What the chat is shown in."""
        return self.page.get_by_role("dialog")

    @property
    def box(self) -> Locator:
        """Where the customer writes."""
        return self.chat.get_by_label("Write a message")

    async def start(self) -> None:
        """Open the chat and wait until it can be used."""
        await self.launcher.click()
        await expect(self.box).to_be_enabled()

    async def say(self, text: str) -> None:
        """Write something and send it."""
        await self.box.fill(text)
        await self.box.press("Enter")

    def message(self, text: str) -> Locator:
        """The messages with this text."""
        return self.chat.locator("article.message").filter(has_text=text)

    async def call(self, call: str) -> Any:
        """Call something of ``window.kefu``."""
        return await self.page.evaluate(f"kefu.{call}")

    async def frame(self) -> Frame:
        """The chat's frame, for a look at what it stores."""
        element = await self.page.locator("iframe").element_handle()
        frame = await element.content_frame()
        assert frame is not None
        return frame
