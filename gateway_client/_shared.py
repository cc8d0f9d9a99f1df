"""Finds our own ``shared`` package, even in a program that has a package of that name itself.

``gateway_client`` is imported by programs of other people, and ``shared`` is a name that many of
them have used already. Where ``import shared`` would give anything but the directory next to ours,
ours is loaded as ``_kefu_shared``, and theirs is left alone. Modules of this package therefore
import from here, never from ``shared``.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shared import client_id, errors, link, pool, protocol, register

__all__ = ["client_id", "errors", "link", "pool", "protocol", "register"]

ALIAS = "_kefu_shared"
"""Name under which our package is loaded where ``shared`` is somebody else's."""

_OURS = Path(__file__).resolve().parent.parent / "shared"


def _package_name() -> str:
    """The name under which our package is, or can be, imported."""
    present = sys.modules.get("shared")
    if present is not None:
        return "shared" if _is_ours(getattr(present, "__path__", ())) else ALIAS
    try:
        spec = importlib.util.find_spec("shared")
    except (ImportError, ValueError):  # whatever it is, it is not ours
        return ALIAS
    locations = spec.submodule_search_locations if spec is not None else None
    return "shared" if locations is not None and _is_ours(locations) else ALIAS


def _is_ours(paths: object) -> bool:
    return [Path(path).resolve() for path in list(paths)] == [_OURS]  # type: ignore[call-overload]


def _load_alias() -> None:
    spec = importlib.util.spec_from_file_location(
        ALIAS, _OURS / "__init__.py", submodule_search_locations=[str(_OURS)]
    )
    if spec is None or spec.loader is None:
        raise ImportError(f"there is no package in {_OURS}")
    package = importlib.util.module_from_spec(spec)
    sys.modules[ALIAS] = package
    spec.loader.exec_module(package)


def _load() -> dict[str, ModuleType]:
    name = _package_name()
    if name == ALIAS and ALIAS not in sys.modules:
        _load_alias()
    return {module: importlib.import_module(f"{name}.{module}") for module in __all__}


if not TYPE_CHECKING:
    globals().update(_load())
