"""Runs one process instance: a step is load, one command, advance until it waits, dump. No database here.

Every command may raise `Conflict` for what is no longer there and `EngineIncident` where the procedure as drawn
cannot go on; the machine is then of no use any more and nothing of the step may be kept.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from SpiffWorkflow import TaskState

from service.engine import codec, events, folding, nodes, returning
from service.engine.model import Functions, Procedure, ProcessDefinition, Variables
from service.engine.returning import ReturnTarget
from service.engine.specs import specs_of
from service.engine.tokens import EngineIncident, Flow, Sent, Token, TraceEntry, stop
from service.engine.variables import assign, checked, together
from service.errors import Conflict, Text

__all__ = [
    "EngineIncident",
    "Machine",
    "OpenTask",
    "OperationCall",
    "ReturnTarget",
    "Sent",
    "Timer",
    "TraceEntry",
    "Wait",
]

#: Elements one advance may run: a drawn circle without a wait ends here and not in a full memory.
MOST_STEPS = 400


@dataclass(frozen=True, slots=True)
class OpenTask:
    """A user task that waits for people, with what its branch sees."""

    ref: str
    process_key: str
    element_id: str
    variables: Variables


@dataclass(frozen=True, slots=True)
class Wait:
    """An awaited message and the key it is found by."""

    ref: str
    process_key: str
    element_id: str
    message: str
    key: str


@dataclass(frozen=True, slots=True)
class Timer:
    """A running timer; `due_at` is an aware UTC instant, reckoned when the timer was entered."""

    ref: str
    process_key: str
    element_id: str
    due_at: datetime


@dataclass(frozen=True, slots=True)
class OperationCall:
    """A service task that waits for its operation."""

    ref: str
    process_key: str
    element_id: str
    operation: str
    _token: Token = field(repr=False, compare=False)

    @property
    def arguments(self) -> Variables:
        """The arguments, evaluated when asked for: an operation before may have changed what functions tell.

        Raises `EngineIncident` when an expression fails.
        """
        arguments: Variables = self._token.task_spec.arguments(self._token)
        return arguments


class Machine:
    """A loaded instance of a process."""

    def __init__(self, flow: Flow, functions: Functions) -> None:
        """Use `start` or `load`."""
        self._flow = flow
        flow.functions = functions

    @classmethod
    def start(
        cls,
        definition: ProcessDefinition,
        procedure: Procedure,
        variables: Variables,
        at: datetime,
        functions: Functions,
    ) -> "Machine":
        """Return a new instance that has not run yet; `advance` runs it."""
        specs = specs_of(definition, procedure)
        flow = Flow(specs.main, specs.all)
        flow.at = at
        flow.begin({name: checked(name, value, None) for name, value in variables.items()})
        return cls(flow, functions)

    @classmethod
    def load(
        cls, definition: ProcessDefinition, procedure: Procedure, blob: bytes, functions: Functions
    ) -> "Machine":
        """Return the stored instance `blob` of the process `definition`."""
        return cls(codec.decode(blob, specs_of(definition, procedure)), functions)

    def dump(self) -> bytes:
        """Return the instance as bytes for `load`. Raises `EngineIncident` when it has become too large."""
        return codec.encode(self._flow)

    @property
    def functions(self) -> Functions:
        """The functions expressions may call."""
        return self._flow.functions

    @functions.setter
    def functions(self, functions: Functions) -> None:
        self._flow.functions = functions

    @property
    def completed(self) -> bool:
        """Whether no token is left."""
        return bool(self._flow.completed)

    @property
    def variables(self) -> Variables:
        """The variables: those the waiting operation sees, else what all branches have set, later over earlier."""
        flow = self._flow
        if flow.completed:
            return dict(flow.data)
        live = flow.live_tokens()
        for token in live:
            if isinstance(token.task_spec, nodes.OperationStep):
                return dict(token.data)
        if not live:
            return {}
        return dict(together(sorted(flow.live.values(), key=lambda one: one.id)))

    def advance(self, at: datetime) -> None:
        """Run until everything waits: for a person, an operation, a message, a timer, or the end.

        Raises `EngineIncident` for an expression that fails, a decision or gateway without a way, a circle that
        never waits, and an instance of which nothing is left to wait for although it has not ended.
        """
        flow = self._flow
        flow.at = at
        steps = 0
        while flow.queue:
            token = flow.queue.popleft()
            if token.state != TaskState.READY or token.id not in token.workflow.live:
                continue
            steps += 1
            if steps > MOST_STEPS:
                raise token.task_spec.incident(
                    Text(
                        f"一次走了 {MOST_STEPS} 步还没有停下，流程图里有一个不等人的循环",
                        f"{MOST_STEPS} elements were passed without a wait: the diagram has a circle that never waits",
                    )
                )
            token.run()
        self._check_alive()
        folding.fold(flow)

    def _check_alive(self) -> None:
        flow = self._flow
        if flow.completed:
            return
        live = flow.live_tokens()
        if any(token.task_spec.stops or isinstance(token.task_spec, events.Catch) for token in live):
            return
        for token in live:
            if isinstance(token.task_spec, nodes.Parallel):
                raise token.task_spec.incident(
                    Text(
                        "汇合点在等一条不会再来的支线，流程停住了；请检查分支是否都汇到这里",
                        "the join waits for a branch that will never come, and nothing else runs; check that all "
                        "branches lead here",
                    )
                )
        raise EngineIncident(
            Text(
                "流程停住了：没有人、消息或时间可等",
                "the process stands still: it waits for nobody and nothing",
            )
        )

    def operations(self) -> list[OperationCall]:
        """Return the service tasks that wait for their operation, oldest first."""
        return [
            OperationCall(
                token.ref,
                token.task_spec.process_key,
                token.task_spec.element_id,
                token.task_spec.element.operation or "",
                token,
            )
            for token in self._flow.live_tokens()
            if isinstance(token.task_spec, nodes.OperationStep)
        ]

    def finish_operation(self, ref: str, value: Any, at: datetime) -> None:
        """Go on after the operation `ref` gave `value`, which becomes the variable of `cl:result`."""
        token = self._open(ref, nodes.OperationStep)
        self._flow.at = at
        result = token.task_spec.element.result
        if result is not None:
            assign(token, {result: value}, token.task_spec.element_id)
        token.run()

    def user_tasks(self) -> list[OpenTask]:
        """Return the user tasks that wait for people, oldest first."""
        return [
            OpenTask(token.ref, token.task_spec.process_key, token.task_spec.element_id, dict(token.data))
            for token in self._flow.live_tokens()
            if isinstance(token.task_spec, nodes.UserStep)
        ]

    def waits(self) -> list[Wait]:
        """Return the awaited messages, oldest first."""
        return [
            Wait(
                token.ref,
                token.task_spec.process_key,
                token.task_spec.element_id,
                token.task_spec.element.receive.message,
                token.internal_data["key"],
            )
            for token in self._flow.live_tokens()
            if "key" in token.internal_data
        ]

    def timers(self) -> list[Timer]:
        """Return the running timers, oldest first."""
        return [
            Timer(
                token.ref,
                token.task_spec.process_key,
                token.task_spec.element_id,
                datetime.fromisoformat(token.internal_data["due"]),
            )
            for token in self._flow.live_tokens()
            if "due" in token.internal_data
        ]

    def complete(self, ref: str, variables: Mapping[str, Any], at: datetime) -> None:
        """Finish the user task `ref`, setting `variables`. Raises `Conflict` when it is not open."""
        token = self._open(ref, nodes.UserStep)
        self._flow.at = at
        assign(token, dict(variables), token.task_spec.element_id)
        token.run()

    def deliver(self, ref: str, payload: Mapping[str, Any], at: datetime) -> None:
        """Give a message to the wait `ref` alone: variables by `cl:variable`, all of the payload without any.

        Raises `Conflict` when nothing waits there, `EngineIncident` when the payload lacks what the wait reads.
        """
        token = self._open(ref, events.Catch)
        if "key" not in token.internal_data:
            raise _gone()
        receive = token.task_spec.element.receive
        self._flow.at = at
        values = dict(payload)
        if receive.variables:
            missing = sorted(source for source in receive.variables.values() if source not in payload)
            if missing:
                names = ", ".join(missing)
                raise token.task_spec.incident(
                    Text(
                        f"消息 {receive.message} 没有带来 {names}",
                        f"the message {receive.message} does not bring {names}",
                    )
                )
            values = {name: payload[source] for name, source in receive.variables.items()}
        token.task_spec.happen(token, values)

    def fire(self, ref: str, at: datetime) -> None:
        """Let the timer `ref` fire. Raises `Conflict` when it is gone or not yet due."""
        token = self._open(ref, events.Catch)
        due = token.internal_data.get("due")
        if due is None:
            raise _gone()
        if at < datetime.fromisoformat(due):
            raise Conflict(Text("时间还没有到", "The timer is not due yet"))
        self._flow.at = at
        token.task_spec.happen(token, {})

    def cancel(self, at: datetime) -> None:
        """End the instance here; everything open in it is cancelled."""
        flow = self._flow
        flow.at = at
        flow.data = self.variables
        flow.queue.clear()
        for token in sorted(flow.live.values(), key=lambda one: one.id):
            if token.id in flow.live:
                stop(token)
        flow.completed = True

    def return_targets(self, ref: str) -> list[ReturnTarget]:
        """Return the earlier steps the open user task `ref` may go back to; see `returning`."""
        return returning.targets(self._flow, self._open(ref, nodes.UserStep))

    def return_to(self, target_ref: str, at: datetime) -> None:
        """Go back to the finished user task `target_ref`, which `return_targets` gave without a refusal."""
        target = returning.finished(self._flow, target_ref)
        if target is None:
            raise _gone()
        self._flow.at = at
        returning.go_back(self._flow, target)

    def drain_sent(self) -> list[Sent]:
        """Return the messages thrown since the last call."""
        sent, self._flow.sent = self._flow.sent, []
        return sent

    def drain_trace(self) -> list[TraceEntry]:
        """Return what was entered, completed and cancelled since the last call, in order."""
        trace, self._flow.trace = self._flow.trace, []
        return trace

    def _open(self, ref: str, kind: type[nodes.Node]) -> Token:
        token = self._flow.token(ref)
        if token is None or not isinstance(token.task_spec, kind):
            raise _gone()
        return token


def _gone() -> Conflict:
    return Conflict(
        Text("事项已进入下一步，这一步不再开放", "The matter has moved on; this step is no longer open")
    )
