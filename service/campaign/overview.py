"""The campaign at a glance: per organisation, level and work item what was planned, what came, what is late."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, func, select

from service.campaign import bodies, plans, progress, quotas, settings, titles
from service.campaign.plans import WorkItem
from service.campaign.progress import Deliverable, Report
from service.clock import city_day
from service.engine.model import Role
from service.errors import Text
from service.identity.access import redacted_names, visible_matters
from service.identity.people import Person
from service.store import procedure as tables
from service.store.application import application
from service.store.identity import organisation
from service.store.inspection import inspection
from service.store.plan import creation_target, scheme_task, supervision_case
from service.store.title import title

#: Titles whose term ends within so many days are shown as ending soon.
ENDING_SOON = timedelta(days=180)
#: How far an application came, from the first to the last milestone the board counts.
MILESTONES: Mapping[str, Text] = {
    "opened": Text("申报", "Begun"),
    "forwarded": Text("已报送", "Forwarded"),
    "inspected": Text("已检查", "Inspected"),
    "named": Text("已命名", "Named"),
}
#: What is said of an application whose diagram has not said anything of it yet.
UNSAID = Text("填报中", "Being filled in")


@dataclass(frozen=True, slots=True)
class Reached:
    """An application with the milestones it reached; `status` is what its matter says of it."""

    id: str
    matter_id: str
    unit_id: str
    level: str
    recommender_id: str
    status: Text
    closed: bool
    score: float | None
    in_time: bool | None
    milestones: frozenset[str]


@dataclass(frozen=True, slots=True)
class LevelRow:
    """A level of the year: the plan's number, what the split gives out, and what came of it."""

    code: str
    label: Text
    target: int | None
    allocated: int
    counts: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class OrganisationRow:
    """What one organisation did in the year; `cells` are (places, counts by milestone) by level."""

    id: str
    name: str
    deliverables: Mapping[str, Deliverable]
    tasks: int
    answered: int
    reached: int
    reports: int
    late_reports: int
    targets: int
    applications: int
    statuses: Mapping[Text, int]
    late: int
    cases: int
    cells: Mapping[str, tuple[int, Mapping[str, int]]]

    def prepared(self, kinds: Sequence[tuple[str, Text]]) -> bool:
        """Whether each of the deliverables came in time and was accepted."""
        mine = [self.deliverables.get(kind) for kind, _ in kinds]
        return bool(mine) and all(one is not None and one.state == "accepted" and one.in_time for one in mine)


@dataclass(frozen=True, slots=True)
class WorkRow:
    """A work item over all organisations: how many took it up, how many reached their figure, the sums."""

    item: WorkItem
    organisations: int
    answered: int
    reached: int
    target: float
    figure: float


@dataclass(frozen=True, slots=True)
class WorkEntry:
    """One organisation's task for a work item and the newest figure reported."""

    organisation_id: str
    name: str
    task: str
    target: float
    figure: float | None
    due_on: date


@dataclass(frozen=True, slots=True)
class Campaign:
    """All the board shows of a year."""

    levels: list[LevelRow]
    kinds: list[tuple[str, Text]]
    organisations: list[OrganisationRow]
    work: list[WorkRow]
    issued: quotas.Version | None


@dataclass(frozen=True, slots=True)
class FunnelRow:
    """A level of the register today: titles by what they are worth, and those that end soon."""

    level: str
    label: Text
    valid: int
    ending: int
    pending: int
    suspended: int
    revoked: int


@dataclass(frozen=True, slots=True)
class ApplicationRow:
    """An application as a list shows it to somebody who may read its matter."""

    reached: Reached
    unit_name: str
    recommender_name: str
    level: Text


@dataclass(frozen=True, slots=True)
class ApplicationList:
    """The applications behind a number; `hidden` are counted but not this reader's to see."""

    rows: list[ApplicationRow]
    hidden: int


@dataclass(frozen=True, slots=True)
class Overdue:
    """An open step past its due: of which matter, which step, since when."""

    matter_id: str
    step: Text
    title: str
    due_at: datetime


