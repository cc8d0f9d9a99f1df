"""A running customer service for each module of tests, and one for a test that changes it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.support.stack import Stack

from .support import SETTINGS, Desk


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared_stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    """A stack for tests that leave nothing behind that others would stumble over: no agent is told
    that the customers of earlier tests are gone."""
    directory = tmp_path_factory.mktemp("desk")
    settings = {**SETTINGS, "servicer.disconnect_delay": 3600}
    async with Stack(directory, settings=settings) as stack:
        yield stack


@pytest_asyncio.fixture
async def desk(shared_stack: Stack) -> AsyncIterator[Desk]:
    """The shared stack; members are each test's own, agents are not."""
    async with Desk(shared_stack) as desk:
        yield desk
        # Who found nobody there must not be handed to the agents of the next test.
        desk.execute("UPDATE servicer_conversation SET waiting_id = 0, silent_since = 0")


@pytest.fixture
def settings() -> dict[str, object]:
    """Settings of ``own_desk``; a test class may override them."""
    return dict(SETTINGS)


@pytest_asyncio.fixture
async def own_desk(tmp_path: Path, settings: dict[str, object]) -> AsyncIterator[Desk]:
    """A stack for one test."""
    async with Stack(tmp_path, settings=settings) as stack, Desk(stack) as desk:
        yield desk
