"""Decision tables decide as written, and say so when they cannot."""

import contextlib
from html import escape
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.engine.cells import INPUT, compile_cell
from service.engine.decisions import DecisionTable
from service.engine.expressions import ExpressionError
from service.engine.model import Problem
from service.engine.tables import read_decision


def table(
    rules: list[tuple[list[str], list[str]]],
    *,
    inputs: tuple[str, ...] = ("days",),
    outputs: tuple[str, ...] = ("level",),
    policy: str = 'hitPolicy="UNIQUE"',
    extra: str = "",
) -> bytes:
    columns = "".join(
        f'<input id="i{n}" label="{escape(one)}"><inputExpression id="e{n}"><text>{escape(one)}</text>'
        "</inputExpression></input>"
        for n, one in enumerate(inputs)
    )
    columns += "".join(f'<output id="o{n}" name="{one}"/>' for n, one in enumerate(outputs))
    rows = "".join(
        f'<rule id="r{n}">'
        + "".join(f"<inputEntry><text>{escape(one)}</text></inputEntry>" for one in cells)
        + "".join(f"<outputEntry><text>{escape(one)}</text></outputEntry>" for one in results)
        + "</rule>\n"
        for n, (cells, results) in enumerate(rules, 1)
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<definitions xmlns="https://www.omg.org/spec/DMN/20191111/MODEL/" id="d" name="d" namespace="d">'
        f'<decision id="rule" name="判断层级"><decisionTable id="t" {policy}>{columns}\n{rows}'
        "</decisionTable></decision>"
        f"{extra}</definitions>"
    ).encode()


def read(data: bytes) -> DecisionTable:
    found, problems = read_decision("decisions/rule.dmn", data)
    assert found is not None, [one.text.zh for one in problems]
    return found


def problem(data: bytes, code: str) -> Problem:
    _, problems = read_decision("decisions/rule.dmn", data)
    return next(one for one in problems if one.code == code)


@pytest.mark.parametrize(
    ("cell", "fitting", "others"),
    [
        (">= 3", [3, 4.5], [2.9]),
        ("< 3", [2], [3]),
        ("!= 3", [4, None], [3]),
        ('"a","b"', ["a", "b"], ["c", None, 1]),
        ("1, 2, 5", [1, 5], [3]),
        ("[1..5]", [1, 5], [0, 6]),
        ("(1..5)", [2], [1, 5]),
        ("]1..5[", [2], [1, 5]),
        ("(1..5]", [5], [1]),
        ("[1..2],[4..5]", [1, 4], [3]),
        ('["2026-01-01".."2026-12-31"]', ["2026-08-10"], ["2027-01-01"]),
        ('not("a","b")', ["c"], ["a", "b"]),
        ("not(>= 3)", [2], [3]),
        ("not([1..5])", [7], [5]),
        ("? > 3 and ? < limit", [4], [3, 10]),
        ("len(?) > 2", ["abc"], ["ab"]),
        ("limit", [10], [9]),
        ("limit - 1", [9], [10]),
        ("True", [True], [False, 1, None]),
        ("0", [0, 0.0], [False, None, ""]),
        ("0, 1", [0, 1], [False, True]),
        ("!= 1", [True, 0], [1]),
        (">= (limit if len('a') == 1 else 3)", [10], [9]),
        ("< (limit or 3)", [9], [10]),
        ("? >= 3 and limit == 10", [3], [2]),
        ("None", [None], [0, ""]),
        ('"what?"', ["what?"], ["what"]),
        ('"a,b"', ["a,b"], ["a"]),
        ('"1..5"', ["1..5"], [3]),
        ("max(1, 2)", [2], [1]),
    ],
)
def test_a_cell_accepts_what_it_says(cell: str, fitting: list[Any], others: list[Any]) -> None:
    test = compile_cell(cell)
    for value in fitting:
        assert test.evaluate({INPUT: value, "limit": 10}, {}), value
    for value in others:
        assert not test.evaluate({INPUT: value, "limit": 10}, {}), value