@dataclass(frozen=True, slots=True)
class Due:
    """An open step that is late or soon will be, with the organisation that has it."""

    matter_id: str
    step: Text
    title: str
    organisation_name: str
    due_at: datetime
    late: bool


@dataclass(frozen=True, slots=True)
class OverdueList:
    """The overdue steps of an organisation; `hidden` are counted but not this reader's to see."""

    rows: list[Overdue]
    hidden: int


def campaign(connection: Connection, plan_year_id: str, at: datetime) -> Campaign:
    """Return the whole board of a plan year as it stands at `at`."""
    year_levels = plans.levels(connection, plan_year_id)
    issued = quotas.newest(connection, plan_year_id, state="issued")
    shares = {one.organisation_id: one for one in quotas.shares(connection, issued.id)} if issued else {}
    found = applications(connection, plan_year_id)
    delivered = progress.deliverables(connection, plan_year_id)
    reports = progress.reports(connection, plan_year_id)
    tasks = connection.execute(select(scheme_task).where(scheme_task.c.plan_year_id == plan_year_id)).all()
    figures = _newest(reports)
    targets = _counted(
        connection, creation_target.c.organisation_id, creation_target.c.plan_year_id == plan_year_id,
        creation_target.c.state == "planned",
    )  # fmt: skip
    cases = _counted(
        connection, supervision_case.c.organisation_id, supervision_case.c.plan_year_id == plan_year_id,
        supervision_case.c.state != "closed",
    )  # fmt: skip
    kinds = next(
        (
            one.value
            for one in settings.list_settings(connection, plan_year_id)
            if one.key == "participating_kinds"
        ),
        (),
    )
    ids = {*shares, *targets, *cases}
    ids |= {one.id for one in bodies.participating(connection, kinds, city_day(at))}
    ids |= {one.organisation_id for one in delivered} | {one.organisation_id for one in reports}
    ids |= {row.organisation_id for row in tasks}
    ids |= {one.recommender_id for one in found}
    overdue = _counted(
        connection, tables.task.c.organisation_id, tables.task.c.state == "open", tables.task.c.due_at < at,
        tables.task.c.organisation_id.in_(ids),
    )  # fmt: skip
    named = connection.execute(
        select(organisation.c.id, organisation.c.name)
        .where(organisation.c.id.in_(ids))
        .order_by(organisation.c.code)
    ).all()
    rows = []
    for body in named:
        mine = [one for one in found if one.recommender_id == body.id]
        own_tasks = [row for row in tasks if row.organisation_id == body.id]
        own_reports = [one for one in reports if one.organisation_id == body.id]
        known = [(row, figures.get((body.id, row.work_item))) for row in own_tasks]
        rows.append(
            OrganisationRow(
                id=body.id,
                name=body.name,
                deliverables={one.kind: one for one in delivered if one.organisation_id == body.id},
                tasks=len(own_tasks),
                answered=sum(figure is not None for _, figure in known),
                reached=sum(figure is not None and figure >= row.target for row, figure in known),
                reports=len(own_reports),
                late_reports=sum(not one.in_time for one in own_reports),
                targets=targets.get(body.id, 0),
                applications=len(mine),
                statuses=Counter(one.status for one in mine),
                late=overdue.get(body.id, 0),
                cases=cases.get(body.id, 0),
                cells={
                    one.code: (
                        shares[body.id].places.get(one.code, 0) if body.id in shares else 0,
                        _milestones(mine, one.code),
                    )
                    for one in year_levels
                },
            )
        )
    return Campaign(
        levels=[
            LevelRow(
                one.code,
                one.label,
                one.places,
                sum(share.places.get(one.code, 0) for share in shares.values()),
                _milestones(found, one.code),
            )
            for one in year_levels
        ],
        kinds=list(dict((one.kind, one.label) for one in delivered).items()),
        organisations=rows,
        work=_work(plans.work_items(connection, plan_year_id), tasks, figures),
        issued=issued,
    )


