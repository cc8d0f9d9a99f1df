"""What peers may ask for, executed on clients without sockets."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

import msgpack
import pytest

from gateway import commands
from gateway.commands import Commands
from gateway.connection import CLOSING, OPEN, Connection
from gateway.hub import Hub, Service
from gateway.server import Gateway
from shared import protocol
from shared.errors import ProtocolError
from shared.protocol import pack_session, unpack_session

from .fakes import (
    BINARY,
    CLOSE,
    TEXT,
    FakeGateway,
    FakeTransport,
    make_service,
    open_connection,
    server_frames,
)


class ChangeRouting:
    """Notes the clients whose change is told to their worker."""

    def __init__(self) -> None:
        self.told: list[int] = []

    def changed(self, client: Connection) -> None:
        self.told.append(client.number)


class Bench(FakeGateway):
    """A gateway with a hub; its clients are numbered from 1."""

    def __init__(self) -> None:
        super().__init__()
        self.messages_out = 0
        self.whole_status = lambda: {"name": "gateway-0", "clients": len(self.hub.clients)}
        self.hub: Hub[Connection] = Hub()
        self.routing = ChangeRouting()  # type: ignore[assignment]
        self.commands = Commands(cast(Gateway, self))
        self.clients: dict[int, Connection] = {}
        self.other = make_service(name="orders")
        self.hub.services = {service.name: service for service in (self.service, self.other)}

    @property
    def told(self) -> list[int]:
        """The clients whose change was told, since the last look."""
        assert isinstance(self.routing, ChangeRouting)
        told, self.routing.told = self.routing.told, []
        return told

    def open(self, client: Connection) -> None:
        client.opened(len(self.clients) + 1)
        self.hub.add(client, self.service)
        self.clients[client.number] = client

    def left(self, client: Connection, was_open: bool) -> None:
        super().left(client, was_open)
        self.hub.remove(client)

    def client(self, service: Service[Connection] | None = None) -> Connection:
        usual = self.service
        self.service = service or usual
        client, _ = open_connection(self)
        self.service = usual
        return client

    def describe_connection(self, client: Connection) -> dict[str, Any]:
        return {"client_id": client.client_id}

    def do(self, name: str, *fields: Any) -> Any:
        """Execute a command for the service of the clients."""
        code = next(row.code for row in protocol.TABLE.values() if row.name == name.upper())
        return self.commands.table[code](self.service, *fields)

    def received(self) -> dict[int, list[tuple[int, bytes]]]:
        """Frames by client, of those that got any since the last look."""
        self.flush()
        frames = {n: server_frames(transport_of(c).take()) for n, c in self.clients.items()}
        return {number: found for number, found in frames.items() if found}


def transport_of(client: Connection) -> FakeTransport:
    assert isinstance(client.transport, FakeTransport)
    return client.transport


@pytest.fixture
def bench() -> Bench:
    """Clients 1 to 5; 1 and 2 are of uid "a", 3 of "b"; 1, 3 and 4 are in group "g", 4 in "h". And
    client 6, of another service, with uid "a" in group "g"."""
    bench = Bench()
    for _ in range(5):
        bench.client()
    foreign = bench.client(bench.other)
    for number, uid in ((1, "a"), (2, "a"), (3, "b")):
        bench.do("bind_uid", number, uid)
    for number, group in ((1, "g"), (3, "g"), (4, "g"), (4, "h")):
        bench.do("join_group", number, group)
    bench.hub.bind(foreign, "a")
    bench.hub.join(foreign, "g")
    assert bench.told
    return bench


def to(numbers: Iterable[int], payload: bytes, opcode: int = TEXT) -> dict[int, Any]:
    return {number: [(opcode, payload)] for number in numbers}


# Sending


def test_send_to_client(bench: Bench) -> None:
    """True and a frame for a client of the service; False for any other."""
    assert bench.do("send_to_client", 2, TEXT, b"hello") is True
    assert bench.do("send_to_client", 6, TEXT, b"hello") is False
    assert bench.do("send_to_client", 99, TEXT, b"hello") is False
    assert bench.received() == to([2], b"hello")
    assert bench.messages_out == 1


def test_send_to_clients(bench: Bench) -> None:
    """Those that are there get it once each; the number of sockets comes back."""
    assert bench.do("send_to_clients", [1, 3, 3, 6, 99], BINARY, b"\xff") == 2
    assert bench.received() == to([1, 3], b"\xff", BINARY)
    assert bench.do("send_to_clients", [], TEXT, b"x") == 0
    assert bench.received() == {}


def test_send_to_all(bench: Bench) -> None:
    """Every client of the service but the excluded ones."""
    assert bench.do("send_to_all", TEXT, b"x", []) == 5
    assert bench.received() == to([1, 2, 3, 4, 5], b"x")
    assert bench.do("send_to_all", TEXT, b"x", [2, 5, 99]) == 3
    assert bench.received() == to([1, 3, 4], b"x")


def test_send_to_uids(bench: Bench) -> None:
    """Every socket of each uid, once even where a uid is named twice."""
    assert bench.do("send_to_uids", ["a"], TEXT, b"x") == 2
    assert bench.received() == to([1, 2], b"x")
    assert bench.do("send_to_uids", ["a", "b", "a", "nobody"], TEXT, b"x") == 3
    assert bench.received() == to([1, 2, 3], b"x")
    assert bench.do("send_to_uids", ["nobody"], TEXT, b"x") == 0


def test_send_to_groups(bench: Bench) -> None:
    """Every socket of each group, once even where it is in two of them, without the excluded."""
    assert bench.do("send_to_groups", ["g"], TEXT, b"x", []) == 3
    assert bench.received() == to([1, 3, 4], b"x")
    assert bench.do("send_to_groups", ["g", "h", "none"], TEXT, b"x", [3, 6]) == 2
    assert bench.received() == to([1, 4], b"x")
    assert bench.do("send_to_groups", ["g"], TEXT, b"x", [1]) == 2


def test_messages_keep_their_order(bench: Bench) -> None:
    """Whatever mixture of calls reaches a client within a turn, it gets it in their order."""
    bench.do("send_to_client", 1, TEXT, b"1")
    bench.do("send_to_all", TEXT, b"2", [])
    bench.do("send_to_uids", ["a"], TEXT, b"3")
    bench.do("send_to_groups", ["g"], TEXT, b"4", [])
    bench.do("send_to_client", 1, TEXT, b"5")
    assert [payload for _, payload in bench.received()[1]] == [b"1", b"2", b"3", b"4", b"5"]


def test_a_broadcast_is_built_once(bench: Bench) -> None:
    """All clients are given the very same bytes."""
    bench.do("send_to_all", TEXT, b"x" * 1000, [])
    assert len({id(client.out) for client in bench.clients.values() if client.out}) == 1
    assert bench.messages_out == 5


# Closing


def test_close_client(bench: Bench) -> None:
    """What was sent before, the message, then the close frame; the client is gone at once."""
    bench.do("send_to_client", 1, TEXT, b"before")
    assert bench.do("close_client", 1, TEXT, b"bye", 4300, "done") is True
    close = (CLOSE, (4300).to_bytes(2, "big") + b"done")
    assert bench.received() == {1: [(TEXT, b"before"), (TEXT, b"bye"), close]}
    assert bench.clients[1].state == CLOSING
    assert bench.left_with == [(4300, "done", True)]
    assert bench.do("close_client", 1, TEXT, b"bye", 1000, "") is False
    assert bench.do("send_to_client", 1, TEXT, b"more") is False
    assert bench.do("send_to_uids", ["a"], TEXT, b"more") == 1


def test_close_client_without_a_message(bench: Bench) -> None:
    """nil in place of a payload sends only the close frame."""
    assert bench.do("close_client", 1, TEXT, None, 1000, "") is True
    assert bench.received() == {1: [(CLOSE, b"\x03\xe8")]}


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (1005, ""),
        (1006, ""),
        (1015, ""),
        (999, ""),
        (5000, ""),
        (1000, "客" * 42),
        (4300, "x" * 124),
    ],
)
def test_a_close_that_cannot_be_sent_is_refused(bench: Bench, code: int, reason: str) -> None:
    """A code that may not stand in a close frame, or a reason that does not fit into one, is the
    caller's fault; nothing is sent and the client stays."""
    with pytest.raises(ProtocolError):
        bench.do("close_client", 1, TEXT, b"bye", code, reason)
    assert bench.received() == {}
    assert bench.clients[1].state == OPEN
    assert bench.do("close_client", 1, TEXT, b"bye", 4999, "x" * commands.MAX_REASON) is True


