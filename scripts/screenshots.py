"""``make screenshots``: a picture of every page, for the README, in docs/pictures/.

Starts the demo shop on free ports with a database of its own, lets its people talk for three weeks,
and takes the pictures in Chromium.
"""

from __future__ import annotations

import asyncio
import random
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

from playwright.async_api import Browser, Page, expect

from tests.business.services.servicer.support import SETTINGS, Agent, Customer, Desk, sign
from tests.support.browser import MISSING, Visit, chromium, find_chromium, visit
from tests.support.stack import Stack

TARGET = Path(__file__).resolve().parent.parent / "docs" / "pictures"

DESKTOP: dict[str, Any] = {"viewport": {"width": 1440, "height": 900}, "locale": "zh-CN"}
PHONE: dict[str, Any] = {
    "viewport": {"width": 390, "height": 780},
    "locale": "zh-CN",
    "is_mobile": True,
    "has_touch": True,
}

TALK = (
    # (who says it, text): between member 1 and alice
    ("customer", "你好，这款白色 T 恤 M 码还有货吗？"),
    ("agent", "您好！有的，M 码现有 120 件，今天下单今天发 📦"),
    ("customer", "我身高 172，穿 M 还是 L？"),
    ("agent", "172 cm 建议选 M，版型偏宽松，穿着舒服 😊"),
)

THANKS = "好的，我下单了，谢谢！"

QUESTIONS = ("这个颜色还有吗？", "什么时候发货？", "可以开发票吗？", "尺码偏大吗？", "能改地址吗？")
ANSWERS = (
    "有的，可以直接下单。",
    "今天下午四点前付款当天发。",
    "可以，下单时填写抬头即可。",
    "建议选平时的尺码。",
)
"""What was said in the weeks before."""

OTHERS = {2: "保温杯可以刻字吗？", 3: "耳机什么时候补货？"}
"""What members 2 and 3 say."""


class Back(NamedTuple):
    """A back office, all of whose pages are taken."""

    username: str
    door: str


BACKS = (Back("admin", "shop"), Back("root", "admin"))


CHARTS = 4
"""On the page of statistics."""

DAYS = 30
"""How long the shop has been there."""

LOADED = """() => [...document.images].every((image) => {
    const { top, bottom, left, right } = image.getBoundingClientRect();
    const isInSight = top < innerHeight && bottom > 0 && left < innerWidth && right > 0;
    return image.complete || !isInSight;
})"""
"""Whether the pictures in sight are there."""

DAY = 86400
"""Seconds."""


