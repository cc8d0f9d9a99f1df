"""Every call of GatewayClient, async and blocking, against two real gateways."""

from __future__ import annotations

import asyncio
import json
import os
import socket
from pathlib import Path
from typing import Any

import pytest

from gateway_client import BadArgument, GatewayClient, GatewayError, SyncGatewayClient
from gateway_client.batch import signatures
from gateway_client.questions import NOT_KNOWN
from shared import protocol
from shared.version import version
from tests.support.timing import SECOND, TIMEOUT

from .conftest import Ask
from .fleet import OTHER, SECRET, SERVICE, Fleet

pytestmark = pytest.mark.asyncio(loop_scope="module")

NOBODY = "7f00000100010000abcd"
"""A client id of a gateway that does not exist."""

SOURCE = Path(__file__).read_text(encoding="utf-8")


def gone(fleet: Fleet) -> str:
    """A client id of a living gateway, of nobody."""
    return fleet.prefix(0) + "00000000"


# Sending


async def test_message_types(ask: Ask, fleet: Fleet) -> None:
    """dict and list arrive as JSON text, str as text, bytes as a binary message."""
    async with fleet.socket() as client:
        for message in ({"客": [1, None]}, ["a"], "text", b"\x00\xff", "", b""):
            assert await ask("send_to_client", client.id, message) is True
        assert await client.recv() == '{"客":[1,null]}'
        assert await client.recv() == '["a"]'
        assert await client.recv() == "text"
        assert await client.recv() == b"\x00\xff"
        assert await client.recv() == ""
        assert await client.recv() == b""


async def test_send_to_client_that_is_gone(ask: Ask, fleet: Fleet) -> None:
    """An unknown id is not an error, whether its gateway lives or not."""
    assert await ask("send_to_client", gone(fleet), "x") is False
    assert await ask("send_to_client", NOBODY, "x") is False
    assert await ask("send_to_client", NOBODY, "x", wait=False) is None


async def test_services_do_not_see_each_other(ask: Ask, fleet: Fleet) -> None:
    """The id of another service's client is as good as unknown."""
    async with fleet.socket(service=OTHER) as stranger, fleet.socket(1, OTHER):
        assert await ask("send_to_client", stranger.id, "x") is False
        assert await ask("bind_uid", stranger.id, "7") is False
        assert await ask("get_session", stranger.id) is None
        assert await ask("is_online", stranger.id) is False
        assert await ask("send_to_all", "x") == 0
        assert await ask("get_all_client_count") == 0


async def test_send_to_all(ask: Ask, fleet: Fleet) -> None:
    """None means everybody, on all gateways; [] nobody; excluded ones do not get it."""
    async with fleet.sockets(0, 0, 1, 1) as (a, b, c, d):
        assert await ask("send_to_all", "everybody") == 4
        assert await ask("send_to_all", "nobody", []) == 0
        assert await ask("send_to_all", "not a", exclude=a.id) == 3
        assert await ask("send_to_all", "not a, c", None, [a.id, c.id, NOBODY]) == 2
        assert await ask("send_to_all", "two", [a.id, c.id, a.id, NOBODY, gone(fleet)]) == 2
        assert await ask("send_to_all", "b of two", [a.id, b.id], [a.id]) == 1
        assert await ask("send_to_all", "one", d.id) == 1
        assert [await a.recv() for _ in range(2)] == ["everybody", "two"]
        assert [await b.recv() for _ in range(4)] == ["everybody", "not a", "not a, c", "b of two"]
        assert [await c.recv() for _ in range(3)] == ["everybody", "not a", "two"]
        assert [await d.recv() for _ in range(4)] == ["everybody", "not a", "not a, c", "one"]


