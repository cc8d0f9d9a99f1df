"""The import of a NiuShop: from a MariaDB with tables of both lineages, into each database."""

from __future__ import annotations

import asyncio
import datetime
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import Connection, Table, insert, select

from business.services.servicer.store import agents, conversations, dialogues
from business.services.servicer.store.agents import Role
from business.services.servicer.store.database import Database
from business.services.servicer.store.tables import (
    account,
    conversation,
    dialogue,
    fast_reply,
    group,
    keyword_reply,
    member,
    servicer,
)
from tests.support import forked, ws
from tests.support.databases import KINDS, Servers
from tests.support.stack import ROOT, Stack
from tests.support.timing import within

from .accounts import environment
from .old_shop import A, B, OldShop, old_hash
from .support import SETTINGS, Agent, Desk

PASSWORD = "old password"

NOW = datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.UTC)


class Target:
    """A database of ours, and the command that fills it.

    Args:
        url: of it.
        directory: for the settings file.
    """

    def __init__(self, url: str, directory: Path) -> None:
        self.url = url
        self._directory = directory

    async def run(self, *words: str, **more: str) -> tuple[int, str]:
        """Run ``import``; returns the exit code and what it printed."""
        arguments = ["--secret", "s" * 32, "--database.url", self.url, "import", *words]
        return await forked.business(arguments, self._directory, environment() | more)

    async def script(self, *words: str) -> tuple[int, str]:
        """The same by the script itself."""
        flags = ["--secret", "s" * 32, "--database.url", self.url]
        process = await asyncio.create_subprocess_exec(
            *[sys.executable, str(ROOT / "start_business.py"), *flags, "import", *words],
            cwd=self._directory,
            env=environment(),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        out, _ = await within(process.communicate(), factor=6)
        assert process.returncode is not None
        return process.returncode, out.decode()

    async def summary(self, *words: str) -> str:
        """Run ``import``, which must succeed; returns its last line."""
        code, out = await self.run(*words)
        assert code == 0, out
        return out.splitlines()[-1]

    async def rows(self, table: Table) -> list[dict[str, Any]]:
        """All rows of a table of ours, in the order of its key."""
        query = select(table).order_by(*table.primary_key)
        found: list[dict[str, Any]] = await self.do(
            lambda c: [dict(row) for row in c.execute(query).mappings()]
        )
        return found

    async def do(self, unit: Any) -> Any:
        """Run a unit."""
        database = Database(self.url)
        await database.open()
        try:
            return await database.write(unit)
        finally:
            await database.close()


@pytest_asyncio.fixture
async def old(tmp_path: Path, database_servers: Servers) -> AsyncIterator[OldShop]:
    """An empty NiuShop."""
    shop = OldShop(await database_servers.database("mysql", tmp_path))
    yield shop
    await shop.close()


@pytest_asyncio.fixture(params=KINDS)
async def target(
    request: pytest.FixtureRequest, tmp_path: Path, database_servers: Servers
) -> Target:
    """A database of each kind, with its tables."""
    return await _target(request.param, tmp_path, database_servers)


@pytest_asyncio.fixture
async def embedded(tmp_path: Path, database_servers: Servers) -> Target:
    """One of the embedded kind."""
    return await _target("sqlite", tmp_path, database_servers)


async def _target(kind: str, directory: Path, servers: Servers) -> Target:
    url = await servers.database(kind, directory)
    database = Database(url)
    await database.migrate()
    await database.close()
    return Target(url, directory)


async def fill_a(old: OldShop) -> None:
    """A small shop of lineage A: two agents, one of whom has lost the account."""
    await old.make(A)
    await old.add(
        "user",
        {"uid": 7, "app_module": "servicer", "site_id": 3, "username": "wang", "group_id": 4,
         "password": old_hash(PASSWORD)},
        {"uid": 8, "app_module": "shop", "site_id": 3, "username": "boss", "password": "x"},
    )  # fmt: skip
    await old.add("group", {"group_id": 4, "site_id": 3, "app_module": "servicer",
                            "group_name": "sales", "desc": "who sell"})  # fmt: skip
    await old.add(
        "servicer",
        {"user_id": 7, "shop_id": 3, "create_time": 1600000000},
        {"user_id": 5, "shop_id": 3, "create_time": 1500000000},
    )
    await old.add(
        "servicer_member",
        {"member_id": 12, "servicer_id": 7, "member_name": "Li", "online": 1, "client_id": "x",
         "headimg": "upload/li.png", "last_online_time": 1615961200},
        {"member_id": 12, "servicer_id": 99, "member_name": "Li"},
        {"member_id": None, "servicer_id": 7},
    )  # fmt: skip
    say = {"member_id": 12, "shop_id": 3, "servicer_id": 7, "create_day": "2021-03-17",
           "create_time": "14:05:09", "consumer_say": "", "servicer_say": ""}  # fmt: skip
    await old.add(
        "servicer_dialogue",
        say | {"id": 901, "consumer_say": "<p>在吗<script>alert(1)</script></p>", "read": 1},
        say | {"id": 903, "servicer_say": "<p>您好</p>", "type": 1, "create_time": "14:05:19"},
        say | {"id": 904, "content_type": 1, "goods_sku_id": 33},
        say | {"id": 905, "content_type": 2, "order_id": 44},
        say | {"id": 906, "servicer_say": "<p>bye</p>", "type": 1, "servicer_id": 5},
        say | {"id": 907, "servicer_say": "<p>who?</p>", "type": 1, "servicer_id": 99},
        say | {"id": 908, "consumer_say": "x", "create_day": "0000-00-00"},
        say | {"id": 909, "consumer_say": "x", "create_day": None},
        say | {"id": 910, "consumer_say": "x", "member_id": 0},
        say | {"id": 911, "consumer_say": None, "servicer_say": None},
        say | {"id": 912, "consumer_say": "x", "content_type": 9},
        say | {"id": 913, "consumer_say": "在 👋", "shop_id": 0},
    )


SKIPPED_A = (
    "skipped 7 (customers of agents: unknown agent 1, customers of agents: no member 1,"
    " messages: no date 2, messages: no member 1, messages: empty 1,"
    " messages: unknown content_type 1)"
)


async def test_lineage_a(old: OldShop, target: Target) -> None:
    """Without the columns of later versions: times come from local dates; a second run adds what
    is new and nothing else; the source is left as it was."""
    await fill_a(old)
    before = await old.checksums()
    source = f"from={old.url}"
    summary = await target.summary(source)
    assert summary == (
        "imported groups 1, agents 2, keyword replies 0, quick replies 0, customers of agents 1,"
        f" messages 7; {SKIPPED_A}; agents without an account, kept as names 1,"
        " messages of unknown agents, kept without a name 1"
    )
    assert await old.checksums() == before
    accounts = await target.rows(account)
    shown = [(a["uid"], a["shop_id"], a["username"], a["status"], a["group_id"]) for a in accounts]
    groups = await target.rows(group)
    assert shown == [(5, 3, " former 5", 0, 0), (7, 3, "wang", 1, groups[0]["group_id"])]
    assert accounts[1]["password"] == f"niushop${old_hash(PASSWORD)}"
    [pair] = await target.rows(member)
    assert (pair["member_name"], pair["headimg"], pair["shop_id"]) == ("Li", "upload/li.png", 3)
    assert (pair["online"], pair["client_id"]) == (0, "")
    rows = await target.rows(dialogue)
    assert [(r["id"], r["prev_id"], r["servicer_id"], r["content"]) for r in rows] == [
        (901, 0, 7, "<p>在吗</p>"),
        (903, 901, 7, "<p>您好</p>"),
        (904, 903, 7, ""),
        (905, 904, 7, ""),
        (906, 905, 5, "<p>bye</p>"),
        (907, 906, 0, "<p>who?</p>"),
        (913, 0, 7, "在 👋"),
    ]
    first = rows[0]
    assert (first["add_time"], first["message"], first["read"]) == (1615961109, "在吗", 1)
    assert (str(first["create_day"]), str(first["create_time"])) == ("2021-03-17", "14:05:09")
    assert (rows[1]["servicer_say"], rows[1]["consumer_say"]) == ("<p>您好</p>", "")
    assert [(r["goods_sku_id"], r["order_id"]) for r in rows[2:4]] == [(33, 0), (0, 44)]
    talks = [(t["shop_id"], t["member_id"], t["servicer_id"], t["last_id"], t["waiting_id"],
              t["member_name"]) for t in await target.rows(conversation)]  # fmt: skip
    assert sorted(talks) == [(1, 12, 7, 913, 0, "会员12"), (3, 12, 5, 907, 0, "Li")]

    await old.add("servicer_dialogue", {"id": 914, "member_id": 12, "shop_id": 3, "type": 1,
                  "servicer_id": 7, "create_day": "2021-03-18", "create_time": "08:00:00",
                  "consumer_say": "", "servicer_say": "again"})  # fmt: skip
    summary = await target.summary(source)
    assert summary.startswith(
        "imported groups 0, agents 0, keyword replies 0, quick replies 0, customers of agents 0,"
        " messages 1; there already: groups 1, agents 2, customers of agents 1, messages 7;"
        f" {SKIPPED_A}"
    )
    rows = await target.rows(dialogue)
    assert (len(rows), rows[-1]["id"], rows[-1]["prev_id"]) == (8, 914, 907)
    assert len(await target.rows(member)) == 1
    assert len(await target.rows(account)) == len(await target.rows(servicer)) == 2


async def fill_b(old: OldShop) -> None:
    """A small shop of lineage B."""
    await old.make(B)
    await old.add(
        "user",
        {"uid": 1, "app_module": "servicer", "site_id": 1, "username": "wang",
         "password": old_hash(PASSWORD)},
        {"uid": 2, "app_module": "servicer", "site_id": 2, "username": "chen", "status": 0,
         "password": "unreadable"},
    )  # fmt: skip
    await old.add(
        "servicer",
        {"user_id": 1, "shop_id": 1, "nickname": "小王", "avatar": "upload/a.png"},
        {"user_id": 2, "shop_id": 2, "nickname": "<b>", "avatar": "javascript:alert(1)"},
    )
    await old.add(
        "servicer_member",
        {"member_id": 12, "servicer_id": 1, "member_name": "Li", "shop_id": 1},
    )
    say = {"member_id": 12, "shop_id": 1, "servicer_id": 1, "create_day": "2021-03-17",
           "create_time": "14:05:09", "consumer_say": "", "servicer_say": "",
           "add_time": 1615961109}  # fmt: skip
    await old.add(
        "servicer_dialogue",
        say | {"id": 1, "consumer_say": "<p>one</p>", "relate_data": '{"promotion_id":"3"}'},
        say | {"id": 2, "servicer_say": "<p>two</p>", "type": 1, "relate_data": "broken"},
        say | {"id": 3, "consumer_say": "upload/1/x.png", "content_type": 3},
        say | {"id": 4, "consumer_say": "https://evil.example/x.png", "content_type": 3},
        say | {"id": 5, "consumer_say": "late", "create_day": "0000-00-00",
               "add_time": 1615996800},
        say | {"id": 6, "consumer_say": "other", "shop_id": 2, "member_id": 13},
    )  # fmt: skip
    await old.add(
        "servicer_keyword_reply",
        {"site_id": 1, "keyword": "price", "content": "first"},
        {"site_id": 1, "keyword": "price", "content": "second"},
        {"site_id": 1, "keyword": "price", "content": "third", "is_use": 0},
        {"site_id": 1, "keyword": "", "content": "never"},
        {"site_id": 2, "keyword": "price", "content": "of shop 2"},
    )
    await old.add("servicer_fast_reply", {"site_id": 1, "content": "您好"})


async def test_lineage_b(old: OldShop, target: Target) -> None:
    """With all columns; what may not be shown is not taken over."""
    await fill_b(old)
    summary = await target.summary(f"from={old.url}")
    assert summary == (
        "imported groups 0, agents 2, keyword replies 2, quick replies 1, customers of agents 1,"
        " messages 5; there already: keyword replies 2; skipped 2 (keyword replies: no keyword 1,"
        " messages: picture that may not be shown 1); agents who need a new password 1"
    )
    shown = [(s["user_id"], s["nickname"], s["avatar"]) for s in await target.rows(servicer)]
    assert shown == [(1, "小王", "upload/a.png"), (2, "<b>", "")]
    accounts = [(a["status"], a["password"][:8]) for a in await target.rows(account)]
    assert accounts == [(1, "niushop$"), (0, "")]
    rows = await target.rows(dialogue)
    assert [(r["id"], r["prev_id"], r["relate_data"]) for r in rows] == [
        (1, 0, '{"promotion_id":"3"}'), (2, 1, ""), (3, 2, ""), (5, 3, ""), (6, 0, ""),
    ]  # fmt: skip
    assert rows[2]["consumer_say"] == "upload/1/x.png"
    assert (str(rows[3]["create_day"]), str(rows[3]["create_time"])) == ("2021-03-18", "00:00:00")
    replies = [(r["site_id"], r["content"]) for r in await target.rows(keyword_reply)]
    assert sorted(replies) == [(1, "second"), (2, "of shop 2")]
    assert [row["content"] for row in await target.rows(fast_reply)] == ["您好"]


async def test_what_is_taken_gets_another_id(old: OldShop, target: Target) -> None:
    """An account and a message that were there stay as they are; conversations stay whole, also
    where a message comes before one that was there; and what is said afterwards comes last."""
    await fill_b(old)

    def use(connection: Connection) -> None:
        assert agents.create(connection, 1, "chen", "x", "Chen", 1.0, role=Role.SHOP) == 1
        talk = conversations.lock(connection, 1, 12, 1.0)
        common = {"consumer_say": "live", "servicer_say": "", "content": "live", "message": "live",
                  "member_id": 12, "shop_id": 1, "add_time": 1615961000,
                  "create_day": NOW.date(), "create_time": NOW.time()}  # fmt: skip
        connection.execute(insert(dialogue).values(id=2, prev_id=0, **common))
        connection.execute(insert(dialogue).values(id=4, prev_id=2, **common))
        talk.last_id = 4
        conversations.save(connection, talk)

    await target.do(use)
    source = f"from={old.url}"
    code, out = await target.run(source)
    assert code == 0, out
    assert "agent chen logs in as chen-2 from now on" in out
    assert "messages whose id was taken 1" in out
    accounts = [(a["uid"], a["username"], a["role"]) for a in await target.rows(account)]
    made = accounts[2][0]
    assert accounts == [(1, "chen", 1), (2, "chen-2", 0), (made, "wang", 0)]
    rows = [row for row in await target.rows(dialogue) if row["shop_id"] == 1]
    contents = [(row["id"], row["content"]) for row in rows]
    assert contents[:5] == [(1, "<p>one</p>"), (2, "live"), (3, "upload/1/x.png"), (4, "live"),
                            (5, "late")]  # fmt: skip
    assert contents[5][0] > 6
    assert contents[5:] == [(contents[5][0], "<p>two</p>")]
    assert [row["prev_id"] for row in rows] == [0, *(row["id"] for row in rows[:-1])]
    assert {row["servicer_id"] for row in rows if row["content"] != "live"} == {made}
    [talk] = [t for t in await target.rows(conversation) if t["shop_id"] == 1]
    assert talk["last_id"] == rows[-1]["id"]
    assert "imported groups 0, agents 0" in await target.summary(source)
    assert len(await target.rows(dialogue)) == 7

    def speak(connection: Connection) -> dict[str, Any]:
        talk = conversations.lock(connection, 1, 12, 1.0)
        content = dialogues.Content(dialogues.ContentType.TEXT, "now", "now")
        return dialogues.add(
            connection,
            talk,
            content,
            site_id=1,
            member_id=12,
            servicer_id=0,
            side=dialogues.Side.CUSTOMER,
            now=NOW,
        )

    said = await target.do(speak)
    assert said["prev_id"] == rows[-1]["id"] < said["id"]
    assert await target.do(
        lambda c: agents.create(c, 1, "new", "x", "New", 1.0)
    ) > made  # fmt: skip


async def test_one_shop_only(old: OldShop, embedded: Target) -> None:
    """Others' agents, customers and messages stay where they are."""
    await fill_b(old)
    code, out = await embedded.script(f"from={old.url}", "site=2")
    assert code == 0, out
    assert out.splitlines()[-1].startswith(
        "imported groups 0, agents 1, keyword replies 1, quick replies 0, customers of agents 0,"
        " messages 1; skipped 0"
    )
    assert [a["username"] for a in await embedded.rows(account)] == ["chen"]
    assert [row["shop_id"] for row in await embedded.rows(dialogue)] == [2]


async def test_pages(old: OldShop, embedded: Target) -> None:
    """More rows than fit into a page all arrive, in conversations that cross pages."""
    await fill_a(old)
    values = ", ".join(
        f"({i}, {i % 7 + 1}, 3, '2021-03-17', '14:05:09', 'm{i}', '')" for i in range(1000, 3500)
    )
    columns = "id, member_id, shop_id, create_day, create_time, consumer_say, servicer_say"
    await old.run(f"INSERT INTO ns_servicer_dialogue ({columns}) VALUES {values}")
    assert "messages 2507;" in await embedded.summary(f"from={old.url}")
    rows = await embedded.rows(dialogue)
    assert len(rows) == 2507
    for which in range(1, 8):
        mine = [row for row in rows if row["member_id"] == which and row["shop_id"] == 3]
        assert [row["prev_id"] for row in mine] == [0, *(row["id"] for row in mine[:-1])]


async def test_the_password_of_the_source_need_not_be_an_argument(
    old: OldShop, embedded: Target, database_servers: Servers
) -> None:
    """It may be in the environment, and appears nowhere."""
    await fill_a(old)
    name = old.url.rpartition("/")[2].partition("?")[0]
    user, password = f"reader_{name}", "hidden#word"
    await database_servers.get("mysql").run(
        f"CREATE USER '{user}'@'%' IDENTIFIED BY '{password}'",
        f"GRANT SELECT ON {name}.* TO '{user}'@'%'",
    )
    url = old.url.replace("root@", f"{user}@")
    assert url != old.url
    code, out = await embedded.run(f"from={url}", IMPORT_PASSWORD=password)
    assert (code, "messages 7" in out) == (0, True), out
    code, out = await embedded.run(f"from={url}", IMPORT_PASSWORD="wrong")
    assert (code, out.count("\n")) == (3, 1), out
    assert "does not let us in" in out
    code, out = await embedded.run(f"from={url.replace('@', ':secretly@')}")
    assert (code, "secretly" in out) == (3, False), out


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ((), "usage: import from="),
        (("from={url}", "nonsense=1"), "usage: import from="),
        (("from={url}", "site=x"), "usage: import from="),
        (("from=postgresql://u@h/n",), "should be mysql+asyncmy://"),
        (("from=nonsense",), "from= is no URL"),
        (("from=mysql+asyncmy://u:hidden@127.0.0.1:1/n",), "cannot be reached"),
        (("from={url}", "prefix=xx_"), "no table xx_user (prefix=xx_); it may be prefix=ns_"),
    ],
)
async def test_what_cannot_be_imported_is_one_line(
    old: OldShop, embedded: Target, words: tuple[str, ...], line: str
) -> None:
    """With exit code 3, and without a password in it."""
    await old.make(A)
    code, out = await embedded.run(*(word.format(url=old.url) for word in words))
    assert (code, out.count("\n")) == (3, 1), out
    assert line in out
    assert "hidden" not in out


