"""What administrators do to people: accounts, one-time passwords and memberships; all of it in the journal."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, Row, or_, select, update

from service import clock
from service.engine.model import Role
from service.errors import Conflict, Forbidden, Invalid, NotFound, Text
from service.identity import duties, journal, organisations, people
from service.identity.access import redacted_names, roles_in_force
from service.identity.journal import SecurityEvent
from service.identity.people import Person
from service.paging import LARGEST_PAGE, Page
from service.store.identity import api_token, membership, organisation, person, unit_profile
from service.system import System


@dataclass(frozen=True, slots=True)
class Account:
    """A person as administrators see them; `person` holds today's memberships."""

    person: Person
    mobile: str
    email: str
    created_at: datetime
    has_password: bool


@dataclass(frozen=True, slots=True)
class Held:
    """A membership whenever it was or will be held, with what role and organisation are called."""

    id: str
    role: str
    role_label: Text
    organisation_id: str | None
    organisation_name: str | None
    valid_from: date
    valid_to: date | None
    granted_by: str | None


@dataclass(frozen=True, slots=True)
class Grantable:
    """A role or duty that can be given, and in which kind of organisation (None: a duty, `*`: any)."""

    role: str
    label: Text
    sits: str | None


def list_accounts(
    system: System, by: Person, *, search: str | None = None, after: str | None = None, limit: int = 50
) -> Page[Account]:
    """Return accounts by login name; `search` looks in login, name and the names of their organisations."""
    _demand(by)
    limit = min(limit, LARGEST_PAGE)
    with system.database.read() as connection:
        day = clock.city_day(system.now(connection))
        query = select(person.c.id).order_by(person.c.login).limit(limit + 1)
        if after is not None:
            query = query.where(person.c.login > after)
        if search:
            at_place = (
                select(membership.c.person_id)
                .join(organisation, organisation.c.id == membership.c.organisation_id)
                .outerjoin(unit_profile, unit_profile.c.organisation_id == organisation.c.id)
                # A hit would say which unit a redacted one is.
                .where(organisation.c.name.contains(search, autoescape=True), organisations.readable(by))
            )
            query = query.where(
                or_(
                    person.c.login.contains(search.lower(), autoescape=True),
                    person.c.name.contains(search, autoescape=True),
                    person.c.id.in_(at_place),
                )
            )
        ids = list(connection.scalars(query))
        accounts = _accounts(connection, by, ids[:limit], day)
        return Page(accounts, accounts[-1].person.login if len(ids) > limit else None)


def get_account(system: System, by: Person, person_id: str) -> tuple[Account, list[Held]]:
    """Return an account and all memberships it ever had, those in force first. Raises `NotFound`."""
    _demand(by)
    with system.database.read() as connection:
        day = clock.city_day(system.now(connection))
        found = _accounts(connection, by, [person_id], day)
        if not found:
            raise _unknown()
        labels = {one.role: one.label for one in _grantable(roles_in_force(connection))}
        rows = connection.execute(
            select(membership)
            .where(membership.c.person_id == person_id)
            .order_by(membership.c.valid_from.desc(), membership.c.id)
        ).all()
        names = redacted_names(connection, by, {row.organisation_id for row in rows if row.organisation_id})
        held = [
            Held(
                id=row.id,
                role=row.role,
                role_label=labels.get(row.role, Text(row.role, row.role)),
                organisation_id=row.organisation_id,
                organisation_name=names.get(row.organisation_id),
                valid_from=row.valid_from,
                valid_to=row.valid_to,
                granted_by=row.granted_by,
            )
            for row in rows
        ]
        return found[0], sorted(held, key=lambda one: one.valid_to is not None and one.valid_to < day)


def grantable(system: System) -> list[Grantable]:
    """Return what can be given to people: the roles of the procedure in force, then the product's duties."""
    with system.database.read() as connection:
        return _grantable(roles_in_force(connection))


def add_person(
    system: System, by: Person, *, login: str, name: str, mobile: str = "", email: str = ""
) -> tuple[str, str]:
    """Add a person; returns their id and a one-time password (24 hours, to be changed at the first sign-in)."""
    _demand(by)
    with system.database.write() as connection:
        now = clock.system_now()
        person_id = people.insert_person(
            connection, login, name, at=system.now(connection), mobile=mobile.strip(), email=email.strip()
        )
        password = people.set_one_time_password(connection, person_id, now)
        journal.record(
            connection, "person.add", now, actor=by.id, person=person_id, login=login.strip().lower()
        )
        return person_id, password


