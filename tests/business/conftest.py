"""What tests with services of their own share."""

from __future__ import annotations

from pathlib import Path

import pytest

from .support import Bench


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """A directory for services, and their notes."""
    return Bench(tmp_path)
