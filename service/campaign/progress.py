"""What organisations did in a plan year: deliverables, targets, scheme tasks and the reports that answer them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from service.campaign import plans
from service.campaign.calendar import end_of
from service.errors import Conflict, Invalid, NotFound, Text
from service.store.identity import organisation
from service.store.ids import new_id
from service.store.plan import (
    creation_target,
    plan_deliverable,
    progress_figure,
    progress_report,
    scheme_task,
)


@dataclass(frozen=True, slots=True)
class Deliverable:
    """One of the deliverables of the preparation phase (R11), in its last state."""

    organisation_id: str
    kind: str
    label: Text
    state: str
    rounds: int
    in_time: bool
    submitted_at: datetime
    remark: str


@dataclass(frozen=True, slots=True)
class SchemeTask:
    """The task an organisation's scheme sets for a work item, and the newest figure reported for it."""

    work_item: str
    task: str
    target: float
    responsible: str
    due_on: date
    figure: float | None
    reported_on: date | None


@dataclass(frozen=True, slots=True)
class Report:
    """A progress report (R12) with its figures by work item."""

    id: str
    organisation_id: str
    period_ends_on: date
    summary: str
    in_time: bool
    submitted_at: datetime
    guidance: str
    figures: Mapping[str, float]


def deliver(
    connection: Connection,
    plan_year_id: str,
    organisation_id: str,
    kind: str,
    *,
    label: Text,
    position: int,
    due_on: date | None,
    facts: Mapping[str, Any],
    at: datetime,
    by: str | None,
) -> bool:
    """Record a deliverable as submitted, a further round if it was there; returns whether it came in time.

    In time is before 24:00 of the preparation window's last day, or of `due_on` where given (R11). A later
    round keeps the first one's punctuality: what was returned for correction did arrive.
    """
    key = (
        plan_deliverable.c.plan_year_id == plan_year_id,
        plan_deliverable.c.organisation_id == organisation_id,
        plan_deliverable.c.kind == kind,
    )
    known = connection.execute(select(plan_deliverable).where(*key)).one_or_none()
    if known is not None:
        connection.execute(
            update(plan_deliverable)
            .where(*key)
            .values(
                state="submitted",
                rounds=known.rounds + 1,
                facts=dict(facts),
                submitted_at=at,
                submitted_by=by,
                remark="",
            )
        )
        return bool(known.in_time)
    in_time = due_on is None or at < end_of(due_on)
    connection.execute(
        insert(plan_deliverable).values(
            plan_year_id=plan_year_id,
            organisation_id=organisation_id,
            kind=kind,
            position=position,
            label_zh=label.zh,
            label_en=label.en,
            state="submitted",
            rounds=1,
            in_time=in_time,
            facts=dict(facts),
            first_submitted_at=at,
            submitted_at=at,
            submitted_by=by,
            remark="",
        )
    )
    return in_time


def check_deliverable(
    connection: Connection,
    plan_year_id: str,
    organisation_id: str,
    kind: str,
    *,
    accepted: bool,
    remark: str,
    at: datetime,
    by: str | None,
) -> None:
    """Accept a submitted deliverable or return it with a remark. Raises `NotFound` when none was submitted."""
    done = connection.execute(
        update(plan_deliverable)
        .where(
            plan_deliverable.c.plan_year_id == plan_year_id,
            plan_deliverable.c.organisation_id == organisation_id,
            plan_deliverable.c.kind == kind,
        )
        .values(state="accepted" if accepted else "returned", remark=remark, checked_at=at, checked_by=by)
    )
    if done.rowcount != 1:
        raise NotFound(Text("该项成果尚未报送", "This deliverable was not submitted"), kind=kind)


def deliverables(
    connection: Connection, plan_year_id: str, organisation_id: str | None = None
) -> list[Deliverable]:
    """Return the submitted deliverables of a plan year, of one organisation if asked for."""
    query = select(plan_deliverable).where(plan_deliverable.c.plan_year_id == plan_year_id)
    if organisation_id is not None:
        query = query.where(plan_deliverable.c.organisation_id == organisation_id)
    return [
        Deliverable(
            row.organisation_id,
            row.kind,
            Text(row.label_zh, row.label_en),
            row.state,
            row.rounds,
            row.in_time,
            row.submitted_at,
            row.remark,
        )
        for row in connection.execute(
            query.order_by(plan_deliverable.c.organisation_id, plan_deliverable.c.position)
        )
    ]


