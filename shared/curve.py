"""Keys of the inner network, derived from the one secret, and the gate that checks them (ZAP).

Both ends of every ZeroMQ connection are authenticated by CURVE: a peer knows the gateway's public
key, and the gateway lets in only the peers' key. Whoever has the secret has both.
Format of ZAP: RFC 27 of the ZeroMQ project.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable
from typing import NamedTuple

import zmq
from zmq.utils import z85

ZAP_ENDPOINT = "inproc://zeromq.zap.01"
ZAP_DOMAIN = b"kefu"


class Keys(NamedTuple):
    """A CURVE key pair in Z85 text (40 bytes each)."""

    public: bytes
    secret: bytes


def _derive(secret: str, label: bytes, size: int) -> bytes:
    key = hashlib.blake2b(secret.encode(), digest_size=64).digest()
    return hashlib.blake2b(label, key=key, digest_size=size).digest()


def _keys(secret: str, label: bytes) -> Keys:
    secret_key = z85.encode(_derive(secret, label, 32))
    return Keys(zmq.curve_public(secret_key), secret_key)


def gateway_keys(secret: str) -> Keys:
    """The pair that gateways hold."""
    return _keys(secret, b"kefu curve gateway 1")


def peer_keys(secret: str) -> Keys:
    """The pair that business processes and GatewayClients hold."""
    return _keys(secret, b"kefu curve peer 1")


def fingerprint(secret: str) -> str:
    """8 hex digits that tell two secrets apart and say nothing else about them."""
    return _derive(secret, b"kefu fingerprint 1", 4).hex()


def proof(secret: str, *parts: str) -> str:
    """Shows that we know the secret: a keyed hash of the parts, 64 hex digits."""
    key = _derive(secret, b"kefu register 1", 32)
    text = "\n".join(parts).encode(errors="surrogatepass")  # parts come from the network
    return hashlib.blake2b(text, key=key, digest_size=32).hexdigest()


def matches(secret: str, given: str, *parts: str) -> bool:
    """Whether ``given`` is the proof of the parts; takes the same time for every answer."""
    expected = proof(secret, *parts).encode()
    return hmac.compare_digest(expected, given.encode(errors="surrogatepass"))


def protect_server(socket: zmq.Socket[bytes], keys: Keys) -> None:
    """Make a socket that will bind demand CURVE and ask the gate; before bind."""
    socket.curve_server = True
    socket.curve_publickey = keys.public
    socket.curve_secretkey = keys.secret
    socket.zap_domain = ZAP_DOMAIN


def protect_client(socket: zmq.Socket[bytes], keys: Keys, server_public: bytes) -> None:
    """Make a socket that will connect use CURVE; before connect."""
    socket.curve_publickey = keys.public
    socket.curve_secretkey = keys.secret
    socket.curve_serverkey = server_public


class Gate:
    """Answers ZAP requests: only the peers' public keys are let in.

    A REP socket of the process's context; must be bound before the sockets it protects. The owner
    calls ``answer`` whenever the socket is readable.

    Args:
        context: the process's ZeroMQ context.
        secrets: whose peers are let in.
    """

    def __init__(self, context: zmq.Context[zmq.Socket[bytes]], secrets: Iterable[str]) -> None:
        self._allowed = {z85.decode(peer_keys(secret).public) for secret in secrets}
        self.socket = context.socket(zmq.REP)
        self.socket.linger = 0
        self.socket.bind(ZAP_ENDPOINT)
        self.refused = 0

    def answer(self, request: list[bytes]) -> None:
        """Answer one request: [version, id, domain, address, identity, mechanism, key]."""
        version, request_id = request[0], request[1]
        allowed = len(request) == 7 and request[5] == b"CURVE" and request[6] in self._allowed
        self.refused += not allowed
        status = (b"200", b"OK", b"peer") if allowed else (b"400", b"unknown key", b"")
        self.socket.send_multipart([version, request_id, *status, b""])
