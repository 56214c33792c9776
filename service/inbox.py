"""The task inbox: what waits for a person, what they did, and one task with everything needed to do it."""

import base64
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson
from sqlalchemy import (
    ColumnElement,
    Connection,
    RowMapping,
    Select,
    Tuple,
    and_,
    bindparam,
    literal,
    or_,
    select,
    tuple_,
)

from service import answers, filling, forms, history
from service.engine.model import Element, Outcome, Procedure
from service.errors import NotFound, Text
from service.filling import Filling
from service.identity import duties, people
from service.identity.access import may_read_matter, redacted_names
from service.identity.people import Person
from service.paging import LARGEST_PAGE, Page, wrong_cursor
from service.rights import holds, may_do
from service.store import procedure as tables
from service.store.types import Id, Instant
from service.submissions import Submission, submissions
from service.system import System

#: Counting stops here: a person with more open tasks than this needs no exact number.
COUNTED = 1000
#: A task due within this time is shown as due soon.
SOON = timedelta(days=3)


_MINE = tables.task.c.person_id == bindparam("person")
_POOL = and_(
    tables.task.c.organisation_id == bindparam("organisation"),
    tables.task.c.role == bindparam("role"),
    tables.task.c.person_id.is_(None),
)
#: What nobody can do: the process administrators see to it.
_ORPHANS = and_(tables.task.c.organisation_id.is_(None), tables.task.c.person_id.is_(None))


@dataclass(frozen=True, slots=True)
class TaskRow:
    """One task as lists show it; instants are UTC, names are redacted for who may not read them.

    `body_name` is the body the matter belongs to, where it is about no unit.
    """

    id: str
    name: Text
    title: str
    process_key: str
    process_name: Text
    matter_id: str
    instance_id: str
    element_id: str
    unit_id: str | None
    unit_name: str | None
    body_name: str | None
    organisation_id: str | None
    organisation_name: str | None
    role: str | None
    role_label: Text | None
    person_id: str | None
    person_name: str | None
    named: bool
    state: str
    priority: int
    created_at: datetime
    due_at: datetime | None
    returned: bool
    reminded_at: datetime | None
    sent_by_name: str | None
    form: str | None
    bulk: bool
    outcome: Text | None
    opinion: str | None
    closed_at: datetime | None
    closed_by_name: str | None


@dataclass(frozen=True, slots=True)
class Counts:
    """How much waits: open, overdue and due within three days, and claimed by or named for the person themselves.

    All are counted up to `COUNTED`.
    """

    open: int
    overdue: int
    due_soon: int
    mine: int


@dataclass(frozen=True, slots=True)
class StepCount:
    """How many open tasks of one step of a process wait for a person."""

    process_key: str
    process_name: Text
    element_id: str
    name: Text
    count: int


@dataclass(frozen=True, slots=True)
class Shown:
    """A submitted form to read: with its form and what that offers, who submitted it, when, and what they said."""

    name: Text
    form: forms.Form
    sources: forms.OptionSources
    data: Mapping[str, Any]
    by_name: str | None
    at: datetime
    outcome: Text
    opinion: str | None


@dataclass(frozen=True, slots=True)
class SentBack:
    """Why a task is to be done again: who sent it back, when, with which button and reason."""

    by_name: str | None
    at: datetime
    outcome: Text
    reason: str


@dataclass(frozen=True, slots=True)
class TaskView:
    """A task with all a person needs to do it; `may` holds what they may do with it now."""

    row: TaskRow
    form: forms.Form | None
    data: Mapping[str, Any]
    access: Mapping[str, str]
    filling: Filling
    outcomes: tuple[Outcome, ...]
    shows: list[Shown]
    sent_back: SentBack | None
    may: frozenset[str]
    draft_saved_at: datetime | None
    reads: tuple[str, ...]


