"""Messages between process instances: a thrown message starts definitions, wakes waiting instances, or waits."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from difflib import get_close_matches
from typing import Any

from sqlalchemy import Column, Connection, RowMapping, String, insert, select
from sqlalchemy.exc import IntegrityError

from service import answers, deployments, recording, repeats
from service.cascade import Cascade
from service.engine.model import ProcessDefinition
from service.errors import Invalid, Text
from service.repeats import RequestKey
from service.step import Step
from service.store import plan as plan_tables
from service.store import procedure as tables
from service.store.database import Transaction
from service.store.ids import new_id
from service.system import System

#: How long a message waits for somebody who wants it, before it is forgotten (days).
EARLY_DAYS = 400


def send(
    system: System,
    message: str,
    *,
    key: str = "",
    payload: Mapping[str, Any] | None = None,
    by: str | None = None,
    request_key: RequestKey | None = None,
) -> str:
    """Put a message from outside on its way; returns the job's id. It is handled like one a diagram throws.

    The same `request_key` of the same person again sends nothing and gives the first answer. Raises `Invalid` for
    a message that no diagram receives.
    """
    _check_length("key", key, tables.subscription.c.key)
    for given in ({"message": message, "key": key}, payload or {}):
        answers.refuse_unwritable(given)
    named = request_key if by is not None else None

    def sent_before(connection: Connection) -> str | None:
        return repeats.earlier(connection, by or "", named)

    try:
        with system.database.write() as connection:
            before = sent_before(connection)
            if before is not None:
                return before
            _check_known(system, connection, message)
            at = system.now(connection)
            job_id = post(connection, message, key=key, payload=payload, by=by, at=at)
            repeats.keep(connection, by or "", named, job_id, at)
    except IntegrityError:
        with system.database.read() as connection:
            before = sent_before(connection)
        if before is None:
            raise
        return before
    system.wake()
    return job_id


def _check_known(system: System, connection: Connection, message: str) -> None:
    """Raise `Invalid` unless the procedure in force, or one that still runs, receives `message` anywhere."""
    in_force = system.installation(connection).deployment_id
    running = connection.scalars(
        select(tables.instance.c.deployment_id).where(tables.instance.c.state == "active").distinct()
    )
    known = {
        element.receive.message
        for deployment_id in {in_force, *running} - {None}
        for process in system.procedure(connection, str(deployment_id)).processes.values()
        for element in process.elements.values()
        if element.receive is not None
    }
    if message not in known:
        near = get_close_matches(message, sorted(known), 3) or sorted(known)[:10]
        text = Text(
            f"没有流程接收消息 {message}" + (f"；接收的有 {'、'.join(near)}" if near else ""),
            f"No diagram receives {message}" + (f"; they receive {', '.join(near)}" if near else ""),
        )
        raise Invalid(text, fields={"message": text}, known=near)


def _check_length(field: str, given: str, column: Column[Any]) -> None:
    most = column.type.length if isinstance(column.type, String) else None
    if most is not None and len(given) > most:
        text = Text(f"不能超过 {most} 字", f"At most {most} characters")
        raise Invalid(text, fields={field: text})


def post(
    connection: Connection,
    message: str,
    *,
    key: str,
    payload: Mapping[str, Any] | None,
    by: str | None,
    at: datetime,
) -> str:
    """Put a message on its way in the transaction of what it tells of; returns the job's id."""
    job_id = new_id()
    connection.execute(
        insert(tables.job).values(
            id=job_id,
            kind="message",
            lane="engine",
            payload={
                "message": message,
                "key": key,
                "payload": dict(payload or {}),
                "deployment": "newest",
                "by": by,
            },
            due_at=at,
            attempts=0,
            max_attempts=recording.ENGINE_ATTEMPTS,
            state="ready",
            created_at=at,
        )
    )
    return job_id


def route(system: System, transaction: Transaction, sent: Mapping[str, Any], at: datetime) -> list[str]:
    """Give one thrown message to whom it concerns, in the transaction of its job.

    It starts every process of the target deployment that starts on it, and a delivery job is made for each
    instance that waits for it; a message nobody wants yet is kept for `EARLY_DAYS`. Returns new instance ids.
    """
    transaction.begin_writing()
    connection = transaction.connection
    message, key = str(sent["message"]), str(sent.get("key") or "")
    system.database.lock_topic(connection, f"{message}|{key}")
    started = [
        _start(system, transaction, definition, definition_id, deployment_id, sent, at)
        for definition, definition_id, deployment_id in _starting(system, transaction, sent)
    ]
    waiting = connection.execute(
        select(tables.subscription)
        .where(tables.subscription.c.message == message, tables.subscription.c.key == key)
        .order_by(tables.subscription.c.instance_id, tables.subscription.c.ref)
    ).all()
    for one in waiting:
        connection.execute(
            insert(tables.job).values(
                id=new_id(),
                kind="delivery",
                lane="engine",
                instance_id=one.instance_id,
                payload={
                    "ref": one.ref,
                    "process": one.process_key,
                    "element": one.element_id,
                    "message": message,
                    "key": key,
                    "payload": sent.get("payload") or {},
                    "sender": sent.get("sender"),
                    "by": sent.get("by"),
                    # Whoever else it went to has it, even if this one should not.
                    "alone": not started and len(waiting) == 1,
                    "trail": sent.get("trail"),
                },
                due_at=at,
                attempts=0,
                max_attempts=recording.ENGINE_ATTEMPTS,
                state="ready",
                created_at=at,
            )
        )
    if not started and not waiting:
        connection.execute(
            insert(tables.early_message).values(
                id=new_id(),
                message=message,
                key=key,
                payload=dict(sent.get("payload") or {}),
                sender_id=sent.get("sender"),
                arrived_at=at,
                expires_at=at + timedelta(days=EARLY_DAYS),
            )
        )
    return started


