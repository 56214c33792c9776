"""Who may do a task: its named or claiming person, or the members of its role at its organisation."""

from service.identity import duties
from service.identity.people import Person
from service.store.types import Columns


def holds(person: Person, row: Columns) -> bool:
    """Whether the task `row` stands, stood or could stand in this person's inbox."""
    if person.id in (row["person_id"], row.get("closed_by")):
        return True
    return not row["named"] and _member(person, row)


def may_do(person: Person, row: Columns) -> bool:
    """Whether this person may act on the open task `row` now: it is theirs, or in a pool of theirs."""
    if person.id in (row["excluded"] or []):
        return False
    if row["person_id"] is not None:
        return bool(row["person_id"] == person.id)
    if row["named"]:
        return False
    return _member(person, row)


def _member(person: Person, row: Columns) -> bool:
    if row["organisation_id"] is None:
        # Nobody has the role here: the process administrators see to it.
        return person.has(duties.PROCESS_ADMINISTRATOR)
    return any(
        one.role == row["role"] and one.organisation_id == row["organisation_id"]
        for one in person.memberships
    )
