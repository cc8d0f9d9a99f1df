"""The yardstick of ``say`` and ``answer``: an aiohttp handler that stores a message, and no more.

It does what nobody can leave out who keeps messages: read the form, escape the text, insert the row
of kefu's table with all its indexes, answer when it is committed. Inserts that are asked for while
the last ones are being committed become durable together, in a thread, with kefu's settings of
SQLite. It knows no tokens, no agents, no conversations, and pushes nothing. Prints its port.

    python -m benchmarks.bare --database FILE [--loop asyncio|uvloop]
"""

from __future__ import annotations

import argparse
import asyncio
import html
import signal
import socket
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from aiohttp import web
from sqlalchemy.dialects import sqlite
from sqlalchemy.schema import CreateIndex, CreateTable

from business.services.servicer.store.tables import dialogue

Row = tuple[Any, ...]

_BACKLOG = 1024
_COLUMNS = [column.name for column in dialogue.c if not column.primary_key]
_INSERT = 'INSERT INTO {} ("{}") VALUES ({})'.format(
    dialogue.name, '", "'.join(_COLUMNS), ", ".join("?" * len(_COLUMNS))
)


class GroupCommit:
    """Inserts rows; those that wait are committed together."""

    def __init__(self, path: Path) -> None:
        self._executor = ThreadPoolExecutor(1)
        self._path = path
        self._waiting: list[tuple[Row, asyncio.Future[int]]] = []
        self._is_busy = False
        self._connection: sqlite3.Connection | None = None

    def insert(self, row: Row) -> asyncio.Future[int]:
        """The key of the row, once it is committed."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[int] = loop.create_future()
        self._waiting.append((row, future))
        if not self._is_busy:
            self._is_busy = True
            loop.call_soon(self._next)
        return future

    def _next(self) -> None:
        batch, self._waiting = self._waiting, []
        self._is_busy = bool(batch)
        if batch:
            loop = asyncio.get_running_loop()
            rows = [row for row, _ in batch]
            running = loop.run_in_executor(self._executor, self._commit, rows)
            running.add_done_callback(lambda done: self._committed(batch, done.result()))

    def _committed(self, batch: list[tuple[Row, asyncio.Future[int]]], keys: list[int]) -> None:
        for (_, future), key in zip(batch, keys, strict=True):
            future.set_result(key)
        self._next()

    def _commit(self, rows: list[Row]) -> list[int]:
        if self._connection is None:
            self._connection = _open(self._path)
        connection = self._connection
        connection.execute("BEGIN IMMEDIATE")
        keys = [connection.execute(_INSERT, row).lastrowid or 0 for row in rows]
        connection.execute("COMMIT")
        return keys


def _open(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    dialect = sqlite.dialect()
    connection.execute(str(CreateTable(dialogue).compile(dialect=dialect)))
    for index in sorted(dialogue.indexes, key=lambda index: str(index.name)):
        connection.execute(str(CreateIndex(index).compile(dialect=dialect)))
    return connection


def make_application(path: Path) -> web.Application:
    """The application: ``POST /say``, with the parameters of kefu's ``say``."""
    commit = GroupCommit(path)

    async def say(request: web.Request) -> web.Response:
        form = await request.post()
        text = html.escape(str(form["message"]), quote=False)
        fragment = f"<p>{text}</p>"
        now = time.time()
        local = time.localtime(now)
        row = {
            "member_id": int(str(form["member_id"])),
            "servicer_id": 1,
            "create_day": time.strftime("%Y-%m-%d", local),
            "create_time": time.strftime("%H:%M:%S.000000", local),
            "content_type": 0,
            "read": 0,
            "shop_id": 1,
            "goods_sku_id": 0,
            "order_id": 0,
            "consumer_say": fragment,
            "servicer_say": "",
            "type": 0,
            "add_time": int(now),
            "relate_data": "",
            "content": fragment,
            "message": text,
            "prev_id": 0,
            "recalled": 0,
            "automatic": 0,
        }
        key = await commit.insert(tuple(row[name] for name in _COLUMNS))
        return web.json_response({"code": 0, "message": "操作成功", "data": {"id": key}})

    app = web.Application()
    app.router.add_post("/say", say)
    return app


async def run(
    listener: socket.socket, database: Path, announce: Callable[[str], object] = print
) -> None:
    """Serve on a bound socket until SIGTERM or cancellation."""
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    runner = web.AppRunner(make_application(database), access_log=None)
    await runner.setup()
    try:
        await web.SockSite(runner, listener, backlog=_BACKLOG).start()
        announce(f"listening {listener.getsockname()[1]}")
        await stopped.wait()
    finally:
        await runner.cleanup()


def main() -> None:
    """Parse the command line and serve."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bare")
    parser.add_argument("--loop", choices=("asyncio", "uvloop"), default="asyncio")
    parser.add_argument("--database", type=Path, required=True)
    options = parser.parse_args()
    factory: Callable[[], asyncio.AbstractEventLoop] = asyncio.new_event_loop
    if options.loop == "uvloop":
        import uvloop

        factory = uvloop.new_event_loop
    listener = socket.create_server(("127.0.0.1", 0))
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(run(listener, options.database, lambda line: print(line, flush=True)))


if __name__ == "__main__":
    main()
