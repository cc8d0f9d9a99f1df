"""Tokens of customers and passwords of agents."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import secrets
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

import jwt
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from shared.setting_names import refuse

from .envelope import ERROR, TOKEN_ERROR, TOKEN_EXPIRED, Busy, Refused
from .params import MAX_NUMBER

T = TypeVar("T")

DEMO_TOKEN_LIFE = 172_800
"""Seconds that a demo token is good for; the life of the original's tokens."""

MAX_KNOWN = 10_000
MAX_KNOWN_LENGTH = 1000
"""Good tokens that are remembered until they expire; checking one takes longer than all else that
a short request needs."""

MAX_WAITING = 32
"""Passwords that may wait to be checked; more are refused, since each takes a tenth of a second."""


class Tokens:
    """Checks customers' tokens: JWT, HS256, ``sub`` = member id, ``aud`` = the service, ``exp``.

    Args:
        keys: texts of at least 32 characters; a token signed with any of them is good, so that a
            new one can be put before the old.
        audience: name of the service.

    Raises:
        SettingsError: a key cannot be used.
    """

    def __init__(self, keys: Sequence[str], audience: str) -> None:
        for key in keys:
            if key.lstrip().startswith("-----BEGIN"):
                reason = "holds a PEM key, and this version supports HS256 only"
                raise refuse("servicer.token_keys", None, reason)
            if len(key.encode()) < 32:
                raise refuse("servicer.token_keys", None, "a key has less than 32 characters")
        self._keys = list(keys)
        self._known: dict[str, tuple[int, float]] = {}
        self._audience = audience
        self._jwt = jwt.PyJWT(
            {"require": ["exp", "sub", "aud"], "verify_sub": False, "verify_iat": False}
        )

    def member_of(self, token: str) -> int:
        """The member whose token it is.

        Raises:
            Refused: there is none, it has expired, or it is not good; with the code and
                ``error_code`` by which clients know what to do.
        """
        if not token:
            raise Refused("请先登录", ERROR, error_code="TOKEN_NOT_EXIST")
        known, until = self._known.get(token, (0, 0.0))
        if until > time.time():
            return known
        claims = self._claims(token)
        member_id = _member_id(claims.get("sub"))
        if member_id is None:
            raise _token_error()
        if len(self._known) >= MAX_KNOWN:
            self._known.clear()
        if len(token) <= MAX_KNOWN_LENGTH:
            self._known[token] = (member_id, float(claims["exp"]))
        return member_id

    def issue(self, member_id: int, now: float) -> str:
        """A token for a member, signed with the first key."""
        claims = {
            "sub": str(member_id),
            "aud": self._audience,
            "iat": int(now),
            "exp": int(now) + DEMO_TOKEN_LIFE,
        }
        return self._jwt.encode(claims, self._keys[0], algorithm="HS256")

    def _claims(self, token: str) -> dict[str, Any]:
        for key in self._keys:
            try:
                return self._jwt.decode(token, key, algorithms=["HS256"], audience=self._audience)
            except jwt.InvalidSignatureError:
                continue
            except jwt.ExpiredSignatureError:
                text = "登录已过期，请重新登录"
                raise Refused(text, TOKEN_EXPIRED, error_code="TOKEN_EXPIRE") from None
            except jwt.InvalidTokenError:
                raise _token_error() from None
        raise _token_error()


def _token_error() -> Refused:
    return Refused("登录已失效，请重新登录", TOKEN_ERROR, error_code="TOKEN_ERROR")


def _member_id(subject: Any) -> int | None:
    if isinstance(subject, str) and subject.isascii() and subject.isdigit() and len(subject) < 12:
        subject = int(subject)
    if isinstance(subject, bool) or not isinstance(subject, int):
        return None
    return subject if 0 < subject <= MAX_NUMBER else None


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

    async def is_right(self, password: str, hashed: str | None) -> bool:
        """Whether a password belongs to a hash.

        Args:
            password: what was typed.
            hashed: None: there is no such account, which takes as long to say as anything else.

        Raises:
            Refused: too many are waiting.
        """
        if self._waiting >= MAX_WAITING:
            raise Busy
        return await self._run(partial(self._verify, password, hashed))

    def close(self) -> None:
        """Let the thread go."""
        self._executor.shutdown(wait=False, cancel_futures=True)

    def _verify(self, password: str, hashed: str | None) -> bool:
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
