"""The agents' console with very much in it: 1,000 conversations, one of 10,000 messages."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, Route, expect

from tests.business.services.servicer.support import Desk
from tests.support.browser import Visit, visit
from tests.support.stack import Stack

from .people import ConsolePage

pytestmark = pytest.mark.asyncio(loop_scope="module")

CONVERSATIONS = 1_000
MESSAGES = 10_000

LONGEST = 100
"""Milliseconds that a task of the page may take while it is scrolled: of its own thread, so that
what else the machine does is not measured."""

FIRST = 500_000
"""Number of the member who has said much; the others follow."""

TASKS = "disabled-by-default-devtools.timeline"
"""What Chromium calls its notes of what its threads do."""

STEP = """async ([selector, by]) => {
    const box = document.querySelector(selector);
    const before = box.scrollTop;
    box.scrollTop += by;
    await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
    const rows = [...box.querySelectorAll("[data-id]")].map(({ dataset }) => Number(dataset.id));
    return [before !== box.scrollTop, rows];
}"""
"""Scrolls and lets it be drawn. Returns whether there was anything to scroll, and the messages."""

PLACES = """() => Object.fromEntries([...document.querySelectorAll("[data-id]")].map(
    (row) => [row.dataset.id, row.getBoundingClientRect().top]))"""

MESSAGES_BOX = ".thread .scroll"
LIST_BOX = "#conversations [role=listbox]"


def fill(desk: Desk) -> None:
    """Put everything straight into the database, as if it had been said in the last days."""
    now = int(time.time())
    dialogues: list[tuple[Any, ...]] = []
    conversations: list[tuple[Any, ...]] = []
    pairs: list[tuple[Any, ...]] = []
    for index in range(CONVERSATIONS):
        member_id, before = FIRST + index, 0
        for number in range(MESSAGES if index == 0 else 1):
            row_id = len(dialogues) + 1
            kind = {7: 1, 8: 2}.get(number % 20, 0) if index == 0 else 0
            side = number % 3 % 2
            text = f"<p>No. {number} " + "some words " * (number % 9) + "</p>" if kind == 0 else ""
            dialogues.append((
                row_id, member_id, 1, "2026-01-01", "00:00:00", kind, 1, 1, 11 * (kind == 1),
                101 * (kind == 2), "" if side else text, text if side else "", side,
                now - 200_000 + row_id * 10, "", text, text, before,
            ))  # fmt: skip
            before = row_id
        conversations.append((1, member_id, 1, before, now, now, f"Customer {index}"))
        pairs.append((member_id, 1, f"Customer {index}", now, 1))
    insert(
        desk,
        "servicer_dialogue",
        "id, member_id, servicer_id, create_day, create_time, content_type, read, shop_id,"
        " goods_sku_id, order_id, consumer_say, servicer_say, type, add_time, relate_data, content,"
        " message, prev_id",
        dialogues,
    )
    insert(
        desk,
        "servicer_conversation",
        "shop_id, member_id, servicer_id, last_id, member_time, create_time, member_name",
        conversations,
    )
    insert(
        desk,
        "servicer_member",
        "member_id, servicer_id, member_name, create_time, shop_id",
        pairs,
    )


def insert(desk: Desk, table: str, columns: str, rows: list[tuple[Any, ...]]) -> None:
    """Add rows to a table."""
    marks = ", ".join("?" * len(rows[0]))
    desk.execute_many(f"INSERT INTO {table} ({columns}) VALUES ({marks})", rows)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def full(stack: Stack) -> Stack:
    """The stack, full."""
    async with Desk(stack) as desk:
        fill(desk)
    return stack


async def step(page: Page, selector: str, by: int) -> tuple[bool, list[int]]:
    """Scroll by so many pixels; see ``STEP``."""
    moved, rows = await page.evaluate(STEP, [selector, by])
    return moved, rows


def stays(before: dict[str, float], after: dict[str, float]) -> None:
    """See that what was drawn and still is has not moved by a pixel."""
    rows = before.keys() & after.keys()
    assert len(rows) > 10
    moved = {row: after[row] - before[row] for row in rows if abs(after[row] - before[row]) > 1}
    # Rows at the edge of what is drawn lose the line that says the day.
    assert len(moved) <= 1, moved


@asynccontextmanager
async def smooth(browser: Browser, page: Page) -> AsyncIterator[None]:
    """See that no task of the page takes long meanwhile."""
    await browser.start_tracing(page=page, categories=["-*", TASKS])
    yield
    events = json.loads(await browser.stop_tracing())["traceEvents"]
    [main] = {
        (event["pid"], event["tid"])
        for event in events
        if event["name"] == "thread_name" and event["args"]["name"] == "CrRendererMain"
    }
    tasks = [
        event["tdur"] / 1000
        for event in events
        if event["name"] == "RunTask" and (event["pid"], event["tid"]) == main and "tdur" in event
    ]
    assert len(tasks) > 100, "nothing was measured"
    assert max(tasks) < LONGEST, sorted(tasks)[-10:]


async def talk_to_first(stack: Stack, visitor: Visit) -> ConsolePage:
    """Log in and open the conversation in which much was said."""
    console = await ConsolePage.log_in(stack, visitor)
    await console.page.goto(f"{stack.http_url}/console#/c/{FIRST}")
    await expect(console.message(f"No. {MESSAGES - 1} ")).to_be_visible()
    return console


async def test_many_conversations(full: Stack, browser: Browser) -> None:
    """All of them are in the list, which is scrolled smoothly; of few rows there are elements."""
    async with visit(browser) as visitor:
        console = await ConsolePage.log_in(full, visitor)
        options = console.page.get_by_role("option")
        await expect(options.first).to_have_attribute("aria-setsize", str(CONVERSATIONS))
        async with smooth(browser, console.page):
            while (await step(console.page, LIST_BOX, 700))[0]:
                pass
        await expect(options.last).to_have_attribute("aria-posinset", str(CONVERSATIONS))
        await expect(options.last).to_contain_text("Customer 0")
        assert await options.count() < 50


@pytest.mark.timeout(180)
async def test_a_long_history(full: Stack, browser: Browser) -> None:
    """It is scrolled to its beginning and back, smoothly; every message comes by."""
    async with visit(browser) as visitor:
        console = await talk_to_first(full, visitor)
        beginning = console.page.get_by_text("The conversation begins here")
        seen: set[int] = set()
        async with smooth(browser, console.page):
            while not await beginning.is_visible():
                seen.update((await step(console.page, MESSAGES_BOX, -4000))[1])
        assert seen == set(range(1, MESSAGES + 1))
        assert await console.page.locator("li.message").count() < 200
        async with smooth(browser, console.page):
            for _ in range(25):
                await step(console.page, MESSAGES_BOX, 2000)
        await console.page.get_by_role("button", name="Back to the newest message").click()
        await expect(console.message(f"No. {MESSAGES - 1} ")).to_be_visible()


async def test_older_messages_keep_the_place(full: Stack, browser: Browser) -> None:
    """What is looked at stays where it is while older messages are loaded and drawn above it."""
    async with visit(browser) as visitor:
        console = await talk_to_first(full, visitor)
        arrived = asyncio.Event()
        go_on = asyncio.Event()

        async def hold(route: Route) -> None:
            arrived.set()
            await go_on.wait()
            await route.continue_()

        await console.page.route("**/index/dialogs", hold)
        while not arrived.is_set():
            await step(console.page, MESSAGES_BOX, -500)
        await step(console.page, MESSAGES_BOX, 120)  # the person goes on meanwhile
        before = await console.page.evaluate(PLACES)
        go_on.set()
        await console.page.wait_for_function(
            "first => document.querySelector('[data-id]').dataset.id !== first",
            arg=min(before, key=int),
        )
        stays(before, await console.page.evaluate(PLACES))


async def test_what_comes_while_one_reads_older_messages(full: Stack, browser: Browser) -> None:
    """The place is kept, the new message is told of, and a click leads to it."""
    async with visit(browser) as visitor, Desk(full) as desk, desk.customer(FIRST) as customer:
        console = await talk_to_first(full, visitor)
        await customer.bind()
        await step(console.page, MESSAGES_BOX, -1500)
        before = await console.page.evaluate(PLACES)
        await customer.call("say", message="something new")
        button = console.page.get_by_role("button", name="1 new")
        await expect(button).to_be_visible()
        stays(before, await console.page.evaluate(PLACES))
        await button.click()
        await expect(console.message("something new")).to_be_in_viewport()
        await expect(button).to_be_hidden()
        # Who is at the end follows.
        await customer.call("say", message="and more")
        await expect(console.message("and more")).to_be_in_viewport()
