"""A unit's place in the naming chain: what it holds, and how an application at a level would stand (R20, R21)."""

from dataclasses import dataclass
from datetime import date

from sqlalchemy import Connection, select

from service.campaign import plans, titles
from service.campaign.calendar import add_months
from service.errors import Invalid, Text
from service.store.application import application
from service.store.title import title, title_change


@dataclass(frozen=True, slots=True)
class Position:
    """How an application of a unit at a level would stand today.

    `standing` is `held` (it holds the level), `open` (an application at it goes on this year), `cooling` (a
    revocation is too recent), `below` (it stands above that level already) or `free`; `gap` is the number of
    levels that would be skipped, `titles` the number of titles that count.
    """

    standing: str
    gap: int
    titles: int


def position(
    connection: Connection,
    *,
    unit_id: str,
    plan_year_id: str,
    level: str,
    entry: str,
    cooling_months: int,
    day: date,
    pending_supports: bool = False,
) -> Position:
    """Return a unit's position towards `level` in a plan year on `day`; `entry` is where its channel begins (G10).

    With `pending_supports` a title that waits for its re-inspection counts as one in force does (G8).
    Raises `Invalid` for a level the year does not have.
    """
    order = [one.code for one in plans.levels(connection, plan_year_id)]
    for one in (level, entry):
        if one not in order:
            raise Invalid(Text(f"本年度没有级别 {one}", f"This plan year has no level {one}"), level=one)
    held = titles.of_unit(connection, unit_id)
    target, first = order.index(level), order.index(entry)
    counting = [
        order.index(one.level)
        for one in held
        if one.level in order
        and (one.counts_on(day) or (pending_supports and one.state == "pending_reinspection"))
    ]
    above = max([first, *(index + 1 for index in counting)])
    if any(one.level == level and one.state not in ("revoked", "ended") for one in held):
        standing = "held"
    elif _is_open(connection, unit_id, plan_year_id, level):
        standing = "open"
    elif cooling(connection, unit_id, cooling_months, day):
        standing = "cooling"
    elif target < first or target in counting or (target < above and target != first):
        standing = "below"
    else:
        standing = "free"
    return Position(standing, max(0, target - above), len(counting))


def cooling(connection: Connection, unit_id: str, months: int, day: date) -> bool:
    """Return whether a title of the unit was revoked less than `months` before `day`; never for none."""
    if months == 0:
        return False
    revoked = connection.scalars(
        select(title_change.c.decided_on)
        .join(title, title.c.id == title_change.c.title_id)
        .where(title.c.unit_id == unit_id, title.c.state == "revoked", title_change.c.to_state == "revoked")
    )
    return any(one is not None and day <= add_months(one, months) for one in revoked)


def open_applications(connection: Connection, unit_id: str) -> list[str]:
    """Return the ids of a unit's applications that go on, oldest first."""
    query = (
        select(application.c.id)
        .where(application.c.unit_id == unit_id, application.c.closed.is_(False))
        .order_by(application.c.opened_at, application.c.id)
    )
    return list(connection.scalars(query))


def summary(connection: Connection, unit_id: str, day: date) -> Text:
    """Return in words what a unit holds on `day`, for the chain's page."""
    held = [one for one in titles.of_unit(connection, unit_id) if one.state not in ("revoked", "ended")]
    if not held:
        return Text("尚无有效称号", "No title yet")
    words_zh = "、".join(f"{one.number}（{titles.STATE_NAMES[one.state].zh}）" for one in held)
    words_en = ", ".join(f"{one.number} ({titles.STATE_NAMES[one.state].en.lower()})" for one in held)
    return Text(words_zh[:80], words_en[:80])


def _is_open(connection: Connection, unit_id: str, plan_year_id: str, level: str) -> bool:
    found = connection.scalar(
        select(application.c.id)
        .where(
            application.c.unit_id == unit_id,
            application.c.plan_year_id == plan_year_id,
            application.c.level == level,
            application.c.closed.is_(False),
        )
        .limit(1)
    )
    return found is not None
