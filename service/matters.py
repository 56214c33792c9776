"""Matters (事项) as people follow them: lists, one matter with its timeline, diagrams, and what one may do to it."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, or_, select, tuple_

from service import answers, history
from service.engine.listeners import listeners
from service.engine.mainpath import main_path
from service.engine.model import Element, Procedure, Role
from service.engine.runtime import EngineIncident
from service.errors import Conflict, Forbidden, NotFound, Text
from service.identity import organisations, people
from service.identity.access import is_withheld, may_see_matter, redacted_names, visible_matters
from service.identity.people import Person
from service.inbox import Shown, TaskRow, decode_cursor, encode_cursor, shown, task_rows
from service.paging import LARGEST_PAGE, Page
from service.step import Step, attempt, locked_row, refuse
from service.store import procedure as tables
from service.store.database import Transaction
from service.submissions import submissions
from service.system import System


@dataclass(frozen=True, slots=True)
class MatterRow:
    """One matter as lists show it."""

    id: str
    number: str | None
    title: str
    status: Text | None
    process_key: str
    process_name: Text
    unit_id: str | None
    unit_name: str | None
    opened_at: datetime
    closed_at: datetime | None


@dataclass(frozen=True, slots=True)
class InstanceView:
    """One process instance of a matter; `open` are the elements where it stands."""

    id: str
    process_key: str
    name: Text
    version: int
    deployment_id: str
    state: str
    started_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """One step of a matter as people read it: who did what when, with which outcome and opinion.

    `to_name` is whom a task was handed over to.
    """

    at: datetime
    actor_name: str | None
    action: str
    text: Text
    outcome: Text | None
    opinion: str | None
    task_id: str | None
    has_form: bool
    late: bool
    to_name: str | None = None


@dataclass(frozen=True, slots=True)
class MatterAction:
    """Something a person may do to a running matter from its page (withdraw it, for example)."""

    instance_id: str
    ref: str
    name: Text


@dataclass(frozen=True, slots=True)
class MatterView:
    """A matter with its instances, open tasks, timeline and what this person may do to it."""

    row: MatterRow
    plan_year_id: str | None
    organisation_name: str | None
    instances: list[InstanceView]
    open_tasks: list[TaskRow]
    timeline: list[TimelineEntry]
    actions: list[MatterAction]


@dataclass(frozen=True, slots=True)
class DiagramStep:
    """One step of a process as text: who does it and whether it is done, current, cancelled or to come."""

    element_id: str
    type: str
    name: Text
    role: Text | None
    state: str


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a matter is: the steps done, current and to come, and the tasks that are open in it."""

    steps: list[DiagramStep]
    open_tasks: list[TaskRow]


@dataclass(frozen=True, slots=True)
class Diagram:
    """A process diagram (BPMN XML) with what has been and where the instance stands, by element id.

    `steps` are its tasks in the order of the file, for who reads it as text.
    """

    process_key: str
    name: Text
    xml: bytes
    current: list[str]
    completed: list[str]
    cancelled: list[str]
    steps: list[DiagramStep]


#: What of a diagram is a step for a reader, and how its last event is told.
_STEPS = frozenset({"userTask", "receiveTask", "callActivity"})
_STATES: Mapping[str, str] = {"completed": "done", "cancelled": "cancelled", "entered": "done"}


def list_matters(
    system: System,
    person: Person,
    *,
    process: str | None = None,
    plan_year: str | None = None,
    unit: str | None = None,
    opened_by: str | None = None,
    search: str | None = None,
    open_only: bool = False,
    worked_on: bool = False,
    after: str | None = None,
    limit: int = 50,
) -> Page[MatterRow]:
    """Return the matters a person may see, newest first.

    `worked_on` leaves out those nobody works on: their process has no step for people and keeps a record for years.
    """
    limit = min(limit, LARGEST_PAGE)
    matter = tables.matter
    with system.database.read() as connection:
        now = system.now(connection)
        query = select(matter).where(visible_matters(connection, person, _roles(system, connection), now))
        if process is not None:
            query = query.where(matter.c.process_key == process)
        if plan_year is not None:
            query = query.where(matter.c.plan_year_id == plan_year)
        if unit is not None:
            query = query.where(matter.c.unit_id == unit)
        if opened_by is not None:
            query = query.where(matter.c.opened_by == opened_by)
        if open_only:
            query = query.where(matter.c.closed_at.is_(None))
        if worked_on:
            query = query.where(matter.c.process_key.not_in(_without_people(system, connection)))
        if search:
            query = query.where(
                or_(
                    matter.c.title.contains(search, autoescape=True),
                    matter.c.number.contains(search, autoescape=True),
                )
            )
        if after is not None:
            query = query.where(tuple_(matter.c.opened_at, matter.c.id) < decode_cursor(after))
        rows = (
            connection.execute(query.order_by(matter.c.opened_at.desc(), matter.c.id.desc()).limit(limit + 1))
            .mappings()
            .all()
        )
        page = rows[:limit]
        following = encode_cursor(page[-1]["opened_at"], page[-1]["id"]) if len(rows) > limit else None
        return Page(_matter_rows(connection, person, page), following)


