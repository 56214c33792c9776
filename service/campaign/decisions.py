"""Deliberation and naming: votes counted with recusal, places by rank, and who may be named (R20, R22, R23)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Connection, insert, select

from service.campaign import applications, inspections, notices, plans, quotas
from service.errors import Conflict, Invalid, NotFound, Text
from service.store.application import naming_decision, naming_item
from service.store.ids import new_id


@dataclass(frozen=True, slots=True)
class Ballot:
    """What one member of the committee said of one application; `stands_aside` leaves it to the others."""

    person_id: str
    application_id: str
    in_favour: bool
    stands_aside: bool


@dataclass(frozen=True, slots=True)
class Verdict:
    """How one application came out; `waits`: found worthy, but there is no place for it (G14)."""

    application_id: str
    in_favour: int
    counted: int
    worthy: bool
    waits: bool


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Why an application cannot be named now; `pending`: the title below waits for its re-inspection."""

    application_id: str
    text: Text
    pending: bool = False


@dataclass(frozen=True, slots=True)
class Decision:
    """A decision that names units, with its document."""

    id: str
    plan_year_id: str
    level: str
    authority_id: str
    document_number: str
    document_title: str
    decided_on: date
    decided_by: str | None
    matter_id: str


def count(
    connection: Connection,
    plan_year_id: str,
    level: str,
    items: Sequence[str],
    ballots: Sequence[Ballot],
    *,
    needed: float,
    excess_waits: bool,
    taken_states: Sequence[str],
) -> list[Verdict]:
    """Count the committee's ballots on `items`: worthy is what more than the share `needed` of the votes favours.

    Who declared a relation to a unit does not count, whatever they said. With `excess_waits` the worthy ones of
    a recommending body beyond its places wait, lower scores first; places are taken by applications in one of
    `taken_states`.
    """
    worthy: dict[str, tuple[int, int]] = {}
    found: list[Verdict] = []
    for item in items:
        mine = applications.get(connection, item)
        given = {one.person_id: one for one in ballots if one.application_id == item}
        aside = set(inspections.conflicted(connection, mine.unit_id, given))
        counted = [one for one in given.values() if one.person_id not in aside and not one.stands_aside]
        favour = sum(one.in_favour for one in counted)
        worthy[item] = (favour, len(counted))
    waiting = _beyond_places(
        connection,
        plan_year_id,
        level,
        [item for item, (favour, cast) in worthy.items() if cast and favour > needed * cast],
        taken_states,
    )
    for item, (favour, cast) in worthy.items():
        passes = bool(cast) and favour > needed * cast
        found.append(Verdict(item, favour, cast, passes, passes and excess_waits and item in waiting))
    return found


def places_left(
    connection: Connection, plan_year_id: str, level: str, organisation_id: str, taken_states: Sequence[str]
) -> int:
    """Return the places an organisation has left at a level."""
    taken = quotas.places_taken(connection, plan_year_id, organisation_id, level, taken_states)
    return quotas.places(connection, plan_year_id, organisation_id, level) - taken


def obstacles(
    connection: Connection,
    items: Sequence[str],
    *,
    entries: Mapping[str, str],
    cooling_months: int,
    notice_required: bool,
    pending_supports: bool,
    day: date,
) -> list[Obstacle]:
    """Return why some of `items` cannot be named today: prerequisite, consent, notice, inspection (R20a, R23).

    `entries` gives the entry level by channel. Nobody is named without a title one level below or the
    committee's consent, nor without a closed notice where one is on, nor with a failed inspection.
    """
    found: list[Obstacle] = []
    for item in items:
        mine = applications.get(connection, item)
        entry = entries.get(mine.channel)
        if entry is None:
            raise NotFound(
                Text(f"没有渠道 {mine.channel} 的起始级别", f"No entry level for channel {mine.channel}")
            )
        standing = applications.standing(
            connection, item, entry=entry, cooling_months=cooling_months, day=day
        )
        supported = (
            standing.needs_none
            or standing.has_prerequisite
            or standing.consented
            or (pending_supports and standing.prerequisite_expired)
        )
        checked = inspections.of_subject(connection, item)
        for wrong, zh, en in (
            (mine.closed, "申报已办结", "the application is closed"),
            (standing.holds, "已持有该级称号", "it holds this title already"),
            (standing.cooling, "取消称号后的间隔期未满", "the time after a revocation is not over"),
            (
                not supported,
                "没有下一级现行称号，也没有越级同意",
                "neither a title one level below nor a consent",
            ),
            (
                notice_required and not notices.is_cleared(connection, item),
                "公示未完成",
                "no notice was closed",
            ),
            (not checked or checked[-1].state != "passed", "检查验收未合格", "it did not pass an inspection"),
        ):
            if wrong:
                pending = not supported and standing.prerequisite_pending
                found.append(Obstacle(item, Text(zh, en), pending))
                break
    return found


