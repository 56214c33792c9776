"""Every construct a diagram may use, run to its end with a reload after each step."""

from datetime import timedelta

import pytest

from service.engine.runtime import EngineIncident, Machine
from service.errors import Conflict
from tests.unit.engine_drawing import (
    FUNCTIONS,
    NOON,
    Run,
    boundary,
    drawing,
    end,
    exclusive,
    extensions,
    flow,
    flows,
    message,
    node,
    parallel,
    procedure,
    received,
    script,
    start,
    thrown,
    timer,
    user,
    users,
)


def run(*parts: str, **variables: object) -> Run:
    return Run(procedure(drawing("p", *parts)), **variables)


def test_sequence_and_trace() -> None:
    it = run(start(), users("a", "b"), end(), flows("s", "a", "b", "e"), x=1)
    assert it.open == ["a"]
    it.do("a", x=2)
    assert it.open == ["b"]
    assert it.task("b").variables == {"x": 2}
    it.do("b")
    assert it.completed
    assert it.machine.variables == {"x": 2}
    assert it.events() == [
        "s entered",
        "s completed",
        "a entered",
        "a completed",
        "b entered",
        "b completed",
        "e entered",
        "e completed",
    ]
    assert {(one.element_id, one.element_type) for one in it.trace} == {
        ("s", "startEvent"),
        ("a", "userTask"),
        ("b", "userTask"),
        ("e", "endEvent"),
    }


def test_elements_called_like_spiffs_own_nodes_run() -> None:
    it = run(start("Start"), users("End"), end("Root"), flows("Start", "End", "Root"))
    assert it.open == ["End"]
    assert it.do("End").completed


def test_exclusive_gateway_takes_the_first_true_flow_in_drawn_order() -> None:
    parts = (
        start(),
        exclusive("g", "d"),
        users("a", "b", "c"),
        end(),
        flow("s", "g"),
        flow("g", "c", key="d"),
        flow("g", "a", "n > 1"),
        flow("g", "b", "n > 0"),
        flow("a", "e"),
        flow("b", "e"),
        flow("c", "e"),
    )
    assert run(*parts, n=2).open == ["a"]
    assert run(*parts, n=1).open == ["b"]
    assert run(*parts, n=0).open == ["c"]


def test_gateway_without_a_way_names_itself_and_what_it_read() -> None:
    with pytest.raises(EngineIncident) as caught:
        run(
            start(),
            exclusive("g"),
            users("a", "b"),
            end(),
            flow("s", "g"),
            flow("g", "a", "n == 1"),
            flow("g", "b", "n == 2"),
            flow("a", "e"),
            flow("b", "e"),
            n=3,
        )
    assert caught.value.element == "g"
    assert "n=3" in caught.value.text.zh
    assert "n=3" in caught.value.text.en


def test_failing_expression_names_its_element() -> None:
    with pytest.raises(EngineIncident) as caught:
        run(start(), script("calc", "x = missing + 1"), end(), flows("s", "calc", "e"))
    assert caught.value.element == "calc"
    assert "missing" in caught.value.text.en


def test_parallel_branches_meet() -> None:
    it = run(
        start(),
        parallel("g", "j"),
        users("a", "b", "z"),
        end(),
        flows("s", "g", "a", "j", "z", "e"),
        flows("g", "b", "j"),
    )
    assert it.open == ["a", "b"]
    it.do("b", y=2)
    assert it.open == ["a"]
    it.do("a", x=1)
    assert it.open == ["z"]
    assert it.task("z").variables == {"x": 1, "y": 2}
    assert it.do("z").completed


def test_join_keeps_what_a_branch_set_against_what_another_only_carried() -> None:
    it = run(
        start(),
        parallel("g", "j"),
        users("a", "b", "z"),
        end(),
        flows("s", "g", "a", "j", "z", "e"),
        flows("g", "b", "j"),
        n=1,
        votes=[1, 1, 2],
    )
    it.do("a", n=2, votes=[5, 1, 5])
    it.do("b", other=True)
    assert it.task("z").variables == {"n": 2, "votes": [5, 1, 5], "other": True}


