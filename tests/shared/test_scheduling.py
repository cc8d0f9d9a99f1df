"""Threads that run behind others."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from shared.scheduling import run_behind

pytestmark = pytest.mark.skipif(
    not hasattr(os, "SCHED_BATCH"), reason="this system has no such policy"
)


def policy() -> int:
    """Of the calling thread."""
    return os.sched_getscheduler(0)


def test_only_the_thread_that_asks_and_those_it_starts() -> None:
    def ask() -> tuple[int, int]:
        run_behind()
        with ThreadPoolExecutor(1) as later:
            return policy(), later.submit(policy).result()

    with ThreadPoolExecutor(1) as thread:
        assert thread.submit(ask).result() == (os.SCHED_BATCH, os.SCHED_BATCH)
    assert policy() == os.SCHED_OTHER


def test_another_policy_is_left_alone() -> None:
    def ask() -> int:
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
        run_behind()
        return policy()

    with ThreadPoolExecutor(1) as thread:
        assert thread.submit(ask).result() == os.SCHED_IDLE


def test_a_sandbox_that_forbids_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "sched_setscheduler", refuse)
    run_behind()
    monkeypatch.delattr(os, "SCHED_BATCH")
    run_behind()
    assert policy() == os.SCHED_OTHER
