"""Who is there: flags that follow the sockets, and what agents are told."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.support.stack import Stack

from .support import SETTINGS, Desk
from .template import Template


def agent_row(desk: Desk, uid: int) -> dict[str, Any]:
    """The agent's row."""
    [row] = desk.rows("SELECT * FROM servicer WHERE user_id = ?", uid)
    return row


async def agent_online(desk: Desk, uid: int, value: int) -> dict[str, Any]:
    """Wait until the agent's row says that; returns it."""
    return await desk.until(
        lambda: row if (row := agent_row(desk, uid))["online"] == value else None
    )


async def test_a_lost_customer_who_returns_is_not_reported(own_desk: Desk) -> None:
    """``disconnect`` waits a while; the flag does not."""
    async with own_desk.agent("alice") as alice, own_desk.customer() as first:
        await first.bind()
        await alice.receive("connect")
        await first.socket.close()
        await own_desk.online(first, 0)
        async with own_desk.customer(first.member_id) as second:
            await second.bind()
            await alice.receive("connect")
            assert (await own_desk.online(second, 1))["client_id"] == second.client_id
            await alice.nothing(1.0)


async def test_who_says_goodbye_is_not_waited_for(desk: Desk) -> None:
    """A page may close its socket before its ``bye`` is there: the agent is told at once."""
    async with desk.agent("alice") as alice, desk.customer() as customer:
        await customer.bind()
        await alice.receive("connect")
        await customer.socket.close()
        await desk.online(customer, 0)
        for _ in range(2):
            await customer.call("bye", servicer_id=alice.uid)
        assert await alice.receive("disconnect") == {"member_id": customer.member_id}
        await alice.nothing()


@pytest_asyncio.fixture
async def two_workers(tmp_path: Path, template: Template) -> AsyncIterator[Desk]:
    """Two business processes, of which the one knows before the other that a socket is closed."""
    template.copy(tmp_path / "kefu.db")
    async with Stack(tmp_path, settings=SETTINGS, workers=2) as stack, Desk(stack) as desk:
        yield desk


async def test_sockets_that_close_while_somebody_is_given_to_them(two_workers: Desk) -> None:
    """Whatever comes first, the close or the commit: nobody stays online by a closed socket."""
    desk, few = two_workers, asyncio.Semaphore(8)

    async with desk.agent("alice"), desk.agent("bob") as bob:
        await bob.call("index/accepting", accepting=0)

        async def taken(number: int, action: str, **params: Any) -> None:
            async with few, desk.customer() as customer:
                await customer.bind()

                async def close() -> None:
                    await asyncio.sleep(0.0005 * (number % 40))
                    customer.socket.connection.transport.abort()

                call = bob.call(action, member_id=customer.member_id, **params)
                await asyncio.gather(call, close())

        async def two_pages(number: int) -> None:
            async with few, desk.customer() as one, desk.customer(one.member_id) as two:
                await one.bind()
                await two.bind()
                one.socket.connection.transport.abort()
                await asyncio.sleep(0.001 * (number % 4))
                two.socket.connection.transport.abort()

        await asyncio.gather(*(taken(n, "chat/bindMember") for n in range(60)))
        await asyncio.gather(*(taken(n, "chat/answer", servicer_say="hello") for n in range(60)))
        await asyncio.gather(*(two_pages(n) for n in range(60)))

        def nobody() -> bool:
            query = "SELECT member_id FROM servicer_member WHERE online = 1 OR client_id != ''"
            return not desk.rows(query)

        await desk.until(nobody)


async def test_a_lost_customer_who_stays_away_is_reported_once(own_desk: Desk) -> None:
    """After ``servicer.disconnect_delay``."""
    async with own_desk.agent("alice") as alice, own_desk.customer() as customer:
        await customer.bind()
        await alice.receive("connect")
        await customer.socket.close()
        assert await alice.receive("disconnect") == {"member_id": customer.member_id}
        await alice.nothing(0.7)


