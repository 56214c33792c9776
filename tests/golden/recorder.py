"""Records what tests of the shipped procedure let the engine do, and keeps states of every process from it.

A pytest plugin, used by `python -m tests.golden`: every instance is journalled step by step, with the values its
expressions got from functions; at the end the richest journal of each process is written with its diagrams and
decision tables, as a deployment would keep them. A journal begun at a stored state is what a later release must be
able to go on with.
"""

import base64
import json
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from service import step
from service.engine.codec import FORMAT
from service.engine.model import Functions, Procedure, ProcessDefinition, Variables
from service.engine.runtime import Machine

STATES = Path(__file__).with_name("states")
#: Steps of a journal that are kept: enough for the whole way of most processes.
MOST_STEPS = 60
#: Stored states a process is resumed from.
POINTS = 3


@dataclass
class Step:
    """From one stored state to the next: the commands, the values functions gave, and where it then stood."""

    before: bytes | None
    commands: list[list[Any]] = field(default_factory=list)
    calls: list[list[Any]] = field(default_factory=list)
    stood: dict[str, Any] = field(default_factory=dict)


@dataclass
class Journal:
    """One instance's steps."""

    definition: ProcessDefinition
    procedure: Procedure
    steps: list[Step] = field(default_factory=list)
    last: bytes | None = None


JOURNALS: dict[str, Journal] = {}
#: Journals of instances that went on in another way elsewhere.
BESIDE: list[Journal] = []


class Heard(Mapping[str, Callable[..., Any]]):
    """Functions whose values are written down."""

    def __init__(self, functions: Functions, calls: list[list[Any]]) -> None:
        self._functions, self._calls = functions, calls

    def __getitem__(self, name: str) -> Callable[..., Any]:
        function = self._functions[name]

        def hear(*arguments: Any) -> Any:
            value = function(*arguments)
            self._calls.append([name, list(arguments), value])
            return value

        return hear

    def __iter__(self) -> Iterator[str]:
        return iter(self._functions)

    def __len__(self) -> int:
        return len(self._functions)


class RecordingMachine(Machine):
    """A machine that journals its steps when they are stored."""

    _journal: Journal
    _step: Step

    @classmethod
    def start(
        cls,
        definition: ProcessDefinition,
        procedure: Procedure,
        variables: Variables,
        at: datetime,
        functions: Functions,
    ) -> "RecordingMachine":
        machine = super().start(definition, procedure, variables, at, functions)
        assert isinstance(machine, RecordingMachine)
        machine._begin(definition, procedure, None, functions)
        return machine

    @classmethod
    def load(
        cls, definition: ProcessDefinition, procedure: Procedure, blob: bytes, functions: Functions
    ) -> "RecordingMachine":
        machine = super().load(definition, procedure, blob, functions)
        assert isinstance(machine, RecordingMachine)
        machine._begin(definition, procedure, blob, functions)
        return machine

    def _begin(
        self, definition: ProcessDefinition, procedure: Procedure, blob: bytes | None, functions: Functions
    ) -> None:
        self._step = Step(blob)
        self._journal = Journal(definition, procedure)
        self._flow.functions = Heard(functions, self._step.calls)

    @property
    def functions(self) -> Functions:
        return self._flow.functions

    @functions.setter
    def functions(self, functions: Functions) -> None:
        self._flow.functions = Heard(functions, self._step.calls)

    def _note(self, *command: Any) -> None:
        self._step.commands.append([one.isoformat() if isinstance(one, datetime) else one for one in command])

    def advance(self, at: datetime) -> None:
        self._note("advance", at)
        super().advance(at)

    def complete(self, ref: str, variables: Mapping[str, Any], at: datetime) -> None:
        self._note("complete", ref, dict(variables), at)
        super().complete(ref, variables, at)

    def deliver(self, ref: str, payload: Mapping[str, Any], at: datetime) -> None:
        self._note("deliver", ref, dict(payload), at)
        super().deliver(ref, payload, at)

    def fire(self, ref: str, at: datetime) -> None:
        self._note("fire", ref, at)
        super().fire(ref, at)

    def finish_operation(self, ref: str, value: Any, at: datetime) -> None:
        self._note("finish_operation", ref, value, at)
        super().finish_operation(ref, value, at)

    def return_to(self, target_ref: str, at: datetime) -> None:
        self._note("return_to", target_ref, at)
        super().return_to(target_ref, at)

    def cancel(self, at: datetime) -> None:
        self._note("cancel", at)
        super().cancel(at)

    def dump(self) -> bytes:
        blob = super().dump()
        self._step.stood = standing(self)
        key = str(self.variables.get("instance_id"))
        journal = JOURNALS.setdefault(key, self._journal)
        if journal.steps and journal.last != self._step.before:
            # Tried again, or another test that goes on from a common beginning.
            BESIDE.append(journal)
            common = [one.before for one in journal.steps]
            kept = journal.steps[: common.index(self._step.before)] if self._step.before in common else []
            journal = JOURNALS[key] = Journal(journal.definition, journal.procedure, list(kept))
        journal.steps.append(self._step)
        journal.last = blob
        self._step = Step(blob)
        return blob


