"""Board and documents over a year that was really run: each number leads to its list, papers say what was decided."""

import io
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from openpyxl import load_workbook
from sqlalchemy import select

from service import clock
from service.campaign import titles
from service.identity import duties, people, sessions
from service.identity.people import Person
from service.store import procedure as tables
from tests.conftest import settings_for
from tests.web.conftest import Visitor
from tests.workflows import applying, test_filing
from tests.workflows import city as cities
from tests.workflows.city import City
from web import session_cookie
from web.app import create_app


@dataclass
class Campaign:
    """A year in which a school was named, a military unit is asked to correct, and a county filed."""

    city: City

    def visitor(self, who: str | None) -> Visitor:
        client = create_app(self.city.system, options={"TESTING": True}).test_client()
        if who is not None:
            person: Person = self.city.people[who]
            with self.city.system.database.write() as connection:
                token = sessions.begin(connection, person.id, clock.system_now())
            client.set_cookie(session_cookie.NAME, token)
        return Visitor(client)

    def matter_of(self, unit: str) -> str:
        return applying.the_application(self.city, unit).matter_id

    def task(self, unit: str, form: str) -> str:
        return self.submission(self.matter_of(unit), form)

    def submission(self, matter: str, form: str) -> str:
        with self.city.system.database.read() as connection:
            found = connection.scalars(
                select(tables.task.c.id).where(
                    tables.task.c.matter_id == matter,
                    tables.task.c.form == form,
                    tables.task.c.state == "done",
                )
            ).first()
        assert found is not None
        return str(found)


@pytest.fixture(scope="module")
def campaign(worker_folder: Path) -> Iterator[Campaign]:
    folder = worker_folder / "campaign"
    folder.mkdir()
    where = settings_for(folder, f"sqlite:///{folder / 'chuanglv.sqlite3'}")
    cities.build(where)
    city = applying.open_applying(where, "county_filing")
    applying.begin(city, "barracks")
    applying.begin(city, "school")
    city.move_to("2026-07-02 09:00")
    for unit, body in (("barracks", "garrison"), ("school", "education")):
        applying.fill(city, unit)
        applying.review(city, body)
        applying.forward(city, body)
        applying.check(city, "correct" if unit == "barracks" else "accept")
    city.move_to("2026-08-11 09:00")
    applying.inspect(city, "school")
    applying.deliberate(city)
    applying.post(city)
    city.move_to("2026-08-20 09:00")
    city.do("poster", "Conclude", "close", {"closing_text": "无异议"})
    applying.name_them(city)
    test_filing.name(city, "2026-08-20")
    test_filing.submit(city)
    with city.system.database.write() as connection:
        now = city.system.now(connection)
        person_id = people.insert_person(connection, "boss", "管理者", at=now)
        people.insert_membership(connection, person_id, duties.MANAGER, None, at=now)
        city.people["boss"] = people.load(connection, person_id, clock.city_day(now))
    yield Campaign(city)
    city.system.database.dispose()
    shutil.rmtree(folder)


def test_the_board_is_for_offices_and_not_for_units(campaign: Campaign) -> None:
    for address in ("/board/", "/board/applications", "/board/settings"):
        assert campaign.visitor("of-school").get(address).status_code == 404
        assert campaign.visitor("clerk").get(address).status_code == 200
    phase = 'class="cl-phase-now" href="/board/"'
    assert phase in campaign.visitor("clerk").get("/").text
    assert 'href="/board/' not in campaign.visitor("of-school").get("/").text


def test_every_number_of_the_board_is_as_long_as_its_list(campaign: Campaign) -> None:
    visitor = campaign.visitor("clerk")
    page = visitor.get("/board/").text
    links = re.findall(r'<a href="(/board/applications\?[^"]+)">(\d+)</a>', page)
    assert len(links) >= 6
    for address, number in links:
        listed = visitor.get(address.replace("&amp;", "&")).text
        counted = re.search(r'<h1>申报单位 <span class="cl-count">(\d+)<', listed)
        assert counted is not None
        assert counted[1] == number, address


def test_the_board_shows_phases_targets_and_work_items(campaign: Campaign) -> None:
    page = campaign.visitor("boss").get("/board/").text
    assert page.count('class="is-done"') == 3
    assert 'aria-current="step"' in page
    assert "1/22" in page
    # An application its diagram has said nothing of yet is not called by the name of a state.
    assert not re.search(r"</b> [a-z_]+</a>", page)
    for code in ("W1.1", "W3.10", "W4.7"):
        assert f">{code}</a>" in page