def open_tasks(
    system: System,
    person: Person,
    *,
    process: str | None = None,
    step: str | None = None,
    unit: str | None = None,
    search: str | None = None,
    instance: str | None = None,
    due_from: datetime | None = None,
    due_before: datetime | None = None,
    taken: bool | None = None,
    after: str | None = None,
    limit: int = 50,
) -> Page[TaskRow]:
    """Return the tasks a person may do, what is due first on top; their own and their roles' pools.

    `step` is an element's id, `due_from` and `due_before` bound when it is due, `taken` says whether somebody has
    claimed it. It reads one short index range for each membership, however many tasks are open in all.
    """
    limit = min(limit, LARGEST_PAGE)
    task = tables.task
    conditions: list[ColumnElement[bool]] = []
    if process is not None:
        conditions.append(task.c.process_key == process)
    if step is not None:
        conditions.append(task.c.element_id == step)
    if unit is not None:
        conditions.append(task.c.unit_id == unit)
    if instance is not None:
        conditions.append(task.c.instance_id == instance)
    if due_from is not None:
        conditions.append(task.c.sort_at >= due_from)
    if due_before is not None:
        conditions.append(task.c.sort_at < due_before)
    if taken is not None:
        conditions.append(task.c.person_id.is_not(None) if taken else task.c.person_id.is_(None))
    if search:
        conditions.append(
            or_(
                task.c.title.contains(search, autoescape=True),
                task.c.name_zh.contains(search, autoescape=True),
            )
        )
    if after is not None:
        conditions.append(tuple_(task.c.sort_at, task.c.id) > decode_cursor(after))
    with system.database.read() as connection:
        rows = _open_rows(connection, person, conditions, limit + 1)
        page = rows[:limit]
        following = encode_cursor(page[-1]["sort_at"], page[-1]["id"]) if len(rows) > limit else None
        return Page(_task_rows(system, connection, person, _allowed(person, page)), following)


def done_tasks(system: System, person: Person, *, after: str | None = None, limit: int = 50) -> Page[TaskRow]:
    """Return what a person has done, newest first."""
    limit = min(limit, LARGEST_PAGE)
    task = tables.task
    query = select(task).where(task.c.closed_by == person.id, task.c.closed_at.is_not(None))
    if after is not None:
        query = query.where(tuple_(task.c.closed_at, task.c.id) < decode_cursor(after))
    with system.database.read() as connection:
        rows = (
            connection.execute(query.order_by(task.c.closed_at.desc(), task.c.id.desc()).limit(limit + 1))
            .mappings()
            .all()
        )
        page = rows[:limit]
        following = encode_cursor(page[-1]["closed_at"], page[-1]["id"]) if len(rows) > limit else None
        return Page(_task_rows(system, connection, person, page), following)


def counts(system: System, person: Person) -> Counts:
    """Count what waits for a person, each up to `COUNTED`."""
    task = tables.task
    with system.database.read() as connection:
        now = system.now(connection)
        columns = [task.c.id, task.c.sort_at, task.c.excluded, task.c.person_id]
        rows = _allowed(person, _open_rows(connection, person, [], COUNTED, columns))
        return Counts(
            open=len(rows),
            overdue=sum(row["sort_at"] < now for row in rows),
            due_soon=sum(now <= row["sort_at"] < now + SOON for row in rows),
            mine=sum(row["person_id"] is not None for row in rows),
        )


def steps(system: System, person: Person) -> list[StepCount]:
    """Return which steps of which processes wait for a person, most first; counted up to `COUNTED` tasks."""
    task, definition = tables.task, tables.process_definition
    with system.database.read() as connection:
        columns = [
            task.c.id,
            task.c.sort_at,
            task.c.excluded,
            task.c.process_key,
            task.c.element_id,
            task.c.name_zh,
            task.c.name_en,
        ]
        rows = _allowed(person, _open_rows(connection, person, [], COUNTED, columns))
        number = Counter((row["process_key"], row["element_id"]) for row in rows)
        called = {
            (row["process_key"], row["element_id"]): Text(row["name_zh"], row["name_en"]) for row in rows
        }
        processes = {
            one.key: Text(one.name_zh, one.name_en)
            for one in connection.execute(
                select(definition.c.key, definition.c.name_zh, definition.c.name_en)
                .where(definition.c.key.in_({key for key, _ in number}))
                .order_by(definition.c.version)
            )
        }
        return [
            StepCount(key, processes[key], element_id, called[key, element_id], count)
            for (key, element_id), count in number.most_common()
        ]


