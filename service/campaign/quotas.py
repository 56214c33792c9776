"""The split of a plan year's places over organisations: drafts, answers, the split in force, places moved."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Connection, delete, func, insert, select, update

from service.campaign import plans
from service.errors import Conflict, Invalid, Text
from service.store.application import application
from service.store.identity import organisation
from service.store.ids import new_id
from service.store.plan import quota_allocation, quota_confirmation, quota_movement, quota_version


@dataclass(frozen=True, slots=True)
class Version:
    """One split of the places as a whole; exactly one is in force."""

    id: str
    plan_year_id: str
    number: int
    state: str
    reason: str
    authority: str | None
    document_number: str | None
    issued_on: date | None


@dataclass(frozen=True, slots=True)
class Share:
    """An organisation's places by level in a split, moved places included."""

    organisation_id: str
    name: str
    kind: str
    places: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Sum:
    """A level's sum over organisations against the plan's number (`target` None: the plan sets none)."""

    level: str
    label: Text
    allocated: int
    target: int | None

    @property
    def fits(self) -> bool:
        """Whether the split gives out exactly what the plan sets (R06)."""
        return self.target is None or self.allocated == self.target


def newest(connection: Connection, plan_year_id: str, *, state: str | None = None) -> Version | None:
    """Return the newest split of a plan year, of one state if asked for."""
    query = select(quota_version).where(quota_version.c.plan_year_id == plan_year_id)
    if state is not None:
        query = query.where(quota_version.c.state == state)
    row = connection.execute(query.order_by(quota_version.c.number.desc()).limit(1)).one_or_none()
    if row is None:
        return None
    return Version(
        row.id,
        row.plan_year_id,
        row.number,
        row.state,
        row.reason,
        row.authority,
        row.document_number,
        row.issued_on,
    )


def shares(connection: Connection, version_id: str) -> list[Share]:
    """Return who has how many places in a split, moved places included, by organisation code."""
    rows = connection.execute(
        select(
            quota_allocation.c.organisation_id,
            organisation.c.name,
            organisation.c.kind,
            quota_allocation.c.level,
            quota_allocation.c.places,
        )
        .join(organisation, organisation.c.id == quota_allocation.c.organisation_id)
        .where(quota_allocation.c.version_id == version_id)
        .order_by(organisation.c.code)
    ).all()
    found: dict[str, Share] = {}
    for row in rows:
        share = found.setdefault(row.organisation_id, Share(row.organisation_id, row.name, row.kind, {}))
        found[row.organisation_id] = Share(
            share.organisation_id, share.name, share.kind, {**share.places, row.level: row.places}
        )
    moved = connection.execute(select(quota_movement).where(quota_movement.c.version_id == version_id))
    for movement in moved:
        for organisation_id, change in (
            (movement.from_id, -movement.places),
            (movement.to_id, movement.places),
        ):
            if organisation_id in found:
                share = found[organisation_id]
                places = {**share.places, movement.level: share.places.get(movement.level, 0) + change}
                found[organisation_id] = Share(share.organisation_id, share.name, share.kind, places)
    return list(found.values())


def places(connection: Connection, plan_year_id: str, organisation_id: str, level: str) -> int:
    """Return the places an organisation has at a level in the split in force; 0 without a split."""
    version = newest(connection, plan_year_id, state="issued")
    if version is None:
        return 0
    found = (one for one in shares(connection, version.id) if one.organisation_id == organisation_id)
    return next((one.places.get(level, 0) for one in found), 0)


def places_taken(
    connection: Connection, plan_year_id: str, organisation_id: str, level: str, states: Sequence[str]
) -> int:
    """Return how many places an organisation's applications in one of `states` take at a level."""
    taken = connection.scalar(
        select(func.count())
        .select_from(application)
        .where(
            application.c.plan_year_id == plan_year_id,
            application.c.level == level,
            application.c.recommender_id == organisation_id,
            application.c.state.in_(list(states)),
        )
    )
    return int(taken or 0)


