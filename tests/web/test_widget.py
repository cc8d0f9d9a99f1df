"""The script that puts the chat into a shop's pages, which are on another origin."""

from __future__ import annotations

import re
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Error, Response, expect

from tests.business.services.servicer.support import PATIENT, Agent, Desk, members, sign
from tests.support.axe import check_accessible
from tests.support.browser import visit
from tests.support.ports import Ports
from tests.support.stack import Stack

from .shopfront import Embedded, Shopfront, kefu, tag

pytestmark = pytest.mark.asyncio(loop_scope="module")

PHONE: dict[str, Any] = {
    "viewport": {"width": 360, "height": 740},
    "has_touch": True,
    "is_mobile": True,
}

EVENTS = """
window.events = [];
window.addEventListener("kefu", ({ detail }) => {
  for (const name of ["ready", "open", "close", "unread", "message", "error"])
    detail.on(name, (value) => events.push([name, value ?? null]));
});
"""
"""Of a page that notes everything that the widget tells it."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shop() -> AsyncIterator[Shopfront]:
    """A shop's web server."""
    ports = Ports()
    async with Shopfront(ports.take()).serving() as shop:
        yield shop
    ports.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stack(tmp_path_factory: pytest.TempPathFactory, shop: Shopfront) -> AsyncIterator[Stack]:
    """The demo shop's customer service, which that shop may show."""
    settings = {**PATIENT, "servicer.cors_origins": [shop.url, f"{shop.other_url}/"]}
    async with Stack(tmp_path_factory.mktemp("widget"), settings=settings) as stack:
        yield stack


async def heard(agent: Agent, kind: str) -> dict[str, Any]:
    """The next frame of this type that the agent gets; not what becomes of earlier customers."""
    while (received := await agent.socket.recv_json())["type"] != kind:
        assert received["type"] == "disconnect", received
    data: dict[str, Any] = received["data"]
    return data


# Talking


async def test_visitor(stack: Stack, desk: Desk, browser: Browser, shop: Shopfront) -> None:
    """A visitor talks with an agent; the frame keeps who it is, and nobody keeps a cookie."""
    shop.show(tag(stack))
    async with desk.agent("alice") as alice, visit(browser) as visitor:
        page = await Embedded.open(visitor, shop.url)
        await page.start()
        member_id = (await heard(alice, "connect"))["member_id"]
        await page.say("Is it in stock?")
        assert (await heard(alice, "string"))["consumer_say"] == "<p>Is it in stock?</p>"
        await alice.call("chat/answer", member_id=member_id, servicer_say="<p>Yes, 25 left</p>")
        await expect(page.message("Yes, 25 left")).to_be_visible()

        assert await visitor.context.cookies() == []
        kept = "[...Object.keys(localStorage), ...Object.keys(sessionStorage)]"
        assert await page.page.evaluate(kept) == []
        assert "kefu.servicer.visitor" in await (await page.frame()).evaluate(kept)

        await page.page.reload()
        await page.start()
        await expect(page.message("Yes, 25 left")).to_be_visible()


async def test_nothing_can_be_stored(
    stack: Stack, desk: Desk, browser: Browser, shop: Shopfront
) -> None:
    """Where a browser lets the frame store nothing, a visitor talks all the same."""
    shop.show(tag(stack))
    async with desk.agent("alice") as alice, visit(browser) as visitor:
        page = await Embedded.open(visitor, shop.other_url)
        await page.start()
        member_id = (await heard(alice, "connect"))["member_id"]
        await page.say("Hello")
        await alice.call("chat/answer", member_id=member_id, servicer_say="<p>Hello, too</p>")
        await expect(page.message("Hello, too")).to_be_visible()
        with pytest.raises(Error, match="Access is denied"):
            await (await page.frame()).evaluate("localStorage.length")


