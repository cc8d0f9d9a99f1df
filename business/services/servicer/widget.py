"""How a shop's chat looks in its pages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

DEFAULTS: dict[str, Any] = {
    "color": "#2563eb",
    "title": "在线客服",
    "greeting": "您好，请问有什么可以帮您？",
    "offline": "客服暂时不在线，请留言，我们会尽快回复您。",
    "title_en": "",
    "greeting_en": "",
    "offline_en": "",
    "position": "right",
    "offset_x": 20,
    "offset_y": 20,
}
"""What a shop has that has set nothing: colour of the launcher and the header, texts (title, first
words, and those while nobody is there), the side of the page, ``left`` or ``right``, and how far
the launcher is from that side and from the bottom, in pixels.

Texts in English are for pages in English; where there is none, these have the other one, and
instead of a default text of ours the page's own in its language."""

TEXTS = ("title", "greeting", "offline", "title_en", "greeting_en", "offline_en")


def widget_of(own: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a shop's chat.

    Args:
        own: what the shop has set, of the same names; others are left out. A text that is empty is
            not set.
    """
    return {
        name: default if own.get(name) in (None, "") else own[name]
        for name, default in DEFAULTS.items()
    }


def settings_of(own: Mapping[str, Any]) -> dict[str, Any]:
    """The same, as the shop itself sees it: texts that it has not set are empty."""
    return widget_of(own) | {name: own.get(name) or "" for name in TEXTS}
