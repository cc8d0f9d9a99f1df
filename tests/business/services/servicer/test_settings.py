"""Settings that the service cannot use, and requests that come through proxies."""

from __future__ import annotations

from typing import Any

import pytest
from aiohttp.test_utils import make_mocked_request

from business.services.servicer.auth import BindKeys
from business.services.servicer.tokens import Tokens
from business.services.servicer.web import Web
from shared.errors import SettingsError


@pytest.mark.parametrize("key", ["short", "-----BEGIN PUBLIC KEY-----\n" + "x" * 40])
def test_a_bad_token_key_is_refused_and_not_shown(key: str) -> None:
    """In one line that names the setting."""
    with pytest.raises(SettingsError, match=r"^servicer\.token_keys: ") as caught:
        Tokens([key], "servicer")
    assert key not in str(caught.value)


def test_trusted_proxies_are_addresses_or_networks() -> None:
    """Names are refused."""
    with pytest.raises(SettingsError, match=r"^trusted_proxies = "):
        Web(["proxy.example"])


class _Transport:
    def __init__(self, address: str) -> None:
        self._address = address

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return (self._address, 1234) if name == "peername" else default


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        ("1.2.3.4", None, "1.2.3.4"),
        ("1.2.3.4", "9.9.9.9", "1.2.3.4"),
        ("10.0.0.1", "9.9.9.9", "9.9.9.9"),
        ("10.0.0.1", "6.6.6.6, 9.9.9.9, 10.0.0.2", "9.9.9.9"),
        ("10.0.0.1", None, "10.0.0.1"),
        ("10.0.0.1", "nonsense", "nonsense"),
    ],
)
def test_the_address_of_a_client(peer: str, forwarded: str | None, address: str) -> None:
    """Is the last one that no trusted proxy has; only what trusted proxies say counts."""
    headers = {} if forwarded is None else {"X-Forwarded-For": forwarded}
    request = make_mocked_request("GET", "/", headers, transport=_Transport(peer))
    assert Web(["10.0.0.0/8"]).address(request) == address


def test_tls_is_what_a_trusted_proxy_says() -> None:
    """Then cookies are Secure."""
    headers = {"X-Forwarded-Proto": "https"}
    for peer, is_secure in (("10.0.0.1", True), ("1.2.3.4", False)):
        request = make_mocked_request("GET", "/", headers, transport=_Transport(peer))
        assert Web(["10.0.0.0/8"]).is_secure(request) is is_secure


def test_bind_keys_outlive_a_change_of_the_secret() -> None:
    """Sockets that were opened under the previous one can still be bound."""
    old, new = "a" * 32, "b" * 32
    key = BindKeys([old], "servicer").make("7f0000010b5400000001")
    assert BindKeys([new, old], "servicer").is_good("7f0000010b5400000001", key)
    assert not BindKeys([new], "servicer").is_good("7f0000010b5400000001", key)
    assert not BindKeys([old], "servicer2").is_good("7f0000010b5400000001", key)
    assert not BindKeys([old], "servicer").is_good("7f0000010b5400000002", key)
    assert not BindKeys([old], "servicer").is_good("7f0000010b5400000001", "ü")
