"""Checks the names expressions use: functions nobody defines, variables that are read but never set."""

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from service.engine.assignments import Assignments
from service.engine.diagram import Diagram
from service.engine.expressions import Expression
from service.engine.fields import Field, Form, RowList, walk
from service.engine.model import Element, Problem
from service.engine.parts import Parts, form_reads, uses
from service.engine.vocabulary import BUILT_IN
from service.errors import Text

#: Functions that read what was submitted with a form.
_OF_FORMS = frozenset({"submitted", "all_submitted"})


@dataclass(frozen=True, slots=True)
class _Reading:
    """A variable that is read: its name, in what, on coming to which element or `leaving` it."""

    name: str
    what: Text
    element: str
    node: Any
    leaving: bool = False


def check_names(parts: Parts, function_names: frozenset[str]) -> None:
    """Report unknown functions as errors, and as warnings the variables that nothing sets."""
    functions = function_names | BUILT_IN.keys()
    for form in parts.forms.values():
        _check_form(parts, form, functions)
    _check_decisions(parts, functions)
    assignments = Assignments(parts)
    for diagram in parts.diagrams.values():
        for use in uses(diagram):
            _check_calls(diagram, use.expression, use.node, None, functions, parts)
        for key, script in diagram.scripts.items():
            for _, line in script.lines:
                _check_calls(diagram, line, diagram.nodes[key], line.line, functions, parts)
        _check_variables(parts, diagram, assignments)


def _check_calls(
    diagram: Diagram,
    expression: Expression,
    node: Any,
    line: int | None,
    functions: Iterable[str],
    parts: Parts,
) -> None:
    for name in sorted(expression.calls - set(functions)):
        zh, en = parts.hints.hint(name, functions)
        diagram.findings.error(
            "unknown-function",
            f"表达式“{expression.source[:80]}”里没有函数 {name}{zh}",
            f"there is no function {name} in the expression “{expression.source[:80]}”{en}",
            node,
            line=line,
        )
    _check_submitted(diagram, expression, node, line, parts)


def _check_submitted(
    diagram: Diagram, expression: Expression, node: Any, line: int | None, parts: Parts
) -> None:
    """Check the forms, and their fields, that an expression asks for by `submitted('form').field`."""
    if not expression.calls & _OF_FORMS:
        return
    tree = ast.parse(expression.source, mode="eval")
    fields = {id(one.value): one.attr for one in ast.walk(tree) if isinstance(one, ast.Attribute)}
    for call in ast.walk(tree):
        if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in _OF_FORMS):
            continue
        name = call.args[0].value if call.args and isinstance(call.args[0], ast.Constant) else None
        if not isinstance(name, str):
            continue
        form = parts.forms.get(name)
        field = fields.get(id(call))
        if form is None:
            zh, en = parts.hints.hint(name, parts.forms)
            diagram.findings.error(
                "unknown-form",
                f"{call.func.id}('{name[:60]}') 的表单不在 forms/ 里{zh}",
                f"the form of {call.func.id}('{name[:60]}') is not in forms/{en}",
                node,
                line=line,
            )
        elif field is not None and field not in form.entries:
            zh, en = parts.hints.hint(field, form.entries)
            diagram.findings.error(
                "unknown-field",
                f"表单 {name} 没有字段 {field}{zh}",
                f"the form {name} has no field {field}{en}",
                node,
                line=line,
            )


def _check_form(parts: Parts, form: Form, functions: Iterable[str]) -> None:
    for item in walk(form.items):
        prefill = item.prefill if isinstance(item, Field | RowList) else None
        if prefill is None:
            continue
        for name in sorted(prefill.calls - set(functions)):
            zh, en = parts.hints.hint(name, functions)
            parts.problems.append(
                Problem(
                    form.file,
                    prefill.line,
                    item.key if isinstance(item, Field | RowList) else None,
                    "error",
                    "unknown-function",
                    Text(
                        f"表达式“{prefill.source[:80]}”里没有函数 {name}{zh}",
                        f"there is no function {name} in the expression “{prefill.source[:80]}”{en}",
                    ),
                )
            )


