"""Keeping organisations, units and places: what is refused, names of before, who manages a township."""

from datetime import date
from typing import Any

import pytest

from service import clock
from service.errors import AppError, Conflict, Invalid, NotFound
from service.identity import commands, directory, organisations, people, places
from service.identity.people import Person
from service.system import System


@pytest.fixture
def administrator(system: System) -> Person:
    commands.add(system, "admin", "管理员", "seven green bridges")
    commands.add_membership(system, "admin", "duty.administrator", None)
    with system.database.read() as connection:
        return people.load_by_login(connection, "admin", clock.city_day(system.now(connection)))


def add(system: System, by: Person, code: str = "U-1", **profile: Any) -> str:
    return directory.add(
        system,
        by,
        code=code,
        name=f"单位 {code}",
        kind="unit",
        area_code="610402",
        valid_from=date(2019, 3, 1),
        profile={"unit_kind": "school", **profile},
    )


def test_a_unit_is_kept_with_its_profile(system: System, administrator: Person) -> None:
    unit_id = add(system, administrator, uscc="12610402DEM000002F", students=1200, green_ratio=31.5)
    with system.database.read() as connection:
        unit = organisations.unit(connection, unit_id)
        assert organisations.is_unit(connection, unit_id)
    assert (unit.uscc, unit.students, unit.green_ratio, unit.public) == (
        "12610402DEM000002F",
        1200,
        31.5,
        True,
    )
    changed = directory.change_unit(system, administrator, unit_id, {"students": 1300}, version=unit.version)
    assert (changed.students, changed.uscc) == (1300, "12610402DEM000002F")
    with pytest.raises(Conflict):
        directory.change_unit(system, administrator, unit_id, {"students": 1}, version=unit.version)


@pytest.mark.parametrize(
    ("profile", "field"),
    [
        ({"unit_kind": "castle"}, "unit_kind"),
        ({"uscc": "12610402DEM000002X"}, "uscc"),
        ({"students": -1}, "students"),
        ({"students": 1.5}, "students"),
        ({"green_ratio": "many"}, "green_ratio"),
        ({"military": "是"}, "military"),
        ({"military": True, "public": True}, "public"),
        ({"address": "路" * 201}, "address"),
        ({"colour": "green"}, "colour"),
        ({"municipal_department_id": "nobody"}, "municipal_department_id"),
    ],
)
def test_a_wrong_fact_is_refused_by_its_field(
    system: System, administrator: Person, profile: dict[str, Any], field: str
) -> None:
    with pytest.raises(Invalid) as caught:
        add(system, administrator, **profile)
    assert set(caught.value.facts["fields"]) == {field}
    with system.database.read() as connection, pytest.raises(NotFound):
        organisations.find(connection, "U-1")


def test_two_units_never_share_a_code_or_a_credit_code(system: System, administrator: Person) -> None:
    add(system, administrator, uscc="12610402DEM000002F")
    with pytest.raises(Conflict):
        add(system, administrator)
    with pytest.raises(Invalid) as caught:
        add(system, administrator, code="U-2", uscc="12610402dem000002f")
    assert set(caught.value.facts["fields"]) == {"uscc"}


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"code": ""}, "code"),
        ({"name": " "}, "name"),
        ({"kind": "castle"}, "kind"),
        ({"area_code": "999999"}, "area_code"),
        ({"parent_id": "nobody"}, "parent_id"),
        ({"name_en": "x" * 161}, "name_en"),
    ],
)
def test_an_organisation_needs_what_others_rest_on(
    system: System, administrator: Person, changes: dict[str, Any], field: str
) -> None:
    given = {"code": "C-1", "name": "秦都区创绿办", "kind": "county_office", **changes}
    with pytest.raises(AppError) as caught:
        directory.add(system, administrator, **given)
    assert set(caught.value.facts["fields"]) == {field}


def test_a_renamed_unit_is_found_by_both_names(system: System, administrator: Person) -> None:
    unit_id = add(system, administrator)
    directory.rename(
        system, administrator, unit_id, name="秦都区新名小学", from_day=date(2026, 3, 1), reason="校名变更"
    )
    for search in ("单位 U-1", "新名"):
        (found,) = organisations.list_for(system, administrator, search=search).rows
        assert (found.id, found.name) == (unit_id, "秦都区新名小学")
    with system.database.read() as connection:
        assert organisations.former_names(connection, unit_id) == ["单位 U-1"]
    with pytest.raises(Invalid):
        directory.rename(system, administrator, unit_id, name="又一个", from_day=date(2026, 3, 1), reason="x")
    with pytest.raises(Invalid):
        directory.rename(system, administrator, unit_id, name="又一个", from_day=date(2026, 4, 1), reason=" ")


def test_an_ended_organisation_leaves_the_lists_but_not_the_register(
    system: System, administrator: Person
) -> None:
    unit_id = add(system, administrator)
    with pytest.raises(Invalid):
        directory.end(system, administrator, unit_id, last_day=date(2019, 2, 28), reason="撤销")
    directory.end(system, administrator, unit_id, last_day=date(2020, 12, 31), reason="撤销")
    assert organisations.list_for(system, administrator, kind="unit").rows == []
    assert organisations.get_for(system, administrator, unit_id).valid_to == date(2020, 12, 31)


def test_a_township_that_was_taken_over_and_came_back(system: System) -> None:
    with system.database.write() as connection:
        place_id = places.add(
            connection, name="双照街道", area_code="610402", valid_from=date(2000, 1, 1), source="测试"
        )
        places.hand_over(
            connection, place_id, to_area=None, manager="西咸新区", valid_from=date(2017, 4, 8), source="托管"
        )
        places.hand_over(
            connection, place_id, to_area="610402", manager="", valid_from=date(2021, 7, 1), source="交回"
        )
    with system.database.read() as connection:
        for day, area in (
            (date(2017, 4, 7), "610402"),
            (date(2017, 4, 8), None),
            (date(2021, 6, 30), None),
            (date(2021, 7, 1), "610402"),
        ):
            assert places.managed_by(connection, place_id, day).area_code == area
            assert [one.id for one in places.in_area(connection, "610402", day)] == (
                [place_id] if area else []
            )
        assert [one.manager for one in places.history(connection, place_id)] == ["", "西咸新区", ""]
        with pytest.raises(NotFound):
            places.managed_by(connection, place_id, date(1999, 12, 31))
    with pytest.raises(Conflict), system.database.write() as connection:
        places.add(connection, name="双照街道", area_code="610402", valid_from=date(2000, 1, 1), source="")
    with pytest.raises(Invalid), system.database.write() as connection:
        places.hand_over(
            connection, place_id, to_area=None, manager="x", valid_from=date(2021, 7, 1), source="太早"
        )
