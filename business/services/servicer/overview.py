"""What the back offices' overview shows: sums, a course over days or hours, and agents. Pure.

A conversation is a customer who wrote on a day, so that conversations of several days add up. The
first response is the time from the beginning of an enquiry (``store/enquiries.py``) to its answer.
"""

from __future__ import annotations

import datetime
import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from .store.dialogues import Side
from .store.statistics import ENQUIRY_LIFE, Count, Enquiry

MAX_DAYS = 366
"""Days of an overview, at most."""

HOURLY_DAYS = 2
"""Days up to which the course is that of the hours."""

LOOK_BACK = datetime.timedelta(seconds=ENQUIRY_LIFE)
"""How long before a day somebody may have begun who still waits on it."""

_DAY = datetime.timedelta(days=1)


class Period(NamedTuple):
    """Days that are looked at, both ends included, in the time zone of the stored days."""

    first: datetime.date
    last: datetime.date
    zone: datetime.tzinfo

    @property
    def days(self) -> list[datetime.date]:
        """All of them."""
        number = (self.last - self.first).days + 1
        return [self.first + _DAY * index for index in range(number)]

    @property
    def before(self) -> Period:
        """As many days before."""
        return Period(self.first - _DAY * len(self.days), self.first - _DAY, self.zone)

    @property
    def is_hourly(self) -> bool:
        """Whether its course is that of the hours."""
        return len(self.days) <= HOURLY_DAYS

    def moment(self, day: datetime.date, hour: int = 0) -> float:
        """Unix time at which a local hour begins."""
        at = datetime.datetime.combine(day, datetime.time(hour), tzinfo=self.zone)
        return at.timestamp()

    def contains(self, day: datetime.date) -> bool:
        """Whether a day is one of them."""
        return self.first <= day <= self.last


class _Times:
    """Enquiries and how long their first answers took."""

    def __init__(self) -> None:
        self.enquiries = 0
        self.seconds: list[int] = []

    def add(self, enquiry: Enquiry) -> None:
        self.enquiries += 1
        if enquiry.answer_time:
            self.seconds.append(max(0, enquiry.answer_time - enquiry.start_time))

    def values(self) -> dict[str, Any]:
        seconds = sorted(self.seconds)
        return {
            "enquiries": self.enquiries,
            "answered": len(seconds),
            "response_median": median(seconds),
            "response_p90": percentile(seconds, 0.9),
        }


def median(ordered: Sequence[int]) -> float | None:
    """The middle of ordered numbers, or the mean of the two there; None of none."""
    if not ordered:
        return None
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2


def percentile(ordered: Sequence[int], share: float) -> int | None:
    """The first of ordered numbers that as large a share of them does not exceed; None of none."""
    return ordered[math.ceil(share * len(ordered)) - 1] if ordered else None


def total(counts: Iterable[Count], enquiries: Iterable[Enquiry]) -> dict[str, Any]:
    """The sums of a period's days, of ``count`` by days."""
    times = _Times()
    for enquiry in enquiries:
        times.add(enquiry)
    return _messages(counts) | times.values()


def _messages(counts: Iterable[Count]) -> dict[str, int]:
    sums = {"customer": 0, "agent": 0, "automatic": 0, "conversations": 0}
    for one in counts:
        if one.side is Side.CUSTOMER:
            sums["customer"] += one.messages
            sums["conversations"] += one.members
        else:
            sums["automatic" if one.automatic else "agent"] += one.messages
    return sums


def course(
    period: Period, counts: Iterable[Count], enquiries: Sequence[Enquiry]
) -> list[dict[str, Any]]:
    """Each day, or each hour, of a period.

    Args:
        period: the days.
        counts: of these days, by the hour where the period ``is_hourly``.
        enquiries: of these days, and of ``LOOK_BACK`` before, in the order of their beginning.
    """
    hours = range(24) if period.is_hourly else (0,)
    keys = [(day, hour) for day in period.days for hour in hours]
    said: dict[tuple[datetime.date, int], list[Count]] = defaultdict(list)
    for one in counts:
        said[one.day, one.hour].append(one)
    asked: dict[tuple[datetime.date, int], _Times] = defaultdict(_Times)
    for enquiry in enquiries:
        hour = 0
        if period.is_hourly:
            hour = datetime.datetime.fromtimestamp(enquiry.start_time, period.zone).hour
        asked[enquiry.day, hour].add(enquiry)
    ends = [period.moment(*key) for key in keys[1:]] + [period.moment(period.last + _DAY)]
    most = most_waiting(enquiries, period.moment(period.first), ends)
    return [
        {
            "day": day.isoformat(),
            "hour": hour if period.is_hourly else None,
            **_messages(said[day, hour]),
            **asked[day, hour].values(),
            "waiting": number,
        }
        for (day, hour), number in zip(keys, most, strict=True)
    ]


def most_waiting(enquiries: Iterable[Enquiry], start: float, ends: Sequence[float]) -> list[int]:
    """How many customers waited for a first answer at the same time, at most, in each of several
    intervals.

    Args:
        enquiries: in the order of their beginning.
        start: Unix time at which the first interval begins.
        ends: when each of them ends, and the next begins.
    """
    changes: list[tuple[float, int]] = []
    waits: dict[tuple[int, int, int], float] = {}
    for one in enquiries:
        # Somebody who asks again, and is still not answered, is one who waits.
        key = (one.shop_id, one.member_id, one.answer_time)
        if key in waits and one.start_time < waits[key]:
            continue
        until = one.start_time + ENQUIRY_LIFE
        if one.answer_time:
            until = min(one.answer_time, until)
        waits[key] = until
        changes += [(one.start_time, 1), (until, -1)]
    changes.sort()
    now, index = 0, 0
    most = []
    for begin, end in zip([start, *ends], ends, strict=False):
        while index < len(changes) and changes[index][0] <= begin:
            now += changes[index][1]
            index += 1
        highest = now
        while index < len(changes) and changes[index][0] < end:
            now += changes[index][1]
            index += 1
            highest = max(highest, now)
        most.append(highest)
    return most


def agents(counts: Iterable[Count], enquiries: Iterable[Enquiry]) -> dict[int, dict[str, Any]]:
    """What each agent did in a period, of ``count`` by days, by the agents' uids."""
    said: dict[int, list[int]] = defaultdict(lambda: [0, 0])
    for one in counts:
        if one.side is Side.AGENT and not one.automatic:
            said[one.servicer_id][0] += one.messages
            said[one.servicer_id][1] += one.members
    times: dict[int, _Times] = defaultdict(_Times)
    for enquiry in enquiries:
        if enquiry.answer_time:
            times[enquiry.servicer_id].add(enquiry)
    found = {}
    for uid in {*said, *times}:
        values = times[uid].values()
        found[uid] = {
            "messages": said[uid][0],
            "conversations": said[uid][1],
            "answered": values["answered"],
            "response_median": values["response_median"],
        }
    return found
