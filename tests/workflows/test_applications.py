"""Applications: routing, the deadline at the office, prerequisites, corrections, withdrawal."""

import contextlib
from datetime import date
from datetime import date, timedelta

import pytest
from sqlalchemy import select

from service import files, inbox, matters, tracing
from service import matters
from service.campaign import titles, windows
from service.config import Settings
from service.errors import Conflict, Invalid, NotFound
from service.identity import directory, duties
from service.campaign import rounds, titles, windows
from service.clock import city_day
from service.errors import Conflict, Invalid
from service.identity import directory
from service.store import procedure as tables
from service.store.identity import membership, person
from service.store.ids import new_id
from service.store.plan import creation_target
from tests.town import add_person
from tests.workflows.applying import (
    act,
    begin,
    check,
    decide,
    deliberate,
    fill,
    form_data,
    form_team,
    forward,
    inspect,
    name_them,
    open_applying,
    post,
    report,
    review,
    revoke,
    score,
    suspend,
    the_application,
    to_the_office,
)
from tests.workflows.city import City
from tests.workflows.titled import grant, sent, tell, waits_for, year_id
from tests.workflows.titled import changes, grant, sent, tell, waits_for
from tests.workflows.titled import application, changes, grant, sent, tell, waits_for, year_id


def routed(city: City, unit: str) -> tuple[str, str]:
    """Channel and recommending body of a unit's application at city level."""
    begin(city, unit)
    mine = the_application(city, unit)
    body = next(code for code, key in city.bodies.items() if key == mine.recommender_id)
    return mine.channel, body


def test_r08_a_unit_of_a_municipal_system_applies_through_its_department(applying: City) -> None:
    assert routed(applying, "school") == ("municipal_department", "education")


def test_r09_a_military_unit_applies_through_the_garrison_and_is_withheld(applying: City) -> None:
    city = applying
    assert routed(city, "barracks") == ("military", "garrison")
    with city.system.database.read() as connection:
        names = connection.scalars(tables.matter.select().with_only_columns(tables.matter.c.title)).all()
    assert [one for one in names if "市级" in one] == ["某涉军单位：2026 年市级绿色单位申报"]


@pytest.mark.parametrize("duty", sorted(duties.READS_ALL))
def test_r09_who_reads_all_reads_nothing_a_military_unit_wrote(city_settings: Settings, duty: str) -> None:
    city = open_applying(city_settings, "apply")
    city.move_to("2026-07-02 09:00")
    city.start(
        "garrison", "apply", plan_year_id=year_id(city), unit_id=city.units["barracks"], level="city", skip=False
    )
    to_the_office(city, "barracks", "garrison", address="军营路9号", report="番号32xxx驻地情况")
    city.move_to("2026-08-11 09:00")
    inspect(city, "barracks")
    writer, mine = city.people["of-barracks"], the_application(city, "barracks")
    with city.system.database.write() as connection:
        at = city.system.now(connection)
        plan = files.save(connection, name="营区平面图.txt", data=b"plan", uploader_id=writer.id, at=at)
        files.attach(connection, [plan.id], matter_id=str(mine.matter_id), person_id=writer.id)
    assert files.download(city.system, city.people["garrison"], plan.id)
    reader = add_person(city.system, "reader", (duty, None))
    with city.system.database.read() as connection:
        everything = connection.scalars(select(tables.task.c.id)).all()
        every_matter = connection.scalars(select(tables.matter.c.id)).all()
        members = set(
            connection.scalars(
                select(person.c.name)
                .join(membership, membership.c.person_id == person.c.id)
                .where(membership.c.organisation_id.in_([city.units["barracks"], city.bodies["garrison"]]))
            )
        )
    read = []
    for one in everything:
        for look in (inbox.get, matters.submission):
            with contextlib.suppress(NotFound):
                read.append(repr(look(city.system, reader, one)))
    for one in every_matter:
        read.append(repr(matters.get(city.system, reader, one)))
        for instance in tracing.list_instances(city.system, reader, matter=one).rows:
            read.append(repr(instance))
            read.append(repr(tracing.events(city.system, reader, instance.id)))
    told = "\n".join(read)
    assert "某涉军单位" in told
    for secret in ("演示barracks", "军营路9号", "番号32xxx", *members):
        assert secret not in told, secret
    with pytest.raises(NotFound):
        files.download(city.system, reader, plan.id)
    city.system.database.dispose()


