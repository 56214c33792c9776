"""Importing a workbook: every error by sheet and cell, and all of it or nothing."""

import io
from collections.abc import Mapping
from datetime import date
from pathlib import Path

import pytest
from openpyxl import Workbook, load_workbook
from sqlalchemy import func, insert, select

from service import clock, deployments, imports, jobs, matters
from service.campaign import legacy_titles
from service.errors import Forbidden, Invalid
from service.identity import commands, organisations, people, sign_in
from service.identity.people import Person
from service.store.identity import membership, organisation, person, security_event
from service.store.ids import new_id
from service.store.plan import plan_year
from service.store.procedure import job
from service.store.title import title
from service.system import System
from tests import town

PROCEDURE = Path(__file__).resolve().parents[1] / "procedures" / "held"

Rows = list[list[object]]

ORGANISATIONS: Rows = [
    ["代码", "名称", "机构类别", "行政区划代码", "上级机构代码"],
    ["C-1", "秦都区创绿办", "县（市、区）创绿办", 610402, None],
    ["G-1", "秦都区人民政府", "county_government", "610402", None],
    ["D-1", "市教育局", "市直部门", "610400", None],
]
UNITS: Rows = [
    [
        "代码",
        "名称",
        "行政区划代码",
        "单位类别",
        "统一社会信用代码",
        "市级主管部门代码",
        "涉军",
        "可公开",
        "学生人数",
        "绿地率",
    ],
    ["U-1", "秦都区第一小学", "610402", "学校", "12610402DEM000002F", "", "否", "是", 1200, "31.5"],
    ["U-2", "市第一中学", "610402", "school", None, "D-1", None, None, None, None],
]
PEOPLE: Rows = [
    ["登录名", "姓名", "电子邮箱"],
    ["qindu-01", "赵一", "a@example.invalid"],
    ["school-01", "钱二", None],
]
MEMBERSHIPS: Rows = [
    ["登录名", "岗位", "机构代码", "开始日期", "截止日期"],
    ["qindu-01", "县创绿办", "C-1", date(2026, 1, 1), "2026-12-31"],
    ["school-01", "applicant", "U-1", None, None],
    ["qindu-01", "工作管理者", None, "2026/3/1", None],
]
TITLES: Rows = [
    [
        "单位代码",
        "级别",
        "证书编号",
        "命名日期",
        "决定文号",
        "命名机关代码",
        "命名机关名称",
        "有效年限",
        "证明材料",
    ],
    ["U-1", "县级", "秦绿〔2024〕001号", "2024-02-29", "秦政发〔2024〕9号", "G-1", None, 5, "档案 2024-17"],
    [
        "U-2",
        "city",
        "咸绿〔2023〕002号",
        date(2023, 10, 16),
        "咸创绿发〔2023〕3号",
        None,
        "市组委会",
        "5",
        "扫描件.pdf",
    ],
]
WHOLE: Mapping[str, Rows] = {
    "任职": MEMBERSHIPS,
    "历史称号": TITLES,
    "机构": ORGANISATIONS,
    "单位": UNITS,
    "人员": PEOPLE,
}


def book(sheets: Mapping[str, Rows]) -> bytes:
    made = Workbook()
    made.remove(made.worksheets[0])
    for name, rows in sheets.items():
        sheet = made.create_sheet(name)
        for row in rows:
            sheet.append(row)
    target = io.BytesIO()
    made.save(target)
    return target.getvalue()


def changed(sheet: str, row: int, column: int, value: object) -> dict[str, Rows]:
    """The whole workbook with one cell changed (both counted from 1, as in a spreadsheet)."""
    sheets = {name: [list(one) for one in rows] for name, rows in WHOLE.items()}
    sheets[sheet][row - 1][column - 1] = value
    return sheets


@pytest.fixture
def administrator(system: System) -> Person:
    """An administrator of an installation with a small procedure."""
    return _administrator(system)


def person_of(system: System, login: str) -> Person:
    with system.database.read() as connection:
        return people.load_by_login(connection, login, clock.city_day(system.now(connection)))


def written(system: System) -> dict[str, int]:
    with system.database.read() as connection:
        return {
            table.name: connection.scalar(select(func.count()).select_from(table)) or 0
            for table in (organisation, person, membership, title, job, security_event)
        }


