"""Deadline texts (`P15D`, `5wd`, `2026-08-10`, `=expression`) and the instants they mean.

Working days and holidays are not reckoned here: the functions `add_workdays` and `period_ends` among the given
ones know the official calendar. Days are days of the city (Asia/Shanghai); results are aware UTC instants.
"""

import calendar as gregorian
import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from service.clock import CITY_ZONE, city_day
from service.engine.expressions import ExpressionError, compile_expression
from service.engine.model import Deadline, Functions
from service.errors import Text

_DURATION = re.compile(
    r"P(?=\d|T\d)(?:(\d{1,3})Y)?(?:(\d{1,4})M)?(?:(\d{1,4})W)?(?:(\d{1,5})D)?"
    r"(?:T(?=\d)(?:(\d{1,6})H)?(?:(\d{1,6})M)?(?:(\d{1,8})S)?)?"
)
_WORKING_DAYS = re.compile(r"(\d{1,4})\s*wd")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_INSTANT = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}.*")

#: Outside, a slip of the pen is more likely than a plan.
_YEARS = range(1949, 2200)
#: Nothing waits for a duration that leads beyond them even from here.
_FIRST_USE = datetime(2026, 1, 1, tzinfo=UTC)


def parse_deadline(source: str, *, file: str = "", line: int | None = None) -> Deadline:
    """Return the deadline `source` says. Raises `ExpressionError` naming the forms that are understood."""
    text = source.strip()
    if text.startswith("="):
        compiled = compile_expression(text[1:], file=file, line=line)
        return Deadline(text, "expression", compiled)
    try:
        return _literal(text)
    except _Beyond:
        raise _refused(text, _BEYOND, file, line) from None
    except ValueError:
        raise _refused(text, _UNCLEAR, file, line) from None


class _Beyond(Exception):
    """A deadline lies where nothing is planned."""


def _literal(text: str) -> Deadline:
    """Return the deadline a text without an expression says. Raises `ValueError` for none, or `_Beyond`."""
    if _DURATION.fullmatch(text):
        return _reckonable(Deadline(text, "duration"), _after(text, _FIRST_USE))
    if _WORKING_DAYS.fullmatch(text):
        return Deadline(text, "working_days")
    if _DAY.fullmatch(text):
        return _reckonable(Deadline(text, "day"), date.fromisoformat(text))
    if _INSTANT.fullmatch(text) and (instant := datetime.fromisoformat(text)).tzinfo is not None:
        return _reckonable(Deadline(text, "instant"), instant)
    raise ValueError(text)


def _reckonable(deadline: Deadline, found: date) -> Deadline:
    if found.year not in _YEARS:
        raise _Beyond
    return deadline


def resolve_due(
    deadline: Deadline, start_at: datetime, names: Mapping[str, Any], functions: Functions
) -> datetime:
    """Return until when what was opened at `start_at` is due, as an aware UTC instant.

    A plain day lasts until its 24:00, `5wd` until 24:00 of the fifth working day after the day of `start_at`,
    which is not counted (Civil Code 201); so does a duration in whole days, moved on from a day off where the
    plan year wants it (203). Years and months go to the corresponding day, or that month's end (202). A duration
    with hours or minutes runs from instant to instant. Raises `ExpressionError` when an expression gives no deadline.
    """
    return _resolve(deadline, start_at, names, functions, _end_of)


def resolve_timer(
    deadline: Deadline, start_at: datetime, names: Mapping[str, Any], functions: Functions
) -> datetime:
    """Return when a timer entered at `start_at` fires: as `resolve_due`, but a plain day fires at its 00:00."""
    return _resolve(deadline, start_at, names, functions, _start_of)


def lead_time(
    deadline: Deadline, start_at: datetime, names: Mapping[str, Any], functions: Functions
) -> timedelta:
    """Return how long before something is due `deadline` is, as for a reminder: `P2D` is 48 hours."""
    return _resolve(deadline, start_at, names, functions, _end_of, exact=True) - start_at


