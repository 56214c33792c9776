"""Sources about applications: sheets of a unit's kind, inspectors without a conflict, lists to judge and to name."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import select

from service.campaign import applications, decisions, indicators, inspections, notices
from service.campaign.identity_options import people as people_options
from service.campaign.options import Option, Row, SourceContext, options, rows
from service.clock import city_day
from service.errors import Text
from service.identity import access, organisations, people
from service.store.application import application
from service.store.identity import unit_profile


@rows("sheet_indicators")
def sheet_indicators(context: SourceContext, parameter: str | None) -> list[Row]:
    """One row for each indicator on the sheet of the unit's kind, with `full`, `method`, `rule` and `module`."""
    sheet = _sheet(context)
    if sheet is None:
        return []
    return [
        Row(
            one.code,
            Text(f"{one.code} {one.text.zh}", f"{one.code} {one.text.en}"),
            {
                "full": one.full_score,
                "method": one.method.zh,
                "rule": one.rule.zh,
                "module": sheet.modules[one.module].zh if one.module in sheet.modules else "加分项",
                # Points beyond the hundred are given, not taken off: they need no reason.
                "extra": one.module == indicators.BONUS,
            },
        )
        for one in sheet.indicators
    ]


@rows("sheet_vetoes")
def sheet_vetoes(context: SourceContext, parameter: str | None) -> list[Row]:
    """One row for each veto item of the unit's kind that is found where the parameter says (`site`, `record`)."""
    sheet = _sheet(context)
    return [
        Row(one.code, Text(f"{one.code} {one.text.zh}", f"{one.code} {one.text.en}"))
        for one in (sheet.vetoes if sheet is not None else ())
        if parameter is None or one.found == parameter
    ]


@rows("inspection_modules")
def inspection_modules(context: SourceContext, parameter: str | None) -> list[Row]:
    """One row for each module of the inspection a variable names: `full`, `lowest`, `highest`, `mean`, `agreed`."""
    inspection_id = context.variables.get(parameter or "inspection_id")
    sheet = _sheet(context)
    if inspection_id is None or sheet is None:
        return []
    ranges = inspections.module_range(context.connection, inspection_id, sheet)
    agreed = inspections.get(context.connection, inspection_id).modules
    return [
        Row(
            module,
            label,
            {
                "full": sheet.full(module),
                "lowest": ranges[module][0],
                "highest": ranges[module][1],
                "mean": ranges[module][2],
                "agreed": agreed.get(module),
            },
        )
        for module, label in sheet.modules.items()
    ]


@options("inspectors")
def inspectors(context: SourceContext, parameter: str | None) -> list[Option]:
    """People with a role in the parameter who may inspect the unit (R14, R09); `recommender_id` recommends it."""
    found = people_options(context, parameter)
    if context.unit_id is None:
        return found
    away = inspections.barred(
        context.connection,
        context.unit_id,
        [one.value for one in found],
        recommender_id=context.variables.get("recommender_id"),
    )
    return [one for one in found if one.value not in away]


@rows("applications_to_judge")
def applications_to_judge(context: SourceContext, parameter: str | None) -> list[Row]:
    """Applications of the plan year and level in one of the states of the parameter, by body and score.

    Each with its `body`, `score`, `rank` within the body, `places` the body has at this level, `late`, and
    whether it is within the places (`fits`).
    """
    level = context.variables.get("level")
    if context.plan_year_id is None or level is None:
        return []
    states = (parameter or "").split()
    found = applications.list_applications(
        context.connection, context.plan_year_id, level=level, states=states
    )
    found.sort(key=lambda one: (one.recommender_id, -(one.score or 0), one.id))
    names = _names(context, found)
    ranks: dict[str, int] = {}
    listed: list[Row] = []
    for one in found:
        ranks[one.recommender_id] = ranks.get(one.recommender_id, 0) + 1
        places = decisions.places_left(
            context.connection, context.plan_year_id, level, one.recommender_id, ()
        )
        rank = ranks[one.recommender_id]
        listed.append(
            Row(
                one.id,
                Text(names[one.unit_id], names[one.unit_id]),
                {
                    "body": organisations.get(context.connection, one.recommender_id).name,
                    "score": one.score,
                    "rank": rank,
                    "places": places,
                    "late": one.in_time is False,
                    "fits": rank <= places,
                },
            )
        )
    return listed