def test_join_of_changes_takes_the_later_arrival() -> None:
    it = run(
        start(),
        parallel("g", "j"),
        users("a", "b", "z"),
        end(),
        flows("s", "g", "a", "j", "z", "e"),
        flows("g", "b", "j"),
        n=1,
    )
    it.do("b", n=3)
    it.do("a", n=2)
    assert it.task("z").variables == {"n": 2}


def test_branches_do_not_see_each_other_before_they_meet() -> None:
    it = run(
        start(),
        parallel("g", "j"),
        users("a", "b", "c", "z"),
        end(),
        flows("s", "g", "a", "c", "j", "z", "e"),
        flows("g", "b", "j"),
        who="x",
    )
    it.do("a", who="y")
    assert it.task("c").variables == {"who": "y"}
    assert it.task("b").variables == {"who": "x"}


def test_three_branches_with_a_split_within_one() -> None:
    it = run(
        start(),
        parallel("g", "h", "i", "j"),
        users("a", "b", "c", "d", "z"),
        end(),
        flows("s", "g", "a", "j", "z", "e"),
        flows("g", "h", "b", "i", "j"),
        flows("h", "c", "i"),
        flows("g", "d", "j"),
    )
    assert it.open == ["a", "b", "c", "d"]
    it.do("c", "a", "d")
    assert it.open == ["b"]
    assert it.do("b").open == ["z"]
    assert it.do("z").completed


def test_branch_that_ends_at_an_end_event_hands_on_what_it_set() -> None:
    it = run(
        start(),
        parallel("g"),
        users("a", "b"),
        end("e1"),
        end("e2"),
        flows("s", "g", "a", "e1"),
        flows("g", "b", "e2"),
        n=1,
    )
    it.do("a", n=2)
    assert it.task("b").variables == {"n": 2}
    it.do("b")
    assert it.completed
    assert it.machine.variables == {"n": 2}


INNER = (start("s2"), user("y"), end("e2"), flows("s2", "y", "e2"))


@pytest.mark.parametrize(
    ("activity", "called"),
    [
        (node("subProcess", "act", "".join(INNER)), {}),
        (node("callActivity", "act", calledElement="c"), drawing("c", *INNER)),
        (
            node(
                "subProcess",
                "act",
                start("s3")
                + node("callActivity", "in", calledElement="c")
                + end("e3")
                + flows("s3", "in", "e3"),
            ),
            drawing("c", *INNER),
        ),
    ],
    ids=["subprocess", "call", "call in a subprocess"],
)
def test_what_an_activity_set_after_it_received_the_same_counts_at_the_join(
    activity: str, called: dict[str, bytes]
) -> None:
    drawn = drawing(
        "p",
        start(),
        parallel("g", "j"),
        users("x", "z", "w"),
        activity,
        end(),
        end("e1"),
        flows("s", "g", "x", "e1"),
        flows("g", "act", "j", "w", "e"),
        flows("g", "z", "j"),
    )
    it = Run(procedure(drawn, called), v=0)
    it.do("x", v=1).do("z")
    assert it.task("y").variables == {"v": 1}
    assert it.do("y", v=2).task("w").variables == {"v": 2}


def test_what_an_activity_only_received_does_not_undo_a_change_at_the_join() -> None:
    it = run(
        start(),
        parallel("g", "j"),
        users("x", "z", "w"),
        node("subProcess", "act", "".join(INNER)),
        end(),
        end("e1"),
        flows("s", "g", "x", "e1"),
        flows("g", "z", "j", "w", "e"),
        flows("g", "act", "j"),
        v=0,
    )
    it.do("z", v=2).do("x", v=1)
    assert it.do("y", other=True).task("w").variables == {"v": 2, "other": True}


def test_what_an_activity_set_before_its_border_event_counts_at_the_join() -> None:
    inside = start("s2") + users("y", "y2") + end("e2") + flows("s2", "y", "y2", "e2")
    it = run(
        start(),
        parallel("g", "j"),
        users("x", "z", "w"),
        node("subProcess", "act", inside),
        boundary("b", "act", timer("P1D")),
        exclusive("m"),
        end(),
        end("e1"),
        flows("s", "g", "x", "e1"),
        flows("g", "act", "m", "j", "w", "e"),
        flow("b", "m"),
        flows("g", "z", "j"),
        v=0,
    )
    it.do("x", v=1).do("z").do("y", v=2).fire("b")
    assert it.task("w").variables == {"v": 2}


