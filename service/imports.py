"""Importing organisations, units, people, memberships and earlier titles from a workbook: all of it or nothing."""

import io
from collections.abc import Sequence
from dataclasses import dataclass

from openpyxl import Workbook
from openpyxl.comments import Comment
from openpyxl.styles import Alignment, Font, PatternFill
from sqlalchemy import Connection, select

from service import clock, spreadsheets
from service.campaign import legacy_titles
from service.errors import AppError, Forbidden, Invalid, Text
from service.identity import duties, journal, passwords
from service.identity.access import roles_in_force
from service.identity.people import Person
from service.import_sheets import PEOPLE, SHEETS, Context, Follows, SheetKind, check_row, read_row
from service.spreadsheets import Cell, Sheet
from service.store.identity import area, organisation_kind, unit_kind
from service.system import System

#: More new people than this take too long to give passwords to at once.
MOST_PEOPLE = 500
#: Showing more problems than this helps nobody.
MOST_PROBLEMS = 300


@dataclass(frozen=True, slots=True)
class CellProblem:
    """What is wrong in one cell (`C4`) of a sheet; `cell` is empty for the sheet as a whole."""

    sheet: str
    cell: str
    text: Text


@dataclass(frozen=True, slots=True)
class SheetCount:
    """How many rows of a sheet were read."""

    sheet: Text
    rows: int


@dataclass(frozen=True, slots=True)
class Preview:
    """What an import would write, and everything that is wrong; only one without problems can be run."""

    counts: tuple[SheetCount, ...]
    problems: tuple[CellProblem, ...]
    more_problems: int

    @property
    def ready(self) -> bool:
        """Whether it may be run."""
        return not self.problems and any(one.rows for one in self.counts)