async def test_send_to_uid(ask: Ask, fleet: Fleet) -> None:
    """One uid or several reach every socket of theirs, wherever it is, once."""
    async with fleet.sockets(0, 1, 1) as (a, b, c):
        for client, uid in ((a, "ann"), (b, "ann"), (c, 8)):
            assert await ask("bind_uid", client.id, uid) is True
        assert await ask("send_to_uid", "ann", "to ann") == 2
        assert await ask("send_to_uid", 8, "to 8") == 1
        assert await ask("send_to_uid", ["ann", "8", 8, "nobody"], "to both") == 3
        assert await ask("send_to_uid", "nobody", "x") == 0
        assert await ask("send_to_uid", [], "x") == 0
        assert [await a.recv(), await a.recv()] == ["to ann", "to both"]
        assert [await b.recv(), await b.recv()] == ["to ann", "to both"]
        assert [await c.recv(), await c.recv()] == ["to 8", "to both"]


async def test_send_to_group(ask: Ask, fleet: Fleet) -> None:
    """One group or several; a socket in two of them gets it once; excluded ones do not."""
    async with fleet.sockets(0, 1, 1) as (a, b, c):
        for client, group in ((a, "vip"), (b, "vip"), (b, 5), (c, 5)):
            assert await ask("join_group", client.id, group) is True
        assert await ask("send_to_group", "vip", "vip") == 2
        assert await ask("send_to_group", ["vip", "5"], "both") == 3
        assert await ask("send_to_group", 5, "not b", b.id) == 1
        assert await ask("send_to_group", ["vip", 5], "only c", [a.id, b.id]) == 1
        assert await ask("send_to_group", "empty", "x") == 0
        assert [await a.recv(), await a.recv()] == ["vip", "both"]
        assert [await b.recv(), await b.recv()] == ["vip", "both"]
        assert [await c.recv() for _ in range(3)] == ["both", "not b", "only c"]


async def test_without_waiting_in_order(ask: Ask, fleet: Fleet) -> None:
    """wait=False returns None; more messages than the window holds arrive all, in order, and a
    call that is waited for afterwards comes after them."""
    async with fleet.socket(1) as client:
        reader = asyncio.create_task(receive(client, 1501))
        if ask.__name__ == "on_loop":
            for number in range(1500):
                assert await ask("send_to_client", client.id, str(number), wait=False) is None
        else:
            arguments = [
                ("send_to_client", {"client_id": client.id, "message": str(n), "wait": False})
                for n in range(1500)
            ]
            assert await ask("batch", arguments) == [None] * 1500
        assert await ask("send_to_client", client.id, "last") is True
        assert await reader == [*map(str, range(1500)), "last"]


async def test_changes_without_waiting(ask: Ask, fleet: Fleet) -> None:
    """Every change can be made without waiting, and is executed in its order."""
    async with fleet.sockets(0, 1) as (a, b):
        assert await ask("bind_uid", a.id, "u", wait=False) is None
        assert await ask("join_group", a.id, "g", wait=False) is None
        assert await ask("join_group", b.id, "g", wait=False) is None
        assert await ask("set_session", a.id, {"x": 1}, wait=False) is None
        assert await ask("update_session", a.id, {"y": 2}, wait=False) is None
        assert await ask("send_to_uid", "u", "1", wait=False) is None
        assert await ask("send_to_group", "g", "2", wait=False) is None
        assert await ask("send_to_all", "3", wait=False) is None
        assert await ask("send_to_all", "4", [a.id], wait=False) is None
        assert await ask("leave_group", b.id, "g", wait=False) is None
        assert await ask("get_client_ids_by_group", "g") == [a.id]
        assert await ask("get_session", a.id) == {"x": 1, "y": 2}
        assert await ask("ungroup", "g", wait=False) is None
        assert await ask("unbind_uid", a.id, "u", wait=False) is None
        assert await ask("get_all_group_ids") == []
        assert await ask("get_uid_by_client_id", a.id) is None
        assert [await a.recv() for _ in range(4)] == ["1", "2", "3", "4"]
        assert [await b.recv() for _ in range(2)] == ["2", "3"]
        assert await ask("close_client", a.id, wait=False) is None
        assert await ask("destroy_client", b.id, wait=False) is None
        assert (await a.client.closed())[0] == 1000
        assert (await b.client.closed())[0] == 1006


async def receive(client: Any, count: int) -> list[Any]:
    return [await client.recv() for _ in range(count)]


# Closing


