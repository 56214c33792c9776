"""What the public reads of titles: verdicts, redaction, search, open data; nobody signs in."""

import csv
import io
import re
from dataclasses import dataclass
from datetime import date, timedelta

import pytest
from flask import Flask

from service import clock, deployments
from service.campaign import titles
from service.campaign.titles import Title
from service.identity import directory
from service.system import System
from tests.web.conftest import PROCEDURES, Visitor
from web.app import create_app
from web.pages import verify


@dataclass
class Register:
    """Units with titles, and the public's browser."""

    system: System
    app: Flask
    today: date

    def public(self) -> Visitor:
        return Visitor(self.app.test_client())

    def unit(self, name: str, *, military: bool = False, public: bool = True) -> str:
        with self.system.database.write() as connection:
            unit_id = directory.insert_organisation(
                connection,
                code=f"U-{name}",
                name=name,
                kind="unit",
                area_code="610402",
                valid_from=date(2019, 1, 1),
            )
            directory.insert_profile(
                connection,
                unit_id,
                {"unit_kind": "school", "military": military, "public": public and not military},
                at=self.system.now(connection),
            )
            return unit_id

    def title(self, unit_id: str, name: str, number: str, *, years: int | None = 5, since: int = 30) -> Title:
        with self.system.database.write() as connection:
            return titles.grant(
                connection,
                unit_id=unit_id,
                unit_name=name,
                level="city",
                number=number,
                namer_id=None,
                namer_name="市创绿组委会",
                decided_on=self.today - timedelta(days=since),
                decision_number="咸创绿发〔2026〕1号",
                years=years,
                at=self.system.now(connection),
            )

    def becomes(self, held: Title, state: str, reason: str) -> None:
        with self.system.database.write() as connection:
            titles.set_state(
                connection,
                held.id,
                state,
                reason=reason,
                decided_by="市创绿组委会",
                decision_number="咸创绿发〔2026〕9号",
                decided_on=self.today,
                at=self.system.now(connection),
            )


@pytest.fixture
def register(system: System) -> Register:
    deployments.publish(system, deployments.read_folder(PROCEDURES / "desk"), note="t", by=None)
    with system.database.read() as connection:
        today = clock.city_day(system.now(connection))
    return Register(system, create_app(system, options={"TESTING": True}), today)


def test_a_valid_title_is_verified_by_number_and_by_code(register: Register) -> None:
    held = register.title(register.unit("渭滨小学"), "渭滨小学", "咸绿市〔2026〕001号")
    for what in (held.number, held.verification_code):
        answer = register.public().get(f"/verify/title/{what}")
        assert answer.status_code == 200
        assert "称号有效" in answer.text
        assert "渭滨小学" in answer.text
        assert "秦都区" in answer.text


@pytest.mark.parametrize(
    ("state", "reason", "words"),
    [
        ("pending_reinspection", "五年期满", "有效期届满，待复查"),
        ("suspended", "核查事故", "称号暂停，正在核查"),
        ("revoked", "重大污染事故", "称号已取消"),
        ("ended", "单位撤销", "称号已终止"),
    ],
)
def test_a_title_that_is_not_valid_says_so(register: Register, state: str, reason: str, words: str) -> None:
    held = register.title(register.unit("渭滨小学"), "渭滨小学", "A-1")
    register.becomes(held, state, reason)
    page = register.public().get("/verify/title/A-1").text
    assert f"<h1>{words}</h1>" in page
    # What somebody wrote as the reason may name people; the public reads the procedure and the document.
    assert reason not in page
    assert "咸创绿发〔2026〕9号" in page


def test_a_title_past_its_last_day_is_not_shown_as_valid(register: Register) -> None:
    unit = register.unit("渭滨小学")
    held = register.title(unit, "渭滨小学", "A-1", years=1, since=364)
    assert "<h1>称号有效</h1>" in register.public().get("/verify/title/A-1").text
    assert held.valid_to is not None
    assert held.valid_to >= register.today
    register.title(register.unit("秦都小学"), "秦都小学", "A-2", years=1, since=367)
    assert "<h1>有效期已过</h1>" in register.public().get("/verify/title/A-2").text