def test_what_a_forgotten_branch_of_an_activity_set_counts_at_the_join() -> None:
    beside = (
        boundary("b", "y", received("'k'", v="v") + message("news"), interrupting=False)
        + end("e3")
        + flow("b", "e3")
    )
    it = run(
        start(),
        parallel("g", "j"),
        users("x", "z", "w"),
        node("subProcess", "act", "".join(INNER) + beside),
        end(),
        end("e1"),
        flows("s", "g", "x", "e1"),
        flows("g", "act", "j", "w", "e"),
        flows("g", "z", "j"),
        v=0,
    )
    it.do("x", v=1).do("z").deliver("b", v=2)
    assert it.do("y").task("w").variables == {"v": 2}


def test_join_that_can_never_fire_is_an_incident_and_not_silence() -> None:
    it = run(
        start(),
        parallel("g", "j"),
        users("a", "b"),
        exclusive("x", "d"),
        end(),
        end("e2"),
        flows("s", "g", "a", "j", "e"),
        flows("g", "b", "x"),
        flow("x", "j", key="d"),
        flow("x", "e2", "stop"),
    )
    it.do("a")
    with pytest.raises(EngineIncident) as caught:
        it.do("b", stop=True)
    assert caught.value.element == "j"


def test_join_that_can_never_fire_is_noticed_without_a_gateway_before_it() -> None:
    it = run(
        start(),
        parallel("g", "j"),
        users("a", "b"),
        end(),
        end("e2"),
        flows("s", "g", "a", "j", "e"),
        flows("g", "b", "e2"),
        exclusive("never"),
        flow("never", "j"),
    )
    it.do("b")
    with pytest.raises(EngineIncident) as caught:
        it.do("a")
    assert caught.value.element == "j"


def test_drawn_loop() -> None:
    it = run(
        start(),
        users("a", "b"),
        exclusive("x", "d"),
        end(),
        flows("s", "a", "b", "x"),
        flow("x", "e", key="d"),
        flow("x", "a", "again"),
    )
    for number in range(5):
        it.do("a", round=number).do("b", again=True)
    assert it.open == ["a"]
    assert it.task("a").variables["round"] == 4
    assert it.do("a").do("b", again=False).completed


def test_parallel_section_within_a_loop() -> None:
    it = run(
        start(),
        parallel("g", "j"),
        users("a", "b"),
        exclusive("m"),
        exclusive("x", "d"),
        end(),
        flows("s", "m", "g", "a", "j", "x"),
        flows("g", "b", "j"),
        flow("x", "e", key="d"),
        flow("x", "m", "again"),
    )
    for again in (True, True, False):
        assert it.open == ["a", "b"]
        it.do("b").do("a", again=again)
    assert it.completed


def test_circle_without_a_wait_ends_in_an_incident() -> None:
    with pytest.raises(EngineIncident) as caught:
        run(
            start(),
            script("c", "n = n + 1"),
            exclusive("x", "d"),
            end(),
            flows("s", "c", "x"),
            flow("x", "e", "n < 0"),
            flow("x", "c", key="d"),
            n=0,
        )
    assert caught.value.element in {"c", "x"}
    assert "400" in caught.value.text.zh


