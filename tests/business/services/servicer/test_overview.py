"""What is made of the numbers; pure."""

from __future__ import annotations

import datetime
import zoneinfo

import pytest

from business.services.servicer import overview
from business.services.servicer.overview import Period
from business.services.servicer.store.dialogues import Side
from business.services.servicer.store.statistics import ENQUIRY_LIFE, Count, Enquiry

SHANGHAI = zoneinfo.ZoneInfo("Asia/Shanghai")
BERLIN = zoneinfo.ZoneInfo("Europe/Berlin")
DAY = datetime.date(2026, 11, 24)
NEXT = datetime.date(2026, 11, 25)
CUSTOMER, AGENT = int(Side.CUSTOMER), int(Side.AGENT)


def asked(start: float, answer: float = 0, member: int = 1, agent: int = 0) -> Enquiry:
    """An enquiry."""
    return Enquiry(1, member, agent, int(start), int(answer))


@pytest.mark.parametrize(
    ("seconds", "median", "p90"),
    [
        ([], None, None),
        ([7], 7, 7),
        ([1, 2], 1.5, 2),
        ([1, 2, 9], 2, 9),
        (list(range(1, 11)), 5.5, 9),
        (list(range(1, 12)), 6, 10),
    ],
)
def test_middle_and_nine_in_ten(seconds: list[int], median: float | None, p90: int | None) -> None:
    """The median, and what nine in ten do not exceed."""
    assert overview.median(seconds) == median
    assert overview.percentile(seconds, 0.9) == p90


def test_total() -> None:
    """Messages by who said them, customers of each day, and enquiries with their answers."""
    counts = [
        Count(1, 0, CUSTOMER, 0, 0, 10, 3),
        Count(1, 86400, CUSTOMER, 0, 0, 5, 2),
        Count(1, 0, AGENT, 0, 11, 4, 2),
        Count(1, 0, AGENT, 1, 11, 2, 2),
    ]
    assert overview.total(counts, [asked(100, 160), asked(100, 220), asked(100)]) == {
        "customer": 15,
        "agent": 4,
        "automatic": 2,
        "conversations": 5,
        "enquiries": 3,
        "answered": 2,
        "response_median": 90,
        "response_p90": 120,
    }


def test_course_of_days() -> None:
    """A step for each day, also where nothing was said."""
    period = Period(DAY, DAY + datetime.timedelta(days=2), SHANGHAI)
    start = period.start + 9 * 3600
    steps = overview.course(
        period,
        [Count(1, period.start + 86400, CUSTOMER, 0, 0, 5, 2)],
        [asked(start), asked(start + 5, start + 65, member=2)],
    )
    assert [(one["day"], one["hour"]) for one in steps] == [
        ("2026-11-24", None),
        ("2026-11-25", None),
        ("2026-11-26", None),
    ]
    assert [one["customer"] for one in steps] == [0, 5, 0]
    assert [one["conversations"] for one in steps] == [0, 2, 0]
    assert [(one["enquiries"], one["response_median"]) for one in steps] == [
        (2, 60), (0, None), (0, None),
    ]  # fmt: skip
    assert [one["waiting"] for one in steps] == [2, 1, 1]


def test_course_of_hours() -> None:
    """Of two days or one; an enquiry counts in the hour in which it began, local time."""
    period = Period(DAY, NEXT, SHANGHAI)
    start = period.start + 40 * 3600 - 1
    steps = overview.course(
        period,
        [Count(1, period.start + 23 * 3600, AGENT, 0, 0, 4, 1)],
        [asked(start, start + 30)],
    )
    assert len(steps) == 48
    assert (steps[23]["day"], steps[23]["hour"], steps[23]["agent"]) == ("2026-11-24", 23, 4)
    assert (steps[39]["day"], steps[39]["hour"], steps[39]["enquiries"]) == ("2026-11-25", 15, 1)
    assert [index for index, one in enumerate(steps) if one["waiting"]] == [39, 40]


def test_days_that_are_longer_than_others() -> None:
    """Where clocks are put back the day has 25 hours, one of them twice."""
    sunday = datetime.date(2026, 10, 25)
    period = Period(sunday, datetime.date(2026, 10, 27), BERLIN)
    assert [(day.end - day.start) // 3600 for day in period.days()] == [25, 24, 24]
    late = period.start + 25 * 3600 - 1
    steps = overview.course(period, [], [asked(late, late + 1)])
    assert [one["waiting"] for one in steps] == [1, 0, 0]
    hours = overview.course(Period(sunday, sunday, BERLIN), [], [])
    assert [one["hour"] for one in hours] == [0, 1, 2, *range(2, 24)]


def test_period_before() -> None:
    """As many days, without a gap."""
    period = Period(DAY, NEXT, SHANGHAI)
    before = period.before
    assert (before.first, before.last) == (datetime.date(2026, 11, 22), datetime.date(2026, 11, 23))
    assert before.end == period.start
    assert period.end - before.start == 4 * 86400


def test_most_waiting() -> None:
    """How many at once at most; who asks twice is one; nobody waits for more than a week."""

    def most(*enquiries: Enquiry) -> list[int]:
        return overview.most_waiting(enquiries, [0, 100, 200, 300])

    assert most() == [0, 0, 0]
    assert most(asked(-50, 50), asked(-40, -10, member=2)) == [1, 0, 0]
    assert most(asked(10, 20), asked(15, 120, member=2), asked(20, 30, member=3)) == [2, 1, 0]
    assert most(asked(10, 250), asked(150, 250)) == [1, 1, 1]
    assert most(asked(10), asked(150)) == [1, 1, 1]
    assert most(asked(10 - ENQUIRY_LIFE), asked(150)) == [1, 1, 1]
    assert most(asked(10 - ENQUIRY_LIFE)) == [1, 0, 0]


def test_agents() -> None:
    """What each of them wrote, to how many customers a day, and what they answered first."""
    counts = [
        Count(1, 0, CUSTOMER, 0, 0, 10, 3),
        Count(1, 0, AGENT, 0, 11, 4, 2),
        Count(1, 86400, AGENT, 0, 11, 1, 1),
        Count(1, 0, AGENT, 1, 11, 9, 9),
    ]
    asks = [
        asked(100, 110, agent=11),
        asked(100, 130, agent=11),
        asked(100, 105, agent=12),
        asked(1),
    ]
    assert overview.agents(counts, asks) == {
        11: {"messages": 5, "conversations": 3, "answered": 2, "response_median": 20},
        12: {"messages": 0, "conversations": 0, "answered": 1, "response_median": 5},
    }
