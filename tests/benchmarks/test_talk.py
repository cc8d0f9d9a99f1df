"""Messages and lists of the customer service are measured right."""

from __future__ import annotations

import json
import select
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from sqlalchemy import create_engine

from benchmarks import report
from benchmarks.cases import KEFU, Row
from benchmarks.desk import BARE, BareServer, Conversations, DeskServer, bare_talk
from benchmarks.generator import GeneratorError
from benchmarks.history import History, fill
from benchmarks.lines import Line, get
from benchmarks.processes import Cores, Meter
from benchmarks.servers import ROOT
from benchmarks.talk import Talk
from business.services.servicer.store.tables import dialogue, metadata

NOBODY = Meter({})


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DeskServer]:
    """A kefu with the customer service."""
    with DeskServer(Cores.choose(), tmp_path_factory.mktemp("desk")) as started:
        yield started


def test_every_message_of_kefu_is_stored_and_arrives_once(server: DeskServer) -> None:
    """What the generator counts is in the database: customers' messages and agents' alike."""
    with Conversations(server, 6) as talks:
        said = talks.says(may_repeat=True).run(server.meter(), 0.3, warm_up=0)
        plain = talks.says(may_repeat=False).run(server.meter(), 0.3, warm_up=0, rate=100)
        answered = talks.answers(may_repeat=True).run(server.meter(), 0.3, warm_up=0)
        database = sqlite3.connect(server.directory / "kefu.db")
        query = "SELECT type, COUNT(*), COUNT(DISTINCT message) FROM servicer_dialogue GROUP BY 1"
        counts = {row[0]: row[1:] for row in database.execute(query)}
        database.close()
    assert said.operations > 10
    assert said.cpu_us("business") > said.cpu_us("gateway") > 0
    assert said.latency_us(0.5) <= said.latency_us(0.99)
    assert 10 < plain.operations < 60
    # Besides what was counted: what was in flight when a window ended.
    assert 0 <= counts[0][0] - said.operations - plain.operations <= 2 * 7
    assert 0 <= counts[1][0] - answered.operations <= 7
    assert all(count == distinct for count, distinct in counts.values())


def test_the_bare_server_stores_what_is_counted(tmp_path: Path) -> None:
    """The yardstick does its part of the work."""
    with BareServer(Cores.choose(), tmp_path) as server, ExitStack() as stack:
        sample = bare_talk(server, 6, stack).run(server.meter(), 0.3, warm_up=0)
        database = sqlite3.connect(tmp_path / "bare.db")
        rows = database.execute(
            "SELECT COUNT(*), COUNT(DISTINCT message), MIN(member_id) FROM servicer_dialogue"
        ).fetchone()
        database.close()
    assert sample.operations > 10
    assert 0 <= rows[0] - sample.operations <= 6
    assert rows[0] == rows[1]
    assert rows[2] == 100_000


def test_a_message_that_is_refused_is_an_error(server: DeskServer) -> None:
    """No figure comes of what did not work."""
    with Conversations(server, 2) as talks:
        [first, *_] = talks.says(may_repeat=False).speakers
        forged = first._replace(request=first.request.replace(b"token=ey", b"token=xy"))
        with Talk([forged]) as talk, pytest.raises(GeneratorError, match="refused"):
            talk.run(NOBODY, 5, warm_up=0)


def test_an_answer_in_pieces_is_put_together(server: DeskServer) -> None:
    """A body that is larger than one read arrives whole."""
    line = Line(server.http_address)
    line.send(get(server.http_address, "/openapi.json", {}))
    body = None
    while body is None:
        assert select.select([line.fd], [], [], 10)[0]
        body = line.receive()
    line.close()
    assert json.loads(body)["openapi"]


def test_a_history_is_what_it_says(tmp_path: Path) -> None:
    """As many messages as asked for, each naming the one before it in its conversation."""
    history = History(members=60, messages=2000)
    assert sum(history.lengths()) == 2000
    engine = create_engine(f"sqlite:///{tmp_path / 'kefu.db'}")
    metadata.create_all(engine)
    engine.dispose()
    fill(f"sqlite+aiosqlite:///{tmp_path / 'kefu.db'}", history)
    database = sqlite3.connect(tmp_path / "kefu.db")
    counts = dict(
        database.execute("SELECT member_id, COUNT(*) FROM servicer_dialogue GROUP BY member_id")
    )
    [gaps] = database.execute(
        "SELECT COUNT(*) FROM servicer_dialogue d JOIN servicer_conversation c"
        " ON c.member_id = d.member_id AND c.shop_id = d.shop_id"
        " WHERE d.id = c.last_id AND d.prev_id <> (SELECT COALESCE(MAX(id), 0)"
        " FROM servicer_dialogue e WHERE e.member_id = d.member_id AND e.id < d.id)"
    ).fetchone()
    indexes = database.execute(
        "SELECT COUNT(*) FROM sqlite_master WHERE type = 'index' AND tbl_name = 'servicer_dialogue'"
    ).fetchone()
    database.close()
    assert counts == {
        member: count for site in range(1, 7) for member, count in history.members_of(site).items()
    }
    assert gaps == 0
    assert indexes == (len(dialogue.indexes),)


def test_the_service_has_its_targets() -> None:
    """Each of them is met or missed by its own row."""
    rows = [
        Row("say", "messages", "/s", {KEFU: [50, 60], BARE: [100, 100]}, "say rate"),
        Row("say", "p99", "ms", {KEFU: [12], BARE: [3]}, "say p99"),
        Row("answer", "messages", "/s", {KEFU: [40], BARE: [100]}, "answer rate"),
        Row("memberList", "p99", "ms", {"SQLite": [19], "PostgreSQL": [21]}, "list memberList"),
    ]
    verdicts = report.check(rows, [])
    assert [verdict.met for verdict in verdicts] == [True, False, False, True, False]
    text = report.tables(rows)
    assert "kefu/aiohttp" in text
    assert text.count("\n\n") == 1


def test_the_command_measures_lists(tmp_path: Path) -> None:
    """A small history is measured, and is said to be small."""
    result = tmp_path / "result.json"
    arguments = ["lists", "--quick", "--rounds=1", "--seconds=0.1", "--databases=SQLite"]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", *arguments, f"--json={result}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "say nothing about the target" in done.stdout
    found = json.loads(result.read_text())
    cases = {row["case"].partition(",")[0] for row in found["rows"]}
    assert cases == {"memberList", "dialogs (agent)", "dialogs (customer)"}
    assert found["targets"] == []