def processes(system: System, person: Person) -> list[tuple[str, Text]]:
    """Return the processes (key and name) that opened the matters a person may see, by name."""
    matter, definition = tables.matter, tables.process_definition
    with system.database.read() as connection:
        seen = visible_matters(connection, person, _roles(system, connection), system.now(connection))
        keys = connection.scalars(select(matter.c.process_key).where(seen).distinct()).all()
        rows = connection.execute(
            select(definition.c.key, definition.c.name_zh, definition.c.name_en)
            .where(definition.c.key.in_(keys))
            .order_by(definition.c.version)
        )
        newest = {row.key: Text(row.name_zh, row.name_en) for row in rows}
        return sorted(newest.items(), key=lambda one: one[1].zh)


def get(system: System, person: Person, matter_id: str) -> MatterView:
    """Return a matter. Raises `NotFound` for who may not see it."""
    with system.database.read() as connection:
        row = _visible(system, connection, person, matter_id)
        instances = _instances(connection, matter_id)
        procedures = {one.id: system.procedure(connection, one.deployment_id) for one in instances}
        open_rows = (
            connection.execute(
                select(tables.task)
                .where(tables.task.c.matter_id == matter_id, tables.task.c.state == "open")
                .order_by(tables.task.c.created_at, tables.task.c.id)
            )
            .mappings()
            .all()
        )
        places = redacted_names(
            connection, person, [row["organisation_id"]] if row["organisation_id"] else []
        )
        open_tasks = task_rows(system, connection, person, open_rows)
        timeline = _timeline(connection, matter_id, instances, procedures)
        if is_withheld(connection, person, matter_id):
            # How far it is, and nothing of who they are or what they wrote (R09).
            open_tasks = [replace(one, person_name=None, sent_by_name=None) for one in open_tasks]
            timeline = [
                replace(one, actor_name=None, to_name=None, opinion=None, has_form=False) for one in timeline
            ]
        return MatterView(
            row=_matter_rows(connection, person, [row])[0],
            plan_year_id=row["plan_year_id"],
            organisation_name=places.get(row["organisation_id"] or ""),
            instances=instances,
            open_tasks=open_tasks,
            timeline=timeline,
            actions=_actions(system, connection, person, instances, procedures),
        )


def submission(system: System, person: Person, task_id: str) -> Shown:
    """Return what was submitted with a task of a matter this person may read. Raises `NotFound`."""
    task, instance = tables.task, tables.instance
    with system.database.read() as connection:
        row = connection.execute(
            select(task.c.instance_id, task.c.process_key, task.c.element_id).where(task.c.id == task_id)
        ).one_or_none()
        if row is not None:
            running = (
                connection.execute(select(instance).where(instance.c.id == row.instance_id)).mappings().one()
            )
            _visible(system, connection, person, running["matter_id"])
            procedure = system.procedure(connection, running["deployment_id"])
            name = procedure.processes[row.process_key].elements[row.element_id].name
            at = system.now(connection)
            withheld = is_withheld(connection, person, running["matter_id"])
            for one in submissions(connection, running["matter_id"]):
                if one.task_id == task_id and (one.by == person.id or not withheld):
                    found = shown(system, connection, procedure, running, one, name, at)
                    if found is not None:
                        return found
    raise NotFound(Text("没有这份提交内容", "There is no such submission"))


def diagram(system: System, person: Person, instance_id: str) -> Diagram:
    """Return the diagram an instance runs by, with its state. Raises `NotFound` for who may not see it."""
    with system.database.read() as connection:
        row = (
            connection.execute(select(tables.instance).where(tables.instance.c.id == instance_id))
            .mappings()
            .one_or_none()
        )
        if row is None:
            raise NotFound(Text("没有这个流程实例", "There is no such process instance"))
        _visible(system, connection, person, row["matter_id"])
        return _diagram(system, connection, row)


