"""Inspections: teams, sheets, vetoes, grades, rectification (R14, W items)."""

import tomllib
from datetime import date
from typing import Any

import pytest

from service.campaign import indicators, inspections, windows
from service.errors import Invalid
from service.store.identity import recusal
from service.store.ids import new_id
from tests.workflows.applying import (
    act,
    add_post,
    check,
    decide,
    extend,
    form_team,
    inspect,
    report,
    score,
    the_application,
    to_the_office,
)
from tests.workflows.city import City, files_of, rows_of
from tests.workflows.test_applications import arrive
from tests.workflows.titled import sent, tell, year_id

FILES = files_of()
KINDS = (
    *("organ", "enterprise", "school", "hospital", "community", "estate", "village"),
    *("household", "barracks", "hotel", "mall", "park", "urban_village", "other"),
)
ITEMS: list[dict[str, Any]] = tomllib.loads(FILES["work_items.toml"].decode())["items"]


@pytest.mark.parametrize("kind", KINDS)
def test_w_every_work_item_of_a_kind_has_an_indicator_and_each_sheet_totals_100(kind: str) -> None:
    sheet = indicators.read_sheet(FILES, kind)
    scored = {one.work_item for one in sheet.indicators if one.full_score > 0}
    wanted = {one["code"] for one in ITEMS if not one.get("kinds") or kind in one["kinds"]}
    assert wanted <= scored
    assert sum(one.full_score for one in sheet.indicators if one.module != indicators.BONUS) == 100
    assert (
        sum(one.full_score for one in sheet.indicators if one.module == indicators.BONUS) == sheet.bonus_limit
    )


@pytest.mark.parametrize("item", ITEMS, ids=[one["code"] for one in ITEMS])
def test_w_item_binds_bodies_and_is_inspected_at_every_kind_it_concerns(item: dict[str, Any]) -> None:
    bodies = item.get("organisation_kinds") or [
        "county_office",
        "municipal_department",
        "military_subdistrict",
    ]
    assert "county_office" in bodies, "each county's scheme and reports carry it"
    assert item["measure"], "its figure says what it counts"
    for kind in item.get("kinds") or KINDS:
        sheet = indicators.read_sheet(FILES, kind)
        (indicator,) = [one for one in sheet.indicators if one.code == item["code"]]
        assert indicator.full_score > 0


def test_w37_iso_14001_is_a_bonus_and_never_a_veto() -> None:
    sheet = indicators.read_sheet(FILES, "enterprise")
    naming_it = [one for one in sheet.indicators if "ISO 14001" in one.text.zh]
    assert [one.module for one in naming_it] == [indicators.BONUS]
    assert not any("ISO" in one.text.zh for one in sheet.vetoes)
    assert all(one.veto is None for one in sheet.indicators if one.work_item == "W3.7")


def at_the_office(city: City) -> City:
    """The school's application, accepted, on the first day of inspections."""
    to_the_office(city, "school", "education")
    city.move_to("2026-08-11 09:00")
    return city


def result(city: City) -> inspections.Inspection:
    """The school's newest inspection."""
    with city.system.database.read() as connection:
        return inspections.of_subject(connection, the_application(city, "school").id)[-1]


def test_r14_every_applicant_is_inspected(applying: City) -> None:
    at_the_office(applying)
    assert len(applying.waiting("organiser", "Form_team")) == 1


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"team_members": ["inspector-2"]}, "至少 3 人"),
        ({"team_scorers": ["inspector-1"]}, "至少 2 人独立评分"),
        ({"team_scorers": ["inspector-1", "inspector-4"]}, "须是检查组成员"),
        ({"visit_day": "2026-08-10"}, "不能早于今天"),
        ({"visit_day": "2026-09-11"}, "2026-08-11 至 2026-09-10"),
    ],
)
def test_r14_a_team_has_three_members_two_of_whom_score_in_the_window(
    applying: City, changes: dict[str, Any], why: str
) -> None:
    city = at_the_office(applying)
    named = {
        key: [city.people[one].id for one in value] if isinstance(value, list) else value
        for key, value in changes.items()
    }
    with pytest.raises(Invalid, match=why):
        form_team(city, **named)
    assert city.waiting("organiser", "Form_team")


def test_r14_the_last_day_of_the_window_belongs_to_it(applying: City) -> None:
    city = at_the_office(applying)
    form_team(city, "2026-09-10")
    assert not city.waiting("inspector-1", "Score")
    city.move_to("2026-09-10 00:00")
    assert city.waiting("inspector-1", "Score")


