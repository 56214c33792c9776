"""Order, responsibility, deadlines and branches are what the files say: change them, and the work goes that way."""

import json
import shutil
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from service import deployments
from service.clock import CITY_ZONE, city_day
from service.identity import directory, people
from tests.conftest import settings_for
from tests.workflows import city as cities
from tests.workflows.applying import (
    begin,
    check,
    deliberate,
    fill,
    forward,
    inspect,
    post,
    review,
    the_application,
    to_the_office,
)
from tests.workflows.city import ROOT, SINCE, City
from tests.workflows.literals import literals, unexplained
from tests.workflows.redrawing import Drawing
from tests.workflows.year import draft_data

WORKFLOWS = ROOT / "workflows"
LEAVE = ROOT / "tests" / "procedures" / "leave"


def put_in_force(city: City, files: dict[str, bytes]) -> None:
    """Publish a changed copy of the whole procedure."""
    deployments.publish(city.system, files, note="redrawn", by=None)


def copy(process: str) -> tuple[dict[str, bytes], Drawing]:
    """All shipped files, and one of them to draw in."""
    files = deployments.read_folder(WORKFLOWS)
    return files, Drawing(files[f"{process}.bpmn"])


# No id of the procedure in the program


def test_no_id_of_the_procedure_stands_in_the_program() -> None:
    found = unexplained(deployments.check(deployments.read_folder(WORKFLOWS)))
    told = "\n".join(str(one) for one in found)
    assert not found, (
        f"hand these over by the diagram, or say in literals.py why they are words of our own:\n{told}"
    )


def test_an_id_would_be_found_in_python_templates_and_scripts() -> None:
    kind = frozenset({"element"})
    found = {one.file for one in literals({"UNIQUE": kind, "done": kind, "submit": kind, "Forwarded": kind})}
    assert {"service/engine/tables.py", "service/tasks.py", "web/frontend/src/base.js"} <= found
    assert any(one.startswith("web/templates/") for one in found)
    # Words for people are no ids.
    assert not any(one.id == "Forwarded" for one in literals({"Forwarded": kind}))


# Another procedure in place of the shipped one


@pytest.fixture
def office(city_template: Path, tmp_path: Path) -> Iterator[City]:
    """Bodies and people of the city, with the leave procedure in place of the campaign's."""
    path = tmp_path / "chuanglv.sqlite3"
    shutil.copyfile(city_template, path)
    city = cities.open_city(settings_for(tmp_path, f"sqlite:///{path}"), deployments.read_folder(LEAVE))
    with city.system.database.write() as connection:
        at = city.system.now(connection)
        city.bodies["bureau"] = directory.insert_organisation(
            connection, code="bureau", name="局机关", kind="headquarters", area_code=None, valid_from=SINCE
        )
        for login, role, body in (
            ("worker", "employee", "education"),
            ("boss", "head", "education"),
            ("other-boss", "head", "garrison"),
            ("director", "director", "bureau"),
        ):
            person = people.insert_person(connection, login, login, at=at)
            people.insert_membership(connection, person, role, city.bodies[body], at=at, valid_from=SINCE)
            city.people[login] = people.load(connection, person, city_day(at))
    yield city
    assert city.troubles() == []
    city.system.database.dispose()


def ask(office: City, days: int) -> None:
    office.start("worker", "leave", kind="annual", days=days, from_day="2026-03-10", reason="探亲")


def inboxes(city: City) -> dict[str, list[str]]:
    """Who has which steps open, the empty left out."""
    found = {who: [one.element_id for one in city.waiting(who)] for who in city.people}
    return {who: steps for who, steps in found.items() if steps}


def test_a_leave_request_runs_where_the_campaign_did(office: City) -> None:
    ask(office, 2)
    assert inboxes(office) == {"boss": ["Approve"]}
    assert office.task("boss", "Approve").row.title == "请假 2 天"
    office.do("boss", "Approve", "approve", {"remark": "好"})
    assert inboxes(office) == {}
    assert office.ended_at("leave") == ["End_done"]


def test_a_long_leave_goes_to_the_director_by_the_decision_table(office: City) -> None:
    ask(office, 5)
    office.do("boss", "Approve", "approve")
    assert inboxes(office) == {"director": ["Direct"]}
    office.do("director", "Direct", "refuse", opinion="人手不够")
    assert office.ended_at("leave") == ["End_refused"]


def test_a_leave_may_be_corrected_and_is_not_forgotten(office: City) -> None:
    ask(office, 30)
    office.do("boss", "Approve", "correct", opinion="太长")
    assert inboxes(office) == {"worker": ["Correct"]}
    office.do(
        "worker",
        "Correct",
        "submit",
        {"kind": "annual", "days": 3, "from_day": "2026-03-10", "reason": "探亲"},
    )
    assert inboxes(office) == {"boss": ["Approve"]}
    office.move_to("2026-03-22 23:59")
    assert inboxes(office) == {"boss": ["Approve"]}
    office.move_to("2026-03-23 00:00")
    assert inboxes(office) == {}
    assert office.ended_at("leave") == ["End_late"]


# Changed copies of the shipped one


def test_two_steps_swapped_are_done_in_the_new_order(city: City) -> None:
    files, plan = copy("annual_plan")
    plan.lead("Flow_find_members_countersign", "approve")
    plan.lead("Flow_approved_issue", "countersign")
    plan.lead("Flow_countersigned_approve", "issue")
    put_in_force(city, {**files, "annual_plan.bpmn": plan.data})
    city.start("clerk", "annual_plan", year=2026, plan_title="2026 年方案")
    city.do("clerk", "draft_plan", "submit", lambda view: draft_data(view))
    assert inboxes(city) == {"chair": ["approve"]}
    city.do("chair", "approve", "approve")
    waiting = inboxes(city)
    assert waiting.keys() >= {"member-1", "member-2"}
    assert {step for steps in waiting.values() for step in steps} == {"countersign"}
    for who in waiting:
        if city.waiting(who, "countersign"):
            city.do(who, "countersign", "agree")
    assert "issue" in [one.element_id for one in city.waiting("clerk")]


