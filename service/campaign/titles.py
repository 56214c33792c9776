"""Titles of units: granting, terms, states, what a unit holds, public verification (R20 to R28)."""

import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, func, insert, select, update

from service.campaign.calendar import add_years
from service.errors import Conflict, Invalid, NotFound, Text
from service.identity.access import redacted_names
from service.identity.organisations import REDACTED
from service.identity.people import Person
from service.paging import Page, wrong_cursor
from service.store.ids import new_id
from service.store.title import title, title_change
from service.system import System

#: What may follow what; a decision that leaves the state as it is (a warning) is a change too. A title is never
#: deleted: a revoked one stays in the register.
FOLLOWS: Mapping[str, frozenset[str]] = {
    "active": frozenset({"active", "pending_reinspection", "suspended", "revoked", "ended"}),
    "pending_reinspection": frozenset({"active", "pending_reinspection", "suspended", "revoked", "ended"}),
    "suspended": frozenset({"active", "pending_reinspection", "suspended", "revoked", "ended"}),
    # A revocation that is overturned later gives the title back, with its history.
    "revoked": frozenset({"active"}),
    "ended": frozenset(),
}

STATE_NAMES: Mapping[str, Text] = {
    "active": Text("有效", "Valid"),
    "pending_reinspection": Text("待复查", "Pending re-inspection"),
    "suspended": Text("暂停", "Suspended"),
    "revoked": Text("已取消", "Revoked"),
    "ended": Text("已终止", "Ended"),
}


@dataclass(frozen=True, slots=True)
class Title:
    """A title as it stands; days are Asia/Shanghai, both end days belong to the term."""

    id: str
    unit_id: str
    unit_name: str
    level: str
    number: str
    verification_code: str
    state: str
    namer_id: str | None
    namer_name: str
    decided_on: date
    decision_number: str
    valid_from: date
    valid_to: date | None
    term: int
    plan_year_id: str | None
    matter_id: str | None
    origin: str

    def counts_on(self, day: date) -> bool:
        """Whether the title may carry a higher application on `day` (R20): active and within its term."""
        return self.state == "active" and (self.valid_to is None or day <= self.valid_to)


@dataclass(frozen=True, slots=True)
class Change:
    """One change of a title: from which state to which, why, decided by whom with which document."""

    at: datetime
    from_state: str | None
    to_state: str
    reason: str
    decided_by: str
    decided_on: date | None
    decision_number: str | None
    valid_to: date | None


def last_day(decided_on: date, years: int | None) -> date | None:
    """Return the last day of a term of `years` that begins by a decision on `decided_on`; None: no term.

    R24 and Civil Code 201, 202: the day of the decision is not counted, the last day is the corresponding
    day, the month's end where there is none (2024-02-29 plus five years is 2029-02-28).
    """
    return add_years(decided_on, years) if years is not None else None


def grant(
    connection: Connection,
    *,
    unit_id: str,
    unit_name: str,
    level: str,
    number: str,
    namer_id: str | None,
    namer_name: str,
    decided_on: date,
    decision_number: str,
    years: int | None,
    at: datetime,
    plan_year_id: str | None = None,
    matter_id: str | None = None,
    instance_id: str | None = None,
    actor_id: str | None = None,
    origin: str = "system",
    proof: Any = None,
) -> Title:
    """Name a unit at a level.

    Raises `Conflict` when it holds that level's title already (R23), or another title has the certificate number.
    """
    held = current(connection, unit_id, level)
    if held is not None:
        raise Conflict(
            Text(
                f"{unit_name} 已持有这一级称号（{held.number}），不能重复命名",
                f"{unit_name} already holds the title of this level ({held.number})",
            ),
            title=held.id,
        )
    if is_number_taken(connection, number):
        raise Conflict(
            Text(
                f"证书编号“{number}”已经登记在另一个称号名下，请核对证书编号",
                f"The certificate number “{number}” belongs to another title; check the certificate number",
            ),
            number=number,
        )
    title_id = new_id()
    valid_to = last_day(decided_on, years)
    connection.execute(
        insert(title).values(
            id=title_id,
            unit_id=unit_id,
            unit_name=unit_name,
            level=level,
            number=number,
            verification_code=secrets.token_hex(12),
            state="active",
            namer_id=namer_id,
            namer_name=namer_name,
            decided_on=decided_on,
            decision_number=decision_number,
            valid_from=decided_on,
            valid_to=valid_to,
            term=1,
            plan_year_id=plan_year_id,
            matter_id=matter_id,
            origin=origin,
            proof=proof,
            recorded_at=at,
            recorded_by=actor_id,
        )
    )
    _write_change(
        connection,
        title_id,
        at=at,
        from_state=None,
        to_state="active",
        reason="命名",
        decided_by=namer_name,
        decided_on=decided_on,
        decision_number=decision_number,
        valid_from=decided_on,
        valid_to=valid_to,
        matter_id=matter_id,
        instance_id=instance_id,
        actor_id=actor_id,
    )
    return get(connection, title_id)