@pytest.mark.parametrize("cell", ["", "-", "  - "])
def test_an_empty_cell_accepts_everything(cell: str) -> None:
    decided = read(table([([cell], ['"x"'])]))
    for value in (None, 3, "a", [1]):
        assert decided.evaluate({"days": value}, {}) == {"level": "x"}


@pytest.mark.parametrize(
    "cell",
    [">=", "days > 3", "not(", '"a",,"b"', "[1..]", "import os", "= 3", "a b", "true", "x.y()", "(" * 90],
)
def test_a_cell_that_means_nothing_is_refused(cell: str) -> None:
    with pytest.raises(ExpressionError) as refused:
        compile_cell(cell, file="decisions/rule.dmn", line=7)
    assert refused.value.facts["line"] == 7
    told = problem(table([([cell], ['"x"'])]), "bad-cell")
    assert told.file == "decisions/rule.dmn"
    assert told.line is not None


@pytest.mark.parametrize(
    ("cell", "instead"),
    [
        ('>= 3 and level == "city"', '? >= 3 and level == "city"'),
        ("< 3 or late", "? < 3 or late"),
        ("== 'a' or 'b'", "? == 'a' or 'b'"),
        (">= 3 < limit", "? >= 3 < limit"),
        ("== not late", "? == (not late)"),
        (">= 3 if late else 4", "? >= 3 if late else 4"),
        ("not(>= 3 and late)", "? >= 3 and late"),
        ("[1..5 and late]", "? >= 1 and ? <= 5"),
        ("[1 if late else 2..5]", "? >= 1 and ? <= 5"),
        ("[1...5]", "[0..0.5]"),
    ],
)
def test_a_comparison_with_more_than_a_value_is_refused_and_told_how_to_write_it(
    cell: str, instead: str
) -> None:
    with pytest.raises(ExpressionError) as refused:
        compile_cell(cell)
    assert instead in refused.value.text.zh
    assert instead in refused.value.text.en


@pytest.mark.parametrize("cell", [">= 3", "< 3", "[0..5]", "> (limit == 10)"])
def test_a_truth_value_is_neither_more_nor_less_than_anything(cell: str) -> None:
    with pytest.raises(ExpressionError, match="大小"):
        compile_cell(cell).evaluate({INPUT: True, "limit": 10}, {})


def test_unique_gives_the_one_row_that_fits_and_its_id() -> None:
    decided = read(table([(["<= 3"], ['"head"']), (["> 3"], ['"director"'])]))
    assert decided.match({"days": 3}, {}).rules == ("r1",)
    assert decided.evaluate({"days": 4}, {}) == {"level": "director"}
    assert decided.rule_ids == ("r1", "r2")
    assert decided.names == {"days"}


def test_unique_with_two_fitting_rows_names_both() -> None:
    decided = read(table([(["<= 5"], ['"a"']), ([">= 5"], ['"b"']), (["> 9"], ['"c"'])]))
    with pytest.raises(ExpressionError) as refused:
        decided.evaluate({"days": 5}, {})
    assert "第 1 行（r1）、第 2 行（r2）" in refused.value.text.zh
    assert "row 1 (r1) and row 2 (r2)" in refused.value.text.en
    assert refused.value.facts["rules"] == ["r1", "r2"]


@pytest.mark.parametrize("policy", ["UNIQUE", "FIRST"])
def test_no_fitting_row_shows_the_inputs(policy: str) -> None:
    data = table([(["< 3", '"a"'], ['"x"'])], inputs=("days", "kind"), policy=f'hitPolicy="{policy}"')
    with pytest.raises(ExpressionError) as refused:
        read(data).evaluate({"days": 7, "kind": "b"}, {})
    assert "days = 7，kind = 'b'" in refused.value.text.zh
    assert "判断层级" in refused.value.text.zh
    assert refused.value.facts["source"] == "rule"


