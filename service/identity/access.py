"""Who may see what: matters by membership, role and duty; names of military units only in their channel (R09)."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import lru_cache

from sqlalchemy import ColumnElement, Connection, and_, false, or_, select, true

from service.clock import city_day
from service.engine.model import Role
from service.engine.roles import read_roles
from service.identity import duties
from service.identity.organisations import REDACTED, reads_in_full
from service.identity.people import Person
from service.store.identity import organisation, unit_profile
from service.store.procedure import blob, deployment_file, installation, matter, task

_ROLES = "roles.toml"


def may_see_matter(connection: Connection, person: Person, matter_id: str, at: datetime) -> bool:
    """Whether a person may read a matter, by the roles of the procedure in force."""
    allowed = visible_matters(connection, person, roles_in_force(connection), at)
    return connection.scalar(select(matter.c.id).where(matter.c.id == matter_id, allowed)) is not None


def may_read_matter(connection: Connection, person: Person, matter_id: str, at: datetime) -> bool:
    """Whether a person may also read what was written in a matter: forms, opinions, files, and who acted.

    Who may see every matter but stands outside the channel of military units sees that a matter of theirs is there
    and how far it is, and no more (R09).
    """
    return may_see_matter(connection, person, matter_id, at) and not is_withheld(
        connection, person, matter_id
    )


def is_withheld(connection: Connection, person: Person, matter_id: str) -> bool:
    """Whether a matter is a military unit's and the person stands outside its channel (R09)."""
    unit_id = connection.scalar(
        select(matter.c.unit_id)
        .join(unit_profile, unit_profile.c.organisation_id == matter.c.unit_id)
        .where(matter.c.id == matter_id, unit_profile.c.military)
    )
    return unit_id is not None and not reads_in_full(person, unit_id, military=True)


def visible_matters(
    connection: Connection, person: Person, roles: Mapping[str, Role], at: datetime
) -> ColumnElement[bool]:
    """Return the condition on the table `matter` that chooses what a person may read.

    That is: what they opened, did or have to do; what belongs to an organisation they sit in or to a unit it
    recommends; what a role with `sees = "area"` finds in its area (units of other channels excepted) and a role with
    `sees = "all"` everywhere; everything for the duties that read all.
    """
    day = city_day(at)
    held = [
        one
        for one in person.memberships
        if one.valid_from <= day and (one.valid_to is None or day <= one.valid_to)
    ]
    sees = {one.id: roles[one.role].sees for one in held if one.role in roles}
    if any(one.role in duties.READS_ALL for one in held) or "all" in sees.values():
        return true()
    conditions: list[ColumnElement[bool]] = [
        matter.c.opened_by == person.id,
        matter.c.id.in_(
            select(task.c.matter_id).where(task.c.person_id == person.id, task.c.state == "open")
        ),
        matter.c.id.in_(
            select(task.c.matter_id).where(task.c.closed_by == person.id, task.c.closed_at.is_not(None))
        ),
    ]
    for one in held:
        if one.organisation_id is not None:
            conditions.append(
                matter.c.id.in_(
                    select(task.c.matter_id).where(
                        task.c.organisation_id == one.organisation_id,
                        task.c.role == one.role,
                        task.c.named.is_(False),
                    )
                )
            )
    seats = list(person.organisation_ids)
    if seats:
        conditions += [
            matter.c.organisation_id.in_(seats),
            matter.c.unit_id.in_(seats),
            matter.c.unit_id.in_(_recommended_by(seats)),
        ]
    areas = sorted(
        {one.area_code for one in held if one.area_code is not None and sees.get(one.id) == "area"}
    )
    if areas:
        conditions.append(_in_areas(areas))
    return or_(false(), *conditions)


def redacted_names(connection: Connection, person: Person, ids: Iterable[str]) -> dict[str, str]:
    """Return organisation id → name as this person may read it: “某涉军单位” for a military unit not theirs."""
    wanted = list(ids)
    if not wanted:
        return {}
    rows = connection.execute(
        select(organisation.c.id, organisation.c.name, unit_profile.c.military)
        .outerjoin(unit_profile, unit_profile.c.organisation_id == organisation.c.id)
        .where(organisation.c.id.in_(wanted))
    )
    return {
        row.id: row.name if reads_in_full(person, row.id, military=bool(row.military)) else REDACTED.zh
        for row in rows
    }


def roles_in_force(connection: Connection) -> Mapping[str, Role]:
    """Return the roles of the procedure in force; none while nothing is deployed."""
    row = connection.execute(
        select(blob.c.sha256)
        .join(deployment_file, deployment_file.c.sha256 == blob.c.sha256)
        .join(installation, installation.c.deployment_id == deployment_file.c.deployment_id)
        .where(deployment_file.c.path == _ROLES)
    ).one_or_none()
    if row is None:
        return {}
    known = _known_roles(row.sha256)
    if not known:
        data = connection.execute(select(blob.c.data).where(blob.c.sha256 == row.sha256)).scalar_one()
        known.update(read_roles(_ROLES, bytes(data))[0])
    return known


@lru_cache(maxsize=16)
def _known_roles(sha256: str) -> dict[str, Role]:
    """Return the place where the roles of one file are kept, empty the first time."""
    return {}


def _recommended_by(seats: list[str]) -> ColumnElement[str]:
    """Return the units that have one of `seats` as department or body above."""
    return (
        select(organisation.c.id)
        .join(unit_profile, unit_profile.c.organisation_id == organisation.c.id)
        .where(or_(unit_profile.c.municipal_department_id.in_(seats), organisation.c.parent_id.in_(seats)))
        .scalar_subquery()
    )


def _in_areas(areas: list[str]) -> ColumnElement[bool]:
    """Return the matters of bodies and territorial units in some areas (R10).

    Units of a municipal system or of the military lie there too, but answer to another channel (R08, R09).
    """
    military = select(unit_profile.c.organisation_id).where(unit_profile.c.military).scalar_subquery()
    inside = (
        select(organisation.c.id)
        .outerjoin(unit_profile, unit_profile.c.organisation_id == organisation.c.id)
        .where(
            organisation.c.area_code.in_(areas),
            unit_profile.c.municipal_department_id.is_(None),
            or_(unit_profile.c.military.is_(None), unit_profile.c.military.is_(False)),
        )
        .scalar_subquery()
    )
    return and_(
        or_(matter.c.organisation_id.in_(inside), matter.c.unit_id.in_(inside)),
        or_(matter.c.unit_id.is_(None), matter.c.unit_id.not_in(military)),
    )
