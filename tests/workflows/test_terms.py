"""The term of a title: last day, reminders, self-checks, re-inspection, renewal, cancellation (R24, R25, R28)."""

import shutil
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import select

from service.campaign import titles
from service.errors import Conflict
from service.store import procedure as tables
from service.store.title import plaque, self_check
from tests.conftest import settings_for
from tests.workflows.applying import suspend
from tests.workflows.city import City
from tests.workflows.titled import (
    begin_year,
    decisions,
    grant,
    open_titled,
    sent,
    set_setting,
    tell,
    title,
    waits_for,
    year_id,
)


def status(city: City, process: str) -> list[str]:
    """What the matters of a process say of themselves."""
    with city.system.database.read() as connection:
        rows = connection.scalars(
            select(tables.matter.c.status_zh)
            .where(tables.matter.c.process_key == process)
            .order_by(tables.matter.c.opened_at)
        )
        return [str(one) for one in rows]


def checks(city: City, title_id: str) -> dict[int, str]:
    """What was recorded of a title's self-checks."""
    with city.system.database.read() as connection:
        rows = connection.execute(select(self_check).where(self_check.c.title_id == title_id))
        return {row.year: row.state for row in rows}


def decide(
    city: City,
    who: str,
    step: str,
    outcome: str,
    on: str,
    number: str = "决〔2031〕9号",
    reason: str = "依据复查结果",
) -> None:
    """A naming body decides."""
    city.do(
        who,
        step,
        outcome,
        {"decision_number": number, "decided_on": on, "reason": reason, "document": []},
        opinion="经研究决定",
    )


def take_part(city: City, unit: str) -> None:
    """A unit asks for its re-inspection."""
    city.do(
        f"of-{unit}",
        "Self_check",
        "submit",
        {"self_score": 92, "report": "巩固提高", "no_incident": True, "materials": []},
    )


def inspected(city: City, result: str) -> None:
    """The inspection answers whoever waits for it."""
    for key in waits_for(city, "inspection_answered"):
        tell(city, "inspection_answered", key, result=result, score=90, inspection_id="i")


@pytest.mark.parametrize(
    ("decided_on", "years", "last_day"),
    [
        # Civil Code 201, 202: the day of the decision is not counted; without a corresponding day the month's end.
        ("2024-02-29", 5, "2029-02-28"),
        ("2024-02-29", 4, "2028-02-29"),
        ("2026-03-01", 5, "2031-03-01"),
    ],
)
def test_r24_last_day(titled: City, decided_on: str, years: int, last_day: str) -> None:
    made = grant(titled, "village", "county", on=decided_on, years=years)
    assert str(title(titled, made).valid_to) == last_day


def test_r24_valid_through_its_last_minute_then_pending(titled: City) -> None:
    made = grant(titled, "village", "county", on="2024-02-29")
    titled.move_to("2029-02-28 23:59")
    assert title(titled, made).state == "active"
    assert title(titled, made).counts_on(date(2029, 2, 28))
    titled.move_to("2029-03-01 00:00")
    assert title(titled, made).state == "pending_reinspection"
    # What is pending is no title for a higher application, and no timer ever takes it away.
    assert not title(titled, made).counts_on(date(2029, 3, 1))
    titled.move_to("2032-03-01 00:00")
    assert title(titled, made).state == "pending_reinspection"


def test_r24_national_titles_have_no_term(titled: City) -> None:
    made = grant(titled, "school", "nation", on="2026-03-01", years=None)
    titled.move_to("2034-03-01 00:00")
    assert title(titled, made).state == "active"
    assert titled.open_processes("reinspection") == 0
    assert set(checks(titled, made)) == set(range(2027, 2034))


def test_r28_opens_180_days_before_the_end_and_reminds(titled: City) -> None:
    grant(titled, "village", "county", on="2026-03-01")
    titled.move_to("2030-09-01 23:59")
    assert titled.open_processes("reinspection") == 0
    titled.move_to("2030-09-02 00:00")
    assert titled.open_processes("reinspection") == 1
    due = titled.waiting("of-village", "Self_check")[0].due_at
    assert due is not None
    assert due.isoformat() == "2031-03-01T16:00:00+00:00"
    for day, left in (("2030-12-01", 90), ("2031-01-30", 30), ("2031-02-22", 7)):
        titled.move_to(f"{day} 00:00")
        assert status(titled, "title_term") == [f"将于 2031-03-01 到期（提前 {left} 天提醒）"]
    assert titled.open_processes("reinspection") == 1