async def test_close_client(ask: Ask, fleet: Fleet) -> None:
    """The message comes first, then a proper close with the code and reason given."""
    async with fleet.sockets(0, 1) as (a, b):
        assert await ask("close_client", a.id) is True
        assert await a.client.closed() == (1000, "")
        assert await ask("close_client", b.id, {"bye": 1}, 4001, "时间到") is True
        assert json.loads(await b.recv()) == {"bye": 1}
        assert await b.client.closed() == (4001, "时间到")
        assert await ask("close_client", a.id) is False
        assert await ask("close_client", NOBODY) is False


async def test_destroy_client(ask: Ask, fleet: Fleet) -> None:
    """The connection is dropped without a close frame."""
    async with fleet.socket() as client:
        assert await ask("destroy_client", client.id) is True
        assert (await client.client.closed())[0] == 1006
        assert await ask("destroy_client", client.id) is False


# Uids and groups


async def test_binding(ask: Ask, fleet: Fleet) -> None:
    """One uid per client, replaced by the next; unbind looks at the uid."""
    async with fleet.sockets(0, 1) as (a, b):
        assert await ask("get_uid_by_client_id", a.id) is None
        assert await ask("bind_uid", a.id, "1") is True
        assert await ask("bind_uid", a.id, "2") is True
        assert await ask("bind_uid", b.id, 2) is True
        assert await ask("get_uid_by_client_id", a.id) == "2"
        assert await ask("is_uid_online", "1") is False
        assert await ask("is_uid_online", 2) is True
        assert set(await ask("get_client_ids_by_uid", "2")) == {a.id, b.id}
        assert await ask("unbind_uid", a.id, "1") is False
        assert await ask("unbind_uid", a.id, 2) is True
        assert await ask("get_client_ids_by_uid", "2") == [b.id]
        assert await ask("bind_uid", gone(fleet), "2") is False
        assert await ask("get_uid_by_client_id", gone(fleet)) is None


async def test_questions_on_several_uids(ask: Ask, fleet: Fleet) -> None:
    """The maps have every uid that was asked for, as str."""
    async with fleet.sockets(0, 1, 1) as (a, b, c):
        for client, uid in ((a, "x"), (b, "x"), (c, 3)):
            await ask("bind_uid", client.id, uid)
        assert await ask("are_uids_online", ["x", 3, "no"]) == {"x": True, "3": True, "no": False}
        assert await ask("are_uids_online", []) == {}
        found = await ask("get_client_ids_by_uids", ["x", 3, "no"])
        assert {uid: set(ids) for uid, ids in found.items()} == {
            "x": {a.id, b.id},
            "3": {c.id},
            "no": set(),
        }
        assert await ask("is_online", a.id) is True
        assert await ask("is_online", gone(fleet)) is False
        assert await ask("is_online", NOBODY) is False


async def test_groups(ask: Ask, fleet: Fleet) -> None:
    """Joining, leaving, dissolving; a group ends with its last client, which leaves on close."""
    async with fleet.sockets(0, 1) as (a, b):
        async with fleet.socket(1) as c:
            for client in (a, b, c):
                assert await ask("join_group", client.id, "room") is True
            assert await ask("join_group", a.id, 9) is True
            assert set(await ask("get_all_group_ids")) == {"room", "9"}
            assert await ask("get_client_count_by_group", "room") == 3
            assert await ask("leave_group", a.id, "9") is True
            assert await ask("leave_group", a.id, "9") is False
        assert set(await ask("get_client_ids_by_group", "room")) == {a.id, b.id}
        assert await ask("ungroup", "room") == 2
        assert await ask("ungroup", "room") == 0
        assert await ask("get_all_group_ids") == []
        assert await ask("join_group", NOBODY, "room") is False


# Sessions


async def test_sessions(ask: Ask, fleet: Fleet) -> None:
    """Replaced, merged recursively, read; False and None where the client is gone."""
    async with fleet.socket(1) as client:
        assert await ask("get_session", client.id) == {}
        assert await ask("set_session", client.id, {"a": {"x": 1}, "raw": b"\x00", "n": None})
        assert await ask("update_session", client.id, {"a": {"y": 2}, "b": [1]})
        session = await ask("get_session", client.id)
        assert session == {"a": {"x": 1, "y": 2}, "raw": b"\x00", "n": None, "b": [1]}
        assert await ask("set_session", client.id, {}) is True
        assert await ask("get_session", client.id) == {}
        assert await ask("set_session", gone(fleet), {"a": 1}) is False
        assert await ask("update_session", NOBODY, {"a": 1}) is False
        assert await ask("get_session", gone(fleet)) is None


