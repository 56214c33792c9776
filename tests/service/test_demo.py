"""The demo city: what it holds, when it begins, and that it never touches a real database."""

import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select, text

from service import clock, demo, installations
from service.clock import CITY_ZONE
from service.errors import Conflict, Invalid, NotFound
from service.identity import commands, demo_people, duties, organisations, people, sessions, sign_in, uscc
from service.identity.people import Person
from service.store.database import Database
from service.store.identity import area, organisation, place_management, unit_kind, unit_profile
from service.store.title import title
from service.system import System
from tests.conftest import settings_for

ROOT = Path(__file__).resolve().parents[2]
LEAVE = ROOT / "tests" / "procedures" / "leave"


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> System:
    """A demo city with a small procedure: its people and units are what is looked at."""
    folder = tmp_path_factory.mktemp("demo")
    system, made = demo.open_demo(settings_for(folder, f"sqlite:///{folder}/demo.sqlite3"), LEAVE)
    assert made
    return system


@pytest.fixture(scope="module")
def everybody(city: System) -> dict[str, Person]:
    return {one.login: one for one in people.list_people(city)}


def test_the_clock_begins_two_days_before_the_first_phase(city: System) -> None:
    with city.database.read() as connection:
        now = city.now(connection).astimezone(CITY_ZONE)
        assert city.installation(connection).movable_clock
    assert now.strftime("%Y-%m-%d %H") == "2026-03-18 09"


def test_the_bodies_of_every_level_and_channel_are_there(city: System) -> None:
    with city.database.read() as connection:
        kinds = Counter(connection.scalars(select(organisation.c.kind)))
        counties = set(connection.scalars(select(area.c.code).where(area.c.parent_code == "610400")))
        participating = set(
            connection.scalars(select(area.c.code).where(area.c.parent_code == "610400", area.c.participates))
        )
        offices = set(
            connection.scalars(select(organisation.c.area_code).where(organisation.c.kind == "county_office"))
        )
    assert kinds == {
        "national_office": 1,
        "provincial_office": 1,
        "municipal_office": 1,
        "municipal_committee": 1,
        "military_subdistrict": 1,
        "municipal_department": 23,
        "county_office": 13,
        "county_government": 13,
        "unit": 66,
    }
    assert len(counties) == 14
    assert counties - participating == {"610403"}
    assert offices == participating


def test_units_of_every_kind_stand_in_every_area_and_channel(city: System) -> None:
    with city.database.read() as connection:
        rows = connection.execute(
            select(organisation.c.name, organisation.c.area_code, unit_profile).join(
                unit_profile, unit_profile.c.organisation_id == organisation.c.id
            )
        ).all()
        kinds = set(connection.scalars(select(unit_kind.c.kind)))
    assert {row.unit_kind for row in rows} == kinds
    assert len({row.area_code for row in rows if row.municipal_department_id is None}) == 13
    assert sum(row.municipal_department_id is not None for row in rows) == 17
    assert sum(row.military for row in rows) == 3
    assert all("（演示）" in row.name for row in rows)
    for row in rows:
        if row.uscc is not None:
            assert uscc.read(row.uscc)[8:12] == "DEM0"
    assert all(not row.public for row in rows if row.military)


def test_townships_moved_out_and_some_came_back(city: System) -> None:
    with city.database.read() as connection:
        out = connection.execute(select(place_management).where(place_management.c.area_code.is_(None))).all()
    assert len(out) == 15
    assert {str(row.valid_from) for row in out} == {"2017-04-08"}
    assert sum(row.valid_to is not None for row in out) == 4


def test_every_role_is_held_at_every_body_that_has_it(city: System, everybody: dict[str, Person]) -> None:
    with city.database.read() as connection:
        seats = [
            (one.role, one.organisation_id) for person in everybody.values() for one in person.memberships
        ]
        for kind, role in (
            ("county_office", "county_office"),
            ("county_office", "recommender"),
            ("county_office", "organiser"),
            ("county_office", "publisher"),
            ("county_government", "county_government"),
            ("municipal_department", "recommender"),
            ("military_subdistrict", "recommender"),
            ("municipal_office", "municipal_office"),
            ("municipal_office", "office_head"),
            ("municipal_committee", "committee_chair"),
            ("municipal_committee", "committee_member"),
            ("provincial_office", "provincial_liaison"),
            ("national_office", "national_liaison"),
            ("unit", "applicant"),
        ):
            bodies = organisations.of_kind(connection, kind, clock.city_day(city.now(connection)))
            for one in bodies:
                assert (role, one.id) in seats, (role, one.name)
    assert sum("inspector" in person.roles for person in everybody.values()) >= 9


