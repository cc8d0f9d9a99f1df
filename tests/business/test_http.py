"""All services answer on one port; what goes wrong is an envelope, and no traceback."""

from __future__ import annotations

import asyncio
import io
import socket
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import web

from business.hooks import HookStats
from business.http import (
    GATEWAY,
    MAX_BODY,
    SETTINGS,
    HttpServer,
    HttpStats,
    failure,
    make_application,
)
from business.service import Lifespan, Service
from shared.protocol import ServiceOptions

SOON = 5.0

Get = Callable[..., Any]


def service(
    name: str,
    routes: web.RouteTableDef,
    root_routes: web.RouteTableDef | None = None,
    lifespan: Lifespan | None = None,
) -> Service:
    made = Service(name, Path(name), {}, ServiceOptions(), HookStats(), routes, root_routes)
    made.lifespan = lifespan
    made.gateway = stand_in(f"gateway of {name}")
    return made


def stand_in(value: Any) -> Any:
    """Something that passes for what the application only hands on."""
    return value


class Bench:
    """The applications of two services, on a socket of their own.

    Attributes:
        gate: ``/orders/slow`` answers when it is set; ``begun`` tells that it runs.
        life: what ``lifespan`` did.
    """

    def __init__(self, listening: socket.socket | None = None) -> None:
        self.stats = HttpStats()
        self.gate, self.begun = asyncio.Event(), asyncio.Event()
        self.life: list[str] = []
        routes, other, root = web.RouteTableDef(), web.RouteTableDef(), web.RouteTableDef()

        @routes.get("/who")
        @other.get("/who")
        @root.get("/at-the-root")
        async def who(request: web.Request) -> web.Response:
            return web.json_response([request.app[GATEWAY], request.app[SETTINGS]])

        @routes.get("/raise")
        async def fail(request: web.Request) -> web.Response:
            raise RuntimeError("a secret of the inside")

        @routes.post("/post")
        async def post(request: web.Request) -> web.Response:
            return web.json_response(len(await request.read()))

        @routes.get("/refuse")
        async def refuse(request: web.Request) -> web.Response:
            raise web.HTTPForbidden(text='{"mine": 1}', content_type="application/json")

        @routes.get("/redirect")
        async def redirect(request: web.Request) -> web.Response:
            raise web.HTTPFound("/elsewhere")

        @routes.get("/slow")
        async def slow(request: web.Request) -> web.Response:
            self.begun.set()
            await self.gate.wait()
            return web.json_response("at last")

        async def lifespan(app: web.Application) -> AsyncIterator[None]:
            self.life.append("begin")
            yield
            self.life.append("end")

        app = make_application(
            [service("orders", routes, lifespan=lifespan), service("servicer", other, root)],
            stand_in("settings"),
            self.stats,
        )
        self.socket = listening or socket.create_server(("127.0.0.1", 0))
        self.socket.setblocking(False)
        self.url = f"http://127.0.0.1:{self.socket.getsockname()[1]}"
        self.server = HttpServer(app, self.socket)

    async def get(self, path: str, method: str = "GET", **kwargs: Any) -> tuple[int, Any]:
        async with (
            aiohttp.ClientSession() as session,
            session.request(method, self.url + path, allow_redirects=False, **kwargs) as response,
        ):
            is_json = response.content_type == "application/json"
            return response.status, await (response.json() if is_json else response.text())


@pytest_asyncio.fixture
async def bench() -> AsyncIterator[Bench]:
    made = Bench()
    await made.server.prepare()
    await made.server.start()
    yield made
    await made.server.close()
    made.socket.close()


async def test_each_service_answers_under_its_prefix_with_its_own_gateway(bench: Bench) -> None:
    assert await bench.get("/orders/who") == (200, ["gateway of orders", "settings"])
    assert await bench.get("/servicer/who") == (200, ["gateway of servicer", "settings"])


async def test_servicer_answers_at_the_root_too(bench: Bench) -> None:
    assert await bench.get("/at-the-root") == (200, ["gateway of servicer", "settings"])


@pytest.mark.parametrize("path", ["/", "/nowhere", "/orders", "/orders/nowhere", "/ordersx/who"])
async def test_an_unknown_path_is_answered_404_with_the_envelope(bench: Bench, path: str) -> None:
    status, body = await bench.get(path)
    assert status == 404
    assert body == {"code": -1, "message": "请求的接口不存在", "data": ""}


async def test_a_wrong_method_is_answered_405_with_the_envelope(bench: Bench) -> None:
    status, body = await bench.get("/orders/who", "DELETE")
    assert (status, body["code"]) == (405, -1)


async def test_a_handler_that_raises_is_logged_and_its_error_not_shown(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    status, body = await bench.get("/orders/raise")
    assert (status, body) == (500, {"code": -1, "message": "系统错误", "data": ""})
    assert "a secret of the inside" in caplog.text
    assert (bench.stats.requests, bench.stats.errors) == (1, 1)


async def test_answers_that_handlers_wrote_themselves_are_left_alone(bench: Bench) -> None:
    assert await bench.get("/orders/refuse") == (403, {"mine": 1})
    status, _ = await bench.get("/orders/redirect")
    assert status == 302
    assert bench.stats.errors == 0


async def test_a_body_over_the_limit_is_refused(bench: Bench) -> None:
    assert await bench.get("/orders/post", "POST", data=b"x" * 1000) == (200, 1000)
    status, body = await bench.get("/orders/post", "POST", data=io.BytesIO(b"x" * (MAX_BODY + 1)))
    assert (status, body["code"]) == (413, -1)


def test_the_envelope_of_an_error_has_its_code_and_status() -> None:
    response = failure("没有", status=403, code=-3)
    assert (response.status, response.text) == (403, '{"code": -3, "message": "没有", "data": ""}')


class TestStop:
    """Stopping finishes what runs and leaves the socket to the others."""

    async def test_a_running_request_is_finished_before_lifespan_ends(self, bench: Bench) -> None:
        asking = asyncio.create_task(bench.get("/orders/slow"))
        async with asyncio.timeout(SOON):
            await bench.begun.wait()
        finishing = asyncio.create_task(bench.server.finish(SOON))
        await asyncio.sleep(0.01)
        assert not finishing.done()
        bench.gate.set()
        assert await asking == (200, "at last")
        async with asyncio.timeout(SOON):
            await finishing
        assert bench.life == ["begin"]
        await bench.server.close()
        assert bench.life == ["begin", "end"]

    async def test_a_request_that_takes_too_long_is_cut_off(self, bench: Bench) -> None:
        reader, writer = await asyncio.open_connection(*bench.socket.getsockname())
        writer.write(b"GET /orders/slow HTTP/1.1\r\nHost: here\r\n\r\n")
        async with asyncio.timeout(SOON):
            await bench.begun.wait()
            await bench.server.finish(0.01)
            assert await reader.read() == b""
        writer.close()

    async def test_connections_that_come_meanwhile_are_for_the_next_process(
        self, bench: Bench
    ) -> None:
        await bench.server.finish(SOON)
        asking = asyncio.create_task(bench.get("/orders/who"))  # waits in the kernel
        other = Bench(bench.socket)
        await other.server.prepare()
        await other.server.start()
        async with asyncio.timeout(SOON):
            assert (await asking)[0] == 200
        await other.server.close()
        assert (bench.stats.requests, other.stats.requests) == (0, 1)
