"""Signing in: one answer to every failure, waiting after several, sessions that end when they should."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from argon2 import PasswordHasher
from sqlalchemy import select, update

from service import clock
from service.errors import Forbidden, Invalid, NotFound
from service.identity import administration, commands, journal, passwords, people, sessions, sign_in
from service.identity.people import Person
from service.store.identity import person
from service.system import System

PASSWORD = "seven green bridges"
OTHER = "eight blue rivers run"
START = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)

Clock = Callable[[timedelta], None]


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Move real time: sessions and waits are reckoned in it."""
    now = [START]
    monkeypatch.setattr(clock, "system_now", lambda: now[0])

    def move(by: timedelta) -> None:
        now[0] += by

    return move


def add(system: System, login: str = "zhang", *duties: str) -> Person:
    person_id = commands.add(system, login, "张三", PASSWORD)
    for duty in duties:
        commands.add_membership(system, login, duty, None)
    with system.database.read() as connection:
        return people.load(connection, person_id, clock.city_day(system.now(connection)))


def kinds(system: System) -> list[str]:
    with system.database.read() as connection:
        return [one.kind for one in journal.latest(connection)]


def test_the_right_password_begins_a_session(system: System, later: Clock) -> None:
    person = add(system)
    opened = sign_in.sign_in(system, " Zhang ", PASSWORD, address="192.0.2.1", agent="browser")
    found = sessions.authenticate(system, opened.token)
    assert found is not None
    assert found.person.id == person.id == opened.person.id
    (mine,) = sessions.list_mine(system, person, here=found.session_id)
    assert (mine.address, mine.agent, mine.here) == ("192.0.2.1", "browser", True)
    assert kinds(system)[0] == "sign_in"


def test_every_failure_gets_the_same_answer(system: System, later: Clock) -> None:
    gone = add(system, "gone")
    admin = add(system, "root", "duty.administrator")
    add(system)
    administration.disable(system, admin, gone.id, reason="离职")
    answers = set()
    for login, password in (("zhang", OTHER), ("nobody", PASSWORD), ("gone", PASSWORD), ("", "")):
        with pytest.raises(Forbidden) as caught:
            sign_in.sign_in(system, login, password)
        answers.add(caught.value.text)
    assert answers == {sign_in.REFUSED}


def test_an_account_waits_after_five_failures_and_longer_after_more(system: System, later: Clock) -> None:
    add(system)

    def fails(password: str) -> bool:
        try:
            sign_in.sign_in(system, "zhang", password)
        except Forbidden:
            return True
        return False

    assert all(fails(OTHER) for _ in range(sign_in.ACCOUNT_ATTEMPTS))
    assert fails(PASSWORD), "the right password does not help while the account waits"
    assert "sign_in.blocked" in kinds(system)
    later(timedelta(seconds=59))
    assert fails(PASSWORD)
    later(timedelta(seconds=2))
    assert fails(OTHER)
    later(timedelta(seconds=61))
    assert fails(PASSWORD), "the second wait is twice as long"
    later(timedelta(seconds=60))
    assert not fails(PASSWORD)
    assert fails(OTHER)
    assert not fails(PASSWORD), "a success clears the count"


def test_an_unknown_login_waits_like_a_known_one(system: System, later: Clock) -> None:
    for _ in range(sign_in.ACCOUNT_ATTEMPTS):
        with pytest.raises(Forbidden):
            sign_in.sign_in(system, "nobody", OTHER)
    with pytest.raises(Forbidden):
        sign_in.sign_in(system, "nobody", OTHER)
    assert kinds(system)[0] == "sign_in.blocked"


def test_an_address_waits_though_it_tries_many_accounts(system: System, later: Clock) -> None:
    add(system)
    for number in range(sign_in.ADDRESS_ATTEMPTS):
        with pytest.raises(Forbidden):
            sign_in.sign_in(system, f"guess-{number}", OTHER, address="192.0.2.9")
    with pytest.raises(Forbidden):
        sign_in.sign_in(system, "zhang", PASSWORD, address="192.0.2.9")
    assert sign_in.sign_in(system, "zhang", PASSWORD, address="192.0.2.10").token


def test_an_office_behind_one_address_may_sign_in_all_day(system: System, later: Clock) -> None:
    add(system)
    for _ in range(sign_in.ADDRESS_ATTEMPTS + 5):
        assert sign_in.sign_in(system, "zhang", PASSWORD, address="192.0.2.9").token


def test_a_session_ends_after_half_an_hour_unused(system: System, later: Clock) -> None:
    add(system)
    token = sign_in.sign_in(system, "zhang", PASSWORD).token
    for _ in range(5):
        later(timedelta(minutes=29))
        assert sessions.authenticate(system, token) is not None
    later(timedelta(minutes=30))
    assert sessions.authenticate(system, token) is None


