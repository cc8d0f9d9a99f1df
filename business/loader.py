"""Finds the services and imports them.

A service is a directory with an ``events.py``: those in ``business/services``, and in each
directory of the setting ``business.services`` (which may also be a service directory itself).
Each is imported as a package, so that relative imports inside it work, whatever its name is and
wherever it lies.
"""

from __future__ import annotations

import importlib
import importlib.machinery
import importlib.util
import inspect
import logging
import re
import sys
import traceback
import types
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from aiohttp import web

from shared.errors import ServiceError, SettingsError
from shared.protocol import ServiceOptions

from .commands import Command
from .hooks import ARGUMENTS, Hook, HookStats
from .service import Service

log = logging.getLogger(__name__)

IN_TREE = Path(__file__).parent / "services"

TEMPLATE = "template"
"""The service to be copied. It is run only where ``business.only`` names it."""

ROOT_SERVICE = "servicer"
"""The only service that may register paths without its prefix."""

RESERVED = frozenset(
    "api gateway console chat admin demo metrics healthz readyz upload openapi.json".split()
)
"""Names that are first segments of other paths on the HTTP port."""

T = TypeVar("T")

_NAME = re.compile(r"[a-z][a-z0-9_-]{0,31}")
_EXTERNAL = "kefu_services"
"""Package under which services from outside the tree are imported."""


def load_services(directories: Sequence[str] = (), only: Iterable[str] = ()) -> list[Service]:
    """Import all services, in the order of their names.

    Args:
        directories: more directories to look in.
        only: names to load; empty: all.

    Raises:
        SettingsError: a directory does not exist, or ``only`` names a service that is not there.
        ServiceError: a service cannot be loaded.
    """
    found = find_services(directories)
    wanted = set(only) or set(found) - {TEMPLATE}
    missing = wanted - set(found)
    if missing:
        raise SettingsError(
            f"business.only = {sorted(missing)[0]!r}: there is no such service;"
            f" found: {', '.join(sorted(found)) or 'none'}"
        )
    services = [load_service(name, found[name]) for name in sorted(wanted)]
    for index, service in enumerate(services):
        service.index = index
    return services


def find_services(directories: Sequence[str] = ()) -> dict[str, Path]:
    """Directory of each service by name, without importing any.

    Raises:
        SettingsError: a directory does not exist.
        ServiceError: a name is not allowed, or there twice.
    """
    paths = _inside(IN_TREE)
    for directory in directories:
        path = Path(directory).resolve()
        if not path.is_dir():
            raise SettingsError(f"business.services = {directory!r}: not a directory")
        paths += [path] if _is_service(path) else _inside(path)
    found: dict[str, Path] = {}
    for path in paths:
        name = path.name
        if name in RESERVED or not _NAME.fullmatch(name):
            raise ServiceError(
                name, f"{path}: a name is 1-32 of a-z 0-9 _ -, beginning with a letter, and none of"
                f" {', '.join(sorted(RESERVED))}"
            )  # fmt: skip
        if found.setdefault(name, path) != path:
            raise ServiceError(name, f"it is there twice: {found[name]} and {path}")
    return found


def load_service(name: str, path: Path) -> Service:
    """Import the service in directory ``path``.

    Raises:
        ServiceError: it cannot be imported, or does not define what a service may define.
    """
    package = _package(name, path)
    events = _import(name, path, f"{package}.events")
    stats = HookStats()
    service = Service(name, path, _hooks(name, events, stats), _options(name, events), stats)
    if (path / "routes.py").is_file():
        routes = _import(name, path, f"{package}.routes")
        service.routes = _routes(name, routes, "routes")
        if name == ROOT_SERVICE:
            service.root_routes = _routes(name, routes, "root_routes")
        service.lifespan = _lifespan(name, routes)
    return service


def load_commands(
    directories: Sequence[str] = (), only: Sequence[str] = ()
) -> dict[str, dict[str, Command]]:
    """The commands of the services, by the service's name; of those that have none, {}.

    Args:
        directories: more directories to look in.
        only: names of services; empty: all.

    Raises:
        SettingsError: a directory does not exist.
        ServiceError: a service's ``commands.py`` cannot be used.
    """
    found = find_services(directories)
    wanted = set(only) & set(found) if only else set(found) - {TEMPLATE}
    return {name: _commands(name, found[name]) for name in sorted(wanted)}


def _commands(name: str, path: Path) -> dict[str, Command]:
    if not (path / "commands.py").is_file():
        return {}
    module = _import(name, path, f"{_package(name, path)}.commands")
    commands = getattr(module, "COMMANDS", None)
    if not isinstance(commands, dict) or not all(isinstance(c, Command) for c in commands.values()):
        raise ServiceError(name, "commands.py: COMMANDS is not a dict of Command by name")
    return commands


