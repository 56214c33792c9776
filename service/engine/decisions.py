"""Decision tables: which rows fit and what they give; the hit policy is really kept.

Cells are unary tests over the column's value, outputs are expressions; see `cells` and `expressions`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from service.engine.cells import INPUT
from service.engine.expressions import Expression, ExpressionError
from service.engine.limits import Frame
from service.engine.model import Functions
from service.errors import Text


@dataclass(frozen=True, slots=True)
class Column:
    """An input column: what people call it and the expression that gives its value."""

    label: str
    expression: Expression


@dataclass(frozen=True, slots=True)
class Rule:
    """A row: its id, its number counted from 1, a test for each input (None: any value) and its outputs."""

    id: str
    number: int
    line: int
    cells: tuple[Expression | None, ...]
    outputs: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Match:
    """What a table decided: the ids of the rules that matched and the outputs by name."""

    rules: tuple[str, ...]
    outputs: dict[str, Any]


@dataclass(frozen=True, slots=True)
class DecisionTable:
    """A checked decision table.

    `names` are the variables it reads, `calls` the functions it calls. UNIQUE and FIRST give one value for each
    output, COLLECT a list for each, with one entry for every matching rule in the order of the rows.
    """

    id: str
    name: Text
    file: str
    hit_policy: Literal["UNIQUE", "FIRST", "COLLECT"]
    inputs: tuple[Column, ...]
    outputs: tuple[str, ...]
    rules: tuple[Rule, ...]
    names: frozenset[str]
    calls: frozenset[str]

    @property
    def rule_ids(self) -> tuple[str, ...]:
        """The ids of all rules, in order."""
        return tuple(rule.id for rule in self.rules)

    def evaluate(self, names: Mapping[str, Any], functions: Functions) -> dict[str, Any]:
        """Return the outputs; see `match`."""
        return self.match(names, functions).outputs

    def match(self, names: Mapping[str, Any], functions: Functions) -> Match:
        """Decide with variables from `names`; the whole table shares the budget of one expression.

        Raises `ExpressionError` when an expression fails, when no rule matches (COLLECT then gives empty lists),
        or when two rules of a UNIQUE table do.
        """
        scope = dict(names)
        frame = Frame(scope, functions)
        values = [column.expression.run(frame) for column in self.inputs]
        found: list[Rule] = []
        for rule in self.rules:
            if self._applies(rule, values, scope, frame):
                found.append(rule)
                if self.hit_policy == "FIRST" or (self.hit_policy == "UNIQUE" and len(found) > 1):
                    break
        scope.pop(INPUT, None)
        if self.hit_policy == "COLLECT":
            rows = [[output.run(frame) for output in rule.outputs] for rule in found]
            columns = {name: [row[index] for row in rows] for index, name in enumerate(self.outputs)}
            return Match(tuple(rule.id for rule in found), columns)
        if not found:
            raise self._no_match(values)
        if len(found) > 1:
            raise self._several(found, values)
        given = {name: output.run(frame) for name, output in zip(self.outputs, found[0].outputs, strict=True)}
        return Match((found[0].id,), given)

    def _applies(self, rule: Rule, values: list[Any], scope: dict[str, Any], frame: Frame) -> bool:
        for cell, value in zip(rule.cells, values, strict=True):
            if cell is None:
                continue
            scope[INPUT] = value
            if not cell.run(frame):
                return False
        return True

    def _no_match(self, values: list[Any]) -> ExpressionError:
        shown = self._shown(values)
        return self._failed(
            Text(f"没有一行适用于 {shown.zh}；请补一行", f"no row fits {shown.en}; add a row"), self.rules[:1]
        )

    def _several(self, rules: list[Rule], values: list[Any]) -> ExpressionError:
        shown = self._shown(values)
        zh = "、".join(f"第 {rule.number} 行（{rule.id}）" for rule in rules)
        en = " and ".join(f"row {rule.number} ({rule.id})" for rule in rules)
        return self._failed(
            Text(
                f"{zh}都适用于 {shown.zh}，而命中策略 UNIQUE 只容许一行；请把条件写得不重叠，或改用 FIRST",
                f"{en} both fit {shown.en}, but the hit policy UNIQUE allows one; keep the rows apart, or use FIRST",
            ),
            tuple(rules),
        )

    def _failed(self, text: Text, rules: tuple[Rule, ...]) -> ExpressionError:
        return ExpressionError(
            Text(f"决策表“{self.name.zh}”：{text.zh}", f"decision table “{self.name.en}”: {text.en}"),
            file=self.file,
            line=rules[0].line if rules else None,
            source=self.id,
            rules=[rule.id for rule in rules],
        )

    def _shown(self, values: list[Any]) -> Text:
        pairs = []
        for column, value in zip(self.inputs, values, strict=True):
            text = repr(value)
            pairs.append(f"{column.label} = {text if len(text) <= 60 else text[:59] + '…'}")
        return Text("，".join(pairs), ", ".join(pairs))
