"""The invented people of a demo city, whom anybody at the page may become; a real database has none."""

from service import clock
from service.errors import NotFound, Text
from service.identity import journal, people, sessions
from service.identity.people import Person
from service.store.identity import person
from service.system import System


def list_people(system: System) -> list[Person]:
    """Return the demo people, by login, with today's memberships; none in a database that is no demo."""
    with system.database.read() as connection:
        if not system.installation(connection).demo:
            return []
        day = clock.city_day(system.now(connection))
        return people.load_where(connection, person.c.demo & person.c.disabled_at.is_(None), day)


def sign_in_as(system: System, person_id: str, *, address: str = "", agent: str = "") -> str:
    """Begin a session as a demo person without a password; returns its token.

    Raises `NotFound` in a database that was not made by `demo`, and for everybody who is no demo person.
    """
    now = clock.system_now()
    with system.database.write() as connection:
        demo = system.installation(connection).demo
        found = people.load_where(
            connection, person.c.id == person_id, clock.city_day(system.now(connection))
        )
        if not demo or not found or not found[0].demo or found[0].disabled:
            raise NotFound(Text("没有这个演示人员", "There is no such demo person"))
        journal.record(connection, "sign_in.demo", now, actor=person_id, person=person_id, address=address)
        return sessions.begin(connection, person_id, now, address=address, agent=agent)
