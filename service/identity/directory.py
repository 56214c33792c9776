"""Keeping organisations and units: adding, renaming, ending them and what is known of a unit."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final, Literal

from sqlalchemy import Connection, insert, select, update

from service import clock
from service.clock import city_day
from service.errors import Conflict, Forbidden, Invalid, Text
from service.identity import duties, journal, organisations, uscc
from service.identity.organisations import UNIT, Unit
from service.identity.people import Person
from service.store.identity import (
    area,
    organisation,
    organisation_former_name,
    organisation_kind,
    place,
    unit_kind,
    unit_profile,
)
from service.store.ids import new_id
from service.system import System


@dataclass(frozen=True, slots=True)
class ProfileField:
    """One fact of a unit: what it is called, of which type, and how long a text may be."""

    name: str
    label: Text
    type: Literal["text", "count", "amount", "flag", "id"]
    longest: int = 0


def _text(name: str, zh: str, en: str, longest: int) -> ProfileField:
    return ProfileField(name, Text(zh, en), "text", longest)


#: Facts of a unit that can be written, in the order of forms and import sheets (areas in m², ratios in percent).
PROFILE: Final[Mapping[str, ProfileField]] = {
    one.name: one
    for one in (
        _text("unit_kind", "单位类别", "Kind", 40),
        _text("uscc", "统一社会信用代码", "Unified social credit code", 18),
        _text("industry", "行业代码", "Industry (GB/T 4754)", 10),
        ProfileField("military", Text("涉军", "Military"), "flag"),
        ProfileField("public", Text("可公开", "May be published"), "flag"),
        ProfileField("municipal_department_id", Text("市级主管部门", "Municipal department"), "id"),
        ProfileField("place_id", Text("乡镇街道编号", "Township"), "id"),
        _text("township", "乡镇（街道）", "Township or street", 80),
        _text("address", "所在地址", "Address of the site", 200),
        _text("registered_address", "注册地址", "Registered address", 200),
        _text("legal_representative", "法定代表人", "Legal representative", 60),
        _text("contact_name", "联系人", "Contact", 60),
        _text("contact_phone", "联系电话", "Phone", 40),
        _text("contact_mobile", "手机", "Mobile", 40),
        _text("contact_email", "电子邮箱", "E-mail", 120),
        ProfileField("staff", Text("职工人数", "Staff"), "count"),
        ProfileField("students", Text("学生人数", "Students"), "count"),
        ProfileField("households", Text("户数", "Households"), "count"),
        ProfileField("population", Text("人口", "Population"), "count"),
        ProfileField("beds", Text("床位", "Beds"), "count"),
        ProfileField("land_area", Text("占地面积", "Land area"), "amount"),
        ProfileField("building_area", Text("建筑面积", "Building area"), "amount"),
        ProfileField("green_area", Text("绿地面积", "Green area"), "amount"),
        ProfileField("green_ratio", Text("绿地率", "Green ratio"), "amount"),
        ProfileField("green_coverage", Text("绿化覆盖率", "Green coverage"), "amount"),
        ProfileField("key_polluter", Text("重点排污单位", "Key polluter"), "flag"),
        _text("discharge_permit", "排污许可证号", "Discharge permit", 40),
    )
}


def add(
    system: System,
    by: Person,
    *,
    code: str,
    name: str,
    kind: str,
    name_en: str = "",
    area_code: str | None = None,
    parent_id: str | None = None,
    valid_from: date | None = None,
    profile: Mapping[str, Any] | None = None,
) -> str:
    """Add an organisation, or with `profile` a unit; returns its id.

    Raises `Invalid` with `fields`, `Conflict` for a code or credit code that is taken, `Forbidden` for who is no
    administrator.
    """
    _demand(by)
    with system.database.write() as connection:
        at = system.now(connection)
        organisation_id = insert_organisation(
            connection,
            code=code,
            name=name,
            kind=kind,
            name_en=name_en,
            area_code=area_code,
            parent_id=parent_id,
            valid_from=valid_from or city_day(at),
        )
        if kind == UNIT:
            insert_profile(connection, organisation_id, profile or {}, at=at)
        _record(connection, "organisation.add", by, organisation_id, name=name.strip(), kind_of=kind)
        return organisation_id


def rename(
    system: System,
    by: Person,
    organisation_id: str,
    *,
    name: str,
    name_en: str = "",
    from_day: date,
    reason: str,
) -> None:
    """Give an organisation a new name from a day on; the old one stays known."""
    _demand(by)
    with system.database.write() as connection:
        _demand_full(connection, by, organisation_id)
        rename_organisation(
            connection, organisation_id, name=name, name_en=name_en, from_day=from_day, reason=reason
        )
        _record(
            connection, "organisation.rename", by, organisation_id, name=name.strip(), reason=reason.strip()
        )


def end(system: System, by: Person, organisation_id: str, *, last_day: date, reason: str) -> None:
    """Set the last day of an organisation (dissolved, merged); its history stays."""
    _demand(by)
    said = _said(reason)
    with system.database.write() as connection:
        _demand_full(connection, by, organisation_id)
        end_organisation(connection, organisation_id, last_day)
        _record(
            connection, "organisation.end", by, organisation_id, last_day=last_day.isoformat(), reason=said
        )


def change_unit(
    system: System, by: Person, organisation_id: str, profile: Mapping[str, Any], *, version: int
) -> Unit:
    """Change facts of a unit.

    Raises `Conflict` when somebody changed them since `version` was read, `Forbidden` for a military unit and an
    administrator outside its channel (R09).
    """
    _demand(by)
    with system.database.write() as connection:
        _demand_full(connection, by, organisation_id)
        update_profile(connection, organisation_id, profile, version=version, at=system.now(connection))
        _record(connection, "unit.change", by, organisation_id, fields=sorted(profile))
        return organisations.unit(connection, organisation_id)


def insert_organisation(
    connection: Connection,
    *,
    code: str,
    name: str,
    kind: str,
    valid_from: date,
    name_en: str = "",
    area_code: str | None = None,
    parent_id: str | None = None,
) -> str:
    """Write an organisation; returns its id. Raises `Invalid` with `fields`, `Conflict` for a taken code."""
    kept_code, kept_name = code.strip(), name.strip()
    wrong: dict[str, Text] = {}
    if not 1 <= len(kept_code) <= 40:
        wrong["code"] = Text("代码为 1 至 40 个字符", "A code has 1 to 40 characters")
    if not 1 <= len(kept_name) <= 120:
        wrong["name"] = Text("名称为 1 至 120 个字符", "A name has 1 to 120 characters")
    if len(name_en.strip()) > 160:
        wrong["name_en"] = Text("英文名称最多 160 个字符", "An English name has at most 160 characters")
    if not _exists(connection, organisation_kind.c.kind, kind):
        known = list(
            connection.scalars(select(organisation_kind.c.kind).order_by(organisation_kind.c.position))
        )
        wrong["kind"] = Text(
            f"没有机构类别 {kind}；可用：{'、'.join(known)}",
            f"There is no kind of organisation {kind}; there are: {', '.join(known)}",
        )
    if area_code is not None and not _exists(connection, area.c.code, area_code):
        wrong["area_code"] = Text(f"没有行政区划 {area_code}", f"There is no area {area_code}")
    if parent_id is not None and not _exists(connection, organisation.c.id, parent_id):
        wrong["parent_id"] = Text("没有这个上级机构", "There is no such body above")
    if wrong:
        raise Invalid(next(iter(wrong.values())), fields=wrong)
    if _exists(connection, organisation.c.code, kept_code):
        message = Text(f"代码 {kept_code} 已被使用", f"The code {kept_code} is taken")
        raise Conflict(message, fields={"code": message})
    organisation_id = new_id()
    connection.execute(
        insert(organisation).values(
            id=organisation_id,
            code=kept_code,
            name=kept_name,
            name_en=name_en.strip(),
            kind=kind,
            area_code=area_code,
            parent_id=parent_id,
            valid_from=valid_from,
        )
    )
    return organisation_id


def insert_profile(
    connection: Connection, organisation_id: str, profile: Mapping[str, Any], *, at: datetime
) -> None:
    """Write what is known of a unit. A military unit is never public. Raises `Invalid` with `fields`, `Conflict`."""
    values = {
        "public": not profile.get("military", False),
        **check_profile(connection, profile, organisation_id),
    }
    if "unit_kind" not in values:
        message = Text("请选择单位类别", "Choose the kind of unit")
        raise Invalid(message, fields={"unit_kind": message})
    connection.execute(insert(unit_profile).values(organisation_id=organisation_id, updated_at=at, **values))


def update_profile(
    connection: Connection,
    organisation_id: str,
    profile: Mapping[str, Any],
    *,
    version: int,
    at: datetime,
) -> None:
    """Change facts of a unit read at `version`. Raises `Conflict` when that is no longer the latest."""
    values = check_profile(connection, profile, organisation_id)
    kept = organisations.get(connection, organisation_id)
    if values.get("public") and values.get("military", kept.military):
        message = Text("涉军单位不得公开", "A military unit is never public")
        raise Invalid(message, fields={"public": message})
    done = connection.execute(
        update(unit_profile)
        .where(unit_profile.c.organisation_id == organisation_id, unit_profile.c.version == version)
        .values(**values, version=version + 1, updated_at=at)
    )
    if done.rowcount != 1:
        raise Conflict(
            Text(
                "单位信息刚被他人修改，请刷新后再改",
                "Somebody else just changed this unit: reload and try again",
            )
        )


def rename_organisation(
    connection: Connection, organisation_id: str, *, name: str, from_day: date, reason: str, name_en: str = ""
) -> None:
    """Give an organisation a new name from `from_day` on; titles keep the name they were given under."""
    before = organisations.get(connection, organisation_id)
    said, kept_name = _said(reason), name.strip()
    if not 1 <= len(kept_name) <= 120 or len(name_en.strip()) > 160:
        message = Text(
            "名称为 1 至 120 个字符，英文名称最多 160 个",
            "A name has 1 to 120 characters, an English one at most 160",
        )
        raise Invalid(message, fields={"name": message})
    former = organisation_former_name
    since = connection.scalar(
        select(former.c.valid_to)
        .where(former.c.organisation_id == organisation_id)
        .order_by(former.c.valid_to.desc())
        .limit(1)
    )
    begun = since + timedelta(days=1) if since is not None else before.valid_from
    if from_day <= begun:
        message = Text(
            f"更名日应晚于现名称的起始日 {begun}",
            f"The new name must begin after {begun}, when the present one did",
        )
        raise Invalid(message, fields={"from_day": message})
    connection.execute(
        insert(former).values(
            id=new_id(),
            organisation_id=organisation_id,
            name=before.name,
            name_en=before.name_en,
            valid_from=begun,
            valid_to=from_day - timedelta(days=1),
            reason=said,
        )
    )
    connection.execute(
        update(organisation)
        .where(organisation.c.id == organisation_id)
        .values(name=kept_name, name_en=name_en.strip())
    )


def end_organisation(connection: Connection, organisation_id: str, last_day: date) -> None:
    """Set an organisation's last day. Raises `Invalid` when it lies before its first."""
    known = organisations.get(connection, organisation_id)
    if last_day < known.valid_from:
        message = Text(
            f"终止日不能早于设立日 {known.valid_from}", f"It cannot end before it began on {known.valid_from}"
        )
        raise Invalid(message, fields={"last_day": message})
    connection.execute(
        update(organisation).where(organisation.c.id == organisation_id).values(valid_to=last_day)
    )


