"""Copying a directory is all it takes to have a new service."""

from __future__ import annotations

import shutil
from pathlib import Path

import aiohttp
import pytest

from tests.support import stack as stack_module
from tests.support.stack import CommandFailed, Stack
from tests.support.ws import connect

from .support import Bench

ROOT = Path(__file__).parent.parent.parent

SMALL = """
async def on_connect(client):
    await client.send({"service": __name__})
"""


async def get(url: str) -> tuple[int, object]:
    """Status and JSON body of a GET."""
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        return response.status, await response.json()


async def see(stack: Stack, name: str) -> None:
    """See that a copy of the template answers under this name, by WebSocket and HTTP."""
    async with connect(f"{stack.ws_url}/{name}") as client:
        init = await client.recv_json()
        assert init["type"] == "init"
        assert len(init["data"]["client_id"]) == 20
        assert await get(f"{stack.http_url}/{name}/online") == (
            200,
            {"code": 0, "message": "", "data": {"count": 1}},
        )
        status = await stack.until(lambda status: name in status.gateway["services"])
        assert status.gateway["services"][name] == 1
        assert status.business["services"][name]["events"] >= 1


async def test_a_copy_of_the_template_is_a_new_service_after_reload(bench: Bench) -> None:
    """At ws path /orders, at http prefix /orders, and under its own name in status; while the
    services that were there go on."""
    bench.write("talk", SMALL)
    stack = bench.stack(business__only=[])
    async with stack, connect(f"{stack.ws_url}/talk") as old:
        await old.recv_json()
        assert (await get(f"{stack.http_url}/orders/online"))[0] == 404
        shutil.copytree(ROOT / "business/services/template", bench.services / "orders")
        await stack.business_command("reload")
        await see(stack, "orders")
        async with connect(f"{stack.ws_url}/talk") as client:
            assert (await client.recv_json())["service"].endswith("talk.events")


async def test_the_same_inside_the_tree(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``cp -r business/services/template business/services/orders`` and reload."""
    tree = tmp_path / "tree"
    for package in ("shared", "gateway", "gateway_client", "business"):
        ignore = shutil.ignore_patterns("__pycache__", "servicer")
        shutil.copytree(ROOT / package, tree / package, ignore=ignore)
    for script in ("start_gateway.py", "start_business.py"):
        shutil.copy(ROOT / script, tree)
    monkeypatch.setattr(stack_module, "ROOT", tree)
    services = tree / "business" / "services"
    shutil.copytree(services / "template", services / "first")
    async with Stack(tmp_path) as stack:
        await see(stack, "first")
        shutil.copytree(services / "template", services / "orders")
        await stack.business_command("reload")
        await see(stack, "orders")
        await see(stack, "first")


async def test_a_path_that_names_no_service_goes_to_the_default_service(bench: Bench) -> None:
    bench.write("talk", SMALL)
    bench.write("orders", SMALL)
    async with bench.stack(gateway__default_service="orders") as stack:
        for path, name in [
            ("", "orders"),
            ("/wss", "orders"),
            ("/talk", "talk"),
            ("/x/y", "orders"),
        ]:
            async with connect(stack.ws_url + path) as client:
                assert (await client.recv_json())["service"].endswith(f"{name}.events"), path


async def test_only_the_named_services_run(bench: Bench) -> None:
    """business.only leaves the others alone, even broken ones."""
    bench.write("talk", SMALL)
    bench.write("broken", "1 / 0")
    async with bench.stack(business__only=["talk"]) as stack:
        assert list((await stack.status()).business["services"]) == ["talk"]


async def test_flags_name_services_from_outside_the_tree(bench: Bench, tmp_path: Path) -> None:
    """start_business.py --services DIR --only NAME, as a user writes it."""
    bench.write("talk", SMALL)
    bench.write("orders", SMALL)
    stack = Stack(tmp_path, settings={"gateway.default_service": "orders"})
    async with stack.nothing_started():
        await stack.start_gateway()
        await stack.start_business(services=str(bench.services), only="orders")
        async with connect(stack.ws_url) as client:
            assert (await client.recv_json())["service"].endswith("orders.events")
        assert list((await stack.status()).business["services"]) == ["orders"]


@pytest.mark.parametrize(
    ("name", "events", "line"),
    [
        ("gateway", "", "service 'gateway': "),
        ("talk", "def on_message(client): ...", "on_message(client, message)"),
        ("talk", "import nowhere", "No module named 'nowhere'"),
    ],
)
async def test_a_service_that_cannot_be_loaded_stops_the_start_with_one_line(
    bench: Bench, name: str, events: str, line: str
) -> None:
    bench.write(name, events)
    stack = bench.stack(gateway__default_service="talk")
    async with stack.nothing_started():
        with pytest.raises(CommandFailed) as caught:
            await stack.start_business()
        assert line in caught.value.line
        assert "\n" not in caught.value.line
        assert not stack.business.running


async def test_two_services_do_not_see_each_others_clients(bench: Bench) -> None:
    """Uids, groups and broadcasts end at the service."""
    events = """
    async def on_connect(client):
        await client.bind_uid("42")
        await client.send("ready")

    async def on_message(client, message):
        await client.gateway.send_to_all(message)
        await client.send(await client.gateway.send_to_uid("42", "to 42") and "end")
    """
    bench.write("talk", events)
    bench.write("orders", events)
    async with (
        bench.stack() as stack,
        connect(f"{stack.ws_url}/talk") as talk,
        connect(f"{stack.ws_url}/orders") as orders,
    ):
        assert await talk.recv() == await orders.recv() == "ready"
        await talk.send("to all of talk")
        assert [await talk.recv() for _ in range(3)] == ["to all of talk", "to 42", "end"]
        await orders.send("to all of orders")
        assert [await orders.recv() for _ in range(3)] == ["to all of orders", "to 42", "end"]
