"""The wheel holds everything that a running installation needs."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

DIST = "business/services/servicer/dist"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """Built from a copy of this tree, since building writes into it."""
    source, target = tmp_path_factory.mktemp("source") / "kefu", tmp_path_factory.mktemp("wheel")
    ignore = shutil.ignore_patterns(
        ".*", "node_modules", "var", "build", "*.egg-info", "__pycache__", "tests", "benchmarks"
    )
    shutil.copytree(ROOT, source, ignore=ignore)
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check"]
    options = ["--no-deps", "--no-build-isolation", "--wheel-dir", str(target), str(source)]
    done = subprocess.run([*command, *options], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    [path] = target.glob("kefu-*.whl")
    return zipfile.ZipFile(path)


def test_pages(wheel: zipfile.ZipFile) -> None:
    """Every page, all that they load, and the script for shops' own pages."""
    names = set(wheel.namelist())
    for page in ("console", "chat", "admin", "demo"):
        text = wheel.read(f"{DIST}/{page}.html").decode()
        assets = re.findall(r'"\./(assets/[^"]+)"', text)
        assert assets
        assert {f"{DIST}/{asset}" for asset in assets} <= names
    assert f"{DIST}/widget.js" in names


def test_code(wheel: zipfile.ZipFile) -> None:
    """All modules of ours, with the migrations; no tests."""
    names = set(wheel.namelist())
    packages = ("gateway", "gateway_client", "business", "shared")
    modules = {
        path.relative_to(ROOT).as_posix()
        for package in packages
        for path in (ROOT / package).rglob("*.py")
    }
    assert modules <= names
    assert {"start_gateway.py", "start_business.py"} <= names
    assert not [name for name in names if name.startswith(("tests/", "web/"))]