def test_r10_all_others_apply_where_they_lie(applying: City) -> None:
    grant(applying, "hotel", "county", on="2025-06-01", namer="sanyuan", term=False)
    assert routed(applying, "hotel") == ("territorial", "sanyuan")


def arrive(city: City, moment: str) -> None:
    """Let the department forward the school's application at a moment; the unit was in time."""
    begin(city, "school")
    city.move_to("2026-07-20 10:00")
    fill(city, "school")
    review(city, "education")
    city.move_to(moment)
    forward(city, "education")


def due_on(city: City, who: str, step: str) -> str:
    """The last day on which somebody's one task of a step is in time."""
    due = city.task(who, step).row.due_at
    assert due is not None
    return str(city_day(due - timedelta(seconds=1)))


def explain(city: City) -> None:
    """Let the body say why it is late."""
    city.do("education", "explain", "submit", {"late_reason_text": "全县停电两天", "reason_class": "system"})


def accept_late(city: City, day: str) -> None:
    """Let the body say why it is late, and the committee accept it."""
    explain(city)
    data = {"document_number": "逾1", "decided_on": day, "decision_reason": "确有原因"}
    city.do("chair", "decide_chair", "accept", data)


def test_r13_what_arrives_in_the_last_minute_is_in_time(applying: City) -> None:
    arrive(applying, "2026-08-10 23:59")
    assert the_application(applying, "school").in_time is True
    assert applying.waiting("clerk", "Check")


@pytest.mark.parametrize("accepted", [True, False])
def test_r13_what_the_channel_sends_a_minute_later_is_late_and_is_decided(
    applying: City, accepted: bool
) -> None:
    city = applying
    arrive(city, "2026-08-11 00:00")
    mine = the_application(city, "school")
    assert (mine.in_time, mine.state) == (False, "late_pending")
    assert not city.waiting("clerk", "Check")
    if accepted:
        accept_late(city, "2026-08-11")
        check(city)
        assert the_application(city, "school").state == "inspecting"
    else:
        explain(city)
        city.do("chair", "decide_chair", "refuse", {}, opinion="没有正当理由")
        assert the_application(city, "school").state == "office_refused"


def extend(city: City, body: str, to: date) -> None:
    """Extend the submission window for one body, and let all who wait hear it."""
    plan_year = the_application(city, "school").plan_year_id
    with city.system.database.write() as connection:
        windows.extend(
            connection,
            plan_year,
            "submission",
            extended_to=to,
            authority="市创绿组委会",
            reason="暴雨",
            document_number="延1",
            decided_on=date(2026, 7, 20),
            at=city.system.now(connection),
            by=None,
            organisation_id=city.bodies[body],
        )
    key = windows.window_key(plan_year, "submission")
    tell(city, "window_changed", key, plan_year_id=plan_year, window="submission")


@pytest.mark.parametrize(("body", "later"), [("education", True), ("sanyuan", False)])
def test_r13_what_the_unit_and_its_body_have_to_do_is_due_with_the_extended_window(
    applying: City, body: str, later: bool
) -> None:
    city = applying
    begin(city, "school")
    city.move_to("2026-07-20 10:00")
    assert due_on(city, "of-school", "Fill") == "2026-07-31"
    extend(city, body, date(2026, 8, 12))
    assert due_on(city, "of-school", "Fill") == ("2026-08-02" if later else "2026-07-31")
    fill(city, "school")
    review(city, "education")
    assert due_on(city, "education", "Forward") == ("2026-08-12" if later else "2026-08-10")
    extend(city, body, date(2026, 8, 14))
    assert due_on(city, "education", "Forward") == ("2026-08-14" if later else "2026-08-10")


@pytest.mark.parametrize(("body", "in_time"), [("education", True), ("sanyuan", False)])
def test_r13_an_extension_holds_for_whom_it_was_decided(applying: City, body: str, in_time: bool) -> None:
    city = applying
    begin(city, "school")
    city.move_to("2026-07-20 10:00")
    fill(city, "school")
    review(city, "education")
    extend(city, body, date(2026, 8, 12))
    city.move_to("2026-08-12 23:59")
    forward(city, "education")
    assert the_application(city, "school").in_time is in_time


