"""Who the customer is to the chat: visitors, members, those whose token has ended; and to whom."""

from __future__ import annotations

import shutil
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from tests.business.services.servicer.support import (
    PATIENT,
    TOKEN_KEY,
    Agent,
    Desk,
    members,
    sign,
)
from tests.support.browser import visit
from tests.support.stack import ROOT, Stack

from .agents import CAPS, answer, frame, greet
from .people import ChatPage

pytestmark = pytest.mark.asyncio(loop_scope="module")

OTHER_KEY = "a key that the shop signed tokens with until last month"

GREETING = "Hello! How can we help you?"
ENDED = "Your login has ended"


@pytest_asyncio.fixture(loop_scope="module")
async def alice(desk: Desk) -> AsyncIterator[Agent]:
    async with desk.agent("alice", caps=CAPS) as alice:
        yield alice


async def log_in(chat: ChatPage, token: str) -> None:
    """The shop opens the chat's address once more in the same window."""
    await chat.page.evaluate("token => { location.hash = `token=${token}`; }", token)


async def test_a_visitor_logs_in(stack: Stack, browser: Browser, alice: Agent) -> None:
    """What was said before is the member's; an open page of the visitor begins anew."""
    member_id = next(members)
    async with visit(browser) as home:
        chat = await ChatPage.open(stack, home)
        await chat.say("as a visitor")
        await frame(alice, "string", message="as a visitor")
        other = await ChatPage.open(stack, home)
        await expect(other.message("as a visitor")).to_be_visible()
        visitor_id = await chat.visitor_id()

        await log_in(chat, sign(member_id))
        await expect(chat.message("as a visitor")).to_be_visible()
        assert "token" not in chat.page.url
        await chat.say("as a member")
        await frame(alice, "string", message="as a member", member_id=member_id)
        await answer(alice, member_id, "welcome")
        await expect(chat.message("welcome")).to_be_visible()
        assert await chat.texts() == ["as a visitor", "as a member", "welcome"]

        await expect(other.page.get_by_text(GREETING)).to_be_visible()
        await other.say("who am I now?")
        await frame(alice, "string", message="who am I now?")
        assert await other.texts() == ["who am I now?"]
        assert await other.visitor_id() > visitor_id


async def test_another_member_at_the_same_computer(
    stack: Stack, browser: Browser, desk: Desk, alice: Agent
) -> None:
    """Nobody sees what the one before said, or is about to say."""
    one, other = await greet(desk), next(members)
    async with visit(browser) as home:
        chat = await ChatPage.open(stack, home, one)
        await expect(chat.message("hello")).to_be_visible()
        await log_in(chat, sign(other))
        await expect(chat.page.get_by_text(GREETING)).to_be_visible()
        assert await chat.texts() == []
        await chat.say("somebody else")
        await frame(alice, "string", message="somebody else", member_id=other)
        await log_in(chat, "")
        await expect(chat.message("somebody else")).to_have_count(0)
        await chat.say("nobody special")
        said = await frame(alice, "string", message="nobody special")
        assert said["member_id"] == await chat.visitor_id()


async def test_a_token_that_was_never_good(stack: Stack, browser: Browser, alice: Agent) -> None:
    """It is said, nothing can be written, and one click makes the customer a visitor."""
    async with visit(browser) as home:
        url = f"{stack.http_url}/chat?site_id=1#token={sign(next(members), OTHER_KEY)}"
        chat = ChatPage(await home.open(url), home)
        await expect(chat.page.get_by_text(ENDED)).to_be_visible()
        await expect(chat.page.get_by_label("Write a message")).to_be_disabled()
        await expect(chat.banner).to_be_hidden()
        await chat.page.get_by_role("button", name="Continue as a guest").click()
        await expect(chat.page.get_by_text(ENDED)).to_be_hidden()
        await chat.say("then as a guest")
        await frame(alice, "string", message="then as a guest")


