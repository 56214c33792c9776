"""What each kind of element does with a token: Spiff's task specs with our expressions, messages and timers."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from SpiffWorkflow import TaskState
from SpiffWorkflow.bpmn.specs.bpmn_process_spec import BpmnProcessSpec
from SpiffWorkflow.bpmn.specs.mixins.bpmn_spec_mixin import BpmnSpecMixin

from service.engine import patches
from service.engine.deadlines import resolve_timer
from service.engine.expressions import Expression, Script
from service.engine.model import Element, Variables
from service.engine.tokens import EngineIncident, Flow, Scope, Sent, Token, TraceEntry
from service.engine.variables import assign, current, hand_on, together
from service.errors import AppError, Text

if TYPE_CHECKING:
    from service.engine.decisions import DecisionTable

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Way:
    """A flow that leaves an exclusive gateway; without a condition it is the default, or the only one."""

    target: str
    condition: Expression | None


class Node(BpmnSpecMixin):  # type: ignore[misc]  # Spiff is untyped
    """An element of a diagram. Its hooks are those Spiff's task specs have; nothing is predicted."""

    #: Whether tokens stop here until somebody from outside moves them.
    stops = False
    #: Whether this is an event at an activity's border.
    at_border = False

    def __init__(self, wf_spec: Any, *, element: Element, process_key: str, **attributes: Any) -> None:
        """Be `element` of the process `process_key` in `wf_spec`."""
        super().__init__(wf_spec, element.id, **attributes)
        self.element = element
        self.process_key = process_key
        self.boundary: list[Boundary] = []
        self.manual = self.stops
        self._followers: list[Node] | None = None

    @property
    def element_id(self) -> str:
        """The element's id in its diagram."""
        return self.element.id

    def followers(self) -> list["Node"]:
        """Return the elements the flows of this one lead to."""
        if self._followers is None:
            self._followers = list(self.outputs)
        return self._followers

    def choose(self, token: Token) -> list["Node"]:
        """Return the elements a completed token goes on to."""
        return self.followers()

    def note(self, token: Token, event: str) -> None:
        """Write a line of the trace."""
        entry = TraceEntry(self.element.id, self.element.type, event, self.process_key)
        token.workflow.top_workflow.trace.append(entry)

    def attempt(self, work: Callable[[], T]) -> T:
        """Return what `work` gives; what it raises becomes an incident at this element."""
        try:
            return work()
        except EngineIncident:
            raise
        except AppError as error:
            raise self.incident(error.text, **error.facts) from error

    def incident(self, text: Text, **facts: Any) -> EngineIncident:
        """Return the incident `text` at this element, named as people know it."""
        name = self.element.name
        facts.pop("element", None)
        return EngineIncident(
            Text(f"“{name.zh}”：{text.zh}", f"“{name.en}”: {text.en}"), self.element.id, **facts
        )

    def evaluate(self, token: Token, expression: Expression, names: Variables | None = None) -> Any:
        """Return the value of an expression with the token's variables."""
        functions = token.workflow.top_workflow.functions
        known = token.data if names is None else names
        return self.attempt(lambda: expression.evaluate(known, functions))

    def arm(self, token: Token) -> None:
        """Let the events at the border of this activity wait."""
        for event in self.boundary:
            event.wait(token._add_child(event))

    def _predict(self, my_task: Any, *arguments: Any, **options: Any) -> None:
        """Spiff would add the tasks that may come; here a task exists when it is entered."""

    def _update_hook(self, my_task: Token) -> bool:
        my_task._inherit_data()
        self.note(my_task, "entered")
        if self.boundary:
            self.arm(my_task)
        return True

    def _on_ready(self, my_task: Token) -> None:
        if not self.stops:
            my_task.workflow.top_workflow.queue.append(my_task)

    def _run_hook(self, my_task: Token) -> bool:
        return True

    def _on_complete_hook(self, my_task: Token) -> None:
        if self.boundary:
            disarm(my_task)
        self.note(my_task, "completed")
        chosen = self.choose(my_task)
        if not chosen:
            self.end(my_task)
        for spec in chosen:
            my_task._add_child(spec)

    def _on_error(self, my_task: Token) -> None:
        """An incident throws the whole step away; the task's state does not matter."""

    def end(self, token: Token) -> None:
        """Hand on what a branch has set when it ends here and others still run."""
        running = [one for one in token.workflow.live.values() if not waits_at_border(one)]
        if running:
            hand_on(token, running)


class Start(Node):
    """The root of a process, in no diagram; the one start event follows."""

    def __init__(self, wf_spec: Any, name: str) -> None:
        """Be the root of `wf_spec`."""
        super().__init__(
            wf_spec, element=Element(name, "start", Text(name, name), 0), process_key=wf_spec.name
        )

    def note(self, token: Token, event: str) -> None:
        """The root is nobody's step."""


