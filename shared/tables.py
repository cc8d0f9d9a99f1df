"""Tables of ``status`` and ``connections`` for people."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

Row = dict[str, Any]


class Column(NamedTuple):
    """Heading, key in the row, and how the value is written."""

    heading: str
    key: str
    write: Callable[[Any], str] = str
    left: bool = False


def size(count: float) -> str:
    """Bytes for people: ``512 B``, ``1.5 MB``."""
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" or count >= 100 else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"


def duration(seconds: float) -> str:
    """Seconds for people: ``12s``, ``3m05s``, ``2h10m``, ``5d03h``."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days}d{hours:02}h"
    if hours:
        return f"{hours}h{minutes:02}m"
    return f"{minutes}m{rest:02}s" if minutes else f"{rest}s"


def _count(value: Any) -> str:
    return str(len(value)) if isinstance(value, list | dict) else str(value)


COMMON = (
    Column("NAME", "name", left=True),
    Column("PID", "pid"),
    Column("STATE", "state", left=True),
    Column("UPTIME", "uptime", duration),
    Column("RESTARTS", "restarts"),
    Column("MEMORY", "memory", size),
    Column("CPU", "cpu", "{:.1f}s".format),
)

KINDS = {
    "register": (Column("GATEWAYS", "gateways", _count), Column("WATCHERS", "watchers", _count)),
    "gateway": (
        Column("CLIENTS", "clients"),
        Column("IN/S", "in_per_s"),
        Column("OUT/S", "out_per_s"),
        Column("SEND BUFFER", "send_buffer", size),
        Column("QUEUED", "queued_events"),
        Column("UNACKED", "unacknowledged_events"),
        Column("PEERS", "peers", _count),
        Column("REGISTER", "register", left=True),
        Column("ADDRESS", "address", left=True),
        Column("SLOW", "slow_closed"),
        Column("ERRORS", "errors"),
    ),
    "business": (
        Column("GATEWAYS", "gateways", _count),
        Column("QUEUED", "queued_events"),
        Column("HTTP", "http_requests"),
        Column("ERRORS", "errors"),
    ),
}

SERVICES = (
    Column("SERVICE", "service", left=True),
    Column("CLIENTS", "clients"),
    Column("EVENTS", "events"),
    Column("ERRORS", "errors"),
    Column("TIMEOUTS", "timeouts"),
    Column("STUCK", "stuck"),
)

CONNECTIONS = (
    Column("CLIENT ID", "client_id", left=True),
    Column("SERVICE", "service", left=True),
    Column("UID", "uid", left=True),
    Column("ADDRESS", "address", left=True),
    Column("GROUPS", "groups", _count),
    Column("CONNECTED", "connected", duration),
    Column("IDLE", "idle", duration),
    Column("SEND BUFFER", "send_buffer", size),
    Column("PROCESS", "process", left=True),
)


def table(columns: Sequence[Column], rows: Sequence[Row]) -> str:
    """Aligned text. A value that a row lacks is left blank, a column that all lack is left out."""
    columns = [column for column in columns if any(_has(row, column.key) for row in rows)]
    cells = [[column.heading for column in columns]]
    cells += [
        [column.write(row[column.key]) if _has(row, column.key) else "" for column in columns]
        for row in rows
    ]
    widths = [max(len(line[i]) for line in cells) for i in range(len(columns))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if column.left else cell.rjust(width)
            for cell, width, column in zip(line, widths, columns, strict=True)
        ).rstrip()
        for line in cells
    )


def _has(row: Row, key: str) -> bool:
    return row.get(key) is not None


def status(answer: Row) -> str:
    """The answer to ``status``: the supervisor, a table for each kind, and one of the services."""
    supervisor = answer["supervisor"]
    addresses = ", ".join(f"{role} {where}" for role, where in supervisor["addresses"].items())
    parts = [
        f"start_{supervisor['role']}.py (pid {supervisor['pid']}), up"
        f" {duration(supervisor['uptime'])}; {addresses}"
    ]
    for kind, columns in KINDS.items():
        rows = [row for row in answer["processes"] if row["kind"] == kind]
        if rows:
            parts.append(table((*COMMON, *columns), rows))
    services = _services(answer["processes"])
    if services:
        parts.append(table(SERVICES, services))
    return "\n\n".join(parts)


def _services(processes: Sequence[Row]) -> list[Row]:
    """The numbers of each service, summed over the processes."""
    sums: dict[str, Row] = {}
    for process in processes:
        for name, numbers in (process.get("services") or {}).items():
            row = sums.setdefault(name, {"service": name})
            numbers = numbers if isinstance(numbers, dict) else {"clients": numbers}
            for key, value in numbers.items():
                row[key] = row.get(key, 0) + value
    return [sums[name] for name in sorted(sums)]


def connections(answer: Row) -> str:
    """The answer to ``connections``."""
    rows = answer["connections"]
    return table(CONNECTIONS, rows) if rows else "no connections"