async def test_visitor_logs_in_and_out(
    stack: Stack, desk: Desk, browser: Browser, shop: Shopfront
) -> None:
    """What a visitor said is the member's after the login; after the logout nothing is left."""
    shop.show(tag(stack))
    member_id = next(members)
    async with desk.agent("alice"), visit(browser) as visitor:
        page = await Embedded.open(visitor, shop.url)
        await page.start()
        await page.say("before the login")
        await expect(page.chat.locator(".pending")).to_have_count(0)
        await expect(page.message("before the login")).to_contain_text("Delivered")
        await page.call(f"setToken('{sign(member_id)}')")

        def moved() -> bool:
            query = "SELECT id FROM servicer_dialogue WHERE member_id = ?"
            return len(desk.rows(query, member_id)) == 1

        await desk.until(moved)
        await expect(page.message("before the login")).to_be_visible()
        await page.call("logout()")
        await expect(page.message("before the login")).to_have_count(0)
        await expect(page.box).to_be_enabled()
        await page.say("somebody else")
        await expect(page.chat.locator(".pending")).to_have_count(0)
        await expect(page.message("somebody else")).to_contain_text("Delivered")
        assert (
            len(desk.rows("SELECT id FROM servicer_dialogue WHERE member_id = ?", member_id)) == 1
        )


async def test_unread(stack: Stack, desk: Desk, browser: Browser, shop: Shopfront) -> None:
    """An answer to a chat that is closed is counted on the launcher, and told to the page."""
    shop.show(tag(stack), script=EVENTS)
    async with desk.agent("alice") as alice, visit(browser) as visitor:
        page = await Embedded.open(visitor, shop.url)
        await page.start()
        member_id = (await heard(alice, "connect"))["member_id"]
        await page.say("hello")
        await heard(alice, "string")
        await page.launcher.click()
        await expect(page.panel).to_be_hidden()
        for text in ("one", "two"):
            await alice.call("chat/answer", member_id=member_id, servicer_say=f"<p>{text}</p>")
        await expect(page.launcher).to_have_accessible_name("Open chat (2 unread)")
        await expect(page.page.locator(".badge")).to_have_attribute("data-count", "2")
        await expect(page.page.get_by_role("status")).to_have_text("2 unread")

        # The next page of the shop knows of them, without the chat being opened.
        await page.page.goto(f"{shop.url}/another")
        await expect(page.page.locator(".badge")).to_have_attribute("data-count", "2")
        await page.start()
        await expect(page.message("two")).to_be_visible()
        await page.page.wait_for_function("events.at(-1)[0] === 'unread' && events.at(-1)[1] === 0")
        await page.launcher.click()
        await expect(page.launcher).to_have_accessible_name("Open chat")
        names = [name for name, _ in await page.page.evaluate("events")]
        assert names[0] == "unread" or names[0] == "ready"
        assert {"ready", "open", "close", "unread"} <= set(names)


async def test_glance(stack: Stack, desk: Desk, browser: Browser, shop: Shopfront) -> None:
    """Beside a closed chat, what comes is shown as text, until it is dismissed or opened."""
    shop.show(tag(stack))
    async with desk.agent("alice") as alice, visit(browser) as visitor:
        page = await Embedded.open(visitor, shop.url)
        await page.start()
        member_id = (await heard(alice, "connect"))["member_id"]
        await page.say("hello")
        await heard(alice, "string")
        await page.launcher.click()
        glance = page.page.locator(".teaser")
        await expect(glance).to_be_hidden()
        said = "<p>It is &lt;b&gt;in&lt;/b&gt; <b>stock</b></p>"
        await alice.call("chat/answer", member_id=member_id, servicer_say=said)
        await expect(glance.locator("b")).to_have_text("Alice")
        await expect(glance.locator("span")).to_have_text("It is <b>in</b> stock")
        await check_accessible(page.page)
        await glance.get_by_role("button", name="Dismiss").click()
        await expect(glance).to_be_hidden()
        await expect(page.launcher).to_be_focused()
        await alice.call("chat/answer", member_id=member_id, goods_id=21, content_type=1)
        await expect(glance.locator("span")).to_have_text("Product")
        await glance.get_by_role("button", name="Alice").click()
        await expect(page.panel).to_be_visible()
        await expect(glance).to_be_hidden()


