"""A start script whose children are dummies: ``dummy_start.py gateway|business ARGUMENTS``."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from shared import cli

if __name__ == "__main__":
    role = sys.argv.pop(1)
    entry = "tests.support.dummy:run"
    sys.exit(cli.main(role, entries={"register": entry, "gateway": entry, "business": entry}))
