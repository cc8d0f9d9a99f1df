"""What rows of a NiuShop become, without a database."""

from __future__ import annotations

import datetime
import zoneinfo
from typing import Any

import pytest

from business.services.servicer.html import Sanitizer
from business.services.servicer.importer.rows import Bad, Reader
from business.services.servicer.passwords import is_old, is_old_right, mark_old

from .old_shop import old_hash

READER = Reader(zoneinfo.ZoneInfo("Asia/Shanghai"), 1, Sanitizer())

ROW = {
    "id": 5,
    "member_id": 12,
    "servicer_id": 7,
    "shop_id": 3,
    "create_day": "2021-03-17",
    "create_time": "14:05:09",
    "content_type": 0,
    "type": 0,
    "consumer_say": "<p>hi</p>",
    "servicer_say": "",
}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"member_id": None}, "no member"),
        ({"member_id": 1_000_000_000}, "no member"),
        ({"member_id": -1}, "member_id out of range"),
        ({"shop_id": "x"}, "shop_id is no number"),
        ({"shop_id": 2**31}, "shop_id out of range"),
        ({"create_day": "0000-00-00"}, "no date"),
        ({"create_day": None}, "no date"),
        ({"create_time": "838:59:59"}, "no date"),
        ({"create_time": "-10:00:00"}, "no date"),
        ({"create_day": "1969-12-31"}, "no date"),
        ({"create_day": "2999-01-01"}, "no date"),
        ({"type": 2}, "said by neither side"),
        ({"content_type": 4}, "unknown content_type"),
        ({"content_type": 1}, "empty"),
        ({"content_type": 2, "order_id": None}, "empty"),
        ({"consumer_say": "<script>x</script>"}, "empty"),
        ({"consumer_say": None}, "empty"),
        ({"consumer_say": "x" * 16_001}, "too long"),
        ({"content_type": 3, "consumer_say": "https://evil.example/x.png"}, "picture that may not"),
    ],
)
def test_rows_that_are_left_out(changes: dict[str, Any], reason: str) -> None:
    """And why."""
    with pytest.raises(Bad, match=reason):
        READER.message({**ROW, **changes})


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, {"add_time": 1615961109, "content": "<p>hi</p>", "message": "hi", "type": 0}),
        ({"add_time": 1615961100}, {"add_time": 1615961100, "shop_id": 3}),
        (
            {"add_time": 1615961109, "create_day": None},
            {"create_day": datetime.date(2021, 3, 17), "create_time": datetime.time(14, 5, 9)},
        ),
        ({"shop_id": 0}, {"shop_id": 1}),
        ({"shop_id": None}, {"shop_id": 1}),
        ({"type": None, "servicer_say": "yes"}, {"type": 1, "servicer_say": "yes"}),
        ({"consumer_say": "a\0b"}, {"content": "ab"}),
        (
            {"consumer_say": '<p onclick="x()">a<img src="https://x.example/emjoy_05.gif"></p>'},
            {"content": '<p>a<img src="https://x.example/emjoy_05.gif"></p>'},
        ),
        ({"content_type": 1, "goods_sku_id": "9"}, {"goods_sku_id": 9, "content": ""}),
        ({"relate_data": "[1]"}, {"relate_data": ""}),
    ],
)
def test_messages(changes: dict[str, Any], expected: dict[str, Any]) -> None:
    """What is stored of them."""
    values = READER.message({**ROW, **changes}).values
    assert {key: values[key] for key in expected} == expected


def test_old_hashes() -> None:
    """Only what looks like one is kept, and the hash itself is no password."""
    stored = mark_old(old_hash("secret"))
    assert is_old(stored)
    assert is_old_right("secret", stored)
    for wrong in ("Secret", "", stored, old_hash("secret")):
        assert not is_old_right(wrong, stored)
    for odd in ("", "x", old_hash("secret").upper(), f"{old_hash('secret')}0"):
        assert mark_old(odd) == ""
