"""Declared relations to units: whose, in force until withdrawn, and in the journal."""

from datetime import date

import pytest

from service.errors import Conflict, Forbidden, Invalid, NotFound
from service.identity import administration, directory, recusals
from service.system import System
from tests import town


def unit(system: System, *, military: bool = False) -> str:
    with system.database.write() as connection:
        unit_id = directory.insert_organisation(
            connection,
            code="U-1",
            name="秦都区第一小学",
            kind="unit",
            area_code="610402",
            valid_from=date(2019, 3, 1),
        )
        profile = {"unit_kind": "school", "military": military}
        directory.insert_profile(connection, unit_id, profile, at=system.now(connection))
        return unit_id


def test_a_relation_is_declared_once_and_withdrawn(system: System) -> None:
    school = unit(system)
    inspector = town.add_person(system, "inspector")
    administrator = town.add_person(system, "admin", ("duty.administrator", None))
    declared = recusals.declare(system, inspector, school, reason="配偶在该校任职")
    (mine,) = recusals.list_of(system, inspector)
    assert (mine.id, mine.organisation_name, mine.reason) == (declared, "秦都区第一小学", "配偶在该校任职")
    with pytest.raises(Conflict):
        recusals.declare(system, administrator, school, reason="x", person_id=inspector.id)
    recusals.withdraw(system, inspector, declared)
    assert recusals.list_of(system, inspector) == []
    with pytest.raises(NotFound):
        recusals.withdraw(system, inspector, declared)
    recusals.declare(system, administrator, school, reason="曾任该校校长", person_id=inspector.id)
    kinds = [
        one.kind for one in administration.journal_entries(system, administrator, person_id=inspector.id)
    ]
    assert kinds == ["recusal.declare", "recusal.withdraw", "recusal.declare"]


def test_nobody_declares_or_reads_for_another(sqlite_system: System) -> None:
    school = unit(sqlite_system)
    inspector, other = town.add_person(sqlite_system, "inspector"), town.add_person(sqlite_system, "other")
    declared = recusals.declare(sqlite_system, inspector, school, reason="配偶在该校任职")
    with pytest.raises(Forbidden):
        recusals.declare(sqlite_system, other, school, reason="x", person_id=inspector.id)
    with pytest.raises(Forbidden):
        recusals.list_of(sqlite_system, other, inspector.id)
    with pytest.raises(Forbidden):
        recusals.withdraw(sqlite_system, other, declared)


def test_a_relation_needs_a_reason_and_a_unit(sqlite_system: System) -> None:
    school = unit(sqlite_system)
    inspector = town.add_person(sqlite_system, "inspector")
    with pytest.raises(Invalid):
        recusals.declare(sqlite_system, inspector, school, reason="  ")
    with pytest.raises(Invalid):
        recusals.declare(sqlite_system, inspector, "no unit", reason="x")


def test_a_relation_to_a_military_unit_does_not_name_it(sqlite_system: System) -> None:
    barracks = unit(sqlite_system, military=True)
    inspector = town.add_person(sqlite_system, "inspector")
    recusals.declare(sqlite_system, inspector, barracks, reason="转业前单位")
    (mine,) = recusals.list_of(sqlite_system, inspector)
    assert mine.organisation_name == "某涉军单位"
