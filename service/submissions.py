"""What people submitted with the forms of a matter, read back by expressions and pages."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Connection, bindparam, select

from service.store.procedure import task


@dataclass(frozen=True, slots=True)
class Submission:
    """One submitted form: by whom (person and organisation ids), when, with which button."""

    task_id: str
    element_id: str
    form: str | None
    by: str | None
    organisation_id: str | None
    at: datetime
    outcome: str | None
    opinion: str | None
    data: Mapping[str, Any]


_SUBMITTED = (
    select(
        task.c.id,
        task.c.element_id,
        task.c.form,
        task.c.closed_by,
        task.c.organisation_id,
        task.c.closed_at,
        task.c.outcome,
        task.c.opinion,
        task.c.data,
    )
    .where(task.c.matter_id == bindparam("matter_id"), task.c.state == "done")
    .order_by(task.c.closed_at, task.c.id)
)
_SUBMITTED_WITH = _SUBMITTED.where(task.c.form == bindparam("form"))


def submissions(connection: Connection, matter_id: str, form: str | None = None) -> list[Submission]:
    """Return what was submitted in a matter, oldest first; with `form`, by that form only."""
    query = _SUBMITTED if form is None else _SUBMITTED_WITH
    values = {"matter_id": matter_id} if form is None else {"matter_id": matter_id, "form": form}
    return [
        Submission(
            task_id=row.id,
            element_id=row.element_id,
            form=row.form,
            by=row.closed_by,
            organisation_id=row.organisation_id,
            at=row.closed_at,
            outcome=row.outcome,
            opinion=row.opinion,
            data=row.data or {},
        )
        for row in connection.execute(query, values)
    ]


#: Names and help of the functions this module gives to expressions.
FUNCTION_NAMES = frozenset({"submitted", "all_submitted"})


def functions_for_matter(
    connection: Connection, matter_id: str | None, pending: Submission | None = None
) -> Mapping[str, Callable[..., Any]]:
    """Return `submitted(form)` and `all_submitted(form)` for the expressions of one matter.

    `submitted` gives the data last submitted with the form (an empty object before), `all_submitted` a list of
    `{by, at, organisation, outcome, opinion, data}`, oldest first. `pending` is being submitted and counts as the
    newest. Each form's submissions are read when first asked for, and once.
    """

    @cache
    def read(form: str) -> list[Submission]:
        found = submissions(connection, matter_id, form) if matter_id is not None else []
        if (
            pending is not None
            and pending.form == form
            and all(one.task_id != pending.task_id for one in found)
        ):
            found.append(pending)
        return found

    def submitted(form: str) -> Mapping[str, Any]:
        found = read(form)
        return found[-1].data if found else {}

    @cache
    def rows(form: str) -> list[dict[str, Any]]:
        return [
            {
                "by": one.by,
                "at": one.at.isoformat(),
                "organisation": one.organisation_id,
                "outcome": one.outcome,
                "opinion": one.opinion,
                "data": one.data,
            }
            for one in read(form)
        ]

    def all_submitted(form: str) -> list[dict[str, Any]]:
        return list(rows(form))

    return {"submitted": submitted, "all_submitted": all_submitted}
