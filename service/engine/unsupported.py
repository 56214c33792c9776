"""Elements and attributes the engine has no working form of are refused by name, with what to draw instead."""

import re
from collections.abc import Mapping

from service.engine.diagram import GATEWAYS, Diagram
from service.engine.extensions import BPMN
from service.engine.xml import Node, children, line_of, local, namespace
from service.errors import Text

#: Elements that cannot run, with what to draw instead.
_INSTEAD: Mapping[str, Text] = {
    "task": Text(
        "没有类型的任务；请选定类型，由人办理的用 userTask", "an untyped task; use a userTask for people"
    ),
    "manualTask": Text("手工任务；请用 userTask，由经办人点按钮确认", "a manual task; use a userTask"),
    "inclusiveGateway": Text(
        "包容网关；请用并行网关，并在每个分支里各放一个排他网关",
        "an inclusive gateway; use a parallel gateway with an exclusive gateway in each branch",
    ),
    "complexGateway": Text(
        "复杂网关；请用排他、并行或事件网关", "a complex gateway; use exclusive, parallel or event gateways"
    ),
    "transaction": Text("事务子流程；请用普通子流程", "a transaction; use a subprocess"),
    "adHocSubProcess": Text(
        "即席子流程；请把步骤按先后画出来，或用并行网关", "an ad hoc subprocess; draw the order of its steps"
    ),
    "dataObject": Text("数据对象；变量无需声明，说明请用文字注释", "a data object; use a text annotation"),
    "dataObjectReference": Text(
        "数据对象；变量无需声明，说明请用文字注释", "a data object; use a text annotation"
    ),
    "dataStoreReference": Text("数据存储；说明请用文字注释", "a data store; use a text annotation"),
    "ioSpecification": Text(
        "输入输出声明；变量无需声明，请删去", "inputs and outputs; variables need no declaration"
    ),
    "property": Text("属性声明；变量无需声明，请删去", "a property; variables need no declaration"),
    "dataInputAssociation": Text("数据关联；请删去", "a data association; delete it"),
    "dataOutputAssociation": Text("数据关联；请删去", "a data association; delete it"),
    "standardLoopCharacteristics": Text(
        "循环标记；请画一条从排他网关回到前面的流",
        "a loop marker; draw a flow from an exclusive gateway back",
    ),
    "potentialOwner": Text("办理人声明；请在泳道上写 cl:role", "an owner; put cl:role on the lane"),
    "humanPerformer": Text("办理人声明；请在泳道上写 cl:role", "a performer; put cl:role on the lane"),
    "performer": Text("办理人声明；请在泳道上写 cl:role", "a performer; put cl:role on the lane"),
    "completionCondition": Text(
        "多实例的完成条件（它只看得到最后一票）；请用 <cl:vote pass=… needed=…/>",
        "a completion condition (it sees the last vote only); use <cl:vote pass=… needed=…/>",
    ),
    "loopCardinality": Text(
        "按次数的多实例；请用 loopDataInputRef 写一个名单变量",
        "a loop cardinality; name a list in loopDataInputRef",
    ),
    "loopDataOutputRef": Text(
        "多实例的输出；票数在变量 votes，各人所填用 all_submitted('表单')",
        "a multi-instance output; the counts are in votes, the forms in all_submitted('form')",
    ),
    "outputDataItem": Text(
        "多实例的输出；票数在变量 votes，各人所填用 all_submitted('表单')",
        "a multi-instance output; the counts are in votes, the forms in all_submitted('form')",
    ),
    "complexBehaviorDefinition": Text(
        "多实例的事件行为；请用 <cl:vote>", "multi-instance behaviour; use <cl:vote>"
    ),
    "signalEventDefinition": Text("信号事件；请用消息事件", "a signal event; use a message event"),
    "errorEventDefinition": Text(
        "错误事件；请用按钮（cl:outcome）或操作结果，加排他网关",
        "an error event; use an outcome and a gateway",
    ),
    "escalationEventDefinition": Text(
        "升级事件；请用消息事件，或不中断的定时边界事件",
        "an escalation; use a message, or a timer on the border that does not interrupt",
    ),
    "compensateEventDefinition": Text(
        "补偿事件；请把撤销的步骤画出来，或由经办人退回",
        "a compensation; draw the steps that undo, or return",
    ),
    "conditionalEventDefinition": Text(
        "条件事件（数据变了也不会醒来）；请用消息或定时事件",
        "a conditional event (changed data does not wake it); use a message or a timer",
    ),
    "linkEventDefinition": Text("链接事件；请直接画连线", "a link event; draw the flow itself"),
    "cancelEventDefinition": Text("取消事件；请用终止结束事件", "a cancel event; use a terminate end event"),
}
_COMMON = frozenset({"documentation", "extensionElements", "incoming", "outgoing", "auditing", "monitoring"})
_REPEATED = frozenset({"multiInstanceLoopCharacteristics"})
_EVENT = _COMMON | {"messageEventDefinition", "timerEventDefinition"}
#: What may stand inside each kind of node.
_INSIDE: Mapping[str, frozenset[str]] = {
    "scriptTask": _COMMON | {"script"},
    **dict.fromkeys(
        ("userTask", "serviceTask", "sendTask", "receiveTask", "businessRuleTask"), _COMMON | _REPEATED
    ),
    "callActivity": _COMMON | _REPEATED,
    **dict.fromkeys(("startEvent", "intermediateCatchEvent", "boundaryEvent"), _EVENT),
    "intermediateThrowEvent": _COMMON | {"messageEventDefinition"},
    "endEvent": _COMMON | {"messageEventDefinition", "terminateEventDefinition"},
    "multiInstanceLoopCharacteristics": _COMMON | {"loopDataInputRef", "inputDataItem"},
    **dict.fromkeys(GATEWAYS, _COMMON),
}
_AT_TOP = frozenset(
    {"process", "message", "collaboration", "category", "itemDefinition", "extensionElements", "extension"}
    | {"documentation", "error", "signal", "escalation"}
)
#: Attributes that are ignored or misread unless they have this value.
_FIXED: Mapping[str, str] = {
    "isForCompensation": "false",
    "startQuantity": "1",
    "completionQuantity": "1",
    "triggeredByEvent": "false",
    "parallelMultiple": "false",
    "instantiate": "false",
    "behavior": "All",
}


