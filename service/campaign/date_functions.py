"""The date functions of the expression language: what a diagram may ask about days, windows and settings.

All take and give JSON: a day is `"2026-08-10"`, an instant an ISO text in UTC, so that `<` between two days
or between two instants given by these functions compares time. Where a day is asked for, an instant will do:
its Asia/Shanghai day is taken.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from service.campaign.calendar import (
    Reckoning,
    WorkCalendar,
    add_days,
    add_months,
    add_years,
    end_of,
    parse_day,
    start_of,
)
from service.clock import city_day
from service.errors import Invalid, Text

#: What each function means, one line in each language; shown to designers.
FUNCTION_HELP: Mapping[str, Text] = {
    "today": Text("today()：今天（北京时间）", "today(): the present day in the city"),
    "now": Text("now()：此刻", "now(): the present instant"),
    "day_of": Text("day_of(时刻)：该时刻所在的日期", "day_of(instant): the city's day of an instant"),
    "start_of": Text("start_of(日期)：当日 00:00 的时刻", "start_of(day): the instant of its 00:00"),
    "end_of": Text(
        "end_of(日期)：当日 24:00 的时刻；早于它即为当日截止前",
        "end_of(day): the instant of its 24:00; in time is what is earlier",
    ),
    "add_days": Text(
        "add_days(日期, n)：之后第 n 日，当日不计", "add_days(day, n): the n-th day after, day not counted"
    ),
    "add_workdays": Text(
        "add_workdays(日期, n)：之后第 n 个工作日，当日不计",
        "add_workdays(day, n): the n-th working day after, day not counted",
    ),
    "add_months": Text(
        "add_months(日期, n)：n 个月后的对应日，没有则为月末（民法典第202条）",
        "add_months(day, n): the corresponding day n months on, or that month's end (Civil Code 202)",
    ),
    "add_years": Text(
        "add_years(日期, n)：n 年后的对应日，没有则为月末（民法典第202条）",
        "add_years(day, n): the corresponding day n years on, or that month's end (Civil Code 202)",
    ),
    "days_between": Text(
        "days_between(甲, 乙)：从甲到乙的天数，乙早于甲为负",
        "days_between(a, b): days from a to b, negative when b is earlier",
    ),
    "workdays_between": Text(
        "workdays_between(甲, 乙)：甲之后至乙（含乙）的工作日数",
        "workdays_between(a, b): working days after a up to and including b",
    ),
    "roll_forward": Text(
        "roll_forward(日期)：逢节假日、休息日顺延至下一工作日（民法典第203条）",
        "roll_forward(day): the next working day if it is a holiday or rest day (Civil Code 203)",
    ),
    "period_ends": Text(
        "period_ends(日期)：算到这一天的期限的末日，设置要求顺延时逢节假日顺延",
        "period_ends(day): the last day of a period reckoned to it, moved on from a day off where the year wants it",
    ),
    "is_workday": Text("is_workday(日期)：是否工作日", "is_workday(day): whether it is a working day"),
    "weekday": Text("weekday(日期)：星期几，周一为 1，周日为 7", "weekday(day): 1 is Monday, 7 is Sunday"),
    "year_of": Text("year_of(日期)：年份（数字）", "year_of(day): the year as a number"),
    "year_month": Text("year_month(日期)：年月，如 2026-08", "year_month(day): year and month as 2026-08"),
    "window_opens": Text(
        "window_opens(名称)：本年度该窗口的首日（自当日 00:00）",
        "window_opens(name): the first day of this plan year's window, from its 00:00",
    ),
    "window_closes": Text(
        "window_closes(名称)：本年度该窗口的末日（含延期，至当日 24:00），用作办理期限",
        "window_closes(name): the window's last day, extension included, until its 24:00; for a due date",
    ),
    "window_ends": Text(
        "window_ends(名称)：本年度该窗口截止的时刻（末日 24:00，含延期），用作定时",
        "window_ends(name): the instant of its last day's 24:00, extension included; for a timer",
    ),
    "window_key": Text(
        "window_key(名称)：该窗口变更消息的键",
        "window_key(name): the key of the message that tells of the window's change",
    ),
    "setting": Text("setting(键)：本年度该设置的值", "setting(key): the value of this plan year's setting"),
}

#: Names a diagram may call.
FUNCTION_NAMES: frozenset[str] = frozenset(FUNCTION_HELP)

#: Names that only a plan year can answer.
PLAN_FUNCTIONS: frozenset[str] = frozenset(
    {"window_opens", "window_closes", "window_ends", "window_key", "setting"}
)


def functions_for(
    calendar: WorkCalendar,
    now: datetime,
    *,
    warn: Callable[[Text], object] | None = None,
) -> Mapping[str, Callable[..., Any]]:
    """Return the callables for `FUNCTION_NAMES`, reckoning with `calendar` at the aware instant `now`.

    Those of `PLAN_FUNCTIONS` raise `Invalid` here, and `period_ends` moves nothing: a plan year brings its own
    (`windows.functions_for_plan`).
    `warn` is called once with each warning of a reckoning (a year without an official list). The callables raise
    `Invalid` for arguments that are no days or whole numbers.
    """
    said: set[str] = set()

    def told(warnings: tuple[Text, ...]) -> None:
        if warn is not None:
            for warning in warnings:
                if warning.zh not in said:
                    said.add(warning.zh)
                    warn(warning)

    def day_text(reckoning: Reckoning) -> str:
        told(reckoning.warnings)
        return reckoning.day.isoformat()

    def workdays_between(first: object, last: object) -> int:
        count = calendar.workdays_between(parse_day(first), parse_day(last))
        told(count.warnings)
        return count.days

    def is_workday(value: object) -> bool:
        day = parse_day(value)
        told(calendar.warnings_for(day, day))
        return calendar.is_workday(day)

    functions: dict[str, Callable[..., Any]] = {
        "today": lambda: city_day(now).isoformat(),
        "now": lambda: instant_text(now),
        "day_of": lambda instant: parse_day(instant).isoformat(),
        "start_of": lambda day: instant_text(start_of(parse_day(day))),
        "end_of": lambda day: instant_text(end_of(parse_day(day))),
        "add_days": lambda day, n: add_days(parse_day(day), _whole(n)).isoformat(),
        "add_workdays": lambda day, n: day_text(calendar.add_workdays(parse_day(day), _whole(n))),
        "add_months": lambda day, n: add_months(parse_day(day), _whole(n)).isoformat(),
        "add_years": lambda day, n: add_years(parse_day(day), _whole(n)).isoformat(),
        "days_between": lambda first, last: (parse_day(last) - parse_day(first)).days,
        "workdays_between": workdays_between,
        "roll_forward": lambda day: day_text(calendar.roll_forward(parse_day(day))),
        "period_ends": lambda day: parse_day(day).isoformat(),
        "is_workday": is_workday,
        "weekday": lambda day: parse_day(day).isoweekday(),
        "year_of": lambda day: parse_day(day).year,
        "year_month": lambda day: parse_day(day).isoformat()[:7],
    }
    functions.update({name: _without_plan(name) for name in PLAN_FUNCTIONS})
    return functions


def instant_text(instant: datetime) -> str:
    """Return the one text form of an aware `instant` in variables: ISO in UTC, which sorts as time does."""
    return instant.astimezone(UTC).isoformat()


def _whole(value: object) -> int:
    # A form field or a division may give 5.0 for 5; True for 1 is a mistake in the diagram.
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 1_000_000:
        return value
    if isinstance(value, float) and value.is_integer() and abs(value) < 1_000_000:
        return int(value)
    shown = repr(value)[:60] if not isinstance(value, int) else "…"
    raise Invalid(
        Text(f"{shown} 不是合适的整数（天数、月数或年数）", f"{shown} is not a fitting whole number")
    )


def _without_plan(name: str) -> Callable[..., Any]:
    def refuse(*_arguments: object) -> Any:
        raise Invalid(
            Text(
                f"{name}(…) 需要年度方案，而这个流程没有关联年度",
                f"{name}(…) needs a plan year, and this instance belongs to none",
            )
        )

    return refuse
