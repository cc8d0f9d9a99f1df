"""A gateway and a register that do what a test tells them, over real sockets."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import Any

import zmq

from shared import client_id, curve, protocol
from shared.drain import Drain
from shared.errors import ProtocolError
from shared.register import decode, encode, hello_parts
from tests.support.ports import Ports
from tests.support.timing import eventually, within

SECRET = "a secret that is long enough for all"

Message = list[Any]


class FakeGateway:
    """A ROUTER in a gateway's place. It welcomes whoever says hello, and records all else.

    Attributes:
        instance: what WELCOME says; change it for another instance.
        clock_ahead: seconds by which its clock is ahead of ours.
        hellos: those that came, oldest first.
        messages: what else came, oldest first.
        frames: number of ZeroMQ frames that came.
        welcomes: whether HELLO is answered.
        peer: routing id of the latest connection that said hello.
    """

    def __init__(self, ports: Ports, secret: str = SECRET) -> None:
        self._secret = secret
        self.port = ports.take()
        self.address = f"127.0.0.1:{self.port}"
        self.prefix = client_id.prefix("127.0.0.1", self.port)
        self.instance = "0123456789abcdef"
        self.clock_ahead = 1_000_000.0
        self.hellos: list[Message] = []
        self.messages: list[Message] = []
        self.frames = 0
        self.welcomes = True
        self.peer = b""
        self._context: zmq.Context[zmq.Socket[bytes]] | None = None
        self._drains: list[Drain] = []
        self._sockets: list[zmq.Socket[bytes]] = []

    def listed(self) -> dict[str, Any]:
        """Its row in a register's list."""
        return {
            "address": self.address,
            "instance": self.instance,
            "name": f"gateway at {self.port}",
            "endpoints": {curve.fingerprint(self._secret): self.address},
        }

    def open(self) -> None:
        """Listen."""
        self._context = zmq.Context()
        gate = curve.Gate(self._context, [self._secret])
        router = self._context.socket(zmq.ROUTER)
        router.linger = 200
        router.router_mandatory = True
        curve.protect_server(router, curve.gateway_keys(self._secret))
        router.bind(f"tcp://{self.address}")
        self._sockets = [gate.socket, router]
        self._drains = [Drain(gate.socket, gate.answer), Drain(router, self._take)]

    async def close(self) -> None:
        """Be gone; all connections break. Idempotent."""
        for drain in self._drains:
            drain.stop()
        for socket in self._sockets:
            socket.close()
        self._drains, self._sockets = [], []
        if self._context is not None:
            await asyncio.to_thread(self._context.term)
            self._context = None

    def clock(self) -> int:
        """Its clock, milliseconds."""
        return int((time.monotonic() + self.clock_ahead) * 1000)

    def _take(self, parts: list[bytes]) -> None:
        self.frames += 1
        for message in protocol.unpack(parts[1]):
            if message[0] == protocol.HELLO:
                self.hellos.append(message)
                self.peer = parts[0]
                if self.welcomes:
                    self.welcome()
            else:
                self.messages.append(message)

    def welcome(self) -> None:
        """Say WELCOME to the latest connection."""
        version = protocol.VERSION
        self.send((protocol.WELCOME, version, self.instance, self.clock(), self.prefix))

    def send(self, *messages: tuple[Any, ...]) -> None:
        """Say something to the latest connection, in one frame."""
        self.send_bytes(b"".join(protocol.pack(message) for message in messages))

    def send_bytes(self, frame: bytes) -> None:
        """The same, unpacked."""
        self._sockets[1].send_multipart([self.peer, frame])
        self._drains[1].look()

    async def receive(self, code: int, number: int | None = None) -> Message:
        """Take out the oldest message of a code (and first field), once it has come."""

        def find() -> Message | None:
            for message in self.messages:
                if message[0] == code and (number is None or message[1] == number):
                    self.messages.remove(message)
                    return message
            return None

        return await eventually(find)

    async def answer(self, code: int, value: Any, number: int | None = None) -> Message:
        """Wait for a command and reply to it."""
        message = await self.receive(code, number)
        self.send((protocol.REPLY, message[1], value))
        return message


class FakeRegister:
    """Accepts everybody and says what it is told to.

    Attributes:
        age: seconds for which it says it has been running.
        gateways: the list it sends.
    """

    def __init__(self, ports: Ports, secret: str = SECRET) -> None:
        self._secret = secret
        self.port = ports.take()
        self.address = f"127.0.0.1:{self.port}"
        self.age = 1000.0
        self.gateways: list[dict[str, Any]] = []
        self._server: asyncio.Server | None = None
        self._watchers: dict[asyncio.StreamWriter, asyncio.Task[Any] | None] = {}

    async def open(self, *gateways: FakeGateway) -> None:
        """Listen, and list these."""
        self.gateways = [gateway.listed() for gateway in gateways]
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)

    async def close(self) -> None:
        """Be gone. Idempotent."""
        if self._server is not None:
            self._server.close()
            self._server = None
        tasks = [task for task in self._watchers.values() if task is not None]
        for task in tasks:
            task.cancel()
        if tasks:
            await within(asyncio.wait(tasks))

    def announce(self, *gateways: FakeGateway) -> None:
        """List these from now on."""
        self.gateways = [gateway.listed() for gateway in gateways]
        for watcher in self._watchers:
            watcher.write(self._list())

    def _list(self) -> bytes:
        event = {"event": "broadcast_addresses", "age": self.age, "gateways": self.gateways}
        return encode(event)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            writer.write(encode({"event": "challenge", "version": 1, "nonce": "nonce"}))
            hello = decode(await reader.readline())
            if not curve.matches(self._secret, hello["proof"], *hello_parts("nonce", hello)):
                writer.write(encode({"event": "refused", "reason": "secret"}))
                return
            proof = curve.proof(self._secret, "register", "nonce", hello["nonce"])
            writer.write(encode({"event": "welcome", "proof": proof}) + self._list())
            self._watchers[writer] = asyncio.current_task()
            while await reader.readline():
                pass
        except (ConnectionError, ProtocolError):
            pass
        finally:
            self._watchers.pop(writer, None)
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()


class Events:
    """An event handler that records its calls, without the link."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []

    def __getattr__(self, name: str) -> Any:
        if not name.startswith("on_"):
            raise AttributeError(name)
        return lambda link, *fields: self.calls.append((name, *fields))

    def names(self) -> list[str]:
        """What was called, in order."""
        return [call[0] for call in self.calls]
