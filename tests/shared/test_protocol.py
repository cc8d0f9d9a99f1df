"""The inner protocol: its table, its frames, and sessions."""

from __future__ import annotations

import inspect
import random
from typing import Any

import msgpack
import pytest

from gateway.commands import Commands
from shared import protocol
from shared.errors import ProtocolError
from shared.protocol import TABLE, Direction, ServiceOptions

CODES = {
    name: value
    for name, value in vars(protocol).items()
    if name.isupper()
    and type(value) is int
    and name not in ("VERSION", "MAX_FRAME", "WINDOW_MESSAGES", "WINDOW_BYTES")
    and not name.startswith("FIRST_")
}
COMMANDS = [row for row in TABLE.values() if row.code >= protocol.FIRST_COMMAND]


def test_every_code_has_a_row_of_its_name() -> None:
    """The constants and the rows are the same set, so that nothing goes undocumented."""
    assert {row.name: row.code for row in TABLE.values()} == CODES


def test_rows_are_complete() -> None:
    """Each row has a meaning, distinct plain field names and a version that exists."""
    for code, row in TABLE.items():
        names = [name for name in row.fields.split(", ") if name]
        assert row.code == code
        assert row.meaning.endswith(".")
        assert all(name.isidentifier() for name in names)
        assert len(set(names)) == len(names)
        assert 1 <= row.since <= protocol.VERSION
        assert protocol.FIELDS[code] == len(names)


def test_commands_and_others_are_told_apart_by_their_code() -> None:
    """From FIRST_COMMAND on everything is a command to the gateway, and nothing before it is."""
    for row in TABLE.values():
        is_command = row.fields.startswith("number, deadline, service")
        assert is_command == (row.code >= protocol.FIRST_COMMAND)
        if is_command:
            assert row.direction is Direction.TO_GATEWAY


def test_questions_are_told_apart_by_their_code() -> None:
    """Commands below FIRST_QUESTION change or send, those from it on only ask: a repeated question
    is asked again, a repeated change is not made again."""
    words = (
        *("GET", "ARE", "COUNT", "CLIENTS", "UIDS", "GROUPS", "SESSIONS"),
        *("GATEWAY_STATUS", "CONNECTIONS"),
    )
    for row in COMMANDS:
        assert row.name.startswith(words) == (row.code >= protocol.FIRST_QUESTION), row.name


@pytest.mark.parametrize("row", COMMANDS, ids=[row.name for row in COMMANDS])
def test_the_gateway_executes_each_command_with_the_fields_of_its_row(
    row: protocol.Command,
) -> None:
    """The method of a command takes the service and just the fields that follow it."""
    method = getattr(Commands, row.name.lower())
    parameters = list(inspect.signature(method).parameters.values())[2:]
    assert len(parameters) == len(row.fields.split(", ")) - 3
    assert all(parameter.default is parameter.empty for parameter in parameters)


def test_a_frame_holds_many_messages() -> None:
    """Concatenated messages come back one by one, in order, with their types."""
    messages: list[list[Any]] = [
        [protocol.TEXT, 1, 2, b"\x00\xff"],
        [protocol.CHANGED, 2, 7, None, ["组"], b""],
        [protocol.REPLY, 3, {"a": [1, 2.5, True]}],
        [protocol.SESSIONS, 4, {2**32 - 1: b"x"}],
    ]
    frame = b"".join(protocol.pack(message) for message in messages)
    assert list(protocol.unpack(frame)) == messages
    assert list(protocol.unpack(b"")) == []


def test_messages_before_a_bad_one_are_given_out() -> None:
    """What came whole before the fault is yielded, then ProtocolError."""
    good = protocol.pack((protocol.HEARTBEAT, "i", 1))
    messages = iter(protocol.unpack(good + good + b"\xc1"))
    assert [next(messages)[0], next(messages)[0]] == [protocol.HEARTBEAT] * 2
    with pytest.raises(ProtocolError):
        next(messages)


@pytest.mark.parametrize(
    "bad",
    [
        b"\xc1",  # the one byte that msgpack never uses
        b"\x90",  # an empty array
        b"\x05",  # an int
        b"\x80",  # a map
        b"\x91\xa1x",  # a code that is text
        b"\x91\xc3",  # a code that is true
        b"\x91\xcb\x3f\xf0\0\0\0\0\0\0",  # a code that is 1.0
        b"\x92\x01\x81\x90\x01",  # a map whose key is a list
        b"\x92\x01\xa1\xff",  # text that is not UTF-8
        b"\x92\x01\xdd\xff\xff\xff\xff",  # an array that says it has 4 billion items
        b"\x92\x01\xc6\xff\xff\xff\xff",  # bytes that say they are 4 GB
        b"\x91" * 100_000,  # arrays in arrays
        b"\x92\x01\xd6\xff\0",  # a timestamp cut short
    ],
    ids=lambda bad: bytes(bad[:9]).hex(),
)
def test_garbage_is_a_protocol_error(bad: bytes) -> None:
    """Bytes that are no messages raise ProtocolError and nothing else."""
    with pytest.raises(ProtocolError):
        list(protocol.unpack(bad))


