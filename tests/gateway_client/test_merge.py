"""Answers of several gateways become one result."""

from __future__ import annotations

from gateway_client import merge
from shared import protocol

A, B = "7f0000010b54", "7f0000010b55"


def test_numbers() -> None:
    """Numbers add up, by group too; no answers make 0."""
    assert merge.total([(A, 2), (B, 3)]) == 5
    assert merge.total([]) == 0
    assert merge.totals_by_key([(A, {"g": 1, "h": 2}), (B, {"g": 3})]) == {"g": 4, "h": 2}


def test_client_ids() -> None:
    """Connection numbers get the prefix of their gateway."""
    assert merge.client_ids([(A, [1, 255]), (B, [])]) == [A + "00000001", A + "000000ff"]
    assert merge.client_ids_by_key([(A, {"u": [1]}), (B, {"u": [2], "v": [3]})]) == {
        "u": [A + "00000001", B + "00000002"],
        "v": [B + "00000003"],
    }


def test_what_gateways_share() -> None:
    """A uid that several gateways have counts once."""
    assert merge.distinct([(A, ["u", "v"]), (B, ["v", "w"])]) == ["u", "v", "w"]
    assert merge.number_of_distinct([(A, ["u", "v"]), (B, ["v"])]) == 2
    answers = [(A, {"g": ["u"], "h": []}), (B, {"g": ["u", "v"]})]
    assert merge.distinct_by_key(answers) == {"g": ["u", "v"], "h": []}
    assert merge.number_of_distinct_by_key(answers) == {"g": 2, "h": 0}


def test_sessions() -> None:
    """Sessions are unpacked, by client id."""
    packed = protocol.pack_session({"a": 1})
    assert merge.sessions([(A, {1: packed}), (B, {1: protocol.EMPTY_SESSION})]) == {
        A + "00000001": {"a": 1},
        B + "00000001": {},
    }
