"""Draws small processes for tests of the engine, and runs them with a reload after every step."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any
from xml.sax.saxutils import quoteattr

from service.engine.model import Procedure
from service.engine.procedure import read_procedure
from service.engine.runtime import Machine, TraceEntry

NOON = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
FUNCTIONS: dict[str, Any] = {
    "add_workdays": lambda day, number: (date.fromisoformat(day) + timedelta(days=number)).isoformat(),
    "setting": lambda key: {"grace": 3}[key],
}
_SPACES = (
    'xmlns:bpmn="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:cl="urn:chuanglv:bpmn:1" '
    'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" targetNamespace="urn:test"'
)


def drawing(key: str, *parts: str) -> dict[str, bytes]:
    """A file with one process of these parts; every message a part names is declared."""
    body = "".join(parts)
    names = sorted({piece.split('"')[0] for piece in body.split('messageRef="M_')[1:]})
    messages = "".join(f'<bpmn:message id="M_{name}" name="{name}"/>' for name in names)
    text = (
        f'<bpmn:definitions {_SPACES} id="D_{key}">{messages}'
        f'<bpmn:process id="{key}" name="{key}" isExecutable="true">{body}</bpmn:process></bpmn:definitions>'
    )
    return {f"{key}.bpmn": text.encode()}


def flows(*ids: str) -> str:
    """Flows from each to the next."""
    return "".join(flow(one, other) for one, other in pairwise(ids))


def flow(source: str, target: str, when: str | None = None, key: str | None = None) -> str:
    inner = f"<bpmn:conditionExpression>{_text(when)}</bpmn:conditionExpression>" if when else ""
    key = key or f"f_{source}_{target}"
    return (
        f'<bpmn:sequenceFlow id="{key}" sourceRef="{source}" targetRef="{target}">{inner}</bpmn:sequenceFlow>'
    )


def _text(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;")


def node(tag: str, key: str, inner: str = "", **attributes: str) -> str:
    said = "".join(f" {name.replace('cl_', 'cl:')}={quoteattr(value)}" for name, value in attributes.items())
    return f'<bpmn:{tag} id="{key}" name="{key}"{said}>{inner}</bpmn:{tag}>'


def start(key: str = "s", inner: str = "") -> str:
    return node("startEvent", key, inner)


def end(key: str = "e", inner: str = "") -> str:
    return node("endEvent", key, inner)


def user(key: str, inner: str = "", **attributes: str) -> str:
    return node("userTask", key, inner, **attributes)


def users(*keys: str) -> str:
    return "".join(user(key) for key in keys)


def script(key: str, source: str) -> str:
    return node("scriptTask", key, f"<bpmn:script>{_text(source)}</bpmn:script>")


def exclusive(key: str, default: str | None = None) -> str:
    return node("exclusiveGateway", key, **({"default": default} if default else {}))


def parallel(*keys: str) -> str:
    return "".join(node("parallelGateway", key) for key in keys)


def extensions(inner: str) -> str:
    return f"<bpmn:extensionElements>{inner}</bpmn:extensionElements>"


def received(key: str, **variables: str) -> str:
    named = "".join(f'<cl:variable name="{name}" from="{source}"/>' for name, source in variables.items())
    return extensions(f"<cl:receive key={quoteattr(key)}/>{named}")


def thrown(key: str | None, *, each: str = "", item: str = "", deployment: str = "", **payload: str) -> str:
    given = {"key": key, "each": each, "item": item, "deployment": deployment}
    said = "".join(f" {name}={quoteattr(value)}" for name, value in given.items() if value)
    carried = "".join(f"<cl:payload name={quoteattr(n)} value={quoteattr(v)}/>" for n, v in payload.items())
    return extensions(f"<cl:send{said}/>{carried}")


def message(name: str) -> str:
    return f'<bpmn:messageEventDefinition messageRef="M_{name}"/>'


def timer(due: str, kind: str = "timeDuration") -> str:
    return f"<bpmn:timerEventDefinition><bpmn:{kind}>{due}</bpmn:{kind}></bpmn:timerEventDefinition>"


def boundary(key: str, on: str, inner: str, *, interrupting: bool = True) -> str:
    return node(
        "boundaryEvent", key, inner, attachedToRef=on, cancelActivity="true" if interrupting else "false"
    )


def procedure(*files: Mapping[str, bytes]) -> Procedure:
    """All files read; what checks would say of small drawings does not matter here."""
    together: dict[str, bytes] = {}
    for one in files:
        together.update(one)
    return read_procedure(together, {}, frozenset(FUNCTIONS))


class Run:
    """An instance that is stored and loaded again between any two steps."""

    def __init__(self, given: Procedure, key: str = "p", *, at: datetime = NOON, **variables: Any) -> None:
        self.procedure, self.definition, self.at = given, given.processes[key], at
        self.trace: list[TraceEntry] = []
        self.sent: list[Any] = []
        self.blobs: list[bytes] = []
        self.functions = FUNCTIONS
        self.machine = Machine.start(self.definition, given, variables, at, self.functions)
        self.go_on()

    def go_on(self) -> None:
        self.machine.advance(self.at)
        self.trace += self.machine.drain_trace()
        self.sent += self.machine.drain_sent()
        self.blobs.append(self.machine.dump())
        self.machine = Machine.load(self.definition, self.procedure, self.blobs[-1], self.functions)

    @property
    def open(self) -> list[str]:
        """Ids of the open user tasks, sorted."""
        return sorted(one.element_id for one in self.machine.user_tasks())

    @property
    def waits(self) -> list[str]:
        return sorted(one.element_id for one in self.machine.waits())

    @property
    def timers(self) -> list[str]:
        return sorted(one.element_id for one in self.machine.timers())

    @property
    def completed(self) -> bool:
        return self.machine.completed

    def task(self, element_id: str) -> Any:
        return next(one for one in self.machine.user_tasks() if one.element_id == element_id)

    def wait(self, element_id: str) -> Any:
        return next(one for one in self.machine.waits() if one.element_id == element_id)

    def timer(self, element_id: str) -> Any:
        return next(one for one in self.machine.timers() if one.element_id == element_id)

    def do(self, *elements: str, **variables: Any) -> "Run":
        """Complete the open tasks of these elements, one after the other, with the same variables."""
        for element_id in elements:
            self.machine.complete(self.task(element_id).ref, variables, self.at)
            self.go_on()
        return self

    def deliver(self, element_id: str, **payload: Any) -> "Run":
        self.machine.deliver(self.wait(element_id).ref, payload, self.at)
        self.go_on()
        return self

    def fire(self, element_id: str) -> "Run":
        found = self.timer(element_id)
        self.at = max(self.at, found.due_at)
        self.machine.fire(found.ref, self.at)
        self.go_on()
        return self

    def operate(self, value: Any = None) -> "Run":
        """Finish the oldest waiting operation; service tasks are not stored, so there is no reload before."""
        self.machine.finish_operation(self.machine.operations()[0].ref, value, self.at)
        self.go_on()
        return self

    def targets(self, element_id: str) -> dict[str, Any]:
        found = self.machine.return_targets(self.task(element_id).ref)
        return {one.element_id: one for one in found}

    def back(self, element_id: str, to: str) -> "Run":
        target = self.targets(element_id)[to]
        assert target.refusal is None
        self.machine.return_to(target.ref, self.at)
        self.go_on()
        return self

    def events(self, *kinds: str) -> list[str]:
        """The trace as `element event`, only of these events if any are named."""
        return [f"{one.element_id} {one.event}" for one in self.trace if not kinds or one.event in kinds]

    @property
    def standing(self) -> set[str]:
        """Elements the trace says the process stands at: entered more often than left."""
        counts: dict[tuple[str, str], int] = {}
        for one in self.trace:
            key = (one.process_key, one.element_id)
            counts[key] = counts.get(key, 0) + (1 if one.event == "entered" else -1)
        assert all(number >= 0 for number in counts.values()), counts
        return {element_id for (_, element_id), number in counts.items() if number}
