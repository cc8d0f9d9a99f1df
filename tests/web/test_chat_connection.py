"""The chat while processes die, networks go away and answers are lost: all is there, once."""

from __future__ import annotations

import asyncio
import re

import pytest
from playwright.async_api import Browser, Route, expect

from tests.business.services.servicer.support import Desk, members
from tests.support.browser import visit
from tests.support.stack import Stack
from tests.support.timing import TIMEOUT, within

from .agents import CAPS, answer, frame, greet
from .people import ChatPage

pytestmark = pytest.mark.asyncio(loop_scope="module")

AGAIN = 2 * TIMEOUT * 1000
"""Milliseconds within which a page has come back, after its pause."""

SAY = re.compile("api/chat/say$")


def stored(desk: Desk, member_id: int) -> list[str]:
    """The texts of a conversation, in order."""
    query = "SELECT message FROM servicer_dialogue WHERE member_id = ? ORDER BY id"
    return [row["message"] for row in desk.rows(query, member_id)]


async def test_the_gateway_dies(stack: Stack, browser: Browser, desk: Desk) -> None:
    """The page says so, comes back by itself, and catches up with more than one page."""
    member_id = await greet(desk)
    async with visit(browser, expect_problems=True) as home, desk.agent("alice") as alice:
        chat = await ChatPage.open(stack, home, member_id)
        await expect(chat.message("hello")).to_be_visible()
        await chat.page.evaluate("window.isSamePage = true")

        await stack.gateway.kill()
        await expect(chat.banner).to_be_visible()
        assert await chat.page.get_by_role("button", name="Retry now").is_enabled()
        said = [f"answer {number}" for number in range(105)]
        await asyncio.gather(*(answer(alice, member_id, text) for text in said))
        await chat.say("are you there?")
        await expect(chat.own("are you there?").get_by_text("Sent", exact=True)).to_have_count(1)
        await stack.start_gateway()

        await expect(chat.banner).to_be_hidden(timeout=AGAIN)
        async with desk.agent("alice", caps=CAPS) as alice_again:
            await answer(alice_again, member_id, "I am")
            await expect(chat.message("I am")).to_be_visible()
            await chat.say("good")
            await frame(alice_again, "string", message="good")
        texts = await chat.texts()
        assert await chat.page.evaluate("window.isSamePage")
    assert texts == stored(desk, member_id)
    assert sorted(texts) == sorted(["hello", *said, "are you there?", "I am", "good"])


async def test_the_gateway_stops_and_starts(stack: Stack, browser: Browser, desk: Desk) -> None:
    """An orderly restart brings the page back within moments; it need not even be said."""
    async with visit(browser, expect_problems=True) as home:
        chat = await ChatPage.open(stack, home, next(members))
        await chat.say("before")
        await expect(chat.own("before").get_by_text("Sent", exact=True)).to_have_count(1)
        await stack.gateway_command("restart")
        await stack.linked()
        async with desk.agent("alice", caps=CAPS) as alice:
            await chat.say("after")
            await frame(alice, "string", message="after")
        await expect(chat.banner).to_be_hidden(timeout=AGAIN)
        assert await chat.texts() == ["before", "after"]


async def test_the_business_dies(stack: Stack, browser: Browser, desk: Desk) -> None:
    """Messages wait on the page and arrive once, in their order, when there is somebody again."""
    async with visit(browser, expect_problems=True) as home:
        chat = await ChatPage.open(stack, home)
        await chat.say("one")
        await expect(chat.own("one").get_by_text("Sent", exact=True)).to_have_count(1)
        await stack.business.kill()
        words = ["two", "three", "four"]
        for text in words:
            await chat.say(text)
        await expect(chat.page.get_by_text("Sending")).to_have_count(3)
        await stack.start_business()
        await expect(chat.page.get_by_text("Sending")).to_have_count(0, timeout=AGAIN)
        assert await chat.texts() == ["one", *words]
        member_id = await chat.visitor_id()
    assert stored(desk, member_id) == ["one", *words]


async def test_an_answer_is_lost(stack: Stack, browser: Browser, desk: Desk) -> None:
    """A message whose answer did not come is sent again, and is there once."""
    member_id = next(members)
    lost = 0

    async def lose(route: Route) -> None:
        nonlocal lost
        lost += 1
        if lost > 2:
            await route.continue_()
            return
        await route.fetch()
        await route.abort()

    async with visit(browser, expect_problems=True) as home:
        chat = await ChatPage.open(stack, home, member_id)
        await chat.page.route(SAY, lose)
        await chat.say("only once")
        await expect(chat.own("only once").get_by_text("Sent", exact=True)).to_have_count(1)
        # The history may have had it before the sender knows.
        await expect(chat.page.get_by_text("Sending")).to_have_count(0)
        assert lost == 3
        assert await chat.texts() == ["only once"]
    assert stored(desk, member_id) == ["only once"]