def test_r13_one_late_application_accepted_does_not_make_the_units_next_one_in_time(
    applying: City,
) -> None:
    city = applying
    grant(city, "school", "city", on="2024-06-01", namer="committee", term=False)
    begin(city, "school", "province")
    city.move_to("2026-07-20 10:00")
    fill(city, "school")
    review(city, "education")
    city.move_to("2026-08-20 09:00")
    forward(city, "education")
    accept_late(city, "2026-08-20")
    assert the_application(city, "school").state == "office_intake"
    grant(city, "school", "province", on="2024-06-01", namer="committee", term=False)
    begin(city, "school", "nation")
    with pytest.raises(Conflict, match="2026-08-10 24:00 关闭"):
        fill(city, "school")
    fill(city, "school", "submit_late", opinion="停电")
    review(city, "education")
    forward(city, "education")
    mine = the_application(city, "school")
    assert (mine.level, mine.in_time, mine.state) == ("nation", False, "late_pending")


def test_r13_a_late_correction_needs_no_second_decision(applying: City) -> None:
    city = applying
    arrive(city, "2026-08-11 00:00")
    accept_late(city, "2026-08-11")
    check(city, "correct")
    city.do("of-school", "Correct", "resubmit", form_data)
    assert city.waiting("clerk", "Check")


def test_r13_a_unit_hears_which_window_is_closed_and_may_say_that_it_is_late(applying: City) -> None:
    city = applying
    begin(city, "school")
    with pytest.raises(Conflict, match="将于 2026-07-01"):
        fill(city, "school")
    city.move_to("2026-08-11 00:00")
    with pytest.raises(Conflict, match=r"2026-08-10 24:00 关闭；可延期者：市创绿组委会"):
        fill(city, "school")
    fill(city, "school", "submit_late", opinion="停电")
    assert the_application(city, "school").state == "channel_review"


def test_r20_the_title_one_level_below_is_needed(applying: City) -> None:
    city = applying
    begin(city, "village")
    assert the_application(city, "village").state == "refused"
    shown = city.task("of-village", "Read")
    assert "逐级申报" in str(shown.filling.data["why_refused"])
    city.do("of-village", "Read", "read")
    assert [one["result"] for one in sent(city, "application_finished")] == ["refused"]
    grant(city, "village", "county", on="2024-06-01", namer="qindu", term=False)
    begin(city, "village")
    assert the_application(city, "village").state == "draft"


@pytest.mark.parametrize(
    ("prepare", "why"),
    [
        (lambda city: grant(city, "school", "city", on="2024-01-10", term=False), "已持有"),
        (lambda city: begin(city, "school"), "在办申报"),
        (lambda city: revoke(city, grant(city, "school", "city", on="2024-01-10", term=False)), "间隔"),
    ],
)
def test_r20_what_else_refuses_an_application(applying: City, prepare: object, why: str) -> None:
    city = applying
    assert callable(prepare)
    prepare(city)
    begin(city, "school")
    assert the_application(city, "school").state == "refused"
    assert why in str(city.task("of-school", "Read").filling.data["why_refused"])


def test_r20_a_unit_may_not_apply_below_its_entry_level(applying: City) -> None:
    begin(applying, "school", "county")
    assert "起始级别" in str(applying.task("of-school", "Read").filling.data["why_refused"])


def test_r20_an_expired_title_supports_nothing_until_it_is_renewed(applying: City) -> None:
    city = applying
    grant(city, "village", "county", on="2020-06-01", namer="qindu", term=False)
    begin(city, "village")
    assert "待复查" in str(city.task("of-village", "Read").filling.data["why_refused"])


def test_r20_an_expired_title_supports_an_application_where_the_year_says_so(applying: City) -> None:
    city = applying
    decide(city, "expired_title_supports", True)
    grant(city, "village", "county", on="2020-06-01", namer="qindu", term=False)
    begin(city, "village")
    assert the_application(city, "village").state == "draft"


def test_r20_a_suspended_title_supports_nothing_whatever_the_year_says(applying: City) -> None:
    city = applying
    decide(city, "expired_title_supports", True)
    suspend(city, grant(city, "village", "county", on="2024-06-01", namer="qindu", term=False))
    begin(city, "village")
    assert "已暂停" in str(city.task("of-village", "Read").filling.data["why_refused"])


def test_r20_the_title_is_checked_again_at_submission(applying: City) -> None:
    city = applying
    held = grant(city, "village", "county", on="2024-06-01", namer="qindu", term=False)
    begin(city, "village")
    revoke(city, held)
    city.move_to("2026-07-02 09:00")
    fill(city, "village")
    assert the_application(city, "village").state == "refused"


def test_r20_the_title_is_checked_again_at_forwarding(applying: City) -> None:
    city = applying
    held = grant(city, "village", "county", on="2024-06-01", namer="qindu", term=False)
    begin(city, "village")
    city.move_to("2026-07-02 09:00")
    fill(city, "village")
    review(city, "qindu")
    revoke(city, held)
    forward(city, "qindu")
    assert the_application(city, "village").state == "not_recommended"


