"""What the gateways tell of themselves, as the platform's page shows it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

Row = dict[str, Any]

_GATEWAY = (
    "name", "address", "host", "pid", "version", "uptime", "memory", "cpu", "clients", "uids",
    "groups", "paused", "accepted", "messages_in", "messages_out", "in_per_s", "out_per_s",
    "bytes_out", "queued_events", "unacknowledged_events", "slow_closed", "errors",
)  # fmt: skip
_CONNECTION = ("client_id", "service", "address", "groups", "connected", "idle", "send_buffer")
_WORKER = ("name", "kind", "services")
_SUMS = ("clients", "unacknowledged", "backlog")


def split(statuses: Iterable[Mapping[str, Any]]) -> tuple[list[Mapping[str, Any]], list[str]]:
    """The gateways that told their status, and the addresses of those that do not know how."""
    told, unknown = [], []
    for status in statuses:
        if "error" in status:
            unknown.append(status["address"])
        else:
            told.append(status)
    return told, unknown


def gateway(status: Mapping[str, Any]) -> Row:
    """A gateway's row."""
    return {**{name: status[name] for name in _GATEWAY}, "register_state": status["register"]}


def workers(statuses: Iterable[Mapping[str, Any]]) -> list[Row]:
    """A row for each program that is linked to gateways, business processes first."""
    rows: dict[str, Row] = {}
    for status in statuses:
        for peer in status["peers"]:
            row = rows.get(peer["instance"])
            if row is None:
                row = rows[peer["instance"]] = {
                    **{name: peer[name] for name in _WORKER},
                    "host": peer["host"] or "",
                    "pid": peer["pid"] or 0,
                    "version": peer["version"] or "",
                    "gateways": 0,
                    **dict.fromkeys(_SUMS, 0),
                }
            row["gateways"] += 1
            for name in _SUMS:
                row[name] += peer[name]
    return sorted(rows.values(), key=lambda row: (row["kind"] != "worker", row["name"], row["pid"]))


def services(statuses: Iterable[Mapping[str, Any]], programs: Iterable[Row]) -> list[Row]:
    """A row for each service that has sockets or workers."""
    clients: dict[str, int] = {}
    for status in statuses:
        for name, number in status["services"].items():
            clients[name] = clients.get(name, 0) + number
    serving: dict[str, int] = dict.fromkeys(clients, 0)
    for row in programs:
        if row["kind"] == "worker":
            for name in row["services"]:
                serving[name] = serving.get(name, 0) + 1
    return [
        {"service": name, "clients": clients.get(name, 0), "workers": number}
        for name, number in sorted(serving.items())
        if number or clients.get(name)
    ]


def connection(row: Mapping[str, Any]) -> Row:
    """An open socket's row."""
    return {
        **{name: row[name] for name in _CONNECTION},
        "uid": row["uid"] or "",
        "worker": row["worker"] or "",
    }
