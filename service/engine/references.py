"""Checks what the files of a procedure name of each other: roles, forms, decisions, operations, messages, ids."""

from collections.abc import Mapping, Set

from service.engine.diagram import Diagram
from service.engine.extensions import own, words
from service.engine.model import Element, OperationSignature, Send
from service.engine.parts import Parts
from service.engine.xml import Node

#: Only a slip of the pen: `x_requested` and `x_answered` are both right.
_ALIKE = 0.9
#: What a message carries that a person sends from the matter's page: why, and who it is.
BY_HAND = frozenset({"reason", "by"})


def check_references(parts: Parts, signatures: Mapping[str, OperationSignature]) -> None:
    """Report to the diagrams' findings every name that is unknown or does not fit what it names."""
    every = [one for diagram in parts.diagrams.values() for one in diagram.elements.values()]
    steps = {one.id for one in every if one.type in ("userTask", "startEvent")}
    called = {one.calls for one in every if one.calls is not None}
    for diagram in parts.diagrams.values():
        _check_roles(parts, diagram)
        for key, element in diagram.elements.items():
            node = diagram.nodes[key]
            if element.type == "userTask":
                _check_user_task(parts, diagram, element, node, steps)
            elif element.type == "startEvent":
                _check_form(parts, diagram, element, node)
            elif element.type == "serviceTask":
                _check_operation(parts, diagram, element, node, signatures)
            elif element.type == "businessRuleTask":
                _check_decision(parts, diagram, element, node)
            elif element.type == "callActivity":
                _check_call(parts, diagram, element, node)
        _check_outcomes(parts, diagram, called)
        _check_starting(diagram, called)
    _check_messages(parts)


def _check_roles(parts: Parts, diagram: Diagram) -> None:
    named: list[tuple[Node, str, str]] = [(lane, "cl:role", role) for lane, role in diagram.lane_roles]
    named += [(diagram.process, "cl:starters", role) for role in diagram.starters]
    for key, element in diagram.elements.items():
        node = diagram.nodes[key]
        named += [(node, "cl:role", role) for role in words(node, "role")]
        named += [(node, "cl:cc", role) for role in element.cc]
        if element.receive is not None:
            named += [
                (one, "cl:receive by", role) for one in own(node, "receive") for role in element.receive.by
            ]
    for node, where, role in named:
        if role not in parts.roles and not diagram.findings.full:
            zh, en = parts.hints.hint(role, parts.roles)
            diagram.findings.error(
                "unknown-role",
                f"{where} 里的角色 {role[:60]} 不在 roles.toml 里{zh}",
                f"the role {role[:60]} in {where} is not in roles.toml{en}",
                node,
            )


def _check_user_task(parts: Parts, diagram: Diagram, element: Element, node: Node, known: Set[str]) -> None:
    findings = diagram.findings
    _check_form(parts, diagram, element, node)
    to_persons = element.spread is not None and element.spread.each == "person"
    if element.role is None and element.person is None and not to_persons:
        findings.error(
            "no-role",
            f"“{element.name.zh}”没有人办理；请把它放进写有 cl:role 的泳道，或在任务上写 cl:role",
            f"nobody does “{element.name.en}”; put it into a lane with cl:role, or put cl:role on the task",
            node,
        )
    if element.remind and element.due is None:
        findings.warning(
            "remind-without-due",
            f"“{element.name.zh}”写了 cl:remind 而没有 cl:due，不会提醒；请写期限",
            f"“{element.name.en}” has cl:remind but no cl:due, nobody is reminded; give it a deadline",
            node,
        )
    for name in element.not_by:
        if name not in known and not findings.full:
            zh, en = parts.hints.hint(name, known & diagram.elements.keys())
            findings.error(
                "unknown-step",
                f"cl:notBy 里的 {name[:60]} 不是任何流程的用户任务或开始事件{zh}",
                f"{name[:60]} in cl:notBy is no user task or start event of any process{en}",
                node,
            )


