"""``make run``: the demo shop on loopback, until Ctrl-C.

Starts both start scripts, as an operator would, with the settings file kefu.toml in run_dir
(var/), which is made with new secrets if it is not there. Variables ``KEFU_...`` override it.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import signal
import sys
from pathlib import Path

from shared import control, settings
from shared.errors import SettingsError
from shared.run_dir import RunDir
from shared.settings_docs import toml

ROOT = Path(__file__).resolve().parent.parent
CONFIG = ROOT / os.environ.get("KEFU_RUN_DIR", "var") / "kefu.toml"
CONFIG_AS_TYPED = os.path.relpath(CONFIG)

ROLES = ("gateway", "business")

HELP = """
kefu is running, with a demo shop. Open these in a browser, the first two side by side:

  demo shop    {http}/demo
               you are a customer: ask about a product or an order
  console      {http}/console
               you are an agent: alice or bob, password demo
  back office  {http}/admin
               agents, replies, settings: admin for the shop, root for the platform, password demo
  chat         {http}/chat?site_id=1
               the same chat as a page of its own, for links and telephones

The demo shop's own page has the chat by this line, as any page of yours can (docs/embedding.md):

  <script async src="{http}/widget.js" data-site="1"></script>

For programs (README.md has more to try):

  HTTP         {http}/openapi.html lists all endpoints
  WebSocket    {websocket}/servicer
  token        curl '{http}/demo/token?member_id=1' is for member 1 of 1, 2 and 3
  status       .venv/bin/python start_gateway.py status --config {config}
               .venv/bin/python start_business.py status --config {config}

Ctrl-C stops everything.
"""


class Ended(Exception):
    """A start script ended although nobody asked it to; with its exit code."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class Script:
    """One of the two start scripts."""

    def __init__(self, role: str, run_dir: str) -> None:
        self._role = role
        self._control = RunDir(run_dir, role).control
        self._process: asyncio.subprocess.Process | None = None
        # The script stops when the other end closes: also when this process is killed.
        self._life = os.pipe()

    async def start(self) -> dict[str, str]:
        """Start it; returns its addresses when it is ready. Raises Ended, if it is not to be."""
        told, tell = os.pipe()
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            str(ROOT / f"start_{self._role}.py"),
            *("--config", str(CONFIG), "--ready-fd", str(tell), "--owner-fd", str(self._life[0])),
            cwd=ROOT,
            pass_fds=(tell, self._life[0]),
            # Ctrl-C reaches this process only, which then stops both in the right order.
            process_group=0,
        )
        os.close(tell)
        os.close(self._life[0])
        reader = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(told, "rb")
        )
        line = await reader.readline()
        if not line or "ready" not in json.loads(line):
            raise Ended(await self._process.wait() or 1)
        answer = await asyncio.to_thread(control.request, self._control, {"command": "status"})
        return dict(answer["supervisor"]["addresses"])

    async def ended(self) -> None:
        """Wait until it has ended by itself. Raises Ended."""
        if self._process is not None:
            raise Ended(await self._process.wait())

    async def stop(self) -> None:
        """Have it finish what runs, and wait for that."""
        if self._process is not None and self._process.returncode is None:
            self._process.terminate()
            await self._process.wait()

    def hurry(self) -> None:
        """End it at once, when it has been told to stop before."""
        if self._process is not None and self._process.returncode is None:
            self._process.terminate()


def configure() -> None:
    """Make the settings file, with new secrets, if it is not there."""
    CONFIG.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    values = {
        "secret": secrets.token_urlsafe(48),
        "demo": True,
        "gateway.host": "127.0.0.1",
        "business.host": "127.0.0.1",
        "servicer.token_keys": [secrets.token_urlsafe(48)],
    }
    try:
        descriptor = os.open(CONFIG, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write("# Made by `make run`. It holds the secrets of this installation.\n")
        file.write(toml(values))


async def start(scripts: list[Script]) -> None:
    """Start both, say what to try, and stay until one of them ends."""
    addresses: dict[str, str] = {}
    for found in await asyncio.gather(*(script.start() for script in scripts)):
        addresses |= found
    print(
        HELP.format(
            websocket=f"ws://{addresses['public']}",
            http=f"http://{addresses['http']}",
            config=CONFIG_AS_TYPED,
        ),
        flush=True,
    )
    await asyncio.gather(*(script.ended() for script in scripts))


async def run(run_dir: str) -> int:
    """Start both, and stop both when a signal comes or one of them ends. Returns the exit code."""
    scripts = [Script(role, run_dir) for role in ROLES]
    task = asyncio.create_task(start(scripts))

    def interrupt() -> None:
        if not task.done() and not task.cancelling():
            task.cancel()
            return
        for script in scripts:
            script.hurry()

    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, interrupt)
    code = 0
    try:
        await task
    except Ended as exc:
        code = exc.code
    except asyncio.CancelledError:
        print("\nstopping ...", flush=True)
    # Gateways first: the business still hears of the clients that leave.
    for script in scripts:
        await script.stop()
    return code


def main() -> int:
    """Returns the exit code."""
    configure()
    try:
        loaded = settings.load(str(CONFIG))
    except SettingsError as exc:
        print(exc, file=sys.stderr)
        return 3
    return asyncio.run(run(loaded.run_dir))


if __name__ == "__main__":
    sys.exit(main())
