"""Personal tokens of the REST API: 256 random bits, of which only the SHA-256 is kept."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, bindparam, insert, select, update

from service import clock
from service.errors import Invalid, NotFound, Text
from service.identity import journal, people
from service.identity.people import Person
from service.store.identity import api_token
from service.store.ids import new_id
from service.system import System

#: Tokens begin with this, so that a lost one can be recognised where it turns up.
PREFIX = "clv_"
MAX_DAYS = 366
#: `used_at` is written at most this often.
_USE_NOTED = timedelta(minutes=10)

_TOKEN = select(api_token).where(
    api_token.c.token_hash == bindparam("hash"), api_token.c.revoked_at.is_(None)
)


@dataclass(frozen=True, slots=True)
class ApiToken:
    """A token as its owner sees it; the token itself is shown once, when it is made."""

    id: str
    name: str
    created_at: datetime
    expires_at: datetime | None
    used_at: datetime | None


def authenticate(system: System, secret: str) -> Person | None:
    """Return whose token `secret` is, with today's memberships; None when it is not valid (any more).

    A token's life is real time, also where the installation's clock is moved.
    """
    if not secret.startswith(PREFIX) or len(secret) > 200:
        return None
    now = clock.system_now()
    with system.database.read() as connection:
        row = connection.execute(_TOKEN, {"hash": _hash(secret)}).one_or_none()
        if row is None or (row.expires_at is not None and row.expires_at <= now):
            return None
        known = people.load(connection, row.person_id, clock.city_day(system.now(connection)))
    if known.disabled:
        return None
    if row.used_at is None or now - row.used_at > _USE_NOTED:
        with system.database.write() as connection:
            connection.execute(update(api_token).where(api_token.c.id == row.id).values(used_at=now))
    return known


def create(system: System, person: Person, *, label: str, days: int) -> tuple[ApiToken, str]:
    """Make a token for oneself, good for `days`; returns it with the secret to show once."""
    with system.database.write() as connection:
        return _create(connection, person.id, label, days, actor=person.id)


def create_by_command(system: System, login: str, *, label: str, days: int) -> str:
    """Make a token from the command line and return its secret. Raises `NotFound`, `Invalid`."""
    with system.database.write() as connection:
        known = people.load_by_login(connection, login, clock.city_day(system.now(connection)))
        return _create(connection, known.id, label, days, actor=None)[1]


def list_mine(system: System, person: Person) -> list[ApiToken]:
    """Return the tokens of a person that are not revoked, newest first."""
    with system.database.read() as connection:
        rows = connection.execute(
            select(api_token)
            .where(api_token.c.person_id == person.id, api_token.c.revoked_at.is_(None))
            .order_by(api_token.c.created_at.desc(), api_token.c.id.desc())
        )
        return [ApiToken(row.id, row.name, row.created_at, row.expires_at, row.used_at) for row in rows]


def revoke(system: System, person: Person, token_id: str) -> None:
    """End one of one's own tokens. Raises `NotFound` for any other."""
    now = clock.system_now()
    with system.database.write() as connection:
        ended = connection.execute(
            update(api_token)
            .where(
                api_token.c.id == token_id,
                api_token.c.person_id == person.id,
                api_token.c.revoked_at.is_(None),
            )
            .values(revoked_at=now)
        )
        if ended.rowcount != 1:
            raise NotFound(Text("没有这个令牌", "There is no such token"))
        journal.record(connection, "token.revoke", now, actor=person.id, person=person.id, token=token_id)


def _create(
    connection: Connection, person_id: str, label: str, days: int, *, actor: str | None
) -> tuple[ApiToken, str]:
    named = label.strip()
    if not 1 <= len(named) <= 80:
        message = Text("令牌名称为 1 至 80 个字符", "A token's name has 1 to 80 characters")
        raise Invalid(message, fields={"label": message})
    if not 1 <= days <= MAX_DAYS:
        message = Text(f"有效期为 1 至 {MAX_DAYS} 天", f"A token is good for 1 to {MAX_DAYS} days")
        raise Invalid(message, fields={"days": message})
    now = clock.system_now()
    secret = PREFIX + secrets.token_urlsafe(32)
    made = ApiToken(new_id(), named, now, now + timedelta(days=days), None)
    connection.execute(
        insert(api_token).values(
            id=made.id,
            name=named,
            token_hash=_hash(secret),
            person_id=person_id,
            created_at=now,
            expires_at=made.expires_at,
        )
    )
    journal.record(
        connection, "token.create", now, actor=actor, person=person_id, token=made.id, label=named, days=days
    )
    return made, secret


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