async def test_tables_that_are_missing(
    old: OldShop, embedded: Target, tmp_path: Path, database_servers: Servers
) -> None:
    """There, and here."""
    code, out = await embedded.run(f"from={old.url}")
    assert (code, "has no table ns_user" in out, out.count("\n")) == (3, True, 1), out
    await old.make(A)
    await old.run("ALTER TABLE ns_servicer_dialogue DROP COLUMN servicer_say")
    code, out = await embedded.run(f"from={old.url}")
    assert (code, "no column servicer_say in ns_servicer_dialogue" in out) == (3, True), out
    await old.run("ALTER TABLE ns_servicer_dialogue ADD COLUMN servicer_say text")
    ours = Target(await database_servers.database("postgresql", tmp_path), tmp_path)
    code, out = await ours.run(f"from={old.url}")
    assert (code, "run start_business.py migrate" in out, out.count("\n")) == (3, True, 1), out


@asynccontextmanager
async def console(desk: Desk, username: str) -> AsyncIterator[Agent]:
    """An agent's page, not logged in."""
    async with desk.browser() as browser, ws.connect(f"{desk.stack.ws_url}/servicer") as socket:
        agent = Agent(desk, socket, browser, username)
        await agent.start()
        yield agent


@pytest.mark.parametrize("kind", KINDS)
async def test_after_the_import(
    kind: str, old: OldShop, tmp_path: Path, database_servers: Servers
) -> None:
    """The agent logs in with the old password and finds the old conversation; so does the
    customer. The old hash is replaced by that login."""
    await fill_b(old)
    target = await _target(kind, tmp_path, database_servers)
    settings = {**SETTINGS, "demo": False, "database.url": target.url}
    async with Stack(tmp_path, settings=settings) as stack, Desk(stack) as desk:
        await target.summary(f"from={old.url}")  # while it runs
        async with console(desk, "wang") as wang, desk.customer(12) as customer:
            assert (await wang.login("wrong"))["message"] == "账号或密码错误"
            assert (await wang.login(PASSWORD))["code"] == 0
            stored = (await target.rows(account))[0]["password"]
            assert stored.startswith("$argon2id$")
            await wang.bind()
            lists = await wang.call("index/memberList")
            [row] = lists["data"]["member_list"]["list"]
            assert (row["member_id"], row["member_name"], row["content"]) == (12, "Li", "late")
            found = await wang.call("index/dialogs", member_id=12)
            assert [r["id"] for r in found["data"]["list"]] == [5, 3, 2, 1]
            rows = (await customer.call("dialogs", site_id=1))["data"]["list"]
            assert [r["id"] for r in rows] == [1, 2, 3, 5]
            assert (rows[1]["content"], rows[1]["nickname"]) == ("<p>two</p>", "小王")
            assert (await customer.bind())["data"]["servicer_id"] == wang.uid
        async with console(desk, "wang") as wang:
            assert (await wang.login(PASSWORD))["code"] == 0


