"""The public register of titles: verification, search, notices now open; military units never named (R09)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, false, func, or_, select

from service import clock
from service.campaign import plans, titles
from service.campaign.titles import Title
from service.errors import Conflict, NotFound, Text
from service.identity.organisations import REDACTED
from service.paging import LARGEST_PAGE, Page
from service.store.identity import area, organisation, unit_kind, unit_profile
from service.store.notice import notice, notice_item
from service.store.plan import plan_level, plan_year
from service.store.procedure import installation, instance, process_definition
from service.store.title import title, title_change

#: How a unit is called whose name its profile does not let the public read (households, for instance).
WITHHELD = Text("（名称不公开的单位）", "(a unit whose name is not public)")

#: What the public reads of a title, by verdict.
VERDICTS: Mapping[str, Text] = {
    "valid": Text("称号有效", "The title is valid"),
    "pending": Text("有效期届满，待复查", "The term is over; re-inspection is pending"),
    "suspended": Text("称号暂停，正在核查", "The title is suspended while it is looked into"),
    "expired": Text("有效期已过", "The term is over"),
    "revoked": Text("称号已取消", "The title was revoked"),
    "replaced": Text("已由新称号取代", "A newer title took its place"),
    "ended": Text("称号已终止", "The title has ended"),
}
_OF_STATE: Mapping[str, str] = {
    "pending_reinspection": "pending",
    "suspended": "suspended",
    "revoked": "revoked",
    "ended": "ended",
}


@dataclass(frozen=True, slots=True)
class Entry:
    """A title as the public may read it; `verdict` is a key of `VERDICTS`, `withheld`: the name is not shown."""

    id: str
    number: str
    code: str
    unit_name: Text
    withheld: bool
    area_name: str
    kind: Text
    level: str
    level_name: Text
    namer_name: str
    decided_on: date
    decision_number: str
    valid_from: date
    valid_to: date | None
    verdict: str

    @property
    def words(self) -> Text:
        """The verdict in words."""
        return VERDICTS[self.verdict]


@dataclass(frozen=True, slots=True)
class Step:
    """One public change of a title: what it became, by which procedure and decision.

    `cause` is what the procedure is called that led to it: the reason as somebody wrote it may hold what the
    public has no business to read.
    """

    at: datetime
    state: Text
    cause: Text | None
    decided_by: str
    decided_on: date | None
    decision_number: str | None
    valid_to: date | None


@dataclass(frozen=True, slots=True)
class Verified:
    """What a verification shows: the title, its public history, and the title that took its place."""

    entry: Entry
    steps: list[Step]
    successor: Entry | None


@dataclass(frozen=True, slots=True)
class Choice:
    """Something the register can be searched by."""

    code: str
    label: Text


@dataclass(frozen=True, slots=True)
class Notice:
    """A public notice with the names as they were posted; `closes_on` is its last day."""

    id: str
    number: str
    heading: str
    body: str
    contact: str
    level_name: Text
    published_at: datetime
    closes_on: date
    open: bool
    result: str
    names: list[str]


def verify(connection: Connection, number_or_code: str, day: date) -> Verified:
    """Return the title of a certificate number or QR code as it stands on `day`. Raises `NotFound`."""
    held = titles.verify(connection, number_or_code)
    entry = _entries(connection, [title.c.id == held.id], day)[0]
    newer = _replaced_by(connection, held)
    successor = _entries(connection, [title.c.id == newer], day)[0] if newer else None
    return Verified(entry, _steps(connection, held.id), successor)


def search(
    connection: Connection,
    day: date,
    *,
    area_code: str | None = None,
    kind: str | None = None,
    level: str | None = None,
    verdict: str | None = None,
    text: str | None = None,
    after: str | None = None,
    limit: int = 50,
) -> Page[Entry]:
    """Return titles by number. A search by name, area or kind never finds what is not public."""
    limit = min(limit, LARGEST_PAGE)
    conditions: list[ColumnElement[bool]] = []
    if level:
        conditions.append(title.c.level == level)
    if area_code:
        conditions += [organisation.c.area_code == area_code, _named()]
    if kind:
        conditions += [unit_profile.c.unit_kind == kind, _named()]
    if text:
        by_name = or_(
            title.c.unit_name.contains(text, autoescape=True),
            organisation.c.name.contains(text, autoescape=True),
        )
        conditions.append(or_(title.c.number == text, and_(by_name, _named())))
    if verdict:
        conditions.append(_with_verdict(verdict, day))
    if after:
        conditions.append(title.c.number > after)
    rows = _entries(connection, conditions, day, limit=limit + 1)
    return Page(rows[:limit], rows[limit - 1].number if len(rows) > limit else None)


def every_title(connection: Connection, day: date) -> list[Entry]:
    """Return the whole register by number, as open data gives it."""
    return _entries(connection, [], day)


def areas(connection: Connection) -> list[Choice]:
    """Return the areas in which units with public titles are, by code."""
    rows = connection.execute(
        select(area.c.code, area.c.name, area.c.name_en)
        .where(
            area.c.code.in_(
                select(organisation.c.area_code)
                .join(title, title.c.unit_id == organisation.c.id)
                .join(unit_profile, unit_profile.c.organisation_id == organisation.c.id)
                .where(_named())
            )
        )
        .order_by(area.c.code)
    )
    return [Choice(row.code, Text(row.name, row.name_en or row.name)) for row in rows]


def every_area(connection: Connection) -> list[Choice]:
    """Return all areas by code."""
    rows = connection.execute(select(area.c.code, area.c.name, area.c.name_en).order_by(area.c.code))
    return [Choice(row.code, Text(row.name, row.name_en or row.name)) for row in rows]


def kinds(connection: Connection) -> list[Choice]:
    """Return the kinds of units in order."""
    rows = connection.execute(select(unit_kind).order_by(unit_kind.c.position))
    return [Choice(row.kind, Text(row.label, row.label_en or row.label)) for row in rows]


def levels(connection: Connection) -> list[Choice]:
    """Return the levels from the lowest to the highest, as the newest plan year calls them.

    Before the first plan year, as the procedure in force would call them.
    """
    newest = select(plan_year.c.id).order_by(plan_year.c.year.desc()).limit(1).scalar_subquery()
    rows = connection.execute(
        select(plan_level).where(plan_level.c.plan_year_id == newest).order_by(plan_level.c.position)
    ).all()
    if rows:
        return [Choice(row.level, Text(row.label_zh, row.label_en)) for row in rows]
    deployment_id = connection.scalar(select(installation.c.deployment_id))
    if deployment_id is None:
        return []
    try:
        defaults = plans.read_defaults(connection, deployment_id, plans.SETTINGS_FILE)
    except Conflict:
        return []
    return [Choice(one["code"], Text(one["label"], one["label_en"])) for one in defaults["levels"]]


def notices(connection: Connection, at: datetime, *, open_only: bool = True, limit: int = 50) -> list[Notice]:
    """Return public notices, the newest first; those open until 24:00 of their last day."""
    query = select(notice).order_by(notice.c.published_at.desc(), notice.c.id).limit(min(limit, LARGEST_PAGE))
    if open_only:
        query = query.where(notice.c.closed_at.is_(None), notice.c.closes_on >= clock.city_day(at))
    return _notices(connection, query, at)


def get_notice(connection: Connection, notice_id: str, at: datetime) -> Notice:
    """Return a public notice. Raises `NotFound`."""
    for one in _notices(connection, select(notice).where(notice.c.id == notice_id), at):
        return one
    raise NotFound(Text("没有这份公示", "There is no such notice"))


def verdict_of(held: Title, day: date, *, replaced: bool) -> str:
    """Return what the public reads of a title on `day` (a key of `VERDICTS`)."""
    if held.state == "ended" and replaced:
        return "replaced"
    if held.state in _OF_STATE:
        return _OF_STATE[held.state]
    return "expired" if held.valid_to is not None and day > held.valid_to else "valid"


def _entries(
    connection: Connection,
    conditions: Sequence[ColumnElement[bool]],
    day: date,
    *,
    limit: int | None = None,
) -> list[Entry]:
    newer = title.alias("newer")
    replaced = (
        select(func.count())
        .select_from(newer)
        .where(
            newer.c.unit_id == title.c.unit_id,
            newer.c.level == title.c.level,
            newer.c.recorded_at > title.c.recorded_at,
        )
        .scalar_subquery()
    )
    query = (
        select(
            title,
            replaced.label("newer"),
            area.c.name.label("area_name"),
            unit_kind.c.label.label("kind_zh"),
            unit_kind.c.label_en.label("kind_en"),
            unit_profile.c.military,
            unit_profile.c.public,
        )
        .join(organisation, organisation.c.id == title.c.unit_id)
        .outerjoin(unit_profile, unit_profile.c.organisation_id == title.c.unit_id)
        .outerjoin(area, area.c.code == organisation.c.area_code)
        .outerjoin(unit_kind, unit_kind.c.kind == unit_profile.c.unit_kind)
        .where(*conditions)
        .order_by(title.c.number)
    )
    if limit is not None:
        query = query.limit(limit)
    names = {one.code: one.label for one in levels(connection)}
    return [_entry(row, names, day) for row in connection.execute(query)]


def _entry(row: Row[Any], names: Mapping[str, Text], day: date) -> Entry:
    held = Title(**{name: getattr(row, name) for name in Title.__dataclass_fields__})
    withheld = bool(row.military) or row.public is False
    shown = Text(row.unit_name, row.unit_name)
    kind = Text(row.kind_zh or "", row.kind_en or row.kind_zh or "")
    if withheld:
        shown = REDACTED if row.military else WITHHELD
    return Entry(
        id=held.id,
        number=held.number,
        code=held.verification_code,
        unit_name=shown,
        withheld=withheld,
        area_name="" if withheld else row.area_name or "",
        kind=Text("", "") if row.military else kind,
        level=held.level,
        level_name=names.get(held.level, Text(held.level, held.level)),
        namer_name=held.namer_name,
        decided_on=held.decided_on,
        decision_number=held.decision_number,
        valid_from=held.valid_from,
        valid_to=held.valid_to,
        verdict=verdict_of(held, day, replaced=bool(row.newer)),
    )


def _named() -> ColumnElement[bool]:
    """Return the condition that the public may read a unit's name."""
    return and_(unit_profile.c.military.is_(False), unit_profile.c.public.is_(True))


