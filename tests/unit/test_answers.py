"""What a person may answer a task with."""

from dataclasses import replace
from pathlib import Path

import pytest

from service import answers, deployments
from service.errors import Invalid

LEAVE = Path(__file__).resolve().parents[1] / "procedures" / "leave"


def test_a_task_without_buttons_takes_no_outcome() -> None:
    files = {one.relative_to(LEAVE).as_posix(): one.read_bytes() for one in LEAVE.rglob("*") if one.is_file()}
    approve = deployments.check(files).processes["leave"].elements["Approve"]
    plain = replace(approve, outcomes=())

    assert answers.chosen(approve, "approve") == "approve"
    assert answers.chosen(plain, None) is None
    for element, given in ((plain, "whatever"), (approve, "whatever"), (approve, None)):
        with pytest.raises(Invalid) as refused:
            answers.chosen(element, given)
        assert set(refused.value.facts["fields"]) == {"outcome"}