def write_past(desk: Desk) -> None:
    """Put questions and answers of the last weeks into the database."""
    choose = random.Random(1)
    agents = [row["uid"] for row in desk.rows("SELECT uid FROM servicer_account ORDER BY uid")][:2]
    now = int(time.time())
    messages: list[tuple[int, int, int, int]] = []  # time, member, agent, who says it
    enquiries: list[tuple[int, int, int, int]] = []  # member, agent, begun, answered
    for day in range(DAYS, 0, -1):
        for _ in range(
            choose.randint(8, 18) if (now // DAY - day) % 7 < 5 else choose.randint(3, 7)
        ):
            start = now - day * DAY + choose.randint(0, 10 * 3600)
            member, agent = choose.randint(11, 60), choose.choice(agents)
            for turn in range(choose.randint(1, 4)):
                asked = start + turn * 240 + choose.randint(0, 60)
                answered = asked + int(choose.lognormvariate(3.6, 0.7))
                messages += [(asked, member, agent, 0), (answered, member, agent, 1)]
                if not turn:
                    enquiries.append((member, agent, asked, answered))
    messages.sort()
    desk.execute_many(
        "INSERT INTO servicer_dialogue (member_id, servicer_id, create_day, create_time, shop_id,"
        " content_type, read, goods_sku_id, order_id, consumer_say, servicer_say, type, add_time,"
        " relate_data, content, message, recalled) VALUES (?, ?, ?, ?, 1, 0, 1, 0, 0, ?, ?, ?, ?,"
        " '', ?, ?, 0)",
        [
            (
                member,
                agent,
                time.strftime("%Y-%m-%d", time.gmtime(at + 8 * 3600)),
                time.strftime("%H:%M:%S", time.gmtime(at + 8 * 3600)),
                *((text, "") if side == 0 else ("", text)),
                side,
                at,
                text,
                text,
            )
            for at, member, agent, side in messages
            for text in [choose.choice(ANSWERS if side else QUESTIONS)]
        ],
    )

    desk.execute(
        "INSERT INTO servicer_conversation (shop_id, member_id, servicer_id, last_id, member_time,"
        " create_time, member_name, headimg, waiting_id, silent_since)"
        " SELECT shop_id, member_id, servicer_id, MAX(id), MAX(add_time), MIN(add_time),"
        " '会员' || member_id, '', 0, 0 FROM servicer_dialogue GROUP BY shop_id, member_id"
    )
    desk.execute_many(
        "INSERT INTO servicer_enquiry (shop_id, member_id, servicer_id, start_time, answer_time)"
        " VALUES (1, ?, ?, ?, ?)",
        enquiries,
    )


async def converse(alice: Agent, people: dict[int, Customer]) -> None:
    """Fill the conversations that the pictures show."""
    member = people[1]
    for who, text in TALK:
        if who == "customer":
            said(await member.call("say", site_id=1, message=text, format="text"))
        else:
            said(await alice.call("chat/answer", member_id=1, servicer_say=text, format="text"))
    said(await member.call("say", site_id=1, content_type=1, goods_id=11))
    said(await alice.call("chat/answer", member_id=1, content_type=2, order_id=101))
    said(await member.call("say", site_id=1, message=THANKS, format="text"))
    for member_id, text in OTHERS.items():
        said(await people[member_id].call("say", site_id=1, message=text, format="text"))


def said(answer: dict[str, Any]) -> None:
    """See that it was taken."""
    assert answer["code"] == 0, answer


@asynccontextmanager
async def talking(desk: Desk) -> AsyncIterator[None]:
    """Agent and customers are there, and have talked."""
    async with AsyncExitStack() as stack:
        alice = await stack.enter_async_context(desk.agent("alice"))
        people = {}
        for member_id in (1, *OTHERS):
            people[member_id] = await stack.enter_async_context(desk.customer(member_id))
            said(await people[member_id].bind())
        await converse(alice, people)
        yield


async def log_in(desk: Desk, visitor: Visit, username: str, door: str) -> None:
    """Log a browser in, as the page does."""
    answer = await visitor.context.request.post(
        f"{desk.stack.http_url}/servicer/{door}/login/login",
        form={"username": username, "password": "demo"},
        headers={"X-Requested-With": "XMLHttpRequest"},
    )
    assert (await answer.json())["code"] == 0, await answer.text()


async def shoot(page: Page, name: str) -> None:
    """Take the picture of what a page shows once it is quiet."""
    await page.wait_for_load_state("networkidle")
    await page.wait_for_function(LOADED)
    await page.screenshot(path=TARGET / f"{name}.png", animations="disabled")
    print(f"docs/pictures/{name}.png")


async def console(desk: Desk, browser: Browser) -> None:
    """The agents' console: at the desk by day and by night, and on a phone."""
    looks: tuple[tuple[str, dict[str, Any]], ...] = (
        ("console", DESKTOP),
        ("console-dark", {**DESKTOP, "color_scheme": "dark", "locale": "en-US"}),
        ("console-phone", PHONE),
    )
    for name, options in looks:
        async with visit(browser, **options) as visitor:
            await log_in(desk, visitor, "alice", "servicer")
            page = await visitor.open(f"{desk.stack.http_url}/console#/c/1")
            await expect(page.locator("li.message").filter(has_text=THANKS)).to_be_visible()
            await shoot(page, name)
    async with visit(browser, **DESKTOP) as visitor:
        await shoot(await visitor.open(f"{desk.stack.http_url}/console"), "console-login")


async def chat(desk: Desk, browser: Browser) -> None:
    """The customers' chat on phones, and in the corner of the shop."""
    url = f"{desk.stack.http_url}/chat?site_id=1#token={sign(1)}"
    looks: tuple[tuple[str, dict[str, Any]], ...] = (
        ("chat", PHONE),
        ("chat-dark", {**PHONE, "color_scheme": "dark", "locale": "en-US"}),
    )
    for name, options in looks:
        async with visit(browser, **options) as visitor:
            page = await visitor.open(url)
            await expect(page.locator("article.message").filter(has_text=THANKS)).to_be_visible()
            await shoot(page, name)
    async with visit(browser, **DESKTOP) as visitor:
        page = await visitor.open(f"{desk.stack.http_url}/demo")
        await page.get_by_role("radio", name="张三").check()
        await page.locator("iframe").first.wait_for(state="attached")
        await page.evaluate("window.kefu.open()")
        frame = page.frame_locator("iframe")
        await expect(frame.locator("article.message").filter(has_text=THANKS)).to_be_visible()
        await shoot(page, "demo")


async def back_office(desk: Desk, browser: Browser, back: Back) -> None:
    """Every page in the menu of a back office."""
    async with visit(browser, **DESKTOP) as visitor:
        await log_in(desk, visitor, back.username, back.door)
        page = await visitor.open(f"{desk.stack.http_url}/admin")
        links = page.get_by_role("navigation").get_by_role("link")
        await links.first.wait_for()
        for index in range(await links.count()):
            link = links.nth(index)
            name = str(await link.get_attribute("href")).rpartition("/")[2]
            await link.click()
            if name == "statistics":
                await expect(page.locator("canvas")).to_have_count(CHARTS)
            await shoot(page, f"{back.username}-{name}")


async def main() -> int:
    """Returns the exit code."""
    if find_chromium() is None:
        print(MISSING, file=sys.stderr)
        return 1
    TARGET.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as directory:
        async with (
            Stack(Path(directory), settings=SETTINGS) as stack,
            Desk(stack) as desk,
            chromium() as browser,
        ):
            write_past(desk)
            async with talking(desk):
                await chat(desk, browser)
                for back in BACKS:
                    await back_office(desk, browser, back)
            async with desk.customer(1) as customer:  # who has stayed, while alice comes back
                await customer.bind()
                await console(desk, browser)
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
