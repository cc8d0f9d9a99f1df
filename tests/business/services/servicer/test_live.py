"""The platform sees its gateways, workers and sockets, also where some of them do not answer."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import pytest_asyncio

from business.services.servicer import live
from tests.support.stack import Stack
from tests.support.timing import TIMEOUT

from .accounts import Office, create
from .support import SETTINGS, Desk
from .template import Template

pytestmark = pytest.mark.asyncio(loop_scope="module")

Status = dict[str, Any]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stack(
    tmp_path_factory: pytest.TempPathFactory, template: Template
) -> AsyncIterator[Stack]:
    """Two gateways, one business process."""
    directory = tmp_path_factory.mktemp("live")
    template.copy(directory / "kefu.db")
    settings = {**SETTINGS, "supervision.ping_timeout": 0}  # a gateway is stopped with SIGSTOP
    async with Stack(directory, settings=settings, gateways=2) as stack:
        yield stack


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def desk(stack: Stack) -> AsyncIterator[Desk]:
    """Who uses it."""
    async with Desk(stack) as desk:
        assert (await create(desk, "pat", "role=platform"))[0] == 0
        yield desk


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pat(desk: Desk) -> AsyncIterator[Office]:
    """Of the platform."""
    async with Office(desk, "admin", "pat") as office:
        yield office


async def test_status(stack: Stack, desk: Desk, pat: Office) -> None:
    """The same figures as the start scripts show, of both gateways, and the business process."""
    async with desk.customer() as customer:
        await customer.bind()
        found = await pat.data("live/status")
        rows = {row["name"]: row for row in (await stack.status()).of("gateway")}
    assert (found["missing"], found["unknown"]) == ([], [])
    assert [row["name"] for row in found["gateways"]] == list(rows)
    for row in found["gateways"]:
        theirs = rows[row["name"]]
        for name in ("pid", "address", "clients", "uids", "version", "accepted"):
            assert row[name] == theirs[name], name
        assert row["register_state"] == "up"
        assert row["memory"] > 1_000_000
    assert sum(row["uids"] for row in found["gateways"]) == 1
    [worker] = [row for row in found["workers"] if row["kind"] == "worker"]
    assert worker["pid"] == stack.pids("business")[0]
    assert (worker["gateways"], worker["clients"]) == (2, 1)
    assert "servicer" in worker["services"]
    [service] = [row for row in found["services"] if row["service"] == "servicer"]
    assert (service["clients"], service["workers"]) == (1, 1)


async def test_connections(desk: Desk, pat: Office) -> None:
    """In pages by client id; found by uid, by address and by id; of one service."""
    async with desk.customer() as one, desk.customer() as two, desk.agent("alice") as alice:
        await one.bind()
        await two.bind()
        ids = sorted([one.client_id, two.client_id, alice.client_id])
        first = await pat.data("live/connections", page_size=2)
        assert [row["client_id"] for row in first["list"]] == ids[:2]
        assert (first["count"], first["next"]) == (3, ids[1])
        rest = await pat.data("live/connections", page_size=2, after=first["next"])
        assert [row["client_id"] for row in rest["list"]] == ids[2:]
        assert (rest["count"], rest["next"]) == (3, "")

        [row] = (await pat.data("live/connections", search=one.member_id))["list"]
        assert (row["client_id"], row["uid"]) == (one.client_id, str(one.member_id))
        assert row["service"] == "servicer"
        assert row["address"].startswith("127.0.0.1:")
        assert row["worker"]
        [row] = (await pat.data("live/connections", search=row["address"]))["list"]
        assert row["client_id"] == one.client_id
        [row] = (await pat.data("live/connections", search=alice.client_id))["list"]
        assert row["uid"].startswith("ns_servicer_")
        assert (await pat.data("live/connections", service="template"))["count"] == 0
        assert (await pat.data("live/connections", service="servicer"))["count"] == 3
        assert (await pat.data("live/connections", search="nobody"))["list"] == []
    assert await pat.refused("live/connections", after="not an id") == "参数错误"


async def test_a_gateway_that_stands_still(stack: Stack, desk: Desk, pat: Office) -> None:
    """Is named, and the others are shown."""
    frozen, other = stack.pids("gateway")
    addresses = {row["pid"]: row["address"] for row in (await stack.status()).of("gateway")}
    os.kill(frozen, signal.SIGSTOP)
    try:
        found = await pat.data("live/status")
        assert [row["pid"] for row in found["gateways"]] == [other]
        assert found["missing"] == [addresses[frozen]]
        found = await pat.data("live/connections")
        assert (found["list"], found["missing"]) == ([], [addresses[frozen]])
    finally:
        os.kill(frozen, signal.SIGCONT)
    await until(pat, lambda found: len(found["gateways"]) == 2 and not found["missing"])


async def until(office: Office, condition: Callable[[Status], bool]) -> Status:
    """The status, once a condition holds."""
    async with asyncio.timeout(2 * TIMEOUT):
        while True:
            found: Status = await office.data("live/status")
            if condition(found):
                return found
            await asyncio.sleep(0.05)


async def test_a_gateway_that_is_killed(stack: Stack, pat: Office) -> None:
    """Another process is there in its place."""
    pid = stack.pids("gateway")[1]
    os.kill(pid, signal.SIGKILL)
    found = await until(
        pat,
        lambda found: (
            pid not in (row["pid"] for row in found["gateways"]) and len(found["gateways"]) == 2
        ),
    )
    assert found["missing"] == []


async def test_no_gateway(stack: Stack, pat: Office) -> None:
    """Those that were there are named for a while; there is nothing else to see, and no error."""
    addresses = sorted(row["address"] for row in (await stack.status()).of("gateway"))
    (register,) = stack.pids("register")
    os.kill(register, signal.SIGSTOP)  # it might still say which of them ended first
    await stack.gateway.command("stop", now=True)
    found = await pat.data("live/status")
    assert (found["gateways"], found["workers"], found["services"]) == ([], [], [])
    assert found["missing"] == addresses
    found = await pat.data("live/connections")
    assert (found["list"], found["missing"]) == ([], addresses)


async def test_versions_that_do_not_know_the_question() -> None:
    """Gateways that cannot tell their status are named, and the others shown."""
    statuses = [{"address": "10.0.0.1:2900", "error": "?"}, {"address": "10.0.0.2:2900"}]
    assert live.split(statuses) == ([statuses[1]], ["10.0.0.1:2900"])


async def test_programs_that_do_not_say_where_they_are() -> None:
    """Peers of earlier versions have no host and no pid; sums are over all gateways."""
    peer = {
        "name": "old", "kind": "worker", "instance": "i", "host": None, "pid": None,
        "version": None, "services": ["servicer"], "clients": 2, "unacknowledged": 1, "backlog": 0,
    }  # fmt: skip
    status = {"peers": [peer], "services": {"servicer": 2, "gone": 0}}
    [row] = live.workers([status, status])
    assert (row["host"], row["pid"], row["version"]) == ("", 0, "")
    assert (row["gateways"], row["clients"], row["unacknowledged"]) == (2, 4, 2)
    assert live.services([status, status], [row]) == [
        {"service": "servicer", "clients": 4, "workers": 1}
    ]
