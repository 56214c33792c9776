"""The expression language of diagrams, decisions and forms: an allow-listed part of Python's expressions.

An expression is parsed once into Python's syntax tree, each allowed node into one closure; what is not on the
list is refused by name when it is compiled. Nothing here reaches Python's attributes, imports or builtins, and
loops, sizes and numbers are bounded, so that a hostile text ends in an `ExpressionError` and not in a full
memory. A library (simpleeval) was measured first: it costs 4 to 40 microseconds where a closure costs half of
one, and needs as much code again to close its holes.
"""

import ast
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise
from typing import Any, TypeAlias

from service.engine.limits import (
    Frame,
    add,
    call_function,
    compare,
    contains,
    divide,
    equal,
    field_of,
    floor_divide,
    item_of,
    made_dict,
    made_list,
    modulo,
    multiply,
    negate,
    part_of,
    positive,
    subtract,
    wrong,
)
from service.engine.vocabulary import BUILT_IN
from service.errors import AppError, Text

#: Lengths and depths of a text; real expressions of diagrams stay far below.
MOST_CHARACTERS = 4_000
MOST_DEPTH = 80
MOST_NAME = 80
MOST_SCRIPT_LINES = 60

Run: TypeAlias = Callable[[Frame], Any]


class ExpressionError(AppError):
    """An expression cannot be compiled or evaluated; `facts` hold `file`, `line` and `source`."""


@dataclass(frozen=True, slots=True)
class Expression:
    """A compiled expression: its text, the variable `names` it reads and the functions it `calls`.

    `compared` are the pairs (name, text) of comparisons with a literal, for checks of what can never be true.
    """

    source: str
    names: frozenset[str]
    calls: frozenset[str]
    file: str
    line: int | None
    compared: frozenset[tuple[str, str]] = frozenset()
    constant: bool = False
    _run: Run = field(repr=False, compare=False, default=lambda frame: None)

    def evaluate(self, names: Mapping[str, Any], functions: Mapping[str, Callable[..., Any]]) -> Any:
        """Return the value, JSON only, with variables from `names` and callables from `functions`.

        Raises `ExpressionError` saying what is missing, of the wrong kind or too large.
        """
        return self.run(Frame(names, functions))

    def run(self, frame: Frame) -> Any:
        """Evaluate within a frame whose budget is shared with other expressions (the lines of a script)."""
        try:
            return self._run(frame)
        except AppError as error:
            if isinstance(error, ExpressionError):
                raise
            raise self._failed(error.text) from error
        except RecursionError as error:
            raise self._failed(Text("嵌套太深", "nested too deep")) from error

    def _failed(self, text: Text) -> ExpressionError:
        shown = _short(self.source)
        return ExpressionError(
            Text(f"表达式“{shown}”：{text.zh}", f"expression “{shown}”: {text.en}"),
            file=self.file,
            line=self.line,
            source=self.source,
        )


@dataclass(frozen=True, slots=True)
class Script:
    """The assignments of a script task, in order: (name, expression)."""

    source: str
    lines: tuple[tuple[str, Expression], ...]

    @property
    def sets(self) -> frozenset[str]:
        """Names the script assigns."""
        return frozenset(name for name, _ in self.lines)

    @property
    def names(self) -> frozenset[str]:
        """Names it reads before it has assigned them itself."""
        known: set[str] = set()
        read: set[str] = set()
        for name, expression in self.lines:
            read |= expression.names - known
            known.add(name)
        return frozenset(read)

    @property
    def calls(self) -> frozenset[str]:
        """Functions it calls."""
        return frozenset().union(*(expression.calls for _, expression in self.lines))

    def execute(
        self, names: Mapping[str, Any], functions: Mapping[str, Callable[..., Any]]
    ) -> dict[str, Any]:
        """Return the assigned values; all lines share one budget. Raises `ExpressionError`."""
        known = dict(names)
        given: dict[str, Any] = {}
        frame = Frame(known, functions)
        for name, expression in self.lines:
            known[name] = given[name] = expression.run(frame)
        return given


