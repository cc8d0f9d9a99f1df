"""Gathers the numbers of the overview: of days that are over what is kept, of others it counts."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

from . import overview
from .overview import LOOK_BACK, Period, Span
from .store import statistics as store
from .store.database import Database
from .store.statistics import Count, Enquiry, Waiting

SETTLED = 3600
"""Seconds after which nothing is stored any more that was said on a day that is over."""


class Numbers(NamedTuple):
    """What the database has of a period, of as many days before, and of now.

    Args:
        period: the days.
        counts: of its days, and of those before.
        hours: of its hours, where it ``is_hourly``.
        enquiries: of all that, and of ``LOOK_BACK`` before the period.
        waiting: who waits now.
        now: Unix time of it.
    """

    period: Period
    counts: Sequence[Count]
    hours: Sequence[Count]
    enquiries: Sequence[Enquiry]
    waiting: Waiting
    now: float

    def sum_up(self) -> dict[str, Any]:
        """What is shown. Takes tens of milliseconds where there are many enquiries."""
        start, before = self.period.start, self.period.before.start
        counts = [one for one in self.counts if one.start_time >= start]
        asked = [one for one in self.enquiries if one.start_time >= start]
        steps = self.hours if self.period.is_hourly else counts
        since = self.waiting.since
        return {
            "now": {
                "waiting": self.waiting.members,
                "longest_wait": max(0.0, round(self.now - since, 1)) if since else 0,
            },
            "total": overview.total(counts, asked),
            "before": overview.total(
                (one for one in self.counts if one.start_time < start),
                (one for one in self.enquiries if before <= one.start_time < start),
            ),
            "course": overview.course(self.period, steps, self.enquiries),
            "agents": overview.agents(counts, asked),
        }


async def gather(
    database: Database, site_ids: Sequence[int], period: Period, now: float
) -> Numbers:
    """The numbers of shops."""
    read = database.read
    since = min(period.before.start, period.start - LOOK_BACK)
    counts = await _counts(database, site_ids, [*period.before.days(), *period.days()], now)
    hours: list[Count] = []
    if period.is_hourly:
        for day in period.days():
            hours += await read(partial(_count_hours, site_ids=site_ids, day=day))
    return Numbers(
        period,
        counts,
        hours,
        await read(lambda c: store.enquiries(c, site_ids, since, period.end)),
        await read(lambda c: store.waiting(c, site_ids, now)),
        now,
    )


async def _counts(
    database: Database, site_ids: Sequence[int], days: Sequence[Span], now: float
) -> list[Count]:
    found = await database.read(lambda c: store.counted(c, site_ids, days[0].start, days[-1].end))
    starts = {day.start for day in days}  # of another time zone there may be others
    found = [one for one in found if one.start_time in starts]
    known = {(one.shop_id, one.start_time) for one in found}
    for day in days:
        missing = [site_id for site_id in site_ids if (site_id, day.start) not in known]
        if not missing or day.start > now:
            continue
        # One after the other, so that a first look at a whole year is no single long read.
        counts = await database.read(partial(_count, site_ids=missing, day=day))
        if day.end + SETTLED <= now:
            await database.write(partial(store.keep, start=day.start, counts=counts))
        found += counts
    return found


def _count(connection: Any, site_ids: Sequence[int], day: Span) -> list[Count]:
    return store.count(connection, site_ids, *day)


def _count_hours(connection: Any, site_ids: Sequence[int], day: Span) -> list[Count]:
    return store.count_hours(connection, site_ids, *day)
