"""The counties' own yearly rounds: when units may apply at the county level, and who passed (G17, R22)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Connection, RowMapping, func, insert, select, update

from service.campaign import applications
from service.campaign.calendar import Window, start_of
from service.clock import city_day
from service.errors import Conflict, Invalid, NotFound, Text
from service.identity import organisations
from service.store.application import application, application_change
from service.store.county import county_round
from service.store.ids import new_id


@dataclass(frozen=True, slots=True)
class Round:
    """One county's round of a plan year; `closed_at` is None while units may still apply."""

    id: str
    plan_year_id: str
    county_org_id: str
    matter_id: str | None
    opens_on: date
    closes_on: date
    naming_by: date
    closed_at: datetime | None
    listed_at: datetime | None
    opened_at: datetime

    def contains(self, at: datetime) -> bool:
        """Whether units may apply at `at`: from 00:00 of the first day to 24:00 of the last, unless closed early."""
        return Window(self.opens_on, self.closes_on).contains(at) and (
            self.closed_at is None or at < self.closed_at
        )


def get(connection: Connection, round_id: str) -> Round:
    """Return a round. Raises `NotFound`."""
    row = (
        connection.execute(select(county_round).where(county_round.c.id == round_id)).mappings().one_or_none()
    )
    if row is None:
        raise NotFound(Text("没有这一轮县级申报", "There is no such county round"))
    return _read(row)


def find(connection: Connection, plan_year_id: str, county_id: str) -> Round | None:
    """Return a county's round of a plan year, None before the county has set its dates."""
    row = (
        connection.execute(
            select(county_round).where(
                county_round.c.plan_year_id == plan_year_id, county_round.c.county_org_id == county_id
            )
        )
        .mappings()
        .one_or_none()
    )
    return _read(row) if row is not None else None


def open_round(
    connection: Connection,
    plan_year_id: str,
    county_id: str,
    *,
    opens_on: date,
    closes_on: date,
    naming_by: date,
    matter_id: str | None,
    at: datetime,
) -> Round:
    """Set a county's dates of a year. Raises `Conflict` when it has set them, `Invalid` for a wrong order."""
    if find(connection, plan_year_id, county_id) is not None:
        raise Conflict(
            Text("本县本年度的申报期已经公布", "The county's round of this year was announced already")
        )
    Window(opens_on, closes_on)
    if naming_by < closes_on:
        raise Invalid(
            Text(
                f"命名时间 {naming_by} 早于申报截止 {closes_on}",
                f"Naming by {naming_by} is before {closes_on}, the close",
            )
        )
    if closes_on < city_day(at):
        raise Invalid(Text(f"申报截止 {closes_on} 已经过去", f"The closing day {closes_on} is over"))
    round_id = new_id()
    connection.execute(
        insert(county_round).values(
            id=round_id,
            plan_year_id=plan_year_id,
            county_org_id=county_id,
            matter_id=matter_id,
            opens_on=opens_on,
            closes_on=closes_on,
            naming_by=naming_by,
            opened_at=at,
        )
    )
    return get(connection, round_id)


def extend(connection: Connection, round_id: str, closes_on: date, *, at: datetime) -> Round:
    """Move a round's last day on, the naming with it where needed.

    Raises `Invalid` when the day is not later or over, `Conflict` when the round was closed.
    """
    known = get(connection, round_id)
    if known.closed_at is not None:
        raise Conflict(Text("本县申报期已经截止，不能再延长", "The round was closed and cannot be extended"))
    if closes_on <= known.closes_on or closes_on < city_day(at):
        raise Invalid(
            Text(
                f"新的截止日须晚于 {known.closes_on} 且不早于今天",
                f"The new closing day must be later than {known.closes_on}, and not over",
            )
        )
    connection.execute(
        update(county_round)
        .where(county_round.c.id == round_id)
        .values(closes_on=closes_on, naming_by=max(known.naming_by, closes_on))
    )
    return get(connection, round_id)


def close(connection: Connection, round_id: str, *, at: datetime) -> Round:
    """Close a round: nobody may apply any more. Closing it again changes nothing."""
    connection.execute(
        update(county_round)
        .where(county_round.c.id == round_id, county_round.c.closed_at.is_(None))
        .values(closed_at=at)
    )
    return get(connection, round_id)


def require_open(connection: Connection, plan_year_id: str, county_id: str, at: datetime) -> None:
    """Refuse an application outside the county's round: since when, and who may extend it. Raises `Conflict`."""
    county = organisations.get(connection, county_id).name
    known = find(connection, plan_year_id, county_id)
    if known is None:
        raise Conflict(
            Text(
                f"{county}尚未公布本年度县级申报的时间，请等待公布或与其联系",
                f"{county} has not announced this year's county applications yet; wait, or ask them",
            )
        )
    if known.contains(at):
        return
    if at < start_of(known.opens_on):
        raise Conflict(
            Text(
                f"{county}的县级申报将于 {known.opens_on} 00:00 开始，目前不能申报",
                f"County applications in {county} begin on {known.opens_on} at 00:00",
            ),
            opens_on=known.opens_on.isoformat(),
        )
    closed = city_day(known.closed_at) if known.closed_at is not None else known.closes_on
    closed = min(closed, known.closes_on)
    raise Conflict(
        Text(
            f"{county}的县级申报已于 {closed} 截止；可延期者：{county}",
            f"County applications in {county} closed on {closed}; who may extend it: {county}",
        ),
        closed_on=closed.isoformat(),
    )


def list_up(connection: Connection, round_id: str, *, at: datetime) -> Round:
    """Record that the round's list was drawn up."""
    connection.execute(
        update(county_round)
        .where(county_round.c.id == round_id, county_round.c.listed_at.is_(None))
        .values(listed_at=at)
    )
    return get(connection, round_id)


def in_time(
    connection: Connection, known: Round | None, application_id: str, state: str, at: datetime
) -> bool:
    """Return whether an application first came to `state` within the round: a correction does not make it late.

    One that never did counts as of `at`.
    """
    if known is None:
        return False
    first = connection.scalar(
        select(func.min(application_change.c.at)).where(
            application_change.c.application_id == application_id, application_change.c.to_state == state
        )
    )
    return known.contains(first or at)


def applications_of(
    connection: Connection, known: Round, level: str, states: Sequence[str] | None = None
) -> list[applications.Application]:
    """Return the round's applications at `level`, best score first; with `states` only those in one of them."""
    query = select(application.c.id).where(
        application.c.plan_year_id == known.plan_year_id,
        application.c.county_id == known.county_org_id,
        application.c.level == level,
    )
    if states is not None:
        query = query.where(application.c.state.in_(list(states)), application.c.closed.is_(False))
    found = [applications.get(connection, one) for one in connection.scalars(query)]
    return sorted(found, key=lambda one: (-(one.score or 0), one.opened_at, one.id))


def _read(row: RowMapping) -> Round:
    return Round(**{name: row[name] for name in Round.__dataclass_fields__})
