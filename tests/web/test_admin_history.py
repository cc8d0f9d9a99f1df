"""The back office's chat history in a browser: searched, read, exported."""

from __future__ import annotations

import asyncio
import csv
import io
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Locator, expect

from tests.business.services.servicer.support import Desk
from tests.support.axe import check_accessible
from tests.support.browser import visit
from tests.support.stack import Stack

from .office import OfficePage

pytestmark = pytest.mark.asyncio(loop_scope="module")

ZHANGSAN, LISI = 1, 2
COUNT = 45


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def said(stack: Stack) -> AsyncIterator[None]:
    """Two members have talked to alice, one of them a lot."""
    async with Desk(stack) as desk, desk.agent("alice") as alice:
        async with desk.customer(ZHANGSAN) as customer:
            await customer.bind()
            for number in range(COUNT):
                await customer.call("say", site_id=1, message=f"question {number:03}")
            await alice.call("chat/answer", member_id=ZHANGSAN, servicer_say="<p>=cmd</p>")
            await customer.call("say", site_id=1, content_type=1, goods_id=11)
            await customer.call("say", site_id=1, message="<u>Ünïcode</u> & 您好", format="text")
        async with desk.customer(LISI) as customer:
            await customer.call("say", site_id=1, message="question of another")
        yield


def found(office: OfficePage) -> Locator:
    """The messages of the list."""
    return office.page.locator(".found-message")


async def open_history(stack: Stack, office: OfficePage) -> None:
    """Go to the page and see its newest message."""
    await office.go("Chat history")
    await expect(found(office).first).to_contain_text("question of another")


async def test_search(stack: Stack, browser: Browser, said: None) -> None:
    """By text, customer, agent, kind and day; everything older comes by one more click."""
    async with visit(browser) as visitor:
        office = await OfficePage.log_in(stack, visitor)
        page = office.page
        await open_history(stack, office)
        await expect(found(office)).to_have_count(30)
        await page.get_by_role("button", name="Show more").click()
        await expect(found(office)).to_have_count(COUNT + 4)
        await expect(page.get_by_text(f"{COUNT + 4} messages, and that is all")).to_be_visible()

        await page.get_by_label("Search messages").fill("code</U> &")
        await expect(found(office)).to_have_count(1)
        await expect(found(office).locator("mark")).to_have_text("code</u> &")
        await page.get_by_label("Search messages").fill("nobody said this")
        await expect(page.get_by_text("Nothing matches")).to_be_visible()
        await page.get_by_label("Search messages").fill("")

        await page.get_by_label("Customer's name or id").fill("李")
        await expect(found(office)).to_have_count(1)
        await page.get_by_label("Customer's name or id").fill(str(ZHANGSAN))
        await expect(found(office)).to_have_count(30)

        await page.get_by_role("combobox", name="Kind of message").press("Enter")
        await page.get_by_role("option", name="Product").click()
        await expect(found(office)).to_have_count(1)
        await expect(found(office)).to_contain_text("棉质T恤")
        await page.get_by_role("combobox", name="Agent").press("Enter")
        await page.get_by_role("option", name="Bob").click()
        await expect(page.get_by_text("Nothing matches")).to_be_visible()
        await page.get_by_role("combobox", name="Agent").press("Enter")
        await page.get_by_role("option", name="Alice").click()
        await expect(found(office)).to_have_count(1)
        await page.get_by_label("To", exact=True).fill("2020-01-01")
        await expect(page.get_by_text("Nothing matches")).to_be_visible()
        await check_accessible(page)


