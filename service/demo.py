"""The demo city: a database of its own, filled with invented bodies, people, units and titles."""

import csv
import io
import tomllib
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, insert, inspect, select, text
from sqlalchemy.engine import make_url

from service import clock, demo_story, deployments, installations
from service.campaign import legacy_titles
from service.config import Settings
from service.errors import Conflict, Text
from service.identity import directory, organisations, passwords, people, places
from service.identity.organisations import UNIT
from service.store.database import Database
from service.store.identity import membership, person
from service.store.ids import new_id
from service.store.procedure import installation
from service.store.schema import load_tables
from service.store.types import metadata
from service.system import System

#: The bodies of the demo city are as old as this.
SINCE = date(2019, 3, 1)
#: What administers a place before anything is recorded of it.
MAP_SINCE = date(2000, 1, 1)


@dataclass(frozen=True, slots=True)
class _Facts:
    starts_at: datetime
    password: str


def open_demo(settings: Settings, workflows: Path, *, fresh: bool = False) -> tuple[System, bool]:
    """Open the demo city, making it when it is not there; returns it and whether it was made.

    `workflows` is deployed as its procedure. `fresh` throws the old demo away. A start that was cut short goes on
    where it stopped. Raises `Conflict` when the database holds something else than a demo, `Invalid` when the
    procedure cannot be deployed.
    """
    _refuse_real(settings)
    if fresh:
        _throw_away(settings)
    facts = _facts()
    installations.migrate(settings, movable_clock=True, demo=True, starts_at=facts.starts_at)
    system = System(settings, Database(settings.database_url))
    made = False
    with system.database.write() as connection:
        if connection.scalar(select(person.c.id).limit(1)) is None:
            _fill(connection, system.now(connection), facts)
            made = True
    with system.database.read() as connection:
        deployed = system.installation(connection).deployment_id is not None
    if not deployed:
        deployments.publish(system, deployments.read_folder(workflows), note="演示城市", by=None)
        demo_story.tell(system)
        made = True
    return system, made


def people_lines(system: System) -> list[str]:
    """Return what to print of the demo people: the password they share and one person of each kind."""
    with system.database.read() as connection:
        if not system.installation(connection).demo:
            return []
        day = clock.city_day(system.now(connection))
        shown = [row["login"] for row in _rows("people.csv") if row["shown"] == "1"]
        known = {one.login: one for one in people.load_where(connection, person.c.demo, day)}
    lines = [f"演示人员口令 / password of the demo people: {_facts().password}"]
    for login in shown:
        if login in known:
            place = next((one.organisation_name for one in known[login].memberships), "")
            lines.append(f"  {login}\t{known[login].name}\t{place}")
    lines.append(f"  …… 共 {len(known)} 人，登录页可选 / {len(known)} people, to choose on the sign-in page")
    return lines


def _fill(connection: Connection, at: datetime, facts: _Facts) -> None:
    """Write the whole city in one transaction."""
    ids = _organisations(connection)
    _townships(connection)
    _units(connection, ids, at)
    _people(connection, ids, at, facts)
    _titles(connection, ids, at)


def _organisations(connection: Connection) -> dict[str, str]:
    ids: dict[str, str] = {}
    for row in _rows("organisations.csv"):
        ids[row["code"]] = directory.insert_organisation(
            connection,
            code=row["code"],
            name=row["name"],
            name_en=row["name_en"],
            kind=row["kind"],
            area_code=row["area"],
            valid_from=SINCE,
        )
    return ids


def _townships(connection: Connection) -> None:
    for row in _rows("townships.csv"):
        place_id = places.add(
            connection, name=row["name"], area_code=row["area"], valid_from=MAP_SINCE, source=row["source"]
        )
        if row["taken_over"]:
            places.hand_over(
                connection,
                place_id,
                to_area=None,
                manager=row["manager"],
                valid_from=date.fromisoformat(row["taken_over"]),
                source=row["source"],
            )
        if row["returned"]:
            places.hand_over(
                connection,
                place_id,
                to_area=row["area"],
                manager="",
                valid_from=date.fromisoformat(row["returned"]),
                source=row["source"],
            )


