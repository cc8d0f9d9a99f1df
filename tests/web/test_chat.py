"""What customers do and see in the chat; the agents speak by HTTP and sockets."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from tests.business.services.servicer.support import Agent, Desk, members
from tests.support.browser import visit
from tests.support.stack import Stack

from .agents import CAPS, answer, frame, greet
from .people import ChatPage, picture

pytestmark = pytest.mark.asyncio(loop_scope="module")

EVIL = (
    '<img src=x onerror="document.title=\'caught\'"><script>document.title="caught"</script>'
    "<b>bold</b> &lt;i&gt; <a href=javascript:alert(1)>link</a>"
)


@pytest_asyncio.fixture(loop_scope="module")
async def alice(desk: Desk) -> AsyncIterator[Agent]:
    async with desk.agent("alice", caps=CAPS) as alice:
        yield alice


async def transfer(page: Page, paths: list[Path], selector: str, event: str) -> None:
    """Paste or drop files, as the browser does it for a person."""
    files = [
        {"name": path.name, "type": kind, "bytes": list(path.read_bytes())}
        for path in paths
        for kind in ["image/png" if path.suffix == ".png" else "application/pdf"]
    ]
    await page.evaluate(
        """([files, selector, event]) => {
            const data = new DataTransfer();
            for (const { name, type, bytes } of files)
                data.items.add(new File([new Uint8Array(bytes)], name, { type }));
            const options = { bubbles: true, cancelable: true };
            document.querySelector(selector).dispatchEvent(event === "paste"
                ? new ClipboardEvent(event, { ...options, clipboardData: data })
                : new DragEvent(event, { ...options, dataTransfer: data }));
        }""",
        [files, selector, event],
    )


async def test_a_visitor_talks(stack: Stack, browser: Browser, alice: Agent) -> None:
    """Who is not logged in is a visitor, sees whom they talk to, and is the same after a reload."""
    async with visit(browser) as home:
        chat = await ChatPage.open(stack, home)
        await expect(chat.page.get_by_role("heading", name="Alice")).to_be_visible()
        await expect(chat.page.get_by_text("Hello! How can we help you?")).to_be_visible()
        await chat.say("who am I?")
        await expect(chat.own("who am I?").get_by_text("Delivered")).to_have_count(1)
        member_id = await chat.visitor_id()
        assert member_id >= 1_000_000_000
        await frame(alice, "string", member_id=member_id, message="who am I?")
        await answer(alice, member_id, "a visitor")
        await expect(chat.message("a visitor")).to_be_visible()
        face = chat.page.locator("article.message:not(.own) img.avatar")
        await expect(face).to_have_js_property("complete", True)
        assert await face.evaluate("image => image.naturalWidth > 0")
        await chat.page.reload()
        await expect(chat.message("a visitor")).to_be_visible()
        assert await chat.visitor_id() == member_id
        assert await chat.texts() == ["who am I?", "a visitor"]
        assert await home.context.cookies() == []


async def test_a_member_finds_the_history(
    stack: Stack, browser: Browser, desk: Desk, alice: Agent
) -> None:
    """The token in the link says who it is; it does not stay in the address, but in this tab."""
    member_id = await greet(desk)
    await answer(alice, member_id, "for you only")
    async with visit(browser) as home:
        chat = await ChatPage.open(stack, home, member_id)
        await expect(chat.message("for you only")).to_be_visible()
        assert "token" not in chat.page.url
        await chat.page.reload()
        await expect(chat.message("for you only")).to_be_visible()
        other = await ChatPage.open(stack, home)
        await expect(other.page.get_by_text("Hello! How can we help you?")).to_be_visible()
        assert await other.texts() == []


async def test_nobody_is_there(stack: Stack, browser: Browser, desk: Desk) -> None:
    """The chat says so and takes messages; who comes later finds them and is seen at once."""
    async with visit(browser) as home:
        chat = await ChatPage.open(stack, home)
        await expect(chat.page.get_by_text("Nobody is here right now")).to_be_visible()
        await expect(chat.page.get_by_text("Away")).to_be_visible()
        await chat.say("call me back")
        await expect(chat.own("call me back").get_by_text("Sent", exact=True)).to_have_count(1)
        async with desk.agent("alice", caps=CAPS) as alice:
            await frame(alice, "string", message="call me back")
            await expect(chat.page.get_by_role("heading", name="Alice")).to_be_visible()
            await expect(chat.page.get_by_text("Nobody is here right now")).to_be_hidden()
            await expect(chat.own("call me back").get_by_text("Delivered")).to_have_count(1)


async def test_keywords(stack: Stack, browser: Browser, desk: Desk) -> None:
    """What the shop answers by itself is offered, and answered while nobody is there."""
    query = "INSERT INTO servicer_keyword_reply (site_id, keyword, content) VALUES (?, ?, ?)"
    desk.execute(query, 1, "opening hours", "We are open from 9 to 18.")
    try:
        async with visit(browser) as home:
            chat = await ChatPage.open(stack, home)
            chips = chat.page.get_by_role("list", name="Frequent questions")
            await chips.get_by_role("button", name="opening hours").click()
            await expect(chat.own("opening hours")).to_have_count(1)
            await expect(chat.message("We are open from 9 to 18.")).to_be_visible()
    finally:
        desk.execute("DELETE FROM servicer_keyword_reply")


async def test_emoji(stack: Stack, browser: Browser, alice: Agent) -> None:
    """They are put in where the caret is; alone they are shown large."""
    async with visit(browser) as home:
        chat = await ChatPage.open(stack, home, next(members))
        box = chat.page.get_by_label("Write a message")
        await box.fill("ab")
        await box.press("ArrowLeft")
        await chat.page.get_by_role("button", name="Emoji").click()
        await chat.page.get_by_role("button", name="🎁").click()
        await expect(box).to_have_value("a🎁b")
        await chat.page.get_by_role("button", name="Send", exact=True).click()
        await frame(alice, "string", message="a🎁b")
        await chat.say("👍🏽❤️")
        await expect(chat.page.locator(".own .bubble.jumbo")).to_have_text("👍🏽❤️")


async def test_pictures(stack: Stack, browser: Browser, alice: Agent, tmp_path: Path) -> None:
    """They are sent by button, pasted and dropped; anything else is not, which is said."""
    letter = tmp_path / "letter.pdf"
    letter.write_bytes(b"%PDF-1.7")
    async with visit(browser) as home:
        chat = await ChatPage.open(stack, home, next(members))
        await chat.send_picture(picture(tmp_path, "tomato", "one.png"))
        await frame(alice, "image")
        await transfer(chat.page, [picture(tmp_path, "teal", "two.png")], "textarea", "paste")
        await frame(alice, "image")
        three = picture(tmp_path, "gold", "three.png")
        target = chat.page.get_by_text("Drop the picture to send it")
        await transfer(chat.page, [three], ".list", "dragover")
        await expect(target).to_be_visible()
        await transfer(chat.page, [three], ".list", "dragleave")
        await expect(target).to_be_hidden()
        await transfer(chat.page, [three], ".list", "dragover")
        await transfer(chat.page, [three, letter], ".list", "drop")
        await expect(chat.page.get_by_text("Only pictures can be sent")).to_be_visible()
        await frame(alice, "image")
        await expect(target).to_be_hidden()
        shown = chat.page.locator(".own:not(.pending) .picture img")
        await expect(shown).to_have_count(3)
        for index in range(3):
            assert (await shown.nth(index).get_attribute("src") or "").startswith("/upload/")


async def test_text_from_an_office_program(stack: Stack, browser: Browser, tmp_path: Path) -> None:
    """Is pasted as text, although a picture of it comes along."""
    async with visit(browser) as home:
        chat = await ChatPage.open(stack, home, next(members))
        is_text = await chat.page.evaluate(
            """bytes => {
                const data = new DataTransfer();
                data.setData("text/plain", "a cell");
                data.setData("text/html", "<table><td>a cell</td></table>");
                const type = "image/png";
                data.items.add(new File([new Uint8Array(bytes)], "cell.png", { type }));
                const box = document.querySelector("textarea");
                return box.dispatchEvent(new ClipboardEvent("paste",
                    { bubbles: true, cancelable: true, clipboardData: data }));
            }""",
            list(picture(tmp_path).read_bytes()),
        )
        assert is_text
        await expect(chat.page.locator(".message")).to_have_count(0)


async def test_a_picture_that_is_none(stack: Stack, browser: Browser, tmp_path: Path) -> None:
    """It is refused, the customer is told why, and can have it off the screen."""
    fake = tmp_path / "fake.png"
    fake.write_bytes(b"not a picture")
    async with visit(browser) as home:
        chat = await ChatPage.open(stack, home, next(members))
        await chat.send_picture(fake)
        failed = chat.page.locator(".pending")
        await expect(failed).to_contain_text("This is not a JPEG, PNG, WebP or GIF picture")
        await failed.get_by_role("button", name="Delete").click()
        await expect(failed).to_have_count(0)


async def test_cards(stack: Stack, browser: Browser, alice: Agent) -> None:
    """What the customer looks at is a card to be sent; so is an order of their own."""
    async with visit(browser) as home:
        chat = await ChatPage.open(stack, home, 1, "site_id=1&order_id=101")
        ready = chat.page.locator(".composer .card")
        await expect(ready).to_contain_text("2026110100000101")
        await chat.page.get_by_role("button", name="Send order").click()
        await frame(alice, "order", order_id=101)
        await expect(chat.own("2026110100000101")).to_be_visible()
        await expect(ready).to_have_count(0)
        await answer(alice, 1, content_type=1, goods_id=32)
        await expect(chat.message("蓝牙耳机 黑色").get_by_text("Out of stock")).to_be_visible()
        goods = await ChatPage.open(stack, home, 1, "site_id=1&sku_id=11")
        await expect(goods.page.locator(".composer .card")).to_contain_text("棉质T恤 白色 M")
        await goods.page.get_by_role("button", name="Delete").click()
        await expect(goods.page.locator(".composer .card")).to_have_count(0)


async def test_an_order_of_somebody_else(stack: Stack, browser: Browser) -> None:
    """Nothing of it is shown."""
    async with visit(browser) as home:
        chat = await ChatPage.open(stack, home, 2, "site_id=1&order_id=101")
        await expect(chat.page.locator(".composer .card")).to_have_text("No longer available")


async def test_markup_is_inert(stack: Stack, browser: Browser, alice: Agent) -> None:
    """What the agent or an old client says as HTML is drawn as text and links, and runs nothing."""
    member_id = next(members)
    async with visit(browser, expect_problems=True) as home:  # the picture "x" is not there
        chat = await ChatPage.open(stack, home, member_id)
        await chat.say(EVIL)
        await expect(chat.own(EVIL)).to_be_visible()
        said = await alice.call("chat/answer", member_id=member_id, servicer_say=EVIL + "end")
        assert said["code"] == 0
        await expect(chat.page.locator("article.message:not(.own)")).to_contain_text("end")
        page = chat.page
        assert await page.title() != "caught"
        assert await page.locator(".message script, .message [onerror]").count() == 0
        assert await page.locator('.message a[href^="javascript"]').count() == 0


async def test_read_only_when_seen(
    stack: Stack, browser: Browser, desk: Desk, alice: Agent
) -> None:
    """What comes while the customer reads earlier messages counts as unread."""
    member_id = await greet(desk)
    for number in range(30):
        await answer(alice, member_id, f"line {number}")
    async with visit(browser) as home:
        chat = await ChatPage.open(stack, home, member_id)
        await frame(alice, "read", side="customer", member_id=member_id)
        await expect(chat.message("line 29")).to_be_in_viewport()
        await chat.page.locator(".list").hover()
        await chat.page.mouse.wheel(0, -400)
        button = chat.page.get_by_role("button", name=re.compile("latest|new"))
        await expect(button).to_be_visible()
        await answer(alice, member_id, "are you there?")
        await expect(button).to_have_text("1 new")
        query = "SELECT 1 FROM servicer_dialogue WHERE member_id = ? AND type = 1 AND read = 0"
        assert len(desk.rows(query, member_id)) == 1
        await button.click()
        await frame(alice, "read", side="customer", member_id=member_id)
        await expect(chat.message("are you there?")).to_be_in_viewport()
        await expect(button).to_be_hidden()


async def test_unread_in_the_title(stack: Stack, browser: Browser, alice: Agent) -> None:
    """A tab behind others tells how many messages have come, until it is looked at."""
    member_id = next(members)
    async with visit(browser) as home:
        chat = await ChatPage.open(stack, home, member_id)
        await expect(chat.page.get_by_role("heading", name="Alice")).to_be_visible()
        hidden = """isHidden => {
            Object.defineProperty(document, "hidden", { value: isHidden, configurable: true });
            document.dispatchEvent(new Event("visibilitychange"));
        }"""
        await chat.page.evaluate(hidden, True)
        await answer(alice, member_id, "hello?")
        await answer(alice, member_id, "still there?")
        await expect(chat.page).to_have_title("(2) Demo Store")
        await chat.page.evaluate(hidden, False)
        await expect(chat.page).to_have_title("Demo Store")


async def test_typing(stack: Stack, browser: Browser, alice: Agent) -> None:
    """Each side sees the other type, and that it has stopped."""
    member_id = next(members)
    async with visit(browser) as home:
        chat = await ChatPage.open(stack, home, member_id)
        await expect(chat.page.get_by_role("heading", name="Alice")).to_be_visible()
        box = chat.page.get_by_label("Write a message")
        await box.press_sequentially("hm")
        await frame(alice, "typing", typing=True)
        await box.fill("")
        await frame(alice, "typing", typing=False)
        await alice.call("chat/typing", member_id=member_id, typing=1)
        await expect(chat.page.get_by_text("Alice is typing")).to_have_count(1)
        await alice.call("chat/typing", member_id=member_id, typing=0)
        await expect(chat.page.get_by_text("is typing")).to_have_count(0)


async def test_taking_back(stack: Stack, browser: Browser, alice: Agent) -> None:
    """A message that is taken back can be written again, line by line."""
    member_id = next(members)
    async with visit(browser) as home:
        chat = await ChatPage.open(stack, home, member_id)
        await chat.say("first line\nsecond <line>")
        said = await frame(alice, "string", member_id=member_id)
        await chat.own("first line").hover()
        await chat.own("first line").get_by_role("button", name="Recall").click()
        await frame(alice, "recall", id=said["id"])
        await expect(chat.page.get_by_text("You took back a message")).to_be_visible()
        await chat.page.get_by_role("button", name="Edit again").click()
        box = chat.page.get_by_label("Write a message")
        await expect(box).to_have_value("first line\nsecond <line>")
        await expect(box).to_be_focused()


async def test_too_late_to_take_back(stack: Stack, browser: Browser, desk: Desk) -> None:
    """Where the server refuses, the message stays and the customer is told why."""
    member_id = next(members)
    async with visit(browser) as home:
        chat = await ChatPage.open(stack, home, member_id)
        await chat.say("for ever")
        await expect(chat.own("for ever").get_by_text("Sent", exact=True)).to_have_count(1)
        desk.execute("UPDATE servicer_dialogue SET add_time = 1 WHERE member_id = ?", member_id)
        await chat.own("for ever").hover()
        await chat.own("for ever").get_by_role("button", name="Recall").click()
        await expect(chat.own("for ever")).to_contain_text("It is too late to take it back")


async def test_earlier_messages_keep_the_place(
    stack: Stack, browser: Browser, desk: Desk, alice: Agent
) -> None:
    """Pages of history come when they are scrolled to, in order, and what is read stays put."""
    member_id = await greet(desk)
    for number in range(1, 70):
        await answer(alice, member_id, f"line {number:02d}")
    async with visit(browser, viewport={"width": 360, "height": 740}) as home:
        chat = await ChatPage.open(stack, home, member_id)
        await expect(chat.message("line 69")).to_be_in_viewport()
        assert len(await chat.texts()) == 20
        place = """() => document.evaluate('//article[contains(., "line 52")]', document)
            .iterateNext().getBoundingClientRect().top"""
        await chat.page.locator(".list").evaluate("list => { list.scrollTop = 100; }")
        before = await chat.page.evaluate(place)
        await expect(chat.page.locator("article.message")).to_have_count(40)
        assert abs(await chat.page.evaluate(place) - before) <= 1
        for count in (60, 70):
            await chat.page.locator(".list").evaluate("list => { list.scrollTop = 0; }")
            await expect(chat.page.locator("article.message")).to_have_count(count)
        await expect(chat.page.get_by_text("Hello! How can we help you?")).to_have_count(1)
        lines = [f"line {number:02d}" for number in range(1, 70)]
        assert await chat.texts() == ["hello", *lines]


async def test_the_agent_ends_it(stack: Stack, browser: Browser, alice: Agent) -> None:
    """The customer is told, and begins again by saying something."""
    member_id = next(members)
    async with visit(browser) as home:
        chat = await ChatPage.open(stack, home, member_id)
        # Only what was bound before an agent ends it is closed.
        await expect(chat.page.get_by_role("heading", name="Alice")).to_be_visible()
        await chat.say("bye")
        await frame(alice, "string", message="bye")
        assert (await alice.call("chat/closeMember", member_id=member_id))["code"] == 0
        await expect(chat.page.get_by_text("This conversation has ended")).to_be_visible()
        await expect(chat.banner).to_be_hidden()
        await chat.say("one more thing")
        await expect(chat.page.get_by_text("This conversation has ended")).to_be_hidden()
        await frame(alice, "string", message="one more thing")
        await answer(alice, member_id, "yes?")
        await expect(chat.message("yes?")).to_be_visible()
        assert await chat.texts() == ["bye", "one more thing", "yes?"]


async def test_several_tabs(stack: Stack, browser: Browser, alice: Agent) -> None:
    """Tabs of one visitor show the same, whichever speaks."""
    async with visit(browser) as home:
        first = await ChatPage.open(stack, home)
        await first.say("from the first")
        await frame(alice, "string", message="from the first")
        second = await ChatPage.open(stack, home)
        await expect(second.message("from the first")).to_be_visible()
        await second.say("from the second")
        await expect(first.message("from the second")).to_be_visible()
        await frame(alice, "string", message="from the second")
        await answer(alice, await first.visitor_id(), "to both")
        words = ["from the first", "from the second", "to both"]
        for chat in (first, second):
            await expect(chat.message("to both")).to_be_visible()
            await expect(chat.message("from the second")).to_be_visible()
            assert await chat.texts() == words


async def test_a_draft_outlives_a_reload(stack: Stack, browser: Browser) -> None:
    """What has been written is not lost."""
    async with visit(browser) as home:
        chat = await ChatPage.open(stack, home)
        await chat.page.get_by_label("Write a message").fill("half a thought")
        await chat.page.reload()
        await expect(chat.page.get_by_label("Write a message")).to_have_value("half a thought")


async def test_no_such_shop(stack: Stack, browser: Browser) -> None:
    """It is said; there is nothing to write into."""
    async with visit(browser) as home:
        page = await home.open(f"{stack.http_url}/chat?site_id=77")
        await expect(page.get_by_text("There is no such shop")).to_be_visible()
        await expect(page.get_by_role("textbox")).to_have_count(0)
