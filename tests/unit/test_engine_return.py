"""Return (退回), rule by rule: which targets, what each cancels, what goes on; every step is stored and loaded."""

import itertools

import pytest

from service.engine.runtime import Machine
from service.errors import Conflict
from tests.unit.engine_drawing import (
    Run,
    boundary,
    drawing,
    end,
    exclusive,
    flow,
    flows,
    message,
    node,
    parallel,
    procedure,
    received,
    script,
    start,
    timer,
    user,
    users,
)

SPLIT = (
    start(),
    users("a", "l1", "l2", "r1", "r2", "z"),
    parallel("g", "j"),
    end(),
    flows("s", "a", "g", "l1", "l2", "j", "z", "e"),
    flows("g", "r1", "r2", "j"),
)
CALLED = drawing("c", start(), users("i", "k"), end(), flows("s", "i", "k", "e"))
CALLER = drawing(
    "p",
    start(),
    user("a"),
    node("callActivity", "ca", calledElement="c"),
    users("z"),
    end(),
    flows("s", "a", "ca", "z", "e"),
)


def run(*parts: str, **variables: object) -> Run:
    return Run(procedure(drawing("p", *parts)), **variables)


def finish(it: Run) -> list[str]:
    """Complete whatever is open until the end; return the order."""
    order: list[str] = []
    while not it.completed:
        assert len(order) < 50
        order.append(it.open[0])
        it.do(it.open[0])
    return order


def test_sequence_offers_all_earlier_steps_nearest_first() -> None:
    it = run(start(), users("a", "b", "c"), end(), flows("s", "a", "b", "c", "e"))
    it.do("a", "b")
    assert list(it.targets("c")) == ["b", "a"]
    assert all(one.cancels == () for one in it.targets("c").values())
    it.back("c", "a")
    assert it.open == ["a"]
    assert it.targets("a") == {}
    assert it.events()[-2:] == ["c cancelled", "a entered"]
    assert finish(it) == ["a", "b", "c"]


def test_returned_step_begins_with_the_variables_it_began_with_and_a_new_ref() -> None:
    it = run(start(), users("a", "b"), end(), flows("s", "a", "b", "e"), n=0)
    first = it.task("a").ref
    it.do("a", n=1, more=2).back("b", "a")
    assert it.task("a").variables == {"n": 0}
    assert it.task("a").ref != first
    with pytest.raises(Conflict):
        it.machine.complete(first, {}, it.at)


def test_returning_twice_to_the_same_target_is_refused() -> None:
    it = run(start(), users("a", "b"), end(), flows("s", "a", "b", "e"))
    it.do("a")
    target = it.targets("b")["a"].ref
    it.machine.return_to(target, it.at)
    it.go_on()
    with pytest.raises(Conflict):
        it.machine.return_to(target, it.at)
    with pytest.raises(Conflict):
        it.machine.return_to("99", it.at)


def test_timers_of_the_target_are_set_anew_and_those_behind_it_go() -> None:
    it = run(
        start(),
        users("a", "b"),
        boundary("ta", "a", timer("P3D")),
        boundary("tb", "b", timer("P5D"), interrupting=False),
        end(),
        flows("s", "a", "b", "e"),
        flow("ta", "e"),
        flow("tb", "e"),
    )
    it.do("a")
    assert it.timers == ["tb"]
    later = it.at = it.at.replace(day=9)
    it.back("b", "a")
    assert it.timers == ["ta"]
    assert it.timer("ta").due_at == later.replace(day=12, hour=16), "24:00 of the third day after"
    assert finish(it) == ["a", "b"]


@pytest.mark.parametrize("target", ["l1", "r1", "l2", "r2"])
@pytest.mark.parametrize(
    "order", [("l1", "l2", "r1", "r2"), ("r1", "r2", "l1", "l2"), ("l1", "r1", "r2", "l2")]
)
def test_after_a_join_one_branch_goes_back_and_the_other_waits_at_the_join(
    order: tuple[str, ...], target: str
) -> None:
    it = run(*SPLIT)
    it.do("a", *order, **{})
    assert set(it.targets("z")) == {"a", "l1", "l2", "r1", "r2"}
    it.back("z", target)
    assert it.open == [target]
    rest = {"l1": ["l1", "l2"], "r1": ["r1", "r2"]}.get(target, [target])
    assert finish(it) == [*rest, "z"]


