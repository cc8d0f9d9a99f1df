"""How a shop's chat looks in its pages."""

from __future__ import annotations

from typing import Any

DEFAULTS: dict[str, Any] = {
    "color": "#2563eb",
    "title": "在线客服",
    "greeting": "您好，请问有什么可以帮您？",
    "offline": "客服暂时不在线，请留言，我们会尽快回复您。",
    "position": "right",
}
"""What a shop has that has set nothing: colour of the launcher and the header, texts (title, first
words, and those while nobody is there), and the side of the page, ``left`` or ``right``."""


def widget_of(own: dict[str, Any]) -> dict[str, Any]:
    """The settings of a shop's chat.

    Args:
        own: what the shop has set, of the same names; others are left out.
    """
    return {name: own.get(name, default) for name, default in DEFAULTS.items()}
