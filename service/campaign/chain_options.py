"""Sources about the naming chain: for whom and what to apply, titles in force, applications and titles of a list."""

from typing import Any

from sqlalchemy import select

from service.campaign import identity_options, plans, rounds, titles
from service.campaign.applications import Application
from service.campaign.applications import get as get_application
from service.campaign.options import Option, Row, SourceContext, options, rows
from service.errors import Text
from service.identity import organisations
from service.store.county import county_round
from service.store.identity import organisation, unit_profile
from service.store.title import title


@options("units_to_apply")
def units_to_apply(context: SourceContext, parameter: str | None) -> list[Option]:
    """The unit itself when it applies for itself, else the units its recommending body answers for."""
    mine = context.organisation_id
    if mine is not None and organisations.is_unit(context.connection, mine):
        one = organisations.get(context.connection, mine)
        return [Option(one.id, Text(one.name, one.name_en or one.name))]
    return identity_options.units(context, parameter)


@options("levels_to_apply")
def levels_to_apply(context: SourceContext, parameter: str | None) -> list[Option]:
    """Levels of the plan year in force, from the lowest to the highest."""
    year = plans.current(context.connection, context.now)
    if year is None:
        return []
    return [Option(one.code, one.label) for one in plans.levels(context.connection, year.id)]


@options("titles_in_force")
def titles_in_force(context: SourceContext, parameter: str | None) -> list[Option]:
    """Titles neither revoked nor ended, by number, of the units the task's organisation has to do with."""
    known = identity_options.units_known(context)
    if known is None:
        return []
    found = context.connection.execute(
        select(title.c.id, title.c.number, title.c.unit_name)
        .join(organisation, organisation.c.id == title.c.unit_id)
        .join(unit_profile, unit_profile.c.organisation_id == title.c.unit_id)
        .where(title.c.state.not_in(("revoked", "ended")), known)
        .order_by(title.c.number)
    )
    return [
        Option(row.id, Text(f"{row.number} {row.unit_name}", f"{row.number} {row.unit_name}"))
        for row in found
    ]


@rows("county_applications")
def county_applications(context: SourceContext, parameter: str | None) -> list[Row]:
    """The round's applications at the level of the parameter, best first, with `state` and `score`."""
    found = context.connection.scalar(
        select(county_round.c.id).where(
            county_round.c.plan_year_id == context.plan_year_id,
            county_round.c.county_org_id == context.organisation_id,
        )
    )
    if found is None or parameter is None:
        return []
    known = rounds.get(context.connection, found)
    return _rows(context, rounds.applications_of(context.connection, known, parameter))


@rows("applications_in")
def applications_in(context: SourceContext, parameter: str | None) -> list[Row]:
    """One row for each application whose id stands in the variable of the parameter, with `state` and `score`."""
    return _rows(context, [get_application(context.connection, one) for one in _ids(context, parameter)])


@rows("titles_in")
def titles_in(context: SourceContext, parameter: str | None) -> list[Row]:
    """One row for each title whose id stands in the variable of the parameter: number, decision, term."""
    found = [titles.get(context.connection, one) for one in _ids(context, parameter)]
    return [
        Row(
            one.id,
            Text(one.unit_name, one.unit_name),
            {
                "number": one.number,
                "decision_number": one.decision_number,
                "decided_on": one.decided_on.isoformat(),
                "valid_to": one.valid_to.isoformat() if one.valid_to is not None else "",
            },
        )
        for one in found
    ]


def _ids(context: SourceContext, parameter: str | None) -> list[str]:
    value: Any = context.variables.get(parameter) if parameter else None
    return [str(one) for one in value] if isinstance(value, list) else []


def _rows(context: SourceContext, found: list[Application]) -> list[Row]:
    ids = [one.unit_id for one in found]
    names = {
        row.id: Text(row.name, row.name_en or row.name)
        for row in context.connection.execute(
            select(organisation.c.id, organisation.c.name, organisation.c.name_en).where(
                organisation.c.id.in_(ids)
            )
        )
    }
    return [
        Row(
            one.id,
            names[one.unit_id],
            {
                "state": one.state,
                "score": "" if one.score is None else f"{one.score:g}",
                "number": one.number,
            },
        )
        for one in found
    ]