def test_r20a_a_lost_title_ends_the_application_and_all_its_steps(applying: City) -> None:
    city = applying
    held = grant(city, "village", "county", on="2024-06-01", namer="qindu", term=False)
    to_the_office(city, "village", "qindu")
    assert city.open_processes("inspection") == 1
    revoke(city, held)
    tell(city, "title_lost", city.units["village"], title_id=held, level="county", cause="incident")
    assert (the_application(city, "village").state, the_application(city, "village").closed) == (
        "terminated",
        True,
    )
    assert city.open_processes("inspection") == city.open_processes("application") == 0
    assert city.ended_at("inspection") == ["End_stopped"]


def test_r20a_another_lost_title_leaves_the_application_alone(applying: City) -> None:
    city = applying
    grant(city, "village", "county", on="2024-06-01", namer="qindu", term=False)
    begin(city, "village")
    for _ in range(2):
        tell(city, "title_lost", city.units["village"], title_id="other", level="city", cause="failed")
    assert the_application(city, "village").state == "draft"
    assert len(waits_for(city, "title_lost")) == 1


def test_r20a_a_lower_title_lost_leaves_the_application_alone_where_no_interval_is_set(
    applying: City,
) -> None:
    city = applying
    decide(city, "reapplication_months", 0)
    lower = grant(city, "village", "county", on="2024-06-01", namer="qindu", term=False)
    grant(city, "village", "city", on="2024-09-01", term=False)
    begin(city, "village", "province")
    revoke(city, lower)
    tell(city, "title_lost", city.units["village"], title_id=lower, level="county", cause="incident")
    assert the_application(city, "village").state == "draft"


def test_r20a_a_title_lost_during_the_notice_keeps_the_unit_from_being_named(applying: City) -> None:
    city = applying
    held = grant(city, "village", "county", on="2024-06-01", namer="qindu", term=False)
    to_the_office(city, "village", "qindu")
    city.move_to("2026-08-11 09:00")
    inspect(city, "village")
    deliberate(city)
    post(city)
    city.move_to("2026-08-20 09:00")
    revoke(city, held)
    city.do("poster", "Conclude", "close", {"closing_text": "无异议"})
    assert the_application(city, "village").state == "refused"
    assert city.ended_at("municipal_naming") == ["End_none"]
    city.move_to("2026-09-30 09:00")
    assert city.ended_at("application")[-1] == "End"


def test_r20a_a_closed_application_hears_of_no_lost_title_and_cannot_be_withdrawn(applying: City) -> None:
    city = applying
    held = grant(city, "village", "county", on="2024-06-01", namer="qindu", term=False)
    begin(city, "village")
    city.move_to("2026-07-02 09:00")
    fill(city, "village")
    review(city, "qindu", "not_recommend")
    mine = the_application(city, "village")
    assert [one["result"] for one in sent(city, "application_finished")] == ["not_recommended"]
    assert matters.get(city.system, city.people["of-village"], mine.matter_id).actions == []
    revoke(city, held)
    tell(city, "title_lost", city.units["village"], title_id=held, level="county", cause="incident")
    assert (city.troubles(), the_application(city, "village").state) == ([], "not_recommended")
    city.do("of-village", "Read", "read")


def expire(city: City, title_id: str, state: str = "suspended") -> None:
    """Change a title's state by a decision."""
    with city.system.database.write() as connection:
        at = city.system.now(connection)
        titles.set_state(connection, title_id, state, reason="复查", decided_by="命名机关", at=at)


def test_r20a_an_application_pauses_until_the_title_below_is_reinspected(applying: City) -> None:
    city = applying
    held = grant(city, "village", "county", on="2024-06-01", namer="qindu", term=False)
    begin(city, "village")
    city.move_to("2026-07-02 09:00")
    expire(city, held)
    fill(city, "village")
    assert the_application(city, "village").state == "paused"
    tell(city, "title_changed", held, change="suspended")
    assert the_application(city, "village").state == "paused"
    expire(city, held, "active")
    tell(city, "title_changed", held, change="renewed")
    assert the_application(city, "village").state == "channel_review"
    review(city, "qindu")
    expire(city, held)
    forward(city, "qindu")
    assert the_application(city, "village").state == "paused"
    expire(city, held, "active")
    tell(city, "title_changed", held, change="renewed")
    assert the_application(city, "village").state == "office_intake"


