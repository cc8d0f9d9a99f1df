"""Customers' tokens: of whom, signed how, renewed when; and pages of other origins."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from business.services.servicer.envelope import Refused
from business.services.servicer.tokens import FIRST_VISITOR, TOKEN_LIFE, Tokens
from shared.errors import SettingsError

from .support import TOKEN_KEY, Desk, sign

OWN = "the service's own key, 32 characters or more"
ORIGIN = {"Origin": "https://shop.example"}


def public_pem(key: Any) -> str:
    """As a shop would put it into the settings."""
    made: bytes = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return made.decode()


def private_pem(key: Any) -> str:
    """What a shop must keep to itself."""
    made: bytes = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return made.decode()


@pytest.fixture(scope="module")
def rsa_keys() -> tuple[Any, Any]:
    """An old one and a new one."""
    return tuple(rsa.generate_private_key(65537, 2048) for _ in range(2))  # type: ignore[return-value]


def refused(tokens: Tokens, token: str) -> str:
    """The ``error_code`` of a token that is no good."""
    with pytest.raises(Refused) as caught:
        tokens.member_of(token)
    return str(caught.value.more["error_code"])


def test_keys_may_be_changed(rsa_keys: tuple[Any, Any]) -> None:
    """With the new one before the old, tokens of both are good, of whatever kind; then not."""
    old, new = rsa_keys
    tokens = Tokens([public_pem(new), public_pem(old), TOKEN_KEY], "servicer")
    assert tokens.member_of(sign(1, private_pem(old), "RS256")) == 1
    assert tokens.member_of(sign(2, private_pem(new), "RS256")) == 2
    assert tokens.member_of(sign(3)) == 3
    tokens = Tokens([public_pem(new)], "servicer")
    assert refused(tokens, sign(1, private_pem(old), "RS256")) == "TOKEN_ERROR"
    assert refused(tokens, sign(3)) == "TOKEN_ERROR"
    ended = sign(2, private_pem(new), "RS256", exp=int(time.time()) - 1)
    assert refused(tokens, ended) == "TOKEN_EXPIRE"


def test_a_public_key_is_no_shared_secret(rsa_keys: tuple[Any, Any]) -> None:
    """Who signs with the text of the public key, which everybody may have, is refused."""
    pem = public_pem(rsa_keys[0])
    tokens = Tokens([pem], "servicer")
    header = jwt.encode({}, "x" * 32, "HS256").split(".")[0]
    claims = sign(1).split(".")[1]
    for secret in (pem, pem.strip()):
        mac = hmac.digest(secret.encode(), f"{header}.{claims}".encode(), hashlib.sha256)
        signature = base64.urlsafe_b64encode(mac).rstrip(b"=").decode()
        assert refused(tokens, f"{header}.{claims}.{signature}") == "TOKEN_ERROR"


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: private_pem(rsa.generate_private_key(65537, 2048)), "no public key"),
        (lambda: "-----BEGIN PUBLIC KEY-----\nnonsense", "no public key"),
        (lambda: public_pem(ec.generate_private_key(ec.SECP256R1())), "not of RSA"),
        (lambda: public_pem(rsa.generate_private_key(65537, 1024)), "below 2048 bits"),
    ],
)
def test_keys_that_cannot_be_used(make: Callable[[], str], text: str) -> None:
    """Are refused in a line that does not show them."""
    pem = make()
    with pytest.raises(SettingsError, match=rf"^servicer\.token_keys: .*{text}") as caught:
        Tokens([pem], "servicer")
    assert pem.splitlines()[1] not in str(caught.value)


def test_renewal(rsa_keys: tuple[Any, Any]) -> None:
    """In the last five minutes, with the same claims, for as long as before."""
    key = rsa_keys[0]
    tokens = Tokens([TOKEN_KEY, public_pem(key)], "servicer", [OWN])
    now = time.time()
    late = sign(7, exp=int(now) + 299, iat=int(now) - 701, name="x")
    for token in (late, late):
        assert tokens.member_of(token) == 7
        fresh = tokens.renewal(token, now)
        assert fresh is not None
        claims = jwt.decode(fresh, TOKEN_KEY, ["HS256"], audience="servicer")
        assert (claims["sub"], claims["name"]) == ("7", "x")
        assert claims["exp"] - claims["iat"] == 1000
    for exp, iat in ((299, None), (1, -10), (100, -TOKEN_LIFE * 3)):
        times: dict[str, Any] = {
            "exp": int(now) + exp,
            "iat": None if iat is None else int(now) + iat,
        }
        fresh = tokens.renewal(sign(7, **times), now)
        assert fresh is not None
        claims = jwt.decode(fresh, TOKEN_KEY, ["HS256"], audience="servicer")
        assert claims["exp"] - claims["iat"] == TOKEN_LIFE
    assert tokens.renewal(sign(7, exp=int(now) + 301), now) is None
    soon = int(now) + 100
    assert tokens.renewal(sign(7, private_pem(key), "RS256", exp=soon), now) is None


def test_visitors_have_tokens_of_this_service_only() -> None:
    """A shop's members are below them; the service's own tokens survive a change of the secret."""
    tokens = Tokens([TOKEN_KEY], "servicer", [OWN])
    visitor = tokens.issue(FIRST_VISITOR + 5, time.time())
    assert tokens.member_of(visitor) == FIRST_VISITOR + 5
    assert refused(Tokens([TOKEN_KEY], "servicer"), visitor) == "TOKEN_ERROR"
    assert refused(tokens, sign(FIRST_VISITOR)) == "TOKEN_ERROR"
    assert tokens.member_of(sign(FIRST_VISITOR - 1)) == FIRST_VISITOR - 1
    changed = Tokens([TOKEN_KEY], "servicer", ["another secret, with 32 characters", OWN])
    assert changed.member_of(visitor) == FIRST_VISITOR + 5


async def test_answers_carry_the_next_token(desk: Desk) -> None:
    """At the top level, also of a refusal; not while the old one is good for long."""
    soon = sign(1, exp=int(time.time()) + 200)
    for params in ({"site_id": "1"}, {"site_id": "9"}):
        answer = await desk.customer_call("siteInfo", {"token": soon, **params})
        again = {"token": answer["refreshtoken"], **params}
        assert "refreshtoken" not in await desk.customer_call("siteInfo", again)
    ended = sign(1, exp=int(time.time()) - 1)
    assert "refreshtoken" not in await desk.customer_call("siteInfo", {"token": ended})


@pytest.mark.parametrize("path", ["/servicer/api/chat/say", "/api/upload/chatimg"])
async def test_storefronts_on_other_origins(desk: Desk, path: str) -> None:
    """May ask, and read what they get, without cookies; others may not."""
    ask = {"Access-Control-Request-Method": "POST", **ORIGIN}
    async with desk.http.options(path, headers=ask) as response:
        assert response.status == 204
        assert response.headers["Access-Control-Allow-Origin"] == "https://shop.example"
        assert "POST" in response.headers["Access-Control-Allow-Methods"]
        assert "content-type" in response.headers["Access-Control-Allow-Headers"].lower()
    async with desk.http.post(path, headers=ORIGIN) as response:
        assert response.headers["Access-Control-Allow-Origin"] == "https://shop.example"
        assert response.headers["Vary"] == "Origin"
        assert "Access-Control-Allow-Credentials" not in response.headers
    for origin in ("https://evil.example", "http://shop.example", "null", ""):
        for method in ("OPTIONS", "POST"):
            headers = {"Origin": origin}
            async with desk.http.request(method, path, headers=headers) as response:
                assert "Access-Control-Allow-Origin" not in response.headers
                assert response.headers["Vary"] == "Origin"


async def test_what_needs_a_cookie_is_for_this_site_only(desk: Desk) -> None:
    """Agents' consoles and back offices."""
    for path in ("/servicer/servicer/login/login", "/servicer/shop/fast/index"):
        async with desk.http.options(path, headers=ORIGIN) as response:
            assert "Access-Control-Allow-Origin" not in response.headers
