"""A running nginx with a configuration of deploy/."""

from __future__ import annotations

import asyncio
import re
import shutil
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from .ports import Ports
from .stack import ROOT, Stack
from .timing import eventually

MISSING = "needs nginx; on Debian: apt-get install nginx-light"

_MAIN = """
daemon off;
master_process off;
pid {directory}/nginx.pid;
error_log {directory}/nginx-error.log;
events {{}}
http {{
    access_log off;
    default_type application/octet-stream;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    {site}
}}
"""

_SHOP = """
server {{
    listen 127.0.0.1:{port};
    root {directory}/shop;
    {locations}
    location / {{ return 200 "the shop"; }}
}}
"""


def find_nginx() -> str | None:
    """Path of the machine's nginx, which is not on everybody's PATH."""
    return shutil.which("nginx", path="/usr/sbin:/usr/local/sbin") or shutil.which("nginx")


def configuration(name: str, stack: Stack) -> str:
    """A file of deploy/ that leads to a stack instead of the usual ports."""
    text = (ROOT / "deploy" / name).read_text(encoding="utf-8")
    text = text.replace("127.0.0.1:8282", f"127.0.0.1:{stack.gateway_port}")
    return text.replace("127.0.0.1:8080", f"127.0.0.1:{stack.http_port}")


def site(stack: Stack, port: int) -> str:
    """deploy/nginx.conf, but for its certificate."""
    text = re.sub(r"\n *ssl_certificate.*", "", configuration("nginx.conf", stack))
    return text.replace("listen 443 ssl", f"listen 127.0.0.1:{port}")


def shop(stack: Stack, port: int, directory: Path) -> str:
    """A shop of its own with deploy/nginx-niushop.conf; its files are in ``directory``/shop."""
    locations = configuration("nginx-niushop.conf", stack)
    return _SHOP.format(port=port, directory=directory, locations=locations)


class Behind(Stack):
    """A running stack as its users see it who come through a proxy.

    Args:
        stack: running.
        address: host and port of the proxy.
    """

    def __init__(self, stack: Stack, address: str) -> None:
        vars(self).update(vars(stack))
        self._address = address

    @property
    def http_url(self) -> str:
        """Of the proxy."""
        return f"http://{self._address}"

    @property
    def ws_url(self) -> str:
        """Of the proxy."""
        return f"ws://{self._address}"


@asynccontextmanager
async def nginx(
    stack: Stack, make_servers: Callable[[int], str], directory: Path
) -> AsyncIterator[Behind]:
    """nginx on a free port, with the servers that ``make_servers`` makes for that port."""
    path = find_nginx()
    assert path is not None, MISSING
    ports = Ports()
    port = ports.take()
    file = directory / "nginx-main.conf"
    file.write_text(_MAIN.format(directory=directory, site=make_servers(port)), encoding="utf-8")
    log = directory / "nginx-error.log"
    process = await asyncio.create_subprocess_exec(
        *(path, "-p", str(directory), "-c", str(file), "-e", str(log)),
        stdin=asyncio.subprocess.DEVNULL,
    )

    def listens() -> bool:
        assert process.returncode is None, log.read_text()
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    try:
        await eventually(listens)
        yield Behind(stack, f"127.0.0.1:{port}")
    finally:
        process.terminate()
        await process.wait()
        ports.close()
