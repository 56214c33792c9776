"""Signing in and changing one's password: attempts are counted before they are checked, and answered all alike."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, Row, delete, insert, select, update

from service import clock
from service.errors import Forbidden, Invalid, Text
from service.identity import journal, passwords, people, sessions
from service.identity.people import Person
from service.store.identity import person, sign_in_failure
from service.system import System

#: Attempts in a row until an account, or an address, has to wait.
ACCOUNT_ATTEMPTS: Final = 5
ADDRESS_ATTEMPTS: Final = 30
#: The first wait; each further attempt doubles it, up to the longest.
FIRST_WAIT: Final = timedelta(minutes=1)
LONGEST_WAIT: Final = timedelta(minutes=30)
#: Attempts are forgotten when none followed for so long.
FORGOTTEN: Final = timedelta(hours=6)

#: The one answer to every failed sign-in: it tells nobody whether the account exists or is locked.
REFUSED: Final = Text(
    "登录名或口令不正确；连续失败后账号会暂时锁定，请稍后再试或联系系统管理员",
    "Wrong login name or password; after several failures an account is locked for a while. "
    "Try again later or ask an administrator",
)


@dataclass(frozen=True, slots=True)
class Opened:
    """A session that has just begun: the token for the browser, and whose it is."""

    token: str
    person: Person


def sign_in(system: System, login: str, password: str, *, address: str = "", agent: str = "") -> Opened:
    """Begin a session. Raises `Forbidden` with the same text whatever was wrong.

    A person whose password must be changed gets a session too: the pages let them do nothing else.
    """
    now = clock.system_now()
    account = login.strip().lower()[:60]
    row, blocked = _attempt(system, account, address, now)
    # Outside the transaction: a hash takes long, and nobody else should wait for it.
    right = passwords.verify(row.password_hash if row is not None else None, password)
    with system.database.write() as connection:
        if row is not None and right and not blocked and _usable(row, now):
            _succeeded(connection, account, address)
            if passwords.needs_rehash(row.password_hash):
                hashed = passwords.hash_password(password)
                connection.execute(update(person).where(person.c.id == row.id).values(password_hash=hashed))
            token = sessions.begin(connection, row.id, now, address=address, agent=agent)
            journal.record(connection, "sign_in", now, actor=row.id, person=row.id, address=address)
            return Opened(token, people.load(connection, row.id, clock.city_day(system.now(connection))))
        journal.record(
            connection,
            "sign_in.blocked" if blocked else "sign_in.failed",
            now,
            person=row.id if row is not None else None,
            address=address,
            login=account,
        )
    raise Forbidden(REFUSED)


def sign_out(system: System, token: str | None) -> None:
    """End the session of a token."""
    sessions.end(system, token)


def change_password(
    system: System, signed_in: Person, old: str, new: str, *, address: str = "", agent: str = ""
) -> str:
    """Set one's own password; ends all one's sessions and returns the token of a new one.

    Raises `Invalid` with `fields` for a wrong old or a weak new password.
    """
    now = clock.system_now()
    row, blocked = _attempt(system, signed_in.login, address, now)
    if row is None or not passwords.verify(row.password_hash, old) or blocked:
        message = Text("原口令不正确", "The old password is wrong")
        raise Invalid(message, fields={"old": message})
    if old == new:
        message = Text("新口令不能与原口令相同", "The new password must differ from the old one")
        raise Invalid(message, fields={"password": message})
    places = [one.organisation_name for one in signed_in.memberships]
    passwords.check(new, context=[row.login, row.name, row.email, row.mobile, *places])
    hashed = passwords.hash_password(new)
    with system.database.write() as connection:
        _succeeded(connection, signed_in.login, address)
        connection.execute(
            update(person)
            .where(person.c.id == signed_in.id)
            .values(
                password_hash=hashed,
                password_changed_at=now,
                password_expires_at=None,
                must_change_password=False,
            )
        )
        people.revoke_sessions(connection, [signed_in.id], now, "password")
        token = sessions.begin(connection, signed_in.id, now, address=address, agent=agent)
        journal.record(
            connection, "password.change", now, actor=signed_in.id, person=signed_in.id, address=address
        )
    return token


def _attempt(system: System, account: str, address: str, now: datetime) -> tuple[Row[Any] | None, bool]:
    """Count an attempt before it is tried; returns the account's row and whether the attempt has to wait.

    Counted first, so that many attempts at once cannot slip through unseen.
    """
    subjects = {f"account:{account}": ACCOUNT_ATTEMPTS}
    if address:
        subjects[_of_address(address)] = ADDRESS_ATTEMPTS
    with system.database.write() as connection:
        blocked = False
        # In one order for everybody: two attempts can never wait for each other.
        for subject, allowed in sorted(subjects.items()):
            system.database.lock_topic(connection, f"sign-in {subject}")
            blocked |= _count(connection, subject, allowed, now)
        return connection.execute(select(person).where(person.c.login == account)).one_or_none(), blocked


def _count(connection: Connection, subject: str, allowed: int, now: datetime) -> bool:
    """Count an attempt; returns whether this subject has to wait and the attempt is not to be tried."""
    table = sign_in_failure
    row = connection.execute(select(table).where(table.c.subject == subject)).one_or_none()
    if row is None:
        connection.execute(insert(table).values(subject=subject, failures=1, last_at=now))
        return False
    if row.blocked_until is not None and now < row.blocked_until:
        return True
    failures = 1 if now - row.last_at > FORGOTTEN else row.failures + 1
    blocked_until = None
    if failures >= allowed:
        blocked_until = now + min(FIRST_WAIT * 2 ** min(failures - allowed, 10), LONGEST_WAIT)
    connection.execute(
        update(table)
        .where(table.c.subject == subject)
        .values(failures=failures, last_at=now, blocked_until=blocked_until)
    )
    return False


def _succeeded(connection: Connection, account: str, address: str) -> None:
    """Forget the account's attempts; of its address only this one, lest one good account covers for guessing."""
    table = sign_in_failure
    connection.execute(delete(table).where(table.c.subject == f"account:{account}"))
    if address:
        connection.execute(
            update(table)
            .where(table.c.subject == _of_address(address), table.c.failures > 0)
            .values(failures=table.c.failures - 1, blocked_until=None)
        )


def _of_address(address: str) -> str:
    return f"address:{address[:45]}"


def _usable(row: Row[Any], now: datetime) -> bool:
    return row.disabled_at is None and (row.password_expires_at is None or now < row.password_expires_at)
