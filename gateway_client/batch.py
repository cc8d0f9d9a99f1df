"""Calls by name: for ``batch``, and for programs that are told by others what to call."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Iterable, Mapping
from typing import Any

from ._shared import errors

NOT_CALLS = frozenset(
    (
        "batch", "close", "get_connections", "get_gateway_status", "iter_client_sessions",
        "on_pool", "start",
    )
)  # fmt: skip
"""Public methods of GatewayClient that cannot be called by name."""


_signatures: dict[type, dict[str, inspect.Signature]] = {}


def signatures(client_class: type) -> dict[str, inspect.Signature]:
    """Name of each call of a class of clients to its signature without ``self``."""
    found = _signatures.get(client_class)
    if found is None:
        found = {}
        for name, method in inspect.getmembers(client_class, inspect.iscoroutinefunction):
            if not name.startswith("_") and name not in NOT_CALLS:
                signature = inspect.signature(method)
                arguments = list(signature.parameters.values())[1:]
                found[name] = signature.replace(parameters=arguments)
        _signatures[client_class] = found
    return found


async def call_by_name(client: Any, name: str, arguments: Mapping[str, Any]) -> Any:
    """Make one call.

    Args:
        client: a GatewayClient.
        name: of one of its calls; it must exist.
        arguments: by name.

    Raises:
        BadArgument: an argument is missing, or not one of the call's; or what the call raises.
    """
    known = signatures(type(client))[name].parameters
    for argument in arguments:
        if argument not in known:
            raise errors.BadArgument(str(argument), f"{name} has no such argument")
    for argument, parameter in known.items():
        if parameter.default is parameter.empty and argument not in arguments:
            raise errors.BadArgument(argument, f"{name} needs it")
    return await getattr(client, name)(**arguments)


async def run_batch(client: Any, calls: Iterable[tuple[str, Mapping[str, Any]]]) -> list[Any]:
    """See ``GatewayClient.batch``."""
    checked = [_check(client, index, call) for index, call in enumerate(calls)]
    results = await asyncio.gather(
        *(call_by_name(client, name, arguments) for name, arguments in checked),
        return_exceptions=True,
    )
    for result in results:
        if isinstance(result, BaseException) and not isinstance(result, errors.GatewayError):
            raise result
    return results


def _check(client: Any, index: int, call: Any) -> tuple[str, Mapping[str, Any]]:
    where = f"calls[{index}]"
    if not isinstance(call, tuple | list) or len(call) != 2:
        raise errors.BadArgument(where, "a pair of a name and a dict of arguments")
    name, arguments = call
    if not isinstance(name, str) or name not in signatures(type(client)):
        raise errors.BadArgument(where, f"there is no call {name!r:.60}")
    if not isinstance(arguments, Mapping):
        raise errors.BadArgument(where, "the arguments are a dict")
    return name, arguments
