"""The bodies that take part in a plan year, by the kinds its settings name, and who belongs to them."""

from collections.abc import Sequence
from datetime import date

from sqlalchemy import Connection, select

from service.identity import organisations, people
from service.store.identity import area


def participating(
    connection: Connection, kinds: Sequence[str], day: date
) -> list[organisations.Organisation]:
    """Return the bodies of these kinds in being on `day` whose area takes part, kind by kind, by code."""
    outside = set(connection.scalars(select(area.c.code).where(area.c.participates.is_(False))))
    found = [one for kind in kinds for one in organisations.of_kind(connection, kind, day)]
    return [one for one in found if one.area_code not in outside]


def members(connection: Connection, role: str, kind: str, day: date) -> list[str]:
    """Return the ids of the people who hold a role at organisations of a kind on `day`."""
    found = [
        person
        for one in organisations.of_kind(connection, kind, day)
        for person in people.members(connection, role, one.id, day)
    ]
    return list(dict.fromkeys(found))