def record(
    connection: Connection,
    *,
    plan_year_id: str,
    level: str,
    authority_id: str,
    document_number: str,
    document_title: str,
    decided_on: date,
    decided_by: str | None,
    matter_id: str,
    instance_id: str,
    named: Sequence[tuple[str, str]],
    at: datetime,
) -> Decision:
    """Record a signed naming decision with the applications and titles it names, in order.

    Raises `Invalid` without a document number or names, `Conflict` for a number used before.
    """
    if not document_number.strip() or not named:
        raise Invalid(Text("命名决定须有文号和名单", "A naming decision needs its number and its list"))
    if connection.scalar(
        select(naming_decision.c.id).where(naming_decision.c.document_number == document_number.strip())
    ):
        raise Conflict(
            Text(f"文号 {document_number} 已使用", f"The document number {document_number} was used before")
        )
    decision_id = new_id()
    connection.execute(
        insert(naming_decision).values(
            id=decision_id,
            plan_year_id=plan_year_id,
            level=level,
            authority_id=authority_id,
            document_number=document_number.strip(),
            document_title=document_title,
            decided_on=decided_on,
            decided_by=decided_by,
            matter_id=matter_id,
            instance_id=instance_id,
            recorded_at=at,
        )
    )
    connection.execute(
        insert(naming_item),
        [
            {
                "decision_id": decision_id,
                "application_id": application_id,
                "position": position,
                "title_id": title_id,
                "facts": {},
            }
            for position, (application_id, title_id) in enumerate(named, 1)
        ],
    )
    return get(connection, decision_id)


def get(connection: Connection, decision_id: str) -> Decision:
    """Return a naming decision. Raises `NotFound`."""
    row = (
        connection.execute(select(naming_decision).where(naming_decision.c.id == decision_id))
        .mappings()
        .one_or_none()
    )
    if row is None:
        raise NotFound(Text("没有这份命名决定", "There is no such naming decision"))
    return Decision(**{name: row[name] for name in Decision.__dataclass_fields__})


def list_decisions(connection: Connection, plan_year_id: str) -> list[Decision]:
    """Return the naming decisions of a plan year, oldest first."""
    rows = connection.scalars(
        select(naming_decision.c.id)
        .where(naming_decision.c.plan_year_id == plan_year_id)
        .order_by(naming_decision.c.decided_on, naming_decision.c.id)
    )
    return [get(connection, one) for one in rows]


def named(connection: Connection, decision_id: str) -> list[tuple[str, str]]:
    """Return what a decision names, in order: application id and title id."""
    rows = connection.execute(
        select(naming_item.c.application_id, naming_item.c.title_id)
        .where(naming_item.c.decision_id == decision_id)
        .order_by(naming_item.c.position)
    )
    return [(row.application_id, row.title_id) for row in rows]


def level_label(connection: Connection, plan_year_id: str, level: str) -> Text:
    """Return what a level is called in a plan year. Raises `NotFound`."""
    for one in plans.levels(connection, plan_year_id):
        if one.code == level:
            return one.label
    raise NotFound(Text(f"没有级别 {level}", f"There is no level {level}"), level=level)


def _beyond_places(
    connection: Connection,
    plan_year_id: str,
    level: str,
    items: Sequence[str],
    taken_states: Sequence[str],
) -> set[str]:
    by_body: dict[str, list[applications.Application]] = {}
    for item in items:
        mine = applications.get(connection, item)
        by_body.setdefault(mine.recommender_id, []).append(mine)
    beyond: set[str] = set()
    for body, theirs in by_body.items():
        left = places_left(connection, plan_year_id, level, body, taken_states)
        ranked = sorted(theirs, key=lambda one: (-(one.score or 0), one.arrived_at or one.opened_at, one.id))
        beyond |= {one.id for one in ranked[max(0, left) :]}
    return beyond
