"""The sample file and the reference page of the settings, made from the model.

``python -m shared.settings_docs`` writes ``deploy/kefu.sample.toml`` and ``docs/settings.md``.
"""

from __future__ import annotations

import json
import textwrap
import typing
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from annotated_types import Ge, Gt, Le, Lt, MinLen

from .setting_names import FILE, environment_name
from .settings import Leaf, leaves, sections

_ROOT = Path(__file__).resolve().parent.parent

SAMPLE = _ROOT / "deploy" / "kefu.sample.toml"
PAGE = _ROOT / "docs" / "settings.md"

_SIGNS = {Ge: ("ge", ">="), Gt: ("gt", ">"), Le: ("le", "<="), Lt: ("lt", "<")}


def toml_value(value: Any) -> str:
    """A value as TOML."""
    if isinstance(value, dict):
        items = ", ".join(f"{key} = {toml_value(item)}" for key, item in value.items())
        return f"{{ {items} }}" if items else "{}"
    if isinstance(value, list):
        return f"[{', '.join(map(toml_value, value))}]"
    # The rest is written alike in JSON and in TOML.
    return json.dumps(value, ensure_ascii=False)


def toml(settings: Mapping[str, Any]) -> str:
    """A settings file from values by dotted name."""
    tables: dict[str, list[str]] = {"": []}
    for name, value in settings.items():
        section, _, key = name.rpartition(".")
        tables.setdefault(section, []).append(f"{key} = {toml_value(value)}")
    blocks = [
        "\n".join([f"[{section}]", *lines] if section else lines)
        for section, lines in tables.items()
        if lines
    ]
    return "\n\n".join(blocks) + "\n"


def sample() -> str:
    """A file with every setting as a comment, which changes nothing as it is."""
    lines = [
        f"# All settings of kefu with their defaults. Copy to {FILE}, take out the # where you",
        "# want another value. Environment variables (KEFU_GATEWAY__PORT) override the file,",
        "# flags (--gateway.port) override both. Made by `make docs`; do not edit this sample.",
        "",
    ]
    for section, leaf in _by_section():
        if leaf is None:
            if section:
                lines += [f"# {_title(section)}", f"[{section}]", ""]
            continue
        key = leaf.name.rpartition(".")[2]
        lines += textwrap.wrap(_describe(leaf), 98, initial_indent="# ", subsequent_indent="# ")
        lines += [f"#{key} = {toml_value(_default(leaf))}", ""]
    return "\n".join(lines).rstrip() + "\n"


def page() -> str:
    """The reference page."""
    lines = [
        "# Settings",
        "",
        f"From `{FILE}` in the working directory (or `--config FILE`), overridden by environment",
        "variables, overridden by flags. `gateway.port` is `port` in the table `[gateway]` of the",
        f"file, `{environment_name('gateway.port')}` in the environment and `--gateway.port` on",
        "the command line. Lists are separated by commas in the environment and repeated as",
        "flags, or JSON in either. An unknown name or a bad value is one line on standard error",
        "and exit code 3; `check-config` looks without starting anything. This page is made from",
        "`shared/settings.py` by `make docs`.",
    ]
    for section, leaf in _by_section():
        if leaf is None:
            lines += ["", f"## {section or 'Top level'}", ""]
            if section:
                lines += [_title(section), ""]
            lines += ["| setting | default | meaning |", "|---|---|---|"]
        else:
            default = toml_value(_default(leaf))
            lines.append(f"| `{leaf.name}` | `{default}` | {_describe(leaf)} |")
    return "\n".join(lines) + "\n"


def _by_section() -> Iterator[tuple[str, Leaf | None]]:
    """Every section (with None), and then its settings."""
    for section, _ in sections():
        yield section, None
        for leaf in leaves().values():
            if leaf.name.rpartition(".")[0] == section:
                yield section, leaf


def _title(section: str) -> str:
    return (dict(sections())[section].__doc__ or "").strip()


def _default(leaf: Leaf) -> Any:
    return leaf.field.default


def _describe(leaf: Leaf) -> str:
    """Description and range of a setting."""
    text = leaf.field.description or ""
    choices = typing.get_args(leaf.field.annotation)
    if choices and all(isinstance(choice, str) for choice in choices):
        return f"{text} One of: {', '.join(choices)}."
    limits = [_limit(constraint) for constraint in leaf.field.metadata]
    found = [limit for limit in limits if limit]
    return f"{text} Range: {', '.join(found)}." if found else text


def _limit(constraint: Any) -> str:
    if isinstance(constraint, MinLen):
        return "not empty"
    for kind, (attribute, sign) in _SIGNS.items():
        if isinstance(constraint, kind):
            return f"{sign} {getattr(constraint, attribute)}"
    return ""


def main() -> None:
    """Write both."""
    SAMPLE.write_text(sample(), encoding="utf-8")
    PAGE.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
