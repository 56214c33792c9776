"""A small city for tests of the procedure: bodies of every channel, people with their roles, a clock to move."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import or_, select

from service import deployments, inbox, installations, instances, jobs, tasks
from service.clock import CITY_ZONE, city_day
from service.config import Settings
from service.identity import directory, people
from service.identity.people import Person
from service.inbox import TaskRow, TaskView
from service.instances import Started
from service.store import procedure as tables
from service.store.database import Database
from service.store.identity import organisation
from service.system import System

ROOT = Path(__file__).resolve().parents[2]
#: The morning before the plan year begins.
MORNING = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
SINCE = date(2019, 3, 1)

#: code: (kind, area, name)
BODIES: Mapping[str, tuple[str, str | None, str]] = {
    "office": ("municipal_office", None, "市创绿办"),
    "committee": ("municipal_committee", None, "市创绿组委会"),
    "qindu": ("county_office", "610402", "秦都区创绿办"),
    "qindu-government": ("county_government", "610402", "秦都区人民政府"),
    "sanyuan": ("county_office", "610422", "三原县创绿办"),
    "yangling": ("county_office", "610403", "杨陵区创绿办"),
    "education": ("municipal_department", None, "市教育局"),
    "garrison": ("military_subdistrict", None, "军分区"),
}
#: person: ((role, body), …)
PEOPLE: Mapping[str, tuple[tuple[str, str], ...]] = {
    "clerk": (("municipal_office", "office"),),
    "clerk-2": (("municipal_office", "office"),),
    "head": (("office_head", "office"),),
    "chair": (("committee_chair", "committee"), ("committee_member", "committee")),
    "member-1": (("committee_member", "committee"),),
    "member-2": (("committee_member", "committee"),),
    "qindu": (("county_office", "qindu"), ("recommender", "qindu")),
    "sanyuan": (("county_office", "sanyuan"), ("recommender", "sanyuan")),
    "education": (("recommender", "education"),),
    "garrison": (("recommender", "garrison"),),
}

Data = Mapping[str, Any] | Callable[[TaskView], Mapping[str, Any]]


@dataclass
class City:
    """An installation with bodies and people; `at` is reckoned in the city's own time."""

    system: System
    bodies: dict[str, str] = field(default_factory=dict)
    units: dict[str, str] = field(default_factory=dict)
    people: dict[str, Person] = field(default_factory=dict)

    def move_to(self, local: str) -> None:
        """Move the clock to `2026-03-31 23:59`, city time; all that is due on the way happens."""
        jobs.advance_clock(self.system, datetime.fromisoformat(local).replace(tzinfo=CITY_ZONE))

    def settle(self) -> None:
        """Let messages arrive."""
        jobs.run_due(self.system)

    def now(self) -> datetime:
        """The clock's instant."""
        with self.system.database.read() as connection:
            return self.system.now(connection)

    def start(self, who: str, process: str, **data: Any) -> Started:
        """Start a process by hand with its start form, for the person's first body."""
        person = self.people[who]
        seat = person.memberships[0].organisation_id
        started = instances.start(self.system, person, process, data=data, organisation_id=seat)
        self.settle()
        return started

    def waiting(self, who: str, step: str | None = None) -> list[TaskRow]:
        """Return what waits for a person, of one step if asked for."""
        return list(inbox.open_tasks(self.system, self.people[who], step=step, limit=100).rows)

    def task(self, who: str, step: str) -> TaskView:
        """Return the one task of a step that waits for a person, as its page shows it."""
        found = self.waiting(who, step)
        assert len(found) == 1, (who, step, [one.element_id for one in self.waiting(who)])
        return inbox.get(self.system, self.people[who], found[0].id)

    def do(
        self, who: str, step: str, outcome: str, data: Data | None = None, opinion: str | None = None
    ) -> None:
        """Complete the one task of a step that waits for a person; `data` may be made of what its page shows."""
        view = self.task(who, step)
        given = data(view) if callable(data) else dict(data or {})
        tasks.complete(
            self.system, self.people[who], view.row.id, outcome=outcome, data=given, opinion=opinion
        )
        self.settle()

    def open_processes(self, process: str) -> int:
        """Return how many instances of a process run."""
        table = tables.instance
        with self.system.database.read() as connection:
            rows = connection.execute(
                select(table.c.id).where(table.c.process_key == process, table.c.state == "active")
            )
            return len(rows.all())

    def ended_at(self, process: str) -> list[str]:
        """Return at which end events the finished instances of a process arrived, oldest first."""
        history, instance = tables.history, tables.instance
        with self.system.database.read() as connection:
            rows = connection.execute(
                select(history.c.trace)
                .join(instance, instance.c.id == history.c.instance_id)
                .where(instance.c.process_key == process, instance.c.state == "completed")
                .order_by(instance.c.ended_at, history.c.seq)
            )
            return [
                element
                for (trace,) in rows
                for element, kind, event, _ in trace
                if kind == "endEvent" and event == "completed"
            ]

    def troubles(self) -> list[str]:
        """Return what went wrong in any instance or job, in words.

        What belongs to none is a notice: that a year has no official list of holidays yet.
        """
        wrong = or_(tables.incident.c.instance_id.is_not(None), tables.incident.c.job_id.is_not(None))
        with self.system.database.read() as connection:
            return list(connection.scalars(select(tables.incident.c.text_zh).where(wrong)))


