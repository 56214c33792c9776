"""The life of a title between its naming and its end: expiry, warning, suspension, restoration (R24 to R28)."""

from datetime import date, datetime

from sqlalchemy import Connection, insert, select, update

from service.campaign import titles
from service.errors import Conflict, Text
from service.store.ids import new_id
from service.store.title import plaque


def expire(
    connection: Connection, title_id: str, *, reason: str, at: datetime, matter_id: str, instance_id: str
) -> titles.Title:
    """Turn an active title whose term has passed into one that waits for its re-inspection (R28).

    A suspended title stays suspended, one that is gone stays gone: a timer takes no title away.
    """
    held = titles.get(connection, title_id)
    if held.state != "active":
        return held
    return titles.set_state(
        connection,
        title_id,
        "pending_reinspection",
        reason=reason,
        decided_by=held.namer_name,
        at=at,
        matter_id=matter_id,
        instance_id=instance_id,
    )


def restored_state(held: titles.Title, day: date) -> str:
    """Return the state a suspended title goes back to on `day`: active, or pending when its term has passed."""
    return "active" if held.valid_to is None or day <= held.valid_to else "pending_reinspection"


def require_standing(held: titles.Title) -> None:
    """Refuse a measure against a title that is gone. Raises `Conflict`."""
    if held.state in ("revoked", "ended"):
        name = titles.STATE_NAMES[held.state]
        raise Conflict(
            Text(
                f"称号{name.zh}，不能再作处理", f"The title is {name.en.lower()}; nothing more can be decided"
            )
        )


def lose_plaque(connection: Connection, title_id: str, *, at: datetime) -> None:
    """Record that a title's plaque was not recovered; a title without one gets a row that says so."""
    known = connection.scalar(select(plaque.c.id).where(plaque.c.title_id == title_id).limit(1))
    if known is None:
        connection.execute(insert(plaque).values(id=new_id(), title_id=title_id, state="lost", changed_at=at))
        return
    connection.execute(
        update(plaque)
        .where(plaque.c.title_id == title_id, plaque.c.state == "delivered")
        .values(state="lost", changed_at=at)
    )
