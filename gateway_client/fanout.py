"""Brings commands to the gateways that they concern, and their answers together.

A client id names its gateway, so that what concerns one client is one command on one link. A uid or
a group may have clients anywhere: such a command goes over all links at the same time.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from . import merge
from ._shared import client_id, errors, protocol
from .arguments import check_timeout, split_client_id
from .merge import Answers

if TYPE_CHECKING:
    from ._shared import link as _link
    from ._shared import pool as _pool

    Link = _link.Link
    Pool = _pool.Pool

T = TypeVar("T")

SESSIONS_PAGE = 5000
"""Clients of a page where the caller did not ask for pages."""

CLIENTS_PAGE = 100_000
"""The same for ids alone, of which each takes five bytes."""


class Fanout:
    """Commands of one service over the links of a pool.

    Args:
        timeout: seconds that a call takes at most, where it does not say itself.
    """

    _pool: Pool | None
    _links: dict[str, Link]
    _service: int
    _timeout: float

    def __init__(self, timeout: float) -> None:
        self._pool = None
        self._links = {}
        self._service = 0
        self._timeout = check_timeout(timeout)

    def _use(self, pool: Pool, service: int) -> None:
        self._pool = pool
        self._links = pool.links
        self._service = service

    def _seconds(self, timeout: float | None) -> float:
        return self._timeout if timeout is None else check_timeout(timeout)

    # One client

    async def _to_one(
        self, code: int, client_id: str, *fields: Any, wait: bool = True, timeout: float | None
    ) -> Any:
        """A command about one client. None where its gateway is gone, or ``wait`` is false."""
        prefix, number = split_client_id(client_id)
        seconds = self._seconds(timeout)
        link = self._links.get(prefix)
        if link is None:
            await self._gone()
            return None
        if wait:
            return await link.call(code, self._service, number, *fields, timeout=seconds)
        queued = link.cast(code, self._service, number, *fields, timeout=seconds)
        if queued is not None:
            await queued
        return None

    async def _gone(self) -> None:
        """There is no such gateway. Raises where we cannot know that."""
        if not self._links:
            pool = self._running_pool()
            if not pool.register_connected:
                await self._no_gateway()

    # Several gateways

    async def _everyone(self) -> Mapping[str, Link]:
        """The links to all gateways, by prefix.

        Raises:
            NoGateway, RegisterUnreachable: there is none.
        """
        return self._links or await self._no_gateway()

    async def _ask_all(
        self,
        code: int,
        *fields: Any,
        combine: Callable[[Answers], T],
        timeout: float | None,
        enough: Callable[[T], bool] | None = None,
    ) -> T:
        """The same command to every gateway.

        Args:
            enough: whether the answers so far decide the result, so that the others need not be
                waited for.
        """
        seconds = self._seconds(timeout)
        links = await self._everyone()
        calls = {
            prefix: link.call(code, self._service, *fields, timeout=seconds)
            for prefix, link in links.items()
        }
        return await collect(calls, combine, enough)

    async def _tell_all(
        self,
        code: int,
        *fields: Any,
        combine: Callable[[Answers], T],
        wait: bool,
        timeout: float | None,
    ) -> T | None:
        """The same change to every gateway; None where ``wait`` is false."""
        commands = dict.fromkeys(await self._everyone(), fields)
        return await self._tell(code, commands, combine=combine, wait=wait, timeout=timeout)

    async def _tell(
        self,
        code: int,
        commands: Mapping[str, Sequence[Any]],
        *,
        combine: Callable[[Answers], T],
        wait: bool,
        timeout: float | None,
    ) -> T | None:
        """A change at some gateways, for each with fields of its own. Those that are gone are
        left out; None where ``wait`` is false."""
        seconds = self._seconds(timeout)
        service, links = self._service, self._links
        if not links:
            await self._gone()
        there = [
            (prefix, links[prefix], commands[prefix]) for prefix in commands if prefix in links
        ]
        if wait:
            calls = {
                prefix: link.call(code, service, *fields, timeout=seconds)
                for prefix, link, fields in there
            }
            return await collect(calls, combine, None)
        queues = {
            prefix: asyncio.ensure_future(queued)
            for prefix, link, fields in there
            if (queued := link.cast(code, service, *fields, timeout=seconds)) is not None
        }
        if queues:
            await collect(queues, lambda answers: None, None)
        return None

    async def _with_each(
        self,
        ask: Callable[[Link, float], Awaitable[Any]],
        combine: Callable[[Answers], T],
        timeout: float | None,
    ) -> T:
        """Several commands to every gateway: ``ask`` gets a link and the loop's time until which
        it must be done."""
        deadline = asyncio.get_running_loop().time() + self._seconds(timeout)
        links = await self._everyone()
        tasks = {
            prefix: asyncio.ensure_future(ask(link, deadline)) for prefix, link in links.items()
        }
        return await collect(tasks, combine, None)

    async def _call_until(self, link: Link, deadline: float, code: int, *fields: Any) -> Any:
        seconds = deadline - asyncio.get_running_loop().time()
        if seconds <= 0:
            raise errors.GatewayTimeout(None, [link.address])
        return await link.call(code, self._service, *fields, timeout=seconds)

    # Pages

    async def _all_client_ids(self, group: str | None, timeout: float | None) -> list[str]:
        async def ask(link: Link, deadline: float) -> list[int]:
            numbers: list[int] = []
            while True:
                after = numbers[-1] if numbers else 0
                page = await self._call_until(
                    link, deadline, protocol.CLIENTS, group, after, CLIENTS_PAGE
                )
                numbers += page
                if len(page) < CLIENTS_PAGE:
                    return numbers

        return await self._with_each(ask, merge.client_ids, timeout)

    async def _all_sessions(
        self, group: str | None, timeout: float | None
    ) -> dict[str, dict[str, Any]]:
        async def ask(link: Link, deadline: float) -> dict[int, bytes]:
            sessions: dict[int, bytes] = {}
            after = 0
            while True:
                page = await self._call_until(
                    link, deadline, protocol.SESSIONS, group, after, SESSIONS_PAGE
                )
                # Not "shorter than asked for": a gateway may cut a page that grows too large.
                if not page:
                    return sessions
                sessions |= page
                after = max(page)

        return await self._with_each(ask, merge.sessions, timeout)

    async def _pages_of_sessions(
        self, group: str | None, page_size: int, timeout: float | None
    ) -> AsyncIterator[list[tuple[str, dict[str, Any]]]]:
        """Pages of (client id, session). Errors of gateways are raised after the last page."""
        seconds = self._seconds(timeout)
        failures: list[errors.PartialResult] = []
        for link in list((await self._everyone()).values()):
            after = 0
            while True:
                try:
                    page = await link.call(
                        protocol.SESSIONS, self._service, group, after, page_size, timeout=seconds
                    )
                except errors.PartialResult as error:
                    failures.append(error)
                    break
                if not page:
                    break
                yield [
                    (client_id.make(link.prefix, number), protocol.unpack_session(packed))
                    for number, packed in page.items()
                ]
                after = max(page)
        if failures:
            raise _joined(failures, None)

    async def _all_group_counts(self, timeout: float | None) -> dict[str, int]:
        async def ask(link: Link, deadline: float) -> dict[str, int]:
            groups = await self._call_until(link, deadline, protocol.GROUPS)
            counts: dict[str, int] = await self._call_until(
                link, deadline, protocol.COUNT_CLIENTS, groups
            )
            return {group: count for group, count in counts.items() if count}

        return await self._with_each(ask, merge.totals_by_key, timeout)

    # No gateway at all

    def _running_pool(self) -> Pool:
        if self._pool is None:
            raise RuntimeError("not connected: use 'async with', or await start() first")
        return self._pool

    async def _no_gateway(self) -> NoReturn:
        """Raise the reason why there is none: NoGateway, RegisterUnreachable or SecretRefused."""
        await self._running_pool().wait_for_gateway(0)
        raise errors.NoGateway("no gateway is listed")


async def collect(
    futures: Mapping[str, asyncio.Future[Any]],
    combine: Callable[[Answers], T],
    enough: Callable[[T], bool] | None,
) -> T:
    """The merged results of futures by prefix.

    Raises:
        GatewayTimeout, LinkLost: of some; ``reached`` has what the others say.
        CallFailed: of any.
    """
    answers: list[tuple[str, Any]] = []
    failures: list[errors.PartialResult] = []
    try:
        if enough is None or len(futures) < 2:
            for prefix, future in futures.items():
                try:
                    answers.append((prefix, await future))
                except errors.PartialResult as error:
                    failures.append(error)
        else:
            prefixes = {future: prefix for prefix, future in futures.items()}
            while prefixes:
                done, _ = await asyncio.wait(prefixes, return_when=asyncio.FIRST_COMPLETED)
                for future in done:
                    prefix = prefixes.pop(future)
                    try:
                        answers.append((prefix, future.result()))
                    except errors.PartialResult as error:
                        failures.append(error)
                if answers and enough(so_far := combine(answers)):
                    return so_far
    finally:
        _abandon(futures.values())
    if failures:
        raise _joined(failures, combine(answers) if answers else None) from failures[0]
    return combine(answers)


def _joined(failures: Sequence[errors.PartialResult], reached: Any) -> errors.PartialResult:
    """One error for those of several gateways; a timeout outweighs a lost link."""
    timed_out = any(isinstance(failure, errors.GatewayTimeout) for failure in failures)
    kind = errors.GatewayTimeout if timed_out else errors.LinkLost
    return kind(reached, [address for failure in failures for address in failure.missing])


def _abandon(futures: Iterable[asyncio.Future[Any]]) -> None:
    """Nobody will look at these any more."""
    for future in futures:
        if not future.done():
            future.cancel()
        elif not future.cancelled():
            future.exception()  # marks it as retrieved
