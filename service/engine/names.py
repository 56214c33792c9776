"""Checks the names expressions use: functions nobody defines, variables that are read but never set."""

import ast
from collections.abc import Iterable
from typing import Any

from service.engine.diagram import Diagram
from service.engine.expressions import Expression
from service.engine.fields import Field, Form, RowList, walk
from service.engine.model import Problem
from service.engine.parts import Parts, Use, called_by, form_reads, forms_of, uses
from service.engine.references import hint
from service.engine.vocabulary import BUILT_IN
from service.errors import Text

#: Variables every instance has, and those every user task leaves.
STANDARD = frozenset(
    {"unit_id", "organisation_id", "plan_year_id", "starter_id", "instance_id", "matter_id", "outcome"}
)
#: Functions that read what was submitted with a form.
_OF_FORMS = frozenset({"submitted", "all_submitted"})


def check_names(parts: Parts, function_names: frozenset[str]) -> None:
    """Report unknown functions as errors, and as warnings the variables that nothing sets."""
    functions = function_names | BUILT_IN.keys()
    for form in parts.forms.values():
        _check_form(parts, form, functions)
    _check_decisions(parts, functions)
    given = {key: _given(parts, diagram) for key, diagram in parts.diagrams.items()}
    for diagram in parts.diagrams.values():
        for use in uses(diagram):
            _check_calls(diagram, use.expression, use.node, None, functions, parts)
        for key, script in diagram.scripts.items():
            for _, line in script.lines:
                _check_calls(diagram, line, diagram.nodes[key], line.line, functions, parts)
        _check_variables(parts, diagram, _known(parts, diagram, given))


def _check_calls(
    diagram: Diagram,
    expression: Expression,
    node: Any,
    line: int | None,
    functions: Iterable[str],
    parts: Parts,
) -> None:
    for name in sorted(expression.calls - set(functions)):
        zh, en = hint(name, functions)
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
            zh, en = hint(name, parts.forms)
            diagram.findings.error(
                "unknown-form",
                f"{call.func.id}('{name[:60]}') 的表单不在 forms/ 里{zh}",
                f"the form of {call.func.id}('{name[:60]}') is not in forms/{en}",
                node,
                line=line,
            )
        elif field is not None and field not in form.entries:
            zh, en = hint(field, form.entries)
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
            zh, en = hint(name, functions)
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
            zh, en = hint(name, functions)
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


def _given(parts: Parts, diagram: Diagram) -> set[str]:
    """Return the names a process sets itself: forms, scripts, results, decisions, messages, lists."""
    names: set[str] = set()
    for element in diagram.elements.values():
        form = parts.forms.get(element.form or "")
        if form is not None:
            names |= form.entries.keys()
        if element.result is not None:
            names.add(element.result)
        table = parts.decisions.get(element.decision or "")
        if table is not None and element.result is None:
            names |= set(table.outputs)
        if element.receive is not None:
            names |= element.receive.variables.keys()
        if element.spread is not None:
            names |= {element.spread.item, "votes"}
        if element.type == "startEvent" and element.receive is not None and not element.receive.variables:
            names |= _carried(parts, element.receive.message)
    for script in diagram.scripts.values():
        names |= script.sets
    return names


def _carried(parts: Parts, message: str) -> set[str]:
    return {
        name
        for diagram in parts.diagrams.values()
        for element in diagram.elements.values()
        if element.send is not None and element.send.message == message
        for name in element.send.payload
    }


def _known(parts: Parts, diagram: Diagram, given: dict[str, set[str]]) -> set[str]:
    """Return what a process may find set: by itself, by those it calls and by those that call it."""
    names = set(STANDARD)
    for key in called_by(parts, diagram.key):
        names |= given[key]
    for key in parts.diagrams:
        called = called_by(parts, key)
        if diagram.key in called:
            for one in called:
                names |= given[one]
    return names


def _check_variables(parts: Parts, diagram: Diagram, known: set[str]) -> None:
    for use in uses(diagram):
        _check_names(diagram, use, use.expression.names - use.bound - known, known)
    for key, script in diagram.scripts.items():
        for name in sorted(script.names - known):
            _report(diagram, name, f"脚本“{diagram.elements[key].name.zh}”",
                    f"the script “{diagram.elements[key].name.en}”", diagram.nodes[key], known)  # fmt: skip
    for key, element in diagram.elements.items():
        node = diagram.nodes[key]
        if element.spread is not None and element.spread.collection not in known:
            _report(diagram, element.spread.collection, "会签名单 loopDataInputRef",
                    "the list in loopDataInputRef", node, known)  # fmt: skip
        table = parts.decisions.get(element.decision or "")
        for name in sorted(table.names - known) if table is not None else ():
            _report(
                diagram,
                name,
                f"决策表 {element.decision}",
                f"the decision table {element.decision}",
                node,
                known,
            )
        role = parts.roles.get(element.role or "")
        if (
            role is not None
            and role.of is not None
            and role.of not in known
            and _seated_by_role(element.type, element)
        ):
            _report(
                diagram,
                role.of,
                f"角色“{role.label.zh}”的 of",
                f"“of” of the role “{role.label.en}”",
                node,
                known,
            )
    for form_id in sorted(forms_of(diagram, shown=False)):
        form = parts.forms.get(form_id)
        for name in sorted(form_reads(form) - known) if form is not None else ():
            _report(diagram, name, f"表单 {form_id}", f"the form {form_id}", diagram.process, known)


def _seated_by_role(kind: str, element: Any) -> bool:
    return (
        kind == "userTask"
        and element.organisation is None
        and element.spread is None
        and element.person is None
    )


def _check_names(diagram: Diagram, use: Use, missing: Iterable[str], known: set[str]) -> None:
    for name in sorted(missing):
        shown = use.expression.source[:80]
        _report(diagram, name, f"表达式“{shown}”", f"the expression “{shown}”", use.node, known)


def _report(diagram: Diagram, name: str, zh: str, en: str, node: Any, known: set[str]) -> None:
    close = hint(name, known) if len(name) > 2 else ("", "")
    close = close if "？" in close[0] else ("", "")
    diagram.findings.warning(
        "never-set",
        f"{zh}要读变量 {name}，但没有表单字段、脚本、操作结果、决策或消息给出它"
        f"{close[0] or '；请补上，或由发起时给出'}",
        f"{en} reads the variable {name}, but no form field, script, result, decision or message sets it"
        f"{close[1] or '; set it, or give it at the start'}",
        node,
    )
