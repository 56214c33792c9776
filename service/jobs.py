"""Work that is due: timers, messages, reminders; taken by lease, done once, set aside when it cannot be done."""

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import RowMapping, delete, func, select, update

from service import incidents, messages
from service.cascade import Cascade
from service.engine.runtime import EngineIncident
from service.errors import AppError, Conflict, Invalid, Text, Unavailable
from service.step import Step, attempt, locked_row
from service.store import procedure as tables
from service.store.database import Transaction
from service.system import System

log = logging.getLogger(__name__)

#: How long a taken job is out of others' sight; a worker that died gives it back after that.
LEASE = timedelta(seconds=90)
#: Wait before attempt n+1 of a job that failed: doubled each time.
FIRST_BACKOFF = timedelta(seconds=5)
#: A worker that hears nothing looks for due work this often (seconds).
POLL_SECONDS = 1.0
#: How far the clock may be moved at once, and where it ends: it never goes back, and no rule reaches further.
LONGEST_MOVE = timedelta(days=20 * 366)
CLOCK_ENDS = datetime(2200, 1, 1, tzinfo=UTC)
#: Jobs taken at once.
BATCH = 20


@dataclass(frozen=True, slots=True)
class Fired:
    """One job that was done while the clock was moved: when, what kind, in which matter, at which element."""

    at: datetime
    kind: str
    matter_id: str | None
    title: str
    element: Text
    ok: bool


@dataclass(frozen=True, slots=True)
class Job:
    """A job a worker holds; `attempt` fences it against another worker that took it after the lease."""

    id: str
    kind: str
    instance_id: str | None
    payload: Mapping[str, Any]
    attempt: int
    max_attempts: int
    due_at: datetime


class Worker:
    """Threads that do due jobs until they are stopped."""

    def __init__(self, system: System, *, threads: int = 2) -> None:
        """Prepare `threads` threads; `start` lets them run."""
        self._system = system
        self._stopping = threading.Event()
        self._awake = threading.Condition()
        self._calls = 0
        self._threads = [
            threading.Thread(target=self._work, name=f"worker-{number}", daemon=True)
            for number in range(threads)
        ]

    def start(self) -> None:
        """Start the threads; from now on `system.wake` wakes them."""
        self._system.wake = self.wake
        for thread in self._threads:
            thread.start()

    def wake(self) -> None:
        """Look for due work now."""
        with self._awake:
            self._calls += 1
            self._awake.notify()

    def stop(self, timeout: float = 10.0) -> None:
        """Let each thread finish its job, then end; waits at most `timeout` seconds."""
        self._stopping.set()
        with self._awake:
            self._awake.notify_all()
        for thread in self._threads:
            thread.join(timeout)

    def _work(self) -> None:
        while not self._stopping.is_set():
            seen = self._calls
            try:
                busy = run_due(self._system, limit=BATCH)
            except Exception:
                # The database may be away for a while: say so and go on trying.
                log.exception("worker could not look for due jobs")
                busy = 0
            if busy:
                continue
            with self._awake:
                if self._calls == seen and not self._stopping.is_set():
                    self._awake.wait(POLL_SECONDS)


def run_due(system: System, *, limit: int | None = None) -> int:
    """Do the jobs that are due now, oldest first, until none is left or `limit` are done; returns how many."""
    done = 0
    while limit is None or done < limit:
        with system.moving_clock():
            with system.database.read() as connection:
                now = system.now(connection)
            taken = _take(system, now, limit=1)
            for job in taken:
                _do(system, job, now)
                done += 1
        if not taken:
            break
    return done


def next_event(system: System) -> datetime | None:
    """Return when the next job is due (UTC); None when nothing is planned."""
    with system.database.read() as connection:
        due: datetime | None = connection.scalar(
            select(func.min(tables.job.c.due_at)).where(tables.job.c.state == "ready")
        )
        return due


