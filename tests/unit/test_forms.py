"""What a form file may say, and what is accepted of what people fill in."""

import json
import time
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service import forms
from service.engine.forms import parse_form
from service.errors import Invalid, Text


class Lists:
    """Option and row sources with fixed answers."""

    def options(self, name: str, parameter: str | None) -> list[forms.Option]:
        assert name == "units"
        return [
            forms.Option("u1", Text("第一中学", "No. 1 School")),
            forms.Option("u2", Text("医院", "Hospital")),
        ]

    def rows(self, name: str, parameter: str | None) -> list[forms.Row]:
        assert (name, parameter) == ("indicators", "school")
        return [
            forms.Row("I1", Text("绿化率", "Greenery"), {"full": 10, "rule": "每差一个百分点扣 1 分"}),
            forms.Row("I2", Text("垃圾分类", "Waste"), {"full": 5, "rule": "查现场"}),
        ]


@dataclass(frozen=True)
class Upload:
    id: str
    name: str
    size: int
    content_type: str


def component(kind: str, key: str, **more: Any) -> dict[str, Any]:
    return {"type": kind, "key": key, "label": f"标签{key}", **more}


def source(*components: dict[str, Any], **more: Any) -> bytes:
    form = {
        "id": "sample",
        "type": "default",
        "title": "样表",
        "titleEn": "Sample",
        "components": list(components),
    }
    return json.dumps(form | more, ensure_ascii=False, indent=1).encode()


def read(*components: dict[str, Any]) -> forms.Form:
    form, problems = parse_form("forms/sample.json", source(*components))
    assert not problems, [one.text.zh for one in problems]
    assert form is not None
    return form


def check(form: forms.Form, data: dict[str, Any], **more: Any) -> dict[str, Any]:
    options: dict[str, Any] = {"access": {}, "partial": False, "sources": Lists(), "previous": {}} | more
    return forms.validate(form, data, **options)


def refused(form: forms.Form, data: dict[str, Any], **more: Any) -> dict[str, Text]:
    with pytest.raises(Invalid) as caught:
        check(form, data, **more)
    fields: dict[str, Text] = caught.value.facts["fields"]
    return fields


SHEET = component(
    "dynamiclist",
    "scores",
    path="scores",
    properties={"rows": "indicators:school"},
    components=[
        component("textfield", "rule", readonly=True, properties={"prefill": "rule"}),
        component("number", "points", validate={"required": True, "min": 0}, properties={"maxFrom": "full"}),
        component(
            "textarea",
            "reason",
            validate={"required": True},
            conditional={"hide": "points == None or points == full"},
        ),
    ],
)
del SHEET["key"]