#: Where the picture says a shape or a bend of a flow is.
_PLACES = (
    ("http://www.omg.org/spec/DD/20100524/DC", "Bounds", ("x", "y", "width", "height")),
    ("http://www.omg.org/spec/DD/20100524/DI", "waypoint", ("x", "y")),
)
_NUMBER = re.compile(r"[+-]?(\d{1,9}(\.\d{0,20})?|\.\d{1,20})([eE][+-]?\d{1,2})?")


def check_content(diagram: Diagram) -> None:
    """Report to the diagram's findings every element and attribute that has no working form in the engine."""
    findings = diagram.findings
    if diagram.process.get("isExecutable") != "true":
        findings.error(
            "not-executable",
            '流程没有标为可执行；请写 isExecutable="true"',
            'the process is not marked executable; write isExecutable="true"',
            diagram.process,
        )
    for node in children(diagram.root, BPMN):
        if local(node) not in _AT_TOP:
            _refuse(diagram, node)
    for node in diagram.strange:
        _refuse(diagram, node)
    for node in diagram.process.iter(f"{{{BPMN}}}*"):
        allowed = _INSIDE.get(local(node))
        if allowed is not None:
            for inner in children(node, BPMN):
                if local(inner) not in allowed:
                    _refuse(diagram, inner)
        for name, usual in _FIXED.items():
            given = node.get(name)
            if given is not None and given != usual:
                findings.error(
                    "unsupported-attribute",
                    f"不支持 {name}=“{given[:40]}”；请删去这个属性"
                    + ("，并用边界事件代替事件子流程" if name == "triggeredByEvent" else ""),
                    f"{name}=“{given[:40]}” is not supported; delete the attribute"
                    + (
                        " and use boundary events instead of an event subprocess"
                        if name == "triggeredByEvent"
                        else ""
                    ),
                    node,
                )
    _check_picture(diagram)
    for node in diagram.root.iter():
        if "spiffworkflow" in namespace(node):
            findings.error(
                "engine-extension",
                f"不能直接使用引擎的扩展 {local(node)[:40]}；请改用 cl: 扩展",
                f"the engine's own extension {local(node)[:40]} cannot be used; use the cl: extensions",
                node,
            )
            break


def _check_picture(diagram: Diagram) -> None:
    """Report shapes and flows whose places are no numbers: no picture can be drawn from them."""
    for uri, name, places in _PLACES:
        for node in diagram.root.iter(f"{{{uri}}}{name}"):
            wrong = next((one for one in places if not _NUMBER.fullmatch(node.get(one, ""))), None)
            if wrong is None:
                continue
            shown = next((one for one in node.iterancestors() if one.get("bpmnElement")), None)
            drawn = "" if shown is None else shown.get("bpmnElement", "")
            flow = diagram.flows.get(drawn)
            diagram.findings.error(
                "bad-shape",
                f"图形“{drawn[:60]}”的 {name} 的 {wrong}=“{node.get(wrong, '')[:40]}”不是数字；"
                "请在图上把它重新摆放一次，或用 tools/layout.py 重排全图",
                f"{wrong}=“{node.get(wrong, '')[:40]}” of the {name} of “{drawn[:60]}” is no number; move it in the "
                "picture, or have tools/layout.py draw all anew",
                flow.node if flow is not None else diagram.nodes.get(drawn, node),
                line=line_of(node),
            )


def _refuse(diagram: Diagram, node: Node) -> None:
    name = local(node)
    known = _INSTEAD.get(name)
    holder = node.getparent()
    place = local(holder) if holder is not None else ""
    if known is not None:
        zh, en = f"不支持{known.zh}", f"not supported: {known.en}"
    else:
        zh = f"{place} 里不支持 {name}；请删去它，或用任务、网关、消息和定时事件来画"
        en = f"{name} is not supported in {place}; delete it, or draw it with tasks, gateways, messages and timers"
    diagram.findings.error("unsupported-element", zh, en, node)
