"""Operations on plan years: draft one, set its targets, windows and settings, publish it."""

from collections.abc import Sequence
from typing import Any

from service.campaign import legacy_titles, plans
from service.campaign import settings as settings_of_year
from service.campaign.calendar import parse_day
from service.engine.model import Json
from service.errors import AppError, Invalid, Text
from service.operations.registry import Context, operation


@operation(
    "plans.draft",
    Text("建立年度方案草稿", "Draft a plan year"),
    changes=Text(
        "建立年度及其级别、窗口、设置和工作要点",
        "makes the year with levels, windows, settings and work items",
    ),
)
def draft(context: Context, *, year: int, title: str) -> Json:
    """Make the draft of a year from the defaults of the procedure; returns its id (R02 to R05, R11 to R14).

    The matter is then the year's. Raises `Conflict` when the year has a plan already.
    """
    made = plans.draft(
        context.connection,
        year,
        title,
        deployment_id=context.instance.deployment_id,
        matter_id=context.instance.matter_id,
        at=context.now,
        by=context.actor_id,
    )
    context.set_matter(plan_year_id=made.id, status=Text("草拟中", "In draft"))
    return made.id


@operation("plans.describe", Text("读取年度方案", "Read a plan year"))
def describe(context: Context, *, plan_year: str) -> Json:
    """Return year, title, state and total of a plan year, and the number of places by level where one is set."""
    one = plans.get(context.connection, plan_year)
    return {
        "year": one.year,
        "title": one.title,
        "state": one.state,
        "total": one.total,
        "document_number": one.document_number,
        "places": {
            level.code: level.places
            for level in plans.levels(context.connection, plan_year)
            if level.places is not None
        },
    }


@operation(
    "plans.fill_in",
    Text("登记目标、窗口和设置", "Keep targets, windows and settings"),
    changes=Text(
        "登记各级目标、各阶段日期和本年度设置", "sets the levels' numbers, the phases' days and the settings"
    ),
)
def fill_in(
    context: Context,
    *,
    plan_year: str,
    total: int,
    levels: Sequence[Any],
    windows: Sequence[Any],
    settings: Sequence[Any],
) -> Json:
    """Fill in a draft from a form's rows: `places` of levels, `opens` and `closes` of windows, `value` of settings.

    The levels must add up to `total` (R02 to R05), windows follow each other (R11 to R14), settings fit their type
    (G1 to G17). Raises `Invalid` naming what does not fit. Returns how many settings changed.
    """
    plans.set_targets(
        context.connection, plan_year, total, {one["row"]: int(one["places"]) for one in levels}
    )
    days = {one["row"]: (parse_day(one["opens"]), parse_day(one["closes"])) for one in windows}
    plans.set_windows(context.connection, plan_year, days)
    return _set_settings(context, plan_year, settings)


@operation(
    "plans.publish",
    Text("印发年度方案", "Publish the plan year"),
    changes=Text("年度方案生效，流程版本固定", "puts the plan in force and pins its procedure"),
)
def publish(context: Context, *, plan_year: str, document_number: str, decided_on: str) -> Json:
    """Put the plan in force; its matters run under the procedure this instance runs under.

    Titles held before the system, which waited for a plan year, begin their terms.
    """
    made = plans.publish(
        context.connection,
        plan_year,
        document_number=document_number,
        decided_on=parse_day(decided_on),
        deployment_id=context.instance.deployment_id,
        at=context.now,
    )
    legacy_titles.announce(context.connection, context.instance.deployment_id, at=context.now)
    context.set_matter(number=made.document_number, status=Text("已印发", "Published"))
    return None


def _set_settings(context: Context, plan_year: str, rows: Sequence[Any]) -> int:
    known = {one.key: one for one in settings_of_year.list_settings(context.connection, plan_year)}
    wrong: list[Text] = []
    changed = 0
    for row in rows:
        now = known[row["row"]]
        given = str(row.get("value") or "").strip()
        if given == settings_of_year.shown(now.value) or (now.chosen and given == now.chosen.zh):
            continue
        try:
            settings_of_year.change(
                context.connection, plan_year, now.key, given or None, at=context.now, by=context.actor_id
            )
            changed += 1
        except AppError as error:
            wrong.append(Text(f"{now.label.zh}：{error.text.zh}", f"{now.label.en}: {error.text.en}"))
    if wrong:
        raise Invalid(Text("；".join(one.zh for one in wrong), "; ".join(one.en for one in wrong)))
    return changed
