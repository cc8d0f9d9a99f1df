"""Tokens of customers: JWT, signed by the shop, or by this service for visitors and demos."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, NamedTuple

import jwt

from shared.setting_names import refuse

from .envelope import ERROR, TOKEN_ERROR, TOKEN_EXPIRED, Refused
from .params import MAX_NUMBER

TOKEN_LIFE = 172_800
"""Seconds that a token made here is good for; the life of the original's tokens."""

RENEWAL = 300
"""A token that ends within so many seconds is answered with a fresh one."""

FIRST_VISITOR = 1_000_000_000
"""Member ids from here on are visitors', who have tokens of this service only."""

MAX_KNOWN = 10_000
MAX_KNOWN_LENGTH = 1000
"""Good tokens that are remembered until they expire; checking one takes longer than all else that
a short request needs."""

MIN_SECRET = 32
MIN_RSA_BITS = 2048


class _Key(NamedTuple):
    key: Any
    algorithm: str
    """The only one that a token of this key may have: who picks the algorithm by the token takes a
    public key for a shared secret."""
    is_own: bool


class Tokens:
    """Checks customers' tokens: ``sub`` = member id, ``aud`` = the service, ``exp``.

    Args:
        keys: of the shop: texts of at least 32 characters (HS256) or PEM public keys (RS256). A
            token signed with any of them is good, so that a new one can be put before the old.
        audience: name of the service.
        own: keys of this service, likewise; the first signs.

    Raises:
        SettingsError: a key cannot be used.
    """

    def __init__(self, keys: Sequence[str], audience: str, own: Sequence[str] = ()) -> None:
        self._keys = [_key(key) for key in keys]
        self._keys += [_Key(key, "HS256", is_own=True) for key in own]
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
        claims, key = self._claims(token)
        member_id = _member_id(claims.get("sub"))
        if member_id is None or (member_id >= FIRST_VISITOR and not key.is_own):
            raise _token_error()
        if len(self._known) >= MAX_KNOWN:
            self._known.clear()
        if len(token) <= MAX_KNOWN_LENGTH:
            self._known[token] = (member_id, float(claims["exp"]))
        return member_id

    def renewal(self, token: str, now: float) -> str | None:
        """A fresh token in place of a good one that ends soon.

        Args:
            token: for which ``member_of`` has answered.
            now: Unix time.

        Returns:
            The same claims with a new end, signed with the same key; None where the token is good
            for a while, or its key cannot sign (RS256: only the shop can).
        """
        _, until = self._known.get(token, (0, 0.0))
        if until - now >= RENEWAL:
            return None
        claims, key = self._claims(token)
        if claims["exp"] - now >= RENEWAL or key.algorithm != "HS256":
            return None
        life = TOKEN_LIFE
        begun = claims.get("iat")
        if isinstance(begun, int | float) and RENEWAL < claims["exp"] - begun < TOKEN_LIFE:
            life = int(claims["exp"] - begun)
        times = {"iat": int(now), "exp": int(now) + life}
        return self._jwt.encode({**claims, **times}, key.key, algorithm=key.algorithm)

    def issue(self, member_id: int, now: float) -> str:
        """A token for a member or a visitor at Unix time ``now``: of a member as the shop would
        sign it, where the shop's key can sign."""
        able = [key for key in self._keys if key.algorithm == "HS256"]
        key = next((k for k in able if k.is_own == (member_id >= FIRST_VISITOR)), able[-1])
        claims = {
            "sub": str(member_id),
            "aud": self._audience,
            "iat": int(now),
            "exp": int(now) + TOKEN_LIFE,
        }
        return self._jwt.encode(claims, key.key, algorithm=key.algorithm)

    def _claims(self, token: str) -> tuple[dict[str, Any], _Key]:
        for key in self._keys:
            try:
                claims = self._jwt.decode(
                    token, key.key, algorithms=[key.algorithm], audience=self._audience
                )
            except (jwt.InvalidSignatureError, jwt.InvalidAlgorithmError):
                continue
            except jwt.ExpiredSignatureError:
                text = "登录已过期，请重新登录"
                raise Refused(text, TOKEN_EXPIRED, error_code="TOKEN_EXPIRE") from None
            except jwt.InvalidTokenError:
                raise _token_error() from None
            return claims, key
        raise _token_error()


def _key(text: str) -> _Key:
    if not text.lstrip().startswith("-----BEGIN"):
        if len(text.encode()) < MIN_SECRET:
            raise refuse("servicer.token_keys", None, "a key has less than 32 characters")
        return _Key(text, "HS256", is_own=False)
    # Here, because it takes megabytes that those who use shared secrets need not spend.
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        key = load_pem_public_key(text.strip().encode())
    except Exception:  # many kinds, and their texts may show parts of the key
        raise refuse(
            "servicer.token_keys", None, "holds a PEM text that is no public key"
        ) from None
    if not isinstance(key, RSAPublicKey):
        raise refuse("servicer.token_keys", None, "holds a public key that is not of RSA")
    if key.key_size < MIN_RSA_BITS:
        raise refuse("servicer.token_keys", None, f"holds an RSA key below {MIN_RSA_BITS} bits")
    return _Key(key, "RS256", is_own=False)


def _token_error() -> Refused:
    return Refused("登录已失效，请重新登录", TOKEN_ERROR, error_code="TOKEN_ERROR")


def _member_id(subject: Any) -> int | None:
    if isinstance(subject, str) and subject.isascii() and subject.isdigit() and len(subject) < 12:
        subject = int(subject)
    if isinstance(subject, bool) or not isinstance(subject, int):
        return None
    return subject if 0 < subject <= MAX_NUMBER else None
