"""Signs no text has (control characters, halves of characters) are refused wherever people and others send text."""

from pathlib import Path

import pytest

from service import instances, messages, tasks
from service.errors import Invalid
from service.system import System
from tests.service.drawn import lane, open_rows, publish, town
from tests.unit.engine_drawing import end, exclusive, flow, flows, start, user

ODD = ["\ud800", "同意\x00", "a\x1bb"]


@pytest.mark.parametrize("odd", ODD, ids=["half", "nul", "escape"])
def test_signs_no_text_has_are_refused(system: System, tmp_path: Path, odd: str) -> None:
    bureau, (person,) = town(system, "anna")
    publish(
        system,
        tmp_path,
        lane("s", "a", "b", "e"),
        start(),
        user("a"),
        user("b"),
        exclusive("x", "d"),
        end(),
        flows("s", "a", "b", "x"),
        flow("x", "e", "wanted == 1"),
        flow("x", "a", key="d"),
    )
    started = instances.start(system, person, "p", organisation_id=bureau)
    a = open_rows(system, started.instance_id)["a"]
    refused = [
        (lambda: tasks.complete(system, person, a, opinion=odd), {"opinion"}),
        (lambda: tasks.complete(system, person, a, data={"wanted": [{"x": odd}]}), {"wanted"}),
        (lambda: tasks.complete(system, person, a, data={"wanted": {odd: 1}}), {"wanted"}),
        (lambda: tasks.save_draft(system, person, a, {"wanted": odd}), {"wanted"}),
        (lambda: messages.send(system, "m", payload={"x": odd}), {"x"}),
        (lambda: messages.send(system, "m", key=odd), {"key"}),
        (lambda: instances.cancel(system, person, started.instance_id, reason=odd), {"reason"}),
    ]
    for verb, fields in refused:
        with pytest.raises(Invalid) as error:
            verb()
        assert set(error.value.facts["fields"]) == fields
    tasks.complete(system, person, a, opinion=" 同意。\r\n无其他意见\t")
    b = open_rows(system, started.instance_id)["b"]
    with pytest.raises(Invalid):
        tasks.return_to(system, person, b, element_id="a", reason=odd)
    tasks.return_to(system, person, b, element_id="a", reason="缺材料")
