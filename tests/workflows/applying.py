"""A city in which units apply: the processes from the application to the plaque, and short ways through them."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from sqlalchemy import select

from service import matters
from service.campaign import applications, settings, titles, windows
from service.clock import city_day
from service.config import Settings
from service.identity import people
from service.inbox import TaskView
from service.store.application import application as application_table
from tests.workflows.city import SINCE, City, rows_of
from tests.workflows.titled import open_titled, tell, title, year_id

APPLYING = (
    "application",
    "application_decision",
    "refusal_notice",
    "channel_review",
    "office_intake",
    "late_acceptance",
    "inspection",
    "rectification",
    "deliberation",
    "public_notice",
    "municipal_naming",
)
INSPECTORS = ("inspector-1", "inspector-2", "inspector-3", "inspector-4")
#: What is scored in full, or with points taken off; by indicator code.
Points = Mapping[str, float]


def open_applying(where: Settings, *more: str) -> City:
    """Open the city with applications (and `more` processes) deployed, the year in force, and inspectors."""
    city = open_titled(where, *APPLYING, *more)
    for login, role, body in (
        *((one, "inspector", "office") for one in INSPECTORS),
        ("poster", "publisher", "office"),
        ("organiser", "organiser", "office"),
    ):
        _add(city, login, role, city.bodies[body])
    return city


def add_post(city: City, login: str, role: str, organisation: str) -> None:
    """Give somebody a role at an organisation, making the person when there is none."""
    _add(city, login, role, organisation)


def begin(city: City, unit: str, level: str = "city", *, skip: bool = False, year: int = 2026) -> None:
    """Let the chain open a unit's application."""
    tell(
        city,
        "application_opened",
        unit_id=city.units[unit],
        plan_year_id=year_id(city, year),
        level=level,
        skip=skip,
    )


def the_application(city: City, unit: str) -> applications.Application:
    """Return the newest application of a unit."""
    with city.system.database.read() as connection:
        found = connection.scalars(
            select(application_table.c.id)
            .where(application_table.c.unit_id == city.units[unit])
            .order_by(application_table.c.opened_at.desc(), application_table.c.id.desc())
        ).first()
        assert found is not None
        return applications.get(connection, found)


def form_data(view: TaskView, **changes: Any) -> dict[str, Any]:
    """Fill in an application."""
    data = {
        "address": "人民路1号",
        "contact_name": "张三",
        "contact_phone": "000-1234",
        "creation_start": "2026-01-10",
        "report": "自评报告",
        "lead_group": "组长一人",
        "evidence_note": "目录",
        "no_event": True,
        "pledge": True,
        "self_sheet": rows_of(view, "self_sheet", self_points=lambda row: row.attributes["full"]),
    }
    return data | changes


def fill(
    city: City, unit: str, outcome: str = "submit", *, opinion: str | None = None, **changes: Any
) -> None:
    """Let the unit fill in and submit its application."""
    city.do(f"of-{unit}", "Fill", outcome, lambda view: form_data(view, **changes), opinion)


def review(city: City, who: str, outcome: str = "recommend") -> None:
    """Let the recommending body review."""
    opinion = None if outcome == "recommend" else "说明"
    data = {"untargeted_reason": "成效显著", "materials_true": "yes", "review_findings": "属实"}
    city.do(who, "Review", outcome, data, opinion)


def forward(city: City, who: str, outcome: str = "forward") -> None:
    """Let the recommending body forward it under seal."""
    city.do(who, "Forward", outcome, {"letter_number": "推〔2026〕1号", "sealed": True})


def check(city: City, outcome: str = "accept") -> None:
    """Let the office check the documents."""
    data: dict[str, Any] = {"check_note": "齐全"}
    if outcome == "correct":
        data["deficiencies"] = [{"deficient": "合同", "required_how": "补交"}]
    city.do("clerk", "Check", outcome, data, None if outcome == "accept" else "说明")


def act(city: City, who: str, application: applications.Application, name: str) -> None:
    """Press a button of the page of an application's matter."""
    act_in(city, who, application.matter_id, name)


def act_in(city: City, who: str, matter_id: str, name: str) -> None:
    """Press a button of a matter's page."""
    view = matters.get(city.system, city.people[who], matter_id)
    (action,) = [one for one in view.actions if one.name.zh == name]
    matters.act(city.system, city.people[who], action.instance_id, action.ref, reason="理由")
    city.settle()


def form_team(city: City, day: str = "2026-08-12", *, who: str = "organiser", **changes: Any) -> None:
    """Form a team of three, two of whom score."""
    one, two, three = (city.people[name].id for name in INSPECTORS[:3])
    data = {
        "team_leader": one,
        "team_members": [two, three],
        "team_scorers": [one, two],
        "visit_day": day,
        "no_conflict": True,
    }
    city.do(who, "Form_team", "form", data | changes)


