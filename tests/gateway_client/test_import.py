"""``gateway_client`` in other people's programs: their own ``shared``, and what it drags in."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.timing import TIMEOUT

from .fleet import SECRET, SERVICE, Fleet

pytestmark = pytest.mark.asyncio(loop_scope="module")

ROOT = Path(__file__).parent.parent.parent


async def run(directory: Path, program: str, *arguments: str) -> str:
    """Run a program in a directory of its own. Returns what it printed."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-W", "error", "main.py", *arguments),
        cwd=write(directory, program),
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(TIMEOUT):
            output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, output.decode()
    return output.decode()


def write(directory: Path, program: str) -> Path:
    (directory / "main.py").write_text(program)
    return directory


USE = """
import sys
register, secret, service = sys.argv[1:]
with gateway_client.SyncGatewayClient(register, secret=secret, service=service) as gateway:
    assert gateway.get_all_uids() == []
    try:
        gateway.bind_uid("x", "y")
    except gateway_client.BadArgument as error:
        assert isinstance(error, ValueError)
    else:
        raise AssertionError
"""


@pytest.mark.parametrize("theirs_first", [True, False])
async def test_program_with_a_shared_package(
    fleet: Fleet, tmp_path: Path, theirs_first: bool
) -> None:
    """A program that has a package ``shared`` keeps it, and gateway_client works nevertheless,
    whichever is imported first."""
    package = tmp_path / "shared"
    package.mkdir()
    (package / "__init__.py").write_text("WHOSE = 'theirs'\n")
    (package / "errors.py").write_text("class GatewayError(Exception): pass\n")
    imports = ["import shared.errors", "import gateway_client"]
    program = "\n".join(imports if theirs_first else imports[::-1])
    program += "\nassert shared.WHOSE == 'theirs'\n"
    program += "assert gateway_client.GatewayError is not shared.errors.GatewayError\n"
    assert await run(tmp_path, program + USE, fleet.register, SECRET, SERVICE) == ""


async def test_program_with_a_shared_module(fleet: Fleet, tmp_path: Path) -> None:
    """The same with a module ``shared.py``."""
    (tmp_path / "shared.py").write_text("WHOSE = 'theirs'\n")
    program = "import gateway_client\nimport shared\nassert shared.WHOSE == 'theirs'\n"
    assert await run(tmp_path, program + USE, fleet.register, SECRET, SERVICE) == ""


async def test_broken_shared_is_not_executed(fleet: Fleet, tmp_path: Path) -> None:
    """Looking at whose ``shared`` it is does not import theirs."""
    (tmp_path / "shared.py").write_text("raise SystemExit('was imported')\n")
    program = "import gateway_client\n"
    assert await run(tmp_path, program + USE, fleet.register, SECRET, SERVICE) == ""


async def test_errors_are_the_ones_of_shared(tmp_path: Path) -> None:
    """Where ``shared`` is ours, its classes exist once."""
    program = """
import gateway_client, shared.errors, sys
assert gateway_client.GatewayTimeout is shared.errors.GatewayTimeout
assert "_kefu_shared" not in sys.modules
"""
    assert await run(tmp_path, program) == ""


async def test_footprint(tmp_path: Path) -> None:
    """Importing it brings in pyzmq and msgpack, and nothing else that is not Python's own."""
    program = """
import sys
before = set(sys.modules)
import gateway_client
new = {name.partition(".")[0] for name in set(sys.modules) - before}
print(*sorted(new - set(sys.stdlib_module_names) - {"__mp_main__"}))
"""
    found = set((await run(tmp_path, program)).split())
    # pyzmq is built with Cython, whose support modules have names of their own.
    found = {name for name in found if "cython" not in name.lower()}
    assert found == {"gateway_client", "shared", "zmq", "msgpack"}