def check_profile(
    connection: Connection, profile: Mapping[str, Any], organisation_id: str | None = None
) -> dict[str, Any]:
    """Return facts of a unit as they are kept. Raises `Invalid` with a text for each wrong field.

    Empty texts of optional facts become empty, `None` for counts and amounts; a credit code must be right (GB
    32100) and no other unit's.
    """
    values: dict[str, Any] = {}
    wrong: dict[str, Text] = {}
    for name, value in profile.items():
        field = PROFILE.get(name)
        if field is None:
            wrong[name] = Text(f"没有单位信息项 {name}", f"Units have no {name}")
            continue
        try:
            values[name] = _value(connection, field, value, organisation_id)
        except Invalid as error:
            wrong[name] = error.text
    if values.get("military") and values.get("public"):
        wrong["public"] = Text("涉军单位不得公开", "A military unit is never public")
    if wrong:
        raise Invalid(next(iter(wrong.values())), fields=wrong)
    if values.get("military"):
        values["public"] = False
    return values


def _value(connection: Connection, field: ProfileField, value: Any, organisation_id: str | None) -> Any:
    if field.type == "flag":
        if not isinstance(value, bool):
            raise Invalid(Text(f"{field.label.zh}应为是或否", f"{field.label.en}: yes or no"))
        return value
    if value is None or value == "":
        if field.name == "unit_kind":
            raise Invalid(Text("请选择单位类别", "Choose the kind of unit"))
        return "" if field.type == "text" and field.name != "uscc" else None
    if field.type in ("count", "amount"):
        return _number(field, value)
    if not isinstance(value, str):
        raise Invalid(Text(f"{field.label.zh}应为文字", f"{field.label.en}: a text"))
    text = value.strip()
    if field.type == "text" and len(text) > field.longest:
        raise Invalid(
            Text(
                f"{field.label.zh}最多 {field.longest} 字",
                f"{field.label.en}: at most {field.longest} characters",
            )
        )
    if field.name == "uscc":
        return _credit_code(connection, text, organisation_id)
    known = {
        "unit_kind": unit_kind.c.kind,
        "municipal_department_id": organisation.c.id,
        "place_id": place.c.id,
    }.get(field.name)
    if known is not None and not _exists(connection, known, text):
        raise Invalid(Text(f"{field.label.zh}不存在：{text}", f"{field.label.en}: there is no {text}"))
    return text