def advance_clock(system: System, to: datetime) -> list[Fired]:
    """Move the clock to `to`, doing on the way everything that falls due, each at its own instant, in order.

    Raises `Conflict` where the clock is real and `Invalid` when `to` is not in the future or too far in it.
    """
    fired: list[Fired] = []
    with system.moving_clock():
        with system.database.read() as connection:
            start = system.now(connection)
            if not system.installation(connection).movable_clock:
                raise Conflict(
                    Text(
                        "本系统使用真实时钟，不能调整",
                        "This installation runs on real time; its clock cannot be moved",
                    )
                )
        if to <= start:
            raise Invalid(
                Text("只能向前调整时钟", "The clock can only be moved forward"),
                fields={"to": Text("须晚于当前时间", "Must be later than now")},
            )
        if to > min(start + LONGEST_MOVE, CLOCK_ENDS):
            message = Text(
                f"一次最多推进二十年，且不得到 {CLOCK_ENDS.year} 年",
                f"At most twenty years at a time, and never into {CLOCK_ENDS.year}",
            )
            raise Invalid(message, fields={"to": message})
        while (due := next_event(system)) is not None and due <= to:
            at = max(due, start)
            if at > start:
                _set_clock(system, at)
                start = at
            for job in _take(system, at, limit=BATCH):
                fired.append(_do(system, job, at))
        _set_clock(system, to)
    return fired


def _set_clock(system: System, at: datetime) -> None:
    with system.database.write() as connection:
        system.set_clock(connection, at)


def _take(system: System, now: datetime, *, limit: int) -> list[Job]:
    """Lease up to `limit` due jobs: nobody else sees them until the lease is over."""
    job = tables.job
    due = (
        select(job.c.id)
        .where(job.c.state == "ready", job.c.lane == "engine", job.c.due_at <= now)
        .order_by(job.c.due_at, job.c.id)
        .limit(limit)
    )
    with system.database.read() as connection:
        if connection.scalar(due) is None:
            return []
    with system.database.write() as connection:
        rows = (
            connection.execute(
                select(job)
                .where(job.c.id.in_(due.with_for_update(skip_locked=True)))
                .order_by(job.c.due_at, job.c.id)
            )
            .mappings()
            .all()
        )
        if not rows:
            return []
        connection.execute(
            update(job)
            .where(job.c.id.in_([row["id"] for row in rows]))
            .values(due_at=now + LEASE, attempts=job.c.attempts + 1)
        )
    return [
        Job(
            id=row["id"],
            kind=row["kind"],
            instance_id=row["instance_id"],
            payload=row["payload"],
            attempt=row["attempts"] + 1,
            max_attempts=row["max_attempts"],
            due_at=row["due_at"],
        )
        for row in rows
    ]


def _do(system: System, job: Job, at: datetime) -> Fired:
    ok = False
    try:
        if job.attempt > job.max_attempts:
            # Every worker that took it died on it.
            _give_up(
                system,
                job,
                at,
                Text("任务多次中断，已停止重试", "The job broke off every time; no more tries"),
            )
        else:
            Cascade.of(job.payload).check(job.payload.get("element"))
            attempt(
                system,
                job.instance_id or job.id,
                lambda transaction: _run(system, transaction, job, at),
                reports=False,
            )
            ok = True
    except Unavailable as error:
        log.warning("job %s (%s) has to wait, attempt %s: %s", job.id, job.kind, job.attempt, error)
        _put_back(system, job, at, error.text)
    except (EngineIncident, AppError) as error:
        # The same input gives the same result: a person has to look at it.
        _give_up(system, job, at, error.text, getattr(error, "element", None))
    except _Fenced:
        pass
    except Exception:
        # What went wrong inside is for the log and nobody else: it may hold statements and data.
        log.exception("job %s (%s) failed, attempt %s", job.id, job.kind, job.attempt)
        text = Text(
            f"内部错误，详情见日志（作业 {job.id}）", f"An internal error; the log says more (job {job.id})"
        )
        _put_back(system, job, at, text)
    return _fired(system, job, at, ok)


def _run(system: System, transaction: Transaction, job: Job, at: datetime) -> None:
    HANDLERS[job.kind](system, transaction, job, at)
    transaction.begin_writing()
    finished = transaction.connection.execute(
        delete(tables.job).where(tables.job.c.id == job.id, tables.job.c.attempts == job.attempt)
    )
    if finished.rowcount != 1:
        raise _Fenced