def test_first_takes_the_first_row_that_fits() -> None:
    decided = read(
        table([(["> 3"], ['"b"']), (["> 1"], ['"a"']), (["-"], ["None"])], policy='hitPolicy="FIRST"')
    )
    assert [decided.evaluate({"days": n}, {})["level"] for n in (5, 2, 0)] == ["b", "a", None]


def test_collect_lists_what_fits_in_the_order_of_the_rows_and_may_be_empty() -> None:
    rules = [(["> 3"], ['"b"', "days * 2"]), (["> 1"], ['"a"', "1"]), (["> 9"], ['"c"', "2"])]
    decided = read(table(rules, outputs=("what", "number"), policy='hitPolicy="COLLECT"'))
    assert decided.evaluate({"days": 5}, {}) == {"what": ["b", "a"], "number": [10, 1]}
    assert decided.match({"days": 5}, {}).rules == ("r1", "r2")
    assert decided.evaluate({"days": 0}, {}) == {"what": [], "number": []}


def test_outputs_and_inputs_are_expressions() -> None:
    rules = [([">= 2"], ["[unit + '!', days]"])]
    decided = read(table(rules, inputs=("len(units)",)))
    assert decided.names == {"units", "unit", "days"}
    assert decided.evaluate({"units": [1, 2], "unit": "u", "days": 3}, {}) == {"level": ["u!", 3]}


def test_a_missing_variable_and_a_wrong_kind_are_told() -> None:
    decided = read(table([(["> 3"], ['"b"'])]))
    with pytest.raises(ExpressionError, match="没有变量 days"):
        decided.evaluate({}, {})
    with pytest.raises(ExpressionError, match="> 3"):
        decided.evaluate({"days": "many"}, {})


def test_functions_are_those_given() -> None:
    decided = read(table([(["? == today()"], ['"now"'])]))
    assert decided.calls == {"today"}
    assert decided.evaluate({"days": "2026-08-10"}, {"today": lambda: "2026-08-10"}) == {"level": "now"}


@pytest.mark.parametrize("policy", ["ANY", "PRIORITY", "RULE ORDER", "OUTPUT ORDER", "first"])
def test_other_hit_policies_are_refused(policy: str) -> None:
    assert "UNIQUE" in problem(table([(["-"], ["1"])], policy=f'hitPolicy="{policy}"'), "hit-policy").text.zh


def test_what_would_be_ignored_is_refused_or_told() -> None:
    assert (
        problem(table([(["-"], ["1"])], policy='hitPolicy="COLLECT" aggregation="SUM"'), "hit-policy").element
        == "t"
    )
    drawn = table([(["-"], ["1"])], extra='<inputData id="x" name="x"/>')
    assert problem(drawn, "unsupported-dmn").element == "x"
    two = table([(["-"], ["1"])], extra='<decision id="other" name="o"/>')
    assert problem(two, "not-one-table").element == "other"
    other = table([(["-"], ["1"])]).replace(b'id="rule"', b'id="another"')
    assert problem(other, "id-not-file-name").element == "another"
    no_default = table([(["-"], ["1"])]).replace(
        b'name="level"/>', b'name="level"><defaultOutputEntry><text>1</text></defaultOutputEntry></output>'
    )
    assert problem(no_default, "unsupported-dmn").element == "o0"


def test_incomplete_tables_are_refused() -> None:
    assert problem(table([]), "no-rule").element == "t"
    assert problem(table([(["-"], [])]), "rule-incomplete").element == "r1"
    assert problem(table([(["-"], [""])]), "decision-incomplete").element == "r1"
    assert problem(table([(["-"], ["1"])], inputs=("",)), "decision-incomplete").element == "i0"
    assert problem(table([(["-"], ["1"])], outputs=("a b",)), "output-name").element == "o0"
    assert problem(table([(["-"], ["city"]), (["-"], ["a b"])]), "bad-expression").element == "r2"


