"""Who runs first where a processor is busy."""

from __future__ import annotations

import logging
import os

log = logging.getLogger(__name__)


def run_behind() -> None:
    """Let the calling thread, and the threads and processes that it starts from now on, interrupt
    nobody when they wake up (``SCHED_BATCH``, which needs no privilege).

    They get as much of a processor as before. But where they share one with the gateway, what it
    passes on is not held up by those who compute; beside other programs that compute they may wait
    a few milliseconds for their turn themselves. Nothing happens where there is no such policy, or
    where somebody has chosen another than the usual one.
    """
    if not hasattr(os, "SCHED_BATCH"):
        return
    try:
        if os.sched_getscheduler(0) == os.SCHED_OTHER:
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
    except OSError as error:  # a sandbox that does not let us, a system that only has the names
        log.debug("SCHED_BATCH: %s", error)
