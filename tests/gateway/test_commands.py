"""Every command that a peer may send, on real indexes, without sockets."""

from __future__ import annotations

from typing import Any, cast

import pytest

from gateway import commands
from gateway.commands import Commands
from gateway.connection import Connection
from gateway.hub import Hub, Member, Service, groups_of
from shared import protocol
from shared.errors import ProtocolError
from shared.protocol import pack_session, unpack_session


class FakeClient(Member):
    """A client that keeps what it is sent."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number
        self.out: bytes | list[bytes] | None = None
        self.closed: tuple[int, str] | None = None
        self.destroyed = False

    def send(self, frame: bytes) -> None:
        self.out = [*self.frames, frame]

    def flush(self) -> None:
        """As a connection's; nothing to do here."""

    def close(self, close: Any, reason: str | None = None) -> None:
        self.closed = (close.code, close.reason)

    def destroy(self) -> None:
        self.destroyed = True

    @property
    def frames(self) -> list[bytes]:
        """What it was sent."""
        if self.out is None:
            return []
        return [self.out] if isinstance(self.out, bytes) else list(self.out)


class FakeGateway:
    """What commands need of a gateway."""

    def __init__(self) -> None:
        self.hub: Hub[Connection] = Hub()
        self.dirty: list[Any] = []
        self.messages_out = 0
        self.changes: list[int] = []
        self.routing = self

    def changed(self, client: Member) -> None:
        """As the routing's."""
        self.changes.append(client.number)


class Bench:
    """Commands on a service with three clients (1, 2, 3), and another service with one (9)."""

    def __init__(self) -> None:
        self.gateway = FakeGateway()
        self.commands = Commands(cast(Any, self.gateway))
        self.talk = self.gateway.hub.service("talk")
        self.other = self.gateway.hub.service("other")
        self.clients = {number: self.add(number, self.talk) for number in (1, 2, 3)}
        self.foreign = self.add(9, self.other)

    def add(self, number: int, service: Service[Connection]) -> FakeClient:
        """A client of a service."""
        client = FakeClient(number)
        self.gateway.hub.add(cast(Connection, client), service)
        return client

    def do(self, name: str, *fields: Any) -> Any:
        """Execute a command for the first service, as a peer's."""
        code = getattr(protocol, name)
        return self.commands.table[code](self.talk, *fields)

    def received(self) -> dict[int, int]:
        """Number of frames by client, of those that got any."""
        everybody = [*self.clients.values(), self.foreign]
        return {c.number: len(c.frames) for c in everybody if c.frames}


@pytest.fixture
def bench() -> Bench:
    """A new one for each test."""
    return Bench()


def test_there_is_a_method_for_every_command() -> None:
    """The table of the protocol and this class name the same commands."""
    wanted = {code for code in protocol.TABLE if code >= protocol.FIRST_COMMAND}
    assert set(Bench().commands.table) == wanted


def test_send_to_client_says_whether_it_was_there(bench: Bench) -> None:
    """True and one frame; False for unknown ids and for those of another service."""
    assert bench.do("SEND_TO_CLIENT", 1, 1, b"hi") is True
    assert bench.do("SEND_TO_CLIENT", 4, 1, b"hi") is False
    assert bench.do("SEND_TO_CLIENT", 9, 1, b"hi") is False
    assert bench.clients[1].frames == [b"\x81\x02hi"]
    assert bench.received() == {1: 1}


def test_send_to_clients_counts_each_once(bench: Bench) -> None:
    """Doubles, unknown and foreign ids do not count."""
    assert bench.do("SEND_TO_CLIENTS", [1, 1, 2, 4, 9], 2, b"x") == 2
    assert bench.received() == {1: 1, 2: 1}
    assert bench.clients[1].frames == [b"\x82\x01x"]


def test_send_to_all_leaves_out(bench: Bench) -> None:
    """Everybody of this service but the excluded; the same bytes for all."""
    assert bench.do("SEND_TO_ALL", 1, b"a", []) == 3
    assert bench.do("SEND_TO_ALL", 1, b"b", [2, 77]) == 2
    assert bench.received() == {1: 2, 2: 1, 3: 2}
    assert bench.clients[1].frames[0] is bench.clients[3].frames[0]
    assert bench.gateway.messages_out == 5


