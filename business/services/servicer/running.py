"""The service that runs in this process. Hooks and handlers at the root have no other way to it."""

from __future__ import annotations

from .service import Servicer

_running: list[Servicer] = []


def running() -> Servicer:
    """The running service."""
    return _running[-1]


def set_running(servicer: Servicer) -> None:
    """From now on it is this one."""
    _running[:] = [servicer]