def get(system: System, person: Person, task_id: str) -> TaskView:
    """Return a task as its page shows it. Raises `NotFound` for who may neither do it nor see its matter."""
    task = tables.task
    with system.database.read() as connection:
        row = connection.execute(select(task).where(task.c.id == task_id)).mappings().one_or_none()
        now = system.now(connection)
        if row is None or not _may_read(connection, person, row, now):
            raise NotFound(
                Text("没有这个任务，或您无权查看", "There is no such task, or it is not yours to see")
            )
        instance = (
            connection.execute(select(tables.instance).where(tables.instance.c.id == row["instance_id"]))
            .mappings()
            .one()
        )
        procedure = system.procedure(connection, instance["deployment_id"])
        definition = procedure.processes[row["process_key"]]
        element = definition.elements[row["element_id"]]
        form = procedure.forms[row["form"]] if row["form"] else None
        shown = filling.fill_task(system, connection, procedure, form, instance, row, person.id, now)
        draft = _draft(connection, task_id, person.id)
        data = (
            dict(row["data"] or {})
            if row["state"] != "open"
            else {**shown.data, **(draft[0] if draft else {})}
        )
        return TaskView(
            row=_task_rows(system, connection, person, [row])[0],
            form=form,
            data=data,
            access=element.fields,
            filling=filling.to_show(form, shown),
            outcomes=element.outcomes,
            shows=_earlier(system, connection, procedure, element, instance, now, shown.names),
            sent_back=_sent_back(system, connection, row),
            may=_may(person, row),
            draft_saved_at=draft[1] if draft else None,
            reads=tuple(sorted(answers.free_names(person, definition))) if form is None else (),
        )


def _may_read(connection: Connection, person: Person, row: RowMapping, at: datetime) -> bool:
    return (
        holds(person, row)
        or row["closed_by"] == person.id
        or may_read_matter(connection, person, row["matter_id"], at)
    )


def shown(
    system: System,
    connection: Connection,
    procedure: Procedure,
    instance: RowMapping,
    one: Submission,
    name: Text,
    at: datetime,
    variables: Mapping[str, Any] | None = None,
) -> Shown | None:
    """Return a submission with its form to read; None when it had no form. `variables`: see `filling.to_read`."""
    if one.form is None or one.form not in procedure.forms:
        return None
    form = procedure.forms[one.form]
    names = people.names(connection, [one.by] if one.by else [])
    sources = filling.to_read(connection, procedure, form, instance, one, at, variables or {})
    outcome = pressed(system, connection, one)
    return Shown(name, form, sources, one.data, names.get(one.by or ""), one.at, outcome, one.opinion)


def pressed(system: System, connection: Connection, one: Submission) -> Text:
    """Return what the button is called something was submitted with; nothing where there was none."""
    task, instance = tables.task, tables.instance
    row = connection.execute(
        select(task.c.process_key, instance.c.deployment_id)
        .join(instance, instance.c.id == task.c.instance_id)
        .where(task.c.id == one.task_id)
    ).one()
    definition = system.procedure(connection, row.deployment_id).processes[row.process_key]
    element = definition.elements.get(one.element_id)
    buttons = element.outcomes if element is not None else ()
    return next((button.name for button in buttons if button.id == one.outcome), Text("", ""))


