"""What is special about SyncGatewayClient: threads, forks, lazy connection, ends of programs."""

from __future__ import annotations

import asyncio
import concurrent.futures
import gc
import inspect
import os
import subprocess
import sys
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from gateway_client import GatewayClient, RegisterUnreachable, SyncGatewayClient
from gateway_client.batch import NOT_CALLS
from tests.support.ports import Ports
from tests.support.timing import SECOND, TIMEOUT, eventually

from .fleet import SECRET, SERVICE, Fleet, Socket

pytestmark = pytest.mark.asyncio(loop_scope="module")

ROOT = Path(__file__).parent.parent.parent


def public(cls: type) -> dict[str, Any]:
    """The public methods of a class."""
    functions = inspect.getmembers(cls, inspect.isfunction)
    return {name: function for name, function in functions if not name.startswith("_")}


async def test_same_calls_and_signatures() -> None:
    """Every call exists in both classes, with the same arguments and the same description."""
    calls, blocking = public(GatewayClient), public(SyncGatewayClient)
    assert set(blocking) - NOT_CALLS == set(calls) - NOT_CALLS - {"flush_and_disconnect"}
    for name in blocking:
        ours, theirs = inspect.signature(blocking[name]), inspect.signature(calls[name])
        assert ours.parameters == theirs.parameters, name
        if name == "iter_client_sessions":
            assert ours.return_annotation == theirs.return_annotation.removeprefix("Async")
        else:
            assert ours.return_annotation == theirs.return_annotation, name
            assert not inspect.iscoroutinefunction(blocking[name])
        assert (calls[name].__doc__ or "").replace("await ", "") == blocking[name].__doc__ or (
            name in ("start", "close")
        ), name
        assert blocking[name].__doc__
    ours = inspect.signature(SyncGatewayClient)
    assert ours.parameters == inspect.signature(GatewayClient).parameters


@pytest_asyncio.fixture(loop_scope="module")
async def client(fleet: Fleet) -> AsyncIterator[Socket]:
    """A connected client."""
    async with fleet.socket(1) as socket:
        yield socket


def own_threads() -> int:
    """Threads of SyncGatewayClients in this process."""
    return sum(thread.name == "kefu gateway client" for thread in threading.enumerate())


def make(fleet: Fleet, **arguments: Any) -> SyncGatewayClient:
    return SyncGatewayClient(fleet.register, secret=SECRET, service=SERVICE, **arguments)


async def test_many_threads(fleet: Fleet, client: Socket) -> None:
    """Threads that begin at the same moment share one connection, and none disturbs another."""
    gateway = make(fleet)
    before = own_threads()

    def send(number: int) -> bool | None:
        return gateway.send_to_client(client.id, str(number))

    with concurrent.futures.ThreadPoolExecutor(8) as threads:
        loop = asyncio.get_running_loop()
        jobs = [loop.run_in_executor(threads, send, number) for number in range(200)]
        received = {await client.recv() for _ in range(200)}
        assert await asyncio.gather(*jobs) == [True] * 200
    assert received == {str(number) for number in range(200)}
    assert own_threads() == before + 1
    await asyncio.to_thread(gateway.close)
    assert own_threads() == before


async def test_nothing_happens_before_the_first_call(fleet: Fleet) -> None:
    """A client that is never used costs no thread and no connection."""
    before = own_threads()
    gateway = SyncGatewayClient("127.0.0.1:1", secret=SECRET)
    assert own_threads() == before
    gateway.close()
    gateway.close()
    with pytest.raises(RuntimeError, match="closed"):
        gateway.get_all_uids()


async def test_later_call_connects_after_a_failed_one(fleet: Fleet) -> None:
    """While the register is down calls raise; once it is there the next one works."""
    ports = Ports()
    port = ports.take()
    gateway = SyncGatewayClient(f"127.0.0.1:{port}", secret=SECRET, service=SERVICE, timeout=SECOND)
    with pytest.raises(RegisterUnreachable):
        await asyncio.to_thread(gateway.get_all_uids)
    host, _, register = fleet.register.rpartition(":")

    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        theirs, ours = await asyncio.open_connection(host, int(register))
        await asyncio.gather(copy(reader, ours), copy(theirs, writer))

    async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            writer.write(data)
        writer.close()

    server = await asyncio.start_server(forward, "127.0.0.1", port)
    assert await asyncio.to_thread(gateway.get_all_uids) == []
    await asyncio.to_thread(gateway.close)
    server.close()
    ports.close()


async def test_forgotten_client_ends_its_thread(fleet: Fleet) -> None:
    """A client that nobody refers to any more does not keep its thread and connections."""
    before = own_threads()
    gateway: SyncGatewayClient | None = make(fleet)
    assert gateway is not None
    assert await asyncio.to_thread(gateway.get_all_uids) == []
    assert own_threads() == before + 1
    gateway = None
    gc.collect()
    await eventually(lambda: own_threads() == before)


