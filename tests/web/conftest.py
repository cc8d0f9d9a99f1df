"""A browser and a running customer service for each module of tests of the pages."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from tests.business.services.servicer.support import PATIENT, Desk
from tests.support.browser import MISSING, chromium, find_chromium
from tests.support.stack import Stack


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    """Chromium; tests open contexts of their own in it."""
    if find_chromium() is None:
        pytest.skip(MISSING)
    async with chromium() as browser:
        yield browser


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    """The demo shop, running."""
    async with Stack(tmp_path_factory.mktemp("web"), settings=PATIENT) as stack:
        yield stack


@pytest_asyncio.fixture(loop_scope="module")
async def desk(stack: Stack) -> AsyncIterator[Desk]:
    """Who uses it without a browser."""
    async with Desk(stack) as desk:
        yield desk
