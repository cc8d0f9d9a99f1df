"""Shops of every kind with the same data: made up, in databases, behind back ends."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from business.services.servicer.shop.interface import Shop
from business.services.servicer.shop.opening import make_shop
from shared.settings import Shop as ShopSettings
from tests.support import niushop
from tests.support.databases import KINDS, Servers
from tests.support.ports import Ports
from tests.support.stack import ROOT
from tests.support.timing import TIMEOUT

KEY = "the key of the tests, 32 characters or more"

LANGUAGES = ("python", "php")


@contextlib.contextmanager
def running_example(language: str) -> Iterator[str]:
    """``examples/shop.py`` or ``examples/shop.php`` as a process; its URL."""
    ports = Ports()
    port = ports.take()
    if language == "python":
        command = [sys.executable, str(ROOT / "examples" / "shop.py"), str(port)]
    elif shutil.which("php"):
        command = ["php", "-S", f"127.0.0.1:{port}", str(ROOT / "examples" / "shop.php")]
    else:
        pytest.skip("needs PHP: apt-get install php-cli")
    process = subprocess.Popen(
        command,
        env={**os.environ, "SHOP_KEY": KEY},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait(port, process)
        yield f"http://127.0.0.1:{port}/kefu"
    finally:
        process.terminate()
        process.wait(TIMEOUT)
        ports.close()


def _wait(port: int, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + TIMEOUT
    while True:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        if process.poll() is not None or time.monotonic() > end:
            raise AssertionError("the example did not start")
        time.sleep(0.02)


@pytest.fixture(scope="session")
def examples() -> Iterator[dict[str, str]]:
    """URLs of the examples that were asked for, by language."""
    with contextlib.ExitStack() as stack:

        class Lazy(dict[str, str]):
            def __missing__(self, language: str) -> str:
                self[language] = stack.enter_context(running_example(language))
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