async def test_compare_and_set(ask: Ask, fleet: Fleet) -> None:
    """A session is replaced only if it is the expected one, whatever the order of its keys."""
    async with fleet.socket() as client:
        assert await ask("set_session", client.id, {"a": 1, "b": 2}, {}) is True
        assert await ask("set_session", client.id, {"c": 3}, {}) is False
        assert await ask("set_session", client.id, {"c": 3}, {"a": 1}) is False
        assert await ask("set_session", client.id, {"c": 3}, expected={"b": 2, "a": 1}) is True
        assert await ask("get_session", client.id) == {"c": 3}


async def test_all_sessions(ask: Ask, fleet: Fleet) -> None:
    """Sessions of all clients, or of a group's, from all gateways."""
    async with fleet.sockets(0, 1, 1) as (a, b, c):
        await ask("set_session", a.id, {"n": 1})
        await ask("set_session", b.id, {"n": 2})
        await ask("join_group", b.id, "g")
        await ask("join_group", c.id, "g")
        assert await ask("get_all_client_sessions") == {a.id: {"n": 1}, b.id: {"n": 2}, c.id: {}}
        assert await ask("get_client_sessions_by_group", "g") == {b.id: {"n": 2}, c.id: {}}
        assert await ask("get_client_sessions_by_group", "none") == {}


async def test_large_sessions(ask: Ask, fleet: Fleet) -> None:
    """Sessions that together would break the largest frame come nevertheless, in pieces."""
    async with fleet.sockets(*[0] * 7) as clients:
        for client in clients:
            session = {"of": client.id, "data": b"x" * 10_000_000}
            assert await ask("set_session", client.id, session, timeout=TIMEOUT)
        sessions = await ask("get_all_client_sessions", timeout=TIMEOUT)
        assert {client_id: session["of"] for client_id, session in sessions.items()} == {
            client.id: client.id for client in clients
        }


async def test_sessions_in_pages(
    fleet: Fleet, gateway: GatewayClient, blocking: SyncGatewayClient
) -> None:
    """The iterators give every client once, however small the pages."""
    async with fleet.sockets(0, 0, 0, 1, 1) as clients:
        for number, client in enumerate(clients):
            await gateway.set_session(client.id, {"n": number})
            if number % 2:
                await gateway.join_group(client.id, "odd")
        expected = sorted((client.id, {"n": number}) for number, client in enumerate(clients))
        for size in (1, 2, 3, 1000):
            found = [pair async for pair in gateway.iter_client_sessions(page_size=size)]
            assert sorted(found) == expected
        odd = [pair async for pair in gateway.iter_client_sessions("odd", 1)]
        assert sorted(odd) == expected_of(clients, expected)

        def all_of(*args: Any) -> Any:
            return sorted(blocking.iter_client_sessions(*args))

        assert await asyncio.to_thread(all_of, None, 2) == expected
        assert await asyncio.to_thread(all_of, "odd") == expected_of(clients, expected)


def expected_of(clients: list[Any], expected: list[Any]) -> list[Any]:
    odd = {client.id for client in clients[1::2]}
    return [pair for pair in expected if pair[0] in odd]


# Lists and numbers


