"""Keyword replies and quick replies."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from .support import Desk

words = itertools.count(1)


def add_keyword(desk: Desk, content: str, **values: Any) -> str:
    """A keyword of site 1 that no other test has."""
    word = values.pop("keyword", None) or f"词{next(words)}"
    row = {"site_id": 1, "keyword": word, "content_type": 0, "content": content, "is_use": 1}
    row.update(values)
    query = "INSERT INTO servicer_keyword_reply (site_id, keyword, content_type, content, is_use)"
    desk.execute(f"{query} VALUES (?, ?, ?, ?, ?)", *row.values())
    return word


async def test_a_keyword_is_answered_while_nobody_is_there(desk: Desk) -> None:
    """In the name of the shop: ``connect``, then the reply, both stored after the question."""
    word = add_keyword(desk, "48小时内发货")
    async with desk.customer() as customer:
        await customer.bind()
        assert (await customer.call("say", message=f"<p>{word}</p>"))["data"] == {"read": 0}
        connect = await customer.socket.recv_json()
        assert (connect["type"], connect["servicer_id"]) == ("connect", 0)
        voice = {"nickname": "Demo Store", "avatar": "upload/demo/shop_1.svg", "servicer_id": 0}
        assert voice.items() <= connect["data"].items()
        reply = await customer.receive("string")
        assert voice.items() <= reply.items()
        assert (reply["servicer_say"], reply["type"]) == ("<p>48小时内发货</p>", 1)
        question, stored = (await customer.call("dialogs"))["data"]["list"]
        assert (question["message"], question["servicer_id"]) == (word, 0)
        assert (stored["id"], stored["servicer_id"]) == (reply["id"], 0)
        assert reply["prev_id"] == question["id"]
        await customer.nothing()


@pytest.mark.parametrize("knows", [True, False])
async def test_a_keyword_is_answered_while_an_agent_is_there(desk: Desk, knows: bool) -> None:
    """In the agent's name; the agent sees it as ``keyword_reply``, after the question. The
    customer gets one ``connect`` before it, whether the client knew the agent or not."""
    word = add_keyword(desk, "满99包邮")
    async with desk.agent("alice") as alice, desk.customer() as customer:
        await customer.bind()
        await alice.receive("connect")
        await customer.call("say", message=word, servicer_id=alice.uid if knows else 0)
        assert (await alice.receive("string"))["consumer_say"] == word
        seen = await alice.receive("keyword_reply")
        assert (seen["member_id"], seen["servicer_say"]) == (
            customer.member_id,
            "<p>满99包邮</p>",
        )
        assert (seen["nickname"], seen["servicer_id"]) == ("Alice", alice.uid)
        assert (await customer.receive("connect"))["servicer_id"] == alice.uid
        reply = await customer.receive("string")
        assert (reply["id"], reply["nickname"]) == (seen["id"], "Alice")
        await customer.nothing()
        await alice.nothing(0.1)


async def test_only_the_exact_word_in_use_of_this_site_is_answered(desk: Desk) -> None:
    """Neither a part of it, nor another shop's, one out of use, another kind of content, another
    case; tags and blanks around it do not count."""
    word = add_keyword(desk, "yes", keyword="Where & when")
    unused = add_keyword(desk, "no", is_use=0)
    foreign = add_keyword(desk, "no", site_id=2)
    other = add_keyword(desk, "no", content_type=1)
    async with desk.customer() as customer:
        await customer.bind()
        for text in (f"{word}?", "where & when", unused, foreign, other, "x" * 60):
            await customer.call("say", message=text, format="text")
        await customer.call("say", content_type=3, message=f"upload/{word}.png")
        await customer.nothing()
        for text in ("<p> Where &amp; <span>when</span></p>", "Where & when<br>"):
            await customer.call("say", message=text)
            assert (await customer.receive("connect"))["servicer_id"] == 0
            assert (await customer.receive("string"))["message"] == "yes"


async def test_a_reply_is_made_safe_and_sent_once(desk: Desk) -> None:
    """What the back office stored is cleaned like all else; a retry is not answered again."""
    word = add_keyword(desk, "<script>alert(1)</script><b>hi</b>")
    async with desk.customer() as customer:
        await customer.bind()
        for _ in range(2):
            await customer.call("say", message=word, client_msg_id="one")
        await customer.receive("connect")
        assert (await customer.receive("string"))["servicer_say"] == "<p>hi</p>"
        await customer.nothing()


async def test_keywords_are_offered(own_desk: Desk) -> None:
    """Those in use of the shop; ``is_open`` is 0 where there are none."""
    async with own_desk.customer() as customer:
        empty = await customer.call("keyword")
        assert empty["data"] == {"is_open": 0, "keyword_list": []}
        words = [add_keyword(own_desk, "x"), add_keyword(own_desk, "x")]
        add_keyword(own_desk, "x", is_use=0)
        add_keyword(own_desk, "x", site_id=2)
        offered = (await customer.call("keyword"))["data"]
        assert offered == {"is_open": 1, "keyword_list": [{"keyword": word} for word in words]}
        other = (await customer.call("keyword", site_id=2))["data"]["keyword_list"]
        assert len(other) == 1


async def test_quick_replies(desk: Desk) -> None:
    """Those of the agent's shop, in the order in which they were added."""
    for site_id, content in ((1, "您好"), (2, "another's"), (1, "请稍等")):
        query = "INSERT INTO servicer_fast_reply (site_id, content) VALUES (?, ?)"
        desk.execute(query, site_id, content)
    async with desk.agent("alice") as alice:
        for path in ("config/fastList", "config/fastlist.html"):
            answer = await alice.call(path)
            assert answer["data"] == [{"content": "您好"}, {"content": "请稍等"}]
