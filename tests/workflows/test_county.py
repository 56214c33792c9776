"""A county's year: its round, its reviews, its determination, notice, the government's naming, plaques (R22, G17)."""

import pytest
from sqlalchemy import select

from service.campaign import applications, filings, plans, rounds, titles
from service.errors import AppError, Invalid
from service.store.application import naming_decision
from service.store.ids import new_id
from service.store.notice import notice, notice_item
from tests.workflows.city import City, rows_of
from tests.workflows.test_chain import open_round
from tests.workflows.titled import application, apply_for, sent, set_setting, tell, title, waits_for, year_id

SIGNED = {
    "document_title": "关于命名2026年度县级绿色单位的决定",
    "decision_number": "秦政发〔2026〕5号",
    "document": [],
}


def submit(city: City, application_id: str, unit: str = "village") -> None:
    """The unit's application comes to the county."""
    tell(
        city,
        "county_application_submitted",
        application_id=application_id,
        unit_id=city.units[unit],
        plan_year_id=year_id(city),
        county_id=city.bodies["qindu"],
    )


def review(city: City, outcome: str) -> None:
    """The county office reviews."""
    city.do(
        "qindu",
        "Review",
        outcome,
        {"complete": True, "finding": "齐全"},
        opinion=None if outcome == "accept" else "理由",
    )


def close_round(city: City) -> None:
    """The county closes its round early."""
    city.do("qindu", "Manage", "close", {}, opinion="已无单位申报")


def determine(city: City, *rejected: str) -> None:
    """The county determines all but the rejected applications."""
    city.do(
        "qindu",
        "Determine",
        "determine",
        lambda view: {
            "units": rows_of(
                view,
                "units",
                decision=lambda row: "reject" if row.id in rejected else "approve",
                reason=lambda row: "成效不足" if row.id in rejected else None,
            ),
            "minutes": "会议纪要",
        },
    )


def noticed(city: City, cleared: list[str], held: list[str]) -> None:
    """The public notice ends."""
    with city.system.database.write() as connection:
        at = city.system.now(connection)
        notice_id = new_id()
        connection.execute(
            notice.insert().values(
                id=notice_id,
                subject_id="subject",
                plan_year_id=year_id(city),
                level="county",
                publisher_id=city.bodies["qindu"],
                matter_id="matter",
                number=new_id(),
                heading="公示",
                body="公示",
                contact="演示",
                published_at=at,
                closes_on=at.date(),
                closed_at=at,
                result="无异议",
            )
        )
        for position, one in enumerate(cleared):
            connection.execute(
                notice_item.insert().values(
                    notice_id=notice_id,
                    application_id=one,
                    position=position,
                    posted_name="单位",
                    state="cleared",
                )
            )
    (key,) = waits_for(city, "public_notice_answered")
    tell(city, "public_notice_answered", key, result="closed", cleared=cleared, held=held)


def begin(city: City) -> None:
    """A closed round with applications that passed goes to its naming."""
    open_round(city)
    city.move_to("2026-03-20 09:00")
    close_round(city)
    city.do("qindu", "Collect", "propose", {"remark": None})


def sign(city: City, outcome: str = "sign", on: str = "2026-03-20") -> None:
    """The county government signs, or not."""
    city.do(
        "mayor",
        "Sign",
        outcome,
        {**SIGNED, "decided_on": on} if outcome == "sign" else {},
        opinion=None if outcome == "sign" else "理由",
    )


def results(city: City) -> dict[str, str]:
    """What each application was told."""
    return {one["key"]: one["result"] for one in sent(city, "county_result")}


def reasons(city: City) -> dict[str, str]:
    """Why each application was told what it was told."""
    return {one["key"]: one["why"] for one in sent(city, "county_result")}


@pytest.mark.parametrize("result", ["pass", "fail"])
def test_r22_review_accepts_and_inspects(titled: City, result: str) -> None:
    open_round(titled)
    titled.move_to("2026-03-11 09:00")
    made = apply_for(titled, "village", "county")
    submit(titled, made)
    review(titled, "accept")
    asked = sent(titled, "inspection_requested")
    assert [(one["kind"], one["organiser_id"]) for one in asked] == [("county", titled.bodies["qindu"])]
    tell(titled, "inspection_answered", made, result=result, score=91, inspection_id="i")
    if result == "pass":
        assert application(titled, made).state == "approved_in_principle"
        assert results(titled) == {}
    else:
        assert results(titled) == {made: "not_named"}
        assert "检查验收不合格" in reasons(titled)[made]
    assert titled.open_processes("county_review") == 0