def compile_expression(source: str, *, file: str = "", line: int | None = None) -> Expression:
    """Return `source` compiled. Raises `ExpressionError` naming what is not in the language.

    `file` and `line` say where it stands; they come back in the facts of every error.
    """
    compiled = _compiled(source) if len(source) <= MOST_CHARACTERS else _compile(source)
    if isinstance(compiled, Text):
        raise _refused(compiled, source, file, line)
    return Expression(
        compiled.source,
        compiled.names,
        compiled.calls,
        file,
        line,
        compiled.compared,
        compiled.constant,
        compiled._run,
    )


def compile_script(source: str, *, file: str = "", line: int | None = None) -> Script:
    """Return the lines `name = expression` compiled. Raises `ExpressionError` with the line concerned."""
    tree = _parse(source, "exec")
    if isinstance(tree, Text):
        raise _refused(tree, source, file, line)
    assert isinstance(tree, ast.Module)  # noqa: S101 - what mode "exec" gives, said to the type checker
    if len(tree.body) > MOST_SCRIPT_LINES:
        raise _refused(
            Text(f"脚本超过 {MOST_SCRIPT_LINES} 行", f"more than {MOST_SCRIPT_LINES} script lines"),
            source,
            file,
            line,
        )
    lines = []
    for statement in tree.body:
        where = None if line is None else line + statement.lineno - 1
        target = statement.targets[0] if isinstance(statement, ast.Assign) else None
        if (
            not isinstance(statement, ast.Assign)
            or len(statement.targets) != 1
            or not isinstance(target, ast.Name)
            or target.id.startswith("_")
        ):
            raise _refused(
                Text(
                    "脚本只能由“变量 = 表达式”的行组成", "a script consists of lines “name = expression” only"
                ),
                ast.get_source_segment(source.strip(), statement) or source,
                file,
                where,
            )
        if len(target.id) > MOST_NAME:
            raise _refused(_LONG_NAME, target.id, file, where)
        text = ast.get_source_segment(source.strip(), statement.value) or source
        lines.append((target.id, compile_expression(f"({text})", file=file, line=where)))
    return Script(source, tuple(lines))


@lru_cache(maxsize=4096)
def _compiled(source: str) -> Expression | Text:
    return _compile(source)


def _compile(source: str) -> Expression | Text:
    tree = _parse(source, "eval")
    if isinstance(tree, Text):
        return tree
    assert isinstance(tree, ast.Expression)  # noqa: S101 - what mode "eval" gives, said to the type checker
    compiler = _Compiler()
    try:
        run = compiler.node(tree.body)
    except AppError as error:
        return error.text
    constant = not compiler.names and not compiler.calls
    return Expression(
        source.strip(),
        frozenset(compiler.names),
        frozenset(compiler.calls),
        "",
        None,
        frozenset(compiler.compared),
        constant,
        run,
    )


def _parse(source: str, mode: str) -> ast.AST | Text:
    stripped = source.strip()
    if not stripped:
        return Text("表达式是空的", "the expression is empty")
    if len(source) > MOST_CHARACTERS:
        return Text(f"超过 {MOST_CHARACTERS} 个字符", f"longer than {MOST_CHARACTERS} characters")
    if stripped.startswith("=") and mode == "eval":
        return Text("这里不写开头的“=”", "no leading “=” here")
    if "\\" in stripped:
        return Text("不支持反斜杠", "backslashes are not supported")
    try:
        return ast.parse(stripped, mode=mode)
    except SyntaxError as broken:
        reason = (broken.msg or "")[:120]
        return Text(
            f"语法不对（第 {broken.offset or 1} 个字符附近：{reason}）",
            f"wrong syntax (near character {broken.offset or 1}: {reason})",
        )
    except (ValueError, MemoryError, RecursionError):
        return Text("写法不对或嵌套太深", "malformed or nested too deep")


