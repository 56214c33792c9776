"""Applications of units: opening, standing by titles held (R20), submission, arrival at the office (R13), states."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, func, insert, select, update

from service.campaign import bodies, chains, plans, titles, windows
from service.clock import city_day
from service.errors import Conflict, NotFound, Text
from service.store.application import application, application_change
from service.store.identity import organisation, unit_profile
from service.store.ids import new_id
from service.store.plan import creation_target
from service.store.procedure import task


@dataclass(frozen=True, slots=True)
class Application:
    """An application as it stands; instants are UTC, `in_time` None before it arrived at the office."""

    id: str
    plan_year_id: str
    unit_id: str
    level: str
    channel: str
    recommender_id: str
    county_id: str | None
    matter_id: str
    state: str
    closed: bool
    skip: bool
    consented: bool
    corrections: int
    number: str | None
    self_score: float | None
    score: float | None
    opened_at: datetime
    submitted_at: datetime | None
    forwarded_at: datetime | None
    arrived_at: datetime | None
    in_time: bool | None
    previous_id: str | None


@dataclass(frozen=True, slots=True)
class UnitFacts:
    """What routing reads of a unit (R08 to R10), and which bodies its channels lead to."""

    name: str
    kind: str
    military: bool
    department_id: str | None
    county_id: str | None
    military_body_id: str | None


@dataclass(frozen=True, slots=True)
class Standing:
    """What a unit's titles say about an application at a level today (R20)."""

    holds: bool
    duplicate: bool
    cooling: bool
    below_entry: bool
    needs_none: bool
    has_prerequisite: bool
    prerequisite_pending: bool
    #: Whether that is for its term alone; a title somebody suspended supports nothing, whatever the year says (G8).
    prerequisite_expired: bool
    #: The title one level below that waits for its re-inspection or is suspended.
    pending_title_id: str | None
    consented: bool
    next_level: str | None


def get(connection: Connection, application_id: str) -> Application:
    """Return an application. Raises `NotFound`."""
    row = (
        connection.execute(select(application).where(application.c.id == application_id))
        .mappings()
        .one_or_none()
    )
    if row is None:
        raise NotFound(Text("没有这份申报", "There is no such application"))
    return _read(row)


def list_applications(
    connection: Connection,
    plan_year_id: str,
    *,
    level: str | None = None,
    states: Sequence[str] | None = None,
    unit_id: str | None = None,
) -> list[Application]:
    """Return the applications of a plan year in the order they were opened."""
    query = select(application).where(application.c.plan_year_id == plan_year_id)
    if level is not None:
        query = query.where(application.c.level == level)
    if states is not None:
        query = query.where(application.c.state.in_(list(states)))
    if unit_id is not None:
        query = query.where(application.c.unit_id == unit_id)
    rows = connection.execute(query.order_by(application.c.opened_at, application.c.id))
    return [_read(row) for row in rows.mappings()]


def unit_facts(
    connection: Connection, unit_id: str, *, county_kind: str, military_kind: str, day: date
) -> UnitFacts:
    """Return what decides a unit's channel; bodies are those that take part on `day`. Raises `NotFound`.

    A unit in an area that takes no part has no county.
    """
    row = connection.execute(
        select(
            organisation.c.name,
            organisation.c.area_code,
            organisation.c.parent_id,
            unit_profile.c.unit_kind,
            unit_profile.c.military,
            unit_profile.c.municipal_department_id,
        )
        .join(unit_profile, unit_profile.c.organisation_id == organisation.c.id)
        .where(organisation.c.id == unit_id)
    ).one_or_none()
    if row is None:
        raise NotFound(Text("没有这个单位的档案", "There is no profile of this unit"), unit=unit_id)
    counties = bodies.participating(connection, [county_kind], day)
    military = [one.id for one in bodies.participating(connection, [military_kind], day)]
    above = row.parent_id if row.parent_id in military else next(iter(military), None)
    return UnitFacts(
        name=row.name,
        kind=row.unit_kind,
        military=row.military,
        department_id=row.municipal_department_id,
        county_id=next((one.id for one in counties if one.area_code == row.area_code), None),
        military_body_id=above,
    )


def body_of_kind(connection: Connection, kind: str, day: date) -> str:
    """Return the one organisation of a kind that is in being on `day`. Raises `NotFound`."""
    found = bodies.participating(connection, [kind], day)
    if not found:
        raise NotFound(
            Text(f"没有类别为 {kind} 的机构", f"There is no organisation of kind {kind}"), kind=kind
        )
    return found[0].id