def test_r22_who_passes_after_the_list_is_named_on_its_own(titled: City) -> None:
    begin_empty(titled)
    made = apply_for(titled, "village", "county", inspected=True)
    submit(titled, made)
    assert titled.task("qindu", "Review").filling.data["in_round"].startswith("否")
    review(titled, "accept")
    tell(titled, "inspection_answered", made, result="pass", score=91, inspection_id="i")
    determine(titled)
    noticed(titled, [made], [])
    sign(titled)
    assert results(titled) == {made: "named"}


def test_r22_a_correction_does_not_make_an_application_late(titled: City) -> None:
    open_round(titled, closes_on="2026-03-15")
    titled.move_to("2026-03-15 23:59")
    made = apply_for(titled, "village", "county")
    titled.move_to("2026-03-18 09:00")
    submit(titled, made)
    assert titled.task("qindu", "Review").filling.data["in_round"] == "是"


@pytest.mark.parametrize(("outcome", "answer"), [("return", "returned"), ("refuse", "not_named")])
def test_r22_review_returns_and_refuses(titled: City, outcome: str, answer: str) -> None:
    made = apply_for(titled, "village", "county")
    submit(titled, made)
    review(titled, outcome)
    assert results(titled) == {made: answer}
    assert reasons(titled) == {made: "理由"}


def test_r22_review_stops_with_the_application(titled: City) -> None:
    made = apply_for(titled, "village", "county")
    submit(titled, made)
    tell(titled, "application_stopped", made)
    assert titled.waiting("qindu") == []


def test_g17_round_extended_and_closed_by_its_last_minute(titled: City) -> None:
    open_round(titled, closes_on="2026-05-16")
    titled.move_to("2026-05-16 12:00")
    with pytest.raises(AppError):
        titled.do(
            "qindu", "Manage", "extend", {"new_closes_on": "2026-05-10", "document_number": None}, opinion="x"
        )
    titled.do(
        "qindu", "Manage", "extend", {"new_closes_on": "2026-05-20", "document_number": None}, opinion="延期"
    )
    titled.move_to("2026-05-20 23:59")
    assert [one.element_id for one in titled.waiting("qindu")] == ["Manage"]
    titled.move_to("2026-05-21 00:00")
    assert [one.element_id for one in titled.waiting("qindu")] == ["Collect"]
    with titled.system.database.read() as connection:
        known = rounds.find(connection, year_id(titled), titled.bodies["qindu"])
    assert known is not None
    assert known.closed_at is not None


def test_g17_default_dates_end_before_the_implementation_phase(titled: City) -> None:
    tell(
        titled,
        "county_round_opened",
        plan_year_id=year_id(titled),
        county_id=titled.bodies["qindu"],
        organisation_id=titled.bodies["qindu"],
    )
    offered = titled.task("qindu", "Set_dates").filling.data
    assert (offered["closes_on"], offered["naming_by"]) == ("2026-05-16", "2026-06-30")


def test_g17_a_county_that_does_nothing_is_supervised(titled: City) -> None:
    tell(
        titled,
        "county_round_opened",
        plan_year_id=year_id(titled),
        county_id=titled.bodies["qindu"],
        organisation_id=titled.bodies["qindu"],
    )
    titled.move_to("2026-03-16 23:59")
    assert sent(titled, "supervision_wanted") == []
    titled.move_to("2026-03-17 00:00")
    # Counted from when the plan came to the county, and said so.
    late = "县级年度创建：收到年度方案后十个工作日内未公布本县申报期"
    assert [one["reason"] for one in sent(titled, "supervision_wanted")] == [late]
    open_dates(titled)
    titled.move_to("2026-07-01 00:00")
    assert "2026-06-30 前提请命名" in sent(titled, "supervision_wanted")[-1]["reason"]
    titled.do("qindu", "Collect", "none", {}, opinion="无单位申报")
    assert titled.open_processes("county_round") == 0


def open_dates(city: City) -> None:
    """The county sets the dates it is offered."""
    city.do("qindu", "Set_dates", "publish", lambda view: dict(view.filling.data))


def test_r29_nobody_to_name_is_a_zero_report_or_nothing(titled: City) -> None:
    begin_empty(titled)
    assert titled.ended_at("county_round") == ["End_zero"]
    assert [one.element_id for one in titled.waiting("qindu")] == ["Nil"]


