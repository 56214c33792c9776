"""What stops the machine becomes an incident that says where and why, and is gone when it is passed."""

from pathlib import Path

import pytest

from service import instances, tasks
from service.errors import Conflict
from service.system import System
from tests.service.drawn import YES_NO, lane, open_incidents, open_rows, publish, several, town
from tests.unit.engine_drawing import end, extensions, flows, script, start, user


@pytest.mark.parametrize(
    ("step", "words"),
    [
        (user("v", extensions(YES_NO) + several()), "名单为空"),
        (user("v", cl_due="=5 + 1"), "期限"),
        (user("v", cl_due="P9D", cl_remind="P999Y"), "P999Y"),
        (user("v", cl_person="=voters[0]"), "voters"),
    ],
    ids=["nobody-to-ask", "due", "remind", "person"],
)
def test_what_fails_on_entering_a_task_leaves_the_one_before_open_and_an_incident(
    system: System, tmp_path: Path, step: str, words: str
) -> None:
    bureau, (person,) = town(system, "anna")
    publish(
        system,
        tmp_path,
        lane("s", "a", "v", "e"),
        start(),
        user("a"),
        script("n", "voters = []"),
        step,
        end(),
        flows("s", "a", "n", "v", "e"),
    )
    started = instances.start(system, person, "p", organisation_id=bureau)
    task_id = open_rows(system, started.instance_id)["a"]
    with pytest.raises(Conflict, match="没有生效"):
        tasks.complete(system, person, task_id)
    assert open_rows(system, started.instance_id) == {"a": task_id}
    (incident,) = open_incidents(system)
    assert (incident["instance_id"], incident["element_id"]) == (started.instance_id, "v")
    assert words in incident["text_zh"]


def test_a_votes_rule_that_gives_no_number_is_an_incident(system: System, tmp_path: Path) -> None:
    bureau, people = town(system, "anna", "bert")
    publish(
        system,
        tmp_path,
        lane("s", "n", "v", "e"),
        start(),
        script("n", "voters = voters"),
        user(
            "v",
            extensions(f'{YES_NO}<cl:vote pass="yes" needed="=\'most\'" otherwise="no"/>') + several(),
        ),
        end(),
        flows("s", "n", "v", "e"),
    )
    started = instances.start(
        system, people[0], "p", organisation_id=bureau, variables={"voters": [one.id for one in people]}
    )
    asked = open_rows(system, started.instance_id)
    with pytest.raises(Conflict, match="没有生效"):
        tasks.complete(system, people[0], asked[people[0].id], outcome="yes")
    assert [one["element_id"] for one in open_incidents(system)] == ["v"]
    assert set(open_rows(system, started.instance_id)) == set(asked)
