"""States: the same after storing, small, bound, and readable for good."""

import base64
import zlib

import orjson
import pytest

from service.engine import codec
from service.engine.runtime import EngineIncident, Machine
from tests.unit.engine_drawing import (
    FUNCTIONS,
    Run,
    drawing,
    end,
    exclusive,
    flow,
    flows,
    node,
    procedure,
    start,
    user,
    users,
)
from tests.unit.engine_states import CASES, play, resume, stored


@pytest.mark.parametrize(
    ("version", "name"), [(v, name) for v, states in stored().items() for name in states]
)
def test_states_of_every_release_are_loaded_and_finished(version: str, name: str) -> None:
    files, _before, after, variables = CASES[name]
    it = resume(files, base64.b64decode(stored()[version][name]))
    play(it, after)
    assert it.completed
    assert it.machine.variables == variables


def test_every_case_has_a_state_in_the_present_format() -> None:
    assert stored()[str(codec.FORMAT)].keys() == CASES.keys()


@pytest.mark.parametrize("name", CASES)
def test_storing_changes_nothing(name: str) -> None:
    files, before, after, variables = CASES[name]
    it = Run(procedure(files))
    for step in [*before, *after]:
        play(it, [step])
        blob = it.machine.dump()
        again = Machine.load(it.definition, it.procedure, blob, FUNCTIONS)
        assert again.dump() == blob
        assert (again.user_tasks(), again.waits(), again.timers()) == (
            it.machine.user_tasks(),
            it.machine.waits(),
            it.machine.timers(),
        )
    assert it.machine.variables == variables


def test_refs_are_never_used_twice() -> None:
    it = Run(procedure(drawing("p", start(), users("a", "b"), end(), flows("s", "a", "b", "e"))))
    seen = set()
    for _ in range(5):
        seen.add(it.task("a").ref)
        it.do("a")
        seen.add(it.task("b").ref)
        it.back("b", "a")
    assert len(seen) == 10


def test_a_long_way_stays_far_below_the_bound() -> None:
    names = [f"step_{number}" for number in range(100)]
    it = Run(
        procedure(drawing("p", start(), users(*names), end(), flows("s", *names, "e"))),
        unit_id="u" * 26,
        plan_year_id="y" * 26,
    )
    for number, name in enumerate(names[:-1]):
        it.do(name, outcome="approve", **{f"v{number % 9}": "x" * 20})
    assert len(it.blobs[-1]) < 10_000


def test_state_without_specs() -> None:
    it = Run(
        procedure(drawing("p", start(), user("a", cl_form="secret_form_name"), end(), flows("s", "a", "e")))
    )
    text = zlib.decompress(it.blobs[-1][1:])
    assert b"secret_form_name" not in text
    assert orjson.loads(text)["scopes"][0][1] == "p"


def test_too_large_a_state_is_an_incident(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codec, "LARGEST_STATE", 300)
    it = Run(procedure(drawing("p", start(), users("a", "b"), end(), flows("s", "a", "b", "e"))))
    it.machine.complete(it.task("a").ref, {"n": [number * 7919 % 1009 for number in range(400)]}, it.at)
    it.machine.advance(it.at)
    with pytest.raises(EngineIncident, match="300"):
        it.machine.dump()


def test_state_of_a_newer_release_says_so() -> None:
    it = Run(procedure(drawing("p", start(), user("a"), end(), flows("s", "a", "e"))))
    newer = bytes((codec.FORMAT + 1,)) + it.blobs[-1][1:]
    with pytest.raises(EngineIncident, match="更新"):
        Machine.load(it.definition, it.procedure, newer, FUNCTIONS)


def test_older_formats_are_migrated_step_by_step(monkeypatch: pytest.MonkeyPatch) -> None:
    it = Run(procedure(drawing("p", start(), user("a"), end(), flows("s", "a", "e"))), n=1)

    def upgrade(state: dict[str, object]) -> dict[str, object]:
        return {"last": state["number"], "scopes": state["scopes"]}

    state = orjson.loads(zlib.decompress(it.blobs[-1][1:]))
    old = {"number": state["last"], "scopes": state["scopes"]}
    monkeypatch.setattr(codec, "FORMAT", codec.FORMAT + 1)
    monkeypatch.setattr(codec, "_MIGRATIONS", {codec.FORMAT - 1: upgrade})
    blob = bytes((codec.FORMAT - 1,)) + zlib.compress(orjson.dumps(old))
    assert Machine.load(it.definition, it.procedure, blob, FUNCTIONS).user_tasks()[0].variables == {"n": 1}


def test_a_subprocess_in_a_loop_leaves_no_scopes_behind() -> None:
    sub = node("subProcess", "sub", start("s2") + user("a") + end("e2") + flows("s2", "a", "e2"))
    it = Run(
        procedure(
            drawing(
                "p",
                start(),
                sub,
                exclusive("x", "d"),
                end(),
                flows("s", "sub", "x"),
                flow("x", "e", key="d"),
                flow("x", "sub", "again"),
            )
        )
    )
    for _ in range(30):
        it.do("a", again=True)
    assert len(it.machine._flow.subprocesses) <= 3
