"""A drawn circle of timers, messages or starts that never waits comes to rest as an incident."""

from datetime import timedelta
from pathlib import Path

import pytest

from service import instances, jobs, messages, tasks
from service.cascade import MOST_STARTS, MOST_STEPS
from service.store import procedure as tables
from service.system import System
from tests.service.drawn import lane, open_incidents, open_rows, publish, rows, settle, town
from tests.unit.engine_drawing import (
    drawing,
    end,
    exclusive,
    flow,
    flows,
    message,
    node,
    received,
    start,
    thrown,
    timer,
    user,
)

SEND = node("intermediateThrowEvent", "t", thrown("instance_id") + message("m"))


def circle(*parts: str) -> tuple[str, ...]:
    """Elements `t` and perhaps `c` in a circle nothing ends."""
    return (
        lane("s", "e"),
        start(),
        *parts,
        exclusive("x", "d"),
        end(),
        flow("x", "e", "unit_id == 'never'"),
        flow("x", "t", key="d"),
    )


@pytest.mark.parametrize("due", ["PT0S", "2020-01-01", "=today()"])
def test_a_circle_of_timers_that_are_due_at_once_is_stopped(system: System, tmp_path: Path, due: str) -> None:
    bureau, (person,) = town(system, "anna")
    publish(
        system,
        tmp_path,
        *circle(node("intermediateCatchEvent", "t", timer(due)), flows("s", "t", "x")),
    )
    started = instances.start(system, person, "p", organisation_id=bureau)
    assert settle(system) == MOST_STEPS + 1
    (incident,) = open_incidents(system)
    assert (incident["instance_id"], incident["element_id"]) == (started.instance_id, "t")
    assert "循环" in incident["text_zh"]
    with system.database.read() as connection:
        now = system.now(connection)
    jobs.advance_clock(system, now + timedelta(hours=1))
    assert len(open_incidents(system)) == 1


def test_a_circle_that_waits_for_its_time_goes_on(system: System, tmp_path: Path) -> None:
    bureau, (person,) = town(system, "anna")
    publish(
        system,
        tmp_path,
        *circle(node("intermediateCatchEvent", "t", timer("PT1H")), flows("s", "t", "x")),
    )
    instances.start(system, person, "p", organisation_id=bureau)
    with system.database.read() as connection:
        now = system.now(connection)
    fired = jobs.advance_clock(system, now + timedelta(hours=2 * MOST_STEPS, minutes=1))
    assert len(fired) == 2 * MOST_STEPS
    assert open_incidents(system) == []


def test_a_circle_of_messages_to_oneself_is_stopped(system: System, tmp_path: Path) -> None:
    bureau, (person,) = town(system, "anna")
    wait = node("intermediateCatchEvent", "c", received("instance_id") + message("m"))
    publish(system, tmp_path, *circle(SEND, wait, flows("s", "t", "c", "x")))
    instances.start(system, person, "p", organisation_id=bureau)
    settle(system)
    assert len(open_incidents(system)) == 1


def test_messages_with_people_in_between_go_on(system: System, tmp_path: Path) -> None:
    bureau, (person,) = town(system, "anna")
    wait = node("intermediateCatchEvent", "c", received("instance_id") + message("m"))
    publish(
        system, tmp_path, *circle(SEND, wait, user("a", cl_role="worker"), flows("s", "t", "c", "a", "x"))
    )
    started = instances.start(system, person, "p", organisation_id=bureau)
    for _ in range(MOST_STEPS + 2):
        settle(system)
        tasks.complete(system, person, open_rows(system, started.instance_id)["a"])
    assert open_incidents(system) == []


def test_a_process_that_starts_itself_twice_each_time_is_stopped(system: System, tmp_path: Path) -> None:
    bureau, (person,) = town(system, "anna")
    twice = node("intermediateThrowEvent", "t", thrown("instance_id", each="[1, 2]", item="i") + message("m"))
    again = drawing("q", node("startEvent", "s", message("m")), twice, end(), flows("s", "t", "e"))
    publish(system, tmp_path, lane("s", "t", "e"), start(), SEND, end(), flows("s", "t", "e"), others=[again])
    instances.start(system, person, "p", organisation_id=bureau)
    settle(system)
    assert len(rows(system, tables.instance)) == 1 + sum(2**turn for turn in range(MOST_STARTS))
    assert {one["text_zh"][:5] for one in open_incidents(system)} == {"流程 q "}


def test_a_process_is_started_as_often_as_others_ask(system: System, tmp_path: Path) -> None:
    bureau, (person,) = town(system, "anna")
    other = drawing("q", node("startEvent", "s", message("m")), end(), flows("s", "e"))
    publish(system, tmp_path, lane("s", "t", "e"), start(), SEND, end(), flows("s", "t", "e"), others=[other])
    for _ in range(MOST_STARTS + 1):
        instances.start(system, person, "p", organisation_id=bureau)
        messages.send(system, "m")
    settle(system)
    assert open_incidents(system) == []
