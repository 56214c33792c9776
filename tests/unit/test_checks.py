"""What cannot run is refused by name, with its file, line and element, before anybody starts it."""

import json
from itertools import pairwise

import pytest

from service.engine.model import OperationSignature, Problem, Procedure
from service.engine.procedure import read_procedure
from service.errors import Text

SIGNATURES = {
    "notes.write": OperationSignature(
        "notes.write", frozenset({"text"}), frozenset({"colour"}), Text("写便条", "Write a note")
    )
}
FUNCTIONS = frozenset({"today", "submitted", "all_submitted"})
ROLES = '[roles.clerk]\nlabel = "经办人"\nsits = "*"\nof = "organisation_id"\n'.encode()
FORM = {
    "id": "opinion",
    "title": "意见",
    "components": [
        {"type": "number", "key": "days", "label": "天数"},
        {"type": "textfield", "key": "remark", "label": "备注"},
    ],
}
DECISION = """<definitions xmlns="https://www.omg.org/spec/DMN/20191111/MODEL/" id="d" name="d" namespace="d">
<decision id="way" name="去向"><decisionTable id="t" hitPolicy="FIRST">
<input id="i"><inputExpression id="e"><text>days</text></inputExpression></input><output id="o" name="way"/>
<rule id="r1"><inputEntry><text>&gt; 3</text></inputEntry><outputEntry><text>"far"</text></outputEntry></rule>
<rule id="r2"><inputEntry><text>-</text></inputEntry><outputEntry><text>"near"</text></outputEntry></rule>
</decisionTable></decision></definitions>""".encode()

HEAD = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    '<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:cl="urn:chuanglv:bpmn:1" '
    'xmlns:spiffworkflow="http://spiffworkflow.org/bpmn/schema/1.0/core" id="D" targetNamespace="urn:t">\n'
    '<message id="M_go" name="go"/><message id="M_stop" name="stop"/>\n'
)
LANE = '<laneSet id="L"><lane id="Lane" name="经办" cl:role="clerk">%s</lane></laneSet>\n'


def user(key: str, inner: str = "", attributes: str = "") -> str:
    extensions = f"<extensionElements>{inner}</extensionElements>" if inner else ""
    return f'<userTask id="{key}" name="{key}" cl:role="clerk" {attributes}>{extensions}</userTask>'


def flow(source: str, target: str, condition: str | None = None) -> str:
    inner = "" if condition is None else f"<conditionExpression>{condition}</conditionExpression>"
    return f'<sequenceFlow id="{source}_{target}" sourceRef="{source}" targetRef="{target}">{inner}</sequenceFlow>'


def chain(*keys: str) -> str:
    return "".join(flow(one, two) for one, two in pairwise(keys))


START, END = '<startEvent id="S"/>', '<endEvent id="E"/>'
RECEIVE = '<extensionElements><cl:receive key="unit_id"/></extensionElements>'
SEND = '<extensionElements><cl:send key="unit_id"/></extensionElements>'
GO, STOP = '<messageEventDefinition messageRef="M_go"/>', '<messageEventDefinition messageRef="M_stop"/>'
TIMER = "<timerEventDefinition><timeDuration>P3D</timeDuration></timerEventDefinition>"
TIMER_CYCLE = "<timerEventDefinition><timeCycle>R3/P1D</timeCycle></timerEventDefinition>"


def process(body: str, key: str = "p", attributes: str = 'isExecutable="true" cl:starters="clerk"') -> bytes:
    return f'{HEAD}<process id="{key}" name="办理" {attributes}>\n{body}\n</process>\n</definitions>'.encode()


def read(body: str, **files: bytes) -> Procedure:
    return read_all(
        {"p.bpmn": process(body), **{name.replace("__", "."): data for name, data in files.items()}}
    )


def read_all(files: dict[str, bytes]) -> Procedure:
    known = {
        "roles.toml": ROLES,
        "forms/opinion.json": json.dumps(FORM).encode(),
        "decisions/way.dmn": DECISION,
    }
    return read_procedure({**known, **files}, SIGNATURES, FUNCTIONS)


def errors(found: Procedure) -> dict[str, Problem]:
    return {one.code: one for one in found.problems if one.severity == "error"}


def warnings(found: Procedure) -> dict[str, Problem]:
    return {one.code: one for one in found.problems if one.severity == "warning"}


def single(key: str, step: str) -> str:
    """S → the one step → E."""
    return f"{START}{step}{END}{chain('S', key, 'E')}"


def around(inner: str) -> str:
    """S → A → E with something more."""
    return f"{START}{user('A')}{END}{chain('S', 'A', 'E')}{inner}"


def choice(
    first: str, second: str, attributes: str = "", outcomes: str = '<cl:outcome id="yes" name="是"/>'
) -> str:
    return (
        f"{START}{user('A', outcomes)}<exclusiveGateway id='G' name='可以？' {attributes}/>{END}<endEvent id='E2'/>"
        f"{chain('S', 'A', 'G')}{first}{second}"
    )


