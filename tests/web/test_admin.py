"""Administration: who may, one-time passwords, memberships, imports told by cell, the journal, incidents, tokens."""

import io
import re

import pytest
from openpyxl import Workbook, load_workbook

from service import clock, incidents
from service.errors import Text
from service.identity import duties
from service.identity.people import Person
from tests import town
from tests.web.conftest import Desk, Visitor


class Office:
    """The desk with people of every duty."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.admin = town.add_person(desk.system, "管理员甲", (duties.ADMINISTRATOR, None))
        self.second = town.add_person(desk.system, "管理员乙", (duties.ADMINISTRATOR, None))
        self.auditor = town.add_person(desk.system, "审计员", (duties.AUDITOR, None))
        self.process = town.add_person(desk.system, "流程管理员", (duties.PROCESS_ADMINISTRATOR, None))

    def open(self, person: Person) -> Visitor:
        return self.desk.visitor(person)

    def code(self) -> str:
        with self.desk.system.database.read() as connection:
            from service.identity import organisations

            return organisations.get(connection, self.desk.organisation_id).code


@pytest.fixture
def office(sqlite_desk: Desk) -> Office:
    return Office(sqlite_desk)


def workbook(office: Office, sheets: dict[str, list[dict[str, object]]]) -> io.BytesIO:
    """Fill rows (heading → value) into the template."""
    template = office.open(office.admin).get("/admin/import/template.xlsx").data
    book = load_workbook(io.BytesIO(template))
    for name, rows in sheets.items():
        sheet = book[name]
        headings = [cell.value for cell in sheet[1]]
        for number, row in enumerate(rows, 2):
            for heading, value in row.items():
                sheet.cell(number, headings.index(heading) + 1, value)
    target = io.BytesIO()
    book.save(target)
    target.seek(0)
    return target


@pytest.mark.parametrize(
    "address",
    [
        "/admin/people",
        "/admin/organisations",
        "/admin/import",
        "/admin/calendar",
        "/admin/import/template.xlsx",
    ],
)
def test_administration_is_for_administrators(office: Office, address: str) -> None:
    assert office.open(office.admin).get(address).status_code == 200
    for person in (office.desk.clerk, office.auditor, office.process):
        assert office.open(person).get(address).status_code == 403
    assert (
        office.open(office.desk.clerk).post("/admin/people", {"login": "x1", "name": "x"}).status_code == 403
    )


def test_the_journal_is_for_auditors_and_incidents_for_process_administrators(office: Office) -> None:
    assert office.open(office.auditor).get("/admin/journal").status_code == 200
    assert office.open(office.desk.clerk).get("/admin/journal").status_code == 403
    assert office.open(office.process).get("/admin/incidents").status_code == 200
    for person in (office.admin, office.desk.clerk):
        assert office.open(person).get("/admin/incidents").status_code == 403


def test_a_new_person_gets_a_password_that_is_shown_once(office: Office) -> None:
    visitor = office.open(office.admin)
    visitor.get("/admin/people")
    answer = visitor.post("/admin/people", {"login": "new.clerk", "name": "新人"})
    secret = re.search(r'class="ad-secret">([^<]+)<', answer.text)
    assert secret is not None
    assert answer.headers["Cache-Control"] == "no-store"
    where = re.search(r"/admin/people/([0-9a-f]{32})", answer.text)
    assert where is not None
    assert secret[1] not in visitor.get(f"/admin/people/{where[1]}").text
    stranger = office.desk.visitor()
    stranger.get("/sign-in")
    entered = stranger.post("/sign-in", {"login": "new.clerk", "password": secret[1]})
    assert "password" in entered.headers["Location"]
    again = visitor.post("/admin/people", {"login": "new.clerk", "name": "重名"})
    assert again.status_code == 409
    assert "已有人使用" in again.text


def test_a_role_is_given_at_an_organisation_from_a_day_and_ended(office: Office) -> None:
    visitor = office.open(office.admin)
    address = f"/admin/people/{office.desk.stranger.id}"
    visitor.get(address)
    wrong = visitor.post(f"{address}/memberships", {"role": "clerk", "organisation": "nowhere"})
    assert wrong.status_code == 404
    assert "没有这个机构" in wrong.text
    bad_day = visitor.post(
        f"{address}/memberships", {"role": "clerk", "organisation": office.code(), "valid_from": "2026-13-01"}
    )
    assert bad_day.status_code == 422
    # The organisation is chosen from a list, by its code or its name.
    page = visitor.get(address).text
    assert f'<option value="{office.code()}">渭滨中学</option>' in page
    given = {"role": "clerk", "organisation": "渭滨中学", "valid_from": "2026-01-01"}
    assert visitor.post(f"{address}/memberships", given).status_code == 303
    page = visitor.get(address).text
    assert "2026-01-01" in page
    ending = re.search(rf"{address}/memberships/[0-9a-f]+/end", page)
    assert ending is not None
    assert visitor.post(ending[0], {"last_day": "1999-01-01"}).status_code == 422


def test_nobody_gives_anything_to_himself(office: Office) -> None:
    visitor = office.open(office.admin)
    address = f"/admin/people/{office.admin.id}"
    assert "不能给自己任命" in visitor.get(address).text
    assert visitor.post(f"{address}/memberships", {"role": duties.DESIGNER}).status_code == 403
    assert visitor.post(f"{address}/password").status_code == 403
    assert visitor.post(f"{address}/disable", {"reason": "x"}).status_code == 403


def test_a_disabled_account_is_out_at_once(office: Office) -> None:
    clerk = office.open(office.desk.clerk)
    assert clerk.get("/inbox").status_code == 200
    visitor = office.open(office.admin)
    address = f"/admin/people/{office.desk.clerk.id}"
    visitor.get(address)
    assert visitor.post(f"{address}/disable", {"reason": " "}).status_code == 422
    visitor.post(f"{address}/disable", {"reason": "离职"})
    assert "/sign-in" in clerk.get("/inbox").headers["Location"]
    assert 'class="ad-secret"' in visitor.post(f"{address}/enable").text
    journal = visitor.get("/admin/journal").text
    assert "原因: 离职" in journal
    assert "reason" not in journal


def test_an_import_is_previewed_cell_by_cell_and_writes_nothing(office: Office) -> None:
    sheet = load_workbook(
        io.BytesIO(office.open(office.admin).get("/admin/import/template.xlsx").data)
    ).sheetnames
    visitor = office.open(office.admin)
    visitor.get("/admin/import")
    people_sheet = next(name for name in sheet if "人员" in name)
    book = workbook(
        office, {people_sheet: [{"登录名": "x", "姓名": "太短"}, {"登录名": "good.name", "姓名": "可以"}]}
    )
    answer = visitor.post("/admin/import/preview", {"workbook": (book, "people.xlsx")})
    assert answer.status_code == 200
    assert "<code>A2</code>" in answer.text
    assert "没有写入任何内容" in answer.text
    assert '<a href="/admin/import" aria-current="page">批量导入</a></li>' in answer.text
    assert "good.name" not in visitor.get("/admin/people").text
    again = workbook(office, {people_sheet: [{"登录名": "good.name", "姓名": "可以"}]})
    answer = visitor.post("/admin/import/preview", {"workbook": (again, "people.xlsx")})
    kept = re.search(r'name="file" value="([0-9a-f]+)"', answer.text)
    assert kept is not None
    assert "good.name" not in visitor.get("/admin/people").text
    done = visitor.post("/admin/import/run", {"file": kept[1]})
    assert "good.name" in done.text
    assert "good.name" in visitor.get("/admin/people").text
    stolen = office.open(office.second)
    stolen.get("/admin/import")
    assert stolen.post("/admin/import/run", {"file": kept[1]}).status_code == 404


@pytest.mark.parametrize("data", [b"", b"MZ virus", b"PK\x03\x04 broken", b"<html>"])
def test_what_is_no_workbook_is_refused(office: Office, data: bytes) -> None:
    visitor = office.open(office.admin)
    visitor.get("/admin/import")
    answer = visitor.post("/admin/import/preview", {"workbook": (io.BytesIO(data), "x.xlsx")})
    assert answer.status_code == 422
    assert 'role="alert"' in answer.text


def test_a_workbook_with_a_strange_sheet_says_so(office: Office) -> None:
    book = Workbook()
    book.worksheets[0].title = "随便"
    book.worksheets[0]["A1"] = "=1+1"
    target = io.BytesIO()
    book.save(target)
    target.seek(0)
    visitor = office.open(office.admin)
    visitor.get("/admin/import")
    answer = visitor.post("/admin/import/preview", {"workbook": (target, "x.xlsx")})
    assert "随便" in answer.text
    assert "可以导入" not in answer.text


def test_an_organisation_is_added_renamed_and_ended(office: Office) -> None:
    visitor = office.open(office.admin)
    visitor.get("/admin/organisations")
    taken = visitor.post(
        "/admin/organisations", {"code": office.code(), "name": "重复", "kind": "county_office"}
    )
    assert taken.status_code == 409
    made = visitor.post(
        "/admin/organisations",
        {
            "code": "C-1",
            "name": "泾阳县创绿办",
            "kind": "county_office",
            "area_code": "610423",
            "valid_from": "2020-01-01",
        },
    )
    address = made.headers["Location"]
    assert "泾阳县" in visitor.get(address).text
    renamed = {"name": "泾阳县绿办", "name_en": "", "from_day": "2025-01-01", "reason": "机构改革"}
    assert visitor.post(f"{address}/rename", renamed).status_code == 303
    page = visitor.get(address).text
    assert "泾阳县绿办" in page
    assert "泾阳县创绿办" in page
    assert visitor.post(f"{address}/end", {"last_day": "2019-01-01", "reason": "x"}).status_code == 422
    assert visitor.post(f"{address}/end", {"last_day": "2025-12-31", "reason": "撤销"}).status_code == 303
    assert "2025-12-31" in visitor.get(address).text


def test_a_unit_keeps_its_profile_and_a_military_one_is_never_public(office: Office) -> None:
    visitor = office.open(office.admin)
    visitor.get("/admin/organisations")
    facts = {"code": "U-1", "name": "渭滨小学", "kind": "unit", "unit_kind": "school", "public": "on"}
    wrong = visitor.post("/admin/organisations", {**facts, "military": "on"})
    assert wrong.status_code == 422
    assert "涉军单位不得公开" in wrong.text
    made = visitor.post("/admin/organisations", {**facts, "uscc": "123"})
    assert made.status_code == 422
    address = visitor.post("/admin/organisations", facts).headers["Location"]
    change = {"version": "1", "unit_kind": "school", "public": "on", "students": "many"}
    refused = visitor.post(f"{address}/profile", change)
    assert refused.status_code == 422
    assert "学生人数" in refused.text
    body = {"code": "D-1", "name": "市教育局", "kind": "municipal_department"}
    visitor.post("/admin/organisations", body)
    changed = {**change, "students": "812", "municipal_department_id": "市教育局"}
    assert visitor.post(f"{address}/profile", changed).status_code == 303
    page = visitor.get(address).text
    assert 'value="812"' in page
    # The department is there again, so that saving the next thing keeps it.
    assert 'value="市教育局"' in page
    stale = visitor.post(f"{address}/profile", {**change, "students": "900"})
    assert stale.status_code == 409


def test_a_calendar_list_is_refused_line_by_line(office: Office) -> None:
    visitor = office.open(office.admin)
    assert "2026" in visitor.get("/admin/calendar").text
    bad = "日期,安排,名称,依据\n2027-01-01,放假,元旦,国办发明电\n2027-13-40,放假,?,x\n"
    answer = visitor.post("/admin/calendar", {"list": (io.BytesIO(bad.encode()), "2027.csv")})
    assert answer.status_code == 422
    assert "第 3 行" in answer.text
    assert "2027" not in re.findall(r'<th scope="row">(\d{4})</th>', visitor.get("/admin/calendar").text)


def test_an_incident_is_retried_or_settled(office: Office) -> None:
    with office.desk.system.database.write() as connection:
        for words in ("没人办理", "表达式出错"):
            incidents.report(
                connection,
                instance_id=None,
                element_id=None,
                text=Text(words, words),
                facts={"line": 3},
                at=clock.system_now(),
            )
    visitor = office.open(office.process)
    home = visitor.get("/").text
    assert "等我处置的异常" in home
    assert "没人办理" in home
    keeper = office.open(office.admin)
    keeper.post("/admin/people", {"login": "new.one", "name": "新人"})
    elsewhere = keeper.get("/").text
    assert "没人办理" not in elsewhere
    assert "最近的安全日志" in elsewhere
    assert "最近的安全日志" not in home
    page = visitor.get("/admin/incidents").text
    assert "没人办理" in page
    settle = re.search(r"/admin/incidents/[0-9a-f]+/settle", page)
    retry = re.findall(r"/admin/incidents/[0-9a-f]+/retry", page)
    assert settle is not None
    assert visitor.post(settle[0]).status_code == 303
    assert visitor.post(settle[0]).status_code == 404
    for address in retry:
        visitor.post(address)
    assert "没有异常" in visitor.get("/admin/incidents").text


def test_tokens_are_ones_own_and_shown_once(office: Office) -> None:
    visitor = office.open(office.desk.clerk)
    visitor.get("/admin/tokens")
    assert visitor.post("/admin/tokens", {"label": "对接", "days": "9999"}).status_code == 422
    answer = visitor.post("/admin/tokens", {"label": "对接", "days": "30"})
    secret = re.search(r"clv_[\w-]+", answer.text)
    assert secret is not None
    assert secret[0] not in visitor.get("/admin/tokens").text
    revoke = re.search(r"/admin/tokens/[0-9a-f]+/revoke", answer.text)
    assert revoke is not None
    other = office.open(office.desk.checker)
    other.get("/admin/tokens")
    assert other.post(revoke[0]).status_code == 404
    assert visitor.post(revoke[0]).status_code == 303
