"""Files and expressions written to do harm are refused, quickly and in little memory."""

import json
import random
import time
import tracemalloc
from datetime import UTC, datetime
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest

from service.campaign.calendar import WorkCalendar
from service.campaign.date_functions import functions_for
from service.engine.expressions import ExpressionError, compile_script
from service.engine.procedure import read_procedure
from service.errors import Text
from service.submissions import functions_for_matter

BPMN = (
    '<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:cl="urn:chuanglv:bpmn:1" id="D">{}'
    "</definitions>"
)
DMN = (
    '<definitions xmlns="https://www.omg.org/spec/DMN/20191111/MODEL/"><decision id="d"><decisionTable id="t">'
    '<input><inputExpression><text>a</text></inputExpression></input><output name="o"/>{}'
    "</decisionTable></decision></definitions>"
)


def diagram(body: str) -> dict[str, bytes]:
    return {"p.bpmn": BPMN.format(f'<process id="p" isExecutable="true">{body}</process>').encode()}


def script(text: str, key: str = "s") -> str:
    return f"<scriptTask id='{key}'><script>{text}</script></scriptTask>"


def form(**attributes: object) -> dict[str, bytes]:
    return {"forms/f.json": json.dumps({"id": "f", "title": "f", **attributes}).encode()}


def branches(wide: int, long: int) -> str:
    """A parallel gateway whose branches are chains of choices: more combinations than anybody can walk through."""
    found = (
        "<startEvent id='S'/><parallelGateway id='F'/><parallelGateway id='J'/><endEvent id='E'/>"
        "<sequenceFlow id='a' sourceRef='S' targetRef='F'/><sequenceFlow id='z' sourceRef='J' targetRef='E'/>"
    )
    for row in range(wide):
        before = "F"
        for column in range(long):
            at = f"{row}_{column}"
            found += (
                f"<exclusiveGateway id='g{at}' default='d{at}'/><userTask id='u{at}'/><exclusiveGateway id='h{at}'/>"
                f"<sequenceFlow id='x{at}' sourceRef='{before}' targetRef='g{at}'/>"
                f"<sequenceFlow id='d{at}' sourceRef='g{at}' targetRef='u{at}'/>"
                f"<sequenceFlow id='k{at}' sourceRef='u{at}' targetRef='h{at}'/>"
                f"<sequenceFlow id='e{at}' sourceRef='g{at}' targetRef='h{at}'>"
                "<conditionExpression>unit_id is None</conditionExpression></sequenceFlow>"
            )
            before = f"h{at}"
        found += f"<sequenceFlow id='y{row}' sourceRef='{before}' targetRef='J'/>"
    return found


def nested(deep: int) -> str:
    """Subprocesses within subprocesses, each entered by two flows; a person waits in the innermost."""
    found = "<startEvent id='S'/><userTask id='A'/><endEvent id='E'/>" + flows("S", "A", "E")
    for level in range(deep):
        start, gate, end = f"S{level}", f"G{level}", f"E{level}"
        found = (
            f"<startEvent id='{start}'/><exclusiveGateway id='{gate}' default='{gate}_P{level}'/>"
            f"<subProcess id='P{level}'>{found}</subProcess><endEvent id='{end}'/>"
            f"<sequenceFlow id='c{level}' sourceRef='{gate}' targetRef='P{level}'>"
            "<conditionExpression>unit_id is None</conditionExpression></sequenceFlow>"
            + flows(start, gate, f"P{level}", end)
        )
    return found


def flows(*keys: str) -> str:
    return "".join(
        f"<sequenceFlow id='{one}_{two}' sourceRef='{one}' targetRef='{two}'/>" for one, two in pairwise(keys)
    )


def calls(deep: int, times: int) -> dict[str, bytes]:
    """Processes that each call the next one, so many times."""
    found = {}
    for level in range(deep):
        inner = [f"c{n}" for n in range(times)]
        steps = "".join(f"<callActivity id='{one}' calledElement='p{level + 1}'/>" for one in inner)
        if level == deep - 1:
            inner, steps = ["t"], "<scriptTask id='t'><script>n = 1</script></scriptTask>"
        body = f"<startEvent id='S'/>{steps}<endEvent id='E'/>" + flows("S", *inner, "E")
        process = f'<process id="p{level}" isExecutable="true">{body}</process>'
        found[f"p{level}.bpmn"] = BPMN.format(process).encode()
    return found


def unlike(length: int, number: int) -> str:
    """One of many long names that are much alike."""
    chance = random.Random(1)
    letters = [chance.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(length)]
    for at in range(number % 7, length, 7 + number):
        letters[at] = chance.choice("abcdefghijklmnopqrstuvwxyz")
    return "".join(letters)


