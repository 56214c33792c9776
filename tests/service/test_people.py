"""People and memberships: whose role holds on which day, where a role sits, what administrators may do."""

from datetime import date, timedelta

import pytest
from sqlalchemy import select

from service import clock
from service.engine.model import Role
from service.errors import Conflict, Forbidden, Invalid, NotFound, Text
from service.identity import (
    administration,
    commands,
    directory,
    journal,
    organisations,
    people,
    sessions,
    sign_in,
)
from service.identity.people import Person
from service.store.identity import security_event
from service.system import System

DAY = timedelta(days=1)


def load(system: System, login: str, day: date | None = None) -> Person:
    with system.database.read() as connection:
        return people.load_by_login(connection, login, day or clock.city_day(system.now(connection)))


def add(system: System, login: str, *duties: str) -> Person:
    commands.add(system, login, login, "seven green bridges")
    for duty in duties:
        commands.add_membership(system, login, duty, None)
    return load(system, login)


def body(
    system: System, code: str, kind: str, area: str | None = None, since: date = date(2019, 3, 1)
) -> str:
    with system.database.write() as connection:
        return directory.insert_organisation(
            connection, code=code, name=code, kind=kind, area_code=area, valid_from=since
        )


def today(system: System) -> date:
    with system.database.read() as connection:
        return clock.city_day(system.now(connection))


def test_a_membership_holds_on_both_its_end_days(system: System) -> None:
    admin, zhang = add(system, "admin", "duty.administrator"), add(system, "zhang")
    office = body(system, "office", "county_office", "610402")
    administration.add_membership(
        system,
        admin,
        zhang.id,
        role="county_office",
        organisation_id=office,
        valid_from=date(2026, 3, 2),
        valid_to=date(2026, 3, 31),
    )
    with system.database.read() as connection:
        for day, holds in (
            (date(2026, 3, 1), False),
            (date(2026, 3, 2), True),
            (date(2026, 3, 31), True),
            (date(2026, 4, 1), False),
        ):
            assert people.load(connection, zhang.id, day).has("county_office") is holds
            assert people.members(connection, "county_office", office, day) == ([zhang.id] if holds else [])


def test_a_membership_is_not_given_twice_for_the_same_days(system: System) -> None:
    admin, zhang = add(system, "admin", "duty.administrator"), add(system, "zhang")
    office = body(system, "office", "county_office", "610402")

    def give(first: date, last: date | None) -> None:
        administration.add_membership(
            system, admin, zhang.id, role="r", organisation_id=office, valid_from=first, valid_to=last
        )

    give(date(2026, 3, 1), date(2026, 3, 31))
    with pytest.raises(Conflict):
        give(date(2026, 3, 31), None)
    give(date(2026, 4, 1), None)
    with pytest.raises(Conflict):
        give(date(2027, 1, 1), date(2027, 1, 2))
    with pytest.raises(Invalid):
        give(date(2025, 4, 2), date(2025, 4, 1))


def test_disabled_people_are_no_members(system: System) -> None:
    admin, zhang = add(system, "admin", "duty.administrator"), add(system, "zhang")
    office = body(system, "office", "county_office", "610402")
    administration.add_membership(system, admin, zhang.id, role="r", organisation_id=office)
    token = sign_in.sign_in(system, "zhang", "seven green bridges").token
    administration.disable(system, admin, zhang.id, reason="调离")
    assert sessions.authenticate(system, token) is None
    with system.database.read() as connection:
        assert people.members(connection, "r", office, today(system)) == []
    password = administration.enable(system, admin, zhang.id)
    assert sign_in.sign_in(system, "zhang", password).person.must_change_password
    with pytest.raises(Conflict):
        administration.enable(system, admin, zhang.id)


