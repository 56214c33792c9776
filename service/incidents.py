"""What could not go on and waits for an administrator: reporting, listing, trying again, giving up."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, insert, select, true, update

from service.errors import Forbidden, NotFound, Text
from service.identity import duties
from service.identity.people import Person
from service.store import procedure as tables
from service.store.ids import new_id
from service.system import System


@dataclass(frozen=True, slots=True)
class Incident:
    """One open incident: where (instance, element), what in words, and the facts shown beside it."""

    id: str
    instance_id: str | None
    matter_id: str | None
    title: str | None
    element_id: str | None
    job_id: str | None
    text: Text
    facts: Mapping[str, Any]
    opened_at: datetime


def report(
    connection: Connection,
    *,
    instance_id: str | None,
    element_id: str | None,
    text: Text,
    facts: Mapping[str, Any],
    at: datetime,
    job_id: str | None = None,
) -> None:
    """Write an incident; the same one (instance, element, words) that is still open is not written twice.

    Each job has one of its own: it is what the job can be tried again from.
    """
    of_job = tables.incident.c.job_id
    known = connection.scalar(
        select(tables.incident.c.id).where(
            tables.incident.c.instance_id == instance_id,
            tables.incident.c.element_id == element_id,
            tables.incident.c.text_zh == text.zh,
            tables.incident.c.closed_at.is_(None),
            true() if job_id is None else of_job.is_(None) | (of_job == job_id),
        )
    )
    if known is not None:
        if job_id is not None:
            connection.execute(
                update(tables.incident).where(tables.incident.c.id == known).values(job_id=job_id)
            )
        return
    connection.execute(
        insert(tables.incident).values(
            id=new_id(),
            instance_id=instance_id,
            job_id=job_id,
            element_id=element_id,
            text_zh=text.zh,
            text_en=text.en,
            facts=dict(facts),
            opened_at=at,
        )
    )


def close_passed(
    connection: Connection, instance_id: str, elements: Collection[str] | None, at: datetime
) -> None:
    """Close the incidents of an instance at `elements` it has got past, or all when it has ended.

    One whose job is still set aside stays: the job has to be tried again from it.
    """
    incident, job = tables.incident, tables.job
    aside = select(job.c.id).where(job.c.id == incident.c.job_id).exists()
    here = (
        true() if elements is None else incident.c.element_id.is_(None) | incident.c.element_id.in_(elements)
    )
    connection.execute(
        update(incident)
        .where(incident.c.instance_id == instance_id, incident.c.closed_at.is_(None), here, ~aside)
        .values(closed_at=at, resolution="passed")
    )


def list_open(system: System, person: Person) -> list[Incident]:
    """Return the open incidents, newest first. Raises `Forbidden` for all but process administrators."""
    _demand_duty(person)
    with system.database.read() as connection:
        rows = connection.execute(
            select(
                tables.incident,
                tables.instance.c.title.label("title"),
                tables.instance.c.matter_id.label("matter_id"),
            )
            .join(tables.instance, tables.instance.c.id == tables.incident.c.instance_id, isouter=True)
            .where(tables.incident.c.closed_at.is_(None))
            .order_by(tables.incident.c.opened_at.desc(), tables.incident.c.id)
        )
        return [
            Incident(
                id=row.id,
                instance_id=row.instance_id,
                matter_id=row.matter_id,
                title=row.title,
                element_id=row.element_id,
                job_id=row.job_id,
                text=Text(row.text_zh, row.text_en),
                facts=row.facts,
                opened_at=row.opened_at,
            )
            for row in rows
        ]


def retry(system: System, person: Person, incident_id: str) -> None:
    """Close an incident and let its job run again, with all its attempts."""
    _demand_duty(person)
    with system.database.write() as connection:
        now = system.now(connection)
        row = _open_row(connection, incident_id)
        if row["job_id"] is not None:
            connection.execute(
                update(tables.job)
                .where(tables.job.c.id == row["job_id"])
                .values(state="ready", attempts=0, due_at=now, last_error=None)
            )
        _close(connection, incident_id, person, now, "retried")
    system.wake()


def settle(system: System, person: Person, incident_id: str) -> None:
    """Close an incident that was settled otherwise (a member was added, the task handed over)."""
    _demand_duty(person)
    with system.database.write() as connection:
        _open_row(connection, incident_id)
        _close(connection, incident_id, person, system.now(connection), "settled")


def _close(connection: Connection, incident_id: str, person: Person, at: datetime, resolution: str) -> None:
    connection.execute(
        update(tables.incident)
        .where(tables.incident.c.id == incident_id)
        .values(closed_at=at, closed_by=person.id, resolution=resolution)
    )


def _open_row(connection: Connection, incident_id: str) -> RowMapping:
    row = (
        connection.execute(
            select(tables.incident).where(
                tables.incident.c.id == incident_id, tables.incident.c.closed_at.is_(None)
            )
        )
        .mappings()
        .one_or_none()
    )
    if row is None:
        raise NotFound(Text("没有这个未处理的异常", "There is no such open incident"))
    return row


def _demand_duty(person: Person) -> None:
    if not person.has(duties.PROCESS_ADMINISTRATOR):
        raise Forbidden(
            Text("只有流程管理员可以处理异常", "Only process administrators may handle incidents")
        )
