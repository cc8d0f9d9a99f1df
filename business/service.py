"""A loaded service, as this process runs it."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TYPE_CHECKING

from aiohttp import web

from shared.protocol import ServiceOptions

from .hooks import GATEWAY_HOOKS, Hook, HookStats

if TYPE_CHECKING:
    from gateway_client import GatewayClient

Lifespan = Callable[[web.Application], AsyncIterator[None]]


@dataclasses.dataclass(slots=True)
class Service:
    """One service: what its directory defines, and what this process gives it.

    Args:
        name: name of the directory; WebSocket path and HTTP prefix are ``/name``.
        path: the directory.
        hooks: hook by name, only those that are defined.
        options: what the gateways have to know about it.
        stats: counters, shared with the hooks.
        routes: of ``routes.py``, relative to the prefix; None where there are none.
        root_routes: paths without the prefix; only servicer's are used.
        lifespan: of ``routes.py``: runs to its yield before the first request and hook, and to its
            end after the last.

    Attributes:
        index: of this service in the process's HELLO.
        gateway: the process's GatewayClient for this service.
        app: its aiohttp application, mounted at the prefix.
        troubles: what it has not got and cannot do without, by name.
        is_tracked: whether gateways tell which clients are here, and what changes about them.
        on_message: the hook, None where there is none; likewise ``on_close``.
    """

    name: str
    path: Path
    hooks: dict[str, Hook]
    options: ServiceOptions
    stats: HookStats
    routes: web.RouteTableDef | None = None
    root_routes: web.RouteTableDef | None = None
    lifespan: Lifespan | None = None
    index: int = 0
    app: web.Application = dataclasses.field(default_factory=web.Application)
    troubles: dict[str, str] = dataclasses.field(default_factory=dict)
    is_tracked: bool = dataclasses.field(init=False)
    on_message: Hook | None = dataclasses.field(init=False)
    on_close: Hook | None = dataclasses.field(init=False)
    _gateway: GatewayClient | None = None

    def __post_init__(self) -> None:
        self.on_message = self.hooks.get("on_message")
        self.on_close = self.hooks.get("on_close")
        self.is_tracked = self.on_message is not None or self.on_close is not None

    @property
    def gateway(self) -> GatewayClient:
        """The process's GatewayClient for this service; there from ``on_worker_start`` on."""
        if self._gateway is None:
            raise RuntimeError(f"service {self.name} has not been started")
        return self._gateway

    @gateway.setter
    def gateway(self, gateway: GatewayClient) -> None:
        self._gateway = gateway

    @property
    def gateway_hooks(self) -> list[str]:
        """Names of its hooks that events of a gateway call."""
        return [name for name in GATEWAY_HOOKS if name in self.hooks]