def test_r20a_a_paused_application_is_looked_at_again_after_a_month(applying: City) -> None:
    city = applying
    held = grant(city, "village", "county", on="2024-06-01", namer="qindu", term=False)
    begin(city, "village")
    city.move_to("2026-07-02 09:00")
    expire(city, held)
    fill(city, "village")
    expire(city, held, "active")
    # The thirtieth day is a Saturday: until the Monday's 24:00.
    city.move_to("2026-08-04 00:00")
    review(city, "qindu")
    expire(city, held)
    forward(city, "qindu")
    expire(city, held, "active")
    city.move_to("2026-09-04 00:00")
    assert the_application(city, "village").state == "office_intake"


def test_r13_what_was_forwarded_in_time_stays_so_while_its_title_is_reinspected(applying: City) -> None:
    city = applying
    held = grant(city, "village", "county", on="2024-06-01", namer="qindu", term=False)
    begin(city, "village")
    city.move_to("2026-07-02 09:00")
    fill(city, "village")
    review(city, "qindu")
    expire(city, held)
    city.move_to("2026-08-05 09:00")
    forward(city, "qindu")
    assert the_application(city, "village").state == "paused"
    expire(city, held, "active")
    city.move_to("2026-08-12 09:00")
    tell(city, "title_changed", held, change="renewed")
    mine = the_application(city, "village")
    assert mine.arrived_at is not None
    assert (city_day(mine.arrived_at), mine.in_time) == (date(2026, 8, 5), True)
    assert mine.state == "office_intake"


def test_r20a_a_title_that_expires_before_naming_is_reinspected_first(applying: City) -> None:
    city = applying
    held = grant(city, "village", "county", on="2024-06-01", namer="qindu", term=False)
    to_the_office(city, "village", "qindu")
    city.move_to("2026-08-11 09:00")
    inspect(city, "village")
    deliberate(city)
    post(city)
    expire(city, held)
    city.move_to("2026-08-20 09:00")
    city.do("poster", "Conclude", "close", {"closing_text": "无异议"})
    assert the_application(city, "village").state == "naming_paused"
    assert city.ended_at("municipal_naming") == ["End_none"]
    expire(city, held, "active")
    tell(city, "title_changed", held, change="renewed")
    name_them(city)
    assert the_application(city, "village").state == "named"


def test_r20a_a_title_suspended_after_the_draft_puts_its_unit_off_and_not_the_others(applying: City) -> None:
    city = applying
    held = grant(city, "village", "county", on="2024-06-01", namer="qindu", term=False)
    visits = (("village", "qindu", "2026-08-12"), ("school", "education", "2026-08-13"))
    for unit, who, day in visits:
        to_the_office(city, unit, who)
        form_team(city, day)
    for unit, _, day in visits:
        city.move_to(f"{day} 09:00")
        score(city, "inspector-1")
        score(city, "inspector-2")
        report(city, unit)
    deliberate(city)
    post(city)
    city.move_to("2026-08-24 09:00")
    city.do("poster", "Conclude", "close", {"closing_text": "无异议"})
    draft = {"decision_heading": "决定", "decision_body": "命名", "given_number": None}
    city.do("clerk", "Draft", "submit", draft)
    city.do("head", "Countersign", "agree")
    expire(city, held)
    with pytest.raises(Conflict):
        city.do("chair", "Sign", "sign", {"list_checked": True})
    city.do("chair", "Sign", "return", {}, "称号待复查")
    assert the_application(city, "village").state == "naming_paused"
    name_them(city)
    assert the_application(city, "school").state == "named"
    expire(city, held, "active")
    tell(city, "title_changed", held, change="renewed")
    assert the_application(city, "village").state == "naming"
    name_them(city)
    assert the_application(city, "village").state == "named"


def test_r11_a_unit_outside_the_list_of_targets_is_recommended_with_a_reason(applying: City) -> None:
    city = applying
    begin(city, "school")
    city.move_to("2026-07-02 09:00")
    fill(city, "school")
    with pytest.raises(Invalid, match="必填"):
        city.do("education", "Review", "recommend", {"materials_true": "yes", "review_findings": "属实"})
    mine = the_application(city, "school")
    with city.system.database.write() as connection:
        connection.execute(
            creation_target.insert().values(
                id=new_id(),
                plan_year_id=mine.plan_year_id,
                organisation_id=mine.recommender_id,
                unit_id=mine.unit_id,
                level="city",
                state="planned",
                origin="list",
                reason="",
                recorded_at=mine.opened_at,
            )
        )
    city.do("education", "Review", "return", {}, "补照片")
    fill(city, "school")
    city.do("education", "Review", "recommend", {"materials_true": "yes", "review_findings": "属实"})
    assert city.waiting("education", "Forward")


