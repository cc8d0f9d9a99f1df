"""The inner protocol between gateways and their peers. Pure: no sockets, no clock.

A ZeroMQ frame carries one or more messages: concatenated msgpack arrays ``[code, field, ...]``.
Every code is one row of ``TABLE`` with its fields, direction and the version that brought it.

Conventions of the fields:

* ``number`` of a command: counts up per peer instance from 1. Positive: the gateway answers with
  REPLY or ERROR. Negative: nobody waits; DONE acknowledges it cumulatively. A number that was
  executed before is answered from memory.
* ``deadline``: milliseconds on the gateway's clock (see WELCOME). A command is not executed after
  it; it is then answered with ERROR ``late``.
* ``service``: index into the services of the peer's HELLO.
* ``client``: connection number (the last 8 digits of a client id).
* ``opcode``: 1 text, 2 binary, as in RFC 6455; ``payload`` is then the bytes of that message.
* ``state`` of a client: ``[address, uid, groups, session]``: str ``ip:port``, str or nil, list of
  str, and the session as packed msgpack map (bytes; empty bytes = empty session).
* ``seq`` of an event: counts up per link from 1; ACK acknowledges.

An unknown code is a ProtocolError, but for that of a command, which is answered with ERROR
``unknown_command`` (``bad_command`` by gateways older than GATEWAY_STATUS); unknown extra fields at
the end of a message are ignored, so that a later version may append fields. A change that breaks
this raises ``VERSION``.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable
from typing import Any, NamedTuple

import msgpack

from .errors import ProtocolError

VERSION = 1
"""Peers of different versions refuse each other with REFUSED ``version``."""

MAX_FRAME = 64 * 1024 * 1024
"""Largest ZeroMQ frame accepted, bytes. A larger one breaks the connection (ZMQ_MAXMSGSIZE)."""

WINDOW_MESSAGES = 1000
"""Unacknowledged events per worker link, and unacknowledged commands per link, at most."""

WINDOW_BYTES = 1024 * 1024
"""The same in bytes. One message larger than this goes alone."""

# Either direction
HELLO = 1
WELCOME = 2
REFUSED = 3
HELLO_REQUIRED = 4
HEARTBEAT = 5
READY = 6
LEAVE = 7
LEFT = 8
BYE = 9

# Events, gateway to worker
CONNECT = 16
TEXT = 17
BINARY = 18
CLOSE = 19
ADOPT = 20
CHANGED = 21
GATEWAY_UP = 22

# Acknowledgements and answers
ACK = 24
REPLY = 25
ERROR = 26
DONE = 27

# Commands, peer to gateway: changes
SEND_TO_CLIENT = 32
SEND_TO_CLIENTS = 33
SEND_TO_ALL = 34
SEND_TO_UIDS = 35
SEND_TO_GROUPS = 36
CLOSE_CLIENT = 37
DESTROY_CLIENT = 38
BIND_UID = 39
UNBIND_UID = 40
JOIN_GROUP = 41
LEAVE_GROUP = 42
UNGROUP = 43
SET_SESSION = 44
UPDATE_SESSION = 45
PATCH_SESSION = 46

# Commands, peer to gateway: questions
GET_SESSION = 64
ARE_ONLINE = 65
CLIENTS_BY_UIDS = 66
GET_UID = 67
SESSIONS = 68
CLIENTS = 69
UIDS = 70
GROUPS = 71
COUNT_CLIENTS = 72
COUNT_UIDS = 73
UIDS_BY_GROUP = 74
CLIENTS_BY_GROUP = 75
GATEWAY_STATUS = 76
CONNECTIONS = 77

FIRST_QUESTION = GET_SESSION
"""Commands below this code change something or send; from it on they only ask."""

FIRST_COMMAND = SEND_TO_CLIENT


class Direction(enum.Enum):
    """Who sends a message."""

    TO_GATEWAY = "peer to gateway"
    TO_PEER = "gateway to peer"
    TO_WORKER = "gateway to worker"
    BOTH = "either"


class Kind(enum.StrEnum):
    """What a peer is, as it says in HELLO."""

    WORKER = "worker"
    CLIENT = "client"


class CallError(enum.StrEnum):
    """``code`` of ERROR."""

    LATE = "late"  # the deadline had passed; nothing was executed
    UNKNOWN_OUTCOME = "unknown_outcome"  # a repeated number that memory no longer holds
    BAD_COMMAND = "bad_command"  # malformed fields
    UNKNOWN_COMMAND = "unknown_command"  # a code of a later version
    FAILED = "failed"  # a fault in the gateway; its log has the traceback


class Command(NamedTuple):
    """One row of the protocol's table."""

    code: int
    name: str
    direction: Direction
    fields: str
    meaning: str
    since: int = 1