def test_destroy_client(bench: Bench) -> None:
    """What is unsent is dropped, and the socket cut off."""
    bench.do("send_to_client", 1, TEXT, b"unsent")
    assert bench.do("destroy_client", 1) is True
    assert bench.received() == {}
    assert transport_of(bench.clients[1]).aborted
    assert bench.do("destroy_client", 1) is False
    assert bench.left_with == [(1006, "", True)]


# Uids and groups


def test_bind_uid(bench: Bench) -> None:
    """One uid per socket: a new one takes the old one's place. Only changes are told."""
    assert bench.do("bind_uid", 1, "b") is True
    assert bench.told == [1]
    assert bench.do("bind_uid", 1, "b") is True
    assert bench.told == []
    assert bench.do("get_uid", 1) == "b"
    assert sorted(bench.do("clients_by_uids", ["b"])["b"]) == [1, 3]
    assert bench.do("clients_by_uids", ["a"]) == {"a": [2]}
    assert bench.do("bind_uid", 99, "b") is False
    assert bench.do("bind_uid", 6, "b") is False


def test_unbind_uid(bench: Bench) -> None:
    """Only from the uid that it has; a client that has another one is left alone."""
    assert bench.do("unbind_uid", 1, "b") is False
    assert bench.do("get_uid", 1) == "a"
    assert bench.told == []
    assert bench.do("unbind_uid", 1, "a") is True
    assert bench.told == [1]
    assert bench.do("get_uid", 1) is None
    assert bench.do("unbind_uid", 1, "a") is False
    assert bench.do("unbind_uid", 99, "a") is False