def test_a_session_ends_after_twelve_hours_however_busy(system: System, later: Clock) -> None:
    add(system)
    token = sign_in.sign_in(system, "zhang", PASSWORD).token
    for _ in range(12 * 60 // 20 - 1):
        later(timedelta(minutes=20))
        assert sessions.authenticate(system, token) is not None
    later(timedelta(minutes=20))
    assert sessions.authenticate(system, token) is None


def test_a_session_outlives_a_jump_of_the_installation_clock(system: System) -> None:
    add(system)
    token = sign_in.sign_in(system, "zhang", PASSWORD).token
    with system.database.write() as connection:
        system.set_clock(connection, system.now(connection) + timedelta(days=400))
    assert sessions.authenticate(system, token) is not None


def test_signing_out_ends_the_session_on_the_server(system: System, later: Clock) -> None:
    add(system)
    token = sign_in.sign_in(system, "zhang", PASSWORD).token
    sign_in.sign_out(system, token)
    assert sessions.authenticate(system, token) is None
    sign_in.sign_out(system, token)
    sign_in.sign_out(system, None)


@pytest.mark.parametrize("token", [None, "", "x", "x" * 500])
def test_no_session_for_a_made_up_token(sqlite_system: System, token: str | None) -> None:
    assert sessions.authenticate(sqlite_system, token) is None


def test_a_new_password_ends_all_sessions_and_begins_one(system: System, later: Clock) -> None:
    person = add(system)
    before = [sign_in.sign_in(system, "zhang", PASSWORD).token for _ in range(2)]
    token = sign_in.change_password(system, person, PASSWORD, OTHER)
    assert token not in before
    assert [sessions.authenticate(system, one) for one in before] == [None, None]
    assert sessions.authenticate(system, token) is not None
    with pytest.raises(Forbidden):
        sign_in.sign_in(system, "zhang", PASSWORD)
    assert sign_in.sign_in(system, "zhang", OTHER).token


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        (OTHER, "nine white clouds go", "old"),
        (PASSWORD, PASSWORD, "password"),
        (PASSWORD, "short", "password"),
    ],
)
def test_a_password_change_that_is_refused_changes_nothing(
    sqlite_system: System, later: Clock, old: str, new: str, field: str
) -> None:
    person = add(sqlite_system)
    token = sign_in.sign_in(sqlite_system, "zhang", PASSWORD).token
    with pytest.raises(Invalid) as caught:
        sign_in.change_password(sqlite_system, person, old, new)
    assert field in caught.value.facts["fields"]
    assert sessions.authenticate(sqlite_system, token) is not None


def test_guessing_the_old_password_makes_the_account_wait(sqlite_system: System, later: Clock) -> None:
    person = add(sqlite_system)
    for _ in range(sign_in.ACCOUNT_ATTEMPTS):
        with pytest.raises(Invalid):
            sign_in.change_password(sqlite_system, person, OTHER, "nine white clouds go")
    with pytest.raises(Invalid):
        sign_in.change_password(sqlite_system, person, PASSWORD, "nine white clouds go")


def test_nobody_ends_another_persons_session(system: System, later: Clock) -> None:
    zhang, li = add(system), add(system, "li")
    token = sign_in.sign_in(system, "zhang", PASSWORD).token
    (mine,) = sessions.list_mine(system, zhang)
    with pytest.raises(NotFound):
        sessions.revoke(system, li, mine.id)
    assert sessions.authenticate(system, token) is not None
    sessions.revoke(system, zhang, mine.id)
    assert sessions.authenticate(system, token) is None
    assert sessions.list_mine(system, zhang) == []


def test_the_first_administrator_has_a_day_to_come_and_a_password_to_change(
    system: System, later: Clock
) -> None:
    password = commands.first_administrator(system)
    assert password is not None
    assert commands.first_administrator(system) is None, "only an empty database makes one"
    opened = sign_in.sign_in(system, commands.FIRST_LOGIN, password)
    assert opened.person.must_change_password
    assert opened.person.has("duty.administrator")
    sign_in.change_password(system, opened.person, password, OTHER)
    later(timedelta(days=3))
    assert not sign_in.sign_in(system, commands.FIRST_LOGIN, OTHER).person.must_change_password


def test_a_one_time_password_is_void_after_a_day(system: System, later: Clock) -> None:
    password = commands.first_administrator(system)
    assert password is not None
    later(timedelta(hours=24))
    with pytest.raises(Forbidden):
        sign_in.sign_in(system, commands.FIRST_LOGIN, password)
    fresh = commands.reset_password(system, commands.FIRST_LOGIN)
    assert sign_in.sign_in(system, commands.FIRST_LOGIN, fresh).person.must_change_password


def test_a_hash_with_older_parameters_is_renewed_at_sign_in(system: System, later: Clock) -> None:
    zhang = add(system)
    older = PasswordHasher(time_cost=1, memory_cost=8192, parallelism=1).hash(PASSWORD)
    with system.database.write() as connection:
        connection.execute(update(person).where(person.c.id == zhang.id).values(password_hash=older))
    sign_in.sign_in(system, "zhang", PASSWORD)
    with system.database.read() as connection:
        kept = connection.scalar(select(person.c.password_hash).where(person.c.id == zhang.id))
    assert kept != older
    assert not passwords.needs_rehash(kept or "")
    assert sign_in.sign_in(system, "zhang", PASSWORD).token