def test_operation_halts_with_evaluated_arguments_and_sets_its_result() -> None:
    params = extensions('<cl:param name="unit" value="unit_id"/><cl:param name="limit" value="n + 1"/>')
    given = procedure(
        drawing(
            "p",
            start(),
            node("serviceTask", "o", params, cl_operation="quota.take", cl_result="taken"),
            user("a"),
            end(),
            flows("s", "o", "a", "e"),
        )
    )
    machine = Machine.start(given.processes["p"], given, {"unit_id": "u1", "n": 2}, NOON, FUNCTIONS)
    machine.advance(NOON)
    (call,) = machine.operations()
    assert (call.operation, call.arguments, call.element_id) == (
        "quota.take",
        {"unit": "u1", "limit": 3},
        "o",
    )
    assert machine.variables == {"unit_id": "u1", "n": 2}
    machine.finish_operation(call.ref, {"place": 7}, NOON)
    machine.advance(NOON)
    assert machine.operations() == []
    (task,) = machine.user_tasks()
    assert task.variables == {"unit_id": "u1", "n": 2, "taken": {"place": 7}}
    with pytest.raises(Conflict):
        machine.finish_operation(call.ref, None, NOON)


def test_two_operations_in_parallel_run_one_after_the_other() -> None:
    given = procedure(
        drawing(
            "p",
            start(),
            parallel("g", "j"),
            node("serviceTask", "o1", cl_operation="x", cl_result="r1"),
            node("serviceTask", "o2", cl_operation="y", cl_result="r2"),
            user("z"),
            end(),
            flows("s", "g", "o1", "j", "z", "e"),
            flows("g", "o2", "j"),
        )
    )
    it = Run(given)
    it.operate(1)
    it.operate(2)
    assert it.task("z").variables == {"r1": 1, "r2": 2}


def test_arguments_are_evaluated_when_asked_for() -> None:
    params = extensions('<cl:param name="left" value="places()"/>')
    given = procedure(
        drawing(
            "p",
            start(),
            parallel("g"),
            node("serviceTask", "o1", params, cl_operation="x"),
            node("serviceTask", "o2", params, cl_operation="x"),
            end("e1"),
            end("e2"),
            flows("s", "g", "o1", "e1"),
            flows("g", "o2", "e2"),
        )
    )
    left = [2]
    machine = Machine.start(given.processes["p"], given, {}, NOON, {"places": lambda: left[0]})
    machine.advance(NOON)
    first, second = machine.operations()
    assert first.arguments == {"left": 2}
    left[0] = 1
    machine.finish_operation(first.ref, None, NOON)
    assert second.arguments == {"left": 1}


def test_call_activity_shares_variables_both_ways() -> None:
    called = drawing("c", start("s"), users("i", "j"), end("e"), flows("s", "i", "j", "e"))
    it = Run(
        procedure(
            drawing(
                "p",
                start(),
                user("a"),
                node("callActivity", "ca", calledElement="c"),
                user("z"),
                end(),
                flows("s", "a", "ca", "z", "e"),
            ),
            called,
        ),
        n=1,
    )
    it.do("a", n=2)
    assert it.open == ["i"]
    assert it.task("i").process_key == "c"
    assert it.task("i").variables == {"n": 2}
    it.do("i", inside=True).do("j", n=3)
    assert it.task("z").variables == {"n": 3, "inside": True}
    assert it.do("z").completed
    assert ("ca", "entered", "p") in [(one.element_id, one.event, one.process_key) for one in it.trace]
    inner = [f"{one.element_id} {one.event}" for one in it.trace if one.process_key == "c"]
    assert inner == [
        "s entered",
        "s completed",
        "i entered",
        "i completed",
        "j entered",
        "j completed",
        "e entered",
        "e completed",
    ]
    events = it.events()
    assert (
        events.index("ca entered")
        < events.index("i entered")
        < events.index("j completed")
        < events.index("ca completed")
    )


def test_called_process_and_caller_may_use_the_same_ids_even_of_subprocesses() -> None:
    inner = node("subProcess", "sub", start("s2") + user("t") + end("e2") + flows("s2", "t", "e2"))
    called = drawing("c", start(), inner, end(), flows("s", "sub", "e"))
    it = Run(
        procedure(
            drawing(
                "p",
                start(),
                inner,
                node("callActivity", "ca", calledElement="c"),
                end(),
                flows("s", "sub", "ca", "e"),
            ),
            called,
        )
    )
    assert it.task("t").process_key == "p"
    it.do("t")
    assert it.task("t").process_key == "c"
    assert it.do("t").completed


