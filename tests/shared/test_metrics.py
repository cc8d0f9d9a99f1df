"""Metrics from the status of children."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest

from shared.metrics import StatusCollector
from shared.process import State
from shared.supervisor import Supervisor


def scrape(**statuses: dict[str, Any]) -> list[str]:
    """The page for children with these last statuses."""
    slots = [
        SimpleNamespace(
            plan=SimpleNamespace(name=name.replace("_", "-")),
            process=SimpleNamespace(state=State.READY, last_status=status),
            restarts=0,
        )
        for name, status in statuses.items()
    ]
    registry = CollectorRegistry()
    registry.register(StatusCollector(cast("Supervisor", SimpleNamespace(slots=slots))))
    return generate_latest(registry).decode().splitlines()


def test_numbers_of_processes() -> None:
    """Counters end in _total, and what a process does not count has no row."""
    lines = scrape(gateway_0={"clients": 3, "bytes_in": 9}, gateway_1={"clients": 4})
    assert 'kefu_clients{process="gateway-0"} 3.0' in lines
    assert 'kefu_clients{process="gateway-1"} 4.0' in lines
    assert [line for line in lines if line.startswith("kefu_bytes_in")] == [
        'kefu_bytes_in_total{process="gateway-0"} 9.0'
    ]


def test_numbers_of_services() -> None:
    """Workers count events of a service, gateways only its clients."""
    lines = scrape(
        gateway_0={"services": {"servicer": 2}},
        business_0={"services": {"servicer": {"events": 5, "stuck": 1}}},
    )
    assert 'kefu_service_clients{process="gateway-0",service="servicer"} 2.0' in lines
    assert 'kefu_service_events_total{process="business-0",service="servicer"} 5.0' in lines
    assert 'kefu_service_stuck{process="business-0",service="servicer"} 1.0' in lines


def test_further_numbers() -> None:
    """The key ``metrics`` of a status takes what has no place in the tables."""
    lines = scrape(business_0={"metrics": {"group_commit_rows": 7}}, business_1={})
    assert 'kefu_group_commit_rows{process="business-0"} 7.0' in lines


def test_a_child_that_never_answered() -> None:
    """Has only what the supervisor knows itself."""
    lines = [line for line in scrape(gateway_0={}) if not line.startswith("#")]
    assert lines == [
        'kefu_up{process="gateway-0"} 1.0',
        'kefu_restarts_total{process="gateway-0"} 0.0',
    ]