def set_state(
    connection: Connection,
    title_id: str,
    state: str,
    *,
    reason: str,
    decided_by: str,
    at: datetime,
    decided_on: date | None = None,
    decision_number: str | None = None,
    matter_id: str | None = None,
    instance_id: str | None = None,
    actor_id: str | None = None,
) -> Title:
    """Change a title's state by a decision. Raises `Conflict` when that state cannot follow.

    A revocation needs the document it was decided by (R26 to R28): a timer alone never takes a title away.
    """
    held = get(connection, title_id)
    if state not in FOLLOWS:
        raise Invalid(Text(f"没有称号状态 {state}", f"There is no title state {state}"), state=state)
    if state not in FOLLOWS[held.state]:
        before, after = STATE_NAMES[held.state], STATE_NAMES[state]
        raise Conflict(
            Text(
                f"称号{before.zh}，不能改为{after.zh}",
                f"A title that is {before.en} cannot become {after.en}",
            ),
            title=title_id,
        )
    if state == "revoked" and not decision_number:
        raise Invalid(
            Text(
                "取消称号须有命名机关的决定文号",
                "A revocation needs the number of the naming body's decision",
            )
        )
    connection.execute(update(title).where(title.c.id == title_id).values(state=state))
    _write_change(
        connection,
        title_id,
        at=at,
        from_state=held.state,
        to_state=state,
        reason=reason,
        decided_by=decided_by,
        decided_on=decided_on,
        decision_number=decision_number,
        valid_from=held.valid_from,
        valid_to=held.valid_to,
        matter_id=matter_id,
        instance_id=instance_id,
        actor_id=actor_id,
    )
    return get(connection, title_id)


def renew(
    connection: Connection,
    title_id: str,
    *,
    years: int | None,
    decided_on: date,
    decision_number: str,
    decided_by: str,
    reason: str,
    at: datetime,
    matter_id: str | None = None,
    instance_id: str | None = None,
    actor_id: str | None = None,
) -> Title:
    """Begin a new term after a re-inspection (R28); None: it ends no more.

    A title renewed in time runs on from its last day, a late one from the day of the decision. A suspended one
    gets its new term and stays suspended: what suspended it is decided on its own (R26).
    """
    held = get(connection, title_id)
    if held.state in ("revoked", "ended"):
        raise Conflict(
            Text(
                f"称号{STATE_NAMES[held.state].zh}，不能续期",
                f"A title that is {STATE_NAMES[held.state].en} cannot be renewed",
            )
        )
    begins = max(held.valid_to, decided_on) if held.valid_to is not None else decided_on
    valid_to = last_day(begins, years)
    state = "suspended" if held.state == "suspended" else "active"
    connection.execute(
        update(title)
        .where(title.c.id == title_id)
        .values(state=state, valid_from=begins, valid_to=valid_to, term=held.term + 1)
    )
    _write_change(
        connection,
        title_id,
        at=at,
        from_state=held.state,
        to_state=state,
        reason=reason,
        decided_by=decided_by,
        decided_on=decided_on,
        decision_number=decision_number,
        valid_from=begins,
        valid_to=valid_to,
        matter_id=matter_id,
        instance_id=instance_id,
        actor_id=actor_id,
    )
    return get(connection, title_id)


def get(connection: Connection, title_id: str) -> Title:
    """Return a title. Raises `NotFound`."""
    row = connection.execute(select(title).where(title.c.id == title_id)).mappings().one_or_none()
    if row is None:
        raise NotFound(Text("没有这个称号", "There is no such title"))
    return _title(row)


