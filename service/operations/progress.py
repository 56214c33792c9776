"""Operations on what bodies do in a plan year: deliverables, targets, schemes, progress reports, guidance."""

from collections.abc import Mapping, Sequence
from typing import Any

from service.campaign import progress
from service.campaign.calendar import parse_day
from service.engine.model import Json
from service.errors import Invalid, Text
from service.operations.registry import Context, operation


@operation(
    "progress.deliver",
    Text("登记准备成果", "Record a deliverable"),
    changes=Text("登记报送时间和是否按期", "records when it came and whether in time"),
)
def deliver(
    context: Context,
    *,
    plan_year: str,
    organisation: str,
    kind: str,
    label: str,
    position: int,
    due_on: str,
    label_en: str | None = None,
    facts: Mapping[str, Any] | None = None,
) -> Json:
    """Record one deliverable of the preparation phase (R11); in time is before 24:00 of `due_on`."""
    in_time = progress.deliver(
        context.connection,
        plan_year,
        organisation,
        kind,
        label=Text(label, label_en or label),
        position=position,
        due_on=parse_day(due_on),
        facts=dict(facts or {}),
        at=context.now,
        by=context.actor_id,
    )
    return {"in_time": in_time}


@operation(
    "progress.check",
    Text("登记准备成果审核", "Record the check of a deliverable"),
    changes=Text("登记通过或退回及理由", "records acceptance or return with its reason"),
)
def check(
    context: Context,
    *,
    plan_year: str,
    organisation: str,
    kind: str,
    accepted: bool,
    remark: str | None = None,
) -> Json:
    """Accept a deliverable or return it with what is to be corrected (R11)."""
    progress.check_deliverable(
        context.connection,
        plan_year,
        organisation,
        kind,
        accepted=accepted,
        remark=remark or "",
        at=context.now,
        by=context.actor_id,
    )
    return None


@operation(
    "progress.missing",
    Text("核对未报送或退回未重报的成果", "See which deliverables are missing or were returned"),
)
def missing(context: Context, *, plan_year: str, organisation: str, wanted: Sequence[Any]) -> Json:
    """Return how many of the `wanted` {kind, label} are with the body, and their labels in words (R11).

    That is what it never submitted, and what was returned to it and did not come again.
    """
    states = {
        one.kind: one.state for one in progress.deliverables(context.connection, plan_year, organisation)
    }
    words = {None: "", "returned": "（退回后未重报）"}
    lacking = [
        f"{one['label']}{words[state]}" for one in wanted if (state := states.get(one["kind"])) in words
    ]
    return {"count": len(lacking), "labels": "、".join(lacking)}


@operation(
    "progress.set_targets",
    Text("登记创建对象", "Record the units to bring to a title"),
    changes=Text("登记创建对象名单", "keeps the list of units and levels"),
)
def set_targets(
    context: Context,
    *,
    plan_year: str,
    organisation: str,
    rows: Sequence[Any],
    origin: str,
    reason: str | None = None,
) -> Json:
    """Keep the list of `unit` and `level` in a form's rows (R11); returns its length.

    A body without units of its own lists none and says why. Raises `Invalid` for none without a reason.
    """
    if not rows and not (reason or "").strip():
        raise Invalid(Text("没有创建对象的，须写明理由", "Who lists no unit says why"))
    return progress.set_targets(
        context.connection,
        plan_year,
        organisation,
        [(str(one["unit"]), str(one["level"])) for one in rows],
        reason=reason or "",
        origin=origin,
        at=context.now,
        by=context.actor_id,
    )


@operation(
    "progress.set_scheme",
    Text("登记实施方案任务", "Record the scheme's tasks"),
    changes=Text("登记每个工作要点的任务和目标值", "keeps the task and figure of each work item"),
)
def set_scheme(
    context: Context, *, plan_year: str, organisation: str, rows: Sequence[Any], due_on: str
) -> Json:
    """Set the body's tasks from a form's rows, one for each work item that concerns it (R11, W1.1 to W4.7).

    Raises `Invalid` naming the item without task or figure. Returns how many there are.
    """
    tasks = [
        {
            "work_item": one["row"],
            "task": one.get("task"),
            "target": one.get("target"),
            "responsible": one.get("responsible"),
            "due_on": due_on,
        }
        for one in rows
    ]
    return progress.set_scheme(context.connection, plan_year, organisation, tasks, at=context.now)


@operation(
    "progress.report",
    Text("登记进展报告", "Record a progress report"),
    changes=Text("登记每项任务的累计完成数和是否按期", "records the figure of each task and whether in time"),
)
def report(
    context: Context,
    *,
    plan_year: str,
    organisation: str,
    period_ends_on: str,
    due_on: str,
    summary: str,
    rows: Sequence[Any],
) -> Json:
    """Record a report that answers each task of the scheme with a figure (R12). Raises `Invalid` otherwise."""
    figures = [
        {"work_item": one["row"], "figure": one.get("figure"), "remark": one.get("remark")} for one in rows
    ]
    made = progress.report(
        context.connection,
        plan_year,
        organisation,
        period_ends_on=parse_day(period_ends_on),
        due_on=parse_day(due_on),
        summary=summary,
        figures=figures,
        at=context.now,
        by=context.actor_id,
    )
    return {"in_time": made.in_time}


@operation(
    "progress.guide",
    Text("登记指导意见", "Record guidance"),
    changes=Text("登记市创绿办对该期报告的指导意见", "keeps the office's guidance on the report"),
)
def guide(context: Context, *, plan_year: str, organisation: str, period_ends_on: str, guidance: str) -> Json:
    """Keep the office's guidance on a report (R07, R12)."""
    progress.guide(
        context.connection,
        plan_year,
        organisation,
        parse_day(period_ends_on),
        guidance,
        at=context.now,
        by=context.actor_id,
    )
    return None