@pytest.mark.parametrize("reminders", [[], [7], [400, 7]])
def test_r28_a_reinspection_begins_whatever_the_reminders_are(titled: City, reminders: list[int]) -> None:
    set_setting(titled, "expiry_reminders", value=reminders)
    set_setting(titled, "reinspection_opens_before", value=100)
    grant(titled, "village", "county", on="2026-03-01")
    titled.move_to("2030-11-20 23:59")
    assert titled.open_processes("reinspection") == 0
    titled.move_to("2030-11-21 00:00")
    assert titled.open_processes("reinspection") == 1
    titled.move_to("2031-03-02 00:00")
    assert titled.open_processes("reinspection") == 1


def test_r28_passed_in_time_is_renewed_from_its_last_day(titled: City) -> None:
    made = grant(titled, "village", "county", on="2026-03-01", namer="qindu-government")
    titled.move_to("2030-10-01 09:00")
    take_part(titled, "village")
    assert [one["kind"] for one in sent(titled, "inspection_requested")] == ["reinspection"]
    assert [one["organiser_id"] for one in sent(titled, "inspection_requested")] == [titled.bodies["qindu"]]
    inspected(titled, "pass")
    decide(titled, "mayor", "Decide_county", "renew", "2030-10-01")
    renewed = title(titled, made)
    assert (renewed.state, renewed.term, str(renewed.valid_to)) == ("active", 2, "2036-03-01")
    titled.move_to("2036-03-02 00:00")
    assert title(titled, made).state == "pending_reinspection"
    assert status(titled, "reinspection")[0] == "复查合格，称号保留"
    assert titled.open_processes("reinspection") == 1


def test_r28_passed_late_is_renewed_from_the_decision(titled: City) -> None:
    made = grant(titled, "school", "city", on="2026-03-01", namer="committee")
    titled.move_to("2031-03-05 09:00")
    take_part(titled, "school")
    inspected(titled, "pass")
    decide(titled, "chair", "Decide_city", "renew", "2031-03-05")
    assert str(title(titled, made).valid_to) == "2036-03-05"


def test_r28_failed_is_cancelled_by_the_naming_body(titled: City) -> None:
    made = grant(titled, "village", "county", on="2026-03-01", namer="qindu-government")
    titled.move_to("2030-10-01 09:00")
    take_part(titled, "village")
    inspected(titled, "fail")
    assert status(titled, "reinspection") == ["复查不合格，建议取消称号"]
    assert title(titled, made).state == "active"
    decide(titled, "mayor", "Decide_county", "cancel", "2030-10-01")
    assert decisions(titled, made)[-1] == ("revoked", "决〔2031〕9号")
    assert [one["cause"] for one in sent(titled, "title_lost")] == ["reinspection"]
    assert titled.open_processes("title_term") == 0
    titled.do("qindu", "Recall", "recalled", {"recalled_on": "2030-10-01", "note": None, "photo": []})
    titled.move_to("2030-10-01 18:00")
    assert titled.ended_at("revocation_cascade") == ["End"]


@pytest.mark.parametrize("gives_up", [False, True])
def test_r28_absent_is_cancelled_by_a_decision_never_by_a_timer(titled: City, *, gives_up: bool) -> None:
    made = grant(titled, "school", "city", on="2026-03-01", namer="committee")
    titled.move_to("2031-05-30 23:59")
    assert [one.element_id for one in titled.waiting("of-school")] != []
    if gives_up:
        titled.do("of-school", "Self_check", "decline", {}, opinion="不再保留称号")
    else:
        titled.move_to("2031-05-31 00:00")
        titled.move_to("2034-01-01 00:00")
    assert title(titled, made).state == "pending_reinspection"
    today = titled.now().date().isoformat()
    decide(titled, "chair", "Decide_city", "cancel", today)
    assert title(titled, made).state == "revoked"
    titled.do(
        "education",
        "Recall",
        "missing",
        {"recalled_on": today, "note": None, "photo": []},
        opinion="牌匾已毁",
    )
    with titled.system.database.read() as connection:
        assert connection.scalar(select(plaque.c.state).where(plaque.c.title_id == made)) == "lost"


