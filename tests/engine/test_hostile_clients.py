"""What clients do wrong, on purpose or not, harms them and nobody else."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.raw import RawClient, garbage, masked
from tests.support.stack import Stack
from tests.support.timing import within
from tests.support.ws import connect

PROBE = Path(__file__).parent.parent / "services" / "probe"


@pytest.fixture
async def stack(tmp_path: Path) -> AsyncIterator[Stack]:
    """A gateway and a worker with the probe service."""
    async with Stack(
        tmp_path,
        settings={
            "gateway.default_service": "probe",
            "business.only": ["probe"],
            "gateway.handshake_timeout": 0.5,
            "gateway.max_message_size": 4096,
            "gateway.max_send_buffer": 65536,
        },
        services=[PROBE],
        environment={"PROBE_EVENTS": str(tmp_path / "events")},
    ) as stack:
        yield stack


@pytest.mark.parametrize(
    ("data", "code"),
    [
        pytest.param(b"\x81\x02hi", 1002, id="unmasked"),
        pytest.param(masked(1, b"hi", reserved=0x40), 1002, id="reserved bit"),
        pytest.param(masked(3, b"hi"), 1002, id="unknown opcode"),
        pytest.param(masked(9, b"", fin=False), 1002, id="fragmented ping"),
        pytest.param(masked(0, b"hi"), 1002, id="continuation of nothing"),
        pytest.param(masked(1, b"\xff\xfe"), 1007, id="not UTF-8"),
        pytest.param(masked(1, "好".encode()[:2]), 1007, id="half a character"),
        pytest.param(masked(1, b"x" * 5000), 1009, id="over the limit"),
        pytest.param(
            masked(1, b"x" * 3000, fin=False) + masked(0, b"x" * 3000),
            1009,
            id="fragments over the limit",
        ),
        pytest.param(b"\x81\xff\x40" + b"\0" * 7 + b"mask", 1009, id="claims 2^62 bytes"),
    ],
)
async def test_bad_frames_close_with_their_code(stack: Stack, data: bytes, code: int) -> None:
    """A client that breaks the protocol is closed with the code of the RFC; others go on."""
    async with connect(stack.ws_url) as other:
        await other.recv_json()
        bad = await RawClient.open(stack.gateway_port)
        bad.send(data)
        assert await bad.close_code() == code
        bad.close()
        await other.send("still here")
        assert await other.recv() == "still here"


async def test_garbage_instead_of_a_handshake_is_refused(stack: Stack) -> None:
    """What is no HTTP gets its connection closed, and the gateway goes on."""
    for data in (garbage(3000), b"\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01" * 100):
        bad = await RawClient.connect(stack.gateway_port)
        bad.send(data)
        answer = await bad.end()
        assert not answer.startswith(b"HTTP/1.1 101")
    async with connect(stack.ws_url) as client:
        assert (await client.recv_json())["type"] == "init"


async def test_half_a_handshake_is_given_up(stack: Stack) -> None:
    """Who begins a handshake and says no more is closed after gateway.handshake_timeout."""
    silent = await RawClient.connect(stack.gateway_port)
    half = await RawClient.connect(stack.gateway_port)
    half.send(b"GET / HTTP/1.1\r\nHost: x\r\nUpgr")
    assert await silent.end() == b""
    assert await half.end() == b""


async def test_a_client_that_does_not_read_is_closed_as_slow(stack: Stack) -> None:
    """Far above max_send_buffer a client is closed at once, counted, and on_close runs."""
    slow = await RawClient.open(stack.gateway_port)
    slow.writer.transport.get_extra_info("socket").setsockopt(1, 8, 4096)  # SO_RCVBUF
    slow.reader._transport.pause_reading()  # type: ignore[attr-defined]
    slow.send(masked(1, b"flood 8000"))
    await stack.until(lambda status: status.gateway["slow_closed"] == 1)
    await stack.until(lambda status: status.gateway["clients"] == 0)
    slow.close()
    async with connect(stack.ws_url) as client:
        assert (await client.recv_json())["type"] == "init"


async def test_a_message_in_fragments_with_pings_between_arrives_whole(stack: Stack) -> None:
    """Fragments are put together, and a ping between them is answered at once."""
    client = await RawClient.open(stack.gateway_port)
    await client.frame()  # init
    text = "你好，世界".encode()
    client.send(masked(1, text[:4], fin=False) + masked(9, b"now") + masked(0, text[4:]))
    assert await client.frame() == (10, b"now")
    assert await client.frame() == (1, text)
    client.close()


async def test_unknown_paths_are_served_by_the_default_service(stack: Stack) -> None:
    """Legacy clients connect to /wss and other paths that name no service."""
    for path in ("/wss", "/", "/no/such/service?x=1", "/probe"):
        client = await RawClient.open(stack.gateway_port, path)
        opcode, payload = await client.frame()
        assert (opcode, json.loads(payload)["type"]) == (1, "init")
        client.close()
    rows = await stack.connections()
    assert {row["service"] for row in rows} <= {"probe"}


async def test_the_heartbeat_text_wakes_no_worker(stack: Stack) -> None:
    """``ping`` is taken by the gateway: the worker hears only of what follows."""
    async with connect(stack.ws_url) as client:
        await client.recv_json()
        for _ in range(50):
            await client.send("ping")
        await client.send("pong")
        assert await client.recv() == "pong"
        status = await stack.status()
        assert status.gateway["messages_in"] >= 51


async def test_a_thousand_sockets_that_never_bind_are_closed(tmp_path: Path) -> None:
    """They are closed after the service's unbound_timeout, and cost no memory that stays."""
    async with Stack(
        tmp_path,
        settings={"gateway.default_service": "probe", "business.only": ["probe"]},
        services=[PROBE],
        environment={
            "PROBE_EVENTS": str(tmp_path / "events"),
            "PROBE_UNBOUND_TIMEOUT": "1",
        },
    ) as stack:
        async with connect(stack.ws_url) as bound:
            await bound.recv_json()
            await bound.send("bind 7")
            await bound.recv()
            memory = []
            for _ in range(4):
                crowd = await asyncio.gather(
                    *(RawClient.open(stack.gateway_port) for _ in range(1000))
                )
                codes = await within(
                    asyncio.gather(*(client.close_code() for client in crowd)), factor=3
                )
                assert set(codes) == {4101}
                for client in crowd:
                    client.close()
                await stack.until(lambda status: status.gateway["connections"] == 1)
                memory.append((await stack.status()).gateway["memory"])
            # The first rounds warm the allocator up. A socket costs more than 1,200 bytes, so that
            # 2,000 that left something of themselves behind would show.
            assert memory[3] - memory[1] < 2000 * 750
            await bound.send("still here")
            assert await bound.recv() == "still here"