def open_application(
    connection: Connection,
    *,
    unit_id: str,
    plan_year_id: str,
    level: str,
    channel: str,
    recommender_id: str,
    county_id: str | None,
    skip: bool,
    state: str,
    number: str,
    matter_id: str,
    at: datetime,
    actor_id: str | None,
    instance_id: str | None,
) -> Application:
    """Open a unit's application at a level; it continues the unit's last closed one at that level.

    One unit may have one open application at a level in a plan year; whether it has another is told by
    `standing`, so that the unit hears why it is refused. Raises `Conflict` when this matter has one already.
    """
    known = connection.scalar(select(application.c.id).where(application.c.matter_id == matter_id))
    if known is not None:
        raise Conflict(Text("本事项已有申报", "This matter has an application already"))
    previous = connection.scalar(
        select(application.c.id)
        .where(application.c.unit_id == unit_id, application.c.level == level, application.c.closed)
        .order_by(application.c.opened_at.desc())
        .limit(1)
    )
    application_id = new_id()
    connection.execute(
        insert(application).values(
            id=application_id,
            plan_year_id=plan_year_id,
            unit_id=unit_id,
            level=level,
            channel=channel,
            recommender_id=recommender_id,
            county_id=county_id,
            matter_id=matter_id,
            state=state,
            closed=False,
            skip=skip,
            consented=False,
            corrections=0,
            number=number,
            opened_at=at,
            previous_id=previous,
        )
    )
    _write_change(
        connection,
        application_id,
        at=at,
        from_state=None,
        to_state=state,
        reason="",
        authority="",
        document_number=None,
        actor_id=actor_id,
        instance_id=instance_id,
    )
    return get(connection, application_id)


def standing(
    connection: Connection,
    application_id: str,
    *,
    entry: str,
    cooling_months: int,
    joining: bool = False,
    day: date,
) -> Standing:
    """Return what the unit's titles say on `day` about its application (R20, R20a).

    `entry` is the level at which units of the channel begin (G10): from there on a title one level below
    is needed. For `cooling_months` after a revocation a unit may not apply. One that is `joining` its level gives
    way to any other open one of the unit at it; of two that joined at once only the later one gives way.
    """
    mine = get(connection, application_id)
    order = [one.code for one in plans.levels(connection, mine.plan_year_id)]
    held = titles.of_unit(connection, mine.unit_id)
    target, first = order.index(mine.level), order.index(entry)
    below = [one for one in held if target > 0 and one.level == order[target - 1]]
    counting = [order.index(one.level) for one in held if one.level in order and one.counts_on(day)]
    expired = [
        one.id
        for one in below
        if one.state == "pending_reinspection" or (one.state == "active" and not one.counts_on(day))
    ]
    pending = next(iter(expired + [one.id for one in below if one.state == "suspended"]), None)
    above = max([first, *(index + 1 for index in counting)])
    return Standing(
        holds=any(
            one.level == mine.level
            and (one.counts_on(day) or one.state in ("suspended", "pending_reinspection"))
            for one in held
        ),
        duplicate=_has_other(connection, mine, joining=joining),
        cooling=chains.cooling(connection, mine.unit_id, cooling_months, day),
        below_entry=target < first,
        needs_none=target == first,
        has_prerequisite=any(one.counts_on(day) for one in below),
        prerequisite_pending=pending is not None,
        prerequisite_expired=bool(expired),
        pending_title_id=pending,
        consented=mine.consented,
        next_level=order[above] if above < len(order) else None,
    )


def submit(
    connection: Connection,
    application_id: str,
    *,
    window: str | None,
    late: bool,
    self_score: float | None,
    at: datetime,
) -> Application:
    """Record the unit's submission. With a `window` it must be open, unless the unit says that it is late (R13).

    A window that has not opened yet refuses late ones too. Raises `Conflict`, saying which window and since when.
    """
    mine = _require_open(connection, application_id)
    if window is not None:
        span = windows.read_window(
            connection,
            mine.plan_year_id,
            window,
            organisation_id=mine.recommender_id,
            unit_id=mine.unit_id,
        )
        if not (late and span.window.state(at).kind == "closed"):
            windows.require_open(
                connection,
                mine.plan_year_id,
                window,
                at,
                organisation_id=mine.recommender_id,
                unit_id=mine.unit_id,
            )
    connection.execute(
        update(application)
        .where(application.c.id == application_id)
        .values(submitted_at=at, self_score=self_score)
    )
    return get(connection, application_id)


def forward(connection: Connection, application_id: str, *, window: str, at: datetime) -> Application:
    """Record that the recommending body sent it to the office, where it arrives at once (R13).

    In time is what arrives before 24:00 of the window's last day, extensions for this body and unit included.
    A second forwarding after a correction keeps the first arrival. Raises `Conflict` before the window opens.
    """
    mine = _require_open(connection, application_id)
    span = windows.read_window(
        connection, mine.plan_year_id, window, organisation_id=mine.recommender_id, unit_id=mine.unit_id
    )
    if span.window.state(at).kind == "not_open":
        windows.require_open(connection, mine.plan_year_id, window, at)
    values: dict[str, Any] = {"forwarded_at": at}
    if mine.arrived_at is None:
        values |= {"arrived_at": at, "in_time": span.window.contains(at)}
    connection.execute(update(application).where(application.c.id == application_id).values(**values))
    return get(connection, application_id)