def test_r29_zero_report_is_a_setting(titled: City) -> None:
    set_setting(titled, "filing_zero_report", value=False)
    begin_empty(titled)
    assert titled.ended_at("county_round") == ["End_nothing"]


def begin_empty(city: City) -> None:
    """A round to which nobody applied."""
    open_round(city)
    city.move_to("2026-03-20 09:00")
    close_round(city)
    city.do("qindu", "Collect", "none", {}, opinion="无单位申报")


def test_g17_a_round_ends_when_every_review_has(titled: City) -> None:
    open_round(titled)
    titled.move_to("2026-03-20 09:00")
    made = apply_for(titled, "village", "county")
    close_round(titled)
    for outcome in ("propose", "none"):
        with pytest.raises(AppError) as caught:
            titled.do("qindu", "Collect", outcome, {"remark": None}, opinion="x")
        assert "演示village" in caught.value.text.zh
    submit(titled, made)
    review(titled, "refuse")
    with titled.system.database.write() as connection:
        applications.set_state(
            connection, made, "not_approved", closed=True, at=titled.system.now(connection)
        )
    # Asked to name although nobody passed: a zero report all the same.
    titled.do("qindu", "Collect", "propose", {"remark": None})
    assert titled.ended_at("county_round") == ["End_zero"]


def test_r22_the_county_government_names_after_determination_and_notice(titled: City) -> None:
    good = apply_for(titled, "village", "county", state="approved_in_principle", inspected=True)
    weak = apply_for(titled, "plant", "county", state="approved_in_principle", inspected=True)
    begin(titled)
    determine(titled, weak)
    assert results(titled) == {weak: "not_named"}
    assert reasons(titled) == {weak: "成效不足"}
    assert [one["items"] for one in sent(titled, "public_notice_requested")] == [[good]]
    noticed(titled, [good], [])
    sign(titled)
    assert results(titled) == {weak: "not_named", good: "named"}
    told = next(one for one in sent(titled, "county_result") if one["key"] == good)
    made = title(titled, told["title_id"])
    assert (made.level, made.namer_name, made.decision_number) == (
        "county",
        "秦都区人民政府",
        "秦政发〔2026〕5号",
    )
    assert (str(made.valid_from), str(made.valid_to)) == ("2026-03-20", "2031-03-20")
    with titled.system.database.read() as connection:
        assert connection.scalar(select(naming_decision.c.authority_id)) == titled.bodies["qindu-government"]
    assert titled.open_processes("title_term") == 1
    assert titled.open_processes("county_filing") == 1
    due = titled.waiting("qindu", "Prepare")[0].due_at
    assert due is not None
    assert due.isoformat() == "2026-04-20T16:00:00+00:00"
    titled.do(
        "qindu",
        "Plaques",
        "delivered",
        lambda view: {"plaques": rows_of(view, "plaques", delivered_on="2026-03-20", receiver="村主任")},
    )
    assert titled.ended_at("county_naming") == ["End_named"]


def test_r22_without_notice_when_the_year_says_so(titled: City) -> None:
    set_setting(titled, "notice_on_county", value=False)
    good = apply_for(titled, "village", "county", state="approved_in_principle", inspected=True)
    begin(titled)
    determine(titled)
    sign(titled)
    assert results(titled) == {good: "named"}


@pytest.mark.parametrize("finding", ["upheld", "dismissed", "stopped"])
def test_r22_an_objection_holds_one_unit_and_not_the_others(titled: City, finding: str) -> None:
    good = apply_for(titled, "village", "county", state="approved_in_principle", inspected=True)
    held = apply_for(titled, "plant", "county", state="approved_in_principle", inspected=True)
    begin(titled)
    determine(titled)
    noticed(titled, [good], [held])
    sign(titled)
    assert results(titled) == {good: "named"}
    if finding == "stopped":
        tell(titled, "application_stopped", held)
        assert titled.ended_at("county_objection") == ["End_stopped"]
        return
    settle_notice(titled, held)
    tell(titled, "objection_settled", held, result=finding)
    if finding == "upheld":
        assert results(titled) == {good: "named", held: "not_named"}
        return
    titled.do(
        "mayor",
        "Sign",
        "sign",
        {**SIGNED, "decision_number": "秦政发〔2026〕6号", "decided_on": "2026-03-20"},
    )
    assert results(titled) == {good: "named", held: "named"}
    # Two decisions, two filings.
    assert titled.open_processes("county_filing") == 2
    assert titled.ended_at("county_round") == ["End_named"]


