"""Reads one BPMN file: its single process, flow nodes, flows, lanes and messages, with problems by line."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath

from service.engine.expressions import Expression, ExpressionError, Script, compile_script
from service.engine.extensions import BPMN, Extensions, attribute, check_places, name_of, own, words
from service.engine.model import Element
from service.engine.problems import Allowance, Findings
from service.engine.xml import Node, XmlError, child, children, line_of, local, namespace, parse_xml, text_of
from service.errors import Text

#: What may stand in a process and run: everything else is refused by name.
EVENTS = frozenset(
    {"startEvent", "endEvent", "intermediateCatchEvent", "intermediateThrowEvent", "boundaryEvent"}
)
TASKS = frozenset(
    {"userTask", "serviceTask", "scriptTask", "businessRuleTask", "sendTask", "receiveTask", "callActivity"}
)
GATEWAYS = frozenset({"exclusiveGateway", "parallelGateway", "eventBasedGateway"})
FLOW_NODES = EVENTS | TASKS | GATEWAYS | {"subProcess"}

#: Names with which a node may be drawn although nothing runs there.
DRAWINGS = frozenset(
    {
        "documentation", "extensionElements", "laneSet", "sequenceFlow", "textAnnotation", "association", "group",
        "incoming", "outgoing", "multiInstanceLoopCharacteristics", "auditing", "monitoring",
    }
)  # fmt: skip

#: What others name by its id, or problems point at.
_NEED_ID = FLOW_NODES | {"sequenceFlow", "message"}
_ID = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,119}")
_MOST_NODES = 300
_MOST_FLOWS = 900
_MOST_LANES = 40
_LONGEST_MESSAGE = 80


@dataclass(frozen=True, slots=True)
class Flow:
    """A sequence flow, with its compiled condition."""

    id: str
    source: str
    target: str
    condition: Expression | None
    conditional: bool
    node: Node


@dataclass(slots=True)
class Diagram:
    """One BPMN file as it was drawn, before it is checked against the others."""

    key: str
    file: str
    data: bytes
    root: Node
    process: Node
    findings: Findings
    name: Text
    title: Expression | None = None
    starters: tuple[str, ...] = ()
    own_matter: bool = False
    nodes: dict[str, Node] = field(default_factory=dict)
    scopes: dict[str, str] = field(default_factory=dict)
    flows: dict[str, Flow] = field(default_factory=dict)
    elements: dict[str, Element] = field(default_factory=dict)
    scripts: dict[str, Script] = field(default_factory=dict)
    strange: list[Node] = field(default_factory=list)
    lane_roles: list[tuple[Node, str]] = field(default_factory=list)
    incoming: dict[str, list[Flow]] = field(default_factory=dict)
    outgoing: dict[str, list[Flow]] = field(default_factory=dict)

    def definitions_of(self, node: Node) -> list[Node]:
        """Return the event definitions of an event."""
        return [one for one in children(node, BPMN) if local(one).endswith("EventDefinition")]

    def starts(self, scope: str) -> list[str]:
        """Return the ids of the start events of the process or subprocess `scope`."""
        return [
            key
            for key, node in self.nodes.items()
            if local(node) == "startEvent" and self.scopes[key] == scope
        ]

    @property
    def starts_on(self) -> str | None:
        """Return the name of the message that starts the process, None for a plain start."""
        for key in self.starts(self.key):
            receive = self.elements[key].receive
            if receive is not None:
                return receive.message
        return None

    @property
    def start_form(self) -> str | None:
        """Return the form of the plain start event."""
        return next(
            (self.elements[key].form for key in self.starts(self.key) if self.elements[key].form), None
        )


def read_diagram(file: str, data: bytes, whole: Allowance | None = None) -> tuple[Diagram | None, Findings]:
    """Return the diagram of one file and what is wrong with it; None if there is nothing to go on with.

    `whole` is what all files together may still have compiled.
    """
    findings = Findings(file)
    try:
        root = parse_xml(data)
    except XmlError as error:
        findings.error("not-xml", error.text.zh, error.text.en, line=error.facts.get("line"))
        return None, findings
    if namespace(root) != BPMN or local(root) != "definitions":
        findings.error(
            "not-bpmn",
            "不是 BPMN 2.0 文件：根元素应是 definitions",
            "not a BPMN 2.0 file: its root is not definitions",
            root,
        )
        return None, findings
    process = _only_process(root, findings)
    _check_ids(root, findings)
    check_places(root, findings)
    if process is None:
        return None, findings
    key = process.get("id", "")
    if key != PurePosixPath(file).stem:
        findings.error(
            "id-not-file-name",
            f"流程编号“{key}”应与文件名“{PurePosixPath(file).stem}”相同",
            f"the process id “{key}” must be the file's name “{PurePosixPath(file).stem}”",
            process,
        )
    diagram = Diagram(key, file, data, root, process, findings, name_of(process))
    return (diagram if _read_process(diagram, whole) else None), findings


def _only_process(root: Node, findings: Findings) -> Node | None:
    processes = children(root, BPMN, "process")
    if len(processes) == 1:
        return processes[0]
    findings.error(
        "not-one-process",
        f"一个文件应有一个流程，这里有 {len(processes)} 个；不同的人的工作分成几个文件，用消息相连",
        f"a file holds one process, this one {len(processes)}; split other people's work into files joined by "
        "messages",
        processes[1] if processes else root,
    )
    return None


def _check_ids(root: Node, findings: Findings) -> None:
    seen: set[str] = set()
    for node in root.iter():
        if namespace(node) != BPMN:
            continue
        key = node.get("id")
        if not key and local(node) in _NEED_ID:
            called = (node.get("name") or "").strip()[:40]
            findings.error(
                "id-missing",
                f'{local(node)}{f"“{called}”" if called else ""}没有编号；请写 id，例如 id="{local(node)}_1"',
                f"a {local(node)}{f' “{called}”' if called else ''} has no id; write one, such as "
                f'id="{local(node)}_1"',
                node,
            )
        if not key:
            continue
        if key in seen:
            findings.error(
                "duplicate-id", f"编号 {key[:60]} 出现两次", f"the id {key[:60]} occurs twice", node
            )
        elif not _ID.fullmatch(key):
            findings.error(
                "bad-id",
                f"编号“{key[:60]}”不合要求：以字母开头，由字母、数字、下划线、连字符组成",
                f"the id “{key[:60]}” does not do: begin with a letter, use letters, digits, underscores, hyphens",
                node,
            )
        seen.add(key)


def _read_process(diagram: Diagram, whole: Allowance | None) -> bool:
    findings, process = diagram.findings, diagram.process
    reader = Extensions(findings, whole)
    diagram.title = reader.marked(process, "title")
    diagram.starters = words(process, "starters")
    matter = attribute(process, "matter")
    if matter not in (None, "own"):
        findings.error(
            "bad-choice", "cl:matter 只能写 own，或不写", "cl:matter is “own” or left out", process
        )
    diagram.own_matter = matter == "own"
    _collect(diagram, process, diagram.key)
    flows = list(process.iter(f"{{{BPMN}}}sequenceFlow"))
    lanes_drawn = list(process.iter(f"{{{BPMN}}}lane"))
    for count, most, zh, en in (
        (len(diagram.nodes), _MOST_NODES, "节点", "nodes"),
        (len(flows), _MOST_FLOWS, "连线", "flows"),
        (len(lanes_drawn), _MOST_LANES, "泳道", "lanes"),
    ):
        if count > most:
            findings.error(
                "too-large",
                f"流程有 {count} 个{zh}，最多 {most} 个；请拆成几个流程",
                f"the process has {count} {en}, {most} at most; split it",
                process,
            )
            # Reading on would cost what the limit is there to save.
            return False
    lanes = _lanes(diagram)
    messages = {one.get("id", ""): one for one in children(diagram.root, BPMN, "message")}
    for key, node in diagram.nodes.items():
        lane, role = lanes.get(key, (None, None))
        element = Element(
            id=key, type=local(node), name=name_of(node), line=line_of(node) or 0, lane=lane, role=role
        )
        if element.type == "callActivity":
            element = replace(element, calls=node.get("calledElement"))
        if element.type in EVENTS:
            element = _event(diagram, reader, node, element)
        diagram.elements[key] = reader.describe(node, element, _message(diagram, node, messages))
        if element.type == "scriptTask":
            _script(diagram, reader, node)
    for node in flows:
        _flow(diagram, reader, node)
    return True


def _collect(diagram: Diagram, container: Node, scope: str) -> None:
    for node in children(container, BPMN):
        kind = local(node)
        key = node.get("id", "")
        if kind in FLOW_NODES:
            if not key:
                # Told already; without an id there is nothing to join it to.
                continue
            diagram.nodes[key] = node
            diagram.scopes[key] = scope
            diagram.incoming[key], diagram.outgoing[key] = [], []
            if kind == "subProcess":
                _collect(diagram, node, key)
        elif kind not in DRAWINGS:
            diagram.strange.append(node)


def _lanes(diagram: Diagram) -> dict[str, tuple[str, str | None]]:
    found: dict[str, tuple[str, str | None]] = {}
    placed: dict[str, Node] = {}
    # Outer lanes come first in the document, so that an inner lane, being nearer, has the last word.
    for lane in diagram.process.iter(f"{{{BPMN}}}lane"):
        role = attribute(lane, "role")
        name = lane.get("name") or lane.get("id") or ""
        if role is not None:
            diagram.lane_roles.append((lane, role))
        for reference in children(lane, BPMN, "flowNodeRef"):
            key = text_of(reference)
            if key in diagram.nodes:
                before = placed.setdefault(key, lane)
                if before is not lane and before not in lane.iterancestors():
                    diagram.findings.error(
                        "two-lanes",
                        f"“{name_of(diagram.nodes[key]).zh}”同时在两条泳道“{name_of(before).zh}”和“{name}”里，"
                        "不知道由谁办；请只放在一条里",
                        f"“{name_of(diagram.nodes[key]).en}” is in two lanes, “{name_of(before).en}” and "
                        f"“{name}”: who does it; put it into one",
                        diagram.nodes[key],
                    )
                placed[key] = lane
                found[key] = (name, role if role is not None else found.get(key, ("", None))[1])
            else:
                diagram.findings.error(
                    "lane-unknown-node",
                    f"泳道“{name}”里的 {key[:60]} 不存在",
                    f"lane “{name}” names {key[:60]}, which does not exist",
                    lane,
                )
    return found


def _event(diagram: Diagram, reader: Extensions, node: Node, element: Element) -> Element:
    if element.type == "boundaryEvent":
        element = replace(
            element,
            attached_to=node.get("attachedToRef"),
            interrupting=node.get("cancelActivity", "true") != "false",
        )
    timers = [one for one in diagram.definitions_of(node) if local(one) == "timerEventDefinition"]
    if not timers:
        return element
    times = children(timers[0], BPMN, "timeDuration", "timeDate", "timeCycle")
    if len(times) != 1 or local(times[0]) == "timeCycle":
        cycle = any(local(one) == "timeCycle" for one in times)
        diagram.findings.error(
            "timer-cycle" if cycle else "timer-missing",
            "不支持循环定时（timeCycle）：停机后会一次补发，按月会漂移；请画一条回到定时事件的流，每次算出下一个日期"
            if cycle
            else "定时事件要写一个时长（timeDuration）或日期（timeDate）",
            "timer cycles are not supported: they fire in a burst after downtime and drift from months; draw a "
            "flow back to a timer that reckons its next day"
            if cycle
            else "a timer needs one timeDuration or one timeDate",
            node,
        )
        return element
    return replace(element, timer=reader.deadline(times[0], text_of(times[0])))


def _message(diagram: Diagram, node: Node, messages: Mapping[str, Node]) -> str | None:
    if local(node) in ("sendTask", "receiveTask"):
        holder: Node = node
    else:
        found = [one for one in diagram.definitions_of(node) if local(one) == "messageEventDefinition"]
        if not found:
            if own(node, "send") or (own(node, "receive") or own(node, "variable")):
                diagram.findings.error(
                    "not-a-message",
                    "这里写了 cl:send 或 cl:receive，但事件不是消息事件；请改画成消息事件",
                    "cl:send or cl:receive stands here, but the event is no message event; draw a message event",
                    node,
                )
            return None
        holder = found[0]
    reference = (holder.get("messageRef") or "").rpartition(":")[2]
    message = messages.get(reference)
    name = "" if message is None else (message.get("name") or "").strip()
    if not name:
        diagram.findings.error(
            "message-missing",
            "没有选定消息，或消息没有名称；请在属性栏选一个有名称的消息",
            "no message is chosen, or it has no name; choose a named message",
            node,
        )
        return None
    if len(name) > _LONGEST_MESSAGE:
        diagram.findings.error(
            "message-too-long",
            f"消息名称“{name[:40]}…”有 {len(name)} 个字，最多 {_LONGEST_MESSAGE} 个",
            f"the message name “{name[:40]}…” has {len(name)} characters, {_LONGEST_MESSAGE} at most",
            node,
        )
        return None
    return name


def _script(diagram: Diagram, reader: Extensions, node: Node) -> None:
    language = (node.get("scriptFormat") or "").strip().lower()
    if language not in ("", "python", "text/python", "text/x-python", "application/x-python"):
        diagram.findings.error(
            "script-language",
            f"不支持脚本语言 {language[:40]}；脚本由“变量 = 表达式”的行组成，scriptFormat 留空",
            f"the script language {language[:40]} is not supported; write lines “name = expression” and leave "
            "scriptFormat empty",
            node,
        )
        return
    script = child(node, BPMN, "script")
    source = "" if script is None else "".join(str(part) for part in script.itertext())
    if not source.strip():
        diagram.findings.error("script-empty", "脚本任务没有脚本", "the script task has no script", node)
        return
    if not reader.affords(node, source):
        return
    skipped = len(source) - len(source.lstrip())
    line = (line_of(script) or 0) + source.count("\n", 0, skipped) if script is not None else 0
    # Lines of a script in a diagram are often indented as the XML around them.
    text = "\n".join(one.strip() for one in source.strip().splitlines())
    try:
        diagram.scripts[node.get("id", "")] = compile_script(text, file=diagram.file, line=line)
    except ExpressionError as error:
        diagram.findings.error(
            "bad-script", error.text.zh, error.text.en, node, line=error.facts.get("line") or line
        )


def _flow(diagram: Diagram, reader: Extensions, node: Node) -> None:
    key, source, target = (node.get(name) or "" for name in ("id", "sourceRef", "targetRef"))
    if not key:
        return
    if source not in diagram.nodes or target not in diagram.nodes:
        diagram.findings.error(
            "flow-unconnected",
            f"连线 {key[:60]} 没有连在两个可执行的节点之间；请重画",
            f"the flow {key[:60]} does not join two nodes that run; draw it again",
            node,
        )
        return
    if diagram.scopes[source] != diagram.scopes[target]:
        diagram.findings.error(
            "flow-crosses",
            f"连线 {key} 穿过子流程的边界；连到子流程本身",
            f"the flow {key} crosses the border of a subprocess; draw it to the subprocess itself",
            node,
        )
        return
    condition = child(node, BPMN, "conditionExpression")
    text = text_of(condition)
    compiled = reader.expression(node, text) if text else None
    flow = Flow(key, source, target, compiled, bool(text), node)
    diagram.flows[key] = flow
    diagram.outgoing[source].append(flow)
    diagram.incoming[target].append(flow)
