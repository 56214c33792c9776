"""Messages between instances: of several, early or late, none is lost, and each is taken once."""

from datetime import timedelta
from pathlib import Path

from sqlalchemy import update

from service import instances, jobs, messages, tasks
from service.store import procedure as tables
from service.system import System
from tests.service.drawn import lane, open_rows, publish, rows, settle, town
from tests.unit.engine_drawing import (
    boundary,
    end,
    exclusive,
    flow,
    flows,
    message,
    node,
    received,
    start,
    timer,
    user,
)

WAIT = node("intermediateCatchEvent", "m", received("instance_id", n="n") + message("news"))
#: Waits for news, has a person see to them, and waits again until the ninth.
ROUND = (
    lane("s", "z", "a", "e"),
    start(),
    user("z"),
    WAIT,
    user("a"),
    exclusive("x", "d"),
    end(),
    flows("s", "z", "m", "a", "x"),
    flow("x", "e", "n == 9"),
    flow("x", "m", key="d"),
)


def news(system: System, instance_id: str, n: int) -> str:
    return messages.send(system, "news", key=instance_id, payload={"n": n})


def test_of_two_messages_that_come_at_once_none_is_lost(system: System, tmp_path: Path) -> None:
    bureau, (person,) = town(system, "anna")
    publish(system, tmp_path, *ROUND)
    instance_id = instances.start(system, person, "p", organisation_id=bureau).instance_id
    tasks.complete(system, person, open_rows(system, instance_id)["z"])
    # Both find the wait before either is given to it.
    news(system, instance_id, 1)
    news(system, instance_id, 9)
    settle(system)
    tasks.complete(system, person, open_rows(system, instance_id)["a"])
    settle(system)
    tasks.complete(system, person, open_rows(system, instance_id)["a"])
    assert rows(system, tables.instance)[0]["state"] == "completed"


def test_messages_that_came_early_are_taken_one_after_another(system: System, tmp_path: Path) -> None:
    bureau, (person,) = town(system, "anna")
    publish(system, tmp_path, *ROUND)
    instance_id = instances.start(system, person, "p", organisation_id=bureau).instance_id
    for n in (1, 2, 9):
        news(system, instance_id, n)
        settle(system)
    tasks.complete(system, person, open_rows(system, instance_id)["z"])
    for left in (2, 1, 0):
        settle(system)
        assert len(rows(system, tables.early_message)) == left
        tasks.complete(system, person, open_rows(system, instance_id)["a"])
    assert rows(system, tables.instance)[0]["state"] == "completed"


def test_a_message_that_found_a_wait_just_over_is_there_when_it_is_waited_for_again(
    system: System, tmp_path: Path
) -> None:
    bureau, (person,) = town(system, "anna")
    publish(
        system,
        tmp_path,
        lane("s", "a", "e"),
        start(),
        node("eventBasedGateway", "g"),
        WAIT,
        node("intermediateCatchEvent", "t", timer("P1D")),
        user("a"),
        end(),
        flows("s", "g", "m", "e"),
        flows("g", "t", "a", "g"),
    )
    instance_id = instances.start(system, person, "p", organisation_id=bureau).instance_id
    with system.database.write() as connection:
        then = system.now(connection)
        system.set_clock(connection, then + timedelta(days=2))
    job_id = news(system, instance_id, 1)
    with system.database.write() as connection:
        # The message is routed to the wait, but the timer fires before it is delivered there.
        connection.execute(update(tables.job).where(tables.job.c.id == job_id).values(due_at=then))
    assert jobs.run_due(system, limit=1) == 1
    settle(system)
    tasks.complete(system, person, open_rows(system, instance_id)["a"])
    settle(system)
    assert rows(system, tables.instance)[0]["state"] == "completed"
    assert rows(system, tables.early_message) == []


def test_a_message_somebody_got_is_not_kept_for_who_was_too_late(system: System, tmp_path: Path) -> None:
    bureau, (person,) = town(system, "anna")
    publish(
        system,
        tmp_path,
        lane("s", "a", "b", "e", "e2"),
        start(),
        user("a"),
        boundary("m", "a", received("organisation_id") + message("news")),
        user("b"),
        end(),
        end("e2"),
        flows("s", "a", "b", "e"),
        flow("m", "e2"),
    )
    first, second = (
        instances.start(system, person, "p", organisation_id=bureau).instance_id for _ in range(2)
    )
    messages.send(system, "news", key=bureau)
    assert jobs.run_due(system, limit=1) == 1
    tasks.complete(system, person, open_rows(system, second)["a"])
    settle(system)
    states = {one["id"]: one["state"] for one in rows(system, tables.instance)}
    assert states == {first: "completed", second: "active"}
    assert rows(system, tables.early_message) == []