def test_r14_who_has_a_relation_to_the_unit_is_not_offered_and_not_taken(applying: City) -> None:
    city = at_the_office(applying)
    add_post(city, "inspector-2", "applicant", city.units["school"])
    with city.system.database.write() as connection:
        connection.execute(
            recusal.insert().values(
                id=new_id(),
                person_id=city.people["inspector-3"].id,
                organisation_id=city.units["school"],
                reason="配偶在该校任教",
                declared_at=city.system.now(connection),
            )
        )
    view = city.task("organiser", "Form_team")
    assert view.form is not None
    offered = {one.value for one in view.filling.sources.options("inspectors", "inspector")}
    assert offered == {city.people["inspector-1"].id, city.people["inspector-4"].id}
    with pytest.raises(Invalid, match="可选范围"):
        form_team(city)
    with city.system.database.read() as connection:
        found = inspections.conflicted(
            connection, city.units["school"], [one.id for one in city.people.values()]
        )
    assert "配偶在该校任教" in found[city.people["inspector-3"].id].zh


def offered(city: City) -> set[str]:
    """Logins of the inspectors a team may be formed of."""
    view = city.task("organiser", "Form_team")
    by_id = {one.id: login for login, one in city.people.items()}
    return {by_id[str(one.value)] for one in view.filling.sources.options("inspectors", "inspector")}


def test_r14_who_recommends_a_unit_does_not_inspect_it(applying: City) -> None:
    city = at_the_office(applying)
    add_post(city, "inspector-2", "recommender", city.bodies["education"])
    assert offered(city) == {"inspector-1", "inspector-3", "inspector-4"}
    with city.system.database.read() as connection:
        away = inspections.barred(
            connection,
            city.units["hotel"],
            [city.people["sanyuan"].id, city.people["qindu"].id],
            recommender_id=city.bodies["sanyuan"],
        )
    assert list(away) == [city.people["sanyuan"].id]


def test_r14_a_relation_declared_after_the_team_was_formed_counts(applying: City) -> None:
    city = at_the_office(applying)
    form_team(city, "2026-08-11")
    score(city, "inspector-1")
    with city.system.database.write() as connection:
        connection.execute(
            recusal.insert().values(
                id=new_id(),
                person_id=city.people["inspector-1"].id,
                organisation_id=city.units["school"],
                reason="配偶在该校任教",
                declared_at=city.system.now(connection),
            )
        )
    with pytest.raises(Invalid, match="须回避：inspector-1已声明回避"):
        score(city, "inspector-2")
    act(city, "organiser", the_application(city, "school"), "更换成员或改期")
    assert "inspector-1" not in offered(city)


def test_r09_a_military_unit_is_inspected_within_its_channel(applying: City) -> None:
    city = applying
    add_post(city, "of-education", "inspector", city.bodies["education"])
    add_post(city, "of-garrison", "inspector", city.bodies["garrison"])
    add_post(city, "of-barracks", "inspector", city.units["barracks"])
    to_the_office(city, "barracks", "garrison")
    city.move_to("2026-08-11 09:00")
    assert "of-education" not in offered(city)
    assert "of-barracks" not in offered(city)
    assert "of-garrison" in offered(city)


def test_g12_an_extension_of_the_inspections_for_a_body_holds_for_its_units(applying: City) -> None:
    city = at_the_office(applying)
    with pytest.raises(Invalid, match="可延期者：市创绿"):
        form_team(city, "2026-09-15")
    extend(city, "inspection", date(2026, 9, 20), body="education")
    form_team(city, "2026-09-15")
    city.move_to("2026-09-15 00:00")
    assert city.waiting("inspector-1", "Score")


def test_g12_who_is_accepted_late_is_inspected_after_the_window(applying: City) -> None:
    city = applying
    arrive(city, "2026-09-08 10:00")
    city.do("education", "explain", "submit", {"late_reason_text": "系统故障未能报送", "reason_class": "system"})
    city.move_to("2026-09-14 10:00")
    city.do(
        "chair",
        "decide_chair",
        "accept",
        {"document_number": "逾1", "decided_on": "2026-09-14", "decision_reason": "确有原因"},
    )
    check(city)
    form_team(city, "2026-09-15")
    city.move_to("2026-09-15 00:00")
    assert city.waiting("inspector-1", "Score")


def test_r14_each_scores_alone(applying: City) -> None:
    city = at_the_office(applying)
    form_team(city, "2026-08-11")
    score(city, "inspector-1", {"W2.2": 3})
    assert not city.waiting("inspector-1", "Score")
    assert not city.waiting("inspector-3", "Score"), "who does not score has no sheet"
    view = city.task("inspector-2", "Score")
    assert not view.filling.data.get("sheet"), "another's sheet is not shown"
    score(city, "inspector-2", {"W2.2": 1})
    report(city, "school")
    assert (result(city).total, result(city).spread, result(city).state) == (98, 2, "passed")