def _sent_back(system: System, connection: Connection, row: RowMapping) -> SentBack | None:
    """Return why an open task is there again: a return to it, or what was said since it was done before."""
    task = tables.task
    if row["state"] != "open":
        return None
    if row["returned"]:
        done = history.entries(connection, [row["instance_id"]])[row["instance_id"]]
        fitting = [
            one for one in done if one.action == "return" and one.detail.get("to") == row["element_id"]
        ]
        if not fitting:
            return None
        last = fitting[-1]
        names = people.names(connection, [last.actor_id] if last.actor_id else [])
        reason = str(last.detail.get("opinion") or "")
        return SentBack(names.get(last.actor_id or ""), last.at, Text("退回", "returned"), reason)
    before = connection.scalar(
        select(task.c.closed_at)
        .where(
            task.c.instance_id == row["instance_id"],
            task.c.element_id == row["element_id"],
            task.c.state == "done",
            task.c.ref != row["ref"],
        )
        .order_by(task.c.closed_at.desc())
        .limit(1)
    )
    if before is None:
        return None
    said = [
        one
        for one in submissions(connection, row["matter_id"])
        if one.opinion and before < one.at <= row["created_at"] and one.element_id != row["element_id"]
    ]
    if not said:
        return None
    names = people.names(connection, [said[-1].by] if said[-1].by else [])
    outcome = pressed(system, connection, said[-1])
    return SentBack(names.get(said[-1].by or ""), said[-1].at, outcome, said[-1].opinion or "")


def _open_rows(
    connection: Connection,
    person: Person,
    conditions: Sequence[ColumnElement[bool]],
    limit: int,
    columns: Sequence[ColumnElement[Any]] | None = None,
) -> list[RowMapping]:
    # One range for the person and one for each of their pools, merged here: building one union of them costs
    # several times what reading the ranges does.
    query = _range(columns if columns is not None else tables.task.c, conditions, limit)
    found = list(connection.execute(query.where(_MINE), {"person": person.id}).mappings())
    pools = {
        (one.organisation_id, one.role)
        for one in person.memberships
        if one.organisation_id is not None and not duties.is_duty(one.role)
    }
    pool = query.where(_POOL)
    for organisation_id, role in sorted(pools):
        found += connection.execute(pool, {"organisation": organisation_id, "role": role}).mappings()
    if person.has(duties.PROCESS_ADMINISTRATOR):
        found += connection.execute(query.where(_ORPHANS)).mappings()
    found.sort(key=lambda row: (row["sort_at"], row["id"]))
    return found[:limit]


def _allowed(person: Person, rows: Iterable[RowMapping]) -> list[RowMapping]:
    """Return the rows of tasks the person is not kept out of."""
    return [row for row in rows if person.id not in (row["excluded"] or [])]


def _range(
    columns: Iterable[ColumnElement[Any]], conditions: Iterable[ColumnElement[bool]], limit: int
) -> Select[Any]:
    task = tables.task
    return (
        select(*columns)
        .where(and_(task.c.state == "open", *conditions))
        .order_by(task.c.sort_at, task.c.id)
        .limit(limit)
    )


def _task_rows(
    system: System, connection: Connection, person: Person, rows: Sequence[RowMapping]
) -> list[TaskRow]:
    """Add names to task rows: a fixed number of queries, however many rows."""
    instance_ids = {row["instance_id"] for row in rows}
    instance, matter = tables.instance, tables.matter
    instances = {
        one.id: one
        for one in connection.execute(
            select(instance.c.id, instance.c.deployment_id, matter.c.organisation_id)
            .join(matter, matter.c.id == instance.c.matter_id)
            .where(instance.c.id.in_(instance_ids))
        )
    }
    persons = people.names(
        connection, {row[name] for row in rows for name in ("person_id", "sent_by", "closed_by") if row[name]}
    )
    bodies = {one.organisation_id for one in instances.values() if one.organisation_id}
    places = redacted_names(
        connection, person, bodies | {row["organisation_id"] for row in rows if row["organisation_id"]}
    )
    units = redacted_names(connection, person, {row["unit_id"] for row in rows if row["unit_id"]})
    found = []
    for row in rows:
        whose = instances[row["instance_id"]]
        procedure = system.procedure(connection, whose.deployment_id)
        body = places.get(whose.organisation_id or "") if row["unit_id"] is None else None
        found.append(_task_row(row, procedure, persons, places, units, body))
    return found


