"""Keys from the secret, proofs, and the gate between sockets."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
import zmq
from zmq.utils.monitor import parse_monitor_message

from shared import curve
from shared.drain import Drain
from tests.support.timing import within

SECRET = "a secret that is long enough for all"
OTHER = "another one that is also long enough"


def test_every_label_gives_other_keys() -> None:
    """Whoever knows one derived value knows none of the others."""
    pairs = (curve.gateway_keys(SECRET), curve.peer_keys(SECRET))
    values = [key for pair in pairs for key in pair] + [curve.fingerprint(SECRET).encode()]
    assert len(set(values)) == len(values)
    assert curve.proof(SECRET).encode() not in values


def test_every_secret_gives_other_keys() -> None:
    """Another secret, however similar, gives other keys; the same one always the same."""
    assert curve.gateway_keys(SECRET) == curve.gateway_keys(SECRET)
    for derive in (curve.gateway_keys, curve.peer_keys, curve.fingerprint, curve.proof):
        assert derive(SECRET) != derive(SECRET[:-1] + "x")


def test_public_keys_belong_to_the_secret_keys() -> None:
    """The pairs are CURVE pairs in Z85 text."""
    for pair in (curve.gateway_keys(SECRET), curve.peer_keys(SECRET)):
        assert pair.public == zmq.curve_public(pair.secret)
        assert len(pair.public) == len(pair.secret) == 40


def test_a_proof_covers_each_of_its_parts() -> None:
    """It matches only the same secret and parts, in the same order."""
    given = curve.proof(SECRET, "nonce", "text")
    assert curve.matches(SECRET, given, "nonce", "text")
    assert not curve.matches(OTHER, given, "nonce", "text")
    assert not curve.matches(SECRET, given, "text", "nonce")
    assert not curve.matches(SECRET, given, "nonce")
    assert not curve.matches(SECRET, given.upper(), "nonce", "text")


@pytest.mark.parametrize("given", ["", "None", "é" * 64, "\ud800", "0" * 64])
def test_a_forged_proof_does_not_match(given: str) -> None:
    """Whatever text comes in place of a proof, it is refused without an error."""
    assert not curve.matches(SECRET, given, "nonce", "\udfff")


class Server:
    """A ROUTER behind the gate that says ``hello`` to whoever writes."""

    def __init__(self, secrets: list[str]) -> None:
        self.context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self.gate = curve.Gate(self.context, secrets)
        self.router = self.context.socket(zmq.ROUTER)
        curve.protect_server(self.router, curve.gateway_keys(secrets[0]))
        self.port = self.router.bind_to_random_port("tcp://127.0.0.1")
        self.drains = [
            Drain(self.gate.socket, self.gate.answer),
            Drain(self.router, self.greet),
        ]

    def greet(self, parts: list[bytes]) -> None:
        self.router.send_multipart([parts[0], b"hello"])

    def close(self) -> None:
        for drain in self.drains:
            drain.stop()
        self.router.close(0)
        self.gate.socket.close(0)
        self.context.term()


class Peer:
    """A DEALER; ``answer`` is what came first: bytes from the server or an event of its monitor."""

    def __init__(self, port: int) -> None:
        self.context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self.socket = self.context.socket(zmq.DEALER)
        self.socket.linger = 0
        self.socket.reconnect_ivl = -1
        self.answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.monitor = self.socket.get_monitor_socket(
            zmq.EVENT_HANDSHAKE_FAILED_AUTH
            | zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL
            | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL
            | zmq.EVENT_DISCONNECTED
        )
        self.drains = [
            Drain(self.socket, lambda parts: self.take(parts[0])),
            Drain(self.monitor, lambda parts: self.take(parse_monitor_message(parts)["event"])),
        ]
        self.port = port

    def take(self, answer: Any) -> None:
        if not self.answer.done():
            self.answer.set_result(answer)

    async def ask(self) -> Any:
        self.socket.connect(f"tcp://127.0.0.1:{self.port}")
        with contextlib.suppress(zmq.Again):  # it may have been dropped already
            self.socket.send(b"anybody there?", zmq.NOBLOCK)
        self.drains[0].look()
        return await within(self.answer)

    def close(self) -> None:
        for drain in self.drains:
            drain.stop()
        self.socket.disable_monitor()
        self.monitor.close(0)
        self.socket.close(0)
        self.context.term()


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    """A server whose secret is SECRET."""
    server = Server([SECRET])
    yield server
    server.close()


@pytest.fixture
async def peer(server: Server) -> AsyncIterator[Peer]:
    """A peer of it without keys so far."""
    peer = Peer(server.port)
    yield peer
    peer.close()


async def test_who_has_the_secret_is_let_in(server: Server, peer: Peer) -> None:
    """The peers' key and the gateway's key fit together."""
    keys = curve.peer_keys(SECRET)
    curve.protect_client(peer.socket, keys, curve.gateway_keys(SECRET).public)
    assert await peer.ask() == b"hello"
    assert server.gate.refused == 0


async def test_a_wrong_key_of_the_peer_is_kept_out(server: Server, peer: Peer) -> None:
    """It knows the gateway's public key, but is not of the same secret."""
    keys = curve.peer_keys(OTHER)
    curve.protect_client(peer.socket, keys, curve.gateway_keys(SECRET).public)
    assert await peer.ask() == zmq.EVENT_HANDSHAKE_FAILED_AUTH
    assert server.gate.refused == 1


async def test_the_gateways_own_key_is_no_peers_key(server: Server, peer: Peer) -> None:
    """A gateway's keys do not let one in as a peer."""
    keys = curve.gateway_keys(SECRET)
    curve.protect_client(peer.socket, keys, keys.public)
    assert await peer.ask() == zmq.EVENT_HANDSHAKE_FAILED_AUTH


async def test_a_peer_does_not_speak_to_a_wrong_gateway(server: Server, peer: Peer) -> None:
    """A server that does not have the expected key gets no message."""
    keys = curve.peer_keys(SECRET)
    curve.protect_client(peer.socket, keys, curve.gateway_keys(OTHER).public)
    assert await peer.ask() != b"hello"


async def test_without_curve_nobody_gets_in(server: Server, peer: Peer) -> None:
    """A socket of the default mechanism is dropped in its handshake."""
    assert await peer.ask() != b"hello"


async def test_the_gate_knows_several_secrets() -> None:
    """While the secret is being changed, peers of both are let in."""
    server = Server([SECRET, OTHER])
    try:
        for secret in (SECRET, OTHER):
            peer = Peer(server.port)
            curve.protect_client(
                peer.socket, curve.peer_keys(secret), curve.gateway_keys(SECRET).public
            )
            assert await peer.ask() == b"hello"
            peer.close()
    finally:
        server.close()