def sums(connection: Connection, version_id: str) -> list[Sum]:
    """Return each level's allocated sum against the plan's number (R06)."""
    plan_year_id = connection.scalar(
        select(quota_version.c.plan_year_id).where(quota_version.c.id == version_id)
    )
    allocated: dict[str, int] = {
        row.level: int(row.places)
        for row in connection.execute(
            select(quota_allocation.c.level, func.sum(quota_allocation.c.places).label("places"))
            .where(quota_allocation.c.version_id == version_id)
            .group_by(quota_allocation.c.level)
        )
    }
    return [
        Sum(one.code, one.label, allocated.get(one.code, 0), one.places)
        for one in plans.levels(connection, str(plan_year_id))
    ]


def allocate(
    connection: Connection,
    plan_year_id: str,
    rows: Sequence[tuple[str, str, int]],
    *,
    reason: str,
    at: datetime,
    by: str | None,
) -> Version:
    """Draft the split `rows` of (organisation id, level, places); a draft there already is written anew.

    The answers to the draft before are void. Raises `Invalid` for an unknown organisation or level, one named
    twice, or negative places; the sums may still be wrong, `issue` checks them.
    """
    plans.get(connection, plan_year_id)
    _check_rows(connection, plan_year_id, rows)
    version = newest(connection, plan_year_id)
    if version is None or version.state != "draft":
        number = version.number + 1 if version is not None else 1
        version_id = new_id()
        connection.execute(
            insert(quota_version).values(
                id=version_id,
                plan_year_id=plan_year_id,
                number=number,
                state="draft",
                reason=reason,
                created_at=at,
                created_by=by,
            )
        )
    else:
        version_id = version.id
        connection.execute(
            update(quota_version).where(quota_version.c.id == version_id).values(reason=reason)
        )
        connection.execute(delete(quota_allocation).where(quota_allocation.c.version_id == version_id))
        connection.execute(delete(quota_confirmation).where(quota_confirmation.c.version_id == version_id))
    if rows:
        connection.execute(
            insert(quota_allocation),
            [
                {"version_id": version_id, "organisation_id": one, "level": level, "places": number}
                for one, level, number in rows
            ],
        )
    made = newest(connection, plan_year_id)
    if made is None:
        raise Conflict(Text("任务划分没有写入", "The split was not written"))
    return made


def answer(
    connection: Connection,
    plan_year_id: str,
    organisation_id: str,
    said: str,
    *,
    remark: str,
    at: datetime,
    by: str | None,
) -> None:
    """Record what an organisation said to the drafted split: confirmed, objected, or silent."""
    version = newest(connection, plan_year_id)
    if version is None:
        raise Conflict(Text("任务划分尚未拟定", "There is no split to answer"))
    if said not in ("confirmed", "objected", "silent"):
        raise Invalid(Text(f"答复 {said} 无效", f"{said} is no answer"))
    connection.execute(
        delete(quota_confirmation).where(
            quota_confirmation.c.version_id == version.id,
            quota_confirmation.c.organisation_id == organisation_id,
        )
    )
    connection.execute(
        insert(quota_confirmation).values(
            version_id=version.id,
            organisation_id=organisation_id,
            answer=said,
            remark=remark,
            answered_at=at,
            answered_by=by,
        )
    )


def require_sums(connection: Connection, plan_year_id: str) -> Version:
    """Return the drafted split when its sums are the plan's. Raises `Invalid` with the difference (R06)."""
    version = newest(connection, plan_year_id)
    if version is None:
        raise Conflict(Text("任务划分尚未拟定", "There is no split yet"))
    for one in sums(connection, version.id):
        if not one.fits:
            raise Invalid(
                Text(
                    f"{one.label.zh}任务划分之和为 {one.allocated}，与年度目标 {one.target} 不一致",
                    f"{one.label.en}: the split gives out {one.allocated}, the plan sets {one.target}",
                ),
                level=one.level,
                allocated=one.allocated,
                target=one.target,
            )
    return version


