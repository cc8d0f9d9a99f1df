"""A business process from start to stop: load, connect, serve, leave.

Events come over the links (``dispatch.py``), become jobs and run as hooks (``runner.py``). Requests
come over HTTP (``http.py``). Both use the same links to speak to clients.
"""

from __future__ import annotations

import asyncio
import gc
import logging
from typing import Any

import zmq

from gateway_client import GatewayClient
from shared.child import Child
from shared.errors import RegisterUnreachable, SecretRefused
from shared.pool import Pool
from shared.protocol import Kind
from shared.scheduling import run_behind

from . import push_api
from .blocking import Blocking
from .client import Client
from .dispatch import Dispatcher
from .hooks import Worker
from .http import HttpServer, HttpStats, make_application
from .loader import load_services
from .runner import Runner
from .service import Service

log = logging.getLogger(__name__)

REGISTER_WAIT = 2.0
"""Seconds that the start waits for a register. After that the process is up without one: gateways
may be started later, in any order."""


async def run(child: Child) -> None:
    """The main coroutine of a business process; returns when it has been stopped.

    Raises:
        ServiceError: a service cannot be loaded.
        SettingsError: a setting that concerns services is wrong.
        Exception: what an ``on_worker_start`` or a ``lifespan`` raised.
    """
    business = Business(child)
    try:
        await business.start()
        child.ready()
        await child.stopping.wait()
        await business.stop()
    finally:
        await business.close()


class Business:
    """The parts of a business process.

    Args:
        child: this process.
    """

    def __init__(self, child: Child) -> None:
        settings = child.settings
        self._child = child
        self._settings = settings
        self._http_stats = HttpStats()
        self._http: HttpServer | None = None
        self._started: list[Service] = []
        self.services = load_services(settings.business.services, settings.business.only)
        if not self.services:
            log.warning("there are no services")
        self._runner = Runner(
            hook_timeout=settings.business.hook_timeout,
            threads=settings.business.threads,
            for_thread=_for_thread(asyncio.get_running_loop()),
            on_threads_stuck=self._threads_stuck,
        )
        self._dispatcher = Dispatcher(self.services, self._runner)
        self.pool = Pool(
            registers=settings.register.addresses,
            secret=_first_secret(settings.secret),
            kind=Kind.WORKER,
            name=child.name,
            services=[(s.name, s.gateway_hooks, s.options) for s in self.services],
            events=self._dispatcher,
            heartbeat_interval=settings.inner.heartbeat_interval,
            heartbeat_timeout=settings.inner.heartbeat_timeout,
        )
        for service in self.services:
            service.gateway = GatewayClient.on_pool(self.pool, service.name)
        child.on_status(self.status)
        child.on_connections(self.connections)

    async def start(self) -> None:
        """Everything up to the first event."""
        app = make_application(self.services, self._settings, self._http_stats)
        push_api.setup(app, self.pool, self._settings)
        await self._connect()
        # Hooks and requests are computed behind what is passed on, so that on a busy processor a
        # message is at its reader's sooner. ZeroMQ's thread, which starts with its first socket,
        # must not be.
        self.pool.context.socket(zmq.PAIR).close()
        run_behind()
        for service in self.services:
            await self._call(service, "on_worker_start")
            self._started.append(service)
        self._http = HttpServer(app, self._child.sockets["http"])
        await self._http.prepare()
        await self._http.start()
        self.pool.ready()
        await asyncio.sleep(0)  # the gateways hear of it before the supervisor does
        gc.collect()
        gc.freeze()  # what is here now stays: the collector need not walk it again
        # A request makes hundreds of objects that are gone with it and have no circles.
        gc.set_threshold(20_000, 50, 100)

    async def stop(self) -> None:
        """Hand the clients over, and finish what runs, within ``business.drain_timeout``."""
        timeout = self._settings.business.drain_timeout
        await asyncio.gather(
            self._leave(timeout),
            self._http.finish(timeout) if self._http is not None else asyncio.sleep(0),
        )

    async def _leave(self, timeout: float) -> None:
        """Give the clients away, each when its hooks have returned."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout
        left = await self.pool.leave(timeout)
        drained = await self._runner.drain(max(0.0, deadline - loop.time()))
        if not (left and drained):
            log.warning("some hooks have not returned within %.0f s; they are cut off", timeout)

    async def close(self) -> None:
        """Close everything; also after a start that failed half-way."""
        if self._http is not None:
            await self._http.close()
        for service in reversed(self._started):
            try:
                await self._call(service, "on_worker_stop")
            except Exception:
                service.stats.errors += 1
                log.exception("%s.on_worker_stop raised", service.name)
        self._runner.close()
        await self.pool.close()

    async def _connect(self) -> None:
        try:
            await self.pool.start(REGISTER_WAIT)
        except RegisterUnreachable as error:
            log.warning("%s; going on without", error)
        except SecretRefused as error:
            log.error("%s; going on, and trying again", error)

    async def _call(self, service: Service, hook: str) -> None:
        if hook in service.hooks:
            child = self._child
            worker = Worker(
                child.name, child.index, service.name, service.gateway, service.app, self._settings
            )
            await self._runner.call(service.hooks[hook], worker)

    def _threads_stuck(self, reason: str) -> None:
        log.error("asking for a new process: %s", reason)
        self._child.replace_me(reason)

    # Looking inside

    def status(self) -> dict[str, Any]:
        """What ``status`` shows of this process."""
        counts = self._dispatcher.count_clients()
        return {
            "services": {
                service.name: {**service.stats.to_map(), "clients": counts[service.name]}
                for service in self.services
            },
            "gateways": self.pool.status(),
            "queued_events": self._runner.queued,
            "http_requests": self._http_stats.requests,
            "errors": self._http_stats.errors + sum(s.stats.errors for s in self.services),
            "troubles": {
                f"{service.name} {name}": line
                for service in self.services
                for name, line in service.troubles.items()
            },
        }

    def connections(self, limit: int) -> list[dict[str, Any]]:
        """What ``connections`` shows of this process: clients of services that are tracked."""
        return [
            {
                "client_id": client.id,
                "service": client.service.name,
                "address": client.remote_address,
                "uid": client.uid,
                "groups": sorted(client.groups),
            }
            for client in self._dispatcher.clients(limit)
        ]


def _for_thread(loop: asyncio.AbstractEventLoop) -> Any:
    """What makes of a hook's arguments those of a plain function: it cannot await."""

    def convert(args: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(
            Blocking(value, loop) if isinstance(value, Client | Worker) else value for value in args
        )

    return convert


def _first_secret(secret: Any) -> str:
    """The current one of a pair that is being rotated."""
    value = secret[0] if isinstance(secret, list | tuple) else secret
    return str(value)