def _check_form(parts: Parts, diagram: Diagram, element: Element, node: Node) -> None:
    findings = diagram.findings
    for where, name in [("cl:form", element.form), *(("cl:show", one) for one in element.shows)]:
        if name is not None and name not in parts.forms:
            zh, en = parts.hints.hint(name, parts.forms)
            findings.error(
                "unknown-form",
                f"{where} 的表单 {name[:60]} 不在 forms/ 里{zh}",
                f"the form {name[:60]} of {where} is not in forms/{en}",
                node,
            )
    form = parts.forms.get(element.form or "")
    if element.fields and element.form is None:
        findings.error(
            "fields-without-form",
            "写了 cl:field，但没有 cl:form；请写明是哪个表单的字段",
            "cl:field stands here, but no cl:form; say whose fields they are",
            node,
        )
    for name in element.fields if form is not None else ():
        known = form.keys | frozenset(form.fields) if form is not None else frozenset()
        if name not in known:
            zh, en = parts.hints.hint(name, known)
            findings.error(
                "unknown-field",
                f"cl:field 的字段 {name[:60]} 不在表单 {element.form} 里{zh}",
                f"the field {name[:60]} of cl:field is not in the form {element.form}{en}",
                node,
            )


def _check_operation(
    parts: Parts,
    diagram: Diagram,
    element: Element,
    node: Node,
    signatures: Mapping[str, OperationSignature],
) -> None:
    findings = diagram.findings
    if element.operation is None:
        findings.error(
            "operation-missing",
            f"服务任务“{element.name.zh}”没有写 cl:operation，不知道要做什么",
            f"the service task “{element.name.en}” has no cl:operation: what should it do",
            node,
        )
        return
    signature = signatures.get(element.operation)
    if signature is None:
        zh, en = parts.hints.hint(element.operation, signatures)
        findings.error(
            "unknown-operation",
            f"没有名为 {element.operation[:60]} 的操作{zh}",
            f"there is no operation {element.operation[:60]}{en}",
            node,
        )
        return
    known = signature.required | signature.optional
    for name in sorted(element.parameters.keys() - known):
        zh, en = parts.hints.hint(name, known)
        findings.error(
            "unknown-parameter",
            f"操作 {signature.name}（{signature.summary.zh}）没有参数 {name}{zh}",
            f"the operation {signature.name} ({signature.summary.en}) has no parameter {name}{en}",
            node,
        )
    missing = sorted(signature.required - element.parameters.keys())
    if missing:
        findings.error(
            "parameter-missing",
            f"操作 {signature.name}（{signature.summary.zh}）缺少参数 {'、'.join(missing)}；"
            "请写 <cl:param name=… value=…/>",
            f"the operation {signature.name} ({signature.summary.en}) lacks {', '.join(missing)}; write "
            "<cl:param name=… value=…/>",
            node,
        )


def _check_decision(parts: Parts, diagram: Diagram, element: Element, node: Node) -> None:
    if element.decision is None or element.decision not in parts.decisions:
        zh, en = parts.hints.hint(element.decision or "", parts.decisions)
        diagram.findings.error(
            "unknown-decision",
            f"业务规则任务“{element.name.zh}”的 cl:decision“{(element.decision or '')[:60]}”"
            f"不是 decisions/ 里能用的决策表{zh}",
            f"the cl:decision “{(element.decision or '')[:60]}” of “{element.name.en}” is no usable table of "
            f"decisions/{en}",
            node,
        )


def _check_call(parts: Parts, diagram: Diagram, element: Element, node: Node) -> None:
    called = parts.diagrams.get(element.calls or "")
    if called is None:
        zh, en = parts.hints.hint(element.calls or "", parts.diagrams)
        diagram.findings.error(
            "unknown-process",
            f"调用活动“{element.name.zh}”调用的流程“{(element.calls or '')[:60]}”不存在{zh}",
            f"the process “{(element.calls or '')[:60]}” that “{element.name.en}” calls does not exist{en}",
            node,
        )
    elif called.starts_on is not None:
        diagram.findings.error(
            "call-of-message-start",
            f"流程 {called.key} 由消息启动，不能调用；请改为发送消息 {called.starts_on}",
            f"the process {called.key} is started by a message and cannot be called; send {called.starts_on} instead",
            node,
        )


