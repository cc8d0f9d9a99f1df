"""Parameters as clients write them."""

from __future__ import annotations

from typing import Any

import pytest

from business.services.servicer.params import (
    MALFORMED,
    limit_of,
    parse_body,
    to_json_text,
    to_number,
    to_text,
    to_word,
)


@pytest.mark.parametrize("value", [None, "", "0", 0, " ", "null", "undefined", 0.0])
def test_nothing_is_zero(value: Any) -> None:
    """Forms have no way to say nothing but to say it."""
    assert to_number(value) == 0


@pytest.mark.parametrize(
    ("value", "number"),
    [("7", 7), (7, 7), (" 7 ", 7), (7.0, 7), ("007", 7), (2**31 - 1, 2**31 - 1)],
)
def test_numbers(value: Any, number: int) -> None:
    """As texts or as numbers."""
    assert to_number(value) == number


@pytest.mark.parametrize(
    "value",
    ["-1", -1, "1.5", 1.5, "x", "1e3", "٣", "1_000", 2**31, "9" * 400, True, [1], {"a": 1},
     float("inf"), float("nan"), "+1", "0x10"],
)  # fmt: skip
def test_what_is_no_number(value: Any) -> None:
    """Is none that could be an id, and never an error."""
    assert to_number(value) == MALFORMED


def test_texts_can_be_stored_everywhere() -> None:
    """No NUL, no half characters; what is no text is nothing."""
    assert to_text("a\0b\ud800c") == "ab?c"
    assert to_text(5) == "5"
    nothing: list[Any] = [None, True, [1], {}]
    assert [to_text(value) for value in nothing] == [""] * 4
    assert to_text("null") == "null"


def test_words_that_say_nothing() -> None:
    """A token or an id is never ``undefined``."""
    assert [to_word(word) for word in ("null", "undefined", " ", None, " x ")] == [
        "", "", "", "", "x",
    ]  # fmt: skip


def test_json_in_a_parameter() -> None:
    """Bodies in JSON may carry it as it is."""
    assert to_json_text({"a": [1]}) == '{"a":[1]}'
    assert to_json_text('{"a": 1}') == '{"a": 1}'
    assert to_json_text("undefined") == ""


def test_bodies_are_told_apart_by_what_they_hold() -> None:
    """Whatever their header says."""
    assert parse_body(b'{"a": 1, "b": null}') == {"a": 1, "b": None}
    assert parse_body(b' \xef\xbb\xbf{"a": "x"}') == {"a": "x"}
    assert parse_body(b"a=1&b=%E4%BD%A0&b=2&c=") == {"a": "1", "b": "2", "c": ""}
    assert parse_body(b"") == {}
    assert parse_body(b"{broken=1") == {"{broken": "1"}


def test_limits() -> None:
    """Nonsense is the default; too much is the most."""
    assert [limit_of(value, 5) for value in (0, -1, 1, 100, 101)] == [5, 5, 1, 100, 100]
