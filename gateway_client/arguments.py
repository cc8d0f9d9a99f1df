"""Checks the arguments of calls and brings them into the form in which they travel. Pure."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias

from ._shared import errors, protocol

Message: TypeAlias = dict[str, Any] | list[Any] | str | bytes
"""What can be sent: dict and list go out as JSON text, str as text, bytes as a binary message."""

Key: TypeAlias = str | int
"""A uid or the name of a group; an int stands for its decimal digits."""

TEXT, BINARY = 1, 2
"""Opcodes of RFC 6455."""

MAX_MESSAGE = 16 * 1024 * 1024
"""Largest message or session, bytes. A frame between processes holds several of them, and must
stay below ``protocol.MAX_FRAME``."""

MAX_REASON = 123
"""Bytes that a close frame has for its reason (RFC 6455, section 5.5)."""

_FORBIDDEN_CODES = frozenset((1004, 1005, 1006, 1015))
"""Close codes that must not be sent (RFC 6455, section 7.4.1)."""


def _make_to_json() -> Callable[[Any], str]:
    """The JSON encoder for messages: compact, UTF-8 as it is, no NaN.

    JSONEncoder makes its C encoder anew for each text, which takes longer than to encode a small
    message. So it is made once here, where Python has one.
    """
    plain = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    try:
        # Arguments as in JSONEncoder.iterencode; without markers, a circle is a RecursionError.
        encode = json.encoder.c_make_encoder(  # type: ignore[attr-defined]
            None, plain.default, json.encoder.encode_basestring, None, ":", ",", False, False, False
        )
        if "".join(encode({"a": [1, "é"]}, 0)) == '{"a":[1,"é"]}':
            return lambda value: "".join(encode(value, 0))
    except (AttributeError, TypeError):
        pass
    return plain.encode


_to_json = _make_to_json()
_match_client_id = re.compile("[0-9a-f]{20}").fullmatch


def encode_message(message: Message) -> tuple[int, bytes]:
    """Opcode and payload of a message.

    Raises:
        BadArgument: not a dict, list, str or bytes; or it holds what JSON or UTF-8 cannot carry;
            or it is larger than ``MAX_MESSAGE``.
    """
    opcode = TEXT
    try:
        if isinstance(message, str):
            payload = message.encode()
        elif isinstance(message, dict | list):
            payload = _to_json(message).encode()
        elif isinstance(message, bytes | bytearray | memoryview):
            payload = bytes(message)
            opcode = BINARY
        else:
            raise errors.BadArgument(
                "message", f"dict, list, str or bytes, not {type(message).__name__}"
            )
    except (TypeError, ValueError, RecursionError) as error:
        if isinstance(error, errors.BadArgument):
            raise
        raise errors.BadArgument("message", str(error)) from error
    if len(payload) > MAX_MESSAGE:
        raise errors.BadArgument("message", f"{len(payload)} bytes; at most {MAX_MESSAGE}")
    return opcode, payload


def split_client_id(client_id: str, argument: str = "client_id") -> tuple[str, int]:
    """The gateway's prefix and the connection number.

    Raises:
        BadArgument: not 20 lowercase hex digits.
    """
    if isinstance(client_id, str) and _match_client_id(client_id):
        return client_id[:12], int(client_id[12:], 16)
    raise errors.BadArgument(argument, f"20 lowercase hex digits, not {client_id!r:.60}")


def client_ids_by_prefix(
    client_ids: str | Iterable[str], argument: str = "client_ids"
) -> dict[str, list[int]]:
    """Connection numbers by gateway. One id may stand for a list of one; repeats count once.

    Raises:
        BadArgument: not ids.
    """
    grouped: dict[str, dict[int, None]] = {}
    for client_id in _many(client_ids, argument):
        prefix, number = split_client_id(client_id, argument)
        grouped.setdefault(prefix, {})[number] = None
    return {prefix: list(numbers) for prefix, numbers in grouped.items()}


def uid_of(uid: Key, argument: str = "uid") -> str:
    """A uid as it travels.

    Raises:
        BadArgument: not a str or int, or empty.
    """
    if isinstance(uid, str):
        if uid:
            return uid if uid.isascii() else _check_utf8(uid, argument)
    elif isinstance(uid, int) and not isinstance(uid, bool):
        return str(uid)
    raise errors.BadArgument(argument, f"a str that is not empty, or an int, not {uid!r:.60}")


def group_of(group: Key, argument: str = "group") -> str:
    """The name of a group as it travels.

    Raises:
        BadArgument: as ``uid_of``; and the int 0, which in PHP programs stands for "no group".
    """
    if isinstance(group, int) and group == 0:
        raise errors.BadArgument(argument, "0 is not a group")
    return uid_of(group, argument)


def uids_of(uids: Key | Iterable[Key], argument: str = "uid") -> list[str]:
    """One or several uids as they travel, each once, in their order."""
    if isinstance(uids, str):
        return [uid_of(uids, argument)]
    return list(dict.fromkeys(uid_of(uid, argument) for uid in _many(uids, argument)))


def groups_of(groups: Key | Iterable[Key], argument: str = "group") -> list[str]:
    """One or several groups as they travel, each once, in their order."""
    return list(dict.fromkeys(group_of(group, argument) for group in _many(groups, argument)))


def pack_session(session: Mapping[str, Any], argument: str = "session") -> bytes:
    """A session as it travels.

    Raises:
        BadArgument: not a dict, holds what msgpack cannot carry, or larger than ``MAX_MESSAGE``.
    """
    try:
        packed = protocol.pack_session(session)  # type: ignore[arg-type] # checked there
    except errors.ProtocolError as error:
        raise errors.BadArgument(argument, str(error)) from error
    if len(packed) > MAX_MESSAGE:
        raise errors.BadArgument(argument, f"{len(packed)} bytes; at most {MAX_MESSAGE}")
    return packed


def check_close(code: int, reason: str) -> None:
    """Check what goes into a close frame.

    Raises:
        BadArgument: a code that must not be sent, or a reason that is too long.
    """
    if isinstance(code, bool) or not isinstance(code, int):
        raise errors.BadArgument("code", f"an int, not {code!r:.60}")
    if not (1000 <= code <= 1014 or 3000 <= code <= 4999) or code in _FORBIDDEN_CODES:
        raise errors.BadArgument("code", f"{code} is not a close code that may be sent")
    if not isinstance(reason, str):
        raise errors.BadArgument("reason", f"a str, not {type(reason).__name__}")
    if len(_check_utf8(reason, "reason").encode()) > MAX_REASON:
        raise errors.BadArgument("reason", f"longer than {MAX_REASON} bytes")


def check_timeout(timeout: float) -> float:
    """A timeout in seconds.

    Raises:
        BadArgument: not a number above 0.
    """
    if isinstance(timeout, int | float) and not isinstance(timeout, bool):
        if 0 < timeout < math.inf:
            return timeout
    raise errors.BadArgument("timeout", f"seconds, above 0, not {timeout!r:.60}")


def check_page_size(page_size: int, argument: str = "page_size") -> int:
    """Number of clients of a page.

    Raises:
        BadArgument: not an int above 0.
    """
    if isinstance(page_size, int) and not isinstance(page_size, bool) and page_size > 0:
        return page_size
    raise errors.BadArgument(argument, f"an int above 0, not {page_size!r:.60}")


MAX_SEARCH = 100
"""Characters to be searched for in connections, at most."""

MAX_CONNECTIONS = 1000
"""Connections of a page, at most."""


def check_search(search: str, service: str | None, limit: int) -> None:
    """What connections are asked for.

    Raises:
        BadArgument: one of them is of the wrong type, too long or out of range.
    """
    if not isinstance(search, str) or len(search) > MAX_SEARCH:
        raise errors.BadArgument("search", f"a str of at most {MAX_SEARCH} characters")
    if service is not None and not isinstance(service, str):
        raise errors.BadArgument("service", f"a str or None, not {service!r:.60}")
    if check_page_size(limit, "limit") > MAX_CONNECTIONS:
        raise errors.BadArgument("limit", f"at most {MAX_CONNECTIONS}, not {limit!r:.60}")


def check_addresses(register: str | Sequence[str]) -> list[str]:
    """Addresses of registers.

    Raises:
        BadArgument: none, or not ``host:port``.
    """
    addresses = [register] if isinstance(register, str) else list(register)
    if not addresses:
        raise errors.BadArgument("register", "at least one address is needed")
    for address in addresses:
        host, _, port = str(address).rpartition(":")
        if not host or not port.isdecimal() or not 0 < int(port) < 65536:
            raise errors.BadArgument("register", f"host:port, not {address!r}")
    return addresses


def check_secret(secret: str) -> str:
    """The installation's secret.

    Raises:
        BadArgument: shorter than any installation's. The message does not show it.
    """
    if not isinstance(secret, str) or len(secret) < 32:
        raise errors.BadArgument("secret", "a str of at least 32 characters")
    return secret


def _check_utf8(text: str, argument: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise errors.BadArgument(argument, str(error)) from error
    return text


def _many(values: Any, argument: str) -> Iterable[Any]:
    if isinstance(values, str | int):
        return (values,)
    if isinstance(values, list):  # before what is asked of abstract classes, which takes longer
        return values
    if isinstance(values, Iterable) and not isinstance(values, Mapping | bytes):
        return values
    raise errors.BadArgument(argument, f"one or a list of them, not {values!r:.60}")
