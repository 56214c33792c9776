"""A city with titles: bodies above it, applicants, a plan year in force, short ways to titles and applications."""

from datetime import date
from typing import Any

from sqlalchemy import Connection, insert, select, update

from service import messages
from service.campaign import applications, plans, titles
from service.clock import city_day
from service.config import Settings
from service.identity import directory, people
from service.store import procedure as tables
from service.store.application import application_change
from service.store.ids import new_id
from service.store.inspection import inspection
from service.store.plan import plan_setting
from tests.workflows import city as cities
from tests.workflows.city import SINCE, City

#: What is drawn about titles; who answers its messages is played by the tests.
TITLES = (
    "apply",
    "naming_chain",
    "skip_level_consent",
    "county_round",
    "county_review",
    "county_naming",
    "county_objection",
    "county_filing",
    "title_term",
    "self_check",
    "reinspection",
    "report_incident",
    "incident",
    "revocation_cascade",
    "plaque_recall",
    "upward_recommendation",
)
BODIES = {"province": "provincial_office", "nation": "national_office"}
PEOPLE = {
    "mayor": ("county_government", "qindu-government"),
    "province": ("provincial_liaison", "province"),
    "nation": ("national_liaison", "nation"),
}
UNITS = ("school", "village", "plant", "hotel", "barracks")


def open_titled(settings: Settings, *processes: str, year: int | None = 2026) -> City:
    """Open the city with bodies and people above and below it, and a plan year in force."""
    city = cities.open_city(settings, cities.files_of(*(processes or TITLES)))
    system = city.system
    with system.database.write() as connection:
        at = system.now(connection)
        for code, kind in BODIES.items():
            city.bodies[code] = directory.insert_organisation(
                connection, code=code, name=code, kind=kind, area_code=None, valid_from=SINCE
            )
        seats = {who: (role, city.bodies[body]) for who, (role, body) in PEOPLE.items()}
        seats |= {f"of-{unit}": ("applicant", city.units[unit]) for unit in UNITS}
        for login, (role, body) in seats.items():
            person = people.insert_person(connection, login, login, at=at)
            people.insert_membership(connection, person, role, body, at=at, valid_from=SINCE)
    with system.database.read() as connection:
        for login in seats:
            city.people[login] = people.load_by_login(connection, login, city_day(system.now(connection)))
    if year is not None:
        begin_year(city, year)
    return city


def begin_year(city: City, year: int) -> str:
    """Put a plan year in force with the defaults of the deployment in force; returns its id."""
    with city.system.database.write() as connection:
        at = city.system.now(connection)
        deployment = city.system.installation(connection).deployment_id
        assert deployment is not None
        made = plans.draft(
            connection, year, str(year), deployment_id=deployment, matter_id=None, at=at, by=None
        )
        plans.publish(
            connection,
            made.id,
            document_number=f"咸创绿发〔{year}〕1号",
            decided_on=city_day(at),
            deployment_id=deployment,
            at=at,
        )
        return made.id


def set_setting(city: City, key: str, value: Any) -> None:
    """Decide a setting of the year otherwise."""
    with city.system.database.write() as connection:
        connection.execute(update(plan_setting).where(plan_setting.c.key == key).values(value=value))


def year_id(city: City, year: int = 2026) -> str:
    """Return the id of a plan year."""
    with city.system.database.read() as connection:
        return next(one.id for one in plans.list_years(connection) if one.year == year)


def tell(city: City, message: str, key: str = "", **payload: Any) -> None:
    """Let a message arrive from whoever sends it."""
    messages.send(city.system, message, key=key, payload=payload)
    city.settle()


def waits_for(city: City, message: str) -> list[str]:
    """Return the keys under which instances wait for a message."""
    table = tables.subscription
    with city.system.database.read() as connection:
        return list(connection.scalars(select(table.c.key).where(table.c.message == message)))


