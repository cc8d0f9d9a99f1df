"""Who may connect, from where, and how many."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus

from gateway.connection import service_name
from gateway.server import origins
from tests.support.raw import RawClient
from tests.support.stack import Stack
from tests.support.ws import connect

PROBE = Path(__file__).parent.parent / "services" / "probe"


def stack_of(tmp_path: Path, **settings: Any) -> Stack:
    """A stack with the probe service."""
    return Stack(
        tmp_path,
        settings={
            "gateway.default_service": "probe",
            "business.only": ["probe"],
            **{name.replace("__", "."): value for name, value in settings.items()},
        },
        services=[PROBE],
        environment={"PROBE_EVENTS": str(tmp_path / "events")},
    )


@pytest.fixture
async def careful(tmp_path: Path) -> AsyncIterator[Stack]:
    """A gateway behind a proxy, with an allow-list of origins and limits."""
    async with stack_of(
        tmp_path,
        trusted_proxies=["127.0.0.1", "10.0.0.0/8"],
        gateway__allowed_origins=["https://shop.example", "https://*.shop.example"],
        gateway__max_connections_per_address=2,
        gateway__max_connections=4,
    ) as stack:
        yield stack


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/", ""),
        ("/orders", "orders"),
        ("/orders/", "orders"),
        ("/orders/x/y?z=/w", "orders"),
        ("//orders", "orders"),
        ("/?a=/orders", ""),
        ("/Orders", "Orders"),
    ],
)
def test_first_segment_names_the_service(path: str, name: str) -> None:
    """Whatever follows it, and whatever the query says."""
    assert service_name(path) == name


def test_no_list_of_origins_lets_all_in() -> None:
    """Neither does a star on its own keep anybody out."""
    assert origins([]) is None
    assert origins(["https://a.example", "*"]) is None


def test_a_star_stands_for_labels_of_a_host() -> None:
    """And not for another scheme, host or port."""
    patterns = origins(["https://a.example", "https://*.b.example"])
    assert patterns is not None
    absent, exact, pattern = patterns
    assert (absent, exact) == (None, "https://a.example")
    assert isinstance(pattern, re.Pattern)
    assert pattern.fullmatch("https://x.b.example")
    assert pattern.fullmatch("https://x.y.b.example")
    for other in (
        "http://x.b.example",
        "https://b.example",
        "https://x.b.example:8443",
        "https://x.b.example.evil.example",
        "https://evil.example/.b.example",
    ):
        assert not pattern.fullmatch(other), other


async def test_origins_addresses_and_limits(careful: Stack) -> None:
    """One life of a gateway with an allow-list, a trusted proxy and limits."""
    for origin in ("https://shop.example", "https://m.shop.example", None):
        async with connect(careful.ws_url, origin=origin) as client:
            assert (await client.recv_json())["type"] == "init"
    for origin in ("https://evil.example", "http://shop.example", "null"):
        with pytest.raises(InvalidStatus) as refusal:
            await connect(careful.ws_url, origin=origin).__aenter__()
        assert refusal.value.response.status_code == 403
    await careful.until(lambda status: status.gateway["connections"] == 0)

    chains = {
        "203.0.113.7": "203.0.113.7:0",
        "6.6.6.6, 203.0.113.8": "203.0.113.8:0",  # what a client claims comes first
        "203.0.113.9, 10.1.2.3": "203.0.113.9:0",  # through another proxy of ours
    }
    for chain, address in chains.items():
        headers = {"X-Forwarded-For": chain}
        async with connect(careful.ws_url, additional_headers=headers) as client:
            await client.recv_json()
            (row,) = await careful.connections()
            assert row["address"] == address
        await careful.until(lambda status: status.gateway["connections"] == 0)
    async with connect(careful.ws_url, additional_headers={"X-Forwarded-For": "junk"}) as client:
        await client.recv_json()
        (row,) = await careful.connections()
        assert row["address"].startswith("127.0.0.1:")
    await careful.until(lambda status: status.gateway["connections"] == 0)

    def from_address(host: str) -> Any:
        return connect(careful.ws_url, additional_headers={"X-Forwarded-For": host})

    async with from_address("203.0.113.1") as one, from_address("203.0.113.1") as two:
        for client in (one, two):
            await client.recv_json()
        async with from_address("203.0.113.1") as third:
            assert (await third.closed())[0] == 4100
        async with from_address("203.0.113.2") as other, from_address("203.0.113.3") as another:
            await other.recv_json()
            await another.recv_json()
            async with from_address("203.0.113.4") as fifth:  # over gateway.max_connections
                assert (await fifth.closed())[0] == 4100
    await careful.until(lambda status: status.gateway["connections"] == 0)
    async with from_address("203.0.113.1") as again:
        assert (await again.recv_json())["type"] == "init"


async def test_forwarded_addresses_of_strangers_are_not_believed(tmp_path: Path) -> None:
    """Without trusted proxies the header says nothing."""
    async with stack_of(tmp_path) as stack:
        headers = {"X-Forwarded-For": "203.0.113.7"}
        async with connect(stack.ws_url, additional_headers=headers) as client:
            await client.recv_json()
            (row,) = await stack.connections()
            assert row["address"].startswith("127.0.0.1:")


async def test_two_gateways_share_the_port_and_each_other_s_clients(tmp_path: Path) -> None:
    """The kernel spreads clients over both processes, and ids tell which one holds a client."""
    stack = Stack(
        tmp_path,
        settings={"gateway.default_service": "probe", "business.only": ["probe"]},
        services=[PROBE],
        gateways=2,
        environment={"PROBE_EVENTS": str(tmp_path / "events")},
    )
    async with stack:
        clients = await asyncio.gather(*(RawClient.open(stack.gateway_port) for _ in range(30)))
        for client in clients:
            await client.frame()
        rows = await stack.connections()
        assert len(rows) == 30
        assert len({row["client_id"] for row in rows}) == 30
        assert len({row["client_id"][:12] for row in rows}) == 2
        for client in clients:
            client.close()