def set_targets(
    connection: Connection,
    plan_year_id: str,
    organisation_id: str,
    rows: Sequence[tuple[str, str]],
    *,
    reason: str,
    origin: str,
    at: datetime,
    by: str | None,
) -> int:
    """Write the list of (unit id, level) an organisation means to bring to a title; returns its length.

    `origin` is `list` for the list of the preparation phase and `change` for a later one: those no longer
    named are kept as withdrawn. Raises `Invalid` for what is no unit, no level, or named twice.
    """
    known = {one.code for one in plans.levels(connection, plan_year_id)}
    wanted = {unit_id for unit_id, _ in rows}
    units = set(
        connection.scalars(
            select(organisation.c.id).where(organisation.c.id.in_(wanted), organisation.c.kind == "unit")
        ).all()
        if wanted
        else ()
    )
    for unit_id, level in rows:
        if unit_id not in units:
            raise Invalid(Text("创建对象中有不存在的单位", "A target is no known unit"), unit_id=unit_id)
        if level not in known:
            raise Invalid(Text(f"没有级别 {level}", f"There is no level {level}"), level=level)
    if len(set(rows)) != len(rows):
        raise Invalid(Text("同一单位同一级别重复列入", "A unit is named twice for one level"))
    here = (
        creation_target.c.plan_year_id == plan_year_id,
        creation_target.c.organisation_id == organisation_id,
    )
    before = {
        (row.unit_id, row.level): row for row in connection.execute(select(creation_target).where(*here))
    }
    for key, row in before.items():
        state = "planned" if key in rows else "withdrawn"
        if row.state != state:
            connection.execute(
                update(creation_target)
                .where(creation_target.c.id == row.id)
                .values(state=state, reason=reason, recorded_at=at, recorded_by=by)
            )
    for unit_id, level in rows:
        if (unit_id, level) not in before:
            connection.execute(
                insert(creation_target).values(
                    id=new_id(),
                    plan_year_id=plan_year_id,
                    organisation_id=organisation_id,
                    unit_id=unit_id,
                    level=level,
                    state="planned",
                    origin=origin,
                    reason=reason,
                    recorded_at=at,
                    recorded_by=by,
                )
            )
    return len(rows)


def set_scheme(
    connection: Connection,
    plan_year_id: str,
    organisation_id: str,
    tasks: Sequence[Mapping[str, Any]],
    *,
    at: datetime,
) -> int:
    """Write the tasks an organisation's scheme sets: {work_item, task, target, responsible, due_on} each.

    Every work item that applies to the organisation's kind must have its task (R11, W1.1 to W4.7). Raises
    `Invalid` naming the item that is missing, unknown or without text. Returns the number of tasks.
    """
    kind = connection.scalar(select(organisation.c.kind).where(organisation.c.id == organisation_id))
    items = {
        one.code: one
        for one in plans.work_items(connection, plan_year_id)
        if one.applies_to_organisation(str(kind))
    }
    given = {str(one["work_item"]): one for one in tasks}
    for code, item in items.items():
        one = given.get(code)
        if one is None or not str(one.get("task") or "").strip() or one.get("target") is None:
            raise Invalid(
                Text(
                    f"实施方案缺少 {code}“{item.text.zh}”的任务或目标值",
                    f"The scheme lacks the task or the figure for {code} “{item.text.en}”",
                ),
                work_item=code,
            )
    unknown = given.keys() - items.keys()
    if unknown:
        code = sorted(unknown)[0]
        raise Invalid(
            Text(f"工作要点 {code} 不适用于本单位", f"Work item {code} does not apply to this organisation"),
            work_item=code,
        )
    connection.execute(
        delete(scheme_task).where(
            scheme_task.c.plan_year_id == plan_year_id, scheme_task.c.organisation_id == organisation_id
        )
    )
    connection.execute(
        insert(scheme_task),
        [
            {
                "plan_year_id": plan_year_id,
                "organisation_id": organisation_id,
                "work_item": code,
                "task": str(one["task"]).strip(),
                "target": float(one["target"]),
                "responsible": str(one.get("responsible") or ""),
                "due_on": date.fromisoformat(str(one["due_on"])),
                "recorded_at": at,
            }
            for code, one in given.items()
        ],
    )
    return len(given)


def scheme(connection: Connection, plan_year_id: str, organisation_id: str) -> list[SchemeTask]:
    """Return the tasks of an organisation's scheme in the order of the work plan, each with its newest figure."""
    figures: dict[str, tuple[float, date]] = {}
    for report in reports(connection, plan_year_id, organisation_id):
        figures |= {code: (figure, report.period_ends_on) for code, figure in report.figures.items()}
    order = {one.code: one.position for one in plans.work_items(connection, plan_year_id)}
    rows = connection.execute(
        select(scheme_task).where(
            scheme_task.c.plan_year_id == plan_year_id, scheme_task.c.organisation_id == organisation_id
        )
    )
    found = [
        SchemeTask(
            row.work_item,
            row.task,
            row.target,
            row.responsible,
            row.due_on,
            figures[row.work_item][0] if row.work_item in figures else None,
            figures[row.work_item][1] if row.work_item in figures else None,
        )
        for row in rows
    ]
    return sorted(found, key=lambda one: order.get(one.work_item, 0))