async def test_another_socket_takes_the_place_of_a_closed_one(own_desk: Desk) -> None:
    """The customer stays online by it, and nobody is told anything."""
    async with own_desk.agent("alice") as alice, own_desk.customer() as first:
        async with own_desk.customer(first.member_id) as second:
            await first.bind()
            await second.bind()
            await alice.receive("connect")
            await alice.receive("connect")
            await second.socket.close()
            await own_desk.until(
                lambda: (
                    ((row := own_desk.pair(first)) and row["client_id"] == first.client_id) or None
                )
            )
            await alice.nothing(1.0)
            assert (await own_desk.online(first, 1))["client_id"] == first.client_id


async def test_bye_twice_and_by_sockets_of_other_sites(own_desk: Desk) -> None:
    """Only what was bound for this site before is closed, and only once is anything told."""
    async with own_desk.agent("alice") as alice, own_desk.customer() as one:
        async with own_desk.customer(one.member_id) as elsewhere, own_desk.agent("carol") as carol:
            await one.bind(1)
            await elsewhere.bind(2)
            await alice.receive("connect")
            await carol.receive("connect")
            for _ in range(2):
                ended = await one.call("bye", servicer_id=alice.uid, site_id=1)
                assert ended["code"] == 0
            await one.receive("close")
            await one.socket.closed()
            await alice.receive("disconnect")
            await alice.nothing(0.7)
            await elsewhere.nothing(0.1)
            await carol.nothing(0.1)


async def test_a_socket_bound_for_two_sites_outlives_one_bye(own_desk: Desk) -> None:
    """It is closed by the second."""
    async with own_desk.agent("alice") as alice, own_desk.agent("carol") as carol:
        async with own_desk.customer() as customer:
            await customer.bind(1)
            await customer.bind(2)
            await customer.call("bye", servicer_id=alice.uid, site_id=1)
            await alice.receive("connect")
            await alice.receive("disconnect")
            await customer.nothing()
            await carol.call("chat/answer", member_id=customer.member_id, servicer_say="here")
            assert (await customer.receive("string"))["shop_id"] == 2
            await customer.call("bye", servicer_id=carol.uid, site_id=2)
            await customer.receive("close")


async def test_a_late_bye_leaves_what_was_bound_since(own_desk: Desk) -> None:
    """A page that comes back is not closed by the bye of the one before it, sent twice."""
    async with own_desk.agent("alice") as alice, own_desk.customer() as first:
        await first.bind()
        async with own_desk.customer(first.member_id) as second:
            await asyncio.gather(
                first.call("bye", servicer_id=alice.uid), first.call("bye", servicer_id=alice.uid)
            )
            await first.socket.closed()
            assert (await second.bind())["code"] == 0
            await second.nothing()
            assert (await own_desk.online(second, 1))["client_id"] == second.client_id


async def test_bye_needs_an_agent(desk: Desk) -> None:
    """Without ``servicer_id`` nothing is closed; one client does that all the time."""
    async with desk.customer() as customer:
        await customer.bind()
        for servicer_id in ("", "0", "null", "undefined"):
            answer = await customer.call("bye", servicer_id=servicer_id)
            assert (answer["code"], answer["data"]) == (-1, "没有指定客服")
        await customer.nothing()


async def test_an_agents_flag_follows_the_sockets(own_desk: Desk) -> None:
    """Two consoles of one browser: online by either, offline after both."""
    async with own_desk.agent("alice") as first:
        row = await agent_online(own_desk, first.uid, 1)
        assert row["client_id"] == first.client_id
        async with own_desk.agent("alice", browser=first.browser) as second:
            await own_desk.until(
                lambda: agent_row(own_desk, 1)["client_id"] == second.client_id or None
            )
            await first.nothing()  # the same browser forces nobody out
        await own_desk.until(lambda: agent_row(own_desk, 1)["client_id"] == first.client_id or None)
        assert agent_row(own_desk, first.uid)["online"] == 1
        await first.socket.close()
        await agent_online(own_desk, first.uid, 0)


