"""Operations on applications: route, open, check, submit, forward, receive, decide."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from service.campaign import applications, numbering, plans
from service.campaign import applications as all_applications
from service.campaign.date_functions import instant_text
from service.engine.model import Json
from service.errors import Invalid, Text
from service.identity import organisations
from service.identity.organisations import REDACTED
from service.operations.registry import Context, operation


@operation("applications.unit", Text("读取单位的申报渠道信息", "Read what decides a unit's channel"))
def unit(context: Context, *, unit: str, county_kind: str, military_kind: str, office_kind: str) -> Json:
    """Return what the channel decision reads of a unit (R08 to R10), and the municipal office's id."""
    facts = applications.unit_facts(
        context.connection, unit, county_kind=county_kind, military_kind=military_kind, day=context.today
    )
    # The name is left out: variables are read by integrators, a military unit's name is not for all of them.
    return {
        "kind": facts.kind,
        "military": facts.military,
        "department_id": facts.department_id,
        "county_id": facts.county_id,
        "military_body_id": facts.military_body_id,
        "office_id": applications.body_of_kind(context.connection, office_kind, context.today),
    }


@operation(
    "applications.open",
    Text("建立申报", "Open an application"),
    changes=Text("登记一份申报并编号", "registers an application and numbers it"),
)
def open_application(
    context: Context,
    *,
    unit: str,
    plan_year: str,
    level: str,
    channel: str,
    recommender: str,
    state: str,
    county: str | None = None,
    skip: bool = False,
    pattern: str = numbering.DEFAULT_PATTERN,
) -> Json:
    """Open a unit's application; names the matter after it. Its number is the next one of the pattern."""
    year = plans.get(context.connection, plan_year)
    number = numbering.next_number(
        context.connection, kind="application", scope=level, year=year.year, pattern=pattern
    )
    made = applications.open_application(
        context.connection,
        unit_id=unit,
        plan_year_id=plan_year,
        level=level,
        channel=channel,
        recommender_id=recommender,
        county_id=county,
        skip=skip,
        state=state,
        number=number,
        matter_id=context.instance.matter_id,
        at=context.now,
        actor_id=context.actor_id,
        instance_id=context.instance.id,
    )
    _entitle(context, made)
    context.set_matter(number=number, unit_id=unit, organisation_id=recommender, plan_year_id=plan_year)
    return {"application_id": made.id, "number": number}


@operation(
    "applications.profile", Text("读取单位档案和上年申报", "Read the unit's profile and last application")
)
def profile(context: Context, *, unit: str, form: str, keys: Sequence[str]) -> Json:
    """Return what an application starts from: the unit's own figures, and `keys` of the `form` it last submitted."""
    known = organisations.unit(context.connection, unit)
    before = applications.last_submitted(
        context.connection, unit, form=form, besides=context.instance.matter_id
    )
    return {
        "address": known.address,
        "contact_name": known.contact_name,
        "contact_phone": known.contact_phone,
        "uscc": known.uscc,
        "staff": known.staff,
        "students": known.students,
        "households": known.households,
        "population": known.population,
        "beds": known.beds,
        "land_area": known.land_area,
        "green_area": known.green_area,
        "green_ratio": known.green_ratio,
        "key_polluter": known.key_polluter,
        "discharge_permit": known.discharge_permit,
        "previous": {key: before.get(key) for key in keys},
    }


@operation("applications.standing", Text("核对申报条件", "Check what an application stands on"))
def standing(
    context: Context, *, application: str, entry: str, cooling_months: int, joining: bool = False
) -> Json:
    """Return what the eligibility decision reads: titles held today, other applications, cooling time (R20).

    One that is `joining` its level, opened or turned to it, gives way to any other that is open there.
    """
    found = applications.standing(
        context.connection,
        application,
        entry=entry,
        cooling_months=cooling_months,
        joining=joining,
        day=context.today,
    )
    return asdict(found)


@operation("applications.describe", Text("读取申报", "Read an application"))
def describe(context: Context, *, application: str) -> Json:
    """Return what gateways read of an application: unit, level, state, rounds, arrival, score."""
    return _described(applications.get(context.connection, application))


@operation("applications.targeted", Text("是否列入创建对象", "Whether the unit is on the list of targets"))
def targeted(context: Context, *, application: str) -> Json:
    """Return whether the recommending body listed the unit at this level this year (R11)."""
    return {"listed": applications.is_target(context.connection, application)}


@operation(
    "applications.require_materials", Text("核对申报材料是否齐全", "Check that the materials are complete")
)
def require_materials(
    context: Context, *, given: Mapping[str, Any], wanted: list[Any], names: list[Any], names_en: list[Any]
) -> Json:
    """Refuse a submission that lacks one of the `wanted` materials (keys of `given`), naming all that are missing.

    `names` and `names_en` say what each is called, in the same order. Raises `Invalid`.
    """
    missing = {
        str(one): Text(f"请提供{zh}", f"Give the {en}")
        for one, zh, en in zip(wanted, names, names_en, strict=True)
        if not given.get(one)
    }
    if missing:
        zh, en = (
            "；".join(one.zh for one in missing.values()),
            "; ".join(one.en for one in missing.values()),
        )
        raise Invalid(Text(f"材料不齐全：{zh}", f"Materials are missing: {en}"), fields=missing)
    return None