class TestFormFile:
    def test_reads_titles_and_paths(self) -> None:
        form = read(component("group", "g", components=[component("textfield", "name")]), SHEET)
        assert form.title == Text("样表", "Sample")
        assert list(form.fields) == ["name", "scores.rule", "scores.points", "scores.reason"]
        assert form.keys == {"g", "name", "scores"}
        assert form.sources == {("rows", "indicators")}

    @pytest.mark.parametrize(
        ("wrong", "code"),
        [
            (component("html", "x"), "form.type"),
            (component("textfield", "x", colour="red"), "form.attribute"),
            (component("number", "x", properties={"maxform": "y"}), "form.property"),
            (component("number", "x", validate={"maxLength": 3}), "form.validate"),
            (component("number", "x", validate={"min": 3, "max": 1}), "form.range"),
            (component("number", "x", validate={"min": "viel"}), "form.value"),
            (component("textfield", "x y"), "form.key"),
            (component("textfield", "row"), "form.key"),
            (component("textfield", "x", validate={"pattern": "(a+)+$"}), "form.pattern"),
            (component("textfield", "x", conditional={"hide": "import os"}), "form.expression"),
            (component("textfield", "x", conditional={"hide": "nobody == 1"}), "form.name"),
            (component("textfield", "x", conditional={"hide": "setting('a') == 1"}), "form.function"),
            (component("select", "x"), "form.values"),
            (component("filepicker", "x", accept="image/*"), "form.value"),
            ({"type": "text", "text": "<script>alert(1)</script>"}, "form.html"),
        ],
    )
    def test_names_what_it_does_not_understand(self, wrong: dict[str, Any], code: str) -> None:
        form, problems = parse_form("forms/sample.json", source(component("textfield", "first"), wrong))
        assert form is not None
        assert [one.code for one in problems] == [code]
        assert problems[0].file == "forms/sample.json"
        if "key" in wrong:
            assert problems[0].element == wrong["key"]
            assert problems[0].line is not None

    @pytest.mark.parametrize(
        "pattern",
        [
            "(a|aa)+b",
            "(a|a)*b",
            "(a?)*b",
            "(a*)*",
            "((a{0,9}){0,9}){0,9}b",
            "a*a*a*a*a*b",
            ".*.*.*x",
            "a?" * 40 + "b",
            "(?:a|b|ab){1,30}c",
            "(a*)\\1b",
            "(?=a+)+b",
            "(?P<x>a)+",
            "a*?b*+c",
            "[[a]",
            "[a--b]",
            "a{2",
            "(a",
            "a)",
            "\\",
        ],
    )
    def test_a_pattern_that_could_be_slow_or_is_not_understood_is_refused(self, pattern: str) -> None:
        _, problems = parse_form(
            "forms/sample.json", source(component("textfield", "x", validate={"pattern": pattern}))
        )
        assert [one.code for one in problems] == ["form.pattern"]

    @pytest.mark.parametrize(
        ("pattern", "fits", "differs"),
        [
            (r"^\d{6}$", "610402", "61040"),
            (r"[0-9A-HJ-NPQRTUWXY]{2}\d{6}[0-9A-HJ-NPQRTUWXY]{10}", "91610402MA6XXXXX0T", "9161"),
            (r"(咸|陕)[A-Z]\d{4,8}(-\d{1,3})?", "咸A12345-7", "西A12345"),
            (r"[\u4e00-\u9fa5]{2,20}", "渭滨中学", "abc"),
            (r"\w{1,64}@\w{1,60}\.(com|cn)", "a@b.cn", "a@b.org"),
            (r"(ab)+\s*", "abab", "aba"),
        ],
    )
    def test_a_pattern_says_what_a_text_looks_like(self, pattern: str, fits: str, differs: str) -> None:
        form = read(component("textfield", "x", validate={"pattern": pattern}))
        assert check(form, {"x": fits}) == {"x": fits}
        assert set(refused(form, {"x": differs})) == {"x"}

    @pytest.mark.parametrize("pattern", [".*.*x", "(?:a?){19}b", "(a{0,9}){5}b", "(aa|a){19}b", "(.+)x"])
    def test_the_slowest_pattern_allowed_is_quick(self, pattern: str) -> None:
        limits = {"pattern": pattern, "maxLength": 1000}
        form = read(component("textfield", "x", validate=limits))
        begin = time.perf_counter()
        assert set(refused(form, {"x": "a" * 1000})) == {"x"}
        assert time.perf_counter() - begin < 2

    def test_says_what_was_probably_meant(self) -> None:
        _, problems = parse_form(
            "forms/sample.json", source(component("number", "x", properties={"maxform": "y"}))
        )
        assert "maxFrom" in problems[0].text.zh

    def test_refuses_a_key_used_twice(self) -> None:
        _, problems = parse_form(
            "forms/sample.json", source(component("number", "x"), component("number", "x"))
        )
        assert [one.code for one in problems] == ["form.key"]

    @pytest.mark.parametrize("data", [b"{", b"[]", b"\xff\xfe", b'{"id": "sample"}'])
    def test_what_is_no_form_is_a_problem(self, data: bytes) -> None:
        form, problems = parse_form("forms/sample.json", data)
        assert form is None
        assert len(problems) == 1

    @given(
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(),
            lambda x: (
                st.lists(x)
                | st.dictionaries(
                    st.sampled_from(
                        [
                            "type",
                            "key",
                            "components",
                            "properties",
                            "validate",
                            "values",
                            "label",
                            "conditional",
                        ]
                    )
                    | st.text(),
                    x | st.sampled_from(["number", "group", "dynamiclist", "select", "table"]),
                )
            ),
        )
    )
    def test_never_fails_on_any_json(self, components: Any) -> None:
        parse_form("forms/sample.json", json.dumps({"id": "sample", "components": [components]}).encode())


