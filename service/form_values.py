"""Single values of form fields: from what was typed to what is stored, and the limits of one value."""

import re
import unicodedata
from collections.abc import Callable, Collection, Mapping
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any, Protocol, TypeAlias
from zoneinfo import ZoneInfo

from service.engine.fields import Field
from service.engine.patterns import LONGEST_TEXT
from service.errors import Text

CITY_TIME = ZoneInfo("Asia/Shanghai")

_NUMBER = re.compile(r"[+-]?\d{1,15}(?:\.\d{1,9})?\Z")
_EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s.]+(?:\.[^@\s.]+)+\Z")
_PHONE = re.compile(r"\+?\d[\d -]{5,18}\Z")
_TRUE = frozenset({True, "on", "true", "1"})
_FALSE = frozenset({False, None, "", "off", "false", "0"})


class FileRef(Protocol):
    """An uploaded file: its id, name, size in bytes and sniffed content type."""

    @property
    def id(self) -> str:
        """Return its id."""
        ...

    @property
    def name(self) -> str:
        """Return its name as people gave it."""
        ...

    @property
    def size(self) -> int:
        """Return its size in bytes."""
        ...

    @property
    def content_type(self) -> str:
        """Return its media type."""
        ...


FileLookup: TypeAlias = Callable[[str], "FileRef | None"]


class Wrong(Exception):
    """One value cannot be taken; `text` says why and what is expected."""

    def __init__(self, zh: str, en: str) -> None:
        """Say what is wrong, in Chinese and English."""
        super().__init__(zh)
        self.text = Text(zh, en)


def is_blank(value: Any) -> bool:
    """Whether nothing was entered."""
    return (
        value is None
        or value is False
        or value in ("", [], {})
        or (isinstance(value, str) and not value.strip())
    )


def read_value(field: Field, raw: Any, offered: Collection[str] | None, files: FileLookup | None) -> Any:
    """Return the stored value of what was entered in `field`: a JSON value, `field.empty` for nothing.

    `offered` are the values a choice may take (None: not checked). Raises `Wrong`.
    """
    if field.type == "checkbox":
        return _read_flag(raw)
    if is_blank(raw):
        return field.empty
    match field.type:
        case "textfield" | "textarea":
            return read_text(raw, lines=field.type == "textarea")
        case "number":
            return _read_number(field, raw)
        case "datetime":
            return _read_moment(field, raw)
        case "select" | "radio":
            return _read_choice(raw, offered)
        case "checklist" | "taglist":
            values = [_read_choice(one, offered) for one in _list(raw)]
            return list(dict.fromkeys(values))
        case "filepicker":
            return _read_files(field, raw, files)


def check_value(field: Field, value: Any, *, partial: bool, least: Any = None, most: Any = None) -> None:
    """Check a stored value against the field's limits; `least` and `most` come from other fields.

    `partial` lets required fields be empty and texts be short. Raises `Wrong`.
    """
    if is_blank(value):
        if field.required and not partial:
            raise Wrong(*_REQUIRED.get(field.type, ("必填", "Required")))
        return
    if field.type in ("textfield", "textarea"):
        _check_text(field, value, partial=partial)
    elif field.type == "number":
        _check_number(field, value, least, most)
    elif field.type == "datetime":
        if isinstance(least, str) and least and value < least:
            raise Wrong(f"不得早于 {least}", f"Must not be before {least}")
        # A last day has not passed before its evening.
        if isinstance(most, str) and most and value[: len(most)] > most:
            raise Wrong(f"不得晚于 {most}", f"Must not be after {most}")


_REQUIRED: Mapping[str, tuple[str, str]] = {
    "checkbox": ("请勾选", "Tick this box"),
    "select": ("请选择", "Choose one"),
    "radio": ("请选择", "Choose one"),
    "checklist": ("请至少选择一项", "Choose at least one"),
    "taglist": ("请至少选择一项", "Choose at least one"),
    "filepicker": ("请上传文件", "Upload a file"),
    "datetime": ("请填写日期", "Enter a date"),
}


def number_text(value: Any) -> str:
    """Return a stored number as people write it: no exponent, no trailing zeros."""
    number = Decimal(str(value))
    return f"{number.normalize():f}" if number else "0"


