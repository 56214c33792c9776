"""What may be brought along with a task that has no form: what the diagram asks for, and nothing it gives itself."""

from pathlib import Path

import pytest

from service import inbox, instances, tasks
from service.errors import Invalid
from service.system import System
from tests.service.drawn import lane, open_rows, publish, town
from tests.town import add_person
from tests.unit.engine_drawing import end, exclusive, flow, flows, script, start, user

DIAGRAM = (
    lane("s", "a", "y", "n", "e"),
    start(),
    script("t", "passed = False"),
    user("a"),
    exclusive("x", "d"),
    user("y"),
    user("n"),
    exclusive("m"),
    end(),
    flows("s", "t", "a", "x"),
    flow("x", "y", "passed or wanted == 'more'"),
    flow("x", "n", key="d"),
    flow("y", "m"),
    flow("n", "m"),
    flow("m", "e"),
)


def test_who_does_a_task_without_a_form_overwrites_nothing_the_diagram_gives(
    system: System, tmp_path: Path
) -> None:
    bureau, (chief,) = town(system, "chief")
    worker = add_person(system, "worker", ("worker", bureau))
    publish(system, tmp_path, *DIAGRAM)
    started = instances.start(system, worker, "p", organisation_id=bureau)
    task_id = open_rows(system, started.instance_id)["a"]

    given = {"passed": True, "organisation_id": "elsewhere", "colour": "red"}
    with pytest.raises(Invalid) as refused:
        tasks.complete(system, worker, task_id, data=given)
    assert set(refused.value.facts["fields"]) == set(given)
    # Whose matter it is, not even a process administrator changes on the way.
    with pytest.raises(Invalid) as refused:
        tasks.complete(system, chief, task_id, data={"passed": True, "organisation_id": "elsewhere"})
    assert set(refused.value.facts["fields"]) == {"organisation_id"}
    assert inbox.get(system, worker, task_id).reads == ("wanted",)
    assert inbox.get(system, chief, task_id).reads == ("passed", "wanted")
    tasks.complete(system, chief, task_id, data={"passed": True})
    assert set(open_rows(system, started.instance_id)) == {"y"}


def test_a_task_without_a_form_brings_what_the_diagram_asks_for(system: System, tmp_path: Path) -> None:
    bureau, _ = town(system)
    worker = add_person(system, "worker", ("worker", bureau))
    publish(system, tmp_path, *DIAGRAM)
    started = instances.start(system, worker, "p", organisation_id=bureau)
    tasks.complete(system, worker, open_rows(system, started.instance_id)["a"], data={"wanted": "more"})
    assert set(open_rows(system, started.instance_id)) == {"y"}
