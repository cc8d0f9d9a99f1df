"""The wire format of the register and the connection that gateways, workers and clients keep to it.

TCP, one JSON object per line (as in PHP GatewayWorker, with its event names). The register speaks
first; both sides prove that they know the secret; nothing on this connection is confidential::

    register  {"event": "challenge", "version": 1, "nonce": N1}
    gateway   {"event": "gateway_connect", "nonce": N2, "address": "10.0.0.1:2900",
               "instance": "...", "name": "gateway-0", "proof": P,
               "endpoints": {fingerprint: "10.0.0.1:2900"}}
    others    {"event": "worker_connect", "nonce": N2, "name": "...", "proof": P}
    register  {"event": "welcome", "proof": Q}   or   {"event": "refused", "reason": R}
    register  {"event": "broadcast_addresses", "age": seconds, "gateways": [...]}   at each change
    both      {"event": "ping"}

P hashes both nonces, the event and the other fields; Q both nonces. Reasons: ``secret``,
``version``, ``duplicate`` (another living instance has this address), ``malformed``.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import random
import secrets as random_source
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from . import curve
from .errors import ProtocolError

log = logging.getLogger(__name__)

VERSION = 1
MAX_LINE = 1024 * 1024
PING_INTERVAL = 3.0
SILENCE = 10.0
"""Seconds without a line after which either side closes."""

CLOSE_TIMEOUT = 1.0
"""Seconds that closing a connection may take."""

FIRST_PAUSE, LAST_PAUSE = 0.1, 2.0
"""Bounds of the random pause before a new attempt, seconds."""


class Listed(NamedTuple):
    """A living gateway as the register lists it."""

    address: str
    instance: str
    name: str
    endpoints: dict[str, str]


def encode(message: dict[str, Any]) -> bytes:
    """One line."""
    return json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def decode(line: bytes) -> dict[str, Any]:
    """One line back.

    Raises:
        ProtocolError: not a JSON object with a str ``event``.
    """
    try:
        message = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ProtocolError(f"register: {error}") from error
    if not isinstance(message, dict) or not isinstance(message.get("event"), str):
        raise ProtocolError("register: a line is a JSON object with an event")
    return message


def hello_parts(nonce: str, hello: dict[str, Any]) -> tuple[str, str]:
    """What a peer's proof covers: the register's nonce, and the hello without the proof."""
    fields = {key: value for key, value in hello.items() if key != "proof"}
    return nonce, json.dumps(fields, sort_keys=True)


def parse_gateways(message: dict[str, Any]) -> dict[str, Listed]:
    """The gateways of a broadcast, by address.

    Raises:
        ProtocolError: malformed.
    """
    try:
        return {
            row["address"]: Listed(
                str(row["address"]), str(row["instance"]), str(row["name"]), dict(row["endpoints"])
            )
            for row in message["gateways"]
        }
    except (KeyError, TypeError, ValueError) as error:
        raise ProtocolError(f"register: malformed list of gateways: {error!r}") from error


def split_address(address: str) -> tuple[str, int]:
    """``host:port`` to its parts; IPv6 in brackets.

    Raises:
        ValueError: no port, or not a number.
    """
    host, _, port = address.rpartition(":")
    if not host:
        raise ValueError(f"{address!r} is not host:port")
    return host.strip("[]"), int(port)


class Refused(ProtocolError):
    """The register refused us, or could not prove that it knows the secret."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"register refused: {reason}")
        self.reason = reason


