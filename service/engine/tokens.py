"""Tokens, where a process stands: Spiff's tasks and workflows with a queue instead of scans and predictions.

A task exists from the moment it is entered; `live` holds those that have not ended, `queue` those that run by
themselves. Data mappings are shared between tasks and replaced, never changed.
"""

from collections import deque
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from SpiffWorkflow import TaskState
from SpiffWorkflow.bpmn.util.subworkflow import BpmnSubWorkflow
from SpiffWorkflow.bpmn.workflow import BpmnWorkflow
from SpiffWorkflow.task import Task
from SpiffWorkflow.workflow import Workflow

from service.engine import patches
from service.engine.model import Functions, Variables
from service.errors import AppError, Text

#: States of a token that has not ended.
LIVE = TaskState.WAITING | TaskState.READY | TaskState.STARTED


class EngineIncident(AppError):
    """The procedure cannot go on as it is drawn; nothing of the step may be kept.

    `element` is the id of the element concerned, None if it is none in particular.
    """

    def __init__(self, text: Text, element: str | None = None, **facts: Any) -> None:
        """Say what is wrong, and at which element."""
        super().__init__(text, **facts)
        self.element = element


@dataclass(frozen=True, slots=True)
class TraceEntry:
    """One element `entered`, `completed` or `cancelled`, in the process `process_key`."""

    element_id: str
    element_type: str
    event: str
    process_key: str


@dataclass(frozen=True, slots=True)
class Sent:
    """A thrown message on its way out; `deployment` says under which procedure it may start something."""

    message: str
    key: str | None
    payload: dict[str, Any]
    deployment: str


def number_of(ref: str) -> int:
    """Return the number of the token others call `ref`; -1, which no token has, for what is no ref."""
    return int(ref) if ref.isascii() and ref.isdigit() and len(ref) < 19 else -1


class Token(Task):  # type: ignore[misc]  # Spiff is untyped
    """A Spiff task with a number for an id; numbers rise with time and are never used twice in an instance."""

    def __init__(
        self, workflow: Any, task_spec: Any, parent: Any = None, state: int = TaskState.FUTURE
    ) -> None:
        """Add a token of `task_spec` to `workflow`, below `parent`."""
        super().__init__(workflow, task_spec, parent, state, workflow.top_workflow.next_number())

    def restore(self, workflow: Any, task_spec: Any, number: int, parent: "Token | None", state: int) -> None:
        """Be a stored token again; the caller sets data and enters it in the workflow."""
        self.id = number
        self.workflow = workflow
        self.task_spec = task_spec
        self._parent = None if parent is None else parent.id
        self._children: list[int] = []
        self._state = state
        self.triggered = False
        self.thread_id = 0
        self.last_state_change = 0.0
        if parent is not None:
            parent._children.append(number)

    @property
    def ref(self) -> str:
        """The name others know this token by."""
        return str(self.id)

    @property
    def waits_at_border(self) -> bool:
        """Whether this is an event at an activity's border that has not happened."""
        return self._state == TaskState.WAITING and bool(self.task_spec.at_border)

    @property
    def base(self) -> Variables:
        """The variables of where this token came from, which no longer change.

        An event at an activity's border comes from where the activity came from: that one's own still change.
        """
        parent = self.parent
        if parent is None:
            data: Variables = self.data
        elif self.task_spec.at_border:
            data = parent.entry
        else:
            data = parent.data
        return data

    @property
    def entry(self) -> Variables:
        """The variables this token began with: `base`, and what folding or an activity's course had added to it."""
        kept = self.internal_data.get("entry")
        return {**self.base, **kept} if kept else self.base

    def begin_with(self, data: Variables) -> None:
        """Let `data` be what this token began with; it holds at least what `base` does."""
        base = self.base
        kept = {name: value for name, value in data.items() if name not in base or base[name] != value}
        if kept:
            self.internal_data["entry"] = kept
        else:
            self.internal_data.pop("entry", None)

    def _add_child(self, task_spec: Any, state: int = TaskState.FUTURE) -> "Token":
        return Token(self.workflow, task_spec, self, state)

    def _set_state(self, value: int) -> None:
        self._state = value
        if value & LIVE:
            self.workflow.live[self.id] = self
        else:
            self.workflow.live.pop(self.id, None)

    def enter(self, task_spec: Any) -> "Token":
        """Add a token of `task_spec` below this one and let it begin."""
        child = self._add_child(task_spec)
        task_spec._update(child)
        return child

    _inherit_data = patches.inherit_data
    is_descendant_of = patches.is_descendant_of
    find_ancestor = patches.find_ancestor