def sent(city: City, message: str) -> list[dict[str, Any]]:
    """Return the payloads of a message nobody of the tested processes takes, oldest first."""
    table = tables.early_message
    with city.system.database.read() as connection:
        rows = connection.execute(
            select(table.c.payload, table.c.key)
            .where(table.c.message == message)
            .order_by(table.c.arrived_at, table.c.id)
        )
        return [{**row.payload, "key": row.key} for row in rows]


def grant(
    city: City,
    unit: str,
    level: str,
    *,
    on: str,
    years: int | None = 5,
    namer: str | None = None,
    term: bool = True,
) -> str:
    """Give a unit a title decided on a day, with its term begun unless told otherwise; returns the title's id."""
    with city.system.database.write() as connection:
        at = city.system.now(connection)
        made = titles.grant(
            connection,
            unit_id=city.units[unit],
            unit_name=unit,
            level=level,
            number=f"{level}-{unit}-{on}",
            namer_id=city.bodies[namer] if namer else None,
            namer_name=namer or "命名机关",
            decided_on=date.fromisoformat(on),
            decision_number=f"{level}〔{on}〕",
            years=years,
            at=at,
            plan_year_id=next((one.id for one in reversed(plans.list_years(connection))), None),
        )
    if term:
        tell(
            city,
            "title_granted",
            city.units[unit],
            title_id=made.id,
            unit_id=city.units[unit],
            level=level,
            plan_year_id=made.plan_year_id,
        )
    return made.id


def title(city: City, title_id: str) -> titles.Title:
    """Return a title as it stands."""
    with city.system.database.read() as connection:
        return titles.get(connection, title_id)


def decisions(city: City, title_id: str) -> list[tuple[str, str | None]]:
    """Return what was decided about a title: new state and document number."""
    with city.system.database.read() as connection:
        return [(one.to_state, one.decision_number) for one in titles.changes(connection, title_id)]


def apply_for(
    city: City,
    unit: str,
    level: str,
    *,
    state: str = "submitted",
    county: str = "qindu",
    inspected: bool = False,
) -> str:
    """Write a unit's application in a state, with a passed inspection if wanted; returns its id."""
    with city.system.database.write() as connection:
        at = city.system.now(connection)
        made = applications.open_application(
            connection,
            unit_id=city.units[unit],
            plan_year_id=plans.list_years(connection)[0].id,
            level=level,
            channel="territorial",
            recommender_id=city.bodies[county],
            county_id=city.bodies[county],
            skip=False,
            state=state,
            number=new_id(),
            matter_id=new_id(),
            at=at,
            actor_id=None,
            instance_id=None,
        )
        if inspected:
            _inspect(connection, city, made)
        return made.id


def application(city: City, application_id: str) -> applications.Application:
    """Return an application as it stands."""
    with city.system.database.read() as connection:
        return applications.get(connection, application_id)


def changes(city: City, application_id: str) -> list[tuple[str, str, str]]:
    """Return what was decided about an application, oldest first: the new state, by which authority, why."""
    table = application_change
    with city.system.database.read() as connection:
        rows = connection.execute(
            select(table.c.to_state, table.c.authority, table.c.reason)
            .where(table.c.application_id == application_id)
            .order_by(table.c.seq)
        )
        return [(row.to_state, row.authority, row.reason) for row in rows]


def _inspect(connection: Connection, city: City, made: applications.Application) -> None:
    at = city.system.now(connection)
    connection.execute(
        insert(inspection).values(
            id=new_id(),
            subject_id=made.id,
            purpose="county",
            unit_id=made.unit_id,
            unit_kind="village",
            plan_year_id=made.plan_year_id,
            level=made.level,
            organiser_id=made.recommender_id,
            matter_id=made.matter_id,
            state="passed",
            scheduled_on=city_day(at),
            rounds=0,
            total=90.0,
            modules={},
            formed_at=at,
            closed_at=at,
        )
    )
    applications.set_score(connection, made.id, 90.0)