def test_points_are_taken_off_with_a_reason_only(applying: City) -> None:
    city = at_the_office(applying)
    form_team(city, "2026-08-11")
    with pytest.raises(Invalid, match="扣分理由"):
        city.do(
            "inspector-1",
            "Score",
            "submit",
            lambda view: {
                "sheet": rows_of(view, "sheet", awarded=0),
                "site_vetoes": rows_of(view, "site_vetoes"),
                "scored_alone": True,
            },
        )
    with pytest.raises(Invalid, match="不得大于"):
        city.do(
            "inspector-1",
            "Score",
            "submit",
            lambda view: {
                "sheet": rows_of(view, "sheet", awarded=99),
                "site_vetoes": rows_of(view, "site_vetoes"),
                "scored_alone": True,
            },
        )


def far_apart(city: City) -> None:
    """Two sheets whose totals differ by 11."""
    form_team(city, "2026-08-11")
    score(city, "inspector-1", {"W4.1": 6, "W4.2": 5})
    score(city, "inspector-2")


def test_totals_more_than_ten_apart_are_discussed(applying: City) -> None:
    city = at_the_office(applying)
    far_apart(city)
    assert not city.waiting("inspector-1", "Report")
    with pytest.raises(Invalid, match="不得大于"):
        agree(city, 31)
    agree(city, 25)
    report(city, "school")
    assert result(city).total == 95


def agree(city: City, points: float) -> None:
    """Agree on the last module's points, keeping the means of the others."""
    city.do(
        "inspector-1",
        "Consensus",
        "agree",
        lambda view: {
            "agreed_modules": rows_of(
                view,
                "agreed_modules",
                agreed_points=lambda row: points if row.id == "W4" else row.attributes["mean"],
            ),
            "discussion": "讨论后一致",
        },
    )


def test_totals_ten_apart_are_not_discussed(applying: City) -> None:
    city = at_the_office(applying)
    form_team(city, "2026-08-11")
    score(city, "inspector-1", {"W4.1": 5, "W4.2": 5})
    score(city, "inspector-2")
    assert city.waiting("inspector-1", "Report")


@pytest.mark.parametrize(
    ("off", "state"),
    [
        ({"W1.1": 6, "W2.1": 7, "W4.1": 6, "W4.2": 1}, "scored"),
        ({"W1.1": 6, "W2.1": 7, "W4.1": 6, "W4.2": 2}, "inspecting"),
    ],
)
def test_the_pass_mark_of_the_city_level_is_80(applying: City, off: dict[str, float], state: str) -> None:
    city = at_the_office(applying)
    inspect(city, "school", "2026-08-11", off)
    assert the_application(city, "school").state == state
    assert bool(city.waiting("organiser", "Notice")) == (state == "inspecting")


def test_a_module_below_sixty_percent_does_not_pass(applying: City) -> None:
    city = at_the_office(applying)
    inspect(city, "school", "2026-08-11", {"E1": 5, "E2": 4})
    assert result(city).total == 91
    assert city.waiting("organiser", "Notice")


def test_who_is_far_from_the_pass_mark_fails_at_once(applying: City) -> None:
    city = at_the_office(applying)
    inspect(city, "school", "2026-08-11", {"W1.1": 7, "W2.1": 9, "W4.1": 6, "W4.2": 6, "W2.2": 3})
    assert result(city).state == "failed"
    assert the_application(city, "school").state == "inspection_failed"


def to_rectify(city: City) -> None:
    """A notice to rectify, issued."""
    at_the_office(city)
    inspect(city, "school", "2026-08-11", {"E1": 5, "E2": 4})
    city.do("organiser", "Notice", "issue", {"defects": [{"defect": "用水", "demand": "安装器具"}]})


def recheck(city: City, points: float) -> None:
    """The unit gives evidence, the leader rechecks the third module."""
    city.do("of-school", "Evidence", "submit", {"measures_taken": "已装"})
    city.do(
        "inspector-1",
        "Recheck",
        "confirm",
        lambda view: {
            "recheck_modules": rows_of(
                view,
                "recheck_modules",
                recheck_points=lambda row: points if row.id == "W3" else row.attributes["agreed"],
            ),
            "recheck_findings": "复核",
        },
    )


@pytest.mark.parametrize(("points", "state"), [(12, "passed"), (11, "failed")])
def test_rectification_has_one_round(applying: City, points: float, state: str) -> None:
    to_rectify(applying)
    recheck(applying, points)
    assert (result(applying).state, result(applying).rounds) == (state, 1)