def messages(length: int) -> dict[str, bytes]:
    sent, awaited = unlike(length, 1), unlike(length, 2)
    body = (
        f'<message id="M1" name="{sent}"/><message id="M2" name="{awaited}"/><process id="p" isExecutable="true">'
        "<startEvent id='S'/><sendTask id='T' messageRef='M1'><extensionElements><cl:send/></extensionElements>"
        "</sendTask><receiveTask id='R' messageRef='M2'><extensionElements><cl:receive key='unit_id'/>"
        f"</extensionElements></receiveTask><endEvent id='E'/>{flows('S', 'T', 'R', 'E')}</process>"
    )
    return {"p.bpmn": BPMN.format(body).encode()}


def tasks(number: int, attributes: str) -> dict[str, bytes]:
    keys = [f"step_of_a_user_{n}" for n in range(number)]
    steps = "".join(f"<userTask id='{one}' {attributes}/>" for one in keys)
    return diagram(f"<startEvent id='S'/>{steps}<endEvent id='E'/>" + flows("S", *keys, "E"))


COSTLY = " or ".join(["(1 + 2)"] * 350)
ENTITIES = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
CASES: dict[str, dict[str, bytes]] = {
    "doctype": {"p.bpmn": b'<!DOCTYPE a [<!ENTITY a "b">]><a>&a;</a>'},
    "a billion laughs": {"p.bpmn": f'<!DOCTYPE l [<!ENTITY l0 "lol">{ENTITIES}]><l>&l9;</l>'.encode()},
    "a file of the machine": {"p.bpmn": b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>'},
    "a doctype in a table": {"decisions/d.dmn": b'<!DOCTYPE a SYSTEM "http://127.0.0.1/x"><a/>'},
    "too large": {"p.bpmn": b"<a>" + b"x" * (1 << 21) + b"</a>"},
    "too many nodes": diagram("".join(f"<userTask id='t{n}'/>" for n in range(9_000))),
    "more nodes than fit": diagram("".join(f"<userTask id='t{n}'/>" for n in range(400))),
    "nested": {"p.bpmn": b"<a>" * 5_000 + b"</a>" * 5_000},
    "nested subprocesses": diagram("<subProcess id='a'>" * 50 + "</subProcess>" * 50),
    "too many attributes": diagram(
        "<userTask id='x' " + " ".join(f"cl:a{n}='1'" for n in range(20_000)) + "/>"
    ),
    "too many lanes": diagram(
        "<laneSet id='L'>" + "".join(f"<lane id='l{n}'/>" for n in range(3_000)) + "</laneSet>"
    ),
    "too many flows": diagram(
        "<exclusiveGateway id='G'/>"
        + "".join(f"<sequenceFlow id='f{n}' sourceRef='G' targetRef='G'/>" for n in range(3_000))
    ),
    "a tower of powers": diagram(script("x = 9**9**9**9")),
    "a way into Python": diagram(script("x = ().__class__.__bases__")),
    "an import": diagram(script("import os")),
    "brackets": diagram(script("x = " + "(" * 3_900)),
    "an endless sum": diagram(script("x = " + "1+" * 1_900 + "1")),
    "many long scripts": diagram(
        "".join(script("x = " + " or ".join(["(1 + 2)"] * 350), f"s{n}") for n in range(250))
    ),
    "many files of long scripts": {
        path: data
        for n in range(40)
        for path, data in {
            f"p{n}.bpmn": diagram("".join(script(f"x = {n} or {COSTLY}", f"s{m}") for m in range(9)))[
                "p.bpmn"
            ].replace(b'id="p"', f'id="p{n}"'.encode())
        }.items()
    },
    "forms of long expressions": {
        f"forms/f{n}.json": json.dumps(
            {
                "id": f"f{n}",
                "title": "f",
                "components": [
                    {
                        "type": "textfield",
                        "key": f"k{m}",
                        "label": "x",
                        "properties": {"prefill": f"={n + m} or {COSTLY}"},
                    }
                    for m in range(200)
                ],
            }
        ).encode()
        for n in range(3)
    },
    "many branches": diagram(branches(10, 8)),
    "subprocesses entered twice": diagram(nested(25)),
    "calls of calls": calls(200, 1),
    "words without end": tasks(200, f"cl:notBy='{' '.join(f'step_of_a_usr_{n}' for n in range(200))}'"),
    "a list without end": tasks(1, f"cl:cc='{' '.join(f'r{n}' for n in range(80_000))}'"),
    "roles nobody has": tasks(
        180, f"cl:role='{unlike(70, 1)}' cl:cc='{' '.join(unlike(70, n) for n in range(50))}'"
    ),
    "a long role": tasks(1, f"cl:role='{unlike(500_000, 1)}'"),
    "long names of messages": messages(100_000),
    "long names of variables": diagram(
        "".join(script(f"{unlike(3_500, n)} = {unlike(3_500, n + 20)}", f"s{n}") for n in range(5))
    ),
    "json nested": {"forms/f.json": b'{"components":' + b"[" * 200_000},
    "json of long numbers": {"forms/f.json": b'{"components":[],"a":' + b"1" * 900_000 + b"}"},
    "json of components": form(
        components=[{"type": "textfield", "key": f"k{n}", "label": "x"} for n in range(5_000)]
    ),
    "a costly pattern": form(
        components=[{"type": "textfield", "key": "k", "label": "x", "validate": {"pattern": "(a+)+$"}}]
    ),
    "toml nested": {"settings.toml": b"a = " + b"[" * 100_000},
    "toml of deep keys": {"settings.toml": (".".join(["a"] * 20_000) + " = 1").encode()},
    "toml of quoted keys": {"settings.toml": (".".join(['"a"'] * 20_000) + " = 1").encode()},
    "roles": {"roles.toml": b"".join(b"[roles.r%d]\nlabel='a'\nsits='*'\n" % n for n in range(5_000))},
    "rows": {"decisions/d.dmn": DMN.format("<rule/>" * 3_000).encode()},
    "long cells": {
        "decisions/d.dmn": DMN.format(
            "".join(
                f"<rule id='r{n}'><inputEntry><text>{'[' * 60}{n}{']' * 60}</text></inputEntry>"
                f"<outputEntry><text>{n}</text></outputEntry></rule>"
                for n in range(490)
            )
        ).encode()
    },
    "files": {f"x{n}.toml": b"a = 1" for n in range(5_000)},
    "a path out": {"../p.bpmn": b"<a/>"},
    "no text": {"p.bpmn": b"\xff\xfe\x00"},
    "nothing": {"p.bpmn": b""},
}
#: By which problem each is refused.
CODES = {
    "doctype": "not-xml",
    "a billion laughs": "not-xml",
    "a file of the machine": "not-xml",
    "a doctype in a table": "not-xml",
    "too large": "file-too-large",
    "too many nodes": "too-large",
    "more nodes than fit": "too-large",
    "nested": "not-xml",
    "nested subprocesses": "duplicate-id",
    "too many attributes": "not-xml",
    "too many lanes": "too-large",
    "too many flows": "too-large",
    "a tower of powers": "bad-script",
    "a way into Python": "bad-script",
    "an import": "bad-script",
    "brackets": "bad-script",
    "an endless sum": "bad-script",
    "many long scripts": "too-large",
    "many files of long scripts": "too-large",
    "forms of long expressions": "form.size",
    "many branches": "no-role",
    "subprocesses entered twice": "no-role",
    "calls of calls": "calls-too-deep",
    "words without end": "too-many-words",
    "a list without end": "too-many-words",
    "roles nobody has": "unknown-role",
    "a long role": "unknown-role",
    "long names of messages": "message-too-long",
    "long names of variables": "bad-script",
    "json nested": "form.json",
    "json of long numbers": "form.json",
    "json of components": "form.size",
    "a costly pattern": "form.pattern",
    "toml nested": "toml-unreadable",
    "toml of deep keys": "toml-unreadable",
    "toml of quoted keys": "toml-unreadable",
    "roles": "roles-too-many",
    "rows": "too-large",
    "long cells": "too-large",
    "files": "too-many-files",
    "a path out": "unknown-file",
    "no text": "not-xml",
    "nothing": "not-xml",
}


@pytest.mark.parametrize("name", CASES)
def test_hostile_files_are_refused_quickly_and_in_little_memory(name: str) -> None:
    files = {"roles.toml": b"", **CASES[name]}
    begun = time.monotonic()
    found = read_procedure(files, {}, frozenset())
    spent = time.monotonic() - begun
    assert not found.deployable
    assert CODES[name] in {one.code for one in found.problems}
    # A hundredth of a second is usual; this only tells a hang from a slow machine.
    assert spent < 5
    tracemalloc.start()
    try:
        read_procedure(files, {}, frozenset())
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 10_000_000


def test_processes_that_call_the_same_ones_are_checked_and_built_once() -> None:
    begun = time.monotonic()
    found = read_procedure({"roles.toml": b"", **calls(18, 3)}, {}, frozenset())
    assert found.deployable
    assert time.monotonic() - begun < 5


def test_no_more_problems_are_told_than_anybody_reads() -> None:
    found = read_procedure(diagram("".join(f"<task id='t{n}'/>" for n in range(2_500))), {}, frozenset())
    assert len([one for one in found.problems if one.file == "p.bpmn"]) <= 200


#: Texts of thousands of characters that differ in the last, and what to go through.
_GROWN = (
    "r = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]\ns = '中中'" + "\ns = s + s" * 12 + "\nt = [s + str(x) for x in r]\n"
)
EXPRESSIONS = {
    "a text of texts": "a = 'xxxxxxxxxx'" + "\na = a + a" * 40,
    "a list doubled": "a = [1]" + "\na = a + a" * 50,
    "a list of lists": "a = [1]" + "\na = [a, a, a, a, a, a, a, a]" * 40,
    "fields of fields": "a = {'k': 1}" + "\na = {'k': a, 'l': a, 'm': a, 'n': a}" * 40,
    "loops in loops": "r = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]\n"
    "a = [1 for b in r for c in r for d in r for e in r for f in r]",
    "a large number": "a = 999999999" + "\na = a * a" * 20,
    "a sum of long lists": "r = [1, 2, 3, 4, 5, 6, 7, 8]\ns = [r for a in r for b in r for c in r]\n"
    "a = [sum(x) for x in s for y in s]",
    "sorted again and again": "r = [3, 2, 1, 9, 8, 7, 6, 5]\ns = [a for a in r for b in r for c in r]\n"
    "a = [sorted(s) for x in s]",
    "compared again and again": "r = [1, 2, 3, 4, 5, 6, 7, 8]\ns = [a for a in r for b in r for c in r]\n"
    "a = [s == s for x in s]",
    "searched again and again": "r = [1, 2, 3, 4, 5, 6, 7, 8]\ns = [a for a in r for b in r for c in r]\n"
    "a = [9 in s for x in s]",
    "the longest of long texts": f"{_GROWN}a = [max(t) for x in r for y in r for z in r]",
    "long texts in order": f"{_GROWN}a = sorted([u for x in r for y in r for z in r for u in t])",
    "long texts compared": f"{_GROWN}a = [1 for x in r for y in r for z in r for w in r if t[0] < t[1]]",
    "a long text in many": f"{_GROWN}a = [1 for x in r for y in r for z in r if t[0] + t[0][0:1] in t]",
    "a text sought in a longer one": f"{_GROWN}b = s[0:1250] + 'b' + s[0:1250]\n"
    "a = [1 for x in r for y in r if b in s]",
    "working days of centuries": "r = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13]\n"
    "a = [add_workdays('1950-01-01', 60000 + x) for x in r for y in r for z in r]",
}


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_hostile_expressions_end_in_an_error_that_says_why(name: str) -> None:
    warned: list[Text] = []
    functions = functions_for(WorkCalendar(), datetime(2026, 8, 10, tzinfo=UTC), warn=warned.append)
    tracemalloc.start()
    begun = time.monotonic()
    try:
        with pytest.raises(ExpressionError) as refused:
            compile_script(EXPRESSIONS[name]).execute({}, functions)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert any(word in refused.value.text.zh for word in ("太", "不是数字"))
    assert peak < 10_000_000
    assert time.monotonic() - begun < 5
    assert len(warned) == len(set(warned))


def test_what_was_submitted_is_read_once_for_an_expression_however_often_it_asks() -> None:
    asked: list[Any] = []
    row = SimpleNamespace(id="t", element_id="e", form="f", closed_by="p", organisation_id="o", outcome=None)
    row.opinion, row.closed_at, row.data = None, datetime(2026, 8, 10, tzinfo=UTC), {"text": "中" * 4_000}

    def execute(_query: Any, values: Any) -> list[Any]:
        asked.append(values)
        return [row] * 20

    connection: Any = SimpleNamespace(execute=execute)
    functions = functions_for_matter(connection, "m")
    often = compile_script(
        "r = [1, 2, 3, 4, 5, 6, 7, 8]\na = len([submitted('f').text for x in r for y in r])\n"
        "b = [len(all_submitted('f')) for x in r for y in r]"
    )
    assert often.execute({}, functions) == {"r": [1, 2, 3, 4, 5, 6, 7, 8], "a": 64, "b": [20] * 64}
    assert len(asked) == 1
    changed = functions["all_submitted"]("f")
    changed.clear()
    assert len(functions["all_submitted"]("f")) == 20
    too_often = compile_script(
        "r = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]\na = [all_submitted('f') for x in r for y in r for z in r]"
    )
    tracemalloc.start()
    try:
        with pytest.raises(ExpressionError, match="计算量"):
            too_often.execute({}, functions)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2_000_000
