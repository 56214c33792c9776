"""A small town for tests and measurements: organisations, people with roles, and a deployed procedure."""

from pathlib import Path

from sqlalchemy import Connection, insert

from service import clock, deployments
from service.identity import people
from service.identity.people import Person
from service.store.identity import organisation, organisation_kind
from service.store.ids import new_id
from service.system import System


def add_organisation(
    connection: Connection, code: str, *, kind: str = "bureau", area: str | None = None
) -> str:
    """Write an organisation and its kind; returns the id."""
    found = connection.scalar(organisation_kind.select().where(organisation_kind.c.kind == kind))
    if found is None:
        connection.execute(insert(organisation_kind).values(kind=kind, label=kind, label_en=kind, position=1))
    organisation_id = new_id()
    connection.execute(
        insert(organisation).values(
            id=organisation_id,
            code=code,
            name=code,
            name_en=code,
            kind=kind,
            area_code=area,
            valid_from=clock.city_day(clock.system_now()).replace(month=1, day=1),
        )
    )
    return organisation_id


def add_person(system: System, login: str, *seats: tuple[str, str | None]) -> Person:
    """Write a person with roles (role, organisation id) and return them as of today."""
    with system.database.write() as connection:
        now = system.now(connection)
        person_id = people.insert_person(connection, login, login, at=now)
        for role, organisation_id in seats:
            people.insert_membership(connection, person_id, role, organisation_id, at=now)
        return people.load(connection, person_id, clock.city_day(now))


def deploy(system: System, folder: Path) -> None:
    """Check and publish a folder of procedure files."""
    deployments.publish(system, deployments.read_folder(folder), note="test", by=None)
