"""Sources about areas, organisations, units and people."""

from typing import Any

from sqlalchemy import ColumnElement, and_, or_, select, true

from service.campaign.options import Option, Row, SourceContext, options, rows
from service.clock import city_day
from service.errors import Text
from service.store.identity import (
    area,
    membership,
    organisation,
    organisation_kind,
    person,
    unit_kind,
    unit_profile,
)


@options("areas")
def areas(context: SourceContext, parameter: str | None) -> list[Option]:
    """Participating areas of the county level; with `all` every area of that level."""
    above = select(area.c.parent_code).where(area.c.parent_code.is_not(None))
    query = (
        select(area.c.code, area.c.name, area.c.name_en)
        .where(area.c.code.not_in(above))
        .order_by(area.c.code)
    )
    if parameter != "all":
        query = query.where(area.c.participates)
    return [Option(row.code, _text(row.name, row.name_en)) for row in context.connection.execute(query)]


@options("organisations")
def organisations(context: SourceContext, parameter: str | None) -> list[Option]:
    """Organisations in being, of the kinds (separated by spaces or commas) in the parameter."""
    return [
        Option(row.id, _text(row.name, row.name_en)) for row in _organisations(context, _words(parameter))
    ]


@rows("organisations")
def organisation_rows(context: SourceContext, parameter: str | None) -> list[Row]:
    """One row for each organisation in being of the kinds in the parameter."""
    return [
        Row(row.id, _text(row.name, row.name_en), {"kind": row.kind, "area": row.area_code})
        for row in _organisations(context, _words(parameter))
    ]


@options("units")
def units(context: SourceContext, parameter: str | None) -> list[Option]:
    """Units the task's organisation recommends (R08 to R10); with `all` every unit, military ones withheld."""
    query = (
        select(organisation.c.id, organisation.c.name, organisation.c.name_en, unit_profile.c.military)
        .join(unit_profile, unit_profile.c.organisation_id == organisation.c.id)
        .where(_in_being(context))
        .order_by(organisation.c.code)
    )
    if parameter == "all":
        query = query.where(unit_profile.c.military.is_(False))
    else:
        condition = own_units(context)
        if condition is None:
            return []
        query = query.where(condition)
    return [Option(row.id, _text(row.name, row.name_en)) for row in context.connection.execute(query)]


@options("people")
def people(context: SourceContext, parameter: str | None) -> list[Option]:
    """People who hold one of the roles in the parameter today; with `@own` only at the task's organisation."""
    words = _words(parameter)
    own = "@own" in words
    day = city_day(context.now)
    query = (
        select(person.c.id, person.c.name, organisation.c.name.label("at"))
        .join(membership, membership.c.person_id == person.c.id)
        .join(organisation, organisation.c.id == membership.c.organisation_id)
        .where(
            membership.c.role.in_([one for one in words if one != "@own"]),
            membership.c.valid_from <= day,
            or_(membership.c.valid_to.is_(None), membership.c.valid_to >= day),
            person.c.disabled_at.is_(None),
        )
        .order_by(organisation.c.code, person.c.name)
    )
    if own:
        query = query.where(membership.c.organisation_id == context.organisation_id)
    found: dict[str, Option] = {}
    for row in context.connection.execute(query):
        found.setdefault(row.id, Option(row.id, Text(f"{row.name}（{row.at}）", f"{row.name} ({row.at})")))
    return list(found.values())


@options("unit_kinds")
def unit_kinds(context: SourceContext, parameter: str | None) -> list[Option]:
    """Kinds of units."""
    query = select(unit_kind).order_by(unit_kind.c.position)
    return [Option(row.kind, _text(row.label, row.label_en)) for row in context.connection.execute(query)]


@options("organisation_kinds")
def organisation_kinds(context: SourceContext, parameter: str | None) -> list[Option]:
    """Kinds of organisations."""
    query = select(organisation_kind).order_by(organisation_kind.c.position)
    return [Option(row.kind, _text(row.label, row.label_en)) for row in context.connection.execute(query)]


def units_known(context: SourceContext) -> ColumnElement[bool] | None:
    """Return which units the task's organisation has to do with: its own, and all for who reads all in full (R09)."""
    reads_all = context.connection.scalar(
        select(organisation_kind.c.military_channel)
        .join(organisation, organisation.c.kind == organisation_kind.c.kind)
        .where(organisation.c.id == context.organisation_id)
    )
    if reads_all and not _is_military_body(context, str(context.organisation_id)):
        return true()
    return own_units(context)


def own_units(context: SourceContext) -> ColumnElement[bool] | None:
    """Return which units are recommended by the task's organisation: military, of its system, or in its area."""
    mine = context.connection.execute(
        select(organisation.c.id, organisation.c.area_code, organisation_kind.c.military_channel)
        .outerjoin(organisation_kind, organisation_kind.c.kind == organisation.c.kind)
        .where(organisation.c.id == context.organisation_id)
    ).one_or_none()
    if mine is None:
        return None
    of_system = and_(unit_profile.c.municipal_department_id == mine.id, unit_profile.c.military.is_(False))
    # A city body is in the city's own area, in which no unit lies: only county bodies find units by area.
    of_area = and_(
        organisation.c.area_code == mine.area_code,
        unit_profile.c.municipal_department_id.is_(None),
        unit_profile.c.military.is_(False),
    )
    if mine.military_channel and _is_military_body(context, mine.id):
        return unit_profile.c.military.is_(True)
    return or_(of_system, of_area)


def _is_military_body(context: SourceContext, organisation_id: str) -> bool:
    # The office may read military units in full, but the sub-district alone recommends them: it has no
    # units of a system, and a unit names it as the body above.
    return (
        context.connection.scalar(
            select(unit_profile.c.organisation_id)
            .join(organisation, organisation.c.id == unit_profile.c.organisation_id)
            .where(unit_profile.c.military, organisation.c.parent_id == organisation_id)
            .limit(1)
        )
        is not None
    )


def _organisations(context: SourceContext, kinds: list[str]) -> list[Any]:
    query = (
        select(organisation)
        .outerjoin(area, area.c.code == organisation.c.area_code)
        .where(_in_being(context), or_(area.c.code.is_(None), area.c.participates))
        .order_by(organisation.c.code)
    )
    if kinds:
        query = query.where(organisation.c.kind.in_(kinds))
    return list(context.connection.execute(query))


def _in_being(context: SourceContext) -> ColumnElement[bool]:
    day = city_day(context.now)
    return and_(
        organisation.c.valid_from <= day,
        or_(organisation.c.valid_to.is_(None), organisation.c.valid_to >= day),
    )


def _words(parameter: str | None) -> list[str]:
    return (parameter or "").replace(",", " ").split()


def _text(zh: str, en: str) -> Text:
    return Text(zh, en or zh)
