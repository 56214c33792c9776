"""People and what they hold: a person with the memberships of a day, and how accounts are written."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    Date,
    and_,
    bindparam,
    insert,
    or_,
    select,
    update,
)

from service import clock
from service.errors import Conflict, Invalid, NotFound, Text
from service.identity import passwords
from service.store.identity import login_session, membership, organisation, organisation_kind, person
from service.store.ids import new_id
from service.system import System


@dataclass(frozen=True, slots=True)
class Membership:
    """A role held in an organisation from the first to the last day; a duty may be held without one.

    `military_channel` says that the organisation may read military units in full.
    """

    id: str
    role: str
    organisation_id: str | None
    organisation_name: str
    organisation_kind: str | None
    area_code: str | None
    military_channel: bool
    valid_from: date
    valid_to: date | None


@dataclass(frozen=True, slots=True)
class Person:
    """A person with the memberships that hold on the day they were loaded for."""

    id: str
    login: str
    name: str
    language: str
    memberships: tuple[Membership, ...]
    must_change_password: bool = False
    disabled: bool = False
    demo: bool = False

    def has(self, duty: str) -> bool:
        """Whether the person holds a duty or role, wherever."""
        return any(one.role == duty for one in self.memberships)

    @property
    def roles(self) -> tuple[str, ...]:
        """The roles and duties held, each once."""
        return tuple(dict.fromkeys(one.role for one in self.memberships))

    @property
    def organisation_ids(self) -> tuple[str, ...]:
        """The organisations the person sits in, each once."""
        return tuple(
            dict.fromkeys(one.organisation_id for one in self.memberships if one.organisation_id is not None)
        )

    @property
    def military_channel(self) -> bool:
        """Whether the person sits in a body that may read military units in full."""
        return any(one.military_channel for one in self.memberships)


def normal_login(login: str) -> str:
    """Return a login name as it is kept: trimmed, lower case. Raises `Invalid` for an impossible one."""
    kept = login.strip().lower()
    if not 2 <= len(kept) <= 60 or any(char.isspace() or not char.isprintable() for char in kept):
        message = Text(
            "登录名为 2 至 60 个字符，不含空格", "A login name has 2 to 60 characters and no spaces"
        )
        raise Invalid(message, fields={"login": message})
    return kept


def in_force(day: date | BindParameter[date]) -> ColumnElement[bool]:
    """Return the condition that a membership holds on `day` (both end days included)."""
    return and_(
        membership.c.valid_from <= day, or_(membership.c.valid_to.is_(None), membership.c.valid_to >= day)
    )


# Built once: every request of a page or program loads its person.
_HELD = and_(membership.c.person_id == person.c.id, in_force(bindparam("day", type_=Date)))
_PEOPLE = (
    select(
        person.c.id,
        person.c.login,
        person.c.name,
        person.c.language,
        person.c.must_change_password,
        person.c.disabled_at,
        person.c.demo,
        membership.c.id.label("membership_id"),
        membership.c.role,
        membership.c.organisation_id,
        membership.c.valid_from,
        membership.c.valid_to,
        organisation.c.name.label("organisation_name"),
        organisation.c.kind,
        organisation.c.area_code,
        organisation_kind.c.military_channel,
    )
    .outerjoin(membership, _HELD)
    .outerjoin(organisation, organisation.c.id == membership.c.organisation_id)
    .outerjoin(organisation_kind, organisation_kind.c.kind == organisation.c.kind)
    .order_by(person.c.login, membership.c.granted_at, membership.c.id)
)
_ONE = _PEOPLE.where(person.c.id == bindparam("person"))


def load(connection: Connection, person_id: str, day: date) -> Person:
    """Return a person with the memberships of `day`. Raises `NotFound`."""
    found = _people(connection.execute(_ONE, {"day": day, "person": person_id}).all())
    if not found:
        raise _unknown()
    return found[0]


def load_by_login(connection: Connection, login: str, day: date) -> Person:
    """Return the person of a login name with the memberships of `day`. Raises `NotFound`."""
    found = load_where(connection, person.c.login == login.strip().lower(), day)
    if not found:
        raise _unknown()
    return found[0]


def load_where(connection: Connection, condition: ColumnElement[bool], day: date) -> list[Person]:
    """Return the people a condition on the table `person` chooses, by login, with the memberships of `day`."""
    return _people(connection.execute(_PEOPLE.where(condition), {"day": day}).all())


def _people(rows: Sequence[Any]) -> list[Person]:
    held: dict[str, list[Membership]] = {}
    for row in rows:
        mine = held.setdefault(row.id, [])
        if row.membership_id is not None:
            mine.append(
                Membership(
                    id=row.membership_id,
                    role=row.role,
                    organisation_id=row.organisation_id,
                    organisation_name=row.organisation_name or "",
                    organisation_kind=row.kind,
                    area_code=row.area_code,
                    military_channel=bool(row.military_channel),
                    valid_from=row.valid_from,
                    valid_to=row.valid_to,
                )
            )
    first = {row.id: row for row in reversed(rows)}
    return [
        Person(
            id=person_id,
            login=first[person_id].login,
            name=first[person_id].name,
            language=first[person_id].language,
            memberships=tuple(memberships),
            must_change_password=first[person_id].must_change_password,
            disabled=first[person_id].disabled_at is not None,
            demo=first[person_id].demo,
        )
        for person_id, memberships in held.items()
    ]


def names(connection: Connection, ids: Iterable[str]) -> dict[str, str]:
    """Return person id → full name."""
    wanted = list(ids)
    if not wanted:
        return {}
    rows = connection.execute(select(person.c.id, person.c.name).where(person.c.id.in_(wanted)))
    return {row.id: row.name for row in rows}


_MEMBERS = (
    select(person.c.id)
    .join(membership, membership.c.person_id == person.c.id)
    .where(
        membership.c.role == bindparam("role"),
        membership.c.organisation_id == bindparam("organisation"),
        in_force(bindparam("day", type_=Date)),
        person.c.disabled_at.is_(None),
    )
    .order_by(person.c.name, person.c.id)
)


def members(connection: Connection, role: str, organisation_id: str, day: date) -> list[str]:
    """Return the ids of those who hold `role` in an organisation on `day` and may sign in, by name."""
    wanted = {"role": role, "organisation": organisation_id, "day": day}
    return list(dict.fromkeys(connection.scalars(_MEMBERS, wanted)))


def who_may_sign_in(connection: Connection, ids: Iterable[str]) -> frozenset[str]:
    """Return those of `ids` that are people who may sign in."""
    query = select(person.c.id).where(person.c.id.in_(list(ids)), person.c.disabled_at.is_(None))
    return frozenset(connection.scalars(query))


def holders(connection: Connection, duty: str, day: date) -> list[str]:
    """Return the ids of those who hold a duty on `day`, wherever, and may sign in."""
    query = (
        select(person.c.id)
        .join(membership, membership.c.person_id == person.c.id)
        .where(membership.c.role == duty, in_force(day), person.c.disabled_at.is_(None))
        .order_by(person.c.name, person.c.id)
    )
    return list(dict.fromkeys(connection.scalars(query)))


def list_people(system: System) -> list[Person]:
    """Return everybody, by login, with today's memberships."""
    with system.database.read() as connection:
        day = clock.city_day(system.now(connection))
        return load_where(connection, person.c.id.is_not(None), day)


