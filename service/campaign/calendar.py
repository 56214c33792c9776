"""Days, working days, periods and windows of the city, reckoned as the Civil Code (articles 200 to 204) says.

Pure arithmetic: the days come from official lists (`service.campaign.year_lists`) or the table that holds
them. A year without a list is reckoned with plain weekends, and every result that rests on it carries a
warning: holidays are never invented.
"""

import calendar as gregorian
import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from typing import Literal

from service.clock import CITY_ZONE, city_day
from service.errors import Invalid, Text

#: The days one can reckon with; outside, a slip of the pen is more likely than a plan.
FIRST_DAY = date(1949, 10, 1)
LAST_DAY = date(2199, 12, 31)

_DAY_FORM = re.compile(r"\d{4}-\d{2}-\d{2}")


@dataclass(frozen=True, slots=True)
class CalendarDay:
    """One day on which an official list departs from the plain week or names a holiday."""

    day: date
    is_workday: bool
    name: str
    source: str


@dataclass(frozen=True, slots=True)
class Reckoning:
    """The `day` reckoned, and what makes it uncertain: years without an official list."""

    day: date
    warnings: tuple[Text, ...] = ()


@dataclass(frozen=True, slots=True)
class Count:
    """A number of working `days`, and what makes it uncertain."""

    days: int
    warnings: tuple[Text, ...] = ()


class WorkCalendar:
    """Which days are worked: Monday to Friday, unless an official list says otherwise.

    An immutable value; of two entries for one day the later in `days` holds (a list corrected or completed).
    """

    def __init__(self, days: Iterable[CalendarDay] = ()) -> None:
        """Take the entries of the official lists; none gives the plain week."""
        self._days = {entry.day: entry for entry in days}
        worked = (entry.day for entry in self._days.values() if entry.is_workday and _is_weekend(entry.day))
        rested = (
            entry.day for entry in self._days.values() if not entry.is_workday and not _is_weekend(entry.day)
        )
        #: Asked for every year of every reckoning.
        self._covered = frozenset(year for year in {day.year for day in self._days} if self._has_list(year))
        self._worked_weekends = sorted(day.toordinal() for day in worked)
        self._free_weekdays = sorted(day.toordinal() for day in rested)

    def entry(self, day: date) -> CalendarDay | None:
        """Return what an official list says of `day`, or None when it follows the plain week."""
        return self._days.get(day)

    def is_workday(self, day: date) -> bool:
        """Whether `day` is worked; in a year without a list, Monday to Friday are."""
        entry = self._days.get(day)
        return entry.is_workday if entry else not _is_weekend(day)

    def covers(self, year: int) -> bool:
        """Whether the official list of `year` is known: every list has New Year's Day and National Day."""
        return year in self._covered

    def _has_list(self, year: int) -> bool:
        return all(
            (entry := self._days.get(date(year, month, 1))) is not None and not entry.is_workday
            for month in (1, 10)
        )

    def years(self) -> tuple[int, ...]:
        """Return the years whose official list is known, in order."""
        return tuple(sorted(self._covered))

    def warnings_for(self, first: date, last: date) -> tuple[Text, ...]:
        """Return one warning for each year between `first` and `last` (both included) without a list."""
        low, high = min(first, last).year, max(first, last).year
        return tuple([_no_list(year) for year in range(low, high + 1) if year not in self._covered])

    def add_workdays(self, day: date, n: int) -> Reckoning:
        """Return the `n`-th working day after `day`, which itself is not counted (Civil Code 201).

        A negative `n` counts back, 0 gives `day` itself. Raises `Invalid` when that leaves the calendar.
        """
        if n == 0:
            return Reckoning(day)
        before = self._worked_until(day.toordinal() - (1 if n < 0 else 0))
        # Going forward the n-th working day is the first with `before + n` worked up to it; going back it is
        # the one with `before + n + 1`.
        target = before + n + (1 if n < 0 else 0)
        reach = range(FIRST_DAY.toordinal(), LAST_DAY.toordinal() + 1)
        index = bisect_left(reach, target, key=self._worked_until)
        if not 0 < index < len(reach):
            raise _out_of_reach(day, n)
        result = date.fromordinal(reach[index])
        return Reckoning(result, self.warnings_for(day + timedelta(1 if n > 0 else -1), result))

    def workdays_between(self, first: date, last: date) -> Count:
        """Return how many working days lie after `first` up to and including `last`.

        Negative when `last` is earlier: then the days from `last` up to but not including `first`. So the
        count from `first` to a working day `d` is the `n` with which `add_workdays(first, n)` gives `d`.
        """
        if last >= first:
            days = self._worked_until(last.toordinal()) - self._worked_until(first.toordinal())
        else:
            days = self._worked_until(last.toordinal() - 1) - self._worked_until(first.toordinal() - 1)
        return Count(days, self.warnings_for(first, last) if first != last else ())

    def roll_forward(self, day: date) -> Reckoning:
        """Return `day`, or the next working day when it is a holiday or a rest day (Civil Code 203)."""
        result = day
        while not self.is_workday(result):
            result += timedelta(1)
        return Reckoning(result, self.warnings_for(day, result))

    def _worked_until(self, ordinal: int) -> int:
        # Day 1 of the ordinals is a Monday: whole weeks by multiplication, departures from them by bisection,
        # so a period of years costs no more than one of days.
        weeks, rest = divmod(ordinal, 7)
        plain = weeks * 5 + min(rest, 5)
        return (
            plain + bisect_right(self._worked_weekends, ordinal) - bisect_right(self._free_weekdays, ordinal)
        )


