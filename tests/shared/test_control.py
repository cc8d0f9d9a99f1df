"""The control channel: lines of JSON over Unix sockets."""

from __future__ import annotations

import asyncio
import json
import socket
import stat
import threading
from pathlib import Path

import pytest

from shared import control
from tests.support.timing import within


@pytest.fixture
def deep(tmp_path: Path) -> Path:
    """A directory whose path is longer than the address of a Unix socket may be."""
    path = tmp_path / ("d" * 80) / ("e" * 80)
    path.mkdir(parents=True)
    return path


def serve_once(listening: socket.socket, answer: bytes) -> threading.Thread:
    """Answer the first request in a thread."""

    def serve() -> None:
        connection, _ = listening.accept()
        with connection:
            connection.recv(65536)
            connection.sendall(answer)

    thread = threading.Thread(target=serve)
    thread.start()
    return thread


def test_requests_work_at_paths_of_any_length(deep: Path) -> None:
    """sun_path holds 108 bytes; directories may be deeper."""
    path = deep / "gateway.sock"
    with control.listen(path) as listening:
        thread = serve_once(listening, b'{"answer": "\xe5\xae\xa2"}\n')
        assert control.request(path, {"command": "status"}, 5) == {"answer": "客"}
        thread.join()


def test_the_socket_is_for_its_user_only(tmp_path: Path) -> None:
    """Who may connect may stop the system."""
    path = tmp_path / "gateway.sock"
    with control.listen(path):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0


def test_a_dead_supervisors_socket_makes_way(tmp_path: Path) -> None:
    """After kill -9 the file is still there."""
    path = tmp_path / "gateway.sock"
    control.listen(path).close()
    with pytest.raises(ConnectionRefusedError):
        control.request(path, {}, 5)
    control.listen(path).close()


def test_requests_fail_when_the_other_side_goes(tmp_path: Path) -> None:
    """No file, or an answer that never becomes whole."""
    path = tmp_path / "gateway.sock"
    with pytest.raises(FileNotFoundError):
        control.request(path, {}, 5)
    with control.listen(path) as listening:
        thread = serve_once(listening, b'{"half')
        with pytest.raises(ConnectionError):
            control.request(path, {}, 5)
        thread.join()
    with control.listen(path), pytest.raises(TimeoutError):
        control.request(path, {}, 0.05)


async def test_channel_carries_messages_both_ways() -> None:
    """What was read before the loop began comes first, and nothing is lost at a close."""
    ours, theirs = socket.socketpair()
    theirs.sendall(control.encode({"n": 2}) + b'{"n": ')
    ours.setblocking(False)
    channel = await control.Channel.open(ours, b'{"n": 1}\n')
    assert await within(channel.receive()) == {"n": 1}
    assert await within(channel.receive()) == {"n": 2}
    theirs.sendall(b"3}\n")
    assert await within(channel.receive()) == {"n": 3}
    big = {"text": "客" * 100_000}
    channel.send(big)
    theirs.setblocking(True)
    reading = asyncio.create_task(asyncio.to_thread(control.receive_line, theirs))
    await within(channel.flush())
    channel.close()
    assert (await within(reading))[0] == big
    theirs.close()


@pytest.mark.parametrize("line", [b"no json\n", b"[1]\n", b"\xff\n", b'{"n": 1', b""])
async def test_rubbish_ends_a_channel(line: bytes) -> None:
    """A peer that does not speak the protocol is treated as gone, without an error."""
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    channel = await control.Channel.open(ours)
    theirs.sendall(line)
    theirs.close()
    assert await within(channel.receive()) is None
    channel.send({"to": "nobody"})
    channel.close()
    channel.close()


def test_messages_are_single_lines() -> None:
    """Whatever stands in their values."""
    encoded = control.encode({"text": "first\nsecond"})
    assert encoded.count(b"\n") == 1
    assert json.loads(encoded) == {"text": "first\nsecond"}
