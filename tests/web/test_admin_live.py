"""The platform's live page in a browser, while gateways stand still and die."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from tests.business.services.servicer.support import SETTINGS, Desk
from tests.support.browser import visit
from tests.support.stack import Stack
from tests.support.timing import TIMEOUT

from .office import OfficePage

pytestmark = pytest.mark.asyncio(loop_scope="module")

SOON = 2 * TIMEOUT * 1000
"""Milliseconds within which the page has asked again, also a gateway that does not answer."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    """Two gateways; nobody replaces one that is stopped with SIGSTOP."""
    settings = {**SETTINGS, "supervision.ping_timeout": 0}
    async with Stack(tmp_path_factory.mktemp("live"), settings=settings, gateways=2) as stack:
        yield stack


async def test_what_is_there(stack: Stack, browser: Browser) -> None:
    """Gateways, business processes, services and sockets, which can be looked for."""
    async with Desk(stack) as desk, desk.customer() as one, desk.customer() as two:
        await one.bind()
        await two.bind()
        async with visit(browser) as visitor:
            office = await OfficePage.log_in(stack, visitor, "Platform")
            page = office.page
            await office.go("Live")
            gateways = page.get_by_role("region", name="Gateways").locator("tbody tr")
            await expect(gateways).to_have_count(2)
            for row, pid in enumerate(stack.pids("gateway")):
                await expect(gateways.nth(row)).to_contain_text(f"gateway-{row}")
                await expect(gateways.nth(row)).to_contain_text(str(pid))
                await expect(gateways.nth(row)).to_contain_text("Connected")
            [business] = stack.pids("business")
            await expect(office.row("business-0")).to_contain_text(str(business))
            services = page.get_by_role("region", name="Services").locator("tbody td")
            await expect(services).to_have_text(["servicer", "2", "1"])

            sockets = page.get_by_role("region", name="Open sockets").locator("tbody tr")
            await expect(sockets).to_have_count(2)
            await page.get_by_label("User, address or whole client id").fill(two.client_id)
            await expect(sockets).to_have_count(1)
            await expect(sockets).to_contain_text(f"Customer {two.member_id}")
            await page.get_by_label("User, address or whole client id").fill("nobody")
            await expect(page.get_by_text("Nothing matches")).to_be_visible()


def whole(pid: int) -> re.Pattern[str]:
    """A pid, which is not the beginning of another one."""
    return re.compile(rf"\b{pid}\b")


async def test_gateways_that_stand_still_and_die(stack: Stack, browser: Browser) -> None:
    """One that does not answer is named, and the other still shown; of one that is killed the
    process in its place is."""
    frozen, killed = stack.pids("gateway")
    async with visit(browser) as visitor:
        office = await OfficePage.log_in(stack, visitor, "Platform")
        page = office.page
        await office.go("Live")
        gateways = page.get_by_role("region", name="Gateways").locator("tbody tr")
        await expect(gateways).to_have_count(2)
        missing = page.get_by_text("Did not answer in time")
        os.kill(frozen, signal.SIGSTOP)
        try:
            await expect(missing).to_be_visible(timeout=SOON)
            await expect(gateways).to_have_count(1)
            await expect(gateways).to_contain_text(whole(killed))
        finally:
            os.kill(frozen, signal.SIGCONT)
        await expect(gateways).to_have_count(2, timeout=SOON)
        await expect(missing).to_have_count(0)
        os.kill(killed, signal.SIGKILL)
        await expect(gateways.filter(has_text=whole(killed))).to_have_count(0, timeout=SOON)
        await expect(gateways).to_have_count(2, timeout=SOON)
        await expect(gateways.filter(has_text=whole(frozen))).to_have_count(1)
