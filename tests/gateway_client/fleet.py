"""A register and two real gateway processes for tests of GatewayClient, and a worker in between.

No business process: the worker is a link of the test itself, which greets every client. Each
gateway has a public port of its own, so that a test decides where its clients are connected.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
from collections.abc import AsyncIterator
from typing import Any

from shared import client_id, protocol
from shared.link import Link, LinkState
from shared.listening import listen
from shared.pool import Pool
from shared.process import Plan, Process
from shared.protocol import Kind, ServiceOptions
from shared.settings import Settings
from tests.support.ports import Ports
from tests.support.timing import eventually, within
from tests.support.ws import Client, connect

SECRET = "a secret of tests that is long enough"
SERVICE = "shop"
OTHER = "other"

_OPTIONS = ServiceOptions(heartbeat_text=None)


class Greeter:
    """The worker: tells every client its id, and acknowledges everything."""

    def on_connect(
        self, link: Link, seq: int, service: int, client: int, state: Any, request: Any
    ) -> None:
        payload = client_id.make(link.prefix, client).encode()
        link.cast(protocol.SEND_TO_CLIENT, service, client, 1, payload, timeout=5)
        link.ack(seq)

    def _ignore(self, link: Link, seq: int, *_: Any) -> None:
        link.ack(seq)

    on_text = on_binary = on_close = on_adopt = on_changed = on_gateway_up = _ignore

    def on_link_up(self, link: Link, same_instance: bool) -> None:
        pass

    def on_link_lost(self, link: Link) -> None:
        pass

    def on_gateway_dead(self, link: Link) -> None:
        pass


class Socket:
    """A WebSocket connection and its client id."""

    def __init__(self, client: Client, identity: str) -> None:
        self.client = client
        self.id = identity

    async def recv(self) -> str | bytes:
        """The next message."""
        return await self.client.recv()


class Fleet:
    """Two gateways, a register and the greeting worker.

    Attributes:
        register: ``host:port``.
        gateways: the processes.
        addresses: their inner addresses.
        pool: the worker's links.
    """

    def __init__(self, gateways: int = 2) -> None:
        self.register = ""
        self.gateways: list[Process] = []
        self.addresses: list[str] = []
        self.pool: Pool
        self._number = gateways
        self._ports: list[int] = []
        self._processes: list[Process] = []
        self._sockets: list[socket.socket] = []
        self._free = Ports()

    async def __aenter__(self) -> Fleet:
        try:
            await self._start()
        except BaseException:
            await self._stop()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stop()

    async def _start(self) -> None:
        sock = self._listen()
        self.register = f"127.0.0.1:{sock.getsockname()[1]}"
        await self._process("register", 0, {}, {"register": sock})
        for index in range(self._number):
            port = self._free.take()
            sock = self._listen()
            self.addresses.append(f"127.0.0.1:{port}")
            self._ports.append(sock.getsockname()[1])
            gateway = {"lan_port": port - index, "default_service": SERVICE, "drain_timeout": 0.2}
            self.gateways.append(await self._process("gateway", index, gateway, {"public": sock}))
        self.pool = Pool(
            registers=[self.register],
            secret=SECRET,
            kind=Kind.WORKER,
            name="greeter",
            services=[(name, ["on_connect", "on_close"], _OPTIONS) for name in (SERVICE, OTHER)],
            events=Greeter(),
        )
        await self.pool.start()
        await self.all_up(self.pool)
        self.pool.ready()

    def _listen(self) -> socket.socket:
        sock = listen("gateway.port", "127.0.0.1", 0)
        self._sockets.append(sock)
        return sock

    async def _process(
        self, kind: str, index: int, gateway: dict[str, Any], sockets: dict[str, socket.socket]
    ) -> Process:
        settings = Settings.model_validate(
            {
                "secret": SECRET,
                "register": {"listen": self.register, "addresses": [self.register]},
                "gateway": gateway,
                "supervision": {"ping_timeout": 0},  # tests stop processes with SIGSTOP
            }
        )
        entry = "gateway.server:run" if kind == "gateway" else "gateway.register:run"
        process = Process(
            Plan(kind, index, f"{kind}-{index}", entry, 2.0),
            settings,
            settings.model_dump(mode="json"),
            sockets,
            lambda process, reason: None,
        )
        self._processes.append(process)
        await process.start()
        await process.ready
        return process

    async def _stop(self) -> None:
        if hasattr(self, "pool"):
            await self.pool.close()
        for process in self._processes:
            process.kill("the test is over")
            await within(process.ended)
        for sock in self._sockets:
            sock.close()
        self._free.close()

    async def all_up(self, pool: Pool) -> None:
        """Wait until a pool has links to all gateways."""
        expected = [LinkState.UP] * self._number
        await eventually(lambda: [link.state for link in pool.links.values()] == expected)

    @contextlib.asynccontextmanager
    async def socket(self, gateway: int = 0, service: str = SERVICE) -> AsyncIterator[Socket]:
        """A client of a gateway."""
        url = f"ws://127.0.0.1:{self._ports[gateway]}/{service}"
        async with connect(url) as client:
            identity = await client.recv()
            assert isinstance(identity, str)
            assert identity.startswith(self.prefix(gateway))
            yield Socket(client, identity)

    @contextlib.asynccontextmanager
    async def sockets(self, *gateways: int, service: str = SERVICE) -> AsyncIterator[list[Socket]]:
        """Several clients, on the gateways given."""
        async with contextlib.AsyncExitStack() as stack:
            yield [
                await stack.enter_async_context(self.socket(gateway, service))
                for gateway in gateways
            ]

    def prefix(self, gateway: int) -> str:
        """The first 12 digits of a gateway's client ids."""
        host, _, port = self.addresses[gateway].rpartition(":")
        return client_id.prefix(host, int(port))

    @contextlib.contextmanager
    def frozen(self, gateway: int) -> Any:
        """A gateway stands still (SIGSTOP) for a while."""
        pid = self.gateways[gateway].pid
        os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            with contextlib.suppress(ProcessLookupError):  # a test may have killed it
                os.kill(pid, signal.SIGCONT)
