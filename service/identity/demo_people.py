"""The people of a demo city and going on as one of them; refused wherever the database is no demo."""

from service import clock
from service.errors import NotFound, Text
from service.identity import journal, people, sessions
from service.identity.people import Person
from service.store.identity import person as person_table
from service.system import System


def list_people(system: System) -> list[Person]:
    """Return the demo's people by login name, with today's memberships; nobody where the database is no demo."""
    with system.database.read() as connection:
        if not system.installation(connection).demo:
            return []
        day = clock.city_day(system.now(connection))
        condition = person_table.c.demo & person_table.c.disabled_at.is_(None)
        return people.load_where(connection, condition, day)


def sign_in_as(system: System, person_id: str, *, address: str = "", agent: str = "") -> str:
    """Begin a session as a person of the demo and return its token. Raises `NotFound` for anybody else."""
    with system.database.write() as connection:
        now = clock.system_now()
        day = clock.city_day(system.now(connection))
        found = (
            people.load(connection, person_id, day) if system.installation(connection).demo else None
        )
        if found is None or not found.demo or found.disabled:
            raise NotFound(Text("没有这个演示人员", "There is no such person in the demo"))
        journal.record(connection, "sign_in.demo", now, actor=person_id, person=person_id, address=address)
        return sessions.begin(connection, person_id, now, address=address, agent=agent)