class Pass(Node):
    """A start event. What a message start received is there already when the process begins."""


class UserStep(Node):
    """A user task: it waits for a person. One given to several is one task here too; votes are counted outside."""

    stops = True


class OperationStep(Node):
    """A service task: it waits until its operation has been run in the step's transaction."""

    stops = True

    def arguments(self, token: Token) -> Variables:
        """Return the operation's arguments."""
        return {
            name: self.evaluate(token, expression) for name, expression in self.element.parameters.items()
        }


class ScriptStep(Node):
    """A script task: lines `name = expression`."""

    script: Script

    def _run_hook(self, my_task: Token) -> bool:
        functions = my_task.workflow.top_workflow.functions
        values = self.attempt(lambda: self.script.execute(my_task.data, functions))
        assign(my_task, values, self.element_id)
        return True


class DecisionStep(Node):
    """A business rule task: its table sets the output columns, or one variable with all of them (`cl:result`)."""

    table: "DecisionTable"

    def _run_hook(self, my_task: Token) -> bool:
        functions = my_task.workflow.top_workflow.functions
        values = self.attempt(lambda: self.table.evaluate(my_task.data, functions))
        result = self.element.result
        assign(my_task, {result: values} if result is not None else values, self.element_id)
        return True


class Choice(Node):
    """An exclusive gateway: the first flow whose condition is true, else the default."""

    ways: tuple[Way, ...] = ()

    def choose(self, token: Token) -> list[Node]:
        """Return the one element the token goes on to. Raises `EngineIncident` when there is none."""
        default = None
        for way in self.ways:
            if way.condition is None:
                default = way.target
            elif self.evaluate(token, way.condition):
                return [self._wf_spec.task_specs[way.target]]
        if default is None:
            raise self._no_way(token)
        return [self._wf_spec.task_specs[default]]

    def _no_way(self, token: Token) -> EngineIncident:
        names = sorted(
            {name for way in self.ways if way.condition is not None for name in way.condition.names}
        )
        shown = ", ".join(f"{name}={token.data.get(name)!r}"[:80] for name in names)[:300]
        return self.incident(
            Text(
                f"没有一条可走的流：条件都不成立，也没有默认流（{shown}）",
                f"no flow can be taken: no condition is true and none is the default ({shown})",
            )
        )


class Parallel(Node):
    """A parallel gateway: waits for one token on each incoming flow, then goes on along every outgoing one."""

    def _update_hook(self, my_task: Token) -> bool:
        my_task._inherit_data()
        self.note(my_task, "entered")
        if len(self._inputs) < 2:
            return True
        my_task.internal_data["via"] = my_task.parent.task_spec.name
        my_task._set_state(TaskState.WAITING)
        return self.gather(my_task.workflow)

    def gather(self, workflow: Any) -> bool:
        """Let the join fire if a token has come along each flow; the last of them goes on."""
        missing: Counter[str] = Counter(self._inputs)
        arrived = []
        for token in sorted(workflow.live.values(), key=lambda one: one.id):
            if token.task_spec is self and token.state == TaskState.WAITING:
                via = token.internal_data["via"]
                if missing[via]:
                    missing[via] -= 1
                    arrived.append(token)
        if any(missing.values()):
            return False
        last = arrived[-1]
        last.data = together(arrived)
        for token in arrived[:-1]:
            token.internal_data["into"] = last.id
            token._set_state(TaskState.COMPLETED)
            self.note(token, "completed")
        last.internal_data["joined"] = [token.id for token in arrived[:-1]]
        last._ready()
        return False


class EventChoice(Node):
    """An event-based gateway: all events behind it wait, the first that comes ends the others."""


class Activity(Node):
    """A subprocess or call activity: a scope of its own that begins and ends with the token's variables."""

    target: str

    def _update_hook(self, my_task: Token) -> bool:
        super()._update_hook(my_task)
        my_task._set_state(TaskState.STARTED)
        top: Flow = my_task.workflow.top_workflow
        scope = Scope(top.subprocess_specs[self.target], my_task.id, top)
        top.subprocesses[my_task.id] = scope
        scope.begin(my_task.data)
        return False


