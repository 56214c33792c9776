"""Fills in any form from its description: what it starts from, then something that fits each field."""

import random
import zlib
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

#: What the case at hand wants instead: by field, or by `list.field`; a function gets the row's id and data.
Wishes = Mapping[str, Any]

PDF = (
    b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n"
    b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"
)


def _png() -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return len(data).to_bytes(4, "big") + body + zlib.crc32(body).to_bytes(4, "big")

    head = chunk(b"IHDR", bytes([0, 0, 0, 1, 0, 0, 0, 1, 8, 2, 0, 0, 0]))
    return (
        b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(b"\0\x17\x57\x3d")) + chunk(b"IEND", b"")
    )


SAMPLES: Mapping[str, bytes] = {".pdf": PDF, ".png": _png()}


def fill(
    form: Mapping[str, Any],
    data: Mapping[str, Any],
    wishes: Wishes,
    today: date,
    chance: random.Random,
    upload: Callable[[str, bytes], str],
) -> dict[str, Any]:
    """Return data for the form as `/tasks/{id}` describes it."""
    found: dict[str, Any] = {}
    for field in form["fields"]:
        if field["access"] != "write":
            continue
        key = field["key"]
        if key in wishes:
            found[key] = wishes[key](data) if callable(wishes[key]) else wishes[key]
        else:
            value = _value(field, data.get(key), today, chance, upload)
            if value is not None:
                found[key] = value
    for rows in form["lists"]:
        if rows["access"] == "write":
            found[rows["key"]] = _rows(rows, data, wishes, today, chance, upload)
    return found


def _rows(
    rows: Mapping[str, Any],
    data: Mapping[str, Any],
    wishes: Wishes,
    today: date,
    chance: random.Random,
    upload: Callable[[str, bytes], str],
) -> list[dict[str, Any]]:
    key = rows["key"]
    if key in wishes:
        wanted = wishes[key]
        return list(wanted(data) if callable(wanted) else wanted)
    kept: list[Mapping[str, Any]] = list(data.get(key) or [])
    before = {one.get("row"): one for one in kept}
    if rows["rows"] is not None:
        given = [
            (one["row"], {**one["data"], **_known(before.get(one["row"]))}, one["limits"])
            for one in rows["rows"]
        ]
    elif kept:
        given = [(None, dict(one), {}) for one in kept]
    else:
        given = [(None, {}, {}) for _ in range(rows["min_rows"])]
    filled = []
    for row_id, start, limits in given:
        row: dict[str, Any] = {} if row_id is None else {"row": row_id}
        for field in rows["fields"]:
            path = f"{key}.{field['key']}"
            if field["access"] != "write":
                continue
            if path in wishes:
                wish = wishes[path]
                row[field["key"]] = wish(row_id, start) if callable(wish) else wish
                continue
            bounded = {
                **field,
                **{name: value for name, value in limits.get(field["key"], {}).items() if value is not None},
            }
            value = _value(bounded, start.get(field["key"]), today, chance, upload)
            if value is not None:
                row[field["key"]] = value
        filled.append(row)
    return filled


def _known(row: Mapping[str, Any] | None) -> dict[str, Any]:
    return {name: value for name, value in (row or {}).items() if value not in (None, "", [])}


def _value(
    field: Mapping[str, Any],
    start: Any,
    today: date,
    chance: random.Random,
    upload: Callable[[str, bytes], str],
) -> Any:
    if start not in (None, "", []) and not (field["type"] == "checkbox" and field["required"]):
        return start
    if not field["required"]:
        return None
    kind = field["type"]
    if kind == "checkbox":
        return True
    if kind == "number":
        least = field["minimum"] if field["minimum"] is not None else 0
        return max(least, 3) if field["maximum"] is None else field["maximum"]
    if kind in ("select", "radio"):
        options = field["options"]
        return options[0]["value"] if options else None
    if kind in ("checklist", "taglist"):
        return [one["value"] for one in field["options"][:1]]
    if kind == "datetime":
        return today.isoformat() if field["subtype"] == "date" else f"{today.isoformat()}T09:00"
    if kind == "filepicker":
        kind = next((one for one in field["accept"] or [".pdf"] if one in SAMPLES), ".pdf")
        return [{"id": upload(f"演示{chance.randrange(10**6)}{kind}", SAMPLES[kind])}]
    if field["pattern"]:
        return _matching(field["pattern"])
    text = f"演示{field['label']['zh']}"
    return (text * (1 + (field["min_length"] or 0) // len(text)))[: field["max_length"] or 400]


def _matching(pattern: str) -> str:
    """A text for the few patterns forms use."""
    import re

    for sample in (
        "000-1000",
        "010-00000000",
        "13800000000",
        "2026",
        "咸创绿发〔2026〕9号",
        "12610402DEM000001C",
    ):
        if re.fullmatch(pattern, sample):
            return sample
    raise AssertionError(f"no sample for the pattern {pattern}")
