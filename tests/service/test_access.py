"""Who sees which matter, by role and duty, and how military units read outside their channel (R09)."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, Literal

import pytest
from sqlalchemy import insert, select

from service import clock, instances, matters
from service.engine.model import Role
from service.errors import Forbidden, Invalid, NotFound, Text
from service.identity import access, administration, directory, duties, organisations, people
from service.identity.organisations import REDACTED
from service.identity.people import Person
from service.store import procedure as tables
from service.store.ids import new_id
from service.system import System
from tests import town

LEAVE = Path(__file__).resolve().parents[1] / "procedures" / "leave"

SINCE = date(2019, 3, 1)
SEES: dict[str, Literal["own", "area", "all"]] = {
    "applicant": "own",
    "recommender": "own",
    "county": "area",
    "office": "all",
}
ROLES = {name: Role(name, Text(name, name), "*", None, sees) for name, sees in SEES.items()}
#: Person: role and where, or a duty.
SEATS = {
    "school": ("applicant", "school"),
    "school-2": ("applicant", "school-2"),
    "barracks": ("applicant", "barracks"),
    "qindu": ("county", "qindu"),
    "sanyuan": ("county", "sanyuan"),
    "education": ("recommender", "education"),
    "health": ("recommender", "health"),
    "garrison": ("recommender", "garrison"),
    "office": ("office", "municipal"),
    "committee": ("recommender", "committee"),
    "process administrator": ("duty.process_administrator", None),
    "manager": ("duty.manager", None),
    "auditor": ("duty.auditor", None),
    "administrator": ("duty.administrator", None),
    "designer": ("duty.designer", None),
    "former": ("county", "qindu"),
}
READS_ALL = {"office", "process administrator", "manager", "auditor"}
#: Matter: the unit it is about, the body it belongs to, and who sees it beside those who read everything.
MATTERS = {
    "of a territorial school": ("school", None, {"school", "qindu"}),
    "of a school of the education bureau": ("school-2", None, {"school-2", "education"}),
    "of barracks": ("barracks", None, {"barracks", "garrison"}),
    "of the county office": (None, "qindu", {"qindu"}),
    "of another county's office": (None, "sanyuan", {"sanyuan"}),
    "of the barracks as a body": (None, "barracks", {"barracks"}),
    "of nobody": (None, None, set()),
}


@dataclass
class Place:
    """An installation with bodies, people and matters."""

    system: System
    bodies: dict[str, str] = field(default_factory=dict)
    people: dict[str, Person] = field(default_factory=dict)
    matters: dict[str, str] = field(default_factory=dict)


@pytest.fixture
def place(system: System) -> Iterator[Place]:
    """Bodies of every channel, one person each, one matter of each kind."""
    made = Place(system)
    with system.database.write() as connection:
        at = system.now(connection)
        for code, kind, area in (
            ("municipal", "municipal_office", "610400"),
            ("committee", "municipal_committee", "610400"),
            ("garrison", "military_subdistrict", "610400"),
            ("education", "municipal_department", "610400"),
            ("health", "municipal_department", "610400"),
            ("qindu", "county_office", "610402"),
            ("sanyuan", "county_office", "610422"),
            ("school", "unit", "610402"),
            ("school-2", "unit", "610402"),
            ("barracks", "unit", "610402"),
        ):
            made.bodies[code] = directory.insert_organisation(
                connection,
                code=code,
                name=f"{code} 全称",
                kind=kind,
                area_code=area,
                parent_id=made.bodies["garrison"] if code == "barracks" else None,
                valid_from=SINCE,
            )
        directory.insert_profile(connection, made.bodies["school"], {"unit_kind": "school"}, at=at)
        directory.insert_profile(
            connection,
            made.bodies["school-2"],
            {"unit_kind": "school", "municipal_department_id": made.bodies["education"]},
            at=at,
        )
        directory.insert_profile(
            connection, made.bodies["barracks"], {"unit_kind": "barracks", "military": True}, at=at
        )
        for login, (role, seat) in SEATS.items():
            person_id = people.insert_person(connection, login.replace(" ", "-"), login, at=at)
            people.insert_membership(
                connection,
                person_id,
                role,
                made.bodies[seat] if seat else None,
                at=at,
                valid_from=SINCE,
                valid_to=date(2020, 1, 1) if login == "former" else None,
            )
            made.people[login] = people.load(connection, person_id, clock.city_day(at))
        for title, (unit, organisation, _sees) in MATTERS.items():
            made.matters[title] = new_id()
            connection.execute(
                insert(tables.matter).values(
                    id=made.matters[title],
                    process_key="p",
                    title=title,
                    unit_id=made.bodies[unit] if unit else None,
                    organisation_id=made.bodies[organisation] if organisation else None,
                    opened_at=at,
                )
            )
    return made


def seen(place: Place, person: Person) -> set[str]:
    with place.system.database.read() as connection:
        condition = access.visible_matters(connection, person, ROLES, place.system.now(connection))
        return set(connection.scalars(select(tables.matter.c.title).where(condition)))


def test_the_table_of_who_sees_which_matter(place: Place) -> None:
    for login, person in place.people.items():
        expected = {
            title for title, (_unit, _body, sees) in MATTERS.items() if login in READS_ALL or login in sees
        }
        assert seen(place, person) == expected, login


def test_who_opened_or_has_to_do_a_step_sees_the_matter(system: System) -> None:
    """A matter is its people's, whatever their role may see."""
    town.deploy(system, LEAVE)
    with system.database.write() as connection:
        bureau = town.add_organisation(connection, "bureau")
        other = town.add_organisation(connection, "other")
    employee = town.add_person(system, "employee", ("employee", bureau))
    head = town.add_person(system, "head", ("head", bureau))
    town.add_person(system, "another-head", ("head", other))
    stranger = town.add_person(system, "stranger", ("head", other))
    data = {"kind": "annual", "days": 2, "reason": "探亲", "from_day": "2026-03-09"}
    started = instances.start(system, employee, "leave", data=data)
    with system.database.read() as connection:
        now = system.now(connection)
        assert access.may_see_matter(connection, employee, started.matter_id, now)
        assert access.may_see_matter(connection, head, started.matter_id, now)
        assert not access.may_see_matter(connection, stranger, started.matter_id, now)
    with pytest.raises(NotFound):
        matters.get(system, stranger, started.matter_id)


