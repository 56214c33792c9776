"""Personal tokens of the API: whose they are, until when, and how they end."""

from datetime import timedelta

import pytest

from service import clock
from service.errors import Invalid, NotFound
from service.identity import administration, commands, people, tokens
from service.identity.people import Person
from service.system import System


def add(system: System, login: str, *duties: str) -> Person:
    commands.add(system, login, login, "seven green bridges")
    for duty in duties:
        commands.add_membership(system, login, duty, None)
    with system.database.read() as connection:
        return people.load_by_login(connection, login, clock.city_day(system.now(connection)))


def test_a_token_says_whose_it_is_until_it_is_revoked(system: System) -> None:
    zhang = add(system, "zhang", "duty.manager")
    made, secret = tokens.create(system, zhang, label="脚本", days=30)
    found = tokens.authenticate(system, secret)
    assert found is not None
    assert found.id == zhang.id
    assert found.has("duty.manager")
    (mine,) = tokens.list_mine(system, zhang)
    assert (mine.id, mine.name) == (made.id, "脚本")
    assert mine.used_at is not None
    with pytest.raises(NotFound):
        tokens.revoke(system, add(system, "li"), made.id)
    tokens.revoke(system, zhang, made.id)
    assert tokens.authenticate(system, secret) is None
    assert tokens.list_mine(system, zhang) == []


def test_a_token_ends_in_real_time_not_in_the_installations(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(system, "zhang")
    secret = tokens.create_by_command(system, "zhang", label="test", days=2)
    with system.database.write() as connection:
        system.set_clock(connection, system.now(connection) + timedelta(days=400))
    assert tokens.authenticate(system, secret) is not None
    now = clock.system_now()
    monkeypatch.setattr(clock, "system_now", lambda: now + timedelta(days=2))
    assert tokens.authenticate(system, secret) is None


def test_a_disabled_persons_token_is_dead_for_good(system: System) -> None:
    admin, zhang = add(system, "admin", "duty.administrator"), add(system, "zhang")
    secret = tokens.create_by_command(system, "zhang", label="test", days=2)
    administration.disable(system, admin, zhang.id, reason="离职")
    assert tokens.authenticate(system, secret) is None
    administration.enable(system, admin, zhang.id)
    assert tokens.authenticate(system, secret) is None


@pytest.mark.parametrize("secret", ["", "clv_", "clv_nonsense", "Basic x", "clv_" + "x" * 500])
def test_what_is_no_token_opens_nothing(sqlite_system: System, secret: str) -> None:
    assert tokens.authenticate(sqlite_system, secret) is None


@pytest.mark.parametrize(
    ("label", "days", "field"),
    [("", 3, "label"), ("x" * 81, 3, "label"), ("a", 0, "days"), ("a", 367, "days")],
)
def test_a_token_needs_a_name_and_an_end(sqlite_system: System, label: str, days: int, field: str) -> None:
    zhang = add(sqlite_system, "zhang")
    with pytest.raises(Invalid) as caught:
        tokens.create(sqlite_system, zhang, label=label, days=days)
    assert set(caught.value.facts["fields"]) == {field}
