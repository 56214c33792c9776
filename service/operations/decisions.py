"""Operations of deliberation and naming: who judges, counting votes, checks before naming, signing, plaques."""

from typing import Any

from service.campaign import applications as all_applications
from service.campaign import decisions, numbering, plans
from service.campaign.calendar import parse_day
from service.clock import city_day
from service.engine.model import Json
from service.errors import Conflict, Invalid, Text
from service.identity import organisations, people
from service.operations import titles as title_operations
from service.operations.registry import Context, operation


@operation("decisions.panel", Text("确定评议成员", "Find who deliberates"))
def panel(context: Context, *, role: str, kind: str) -> Json:
    """Return the people who hold `role` at the body of `kind` today. Raises `Conflict` when nobody does."""
    body = all_applications.body_of_kind(context.connection, kind, context.today)
    found = people.members(context.connection, role, body, context.today)
    if not found:
        name = organisations.get(context.connection, body).name
        raise Conflict(Text(f"{name}没有可以评议的成员", f"{name} has no members to deliberate"))
    return {"people": list(found), "body_id": body}


@operation("decisions.count", Text("统计评议表决", "Count the deliberation's votes"))
def count(
    context: Context,
    *,
    plan_year: str,
    level: str,
    applications: list[Any],
    ballots: list[Any],
    judges: list[Any],
    quorum: float,
    needed: float,
    excess_waits: bool,
    taken_states: list[Any],
) -> Json:
    """Count ballots `{judge, application, in_favour, stands_aside}`, leaving out who has a conflict.

    More than the share `quorum` of the `judges` must have voted; raises `Conflict` otherwise. Worthy is what more
    than the share `needed` of the votes counted favours: a tie is none.

    Returns for each application whether it is `worthy`, and whether it `waits` for a place.
    """
    if not applications:
        raise Invalid(Text("没有选择要评议的申报单位", "No application was chosen to deliberate"))
    voted = {str(one["judge"]) for one in ballots} & {str(one) for one in judges}
    if len(voted) <= quorum * len(judges):
        raise Conflict(
            Text(
                f"应到 {len(judges)} 人，已投票 {len(voted)} 人，未过半数，不能统计",
                f"{len(voted)} of {len(judges)} members have voted; that is no quorum",
            )
        )
    found = decisions.count(
        context.connection,
        plan_year,
        level,
        [str(one) for one in applications],
        [
            decisions.Ballot(
                str(one["judge"]), str(one["application"]), bool(one["in_favour"]), bool(one["stands_aside"])
            )
            for one in ballots
        ],
        needed=needed,
        excess_waits=excess_waits,
        taken_states=[str(one) for one in taken_states],
    )
    return [
        {
            "application_id": one.application_id,
            "in_favour": one.in_favour,
            "counted": one.counted,
            "worthy": one.worthy,
            "waits": one.waits,
        }
        for one in found
    ]


@operation("decisions.check", Text("命名前复核", "Check before naming"))
def check(
    context: Context,
    *,
    applications: list[Any],
    entries: dict[str, Any],
    cooling_months: int,
    notice_required: bool,
    pending_supports: bool,
) -> Json:
    """Return which applications may be named today (R20a), which not, with the reason, and which are to wait.

    `waiting` are those whose title below is to be re-inspected first, with the state each is in: they ask again
    when it is renewed.
    """
    wanted = [str(one) for one in applications]
    found = decisions.obstacles(
        context.connection,
        wanted,
        entries=entries,
        cooling_months=cooling_months,
        notice_required=notice_required,
        pending_supports=pending_supports,
        day=context.today,
    )
    refused = {one.application_id for one in found}
    return {
        "fit": [one for one in wanted if one not in refused],
        "unfit": [
            {"application_id": one.application_id, "why": one.text.zh, "why_en": one.text.en}
            for one in found
            if not one.pending
        ],
        "waiting": [
            {
                "application_id": one.application_id,
                "state": all_applications.get(context.connection, one.application_id).state,
                "why": one.text.zh,
                "why_en": one.text.en,
            }
            for one in found
            if one.pending
        ],
    }


