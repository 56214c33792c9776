"""The diagram editor in a real browser: what it keeps, what it leads to, and a second person who publishes."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from service import deployments, drafts
from service.identity import duties
from service.identity.people import Person
from tests import town
from tests.browser.conftest import audit, too_wide
from tests.web.conftest import Desk

Visit = Callable[[Person | None], Page]
WORKFLOWS = Path(__file__).resolve().parents[2] / "workflows"


@pytest.fixture
def designer(desk: Desk) -> Person:
    return town.add_person(desk.system, "设计员", (duties.DESIGNER, None))


@pytest.fixture
def publisher(desk: Desk) -> Person:
    return town.add_person(desk.system, "发布员", (duties.PUBLISHER, None))


def draft_of_the_campaign(desk: Desk, designer: Person) -> str:
    """Put the shipped procedure in force and begin a draft of it; returns its id."""
    town.deploy(desk.system, WORKFLOWS)
    return drafts.create(desk.system, designer, name="改时限").id


def draft_of_the_desk(desk: Desk, designer: Person) -> str:
    """Begin a draft of the desk's own small procedure; returns its id."""
    return drafts.create(desk.system, designer, name="改时限").id


def open_diagram(page: Page, draft: str, path: str, element: str = "") -> None:
    """Open a diagram and wait until it can be edited."""
    page.goto(f"/designer/drafts/{draft}/edit/{path}#{element}")
    page.wait_for_selector("body[data-ready]")


def save(page: Page) -> str:
    """Save and return what the page says of it."""
    before = page.locator("[data-state]").inner_text()
    page.click("[data-save]")
    expect(page.locator("[data-state]")).to_have_text(re.compile("^(已保存|没有保存)"))
    assert before != page.locator("[data-state]").inner_text()
    return page.locator("[data-state]").inner_text()


def test_a_designer_edits_a_task_and_a_second_person_publishes(
    desk: Desk, visit: Visit, designer: Person, publisher: Person
) -> None:
    draft = draft_of_the_campaign(desk, designer)
    page = visit(designer)
    open_diagram(page, draft, "office_intake.bpmn", "Check")
    panel = page.locator("#properties")
    expect(panel.locator("[data-key=name]")).to_have_value("审查申报资料")
    panel.locator("[data-key='cl:due']").fill("7wd")
    page.keyboard.press("Tab")
    expect(panel.locator("[data-key='cl:remind']")).to_be_focused()
    expect(page.locator("[data-state]")).to_have_text("有改动尚未保存")
    assert save(page) == "已保存，检查通过"
    page.goto(f"/designer/drafts/{draft}")
    page.fill("#note", "审查资料改为七个工作日")
    page.click("text=提交 >> nth=-1")
    expect(page.locator("h1")).to_contain_text("待发布")
    expect(page.locator("button", has_text="发布")).to_have_count(0)

    second = visit(publisher)
    second.goto(f"/designer/drafts/{draft}/changes")
    expect(second.locator("main")).to_contain_text("“审查申报资料”的办理时限")
    expect(second.locator("main")).to_contain_text("7wd")
    second.click("button:has-text('发布')")
    second.click(".cl-dialog button[value=yes]")
    expect(second.locator("h1")).to_contain_text("生效中")
    with desk.system.database.read() as connection:
        procedure = desk.system.procedure(connection, deployments.in_force(desk.system, connection))
    due = procedure.processes["office_intake"].elements["Check"].due
    assert due is not None
    assert due.source == "7wd"


@pytest.mark.slow
@pytest.mark.parametrize("size", ["desk"], indirect=True)
def test_every_shipped_diagram_survives_the_editor(desk: Desk, visit: Visit, designer: Person) -> None:
    """Opening and saving changes the form of a file and nothing of what it means (list variables, votes, messages)."""
    draft = draft_of_the_campaign(desk, designer)
    before = deployments.check(drafts.files(desk.system, designer, draft))
    page = visit(designer)
    for path in sorted(one for one in before.files if one.endswith(".bpmn")):
        open_diagram(page, draft, path)
        page.locator("#properties [data-key=name]").fill("换个名字")
        page.keyboard.press("Tab")
        expect(page.locator("[data-state]")).to_have_text("有改动尚未保存")
        assert save(page) == "已保存，检查通过", path
    after = deployments.check(drafts.files(desk.system, designer, draft))
    for key, process in before.processes.items():
        kept = after.processes[key]
        assert kept.name.zh == "换个名字"
        assert {one: _meant(element) for one, element in kept.elements.items()} == {
            one: _meant(element) for one, element in process.elements.items()
        }, key