def test_nobody_gives_himself_anything(system: System) -> None:
    admin = add(system, "admin", "duty.administrator")
    office = body(system, "office", "municipal_office", "610400")
    for role, place in (("municipal_office", office), ("duty.auditor", None)):
        with pytest.raises(Forbidden):
            administration.add_membership(system, admin, admin.id, role=role, organisation_id=place)
    with pytest.raises(Forbidden):
        administration.disable(system, admin, admin.id, reason="x")
    with pytest.raises(Forbidden):
        administration.issue_password(system, admin, admin.id)


def test_only_administrators_manage_people(system: System) -> None:
    manager, zhang = add(system, "manager", "duty.manager"), add(system, "zhang")
    for verb in (
        lambda: administration.add_person(system, manager, login="li", name="李四"),
        lambda: administration.add_membership(system, manager, zhang.id, role="duty.auditor"),
        lambda: administration.disable(system, manager, zhang.id, reason="x"),
        lambda: administration.issue_password(system, manager, zhang.id),
        lambda: administration.list_accounts(system, manager),
        lambda: administration.journal_entries(system, manager),
        lambda: directory.add(system, manager, code="x", name="x", kind="unit"),
    ):
        with pytest.raises(Forbidden):
            verb()
    assert not load(system, "zhang").memberships


def test_the_last_administrator_stays(system: System) -> None:
    admin, second = add(system, "admin", "duty.administrator"), add(system, "second")
    (own,) = admin.memberships
    yesterday = today(system) - DAY
    with pytest.raises(Invalid):
        administration.end_membership(system, admin, own.id, last_day=yesterday)
    later = today(system) + DAY
    administration.add_membership(system, admin, second.id, role="duty.administrator")
    with system.database.write() as connection:
        system.set_clock(connection, system.now(connection) + 5 * DAY)
    administration.end_membership(system, load(system, "second"), own.id, last_day=later)
    (other,) = load(system, "second").memberships
    with pytest.raises(Conflict):
        administration.end_membership(system, load(system, "second"), other.id, last_day=later)
    assert load(system, "second").has("duty.administrator")
    assert not load(system, "admin").has("duty.administrator")


def test_every_act_around_an_account_is_in_the_journal(system: System) -> None:
    admin = add(system, "admin", "duty.administrator")
    person_id, _password = administration.add_person(
        system, admin, login="Li", name="李四", email="li@example.invalid"
    )
    membership_id = administration.add_membership(system, admin, person_id, role="duty.manager")
    administration.end_membership(system, admin, membership_id, last_day=today(system))
    administration.issue_password(system, admin, person_id)
    administration.change_person(system, admin, person_id, name="李五")
    administration.disable(system, admin, person_id, reason="调离")
    administration.enable(system, admin, person_id)
    entries = administration.journal_entries(system, admin, person_id=person_id)
    assert [one.kind for one in reversed(entries)] == [
        "person.add",
        "membership.add",
        "membership.end",
        "password.reset",
        "person.change",
        "person.disable",
        "person.enable",
    ]
    assert {one.actor_id for one in entries} == {admin.id}


def test_the_journal_can_only_grow(system: System) -> None:
    add(system, "admin", "duty.administrator")
    for statement in (security_event.update().values(kind="nothing"), security_event.delete()):
        with pytest.raises(Exception, match="append-only"), system.database.write() as connection:
            connection.execute(statement)
    with system.database.read() as connection:
        assert journal.latest(connection)
        assert connection.scalar(select(security_event.c.kind).limit(1)) != "nothing"


@pytest.mark.parametrize(
    ("login", "name", "email", "field"),
    [
        ("a", "李四", "", "login"),
        ("a b", "李四", "", "login"),
        ("li", " ", "", "name"),
        ("li", "李四", "no address", "email"),
    ],
)
def test_a_person_needs_a_login_and_a_name(
    sqlite_system: System, login: str, name: str, email: str, field: str
) -> None:
    admin = add(sqlite_system, "admin", "duty.administrator")
    with pytest.raises(Invalid) as caught:
        administration.add_person(sqlite_system, admin, login=login, name=name, email=email)
    assert set(caught.value.facts["fields"]) == {field}


