"""Running customer services that many tests share, and one for a test that changes it.

Starting one takes longer than most tests. Nearly all that it knows is in its database, so a test
that must find it as new gets one whose database was put back to its first state.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.support.stack import Stack

from .support import CLOSED, SETTINGS, STRICT, Desk
from .template import Template


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def template(tmp_path_factory: pytest.TempPathFactory) -> Template:
    """What the databases of these stacks are at first."""
    template = Template(tmp_path_factory.mktemp("template") / "kefu.db")
    await template.make()
    return template


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def patient_stack(
    tmp_path_factory: pytest.TempPathFactory, template: Template
) -> AsyncIterator[Stack]:
    """No agent is told that the customers of earlier tests are gone."""
    directory = tmp_path_factory.mktemp("desk")
    template.copy(directory / "kefu.db")
    settings = {**SETTINGS, "servicer.disconnect_delay": 3600}
    async with Stack(directory, settings=settings) as stack:
        yield stack


def _kept(settings: dict[str, object]) -> Any:
    """A stack for ``own_desk``, which many tests use one after the other."""

    @pytest_asyncio.fixture(scope="session", loop_scope="session")
    async def kept_stack(
        tmp_path_factory: pytest.TempPathFactory, template: Template
    ) -> AsyncIterator[Stack]:
        directory = tmp_path_factory.mktemp("own")
        template.copy(directory / "kefu.db")
        async with Stack(directory, settings=settings) as stack:
            yield stack

    return kept_stack


emptied_stack = _kept(SETTINGS)
strict_stack = _kept(STRICT)
closed_stack = _kept(CLOSED)

KEPT = {"emptied_stack": SETTINGS, "strict_stack": STRICT, "closed_stack": CLOSED}
"""Settings that several tests have in common, by the fixture of the stack."""


@pytest.fixture(scope="module")
def shared_stack(patient_stack: Stack, template: Template) -> Stack:
    """A stack for tests that leave nothing behind that others of the module would stumble over."""
    template.put_back(patient_stack.directory / "kefu.db")
    return patient_stack


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


@pytest.fixture
def used_stack(request: pytest.FixtureRequest, settings: dict[str, object]) -> Stack | None:
    """The stack for ``own_desk`` that is there already, if it has these settings."""
    names = [name for name, common in KEPT.items() if common == settings]
    return request.getfixturevalue(names[0]) if names else None


@pytest_asyncio.fixture
async def own_desk(
    tmp_path: Path, settings: dict[str, object], template: Template, used_stack: Stack | None
) -> AsyncIterator[Desk]:
    """A stack as new, with nobody connected. Of a test with settings of its own it is started for
    that test alone, which may stop its processes; others share one."""
    if used_stack is None:
        template.copy(tmp_path / "kefu.db")
        async with Stack(tmp_path, settings=settings) as stack, Desk(stack) as desk:
            yield desk
        return
    await used_stack.until(lambda status: status.gateway["connections"] == 0)
    template.put_back(used_stack.directory / "kefu.db")
    async with Desk(used_stack) as desk:
        yield desk
