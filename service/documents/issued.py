"""What printed documents are made of: submissions and opinions of a matter, naming decisions, titles, filings."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, select

from service import clock, matters
from service.campaign import plans, register, titles
from service.campaign.titles import Title
from service.documents import wording
from service.documents.wording import Wording
from service.errors import NotFound, Text
from service.forms import ROW
from service.identity import duties, organisations, people
from service.identity.access import (
    is_withheld,
    may_read_matter,
    may_see_matter,
    redacted_names,
    roles_in_force,
    visible_matters,
)
from service.identity.people import Person
from service.inbox import Shown, pressed
from service.store import procedure as tables
from service.store.application import application, naming_decision, naming_item
from service.store.identity import organisation
from service.store.notice import notice, notice_item
from service.store.title import county_filing, title
from service.submissions import Submission, submissions
from service.system import System


@dataclass(frozen=True, slots=True)
class Offered:
    """A document a matter offers: its wording, when its matter came about, and what it is made of.

    `source` is the submission's task; for a decision its number, for a roster the filing's id.
    """

    wording: Wording
    source: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Opinion:
    """One opinion box: what it is called, who of which body decided what, in which words, when."""

    label: str
    outcome: Text
    opinion: str
    signer: str
    organisation: str
    at: datetime


@dataclass(frozen=True, slots=True)
class FormDocument:
    """A filled-in form or a letter about one, with the texts filled in; `shown` is the submission."""

    wording: Wording
    title: str
    addressee: str
    paragraphs: list[str]
    closing: str
    organisation: str
    day: date
    number: str
    unit: str
    head: list[tuple[str, str]]
    shown: Shown
    opinions: list[Opinion]


@dataclass(frozen=True, slots=True)
class Named:
    """A line of a decision's annex."""

    title_id: str
    unit_name: str
    unit_kind: str
    area_name: str
    number: str
    valid_to: date | None


@dataclass(frozen=True, slots=True)
class DecisionDocument:
    """A naming decision with its annex, ready to be laid out by GB/T 9704."""

    wording: Wording
    title: str
    number: str
    authority: str
    paragraphs: list[str]
    annex: str
    day: date
    named: list[Named]


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate; `code` is what its QR leads to."""

    wording: Wording
    title: str
    paragraphs: list[str]
    unit_name: str
    level: Text
    number: str
    code: str
    authority: str
    day: date
    valid_to: date | None
    decision_number: str


@dataclass(frozen=True, slots=True)
class Filing:
    """A county's filing of one naming, or its nil return."""

    id: str
    county_name: str
    year: int
    nil_return: bool
    named_on: date | None
    decision_number: str | None
    due_on: date
    number: str | None
    state: str
    late: bool
    matter_id: str | None


@dataclass(frozen=True, slots=True)
class RosterRow:
    """A line of a roster: the facts of the title by name, and what was typed beside it by field."""

    facts: Mapping[str, str]
    typed: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Roster:
    """A filing's list, ready for the spreadsheet."""

    filing: Filing
    wording: Wording
    rows: list[RosterRow]


@dataclass(frozen=True, slots=True)
class DecisionRow:
    """A naming decision as the register lists it."""

    number: str
    title: str
    authority: str
    level: Text
    day: date
    count: int


@dataclass(frozen=True, slots=True)
class TitleRow:
    """A title as a reader may see it."""

    id: str
    unit_name: str
    level: Text
    number: str
    decided_on: date
    decision_number: str
    valid_to: date | None
    state: Text
    verdict: str
    printable: bool


@dataclass(frozen=True, slots=True)
class Posted:
    """A public notice a matter's unit stood in."""

    id: str
    heading: str
    closes_on: date


@dataclass(frozen=True, slots=True)
class Results:
    """What came of an application: where it was posted, and the titles it gave as their reader may see them."""

    notices: list[Posted]
    titles: list[TitleRow]


def results(system: System, person: Person, matter_id: str) -> Results:
    """Return what came of a matter; nothing of a military unit's to who stands outside its channel (R09).

    Raises `NotFound` for who may not see the matter.
    """
    with system.database.read() as connection:
        if not may_see_matter(connection, person, matter_id, system.now(connection)):
            raise _unknown()
        if is_withheld(connection, person, matter_id):
            return Results([], [])
        posted = connection.execute(
            select(notice.c.id, notice.c.heading, notice.c.closes_on)
            .join(notice_item, notice_item.c.notice_id == notice.c.id)
            .join(application, application.c.id == notice_item.c.application_id)
            .where(application.c.matter_id == matter_id)
            .order_by(notice.c.published_at)
        ).all()
        named = connection.scalars(
            select(naming_item.c.title_id)
            .join(application, application.c.id == naming_item.c.application_id)
            .where(application.c.matter_id == matter_id)
        )
        found = [titles.get(connection, one) for one in named.all()]
        rows = _title_rows(system, connection, person, found)
    return Results([Posted(row.id, row.heading, row.closes_on) for row in posted], rows)