def rows_of(view: TaskView, key: str, **cells: Any) -> list[dict[str, Any]]:
    """Return rows for a list whose rows a source gives; a cell may be made of the row it stands in."""
    assert view.form is not None
    source = view.form.rows[key].source
    assert source is not None
    return [
        {"row": row.id} | {name: value(row) if callable(value) else value for name, value in cells.items()}
        for row in view.filling.sources.rows(source.name, source.parameter)
    ]


def build(settings: Settings) -> None:
    """Make the database of a city in which nothing has been deployed."""
    installations.migrate(settings, movable_clock=True, starts_at=MORNING)
    database = Database(settings.database_url)
    with database.write() as connection:
        ids = {
            code: directory.insert_organisation(
                connection, code=code, name=name, kind=kind, area_code=area, valid_from=SINCE
            )
            for code, (kind, area, name) in BODIES.items()
        }
        for code, area, profile in (
            ("school", "610402", {"unit_kind": "school", "municipal_department_id": ids["education"]}),
            ("village", "610402", {"unit_kind": "village"}),
            ("plant", "610402", {"unit_kind": "enterprise"}),
            ("hotel", "610422", {"unit_kind": "hotel"}),
            ("barracks", "610402", {"unit_kind": "barracks", "military": True}),
        ):
            parent = ids["garrison"] if code == "barracks" else None
            unit = directory.insert_organisation(
                connection,
                code=f"unit-{code}",
                name=f"演示{code}",
                kind="unit",
                area_code=area,
                parent_id=parent,
                valid_from=SINCE,
            )
            directory.insert_profile(connection, unit, profile, at=MORNING)
        for login, seats in PEOPLE.items():
            person = people.insert_person(connection, login, login, at=MORNING)
            for role, body in seats:
                people.insert_membership(connection, person, role, ids[body], at=MORNING, valid_from=SINCE)
    database.dispose()


def open_city(settings: Settings, files: Mapping[str, bytes]) -> City:
    """Open a city's database with `files` deployed."""
    system = System(settings, Database(settings.database_url))
    deployments.publish(system, files, note="test", by=None)
    city = City(system)
    with system.database.read() as connection:
        day = city_day(system.now(connection))
        for row in connection.execute(select(organisation)):
            (city.units if row.kind == "unit" else city.bodies)[row.code.removeprefix("unit-")] = row.id
        for login in PEOPLE:
            city.people[login] = people.load_by_login(connection, login, day)
    return city


def files_of(*processes: str) -> dict[str, bytes]:
    """Return the shipped procedure's files, with only these processes of it when some are named."""
    folder = ROOT / "workflows"
    found = deployments.read_folder(folder)
    if not processes:
        return dict(found)
    return {
        path: data
        for path, data in found.items()
        if not path.endswith(".bpmn") or path.removesuffix(".bpmn") in processes
    }