def _resolve(
    deadline: Deadline,
    start_at: datetime,
    names: Mapping[str, Any],
    functions: Functions,
    of_day: Callable[[date], datetime],
    *,
    exact: bool = False,
) -> datetime:
    source, kind = deadline.source, deadline.kind
    if deadline.expression is not None:
        value = deadline.expression.evaluate(names, functions)
        if not isinstance(value, str):
            raise _no_deadline(deadline, value)
        try:
            given = _literal(value.strip())
        except (_Beyond, ValueError) as error:
            raise _no_deadline(deadline, value, beyond=isinstance(error, _Beyond)) from None
        source, kind = given.source, given.kind
    try:
        if kind == "duration":
            found = _after(source, start_at)
            if not exact and "T" not in source:
                found = _end_of(_last_day(city_day(found), functions))
        elif kind == "working_days":
            found = _end_of(_working_days(source, start_at, functions))
        elif kind == "day":
            found = of_day(date.fromisoformat(source))
        else:
            found = datetime.fromisoformat(source).astimezone(UTC)
    except (_Beyond, OverflowError):
        raise _no_deadline(deadline, source, beyond=True) from None
    except ValueError:
        raise _no_deadline(deadline, source) from None
    if found.year not in _YEARS:
        raise _no_deadline(deadline, source, beyond=True)
    return found


def _after(source: str, start_at: datetime) -> datetime:
    """Return the instant a duration after `start_at`. Raises `_Beyond` for one Python's calendar does not know."""
    match = _DURATION.fullmatch(source)
    if match is None:
        raise ValueError(source)
    years, months, weeks, days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    local = start_at.astimezone(CITY_ZONE)
    month = local.year * 12 + local.month - 1 + years * 12 + months
    year, month = month // 12, month % 12 + 1
    if year not in _YEARS:
        raise _Beyond
    last = gregorian.monthrange(year, month)[1]
    moved = local.replace(year=year, month=month, day=min(local.day, last))
    exact = timedelta(weeks=weeks, days=days, hours=hours, minutes=minutes, seconds=seconds)
    return moved.astimezone(UTC) + exact


def _last_day(day: date, functions: Functions) -> date:
    moved = functions.get("period_ends")
    return day if moved is None else date.fromisoformat(str(moved(day.isoformat())))


def _working_days(source: str, start_at: datetime, functions: Functions) -> date:
    match = _WORKING_DAYS.fullmatch(source)
    reckon = functions.get("add_workdays")
    if match is None or reckon is None:
        raise ExpressionError(
            Text("没有工作日历，算不出工作日期限", "there is no work calendar to reckon working days with"),
            source=source,
        )
    return date.fromisoformat(str(reckon(city_day(start_at).isoformat(), int(match[1]))))


def _start_of(day: date) -> datetime:
    return datetime.combine(day, time(), CITY_ZONE).astimezone(UTC)


def _end_of(day: date) -> datetime:
    return _start_of(day + timedelta(days=1))


_UNCLEAR = Text(
    "写法不对；可写 P15D、PT2H（时长）、5wd（工作日）、2026-08-10（日期）、带时区的时刻，或以“=”开头的表达式",
    "is no deadline; write P15D or PT2H (duration), 5wd (working days), 2026-08-10 (day), an instant with its zone, "
    "or an expression beginning with “=”",
)
_BEYOND = Text(
    f"超出 {_YEARS.start} 至 {_YEARS.stop - 1} 年", f"lies beyond {_YEARS.start} to {_YEARS.stop - 1}"
)
_NO_DEADLINE = Text(
    "不是日期、时刻、时长或工作日数", "which is no day, instant, duration or number of working days"
)


def _refused(text: str, why: Text, file: str, line: int | None) -> ExpressionError:
    shown = text[:60]
    return ExpressionError(
        Text(f"期限“{shown}”{why.zh}", f"the deadline “{shown}” {why.en}"),
        file=file,
        line=line,
        source=text[:400],
    )


def _no_deadline(deadline: Deadline, value: object, *, beyond: bool = False) -> ExpressionError:
    expression = deadline.expression
    shown, written = repr(value)[:60], deadline.source[:80]
    if beyond and expression is None:
        text = Text(f"期限“{written}”{_BEYOND.zh}", f"the deadline “{written}” {_BEYOND.en}")
    else:
        why = Text(_BEYOND.zh, f"which {_BEYOND.en}") if beyond else _NO_DEADLINE
        text = Text(
            f"期限“{written}”得到 {shown}，{why.zh}", f"the deadline “{written}” gives {shown}, {why.en}"
        )
    return ExpressionError(
        text,
        source=deadline.source,
        file=expression.file if expression else "",
        line=expression.line if expression else None,
    )
