"""Captchas that wait to be answered, for all processes."""

from __future__ import annotations

from sqlalchemy import Connection, delete, insert

from .tables import captcha as table


def add(connection: Connection, captcha_id: str, answer: str, now: float, forget: float) -> None:
    """Store one, and forget those before the Unix time ``forget``.

    Args:
        captcha_id: of it.
        answer: the hash.
        now: Unix time.
        forget: Unix time.
    """
    connection.execute(delete(table).where(table.c.create_time <= int(forget)))
    values = {"id": captcha_id, "answer": answer, "create_time": int(now)}
    connection.execute(insert(table), values)


def take(connection: Connection, captcha_id: str, answer: str, since: float) -> bool:
    """Remove one; whether it was there, made after the Unix time ``since``, with that answer."""
    # Of several who ask at once, one removes it.
    mine = table.c.id == captcha_id
    right = mine & (table.c.answer == answer) & (table.c.create_time > int(since))
    is_right = connection.execute(delete(table).where(right)).rowcount == 1
    connection.execute(delete(table).where(mine))
    return is_right
