"""Implementation: monthly reports in figures, guidance, supervision of who does not report (R12, R07)."""

import pytest
from sqlalchemy import select

from service.campaign import progress
from service.errors import Invalid
from service.store.plan import progress_report
from tests.workflows.city import City
from tests.workflows.year import hand_in, issue_split, publish_plan, report, year_id


@pytest.fixture
def working(city: City) -> City:
    """The city on 1 April, one county at work and the others late."""
    publish_plan(city)
    issue_split(city)
    city.move_to("2026-03-20 09:00")
    hand_in(city, "qindu")
    city.move_to("2026-04-01 08:00")
    return city


def reports(city: City) -> list[progress.Report]:
    with city.system.database.read() as connection:
        return progress.reports(connection, year_id(city), city.bodies["qindu"])


def test_r12_three_monthly_reports_answer_the_scheme_in_figures(working: City) -> None:
    for month, opens, closes in (
        ("04", "2026-04-24", "2026-04-30"),
        ("05", "2026-05-25", "2026-05-31"),
        ("06", "2026-06-24", "2026-06-30"),
    ):
        working.move_to(f"{opens} 00:00")
        task = working.waiting("qindu", "report")[0]
        assert task.due_at is not None
        working.do("qindu", "report", "submit", lambda view, m=month: report(view, figure=int(m)))
        working.do("clerk", "guide", "give", {"guidance": f"{month} 月：请加快"})
        assert str(reports(working)[-1].period_ends_on) == closes
    assert [one.in_time for one in reports(working)] == [True, True, True]
    assert [one.figures["W3.10"] for one in reports(working)] == [4, 5, 6]
    assert reports(working)[0].guidance == "04 月：请加快"
    with working.system.database.read() as connection:
        tasks = progress.scheme(connection, year_id(working), working.bodies["qindu"])
    assert {one.figure for one in tasks} == {6}
    assert working.ended_at("implementation") == []
    working.move_to("2026-06-30 23:59")
    assert working.ended_at("implementation") == []
    working.move_to("2026-07-01 00:00")
    assert working.ended_at("implementation") == ["end"]


def test_r12_a_report_lacks_no_figure(working: City) -> None:
    working.move_to("2026-04-24 09:00")
    with pytest.raises(Invalid) as refusal:
        working.do(
            "qindu", "report", "submit", lambda view: report(view) | {"figures": report(view)["figures"][1:]}
        )
    assert "W1.1" in str(refusal.value.facts["fields"]["figures"])


def test_r12_who_has_not_reported_by_the_last_minute_of_the_month_is_supervised(working: City) -> None:
    working.move_to("2026-04-30 23:59")
    late = "督办：未按期报送截至 2026-04-30 的进展报告"
    assert late not in [one.title for one in working.waiting("clerk", "issue")]
    working.move_to("2026-05-01 00:00")
    assert late in [one.title for one in working.waiting("clerk", "issue")]
    # The report is still wanted, and marked late.
    working.do("qindu", "report", "submit", report)
    assert [one.in_time for one in reports(working)] == [False]


def test_r12_a_body_that_begins_late_reports_on_every_month(working: City) -> None:
    working.move_to("2026-05-05 09:00")
    hand_in(working, "sanyuan")
    # April is over: its report is wanted at once, within three working days, and late whenever it comes.
    task = working.waiting("sanyuan", "report")[0]
    assert task.due_at is not None
    assert task.due_at.isoformat() == "2026-05-08T16:00:00+00:00"
    late = "督办：未按期报送截至 2026-04-30 的进展报告"
    before = [one.title for one in working.waiting("clerk", "issue")].count(late)
    working.do("sanyuan", "report", "submit", report)
    working.do("clerk", "guide", "none", {})
    with working.system.database.read() as connection:
        made = progress.reports(connection, year_id(working), working.bodies["sanyuan"])
    assert [(str(one.period_ends_on), one.in_time) for one in made] == [("2026-04-30", False)]
    working.move_to("2026-05-25 09:00")
    assert [one.title for one in working.waiting("clerk", "issue")].count(late) == before
    due = working.waiting("sanyuan", "report")[0].due_at
    assert due is not None
    assert due.isoformat() == "2026-05-31T16:00:00+00:00"


def test_guidance_that_never_comes_does_not_hold_up_the_next_report(working: City) -> None:
    working.move_to("2026-04-24 09:00")
    working.do("qindu", "report", "submit", report)
    working.move_to("2026-05-25 09:00")
    assert not working.waiting("clerk", "guide")
    working.do("qindu", "report", "submit", report)
    working.do("clerk", "guide", "none", {})
    working.move_to("2026-06-24 09:00")
    assert working.waiting("qindu", "report")


def test_an_extended_phase_has_a_further_report(working: City) -> None:
    for day in ("2026-04-24", "2026-05-25", "2026-06-24"):
        working.move_to(f"{day} 09:00")
        working.do("qindu", "report", "submit", report)
        working.do("clerk", "guide", "none", {})
    working.start(
        "clerk",
        "window_extension",
        plan_year_id=year_id(working),
        window="implementation",
        scope="all",
        extended_to="2026-07-10",
        reason="汛期影响施工",
    )
    assert not working.waiting("head", "decide_head")
    working.do(
        "chair",
        "decide_chair",
        "approve",
        {"granted_to": "2026-07-10", "document_number": "咸创绿发〔2026〕9号", "decided_on": "2026-06-24"},
    )
    working.move_to("2026-07-04 09:00")
    working.do("qindu", "report", "submit", report)
    working.do("clerk", "guide", "none", {})
    with working.system.database.read() as connection:
        days = connection.scalars(
            select(progress_report.c.period_ends_on).order_by(progress_report.c.period_ends_on)
        ).all()
    assert [str(day) for day in days] == ["2026-04-30", "2026-05-31", "2026-06-30", "2026-07-10"]
    working.move_to("2026-07-11 00:00")
    assert working.ended_at("implementation") == ["end"]