def test_nested_subprocesses() -> None:
    inner = node("subProcess", "in", start("s3") + user("x") + end("e3") + flows("s3", "x", "e3"))
    outer = node(
        "subProcess", "out", start("s2") + inner + user("y") + end("e2") + flows("s2", "in", "y", "e2")
    )
    it = run(start(), outer, user("z"), end(), flows("s", "out", "z", "e"))
    assert it.open == ["x"]
    it.do("x", deep=1)
    assert it.open == ["y"]
    assert it.do("y").task("z").variables == {"deep": 1}
    assert it.do("z").completed


def test_subprocess_waits_for_all_its_branches() -> None:
    sub = node(
        "subProcess",
        "sub",
        start("s2")
        + parallel("g")
        + users("a", "b")
        + end("e1")
        + end("e2")
        + flows("s2", "g", "a", "e1")
        + flows("g", "b", "e2"),
    )
    it = run(start(), sub, user("z"), end(), flows("s", "sub", "z", "e"))
    it.do("a", x=1)
    assert it.open == ["b"]
    assert it.do("b", y=2).task("z").variables == {"x": 1, "y": 2}


def test_terminate_end_cancels_the_rest_of_its_process_only() -> None:
    terminate = end("t", "<bpmn:terminateEventDefinition/>")
    sub = node(
        "subProcess",
        "sub",
        start("s2")
        + parallel("g")
        + users("a", "b")
        + terminate
        + end("e2")
        + flows("s2", "g", "a", "t")
        + flows("g", "b", "e2"),
    )
    it = run(start(), sub, user("z"), end(), flows("s", "sub", "z", "e"))
    it.do("a", x=1)
    assert it.open == ["z"]
    assert it.task("z").variables == {"x": 1}
    assert "b cancelled" in it.events()
    assert it.do("z").completed


def test_interrupting_timer_at_a_task() -> None:
    it = run(
        start(),
        users("a", "late"),
        boundary("b", "a", timer("P3D")),
        end(),
        flows("s", "a", "e"),
        flows("b", "late", "e"),
        x=1,
    )
    assert (it.open, it.timers) == (["a"], ["b"])
    assert it.timer("b").due_at == NOON + timedelta(days=3, hours=12), "24:00 of the third day"
    with pytest.raises(Conflict):
        it.machine.fire(it.timer("b").ref, NOON + timedelta(days=2))
    ref = it.task("a").ref
    it.fire("b")
    assert (it.open, it.timers) == (["late"], [])
    assert it.events()[-4:] == ["b entered", "a cancelled", "b completed", "late entered"]
    with pytest.raises(Conflict):
        it.machine.complete(ref, {}, it.at)
    assert it.do("late").completed


def test_completing_a_task_takes_its_timers_away() -> None:
    it = run(
        start(),
        users("a", "z", "late"),
        boundary("b", "a", timer("P3D")),
        end(),
        flows("s", "a", "z", "e"),
        flows("b", "late", "e"),
    )
    ref = it.timer("b").ref
    it.do("a")
    assert it.timers == []
    with pytest.raises(Conflict):
        it.machine.fire(ref, NOON + timedelta(days=9))


def test_non_interrupting_timer_fires_once_beside_the_task() -> None:
    it = run(
        start(),
        users("a", "nudge"),
        boundary("b", "a", timer("P3D"), interrupting=False),
        end(),
        end("e2"),
        flows("s", "a", "e"),
        flows("b", "nudge", "e2"),
    )
    it.fire("b")
    assert (it.open, it.timers) == (["a", "nudge"], [])
    it.do("a")
    assert it.open == ["nudge"]
    assert not it.completed
    assert it.do("nudge").completed


def test_non_interrupting_message_may_come_again_and_its_changes_reach_the_task() -> None:
    it = run(
        start(),
        user("a"),
        boundary("b", "a", received("unit_id", told="note") + message("news"), interrupting=False),
        script("count", "times = times + 1"),
        end(),
        end("e2"),
        flows("s", "a", "e"),
        flows("b", "count", "e2"),
        unit_id="u1",
        times=0,
    )
    first = it.wait("b").ref
    it.deliver("b", note="one")
    assert it.open == ["a"]
    assert it.wait("b").ref != first
    with pytest.raises(Conflict):
        it.machine.deliver(first, {"note": "again"}, it.at)
    it.deliver("b", note="two")
    assert it.task("a").variables == {"unit_id": "u1", "times": 2, "told": "two"}
    assert it.do("a").completed


