"""The agents' console on screens of all widths, in light and dark; and what calls its agent."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import Browser, Page, expect

from tests.business.services.servicer.support import Desk
from tests.support.axe import check_accessible
from tests.support.browser import visit
from tests.support.stack import Stack

from .people import ConsolePage

pytestmark = pytest.mark.asyncio(loop_scope="module")

RECORD = """() => {
    window.notices = [];
    window.tones = 0;
    window.Notification = class {
        static permission = "granted";
        static requestPermission = async () => "granted";
        constructor(title, { body }) {
            window.notices.push(Object.assign(this, { title, body }));
        }
        close() { this.isClosed = true; }
    };
    const start = OscillatorNode.prototype.start;
    OscillatorNode.prototype.start = function (when) { window.tones += 1; start.call(this, when); };
}"""
"""The desktop and the loudspeaker are outside of the browser: what is asked of them is noted."""


async def check(page: Page) -> None:
    """See that axe finds nothing serious, and that nothing is wider than the screen."""
    await check_accessible(page)
    widths = await page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert widths[0] <= widths[1]


@pytest.mark.parametrize(
    ("width", "scheme", "locale"),
    [
        (360, "dark", "en-US"),
        (360, "light", "zh-CN"),
        (768, "light", "en-US"),
        (1440, "dark", "zh-CN"),
    ],
)
async def test_widths(
    stack: Stack, browser: Browser, desk: Desk, width: int, scheme: str, locale: str
) -> None:
    """List, conversation, customer, menu and help can be used on each, in both languages."""
    en = locale == "en-US"
    size = {"width": width, "height": 800}
    options: dict[str, Any] = {"viewport": size, "color_scheme": scheme, "locale": locale}
    async with visit(browser, **options) as visitor, desk.customer(1) as customer:
        page = await visitor.open(f"{stack.http_url}/console")
        await page.get_by_label("User name" if en else "账号").fill("alice")
        await page.get_by_label("Password" if en else "密码").fill("demo")
        await page.keyboard.press("Enter")
        row = page.get_by_role("option").filter(has_text="张三")
        await customer.bind()
        await customer.call("say", message="https://shop.example/ " + "long" * 60)
        await customer.call("say", message="", content_type=2, order_id=101)
        await expect(row).to_contain_text("[Order]" if en else "[订单]")
        await check(page)
        await page.get_by_role(
            "button", name="Settings and account" if en else "设置与账号"
        ).click()
        await check(page)
        await page.keyboard.press("Escape")
        await page.keyboard.press("?")
        await expect(page.get_by_role("dialog")).to_be_visible()
        await check(page)
        await page.keyboard.press("Escape")
        await expect(page.get_by_role("dialog")).to_have_count(0)
        await row.click()
        await expect(page.locator("li.message").last).to_contain_text("2026110100000101")
        await check(page)
        if width < 1200:
            details = "Customer details" if en else "顾客信息"
            await page.get_by_role("button", name=details).click()
        await expect(page.get_by_text("13800000001")).to_be_in_viewport()
        send = "Send order" if en else "发送订单"
        await expect(page.get_by_role("button", name=send).first).to_be_visible()
        await check(page)


async def test_notices(stack: Stack, browser: Browser, desk: Desk) -> None:
    """A sound and a notice of the desktop call an agent who looks elsewhere, as chosen; a click on
    the notice opens the conversation."""
    async with visit(browser) as visitor, desk.customer() as one, desk.customer() as other:
        await visitor.context.add_init_script(f"({RECORD})()")
        console = await ConsolePage.log_in(stack, visitor)
        page = console.page
        for customer in (one, other):
            await customer.bind()
            await customer.call("say", message="hello")
            await expect(console.row(f"会员{customer.member_id}")).to_contain_text("1 unread")
        assert await page.evaluate("[tones > 0, notices.length]") == [True, 0]
        await page.get_by_role("button", name="Settings and account").click()
        await page.get_by_role("switch", name="Desktop notices").press("Space")
        await page.get_by_role("switch", name="Sound").press("Space")
        await page.keyboard.press("Escape")
        await page.reload()
        await console.choose(f"会员{one.member_id}")
        await page.evaluate("document.hasFocus = () => false")
        await other.call("say", message="<p>&lt;b&gt;look&lt;/b&gt;</p>")
        await expect(console.row(f"会员{other.member_id}")).to_contain_text("2 unread")
        assert await page.evaluate("tones") == 0
        assert await page.evaluate("notices.map(({ title, body }) => [title, body])") == [
            [f"会员{other.member_id}", "<b>look</b>"]
        ]
        await page.evaluate("delete document.hasFocus; notices[0].onclick()")
        await expect(console.message("<b>look</b>")).to_be_visible()
        assert await page.evaluate("notices[0].isClosed")
