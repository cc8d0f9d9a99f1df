"""Passwords of agents, and keys made from the installation's secret."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import secrets
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from .envelope import Busy
from .passwords import is_old, is_old_right

T = TypeVar("T")

MAX_WAITING = 32
"""Passwords that may wait to be checked; more are refused, since each takes a tenth of a second."""


def derive(secret: str, purpose: str) -> bytes:
    """A key for one purpose, from the installation's secret."""
    key = hashlib.blake2b(secret.encode(), digest_size=32).digest()
    return hashlib.blake2b(purpose.encode(), key=key, digest_size=32).digest()


class BindKeys:
    """The ``bind_key`` of ``init``: proves that who binds a socket has read its first message.

    Args:
        secrets: of the installation; the first is used, any is accepted.
        service: name of the service.
    """

    def __init__(self, secrets: Sequence[str], service: str) -> None:
        self._keys = [derive(secret, f"bind key {service}") for secret in secrets]

    def make(self, client_id: str) -> str:
        """The key of a socket."""
        return self._make(self._keys[0], client_id)

    def is_good(self, client_id: str, bind_key: str) -> bool:
        """Whether it is the key of this socket."""
        given = bind_key.encode()
        return any(
            hmac.compare_digest(self._make(key, client_id).encode(), given) for key in self._keys
        )

    @staticmethod
    def _make(key: bytes, client_id: str) -> str:
        return hashlib.blake2b(client_id.encode(), key=key, digest_size=16).hexdigest()


class Passwords:
    """Hashes and checks passwords (argon2id) in a thread: each takes 0.1 s and 64 MiB."""

    def __init__(self) -> None:
        self._hasher = PasswordHasher()
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="passwords")
        self._waiting = 0
        self._nobody: str | None = None

    async def hash(self, password: str) -> str:
        """The hash of a new password."""
        return await self._run(partial(self._hasher.hash, password))

    async def is_right(
        self, password: str, hashed: str | None, *, may_be_old: bool = False
    ) -> bool:
        """Whether a password belongs to a hash.

        Args:
            password: what was typed.
            hashed: None: there is no such account, which takes as long to say as anything else.
            may_be_old: whether a hash that an import brought along is good. Who says so must put
                one of ours in its place.

        Raises:
            Refused: too many are waiting.
        """
        if self._waiting >= MAX_WAITING:
            raise Busy
        return await self._run(partial(self._verify, password, hashed, may_be_old))

    def close(self) -> None:
        """Let the thread go."""
        self._executor.shutdown(wait=False, cancel_futures=True)

    def _verify(self, password: str, hashed: str | None, may_be_old: bool) -> bool:
        if hashed is not None and is_old(hashed):
            if may_be_old and is_old_right(password, hashed):
                return True
            hashed = None  # wrong, after as long as for everybody else
        if hashed is None:
            if self._nobody is None:
                self._nobody = self._hasher.hash(secrets.token_hex())
            hashed, password = self._nobody, ""
        try:
            return self._hasher.verify(hashed, password)
        except (VerificationError, InvalidHashError):
            return False

    async def _run(self, work: Callable[[], T]) -> T:
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._executor, work)
        finally:
            self._waiting -= 1