def _check_starting(diagram: Diagram, called: Set[str]) -> None:
    if diagram.starts_on is None and not diagram.starters and diagram.key not in called:
        diagram.findings.warning(
            "nobody-starts",
            "没有人能发起这个流程：没有写哪些岗位可以发起，不由消息启动，也没有流程调用它",
            "nobody can start this process: no role may begin it, no message starts it and no process calls it",
            diagram.process,
        )


def _check_outcomes(parts: Parts, diagram: Diagram, called: Set[str]) -> None:
    """Conditions compare `outcome` with buttons that the steps before the gateway offer."""
    for key, element in diagram.elements.items():
        if element.type != "exclusiveGateway":
            continue
        offered = _offered(parts, diagram, key, called)
        flows = diagram.outgoing[key]
        asked = {
            (flow.id, text)
            for flow in flows
            if flow.condition is not None
            for name, text in flow.condition.compared
            if name == "outcome"
        }
        for flow_id, text in sorted(asked):
            if offered is not None and text not in offered:
                zh, en = parts.hints.hint(text, offered)
                diagram.findings.error(
                    "unknown-outcome",
                    f"条件里的按钮“{text[:60]}”，前面的步骤都没有{zh}",
                    f"no step before offers the button “{text[:60]}” this condition asks for{en}",
                    diagram.flows[flow_id].node,
                )
        default = diagram.nodes[key].get("default")
        simple = all(flow.condition is None or _only_outcomes(flow.condition.source) for flow in flows)
        complete = simple and offered is not None and offered <= {text for _, text in asked}
        if len(flows) > 1 and not default and not complete:
            diagram.findings.warning(
                "no-default",
                f"网关“{element.name.zh}”没有默认连线；若各条件都不成立，流程会停住并报告异常。请把一条设为默认连线",
                f"the gateway “{element.name.en}” has no default flow; when no condition holds, the process stops with "
                "an incident. Make one flow the default",
                diagram.nodes[key],
            )


def _only_outcomes(source: str) -> bool:
    """Whether the condition is nothing but `outcome == "x"` or a list of such."""
    return not any(word in source for word in (" and ", "not ", "!=", "(")) and source.startswith("outcome")


def _offered(parts: Parts, diagram: Diagram, gateway: str, called: Set[str]) -> set[str] | None:
    """Return the buttons of the user tasks last done before `gateway`; None when they cannot be told."""
    offered: set[str] = set()
    seen: set[str] = set()
    waiting = [flow.source for flow in diagram.incoming[gateway]]
    while waiting:
        key = waiting.pop()
        if key in seen:
            continue
        seen.add(key)
        element = diagram.elements[key]
        if element.type == "userTask":
            offered |= _buttons(element)
            continue
        if element.type in ("subProcess", "callActivity") or _sets_outcome(parts, diagram, element):
            return None
        if element.type == "startEvent":
            if diagram.scopes[key] != diagram.key or diagram.key in called:
                return None
            offered |= _buttons(element)
        if element.attached_to is not None:
            # An interrupted step leaves the outcome of what was done before it, or none.
            return None
        waiting += [flow.source for flow in diagram.incoming[key]]
    return offered


def _buttons(element: Element) -> set[str]:
    found = {one.id for one in element.outcomes}
    if element.spread is not None and element.spread.vote is not None:
        vote = element.spread.vote
        found |= {one for one in (vote.pass_, vote.veto, vote.otherwise) if one}
    return found