async def test_message_event(stack: Stack, desk: Desk, browser: Browser, shop: Shopfront) -> None:
    """The page learns of each message whose it is, until it does not want to any more."""
    shop.show(tag(stack))
    async with desk.agent("alice") as alice, visit(browser) as visitor:
        page = await Embedded.open(visitor, shop.url)
        await page.start()
        member_id = (await heard(alice, "connect"))["member_id"]
        await page.page.evaluate(
            """() => {
                window.heard = [];
                window.stop = kefu.on("message", ({ own }) => heard.push(own));
            }"""
        )
        await page.say("hello")
        await page.page.wait_for_function("heard.length === 1")
        await alice.call("chat/answer", member_id=member_id, servicer_say="<p>hi</p>")
        await page.page.wait_for_function("heard.length === 2")
        assert await page.page.evaluate("heard") == [True, False]
        await page.page.evaluate("stop()")
        await page.say("again")
        await expect(page.message("again")).to_contain_text("Delivered")
        assert await page.page.evaluate("heard") == [True, False]


# Tokens


async def test_token_of_a_callback(
    stack: Stack, desk: Desk, browser: Browser, shop: Shopfront
) -> None:
    """A token that has ended is refused, and the page is asked for a new one, once."""
    member_id = next(members)
    ended, good = sign(member_id, exp=int(time.time()) - 60), sign(member_id)
    preset = f"""
        window.asked = 0;
        window.kefu = {{ token: async () => (asked++ === 0 ? "{ended}" : "{good}") }};
    """
    shop.show(tag(stack), script=preset)
    async with desk.agent("alice") as alice, visit(browser, expect_problems=True) as visitor:
        page = await Embedded.open(visitor, shop.url)
        await page.start()
        assert (await heard(alice, "connect"))["member_id"] == member_id
        await page.say("It is me")
        assert (await heard(alice, "string"))["member_id"] == member_id
        assert await page.page.evaluate("asked") == 2


async def test_token_in_the_markup(
    stack: Stack, desk: Desk, browser: Browser, shop: Shopfront
) -> None:
    """A page that is made for a member names the token; when it has ended, the chat says so."""
    member_id = next(members)
    shop.show(tag(stack, f'data-site="1" data-token="{sign(member_id)}"'))
    async with desk.agent("alice") as alice, visit(browser, expect_problems=True) as visitor:
        page = await Embedded.open(visitor, shop.url)
        await page.start()
        assert (await heard(alice, "connect"))["member_id"] == member_id

        ended = sign(member_id, exp=int(time.time()) - 60)
        shop.show(tag(stack, f'data-site="1" data-token="{ended}"'))
        await page.page.reload()
        await page.launcher.click()
        await expect(page.chat.get_by_text("Your login has ended")).to_be_visible()
        await page.call(f"setToken('{sign(member_id)}')")
        await expect(page.chat.get_by_text("Your login has ended")).to_be_hidden()
        await expect(page.box).to_be_enabled()


async def test_callback_that_fails(
    stack: Stack, desk: Desk, browser: Browser, shop: Shopfront
) -> None:
    """A member whose page cannot get a new token is told so, and not made a visitor."""
    ended = sign(next(members), exp=int(time.time()) - 60)
    preset = f"""
        window.asked = 0;
        window.kefu = {{ token: async () => {{
          if (asked++ === 0) return "{ended}";
          throw new Error("the shop is down");
        }} }};
    """
    shop.show(tag(stack), script=preset + EVENTS)
    async with visit(browser, expect_problems=True) as visitor:
        page = await Embedded.open(visitor, shop.url)
        await page.launcher.click()
        await expect(page.chat.get_by_text("Your login has ended")).to_be_visible()
        errors = [value for name, value in await page.page.evaluate("events") if name == "error"]
        assert errors == ["token: Error: the shop is down"]


