"""The cells of decision tables: unary tests such as `>= 3`, `"a","b"`, `[1..5]` or `not(…)`, made expressions."""

import ast
import re
from collections.abc import Iterator
from dataclasses import replace

from service.engine.expressions import MOST_CHARACTERS, Expression, ExpressionError, compile_expression
from service.errors import Text

#: The name under which a cell's expression reads the value of its column (`?`).
INPUT = "decision_column_value"

_COMPARISON = re.compile(r"(<=|>=|==|!=|<|>)(.*)", re.DOTALL)
_NOT = re.compile(r"not\s*\((.*)\)", re.DOTALL)
_RANGE = re.compile(r"([\[\](])(.+?)\.\.(.+)([\[\])])", re.DOTALL)
_PAIRS = {"(": ")", "[": "]", "{": "}"}


def is_any(text: str) -> bool:
    """Whether the cell accepts every value: it is empty or `-`."""
    return text.strip() in ("", "-")


def compile_cell(text: str, *, file: str = "", line: int | None = None) -> Expression:
    """Return a cell's test as an expression over `INPUT`; its `source` stays what people wrote.

    Raises `ExpressionError` saying what is wrong and how a test is written.
    """
    source = text.strip()
    if len(source) > MOST_CHARACTERS:
        raise _refused(
            source,
            Text(f"超过 {MOST_CHARACTERS} 个字符", f"longer than {MOST_CHARACTERS} characters"),
            file,
            line,
        )
    made = _Cell(source, file, line).tests(source)
    try:
        compiled = compile_expression(made, file=file, line=line)
    except ExpressionError as error:
        raise _refused(source, Text("写法不对或太长", "malformed or too long"), file, line) from error
    return replace(compiled, source=source, names=compiled.names - {INPUT})


class _Cell:
    """Translates one cell, naming its file and line in errors."""

    def __init__(self, source: str, file: str, line: int | None) -> None:
        self.source = source
        self.file = file
        self.line = line

    def tests(self, text: str) -> str:
        negated = _NOT.fullmatch(text)
        if negated is not None and _closes(text, text.index("(")) == len(text) - 1:
            return f"(not ({self.tests(negated[1].strip())}))"
        return "(" + " or ".join(self._test(part) for part in _split(text)) + ")"

    def _test(self, text: str) -> str:
        if not text:
            raise self._wrong("逗号之间缺一个值", "a value is missing between commas")
        interval = _RANGE.fullmatch(text)
        if interval is not None and _dots(text):
            if "..." in "".join(character for _, character in _plain(text)):
                raise self._wrong(
                    "区间中间写两个点，例如 [1..5]；小数请写全，例如 [0..0.5]",
                    "a range has two dots, such as [1..5]; write fractions in full, such as [0..0.5]",
                )
            opening, low, high, closing = interval.groups()
            above = ">=" if opening == "[" else ">"
            below = "<=" if closing == "]" else "<"
            low, high = (self._operand(bound, "? >= 1 and ? <= 5") for bound in (low, high))
            return f"({INPUT} {above} ({low}) and {INPUT} {below} ({high}))"
        compared = _COMPARISON.fullmatch(text)
        if compared is not None:
            sign, operand = compared.groups()
            negated = operand.lstrip().startswith("not ")
            meant = f"? {sign} ({operand.strip()})" if negated else f"? {text}"
            return f"({INPUT} {sign} ({self._operand(operand, meant)}))"
        asked = "".join(INPUT if quoted is None else quoted for quoted in _marks(text))
        if asked != text:
            compile_expression(asked, file=self.file, line=self.line)
            return f"({asked})"
        value = self._value(text)
        if _decides(value):
            raise self._wrong(
                f"“{text[:40]}”本身是一个判断；请用 ? 代表本列的值，例如 ? > 3",
                f"“{text[:40]}” is a test itself; write ? for the column's value, such as ? > 3",
            )
        return f"({INPUT} == ({value}))"

    def _operand(self, text: str, meant: str) -> str:
        """Return what the column's value is compared with.

        In `>= 3 and late` it would be `3 and late`, which nobody means: such a cell is refused.
        """
        value = self._value(text)
        alone = value.startswith("(") and _closes(value, 0) == len(value) - 1
        if not alone and (_decides(value) or isinstance(_body(value), ast.IfExp)):
            raise self._wrong(
                f"“{value[:40]}”不是一个值；和别的判断写在一起时请用 ? 代表本列的值，例如 {meant[:60]}",
                f"“{value[:40]}” is no value to compare with; joined with other tests, write ? for the column's "
                f"value, such as {meant[:60]}",
            )
        return value

    def _value(self, text: str) -> str:
        compile_expression(text, file=self.file, line=self.line)
        return text.strip()

    def _wrong(self, zh: str, en: str) -> ExpressionError:
        return _refused(self.source, Text(zh, en), self.file, self.line)


def _refused(source: str, text: Text, file: str, line: int | None) -> ExpressionError:
    shown = source if len(source) <= 80 else source[:79] + "…"
    return ExpressionError(
        Text(f"条件“{shown}”：{text.zh}", f"condition “{shown}”: {text.en}"),
        file=file,
        line=line,
        source=source[:MOST_CHARACTERS],
    )


def _body(value: str) -> ast.expr:
    return ast.parse(value, mode="eval").body


def _decides(value: str) -> bool:
    """Whether the expression is a test itself and no value."""
    body = _body(value)
    return isinstance(body, ast.Compare | ast.BoolOp) or (
        isinstance(body, ast.UnaryOp) and isinstance(body.op, ast.Not)
    )


def _plain(text: str) -> Iterator[tuple[int, str]]:
    """Yield position and character of what stands outside quotes."""
    quote = ""
    for index, character in enumerate(text):
        if quote:
            quote = "" if character == quote else quote
        elif character in "\"'":
            quote = character
        else:
            yield index, character


def _split(text: str) -> list[str]:
    """Split at commas outside quotes and brackets; the brackets of ranges need not match in kind."""
    parts, begin, depth = [], 0, 0
    if _RANGE.fullmatch(text) and _dots(text) and "," not in text:
        return [text]
    for index, character in _plain(text):
        if character in "([{":
            depth += 1
        elif character in ")]}":
            depth -= 1
        elif character == "," and depth <= 0:
            parts.append(text[begin:index].strip())
            begin = index + 1
    return [*parts, text[begin:].strip()]


def _dots(text: str) -> bool:
    plain = "".join(character for _, character in _plain(text))
    return plain.count("..") == 1


def _marks(text: str) -> Iterator[str | None]:
    """Yield the text in pieces, None for each `?` outside quotes."""
    marks = {index for index, character in _plain(text) if character == "?"}
    begin = 0
    for mark in sorted(marks):
        yield text[begin:mark]
        yield None
        begin = mark + 1
    yield text[begin:]


def _closes(text: str, start: int) -> int:
    """Return where the bracket opened at `start` closes, -1 if it does not."""
    depth = 0
    for index, character in _plain(text):
        if index < start:
            continue
        if character in _PAIRS:
            depth += 1
        elif character in _PAIRS.values():
            depth -= 1
            if depth == 0:
                return index
    return -1
