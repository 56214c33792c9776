"""What SpiffWorkflow 3.2.0 does wrongly and our tokens depend on: one function for each, put in Spiff's place.

`tokens` and `specs` take these functions as methods, so nothing of the installed package is changed. Every
function names the defect by its number in the engine's list and by the upstream code; each has a test that
shows plain Spiff failing and ours not.
"""

from collections.abc import Iterator
from typing import Any

from SpiffWorkflow.specs.WorkflowSpec import WorkflowSpec


def every_task(task: Any) -> Iterator[Any]:
    """Yield a task and everything below it, inner processes too, however deep.

    Defect 1: `TaskIterator` and `BpmnTaskIterator` stop at depth 1000 and then report a workflow with ready
    tasks as completed (SpiffWorkflow/util/task.py, `max_depth`).
    """
    inner = task.workflow.top_workflow.subprocesses
    stack = [task]
    while stack:
        one = stack.pop()
        yield one
        stack += reversed(one.children)
        scope = inner.get(one.id)
        if scope is not None and scope.task_tree is not None:
            stack.append(scope.task_tree)


def is_descendant_of(task: Any, other: Any) -> bool:
    """Return whether `other` is above `task`.

    Defect 2: Spiff's `Task.is_descendant_of` calls itself for each level, a RecursionError after some hundred
    rounds of a loop (SpiffWorkflow/task.py; upstream issue 441).
    """
    above = task.parent
    while above is not None:
        if above is other:
            return True
        above = above.parent
    return False


def find_ancestor(task: Any, spec_name: str) -> Any:
    """Return the nearest task above of that spec, None if there is none.

    Defect 2 again: `Task.find_ancestor` is recursive in the same way.
    """
    above = task.parent
    while above is not None and above.task_spec.name != spec_name:
        above = above.parent
    return above


def inherit_data(task: Any) -> None:
    """Let a task begin with its parent's variables, exactly as they are.

    Defect 7: `Task._inherit_data` merges with `DeepMerge`, which drops and reorders items of lists. Data are
    never changed in place here, so that parent and child may share one mapping.
    """
    task.data = task.parent.data


def drop_branch(task: Any) -> list[Any]:
    """Remove a task and everything below it, inner processes and their waits included; return what was removed.

    Defect 21: `reset_from_task_id` leaves removed tasks in the event manager, where they fail or fire later;
    `Workflow._remove_task` is recursive besides (SpiffWorkflow/workflow.py).
    """
    removed = list(every_task(task))
    top = task.workflow.top_workflow
    parent = task.parent
    if parent is not None:
        parent._children.remove(task.id)
    for one in removed:
        one.workflow.tasks.pop(one.id, None)
        one.workflow.live.pop(one.id, None)
        top.event_manager.remove_task(one)
        top.subprocesses.pop(one.id, None)
    return removed


def drop_scope(task: Any) -> None:
    """Remove the inner process of a task with all that belongs to it.

    Defect 21 again: `BpmnWorkflow.delete_subprocess` fails where an inner process has been removed already.
    """
    top = task.workflow.top_workflow
    scope = top.subprocesses.pop(task.id, None)
    if scope is not None and scope.task_tree is not None:
        drop_branch(scope.task_tree)


def reopen(workflow: Any) -> None:
    """Let a workflow that had ended run again.

    Defect 22: a reset leaves `completed` set, so that the ready task of a reset workflow counts as done.
    """
    workflow.completed = False
    workflow.data = {}


def own_start(spec: Any, start_class: type[Any]) -> None:
    """Give a process spec its root under a name no element can have.

    Found here: Spiff's own nodes are called `Start` and `End`; an element with such an id is taken for them and
    silently left out (SpiffWorkflow/bpmn/parser/ProcessParser.py, `parse_node`).
    """
    spec.start = start_class(spec, "(start)")


def begin_process_spec(spec: Any, name: str, filename: str | None) -> None:
    """Initialise a process spec without the nodes `BpmnProcessSpec` adds by itself; see `own_start`."""
    WorkflowSpec.__init__(spec, name=name, filename=filename)
    spec.svg = None
    spec.description = name
    spec.io_specification = None
    spec.data_objects = {}
    spec.data_stores = {}
    spec.correlation_keys = {}
    spec.bpmn_start_events = []