class RegisterConnection:
    """Keeps one connection to one register for ever, with jittered pauses between attempts.

    Args:
        address: ``host:port`` of the register.
        secrets: the secret to prove, and those to try where the register refuses it: while the
            secret is being changed, a register on another machine may not have the new one yet.
        hello: event and fields of our hello, without nonce and proof.
        changed: called after every new list, loss and refusal; look at the attributes then.

    Attributes:
        gateways: last list, by address; kept while the connection is down.
        connected: whether the list is being kept up to date now.
        lists_received: number of lists since the start.
        refusal: why it refuses us (see module), None when it does not.
        error: last connection error in words.
    """

    def __init__(
        self,
        address: str,
        secrets: Sequence[str],
        hello: dict[str, Any],
        changed: Callable[[], None],
    ) -> None:
        self.address = address
        self.gateways: dict[str, Listed] = {}
        self.connected = False
        self.lists_received = 0
        self._started_at = 0.0
        self.refusal: str | None = None
        self.error = ""
        self._secrets = deque(secrets)
        self._hello = hello
        self._changed = changed
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to connect; needs a running loop."""
        self._task = asyncio.create_task(self._run(), name=f"register {self.address}")

    def age(self) -> float:
        """Seconds for which the register has been running; only meaningful while connected."""
        return time.monotonic() - self._started_at

    async def close(self) -> None:
        """Close the connection; idempotent."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    async def _run(self) -> None:
        pause = FIRST_PAUSE
        while True:
            try:
                await self._connect()
            except Refused as error:
                if self.refusal != error.reason:
                    log.error("register %s: refused: %s", self.address, error.reason)
                self.refusal, self.error = error.reason, str(error)
                self._secrets.rotate(-1)
            except asyncio.IncompleteReadError:
                self.error = "closed by the other side"
            except (OSError, TimeoutError, ProtocolError) as error:
                self.error = str(error) or type(error).__name__
            except ValueError as error:  # the address is none, or a number of the list is none
                log.error("register %s: %s", self.address, error)
                self.error = str(error)
            if self.connected:
                self.connected = False
                pause = FIRST_PAUSE
                log.warning("register %s: connection lost: %s", self.address, self.error)
            self._changed()
            await asyncio.sleep(random.uniform(FIRST_PAUSE, pause))  # noqa: S311 - jitter
            pause = min(LAST_PAUSE, pause * 2)

    async def _connect(self) -> None:
        host, port = split_address(self.address)
        async with asyncio.timeout(SILENCE):
            reader, writer = await asyncio.open_connection(host, port, limit=MAX_LINE)
        pinger: asyncio.Task[None] | None = None
        try:
            await self._introduce(reader, writer)
            pinger = asyncio.create_task(ping_for_ever(writer))
            while True:
                self._take(await read_message(reader))
        finally:
            if pinger is not None:
                pinger.cancel()
            await finish(writer)

    async def _introduce(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        challenge = await read_message(reader)
        if challenge["event"] != "challenge" or challenge.get("version") != VERSION:
            raise Refused("version")
        nonce = str(challenge.get("nonce"))
        hello = {**self._hello, "nonce": random_source.token_hex(16)}
        hello["proof"] = curve.proof(self._secrets[0], *hello_parts(nonce, hello))
        writer.write(encode(hello))
        answer = await read_message(reader)
        if answer["event"] == "refused":
            raise Refused(str(answer.get("reason")))
        given = str(answer.get("proof"))
        if not curve.matches(self._secrets[0], given, "register", nonce, hello["nonce"]):
            raise Refused("secret")
        self.refusal = None

    def _take(self, message: dict[str, Any]) -> None:
        if message["event"] != "broadcast_addresses":
            return
        age = message.get("age", 0)
        if not isinstance(age, int | float):
            raise ProtocolError(f"register: age {age!r}")
        self.gateways = parse_gateways(message)
        self._started_at = time.monotonic() - age
        self.lists_received += 1
        if not self.connected:
            self.connected = True
            log.info("register %s: connected, %d gateways", self.address, len(self.gateways))
        self._changed()


async def read_message(reader: asyncio.StreamReader) -> dict[str, Any]:
    """The next line.

    Raises:
        ProtocolError: malformed or too long.
        TimeoutError: none for ``SILENCE`` seconds.
        asyncio.IncompleteReadError: the other side closed.
    """
    async with asyncio.timeout(SILENCE):
        try:
            return decode(await reader.readuntil(b"\n"))
        except asyncio.LimitOverrunError as error:
            raise ProtocolError(f"register: line too long: {error}") from error


async def finish(writer: asyncio.StreamWriter) -> None:
    """Close a connection, and wait a little for what is still to be sent on it."""
    writer.close()
    with contextlib.suppress(OSError, TimeoutError):
        async with asyncio.timeout(CLOSE_TIMEOUT):
            await writer.wait_closed()


async def ping_for_ever(writer: asyncio.StreamWriter) -> None:
    """Send a ping every ``PING_INTERVAL`` seconds; cancel it to stop."""
    while True:
        await asyncio.sleep(PING_INTERVAL)
        writer.write(encode({"event": "ping"}))
