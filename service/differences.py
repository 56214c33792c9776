"""What one set of procedure files changes against another, in words an official can check; and what runs now."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal

from sqlalchemy import Connection, func, select

from service.engine.decisions import DecisionTable, Rule
from service.engine.expressions import Expression
from service.engine.extensions import BPMN
from service.engine.fields import Field, Form
from service.engine.model import Deadline, Element, Outcome, Procedure, ProcessDefinition
from service.engine.xml import XmlError, child, parse_xml, text_of
from service.errors import Text
from service.store import procedure as tables

#: What each facet of an element is called.
FACETS: Mapping[str, Text] = {
    "type": Text("类型", "kind"),
    "name": Text("名称", "name"),
    "lane": Text("泳道", "lane"),
    "role": Text("办理岗位", "role"),
    "form": Text("表单", "form"),
    "organisation": Text("办理机构", "organisation"),
    "person": Text("指定人员", "person"),
    "exclude": Text("排除人员", "excluded people"),
    "not_by": Text("回避的步骤", "not by who did"),
    "outcomes": Text("按钮", "buttons"),
    "due": Text("办理时限", "deadline"),
    "remind": Text("到期提醒", "reminders"),
    "priority": Text("优先级", "priority"),
    "bulk": Text("可批量办理", "may be done in bulk"),
    "cc": Text("抄送", "copies"),
    "fields": Text("字段权限", "rights on fields"),
    "shows": Text("一并显示的表单", "forms shown beside it"),
    "spread": Text("会签", "countersign"),
    "operation": Text("系统操作", "operation"),
    "parameters": Text("操作参数", "parameters"),
    "result": Text("结果变量", "result variable"),
    "decision": Text("决策表", "decision table"),
    "calls": Text("调用的流程", "called process"),
    "send": Text("发送消息", "message sent"),
    "receive": Text("等待消息", "message awaited"),
    "timer": Text("定时", "timer"),
    "attached_to": Text("附着在", "attached to"),
    "interrupting": Text("中断所附任务", "interrupts its task"),
}


@dataclass(frozen=True, slots=True)
class Difference:
    """One change: in which file, at which element (None: the file as a whole), of which kind, in words."""

    file: str
    element: str | None
    kind: Literal["added", "removed", "changed"]
    text: Text


@dataclass(frozen=True, slots=True)
class Running:
    """How many instances of a process still run by one version of it."""

    process_key: str
    name: Text
    version: int
    count: int


def compare(before: Procedure, after: Procedure) -> list[Difference]:
    """Return what `after` changes against `before`, by file and element, in words."""
    found = []
    for path in sorted(before.files.keys() | after.files.keys()):
        old, new = before.files.get(path), after.files.get(path)
        if old == new:
            continue
        if old is None or new is None:
            kind: Literal["added", "removed"] = "added" if old is None else "removed"
            verb = (
                Text("新增文件", "the file is new") if old is None else Text("删除文件", "the file is gone")
            )
            found.append(Difference(path, None, kind, verb))
            continue
        changes = _in_file(path, old, new, before, after)
        found += changes or [Difference(path, None, "changed", _looks_only(path))]
    return found


def running(connection: Connection) -> list[Running]:
    """Return the instances that still run, by process and version: they go on by the version they began with."""
    instance, definition = tables.instance, tables.process_definition
    rows = connection.execute(
        select(
            definition.c.key, definition.c.name_zh, definition.c.name_en, definition.c.version, func.count()
        )
        .join(definition, definition.c.id == instance.c.definition_id)
        .where(instance.c.ended_at.is_(None))
        .group_by(definition.c.key, definition.c.name_zh, definition.c.name_en, definition.c.version)
        .order_by(definition.c.key, definition.c.version)
    )
    return [Running(key, Text(zh, en), version, count) for key, zh, en, version, count in rows]


def _in_file(path: str, old: bytes, new: bytes, before: Procedure, after: Procedure) -> list[Difference]:
    if path.endswith(".bpmn"):
        key = path.rpartition("/")[2].removesuffix(".bpmn")
        first, second = before.processes.get(key), after.processes.get(key)
        return _process(path, first, second) + _flows(path, old, new) if first and second else []
    if path.startswith("forms/"):
        key = path.rpartition("/")[2].removesuffix(".json")
        return _form(path, before.forms.get(key), after.forms.get(key))
    if path.endswith(".toml"):
        return _toml(path, old, new)
    key = path.rpartition("/")[2].removesuffix(".dmn")
    return _decision(path, before.decisions.get(key), after.decisions.get(key))


def _process(path: str, before: ProcessDefinition, after: ProcessDefinition) -> list[Difference]:
    found = []
    if before.name != after.name:
        found.append(_changed(path, None, "流程名称", "the process's name", before.name, after.name))
    if before.starters != after.starters:
        found.append(
            _changed(path, None, "可发起的岗位", "who may start it", before.starters, after.starters)
        )
    if before.starts_on != after.starts_on:
        found.append(
            _changed(path, None, "启动消息", "the message that starts it", before.starts_on, after.starts_on)
        )
    for key in [*before.elements, *(one for one in after.elements if one not in before.elements)]:
        old, new = before.elements.get(key), after.elements.get(key)
        if old is None and new is not None:
            text = Text(f"新增“{new.name.zh}”", f"“{new.name.en}” is new")
            found.append(Difference(path, key, "added", text))
        elif new is None and old is not None:
            text = Text(f"删除“{old.name.zh}”", f"“{old.name.en}” is gone")
            found.append(Difference(path, key, "removed", text))
        elif old is not None and new is not None:
            found += _facets(path, old, new)
    return found


def _facets(path: str, before: Element, after: Element) -> list[Difference]:
    found = []
    for facet in fields(Element):
        label = FACETS.get(facet.name)
        old, new = getattr(before, facet.name), getattr(after, facet.name)
        if label is None or _words(old) == _words(new):
            continue
        zh, en = _words(old), _words(new)
        found.append(
            Difference(
                path,
                after.id,
                "changed",
                Text(
                    f"“{after.name.zh}”的{label.zh}：{zh or '（无）'} → {en or '（无）'}",
                    f"“{after.name.en}”, {label.en}: {zh or '(none)'} → {en or '(none)'}",
                ),
            )
        )
    return found


def _flows(path: str, before: bytes, after: bytes) -> list[Difference]:
    old, new = _drawn_flows(before), _drawn_flows(after)
    found = []
    for key in sorted(old.keys() | new.keys()):
        was, now = old.get(key), new.get(key)
        if now is None and was is not None:
            text = Text(f"删除连线 {was.words}", f"the flow {was.words} is gone")
            found.append(Difference(path, key, "removed", text))
        elif was is None and now is not None:
            text = Text(f"新增连线 {now.words}", f"a new flow {now.words}")
            found.append(Difference(path, key, "added", text))
        elif was is not None and now is not None and was.rule != now.rule:
            found.append(_changed(path, key, "连线", "the flow", was.words, now.words))
    return found


@dataclass(frozen=True, slots=True)
class _Flow:
    """A drawn flow: what it means, by ids, and how it reads, by names."""

    rule: tuple[str, str, str, bool]
    words: str


def _drawn_flows(data: bytes) -> dict[str, _Flow]:
    try:
        root = parse_xml(data)
    except XmlError:
        return {}
    nodes = {node.get("id", ""): node for node in root.iter() if node.get("id")}
    found = {}
    for node in root.iter(f"{{{BPMN}}}sequenceFlow"):
        key, source, target = (node.get(name, "") for name in ("id", "sourceRef", "targetRef"))
        condition = text_of(child(node, BPMN, "conditionExpression"))
        default = source in nodes and nodes[source].get("default") == key
        ends = [
            " ".join((nodes[one].get("name") or one).split()) if one in nodes else one
            for one in (source, target)
        ]
        extra = f"（{condition}）" if condition else "（其余情况）" if default else ""
        found[key] = _Flow((source, target, condition, default), f"{ends[0]} → {ends[1]}{extra}")
    return found


def _form(path: str, before: Form | None, after: Form | None) -> list[Difference]:
    if before is None or after is None:
        return []
    old, new = ({key: _field(one) for key, one in form.fields.items()} for form in (before, after))
    found = []
    for key in [*old, *(one for one in new if one not in old)]:
        if key not in new:
            text = Text(f"删除字段“{old[key]}”", f"the field “{old[key]}” is gone")
            found.append(Difference(path, key, "removed", text))
        elif key not in old:
            text = Text(f"新增字段“{new[key]}”", f"the field “{new[key]}” is new")
            found.append(Difference(path, key, "added", text))
        elif old[key] != new[key]:
            found.append(_changed(path, key, "字段", "the field", old[key], new[key]))
    return found


def _decision(path: str, before: DecisionTable | None, after: DecisionTable | None) -> list[Difference]:
    if before is None or after is None:
        return []
    found = []
    if before.hit_policy != after.hit_policy:
        found.append(_changed(path, None, "规则", "hit policy", before.hit_policy, after.hit_policy))
    columns = [
        (tuple(f"{one.label}={one.expression.source}" for one in table.inputs), table.outputs)
        for table in (before, after)
    ]
    if columns[0] != columns[1]:
        found.append(_changed(path, None, "列", "columns", *columns))
    old, new = ({rule.id: _row(rule) for rule in table.rules} for table in (before, after))
    for key in [*old, *(one for one in new if one not in old)]:
        if key not in new:
            found.append(
                Difference(path, key, "removed", Text(f"删除一行：{old[key]}", f"a row is gone: {old[key]}"))
            )
        elif key not in old:
            found.append(
                Difference(path, key, "added", Text(f"新增一行：{new[key]}", f"a new row: {new[key]}"))
            )
        elif old[key] != new[key]:
            found.append(_changed(path, key, "一行", "a row", old[key], new[key]))
    if list(old) != list(new) and old.keys() == new.keys():
        found.append(Difference(path, None, "changed", Text("行的顺序变了", "the order of the rows changed")))
    return found


def _row(rule: Rule) -> str:
    tests = "，".join("任意" if cell is None else cell.source for cell in rule.cells)
    return f"{tests} → {'，'.join(one.source for one in rule.outputs)}"


def _field(field: Field) -> str:
    parts = [field.label.zh, field.type, "必填" if field.required else "", "只读" if field.readonly else ""]
    limits = [f"≥{field.minimum}" if field.minimum is not None else ""]
    limits.append(f"≤{field.maximum}" if field.maximum is not None else "")
    return "，".join(one for one in (*parts, *limits) if one)


def _toml(path: str, before: bytes, after: bytes) -> list[Difference]:
    try:
        old, new = (tomllib.loads(one.decode()) for one in (before, after))
    except (ValueError, RecursionError):
        return []
    left, right = _leaves(old), _leaves(new)
    found: list[Difference] = []
    for key in sorted(left.keys() | right.keys()):
        if left.get(key) != right.get(key):
            found.append(_changed(path, key, key, key, left.get(key), right.get(key)))
    return found


def _leaves(value: Any, prefix: str = "") -> dict[str, Any]:
    """Return the values of a TOML file by their path; entries of a list go by their code, name or key."""
    if isinstance(value, dict):
        pairs = [(str(key), one) for key, one in value.items()]
    elif isinstance(value, list) and value and all(isinstance(one, dict) for one in value):
        pairs = [
            (str(one.get("code") or one.get("key") or one.get("name") or one.get("kind") or number), one)
            for number, one in enumerate(value, 1)
        ]
    else:
        return {prefix: value}
    found: dict[str, Any] = {}
    for key, one in pairs:
        found |= _leaves(one, f"{prefix}.{key}" if prefix else key)
    return found


def _changed(path: str, element: str | None, zh: str, en: str, before: Any, after: Any) -> Difference:
    old, new = _words(before), _words(after)
    return Difference(
        path,
        element,
        "changed",
        Text(f"{zh}：{old or '（无）'} → {new or '（无）'}", f"{en}: {old or '(none)'} → {new or '(none)'}"),
    )


def _words(value: Any) -> str:
    """Write a facet's value as one line that is the same exactly when the value means the same."""
    if value is None or value == () or value == {}:
        return ""
    if isinstance(value, bool):
        return "是" if value else "否"
    if isinstance(value, Text):
        return value.zh if value.zh == value.en else f"{value.zh}（{value.en}）"
    if isinstance(value, Expression):
        return f"={value.source}"
    if isinstance(value, Deadline):
        return value.source
    if isinstance(value, Outcome):
        extra = [word for word, on in (("须填意见", value.opinion == "required"),) if on]
        return f"{value.name.zh}[{value.id}]" + (f"({'、'.join(extra)})" if extra else "")
    if isinstance(value, Mapping):
        return "，".join(f"{key}: {_words(one)}" for key, one in value.items())
    if isinstance(value, tuple | list):
        return "、".join(_words(one) for one in value)
    if hasattr(value, "__dataclass_fields__"):
        parts = ((one.name, _words(getattr(value, one.name))) for one in fields(value))
        return "，".join(f"{name}: {words}" for name, words in parts if words)
    return str(value)


def _looks_only(path: str) -> Text:
    if path.endswith(".bpmn"):
        return Text(
            "只改动了图形位置或说明文字，办理规则未变",
            "only the drawing or remarks changed, not what happens",
        )
    return Text("内容有改动", "its content changed")
