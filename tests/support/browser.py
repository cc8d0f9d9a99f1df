"""A real browser, for tests of the pages and for their pictures."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from playwright.async_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    async_playwright,
    expect,
)

from .timing import TIMEOUT

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")

expect.set_options(timeout=TIMEOUT * 1000)

MISSING = "needs Chromium; on Debian: apt-get install chromium"


def find_chromium() -> str | None:
    """Path of the machine's Chromium."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """A running browser without windows."""
    path = find_chromium()
    assert path is not None, MISSING
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=path, args=["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"]
        )
        try:
            yield browser
        finally:
            await browser.close()


class Visit:
    """Somebody's browser: pages share storage and cookies, and what goes wrong in them is noted.

    Attributes:
        problems: errors and uncaught exceptions of all pages.
    """

    def __init__(self, context: BrowserContext) -> None:
        self.context = context
        self.problems: list[str] = []
        context.on("console", self._console)
        context.on("weberror", lambda error: self.problems.append(str(error.error)))

    async def open(self, url: str) -> Page:
        """Open a page in a tab of its own."""
        page = await self.context.new_page()
        await page.goto(url)
        return page

    def _console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.problems.append(f"{message.text} ({message.location.get('url', '')})")


@asynccontextmanager
async def visit(
    browser: Browser, *, expect_problems: bool = False, **options: Any
) -> AsyncIterator[Visit]:
    """Somebody's own browser.

    Args:
        browser: running.
        expect_problems: whether errors in the browser's console are part of the test: a network
            that goes away is one.
        options: of ``new_context``: ``viewport``, ``locale``, ``color_scheme`` ...
    """
    context = await browser.new_context(**{"locale": "en-US", **options})
    context.set_default_timeout(TIMEOUT * 1000)
    visitor = Visit(context)
    try:
        yield visitor
        if not expect_problems:
            assert visitor.problems == [], "\n".join(visitor.problems)
    finally:
        await context.close()
