"""Pushes to sockets. A push that fails loses nothing: what it carries is stored already."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Coroutine, Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, TypeVar

from gateway_client import direct
from shared.errors import GatewayError

from .capabilities import Capability, group_of
from .envelope import to_json

if TYPE_CHECKING:
    from gateway_client import GatewayClient

log = logging.getLogger(__name__)

Frame = dict[str, Any]

T = TypeVar("T")

Sending: TypeAlias = "asyncio.Future[int | None]"
"""Frames that are under way."""

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

    @property
    def text(self) -> str:
        """The frame as it is sent."""
        return to_json(self.frame).decode()


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
        self._slow: set[asyncio.Task[Any]] = set()

    def start(self, pushes: Iterable[Push], *, wait: bool = True) -> Sending | None:
        """Send frames; those of later calls follow after these.

        Args:
            pushes: what to send.
            wait: whether anybody wants to know what becomes of it.

        Returns:
            What to wait for with ``settle``, None where there was nothing to send or to know. Its
            result is the number of sockets that have what ``counts``; None where it failed.
        """
        pushes = list(pushes)
        if not pushes:
            return None
        if not self._slow and all(push.frame["type"] not in _FOR_CAPABLE for push in pushes):
            if wait:
                return _Direct(self._gateway, pushes).done
            for push in pushes:
                if (sent := _send_now(self._gateway, push, wait=False)) is not None:
                    sent.add_done_callback(partial(_look, push))
            return None
        # To groups, or after such: what has not been sent yet must not be overtaken.
        task = self.run(self._send(pushes))
        self._slow.add(task)
        task.add_done_callback(self._slow.discard)
        return task

    def run(self, action: Coroutine[Any, Any, T]) -> asyncio.Task[T | None]:
        """Let something be done that the caller need not wait for; errors go to the log."""
        task = asyncio.get_running_loop().create_task(_contained(action))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def settle(self, sending: asyncio.Future[Any] | None) -> None:
        """Wait until the gateways have it, but not longer than ``patience``."""
        if sending is None or sending.done():
            return
        # What asyncio.wait does, which takes several times as long.
        loop = asyncio.get_running_loop()
        settled: asyncio.Future[None] = loop.create_future()
        release = partial(_release, settled)
        sending.add_done_callback(release)
        timer = loop.call_later(self._patience, release)
        try:
            await settled
        finally:
            timer.cancel()
            sending.remove_done_callback(release)

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
                _complain(push, error)
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


class _Direct:
    """Frames that are sent without a task of their own.

    Args:
        gateway: of this service.
        pushes: at least one; none to a group.

    Attributes:
        done: the number of sockets that are known to have what ``counts``.
    """

    __slots__ = ("_count", "_left", "done")

    def __init__(self, gateway: GatewayClient, pushes: list[Push]) -> None:
        self.done: Sending = asyncio.get_running_loop().create_future()
        self._count = 0
        self._left = 1
        # Commands of one link are executed in order: the answer to the last stands for all.
        last = len(pushes) - 1
        for index, push in enumerate(pushes):
            sent = _send_now(gateway, push, wait=push.counts or index == last)
            if sent is not None:
                self._left += 1
                sent.add_done_callback(partial(self._sent, push))
        self._finish()

    def _sent(self, push: Push, sent: asyncio.Future[int | None]) -> None:
        if _look(push, sent) and push.counts:
            self._count += sent.result() or 0
        self._finish()

    def _finish(self) -> None:
        self._left -= 1
        if not self._left and not self.done.done():
            self.done.set_result(self._count)


def _send_now(gateway: GatewayClient, push: Push, *, wait: bool) -> Sending | None:
    """Send a frame, not one to a group; what to wait for, if anything."""
    try:
        return direct.send_to_uid(gateway, push.to, push.text, wait=wait)
    except GatewayError as error:
        _complain(push, error)
        return None


def _look(push: Push, sent: asyncio.Future[int | None]) -> bool:
    """Whether it was sent; else the log has why."""
    if sent.cancelled():
        return False
    error = sent.exception()
    if isinstance(error, GatewayError):
        _complain(push, error)
    elif error is not None:
        log.error("push of %s failed", push.frame["type"], exc_info=error)
    return error is None


def _complain(push: Push, error: GatewayError) -> None:
    log.warning("push of %s to %s: %s", push.frame["type"], push.to, error)


def _release(settled: asyncio.Future[None], *_: Any) -> None:
    if not settled.done():
        settled.set_result(None)


async def _contained(action: Awaitable[T]) -> T | None:
    try:
        return await action
    except GatewayError as error:
        log.warning("%s", error)
    except Exception:
        log.exception("an action in the background failed")
    return None
