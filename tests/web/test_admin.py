"""The back office in a browser: who gets in, agents, groups, keyword replies and quick replies."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from shared.settings import Settings
from tests.business.services.servicer.support import Desk
from tests.support.axe import check_accessible
from tests.support.browser import visit
from tests.support.stack import Stack

from .office import OfficePage
from .people import ChatPage, ConsolePage, picture

pytestmark = pytest.mark.asyncio(loop_scope="module")

GUESSES = Settings().servicer.captcha_failures

members = itertools.count(7000)
"""Members whom no other test of this module has."""


async def test_wrong_password(stack: Stack, browser: Browser) -> None:
    """It is said, and the right one lets in after it; so does the right door."""
    async with visit(browser) as visitor:
        office = OfficePage(await visitor.open(f"{stack.http_url}/admin"), stack)
        alert = office.page.get_by_role("alert")
        await office.page.get_by_role("button", name="Log in").click()
        await expect(alert).to_have_text("Enter your user name and password")
        await office.sign_in("Shop", "admin", "wrong")
        await expect(alert).to_have_text("Wrong user name or password")
        await office.sign_in("Platform", "admin", "demo")
        await expect(alert).to_have_text("Wrong user name or password")
        await office.sign_in("Shop", "admin", "demo")
        await expect(office.page.get_by_text("Demo Store")).to_be_visible()


async def test_who_guesses_has_to_read_a_picture(stack: Stack, browser: Browser) -> None:
    """After some wrong passwords; another picture can be had, and follows a wrong answer."""
    async with visit(browser) as visitor:
        office = OfficePage(await visitor.open(f"{stack.http_url}/admin"), stack)
        alert = office.page.get_by_role("alert")
        captcha = office.page.get_by_label("Characters in the picture")
        async with office.page.expect_response("**/login/captcha"):
            for _ in range(GUESSES + 1):
                async with office.page.expect_response("**/login/login"):
                    await office.sign_in("Shop", "guesser", "wrong")
        await expect(alert).to_have_text("Type the characters in the picture")
        await expect(captcha).to_be_focused()
        picture = office.page.get_by_alt_text("Picture with characters to type")
        sources = [await picture.get_attribute("src")]
        await office.page.get_by_role("button", name="Picture with characters").click()
        await expect(picture).not_to_have_attribute("src", sources[-1] or "")
        sources.append(await picture.get_attribute("src"))
        await captcha.fill("?")
        await office.page.get_by_role("button", name="Log in").click()
        await expect(alert).to_have_text("Those are not the characters in the picture")
        await expect(picture).not_to_have_attribute("src", sources[-1] or "")
        await check_accessible(office.page)


async def test_a_login_lasts_until_it_is_ended(stack: Stack, browser: Browser) -> None:
    """Through a reload; after logging out nothing is seen, also of a page that was left open."""
    async with visit(browser) as visitor:
        office = await OfficePage.log_in(stack, visitor)
        await office.go("Groups")
        await office.page.reload()
        await expect(office.page.get_by_role("heading", name="Groups")).to_be_visible()
        other = OfficePage(await visitor.open(f"{stack.http_url}/admin#/quick"), stack)
        await expect(other.page.get_by_role("heading", name="Quick replies")).to_be_visible()
        await expect(other.page.get_by_text("No quick replies yet")).to_be_visible()
        await office.page.get_by_role("button", name="admin").click()
        await office.page.get_by_text("Log out").click()
        await expect(office.page.get_by_label("User name")).to_be_visible()
        await other.page.get_by_role("link", name="Keyword replies").click()
        await expect(other.page.get_by_role("alert")).to_contain_text("Your login has ended")
        await expect(other.page.get_by_text("Keyword replies")).to_be_hidden()


async def test_each_door_has_its_pages(stack: Stack, browser: Browser) -> None:
    """The platform does not come to a shop's pages, and sees its own setting."""
    async with visit(browser) as visitor:
        office = await OfficePage.log_in(stack, visitor, "Platform")
        await expect(office.page.get_by_role("link", name="Agents")).to_have_count(0)
        await office.page.goto(f"{stack.http_url}/admin#/agents")
        await office.go("Platform")
        field = office.page.get_by_label("WebSocket address")
        await field.fill("https://shop.example")
        await office.page.get_by_role("button", name="Save").click()
        await expect(office.page.get_by_text("not an address of the right kind")).to_be_visible()
        await field.fill("")
        await office.page.get_by_role("button", name="Save").click()
        await expect(office.page.get_by_text("Saved")).to_be_visible()


