"""What SpiffWorkflow 3.2.0 does wrongly and our tokens depend on: one function for each, put in Spiff's place.

`tokens` and `nodes` take these functions, so nothing of the installed package is changed. Each has a test that
shows plain Spiff failing and ours not. The numbers are those of the engine's list of defects; of its other entries
- 3, 15 to 18, 24: a user task given to several is one token here, votes are counted outside (`votes`);
- 4, 11: service tasks halt, an operation's failure ends the step (`nodes.OperationStep`);
- 5: every timer keeps its own due instant (`events.Catch`); 6: `codec` writes the state;
- 8: `specs` refuses circles of calls, `runtime` counts steps; 9: `decisions` keeps hit policies;
- 10: an event beside an activity waits again after a message (`events.Boundary`);
- 12: `specs` makes every node that is drawn; 13, 14, 20, 25: `checks` refuses them with file and line;
- 19: a thrown message always goes outwards, a delivery moves one token (`events.Throw`, `events.Catch`);
- 23: a return restores joins (`returning`).
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
    task.data = task.entry


def drop_branch(task: Any) -> list[Any]:
    """Remove a task and everything below it, inner processes and their waits included; return what was removed.

    Defect 21: `reset_from_task_id` leaves removed tasks in the event manager, where they fail or fire later;
    `Workflow._remove_task` is recursive besides (SpiffWorkflow/workflow.py). What waits is in `live` here.
    """
    removed = list(every_task(task))
    parent = task.parent
    if parent is not None:
        parent._children.remove(task.id)
    for one in removed:
        one.workflow.tasks.pop(one.id, None)
        one.workflow.live.pop(one.id, None)
        one.workflow.top_workflow.subprocesses.pop(one.id, None)
    return removed


def reopen(workflow: Any) -> None:
    """Let a workflow that had ended run again.

    Defect 22: a reset leaves `completed` set, so that the ready task of a reset workflow counts as done.
    """
    workflow.completed = False
    workflow.data = {}


def begin_process_spec(spec: Any, name: str, filename: str | None, start_class: type[Any]) -> None:
    """Initialise a process spec with one node of its own, under a name no element can have.

    Not in the list: Spiff's own nodes are called `Start` and `End`; an element with such an id is taken for them
    and silently left out (SpiffWorkflow/bpmn/parser/ProcessParser.py, `parse_node`).
    """
    WorkflowSpec.__init__(spec, name=name, filename=filename)
    spec.svg = None
    spec.io_specification = None
    spec.data_objects = {}
    spec.data_stores = {}
    spec.correlation_keys = {}
    spec.bpmn_start_events = []
    spec.start = start_class(spec, "(start)")
