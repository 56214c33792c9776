"""Official holiday lists, one per year: those shipped, and the reading of later ones from a file.

The State Council publishes a year's list about November of the year before. A list is a CSV file with the
columns 日期, 安排 (放假 or 上班), 名称, 依据 (or date, kind, name, source; kind rest or work), one line per
day; lines that begin with `#` are remarks. `holidays/` holds the shipped lists in this very form.
"""

import csv
import io
import re
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib import resources

from service.campaign.calendar import FIRST_DAY, LAST_DAY, CalendarDay, WorkCalendar
from service.errors import Text

#: A list has some forty days; a file far larger is something else.
MAX_BYTES = 200_000

_COLUMNS = {
    "日期": "date", "date": "date", "安排": "kind", "kind": "kind",
    "名称": "name", "name": "name", "依据": "source", "source": "source",
}  # fmt: skip
_KINDS = {"放假": False, "休": False, "rest": False, "上班": True, "班": True, "work": True}
_DAY = re.compile(r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?")
#: Fixed holidays that stand in every list (全国年节及纪念日放假办法): without them the file is cut short.
_FIXED = ((1, 1), (5, 1), (10, 1), (10, 2), (10, 3))


@dataclass(frozen=True, slots=True)
class LineProblem:
    """What is wrong on a `line` of a file (1 is the first; 0 the file as a whole)."""

    line: int
    text: Text


@dataclass(frozen=True, slots=True)
class YearList:
    """The list of one `year` as read; to be taken over only when there are no `problems`."""

    year: int | None
    days: tuple[CalendarDay, ...]
    problems: tuple[LineProblem, ...]


def official_days() -> tuple[CalendarDay, ...]:
    """Return the days of all shipped official lists, each with its source."""
    return _shipped()


def official_calendar() -> WorkCalendar:
    """Return a calendar of the shipped official lists alone."""
    return WorkCalendar(_shipped())


def read_year_list(data: bytes) -> YearList:
    """Read an official list from a CSV file (UTF-8, or GB 18030 as spreadsheets write it).

    Never raises for what stands in the file: everything wrong is a problem with its line. The list may also
    hold December days of the year before, as lists with a New Year's break do.
    """
    if len(data) > MAX_BYTES:
        return _refused(
            f"文件超过 {MAX_BYTES // 1000} kB，不是一年的放假安排", "The file is too large for a year's list"
        )
    text = _decode(data)
    if text is None or "\0" in text:
        return _refused(
            "文件不是文本（应为 UTF-8 或 GB18030 编码的 CSV）",
            "The file is no text: CSV in UTF-8 or GB 18030 expected",
        )
    rows, problems = _rows(text)
    days: list[CalendarDay] = []
    lines: dict[date, int] = {}
    for line, row in rows:
        day, problem = _read_row(row)
        if day is not None and day.day in lines:
            problem = Text(
                f"{day.day} 与第 {lines[day.day]} 行重复",
                f"{day.day} already stands on line {lines[day.day]}",
            )
        if problem is not None:
            problems.append(LineProblem(line, problem))
        elif day is not None:
            days.append(day)
            lines[day.day] = line
    year = max((day.day.year for day in days), default=None)
    if not problems:
        problems += _year_problems(year, lines, days)
    return YearList(year, tuple(sorted(days, key=lambda day: day.day)), tuple(problems))


@cache
def _shipped() -> tuple[CalendarDay, ...]:
    days: list[CalendarDay] = []
    folder = resources.files("service.campaign") / "holidays"
    for file in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if file.name.endswith(".csv"):
            read = read_year_list(file.read_bytes())
            if read.problems:
                raise ValueError(f"{file.name}, line {read.problems[0].line}: {read.problems[0].text.en}")
            days += read.days
    return tuple(days)


def _decode(data: bytes) -> str | None:
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    return None


def _rows(text: str) -> tuple[list[tuple[int, dict[str, str]]], list[LineProblem]]:
    reader = csv.reader(io.StringIO(text, newline=""))
    header: list[str] | None = None
    rows: list[tuple[int, dict[str, str]]] = []
    try:
        for cells in reader:
            stripped = [cell.strip() for cell in cells]
            if not any(stripped) or stripped[0].startswith("#"):
                continue
            if header is None:
                header = [_COLUMNS.get(cell.lower(), "") for cell in stripped]
                missing = [name for name in ("date", "kind", "name", "source") if name not in header]
                if missing:
                    return [], [
                        LineProblem(
                            reader.line_num,
                            Text(
                                "表头应有：日期、安排、名称、依据",
                                f"The header needs date, kind, name, source; missing: {', '.join(missing)}",
                            ),
                        )
                    ]
            else:
                rows.append((reader.line_num, dict(zip(header, stripped, strict=False))))
    except csv.Error as error:
        return [], [
            LineProblem(reader.line_num, Text("这一行不是有效的 CSV", f"This line is no CSV: {error}"))
        ]
    if not rows:
        return [], [LineProblem(0, Text("文件里没有任何日期", "The file holds no day"))]
    return rows, []


def _read_row(row: dict[str, str]) -> tuple[CalendarDay | None, Text | None]:
    written = row.get("date", "")
    match = _DAY.fullmatch(written)
    try:
        day = date(*(int(part) for part in match.groups())) if match else None
    except ValueError:
        day = None
    if day is None or not FIRST_DAY <= day <= LAST_DAY:
        return None, Text(
            f"“{written[:40]}”不是日期，应写作 2027-01-01", f"{written[:40]!r} is no date, write 2027-01-01"
        )
    kind = row.get("kind", "").lower()
    if kind not in _KINDS:
        return None, Text(
            f"“{kind[:40]}”应为“放假”或“上班”", f"{kind[:40]!r} must be rest (放假) or work (上班)"
        )
    if not row.get("name") or not row.get("source"):
        return None, Text(
            "名称和依据（文件名称、文号）必填",
            "Name and source (title and number of the document) are required",
        )
    if _KINDS[kind] and day.weekday() < 5:
        return None, Text(
            f"{day} 本是周一至周五，不会是调休上班日，请核对日期",
            f"{day} is a weekday and cannot be an adjusted working day: check the date",
        )
    return CalendarDay(day, _KINDS[kind], row["name"], row["source"]), None


def _year_problems(year: int | None, lines: dict[date, int], days: list[CalendarDay]) -> list[LineProblem]:
    if year is None:
        return []
    problems = [
        LineProblem(
            line,
            Text(
                f"{day} 不属于 {year} 年；一个文件只放一年的安排（上年 12 月的日期除外）",
                f"{day} is not of {year}: one file holds one year (and December days of the year before)",
            ),
        )
        for day, line in lines.items()
        if day.year != year and (day.year, day.month) != (year - 1, 12)
    ]
    rest = {entry.day for entry in days if not entry.is_workday}
    missing = [date(year, *fixed) for fixed in _FIXED if date(year, *fixed) not in rest]
    if missing:
        named = "、".join(day.isoformat() for day in missing)
        problems.append(
            LineProblem(
                0,
                Text(
                    f"缺少法定节日放假：{named}；请核对文件是否完整",
                    f"Statutory holidays are missing: {', '.join(map(str, missing))}; is the file complete?",
                ),
            )
        )
    return problems


def _refused(zh: str, en: str) -> YearList:
    return YearList(None, (), (LineProblem(0, Text(zh, en)),))
