"""Reads decision tables (DMN, one table a file) and names everything in them that is not understood."""

import re
from pathlib import PurePosixPath
from typing import Literal, cast

from service.engine.cells import INPUT, compile_cell, is_any
from service.engine.decisions import Column, DecisionTable, Rule
from service.engine.expressions import Expression, ExpressionError, compile_expression
from service.engine.extensions import CL
from service.engine.model import Problem
from service.engine.problems import Allowance, Findings
from service.engine.xml import Node, XmlError, children, line_of, local, namespace, parse_xml, text_of
from service.errors import Text

_DMN = re.compile(r"https?://www\.omg\.org/spec/DMN/\d{8}/(MODEL/|DMN\.xsd)?/?")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,79}")
_POLICIES = ("UNIQUE", "FIRST", "COLLECT")
_MOST_RULES = 500
_MOST_COLUMNS = 30
_MOST_TOGETHER = 40_000
#: As many as the largest table has: for each row its own, and two for each cell.
_MOST_ELEMENTS = 40_000
#: Beside the table itself, a file and a decision may hold these; nothing depends on them.
_HARMLESS = frozenset({"extensionElements", "description", "DMNDI", "variable", "question", "allowedAnswers"})


def read_decision(
    file: str, data: bytes, whole: Allowance | None = None
) -> tuple[DecisionTable | None, tuple[Problem, ...]]:
    """Return the table of one file, None if it cannot be used, and the problems found in it.

    `whole` is what all files together may still have compiled.
    """
    findings = Findings(file)
    try:
        root = parse_xml(data, _MOST_ELEMENTS)
    except XmlError as error:
        findings.error("not-xml", error.text.zh, error.text.en, line=error.facts.get("line"))
        return None, findings.problems
    uri = namespace(root)
    if local(root) != "definitions" or not _DMN.fullmatch(uri):
        findings.error(
            "not-dmn",
            "不是 DMN 决策文件：根元素应是 DMN 的 definitions",
            "not a DMN file: its root is not DMN's definitions",
            root,
        )
        return None, findings.problems
    table = _Reader(findings, uri, whole).read(root, PurePosixPath(file).stem)
    return table if not findings.failed else None, findings.problems


