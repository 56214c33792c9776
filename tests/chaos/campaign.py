"""The crash campaign: processes are killed with SIGKILL, then everything they left is held against what must be.

What must be true afterwards (I1 to I5): every completion that was acknowledged is there exactly once; every task is
done at most once; the history of every instance is unbroken and has one row per step; a started instance that has not
ended has an open task, a wait, a timer or a job; and the campaign can go on to the end of every instance.
"""

import json
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import Connection, event, func, select

from service import history, instances, jobs, tasks
from service.config import Settings
from service.errors import AppError
from service.identity.people import Person
from service.repeats import RequestKey
from service.store import procedure as tables
from service.store.database import Database
from service.system import System
from tests.bench.floor import ANSWER
from tests.town import add_organisation, add_person, deploy

MODEL = Path(__file__).parents[1] / "bench" / "model"
PROCESS = "main"
#: A worker that hangs longer than this after its last sign of life is a failure of its own (seconds).
PATIENCE = 60.0


@dataclass(slots=True)
class Report:
    """What a campaign did and found."""

    kills: int = 0
    completed: int = 0
    acknowledged: int = 0
    redone: int = 0
    broken: list[str] = field(default_factory=list)


def prepare(url: str) -> tuple[System, Person]:
    """Open a migrated database and put the model and one person into it."""
    system = opened(url)
    deploy(system, MODEL)
    with system.database.write() as connection:
        bureau = add_organisation(connection, "CHAOS")
    return system, add_person(system, "chaos", ("worker", bureau))


def opened(url: str) -> System:
    """A system of a process's own."""
    return System(Settings(Path(tempfile.gettempdir()), url, b"c" * 48), Database(url))


def start(system: System, person: Person) -> str:
    """Start an instance; returns its id."""
    return instances.start(system, person, PROCESS, organisation_id=person.organisation_ids[0]).instance_id


def open_tasks(system: System, instance_id: str | None = None) -> list[tuple[str, str]]:
    """Return (instance, task) of what is open."""
    query = select(tables.task.c.instance_id, tables.task.c.id).where(tables.task.c.state == "open")
    if instance_id is not None:
        query = query.where(tables.task.c.instance_id == instance_id)
    with system.database.read() as connection:
        return [(row[0], row[1]) for row in connection.execute(query.order_by(tables.task.c.id))]


def complete(system: System, person: Person, task_id: str) -> None:
    """Complete a task with a key that is the task's own: the same request sent again."""
    tasks.complete(
        system, person, task_id, data=ANSWER, opinion="同意", request_key=RequestKey(f"key-{task_id}")
    )


def in_child(url: str, work: Callable[[System], None]) -> int:
    """Run `work` in a forked process with a database of its own; returns its wait status."""
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            system = opened(url)
            work(system)
            system.database.dispose()
            status = 0
        finally:
            os._exit(status)
    return os.waitpid(pid, 0)[1]


def kill_at_each_statement(url: str) -> Report:
    """Complete one task again and again, killed before statement 1, 2, 3 … until nothing is left to kill at."""
    system, person = prepare(url)
    report = Report()
    system.database.dispose()
    at = 1
    while True:
        system = opened(url)
        instance_id = start(system, person)
        task_id = open_tasks(system, instance_id)[0][1]
        system.database.dispose()

        def work(mine: System, at: int = at, task_id: str = task_id) -> None:
            seen = 0

            def count(*_: object) -> None:
                nonlocal seen
                seen += 1
                if seen == at:
                    os.kill(os.getpid(), signal.SIGKILL)

            # BEGIN, each statement, and COMMIT are all places to die at.
            event.listen(mine.database.engine, "before_cursor_execute", count)
            event.listen(mine.database.engine, "commit", count)
            complete(mine, person, task_id)

        status = in_child(url, work)
        killed = os.WIFSIGNALED(status)
        if not killed and status != 0:
            report.broken.append(f"statement {at}: the completion failed by itself ({status})")
        system = opened(url)
        before = steps_of(system, instance_id)
        still_open = [one for _, one in open_tasks(system, instance_id)]
        whole = (before == 1) == (task_id in still_open) and len(still_open) == 1
        if not whole:
            report.broken.append(f"statement {at}: half a step is there ({before} steps, open {still_open})")
        complete(system, person, task_id)
        if steps_of(system, instance_id) != 2 or len(open_tasks(system, instance_id)) != 1:
            report.broken.append(f"statement {at}: sent again, the step is there twice or not at all")
        report.broken += violations(system)
        system.database.dispose()
        if not killed:
            report.completed = at
            return report
        report.kills += 1
        at += 1


def steps_of(system: System, instance_id: str) -> int:
    """Return the number of history rows of an instance."""
    with system.database.read() as connection:
        query = (
            select(func.count())
            .select_from(tables.history)
            .where(tables.history.c.instance_id == instance_id)
        )
        return int(connection.scalar(query) or 0)


