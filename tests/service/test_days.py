"""The working calendar of an installation: the shipped lists, and taking over a later year's."""

from datetime import date, timedelta

import pytest

from service import clock
from service.campaign import days
from service.errors import Forbidden, Invalid
from service.identity import commands, people
from service.identity.people import Person
from service.system import CALENDAR_LIFE, System

HEADER = "日期,安排,名称,依据\n"
SOURCE = "国务院办公厅关于2027年部分节假日安排的通知（测试用）"
LIST_2027 = HEADER + "".join(
    f"2027-{day},{kind},{name},{SOURCE}\n"
    for day, kind, name in (
        ("01-01", "放假", "元旦"),
        ("02-06", "放假", "春节"),
        ("02-08", "放假", "春节"),
        ("02-20", "上班", "春节调休"),
        ("05-01", "放假", "劳动节"),
        ("10-01", "放假", "国庆节"),
        ("10-02", "放假", "国庆节"),
        ("10-03", "放假", "国庆节"),
    )
)


@pytest.fixture
def administrator(system: System) -> Person:
    commands.add(system, "admin", "管理员", "seven green bridges")
    commands.add_membership(system, "admin", "duty.administrator", None)
    with system.database.read() as connection:
        return people.load_by_login(connection, "admin", clock.city_day(system.now(connection)))


def test_a_new_installation_knows_the_shipped_years(system: System) -> None:
    with system.database.read() as connection:
        known = days.listed_years(connection)
        calendar = system.calendar(connection)
    assert [one.year for one in known] == [2025, 2026]
    assert all("国务院办公厅" in source for one in known for source in one.sources)
    assert not calendar.is_workday(date(2026, 10, 1))


def test_a_period_into_a_year_without_a_list_warns_until_the_list_is_imported(
    system: System, administrator: Person
) -> None:
    with system.database.read() as connection:
        before = system.calendar(connection).add_workdays(date(2026, 12, 31), 25)
    assert "2027" in before.warnings[0].zh
    done = days.import_year_list(system, administrator, LIST_2027.encode())
    assert (done.year, done.days, done.sources) == (2027, 8, (SOURCE,))
    with system.database.read() as connection:
        after = system.calendar(connection).add_workdays(date(2026, 12, 31), 25)
    assert after.warnings == ()
    # 1 January and 8 February are not worked.
    assert (before.day, after.day) == (date(2027, 2, 4), date(2027, 2, 5))


def test_a_corrected_list_replaces_the_year(system: System, administrator: Person) -> None:
    days.import_year_list(system, administrator, LIST_2027.encode())
    corrected = LIST_2027.replace("2027-02-08,放假,春节", "2027-02-09,放假,春节")
    days.import_year_list(system, administrator, corrected.encode("gb18030"))
    with system.database.read() as connection:
        calendar = system.calendar(connection)
        assert [one.days for one in days.listed_years(connection) if one.year == 2027] == [8]
    assert calendar.is_workday(date(2027, 2, 8))
    assert not calendar.is_workday(date(2027, 2, 9))


def test_a_list_with_an_error_changes_nothing(system: System, administrator: Person) -> None:
    wrong = LIST_2027.replace("2027-02-20,上班", "2027-02-23,上班")
    with pytest.raises(Invalid) as caught:
        days.import_year_list(system, administrator, wrong.encode())
    assert [one["line"] for one in caught.value.facts["problems"]] == [5]
    with system.database.read() as connection:
        assert [one.year for one in days.listed_years(connection)] == [2025, 2026]


def test_only_administrators_import_a_list(system: System, administrator: Person) -> None:
    commands.add(system, "zhang", "张三", "seven green bridges")
    with system.database.read() as connection:
        zhang = people.load_by_login(connection, "zhang", date(2026, 3, 1))
    with pytest.raises(Forbidden):
        days.import_year_list(system, zhang, LIST_2027.encode())


def test_another_process_knows_an_imported_list_a_minute_later(
    system: System, administrator: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = System(system.settings, system.database)
    with system.database.read() as connection:
        assert not other.calendar(connection).covers(2027)
    days.import_year_list(system, administrator, LIST_2027.encode())
    now = clock.system_now()
    monkeypatch.setattr(clock, "system_now", lambda: now + CALENDAR_LIFE + timedelta(seconds=1))
    with system.database.read() as connection:
        assert other.calendar(connection).covers(2027)