def _refused(text: Text, source: str, file: str, line: int | None) -> ExpressionError:
    shown = _short(source)
    return ExpressionError(
        Text(f"表达式“{shown}”：{text.zh}", f"expression “{shown}”: {text.en}"),
        file=file,
        line=line,
        source=source[:MOST_CHARACTERS],
    )


def _short(source: str) -> str:
    text = " ".join(source[:400].split())
    return text if len(text) <= 80 else text[:79] + "…"


_OPERATIONS: Mapping[type[ast.operator], Callable[[Frame, Any, Any], Any]] = {
    ast.Add: add,
    ast.Sub: subtract,
    ast.Mult: multiply,
    ast.Div: divide,
    ast.FloorDiv: floor_divide,
    ast.Mod: modulo,
}

#: What people try first, in words.
_NOT_ALLOWED: Mapping[str, Text] = {
    "Pow": Text("不支持乘方 **", "powers (**) are not supported"),
    "Lambda": Text("不支持 lambda", "lambda is not supported"),
    "JoinedStr": Text("不支持 f 字符串；请用 + 和 str(…)", "f-strings are not supported; use + and str(…)"),
    "NamedExpr": Text("不支持 :=", ":= is not supported"),
    "Set": Text("不支持集合 {…}；请用列表 […]", "sets {…} are not supported; use a list […]"),
    "SetComp": Text("不支持集合 {…}；请用列表 […]", "sets {…} are not supported; use a list […]"),
    "Starred": Text("不支持 *", "* is not supported"),
}

_LONG_NAME = Text(f"名称超过 {MOST_NAME} 个字符", f"a name is longer than {MOST_NAME} characters")
_HINTS = {"true": "True", "false": "False", "null": "None", "nil": "None"}