def _check_decisions(parts: Parts, functions: Iterable[str]) -> None:
    for table in parts.decisions.values():
        for name in sorted(table.calls - set(functions)):
            zh, en = parts.hints.hint(name, functions)
            parts.problems.append(
                Problem(
                    table.file,
                    table.rules[0].line if table.rules else None,
                    table.id,
                    "error",
                    "unknown-function",
                    Text(f"决策表里没有函数 {name}{zh}", f"there is no function {name} in the table{en}"),
                )
            )


def _readings(parts: Parts, diagram: Diagram) -> Iterator[_Reading]:
    """Yield every name a diagram reads, with where and in what."""
    for use in uses(diagram):
        shown = use.expression.source[:80]
        what = Text(f"表达式“{shown}”", f"the expression “{shown}”")
        for name in use.expression.names - use.bound:
            yield _Reading(name, what, use.element, use.node, use.leaving)
    for key, script in diagram.scripts.items():
        name_of = diagram.elements[key].name
        for name in script.names:
            what = Text(f"脚本“{name_of.zh}”", f"the script “{name_of.en}”")
            yield _Reading(name, what, key, diagram.nodes[key])
    for key, element in diagram.elements.items():
        node = diagram.nodes[key]
        if element.spread is not None:
            what = Text("会签名单 loopDataInputRef", "the list in loopDataInputRef")
            yield _Reading(element.spread.collection, what, key, node)
        table = parts.decisions.get(element.decision or "")
        for name in table.names if table is not None else ():
            what = Text(f"决策表 {element.decision}", f"the decision table {element.decision}")
            yield _Reading(name, what, key, node)
        role = parts.roles.get(element.role or "")
        if role is not None and role.of is not None and _seated_by_role(element):
            what = Text(f"角色“{role.label.zh}”的 of", f"“of” of the role “{role.label.en}”")
            yield _Reading(role.of, what, key, node)
        # A start form is filled in before there are any variables, and what is missing leaves its field empty.
        form = parts.forms.get(element.form or "") if element.type == "userTask" else None
        for name in form_reads(form) if form is not None else ():
            yield _Reading(name, Text(f"表单 {element.form}", f"the form {element.form}"), key, node)


def _seated_by_role(element: Element) -> bool:
    named = element.organisation is not None or element.spread is not None or element.person is not None
    return element.type == "userTask" and not named


def _check_variables(parts: Parts, diagram: Diagram, assignments: Assignments) -> None:
    known = assignments.anywhere(diagram.key)
    for one in sorted(_readings(parts, diagram), key=lambda reading: reading.name):
        if one.name not in known:
            close = parts.hints.slip(one.name, known) if len(one.name) > 2 else ("", "")
            if not close[0]:
                close = "；请补上，或由发起时给出", "; set it, or give it at the start"
            diagram.findings.warning(
                "never-set",
                f"{one.what.zh}要读变量 {one.name}，但没有表单字段、脚本、操作结果、决策或消息给出它{close[0]}",
                f"{one.what.en} reads the variable {one.name}, but no form field, script, result, decision or message "
                f"sets it{close[1]}",
                one.node,
            )
            continue
        reckon = assignments.after if one.leaving else assignments.before
        givers = assignments.givers(diagram.key, one.name)
        if givers and one.name not in reckon(diagram.key, one.element):
            names = givers[0].name
            diagram.findings.warning(
                "set-too-late",
                f"{one.what.zh}要读变量 {one.name}，可是走到这里之前没有一步给出它："
                f"“{names.zh}”在后面，或在另一分支；请调整先后，或在前面先给一个值",
                f"{one.what.en} reads the variable {one.name}, but no step before sets it: “{names.en}” comes later or "
                "stands in another branch; change the order, or set a value first",
                one.node,
            )
