"""What a plain ``def`` hook gets in place of objects whose methods must be awaited."""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import Callable, Iterator
from typing import Any


class Blocking:
    """An object of the event loop, for use in a thread.

    Its methods run on the loop and block until they are done: where an async hook writes
    ``await client.send(...)``, a plain one writes ``client.send(...)``. Async iterators become
    plain ones. Attributes are read and set as they are; ``gateway`` is such a view again.

    Args:
        target: the object.
        loop: its event loop, which must be running in another thread.
    """

    __slots__ = ("_loop", "_target")

    _loop: asyncio.AbstractEventLoop
    _target: Any

    def __init__(self, target: Any, loop: asyncio.AbstractEventLoop) -> None:
        object.__setattr__(self, "_target", target)
        object.__setattr__(self, "_loop", loop)

    def __repr__(self) -> str:
        return f"<Blocking {self._target!r}>"

    def __str__(self) -> str:
        return str(self._target)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._target, name, value)

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._target, name)
        if name == "gateway":
            return Blocking(value, self._loop)
        if inspect.isasyncgenfunction(value):
            return self._iterator(value)
        if inspect.ismethod(value):
            return self._method(value)
        return value

    def _method(self, method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            async def on_loop() -> Any:
                result = method(*args, **kwargs)
                return await result if inspect.isawaitable(result) else result

            return self._wait(on_loop())

        return call

    def _iterator(self, method: Callable[..., Any]) -> Callable[..., Iterator[Any]]:
        def iterate(*args: Any, **kwargs: Any) -> Iterator[Any]:
            items = method(*args, **kwargs)
            try:
                while True:
                    try:
                        yield self._wait(anext(items))
                    except StopAsyncIteration:
                        return
            finally:
                self._wait(items.aclose())

        return iterate

    def _wait(self, awaitable: Any) -> Any:
        async def on_loop() -> Any:
            return await awaitable

        coroutine = on_loop()
        try:
            on_our_loop = asyncio.get_running_loop() is self._loop
        except RuntimeError:
            on_our_loop = False
        if on_our_loop:
            coroutine.close()
            if inspect.iscoroutine(awaitable):
                awaitable.close()
            thread = threading.current_thread().name
            raise RuntimeError(f"would block the event loop in {thread}; await the async object")
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()