def test_groups(bench: Bench) -> None:
    """Joining is true for who is there, leaving for who was in it; only changes are told."""
    assert bench.do("join_group", 4, "g") is True
    assert bench.told == []
    assert bench.do("join_group", 5, "g") is True
    assert bench.do("leave_group", 4, "g") is True
    assert bench.told == [5, 4]
    assert bench.do("leave_group", 4, "g") is False
    assert bench.do("leave_group", 99, "g") is False
    assert bench.do("join_group", 99, "g") is False
    assert sorted(bench.do("clients", "g", 0, 10)) == [1, 3, 5]
    assert bench.do("clients", "h", 0, 10) == [4]


def test_ungroup(bench: Bench) -> None:
    """The group is gone, its clients stay; other services keep theirs of the same name."""
    assert bench.do("ungroup", "g") == 3
    assert sorted(bench.told) == [1, 3, 4]
    assert bench.do("groups") == ["h"]
    assert bench.do("ungroup", "g") == 0
    assert bench.clients[1].state == OPEN
    assert list(bench.other.groups) == ["g"]


@pytest.mark.parametrize("name", ["bind_uid", "unbind_uid", "join_group", "leave_group"])
@pytest.mark.parametrize("value", ["", None, 0, 7, b"a", []])
def test_uids_and_groups_are_words(bench: Bench, name: str, value: Any) -> None:
    """An empty or other value is the caller's fault."""
    with pytest.raises(ProtocolError):
        bench.do(name, 1, value)
    with pytest.raises(ProtocolError):
        bench.do("ungroup", value)


# Sessions