def test_send_to_uids_reaches_every_socket_once(bench: Bench) -> None:
    """Several sockets of a uid, several uids, unknown uids."""
    bench.do("BIND_UID", 1, "a")
    bench.do("BIND_UID", 2, "a")
    bench.do("BIND_UID", 3, "b")
    assert bench.do("SEND_TO_UIDS", ["a"], 1, b"x") == 2
    assert bench.do("SEND_TO_UIDS", ["a", "b", "a", "c"], 1, b"x") == 3
    assert bench.received() == {1: 2, 2: 2, 3: 1}


def test_send_to_groups_reaches_a_member_of_two_once(bench: Bench) -> None:
    """And leaves out the excluded."""
    bench.do("JOIN_GROUP", 1, "red")
    bench.do("JOIN_GROUP", 1, "blue")
    bench.do("JOIN_GROUP", 2, "blue")
    assert bench.do("SEND_TO_GROUPS", ["red", "blue"], 1, b"x", []) == 2
    assert bench.do("SEND_TO_GROUPS", ["blue"], 1, b"x", [2]) == 1
    assert bench.do("SEND_TO_GROUPS", ["green"], 1, b"x", []) == 0
    assert bench.received() == {1: 2, 2: 1}


def test_close_client_sends_its_message_first(bench: Bench) -> None:
    """Then closes with code and reason; unknown ids are not an error."""
    assert bench.do("CLOSE_CLIENT", 1, 1, b"bye", 4300, "enough") is True
    assert bench.clients[1].frames == [b"\x81\x03bye"]
    assert bench.clients[1].closed == (4300, "enough")
    assert bench.do("CLOSE_CLIENT", 2, 1, None, 1000, "") is True
    assert bench.clients[2].frames == []
    assert bench.do("CLOSE_CLIENT", 4, 1, None, 1000, "") is False


@pytest.mark.parametrize(("code", "reason"), [(1006, ""), (99, ""), (1000, "x" * 124)])
def test_close_codes_that_may_not_be_sent_are_refused(bench: Bench, code: int, reason: str) -> None:
    """Before anything is sent or closed."""
    with pytest.raises((ProtocolError, ValueError)):
        bench.do("CLOSE_CLIENT", 1, 1, b"bye", code, reason)
    assert bench.received() == {}
    assert bench.clients[1].closed is None


def test_destroy_client(bench: Bench) -> None:
    """At once; False where it is not there."""
    assert bench.do("DESTROY_CLIENT", 1) is True
    assert bench.clients[1].destroyed
    assert bench.do("DESTROY_CLIENT", 9) is False
    assert not bench.foreign.destroyed


def test_bind_and_unbind(bench: Bench) -> None:
    """Rebinding replaces; unbind checks the uid; a change is told once, no change not at all."""
    assert bench.do("BIND_UID", 1, "a") is True
    assert bench.do("BIND_UID", 1, "a") is True
    assert bench.do("BIND_UID", 1, "b") is True
    assert bench.gateway.changes == [1, 1]
    assert bench.do("CLIENTS_BY_UIDS", ["a", "b"]) == {"b": [1]}
    assert bench.do("UNBIND_UID", 1, "a") is False
    assert bench.do("GET_UID", 1) == "b"
    assert bench.do("UNBIND_UID", 1, "b") is True
    assert bench.do("GET_UID", 1) is None
    assert bench.do("BIND_UID", 9, "a") is False


@pytest.mark.parametrize("name", ["BIND_UID", "JOIN_GROUP"])
@pytest.mark.parametrize("key", ["", None, 7])
def test_empty_keys_are_refused(bench: Bench, name: str, key: Any) -> None:
    """A uid or group is a text that is not empty."""
    with pytest.raises(ProtocolError):
        bench.do(name, 1, key)
    assert bench.gateway.changes == []


def test_groups(bench: Bench) -> None:
    """Join, leave, ungroup, and what can be asked about them."""
    for number in (1, 2):
        assert bench.do("JOIN_GROUP", number, "red") is True
    bench.do("JOIN_GROUP", 1, "blue")
    bench.do("BIND_UID", 1, "a")
    assert sorted(bench.do("GROUPS")) == ["blue", "red"]
    assert bench.do("COUNT_CLIENTS", ["red", "blue", "green"]) == {"red": 2, "blue": 1, "green": 0}
    assert bench.do("CLIENTS", "red", 0, 10) == [1, 2]
    assert bench.do("UIDS", "red") == ["a"]
    assert bench.do("COUNT_UIDS", "red") == 1
    assert {g: sorted(n) for g, n in bench.do("CLIENTS_BY_GROUP").items()} == {
        "red": [1, 2],
        "blue": [1],
    }
    assert bench.do("UIDS_BY_GROUP") == {"red": ["a"], "blue": ["a"]}
    assert bench.do("LEAVE_GROUP", 2, "blue") is False
    assert bench.do("LEAVE_GROUP", 2, "red") is True
    assert bench.do("UNGROUP", "blue") == 1
    assert list(groups_of(bench.clients[1])) == ["red"]
    assert bench.do("GROUPS") == ["red"]


