"""Declared relations between people and units: reasons to stand aside from judging them."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import insert, select, update

from service import clock
from service.errors import Conflict, Forbidden, Invalid, NotFound, Text
from service.identity import duties, journal, organisations
from service.identity.access import redacted_names
from service.identity.people import Person
from service.store.identity import person as person_table
from service.store.identity import recusal
from service.store.ids import new_id
from service.system import System


@dataclass(frozen=True, slots=True)
class Recusal:
    """One declaration in force: about which unit (by the name its reader may know), why, since when."""

    id: str
    organisation_id: str
    organisation_name: str
    reason: str
    declared_at: datetime


def declare(
    system: System, by: Person, organisation_id: str, *, reason: str, person_id: str | None = None
) -> str:
    """Declare a relation to a unit, one's own or, as an administrator, somebody's; returns its id.

    Raises `Invalid` without a reason or for what is no unit, `Conflict` for what was declared already.
    """
    whom = person_id or by.id
    _demand(by, whom)
    said = reason.strip()
    if not said:
        message = Text("请说明与该单位的关系", "Say what relation it is")
        raise Invalid(message, fields={"reason": message})
    with system.database.write() as connection:
        if connection.scalar(select(person_table.c.id).where(person_table.c.id == whom)) is None:
            raise NotFound(Text("没有这个人员", "There is no such person"))
        if not organisations.is_unit(connection, organisation_id):
            message = Text("请选择一个单位", "Choose a unit")
            raise Invalid(message, fields={"organisation_id": message})
        known = select(recusal.c.id).where(
            recusal.c.person_id == whom,
            recusal.c.organisation_id == organisation_id,
            recusal.c.withdrawn_at.is_(None),
        )
        if connection.scalar(known) is not None:
            raise Conflict(Text("已经申报过对这个单位的回避", "This relation is already declared"))
        recusal_id = new_id()
        connection.execute(
            insert(recusal).values(
                id=recusal_id,
                person_id=whom,
                organisation_id=organisation_id,
                reason=said,
                declared_by=by.id,
                declared_at=system.now(connection),
            )
        )
        journal.record(
            connection,
            "recusal.declare",
            clock.system_now(),
            actor=by.id,
            person=whom,
            recusal=recusal_id,
            organisation=organisation_id,
        )
        return recusal_id


def withdraw(system: System, by: Person, recusal_id: str) -> None:
    """End a declaration: the relation is over. Raises `NotFound` when it is not in force."""
    with system.database.write() as connection:
        row = connection.execute(
            select(recusal).where(recusal.c.id == recusal_id, recusal.c.withdrawn_at.is_(None))
        ).one_or_none()
        if row is None:
            raise NotFound(Text("没有这项回避申报", "There is no such declaration"))
        _demand(by, row.person_id)
        connection.execute(
            update(recusal).where(recusal.c.id == recusal_id).values(withdrawn_at=system.now(connection))
        )
        journal.record(
            connection,
            "recusal.withdraw",
            clock.system_now(),
            actor=by.id,
            person=row.person_id,
            recusal=recusal_id,
        )


def list_of(system: System, by: Person, person_id: str | None = None) -> list[Recusal]:
    """Return the declarations in force of oneself or, as an administrator, of somebody, the latest first."""
    whom = person_id or by.id
    _demand(by, whom)
    with system.database.read() as connection:
        rows = connection.execute(
            select(recusal)
            .where(recusal.c.person_id == whom, recusal.c.withdrawn_at.is_(None))
            .order_by(recusal.c.declared_at.desc(), recusal.c.id.desc())
        ).all()
        names = redacted_names(connection, by, {row.organisation_id for row in rows})
        return [
            Recusal(row.id, row.organisation_id, names[row.organisation_id], row.reason, row.declared_at)
            for row in rows
        ]


def _demand(by: Person, whom: str) -> None:
    if by.id != whom and not by.has(duties.ADMINISTRATOR):
        raise Forbidden(
            Text("只能申报本人的回避关系", "Only one's own relations, or as an administrator somebody's")
        )