def of_matter(system: System, person: Person, matter_id: str) -> list[Offered]:
    """Return the documents of a matter, oldest first. Raises `NotFound` for who may not see it."""
    with system.database.read() as connection:
        _require_matter(system, connection, person, matter_id)
        entries = _wordings(system, connection, matter_id)
        found = submissions(connection, matter_id)
        offered = [
            Offered(entry, row.document_number, row.recorded_at)
            for row in connection.execute(
                select(naming_decision).where(naming_decision.c.matter_id == matter_id)
            )
            for entry in wording.fitting(entries, "decision", level=row.level)[:1]
        ]
        offered += [
            Offered(entry, row.id, row.opened_at)
            for row in connection.execute(select(county_filing).where(county_filing.c.matter_id == matter_id))
            for entry in wording.fitting(entries, "roster")[:1]
        ]
    for entry in entries:
        if entry.layout not in wording.OF_SUBMISSIONS:
            continue
        fitting = [
            one
            for one in found
            if one.form == entry.form and (not entry.outcomes or one.outcome in entry.outcomes)
        ]
        if entry.layout == "form":
            fitting = fitting[-1:]
        offered += [Offered(entry, one.task_id, one.at) for one in fitting]
    return sorted(offered, key=lambda one: one.at)


def form_document(system: System, person: Person, matter_id: str, kind: str, task_id: str) -> FormDocument:
    """Return a filled-in form or a letter of a matter. Raises `NotFound`."""
    chosen = next(
        (
            one
            for one in of_matter(system, person, matter_id)
            if one.wording.kind == kind
            and one.wording.layout in wording.OF_SUBMISSIONS
            and one.source == task_id
        ),
        None,
    )
    if chosen is None:
        raise _unknown()
    entry = chosen.wording
    shown = matters.submission(system, person, task_id)
    with system.database.read() as connection:
        matter = connection.execute(select(tables.matter).where(tables.matter.c.id == matter_id)).one()
        every = submissions(connection, matter_id)
        one = next(found for found in every if found.task_id == task_id)
        values = _places(system, connection, person, matter, one)
        values["due"] = _due(connection, entry, matter, one)
        if entry.number_of is not None:
            values["number"] = str(one.data.get(entry.number_of) or "")
        opinions = []
        for box in entry.opinions:
            given = next((found for found in reversed(every) if found.form == box.form), None)
            if given is not None:
                opinions.append(_opinion(system, connection, box.label, given))
    return FormDocument(
        wording=entry,
        title=wording.filled(entry.title, values),
        addressee=wording.filled(entry.addressee, values),
        paragraphs=[wording.filled(text, values) for text in entry.paragraphs],
        closing=wording.filled(entry.closing, values),
        organisation=values["organisation"],
        day=clock.city_day(one.at),
        number=values["number"],
        unit=values["unit"],
        head=[(row.label, wording.filled(row.text, values)) for row in entry.head],
        shown=shown,
        opinions=opinions,
    )


