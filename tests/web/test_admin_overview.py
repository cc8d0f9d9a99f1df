"""The back office's statistics in a browser: exact numbers of what was said at known times."""

from __future__ import annotations

import datetime
import zoneinfo
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Locator, Page, expect
from sqlalchemy import Connection

from business.services.servicer.store import conversations, dialogues
from business.services.servicer.store.database import Database
from business.services.servicer.store.dialogues import Content, ContentType, Side
from tests.business.services.servicer.support import Desk
from tests.support.browser import visit
from tests.support.stack import Stack

from .office import OfficePage

pytestmark = pytest.mark.asyncio(loop_scope="module")

ZONE = zoneinfo.ZoneInfo("Asia/Shanghai")
ANN, BEN, CAT = 501, 502, 503

TALK = (
    ("03-01 10:00", ANN, "customer"),  # of the days before
    ("03-01 10:10", ANN, "agent"),
    ("03-03 09:00", ANN, "customer"),
    ("03-03 09:00", ANN, "shop"),
    ("03-03 09:05", ANN, "agent"),
    ("03-03 10:00", BEN, "customer"),
    ("03-03 10:01", BEN, "agent"),
    ("03-03 10:00", CAT, "customer"),  # nobody answers
)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def said(stack: Stack) -> AsyncIterator[None]:
    """Messages of known times in shop 1, and somebody who waits now."""
    async with Desk(stack) as desk:
        [alice] = desk.rows("SELECT uid FROM servicer_account WHERE username = 'alice'")

        def fill(connection: Connection) -> None:
            for when, member_id, who in TALK:
                now = datetime.datetime.fromisoformat(f"2026-{when}").replace(tzinfo=ZONE)
                talk = conversations.lock(connection, 1, member_id, now.timestamp())
                dialogues.add(
                    connection,
                    talk,
                    Content(ContentType.TEXT, "x", "x"),
                    site_id=1,
                    member_id=member_id,
                    servicer_id=alice["uid"] if who == "agent" else 0,
                    side=Side.CUSTOMER if who == "customer" else Side.AGENT,
                    now=now,
                    automatic=who == "shop",
                )

        database = Database(f"sqlite+aiosqlite:///{stack.directory / 'kefu.db'}")
        await database.open()
        await database.write(fill)
        await database.close()
        async with desk.customer() as customer:
            await customer.call("say", site_id=1, message="Is anybody there?")
        yield


async def choose(page: Page, first: str, last: str) -> None:
    """Look at the days from the first to the last."""
    await page.get_by_label("From").fill(first)
    await page.get_by_label("to", exact=True).fill(last)


def figure(page: Page, label: str) -> Locator:
    """One of the numbers on top."""
    term = page.get_by_role("term").filter(has_text=label)
    return page.locator(".figure").filter(has=term)


async def test_exact_numbers(stack: Stack, browser: Browser, said: None) -> None:
    """Sums, the comparison with the days before, the course as a table, and the agents."""
    async with visit(browser) as visitor:
        office = await OfficePage.log_in(stack, visitor)
        page = office.page
        await office.go("Statistics")
        await choose(page, "2026-03-02", "2026-03-04")
        conversations_now = figure(page, "Conversations")
        await expect(conversations_now.locator(".value")).to_have_text("3")
        await expect(conversations_now).to_contain_text("+200% on the 3 days before")
        await expect(figure(page, "Messages").locator(".value")).to_have_text("6")
        await expect(figure(page, "Enquiries").locator(".value")).to_have_text("3")
        await expect(figure(page, "Enquiries")).to_contain_text("2 answered")
        response = figure(page, "First response")
        await expect(response.locator(".value")).to_have_text("3 min 0 s")
        await expect(response).to_contain_text("Nine in ten within 5 min 0 s")
        await expect(response).to_contain_text("−70% on the 3 days before")
        await expect(figure(page, "Waiting now").locator(".value")).to_have_text("1")
        await expect(figure(page, "Waiting now")).to_contain_text("Longest for")

        row = office.row("Alice")
        await expect(row.locator("td")).to_have_text(["Alice", "2", "2", "2", "3 min 0 s"])

        panel = page.get_by_role("region", name="Messages").first
        await expect(panel.get_by_role("img", name="Messages")).to_be_visible()
        await panel.get_by_role("button", name="Table: Messages").click()
        for day, numbers in (("Mar 2", "000"), ("Mar 3", "321"), ("Mar 4", "000")):
            cells = panel.get_by_role("row").filter(has_text=day).get_by_role("cell")
            await expect(cells).to_have_text(list(numbers))
        await panel.get_by_role("button", name="Table: Messages").click()
        await expect(panel.get_by_role("img", name="Messages")).to_be_visible()


async def test_hours_of_a_day(stack: Stack, browser: Browser, said: None) -> None:
    """A single day is shown by its hours, and who waited in them."""
    async with visit(browser) as visitor:
        office = await OfficePage.log_in(stack, visitor)
        page = office.page
        await office.go("Statistics")
        await choose(page, "2026-03-03", "2026-03-03")
        panel = page.get_by_role("region", name="Waiting customers").first
        await panel.get_by_role("button", name="Table: Waiting customers").click()
        rows = panel.get_by_role("row")
        await expect(rows).to_have_count(1 + 24)
        for hour, number in ((8, 0), (9, 1), (10, 2), (11, 1)):
            await expect(rows.nth(1 + hour)).to_have_text(f"{hour}:00{number}")


async def test_the_platform_sees_every_shop(stack: Stack, browser: Browser, said: None) -> None:
    """All of them together, or one."""
    async with visit(browser) as visitor:
        office = await OfficePage.log_in(stack, visitor, "Platform")
        page = office.page
        await office.go("Statistics")
        await choose(page, "2026-03-02", "2026-03-04")
        value = figure(page, "Conversations").locator(".value")
        await expect(value).to_have_text("3")
        await page.locator(".choose .el-select").click()
        await page.get_by_role("option").nth(2).click()
        await expect(value).to_have_text("0")
        await expect(page.get_by_text("No agent wrote anything in these days")).to_be_visible()
