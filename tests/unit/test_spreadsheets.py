"""Reading XLSX files: values with their addresses; hostile ones are refused."""

import io
import time
import zipfile
from collections.abc import Callable
from datetime import UTC, date, datetime

import pytest
from openpyxl import Workbook

from service import spreadsheets
from service.errors import Invalid


def workbook(*rows: list[object]) -> bytes:
    book = Workbook()
    sheet = book.worksheets[0]
    sheet.title = "机构"
    for row in rows:
        sheet.append(row)
    target = io.BytesIO()
    book.save(target)
    return target.getvalue()


def rebuilt(data: bytes, change: Callable[[str, bytes], bytes]) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as new:
        for one in old.infolist():
            new.writestr(one.filename, change(one.filename, old.read(one)))
    return target.getvalue()


def test_values_come_with_their_addresses() -> None:
    data = workbook(
        ["代码", "日期", "数"],
        [],
        [" A-1 ", datetime(2026, 3, 1, 8, tzinfo=UTC).replace(tzinfo=None), 610402],
        [None, None, True],
    )
    (sheet,) = spreadsheets.read(data)
    assert sheet.name == "机构"
    assert [one.value for one in sheet.heading] == ["代码", "日期", "数"]
    assert [(one.address, one.value) for one in sheet.rows[0]] == [
        ("A3", "A-1"),
        ("B3", date(2026, 3, 1)),
        ("C3", 610402),
    ]
    assert sheet.rows[1][2].address == "C4"


def test_a_formula_is_marked_and_has_no_value() -> None:
    (sheet,) = spreadsheets.read(workbook(["代码"], ['=HYPERLINK("http://example.invalid")']))
    assert sheet.rows[0][0].formula
    assert sheet.rows[0][0].value is None


def test_rows_beyond_the_limit_are_not_read_in_silence() -> None:
    rows: list[list[object]] = [["代码"]] + [[str(number)] for number in range(spreadsheets.MOST_ROWS + 1)]
    (sheet,) = spreadsheets.read(workbook(*rows))
    assert len(sheet.rows) == spreadsheets.MOST_ROWS
    assert sheet.rows_left_out


@pytest.mark.parametrize(
    "data", [b"", b"PK\x03\x04 and then nothing", b"\xd0\xcf\x11\xe0 an old xls", b"a,b\n1,2\n"]
)
def test_what_is_no_workbook_is_refused(data: bytes) -> None:
    with pytest.raises(Invalid):
        spreadsheets.read(data)


def test_a_zip_of_something_else_is_refused() -> None:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("word/document.xml", "<a/>")
    with pytest.raises(Invalid):
        spreadsheets.read(target.getvalue())


def test_a_bomb_is_refused_before_it_is_unpacked_whole() -> None:
    target = io.BytesIO(workbook(["代码"]))
    with zipfile.ZipFile(target, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/media/zeros.xml", b"0" * (spreadsheets.LARGEST_UNPACKED + 1))
    assert len(target.getvalue()) < spreadsheets.LARGEST
    with pytest.raises(Invalid) as caught:
        spreadsheets.read(target.getvalue())
    assert "解压" in caught.value.text.zh


def test_entities_are_refused() -> None:
    def declare(name: str, content: bytes) -> bytes:
        if name != "xl/worksheets/sheet1.xml":
            return content
        return b'<!DOCTYPE x [<!ENTITY a "b">]>' + content

    with pytest.raises(Invalid) as caught:
        spreadsheets.read(rebuilt(workbook(["代码"]), declare))
    assert "实体" in caught.value.text.zh


def test_a_broken_sheet_is_refused() -> None:
    def cut(name: str, content: bytes) -> bytes:
        return content[: len(content) // 2] if name == "xl/worksheets/sheet1.xml" else content

    with pytest.raises(Invalid):
        spreadsheets.read(rebuilt(workbook(["代码"], ["x"]), cut))


NAMESPACE = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"


@pytest.mark.parametrize(
    ("member", "content"),
    [
        ("xl/styles.xml", "<styleSheet{}><cellXfs>" + "<xf/>" * 5_000_000 + "</cellXfs></styleSheet>"),
        ("xl/styles.xml", "<styleSheet{}><cellXfs>" + "<xf/>" * 150_000 + "</cellXfs></styleSheet>"),
        (
            "xl/worksheets/sheet1.xml",
            "<worksheet{}><sheetData>" + '<row r="1"/>' * 3_000_000 + "</sheetData></worksheet>",
        ),
        ("xl/sharedStrings.xml", "<sst{}>" + "<si><t/></si>" * 1_500_000 + "</sst>"),
    ],
)
def test_a_small_file_of_millions_of_elements_is_refused_at_once(member: str, content: str) -> None:
    hostile = content.replace("{}", f' xmlns="{NAMESPACE}"').encode()
    data = rebuilt(workbook(["代码"]), lambda name, old: hostile if name == member else old)
    if member == "xl/sharedStrings.xml":
        with zipfile.ZipFile(target := io.BytesIO(data), "a", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(member, hostile)
        data = target.getvalue()
    assert len(data) < 1_000_000
    begin = time.perf_counter()
    with pytest.raises(Invalid):
        spreadsheets.read(data)
    assert time.perf_counter() - begin < 5


def test_a_large_sheet_as_spreadsheets_write_it_is_read() -> None:
    cell = '<c t="inlineStr"><is><t>文字</t></is></c>'
    rows = f"<row>{cell * 20}</row>" * (spreadsheets.MOST_ROWS + 1)
    sheet = f'<worksheet xmlns="{NAMESPACE}"><sheetData>{rows}</sheetData></worksheet>'.encode()
    data = rebuilt(workbook(["代码"]), lambda name, old: sheet if name == "xl/worksheets/sheet1.xml" else old)
    (read,) = spreadsheets.read(data)
    assert (len(read.rows), read.rows_left_out) == (spreadsheets.MOST_ROWS, False)


def test_entities_are_refused_whatever_a_member_is_called() -> None:
    def renamed(name: str, data: bytes) -> bytes:
        if name.endswith(".rels") or name == "[Content_Types].xml":
            return data.replace(b"sheet1.xml", b"sheet1.dat")
        return data.replace(b"<worksheet", b'<!DOCTYPE a [<!ENTITY b "c">]><worksheet', 1)

    source = workbook(["代码"])
    target = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(source)) as old, zipfile.ZipFile(target, "w") as new:
        for one in old.infolist():
            name = one.filename.replace("sheet1.xml", "sheet1.dat")
            new.writestr(name, renamed(one.filename, old.read(one)))
    with pytest.raises(Invalid, match="实体"):
        spreadsheets.read(target.getvalue())
