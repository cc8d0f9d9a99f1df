"""Arguments in the form in which they travel."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gateway_client import BadArgument, arguments

MESSAGES: list[Any] = [
    {},
    [],
    {"a": [1, 2.5, None, True, '客服 "quoted" \\ \n \u2028'], "b": {"c": {}}},
    [[[]]],
    {7: "int key", None: 1, True: 2},
    ("a tuple inside", [("x",)])[1],
    "".join(map(chr, range(1, 300))),
]


@pytest.mark.parametrize("message", MESSAGES)
def test_json_as_the_standard_encoder_writes_it(message: Any) -> None:
    """The encoder that is made once gives what json.dumps gives."""
    if isinstance(message, str):
        message = [message]
    expected = json.dumps(message, ensure_ascii=False, separators=(",", ":"))
    assert arguments.encode_message(message) == (arguments.TEXT, expected.encode())


def test_json_where_python_has_no_c_encoder(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other Pythons, and later ones, get the same from the plain encoder."""
    monkeypatch.setattr(json.encoder, "c_make_encoder", None)
    encode = arguments._make_to_json()
    assert encode({"客": [1, None]}) == '{"客":[1,null]}'
    with pytest.raises(ValueError, match="JSON compliant"):
        encode(float("inf"))


@pytest.mark.parametrize("message", [bytearray(b"a"), memoryview(b"a"), b"a"])
def test_binary_messages(message: Any) -> None:
    """Whatever holds bytes is a binary message."""
    assert arguments.encode_message(message) == (arguments.BINARY, b"a")


@pytest.mark.parametrize("message", [None, 1, 1.5, True, ("a",), {"a"}, object()])
def test_no_messages(message: Any) -> None:
    """Anything else is refused by its type."""
    with pytest.raises(BadArgument, match=f"not {type(message).__name__}"):
        arguments.encode_message(message)


def test_largest_message(monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit counts bytes, not characters."""
    monkeypatch.setattr(arguments, "MAX_MESSAGE", 6)
    arguments.encode_message("客服")
    with pytest.raises(BadArgument, match="7 bytes; at most 6"):
        arguments.encode_message("客服!")


def test_client_ids() -> None:
    """Ids are grouped by gateway; repeats count once, and their order stays."""
    a, b, c = "7f0000010b54000000ff", "7f0000010b5400000001", "7f0000010b550000000a"
    assert arguments.split_client_id(a) == ("7f0000010b54", 255)
    grouped = {"7f0000010b54": [255, 1], "7f0000010b55": [10]}
    assert arguments.client_ids_by_prefix([a, b, c, a]) == grouped
    assert arguments.client_ids_by_prefix(iter([a])) == {"7f0000010b54": [255]}
    assert arguments.client_ids_by_prefix(a) == {"7f0000010b54": [255]}


def test_uids_and_groups() -> None:
    """An int stands for its digits; each counts once. 0 is a uid, but no group."""
    assert arguments.uids_of([1, "1", "a", 0, -5]) == ["1", "a", "0", "-5"]
    assert arguments.uids_of(7) == ["7"]
    assert arguments.groups_of({"g"}) == ["g"]
    assert arguments.groups_of("客") == ["客"]
    with pytest.raises(BadArgument):
        arguments.groups_of([0])


def test_messages_of_errors_do_not_grow() -> None:
    """A huge argument is not repeated in full."""
    with pytest.raises(BadArgument) as caught:
        arguments.split_client_id("x" * 1_000_000)
    assert len(str(caught.value)) < 200
