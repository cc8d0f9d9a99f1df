"""The table, the checks against the targets, and the JSON of a run."""

from __future__ import annotations

import json
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

from .cases import KEFU, Plan, Row
from .desk import BARE

MEMORY_TARGET = 2000
"""Bytes per idle socket that the gateway process may need."""

BURST_TARGET = 2.5
"""Deliveries per processor second, against the stock server's."""

CONNECT_TARGET = 2.2
"""Connections per second, against the stock server's."""

TALK_TARGET = 0.5
"""Messages per second, against the bare aiohttp handler's."""

TALK_P99_TARGET = 10
"""Milliseconds from the request to the frame at the other side's socket, at half load."""

LIST_P99_TARGET = 20
"""Milliseconds that a list takes over HTTP."""


def spread(values: Sequence[float]) -> float:
    """Half the distance between the extremes, as a share of the median; 0.0 for one value."""
    middle = median(values)
    return (max(values) - min(values)) / 2 / middle if middle else 0.0


def ratio(row: Row, stock: str) -> float | None:
    """kefu's figure divided by a stock server's: the median of the ratios of the rounds."""
    ours, theirs = row.values.get(KEFU), row.values.get(stock)
    if not ours or not theirs or not all(theirs):
        return None
    return median(a / b for a, b in zip(ours, theirs, strict=True))


@dataclass(frozen=True, slots=True)
class Verdict:
    """One target and whether it was met."""

    target: str
    reading: str
    met: bool


def check(rows: Sequence[Row], fan_out_sizes: Sequence[int]) -> list[Verdict]:
    """Compare what was measured with the targets; a target whose case did not run is left out.

    Against the stock server always means against the better of its figures on uvloop and asyncio.
    """
    by_target = {row.target: row for row in rows if row.target}
    verdicts = []

    def ratios(name: str) -> list[float]:
        row = by_target.get(name)
        if row is None:
            return []
        stocks = [server for server in row.values if server != KEFU]
        return [value for stock in stocks if (value := ratio(row, stock)) is not None]

    if found := ratios("echo 500"):
        share = max(found)
        verdicts.append(
            Verdict(
                "echo, 500 sockets: CPU of gateway + business below the stock server's",
                f"{share:.2f} times",
                share < 1,
            )
        )
    for size in fan_out_sizes:
        if found := ratios(f"fan-out bursts {size}"):
            gain = 1 / max(found)
            verdicts.append(
                Verdict(
                    f"fan-out bursts, {size:,} sockets: at least {BURST_TARGET:g} times the "
                    "stock server's deliveries per CPU second",
                    f"{gain:.2f} times",
                    gain >= BURST_TARGET,
                )
            )
    if found := ratios("connect"):
        gain = min(found)
        verdicts.append(
            Verdict(
                f"connection set-up: at least {CONNECT_TARGET:g} times the stock server's rate",
                f"{gain:.2f} times",
                gain >= CONNECT_TARGET,
            )
        )
    plain = by_target.get("memory plain")
    if plain is not None and KEFU in plain.values:
        growth = median(plain.values[KEFU])
        verdicts.append(
            Verdict(
                f"memory: at most {MEMORY_TARGET:,} B per idle socket in the gateway process",
                f"{growth:,.0f} B",
                growth <= MEMORY_TARGET,
            )
        )
    return [*verdicts, *_check_service(rows, by_target)]


