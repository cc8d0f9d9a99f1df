"""The reference pages say what the code says."""

from __future__ import annotations

import pytest

from scripts import make_reference


@pytest.mark.parametrize("name", make_reference.PAGES)
def test_page_is_up_to_date(name: str) -> None:
    """A change of a table without ``make docs`` is noticed."""
    written = (make_reference.DOCS / name).read_text(encoding="utf-8")
    assert written == make_reference.PAGES[name]()
