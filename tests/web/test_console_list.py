"""The agents' console: the list of conversations."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Browser, Locator, expect

from tests.business.services.servicer.support import Customer, Desk
from tests.support.axe import check_accessible
from tests.support.browser import visit
from tests.support.stack import Stack

from .people import ConsolePage

pytestmark = pytest.mark.asyncio(loop_scope="module")


def name_of(customer: Customer) -> str:
    """What the demo shop calls a member whom it does not know."""
    return f"会员{customer.member_id}"


def tab(console: ConsolePage, name: str) -> Locator:
    """A tab above the list."""
    return console.page.get_by_role("tab", name=re.compile(f"^{name}"))


def unread(desk: Desk, customer: Customer) -> int:
    """Messages of the customer that no agent has read, as stored."""
    query = "SELECT id FROM servicer_dialogue WHERE member_id = ? AND type = 0 AND read = 0"
    return len(desk.rows(query, customer.member_id))


async def test_rows_and_counts(stack: Stack, browser: Browser, desk: Desk) -> None:
    """A row tells who, what, when, whether there and how much is unread; tab and title the sum,
    until the conversation is opened."""
    async with visit(browser) as visitor, desk.customer() as one, desk.customer() as other:
        console = await ConsolePage.log_in(stack, visitor)
        await one.bind()
        await other.bind()
        row = console.row(name_of(one))
        await expect(row).to_contain_text("No messages yet")
        for text in ("first", "<p>second &lt;b&gt;</p>"):
            await one.call("say", message=text)
        await other.call("say", message="", content_type=1, goods_id=11)
        await expect(row).to_contain_text("second <b>")
        await expect(row).to_contain_text("2 unread")
        await expect(row).to_contain_text("Online")
        await expect(row.locator("time")).to_have_text(re.compile(r"^\d\d:\d\d$"))
        await expect(console.row(name_of(other))).to_contain_text("[Product]")
        await expect(tab(console, "Mine")).to_have_text(re.compile(r"Mine\s+3"))
        await expect(console.page).to_have_title("(3) Agent console")
        # The latest comes first.
        await expect(console.page.get_by_role("option").first).to_contain_text(name_of(other))

        await console.choose(name_of(one))
        await expect(row).not_to_contain_text("unread")
        await expect(console.page).to_have_title("(1) Agent console")
        await desk.until(lambda: unread(desk, one) == 0 or None)
        assert unread(desk, other) == 1
        await console.choose(name_of(other))
        await expect(tab(console, "Mine")).to_have_text("Mine")
        await expect(console.page).to_have_title("Agent console")

        await one.socket.close()
        await expect(row).to_contain_text("Offline")


async def test_title_counts_what_comes_behind_ones_back(
    stack: Stack, browser: Browser, desk: Desk
) -> None:
    """Messages of the open conversation count while the agent looks at another window."""
    async with visit(browser) as visitor, desk.customer() as customer:
        console = await ConsolePage.log_in(stack, visitor)
        await customer.bind()
        await console.choose(name_of(customer))
        await console.page.evaluate("document.hasFocus = () => false")
        await customer.call("say", message="are you there?")
        await expect(console.page).to_have_title("(1) Agent console")
        assert unread(desk, customer) == 1
        await console.page.evaluate(
            "delete document.hasFocus; window.dispatchEvent(new Event('focus'))"
        )
        await expect(console.page).to_have_title("Agent console")
        await desk.until(lambda: unread(desk, customer) == 0 or None)


async def test_search(stack: Stack, browser: Browser, desk: Desk) -> None:
    """Part of a name finds customers of all tabs; Esc leads back to the list."""
    async with visit(browser) as visitor, desk.customer() as one, desk.customer() as other:
        console = await ConsolePage.log_in(stack, visitor)
        for customer in (one, other):
            await customer.bind()
            await customer.call("say", message="hello")
        field = console.page.get_by_label("Search customers")
        await field.fill(str(one.member_id))
        await expect(console.page.get_by_role("option")).to_have_count(1)
        await expect(console.row(name_of(one))).to_be_visible()
        await field.fill("nobody of that name")
        await expect(console.page.get_by_text("Nobody found")).to_be_visible()
        await field.press("Escape")
        await expect(field).to_have_value("")
        await expect(console.row(name_of(other))).to_be_visible()


async def test_who_waits(stack: Stack, browser: Browser, desk: Desk) -> None:
    """An agent who does not accept sees who waits; looking is no answer, taking over is."""
    async with visit(browser) as visitor, desk.customer() as customer:
        console = await ConsolePage.log_in(stack, visitor)
        accepting = console.page.get_by_role("switch", name="Accept new customers")
        await accepting.press("Space")
        await expect(console.page.get_by_text("Not accepting")).to_be_visible()
        await customer.bind()
        await customer.call("say", message="anybody?")
        await expect(tab(console, "Waiting")).to_have_text(re.compile(r"Waiting\s+1"))
        await expect(console.row(name_of(customer))).to_have_count(0)
        await tab(console, "Waiting").click()
        await console.choose(name_of(customer))
        await expect(console.message("anybody?")).to_be_visible()
        await expect(console.row(name_of(customer))).to_contain_text("1 unread")
        await check_accessible(console.page)
        assert unread(desk, customer) == 1

        await console.page.get_by_role("button", name="Take over").click()
        await expect(console.page.get_by_text("The conversation is yours")).to_be_visible()
        await expect(console.page.get_by_text("Nobody is waiting")).to_be_visible()
        await expect(tab(console, "Waiting")).to_have_text("Waiting")
        await tab(console, "Mine").click()
        await expect(console.row(name_of(customer))).not_to_contain_text("unread")
        await desk.until(lambda: unread(desk, customer) == 0 or None)

        # The switch belongs to the agent, not to the page; to accept again is to come.
        await console.page.reload()
        await expect(console.page.get_by_text("Not accepting")).to_be_visible()
        async with desk.customer() as another:
            await another.bind()
            await another.call("say", message="and me?")
            await accepting.press("Space")
            await expect(console.row(name_of(another))).to_contain_text("1 unread")


async def test_a_glance_at_a_colleagues_conversation(
    stack: Stack, browser: Browser, desk: Desk
) -> None:
    """It stays unread, unless the agent takes it over."""
    desk.execute("UPDATE servicer_dialogue SET read = 1")  # what other tests have left
    async with visit(browser) as visitor, desk.customer() as customer:
        async with desk.agent("bob"):
            await customer.bind()
            await customer.call("say", message="for Bob")
            console = await ConsolePage.log_in(stack, visitor)
            row = console.row(name_of(customer))
            await expect(console.page.get_by_role("tab", name="Mine")).to_be_visible()
            await expect(row).to_have_count(0)
            await tab(console, "All").click()
            await console.choose(name_of(customer))
            await expect(console.message("for Bob")).to_be_visible()
            await expect(console.page.get_by_text("Another agent has this")).to_be_visible()
            await expect(row).to_contain_text("1 unread")
            assert unread(desk, customer) == 1
            await expect(tab(console, "Mine")).to_have_text("Mine")
            await console.say("Alice here")
            await expect(console.own("Alice here").get_by_text("Delivered")).to_have_count(1)
            await expect(console.page.get_by_text("Another agent has this")).to_be_hidden()
            await expect(row).not_to_contain_text("unread")
            await desk.until(lambda: unread(desk, customer) == 0 or None)


async def test_an_ended_conversation(stack: Stack, browser: Browser, desk: Desk) -> None:
    """It leaves the list, also after a reload, until the customer says something again."""
    async with visit(browser) as visitor, desk.customer() as customer:
        console = await ConsolePage.log_in(stack, visitor)
        await customer.bind()
        await customer.call("say", message="thanks, bye")
        await console.choose(name_of(customer))
        await console.page.get_by_role("button", name="End conversation").click()
        dialog = console.page.get_by_role(
            "dialog", name=f"End the conversation with {name_of(customer)}?"
        )
        await check_accessible(console.page)
        await dialog.get_by_role("button", name="End conversation").click()
        await expect(console.page.get_by_text("Choose a conversation")).to_be_visible()
        await expect(console.row(name_of(customer))).to_have_count(0)
        while (await customer.socket.recv_json())["type"] != "close":
            pass
        await console.page.reload()
        await expect(tab(console, "All")).to_be_visible()
        await tab(console, "All").click()
        await expect(console.row(name_of(customer))).to_contain_text("thanks, bye")
        await tab(console, "Mine").click()
        await expect(console.row(name_of(customer))).to_have_count(0)
        async with desk.customer(customer.member_id) as back:
            await back.bind()
            await back.call("say", message="one more thing")
            await expect(console.row(name_of(customer))).to_contain_text("one more thing")


async def test_history(stack: Stack, browser: Browser, desk: Desk) -> None:
    """The original's address of it shows everybody who ever wrote; what they said can be searched
    by words, kind and days."""
    async with visit(browser) as visitor, desk.customer() as customer, desk.agent("alice") as alice:
        await customer.bind()
        for text in ("about red shoes", "about blue shoes"):
            await customer.call("say", message=text)
        await customer.call("say", message="", content_type=1, goods_id=11)
        await alice.call("chat/answer", member_id=customer.member_id, servicer_say="we have both")
        query = "UPDATE servicer_dialogue SET add_time = 1600000000, create_day = '2020-09-13'"
        desk.execute(query + " WHERE message = 'about red shoes'")
        console = await ConsolePage.log_in(stack, visitor)
        await console.page.goto(f"{stack.http_url}/servicer/servicer/index/history.html")
        await expect(tab(console, "All")).to_have_attribute("aria-selected", "true")
        await console.choose(name_of(customer))
        await console.page.get_by_role("button", name="Search messages").click()
        drawer = console.page.get_by_role("dialog", name="Search messages")
        found = drawer.get_by_role("article").filter(has=console.page.locator("time"))
        await expect(found).to_have_count(4)
        await check_accessible(console.page)
        await drawer.get_by_label("Words").fill("shoes")
        await expect(found).to_have_count(2)
        await drawer.get_by_label("Until").fill("2020-12-31")
        await expect(found).to_have_count(1)
        await expect(found).to_contain_text("about red shoes")
        await drawer.get_by_label("From").fill("2020-10-01")
        await expect(drawer.get_by_text("No messages found")).to_be_visible()
        for label in ("Words", "Until", "From"):
            await drawer.get_by_label(label).fill("")
        await drawer.get_by_label("Kind").select_option("Product")
        await expect(found).to_have_count(1)
        await expect(found).to_contain_text("棉质T恤 白色 M")
        await console.page.keyboard.press("Escape")
        await expect(drawer).to_be_hidden()