@pytest.mark.parametrize("result", ["fail", "absent", "declined"])
def test_r28_who_did_not_pass_is_not_kept_but_may_be_inspected_once_more(titled: City, result: str) -> None:
    made = grant(titled, "school", "city", on="2026-03-01", namer="committee")
    titled.move_to("2031-02-20 09:00")
    if result == "fail":
        take_part(titled, "school")
        inspected(titled, "fail")
    elif result == "declined":
        titled.do("of-school", "Self_check", "decline", {}, opinion="不再保留称号")
    else:
        titled.move_to("2031-05-31 00:00")
    today = titled.now().date().isoformat()
    with pytest.raises(Conflict) as refusal:
        decide(titled, "chair", "Decide_city", "renew", today)
    assert "没有通过复查的，不能保留称号" in refusal.value.text.zh
    titled.do("chair", "Decide_city", "again", {}, opinion="整改后再查一次")
    take_part(titled, "school")
    inspected(titled, "fail")
    with pytest.raises(Conflict) as twice:
        titled.do("chair", "Decide_city", "again", {}, opinion="再查一次")
    assert "已经重新复查过一次" in twice.value.text.zh
    decide(titled, "chair", "Decide_city", "cancel", today)
    assert title(titled, made).state == "revoked"


def test_r28_who_passes_the_second_time_keeps_the_title(titled: City) -> None:
    made = grant(titled, "school", "city", on="2026-03-01", namer="committee")
    titled.move_to("2031-05-31 00:00")
    titled.do("chair", "Decide_city", "again", {}, opinion="给予一次机会")
    # Sixty days, and absent again only after them.
    due = titled.waiting("of-school", "Self_check")[0].due_at
    assert due is not None
    assert due.isoformat() == "2031-07-30T16:00:00+00:00"
    titled.move_to("2031-07-30 23:59")
    take_part(titled, "school")
    inspected(titled, "pass")
    decide(titled, "chair", "Decide_city", "renew", "2031-07-30")
    assert (title(titled, made).state, str(title(titled, made).valid_to)) == ("active", "2036-07-30")


def test_r28_absent_the_second_time_is_put_to_decision_again(titled: City) -> None:
    grant(titled, "school", "city", on="2026-03-01", namer="committee")
    titled.move_to("2031-05-31 00:00")
    titled.do("chair", "Decide_city", "again", {}, opinion="给予一次机会")
    titled.move_to("2031-07-31 00:00")
    assert titled.waiting("of-school", "Self_check") == []
    assert status(titled, "reinspection") == ["未参加复查，建议取消称号"]
    assert len(titled.waiting("chair", "Decide_city")) == 1


def test_r28_a_title_from_above_kept_without_a_pass_is_not_recorded_as_passed(titled: City) -> None:
    made = grant(titled, "school", "province", on="2026-03-01", years=4)
    titled.move_to("2029-12-01 09:00")
    take_part(titled, "school")
    inspected(titled, "fail")
    decide(titled, "province", "Decide_province", "renew", "2029-12-01", reason="省级另行检查合格")
    with titled.system.database.read() as connection:
        last = titles.changes(connection, made)[-1]
    assert last.reason == "未通过复查，命名机关决定保留：省级另行检查合格"
    assert status(titled, "reinspection") == ["未通过复查，省级命名机关决定保留称号"]


def test_r28_a_suspended_title_that_passes_is_kept_and_stays_suspended(titled: City) -> None:
    made = grant(titled, "village", "county", on="2026-03-01", namer="qindu-government")
    titled.move_to("2030-10-01 09:00")
    take_part(titled, "village")
    inspected(titled, "pass")
    suspend(titled, made)
    decide(titled, "mayor", "Decide_county", "renew", "2030-10-01")
    kept = title(titled, made)
    assert (kept.state, kept.term, str(kept.valid_to)) == ("suspended", 2, "2036-03-01")
    assert not kept.counts_on(date(2030, 10, 1))
    assert status(titled, "reinspection") == ["复查合格，称号保留，仍暂停"]
    # Its new term runs: the end of the first one is no end any more.
    titled.move_to("2031-03-02 00:00")
    assert title(titled, made).state == "suspended"
    assert titled.open_processes("reinspection") == 0


@pytest.mark.parametrize("level", ["province", "nation"])
@pytest.mark.parametrize(("outcome", "state"), [("cancel", "revoked"), ("renew", "active")])
def test_r28_titles_from_above_are_decided_above(titled: City, level: str, outcome: str, state: str) -> None:
    set_setting(titled, "validity_nation", value=6)
    made = grant(titled, "school", level, on="2026-03-01", years=4)
    titled.move_to("2029-12-01 09:00")
    take_part(titled, "school")
    inspected(titled, "fail" if outcome == "cancel" else "pass")
    decide(titled, level, f"Decide_{level}", outcome, "2029-12-01")
    assert title(titled, made).state == state
    assert title(titled, made).term == (2 if outcome == "renew" else 1)


def test_r28_renewed_without_an_end_where_the_year_knows_none(titled: City) -> None:
    made = grant(titled, "school", "nation", on="2026-03-01", years=4)
    titled.move_to("2029-12-01 09:00")
    take_part(titled, "school")
    inspected(titled, "pass")
    decide(titled, "nation", "Decide_nation", "renew", "2029-12-01")
    assert (title(titled, made).state, title(titled, made).valid_to) == ("active", None)


