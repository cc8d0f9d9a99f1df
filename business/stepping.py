"""Stepping a coroutine by hand inside a task, and handing what it waits for to that task."""

from __future__ import annotations

import types
from collections.abc import Coroutine, Generator
from contextvars import Context
from typing import Any


@types.coroutine
def turn() -> Generator[None, None, None]:
    """Let the loop run everything else once."""
    yield


@types.coroutine
def resume(
    coroutine: Coroutine[Any, Any, Any], waiting: Any, context: Context
) -> Generator[Any, Any, None]:
    """Await a coroutine that has been stepped once, and then asked to wait for ``waiting``."""
    while True:
        thrown: BaseException | None = None
        try:
            sent = yield waiting
        except GeneratorExit:
            coroutine.close()
            raise
        except BaseException as error:
            thrown = error
        try:
            if thrown is None:
                waiting = context.run(coroutine.send, sent)
            else:
                waiting = context.run(coroutine.throw, thrown)
        except StopIteration:
            return
