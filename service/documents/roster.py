"""A county's filing roster as a spreadsheet (备案名册): what was sealed in the filing, printed on A4 across."""

import io
from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from openpyxl import Workbook
from openpyxl.styles import Alignment, Border, Font, Side
from openpyxl.utils import get_column_letter

from service.documents.issued import Filing
from service.documents.wording import Wording, filled

#: Columns in order: heading, width in characters, the keys a row may hold the value under.
COLUMNS: Sequence[tuple[str, int, tuple[str, ...]]] = (
    ("序号", 6, ()),
    ("单位名称", 34, ("unit_name", "unit", "name")),
    ("类别", 10, ("unit_kind", "kind")),
    ("地址", 34, ("address",)),
    ("证书编号", 20, ("certificate_number", "number")),
    ("命名文号", 22, ("decision_number",)),
    ("命名日期", 12, ("decided_on", "named_on")),
    ("有效期至", 12, ("valid_to",)),
    ("联系人", 12, ("contact_name", "contact")),
    ("备注", 20, ("remark",)),
)


def workbook(filing: Filing, entry: Wording) -> bytes:
    """Return the roster as an XLSX file; a nil return says so in one line."""
    book = Workbook()
    sheet = book.worksheets[0]
    sheet.title = "备案名册"
    values = {"county": filing.county_name, "year": str(filing.year)}
    last = get_column_letter(len(COLUMNS))
    line = Side(style="thin")
    border = Border(left=line, right=line, top=line, bottom=line)
    sheet.merge_cells(f"A1:{last}1")
    sheet["A1"] = filled(entry.title, values)
    sheet["A1"].font = Font(name="宋体", size=18, bold=True)
    sheet["A1"].alignment = Alignment(horizontal="center")
    sheet.merge_cells(f"A2:{last}2")
    sheet["A2"] = _summary(filing)
    sheet["A2"].font = Font(name="宋体", size=11)
    for number, (heading, width, _keys) in enumerate(COLUMNS, 1):
        cell = sheet.cell(3, number, heading)
        cell.font = Font(name="宋体", size=11, bold=True)
        cell.border = border
        cell.alignment = Alignment(horizontal="center", vertical="center", wrap_text=True)
        sheet.column_dimensions[get_column_letter(number)].width = width
    for position, row in enumerate(filing.rows, 1):
        for number, (_heading, _width, keys) in enumerate(COLUMNS, 1):
            value = position if not keys else _value(row, keys, filing)
            cell = sheet.cell(3 + position, number, value)
            # A spreadsheet must not take what somebody typed for a formula.
            cell.data_type = "n" if isinstance(value, int) else "s"
            cell.font = Font(name="宋体", size=11)
            cell.border = border
            cell.alignment = Alignment(vertical="center", wrap_text=True)
    if not filing.rows:
        sheet.merge_cells(f"A4:{last}4")
        sheet["A4"] = "本年度没有命名县级单位（零报告）" if filing.nil_return else "名册尚未编制"
    sheet.freeze_panes = "A4"
    sheet.page_setup.orientation = "landscape"
    sheet.page_setup.paperSize = sheet.PAPERSIZE_A4
    sheet.page_setup.fitToHeight = 0
    sheet.sheet_properties.pageSetUpPr.fitToPage = True
    sheet.print_title_rows = "3:3"
    target = io.BytesIO()
    book.save(target)
    return target.getvalue()


def _summary(filing: Filing) -> str:
    parts = [f"报送单位：{filing.county_name}"]
    if filing.named_on is not None:
        parts.append(f"命名日期：{filing.named_on}")
    parts.append(f"备案期限：{filing.due_on}")
    if filing.number:
        parts.append(f"备案编号：{filing.number}")
    return "　　".join(parts)


def _value(row: Any, keys: Sequence[str], filing: Filing) -> str:
    found = next((row[key] for key in keys if row.get(key) not in (None, "")), None)
    if found is None and "decision_number" in keys:
        found = filing.decision_number
    if found is None and "decided_on" in keys:
        found = filing.named_on
    if isinstance(found, date | datetime):
        return found.isoformat()
    return "" if found is None else str(found)
