"""Schemathesis finds nothing: neither errors of the server, nor answers that are not described.

Against the document that the running service serves, with all that its schemas let it think of:
once as somebody who is logged in everywhere at once, once as nobody.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.support.timing import within

from .accounts import Office, create
from .support import XHR, Desk, sign

CHECKS = "not_a_server_error,response_schema_conformance,content_type_conformance"
SEED = 1
EXAMPLES = 2
"""Per operation, beside those of the coverage phase, which are one per boundary of a schema."""

CONFIGURATION = """\
[auth.openapi.token]
api_key = "{token}"
"""


async def run(desk: Desk, directory: Path, *arguments: str, token: str = "") -> None:
    """Let it test the stack, and see that it finds nothing."""
    configuration = directory / "schemathesis.toml"
    configuration.write_text(CONFIGURATION.format(token=token) if token else "")
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "schemathesis.cli",
        "--no-color",
        "--config-file",
        str(configuration),
        "run",
        f"{desk.stack.http_url}/openapi.json",
        f"--checks={CHECKS}",
        f"--seed={SEED}",
        f"--max-examples={EXAMPLES}",
        "--generation-deterministic",
        "--max-redirects=0",
        "--warnings=off",
        "--suppress-health-check=all",
        *arguments,
        cwd=directory,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    try:
        out, _ = await within(process.communicate(), factor=10)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, out.decode()[-6000:]


async def cookies(desk: Desk, stack: AsyncExitStack) -> str:
    """Cookies of an agent of the first shop, the back office of the second, and the platform's."""
    alice = await stack.enter_async_context(desk.agent("alice", bind=False))
    browsers = [alice.browser]
    for module, words in (("shop", ["role=shop", "site=2"]), ("admin", ["role=platform"])):
        await create(desk, f"{module}-tester", *words)
        office = await stack.enter_async_context(Office(desk, module, f"{module}-tester"))
        browsers.append(office.browser)
    found = [f"{jar.key}={jar.value}" for browser in browsers for jar in browser.cookie_jar]
    assert len(found) == 3
    return "; ".join(found)


@pytest.mark.timeout(180)
async def test_nothing_is_found_by_who_is_logged_in(desk: Desk, tmp_path: Path) -> None:
    """Everywhere at once; what ends a login is left out, and second names of endpoints are."""
    async with AsyncExitStack() as pages:
        await run(
            desk,
            tmp_path,
            f"--header=Cookie: {await cookies(desk, pages)}",
            *(f"--header={name}: {value}" for name, value in XHR.items()),
            "--exclude-path-regex=^/api/|/login/(logout|login)$",
            "--phases=coverage,fuzzing",
            token=sign(1),
        )
        # It was let in everywhere, and what it made up was taken for what it was.
        assert desk.rows("SELECT id FROM servicer_dialogue WHERE member_id = 1 AND type = 0")
        assert desk.rows("SELECT uid FROM servicer_account WHERE shop_id = 2 AND role = 0")
        assert desk.rows("SELECT id FROM servicer_fast_reply WHERE site_id = 2")
        assert desk.rows("SELECT id FROM servicer_config WHERE site_id = 0")


@pytest.mark.timeout(180)
async def test_nothing_is_found_by_who_is_not(desk: Desk, tmp_path: Path) -> None:
    """All that nobody in particular can ask for."""
    await run(desk, tmp_path, "--phases=fuzzing")