def test_a_login_is_one_persons_whatever_its_case(system: System) -> None:
    admin = add(system, "admin", "duty.administrator")
    with pytest.raises(Conflict):
        administration.add_person(system, admin, login="ADMIN", name="另一个")


def test_accounts_are_found_by_name_and_place_page_by_page(system: System) -> None:
    admin = add(system, "admin", "duty.administrator")
    office = body(system, "秦都创绿办", "county_office", "610402")
    for number in range(5):
        person = add(system, f"clerk-{number}")
        administration.add_membership(system, admin, person.id, role="r", organisation_id=office)
    first = administration.list_accounts(system, admin, search="秦都", limit=3)
    second = administration.list_accounts(system, admin, search="秦都", after=first.next, limit=3)
    assert [one.person.login for one in first.rows + second.rows] == [
        f"clerk-{number}" for number in range(5)
    ]
    assert second.next is None
    account, held = administration.get_account(system, admin, first.rows[0].person.id)
    assert account.person.login == "clerk-0"
    assert [one.organisation_name for one in held] == ["秦都创绿办"]


def test_a_command_names_an_organisation_by_its_code(system: System) -> None:
    office = body(system, "C-01", "county_office", "610402")
    zhang = add(system, "zhang")
    commands.add_membership(system, "zhang", "clerk", "C-01")
    assert [one.organisation_id for one in load(system, "zhang").memberships] == [office]
    with pytest.raises(NotFound):
        commands.add_membership(system, "zhang", "clerk", "C-02")
    with pytest.raises(NotFound):
        commands.add_membership(system, "nobody", "clerk", "C-01")
    with pytest.raises(Invalid):
        commands.add_membership(system, "zhang", "clerk", None)
    assert zhang.organisation_ids == ()


def role(sits: str, of: str | None) -> Role:
    return Role("r", Text("r", "r"), sits, of, "own")


def test_a_seat_is_the_named_body_or_the_one_of_its_kind_in_the_same_area(system: System) -> None:
    office = body(system, "C1", "county_office", "610402")
    government = body(system, "G1", "county_government", "610402")
    body(system, "G2", "county_government", "610422")
    city = body(system, "M1", "municipal_office", "610400")
    lone = body(system, "C3", "county_office", "610423")
    unit = body(system, "U1", "unit", "610402")
    now = clock.system_now()
    with system.database.read() as connection:

        def seat(sits: str, of: str | None, **variables: object) -> str | None:
            return organisations.resolve_seat(connection, role(sits, of), variables, now)

        assert seat("county_office", "county_id", county_id=office) == office
        assert seat("county_government", "county_id", county_id=office) == government
        assert seat("county_office", "unit_id", unit_id=unit) == office
        assert seat("*", "recommender_id", recommender_id=city) == city
        assert seat("municipal_office", None) == city
        assert seat("county_government", "county_id", county_id=lone) is None
        assert seat("county_office", "county_id") is None
        assert seat("county_office", "county_id", county_id=None) is None
        assert seat("county_office", "county_id", county_id="no such id") is None
        assert seat("provincial_office", None) is None


def test_a_seat_is_a_body_in_being_on_that_day(system: System) -> None:
    admin = add(system, "admin", "duty.administrator")
    office = body(system, "C1", "county_office", "610402")
    old = body(system, "G1", "county_government", "610402")
    new = body(system, "G2", "county_government", "610402", since=date(2026, 7, 1))
    directory.end(system, admin, old, last_day=date(2026, 6, 30), reason="机构改革")
    with system.database.read() as connection:
        for day, expected in ((date(2026, 6, 30), old), (date(2026, 7, 1), new)):
            noon = clock.system_now().replace(year=day.year, month=day.month, day=day.day, hour=4)
            found = organisations.resolve_seat(
                connection, role("county_government", "county_id"), {"county_id": office}, noon
            )
            assert found == expected
