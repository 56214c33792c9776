"""Turns a checked process, with the subprocesses, called processes and decisions it reaches, into Spiff's specs."""

from collections import OrderedDict
from dataclasses import dataclass
from pathlib import PurePosixPath
from threading import Lock
from typing import TypeAlias

from SpiffWorkflow.bpmn.parser.BpmnParser import BpmnParser
from SpiffWorkflow.bpmn.parser.ProcessParser import ProcessParser
from SpiffWorkflow.bpmn.parser.task_parsers import SubprocessParser
from SpiffWorkflow.bpmn.parser.TaskParser import TaskParser
from SpiffWorkflow.bpmn.parser.util import full_tag
from SpiffWorkflow.bpmn.parser.ValidationException import ValidationException

from service.engine import events, nodes
from service.engine.expressions import Expression, ExpressionError, compile_expression, compile_script
from service.engine.extensions import BPMN
from service.engine.model import Element, Procedure, ProcessDefinition
from service.engine.xml import Node as XmlNode
from service.engine.xml import child, children, line_of, local, parse_xml, text_of
from service.errors import AppError, Text

#: Built specs kept in memory; a shipped process takes some 100 kB.
MOST_KEPT = 256


class SpecError(AppError):
    """The engine cannot run the process; `facts["element"]` is the element concerned, if it is one."""


@dataclass(frozen=True, slots=True)
class Specs:
    """The specs of a process and all it reaches, by name: a process key, or `key/id` for a subprocess."""

    main: nodes.ProcessSpec
    all: dict[str, nodes.ProcessSpec]


class _NodeParser(TaskParser):  # type: ignore[misc]  # Spiff is untyped
    """Makes one node; flows are joined when all nodes of a scope exist (`_ProcessParser`)."""

    def parse_node(self) -> nodes.Node:
        """Return the node's spec, unconnected."""
        parser: _Parser = self.process_parser.parser
        element = parser.element(self.bpmn_id)
        spec: nodes.Node = self.spec_class(
            self.spec,
            element=element,
            process_key=parser.definition.key,
            description=self.get_description(),
            lane=element.lane,
            bpmn_name=element.name.zh,
        )
        _furnish(parser, spec, element, self.node)
        if local(self.node) == "subProcess":
            SubprocessParser.get_subprocess_spec(self)
        return spec


class _ProcessParser(ProcessParser):  # type: ignore[misc]  # Spiff is untyped
    """Parses every node of a process or subprocess, reachable or not, without recursion along the flows."""

    def create_spec(self) -> nodes.ProcessSpec:
        """Return an empty spec with a root of our own."""
        return nodes.ProcessSpec(self.parser.spec_name(self.bpmn_id), self.get_name(), self.filename)

    def add_tasks(self) -> None:
        """Make the nodes, then join them along the flows in the order these are drawn in the file."""
        found = [one for one in children(self.node, BPMN) if one.tag in self.parser.OVERRIDE_PARSER_CLASSES]
        for node in found:
            self.parse_node(node)
        specs = self.spec.task_specs
        for node in found:
            spec = specs[node.get("id")]
            if local(node) == "startEvent":
                self.spec.start.connect(spec)
            if local(node) == "boundaryEvent":
                specs[node.get("attachedToRef")].boundary.append(spec)
            for flow in self.get_outgoing_sequence_flows(node.get("id")):
                spec.connect(specs[flow.get("targetRef")])


_KINDS: dict[str, type[nodes.Node]] = {
    "startEvent": events.StartEvent,
    "endEvent": events.Throw,
    "intermediateThrowEvent": events.Throw,
    "sendTask": events.Throw,
    "intermediateCatchEvent": events.Catch,
    "receiveTask": events.Catch,
    "boundaryEvent": events.Boundary,
    "userTask": nodes.UserStep,
    "serviceTask": nodes.OperationStep,
    "scriptTask": nodes.ScriptStep,
    "businessRuleTask": nodes.DecisionStep,
    "callActivity": nodes.Activity,
    "subProcess": nodes.Activity,
    "exclusiveGateway": nodes.Choice,
    "parallelGateway": nodes.Parallel,
    "eventBasedGateway": events.EventChoice,
}


class _Parser(BpmnParser):  # type: ignore[misc]  # Spiff is untyped
    """Spiff's parser for one process definition; ids of subprocesses need be unique in their file only."""

    PROCESS_PARSER_CLASS = _ProcessParser
    OVERRIDE_PARSER_CLASSES = {full_tag(tag): (_NodeParser, kind) for tag, kind in _KINDS.items()}  # noqa: RUF012 - Spiff's way to be told

    def __init__(self, definition: ProcessDefinition, procedure: Procedure) -> None:
        """Parse for `definition`, whose decisions are in `procedure`."""
        super().__init__()
        self.definition = definition
        self.procedure = procedure

    def element(self, element_id: str) -> Element:
        """Return the described element."""
        return self.definition.elements[element_id]

    def spec_name(self, scope_id: str) -> str:
        """Return what the spec of the process or of one of its subprocesses is called in all of them."""
        key = self.definition.key
        return key if scope_id == key else f"{key}/{scope_id}"


