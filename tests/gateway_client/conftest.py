"""One fleet for all tests of a module: starting it takes longer than most tests."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import pytest
import pytest_asyncio

from gateway_client import GatewayClient, SyncGatewayClient

from .fleet import SECRET, SERVICE, Fleet

Ask = Callable[..., Awaitable[Any]]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def fleet() -> AsyncIterator[Fleet]:
    """Two gateways."""
    async with Fleet() as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(fleet: Fleet) -> AsyncIterator[GatewayClient]:
    """A client of the fleet's service, connected to both gateways."""
    async with GatewayClient(fleet.register, secret=SECRET, service=SERVICE) as client:
        yield client


@pytest.fixture(scope="module")
def blocking(fleet: Fleet) -> Iterator[SyncGatewayClient]:
    """The same, blocking; not connected yet."""
    client = SyncGatewayClient(fleet.register, secret=SECRET, service=SERVICE)
    yield client
    client.close()


@pytest.fixture(params=["async", "blocking"])
def ask(request: pytest.FixtureRequest, gateway: GatewayClient, blocking: SyncGatewayClient) -> Ask:
    """Makes a call by name, of either class: what holds for one must hold for the other."""

    async def on_loop(name: str, *args: Any, **kwargs: Any) -> Any:
        return await getattr(gateway, name)(*args, **kwargs)

    async def in_thread(name: str, *args: Any, **kwargs: Any) -> Any:
        return await asyncio.to_thread(getattr(blocking, name), *args, **kwargs)

    return on_loop if request.param == "async" else in_thread