def test_after_a_join_the_other_branches_variables_are_kept() -> None:
    it = run(*SPLIT)
    it.do("a").do("l1", left=1).do("l2").do("r1", right=1).do("r2")
    it.back("z", "l1").do("l1", left=2).do("l2")
    assert it.task("z").variables == {"left": 2, "right": 1}


def test_within_a_branch_the_other_branch_goes_on_and_keeps_its_timer() -> None:
    it = run(*SPLIT[:2], *SPLIT[2:], boundary("t", "r1", timer("P9D")), flow("t", "e"))
    it.do("a", "l1")
    ref, due = it.timer("t").ref, it.timer("t").due_at
    it.at = it.at.replace(day=5)
    targets = it.targets("l2")
    assert targets["l1"].cancels == ()
    it.back("l2", "l1")
    assert it.open == ["l1", "r1"]
    assert (it.timer("t").ref, it.timer("t").due_at) == (ref, due)
    assert finish(it) == ["l1", "l2", "r1", "r2", "z"]


def test_within_a_branch_while_the_other_waits_at_the_join() -> None:
    it = run(*SPLIT)
    it.do("a", "r1", "r2", "l1")
    it.back("l2", "l1")
    assert it.open == ["l1"]
    assert finish(it) == ["l1", "l2", "z"]


def test_before_a_split_cancels_the_other_branch_and_says_so() -> None:
    it = run(*SPLIT)
    it.do("a", "l1")
    assert it.targets("l2")["a"].cancels == (("p", "r1"),)
    it.back("l2", "a")
    assert it.open == ["a"]
    assert it.events("cancelled") == ["r1 cancelled", "l2 cancelled"]
    assert finish(it) == ["a", "l1", "l2", "r1", "r2", "z"]


def test_before_a_split_also_drops_what_waits_at_the_join() -> None:
    it = run(*SPLIT)
    it.do("a", "r1", "r2", "l1").back("l2", "a")
    assert finish(it) == ["a", "l1", "l2", "r1", "r2", "z"]


def test_a_step_of_another_running_branch_is_no_target() -> None:
    it = run(*SPLIT)
    it.do("a", "l1", "r1")
    assert set(it.targets("l2")) == {"a", "l1"}


def test_nested_joins_wait_again_for_one_branch_only() -> None:
    it = run(
        start(),
        users("a", "b", "c", "z"),
        parallel("g", "h", "i", "j"),
        end(),
        flows("s", "g", "h", "a", "i", "j", "z", "e"),
        flows("h", "b", "i"),
        flows("g", "c", "j"),
    )
    for order in itertools.permutations(("a", "b", "c")):
        for target in ("a", "b", "c"):
            copy = Run(it.procedure)
            copy.do(*order).back("z", target)
            assert copy.open == [target], (order, target)
            assert finish(copy) == [target, "z"], (order, target)


def test_from_inside_a_called_process_to_before_it() -> None:
    it = Run(procedure(CALLER, CALLED))
    it.do("a", "i")
    assert list(it.targets("k")) == ["i", "a"]
    it.back("k", "a")
    assert it.open == ["a"]
    assert it.events("cancelled") == ["ca cancelled", "k cancelled"]
    assert finish(it) == ["a", "i", "k", "z"]


def test_inside_a_called_process() -> None:
    it = Run(procedure(CALLER, CALLED))
    it.do("a", "i").back("k", "i")
    assert it.open == ["i"]
    assert finish(it) == ["i", "k", "z"]


@pytest.mark.parametrize(
    ("target", "rest"), [("k", ["k", "z"]), ("i", ["i", "k", "z"]), ("a", ["a", "i", "k", "z"])]
)
def test_back_into_a_called_process_that_has_ended(target: str, rest: list[str]) -> None:
    it = Run(procedure(CALLER, CALLED), n=0)
    it.do("a").do("i", n=1).do("k")
    assert set(it.targets("z")) == {"a", "i", "k"}
    it.back("z", target)
    assert it.open == [target]
    assert finish(it) == rest


