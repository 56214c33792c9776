"""Townships and streets: where they lie on the map, and which body manages them from when to when."""

from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import Connection, insert, or_, select, update

from service.errors import Conflict, Invalid, NotFound, Text
from service.store.identity import area, place, place_management
from service.store.ids import new_id


@dataclass(frozen=True, slots=True)
class Management:
    """Who manages a place on some days: an area of the city, or a body outside it (`area_code` None)."""

    area_code: str | None
    manager: str
    valid_from: date
    valid_to: date | None
    source: str


@dataclass(frozen=True, slots=True)
class Place:
    """A township or street; `area_code` is where the administrative map has it."""

    id: str
    name: str
    area_code: str


def add(
    connection: Connection,
    *,
    name: str,
    area_code: str,
    valid_from: date,
    source: str,
) -> str:
    """Write a place that its own area manages from `valid_from` on; returns its id.

    Raises `NotFound` for an unknown area, `Conflict` for a place the area already has.
    """
    if connection.scalar(select(area.c.code).where(area.c.code == area_code)) is None:
        raise NotFound(Text(f"没有行政区划 {area_code}", f"There is no area {area_code}"))
    known = select(place.c.id).where(place.c.area_code == area_code, place.c.name == name)
    if connection.scalar(known) is not None:
        raise Conflict(Text(f"{name} 已登记", f"{name} is already there"))
    place_id = new_id()
    connection.execute(insert(place).values(id=place_id, name=name, area_code=area_code))
    _insert(connection, place_id, area_code, "", valid_from, source)
    return place_id


def hand_over(
    connection: Connection,
    place_id: str,
    *,
    to_area: str | None,
    manager: str,
    valid_from: date,
    source: str,
) -> None:
    """Record that from `valid_from` on another body manages a place: an area, or `manager` outside the city.

    Who managed it until then does so to the day before. Raises `Invalid` when that is earlier than it began.
    """
    last = connection.execute(
        select(place_management)
        .where(place_management.c.place_id == place_id)
        .order_by(place_management.c.valid_from.desc())
        .limit(1)
    ).one_or_none()
    if last is None:
        raise NotFound(Text("没有这个乡镇或街道", "There is no such place"))
    if valid_from <= last.valid_from:
        raise Invalid(
            Text(
                f"移交日应晚于现管理方的起始日 {last.valid_from}",
                f"The hand-over must be later than {last.valid_from}, when the present body began",
            )
        )
    connection.execute(
        update(place_management)
        .where(place_management.c.id == last.id)
        .values(valid_to=valid_from - timedelta(days=1))
    )
    _insert(connection, place_id, to_area, manager, valid_from, source)


def managed_by(connection: Connection, place_id: str, day: date) -> Management:
    """Return who manages a place on `day`. Raises `NotFound` when nothing is known of that day."""
    for one in history(connection, place_id):
        if one.valid_from <= day and (one.valid_to is None or day <= one.valid_to):
            return one
    raise NotFound(
        Text(f"没有登记 {day} 的管理关系", f"Nothing is recorded of who manages the place on {day}")
    )


def history(connection: Connection, place_id: str) -> list[Management]:
    """Return who managed a place, earliest first."""
    rows = connection.execute(
        select(place_management)
        .where(place_management.c.place_id == place_id)
        .order_by(place_management.c.valid_from)
    )
    return [Management(row.area_code, row.manager, row.valid_from, row.valid_to, row.source) for row in rows]


def in_area(connection: Connection, area_code: str, day: date) -> list[Place]:
    """Return the places an area manages on `day`, by name; the map may have them elsewhere."""
    managed = place_management
    rows = connection.execute(
        select(place)
        .join(managed, managed.c.place_id == place.c.id)
        .where(
            managed.c.area_code == area_code,
            managed.c.valid_from <= day,
            or_(managed.c.valid_to.is_(None), managed.c.valid_to >= day),
        )
        .order_by(place.c.name)
    )
    return [Place(row.id, row.name, row.area_code) for row in rows]


def _insert(
    connection: Connection,
    place_id: str,
    area_code: str | None,
    manager: str,
    valid_from: date,
    source: str,
) -> None:
    connection.execute(
        insert(place_management).values(
            id=new_id(),
            place_id=place_id,
            area_code=area_code,
            manager=manager,
            valid_from=valid_from,
            source=source,
        )
    )
