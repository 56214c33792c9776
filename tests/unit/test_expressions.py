"""The expression language gives what it says, refuses the rest by name, and reaches nothing of Python."""

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.engine.expressions import ExpressionError, compile_expression, compile_script

NAMES: dict[str, Any] = {
    "n": 7,
    "half": 0.5,
    "text": "市级",
    "nothing": None,
    "yes": True,
    "rows": [{"id": "a", "score": 90, "ok": True}, {"id": "b", "score": 60, "ok": False}],
    "unit": {"name": "第一中学", "kind": "school"},
}


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("n + 1", 8),
        ("n // 2 * 2 + n % 2", 7),
        ("-n + +n", 0),
        ("n / 2", 3.5),
        ("'甲' + text", "甲市级"),
        ("[1] + [2, 3]", [1, 2, 3]),
        ("1 < n <= 7", True),
        ("'2026-08-10' < '2026-08-11'", True),
        ("text == '市级' and n != 8", True),
        ("nothing is None or nothing.x", True),
        ("nothing is not None", False),
        ("yes is True", True),
        ("yes == 1 or yes != True or 0 == False", False),
        ("yes in [1, 2] or 1 in [yes] or 0 in [False]", False),
        ("yes in [0, True] and 1 in [True, 1.0]", True),
        ("not yes", False),
        ("n in [1, 7]", True),
        ("'a' not in 'bc'", True),
        ("'kind' in unit", True),
        ("unit.name", "第一中学"),
        ("unit['kind']", "school"),
        ("rows[0].score", 90),
        ("rows[-1].id", "b"),
        ("text[0:1]", "市"),
        ("[r.id for r in rows if r.ok]", ["a"]),
        ("[r.score + s for r in rows for s in [1, 2]]", [91, 92, 61, 62]),
        ("{r.id: r.score for r in rows}", {"a": 90, "b": 60}),
        ("sum(r.score for r in rows)", 150),
        ("max([r.score for r in rows])", 90),
        ("min([], default=3)", 3),
        ("any(r.ok for r in rows) and not all(r.ok for r in rows)", True),
        ("len(rows) + len('ab')", 4),
        ("'大' if n > 5 else '小'", "大"),
        ("{'a': [n, half]}", {"a": [7, 0.5]}),
        ("str(n) + str(None)", "7None"),
        ("int('12') + float('0.5')", 12.5),
        ("round(2.345, 1)", 2.3),
        ("abs(-3)", 3),
        ("sorted([3, 1, 2], reverse=True)", [3, 2, 1]),
        ("twice(n)", 14),
    ],
)
def test_an_expression_gives_its_value(source: str, value: Any) -> None:
    found = compile_expression(source).evaluate(NAMES, {"twice": lambda number: 2 * number})
    assert found == value
    assert json.loads(json.dumps(found)) == found


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("", "空的"),
        ("n +", "语法"),
        ("= n", "开头的"),
        ("n ** 2", "乘方"),
        ("lambda: 1", "lambda"),
        ("f'{n}'", "f 字符串"),
        ("text.upper()", "方法"),
        ("text.__class__", "下划线"),
        ("_x", "下划线"),
        ("__import__('os')", "函数"),
        ("(lambda: 1)()", "函数"),
        ("{1, 2}", "集合"),
        ("[*rows]", "\\*"),
        ("true", "True"),
        ("null", "None"),
        ("n is 7", "is"),
        ("n & 1", "按位"),
        ("~n", "按位"),
        ("b'x'", "常量"),
        ("1j", "常量"),
        ("'a\\n'", "反斜杠"),
        ("n if yes", "语法"),
        ("(n := 1)", ":="),
        ("print(*rows)", "\\*"),
        ("dict(**unit)", "\\*\\*"),
        ("rows[::2]", "步长"),
        ("[r for r.x in rows]", "推导式"),
        ("9999999999999999", "太大"),
        ("[" * 100 + "1" + "]" * 100, "深"),
        ("1 + " * 90 + "1", "深"),
        ("'" + "x" * 5000 + "'", "字符"),
    ],
)
def test_what_is_not_in_the_language_is_refused_by_name(source: str, told: str) -> None:
    with pytest.raises(ExpressionError, match=told) as refused:
        compile_expression(source, file="p.bpmn", line=7)
    assert (refused.value.facts["file"], refused.value.facts["line"]) == ("p.bpmn", 7)
    assert refused.value.text.en


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("missing", "没有变量 missing"),
        ("unit.age", "没有字段 age"),
        ("text.name", "没有字段 name"),
        ("rows[5]", "没有第 5 项"),
        ("rows['a']", "不是序号"),
        ("text + n", "str"),
        ("text < n", "大小"),
        ("yes < n", "大小"),
        ("max([yes, n])", "大小"),
        ("n / 0", "除数"),
        ("'a' * 3", "不是数字"),
        ("nothing + 1", "不是数字"),
        ("[x for x in n]", "不是列表"),
        ("unknown(1)", "没有函数 unknown"),
        ("twice()", "参数"),
        ("int('十')", "不是数字"),
        ("sorted([1, 'a'])", "只排"),
        ("str(rows)", "str"),
        ("max([])", "至少一个"),
        ("{n: 1}", "字段名"),
        ("'%s' % n", "不是数字"),
    ],
)
def test_what_cannot_be_computed_says_why(source: str, told: str) -> None:
    compiled = compile_expression(source, file="p.bpmn", line=3)
    with pytest.raises(ExpressionError, match=told) as failed:
        compiled.evaluate(NAMES, {"twice": lambda number: 2 * number})
    assert failed.value.facts["line"] == 3
    assert source[:20] in failed.value.text.zh