def _meant(element: object) -> str:
    """What an element says, without the lines it stands on."""
    return re.sub(r"\bline=\d+", "", repr(element))


def test_a_problem_leads_to_its_element(desk: Desk, visit: Visit, designer: Person) -> None:
    draft = draft_of_the_desk(desk, designer)
    page = visit(designer)
    open_diagram(page, draft, "desk.bpmn", "Check")
    page.locator("#properties [data-key='cl:due']").fill("someday")
    page.keyboard.press("Tab")
    assert save(page).startswith("已保存，本文件有")
    page.goto(f"/designer/drafts/{draft}")
    page.locator("[data-problems] a", has_text="Check").first.click()
    page.wait_for_selector("body[data-ready]")
    expect(page.locator("#properties .ds-head code")).to_have_text("Check")
    expect(page.locator("[data-element-id=Check].is-problem")).to_have_count(1)


def test_buttons_messages_and_conditions_are_edited_in_words(
    desk: Desk, visit: Visit, designer: Person
) -> None:
    draft = draft_of_the_desk(desk, designer)
    page = visit(designer)
    open_diagram(page, draft, "desk.bpmn", "Check")
    panel = page.locator("#properties")
    buttons = panel.locator(".ds-list").first.locator(".ds-card")
    many = buttons.count()
    panel.locator("[data-key='add-cl:Outcome']").click()
    expect(buttons).to_have_count(many + 1)
    page.click("[data-undo]")
    expect(buttons).to_have_count(many)
    page.click("[data-redo]")
    expect(buttons).to_have_count(many + 1)
    expect(page.locator(".djs-palette")).to_be_visible()
    assert page.locator(".bjs-powered-by").is_visible()


def test_text_files_are_edited_with_line_numbers(desk: Desk, visit: Visit, designer: Person) -> None:
    draft = draft_of_the_desk(desk, designer)
    page = visit(designer)
    page.goto(f"/designer/drafts/{draft}/edit/roles.toml")
    lines = page.locator("#content").input_value().split("\n")
    expect(page.locator(".ds-lines")).to_contain_text(str(len(lines) - 1))
    page.fill("#content", "\n".join([*lines, "[roles.broken]", ""]))
    page.click("text=保存并检查")
    expect(page.locator("[data-problems]")).to_contain_text("broken")


@pytest.mark.parametrize("what", ["overview", "draft", "changes", "diagram", "text"])
def test_pages_of_the_studio_are_accessible(desk: Desk, visit: Visit, designer: Person, what: str) -> None:
    draft = draft_of_the_desk(desk, designer)
    page = visit(designer)
    address = {
        "overview": "/designer/",
        "draft": f"/designer/drafts/{draft}",
        "changes": f"/designer/drafts/{draft}/changes",
        "diagram": f"/designer/drafts/{draft}/edit/desk.bpmn",
        "text": f"/designer/drafts/{draft}/edit/roles.toml",
    }[what]
    page.goto(address)
    if what == "diagram":
        page.wait_for_selector("body[data-ready]")
    assert not too_wide(page)
    assert audit(page) == []


def test_a_decision_table_is_edited_as_a_table(desk: Desk, visit: Visit, designer: Person) -> None:
    draft = draft_of_the_campaign(desk, designer)
    page = visit(designer)
    page.goto(f"/designer/drafts/{draft}/edit/decisions/validity.dmn")
    page.wait_for_selector("body[data-ready]")
    page.locator("td.output-cell").first.click()
    page.keyboard.press("Control+A")
    page.keyboard.type('"validity_other"')
    assert save(page) == "已保存，检查通过"
    page.goto(f"/designer/drafts/{draft}/changes")
    expect(page.locator("main")).to_contain_text('"validity_other"')