def test_r25_self_check_every_year_answered_reviewed_and_absent(titled: City) -> None:
    made = grant(titled, "village", "county", on="2026-03-01")
    titled.move_to("2026-11-30 00:00")
    assert titled.open_processes("self_check") == 0
    titled.move_to("2027-11-01 00:00")
    titled.do("of-village", "Report", "submit", report(score=85))
    titled.move_to("2028-11-02 09:00")
    titled.do("of-village", "Report", "submit", report(score=60))
    titled.do("qindu", "Review", "correct", {"finding": "请重报"}, opinion="不完整")
    titled.do("of-village", "Report", "submit", report(score=90, incident=True))
    titled.do("qindu", "Review", "accept", {"finding": "属实，已整改"})
    # Thirty days after 1 November, which is not counted, is a Saturday: the Monday after, until its 24:00.
    titled.move_to("2029-12-03 23:59")
    assert checks(titled, made) == {2027: "answered", 2028: "answered"}
    titled.move_to("2029-12-04 00:00")
    assert checks(titled, made)[2029] == "absent"
    # A risk flag, never a revocation.
    assert title(titled, made).state == "active"
    assert titled.ended_at("self_check") == ["End_done", "End_done", "End_absent"]


def test_r25_a_self_check_is_due_to_the_end_of_its_thirtieth_day(titled: City) -> None:
    made = grant(titled, "village", "county", on="2026-03-01")
    titled.move_to("2027-11-01 00:00")
    due = titled.waiting("of-village", "Report")[0].due_at
    assert due is not None
    assert due.isoformat() == "2027-12-01T16:00:00+00:00"
    titled.move_to("2027-12-01 23:59")
    assert checks(titled, made) == {}
    titled.move_to("2027-12-02 00:00")
    assert checks(titled, made) == {2027: "absent"}


@pytest.mark.parametrize(("rolls", "last"), [(True, "2029-12-03"), (False, "2029-12-01")])
def test_r25_a_period_that_ends_on_a_day_off_moves_on_where_the_year_says_so(
    titled: City, *, rolls: bool, last: str
) -> None:
    set_setting(titled, "roll_forward_periods", value=rolls)
    made = grant(titled, "village", "county", on="2026-03-01")
    titled.move_to(f"{last} 23:59")
    assert 2029 not in checks(titled, made)
    titled.move_to(f"{last[:-1]}{int(last[-1]) + 1} 00:00")
    assert checks(titled, made)[2029] == "absent"


def test_r25_a_review_may_lead_to_an_investigation(titled: City) -> None:
    made = grant(titled, "village", "county", on="2026-03-01")
    titled.move_to("2027-11-01 09:00")
    titled.do("of-village", "Report", "submit", report(score=90, incident=True))
    titled.do("qindu", "Review", "incident", {"finding": "涉嫌瞒报"}, opinion="涉嫌瞒报")
    assert [one.element_id for one in titled.waiting("clerk")] == ["Prima_facie"]
    assert checks(titled, made)[2027] == "answered"


def report(*, score: int, incident: bool = False) -> dict[str, object]:
    """A self-check report."""
    return {
        "self_score": score,
        "consolidation": "绿地管护良好",
        "had_incident": incident,
        "problems": None,
        "photos": [],
    }


def test_r24_title_held_before_the_system_runs_under_the_present_year(titled: City) -> None:
    made = grant(titled, "hotel", "county", on="2022-05-10", term=False)
    tell(
        titled,
        "title_granted",
        titled.units["hotel"],
        title_id=made,
        unit_id=titled.units["hotel"],
        level="county",
        plan_year_id=None,
    )
    titled.move_to("2027-05-11 00:00")
    assert title(titled, made).state == "pending_reinspection"
    assert year_id(titled)


def test_r24_title_held_before_any_plan_year_waits_for_the_first(city_template: Path, tmp_path: Path) -> None:
    path = tmp_path / "chuanglv.sqlite3"
    shutil.copyfile(city_template, path)
    city = open_titled(settings_for(tmp_path, f"sqlite:///{path}"), year=None)
    made = grant(city, "hotel", "county", on="2021-05-10")
    city.move_to("2026-05-20 09:00")
    assert title(city, made).state == "active"
    tell(city, "plan_published", "published", plan_year_id=begin_year(city, 2026), year=2026)
    assert title(city, made).state == "pending_reinspection"
    assert city.open_processes("reinspection") == 1
    assert city.troubles() == []
    city.system.database.dispose()