def report(
    connection: Connection,
    plan_year_id: str,
    organisation_id: str,
    *,
    period_ends_on: date,
    due_on: date,
    summary: str,
    figures: Sequence[Mapping[str, Any]],
    at: datetime,
    by: str | None,
) -> Report:
    """Record a progress report with {work_item, figure, remark} for each task of the scheme (R12).

    Figures count from the beginning of the year. Raises `Conflict` without a scheme, `Invalid` naming the task
    without a figure. A second report on the same period replaces the first and keeps its punctuality.
    """
    tasks = scheme(connection, plan_year_id, organisation_id)
    if not tasks:
        raise Conflict(Text("尚无实施方案任务，无法填报进展", "There is no scheme yet to report on"))
    given = {str(one["work_item"]): one for one in figures}
    for task in tasks:
        one = given.get(task.work_item)
        if one is None or one.get("figure") is None:
            raise Invalid(
                Text(
                    f"进展报告缺少 {task.work_item} 的完成数",
                    f"The report lacks the figure for {task.work_item}",
                ),
                work_item=task.work_item,
            )
        if float(one["figure"]) < 0:
            raise Invalid(
                Text(
                    f"{task.work_item} 的完成数不能为负", f"{task.work_item}: the figure cannot be negative"
                ),
                work_item=task.work_item,
            )
    unknown = given.keys() - {task.work_item for task in tasks}
    if unknown:
        code = sorted(unknown)[0]
        raise Invalid(Text(f"实施方案中没有 {code}", f"The scheme has no task for {code}"), work_item=code)
    known = _known_report(connection, plan_year_id, organisation_id, period_ends_on)
    report_id = known.id if known is not None else new_id()
    if known is not None:
        connection.execute(delete(progress_figure).where(progress_figure.c.report_id == report_id))
        connection.execute(
            update(progress_report).where(progress_report.c.id == report_id).values(summary=summary)
        )
    else:
        connection.execute(
            insert(progress_report).values(
                id=report_id,
                plan_year_id=plan_year_id,
                organisation_id=organisation_id,
                period_ends_on=period_ends_on,
                summary=summary,
                in_time=at < end_of(due_on),
                submitted_at=at,
                submitted_by=by,
                guidance="",
            )
        )
    connection.execute(
        insert(progress_figure),
        [
            {
                "report_id": report_id,
                "work_item": code,
                "figure": float(one["figure"]),
                "remark": str(one.get("remark") or ""),
            }
            for code, one in given.items()
        ],
    )
    made = _known_report(connection, plan_year_id, organisation_id, period_ends_on)
    if made is None:
        raise Conflict(Text("进展报告没有写入", "The report was not written"))
    return made


def guide(
    connection: Connection,
    plan_year_id: str,
    organisation_id: str,
    period_ends_on: date,
    guidance: str,
    *,
    at: datetime,
    by: str | None,
) -> None:
    """Keep the office's guidance on a report. Raises `NotFound` when there is none."""
    done = connection.execute(
        update(progress_report)
        .where(
            progress_report.c.plan_year_id == plan_year_id,
            progress_report.c.organisation_id == organisation_id,
            progress_report.c.period_ends_on == period_ends_on,
        )
        .values(guidance=guidance, guided_at=at, guided_by=by)
    )
    if done.rowcount != 1:
        raise NotFound(Text("没有这一期进展报告", "There is no report on this period"))


def reports(connection: Connection, plan_year_id: str, organisation_id: str | None = None) -> list[Report]:
    """Return the progress reports of a plan year by period, of one organisation if asked for."""
    query = select(progress_report).where(progress_report.c.plan_year_id == plan_year_id)
    if organisation_id is not None:
        query = query.where(progress_report.c.organisation_id == organisation_id)
    rows = connection.execute(
        query.order_by(progress_report.c.period_ends_on, progress_report.c.submitted_at)
    ).all()
    figures: dict[str, dict[str, float]] = {row.id: {} for row in rows}
    if rows:
        for one in connection.execute(
            select(progress_figure).where(progress_figure.c.report_id.in_(list(figures)))
        ):
            figures[one.report_id][one.work_item] = one.figure
    return [
        Report(
            row.id,
            row.organisation_id,
            row.period_ends_on,
            row.summary,
            row.in_time,
            row.submitted_at,
            row.guidance,
            figures[row.id],
        )
        for row in rows
    ]


def _known_report(
    connection: Connection, plan_year_id: str, organisation_id: str, period_ends_on: date
) -> Report | None:
    found = reports(connection, plan_year_id, organisation_id)
    return next((one for one in found if one.period_ends_on == period_ends_on), None)
