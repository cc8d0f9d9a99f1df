"""Status and connections for people."""

from __future__ import annotations

import pytest

from shared import tables


@pytest.mark.parametrize(
    ("count", "text"),
    [(999, "999 B"), (1500, "1.5 kB"), (123_456, "123 kB"), (36.3e6, "36.3 MB"), (2.5e9, "2.5 GB")],
)
def test_sizes(count: float, text: str) -> None:
    """Three digits are enough."""
    assert tables.size(count) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0s"), (59.9, "59s"), (185, "3m05s"), (7800, "2h10m"), (5 * 86400 + 3 * 3600, "5d03h")],
)
def test_durations(seconds: float, text: str) -> None:
    """Two units are enough."""
    assert tables.duration(seconds) == text


def test_columns_are_aligned() -> None:
    """Names to the left, numbers to the right; what no row has is left out."""
    columns = (
        tables.Column("NAME", "name", left=True),
        tables.Column("N", "n"),
        tables.Column("NONE", "none"),
    )
    rows: list[tables.Row] = [{"name": "a", "n": 1}, {"name": "long", "n": 100}, {"name": "b"}]
    assert tables.table(columns, rows) == "NAME    N\na       1\nlong  100\nb"


def test_services_are_summed_over_processes() -> None:
    """Gateways count clients, workers count events; processes without services do not matter."""
    answer = {
        "supervisor": {"role": "business", "pid": 1, "uptime": 1, "addresses": {"http": "x:1"}},
        "processes": [
            {"kind": "business", "name": "business-0", "services": {"a": {"events": 1}}},
            {"kind": "business", "name": "business-1", "services": {"a": {"events": 2}, "b": {}}},
            {"kind": "gateway", "name": "gateway-0", "services": {"a": 5}},
            {"kind": "register", "name": "register", "gateways": [1, 2]},
        ],
    }
    lines = [line.split() for line in tables.status(answer).splitlines()]
    assert ["SERVICE", "CLIENTS", "EVENTS"] in lines
    assert ["a", "5", "3"] in lines
    assert ["b"] in lines
    assert ["register", "2"] in lines  # a list is shown by its length