def test_a_table_may_be_as_large_as_the_guide_says_and_no_larger() -> None:
    inputs, outputs = tuple(f"i{n}" for n in range(28)), ("a", "b")
    rows = [([str(n), *["-"] * 27], ["1", "2"]) for n in range(500)]
    decided = read(table(rows, inputs=inputs, outputs=outputs))
    assert decided.match(dict.fromkeys(inputs, 499), {}).rules == ("r500",)
    assert problem(table([*rows, rows[0]], inputs=inputs, outputs=outputs), "too-large").element == "t"
    wide = [(["1", *["-"] * 28], ["1", "2"])]
    told = problem(table(wide, inputs=(*inputs, "i28"), outputs=outputs), "too-large")
    assert "29 个输入列和 2 个输出列，合计最多 30 列" in told.text.zh


def test_a_file_of_too_many_elements_says_how_many_there_may_be_and_from_which_line() -> None:
    rows = [([*["-"] * 28], ["1", "2"]) for _ in range(700)]
    told = problem(table(rows, inputs=tuple(f"i{n}" for n in range(28)), outputs=("a", "b")), "not-xml")
    assert "40000" in told.text.zh
    assert told.line is not None


def test_rows_that_can_never_apply_alone_are_told() -> None:
    same = [(["> 3"], ["1"]), ([" >  3"], ["2"])]
    assert problem(table(same), "duplicate-rule").severity == "error"
    assert problem(table(same, policy='hitPolicy="FIRST"'), "rule-unreachable").severity == "warning"
    assert problem(table([(["> 3"], ["1"]), (["-"], ["2"])]), "rule-overlap").element == "r2"
    behind = table([(["-"], ["1"]), (["> 3"], ["2"])], policy='hitPolicy="FIRST"')
    assert problem(behind, "rule-unreachable").element == "r2"


BOUNDS = st.lists(st.integers(-50, 50), min_size=1, max_size=6, unique=True).map(sorted)


@given(BOUNDS, st.integers(-60, 60))
def test_rows_that_divide_the_numbers_always_give_exactly_one(bounds: list[int], value: int) -> None:
    cells = [f"< {bounds[0]}", *(f"[{low}..{high})" for low, high in pairwise(bounds))]
    cells.append(f">= {bounds[-1]}")
    decided = read(table([([cell], [str(n)]) for n, cell in enumerate(cells)]))
    assert decided.evaluate({"days": value}, {}) == {"level": sum(value >= bound for bound in bounds)}


RULES = st.lists(
    st.tuples(st.integers(-5, 5), st.integers(-5, 5), st.booleans()), min_size=1, max_size=6, unique=True
)


@given(RULES, st.integers(-7, 7))
def test_the_policies_agree_on_which_rows_fit(rules: list[tuple[int, int, bool]], value: int) -> None:
    cells = [f"not([{low}..{high}])" if negated else f"[{low}..{high}]" for low, high, negated in rules]
    expected = [n for n, (low, high, negated) in enumerate(rules) if (low <= value <= high) is not negated]
    rows = [([cell], [str(n)]) for n, cell in enumerate(cells)]
    names = {"days": value}
    assert read(table(rows, policy='hitPolicy="COLLECT"')).evaluate(names, {}) == {"level": expected}
    first, unique = read(table(rows, policy='hitPolicy="FIRST"')), read(table(rows))
    if expected:
        assert first.evaluate(names, {}) == {"level": expected[0]}
    else:
        with pytest.raises(ExpressionError, match="没有一行适用"):
            first.evaluate(names, {})
    if len(expected) == 1:
        assert unique.evaluate(names, {}) == {"level": expected[0]}
    else:
        with pytest.raises(ExpressionError):
            unique.evaluate(names, {})


@given(st.text(max_size=40))
def test_any_text_is_a_test_or_is_refused_clearly(cell: str) -> None:
    compiled = None
    with contextlib.suppress(ExpressionError):
        compiled = compile_cell(cell)
    assert compiled is None or INPUT not in compiled.names
