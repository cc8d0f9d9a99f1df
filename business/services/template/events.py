"""What happens to the clients of this service.

Both hooks are optional, and there are more: ``on_message(client, message)``,
``on_websocket_connect(client, request)``, ``on_worker_start(worker)``, ``on_worker_stop(worker)``
and ``on_gateway_up(gateway, clients)``. A hook may be ``async def`` or a plain ``def``: a plain one
runs in a thread, so that it may block, and calls ``client.send(...)`` without ``await``.

``client`` has ``id``, ``uid``, ``groups``, ``session`` (a dict that is saved when the hook
returns), ``remote_address``, ``send``, ``close``, ``destroy``, ``bind_uid``, ``unbind_uid``,
``join_group``, ``leave_group``, and ``gateway`` for calls that concern others.
"""

from __future__ import annotations

from business.client import Client

HEARTBEAT_TEXT: str | None = "ping"
"""A client's sign of life, which ends in the gateway. None: every text goes to ``on_message``."""

UNBOUND_TIMEOUT = 0
"""Seconds after which a client that was not bound to a uid is closed; 0 = never."""


async def on_connect(client: Client) -> None:
    """A client opened its socket.

    It is repeated if this process dies before the end: it must be safe to repeat.
    """
    await client.send({"type": "init", "data": {"client_id": client.id}})


async def on_close(client: Client) -> None:
    """A client is gone; ``client.close_code`` says why. Nothing can be sent to it any more.

    It runs for the clients of a gateway that died, too. Must be safe to repeat, as above.
    """


# With this hook the service gets what its clients send; without it nothing is forwarded.
#
# async def on_message(client: Client, message: str | bytes) -> None:
#     said = {"from": client.id, "text": message}
#     await client.gateway.send_to_all({"type": "said", "data": said})
