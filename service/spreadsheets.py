"""Reading XLSX files safely: values only, limited in every direction, formulas refused and never computed."""

import io
import re
import warnings
import zipfile
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, TypeAlias

from openpyxl import load_workbook
from openpyxl.utils import get_column_letter
from openpyxl.utils.exceptions import InvalidFileException

from service.errors import Invalid, Text

#: The file as sent, in bytes.
LARGEST = 5 * 1024 * 1024
#: All members unpacked, in bytes; what an archive claims of itself is not trusted.
LARGEST_UNPACKED = 60 * 1024 * 1024
MOST_MEMBERS = 500
#: XML elements of rows, cells and texts in all members: a full sheet has some 900,000.
MOST_CELL_ELEMENTS = 1_000_000
#: All other XML elements; each costs a hundred times the memory it takes in the file.
MOST_OTHER_ELEMENTS = 100_000
MOST_ROWS = 5_000
MOST_COLUMNS = 60
#: The longest text of a cell that any sheet of ours takes.
LONGEST_TEXT = 4_000

_CELL_ELEMENT = re.compile(rb"<(?:\w+:)?(?:row|c|v|f|is|si|t|r|phoneticPr|rPh)[\s/>]")
#: Where a workbook keeps what is no XML, whatever it is called.
_BINARY = ("xl/media/", "xl/embeddings/", "xl/printersettings/", "docprops/thumbnail")

Value: TypeAlias = str | int | float | bool | date | None


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell: where it stands (`C4`), what it holds, and whether it holds a formula."""

    address: str
    value: Value
    formula: bool = False


@dataclass(frozen=True, slots=True)
class Sheet:
    """A sheet's heading row and the rows below it that hold anything; `rows_left_out`: there are more."""

    name: str
    heading: list[Cell]
    rows: list[list[Cell]]
    rows_left_out: bool


def read(data: bytes) -> list[Sheet]:
    """Return the sheets of a workbook. Raises `Invalid` for what is no XLSX file, or one beyond the limits."""
    _check_archive(data)
    try:
        with warnings.catch_warnings():
            # Decorations openpyxl does not know are no concern of ours.
            warnings.simplefilter("ignore")
            book = load_workbook(io.BytesIO(data), read_only=True, data_only=False, keep_links=False)
            try:
                return [_sheet(sheet) for sheet in book.worksheets]
            finally:
                book.close()
    except (
        InvalidFileException,
        KeyError,
        ValueError,
        TypeError,
        IndexError,
        AttributeError,
        SyntaxError,
        OSError,
    ) as broken:
        raise _refused(
            "文件已损坏，或不是 Excel 工作簿（.xlsx）", "the file is broken or no workbook"
        ) from broken


def column_letter(index: int) -> str:
    """Return the letter of a column counted from 0."""
    return get_column_letter(index + 1)


def row_number(row: list[Cell]) -> int:
    """Return the number of a row, as the spreadsheet counts it."""
    return int("".join(char for char in row[0].address if char.isdigit()))


def _check_archive(data: bytes) -> None:
    """Refuse what unpacks to more than it should, holds macros, or an XML file that declares entities."""
    if len(data) > LARGEST:
        raise _refused(
            f"文件超过 {LARGEST // 1048576} MB", f"the file is larger than {LARGEST // 1048576} MB"
        )
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = archive.infolist()
            if len(members) > MOST_MEMBERS:
                raise _refused("工作簿内的部件过多", "the workbook has too many parts")
            if not any(one.filename == "xl/workbook.xml" for one in members):
                raise _refused(
                    "不是 Excel 工作簿（.xlsx）；旧版 .xls 请另存为 .xlsx",
                    "no XLSX workbook; save an .xls file as .xlsx",
                )
            used = _Used()
            for one in members:
                if one.filename.lower().endswith("vbaproject.bin"):
                    raise _refused("不接受带宏的工作簿", "workbooks with macros are not accepted")
                _check_member(archive, one, used)
    except (zipfile.BadZipFile, RuntimeError, NotImplementedError, EOFError, OSError, ValueError) as broken:
        raise _refused(
            "文件已损坏，或不是 Excel 工作簿（.xlsx）", "the file is broken or no workbook"
        ) from broken


@dataclass(slots=True)
class _Used:
    """What the members seen so far unpack to: bytes, XML elements of cells, other XML elements."""

    size: int = 0
    cells: int = 0
    others: int = 0


def _check_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo, used: _Used) -> None:
    tail = b""
    is_xml = not member.filename.lower().startswith(_BINARY)
    with archive.open(member) as stream:
        first = True
        while chunk := stream.read(65_536):
            used.size += len(chunk)
            if used.size > LARGEST_UNPACKED:
                raise _refused("文件解压后过大，已拒绝", "the file unpacks to far too much")
            if not is_xml:
                continue
            if first and chunk[:2] in (b"\xff\xfe", b"\xfe\xff"):
                raise _refused("工作簿内部编码不受支持", "an encoding inside the workbook is not supported")
            first = False
            if re.search(rb"<!(DOCTYPE|ENTITY)", tail + chunk, re.IGNORECASE):
                raise _refused("工作簿含有实体声明，已拒绝", "the workbook declares entities")
            tail = chunk[-16:]
            # What a chunk's end cuts in two is counted among the others: one in 64 KB.
            cells = len(_CELL_ELEMENT.findall(chunk))
            used.cells += cells
            used.others += chunk.count(b"<") - chunk.count(b"</") - cells
            if used.cells > MOST_CELL_ELEMENTS or used.others > MOST_OTHER_ELEMENTS:
                raise _refused(
                    "工作簿内容过多（单元格或格式）；请只保留要导入的行，另存后再试",
                    "the workbook holds too much (cells or formats); keep only the rows to import and save it anew",
                )


def _sheet(sheet: Any) -> Sheet:
    heading: list[Cell] = []
    rows: list[list[Cell]] = []
    left_out = False
    for index, cells in enumerate(sheet.iter_rows(max_col=MOST_COLUMNS + 1)):
        if len(rows) == MOST_ROWS or index > MOST_ROWS * 2:
            left_out = any(one.value is not None for one in cells) or index > MOST_ROWS * 2
            if left_out:
                break
            continue
        # Empty cells do not know where they are; the others of their row do.
        number = next((one.row for one in cells if getattr(one, "row", None) is not None), 0)
        row = [_cell(one, f"{column_letter(place)}{number}") for place, one in enumerate(cells)]
        while row and row[-1].value is None and not row[-1].formula:
            row.pop()
        if not row:
            continue
        if len(row) > MOST_COLUMNS:
            raise _refused(f"超过 {MOST_COLUMNS} 列", f"more than {MOST_COLUMNS} columns")
        if not heading:
            heading = row
        else:
            rows.append(row)
    return Sheet(str(sheet.title), heading, rows, left_out)


def _cell(cell: Any, address: str) -> Cell:
    value = cell.value
    if getattr(cell, "data_type", "") == "f":
        return Cell(address, None, formula=True)
    if isinstance(value, datetime):
        value = value.date()
    if isinstance(value, str):
        value = value.strip()[: LONGEST_TEXT + 1] or None
    if not isinstance(value, (str, int, float, bool, date)):
        value = None
    return Cell(address, value)


def _refused(zh: str, en: str) -> Invalid:
    message = Text(zh, en)
    return Invalid(message, fields={"file": message})
