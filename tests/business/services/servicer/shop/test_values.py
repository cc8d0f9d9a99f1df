"""Amounts, numbers and texts as shops write them."""

from __future__ import annotations

import decimal
from collections.abc import Callable
from typing import Any

import pytest

from business.services.servicer.shop.values import goods_name, to_integer, to_money, to_string


@pytest.mark.parametrize(
    ("value", "money"),
    [
        (None, "0.00"),
        ("", "0.00"),
        (0, "0.00"),
        (59, "59.00"),
        (59.9, "59.90"),
        ("59.905", "59.91"),
        (decimal.Decimal("-0.1"), "-0.10"),
        (1e14, "100000000000000.00"),
    ],
)
def test_amounts(value: Any, money: str) -> None:
    """Have two decimals."""
    assert to_money(value) == money


@pytest.mark.parametrize(
    ("value", "number"), [(None, 0), ("", 0), ("7", 7), (7.9, 7), ("3.000", 3), (True, 1), (-1, -1)]
)
def test_numbers(value: Any, number: int) -> None:
    """Are whole."""
    assert to_integer(value) == number


@pytest.mark.parametrize(
    ("convert", "value"),
    [
        (to_money, "free"),
        (to_money, True),
        (to_money, [1]),
        (to_money, "NaN"),
        (to_money, "-Infinity"),
        (to_money, 1e15),
        (to_integer, "x"),
        (to_integer, {}),
        (to_integer, "Infinity"),
        (to_integer, float("nan")),
        (to_integer, 2**53),
        (to_string, ["x"]),
        (to_string, False),
    ],
)
def test_what_stands_for_nothing(convert: Callable[[Any], Any], value: Any) -> None:
    """Is an error, and never a crash of another kind."""
    with pytest.raises(ValueError, match="should be"):
        convert(value)


def test_names_of_goods() -> None:
    """Clients split the name of the sku at it."""
    assert goods_name("杯", "杯 红") == "杯"
    assert goods_name("", "杯 红") == "杯 红"
    assert goods_name("a name that was cut in the order", "a name that was c") == (
        "a name that was c"
    )