def change_person(
    system: System, by: Person, person_id: str, *, name: str, mobile: str = "", email: str = ""
) -> None:
    """Correct a person's name and how to reach them."""
    _demand(by)
    full_name = name.strip()
    if not 1 <= len(full_name) <= 60:
        message = Text("姓名为 1 至 60 个字符", "A name has 1 to 60 characters")
        raise Invalid(message, fields={"name": message})
    people.check_contact(mobile.strip(), email.strip())
    with system.database.write() as connection:
        _known(connection, person_id)
        connection.execute(
            update(person)
            .where(person.c.id == person_id)
            .values(name=full_name, mobile=mobile.strip(), email=email.strip())
        )
        journal.record(connection, "person.change", clock.system_now(), actor=by.id, person=person_id)


def issue_password(system: System, by: Person, person_id: str) -> str:
    """Give a person a one-time password and end their sign-ins; returns it to be handed over."""
    _demand(by)
    _not_oneself(by, person_id)
    with system.database.write() as connection:
        now = clock.system_now()
        _known(connection, person_id)
        password = people.set_one_time_password(connection, person_id, now)
        journal.record(connection, "password.reset", now, actor=by.id, person=person_id)
        return password


def disable(system: System, by: Person, person_id: str, *, reason: str) -> None:
    """Shut an account: its sign-ins and tokens end now, its open tasks stay in its roles' pools."""
    _demand(by)
    _not_oneself(by, person_id)
    said = reason.strip()
    if not said:
        message = Text("请填写停用原因", "Say why the account is disabled")
        raise Invalid(message, fields={"reason": message})
    with system.database.write() as connection:
        now = clock.system_now()
        _known(connection, person_id)
        connection.execute(update(person).where(person.c.id == person_id).values(disabled_at=now))
        people.revoke_sessions(connection, [person_id], now, "disabled")
        connection.execute(
            update(api_token)
            .where(api_token.c.person_id == person_id, api_token.c.revoked_at.is_(None))
            .values(revoked_at=now)
        )
        journal.record(connection, "person.disable", now, actor=by.id, person=person_id, reason=said)


def enable(system: System, by: Person, person_id: str) -> str:
    """Open a disabled account again; returns a one-time password. Raises `Conflict` for one that is open."""
    _demand(by)
    _not_oneself(by, person_id)
    with system.database.write() as connection:
        now = clock.system_now()
        if _known(connection, person_id).disabled_at is None:
            raise Conflict(Text("该账号没有停用", "The account is not disabled"))
        connection.execute(update(person).where(person.c.id == person_id).values(disabled_at=None))
        password = people.set_one_time_password(connection, person_id, now)
        journal.record(connection, "person.enable", now, actor=by.id, person=person_id)
        return password


def add_membership(
    system: System,
    by: Person,
    person_id: str,
    *,
    role: str,
    organisation_id: str | None = None,
    valid_from: date | None = None,
    valid_to: date | None = None,
) -> str:
    """Give a person a role at an organisation, or a duty; both days included. Returns the membership's id.

    Nobody gives anything to himself (三员分立). Raises `Invalid` for an unknown role or a wrong seat, `Conflict`
    for what the person already holds.
    """
    _demand(by)
    _not_oneself(by, person_id)
    with system.database.write() as connection:
        _known(connection, person_id)
        check_role(connection, role, organisation_id)
        membership_id = people.insert_membership(
            connection,
            person_id,
            role,
            organisation_id,
            at=system.now(connection),
            valid_from=valid_from,
            valid_to=valid_to,
            granted_by=by.id,
        )
        journal.record(
            connection,
            "membership.add",
            clock.system_now(),
            actor=by.id,
            person=person_id,
            membership=membership_id,
            role=role,
            organisation=organisation_id,
            valid_from=valid_from.isoformat() if valid_from else None,
            valid_to=valid_to.isoformat() if valid_to else None,
        )
        return membership_id