def progress(system: System, person: Person, matter_id: str) -> Progress:
    """Return how far a matter is on the main path of the process that opened it, called processes in its place.

    What is not on that path (a correction, for example) stands there while it is being done. Raises `NotFound` for who
    may not see the matter.
    """
    instance, task = tables.instance, tables.task
    with system.database.read() as connection:
        _visible(system, connection, person, matter_id)
        first = (
            connection.execute(
                select(instance)
                .where(instance.c.matter_id == matter_id)
                .order_by(instance.c.started_at, instance.c.id)
                .limit(1)
            )
            .mappings()
            .one_or_none()
        )
        waiting = (
            connection.execute(
                select(task)
                .where(task.c.matter_id == matter_id, task.c.state == "open")
                .order_by(task.c.created_at, task.c.id)
            )
            .mappings()
            .all()
        )
        open_tasks = task_rows(system, connection, person, waiting)
        if first is None:
            return Progress([], open_tasks)
        procedure = system.procedure(connection, first["deployment_id"])
        states: dict[tuple[str, str], str] = {}
        for entry in history.entries(connection, [first["id"]])[first["id"]]:
            for element_id, _type, event, key in entry.trace:
                states.pop((key, element_id), None)  # the order is that of the last time
                states[key, element_id] = event
        return Progress(_steps_on(procedure, first["process_key"], states), open_tasks)


def _steps_on(
    procedure: Procedure, key: str, states: Mapping[tuple[str, str], str], above: frozenset[str] = frozenset()
) -> list[DiagramStep]:
    """Return the steps of a process that were reached or come next, those of called processes in their place."""
    definition = procedure.processes[key]
    beside = listeners(definition)
    path = list(main_path(definition))
    reached = max((at for at, one in enumerate(path) if (key, one) in states), default=-1)
    away = [
        one
        for (process, one), event in states.items()
        if process == key and event == "entered" and one not in path and one not in beside
        if definition.elements[one].type in _STEPS | {"intermediateCatchEvent"}
    ]
    future = path[reached + 1 :]
    for one in away:
        # A task aside leads back to the path; who waits for something else takes the way from there.
        if definition.elements[one].type != "userTask":
            future = list(main_path(definition, one))
    found: list[DiagramStep] = []
    for one in [*(step for step in path[: reached + 1] if (key, step) in states), *away, *future]:
        element = definition.elements[one]
        if element.calls is not None and element.calls in procedure.processes and element.calls not in above:
            found += _steps_on(procedure, element.calls, states, above | {key})
            continue
        event = states.get((key, one)) if one not in future else None
        state = "current" if event == "entered" else "done" if event is not None else "future"
        role = _role_label(procedure.roles, element.role) if element.type == "userTask" else None
        found.append(DiagramStep(one, element.type, element.name, role, state))
    return found


def _diagram(system: System, connection: Connection, row: RowMapping) -> Diagram:
    procedure = system.procedure(connection, row["deployment_id"])
    definition = procedure.processes[row["process_key"]]
    counts: dict[str, int] = {}
    states: dict[str, str] = {}
    for entry in history.entries(connection, [row["id"]])[row["id"]]:
        for element_id, _type, event, process_key in entry.trace:
            if process_key != definition.key:
                continue
            counts[element_id] = counts.get(element_id, 0) + (1 if event == "entered" else -1)
            states[element_id] = event
    current = [one for one, number in counts.items() if number > 0 and row["ended_at"] is None]
    return Diagram(
        process_key=definition.key,
        name=definition.name,
        xml=definition.xml,
        current=current,
        completed=[one for one, event in states.items() if event == "completed" and one not in current],
        cancelled=[one for one, event in states.items() if event == "cancelled" and one not in current],
        steps=[
            DiagramStep(
                element_id=one.id,
                type=one.type,
                name=one.name,
                role=_role_label(procedure.roles, one.role) if one.type == "userTask" else None,
                state="current" if one.id in current else _STATES.get(states.get(one.id, ""), "future"),
            )
            for one in definition.elements.values()
            if one.type in _STEPS
        ],
    )


def _role_label(roles: Mapping[str, Role], name: str | None) -> Text | None:
    role = roles.get(name or "")
    return role.label if role is not None else None