def _with_verdict(verdict: str, day: date) -> ColumnElement[bool]:
    over = and_(title.c.valid_to.is_not(None), title.c.valid_to < day)
    if verdict == "valid":
        return and_(title.c.state == "active", ~over)
    if verdict == "expired":
        return and_(title.c.state == "active", over)
    states = [state for state, one in _OF_STATE.items() if one == verdict]
    return title.c.state.in_(states) if states else false()


def _replaced_by(connection: Connection, held: Title) -> str | None:
    if held.state != "ended":
        return None
    found = connection.scalar(
        select(title.c.id)
        .where(
            title.c.unit_id == held.unit_id,
            title.c.level == held.level,
            title.c.id != held.id,
            title.c.recorded_at > select(title.c.recorded_at).where(title.c.id == held.id).scalar_subquery(),
        )
        .order_by(title.c.recorded_at)
        .limit(1)
    )
    return str(found) if found is not None else None


def _steps(connection: Connection, title_id: str) -> list[Step]:
    rows = connection.execute(
        select(title_change, process_definition.c.name_zh, process_definition.c.name_en)
        .outerjoin(instance, instance.c.id == title_change.c.instance_id)
        .outerjoin(process_definition, process_definition.c.id == instance.c.definition_id)
        .where(title_change.c.title_id == title_id)
        .order_by(title_change.c.seq)
    )
    return [
        Step(
            at=row.at,
            state=titles.STATE_NAMES[row.to_state],
            cause=Text(row.name_zh, row.name_en) if row.name_zh is not None else None,
            decided_by=row.decided_by,
            decided_on=row.decided_on,
            decision_number=row.decision_number,
            valid_to=row.valid_to,
        )
        for row in rows
    ]


def _notices(connection: Connection, query: Select[Any], at: datetime) -> list[Notice]:
    names = {one.code: one.label for one in levels(connection)}
    rows = connection.execute(query).all()
    posted: dict[str, list[str]] = {row.id: [] for row in rows}
    if rows:
        for item in connection.execute(
            select(notice_item.c.notice_id, notice_item.c.posted_name)
            .where(notice_item.c.notice_id.in_(list(posted)))
            .order_by(notice_item.c.position)
        ):
            posted[item.notice_id].append(item.posted_name)
    return [
        Notice(
            id=row.id,
            number=row.number,
            heading=row.heading,
            body=row.body,
            contact=row.contact,
            level_name=names.get(row.level, Text(row.level, row.level)),
            published_at=row.published_at,
            closes_on=row.closes_on,
            open=row.closed_at is None and clock.city_day(at) <= row.closes_on,
            result=row.result,
            names=posted[row.id],
        )
        for row in rows
    ]