class TestValues:
    def test_types_what_was_typed(self) -> None:
        form = read(
            component("textfield", "name"),
            component("number", "count", decimalDigits=0),
            component("number", "share"),
            component("datetime", "day"),
            component("checkbox", "agreed"),
            component(
                "checklist", "which", values=[{"value": "a", "label": "甲"}, {"value": "b", "label": "乙"}]
            ),
            component("select", "unit", properties={"options": "units"}),
            component("textarea", "empty"),
        )
        data = {
            "name": " 第一中学 ",
            "count": "１２",
            "share": "35.50",
            "day": "2026-08-10",
            "agreed": "on",
            "which": ["b", "a"],
            "unit": "u1",
            "empty": "",
        }
        assert check(form, data) == {
            "name": "第一中学",
            "count": 12,
            "share": 35.5,
            "day": "2026-08-10",
            "agreed": True,
            "which": ["b", "a"],
            "unit": "u1",
            "empty": None,
        }

    def test_a_moment_is_kept_in_the_city_s_time_and_can_be_kept_again(self) -> None:
        form = read(component("datetime", "at", subtype="datetime", properties={"max": "'2026-08-10'"}))
        kept = {"at": "2026-08-10T09:30+08:00"}
        for typed in ("2026-08-10T09:30", "2026-08-10T01:30:59Z", "2026-08-10T09:30+08:00"):
            assert check(form, {"at": typed}) == kept
        assert check(form, kept) == kept
        for wrong in ("2026-08-11T00:00", "2026-08-10", "09:30", "2026-02-30T09:30", "9999-12-31T23:59Z"):
            assert set(refused(form, {"at": wrong})) == {"at"}

    @pytest.mark.parametrize(
        ("kind", "more", "value"),
        [
            ("number", {}, "NaN"),
            ("number", {}, "1e5"),
            ("number", {}, float("inf")),
            ("number", {}, True),
            ("number", {"decimalDigits": 1}, "1.25"),
            ("number", {"validate": {"max": 5}}, 6),
            ("number", {"validate": {"min": 5}}, 4.5),
            ("datetime", {}, "2026-02-30"),
            ("datetime", {}, "20260230"),
            ("textfield", {}, 5),
            ("textfield", {}, "a\0b"),
            ("textfield", {"validate": {"maxLength": 2}}, "三个字"),
            ("textfield", {"validate": {"minLength": 2}}, "字"),
            ("textfield", {"validate": {"validationType": "email"}}, "nobody"),
            ("textfield", {"validate": {"pattern": "[0-9]{3}"}}, "12a"),
            ("checkbox", {}, "maybe"),
            ("checkbox", {"validate": {"required": True}}, False),
            ("textfield", {"validate": {"required": True}}, "   "),
            ("select", {"properties": {"options": "units"}}, "u9"),
            ("checklist", {"values": [{"value": "a", "label": "甲"}]}, ["a", "z"]),
            ("filepicker", {}, ["../etc/passwd"]),
        ],
    )
    def test_refuses_by_field(self, kind: str, more: dict[str, Any], value: Any) -> None:
        assert set(refused(read(component(kind, "x", **more)), {"x": value})) == {"x"}

    def test_refuses_an_unknown_field_by_name(self) -> None:
        assert "outcome" in refused(read(component("number", "x")), {"outcome": "approve"})["outcome"].zh

    def test_an_incomplete_form_is_enough_to_send_back(self) -> None:
        form = read(component("textfield", "x", validate={"required": True}), component("number", "n"))
        assert check(form, {"n": 1}, partial=True) == {"x": None, "n": 1}
        assert set(refused(form, {"n": "viel"}, partial=True)) == {"n"}

    def test_what_may_only_be_read_keeps_its_value(self) -> None:
        form = read(
            component("number", "a"), component("number", "b"), component("number", "c", readonly=True)
        )
        previous = {"a": 1, "b": 2, "c": 3}
        access = {"a": "read", "b": "hidden"}
        assert check(form, {"a": 9, "c": 9}, access=access, previous=previous) == previous
        assert set(refused(form, {"b": 9}, access=access, previous=previous)) == {"b"}

    def test_a_right_to_a_group_covers_its_fields(self) -> None:
        form = read(component("group", "g", components=[component("number", "a")]))
        assert check(form, {"a": 9}, access={"g": "read"}, previous={"a": 1}) == {"a": 1}

    def test_hidden_fields_are_emptied_and_not_required(self) -> None:
        form = read(
            component("checkbox", "polluter"),
            component(
                "textfield", "permit", conditional={"hide": "not polluter"}, validate={"required": True}
            ),
            component(
                "textfield", "expiry", conditional={"hide": "permit == None"}, validate={"required": True}
            ),
        )
        assert check(form, {"polluter": False, "permit": "P1", "expiry": "x"})["expiry"] is None
        assert set(refused(form, {"polluter": True})) == {"permit"}

    def test_bounds_from_another_field(self) -> None:
        form = read(
            component("datetime", "opens"), component("datetime", "closes", properties={"minFrom": "opens"})
        )
        assert check(form, {"opens": "2026-03-01", "closes": "2026-03-01"})["closes"] == "2026-03-01"
        assert set(refused(form, {"opens": "2026-03-02", "closes": "2026-03-01"})) == {"closes"}

    def test_numbers_must_add_up(self) -> None:
        form = read(
            component("number", "total"),
            component(
                "group",
                "split",
                properties={"sum": "total"},
                components=[component("number", "a"), component("number", "b")],
            ),
        )
        assert check(form, {"total": 0.3, "a": 0.1, "b": 0.2})["a"] == 0.1
        assert "合计应为 3，现为 2" in refused(form, {"total": 3, "a": 1, "b": 1})["b"].zh

    def test_files_by_reference(self) -> None:
        form = read(component("filepicker", "proof", accept=".pdf", properties={"maxSize": "1MB"}))
        good = Upload("a" * 32, "证明.PDF", 10, "application/pdf")
        assert check(form, {"proof": [good.id]}, files={good.id: good}.get) == {
            "proof": [{"id": good.id, "name": "证明.PDF", "size": 10, "content_type": "application/pdf"}]
        }
        assert forms.file_ids(form, check(form, {"proof": good.id})) == [good.id]
        for file in (None, Upload("a" * 32, "x.exe", 1, ""), Upload("a" * 32, "x.pdf", 2_000_000, "")):
            assert set(refused(form, {"proof": ["a" * 32]}, files=lambda _, file=file: file)) == {"proof"}

    def test_prefill_takes_what_it_can(self) -> None:
        form = read(
            component("textfield", "name", properties={"prefill": "profile('name')"}),
            component("number", "year", properties={"prefill": "=year + 1"}),
            component("number", "odd", properties={"prefill": "missing + 1"}),
            component("textfield", "fixed", defaultValue="无"),
        )
        assert forms.prefill(form, {"year": 2026}, {"profile": lambda key: f"<{key}>"}) == {
            "name": "<name>",
            "year": 2027,
            "fixed": "无",
        }