def settle_notice(city: City, application_id: str) -> None:
    """Let the notice of an application say that its objection was dismissed."""
    with city.system.database.write() as connection:
        connection.execute(
            notice_item.insert().values(
                notice_id=connection.scalar(select(notice.c.id)),
                application_id=application_id,
                position=9,
                posted_name="单位",
                state="cleared",
            )
        )


def filed(city: City) -> list[bool]:
    """The county's filings of the year: whether each is a zero report."""
    with city.system.database.read() as connection:
        found = filings.list_filings(connection, year_id(city), city.bodies["qindu"])
    return [one.nil_return for one in found]


@pytest.mark.parametrize("findings", [("upheld", "upheld"), ("stopped", "upheld"), ("upheld", "dismissed")])
def test_r29_zero_is_reported_when_the_last_one_is_not_named(titled: City, findings: tuple[str, str]) -> None:
    both = [
        apply_for(titled, unit, "county", state="approved_in_principle", inspected=True)
        for unit in ("village", "plant")
    ]
    begin(titled)
    determine(titled)
    noticed(titled, [], both)
    # Nobody is named yet, and nobody is refused: what would be reported is not known.
    assert titled.ended_at("county_naming") == ["End_nobody"]
    assert filed(titled) == []
    for made, finding in zip(both, findings, strict=True):
        assert titled.open_processes("county_round") == 1
        if finding == "stopped":
            tell(titled, "application_stopped", made)
            continue
        settle_notice(titled, made)
        tell(titled, "objection_settled", made, result=finding)
    if "dismissed" in findings:
        sign(titled)
        assert titled.ended_at("county_round") == ["End_named"]
    else:
        assert titled.ended_at("county_round") == ["End_zero"]
    # One report, whichever it is.
    assert filed(titled) == ["dismissed" not in findings]


def test_r24_a_county_title_does_not_begin_before_its_application(titled: City) -> None:
    set_setting(titled, "notice_on_county", value=False)
    apply_for(titled, "village", "county", state="approved_in_principle", inspected=True)
    begin(titled)
    determine(titled)
    with pytest.raises(AppError) as refusal:
        sign(titled, on="2026-03-01")
    assert "命名日期 2026-03-01 早于申报或报送之日 2026-03-02" in refusal.value.text.zh
    sign(titled)
    assert titled.open_processes("title_term") == 1


def test_r22_nobody_approved(titled: City) -> None:
    set_setting(titled, "filing_zero_report", value=False)
    made = apply_for(titled, "village", "county", state="approved_in_principle", inspected=True)
    begin(titled)
    determine(titled, made)
    assert titled.ended_at("county_naming") == ["End_nobody"]
    assert titled.ended_at("county_round") == ["End_nothing"]


def test_r30_a_county_rejects_nobody_without_a_reason(titled: City) -> None:
    made = apply_for(titled, "village", "county", state="approved_in_principle", inspected=True)
    begin(titled)
    with pytest.raises(Invalid, match="理由"):
        titled.do(
            "qindu",
            "Determine",
            "determine",
            lambda view: {
                "units": rows_of(view, "units", decision="reject", reason=None),
                "minutes": "会议纪要",
            },
        )
    determine(titled, made)
    assert reasons(titled) == {made: "成效不足"}


def test_r22_nobody_may_be_named_any_more(titled: City) -> None:
    made = apply_for(titled, "village", "county", state="approved_in_principle")
    begin(titled)
    determine(titled)
    noticed(titled, [made], [])
    # It was never inspected: the check before naming takes it off the list.
    assert results(titled) == {made: "not_named"}
    assert reasons(titled) == {made: "检查验收未合格"}
    assert titled.ended_at("county_round") == ["End_zero"]


def test_r22_sent_back_and_refused_by_the_government(titled: City) -> None:
    set_setting(titled, "notice_on_county", value=False)
    first = apply_for(titled, "village", "county", state="approved_in_principle", inspected=True)
    second = apply_for(titled, "plant", "county", state="approved_in_principle", inspected=True)
    begin(titled)
    determine(titled)
    sign(titled, "redo")
    determine(titled, second)
    sign(titled, "refuse")
    assert results(titled) == {first: "not_named", second: "not_named"}
    assert titled.ended_at("county_round") == ["End_zero"]
    with titled.system.database.read() as connection:
        assert titles.list_titles(connection) == []
        assert plans.list_years(connection)[0].year == 2026
