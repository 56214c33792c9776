"""What every installation begins with: areas (GB/T 2260) and the kinds of organisations and units, as data."""

import csv
import io
from importlib import resources

from sqlalchemy import Connection, insert

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


def _read(name: str) -> list[dict[str, str]]:
    text = (resources.files("service.identity") / "reference_data" / name).read_text("utf-8")
    return list(csv.DictReader(io.StringIO(text)))
