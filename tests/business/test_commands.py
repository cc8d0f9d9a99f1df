"""Commands that services add to start_business.py."""

from __future__ import annotations

from pathlib import Path

import pytest

from business import commands
from shared.errors import ServiceError, SettingsError
from shared.settings import Settings

COMMANDS = """
from pathlib import Path
from business.commands import Command

def note(settings, words):
    with Path({log!r}).open("a") as log:
        log.write(" ".join([__package__.rpartition(".")[2], *words]) + "\\n")
    return {code}

COMMANDS = {{"note": Command(note), "note-all": Command(note, every=True)}}
"""


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Where the commands write."""
    return tmp_path / "log"


@pytest.fixture
def settings(tmp_path: Path, log: Path) -> Settings:
    """With two services that have the same commands."""
    for name, code in (("first", 0), ("second", 7)):
        service = tmp_path / "services" / name
        service.mkdir(parents=True)
        (service / "events.py").write_text("")
        (service / "commands.py").write_text(COMMANDS.format(log=str(log), code=code))
    return Settings(business={"services": [str(tmp_path / "services")]})  # type: ignore[arg-type]


def only(settings: Settings, name: str) -> Settings:
    """The same with --only."""
    business = settings.business.model_copy(update={"only": [name]})
    return settings.model_copy(update={"business": business})


def test_a_command_gets_its_words(settings: Settings, log: Path) -> None:
    """And what it returns is the exit code."""
    assert commands.run("note", ["a", "b=c"], only(settings, "second")) == 7
    assert log.read_text() == "second a b=c\n"


def test_one_of_every_service_is_run_in_each(settings: Settings, log: Path) -> None:
    """The first that failed decides."""
    assert commands.run("note-all", [], settings) == 7
    assert log.read_text() == "first\nsecond\n"


def test_whose_command_must_be_clear(settings: Settings, log: Path) -> None:
    """Otherwise nothing is run."""
    with pytest.raises(SettingsError, match="note: say whose with --only: first, second"):
        commands.run("note", [], settings)
    assert not log.exists()


def test_what_there_is_no_command_for(settings: Settings) -> None:
    """Those that there are are named."""
    with pytest.raises(SettingsError, match=r"nothing: there is no such command; .*note, note-all"):
        commands.run("nothing", [], settings)
    with pytest.raises(SettingsError, match="there is no such command"):
        commands.run("note", [], only(settings, "template"))


def test_commands_that_are_none(settings: Settings, tmp_path: Path) -> None:
    """Say whose they are."""
    (tmp_path / "services" / "first" / "commands.py").write_text("COMMANDS = [1]")
    with pytest.raises(ServiceError, match="first"):
        commands.run("note", [], settings)
