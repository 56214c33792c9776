"""The movable clock goes forward only, and time that passes while it is being moved upsets nobody."""

from datetime import timedelta

import pytest

from service import clock, jobs
from service.errors import Invalid
from service.system import System


def test_the_clock_stays_where_it_has_walked_by_itself(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    with system.database.write() as connection:
        before = system.now(connection)
        # An instant that was still ahead when it was chosen, and is past when the clock gets there.
        monkeypatch.setattr(clock, "system_now", lambda: before + timedelta(seconds=2))
        system.set_clock(connection, before + timedelta(seconds=1))
        assert system.now(connection) == before + timedelta(seconds=2)


def test_a_clock_is_not_moved_back(system: System) -> None:
    with system.database.read() as connection:
        now = system.now(connection)
    with pytest.raises(Invalid):
        jobs.advance_clock(system, now - timedelta(days=1))
    with system.database.read() as connection:
        assert system.now(connection) >= now
