"""What the back offices' overview shows: sums, a course over days or hours, and agents. Pure.

A conversation is a customer who wrote on a day, so that conversations of several days add up. The
first response is the time from the beginning of an enquiry (``store/enquiries.py``) to its answer.
"""

from __future__ import annotations

import bisect
import datetime
import itertools
import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from .store.dialogues import Side
from .store.statistics import ENQUIRY_LIFE, HOUR, Count, Enquiry

MAX_DAYS = 366
"""Days of an overview, at most."""

HOURLY_DAYS = 2
"""Days up to which the course is that of the hours."""

LOOK_BACK = ENQUIRY_LIFE
"""How many seconds before a day somebody may have begun who still waits on it."""

_DAY = datetime.timedelta(days=1)


class Span(NamedTuple):
    """A day, in Unix time; ``end`` is the beginning of the next."""

    start: int
    end: int


class Period(NamedTuple):
    """Days that are looked at, both ends included, and their time zone."""

    first: datetime.date
    last: datetime.date
    zone: datetime.tzinfo

    @property
    def length(self) -> int:
        """How many days."""
        return (self.last - self.first).days + 1

    @property
    def before(self) -> Period:
        """As many days before."""
        return Period(self.first - _DAY * self.length, self.first - _DAY, self.zone)

    @property
    def is_hourly(self) -> bool:
        """Whether its course is that of the hours."""
        return self.length <= HOURLY_DAYS

    @property
    def start(self) -> int:
        """Unix time at which it begins."""
        return self._midnight(self.first)

    @property
    def end(self) -> int:
        """Unix time at which it is over."""
        return self._midnight(self.last + _DAY)

    def days(self) -> list[Span]:
        """Each day, which has 23 or 25 hours where clocks are changed."""
        midnights = [self._midnight(self.first + _DAY * n) for n in range(self.length + 1)]
        return [Span(*both) for both in itertools.pairwise(midnights)]

    def steps(self) -> list[int]:
        """When the steps of its course begin."""
        if not self.is_hourly:
            return [day.start for day in self.days()]
        return [start for day in self.days() for start in range(day.start, day.end, HOUR)]

    def local(self, time: int) -> datetime.datetime:
        """A Unix time there."""
        return datetime.datetime.fromtimestamp(time, self.zone)

    def _midnight(self, day: datetime.date) -> int:
        at = datetime.datetime.combine(day, datetime.time(), tzinfo=self.zone)
        return int(at.timestamp())


class _Times:
    """Enquiries and how long their first answers took."""

    def __init__(self, enquiries: Iterable[Enquiry] = ()) -> None:
        self.enquiries = 0
        self.seconds: list[int] = []
        for one in enquiries:
            self.add(one)

    def add(self, enquiry: Enquiry) -> None:
        self.enquiries += 1
        if enquiry.answer_time:
            self.seconds.append(enquiry.answer_time - enquiry.start_time)

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
    """The sums of days."""
    return _messages(counts) | _Times(enquiries).values()


def _messages(counts: Iterable[Count]) -> dict[str, int]:
    sums = {"customer": 0, "agent": 0, "automatic": 0, "conversations": 0}
    for one in counts:
        if one.type == Side.CUSTOMER:
            sums["customer"] += one.messages
            sums["conversations"] += one.members
        else:
            sums["automatic" if one.automatic else "agent"] += one.messages
    return sums


def course(
    period: Period, counts: Iterable[Count], enquiries: Sequence[Enquiry]
) -> list[dict[str, Any]]:
    """Each day of a period, or each hour.

    Args:
        period: the days.
        counts: of its days, or of their hours where it ``is_hourly``.
        enquiries: of these days, and of ``LOOK_BACK`` seconds before, in the order of their
            beginning.
    """
    starts = period.steps()
    said: dict[int, list[Count]] = defaultdict(list)
    for one in counts:
        said[one.start_time].append(one)
    asked: dict[int, _Times] = defaultdict(_Times)
    for enquiry in enquiries:
        asked[bisect.bisect_right(starts, enquiry.start_time) - 1].add(enquiry)
    most = most_waiting(enquiries, [*starts, period.end])
    steps = []
    for index, start in enumerate(starts):
        at = period.local(start)
        steps.append(
            {
                "day": at.date().isoformat(),
                "hour": at.hour if period.is_hourly else None,
                **_messages(said[start]),
                **asked[index].values(),
                "waiting": most[index],
            }
        )
    return steps


def most_waiting(enquiries: Iterable[Enquiry], edges: Sequence[int]) -> list[int]:
    """How many customers waited for a first answer at the same time, at most, in each of several
    intervals.

    Args:
        enquiries: in the order of their beginning.
        edges: Unix times at which the intervals begin, and when the last is over.
    """
    changes: list[tuple[int, int]] = []
    waits: dict[tuple[int, int, int], int] = {}
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
    for begin, end in itertools.pairwise(edges):
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
    """What each agent did on some days, by the agents' uids."""
    said: dict[int, list[int]] = defaultdict(lambda: [0, 0])
    for one in counts:
        if one.type == Side.AGENT and not one.automatic:
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
