"""Refuses what would stand in a diagram and be ignored without a word: repeats, and forgotten prefixes."""

from collections import Counter
from collections.abc import Mapping

from service.engine.diagram import FLOW_NODES, Diagram
from service.engine.extensions import ATTRIBUTES, BPMN, CL, ELEMENTS
from service.engine.problems import Findings
from service.engine.xml import Node, children, local, namespace

#: Elements of which only the first would be read.
_ONCE = frozenset(
    {
        "extensionElements",
        "script",
        "conditionExpression",
        "multiInstanceLoopCharacteristics",
        "loopDataInputRef",
    }
    | {"inputDataItem"}
)
_OWN_ONCE = frozenset({"send", "receive", "vote"})
#: Attributes BPMN itself knows there; those that would mean something to the engine are checked elsewhere.
_PLAIN: Mapping[str, frozenset[str]] = {
    "process": frozenset({"isExecutable", "isClosed", "processType", "definitionalCollaborationRef"}),
    "lane": frozenset({"partitionElementRef"}),
    "sequenceFlow": frozenset({"sourceRef", "targetRef", "isImmediate"}),
    "multiInstanceLoopCharacteristics": frozenset(
        {"isSequential", "behavior", "oneBehaviorEventRef", "noneBehaviorEventRef"}
    ),
    **dict.fromkeys(
        FLOW_NODES,
        frozenset({"default", "isForCompensation", "startQuantity", "completionQuantity", "attachedToRef"})
        | {"cancelActivity", "calledElement", "messageRef", "operationRef", "implementation", "scriptFormat"}
        | {"triggeredByEvent", "parallelMultiple", "isInterrupting", "gatewayDirection", "eventGatewayType"}
        | {"instantiate"},
    ),
}


def check_ignored(diagram: Diagram) -> None:
    """Report to the diagram's findings what stands there twice or lacks its prefix."""
    findings = diagram.findings
    for node in diagram.process.iter(f"{{{BPMN}}}*"):
        _check_repeats(findings, node)
        if local(node) in _PLAIN:
            _check_attributes(findings, node)
        if local(node) == "extensionElements":
            _check_extensions(findings, node)


def _check_repeats(findings: Findings, node: Node) -> None:
    if local(node) == "extensionElements":
        found, once, prefix = children(node, CL), _OWN_ONCE, "cl:"
    else:
        found, once, prefix = children(node, BPMN), _ONCE, ""
    for name, number in Counter(local(one) for one in found).items():
        if number > 1 and name in once:
            findings.error(
                "repeated",
                f"{prefix}{name} 写了 {number} 个，只有第一个会起作用；请合并成一个",
                f"{prefix}{name} stands there {number} times and only the first would count; make them one",
                node,
            )


def _check_attributes(findings: Findings, node: Node) -> None:
    kind = local(node)
    for name in sorted(str(one) for one in node.attrib):
        if name.startswith("{") or name in ("id", "name") or name in _PLAIN[kind]:
            continue
        ours = name in ATTRIBUTES.get(kind, ())
        findings.error(
            "unknown-attribute",
            f"{kind} 没有属性 {name[:40]}，写了也不起作用；" + (f"请写成 cl:{name}" if ours else "请删去"),
            f"{kind} has no attribute {name[:40]}, it has no effect; "
            + (f"write cl:{name}" if ours else "delete it"),
            node,
        )


def _check_extensions(findings: Findings, node: Node) -> None:
    holder = node.getparent()
    known = ELEMENTS.get("" if holder is None else local(holder), frozenset())
    for one in node:
        name = local(one)
        if name and namespace(one) in ("", BPMN):
            findings.error(
                "unknown-extension",
                f"extensionElements 里的 <{name[:40]}> 不起作用；"
                + (f"请写成 <cl:{name}>" if name in known else "请删去"),
                f"<{name[:40]}> has no effect within extensionElements; "
                + (f"write <cl:{name}>" if name in known else "delete it"),
                node,
            )