def add_months(day: date, n: int) -> date:
    """Return the last day of a period of `n` months that begins with the event on `day` (R24, R29).

    The day itself is not counted; the corresponding day is the last one, and where the month has none, its
    last day is (Civil Code 201, 202). A negative `n` counts back. Raises `Invalid` outside the calendar.
    """
    year, month = divmod(day.year * 12 + day.month - 1 + n, 12)
    if not FIRST_DAY.year <= year <= LAST_DAY.year:
        raise _out_of_reach(day, n)
    return date(year, month + 1, min(day.day, gregorian.monthrange(year, month + 1)[1]))


def add_years(day: date, n: int) -> date:
    """Return the last day of a period of `n` years that begins on `day`: 2024-02-29 and 5 give 2029-02-28."""
    return add_months(day, 12 * n)


def add_days(day: date, n: int) -> date:
    """Return the `n`-th calendar day after `day`, which itself is not counted. Raises `Invalid` outside."""
    if not FIRST_DAY.toordinal() <= day.toordinal() + n <= LAST_DAY.toordinal():
        raise _out_of_reach(day, n)
    return day + timedelta(n)


def start_of(day: date) -> datetime:
    """Return the instant (UTC) at which `day` begins in the city: its 00:00."""
    return datetime.combine(day, time.min, CITY_ZONE).astimezone(UTC)


def end_of(day: date) -> datetime:
    """Return the instant (UTC) at which `day` is over in the city: 24:00, the next day's 00:00.

    Something is in time "until the end of `day`" exactly when its instant is earlier than this.
    """
    return start_of(day + timedelta(1))


def parse_day(value: object) -> date:
    """Return the calendar day that `value` means: `"2026-08-10"`, or an instant with offset (its city day).

    Raises `Invalid` for anything else, days outside the calendar included.
    """
    try:
        if isinstance(value, str) and _DAY_FORM.fullmatch(value):
            day = date.fromisoformat(value)
        else:
            day = city_day(parse_instant(value))
    except (ValueError, OverflowError):
        raise _not_a_day(value) from None
    if not FIRST_DAY <= day <= LAST_DAY:
        raise _not_a_day(value)
    return day


def parse_instant(value: object) -> datetime:
    """Return the instant (UTC) that an ISO text with offset means. Raises `Invalid` for anything else."""
    try:
        if isinstance(value, str) and len(value) <= 40:
            instant = datetime.fromisoformat(value)
            if instant.tzinfo is not None:
                return instant.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise _not_a_day(value)


@dataclass(frozen=True, slots=True)
class WindowState:
    """What a window is at an instant, `since` when, and `until` when (None: ever before, or ever after)."""

    kind: Literal["not_open", "open", "closed"]
    since: datetime | None
    until: datetime | None


@dataclass(frozen=True, slots=True)
class Window:
    """A span of days in which something may be done, both end days included (R11 to R14).

    The dates are exact: they do not roll forward over holidays, because the plan names them. `extended_to`
    is the later last day that a decision set. Raises `Invalid` when the days do not follow one another.
    """

    opens: date
    closes: date
    extended_to: date | None = None

    def __post_init__(self) -> None:
        """Refuse days that do not follow one another."""
        if self.closes < self.opens:
            raise Invalid(
                Text(
                    f"窗口截止日 {self.closes} 早于开放日 {self.opens}，请改正其中一个日期",
                    f"The window closes on {self.closes}, before it opens on {self.opens}: correct one",
                )
            )
        if self.extended_to is not None and self.extended_to <= self.closes:
            raise Invalid(
                Text(
                    f"延期后的截止日 {self.extended_to} 必须晚于原截止日 {self.closes}",
                    f"The extension to {self.extended_to} must be later than the closing day {self.closes}",
                )
            )

    @property
    def last_day(self) -> date:
        """The last day on which the window is open, extension included."""
        return self.extended_to or self.closes

    @property
    def opens_at(self) -> datetime:
        """The first instant of the window."""
        return start_of(self.opens)

    @property
    def closes_at(self) -> datetime:
        """The first instant after the window: 24:00 of its last day."""
        return end_of(self.last_day)

    def state(self, instant: datetime) -> WindowState:
        """Return what the window is at an aware `instant`, and since when."""
        if instant < self.opens_at:
            return WindowState("not_open", None, self.opens_at)
        if instant < self.closes_at:
            return WindowState("open", self.opens_at, self.closes_at)
        return WindowState("closed", self.closes_at, None)

    def contains(self, instant: datetime) -> bool:
        """Whether an aware `instant` falls into the window."""
        return self.opens_at <= instant < self.closes_at


def _is_weekend(day: date) -> bool:
    return day.weekday() >= 5


@cache
def _no_list(year: int) -> Text:
    return Text(
        f"{year} 年的官方放假调休安排尚未导入，暂按周一至周五为工作日推算；名单公布后请导入并复核",
        f"No official holiday list for {year} is known: Monday to Friday were taken as working days; "
        "import the list when it is published and check the date",
    )


def _out_of_reach(day: date, n: int) -> Invalid:
    return Invalid(
        Text(
            f"从 {day} 起推算 {n} 超出了日历范围（{FIRST_DAY} 至 {LAST_DAY}）",
            f"{n} from {day} lies outside the calendar ({FIRST_DAY} to {LAST_DAY})",
        )
    )


def _not_a_day(value: object) -> Invalid:
    shown = repr(value)[:60]
    return Invalid(
        Text(
            f"{shown} 不是日期：应写作 2026-08-10，或带时区的时刻 2026-08-10T09:30:00+08:00"
            f"（{FIRST_DAY} 至 {LAST_DAY}）",
            f"{shown} is not a day: write 2026-08-10, or an instant with offset 2026-08-10T09:30:00+08:00 "
            f"({FIRST_DAY} to {LAST_DAY})",
        )
    )
