"""The database: group commit, schema, several processes."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, func, insert, inspect, select

from business.services.servicer.store import embedded as embedded_module
from business.services.servicer.store import schema
from business.services.servicer.store.database import Database
from business.services.servicer.store.errors import StoreBusy, StoreError
from business.services.servicer.store.tables import VERSION_TABLE, login_failure, metadata
from business.services.servicer.store.writer import MAX_WAITING
from shared.errors import SettingsError
from tests.support.databases import KINDS, Servers
from tests.support.timing import eventually

INSERT = insert(login_failure)


def url_of(path: Path) -> str:
    return f"sqlite+aiosqlite:///{path}"


def unit(subject: str) -> Callable[[Connection], int]:
    """Stores one row; returns its id."""

    def run(connection: Connection) -> int:
        made = connection.execute(INSERT, {"subject": subject, "create_time": 1})
        assert made.inserted_primary_key is not None
        return int(made.inserted_primary_key[0])

    return run


def failing(connection: Connection) -> int:
    """Stores a row, then fails."""
    unit("never")(connection)
    raise ValueError("on purpose")


def subjects(connection: Connection) -> list[str]:
    query = select(login_failure.c.subject).order_by(login_failure.c.id)
    return list(connection.execute(query).scalars())


@pytest_asyncio.fixture(params=KINDS)
async def url(
    request: pytest.FixtureRequest, tmp_path: Path, database_servers: Servers
) -> AsyncIterator[str]:
    """A database of each kind, with its tables."""
    url = await database_servers.database(request.param, tmp_path)
    database = Database(url)
    await database.migrate()
    await database.close()
    yield url


@pytest_asyncio.fixture
async def database(url: str) -> AsyncIterator[Database]:
    """The same, open."""
    database = Database(url)
    await database.open()
    yield database
    await database.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Of an embedded database."""
    return tmp_path / "new" / "kefu.db"


@pytest_asyncio.fixture
async def embedded(path: Path) -> AsyncIterator[Database]:
    """An embedded database."""
    database = Database(url_of(path))
    await database.open()
    yield database
    await database.close()


async def test_writes_of_one_moment_commit_together_in_order(database: Database) -> None:
    """And what follows them runs in the order of the ids, before anybody who waits."""
    followed: list[int] = []
    ids = await asyncio.gather(*(database.write(unit(str(i)), followed.append) for i in range(500)))
    assert ids == followed == list(range(1, 501))


async def test_a_unit_that_fails_fails_alone(database: Database) -> None:
    """Nothing of it is stored, everything of the others is."""
    units = [failing if i % 3 == 0 else unit(str(i)) for i in range(30)]
    results = await asyncio.gather(*(database.write(u) for u in units), return_exceptions=True)
    assert [isinstance(result, ValueError) for result in results] == [i % 3 == 0 for i in range(30)]
    assert await database.read(subjects) == [str(i) for i in range(30) if i % 3]


async def test_a_refusal_of_the_database_is_a_store_error(database: Database) -> None:
    """And the writer goes on."""

    def bad(connection: Connection) -> None:
        connection.exec_driver_sql("DELETE FROM nowhere")

    one, two = await asyncio.gather(
        database.write(bad), database.write(unit("x")), return_exceptions=True
    )
    assert isinstance(one, StoreError)
    assert two == 1
    with pytest.raises(StoreError):
        await database.read(bad)


async def test_who_does_not_wait_is_stored_all_the_same(database: Database) -> None:
    """A request whose client has gone is finished."""
    followed: list[int] = []
    task = asyncio.create_task(database.write(unit("x"), followed.append))
    await asyncio.sleep(0)
    task.cancel()
    await database.write(unit("y"))
    assert await database.read(subjects) == ["x", "y"]
    assert followed == [1]


async def test_closing_commits_what_is_waiting(url: str) -> None:
    """And refuses what comes later."""
    database = Database(url)
    await database.open()
    tasks = [asyncio.create_task(database.write(unit(str(i)))) for i in range(50)]
    await asyncio.sleep(0)
    await database.close()
    assert sorted(await asyncio.gather(*tasks)) == list(range(1, 51))
    with pytest.raises(StoreError):
        await database.write(unit("late"))
    await database.close()


async def test_too_many_writes_are_refused(embedded: Database) -> None:
    """Rather than kept until nobody waits for them."""
    tasks = [asyncio.create_task(embedded.write(unit("x"))) for _ in range(MAX_WAITING + 5)]
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert sum(isinstance(result, StoreBusy) for result in results) == 5


async def test_several_processes_write_to_one_database(url: str) -> None:
    """Each in its turn; nobody fails, nothing is lost."""
    databases = [Database(url) for _ in range(3)]
    await asyncio.gather(*(database.open() for database in databases))
    writes = (database.write(unit(str(i))) for i in range(50) for database in databases)
    ids = await asyncio.gather(*writes)
    assert sorted(ids) == list(range(1, 151))
    for database in databases:
        await database.close()