def test_reopened_subprocess_has_its_border_events_again() -> None:
    sub = node("subProcess", "sub", start("s2") + users("x", "y") + end("e2") + flows("s2", "x", "y", "e2"))
    it = run(
        start(),
        sub,
        boundary("t", "sub", timer("P9D")),
        users("z", "late"),
        end(),
        flows("s", "sub", "z", "e"),
        flows("t", "late", "e"),
    )
    it.do("x", "y")
    assert it.timers == []
    it.back("z", "x")
    assert (it.open, it.timers) == (["x"], ["t"])
    it.fire("t")
    assert it.open == ["late"]


def test_back_into_one_of_two_branches_of_an_ended_subprocess() -> None:
    inner = parallel("g", "j") + users("x", "y") + flows("s2", "g", "x", "j", "e2") + flows("g", "y", "j")
    sub = node("subProcess", "sub", start("s2") + inner + end("e2"))
    it = run(start(), sub, user("z"), end(), flows("s", "sub", "z", "e"))
    it.do("x").do("y").back("z", "x")
    assert it.open == ["x"]
    assert finish(it) == ["x", "z"]


def test_back_into_a_branch_with_its_own_end_leaves_the_other_ended() -> None:
    inner = parallel("g") + users("x", "y") + flows("s2", "g", "x", "e2") + flows("g", "y", "e3")
    sub = node("subProcess", "sub", start("s2") + inner + end("e2") + end("e3"))
    it = run(start(), sub, user("z"), end(), flows("s", "sub", "z", "e"))
    it.do("y").do("x").back("z", "y")
    assert it.open == ["y"]
    assert finish(it) == ["y", "z"]


def test_subprocess_ended_by_terminate_is_refused_before_anything_is_cancelled() -> None:
    terminate = end("e2", "<bpmn:terminateEventDefinition/>")
    inner = parallel("g") + users("x", "y") + flows("s2", "g", "x", "e2") + flows("g", "y", "e3")
    sub = node("subProcess", "sub", start("s2") + inner + terminate + end("e3"))
    it = run(start(), user("a"), sub, user("z"), end(), flows("s", "a", "sub", "z", "e"))
    it.do("a", "x")
    targets = it.targets("z")
    assert targets["x"].refusal is not None
    assert "终止" in targets["x"].refusal.zh
    assert targets["a"].refusal is None
    assert it.open == ["z"]
    assert finish(it.back("z", "a"))[0] == "a"


def test_after_an_interrupting_event_the_steps_before_it_are_targets() -> None:
    it = run(
        start(),
        users("a", "b", "late"),
        boundary("t", "b", timer("P3D")),
        end(),
        flows("s", "a", "b", "e"),
        flows("t", "late", "e"),
    )
    it.do("a").fire("t")
    assert list(it.targets("late")) == ["a"]
    it.back("late", "a")
    assert finish(it) == ["a", "b"]


def test_from_a_branch_beside_the_main_line_the_main_line_is_refused() -> None:
    it = run(
        start(),
        users("a", "b", "n1", "n2"),
        boundary("t", "b", received("'k'") + message("news"), interrupting=False),
        end(),
        end("e2"),
        flows("s", "a", "b", "e"),
        flows("t", "n1", "n2", "e2"),
    )
    it.do("a").deliver("t").do("n1")
    targets = it.targets("n2")
    assert targets["n1"].refusal is None
    assert targets["a"].refusal is not None
    assert it.open == ["b", "n2"]
    it.back("n2", "n1")
    assert it.open == ["b", "n1"]
    assert it.waits == ["t"]
    assert sorted(finish(it)) == ["b", "n1", "n2"]


def test_returning_the_main_line_says_that_its_side_branch_is_cancelled() -> None:
    it = run(
        start(),
        users("a", "b", "n"),
        boundary("t", "b", received("'k'") + message("news"), interrupting=False),
        end(),
        end("e2"),
        flows("s", "a", "b", "e"),
        flows("t", "n", "e2"),
    )
    it.do("a").deliver("t")
    assert it.targets("b")["a"].cancels == (("p", "n"),)
    it.back("b", "a")
    assert (it.open, it.waits) == (["a"], [])


def test_a_waiting_message_of_another_branch_is_shown_as_cancelled() -> None:
    it = run(
        start(),
        users("a", "b"),
        parallel("g", "j"),
        node("intermediateCatchEvent", "m", received("'k'") + message("answer")),
        end(),
        flows("s", "a", "g", "b", "j", "e"),
        flows("g", "m", "j"),
    )
    it.do("a")
    assert it.targets("b")["a"].cancels == (("p", "m"),)
    it.back("b", "a")
    assert it.waits == []
    it.do("a", "b").deliver("m")
    assert it.completed