def test_r20a_a_title_lost_after_the_draft_stops_the_signature(applying: City) -> None:
    city = applying
    held = grant(city, "village", "county", on="2024-06-01", namer="qindu", term=False)
    to_the_office(city, "village", "qindu")
    city.move_to("2026-08-11 09:00")
    inspect(city, "village")
    deliberate(city)
    post(city)
    city.move_to("2026-08-20 09:00")
    city.do("poster", "Conclude", "close", {"closing_text": "无异议"})
    revoke(city, held)
    with pytest.raises(Conflict, match="不能命名：取消称号后的间隔期未满"):
        name_them(city)
    city.do("chair", "Sign", "return", {}, "称号已取消")
    assert city.ended_at("municipal_naming") == ["End_none"]
    mine = the_application(city, "village")
    assert mine.state == "not_named"
    why = "取消称号后的间隔期未满"
    assert changes(city, mine.id)[-1] == (mine.state, "命名机关", why)
    assert city.task("of-village", "Read").filling.data["why_refused"] == why


def open_round(city: City) -> None:
    """Let the county of the village take applications until 16 May."""
    with city.system.database.write() as connection:
        rounds.open_round(
            connection,
            year_id(city),
            city.bodies["qindu"],
            opens_on=date(2026, 3, 1),
            closes_on=date(2026, 5, 16),
            naming_by=date(2026, 6, 30),
            matter_id=None,
            at=city.system.now(connection),
        )


@pytest.mark.parametrize(
    ("answer", "state", "level"),
    [("agreed", "draft", "city"), ("downgraded", "draft", "county"), ("refused", "skip_refused", "city")],
)
def test_r21_levels_are_skipped_with_the_committees_consent_alone(
    applying: City, answer: str, state: str, level: str
) -> None:
    city = applying
    open_round(city)
    begin(city, "village", skip=True)
    mine = the_application(city, "village")
    assert [one["application_id"] for one in sent(city, "skip_consent_requested")] == [mine.id]
    assert not city.waiting("of-village")
    tell(city, "skip_consent_answered", mine.id, result=answer)
    mine = the_application(city, "village")
    assert (mine.state, mine.level, mine.consented) == (state, level, answer == "agreed")


@pytest.mark.parametrize("announced", [False, True])
def test_r21_nobody_turns_to_the_county_level_outside_the_countys_round(
    applying: City, announced: bool
) -> None:
    city = applying
    if announced:
        open_round(city)
        city.move_to("2026-07-02 09:00")
    begin(city, "village", "province", skip=True)
    tell(city, "skip_consent_answered", the_application(city, "village").id, result="downgraded")
    mine = the_application(city, "village")
    assert (mine.level, mine.state) == ("province", "refused")
    assert "申报期未开放或已截止" in str(city.task("of-village", "Read").filling.data["why_refused"])


def test_r21_turning_to_the_level_above_an_own_title_needs_no_round(applying: City) -> None:
    city = applying
    grant(city, "village", "county", on="2024-06-01", namer="qindu", term=False)
    begin(city, "village", "province", skip=True)
    tell(city, "skip_consent_answered", the_application(city, "village").id, result="downgraded")
    assert (the_application(city, "village").level, the_application(city, "village").state) == ("city", "draft")


def test_r20_an_application_that_turns_to_a_level_gives_way_to_the_one_open_there(applying: City) -> None:
    city = applying
    open_round(city)
    begin(city, "village", "province", skip=True)
    first = the_application(city, "village").id
    begin(city, "village", "county")
    second = the_application(city, "village").id
    tell(city, "skip_consent_answered", first, result="downgraded")
    assert (application(city, first).level, application(city, first).state) == ("county", "refused")
    fill(city, "village")
    assert application(city, second).state == "submitted"


def test_r21_a_consented_application_is_forwarded_without_the_title_below(applying: City) -> None:
    city = applying
    begin(city, "village", skip=True)
    tell(city, "skip_consent_answered", the_application(city, "village").id, result="agreed")
    city.move_to("2026-07-02 09:00")
    with pytest.raises(Invalid, match="主要荣誉"):
        fill(city, "village")
    fill(city, "village", honours="省级卫生村")
    review(city, "qindu")
    forward(city, "qindu")
    assert the_application(city, "village").state == "office_intake"


