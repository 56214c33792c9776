"""Supervision cases (督办) against organisations that do not do their part: opened, answered, escalated, closed."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, insert, select, update

from service.errors import Conflict, Invalid, NotFound, Text
from service.store.ids import new_id
from service.store.plan import supervision_case


@dataclass(frozen=True, slots=True)
class Case:
    """One supervision case."""

    id: str
    plan_year_id: str
    organisation_id: str
    matter_id: str | None
    state: str
    reason: str
    notice: str
    answer: str
    result: str
    escalations: int
    opened_at: datetime
    closed_at: datetime | None


def open_case(
    connection: Connection,
    plan_year_id: str,
    organisation_id: str,
    *,
    reason: str,
    notice: str,
    matter_id: str | None,
    at: datetime,
) -> Case:
    """Open a case. Raises `Invalid` without a reason."""
    if not reason.strip():
        raise Invalid(Text("请填写督办事由", "Give the reason for supervision"))
    case_id = new_id()
    connection.execute(
        insert(supervision_case).values(
            id=case_id,
            plan_year_id=plan_year_id,
            organisation_id=organisation_id,
            matter_id=matter_id,
            state="open",
            reason=reason,
            notice=notice,
            answer="",
            result="",
            escalations=0,
            opened_at=at,
        )
    )
    return get(connection, case_id)


def get(connection: Connection, case_id: str) -> Case:
    """Return a case. Raises `NotFound`."""
    for one in _cases(connection, supervision_case.c.id == case_id):
        return one
    raise NotFound(Text("没有这件督办", "There is no such supervision case"))


def list_cases(connection: Connection, plan_year_id: str, organisation_id: str | None = None) -> list[Case]:
    """Return the cases of a plan year, newest first, against one organisation if asked for."""
    conditions = [supervision_case.c.plan_year_id == plan_year_id]
    if organisation_id is not None:
        conditions.append(supervision_case.c.organisation_id == organisation_id)
    return _cases(connection, *conditions)


def escalate(connection: Connection, case_id: str) -> int:
    """Count one more escalation of a case nobody answered; returns how many there were."""
    one = _running(connection, case_id)
    connection.execute(
        update(supervision_case)
        .where(supervision_case.c.id == case_id)
        .values(escalations=one.escalations + 1)
    )
    return one.escalations + 1


def answer(connection: Connection, case_id: str, text: str, *, at: datetime) -> None:
    """Keep the organisation's answer."""
    _running(connection, case_id)
    connection.execute(
        update(supervision_case)
        .where(supervision_case.c.id == case_id)
        .values(state="answered", answer=text, answered_at=at)
    )


def close(connection: Connection, case_id: str, result: str, *, at: datetime, by: str | None) -> None:
    """Close a case with its result. Raises `Conflict` when it is closed, `Invalid` without a result."""
    _running(connection, case_id)
    if not result.strip():
        raise Invalid(Text("请填写督办结果", "Give the result of the supervision"))
    connection.execute(
        update(supervision_case)
        .where(supervision_case.c.id == case_id)
        .values(state="closed", result=result, closed_at=at, closed_by=by)
    )


def _running(connection: Connection, case_id: str) -> Case:
    one = get(connection, case_id)
    if one.state == "closed":
        raise Conflict(Text("这件督办已经办结", "This supervision case is closed"))
    return one


def _cases(connection: Connection, *conditions: ColumnElement[bool]) -> list[Case]:
    query = select(supervision_case).order_by(supervision_case.c.opened_at.desc(), supervision_case.c.id)
    for one in conditions:
        query = query.where(one)
    return [
        Case(
            row.id,
            row.plan_year_id,
            row.organisation_id,
            row.matter_id,
            row.state,
            row.reason,
            row.notice,
            row.answer,
            row.result,
            row.escalations,
            row.opened_at,
            row.closed_at,
        )
        for row in connection.execute(query)
    ]