def _check_service(rows: Sequence[Row], by_target: dict[str, Row]) -> list[Verdict]:
    """The targets of the customer service."""
    verdicts = []
    for title in ("say", "answer"):
        row = by_target.get(f"{title} rate")
        if row is not None and (share := ratio(row, BARE)) is not None:
            verdicts.append(
                Verdict(
                    f"{title}: at least {TALK_TARGET:g} times the messages per second of a bare "
                    "aiohttp handler that stores the same row",
                    f"{share:.2f} times",
                    share >= TALK_TARGET,
                )
            )
        row = by_target.get(f"{title} p99")
        if row is not None and KEFU in row.values:
            p99 = median(row.values[KEFU])
            verdicts.append(
                Verdict(
                    f"{title}: p99 below {TALK_P99_TARGET} ms at half load",
                    f"{p99:.1f} ms",
                    p99 < TALK_P99_TARGET,
                )
            )
    for row in rows:
        if row.target.startswith("list "):
            for name, values in row.values.items():
                p99 = median(values)
                verdicts.append(
                    Verdict(
                        f"{row.case}, {name}: p99 below {LIST_P99_TARGET} ms",
                        f"{p99:.1f} ms",
                        p99 < LIST_P99_TARGET,
                    )
                )
    return verdicts


def number(value: float) -> str:
    """A figure with about three significant digits."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def tables(rows: Sequence[Row]) -> str:
    """The rows as aligned text: a table for each set of servers that were measured together."""
    parts: list[list[Row]] = []
    servers: set[str] = set()
    for row in rows:
        if not parts or not servers >= row.values.keys():
            parts.append([])
            servers = set(row.values)
        parts[-1].append(row)
    return "\n\n".join(table(part) for part in parts)


def table(rows: Sequence[Row]) -> str:
    """Rows as aligned text, grouped by case."""
    servers = list(dict.fromkeys(name for row in rows for name in row.values))
    stocks = [name for name in servers if name != KEFU]
    compared = stocks if KEFU in servers else []
    short = [name.removeprefix("stock, ").removeprefix("bare ") for name in compared]
    heading = ["", *servers, *(f"kefu/{name}" for name in short)]
    lines: list[list[str]] = []
    case = ""
    for row in rows:
        if row.case != case:
            case = row.case
            lines.append([case])
        cells = [f"  {row.metric} ({row.unit})"]
        for name in servers:
            values = row.values.get(name)
            if values is None:
                cells.append("")
            elif len(values) == 1:
                cells.append(f"{number(values[0])}      ")
            else:
                cells.append(f"{number(median(values))} ±{spread(values) * 100:3.0f}%")
        for name in compared:
            value = ratio(row, name)
            cells.append("" if value is None else f"{value:.2f}")
        lines.append(cells)
    widths = [
        max(len(line[column]) for line in [heading, *lines] if column < len(line) and len(line) > 1)
        for column in range(len(heading))
    ]
    text = []
    for line in [heading, *lines]:
        padded = [line[0].ljust(widths[0])]
        padded += [cell.rjust(widths[n]) for n, cell in enumerate(line[1:], start=1)]
        text.append("  ".join(padded).rstrip())
    return "\n".join(text)


def document(
    rows: Sequence[Row],
    verdicts: Sequence[Verdict],
    plan: Plan,
    generator_load: dict[str, float],
    seconds: float,
) -> dict[str, Any]:
    """Everything about a run, for machines."""
    return {
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "seconds": round(seconds, 1),
        "machine": {
            "system": platform.platform(),
            "processor": _processor(),
            "python": platform.python_version(),
            "packages": {name: version(name) for name in ("websockets", "uvloop", "pyzmq")},
        },
        "plan": {name: getattr(plan, name) for name in plan.__slots__},
        "rows": [
            {
                "case": row.case,
                "metric": row.metric.strip(),
                "unit": row.unit,
                "values": row.values,
                "median": {name: median(values) for name, values in row.values.items()},
                "spread": {name: round(spread(values), 3) for name, values in row.values.items()},
                "ratio": {name: ratio(row, name) for name in row.values if name != KEFU},
            }
            for row in rows
        ],
        "generator_load": generator_load,
        "targets": [
            {"target": verdict.target, "reading": verdict.reading, "met": verdict.met}
            for verdict in verdicts
        ],
    }


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor()


def write(path: Path, data: dict[str, Any]) -> None:
    """Write the JSON, making its directory if need be."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(data, indent=1, ensure_ascii=False) + "\n")