def _task_row(
    row: RowMapping,
    procedure: Procedure,
    persons: Mapping[str, str],
    places: Mapping[str, str],
    units: Mapping[str, str],
    body: str | None,
) -> TaskRow:
    definition = procedure.processes[row["process_key"]]
    element: Element = definition.elements[row["element_id"]]
    role = procedure.roles.get(row["role"] or "")
    outcome = next((one.name for one in element.outcomes if one.id == row["outcome"]), None)
    return TaskRow(
        id=row["id"],
        name=Text(row["name_zh"], row["name_en"]),
        title=row["title"],
        process_key=row["process_key"],
        process_name=definition.name,
        matter_id=row["matter_id"],
        instance_id=row["instance_id"],
        element_id=row["element_id"],
        unit_id=row["unit_id"],
        unit_name=units.get(row["unit_id"] or ""),
        body_name=body,
        organisation_id=row["organisation_id"],
        organisation_name=places.get(row["organisation_id"] or ""),
        role=row["role"],
        role_label=role.label if role is not None else None,
        person_id=row["person_id"],
        person_name=persons.get(row["person_id"] or ""),
        named=row["named"],
        state=row["state"],
        priority=row["priority"],
        created_at=row["created_at"],
        due_at=row["due_at"],
        returned=row["returned"],
        reminded_at=row["reminded_at"],
        sent_by_name=persons.get(row["sent_by"] or ""),
        form=row["form"],
        bulk=element.bulk,
        outcome=outcome,
        opinion=row["opinion"],
        closed_at=row["closed_at"],
        closed_by_name=persons.get(row["closed_by"] or ""),
    )


def task_rows(
    system: System, connection: Connection, person: Person, rows: Sequence[RowMapping]
) -> list[TaskRow]:
    """Return rows of the task table as lists show them."""
    return _task_rows(system, connection, person, rows)


def _may(person: Person, row: RowMapping) -> frozenset[str]:
    if row["state"] != "open" or not may_do(person, row):
        return frozenset()
    allowed = {"complete", "return"}
    if row["person_id"] is None:
        allowed.add("claim")
    elif not row["named"]:
        allowed.add("release")
    if row["organisation_id"] is not None and not row["named"]:
        allowed.add("hand_over")
    return frozenset(allowed)


def _earlier(
    system: System,
    connection: Connection,
    procedure: Procedure,
    element: Element,
    instance: RowMapping,
    at: datetime,
    variables: Mapping[str, Any],
) -> list[Shown]:
    """Return the latest submission of each form the diagram wants shown (`cl:show`), in its order."""
    found = []
    for name in element.shows:
        latest = submissions(connection, instance["matter_id"], name)
        if latest and name in procedure.forms:
            title = procedure.forms[name].title
            one = shown(system, connection, procedure, instance, latest[-1], title, at, variables)
            if one is not None:
                found.append(one)
    return found


def _draft(connection: Connection, task_id: str, person_id: str) -> tuple[Mapping[str, Any], datetime] | None:
    row = connection.execute(
        select(tables.task_draft.c.data, tables.task_draft.c.saved_at).where(
            tables.task_draft.c.task_id == task_id, tables.task_draft.c.person_id == person_id
        )
    ).one_or_none()
    return (row.data, row.saved_at) if row is not None else None


def encode_cursor(instant: datetime, task_id: str) -> str:
    """Return the opaque cursor of the page that follows a row."""
    return base64.urlsafe_b64encode(orjson.dumps([instant.isoformat(), task_id])).decode()


def decode_cursor(text: str) -> Tuple:
    """Read a cursor, to compare a row's instant and id with. Raises `Invalid` when `encode_cursor` never made it."""
    try:
        instant, row_id = orjson.loads(base64.urlsafe_b64decode(text.encode()))
        # Typed as the column is: SQLite compares text, and a plain datetime is written otherwise than an instant.
        return tuple_(literal(datetime.fromisoformat(instant), Instant), literal(str(row_id), Id))
    except (ValueError, TypeError) as error:
        raise wrong_cursor() from error