class TestRows:
    def test_rows_of_a_source(self) -> None:
        data = {"scores": [{"row": "I2", "points": 5}, {"row": "I1", "points": 8, "reason": "差两个百分点"}]}
        assert check(read(SHEET), data)["scores"] == [
            {
                "row": "I1",
                "row_label": "绿化率",
                "rule": "每差一个百分点扣 1 分",
                "points": 8,
                "reason": "差两个百分点",
            },
            {"row": "I2", "row_label": "垃圾分类", "rule": "查现场", "points": 5, "reason": None},
        ]

    def test_bounds_and_reasons_by_row(self) -> None:
        data = {"scores": [{"row": "I1", "points": 11, "reason": "x"}, {"row": "I2", "points": 4}]}
        assert set(refused(read(SHEET), data)) == {"scores.0.points", "scores.1.reason"}

    @pytest.mark.parametrize("ids", [["I1"], ["I1", "I2", "I3"], ["I1", "I1"], []])
    def test_exactly_the_rows_of_the_source(self, ids: list[str]) -> None:
        assert set(
            refused(read(SHEET), {"scores": [{"row": one, "points": 5, "reason": "x"} for one in ids]})
        ) >= {"scores"}

    def test_free_rows(self) -> None:
        rows = component(
            "dynamiclist",
            "people",
            properties={"minRows": 1, "maxRows": 2},
            components=[
                component("textfield", "name", validate={"required": True}),
                component("number", "age"),
            ],
        )
        form = read(rows)
        assert check(form, {"people": [{"name": "甲", "age": "3"}, {"name": "", "age": ""}]})["people"] == [
            {"name": "甲", "age": 3}
        ]
        assert set(refused(form, {"people": [{"name": " "}]})) == {"people"}
        assert set(refused(form, {"people": [{}, {"age": 3}]})) == {"people.1.name"}
        assert set(refused(form, {"people": [{"name": "甲", "seat": 1}]})) == {"people.0.seat"}
        assert set(refused(form, {"people": "all"})) == {"people"}

    def test_a_column_adds_up(self) -> None:
        form = read(
            component("number", "total"),
            component(
                "dynamiclist", "split", components=[component("number", "part", properties={"sum": "total"})]
            ),
        )
        assert check(form, {"total": 3, "split": [{"part": 1}, {"part": 2}]})
        assert set(refused(form, {"total": 3, "split": [{"part": 1}, {"part": 1}]})) == {"split.1.part"}


@given(
    st.dictionaries(
        st.sampled_from(["name", "count", "day", "agreed", "which", "scores", "other"]),
        st.none()
        | st.booleans()
        | st.floats()
        | st.text()
        | st.lists(st.text() | st.dictionaries(st.text(), st.text())),
    )
)
def test_any_submission_is_typed_or_refused(data: dict[str, Any]) -> None:
    form = read(
        component("textfield", "name"),
        component("number", "count"),
        component("datetime", "day"),
        component("checkbox", "agreed"),
        component("checklist", "which", values=[{"value": "a", "label": "甲"}]),
        SHEET,
    )
    try:
        checked = check(form, data, partial=True)
    except Invalid as error:
        refused = error
    else:
        assert check(form, checked, partial=True) == checked
        json.dumps(checked, allow_nan=False)
        return
    assert refused.facts["fields"]
