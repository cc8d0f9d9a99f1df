"""Pushes to sockets. A push that fails loses nothing: what it carries is stored already."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Coroutine, Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from shared.errors import GatewayError

from .capabilities import Capability, group_of

if TYPE_CHECKING:
    from gateway_client import GatewayClient

log = logging.getLogger(__name__)

Frame = dict[str, Any]

T = TypeVar("T")

AGENT_PREFIX = "ns_servicer_"

_FOR_CAPABLE = frozenset(capability.value for capability in Capability)
"""Types of frames that no client of the original may get, whoever pushes them."""


def customer_uid(member_id: int) -> str:
    """The uid of a customer's sockets."""
    return str(member_id)


def agent_uid(servicer_id: int) -> str:
    """The uid of an agent's sockets."""
    return f"{AGENT_PREFIX}{servicer_id}"


def agent_of(uid: str) -> int | None:
    """The agent whose uid this is; None: a customer's."""
    return int(uid[len(AGENT_PREFIX) :]) if uid.startswith(AGENT_PREFIX) else None


def frame(kind: str, data: Frame, **more: Any) -> Frame:
    """A frame of CONTRACT 2.3."""
    return {"type": kind, "data": data, **more}


class Push(NamedTuple):
    """A frame to all sockets of one or several uids, or, where its type is a capability, to those
    of them that have it.

    Args:
        to: one uid or several.
        frame: what to send.
        counts: whether the sockets that get it are counted.
    """

    to: str | Sequence[str]
    frame: Frame
    counts: bool = False


class Pusher:
    """Sends frames in the order in which they were given to it.

    Args:
        gateway: of this service.
        patience: seconds that somebody who waits for a push waits at most.
    """

    def __init__(self, gateway: GatewayClient, patience: float) -> None:
        self._gateway = gateway
        self._patience = patience
        self._tasks: set[asyncio.Task[Any]] = set()

    def start(self, pushes: Iterable[Push]) -> asyncio.Task[int | None] | None:
        """Send frames; those of later calls follow after these.

        Returns:
            What to wait for with ``settle``, None where there was nothing to send. Its result is
            the number of sockets that have what ``counts``; None where it failed.
        """
        pushes = list(pushes)
        return self.run(self._send(pushes)) if pushes else None

    def run(self, action: Coroutine[Any, Any, T]) -> asyncio.Task[T | None]:
        """Let something be done that the caller need not wait for; errors go to the log."""
        task = asyncio.get_running_loop().create_task(_contained(action))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def settle(self, task: asyncio.Task[Any] | None) -> None:
        """Wait until the gateways have it, but not longer than ``patience``."""
        if task is not None and not task.done():
            await asyncio.wait((task,), timeout=self._patience)

    async def send(self, pushes: Iterable[Push]) -> None:
        """``start`` and ``settle``."""
        await self.settle(self.start(pushes))

    async def close(self) -> None:
        """Wait a little for what is under way."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=1.0)

    async def _send(self, pushes: list[Push]) -> int:
        # Commands of one link are executed in order: the answer to the last stands for all.
        last = len(pushes) - 1
        count = 0
        for index, push in enumerate(pushes):
            try:
                reached = await self._send_one(push, push.counts or index == last)
            except GatewayError as error:
                log.warning("push of %s to %s: %s", push.frame["type"], push.to, error)
            else:
                count += (reached or 0) if push.counts else 0
        return count

    async def _send_one(self, push: Push, wait: bool) -> int | None:
        kind = push.frame["type"]
        if kind not in _FOR_CAPABLE:
            return await self._gateway.send_to_uid(push.to, push.frame, wait=wait)
        uids = [push.to] if isinstance(push.to, str) else push.to
        groups = [group_of(kind, uid) for uid in uids]
        return await self._gateway.send_to_group(groups, push.frame, wait=wait)


async def _contained(action: Awaitable[T]) -> T | None:
    try:
        return await action
    except GatewayError as error:
        log.warning("%s", error)
    except Exception:
        log.exception("an action in the background failed")
    return None
