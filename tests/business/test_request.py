"""Whatever a client writes into its handshake can be read, or is left out."""

from __future__ import annotations

import pytest

from business.request import Request


def test_the_parts_of_a_handshake_are_decoded() -> None:
    request = Request.parse(
        "/orders/caf%C3%A9",
        "a=1&b=%E4%BD%A0&a=2&empty=",
        [("Host", "example.org"), ("X-Many", "1"), ("x-many", "2")],
    )
    assert request.path == "/orders/caf%C3%A9"
    assert request.query == {"a": "2", "b": "你", "empty": ""}
    assert request.headers == {"host": "example.org", "x-many": "1, 2"}
    assert request.cookies == {}


@pytest.mark.parametrize(
    ("headers", "cookies"),
    [
        ([("Cookie", 'a=1; b="two words";c=x=y')], {"a": "1", "b": "two words", "c": "x=y"}),
        ([("Cookie", "a=1"), ("Cookie", "b=2; a=3")], {"a": "1", "b": "2"}),
        ([("Cookie", "novalue; =; a=1")], {"": "", "a": "1"}),
        ([("Cookie", 'a="')], {"a": '"'}),
    ],
)
def test_cookies_come_from_one_or_more_headers(
    headers: list[tuple[str, str]], cookies: dict[str, str]
) -> None:
    assert Request.parse("/", "", headers).cookies == cookies


def test_a_query_that_is_no_query_is_empty() -> None:
    assert Request.parse("/", "&&&%zz", []).query in ({}, {"%zz": ""})