def score(city: City, who: str, off: Points | None = None, vetoes: Mapping[str, str] | None = None) -> None:
    """Let an inspector score: full points but for those taken `off`, no bonus."""
    given, found = off or {}, vetoes or {}

    def points(row: Any) -> float:
        return 0 if row.attributes["extra"] else row.attributes["full"] - given.get(row.id, 0)

    city.do(
        who,
        "Score",
        "submit",
        lambda view: {
            "sheet": rows_of(
                view,
                "sheet",
                awarded=points,
                deducted_for=lambda row: "不足" if given.get(row.id, 0) else None,
            ),
            "site_vetoes": rows_of(
                view,
                "site_vetoes",
                veto_found=lambda row: row.id in found,
                veto_facts=lambda row: found.get(row.id),
            ),
            "scored_alone": True,
        },
    )


def report(city: City, unit: str, **changes: Any) -> None:
    """Let the leader report and the unit acknowledge."""
    city.do("inspector-1", "Report", "report", {"report_summary": "情况"} | changes)
    city.do(f"of-{unit}", "Acknowledge", "acknowledge", {"received_by": "张三"})


def inspect(
    city: City, unit: str, day: str = "2026-08-12", off: Points | None = None, **changes: Any
) -> None:
    """Take an inspection from the team to the unit's acknowledgement, both inspectors scoring alike."""
    form_team(city, day)
    if city_day(city.now()).isoformat() < day:
        city.move_to(f"{day} 09:00")
    score(city, "inspector-1", off)
    score(city, "inspector-2", off)
    report(city, unit, **changes)


def to_the_office(city: City, unit: str, who: str, *, level: str = "city", **changes: Any) -> None:
    """Take an application from its beginning to the office's acceptance."""
    begin(city, unit, level)
    if city_day(city.now()).isoformat() < "2026-07-01":
        city.move_to("2026-07-01 09:00")
    fill(city, unit, **changes)
    review(city, who)
    forward(city, who)
    check(city)


def compile_pack(city: City, level: str = "city") -> None:
    """The office submits all who passed to the committee."""
    city.start("clerk", "deliberation", plan_year_id=year_id(city), level=level)
    city.do(
        "clerk",
        "Compile",
        "submit",
        lambda view: {"candidates": rows_of(view, "candidates", included=True), "meeting_day": "2026-09-15"},
    )


def deliberate(city: City, level: str = "city", said: Mapping[str, str] | None = None) -> None:
    """Take a deliberation from its start to the chair's signature; `said` is a vote by application id."""
    compile_pack(city, level)
    vote(city, said)
    city.do("chair", "Determine", "sign", {"minutes_number": "纪要1"})


def vote(city: City, said: Mapping[str, str] | None = None) -> None:
    """Let every member of the committee cast the same ballot, in favour unless `said` otherwise."""
    for who in ("chair", "member-1", "member-2"):
        city.do(
            who,
            "Vote",
            "cast",
            lambda view: {
                "votes_cast": rows_of(view, "votes_cast", said=lambda row: (said or {}).get(row.id, "favour"))
            },
        )


def post(city: City, who: str = "poster") -> None:
    """Post the public notice."""
    city.do(
        who,
        "Draft",
        "publish",
        {"notice_heading": "公示", "notice_body": "现予公示", "notice_contact": "000-1"},
    )


def extend(city: City, window: str, until: date, *, body: str | None = None) -> None:
    """Extend a window of the year by the committee's decision, for all or for one body."""
    with city.system.database.write() as connection:
        at = city.system.now(connection)
        windows.extend(
            connection,
            year_id(city),
            window,
            extended_to=until,
            authority="市创绿组委会",
            reason="暴雨",
            document_number="延1",
            decided_on=city_day(at),
            at=at,
            by=None,
            organisation_id=city.bodies[body] if body is not None else None,
        )


def name_them(city: City, number: str | None = None) -> None:
    """Take a naming decision from its draft to the chair's signature."""
    city.do(
        "clerk",
        "Draft",
        "submit",
        {"decision_heading": "决定", "decision_body": "命名", "given_number": number},
    )
    city.do("head", "Countersign", "agree")
    city.do("chair", "Sign", "sign", {"list_checked": True})


def revoke(city: City, title_id: str) -> None:
    """Revoke a title by a decision."""
    with city.system.database.write() as connection:
        at = city.system.now(connection)
        titles.set_state(
            connection,
            title_id,
            "revoked",
            reason="事故",
            decided_by="命名机关",
            decided_on=at.date(),
            decision_number="撤1",
            at=at,
        )
    assert title(city, title_id).state == "revoked"


def suspend(city: City, title_id: str) -> None:
    """Suspend a title by a decision."""
    with city.system.database.write() as connection:
        at = city.system.now(connection)
        titles.set_state(
            connection, title_id, "suspended", reason="调查", decided_by="命名机关", at=at
        )


def decide(city: City, key: str, value: object) -> None:
    """Decide a setting of the year."""
    with city.system.database.write() as connection:
        settings.change(connection, year_id(city), key, value, at=city.system.now(connection), by=None)


def _add(city: City, login: str, role: str, organisation: str) -> None:
    with city.system.database.write() as connection:
        at = city.system.now(connection)
        known = city.people.get(login)
        person = known.id if known else people.insert_person(connection, login, login, at=at)
        people.insert_membership(connection, person, role, organisation, at=at, valid_from=SINCE)
        city.people[login] = people.load(connection, person, city_day(at))
