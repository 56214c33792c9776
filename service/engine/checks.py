"""Refuses, by name, what goes wrong in one diagram: starts, flows, gateways, events on borders."""

from service.engine import ignored, paths, unsupported
from service.engine.diagram import GATEWAYS, TASKS, Diagram
from service.engine.extensions import BPMN
from service.engine.model import Element
from service.engine.xml import Node, children, local

#: Steps that wait, and so may carry a boundary event.
_CAN_BE_INTERRUPTED = frozenset({"userTask", "receiveTask", "callActivity", "subProcess"})


def check_diagram(diagram: Diagram) -> None:
    """Report to the diagram's findings what in it cannot run, taken by itself."""
    unsupported.check_content(diagram)
    ignored.check_ignored(diagram)
    for scope in [diagram.key, *(key for key, node in diagram.nodes.items() if local(node) == "subProcess")]:
        _check_start(diagram, scope)
    for key, element in diagram.elements.items():
        node = diagram.nodes[key]
        _check_flows(diagram, element, node)
        if element.type == "boundaryEvent":
            _check_boundary(diagram, element, node)
        elif element.type == "eventBasedGateway":
            _check_event_gateway(diagram, node)
        elif element.type == "exclusiveGateway":
            _check_exclusive(diagram, node)
        elif element.type in ("intermediateCatchEvent", "receiveTask"):
            _check_catch(diagram, element, node)
        if element.type in TASKS | {"subProcess"} and element.type != "userTask":
            for loop in children(node, BPMN, "multiInstanceLoopCharacteristics"):
                diagram.findings.error(
                    "spread-not-user-task",
                    f"“{element.name.zh}”不能多实例：只有用户任务可以分给多人；要对每一项各办一件事，"
                    "请用 <cl:send each=… item=…> 为每一项启动一个流程",
                    f"“{element.name.en}” cannot be multi-instance: only user tasks can; to do something for each, "
                    "start a process for each with <cl:send each=… item=…>",
                    loop,
                )
    paths.check_paths(diagram)


def _check_start(diagram: Diagram, scope: str) -> None:
    findings = diagram.findings
    top = scope == diagram.key
    holder = diagram.process if top else diagram.nodes[scope]
    starts = diagram.starts(scope)
    if not starts:
        findings.error(
            "no-start",
            "没有开始事件；请画一个，并从它连到第一步",
            "there is no start event; draw one and lead a flow from it to the first step",
            holder,
        )
    kinds = ["timer" if diagram.elements[one].timer else "message" if diagram.elements[one].receive else "plain"
             for one in starts]  # fmt: skip
    if "message" in kinds and "plain" in kinds:
        findings.error(
            "two-starts",
            "普通开始和消息开始不能在同一流程：引擎总是从普通开始走；请拆成两个流程，"
            "或让普通开始的流程发出这条消息",
            "a plain and a message start cannot be in one process: the plain one always wins; make two processes, or "
            "let the plain one send the message",
            diagram.nodes[starts[1]],
        )
    elif len(starts) > 1:
        findings.error(
            "two-starts",
            f"有 {len(starts)} 个开始事件，只能有一个；请合并，或拆成几个流程",
            f"there are {len(starts)} start events, one is allowed; join them or split the process",
            diagram.nodes[starts[1]],
        )
    for key, kind in zip(starts, kinds, strict=True):
        node, element = diagram.nodes[key], diagram.elements[key]
        if kind == "timer" or (not top and kind != "plain"):
            findings.error(
                "start-kind",
                "定时开始不支持，子流程只能用普通开始；请在前面画一个定时或消息的中间事件",
                "a timer start is not supported and a subprocess begins plainly; draw an intermediate event before",
                node,
            )
        if element.form is not None and (kind == "message" or not top):
            findings.error(
                "start-form",
                "只有流程的普通开始可以有表单（cl:form）：消息启动时没有人填写；请加一个用户任务",
                "only a process's plain start has a form: nobody fills it in when a message starts; add a user task",
                node,
            )
        if kind == "message" and diagram.starters:
            findings.error(
                "starters-on-message",
                "由消息启动的流程没有人工发起，cl:starters 不起作用；请删去它，或改成普通开始",
                "a process started by a message is started by nobody, cl:starters has no effect; delete it, or use a "
                "plain start",
                diagram.process,
            )


def _check_flows(diagram: Diagram, element: Element, node: Node) -> None:
    findings = diagram.findings
    outgoing, incoming = diagram.outgoing[element.id], diagram.incoming[element.id]
    kind = element.type
    if kind == "endEvent" and outgoing:
        findings.error(
            "flow-from-end", "结束事件之后不能再有连线", "no flow leaves an end event", outgoing[0].node
        )
    elif kind != "endEvent" and not outgoing:
        findings.error(
            "dead-end",
            f"“{element.name.zh}”之后没有连线，流程会停在这里；请连到下一步或结束事件",
            f"no flow leaves “{element.name.en}”; lead it to the next step or to an end event",
            node,
        )
    elif kind not in GATEWAYS and len(outgoing) > 1:
        findings.error(
            "several-flows",
            f"“{element.name.zh}”之后有 {len(outgoing)} 条连线；二选一请加排他网关，同时进行请加并行网关",
            f"{len(outgoing)} flows leave “{element.name.en}”; put an exclusive gateway (one of them) or a parallel "
            "gateway (all of them) there",
            node,
        )
    if kind in ("startEvent", "boundaryEvent") and incoming:
        findings.error(
            "flow-into-start",
            f"不能有连线进入“{element.name.zh}”；请连到它之后的步骤",
            f"no flow enters “{element.name.en}”; lead it to the step behind it",
            incoming[0].node,
        )
    if kind != "exclusiveGateway":
        for flow in outgoing:
            if flow.conditional:
                findings.error(
                    "condition-misplaced",
                    f"从“{element.name.zh}”出来的连线不能带条件；条件只写在排他网关出来的连线上",
                    f"a flow from “{element.name.en}” has no condition; conditions stand on flows that leave an "
                    "exclusive gateway",
                    flow.node,
                )
        if node.get("default"):
            findings.error(
                "default-misplaced",
                f"“{element.name.zh}”不能有默认连线；默认连线属于排他网关",
                f"“{element.name.en}” has no default flow; that belongs to an exclusive gateway",
                node,
            )
    if len(diagram.definitions_of(node)) > 1:
        findings.error(
            "several-definitions",
            f"“{element.name.zh}”同时是几种事件；请拆成几个事件",
            f"“{element.name.en}” is several kinds of event at once; draw several events",
            node,
        )