class _Reader:
    """Collects the problems of one file while its table is read."""

    def __init__(self, findings: Findings, uri: str, whole: Allowance | None) -> None:
        self.findings = findings
        self.uri = uri
        self.allowance = Allowance(
            _MOST_TOGETHER,
            Text(
                f"决策表的条件和结果合计超过 {_MOST_TOGETHER} 个字符；请拆成几张表",
                f"the conditions and results of the table have more than {_MOST_TOGETHER} characters; split it",
            ),
            whole,
        )

    def read(self, root: Node, stem: str) -> DecisionTable | None:
        decision = self._only(root, "decision", root)
        if decision is None:
            return None
        self._refuse_others(root, "decision")
        self._refuse_others(decision, "decisionTable")
        key = decision.get("id", "")
        if key != stem:
            self.findings.error(
                "id-not-file-name",
                f"决策编号“{key[:60]}”应与文件名“{stem}”相同",
                f"the decision's id “{key[:60]}” must be the file's name “{stem}”",
                decision,
            )
        table = self._only(decision, "decisionTable", decision)
        if table is None:
            return None
        name = decision.get("name") or key
        policy = self._policy(table)
        inputs = self._inputs(table)
        outputs = self._outputs(table)
        if len(inputs) + len(outputs) > _MOST_COLUMNS:
            self.findings.error(
                "too-large",
                f"决策表有 {len(inputs)} 个输入列和 {len(outputs)} 个输出列，合计最多 {_MOST_COLUMNS} 列；请拆成几张表",
                f"the table has {len(inputs)} inputs and {len(outputs)} outputs, {_MOST_COLUMNS} columns at most; "
                "split it",
                table,
            )
        rules = self._rules(table, len(inputs), len(outputs))
        if self.findings.failed:
            return None
        self._compare(rules, table, policy)
        used = [column.expression for column in inputs]
        used += [one for rule in rules for one in (*rule.cells, *rule.outputs) if one is not None]
        return DecisionTable(
            id=key,
            name=Text(name, decision.get(f"{{{CL}}}nameEn") or name),
            file=self.findings.file,
            hit_policy=policy,
            inputs=tuple(inputs),
            outputs=tuple(outputs),
            rules=tuple(rules),
            names=frozenset().union(*(one.names for one in used)) - {INPUT},
            calls=frozenset().union(*(one.calls for one in used)),
        )

    def _only(self, parent: Node, name: str, at: Node) -> Node | None:
        found = children(parent, self.uri, name)
        if len(found) == 1:
            return found[0]
        self.findings.error(
            "not-one-table",
            f"一个文件应有一张决策表，这里有 {len(found)} 个 {name}；请一张表一个文件",
            f"a file holds one decision table, this one has {len(found)} elements {name}; one file for each table",
            found[1] if found else at,
        )
        return None

    def _refuse_others(self, parent: Node, wanted: str) -> None:
        for node in children(parent, self.uri):
            if local(node) not in _HARMLESS | {wanted}:
                self.findings.error(
                    "unsupported-dmn",
                    f"不支持 {local(node)}：一张决策表只读流程变量，不引用别的决策；请删去它，"
                    "需要先算出的值放在前一步",
                    f"{local(node)} is not supported: a table reads variables, not other decisions; delete it and "
                    "compute what it needs in a step before",
                    node,
                )

    def _policy(self, table: Node) -> Literal["UNIQUE", "FIRST", "COLLECT"]:
        policy = table.get("hitPolicy", "UNIQUE")
        if policy not in _POLICIES:
            self.findings.error(
                "hit-policy",
                f"不支持命中策略 {policy[:20]}；可用 UNIQUE（只许一行）、FIRST（取第一行）、COLLECT（全取，得列表）",
                f"the hit policy {policy[:20]} is not supported; use UNIQUE (one row only), FIRST (the first row) or "
                "COLLECT (all rows, as a list)",
                table,
            )
            return "UNIQUE"
        if table.get("aggregation"):
            self.findings.error(
                "hit-policy",
                "不支持汇总（aggregation）；COLLECT 得到列表，请在下一步用 sum(…)、max(…)、len(…) 计算",
                "aggregations are not supported; COLLECT gives a list: use sum(…), max(…), len(…) in the next step",
                table,
            )
        return cast(Literal["UNIQUE", "FIRST", "COLLECT"], policy)

    def _inputs(self, table: Node) -> list[Column]:
        found = []
        for node in self._limited(table, "input", _MOST_COLUMNS):
            self._warn_ignored(node, "inputValues")
            given = children(node, self.uri, "inputExpression")
            text = text_of(next(iter(children(given[0], self.uri, "text")), None)) if given else ""
            expression = self._expression(
                node, text, "输入列要写一个表达式，例如 days", "an input needs an expression"
            )
            if expression is not None:
                found.append(Column(node.get("label") or expression.source, expression))
        return found

    def _outputs(self, table: Node) -> list[str]:
        found: list[str] = []
        for node in self._limited(table, "output", _MOST_COLUMNS):
            self._warn_ignored(node, "outputValues")
            for default in children(node, self.uri, "defaultOutputEntry"):
                self.findings.error(
                    "unsupported-dmn",
                    "不支持默认输出；请改用 FIRST，在最后加一行条件全为“-”的规则",
                    "default outputs are not supported; use FIRST and add a last row of “-” cells",
                    default,
                )
            name = node.get("name", "")
            if not _NAME.fullmatch(name) or name in found:
                self.findings.error(
                    "output-name",
                    f"输出列的名称“{name[:40]}”不能用或重复；以字母开头，由字母、数字、下划线组成",
                    f"the output's name “{name[:40]}” does not do or occurs twice; use letters, digits, underscores",
                    node,
                )
            found.append(name)
        if not found:
            self.findings.error("no-output", "决策表没有输出列", "the table has no output", table)
        return found

    def _rules(self, table: Node, inputs: int, outputs: int) -> list[Rule]:
        found: list[Rule] = []
        seen: set[str] = set()
        for number, node in enumerate(self._limited(table, "rule", _MOST_RULES), 1):
            key = node.get("id") or f"{number}"
            if key in seen:
                self.findings.error(
                    "duplicate-id", f"编号 {key[:60]} 出现两次", f"the id {key[:60]} occurs twice", node
                )
            seen.add(key)
            entries = children(node, self.uri, "inputEntry"), children(node, self.uri, "outputEntry")
            if len(entries[0]) != inputs or len(entries[1]) != outputs:
                self.findings.error(
                    "rule-incomplete",
                    f"第 {number} 行有 {len(entries[0])} 个条件、{len(entries[1])} 个结果，应为 {inputs} 和 {outputs}",
                    f"row {number} has {len(entries[0])} conditions and {len(entries[1])} results instead of {inputs} "
                    f"and {outputs}",
                    node,
                )
                continue
            cells = [self._cell(entry) for entry in entries[0]]
            results = [
                self._expression(
                    entry,
                    text_of(entry),
                    f'第 {number} 行缺结果；文字要加引号，例如 "city"，空值写 None',
                    f'row {number} lacks a result; put texts in quotes, such as "city", and write None for nothing',
                )
                for entry in entries[1]
            ]
            found.append(
                Rule(
                    key,
                    number,
                    line_of(node) or 0,
                    tuple(cells),
                    tuple(result for result in results if result is not None),
                )
            )
        if not found:
            self.findings.error("no-rule", "决策表没有一行规则", "the table has no row", table)
        return found

    def _limited(self, table: Node, name: str, most: int) -> list[Node]:
        found = children(table, self.uri, name)
        if len(found) > most:
            self.findings.error(
                "too-large",
                f"决策表的 {name} 有 {len(found)} 个，最多 {most} 个；请拆成几张表",
                f"the table has {len(found)} elements {name}, {most} at most; split it",
                table,
            )
        return found[:most]

    def _cell(self, entry: Node) -> Expression | None:
        text = text_of(entry)
        if is_any(text) or not self._affords(entry, text):
            return None
        try:
            return compile_cell(text, file=self.findings.file, line=line_of(entry))
        except ExpressionError as error:
            self.findings.error("bad-cell", error.text.zh, error.text.en, entry)
            return None

    def _expression(self, node: Node, text: str, zh: str, en: str) -> Expression | None:
        if not text:
            self.findings.error("decision-incomplete", zh, en, node)
            return None
        if not self._affords(node, text):
            return None
        try:
            return compile_expression(text, file=self.findings.file, line=line_of(node))
        except ExpressionError as error:
            self.findings.error("bad-expression", error.text.zh, error.text.en, node)
            return None

    def _affords(self, node: Node, text: str) -> bool:
        affords, told = self.allowance.take(len(text))
        if told is not None:
            self.findings.error("too-large", told.zh, told.en, node)
        return affords

    def _warn_ignored(self, node: Node, name: str) -> None:
        for one in children(node, self.uri, name):
            self.findings.warning(
                "ignored", f"{name} 不起作用，可以删去", f"{name} has no effect; it may be deleted", one
            )

    def _compare(self, rules: list[Rule], table: Node, policy: str) -> None:
        """Report rows of which it is certain that they never apply, or never alone."""
        nodes = children(table, self.uri, "rule")
        seen: dict[tuple[str | None, ...], Rule] = {}
        for rule in rules:
            cells = tuple(None if cell is None else " ".join(cell.source.split()) for cell in rule.cells)
            first = seen.setdefault(cells, rule)
            catch_all = next((one for key, one in seen.items() if not any(key)), None)
            node = nodes[rule.number - 1]
            if first is not rule:
                self._repeated(first, rule, node, policy)
            elif catch_all is not None and catch_all is not rule and policy == "FIRST":
                self.findings.warning(
                    "rule-unreachable",
                    f"第 {rule.number} 行永远轮不到：第 {catch_all.number} 行适用于一切；请把它移到最后",
                    f"row {rule.number} is never reached: row {catch_all.number} fits everything; move that to the end",
                    node,
                )
        if policy == "UNIQUE" and len(rules) > 1:
            for rule in rules:
                if not any(cell is not None for cell in rule.cells):
                    self.findings.error(
                        "rule-overlap",
                        f"第 {rule.number} 行适用于一切，而 UNIQUE 只容许一行适用；请改用 FIRST 并把它放在最后",
                        f"row {rule.number} fits everything, but UNIQUE allows one row; use FIRST and put it last",
                        nodes[rule.number - 1],
                    )

    def _repeated(self, first: Rule, rule: Rule, node: Node, policy: str) -> None:
        zh = f"第 {rule.number} 行与第 {first.number} 行条件相同"
        en = f"row {rule.number} has the same conditions as row {first.number}"
        if policy == "UNIQUE":
            self.findings.error("duplicate-rule", f"{zh}；请删去一行", f"{en}; delete one", node)
        elif policy == "FIRST":
            self.findings.warning(
                "rule-unreachable", f"{zh}，永远轮不到；请删去", f"{en} and is never reached", node
            )
        elif [one.source for one in first.outputs] == [one.source for one in rule.outputs]:
            self.findings.warning("duplicate-rule", f"{zh}，结果也相同", f"{en}, and the same results", node)