_TO_GATEWAY, _TO_PEER = Direction.TO_GATEWAY, Direction.TO_PEER
_TO_WORKER, _BOTH = Direction.TO_WORKER, Direction.BOTH

# ruff: disable[E501]
TABLE: dict[int, Command] = {
    row.code: row
    for row in (
        Command(
            HELLO,
            "HELLO",
            _TO_GATEWAY,
            "version, kind, name, instance, services, program",
            "First message on every connection. name: for people (str). instance: 16 hex digits, new per "
            "program start. services: list of [name, hooks, options]; hooks: list of names (str) that the "
            "service defines; options: map, see ServiceOptions. program: [host, pid, version of kefu], for "
            "people; may be missing.",
        ),
        Command(
            WELCOME,
            "WELCOME",
            _TO_PEER,
            "version, instance, clock, prefix",
            "Accepts a HELLO. instance: 16 hex digits, new per gateway start. clock: the gateway's "
            "monotonic clock, ms. prefix: the 12 digits that its client ids begin with.",
        ),
        Command(
            REFUSED,
            "REFUSED",
            _TO_PEER,
            "code, version, message",
            "Answers a HELLO that is not accepted; code 'version' or 'bad_hello'.",
        ),
        Command(
            HELLO_REQUIRED,
            "HELLO_REQUIRED",
            _TO_PEER,
            "",
            "Answers anything from a connection that never said HELLO; nothing was executed.",
        ),
        Command(
            HEARTBEAT,
            "HEARTBEAT",
            _BOTH,
            "instance, clock",
            "Every inner.heartbeat_interval. From the gateway: its instance and clock; from a peer: its "
            "instance and 0. Any message counts as life.",
        ),
        Command(READY, "READY", _TO_GATEWAY, "", "Worker: give me events from now on."),
        Command(
            LEAVE,
            "LEAVE",
            _TO_GATEWAY,
            "",
            "Worker: give my clients to others, each after I acknowledged its earlier events.",
        ),
        Command(
            LEFT, "LEFT", _TO_WORKER, "", "Answers LEAVE once no client is left with this worker."
        ),
        Command(BYE, "BYE", _BOTH, "", "This side closes the link now, on purpose."),
        Command(
            CONNECT,
            "CONNECT",
            _TO_WORKER,
            "seq, service, client, state, request",
            "A client opened its socket. request: nil, or for services with on_websocket_connect "
            "[path, query, headers], str, str and list of [name, value].",
        ),
        Command(TEXT, "TEXT", _TO_WORKER, "seq, client, payload", "A text message, UTF-8 checked."),
        Command(BINARY, "BINARY", _TO_WORKER, "seq, client, payload", "A binary message."),
        Command(
            CLOSE,
            "CLOSE",
            _TO_WORKER,
            "seq, service, client, state, code, reason",
            "The client is gone. code: close code received or sent, 1006 where there was none.",
        ),
        Command(
            ADOPT,
            "ADOPT",
            _TO_WORKER,
            "seq, service, client, state",
            "A client that another worker served before is now this worker's.",
        ),
        Command(
            CHANGED,
            "CHANGED",
            _TO_WORKER,
            "seq, client, uid, groups, session",
            "uid, groups or session of a client of this worker changed; the new values.",
        ),
        Command(
            GATEWAY_UP,
            "GATEWAY_UP",
            _TO_WORKER,
            "seq, service, last, clients",
            "What the gateway holds, in parts. clients: list of [client, uid, session]; last: bool.",
        ),
        Command(
            ACK,
            "ACK",
            _TO_GATEWAY,
            "upto, more",
            "Events up to this seq are done, and those in the list more.",
        ),
        Command(REPLY, "REPLY", _TO_PEER, "number, value", "Result of a command."),
        Command(
            ERROR,
            "ERROR",
            _TO_PEER,
            "number, code, message",
            "The command was not executed, or failed. code: CallError.",
        ),
        Command(
            DONE,
            "DONE",
            _TO_PEER,
            "upto",
            "All commands with numbers up to this were executed or have been answered.",
        ),
        Command(
            SEND_TO_CLIENT,
            "SEND_TO_CLIENT",
            _TO_GATEWAY,
            "number, deadline, service, client, opcode, payload",
            "REPLY: bool, whether the socket was there.",
        ),
        Command(
            SEND_TO_CLIENTS,
            "SEND_TO_CLIENTS",
            _TO_GATEWAY,
            "number, deadline, service, clients, opcode, payload",
            "REPLY: number of sockets.",
        ),
        Command(
            SEND_TO_ALL,
            "SEND_TO_ALL",
            _TO_GATEWAY,
            "number, deadline, service, opcode, payload, exclude",
            "exclude: list of clients. REPLY: number of sockets.",
        ),
        Command(
            SEND_TO_UIDS,
            "SEND_TO_UIDS",
            _TO_GATEWAY,
            "number, deadline, service, uids, opcode, payload",
            "REPLY: number of sockets.",
        ),
        Command(
            SEND_TO_GROUPS,
            "SEND_TO_GROUPS",
            _TO_GATEWAY,
            "number, deadline, service, groups, opcode, payload, exclude",
            "A socket in two of the groups gets it once. REPLY: number of sockets.",
        ),
        Command(
            CLOSE_CLIENT,
            "CLOSE_CLIENT",
            _TO_GATEWAY,
            "number, deadline, service, client, opcode, payload, code, reason",
            "Sends payload (nil: nothing), then closes. REPLY: bool, whether the socket was there.",
        ),
        Command(
            DESTROY_CLIENT,
            "DESTROY_CLIENT",
            _TO_GATEWAY,
            "number, deadline, service, client",
            "Drops the connection with what is unsent. REPLY: bool.",
        ),
        Command(
            BIND_UID,
            "BIND_UID",
            _TO_GATEWAY,
            "number, deadline, service, client, uid",
            "REPLY: bool.",
        ),
        Command(
            UNBIND_UID,
            "UNBIND_UID",
            _TO_GATEWAY,
            "number, deadline, service, client, uid",
            "REPLY: bool, whether the client was bound to this uid.",
        ),
        Command(
            JOIN_GROUP,
            "JOIN_GROUP",
            _TO_GATEWAY,
            "number, deadline, service, client, group",
            "REPLY: bool.",
        ),
        Command(
            LEAVE_GROUP,
            "LEAVE_GROUP",
            _TO_GATEWAY,
            "number, deadline, service, client, group",
            "REPLY: bool, whether the client was in the group.",
        ),
        Command(
            UNGROUP,
            "UNGROUP",
            _TO_GATEWAY,
            "number, deadline, service, group",
            "REPLY: number of sockets that left.",
        ),
        Command(
            SET_SESSION,
            "SET_SESSION",
            _TO_GATEWAY,
            "number, deadline, service, client, session, expected",
            "session, expected: packed maps; expected nil = whatever it is. REPLY: bool, false when the "
            "client is gone or its session is not the expected one.",
        ),
        Command(
            UPDATE_SESSION,
            "UPDATE_SESSION",
            _TO_GATEWAY,
            "number, deadline, service, client, changes",
            "Merges the packed map, recursively. REPLY: bool.",
        ),
        Command(
            PATCH_SESSION,
            "PATCH_SESSION",
            _TO_GATEWAY,
            "number, deadline, service, client, changes, removed",
            "Sets the top-level keys of the packed map and removes those of the list; leaves the others "
            "as they are. REPLY: bool.",
        ),
        Command(
            GET_SESSION,
            "GET_SESSION",
            _TO_GATEWAY,
            "number, deadline, service, client",
            "REPLY: packed map, nil when the client is gone.",
        ),
        Command(
            ARE_ONLINE,
            "ARE_ONLINE",
            _TO_GATEWAY,
            "number, deadline, service, clients",
            "REPLY: list of those online.",
        ),
        Command(
            CLIENTS_BY_UIDS,
            "CLIENTS_BY_UIDS",
            _TO_GATEWAY,
            "number, deadline, service, uids",
            "REPLY: map uid -> list of clients, of those online.",
        ),
        Command(
            GET_UID,
            "GET_UID",
            _TO_GATEWAY,
            "number, deadline, service, client",
            "REPLY: uid, nil when unbound or gone.",
        ),
        Command(
            SESSIONS,
            "SESSIONS",
            _TO_GATEWAY,
            "number, deadline, service, group, after, limit",
            "group nil = all. REPLY: map client -> packed map, ascending, of clients above after. "
            "A page may be shorter than limit; only an empty one is the last.",
        ),
        Command(
            CLIENTS,
            "CLIENTS",
            _TO_GATEWAY,
            "number, deadline, service, group, after, limit",
            "The same as a list of clients.",
        ),
        Command(
            UIDS,
            "UIDS",
            _TO_GATEWAY,
            "number, deadline, service, group",
            "REPLY: list of uids online; group nil = all.",
        ),
        Command(
            GROUPS,
            "GROUPS",
            _TO_GATEWAY,
            "number, deadline, service",
            "REPLY: list of groups with at least one socket.",
        ),
        Command(
            COUNT_CLIENTS,
            "COUNT_CLIENTS",
            _TO_GATEWAY,
            "number, deadline, service, groups",
            "groups nil: REPLY is the number of sockets; else map group -> number.",
        ),
        Command(
            COUNT_UIDS,
            "COUNT_UIDS",
            _TO_GATEWAY,
            "number, deadline, service, group",
            "REPLY: number of uids here. Gateways may share a uid: for an exact total ask UIDS.",
        ),
        Command(
            UIDS_BY_GROUP,
            "UIDS_BY_GROUP",
            _TO_GATEWAY,
            "number, deadline, service",
            "REPLY: map group -> list of uids.",
        ),
        Command(
            CLIENTS_BY_GROUP,
            "CLIENTS_BY_GROUP",
            _TO_GATEWAY,
            "number, deadline, service",
            "REPLY: map group -> list of clients.",
        ),
        Command(
            GATEWAY_STATUS,
            "GATEWAY_STATUS",
            _TO_GATEWAY,
            "number, deadline, service",
            "Of the whole gateway, whatever the service. REPLY: map, what `status` shows of it, and: host, "
            "instance, paused (sockets that are not read). peers: list of maps, one per link.",
        ),
        Command(
            CONNECTIONS,
            "CONNECTIONS",
            _TO_GATEWAY,
            "number, deadline, service, of, search, after, limit",
            "Of the service named of, nil = of all, whatever the service. search: part of a uid or address, "
            "or a whole client id; empty = all. REPLY: [number of those found, list of maps, one per client "
            "above after, ascending], as `connections` shows them.",
        ),
    )
}
# ruff: enable[E501]