async def test_lists_and_numbers(ask: Ask, fleet: Fleet) -> None:
    """Lists and numbers cover all gateways; a uid or group that two of them have counts once."""
    async with fleet.sockets(0, 0, 1, 1) as (a, b, c, d):
        for client, uid in ((a, "u"), (b, "v"), (c, "u")):
            await ask("bind_uid", client.id, uid)
        for client, group in ((a, "g"), (c, "g"), (d, "g"), (b, "h")):
            await ask("join_group", client.id, group)

        assert set(await ask("get_all_client_ids")) == {a.id, b.id, c.id, d.id}
        assert set(await ask("get_client_ids_by_group", "g")) == {a.id, c.id, d.id}
        assert sorted(await ask("get_all_uids")) == ["u", "v"]
        assert await ask("get_uids_by_group", "g") == ["u"]
        assert sorted(await ask("get_all_group_ids")) == ["g", "h"]

        assert await ask("get_all_client_count") == 4
        assert await ask("get_client_count_by_group", "g") == 3
        assert await ask("get_client_count_by_group", "none") == 0
        counts = await ask("get_client_counts_by_groups", ["g", "h", 7])
        assert counts == {"g": 3, "h": 1, "7": 0}
        assert await ask("get_all_uid_count") == 2
        assert await ask("get_uid_count_by_group", "g") == 1
        assert await ask("get_uid_count_by_group", "h") == 1

        assert await ask("get_group_uids") == {"g": ["u"], "h": ["v"]}
        assert await ask("get_group_uid_counts") == {"g": 1, "h": 1}
        by_group = await ask("get_group_client_ids")
        assert {g: set(ids) for g, ids in by_group.items()} == {
            "g": {a.id, c.id, d.id},
            "h": {b.id},
        }
        assert await ask("get_group_client_counts") == {"g": 3, "h": 1}


async def test_nobody_is_online(ask: Ask) -> None:
    """Without clients everything is empty, and nothing is an error."""
    for name, signature in signatures(GatewayClient).items():
        if set(signature.parameters) == {"timeout"}:
            assert not await ask(name), name


# The installation


async def test_gateway_status(ask: Ask, fleet: Fleet) -> None:
    """A row for each gateway with its numbers, whatever service the client is of, and with the
    workers and programs that are linked to it."""
    async with fleet.sockets(0, 1, 1) as (a, _, _):
        async with fleet.socket(1, OTHER):
            await ask("send_to_client", a.id, "x")
            rows = await ask("get_gateway_status")
    assert [row["address"] for row in rows] == sorted(fleet.addresses)
    rows.sort(key=lambda row: fleet.addresses.index(row["address"]))
    assert [row["name"] for row in rows] == ["gateway-0", "gateway-1"]
    assert [row["pid"] for row in rows] == [process.pid for process in fleet.gateways]
    assert [row["host"] for row in rows] == [socket.gethostname()] * 2
    assert [row["version"] for row in rows] == [version()] * 2
    assert [row["clients"] for row in rows] == [1, 3]
    assert [row["services"] for row in rows] == [
        {SERVICE: 1, OTHER: 0},
        {SERVICE: 2, OTHER: 1},
    ]
    for row in rows:
        assert row["memory"] > 1_000_000
        assert row["uptime"] > 0
        assert (row["paused"], row["slow_closed"], row["register"]) == (0, 0, "up")
        assert row["messages_out"] >= row["clients"]
        (worker,) = (peer for peer in row["peers"] if peer["kind"] == "worker")
        assert worker["name"] == "greeter"
        assert worker["clients"] == row["clients"]
        assert worker["services"] == [SERVICE, OTHER]
        assert (worker["host"], worker["pid"]) == (socket.gethostname(), os.getpid())


async def test_connections(ask: Ask, fleet: Fleet) -> None:
    """All clients of all services and gateways in pages, ordered by client id, or those of one
    service, or those that a text is found in."""
    async with fleet.sockets(0, 1, 1) as clients:
        async with fleet.socket(0, OTHER) as other:
            await ask("bind_uid", clients[2].id, "member-42")
            await ask("join_group", clients[2].id, "g")
            ids = sorted(client.id for client in (*clients, other))

            found = await ask("get_connections")
            assert [row["client_id"] for row in found["connections"]] == ids
            assert (found["count"], found["unknown"]) == (4, [])
            found = await ask("get_connections", limit=3)
            assert [row["client_id"] for row in found["connections"]] == ids[:3]
            assert found["count"] == 4
            found = await ask("get_connections", after=ids[2], limit=3)
            assert [row["client_id"] for row in found["connections"]] == ids[3:]
            assert found["count"] == 4

            found = await ask("get_connections", service=OTHER)
            assert [row["client_id"] for row in found["connections"]] == [other.id]
            assert found["connections"][0]["service"] == OTHER
            found = await ask("get_connections", other.id)
            assert [row["client_id"] for row in found["connections"]] == [other.id]
            assert (await ask("get_connections", "nobody"))["count"] == 0

            found = await ask("get_connections", "r-42")
            (row,) = found["connections"]
            assert (row["client_id"], row["uid"]) == (clients[2].id, "member-42")
            assert row["groups"] == ["g"]
            assert row["worker"] == "greeter"
            assert row["address"].startswith("127.0.0.1:")
            assert 0 <= row["connected"] < 60 * SECOND


