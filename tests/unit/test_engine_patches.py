"""Each defect of SpiffWorkflow 3.2.0 we replace: plain Spiff shows it, ours does not."""

from typing import Any

import pytest
from lxml import etree
from SpiffWorkflow import TaskState
from SpiffWorkflow.bpmn.parser.BpmnParser import BpmnParser
from SpiffWorkflow.bpmn.workflow import BpmnWorkflow
from SpiffWorkflow.task import Task

from service.engine import folding, patches
from service.engine.runtime import Machine
from service.engine.tokens import Token
from tests.unit.engine_drawing import (
    FUNCTIONS,
    NOON,
    Run,
    boundary,
    drawing,
    end,
    exclusive,
    flow,
    flows,
    message,
    node,
    procedure,
    received,
    start,
    timer,
    user,
    users,
)

DEEP = 1500
LOOP = (
    start(),
    users("a"),
    exclusive("x", "d"),
    end(),
    flows("s", "a", "x"),
    flow("x", "e", key="d"),
    flow("x", "a", "again"),
)


def plain(*parts: str) -> BpmnWorkflow:
    """The same drawing in SpiffWorkflow as it is installed, run to its first wait."""
    parser = BpmnParser()
    parser.add_bpmn_xml(etree.fromstring(drawing("p", *parts)["p.bpmn"]), "p.bpmn")
    workflow = BpmnWorkflow(parser.get_spec("p"), parser.get_subprocess_specs("p"))
    workflow.do_engine_steps()
    return workflow


def deep() -> tuple[BpmnWorkflow, Task]:
    """A plain workflow whose only ready task is very deep, as after many rounds of a loop."""
    workflow = plain(*LOOP)
    (ready,) = workflow.get_tasks(state=TaskState.READY)
    above = ready
    above._set_state(TaskState.COMPLETED)
    above.children = []
    for _ in range(DEEP):
        above = Task(workflow, ready.task_spec, above, state=TaskState.COMPLETED)
    return workflow, Task(workflow, ready.task_spec, above, state=TaskState.READY)


def test_1_deep_tasks_are_seen() -> None:
    workflow, bottom = deep()
    assert workflow.get_tasks(state=TaskState.READY) == []
    assert workflow.is_completed()
    assert bottom in set(patches.every_task(workflow.task_tree))


def test_1_and_2_a_loop_that_is_never_folded_stays_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folding, "fold", lambda flow: 0)
    given = procedure(drawing("p", *LOOP, boundary("t", "a", timer("P9D")), flow("t", "e")))
    machine = Machine.start(given.processes["p"], given, {}, NOON, FUNCTIONS)
    machine.advance(NOON)
    for _ in range(DEEP):
        machine.complete(machine.user_tasks()[0].ref, {"again": True}, NOON)
        machine.advance(NOON)
    machine = Machine.load(given.processes["p"], given, machine.dump(), FUNCTIONS)
    assert not machine.completed
    target = machine.user_tasks()[0]
    assert [one.element_id for one in machine.timers()] == ["t"]
    machine.complete(target.ref, {"again": False}, NOON)
    machine.advance(NOON)
    assert machine.completed


def test_2_descendants_and_ancestors_without_recursion() -> None:
    workflow, bottom = deep()
    root = workflow.task_tree
    with pytest.raises(RecursionError):
        bottom.is_descendant_of(root)
    with pytest.raises(RecursionError):
        bottom.find_ancestor("Start")
    assert patches.is_descendant_of(bottom, root)
    assert not patches.is_descendant_of(root, bottom)
    assert patches.find_ancestor(bottom, "Start") is root
    assert patches.find_ancestor(bottom, "nowhere") is None
    assert Token.is_descendant_of is patches.is_descendant_of
    assert Token.find_ancestor is patches.find_ancestor


@pytest.mark.parametrize(("earlier", "later"), [([1], [1, 1, 2]), ([5], [1, 5]), (["b", "a"], ["a", "b"])])
def test_7_lists_are_inherited_as_they_are(earlier: list[Any], later: list[Any]) -> None:
    workflow = plain(start(), users("a", "b"), end(), flows("s", "a", "b", "e"))
    (ready,) = workflow.get_tasks(state=TaskState.READY)
    child = ready.children[0]
    child.data, ready.data = {"l": list(earlier)}, {"l": list(later)}
    child._inherit_data()
    assert child.data["l"] != later

    it = Run(procedure(drawing("p", *LOOP)), l=earlier, again=True)
    it.do("a", l=later)
    assert it.task("a").variables["l"] == later


