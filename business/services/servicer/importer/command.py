"""``start_business.py import``."""

from __future__ import annotations

import asyncio
import getpass
import os
import sys
import zoneinfo
from typing import TYPE_CHECKING, NamedTuple

from shared.errors import SettingsError

from ..html import Sanitizer
from ..shop.errors import ShopDown
from ..shop.opening import make_shop
from ..store.database import Database
from ..store.errors import StoreBusy
from .names import Names
from .rows import Reader
from .run import Import
from .source import Source, parse
from .tally import Tally

if TYPE_CHECKING:
    from shared.settings import Settings

USAGE = "import from=mysql+asyncmy://USER@HOST/NAME [prefix=ns_] [site=ID]"

PASSWORD = "IMPORT_PASSWORD"  # noqa: S105 - the name of a variable
"""Environment variable with the password of the source."""


class _Wanted(NamedTuple):
    address: str
    prefix: str
    site: int | None


def import_shop(settings: Settings, words: list[str]) -> int:
    """Take over what a NiuShop's customer service has stored.

    Its database's password is that of the environment variable ``IMPORT_PASSWORD``, or else asked
    for at a terminal: arguments can be seen by everybody on the machine. One in the address is
    taken, too.

    Raises:
        SettingsError: the words make no sense, or a database cannot be used.
    """
    wanted = _parse(words, settings.shop.prefix)
    password = _password(wanted.address)
    sys.stdout.write(f"{asyncio.run(_import(settings, wanted, password))}\n")
    return 0


def _parse(words: list[str], prefix: str) -> _Wanted:
    values = dict(word.split("=", 1) for word in words if "=" in word)
    site = values.get("site", "")
    if (
        len(values) != len(words)
        or not set(values) <= {"from", "prefix", "site"}
        or not values.get("from")
        or (site and not (site.isascii() and site.isdigit() and 0 < int(site) < 2**31))
    ):
        raise SettingsError(f"usage: {USAGE}")
    return _Wanted(values["from"], values.get("prefix", prefix), int(site) if site else None)


def _password(address: str) -> str | None:
    url = parse(address)
    if url.password is not None:
        return None
    if PASSWORD in os.environ:
        return os.environ[PASSWORD]
    return getpass.getpass(f"password of {url.username}: ") if sys.stdin.isatty() else None


async def _import(settings: Settings, wanted: _Wanted, password: str | None) -> str:
    source = Source(wanted.address, password, wanted.prefix)
    database = Database(settings.database.url)
    shop = make_shop(settings.shop) if settings.shop.url else None
    try:
        await source.open()
        try:
            await database.open()
        except StoreBusy as error:
            raise SettingsError(f"import: {error}") from None
        if shop is not None:
            try:
                await shop.open()
            except ShopDown as error:
                raise SettingsError(
                    f"import: the shop cannot be asked for names: {error}"
                ) from None
        tally = Tally(lambda line: print(line, flush=True))  # noqa: T201
        reader = Reader(
            zoneinfo.ZoneInfo(settings.time_zone),
            settings.servicer.default_site,
            Sanitizer(settings.servicer.image_hosts),
        )
        names = Names(shop)
        await Import(source, database, reader, names, tally, wanted.site).run()
        if names.is_down:
            tally.note("the shop went away: some members have no name")
        return tally.summary()
    finally:
        await source.close()
        await database.close()
        if shop is not None:
            await shop.close()
