"""What log lines look like."""

from __future__ import annotations

import json
import subprocess
import sys

from tests.support.stack import ROOT

PROGRAM = """
import logging, sys, warnings
from shared import logs
logs.configure("gateway-0", "info", sys.argv[1])
logger = logging.getLogger("a.library")
logger.debug("too small")
logger.info("hello %s", "客服", extra={"client_id": "abc"})
try:
    1 / 0
except ZeroDivisionError:
    logger.exception("failed")
warnings.warn("odd")
"""


def lines(style: str) -> list[str]:
    """What the program logs."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, style],
        cwd=ROOT,
        capture_output=True,
        check=True,
        env={"PYTHONIOENCODING": "utf-8"},
    )
    assert done.stdout == b""
    return done.stderr.decode().splitlines()


def test_json_has_one_object_per_line() -> None:
    """With level, logger, process, time and whatever ``extra`` holds; tracebacks inside."""
    hello, failed, odd = map(json.loads, lines("json"))
    assert hello["event"] == "hello 客服"
    assert hello["client_id"] == "abc"
    assert (hello["level"], hello["logger"], hello["process"]) == ("info", "a.library", "gateway-0")
    assert hello["timestamp"]
    assert "ZeroDivisionError" in failed["exception"]
    assert "odd" in odd["event"]


def test_console_is_for_people() -> None:
    """No colours where nobody looks, the traceback below the line."""
    text = "\n".join(lines("console"))
    assert "\x1b" not in text
    assert "hello 客服" in text
    assert "client_id=abc" in text
    assert "ZeroDivisionError: division by zero" in text
    assert "too small" not in text
