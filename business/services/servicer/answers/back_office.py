"""What the pages of the back offices read, beside the original's lists (``office.py``)."""

from __future__ import annotations

from typing import Literal

from .base import Data, Id
from .chat import Widget


class Me(Data):
    """Who is logged in to a back office."""

    uid: Id
    username: str
    role: Literal["shop", "platform"]
    site_id: Id
    site_name: str
    time_zone: str


class WidgetSettings(Widget):
    """How a shop has its chat look. Texts that are empty are the chat's own."""

    site_id: Id
