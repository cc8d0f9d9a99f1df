"""Who may import whom: the layers of docs/architecture.md, read from the source."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

ALLOWED = {
    "shared": set(),
    "gateway": {"shared"},
    "gateway_client": {"shared"},
    "business": {"gateway_client", "shared"},
}
"""Packages of ours, and which of the others each may import."""

OURS = {*ALLOWED, "tests", "benchmarks", "scripts", "start_gateway", "start_business"}

SERVICES = ROOT / "business" / "services"


def modules(folder: Path) -> list[Path]:
    """All modules below a folder."""
    return sorted(folder.rglob("*.py"))


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """Line and dotted name of everything that a module imports; relative names made absolute."""
    package = path.relative_to(ROOT).with_suffix("").parts[:-1]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            for name in node.names:
                yield node.lineno, name.name
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join([*base, *([node.module] if node.module else [])])
            for name in node.names:
                yield node.lineno, f"{module}.{name.name}"


@pytest.mark.parametrize("package", ALLOWED)
def test_packages_keep_to_their_layer(package: str) -> None:
    """A package imports those below it, and none beside or above it."""
    found = modules(ROOT / package)
    assert found
    wrong = [
        f"{path.relative_to(ROOT)}:{line}: {name}"
        for path in found
        for line, name in imports(path)
        if (top := name.partition(".")[0]) in OURS and top not in {package, *ALLOWED[package]}
    ]
    assert wrong == []


def test_services_stand_alone() -> None:
    """A service imports its own modules, relatively, and none of another service: a copy of its
    directory under another name works."""
    directories = [path for path in SERVICES.iterdir() if (path / "events.py").exists()]
    assert directories
    wrong = [
        f"{path.relative_to(ROOT)}:{line}: {name}"
        for directory in directories
        for path in modules(directory)
        for line, name in absolute_imports(path)
        if name.startswith("business.services")
    ]
    assert wrong == []
    for directory in directories:
        for path in modules(directory):
            for line, name in imports(path):
                if name.startswith("business.services."):
                    assert name.split(".")[2] == directory.name, f"{path}:{line}: {name}"


def absolute_imports(path: Path) -> Iterator[tuple[int, str]]:
    """Line and name of what a module imports by its full name."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            for name in node.names:
                yield node.lineno, name.name
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield node.lineno, node.module or ""


def test_nothing_knows_a_service() -> None:
    """Services are found by the loader, so nothing outside of them imports one."""
    wrong = [
        f"{path.relative_to(ROOT)}:{line}: {name}"
        for package in ALLOWED
        for path in modules(ROOT / package)
        if SERVICES not in path.parents
        for line, name in imports(path)
        if name.startswith("business.services.")
    ]
    assert wrong == []


@pytest.mark.parametrize("package", ["shared", "gateway_client"])
def test_packages_that_are_loaded_under_another_name_import_relatively(package: str) -> None:
    """gateway_client loads shared as _kefu_shared where a program has a shared of its own."""
    wrong = [
        f"{path.relative_to(ROOT)}:{line}: {name}"
        for path in modules(ROOT / package)
        for line, name in absolute_imports(path)
        if name.partition(".")[0] == package
    ]
    assert wrong == []
