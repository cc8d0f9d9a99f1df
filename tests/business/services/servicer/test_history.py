"""A back office finds, reads and takes along what was said in its shop."""

from __future__ import annotations

import csv
import datetime
import io
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from tests.support.stack import Stack

from .accounts import Office, create
from .support import Desk, together

MARK = "\N{BOM}"
TEXT = "Is <b>it</b> & in stock?"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def accounts(shared_stack: Stack) -> AsyncIterator[None]:
    """Of two shops and of the platform."""
    async with Desk(shared_stack) as desk:
        made = await together(
            create(desk, "sam", "role=shop"),
            create(desk, "sue", "role=shop", "site=2"),
            create(desk, "pat", "role=platform"),
        )
        assert [code for code, _ in made] == [0, 0, 0], made
        yield


@pytest_asyncio.fixture
async def sam(desk: Desk, accounts: None) -> AsyncIterator[Office]:
    """Of shop 1."""
    async with Office(desk, "shop", "sam") as office:
        yield office


async def texts(office: Office, **wanted: Any) -> list[str]:
    """What was said, of the messages that are found."""
    found = await office.data("history/index", **wanted)
    assert (found["next"], found["is_cut"]) == ("", False)
    return [row["message"] for row in found["list"]]


async def talk(desk: Desk) -> int:
    """A customer and alice talk; returns the customer's id."""
    async with desk.agent("alice") as alice, desk.customer() as customer:
        await customer.bind()
        await customer.call("say", site_id=1, message=TEXT, format="text")
        await alice.call("chat/answer", member_id=customer.member_id, servicer_say="<p>=1+1</p>")
        await customer.call("say", site_id=1, content_type=1, goods_id=11)
        await customer.call("say", site_id=1, message="您好，谢谢")
        return customer.member_id


async def test_what_is_found(desk: Desk, sam: Office) -> None:
    """By text, by customer, by agent, kind and day; each message with who said it to whom."""
    member_id = await talk(desk)
    mine = {"member": member_id}
    newest = ["您好，谢谢", "", "=1+1", "Is &lt;b&gt;it&lt;/b&gt; &amp; in stock?"]
    assert await texts(sam, **mine) == newest
    assert await texts(sam, **mine, text="<B>it") == newest[3:]
    assert await texts(sam, **mine, text="您好") == newest[:1]
    assert await texts(sam, **mine, content_type=1) == [""]
    today = datetime.datetime.now(datetime.UTC).astimezone()
    zone = (await sam.data("index/me"))["time_zone"]
    assert zone
    day = datetime.timedelta(days=1)
    assert (
        len(await texts(sam, **mine, since=(today - day).date(), until=(today + day).date())) == 4
    )
    assert await texts(sam, **mine, until=(today - 2 * day).date()) == []
    choices = await sam.data("history/choices")
    alice = next(one for one in choices["agents"] if one["nickname"] == "Alice")
    assert choices["sites"] == []
    assert await texts(sam, **mine, servicer_id=alice["servicer_id"]) == newest
    assert await texts(sam, **mine, servicer_id=10**6) == []
    row = (await sam.data("history/index", **mine))["list"][2]
    expected = {
        "member_id": member_id, "member_name": f"会员{member_id}", "type": 1,
        "nickname": "Alice", "servicer_id": alice["servicer_id"], "shop_id": 1,
    }  # fmt: skip
    assert {name: row[name] for name in expected} == expected


async def test_pages(desk: Desk, sam: Office) -> None:
    """Each goes on where the last ended."""
    member_id = await talk(desk)
    first = await sam.data("history/index", member=member_id, page_size=3)
    assert len(first["list"]) == 3
    rest = await sam.data("history/index", member=member_id, page_size=3, before=first["next"])
    assert [len(rest["list"]), rest["next"]] == [1, ""]
    assert rest["list"][0]["id"] < min(row["id"] for row in first["list"])


@pytest.mark.parametrize(
    "wanted", [{"before": "1"}, {"before": "x-1"}, {"since": "yesterday"}, {"servicer_id": "x"}]
)
async def test_what_cannot_be_looked_for(sam: Office, wanted: dict[str, str]) -> None:
    """Is refused, in a file too."""
    for action in ("index", "export"):
        if action == "index" or "before" not in wanted:
            assert await sam.refused(f"history/{action}", **wanted) == "参数错误"
    assert await sam.refused("history/export", format="xls") == "参数错误"


async def test_reading_changes_nothing(desk: Desk, sam: Office) -> None:
    """A conversation is shown around a message and further on both sides, and stays unread."""
    async with desk.customer() as customer:
        for number in range(50):
            await customer.call("say", site_id=1, message=f"number {number}")
        member_id = customer.member_id

    async def read(**where: int) -> tuple[list[int], bool, bool]:
        part = await sam.data("history/conversation", member_id=member_id, **where)
        numbers = [int(row["message"].split()[1]) for row in part["list"]]
        return numbers, part["has_earlier"], part["has_later"]

    [found] = (await sam.data("history/index", member=member_id, text="number 25"))["list"]
    assert await read(id=found["id"]) == (list(range(5, 45)), True, True)
    rows = (await sam.data("history/conversation", member_id=member_id, id=found["id"]))["list"]
    assert await read(before_id=rows[0]["id"]) == (list(range(5)), False, False)
    assert await read(after_id=rows[-1]["id"]) == (list(range(45, 50)), False, False)
    assert await read() == (list(range(30, 50)), True, False)
    unread = desk.rows(
        "SELECT COUNT(*) AS n FROM servicer_dialogue WHERE member_id = ? AND read = 0", member_id
    )
    assert unread == [{"n": 50}]
    assert await sam.refused("history/conversation", id=1) == "参数错误"


