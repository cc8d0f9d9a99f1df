"""The examples of ``docs/shop.md`` are what is understood."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from business.services.servicer.asked_tokens import Holder, _read
from business.services.servicer.shop import wire
from tests.support.stack import ROOT

PAGE = (ROOT / "docs" / "shop.md").read_text(encoding="utf-8")


def example(heading: str) -> Any:
    """The first JSON below a heading."""
    section = re.split(r"^##+ ", PAGE.partition(f"# {heading}\n")[2], flags=re.MULTILINE)[0]
    return json.loads(section.partition("```json")[2].partition("```")[0])


@pytest.mark.parametrize(
    ("heading", "read"),
    [
        ("site", wire.site),
        ("member", wire.member),
        ("sku", wire.sku),
        ("goods", wire.goods),
        ("order", wire.order),
    ],
)
def test_shapes(heading: str, read: Callable[[Any, str], Any]) -> None:
    """Every field of an example has its place, with its value."""
    value = example(heading)
    found = read(value, heading)
    lines = value.pop("order_goods", [])
    assert {name: getattr(found, name) for name in value} == value
    for i, line in enumerate(lines):
        assert {name: getattr(found.order_goods[i], name) for name in line} == line


def test_fields() -> None:
    """Each that is read is named, and those that are needed are in bold."""
    for kind, needed in wire._NEEDED.items():
        for name in kind.__annotations__:
            shown = f"**`{name}`**" if name in needed else f"`{name}`"
            assert shown in PAGE, (kind, name)


def test_tokens() -> None:
    """Likewise."""
    assert _read(example("Tokens")) == Holder(5, "张三", "upload/a.png")