def test_set_session(bench: Bench) -> None:
    """The whole session is replaced; what is the same is not told."""
    assert bench.do("get_session", 1) == b""
    assert bench.do("set_session", 1, pack_session({"k": 1}), None) is True
    assert bench.told == [1]
    assert bench.do("set_session", 1, pack_session({"k": 1}), None) is True
    assert bench.told == []
    assert unpack_session(bench.do("get_session", 1)) == {"k": 1}
    assert bench.do("set_session", 1, pack_session({}), None) is True
    assert bench.do("get_session", 1) == b""
    assert bench.do("set_session", 99, pack_session({}), None) is False
    assert bench.do("get_session", 99) is None


def test_compare_and_set(bench: Bench) -> None:
    """With an expected session it is replaced only if it is that one, however it was packed."""
    bench.do("set_session", 1, pack_session({"a": 1, "b": 2}), None)
    new = pack_session({"c": 3})
    assert bench.do("set_session", 1, new, pack_session({"a": 1})) is False
    assert bench.do("set_session", 1, new, pack_session({})) is False
    assert unpack_session(bench.do("get_session", 1)) == {"a": 1, "b": 2}
    assert bench.do("set_session", 1, new, pack_session({"b": 2, "a": 1})) is True
    assert bench.do("set_session", 1, b"", new) is True
    assert bench.do("set_session", 1, new, b"") is True
    assert unpack_session(bench.do("get_session", 1)) == {"c": 3}


def test_update_session(bench: Bench) -> None:
    """Maps are merged all the way down; everything else is replaced."""
    bench.do("set_session", 1, pack_session({"a": {"x": 1, "y": {"z": 1}}, "b": [1], "c": 1}), None)
    changes = {"a": {"y": {"w": 2}, "x": {"n": 1}}, "b": [2], "d": {"e": 1}}
    assert bench.do("update_session", 1, pack_session(changes)) is True
    assert unpack_session(bench.do("get_session", 1)) == {
        "a": {"x": {"n": 1}, "y": {"z": 1, "w": 2}},
        "b": [2],
        "c": 1,
        "d": {"e": 1},
    }
    assert bench.do("update_session", 99, pack_session(changes)) is False


def test_patch_session(bench: Bench) -> None:
    """Keys of the map are set, those of the list removed, the others left as they are."""
    bench.do("set_session", 1, pack_session({"a": {"x": 1}, "b": 1, "c": 1}), None)
    assert bench.do("patch_session", 1, pack_session({"a": {"y": 2}}), ["b", "unknown"]) is True
    assert unpack_session(bench.do("get_session", 1)) == {"a": {"y": 2}, "c": 1}
    assert bench.do("patch_session", 1, b"", ["a", "c"]) is True
    assert bench.do("get_session", 1) == b""
    assert bench.do("patch_session", 99, b"", []) is False


@pytest.mark.parametrize("bad", [b"\xc1", b"\x01", b"\x81", msgpack.packb([1]), b"\x81\x90\x01"])
def test_sessions_that_are_none_are_refused(bench: Bench, bad: bytes) -> None:
    """Garbage in place of a session is the caller's fault and changes nothing."""
    bench.do("set_session", 1, pack_session({"k": 1}), None)
    for name, fields in (
        ("set_session", (bad, None)),
        ("set_session", (b"", bad)),
        ("update_session", (bad,)),
        ("patch_session", (bad, [])),
    ):
        with pytest.raises(ProtocolError):
            bench.do(name, 1, *fields)
    assert unpack_session(bench.do("get_session", 1)) == {"k": 1}


# Questions


def test_who_is_online(bench: Bench) -> None:
    """Only clients of the service, only those that are there."""
    assert bench.do("are_online", [5, 1, 6, 99]) == [5, 1]
    assert bench.do("clients_by_uids", ["b", "nobody"]) == {"b": [3]}
    assert bench.do("get_uid", 4) is None
    assert bench.do("get_uid", 6) is None