def test_an_expression_tells_what_it_reads_calls_and_compares() -> None:
    found = compile_expression(
        "[r.id for r in rows if r.kind == kind] + f(n) if outcome in ['a', 'b'] else 'x' == way"
    )
    assert found.names == {"rows", "kind", "n", "outcome", "way"}
    assert found.calls == {"f"}
    assert found.compared == {("outcome", "a"), ("outcome", "b"), ("way", "x")}
    assert not found.constant
    assert compile_expression("[1, 'a']").constant


def test_a_script_sets_names_in_order_and_leaves_what_it_was_given() -> None:
    script = compile_script("a = n + 1\nb = a * 2\na = [\n  b,\n]")
    given_names = {"n": 1}
    assert script.execute(given_names, {}) == {"a": [4], "b": 4}
    assert given_names == {"n": 1}
    assert script.names == {"n"}
    assert script.sets == {"a", "b"}


@pytest.mark.parametrize(
    "source",
    [
        "import os",
        "a",
        "a += 1",
        "a, b = 1, 2",
        "a.b = 1",
        "_a = 1",
        "del a",
        "for x in y: z = 1",
        "a = b = 1",
        "a = 1;import os",
    ],
)
def test_a_script_is_nothing_but_assignments(source: str) -> None:
    with pytest.raises(ExpressionError):
        compile_script(source)


def test_an_error_in_a_script_names_its_line() -> None:
    with pytest.raises(ExpressionError) as refused:
        compile_script("a = 1\nb = 2 ** 3", file="p.bpmn", line=20)
    assert refused.value.facts["line"] == 21


@given(st.text(max_size=60))
def test_any_text_is_an_expression_or_is_refused(source: str) -> None:
    with contextlib.suppress(ExpressionError):
        compile_expression(source).evaluate(NAMES, {})


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**6), 10**6) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text("ab", min_size=1, max_size=2), inner, max_size=3)
    ),
    max_leaves=8,
)
FORMS = (
    "x + y",
    "x < y",
    "x == y",
    "x in y",
    "x.a",
    "x[y]",
    "x[0:2]",
    "sum(x)",
    "len(x)",
    "sorted(x)",
    "str(x)",
    "[i for i in x]",
    "max(x, y)",
    "int(x)",
    "x and y",
    "not x",
    "-x",
    "round(x, y)",
    "{x: y}",
    "x % y",
)


@given(st.sampled_from(FORMS), VALUES, VALUES)
def test_whatever_the_values_the_answer_is_json_or_a_clear_error(source: str, x: Any, y: Any) -> None:
    before = json.dumps([x, y])
    answer = None
    with contextlib.suppress(ExpressionError):
        answer = compile_expression(source).evaluate({"x": x, "y": y}, {})
    json.dumps(answer)
    assert json.dumps([x, y]) == before