def test_two_side_branches_do_not_undo_each_others_changes() -> None:
    it = run(
        start(),
        users("a", "t"),
        boundary("b", "a", received("'k'") + message("news"), interrupting=False),
        end(),
        end("e2"),
        flows("s", "a", "e"),
        flows("b", "t", "e2"),
        x=0,
    )
    it.deliver("b")
    it.deliver("b", y=5)
    older, newer = (one.ref for one in it.machine.user_tasks() if one.element_id == "t")
    it.machine.complete(older, {"x": 1}, it.at)
    it.go_on()
    assert it.task("a").variables["x"] == 1
    it.machine.complete(newer, {}, it.at)
    it.go_on()
    assert it.task("a").variables == {"x": 1, "y": 5}


def test_interrupting_message_at_a_call_activity_brings_out_what_was_set_inside() -> None:
    called = drawing(
        "c",
        start(),
        users("i", "j"),
        boundary("t", "j", timer("P9D")),
        end(),
        flows("s", "i", "j", "e"),
        flow("t", "e"),
    )
    it = Run(
        procedure(
            drawing(
                "p",
                start(),
                node("callActivity", "ca", calledElement="c"),
                boundary("b", "ca", received("unit_id") + message("withdrawn")),
                users("z", "gone"),
                end(),
                flows("s", "ca", "z", "e"),
                flows("b", "gone", "e"),
            ),
            called,
        ),
        unit_id="u1",
    )
    it.do("i", application_id="a1")
    assert (it.open, it.timers, it.waits) == (["j"], ["t"], ["b"])
    it.deliver("b", reason="moved")
    assert (it.open, it.timers, it.waits) == (["gone"], [], [])
    assert it.task("gone").variables == {"unit_id": "u1", "application_id": "a1", "reason": "moved"}
    assert it.events("cancelled") == ["j cancelled", "ca cancelled"]
    assert it.do("gone").completed


def test_non_interrupting_message_at_a_subprocess_reaches_the_task_inside() -> None:
    sub = node("subProcess", "sub", start("s2") + user("a") + end("e2") + flows("s2", "a", "e2"))
    it = run(
        start(),
        sub,
        boundary("b", "sub", received("'k'") + message("news"), interrupting=False),
        user("z"),
        end(),
        end("e3"),
        flows("s", "sub", "z", "e"),
        flow("b", "e3"),
        flag=False,
    )
    it.deliver("b", flag=True)
    assert it.task("a").variables == {"flag": True}
    assert it.do("a").task("z").variables == {"flag": True}


def test_event_gateway_first_event_ends_the_others() -> None:
    parts = (
        start(),
        node("eventBasedGateway", "g"),
        node("intermediateCatchEvent", "m1", received("k") + message("one")),
        node("receiveTask", "m2", received("k"), messageRef="M_two"),
        node("intermediateCatchEvent", "t", timer("P1D")),
        users("a", "b", "c"),
        end(),
        flows("s", "g", "m1", "a", "e"),
        flows("g", "m2", "b", "e"),
        flows("g", "t", "c", "e"),
    )
    it = run(*parts, k=7)
    assert (it.waits, it.timers) == (["m1", "m2"], ["t"])
    assert {one.key for one in it.machine.waits()} == {"7"}
    other = it.wait("m1").ref
    it.deliver("m2", answer="yes")
    assert (it.open, it.waits, it.timers) == (["b"], [], [])
    assert it.task("b").variables == {"k": 7, "answer": "yes"}
    assert sorted(it.events("cancelled")) == ["m1 cancelled", "t cancelled"]
    with pytest.raises(Conflict):
        it.machine.deliver(other, {}, it.at)
    assert it.do("b").completed
    assert run(*parts, k=7).fire("t").open == ["c"]


