"""Names a procedure takes from the campaign are known before anybody meets them."""

import json
import time
from pathlib import Path

import pytest

from service.deployments import check, read_folder
from service.engine.model import Problem

LEAVE = Path(__file__).resolve().parents[1] / "procedures" / "leave"
SETTINGS = b'[[settings]]\nkey = "leave_days"\n[[windows]]\nname = "summer"\n'


def found(**files: bytes) -> list[Problem]:
    named = {
        name.replace("__", "/") + ending: data for name, data in files.items() for ending in _ending(name)
    }
    problems = check({**read_folder(LEAVE), "settings.toml": SETTINGS, **named}).problems
    return [one for one in problems if one.code.startswith("unknown-")]


def _ending(name: str) -> list[str]:
    return [".json" if name.startswith("forms") else ".bpmn"]


def form(**field: object) -> bytes:
    entry = {"type": "select", "key": "kind", "label": "种类", **field}
    return json.dumps({"id": "extra", "title": "附加", "components": [entry]}, indent=1).encode()


def test_a_source_nobody_offers_is_refused() -> None:
    wrong = found(forms__extra=form(properties={"options": "organisatoins"}))
    assert [one.code for one in wrong] == ["unknown-source"]
    assert "organisations" in wrong[0].text.zh
    assert wrong[0].line is not None
    assert found(forms__extra=form(properties={"options": "organisations"})) == []


@pytest.mark.parametrize(
    ("call", "code"),
    [
        ("setting('leave_day')", "unknown-setting"),
        ("setting(&quot;leave_day&quot;)", "unknown-setting"),
        ("window_ends('sumer')", "unknown-window"),
        ("setting('leave_days')", None),
        ("setting('leave_' + level)", None),
        ("window_closes('summer')", None),
    ],
)
def test_settings_and_windows_a_diagram_names_are_those_of_the_year(call: str, code: str | None) -> None:
    diagram = (LEAVE / "leave.bpmn").read_text().replace('cl:due="5wd"', f'cl:due="={call}"')
    wrong = found(leave=diagram.encode())
    assert [one.code for one in wrong] == ([code] if code else [])


def test_ever_so_many_unknown_names_are_told_quickly_and_not_all() -> None:
    settings = b"".join(b'[[settings]]\nkey = "level_%06d_of_the_year"\n' % n for n in range(20_000))
    notes = "\n".join(f"setting('level_{n:06d}_of_the_yaer')" for n in range(20_000))
    diagram = (
        (LEAVE / "leave.bpmn")
        .read_text()
        .replace("</bpmn:definitions>", f"<!--{notes}--></bpmn:definitions>")
    )
    assert len(diagram) > len(notes)
    begun = time.monotonic()
    problems = check(
        {**read_folder(LEAVE), "settings.toml": settings, "leave.bpmn": diagram.encode()}
    ).problems
    assert time.monotonic() - begun < 5
    assert len([one for one in problems if one.code == "unknown-setting"]) == 200
