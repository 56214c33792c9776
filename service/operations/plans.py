"""Operations on plan years: draft one, set its targets, windows and settings, publish it."""

from collections.abc import Mapping, Sequence
from typing import Any

from service.campaign import plans, settings
from service.campaign.calendar import parse_day
from service.engine.model import Json
from service.errors import AppError, Invalid, Text
from service.operations.registry import Context, operation


@operation(
    "plans.draft",
    Text("建立年度方案草稿", "Draft a plan year"),
    changes=Text(
        "建立年度及其级别、窗口、设置和工作要点", "makes the year with levels, windows, settings and work items"
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
    "plans.set_targets",
    Text("登记创建目标", "Set the targets"),
    changes=Text("登记总数和各级目标数，核对合计", "sets the total and the levels' numbers, which must add up"),
)
def set_targets(context: Context, *, plan_year: str, total: int, rows: Sequence[Any]) -> Json:
    """Set the total and each level's `places` from a form's rows (R02 to R05). Raises `Invalid` unless they add up."""
    plans.set_targets(context.connection, plan_year, total, {one["row"]: int(one["places"]) for one in rows})
    return None


@operation(
    "plans.set_windows",
    Text("登记时间窗口", "Set the windows"),
    changes=Text("登记各阶段的首日和末日", "sets first and last day of each phase"),
)
def set_windows(context: Context, *, plan_year: str, rows: Sequence[Any]) -> Json:
    """Set `opens` and `closes` of each window from a form's rows (R11 to R14). Raises `Invalid` for overlaps."""
    days = {one["row"]: (parse_day(one["opens"]), parse_day(one["closes"])) for one in rows}
    plans.set_windows(context.connection, plan_year, days)
    return None


@operation(
    "plans.set_settings",
    Text("登记年度设置", "Set the settings"),
    changes=Text("登记与默认值不同的设置", "keeps the settings that differ from their defaults"),
)
def set_settings(context: Context, *, plan_year: str, rows: Sequence[Any]) -> Json:
    """Keep each `value` of a form's rows that differs from what the setting has (G1 to G17).

    Returns how many changed. Raises `Invalid` naming every setting whose value does not fit.
    """
    known = {one.key: one for one in settings.list_settings(context.connection, plan_year)}
    wrong: list[Text] = []
    changed = 0
    for row in rows:
        now = known[row["row"]]
        given = _given(row)
        if given == settings.shown(now.value):
            continue
        try:
            settings.change(
                context.connection, plan_year, now.key, given or None, at=context.now, by=context.actor_id
            )
            changed += 1
        except AppError as error:
            wrong.append(Text(f"{now.label.zh}：{error.text.zh}", f"{now.label.en}: {error.text.en}"))
    if wrong:
        raise Invalid(Text("；".join(one.zh for one in wrong), "; ".join(one.en for one in wrong)))
    return changed


@operation(
    "plans.publish",
    Text("印发年度方案", "Publish the plan year"),
    changes=Text("年度方案生效，流程版本固定", "puts the plan in force and pins its procedure"),
)
def publish(context: Context, *, plan_year: str, document_number: str, decided_on: str) -> Json:
    """Put the plan in force; its matters run under the procedure this instance runs under."""
    made = plans.publish(
        context.connection,
        plan_year,
        document_number=document_number,
        decided_on=parse_day(decided_on),
        deployment_id=context.instance.deployment_id,
        at=context.now,
    )
    context.set_matter(number=made.document_number, status=Text("已印发", "Published"))
    return None


def _given(row: Mapping[str, Any]) -> str:
    return str(row.get("value") or "").strip()
