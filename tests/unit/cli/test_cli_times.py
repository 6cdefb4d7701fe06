"""Spans of time as they are written and read."""

import pytest
from tests.unit.cli.recorded import NOW, ago

from recsys_cli.times import age, clock, instant, seconds, span


@pytest.mark.parametrize(
    ("given", "text"),
    [(-3, "0s"), (0, "0s"), (42.9, "42s"), (303, "5m3s"), (7200, "2h"), (7205, "2h"), (90061, "1d1h"), (259230, "3d")],
)
def test_a_span_has_two_units_at_most(given: float, text: str) -> None:
    assert span(given) == text


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("90", 90),
        ("90s", 90),
        ("10m", 600),
        ("1h30m", 5400),
        ("1d", 86400),
        ("0s", 0),
        ("", None),
        ("soon", None),
        ("5x", None),
    ],
)
def test_a_span_as_people_write_it(text: str, found: float | None) -> None:
    assert seconds(text) == found


def test_times_that_cannot_be_read_are_a_dash() -> None:
    assert instant("yesterday") is None
    assert (age(None, NOW), clock(None), clock("yesterday")) == ("-", "-", "-")
    assert (age(ago(61), NOW), clock(ago(61))) == ("1m1s", "2026-03-04 11:58")