async def test_a_lock_that_is_held_too_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Is an error for who waits, not for those who come after."""
    monkeypatch.setattr(embedded_module, "BUSY_TIMEOUT", 0.1)
    path = tmp_path / "kefu.db"
    database = Database(url_of(path))
    await database.open()
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreBusy):
        await database.write(unit("x"))
    assert await database.read(subjects) == []  # reading is not held up
    holder.execute("ROLLBACK")
    holder.close()
    assert await database.write(unit("y")) == 1
    await database.close()


async def test_what_is_acknowledged_is_on_the_disk(embedded: Database) -> None:
    """WAL with synchronous=FULL, in transactions that lock at once."""

    def pragmas(connection: Connection) -> list[Any]:
        names = ("journal_mode", "synchronous", "busy_timeout")
        return [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in names]

    assert await embedded.write(pragmas) == ["wal", 2, 5000]
    assert await embedded.read(pragmas) == ["wal", 2, 5000]


async def test_the_log_is_moved_beside_the_commits(
    embedded: Database, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the database is open, and long before a commit would do it."""
    monkeypatch.setattr(embedded_module, "CHECKPOINT_UNITS", 20)

    def size() -> int:
        return path.stat().st_size

    before = size()
    for i in range(60):
        await embedded.write(unit(f"{i} {'x' * 1000}"))
    await eventually(lambda: size() > before)
    assert len(await embedded.read(subjects)) == 60


async def test_the_log_does_not_grow_while_others_write(
    embedded: Database, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It begins anew when all of it has been moved, which commits never leave time for."""
    monkeypatch.setattr(embedded_module, "CHECKPOINT_UNITS", 20)

    def sizes() -> tuple[int, int]:
        return path.with_name(f"{path.name}-wal").stat().st_size, path.stat().st_size

    async def speak(number: int) -> None:
        for i in range(100):
            await embedded.write(unit(f"{number} {i} {'x' * 1000}"))

    await asyncio.gather(*(speak(number) for number in range(10)))
    assert len(await embedded.read(subjects)) == 1000
    log, stored = sizes()
    assert log < stored


async def test_a_log_that_cannot_be_moved(
    embedded: Database, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing else suffers, and the log says so."""

    def refuse(connection: Connection) -> None:
        raise sqlite3.OperationalError("disk I/O error")

    monkeypatch.setattr(embedded_module, "CHECKPOINT_UNITS", 5)
    monkeypatch.setattr(embedded_module, "_checkpoint", refuse)
    for i in range(20):
        await embedded.write(unit(str(i)))
    assert len(await embedded.read(subjects)) == 20
    await eventually(lambda: "checkpoint: disk I/O error" in caplog.text)


async def test_a_closed_database_is_not_read(embedded: Database, path: Path) -> None:
    """Nothing is opened again."""
    await embedded.write(unit("x"))
    await embedded.close()
    with pytest.raises(StoreError, match="closed"):
        await embedded.read(subjects)


async def test_migrations_make_what_the_tables_say(database: Database) -> None:
    """Tables, columns and indexes."""

    def differences(connection: Connection) -> Any:
        options = {"version_table": VERSION_TABLE, "compare_type": True}
        return compare_metadata(MigrationContext.configure(connection, opts=options), metadata)

    assert await database.read(differences) == []


async def test_columns_of_the_contract(database: Database) -> None:
    """With the names that other programs know."""

    def columns(connection: Connection, table: str) -> set[str]:
        return {column["name"] for column in inspect(connection).get_columns(table)}

    expected = {
        "servicer": "id is_platform shop_id user_id create_time last_online_time delete_time"
        " client_id online nickname avatar",
        "servicer_member": "id member_id servicer_id member_name online create_time"
        " last_online_time delete_time headimg client_id shop_id",
        "servicer_dialogue": "id member_id servicer_id create_day create_time content_type read"
        " shop_id goods_sku_id order_id consumer_say servicer_say type add_time relate_data"
        " content message",
    }
    for table, names in expected.items():
        found = await database.read(lambda c, table=table: columns(c, table))  # type: ignore[misc]
        assert set(names.split()) <= found


async def test_opening_again_finds_everything(url: str) -> None:
    """The schema is brought up to date once."""
    for expected in (0, 1):
        database = Database(url)
        await database.open()
        count = select(func.count()).select_from(login_failure)
        assert await database.read(lambda c: c.execute(count).scalar()) == expected  # noqa: B023
        await database.write(unit("x"))
        await database.close()


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("CREATE TABLE servicer_version (version_num VARCHAR(32)); "
         "INSERT INTO servicer_version VALUES ('9999')", "revision 9999"),
        ("CREATE TABLE servicer (id INTEGER)", "holds a table servicer that kefu has not made"),
    ],
)  # fmt: skip
async def test_an_unknown_schema_is_refused(tmp_path: Path, script: str, words: str) -> None:
    """In one line, and untouched."""
    path = tmp_path / "kefu.db"
    connection = sqlite3.connect(path)
    connection.executescript(script)
    connection.close()
    before = path.read_bytes()
    with pytest.raises(SettingsError, match=words):
        await Database(url_of(path)).open()
    connection = sqlite3.connect(path)
    tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    connection.close()
    assert tables == 1
    assert before


async def test_what_is_no_database_is_refused(tmp_path: Path) -> None:
    """In one line that names the setting."""
    (tmp_path / "text").write_text("not a database, but long enough to look like one" * 100)
    for url in (
        url_of(tmp_path / "text"),
        url_of(tmp_path),
        "sqlite+aiosqlite:///:memory:",
        "sqlite+aiosqlite://",
        "postgresql+asyncpg://u:p@h",
        "postgresql://u:p@h/d",
        "nonsense",
    ):
        with pytest.raises(SettingsError, match=r"database\.url"):
            await Database(url).open()


def test_the_newest_revision_is_the_one_that_processes_look_for() -> None:
    """Where the database has it, they do not load Alembic."""
    config = Config()
    config.set_main_option("script_location", str(schema.MIGRATIONS))
    assert ScriptDirectory.from_config(config).get_current_head() == schema.HEAD
