"""Writes what one engine step changed: opened and vanished tasks, waits, timers, sent messages."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, delete, insert, select, update

from service import incidents
from service.assignment import Assignment, assign
from service.engine import deadlines
from service.engine.model import Element, Variables
from service.engine.runtime import EngineIncident, OpenTask
from service.errors import AppError, Text
from service.store import procedure as tables
from service.store.ids import new_id

if TYPE_CHECKING:
    from service.step import Step

#: Sorts tasks without a due instant after all others.
FAR_FUTURE = datetime(9999, 1, 1, tzinfo=UTC)
#: Attempts of an engine job (timer, message) before it becomes an incident.
ENGINE_ATTEMPTS = 5
#: A deadline that calls one of these moves with a window of the plan year.
WINDOW_FUNCTIONS = frozenset({"window_closes", "window_ends"})

_INSERT_TASK = insert(tables.task)
_INSERT_JOB = insert(tables.job)


@contextmanager
def at_element(element_id: str) -> Iterator[None]:
    """Make what fails while an element is entered or decided an incident at it: nobody typed it wrong."""
    try:
        yield
    except EngineIncident:
        raise
    except AppError as error:
        raise EngineIncident(error.text, element_id) from error


def write_tasks(step: "Step", before: set[str], closed: str | None) -> set[str]:
    """Open a row for every user task that was entered and cancel the rows of those that vanished.

    `closed` is the step a person has just finished; its own row is not touched here. Returns the open refs. Raises
    `EngineIncident` for an owner or a deadline that cannot be found.
    """
    open_now = {one.ref: one for one in step.machine.user_tasks()}
    gone = before - open_now.keys() - {closed}
    if gone:
        cancelled = step.connection.execute(
            update(tables.task)
            .where(
                tables.task.c.instance_id == step.instance_id,
                tables.task.c.ref.in_(gone),
                tables.task.c.state.in_(("open", "queued")),
            )
            .values(state="cancelled", closed_at=step.at)
            .returning(tables.task.c.id, tables.task.c.process_key, tables.task.c.element_id)
        ).all()
        for row in cancelled:
            forget_reminders(step.connection, row.id, step.element(row.process_key, row.element_id))
    rows: list[dict[str, Any]] = []
    for ref, opened in open_now.items():
        if ref not in before:
            with at_element(opened.element_id):
                rows += _task_rows(step, opened)
    if rows:
        step.connection.execute(_INSERT_TASK, rows)
        step.opened = [row for row in rows if row["state"] == "open"]
    return set(open_now)


def _task_rows(step: "Step", opened: OpenTask) -> list[dict[str, Any]]:
    element = step.element(opened.process_key, opened.element_id)
    owners = assign(
        step.connection,
        step.procedure,
        element,
        opened.variables,
        step.functions,
        matter_id=step.row["matter_id"],
        at=step.at,
    )
    due = None
    if element.due is not None:
        due = deadlines.resolve_due(element.due, step.at, opened.variables, step.functions)
    in_turn = element.spread is not None and element.spread.sequential
    rows = []
    for turn, owner in enumerate(owners):
        row = {
            "id": new_id(),
            "instance_id": step.instance_id,
            "matter_id": step.row["matter_id"],
            "process_key": opened.process_key,
            "element_id": element.id,
            "ref": opened.ref,
            "name_zh": element.name.zh,
            "name_en": element.name.en,
            "title": step.row["title"],
            "unit_id": step.row["unit_id"],
            "role": owner.role,
            "organisation_id": None if owner.orphan else owner.organisation_id,
            "person_id": None if owner.orphan else owner.person_id,
            "named": owner.named,
            "excluded": list(owner.excluded) or None,
            "turn": turn,
            "state": "queued" if in_turn and turn > 0 else "open",
            "priority": element.priority,
            "created_at": step.at,
            "due_at": due,
            "sort_at": due or FAR_FUTURE,
            "sent_by": step.actor_id,
            "returned": step.returning == (opened.process_key, element.id),
            "form": element.form,
        }
        rows.append(row)
        if owner.orphan:
            _report_orphan(step, element, owner)
        if due is not None:
            _schedule_reminders(step, str(row["id"]), element, due, opened.variables)
    return rows


def _report_orphan(step: "Step", element: Element, owner: Assignment) -> None:
    role = owner.role or "—"
    incidents.report(
        step.connection,
        instance_id=step.instance_id,
        element_id=element.id,
        text=Text(
            f"步骤“{element.name.zh}”没有可以办理的人（角色 {role}），已转给流程管理员",
            f"Nobody can do step “{element.name.en}” (role {role}); the process administrators have it",
        ),
        facts={"role": owner.role, "organisation": owner.organisation_id, "person": owner.person_id},
        at=step.at,
    )


def _schedule_reminders(
    step: "Step", task_id: str, element: Element, due: datetime, variables: Variables
) -> None:
    for index, before in enumerate(element.remind):
        # A reminder's distance is measured backwards from the due instant.
        distance = deadlines.lead_time(before, step.at, variables, step.functions)
        add_job(step, "reminder", due - distance, {"task": task_id}, dedupe=_reminder_key(task_id, index))


def forget_reminders(connection: Connection, task_id: str, element: Element) -> None:
    """Drop the reminders of a task nobody has to be reminded of any more."""
    if element.remind:
        keys = [_reminder_key(task_id, index) for index in range(len(element.remind))]
        connection.execute(delete(tables.job).where(tables.job.c.dedupe_key.in_(keys)))


def _reminder_key(task_id: str, index: int) -> str:
    return f"reminder:{task_id}:{index}"


def renew_due(step: "Step") -> None:
    """Reckon again until when open tasks are due whose deadline is the end of a window.

    For a step that was told of something from outside, such as an extension: what was due with the window is due
    later, and reminders move along.
    """
    for opened in step.machine.user_tasks():
        element = step.element(opened.process_key, opened.element_id)
        expression = element.due.expression if element.due is not None else None
        if element.due is None or expression is None or not expression.calls & WINDOW_FUNCTIONS:
            continue
        with at_element(element.id):
            due = deadlines.resolve_due(element.due, step.at, opened.variables, step.functions)
        moved = step.connection.scalars(
            update(tables.task)
            .where(
                tables.task.c.instance_id == step.instance_id,
                tables.task.c.ref == opened.ref,
                tables.task.c.state.in_(("open", "queued")),
                tables.task.c.due_at != due,
            )
            .values(due_at=due, sort_at=due)
            .returning(tables.task.c.id)
        ).all()
        for task_id in moved:
            forget_reminders(step.connection, task_id, element)
            with at_element(element.id):
                _schedule_reminders(step, task_id, element, due, opened.variables)


def write_waits(step: "Step", before: set[str]) -> set[str]:
    """Subscribe to messages newly waited for, end the waits that vanished; returns the open refs."""
    open_now = {one.ref: one for one in step.machine.waits()}
    gone = before - open_now.keys()
    if gone:
        step.connection.execute(
            delete(tables.subscription).where(
                tables.subscription.c.instance_id == step.instance_id, tables.subscription.c.ref.in_(gone)
            )
        )
    fresh = [open_now[ref] for ref in open_now if ref not in before]
    if fresh:
        # Ordered, so that two steps that wait for the same messages cannot lock each other out.
        for message, key in sorted({(one.message, one.key) for one in fresh}):
            step.system.database.lock_topic(step.connection, f"{message}|{key}")
        step.connection.execute(
            insert(tables.subscription),
            [
                {
                    "instance_id": step.instance_id,
                    "ref": one.ref,
                    "process_key": one.process_key,
                    "element_id": one.element_id,
                    "message": one.message,
                    "key": one.key,
                    "created_at": step.at,
                }
                for one in fresh
            ],
        )
        _take_early(step, sorted({(one.message, one.key) for one in fresh}))
    return set(open_now)


def _take_early(step: "Step", awaited: Sequence[tuple[str, str]]) -> None:
    """Send the oldest message that came before anybody waited on its way again.

    One only: who has got it may wait for the next, and is then sent that.
    """
    early = tables.early_message
    for message, key in awaited:
        one = step.connection.execute(
            select(early)
            .where(early.c.message == message, early.c.key == key, early.c.expires_at > step.at)
            .order_by(early.c.arrived_at, early.c.id)
            .limit(1)
        ).one_or_none()
        if one is not None:
            step.connection.execute(delete(early).where(early.c.id == one.id))
            kept = {"message": message, "key": key, "payload": one.payload, "sender": one.sender_id}
            send_again(step, kept)


def send_again(step: "Step", sent: Mapping[str, Any]) -> None:
    """Put a message on its way that came too early or too late; what it starts it has started already."""
    again = {name: sent.get(name) for name in ("message", "key", "payload", "sender", "by")}
    add_job(step, "message", step.at, again)


def write_timers(step: "Step", before: set[str]) -> set[str]:
    """Make a job for every timer that was set, remove those of timers that vanished; returns the open refs."""
    open_now = {one.ref: one for one in step.machine.timers()}
    gone = before - open_now.keys()
    if gone:
        step.connection.execute(
            delete(tables.job).where(tables.job.c.dedupe_key.in_([_timer_key(step, ref) for ref in gone]))
        )
    for ref, one in open_now.items():
        if ref not in before:
            payload = {"ref": ref, "process": one.process_key, "element": one.element_id}
            add_job(step, "timer", one.due_at, payload, dedupe=_timer_key(step, ref))
    return set(open_now)


def _timer_key(step: "Step", ref: str) -> str:
    return f"timer:{step.instance_id}:{ref}"


def write_sent(step: "Step") -> None:
    """Put every message the step threw on its way."""
    for one in step.machine.drain_sent():
        add_job(
            step,
            "message",
            step.at,
            {
                "message": one.message,
                "key": one.key or "",
                "payload": one.payload,
                "deployment": one.deployment,
                "sender": step.instance_id,
            },
        )


def add_job(
    step: "Step", kind: str, due_at: datetime, payload: Mapping[str, Any], *, dedupe: str | None = None
) -> None:
    """Add a job of the step's instance to the transaction; see `jobs`."""
    step.left_jobs = True
    # What runs at once goes on with what led here; what has to wait begins anew.
    carried = {"trail": step.cascade.after()} if due_at <= step.at else {}
    step.connection.execute(
        _INSERT_JOB,
        {
            "id": new_id(),
            "kind": kind,
            "lane": "engine",
            "instance_id": step.instance_id,
            "dedupe_key": dedupe,
            "payload": {**payload, **carried},
            "due_at": due_at,
            "attempts": 0,
            "max_attempts": ENGINE_ATTEMPTS,
            "state": "ready",
            "created_at": step.at,
        },
    )
