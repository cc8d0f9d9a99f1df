"""The register process: the list of living gateways, in memory, told to whoever asks.

Wire format and meaning of the messages: ``shared/register.py``.
"""

from __future__ import annotations

import asyncio
import logging
import secrets as random_source
import time
from typing import TYPE_CHECKING, Any

from shared import client_id, curve
from shared.errors import ProtocolError
from shared.register import (
    CLOSE_TIMEOUT,
    MAX_LINE,
    VERSION,
    Listed,
    encode,
    finish,
    hello_parts,
    ping_for_ever,
    read_message,
    split_address,
)

if TYPE_CHECKING:
    from shared.child import Child

log = logging.getLogger(__name__)


class Register:
    """Accepts gateways and watchers and keeps the watchers informed.

    Args:
        secrets: accepted secrets.
    """

    def __init__(self, secrets: list[str]) -> None:
        self._secrets = secrets
        self._started = time.monotonic()
        self._gateways: dict[str, Listed] = {}
        self._watchers: set[asyncio.StreamWriter] = set()
        self._serving: dict[asyncio.StreamWriter, asyncio.Task[Any] | None] = {}
        self.refused = 0

    def status(self) -> dict[str, Any]:
        """Gateways and number of watchers."""
        rows = [{"address": g.address, "name": g.name} for g in self._gateways.values()]
        return {"gateways": rows, "watchers": len(self._watchers), "refused": self.refused}

    async def close(self) -> None:
        """Close all connections."""
        for writer in self._serving:
            writer.close()
        tasks = [task for task in self._serving.values() if task is not None]
        if tasks:
            await asyncio.wait(tasks, timeout=2 * CLOSE_TIMEOUT)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, from challenge to its end."""
        self._serving[writer] = asyncio.current_task()
        nonce = random_source.token_hex(16)
        listed: Listed | None = None
        pinger: asyncio.Task[None] | None = None
        try:
            writer.write(encode({"event": "challenge", "version": VERSION, "nonce": nonce}))
            hello = await read_message(reader)
            reason, answer = self._check(nonce, hello)
            if reason is not None:
                self.refused += 1
                peer = writer.get_extra_info("peername")
                log.warning("refused %s from %s: %s", hello.get("event"), peer, reason)
                writer.write(encode({"event": "refused", "reason": reason}))
                return
            writer.write(encode(answer))
            if hello["event"] == "gateway_connect":
                listed = Listed(
                    hello["address"], hello["instance"], hello["name"], hello["endpoints"]
                )
                self._gateways[listed.address] = listed
                log.info("gateway %s (%s) is here", listed.name, listed.address)
                self._broadcast()
            self._watchers.add(writer)
            writer.write(self._list())
            pinger = asyncio.create_task(ping_for_ever(writer))
            while True:
                await read_message(reader)
        except (OSError, TimeoutError, asyncio.IncompleteReadError, ProtocolError) as error:
            log.debug("connection ends: %r", error)
        finally:
            if pinger is not None:
                pinger.cancel()
            self._watchers.discard(writer)
            if listed is not None and self._gateways.get(listed.address) is listed:
                del self._gateways[listed.address]
                log.info("gateway %s (%s) is gone", listed.name, listed.address)
                self._broadcast()
            await finish(writer)
            del self._serving[writer]

    def _check(self, nonce: str, hello: dict[str, Any]) -> tuple[str | None, dict[str, Any]]:
        """Why a hello is refused (or None), and the answer to it otherwise."""
        given = str(hello.get("proof"))
        parts = hello_parts(nonce, hello)
        secret = next((s for s in self._secrets if curve.matches(s, given, *parts)), None)
        if secret is None:
            return "secret", {}
        if hello["event"] == "gateway_connect":
            try:
                client_id.prefix(*split_address(hello["address"]))
                well_formed = all(
                    isinstance(key, str) and split_address(value)
                    for key, value in hello["endpoints"].items()
                ) and all(isinstance(hello[key], str) for key in ("instance", "name"))
            except (KeyError, TypeError, ValueError, AttributeError):
                well_formed = False
            if not well_formed:
                return "malformed", {}
            present = self._gateways.get(hello["address"])
            if present is not None and present.instance != hello["instance"]:
                return "duplicate", {}
        elif hello["event"] != "worker_connect":
            return "malformed", {}
        proof = curve.proof(secret, "register", nonce, str(hello.get("nonce")))
        return None, {"event": "welcome", "proof": proof}

    def _list(self) -> bytes:
        return encode(
            {
                "event": "broadcast_addresses",
                "age": time.monotonic() - self._started,
                "gateways": [gateway._asdict() for gateway in self._gateways.values()],
            }
        )

    def _broadcast(self) -> None:
        line = self._list()
        for watcher in self._watchers:
            watcher.write(line)


async def run(child: Child) -> None:
    """Body of the register process."""
    register = Register(secrets_of(child.settings.secret))
    server = await asyncio.start_server(
        register.serve, sock=child.sockets["register"], limit=MAX_LINE
    )
    child.on_status(register.status)
    child.ready()
    await child.stopping.wait()
    server.close()
    await register.close()


def secrets_of(secret: Any) -> list[str]:
    """The accepted secrets, the present one first, from the setting ``secret``."""
    return [secret] if isinstance(secret, str) else list(secret)
