"""A procedure is read as a whole; a process has a new version exactly when something it reaches has changed."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from service.deployments import read_folder
from service.engine.model import Procedure
from service.engine.procedure import read_procedure

LEAVE = Path(__file__).resolve().parents[1] / "procedures" / "leave"
FUNCTIONS = frozenset({"submitted", "all_submitted"})


def read(files: Mapping[str, bytes]) -> Procedure:
    return read_procedure(files, {}, FUNCTIONS)


@pytest.fixture
def leave() -> dict[str, bytes]:
    return read_folder(LEAVE)


def test_the_leave_procedure_is_clean(leave: dict[str, bytes]) -> None:
    found = read(leave)
    assert found.problems == ()
    definition = found.processes["leave"]
    assert definition.decisions == ("leave_level",)
    assert definition.forms == ("decision", "leave_request")
    assert definition.start_form == "leave_request"
    assert definition.starters == ("employee",)
    assert definition.own_matter
    assert definition.elements["Approve"].role == "head"


def test_reads_are_what_expressions_and_seats_of_roles_need(leave: dict[str, bytes]) -> None:
    reads = read(leave).processes["leave"].reads
    assert {"outcome", "level", "days", "organisation_id"} <= reads
    assert "reason" not in reads
    assert "remark" not in reads


def another(leave: dict[str, bytes]) -> dict[str, bytes]:
    """The leave procedure with a second process that calls the first, and a form of its own."""
    caller = """<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:cl="urn:chuanglv:bpmn:1" id="D">
    <process id="caller" isExecutable="true" cl:starters="employee"><startEvent id="S" cl:form="trip"/>
    <callActivity id="C" calledElement="leave"/><endEvent id="E"/>
    <sequenceFlow id="f1" sourceRef="S" targetRef="C"/><sequenceFlow id="f2" sourceRef="C" targetRef="E"/>
    </process></definitions>"""
    trip = '{"id": "trip", "title": "出差", "components": [{"type": "number", "key": "km", "label": "公里"}]}'
    apart = caller.replace('id="caller"', 'id="apart"').replace('cl:form="trip"', "")
    apart = apart.replace('<callActivity id="C" calledElement="leave"/>', '<userTask id="C" cl:role="head"/>')
    return {
        **leave,
        "caller.bpmn": caller.encode(),
        "apart.bpmn": apart.encode(),
        "forms/trip.json": trip.encode(),
        "settings.toml": b"days = 5\n",
    }


@pytest.mark.parametrize(
    ("path", "changed"),
    [
        ("leave.bpmn", {"leave", "caller"}),
        ("decisions/leave_level.dmn", {"leave", "caller"}),
        ("forms/decision.json", {"leave", "caller"}),
        ("forms/leave_request.json", {"leave", "caller"}),
        ("caller.bpmn", {"caller"}),
        ("forms/trip.json", {"caller"}),
        ("apart.bpmn", {"apart"}),
        ("settings.toml", set()),
        ("roles.toml", set()),
    ],
)
def test_the_closure_changes_exactly_with_what_is_reached(
    leave: dict[str, bytes], path: str, changed: set[str]
) -> None:
    files = another(leave)
    before = read(files)
    assert before.deployable, before.problems
    space = b"\n" if not path.endswith(".toml") else b"\n# said otherwise\n"
    after = read({**files, path: files[path] + space})
    assert {
        key for key, one in after.processes.items() if one.closure != before.processes[key].closure
    } == changed


def test_the_same_files_have_the_same_closures(leave: dict[str, bytes]) -> None:
    files = another(leave)
    turned = dict(reversed(list(files.items())))
    assert {key: one.closure for key, one in read(files).processes.items()} == {
        key: one.closure for key, one in read(turned).processes.items()
    }


@pytest.mark.parametrize(
    ("path", "data", "code"),
    [
        ("settings.toml", b"days = \n", "toml-unreadable"),
        ("settings.toml", b"\xff", "toml-unreadable"),
        ("roles.toml", b"[roles.head\n", "roles-unreadable"),
        ("notes.txt", b"x", "unknown-file"),
        ("more/leave.bpmn", b"<a/>", "unknown-file"),
        ("a b.bpmn", b"<a/>", "file-name"),
        ("forms/decision.json", b"{", "form.json"),
        ("decisions/leave_level.dmn", b"<a/>", "not-dmn"),
        ("leave.bpmn", b"<a/>", "not-bpmn"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(
    leave: dict[str, bytes], path: str, data: bytes, code: str
) -> None:
    found = read({**leave, path: data})
    assert not found.deployable
    assert code in {one.code for one in found.problems if one.file == path}


def test_a_procedure_without_roles_is_refused(leave: dict[str, bytes]) -> None:
    del leave["roles.toml"]
    assert {"roles-missing", "unknown-role"} <= {one.code for one in read(leave).problems}


def test_problems_of_all_files_are_told_together_errors_first(leave: dict[str, bytes]) -> None:
    broken = (
        leave["leave.bpmn"]
        .replace(b'cl:role="director"', b'cl:role="boss"')
        .replace(b'cl:due="5wd"', b'cl:due="5"')
    )
    found = read({**leave, "leave.bpmn": broken, "forms/decision.json": b"{", "settings.toml": b"="})
    assert {"leave.bpmn", "forms/decision.json", "settings.toml"} <= {one.file for one in found.problems}
    severities = [one.severity for one in found.problems]
    assert severities == sorted(severities)
    assert "leave" in found.processes
