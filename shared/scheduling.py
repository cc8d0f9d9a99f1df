"""Who runs first where processors are short."""

from __future__ import annotations

import logging
import os

log = logging.getLogger(__name__)


def run_behind() -> None:
    """Let the calling thread, and those that it starts from now on, not interrupt others.

    They get as much of the processors as before (``SCHED_BATCH``, which needs no privilege), but
    who wakes up for a moment, to pass on what is ready, need not wait until a thread that computes
    has used up its slice. Where there is no such policy, nothing happens.
    """
    if not hasattr(os, "SCHED_BATCH"):
        return
    try:
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
    except OSError as error:  # a sandbox that does not let us
        log.debug("SCHED_BATCH: %s", error)