@pytest.mark.parametrize(("result", "state"), [("named", "named"), ("not_named", "not_named")])
def test_r22_the_county_level_is_the_countys(applying: City, result: str, state: str) -> None:
    city = applying
    begin(city, "village", "county")
    fill(city, "village")
    mine = the_application(city, "village")
    assert [one["county_id"] for one in sent(city, "county_application_submitted")] == [city.bodies["qindu"]]
    tell(city, "county_result", mine.id, result="returned", title_id=None, why="缺照片", why_en="缺照片")
    assert changes(city, mine.id)[-1] == ("returned", "推荐单位", "缺照片")
    fill(city, "village")
    made, why = ("t1", "") if result == "named" else (None, "成效不足")
    tell(city, "county_result", mine.id, result=result, title_id=made, why=why, why_en=why)
    assert changes(city, mine.id)[-1] == (state, "命名机关", why)
    if why:
        assert city.task("of-village", "Read").filling.data["why_refused"] == why
    else:
        assert not city.waiting("of-village")


def test_r30_returned_by_the_channel_and_sent_again(applying: City) -> None:
    city = applying
    begin(city, "school")
    city.move_to("2026-07-02 09:00")
    fill(city, "school")
    review(city, "education", "return")
    assert the_application(city, "school").state == "returned"
    fill(city, "school")
    review(city, "education")
    forward(city, "education", "reconsider")
    review(city, "education", "not_recommend")
    assert the_application(city, "school").state == "not_recommended"
    assert city.ended_at("application") == ["End"]
    city.move_to("2026-08-04 00:00")
    assert city.ended_at("refusal_notice") == ["End_unread"], "it is not waited for longer than 30 days"


@pytest.mark.parametrize(
    ("who", "authority", "why"),
    [
        ("channel", "推荐单位", "说明"),
        ("office", "市创绿办", "说明"),
        ("committee", "市创绿组委会", "没有正当理由"),
        ("silence", "系统核对", "推荐单位期满未说明逾期原因"),
        ("date", "系统核对", "逾期 36 天，超过 30 天，不再受理，可下年度申报"),
    ],
)
def test_r30_a_refused_unit_reads_why_and_the_file_says_by_whom(
    applying: City, who: str, authority: str, why: str
) -> None:
    city = applying
    if who == "channel":
        begin(city, "school")
        city.move_to("2026-07-02 09:00")
        fill(city, "school")
        review(city, "education", "not_recommend")
    elif who == "office":
        arrive(city, "2026-08-10 09:00")
        check(city, "refuse")
    elif who == "date":
        arrive(city, "2026-09-15 10:00")
    else:
        arrive(city, "2026-08-11 00:00")
    if who == "committee":
        explain(city)
        city.do("chair", "decide_chair", "refuse", {}, opinion=why)
    elif who == "silence":
        city.move_to("2026-08-15 00:00")
    mine = the_application(city, "school")
    assert mine.closed
    assert changes(city, mine.id)[-1] == (mine.state, authority, why)
    assert city.task("of-school", "Read").filling.data["why_refused"] == why


def test_r30_the_office_lists_all_at_once_and_for_two_rounds_only(applying: City) -> None:
    city = applying
    begin(city, "school")
    city.move_to("2026-07-02 09:00")
    fill(city, "school")
    review(city, "education")
    forward(city, "education")
    arrived = the_application(city, "school").arrived_at
    for _ in range(2):
        check(city, "correct")
        assert the_application(city, "school").state == "correction"
        city.do("of-school", "Correct", "resubmit", form_data)
    assert the_application(city, "school").arrived_at == arrived
    with pytest.raises(Conflict, match="上限 2 轮"):
        check(city, "correct")
    check(city, "refuse")
    assert the_application(city, "school").state == "office_refused"


def test_r30_what_is_not_corrected_in_time_is_decided_as_it_is(applying: City) -> None:
    city = applying
    arrive(city, "2026-07-20 11:00")
    check(city, "correct")
    city.move_to("2026-07-27 23:59")
    assert city.waiting("of-school", "Correct")
    city.move_to("2026-07-28 00:00")
    mine = the_application(city, "school")
    assert ("uncorrected", "系统核对", "") in changes(city, mine.id)
    assert not city.waiting("of-school")
    check(city)
    assert the_application(city, "school").state == "inspecting"


