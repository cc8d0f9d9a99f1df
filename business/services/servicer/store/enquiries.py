"""Enquiries: when customers asked for something, and when an agent first answered.

An enquiry begins with a customer's message before which nothing was said in the conversation, by
either side, for ``GAP``. The next message of an agent answers it, whenever it comes; what the shop
answers by itself to a keyword does not.
"""

from __future__ import annotations

import enum
from typing import Any, Protocol

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from .tables import dialogue
from .tables import enquiry as table

GAP = 4 * 3600
"""Seconds of silence before a message that begins an enquiry."""

_ANSWER = (
    update(table)
    .where(
        table.c.shop_id == bindparam("site"),
        table.c.member_id == bindparam("member"),
        table.c.answer_time == 0,
    )
    .values(answer_time=bindparam("time"), servicer_id=bindparam("servicer"))
)


class Course(Protocol):
    """How far a conversation is.

    Attributes:
        last_time: when anything was said last; 0: never.
        enquiry_since: when the first enquiry began that no agent has answered yet; 0: none.
    """

    last_time: int
    enquiry_since: int


class Step(enum.Enum):
    """What a message does."""

    NOTHING = "nothing"
    BEGINS = "begins an enquiry"
    ANSWERS = "answers what was not answered yet"


def follow(course: Course, time: int, *, is_customer: bool, is_automatic: bool) -> Step:
    """A message comes: what it does, and where the conversation is then."""
    step = Step.NOTHING
    if is_customer:
        if not course.last_time or time - course.last_time >= GAP:
            step = Step.BEGINS
            course.enquiry_since = course.enquiry_since or time
    elif course.enquiry_since and not is_automatic:
        step = Step.ANSWERS
        course.enquiry_since = 0
    course.last_time = max(course.last_time, time)
    return step


class Enquiries:
    """Those of one conversation, which is locked: what messages do to them.

    Args:
        site_id: the shop.
        member_id: the customer.
        course: how far it is; must be stored afterwards.
    """

    def __init__(self, site_id: int, member_id: int, course: Course) -> None:
        self._which = {"site": site_id, "member": member_id}
        self._course = course
        self._begun: list[dict[str, Any]] = []

    def said(
        self,
        connection: Connection,
        time: int,
        servicer_id: int,
        *,
        is_customer: bool,
        is_automatic: bool,
    ) -> None:
        """A message comes.

        Args:
            connection: of the transaction.
            time: Unix time of it.
            servicer_id: the agent, of an agent's message.
            is_customer: whether the customer said it.
            is_automatic: whether the shop answered a keyword.
        """
        since = self._course.enquiry_since
        step = follow(self._course, time, is_customer=is_customer, is_automatic=is_automatic)
        if step is Step.BEGINS:
            self._begun.append(
                {
                    "shop_id": self._which["site"],
                    "member_id": self._which["member"],
                    "servicer_id": 0,
                    "start_time": time,
                    "answer_time": 0,
                }
            )
        elif step is Step.ANSWERS:
            for row in self._begun:
                if not row["answer_time"]:
                    row.update(answer_time=time, servicer_id=servicer_id)
            if not self._begun or since < self._begun[0]["start_time"]:
                values = {"time": time, "servicer": servicer_id}
                connection.execute(_ANSWER, self._which | values)

    def store(self, connection: Connection) -> None:
        """Store those that have begun."""
        if self._begun:
            connection.execute(insert(table), self._begun)
            self._begun = []


def rebuild(connection: Connection, site_id: int, member_id: int, course: Course) -> None:
    """Find the enquiries of a locked conversation in its messages again; ``course`` must be stored
    afterwards."""
    mine = (table.c.shop_id == site_id) & (table.c.member_id == member_id)
    connection.execute(delete(table).where(mine))
    course.last_time = course.enquiry_since = 0
    enquiries = Enquiries(site_id, member_id, course)
    columns = dialogue.c
    query = (
        select(
            columns.add_time,
            columns.servicer_id,
            columns.type,
            columns.automatic,
        )
        .where(columns.shop_id == site_id, columns.member_id == member_id)
        .order_by(columns.id)
    )
    for time, servicer_id, side, automatic in connection.execute(query).all():
        enquiries.said(
            connection, time, servicer_id, is_customer=side == 0, is_automatic=bool(automatic)
        )
    enquiries.store(connection)


def move(connection: Connection, site_id: int, visitor_id: int, to: int) -> None:
    """Give a visitor's enquiries to the member that the visitor turned out to be."""
    theirs = (table.c.shop_id == site_id) & (table.c.member_id == visitor_id)
    connection.execute(update(table).where(theirs).values(member_id=to))
