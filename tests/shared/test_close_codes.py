"""The table of close codes."""

from __future__ import annotations

import pytest
from websockets.frames import Close

from shared import close_codes
from shared.close_codes import TABLE, CloseCode, Return


def test_the_table_is_complete_and_unambiguous() -> None:
    """Every code of the module is in the table, once."""
    named = {value for value in vars(close_codes).values() if isinstance(value, CloseCode)}
    assert set(TABLE) == named
    assert len({row.code for row in TABLE}) == len(TABLE)


@pytest.mark.parametrize("row", TABLE, ids=lambda row: str(row.code))
def test_codes_can_be_sent(row: CloseCode) -> None:
    """Each code is allowed in a close frame, and its reason fits into one."""
    assert len(Close(row.code, row.reason).serialize()) <= 125
    assert row.when


@pytest.mark.parametrize("row", TABLE, ids=lambda row: str(row.code))
def test_our_codes_say_by_their_range_what_to_do(row: CloseCode) -> None:
    """4000-4099 at once, 4100-4199 later, 4200-4299 not; the rest are those of the RFC."""
    ranges = {40: Return.AT_ONCE, 41: Return.LATER, 42: Return.NOT}
    if row.code >= 4000:
        assert row.then is ranges[row.code // 100]
    else:
        assert 1000 <= row.code <= 1015