def insert_person(
    connection: Connection,
    login: str,
    name: str,
    *,
    at: datetime,
    language: str = "zh",
    mobile: str = "",
    email: str = "",
    demo: bool = False,
) -> str:
    """Write a new person without a password; returns the id. Raises `Conflict` when the login is taken."""
    kept = normal_login(login)
    full_name = name.strip()
    if not 1 <= len(full_name) <= 60:
        message = Text("姓名为 1 至 60 个字符", "A name has 1 to 60 characters")
        raise Invalid(message, fields={"name": message})
    check_contact(mobile, email)
    if connection.scalar(select(person.c.id).where(person.c.login == kept)) is not None:
        message = Text(f"登录名 {kept} 已有人使用", f"The login name {kept} is taken")
        raise Conflict(message, fields={"login": message})
    person_id = new_id()
    connection.execute(
        insert(person).values(
            id=person_id,
            login=kept,
            name=full_name,
            language=language,
            mobile=mobile,
            email=email,
            demo=demo,
            created_at=at,
        )
    )
    return person_id


def check_contact(mobile: str, email: str) -> None:
    """Raise `Invalid` for a telephone number or an e-mail address that is none."""
    wrong: dict[str, Text] = {}
    if len(mobile) > 40:
        wrong["mobile"] = Text("手机号码最多 40 个字符", "A telephone number has at most 40 characters")
    if email and (len(email) > 120 or not re.fullmatch(r"[^@\s]+@[^@\s]+", email)):
        wrong["email"] = Text("电子邮箱格式不对", "This is no e-mail address")
    if wrong:
        raise Invalid(next(iter(wrong.values())), fields=wrong)