# What the customer looks at


async def test_show(stack: Stack, desk: Desk, browser: Browser, shop: Shopfront) -> None:
    """The page shows goods with or without opening the chat, and learns which card is clicked."""
    shop.show(tag(stack, 'data-site="1" data-sku="21"'))
    async with desk.agent("alice") as alice, visit(browser) as visitor:
        page = await Embedded.open(visitor, shop.url)
        await expect(page.launcher).to_be_visible()
        await page.page.evaluate(
            """() => {
                window.clicked = null;
                kefu.on("card", (look) => (clicked = look));
            }"""
        )
        await page.call("show({ sku_id: 32 }, { open: false })")
        await expect(page.panel).to_be_hidden()
        await page.launcher.click()
        await expect(page.chat.get_by_text("蓝牙耳机 黑色")).to_be_visible()
        await heard(alice, "connect")
        await page.call("close()")
        await page.call("show({ sku_id: 11 })")
        await expect(page.panel).to_be_visible()
        await page.chat.get_by_role("button", name="Send product").click()
        assert (await heard(alice, "goodssku"))["goods_sku_id"] == 11
        await page.chat.get_by_role("link", name="Product").click()
        await page.page.wait_for_function("clicked !== null")
        assert (await page.page.evaluate("clicked"))["sku_id"] == 11


async def test_goods_in_the_markup(stack: Stack, browser: Browser, shop: Shopfront) -> None:
    """The page of some goods names them, and they are ready to be sent."""
    shop.show(tag(stack, 'data-site="1" data-sku="21"'))
    async with visit(browser) as visitor:
        page = await Embedded.open(visitor, shop.url)
        await page.start()
        await expect(page.chat.get_by_text("保温杯 350ml")).to_be_visible()


# Opening and closing


async def test_focus(stack: Stack, browser: Browser, shop: Shopfront) -> None:
    """The focus goes into the chat, and back to where it was with Escape."""
    shop.show(tag(stack))
    async with visit(browser) as visitor:
        page = await Embedded.open(visitor, shop.url)
        await expect(page.launcher).to_have_attribute("aria-expanded", "false")
        await expect(page.launcher).to_be_visible()  # what is not cannot be given the focus
        await page.launcher.focus()
        await expect(page.launcher).to_be_focused()
        await page.page.keyboard.press("Enter")
        await expect(page.box).to_be_focused()
        await expect(page.launcher).to_have_attribute("aria-expanded", "true")
        await page.page.keyboard.press("Escape")
        await expect(page.launcher).to_be_focused()

        ask = page.page.locator("#ask")
        await ask.evaluate("(button) => button.addEventListener('click', () => kefu.toggle())")
        await ask.focus()
        await page.page.keyboard.press("Enter")
        await expect(page.box).to_be_focused()
        await page.chat.get_by_role("button", name="Close").click()
        await expect(ask).to_be_focused()
        await expect(page.panel).to_be_hidden()
        # What is closed cannot be reached.
        await page.launcher.focus()
        await page.page.keyboard.press("Tab")
        await expect(page.page.locator("iframe")).not_to_be_focused()


async def test_phone(stack: Stack, browser: Browser, shop: Shopfront) -> None:
    """On a telephone the chat has the whole screen, and the page behind it stays where it is."""
    shop.show(tag(stack))
    async with visit(browser, **PHONE) as visitor:
        page = await Embedded.open(visitor, shop.url)
        await page.start()
        # When it has come to rest.
        await page.page.wait_for_function(
            """() => {
                const box = [...document.body.children].at(-1).shadowRoot.querySelector(".panel")
                    .getBoundingClientRect();
                return !box.x && !box.y && box.width === innerWidth && box.height === innerHeight;
            }"""
        )
        await expect(page.launcher).to_be_hidden()
        overflow = "getComputedStyle(document.documentElement).overflowY"
        assert await page.page.evaluate(overflow) == "hidden"
        await page.chat.get_by_role("button", name="Close").click()
        await expect(page.panel).to_be_hidden()
        await expect(page.launcher).to_be_visible()
        assert await page.page.evaluate(overflow) == "visible"


