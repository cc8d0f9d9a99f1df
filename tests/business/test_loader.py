"""Services are found by their directories; what is wrong with one is said in one sentence."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from business.loader import IN_TREE, RESERVED, find_services, load_services
from business.service import Service
from shared.errors import ServiceError, SettingsError

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a service below ``tmp_path/services`` and returns its directory."""

    def write(name: str, events: str = "", **files: str) -> Path:
        path = tmp_path / "services" / name
        path.mkdir(parents=True)
        (path / "events.py").write_text(events)
        for stem, text in files.items():
            (path / f"{stem}.py").write_text(text)
        return path

    return write


@pytest.fixture
def load(tmp_path: Path) -> Callable[..., Service]:
    """Loads one service of ``tmp_path/services``."""

    def load(name: str) -> Service:
        return load_services([str(tmp_path / "services")], [name])[0]

    return load


class TestFinding:
    """Which directories are services, and under which names."""

    def test_a_directory_with_an_events_module_is_a_service(self, write: Write) -> None:
        path = write("found-here")
        (path.parent / "not_a_service").mkdir()
        found = find_services([str(path.parent)])
        assert found["found-here"] == path
        assert "not_a_service" not in found
        assert found["template"] == IN_TREE / "template"

    def test_a_service_directory_itself_may_be_named(self, write: Write) -> None:
        path = write("itself")
        assert find_services([str(path)])["itself"] == path

    def test_a_directory_that_is_not_there_is_an_error_of_the_setting(self, tmp_path: Path) -> None:
        with pytest.raises(SettingsError, match=r"business\.services = .*nowhere.*not a directory"):
            find_services([str(tmp_path / "nowhere")])

    @pytest.mark.parametrize("name", [*sorted(RESERVED), "Upper", "1digit", "a" * 33, "a.b"])
    def test_a_reserved_or_malformed_name_is_refused(self, write: Write, name: str) -> None:
        path = write(name)
        with pytest.raises(ServiceError, match="a name is") as caught:
            find_services([str(path.parent)])
        assert caught.value.service == name

    def test_a_name_that_is_there_twice_is_refused(self, write: Write, tmp_path: Path) -> None:
        path = write("twice")
        other = tmp_path / "other" / "twice"
        other.mkdir(parents=True)
        (other / "events.py").touch()
        with pytest.raises(ServiceError, match=r"twice: .* and "):
            find_services([str(path.parent), str(other.parent)])

    def test_the_same_directory_may_be_named_twice(self, write: Write) -> None:
        path = write("same")
        assert "same" in find_services([str(path.parent), str(path)])


class TestChoosing:
    """``only`` says what is loaded; without it everything but the template."""

    def test_only_the_named_ones_are_imported(self, write: Write) -> None:
        path = write("chosen")
        write("broken", "1 / 0")
        services = load_services([str(path.parent)], ["chosen"])
        assert [(service.name, service.index) for service in services] == [("chosen", 0)]

    def test_a_name_that_is_not_there_is_an_error_that_names_those_that_are(
        self, write: Write
    ) -> None:
        path = write("here")
        with pytest.raises(SettingsError, match=r"business\.only = 'gone'.*here"):
            load_services([str(path.parent)], ["gone"])

    def test_the_template_is_loaded_on_demand_only(self) -> None:
        assert "template" not in [service.name for service in load_services()]
        (template,) = load_services(only=["template"])
        assert sorted(template.hooks) == ["on_close", "on_connect"]
        assert template.is_tracked
        assert template.routes is not None


class TestImporting:
    """A service is a package of its own, wherever it lies."""

    def test_relative_imports_work_with_and_without_an_init_module(
        self, write: Write, load: Callable[..., Service]
    ) -> None:
        events = "from .names import NAME\nasync def on_connect(client): return NAME"
        write("plain", events, names="NAME = 1")
        write("with-init", events, names="from . import VALUE as NAME", __init__="VALUE = 2")
        for name in ("plain", "with-init"):
            assert load(name).hooks["on_connect"].is_async

    def test_copies_of_one_service_do_not_share_modules(
        self, write: Write, load: Callable[..., Service]
    ) -> None:
        events = "from .state import STATE\ndef on_connect(client): return STATE"
        for name in ("first", "second"):
            write(name, events, state="STATE = object()")
        states = [load(name).hooks["on_connect"].function(None) for name in ("first", "second")]
        assert states[0] is not states[1]

    @pytest.mark.parametrize(
        ("events", "reason"),
        [
            ("x = 1\ndef broken(:\n", r"events\.py:2: invalid syntax"),
            ("x = 1\n\nx / 0\n", r"events\.py:3: ZeroDivisionError"),
            ("import not_there\n", r"events\.py:1: ModuleNotFoundError"),
            ("raise SystemExit(1)\n", r"events\.py:1: SystemExit"),
            ("from . import helper\n", r"helper\.py:2: NameError"),
        ],
    )
    def test_a_module_that_fails_is_named_with_its_line(
        self, write: Write, load: Callable[..., Service], events: str, reason: str
    ) -> None:
        write("bad", events, helper="\nundefined")
        with pytest.raises(ServiceError, match=reason):
            load("bad")


