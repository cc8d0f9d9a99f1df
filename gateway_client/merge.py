"""Puts the answers of several gateways together. Pure.

Every function takes (prefix, value) of each gateway that answered, ``value`` as the protocol's
table says, and returns what the call returns.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeAlias

from ._shared import client_id, protocol

Answers: TypeAlias = Iterable[tuple[str, Any]]


def total(answers: Answers) -> int:
    """Numbers to their sum."""
    return sum(value for _, value in answers)


def client_ids(answers: Answers) -> list[str]:
    """Lists of connection numbers to one list of client ids."""
    make = client_id.make
    return [make(prefix, number) for prefix, numbers in answers for number in numbers]


def distinct(answers: Answers) -> list[str]:
    """Lists to one list without repeats: gateways may share a uid or group."""
    return list(dict.fromkeys(value for _, values in answers for value in values))


def number_of_distinct(answers: Answers) -> int:
    """Lists to the number of different values in them."""
    return len({value for _, values in answers for value in values})


def client_ids_by_key(answers: Answers) -> dict[str, list[str]]:
    """Maps of connection numbers by uid or group to one map of client ids."""
    merged: dict[str, list[str]] = {}
    for prefix, value in answers:
        for key, numbers in value.items():
            ids = merged.setdefault(key, [])
            ids += [client_id.make(prefix, number) for number in numbers]
    return merged


def distinct_by_key(answers: Answers) -> dict[str, list[str]]:
    """Maps of lists to one map of lists without repeats."""
    merged: dict[str, dict[str, None]] = {}
    for _, value in answers:
        for key, values in value.items():
            merged.setdefault(key, {}).update(dict.fromkeys(values))
    return {key: list(values) for key, values in merged.items()}


def number_of_distinct_by_key(answers: Answers) -> dict[str, int]:
    """Maps of lists to one map of the numbers of different values."""
    return {key: len(values) for key, values in distinct_by_key(answers).items()}


def totals_by_key(answers: Answers) -> dict[str, int]:
    """Maps of numbers to one map of their sums."""
    merged: dict[str, int] = {}
    for _, value in answers:
        for key, number in value.items():
            merged[key] = merged.get(key, 0) + number
    return merged


def sessions(answers: Answers) -> dict[str, dict[str, Any]]:
    """Maps of packed sessions by connection number to one map of sessions by client id."""
    return {
        client_id.make(prefix, number): protocol.unpack_session(packed)
        for prefix, value in answers
        for number, packed in value.items()
    }


def statuses(answers: Answers) -> list[dict[str, Any]]:
    """Statuses to a list, ordered by address."""
    return [status for _, status in sorted(answers, key=_prefix)]


def connections(answers: Answers, limit: int) -> dict[str, Any]:
    """(Number of clients, rows) of each gateway, or its address where it does not know the
    question, to one page."""
    page: dict[str, Any] = {"count": 0, "connections": [], "unknown": []}
    for _, answer in sorted(answers, key=_prefix):
        if isinstance(answer, str):
            page["unknown"].append(answer)
        else:
            page["count"] += answer[0]
            page["connections"] += answer[1]
    del page["connections"][limit:]  # the rows of each gateway are in order, and so are these
    return page


def _prefix(answer: tuple[str, Any]) -> str:
    return answer[0]