async def test_own_button(stack: Stack, browser: Browser, shop: Shopfront) -> None:
    """A shop that has a button of its own does without the launcher."""
    shop.show(tag(stack, 'data-launcher="none"'))
    async with visit(browser) as visitor:
        page = await Embedded.open(visitor, shop.url)
        await page.page.wait_for_function("'toggle' in (window.kefu ?? {})")
        await page.call("open()")
        await expect(page.box).to_be_visible()
        await expect(page.launcher).to_be_hidden()
        await page.page.keyboard.press("Escape")
        await expect(page.panel).to_be_hidden()


# How it looks


async def test_settings_of_the_shop(
    stack: Stack, desk: Desk, browser: Browser, shop: Shopfront
) -> None:
    """Colour, place and texts are those that the back office has set; attributes are stronger."""
    set_by_shop = {
        "color": "#0a7c4a", "position": "left", "offset_x": 40, "offset_y": 90,
        "title": "小店客服", "title_en": "Ask the shop", "greeting_en": "Welcome!",
        "offline_en": "Back at nine.",
    }  # fmt: skip
    await set_widget(desk, **set_by_shop)
    shop.show(tag(stack))
    try:
        async with visit(browser) as visitor:
            page = await Embedded.open(visitor, shop.url)
            await expect(page.launcher).to_have_css("background-color", "rgb(10, 124, 74)")
            await expect(page.launcher).to_have_css("left", "40px")
            await expect(page.launcher).to_have_css("bottom", "90px")
            await page.start()
            await expect(page.panel).to_have_accessible_name("Ask the shop")
            await expect(page.chat.get_by_role("heading", name="Ask the shop")).to_be_visible()
            await expect(page.chat.get_by_text("Back at nine.")).to_be_visible()
            header = page.chat.locator("header").first
            await expect(header).to_have_css("background-color", "rgb(10, 124, 74)")

            shop.show(tag(stack, 'data-color="#ffcc00" data-position="right"'), lang="zh-CN")
            await page.page.reload()
            await expect(page.launcher).to_have_css("background-color", "rgb(255, 204, 0)")
            await expect(page.launcher).to_have_css("color", "rgb(15, 20, 30)")
            await expect(page.launcher).to_have_css("right", "40px")
            await page.launcher.click()
            await expect(page.panel).to_have_accessible_name("小店客服")
    finally:
        await set_widget(desk, color="#2563eb", position="right", offset_x=20, offset_y=20,
                         title="", title_en="", greeting_en="", offline_en="")  # fmt: skip


async def set_widget(desk: Desk, **settings: Any) -> None:
    """As the shop does in its back office."""
    async with desk.browser() as office:
        account = {"username": "admin", "password": "demo"}
        for path, values in (("login/login", account), ("widget/save", settings)):
            async with office.post(f"/servicer/shop/{path}", data=values) as response:
                answer = await response.json()
                assert answer["code"] == 0, answer


async def test_language(stack: Stack, browser: Browser, shop: Shopfront) -> None:
    """That of the page, or of the attribute; the launcher follows what is chosen in the chat."""
    shop.show(tag(stack), lang="zh-CN")
    async with visit(browser) as visitor:
        page = await Embedded.open(visitor, shop.url)
        await expect(page.launcher).to_have_accessible_name("打开在线客服")
        await page.launcher.click()
        await page.chat.get_by_role("button", name="设置").click()
        await page.chat.get_by_role("radio", name="English").check()
        await expect(page.launcher).to_have_accessible_name("Close chat")
    shop.show(tag(stack, 'data-lang="en"'), lang="zh-CN")
    async with visit(browser, locale="zh-CN") as visitor:
        page = await Embedded.open(visitor, shop.url)
        await expect(page.launcher).to_have_accessible_name("Open chat")
        await page.start()


