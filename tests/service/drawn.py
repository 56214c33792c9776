"""Small drawn procedures put in force for a test, and what is then open in them."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from sqlalchemy import Table, select

from service import jobs
from service.identity import duties
from service.identity.people import Person
from service.store import procedure as tables
from service.system import System
from tests.town import add_organisation, add_person, deploy
from tests.unit.engine_drawing import drawing

ROLES = """[roles.worker]
label = "办理人"
label_en = "Worker"
sits = "*"
of = "organisation_id"
sees = "own"
"""
YES_NO = '<cl:outcome id="yes" name="同意" nameEn="Yes"/><cl:outcome id="no" name="不同意" nameEn="No"/>'


def lane(*elements: str) -> str:
    """A lane of the worker's with these elements."""
    inside = "".join(f"<bpmn:flowNodeRef>{one}</bpmn:flowNodeRef>" for one in elements)
    return f'<bpmn:laneSet id="L"><bpmn:lane id="La" name="办理人" cl:role="worker">{inside}</bpmn:lane></bpmn:laneSet>'


def several(collection: str = "voters") -> str:
    """The marker of a step given to each person of a list."""
    return (
        f'<bpmn:multiInstanceLoopCharacteristics cl:each="person"><bpmn:loopDataInputRef>{collection}'
        '</bpmn:loopDataInputRef><bpmn:inputDataItem id="i" name="voter"/></bpmn:multiInstanceLoopCharacteristics>'
    )


def publish(
    system: System,
    folder: Path,
    *parts: str,
    others: Iterable[Mapping[str, bytes]] = (),
    title: str | None = None,
) -> None:
    """Put the process `p` drawn with `parts`, which workers may start, in force; beside it `others`."""
    (file,) = drawing("p", *parts).values()
    text = file.replace(b'isExecutable="true"', b'isExecutable="true" cl:matter="own" cl:starters="worker"')
    if title is not None:
        text = text.replace(b"cl:matter", f'cl:title="={title}" cl:matter'.encode())
    (folder / "p.bpmn").write_bytes(text)
    for drawn in others:
        for path, data in drawn.items():
            (folder / path).write_bytes(data)
    (folder / "roles.toml").write_text(ROLES)
    deploy(system, folder)


def town(system: System, *names: str) -> tuple[str, list[Person]]:
    """A bureau, and workers of it who are process administrators too."""
    with system.database.write() as connection:
        bureau = add_organisation(connection, "bureau")
    people = [
        add_person(system, one, ("worker", bureau), (duties.PROCESS_ADMINISTRATOR, None)) for one in names
    ]
    return bureau, people


def open_rows(system: System, instance_id: str) -> dict[str, str]:
    """Ids of the open tasks by person, or by element where nobody is named."""
    return {
        row["person_id"] or row["element_id"]: row["id"]
        for row in rows(system, tables.task)
        if row["instance_id"] == instance_id and row["state"] == "open"
    }


def rows(system: System, table: Table) -> list[dict[str, Any]]:
    """All rows of a table, oldest first where it has ids."""
    with system.database.read() as connection:
        query = select(table).order_by(*(one for one in (table.c.get("id"),) if one is not None))
        return [dict(row) for row in connection.execute(query).mappings()]


def open_incidents(system: System) -> list[dict[str, Any]]:
    """The incidents nobody has closed."""
    return [row for row in rows(system, tables.incident) if row["closed_at"] is None]


def timers(system: System, instance_id: str) -> list[object]:
    """When the timers of an instance are due."""
    return [
        row["due_at"]
        for row in rows(system, tables.job)
        if row["instance_id"] == instance_id and row["kind"] == "timer"
    ]


def settle(system: System) -> int:
    """Do what is due; returns how many jobs that were. More than anything sound needs is an endless loop."""
    done = jobs.run_due(system, limit=1000)
    assert done < 1000, "it does not come to rest"
    return done
