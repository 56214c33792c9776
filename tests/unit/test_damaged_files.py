"""However a procedure's files are damaged, reading them raises nothing, and what is let through can start."""

import copy
import json
import random
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from service.deployments import read_folder
from service.engine.model import Procedure
from service.engine.procedure import read_procedure
from service.engine.runtime import EngineIncident, Machine

FILES = read_folder(Path(__file__).resolve().parents[1] / "procedures" / "leave")
AT = datetime(2026, 3, 2, tzinfo=UTC)
FUNCTIONS: Mapping[str, Any] = {
    "submitted": lambda form: {"days": 3},
    "all_submitted": lambda form: [],
    "add_workdays": lambda day, number: "2026-03-09",
}
ODD = ("", "x", "=", "=1 +", "-1", "Approve", "leave", "true", "P", "9" * 30, "名", "=submitted", "{}")


def read(files: Mapping[str, bytes]) -> Procedure:
    return read_procedure(files, {}, frozenset({"submitted", "all_submitted"}))


def damage_xml(data: bytes, chance: random.Random) -> bytes:
    """Return the file with something taken away, doubled, moved or misspelt."""
    root = ET.fromstring(data)
    holders = [one for one in root.iter() if len(one)]
    values = [value for one in root.iter() for value in one.attrib.values()]
    for _ in range(chance.randint(1, 4)):
        holder = chance.choice(holders)
        if not len(holder):
            continue
        child = chance.choice(list(holder))
        kind = chance.randint(0, 5)
        if kind == 0:
            holder.remove(child)
        elif kind == 1:
            holder.append(copy.deepcopy(child))
        elif kind == 2:
            chance.choice(holders).append(copy.deepcopy(child))
            holder.remove(child)
        elif kind == 3 and child.attrib:
            child.set(chance.choice(list(child.attrib)), chance.choice([*ODD, *values]))
        elif kind == 4 and child.attrib:
            del child.attrib[chance.choice(list(child.attrib))]
        else:
            child.text = chance.choice(ODD)
    return ET.tostring(root)


def damage_json(data: bytes, chance: random.Random) -> bytes:
    """Return the form with a value taken away or replaced."""
    document = json.loads(data)
    waiting, holders = [document], []
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict | list) and one:
            holders.append(one)
            waiting += one.values() if isinstance(one, dict) else one
    for _ in range(chance.randint(1, 3)):
        holder = chance.choice(holders)
        key = chance.choice(list(holder) if isinstance(holder, dict) else range(len(holder)))
        holder[key] = chance.choice([None, 3, -1, True, [], {}, "x", "=", [[]], {"type": "text"}, 1e300])
    return json.dumps(document).encode()


@given(st.sampled_from(sorted(FILES)), st.integers(0, 2**32))
def test_damaged_files_are_read_to_the_end(path: str, seed: int) -> None:
    chance = random.Random(seed)
    if path.endswith(".json"):
        data = damage_json(FILES[path], chance)
    elif path.endswith(".toml"):
        at = chance.randrange(len(FILES[path]))
        data = FILES[path][:at] + chance.choice(ODD).encode() + FILES[path][at + chance.randint(0, 9) :]
    else:
        data = damage_xml(FILES[path], chance)
    found = read({**FILES, path: data})
    assert all(one.text.zh and one.text.en for one in found.problems)
    if not found.deployable:
        return
    for definition in found.processes.values():
        try:
            machine = Machine.start(definition, found, {"organisation_id": "o", "days": 3}, AT, FUNCTIONS)
            machine.advance(AT)
        except EngineIncident:
            continue
        assert machine.completed or machine.user_tasks() or machine.waits() or machine.timers()
