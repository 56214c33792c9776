"""Our extension attributes and elements (`cl:`): where each may stand, and what it says about an element."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any, Literal, TypeVar, cast

from service.engine.deadlines import parse_deadline
from service.engine.expressions import Expression, ExpressionError, compile_expression
from service.engine.model import Deadline, Element, Outcome, Receive, Send, Spread, Vote
from service.engine.problems import Allowance, Findings
from service.engine.xml import Node, child, children, line_of, local, namespace, text_of
from service.errors import Text

BPMN = "http://www.omg.org/spec/BPMN/20100524/MODEL"
CL = "urn:chuanglv:bpmn:1"

#: All expressions and scripts of one file; compiling as many of the costliest kind takes a tenth of a second.
MOST_TOGETHER = 40_000

#: Attributes that list words, and how many they may hold.
_LISTS = frozenset({"cl:starters", "cl:notBy", "cl:cc", "cl:remind", "by"})
MOST_WORDS = 50
_MOST_REMINDERS = 10

THROWS = frozenset({"intermediateThrowEvent", "endEvent", "sendTask"})
CATCHES = frozenset({"intermediateCatchEvent", "boundaryEvent", "receiveTask", "startEvent"})

_IDENTIFIER = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,79}")
_FRACTION = re.compile(r"([1-9]\d?)/([1-9]\d?)")

_NAMED = frozenset({"nameEn"})
ATTRIBUTES: Mapping[str, frozenset[str]] = {
    "process": _NAMED | {"matter", "title", "starters"},
    "lane": _NAMED | {"role"},
    "startEvent": _NAMED | {"form"},
    "userTask": _NAMED
    | {
        "role",
        "organisation",
        "person",
        "exclude",
        "notBy",
        "form",
        "due",
        "priority",
        "remind",
        "bulk",
        "cc",
    },
    "serviceTask": _NAMED | {"operation", "result"},
    "businessRuleTask": _NAMED | {"decision", "result"},
    "multiInstanceLoopCharacteristics": frozenset({"each"}),
}
ELEMENTS: Mapping[str, frozenset[str]] = {
    "userTask": frozenset({"outcome", "field", "vote", "show"}),
    "startEvent": frozenset({"outcome", "field", "receive", "variable"}),
    "serviceTask": frozenset({"param"}),
    **{name: frozenset({"send", "payload"}) for name in THROWS},
    **{name: frozenset({"receive", "variable"}) for name in CATCHES - {"startEvent"}},
}
OWN_ATTRIBUTES: Mapping[str, tuple[frozenset[str], frozenset[str]]] = {
    # element: (required, optional)
    "outcome": (frozenset({"id", "name"}), frozenset({"nameEn", "opinion", "form", "style"})),
    "field": (frozenset({"key", "access"}), frozenset()),
    "vote": (frozenset({"pass", "needed"}), frozenset({"veto", "otherwise"})),
    "show": (frozenset({"form"}), frozenset()),
    "param": (frozenset({"name", "value"}), frozenset()),
    "send": (frozenset(), frozenset({"key", "each", "item", "deployment"})),
    "payload": (frozenset({"name", "value"}), frozenset()),
    "receive": (frozenset(), frozenset({"key", "by"})),
    "variable": (frozenset({"name", "from"}), frozenset()),
}
#: Namespaces beside BPMN's that say nothing about how a process runs: shapes, colours, types.
_HARMLESS = (
    "http://www.omg.org/spec/",
    "http://www.w3.org/",
    "http://bpmn.io/schema/bpmn/biocolor/",
)

T = TypeVar("T")


def check_places(root: Node, findings: Findings) -> None:
    """Report every `cl:` attribute and element that is unknown or stands where it means nothing."""
    foreign: dict[str, Node] = {}
    for node in root.iter():
        uri = namespace(node)
        if uri == CL:
            _check_own(node, findings)
            continue
        if uri and not uri.startswith(_HARMLESS):
            foreign.setdefault(uri, node)
        for name in node.attrib:
            attribute_uri, _, attribute = str(name).rpartition("}")
            attribute_uri = attribute_uri.removeprefix("{")
            if attribute_uri == CL:
                _check_words(node, f"cl:{attribute}", str(node.get(name)), findings)
                if uri != BPMN or attribute not in ATTRIBUTES.get(local(node), _NAMED):
                    findings.error(
                        "unknown-extension",
                        f"{local(node)} 上没有属性 cl:{attribute}{_instead(ATTRIBUTES.get(local(node), _NAMED))}",
                        f"{local(node)} has no attribute cl:{attribute}"
                        f"{_instead(ATTRIBUTES.get(local(node), _NAMED), english=True)}",
                        node,
                    )
            elif attribute_uri and not attribute_uri.startswith(_HARMLESS):
                foreign.setdefault(attribute_uri, node)
    for uri, node in foreign.items():
        findings.warning(
            "foreign-extension",
            f"其他软件的扩展（{uri[:80]}）不起作用；请改用 cl: 扩展",
            f"extensions of other software ({uri[:80]}) have no effect; use the cl: extensions",
            node,
        )


class Extensions:
    """Reads what one file's elements say in our namespace, compiling every expression."""

    def __init__(self, findings: Findings, whole: Allowance | None = None) -> None:
        """Report to `findings`, whose file the expressions name; all files together share `whole`."""
        self.findings = findings
        self._allowance = Allowance(
            MOST_TOGETHER,
            Text(
                f"流程里的表达式和脚本合计超过 {MOST_TOGETHER} 个字符；请拆成几个流程",
                f"the expressions and scripts of the process are longer than {MOST_TOGETHER} characters together; "
                "split it",
            ),
            whole,
        )

    def affords(self, node: Node, source: str) -> bool:
        """Whether an expression of this length may still be compiled; the first that may not is reported."""
        affords, told = self._allowance.take(len(source))
        if told is not None:
            self.findings.error("too-large", told.zh, told.en, node)
        return affords

    def describe(self, node: Node, element: Element, message: str | None) -> Element:
        """Return `element` with the facets its `cl:` attributes and elements give it."""
        kind = element.type
        if kind == "userTask":
            element = self._user_task(node, element)
        elif kind == "startEvent":
            element = replace(
                element,
                form=attribute(node, "form"),
                outcomes=self._outcomes(node),
                fields=self._fields(node),
            )
        elif kind == "serviceTask":
            element = replace(
                element,
                operation=attribute(node, "operation"),
                result=self.identifier(node, attribute(node, "result"), "cl:result"),
                parameters=self._expressions(node, "param"),
            )
        elif kind == "businessRuleTask":
            element = replace(
                element,
                decision=attribute(node, "decision"),
                result=self.identifier(node, attribute(node, "result"), "cl:result"),
            )
        if message is not None and kind in THROWS:
            element = replace(element, send=self._send(node, message))
        elif message is not None and kind in CATCHES:
            element = replace(element, receive=self._receive(node, message))
        return element

    def expression(self, node: Node, source: str | None) -> Expression | None:
        """Return the compiled expression, or None after reporting what is wrong with it."""
        if source is None or not self.affords(node, source):
            return None
        return self._attempt(
            node, lambda: compile_expression(source, file=self.findings.file, line=line_of(node))
        )

    def marked(self, node: Node, name: str) -> Expression | None:
        """Return the expression of an attribute `cl:name="=…"`, whose `=` is required."""
        source = attribute(node, name)
        if source is None:
            return None
        if not source.startswith("="):
            self.findings.error(
                "expression-expected",
                f"cl:{name} 要写成以“=”开头的表达式，例如 =变量名；固定文字写成 ='文字'",
                f"cl:{name} is an expression beginning with “=”, such as =variable; a fixed text is ='text'",
                node,
            )
            return None
        return self.expression(node, source[1:])

    def deadline(self, node: Node, source: str | None) -> Deadline | None:
        """Return the deadline, or None after reporting what is wrong with it."""
        if source is None or not self.affords(node, source):
            return None
        return self._attempt(
            node, lambda: parse_deadline(source, file=self.findings.file, line=line_of(node))
        )

    def identifier(self, node: Node, name: str | None, where: str) -> str | None:
        """Return the variable name, or None after reporting that it is none."""
        if name is None or _IDENTIFIER.fullmatch(name):
            return name
        self.findings.error(
            "bad-name",
            f"{where}：“{name[:40]}”不能作名称；以字母开头，由字母、数字、下划线组成",
            f"{where}: “{name[:40]}” is no name; begin with a letter, use letters, digits and underscores",
            node,
        )
        return None

    def _user_task(self, node: Node, element: Element) -> Element:
        remind = tuple(
            one for text in words(node, "remind") if (one := self.deadline(node, text)) is not None
        )
        if any(one.kind != "duration" for one in remind):
            self.findings.error(
                "bad-reminder",
                "cl:remind 只写到期前的时长，例如 P2D P1D",
                "cl:remind takes durations before the due only, such as P2D P1D",
                node,
            )
        outcomes = self._outcomes(node)
        return replace(
            element,
            role=attribute(node, "role") or element.role,
            form=attribute(node, "form"),
            organisation=self.marked(node, "organisation"),
            person=self.marked(node, "person"),
            exclude=self.marked(node, "exclude"),
            not_by=words(node, "notBy"),
            outcomes=outcomes,
            due=self.deadline(node, attribute(node, "due")),
            remind=tuple(one for one in remind if one.kind == "duration"),
            priority=self._priority(node),
            bulk=self._choice(node, "cl:bulk", attribute(node, "bulk"), ("false", "true")) == "true",
            cc=words(node, "cc"),
            fields=self._fields(node),
            shows=tuple(one.get("form", "") for one in own(node, "show")),
            spread=self._spread(node, outcomes),
        )

    def _outcomes(self, node: Node) -> tuple[Outcome, ...]:
        found: dict[str, Outcome] = {}
        for one in own(node, "outcome"):
            key = one.get("id", "")
            if self.identifier(node, key, "cl:outcome id") is None:
                continue
            if key in found:
                self.findings.error(
                    "duplicate-outcome", f"按钮 {key} 出现两次", f"the button {key} occurs twice", one
                )
            name = one.get("name", key)
            opinion = self._choice(one, "opinion", one.get("opinion"), ("optional", "required", "none"))
            form = self._choice(one, "form", one.get("form"), ("complete", "partial"))
            style = self._choice(one, "style", one.get("style"), ("plain", "primary", "danger"))
            found[key] = Outcome(
                key,
                Text(name, one.get("nameEn", name)),
                cast(Literal["required", "optional", "none"], opinion),
                cast(Literal["complete", "partial"], form),
                cast(Literal["primary", "danger", "plain"], style),
            )
        return tuple(found.values())

    def _fields(self, node: Node) -> dict[str, Literal["write", "read", "hidden"]]:
        found: dict[str, Literal["write", "read", "hidden"]] = {}
        for one in own(node, "field"):
            key = one.get("key", "")
            self._refuse_twice(one, "field", key, found)
            access = self._choice(one, "access", one.get("access"), ("write", "read", "hidden"))
            found[key] = cast(Literal["write", "read", "hidden"], access)
        return found

    def _spread(self, node: Node, outcomes: tuple[Outcome, ...]) -> Spread | None:
        loop = child(node, BPMN, "multiInstanceLoopCharacteristics")
        votes = own(node, "vote")
        if loop is None:
            if votes:
                self.findings.error(
                    "vote-without-spread",
                    "cl:vote 只用于多实例（会签）任务；请给任务加多实例标记，或删去 cl:vote",
                    "cl:vote belongs to a multi-instance task; mark the task so, or delete cl:vote",
                    votes[0],
                )
            return None
        collection = self.identifier(
            loop, text_of(child(loop, BPMN, "loopDataInputRef")) or None, "loopDataInputRef"
        )
        item_node = child(loop, BPMN, "inputDataItem")
        item = None if item_node is None else item_node.get("name") or item_node.get("id")
        item = self.identifier(loop, item, "inputDataItem")
        each = attribute(loop, "each")
        if collection is None or item is None or each is None:
            self.findings.error(
                "spread-incomplete",
                "会签任务要写明 loopDataInputRef（列表变量）、inputDataItem 的 name 和 cl:each"
                "（person 或 organisation）",
                "a multi-instance task needs loopDataInputRef (a list variable), inputDataItem with a name, and "
                "cl:each (person or organisation)",
                loop,
            )
            return None
        chosen = self._choice(loop, "cl:each", each, ("person", "organisation"))
        return Spread(
            collection,
            item,
            cast(Literal["person", "organisation"], chosen),
            loop.get("isSequential") == "true",
            self._vote(votes[0], outcomes) if votes else None,
        )

    def _vote(self, node: Node, outcomes: tuple[Outcome, ...]) -> Vote:
        known = {one.id for one in outcomes}
        for name in ("pass", "veto", "otherwise"):
            named = node.get(name)
            if named is not None and named not in known and not (name == "otherwise" and not known):
                self.findings.error(
                    "vote-unknown-outcome",
                    f"cl:vote 的 {name}=“{named}”不是本任务的按钮",
                    f"cl:vote {name}=“{named}” is no button of this task",
                    node,
                )
        if node.get("veto") is not None and node.get("veto") == node.get("pass"):
            self.findings.error(
                "vote-veto",
                f"cl:vote 的 pass 和 veto 都是“{node.get('veto')}”：赞成就成了否决；veto 请写另一个按钮，或删去",
                f"pass and veto of cl:vote are both “{node.get('veto')}”: agreeing would be a veto; name another "
                "button, or leave veto out",
                node,
            )
        needed = node.get("needed", "all").strip()
        expression = self.expression(node, needed[1:]) if needed.startswith("=") else None
        fraction = _FRACTION.fullmatch(needed)
        fits = needed in ("all", "any", "majority") or (fraction and int(fraction[1]) <= int(fraction[2]))
        if expression is None and not needed.startswith("=") and not fits:
            self.findings.error(
                "vote-needed",
                f"cl:vote 的 needed=“{needed[:40]}”不对；可写 all、any、majority、2/3 或 =表达式",
                f"cl:vote needed=“{needed[:40]}” is wrong; write all, any, majority, 2/3 or =expression",
                node,
            )
        return Vote(node.get("pass", ""), needed, node.get("veto"), node.get("otherwise"), expression)

    def _send(self, node: Node, message: str) -> Send:
        sends = own(node, "send")
        send = sends[0] if sends else None
        if send is None:
            self.findings.error(
                "send-missing",
                "发送消息要写明 <cl:send key=…/> 和要带的 <cl:payload name=… value=…/>；什么都不带也要写 <cl:send/>",
                "a sent message needs <cl:send key=…/> and the <cl:payload name=… value=…/> it carries; write "
                "<cl:send/> even if it carries nothing",
                node,
            )
            return Send(message, None, None, None, "starter", self._expressions(node, "payload"))
        each, item = send.get("each"), self.identifier(send, send.get("item"), "cl:send item")
        if (each is None) != (item is None):
            self.findings.error(
                "send-each",
                "cl:send 的 each（列表）与 item（其中一项的名称）要一起写",
                "cl:send: each (the list) and item (the name of one of it) go together",
                send,
            )
        deployment = self._choice(send, "deployment", send.get("deployment"), ("starter", "plan", "newest"))
        return Send(
            message,
            self.expression(send, send.get("key")),
            self.expression(send, each),
            item,
            cast(Literal["starter", "plan", "newest"], deployment),
            self._expressions(node, "payload"),
        )

    def _receive(self, node: Node, message: str) -> Receive:
        receives = own(node, "receive")
        receive = receives[0] if receives else None
        key = None if receive is None else receive.get("key")
        if local(node) == "startEvent":
            if key is not None or (receive is not None and receive.get("by") is not None):
                self.findings.error(
                    "receive-on-start",
                    "消息启动的流程没有 key 和 by：每条消息启动一个实例",
                    "a message start has neither key nor by: every message starts an instance",
                    receive,
                )
        elif key is None:
            self.findings.error(
                "receive-missing",
                "等待消息要写明 <cl:receive key=…/>：凭什么认出发给本实例的消息",
                "an awaited message needs <cl:receive key=…/>: by what this instance knows its message",
                node,
            )
        variables: dict[str, str] = {}
        for one in own(node, "variable"):
            name = self.identifier(one, one.get("name"), "cl:variable name")
            source = self.identifier(one, one.get("from"), "cl:variable from")
            if name is not None and source is not None:
                self._refuse_twice(one, "variable", name, variables)
                variables[name] = source
        by = () if receive is None else tuple(receive.get("by", "").split()[:MOST_WORDS])
        return Receive(message, None if receive is None else self.expression(receive, key), variables, by)

    def _expressions(self, node: Node, name: str) -> dict[str, Expression]:
        found: dict[str, Expression] = {}
        for one in own(node, name):
            key = self.identifier(one, one.get("name"), f"cl:{name} name")
            if key is None:
                continue
            self._refuse_twice(one, name, key, found)
            compiled = self.expression(one, one.get("value"))
            if compiled is not None:
                found[key] = compiled
        return found

    def _refuse_twice(self, node: Node, element: str, name: str, known: Iterable[str]) -> None:
        if name in known:
            self.findings.error(
                "duplicate-name",
                f"cl:{element} {name[:80]} 出现两次",
                f"cl:{element} {name[:80]} occurs twice",
                node,
            )

    def _priority(self, node: Node) -> int:
        text = attribute(node, "priority")
        if text is None:
            return 50
        if re.fullmatch(r"\d{1,3}", text) and int(text) <= 100:
            return int(text)
        self.findings.error(
            "bad-priority",
            "cl:priority 是 0 到 100 的整数",
            "cl:priority is a whole number from 0 to 100",
            node,
        )
        return 50

    def _choice(self, node: Node, name: str, given: str | None, choices: tuple[str, ...]) -> str:
        if given is None or given in choices:
            return given or choices[0]
        self.findings.error(
            "bad-choice",
            f"{name}=“{given[:40]}”不对；可写 {'、'.join(choices)}",
            f"{name}=“{given[:40]}” is wrong; write {', '.join(choices)}",
            node,
        )
        return choices[0]

    def _attempt(self, node: Node, compile_it: Callable[[], T]) -> T | None:
        try:
            return compile_it()
        except ExpressionError as error:
            self.findings.error("bad-expression", error.text.zh, error.text.en, node)
            return None