def act(
    system: System,
    person: Person,
    instance_id: str,
    ref: str,
    *,
    reason: str,
) -> None:
    """Send the awaited message `ref` of an instance by hand (`cl:receive by`), with a reason.

    Raises `Forbidden` for who has none of the roles the diagram names, `Conflict` when the wait is over.
    """
    said = answers.text(reason, "reason", required=True)

    def work(transaction: Transaction) -> None:
        connection = transaction.connection
        row = locked_row(connection, instance_id)
        _visible(system, connection, person, row["matter_id"])
        at = system.now(connection)
        step = Step.load(system, transaction, row, at, person.id)
        wait = next((one for one in step.machine.waits() if one.ref == ref), None)
        if wait is None:
            raise Conflict(Text("事项已进入下一步，不能再这样办理", "The matter has moved on; this is over"))
        element = step.element(wait.process_key, wait.element_id)
        if not _may_act(connection, person, step.procedure.roles, element, step.machine.variables, at):
            raise Forbidden(Text("您的岗位不能这样办理", "Your roles may not do this"))
        step.machine.deliver(ref, {"reason": said, "by": person.id}, at)
        step.go_on()
        step.record("act", {"element": wait.element_id, "opinion": said})

    try:
        attempt(system, instance_id, work)
    except EngineIncident as error:
        raise refuse(error) from error
    system.wake()


def _may_act(
    connection: Connection,
    person: Person,
    roles: Mapping[str, Role],
    element: Element,
    variables: Mapping[str, Any],
    at: datetime,
) -> bool:
    if element.receive is None:
        return False
    for name in element.receive.by:
        role = roles.get(name)
        seat = organisations.resolve_seat(connection, role, variables, at) if role is not None else None
        if any(one.role == name and one.organisation_id == seat for one in person.memberships):
            return True
    return False


def _actions(
    system: System,
    connection: Connection,
    person: Person,
    instances: Sequence[InstanceView],
    procedures: Mapping[str, Procedure],
) -> list[MatterAction]:
    found = []
    for one in instances:
        if one.state != "active":
            continue
        procedure = procedures[one.id]
        if not any(
            element.receive is not None and element.receive.by
            for element in procedure.processes[one.process_key].elements.values()
        ):
            continue
        row = (
            connection.execute(select(tables.instance).where(tables.instance.c.id == one.id)).mappings().one()
        )
        at = system.now(connection)
        transaction = Transaction(connection, is_sqlite=system.database.is_sqlite)
        step = Step.load(system, transaction, row, at, person.id)
        for wait in step.machine.waits():
            element = step.element(wait.process_key, wait.element_id)
            if _may_act(connection, person, procedure.roles, element, step.machine.variables, at):
                found.append(MatterAction(one.id, wait.ref, element.name))
    return found


def places(system: System, person: Person, ids: Collection[str]) -> dict[str, str]:
    """Return of several matters those this person may see, each with the unit or body it is about (or "")."""
    matter = tables.matter
    with system.database.read() as connection:
        allowed = visible_matters(connection, person, _roles(system, connection), system.now(connection))
        rows = connection.execute(
            select(matter.c.id, matter.c.unit_id, matter.c.organisation_id).where(
                matter.c.id.in_(ids), allowed
            )
        ).all()
        about = {row.id: row.unit_id or row.organisation_id or "" for row in rows}
        names = redacted_names(connection, person, {one for one in about.values() if one})
        return {matter_id: names.get(place, "") for matter_id, place in about.items()}


def _visible(system: System, connection: Connection, person: Person, matter_id: str) -> RowMapping:
    row = (
        connection.execute(select(tables.matter).where(tables.matter.c.id == matter_id))
        .mappings()
        .one_or_none()
    )
    if row is None or not may_see_matter(connection, person, matter_id, system.now(connection)):
        raise NotFound(
            Text("没有这件事项，或您无权查看", "There is no such matter, or it is not yours to see")
        )
    return row


def _without_people(system: System, connection: Connection) -> set[str]:
    """Return the processes in force without a step for people, of their own or called."""
    deployment_id = system.installation(connection).deployment_id
    known = system.procedure(connection, deployment_id).processes if deployment_id is not None else {}
    own = {
        key for key, one in known.items() if any(step.type == "userTask" for step in one.elements.values())
    }

    def has_people(key: str, above: frozenset[str]) -> bool:
        calls = known[key].calls if key in known else ()
        return key in own or any(has_people(one, above | {key}) for one in calls if one not in above)

    return {key for key in known if not has_people(key, frozenset())}