@operation(
    "decisions.sign",
    Text("签发命名决定", "Sign a naming decision"),
    changes=Text(
        "登记命名决定和文号，授予称号、编证书号", "records the decision, grants titles and certificates"
    ),
)
def sign(
    context: Context,
    *,
    plan_year: str,
    level: str,
    applications: list[Any],
    authority: str,
    heading: str,
    decided_on: str,
    valid_years: int | None,
    entries: dict[str, Any],
    cooling_months: int,
    notice_required: bool,
    pending_supports: bool,
    pattern: str | None = None,
    document_number: str | None = None,
    certificate_pattern: str = numbering.DEFAULT_PATTERN,
) -> Json:
    """Sign a decision and name each unit (R22, R23): with the number given, or the next one of `pattern`.

    Certificates are numbered by `certificate_pattern`. Nobody is named who could not be (see `decisions.check`):
    raises `Conflict` then, naming the first; `Invalid` for a decision before an application was opened.
    """
    wanted = [str(one) for one in applications]
    wrong = decisions.obstacles(
        context.connection,
        wanted,
        entries=entries,
        cooling_months=cooling_months,
        notice_required=notice_required,
        pending_supports=pending_supports,
        day=context.today,
    )
    if wrong:
        unit = _unit_name(context, wrong[0].application_id)
        raise Conflict(
            Text(f"{unit}不能命名：{wrong[0].text.zh}", f"{unit} cannot be named: {wrong[0].text.en}"),
            application=wrong[0].application_id,
        )
    number = (document_number or "").strip()
    if not number:
        if pattern is None:
            raise Invalid(Text("请填写发文字号", "Give the document number"), parameter="document_number")
        number = numbering.next_number(
            context.connection,
            kind="decision",
            scope=authority,
            year=parse_day(decided_on).year,
            pattern=pattern,
        )
    granted = [
        (one, _grant(context, one, level, decided_on, number, authority, valid_years, certificate_pattern))
        for one in wanted
    ]
    made = decisions.record(
        context.connection,
        plan_year_id=plan_year,
        level=level,
        authority_id=authority,
        document_number=number,
        document_title=heading,
        decided_on=parse_day(decided_on),
        decided_by=context.actor_id,
        matter_id=context.instance.matter_id,
        instance_id=context.instance.id,
        named=granted,
        at=context.now,
    )
    context.set_matter(number=number)
    return {
        "decision_id": made.id,
        "document_number": number,
        "named": [
            {"application_id": one, "unit_id": _unit(context, one), "title_id": title}
            for one, title in granted
        ],
    }


@operation(
    "decisions.deliver_plaques",
    Text("登记授牌", "Record the handing over of plaques"),
    changes=Text("登记牌匾签收", "records who received each plaque"),
)
def deliver_plaques(context: Context, *, plaques: list[Any]) -> Json:
    """Record plaques handed over; each of `plaques` is `{title, day, recipient}`."""
    for one in plaques:
        title_operations.deliver_plaque(
            context, title=str(one["title"]), delivered_on=str(one["day"]), receiver=str(one["recipient"])
        )
    return {"delivered": len(plaques)}


@operation(
    "decisions.entitle",
    Text("命名事项标题", "Title the matter"),
    changes=Text("以级别和年度命名事项", "titles the matter after level and year"),
)
def entitle(context: Context, *, plan_year: str, level: str, subject: str) -> Json:
    """Title the matter “<year> <level> <subject>”; returns the year and what the level is called."""
    year = plans.get(context.connection, plan_year).year
    label = decisions.level_label(context.connection, plan_year, level)
    context.set_matter(title=f"{year} 年{label.zh}绿色单位{subject}", plan_year_id=plan_year)
    return {"year": year, "label": label.zh, "label_en": label.en}


@operation("decisions.describe_level", Text("读取年度和级别的名称", "Read what a year's level is called"))
def describe_level(context: Context, *, plan_year: str, level: str) -> Json:
    """Return the year and what the level is called, for headings."""
    label = decisions.level_label(context.connection, plan_year, level)
    return {"year": plans.get(context.connection, plan_year).year, "label": label.zh, "label_en": label.en}


def _grant(
    context: Context,
    application: str,
    level: str,
    decided_on: str,
    number: str,
    authority: str,
    valid_years: int | None,
    certificate_pattern: str,
) -> str:
    granted = title_operations.grant(
        context,
        unit=_unit(context, application),
        level=level,
        decided_on=decided_on,
        decision_number=number,
        namer_org=authority,
        valid_years=valid_years,
        certificate_pattern=certificate_pattern,
        not_before=city_day(all_applications.get(context.connection, application).opened_at).isoformat(),
    )
    if not isinstance(granted, dict):
        raise TypeError("titles.grant describes the title it granted")
    return str(granted["title_id"])


def _unit(context: Context, application: str) -> str:
    return all_applications.get(context.connection, application).unit_id


def _unit_name(context: Context, application: str) -> str:
    return organisations.get(context.connection, _unit(context, application)).name
