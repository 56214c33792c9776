"""Whom a task goes to: a person nobody knows, or who is kept out of it, is no owner; the administrators get it."""

from pathlib import Path

import pytest
from sqlalchemy import update

from service import inbox, instances, tasks
from service.errors import Conflict, Forbidden
from service.store import procedure as tables
from service.store.identity import person as person_table
from service.system import System
from tests.service.drawn import YES_NO, lane, open_incidents, open_rows, publish, rows, several, town
from tests.town import add_person
from tests.unit.engine_drawing import end, extensions, flows, script, start, user


def test_a_task_for_a_person_nobody_knows_goes_to_the_administrators(system: System, tmp_path: Path) -> None:
    bureau, (chief,) = town(system, "chief")
    worker = add_person(system, "worker", ("worker", bureau))
    publish(
        system,
        tmp_path,
        lane("s", "v", "e"),
        start(),
        user("v", cl_person="='nobody'"),
        end(),
        flows("s", "v", "e"),
    )
    started = instances.start(system, worker, "p", organisation_id=bureau)

    (incident,) = open_incidents(system)
    assert (incident["element_id"], incident["facts"]["person"]) == ("v", "nobody")
    task_id = open_rows(system, started.instance_id)["v"]
    assert [one.id for one in inbox.open_tasks(system, chief).rows] == [task_id]
    with pytest.raises(Forbidden):
        tasks.complete(system, worker, task_id)
    tasks.complete(system, chief, task_id)


def test_a_task_for_somebody_who_may_not_sign_in_goes_to_the_administrators(
    system: System, tmp_path: Path
) -> None:
    bureau, (chief,) = town(system, "chief")
    worker = add_person(system, "worker", ("worker", bureau))
    publish(
        system,
        tmp_path,
        lane("s", "a", "v", "e"),
        start(),
        user("a"),
        user("v", cl_person="=starter_id"),
        end(),
        flows("s", "a", "v", "e"),
    )
    started = instances.start(system, worker, "p", organisation_id=bureau)
    with system.database.write() as connection:
        connection.execute(
            update(person_table)
            .where(person_table.c.id == worker.id)
            .values(disabled_at=system.now(connection))
        )
    tasks.complete(system, chief, open_rows(system, started.instance_id)["a"])
    assert [one["element_id"] for one in open_incidents(system)] == ["v"]
    tasks.complete(system, chief, open_rows(system, started.instance_id)["v"])


def test_who_did_the_step_before_is_not_given_the_next_by_name(system: System, tmp_path: Path) -> None:
    bureau, (chief,) = town(system, "chief")
    worker = add_person(system, "worker", ("worker", bureau))
    publish(
        system,
        tmp_path,
        lane("s", "a", "v", "e"),
        start(),
        user("a"),
        user("v", cl_person="=starter_id", cl_notBy="a"),
        end(),
        flows("s", "a", "v", "e"),
    )
    started = instances.start(system, worker, "p", organisation_id=bureau)
    tasks.complete(system, worker, open_rows(system, started.instance_id)["a"])

    task_id = open_rows(system, started.instance_id)["v"]
    with pytest.raises(Forbidden, match="回避"):
        tasks.complete(system, worker, task_id)
    assert [one["element_id"] for one in open_incidents(system)] == ["v"]
    tasks.complete(system, chief, task_id)


def test_a_voter_who_is_kept_out_does_not_vote(system: System, tmp_path: Path) -> None:
    bureau, people = town(system, "anna", "bert")
    drafter = add_person(system, "drafter", ("worker", bureau))
    publish(
        system,
        tmp_path,
        lane("s", "n", "a", "v", "e"),
        start(),
        script("n", "voters = voters"),
        user("a"),
        user(
            "v",
            extensions(f'{YES_NO}<cl:vote pass="yes" needed="all" otherwise="no"/>') + several(),
            cl_notBy="a",
        ),
        end(),
        flows("s", "n", "a", "v", "e"),
    )
    voters = [drafter.id, people[0].id]
    started = instances.start(system, people[0], "p", organisation_id=bureau, variables={"voters": voters})
    tasks.complete(system, drafter, open_rows(system, started.instance_id)["a"])

    asked = open_rows(system, started.instance_id)
    assert set(asked) == {"v", people[0].id}
    with pytest.raises(Forbidden, match="回避"):
        tasks.complete(system, drafter, asked["v"], outcome="yes")
    tasks.complete(system, people[0], asked[people[0].id], outcome="yes")
    assert rows(system, tables.instance)[0]["state"] == "active"
    tasks.complete(system, people[1], asked["v"], outcome="yes")
    assert rows(system, tables.instance)[0]["state"] == "completed"
    with pytest.raises(Conflict):
        tasks.complete(system, people[0], asked["v"], outcome="no")
