"""A service for tests of the engine: every event becomes a line of the file PROBE_EVENTS."""

from __future__ import annotations

import json
import os
from typing import Any

UNBOUND_TIMEOUT = float(os.environ.get("PROBE_UNBOUND_TIMEOUT", "0"))


def record(event: str, **fields: Any) -> None:
    """Append a line; one write each, so that processes do not mix theirs."""
    line = json.dumps({"event": event, "pid": os.getpid(), **fields}) + "\n"
    fd = os.open(os.environ["PROBE_EVENTS"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    try:
        os.write(fd, line.encode())
    finally:
        os.close(fd)


async def on_connect(client: Any) -> None:
    record("connect", client=client.id)
    await client.send({"type": "init", "data": {"client_id": client.id}})


async def on_message(client: Any, message: str | bytes) -> None:
    """``bind X`` binds; ``flood N`` sends N kilobytes; anything else comes back."""
    if isinstance(message, str) and message.startswith("bind "):
        await client.bind_uid(message[5:])
    elif isinstance(message, str) and message.startswith("flood "):
        for _ in range(int(message[6:])):
            await client.send("x" * 1024)
    await client.send(message)


async def on_close(client: Any) -> None:
    record("close", client=client.id, uid=client.uid)


async def on_gateway_up(gateway: Any, clients: Any) -> None:
    record("gateway_up", clients=len(clients))
