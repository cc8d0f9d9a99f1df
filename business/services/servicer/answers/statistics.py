"""What the overview of the back offices reads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from .base import Count, Data, Id

Day = Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\d$")]
Seconds = Annotated[float | None, Field(description="None: there was no answer.")]


class Sums(Data):
    """Sums of several days, or of one, or of an hour."""

    customer: Annotated[int, Field(ge=0, description="Messages of customers.")]
    agent: Annotated[int, Field(ge=0, description="Messages of agents.")]
    automatic: Annotated[int, Field(ge=0, description="Answers of the shop to keywords.")]
    conversations: Annotated[
        int, Field(ge=0, description="Customers who wrote; of several days the sum of the days.")
    ]
    enquiries: Annotated[
        int, Field(ge=0, description="Messages of customers after four hours of silence.")
    ]
    answered: Annotated[int, Field(ge=0, description="Those that an agent has answered.")]
    response_median: Annotated[
        float | None, Field(description="Seconds from an enquiry to its answer; None: none.")
    ]
    response_p90: Annotated[
        float | None, Field(description="Seconds that nine in ten answers did not exceed.")
    ]


class Step(Sums):
    """A day, or an hour of it."""

    day: Day
    hour: Annotated[int | None, Field(description="None: the whole day.")]
    waiting: Annotated[
        int, Field(ge=0, description="Customers who waited for a first answer, at most.")
    ]


class AgentSums(Data):
    """What an agent did."""

    servicer_id: Id
    nickname: Annotated[str, Field(description="Empty: the shop no longer knows who it was.")]
    messages: Count
    conversations: Annotated[int, Field(ge=0, description="Customers written to, per day.")]
    answered: Annotated[int, Field(ge=0, description="Enquiries first answered.")]
    response_median: Seconds


class Now(Data):
    """How it is at present."""

    waiting: Annotated[int, Field(ge=0, description="Customers who wait for a first answer.")]
    longest_wait: Annotated[float, Field(ge=0, description="Seconds; 0: nobody waits.")]


class Overview(Data):
    """Numbers of a shop, or of all."""

    site_id: Annotated[int, Field(ge=0, description="0: all shops.")]
    first: Day
    last: Day
    first_before: Annotated[Day, Field(description="First day of what is compared with.")]
    now: Now
    total: Sums
    before: Annotated[Sums, Field(description="Of as many days before.")]
    course: Annotated[
        Sequence[Step], Field(description="By the hour where there are two days or one.")
    ]
    agents: Annotated[Sequence[AgentSums], Field(description="Who wrote most comes first.")]
