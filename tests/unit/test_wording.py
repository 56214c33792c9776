"""The wording of documents: what a file may say, and what its check refuses by entry."""

import pytest

from service.documents import wording
from service.errors import NotFound

LETTER = """
[[documents]]
kind = "notice"
layout = "letter"
label = "告知书"
title = "关于{unit}的告知书"
form = "check"
outcomes = ["correct"]
paragraphs = ["{unit}：{year}年度"]
"""


def test_an_entry_is_read_and_its_places_are_filled() -> None:
    entries, problems = wording.read(LETTER.encode())
    assert problems == []
    assert entries[0].outcomes == ("correct",)
    values = {"unit": "渭滨小学", "year": "2026"}
    assert wording.filled(entries[0].title, values) == "关于渭滨小学的告知书"
    assert wording.filled("{unit}{signer}", values) == "渭滨小学"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (('layout = "letter"', 'layout = "poster"'), "poster"),
        (('form = "check"', ""), "form"),
        (("{year}年度", "{county}年度"), "{county}"),
        (('label = "告知书"', ""), "label"),
        (('["correct"]', '"correct"'), "outcomes"),
        (('kind = "notice"', 'kind = "notice"\ncolour = "red"'), "colour"),
        (("[[documents]]", "[[documents"), "TOML"),
        (('form = "check"', 'form = "check"\nopinions = true'), "opinions"),
        (('form = "check"', 'form = "check"\ndue_of = 5'), "引号"),
        (('form = "check"', 'form = "check"\nhead = [{ label = "单位" }]'), "head"),
    ],
)
def test_what_is_wrong_is_told(change: tuple[str, str], told: str) -> None:
    entries, problems = wording.read(LETTER.replace(*change).encode())
    assert entries == []
    assert told in problems[0].zh


def test_a_document_of_a_form_that_does_not_exist_forbids_deploying() -> None:
    files = {wording.FILE: LETTER.encode()}
    assert wording.problems(files, {"check"}) == []
    found = wording.problems(files, {"other"})
    assert [one.severity for one in found] == ["error"]
    assert "check" in found[0].text.zh
    assert wording.problems({}, {"check"}) == []
    boxed = {wording.FILE: (LETTER + 'opinions = [{ label = "意见", form = "review" }]').encode()}
    assert "review" in wording.problems(boxed, {"check"})[0].text.zh


def test_a_roster_column_takes_a_fact_or_a_field() -> None:
    roster = '[[documents]]\nkind="r"\nlayout="roster"\nlabel="名册"\ntitle="{county}"\ncolumns=[%s]\n'
    assert wording.read((roster % '{heading="单位",fact="unit"}').encode())[1] == []
    for column in (
        '{heading="x"}',
        '{heading="x",fact="password"}',
        '{fact="unit"}',
        '{heading="x",fact="unit",field="y"}',
    ):
        assert wording.read((roster % column).encode())[1] != []


def test_the_first_entry_that_fits_the_level_is_taken() -> None:
    text = "".join(
        f'[[documents]]\nkind="{kind}"\nlayout="decision"\nlabel="决定"\ntitle="t"\n{more}\n'
        for kind, more in (("county", 'levels=["county"]'), ("other", ""))
    )
    entries, _ = wording.read(text.encode())
    assert wording.of_layout(entries, "decision", level="county").kind == "county"
    assert wording.of_layout(entries, "decision", level="city").kind == "other"
    with pytest.raises(NotFound):
        wording.of_layout(entries, "certificate")
