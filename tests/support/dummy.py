"""Children that do nothing, for tests of the supervisor without gateways and workers.

What a child does wrong is said by a file ``fault`` in run_dir: its text is one of the words below.
"""

from __future__ import annotations

import asyncio
import os
import pathlib
import time
from typing import Any

from shared.child import Child
from shared.errors import ServiceError, SettingsError


def _fault(run_dir: str) -> str:
    fault = pathlib.Path(run_dir, "fault")
    word = fault.read_text() if fault.exists() else ""
    if word == "settings":
        raise SettingsError("dummy.setting is wrong")
    if word == "service":
        raise ServiceError("dummy", "line 1: no good")
    if word == "bug":
        raise RuntimeError("a bug")
    if word == "crash":
        os._exit(7)
    return word


async def run(child: Child) -> None:
    """Accepts connections on its listening socket and says its name and pid to each."""
    word = _fault(child.settings.run_dir)
    if word == "never ready":
        await child.stopping.wait()
        return
    count = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal count
        count += 1
        writer.write(f"{child.name} {os.getpid()}\n".encode())
        line = await reader.readline()
        if line == b"hang\n":
            time.sleep(3600)  # noqa: ASYNC251  # that is the fault
        elif line == b"replace me\n":
            child.replace_me("was asked to")
        elif line == b"wait for stop\n":
            await child.stopping.wait()
            reason = "restart" if child.restarting else "stop"
            writer.write(reason.encode())
        writer.close()

    def status() -> dict[str, Any]:
        return {"clients": count, "messages_in": count, "services": {"dummy": {"events": count}}}

    def reload(settings: Any) -> None:
        if settings.gateway.allowed_origins == ["refused"]:
            raise SettingsError("gateway.allowed_origins: refused")
        pathlib.Path(child.settings.run_dir, f"{child.name}.reloaded").write_text(
            ",".join(settings.gateway.allowed_origins)
        )

    child.on_status(status)
    child.on_connections(lambda limit: [{"client_id": "0" * 20, "service": "dummy"}][:limit])
    child.on_reload(reload)
    servers = [await asyncio.start_server(serve, sock=sock) for sock in child.sockets.values()]
    child.ready()
    await child.stopping.wait()
    for server in servers:
        server.close()
    if word == "never ends":
        await asyncio.Event().wait()