def _units(connection: Connection, ids: dict[str, str], at: datetime) -> None:
    for row in _rows("units.csv"):
        ids[row["code"]] = directory.insert_organisation(
            connection,
            code=row["code"],
            name=row["name"],
            name_en=row["name_en"],
            kind=UNIT,
            area_code=row["area"],
            parent_id=ids[row["parent"]] if row["parent"] else None,
            valid_from=SINCE,
        )
        profile: dict[str, Any] = {}
        for name, field in directory.PROFILE.items():
            value = row.get(name, "")
            if field.type == "flag":
                profile[name] = value == "1"
            elif value:
                profile[name] = float(value) if field.type in ("count", "amount") else value
        if row["department"]:
            profile["municipal_department_id"] = ids[row["department"]]
        township = _place(connection, row["area"], row["township"], at)
        if township is not None:
            profile["place_id"] = township
        directory.insert_profile(connection, ids[row["code"]], profile, at=at)


def _place(connection: Connection, area_code: str, name: str, at: datetime) -> str | None:
    found = places.in_area(connection, area_code, clock.city_day(at))
    return next((one.id for one in found if one.name == name), None)


def _people(connection: Connection, ids: dict[str, str], at: datetime, facts: _Facts) -> None:
    # One hash for all: they share one password, and hashing it for each would take half a minute.
    hashed = passwords.hash_password(facts.password)
    persons: list[dict[str, Any]] = []
    held: list[dict[str, Any]] = []
    for number, row in enumerate(_rows("people.csv"), start=1):
        person_id = new_id()
        persons.append(
            {
                "id": person_id,
                "login": people.normal_login(row["login"]),
                "name": row["name"],
                "language": "zh",
                "mobile": f"000-{2000 + number}",
                "email": f"person{number:03d}@example.invalid",
                "password_hash": hashed,
                "password_changed_at": at,
                "demo": True,
                "created_at": at,
            }
        )
        held += [
            {
                "id": new_id(),
                "person_id": person_id,
                "role": role,
                "organisation_id": ids[row["organisation"]] if row["organisation"] else None,
                "valid_from": SINCE,
                "granted_at": at,
            }
            for role in row["roles"].split()
        ]
    connection.execute(insert(person), persons)
    connection.execute(insert(membership), held)


def _titles(connection: Connection, ids: dict[str, str], at: datetime) -> None:
    """Write the titles held before the system, each with its proof."""
    names = organisations.names(connection, ids.values())
    for row in _rows("titles.csv"):
        namer_id = ids[row["namer"]] if row["namer"] else None
        legacy_titles.record(
            connection,
            unit_id=ids[row["unit"]],
            unit_name=names[ids[row["unit"]]],
            level=row["level"],
            number=row["number"],
            namer_id=namer_id,
            namer_name=names[namer_id] if namer_id is not None else row["namer_name"],
            decided_on=date.fromisoformat(row["decided_on"]),
            decision_number=row["decision_number"],
            years=int(row["years"]) if row["years"] else None,
            proof=row["file"],
            at=at,
        )


def _refuse_real(settings: Settings) -> None:
    """Raise `Conflict` when the database holds something else than a demo; an empty one is fine."""
    path = _sqlite_file(settings)
    if path is not None and not path.exists():
        return
    database = Database(settings.database_url)
    try:
        with database.read() as connection:
            known = inspect(connection)
            if known.has_table(installation.name):
                fine = connection.scalar(select(installation.c.demo)) is True
            else:
                fine = not known.get_table_names()
    finally:
        database.dispose()
    if not fine:
        raise Conflict(
            Text(
                "这个数据库不是演示数据库，未作任何改动；请用 --data 指定另一个目录",
                "This database is no demo and was not touched; name another folder with --data",
            )
        )


def _throw_away(settings: Settings) -> None:
    path = _sqlite_file(settings)
    if path is not None:
        for suffix in ("", "-wal", "-shm"):
            path.with_name(path.name + suffix).unlink(missing_ok=True)
        return
    load_tables()
    database = Database(settings.database_url)
    with database.write() as connection:
        metadata.drop_all(connection)
        connection.execute(text("DROP TABLE IF EXISTS alembic_version"))
    database.dispose()


def _sqlite_file(settings: Settings) -> Path | None:
    url = make_url(settings.database_url)
    return Path(url.database) if url.get_backend_name() == "sqlite" and url.database else None


@cache
def _facts() -> _Facts:
    read = tomllib.loads(_file("demo.toml"))
    return _Facts(read["starts_at"].astimezone(UTC), read["password"])


def _rows(name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(_file(name))))


def _file(name: str) -> str:
    return (resources.files("service") / "demo_data" / name).read_text("utf-8")