class Flow(BpmnWorkflow):  # type: ignore[misc]  # Spiff is untyped
    """An instance of a process: its tokens, what they said and where they are to go."""

    def __init__(self, spec: Any, specs: dict[str, Any]) -> None:
        """Be an instance of `spec`, whose subprocesses and called processes are in `specs`, without a token."""
        self.live: dict[int, Token] = {}
        self.queue: deque[Token] = deque()
        self.last_number = 0
        self.at: datetime | None = None
        self.functions: Functions = {}
        self.trace: list[TraceEntry] = []
        self.sent: list[Sent] = []
        self.task_tree: Any = None
        self.completed = False
        self.data: Variables = {}
        # Spiff would make a script engine for each instance; ours runs expressions in its own nodes.
        super().__init__(spec, specs, script_engine=self, deserializing=True)

    def next_number(self) -> int:
        """Return a number no token of this instance has had."""
        self.last_number += 1
        return self.last_number

    def scopes(self) -> list[Any]:
        """Return the process and every subprocess and called process that has not ended."""
        return [self, *(one for one in self.subprocesses.values() if one.live)]

    def live_tokens(self) -> list[Token]:
        """Return all tokens that have not ended, oldest first."""
        found = [token for scope in self.scopes() for token in scope.live.values()]
        return sorted(found, key=lambda token: token.id)

    def token(self, ref: str) -> Token | None:
        """Return the live token `ref`, None if there is none."""
        number = number_of(ref)
        return next((scope.live[number] for scope in self.scopes() if number in scope.live), None)

    def begin(self, variables: Variables) -> None:
        """Put the first token at the start, not yet run."""
        self.task_tree = Token(self, self.spec.start)
        self.task_tree.data = variables
        self.task_tree._ready()

    def _task_completed_notify(self, task: Token) -> None:
        self.last_task = task
        if not self.live and not self.completed:
            self.completed, self.data = True, task.data


class Scope(BpmnSubWorkflow):  # type: ignore[misc]  # Spiff is untyped
    """A running subprocess or called process; `parent_task_id` is the token that waits for its end."""

    def __init__(self, spec: Any, holder_id: int, top: Flow) -> None:
        """Be an instance of `spec` for the token `holder_id` of `top`, without a token."""
        self.live: dict[int, Token] = {}
        self.task_tree: Any = None
        self.completed = False
        self.data: Variables = {}
        #: Whether a terminate end cut off tokens that were still alive.
        self.cut_off = False
        super().__init__(spec, holder_id, top, deserializing=True)

    def restore(self, spec: Any, holder_id: int, top: Flow) -> None:
        """Be a stored scope again, without tokens yet; its holder need not be restored before it."""
        self.live = {}
        self.cut_off = False
        self.parent_task_id, self.top_workflow = holder_id, top
        self.correlations: dict[str, Any] = {}
        self.depth = 0
        Workflow.__init__(self, spec, deserializing=True)
        self.task_tree = None

    @property
    def holder(self) -> Token:
        """The token of the subprocess or call activity that waits for this to end."""
        holder: Token = self.top_workflow.get_task_from_id(self.parent_task_id)
        return holder

    def begin(self, variables: Variables) -> None:
        """Put the first token at the start; it runs in its turn."""
        self.task_tree = Token(self, self.spec.start)
        self.task_tree.data = variables
        self.task_tree._ready()

    def _task_completed_notify(self, task: Token) -> None:
        self.last_task = task
        if not self.live and not self.completed:
            self.completed, self.data = True, {}
            self.holder.task_spec.scope_ended(self.holder, task.data)


def disarm(token: Token) -> None:
    """Remove the border events of an activity that still wait."""
    for child in list(token.children):
        if child.waits_at_border:
            patches.drop_branch(child)


def stop(token: Token) -> None:
    """Cancel a live token and what runs inside it; its place in the tree stays."""
    top = token.workflow.top_workflow
    scope = top.subprocesses.get(token.id)
    if scope is not None:
        for inner in sorted(scope.live.values(), key=lambda one: one.id):
            if inner.id in scope.live:
                stop(inner)
        patches.drop_branch(scope.task_tree)
        del top.subprocesses[token.id]
    disarm(token)
    if not token.waits_at_border:
        token.task_spec.note(token, "cancelled")
    token._set_state(TaskState.CANCELLED)