class TestSession:
    """Sessions are packed maps."""

    def of(self, bench: Bench, number: int) -> dict[str, Any]:
        return unpack_session(bench.do("GET_SESSION", number))

    def test_set_and_get(self, bench: Bench) -> None:
        """Replaced as a whole; None for who is not there; a change is told."""
        assert self.of(bench, 1) == {}
        assert bench.do("SET_SESSION", 1, pack_session({"a": 1, "b": [1, None]}), None) is True
        assert self.of(bench, 1) == {"a": 1, "b": [1, None]}
        assert bench.gateway.changes == [1]
        assert bench.do("GET_SESSION", 9) is None
        assert bench.do("SET_SESSION", 9, b"", None) is False

    def test_compare_and_set(self, bench: Bench) -> None:
        """Only where it is the expected one, in whatever order its keys are packed."""
        bench.do("SET_SESSION", 1, pack_session({"a": 1, "b": 2}), None)
        new = pack_session({"c": 3})
        assert bench.do("SET_SESSION", 1, new, pack_session({"a": 1})) is False
        assert self.of(bench, 1) == {"a": 1, "b": 2}
        assert bench.do("SET_SESSION", 1, new, pack_session({"b": 2, "a": 1})) is True
        assert self.of(bench, 1) == {"c": 3}

    def test_update_merges_recursively(self, bench: Bench) -> None:
        """Maps within maps are merged, everything else is replaced."""
        bench.do("SET_SESSION", 1, pack_session({"a": {"x": 1, "y": 2}, "l": [1]}), None)
        changes = pack_session({"a": {"y": 3, "z": {"deep": True}}, "l": [2]})
        assert bench.do("UPDATE_SESSION", 1, changes) is True
        assert self.of(bench, 1) == {"a": {"x": 1, "y": 3, "z": {"deep": True}}, "l": [2]}

    def test_patch_leaves_other_keys_alone(self, bench: Bench) -> None:
        """Top-level keys are set and removed; those that are not there are no error."""
        bench.do("SET_SESSION", 1, pack_session({"a": 1, "b": 2, "c": 3}), None)
        assert bench.do("PATCH_SESSION", 1, pack_session({"a": {"n": 1}}), ["b", "q"]) is True
        assert self.of(bench, 1) == {"a": {"n": 1}, "c": 3}

    @pytest.mark.parametrize("packed", [b"\xc1", b"\x93\x01\x02\x03", b"\x81"])
    def test_what_is_no_map_is_refused(self, bench: Bench, packed: bytes) -> None:
        """And the session stays as it was."""
        bench.do("SET_SESSION", 1, pack_session({"a": 1}), None)
        with pytest.raises((ProtocolError, ValueError)):
            bench.do("SET_SESSION", 1, packed, None)
        assert self.of(bench, 1) == {"a": 1}


def test_questions_about_everybody(bench: Bench) -> None:
    """Counts and lists are of this service alone."""
    bench.do("BIND_UID", 1, "a")
    bench.do("BIND_UID", 2, "a")
    assert bench.do("ARE_ONLINE", [1, 4, 9, 3]) == [1, 3]
    assert bench.do("COUNT_CLIENTS", None) == 3
    assert bench.do("COUNT_UIDS", None) == 1
    assert bench.do("UIDS", None) == ["a"]
    assert bench.do("CLIENTS_BY_UIDS", ["a", "b"]) in ({"a": [1, 2]}, {"a": [2, 1]})


def test_pages_are_ascending_and_complete(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Page after page until an empty one gives every client once, and pages are cut by bytes."""
    for number in range(10, 60):
        bench.add(number, bench.talk)
        bench.do("SET_SESSION", number, pack_session({"n": number, "fill": "x" * 100}), None)
    monkeypatch.setattr(commands, "MAX_PAGE", 500)
    seen: list[int] = []
    after, pages = 0, 0
    while page := bench.do("SESSIONS", None, after, 7):
        assert len(page) <= 7
        seen += page
        after, pages = max(page), pages + 1
    assert seen == sorted([1, 2, 3, *range(10, 60)])
    assert pages > 53 / 7  # some were cut
    assert bench.do("CLIENTS", None, 11, 3) == [12, 13, 14]