async def test_a_token_that_ends_meanwhile(stack: Stack, browser: Browser, desk: Desk) -> None:
    """The message that found out stays, and goes out when the customer has logged in again."""
    member_id = await greet(desk)
    stack.configure({"servicer.token_keys": [TOKEN_KEY, OTHER_KEY]})
    await stack.business_command("reload")
    try:
        async with visit(browser) as home:
            url = f"{stack.http_url}/chat?site_id=1#token={sign(member_id, OTHER_KEY)}"
            chat = ChatPage(await home.open(url), home)
            await expect(chat.message("hello")).to_be_visible()
            stack.configure({"servicer.token_keys": [TOKEN_KEY]})
            await stack.business_command("reload")
            await chat.say("am I still in?")
            await expect(chat.page.get_by_text(ENDED)).to_be_visible()
            await expect(chat.page.get_by_role("alert")).to_contain_text("Not sent")
            await log_in(chat, sign(member_id))
            await expect(chat.page.get_by_text(ENDED)).to_be_hidden()
            await expect(chat.own("am I still in?").get_by_text("Sent", exact=True)).to_have_count(
                1
            )
            assert await chat.texts() == ["hello", "am I still in?"]
    finally:
        stack.configure({"servicer.token_keys": [TOKEN_KEY]})
        await stack.business_command("reload")


async def test_a_token_is_renewed(stack: Stack, browser: Browser, desk: Desk) -> None:
    """One that ends soon is replaced, and the next one is what a reload comes with."""
    member_id = await greet(desk)
    now = int(time.time())
    soon = sign(member_id, iat=now - 3600, exp=now + 60)
    async with visit(browser) as home:
        chat = ChatPage(await home.open(f"{stack.http_url}/chat?site_id=1#token={soon}"), home)
        await expect(chat.message("hello")).to_be_visible()
        kept = await chat.page.evaluate("sessionStorage.getItem('kefu.servicer.member')")
        assert kept not in (None, "", soon)
        await chat.page.reload()
        await expect(chat.message("hello")).to_be_visible()


async def test_no_visitors(stack: Stack, browser: Browser, desk: Desk) -> None:
    """Where a shop wants members only, others are asked to log in."""
    member_id = await greet(desk)
    stack.configure({"servicer.visitors": False})
    await stack.business_command("reload")
    try:
        async with visit(browser) as home:
            chat = ChatPage(await home.open(f"{stack.http_url}/chat?site_id=1"), home)
            await expect(chat.page.get_by_text("Please log in to chat with us")).to_be_visible()
            await expect(chat.page.get_by_label("Write a message")).to_be_disabled()
            await log_in(chat, sign(member_id))
            await expect(chat.message("hello")).to_be_visible()
            await expect(chat.page.get_by_label("Write a message")).to_be_enabled()
    finally:
        stack.configure({"servicer.visitors": True})
        await stack.business_command("reload")


async def test_a_copy_of_the_service(browser: Browser, tmp_path: Path) -> None:
    """It has a chat of its own, where the same browser is another visitor."""
    source = ROOT / "business" / "services" / "servicer"
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(source, tmp_path / "services" / "help", ignore=ignore)
    async with (
        Stack(tmp_path, settings=PATIENT, services=[tmp_path / "services"]) as stack,
        Desk(stack) as desk,
        Desk(stack, "help") as help_desk,
        visit(browser) as home,
        help_desk.agent("alice", caps=CAPS) as alice,
    ):
        first = await ChatPage.open(stack, home)
        await first.say("to the shop")
        await expect(first.own("to the shop").get_by_text("Sent", exact=True)).to_have_count(1)
        page = await home.open(f"{stack.http_url}/help/chat?site_id=1")
        chat = ChatPage(page, home)
        await expect(page.get_by_role("heading", name="Alice")).to_be_visible()
        await chat.say("to the help desk")
        said = await frame(alice, "string", message="to the help desk")
        await answer(alice, int(said["member_id"]), "here")  # type: ignore[call-overload]
        await expect(chat.message("here")).to_be_visible()
        assert await chat.texts() == ["to the help desk", "here"]
        stored = desk.rows("SELECT message FROM servicer_dialogue")
        assert [row["message"] for row in stored] == ["to the shop"]