async def test_both_languages(stack: Stack, browser: Browser) -> None:
    """The browser's at first, then the one that was chosen, also after a reload."""
    async with visit(browser, locale="zh-CN") as visitor:
        page = await visitor.open(f"{stack.http_url}/admin")
        await expect(page.get_by_role("heading", name="客服后台")).to_be_visible()
        await page.get_by_role("button", name="Switch to English").click()
        await expect(page.get_by_role("heading", name="Back office")).to_be_visible()
        await page.reload()
        await expect(page.get_by_role("heading", name="Back office")).to_be_visible()
        assert await page.evaluate("document.documentElement.lang") == "en"


async def test_an_agent_comes_and_goes(stack: Stack, browser: Browser, tmp_path: Path) -> None:
    """Added, changed, given another password, disabled, deleted: each holds for the agent at
    once."""
    async with visit(browser) as visitor, visit(browser) as agents_browser:
        office = await OfficePage.log_in(stack, visitor)
        page = office.page
        await office.go("Agents")
        await page.get_by_role("button", name="Add agent").click()
        form = office.dialog("Add agent")
        await form.get_by_label("User name").fill("erin")
        await form.get_by_label("Password").fill("short")
        await form.get_by_label("Display name").fill("Erin")
        await form.get_by_role("button", name="Save").click()
        await expect(form.get_by_role("alert")).to_be_visible()
        await form.get_by_label("Password").fill("long enough")
        await office.save(form)
        await expect(office.row("Erin")).to_contain_text("Never")

        console = await ConsolePage.log_in(stack, agents_browser, "erin", "long enough")
        await page.reload()
        await expect(office.row("Erin")).to_contain_text("Online")
        await office.row("Erin").get_by_role("button", name="Edit").click()
        form = office.dialog("Edit agent")
        await form.get_by_label("Display name").fill("Erin the second")
        await form.locator("input[type=file]").set_input_files(picture(tmp_path))
        await expect(form.locator("img")).to_have_attribute("src", re.compile("^/upload/"))
        await office.save(form)
        await expect(office.row("Erin the second").locator("img")).to_have_js_property(
            "naturalWidth", 640
        )
        await page.get_by_label("Search agents").fill("second")
        await expect(page.locator("tbody tr")).to_have_count(1)
        await page.get_by_label("Search agents").fill("nobody")
        await expect(page.get_by_text("Nothing matches")).to_be_visible()
        await page.get_by_label("Search agents").fill("")

        await office.row("Erin").get_by_role("button", name="Password").click()
        form = office.dialog("New password for Erin the second")
        await form.get_by_label("New password").fill("longer than before")
        await office.save(form)
        await console.page.get_by_role("button", name="Sign in again").click()
        await console.sign_in("erin", "long enough")
        await expect(console.page.get_by_role("alert")).not_to_be_empty()
        await console.sign_in("erin", "longer than before")
        await console.at_work()

        switch = page.get_by_role("switch", name="Enable Erin the second")
        await expect(switch).to_be_checked()
        await office.row("Erin").locator(".el-switch").click()
        await office.confirm("Disable")
        await expect(switch).not_to_be_checked()
        await console.page.get_by_role("button", name="Sign in again").click()
        await console.sign_in("erin", "longer than before")
        await expect(console.page.get_by_role("alert")).not_to_be_empty()

        await office.row("Erin").get_by_role("button", name="Delete").click()
        await office.confirm("Delete")
        await expect(office.row("Erin")).to_have_count(0)
        await expect(office.row("Alice")).to_be_visible()