def as_decimal(value: Any) -> Decimal | None:
    """Return a number as a decimal; None for what is no number."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return None
    number = Decimal(str(value))
    return number if number.is_finite() else None


def _read_flag(raw: Any) -> bool:
    if not isinstance(raw, str | bool | None):
        raise Wrong("应为是或否", "Must be yes or no")
    if raw in _TRUE:
        return True
    if raw in _FALSE:
        return False
    raise Wrong("应为是或否", "Must be yes or no")


def read_text(raw: Any, *, lines: bool) -> str:
    """Return a text as it is kept, on one line unless `lines`. Raises `Wrong` for what is no text people write."""
    if not isinstance(raw, str):
        raise Wrong("应为文字", "Must be text")
    text = unicodedata.normalize("NFC", raw.replace("\r\n", "\n").replace("\r", "\n")).strip()
    if not lines:
        text = re.sub(r"\s*\n\s*", " ", text)
    for sign in text:
        if sign not in "\n\t" and unicodedata.category(sign) in ("Cc", "Cs"):
            raise Wrong(
                "含有不可见的控制字符，请删除后重新输入", "Contains control characters; please retype it"
            )
    return text


def _check_text(field: Field, value: str, *, partial: bool) -> None:
    if field.max_length is not None and len(value) > field.max_length:
        raise Wrong(
            f"最多 {field.max_length} 字，现有 {len(value)} 字",
            f"At most {field.max_length} characters, now {len(value)}",
        )
    if field.min_length is not None and len(value) < field.min_length and not partial:
        raise Wrong(
            f"至少 {field.min_length} 字，现有 {len(value)} 字",
            f"At least {field.min_length} characters, now {len(value)}",
        )
    if field.format == "email" and not _EMAIL.match(value):
        raise Wrong("不是有效的电子邮箱地址", "Not an e-mail address")
    if field.format == "phone" and not _PHONE.match(value):
        raise Wrong("不是有效的电话号码", "Not a telephone number")
    if field.pattern is not None and (len(value) > LONGEST_TEXT or not re.fullmatch(field.pattern, value)):
        raise Wrong("格式不符合要求", "Does not have the required format")


def _read_number(field: Field, raw: Any) -> int | float:
    if isinstance(raw, bool) or not isinstance(raw, int | float | str | Decimal):
        raise Wrong("应为数字", "Must be a number")
    text = unicodedata.normalize("NFKC", str(raw)).strip().replace(",", "") if isinstance(raw, str) else ""
    if not isinstance(raw, str):
        number = Decimal(str(raw))
        text = f"{number:f}" if number.is_finite() and abs(number) < Decimal("1e15") else "?"
    if not _NUMBER.match(text):
        raise Wrong("应为数字，如 12 或 3.5", "Must be a number such as 12 or 3.5")
    number = Decimal(text)
    places = max(0, -int(number.normalize().as_tuple().exponent))
    if field.decimals is not None and places > field.decimals:
        if field.decimals == 0:
            raise Wrong("应为整数", "Must be a whole number")
        raise Wrong(f"最多 {field.decimals} 位小数", f"At most {field.decimals} decimal places")
    return int(number) if number == number.to_integral_value() else float(number)


def _check_number(field: Field, value: Any, least: Any, most: Any) -> None:
    number = as_decimal(value)
    if number is None:
        return
    lows = [bound for bound in (field.minimum, as_decimal(least)) if bound is not None]
    highs = [bound for bound in (field.maximum, as_decimal(most)) if bound is not None]
    if lows and number < max(lows):
        raise Wrong(f"不得小于 {number_text(max(lows))}", f"Must not be less than {number_text(max(lows))}")
    if highs and number > min(highs):
        raise Wrong(f"不得大于 {number_text(min(highs))}", f"Must not be more than {number_text(min(highs))}")


def _read_moment(field: Field, raw: Any) -> str:
    text = unicodedata.normalize("NFKC", raw).strip() if isinstance(raw, str) else ""
    try:
        if field.subtype == "date":
            if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
                raise ValueError
            day = date.fromisoformat(text)
            if not 1900 <= day.year <= 2200:
                raise ValueError
            return day.isoformat()
        if field.subtype == "time":
            return time.fromisoformat(text).replace(tzinfo=None).isoformat("minutes")
        moment = datetime.fromisoformat(text)
        if len(text) < 16 or not 1900 <= moment.year <= 2200:
            raise ValueError
        moment = moment.replace(tzinfo=CITY_TIME) if moment.tzinfo is None else moment.astimezone(CITY_TIME)
        return moment.isoformat(timespec="minutes")
    except ValueError:
        example = {"date": "2026-08-10", "time": "09:30", "datetime": "2026-08-10T09:30"}[field.subtype]
        raise Wrong(
            f"日期或时间无效，应如 {example}", f"Not a valid date or time; write it as {example}"
        ) from None


def _read_choice(raw: Any, offered: Collection[str] | None) -> str:
    if isinstance(raw, bool) or not isinstance(raw, str | int):
        raise Wrong("选项无效", "Not a valid choice")
    value = str(raw)
    if offered is not None and value not in offered:
        raise Wrong("所选项不在可选范围内，请重新选择", "This choice is not offered; choose again")
    return value


def _read_files(field: Field, raw: Any, files: FileLookup | None) -> list[dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for one in _list(raw):
        reference = one.get("id") if isinstance(one, dict) else one
        if not isinstance(reference, str) or not re.fullmatch(r"[0-9a-f]{32}", reference):
            raise Wrong("文件引用无效，请重新上传", "Not a valid file; upload it again")
        if files is None:
            found[reference] = {"id": reference}
            continue
        file = files(reference)
        if file is None:
            raise Wrong("文件不存在或已删除，请重新上传", "The file does not exist; upload it again")
        if field.accept and not file.name.lower().endswith(field.accept):
            kinds = "、".join(field.accept)
            raise Wrong(
                f"“{file.name}”类型不符，应为 {kinds}", f'"{file.name}" is of a wrong type; use {kinds}'
            )
        if file.size > field.max_size:
            limit = size_text(field.max_size)
            raise Wrong(f"“{file.name}”超过 {limit}", f'"{file.name}" is larger than {limit}')
        found[reference] = {
            "id": file.id,
            "name": file.name,
            "size": file.size,
            "content_type": file.content_type,
        }
    if len(found) > field.max_files:
        raise Wrong(f"最多 {field.max_files} 个文件", f"At most {field.max_files} files")
    return list(found.values())


def size_text(size: int) -> str:
    """Return a size in bytes as people read it."""
    if size < 1000:
        return f"{size} B"
    if size < 1_000_000:
        return f"{number_text(round(size / 1000, 1))} KB"
    return f"{number_text(round(size / 1_000_000, 1))} MB"


def _list(raw: Any) -> list[Any]:
    values = list(raw) if isinstance(raw, list | tuple) else [raw]
    if len(values) > 1000:
        raise Wrong("选择过多", "Too many values")
    return [one for one in values if not is_blank(one)]