FIELDS = {code: len(row.fields.split(",")) if row.fields else 0 for code, row in TABLE.items()}
"""Number of fields of each message; what comes after them is from a later version."""


class ServiceOptions(NamedTuple):
    """The options map of a service in HELLO.

    Args:
        heartbeat_text: a text message that the gateway absorbs as a sign of life; None: every
            text goes to ``on_message``.
        unbound_timeout: seconds after which a client without a uid is closed; 0 = never.
    """

    heartbeat_text: str | None = "ping"
    unbound_timeout: float = 0

    def to_map(self) -> dict[str, Any]:
        """The map that travels in HELLO."""
        return self._asdict()

    @classmethod
    def from_map(cls, fields: dict[str, Any]) -> ServiceOptions:
        """Read a map of HELLO; unknown keys are ignored.

        Raises:
            ProtocolError: not a map, or a value has the wrong type.
        """
        if not isinstance(fields, dict):
            raise ProtocolError(f"bad service options {fields!r}")
        text = fields.get("heartbeat_text", "ping")
        timeout = fields.get("unbound_timeout", 0)
        if not (text is None or isinstance(text, str)) or not isinstance(timeout, int | float):
            raise ProtocolError(f"bad service options {fields!r}")
        return cls(text, timeout)


EMPTY_SESSION = b""
"""How an empty session travels and is stored."""

