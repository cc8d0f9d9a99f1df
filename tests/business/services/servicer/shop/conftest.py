"""Shops of every kind with the same data: made up, in databases, behind back ends."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from business.services.servicer.shop.interface import Shop
from business.services.servicer.shop.opening import make_shop
from shared.settings import Shop as ShopSettings
from tests.support import niushop
from tests.support.databases import KINDS, Servers
from tests.support.timing import TIMEOUT

from .servers import KEY, Example

LANGUAGES = ("python", "php")


@pytest.fixture(scope="session")
def examples() -> Iterator[dict[str, str]]:
    """URLs of the examples that were asked for, by language."""
    with contextlib.ExitStack() as stack:

        class Lazy(dict[str, str]):
            def __missing__(self, language: str) -> str:
                self[language] = stack.enter_context(Example(language)).url
                return self[language]

        yield Lazy()


@pytest.fixture(scope="session")
def filled() -> dict[str, str]:
    """URLs of the databases that were filled, by kind; tests only read them."""
    return {}


@pytest_asyncio.fixture(params=("demo", *KINDS, *LANGUAGES))
async def shop(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    database_servers: Servers,
    filled: dict[str, str],
    examples: dict[str, str],
) -> AsyncIterator[Shop]:
    """A shop of each kind, open."""
    kind = request.param
    if kind == "demo":
        settings = ShopSettings()
    elif kind in KINDS:
        if kind not in filled:
            url = await database_servers.database(kind, tmp_path_factory.mktemp("shop"))
            await niushop.fill(url)
            filled[kind] = url
        settings = ShopSettings(url=filled[kind], timeout=TIMEOUT)
    else:
        settings = ShopSettings(url=examples[kind], key=KEY, timeout=TIMEOUT)
    made = make_shop(settings)
    await made.open()
    yield made
    await made.close()