@pytest.mark.parametrize("code", [199, protocol.BIND_UID])
async def test_gateways_of_earlier_versions(
    ask: Ask, fleet: Fleet, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    """What a gateway does not know, be its answer unknown_command or, as once, bad_command, is told
    for each of them, and is no error."""
    monkeypatch.setattr(protocol, "GATEWAY_STATUS", code)
    monkeypatch.setattr(protocol, "CONNECTIONS", code)
    monkeypatch.setitem(protocol.FIELDS, 199, 3)
    addresses = sorted(fleet.addresses)
    unknown = [{"address": address, "error": NOT_KNOWN} for address in addresses]
    assert await ask("get_gateway_status") == unknown
    found = await ask("get_connections", service=(SERVICE if code == 199 else ""))
    assert found == {"count": 0, "connections": [], "unknown": addresses}


# Many at once


async def test_batch(ask: Ask, fleet: Fleet) -> None:
    """Results stand in the order of the calls, which are also executed in it; a call that fails
    has its error in the place of its result."""
    async with fleet.sockets(0, 1) as (a, b):
        results = await ask(
            "batch",
            [
                ("join_group", {"client_id": a.id, "group": "g"}),
                ("join_group", {"client_id": b.id, "group": "g"}),
                ("send_to_group", {"group": "g", "message": "m"}),
                ("bind_uid", {"client_id": a.id, "uid": ""}),
                ("bind_uid", {"client_id": a.id}),
                ("bind_uid", {"client_id": a.id, "uid": "1", "more": 1}),
                ["get_client_count_by_group", {"group": "g"}],
                ("send_to_client", {"client_id": a.id, "message": "x", "wait": False}),
            ],
        )
        assert results[:3] == [True, True, 2]
        assert all(isinstance(result, BadArgument) for result in results[3:6])
        assert [result.argument for result in results[3:6]] == ["uid", "uid", "more"]
        assert results[6:] == [2, None]
        assert [await a.recv(), await a.recv()] == ["m", "x"]


@pytest.mark.parametrize(
    "calls",
    [
        [("no_such_call", {})],
        [("close", {})],
        [("batch", {"calls": []})],
        [("_to_one", {})],
        [("get_all_uids",)],
        [("get_all_uids", [])],
        ["get_all_uids"],
    ],
)
async def test_batch_that_is_none(ask: Ask, fleet: Fleet, calls: Any) -> None:
    """A malformed batch is refused as a whole: its good calls are not made either."""
    async with fleet.socket() as client:
        good = ("join_group", {"client_id": client.id, "group": "g"})
        with pytest.raises(BadArgument):
            await ask("batch", [good, *calls])
        assert await ask("get_all_group_ids") == []


# Bad arguments


@pytest.mark.parametrize(
    ("argument", "name", "args"),
    [
        ("client_id", "send_to_client", ("nonsense", "x")),
        ("client_id", "send_to_client", ("7F00000100010000ABCD", "x")),
        ("client_id", "send_to_client", ("7f00000100010000abcd\n", "x")),
        ("client_id", "is_online", (None,)),
        ("client_id", "get_session", (12345678901234567890,)),
        ("client_ids", "send_to_all", ("x", ["7f"])),
        ("client_ids", "send_to_all", ("x", 5.0)),
        ("exclude", "send_to_all", ("x", None, [None])),
        ("exclude", "send_to_group", ("g", "x", "7f")),
        ("message", "send_to_all", (None,)),
        ("message", "send_to_all", (5,)),
        ("message", "send_to_all", ({"a": float("nan")},)),
        ("message", "send_to_all", ({"a": {1, 2}},)),
        ("message", "send_to_all", ("\ud800",)),
        ("message", "close_client", (NOBODY, 5)),
        ("message", "send_to_client", (NOBODY, b"x" * (16 * 1024 * 1024 + 1))),
        ("code", "close_client", (NOBODY, None, 1006)),
        ("code", "close_client", (NOBODY, None, 999)),
        ("code", "close_client", (NOBODY, None, "1000")),
        ("reason", "close_client", (NOBODY, None, 4000, "时" * 42)),
        ("uid", "bind_uid", (NOBODY, "")),
        ("uid", "bind_uid", (NOBODY, None)),
        ("uid", "bind_uid", (NOBODY, True)),
        ("uid", "bind_uid", (NOBODY, 1.5)),
        ("uid", "send_to_uid", (["a", ""], "x")),
        ("uid", "send_to_uid", ({"a": 1}, "x")),
        ("uid", "send_to_uid", (None, "x")),
        ("uids", "are_uids_online", ([None],)),
        ("group", "join_group", (NOBODY, "")),
        ("group", "join_group", (NOBODY, 0)),
        ("group", "send_to_group", ([0], "x")),
        ("group", "send_to_group", ("\udcff", "x")),
        ("groups", "get_client_counts_by_groups", ([""],)),
        ("group", "get_client_sessions_by_group", (0,)),
        ("session", "set_session", (NOBODY, "x")),
        ("session", "set_session", (NOBODY, {"a": object()})),
        ("session", "update_session", (NOBODY, {"a": 2**70})),
        ("expected", "set_session", (NOBODY, {}, [])),
        ("search", "get_connections", (5,)),
        ("search", "get_connections", ("x" * 101,)),
        ("service", "get_connections", ("", 5)),
        ("client_id", "get_connections", ("", None, "7f")),
        ("limit", "get_connections", ("", None, "", 0)),
        ("limit", "get_connections", ("", None, "", 1001)),
    ],
)
async def test_bad_arguments(ask: Ask, argument: str, name: str, args: tuple[Any, ...]) -> None:
    """What cannot be meant is refused before anything is sent, naming the argument."""
    with pytest.raises(BadArgument) as caught:
        await ask(name, *args)
    assert caught.value.argument == argument
    assert isinstance(caught.value, ValueError)
    assert isinstance(caught.value, GatewayError)


@pytest.mark.parametrize("timeout", [0, -1, "5", True, float("inf"), float("nan")])
async def test_bad_timeout(ask: Ask, timeout: Any) -> None:
    """A timeout is a number of seconds above 0."""
    for name, args in (("send_to_client", (NOBODY, "x")), ("get_all_uids", ())):
        with pytest.raises(BadArgument, match="timeout"):
            await ask(name, *args, timeout=timeout)


async def test_circular_message(ask: Ask) -> None:
    """A list that contains itself is refused, not a crash."""
    circle: list[Any] = []
    circle.append(circle)
    with pytest.raises(BadArgument, match="message"):
        await ask("send_to_all", circle)


@pytest.mark.parametrize(
    ("argument", "changes"),
    [
        ("register", {"register": []}),
        ("register", {"register": "localhost"}),
        ("register", {"register": "localhost:x"}),
        ("register", {"register": ["localhost:70000"]}),
        ("secret", {"secret": "short"}),
        ("secret", {"secret": None}),
        ("timeout", {"timeout": 0}),
    ],
)
@pytest.mark.parametrize("client_class", [GatewayClient, SyncGatewayClient])
async def test_bad_constructor(client_class: Any, argument: str, changes: dict[str, Any]) -> None:
    """Both classes check what they are made with; the secret is not shown."""
    with pytest.raises(BadArgument) as caught:
        client_class(**{"register": "127.0.0.1:1236", "secret": SECRET, **changes})
    assert caught.value.argument == argument
    assert "short" not in str(caught.value)


# This module


async def test_every_call_is_tested() -> None:
    """No call is missing above."""
    missing = [name for name in signatures(GatewayClient) if f'"{name}"' not in SOURCE]
    assert missing == []