def decision(system: System, person: Person, number: str) -> DecisionDocument:
    """Return the document of a naming decision, by its number. Raises `NotFound`."""
    with system.database.read() as connection:
        rows = connection.execute(
            select(title.c.id).where(title.c.decision_number == number).order_by(title.c.number)
        ).all()
        held = [titles.get(connection, row.id) for row in rows]
        if not held:
            raise _unknown()
        first = held[0]
        names = redacted_names(connection, person, {one.unit_id for one in held})
        full = organisations.names(connection, {one.unit_id for one in held})
        entry = wording.of_layout(
            wording.of_deployment(connection, _deployment(system, connection, first)),
            "decision",
            level=first.level,
        )
        recorded = connection.execute(
            select(naming_decision.c.document_title, naming_decision.c.matter_id).where(
                naming_decision.c.document_number == number
            )
        ).one_or_none()
        written = _body(connection, entry, recorded.matter_id) if recorded is not None else []
        entries = {one.id: one for one in register.every_title(connection, first.decided_on)}
        level = _level(connection, first)
    values = {
        "authority": first.namer_name,
        "year": str(first.decided_on.year),
        "level": level.zh,
        "count": str(len(held)),
        "number": number,
        "date": _written(first.decided_on),
    }
    return DecisionDocument(
        wording=entry,
        title=recorded.document_title if recorded else wording.filled(entry.title, values),
        number=number,
        authority=first.namer_name,
        paragraphs=written or [wording.filled(text, values) for text in entry.paragraphs],
        annex=wording.filled(entry.annex, values),
        day=first.decided_on,
        named=[
            Named(
                title_id=one.id,
                unit_name=one.unit_name if names[one.unit_id] == full[one.unit_id] else names[one.unit_id],
                unit_kind=entries[one.id].kind.zh,
                area_name=entries[one.id].area_name,
                number=one.number,
                valid_to=one.valid_to,
            )
            for one in held
        ],
    )


def certificate(system: System, person: Person, title_id: str) -> Certificate:
    """Return the certificate of a title: for its unit, the body that named it, and who reads its matter."""
    with system.database.read() as connection:
        held = titles.get(connection, title_id)
        if held.id not in _printable(system, connection, person, [held]):
            raise _unknown()
        level = _level(connection, held)
        entry = wording.of_layout(
            wording.of_deployment(connection, _deployment(system, connection, held)),
            "certificate",
            level=held.level,
        )
    values = {
        "unit": held.unit_name,
        "level": level.zh,
        "authority": held.namer_name,
        "number": held.number,
        "date": _written(held.decided_on),
        "decision": held.decision_number,
    }
    return Certificate(
        wording=entry,
        title=wording.filled(entry.title, values),
        paragraphs=[wording.filled(text, values) for text in entry.paragraphs],
        unit_name=held.unit_name,
        level=level,
        number=held.number,
        code=held.verification_code,
        authority=held.namer_name,
        day=held.decided_on,
        valid_to=held.valid_to,
        decision_number=held.decision_number,
    )


def title_rows(system: System, person: Person, *, mine: bool = False) -> list[TitleRow]:
    """Return titles by number as this person may read them; with `mine`, those of the units they sit in."""
    with system.database.read() as connection:
        found = titles.list_titles(connection, unit_ids=person.organisation_ids if mine else None)
        return _title_rows(system, connection, person, found)


def _title_rows(system: System, connection: Connection, person: Person, found: list[Title]) -> list[TitleRow]:
    day = clock.city_day(system.now(connection))
    names = redacted_names(connection, person, {one.unit_id for one in found})
    labels = {one.code: one.label for one in register.levels(connection)}
    open_names = organisations.names(connection, {one.unit_id for one in found})
    printable = _printable(system, connection, person, found)
    rows = []
    for one in found:
        verdict = register.verdict_of(one, day, replaced=False)
        hidden = names[one.unit_id] != open_names[one.unit_id]
        rows.append(
            TitleRow(
                id=one.id,
                unit_name=names[one.unit_id] if hidden else one.unit_name,
                level=labels.get(one.level, Text(one.level, one.level)),
                number=one.number,
                decided_on=one.decided_on,
                decision_number=one.decision_number,
                valid_to=one.valid_to,
                state=register.VERDICTS[verdict],
                verdict=verdict,
                printable=one.id in printable,
            )
        )
    return rows


def decision_rows(system: System, person: Person) -> list[DecisionRow]:
    """Return the naming decisions of titles named here, the newest first."""
    with system.database.read() as connection:
        labels = {one.code: one.label for one in register.levels(connection)}
        recorded = {
            row.document_number: row.document_title for row in connection.execute(select(naming_decision))
        }
        found: dict[str, DecisionRow] = {}
        for one in titles.list_titles(connection):
            if one.origin != "system":
                continue
            before = found.get(one.decision_number)
            found[one.decision_number] = DecisionRow(
                number=one.decision_number,
                title=recorded.get(one.decision_number, ""),
                authority=one.namer_name,
                level=labels.get(one.level, Text(one.level, one.level)),
                day=one.decided_on,
                count=(before.count if before else 0) + 1,
            )
    return sorted(found.values(), key=lambda one: (one.day, one.number), reverse=True)


