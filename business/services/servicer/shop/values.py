"""Values as the interface wants them, from whatever databases and back ends store or send."""

from __future__ import annotations

import decimal
from typing import Any

from ..params import to_text

MAX_MONEY = decimal.Decimal(10) ** 15
_CENT = decimal.Decimal("0.01")


def to_money(value: Any) -> str:
    """An amount as text with two decimals; nothing is 0.00.

    Raises:
        ValueError: it is no amount.
    """
    if value is None or value == "":
        return "0.00"
    if isinstance(value, bool) or not isinstance(value, int | float | str | decimal.Decimal):
        raise ValueError("should be an amount")
    try:
        amount = decimal.Decimal(str(value))
        if not abs(amount) < MAX_MONEY:
            raise ValueError("should be an amount")
        return str(amount.quantize(_CENT, decimal.ROUND_HALF_UP))
    except decimal.InvalidOperation:  # also: the comparison of a NaN
        raise ValueError("should be an amount") from None


def to_integer(value: Any) -> int:
    """A whole number, from whatever stands for one; nothing is 0. Fractions are cut off.

    Raises:
        ValueError: it is no number, or beyond 2**53.
    """
    if value is None or value == "":
        return 0
    if isinstance(value, bool):
        return int(value)
    if not isinstance(value, int | float | str | decimal.Decimal):
        raise ValueError("should be a number")
    try:
        number = decimal.Decimal(str(value))
        if not abs(number) < 2**53:
            raise ValueError("should be a number")
    except decimal.InvalidOperation:
        raise ValueError("should be a number") from None
    return int(number)


def to_string(value: Any) -> str:
    """A text that can be sent on; nothing is "".

    Raises:
        ValueError: it is none.
    """
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, int | float | str | decimal.Decimal):
        raise ValueError("should be a text")
    return to_text(str(value))


def goods_name(name: str, sku_name: str) -> str:
    """The name of the goods of a sku, with which the sku's must begin: clients cut it off there.
    Orders may hold a name that the shop has cut or changed since."""
    return name if name and sku_name.startswith(name) else sku_name


LOGIN_TYPES = {
    "h5": "H5",
    "wechat": "微信公众号",
    "weapp": "微信小程序",
    "aliapp": "支付宝小程序",
    "pc": "PC",
    "app": "APP",
}
"""Names of where a member has logged in, for shops that store no names."""