async def test_close_during_a_call(fleet: Fleet) -> None:
    """close() does not leave callers in other threads waiting."""
    gateway = make(fleet)
    await asyncio.to_thread(gateway.start)
    with fleet.frozen(0):
        call = asyncio.create_task(asyncio.to_thread(gateway.get_all_uids, timeout=60))
        pool = gateway._background._thread
        assert pool is not None
        links = pool._client._links
        await eventually(lambda: any(link._pending for link in links.values()))
        await asyncio.to_thread(gateway.close)
        with pytest.raises((RuntimeError, ConnectionError)):
            await call


async def test_abandoned_iterator(fleet: Fleet) -> None:
    """A loop over clients may be left early."""
    gateway = make(fleet)
    async with fleet.sockets(0, 0, 1):

        def first() -> str:
            for client_id, _ in gateway.iter_client_sessions(page_size=1):
                return client_id
            raise AssertionError("nobody")

        assert (await asyncio.to_thread(first)).startswith(fleet.prefix(0)[:8])
        assert await asyncio.to_thread(gateway.get_all_client_count) == 3
    await asyncio.to_thread(gateway.close)


# Programs of their own

PROGRAM = """
import os, sys
from gateway_client import SyncGatewayClient
register, secret, service, client_id = sys.argv[1:]
gateway = SyncGatewayClient(register, secret=secret, service=service)
"""


async def run(fleet: Fleet, program: str, client_id: str) -> None:
    """Run a program to its successful end."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-W", "error", "-c", PROGRAM + program),
        *(fleet.register, SECRET, SERVICE, client_id),
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(2 * TIMEOUT):
            output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, output.decode()
    assert output.decode() == ""


async def test_fork(fleet: Fleet, client: Socket) -> None:
    """A client that was used before a fork works in the child, and in the parent as before."""
    program = """
gateway.send_to_client(client_id, "parent")
for generation in range(2):
    child = os.fork()
    if child == 0:
        for number in range(20):
            assert gateway.send_to_client(client_id, f"child {generation} {number}")
        gateway.close()
        os._exit(0)
    for number in range(20):
        assert gateway.send_to_client(client_id, "parent")
    assert os.waitpid(child, 0)[1] == 0
assert gateway.send_to_client(client_id, "end")
"""
    await run(fleet, program, client.id)
    received = [await client.recv() for _ in range(82)]
    assert received.count("parent") == 41
    for generation in range(2):
        own = [m for m in received if str(m).startswith(f"child {generation}")]
        assert own == [f"child {generation} {number}" for number in range(20)]
    assert received[-1] == "end"


async def test_fork_while_other_threads_call(fleet: Fleet, client: Socket) -> None:
    """A fork in the middle of other threads' calls leaves no lock held in the child, and a child
    that ends in the ordinary way ends cleanly."""
    program = """
import threading
stop = False
def busy():
    while not stop:
        gateway.send_to_client(client_id, "busy")
threads = [threading.Thread(target=busy) for _ in range(3)]
gateway.start()
for thread in threads:
    thread.start()
for _ in range(10):
    child = os.fork()
    if child == 0:
        stop = True
        assert gateway.is_online(client_id)
        sys.exit(0)
    assert os.waitpid(child, 0)[1] == 0
stop = True
for thread in threads:
    thread.join()
"""
    reader = asyncio.create_task(drain(client))
    # Python 3.12 and later warn of any fork in a program with threads, which is the point here.
    ignore = "import warnings; warnings.simplefilter('ignore', DeprecationWarning)\n"
    await run(fleet, ignore + program, client.id)
    reader.cancel()


async def test_exit_without_close(fleet: Fleet, client: Socket) -> None:
    """What was sent without waiting goes out though the program ends at once, without close()."""
    program = """
for number in range(100):
    gateway.send_to_client(client_id, str(number), wait=False)
"""
    await run(fleet, program, client.id)
    assert [await client.recv() for _ in range(100)] == [str(number) for number in range(100)]


async def test_multiprocessing_child(fleet: Fleet, client: Socket) -> None:
    """A global client works in the processes of a pool, as those of a web server."""
    program = """
import multiprocessing
gateway.send_to_client(client_id, "main")
def send(number):
    return gateway.send_to_client(client_id, "child")
with multiprocessing.get_context("fork").Pool(2) as pool:
    assert pool.map(send, range(10)) == [True] * 10
"""
    ignore = "import warnings; warnings.simplefilter('ignore', DeprecationWarning)\n"
    await run(fleet, ignore + program, client.id)
    assert sorted([await client.recv() for _ in range(11)]) == ["child"] * 10 + ["main"]


async def drain(client: Socket) -> None:
    while True:
        await client.recv()