def test_r09_lists_name_a_military_unit_in_its_channel_only(campaign: Campaign) -> None:
    address = "/board/applications?milestone=forwarded"
    outside = campaign.visitor("boss").get(address).text
    assert "某涉军单位" in outside
    assert "演示barracks" not in outside
    reader = campaign.visitor("boss")
    reader.get("/language/en")
    assert "A military unit" in reader.get(address).text
    assert "演示barracks" in campaign.visitor("garrison").get(address).text
    other = campaign.visitor("education").get(address).text
    assert "您无权查看" in other
    assert "涉军" not in other


def test_r09_who_reads_all_sees_how_far_a_military_units_matter_is_and_no_more(campaign: Campaign) -> None:
    page = campaign.visitor("boss").get(f"/matters/{campaign.matter_of('barracks')}")
    assert page.status_code == 200
    assert "某涉军单位" in page.text
    for secret in ("演示barracks", "of-barracks", "补交"):
        assert secret not in page.text


def test_settings_stand_beside_their_sources(campaign: Campaign) -> None:
    page = campaign.visitor("clerk").get("/board/settings").text
    assert "计划原文四（三）" in page
    assert "个工作日" in page
    # Choices, kinds and windows by what they are called, in the reader's language.
    for code in ("county_office", "target", "real_name", "facts"):
        assert f">{code}" not in page
        assert f"{code}：" not in page
    visitor = campaign.visitor("clerk")
    visitor.get("/language/en")
    assert "By real name, or with facts" in visitor.get("/board/settings").text


def test_an_application_form_prints_what_was_filled_in_and_said(campaign: Campaign) -> None:
    matter = campaign.matter_of("school")
    visitor = campaign.visitor("clerk")
    offered = visitor.get(f"/documents/matter/{matter}").text
    assert "绿色单位申报表" in offered
    assert "受理回执" in offered
    page = visitor.get(
        f"/documents/matter/{matter}/application/{campaign.task('school', 'application_form')}"
    )
    assert "2026年度绿色单位申报表" in page.text
    assert "人民路1号" in page.text
    text = re.sub(r"\s*<[^>]+>\s*", "|", page.text)
    for label, value in (("申报单位", "演示school"), ("申报级别", "市级"), ("推荐单位", "市教育局")):
        assert re.search(rf"\|{label}\|+{value}\|", text), label
    assert "填报单位（盖章）：演示school" in page.text
    opinions = page.text.split('class="dc-table dc-opinions"')[1]
    assert re.findall(r'<th scope="row">([^<]+)', opinions) == ["推荐单位意见", "市创绿办审查意见"]
    assert "同意推荐" in opinions
    assert "<style" not in page.text
    visitor.get("/language/en")
    english = visitor.get(page.request.path).text
    assert english.split('lang="zh-CN">')[1] == page.text.split('lang="zh-CN">')[2], (
        "a document is in Chinese, whoever prints it"
    )


def test_a_finished_matter_leads_to_its_results(campaign: Campaign) -> None:
    visitor = campaign.visitor("of-school")
    page = visitor.get(f"/matters/{campaign.matter_of('school')}").text
    happened = page.split('id="timeline"')[1]
    shown = re.sub(r'<details class="cl-fold">.*?</details>', "", happened, flags=re.DOTALL)
    assert "等待公示结果" in happened
    assert "等待公示结果" not in shown
    assert "签收检查结果" in shown
    results = page.split('id="results"')[1].split("</section>")[0]
    assert re.findall(r"<strong>(证书|命名决定|公示)", results) == ["证书", "命名决定", "公示"]
    for address in re.findall(r'href="([^"]+)"', results):
        assert visitor.get(address).status_code == 200, address
    assert (
        'id="results"'
        not in campaign.visitor("of-barracks").get(f"/matters/{campaign.matter_of('barracks')}").text
    )


def test_the_unit_reads_its_points_with_their_sum_and_the_pass_mark(campaign: Campaign) -> None:
    matter, task = campaign.matter_of("school"), campaign.task("school", "inspection_acknowledgement")
    page = campaign.visitor("of-school").get(f"/matters/{matter}/submissions/{task}").text
    read = dict(re.findall(r"<dt>([^<]+)</dt>\s*<dd>(?:<[^>]+>)*([^<]*)", page))
    assert float(read["总分"]) >= float(read["合格分"]) > 0
    assert read["达到合格分"] == "是"
    assert read["一票否决事项数"] == "0"


