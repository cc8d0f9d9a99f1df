"""Accessibility of a page as it stands, by axe-core."""

from __future__ import annotations

from functools import cache

from playwright.async_api import Page

from .stack import ROOT

SCRIPT = ROOT / "web" / "node_modules" / "axe-core" / "axe.min.js"

_RUN = """async () => {
    // What fades in would be judged half transparent.
    await Promise.all(document.getAnimations()
        .filter(({ effect }) => effect?.getComputedTiming().endTime !== Infinity)
        .map((animation) => animation.finished.catch(() => null)));
    const { violations } = await axe.run(document, { resultTypes: ["violations"] });
    return violations
        .filter(({ impact }) => impact === "serious" || impact === "critical")
        .flatMap(({ id, impact, nodes }) => nodes.map((node) => [
            `${impact} ${id}: ${node.target.join(" ")}`, node.html.slice(0, 200),
            ...[...node.any, ...node.all, ...node.none].map(({ message }) => message),
        ].join("\\n    ")));
}"""


@cache
def _script() -> str:
    return SCRIPT.read_text(encoding="utf-8")


async def check_accessible(page: Page) -> None:
    """See that axe finds nothing serious or critical in what the page shows now.

    The script is evaluated by the debugger, which no content security policy hinders: the page
    runs under its own.

    Raises:
        AssertionError: it does; with every finding.
    """
    await page.evaluate(f"() => {{ if (!window.axe) {{ {_script()} }} }}")
    found: list[str] = await page.evaluate(_RUN)
    assert not found, f"{len(found)} findings at {page.url}\n" + "\n".join(found)
