"""WebSocket close codes that a gateway sends, and what a client should do on each.

1000-1015 are those of RFC 6455 section 7.4.1 and the IANA registry. Ours lie in the private range:
4000-4099 come back at once (with jitter), 4100-4199 come back later (30 s or more),
4200-4299 do not come back by yourself. A service may send any other code of 4300-4999.
"""

from __future__ import annotations

import enum
from typing import NamedTuple


class Return(enum.Enum):
    """What a client should do after its connection was closed."""

    AT_ONCE = "come back at once, after a random pause of up to 2 s"
    LATER = "come back later, after 30 s or more"
    NOT = "do not come back by yourself"


class CloseCode(NamedTuple):
    """A row of the table: number, reason in the close frame, what to do, when it is sent."""

    code: int
    reason: str
    then: Return
    when: str


NORMAL = CloseCode(1000, "", Return.NOT, "the service closed the connection")
GOING_AWAY = CloseCode(1001, "going away", Return.AT_ONCE, "the gateway stops")
PROTOCOL_ERROR = CloseCode(1002, "", Return.NOT, "the client broke RFC 6455")
BAD_DATA = CloseCode(1007, "", Return.NOT, "a text frame is not UTF-8")
TOO_BIG = CloseCode(1009, "", Return.NOT, "a message is larger than gateway.max_message_size")
RESTART = CloseCode(1012, "service restart", Return.AT_ONCE, "the gateway restarts")
NO_WORKER = CloseCode(
    1013,
    "no worker",
    Return.AT_ONCE,
    "no business process of this service appeared within gateway.worker_wait",
)
SLOW = CloseCode(
    4000,
    "too slow",
    Return.AT_ONCE,
    "the client does not take what is sent to it; catch up by HTTP",
)
SILENT = CloseCode(4001, "silent", Return.AT_ONCE, "nothing came from the client for too long")
TOO_MANY = CloseCode(
    4100, "too many connections", Return.LATER, "gateway.max_connections, or the limit per address"
)
UNBOUND = CloseCode(
    4101, "not bound", Return.LATER, "no uid was bound within the service's unbound_timeout"
)
REPLACED = CloseCode(
    4200, "replaced", Return.NOT, "the service let another connection take this one's place"
)

TABLE = (
    NORMAL, GOING_AWAY, PROTOCOL_ERROR, BAD_DATA, TOO_BIG, RESTART, NO_WORKER,
    SLOW, SILENT, TOO_MANY, UNBOUND, REPLACED,
)  # fmt: skip