def test_roles_are_those_of_the_procedure_in_force(system: System) -> None:
    with system.database.read() as connection:
        assert access.roles_in_force(connection) == {}
    town.deploy(system, LEAVE)
    with system.database.read() as connection:
        roles = access.roles_in_force(connection)
    assert {name: one.sees for name, one in roles.items()} == {
        "employee": "own",
        "head": "own",
        "director": "all",
    }


def test_a_military_unit_reads_as_one_outside_its_channel(place: Place) -> None:
    barracks, school = place.bodies["barracks"], place.bodies["school"]
    inside = {"barracks", "garrison", "office", "committee"}
    with place.system.database.read() as connection:
        for login, person in place.people.items():
            names = access.redacted_names(connection, person, [barracks, school])
            expected = "barracks 全称" if login in inside else REDACTED.zh
            assert names == {barracks: expected, school: "school 全称"}, login


def test_nothing_of_a_redacted_unit_gets_out_through_lists(place: Place) -> None:
    barracks, outsider = place.bodies["barracks"], place.people["manager"]
    one = organisations.get_for(place.system, outsider, barracks)
    assert one.redacted
    assert (one.code, one.area_code, one.parent_id, one.unit_kind) == ("", None, None, None)
    assert "barracks" not in f"{one.name}{one.name_en}{one.label}"
    questions: tuple[dict[str, Any], ...] = ({"search": "barracks"}, {"area": "610402", "kind": "unit"})
    for question in questions:
        rows = organisations.list_for(place.system, outsider, **question).rows
        assert barracks not in [row.id for row in rows], question
    every = organisations.list_for(place.system, outsider, kind="unit").rows
    assert [row.redacted for row in every if row.id == barracks] == [True]
    # Its code would put it among its county's.
    assert every[-1].id == barracks
    found = organisations.list_for(place.system, place.people["garrison"], search="barracks").rows
    assert [row.id for row in found] == [barracks]
    assert not found[0].redacted


def test_who_serves_in_a_redacted_unit_is_listed_without_its_name(place: Place) -> None:
    keeper = town.add_person(place.system, "keeper", (duties.ADMINISTRATOR, None))
    soldier = town.add_person(place.system, "soldier", ("applicant", place.bodies["barracks"]))
    account, held = administration.get_account(place.system, keeper, soldier.id)
    assert [one.organisation_name for one in account.person.memberships] == [REDACTED.zh]
    assert [one.organisation_name for one in held] == [REDACTED.zh]
    assert "barracks" not in repr(administration.list_accounts(place.system, keeper, search="soldier"))
    assert not administration.list_accounts(place.system, keeper, search="barracks 全称").rows


def test_pages_of_organisations_follow_one_another(place: Place) -> None:
    person = place.people["manager"]
    codes: list[str] = []
    after: str | None = None
    while True:
        page = organisations.list_for(place.system, person, after=after, limit=3)
        codes += [row.id for row in page.rows]
        after = page.next
        if after is None:
            break
    assert len(codes) == len(set(codes)) == len(place.bodies)


def test_a_military_unit_is_never_public(place: Place) -> None:
    with pytest.raises(Invalid), place.system.database.write() as connection:
        directory.update_profile(
            connection, place.bodies["barracks"], {"public": True}, version=1, at=place.system.now(connection)
        )
    with place.system.database.write() as connection:
        directory.update_profile(
            connection, place.bodies["school"], {"military": True}, version=1, at=place.system.now(connection)
        )
        assert not organisations.unit(connection, place.bodies["school"]).public


def test_an_administrator_outside_the_channel_keeps_no_military_unit(place: Place) -> None:
    barracks, administrator = place.bodies["barracks"], place.people["administrator"]
    verbs: tuple[Callable[[], object], ...] = (
        lambda: directory.change_unit(place.system, administrator, barracks, {"staff": 3}, version=1),
        lambda: directory.rename(
            place.system, administrator, barracks, name="x", from_day=date(2026, 1, 1), reason="x"
        ),
        lambda: directory.end(place.system, administrator, barracks, last_day=date(2027, 1, 1), reason="x"),
    )
    for verb in verbs:
        with pytest.raises(Forbidden):
            verb()
    school = place.bodies["school"]
    assert directory.change_unit(place.system, administrator, school, {"staff": 3}, version=1).staff == 3