def _sets_outcome(parts: Parts, diagram: Diagram, element: Element) -> bool:
    """Whether something else than a button may set the variable `outcome` here."""
    script = diagram.scripts.get(element.id)
    table = parts.decisions.get(element.decision or "")
    received = element.receive is not None and (
        "outcome" in element.receive.variables
        # A message start without cl:variable takes all the message carries.
        or (element.type == "startEvent" and not element.receive.variables)
    )
    return (
        received
        or element.result == "outcome"
        or (script is not None and "outcome" in script.sets)
        or (table is not None and element.result is None and "outcome" in table.outputs)
    )


def _check_messages(parts: Parts) -> None:
    thrown: dict[str, list[tuple[Diagram, Element, Send]]] = {}
    caught: dict[str, list[tuple[Diagram, Element]]] = {}
    for diagram in parts.diagrams.values():
        for element in diagram.elements.values():
            if element.send is not None:
                thrown.setdefault(element.send.message, []).append((diagram, element, element.send))
            if element.receive is not None:
                caught.setdefault(element.receive.message, []).append((diagram, element))
    for message, senders in thrown.items():
        if message not in caught:
            diagram, element, _ = senders[0]
            zh, en = parts.hints.slip(message, caught, _ALIKE)
            diagram.findings.warning(
                "message-unheard",
                f"消息 {message[:60]} 发出后没有流程接收{zh}",
                f"no process hears the message {message[:60]}{en}",
                diagram.nodes[element.id],
            )
    for message, receivers in caught.items():
        if message not in thrown and not any(one.receive and one.receive.by for _, one in receivers):
            diagram, element = receivers[0]
            zh, en = parts.hints.slip(message, thrown, _ALIKE)
            diagram.findings.warning(
                "message-never-sent",
                f"等待的消息 {message[:60]} 没有流程发出；若由外部系统或人员发送可不理会{zh}",
                f"no process sends the awaited message {message[:60]}; never mind if people or other systems do{en}",
                diagram.nodes[element.id],
            )
        for diagram, element in receivers:
            _check_payload(diagram, element, thrown.get(message, []))
    _check_message_starts(parts)


def _check_payload(diagram: Diagram, element: Element, senders: list[tuple[Diagram, Element, Send]]) -> None:
    receive = element.receive
    if receive is None:
        return
    if receive.by:
        for name in sorted(set(receive.variables.values()) - BY_HAND):
            diagram.findings.error(
                "payload-by-hand",
                f"“{element.name.zh}”可由人员发出（by），人员发出的消息只带 {'、'.join(sorted(BY_HAND))}，"
                f"不会带 {name}；请去掉这一项 <cl:variable>，或去掉 by",
                f"people may send “{element.name.en}” by hand (by), which brings only {', '.join(sorted(BY_HAND))} and "
                f"never {name}; drop this <cl:variable>, or by",
                diagram.nodes[element.id],
            )
        return
    for name in sorted(set(receive.variables.values())):
        lacking = [(other, one) for other, one, send in senders if name not in send.payload]
        if not lacking:
            continue
        other, one = lacking[0]
        report = diagram.findings.error if len(lacking) == len(senders) else diagram.findings.warning
        report(
            "payload-missing",
            f"消息 {receive.message} 没有带 {name}：{other.file} 的“{one.name.zh}”没有写这一项 <cl:payload>",
            f"the message {receive.message} carries no {name}: “{one.name.en}” of {other.file} has no such "
            "<cl:payload>",
            diagram.nodes[element.id],
        )


def _check_message_starts(parts: Parts) -> None:
    first: dict[str, Diagram] = {}
    for diagram in parts.diagrams.values():
        if diagram.starts_on is None:
            continue
        other = first.setdefault(diagram.starts_on, diagram)
        if other is not diagram:
            diagram.findings.warning(
                "message-starts-two",
                f"消息 {diagram.starts_on} 同时启动 {other.key} 和 {diagram.key}；若只应启动一个，请用两个消息名",
                f"the message {diagram.starts_on} starts both {other.key} and {diagram.key}; if one is meant, use two "
                "message names",
                diagram.process,
            )