def days_late(connection: Connection, application_id: str, window: str) -> int:
    """Return how many days after the window's last day it arrived at the office; 0 when in time."""
    mine = get(connection, application_id)
    if mine.arrived_at is None or mine.in_time:
        return 0
    span = windows.read_window(
        connection, mine.plan_year_id, window, organisation_id=mine.recommender_id, unit_id=mine.unit_id
    )
    return max(0, (city_day(mine.arrived_at) - span.window.last_day).days)


def count_correction(connection: Connection, application_id: str, most: int) -> Application:
    """Count one more round of correction by the office. Raises `Conflict` when there were `most` already (R30)."""
    mine = _require_open(connection, application_id)
    if mine.corrections >= most:
        raise Conflict(
            Text(
                f"已补正 {mine.corrections} 轮，达到上限 {most} 轮；只能受理或不予受理",
                f"It was corrected {mine.corrections} times, {most} are allowed; accept or refuse it",
            )
        )
    connection.execute(
        update(application).where(application.c.id == application_id).values(corrections=mine.corrections + 1)
    )
    return get(connection, application_id)


def set_level(connection: Connection, application_id: str, level: str) -> Application:
    """Turn to another level, keeping what was filled in (a refused skip is offered the normal one)."""
    _require_open(connection, application_id)
    connection.execute(
        update(application).where(application.c.id == application_id).values(level=level, skip=False)
    )
    return get(connection, application_id)


def record_consent(connection: Connection, application_id: str) -> Application:
    """Record that the committee let the unit skip levels with this application (R21); it holds for no other."""
    _require_open(connection, application_id)
    connection.execute(update(application).where(application.c.id == application_id).values(consented=True))
    return get(connection, application_id)


def set_score(connection: Connection, application_id: str, score: float) -> None:
    """Keep the inspection's score, by which applications are ranked."""
    connection.execute(update(application).where(application.c.id == application_id).values(score=score))


def set_state(
    connection: Connection,
    application_id: str,
    state: str,
    *,
    reason: str = "",
    authority: str = "",
    document_number: str | None = None,
    closed: bool = False,
    at: datetime,
    actor_id: str | None = None,
    instance_id: str | None = None,
) -> Application:
    """Change an application's state, keeping who decided it by which authority. Raises `Conflict` once closed."""
    before = _require_open(connection, application_id)
    connection.execute(
        update(application).where(application.c.id == application_id).values(state=state, closed=closed)
    )
    _write_change(
        connection,
        application_id,
        at=at,
        from_state=before.state,
        to_state=state,
        reason=reason,
        authority=authority,
        document_number=document_number,
        actor_id=actor_id,
        instance_id=instance_id,
    )
    return get(connection, application_id)


def is_target(connection: Connection, application_id: str) -> bool:
    """Whether the unit is on its recommending body's list of targets at this level this year (R11, G16)."""
    mine = get(connection, application_id)
    found = connection.scalar(
        select(creation_target.c.id)
        .where(
            creation_target.c.plan_year_id == mine.plan_year_id,
            creation_target.c.organisation_id == mine.recommender_id,
            creation_target.c.unit_id == mine.unit_id,
            creation_target.c.level == mine.level,
            creation_target.c.state == "planned",
        )
        .limit(1)
    )
    return found is not None


def last_submitted(connection: Connection, unit_id: str, *, form: str, besides: str) -> Mapping[str, Any]:
    """Return what a unit last submitted with `form` in another matter; nothing when there is none."""
    data = connection.scalar(
        select(task.c.data)
        .join(application, application.c.matter_id == task.c.matter_id)
        .where(
            application.c.unit_id == unit_id,
            task.c.form == form,
            task.c.state == "done",
            task.c.matter_id != besides,
        )
        .order_by(task.c.closed_at.desc())
        .limit(1)
    )
    return data or {}


def _require_open(connection: Connection, application_id: str) -> Application:
    mine = get(connection, application_id)
    if mine.closed:
        raise Conflict(Text("这份申报已经办结，不能再改", "This application is closed and stays as it is"))
    return mine


def _has_other(connection: Connection, mine: Application, *, joining: bool) -> bool:
    other = connection.scalar(
        select(application.c.id)
        .where(
            application.c.unit_id == mine.unit_id,
            application.c.plan_year_id == mine.plan_year_id,
            application.c.level == mine.level,
            application.c.closed.is_(False),
            application.c.id != mine.id if joining else application.c.id < mine.id,
        )
        .limit(1)
    )
    return other is not None


def _write_change(connection: Connection, application_id: str, **values: Any) -> None:
    last = connection.scalar(
        select(func.max(application_change.c.seq)).where(
            application_change.c.application_id == application_id
        )
    )
    connection.execute(
        insert(application_change).values(
            id=new_id(), application_id=application_id, seq=(last or 0) + 1, **values
        )
    )


def _read(row: RowMapping) -> Application:
    return Application(**{name: row[name] for name in Application.__dataclass_fields__})
