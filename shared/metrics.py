"""What the supervisor serves at ``admin.listen``: /healthz, /readyz and /metrics.

One page for all processes of a start script, each row with the label ``process``, made from the
numbers that the children sent with their last pong. So there are no files to go stale, and a
scrape costs the children nothing.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.aiohttp import make_aiohttp_handler
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from .process import State

if TYPE_CHECKING:
    from .supervisor import Supervisor

COUNTERS = {
    "cpu": ("cpu_seconds", "User and system time of the process."),
    "messages_in": ("messages_in", "Messages of clients."),
    "messages_out": ("messages_out", "Messages to clients."),
    "bytes_in": ("bytes_in", "Bytes of messages of clients."),
    "bytes_out": ("bytes_out", "Bytes of messages to clients."),
    "errors": ("errors", "Errors, each of which is in the log."),
    "slow_closed": ("slow_clients_closed", "Clients closed because they could not keep up."),
    "http_requests": ("http_requests", "HTTP requests."),
}
"""Numbers of a status that only grow: name of the metric and help."""

GAUGES = {
    "uptime": ("uptime_seconds", "Age of the process."),
    "memory": ("memory_bytes", "Resident memory of the process."),
    "clients": ("clients", "Connected clients."),
    "uids": ("uids", "Bound uids."),
    "groups": ("groups", "Groups with members."),
    "send_buffer": ("send_buffer_bytes", "Bytes that wait for clients."),
    "queued_events": ("queued_events", "Events that wait to be handled."),
    "unacknowledged_events": ("unacknowledged_events", "Events at workers."),
    "watchers": ("register_watchers", "Peers that watch the register."),
}
"""Numbers of a status that go up and down."""

SERVICE_COUNTERS = {
    "events": ("service_events", "Events handled by hooks."),
    "errors": ("service_errors", "Hooks that raised."),
    "timeouts": ("service_timeouts", "Hooks that were cancelled at their time limit."),
}

SERVICE_GAUGES = {
    "clients": ("service_clients", "Clients of the service at this process."),
    "stuck": ("service_stuck", "Hooks over their time limit that cannot be cancelled."),
}


class StatusCollector(Collector):
    """Turns the last status of each child into metrics."""

    def __init__(self, supervisor: Supervisor) -> None:
        self._supervisor = supervisor

    def collect(self) -> Iterable[Metric]:
        """Called at each scrape."""
        up = GaugeMetricFamily("kefu_up", "Whether the process is ready.", labels=["process"])
        restarts = CounterMetricFamily(
            "kefu_restarts", "Times that a dead process was replaced.", labels=["process"]
        )
        for slot in self._supervisor.slots:
            up.add_metric([slot.plan.name], slot.process.state is State.READY)
            restarts.add_metric([slot.plan.name], slot.restarts)
        statuses = {slot.plan.name: slot.process.last_status for slot in self._supervisor.slots}
        return [up, restarts, *_of_processes(statuses), *_of_services(statuses)]


def _of_processes(statuses: dict[str, dict[str, Any]]) -> Iterator[Metric]:
    for table, family in ((COUNTERS, CounterMetricFamily), (GAUGES, GaugeMetricFamily)):
        for key, (name, text) in table.items():
            metric = family(f"kefu_{name}", text, labels=["process"])
            for process, status in statuses.items():
                if isinstance(status.get(key), int | float):
                    metric.add_metric([process], status[key])
            if metric.samples:
                yield metric
    # What a kind of process counts beyond the tables: name to number, all of them gauges.
    extra: dict[str, GaugeMetricFamily] = {}
    for process, status in statuses.items():
        for key, value in status.get("metrics", {}).items():
            metric = extra.setdefault(
                key, GaugeMetricFamily(f"kefu_{key}", f"{key} of the process.", labels=["process"])
            )
            metric.add_metric([process], value)
    yield from extra.values()


def _of_services(statuses: dict[str, dict[str, Any]]) -> Iterator[Metric]:
    tables = ((SERVICE_COUNTERS, CounterMetricFamily), (SERVICE_GAUGES, GaugeMetricFamily))
    for table, family in tables:
        for key, (name, text) in table.items():
            metric = family(f"kefu_{name}", text, labels=["process", "service"])
            for process, status in statuses.items():
                for service, numbers in status.get("services", {}).items():
                    # A gateway only counts the clients of a service.
                    numbers = numbers if isinstance(numbers, dict) else {"clients": numbers}
                    if key in numbers:
                        metric.add_metric([process, service], numbers[key])
            if metric.samples:
                yield metric


def application(supervisor: Supervisor) -> web.Application:
    """The three pages."""
    registry = CollectorRegistry()
    registry.register(StatusCollector(supervisor))

    async def healthz(_: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def readyz(_: web.Request) -> web.Response:
        states = {slot.plan.name: str(slot.process.state) for slot in supervisor.slots}
        troubles = {
            slot.plan.name: slot.process.last_status["troubles"]
            for slot in supervisor.slots
            if slot.process.last_status.get("troubles")
        }
        ready = bool(states) and all(state == State.READY for state in states.values())
        ready = ready and not troubles
        return web.json_response(
            {"ready": ready, "processes": states, "troubles": troubles},
            status=200 if ready else 503,
        )

    app = web.Application()
    app.router.add_get("/healthz", healthz)
    app.router.add_get("/readyz", readyz)
    app.router.add_get("/metrics", make_aiohttp_handler(registry))
    return app


async def serve(sock: socket.socket, supervisor: Supervisor) -> None:
    """Serve the pages on a listening socket until cancelled."""
    runner = web.AppRunner(application(supervisor), access_log=None)
    await runner.setup()
    try:
        await web.SockSite(runner, sock).start()
        await asyncio.get_running_loop().create_future()
    finally:
        await runner.cleanup()