def test_step_given_to_several_is_returned_to_as_a_whole() -> None:
    many = (
        '<bpmn:multiInstanceLoopCharacteristics cl:each="person"><bpmn:loopDataInputRef>who</bpmn:loopDataInputRef>'
        '<bpmn:inputDataItem name="one"/></bpmn:multiInstanceLoopCharacteristics>'
    )
    it = run(
        start(), users("a"), user("v", many), user("z"), end(), flows("s", "a", "v", "z", "e"), who=["x", "y"]
    )
    it.do("a")
    first = it.task("v").ref
    it.do("v", outcome="approve", votes={"approve": 2})
    it.back("z", "v")
    assert it.task("v").variables == {"who": ["x", "y"]}
    assert it.task("v").ref != first
    assert finish(it) == ["v", "z"]


def test_automatic_steps_run_again_after_a_return() -> None:
    it = run(start(), users("a", "b"), script("n", "n = n + 1"), end(), flows("s", "a", "n", "b", "e"), n=0)
    it.do("a")
    assert it.task("b").variables == {"n": 1}
    it.back("b", "a").do("a")
    assert it.task("b").variables == {"n": 1}


def test_choice_may_lead_elsewhere_after_a_return() -> None:
    it = run(
        start(),
        users("a", "b", "c"),
        exclusive("x", "d"),
        end(),
        flows("s", "a", "x"),
        flow("x", "b", "k == 1"),
        flow("x", "c", key="d"),
        flow("b", "e"),
        flow("c", "e"),
    )
    it.do("a", k=1).back("b", "a").do("a", k=2)
    assert it.open == ["c"]


def test_only_the_newest_round_of_a_loop_is_offered() -> None:
    it = run(
        start(),
        users("a", "b"),
        exclusive("x", "d"),
        end(),
        flows("s", "a", "b", "x"),
        flow("x", "e", key="d"),
        flow("x", "a", "again"),
    )
    for number in range(4):
        it.do("a", n=number).do("b", again=True)
    it.do("a", n=4)
    targets = it.targets("b")
    assert list(targets) == ["a"]
    it.back("b", "a")
    assert it.task("a").variables == {"n": 3, "again": True}
    it.do("a").do("b", again=False)
    assert it.completed


def test_return_works_within_one_step_before_it_is_stored() -> None:
    given = procedure(drawing("p", *SPLIT))
    it = Run(given)
    it.do("a", "l1", "l2", "r1", "r2")
    machine = Machine.load(given.processes["p"], given, it.blobs[-1], {})
    target = next(
        one for one in machine.return_targets(machine.user_tasks()[0].ref) if one.element_id == "r1"
    )
    machine.return_to(target.ref, it.at)
    machine.advance(it.at)
    assert [one.element_id for one in machine.user_tasks()] == ["r1"]


def test_trace_after_returns_tells_where_the_process_stands() -> None:
    inner = parallel("h", "k") + users("x", "y") + flows("s2", "h", "x", "k", "e2") + flows("h", "y", "k")
    sub = node("subProcess", "sub", start("s2") + inner + end("e2"))
    it = run(start(), users("a", "z"), sub, end(), flows("s", "a", "sub", "z", "e"))
    it.do("a", "x", "y").back("z", "y")
    assert it.standing == {"sub", "k", "y"}
    it.do("y").back("z", "a")
    assert it.standing == {"a"}
    finish(it)
    assert it.standing == set()


@pytest.mark.parametrize("ref", ["", "x", "-1", "０", "9" * 6000, "²"])
def test_what_is_no_ref_is_a_conflict(ref: str) -> None:
    it = run(start(), users("a"), end(), flows("s", "a", "e"))
    for act in (
        lambda: it.machine.complete(ref, {}, it.at),
        lambda: it.machine.deliver(ref, {}, it.at),
        lambda: it.machine.fire(ref, it.at),
        lambda: it.machine.finish_operation(ref, None, it.at),
        lambda: it.machine.return_targets(ref),
        lambda: it.machine.return_to(ref, it.at),
    ):
        with pytest.raises(Conflict):
            act()