def _furnish(parser: _Parser, spec: nodes.Node, element: Element, node: XmlNode) -> None:
    """Give a node what it runs by: script, table, conditions, the spec it calls, whether it terminates."""
    file = parser.definition.file
    if isinstance(spec, nodes.ScriptStep):
        script = child(node, BPMN, "script")
        text = "\n".join(line.strip() for line in text_of(script).splitlines())
        spec.script = compile_script(text, file=file, line=line_of(script))
    elif isinstance(spec, nodes.DecisionStep):
        table = parser.procedure.decisions.get(element.decision or "")
        if table is None:
            raise _unbuildable(
                f"没有决策表 {element.decision}", f"there is no decision {element.decision}", element
            )
        spec.table = table
    elif isinstance(spec, nodes.Choice):
        spec.ways = _ways(file, node)
    elif isinstance(spec, nodes.Activity):
        spec.target = parser.spec_name(element.id) if element.type == "subProcess" else element.calls or ""
    elif isinstance(spec, events.Throw):
        spec.terminates = child(node, BPMN, "terminateEventDefinition") is not None


def _ways(file: str, node: XmlNode) -> tuple[nodes.Way, ...]:
    key, default = node.get("id"), node.get("default")
    found = []
    scope = node.getparent()
    flows = [] if scope is None else children(scope, BPMN, "sequenceFlow")
    mine = [flow for flow in flows if flow.get("sourceRef") == key]
    for flow in mine:
        text = text_of(child(flow, BPMN, "conditionExpression"))
        condition: Expression | None = None
        if text and flow.get("id") != default:
            condition = compile_expression(text, file=file, line=line_of(flow))
        elif flow.get("id") != default and len(mine) > 1:
            # Checked diagrams have none; one that slipped through must not become a second default.
            continue
        found.append(nodes.Way(flow.get("targetRef") or "", condition))
    return tuple(found)


def _unbuildable(zh: str, en: str, element: Element | None = None) -> SpecError:
    return SpecError(Text(zh, en), element=None if element is None else element.id)


#: The specs of processes by their keys: each one's own and those of its subprocesses.
Made: TypeAlias = dict[str, dict[str, nodes.ProcessSpec]]


def build(definition: ProcessDefinition, procedure: Procedure, made: Made | None = None) -> Specs:
    """Return the specs of a process and of everything it calls. Raises `SpecError` when the engine cannot run it.

    What is in `made` is taken from there, and what is not is added: several processes share what they call.
    """
    found: dict[str, nodes.ProcessSpec] = {}
    _build(definition, procedure, found, {} if made is None else made, ())
    return Specs(found[definition.key], found)


def _build(
    definition: ProcessDefinition,
    procedure: Procedure,
    found: dict[str, nodes.ProcessSpec],
    made: Made,
    callers: tuple[str, ...],
) -> None:
    if definition.key in callers:
        circle = " → ".join((*callers, definition.key))
        raise _unbuildable(
            f"流程互相调用，没有尽头：{circle}", f"processes call each other without end: {circle}"
        )
    if definition.key in found:
        return
    if definition.key not in made:
        made[definition.key] = _own(definition, procedure)
    found.update(made[definition.key])
    for element in definition.elements.values():
        if element.type == "callActivity":
            called = procedure.processes.get(element.calls or "")
            if called is None:
                raise _unbuildable(
                    f"没有流程 {element.calls}", f"there is no process {element.calls}", element
                )
            _build(called, procedure, found, made, (*callers, definition.key))


def _own(definition: ProcessDefinition, procedure: Procedure) -> dict[str, nodes.ProcessSpec]:
    """Return the specs of the process itself and of its subprocesses."""
    parser = _Parser(definition, procedure)
    found: dict[str, nodes.ProcessSpec] = {}
    try:
        parser.add_bpmn_xml(parse_xml(definition.xml), PurePosixPath(definition.file).name)
        found[definition.key] = parser.get_spec(definition.key)
        pending = [found[definition.key]]
        while pending:
            for node in pending.pop().task_specs.values():
                if node.element.type == "subProcess":
                    spec = parser.get_spec(node.element.id)
                    found[spec.name] = spec
                    pending.append(spec)
    except (ValidationException, ExpressionError, LookupError, ValueError, AssertionError) as error:
        text = error.text if isinstance(error, AppError) else Text(repr(error), repr(error))
        raise SpecError(
            Text(
                f"流程 {definition.key} 无法运行：{text.zh}",
                f"process {definition.key} cannot run: {text.en}",
            ),
            element=None,
        ) from error
    return found


_kept: "OrderedDict[tuple[str, str], Specs]" = OrderedDict()
_lock = Lock()


def specs_of(definition: ProcessDefinition, procedure: Procedure, made: Made | None = None) -> Specs:
    """Return the specs of a process, built once for each content of what it reaches. Safe between threads."""
    key = (definition.key, definition.closure)
    with _lock:
        known = _kept.get(key)
        if known is not None:
            _kept.move_to_end(key)
            return known
    built = build(definition, procedure, made)
    with _lock:
        _kept[key] = built
        while len(_kept) > MOST_KEPT:
            _kept.popitem(last=False)
    return built