def deliver(
    system: System, transaction: Transaction, row: RowMapping, sent: Mapping[str, Any], at: datetime
) -> None:
    """Give a message to the instance `row` at the wait it was found by.

    An instance that was given another message meanwhile and waits at the same place again, under the same key, gets
    it there. When that wait is over, a message nobody else got is sent on its way again: to whoever waits now, or
    to be kept. Whether it came just before or just after makes no difference.
    """
    step = Step.load(system, transaction, row, at, sent.get("by"))
    step.cascade = Cascade.of(sent)
    if sent.get("sender") != step.instance_id:
        # Who started this instance is not in what another one tells it.
        step.cascade = Cascade(step.cascade.steps)
    waits = step.machine.waits()
    place = (sent["process"], sent["element"], sent["key"])
    again = [one.ref for one in waits if (one.process_key, one.element_id, one.key) == place]
    ref = next((one.ref for one in waits if one.ref == sent["ref"]), next(iter(again), None))
    if ref is None:
        if sent.get("alone"):
            transaction.begin_writing()
            recording.send_again(step, sent)
        return
    step.machine.deliver(ref, dict(sent.get("payload") or {}), at)
    step.go_on()
    step.record("message", {"element": sent["element"]})
    recording.renew_due(step)


def _starting(
    system: System, transaction: Transaction, sent: Mapping[str, Any]
) -> list[tuple[ProcessDefinition, str, str]]:
    connection = transaction.connection
    # A message that came early and is sent again has no target: it has already started what it could.
    deployment_id = _target_deployment(system, transaction, sent) if sent.get("deployment") else None
    if deployment_id is None:
        return []
    procedure = system.procedure(connection, deployment_id)
    return [
        (one, deployments.definition_id(connection, deployment_id, one.key), deployment_id)
        for one in procedure.processes.values()
        if one.starts_on == sent["message"]
    ]


def _target_deployment(system: System, transaction: Transaction, sent: Mapping[str, Any]) -> str | None:
    """Return the deployment a started process runs under.

    `starter`: the sender's own; `plan`: that of the plan year the payload names, so that an application runs
    under its own year's rules; `newest`: the one in force.
    """
    connection = transaction.connection
    wanted = sent.get("deployment")
    if wanted == "plan":
        plan_year_id = str((sent.get("payload") or {}).get("plan_year_id"))
        found = connection.scalar(
            select(plan_tables.plan_year.c.deployment_id).where(plan_tables.plan_year.c.id == plan_year_id)
        )
        if found is not None:
            return str(found)
    if wanted == "starter" and sent.get("sender") is not None:
        return connection.scalar(
            select(tables.instance.c.deployment_id).where(tables.instance.c.id == sent["sender"])
        )
    return system.installation(connection).deployment_id


def _start(
    system: System,
    transaction: Transaction,
    definition: ProcessDefinition,
    definition_id: str,
    deployment_id: str,
    sent: Mapping[str, Any],
    at: datetime,
) -> str:
    payload = dict(sent.get("payload") or {})
    start = next(one for one in definition.elements.values() if one.type == "startEvent")
    taken = payload
    if start.receive is not None and start.receive.variables:
        taken = {name: payload.get(source) for name, source in start.receive.variables.items()}
    # Read, not locked: a start must never wait for the sender's next step.
    parent = (
        transaction.connection.execute(
            select(tables.instance).where(tables.instance.c.id == sent.get("sender"))
        )
        .mappings()
        .one_or_none()
    )
    cascade = Cascade.of(sent).starting(definition.key)
    step = Step.begin(
        system,
        transaction,
        deployment_id=deployment_id,
        definition_id=definition_id,
        key=definition.key,
        variables=taken,
        at=at,
        actor_id=sent.get("by"),
        parent=parent,
    )
    step.cascade = cascade
    step.go_on()
    step.record("start", {"message": sent["message"]})
    return step.instance_id