def test_lists(bench: Bench) -> None:
    """Uids, groups and clients of the service or of a group of it."""
    assert sorted(bench.do("uids", None)) == ["a", "b"]
    assert sorted(bench.do("uids", "g")) == ["a", "b"]
    assert bench.do("uids", "h") == []
    assert sorted(bench.do("groups")) == ["g", "h"]
    assert {g: sorted(u) for g, u in bench.do("uids_by_group").items()} == {
        "g": ["a", "b"],
        "h": [],
    }
    assert {g: sorted(c) for g, c in bench.do("clients_by_group").items()} == {
        "g": [1, 3, 4],
        "h": [4],
    }


def test_counts(bench: Bench) -> None:
    """Sockets of the service or of groups, and uids."""
    assert bench.do("count_clients", None) == 5
    assert bench.do("count_clients", ["g", "h", "none"]) == {"g": 3, "h": 1, "none": 0}
    assert bench.do("count_uids", None) == 2
    assert bench.do("count_uids", "g") == 2
    assert bench.do("count_uids", "h") == 0


def test_pages(bench: Bench) -> None:
    """Clients come in ascending order from any one on, at most so many; pages put together are the
    whole, of the service or of a group."""
    for group, expected in ((None, [1, 2, 3, 4, 5]), ("g", [1, 3, 4]), ("none", [])):
        for limit in (1, 2, 10):
            found: list[int] = []
            while page := bench.do("clients", group, found[-1] if found else 0, limit):
                assert len(page) <= limit
                assert list(bench.do("sessions", group, found[-1] if found else 0, limit)) == page
                found += page
            assert found == expected


def test_pages_of_large_sessions_are_shorter(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page of sessions ends before it becomes too large, but has one client at least."""
    monkeypatch.setattr(commands, "MAX_PAGE", 250)
    for number in range(1, 6):
        bench.do("set_session", number, pack_session({"k": "x" * 100}), None)
    assert list(bench.do("sessions", None, 0, 10)) == [1, 2]
    assert list(bench.do("sessions", None, 2, 10)) == [3, 4]
    monkeypatch.setattr(commands, "MAX_PAGE", 50)
    assert list(bench.do("sessions", None, 4, 10)) == [5]
    assert list(bench.do("sessions", None, 5, 10)) == []


def test_gateway_status(bench: Bench) -> None:
    """The numbers of the whole process, and how many sockets are not read at present."""
    assert bench.do("gateway_status") == {"name": "gateway-0", "clients": 6, "paused": 0}
    bench.clients[2].held = [(TEXT, b"x")]
    assert bench.do("gateway_status")["paused"] == 1


@pytest.mark.parametrize(
    ("of", "search", "numbers"),
    [
        (None, "", [1, 2, 3, 4, 5, 6]),
        ("servicer", "", [1, 2, 3, 4, 5]),
        ("orders", "", [6]),
        ("nobody", "", []),
        (None, "a", [1, 2, 6]),
        ("servicer", "b", [3]),
        (None, "192.0.2.", [1, 2, 3, 4, 5, 6]),
        (None, "192.0.2.8", []),
        (None, "7f0000010b5400000004", [4]),
        (None, "7f0000010b5500000004", []),
        (None, "7f0000010b54", []),
    ],
)
def test_connections(bench: Bench, of: str | None, search: str, numbers: list[int]) -> None:
    """Clients of one service or all, found by a part of uid or address, or by their whole id."""
    ids = [{"client_id": bench.clients[number].client_id} for number in numbers]
    assert bench.do("connections", of, search, 0, 100) == (len(numbers), ids)


def test_pages_of_connections(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page begins after a number; the count is that of all pages."""
    second = [{"client_id": bench.clients[number].client_id} for number in (3, 4)]
    assert bench.do("connections", None, "", 2, 2) == (6, second)
    assert bench.do("connections", None, "", 6, 2) == (6, [])
    assert bench.do("connections", None, "", 0, 0) == (6, [])
    monkeypatch.setattr(commands, "MAX_CONNECTIONS", 1)
    assert len(bench.do("connections", None, "", 0, 2)[1]) == 1
