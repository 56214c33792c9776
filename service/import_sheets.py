"""The sheets of an import workbook: their columns, and how a row of each is written."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, Final, Literal, TypeAlias

from sqlalchemy import Connection

from service import clock
from service.campaign import legacy_titles
from service.campaign.calendar import parse_day
from service.clock import city_day
from service.engine.model import Role
from service.errors import AppError, Invalid, NotFound, Text
from service.identity import administration, directory, duties, organisations, people
from service.identity.organisations import UNIT, Organisation
from service.spreadsheets import LONGEST_TEXT, Cell

#: How long the one-time passwords of an import may be used: handing them out takes days.
PASSWORD_LIFE: Final = timedelta(days=7)


ColumnKind: TypeAlias = Literal["text", "day", "count", "amount", "flag"]


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its key, its heading in both languages, whether it must be filled, and what it holds."""

    key: str
    heading: Text
    required: bool
    kind: ColumnKind
    hint: Text
    #: Returns what the cell refers to (a code, an id); raises `Invalid` for what there is not, or `Follows`.
    refers: "Callable[[Context, str], str] | None" = None


@dataclass(slots=True)
class Context:
    """What the rows of one import share; `failed` are codes and logins whose own row was wrong."""

    connection: Connection
    at: datetime
    by: str
    roles: Mapping[str, Role]
    levels: Mapping[str, Text]
    organisation_kinds: Mapping[str, Text]
    unit_kinds: Mapping[str, Text]
    areas: Mapping[str, Text]
    #: Password and its hash for each new login, made beforehand: hashing takes long.
    passwords: Mapping[str, tuple[str, str]]
    failed: set[str] = field(default_factory=set)


class Follows(Exception):
    """The row fails only because a row before it did: it is not reported a second time."""


Row: TypeAlias = Mapping[str, Any]