def test_a_whole_workbook_is_imported(system: System, administrator: Person) -> None:
    assert imports.preview(system, administrator, book(WHOLE)).ready
    done = imports.run(system, administrator, book(WHOLE))
    assert {one.sheet.zh: one.rows for one in done.counts} == {
        "机构": 3,
        "单位": 2,
        "人员": 2,
        "任职": 3,
        "历史称号": 2,
    }
    with system.database.read() as connection:
        school = organisations.unit(connection, organisations.find(connection, "U-1").id)
        second = organisations.find(connection, "U-2")
        department = organisations.find(connection, "D-1")
        held = connection.execute(select(title).order_by(title.c.level.desc())).all()
    assert (school.students, school.green_ratio, school.uscc) == (1200, 31.5, "12610402DEM000002F")
    assert second.municipal_department_id == second.parent_id == department.id
    assert [(row.level, str(row.valid_to), row.namer_name) for row in held] == [
        ("county", "2029-02-28", "秦都区人民政府"),
        ("city", "2028-10-16", "市组委会"),
    ]
    assert held[0].proof == {"file": "档案 2024-17"}
    with system.database.read() as connection:
        clerk = people.load_by_login(connection, "qindu-01", date(2026, 12, 31))
        assert clerk.roles == ("county_office", "duty.manager")
        assert people.load_by_login(connection, "qindu-01", date(2027, 1, 1)).roles == ("duty.manager",)


def test_new_people_get_a_password_to_hand_over(system: System, administrator: Person) -> None:
    done = imports.run(system, administrator, book(WHOLE))
    assert [(one.login, one.name) for one in done.accounts] == [("qindu-01", "赵一"), ("school-01", "钱二")]
    for one in done.accounts:
        assert sign_in.sign_in(system, one.login, one.password).person.must_change_password


def test_a_preview_writes_nothing(system: System, administrator: Person) -> None:
    before = written(system)
    preview = imports.preview(system, administrator, book(WHOLE))
    assert preview.ready
    assert sum(one.rows for one in preview.counts) == 12
    assert written(system) == before


@pytest.mark.parametrize(
    ("sheet", "row", "column", "value", "cell", "words"),
    [
        ("机构", 2, 1, None, "A2", "必填"),
        ("机构", 3, 1, "C-1", "A3", "已被使用"),
        ("机构", 2, 3, "城堡", "C2", "市创绿办"),
        ("机构", 2, 4, "999999", "D2", "行政区划"),
        ("机构", 2, 5, "X-9", "E2", "X-9"),
        ("机构", 2, 2, "=1+1", "B2", "公式"),
        ("单位", 2, 5, "12610402DEM000002X", "E2", "校验位"),
        ("单位", 2, 4, "城堡", "D2", "学校"),
        ("单位", 2, 7, "也许", "G2", "是"),
        ("单位", 2, 9, -5, "I2", "整数"),
        ("单位", 2, 10, "很多", "J2", "数字"),
        ("单位", 3, 6, "D-9", "F3", "D-9"),
        ("人员", 2, 1, "有 空格", "A2", "登录名"),
        ("人员", 3, 1, "QINDU-01", "A3", "已有人使用"),
        ("人员", 2, 3, "没有", "C2", "电子邮箱"),
        ("任职", 2, 1, "nobody", "A2", "没有这个人员"),
        ("任职", 2, 2, "城主", "B2", "县创绿办"),
        ("任职", 2, 3, "U-1", "B2", "不设在"),
        ("任职", 2, 3, None, "C2", "单位"),
        ("任职", 2, 4, "昨天", "D2", "日期"),
        ("任职", 2, 5, "2025-12-31", "E2", "早于"),
        ("任职", 2, 1, "admin", "A2", "自己"),
        ("历史称号", 2, 1, "C-1", "A2", "不是单位"),
        ("历史称号", 2, 2, "乡级", "B2", "县级"),
        ("历史称号", 3, 3, "秦绿〔2024〕001号", "C3", "已登记"),
        ("历史称号", 2, 4, "2099-01-01", "D2", "晚于"),
        ("历史称号", 2, 5, None, "E2", "必填"),
        ("历史称号", 3, 7, None, "F3", "命名机关"),
        ("历史称号", 2, 8, 99, "H2", "年"),
        ("历史称号", 2, 9, None, "I2", "必填"),
    ],
)
def test_an_error_is_named_by_its_cell_and_nothing_is_written(
    system: System,
    administrator: Person,
    sheet: str,
    row: int,
    column: int,
    value: object,
    cell: str,
    words: str,
) -> None:
    data = book(changed(sheet, row, column, value))
    before = written(system)
    problems = imports.preview(system, administrator, data).problems
    assert (sheet, cell) in [(one.sheet, one.cell) for one in problems], problems
    (first,) = [one for one in problems if (one.sheet, one.cell) == (sheet, cell)]
    assert words in first.text.zh
    assert first.text.en
    with pytest.raises(Invalid) as caught:
        imports.run(system, administrator, data)
    assert {
        "sheet": sheet,
        "cell": cell,
        "text": first.text.zh,
        "text_en": first.text.en,
    } in caught.value.facts["problems"]
    assert written(system) == before