def _roles(system: System, connection: Connection) -> Mapping[str, Role]:
    deployment_id = system.installation(connection).deployment_id
    return system.procedure(connection, deployment_id).roles if deployment_id is not None else {}


def _matter_rows(connection: Connection, person: Person, rows: Sequence[RowMapping]) -> list[MatterRow]:
    units = redacted_names(connection, person, {row["unit_id"] for row in rows if row["unit_id"]})
    keys = {row["process_key"] for row in rows}
    newest: dict[str, Text] = {}
    definition = tables.process_definition
    for one in connection.execute(
        select(definition.c.key, definition.c.name_zh, definition.c.name_en)
        .where(definition.c.key.in_(keys))
        .order_by(definition.c.version)
    ):
        newest[one.key] = Text(one.name_zh, one.name_en)
    return [
        MatterRow(
            id=row["id"],
            number=row["number"],
            title=row["title"],
            status=Text(row["status_zh"], row["status_en"] or row["status_zh"]) if row["status_zh"] else None,
            process_key=row["process_key"],
            process_name=newest[row["process_key"]],
            unit_id=row["unit_id"],
            unit_name=units.get(row["unit_id"] or ""),
            opened_at=row["opened_at"],
            closed_at=row["closed_at"],
        )
        for row in rows
    ]


def _instances(connection: Connection, matter_id: str) -> list[InstanceView]:
    instance, definition = tables.instance, tables.process_definition
    rows = connection.execute(
        select(instance, definition.c.version.label("number"), definition.c.name_zh, definition.c.name_en)
        .join(definition, definition.c.id == instance.c.definition_id)
        .where(instance.c.matter_id == matter_id)
        .order_by(instance.c.started_at, instance.c.id)
    )
    return [
        InstanceView(
            id=row.id,
            process_key=row.process_key,
            name=Text(row.name_zh, row.name_en),
            version=row.number,
            deployment_id=row.deployment_id,
            state=row.state,
            started_at=row.started_at,
            ended_at=row.ended_at,
        )
        for row in rows
    ]


#: What each kind of step is called where no element's name says it.
ACTIONS: Mapping[str, Text] = {
    "start": Text("发起", "Started"),
    "complete": Text("办理", "Completed"),
    "return": Text("退回", "Returned"),
    "claim": Text("领取", "Claimed"),
    "release": Text("退回岗位", "Released"),
    "hand_over": Text("转办", "Handed over"),
    "timer": Text("到期", "Timer"),
    "message": Text("收到消息", "Message"),
    "act": Text("申请人操作", "By hand"),
    "cancel": Text("终止", "Ended by an administrator"),
}


def _timeline(
    connection: Connection,
    matter_id: str,
    instances: Sequence[InstanceView],
    procedures: Mapping[str, Procedure],
) -> list[TimelineEntry]:
    tasks = {
        row.id: row
        for row in connection.execute(
            select(tables.task.c.id, tables.task.c.due_at, tables.task.c.form, tables.task.c.data).where(
                tables.task.c.matter_id == matter_id
            )
        )
    }
    found = history.entries(connection, [one.id for one in instances])
    entries = [entry for one in found.values() for entry in one]
    given_to = {entry.detail.get("to") for entry in entries if entry.action == "hand_over"}
    names = people.names(
        connection, {one for one in {entry.actor_id for entry in entries} | given_to if one is not None}
    )
    timeline = []
    for one in instances:
        elements = {
            element.id: element
            for process in procedures[one.id].processes.values()
            for element in process.elements.values()
        } | dict(procedures[one.id].processes[one.process_key].elements)
        for entry in found[one.id]:
            element = elements.get(entry.detail.get("element") or "")
            task = tasks.get(entry.detail.get("task") or "")
            outcome = entry.detail.get("outcome")
            buttons = element.outcomes if element is not None else ()
            timeline.append(
                TimelineEntry(
                    at=entry.at,
                    actor_name=names.get(entry.actor_id or ""),
                    action=entry.action,
                    text=element.name if element is not None and element.name.zh else one.name,
                    outcome=next((button.name for button in buttons if button.id == outcome), None),
                    opinion=entry.detail.get("opinion"),
                    task_id=entry.detail.get("task"),
                    has_form=task is not None and task.form is not None and task.data is not None,
                    late=task is not None and task.due_at is not None and entry.at > task.due_at,
                    to_name=names.get(entry.detail.get("to") or "") if entry.action == "hand_over" else None,
                )
            )
    return sorted(timeline, key=lambda entry: entry.at)
