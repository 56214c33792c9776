"""Operations on inspections: form a team, add up sheets, agree on points, grade, close."""

from collections.abc import Mapping, Sequence
from typing import Any

from service.campaign import applications, indicators, inspections
from service.campaign.calendar import parse_day
from service.engine.model import Json
from service.errors import Text
from service.operations.registry import Context, operation
from service.system import deployment_files


@operation(
    "inspections.form_team",
    Text("组建检查验收组", "Form an inspection team"),
    changes=Text("登记检查组成员和检查日期", "registers the team and the day of the visit"),
)
def form_team(
    context: Context,
    *,
    subject: str,
    purpose: str,
    unit: str,
    level: str,
    organiser: str,
    leader: str,
    team: list[Any],
    scorers: list[Any],
    scheduled_on: str,
    least: int,
    least_scoring: int,
    plan_year: str | None = None,
    window: str | None = None,
    recommender: str | None = None,
) -> Json:
    """Form a team of `least` or more, `least_scoring` of whom score; refuses conflicts and days outside `window`.

    A post at the `recommender` is a conflict, and a window extended for it is extended for the unit.
    """
    facts = applications.unit_facts(
        context.connection, unit, county_kind="", military_kind="", day=context.today
    )
    made = inspections.form_team(
        context.connection,
        subject_id=subject,
        purpose=purpose,
        unit_id=unit,
        unit_kind=facts.kind,
        plan_year_id=plan_year,
        level=level,
        organiser_id=organiser,
        matter_id=context.instance.matter_id,
        leader=leader,
        team=[str(one) for one in team],
        scorers=[str(one) for one in scorers],
        least=least,
        least_scoring=least_scoring,
        scheduled_on=parse_day(scheduled_on),
        window=window,
        recommender_id=recommender,
        at=context.now,
    )
    people = inspections.members(context.connection, made.id)
    return {
        "inspection_id": made.id,
        "leader": leader,
        "scorers": [one.person_id for one in people if one.scores],
        "scheduled_on": made.scheduled_on.isoformat(),
        "unit_kind": made.unit_kind,
    }


@operation(
    "inspections.record_sheets",
    Text("汇总检查评分表", "Add up the inspection sheets"),
    changes=Text(
        "登记每名评分人员的得分、扣分理由和否决项", "records each inspector's scores, reasons and vetoes"
    ),
)
def record_sheets(context: Context, *, inspection: str, sheets: list[Any]) -> Json:
    """Record what each scoring member filled in alone.

    Each of `sheets` is `{inspector, lines, vetoes}`; a line is `{indicator, points, deduction, pictures}`, a veto
    `{code, facts}`. Refuses incomplete sheets and points taken off without a reason.
    """
    filled = [
        inspections.Filled(
            person_id=str(one["inspector"]),
            lines=tuple(_line(line) for line in one["lines"]),
            vetoes={str(veto["code"]): str(veto["facts"] or "") for veto in one["vetoes"]},
        )
        for one in sheets
    ]
    result = inspections.record_sheets(context.connection, inspection, _sheet(context, inspection), filled)
    return _described(result)


@operation(
    "inspections.agree",
    Text("登记合议得分", "Record the points agreed on"),
    changes=Text("以合议得分为准", "sets the points of the modules"),
)
def agree(context: Context, *, inspection: str, modules: Sequence[Any]) -> Json:
    """Set modules' points to what the team agreed on; each of `modules` is `{module, points}`."""
    points = {str(one["module"]): float(one["points"]) for one in modules if one["points"] is not None}
    result = inspections.agree(context.connection, inspection, _sheet(context, inspection), points)
    return _described(result)


@operation(
    "inspections.count_round",
    Text("登记一轮整改", "Count a round of rectification"),
    changes=Text("整改轮次加一", "adds one to the rounds"),
)
def count_round(context: Context, *, inspection: str) -> Json:
    """Count a round of rectification; returns how many there were."""
    return {"rounds": inspections.count_round(context.connection, inspection).rounds}


@operation(
    "inspections.close",
    Text("登记检查结论", "Record the inspection's result"),
    changes=Text("登记合格或不合格", "records passed or failed"),
)
def close(context: Context, *, inspection: str, passed: bool) -> Json:
    """Close an inspection with its result."""
    made = inspections.close(context.connection, inspection, passed=passed, at=context.now)
    return {"inspection_id": made.id, "total": made.total, "state": made.state}


def _sheet(context: Context, inspection_id: str) -> indicators.Sheet:
    files = deployment_files(context.connection, context.instance.deployment_id)
    return indicators.read_sheet(files, inspections.get(context.connection, inspection_id).unit_kind)


def _line(given: Mapping[str, Any]) -> inspections.Line:
    return inspections.Line(
        indicator=str(given["indicator"]),
        points=float(given["points"]),
        reason=str(given["deduction"] or ""),
        photos=tuple(str(one["id"]) for one in given["pictures"] or ()),
    )


def _described(result: inspections.Result) -> Json:
    return {
        "total": result.total,
        "bonus": result.bonus,
        "spread": result.spread,
        "lowest_share": result.lowest_share,
        "vetoes": list(result.vetoes),
    }
