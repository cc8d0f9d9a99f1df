"""Which shop the settings mean."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from shared.setting_names import refuse

from .demo import DemoShop
from .guarded import GuardedShop
from .interface import Shop

if TYPE_CHECKING:
    from shared.settings import Shop as ShopSettings


def make_shop(settings: ShopSettings) -> GuardedShop:
    """The shop of ``shop.url``; to be opened.

    Raises:
        SettingsError: it cannot be used.
    """
    return GuardedShop(_shop(settings), settings.timeout, settings.cache)


def _shop(settings: ShopSettings) -> Shop:
    if not settings.url:
        return DemoShop()
    if settings.url.startswith(("http://", "https://")):
        from .http import HttpShop

        return HttpShop(settings.url, settings.key)
    from .sql import DRIVERS, SqlShop

    try:
        url = make_url(settings.url)
    except (ArgumentError, ValueError):
        raise refuse("shop.url", None, "is no URL") from None
    if url.drivername not in DRIVERS:
        shown = url.render_as_string(hide_password=True)
        ways = ", ".join(f"{driver}://..." for driver in DRIVERS)
        raise refuse("shop.url", shown, f"is not supported; use {ways}, https://... or http://...")
    return SqlShop(url, settings.prefix, settings.timeout)
