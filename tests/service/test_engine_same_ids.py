"""A process and one it calls may use the same ids: what is said of an element is said of the right one."""

from datetime import timedelta
from pathlib import Path

import pytest

from service import instances, jobs, messages, tasks, tracing
from service.errors import Invalid
from service.store import procedure as tables
from service.system import System
from tests.service.drawn import lane, open_rows, publish, rows, town
from tests.unit.engine_drawing import (
    boundary,
    drawing,
    end,
    flow,
    flows,
    message,
    node,
    received,
    start,
    timer,
    user,
)


def renamed(drawn: dict[str, bytes], **names: str) -> dict[str, bytes]:
    """A drawing whose elements are called otherwise than their ids."""
    text = next(iter(drawn.values())).decode()
    for key, name in names.items():
        text = text.replace(f'id="{key}" name="{key}"', f'id="{key}" name="{name}"')
    return dict.fromkeys(drawn, text.encode())


def test_a_timer_and_a_wait_are_called_what_the_called_process_calls_them(
    system: System, tmp_path: Path
) -> None:
    bureau, (person,) = town(system, "anna")
    inner = drawing(
        "c",
        lane("s", "a", "e"),
        start(),
        user("a"),
        boundary("t", "a", timer("P1D"), interrupting=False),
        boundary("m", "a", received("instance_id") + message("news"), interrupting=False),
        end(),
        end("e2"),
        end("e3"),
        flows("s", "a", "e"),
        flow("t", "e2"),
        flow("m", "e3"),
    )
    publish(
        system,
        tmp_path,
        lane("s", "t", "m", "e"),
        start(),
        node("callActivity", "ca", calledElement="c"),
        node("intermediateCatchEvent", "t", timer("P1D")),
        node("intermediateCatchEvent", "m", received("instance_id") + message("news")),
        end(),
        flows("s", "ca", "t", "m", "e"),
        others=[renamed(inner, t="里面的定时", m="里面的消息")],
    )
    started = instances.start(system, person, "p", organisation_id=bureau)
    steps = tracing.get(system, person, started.instance_id).open_steps
    assert [(one.kind, one.process_key, one.name.zh, one.optional) for one in steps] == [
        ("user_task", "c", "a", False),
        ("message", "c", "里面的消息", True),
        ("timer", "c", "里面的定时", True),
    ]
    messages.send(system, "news", key=started.instance_id)
    with system.database.read() as connection:
        now = system.now(connection)
    fired = jobs.advance_clock(system, now + timedelta(days=2))
    assert [(one.kind, one.element.zh) for one in fired] == [
        ("message", "news"),
        ("delivery", "里面的消息"),
        ("timer", "里面的定时"),
    ]


def test_a_return_goes_to_the_step_of_the_process_that_was_meant(system: System, tmp_path: Path) -> None:
    bureau, (anna, bert) = town(system, "anna", "bert")
    inner = drawing(
        "c", lane("s", "a", "k", "e"), start(), user("a"), user("k"), end(), flows("s", "a", "k", "e")
    )
    publish(
        system,
        tmp_path,
        lane("s", "a", "ca", "e"),
        start(),
        user("a"),
        node("callActivity", "ca", calledElement="c"),
        end(),
        flows("s", "a", "ca", "e"),
        others=[renamed(inner, a="里面的")],
    )
    instance_id = instances.start(system, anna, "p", organisation_id=bureau).instance_id
    tasks.complete(system, anna, open_rows(system, instance_id)["a"])
    tasks.complete(system, bert, open_rows(system, instance_id)["a"])
    k = open_rows(system, instance_id)["k"]
    found = tasks.return_targets(system, anna, k)
    assert [(one.process_key, one.element_id, one.name.zh, one.done_by) for one in found] == [
        ("c", "a", "里面的", "bert"),
        ("p", "a", "a", "anna"),
    ]
    with pytest.raises(Invalid, match="哪个流程"):
        tasks.return_to(system, anna, k, element_id="a", reason="缺材料")
    tasks.return_to(system, anna, k, element_id="a", process_key="p", reason="缺材料")
    (row,) = [one for one in rows(system, tables.task) if one["state"] == "open"]
    assert (row["process_key"], row["element_id"], row["returned"]) == ("p", "a", True)
    tasks.complete(system, anna, row["id"])
    (row,) = [one for one in rows(system, tables.task) if one["state"] == "open"]
    assert (row["process_key"], row["element_id"], row["returned"]) == ("c", "a", False)
