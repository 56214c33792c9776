"""Sign-ins in force, kept on the server and ended there: 256-bit tokens of which only the SHA-256 is stored.

A session's life is real time, also where the installation's clock is moved: jumping a year signs nobody out.
"""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection, insert, select, update

from service import clock
from service.errors import NotFound, Text
from service.identity import journal, people
from service.identity.people import Person
from service.store.identity import login_session
from service.store.ids import new_id
from service.system import System

#: A session nobody used for so long is over.
IDLE: Final = timedelta(minutes=30)
#: A session is over after so long, however busy.
LONGEST: Final = timedelta(hours=12)
#: Use is written down at most this often.
_USE_NOTED: Final = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A valid session and whose it is."""

    session_id: str
    person: Person
    created_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Session:
    """One of a person's sessions as they see it: since when, last used, from where; `here`: this one."""

    id: str
    created_at: datetime
    seen_at: datetime
    address: str
    agent: str
    here: bool


def authenticate(system: System, token: str | None) -> SignedIn | None:
    """Return the session of a browser's token with today's memberships; None when it is not valid (any more)."""
    if not token or len(token) > 200:
        return None
    now = clock.system_now()
    with system.database.read() as connection:
        row = connection.execute(
            select(login_session).where(
                login_session.c.token_hash == _hash(token), login_session.c.revoked_at.is_(None)
            )
        ).one_or_none()
        if row is None or now >= row.expires_at or now - row.seen_at >= IDLE:
            return None
        person = people.load(connection, row.person_id, clock.city_day(system.now(connection)))
    if person.disabled:
        return None
    if now - row.seen_at > _USE_NOTED:
        with system.database.write() as connection:
            connection.execute(
                update(login_session)
                .where(login_session.c.id == row.id, login_session.c.seen_at < now)
                .values(seen_at=now)
            )
    return SignedIn(row.id, person, row.created_at, row.expires_at)


def begin(
    connection: Connection, person_id: str, now: datetime, *, address: str = "", agent: str = ""
) -> str:
    """Begin a session and return its token, which is kept nowhere."""
    token = secrets.token_urlsafe(32)
    connection.execute(
        insert(login_session).values(
            id=new_id(),
            token_hash=_hash(token),
            person_id=person_id,
            created_at=now,
            seen_at=now,
            expires_at=now + LONGEST,
            address=address[:45],
            agent=agent[:200],
        )
    )
    return token


def end(system: System, token: str | None) -> None:
    """Sign out: end the session of a token; does nothing when there is none."""
    if not token:
        return
    now = clock.system_now()
    with system.database.write() as connection:
        row = connection.execute(
            update(login_session)
            .where(login_session.c.token_hash == _hash(token), login_session.c.revoked_at.is_(None))
            .values(revoked_at=now, revoked_for="sign-out")
            .returning(login_session.c.person_id)
        ).one_or_none()
        if row is not None:
            journal.record(connection, "session.end", now, actor=row.person_id, person=row.person_id)


def list_mine(system: System, person: Person, *, here: str | None = None) -> list[Session]:
    """Return a person's valid sessions, the latest used first; `here` is the id of the one that asks."""
    now = clock.system_now()
    with system.database.read() as connection:
        rows = connection.execute(
            select(login_session)
            .where(
                login_session.c.person_id == person.id,
                login_session.c.revoked_at.is_(None),
                login_session.c.expires_at > now,
                login_session.c.seen_at > now - IDLE,
            )
            .order_by(login_session.c.seen_at.desc(), login_session.c.id.desc())
        )
        return [
            Session(row.id, row.created_at, row.seen_at, row.address, row.agent, row.id == here)
            for row in rows
        ]


def revoke(system: System, person: Person, session_id: str) -> None:
    """End one of one's own sessions. Raises `NotFound` for any other."""
    now = clock.system_now()
    with system.database.write() as connection:
        ended = connection.execute(
            update(login_session)
            .where(
                login_session.c.id == session_id,
                login_session.c.person_id == person.id,
                login_session.c.revoked_at.is_(None),
            )
            .values(revoked_at=now, revoked_for="owner")
        )
        if ended.rowcount != 1:
            raise NotFound(Text("没有这个登录", "There is no such sign-in"))
        journal.record(
            connection, "session.revoke", now, actor=person.id, person=person.id, session=session_id
        )


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
