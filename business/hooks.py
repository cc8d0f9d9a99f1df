"""The hooks that a service may define, and what is counted about them."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from aiohttp import web

    from gateway_client import GatewayClient
    from shared.settings import Settings

ARGUMENTS: dict[str, tuple[str, ...]] = {
    "on_worker_start": ("worker",),
    "on_worker_stop": ("worker",),
    "on_websocket_connect": ("client", "request"),
    "on_connect": ("client",),
    "on_message": ("client", "message"),
    "on_close": ("client",),
    "on_gateway_up": ("gateway", "clients"),
}
"""Hooks and their arguments. FRAMEWORK: what a service does not define costs nothing."""

GATEWAY_HOOKS = (
    "on_websocket_connect",
    "on_connect",
    "on_message",
    "on_close",
    "on_gateway_up",
)
"""Those that events of a gateway call; their names travel in HELLO."""


class HookStats:
    """Counters of one service in this process.

    Attributes:
        events: hooks that were run to their end, however they ended.
        errors: hooks that raised.
        timeouts: hooks that were over ``business.hook_timeout``.
        stuck: threads of plain functions over it that have still not returned (not a total).
    """

    __slots__ = ("errors", "events", "stuck", "timeouts")

    def __init__(self) -> None:
        self.events = 0
        self.errors = 0
        self.timeouts = 0
        self.stuck = 0

    def to_map(self) -> dict[str, int]:
        """For status pages."""
        return {name: getattr(self, name) for name in ("events", "errors", "timeouts", "stuck")}


class Hook:
    """One hook of one service.

    Args:
        service: name of the service.
        name: name of the hook, a key of ``ARGUMENTS``.
        function: what ``events.py`` defines.
        stats: counters of the service.

    Attributes:
        is_async: an ``async def``; otherwise a plain function, which runs in a thread.
    """

    __slots__ = ("function", "is_async", "name", "service", "stats")

    def __init__(
        self, service: str, name: str, function: Callable[..., Any], stats: HookStats
    ) -> None:
        self.service = service
        self.name = name
        self.function = function
        self.stats = stats
        self.is_async = inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(
            getattr(function, "__call__", None)  # noqa: B004 - an object with async __call__
        )

    def __str__(self) -> str:
        return f"{self.service}.{self.name}"


@dataclasses.dataclass(frozen=True, slots=True)
class Worker:
    """This process and one service, for ``on_worker_start`` and ``on_worker_stop``.

    Args:
        name: name of the process, such as ``business-0``.
        index: counts the business processes of this machine from 0.
        service: name of the service.
        gateway: the process's GatewayClient for the service, connected to the gateways that are
            there already.
        app: the service's aiohttp application. Values may be put into it in ``on_worker_start``.
        settings: all settings, read-only.
    """

    name: str
    index: int
    service: str
    gateway: GatewayClient
    app: web.Application
    settings: Settings


class OnlineClient(NamedTuple):
    """A client that a gateway holds, for ``on_gateway_up``. ``uid`` None: not bound."""

    id: str
    uid: str | None
    session: dict[str, Any]


class GatewayInfo(NamedTuple):
    """The gateway of an ``on_gateway_up``.

    Args:
        prefix: the 12 digits that the ids of its clients begin with.
        address: ``ip:port`` of its inner endpoint.
    """

    prefix: str
    address: str