class Catch(Node):
    """A message or timer that is waited for."""

    def _update_hook(self, my_task: Token) -> bool:
        super()._update_hook(my_task)
        return self.wait(my_task)

    def wait(self, token: Token) -> bool:
        """Reckon what the token waits for: the message's key, or when the timer fires. True: nothing."""
        element = self.element
        if element.timer is not None:
            top, deadline = token.workflow.top_workflow, element.timer
            due = self.attempt(lambda: resolve_timer(deadline, top.at, token.data, top.functions))
            token.internal_data["due"] = due.isoformat()
        elif element.receive is not None:
            key = element.receive.key
            value = None if key is None else self.evaluate(token, key)
            if key is not None and (value is None or value == ""):
                raise self.incident(
                    Text(
                        f"等待消息的 key（{key.source}）是空的，等不到任何消息",
                        f"the key of the awaited message ({key.source}) is empty; no message could be found by it",
                    )
                )
            token.internal_data["key"] = "" if value is None else str(value)
        else:
            return True
        token._set_state(TaskState.WAITING)
        return False

    def happen(self, token: Token, values: Variables) -> None:
        """Let the awaited event happen, bringing `values`."""
        parent = token.parent
        if isinstance(parent.task_spec, EventChoice):
            for other in list(parent.children):
                if other is not token:
                    other.task_spec.note(other, "cancelled")
                    patches.drop_branch(other)
        self.go_on(token, values)

    def go_on(self, token: Token, values: Variables) -> None:
        """Let the token run with what the event brought; it no longer waits."""
        for fact in ("key", "due"):
            token.internal_data.pop(fact, None)
        assign(token, values, self.element_id)
        token._ready()


class Boundary(Catch):
    """An event at the border of an activity, interrupting it or not."""

    at_border = True

    def wait(self, token: Token) -> bool:
        """Wait, seeing what the activity sees."""
        token.data = current(token.parent)
        return super().wait(token)

    def happen(self, token: Token, values: Variables) -> None:
        """Leave the activity, or let a branch begin beside it; a message may then come again."""
        holder = token.parent
        token.data = current(holder)
        token.begin_with(token.data)
        self.note(token, "entered")
        if self.element.interrupting:
            interrupt(holder, token)
        elif self.element.receive is not None:
            self.wait(holder._add_child(self))
        self.go_on(token, values)


class Throw(Node):
    """An element that sends a message, always outwards; an end event too, where it also ends."""

    terminates = False

    def _run_hook(self, my_task: Token) -> bool:
        send = self.element.send
        if send is None:
            return True
        top: Flow = my_task.workflow.top_workflow
        scopes: list[Variables] = [my_task.data]
        if send.each is not None and send.item is not None:
            items = self.evaluate(my_task, send.each)
            if not isinstance(items, list | tuple):
                raise self.incident(
                    Text(
                        f"each（{send.each.source}）不是列表",
                        f"each ({send.each.source}) does not give a list",
                    )
                )
            scopes = [{**my_task.data, send.item: item} for item in items]
        for names in scopes:
            key = None if send.key is None else self.evaluate(my_task, send.key, names)
            payload = {
                name: self.evaluate(my_task, expression, names) for name, expression in send.payload.items()
            }
            top.sent.append(Sent(send.message, None if key is None else str(key), payload, send.deployment))
        return True

    def end(self, token: Token) -> None:
        """End the branch, and everything beside it where this end terminates."""
        if not self.terminates or not token.workflow.live:
            super().end(token)
            return
        workflow = token.workflow
        others = sorted(workflow.live.values(), key=lambda one: one.id)
        token.data = together([*others, token])
        for other in others:
            if other.id in workflow.live:
                stop(other)
        if isinstance(workflow, Scope):
            workflow.cut_off = True


def waits_at_border(token: Token) -> bool:
    """Return whether the token is an event at an activity's border that has not happened."""
    return isinstance(token.task_spec, Boundary) and token.state == TaskState.WAITING


def disarm(token: Token) -> None:
    """Remove the border events of an activity that still wait."""
    for child in list(token.children):
        if waits_at_border(child):
            patches.drop_branch(child)


def stop(token: Token) -> None:
    """Cancel a live token and what runs inside it; its place in the tree stays."""
    scope = token.workflow.top_workflow.subprocesses.get(token.id)
    if scope is not None:
        for inner in sorted(scope.live.values(), key=lambda one: one.id):
            if inner.id in scope.live:
                stop(inner)
        patches.drop_scope(token)
    disarm(token)
    if not waits_at_border(token):
        token.task_spec.note(token, "cancelled")
    token._set_state(TaskState.CANCELLED)


def interrupt(holder: Token, event: Token) -> None:
    """Cancel an activity because `event` at its border happened."""
    event._set_state(TaskState.READY)
    stop(holder)


class ProcessSpec(BpmnProcessSpec):  # type: ignore[misc]  # Spiff is untyped
    """A process or subprocess: its nodes by element id, and a root of a name no element can have."""

    def __init__(self, name: str, description: str | None = None, filename: str | None = None) -> None:
        """Be the spec `name`, with its root only."""
        patches.begin_process_spec(self, name, filename)
        self.description = description
        patches.own_start(self, Start)
