"""What a supervisor runs for given settings: which children, and on which listening sockets."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from . import listening
from .process import Plan

if TYPE_CHECKING:
    from .settings import Settings

ENTRIES = {
    "register": "gateway.register:run",
    "gateway": "gateway.server:run",
    "business": "business.worker:run",
}
"""Main coroutine of each kind of child."""

_GRACE = 5.0
"""Seconds that a child has to stop on top of its drain time."""


class Layout:
    """Children and listening sockets of one role.

    Args:
        role: ``gateway`` or ``business``.
        entries: as ENTRIES; tests have their own.

    Attributes:
        addresses: where is listened, ``host:port`` by ``public``, ``http``, ``register``,
            ``admin``.
    """

    def __init__(self, role: str, entries: Mapping[str, str]) -> None:
        self.role = role
        self.addresses: dict[str, str] = {}
        self._entries = entries
        self._sockets = listening.Sockets()

    def plans(self, settings: Settings) -> list[Plan]:
        """The children, in the order in which ``status`` shows them."""
        if self.role == "business":
            deadline = settings.business.drain_timeout + _GRACE
            return [
                Plan("business", i, f"business-{i}", self._entries["business"], deadline)
                for i in range(settings.business.processes)
            ]
        deadline = settings.gateway.drain_timeout + _GRACE
        plans = [
            Plan("gateway", i, f"gateway-{i}", self._entries["gateway"], deadline)
            for i in range(settings.gateway.processes)
        ]
        if settings.register.listen:
            plans.insert(0, Plan("register", 0, "register", self._entries["register"], _GRACE))
        return plans

    def open(self, settings: Settings) -> list[tuple[Plan, dict[str, socket.socket]]]:
        """The children with their listening sockets by role. A socket that is open at the right
        address already stays open; those that are not needed any more are closed.

        Raises:
            SettingsError: an address cannot be listened at.
        """
        plans = [(plan, self._open_for(plan, settings)) for plan in self.plans(settings)]
        self._sockets.keep({"admin", *(self._key(plan) for plan, _ in plans)})
        for _, sockets in plans:
            for role, sock in sockets.items():
                self.addresses[role] = listening.address(sock)
        return plans

    def open_admin(self, settings: Settings) -> socket.socket | None:
        """The listening socket for health and metrics. None: there is to be none.

        Raises:
            SettingsError: the address cannot be listened at.
        """
        setting, where = "admin.listen", settings.admin.listen
        if self.role == "business":
            setting, where = "admin.business_listen", settings.admin.business_listen
        if not where:
            return None
        host, _, port = where.rpartition(":")
        sock = self._sockets.get("admin", setting, host, int(port))
        self.addresses["admin"] = listening.address(sock)
        return sock

    def close(self) -> None:
        """Close the listening sockets, except for the one of health and metrics, which answer to
        the end. Who connects now is refused, once the children have closed theirs."""
        self._sockets.keep({"admin"})

    def values(self, settings: Settings) -> dict[str, Any]:
        """The settings for children, with the ports that are really listened at."""
        values = settings.model_dump(mode="json")
        for role, section in (("public", "gateway"), ("http", "business")):
            if role in self.addresses:
                values[section]["port"] = int(self.addresses[role].rpartition(":")[2])
        if "register" in self.addresses:
            register = values["register"]
            asked, actual = register["listen"], self.addresses["register"]
            register["listen"] = actual
            register["addresses"] = [
                actual if address == asked else address for address in register["addresses"]
            ]
        return values

    def _open_for(self, plan: Plan, settings: Settings) -> dict[str, socket.socket]:
        if plan.kind == "gateway":
            role, setting = "public", "gateway.port"
            host, port = settings.gateway.host, settings.gateway.port
        elif plan.kind == "business":
            role, setting = "http", "business.port"
            host, port = settings.business.host, settings.business.port
        else:
            role, setting = "register", "register.listen"
            host, _, digits = settings.register.listen.rpartition(":")
            port = int(digits)
        alone = plan.kind == "gateway"
        return {
            role: self._sockets.get(self._key(plan), setting, host, port, reuse_port=alone),
        }

    def _key(self, plan: Plan) -> str:
        """Who has which socket. Gateways have one each, because clients stay long and a shared
        queue would give most of them to one process; business processes have one together."""
        return plan.kind if plan.kind == "business" else plan.name