def _check_boundary(diagram: Diagram, element: Element, node: Node) -> None:
    findings = diagram.findings
    host = diagram.elements.get(element.attached_to or "")
    if host is None or diagram.scopes.get(host.id) != diagram.scopes[element.id]:
        findings.error(
            "boundary-loose",
            f"边界事件“{element.name.zh}”没有贴在任何步骤上；请把它拖到一个步骤的边上",
            f"the boundary event “{element.name.en}” sits on no step; drag it onto the border of one",
            node,
        )
    elif host.type not in _CAN_BE_INTERRUPTED:
        findings.error(
            "boundary-unsuitable",
            f"边界事件“{element.name.zh}”贴在“{host.name.zh}”上不会发生：这一步不等待；"
            "请贴在用户任务、接收任务、子流程或调用活动上",
            f"the boundary event “{element.name.en}” on “{host.name.en}” never happens: that step does not wait; put "
            "it on a user task, receive task, subprocess or call activity",
            node,
        )
    if element.timer is None and element.receive is None and not diagram.definitions_of(node):
        findings.error(
            "event-kind",
            f"边界事件“{element.name.zh}”要是消息或定时事件",
            f"the boundary event “{element.name.en}” must be a message or a timer",
            node,
        )


def _check_catch(diagram: Diagram, element: Element, node: Node) -> None:
    if element.type == "intermediateCatchEvent" and not diagram.definitions_of(node):
        diagram.findings.error(
            "event-kind",
            f"中间事件“{element.name.zh}”要是消息或定时事件，否则不知道等什么",
            f"the event “{element.name.en}” must be a message or a timer: what else would it wait for",
            node,
        )


def _check_event_gateway(diagram: Diagram, node: Node) -> None:
    findings = diagram.findings
    flows = diagram.outgoing[node.get("id", "")]
    if len(flows) < 2:
        findings.error(
            "event-gateway",
            "事件网关之后至少要有两个事件；只等一件事就直接画那个事件",
            "an event gateway leads to two events or more; to wait for one thing draw that event alone",
            node,
        )
    targets = [diagram.elements[flow.target] for flow in flows]
    for target in targets:
        if target.type not in ("intermediateCatchEvent", "receiveTask"):
            findings.error(
                "event-gateway",
                f"事件网关之后只能是消息或定时的中间事件、接收任务，不能是“{target.name.zh}”",
                f"an event gateway leads to message or timer events and receive tasks, not to “{target.name.en}”",
                diagram.nodes[target.id],
            )
        elif len(diagram.incoming[target.id]) > 1:
            findings.error(
                "event-gateway",
                f"“{target.name.zh}”还有别的连线进入；事件网关之后的事件只能由网关进入",
                f"another flow enters “{target.name.en}”; an event behind an event gateway is entered from it only",
                diagram.nodes[target.id],
            )
    timers = [one for one in targets if one.timer is not None]
    if len(timers) > 1:
        findings.error(
            "two-timers",
            f"事件网关之后有 {len(timers)} 个定时事件，第二个不会发生；请只留最早的一个："
            "用 =min(甲, 乙) 算出时刻，之后再用排他网关区分",
            f"{len(timers)} timers follow the event gateway and only one would fire; keep the earliest, such as "
            "=min(a, b), and tell them apart by an exclusive gateway behind",
            diagram.nodes[timers[1].id],
        )


def _check_exclusive(diagram: Diagram, node: Node) -> None:
    findings = diagram.findings
    key = node.get("id", "")
    name = diagram.elements[key].name
    flows = diagram.outgoing[key]
    default = node.get("default")
    if default and default not in {flow.id for flow in flows}:
        findings.error(
            "default-unknown",
            f"网关“{name.zh}”的默认连线 {default[:60]} 不从它出发",
            f"the default flow {default[:60]} of the gateway “{name.en}” does not leave it",
            node,
        )
        return
    if len(flows) < 2:
        for flow in flows:
            if flow.conditional:
                findings.error(
                    "condition-alone",
                    f"网关“{name.zh}”只有一条出线却带条件，不成立时流程就停住；请再画一条默认连线",
                    f"the only flow out of “{name.en}” has a condition and the process stops when it fails; draw a "
                    "default flow too",
                    flow.node,
                )
        return
    for flow in flows:
        if flow.id == default and flow.conditional:
            findings.error(
                "default-with-condition",
                f"默认连线“{flow.node.get('name') or flow.id}”不能带条件：别的都不成立时才走它",
                f"the default flow “{flow.node.get('name') or flow.id}” has no condition: it is taken when no other is",
                flow.node,
            )
        elif flow.id != default and not flow.conditional:
            findings.error(
                "condition-missing",
                f"从网关“{name.zh}”出来的连线“{flow.node.get('name') or flow.id}”没有条件；请写条件，或设为默认连线",
                f"the flow “{flow.node.get('name') or flow.id}” out of “{name.en}” has no condition; write one, or "
                "make it the default",
                flow.node,
            )