def test_a_step_moved_to_another_lane_is_another_inbox(applying: City) -> None:
    city = applying
    files, drawing = copy("channel_review")
    drawing.draw_lane("Lane_office", "市创绿办", "municipal_office", "Forward")
    put_in_force(city, {**files, "channel_review.bpmn": drawing.data})
    begin(city, "school")
    city.move_to("2026-07-01 09:00")
    fill(city, "school")
    review(city, "education")
    assert not city.waiting("education", "Forward")
    assert [one.element_id for one in city.waiting("clerk")] == ["Forward"]
    forward(city, "clerk")
    check(city)
    assert the_application(city, "school").state == "inspecting"


def test_with_the_public_notice_removed_naming_follows_deliberation(applying: City) -> None:
    city = applying
    files, drawing = copy("deliberation")
    drawing.remove("Gw_on", "Ask_notice", "Noticed")
    drawing.draw('<bpmn:sequenceFlow id="f_straight" sourceRef="Gw_any" targetRef="No_notice"/>')
    drawing.node("Gw_any").set("default", "f_straight")
    naming = Drawing(files["municipal_naming.bpmn"])
    for parameter in naming.parameters("notice_required"):
        parameter.set("value", "False")
    del files["public_notice.bpmn"]
    put_in_force(city, {**files, "deliberation.bpmn": drawing.data, "municipal_naming.bpmn": naming.data})
    to_the_office(city, "school", "education")
    inspect(city, "school")
    deliberate(city)
    assert not city.waiting("poster")
    assert [one.element_id for one in city.waiting("clerk")] == ["Draft"]
    assert city.open_processes("municipal_naming") == 1


LEGAL = """
<bpmn:userTask id="Legal" name="法制审核" cl:nameEn="Legal review" cl:form="legal_opinion" cl:due="3wd">
  <bpmn:extensionElements>
    <cl:outcome id="lawful" name="合法" nameEn="Lawful" style="primary"/>
    <cl:outcome id="amend" name="修改" nameEn="Amend" opinion="required"/>
  </bpmn:extensionElements>
</bpmn:userTask>
<bpmn:exclusiveGateway id="Gw_legal" name="合法？" default="f_lawful"/>
<bpmn:sequenceFlow id="f_to_legal" sourceRef="Legal" targetRef="Gw_legal"/>
<bpmn:sequenceFlow id="f_lawful" name="合法" sourceRef="Gw_legal" targetRef="Sign"/>
<bpmn:sequenceFlow id="f_amend" name="修改" sourceRef="Gw_legal" targetRef="Draft">
  <bpmn:conditionExpression>outcome == "amend" or not contract_free</bpmn:conditionExpression>
</bpmn:sequenceFlow>
"""
LEGAL_FORM = {
    "id": "legal_opinion",
    "title": "法制审核意见",
    "components": [
        {"type": "checkbox", "key": "contract_free", "label": "不涉及合同"},
        {"type": "textarea", "key": "grounds", "label": "依据", "validate": {"required": True}},
    ],
}
LEGAL_ROLE = """
[roles.legal_reviewer]
label = "法制审核"
label_en = "Legal reviewer"
sits = "municipal_office"
sees = "all"
"""


def test_a_legal_review_with_its_own_role_form_deadline_and_branch_is_done(applying: City) -> None:
    city = applying
    files, drawing = copy("municipal_naming")
    drawing.draw(LEGAL)
    drawing.draw_lane("Lane_legal", "法制审核", "legal_reviewer", "Legal", "Gw_legal")
    drawing.lead("f13", "Legal")
    put_in_force(
        city,
        {
            **files,
            "municipal_naming.bpmn": drawing.data,
            "forms/legal_opinion.json": json.dumps(LEGAL_FORM).encode(),
            "roles.toml": files["roles.toml"] + LEGAL_ROLE.encode(),
        },
    )
    with city.system.database.write() as connection:
        at = city.system.now(connection)
        person = people.insert_person(connection, "lawyer", "lawyer", at=at)
        people.insert_membership(
            connection, person, "legal_reviewer", city.bodies["office"], at=at, valid_from=SINCE
        )
        city.people["lawyer"] = people.load(connection, person, city_day(at))
    to_the_office(city, "school", "education")
    inspect(city, "school")
    deliberate(city)
    post(city)
    city.move_to("2026-10-08 09:00")
    city.do("poster", "Conclude", "close", {"closing_text": "无异议"})
    draft(city)
    assert not city.waiting("chair", "Sign")
    review_task = city.task("lawyer", "Legal")
    # 8 October 2026 is a working day; the third working day after it is Tuesday the 13th, 10 October being one too.
    assert review_task.row.due_at == datetime(2026, 10, 13, tzinfo=CITY_ZONE)
    city.do("lawyer", "Legal", "amend", {"contract_free": True, "grounds": "第三条"}, "改第三条")
    assert not city.waiting("lawyer")
    draft(city)
    city.do("lawyer", "Legal", "lawful", {"contract_free": False, "grounds": "第四条"})
    draft(city)
    city.do("lawyer", "Legal", "lawful", {"contract_free": True, "grounds": "无"})
    assert [one.element_id for one in city.waiting("chair")] == ["Sign"]


def draft(city: City) -> None:
    city.do("clerk", "Draft", "submit", {"decision_heading": "决定", "decision_body": "命名"})
    city.do("head", "Countersign", "agree")
