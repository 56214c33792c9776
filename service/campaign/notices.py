"""Public notices: posting units with names withheld where they must be, objections, and how each came out (G3)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, insert, select, update

from service.campaign.calendar import end_of
from service.clock import city_day
from service.errors import Conflict, Invalid, NotFound, Text
from service.identity.organisations import REDACTED
from service.store.application import application
from service.store.identity import organisation, unit_profile
from service.store.ids import new_id
from service.store.notice import notice, notice_item, notice_objection

#: States of a posted unit: while posted, held for an objection, free of one, or ruled out by one.
POSTED, HELD, CLEARED, UPHELD = "posted", "held", "cleared", "upheld"


@dataclass(frozen=True, slots=True)
class Notice:
    """A public notice; its period ends with 24:00 of `closes_on`."""

    id: str
    subject_id: str
    plan_year_id: str
    level: str
    publisher_id: str
    matter_id: str
    number: str
    heading: str
    body: str
    contact: str
    published_at: datetime
    closes_on: date
    closed_at: datetime | None
    result: str


@dataclass(frozen=True, slots=True)
class Item:
    """A posted unit, as it was named in public."""

    application_id: str
    position: int
    posted_name: str
    state: str


@dataclass(frozen=True, slots=True)
class Objection:
    """An objection and its finding; `upheld` None while it is being verified."""

    id: str
    notice_id: str
    application_id: str
    real_name: bool
    objector: str
    facts: str
    received_at: datetime
    finding: str
    upheld: bool | None


def get(connection: Connection, notice_id: str) -> Notice:
    """Return a notice. Raises `NotFound`."""
    row = connection.execute(select(notice).where(notice.c.id == notice_id)).mappings().one_or_none()
    if row is None:
        raise NotFound(Text("没有这份公示", "There is no such notice"))
    return _read(row)


def list_notices(connection: Connection, *, plan_year_id: str | None = None) -> list[Notice]:
    """Return notices, newest first."""
    query = select(notice).order_by(notice.c.published_at.desc(), notice.c.id)
    if plan_year_id is not None:
        query = query.where(notice.c.plan_year_id == plan_year_id)
    return [_read(row) for row in connection.execute(query).mappings()]


def items(connection: Connection, notice_id: str) -> list[Item]:
    """Return the posted units in order."""
    rows = connection.execute(
        select(notice_item).where(notice_item.c.notice_id == notice_id).order_by(notice_item.c.position)
    )
    return [Item(row.application_id, row.position, row.posted_name, row.state) for row in rows]


def objections(connection: Connection, notice_id: str) -> list[Objection]:
    """Return the objections to a notice, oldest first."""
    rows = connection.execute(
        select(notice_objection)
        .where(notice_objection.c.notice_id == notice_id)
        .order_by(notice_objection.c.received_at, notice_objection.c.id)
    )
    return [
        Objection(**{name: row[name] for name in Objection.__dataclass_fields__}) for row in rows.mappings()
    ]


def publish(
    connection: Connection,
    *,
    subject_id: str,
    plan_year_id: str,
    level: str,
    publisher_id: str,
    applications: Sequence[str],
    number: str,
    heading: str,
    body: str,
    contact: str,
    closes_on: date,
    matter_id: str,
    at: datetime,
) -> Notice:
    """Post units from `at` to the end of `closes_on`; military ones are posted without their name (R09).

    Raises `Invalid` without units, contact, or for a last day that is over.
    """
    if not applications:
        raise Invalid(Text("公示名单为空", "There is nobody to post"))
    if not contact.strip():
        raise Invalid(Text("公示须写明异议联系方式", "A notice says where objections go"))
    if closes_on < city_day(at):
        raise Invalid(Text("公示截止日已过", "The last day of the notice is over"))
    notice_id = new_id()
    connection.execute(
        insert(notice).values(
            id=notice_id,
            subject_id=subject_id,
            plan_year_id=plan_year_id,
            level=level,
            publisher_id=publisher_id,
            matter_id=matter_id,
            number=number,
            heading=heading,
            body=body,
            contact=contact,
            published_at=at,
            closes_on=closes_on,
            result="",
        )
    )
    names = _posted_names(connection, applications)
    connection.execute(
        insert(notice_item),
        [
            {
                "notice_id": notice_id,
                "application_id": one,
                "position": position,
                "posted_name": names[one],
                "state": POSTED,
            }
            for position, one in enumerate(dict.fromkeys(applications), 1)
        ],
    )
    return get(connection, notice_id)


def object_to(
    connection: Connection,
    notice_id: str,
    application_id: str,
    *,
    real_name: bool,
    objector: str,
    facts: str,
    names_only: bool,
    at: datetime,
    by: str | None,
) -> Objection:
    """Record an objection to a posted unit, which is held until it is settled.

    Without a name it needs facts; with `names_only` it needs a name too. Raises `Invalid`, or `Conflict` once the
    period is over.
    """
    one = get(connection, notice_id)
    if one.closed_at is not None or at >= end_of(one.closes_on):
        raise Conflict(Text("公示期已满，不再受理异议", "The period is over; objections are taken no more"))
    if application_id not in {item.application_id for item in items(connection, notice_id)}:
        raise Invalid(Text("该单位不在公示名单中", "This unit is not posted"))
    if names_only and not real_name:
        raise Invalid(Text("本年度只受理实名异议", "This year takes objections by real name only"))
    if real_name and not objector.strip():
        raise Invalid(Text("实名异议须登记异议人", "An objection by real name needs the name"))
    if not facts.strip():
        raise Invalid(Text("异议须有具体事实", "An objection needs facts"))
    objection_id = new_id()
    connection.execute(
        insert(notice_objection).values(
            id=objection_id,
            notice_id=notice_id,
            application_id=application_id,
            real_name=real_name,
            objector=objector,
            facts=facts,
            received_at=at,
            received_by=by,
            finding="",
        )
    )
    _set_item(connection, notice_id, application_id, HELD)
    return next(one for one in objections(connection, notice_id) if one.id == objection_id)


def close(connection: Connection, notice_id: str, *, result: str, at: datetime) -> Notice:
    """Close a notice after its period: who was not objected to is cleared. Raises `Conflict` before its end."""
    one = get(connection, notice_id)
    if one.closed_at is not None:
        raise Conflict(Text("公示已经结束", "The notice is closed already"))
    if at < end_of(one.closes_on):
        raise Conflict(
            Text(
                f"公示期至 {one.closes_on} 24:00，尚未届满",
                f"The notice runs until 24:00 of {one.closes_on}",
            )
        )
    connection.execute(update(notice).where(notice.c.id == notice_id).values(closed_at=at, result=result))
    for item in items(connection, notice_id):
        if item.state == POSTED:
            _set_item(connection, notice_id, item.application_id, CLEARED)
    return get(connection, notice_id)


def settle(
    connection: Connection,
    notice_id: str,
    findings: Mapping[str, tuple[bool, str]],
    *,
    at: datetime,
    by: str | None,
) -> dict[str, bool]:
    """Settle the objections to held units: application id to whether they were upheld, and the finding.

    Raises `Invalid` when a held unit lacks a finding. Returns application id to whether it was upheld.
    """
    held = [one.application_id for one in items(connection, notice_id) if one.state == HELD]
    missing = [one for one in held if one not in findings or not findings[one][1].strip()]
    if missing:
        raise Invalid(Text("每个有异议的单位都须有核查结论", "Every unit objected to needs a finding"))
    for application_id in held:
        upheld, finding = findings[application_id]
        connection.execute(
            update(notice_objection)
            .where(
                notice_objection.c.notice_id == notice_id,
                notice_objection.c.application_id == application_id,
            )
            .values(upheld=upheld, finding=finding, settled_at=at, settled_by=by)
        )
        _set_item(connection, notice_id, application_id, UPHELD if upheld else CLEARED)
    return {one: findings[one][0] for one in held}


def is_cleared(connection: Connection, application_id: str) -> bool:
    """Whether an application came through a closed notice without an objection that was upheld."""
    state = connection.scalar(
        select(notice_item.c.state)
        .join(notice, notice.c.id == notice_item.c.notice_id)
        .where(notice_item.c.application_id == application_id, notice.c.closed_at.is_not(None))
        .order_by(notice.c.published_at.desc())
        .limit(1)
    )
    return state == CLEARED


def _set_item(connection: Connection, notice_id: str, application_id: str, state: str) -> None:
    connection.execute(
        update(notice_item)
        .where(notice_item.c.notice_id == notice_id, notice_item.c.application_id == application_id)
        .values(state=state)
    )


def _posted_names(connection: Connection, applications: Sequence[str]) -> dict[str, str]:
    rows: Any = connection.execute(
        select(application.c.id, organisation.c.name, unit_profile.c.military)
        .join(organisation, organisation.c.id == application.c.unit_id)
        .outerjoin(unit_profile, unit_profile.c.organisation_id == organisation.c.id)
        .where(application.c.id.in_(list(applications)))
    )
    names = {row.id: REDACTED.zh if row.military else row.name for row in rows}
    unknown = [one for one in applications if one not in names]
    if unknown:
        raise NotFound(Text("没有这份申报", "There is no such application"), application=unknown[0])
    return names


def _read(row: RowMapping) -> Notice:
    return Notice(**{name: row[name] for name in Notice.__dataclass_fields__})