def issue(
    connection: Connection, plan_year_id: str, *, authority: str, document_number: str, issued_on: date
) -> Version:
    """Put the drafted split in force in place of the one before. Raises `Invalid` unless the sums fit (R06)."""
    version = require_sums(connection, plan_year_id)
    if version.state != "draft":
        raise Conflict(Text("没有待印发的任务划分", "There is no drafted split to issue"))
    connection.execute(
        update(quota_version)
        .where(quota_version.c.plan_year_id == plan_year_id, quota_version.c.state == "issued")
        .values(state="superseded")
    )
    connection.execute(
        update(quota_version)
        .where(quota_version.c.id == version.id)
        .values(state="issued", authority=authority, document_number=document_number, issued_on=issued_on)
    )
    return Version(
        version.id,
        plan_year_id,
        version.number,
        "issued",
        version.reason,
        authority,
        document_number,
        issued_on,
    )


def check_move(
    connection: Connection,
    plan_year_id: str,
    level: str,
    number: int,
    *,
    from_id: str | None,
    to_id: str,
    taken_states: Sequence[str],
) -> Version:
    """Return the split in force if the move can be carried out in it.

    A place taken by an application in one of `taken_states` cannot be given away. Raises `Invalid` when the giver
    has not that many left or either is not in the split, `Conflict` without one.
    """
    version = newest(connection, plan_year_id, state="issued")
    if version is None:
        raise Conflict(Text("任务划分尚未印发，不能调剂", "No split is in force; nothing can be moved"))
    known = {one.organisation_id: one for one in shares(connection, version.id)}
    if number <= 0:
        raise Invalid(Text("调剂名额应大于 0", "The number of places must be above 0"))
    if from_id == to_id:
        raise Invalid(Text("调出和调入不能是同一单位", "A body cannot give places to itself"))
    for one in (to_id, from_id):
        if one is not None and one not in known:
            raise Invalid(
                Text("该单位不在任务划分中", "This organisation is not in the split"), organisation_id=one
            )
    if from_id is not None:
        giver, has = known[from_id], known[from_id].places.get(level, 0)
        taken = places_taken(connection, plan_year_id, from_id, level, taken_states)
        if has - taken < number:
            raise Invalid(
                Text(
                    f"{giver.name}在该级别有 {has} 个名额，已使用 {taken} 个，不能调出 {number} 个",
                    f"{giver.name} has {has} places at this level, {taken} of them taken; it cannot give {number}",
                )
            )
    return version


def move(
    connection: Connection,
    plan_year_id: str,
    level: str,
    number: int,
    *,
    from_id: str | None,
    to_id: str,
    taken_states: Sequence[str],
    authority: str,
    reason: str,
    at: datetime,
    by: str | None,
) -> None:
    """Move places between organisations, or add some above the total (`from_id` None; G14).

    Raises as `check_move`.
    """
    version = check_move(
        connection, plan_year_id, level, number, from_id=from_id, to_id=to_id, taken_states=taken_states
    )
    connection.execute(
        insert(quota_movement).values(
            id=new_id(),
            version_id=version.id,
            plan_year_id=plan_year_id,
            level=level,
            from_id=from_id,
            to_id=to_id,
            places=number,
            authority=authority,
            reason=reason,
            moved_at=at,
            moved_by=by,
        )
    )


def _check_rows(connection: Connection, plan_year_id: str, rows: Sequence[tuple[str, str, int]]) -> None:
    known_levels = {one.code for one in plans.levels(connection, plan_year_id)}
    wanted = {organisation_id for organisation_id, _, _ in rows}
    known = set(
        connection.scalars(select(organisation.c.id).where(organisation.c.id.in_(wanted))).all()
        if wanted
        else ()
    )
    seen: set[tuple[str, str]] = set()
    for organisation_id, level, number in rows:
        if organisation_id not in known:
            raise Invalid(
                Text(f"没有单位 {organisation_id}", f"There is no organisation {organisation_id}"),
                organisation_id=organisation_id,
            )
        if level not in known_levels:
            raise Invalid(Text(f"没有级别 {level}", f"There is no level {level}"), level=level)
        if number < 0:
            raise Invalid(Text("名额不能为负数", "Places cannot be negative"), level=level)
        if (organisation_id, level) in seen:
            raise Invalid(
                Text("同一单位同一级别出现两次", "An organisation stands twice at one level"), level=level
            )
        seen.add((organisation_id, level))