def test_a_sound_diagram_has_no_problems() -> None:
    found = read(choice(flow("G", "E", "outcome == 'yes'"), flow("G", "E2"), "default='G_E2'"))
    assert found.problems == ()
    assert found.deployable


REFUSED = {
    # what the engine has no working form of
    "untyped-task": ("unsupported-element", "X", single("X", "<task id='X'/>")),
    "manual-task": ("unsupported-element", "X", single("X", "<manualTask id='X'/>")),
    "inclusive": ("unsupported-element", "X", around("<inclusiveGateway id='X'/>")),
    "complex": ("unsupported-element", "X", around("<complexGateway id='X'/>")),
    "transaction": ("unsupported-element", "X", around("<transaction id='X'/>")),
    "ad-hoc": ("unsupported-element", "X", around("<adHocSubProcess id='X'/>")),
    "data-object": ("unsupported-element", "X", around("<dataObjectReference id='X'/>")),
    "io": ("unsupported-element", "A", single("A", "<userTask id='A' cl:role='clerk'><ioSpecification/></userTask>")),
    "standard-loop": ("unsupported-element", "A", f"{START}<userTask id='A' cl:role='clerk'>"
                      f"<standardLoopCharacteristics/></userTask>{END}{chain('S', 'A', 'E')}"),
    **{
        name: ("unsupported-element", "B", around(
            f"<boundaryEvent id='B' attachedToRef='A'><{name}EventDefinition/></boundaryEvent><endEvent id='E2'/>"
            f"{flow('B', 'E2')}"))
        for name in ("signal", "error", "escalation", "compensate", "conditional", "cancel")
    },
    "link": ("unsupported-element", "X", around(
        f"<intermediateCatchEvent id='X'><linkEventDefinition name='l'/></intermediateCatchEvent>{flow('X', 'E')}")),
    "signal-end": ("unsupported-element", "E", f"{START}{user('A')}<endEvent id='E'><signalEventDefinition/></endEvent>"
                   f"{chain('S', 'A', 'E')}"),
    "completion-condition": ("unsupported-element", "A", f"{START}<userTask id='A' cl:role='clerk'>"
        "<multiInstanceLoopCharacteristics cl:each='person'><loopDataInputRef>people</loopDataInputRef>"
        "<inputDataItem id='one' name='one'/><completionCondition>x</completionCondition>"
        f"</multiInstanceLoopCharacteristics></userTask>{END}{chain('S', 'A', 'E')}"),
    "event-subprocess": ("unsupported-attribute", "X", around("<subProcess id='X' triggeredByEvent='true'/>")),
    "compensation-task": ("unsupported-attribute", "A", f"{START}<userTask id='A' cl:role='clerk' "
                          f"isForCompensation='true'/>{END}{chain('S', 'A', 'E')}"),
    "quantity": ("unsupported-attribute", "A", single("A", "<userTask id='A' cl:role='clerk' startQuantity='2'/>")),
    "engine-script": ("engine-extension", "A", f"{START}<userTask id='A' cl:role='clerk'><extensionElements>"
        "<spiffworkflow:preScript>x = 1</spiffworkflow:preScript></extensionElements></userTask>"
        f"{END}{chain('S', 'A', 'E')}"),
    "cycle-timer": ("timer-cycle", "X", f"{START}<intermediateCatchEvent id='X'>{TIMER_CYCLE}</intermediateCatchEvent>"
                    f"{END}{chain('S', 'X', 'E')}"),
    # starts and ends
    "no-start": ("no-start", "p", f"{user('A')}{END}{flow('A', 'E')}"),
    "two-starts": ("two-starts", "S2", around(f"<startEvent id='S2'/>{flow('S2', 'A')}")),
    "plain-and-message-start": ("two-starts", "S2", around(
        f"<startEvent id='S2'>{GO}</startEvent>{flow('S2', 'A')}")),
    "timer-start": ("start-kind", "S", f"<startEvent id='S'>{TIMER}</startEvent>{user('A')}{END}"
        f"{chain('S', 'A', 'E')}"),
    "message-start-in-subprocess": ("start-kind", "S2", f"{START}<subProcess id='P'>"
        f"<startEvent id='S2'>{GO}</startEvent><endEvent id='E2'/>{flow('S2', 'E2')}</subProcess>"
        f"{END}{chain('S', 'P', 'E')}"),
    "form-on-message-start": ("start-form", "S", f"<startEvent id='S' cl:form='opinion'>{GO}</startEvent>"
                              f"{user('A')}{END}{chain('S', 'A', 'E')}"),
    "starters-on-message": ("starters-on-message", "p", f"<startEvent id='S'>{GO}</startEvent>{user('A')}{END}"
                            f"{chain('S', 'A', 'E')}"),
    "no-end": ("no-end", "p", f"{START}{user('A')}{user('B')}{chain('S', 'A', 'B', 'A')}"),
    "flow-from-end": ("flow-from-end", "E_A", around(flow("E", "A"))),
    "flow-into-start": ("flow-into-start", "A_S", f"{START}{user('A')}{END}{chain('S', 'A', 'S')}"),
    # flows
    "dead-end": ("dead-end", "B", around(f"{user('B')}{flow('A', 'B')}")),
    "several-flows": ("several-flows", "A", around(f"{user('B')}{flow('A', 'B')}{flow('B', 'E')}")),
    "unreachable": ("unreachable", "B", around(f"{user('B')}{flow('B', 'E')}")),
    "no-way-out": ("no-way-out", "B", f"{START}<exclusiveGateway id='G' default='G_E'/>{user('B')}{user('C')}{END}"
        f"{flow('S', 'G')}{flow('G', 'E')}{flow('G', 'B', 'unit_id is None')}{chain('B', 'C', 'B')}"),
    "condition-on-task": ("condition-misplaced", "S_A", f"{START}{user('A')}{END}{flow('A', 'E')}"
                          + flow("S", "A", "True")),
    "default-on-task": ("default-misplaced", "A", single("A", user("A", attributes="default='A_E'"))),
    "default-unknown": ("default-unknown", "G", choice(
        flow("G", "E", "outcome == 'yes'"), flow("G", "E2", "True"), "default='nowhere'")),
    "default-with-condition": ("default-with-condition", "G_E2", choice(
        flow("G", "E", "outcome == 'yes'"), flow("G", "E2", "True"), "default='G_E2'")),
    "condition-missing": ("condition-missing", "G_E2", choice(flow("G", "E", "outcome == 'yes'"), flow("G", "E2"))),
    "condition-alone": ("condition-alone", "G_E", f"{START}{user('A')}<exclusiveGateway id='G'/>{END}"
                        f"{chain('S', 'A', 'G')}{flow('G', 'E', 'unit_id is None')}"),
    "busy-loop": ("busy-loop", "T", f"{START}<scriptTask id='T'><script>n = 1</script></scriptTask>"
        f"<exclusiveGateway id='G' default='G_E'/>{END}{chain('S', 'T', 'G', 'E')}" + flow("G", "T", "n == 1")),
    "bad-condition": ("bad-expression", "G_E", choice(
        flow("G", "E", "outcome = 'yes'"), flow("G", "E2"), "default='G_E2'")),
    "import-in-script": ("bad-script", "T", single("T", "<scriptTask id='T'><script>import os</script></scriptTask>")),
    # events
    "two-timers": ("two-timers", "T2", f"{START}<eventBasedGateway id='G'/>{END}{flow('S', 'G')}"
        + "".join(f"<intermediateCatchEvent id='{one}'>{TIMER}</intermediateCatchEvent>{chain('G', one, 'E')}"
                  for one in ("T1", "T2"))),
    "event-gateway-to-task": ("event-gateway", "A", f"{START}<eventBasedGateway id='G'/>{user('A')}{END}"
        f"<intermediateCatchEvent id='T'>{TIMER}</intermediateCatchEvent>"
        f"{chain('S', 'G', 'T', 'E')}{chain('G', 'A', 'E')}"),
    "event-gateway-alone": ("event-gateway", "G", f"{START}<eventBasedGateway id='G'/>"
        f"<intermediateCatchEvent id='T'>{TIMER}</intermediateCatchEvent>{END}{chain('S', 'G', 'T', 'E')}"),
    "boundary-on-script": ("boundary-unsuitable", "B", f"{START}<scriptTask id='T'><script>n = 1</script></scriptTask>"
        f"<boundaryEvent id='B' attachedToRef='T'>{TIMER}</boundaryEvent>{END}{chain('S', 'T', 'E')}{flow('B', 'E')}"),
    "boundary-loose": ("boundary-loose", "B", around(
        f"<boundaryEvent id='B' attachedToRef='Z'>{TIMER}</boundaryEvent>{flow('B', 'E')}")),
    "boundary-plain": ("event-kind", "B", around(f"<boundaryEvent id='B' attachedToRef='A'/>{flow('B', 'E')}")),
    "catch-plain": ("event-kind", "X", single("X", "<intermediateCatchEvent id='X'/>")),
    "both-events": ("several-definitions", "X", f"{START}<intermediateCatchEvent id='X'>{RECEIVE}{GO}{TIMER}"
                    f"</intermediateCatchEvent>{END}{chain('S', 'X', 'E')}"),
    # several at once
    "spread-call": ("spread-not-user-task", "C", f"{START}<callActivity id='C' calledElement='q'>"
        f"<multiInstanceLoopCharacteristics/></callActivity>{END}{chain('S', 'C', 'E')}"),
    "starving-join": ("join-starves", "J", f"{START}<exclusiveGateway id='G' default='G_A'/>{user('A')}{user('B')}"
        f"<parallelGateway id='J'/>{END}{flow('S', 'G')}{flow('G', 'A')}{flow('G', 'B', 'unit_id is None')}"
        f"{chain('A', 'J', 'E')}{flow('B', 'J')}"),
    "token-lost-at-an-end": ("join-starves", "J", f"{START}<parallelGateway id='F'/>{user('A')}{user('B')}"
        f"<exclusiveGateway id='G' default='G_J'/><endEvent id='E2'/><parallelGateway id='J'/>{END}"
        f"{chain('S', 'F', 'A', 'J', 'E')}{chain('F', 'B', 'G', 'J')}{flow('G', 'E2', 'unit_id is None')}"),
    "boundary-leaves-the-branch": ("join-starves", "J", f"{START}<parallelGateway id='F'/>{user('A')}{user('B')}"
        f"<boundaryEvent id='T' attachedToRef='B'>{TIMER}</boundaryEvent><endEvent id='E2'/>"
        f"<parallelGateway id='J'/>{END}{chain('S', 'F', 'A', 'J', 'E')}{chain('F', 'B', 'J')}{flow('T', 'E2')}"),
    "event-by-reference": ("unsupported-element", "X", single(
        "X", "<intermediateCatchEvent id='X'><eventDefinitionRef>d</eventDefinitionRef></intermediateCatchEvent>")),
    "spread-behaviour": ("unsupported-attribute", "A", single("A", "<userTask id='A' cl:role='clerk'>"
        "<multiInstanceLoopCharacteristics behavior='None' cl:each='person'><loopDataInputRef>people</loopDataInputRef>"
        "<inputDataItem id='one' name='one'/></multiInstanceLoopCharacteristics></userTask>")),
    # names
    "unknown-role": ("unknown-role", "A", single("A", "<userTask id='A' cl:role='clerc'/>")),
    "no-role": ("no-role", "A", single("A", "<userTask id='A'/>")),
    "unknown-form": ("unknown-form", "A", single("A", user("A", attributes="cl:form='opinoin'"))),
    "unknown-shown-form": ("unknown-form", "A", single("A", user("A", "<cl:show form='other'/>"))),
    "unknown-field": ("unknown-field", "A", single(
        "A", user("A", "<cl:field key='dayz' access='read'/>", "cl:form='opinion'"))),
    "field-without-form": ("fields-without-form", "A", single(
        "A", user("A", "<cl:field key='days' access='read'/>"))),
    "unknown-step": ("unknown-step", "A", single("A", user("A", attributes="cl:notBy='Z'"))),
    "unknown-decision": ("unknown-decision", "R", single("R", "<businessRuleTask id='R' cl:decision='wai'/>")),
    "operation-missing": ("operation-missing", "O", single("O", "<serviceTask id='O'/>")),
    "unknown-operation": ("unknown-operation", "O", single("O", "<serviceTask id='O' cl:operation='notes.wriet'/>")),
    "unknown-parameter": ("unknown-parameter", "O", f"{START}<serviceTask id='O' cl:operation='notes.write'>"
        "<extensionElements><cl:param name='text' value='unit_id'/><cl:param name='size' value='1'/>"
        f"</extensionElements></serviceTask>{END}{chain('S', 'O', 'E')}"),
    "parameter-missing": ("parameter-missing", "O", single("O", "<serviceTask id='O' cl:operation='notes.write'/>")),
    "unknown-process": ("unknown-process", "C", single("C", "<callActivity id='C' calledElement='q'/>")),
    "unknown-outcome": ("unknown-outcome", "G_E", choice(
        flow("G", "E", "outcome == 'yess'"), flow("G", "E2"), "default='G_E2'")),
    "unknown-function": ("unknown-function", "T", single(
        "T", "<scriptTask id='T'><script>n = todai()</script></scriptTask>")),
    "submitted-unknown-form": ("unknown-form", "T", f"{START}<scriptTask id='T'>"
                               f"<script>n = submitted('opinoin')</script></scriptTask>{END}{chain('S', 'T', 'E')}"),
    "submitted-unknown-field": ("unknown-field", "T", f"{START}<scriptTask id='T'><script>n = submitted('opinion').dayz"
                                f"</script></scriptTask>{END}{chain('S', 'T', 'E')}"),
    # what would be ignored without a word
    "two-extension-elements": ("repeated", "A", single("A", "<userTask id='A' cl:role='clerk'>"
        "<extensionElements><cl:outcome id='yes' name='是'/></extensionElements>"
        "<extensionElements><cl:outcome id='no' name='否'/></extensionElements></userTask>")),
    "two-sends": ("repeated", "T", single("T", "<sendTask id='T' messageRef='M_go'><extensionElements>"
        "<cl:send key='unit_id'/><cl:send key='matter_id'/></extensionElements></sendTask>")),
    "two-receives": ("repeated", "R", single("R", "<receiveTask id='R' messageRef='M_go'><extensionElements>"
        "<cl:receive key='unit_id'/><cl:receive key='matter_id'/></extensionElements></receiveTask>")),
    "two-votes": ("repeated", "A", single("A", "<userTask id='A' cl:role='clerk'><extensionElements>"
        "<cl:outcome id='yes' name='是'/><cl:vote pass='yes' needed='all'/><cl:vote pass='yes' needed='any'/>"
        "</extensionElements><multiInstanceLoopCharacteristics cl:each='person'>"
        "<loopDataInputRef>people</loopDataInputRef><inputDataItem id='one' name='one'/>"
        "</multiInstanceLoopCharacteristics></userTask>")),
    "two-scripts": ("repeated", "T", single(
        "T", "<scriptTask id='T'><script>a = 1</script><script>a = 2</script></scriptTask>")),
    "two-conditions": ("repeated", "G_E", choice(
        flow("G", "E", "outcome == 'yes'").replace(
            "</sequenceFlow>", "<conditionExpression>True</conditionExpression></sequenceFlow>"),
        flow("G", "E2"), "default='G_E2'")),
    "a-field-twice": ("duplicate-name", "A", single("A", user(
        "A", "<cl:field key='days' access='read'/><cl:field key='days' access='hidden'/>", "cl:form='opinion'"))),
    "a-variable-twice": ("duplicate-name", "R", single("R", "<receiveTask id='R' messageRef='M_go'><extensionElements>"
        "<cl:receive key='unit_id'/><cl:variable name='a' from='b'/><cl:variable name='a' from='c'/>"
        "</extensionElements></receiveTask>")),
    "two-lanes": ("two-lanes", "A", "<laneSet id='L'><lane id='L1' name='一' cl:role='clerk'>"
        "<flowNodeRef>A</flowNodeRef></lane><lane id='L2' name='二' cl:role='clerk'><flowNodeRef>A</flowNodeRef></lane>"
        "</laneSet>" + single("A", "<userTask id='A'/>")),
    "attribute-without-prefix": ("unknown-attribute", "A", single("A", user("A", attributes="due='P3D'"))),
    "attribute-nobody-knows": ("unknown-attribute", "G_E", around(
        "<exclusiveGateway id='G' default='G_E'/>" + flow("G", "E").replace("<sequenceFlow", "<sequenceFlow if='x'"))),
    "element-without-prefix": ("unknown-extension", "A", single(
        "A", user("A", "<outcome id='yes' name='是'/>"))),
    "veto-by-agreeing": ("vote-veto", "A", single("A", "<userTask id='A' cl:role='clerk'><extensionElements>"
        "<cl:outcome id='yes' name='是'/><cl:vote pass='yes' needed='all' veto='yes'/></extensionElements>"
        "<multiInstanceLoopCharacteristics cl:each='person'><loopDataInputRef>people</loopDataInputRef>"
        "<inputDataItem id='one' name='one'/></multiInstanceLoopCharacteristics></userTask>")),
    "many-reminders": ("too-many-words", "A", single("A", user(
        "A", attributes=f"cl:due='P90D' cl:remind='{' '.join(['P1D'] * 11)}'"))),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_run_is_refused(name: str) -> None:
    code, element, body = REFUSED[name]
    found = read(body)
    assert not found.deployable
    at = [one for one in found.problems if one.code == code and one.element == element]
    assert at, [(one.code, one.element, one.text.zh) for one in found.problems]
    assert at[0].file == "p.bpmn"
    assert at[0].line is not None
    assert len(at[0].text.zh) > 5
    assert len(at[0].text.en) > 10


PARALLEL = (
    f"{START}<parallelGateway id='F'/>{user('A')}{user('B')}<parallelGateway id='J'/>{END}"
    f"{chain('S', 'F', 'A', 'J', 'E')}{chain('F', 'B', 'J')}"
)
ALLOWED = {
    "parallel": PARALLEL,
    "terminate-in-a-branch": PARALLEL
    + f"<boundaryEvent id='T' attachedToRef='B'>{TIMER}</boundaryEvent>"
    + "<endEvent id='E2'><terminateEventDefinition/></endEvent>"
    + flow("T", "E2"),
    "reminder-beside-a-branch": PARALLEL
    + f"<boundaryEvent id='T' attachedToRef='B' cancelActivity='false'>{TIMER}</boundaryEvent><endEvent id='E2'/>"
    + flow("T", "E2"),
    "a-share-of-all-asked": f"{START}"
    + "<scriptTask id='T'><script>people = [starter_id]</script></scriptTask>"
    + "<userTask id='A' cl:role='clerk'><extensionElements><cl:outcome id='yes' name='是'/>"
    "<cl:vote pass='yes' needed='=total - 1'/></extensionElements>"
    "<multiInstanceLoopCharacteristics cl:each='person'><loopDataInputRef>people</loopDataInputRef>"
    f"<inputDataItem id='one' name='one'/></multiInstanceLoopCharacteristics></userTask>{END}"
    + chain("S", "T", "A", "E"),
    "lanes-within-a-lane": "<laneSet id='L'><lane id='L1' name='局'><flowNodeRef>A</flowNodeRef>"
    "<flowNodeRef>S</flowNodeRef><childLaneSet id='L2'><lane id='L3' name='科' cl:role='clerk'>"
    "<flowNodeRef>A</flowNodeRef></lane></childLaneSet></lane></laneSet>" + single("A", "<userTask id='A'/>"),
    "loop-with-a-person": START
    + user("A", "<cl:outcome id='again' name='再来'/><cl:outcome id='done' name='好'/>")
    + f"<exclusiveGateway id='G' default='G_E'/>{END}{chain('S', 'A', 'G', 'E')}"
    + flow("G", "A", "outcome == 'again'"),
    "loop-left-by-a-deadline": f"{START}{user('A')}<subProcess id='P'><startEvent id='S2'/>{user('B')}"
    f"<endEvent id='E2'/>{chain('S2', 'B', 'E2')}</subProcess>"
    f"<boundaryEvent id='T' attachedToRef='P'>{TIMER}</boundaryEvent>{END}"
    f"{chain('S', 'A', 'P', 'A')}{flow('T', 'E')}",
    "every-button-has-its-way": choice(
        flow("G", "E", "outcome == 'yes'"),
        flow("G", "E2", "outcome == 'no'"),
        outcomes='<cl:outcome id="yes" name="是"/><cl:outcome id="no" name="否"/>',
    ),
    "spread-over-a-list": f"{START}"
    + "<scriptTask id='T'><script>people = [starter_id]</script></scriptTask>"
    + "<userTask id='A' cl:role='clerk'><extensionElements><cl:outcome id='yes' name='是'/>"
    "<cl:outcome id='no' name='否'/><cl:vote pass='yes' needed='2/3' otherwise='no'/></extensionElements>"
    "<multiInstanceLoopCharacteristics isSequential='true' cl:each='person'>"
    "<loopDataInputRef>people</loopDataInputRef><inputDataItem id='one' name='one'/>"
    f"</multiInstanceLoopCharacteristics></userTask>{END}{chain('S', 'T', 'A', 'E')}",
}


@pytest.mark.parametrize("name", ALLOWED)
def test_what_can_run_is_let_through(name: str) -> None:
    assert read(ALLOWED[name]).problems == ()


def test_what_stands_beside_the_process_is_refused_if_it_would_run() -> None:
    data = process(around("")).replace(b"</definitions>", b"<globalUserTask id='X' name='x'/></definitions>")
    assert errors(read_all({"p.bpmn": data}))["unsupported-element"].element == "X"


def test_a_gateway_that_may_find_no_way_is_warned_of() -> None:
    found = read(choice(flow("G", "E", "outcome == 'yes'"), flow("G", "E2", "unit_id is None")))
    assert found.deployable
    assert warnings(found)["no-default"].element == "G"


def test_a_step_two_branches_reach_is_warned_of() -> None:
    body = (
        f"{START}<parallelGateway id='F'/>{user('A')}{user('B')}{user('C')}{END}"
        f"{chain('S', 'F', 'A', 'C', 'E')}{chain('F', 'B', 'C')}"
    )
    assert warnings(read(body))["runs-twice"].element == "C"


def test_a_name_nothing_sets_is_warned_of_where_it_is_read() -> None:
    found = read(choice(flow("G", "E", "level == 'city'"), flow("G", "E2"), "default='G_E2'"))
    assert found.deployable
    assert warnings(found)["never-set"].element == "G_E"


@pytest.mark.parametrize(
    "setter",
    [
        "<scriptTask id='X'><script>level = 'city'</script></scriptTask>",
        "<serviceTask id='X' cl:operation='notes.write' cl:result='level'><extensionElements>"
        "<cl:param name='text' value='unit_id'/></extensionElements></serviceTask>",
        "<receiveTask id='X' messageRef='M_go'><extensionElements><cl:receive key='unit_id'/>"
        "<cl:variable name='level' from='level'/></extensionElements></receiveTask>",
        "<businessRuleTask id='X' cl:decision='way' cl:result='level'/>",
        "<callActivity id='X' calledElement='sub'/>",
    ],
    ids=["script", "result", "message", "decision", "called process"],
)  # fmt: skip
def test_a_name_set_by_any_means_is_known(setter: str) -> None:
    body = (
        f"<startEvent id='S' cl:form='opinion'/>{setter}<exclusiveGateway id='G' default='G_E'/>"
        f"<endEvent id='E2'/>{END}{chain('S', 'X', 'G', 'E')}" + flow("G", "E2", "level == 'city'")
    )
    sub = process(
        single("T", "<scriptTask id='T'><script>level = 'city'</script></scriptTask>"),
        "sub",
        'isExecutable="true"',
    )
    sender = process(
        f"{START}<sendTask id='T' messageRef='M_go'><extensionElements><cl:send key='unit_id'/>"
        f"<cl:payload name='level' value='unit_id'/></extensionElements></sendTask>{END}{chain('S', 'T', 'E')}",
        "sender",
    )
    found = read_all({"p.bpmn": process(body), "sub.bpmn": sub, "sender.bpmn": sender})
    assert "never-set" not in warnings(found)
    assert found.deployable


READER = "<scriptTask id='R'><script>seen = level</script></scriptTask>"
SETTER = "<scriptTask id='T'><script>level = 'city'</script></scriptTask>"


@pytest.mark.parametrize(
    ("body", "late"),
    [
        (f"{START}{READER}{SETTER}{END}{chain('S', 'R', 'T', 'E')}", True),
        (f"{START}{SETTER}{READER}{END}{chain('S', 'T', 'R', 'E')}", False),
        (
            f"{START}<parallelGateway id='F'/>{READER}{SETTER}<parallelGateway id='J'/>{END}"
            f"{chain('S', 'F', 'R', 'J', 'E')}{chain('F', 'T', 'J')}",
            True,
        ),
        (
            f"{START}<parallelGateway id='F'/>{user('A')}{SETTER}<parallelGateway id='J'/>{READER}{END}"
            f"{chain('S', 'F', 'A', 'J', 'R', 'E')}{chain('F', 'T', 'J')}",
            False,
        ),
        (
            f"{START}{user('A')}<boundaryEvent id='B' attachedToRef='A'>{TIMER}</boundaryEvent>{SETTER}{READER}{END}"
            f"{chain('S', 'A', 'T', 'E')}{chain('B', 'R', 'E')}",
            True,
        ),
        (
            f"{START}<subProcess id='P'><startEvent id='S2'/>{SETTER}<endEvent id='E2'/>{chain('S2', 'T', 'E2')}"
            f"</subProcess>{READER}{END}{chain('S', 'P', 'R', 'E')}",
            False,
        ),
        (
            f"{START}{SETTER}<subProcess id='P'><startEvent id='S2'/>{READER}<endEvent id='E2'/>"
            f"{chain('S2', 'R', 'E2')}</subProcess>{END}{chain('S', 'T', 'P', 'E')}",
            False,
        ),
        (
            f"{START}{user('A')}<exclusiveGateway id='G' default='G_T'/><endEvent id='E2'/>{SETTER}"
            f"{chain('S', 'A', 'G', 'T', 'A')}" + flow("G", "E2", "level == 'city'"),
            False,
        ),
    ],
    ids=["later", "before", "beside", "joined", "border", "inside", "into", "round"],
)
def test_a_name_read_before_any_step_sets_it_is_warned_of(body: str, late: bool) -> None:
    found = read(body)
    assert found.deployable, found.problems
    assert [one.element for one in found.problems if one.code == "set-too-late"] == (["R"] if late else [])


def test_processes_that_call_each_other_in_a_circle_are_refused() -> None:
    def calling(key: str, other: str) -> bytes:
        call = f"<callActivity id='C' calledElement='{other}'/>"
        return process(f"{START}{user('A')}{call}{END}{chain('S', 'A', 'C', 'E')}", key)

    found = read_all({"a.bpmn": calling("a", "b"), "b.bpmn": calling("b", "c"), "c.bpmn": calling("c", "a")})
    assert {one.file for one in found.problems if one.code == "call-circle"} == {"a.bpmn", "b.bpmn", "c.bpmn"}


def test_a_loop_through_a_called_process_that_does_not_wait_is_refused() -> None:
    quick = single("T", "<scriptTask id='T'><script>n = 1</script></scriptTask>")
    slow = single("A", f"{user('A')}")
    loop = (
        f"{START}<callActivity id='C' calledElement='sub'/><exclusiveGateway id='G' default='G_E'/>{END}"
        f"{chain('S', 'C', 'G', 'E')}{flow('G', 'C', 'unit_id is None')}"
    )
    refused = read_all({"p.bpmn": process(loop), "sub.bpmn": process(quick, "sub")})
    assert "busy-loop" in errors(refused)
    assert read_all({"p.bpmn": process(loop), "sub.bpmn": process(slow, "sub")}).deployable


def test_a_process_started_by_a_message_cannot_be_called() -> None:
    called = f"<startEvent id='S'>{GO}</startEvent>{user('A')}{END}{chain('S', 'A', 'E')}"
    caller = single("C", "<callActivity id='C' calledElement='sub'/>")
    found = read_all({"p.bpmn": process(caller), "sub.bpmn": process(called, "sub", 'isExecutable="true"')})
    assert errors(found)["call-of-message-start"].element == "C"


def test_messages_need_both_ends_and_what_is_taken_from_them() -> None:
    thrower = single("X", f"<sendTask id='X' messageRef='M_go'>{SEND}</sendTask>")
    catcher = (
        f"{START}<receiveTask id='W' messageRef='M_go'><extensionElements><cl:receive key='unit_id'/>"
        f"<cl:variable name='level' from='level'/></extensionElements></receiveTask>{END}{chain('S', 'W', 'E')}"
    )
    assert warnings(read(thrower))["message-unheard"].element == "X"
    assert warnings(read(catcher))["message-never-sent"].element == "W"
    both = read_all({"p.bpmn": process(thrower), "q.bpmn": process(catcher, "q")})
    assert errors(both)["payload-missing"].element == "W"
    assert "<cl:payload>" in errors(both)["payload-missing"].text.zh


def test_a_message_sent_by_hand_brings_why_and_who_and_nothing_else() -> None:
    def read_with(source: str) -> Procedure:
        return read(
            f"{START}<receiveTask id='W' messageRef='M_go'><extensionElements><cl:receive key='unit_id' by='clerk'/>"
            f"<cl:variable name='level' from='{source}'/></extensionElements></receiveTask>{END}{chain('S', 'W', 'E')}"
        )

    assert errors(read_with("level"))["payload-by-hand"].element == "W"
    assert read_with("reason").deployable
    assert read_with("by").deployable


def test_a_message_that_starts_two_processes_is_warned_of() -> None:
    body = f"<startEvent id='S'>{GO}</startEvent>{user('A')}{END}{chain('S', 'A', 'E')}"
    files = {f"{key}.bpmn": process(body, key, 'isExecutable="true"') for key in ("a", "b")}
    assert warnings(read_all(files))["message-starts-two"].file == "b.bpmn"


def test_a_process_nobody_can_start_is_warned_of() -> None:
    found = read_all({"p.bpmn": process(around(""), attributes='isExecutable="true"')})
    assert warnings(found)["nobody-starts"].file == "p.bpmn"


def test_a_reminder_without_a_deadline_is_warned_of() -> None:
    found = read(single("A", user("A", attributes="cl:remind='P1D'")))
    assert warnings(found)["remind-without-due"].element == "A"
    assert read(single("A", user("A", attributes="cl:remind='P1D' cl:due='P5D'"))).problems == ()


@pytest.mark.parametrize(
    ("kind", "name", "body"),
    [
        ("userTask", "新的一步", around("<userTask name='新的一步' cl:role='clerk'/>")),
        ("userTask", "", around("<userTask id='' cl:role='clerk'/>")),
        (
            "sequenceFlow",
            "",
            f"{START}{user('A')}{END}{flow('A', 'E')}<sequenceFlow sourceRef='S' targetRef='A'/>",
        ),
    ],
)
def test_what_has_no_id_is_named_by_its_kind_name_and_line(kind: str, name: str, body: str) -> None:
    told = errors(read(body))["id-missing"]
    assert told.text.zh.startswith(f"{kind}“{name}”" if name else f"{kind}没有编号")
    assert f'id="{kind}_1"' in told.text.en
    assert told.line == 5
    assert not {"unsupported-element", "flow-unconnected"} & errors(read(body)).keys()


def test_a_message_without_an_id_is_refused_at_its_line() -> None:
    data = process(single("A", user("A"))).replace(b"<process", b'<message name="go"/>\n<process', 1)
    told = errors(read_all({"p.bpmn": data}))
    assert told.keys() == {"id-missing"}
    assert "message“go”" in told["id-missing"].text.zh
    assert told["id-missing"].line == 4


def test_a_forgotten_prefix_is_named() -> None:
    attribute = errors(read(single("A", user("A", attributes="due='P3D'"))))["unknown-attribute"]
    assert "cl:due" in attribute.text.zh
    assert "cl:due" in attribute.text.en
    element = errors(read(single("A", user("A", "<outcome id='yes' name='是'/>"))))["unknown-extension"]
    assert "<cl:outcome>" in element.text.zh
    assert "<cl:outcome>" in element.text.en


def test_problems_say_what_to_draw_instead() -> None:
    told = read(around("<inclusiveGateway id='X'/>"))
    assert "并行网关" in errors(told)["unsupported-element"].text.zh
    assert "parallel gateway" in errors(told)["unsupported-element"].text.en
    close = read(single("A", "<userTask id='A' cl:role='clerc'/>"))
    assert "clerk" in errors(close)["unknown-role"].text.zh


PICTURE = (
    '<p:BPMNDiagram xmlns:p="http://www.omg.org/spec/BPMN/20100524/DI" '
    'xmlns:c="http://www.omg.org/spec/DD/20100524/DC" xmlns:i="http://www.omg.org/spec/DD/20100524/DI">'
    '<p:BPMNPlane bpmnElement="p">'
    '<p:BPMNShape bpmnElement="A"><c:Bounds x="1" y="-2.5" width="100" height="1e2"/></p:BPMNShape>'
    '<p:BPMNEdge bpmnElement="S_A"><i:waypoint x="0" y="3"/></p:BPMNEdge></p:BPMNPlane></p:BPMNDiagram>'
)


@pytest.mark.parametrize(
    ("right", "wrong", "element"),
    [
        (' x="1"', ' x="a"', "A"),
        (' x="1"', "", "A"),
        ('"-2.5"', '"nan"', "A"),
        ('"1e2"', '"1e999"', "A"),
        ('x="0"', 'x=""', "S_A"),
    ],
)
def test_a_damaged_picture_is_refused_at_what_it_shows(right: str, wrong: str, element: str) -> None:
    sound = process(single("A", user("A"))).decode()
    drawn = sound.replace("</definitions>", f"{PICTURE}</definitions>")
    assert read_all({"p.bpmn": drawn.encode()}).problems == ()
    told = errors(read_all({"p.bpmn": drawn.replace(right, wrong).encode()}))["bad-shape"]
    assert (told.file, told.element) == ("p.bpmn", element)
    assert told.line is not None
