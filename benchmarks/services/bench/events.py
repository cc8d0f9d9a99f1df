"""The service that `python -m benchmarks` measures. Not for production: anybody may broadcast.

The first letter of a text says what to do: E comes back to its sender, B goes to everybody,
U binds a uid, joins a group, keeps a session of two keys, and comes back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from business.client import Client

GROUP_SIZE = 100


async def on_connect(client: Client) -> None:
    """Tell the client its id."""
    await client.send({"type": "init", "data": {"client_id": client.id}})


async def on_message(client: Client, message: str | bytes) -> None:
    """Do what the first letter says."""
    assert isinstance(message, str)
    if message[0] == "E":
        await client.send(message)
    elif message[0] == "B":
        await client.gateway.send_to_all(message, wait=False)
    elif message[0] == "U":
        uid = message[1:7]
        await client.bind_uid(uid)
        await client.join_group(f"group-{int(uid, 16) // GROUP_SIZE}")
        client.session.update(name=f"member {uid}", site=1)
        await client.send(message)
