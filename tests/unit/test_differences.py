"""Differences between two sets of files, in words an official can check."""

from pathlib import Path

import pytest

from service import deployments
from service.differences import compare

LEAVE = Path(__file__).resolve().parents[1] / "procedures" / "leave"


@pytest.mark.parametrize(
    ("path", "before", "after", "told"),
    [
        ("leave.bpmn", 'cl:due="5wd"', 'cl:due="3wd"', ["“部门审批”的办理时限：5wd → 3wd"]),
        ("leave.bpmn", 'outcome == "correct"', 'outcome == "refuse"', ['outcome == "refuse"']),
        ("leave.bpmn", 'cl:role="head"', 'cl:role="director"', ["办理岗位：head → director"]),
        ("leave.bpmn", 'name="部门审批"', 'name="科室审批"', ["科室审批"]),
        ("leave.bpmn", "<bpmn:process ", "<bpmn:process  ", ["办理规则未变"]),
        ("decisions/leave_level.dmn", "&lt;= 3", "&lt;= 2", ["一行：<= 3", "<= 2"]),
        ("decisions/leave_level.dmn", "UNIQUE", "FIRST", ["规则：UNIQUE → FIRST"]),
        ("forms/leave_request.json", '"max": 60', '"max": 30', ["≤60", "≤30"]),
        ("roles.toml", "label", "label", []),
    ],
)
def test_a_change_is_said_in_words(path: str, before: str, after: str, told: list[str]) -> None:
    files = deployments.read_folder(LEAVE)
    old = files[path].decode()
    assert before in old
    changed = dict(files) | {path: old.replace(before, after, 1).encode()}
    found = compare(deployments.check(files), deployments.check(changed))
    words = "\n".join(one.text.zh for one in found)
    assert bool(found) == (before != after)
    assert all(one in words for one in told), words
    assert {one.file for one in found} <= {path}


def test_files_that_come_and_go_are_named() -> None:
    files = dict(deployments.read_folder(LEAVE))
    fewer = {path: data for path, data in files.items() if not path.endswith(".dmn")}
    gone = compare(deployments.check(files), deployments.check(fewer))
    assert [(one.file, one.kind) for one in gone] == [("decisions/leave_level.dmn", "removed")]
    come = compare(deployments.check(fewer), deployments.check(files))
    assert [one.kind for one in come] == ["added"]