_NIL = b"\xc0"

_packer = msgpack.Packer(use_bin_type=True, autoreset=True)

pack = _packer.pack
"""Message (a tuple or list that begins with its code) to bytes. Frames are concatenations."""


def unpack(frame: bytes) -> Iterable[list[Any]]:
    """The messages of one ZeroMQ frame, in order, each a list that begins with its code.

    Raises:
        ProtocolError: not msgpack, cut short, or not arrays that begin with an int. Messages
            before the bad one have been yielded by then.
    """
    unpacker = msgpack.Unpacker(
        raw=False, strict_map_key=False, max_buffer_size=MAX_FRAME, use_list=True
    )
    try:
        unpacker.feed(frame)
        for message in unpacker:
            if type(message) is not list or not message or type(message[0]) is not int:
                raise ProtocolError("a message is an array that begins with its code")
            yield message
        # What is left of a message that was cut short would swallow this nil, or want more.
        unpacker.feed(_NIL)
        if unpacker.unpack() is not None:
            raise ProtocolError("a frame ends in the middle of a message")
    except ProtocolError:
        raise
    except Exception as error:  # msgpack raises ValueError, UnpackException and their kin
        raise ProtocolError(f"malformed frame: {error or type(error).__name__}") from error


def pack_session(session: dict[str, Any]) -> bytes:
    """Session to its packed form.

    Raises:
        ProtocolError: not a dict, or it holds what msgpack cannot carry.
    """
    if not isinstance(session, dict):
        raise ProtocolError(f"a session is a dict, not {type(session).__name__}")
    if not session:
        return EMPTY_SESSION
    try:
        return bytes(msgpack.packb(session, use_bin_type=True))
    except (TypeError, ValueError, OverflowError) as error:
        raise ProtocolError(f"session: {error}") from error


def unpack_session(packed: bytes) -> dict[str, Any]:
    """The dict of a packed session, a new one each time.

    Raises:
        ProtocolError: not a packed map.
    """
    if not packed:
        return {}
    try:
        session = msgpack.unpackb(packed, raw=False, strict_map_key=False)
    except Exception as error:  # as in unpack
        raise ProtocolError(f"session: {error}") from error
    if not isinstance(session, dict):
        raise ProtocolError("a session is a map")
    return session


def describe(code: int) -> str:
    """Name of a code, for logs."""
    row = TABLE.get(code)
    return row.name if row else f"code {code}"
