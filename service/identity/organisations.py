"""Organisations and units: what they are, where a role sits, and reading them by rights (military ones redacted)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, bindparam, case, or_, select, tuple_

from service.clock import city_day
from service.engine.model import Role
from service.errors import NotFound, Text
from service.identity.people import Person
from service.paging import LARGEST_PAGE, Page, wrong_cursor
from service.store.identity import organisation, organisation_former_name, organisation_kind, unit_profile
from service.system import System

#: The kind of the organisations that can be named.
UNIT = "unit"
#: What people outside the military channel read for a military unit.
REDACTED = Text("某涉军单位", "A military unit")


@dataclass(frozen=True, slots=True)
class Organisation:
    """A body or a unit; `valid_to` is its last day. `redacted`: this reader may not know which one it is.

    `unit_kind`, `military` and `municipal_department_id` are of units only.
    """

    id: str
    code: str
    name: str
    name_en: str
    kind: str
    area_code: str | None
    parent_id: str | None
    valid_from: date
    valid_to: date | None
    unit_kind: str | None = None
    military: bool = False
    municipal_department_id: str | None = None
    redacted: bool = False

    @property
    def label(self) -> Text:
        """The name in both languages."""
        return Text(self.name, self.name_en or (REDACTED.en if self.redacted else self.name))


@dataclass(frozen=True, slots=True)
class Unit:
    """All that is known of a unit; areas in square metres, ratios in percent."""

    organisation: Organisation
    uscc: str | None
    industry: str
    public: bool
    place_id: str | None
    township: str
    address: str
    registered_address: str
    legal_representative: str
    contact_name: str
    contact_phone: str
    contact_mobile: str
    contact_email: str
    staff: int | None
    students: int | None
    households: int | None
    population: int | None
    beds: int | None
    land_area: float | None
    building_area: float | None
    green_area: float | None
    green_ratio: float | None
    green_coverage: float | None
    key_polluter: bool
    discharge_permit: str
    details: Mapping[str, Any]
    version: int


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of organisations or units, as data."""

    kind: str
    label: Text


def get(connection: Connection, organisation_id: str) -> Organisation:
    """Return an organisation in full. Raises `NotFound`."""
    row = connection.execute(_query().where(organisation.c.id == organisation_id)).one_or_none()
    if row is None:
        raise _unknown()
    return _organisation(row)


def find(connection: Connection, code_or_id: str) -> Organisation:
    """Return an organisation by its code or its id. Raises `NotFound`."""
    row = connection.execute(
        _query().where(or_(organisation.c.code == code_or_id, organisation.c.id == code_or_id))
    ).one_or_none()
    if row is None:
        raise _unknown()
    return _organisation(row)


def find_named(connection: Connection, person: Person, wanted: str) -> Organisation:
    """Return an organisation by its code, its id or, where one that the person may read bears it, its name.

    Raises `NotFound`.
    """
    rows = connection.execute(_query().where(organisation.c.name == wanted, readable(person)).limit(2)).all()
    return _organisation(rows[0]) if len(rows) == 1 else find(connection, wanted)


def unit(connection: Connection, organisation_id: str) -> Unit:
    """Return a unit with its profile, in full. Raises `NotFound` for what is no unit."""
    row = (
        connection.execute(select(unit_profile).where(unit_profile.c.organisation_id == organisation_id))
        .mappings()
        .one_or_none()
    )
    if row is None:
        raise _unknown()
    facts = {name: row[name] for name in Unit.__dataclass_fields__ if name != "organisation"}
    return Unit(organisation=get(connection, organisation_id), **facts)


def names(connection: Connection, ids: Iterable[str]) -> dict[str, str]:
    """Return organisation id → name, nothing redacted: for bodies, and for readers whose right was checked."""
    wanted = list(ids)
    if not wanted:
        return {}
    rows = connection.execute(
        select(organisation.c.id, organisation.c.name).where(organisation.c.id.in_(wanted))
    )
    return {row.id: row.name for row in rows}


def is_unit(connection: Connection, organisation_id: str) -> bool:
    """Whether an organisation is a unit, which can apply and be named."""
    found = select(unit_profile.c.organisation_id).where(unit_profile.c.organisation_id == organisation_id)
    return connection.scalar(found) is not None


def former_names(connection: Connection, organisation_id: str) -> list[str]:
    """Return the names an organisation had before, the latest first."""
    former = organisation_former_name
    query = (
        select(former.c.name)
        .where(former.c.organisation_id == organisation_id)
        .order_by(former.c.valid_to.desc(), former.c.id.desc())
    )
    return list(connection.scalars(query))


def of_kind(
    connection: Connection, kind: str, day: date, *, area_code: str | None = None
) -> list[Organisation]:
    """Return the organisations of a kind in being on `day`, by code; `area_code` narrows them to one area."""
    query = _query().where(organisation.c.kind == kind, in_being(day))
    if area_code is not None:
        query = query.where(organisation.c.area_code == area_code)
    return [_organisation(row) for row in connection.execute(query.order_by(organisation.c.code))]


def kinds(connection: Connection) -> list[Kind]:
    """Return the kinds of organisations in order."""
    rows = connection.execute(select(organisation_kind).order_by(organisation_kind.c.position))
    return [Kind(row.kind, Text(row.label, row.label_en or row.label)) for row in rows]


_PLACE = select(organisation.c.id, organisation.c.kind, organisation.c.area_code).where(
    organisation.c.id == bindparam("organisation")
)