@rows("listed_applications")
def listed_application_rows(context: SourceContext, parameter: str | None) -> list[Row]:
    """One row for each application id in the list the parameter names, with `number`, `score`, `body`, `address`."""
    found = _listed(context, parameter)
    names = _names(context, found)
    return [
        Row(
            one.id,
            Text(names[one.unit_id], names[one.unit_id]),
            {
                "number": one.number,
                "score": one.score,
                "body": organisations.get(context.connection, one.recommender_id).name,
                "late": one.in_time is False,
            },
        )
        for one in found
    ]


@options("listed_applications")
def listed_application_options(context: SourceContext, parameter: str | None) -> list[Option]:
    """The applications whose ids are in the list the parameter names."""
    return [Option(row.id, row.label) for row in listed_application_rows(context, parameter)]


@rows("deliberation_verdicts")
def deliberation_verdicts(context: SourceContext, parameter: str | None) -> list[Row]:
    """One row for each verdict in the list the parameter names: votes `in_favour` of those `counted`, `verdict`."""
    given: Any = context.variables.get(parameter or "verdicts") or []
    verdicts = {one["application_id"]: one for one in given}
    found = [applications.get(context.connection, one) for one in verdicts]
    names = _names(context, found)
    return [
        Row(
            one.id,
            Text(names[one.unit_id], names[one.unit_id]),
            {
                "score": one.score,
                "in_favour": verdicts[one.id]["in_favour"],
                "counted": verdicts[one.id]["counted"],
                "verdict": _verdict(verdicts[one.id]).zh,
                "verdict_en": _verdict(verdicts[one.id]).en,
            },
        )
        for one in found
    ]


@rows("notice_objections")
def notice_objections(context: SourceContext, parameter: str | None) -> list[Row]:
    """One row for each unit held by an objection to the notice a variable names, with the `facts` objected."""
    notice_id = context.variables.get(parameter or "notice_id")
    if notice_id is None:
        return []
    facts: dict[str, list[str]] = {}
    for one in notices.objections(context.connection, notice_id):
        facts.setdefault(one.application_id, []).append(one.facts)
    return [
        Row(
            one.application_id,
            Text(one.posted_name, one.posted_name),
            {"facts": "；".join(facts[one.application_id])},
        )
        for one in notices.items(context.connection, notice_id)
        if one.state == notices.HELD and one.application_id in facts
    ]


def _verdict(one: Mapping[str, Any]) -> Text:
    if not one["worthy"]:
        return Text("未通过", "Not approved")
    return Text("候补", "Waiting list") if one["waits"] else Text("通过", "Approved")


def _sheet(context: SourceContext) -> indicators.Sheet | None:
    kind = context.connection.scalar(
        select(unit_profile.c.unit_kind).where(unit_profile.c.organisation_id == context.unit_id)
    )
    return indicators.read_sheet(context.procedure.files, kind) if kind is not None else None


def _listed(context: SourceContext, parameter: str | None) -> Sequence[applications.Application]:
    given: Any = context.variables.get(parameter or "items") or []
    known = set(
        context.connection.scalars(select(application.c.id).where(application.c.id.in_(list(given))))
        if given
        else ()
    )
    return [applications.get(context.connection, one) for one in given if one in known]


def _names(context: SourceContext, found: Iterable[applications.Application]) -> dict[str, str]:
    ids = list({one.unit_id for one in found})
    names = organisations.names(context.connection, ids)
    if context.person_id is None or not ids:
        return names
    person = people.load(context.connection, context.person_id, city_day(context.now))
    return names | access.redacted_names(context.connection, person, ids)
