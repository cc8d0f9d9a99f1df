"""The agents' console: who gets in."""

from __future__ import annotations

import pytest
from playwright.async_api import Browser

from tests.support.axe import check_accessible
from tests.support.browser import visit
from tests.support.stack import Stack

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_the_login_is_accessible(stack: Stack, browser: Browser, scheme: str) -> None:
    """Axe finds nothing serious, in light and dark."""
    async with visit(browser, color_scheme=scheme) as visitor:
        page = await visitor.open(f"{stack.http_url}/console")
        await page.get_by_label("User name").wait_for()
        await check_accessible(page)