def test_window_timer_is_reckoned_anew_when_its_message_comes() -> None:
    it = run(
        start(),
        node("eventBasedGateway", "g"),
        exclusive("m"),
        node("intermediateCatchEvent", "t", timer("=ends", "timeDate")),
        node("intermediateCatchEvent", "c", received("'w'", ends="until") + message("window_changed")),
        user("a"),
        end(),
        flows("s", "m", "g", "t", "a", "e"),
        flows("g", "c", "m"),
        ends="2026-04-01",
    )
    assert it.timer("t").due_at.isoformat() == "2026-03-31T16:00:00+00:00"
    it.deliver("c", until="2026-05-01")
    assert it.timer("t").due_at.isoformat() == "2026-04-30T16:00:00+00:00"
    assert it.fire("t").open == ["a"]


def test_message_names_what_it_must_bring() -> None:
    it = run(
        start(),
        node("intermediateCatchEvent", "c", received("'k'", result="result") + message("answer")),
        user("a"),
        end(),
        flows("s", "c", "a", "e"),
    )
    with pytest.raises(EngineIncident) as caught:
        it.machine.deliver(it.wait("c").ref, {"other": 1}, it.at)
    assert caught.value.element == "c"
    it.deliver("c", result="pass", more="ignored")
    assert it.task("a").variables == {"result": "pass"}


def test_wait_without_a_key_is_an_incident() -> None:
    with pytest.raises(EngineIncident) as caught:
        run(
            start(),
            node("intermediateCatchEvent", "c", received("unit_id") + message("answer")),
            end(),
            flows("s", "c", "e"),
            unit_id=None,
        )
    assert caught.value.element == "c"


def test_messages_always_go_outwards_even_when_the_instance_waits_for_them_itself() -> None:
    it = run(
        start(),
        parallel("g"),
        node("intermediateCatchEvent", "c", received("'k'") + message("ping")),
        user("a"),
        node("intermediateThrowEvent", "t", thrown("'k'", n="n + 1") + message("ping")),
        end("e1"),
        end("e2"),
        flows("s", "g", "c", "e1"),
        flows("g", "a", "t", "e2"),
        n=1,
    )
    it.do("a")
    assert [(one.message, one.key, one.payload, one.deployment) for one in it.sent] == [
        ("ping", "k", {"n": 2}, "starter")
    ]
    assert it.waits == ["c"]
    assert it.deliver("c").completed


def test_send_fans_out_over_a_list() -> None:
    it = run(
        start(),
        node(
            "sendTask",
            "t",
            thrown(
                "one.id", each="bodies", item="one", deployment="plan", organisation_id="one.id", year="year"
            ),
            messageRef="M_opened",
        ),
        end("e", thrown(None) + message("done")),
        flows("s", "t", "e"),
        bodies=[{"id": "o1"}, {"id": "o2"}],
        year=2026,
    )
    assert [(one.message, one.key, one.payload, one.deployment) for one in it.sent] == [
        ("opened", "o1", {"organisation_id": "o1", "year": 2026}, "plan"),
        ("opened", "o2", {"organisation_id": "o2", "year": 2026}, "plan"),
        ("done", None, {}, "starter"),
    ]
    assert it.completed
    assert "one" not in it.machine.variables


def test_spread_user_task_is_one_engine_task() -> None:
    many = (
        '<bpmn:multiInstanceLoopCharacteristics cl:each="person"><bpmn:loopDataInputRef>who</bpmn:loopDataInputRef>'
        '<bpmn:inputDataItem name="one"/></bpmn:multiInstanceLoopCharacteristics>'
    )
    it = run(
        start(),
        user("v", many),
        exclusive("x", "d"),
        end(),
        flows("s", "v", "x"),
        flow("x", "e", key="d"),
        flow("x", "v", "again"),
        who=[str(number) for number in range(300)],
    )
    assert len(it.machine.user_tasks()) == 1
    it.do("v", outcome="approve", again=True)
    assert it.open == ["v"]
    assert it.do("v", again=False).completed