@pytest.mark.parametrize("colours", ["light", "dark"])
async def test_accessible(stack: Stack, browser: Browser, shop: Shopfront, colours: str) -> None:
    """Closed and open, axe finds nothing; a page that is light or dark has the chat so, too."""
    shop.show(tag(stack, f'data-theme="{colours}"'))
    other = "dark" if colours == "light" else "light"
    async with visit(browser, color_scheme=other) as visitor:
        page = await Embedded.open(visitor, shop.url)
        await expect(page.launcher).to_be_visible()
        await check_accessible(page.page)
        await page.start()
        await check_accessible(page.page)
        is_dark = "document.documentElement.classList.contains('dark')"
        assert await (await page.frame()).evaluate(is_dark) == (colours == "dark")


# What can be wrong with the page


async def test_strict_policy(stack: Stack, browser: Browser, shop: Shopfront) -> None:
    """A page needs to allow kefu's scripts and frames, and nothing more: no styles, no requests."""
    policy = f"default-src 'none'; script-src {kefu(stack)}; frame-src {kefu(stack)}; img-src data:"
    shop.show(tag(stack), Content_Security_Policy=f"{policy}; require-trusted-types-for 'script'")
    async with visit(browser) as visitor:
        page = await Embedded.open(visitor, shop.url)
        await page.start()
        await expect(page.launcher).to_have_css("border-radius", "50%")
        await expect(page.panel).to_have_css("position", "fixed")


async def test_origin_that_may_not(stack: Stack, browser: Browser, shop: Shopfront) -> None:
    """The developer reads what to do in the console, the customer sees that it cannot be opened."""
    shop.show(tag(stack), script=EVENTS)
    async with visit(browser, expect_problems=True) as visitor:
        page = await Embedded.open(visitor, shop.foreign_url)
        await page.launcher.click()
        await expect(page.panel.get_by_text("The chat could not be opened")).to_be_visible()
        link = page.panel.get_by_role("link", name="Open in a new window")
        await expect(link).to_have_attribute("href", f"{kefu(stack)}/chat?site_id=1")
        await check_accessible(page.page)
        # Once when the page was loaded, and again when the chat was opened.
        [warning] = {text for text in page.warnings if text.startswith("kefu:")}
        assert f'servicer.cors_origins lacks "{shop.foreign_url}"' in warning
        events = dict(await page.page.evaluate("events"))
        assert events["error"] in warning
        assert "ready" not in events


async def test_phone_without_a_server(stack: Stack, browser: Browser, shop: Shopfront) -> None:
    """What covers the whole screen of a telephone can be closed also when the chat is not there."""
    shop.show(tag(stack))
    async with visit(browser, expect_problems=True, **PHONE) as visitor:
        page = await Embedded.open(visitor, shop.foreign_url)
        await page.launcher.click()
        await expect(page.launcher).to_be_hidden()
        await page.panel.get_by_role("button", name="Close chat").click()
        await expect(page.panel).to_be_hidden()
        await expect(page.launcher).to_be_visible()


async def test_server_that_comes_back(stack: Stack, browser: Browser, shop: Shopfront) -> None:
    """While kefu is down the chat says so; opened again, or asked to, it tries again."""
    shop.show(tag(stack))
    async with visit(browser, expect_problems=True) as visitor:
        page = Embedded(await visitor.context.new_page())
        await page.page.route("**/chat?*", lambda route: route.abort())
        await page.page.goto(shop.url)
        await page.launcher.click()
        await expect(page.panel.get_by_text("The chat could not be opened")).to_be_visible()
        await page.panel.get_by_role("button", name="Retry").click()
        await expect(page.panel.get_by_text("The chat could not be opened")).to_be_hidden()
        await expect(page.panel.get_by_text("The chat could not be opened")).to_be_visible()
        await page.call("close()")
        await page.page.unroute("**/chat?*")
        await page.start()