async def test_a_conversation_is_read(stack: Stack, browser: Browser, said: None) -> None:
    """Opened at the message that was clicked, further on both sides, marked as read by nobody."""
    async with visit(browser) as visitor, Desk(stack) as desk:
        office = await OfficePage.log_in(stack, visitor)
        page = office.page
        await open_history(stack, office)
        unread = desk.rows("SELECT COUNT(*) AS n FROM servicer_dialogue WHERE read = 0")
        await page.get_by_label("Search messages").fill("question 022")
        await found(office).filter(has_text="question 022").click()
        drawer = page.get_by_role("dialog", name="Conversation with 张三")
        current = drawer.locator("[aria-current=true]")
        await expect(current).to_contain_text("question 022")
        await expect(current).to_be_in_viewport()
        messages = drawer.locator("article")
        await expect(messages).to_have_count(40)
        await drawer.get_by_role("button", name="Earlier messages").click()
        await expect(messages).to_have_count(42)
        await expect(messages.first).to_contain_text("question 000")
        await expect(messages.filter(has_text="question 002")).to_be_in_viewport()
        await drawer.get_by_role("button", name="Later messages").click()
        await expect(messages).to_have_count(COUNT + 3)
        await expect(messages.last).to_contain_text("<u>Ünïcode</u> & 您好")
        await expect(drawer.get_by_role("button", name="Later messages")).to_be_hidden()
        await check_accessible(page)
        await page.keyboard.press("Escape")
        await expect(drawer).to_be_hidden()
        assert desk.rows("SELECT COUNT(*) AS n FROM servicer_dialogue WHERE read = 0") == unread


async def export(office: OfficePage, kind: str) -> tuple[str, str]:
    """Download what is found; returns the file's name and its text."""
    await office.page.get_by_role("button", name="Export").click()
    async with office.page.expect_download() as download:
        await office.page.get_by_role("menuitem", name=kind).click()
    file = await download.value
    path = await file.path()
    return file.suggested_filename, await asyncio.to_thread(Path.read_text, path, "utf-8")


async def test_export(stack: Stack, browser: Browser, said: None) -> None:
    """A file has what the page has found, all of it, in the language of the page."""
    async with visit(browser) as visitor:
        office = await OfficePage.log_in(stack, visitor)
        await open_history(stack, office)
        await office.page.get_by_label("Customer's name or id").fill("张")
        await expect(found(office).first).to_contain_text("Ünïcode")
        name, text = await export(office, "Table (CSV)")
        assert name.endswith(".csv")
        assert text.startswith("\N{BOM}id,time,")
        lines = list(csv.DictReader(io.StringIO(text.removeprefix("\N{BOM}"))))
        assert [line["text"] for line in lines[:3]] == ["<u>Ünïcode</u> & 您好", "", "'=cmd"]
        assert len(lines) == COUNT + 3
        assert {line["customer_name"] for line in lines} == {"张三"}
        name, text = await export(office, "JSON lines")
        assert name.endswith(".jsonl")
        rows = [json.loads(line) for line in text.splitlines()]
        assert [row["text"] for row in rows[:3]] == ["<u>Ünïcode</u> & 您好", "", "=cmd"]


async def test_the_platform_chooses_a_shop(stack: Stack, browser: Browser, said: None) -> None:
    """And sees what was said there, in files as well."""
    async with visit(browser) as visitor:
        office = await OfficePage.log_in(stack, visitor, "Platform")
        await open_history(stack, office)
        await office.page.get_by_role("combobox", name="Shop").press("Enter")
        await office.page.get_by_role("option", name="Demo Books").click()
        await expect(office.page.get_by_text("Nothing was said yet")).to_be_visible()
        _, text = await export(office, "JSON lines")
        assert text == ""


async def test_a_search_that_was_cut(stack: Stack, browser: Browser, said: None) -> None:
    """Says how far it came, and goes on from there."""
    async with visit(browser) as visitor:
        office = await OfficePage.log_in(stack, visitor)
        await open_history(stack, office)
        asked: list[str] = []

        async def cut(route, request):  # type: ignore[no-untyped-def]
            asked.append(request.post_data or "")
            if "before=&" in f"{asked[-1]}&":
                answer = await route.fetch()
                body = await answer.json()
                body["data"] |= {"list": [], "is_cut": True, "next": "86400-7"}
                body["data"]["searched_to"] = 86400
                await route.fulfill(response=answer, json=body)
            else:
                await route.continue_()

        await office.page.route("**/history/index", cut)
        await office.page.get_by_label("Search messages").fill("question")
        await expect(office.page.get_by_text("Searched back to Jan 2, 1970")).to_be_visible()
        await office.page.get_by_role("button", name="Search on").click()
        await expect(office.page.get_by_text("Nothing matches")).to_be_visible()
        assert "before=86400-7" in asked[-1]
