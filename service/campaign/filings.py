"""County filings: due a month after the naming, paper and electronic receipts, lateness, numbers (R29)."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, insert, select, update

from service.clock import city_day
from service.errors import Conflict, Invalid, NotFound, Text
from service.store.files import uploaded_file
from service.store.ids import new_id
from service.store.title import county_filing

OPEN, FILED = "open", "filed"


@dataclass(frozen=True, slots=True)
class Filing:
    """A county's filing of one naming decision, or its zero report.

    A part has `arrived` when it first came and is `received` when the office accepted it; lateness is reckoned
    from the arrival, so that a correction has its own time.
    """

    id: str
    plan_year_id: str
    county_org_id: str
    matter_id: str | None
    nil_return: bool
    named_on: date | None
    decision_number: str | None
    due_on: date
    electronic_arrived_at: datetime | None
    paper_arrived_on: date | None
    paper_received_on: date | None
    paper_registrar: str | None
    electronic_received_at: datetime | None
    package_sha256: str | None
    roster: list[Any]
    number: str | None
    state: str
    late: bool
    opened_at: datetime
    filed_at: datetime | None


def get(connection: Connection, filing_id: str) -> Filing:
    """Return a filing. Raises `NotFound`."""
    row = (
        connection.execute(select(county_filing).where(county_filing.c.id == filing_id))
        .mappings()
        .one_or_none()
    )
    if row is None:
        raise NotFound(Text("没有这份备案", "There is no such filing"))
    return _read(row)


def list_filings(connection: Connection, plan_year_id: str, county_id: str | None = None) -> list[Filing]:
    """Return the filings of a plan year in the order they were opened; of one county with `county_id`."""
    query = select(county_filing).where(county_filing.c.plan_year_id == plan_year_id)
    if county_id is not None:
        query = query.where(county_filing.c.county_org_id == county_id)
    rows = connection.execute(query.order_by(county_filing.c.opened_at, county_filing.c.id))
    return [_read(row) for row in rows.mappings()]


def open_filing(
    connection: Connection,
    *,
    plan_year_id: str,
    county_id: str,
    nil_return: bool,
    named_on: date | None,
    decision_number: str | None,
    due_on: date,
    titles: Sequence[str],
    matter_id: str | None,
    at: datetime,
) -> Filing:
    """Open a filing; `titles` are the ids of what was named. Raises `Invalid` for a naming without titles."""
    if not nil_return and not titles:
        raise Invalid(
            Text(
                "命名备案须有名单；没有命名的用零报告",
                "A filing needs its roster; without names file a zero report",
            )
        )
    filing_id = new_id()
    connection.execute(
        insert(county_filing).values(
            id=filing_id,
            plan_year_id=plan_year_id,
            county_org_id=county_id,
            matter_id=matter_id,
            nil_return=nil_return,
            named_on=named_on,
            decision_number=decision_number,
            due_on=due_on,
            roster=list(titles),
            state=OPEN,
            late=False,
            opened_at=at,
        )
    )
    return get(connection, filing_id)


def seal(connection: Connection, filing_id: str, content: Mapping[str, Any], *, at: datetime) -> Filing:
    """Seal the electronic package: its SHA-256 over what was filled in and every file, and when it first came."""
    known = _require_open(connection, filing_id)
    ids = sorted(set(_file_ids(content)))
    found = connection.execute(
        select(uploaded_file.c.id, uploaded_file.c.sha256).where(uploaded_file.c.id.in_(ids))
    )
    hashes = {row.id: row.sha256 for row in found}
    sealed = json.dumps(
        {"content": content, "files": hashes}, ensure_ascii=False, sort_keys=True, separators=(",", ":")
    )
    connection.execute(
        update(county_filing)
        .where(county_filing.c.id == filing_id)
        .values(
            package_sha256=hashlib.sha256(sealed.encode()).hexdigest(),
            electronic_arrived_at=known.electronic_arrived_at or at,
        )
    )
    return get(connection, filing_id)


def receive_electronic(connection: Connection, filing_id: str, *, at: datetime) -> Filing:
    """Record the office's electronic receipt. Raises `Conflict` before a package came."""
    if _require_open(connection, filing_id).package_sha256 is None:
        raise Conflict(Text("电子档还没有报送", "No electronic package came yet"))
    connection.execute(
        update(county_filing).where(county_filing.c.id == filing_id).values(electronic_received_at=at)
    )
    return get(connection, filing_id)


def paper_arrived(connection: Connection, filing_id: str, day: date, *, at: datetime) -> Filing:
    """Record when the paper part first came. Raises `Invalid` for a day to come or before the naming."""
    known = _require_open(connection, filing_id)
    if day > city_day(at) or (known.named_on is not None and day < known.named_on):
        raise Invalid(
            Text(
                f"收到日期 {day} 应在命名之后、不晚于今天",
                f"The day {day} must be after the naming and not later than today",
            )
        )
    connection.execute(
        update(county_filing)
        .where(county_filing.c.id == filing_id, county_filing.c.paper_arrived_on.is_(None))
        .values(paper_arrived_on=day)
    )
    return get(connection, filing_id)


def receive_paper(connection: Connection, filing_id: str, day: date, registrar: str) -> Filing:
    """Record the office's paper receipt: the day and who registered it."""
    _require_open(connection, filing_id)
    connection.execute(
        update(county_filing)
        .where(county_filing.c.id == filing_id)
        .values(paper_received_on=day, paper_registrar=registrar)
    )
    return get(connection, filing_id)


def finish(connection: Connection, filing_id: str, *, number: str, late: bool, at: datetime) -> Filing:
    """Give a filing its number. A late one is flagged and accepted all the same.

    Raises `Conflict` while a part is missing: the electronic one always, the paper one unless a zero report.
    """
    known = _require_open(connection, filing_id)
    if known.electronic_received_at is None or (known.paper_received_on is None and not known.nil_return):
        raise Conflict(
            Text("电子档和书面材料须都已收讫才能编号", "Both parts must be received before it is numbered")
        )
    connection.execute(
        update(county_filing)
        .where(county_filing.c.id == filing_id)
        .values(state=FILED, number=number, late=late, filed_at=at)
    )
    return get(connection, filing_id)


def _require_open(connection: Connection, filing_id: str) -> Filing:
    known = get(connection, filing_id)
    if known.state != OPEN:
        raise Conflict(Text("这份备案已经归档，不能再改", "This filing is closed and stays as it is"))
    return known


def _file_ids(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        if isinstance(value.get("id"), str):
            yield value["id"]
        for one in value.values():
            yield from _file_ids(one)
    elif isinstance(value, list):
        for one in value:
            yield from _file_ids(one)


def _read(row: RowMapping) -> Filing:
    return Filing(**{name: row[name] for name in Filing.__dataclass_fields__})
