"""The overview of the back offices: what was said and answered in a shop, or in all of them."""

from __future__ import annotations

import asyncio
import datetime
from typing import Any

from ..answers import statistics as answers
from ..envelope import PARAMETER_ERROR, Family, Refused
from ..overview import MAX_DAYS, Period
from ..params import Word
from ..statistics import gather
from ..store import statistics as store
from ..store.agents import Role
from .history import ShopParams, shop_of
from .table import Call, Caller, Declarations

SHOP = Declarations("shop", Caller.SHOP, Family.MODEL)
PLATFORM = Declarations("admin", Caller.PLATFORM, Family.MODEL)

USUAL_DAYS = 30
"""Days up to today, where none are asked for."""


class OverviewParams(ShopParams):
    """``first`` and ``last`` day, both included; without them the last 30 days. ``site_id``: of the
    platform only, 0: all shops."""

    first: Word = ""
    last: Word = ""


@SHOP.add("statistics/overview", OverviewParams, answers.Overview)
@PLATFORM.add("statistics/overview", OverviewParams, answers.Overview)
async def numbers(call: Call, params: OverviewParams) -> Any:
    """Messages, conversations, first responses, who waits, and what each agent did."""
    servicer = call.servicer
    is_all = call.by.agent.role is Role.PLATFORM and not params.site_id
    site_id = 0 if is_all else await shop_of(call, params)
    period = _period(params, servicer.local_time().date(), servicer.zone)
    site_ids = await servicer.database.read(store.sites) if is_all else [site_id]
    found = await gather(servicer.database, site_ids, period, servicer.now())
    sums = await asyncio.to_thread(found.sum_up)
    of_agents = []
    for uid, values in sums.pop("agents").items():
        agent = await servicer.directory.get(uid)
        of_agents.append(
            {"servicer_id": uid, "nickname": agent.nickname if agent else "", **values}
        )
    of_agents.sort(key=lambda row: (-row["messages"], -row["answered"], row["servicer_id"]))
    return {
        "site_id": site_id,
        "first": period.first.isoformat(),
        "last": period.last.isoformat(),
        "first_before": period.before.first.isoformat(),
        **sums,
        "agents": of_agents,
    }


def _period(params: OverviewParams, today: datetime.date, zone: datetime.tzinfo) -> Period:
    """The days asked for.

    Raises:
        Refused: they are none, too many, or in the wrong order.
    """
    try:
        last = datetime.date.fromisoformat(params.last) if params.last else today
        usual = last - datetime.timedelta(days=USUAL_DAYS - 1)
        first = datetime.date.fromisoformat(params.first) if params.first else usual
    except (ValueError, OverflowError):
        raise Refused("参数错误", PARAMETER_ERROR) from None
    in_range = datetime.date(1971, 1, 1) <= first <= last <= datetime.date(2037, 12, 31)
    if not in_range or (last - first).days >= MAX_DAYS:
        raise Refused("参数错误", PARAMETER_ERROR)
    return Period(first, last, zone)


endpoints = [*SHOP, *PLATFORM]