@pytest.mark.parametrize("stage", ["draft", "channel", "county"])
def test_r30_what_is_not_submitted_again_lapses_with_its_year(applying: City, stage: str) -> None:
    city = applying
    unit, level = ("village", "county") if stage == "county" else ("school", "city")
    begin(city, unit, level)
    if stage == "county":
        fill(city, unit)
        mine = the_application(city, unit)
        tell(city, "county_result", mine.id, result="returned", title_id=None, why="缺照片", why_en="缺照片")
    if stage == "channel":
        city.move_to("2026-07-02 09:00")
        fill(city, unit)
        review(city, "education", "return")
    city.move_to("2026-12-31 23:59")
    assert the_application(city, unit).state == ("draft" if stage == "draft" else "returned")
    city.move_to("2027-01-01 00:00")
    assert (the_application(city, unit).state, the_application(city, unit).closed) == ("lapsed", True)
    assert [one["result"] for one in sent(city, "application_finished")] == ["lapsed"]
    assert city.open_processes("application") == 0


def test_r30_what_is_missing_is_told_at_once(applying: City) -> None:
    city = applying
    begin(city, "plant", skip=False)
    assert the_application(city, "plant").state == "refused"
    grant(city, "plant", "county", on="2024-06-01", namer="qindu", term=False)
    begin(city, "plant")
    city.move_to("2026-07-02 09:00")
    with pytest.raises(Invalid, match=r"小组名单.*排污许可证编号.*在线监控") as told:
        fill(city, "plant", lead_group=None, key_polluter=True)
    assert set(told.value.facts["fields"]) == {"lead_group", "permit_number", "online_rate"}
    fill(city, "plant", key_polluter=True, permit_number="9161", online_rate=99)
    assert the_application(city, "plant").state == "channel_review"


@pytest.mark.parametrize("stage", ["draft", "channel", "office", "late", "inspection", "team"])
def test_the_applicant_withdraws_at_any_time(applying: City, stage: str) -> None:
    city = applying
    begin(city, "school")
    city.move_to("2026-07-02 09:00")
    if stage != "draft":
        fill(city, "school")
    if stage not in ("draft", "channel"):
        review(city, "education")
        if stage == "late":
            city.move_to("2026-08-11 09:00")
        forward(city, "education")
    if stage in ("inspection", "team"):
        check(city)
    if stage == "team":
        form_team(city)
    act(city, "of-school", the_application(city, "school"), "撤回申报")
    assert the_application(city, "school").state == "withdrawn"
    assert [one["result"] for one in sent(city, "application_finished")] == ["withdrawn"]
    for process in ("application", "channel_review", "office_intake", "late_acceptance", "inspection"):
        assert city.open_processes(process) == 0, process


def test_a_withdrawn_unit_may_apply_again_in_the_same_year(applying: City) -> None:
    city = applying
    test_the_applicant_withdraws_at_any_time(city, "draft")
    first = the_application(city, "school").id
    begin(city, "school")
    again = the_application(city, "school")
    assert (again.state, again.previous_id) == ("draft", first)


def test_an_application_starts_from_the_profile_and_the_last_one(applying: City) -> None:
    city = applying
    with city.system.database.write() as connection:
        directory.update_profile(
            connection, city.units["school"], {"students": 800}, version=1, at=city.now()
        )
    begin(city, "school")
    city.move_to("2026-07-02 09:00")
    fill(city, "school", honours="市级文明校园", students=900)
    review(city, "education", "not_recommend")
    city.do("of-school", "Read", "read")
    begin(city, "school")
    shown = city.task("of-school", "Fill").filling.data
    assert shown["honours"] == "市级文明校园"
    assert shown["students"] == 800
    assert shown["kind_of_unit"] == "school"


@pytest.mark.parametrize(("level", "below"), [("province", "city"), ("nation", "province")])
def test_a_recommended_unit_goes_up_after_the_notice(applying: City, level: str, below: str) -> None:
    city = applying
    grant(city, "school", below, on="2024-01-10", term=False)
    to_the_office(city, "school", "education", level=level)
    city.move_to("2026-08-11 09:00")
    inspect(city, "school")
    deliberate(city, level)
    post(city)
    city.move_to("2026-08-25 09:00")
    city.do("poster", "Conclude", "close", {"closing_text": "无异议"})
    mine = the_application(city, "school")
    assert [one["application_id"] for one in sent(city, "upward_recommendation_requested")] == [mine.id]
    assert city.open_processes("municipal_naming") == 0
    tell(city, "upward_answered", mine.id, result="named", title_id="t1")
    assert the_application(city, "school").state == "named"
