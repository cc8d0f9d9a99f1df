"""The yardstick: ``websockets.asyncio.server`` as its documentation shows it, with nothing added.

One process does what gateway and business do together for the benchmark service
(`benchmarks/services/bench`): an ``init`` at connect; a text that begins with E comes back, one
that begins with B goes to everybody, one that begins with U binds a uid, joins a group and keeps
a session, and comes back. Compression is off, as it is in kefu's gateway. Prints its port.

    python -m benchmarks.stock --loop asyncio|uvloop
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import signal
import socket
from collections import defaultdict
from collections.abc import Callable
from typing import Any

from websockets.asyncio.server import ServerConnection, broadcast, serve
from websockets.exceptions import ConnectionClosed

from .processes import raise_open_files_limit

_BACKLOG = 4096


class Stock:
    """What such a server has to remember."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        self.connections: set[ServerConnection] = set()
        self.uids: dict[str, set[ServerConnection]] = defaultdict(set)
        self.groups: dict[str, set[ServerConnection]] = defaultdict(set)
        self.sessions: dict[ServerConnection, dict[str, Any]] = {}

    async def handle(self, connection: ServerConnection) -> None:
        """Serve one connection until it closes."""
        client_id = f"7f0000010b54{next(self._numbers):08x}"
        self.connections.add(connection)
        uid = group = ""
        try:
            await connection.send(json.dumps({"type": "init", "data": {"client_id": client_id}}))
            async for message in connection:
                assert isinstance(message, str)
                if message[0] == "E":
                    await connection.send(message)
                elif message[0] == "B":
                    broadcast(self.connections, message)
                elif message[0] == "U":
                    uid = message[1:7]
                    group = f"group-{int(uid, 16) // 100}"
                    self.uids[uid].add(connection)
                    self.groups[group].add(connection)
                    self.sessions[connection] = {"name": f"member {uid}", "site": 1}
                    await connection.send(message)
        except ConnectionClosed:
            pass  # the generator resets its connections
        finally:
            self.connections.discard(connection)
            self.uids.get(uid, set()).discard(connection)
            self.groups.get(group, set()).discard(connection)
            self.sessions.pop(connection, None)


async def run(listener: socket.socket, announce: Callable[[str], object] = print) -> None:
    """Serve on a bound socket until SIGTERM or cancellation."""
    stock = Stock()
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    async with serve(stock.handle, sock=listener, compression=None, backlog=_BACKLOG):
        announce(f"listening {listener.getsockname()[1]}")
        await stopped.wait()


def main() -> None:
    """Parse the command line and serve."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.stock")
    parser.add_argument("--loop", choices=("asyncio", "uvloop"), default="asyncio")
    parser.add_argument("--port", type=int, default=0)
    options = parser.parse_args()
    raise_open_files_limit()
    factory: Callable[[], asyncio.AbstractEventLoop] = asyncio.new_event_loop
    if options.loop == "uvloop":
        import uvloop

        factory = uvloop.new_event_loop
    listener = socket.create_server(("127.0.0.1", options.port))
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(run(listener, lambda line: print(line, flush=True)))


if __name__ == "__main__":
    main()
