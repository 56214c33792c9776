"""What the command line does to people: it acts for whoever owns the machine, and says so in the journal."""

from sqlalchemy import select, update

from service import clock
from service.errors import Text
from service.identity import administration, duties, journal, organisations, passwords, people
from service.identity.access import roles_in_force
from service.store.identity import membership, person
from service.system import System

#: The account made on an empty database.
FIRST_LOGIN = "admin"


def first_administrator(system: System) -> str | None:
    """Make the first administrator's account and return its one-time password; None where there was one already.

    People added by command before that do not stand in the way, unless one of them took the login. The password
    opens one sign-in within 24 hours, at which it must be changed.
    """
    with system.database.write() as connection:
        system.database.lock_topic(connection, "first administrator")
        holders = select(membership.c.person_id).where(membership.c.role == duties.ADMINISTRATOR)
        taken = select(person.c.id).where(person.c.login == FIRST_LOGIN)
        if connection.scalar(holders.limit(1)) or connection.scalar(taken):
            return None
        now = clock.system_now()
        person_id = people.insert_person(connection, FIRST_LOGIN, "系统管理员", at=system.now(connection))
        password = people.set_one_time_password(connection, person_id, now)
        people.insert_membership(connection, person_id, duties.ADMINISTRATOR, None, at=system.now(connection))
        journal.record(connection, "person.first_administrator", now, person=person_id)
        return password


def add(system: System, login: str, name: str, password: str) -> str:
    """Add a person from the command line; returns the id. Raises `Invalid` for a weak password, `Conflict`."""
    kept = people.normal_login(login)
    passwords.check(password, context=[kept, name])
    hashed = passwords.hash_password(password)
    with system.database.write() as connection:
        now = clock.system_now()
        person_id = people.insert_person(connection, kept, name, at=system.now(connection))
        connection.execute(
            update(person)
            .where(person.c.id == person_id)
            .values(password_hash=hashed, password_changed_at=now)
        )
        journal.record(connection, "person.add", now, person=person_id, by="command")
        return person_id


def add_membership(system: System, login: str, role: str | None, organisation_code: str | None) -> None:
    """Give a person a role at an organisation (code or id) from today on, or a duty.

    Raises `NotFound` for an unknown person or organisation, `Invalid` for an unknown role or a wrong seat.
    """
    with system.database.write() as connection:
        day = clock.city_day(system.now(connection))
        known = people.load_by_login(connection, login, day)
        organisation_id = organisations.find(connection, organisation_code).id if organisation_code else None
        administration.check_role(connection, role or "", organisation_id)
        people.insert_membership(connection, known.id, role or "", organisation_id, at=system.now(connection))
        journal.record(
            connection,
            "membership.add",
            clock.system_now(),
            person=known.id,
            role=role,
            organisation=organisation_id,
            by="command",
        )


def roles(system: System) -> list[tuple[str, Text, bool]]:
    """Return what a person may be given: code, name, and whether it needs an organisation.

    The duties of every installation come first, then the roles of the procedure in force.
    """
    with system.database.read() as connection:
        known = roles_in_force(connection)
    return [(code, label, False) for code, label in duties.LABELS.items()] + [
        (code, role.label, True) for code, role in sorted(known.items())
    ]


def reset_password(system: System, login: str) -> str:
    """Give a person a one-time password (24 hours, to be changed at sign-in) and end their sign-ins."""
    with system.database.write() as connection:
        now = clock.system_now()
        known = people.load_by_login(connection, login, clock.city_day(system.now(connection)))
        password = people.set_one_time_password(connection, known.id, now)
        journal.record(connection, "password.reset", now, person=known.id, by="command")
        return password
