"""Makes .venv and installs kefu and its development tools there. Only needs the standard library.

Run by the Makefile when pyproject.toml has changed.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"

NO_VENV = """\
{python} cannot make a virtual environment: {reason}
On Debian and Ubuntu the package python3-venv brings what is missing:
    apt-get install python3-venv
"""


def works(*command: str) -> bool:
    """Whether the environment's Python can do this."""
    if not PYTHON.exists():
        return False
    return subprocess.run([str(PYTHON), *command], capture_output=True, check=False).returncode == 0


def make() -> None:
    """Make the environment anew."""
    made = subprocess.run(
        [sys.executable, "-m", "venv", "--clear", str(VENV)],
        capture_output=True,
        text=True,
        check=False,
    )
    if made.returncode != 0 or not works("-m", "pip", "--version"):
        lines = (made.stdout + made.stderr).strip().splitlines()
        reason = lines[0] if lines else "it has no pip"
        sys.exit(NO_VENV.format(python=sys.executable, reason=reason))


def pip(*arguments: str) -> None:
    """Run the environment's pip."""
    command = [str(PYTHON), "-m", "pip", "--disable-pip-version-check", "-qq", *arguments]
    # setuptools warns of every editable installation.
    environment = {**os.environ, "PYTHONWARNINGS": "ignore"}
    code = subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode
    if code:
        sys.exit(code)


def main() -> None:
    """Make the environment if it is not there or too old, and install."""
    if sys.version_info < (3, 11):  # noqa: UP036  # the one place that tells people
        sys.exit(f"kefu needs Python 3.11 or newer; this is {sys.version.split()[0]}")
    new_enough = "import sys; sys.exit(sys.version_info < (3, 11))"
    if not works("-c", new_enough) or not works("-m", "pip", "--version"):
        print("making .venv ...", flush=True)
        make()
    print("installing ...", flush=True)
    # 25.1 is the first that knows dependency groups.
    pip("install", "pip>=25.1")
    pip("install", "--editable", ".", "--group", "dev")


if __name__ == "__main__":
    main()