class _Compiler:
    """Turns a syntax tree into closures, noting names, calls and comparisons with literals."""

    def __init__(self) -> None:
        self.names: set[str] = set()
        self.calls: set[str] = set()
        self.compared: set[tuple[str, str]] = set()
        self.size = 0
        self._bound: list[str] = []
        self._depth = 0

    def node(self, tree: ast.AST) -> Run:
        self._depth += 1
        self.size += 1
        if self._depth > MOST_DEPTH:
            raise wrong("嵌套太深", "nested too deep")
        compile_one = getattr(self, "_" + type(tree).__name__.lower(), None)
        if compile_one is None:
            text = _NOT_ALLOWED.get(type(tree).__name__)
            raise wrong(
                text.zh if text else f"不支持 {type(tree).__name__}",
                text.en if text else f"{type(tree).__name__} is not supported",
            )
        run: Run = compile_one(tree)
        self._depth -= 1
        return run

    def _constant(self, tree: ast.Constant) -> Run:
        value = tree.value
        if value is not None and not isinstance(value, bool | int | float | str):
            raise wrong("不支持这种常量", "this kind of constant is not supported")
        frame = Frame({}, {})
        if isinstance(value, int | float) and not isinstance(value, bool):
            positive(frame, value)
        return lambda _frame: value

    def _name(self, tree: ast.Name) -> Run:
        name = _fitting(tree.id)
        if name.startswith("_"):
            raise wrong(f"名称 {name} 不能以下划线开头", f"the name {name} may not begin with an underscore")
        if name in _HINTS:
            raise wrong(f"请写 {_HINTS[name]}，不写 {name}", f"write {_HINTS[name]} instead of {name}")
        if name in self._bound:
            return lambda frame: frame.bound[name]
        self.names.add(name)

        def read(frame: Frame) -> Any:
            try:
                return frame.names[name]
            except KeyError:
                raise wrong(f"没有变量 {name}", f"there is no variable {name}") from None

        return read

    def _boolop(self, tree: ast.BoolOp) -> Run:
        parts = [self.node(one) for one in tree.values]
        stops_on = isinstance(tree.op, ast.Or)

        def decide(frame: Frame) -> Any:
            value: Any = None
            for part in parts:
                value = part(frame)
                if bool(value) is stops_on:
                    return value
            return value

        return decide

    def _unaryop(self, tree: ast.UnaryOp) -> Run:
        operand = self.node(tree.operand)
        if isinstance(tree.op, ast.Not):
            return lambda frame: not operand(frame)
        if isinstance(tree.op, ast.USub):
            return lambda frame: negate(frame, operand(frame))
        if isinstance(tree.op, ast.UAdd):
            return lambda frame: positive(frame, operand(frame))
        raise wrong("不支持按位运算", "bitwise operators are not supported")

    def _binop(self, tree: ast.BinOp) -> Run:
        operation = _OPERATIONS.get(type(tree.op))
        if operation is None:
            text = _NOT_ALLOWED.get(type(tree.op).__name__)
            raise wrong(
                text.zh if text else "不支持按位运算",
                text.en if text else "bitwise operators are not supported",
            )
        left, right = self.node(tree.left), self.node(tree.right)
        return lambda frame: operation(frame, left(frame), right(frame))

    def _compare(self, tree: ast.Compare) -> Run:
        operands = [tree.left, *tree.comparators]
        for left, right in pairwise(operands):
            self._note(left, right)
            self._note(right, left)
        first = self.node(tree.left)
        steps = [
            (_comparison(operator, operand), self.node(operand))
            for operator, operand in zip(tree.ops, tree.comparators, strict=True)
        ]
        if len(steps) == 1:
            test, second = steps[0]
            return lambda frame: test(frame, first(frame), second(frame))

        def chain(frame: Frame) -> bool:
            left = first(frame)
            for test, operand in steps:
                right = operand(frame)
                if not test(frame, left, right):
                    return False
                left = right
            return True

        return chain

    def _note(self, left: ast.AST, right: ast.AST) -> None:
        if not isinstance(left, ast.Name):
            return
        values = right.elts if isinstance(right, ast.List | ast.Tuple) else [right]
        for value in values:
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                self.compared.add((left.id, value.value))

    def _ifexp(self, tree: ast.IfExp) -> Run:
        test, yes, no = self.node(tree.test), self.node(tree.body), self.node(tree.orelse)
        return lambda frame: yes(frame) if test(frame) else no(frame)

    def _list(self, tree: ast.List | ast.Tuple) -> Run:
        parts = [self.node(one) for one in tree.elts]
        return lambda frame: made_list(frame, [part(frame) for part in parts])

    _tuple = _list

    def _dict(self, tree: ast.Dict) -> Run:
        pairs = []
        for key, value in zip(tree.keys, tree.values, strict=True):
            if key is None:
                raise wrong("不支持 **", "** is not supported")
            pairs.append((self.node(key), self.node(value)))
        return lambda frame: made_dict(frame, [(key(frame), value(frame)) for key, value in pairs])

    def _attribute(self, tree: ast.Attribute) -> Run:
        value, name = self.node(tree.value), _fitting(tree.attr)
        if name.startswith("_"):
            raise wrong(f"字段 {name} 不能以下划线开头", f"the field {name} may not begin with an underscore")
        return lambda frame: field_of(value(frame), name)

    def _subscript(self, tree: ast.Subscript) -> Run:
        value = self.node(tree.value)
        if isinstance(tree.slice, ast.Slice):
            if tree.slice.step is not None:
                raise wrong("切片不支持步长", "slices have no step")
            lower = self.node(tree.slice.lower) if tree.slice.lower else None
            upper = self.node(tree.slice.upper) if tree.slice.upper else None
            return lambda frame: part_of(frame, value(frame), lower and lower(frame), upper and upper(frame))
        index = self.node(tree.slice)
        return lambda frame: item_of(value(frame), index(frame))

    def _call(self, tree: ast.Call) -> Run:
        if isinstance(tree.func, ast.Attribute):
            raise wrong(
                f"不支持方法调用 .{tree.func.attr}(…)；点号只取字段",
                f"methods such as .{tree.func.attr}(…) are not supported; a dot only takes a field",
            )
        if not isinstance(tree.func, ast.Name) or tree.func.id.startswith("_"):
            raise wrong("只能按名称调用函数", "functions are called by name only")
        name = _fitting(tree.func.id)
        self.calls.add(name)
        arguments = [self.node(one) for one in tree.args]
        named: dict[str, Run] = {}
        for keyword in tree.keywords:
            if keyword.arg is None:
                raise wrong("不支持 **", "** is not supported")
            named[keyword.arg] = self.node(keyword.value)
        built_in = BUILT_IN.get(name)

        def call(frame: Frame) -> Any:
            values = [argument(frame) for argument in arguments]
            options = {key: value(frame) for key, value in named.items()}
            return call_function(frame, name, built_in, values, options)

        return call

    def _listcomp(self, tree: ast.ListComp | ast.GeneratorExp) -> Run:
        loop = self._loop(tree.generators, lambda: self.node(tree.elt))

        def build(frame: Frame) -> list[Any]:
            found: list[Any] = []
            loop(frame, found.append)
            return made_list(frame, found)

        return build

    _generatorexp = _listcomp

    def _dictcomp(self, tree: ast.DictComp) -> Run:
        def body() -> Run:
            key, value = self.node(tree.key), self.node(tree.value)
            return lambda frame: (key(frame), value(frame))

        loop = self._loop(tree.generators, body)

        def build(frame: Frame) -> dict[str, Any]:
            found: list[tuple[Any, Any]] = []
            loop(frame, found.append)
            return made_dict(frame, found)

        return build

    def _loop(
        self, generators: list[ast.comprehension], body: Callable[[], Run]
    ) -> Callable[[Frame, Callable[[Any], object]], None]:
        if not generators:
            run = body()
            return lambda frame, take: (take(run(frame)), None)[1]
        first, rest = generators[0], generators[1:]
        if first.is_async or not isinstance(first.target, ast.Name) or first.target.id.startswith("_"):
            raise wrong(
                "推导式只能写“for 名称 in 列表”", "a comprehension is written “for name in list” only"
            )
        name = first.target.id
        source = self.node(first.iter)
        before = self.size
        self._bound.append(name)
        tests = [self.node(one) for one in first.ifs]
        inner = self._loop(rest, body)
        self._bound.pop()
        cost = 2 + self.size - before

        def loop(frame: Frame, take: Callable[[Any], object]) -> None:
            bound = frame.bound
            hidden = bound.get(name)
            for item in frame.items(source(frame)):
                frame.charge(cost)
                bound[name] = item
                if all(test(frame) for test in tests):
                    inner(frame, take)
            bound[name] = hidden

        return loop


def _fitting(name: str) -> str:
    """Return the name if it is no longer than names are."""
    if len(name) > MOST_NAME:
        raise wrong(_LONG_NAME.zh, _LONG_NAME.en)
    return name


def _comparison(operator: ast.cmpop, operand: ast.expr) -> Callable[[Frame, Any, Any], bool]:
    if isinstance(operator, ast.Eq):
        return equal
    if isinstance(operator, ast.NotEq):
        return lambda frame, left, right: not equal(frame, left, right)
    if isinstance(operator, ast.In):
        return contains
    if isinstance(operator, ast.NotIn):
        return lambda frame, left, right: not contains(frame, left, right)
    if isinstance(operator, ast.Is | ast.IsNot):
        value = operand.value if isinstance(operand, ast.Constant) else ""
        if value is not None and not isinstance(value, bool):
            raise wrong("is 只能用于 None、True、False", "“is” goes with None, True and False only")
        if isinstance(operator, ast.Is):
            return lambda frame, left, right: left is right
        return lambda frame, left, right: left is not right
    return compare(type(operator))
