"""The parts of the pages that need no browser have unit tests of their own, in web/tests."""

from __future__ import annotations

import subprocess
import sys

from tests.support.timing import SECOND


def test_units() -> None:
    """They pass."""
    command = [sys.executable, "-m", "scripts.web", "test"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=55 * SECOND)
    assert done.returncode == 0, done.stdout + done.stderr