def insert_membership(
    connection: Connection,
    person_id: str,
    role: str,
    organisation_id: str | None,
    *,
    at: datetime,
    valid_from: date | None = None,
    valid_to: date | None = None,
    granted_by: str | None = None,
) -> str:
    """Write a membership, from the day of `at` unless said otherwise; returns its id.

    Raises `Conflict` when the person already holds that role there during any of those days.
    """
    begins = valid_from or clock.city_day(at)
    if valid_to is not None and valid_to < begins:
        message = Text("任职截止日早于开始日", "The last day is before the first")
        raise Invalid(message, fields={"valid_to": message})
    overlaps = select(membership.c.id).where(
        membership.c.person_id == person_id,
        membership.c.role == role,
        membership.c.organisation_id == organisation_id
        if organisation_id is not None
        else membership.c.organisation_id.is_(None),
        or_(membership.c.valid_to.is_(None), membership.c.valid_to >= begins),
        *([membership.c.valid_from <= valid_to] if valid_to is not None else []),
    )
    if connection.scalar(overlaps.limit(1)) is not None:
        message = Text("此人在这段时间已担任该岗位", "The person already holds this role during those days")
        raise Conflict(message, fields={"role": message})
    membership_id = new_id()
    connection.execute(
        insert(membership).values(
            id=membership_id,
            person_id=person_id,
            role=role,
            organisation_id=organisation_id,
            valid_from=begins,
            valid_to=valid_to,
            granted_by=granted_by,
            granted_at=at,
        )
    )
    return membership_id


def set_one_time_password(connection: Connection, person_id: str, now: datetime) -> str:
    """Replace a person's password by a random one for one sign-in within 24 hours; ends their sign-ins."""
    password = passwords.one_time()
    keep_one_time_password(connection, person_id, passwords.hash_password(password), now)
    revoke_sessions(connection, [person_id], now, "password")
    return password


def keep_one_time_password(
    connection: Connection,
    person_id: str,
    hashed: str,
    now: datetime,
    *,
    life: timedelta = passwords.ONE_TIME_LIFE,
) -> None:
    """Write the hash of a one-time password: good for `life`, to be changed at sign-in."""
    connection.execute(
        update(person)
        .where(person.c.id == person_id)
        .values(
            password_hash=hashed,
            password_changed_at=now,
            password_expires_at=now + life,
            must_change_password=True,
        )
    )


def revoke_sessions(
    connection: Connection, person_ids: Sequence[str], now: datetime, reason: str, *, keep: str | None = None
) -> None:
    """End the sign-ins of people for a `reason` (`password`, `disabled`, …), all but the one to `keep`."""
    ended = (
        update(login_session)
        .where(login_session.c.person_id.in_(person_ids), login_session.c.revoked_at.is_(None))
        .values(revoked_at=now, revoked_for=reason)
    )
    connection.execute(ended.where(login_session.c.id != keep) if keep is not None else ended)


def _unknown() -> NotFound:
    return NotFound(Text("没有这个人员", "There is no such person"))