def test_r14_a_team_may_be_larger_than_the_least_and_of_an_even_number(applying: City) -> None:
    city = at_the_office(applying)
    ids = [city.people[one].id for one in ("inspector-1", "inspector-2", "inspector-3", "inspector-4")]
    with pytest.raises(Invalid):
        form_team(city, team_members=ids[1:2], team_scorers=ids[:2])
    form_team(city, team_members=ids[1:], team_scorers=ids[:2])
    city.move_to("2026-08-12 09:00")
    assert city.waiting("inspector-1", "Score")
    settings = tomllib.loads(files_of()["settings.toml"].decode())["settings"]
    (least,) = [one for one in settings if one["key"] == "inspection_team_size"]
    assert "不要求单数" in least["help"]


def test_rectification_is_over_at_the_end_of_the_fifteenth_day(applying: City) -> None:
    to_rectify(applying)
    applying.move_to("2026-08-26 23:59")
    assert applying.waiting("of-school", "Evidence")
    applying.move_to("2026-08-27 00:00")
    assert result(applying).state == "failed"
    assert the_application(applying, "school").state == "inspection_failed"


def test_a_veto_found_on_site_rules_a_unit_out(applying: City) -> None:
    city = at_the_office(applying)
    form_team(city, "2026-08-11")
    with pytest.raises(Invalid, match="事实"):
        score(city, "inspector-1", vetoes={"V4": ""})
    score(city, "inspector-1", vetoes={"V4": "伪造台账"})
    score(city, "inspector-2")
    report(city, "school")
    assert (result(city).total, result(city).state) == (100, "failed")


@pytest.mark.parametrize(
    "found",
    [
        {"satisfaction": 59},
        {"record_crime": True},
        {"record_credit": True},
        {"record_accident": True},
        {"record_order": True},
        {"record_dishonest": True},
    ],
)
def test_a_veto_on_record_rules_a_unit_out(applying: City, found: dict[str, Any]) -> None:
    city = at_the_office(applying)
    inspect(city, "school", "2026-08-11", **found)
    assert result(city).state == "failed"


def test_satisfaction_of_sixty_percent_and_a_bad_certificate_are_no_veto(applying: City) -> None:
    city = at_the_office(applying)
    inspect(city, "school", "2026-08-11", satisfaction=60, iso_checked="invalid")
    assert result(city).state == "passed"


@pytest.mark.parametrize("answers", [True, False])
def test_the_unit_may_differ_or_stay_silent(applying: City, answers: bool) -> None:
    city = at_the_office(applying)
    form_team(city, "2026-08-11")
    score(city, "inspector-1")
    score(city, "inspector-2")
    city.do("inspector-1", "Report", "report", {"report_summary": "情况"})
    if answers:
        city.do("of-school", "Acknowledge", "disagree", {"received_by": "张三"}, "对扣分有意见")
    else:
        city.move_to("2026-08-14 23:59")
        assert city.waiting("of-school", "Acknowledge")
        city.move_to("2026-08-15 00:00")
    assert result(city).state == "passed"


def test_a_setting_of_the_year_asks_for_a_larger_team(applying: City) -> None:
    decide(applying, "inspection_team_size", 5)
    city = at_the_office(applying)
    with pytest.raises(Invalid, match="至少 5 人"):
        form_team(city)


@pytest.mark.parametrize("kind", ["county", "reinspection"])
def test_inspections_of_counties_and_of_titles_have_no_window(applying: City, kind: str) -> None:
    city = applying
    tell(
        city,
        "inspection_requested",
        subject_id="subject",
        unit_id=city.units["school"],
        plan_year_id=year_id(city),
        level="county",
        organiser_id=city.bodies["office"],
        kind=kind,
    )
    form_team(city, "2026-03-02")
    score(city, "inspector-1")
    score(city, "inspector-2")
    report(city, "school")
    (told,) = sent(city, "inspection_answered")
    assert (told["key"], told["result"], told["score"]) == ("subject", "pass", 100)


def test_a_team_is_changed_before_the_visit_and_while_it_scores(applying: City) -> None:
    city = at_the_office(applying)
    mine = the_application(city, "school")
    form_team(city, "2026-08-12")
    act(city, "organiser", mine, "检查前更换成员或改期")
    form_team(city, "2026-08-11")
    score(city, "inspector-1", {"W2.2": 3})
    act(city, "organiser", mine, "更换成员或改期")
    third = [city.people[one].id for one in ("inspector-3", "inspector-4")]
    form_team(city, "2026-08-11", team_members=third, team_scorers=third)
    assert not city.waiting("inspector-1", "Score")
    score(city, "inspector-3")
    score(city, "inspector-4")
    report(city, "school")
    assert result(city).total == 100
