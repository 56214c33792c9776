"""Calendar arithmetic: working days, periods (R24, R29), windows with both end days (R11 to R14), functions."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.campaign.calendar import (
    FIRST_DAY,
    LAST_DAY,
    CalendarDay,
    Window,
    WorkCalendar,
    add_days,
    add_months,
    add_years,
    end_of,
    parse_day,
    parse_instant,
    start_of,
)
from service.campaign.date_functions import (
    FUNCTION_HELP,
    FUNCTION_NAMES,
    PLAN_FUNCTIONS,
    functions_for,
    instant_text,
)
from service.campaign.year_lists import official_calendar, official_days, read_year_list
from service.clock import CITY_ZONE
from service.errors import Invalid

CALENDAR = official_calendar()
MINUTE = timedelta(minutes=1)

days = st.dates(date(2024, 6, 1), date(2028, 6, 1))
listed = st.builds(
    CalendarDay, st.dates(date(2026, 1, 1), date(2026, 12, 31)), st.booleans(), st.just("节"), st.just("某文")
)
calendars = st.one_of(st.just(CALENDAR), st.lists(listed, max_size=80).map(WorkCalendar))


def city(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=CITY_ZONE).astimezone(UTC)


# --- the official lists -------------------------------------------------------------------------------------


def test_official_lists_2025_and_2026_with_their_source():
    assert CALENDAR.years() == (2025, 2026)
    assert {(entry.day.year, entry.source[-14:]) for entry in official_days()} == {
        (2025, "（国办发明电〔2024〕12号）"[-14:]),
        (2026, "（国办发明电〔2025〕7号）"[-14:]),
    }


@pytest.mark.parametrize(
    ("year", "rests", "works"),
    [
        (
            2025,
            [("01-01", 1), ("01-28", 8), ("04-04", 3), ("05-01", 5), ("05-31", 3), ("10-01", 8)],
            ["01-26", "02-08", "04-27", "09-28", "10-11"],
        ),
        (
            2026,
            [
                ("01-01", 3),
                ("02-15", 9),
                ("04-04", 3),
                ("05-01", 5),
                ("06-19", 3),
                ("09-25", 3),
                ("10-01", 7),
            ],
            ["01-04", "02-14", "02-28", "05-09", "09-20", "10-10"],
        ),
    ],
)
def test_official_list_is_the_notice_day_for_day(year, rests, works):
    rest = {
        date.fromisoformat(f"{year}-{day}") + timedelta(n) for day, length in rests for n in range(length)
    }
    work = {date.fromisoformat(f"{year}-{day}") for day in works}
    entries = [entry for entry in official_days() if entry.day.year == year]
    assert {entry.day for entry in entries if not entry.is_workday} == rest
    assert {entry.day for entry in entries if entry.is_workday} == work
    for n in range(365):
        day = date(year, 1, 1) + timedelta(n)
        expected = day in work or (day.weekday() < 5 and day not in rest)
        assert CALENDAR.is_workday(day) is expected, day


def test_the_statutory_thirteen_days_leave_the_usual_number_of_working_days():
    # 365 days less 104 rest days less 13 holidays (11 before 2025).
    for year in (2025, 2026):
        count = CALENDAR.workdays_between(date(year - 1, 12, 31), date(year, 12, 31))
        assert count.days == 248, year


def test_a_year_without_a_list_is_not_covered_and_has_plain_weekends():
    assert not CALENDAR.covers(2027)
    assert CALENDAR.is_workday(date(2027, 10, 1))
    assert CALENDAR.entry(date(2026, 10, 1)).name == "国庆节"
    assert CALENDAR.entry(date(2026, 10, 9)) is None


def test_a_later_entry_replaces_an_earlier_one():
    day = date(2026, 9, 3)
    calendar = WorkCalendar(
        [*official_days(), CalendarDay(day, False, "纪念日", "更正"), CalendarDay(day, True, "", "")]
    )
    assert calendar.is_workday(day)
    assert calendar.add_workdays(date(2026, 9, 2), 1).day == day


# --- reading a later year's list ----------------------------------------------------------------------------

HEAD = "日期,安排,名称,依据\n"
FIXED = "".join(
    f"2027-{day},放假,节日,某文〔2026〕1号\n" for day in ("01-01", "05-01", "10-01", "10-02", "10-03")
)


def test_a_list_is_read_in_either_encoding_and_language():
    extra = "2026年12月31日,休,元旦,某文〔2026〕1号\n2027/1/3,上班,元旦,某文〔2026〕1号\n"
    read = read_year_list(("# 备注\n" + HEAD + FIXED + extra).encode("utf-8-sig"))
    assert read.problems == ()
    assert read.year == 2027
    assert [entry.day for entry in read.days][:3] == [date(2026, 12, 31), date(2027, 1, 1), date(2027, 1, 3)]
    assert read_year_list((HEAD + FIXED + extra).encode("gb18030")).days == read.days
    assert WorkCalendar(read.days).covers(2027)
    english = (HEAD + FIXED).replace("日期,安排,名称,依据", "Date,Kind,Name,Source").replace("放假", "rest")
    assert read_year_list(english.encode()).problems == ()


@pytest.mark.parametrize(
    ("body", "line", "word"),
    [
        ("2027-02-30,放假,春节,某文\n", 7, "不是日期"),
        ("明天,放假,春节,某文\n", 7, "不是日期"),
        ("2027-02-06,休息,春节,某文\n", 7, "放假"),
        ("2027-02-06,放假,,某文\n", 7, "必填"),
        ("2027-02-06,放假,春节,\n", 7, "必填"),
        ("2027-02-08,上班,春节,某文\n", 7, "周一至周五"),
        ("2027-10-01,放假,国庆节,某文\n", 7, "第 4 行"),
        ("2026-11-30,放假,春节,某文\n", 7, "不属于 2027 年"),
        ('2027-02-06,放假,"春\n节",某文\n2027-02-07,x,春节,某文\n', 9, "放假"),
    ],
)
def test_a_wrong_line_is_named(body, line, word):
    read = read_year_list((HEAD + FIXED + body).encode())
    assert [problem.line for problem in read.problems] == [line]
    assert word in read.problems[0].text.zh


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x00\x01\x02",
        b"\xff\xfe\x00",
        b"PK\x03\x04 not a list",
        (HEAD + FIXED[:60]).encode(),
        HEAD.encode(),
        "日期,安排\n2027-01-01,放假\n".encode(),
        b"x" * 300_000,
        (HEAD + '"' + "x" * 140_000).encode(),
    ],
)
def test_what_is_no_list_is_refused_whole(data):
    assert read_year_list(data).problems


def test_a_list_cut_short_is_refused():
    read = read_year_list((HEAD + "2027-01-01,放假,元旦,某文\n").encode())
    assert "2027-10-01" in read.problems[0].text.zh


@given(st.binary(max_size=300))
def test_reading_never_raises(data):
    read_year_list(data)
    read_year_list(HEAD.encode() + data)


# --- working days -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("day", "n", "expected"),
    [
        ("2026-08-10", 5, "2026-08-17"),
        ("2026-08-14", 1, "2026-08-17"),
        ("2026-08-15", 1, "2026-08-17"),  # begins on a Saturday
        ("2026-09-18", 1, "2026-09-20"),  # Sunday worked for National Day
        ("2026-09-24", 5, "2026-10-09"),  # notice over Mid-Autumn and National Day
        ("2026-09-30", 1, "2026-10-08"),
        ("2026-10-09", 1, "2026-10-10"),  # Saturday worked
        ("2026-02-13", 2, "2026-02-24"),
        ("2025-12-31", 1, "2026-01-04"),
        ("2026-10-08", -1, "2026-09-30"),
        ("2026-10-03", -1, "2026-09-30"),
        ("2026-10-03", 0, "2026-10-03"),
    ],
)
def test_the_nth_working_day_day_itself_not_counted(day, n, expected):
    reckoned = CALENDAR.add_workdays(date.fromisoformat(day), n)
    assert reckoned.day == date.fromisoformat(expected)
    assert reckoned.warnings == ()


@given(calendars, days, st.integers(-300, 300))
def test_add_workdays_counts_day_by_day(calendar, day, n):
    expected, left = day, abs(n)
    while left:
        expected += timedelta(1 if n > 0 else -1)
        left -= calendar.is_workday(expected)
    assert calendar.add_workdays(day, n).day == expected


@given(calendars, days, days)
def test_workdays_between_counts_day_by_day(calendar, first, last):
    low, high, sign = (first, last, 1) if last >= first else (last - timedelta(1), first - timedelta(1), -1)
    expected = sum(calendar.is_workday(low + timedelta(n)) for n in range(1, (high - low).days + 1))
    assert calendar.workdays_between(first, last).days == sign * expected


@given(calendars, days, st.integers(-300, 300))
def test_the_count_to_the_nth_working_day_is_n(calendar, day, n):
    assert calendar.workdays_between(day, calendar.add_workdays(day, n).day).days == n


@given(calendars, days)
def test_roll_forward_gives_the_first_working_day_from_the_day_on(calendar, day):
    rolled = calendar.roll_forward(day).day
    assert calendar.is_workday(rolled)
    assert not any(calendar.is_workday(day + timedelta(n)) for n in range((rolled - day).days))


def test_workdays_beyond_the_calendar_are_refused():
    with pytest.raises(Invalid):
        CALENDAR.add_workdays(date(2199, 12, 30), 5)
    with pytest.raises(Invalid):
        CALENDAR.add_workdays(date(1949, 10, 3), -5)


# --- a year without a list warns ----------------------------------------------------------------------------


def test_a_period_into_a_year_without_a_list_warns_and_invents_nothing():
    reckoned = CALENDAR.add_workdays(date(2026, 12, 30), 3)
    assert reckoned.day == date(2027, 1, 4)
    assert len(reckoned.warnings) == 1
    assert "2027" in reckoned.warnings[0].zh
    assert "2027" in reckoned.warnings[0].en
    assert len(CALENDAR.workdays_between(date(2026, 6, 1), date(2029, 6, 1)).warnings) == 3
    assert CALENDAR.roll_forward(date(2027, 5, 1)).warnings
    assert CALENDAR.roll_forward(date(2026, 12, 31)).warnings == ()


def test_a_period_that_ends_with_the_last_listed_day_does_not_warn():
    assert CALENDAR.add_workdays(date(2026, 12, 30), 1).warnings == ()
    assert CALENDAR.add_workdays(date(2024, 12, 31), 1).warnings == ()
    assert CALENDAR.add_workdays(date(2025, 1, 1), -1).warnings
    assert CALENDAR.workdays_between(date(2027, 1, 1), date(2027, 1, 1)).warnings == ()


# --- months and years (Civil Code 201, 202) -----------------------------------------------------------------


def test_r24_term_of_five_years_named_on_a_leap_day():
    assert add_years(date(2024, 2, 29), 5) == date(2029, 2, 28)
    assert add_years(date(2024, 2, 29), 4) == date(2028, 2, 29)
    assert add_years(date(2026, 11, 20), 5) == date(2031, 11, 20)


@pytest.mark.parametrize(
    ("named", "due"),
    [
        ("2026-01-31", "2026-02-28"),
        ("2028-01-31", "2028-02-29"),
        ("2026-02-28", "2026-03-28"),
        ("2026-03-31", "2026-04-30"),
        ("2026-05-31", "2026-06-30"),
        ("2026-08-31", "2026-09-30"),
        ("2026-10-31", "2026-11-30"),
        ("2026-12-31", "2027-01-31"),
        ("2026-06-15", "2026-07-15"),
    ],
)
def test_r29_filing_within_one_month(named, due):
    assert add_months(date.fromisoformat(named), 1) == date.fromisoformat(due)


def test_r29_due_in_the_national_holiday_moves_to_the_next_working_day():
    due = add_months(date(2026, 9, 3), 1)
    assert due == date(2026, 10, 3)
    assert CALENDAR.roll_forward(due).day == date(2026, 10, 8)


@given(st.dates(date(1990, 1, 1), date(2150, 12, 31)), st.integers(-400, 400))
def test_a_month_on_is_the_corresponding_day_or_the_month_end(day, n):
    result = add_months(day, n)
    assert (result.year * 12 + result.month) - (day.year * 12 + day.month) == n
    if result.day != day.day:
        assert result.day < day.day
        assert (result + timedelta(1)).day == 1


@given(days, days, st.integers(0, 120))
def test_periods_keep_the_order_of_their_beginnings(first, second, n):
    if first <= second:
        assert add_months(first, n) <= add_months(second, n)


def test_days_outside_the_calendar_are_refused():
    for reckon in (add_months, add_years, add_days):
        with pytest.raises(Invalid):
            reckon(date(2026, 1, 1), 999_999)
        with pytest.raises(Invalid):
            reckon(date(2026, 1, 1), -999_999)


# --- instants and windows -----------------------------------------------------------------------------------


def test_a_day_lasts_from_midnight_to_midnight_in_the_city():
    assert start_of(date(2026, 8, 10)) == datetime(2026, 8, 9, 16, tzinfo=UTC)
    assert end_of(date(2026, 8, 10)) == datetime(2026, 8, 10, 16, tzinfo=UTC) == start_of(date(2026, 8, 11))


SUBMISSION = Window(date(2026, 7, 1), date(2026, 8, 10))


@pytest.mark.parametrize(
    ("instant", "state"),
    [
        ("2026-06-30T23:59", "not_open"),
        ("2026-06-30T23:59:59.999999", "not_open"),
        ("2026-07-01T00:00", "open"),
        ("2026-07-01T00:01", "open"),
        ("2026-08-10T23:59", "open"),
        ("2026-08-10T23:59:59.999999", "open"),
        ("2026-08-11T00:00", "closed"),
    ],
)
def test_r13_window_includes_both_end_days_to_the_minute(instant, state):
    at = city(instant)
    assert SUBMISSION.state(at).kind == state
    assert SUBMISSION.contains(at) is (state == "open")


def test_a_window_says_since_when_and_until_when():
    assert SUBMISSION.state(city("2026-06-01T00:00")).until == city("2026-07-01T00:00")
    assert SUBMISSION.state(city("2026-06-01T00:00")).since is None
    assert SUBMISSION.state(city("2026-07-05T12:00")).since == city("2026-07-01T00:00")
    closed = SUBMISSION.state(city("2026-09-01T00:00"))
    assert closed.since == city("2026-08-11T00:00")
    assert closed.until is None


def test_the_four_phases_join_without_gap_or_overlap():
    spans = [("03-20", "03-31"), ("04-01", "06-30"), ("07-01", "08-10"), ("08-11", "09-10")]
    windows = [Window(*(date.fromisoformat(f"2026-{day}") for day in span)) for span in spans]
    for before, after in pairwise(windows):
        assert before.closes_at == after.opens_at
        for at in (after.opens_at - MINUTE, after.opens_at, after.opens_at + MINUTE):
            assert [before.contains(at), after.contains(at)] == [at < after.opens_at, at >= after.opens_at]


def test_an_extended_window_lasts_to_the_end_of_the_later_day():
    window = Window(SUBMISSION.opens, SUBMISSION.closes, date(2026, 8, 15))
    assert window.last_day == date(2026, 8, 15)
    assert window.contains(city("2026-08-15T23:59"))
    assert not window.contains(city("2026-08-16T00:00"))


def test_a_window_of_one_day_and_wrong_windows():
    day = date(2026, 8, 10)
    assert Window(day, day).contains(city("2026-08-10T00:00"))
    with pytest.raises(Invalid):
        Window(day, day - timedelta(1))
    with pytest.raises(Invalid):
        Window(day, day, day)


@given(
    days,
    st.integers(0, 100),
    st.integers(0, 50),
    st.datetimes(datetime(2024, 1, 1), datetime(2029, 1, 1)),  # noqa: DTZ001 - hypothesis takes naive bounds
)
def test_a_window_holds_exactly_the_instants_of_its_days(opens, length, extension, at):
    instant = at.replace(tzinfo=UTC)
    closes = opens + timedelta(length)
    window = Window(opens, closes, closes + timedelta(extension) if extension else None)
    inside = opens <= instant.astimezone(CITY_ZONE).date() <= window.last_day
    assert window.contains(instant) is inside
    assert (window.state(instant).kind == "open") is inside


# --- parsing ------------------------------------------------------------------------------------------------


def test_days_are_read_strictly():
    assert parse_day("2026-08-10") == date(2026, 8, 10)
    assert parse_day("2026-08-10T16:00:00+00:00") == date(2026, 8, 11)
    assert parse_day("2026-08-10T15:59:59Z") == date(2026, 8, 10)
    for wrong in (
        "20260810",
        "2026-W33-1",
        "2026-8-10",
        "2026-02-29",
        "2026-08-10T12:00:00",
        "",
        None,
        5,
        [],
        "x" * 99,
    ):
        with pytest.raises(Invalid):
            parse_day(wrong)
    for far in ("1949-09-30", "2200-01-01", "9999-12-31", "9999-12-31T23:00:00-12:00"):
        with pytest.raises(Invalid):
            parse_day(far)
    assert parse_day(FIRST_DAY.isoformat()) == FIRST_DAY
    assert parse_day(LAST_DAY.isoformat()) == LAST_DAY
    with pytest.raises(Invalid):
        parse_instant("2026-08-10")


# --- the functions of the expression language ---------------------------------------------------------------

NOW = city("2026-08-10T23:59")
FUNCTIONS = functions_for(CALENDAR, NOW)


def test_every_function_has_a_line_of_help_in_both_languages():
    assert set(FUNCTIONS) == FUNCTION_NAMES == set(FUNCTION_HELP)
    for name, text in FUNCTION_HELP.items():
        assert text.zh.startswith(f"{name}("), name
        assert text.en.startswith(f"{name}("), name


@pytest.mark.parametrize(
    ("call", "result"),
    [
        (("today",), "2026-08-10"),
        (("now",), "2026-08-10T15:59:00+00:00"),
        (("day_of", "2026-08-10T16:00:00+00:00"), "2026-08-11"),
        (("start_of", "2026-08-10"), "2026-08-09T16:00:00+00:00"),
        (("end_of", "2026-08-10"), "2026-08-10T16:00:00+00:00"),
        (("add_days", "2026-08-10", 15), "2026-08-25"),
        (("add_days", "2026-08-10", -180.0), "2026-02-11"),
        (("add_workdays", "2026-09-24", 5), "2026-10-09"),
        (("add_months", "2026-01-31", 1), "2026-02-28"),
        (("add_years", "2024-02-29", 5), "2029-02-28"),
        (("days_between", "2026-07-01", "2026-08-10"), 40),
        (("workdays_between", "2026-09-30", "2026-10-08"), 1),
        (("roll_forward", "2026-10-03"), "2026-10-08"),
        (("is_workday", "2026-10-10"), True),
        (("weekday", "2026-08-10"), 1),
        (("weekday", "2026-08-09"), 7),
        (("year_of", "2026-08-10"), 2026),
        (("year_month", "2026-08-10"), "2026-08"),
    ],
)
def test_functions_take_and_give_json(call, result):
    name, *arguments = call
    assert FUNCTIONS[name](*arguments) == result


def test_a_minute_later_is_another_day():
    assert functions_for(CALENDAR, NOW + MINUTE)["today"]() == "2026-08-11"


instants = st.datetimes(
    datetime(2020, 1, 1),  # noqa: DTZ001 - hypothesis takes naive bounds
    datetime(2030, 1, 1),  # noqa: DTZ001 - hypothesis takes naive bounds
).map(lambda at: at.replace(tzinfo=UTC))


@given(instants, instants)
def test_instants_sort_as_text(first, second):
    assert (instant_text(first) < instant_text(second)) is (first < second)


@pytest.mark.parametrize(
    "n", [True, 1.5, "5", None, 10**7, pytest.param(10**5000, id="huge"), float("inf"), float("nan")]
)
def test_a_number_of_days_is_a_whole_number(n):
    for name in ("add_days", "add_workdays", "add_months", "add_years"):
        with pytest.raises(Invalid):
            FUNCTIONS[name]("2026-08-10", n)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("add_workdays", ("2026-12-30", 5)),
        ("roll_forward", ("2027-01-01",)),
        ("workdays_between", ("2026-12-30", "2027-01-05")),
        ("is_workday", ("2027-01-05",)),
    ],
)
def test_warnings_reach_the_caller_once_for_each_year(name, arguments):
    heard = []
    functions = functions_for(CALENDAR, NOW, warn=heard.append)
    functions["add_workdays"]("2026-12-30", 1)
    assert heard == []
    functions[name](*arguments)
    assert ["2027" in one.zh for one in heard] == [True]
    functions[name](*arguments)
    functions["is_workday"]("2028-01-05")
    assert ["2028" in one.zh for one in heard] == [False, True]


def test_plan_functions_need_a_plan_year():
    assert FUNCTIONS.keys() >= PLAN_FUNCTIONS
    with pytest.raises(Invalid, match="年度"):
        FUNCTIONS["setting"]("任意")