def test_21_what_a_return_removes_waits_no_more() -> None:
    parts = (
        start(),
        users("a"),
        node("receiveTask", "t", received("'k'"), messageRef="M_answer"),
        end(),
        flows("s", "a", "t", "e"),
    )
    workflow = plain(*parts)
    (ready,) = workflow.get_tasks(state=TaskState.READY)
    ready.run()
    workflow.do_engine_steps()
    workflow.reset_from_task_id(ready.id)
    assert [task.task_spec.name for task in workflow.event_manager.tasks.values()] == ["t"]
    assert all(task.id not in workflow.tasks for task in workflow.event_manager.tasks.values())

    given = procedure(drawing("p", *parts))
    it = Run(given)
    it.do("a")
    wait = it.machine._flow.live_tokens()[0]
    removed = patches.drop_branch(wait)
    assert removed == [wait]
    assert it.machine.waits() == []


def test_21_a_return_past_a_border_timer_works() -> None:
    parts = (
        start(),
        users("a", "b"),
        boundary("ta", "a", timer("P3D")),
        boundary("tb", "b", timer("P3D")),
        end(),
        flows("s", "a", "b", "e"),
        flow("ta", "e"),
        flow("tb", "e"),
    )
    it = Run(procedure(drawing("p", *parts)))
    it.do("a").back("b", "a")
    assert it.timers == ["ta"]


def test_22_a_workflow_that_is_set_back_is_no_longer_completed() -> None:
    workflow = plain(start(), users("a", "b"), end(), flows("s", "a", "b", "e"))
    for _ in range(2):
        workflow.get_tasks(state=TaskState.READY)[0].run()
        workflow.do_engine_steps()
    assert workflow.completed
    first = workflow.get_tasks(spec_name="a")[0]
    workflow.reset_from_task_id(first.id)
    assert workflow.get_tasks(state=TaskState.READY)
    assert workflow.is_completed()
    patches.reopen(workflow)
    assert not workflow.is_completed()

    sub = node("subProcess", "sub", start("s2") + users("x") + end("e2") + flows("s2", "x", "e2"))
    it = Run(procedure(drawing("p", start(), sub, user("z"), end(), flows("s", "sub", "z", "e"))))
    it.do("x").back("z", "x")
    assert it.open == ["x"]
    assert it.do("x").open == ["z"]


def test_elements_called_like_spiffs_own_nodes_are_not_left_out() -> None:
    parts = (start("s"), user("End"), end("e"), flows("s", "End", "e"))
    assert plain(*parts).get_tasks(state=TaskState.READY, manual=True) == []
    assert Run(procedure(drawing("p", *parts))).open == ["End"]


def test_5_two_timers_behind_one_event_gateway_keep_their_own_time() -> None:
    it = Run(
        procedure(
            drawing(
                "p",
                start(),
                node("eventBasedGateway", "g"),
                node("intermediateCatchEvent", "t1", timer("P30D")),
                node("intermediateCatchEvent", "t2", timer("PT1H")),
                users("a", "b"),
                end(),
                flows("s", "g", "t1", "a", "e"),
                flows("g", "t2", "b", "e"),
            )
        )
    )
    assert it.fire("t2").open == ["b"]


def test_19_a_message_reaches_one_wait_only() -> None:
    called = drawing(
        "c",
        start(),
        node("intermediateCatchEvent", "m", received("k") + message("answer")),
        end(),
        flows("s", "m", "e"),
    )
    split = (
        start(),
        node("parallelGateway", "g"),
        node("callActivity", "c1", calledElement="c"),
        node("callActivity", "c2", calledElement="c"),
        users("a", "b"),
        end("e1"),
        end("e2"),
        flows("s", "g", "c1", "a", "e1"),
        flows("g", "c2", "b", "e2"),
    )
    it = Run(procedure(drawing("p", *split), called), k="x")
    assert it.waits == ["m", "m"]
    it.deliver("m")
    assert it.waits == ["m"]
    assert it.open == ["a"]
