"""The platform's live view of gateways, workers and sockets.

The figures come from the gateways themselves, over the inner protocol, so that it does not matter
on which machine they are. One that does not answer holds nobody up.
"""

from __future__ import annotations

from typing import Any

from shared.errors import BadArgument, NoGateway, PartialResult, RegisterUnreachable

from .. import live
from ..answers import live as answers
from ..envelope import PARAMETER_ERROR, Family, Refused
from ..params import Number, Params, Search, Word, limit_of
from .table import Call, Caller, Declarations

PLATFORM = Declarations("admin", Caller.PLATFORM, Family.MODEL)

PATIENCE = 1.5
"""Seconds that a gateway has to answer."""

LIST_SIZE = 50
MAX_SIZE = 200

NO_CONNECTIONS: dict[str, Any] = {"count": 0, "connections": [], "unknown": []}


class ConnectionsParams(Params):
    """``search``: part of a uid or an address, or a whole client id. ``service``: of this one only.
    ``after``: ``next`` of the page before this one."""

    search: Search = ""
    service: Word = ""
    after: Word = ""
    page_size: Number = LIST_SIZE


@PLATFORM.add("live/status", Params, answers.Status)
async def status(call: Call, params: Params) -> Any:
    """What the gateways are doing, and the business processes and programs linked to them."""
    found: list[dict[str, Any]] = []
    missing: list[str] = []
    try:
        found = await call.servicer.gateway.get_gateway_status(timeout=PATIENCE)
    except PartialResult as error:
        found, missing = error.reached or [], error.missing
    except (NoGateway, RegisterUnreachable):
        pass
    told, unknown = live.split(found)
    programs = live.workers(told)
    return {
        "time": int(call.servicer.now()),
        "gateways": [live.gateway(one) for one in told],
        "workers": programs,
        "services": live.services(told, programs),
        "missing": sorted(missing),
        "unknown": unknown,
    }


@PLATFORM.add("live/connections", ConnectionsParams, answers.Connections)
async def connections(call: Call, params: ConnectionsParams) -> Any:
    """A page of the open sockets of all services, or of one."""
    limit = limit_of(params.page_size, LIST_SIZE, MAX_SIZE)
    missing: list[str] = []
    try:
        found = await call.servicer.gateway.get_connections(
            params.search[:100],
            params.service or None,
            params.after,
            limit,
            timeout=PATIENCE,
        )
    except BadArgument:
        raise Refused("参数错误", PARAMETER_ERROR) from None
    except PartialResult as error:
        found, missing = error.reached or NO_CONNECTIONS, error.missing
    except (NoGateway, RegisterUnreachable):
        found = NO_CONNECTIONS
    rows = [live.connection(row) for row in found["connections"]]
    return {
        "count": found["count"],
        "list": rows,
        "next": rows[-1]["client_id"] if len(rows) == limit else "",
        "missing": sorted(missing),
        "unknown": found["unknown"],
    }


endpoints = [*PLATFORM]
