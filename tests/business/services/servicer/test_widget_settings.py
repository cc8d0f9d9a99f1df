"""A shop has its chat look as it likes, and the pages learn of it at once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from business.services.servicer.widget import DEFAULTS
from tests.support.stack import Stack

from .accounts import Office, create
from .support import Desk

SET: dict[str, Any] = {
    "color": "#0a7c4a", "position": "left", "offset_x": 0, "offset_y": 96,
    "title": "小店 <b>", "greeting": "欢迎", "offline": "请留言",
    "title_en": "The shop", "greeting_en": "Welcome", "offline_en": "",
}  # fmt: skip


@pytest_asyncio.fixture
async def sam(desk: Desk, account: None) -> AsyncIterator[Office]:
    """Of shop 1, which has set nothing."""
    desk.execute("DELETE FROM servicer_config")
    async with Office(desk, "shop", "sam") as office:
        yield office


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def account(shared_stack: Stack) -> None:
    """Of the shop's back office."""
    async with Desk(shared_stack) as desk:
        assert (await create(desk, "sam", "role=shop"))[0] == 0


async def shown(desk: Desk, site_id: int = 1) -> dict[str, Any]:
    """What a page of the chat is told."""
    widget: dict[str, Any] = (await desk.customer_call("config", {"site_id": site_id}))["data"][
        "widget"
    ]
    return widget


async def test_nothing_is_set(desk: Desk, sam: Office) -> None:
    """Pages get the defaults; the shop sees which texts are not its own."""
    assert await shown(desk) == DEFAULTS
    seen = await sam.data("widget/index")
    assert seen["site_id"] == 1
    assert (seen["color"], seen["title"], seen["greeting_en"]) == (DEFAULTS["color"], "", "")


async def test_what_is_set(desk: Desk, sam: Office) -> None:
    """Is what pages get, of that shop only; texts that are taken away are the defaults again."""
    saved = await sam.data("widget/save", **SET)
    assert saved == {**SET, "site_id": 1} == await sam.data("widget/index")
    assert await shown(desk) == SET
    assert await shown(desk, 2) == DEFAULTS
    saved = await sam.data("widget/save", title="  ", color="#ABCDEF")
    assert saved == {**SET, "site_id": 1, "title": "", "color": "#abcdef"}
    assert (await shown(desk))["title"] == DEFAULTS["title"]


@pytest.mark.parametrize(
    "values",
    [
        {"color": "red"},
        {"color": "#fff"},
        {"color": "#12345g"},
        {"color": "#2563eb;x"},
        {"position": "top"},
        {"offset_x": 301},
        {"offset_y": -1},
        {"offset_y": "x"},
        {"title": "x" * 41},
        {"greeting": "x" * 301},
        {"offline_en": "x" * 301},
    ],
)
async def test_what_cannot_be_set(desk: Desk, sam: Office, values: dict[str, Any]) -> None:
    """Is refused, with all that came with it."""
    assert await sam.refused("widget/save", **{"greeting_en": "Hi", **values}) == "参数错误"
    assert await shown(desk) == DEFAULTS