@pytest.mark.parametrize("where", ["body", "head"])
async def test_without_a_site(stack: Stack, browser: Browser, shop: Shopfront, where: str) -> None:
    """The bare tag is enough for an installation with one shop, wherever it stands in the page."""
    shop.show(tag(stack, "") if where == "body" else "")
    if where == "head":
        shop.show("", script=f"</script>{tag(stack, '').replace('async ', '')}<script>")
    async with visit(browser) as visitor:
        page = await Embedded.open(visitor, shop.url)
        await page.start()
        await expect(page.panel).to_have_accessible_name("Demo Store")


async def test_site_that_is_none(stack: Stack, browser: Browser, shop: Shopfront) -> None:
    """The chat says so to the customer, the console to the developer."""
    shop.show(tag(stack, 'data-site="77"'), script=EVENTS)
    async with visit(browser, expect_problems=True) as visitor:
        page = await Embedded.open(visitor, shop.url)
        await page.launcher.click()
        await expect(page.chat.get_by_text("There is no such shop")).to_be_visible()
        assert [text for text in page.warnings if "site_id 77" in text] == page.warnings != []


async def test_tag_twice(stack: Stack, browser: Browser, shop: Shopfront) -> None:
    """There is one chat all the same, and a warning."""
    shop.show(tag(stack) + tag(stack))
    async with visit(browser) as visitor:
        page = await Embedded.open(visitor, shop.url)
        await page.start()
        await expect(page.page.locator("iframe")).to_have_count(1)
        assert [text for text in page.warnings if "twice" in text] == page.warnings != []


async def test_two_services(stack: Stack, browser: Browser, shop: Shopfront) -> None:
    """Each has a launcher, one above the other, and ``kefu.service`` finds it."""

    async def other(route: Any) -> None:
        # As a copied service serves them, below its own name.
        url = re.sub(r"/other/", "/servicer/", route.request.url)
        await route.fulfill(response=await route.fetch(url=url))

    shop.show(tag(stack) + tag(stack, path="/other/widget.js"))
    async with visit(browser) as visitor:
        page = Embedded(await visitor.context.new_page())
        await page.page.route("**/other/**", other)
        await page.page.goto(shop.url)
        await expect(page.launcher).to_have_count(2)
        for launcher in await page.launcher.all():
            await expect(launcher).to_be_visible()
        places = [await launcher.bounding_box() for launcher in await page.launcher.all()]
        lower, upper = (place["y"] for place in places if place)
        assert lower - upper == 76
        assert await page.call("service('other') !== kefu.service('servicer')")
        assert await page.call("service('none') === undefined")
        await page.call("service('servicer').open()")
        await expect(page.page.get_by_role("dialog")).to_have_count(1)


async def test_weight(stack: Stack, browser: Browser, shop: Shopfront) -> None:
    """All that a customer's browser loads for the chat is under 60 kB."""
    shop.show(tag(stack))
    loaded: dict[str, int] = {}
    async with visit(browser) as visitor:
        page = Embedded(await visitor.context.new_page())
        responses: list[Response] = []
        page.page.on("response", lambda response: responses.append(response))
        await page.page.goto(shop.url)
        await page.start()
        for response in responses:
            if re.search(r"widget\.js|/chat\?|/assets/.*\.(js|css)", response.url):
                sizes = await response.request.sizes()
                loaded[response.url] = sizes["responseBodySize"]
    assert sum("widget.js" in url for url in loaded) == 1
    assert sum("/chat?" in url for url in loaded) == 1
    assert sum(".js" in url for url in loaded) >= 3
    assert 20_000 < sum(loaded.values()) < 60_000, loaded