def attribute(node: Node, name: str) -> str | None:
    """Return the attribute `cl:name` without surrounding space, None if it is missing or empty."""
    value = node.get(f"{{{CL}}}{name}")
    return value.strip() or None if value is not None else None


def words(node: Node, name: str) -> tuple[str, ...]:
    """Return the space-separated words of the attribute `cl:name`; more than `MOST_WORDS` are reported elsewhere."""
    return tuple((attribute(node, name) or "").split()[:MOST_WORDS])


def own(node: Node, name: str) -> list[Node]:
    """Return the `cl:name` elements of the node's extension elements."""
    extensions = child(node, BPMN, "extensionElements")
    return [] if extensions is None else children(extensions, CL, name)


def name_of(node: Node) -> Text:
    """Return the node's name in both languages; without `cl:nameEn` the one name is both."""
    name: Any = " ".join((node.get("name") or node.get("id") or "").split())
    return Text(name, attribute(node, "nameEn") or name)


def _check_own(node: Node, findings: Findings) -> None:
    parent = node.getparent()
    holder = None if parent is None else parent.getparent()
    name = local(node)
    inside = parent is not None and namespace(parent) == BPMN and local(parent) == "extensionElements"
    allowed = ELEMENTS.get(local(holder), frozenset()) if inside and holder is not None else frozenset()
    if name not in allowed:
        where = (
            local(holder) if inside and holder is not None else local(parent) if parent is not None else "?"
        )
        findings.error(
            "unknown-extension",
            f"<cl:{name}> 不能放在 {where} 里{_instead(allowed)}；它应直接放在 extensionElements 下",
            f"<cl:{name}> has no meaning within {where}{_instead(allowed, english=True)}; it stands directly in "
            "extensionElements",
            node,
        )
        return
    if name == "receive":
        _check_words(node, "by", node.get("by", ""), findings)
    required, optional = OWN_ATTRIBUTES[name]
    for given in sorted(str(key) for key in node.attrib):
        if given not in required | optional:
            findings.error(
                "unknown-extension",
                f"<cl:{name}> 没有属性 {given}{_instead(required | optional)}",
                f"<cl:{name}> has no attribute {given}{_instead(required | optional, english=True)}",
                node,
            )
    for missing in sorted(required - {str(key) for key in node.attrib}):
        findings.error(
            "extension-incomplete",
            f"<cl:{name}> 缺少属性 {missing}",
            f"<cl:{name}> lacks the attribute {missing}",
            node,
        )


def _check_words(node: Node, name: str, text: str, findings: Findings) -> None:
    """Report a list with more words than anybody means; expressions are no lists."""
    most = _MOST_REMINDERS if name == "cl:remind" else MOST_WORDS
    if name in _LISTS and len(text.split()) > most:
        findings.error(
            "too-many-words",
            f"{name} 有 {len(text.split())} 项，最多 {most} 项",
            f"{name} has {len(text.split())} words, {most} at most",
            node,
        )


def _instead(allowed: Iterable[str], *, english: bool = False) -> str:
    names = sorted(allowed)
    if not names:
        return ""
    return f" (known: {', '.join(names)})" if english else f"（可用：{'、'.join(names)}）"