async def test_groups(stack: Stack, browser: Browser) -> None:
    """Made, given to an agent, renamed, deleted; the agent is in none then."""
    async with visit(browser) as visitor:
        office = await OfficePage.log_in(stack, visitor)
        page = office.page
        await office.go("Groups")
        await page.get_by_role("button", name="Add group").click()
        form = office.dialog("Add group")
        await form.get_by_role("button", name="Save").click()
        await expect(form.get_by_role("alert")).to_have_text("Enter a name")
        await form.get_by_label("Name").fill("Night <shift>")
        await form.get_by_label("Description").fill("from eight")
        await office.save(form)
        await expect(office.row("Night <shift>")).to_contain_text("from eight")

        await office.go("Agents")
        await office.row("Bob").get_by_role("button", name="Edit").click()
        form = office.dialog("Edit agent")
        await form.get_by_label("Group").press("Enter")
        await page.get_by_role("option", name="Night <shift>").click()
        await office.save(form)
        await expect(office.row("Bob")).to_contain_text("Night <shift>")

        await office.go("Groups")
        await office.row("Night").get_by_role("button", name="Edit").click()
        form = office.dialog("Edit group")
        await form.get_by_label("Name").fill("Day")
        await office.save(form)
        await office.row("Day").get_by_role("button", name="Delete").click()
        await office.confirm("Delete")
        await expect(page.get_by_text("No groups yet")).to_be_visible()
        await office.go("Agents")
        await expect(office.row("Bob").locator("td").nth(1)).to_have_text("–")


async def test_a_keyword_is_answered(stack: Stack, browser: Browser) -> None:
    """What is set in the back office is what a customer gets who says the word; not while it is
    out of use, and no markup of it is any."""
    async with visit(browser) as visitor, visit(browser) as customers_browser:
        office = await OfficePage.log_in(stack, visitor)
        page = office.page
        await office.go("Keyword replies")
        for answer in ("We open at <nine>", "again"):
            await page.get_by_role("button", name="Add keyword").click()
            form = office.dialog("Add keyword")
            await form.get_by_label("Keyword").fill("opening hours")
            await form.get_by_label("Answer").fill(answer)
            if answer != "again":
                await office.save(form)
            else:
                await form.get_by_role("button", name="Save").click()
                await expect(form.get_by_role("alert")).to_contain_text("such a keyword already")
                await form.get_by_role("button", name="Cancel").click()
        await expect(page.get_by_role("dialog")).to_be_hidden()
        await office.row("opening hours").get_by_role("button", name="Edit").click()
        form = office.dialog("Edit keyword")
        await form.get_by_label("Answer").fill("We open at ten & close at six")
        await office.save(form)
        await expect(office.row("opening hours")).to_contain_text("ten & close")

        chat = await ChatPage.open(stack, customers_browser, next(members))
        await chat.say("opening hours")
        await expect(chat.message("We open at ten & close at six")).to_be_visible()
        await office.row("opening hours").locator(".el-switch").click()
        switch = page.get_by_role("switch", name="Use the keyword opening hours")
        await expect(switch).not_to_be_checked()
        await chat.say("opening hours")
        await expect(chat.own("opening hours")).to_have_count(2)
        await chat.say("anything else")
        await expect(chat.own("anything else")).to_have_count(1)
        await expect(chat.message("We open at ten")).to_have_count(1)

        await office.row("opening hours").get_by_role("button", name="Delete").click()
        await office.confirm("Delete")
        await expect(office.row("opening hours")).to_have_count(0)


async def test_a_quick_reply_is_sent(stack: Stack, browser: Browser) -> None:
    """What is set in the back office is what an agent chooses after a slash."""
    async with visit(browser) as visitor, visit(browser) as agents_browser:
        office = await OfficePage.log_in(stack, visitor)
        await office.go("Quick replies")
        await office.page.get_by_role("button", name="Add quick reply").click()
        form = office.dialog("Add quick reply")
        await form.get_by_label("Text").fill("Thank you for asking us <3")
        await office.save(form)
        await expect(office.row("asking us <3")).to_be_visible()

        async with Desk(stack) as desk, desk.customer(next(members)) as customer:
            await customer.call("say", site_id=1, message="hello")
            console = await ConsolePage.log_in(stack, agents_browser)
            await console.choose(f"会员{customer.member_id}")
            box = console.page.get_by_label("Message", exact=True)
            await box.fill("/asking")
            await expect(console.page.get_by_role("option", name="asking us <3")).to_be_visible()
            await box.press("Enter")
            await expect(box).to_have_value("Thank you for asking us <3")
            await box.press("Enter")
            await expect(console.own("asking us <3")).to_be_visible()

        await office.row("asking us").get_by_role("button", name="Delete").click()
        await office.confirm("Delete")
        await expect(office.page.get_by_text(re.compile("No quick replies yet"))).to_be_visible()
