"""Client ids."""

from __future__ import annotations

from typing import Any

import pytest

from shared import client_id


def test_layout_is_that_of_gatewayworker() -> None:
    """Eight digits of IPv4 address, four of port, eight of connection number, big-endian."""
    prefix = client_id.prefix("127.0.0.1", 2900)
    assert prefix == "7f0000010b54"
    assert client_id.make(prefix, 1) == "7f0000010b5400000001"


@pytest.mark.parametrize("host", ["0.0.0.0", "127.0.0.1", "10.1.2.3", "255.255.255.255"])
@pytest.mark.parametrize("port", [1, 2900, 65535])
@pytest.mark.parametrize("number", [0, 1, 2**31, 2**32 - 1])
def test_ids_come_apart_as_they_were_made(host: str, port: int, number: int) -> None:
    """parse and address undo make and prefix, at the edges too."""
    made = client_id.make(client_id.prefix(host, port), number)
    assert len(made) == 20
    prefix, found = client_id.parse(made)
    assert found == number
    assert client_id.address(prefix) == f"{host}:{port}"


@pytest.mark.parametrize(("host", "port"), [("localhost", 1), ("::1", 1), ("1.2.3", 1), ("", 1)])
def test_only_ipv4_addresses_fit(host: str, port: int) -> None:
    """Names and IPv6 addresses are refused rather than cut."""
    with pytest.raises(ValueError, match=r"Expected 4 octets|cannot be empty"):
        client_id.prefix(host, port)


@pytest.mark.parametrize("port", [0, -1, 65536])
def test_ports_out_of_range_are_refused(port: int) -> None:
    """A port that would spill over into other digits is refused."""
    with pytest.raises(ValueError, match="is not in 1-65535"):
        client_id.prefix("1.2.3.4", port)


@pytest.mark.parametrize(
    "bad",
    [
        "", "7f0000010b540000000", "7f0000010b54000000011", "7F0000010B5400000001",
        "7f0000010b540000000g", "7f0000010b5400000001\n", " 7f0000010b540000000",
        "0x7f0000010b54000000", "７f0000010b5400000001", None, 7, b"7f0000010b5400000001",
    ],
)  # fmt: skip
def test_anything_else_is_no_id(bad: Any) -> None:
    """Twenty lowercase hex digits and nothing else."""
    with pytest.raises(ValueError, match="20 lowercase hex digits"):
        client_id.parse(bad)
