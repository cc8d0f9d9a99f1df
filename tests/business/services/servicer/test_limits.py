"""Moving windows."""

from __future__ import annotations

from business.services.servicer.limits import MAX_KEYS, Window


def test_a_window_moves() -> None:
    """What lies more than a period back does not count; keys do not share."""
    window = Window(3, 60)
    assert [window.take("a", 600.0 + i) for i in range(5)] == [True, True, True, False, False]
    assert window.take("b", 604)
    assert not window.take("a", 660)
    assert window.take("a", 700)
    assert window.take("a", 10_000)


def test_no_limit() -> None:
    """0 is none."""
    window = Window(0, 60)
    assert all(window.take("a", 1.0) for _ in range(1000))


def test_keys_are_forgotten() -> None:
    """However many there are."""
    window = Window(1, 60)
    for i in range(MAX_KEYS + 10):
        window.take(str(i), 0.0)
    assert len(window._counts) <= MAX_KEYS
