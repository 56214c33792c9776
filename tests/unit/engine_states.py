"""Stored states that every later release must load and finish; `python -m tests.unit.engine_states` adds new ones.

A case is a drawing, the steps to where its state is stored, and the steps from there to the end. States once
written are never written again: they stand for instances of earlier releases.
"""

import base64
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from service.engine.codec import FORMAT
from service.engine.runtime import Machine
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

STATES = Path(__file__).with_name("engine_states.json")
Step = tuple[str, str, dict[str, Any]]

_CALLED = drawing("c", start(), users("i", "k"), end(), flows("s", "i", "k", "e"))

#: Name: (files, steps before, steps after, variables at the end).
CASES: Mapping[str, tuple[dict[str, bytes], list[Step], list[Step], dict[str, Any]]] = {
    "parallel, one branch at the join": (
        drawing(
            "p",
            start(),
            parallel("g", "j"),
            users("a", "b", "z"),
            end(),
            flows("s", "g", "a", "j", "z", "e"),
            flows("g", "b", "j"),
        ),
        [("do", "a", {"x": [1, 1, 2]})],
        [("do", "b", {"y": {"名": "值"}}), ("do", "z", {})],
        {"x": [1, 1, 2], "y": {"名": "值"}},
    ),
    "folded loop with a border timer, before a return": (
        drawing(
            "p",
            start(),
            users("a", "b"),
            boundary("t", "b", timer("P9D"), interrupting=False),
            exclusive("x", "d"),
            end(),
            end("e2"),
            flows("s", "a", "b", "x"),
            flow("x", "e", key="d"),
            flow("x", "a", "again"),
            flow("t", "e2"),
        ),
        [step for n in range(6) for step in (("do", "a", {"n": n}), ("do", "b", {"again": True}))]
        + [("do", "a", {"n": 6})],
        [("back", "b", {"to": "a"}), ("do", "a", {}), ("fire", "t", {}), ("do", "b", {"again": False})],
        {"n": 5, "again": False},
    ),
    "inside a called process with a message at its border": (
        {
            **drawing(
                "p",
                start(),
                node("callActivity", "ca", calledElement="c"),
                boundary("b", "ca", received("'u1'", why="reason") + message("withdrawn")),
                users("z", "gone"),
                end(),
                flows("s", "ca", "z", "e"),
                flows("b", "gone", "e"),
            ),
            **_CALLED,
        },
        [("do", "i", {"unit_id": "u1", "inside": 1})],
        [("deliver", "b", {"reason": "moved"}), ("do", "gone", {})],
        {"unit_id": "u1", "inside": 1, "why": "moved"},
    ),
    "after a called process, before a return into it": (
        {
            **drawing(
                "p",
                start(),
                node("callActivity", "ca", calledElement="c"),
                user("z"),
                end(),
                flows("s", "ca", "z", "e"),
            ),
            **_CALLED,
        },
        [("do", "i", {"x": 1}), ("do", "k", {"x": 2})],
        [("back", "z", {"to": "k"}), ("do", "k", {"x": 3}), ("do", "z", {})],
        {"x": 3},
    ),
    "event gateway": (
        drawing(
            "p",
            start(),
            user("a"),
            node("eventBasedGateway", "g"),
            node("intermediateCatchEvent", "m", received("k") + message("answer")),
            node("intermediateCatchEvent", "t", timer("P1D")),
            end(),
            flows("s", "a", "g", "m", "e"),
            flows("g", "t", "e"),
        ),
        [("do", "a", {"k": "key"})],
        [("deliver", "m", {"result": "pass"})],
        {"k": "key", "result": "pass"},
    ),
    "a branch beside a task": (
        drawing(
            "p",
            start(),
            users("a", "n"),
            boundary("b", "a", received("'k'") + message("news"), interrupting=False),
            end(),
            end("e2"),
            flows("s", "a", "e"),
            flows("b", "n", "e2"),
        ),
        [("deliver", "b", {"told": 1})],
        [("do", "n", {"noted": True}), ("do", "a", {})],
        {"told": 1, "noted": True},
    ),
}


def play(it: Run, steps: list[Step]) -> None:
    """Take these steps."""
    for kind, element_id, given in steps:
        if kind == "do":
            it.do(element_id, **given)
        elif kind == "deliver":
            it.deliver(element_id, **given)
        elif kind == "fire":
            it.fire(element_id)
        else:
            it.back(element_id, given["to"])


def resume(files: dict[str, bytes], blob: bytes) -> Run:
    """Return the stored instance as a run."""
    it = Run(procedure(files))
    it.machine = Machine.load(it.definition, it.procedure, blob, FUNCTIONS)
    it.at = NOON
    return it


def stored() -> dict[str, dict[str, str]]:
    """Return the states by format version and case, base64."""
    found: dict[str, dict[str, str]] = json.loads(STATES.read_text()) if STATES.exists() else {}
    return found


def main() -> None:
    """Add the states of cases that have none in the present format."""
    states = stored()
    present = states.setdefault(str(FORMAT), {})
    for name, (files, before, _after, _variables) in CASES.items():
        if name not in present:
            it = Run(procedure(files))
            play(it, before)
            present[name] = base64.b64encode(it.blobs[-1]).decode()
    STATES.write_text(json.dumps(states, ensure_ascii=False, indent=1) + "\n")


if __name__ == "__main__":
    main()