def _number(field: ProfileField, value: Any) -> int | float:
    right = isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < 1e12
    if not right or (field.type == "count" and value != int(value)):
        raise Invalid(
            Text(
                f"{field.label.zh}应为不小于 0 的{'整数' if field.type == 'count' else '数'}",
                f"{field.label.en}: a number of 0 or more",
            )
        )
    return int(value) if field.type == "count" else float(value)


def _credit_code(connection: Connection, text: str, organisation_id: str | None) -> str:
    code = uscc.read(text)
    query = (
        select(organisation.c.name)
        .join(unit_profile, unit_profile.c.organisation_id == organisation.c.id)
        .where(unit_profile.c.uscc == code, organisation.c.valid_to.is_(None))
    )
    if organisation_id is not None:
        query = query.where(organisation.c.id != organisation_id)
    if connection.scalar(query.limit(1)) is not None:
        raise Invalid(
            Text(f"统一社会信用代码 {code} 已有单位使用", f"Another unit already has the credit code {code}")
        )
    return code


def _exists(connection: Connection, column: Any, value: str) -> bool:
    return connection.scalar(select(column).where(column == value)) is not None


def _said(reason: str) -> str:
    said = reason.strip()
    if not said:
        message = Text("请填写原因", "Please give the reason")
        raise Invalid(message, fields={"reason": message})
    return said


def _record(connection: Connection, kind: str, by: Person, organisation_id: str, **facts: Any) -> None:
    journal.record(connection, kind, clock.system_now(), actor=by.id, organisation=organisation_id, **facts)


def _demand(by: Person) -> None:
    if not by.has(duties.ADMINISTRATOR):
        raise Forbidden(
            Text("只有系统管理员可以管理机构和单位", "Only administrators may manage organisations and units")
        )


def _demand_full(connection: Connection, by: Person, organisation_id: str) -> None:
    one = organisations.get(connection, organisation_id)
    if not organisations.reads_in_full(by, one.id, military=one.military):
        raise Forbidden(
            Text(
                "涉军单位的资料只由军队系统内的管理员维护",
                "A military unit is kept by an administrator of its own channel",
            )
        )