def kill_at_random(url: str, kills: int, seed: int, *, workers: int = 3) -> Report:
    """Let workers start instances and complete tasks; kill one of them every now and then."""
    system, person = prepare(url)
    system.database.dispose()
    chance = random.Random(seed)
    report = Report()
    folder = Path(tempfile.mkdtemp(prefix="clv-chaos-"))
    running: dict[int, float] = {}
    number = 0
    while report.kills < kills:
        while len(running) < workers:
            number += 1
            running[_worker(url, person, folder / f"{number}.log", chance.random())] = time.monotonic()
        time.sleep(chance.uniform(0.02, 0.25))
        victim = chance.choice(list(running))
        os.kill(victim, signal.SIGKILL)
        _, status = os.waitpid(victim, 0)
        if not os.WIFSIGNALED(status):
            report.broken.append(f"a worker ended by itself with status {status}")
        del running[victim]
        report.kills += 1
    for pid in running:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    system = opened(url)
    acknowledged = [line for log in folder.glob("*.log") for line in log.read_text().splitlines()]
    report.acknowledged = len(acknowledged)
    with system.database.read() as connection:
        done = set(connection.scalars(select(tables.task.c.id).where(tables.task.c.state == "done")))
    report.broken += [f"acknowledged but lost: {one}" for one in acknowledged if one not in done]
    if len(set(acknowledged)) != len(acknowledged):
        report.broken.append("a task was acknowledged twice")
    report.broken += violations(system)
    report.redone = finish(system, person)
    report.broken += violations(system)
    with system.database.read() as connection:
        report.completed = int(
            connection.scalar(
                select(func.count())
                .select_from(tables.instance)
                .where(tables.instance.c.state == "completed")
            )
            or 0
        )
        left = connection.scalar(
            select(func.count()).select_from(tables.instance).where(tables.instance.c.state != "completed")
        )
    if left:
        report.broken.append(f"{left} instances did not come to their end")
    system.database.dispose()
    return report


def _worker(url: str, person: Person, log: Path, seed: float) -> int:
    pid = os.fork()
    if pid:
        return pid
    try:
        chance = random.Random(seed)
        system = opened(url)
        descriptor = os.open(log, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
        while True:
            found = open_tasks(system)
            if len(found) < 6:
                start(system, person)
                continue
            task_id = chance.choice(found)[1]
            try:
                # Without a key: a second success of the same task would show as two acknowledgements.
                tasks.complete(system, person, task_id, data=ANSWER, opinion="同意")
            except AppError:
                continue  # another worker was faster
            os.write(descriptor, f"{task_id}\n".encode())
            jobs.run_due(system, limit=5)
    finally:
        os._exit(1)


def finish(system: System, person: Person) -> int:
    """Complete everything that is open; returns how many tasks that took."""
    done = 0
    while found := open_tasks(system):
        for _, task_id in found:
            complete(system, person, task_id)
            done += 1
    return done


def violations(system: System) -> list[str]:
    """Return what is not as it must be."""
    found: list[str] = []
    with system.database.read() as connection:
        for row in connection.execute(select(tables.instance)):
            broken = history.first_break(connection, system.settings.secret, row.id)
            if broken is not None:
                found.append(f"instance {row.id}: history broken at {broken}")
            rows = connection.execute(
                select(tables.history).where(tables.history.c.instance_id == row.id)
            ).all()
            if len(rows) != row.history_seq or len(rows) != row.version:
                found.append(
                    f"instance {row.id}: {len(rows)} steps, head {row.history_seq}, version {row.version}"
                )
            finished = [one.detail.get("task") for one in rows if one.action == "complete"]
            if len(set(finished)) != len(finished):
                found.append(f"instance {row.id}: a task was completed twice")
            done = set(
                connection.scalars(
                    select(tables.task.c.id).where(
                        tables.task.c.instance_id == row.id, tables.task.c.state == "done"
                    )
                )
            )
            if done != set(finished):
                found.append(f"instance {row.id}: done tasks and completed steps differ")
            if row.state == "active" and not _alive(connection, row.id):
                found.append(f"instance {row.id}: active, but nothing is open in it")
    return found


def _alive(connection: Connection, instance_id: str) -> bool:
    return any(
        connection.scalar(select(func.count()).select_from(table).where(*conditions))
        for table, conditions in (
            (tables.task, (tables.task.c.instance_id == instance_id, tables.task.c.state == "open")),
            (tables.subscription, (tables.subscription.c.instance_id == instance_id,)),
            (tables.job, (tables.job.c.instance_id == instance_id,)),
        )
    )


def main(arguments: list[str]) -> int:
    """`python -m tests.chaos [KILLS]`: both campaigns on both databases; prints counts, fails on a violation."""
    from tests.chaos.databases import fresh_databases

    kills = int(arguments[0]) if arguments else 200
    seed = 20260320
    failed = False
    with fresh_databases() as make:
        for kind in ("sqlite", "postgresql"):
            for name, campaign in (
                ("each statement", kill_at_each_statement),
                ("random", lambda url: kill_at_random(url, kills, seed)),
            ):
                begun = time.monotonic()
                report = campaign(make(kind))
                failed = failed or bool(report.broken)
                facts = {
                    "kills": report.kills,
                    "acknowledged": report.acknowledged,
                    "completed": report.completed,
                    "finished_afterwards": report.redone,
                    "violations": len(report.broken),
                    "seconds": round(time.monotonic() - begun, 1),
                }
                print(f"{kind:12}{name:16}seed {seed} {json.dumps(facts)}", flush=True)
                for one in report.broken[:10]:
                    print(f"    {one}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
