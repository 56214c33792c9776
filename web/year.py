"""The plan year of today and its phase, as the head of every page shows them."""

from dataclasses import dataclass
from datetime import date
from typing import cast

from service.campaign import plans, windows
from service.campaign.windows import PlanWindow
from service.clock import city_day
from service.errors import Text
from web.context import current_system, now, once


@dataclass(frozen=True, slots=True)
class Phase:
    """One phase of the year beside today: `state` is done, current or future."""

    name: str
    label: Text
    opens: date
    closes: date
    state: str
    extended: bool
    source: Text


@dataclass(frozen=True, slots=True)
class Today:
    """Today in the plan year: the year, its phases and how many days the present phase still has."""

    year_id: str
    year: int
    title: str
    phases: tuple[Phase, ...]
    days_left: int | None

    @property
    def phase(self) -> Phase | None:
        """The phase that runs today."""
        return next((one for one in self.phases if one.state == "current"), None)

    @property
    def next_phase(self) -> Phase | None:
        """The next phase to begin."""
        return next((one for one in self.phases if one.state == "future"), None)


def today(year_id: str | None = None) -> Today | None:
    """Return the plan year in force with its phases, or `year_id`'s; None while no plan was published."""
    return _read(year_id) if year_id else cast("Today | None", once("year", lambda: _read(None)))


def _read(year_id: str | None) -> Today | None:
    system = current_system()
    at = now()
    with system.database.read() as connection:
        year = plans.get(connection, year_id) if year_id else plans.current(connection, at)
        if year is None:
            return None
        found = windows.list_windows(connection, year.id)
    day = city_day(at)
    phases = tuple(_phase(one, day) for one in found)
    running = next((one for one in phases if one.state == "current"), None)
    return Today(year.id, year.year, year.title, phases, (running.closes - day).days if running else None)


def _phase(one: PlanWindow, day: date) -> Phase:
    opens, closes = one.window.opens, one.window.last_day
    state = "future" if day < opens else "done" if day > closes else "current"
    return Phase(one.name, one.label, opens, closes, state, one.window.extended_to is not None, one.source)