def standing(machine: Machine) -> dict[str, Any]:
    """Return where an instance stands, as JSON."""
    return {
        "completed": machine.completed,
        "tasks": [[one.ref, one.process_key, one.element_id] for one in machine.user_tasks()],
        "waits": [[one.ref, one.element_id, one.message, one.key] for one in machine.waits()],
        "timers": [[one.ref, one.element_id, one.due_at.isoformat()] for one in machine.timers()],
        "variables": machine.variables,
    }


def files_of(definition: ProcessDefinition, procedure: Procedure) -> dict[str, bytes]:
    """Return the diagrams and decision tables a process runs by."""
    found: dict[str, bytes] = {}
    pending = [definition]
    while pending:
        one = pending.pop()
        if one.file in found:
            continue
        found[one.file] = one.xml
        found |= {
            procedure.decisions[name].file: procedure.files[procedure.decisions[name].file]
            for name in one.decisions
        }
        pending += [procedure.processes[name] for name in one.calls]
    return found


def pack(data: bytes) -> str:
    """Return bytes as short text."""
    return base64.b64encode(zlib.compress(data, 9)).decode()


def unpack(text: str) -> bytes:
    """Return what `pack` made text of."""
    return zlib.decompress(base64.b64decode(text))


def _weight(journal: Journal) -> tuple[int, int]:
    """Return how much of its process an instance passed, an end counting as some steps more."""
    passed = {element for one in journal.steps for _, _, element in one.stood["tasks"]}
    passed |= {element for one in journal.steps for _, element, _, _ in one.stood["waits"]}
    ended = bool(journal.steps[-1].stood["completed"])
    return len(passed) + 3 * ended, len(journal.steps)


def write() -> list[str]:
    """Write the richest journal of each process that has none in this format yet; return their keys."""
    best: dict[str, Journal] = {}
    for journal in (*JOURNALS.values(), *BESIDE):
        key = journal.definition.key
        steps = [one for one in journal.steps if one.before is not None]
        if steps and (key not in best or _weight(journal) > _weight(best[key])):
            best[key] = journal
    folder = STATES / str(FORMAT)
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for key, journal in sorted(best.items()):
        path = folder / f"{key}.json"
        if path.exists():
            continue
        steps = [one for one in journal.steps if one.before is not None][:MOST_STEPS]
        content = {
            "process": key,
            "files": {
                name: pack(data) for name, data in files_of(journal.definition, journal.procedure).items()
            },
            "steps": [
                {
                    "before": base64.b64encode(one.before or b"").decode(),
                    "commands": one.commands,
                    "calls": one.calls,
                    "stood": one.stood,
                }
                for one in steps
            ],
        }
        path.write_text(json.dumps(content, ensure_ascii=False, separators=(",", ":")) + "\n")
        written.append(key)
    return written


@pytest.hookimpl
def pytest_configure() -> None:
    """Let every step run on a recording machine."""
    step.Machine = RecordingMachine  # type: ignore[misc]  # the one name through which steps reach the engine


@pytest.hookimpl
def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Write the states and say for which processes."""
    terminalreporter.write_line(f"states written: {', '.join(write()) or 'none'}")