def test_what_follows_from_an_error_is_not_reported_again(sqlite_system: System) -> None:
    boss = _administrator(sqlite_system)
    problems = imports.preview(sqlite_system, boss, book(changed("单位", 2, 4, "城堡"))).problems
    assert [(one.sheet, one.cell) for one in problems] == [("单位", "D2")]


def test_all_errors_are_named_at_once(sqlite_system: System) -> None:
    boss = _administrator(sqlite_system)
    sheets = changed("机构", 2, 3, "城堡")
    sheets["人员"][1][1] = None
    sheets["单位"][0][1] = "名字"
    sheets["别的"] = [["a"], ["b"]]
    found = imports.preview(sqlite_system, boss, book(sheets)).problems
    places = {(one.sheet, one.cell) for one in found}
    assert {("机构", "C2"), ("人员", "B2"), ("单位", "B1"), ("单位", ""), ("别的", "")} <= places
    # In one row too: a number that is none hides neither a kind, an area, a code nor a credit code there is not.
    row: list[object] = [
        "U-3",
        "某校",
        "999999",
        "城堡",
        "12610402DEM000002X",
        "D-9",
        "也许",
        None,
        "U4",
        None,
    ]
    found = imports.preview(sqlite_system, boss, book({**WHOLE, "单位": [UNITS[0], row]})).problems
    assert [one.cell for one in found if one.sheet == "单位"] == ["C2", "D2", "F2", "E2", "G2", "I2"]
    words = {one.cell: one.text for one in found}
    assert words["I2"].zh == "学生人数“U4”：应为数字"
    sheets = changed("任职", 2, 4, "昨天")
    sheets["任职"][1][1], sheets["任职"][1][2] = "城主", "X-9"
    found = imports.preview(sqlite_system, boss, book(sheets)).problems
    assert [one.cell for one in found] == ["B2", "C2", "D2"]
    assert "+08:00" not in found[2].text.zh


def test_the_template_imports_without_a_complaint_once_filled(sqlite_system: System) -> None:
    boss = _administrator(sqlite_system)
    for language in ("zh", "en"):
        data = imports.template(language)
        preview = imports.preview(sqlite_system, boss, data)
        assert preview.problems == ()
        assert not preview.ready, "it holds no row"
        filled = load_workbook(io.BytesIO(data))
        sheet = filled.worksheets[0]
        headings = [cell.value for cell in sheet[1]]
        values = {"代码": f"X-{language}", "名称": "某局", "机构类别": "市直部门"} | {
            "Code": f"X-{language}",
            "Name": "Bureau",
            "Kind": "Municipal department",
        }
        sheet.append([values.get(str(heading)) for heading in headings])
        target = io.BytesIO()
        filled.save(target)
        assert imports.run(sqlite_system, boss, target.getvalue()).counts[0].rows == 1


def test_titles_wait_for_a_plan_year_and_are_told_once(system: System, administrator: Person) -> None:
    imports.run(system, administrator, book(WHOLE))
    jobs.run_due(system)
    unit = person_of(system, "school-01")
    assert matters.list_matters(system, unit).rows == []
    with system.database.write() as connection:
        at = system.now(connection)
        deployment_id = deployments.in_force(system, connection)
        assert legacy_titles.announce(connection, deployment_id, at=at) == 0
        connection.execute(
            insert(plan_year).values(
                id=new_id(),
                year=2026,
                title="2026",
                state="published",
                total=0,
                created_at=at,
                published_at=at,
            )
        )
        assert legacy_titles.announce(connection, deployment_id, at=at) == 2
        assert legacy_titles.announce(connection, deployment_id, at=at) == 0
    jobs.run_due(system)
    assert [one.title for one in matters.list_matters(system, unit).rows] == ["称号 county"]
    more = {
        "历史称号": [
            TITLES[0],
            ["U-1", "市级", "咸绿〔2025〕7号", "2025-10-10", "咸创绿发〔2025〕7号", None, "市组委会", 5, "x"],
        ]
    }
    imports.run(system, administrator, book(more))
    jobs.run_due(system)
    assert {one.title for one in matters.list_matters(system, unit).rows} == {"称号 county", "称号 city"}


def test_only_administrators_import(system: System, administrator: Person) -> None:
    imports.run(system, administrator, book(WHOLE))
    for verb in (imports.preview, imports.run):
        with pytest.raises(Forbidden):
            verb(system, person_of(system, "qindu-01"), book(WHOLE))


def _administrator(system: System) -> Person:
    town.deploy(system, PROCEDURE)
    commands.add(system, "admin", "管理员", "seven green bridges")
    commands.add_membership(system, "admin", "duty.administrator", None)
    return person_of(system, "admin")
