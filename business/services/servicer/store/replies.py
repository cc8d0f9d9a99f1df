"""Keyword replies and quick replies, as the chat reads them."""

from __future__ import annotations

import html

from sqlalchemy import Connection, bindparam, select

from .dialogues import ContentType
from .prepared import Prepared
from .tables import fast_reply, keyword_reply

MAX_KEYWORD = 50
"""Characters of a keyword: the width of its column."""

MAX_LISTED = 500
"""Most keywords and quick replies that a page of a client gets at once."""

_FIND = Prepared(
    select(keyword_reply.c.content)
    .where(
        keyword_reply.c.site_id == bindparam("site"),
        keyword_reply.c.keyword == bindparam("word"),
        keyword_reply.c.is_use == bindparam("used"),
        keyword_reply.c.content_type == bindparam("kind"),
    )
    .order_by(keyword_reply.c.id)
)
_USED = {"used": 1, "kind": int(ContentType.TEXT)}


def find(connection: Connection, site_id: int, text: str) -> str | None:
    """What a site answers to somebody who says exactly this; None: nothing.

    Args:
        connection: any.
        site_id: the site.
        text: a message without its tags, still escaped.
    """
    word = html.unescape(text).strip()
    if not word or len(word) > MAX_KEYWORD:
        return None
    found = _FIND.tuples(connection, {"site": site_id, "word": word, **_USED})
    return str(found[0][0]) if found else None


def keywords(connection: Connection, site_id: int) -> list[str]:
    """The keywords that a site answers to."""
    query = select(keyword_reply.c.keyword).where(
        keyword_reply.c.site_id == site_id,
        keyword_reply.c.is_use == _USED["used"],
        keyword_reply.c.content_type == _USED["kind"],
    )
    found = connection.execute(query.order_by(keyword_reply.c.id).limit(MAX_LISTED))
    return list(dict.fromkeys(row[0] for row in found))


def quick(connection: Connection, site_id: int) -> list[str]:
    """What the agents of a site often say."""
    query = select(fast_reply.c.content).where(fast_reply.c.site_id == site_id)
    return [row[0] for row in connection.execute(query.order_by(fast_reply.c.id).limit(MAX_LISTED))]
