"""Which buttons, branches of gateways and rows of decision tables a campaign took, of all there are."""

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from service.engine.decisions import DecisionTable, Match
from service.engine.model import Functions, Procedure
from service.engine.nodes import Choice, Node
from service.engine.runtime import Machine
from service.engine.tokens import Token
from service.engine.xml import parse_xml

BPMN = "{http://www.omg.org/spec/BPMN/20100524/MODEL}"


@dataclass(slots=True)
class Walked:
    """What was taken how often: `process.element/outcome`, `process.gateway>target`, `decision#rule`."""

    outcomes: Counter[str] = field(default_factory=Counter)
    branches: Counter[str] = field(default_factory=Counter)
    rules: Counter[str] = field(default_factory=Counter)
    #: The largest state any process kept at any step, in bytes.
    largest_state: int = 0


def everything(procedure: Procedure) -> Walked:
    """Return all there is to take."""
    found = Walked()
    for process in procedure.processes.values():
        for element in process.elements.values():
            if element.type == "userTask":
                found.outcomes.update(f"{process.key}.{element.id}/{one.id}" for one in element.outcomes)
        root = parse_xml(process.xml)
        gateways = {one.get("id") for one in root.iter(f"{BPMN}exclusiveGateway")}
        ways: dict[str, list[str]] = {}
        for flow in root.iter(f"{BPMN}sequenceFlow"):
            if flow.get("sourceRef") in gateways:
                ways.setdefault(str(flow.get("sourceRef")), []).append(str(flow.get("targetRef")))
        found.branches.update(
            f"{process.key}.{gateway}>{target}"
            for gateway, targets in ways.items()
            if len(targets) > 1
            for target in targets
        )
    for key, table in procedure.decisions.items():
        found.rules.update(f"{key}#{rule}" for rule in table.rule_ids)
    return found


@contextmanager
def watching(procedure: Procedure, walked: Walked) -> Iterator[None]:
    """Note every branch and every matched rule of all procedures while the block runs."""
    choose, match, dump = Choice.choose, DecisionTable.match, Machine.dump
    keys = {table.id: key for key, table in procedure.decisions.items()}

    def noted_choice(self: Choice, token: Token) -> list[Node]:
        taken = choose(self, token)
        walked.branches.update(f"{self.process_key}.{self.element_id}>{one.element_id}" for one in taken)
        return taken

    def noted_match(self: DecisionTable, names: Mapping[str, Any], functions: Functions) -> Match:
        found = match(self, names, functions)
        walked.rules.update(f"{keys[self.id]}#{rule}" for rule in found.rules)
        return found

    def noted_dump(self: Machine) -> bytes:
        blob = dump(self)
        walked.largest_state = max(len(blob), walked.largest_state)
        return blob

    Choice.choose = noted_choice  # type: ignore[method-assign]  # watched for this block only
    DecisionTable.match = noted_match  # type: ignore[method-assign]  # watched for this block only
    Machine.dump = noted_dump  # type: ignore[method-assign]  # watched for this block only
    try:
        yield
    finally:
        Choice.choose = choose  # type: ignore[method-assign]  # back as it was
        DecisionTable.match = match  # type: ignore[method-assign]  # back as it was
        Machine.dump = dump  # type: ignore[method-assign]  # back as it was
