"""Deadlines: until when, by which day, and how long before (Civil Code 201 to 203)."""

from datetime import UTC, date, datetime, timedelta

import pytest

from service.clock import CITY_ZONE
from service.engine.deadlines import lead_time, parse_deadline, resolve_due, resolve_timer


def local(text: str) -> datetime:
    """An instant of the city, in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=CITY_ZONE).astimezone(UTC)


@pytest.mark.parametrize(
    ("source", "begun", "until"),
    [
        # The day something begins is not counted, whatever its hour; the last one lasts until its 24:00.
        ("P15D", "2026-08-11 09:00", "2026-08-27 00:00"),
        ("P15D", "2026-08-11 00:00", "2026-08-27 00:00"),
        ("P15D", "2026-08-11 23:59", "2026-08-27 00:00"),
        ("P2W", "2026-08-11 09:00", "2026-08-26 00:00"),
        ("P1M", "2026-01-31 09:00", "2026-03-01 00:00"),
        ("P5Y", "2024-02-29 09:00", "2029-03-01 00:00"),
        # With hours or minutes it runs from this very instant.
        ("PT2H", "2026-08-11 09:00", "2026-08-11 11:00"),
        ("P1DT12H", "2026-08-11 09:00", "2026-08-12 21:00"),
    ],
)
def test_a_duration_in_whole_days_ends_with_its_last_day(source: str, begun: str, until: str) -> None:
    deadline = parse_deadline(source)
    assert resolve_due(deadline, local(begun), {}, {}) == local(until)
    assert resolve_timer(deadline, local(begun), {}, {}) == local(until)


def test_its_last_day_is_moved_on_where_the_year_says_so() -> None:
    moved = {"period_ends": lambda day: (date.fromisoformat(day) + timedelta(days=2)).isoformat()}
    begun = local("2026-08-11 09:00")
    assert resolve_due(parse_deadline("P15D"), begun, {}, moved) == local("2026-08-29 00:00")
    assert resolve_due(parse_deadline("PT24H"), begun, {}, moved) == local("2026-08-12 09:00")
    assert resolve_due(parse_deadline("2026-08-26"), begun, {}, moved) == local("2026-08-27 00:00")


def test_a_reminder_comes_that_long_before_to_the_minute() -> None:
    assert lead_time(parse_deadline("P2D"), local("2026-08-11 09:00"), {}, {}) == timedelta(days=2)
