"""How a shop has its chat look in its pages. ``chat/config`` tells the pages."""

from __future__ import annotations

import re
from typing import Any

from ..answers import back_office as answers
from ..envelope import PARAMETER_ERROR, Family, Refused
from ..params import Number, Params, Text, Word
from ..store import office as store
from ..widget import TEXTS, settings_of
from .table import Call, Caller, Declarations

endpoints = Declarations("shop", Caller.SHOP, Family.MODEL)

MAX_LENGTHS = {"title": 40, "greeting": 300, "offline": 300}
"""Characters of the texts, in either language."""

MAX_OFFSET = 300
"""Pixels from the edges of the page."""

_COLOR = re.compile("#[0-9a-f]{6}")


class WidgetParams(Params):
    """What is not sent stays as it is. A text that is empty is the chat's own, in the language of
    the page; ``_en`` are for pages in English. Offsets are pixels."""

    color: Word | None = None
    position: Word | None = None
    offset_x: Number | None = None
    offset_y: Number | None = None
    title: Text | None = None
    greeting: Text | None = None
    offline: Text | None = None
    title_en: Text | None = None
    greeting_en: Text | None = None
    offline_en: Text | None = None


@endpoints.add("widget/index", Params, answers.WidgetSettings)
async def index(call: Call, params: Params) -> Any:
    """How the shop's chat looks."""
    site_id = call.by.agent.site_id
    own = await call.servicer.database.read(
        lambda c: store.get_config(c, site_id, store.WIDGET_CONFIG)
    )
    return {**settings_of(own), "site_id": site_id}


@endpoints.add("widget/save", WidgetParams, answers.WidgetSettings, changes=True)
async def save(call: Call, params: WidgetParams) -> Any:
    """Have the shop's chat look otherwise, at once."""
    site_id, values = call.by.agent.site_id, _checked(params)

    def unit(connection: Any) -> dict[str, Any]:
        own = store.get_config(connection, site_id, store.WIDGET_CONFIG) | values
        store.set_config(connection, site_id, store.WIDGET_CONFIG, own)
        return own

    return {**settings_of(await call.servicer.database.write(unit)), "site_id": site_id}


def _checked(params: WidgetParams) -> dict[str, Any]:
    """What was sent.

    Raises:
        Refused: something of it cannot be.
    """
    values = params.model_dump(exclude_none=True)
    if "color" in values:
        values["color"] = values["color"].lower()
    for name in TEXTS:
        if name in values:
            values[name] = values[name].strip()
    is_good = (
        _COLOR.fullmatch(values.get("color", "#000000"))
        and values.get("position", "left") in ("left", "right")
        and all(0 <= values.get(name, 0) <= MAX_OFFSET for name in ("offset_x", "offset_y"))
        and all(
            len(values.get(name, "")) <= MAX_LENGTHS[name.removesuffix("_en")] for name in TEXTS
        )
    )
    if not is_good:
        raise Refused("参数错误", PARAMETER_ERROR)
    return values