async def test_a_reload_with_messages_on_their_way(
    stack: Stack, browser: Browser, desk: Desk
) -> None:
    """They are sent by the page's next life, also those that had arrived without an answer."""
    member_id = next(members)

    is_stored = asyncio.Event()

    async def store(route: Route) -> None:
        await route.fetch()
        await route.abort()
        is_stored.set()

    async with visit(browser, expect_problems=True) as home:
        chat = await ChatPage.open(stack, home, member_id)
        await chat.page.route(SAY, lambda route: route.abort())
        await chat.page.route(SAY, store, times=1)  # the last one is asked first
        await chat.say("has arrived")
        await within(is_stored.wait())
        await chat.say("has not")
        await expect(chat.page.get_by_text("Sending")).to_have_count(2)
        await chat.page.unroute(SAY)
        await chat.page.reload()
        await expect(chat.own("has not").get_by_text("Sent", exact=True)).to_have_count(1)
        await expect(chat.page.get_by_text("Sending")).to_have_count(0)
        assert await chat.texts() == ["has arrived", "has not"]
    assert stored(desk, member_id) == ["has arrived", "has not"]


async def test_failed_and_sent_again(stack: Stack, browser: Browser) -> None:
    """After half a minute a message counts as failed: it can be sent again, or thrown away."""
    async with visit(browser, expect_problems=True) as home:
        chat = await ChatPage.open(stack, home, next(members))
        await chat.page.clock.install()
        await chat.page.route(SAY, lambda route: route.abort())
        await chat.say("please")
        await chat.say("never mind")
        await expect(chat.page.get_by_text("Sending")).to_have_count(2)
        failed = chat.page.get_by_role("alert")
        for count in (1, 2):  # the second is sent when the first has failed
            await chat.page.clock.fast_forward(31_000)
            await expect(failed).to_have_text([re.compile("Not sent")] * count)
        await chat.page.unroute(SAY)
        await failed.nth(1).get_by_role("button", name="Delete").click()
        await failed.get_by_role("button", name="Retry").click()
        await expect(chat.own("please").get_by_text("Sent", exact=True)).to_have_count(1)
        assert await chat.texts() == ["please"]


async def test_a_refusal_is_explained(stack: Stack, browser: Browser) -> None:
    """What the server says no to is not tried for ever."""
    async with visit(browser) as home:
        chat = await ChatPage.open(stack, home, next(members))
        refusal = {"code": -1, "message": "操作失败", "data": "操作过于频繁，请稍后再试"}
        await chat.page.route(SAY, lambda route: route.fulfill(json=refusal), times=1)
        await chat.say("too much")
        await expect(chat.page.get_by_role("alert")).to_contain_text("Too many at once")
        await chat.page.get_by_role("button", name="Retry").click()
        await expect(chat.own("too much").get_by_text("Sent", exact=True)).to_have_count(1)


async def test_the_network_goes_away(stack: Stack, browser: Browser, desk: Desk) -> None:
    """What was written meanwhile goes out as soon as there is a network."""
    member_id = await greet(desk)
    async with (
        visit(browser, expect_problems=True) as home,
        desk.agent("alice", caps=CAPS) as alice,
    ):
        chat = await ChatPage.open(stack, home, member_id)
        await expect(chat.page.get_by_role("heading", name="Alice")).to_be_visible()
        await home.context.set_offline(True)
        await chat.say("from the tunnel")
        await expect(chat.page.get_by_text("Sending")).to_have_count(1)
        await home.context.set_offline(False)
        await frame(alice, "string", message="from the tunnel")
        await expect(chat.banner).to_be_hidden()
        await answer(alice, member_id, "welcome back")
        await expect(chat.message("welcome back")).to_be_visible()