def applications(connection: Connection, plan_year_id: str) -> list[Reached]:
    """Return the applications of a plan year with the milestones each has reached, in the order of opening."""
    inspected = set(
        connection.scalars(
            select(inspection.c.subject_id).where(
                inspection.c.plan_year_id == plan_year_id, inspection.c.state != "planned"
            )
        )
    )
    granted = {
        (row.unit_id, row.level)
        for row in connection.execute(
            select(title.c.unit_id, title.c.level).where(title.c.plan_year_id == plan_year_id)
        )
    }
    rows = connection.execute(
        select(application, tables.matter.c.status_zh, tables.matter.c.status_en)
        .join(tables.matter, tables.matter.c.id == application.c.matter_id)
        .where(application.c.plan_year_id == plan_year_id)
        .order_by(application.c.opened_at, application.c.id)
    )
    found = []
    for row in rows:
        milestones = {"opened"}
        if row.forwarded_at is not None or row.arrived_at is not None:
            milestones.add("forwarded")
        if row.id in inspected:
            milestones.add("inspected")
        if (row.unit_id, row.level) in granted:
            milestones.add("named")
        found.append(
            Reached(
                id=row.id,
                matter_id=row.matter_id,
                unit_id=row.unit_id,
                level=row.level,
                recommender_id=row.recommender_id,
                status=Text(row.status_zh, row.status_en or row.status_zh) if row.status_zh else UNSAID,
                closed=row.closed,
                score=row.score,
                in_time=row.in_time,
                milestones=frozenset(milestones),
            )
        )
    return found


def application_list(
    connection: Connection,
    person: Person,
    plan_year_id: str,
    roles: Mapping[str, Role],
    at: datetime,
    *,
    organisation_id: str | None = None,
    level: str | None = None,
    milestone: str | None = None,
    status: str | None = None,
) -> ApplicationList:
    """Return the applications behind one of the board's numbers, those the person may read by name."""
    wanted = [
        one
        for one in applications(connection, plan_year_id)
        if (organisation_id is None or one.recommender_id == organisation_id)
        and (level is None or one.level == level)
        and (milestone is None or milestone in one.milestones)
        and (status is None or one.status.zh == status)
    ]
    allowed = set(
        connection.scalars(
            select(tables.matter.c.id).where(
                tables.matter.c.id.in_([one.matter_id for one in wanted]),
                visible_matters(connection, person, roles, at),
            )
        )
    )
    seen = [one for one in wanted if one.matter_id in allowed]
    names = redacted_names(
        connection, person, {one.unit_id for one in seen} | {one.recommender_id for one in seen}
    )
    labels = {one.code: one.label for one in plans.levels(connection, plan_year_id)}
    rows = [
        ApplicationRow(one, names[one.unit_id], names[one.recommender_id], labels[one.level]) for one in seen
    ]
    return ApplicationList(rows, len(wanted) - len(seen))


def work_entries(connection: Connection, plan_year_id: str, code: str) -> list[WorkEntry]:
    """Return every organisation's task for a work item, by organisation code."""
    figures = _newest(progress.reports(connection, plan_year_id))
    rows = connection.execute(
        select(scheme_task, organisation.c.name)
        .join(organisation, organisation.c.id == scheme_task.c.organisation_id)
        .where(scheme_task.c.plan_year_id == plan_year_id, scheme_task.c.work_item == code)
        .order_by(organisation.c.code)
    )
    return [
        WorkEntry(
            row.organisation_id,
            row.name,
            row.task,
            row.target,
            figures.get((row.organisation_id, code)),
            row.due_on,
        )
        for row in rows
    ]


def overdue(
    connection: Connection, person: Person, organisation_id: str, roles: Mapping[str, Role], at: datetime
) -> OverdueList:
    """Return an organisation's open steps past their due, the oldest first; titles only where they may be read."""
    task = tables.task
    rows = connection.execute(
        select(task.c.matter_id, task.c.name_zh, task.c.name_en, task.c.title, task.c.due_at)
        .where(task.c.organisation_id == organisation_id, task.c.state == "open", task.c.due_at < at)
        .order_by(task.c.due_at, task.c.id)
    ).all()
    allowed = set(
        connection.scalars(
            select(tables.matter.c.id).where(
                tables.matter.c.id.in_([row.matter_id for row in rows]),
                visible_matters(connection, person, roles, at),
            )
        )
    )
    seen = [
        Overdue(row.matter_id, Text(row.name_zh, row.name_en), row.title, row.due_at)
        for row in rows
        if row.matter_id in allowed
    ]
    return OverdueList(seen, len(rows) - len(seen))


