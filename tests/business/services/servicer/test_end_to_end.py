"""The whole service, with real processes, on each kind of database."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import select

from business.services.servicer.store.database import Database
from business.services.servicer.store.tables import dialogue
from tests.support.databases import KINDS, Servers, installation
from tests.support.stack import CommandFailed, Stack

from .support import SETTINGS, Desk, together

SERVERS = KINDS[1:]


def stack_on(url: str, directory: Path, workers: int = 1) -> Stack:
    """A stack, not started, whose database that is."""
    return Stack(directory, settings={**SETTINGS, "database.url": url}, workers=workers)


async def migrate(stack: Stack) -> str:
    """Run the command; returns what it says."""
    code, out, err = await stack.business.cli("migrate")
    assert code == 0, err
    return out


async def chain(url: str) -> list[tuple[int, int, str]]:
    """Id, ``prev_id`` and text of all messages, in the order of their ids."""
    database = Database(url)
    query = select(dialogue.c.id, dialogue.c.prev_id, dialogue.c.message).order_by(dialogue.c.id)
    try:
        await database.open()
        return await database.read(lambda c: [tuple(row) for row in c.execute(query)])
    finally:
        await database.close()


@pytest.mark.parametrize("kind", KINDS)
async def test_a_conversation_through_two_processes(
    kind: str, tmp_path: Path, database_servers: Servers
) -> None:
    """Both sides speak at once, to whichever process takes it: everything is stored once, in one
    chain, pushed once, and read again in order."""
    url = await database_servers.database(kind, tmp_path)
    stack = stack_on(url, tmp_path, workers=2)
    assert "servicer: the schema is now" in await migrate(stack)
    async with stack, Desk(stack) as desk:
        async with desk.agent("alice") as alice, desk.customer() as customer:
            assert (await customer.bind())["data"]["servicer_id"] == alice.uid
            assert (await alice.receive("connect"))["member_id"] == customer.member_id

            uid = alice.uid
            says = [customer.call("say", message=f"🙂 {i}", servicer_id=uid) for i in range(30)]
            answers = [
                alice.call("chat/answer", member_id=customer.member_id, servicer_say=f"好 {i}")
                for i in range(30)
            ]
            assert {answer["code"] for answer in await together(*says, *answers)} == {0}

            asked = [await alice.receive("string") for _ in range(30)]
            answered = [await customer.receive("string") for _ in range(30)]
            stored = await chain(url)
            assert [row[1] for row in stored] == [0, *(row[0] for row in stored[:-1])]
            assert {row[2] for row in stored} == {
                text.format(i) for text in ("🙂 {}", "好 {}") for i in range(30)
            }
            assert sorted(row["id"] for row in asked + answered) == [row[0] for row in stored]
            first = (await customer.call("dialogs", after_id=stored[0][0]))["data"]["list"]
            assert [row["id"] for row in first] == [row[0] for row in stored[1 : len(first) + 1]]
            await customer.call("bye", servicer_id=alice.uid)
            assert await customer.receive("close") == {"status": True}
            assert await alice.receive("disconnect") == {"member_id": customer.member_id}
    assert "already" in await migrate(stack)


@pytest.mark.parametrize("kind", SERVERS)
async def test_a_schema_that_is_missing(
    kind: str, tmp_path: Path, database_servers: Servers
) -> None:
    """Processes refuse to start, in one line that says what to run, and are not tried again."""
    stack = stack_on(await database_servers.database(kind, tmp_path), tmp_path)
    async with stack.nothing_started():
        with pytest.raises(CommandFailed, match=r"run start_business\.py migrate") as caught:
            await stack.start_business()
        assert caught.value.code == 3


@pytest.mark.parametrize("kind", SERVERS)
async def test_a_database_that_goes_away(kind: str, tmp_path: Path) -> None:
    """Requests fail with the envelope, no socket is lost, and it goes on when it is back."""
    with installation(kind) as own:
        server = own.start()
        try:
            url = await server.create("kefu")
            stack = stack_on(url, tmp_path)
            await migrate(stack)
            async with stack, Desk(stack) as desk:
                async with desk.agent("alice") as alice, desk.customer() as customer:
                    await customer.bind()
                    await alice.receive("connect")
                    server.stop()
                    words = {"token": customer.token, "message": "lost"}
                    async with desk.http.post("/servicer/api/chat/say", data=words) as refused:
                        answer = await refused.json()
                    assert (refused.status, answer["code"]) == (503, -1)
                    assert answer["message"].startswith("系统繁忙")
                    server = own.start()
                    said = await customer.call("say", message="after", servicer_id=alice.uid)
                    assert said["code"] == 0
                    assert (await alice.receive("string"))["message"] == "after"
                    await alice.nothing()
        finally:
            server.stop()