async def test_an_agent_says_bye(own_desk: Desk) -> None:
    """The sockets are closed, the login stays."""
    async with own_desk.agent("alice") as alice:
        answer = await alice.call("chat/bye")
        assert (answer["code"], answer["msg"]) == (0, "下线成功")
        assert await alice.receive("close") == {"status": True}
        await alice.socket.closed()
        assert agent_row(own_desk, alice.uid)["online"] == 0
        assert (await alice.call("index/index"))["code"] == 0


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def mortal_stack(
    tmp_path_factory: pytest.TempPathFactory, template: Template
) -> AsyncIterator[Stack]:
    """Two business processes that soon see who is dead."""
    settings = {**SETTINGS, "inner.heartbeat_interval": 0.5, "inner.heartbeat_timeout": 2}
    directory = tmp_path_factory.mktemp("mortal")
    template.copy(directory / "kefu.db")
    async with Stack(directory, settings=settings, workers=2) as stack:
        yield stack


@pytest_asyncio.fixture
async def mortal(mortal_stack: Stack, template: Template) -> AsyncIterator[Desk]:
    """Its database as new, and nobody connected. A test may kill whatever comes back."""
    await mortal_stack.linked()
    await mortal_stack.until(lambda status: status.gateway["connections"] == 0)
    template.put_back(mortal_stack.directory / "kefu.db")
    async with Desk(mortal_stack) as desk:
        yield desk


async def test_flags_after_business_processes_were_away(mortal: Desk) -> None:
    """Sockets that closed while no business process ran are found closed, others stay online."""
    desk, stack = mortal, mortal.stack
    async with desk.agent("alice") as alice, desk.customer() as stays, desk.customer() as goes:
        await stays.bind()
        await goes.bind()
        await stack.business.kill()
        await goes.socket.close()
        await stack.start_business()
        await desk.online(goes, 0)
        assert (await desk.online(stays, 1))["client_id"] == stays.client_id
        assert (await agent_online(desk, alice.uid, 1))["client_id"] == alice.client_id
        await alice.socket.recv_type("disconnect")
        await alice.call("chat/answer", member_id=stays.member_id, servicer_say="still here")
        assert (await stays.receive("string"))["servicer_say"] == "still here"


async def test_flags_after_a_gateway_died(mortal: Desk) -> None:
    """Its clients are found offline, and are online again when they are back."""
    desk, stack = mortal, mortal.stack
    async with desk.agent("alice") as alice, desk.customer() as customer:
        await customer.bind()
        [pid] = stack.pids("gateway")
        os.kill(pid, signal.SIGKILL)
        await customer.socket.closed()
        await desk.online(customer, 0)
        await agent_online(desk, alice.uid, 0)
        await stack.linked()
        async with desk.agent("alice", browser=alice.browser) as back:
            async with desk.customer(customer.member_id) as again:
                assert (await again.bind())["data"]["servicer_id"] == back.uid
                assert (await desk.online(again, 1))["client_id"] == again.client_id
                arrived = await back.socket.recv_type("connect")
                assert arrived["data"]["member_id"] == customer.member_id


async def test_a_worker_that_dies_loses_no_close(mortal: Desk) -> None:
    """Of two business processes, whichever served the socket."""
    desk, stack = mortal, mortal.stack
    async with desk.agent("alice") as alice, desk.customer() as one, desk.customer() as two:
        await one.bind()
        await two.bind()
        os.kill(stack.pids("business")[0], signal.SIGKILL)
        await one.socket.close()
        await two.socket.close()
        for customer in (one, two):
            await desk.online(customer, 0)
        told = [await alice.socket.recv_type("disconnect") for _ in range(2)]
        ids = {frame["data"]["member_id"] for frame in told}
        assert ids == {one.member_id, two.member_id}


async def test_flags_after_a_gateway_and_its_worker_died_together(mortal: Desk) -> None:
    """Nobody is left to tell, and the gateway stays away: a sweep finds out."""
    desk, stack = mortal, mortal.stack
    async with desk.agent("alice") as alice, desk.customer() as customer:
        await customer.bind()
        await asyncio.gather(stack.gateway.kill(), stack.business.kill())
        await stack.start_gateway(gateway__lan_port=stack.settings["gateway.lan_port"] + 1)
        await stack.start_business()
        await desk.online(customer, 0)
        await agent_online(desk, alice.uid, 0)