def test_a_notice_of_what_is_missing_lists_each_thing(campaign: Campaign) -> None:
    matter, task = campaign.matter_of("barracks"), campaign.task("barracks", "office_check")
    letter = campaign.visitor("garrison").get(f"/documents/matter/{matter}/deficiency/{task}").text
    assert "一次性补正告知书" in letter
    assert "演示barracks：" in letter
    assert "合同" in letter
    assert "补交" in letter
    with campaign.city.system.database.read() as connection:
        due = connection.scalars(
            select(tables.task.c.due_at)
            .where(tables.task.c.matter_id == matter, tables.task.c.form == "application_form")
            .order_by(tables.task.c.created_at.desc())
        ).first()
    assert due is not None
    day = (due.astimezone(clock.CITY_ZONE) - timedelta(minutes=1)).date()
    assert f"请在{day.year}年{day.month}月{day.day}日24时前补正" in letter
    for outside in ("boss", "education"):
        answer = campaign.visitor(outside).get(f"/documents/matter/{matter}/deficiency/{task}")
        assert answer.status_code == 404
    wrong = campaign.visitor("clerk").get(f"/documents/matter/{matter}/receipt/{task}")
    assert wrong.status_code == 404


def test_r23_a_naming_decision_has_its_number_and_its_list(campaign: Campaign) -> None:
    visitor = campaign.visitor("clerk")
    register = visitor.get("/documents/").text
    address = re.search(r'href="(/documents/decision\?number=[^"]+)">咸创绿发〔2026〕1号', register)
    assert address is not None
    page = visitor.get(address[1]).text
    assert "<span>市创绿组委会</span><span>文件</span>" in page
    assert "演示school" in page
    assert "2026年8月20日" in page
    assert "一、学校（1个）" in page
    assert visitor.get("/documents/decision?number=none").status_code == 404


def test_a_certificate_leads_to_its_verification(campaign: Campaign) -> None:
    with campaign.city.system.database.read() as connection:
        held = titles.current(connection, campaign.city.units["school"], "city")
    assert held is not None
    page = campaign.visitor("of-school").get(f"/documents/certificate/{held.id}").text
    assert "<svg" in page
    assert " style=" not in page
    assert f"/verify/title/{held.verification_code}" in page
    assert "2031年8月20日" in page
    public = campaign.visitor(None).get(f"/verify/title/{held.verification_code}").text
    assert "称号有效" in public
    assert "市级命名" in public
    assert campaign.visitor("garrison").get(f"/documents/certificate/{held.id}").status_code == 404


def test_r29_a_filing_roster_is_a_spreadsheet_of_what_was_typed(campaign: Campaign) -> None:
    visitor = campaign.visitor("clerk")
    address = re.search(r"/documents/filing/[0-9a-f]+\.xlsx", visitor.get("/documents/").text)
    assert address is not None
    book = load_workbook(io.BytesIO(visitor.get(address[0]).data))
    rows = [
        [cell for cell in row if cell is not None] for row in book.worksheets[0].iter_rows(values_only=True)
    ]
    assert rows[0] == ["秦都区创绿办2026年县级绿色文明示范单位备案名册"]
    assert rows[3][1:3] == ["village", "村"]
    assert "演示联系人" in rows[3]
    assert campaign.visitor("sanyuan").get(address[0]).status_code == 404


def test_every_document_a_matter_offers_can_be_opened(campaign: Campaign) -> None:
    with campaign.city.system.database.read() as connection:
        matters = list(connection.scalars(select(tables.matter.c.id)))
    opened = set()
    visitor = campaign.visitor("clerk")
    for matter in matters:
        page = visitor.get(f"/documents/matter/{matter}").text
        for address in re.findall(r'<li><a href="(/documents/[^"]+)">', page):
            answer = visitor.get(address)
            assert answer.status_code == 200, address
            opened.add(address.split("/")[2].partition("?")[0] + answer.mimetype.rpartition(".")[2])
    assert opened == {"mattertext/html", "decisiontext/html", "filingsheet"}
    filing = next(
        one for one in matters if "/documents/filing/" in visitor.get(f"/documents/matter/{one}").text
    )
    task = campaign.submission(filing, "county_filing")
    assert visitor.get(f"/documents/matter/{filing}/roster/{task}").status_code == 404


def test_a_notice_that_is_over_stays_readable(campaign: Campaign) -> None:
    public = campaign.visitor(None)
    assert "现在没有公示" in public.get("/verify/notices").text
    listed = public.get("/verify/notices?all=1").text
    address = re.search(r'href="(/verify/notices/[0-9a-f]+)"', listed)
    assert address is not None
    assert "演示school" in public.get(address[1]).text