def test_the_products_duties_are_different_people(everybody: dict[str, Person]) -> None:
    for duty in duties.LABELS:
        holders = [one for one in everybody.values() if one.has(duty)]
        assert holders, duty
        assert all(len(one.memberships) == 1 for one in holders), duty


def test_titles_held_before_have_their_proof(city: System) -> None:
    with city.database.read() as connection:
        rows = connection.execute(select(title)).all()
    assert {row.level for row in rows} == {"county", "city", "province"}
    assert all(row.origin == "legacy" and row.proof["file"] and row.decision_number for row in rows)
    leap = next(row for row in rows if str(row.decided_on) == "2024-02-29")
    assert str(leap.valid_to) == "2029-02-28"


def test_the_printed_password_opens_every_account(city: System, everybody: dict[str, Person]) -> None:
    lines = demo.people_lines(city)
    password = lines[0].rpartition(" ")[2]
    shown = [line.split()[0] for line in lines[1:] if line.startswith("  演示-")]
    assert len(shown) > 15
    for login in (shown[0], shown[-1]):
        assert sign_in.sign_in(city, login, password).person.id == everybody[login].id


def test_a_demo_person_can_be_chosen_without_a_password(city: System) -> None:
    person = demo_people.list_people(city)[0]
    found = sessions.authenticate(city, demo_people.sign_in_as(city, person.id))
    assert found is not None
    assert found.person.id == person.id
    with pytest.raises(NotFound):
        demo_people.sign_in_as(city, "nobody")


def test_a_real_database_has_no_demo_people(system: System) -> None:
    person_id = commands.add(system, "zhang", "张三", "seven green bridges")
    assert demo_people.list_people(system) == []
    assert demo.people_lines(system) == []
    with pytest.raises(NotFound):
        demo_people.sign_in_as(system, person_id)


def test_opening_again_makes_nothing_and_fresh_makes_all_anew(database_url: str, tmp_path: Path) -> None:
    settings = settings_for(tmp_path, database_url)
    if database_url.startswith("sqlite"):
        settings = replace(settings, database_url=f"sqlite:///{tmp_path}/other.sqlite3")
    else:
        empty = Database(database_url)
        with empty.write() as connection:
            connection.execute(text("DROP SCHEMA public CASCADE"))
            connection.execute(text("CREATE SCHEMA public"))
        empty.dispose()
    system, made = demo.open_demo(settings, LEAVE)
    assert made
    first = {one.id for one in people.list_people(system)}
    system.database.dispose()
    system, made = demo.open_demo(settings, LEAVE)
    assert not made
    assert {one.id for one in people.list_people(system)} == first
    system.database.dispose()
    system, made = demo.open_demo(settings, LEAVE, fresh=True)
    assert made
    assert not {one.id for one in people.list_people(system)} & first
    system.database.dispose()


def test_a_start_cut_short_goes_on_where_it_stopped(tmp_path: Path) -> None:
    settings = settings_for(tmp_path, f"sqlite:///{tmp_path}/demo.sqlite3")
    broken = tmp_path / "broken"
    shutil.copytree(LEAVE, broken)
    (broken / "leave.bpmn").write_text("<no diagram", encoding="utf-8")
    with pytest.raises(Invalid):
        demo.open_demo(settings, broken)
    system, made = demo.open_demo(settings, LEAVE)
    assert made
    assert len(people.list_people(system)) > 200
    system.database.dispose()


@pytest.mark.parametrize("fresh", [False, True])
def test_a_real_database_is_never_made_a_demo(system: System, fresh: bool) -> None:
    commands.add(system, "zhang", "张三", "seven green bridges")
    with pytest.raises(Conflict):
        demo.open_demo(system.settings, LEAVE, fresh=fresh)
    assert [one.login for one in people.list_people(system)] == ["zhang"]
    assert not installations.migrate(system.settings)