def _is_service(path: Path) -> bool:
    return (path / "events.py").is_file()


def _inside(directory: Path) -> list[Path]:
    return sorted(path for path in directory.iterdir() if _is_service(path))


# Importing


def _package(name: str, path: Path) -> str:
    """Make the directory importable; returns the name of its package."""
    if path.parent == IN_TREE:
        return f"{__package__}.services.{name}"
    if _EXTERNAL not in sys.modules:
        root = types.ModuleType(_EXTERNAL)
        root.__path__ = []
        sys.modules[_EXTERNAL] = root
    package = f"{_EXTERNAL}.{name}"
    # Another directory of this name may have been loaded before.
    for known in [m for m in sys.modules if m == package or m.startswith(f"{package}.")]:
        del sys.modules[known]
    importlib.invalidate_caches()
    init = path / "__init__.py"
    if init.is_file():
        spec = importlib.util.spec_from_file_location(
            package, init, submodule_search_locations=[str(path)]
        )
    else:
        spec = importlib.machinery.ModuleSpec(package, None, is_package=True)
        spec.submodule_search_locations = [str(path)]
    if spec is None:
        raise ServiceError(name, f"{init} cannot be imported")
    module = importlib.util.module_from_spec(spec)
    sys.modules[package] = module
    if spec.loader is not None:
        loader = spec.loader
        _guard(name, path, lambda: loader.exec_module(module))
    return package


def _import(name: str, path: Path, module: str) -> types.ModuleType:
    return _guard(name, path, lambda: importlib.import_module(module))


def _guard(name: str, path: Path, action: Callable[[], T]) -> T:
    try:
        return action()
    except ServiceError:
        raise
    except SyntaxError as error:
        where = f"{Path(error.filename or '?').name}:{error.lineno}"
        raise ServiceError(name, f"{where}: {error.msg}") from error
    except BaseException as error:  # also SystemExit: a service must not end the process
        frames = traceback.extract_tb(error.__traceback__)
        own = [frame for frame in frames if Path(frame.filename).is_relative_to(path)]
        where = f"{Path(own[-1].filename).name}:{own[-1].lineno}: " if own else ""
        raise ServiceError(name, f"{where}{type(error).__name__}: {error}") from error


# What events.py and routes.py define


def _hooks(name: str, events: types.ModuleType, stats: HookStats) -> dict[str, Hook]:
    hooks = {}
    for hook, arguments in ARGUMENTS.items():
        function = getattr(events, hook, None)
        if function is None:
            continue
        _check(name, hook, function, arguments)
        hooks[hook] = Hook(name, hook, function, stats)
    for attribute, value in vars(events).items():
        if (
            attribute.startswith("on_")
            and attribute not in ARGUMENTS
            and getattr(value, "__module__", None) == events.__name__
        ):
            known = ", ".join(ARGUMENTS)
            log.warning("service %s: %s is not a hook; hooks are %s", name, attribute, known)
    return hooks


def _check(name: str, hook: str, function: Any, arguments: tuple[str, ...]) -> None:
    wanted = f"{hook}({', '.join(arguments)})"
    if not callable(function):
        raise ServiceError(name, f"{hook} is not a function; write {wanted}")
    if inspect.isasyncgenfunction(function) or inspect.isgeneratorfunction(function):
        raise ServiceError(name, f"{hook} is a generator; a hook must not yield")
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return  # written in C; it will say itself what it does not like
    try:
        signature.bind(*arguments)
    except TypeError:
        raise ServiceError(name, f"{hook}{signature} has other arguments than {wanted}") from None


def _options(name: str, events: types.ModuleType) -> ServiceOptions:
    text = getattr(events, "HEARTBEAT_TEXT", "ping")
    if not (text is None or (isinstance(text, str) and text)):
        raise ServiceError(name, f"HEARTBEAT_TEXT = {text!r}: a non-empty str, or None")
    timeout = getattr(events, "UNBOUND_TIMEOUT", 0)
    if isinstance(timeout, bool) or not isinstance(timeout, int | float) or timeout < 0:
        raise ServiceError(name, f"UNBOUND_TIMEOUT = {timeout!r}: seconds, 0 = never")
    return ServiceOptions(text, timeout)


def _routes(name: str, module: types.ModuleType, attribute: str) -> web.RouteTableDef | None:
    routes = getattr(module, attribute, None)
    if not (routes is None or isinstance(routes, web.RouteTableDef)):
        raise ServiceError(name, f"routes.py: {attribute} is not an aiohttp.web.RouteTableDef")
    return routes


def _lifespan(name: str, module: types.ModuleType) -> Any:
    lifespan = getattr(module, "lifespan", None)
    if not (lifespan is None or inspect.isasyncgenfunction(lifespan)):
        raise ServiceError(
            name, "routes.py: lifespan is not an async generator (async def with one yield)"
        )
    return lifespan
