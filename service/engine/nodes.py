"""What each kind of element does with a token: Spiff's task specs with our expressions, messages and timers."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from SpiffWorkflow import TaskState
from SpiffWorkflow.bpmn.specs.bpmn_process_spec import BpmnProcessSpec
from SpiffWorkflow.bpmn.specs.mixins.bpmn_spec_mixin import BpmnSpecMixin

from service.engine import patches
from service.engine.expressions import Expression, Script
from service.engine.model import Element, Variables
from service.engine.tokens import EngineIncident, Flow, Scope, Token, TraceEntry, disarm
from service.engine.variables import assign, hand_on, own, together
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
        self.boundary: list[Any] = []
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
        running = [one for one in token.workflow.live.values() if not one.waits_at_border]
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

    def scope_ended(self, token: Token, data: Variables) -> None:
        """Go on with the variables the scope ended with."""
        own(token)
        token.data = data
        token._ready()


class ProcessSpec(BpmnProcessSpec):  # type: ignore[misc]  # Spiff is untyped
    """A process or subprocess: its nodes by element id, and a root of a name no element can have."""

    def __init__(self, name: str, description: str | None = None, filename: str | None = None) -> None:
        """Be the spec `name`, with its root only."""
        patches.begin_process_spec(self, name, filename, Start)
        self.description = description
