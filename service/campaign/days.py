"""The working calendar as this installation knows it: the table of official days and taking over later lists."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, func, insert, select

from service import clock
from service.campaign import year_lists
from service.campaign.calendar import CalendarDay, WorkCalendar
from service.errors import Forbidden, Invalid, Text
from service.identity import duties, journal
from service.identity.people import Person
from service.store.campaign import calendar_day
from service.system import System


@dataclass(frozen=True, slots=True)
class ListedYear:
    """A year whose official list is known, with the documents it rests on."""

    year: int
    days: int
    sources: tuple[str, ...]


def read_calendar(connection: Connection) -> WorkCalendar:
    """Return the working calendar. A period that enters a year without a list carries a warning."""
    rows = connection.execute(select(calendar_day).order_by(calendar_day.c.day))
    return WorkCalendar(CalendarDay(row.day, row.is_workday, row.name, row.source) for row in rows)


def store_official_days(connection: Connection) -> None:
    """Write the shipped official lists into an empty table, once, when the database is made."""
    now = clock.system_now()
    _insert(connection, year_lists.official_days(), now)


def listed_years(connection: Connection) -> list[ListedYear]:
    """Return the years whose list is known, in order."""
    known = read_calendar(connection)
    found = []
    for year in known.years():
        rows = connection.execute(
            select(calendar_day.c.source, func.count())
            .where(calendar_day.c.list_year == year)
            .group_by(calendar_day.c.source)
            .order_by(calendar_day.c.source)
        ).all()
        found.append(ListedYear(year, sum(count for _, count in rows), tuple(source for source, _ in rows)))
    return found


def import_year_list(system: System, person: Person, data: bytes) -> ListedYear:
    """Take over the official list of a year from a CSV file; it replaces what was known of that year.

    All or nothing: raises `Invalid` with `problems` (line and text of each) when anything in the file is wrong,
    `Forbidden` for who is no administrator. Periods reckoned before stay as they are; what is reckoned from now
    on uses the list.
    """
    if not person.has(duties.ADMINISTRATOR):
        raise Forbidden(
            Text("只有系统管理员可以导入放假安排", "Only administrators may import a year's holidays")
        )
    read = year_lists.read_year_list(data)
    if read.problems or read.year is None:
        raise Invalid(
            Text(
                f"放假安排未导入：文件有 {len(read.problems)} 处问题，没有写入任何内容",
                f"Nothing was imported: the file has {len(read.problems)} problems",
            ),
            problems=[
                {"line": one.line, "text": one.text.zh, "text_en": one.text.en} for one in read.problems
            ],
        )
    with system.database.write() as connection:
        # A list may restate December days that the list before it already had: the newer document holds.
        connection.execute(
            delete(calendar_day).where(
                (calendar_day.c.list_year == read.year)
                | calendar_day.c.day.in_([entry.day for entry in read.days])
            )
        )
        _insert(connection, read.days, system.now(connection), year=read.year)
        journal.record(
            connection,
            "calendar.import",
            clock.system_now(),
            actor=person.id,
            year=read.year,
            days=len(read.days),
        )
    system.forget_calendar()
    return ListedYear(read.year, len(read.days), tuple(sorted({entry.source for entry in read.days})))


def _insert(
    connection: Connection, days: tuple[CalendarDay, ...], at: datetime, *, year: int | None = None
) -> None:
    latest = {entry.day: entry for entry in days}
    connection.execute(
        insert(calendar_day),
        [
            {
                "day": entry.day,
                "is_workday": entry.is_workday,
                "name": entry.name,
                "source": entry.source,
                "list_year": year or entry.day.year,
                "imported_at": at,
            }
            for entry in latest.values()
        ],
    )