async def test_the_old_hash_is_good_for_a_login_and_nothing_else(
    old: OldShop, tmp_path: Path, database_servers: Servers
) -> None:
    """Neither is it a password itself, nor does it change one; failures are limited as ever."""
    await fill_b(old)
    target = await _target("sqlite", tmp_path, database_servers)
    await target.summary(f"from={old.url}")
    limits = {"servicer.captcha_failures": 0, "servicer.login_failures": 4}
    settings = {**SETTINGS, **limits, "demo": False, "database.url": target.url}
    async with Stack(tmp_path, settings=settings) as stack, Desk(stack) as desk:
        hashed = (await target.rows(account))[0]["password"]
        async with console(desk, "wang") as wang, console(desk, "chen") as chen:
            assert (await wang.login(PASSWORD))["code"] == 0
            restore = "UPDATE servicer_account SET password = ? WHERE uid = 1"
            desk.execute(restore, hashed)
            changed = await wang.call(
                "login/modifypassword", old_pass=PASSWORD, new_pass="another one"
            )
            assert changed["message"] == "原密码错误"
            for wrong in (hashed, hashed.removeprefix("niushop$"), ""):
                assert (await wang.login(wrong))["message"] == "账号或密码错误"
            assert (await target.rows(account))[0]["password"] == hashed
            # Who came without a readable hash cannot log in by what is stored.
            assert (await chen.login(""))["message"] == "账号或密码错误"
            assert (await wang.login("wrong"))["message"] == "账号或密码错误"
            assert (await wang.login(PASSWORD))["message"] == "登录失败次数过多，请稍后再试"
