"""What a child process offers its main coroutine."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from shared import control
from shared.child import Child, as_settings
from shared.errors import SettingsError
from shared.settings import Settings
from tests.support.stack import ROOT


@pytest.fixture
def sent() -> list[control.Message]:
    """What the child said to its supervisor."""
    return []


@pytest.fixture
async def child(sent: list[control.Message]) -> Child:
    """A child without a process of its own."""
    return Child("gateway", 1, "gateway-1", Settings(), {}, sent.append)


def test_settings_are_read_by_the_names_of_the_model() -> None:
    """From JSON, tables in lists included, and nobody can change them."""
    values = Settings(
        business={"api_keys": [{"name": "shop", "key": "k" * 32}]},  # type: ignore[arg-type]
    ).model_dump(mode="json")
    settings = as_settings(values)
    assert settings.gateway.max_message_size == 65536
    assert settings.business.api_keys[0].name == "shop"
    assert settings.register.addresses == ["127.0.0.1:1236"]
    with pytest.raises(AttributeError, match="do not change"):
        settings.gateway.port = 1
    with pytest.raises(AttributeError):
        settings.gateway.prot  # type: ignore[attr-defined]  # noqa: B018


async def test_status_has_what_all_processes_have(
    child: Child, sent: list[control.Message]
) -> None:
    """And the process's own numbers, with rates for its counters of messages."""
    child.on_status(lambda: {"clients": 3, "messages_in": 10})
    child.handle({"ping": 7})
    (pong,) = sent
    assert pong["pong"] == 7
    status = pong["status"]
    assert status["kind"] == "gateway"
    assert status["name"] == "gateway-1"
    assert status["clients"] == 3
    assert status["memory"] > 1_000_000
    assert status["in_per_s"] == 0
    assert "out_per_s" not in status


async def test_rates_are_taken_over_a_second(child: Child, monkeypatch: pytest.MonkeyPatch) -> None:
    """A look right after another one gives the same rate."""
    clock = [0.0]
    monkeypatch.setattr("shared.child.time.monotonic", lambda: clock[0])
    count = 0
    child = Child("gateway", 0, "gateway-0", child.settings, {})
    child.on_status(lambda: {"messages_in": count, "messages_out": 0})
    count, clock[0] = 100, 2.0
    assert child.status()["in_per_s"] == 50
    count, clock[0] = 1000, 2.1
    assert child.status()["in_per_s"] == 50
    count, clock[0] = 600, 3.0
    assert child.status()["in_per_s"] == 500


async def test_commands_reach_their_handlers(child: Child, sent: list[control.Message]) -> None:
    """Questions are answered with their number."""
    seen: list[Any] = []
    child.on_connections(lambda limit: [{"client_id": str(limit)}])
    child.on_reload(seen.append)
    child.handle({"connections": 5, "limit": 2})
    child.handle({"reload": {"gateway": {"allowed_origins": ["x"]}}})
    assert sent == [{"connections": 5, "rows": [{"client_id": "2"}]}, {"reloaded": True}]
    assert seen[0].gateway.allowed_origins == ["x"]


async def test_a_refused_reload_is_the_answer(child: Child, sent: list[control.Message]) -> None:
    """The process goes on with what it had."""

    def refuse(settings: Settings) -> None:
        raise SettingsError("tls.key is wrong")

    child.on_reload(refuse)
    child.handle({"reload": {}})
    assert sent == [{"reloaded": False, "reason": "tls.key is wrong"}]


async def test_stop_is_an_event(child: Child) -> None:
    """With the reason; saying it twice changes nothing."""
    assert not child.stopping.is_set()
    child.handle({"stop": True})
    child.handle({"stop": False})
    assert child.stopping.is_set()
    assert child.restarting


async def test_what_a_child_says(child: Child, sent: list[control.Message]) -> None:
    """Ready, and replace me."""
    child.ready()
    child.replace_me("half of the threads are stuck")
    assert sent == [{"ready": True}, {"replace": "half of the threads are stuck"}]


@pytest.mark.parametrize("module", ["shared.child", "gateway.server", "gateway.register"])
def test_gateway_processes_do_without_pydantic(module: str) -> None:
    """It would cost each of them 20 MB. aiohttp and SQLAlchemy are not theirs either."""
    code = (
        f"import sys, {module}; "
        "print([m for m in ('pydantic', 'aiohttp', 'sqlalchemy') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"