class _Fenced(Exception):
    """Another worker took the job after this one's lease was over; this one's work is dropped."""


def _put_back(system: System, job: Job, at: datetime, text: Text) -> None:
    """Let a job be tried again later, or give it up when it was tried often enough."""
    if job.attempt >= job.max_attempts:
        _give_up(system, job, at, text)
        return
    with system.database.write() as connection:
        connection.execute(
            update(tables.job)
            .where(tables.job.c.id == job.id, tables.job.c.attempts == job.attempt)
            .values(due_at=at + FIRST_BACKOFF * 2 ** (job.attempt - 1), last_error=text.zh)
        )


def _give_up(system: System, job: Job, at: datetime, text: Text, element: str | None = None) -> None:
    with system.database.write() as connection:
        connection.execute(
            update(tables.job)
            .where(tables.job.c.id == job.id)
            .values(state="incident", last_error=text.zh[:2000])
        )
        incidents.report(
            connection,
            instance_id=job.instance_id,
            element_id=element or job.payload.get("element"),
            text=text,
            facts={"job": job.kind, "payload": job.payload},
            at=at,
            job_id=job.id,
        )


def _fire_timer(system: System, transaction: Transaction, job: Job, at: datetime) -> None:
    row = _instance_row(transaction, job)
    if row is None:
        return
    step = Step.load(system, transaction, row, at, None)
    step.cascade = Cascade.of(job.payload)
    ref = job.payload["ref"]
    if all(one.ref != ref for one in step.machine.timers()):
        return
    step.machine.fire(ref, at)
    step.forget_timer(ref)
    step.go_on()
    step.record("timer", {"element": job.payload["element"]})


def _route_message(system: System, transaction: Transaction, job: Job, at: datetime) -> None:
    messages.route(system, transaction, job.payload, at)


def _deliver_message(system: System, transaction: Transaction, job: Job, at: datetime) -> None:
    row = _instance_row(transaction, job)
    if row is not None:
        messages.deliver(system, transaction, row, job.payload, at)


def _remind(system: System, transaction: Transaction, job: Job, at: datetime) -> None:
    transaction.begin_writing()
    transaction.connection.execute(
        update(tables.task)
        .where(tables.task.c.id == job.payload["task"], tables.task.c.state == "open")
        .values(reminded_at=at)
    )


#: What each kind of job does, in the transaction that also removes it.
HANDLERS: Mapping[str, Callable[[System, Transaction, Job, datetime], None]] = {
    "timer": _fire_timer,
    "message": _route_message,
    "delivery": _deliver_message,
    "reminder": _remind,
}


def _instance_row(transaction: Transaction, job: Job) -> RowMapping | None:
    """Return the job's instance, locked; None when it has ended and the job has no meaning any more."""
    if job.instance_id is None:
        return None
    row = locked_row(transaction.connection, job.instance_id)
    return row if row["state"] == "active" else None


def _fired(system: System, job: Job, at: datetime, ok: bool) -> Fired:
    with system.database.read() as connection:
        row = connection.execute(
            select(
                tables.instance.c.matter_id, tables.instance.c.title, tables.instance.c.deployment_id
            ).where(tables.instance.c.id == (job.instance_id or job.payload.get("sender")))
        ).one_or_none()
        element_id = job.payload.get("element")
        name = Text(str(job.payload.get("message") or ""), str(job.payload.get("message") or ""))
        if row is not None and element_id is not None:
            procedure = system.procedure(connection, row.deployment_id)
            name = procedure.processes[job.payload["process"]].elements[element_id].name
        if (task_id := job.payload.get("task")) is not None:
            # A reminder is of a task.
            task = tables.task
            named = connection.execute(
                select(task.c.name_zh, task.c.name_en).where(task.c.id == task_id)
            ).one()
            name = Text(named.name_zh, named.name_en)
        if row is None:
            return Fired(at, job.kind, None, "", name, ok)
        return Fired(at, job.kind, row.matter_id, row.title, name, ok)
