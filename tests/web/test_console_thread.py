"""The agents' console: what is said in a conversation, and what becomes of it."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Route, expect

from tests.business.services.servicer.support import Customer, Desk
from tests.support.axe import check_accessible
from tests.support.browser import Visit, visit
from tests.support.stack import Stack
from tests.support.timing import SECOND

from .people import ConsolePage, picture

pytestmark = pytest.mark.asyncio(loop_scope="module")

CAPABILITIES = "read,typing,recall"

ANSWER = "**/servicer/servicer/chat/answer"

GIVE_FILES = """(area, [kind, files]) => {
    const data = new DataTransfer();
    for (const [name, type, base64] of files) {
        const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
        data.items.add(new File([bytes], name, { type }));
    }
    const options = { bubbles: true, cancelable: true };
    if (kind === "paste")
        area.dispatchEvent(new ClipboardEvent("paste", { ...options, clipboardData: data }));
    else for (const type of ["dragenter", "dragover", "drop"])
        area.dispatchEvent(new DragEvent(type, { ...options, dataTransfer: data }));
}"""
"""What browsers do when files are pasted or dropped, for which Playwright has no hands."""


async def begin(stack: Stack, visitor: Visit, customer: Customer) -> ConsolePage:
    """Log in, and open the conversation with a customer who is there."""
    console = await ConsolePage.log_in(stack, visitor)
    await customer.bind(caps=CAPABILITIES)
    await customer.call("say", message="hello")
    await console.choose(f"会员{customer.member_id}")
    await expect(console.message("hello")).to_be_visible()
    return console


async def hear(customer: Customer, kind: str) -> dict[str, Any]:
    """The data of the next frame of a type; others before it do not matter."""
    while True:
        frame = await customer.socket.recv_json()
        if frame["type"] == kind:
            data: dict[str, Any] = frame["data"]
            return data


def said(desk: Desk, customer: Customer) -> list[str]:
    """What agents have said to the customer, as stored."""
    query = "SELECT servicer_say FROM servicer_dialogue WHERE member_id = ? AND type = 1"
    return [row["servicer_say"] for row in desk.rows(query, customer.member_id)]


async def test_marks(stack: Stack, browser: Browser, desk: Desk) -> None:
    """A message is sent while the customer is away, delivered to who is there, and read."""
    async with visit(browser) as visitor, desk.customer() as customer:
        console = await begin(stack, visitor, customer)
        await console.say("first")
        await expect(console.own("first").get_by_text("Delivered")).to_have_count(1)
        assert (await hear(customer, "string"))["message"] == "first"
        await customer.call("setRead", site_id=1)
        await expect(console.own("first").get_by_text("Read", exact=True)).to_have_count(1)
        await customer.socket.close()
        await desk.online(customer, 0)
        await console.say("second")
        await expect(console.own("second").get_by_text("Sent", exact=True)).to_have_count(1)
        await check_accessible(console.page)


async def test_typing(stack: Stack, browser: Browser, desk: Desk) -> None:
    """Each side is told that the other types, and that it has stopped."""
    async with visit(browser) as visitor, desk.customer() as customer:
        console = await begin(stack, visitor, customer)
        await customer.call("typing", servicer_id=1, site_id=1, typing=1)
        await expect(console.page.get_by_text("Typing…")).to_be_visible()
        await customer.call("typing", servicer_id=1, site_id=1, typing=0)
        await expect(console.page.get_by_text("Typing…")).to_be_hidden()
        box = console.page.get_by_label("Message", exact=True)
        await box.press_sequentially("so")
        assert (await hear(customer, "typing"))["typing"] is True
        await box.fill("")
        assert (await hear(customer, "typing"))["typing"] is False


async def test_emoji(stack: Stack, browser: Browser, desk: Desk) -> None:
    """It goes where the cursor is, chosen by mouse or keys."""
    async with visit(browser) as visitor, desk.customer() as customer:
        console = await begin(stack, visitor, customer)
        box = console.page.get_by_label("Message", exact=True)
        await box.fill("ab")
        await box.press("ArrowLeft")
        await console.page.get_by_role("button", name="Emoji").click()
        await check_accessible(console.page)
        await console.page.get_by_role("button", name="😀").click()
        await expect(box).to_have_value("a😀b")
        await expect(box).to_be_focused()
        await console.page.get_by_role("button", name="Emoji").press("Enter")
        await expect(console.page.get_by_role("button", name="😀")).to_be_focused()
        await console.page.keyboard.press("ArrowRight")
        await console.page.keyboard.press("Enter")
        await expect(box).to_have_value("a😀😃b")
        await box.press("Enter")
        assert (await hear(customer, "string"))["message"] == "a😀😃b"


async def test_pictures_pasted_and_dropped(
    stack: Stack, browser: Browser, desk: Desk, tmp_path: Path
) -> None:
    """They are shown before they are sent; what is no picture is refused."""
    content = base64.b64encode(picture(tmp_path).read_bytes()).decode()
    png, text = ["photo.png", "image/png", content], ["notes.txt", "text/plain", content]
    async with visit(browser) as visitor, desk.customer() as customer:
        console = await begin(stack, visitor, customer)
        box = console.page.get_by_label("Message", exact=True)
        dialog = console.page.get_by_role("dialog", name="Send pictures")
        shown = dialog.get_by_role("img", name="Picture to be sent")
        await box.evaluate(GIVE_FILES, ["paste", [png, text]])
        await expect(shown).to_have_count(1)
        await expect(console.page.get_by_text("Only pictures can be sent")).to_be_visible()
        await check_accessible(console.page)
        await dialog.get_by_role("button", name="Cancel").click()
        await expect(dialog).to_be_hidden()
        assert said(desk, customer) == []

        await box.evaluate(GIVE_FILES, ["drop", [png, png]])
        await expect(shown).to_have_count(2)
        await dialog.get_by_role("button", name="Send", exact=True).press("Enter")
        paths = {(await hear(customer, "image"))["servicer_say"] for _ in range(2)}
        assert set(said(desk, customer)) == paths
        sent = console.page.get_by_role("button", name="Show in full size")
        await expect(sent).to_have_count(2)
        await sent.first.click()
        await expect(console.page.get_by_role("dialog", name="[Picture]")).to_be_visible()
        await console.page.keyboard.press("Escape")
        await expect(console.page.get_by_role("dialog")).to_have_count(0)


async def test_cards(stack: Stack, browser: Browser, desk: Desk) -> None:
    """One click sends goods or an order of the customer beside the conversation; what the customer
    sends is shown alike, also after a reload."""
    async with visit(browser) as visitor, desk.customer(1) as customer:
        console = await ConsolePage.log_in(stack, visitor)
        await customer.bind()
        await console.choose("张三")
        panel = console.page.get_by_role("complementary", name="Customer")
        await expect(panel.get_by_text("13800000001")).to_be_visible()
        await panel.get_by_label("Order number or product").fill("000101")
        await expect(panel.get_by_role("article")).to_have_count(1)
        await panel.get_by_role("button", name="Send order 2026110100000101").click()
        assert (await hear(customer, "order"))["order_id"] == 101
        await panel.get_by_role("button", name="Unpaid").click()
        await expect(panel.get_by_text("No orders")).to_be_visible()
        await panel.get_by_role("tab", name="Bought").click()
        await panel.get_by_role("button", name="Send product 蓝牙耳机 白色").click()
        assert (await hear(customer, "goodssku"))["goods_sku_id"] == 31
        await customer.call("say", message="", content_type=2, order_id=102)
        for _ in range(2):
            order = console.own("2026110100000101")
            await expect(order).to_contain_text("棉质T恤 白色 M")
            await expect(order).to_contain_text("¥215.00")
            await expect(console.own("蓝牙耳机 白色")).to_contain_text("¥199.00")
            await expect(console.message("2026110100000102")).to_contain_text("已完成")
            await console.page.reload()


async def test_somebody_who_is_no_member(stack: Stack, browser: Browser, desk: Desk) -> None:
    """Of a visitor there are no orders and no goods, which is said kindly."""
    async with visit(browser) as visitor, desk.customer() as customer:
        visit_of = await desk.customer_call("visitor", {})
        customer.member_id, customer.token = (
            visit_of["data"]["member_id"],
            visit_of["data"]["token"],
        )
        console = await ConsolePage.log_in(stack, visitor)
        await customer.bind()
        await customer.call("say", message="just looking")
        await console.row("just looking").click()
        await expect(console.message("just looking")).to_be_visible()
        await expect(console.page.get_by_text("No orders")).to_be_visible()
        for tab in ("Viewed", "Bought"):
            await console.page.get_by_role("tab", name=tab).click()
            await expect(console.page.get_by_text("No products")).to_be_visible()


async def test_quick_replies(stack: Stack, browser: Browser, desk: Desk) -> None:
    """A slash offers them, words narrow them down, keys choose; Esc leaves what was typed."""
    replies = ("It leaves within 48 hours.", "You can return it within 7 days.", "Good day!")
    for reply in replies:
        query = "INSERT INTO servicer_fast_reply (site_id, content, create_time) VALUES (1, ?, 1)"
        desk.execute(query, reply)
    async with visit(browser) as visitor, desk.customer() as customer:
        console = await begin(stack, visitor, customer)
        box = console.page.get_by_label("Message", exact=True)
        offered = console.page.get_by_role("listbox", name="Quick replies").get_by_role("option")
        await box.press_sequentially("/")
        await expect(offered).to_have_count(3)
        await check_accessible(console.page)
        await box.press_sequentially("within")
        await expect(offered).to_have_count(2)
        first = offered.filter(has_text="48 hours")
        second = offered.filter(has_text="7 days")
        await expect(first.or_(second).and_(offered.first)).to_have_attribute(
            "aria-selected", "true"
        )
        while await second.get_attribute("aria-selected") != "true":
            await box.press("ArrowDown")
        await box.press("Enter")
        await expect(offered).to_have_count(0)
        await expect(box).to_have_value(replies[1])
        assert said(desk, customer) == []
        await box.press("Enter")
        assert (await hear(customer, "string"))["message"] == replies[1]

        await box.press_sequentially("/nothing like it")
        await expect(console.page.get_by_text("No quick reply matches")).to_be_visible()
        await box.press("Escape")
        await expect(console.page.get_by_text("No quick reply matches")).to_be_hidden()
        await expect(box).to_have_value("/nothing like it")
        await box.fill("")
        await box.press_sequentially("/day")
        await offered.filter(has_text="Good day!").click()
        await expect(box).to_have_value("Good day!")


async def test_recall_too_late(stack: Stack, browser: Browser, desk: Desk) -> None:
    """The server refuses, which is told; what is taken back is gone from the list, too."""
    async with visit(browser) as visitor, desk.customer() as customer:
        console = await begin(stack, visitor, customer)
        await console.say("a slip")
        await expect(console.own("a slip").get_by_text("Delivered")).to_have_count(1)
        take_back = console.own("a slip").get_by_role("button", name="Take back")
        query = "UPDATE servicer_dialogue SET add_time = add_time - ? WHERE message = 'a slip'"
        desk.execute(query, 1000)
        await take_back.press("Enter")
        await expect(console.page.get_by_text("It is too late")).to_be_visible()
        desk.execute(query, -1000)
        await take_back.press("Enter")
        await expect(console.own("Message taken back")).to_have_count(1)
        assert (await hear(customer, "recall"))["side"] == "servicer"
        row = console.row(f"会员{customer.member_id}")
        await expect(row).to_contain_text("Message taken back")
        assert "a slip" not in await console.page.inner_text("body")


async def test_failed_and_sent_again(stack: Stack, browser: Browser, desk: Desk) -> None:
    """What could not be sent says so, after some tries; the person has it sent again, or not."""
    # Requests that the network does not take are errors in a browser's console.
    async with visit(browser, expect_problems=True) as visitor, desk.customer() as customer:
        console = await begin(stack, visitor, customer)
        await console.page.route(ANSWER, lambda route: route.abort())
        await console.say("one")
        await console.say("two")
        for text in ("one", "two"):
            await expect(console.own(text).get_by_text("Not sent")).to_be_visible()
        await check_accessible(console.page)
        await console.page.unroute(ANSWER)
        assert said(desk, customer) == []
        await console.own("one").get_by_role("button", name="Try again").click()
        await expect(console.own("one").get_by_text("Delivered")).to_have_count(1)
        await console.own("two").get_by_role("button", name="Delete").click()
        await expect(console.own("two")).to_have_count(0)
        await console.page.reload()
        await expect(console.own("one")).to_have_count(1)
        await expect(console.own("two")).to_have_count(0)
        assert said(desk, customer) == ["<p>one</p>"]


async def test_an_answer_that_gets_lost(stack: Stack, browser: Browser, desk: Desk) -> None:
    """The server has stored it, but nobody is told: it is sent again, and stored once."""
    tries = 0

    async def lose(route: Route) -> None:
        nonlocal tries
        tries += 1
        response = await route.fetch()
        if tries == 1:
            await route.abort()
        else:
            await route.fulfill(response=response)

    async with visit(browser, expect_problems=True) as visitor, desk.customer() as customer:
        console = await begin(stack, visitor, customer)
        await console.page.route(ANSWER, lose)
        await console.say("once")
        await expect(console.own("once").get_by_text("Delivered")).to_have_count(1)
        await expect(console.own("once")).to_have_count(1)
        assert tries == 2
        assert said(desk, customer) == ["<p>once</p>"]
        assert (await hear(customer, "string"))["message"] == "once"
        # That nobody types any more is told of by a request of its own, which may come late.
        with pytest.raises(TimeoutError):
            await customer.socket.recv_type("string", 0.3 * SECOND)


async def test_drafts(stack: Stack, browser: Browser, desk: Desk) -> None:
    """What is half written stays with its conversation, also over a reload."""
    async with visit(browser) as visitor, desk.customer() as one, desk.customer() as other:
        await begin(stack, visitor, one)
        console = ConsolePage(visitor.context.pages[0], visitor)
        box = console.page.get_by_label("Message", exact=True)
        await box.fill("half a")
        await other.bind()
        await other.call("say", message="me first")
        await console.choose(f"会员{other.member_id}")
        await expect(box).to_have_value("")
        await console.choose(f"会员{one.member_id}")
        await expect(box).to_have_value("half a")
        await console.page.reload()
        await expect(box).to_have_value("half a")
        await box.press("Enter")
        await console.page.reload()
        await expect(console.own("half a")).to_have_count(1)
        await expect(box).to_have_value("")


async def test_markup_in_names_and_previews(stack: Stack, browser: Browser, desk: Desk) -> None:
    """What is stored as markup, by whatever way, is drawn as text, in the list and in messages."""
    evil = """<img src="upload/demo/goods_1.svg" onload="document.title='caught'">"""
    evil += "<script>document.title='caught'</script>"
    # That it is blocked is told in the browser's console; the server would not have stored it.
    async with visit(browser, expect_problems=True) as visitor, desk.customer() as customer:
        console = await begin(stack, visitor, customer)
        desk.execute(
            "UPDATE servicer_dialogue SET consumer_say = ?, content = ? WHERE member_id = ?",
            f"<p>{evil}<a href=\"javascript:document.title='caught'\">click</a> https://ok.example</p>",
            evil,
            customer.member_id,
        )
        for table in ("servicer_conversation", "servicer_member"):
            query = f"UPDATE {table} SET member_name = ? WHERE member_id = ?"
            desk.execute(query, f"<b>{customer.member_id}</b>", customer.member_id)
        await console.page.reload()
        await expect(console.row(f"<b>{customer.member_id}</b>")).to_be_visible()
        message = console.message("click")
        await expect(message.get_by_role("link")).to_have_count(1)
        await expect(message.get_by_role("link")).to_have_attribute("href", "https://ok.example")
        await expect(message.get_by_role("link")).to_have_attribute(
            "rel", "noopener noreferrer nofollow"
        )
        assert await console.page.locator(".message-text script, option b").count() == 0
        assert "caught" not in await console.page.title()
        await check_accessible(console.page)
        assert all("inline event handler" in problem for problem in visitor.problems)