def of_unit(connection: Connection, unit_id: str) -> list[Title]:
    """Return all titles a unit ever held, oldest first."""
    rows = connection.execute(
        select(title).where(title.c.unit_id == unit_id).order_by(title.c.decided_on, title.c.id)
    )
    return [_title(row) for row in rows.mappings()]


def current(connection: Connection, unit_id: str, level: str) -> Title | None:
    """Return the title a unit holds at a level: not revoked, not ended."""
    held = [
        one
        for one in of_unit(connection, unit_id)
        if one.level == level and one.state not in ("revoked", "ended")
    ]
    return held[-1] if held else None


def list_titles(
    connection: Connection,
    *,
    level: str | None = None,
    plan_year_id: str | None = None,
    unit_ids: Iterable[str] | None = None,
    states: Sequence[str] | None = None,
) -> list[Title]:
    """Return titles by number."""
    query = select(title).order_by(title.c.number)
    if level is not None:
        query = query.where(title.c.level == level)
    if plan_year_id is not None:
        query = query.where(title.c.plan_year_id == plan_year_id)
    if unit_ids is not None:
        query = query.where(title.c.unit_id.in_(list(unit_ids)))
    if states is not None:
        query = query.where(title.c.state.in_(list(states)))
    return [_title(row) for row in connection.execute(query).mappings()]


def list_for(
    system: System,
    person: Person,
    *,
    level: str | None = None,
    unit: str | None = None,
    state: str | None = None,
    after: str | None = None,
    limit: int = 50,
) -> Page[Title]:
    """Return titles by certificate number; the names of military units only to who may read them (R09)."""
    query = select(title).order_by(title.c.number).limit(limit + 1)
    for column, wanted in ((title.c.level, level), (title.c.unit_id, unit), (title.c.state, state)):
        if wanted is not None:
            query = query.where(column == wanted)
    if after is not None:
        query = query.where(title.c.number > after)
    with system.database.read() as connection:
        if after is not None and not is_number_taken(connection, after):
            raise wrong_cursor()
        found = [_title(row) for row in connection.execute(query).mappings()]
        page = found[:limit]
        shown = redacted_names(connection, person, {one.unit_id for one in page})
        rows = [
            replace(one, unit_name=REDACTED.zh) if shown.get(one.unit_id) == REDACTED.zh else one
            for one in page
        ]
    return Page(rows, page[-1].number if len(found) > limit else None)


def is_number_taken(connection: Connection, number: str) -> bool:
    """Whether a certificate with this number is in the register."""
    return connection.scalar(select(title.c.id).where(title.c.number == number)) is not None


def changes(connection: Connection, title_id: str) -> list[Change]:
    """Return everything that was decided about a title, oldest first."""
    rows = connection.execute(
        select(title_change).where(title_change.c.title_id == title_id).order_by(title_change.c.seq)
    )
    return [
        Change(
            at=row.at,
            from_state=row.from_state,
            to_state=row.to_state,
            reason=row.reason,
            decided_by=row.decided_by,
            decided_on=row.decided_on,
            decision_number=row.decision_number,
            valid_to=row.valid_to,
        )
        for row in rows
    ]


def verify(connection: Connection, number_or_code: str) -> Title:
    """Find a title by its certificate number or by the code of its QR. Raises `NotFound`."""
    text = number_or_code.strip()
    row = (
        connection.execute(
            select(title).where((title.c.number == text) | (title.c.verification_code == text))
        )
        .mappings()
        .one_or_none()
    )
    if row is None:
        raise NotFound(
            Text(
                "没有查到这个证书编号，请核对后重试；查无编号的牌匾不是本市命名的",
                "No certificate has this number; a plaque without a number in this register is not genuine",
            )
        )
    return _title(row)


def _write_change(connection: Connection, title_id: str, **values: Any) -> None:
    last = (
        connection.scalar(select(func.max(title_change.c.seq)).where(title_change.c.title_id == title_id))
        or 0
    )
    connection.execute(insert(title_change).values(id=new_id(), title_id=title_id, seq=last + 1, **values))


def _title(row: RowMapping) -> Title:
    return Title(**{name: row[name] for name in Title.__dataclass_fields__})
