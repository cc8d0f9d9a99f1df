"""Run by Alembic. ``store/schema.py`` gives the connection and the names."""

from __future__ import annotations

from alembic import context

_given = context.config.attributes
context.configure(
    connection=_given["connection"],
    version_table=_given["version_table"],
    version_table_pk=False,  # it has one row, and MySQL warns of a primary key with a name
    render_as_batch=True,
    # MySQL commits at every change of a table.
    transactional_ddl=_given["connection"].dialect.name != "mysql",
)
with context.begin_transaction():
    context.run_migrations()
