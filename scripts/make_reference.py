"""Writes docs/protocol.md and docs/close-codes.md from the tables in the code.

``python scripts/make_reference.py`` writes them; ``tests/test_reference.py`` keeps them in step.
"""

from __future__ import annotations

from pathlib import Path

from shared import close_codes, protocol

DOCS = Path(__file__).resolve().parent.parent / "docs"


def protocol_page() -> str:
    """The inner protocol, one row per message."""
    doc = (protocol.__doc__ or "").strip()
    lines = ["# Inner protocol", "", f"Version {protocol.VERSION}. " + doc, ""]
    lines += ["| code | message | direction | fields | meaning |", "|---|---|---|---|---|"]
    for row in protocol.TABLE.values():
        fields = f"`{row.fields}`" if row.fields else ""
        lines.append(
            f"| {row.code} | {row.name} | {row.direction.value} | {fields} | {row.meaning} |"
        )
    return "\n".join(lines) + "\n"


def close_codes_page() -> str:
    """The close codes, one row each."""
    doc = (close_codes.__doc__ or "").strip()
    lines = ["# Close codes", "", doc, "", "| code | when | the client should |", "|---|---|---|"]
    for row in close_codes.TABLE:
        lines.append(f"| {row.code} | {row.when} | {row.then.value} |")
    return "\n".join(lines) + "\n"


PAGES = {"protocol.md": protocol_page, "close-codes.md": close_codes_page}


def main() -> None:
    """Write all pages."""
    for name, page in PAGES.items():
        (DOCS / name).write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