@dataclass(frozen=True, slots=True)
class NewAccount:
    """A person made by an import, with the one-time password to hand over (shown once)."""

    login: str
    name: str
    password: str


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import wrote."""

    counts: tuple[SheetCount, ...]
    accounts: tuple[NewAccount, ...]


@dataclass(frozen=True, slots=True)
class _Read:
    kind: SheetKind
    sheet: str
    rows: list[dict[str, Cell]]
    #: Its headings are wrong: its rows say nothing.
    broken: bool


class _RolledBack(Exception):
    """Leaves the transaction of a preview, so that nothing of it stays."""


def preview(system: System, by: Person, data: bytes) -> Preview:
    """Try an import and return every error by sheet and cell; nothing stays written.

    Raises `Invalid` when the file is no workbook, `Forbidden` for who is no administrator.
    """
    _demand(by)
    read, problems = _sheets(spreadsheets.read(data))
    try:
        with system.database.write() as connection:
            problems += _write(system, connection, by, read, {})
            raise _RolledBack
    except _RolledBack:
        pass
    return Preview(_counts(read), tuple(problems[:MOST_PROBLEMS]), max(0, len(problems) - MOST_PROBLEMS))


def run(system: System, by: Person, data: bytes) -> Imported:
    """Import a workbook whole. Raises `Invalid` with `problems` when anything is wrong; then nothing is written."""
    # Tried first: hashing passwords takes long, and is wasted on a workbook that is refused.
    tried = preview(system, by, data)
    if not tried.ready:
        raise _refused(tried.problems)
    read, problems = _sheets(spreadsheets.read(data))
    accounts = _new_accounts(read)
    hashed = {one.login: (one.password, passwords.hash_password(one.password)) for one in accounts}
    with system.database.write() as connection:
        problems += _write(system, connection, by, read, hashed)
        if problems:
            # Something changed since it was tried.
            raise _refused(problems)
        counts = _counts(read)
        journal.record(
            connection,
            "import.run",
            clock.system_now(),
            actor=by.id,
            rows={one.sheet.en: one.rows for one in counts if one.rows},
        )
    system.wake()
    return Imported(counts, tuple(accounts))


def template(language: str = "zh") -> bytes:
    """Return an empty workbook with all sheets: headings, what is required (bold), and hints as comments."""
    book = Workbook()
    book.remove(book.worksheets[0])
    for kind in SHEETS:
        sheet = book.create_sheet(kind.name.in_language(language))
        for place, column in enumerate(kind.columns):
            cell = sheet.cell(1, place + 1, column.heading.in_language(language))
            cell.font = Font(bold=column.required)
            cell.fill = PatternFill("solid", fgColor="E3EFE3" if column.required else "F4F4F1")
            cell.alignment = Alignment(vertical="center")
            hint = column.hint.in_language(language)
            if hint:
                cell.comment = Comment(hint, "chuanglv")
            letter = spreadsheets.column_letter(place)
            sheet.column_dimensions[letter].width = max(12, len(column.heading.in_language(language)) * 2 + 4)
            # Codes begin with zeros and days are easily turned around: everything but figures is text.
            if column.kind in ("text", "day"):
                sheet.column_dimensions[letter].number_format = "@"
        sheet.freeze_panes = "A2"
    target = io.BytesIO()
    book.save(target)
    return target.getvalue()


def _sheets(found: Sequence[Sheet]) -> tuple[list[_Read], list[CellProblem]]:
    """Match the sheets and headings of a workbook; what is not known is a problem, never left out in silence."""
    read: list[_Read] = []
    problems: list[CellProblem] = []
    for sheet in found:
        kind = next((one for one in SHEETS if sheet.name.strip() in (one.name.zh, one.name.en)), None)
        if kind is None:
            names = "、".join(one.name.zh for one in SHEETS)
            if sheet.rows or sheet.heading:
                problems.append(
                    CellProblem(
                        sheet.name,
                        "",
                        Text(
                            f"不认识这张表；可用的表名：{names}", "This sheet is not known; see the template"
                        ),
                    )
                )
            continue
        places, wrong = _headings(kind, sheet)
        problems += wrong
        if sheet.rows_left_out:
            problems.append(
                CellProblem(
                    sheet.name,
                    "",
                    Text(
                        f"超过 {spreadsheets.MOST_ROWS} 行，请分批导入",
                        f"More than {spreadsheets.MOST_ROWS} rows: import them in parts",
                    ),
                )
            )
        rows = [{key: _at(row, place) for key, place in places.items()} for row in sheet.rows]
        read.append(_Read(kind, sheet.name, rows, broken=bool(wrong)))
    order = {id(kind): position for position, kind in enumerate(SHEETS)}
    read.sort(key=lambda one: order[id(one.kind)])
    new_people = sum(len(one.rows) for one in read if one.kind is PEOPLE)
    if new_people > MOST_PEOPLE:
        problems.append(
            CellProblem(
                PEOPLE.name.zh,
                "",
                Text(f"一次最多导入 {MOST_PEOPLE} 人", f"At most {MOST_PEOPLE} people at once"),
            )
        )
    return read, problems


def _at(row: list[Cell], place: int) -> Cell:
    """Return the cell at a place of a row, an empty one beyond its end."""
    if place < len(row):
        return row[place]
    return Cell(f"{spreadsheets.column_letter(place)}{spreadsheets.row_number(row)}", None)


def _headings(kind: SheetKind, sheet: Sheet) -> tuple[dict[str, int], list[CellProblem]]:
    places: dict[str, int] = {}
    problems: list[CellProblem] = []
    by_name = {name: one.key for one in kind.columns for name in (one.heading.zh, one.heading.en)}
    for place, cell in enumerate(sheet.heading):
        if cell.value is None and not cell.formula:
            continue
        key = by_name.get(str(cell.value).strip().rstrip("*").strip())
        if key is None or key in places:
            problems.append(
                CellProblem(
                    sheet.name,
                    cell.address,
                    Text(
                        f"不认识或重复的列“{cell.value}”",
                        f"The column {cell.value!r} is not known or doubled",
                    ),
                )
            )
        else:
            places[key] = place
    for column in kind.columns:
        if column.required and column.key not in places and sheet.rows:
            problems.append(
                CellProblem(
                    sheet.name,
                    "",
                    Text(f"缺少列“{column.heading.zh}”", f"The column “{column.heading.en}” is missing"),
                )
            )
    return places, problems


def _write(
    system: System,
    connection: Connection,
    by: Person,
    read: Sequence[_Read],
    hashed: dict[str, tuple[str, str]],
) -> list[CellProblem]:
    """Write all rows and return what was wrong; the caller rolls back when anything was."""
    context = _context(system, connection, by, hashed)
    problems: list[CellProblem] = []
    for one in read:
        for cells in one.rows:
            if one.broken:
                _mark_failed(context, cells.get(one.kind.key))
            else:
                problems += _write_row(context, one, cells)
    deployment_id = system.installation(connection).deployment_id
    if deployment_id is not None and not problems:
        legacy_titles.announce(connection, deployment_id, at=context.at)
    return problems


def _write_row(context: Context, read: _Read, cells: dict[str, Cell]) -> list[CellProblem]:
    values, wrong = read_row(read.kind, cells)
    followed = False
    try:
        wrong |= check_row(context, read.kind, values)
    except Follows:
        followed = True
    if not wrong and not followed:
        try:
            read.kind.write(context, values)
        except Follows:
            followed = True
        except AppError as error:
            fields = error.facts.get("fields") or {}
            wrong = {key: text for key, text in fields.items() if isinstance(text, Text)} or {"": error.text}
    if wrong or followed:
        _mark_failed(context, cells.get(read.kind.key))
    order = {column.key: place for place, column in enumerate(read.kind.columns)}
    return [
        # What no column of this sheet is to blame for stands at the row's first cell.
        CellProblem(read.sheet, (cells.get(key) or next(iter(cells.values()))).address, text)
        for key, text in sorted(wrong.items(), key=lambda item: order.get(item[0], -1))
    ]


def _mark_failed(context: Context, cell: Cell | None) -> None:
    """Remember a code or login whose row was wrong: what refers to it is wrong only for that."""
    if cell is not None and cell.value is not None:
        context.failed |= {str(cell.value), str(cell.value).lower()}


def _context(
    system: System, connection: Connection, by: Person, hashed: dict[str, tuple[str, str]]
) -> Context:
    deployment_id = system.installation(connection).deployment_id
    kinds = connection.execute(select(organisation_kind).order_by(organisation_kind.c.position))
    unit_kinds = connection.execute(select(unit_kind).order_by(unit_kind.c.position))
    levels = legacy_titles.levels(connection, deployment_id) if deployment_id is not None else {}
    return Context(
        connection=connection,
        at=system.now(connection),
        by=by.id,
        roles=roles_in_force(connection),
        levels=levels,
        organisation_kinds={row.kind: Text(row.label, row.label_en or row.label) for row in kinds},
        unit_kinds={row.kind: Text(row.label, row.label_en or row.label) for row in unit_kinds},
        areas={row.code: Text(row.name, row.name_en or row.name) for row in connection.execute(select(area))},
        passwords=hashed,
    )


def _new_accounts(read: Sequence[_Read]) -> list[NewAccount]:
    """Return the people of a workbook, each with a fresh one-time password."""
    found = []
    for one in read:
        if one.kind is not PEOPLE:
            continue
        for cells in one.rows[:MOST_PEOPLE]:
            values, wrong = read_row(one.kind, cells)
            if not wrong:
                login = str(values["login"]).strip().lower()
                found.append(NewAccount(login, values["name"], passwords.one_time()))
    return found


def _counts(read: Sequence[_Read]) -> tuple[SheetCount, ...]:
    return tuple(SheetCount(one.kind.name, len(one.rows)) for one in read)


def _refused(problems: Sequence[CellProblem]) -> Invalid:
    if not problems:
        return Invalid(Text("工作簿里没有可导入的行", "The workbook holds no row to import"))
    return Invalid(
        Text(
            f"没有导入任何内容：有 {len(problems)} 处错误",
            f"Nothing was imported: {len(problems)} things are wrong",
        ),
        problems=[
            {"sheet": one.sheet, "cell": one.cell, "text": one.text.zh, "text_en": one.text.en}
            for one in problems[:MOST_PROBLEMS]
        ],
    )


def _demand(by: Person) -> None:
    if not by.has(duties.ADMINISTRATOR):
        raise Forbidden(Text("只有系统管理员可以批量导入", "Only administrators may import"))
