"""A process instance as seen from outside: state, where it stands, what it started, and its history."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal, TypeAlias, get_args

from sqlalchemy import Connection, RowMapping, select, tuple_

from service import history
from service.engine.listeners import listeners
from service.engine.model import Element
from service.errors import NotFound, Text
from service.identity import people
from service.identity.access import is_withheld, may_see_matter, visible_matters
from service.identity.people import Person
from service.inbox import decode_cursor, encode_cursor
from service.paging import LARGEST_PAGE, Page
from service.store import procedure as tables
from service.system import System

#: What an instance's state can be.
State: TypeAlias = Literal["active", "completed", "cancelled"]
STATES: tuple[State, ...] = get_args(State)


@dataclass(frozen=True, slots=True)
class OpenStep:
    """One place where an instance stands: a user task, an awaited message or a running timer.

    `process_key` is the instance's own process, or the one it calls in which the element is drawn.
    `optional`: nothing waits for it, it may happen meanwhile (see `engine.listeners`).
    """

    kind: str
    process_key: str
    element_id: str
    name: Text
    task_id: str | None
    role: str | None
    organisation_id: str | None
    person_id: str | None
    due_at: datetime | None
    message: str | None
    key: str | None
    optional: bool = False


@dataclass(frozen=True, slots=True)
class InstanceState:
    """A process instance; instants are UTC."""

    id: str
    process_key: str
    definition_id: str
    deployment_id: str
    version: int
    title: str
    business_key: str | None
    matter_id: str
    parent_id: str | None
    unit_id: str | None
    organisation_id: str | None
    plan_year_id: str | None
    state: State
    started_at: datetime
    started_by: str | None
    ended_at: datetime | None
    open_steps: list[OpenStep]
    children: list[str]
    open_incidents: int


@dataclass(frozen=True, slots=True)
class HistoryEvent:
    """One element entered, completed or cancelled: by which step (`seq`), when, by whom, and why."""

    seq: int
    at: datetime
    actor_id: str | None
    actor_name: str | None
    action: str
    process_key: str
    element_id: str
    element_type: str
    event: str


def get(system: System, person: Person, instance_id: str) -> InstanceState:
    """Return an instance. Raises `NotFound` for who may not see its matter."""
    with system.database.read() as connection:
        row = _visible(system, connection, person, instance_id)
        return _states(system, connection, [row])[0]


def list_instances(
    system: System,
    person: Person,
    *,
    process: str | None = None,
    business_key: str | None = None,
    state: str | None = None,
    matter: str | None = None,
    after: str | None = None,
    limit: int = 50,
) -> Page[InstanceState]:
    """Return the instances a person may see, newest first."""
    limit = min(limit, LARGEST_PAGE)
    instance = tables.instance
    with system.database.read() as connection:
        deployment_id = system.installation(connection).deployment_id
        roles = system.procedure(connection, deployment_id).roles if deployment_id is not None else {}
        allowed = select(tables.matter.c.id).where(
            visible_matters(connection, person, roles, system.now(connection))
        )
        query = select(instance).where(instance.c.matter_id.in_(allowed))
        for column, value in (
            (instance.c.process_key, process),
            (instance.c.business_key, business_key),
            (instance.c.state, state),
            (instance.c.matter_id, matter),
        ):
            if value is not None:
                query = query.where(column == value)
        if after is not None:
            query = query.where(tuple_(instance.c.started_at, instance.c.id) < decode_cursor(after))
        rows = (
            connection.execute(
                query.order_by(instance.c.started_at.desc(), instance.c.id.desc()).limit(limit + 1)
            )
            .mappings()
            .all()
        )
        page = rows[:limit]
        following = encode_cursor(page[-1]["started_at"], page[-1]["id"]) if len(rows) > limit else None
        return Page(_states(system, connection, page), following)


def events(system: System, person: Person, instance_id: str) -> list[HistoryEvent]:
    """Return everything that happened in an instance, element by element, oldest first."""
    with system.database.read() as connection:
        row = _visible(system, connection, person, instance_id)
        found = history.entries(connection, [instance_id])[instance_id]
        if is_withheld(connection, person, row["matter_id"]):
            found = [replace(one, actor_id=None) for one in found]
        names = people.names(connection, {one.actor_id for one in found if one.actor_id})
        return [
            HistoryEvent(
                seq=one.seq,
                at=one.at,
                actor_id=one.actor_id,
                actor_name=names.get(one.actor_id or ""),
                action=one.action,
                process_key=process_key,
                element_id=element_id,
                element_type=element_type,
                event=event,
            )
            for one in found
            for element_id, element_type, event, process_key in one.trace
        ]


def _visible(system: System, connection: Connection, person: Person, instance_id: str) -> RowMapping:
    row = (
        connection.execute(select(tables.instance).where(tables.instance.c.id == instance_id))
        .mappings()
        .one_or_none()
    )
    if row is None or not may_see_matter(connection, person, row["matter_id"], system.now(connection)):
        raise NotFound(
            Text("没有这个流程实例，或您无权查看", "There is no such instance, or it is not yours to see")
        )
    return row


def _states(system: System, connection: Connection, rows: Sequence[RowMapping]) -> list[InstanceState]:
    ids = [row["id"] for row in rows]
    steps = _open_steps(system, connection, rows)
    children: dict[str, list[str]] = {one: [] for one in ids}
    for row in connection.execute(
        select(tables.instance.c.id, tables.instance.c.parent_id)
        .where(tables.instance.c.parent_id.in_(ids))
        .order_by(tables.instance.c.started_at, tables.instance.c.id)
    ):
        children[row.parent_id].append(row.id)
    incidents: dict[str, int] = dict.fromkeys(ids, 0)
    for found in connection.scalars(
        select(tables.incident.c.instance_id).where(
            tables.incident.c.instance_id.in_(ids), tables.incident.c.closed_at.is_(None)
        )
    ):
        incidents[found] += 1
    versions = dict(
        connection.execute(
            select(tables.process_definition.c.id, tables.process_definition.c.version).where(
                tables.process_definition.c.id.in_({row["definition_id"] for row in rows})
            )
        ).all()
    )
    same = (
        *("id", "process_key", "definition_id", "deployment_id", "title", "business_key", "matter_id"),
        *("parent_id", "unit_id", "organisation_id", "plan_year_id", "state"),
        *("started_at", "started_by", "ended_at"),
    )
    return [
        InstanceState(
            **{name: row[name] for name in same},
            version=versions[row["definition_id"]],
            open_steps=steps[row["id"]],
            children=children[row["id"]],
            open_incidents=incidents[row["id"]],
        )
        for row in rows
    ]


def _open_steps(
    system: System, connection: Connection, rows: Sequence[RowMapping]
) -> dict[str, list[OpenStep]]:
    found: dict[str, list[OpenStep]] = {row["id"]: [] for row in rows}
    deployments = {row["id"]: row["deployment_id"] for row in rows}

    def element(instance_id: str, process_key: str, element_id: str) -> tuple[Element, bool]:
        """Return an element, and whether it only listens."""
        process = system.procedure(connection, deployments[instance_id]).processes[process_key]
        return process.elements[element_id], element_id in listeners(process)

    task, wait, job = tables.task, tables.subscription, tables.job
    for one in connection.execute(
        select(task).where(task.c.instance_id.in_(found), task.c.state == "open").order_by(task.c.id)
    ):
        name = Text(one.name_zh, one.name_en)
        found[one.instance_id].append(
            OpenStep(
                "user_task",
                one.process_key,
                one.element_id,
                name,
                one.id,
                one.role,
                one.organisation_id,
                one.person_id,
                one.due_at,
                None,
                None,
            )
        )
    for one in connection.execute(select(wait).where(wait.c.instance_id.in_(found)).order_by(wait.c.ref)):
        awaited, listens = element(one.instance_id, one.process_key, one.element_id)
        found[one.instance_id].append(
            OpenStep(
                "message",
                one.process_key,
                awaited.id,
                awaited.name,
                None,
                None,
                None,
                None,
                None,
                one.message,
                one.key,
                listens,
            )
        )
    for one in connection.execute(
        select(job).where(job.c.instance_id.in_(found), job.c.kind == "timer").order_by(job.c.due_at)
    ):
        timed, listens = element(one.instance_id, one.payload["process"], one.payload["element"])
        found[one.instance_id].append(
            OpenStep(
                "timer",
                one.payload["process"],
                timed.id,
                timed.name,
                None,
                None,
                None,
                None,
                one.due_at,
                None,
                None,
                listens,
            )
        )
    return found
