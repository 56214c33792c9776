"""Stored states of every shipped process are loaded and go the way they went when they were recorded."""

import base64
import json
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from service.engine.procedure import read_procedure
from service.engine.runtime import Machine
from tests.golden.recorder import POINTS, STATES, standing, unpack

FILES = sorted(STATES.glob("*/*.json"))


class Told(Mapping[str, Callable[..., Any]]):
    """Functions that give what they gave when the journal was written."""

    def __init__(self, calls: list[list[Any]]) -> None:
        self._values: dict[tuple[str, str], list[Any]] = {}
        for name, arguments, value in calls:
            self._values.setdefault((name, json.dumps(arguments)), []).append(value)
        self._names = {name for name, _, _ in calls}

    def __getitem__(self, name: str) -> Callable[..., Any]:
        if name not in self._names:
            raise KeyError(name)

        def tell(*arguments: Any) -> Any:
            values = self._values[name, json.dumps(list(arguments))]
            return values.pop(0) if len(values) > 1 else values[0]

        return tell

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


def points(steps: list[Any]) -> list[int]:
    """Steps to begin at: the first, the last, and some between."""
    return sorted({round(part * (len(steps) - 1) / (POINTS - 1)) for part in range(POINTS)})


def play(machine: Machine, commands: list[list[Any]]) -> None:
    """Take the recorded commands; the last argument of each is the instant."""
    for name, *arguments, at in commands:
        getattr(machine, name)(*arguments, datetime.fromisoformat(at))


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_stored_state_goes_on_as_it_did(path: Path) -> None:
    content = json.loads(path.read_text())
    files = {name: unpack(text) for name, text in content["files"].items()}
    names = frozenset(name for step in content["steps"] for name, _, _ in step["calls"])
    procedure = read_procedure(files, {}, names)
    definition = procedure.processes[content["process"]]
    for begin in points(content["steps"]):
        machine = None
        for step in content["steps"][begin:]:
            told = Told(step["calls"])
            if machine is None:
                machine = Machine.load(definition, procedure, base64.b64decode(step["before"]), told)
            machine.functions = told
            play(machine, step["commands"])
            assert standing(machine) == step["stood"]
            machine = Machine.load(definition, procedure, machine.dump(), told)


def test_there_are_states() -> None:
    assert FILES