def filings(system: System, person: Person) -> list[Filing]:
    """Return the filings of counties this person may read, the newest first."""
    with system.database.read() as connection:
        at = system.now(connection)
        rows = connection.execute(select(county_filing).order_by(county_filing.c.opened_at.desc())).all()
        return [
            _filing(connection, row)
            for row in rows
            if row.matter_id is not None and may_see_matter(connection, person, row.matter_id, at)
        ]


def roster(system: System, person: Person, filing_id: str) -> Roster:
    """Return a filing's list with what the county typed beside each title. Raises `NotFound`."""
    with system.database.read() as connection:
        row = connection.execute(select(county_filing).where(county_filing.c.id == filing_id)).one_or_none()
        if row is None or row.matter_id is None:
            raise _unknown()
        _require_matter(system, connection, person, row.matter_id)
        entry = wording.of_layout(_wordings(system, connection, row.matter_id), "roster")
        typed = _typed(connection, entry, row.matter_id)
        held = [titles.get(connection, str(one)) for one in row.roster]
        units = {one.unit_id for one in held}
        names, full = redacted_names(connection, person, units), organisations.names(connection, units)
        entries = {one.id: one for one in register.every_title(connection, row.due_on)}
        rows = []
        for number, one in enumerate(held, 1):
            hidden = names[one.unit_id] != full[one.unit_id]
            facts = {
                "sequence": str(number),
                "unit": names[one.unit_id] if hidden else one.unit_name,
                "kind": entries[one.id].kind.zh,
                "address": "" if hidden else organisations.unit(connection, one.unit_id).address,
                "certificate": one.number,
                "decision": one.decision_number,
                "decided_on": one.decided_on.isoformat(),
                "valid_to": one.valid_to.isoformat() if one.valid_to else "",
            }
            rows.append(RosterRow(facts, typed.get(one.id, {})))
        return Roster(_filing(connection, row), entry, rows)


def _typed(connection: Connection, entry: Wording, matter_id: str) -> dict[str, Mapping[str, Any]]:
    """Return what was typed in the rows of the list an entry names, by the row's id."""
    found = submissions(connection, matter_id, entry.form) if entry.form else []
    rows = [one for key in entry.fields for one in (found[-1].data.get(key) or [])] if found else []
    return {str(one.get(ROW)): one for one in rows if isinstance(one, dict)}


def _body(connection: Connection, entry: Wording, matter_id: str) -> list[str]:
    """Return the paragraphs somebody wrote for a decision in its matter; none when nothing was written."""
    found = submissions(connection, matter_id, entry.form) if entry.form and entry.body else []
    text = str(found[-1].data.get(entry.body) or "") if found else ""
    return [line.strip() for line in text.splitlines() if line.strip()]


def _filing(connection: Connection, row: Row[Any]) -> Filing:
    name = connection.scalar(select(organisation.c.name).where(organisation.c.id == row.county_org_id))
    return Filing(
        id=row.id,
        county_name=str(name or ""),
        year=plans.get(connection, row.plan_year_id).year,
        nil_return=row.nil_return,
        named_on=row.named_on,
        decision_number=row.decision_number,
        due_on=row.due_on,
        number=row.number,
        state=row.state,
        late=row.late,
        matter_id=row.matter_id,
    )


def _opinion(system: System, connection: Connection, label: str, given: Submission) -> Opinion:
    bodies = organisations.names(connection, [given.organisation_id] if given.organisation_id else [])
    return Opinion(
        label=label,
        outcome=pressed(system, connection, given),
        opinion=given.opinion or "",
        signer=_signer(connection, given),
        organisation=bodies.get(given.organisation_id or "", ""),
        at=given.at,
    )


def _signer(connection: Connection, given: Submission) -> str:
    return people.names(connection, [given.by]).get(given.by, "") if given.by else ""


def _places(
    system: System, connection: Connection, person: Person, matter: Row[Any], one: Submission
) -> dict[str, str]:
    units = redacted_names(connection, person, [matter.unit_id] if matter.unit_id else [])
    bodies = organisations.names(connection, [one.organisation_id] if one.organisation_id else [])
    places = redacted_names(connection, person, [matter.organisation_id] if matter.organisation_id else [])
    year = plans.get(connection, matter.plan_year_id).year if matter.plan_year_id else one.at.year
    level, recommender = _asked_for(connection, person, matter)
    return {
        "unit": units.get(matter.unit_id or "", ""),
        "body": places.get(matter.organisation_id or "", ""),
        "matter": matter.title,
        "number": matter.number or "",
        "year": str(year),
        "date": _written(clock.city_day(one.at)),
        "level": level,
        "recommender": recommender,
        "organisation": bodies.get(one.organisation_id or "", ""),
        "signer": _signer(connection, one),
        "outcome": pressed(system, connection, one).zh,
        "opinion": one.opinion or "",
    }


