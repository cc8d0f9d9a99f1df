"""Brings the schema of the database up to date, or says why it cannot."""

from __future__ import annotations

import logging
from pathlib import Path

from sqlalchemy import Connection, column, inspect, select, table

from shared.setting_names import refuse

from ..identity import TABLE_PREFIX
from .tables import VERSION_TABLE, metadata

log = logging.getLogger(__name__)

HEAD = "0007"
"""The newest revision. Where the database has it, Alembic need not even be loaded, which takes a
tenth of a second and some megabytes in every process."""

MIGRATIONS = Path(__file__).parent / "migrations"


COMMAND = "start_business.py migrate"


def check(connection: Connection, url: str) -> None:
    """See that the schema is the newest.

    Args:
        connection: nothing is changed by it.
        url: of the database, for messages.

    Raises:
        SettingsError: it is not; the message says what to run.
    """
    found = _revision(connection)
    if found == HEAD:
        return
    if found is None:
        raise refuse("database.url", url, f"has no tables of kefu yet: run {COMMAND}; or")
    reason = f"has a schema of revision {found}, and this version needs {HEAD}: run {COMMAND}; or"
    raise refuse("database.url", url, reason)


def upgrade(connection: Connection, url: str) -> str:
    """Run the migrations that are missing. Idempotent.

    Args:
        connection: in a transaction that holds the database's write lock, so that of several
            processes that start at once one migrates and the others find it done.
        url: of the database, for messages.

    Returns:
        What was done, in words.

    Raises:
        SettingsError: the schema was made by a later version, or by somebody else.
    """
    found = _revision(connection)
    if found == HEAD:
        return f"the schema is {HEAD} already"
    if found is None:
        tables = set(inspect(connection).get_table_names()) & set(metadata.tables)
        if tables:
            reason = f"holds a table {sorted(tables)[0]} that kefu has not made; give kefu its own"
            raise refuse("database.url", url, reason)
    _migrate(connection, url, found)
    return f"the schema is now {HEAD}"


def _migrate(connection: Connection, url: str, found: str | None) -> None:
    logging.getLogger("alembic").setLevel(logging.WARNING)  # it says too much
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes.update(
        connection=connection, version_table=VERSION_TABLE, prefix=TABLE_PREFIX
    )
    scripts = ScriptDirectory.from_config(config)
    known = {script.revision for script in scripts.walk_revisions()}
    if found is not None and found not in known:
        reason = f"has a schema of revision {found}, which this version of kefu does not know"
        raise refuse("database.url", url, reason)
    command.upgrade(config, "head")
    log.info("the schema of %s is now %s", url, HEAD)


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    version = table(VERSION_TABLE, column("version_num"))
    revision: str | None = connection.execute(select(version.c.version_num)).scalar()
    return revision