def resolve_seat(
    connection: Connection, role: Role, variables: Mapping[str, Any], at: datetime
) -> str | None:
    """Return the organisation where `role` sits for a matter with these variables; None: there is none.

    The role's `of` names the variable that holds an organisation's id. Where that organisation is not of the
    kind in which the role sits, the one of that kind in the same area is meant (the county government of a
    county office's area). Without `of` it is the one organisation of that kind.
    """
    day = city_day(at)
    if role.of is None:
        return _only(connection, role.sits, day, None)
    given = variables.get(role.of)
    if not isinstance(given, str):
        return None
    if role.sits == "*":
        return given
    row = connection.execute(_PLACE, {"organisation": given}).one_or_none()
    if row is None:
        return None
    if role.sits == row.kind:
        return str(row.id)
    return _only(connection, role.sits, day, row.area_code) if row.area_code is not None else None


def in_being(day: date) -> ColumnElement[bool]:
    """Return the condition that an organisation exists on `day`."""
    return and_(
        organisation.c.valid_from <= day,
        or_(organisation.c.valid_to.is_(None), organisation.c.valid_to >= day),
    )


def reads_in_full(person: Person, organisation_id: str, *, military: bool) -> bool:
    """Whether a person may know which organisation it is: military units only in their channel (R09)."""
    return not military or person.military_channel or organisation_id in person.organisation_ids


def redacted(one: Organisation) -> Organisation:
    """Return what people outside the channel may read of a military unit: that there is one."""
    return replace(
        one,
        code="",
        name=REDACTED.zh,
        name_en=REDACTED.en,
        area_code=None,
        parent_id=None,
        unit_kind=None,
        municipal_department_id=None,
        redacted=True,
    )


def get_for(system: System, person: Person, organisation_id: str) -> Organisation:
    """Return an organisation as this person may read it. Raises `NotFound`."""
    with system.database.read() as connection:
        return _as_read(person, get(connection, organisation_id))


def list_for(
    system: System,
    person: Person,
    *,
    kind: str | None = None,
    area: str | None = None,
    search: str | None = None,
    after: str | None = None,
    limit: int = 50,
) -> Page[Organisation]:
    """Return organisations and units in being, by code; what this person may not read in full is redacted.

    A search or an area never finds what is redacted: a hit would say which unit it is. Nor does the order: codes
    begin with the county, so redacted rows come last, by id.
    """
    limit = min(limit, LARGEST_PAGE)
    with system.database.read() as connection:
        query = _query().where(in_being(city_day(system.now(connection))))
        if kind is not None:
            query = query.where(organisation.c.kind == kind)
        if area is not None:
            query = query.where(organisation.c.area_code == area)
        if search:
            former = select(organisation_former_name.c.organisation_id).where(
                organisation_former_name.c.name.contains(search, autoescape=True)
            )
            query = query.where(
                or_(
                    organisation.c.name.contains(search, autoescape=True),
                    organisation.c.code == search,
                    unit_profile.c.uscc == search,
                    organisation.c.id.in_(former),
                )
            )
        if search or area is not None:
            query = query.where(readable(person))
        hidden = case((readable(person), 0), else_=1)
        place = case((readable(person), organisation.c.code), else_=organisation.c.id)
        if after is not None:
            # The cursor is an id: a code would tell which unit a redacted row is.
            last = connection.execute(
                _query().with_only_columns(hidden, place).where(organisation.c.id == after)
            ).one_or_none()
            if last is None:
                raise wrong_cursor()
            query = query.where(tuple_(hidden, place) > tuple_(*last))
        rows = connection.execute(query.order_by(hidden, place).limit(limit + 1)).all()
        page = [_organisation(row) for row in rows[:limit]]
        following = page[-1].id if len(rows) > limit else None
        return Page([_as_read(person, one) for one in page], following)


def choices(system: System, person: Person) -> list[Organisation]:
    """Return all organisations and units in being that a person may read in full, by code, to choose one."""
    with system.database.read() as connection:
        day = city_day(system.now(connection))
        rows = connection.execute(
            _query().where(in_being(day), readable(person)).order_by(organisation.c.code)
        )
        return [_organisation(row) for row in rows]


def _as_read(person: Person, one: Organisation) -> Organisation:
    return one if reads_in_full(person, one.id, military=one.military) else redacted(one)


def readable(person: Person) -> ColumnElement[bool]:
    """Return the condition, on organisations with their unit profiles, of `reads_in_full`."""
    open_to_all = or_(unit_profile.c.military.is_(None), unit_profile.c.military.is_(False))
    if person.military_channel:
        return organisation.c.id.is_not(None)
    return or_(open_to_all, organisation.c.id.in_(person.organisation_ids))


def _only(connection: Connection, kind: str, day: date, area_code: str | None) -> str | None:
    query = select(organisation.c.id).where(organisation.c.kind == kind, in_being(day))
    if area_code is not None:
        query = query.where(organisation.c.area_code == area_code)
    found = connection.scalars(query.order_by(organisation.c.code).limit(1)).first()
    return str(found) if found is not None else None


def _query() -> Select[Any]:
    return select(
        organisation,
        unit_profile.c.unit_kind,
        unit_profile.c.military,
        unit_profile.c.municipal_department_id,
    ).outerjoin(unit_profile, unit_profile.c.organisation_id == organisation.c.id)


def _organisation(row: Row[Any]) -> Organisation:
    return Organisation(
        id=row.id,
        code=row.code,
        name=row.name,
        name_en=row.name_en,
        kind=row.kind,
        area_code=row.area_code,
        parent_id=row.parent_id,
        valid_from=row.valid_from,
        valid_to=row.valid_to,
        unit_kind=row.unit_kind,
        military=bool(row.military),
        municipal_department_id=row.municipal_department_id,
    )


def _unknown() -> NotFound:
    return NotFound(Text("没有这个机构或单位", "There is no such organisation"))