@dataclass(frozen=True, slots=True)
class DueSteps:
    """How many open steps are late and how many soon will be, and the longest overdue of them."""

    late: int
    soon: int
    first: list[Due]


def due_before(
    connection: Connection,
    person: Person,
    roles: Mapping[str, Role],
    at: datetime,
    until: datetime,
    *,
    limit: int = 8,
) -> DueSteps:
    """Return the open steps due before `until` in the matters a person may see; the first `limit` one by one."""
    task = tables.task
    wanted = and_(
        task.c.state == "open", task.c.due_at < until, visible_matters(connection, person, roles, at)
    )
    late, every = connection.execute(
        select(func.count().filter(task.c.due_at < at), func.count())
        .select_from(task)
        .join(tables.matter, tables.matter.c.id == task.c.matter_id)
        .where(wanted)
    ).one()
    rows = connection.execute(
        select(
            task.c.matter_id,
            task.c.name_zh,
            task.c.name_en,
            task.c.title,
            task.c.organisation_id,
            task.c.due_at,
        )
        .join(tables.matter, tables.matter.c.id == task.c.matter_id)
        .where(wanted)
        .order_by(task.c.due_at, task.c.id)
        .limit(limit)
    ).all()
    names = redacted_names(connection, person, {row.organisation_id for row in rows if row.organisation_id})
    first = [
        Due(
            row.matter_id,
            Text(row.name_zh, row.name_en),
            row.title,
            names.get(row.organisation_id, ""),
            row.due_at,
            row.due_at < at,
        )
        for row in rows
    ]
    return DueSteps(late, every - late, first)


def funnel(connection: Connection, labels: Sequence[tuple[str, Text]], at: datetime) -> list[FunnelRow]:
    """Return the register by level from the lowest to the highest: what is worth what on the day of `at`."""
    day = city_day(at)
    every = titles.list_titles(connection)
    rows = []
    for code, label in labels:
        here = [one for one in every if one.level == code]
        valid = [one for one in here if one.counts_on(day)]
        rows.append(
            FunnelRow(
                level=code,
                label=label,
                valid=len(valid),
                ending=sum(one.valid_to is not None and one.valid_to - day <= ENDING_SOON for one in valid),
                pending=sum(one.state == "pending_reinspection" for one in here),
                suspended=sum(one.state == "suspended" for one in here),
                revoked=sum(one.state == "revoked" for one in here),
            )
        )
    return rows


def _milestones(found: Sequence[Reached], level: str) -> dict[str, int]:
    here = [one for one in found if one.level == level]
    return {key: sum(key in one.milestones for one in here) for key in MILESTONES}


def _newest(reports: Sequence[Report]) -> dict[tuple[str, str], float]:
    """Return the newest reported figure by organisation and work item."""
    figures: dict[tuple[str, str], float] = {}
    for report in reports:
        for code, figure in report.figures.items():
            figures[report.organisation_id, code] = figure
    return figures


def _work(
    items: Sequence[WorkItem], tasks: Sequence[Row[Any]], figures: Mapping[tuple[str, str], float]
) -> list[WorkRow]:
    rows = []
    for item in items:
        here = [row for row in tasks if row.work_item == item.code]
        known = [(float(row.target), figures.get((row.organisation_id, item.code))) for row in here]
        rows.append(
            WorkRow(
                item=item,
                organisations=len(here),
                answered=sum(figure is not None for _, figure in known),
                reached=sum(figure is not None and figure >= target for target, figure in known),
                target=sum(target for target, _ in known),
                figure=sum(figure or 0 for _, figure in known),
            )
        )
    return rows


def _counted(
    connection: Connection, column: ColumnElement[Any], *conditions: ColumnElement[bool]
) -> dict[str, int]:
    rows = connection.execute(select(column, func.count()).where(*conditions).group_by(column))
    return {str(key): int(count) for key, count in rows if key is not None}
