"""Brings the schema of the embedded database up to date, or says why it cannot."""

from __future__ import annotations

import logging
from pathlib import Path

from sqlalchemy import Connection, inspect

from shared.errors import SettingsError

from ..identity import TABLE_PREFIX
from .tables import VERSION_TABLE, metadata

log = logging.getLogger(__name__)

MIGRATIONS = Path(__file__).parent / "migrations"


def upgrade(connection: Connection, url: str) -> None:
    """Run the migrations that are missing. Idempotent.

    Args:
        connection: in a transaction that holds the database's write lock, so that of several
            processes that start at once one migrates and the others find it done.
        url: of the database, for messages.

    Raises:
        SettingsError: the schema was made by a later version, or by somebody else.
    """
    # Not at the top: what Alembic needs is needed once per process, and it says too much.
    logging.getLogger("alembic").setLevel(logging.WARNING)
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes.update(
        connection=connection, version_table=VERSION_TABLE, prefix=TABLE_PREFIX
    )
    found = _revision(connection)
    if found is None:
        tables = set(inspect(connection).get_table_names()) & set(metadata.tables)
        if tables:
            raise SettingsError(
                f"database.url = {url!r}: holds a table {sorted(tables)[0]} that kefu has not"
                " made; give kefu a database of its own"
            )
    scripts = ScriptDirectory.from_config(config)
    if found == scripts.get_current_head():
        return
    if found is not None:
        try:
            scripts.get_revision(found)
        except CommandError:
            raise SettingsError(
                f"database.url = {url!r}: the schema has revision {found}, which this version of"
                " kefu does not know; use the version that made it, or a later one"
            ) from None
    command.upgrade(config, "head")
    log.info("the schema of %s is now %s", url, scripts.get_current_head())


def _revision(connection: Connection) -> str | None:
    from alembic.migration import MigrationContext

    context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
    heads = context.get_current_heads()
    return heads[0] if heads else None