def end_membership(system: System, by: Person, membership_id: str, *, last_day: date) -> None:
    """Set the last day of a membership.

    Raises `Invalid` when it lies before the first day, `Conflict` when no administrator would be left.
    """
    _demand(by)
    with system.database.write() as connection:
        row = connection.execute(select(membership).where(membership.c.id == membership_id)).one_or_none()
        if row is None:
            raise NotFound(Text("没有这项任职", "There is no such membership"))
        if last_day < row.valid_from:
            message = Text(
                f"任职自 {row.valid_from} 开始，截止日不能更早",
                f"The membership begins on {row.valid_from}; it cannot end before",
            )
            raise Invalid(message, fields={"last_day": message})
        connection.execute(
            update(membership).where(membership.c.id == membership_id).values(valid_to=last_day)
        )
        if row.role == duties.ADMINISTRATOR and not people.holders(
            connection, duties.ADMINISTRATOR, clock.city_day(system.now(connection))
        ):
            raise Conflict(
                Text(
                    "这是最后一位系统管理员，请先指定另一位",
                    "This is the last administrator: appoint another first",
                )
            )
        journal.record(
            connection,
            "membership.end",
            clock.system_now(),
            actor=by.id,
            person=row.person_id,
            membership=membership_id,
            role=row.role,
            organisation=row.organisation_id,
            valid_to=last_day.isoformat(),
        )


def journal_entries(
    system: System, by: Person, *, person_id: str | None = None, limit: int = 100
) -> tuple[SecurityEvent, ...]:
    """Return the security journal, newest first: for auditors and administrators."""
    if not (by.has(duties.AUDITOR) or by.has(duties.ADMINISTRATOR)):
        raise Forbidden(Text("只有审计员可以查看安全日志", "Only auditors may read the security journal"))
    with system.database.read() as connection:
        return journal.latest(connection, person_id=person_id, limit=min(limit, LARGEST_PAGE))


def check_role(connection: Connection, role: str, organisation_id: str | None) -> None:
    """Raise `Invalid` for a role that is neither a duty nor of the procedure in force, or sits elsewhere.

    While nothing is deployed any role may be given: the procedure that will know it comes later.
    """
    if role.startswith(duties.PREFIX) and not duties.is_duty(role):
        message = Text(f"没有系统职责 {role}", f"There is no duty {role}; one of {', '.join(duties.LABELS)}")
        raise Invalid(message, fields={"role": message})
    if organisation_id is None:
        if not duties.is_duty(role):
            message = Text(
                "请选择单位：只有系统职责可以不属于任何单位", "Choose an organisation; only duties need none"
            )
            raise Invalid(message, fields={"organisation_id": message})
        return
    seat = organisations.get(connection, organisation_id)
    known = roles_in_force(connection)
    if duties.is_duty(role) or not known:
        return
    if role not in known:
        message = Text(f"现行流程没有岗位 {role}", f"The procedure in force has no role {role}")
        raise Invalid(message, fields={"role": message}, roles=sorted(known))
    if known[role].sits not in ("*", seat.kind):
        message = Text(
            f"岗位“{known[role].label.zh}”不设在“{seat.name}”这类单位",
            f"The role “{known[role].label.en}” does not sit in organisations like “{seat.name}”",
        )
        raise Invalid(message, fields={"role": message})


def _grantable(roles: Mapping[str, Role]) -> list[Grantable]:
    found = [Grantable(one.id, one.label, one.sits) for one in roles.values()]
    return found + [Grantable(duty, label, None) for duty, label in duties.LABELS.items()]


def _accounts(connection: Connection, by: Person, ids: list[str], day: date) -> list[Account]:
    if not ids:
        return []
    rows = {row.id: row for row in connection.execute(select(person).where(person.c.id.in_(ids)))}
    found = people.load_where(connection, person.c.id.in_(ids), day)
    names = redacted_names(connection, by, {one for who in found for one in who.organisation_ids})
    return [
        Account(
            person=replace(
                one,
                memberships=tuple(
                    replace(seat, organisation_name=names.get(seat.organisation_id or "", ""))
                    for seat in one.memberships
                ),
            ),
            mobile=rows[one.id].mobile,
            email=rows[one.id].email,
            created_at=rows[one.id].created_at,
            has_password=rows[one.id].password_hash is not None,
        )
        for one in found
    ]


def _known(connection: Connection, person_id: str) -> Row[Any]:
    row = connection.execute(select(person).where(person.c.id == person_id)).one_or_none()
    if row is None:
        raise _unknown()
    return row


def _demand(by: Person) -> None:
    if not by.has(duties.ADMINISTRATOR):
        raise Forbidden(Text("只有系统管理员可以管理人员", "Only administrators may manage people"))


def _not_oneself(by: Person, person_id: str) -> None:
    if by.id == person_id:
        raise Forbidden(
            Text(
                "不能对自己的账号这样做，请由另一位系统管理员办理",
                "Not on your own account: ask another administrator",
            )
        )


def _unknown() -> NotFound:
    return NotFound(Text("没有这个人员", "There is no such person"))
