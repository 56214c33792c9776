"""A deadline says when something is due, or why it says nothing, before anybody waits for it where that is possible."""

from datetime import UTC, datetime

import pytest

from service.engine.deadlines import parse_deadline, resolve_due, resolve_timer
from service.engine.expressions import ExpressionError

AT = datetime(2026, 8, 10, 4, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "P999Y",
        "P300Y",
        "P174Y",
        "P2090M",
        "P9999W",
        "P99999D",
        "2200-01-01",
        "1948-12-31",
        "9999-01-01T00:00Z",
    ],
)
def test_a_deadline_beyond_the_calendar_is_refused_before_it_is_deployed(text: str) -> None:
    with pytest.raises(ExpressionError) as refused:
        parse_deadline(text, file="p.bpmn", line=7)
    assert refused.value.facts["line"] == 7
    assert refused.value.text.zh == f"期限“{text}”超出 1949 至 2199 年"
    assert refused.value.text.en == f"the deadline “{text}” lies beyond 1949 to 2199"


@pytest.mark.parametrize("text", ["P1.5D", "R5/PT0S", "-P1D", "2026-02-30", "2026-01-01T10:00", "soon", ""])
def test_what_is_no_deadline_is_told_what_is(text: str) -> None:
    with pytest.raises(ExpressionError, match="写法不对；可写 P15D"):
        parse_deadline(text)


@pytest.mark.parametrize(
    ("text", "due"),
    [
        ("PT2H", datetime(2026, 8, 10, 6, tzinfo=UTC)),
        # The day it begins is not counted, and the last one ends at 24:00 of the city (Civil Code 201 to 203).
        ("P15D", datetime(2026, 8, 25, 16, tzinfo=UTC)),
        ("P2W", datetime(2026, 8, 24, 16, tzinfo=UTC)),
    ],
)
def test_hours_are_reckoned_from_the_minute_and_days_to_their_evening(text: str, due: datetime) -> None:
    assert resolve_due(parse_deadline(text), AT, {}, {}) == due


def test_a_day_is_due_at_its_end_and_fires_at_its_beginning() -> None:
    day = parse_deadline("2026-08-12")
    assert resolve_due(day, AT, {}, {}) == datetime(2026, 8, 12, 16, tzinfo=UTC)
    assert resolve_timer(day, AT, {}, {}) == datetime(2026, 8, 11, 16, tzinfo=UTC)


def test_a_duration_that_leads_beyond_the_calendar_only_later_says_so_then() -> None:
    with pytest.raises(ExpressionError, match="期限“P170Y”超出 1949 至 2199 年"):
        resolve_due(parse_deadline("P170Y"), datetime(2050, 1, 1, tzinfo=UTC), {}, {})


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("P300Y", "得到 'P300Y'，超出 1949"),
        ("soon", "得到 'soon'，不是日期"),
        (3, "得到 3，不是日期"),
        ("=x", "不是日期"),
    ],
)
def test_an_expression_that_gives_no_deadline_says_what_it_gave(value: object, told: str) -> None:
    with pytest.raises(ExpressionError, match=told):
        resolve_due(parse_deadline("=due"), AT, {"due": value}, {})