class TestHooks:
    """What events.py may define."""

    def test_hooks_are_found_with_their_kind(
        self, write: Write, load: Callable[..., Service]
    ) -> None:
        write(
            "hooks",
            "async def on_connect(client): ...\n"
            "def on_message(client, message, *more): ...\n"
            "def helper(): ...\n",
        )
        service = load("hooks")
        assert {name: hook.is_async for name, hook in service.hooks.items()} == {
            "on_connect": True,
            "on_message": False,
        }
        assert service.gateway_hooks == ["on_connect", "on_message"]
        assert str(service.hooks["on_connect"]) == "hooks.on_connect"

    @pytest.mark.parametrize(
        ("events", "reason"),
        [
            ("def on_connect(): ...", r"on_connect\(\) has other arguments than on_connect\(clie"),
            ("def on_message(client): ...", r"than on_message\(client, message\)"),
            ("on_close = 1", "on_close is not a function"),
            ("async def on_close(client): yield", "must not yield"),
            ("HEARTBEAT_TEXT = 1", "HEARTBEAT_TEXT = 1"),
            ("UNBOUND_TIMEOUT = -1", "UNBOUND_TIMEOUT = -1"),
            ("UNBOUND_TIMEOUT = None", "UNBOUND_TIMEOUT = None"),
        ],
    )
    def test_what_cannot_work_is_refused(
        self, write: Write, load: Callable[..., Service], events: str, reason: str
    ) -> None:
        write("bad", events)
        with pytest.raises(ServiceError, match=reason):
            load("bad")

    def test_a_misspelt_hook_is_warned_of(
        self, write: Write, load: Callable[..., Service], caplog: pytest.LogCaptureFixture
    ) -> None:
        write("misspelt", "def on_conect(client): ...")
        with caplog.at_level(logging.WARNING):
            load("misspelt")
        assert "on_conect is not a hook" in caplog.text

    def test_options_have_defaults(self, write: Write, load: Callable[..., Service]) -> None:
        write("defaults")
        write("options", "HEARTBEAT_TEXT = None\nUNBOUND_TIMEOUT = 1.5")
        assert load("defaults").options == ("ping", 0)
        assert load("options").options == (None, 1.5)
        assert not load("defaults").is_tracked


class TestRoutes:
    """What routes.py may define."""

    ROUTES = (
        "from aiohttp import web\n"
        "routes = web.RouteTableDef()\n"
        "root_routes = web.RouteTableDef()\n"
        "async def lifespan(app):\n"
        "    yield\n"
    )

    def test_root_paths_are_for_servicer_only(
        self, write: Write, load: Callable[..., Service], tmp_path: Path
    ) -> None:
        write("copy", routes=self.ROUTES)
        service = load("copy")
        assert service.routes is not None
        assert service.root_routes is None
        assert service.lifespan is not None

    @pytest.mark.parametrize(
        ("routes", "reason"),
        [
            ("routes = []", "routes is not"),
            ("async def lifespan(app): ...", "lifespan is not an async generator"),
            ("1 / 0", r"routes\.py:1: ZeroDivisionError"),
        ],
    )
    def test_what_cannot_work_is_refused(
        self, write: Write, load: Callable[..., Service], routes: str, reason: str
    ) -> None:
        write("bad", routes=routes)
        with pytest.raises(ServiceError, match=reason):
            load("bad")


def test_a_service_without_a_gateway_says_that_it_has_not_been_started(
    write: Write, load: Callable[..., Any]
) -> None:
    write("early")
    with pytest.raises(RuntimeError, match="early has not been started"):
        _ = load("early").gateway