async def test_a_push_that_is_lost(stack: Stack, browser: Browser, desk: Desk) -> None:
    """A socket that looks open and brings nothing is noticed within a minute."""
    member_id = await greet(desk)
    async with visit(browser) as home:
        chat = await ChatPage.open(stack, home, member_id)
        await chat.page.clock.install()
        await chat.page.reload()
        await expect(chat.message("hello")).to_be_visible()
        [row] = desk.rows("SELECT * FROM servicer_dialogue WHERE member_id = ?", member_id)
        del row["id"]
        row |= {"type": 1, "servicer_id": 1, "servicer_say": "<p>unheard</p>", "consumer_say": ""}
        marks = ", ".join("?" * len(row))
        names = ", ".join(f'"{name}"' for name in row)
        query = f"INSERT INTO servicer_dialogue ({names}) VALUES ({marks})"
        desk.execute(query, *row.values())
        assert await chat.texts() == ["hello"]
        await chat.page.clock.fast_forward(61_000)
        await expect(chat.message("unheard")).to_be_visible()


async def test_tabs_that_open_at_once_are_one_visitor(
    stack: Stack, browser: Browser, desk: Desk
) -> None:
    """A browser that brings back its tabs does not become several people."""
    async with visit(browser) as home:
        pages = [await home.context.new_page() for _ in range(3)]
        url = f"{stack.http_url}/chat?site_id=1"
        for page in pages:
            await page.evaluate("url => { setTimeout(() => { location.href = url; }); }", url)
        chats = [ChatPage(page, home) for page in pages]
        for number, chat in enumerate(chats):
            await chat.say(f"tab {number}")
            await expect(chat.own(f"tab {number}").get_by_text("Sent")).to_have_count(1)
        member_id = await chats[0].visitor_id()
    assert stored(desk, member_id) == ["tab 0", "tab 1", "tab 2"]


async def test_sockets_are_forbidden(stack: Stack, browser: Browser, desk: Desk) -> None:
    """Behind a proxy that lets no WebSocket through one can still read, write and get answers."""
    member_id = await greet(desk)
    async with desk.agent("alice", caps=CAPS) as alice, visit(browser) as home:
        await home.context.route_web_socket(re.compile("/wss$"), lambda socket: socket.close())
        await home.context.clock.install()
        chat = await ChatPage.open(stack, home, member_id)
        await expect(chat.message("hello")).to_be_visible()
        await expect(chat.banner).to_be_visible()
        await chat.say("by post")
        await frame(alice, "string", message="by post")
        await answer(alice, member_id, "by return of post")
        await chat.page.clock.fast_forward(20_000)
        await expect(chat.message("by return of post")).to_be_visible()
        assert await chat.texts() == ["hello", "by post", "by return of post"]


async def test_an_agent_who_takes_nobody_else(stack: Stack, browser: Browser, desk: Desk) -> None:
    """Is still there for the customers who are; when the agent has left, the chat says so."""
    member_id = next(members)
    async with visit(browser) as home:
        await home.context.clock.install()
        async with desk.agent("alice", caps=CAPS) as alice:
            chat = await ChatPage.open(stack, home, member_id)
            heading = chat.page.get_by_role("heading", name="Alice")
            away = chat.page.get_by_text("Nobody is here right now")
            await expect(heading).to_be_visible()
            await alice.call("index/accepting", accepting=0)
            async with chat.page.expect_response(re.compile("api/chat/bind")):
                await chat.page.clock.fast_forward(61_000)
            await expect(heading).to_be_visible()
            await expect(away).to_be_hidden()
            await alice.call("index/accepting", accepting=1)
            await chat.say("and now?")
            await frame(alice, "string", message="and now?")
        await desk.until(lambda: not desk.rows("SELECT 1 FROM servicer WHERE online = 1") or None)
        await chat.page.clock.fast_forward(61_000)
        await expect(away).to_be_visible()
        await expect(heading).to_be_hidden()


async def test_the_shop_cannot_be_asked(stack: Stack, browser: Browser) -> None:
    """A page that opens while the server is busy or gone says so, and goes on by itself."""
    answers = ["abort", '{"code": -1, "message": "系统繁忙，请稍后再试", "data": ""}']
    is_seen = asyncio.Event()

    async def fail(route: Route) -> None:
        match answers.pop(0):
            case "abort":
                await route.abort()
            case text:
                await is_seen.wait()
                await route.fulfill(status=500, body=text, content_type="application/json")

    async with visit(browser, expect_problems=True) as home:
        page = await home.context.new_page()
        await page.route("**/api/chat/config", fail, times=len(answers))
        await page.goto(f"{stack.http_url}/chat?site_id=1")
        await expect(page.get_by_text("Could not load the chat")).to_be_visible()
        is_seen.set()
        await expect(page.get_by_label("Write a message")).to_be_enabled()
        assert answers == []
