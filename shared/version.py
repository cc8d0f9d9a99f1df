"""Which version of kefu this is."""

from __future__ import annotations

import functools


@functools.cache
def version() -> str:
    """The version of the installed package; "0" where it runs from a directory."""
    import importlib.metadata  # takes some milliseconds, which programs need not spend at once

    try:
        return importlib.metadata.version("kefu")
    except importlib.metadata.PackageNotFoundError:
        return "0"
