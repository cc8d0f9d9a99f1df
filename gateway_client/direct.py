"""Sending without a coroutine, for who sends very much: a task for each message costs more than all
that a gateway is told."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from . import merge
from ._shared import protocol
from .arguments import Key, Message, encode_message, uids_of
from .fanout import collect

if TYPE_CHECKING:
    from .client import GatewayClient


def send_to_uid(
    client: GatewayClient, uid: Key | Iterable[Key], message: Message, *, wait: bool = True
) -> asyncio.Future[Any] | None:
    """As ``GatewayClient.send_to_uid``, but sent when this returns, in the order of the calls.

    Args:
        client: connected.
        uid: one or several.
        message: what to send.
        wait: whether to be told of the gateways' answers.

    Returns:
        A future of the number of sockets it was written to, which raises what
        ``GatewayClient.send_to_uid`` raises. Where ``wait`` is false None, or a future that is done
        once there was space to send it.

    Raises:
        BadArgument: an argument is wrong; nothing was sent.
    """
    links, service, timeout = client._links, client._service, client._timeout
    fields = (uids_of(uid), *encode_message(message))
    if not links:  # the reason why is found out with an await
        return asyncio.ensure_future(client.send_to_uid(uid, message, wait=wait))
    code = protocol.SEND_TO_UIDS
    futures: dict[str, asyncio.Future[Any]] = {}
    for prefix, link in links.items():
        if wait:
            futures[prefix] = link.call(code, service, *fields, timeout=timeout)
        elif (queued := link.cast(code, service, *fields, timeout=timeout)) is not None:
            futures[prefix] = asyncio.ensure_future(queued)
    if not futures:
        return None
    if len(futures) == 1:
        return next(iter(futures.values()))
    return asyncio.ensure_future(collect(futures, merge.total if wait else _nothing, None))


def _nothing(answers: merge.Answers) -> None:
    return None