#: The ways in which a day is written into a text cell.
_WRITTEN_DAY: Final = re.compile(r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?")


@dataclass(frozen=True, slots=True)
class SheetKind:
    """A sheet: its name, its columns, the column that names a row, and what writes a row."""

    name: Text
    columns: Sequence[Column]
    key: str
    write: Callable[[Context, Row], None]


def read_row(sheet: SheetKind, cells: Mapping[str, Cell]) -> tuple[dict[str, Any], dict[str, Text]]:
    """Return the values of a row by column, and what is wrong by column."""
    values: dict[str, Any] = {}
    wrong: dict[str, Text] = {}
    for column in sheet.columns:
        cell = cells.get(column.key)
        if cell is not None and cell.formula:
            wrong[column.key] = Text(
                "不接受公式，请改为数值或文字（选择性粘贴→数值）",
                "Formulas are not accepted: paste the value",
            )
            continue
        value = cell.value if cell is not None else None
        if value is None:
            if column.required:
                wrong[column.key] = Text(f"“{column.heading.zh}”必填", f"“{column.heading.en}” is required")
            values[column.key] = None
            continue
        try:
            values[column.key] = _read(column, value)
        except AppError as error:
            wrong[column.key] = _about(column, value, error.text)
    return values, wrong


def check_row(context: Context, sheet: SheetKind, values: dict[str, Any]) -> dict[str, Text]:
    """Return what is wrong by column in what a row refers to and with the facts of a unit, all of it at once.

    Values become the codes and ids they mean. Raises `Follows` where nothing else is wrong than what is referred to.
    """
    wrong: dict[str, Text] = {}
    follows = False
    for column in sheet.columns:
        given = values.get(column.key)
        if column.refers is None or given is None:
            continue
        try:
            values[column.key] = column.refers(context, given)
        except Follows:
            follows = True
        except AppError as error:
            wrong[column.key] = _about(column, given, error.text)
    facts = {
        name: values[name]
        for name in directory.PROFILE
        if sheet.write is _unit and name not in wrong and values.get(name) is not None
    }
    if facts and not follows:
        try:
            directory.check_profile(context.connection, facts)
        except AppError as error:
            wrong |= {
                key: text for key, text in (error.facts.get("fields") or {}).items() if key not in wrong
            }
    if follows and not wrong:
        raise Follows
    return wrong


def _about(column: Column, value: Any, text: Text) -> Text:
    """Return what is wrong with the column's heading and what stands in the cell."""
    given = str(value)[:40]
    return Text(
        f"{column.heading.zh}“{given}”：{text.zh}",
        f"{column.heading.en} “{given}”: {text.en}",
    )


def _read(column: Column, value: Any) -> Any:
    if column.kind == "day":
        return value if isinstance(value, date) else _day(str(value))
    if column.kind == "flag":
        return _flag(value)
    if column.kind in ("count", "amount"):
        return _number(column, value)
    if isinstance(value, (bool, date)):
        raise Invalid(
            Text("应为文字；请把单元格格式设为“文本”", "A text is expected: format the cell as text")
        )
    # A code typed into a number cell comes back as a number.
    text = str(int(value)) if isinstance(value, (int, float)) and value == int(value) else str(value)
    if len(text) > LONGEST_TEXT:
        raise Invalid(Text(f"文字超过 {LONGEST_TEXT} 字", f"The text is longer than {LONGEST_TEXT}"))
    return text


def _day(text: str) -> date:
    written = _WRITTEN_DAY.fullmatch(text)
    try:
        return parse_day("-".join(part.zfill(2) for part in written.groups()) if written else text)
    except Invalid:
        # Instants, which a day may otherwise be written as, are nothing for a cell.
        raise Invalid(Text("应为日期，如 2026-03-01", "a day is expected, such as 2026-03-01")) from None


def _flag(value: Any) -> bool:
    known = {
        "是": True,
        "否": False,
        "yes": True,
        "no": False,
        "1": True,
        "0": False,
        "true": True,
        "false": False,
    }
    said = str(int(value) if isinstance(value, (bool, float)) else value).lower()
    if said not in known:
        raise Invalid(Text("应为“是”或“否”", "yes or no is expected"))
    return known[said]


def _number(column: Column, value: Any) -> int | float:
    try:
        number = float(str(value).replace(",", "").replace("，", ""))
    except ValueError:
        raise Invalid(Text("应为数字", "A number is expected")) from None
    if not 0 <= number < 1e12 or (column.kind == "count" and number != int(number)):
        raise Invalid(
            Text(
                "应为不小于 0 的整数" if column.kind == "count" else "应为不小于 0 的数",
                "A number of 0 or more is expected",
            )
        )
    return int(number) if column.kind == "count" else number


def _organisation(context: Context, row: Row) -> None:
    directory.insert_organisation(
        context.connection,
        code=row["code"],
        name=row["name"],
        name_en=row["name_en"] or "",
        kind=row["kind"],
        area_code=row["area_code"],
        parent_id=row["parent_id"],
        valid_from=row["valid_from"] or city_day(context.at),
    )


def _unit(context: Context, row: Row) -> None:
    profile: dict[str, Any] = {
        name: row[name] for name in directory.PROFILE if name in row and row[name] is not None
    }
    organisation_id = directory.insert_organisation(
        context.connection,
        code=row["code"],
        name=row["name"],
        name_en=row["name_en"] or "",
        kind=UNIT,
        area_code=row["area_code"],
        parent_id=row["parent_id"] or row["municipal_department_id"],
        valid_from=row["valid_from"] or city_day(context.at),
    )
    directory.insert_profile(context.connection, organisation_id, profile, at=context.at)


def _person(context: Context, row: Row) -> None:
    person_id = people.insert_person(
        context.connection,
        row["login"],
        row["name"],
        at=context.at,
        mobile=row["mobile"] or "",
        email=row["email"] or "",
    )
    made = context.passwords.get(people.normal_login(row["login"]))
    if made is not None:
        people.keep_one_time_password(
            context.connection, person_id, made[1], clock.system_now(), life=PASSWORD_LIFE
        )


def _membership(context: Context, row: Row) -> None:
    login = row["login"].strip().lower()
    if login in context.failed:
        raise Follows
    try:
        person = people.load_by_login(context.connection, login, city_day(context.at))
    except NotFound as error:
        raise Invalid(error.text, fields={"login": error.text}) from None
    if person.id == context.by:
        message = Text("不能给自己授予岗位", "Nobody may give a role to himself")
        raise Invalid(message, fields={"login": message})
    role, organisation_id = row["role"], row["organisation_id"]
    administration.check_role(context.connection, role, organisation_id)
    people.insert_membership(
        context.connection,
        person.id,
        role,
        organisation_id,
        at=context.at,
        valid_from=row["valid_from"],
        valid_to=row["valid_to"],
        granted_by=context.by,
    )


def _title(context: Context, row: Row) -> None:
    if not context.levels:
        raise Invalid(
            Text(
                "现行流程没有称号级别，请先部署流程再导入历史称号",
                "The procedure in force knows no levels of titles: deploy one first",
            )
        )
    unit = organisations.get(context.connection, row["unit"])
    if unit.kind != UNIT:
        message = Text(f"{unit.name} 不是单位", f"{unit.name} is no unit")
        raise Invalid(message, fields={"unit": message})
    namer = organisations.get(context.connection, row["namer"]) if row["namer"] else None
    legacy_titles.record(
        context.connection,
        unit_id=unit.id,
        unit_name=row["unit_name"] or unit.name,
        level=row["level"],
        number=row["number"],
        namer_id=namer.id if namer is not None else None,
        namer_name=namer.name if namer is not None else row["namer_name"] or "",
        decided_on=row["decided_on"],
        decision_number=row["decision_number"],
        years=row["years"],
        proof=row["proof"],
        at=context.at,
        by=context.by,
    )


def _chosen(name: str, *, without: Sequence[str] = ()) -> Callable[[Context, str], str]:
    """Return what finds the code of a choice among those of the context under `name`."""

    def find(context: Context, given: str) -> str:
        known: Mapping[str, Text] = getattr(context, name)
        return _choice("", given, known, without=without) if known else given

    return find


def _role(context: Context, given: str) -> str:
    known = {one.id: one.label for one in context.roles.values()} | dict(duties.LABELS)
    return _choice("", given, known) if context.roles else given


def _area(context: Context, given: str) -> str:
    if given not in context.areas:
        raise Invalid(Text("没有这个行政区划代码", "there is no such area"))
    return given


def _body(context: Context, given: str) -> str:
    return _found(context, "", given).id


def _choice(key: str, given: str, known: Mapping[str, Text], *, without: Sequence[str] = ()) -> str:
    """Return the code of what was given as code or label. Raises `Invalid` naming the possible ones."""
    for code, label in known.items():
        if code not in without and given.strip() in (code, label.zh, label.en):
            return code
    possible = [label for code, label in known.items() if code not in without]
    message = Text(
        f"没有“{given}”，应为：{'、'.join(one.zh for one in possible)}",
        f"{given!r} is not known; one of: {', '.join(one.en for one in possible)}",
    )
    raise Invalid(message, fields={key: message})


def _found(context: Context, key: str, code: str) -> Organisation:
    if code in context.failed:
        raise Follows
    try:
        return organisations.find(context.connection, code)
    except NotFound:
        message = Text(f"没有代码为 {code} 的机构或单位", f"There is no organisation with the code {code}")
        raise Invalid(message, fields={key: message}) from None


def _column(
    key: str,
    zh: str,
    en: str,
    kind: ColumnKind = "text",
    *,
    required: bool = False,
    hint: tuple[str, str] = ("", ""),
    refers: Callable[[Context, str], str] | None = None,
) -> Column:
    return Column(key, Text(zh, en), required, kind, Text(*hint), refers)


_CODE_HINT: Final = ("唯一，导入后用于引用", "unique; other sheets refer to it")
_AREA_HINT: Final = ("6 位行政区划代码，如 610402", "6 digits, such as 610402")
_DAY_HINT: Final = ("如 2026-03-01；空为今天", "such as 2026-03-01; empty is today")
_ORGANISATION_HINT: Final = ("机构或单位的代码", "code of an organisation or unit")

_PROFILE_COLUMNS: Final = [
    Column(
        one.name,
        one.label,
        False,
        one.type if one.type != "id" else "text",
        Text("是/否", "yes/no") if one.type == "flag" else Text("", ""),
    )
    for one in directory.PROFILE.values()
    if one.name not in ("unit_kind", "municipal_department_id", "place_id")
]

#: The sheet whose rows become accounts.
PEOPLE: Final = SheetKind(
    Text("人员", "People"),
    [
        _column("login", "登录名", "Login name", required=True, hint=("唯一，2 至 60 个字符", "unique")),
        _column("name", "姓名", "Name", required=True),
        _column("mobile", "手机", "Mobile"),
        _column("email", "电子邮箱", "E-mail"),
    ],
    "login",
    _person,
)

#: The sheets in the order in which they are written: what is referred to comes first.
SHEETS: Final[Sequence[SheetKind]] = (
    SheetKind(
        Text("机构", "Organisations"),
        [
            _column("code", "代码", "Code", required=True, hint=_CODE_HINT),
            _column("name", "名称", "Name", required=True),
            _column("name_en", "英文名称", "English name"),
            _column(
                "kind",
                "机构类别",
                "Kind",
                required=True,
                hint=("类别代码或名称", "code or name of the kind"),
                refers=_chosen("organisation_kinds", without=(UNIT,)),
            ),
            _column("area_code", "行政区划代码", "Area code", hint=_AREA_HINT, refers=_area),
            _column(
                "parent_id", "上级机构代码", "Code of the body above", hint=_ORGANISATION_HINT, refers=_body
            ),
            _column("valid_from", "设立日期", "Since", "day", hint=_DAY_HINT),
        ],
        "code",
        _organisation,
    ),
    SheetKind(
        Text("单位", "Units"),
        [
            _column("code", "代码", "Code", required=True, hint=_CODE_HINT),
            _column("name", "名称", "Name", required=True),
            _column("name_en", "英文名称", "English name"),
            _column("area_code", "行政区划代码", "Area code", required=True, hint=_AREA_HINT, refers=_area),
            _column(
                "unit_kind",
                "单位类别",
                "Kind",
                required=True,
                hint=("如 学校", "such as School"),
                refers=_chosen("unit_kinds"),
            ),
            _column(
                "municipal_department_id",
                "市级主管部门代码",
                "Code of the municipal department",
                hint=("仅市直系统单位填写", "only for units of a municipal system"),
                refers=_body,
            ),
            _column(
                "parent_id", "上级机构代码", "Code of the body above", hint=_ORGANISATION_HINT, refers=_body
            ),
            _column("valid_from", "设立日期", "Since", "day", hint=_DAY_HINT),
            *_PROFILE_COLUMNS,
        ],
        "code",
        _unit,
    ),
    PEOPLE,
    SheetKind(
        Text("任职", "Memberships"),
        [
            _column("login", "登录名", "Login name", required=True),
            _column(
                "role",
                "岗位",
                "Role",
                required=True,
                hint=("岗位名称或编号", "name or id of the role"),
                refers=_role,
            ),
            _column(
                "organisation_id",
                "机构代码",
                "Code of the organisation",
                hint=_ORGANISATION_HINT,
                refers=_body,
            ),
            _column("valid_from", "开始日期", "From", "day", hint=_DAY_HINT),
            _column(
                "valid_to", "截止日期", "To", "day", hint=("含当日；空为长期", "included; empty is open")
            ),
        ],
        "login",
        _membership,
    ),
    SheetKind(
        Text("历史称号", "Titles before the system"),
        [
            _column("unit", "单位代码", "Code of the unit", required=True, refers=_body),
            _column(
                "unit_name",
                "命名时单位名称",
                "Name of the unit when it was named",
                hint=("空为现名称", "empty is the present name"),
            ),
            _column(
                "level",
                "级别",
                "Level",
                required=True,
                hint=("如 县级", "such as County"),
                refers=_chosen("levels"),
            ),
            _column("number", "证书编号", "Certificate number", required=True),
            _column(
                "decided_on",
                "命名日期",
                "Decided on",
                "day",
                required=True,
                hint=("决定日期", "of the decision"),
            ),
            _column("decision_number", "决定文号", "Number of the decision", required=True),
            _column(
                "namer", "命名机关代码", "Code of the naming body", hint=_ORGANISATION_HINT, refers=_body
            ),
            _column(
                "namer_name",
                "命名机关名称",
                "Name of the naming body",
                hint=("系统外的命名机关", "a body outside the system"),
            ),
            _column(
                "years", "有效年限", "Years of the term", "count", hint=("空为无期限", "empty is without end")
            ),
            _column(
                "proof",
                "证明材料",
                "Proof",
                required=True,
                hint=("扫描件名称或档号", "name of the scan or archive number"),
            ),
        ],
        "unit",
        _title,
    ),
)
