"""Preparation: three deliverables of every body, checked by the office, due by the window's last minute (R11)."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from service.campaign import overview, plans, progress
from service.clock import city_day
from service.errors import Invalid
from service.store.plan import creation_target
from tests.workflows.city import City
from tests.workflows.year import (
    hand_in,
    issue_split,
    publish_plan,
    scheme,
    targets,
    working_body,
    year_id,
)


@pytest.fixture
def begun(city: City) -> City:
    """The city on 20 March, the plan published and the places split."""
    publish_plan(city)
    issue_split(city)
    city.move_to("2026-03-20 09:00")
    return city


def dues(city: City, who: str) -> set[str]:
    """The last days of what waits for a person: due is their 24:00."""
    return {
        str(city_day(one.due_at - timedelta(minutes=1)))
        for one in city.waiting(who)
        if one.due_at is not None
    }


def delivered(city: City, code: str) -> dict[str, tuple[str, bool, int]]:
    with city.system.database.read() as connection:
        found = progress.deliverables(connection, year_id(city), city.bodies[code])
    return {one.kind: (one.state, one.in_time, one.rounds) for one in found}


def test_r11_three_deliverables_are_handed_in_and_checked(begun: City) -> None:
    hand_in(begun, "qindu")
    assert delivered(begun, "qindu") == {
        "working_body": ("accepted", True, 1),
        "creation_targets": ("accepted", True, 1),
        "implementation_scheme": ("accepted", True, 1),
    }
    assert begun.open_processes("implementation") == 0
    begun.move_to("2026-03-31 23:59")
    assert begun.open_processes("implementation") == 0
    begun.move_to("2026-04-01 00:00")
    assert begun.open_processes("implementation") == 1


def test_r11_what_is_returned_comes_again_and_stays_in_time(begun: City) -> None:
    hand_in(begun, "qindu", check=False)
    for part in ("body", "targets", "scheme"):
        with pytest.raises(Invalid):
            begun.do("clerk", f"check_{part}", "return", {})
        begun.do("clerk", f"check_{part}", "return", {"remark": "请更正"})
    begun.move_to("2026-04-02 09:00")
    hand_in(begun, "qindu")
    assert delivered(begun, "qindu") == {
        "working_body": ("accepted", True, 2),
        "creation_targets": ("accepted", True, 2),
        "implementation_scheme": ("accepted", True, 2),
    }
    assert begun.open_processes("implementation") == 1


def test_r11_the_last_minute_of_31_march_is_in_time_and_the_next_is_not(begun: City) -> None:
    begun.move_to("2026-03-31 23:59")
    begun.do("qindu", "do_body", "submit", working_body())
    begun.move_to("2026-04-01 00:00")
    begun.do("qindu", "do_targets", "submit", targets(begun, ("village", "county")))
    assert delivered(begun, "qindu")["working_body"] == ("submitted", True, 1)
    assert delivered(begun, "qindu")["creation_targets"] == ("submitted", False, 1)


def test_r11_who_hands_in_late_is_supervised(begun: City) -> None:
    hand_in(begun, "qindu")
    begun.do("education", "do_body", "submit", working_body())
    begun.move_to("2026-03-31 23:59")
    assert not begun.waiting("clerk", "issue")
    begun.move_to("2026-04-01 00:00")
    waiting = begun.waiting("clerk", "issue")
    assert {one.body_name for one in waiting} == {"三原县创绿办", "市教育局", "军分区"}
    found = sorted(one.title for one in waiting)
    assert found == [
        "督办：计划准备阶段已截止，尚未报送：创建对象、实施方案",
        "督办：计划准备阶段已截止，尚未报送：工作机构、创建对象、实施方案",
        "督办：计划准备阶段已截止，尚未报送：工作机构、创建对象、实施方案",
    ]
    with begun.system.database.read() as connection:
        board = overview.campaign(connection, year_id(begun), begun.system.now(connection))
    named = {one.name for one in board.organisations}
    assert named == {"秦都区创绿办", "三原县创绿办", "市教育局", "军分区"}
    # The preparation stays open until it is done.
    begun.do("clerk", "check_body", "accept", {})
    hand_in(begun, "sanyuan")
    assert begun.open_processes("implementation") == 2


def supervised(city: City) -> list[str]:
    return [one.title for one in city.waiting("clerk", "issue") if one.body_name == "秦都区创绿办"]


def test_r11_what_was_returned_and_never_came_again_is_supervised(begun: City) -> None:
    hand_in(begun, "qindu", check=False)
    for part in ("body", "targets"):
        begun.do("clerk", f"check_{part}", "accept", {})
    begun.do("clerk", "check_scheme", "return", {"remark": "目标值太低"})
    begun.move_to("2026-03-31 23:59")
    assert supervised(begun) == []
    begun.move_to("2026-04-01 00:00")
    assert supervised(begun) == ["督办：计划准备阶段已截止，尚未报送：实施方案（退回后未重报）"]
    # Once: the correction belongs to the window.
    begun.move_to("2026-04-30 00:00")
    assert len(supervised(begun)) == 1


def test_r11_what_is_returned_after_the_window_has_a_clock_of_its_own(begun: City) -> None:
    begun.move_to("2026-03-31 23:00")
    hand_in(begun, "qindu", check=False)
    begun.move_to("2026-04-01 09:00")
    for part in ("body", "targets", "scheme"):
        begun.do("clerk", f"check_{part}", "return", {"remark": "请更正"})
    # Three working days; 4 to 6 April is 清明.
    assert dues(begun, "qindu") == {"2026-04-07"}
    begun.do("qindu", "redo_body", "submit", working_body())
    begun.do("clerk", "check_body", "accept", {})
    begun.move_to("2026-04-07 23:59")
    assert supervised(begun) == []
    begun.move_to("2026-04-08 00:00")
    assert sorted(supervised(begun)) == [
        "督办：创建对象退回更正后，三个工作日内未重新报送",
        "督办：实施方案退回更正后，三个工作日内未重新报送",
    ]
    begun.do("qindu", "redo_targets", "submit", targets(begun, ("village", "county")) | {"reason": "更正"})
    begun.do("qindu", "redo_scheme", "submit", scheme)
    for part in ("targets", "scheme"):
        begun.do("clerk", f"check_{part}", "accept", {})
    assert delivered(begun, "qindu")["implementation_scheme"] == ("accepted", True, 2)
    assert begun.open_processes("implementation") == 1


def test_r11_a_body_returned_in_every_part_may_be_late_with_its_working_body(begun: City) -> None:
    begun.move_to("2026-04-01 09:00")
    begun.do("qindu", "do_body", "submit", working_body())
    begun.do("clerk", "check_body", "return", {"remark": "请更正"})
    begun.move_to("2026-04-08 00:00")
    assert "督办：工作机构退回更正后，三个工作日内未重新报送" in supervised(begun)


def test_r11_reminders_come_on_28_march(begun: City) -> None:
    begun.move_to("2026-03-27 23:59")
    assert all(one.reminded_at is None for one in begun.waiting("qindu"))
    begun.move_to("2026-03-28 00:00")
    reminded = {one.element_id for one in begun.waiting("qindu") if one.reminded_at is not None}
    assert reminded == {"do_body", "do_targets", "do_scheme"}


def test_r11_targets_may_be_more_than_places_and_are_kept(begun: City) -> None:
    begun.do("qindu", "do_targets", "submit", targets(begun, ("village", "county"), ("plant", "county")))
    with pytest.raises(Invalid):
        begun.do("education", "do_targets", "submit", targets(begun, ("village", "city")))
    with begun.system.database.read() as connection:
        rows = connection.execute(select(creation_target.c.unit_id, creation_target.c.origin)).all()
    assert {tuple(row) for row in rows} == {
        (begun.units["village"], "list"),
        (begun.units["plant"], "list"),
    }


def test_r11_a_body_without_units_lists_none_and_says_why(begun: City) -> None:
    with pytest.raises(Invalid):
        begun.do("education", "do_targets", "submit", targets(begun))
    begun.do("education", "do_targets", "submit", targets(begun) | {"reason": "本系统没有所属单位"})
    begun.settle()
    assert delivered(begun, "education")["creation_targets"][0] == "submitted"


def scheme_items(city: City, who: str) -> set[str]:
    view = city.task(who, "do_scheme")
    assert view.form is not None
    source = view.form.rows["tasks"].source
    assert source is not None
    return {row.id for row in view.filling.sources.rows(source.name, source.parameter)}


def test_every_work_item_has_a_line_in_a_scheme_and_a_field_in_a_report(begun: City) -> None:
    with begun.system.database.read() as connection:
        every = {one.code: one for one in plans.work_items(connection, year_id(begun))}
    assert len(every) == 27
    bodies = {
        "qindu": "county_office",
        "education": "municipal_department",
        "garrison": "military_subdistrict",
    }
    for who, kind in bodies.items():
        expected = {code for code, item in every.items() if item.applies_to_organisation(kind)}
        assert scheme_items(begun, who) == expected, who
    assert scheme_items(begun, "qindu") == set(every), "the counties carry every item"
    hand_in(begun, "qindu")
    begun.move_to("2026-04-25 09:00")
    view = begun.task("qindu", "report")
    assert view.form is not None
    source = view.form.rows["figures"].source
    assert source is not None
    rows = view.filling.sources.rows(source.name, source.parameter)
    assert {row.id for row in rows} == set(every)
    assert {one.key for one in view.form.rows["figures"].fields} >= {"figure", "target", "task", "measure"}


def test_a_scheme_without_a_work_item_is_refused(begun: City) -> None:
    def without_one(view: Any) -> dict[str, Any]:
        data = scheme(view)
        data["tasks"][3]["task"] = None
        return data

    with pytest.raises(Invalid) as refusal:
        begun.do("qindu", "do_scheme", "submit", without_one)
    assert list(refusal.value.facts["fields"]) == ["tasks.3.task"]


def test_an_extension_is_heard_by_those_who_wait_for_the_window(begun: City) -> None:
    hand_in(begun, "qindu")
    begun.do("education", "do_body", "submit", working_body())
    begun.do("clerk", "check_body", "accept", {})
    begun.start(
        "education",
        "window_extension",
        plan_year_id=year_id(begun),
        window="preparation",
        scope="one",
        for_body_id=begun.bodies["education"],
        extended_to="2026-04-03",
        reason="方案需再征求意见",
    )
    begun.do(
        "head",
        "decide_head",
        "approve",
        {"granted_to": "2026-04-03", "document_number": "咸创绿办〔2026〕3号", "decided_on": "2026-03-20"},
    )
    # What is due with the window is due later, for this body alone; so is its reminder.
    assert dues(begun, "education") == {"2026-04-03"}
    assert dues(begun, "sanyuan") == {"2026-03-31"}
    begun.move_to("2026-03-30 23:59")
    assert all(one.reminded_at is None for one in begun.waiting("education"))
    begun.move_to("2026-03-31 00:00")
    assert all(one.reminded_at is not None for one in begun.waiting("education"))
    hand_in(begun, "education", parts=("targets", "scheme"))
    begun.move_to("2026-04-01 00:00")
    assert begun.open_processes("implementation") == 1
    begun.move_to("2026-04-03 23:59")
    assert begun.open_processes("implementation") == 1
    begun.move_to("2026-04-04 00:00")
    assert begun.open_processes("implementation") == 2
