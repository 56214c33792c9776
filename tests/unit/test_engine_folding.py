"""Folding: rounds stay cheap, and a folded instance, stored at every step, does what its unfolded twin does."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any
from unittest import mock

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.engine import folding
from service.engine.runtime import Machine
from service.errors import AppError
from tests.unit.engine_drawing import (
    FUNCTIONS,
    NOON,
    Run,
    boundary,
    drawing,
    end,
    exclusive,
    flow,
    flows,
    message,
    node,
    parallel,
    procedure,
    received,
    start,
    timer,
    user,
    users,
)

Shape = Any


def _loop(body: str, *, first: str, last: str, extra: str = "") -> tuple[str, ...]:
    return (
        start(),
        body,
        extra,
        exclusive("x", "d"),
        end(),
        flows("s", first),
        flow(last, "x"),
        flow("x", "e", key="d"),
        flow("x", first, "again"),
    )


LOOPS = {
    "plain": (_loop(users("a", "b") + flows("a", "b"), first="a", last="b"), ["a", "b"]),
    "border timer": (
        _loop(
            users("a", "b")
            + flows("a", "b")
            + boundary("t", "b", timer("P9D"), interrupting=False)
            + end("e2")
            + flow("t", "e2"),
            first="a",
            last="b",
        ),
        ["a", "b"],
    ),
    "parallel": (
        _loop(
            users("a", "l", "r") + parallel("g", "j") + flows("a", "g", "l", "j") + flows("g", "r", "j"),
            first="a",
            last="j",
        ),
        ["a", "l", "r"],
    ),
    "call": (
        _loop(
            user("a") + node("callActivity", "ca", calledElement="c") + flow("a", "ca"), first="a", last="ca"
        ),
        ["a", "i"],
    ),
    "beside": (
        (
            start(),
            parallel("g", "j"),
            users("a", "b", "r"),
            boundary("t", "r", timer("P9D")),
            exclusive("x", "d"),
            end(),
            flows("s", "g", "a", "b", "x"),
            flow("x", "j", key="d"),
            flow("x", "a", "again"),
            flows("g", "r", "j", "e"),
            flow("t", "e"),
        ),
        ["a", "b"],
    ),
}
CALLED = drawing("c", start(), user("i"), end(), flows("s", "i", "e"))


@pytest.mark.parametrize("name", LOOPS)
def test_300_rounds_cost_what_few_do(name: str) -> None:
    parts, steps = LOOPS[name]
    it = Run(procedure(drawing("p", *parts), CALLED))
    sizes = {}
    for number in range(300):
        for step in steps:
            it.do(step, again=True, n=number)
        sizes[number] = _tokens(it.machine)
    assert sizes[299] == sizes[5]
    assert len(it.blobs[-1]) < len(it.blobs[20]) + 40
    assert it.open[0] == "a"


def test_events_that_come_for_years_leave_nothing_behind() -> None:
    it = Run(
        procedure(
            drawing(
                "p",
                start(),
                users("a", "n"),
                boundary("b", "a", received("'k'") + message("news"), interrupting=False),
                end(),
                end("e2"),
                flows("s", "a", "e"),
                flows("b", "n", "e2"),
            )
        )
    )
    counts = []
    for number in range(30):
        it.deliver("b", n=number).do("n")
        counts.append(_tokens(it.machine))
    assert counts[-1] == counts[1]
    assert it.task("a").variables == {"n": 29}


def test_the_newest_finished_round_can_still_be_returned_into() -> None:
    it = Run(
        procedure(
            drawing(
                "p",
                start(),
                users("a", "b", "z"),
                exclusive("x", "d"),
                end(),
                flows("s", "a", "b", "x"),
                flow("x", "z", key="d"),
                flow("x", "a", "again"),
                flow("z", "e"),
            )
        )
    )
    for number in range(20):
        it.do("a", n=number).do("b", again=True)
    it.do("a", n=20).do("b", again=False)
    assert list(it.targets("z")) == ["b", "a"]
    it.back("z", "b")
    assert it.task("b").variables == {"n": 20, "again": True}
    it.back("b", "a")
    assert it.task("a").variables == {"n": 19, "again": True}


def _tokens(machine: Machine) -> int:
    flow_ = machine._flow
    return len(flow_.tasks) + sum(len(scope.tasks) for scope in flow_.subprocesses.values())


# Random processes -----------------------------------------------------------------------------------------


@dataclass
class Draft:
    """A process being drawn from a shape; every block has one way in and one way out."""

    key: str
    files: dict[str, bytes] = field(default_factory=dict)
    parts: list[str] = field(default_factory=list)
    number: int = 0

    def name(self, kind: str) -> str:
        self.number += 1
        return f"{kind}{self.number}"

    def block(self, shape: Shape) -> tuple[str, str]:
        kind, *inner = shape
        return getattr(self, f"_{kind}")(*inner)

    def finish(self, shape: Shape) -> dict[str, bytes]:
        first, last = self.block(shape)
        self.parts += [start(), end(), flow("s", first), flow(last, "e")]
        return {**self.files, **drawing(self.key, *self.parts)}

    def _user(self) -> tuple[str, str]:
        key = self.name("u")
        self.parts.append(user(key))
        return key, key

    def _seq(self, *shapes: Shape) -> tuple[str, str]:
        ends = [self.block(one) for one in shapes]
        self.parts += [flow(one[1], other[0]) for one, other in pairwise(ends)]
        return ends[0][0], ends[-1][1]

    def _xor(self, one: Shape, other: Shape) -> tuple[str, str]:
        split, merge = self.name("x"), self.name("m")
        first, second = self.block(one), self.block(other)
        self.parts += [
            exclusive(split, f"d{split}"),
            exclusive(merge),
            flow(split, first[0], "r % 2 == 1"),
            flow(split, second[0], key=f"d{split}"),
            flow(first[1], merge),
            flow(second[1], merge),
        ]
        return split, merge

    def _par(self, *shapes: Shape) -> tuple[str, str]:
        split, join = self.name("g"), self.name("j")
        self.parts.append(parallel(split, join))
        for one in shapes:
            first, last = self.block(one)
            self.parts += [flow(split, first), flow(last, join)]
        return split, join

    def _loop(self, body: Shape) -> tuple[str, str]:
        merge, split = self.name("m"), self.name("x")
        first, last = self.block(body)
        self.parts += [
            exclusive(merge),
            exclusive(split, f"d{split}"),
            flow(merge, first),
            flow(last, split),
            flow(split, merge, "r % 4 != 0"),
        ]
        after = self.name("m")
        self.parts += [exclusive(after), flow(split, after, key=f"d{split}")]
        return merge, after

    def _timed(self) -> tuple[str, str]:
        key, event, late, merge = self.name("u"), self.name("t"), self.name("u"), self.name("m")
        self.parts += [
            users(key, late),
            boundary(event, key, timer("P2D")),
            exclusive(merge),
            flow(key, merge),
            flows(event, late, merge),
        ]
        return key, merge

    def _beside(self) -> tuple[str, str]:
        key, event, aside = self.name("u"), self.name("b"), self.name("u")
        self.parts += [
            users(key, aside),
            boundary(event, key, received("'k'") + message("news"), interrupting=False),
            end(f"end_{aside}"),
            flows(event, aside, f"end_{aside}"),
        ]
        return key, key

    def _call(self, body: Shape) -> tuple[str, str]:
        key = self.name("c")
        called = Draft(f"{self.key}_{key}")
        self.files.update(called.finish(body))
        self.parts.append(node("callActivity", key, calledElement=called.key))
        return key, key

    def _sub(self, body: Shape) -> tuple[str, str]:
        key = self.name("sub")
        outside, self.parts = self.parts, []
        first, last = self.block(body)
        inner = "".join(
            [*self.parts, start(f"s_{key}"), end(f"e_{key}"), flow(f"s_{key}", first), flow(last, f"e_{key}")]
        )
        self.parts = [*outside, node("subProcess", key, inner)]
        return key, key


LEAF = st.sampled_from([("user",), ("user",), ("timed",), ("beside",)])
SHAPES = st.recursive(
    LEAF,
    lambda inner: st.one_of(
        st.tuples(st.just("seq"), inner, inner),
        st.tuples(st.just("xor"), inner, inner),
        st.tuples(st.just("par"), inner, inner),
        st.tuples(st.just("par"), inner, inner, inner),
        st.tuples(st.just("loop"), inner),
        st.tuples(st.just("call"), inner),
        st.tuples(st.just("sub"), inner),
    ),
    max_leaves=6,
)


@contextmanager
def unfolded() -> Iterator[None]:
    with mock.patch.object(folding, "fold", return_value=0):
        yield


def _state(machine: Machine) -> Any:
    return machine.completed, machine.user_tasks(), machine.waits(), machine.timers(), machine.variables


def _act(machine: Machine, kind: str, ref: str, value: int, at: Any) -> None:
    if kind == "complete":
        machine.complete(ref, {"r": value, f"v{value % 3}": value}, at)
    elif kind == "fire":
        machine.fire(ref, at)
    elif kind == "deliver":
        machine.deliver(ref, {"news": value}, at)
    else:
        machine.return_to(ref, at)
    machine.advance(at)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(SHAPES, st.lists(st.tuples(st.integers(0, 9), st.integers(0, 30)), max_size=60))
def test_folded_and_unfolded_twins_do_the_same(shape: Shape, choices: list[tuple[int, int]]) -> None:
    files = Draft("p").finish(("loop", shape))
    drawn = procedure(files)
    definition = drawn.processes["p"]
    folded = Machine.start(definition, drawn, {"r": 1}, NOON, FUNCTIONS)
    twin = Machine.start(definition, drawn, {"r": 1}, NOON, FUNCTIONS)
    folded.advance(NOON)
    with unfolded():
        twin.advance(NOON)
    at = NOON
    for choice, value in choices:
        assert folded.drain_trace() == twin.drain_trace()
        folded = Machine.load(definition, drawn, folded.dump(), FUNCTIONS)
        assert _state(folded) == _state(twin)
        if folded.completed:
            break
        possible = [("complete", one.ref) for one in folded.user_tasks() for _ in range(2)]
        possible += [("fire", one.ref) for one in folded.timers()]
        possible += [("deliver", one.ref) for one in folded.waits()]
        for task in folded.user_tasks():
            mine, others = (
                folded.return_targets(task.ref),
                {one.ref: one for one in twin.return_targets(task.ref)},
            )
            assert all(others[one.ref] == one for one in mine)
            possible += [("return", one.ref) for one in mine if one.refusal is None]
        kind, ref = possible[(choice * 7 + value) % len(possible)]
        at = max([at, *(one.due_at for one in folded.timers() if one.ref == ref)])
        _act(folded, kind, ref, value, at)
        with unfolded():
            _act(twin, kind, ref, value, at)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(SHAPES, st.lists(st.integers(0, 1000), max_size=25))
def test_every_process_comes_to_its_end_after_any_returns(shape: Shape, choices: list[int]) -> None:
    drawn = procedure(Draft("p").finish(shape))
    it = Run(drawn, r=1)
    for choice in choices:
        if it.completed:
            break
        assert it.standing >= set(it.open)
        tasks = it.machine.user_tasks()
        task = tasks[choice % len(tasks)]
        targets = [one for one in it.machine.return_targets(task.ref) if one.refusal is None]
        if targets and choice % 3:
            it.machine.return_to(targets[choice % len(targets)].ref, it.at)
        else:
            it.machine.complete(task.ref, {"r": choice}, it.at)
        it.go_on()
    for _ in range(300):
        if it.completed:
            break
        it.machine.complete(it.machine.user_tasks()[0].ref, {"r": 4}, it.at)
        it.go_on()
    assert it.completed
    assert it.machine.user_tasks() == []
    assert it.standing == set()


def test_a_diagram_that_lost_an_element_says_so_when_a_state_needs_it() -> None:
    it = Run(procedure(drawing("p", start(), users("a", "b"), end(), flows("s", "a", "b", "e"))))
    it.do("a")
    other = procedure(drawing("p", start(), users("a", "c"), end(), flows("s", "a", "c", "e")))
    with pytest.raises(AppError, match="b"):
        Machine.load(other.processes["p"], other, it.blobs[-1], {})