def test_a_frame_cut_anywhere_is_a_protocol_error() -> None:
    """However a frame is cut short, it is noticed, unless the cut is between two messages."""
    first = protocol.pack((protocol.CONNECT, 1, 0, 5, ["1.2.3.4:5", None, [], b"x"], None))
    second = protocol.pack((protocol.TEXT, 2, 5, b"payload" * 60))
    frame = first + second
    for size in range(len(frame)):
        if size in (0, len(first)):
            list(protocol.unpack(frame[:size]))
        else:
            with pytest.raises(ProtocolError):
                list(protocol.unpack(frame[:size]))


def test_fuzzed_frames_raise_nothing_but_protocol_errors() -> None:
    """Whatever is flipped, cut out or put in: messages that begin with a code, or ProtocolError."""
    seed = random.Random(4)
    messages: list[tuple[Any, ...]] = [
        (protocol.HELLO, 1, "worker", "名", "0" * 16, [["s", ["on_message"], {"a": 1}]]),
        (protocol.SEND_TO_GROUPS, -3, 10**12, 0, ["g"], 1, b"\x80" * 40, []),
        (protocol.PATCH_SESSION, 9, 1, 0, 4, msgpack.packb({"k": [1, {}]}), ["x"]),
    ]
    frame = b"".join(protocol.pack(message) for message in messages)
    refused = 0
    for _ in range(20_000):
        fuzzed = bytearray(frame)
        for _ in range(seed.randint(1, 4)):
            place = seed.randrange(len(fuzzed))
            match seed.randrange(3):
                case 0:
                    fuzzed[place] = seed.randrange(256)
                case 1:
                    del fuzzed[place : place + seed.randint(1, 8)]
                case _:
                    fuzzed[place:place] = seed.randbytes(seed.randint(1, 8))
        try:
            for message in protocol.unpack(bytes(fuzzed)):
                assert type(message) is list
                assert type(message[0]) is int
        except ProtocolError:
            refused += 1
    assert refused > 1000


def test_sessions_come_back_as_they_were() -> None:
    """A session survives packing; the empty one takes no bytes."""
    session = {"uid": "7", "名": [1, None, {"deep": b"\x00"}], "n": 2**63}
    assert protocol.unpack_session(protocol.pack_session(session)) == session
    assert protocol.pack_session({}) == b""
    assert protocol.unpack_session(b"") == {}


def test_unpacked_sessions_are_independent() -> None:
    """Changing what unpack_session gave changes nothing for the next caller."""
    protocol.unpack_session(b"")["x"] = 1
    assert protocol.unpack_session(b"") == {}


@pytest.mark.parametrize("bad", [None, [], "x", {"f": object()}, {"n": 2**64}, {"s": {1, 2}}])
def test_what_is_no_session_is_refused(bad: Any) -> None:
    """Only maps of what msgpack carries can be sessions."""
    with pytest.raises(ProtocolError):
        protocol.pack_session(bad)


@pytest.mark.parametrize("bad", [b"\xc1", b"\x01", b"\x90", b"\x81\x90\x01", b"\x81", b"\x80\x80"])
def test_packed_sessions_that_are_none_are_refused(bad: bytes) -> None:
    """Garbage in place of a packed session raises ProtocolError and nothing else."""
    with pytest.raises(ProtocolError):
        protocol.unpack_session(bad)


def test_service_options_travel() -> None:
    """Options survive HELLO, unknown ones are ignored, and missing ones take their defaults."""
    options = ServiceOptions(heartbeat_text=None, unbound_timeout=600)
    assert ServiceOptions.from_map(options.to_map() | {"later": 1}) == options
    assert ServiceOptions.from_map({}) == ServiceOptions("ping", 0)


@pytest.mark.parametrize("bad", [[], None, {"heartbeat_text": 1}, {"unbound_timeout": "long"}])
def test_bad_service_options_are_refused(bad: Any) -> None:
    """A value of the wrong type raises ProtocolError."""
    with pytest.raises(ProtocolError):
        ServiceOptions.from_map(bad)


def test_codes_have_names() -> None:
    """Logs name codes, unknown ones too."""
    assert protocol.describe(protocol.HELLO) == "HELLO"
    assert protocol.describe(99) == "code 99"