def _due(connection: Connection, entry: Wording, matter: Row[Any], one: Submission) -> str:
    """Return until when what a letter asks for is to be done: what the task that followed it says."""
    task = tables.task
    due: datetime | None = connection.scalar(
        select(task.c.due_at)
        .where(task.c.matter_id == matter.id, task.c.form == entry.due_of, task.c.created_at >= one.at)
        .order_by(task.c.created_at, task.c.id)
        .limit(1)
    )
    if due is None:
        return "规定期限"
    local = due.astimezone(clock.CITY_ZONE)
    if (local.hour, local.minute) == (0, 0):
        return f"{_written(local.date() - timedelta(days=1))}24时"
    return f"{_written(local.date())}{local.hour}时" + (f"{local.minute}分" if local.minute else "")


def _asked_for(connection: Connection, person: Person, matter: Row[Any]) -> tuple[str, str]:
    """Return which level an application asks for and who recommends it; nothing for other matters."""
    row = connection.execute(
        select(application.c.level, application.c.recommender_id).where(application.c.matter_id == matter.id)
    ).one_or_none()
    if row is None:
        return "", ""
    labels = {one.code: one.label.zh for one in plans.levels(connection, matter.plan_year_id)}
    names = redacted_names(connection, person, [row.recommender_id])
    return labels.get(row.level, row.level), names[row.recommender_id]


def _wordings(system: System, connection: Connection, matter_id: str) -> list[Wording]:
    """Return the documents of the deployments a matter runs by, the earliest instance's first."""
    instance = tables.instance
    ids = connection.scalars(
        select(instance.c.deployment_id)
        .where(instance.c.matter_id == matter_id)
        .order_by(instance.c.started_at)
    )
    found: dict[str, Wording] = {}
    for deployment_id in dict.fromkeys(ids):
        for one in wording.of_deployment(connection, deployment_id):
            found.setdefault(one.kind, one)
    return list(found.values())


def _deployment(system: System, connection: Connection, held: Title) -> str:
    """Return the deployment a title's documents follow: its plan year's, else the one in force."""
    if held.plan_year_id is not None:
        pinned = plans.get(connection, held.plan_year_id).deployment_id
        if pinned is not None:
            return pinned
    in_force = system.installation(connection).deployment_id
    if in_force is None:
        raise _unknown()
    return in_force


def _level(connection: Connection, held: Title) -> Text:
    labels = {one.code: one.label for one in register.levels(connection)}
    if held.plan_year_id is not None:
        labels |= {one.code: one.label for one in plans.levels(connection, held.plan_year_id)}
    return labels.get(held.level, Text(held.level, held.level))


def _printable(system: System, connection: Connection, person: Person, found: list[Title]) -> set[str]:
    """Return the ids of the titles whose certificate a person may print.

    That is: for the unit itself, for the body that named it, and for who may read its matter or all matters,
    unless the unit is one whose name they may not know.
    """
    seats = person.organisation_ids
    units = {one.unit_id for one in found}
    names, full = redacted_names(connection, person, units), organisations.names(connection, units)
    reads_all = any(person.has(one) for one in duties.READS_ALL)
    condition = visible_matters(connection, person, roles_in_force(connection), system.now(connection))
    asked = [one.matter_id for one in found if one.matter_id is not None]
    seen = select(tables.matter.c.id).where(tables.matter.c.id.in_(asked), condition)
    matters_read = set(connection.scalars(seen)) if asked and not reads_all else set()
    return {
        one.id
        for one in found
        if one.unit_id in seats
        or (one.namer_id is not None and one.namer_id in seats)
        or (names[one.unit_id] == full[one.unit_id] and (reads_all or one.matter_id in matters_read))
    }


def _require_matter(system: System, connection: Connection, person: Person, matter_id: str) -> None:
    if not may_read_matter(connection, person, matter_id, system.now(connection)):
        raise _unknown()


def _written(day: date) -> str:
    return f"{day.year}年{day.month}月{day.day}日"


def _unknown() -> NotFound:
    return NotFound(
        Text("没有这份文书，或您无权查看", "There is no such document, or it is not yours to see")
    )