def test_a_replaced_title_leads_to_the_new_one(register: Register) -> None:
    unit = register.unit("渭滨小学")
    old = register.title(unit, "渭滨小学", "A-1")
    register.becomes(old, "ended", "更名换证")
    register.title(unit, "渭滨中心小学", "A-2")
    page = register.public().get("/verify/title/A-1").text
    assert "已由新称号取代" in page
    assert "/verify/title/A-2" in page


def test_an_unknown_number_is_no_title(register: Register) -> None:
    answer = register.public().get("/verify/title/%3Cscript%3E")
    assert answer.status_code == 404
    assert "查无此编号" in answer.text
    assert "<script>" not in answer.text.partition("<main")[2]


def test_r09_a_military_unit_shows_neither_name_nor_place(register: Register) -> None:
    unit = register.unit("某部第九营区", military=True)
    held = register.title(unit, "某部第九营区", "M-1")
    register.becomes(held, "suspended", "第九营区火灾")
    public = register.public()
    for address in ("/verify/", "/verify/title/M-1", "/verify/register.csv", "/verify/register.json"):
        page = public.get(address).text
        assert "第九营区" not in page
    assert "某涉军单位" in public.get("/verify/title/M-1").text
    assert "秦都区" not in public.get("/verify/title/M-1").text
    for asked in ("text=第九", "area=610402", "kind=school"):
        assert "M-1" not in public.get(f"/verify/?{asked}").text
    assert "M-1" in public.get("/verify/?level=city").text


def test_a_unit_that_may_not_be_published_is_withheld(register: Register) -> None:
    register.title(register.unit("张三家庭", public=False), "张三家庭", "H-1")
    assert "张三" not in register.public().get("/verify/").text
    assert "名称不公开的单位" in register.public().get("/verify/title/H-1").text


def test_r01_the_public_searches_the_register_by_area_kind_level_state_and_name(register: Register) -> None:
    register.title(register.unit("渭滨小学"), "渭滨小学", "A-1")
    revoked = register.title(register.unit("秦都小学"), "秦都小学", "A-2")
    register.becomes(revoked, "revoked", "事故")
    public = register.public()
    assert "A-1" in public.get("/verify/?area=610402&kind=school&level=city&verdict=valid&text=渭滨").text
    only = public.get("/verify/?verdict=revoked").text
    assert "A-2" in only
    assert "A-1" not in only
    assert "没有符合条件" in public.get("/verify/?area=610422").text
    assert public.get("/verify/?number=A-1").headers["Location"].endswith("/verify/title/A-1")


def test_the_public_finds_the_register_from_the_sign_in_page_and_turns_its_pages(register: Register) -> None:
    for number in range(verify.ROWS + 1):
        register.title(register.unit(f"渭滨{number}校"), f"渭滨{number}校", f"B-{number:02}")
    public = register.public()
    assert 'href="/verify/"' in public.get("/sign-in").text
    first = public.get("/verify/").text
    assert first.count("/verify/title/") == verify.ROWS
    following = re.search(r'href="([^"]+)">下一页', first)
    assert following is not None
    second = public.get(following[1].replace("&amp;", "&")).text
    assert f"B-{verify.ROWS}" in second
    assert second.count("/verify/title/") == 1


def test_open_data_is_csv_and_json(register: Register) -> None:
    register.title(register.unit("渭滨小学"), "=cmd|' /C calc'!A0", "A-1")
    answer = register.public().get("/verify/register.csv")
    assert answer.mimetype == "text/csv"
    rows = list(csv.DictReader(io.StringIO(answer.data.decode("utf-8-sig"))))
    assert rows[0]["number"] == "A-1"
    assert rows[0]["unit"].startswith("'=")
    facts = register.public().get("/verify/register.json").json
    assert facts["titles"][0]["state"] == "valid"
    assert facts["as_of"] == register.today.isoformat()


def test_r01_notices_are_public_while_they_are_open(register: Register) -> None:
    assert "现在没有公示" in register.public().get("/verify/notices").text
    assert register.public().get("/verify/notices/nothing").status_code == 404


def test_a_stranger_gets_no_page_of_the_office(register: Register) -> None:
    for address in ("/board/", "/documents/", "/admin/people", "/designer/"):
        assert "/sign-in" in register.public().get(address).headers["Location"]
