"""Who gets a task: the lane's role, where it sits for this matter, named persons and who is kept out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from service import clock
from service.engine.model import Element, Functions, Procedure, Spread
from service.errors import Invalid, Text
from service.identity import organisations, people
from service.store.procedure import task


@dataclass(frozen=True, slots=True)
class Assignment:
    """One task row's owner; `orphan`: nobody can do it, so the process administrators get it.

    Of an orphan, the organisation and the person are those it was meant for.
    """

    role: str | None
    organisation_id: str | None
    person_id: str | None
    named: bool
    excluded: tuple[str, ...]
    orphan: bool


def assign(
    connection: Connection,
    procedure: Procedure,
    element: Element,
    variables: Mapping[str, Any],
    functions: Functions,
    *,
    matter_id: str,
    at: datetime,
) -> list[Assignment]:
    """Return the owner of each row of a user task that was just entered, in the order of their turns.

    A spread task has a row for each item of its list, other tasks have one. Raises `Invalid` when the list is
    no list of ids, or empty.
    """
    excluded = _excluded(connection, element, variables, functions, matter_id)
    if element.spread is not None:
        items = _items(element, element.spread, variables)
        if element.spread.each == "person":
            return _named(connection, element.role, items, excluded)
        return [_seated(connection, element.role, one, excluded, at) for one in items]
    if element.person is not None:
        person = element.person.evaluate(variables, functions)
        if person is not None:
            return _named(connection, element.role, [str(person)], excluded)
    if element.organisation is not None:
        organisation = element.organisation.evaluate(variables, functions)
    else:
        role = procedure.roles.get(element.role or "")
        organisation = (
            organisations.resolve_seat(connection, role, variables, at) if role is not None else None
        )
    return [_seated(connection, element.role, organisation, excluded, at)]


def _named(
    connection: Connection, role: str | None, wanted: Sequence[str], excluded: tuple[str, ...]
) -> list[Assignment]:
    able = people.who_may_sign_in(connection, wanted) - set(excluded)
    return [Assignment(role, None, one, one in able, excluded, one not in able) for one in wanted]


def _seated(
    connection: Connection, role: str | None, organisation: Any, excluded: tuple[str, ...], at: datetime
) -> Assignment:
    if role is None or organisation is None:
        return Assignment(role, None, None, False, excluded, True)
    members = people.members(connection, role, str(organisation), clock.city_day(at))
    someone = any(one not in excluded for one in members)
    return Assignment(role, str(organisation), None, False, excluded, not someone)


def _items(element: Element, spread: Spread, variables: Mapping[str, Any]) -> list[str]:
    items = variables.get(spread.collection)
    if not isinstance(items, list) or not items:
        raise Invalid(
            Text(
                f"步骤“{element.name.zh}”要分给名单 {spread.collection} 中的每一个，但名单为空",
                f"Step “{element.name.en}” is for each of {spread.collection}, but that list is empty",
            ),
            element=element.id,
        )
    return list(dict.fromkeys(str(one) for one in items))


def _excluded(
    connection: Connection,
    element: Element,
    variables: Mapping[str, Any],
    functions: Functions,
    matter_id: str,
) -> tuple[str, ...]:
    found: list[str] = []
    if element.exclude is not None:
        given = element.exclude.evaluate(variables, functions)
        if isinstance(given, Sequence) and not isinstance(given, str):
            found += [str(one) for one in given]
    if element.not_by:
        found += connection.scalars(
            select(task.c.closed_by).where(
                task.c.matter_id == matter_id,
                task.c.element_id.in_(element.not_by),
                task.c.state == "done",
                task.c.closed_by.is_not(None),
            )
        ).all()
    return tuple(dict.fromkeys(found))
