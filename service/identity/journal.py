"""The security journal: what happened around accounts and rights, appended and never changed."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, select

from service.store.identity import security_event
from service.store.ids import new_id


@dataclass(frozen=True, slots=True)
class SecurityEvent:
    """One entry; `actor_id` is who did it (None: the machine itself), `person_id` whom it concerns."""

    id: str
    at: datetime
    kind: str
    actor_id: str | None
    person_id: str | None
    address: str
    facts: Mapping[str, Any]


def record(
    connection: Connection,
    kind: str,
    at: datetime,
    *,
    actor: str | None = None,
    person: str | None = None,
    address: str = "",
    **facts: Any,
) -> None:
    """Append an entry of `kind` (`subject.verb`); `facts` are JSON values without secrets."""
    connection.execute(
        insert(security_event).values(
            id=new_id(), at=at, kind=kind, actor_id=actor, person_id=person, address=address[:45], facts=facts
        )
    )


def latest(
    connection: Connection, *, person_id: str | None = None, limit: int = 100
) -> tuple[SecurityEvent, ...]:
    """Return the newest entries first, of one person or of everybody."""
    query = (
        select(security_event).order_by(security_event.c.at.desc(), security_event.c.id.desc()).limit(limit)
    )
    if person_id is not None:
        query = query.where(security_event.c.person_id == person_id)
    return tuple(
        SecurityEvent(row.id, row.at, row.kind, row.actor_id, row.person_id, row.address, row.facts)
        for row in connection.execute(query)
    )
