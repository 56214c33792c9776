"""A county's filing roster as a spreadsheet (备案名册), printed on A4 across."""

import io
from typing import Any

from openpyxl import Workbook
from openpyxl.styles import Alignment, Border, Font, Side
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.properties import PageSetupProperties

from service.documents.issued import Filing, Roster
from service.documents.wording import filled

_FACE = "宋体"


def workbook(made: Roster) -> bytes:
    """Return the roster as an XLSX file; a nil return says so in one line. What people typed stays text."""
    filing, columns = made.filing, made.wording.columns
    book = Workbook()
    sheet = book.worksheets[0]
    sheet.title = "备案名册"
    last = get_column_letter(max(len(columns), 1))
    line = Side(style="thin")
    border = Border(left=line, right=line, top=line, bottom=line)
    _across(
        sheet,
        f"A1:{last}1",
        filled(made.wording.title, _values(filing)),
        Font(name=_FACE, size=18, bold=True),
    )
    sheet["A1"].alignment = Alignment(horizontal="center")
    _across(sheet, f"A2:{last}2", _summary(filing), Font(name=_FACE, size=11))
    for place, column in enumerate(columns, 1):
        cell = sheet.cell(3, place, column.heading)
        cell.font = Font(name=_FACE, size=11, bold=True)
        cell.border = border
        cell.alignment = Alignment(horizontal="center", vertical="center", wrap_text=True)
        sheet.column_dimensions[get_column_letter(place)].width = column.width
    for number, row in enumerate(made.rows, 4):
        for place, column in enumerate(columns, 1):
            found = row.facts.get(column.fact) if column.fact else row.typed.get(column.field or "")
            cell = sheet.cell(number, place, "" if found is None else str(found))
            # A spreadsheet must not take what somebody typed for a formula.
            cell.data_type = "s"
            cell.font = Font(name=_FACE, size=11)
            cell.border = border
            cell.alignment = Alignment(vertical="center", wrap_text=True)
    if not made.rows:
        words = "本年度没有命名县级单位（零报告）" if filing.nil_return else "名册尚未编制"
        _across(sheet, f"A4:{last}4", words, Font(name=_FACE, size=11))
    sheet.freeze_panes = "A4"
    sheet.page_setup.orientation = "landscape"
    sheet.page_setup.paperSize = sheet.PAPERSIZE_A4
    sheet.page_setup.fitToHeight = 0
    sheet.sheet_properties.pageSetUpPr = PageSetupProperties(fitToPage=True)
    sheet.print_title_rows = "3:3"
    target = io.BytesIO()
    book.save(target)
    return target.getvalue()


def _across(sheet: Any, cells: str, text: str, font: Font) -> None:
    sheet.merge_cells(cells)
    first = sheet[cells.partition(":")[0]]
    first.value = text
    first.font = font


def _values(filing: Filing) -> dict[str, str]:
    return {"county": filing.county_name, "year": str(filing.year)}


def _summary(filing: Filing) -> str:
    parts = [f"报送单位：{filing.county_name}"]
    if filing.named_on is not None:
        parts.append(f"命名日期：{filing.named_on}")
    parts.append(f"备案期限：{filing.due_on}")
    if filing.number:
        parts.append(f"备案编号：{filing.number}")
    return "　　".join(parts)
