"""A start script whose children are dummies. DUMMY_ROLE in the environment: gateway or business."""

from __future__ import annotations

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from shared import cli

if __name__ == "__main__":
    entry = "tests.support.dummy:run"
    sys.exit(
        cli.main(
            os.environ["DUMMY_ROLE"],
            entries={"register": entry, "gateway": entry, "business": entry},
        )
    )
