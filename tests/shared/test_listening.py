"""Listening sockets of a supervisor."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from shared import listening
from shared.errors import SettingsError


@pytest.fixture
def sockets() -> Iterator[listening.Sockets]:
    """Closed at the end."""
    sockets = listening.Sockets()
    yield sockets
    sockets.keep(())


def port_of(sock: socket.socket) -> int:
    """The port of a socket."""
    return int(sock.getsockname()[1])


def test_a_socket_stays_open_at_the_same_address(sockets: listening.Sockets) -> None:
    """That is what keeps connections queued while children are restarted."""
    first = sockets.get("http", "business.port", "127.0.0.1", 0)
    assert sockets.get("http", "business.port", "127.0.0.1", 0) is first
    second = sockets.get("http", "business.port", "localhost", 0)
    assert second is not first
    assert first.fileno() == -1


def test_siblings_share_the_port_that_the_first_was_given(sockets: listening.Sockets) -> None:
    """Port 0 is one port for all gateway processes, and none of another setting's."""
    register = sockets.get("register", "register.listen", "127.0.0.1", 0)
    first = sockets.get("gateway-0", "gateway.port", "127.0.0.1", 0, reuse_port=True)
    second = sockets.get("gateway-1", "gateway.port", "127.0.0.1", 0, reuse_port=True)
    assert port_of(first) == port_of(second) != port_of(register)


def test_sockets_that_are_not_wanted_are_closed(sockets: listening.Sockets) -> None:
    """An open one that nobody accepts on would swallow its share of the connections."""
    first = sockets.get("gateway-0", "gateway.port", "127.0.0.1", 0, reuse_port=True)
    second = sockets.get("gateway-1", "gateway.port", "127.0.0.1", 0, reuse_port=True)
    sockets.keep({"gateway-0"})
    assert first.fileno() != -1
    assert second.fileno() == -1


@pytest.mark.parametrize("reuse_port", [False, True])
def test_a_port_of_somebody_else_is_refused(sockets: listening.Sockets, reuse_port: bool) -> None:
    """Also when both would share it."""
    with listening.listen("x", "127.0.0.1", 0, reuse_port=True) as other:
        with pytest.raises(SettingsError, match=r"^gateway.port: .*address already in use"):
            sockets.get("a", "gateway.port", "127.0.0.1", port_of(other), reuse_port=reuse_port)


def test_an_address_that_is_not_ours_is_refused(sockets: listening.Sockets) -> None:
    """In one line, with the setting."""
    with pytest.raises(SettingsError, match=r"^business.port: cannot listen at 192.0.2.1:8080: "):
        sockets.get("http", "business.port", "192.0.2.1", 8080)


def test_addresses_are_written_as_in_urls() -> None:
    """IPv6 in brackets."""
    with listening.listen("x", "127.0.0.1", 0) as sock:
        assert listening.address(sock) == f"127.0.0.1:{port_of(sock)}"
    with listening.listen("x", "[::1]", 0) as sock:
        assert listening.address(sock) == f"[::1]:{port_of(sock)}"
