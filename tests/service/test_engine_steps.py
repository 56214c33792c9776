"""The engine under the verbs people use: votes, returns with timers, an incident that leaves nothing behind."""

from pathlib import Path

import pytest
from sqlalchemy import select

from service import instances, tasks
from service.errors import Conflict
from service.store import procedure as tables
from service.system import System
from tests.service.drawn import YES_NO, lane, open_rows, publish, rows, several, timers, town
from tests.unit.engine_drawing import (
    boundary,
    end,
    exclusive,
    extensions,
    flow,
    flows,
    script,
    start,
    timer,
    user,
)


def test_a_votes_rule_may_be_an_expression_over_the_steps_variables(system: System, tmp_path: Path) -> None:
    bureau, people = town(system, "anna", "bert", "cora", "dora")
    publish(
        system,
        tmp_path,
        lane("s", "n", "v", "z", "x", "e", "e2"),
        start(),
        script("n", "quorum = len(voters) - 2"),
        user(
            "v",
            extensions(f'{YES_NO}<cl:vote pass="yes" needed="=quorum" otherwise="no"/>') + several(),
        ),
        exclusive("x", "d"),
        user("z"),
        end(),
        end("e2"),
        flows("s", "n", "v", "x"),
        flow("x", "z", "outcome == 'yes' and votes.yes == quorum"),
        flow("x", "e2", key="d"),
        flow("z", "e"),
    )
    started = instances.start(
        system, people[0], "p", organisation_id=bureau, variables={"voters": [one.id for one in people]}
    )
    rows = open_rows(system, started.instance_id)
    assert len(rows) == 4
    tasks.complete(system, people[1], rows[people[1].id], outcome="no")
    tasks.complete(system, people[2], rows[people[2].id], outcome="yes")
    assert set(open_rows(system, started.instance_id)) == {people[0].id, people[3].id}
    tasks.complete(system, people[3], rows[people[3].id], outcome="yes")
    assert set(open_rows(system, started.instance_id)) == {"z"}
    with pytest.raises(Conflict):
        tasks.complete(system, people[0], rows[people[0].id], outcome="no")


def test_a_return_moves_tasks_and_timers_with_it(system: System, tmp_path: Path) -> None:
    bureau, (person,) = town(system, "anna")
    publish(
        system,
        tmp_path,
        lane("s", "a", "b", "t", "e", "e2"),
        start(),
        user("a"),
        boundary("t", "a", timer("P3D")),
        user("b"),
        end(),
        end("e2"),
        flows("s", "a", "b", "e"),
        flow("t", "e2"),
    )
    started = instances.start(system, person, "p", organisation_id=bureau)
    (first,) = timers(system, started.instance_id)
    tasks.complete(system, person, open_rows(system, started.instance_id)["a"])
    assert timers(system, started.instance_id) == []
    b = open_rows(system, started.instance_id)["b"]
    (target,) = tasks.return_targets(system, person, b)
    assert (target.element_id, target.refusal, target.cancels) == ("a", None, ())
    tasks.return_to(system, person, b, element_id="a", reason="缺材料")
    assert set(open_rows(system, started.instance_id)) == {"a"}
    (again,) = timers(system, started.instance_id)
    assert again >= first
    tasks.complete(system, person, open_rows(system, started.instance_id)["a"])
    tasks.complete(system, person, open_rows(system, started.instance_id)["b"])
    assert open_rows(system, started.instance_id) == {}


def test_what_the_engine_cannot_do_leaves_the_task_open_and_an_incident(
    system: System, tmp_path: Path
) -> None:
    bureau, (person,) = town(system, "anna")
    publish(
        system,
        tmp_path,
        lane("s", "a", "c", "e"),
        start(),
        user("a"),
        script("c", "n = 1 / (1 - 1)"),
        end(),
        flows("s", "a", "c", "e"),
    )
    started = instances.start(system, person, "p", organisation_id=bureau)
    task_id = open_rows(system, started.instance_id)["a"]
    with pytest.raises(Conflict, match="没有生效"):
        tasks.complete(system, person, task_id)
    assert open_rows(system, started.instance_id) == {"a": task_id}
    with system.database.read() as connection:
        found = connection.execute(
            select(tables.incident.c.element_id).where(tables.incident.c.instance_id == started.instance_id)
        ).scalar_one()
    assert found == "c"


def test_a_return_from_a_vote_takes_it_from_everybody(system: System, tmp_path: Path) -> None:
    bureau, people = town(system, "anna", "bert", "cora")
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
            cl_due="P9D",
            cl_remind="P2D P1D",
        ),
        end(),
        flows("s", "n", "a", "v", "e"),
    )
    started = instances.start(
        system, people[0], "p", organisation_id=bureau, variables={"voters": [one.id for one in people]}
    )
    tasks.complete(system, people[0], open_rows(system, started.instance_id)["a"])
    asked = open_rows(system, started.instance_id)
    assert set(asked) == {one.id for one in people}
    tasks.complete(system, people[1], asked[people[1].id], outcome="yes")
    tasks.return_to(system, people[0], asked[people[0].id], element_id="a", reason="缺材料")

    assert set(open_rows(system, started.instance_id)) == {"a"}
    with pytest.raises(Conflict, match="撤销"):
        tasks.complete(system, people[2], asked[people[2].id], outcome="yes")
    assert [one["kind"] for one in rows(system, tables.job)] == []
    tasks.complete(system, people[0], open_rows(system, started.instance_id)["a"])
    assert set(open_rows(system, started.instance_id)) == {one.id for one in people}
