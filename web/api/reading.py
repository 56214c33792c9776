"""Reads the body of a request: JSON that says everything once, texts and numbers that can be kept."""

import json
import math
from collections.abc import Mapping
from typing import Any, TypeVar

from flask import request
from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails
from werkzeug.exceptions import UnsupportedMediaType

from service.errors import Invalid, Text
from web import door

#: How deep lists and objects may stand in each other.
DEEPEST = 100
#: Beyond this whole numbers are not read alike by every program (RFC 8259, section 6).
LARGEST_WHOLE = 2**53


class Body(BaseModel):
    """Base of request bodies: an unknown field is refused by name."""

    model_config = ConfigDict(extra="forbid")


B = TypeVar("B", bound=Body)


def read_body(kind: type[B]) -> B:
    """Return the body as `kind`; an empty one says nothing. Raises `Invalid` naming each field that is wrong."""
    data = request.get_data()
    if data and not request.is_json:
        raise UnsupportedMediaType
    content = _parsed(data) if data.strip() else {}
    wrong = _unkept(content)
    if wrong:
        raise door.refuse(wrong)
    try:
        return kind.model_validate(content)
    except ValidationError as error:
        fields = {_path(one["loc"]): _said(kind, one) for one in error.errors(include_url=False)}
        where = ", ".join(fields)
        raise Invalid(
            Text(f"请求内容不符合要求：{where}", f"The request body is not valid: {where}"), fields=fields
        ) from error


class _Twice(Exception):
    """A name stands twice in one object."""


def _parsed(data: bytes) -> Any:
    try:
        return json.loads(data, object_pairs_hook=_object)
    except _Twice as twice:
        name = door.shown(str(twice))
        raise door.refuse(
            {name: Text("出现了两次，请只写一次", "Stands here twice; give it once")}
        ) from twice
    except (ValueError, RecursionError) as error:
        # A ValueError that is no JSONDecodeError is no UTF-8, or a number with thousands of digits.
        where = f"{error.lineno}:{error.colno}" if isinstance(error, json.JSONDecodeError) else "?"
        message = Text(
            f"不是有效的 JSON（UTF-8），位置 {where}", f"Not valid JSON in UTF-8, at line and column {where}"
        )
        raise Invalid(message, fields={"body": message}) from error


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise _Twice(name)
        found[name] = value
    return found


def _unkept(content: Any) -> dict[str, Text]:
    """Return the first thing found that cannot be kept, by the path at which it stands; nothing if all can."""
    waiting: list[tuple[tuple[str | int, ...], Any]] = [((), content)]
    while waiting:
        path, value = waiting.pop()
        found: Text | None = None
        if len(path) > DEEPEST:
            return {
                door.shown(_path(path[:2])): Text(
                    f"嵌套超过 {DEEPEST} 层", f"Nested more than {DEEPEST} deep"
                )
            }
        if isinstance(value, str):
            found = door.unkept(value)
        elif isinstance(value, Mapping):
            found = next((one for one in map(door.unkept, value) if one is not None), None)
            waiting += [((*path, name), one) for name, one in value.items()]
        elif isinstance(value, list):
            waiting += [((*path, place), one) for place, one in enumerate(value)]
        elif isinstance(value, int) and abs(value) > LARGEST_WHOLE:
            found = Text(
                "整数过大（至多 2 的 53 次方）", "The whole number is too large (at most 2 to the 53rd)"
            )
        elif isinstance(value, float) and not math.isfinite(value):
            found = Text("应为有限的数字", "Must be a finite number")
        if found is not None:
            return {door.shown(_path(path)): found}
    return {}


def _path(parts: tuple[str | int, ...]) -> str:
    return ".".join(str(part) for part in parts) or "body"


def _said(kind: type[Body], error: ErrorDetails) -> Text:
    """Return what pydantic found, in both languages, with what to write instead."""
    limits = error.get("ctx") or {}
    match error["type"]:
        case "missing":
            return Text("必填", "Required")
        case "extra_forbidden":
            known = list(kind.model_fields)
            return Text(
                f"没有这个字段；可用：{'、'.join(known)}",
                f"There is no such field; known: {', '.join(known)}",
            )
        case "string_too_long":
            most = limits["max_length"]
            return Text(f"最多 {most} 字", f"At most {most} characters")
        case "string_too_short":
            return Text("不能为空", "Must not be empty")
        case found:
            return next(
                (text for start, text in _EXPECTED.items() if found.startswith(start)),
                Text(f"不符合要求：{error['msg']}", error["msg"]),
            )


#: What is expected, by how pydantic's name of the error begins.
_EXPECTED: Mapping[str, Text] = {
    "string": Text("应为文字，写在引号里", "Must be a text in quotes"),
    "dict": Text("应为对象 {…}", "Must be an object {…}"),
    "model": Text("请求内容应为对象 {…}", "The body must be an object {…}"),
    "datetime": Text(
        "应为带时区的时间，如 2026-08-10T09:30:00+08:00",
        "Must be an instant with its offset, such as 2026-08-10T09:30:00+08:00",
    ),
    "timezone": Text(
        "应为带时区的时间，如 2026-08-10T09:30:00+08:00",
        "Must be an instant with its offset, such as 2026-08-10T09:30:00+08:00",
    ),
    "date": Text("应为日期，如 2026-08-10", "Must be a day such as 2026-08-10"),
}
