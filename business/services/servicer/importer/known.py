"""What became of the source's ids: those that an import could not keep, or has to find again."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import Connection, Table, delete, func, insert, select, text

from ..store.tables import imported as table


def find(connection: Connection, kind: str, old_ids: Collection[int]) -> dict[int, int]:
    """The ids here of some of the source."""
    query = select(table.c.old_id, table.c.new_id).where(
        table.c.kind == kind, table.c.old_id.in_(list(old_ids))
    )
    return {row.old_id: row.new_id for row in connection.execute(query)}


def everything(connection: Connection, kind: str) -> dict[int, int]:
    """All ids of a kind."""
    query = select(table.c.old_id, table.c.new_id).where(table.c.kind == kind)
    return {row.old_id: row.new_id for row in connection.execute(query)}


def is_target(connection: Connection, kind: str, new_id: int) -> bool:
    """Whether something of the source has become this."""
    query = select(table.c.old_id).where(table.c.kind == kind, table.c.new_id == new_id)
    return connection.execute(query).first() is not None


def note(connection: Connection, kind: str, ids: Mapping[int, int]) -> None:
    """Remember new ids by old ones."""
    rows = [{"kind": kind, "old_id": old, "new_id": new} for old, new in ids.items()]
    if rows:
        connection.execute(insert(table), rows)


def reserve(connection: Connection, of: Table, highest: int, blank: Mapping[str, Any]) -> None:
    """Keep the keys up to ``highest`` that are free for the source: whoever does not name one gets
    a greater one from now on.

    Args:
        connection: in a transaction in which nothing of the table was locked yet.
        of: the table; its keys are given once, whatever becomes of their rows.
        highest: the source's greatest key.
        blank: values of a row.
    """
    key = next(iter(of.primary_key))
    if connection.dialect.name != "postgresql":
        taken = connection.execute(select(key).where(key >= highest).limit(1)).first()
        if taken is None:
            connection.execute(insert(of).values({key.name: highest, **blank}))
            connection.execute(delete(of).where(key == highest))
        return
    # Who inserts meanwhile would draw numbers between the next statements.
    connection.execute(text(f'LOCK TABLE "{of.name}" IN SHARE ROW EXCLUSIVE MODE'))
    sequence = connection.execute(
        select(func.pg_get_serial_sequence(of.name, key.name))
    ).scalar_one()
    last = connection.execute(text(f"SELECT last_value FROM {sequence}")).scalar_one()  # noqa: S608
    if last < highest:
        connection.execute(text(f"SELECT setval('{sequence}', {int(highest)})"))
