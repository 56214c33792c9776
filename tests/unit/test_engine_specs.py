"""Specs: what cannot be built is said, long and unreachable drawings build, built ones are kept within bounds."""

import threading
from dataclasses import replace

import pytest

from service.engine import specs
from service.engine.model import Procedure
from service.engine.specs import SpecError, build, specs_of
from tests.unit.engine_drawing import (
    Run,
    drawing,
    end,
    flow,
    flows,
    node,
    procedure,
    script,
    start,
    user,
    users,
)


def small(key: str = "p") -> Procedure:
    return procedure(drawing(key, start(), user("a"), end(), flows("s", "a", "e")))


def calling(key: str, called: str) -> dict[str, bytes]:
    return drawing(
        key, start(), node("callActivity", "ca", calledElement=called), end(), flows("s", "ca", "e")
    )


def test_a_long_chain_builds_and_runs_without_deep_recursion() -> None:
    names = [f"c{number}" for number in range(295)]
    drawn = procedure(
        drawing(
            "p",
            start(),
            *(script(name, f"n = {index}") for index, name in enumerate(names)),
            user("z"),
            end(),
            flows("s", *names, "z", "e"),
        )
    )
    assert Run(drawn).task("z").variables == {"n": 294}


def test_unreachable_elements_are_built_too() -> None:
    drawn = procedure(
        drawing("p", start(), users("a", "lost"), end(), flows("s", "a", "e"), flow("lost", "e"))
    )
    assert "lost" in build(drawn.processes["p"], drawn).main.task_specs


def test_circle_of_calls_is_refused() -> None:
    drawn = procedure(calling("p", "q"), calling("q", "r"), calling("r", "p"))
    with pytest.raises(SpecError, match="p → q → r → p"):
        build(drawn.processes["p"], drawn)


def test_what_is_called_twice_is_built_once() -> None:
    drawn = procedure(
        drawing(
            "p",
            start(),
            node("callActivity", "c1", calledElement="q"),
            node("callActivity", "c2", calledElement="q"),
            end(),
            flows("s", "c1", "c2", "e"),
        ),
        drawing("q", start(), user("a"), end(), flows("s", "a", "e")),
    )
    assert sorted(build(drawn.processes["p"], drawn).all) == ["p", "q"]


def test_missing_called_process_names_its_element() -> None:
    drawn = procedure(calling("p", "nowhere"))
    with pytest.raises(SpecError) as caught:
        build(drawn.processes["p"], drawn)
    assert caught.value.facts["element"] == "ca"


def test_missing_decision_names_its_element() -> None:
    drawn = procedure(
        drawing("p", start(), node("businessRuleTask", "d", cl_decision="none"), end(), flows("s", "d", "e"))
    )
    with pytest.raises(SpecError) as caught:
        build(drawn.processes["p"], drawn)
    assert caught.value.facts["element"] == "d"


def test_a_flow_to_nowhere_is_an_error_and_not_a_crash() -> None:
    drawn = procedure(drawing("p", start(), user("a"), end(), flows("s", "a", "e")))
    broken = replace(
        drawn.processes["p"], xml=drawn.processes["p"].xml.replace(b'targetRef="e"', b'targetRef="x"')
    )
    with pytest.raises(SpecError):
        build(broken, drawn)


def test_specs_are_built_once_for_each_content(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = small()
    definition = drawn.processes["p"]
    first = specs_of(definition, drawn)
    again = procedure(drawn.files)
    assert specs_of(again.processes["p"], again) is first
    assert specs_of(replace(definition, closure="other"), drawn) is not first


def test_only_so_many_specs_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(specs, "MOST_KEPT", 3)
    drawn = small()
    definitions = [replace(drawn.processes["p"], closure=f"bounded {number}") for number in range(5)]
    built = [specs_of(one, drawn) for one in definitions]
    assert specs_of(definitions[4], drawn) is built[4]
    assert specs_of(definitions[0], drawn) is not built[0]
    assert len(specs._kept) == 3


def test_threads_share_specs_without_disturbing_each_other() -> None:
    drawn = procedure(
        drawing(
            "p",
            start(),
            users("a", "b"),
            node("callActivity", "c", calledElement="q"),
            end(),
            flows("s", "a", "c", "b", "e"),
        ),
        drawing("q", start(), user("i"), end(), flows("s", "i", "e")),
    )
    wrong: list[object] = []

    def work(number: int) -> None:
        for round_number in range(15):
            it = Run(drawn, n=(number, round_number)[0])
            it.do("a").do("i", inside=round_number).do("b")
            if it.machine.variables != {"n": number, "inside": round_number}:
                wrong.append(it.machine.variables)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