def test_decision_sets_its_columns_and_shows_its_inputs_when_no_row_fits() -> None:
    table = (
        b'<definitions xmlns="https://www.omg.org/spec/DMN/20191111/MODEL/" id="D" name="d" namespace="urn:t">'
        b'<decision id="level" name="level"><decisionTable id="t" hitPolicy="UNIQUE"><input id="i" label="days">'
        b'<inputExpression id="x" typeRef="number"><text>days</text></inputExpression></input>'
        b'<output id="o" name="who" typeRef="string"/><rule id="r1"><inputEntry id="a"><text>&lt;= 3</text>'
        b'</inputEntry><outputEntry id="b"><text>"head"</text></outputEntry></rule></decisionTable></decision>'
        b"</definitions>"
    )
    given = procedure(
        drawing(
            "p",
            start(),
            node("businessRuleTask", "d", cl_decision="level"),
            node("businessRuleTask", "d2", cl_decision="level", cl_result="found"),
            user("a"),
            end(),
            flows("s", "d", "d2", "a", "e"),
        ),
        {"decisions/level.dmn": table},
    )
    assert Run(given, days=2).task("a").variables == {"days": 2, "who": "head", "found": {"who": "head"}}
    with pytest.raises(EngineIncident) as caught:
        Run(given, days=9)
    assert caught.value.element == "d"
    assert "9" in caught.value.text.zh


@pytest.mark.parametrize("value", ["字" * 6000, list(range(9000)), {"a": "x" * 17_000}])
def test_too_large_a_variable_is_named(value: object) -> None:
    it = run(start(), users("a", "b"), end(), flows("s", "a", "b", "e"))
    with pytest.raises(EngineIncident) as caught:
        it.machine.complete(it.task("a").ref, {"contents": value}, it.at)
    assert "contents" in caught.value.text.zh
    assert caught.value.element == "a"


@pytest.mark.parametrize("value", [NOON, {1, 2}, {1: "a"}, 2**70, float("nan"), b"x", object()])
def test_value_that_is_no_json_is_named(value: object) -> None:
    it = run(start(), users("a", "b"), end(), flows("s", "a", "b", "e"))
    with pytest.raises(EngineIncident) as caught:
        it.machine.complete(it.task("a").ref, {"when": value}, it.at)
    assert "when" in caught.value.text.en


def test_what_the_caller_gave_stays_his_own() -> None:
    it = run(start(), users("a", "b"), end(), flows("s", "a", "b", "e"))
    given = ["x"]
    it.machine.complete(it.task("a").ref, {"names": given}, it.at)
    given.append("y")
    it.machine.advance(it.at)
    assert it.machine.user_tasks()[0].variables == {"names": ["x"]}


def test_cancel_ends_everything() -> None:
    called = drawing("c", start(), user("i"), end(), flows("s", "i", "e"))
    it = Run(
        procedure(
            drawing(
                "p",
                start(),
                parallel("g"),
                node("callActivity", "ca", calledElement="c"),
                user("a"),
                boundary("b", "a", timer("P1D")),
                end("e1"),
                end("e2"),
                flows("s", "g", "ca", "e1"),
                flows("g", "a", "e2"),
                flow("b", "e2"),
            ),
            called,
        )
    )
    it.machine.cancel(it.at)
    assert it.machine.completed
    assert (it.machine.user_tasks(), it.machine.timers()) == ([], [])
    cancelled = [one.element_id for one in it.machine.drain_trace() if one.event == "cancelled"]
    assert sorted(cancelled) == ["a", "ca", "i"]
    assert Machine.load(it.definition, it.procedure, it.machine.dump(), {}).completed


def test_message_start_begins_at_once_and_functions_can_be_exchanged() -> None:
    given = procedure(
        drawing(
            "p",
            start("s", received_start() + message("go")),
            script("c", "n = setting('grace')"),
            user("a"),
            end(),
            flows("s", "c", "a", "e"),
        )
    )
    machine = Machine.start(given.processes["p"], given, {"unit_id": "u"}, NOON, {})
    machine.functions = {"setting": lambda key: 5}
    machine.advance(NOON)
    assert machine.user_tasks()[0].variables == {"unit_id": "u", "n": 5}


def received_start() -> str:
    return extensions('<cl:variable name="unit_id" from="unit_id"/>')