@operation(
    "applications.submit",
    Text("登记申报提交", "Record a submission"),
    changes=Text("登记提交时间和自评分", "records when it was submitted and the self score"),
)
def submit(
    context: Context,
    *,
    application: str,
    window: str | None = None,
    late: bool = False,
    self_score: float | None = None,
) -> Json:
    """Record that the unit submitted; refuses outside the window unless the unit says that it is late."""
    made = applications.submit(
        context.connection, application, window=window, late=late, self_score=self_score, at=context.now
    )
    return _described(made)


@operation(
    "applications.forward",
    Text("报送市创绿办", "Forward to the office"),
    changes=Text("登记报送和到达时间，判断是否逾期", "records sending and arrival, and whether in time"),
)
def forward(context: Context, *, application: str, window: str) -> Json:
    """Record that the recommending body sent it on: what counts is this arrival at the office (R13)."""
    made = applications.forward(context.connection, application, window=window, at=context.now)
    return {**_described(made), "days_late": applications.days_late(context.connection, application, window)}


@operation("applications.arrival", Text("读取到达时间", "Read when it arrived"))
def arrival(context: Context, *, application: str, window: str) -> Json:
    """Return the receipt's facts: arrival instant and day, whether in time, days late."""
    made = applications.get(context.connection, application)
    return {**_described(made), "days_late": applications.days_late(context.connection, application, window)}


@operation(
    "applications.count_correction",
    Text("登记一轮补正", "Count a round of correction"),
    changes=Text("补正轮次加一", "adds one to the rounds of correction"),
)
def count_correction(context: Context, *, application: str, most: int) -> Json:
    """Count a correction asked for by the office; refuses above `most` rounds (R30)."""
    return _described(applications.count_correction(context.connection, application, most))


@operation(
    "applications.set_level",
    Text("变更申报级别", "Change the level applied for"),
    changes=Text("变更申报级别，材料保留", "changes the level; what was filled in stays"),
)
def set_level(context: Context, *, application: str, level: str) -> Json:
    """Turn to another level."""
    made = applications.set_level(context.connection, application, level)
    _entitle(context, made)
    return _described(made)


@operation(
    "applications.record_consent",
    Text("登记越级同意", "Record the consent to skip"),
    changes=Text("登记组委会同意越级申报", "records that the committee consented"),
)
def record_consent(context: Context, *, application: str) -> Json:
    """Record the committee's consent to skip levels (R21)."""
    return _described(applications.record_consent(context.connection, application))


@operation(
    "applications.set_score",
    Text("登记验收得分", "Record the inspection's score"),
    changes=Text("登记检查验收得分", "records the score"),
)
def set_score(context: Context, *, application: str, score: float) -> Json:
    """Keep the score by which applications are ranked."""
    applications.set_score(context.connection, application, score)
    return None


@operation("applications.still_open", Text("筛选仍未办结的申报", "Keep the applications that are open"))
def still_open(context: Context, *, applications: list[Any], states: list[Any] | None = None) -> Json:
    """Return those of `applications` that are not closed, in their order; with `states` only those in one of them."""
    found = [all_applications.get(context.connection, str(one)) for one in applications]
    return [one.id for one in found if not one.closed and (states is None or one.state in states)]


@operation(
    "applications.set_state",
    Text("变更申报状态", "Change an application's state"),
    changes=Text("记录决定、依据和申报状态", "records the decision, its authority and the state"),
)
def set_state(
    context: Context,
    *,
    application: str,
    state: str,
    status: str,
    status_en: str,
    reason: str | None = None,
    authority: str = "",
    document_number: str | None = None,
    closed: bool = False,
) -> Json:
    """Change the state; `status` is what people read. Raises `Conflict` once the application is closed."""
    made = applications.set_state(
        context.connection,
        application,
        state,
        reason=reason or "",
        authority=authority,
        document_number=document_number,
        closed=closed,
        at=context.now,
        actor_id=context.actor_id,
        instance_id=context.instance.id,
    )
    if made.matter_id == context.instance.matter_id:
        context.set_matter(status=Text(status, status_en))
    return _described(made)


def _entitle(context: Context, made: applications.Application) -> None:
    facts = applications.unit_facts(
        context.connection, made.unit_id, county_kind="", military_kind="", day=context.today
    )
    year = plans.get(context.connection, made.plan_year_id)
    label = next(
        one.label for one in plans.levels(context.connection, made.plan_year_id) if one.code == made.level
    )
    name = REDACTED.zh if facts.military else facts.name
    context.set_matter(title=f"{name}：{year.year} 年{label.zh}绿色单位申报")


def _described(one: applications.Application) -> dict[str, Json]:
    return {
        "application_id": one.id,
        "unit_id": one.unit_id,
        "level": one.level,
        "channel": one.channel,
        "recommender_id": one.recommender_id,
        "county_id": one.county_id,
        "state": one.state,
        "closed": one.closed,
        "consented": one.consented,
        "corrections": one.corrections,
        "number": one.number,
        "score": one.score,
        "in_time": one.in_time,
        "arrived_at": instant_text(one.arrived_at) if one.arrived_at is not None else None,
    }
