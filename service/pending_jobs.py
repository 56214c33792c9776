"""What the machine still has to do, for process administrators: timers and messages with when they are due."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select

from service.errors import Forbidden, Text
from service.identity import duties
from service.identity.people import Person
from service.paging import LARGEST_PAGE
from service.store import procedure as tables
from service.system import System


@dataclass(frozen=True, slots=True)
class PendingJob:
    """One job: its kind, when it may run, how often it was tried, and of which matter it is."""

    id: str
    kind: str
    due_at: datetime
    attempts: int
    max_attempts: int
    failed: bool
    last_error: str | None
    title: str | None
    matter_id: str | None


@dataclass(frozen=True, slots=True)
class Pending:
    """The next jobs, and how many there are in all."""

    rows: list[PendingJob]
    total: int


def list_jobs(system: System, person: Person, *, limit: int = 50) -> Pending:
    """Return the jobs that are due next, those that gave up first.

    Raises `Forbidden` for all but process administrators.
    """
    if not person.has(duties.PROCESS_ADMINISTRATOR):
        raise Forbidden(
            Text("只有流程管理员可以查看后台任务", "Only process administrators may see the jobs")
        )
    job, instance = tables.job, tables.instance
    with system.database.read() as connection:
        rows = connection.execute(
            select(job, instance.c.title, instance.c.matter_id)
            .outerjoin(instance, instance.c.id == job.c.instance_id)
            .order_by(job.c.state, job.c.due_at, job.c.id)
            .limit(min(limit, LARGEST_PAGE))
        ).all()
        total = int(connection.scalar(select(func.count()).select_from(job)) or 0)
    return Pending(
        [
            PendingJob(
                id=row.id,
                kind=row.kind,
                due_at=row.due_at,
                attempts=row.attempts,
                max_attempts=row.max_attempts,
                failed=row.state == "incident",
                last_error=row.last_error,
                title=row.title,
                matter_id=row.matter_id,
            )
            for row in rows
        ],
        total,
    )
