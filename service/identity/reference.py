"""What every installation begins with: areas (GB/T 2260) and the kinds of organisations and units, as data."""

import csv
import io
from collections.abc import Iterable
from importlib import resources

from sqlalchemy import Connection, func, insert, select

from service.store.identity import area, organisation_kind, unit_kind


def store(connection: Connection) -> None:
    """Write the reference data into empty tables, once, when the database is made.

    The area codes are those of 31 December 2023; 杨陵区 is on the map but run by the 杨凌 demonstration zone, so
    it does not participate.
    """
    connection.execute(
        insert(area),
        [
            {
                "code": row["code"],
                "name": row["name"],
                "name_en": row["name_en"],
                "parent_code": row["parent"] or None,
                "participates": row["participates"] == "1",
            }
            for row in _read("areas.csv")
        ],
    )
    connection.execute(
        insert(organisation_kind),
        [
            {
                "kind": row["kind"],
                "label": row["label"],
                "label_en": row["label_en"],
                "military_channel": row["military_channel"] == "1",
                "position": position,
            }
            for position, row in enumerate(_read("organisation_kinds.csv"))
        ],
    )
    connection.execute(
        insert(unit_kind),
        [{**row, "position": position} for position, row in enumerate(_read("unit_kinds.csv"))],
    )


def know_kinds(connection: Connection, kinds: Iterable[str]) -> None:
    """Add kinds of organisations in which a procedure's roles sit and that are not known yet, under their id."""
    known = set(connection.scalars(select(organisation_kind.c.kind)))
    last = connection.scalar(select(func.max(organisation_kind.c.position))) or 0
    new = [kind for kind in dict.fromkeys(kinds) if kind != "*" and kind not in known]
    if new:
        connection.execute(
            insert(organisation_kind),
            [
                {"kind": kind, "label": kind, "position": last + step}
                for step, kind in enumerate(new, start=1)
            ],
        )


def _read(name: str) -> list[dict[str, str]]:
    text = (resources.files("service.identity") / "reference_data" / name).read_text("utf-8")
    return list(csv.DictReader(io.StringIO(text)))
