"""A database server that accepts connections and says nothing, as behind a network that drops
everything."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from sqlalchemy import Connection, text
from sqlalchemy.engine import make_url

from business.services.servicer.store import database as database_module
from business.services.servicer.store import server as server_module
from business.services.servicer.store import watch as watch_module
from business.services.servicer.store import writer as writer_module
from business.services.servicer.store.database import READ_TIMEOUT, Database
from business.services.servicer.store.errors import StoreBusy
from business.services.servicer.store.watch import watch
from tests.support.databases import KINDS, Servers
from tests.support.proxy import Proxy
from tests.support.stack import Stack
from tests.support.timing import eventually, within

from .support import SETTINGS, Desk


def _behind(proxy: Proxy, url: str) -> str:
    return make_url(url).set(port=proxy.port).render_as_string(hide_password=False)


def _ask(connection: Connection) -> int:
    return int(connection.execute(text("SELECT 1")).scalar_one())


@pytest.mark.parametrize("kind", KINDS[1:])
async def test_reads_and_writes_end(
    kind: str, tmp_path: Path, database_servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Within their time limits, whatever waits before them; afterwards all is as before."""
    monkeypatch.setattr(database_module, "READ_TIMEOUT", 0.3)
    monkeypatch.setattr(writer_module, "WRITE_TIMEOUT", 0.3)
    monkeypatch.setattr(server_module, "CONNECT_TIMEOUT", 1)
    monkeypatch.setattr(server_module, "STATEMENT_TIMEOUT", 1)
    monkeypatch.setattr(watch_module, "LIMIT", 0.1)
    monkeypatch.setattr(watch_module, "PERIOD", 0.02)
    url = await database_servers.database(kind, tmp_path)
    async with Proxy(make_url(url).port or 0) as proxy:
        database = Database(_behind(proxy, url))
        await database.migrate()
        await database.open()
        troubles: dict[str, str] = {}
        watching = asyncio.create_task(watch(database, troubles))
        assert await database.write(_ask, key=(1, 1)) == 1
        proxy.hang()
        asked = [database.write(_ask, key=(1, 1)) for _ in range(3)]
        asked += [database.read(_ask) for _ in range(10)]
        answers = await within(asyncio.gather(*asked, return_exceptions=True))
        assert [type(answer) for answer in answers] == [StoreBusy] * 13
        await eventually(lambda: troubles.get("database"))
        proxy.resume()
        await eventually(lambda: "database" not in troubles)
        runs = 0

        def count(connection: Connection) -> int:
            nonlocal runs
            runs += 1
            return _ask(connection)

        # What was given up while it waited is not done later on.
        assert await within(_until_written(database, count)) == 1
        assert runs == 1
        assert await database.read(_ask) == 1
        watching.cancel()
        await within(database.close())


async def _until_written(database: Database, unit: Callable[[Connection], int]) -> int:
    while True:
        try:
            return await database.write(unit, key=(1, 1))
        except StoreBusy:
            await asyncio.sleep(0)


async def test_requests_end_and_readiness_tells(tmp_path: Path, database_servers: Servers) -> None:
    """With the envelope; a load balancer learns it from /readyz; nothing has to be restarted."""
    url = await database_servers.database("postgresql", tmp_path)
    database = Database(url)
    await database.migrate()
    await database.close()
    async with Proxy(make_url(url).port or 0) as proxy:
        settings = {
            **SETTINGS,
            "database.url": _behind(proxy, url),
            "admin.business_listen": "127.0.0.1:0",
        }
        async with Stack(tmp_path, settings=settings) as stack, Desk(stack) as desk:
            addresses = stack.business.request("status")["supervisor"]["addresses"]
            admin = f"http://{addresses['admin']}/readyz"

            async def ready() -> tuple[int, dict[str, Any]]:
                async with desk.http.get(admin) as response:
                    return response.status, json.loads(await response.text())

            async with desk.customer() as customer:
                await customer.bind()
                assert (await ready())[0] == 200
                proxy.hang()
                params = {"token": customer.token, "message": "hello"}
                asked = [
                    desk.http.post(
                        f"/servicer/api/chat/{action}",
                        data=params,
                        timeout=aiohttp.ClientTimeout(READ_TIMEOUT + 10),
                    )
                    for action in ("say", "dialogs", "bind")
                ]
                for response in await within(asyncio.gather(*asked), factor=3):
                    assert response.status in (200, 503)
                    assert (await response.json())["code"] == -1
                found = await _until(ready, 503)
                assert found["ready"] is False
                assert "servicer database" in found["troubles"]["business-0"]
                proxy.resume()
                await _until(ready, 200)
                assert (await customer.call("say", message="again"))["code"] == 0


async def _until(
    ready: Callable[[], Awaitable[tuple[int, dict[str, Any]]]], status: int
) -> dict[str, Any]:
    async with asyncio.timeout(30):
        while True:
            found = await ready()
            if found[0] == status:
                return found[1]
            await asyncio.sleep(0.1)