async def fetch(office: Office, **wanted: Any) -> tuple[str, str, str]:
    """Download an export as a browser does; returns content type, name and text."""
    url = f"{office._url}/history/export"
    async with office.browser.get(url, params=wanted) as response:
        assert response.status == 200
        text = (await response.read()).decode()
        return response.content_type, response.headers["Content-Disposition"], text


async def test_a_table(desk: Desk, sam: Office) -> None:
    """Marked as UTF-8, newest first, in local time; what a spreadsheet would compute is text."""
    member_id = await talk(desk)
    desk.execute(
        "UPDATE servicer_conversation SET member_name = '@SUM(A1)' WHERE member_id = ?", member_id
    )
    desk.execute("UPDATE servicer_dialogue SET add_time = 86400 WHERE member_id = ?", member_id)
    kind, name, text = await fetch(sam, member=member_id, lang="en")
    assert (kind, 'filename="kefu-1-' in name, name.endswith('.csv"')) == ("text/csv", True, True)
    assert text.startswith(MARK)
    lines = list(csv.DictReader(io.StringIO(text.removeprefix(MARK))))
    assert [line["text"] for line in lines] == ["您好，谢谢", "", "'=1+1", TEXT]
    assert {line["customer_name"] for line in lines} == {"'@SUM(A1)"}
    assert {line["time"] for line in lines} == {"1970-01-02 08:00:00"}  # of Asia/Shanghai
    assert [line["from"] for line in lines] == ["customer", "customer", "agent", "customer"]
    assert [line["agent_name"] for line in lines][2] == "Alice"
    assert [(line["type"], line["goods_sku_id"]) for line in lines][1] == ("goods", "11")
    _, _, text = await fetch(sam, member=member_id)
    assert text.removeprefix(MARK).startswith("消息编号,时间,顾客编号,顾客,发送方,")
    assert ",客服," in text


async def test_automatic_replies(desk: Desk, sam: Office) -> None:
    """Are told from what agents say, also in a conversation that an agent has."""
    await sam.data("keyword/add", keyword="hours?", content="nine to five")
    async with desk.agent("alice") as alice, desk.customer() as customer:
        await customer.bind()
        await alice.receive("connect")
        await customer.call("say", site_id=1, message="hours?", format="text")
        found = (await sam.data("history/index", member=customer.member_id))["list"]
        _, _, text = await fetch(sam, member=customer.member_id, format="jsonl")
    assert [(row["message"], row["automatic"]) for row in found] == [
        ("nine to five", 1),
        ("hours?", 0),
    ]
    rows = [json.loads(line) for line in text.splitlines()]
    assert [(row["from"], row["agent_name"]) for row in rows] == [
        ("shop", None),
        ("customer", "Alice"),
    ]


async def test_lines_of_json(desk: Desk, sam: Office) -> None:
    """An object per message, nothing changed in it, the time with its zone."""
    member_id = await talk(desk)
    desk.execute("UPDATE servicer_dialogue SET add_time = 86400 WHERE member_id = ?", member_id)
    kind, name, text = await fetch(sam, member=member_id, format="jsonl")
    assert (kind, name.endswith('.jsonl"')) == ("application/jsonl", True)
    rows = [json.loads(line) for line in text.splitlines()]
    assert [row["text"] for row in rows] == ["您好，谢谢", "", "=1+1", TEXT]
    assert rows[0]["time"] == "1970-01-02T08:00:00+08:00"
    assert (rows[2]["from"], rows[0]["read"], rows[0]["order_id"]) == ("agent", False, None)


async def test_a_long_file(desk: Desk, sam: Office) -> None:
    """Every message is in it once, also where it took several portions to read them."""
    columns = "member_id, shop_id, servicer_id, create_day, create_time, content_type, type"
    desk.execute(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 12500)"
        f" INSERT INTO servicer_dialogue ({columns}, add_time, consumer_say, servicer_say,"
        " content, message) SELECT 500, 1, 0, '2020-01-01', '00:00:00', 0, 0, 1500000000 + i / 3,"
        " '', '', '', CASE WHEN i % 2 THEN 'odd ' ELSE 'even ' END || i FROM n"
    )
    days = {"since": "2017-01-01", "until": "2018-01-01"}
    _, _, text = await fetch(sam, text="odd", **days, lang="en")
    numbers = [row["text"] for row in csv.DictReader(io.StringIO(text.removeprefix(MARK)))]
    assert numbers == [f"odd {number}" for number in range(12499, 0, -2)]
    _, _, text = await fetch(sam, **days, format="jsonl")
    assert len(text.splitlines()) == 12500
    desk.execute("DELETE FROM servicer_dialogue WHERE member_id = 500")


async def test_whose_it_is(desk: Desk, sam: Office, accounts: None) -> None:
    """A shop sees itself, whatever it asks for; the platform the shop that it asks for."""
    member_id = await talk(desk)
    async with Office(desk, "shop", "sue") as sue, Office(desk, "admin", "pat") as pat:
        assert await texts(sue, member=member_id, site_id=1) == []
        part = await sue.data("history/conversation", member_id=member_id, site_id=1)
        assert part["list"] == []
        assert len((await fetch(sue, member=member_id, site_id=1))[2].splitlines()) == 1
        assert len(await texts(pat, member=member_id, site_id=1)) == 4
        assert await texts(pat, member=member_id, site_id=2) == []
        sites = (await pat.data("history/choices"))["sites"]
        assert [site["site_id"] for site in sites] == [1, 2]
        assert await pat.refused("history/index", site_id=77) != ""
    async with desk.browser() as nobody:
        url = "/servicer/shop/history/export"
        async with nobody.get(url, allow_redirects=False) as response:
            assert response.status == 302
